"""What may be a filter for top-K: models on some blocks of the features, or the first
trees of an ensemble."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from . import _core
from ._candidates import Request
from ._first_stages import FirstStages, side_by_side
from ._graph import Stage
from ._prefix import Prefixes, find_ensemble, has_python_between
from ._runner import Runner

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Shown:
    """The output that ranks, and which column of it; None where it has one."""

    output: str
    column: int | None

    def of(self, builder: Any, node: int) -> int:
        """That column of an output's node."""
        if self.column is None:
            return node
        return int(builder.node("select", (node,), {"indices": np.array([self.column])}))


def _stays_python(conversion: Any) -> bool:
    """Whether the final model does, so that no clone of it is a filter."""
    own = conversion.model.estimator
    payloads = [node.payload for node in conversion.builder.nodes]
    return own is not None and any(getattr(p, "estimator", None) is own for p in payloads)


@dataclass
class Filter:
    """A filter model: the stage with it, and its cost, ns a row."""

    blocks: list[str]
    stage: Stage
    runner: Runner
    cost: float
    rest_cost: float


class BlockFilters:
    """Models on some blocks of the features: clones of the pipeline's model, or where
    that stays Python ridge regressions of its scores.

    A model that stays Python counts as one more block, which no filter reads.
    """

    is_nested = False

    def __init__(self, stages: FirstStages, shown: Shown, scores: Callable[[], Doubles]) -> None:
        self.stages, self.shown = stages, shown
        self.scores = scores  # of the training rows
        self.is_python = _stays_python(stages.conversion)
        self.names: list[str] = []
        self.costs: Doubles = np.zeros(0)

    def measure(self, sample: Any, costs: Any, full_cost: float) -> None:
        """What there is to read, parts of blocks among it, and what it costs."""
        stages = self.stages
        if costs is None:
            stages.read.parts = stages.read.find_parts()
            stages.costs, _ = stages.read.measure(sample, [])
            spent = float(stages.costs[: len(stages.names)].sum())
            stages.model_cost = max(0.0, full_cost - spent)
        else:
            stages.measure(sample, costs)
        self.names = [*stages.all_names, *(["model"] if self.is_python else [])]
        own = [*stages.costs, *([stages.model_cost] if self.is_python else [])]
        self.costs = np.array(own, np.float64)

    @property
    def given_full_cost(self) -> float:
        stages = self.stages
        return float(stages.costs[: len(stages.names)].sum()) + stages.model_cost

    def given_cost(self, blocks: Sequence[int]) -> float:
        """Of a filter, by the costs that were given."""
        return float(self.costs[list(blocks)].sum()) + (
            0.0 if self.is_python else self.stages.model_cost
        )

    def node(self, number: int, blocks: Sequence[int], seed: int) -> int | None:
        """One column, the filter's score; None where it cannot be trained."""
        if self.is_python:
            return None if len(self.names) - 1 in blocks else self._surrogate(blocks)
        first = self.stages.fitted_on(Request(number, blocks, seed))
        if first is None:
            return None
        found = self.stages.outputs_with(first, [self.shown.output])
        if found is None:
            return None
        return self.shown.of(self.stages.conversion.builder, found[self.shown.output])

    def _surrogate(self, blocks: Sequence[int]) -> int | None:
        from sklearn.linear_model import Ridge

        stages, context = self.stages, self.stages.conversion.context
        scores = self.scores()
        is_sparse = stages.conversion.model.model_input.sparse
        parts = [stages.read.values(i) for i in blocks]
        if self.shown.output == "proba":  # which are flat at both ends
            inner = np.clip(scores, 1e-6, 1 - 1e-6)
            scores = np.log(inner / (1 - inner))
        try:
            ridge = Ridge().fit(side_by_side(parts, is_sparse=is_sparse), scores)
        except ValueError as error:  # a score or a feature that is no number
            stages.problem = str(error)
            return None
        joined = context.concat([stages.read.ref(i) for i in blocks], sparse=is_sparse)
        return int(context.linear(joined, ridge.coef_.reshape(1, -1), float(ridge.intercept_)).node)

    def rest_of(self, blocks: Sequence[int], full_cost: float) -> float:
        """What a candidate costs beyond its filter: narrow results of whole blocks are
        kept."""
        whole = [i for i in blocks if i < len(self.stages.names)]
        return max(0.0, full_cost - float(self.costs[whole].sum()))


class PrefixFilters:
    """The first trees of the pipeline's own ensemble; nothing is trained."""

    is_nested = True

    def __init__(self, conversion: Any, ensemble: int, shown: Shown) -> None:
        self.conversion, self.shown = conversion, shown
        self.prefixes = Prefixes(conversion.builder, ensemble)
        self.names = self.prefixes.names
        self.costs: Doubles = np.zeros(len(self.names))

    def measure(self, sample: Any, costs: Any, full_cost: float) -> None:
        """Roughly, for the order of trials: what trees cost, by their number."""
        ends = self.prefixes.ends
        self.costs = np.ascontiguousarray(np.diff([0, *ends]) / ends[-1] * full_cost)

    def node(self, number: int, blocks: Sequence[int], seed: int) -> int | None:
        """One column, the filter's score."""
        (alone,), _ = self.prefixes.cut(self.prefixes.ends[len(blocks) - 1])
        outputs = {self.shown.output: self.conversion.outputs()[self.shown.output]}
        early = self.prefixes.replaced(outputs, alone)
        return self.shown.of(self.conversion.builder, early[self.shown.output])

    def rest_of(self, blocks: Sequence[int], full_cost: float) -> float:
        """Candidates go through all trees: the exact outputs stay as they are."""
        return full_cost


Family = BlockFilters | PrefixFilters


def propose(family: Family, tried: bytes, expected: Doubles, limit: float) -> bytes | None:
    """The blocks of the next filter to try, a flag each."""
    flags = np.frombuffer(tried, np.uint8)
    return _core.topk_propose(family.costs, family.is_nested, flags, expected, limit)


def prefixes_of(conversion: Any, shown: Shown) -> PrefixFilters | None:
    """None where the ranking is no function of a long enough ensemble."""
    builder = conversion.builder
    node = conversion.outputs()[shown.output]
    ensemble = find_ensemble(builder, node)
    if ensemble is None or has_python_between(builder, ensemble, [node]):
        return None
    return PrefixFilters(conversion, ensemble, shown)
