"""The job for an ensemble of trees, whose first trees are the first stages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ._first_models import Maker
from ._frames import n_rows_of, take_rows
from ._parts import Part
from ._prefix import Prefixes, find_ensemble, has_python_between
from ._runner import Runner, cost_of, costs_of
from ._tuner import Candidate, Tuner

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
        return self.prefixes.names

    def _plain(self) -> Any:
        """The exact graph with each prefix's sum as an output, for its cost."""
        from ._graph import Stage

        outputs = self.conversion.outputs()
        for i, end in enumerate(self.prefixes.ends[:-1]):
            outputs[f"cost.{i}"] = self.prefixes.segment(0, end)
        outputs[f"cost.{len(self.names) - 1}"] = self.prefixes.ensemble
        return self.conversion.finish([Stage(outputs)])

    def _measured_costs(self, sample: Any) -> Array:
        """What each segment adds, the first with the features; and the whole."""
        ends = [(self.base, f"cost.{i}") for i in range(len(self.names))]
        *times, whole = costs_of([*ends, (self.base, "label")], sample)
        costs = np.diff(np.maximum.accumulate(times), prepend=0.0)
        self.stage_cost = self._measured_stage(sample)
        return np.append(costs, whole)

    def _cost_calls(self, blocks: Sequence[int]) -> list[tuple[Runner, str]]:
        """Sums go on from the first tree."""
        return super()._cost_calls(blocks[-1:])

    def _measured_stage(self, sample: Any) -> float:
        """What a stage costs beyond its trees: two segments as two stages, against
        both as one, with as few rows as come to a later stage."""
        few = take_rows(sample, np.arange(-(-n_rows_of(sample) // 5)))
        ends = self.prefixes.ends[:2]
        stages = self._chain(ends, [np.inf, np.inf])[:2]
        stages[1] = replace(stages[1], gate=None)
        runner = Runner(self.conversion.finish(stages), self.described, self.n_threads)
        return max(0.0, cost_of(runner, "label", few) - cost_of(self.base, "cost.1", few))

    def _find_models(self) -> tuple[list[Maker], int]:
        return [], 0

    def _find_parts(self) -> list[Part]:
        return []

    def train(
        self,
        number: int,
        blocks: Sequence[int],
        seed: int,
        sample: Any,
        n_fit: int | None = None,
        way: int = 0,
    ) -> Candidate | None:
        """Nothing to train: the first trees are those of the ensemble."""
        outputs = self.conversion.outputs()
        (alone,), whole = self.prefixes.cut(self.prefixes.ends[len(blocks) - 1])
        early = self.prefixes.replaced(outputs, alone)
        full = self.prefixes.replaced(outputs, whole)
        return self._candidate(early, full, self._scores(early), blocks, sample)

    def _scores(self, outputs: dict[str, int]) -> Any:
        """What the margin is of."""
        name = next(n for n in ("decision", "log_proba", "proba") if n in outputs)
        return replace(getattr(self.conversion.model, name), node=outputs[name])

    def _stages(self, gates: list[dict[str, Any]]) -> list[Any]:
        ends = [self.prefixes.ends[len(gate["blocks"]) - 1] for gate in gates]
        return self._chain(ends, [gate["threshold"] for gate in gates])

    def _chain(self, ends: Sequence[int], thresholds: Sequence[float]) -> list[Any]:
        """A stage for each number of trees, and one of the whole ensemble."""
        from ._graph import Stage

        outputs = self.conversion.outputs()
        answers, whole = self.prefixes.cut(*ends)
        stages = []
        for alone, threshold in zip(answers, thresholds, strict=True):
            early = self.prefixes.replaced(outputs, alone)
            gate = self._margin(self._scores(early))
            stages.append(Stage({**early, "gate": gate}, gate, threshold))
        full = self.prefixes.replaced(outputs, whole)
        return [*stages, Stage({**full, "gate": stages[-1].outputs["gate"]})]


def ensemble_of(conversion: Any) -> int | None:
    """The ensemble of trees to cut, None where there is none."""
    model, outputs = conversion.model, conversion.outputs()
    if not {"decision", "log_proba", "proba"} & outputs.keys():
        return None
    found = find_ensemble(conversion.builder, model.label.node)
    nodes = list(outputs.values())
    if found is None or has_python_between(conversion.builder, found, nodes):
        return None
    return found
