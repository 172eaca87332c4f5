"""Lossless gates inside an ensemble of trees: the first trees, and bounds on the rest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ._bounds import Span, TreeSpans
from ._ensembles import array_of
from ._lossless_gates import Decision, Gate
from ._prefix import Prefixes, find_ensemble, has_python_between
from ._runner import costs_of

Doubles = npt.NDArray[np.float64]

#: Gates may stand behind these shares of the trees: votes decide nothing before half of
#: them, bounds of top-K queries much earlier.
SHARES = (
    0.02, 0.04, 0.07, 0.11, 0.16, 0.22, 0.3, 0.4, 0.505, 0.52, 0.54, 0.57, 0.61, 0.66, 0.72,
    0.8, 0.9,
)  # fmt: skip
#: Between two gates there is this part of the trees, at least.
LEAST_PART = 20
#: Classes, at most: bounds are of pairs of them, for each tree.
MAX_OUTPUTS = 64
#: Differences of leaves' numbers, at most: some seconds.
MAX_DIFFERENCES = 2_000_000_000


def ensemble_under(conversion: Any) -> int | None:
    """The largest sum of trees that the answers depend on; None without one."""
    model, builder = conversion.model, conversion.builder
    answer = model.prediction if model.label is None else model.label
    if answer is None or model.margins is not None:
        return None
    found = find_ensemble(builder, answer.node)
    if found is None or has_python_between(builder, found, list(conversion.outputs().values())):
        return None
    return found if len(builder.nodes[found].inputs) == 1 else None


class Trees:
    """States are numbers of trees."""

    kind = "trees"

    def __init__(self, conversion: Any, number: int) -> None:
        self.conversion, self.scores = conversion, number
        self.builder = conversion.builder
        self.prefixes = Prefixes(self.builder, number)
        self.n_trees = n = self.prefixes.ends[-1]
        self.is_narrow = self.builder.nodes[number].attributes.get("dtype") == "f32"
        self.states: list[int] = []
        leaves = array_of(self.builder, self.builder.nodes[number], "leaves")
        n_outputs = self.prefixes.n_outputs
        if n_outputs > MAX_OUTPUTS or leaves.size * n_outputs > MAX_DIFFERENCES:
            return
        self.spans = TreeSpans(self.builder, number)
        self.k = self.spans.k
        self.decision = Decision.of(conversion, number, self.k, self.prefixes.divide)
        if np.isfinite(self.spans.size):
            self.states = sorted({-(-round(share * n * 1000) // 1000) for share in SHARES} - {0, n})

    def behind(self, state: int) -> Span:
        return self.spans.behind(state).widened(self.spans.rounding)

    # ---- looking at rows ----------------------------------------------------

    def measure(self, runner_of: Any, sample: Any) -> None:
        """Costs are a straight line from the first state, with the features, to the whole:
        sums that go on from one another in many small steps would cost more."""
        sums, _ = self._sums(self.states)
        outputs = {f"end.{n}": node for n, node in zip(self.states, sums, strict=True)}
        runner = runner_of({**outputs, "all": self.scores})
        least = self.states[0]
        first, self.whole = costs_of([(runner, f"end.{least}"), (runner, "all")], sample)
        slope = max(0.0, self.whole - first) / (self.n_trees - least)
        self.times = {n: first + slope * (n - least) for n in self.states}
        self.sums = {n: self._looked(runner(f"end.{n}", sample)) for n in self.states}
        self.full = self._looked(runner("all", sample)) * self.prefixes.divide

    def _looked(self, result: Any) -> Doubles:
        return np.asarray(result, np.float64).reshape(-1, self.k)

    def decided(self, state: int) -> npt.NDArray[np.bool_]:
        assert self.decision is not None
        return self.decision.decided(self.sums[state], np.zeros(1), self.behind(state))

    def intervals(self, state: int) -> tuple[Doubles, Doubles]:
        span = self.behind(state)
        return self.sums[state] + span.low, self.sums[state] + span.high

    def cost(self, before: int | None, state: int | None) -> float:
        start = 0.0 if before is None else self.times[before]
        end = self.whole if state is None else self.times[state]
        return max(0.0, float(end - start))

    def may_follow(self, later: int, earlier: int) -> bool:
        """Few trees at a time cost more than they spare."""
        return later - earlier >= max(1, self.n_trees // LEAST_PART)

    def names(self, before: int | None, state: int) -> list[str]:
        return [f"trees {(before or 0) + 1} to {state}"]

    # ---- graphs -------------------------------------------------------------

    def _sums(self, ends: Sequence[int]) -> tuple[list[int], int]:
        """The sums of the first trees, each going on from the one before, and the answer
        of all: the same additions in the same order as in one go."""
        x = self.builder.nodes[self.scores].inputs[0]
        found: list[int] = []
        for first, last in zip((0, *ends), ends, strict=False):
            found.append(self.prefixes.segment(first, last, (x, found[-1]) if found else None))
        return found, self.prefixes.rest(ends[-1], found[-1])

    def gates(self, chain: Sequence[int]) -> tuple[list[Gate], dict[str, int]]:
        if not chain:
            return [], self.conversion.outputs()
        assert self.decision is not None
        sums, whole = self._sums(chain)
        zero = np.zeros(self.k)
        found = [
            self.decision.gate(self._wide(node), zero, None, self.behind(n))
            for n, node in zip(chain, sums, strict=True)
        ]
        return found, self.prefixes.replaced(self.conversion.outputs(), whole)

    def _wide(self, node: int) -> int:
        """In doubles, so that what follows is not rounded to floats."""
        if not self.is_narrow:
            return node
        return int(self.builder.node("cast", (node,), {"dtype": "f64"}))

    def ranges(self, state: int) -> tuple[int, int]:
        builder, span = self.builder, self.behind(state)
        node = self._wide(self.prefixes.segment(0, state))
        ends = []
        for bound in (span.low, span.high):
            end = builder.node("affine", (node,), {"add": bound})
            if self.prefixes.divide != 1.0:
                end = builder.node("scale", (end,), {"divide": np.array([self.prefixes.divide])})
            ends.append(int(end))
        return ends[0], ends[1]
