"""`optimize` for `TopKRecall`: a cheap filter in front of the ranking, certified.

The core makes every choice (`_core.topk_*`, src/tune/topk.h): which features a
filter is trained on, how many rows it keeps, and what that promises. Python
trains and scores. A filter is scored by the very graph that is deployed.
"""

from __future__ import annotations

import datetime
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from . import _core
from ._calibration import check_not_training, group_numbers
from ._columns import is_frame, library_of
from ._compiled import CompiledModel, warn_of_python_steps
from ._errors import CertificateError, NotCertifiedWarning, UnsupportedError
from ._frames import as_rows, n_rows_of, take_rows
from ._graph import Stage
from ._prefix import Prefixes, find_ensemble, has_python_between
from ._rank import Ranking, Rule, ranking_of
from ._runner import Runner, costs_of
from ._sparse import is_sparse
from ._targets import TopKRecall
from ._tuner import Tuner, side_by_side

Array = npt.NDArray[Any]
Doubles = npt.NDArray[np.float64]

#: Rows on which costs are measured: a query's, as what a call costs is part of it.
COST_ROWS = 10_000
#: Queries that are drawn from the select ones to see what a filter may have to keep: about
#: as many as certify, as the one that needs most decides.
N_DRAWS = 59
#: A promise for every K holds up to this one.
MAX_K = 20_000
#: Which output of a graph a method shows, for what ranks.
OUTPUTS = {
    "predict": "prediction",
    "predict_proba": "proba",
    "decision_function": "decision",
    "score_samples": "score",
}


# ---- queries -----------------------------------------------------------------


class Queries:
    """The calibration queries in a random order: sets of rows, drawn like later ones.

    Attributes
    ----------
    sizes : list of int
    unused : int
        Rows that made no whole query.
    """

    def __init__(self, X_cal: Any, target: TopKRecall, seed: int, *, is_text: bool) -> None:
        random = np.random.default_rng(seed)
        self.is_real = _is_list_of_queries(X_cal, is_text=is_text)
        self.unused = 0
        if self.is_real:
            given = [as_rows(query, "X_cal") for query in X_cal]
            for number, query in enumerate(given):
                if n_rows_of(query) == 0:
                    raise ValueError(f"X_cal: query {number} has no rows")
            self.parts = [given[i] for i in random.permutation(len(given))]
            self.sizes = [n_rows_of(query) for query in self.parts]
            return
        rows = as_rows(X_cal, "X_cal")
        n = n_rows_of(rows)
        size = target.query_size or n
        if n == 0:
            raise ValueError("X_cal has no rows")
        if size > n:
            raise ValueError(f"X_cal has {n} rows, which make no query of {size}")
        self.unused = n % size
        order = random.permutation(n)
        self.parts = [take_rows(rows, order[at : at + size]) for at in range(0, n - size + 1, size)]
        self.sizes = [size] * len(self.parts)

    def __len__(self) -> int:
        return len(self.parts)


def _is_list_of_queries(X_cal: Any, *, is_text: bool) -> bool:
    """Whether it is real queries, and not rows."""
    if not isinstance(X_cal, (list, tuple)) or len(X_cal) == 0:
        return False
    first = X_cal[0]
    is_table = isinstance(first, dict) or is_frame(first) or is_sparse(first)
    if is_table or len(getattr(first, "shape", ())) == 2:
        return True
    if not is_text or isinstance(first, (str, bytes)):
        return False
    return isinstance(first, (list, tuple)) or hasattr(first, "shape") or bool(library_of(first))


def in_groups(X_cal: Any, groups: Any, target: TopKRecall) -> list[Any]:
    """Each group's rows as a query, in the order in which the groups come."""
    if target.query_size is not None:
        raise ValueError("groups are the queries: give no query_size with them")
    if isinstance(X_cal, (list, tuple)) and X_cal and isinstance(X_cal[0], (list, tuple)):
        raise ValueError("groups are of rows: give X_cal as rows, or as a list of queries alone")
    rows = as_rows(X_cal, "X_cal")
    numbers = group_numbers(groups, n_rows_of(rows))
    order = np.argsort(numbers, kind="stable")
    starts = np.flatnonzero(np.diff(numbers[order], prepend=np.uint64(2**64 - 1)))
    return [take_rows(rows, np.sort(part)) for part in np.split(order, starts[1:])]


def _draws(sizes: Sequence[int], seed: int, *, is_real: bool) -> list[Array]:
    """Rows of the select queries, one behind the other, that make queries like them.

    Real queries are drawn whole and their rows again within them; of others any row
    may come beside any other.
    """
    random = np.random.default_rng(seed)
    ends = np.cumsum(sizes)
    draws = []
    for _ in range(N_DRAWS if len(sizes) else 0):
        query = int(random.integers(len(sizes)))
        low, high = (ends[query] - sizes[query], ends[query]) if is_real else (0, ends[-1])
        draws.append(random.integers(low, high, sizes[query]))
    return draws


# ---- filters -----------------------------------------------------------------


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

    def __init__(self, tuner: Tuner, shown: Shown, scores: Callable[[], Doubles]) -> None:
        self.tuner, self.shown = tuner, shown
        self.scores = scores  # of the training rows
        self.is_python = _stays_python(tuner.conversion)
        self.names: list[str] = []
        self.costs: Doubles = np.zeros(0)

    def measure(self, sample: Any, costs: Any, full_cost: float) -> None:
        """What there is to read, parts of blocks among it, and what it costs."""
        tuner = self.tuner
        if costs is None:
            tuner.read.parts = tuner.read.find_parts()
            tuner.costs, _ = tuner.read.measure(sample, [])
            spent = float(tuner.costs[: len(tuner.names)].sum())
            tuner.model_cost = max(0.0, full_cost - spent)
        else:
            tuner.measure(sample, costs)
        self.names = [*tuner.all_names, *(["model"] if self.is_python else [])]
        own = [*tuner.costs, *([tuner.model_cost] if self.is_python else [])]
        self.costs = np.array(own, np.float64)

    @property
    def given_full_cost(self) -> float:
        tuner = self.tuner
        return float(tuner.costs[: len(tuner.names)].sum()) + tuner.model_cost

    def given_cost(self, blocks: Sequence[int]) -> float:
        """Of a filter, by the costs that were given."""
        return float(self.costs[list(blocks)].sum()) + (
            0.0 if self.is_python else self.tuner.model_cost
        )

    def node(self, number: int, blocks: Sequence[int], seed: int) -> int | None:
        """One column, the filter's score; None where it cannot be trained."""
        if self.is_python:
            return None if len(self.names) - 1 in blocks else self._surrogate(blocks)
        first = self.tuner.fitted_on(number, blocks, seed)
        if first is None:
            return None
        found = self.tuner.outputs_with(first, [self.shown.output])
        if found is None:
            return None
        return self.shown.of(self.tuner.conversion.builder, found[self.shown.output])

    def _surrogate(self, blocks: Sequence[int]) -> int | None:
        from sklearn.linear_model import Ridge

        tuner, context = self.tuner, self.tuner.conversion.context
        scores = self.scores()
        is_sparse = tuner.conversion.model.model_input.sparse
        parts = [tuner.read.values(i) for i in blocks]
        if self.shown.output == "proba":  # which are flat at both ends
            inner = np.clip(scores, 1e-6, 1 - 1e-6)
            scores = np.log(inner / (1 - inner))
        try:
            ridge = Ridge().fit(side_by_side(parts, is_sparse=is_sparse), scores)
        except ValueError as error:  # a score or a feature that is no number
            tuner.problem = str(error)
            return None
        joined = context.concat([tuner.read.ref(i) for i in blocks], sparse=is_sparse)
        return int(context.linear(joined, ridge.coef_.reshape(1, -1), float(ridge.intercept_)).node)

    def rest_of(self, blocks: Sequence[int], full_cost: float) -> float:
        """What a candidate costs beyond its filter: narrow results of whole blocks are
        kept."""
        whole = [i for i in blocks if i < len(self.tuner.names)]
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


def _propose(family: Family, tried: bytes, expected: Doubles, limit: float) -> bytes | None:
    """The blocks of the next filter to try, a flag each."""
    flags = np.frombuffer(tried, np.uint8)
    return _core.topk_propose(family.costs, family.is_nested, flags, expected, limit)


def _prefixes_of(conversion: Any, shown: Shown) -> PrefixFilters | None:
    """None where the ranking is no function of a long enough ensemble."""
    builder = conversion.builder
    node = conversion.outputs()[shown.output]
    ensemble = find_ensemble(builder, node)
    if ensemble is None or has_python_between(builder, ensemble, [node]):
        return None
    return PrefixFilters(conversion, ensemble, shown)


# ---- the tuner ---------------------------------------------------------------


class _Methods:
    """A compiled model's methods by their names, as a runner calls outputs."""

    def __init__(self, model: CompiledModel) -> None:
        self.model = model

    def __call__(self, method: str, x: Any) -> Any:
        assert self.model._interface is not None
        return self.model._interface.run(method, x)


class FilterTuner:
    """Chooses and certifies a filter for one pipeline."""

    def __init__(
        self,
        conversion: Any,
        x: Any,
        y: Any,
        target: TopKRecall,
        *,
        strict: bool,
        n_threads: int | None,
    ) -> None:
        self.conversion, self.target = conversion, target
        self.strict, self.n_threads = strict, n_threads
        model = conversion.shown
        self.exact = self._compiled(conversion.artifact())
        self.ranking: Ranking = ranking_of(
            self.exact._methods,
            {name: ref.n_features for name, ref in model.outputs().items()},
            model.classes,
            target.class_label,
            is_multilabel=model.multilabel,
        )
        shown = Shown(OUTPUTS[self.ranking.method], self.ranking.column)
        self.families: list[Family] = []
        prefixes = _prefixes_of(conversion, shown)
        if prefixes is not None:
            self.families.append(prefixes)
        if conversion.blocks() and conversion.model.model_input is not None:
            tuner = Tuner(conversion, x, y, strict=strict, n_threads=n_threads)
            self.families.append(BlockFilters(tuner, shown, lambda: self._full(x)))
        self.ranked = _Methods(self.exact)
        self.full_cost = 0.0
        self.is_measured = False
        self.problem = ""

    def _compiled(self, converted: Any) -> CompiledModel:
        found: CompiledModel = self.conversion.compiled(
            converted, strict=self.strict, n_threads=self.n_threads
        )
        return found

    # ---- costs ------------------------------------------------------------

    def measure(self, sample: Any, costs: Any) -> None:
        """ns a row of the full ranking and of what its filters read."""
        self.is_measured = costs is None
        if costs is None:
            (self.full_cost,) = costs_of([(self.ranked, self.ranking.method)], sample)
        elif any(isinstance(family, BlockFilters) for family in self.families):
            self.families = [f for f in self.families if isinstance(f, BlockFilters)]
        else:
            raise ValueError("costs are of blocks of features, and the model reads none")
        for family in self.families:
            family.measure(sample, costs, self.full_cost)
            if costs is not None:
                assert isinstance(family, BlockFilters)
                self.full_cost = family.given_full_cost
        self.families = [family for family in self.families if len(family.costs) > 1]
        if not self.families:
            raise UnsupportedError(
                f"{self.conversion.name}: its final model reads one block of features, "
                "and is no ensemble of trees whose first ones are measured: there is nothing "
                "that a filter could leave out"
            )

    # ---- candidates -------------------------------------------------------

    def _filter(
        self, family: Family, number: int, flags: bytes, seed: int, sample: Any
    ) -> Filter | None:
        """A filter on the flagged blocks; None where it cannot be trained."""
        blocks = [i for i, flag in enumerate(flags) if flag]
        node = family.node(number, blocks, seed)
        if node is None:
            if isinstance(family, BlockFilters):
                self.problem = family.tuner.problem
            return None
        stage = Stage({**self.conversion.plain_outputs(), "filter": node})
        graph = self.conversion.finish([stage])
        runner = Runner(graph, self.exact.metadata, self.n_threads)
        if self.is_measured:
            # Beside the full ranking, so that a slow moment falls on both.
            beside = (self.ranked, self.ranking.method)
            own, whole = costs_of([(runner, "filter"), beside], sample)
            cost = own / whole * self.full_cost
        else:
            assert isinstance(family, BlockFilters)
            cost = family.given_cost(blocks)
        names = [family.names[i] for i in blocks]
        return Filter(names, stage, runner, cost, family.rest_of(blocks, self.full_cost))

    def _choose(
        self, parts: Sequence[Any], seed: int, sample: Any, *, is_real: bool
    ) -> tuple[Filter | None, Doubles]:
        """The filter of the least expected cost on the select queries, and what it
        needs there; None where none costs less than the full ranking."""
        from tqdm import tqdm

        full = [self._full(part) for part in parts]
        draws = _draws([len(scores) for scores in full], seed, is_real=is_real)
        best, least, needed = None, self.full_cost, np.zeros(0)
        with tqdm(desc="filters", unit="model", disable=None, leave=False) as bar:
            for family in self.families:
                tried, expected = b"", np.zeros(0)
                while (flags := _propose(family, tried, expected, least)) is not None:
                    bar.update()
                    number, cost = len(expected), np.inf
                    found = self._filter(family, number, flags, seed + number, sample)
                    if found is not None:
                        scores = [self._scores(found, part) for part in parts]
                        seen = self._needed(scores, full)
                        pool, exact = np.concatenate(scores), np.concatenate(full)
                        drawn = self._needed([pool[d] for d in draws], [exact[d] for d in draws])
                        share = _core.topk_share(np.concatenate([seen, drawn]), self.ks)
                        cost = found.cost + min(share, 1.0) * found.rest_cost
                        if cost < least:
                            best, least, needed = found, cost, seen
                    tried, expected = tried + flags, np.append(expected, cost)
        return best, needed

    # ---- the job ----------------------------------------------------------

    def run(self, queries: Queries, costs: Any, seed: int) -> CompiledModel:
        target = self.target
        self.alpha = 1.0 - target.share
        self.delta = 0.0 if target.confidence is None else 1.0 - target.confidence
        n_select = _core.topk_n_select(len(queries), self.alpha, self.delta)
        select, certify = queries.parts[:n_select], queries.parts[n_select:]
        largest = min(max(queries.sizes), MAX_K)
        self.ks = np.arange(1, largest + 1, dtype=np.uint64)
        if target.k is not None:
            self.ks = np.array([target.k], np.uint64)
        sample = take_rows(select[0], np.arange(min(COST_ROWS, n_rows_of(select[0]))))
        self.measure(sample, costs)
        best, needed = self._choose(select, seed, sample, is_real=queries.is_real)
        if best is None:
            return self._unfiltered()
        scores = [self._scores(best, part) for part in certify]
        certified = self._needed(scores, [self._full(part) for part in certify])
        bounds = _core.topk_certify(needed, certified, self.ks, self.alpha, self.delta)
        return self._finish(best, bounds, queries, n_select)

    def _full(self, part: Any) -> Doubles:
        interface = self.exact._interface
        assert interface is not None
        scores = self.ranking.of(interface.run(self.ranking.method, part))
        return np.ascontiguousarray(scores, np.float64)

    def _scores(self, found: Filter, part: Any) -> Doubles:
        """The filter's, of the rows of a query."""
        return np.ascontiguousarray(found.runner("filter", part), np.float64).reshape(-1)

    def _needed(self, scores: Sequence[Doubles], full: Sequence[Doubles]) -> Doubles:
        """Of each query and K, the share of the rows that a filter must keep."""
        recall, ks = float(self.target.recall), self.ks
        rows = [
            _core.topk_needed(own, exact, recall, ks)
            for own, exact in zip(scores, full, strict=True)
        ]
        return np.concatenate(rows) if rows else np.zeros(0)

    # ---- results ----------------------------------------------------------

    def _unfiltered(self) -> CompiledModel:
        why = "no filter is cheaper than the full ranking"
        if self.problem:
            why += f" ({self.problem})"
        message = f"no filter was certified: {why}"
        if self.strict:
            raise CertificateError(message)
        message += "; every row is ranked by the exact pipeline"
        warnings.warn(message, NotCertifiedWarning, stacklevel=4)
        return self.exact

    def _finish(
        self, best: Filter, bounds: Mapping[str, Any], queries: Queries, n_select: int
    ) -> CompiledModel:
        sizes = [min(queries.sizes), max(queries.sizes)]
        told = {
            "method": self.ranking.method,
            "column": self.ranking.column,
            "ks": bounds["ks"],
            "shares": bounds["shares"],
            "n_rows": sizes,
        }
        rule = Rule.of({"top_k": told})
        assert rule is not None
        counts = [rule.candidates(sizes[1], k) for k in bounds["ks"]]
        # Of the Ks that are asked for: those that chose the filter.
        asked = [c for k, c in zip(bounds["ks"], counts, strict=True) if k <= sizes[1] / 10]
        share = float(np.mean(asked or counts[:1])) / sizes[1]
        expected = best.cost + min(share, 1.0) * best.rest_cost
        if min(counts) >= sizes[1] or expected >= self.full_cost:
            self.problem = f"the best one must keep {share:.0%} of a query's rows"
            return self._unfiltered()
        is_certified = bool(bounds["is_certified"])
        needed = int(bounds["queries_needed"]) + 1  # and one that chooses
        certificate = self._certificate(best, queries, n_select, is_certified=is_certified)
        certificate |= {
            "queries_needed": needed,
            "blocks": best.blocks,
            "candidates": {str(k): n for k, n in zip(bounds["ks"], counts, strict=True)},
            "expected_cost": expected,
            "exact_cost": self.full_cost,
            "costs_measured": self.is_measured,
            "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        }
        if not is_certified:
            self._warn_of_estimate(len(queries), needed)
        extra = {"top_k": told, "certificate": certificate}
        return self._compiled(self.conversion.artifact([best.stage], extra))

    def _warn_of_estimate(self, n: int, needed: int) -> None:
        message = (
            f"the filter is estimated, not certified: X_cal makes {n} queries, and certifying a "
            f"share of {self.target.share:g} {self._confidence()} takes {needed}"
        )
        if self.strict:
            raise CertificateError(message)
        warnings.warn(message, NotCertifiedWarning, stacklevel=5)

    def _confidence(self) -> str:
        confidence = self.target.confidence
        return "on average" if confidence is None else f"with confidence {confidence:g}"

    def _certificate(
        self, best: Filter, queries: Queries, n_select: int, *, is_certified: bool
    ) -> dict[str, Any]:
        target, sizes = self.target, (min(queries.sizes), max(queries.sizes))
        rows = f"{sizes[0]}" if sizes[0] == sizes[1] else f"{sizes[0]} to {sizes[1]}"
        which = "every K at once" if target.k is None else f"K = {target.k}"
        if target.k is None and sizes[1] > MAX_K:
            which = f"every K up to {MAX_K} at once"
        promise = (
            f"{self._confidence()}, the candidates hold at least {target.recall:g} of the exact "
            f"top K in at least a share of {target.share:g} of queries of {rows} rows, for {which}"
        )
        source = "the queries of X_cal were" if queries.is_real else "the rows of X_cal were"
        return {
            "kind": "top_k",
            "is_estimated": not is_certified,
            "promise": promise if is_certified else f"estimated, not certified: {promise}",
            "assumption": f"later queries are drawn independently, as {source}",
            "per": "query",
            "recall": float(target.recall),
            "target": target.share,
            "confidence": target.confidence,
            "method": "largest seen"
            if not is_certified
            else "conformal quantile"
            if target.confidence is None
            else "order-statistic tolerance bound",
            "ranking": self.ranking.method,
            "k": target.k,
            "query_rows": list(sizes),
            "n_rows_given": sum(queries.sizes) + queries.unused,
            "n_select_queries": n_select,
            "n_queries": len(queries) - n_select,
        }


def optimize_top_k(
    conversion: Any,
    X: Any,
    y: Any,
    X_cal: Any,
    target: TopKRecall,
    *,
    costs: Any,
    seed: int,
    n_threads: int | None,
    strict: bool,
    is_held_out: bool,
) -> CompiledModel:
    """What `optimize` does for `TopKRecall`."""
    tuner = FilterTuner(conversion, X, y, target, strict=strict, n_threads=n_threads)
    inputs = tuner.exact._model.inputs
    is_text = bool(inputs) and all(kind == "text" for _, kind, _, _ in inputs)
    queries = Queries(X_cal, target, seed, is_text=is_text)
    if not is_held_out:
        keys = Runner(conversion.finish(), tuner.exact.metadata, n_threads).keys
        check_not_training(queries.parts, X, keys)
    model = tuner.run(queries, costs, seed)
    warn_of_python_steps(model._reasons, stacklevel=4)
    return model
