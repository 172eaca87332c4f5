"""`optimize` for `Lossless`: gates that rows pass only where nothing that is left out
could change their label, and bounds that spare top-K queries most rows.

Nothing is trained and nothing certified: the blocks of a linear model, or the trees of
an ensemble, are put into stages, and constants say what the later ones can still add.
The rows of X tell which stages pay, by measured costs; a part of them that chose nothing
has the last word.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import partial
from typing import Any, Protocol, cast

import numpy as np
import numpy.typing as npt

from . import _core
from ._compiled import CompiledModel, warn_of_python_steps
from ._errors import CertificateError, NoGainWarning
from ._frames import n_rows_of, take_rows
from ._graph import Stage
from ._lossless_blocks import BoundedBlocks, linear_under
from ._lossless_gates import Decision, Gate
from ._lossless_rank import ranges_of
from ._lossless_trees import Trees, ensemble_under
from ._rank import Bounds, Counts, best_rows
from ._runner import COST_REPEATS, Runner, costs_of

Array = npt.NDArray[Any]
Doubles = npt.NDArray[np.float64]

#: Rows that choose, and rows that the choice is measured on, at most.
CHOOSE_ROWS, MEASURE_ROWS = 2_000, 4_000
#: What is built has to cost less than the exact pipeline by this share, measured twice.
GAIN = 0.1
#: Of chains that differ by less, the one of the fewest gates is built.
ALIKE = 0.03
#: Gates, at most. Runs of other outputs go through the stages' parts one by one.
MAX_GATES = 3
#: What a stage costs by itself, in shares of the exact pipeline: chains are proposed for each.
STAGE_SHARES = (0.01, 0.05)
#: The k of the top-K queries that are measured, as shares of their rows: bounds are used up
#: to the first that pays, with one of so many states.
TOP_SHARES, TOP_STATES = (0.01, 0.002), 3

PROMISE = (
    "each label is the exact pipeline's: a row leaves early only where no value of what is "
    "left out could change it"
)


class Family(Protocol):
    """The ways to cut one model. A state is what has been computed: a set of blocks, or a
    number of trees; `states` lists those where a gate may stand, each behind all that it
    contains."""

    kind: str
    states: list[int]
    #: The node of scores that the blocks or the trees add up to; and these scores, of the
    #: rows that were looked at.
    scores: int
    full: Doubles
    #: How labels follow from the scores; None where they do not.
    decision: Decision | None

    def measure(self, runner_of: RunnerOf, sample: Any) -> None:
        """Looks at rows: what they decide, and what states cost."""

    def decided(self, state: int) -> npt.NDArray[np.bool_]:
        """Which of those rows leave there."""

    def cost(self, before: int | None, state: int | None) -> float:
        """ns a row, from one state (None: the start) to another (None: the end)."""

    def may_follow(self, later: int, earlier: int) -> bool:
        """Whether a gate at `later`, which contains `earlier`, may come behind one there."""

    def names(self, before: int | None, state: int) -> list[str]:
        """What is computed between."""

    def gates(self, chain: Sequence[int]) -> tuple[list[Gate], dict[str, int]]:
        """The gates, and the exact outputs behind them."""

    def ranges(self, state: int) -> tuple[int, int]:
        """Nodes: `scores` are not below the one, and not above the other."""

    def intervals(self, state: int) -> tuple[Doubles, Doubles]:
        """The same of `full`."""


class RunnerOf(Protocol):
    def __call__(self, outputs: dict[str, int]) -> Runner: ...


class Lossless:
    """The job for one pipeline."""

    def __init__(self, conversion: Any, *, strict: bool, n_threads: int | None) -> None:
        self.conversion, self.strict, self.n_threads = conversion, strict, n_threads
        self.plain = conversion.finish()
        self.described = conversion.describe(self.plain.metadata)
        self.problem = ""
        self.family = self._find_family()
        self.shown = None if self.family is None else ranges_of(self.conversion, self.family.scores)
        if self.family is not None and self.shown is None and not self.has_labels:
            self.problem = "neither its labels nor its ranking follow from sums with bounds"
            self.family = None

    @property
    def has_labels(self) -> bool:
        is_shown = self.conversion.shows_label
        return is_shown and self.family is not None and self.family.decision is not None

    def _find_family(self) -> Family | None:
        if self.plain.steps:
            self.problem = "a part of the pipeline stays Python"
            return None
        family: Family | None = None
        number = ensemble_under(self.conversion)
        if number is not None:
            family = Trees(self.conversion, number)
        else:
            number = linear_under(self.conversion)
            if number is None:
                self.problem = (
                    "its answers are no function of a linear model's scores, nor of the sums "
                    "of an ensemble of at least 16 trees"
                )
                return None
            family = BoundedBlocks(self.conversion, number)
        if not family.states:
            self.problem = (
                "no part of what the model adds up has a bound and may be left out: blocks "
                "with one are text scaled to norm 1, categories and clipped numbers, beside "
                "others"
            )
            return None
        return family

    # ---- choosing ---------------------------------------------------------

    def _runner(self, stages: Sequence[Stage]) -> Runner:
        return Runner(self.conversion.finish(list(stages)), self.described, self.n_threads)

    def chains(self) -> list[list[int]]:
        """Gates to try: the cheapest by the costs so far, for stages that cost little and
        for stages that cost more; and the cheapest single one."""
        family = self.family
        assert family is not None
        whole = family.cost(None, None)
        found = [cheapest_chain(family, share * whole) for share in STAGE_SHARES]
        found.append(cheapest_chain(family, STAGE_SHARES[0] * whole, max_gates=1))
        return [list(chain) for chain in dict.fromkeys(map(tuple, found)) if chain]

    def stages(self, chain: Sequence[int], ranged: int | None) -> list[Stage]:
        """Of a model: what top-K queries ask for, the gates, the exact pipeline."""
        assert self.family is not None
        gates, full = self.family.gates(chain)
        stages = [gate.stage for gate in gates]
        if ranged is not None:
            assert self.shown is not None
            early, whole = self.shown.stage(self.family.ranges(ranged), full)
            stages.insert(0, early)
            full = {**full, "range": whole}
        return [*stages, Stage(full)]

    def run(self, x: Any, seed: int) -> CompiledModel:
        n = n_rows_of(x)
        if n < 2:
            raise ValueError(f"X has {n} rows; measuring takes two at least")
        order = np.random.default_rng(seed).permutation(n)
        n_choose = min(CHOOSE_ROWS, n // 2)
        sample = take_rows(x, np.sort(order[:n_choose]))
        held = take_rows(x, np.sort(order[n_choose : n_choose + MEASURE_ROWS]))
        if self.family is None:
            return self._exact()
        self.family.measure(lambda outputs: self._runner([Stage(outputs)]), sample)
        chain, costs = self._fastest(held) if self.has_labels else ([], (0.0, 0.0))
        told: dict[str, Any] = {"promise": PROMISE, "kind": self.family.kind}
        told["gates"] = self._told_gates(chain)
        told["n_rows"] = n_rows_of(held)
        if chain:
            told["exact_cost"], told["cost"] = costs
        ranged, told["top_k"] = self._fastest_ranking(chain, held)
        if not chain and ranged is None:
            self.problem = self.problem or "no gate costs less than it spares"
            return self._exact()
        return self._compiled(
            self.conversion.artifact(self.stages(chain, ranged), {"lossless": told})
        )

    def _fastest(self, held: Any) -> tuple[list[int], tuple[float, float]]:
        """The chain that is fastest on rows that chose nothing, of alike ones the shortest;
        and the costs of the exact pipeline and of it. None where none is faster, measured
        twice."""
        exact = (self._runner([Stage(self.conversion.outputs())]), "label")
        chains = self.chains()
        made = [(self._runner(self.stages(chain, None)), "label") for chain in chains]
        if not made:
            return [], (0.0, 0.0)
        whole, *found = costs_of([exact, *made], held)
        alike = [i for i, cost in enumerate(found) if cost <= (1.0 + ALIKE) * min(found)]
        best = min(alike, key=lambda i: len(chains[i]))
        if found[best] > (1.0 - GAIN) * whole:
            return [], (0.0, 0.0)
        whole, cost = costs_of([exact, made[best]], held)
        return (chains[best], (whole, cost)) if cost <= (1.0 - GAIN) * whole else ([], (0.0, 0.0))

    def _told_gates(self, chain: Sequence[int]) -> list[dict[str, Any]]:
        family = self.family
        assert family is not None
        gates, _ = family.gates(chain) if chain else ([], {})
        told = []
        before: int | None = None
        for state, gate in zip(chain, gates, strict=True):
            told.append({
                "blocks": family.names(before, state),
                "bound": gate.bound,
                "share_leaving": float(np.mean(family.decided(state))),
            })  # fmt: skip
            before = state
        return told

    # ---- top-K queries ------------------------------------------------------

    def _ranged(self, top_share: float) -> list[int]:
        """The states whose bounds spare a query most, by what was looked at, best first."""
        family, shown = self.family, self.shown
        assert family is not None
        assert shown is not None
        scores = family.full[:, shown.column]
        k = max(1, round(top_share * len(scores)))
        costs = {}
        for state in family.states:
            low, high = (bound[:, shown.column] for bound in family.intervals(state))
            first = np.argsort(-(low + high), kind="stable")[:k]  # scored first
            share = np.mean(high >= scores[first].min())
            costs[state] = family.cost(None, state) + share * family.cost(None, None)
        most = (1.0 - GAIN) * family.cost(None, None)
        found = [state for state in family.states if costs[state] < most]
        return sorted(found, key=costs.__getitem__)[:TOP_STATES]

    def told_range(
        self, state: int, share: float = 1.0, column: int | None = None
    ) -> dict[str, Any]:
        """What `Bounds` reads, and what the bounds are of."""
        assert self.family is not None
        assert self.shown is not None
        return {
            "method": self.shown.ranking.method,
            "blocks": self.family.names(None, state),
            "column": column,
            "share": share,
            "is_narrow": self.shown.is_narrow,
        }

    def _fastest_ranking(
        self, chain: Sequence[int], held: Any
    ) -> tuple[int | None, dict[str, Any] | None]:
        """The state whose bounds are fastest on rows that chose nothing, and what the
        metadata say of it; none where none is faster than the full ranking."""
        classes = self.conversion.shown.classes
        if self.shown is None or (classes is not None and len(classes) != 2):
            return None, None  # which class will rank is not known
        ranking = self.shown.ranking
        n = n_rows_of(held)
        exact = self._compiled(self.conversion.artifact())
        for share in TOP_SHARES:
            k = max(1, round(share * n))
            states = self._ranged(share)
            calls = [partial(best_rows, _interface_of(exact), ranking, None, held, k, Counts())]
            for state in states:
                told = self.told_range(state)
                converted = self.conversion.artifact(
                    self.stages(chain, state), {"lossless": {"top_k": told}}
                )
                fast = self._compiled(converted)
                bounds = Bounds.of(fast.metadata, ranking)
                calls.append(
                    partial(best_rows, _interface_of(fast), ranking, bounds, held, k, Counts())
                )
            if not states:
                continue
            first, *found = _least_times(calls)
            best = int(np.argmin(found))
            if found[best] > (1.0 - GAIN) * first:
                continue
            whole, cost = (time / n for time in _least_times([calls[0], calls[best + 1]]))
            if cost <= (1.0 - GAIN) * whole:
                told = self.told_range(states[best], share, ranking.column)
                return states[best], {**told, "k": k, "exact_cost": whole, "cost": cost}
        return None, None

    # ---- results ----------------------------------------------------------

    def _compiled(self, converted: Any) -> CompiledModel:
        found: CompiledModel = self.conversion.compiled(
            converted, strict=self.strict, n_threads=self.n_threads
        )
        return found

    def _exact(self) -> CompiledModel:
        message = f"no lossless gate pays: {self.problem}"
        if self.strict:
            raise CertificateError(message)
        warnings.warn(f"{message}; the exact pipeline is returned", NoGainWarning, stacklevel=5)
        return self._compiled(self.conversion.artifact())


def _interface_of(model: CompiledModel) -> _core.Interface:
    return cast(_core.Interface, model._interface)


def _least_times(calls: Sequence[Any]) -> list[float]:
    """The smallest of several times of each call, in turns."""
    import time

    least = [float("inf")] * len(calls)
    for _ in range(COST_REPEATS):
        for i, call in enumerate(calls):
            begin = time.perf_counter_ns()
            call()
            least[i] = min(least[i], time.perf_counter_ns() - begin)
    return least


def cheapest_chain(family: Family, stage_cost: float, max_gates: int = MAX_GATES) -> list[int]:
    """States whose gates make a row cheapest, each containing the one before; none where
    that is dearer than no gate.

    What is decided in a state is decided in all that contain it, so a row that comes to a
    state is one that the state before did not decide, whatever is before that.
    """
    alive = {state: 1.0 - float(np.mean(family.decided(state))) for state in family.states}
    # From each state on: the cost of what stays there, and the gates behind.
    best: dict[tuple[int | None, int], tuple[float, list[int]]] = {}

    def from_state(state: int | None, n_gates: int) -> tuple[float, list[int]]:
        if (state, n_gates) in best:
            return best[state, n_gates]
        share, overhead = (1.0, 0.0) if state is None else (alive[state], stage_cost)
        found: tuple[float, list[int]] = (share * (family.cost(state, None) + overhead), [])
        for other in family.states if n_gates > 0 else ():
            if state is not None and not family.may_follow(other, state):
                continue
            cost, behind = from_state(other, n_gates - 1)
            cost += share * (family.cost(state, other) + overhead)
            if cost < found[0]:
                found = (cost, [other, *behind])
        best[state, n_gates] = found
        return found

    return from_state(None, max_gates)[1]


def optimize_lossless(
    conversion: Any, x: Any, *, seed: int, n_threads: int | None, strict: bool
) -> CompiledModel:
    """What `optimize` does for `Lossless`."""
    job = Lossless(conversion, strict=strict, n_threads=n_threads)
    model = job.run(x, seed)
    warn_of_python_steps(model._reasons, stacklevel=4)
    return model
