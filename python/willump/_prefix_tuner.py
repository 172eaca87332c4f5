"""The job for an ensemble of trees, whose first trees are the first stages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ._candidates import Candidate, Request
from ._first_models import Maker
from ._frames import n_rows_of, take_rows
from ._gates import Learned
from ._parts import Part
from ._prefix import Prefixes, find_ensemble, has_python_between
from ._runner import Runner, cost_of, times_of
from ._tuner import Tuner

Array = npt.NDArray[Any]


class PrefixTuner(Tuner):
    """The same for an ensemble of trees: a first stage is its first trees, and
    there may be several gates."""

    is_nested = True

    def _find_blocks(self) -> list[str]:
        builder = self.conversion.builder
        ensemble = ensemble_of(self.conversion)
        assert ensemble is not None
        self.prefixes = Prefixes(builder, ensemble)
        #: From the sum of the first trees to the expected one of all, by their number.
        self.lines: dict[int, tuple[Array, Array]] = {}
        return self.prefixes.names

    def _plain(self) -> Any:
        """The exact graph with each prefix's sum as an output, for its cost."""
        from ._graph import Stage

        outputs = self.conversion.outputs()
        for i, end in enumerate(self.prefixes.ends[:-1]):
            outputs[f"cost.{i}"] = self.prefixes.segment(0, end)
        outputs[f"cost.{len(self.names) - 1}"] = self.prefixes.ensemble
        return self.conversion.finish([Stage(outputs)])

    def measure(self, sample: Any, costs: Any) -> None:
        super().measure(sample, costs)
        if self.is_measured:
            self.stage_cost = self._measured_stage(sample)

    def _measured_costs(
        self, sample: Any, batch_rows: tuple[int, int] | None = None
    ) -> tuple[Array, float]:
        """What each segment adds, the first with the features; and the model beyond."""
        ends = [(self.base, f"cost.{i}") for i in range(len(self.names))]
        calls = [*ends, (self.base, self.answers.result)]
        *times, whole = times_of(calls, sample, batch_rows)
        costs = np.diff(np.maximum.accumulate(times), prepend=0.0)
        return costs, max(0.0, whole - float(costs.sum()))

    def _cost_calls(self, blocks: Sequence[int]) -> list[tuple[Runner, str]]:
        """Sums go on from the first tree."""
        return [(self.base, f"cost.{i}") for i in blocks[-1:]]

    def _spared(self, blocks: Sequence[int]) -> float:
        return 0.0

    def _measured_stage(self, sample: Any) -> float:
        """What a stage costs beyond its trees: two segments as two stages, against
        both as one, with as few rows as come to a later stage."""
        few = take_rows(sample, np.arange(-(-n_rows_of(sample) // 5)))
        ends = self.prefixes.ends[:2]
        stages = self._chain(ends, [np.inf, np.inf], [None, None])[:2]
        stages[1] = replace(stages[1], gate=None)
        runner = Runner(self.conversion.finish(stages), self.described, self.n_threads)
        spent = cost_of(runner, self.answers.output, few)
        return max(0.0, spent - cost_of(self.base, "cost.1", few))

    def _find_models(self) -> tuple[list[Maker], int]:
        return [], 0

    def _find_parts(self) -> list[Part]:
        return []

    def train(self, request: Request, sample: Any) -> Candidate | None:
        """Nothing to train: the first trees are those of the ensemble."""
        segment = len(request.blocks) - 1
        end = self.prefixes.ends[segment]
        self._correct(segment, sample)
        (early,), full = self._cut([end])
        first = Candidate(early.outputs, full, -1, early.features, self.base, 0.0)
        gate = self._gate(None, early.scores, early.features)
        return self._with_gate(first, gate, request.blocks, sample)

    def _open(self, first: Candidate, gate: int) -> list[Any]:
        """Without the other trees: sums have the same bits by themselves."""
        from ._graph import Stage

        return [Stage({**first.outputs, "gate": gate})]

    def _correct(self, segment: int, sample: Any) -> None:
        """Of boosted trees that predict, the first ones go only a part of the way from
        the mean: how far the rest goes, on average, is a straight line."""
        if self.answers.kind != "numbers" or self.prefixes.divide != 1.0:
            return
        first = np.asarray(self.base(f"cost.{segment}", sample), np.float64)
        last = np.asarray(self.base(f"cost.{len(self.names) - 1}", sample), np.float64)
        self.lines[self.prefixes.ends[segment]] = _lines(first, last)

    def _scores(self, outputs: dict[str, int]) -> Any:
        """What the margin is of."""
        names = ("decision", "log_proba", "proba", "prediction")
        name = next(n for n in names if n in outputs)
        scores = replace(getattr(self.conversion.model, name), node=outputs[name])
        if self.answers.kind == "labels" and name == "proba":  # of a label each
            return self.conversion.context.rows("affine", scores, add=np.array([-0.5]))
        return scores

    def _cut(self, ends: Sequence[int]) -> tuple[list[Early], dict[str, int]]:
        """The answers after each number of trees, and those of the whole ensemble."""
        from .convert.values import Ref

        context, builder = self.conversion.context, self.conversion.builder
        outputs, width = self.conversion.outputs(), self.prefixes.n_outputs
        points = sorted({*ends, *(m for n in ends for m in self._points_before(n))})
        nodes, whole = self.prefixes.cut(*points)
        sums = {n: Ref(node, width) for n, node in zip(points, nodes, strict=True)}
        x = self.conversion.model.model_input
        found = []
        for n in ends:
            alone = sums[n].node
            if n in self.lines:
                slope, offset = self.lines[n]
                line: dict[str, Any] = {"multiply": slope, "add": offset}
                alone = builder.node("affine", (alone,), line, name="first")
            early = self.prefixes.replaced(outputs, alone)
            scores = self._scores(early)
            rises = [context.rows("difference", sums[n], sums[m]) for m in self._points_before(n)]
            features = self._features_of(scores, [*rises, *([] if x is None else [x])])
            found.append(Early(early, scores, features))
        return found, self.prefixes.replaced(outputs, whole)

    def _points_before(self, n: int) -> list[int]:
        """Where the sum's way to tree n is looked at, for what a gate learns of a
        prediction; labels have their margin."""
        before = [end for end in self.prefixes.ends if end <= 0.55 * n]
        return before[-1:] if self.answers.kind == "numbers" else []

    def _stages(self, gates: list[dict[str, Any]]) -> list[Any]:
        ends = [self.prefixes.ends[len(gate["blocks"]) - 1] for gate in gates]
        learned = [self.trained[gate["candidate"]].learned for gate in gates]
        return self._chain(ends, [gate["threshold"] for gate in gates], learned)

    def _chain(
        self,
        ends: Sequence[int],
        thresholds: Sequence[float],
        learned: Sequence[Learned | None],
    ) -> list[Any]:
        """A stage for each number of trees, and one of the whole ensemble."""
        from ._graph import Stage

        firsts, full = self._cut(ends)
        stages = []
        for early, threshold, by in zip(firsts, thresholds, learned, strict=True):
            gate = self._gate(by, early.scores, early.features)
            stages.append(Stage({**early.outputs, "gate": gate}, gate, threshold))
        return [*stages, Stage({**full, "gate": stages[-1].outputs["gate"]})]


@dataclass
class Early:
    """The answers after some trees."""

    outputs: dict[str, int]
    scores: Any
    features: Any


def _lines(first: Array, last: Array) -> tuple[Array, Array]:
    """Slope and offset of each column's least squares; slope 1 where it is constant."""
    centred = first - first.mean(axis=0)
    spread = (centred**2).sum(axis=0)
    with np.errstate(all="ignore"):
        slope = (centred * last).sum(axis=0) / spread
        offset = last.mean(axis=0) - slope * first.mean(axis=0)
    is_line = np.isfinite(slope) & np.isfinite(offset) & (spread > 0)
    return np.where(is_line, slope, 1.0), np.where(is_line, offset, 0.0)


def ensemble_of(conversion: Any) -> int | None:
    """The ensemble of trees to cut, None where there is none."""
    model, outputs = conversion.model, conversion.outputs()
    if not {"decision", "log_proba", "proba", "prediction"} & outputs.keys():
        return None
    if model.output_classes is not None:  # an ensemble for each label
        return None
    answer = model.prediction if model.label is None else model.label
    found = find_ensemble(conversion.builder, answer.node)
    nodes = list(outputs.values())
    if found is None or has_python_between(conversion.builder, found, nodes):
        return None
    return found
