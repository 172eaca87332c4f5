"""Gates that prove labels: from scores so far and bounds on what is added to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ._bounds import Span
from ._graph import Stage

Doubles = npt.NDArray[np.float64]

#: What two roundings of sums of a bound and a threshold are, as a share of both, amply.
UNIT = 2.0**-50


@dataclass(frozen=True)
class Gate:
    """Where rows may leave with a label.

    Attributes
    ----------
    label, gate : int
        Nodes; a row leaves where the gate is above the threshold.
    bound : float
        The most that the rest can add to one score in comparison with another.
    """

    label: int
    gate: int
    threshold: float
    bound: float

    @property
    def stage(self) -> Stage:
        return Stage({"label": self.label}, self.gate, self.threshold)


#: How far two scores are apart, at least, where labels follow from what `expit` or `softmax`
#: makes of them: far more than these round, in doubles and in floats.
APART, APART_NARROW = 1e-9, 1e-5


@dataclass(frozen=True)
class Decision:
    """How a model's labels follow from k scores: the first largest, or of one score
    whether it is above a threshold.

    Of one score s and a rest in [low, high], the middle of that is added to s: the label
    is decided where |s + middle - threshold| is above half the width. Of several, where
    the lead of the largest is above what each other one can gain on it (the operator
    `lead`). Both compare doubles with bounds that cover every rounding.
    """

    conversion: Any
    k: int
    threshold: float
    apart: float

    @classmethod
    def of(cls, conversion: Any, scores: int, k: int, divide: float = 1.0) -> Decision | None:
        """That of a node of scores, which are still to be divided; None where labels follow
        from them in no such way."""
        model, builder = conversion.model, conversion.builder
        if model.label is None or model.classes is None or model.multilabel:
            return None
        path, number = [], model.label.node
        while number != scores:
            node = builder.nodes[number]
            if len(node.inputs) != 1:
                return None
            path.append(node)
            (number,) = node.inputs
        names = tuple(node.operator for node in path)
        if k == 1 and names == ("positive",):
            threshold = path[0].attributes.get("threshold", 0.0)
            assert isinstance(threshold, (int, float))
            return cls(conversion, k, float(threshold) * divide, 0.0)
        if names == ("argmax",):
            return cls(conversion, k, 0.0, 0.0) if k > 1 else None
        if names != (("argmax", "complement", "expit") if k == 1 else ("argmax", "softmax")):
            return None
        is_narrow = builder.nodes[scores].attributes.get("dtype") == "f32"
        return cls(conversion, k, 0.0, divide * (APART_NARROW if is_narrow else APART))

    def _centre(self, span: Span) -> tuple[float, float]:
        """What is added to one score, and what its size has to be above."""
        low, high = float(span.low[0]), float(span.high[0])
        middle = low + (high - low) / 2
        width = max(high - middle, middle - low)
        width += UNIT * (abs(low) + abs(high) + abs(self.threshold)) + self.apart
        return middle - self.threshold, float(np.nextafter(width, np.inf))

    def _gain(self, span: Span) -> Doubles:
        return span.gain + self.apart

    def decided(self, scores: Doubles, spread: Doubles, span: Span) -> npt.NDArray[np.bool_]:
        """Of rows that were looked at; `spread` is a row's own rounding."""
        if self.k == 1:
            middle, width = self._centre(span)
            found: npt.NDArray[np.bool_] = np.abs(scores[:, 0] + middle) - spread > width
            return found
        best = scores.argmax(axis=1)
        rows = np.arange(len(scores))
        lead = scores[rows, best][:, None] - scores - self._gain(span)[best]
        lead[rows, best] = np.inf
        least: npt.NDArray[np.bool_] = lead.min(axis=1) - spread > 0
        return least

    def gate(self, scores: int, offset: Doubles, spread: int | None, span: Span) -> Gate:
        """The gate over nodes of scores, to which `offset` is still to be added, and of their
        spread (k equal columns)."""
        builder = self.conversion.builder

        def node(operator: str, *inputs: int, **attributes: Any) -> int:
            return int(builder.node(operator, inputs, attributes, name="gate"))

        if self.k == 1:
            middle, threshold = self._centre(span)
            at = node("affine", scores, add=offset + middle)
            label, gate, bound = node("positive", at), node("margin", at), threshold
        else:
            at = node("affine", scores, add=offset) if np.any(offset) else scores
            label, gate = node("argmax", at), node("lead", at, bounds=self._gain(span))
            threshold, bound = 0.0, float(self._gain(span).max())
        if spread is not None:
            own = node("select", spread, indices=np.array([0])) if self.k > 1 else spread
            gate = node("difference", gate, own)
        return Gate(label, gate, threshold, bound)
