"""Bounds on what rows rank by, for lossless top-K queries: the output `range`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ._ensembles import array_of, replaced
from ._errors import UnsupportedError
from ._graph import GraphBuilder, Node, Stage
from ._present import METHODS
from ._rank import Ranking, ranking_of
from ._topk import OUTPUTS

#: Operators whose every result rises with its own operand, but for roundings that are not
#: correct ones (`Bounds` makes room for those of one such step).
RISING = frozenset({"expit", "exp", "log", "cast", "clip", "complement", "mirror"})


@dataclass(frozen=True)
class Ranges:
    """What ranks, as a rising function of scores.

    Attributes
    ----------
    column : int
        Of the scores, that which ranks where no class is named.
    is_narrow : bool
        Whether what ranks is rounded to float32.
    """

    builder: GraphBuilder
    scores: int
    ranking: Ranking
    output: str
    node: int
    width: int
    column: int
    is_narrow: bool

    def stage(self, ends: tuple[int, int], full: dict[str, int]) -> tuple[Stage, int]:
        """A stage in which each row gets its bounds, low ones and high ones side by side,
        and what stands for them behind: the exact numbers, for rows of NaN."""
        early = self._pair(*(self._with(end) for end in ends))
        whole = self._pair(full[self.output], full[self.output])
        always = {"coef": np.zeros((1, 2 * self.width)), "intercept": np.ones(1)}
        gate = self.builder.node("linear", (early,), always)
        return Stage({"range": early}, gate, 0.5), whole

    def _with(self, scores: int) -> int:
        return replaced(self.builder, {"range": self.node}, self.scores, scores)["range"]

    def _pair(self, low: int, high: int) -> int:
        wide = [self.builder.node("cast", (node,), {"dtype": "f64"}) for node in (low, high)]
        return self.builder.node("concat", wide)


def ranges_of(conversion: Any, scores: int) -> Ranges | None:
    """None where no bounds on the scores are bounds on what ranks."""
    model, builder = conversion.shown, conversion.builder
    outputs = model.outputs()
    methods = [method for method, output in METHODS if output in outputs]
    widths = {name: ref.n_features for name, ref in outputs.items()}
    classes = model.classes
    is_plain = classes is None or (len(classes) == 2 and not model.multilabel)
    try:
        ranking = ranking_of(
            methods,
            widths,
            classes,
            None if is_plain else classes.tolist()[0],
            is_multilabel=model.multilabel,
        )
    except (ValueError, UnsupportedError):
        return None
    output = OUTPUTS[ranking.method]
    ref = outputs[output]
    narrow = _narrow_below(builder, ref.node, scores)
    if narrow is None or (ranking.column or 0) >= ref.n_features:
        return None
    n_scores = _width(builder, scores)
    column = (ranking.column or 0) if n_scores > 1 else 0
    return Ranges(
        builder, scores, ranking, output, ref.node, ref.n_features, column, narrow,
    )  # fmt: skip


def _width(builder: GraphBuilder, number: int) -> int:
    node = builder.nodes[number]
    if node.operator == "linear":
        return len(array_of(builder, node, "coef"))
    leaves, n_outputs = array_of(builder, node, "leaves"), node.attributes.get("n_outputs", 1)
    assert isinstance(n_outputs, int)
    return max(n_outputs, leaves.shape[1] if leaves.ndim == 2 else 1)


def _narrow_below(builder: GraphBuilder, number: int, scores: int) -> bool | None:
    """Whether a rising function of the scores is rounded to float32; None where a node is no
    such function of them."""
    is_narrow = builder.nodes[scores].attributes.get("dtype") == "f32"
    n_rounded, may_grow = 0, False
    while number != scores:
        node = builder.nodes[number]
        if len(node.inputs) != 1 or not _rises(builder, node):
            return None
        is_rounded = node.operator in ("expit", "exp", "log", "softmax")
        if is_rounded and may_grow:
            return None  # what is rounded there is magnified behind it
        n_rounded += is_rounded
        may_grow |= node.operator in ("scale", "affine", "log", "exp")
        is_narrow |= node.attributes.get("dtype") == "f32"
        (number,) = node.inputs
    return is_narrow if n_rounded <= 1 else None


def _rises(builder: GraphBuilder, node: Node) -> bool:
    if node.operator == "select":  # the second of a binary classifier's probabilities
        below = builder.nodes[node.inputs[0]].operator
        picked = array_of(builder, node, "indices").tolist()
        return below in ("complement", "softmax") and picked == [1]
    if node.operator == "softmax":  # of two scores that are opposite: the logistic function
        return builder.nodes[node.inputs[0]].operator == "mirror"
    if node.operator in ("scale", "affine"):
        names = [name for name in ("multiply", "divide") if name in node.attributes]
        return all(np.all(array_of(builder, node, name) > 0) for name in names)
    return node.operator in RISING
