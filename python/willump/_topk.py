"""`optimize` for `TopKRecall`: a cheap filter in front of the ranking, certified.

The core makes every choice (`_core.topk_*`, src/tune/topk.h): which features a
filter is trained on, how many rows it keeps, and what that promises. Python
trains and scores. A filter is scored by the very graph that is deployed.
"""

from __future__ import annotations

import datetime
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from . import _core
from ._calibration import check_not_training
from ._compiled import CompiledModel, warn_of_python_steps
from ._errors import CertificateError, NotCertifiedWarning, UnsupportedError
from ._filters import BlockFilters, Family, Filter, Shown, prefixes_of, propose
from ._first_stages import FirstStages, read_matrix
from ._frames import n_rows_of, take_rows
from ._graph import Stage
from ._queries import Queries, draws_of, sets_of
from ._rank import Ranking, Rule, ranking_of
from ._runner import Runner, check_rows_alone, costs_of
from ._targets import TopKRecall

Doubles = npt.NDArray[np.float64]

#: Rows on which costs are measured: a query's, as what a call costs is part of it.
COST_ROWS = 10_000
#: Queries whose rows are asked by themselves, small ones together.
ASKED_QUERIES = 20
#: A promise for every K holds up to this one.
MAX_K = 20_000
#: Which output of a graph a method shows, for what ranks.
OUTPUTS = {
    "predict": "prediction",
    "predict_proba": "proba",
    "decision_function": "decision",
    "score_samples": "score",
}


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
        prefixes = prefixes_of(conversion, shown)
        if prefixes is not None:
            self.families.append(prefixes)
        read_matrix(conversion, x)
        if conversion.blocks() and conversion.model.model_input is not None:
            stages = FirstStages(conversion, x, y, n_threads=n_threads)
            self.families.append(BlockFilters(stages, shown, lambda: self._full(x)))
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
                self.problem = family.stages.problem
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
        draws = draws_of([len(scores) for scores in full], seed, is_real=is_real)
        sizes = np.array([len(query) for query in [*full, *draws]], np.uint64)
        best, least, needed = None, self.full_cost, np.zeros(0)
        with tqdm(desc="filters", unit="model", disable=None, leave=False) as bar:
            for family in self.families:
                tried, expected = b"", np.zeros(0)
                while (flags := propose(family, tried, expected, least)) is not None:
                    bar.update()
                    number, cost = len(expected), np.inf
                    found = self._filter(family, number, flags, seed + number, sample)
                    if found is not None:
                        scores = [self._scores(found, part) for part in parts]
                        seen = self._needed(scores, full)
                        pool, exact = np.concatenate(scores), np.concatenate(full)
                        drawn = self._needed([pool[d] for d in draws], [exact[d] for d in draws])
                        both = np.concatenate([seen, drawn])
                        share = _core.topk_share(both, sizes, self.ks)
                        cost = found.cost + share * found.rest_cost
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
        asked = [k for k in bounds["ks"] if k <= sizes[1] / 10] or bounds["ks"][:1]
        share = float(np.mean([_kept(rule, queries.sizes, k) for k in asked]))
        expected = best.cost + share * best.rest_cost
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
            self._warn_of_estimate(queries, needed)
        extra = {"top_k": told, "certificate": certificate}
        return self._compiled(self.conversion.artifact([best.stage], extra))

    def _warn_of_estimate(self, queries: Queries, needed: int) -> None:
        message = (
            f"the filter is estimated, not certified: {queries.source} makes {len(queries)} "
            f"queries, and certifying a share of {self.target.share:g} {self._confidence()} takes "
            f"{needed}"
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
        return {
            "kind": "top_k",
            "is_estimated": not is_certified,
            "promise": promise if is_certified else f"estimated, not certified: {promise}",
            "assumption": queries.assumption,
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
            "n_rows_given": queries.n_rows,
            "n_select_queries": n_select,
            "n_queries": len(queries) - n_select,
        }


def _kept(rule: Rule, sizes: Sequence[int], k: int) -> float:
    """Of the rows of the queries that have more than k, the part that a filter keeps."""
    counted = [(n, times) for n, times in Counter(sizes).items() if n > k]
    rows = sum(n * times for n, times in counted)
    kept = sum(rule.candidates(n, k) * times for n, times in counted)
    return kept / rows if rows else 1.0


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
    counts_once: bool,
) -> CompiledModel:
    """What `optimize` does for `TopKRecall`."""
    tuner = FilterTuner(conversion, X, y, target, strict=strict, n_threads=n_threads)
    inputs = tuner.exact._model.inputs
    is_text = bool(inputs) and all(kind == "text" for _, kind, _, _ in inputs)
    keys = Runner(conversion.finish(), tuner.exact.metadata, n_threads).keys
    queries = Queries(
        X_cal, target, seed,
        is_text=is_text, keys=keys if counts_once else None, is_held_out=is_held_out,
    )  # fmt: skip
    if not is_held_out:
        check_not_training(queries.parts, X, keys)
    queries.warn_of_duplicates()
    # What is found has the pipeline's own scores, and nothing looks at them again.
    check_rows_alone(conversion, [X, *sets_of(queries.parts[:ASKED_QUERIES])], exactly=True)
    model = tuner.run(queries, costs, seed)
    warn_of_python_steps(model._reasons, stacklevel=4)
    return model
