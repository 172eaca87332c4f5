"""Top-K queries of a workload: the certified filter against the exact ranking of the
compiled function, and against plain Python that scores all rows and sorts."""

from __future__ import annotations

import time
import warnings
from typing import Any

import numpy as np
import willump
from candidates import compile_of
from harness import interleave, interval
from scipy.stats import binom
from workers import CannotError
from workloads import Workload

RECALL, SHARE = 0.95, 0.95
CERTIFYING = 60  # queries, the fewest that certify
CALIBRATE = 0.7  # of the later rows
MOST_ROWS = 10_000  # of a query
LEAST_TIMES_K = 2  # rows of a query, for each of its K


def measure_queries(work: Workload, is_quick: bool) -> list[dict[str, Any]]:
    """For each K what was found, or why there is nothing."""
    if work.kind == "multiclass":
        raise CannotError("the function returns labels, which do not rank")
    exact = compile_of(work)
    return [_one(work, exact, k) for k in ((20,) if is_quick else (20, 100, 1_000))]


def query_size(n_later: int, k: int) -> int:
    """Rows of a query: as many as certify, 0 where those are too few for the K."""
    size = min(int(CALIBRATE * n_later) // CERTIFYING, MOST_ROWS)
    return size if size >= LEAST_TIMES_K * k else 0


def _one(work: Workload, exact: Any, k: int) -> dict[str, Any]:
    size = query_size(len(work.later), k)
    entry: dict[str, Any] = {"k": k, "query_rows": size}
    if size == 0:
        needed = LEAST_TIMES_K * k * CERTIFYING
        return {**entry, "status": "cannot", "reason": f"too few rows: {needed} have to calibrate"}
    n_cal = CERTIFYING * size
    start = time.perf_counter()
    target = willump.TopKRecall(RECALL, share=SHARE, confidence=0.95, query_size=size, k=k)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fast = willump.optimize(
            work.function,
            work.train,
            work.labels,
            X_cal=work.later.head(n_cal),
            target=target,
            duplicates="traffic",
            random_state=0,
        )
    entry["optimize_seconds"] = time.perf_counter() - start
    certificate = fast.metadata.get("certificate")
    if certificate is None or certificate["is_estimated"]:
        reasons = [w for w in caught if issubclass(w.category, willump.NotCertifiedWarning)]
        reason = str(reasons[0].message) if reasons else "not certified"
        return {**entry, "status": "cannot", "reason": reason}
    queries = _cut(work.later.iloc[n_cal:], size)
    recalls = [_recall(exact, fast, query, k) for query in queries]
    n_missed = int(np.sum(np.array(recalls) < RECALL - 1e-9))
    timed = queries[:5]
    times = interleave(
        {
            "plain": lambda: _by_hand(work, timed[0], k),
            "exact": lambda: [exact.top_k(query, k) for query in timed],
            "filtered": lambda: [fast.top_k(query, k) for query in timed],
        },
        7,
    )
    seconds = {name: timing.seconds for name, timing in times.items()}
    return {
        **entry,
        "status": "ok",
        "candidates": certificate["candidates"].get(str(k)),
        "blocks": certificate["blocks"],
        "recalls": recalls,
        "n_queries": len(queries),
        "n_missed": n_missed,
        "beyond_chance": bool(n_missed > binom.ppf(0.999, len(queries), 1 - SHARE)),
        "vs_exact": interval(seconds["exact"], seconds["filtered"]),
        "vs_plain": interval(seconds["plain"], seconds["filtered"], float(len(timed))),
        "exact_vs_plain": interval(seconds["plain"], seconds["exact"], float(len(timed))),
    }


def _cut(rows: Any, size: int) -> list[Any]:
    return [
        rows.iloc[start : start + size].reset_index(drop=True)
        for start in range(0, len(rows) - size + 1, size)
    ]


def _recall(exact: Any, fast: Any, query: Any, k: int) -> float:
    return float(np.isin(exact.top_k(query, k)[0], fast.top_k(query, k)[0]).mean())


def _by_hand(work: Workload, query: Any, k: int) -> np.ndarray:
    return np.argsort(-np.asarray(work.function(query)), kind="stable")[:k]
