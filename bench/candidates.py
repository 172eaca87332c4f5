"""Plain Python and Willump's levels, as candidates of a comparison."""

from __future__ import annotations

import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import willump
from figures import OURS, PLAIN
from harness import kept_bytes
from workers import CannotError, Engine
from workloads import Workload, true_scores

SAMPLE = 1_000  # rows on which a function is followed
SIZES = (100, 1_000, 10_000)  # rows of a batch
MAX_FRESH = 30_000  # rows that calibrate, at most, and at most half of the later ones
LEAST_FRESH = 0.4  # of the later ones that calibrate, for the sake of the largest batch


@dataclass
class Candidate:
    """`role`: "plain", "willump", "cascade" or "peer"; a peer may be `slow` to make, and then
    is left out of the quick set."""

    name: str
    role: str
    build: Callable[[], Engine]
    facts: dict[str, Any] = field(default_factory=dict)
    is_slow: bool = False


def one_row(frame: Any) -> Any:
    """A frame of one row as a dict."""
    return {name: column[0] for name, column in frame.to_dict("list").items()}


def plain(work: Workload) -> Candidate:
    def build() -> Engine:
        return Engine(work.function, model=lambda matrix: true_scores(work.model, matrix))

    return Candidate(PLAIN, "plain", build)


def compile_of(work: Workload, n_threads: int = 1) -> Any:
    """The workload's function, compiled; refused where a part that should not stays Python."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the Python step, where the workload has one
        return willump.compile(
            work.function,
            sample=work.train.head(SAMPLE),
            strict=work.is_native,
            n_threads=n_threads,
        )


def _row_entries(work: Workload) -> dict[str, Callable[[Any], Any]]:
    """A dict is a row without a frame; Python steps take frames only."""
    return {"a dict": one_row} if work.is_native else {}


def _more_entries(work: Workload) -> dict[str, Callable[[Any], Any]]:
    """And, where it is there, what peers that read polars are given."""
    entries = _row_entries(work)
    if entries and find_spec("polars"):
        import polars

        entries["a polars frame"] = polars.from_pandas
    return entries


def saved_facts(fast: Any) -> dict[str, Any]:
    """The file's size, the time to load it and the memory that it then takes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.willump"
        try:
            fast.save(path)
        except willump.UnsupportedError as error:
            return {"not_saved": str(error).splitlines()[0][:160]}
        taken = []
        for _ in range(5):
            start = time.perf_counter()
            willump.load(path)
            taken.append(time.perf_counter() - start)
        return {
            "artifact_bytes": path.stat().st_size,
            "load_seconds": float(np.median(taken)),
            "kept_bytes": kept_bytes(path),
        }


def compiled(work: Workload, n_threads: int = 1) -> Candidate:
    def build() -> Engine:
        fast = compile_of(work, n_threads)
        alone = None
        if n_threads == 1:
            model = willump.compile(work.model, strict=True)

            def alone(matrix: Any) -> np.ndarray:
                return true_scores(model, matrix)

        def info() -> dict[str, Any]:
            return saved_facts(fast) if n_threads == 1 else {}

        entries = _more_entries(work) if n_threads == 1 else {}  # one row has one thread
        return Engine(fast, row_entries=entries, model=alone, info=info)

    name = OURS if n_threads == 1 else f"{OURS}, {n_threads} threads"
    return Candidate(name, "willump", build, {"n_threads": n_threads})


# ---- cascades -------------------------------------------------------------------


@dataclass(frozen=True)
class Asked:
    """A target, what it is called, and how often a later row may break it."""

    name: str
    target: Any
    may_break: float


def targets_of(work: Workload, is_quick: bool) -> list[Asked]:
    if work.kind == "regression":
        asked = [
            Asked(
                f"Tolerance(rel=0.1, share={share})",
                willump.Tolerance(rel=0.1, share=share),
                1.0 - share,
            )
            for share in (0.99, 0.999)
        ]
    else:
        asked = [
            Asked(f"Agreement({rate})", willump.Agreement(rate), 1.0 - rate)
            for rate in (0.99, 0.999)
        ]
        asked.append(Asked("Accuracy(0.001)", willump.Accuracy(0.001), 0.001))
    return asked[:1] if is_quick else asked


def n_fresh(work: Workload) -> int:
    """The first of the later rows calibrate; the others stay untouched. Half of them, or
    somewhat fewer where the others are then enough for the largest batch."""
    n = len(work.later)
    spare = n - SIZES[-1]
    return min(MAX_FRESH, spare if LEAST_FRESH * n <= spare < n // 2 else n // 2)


def cascade(work: Workload, asked: Asked) -> Candidate:
    def build() -> Engine:
        n = n_fresh(work)
        options: dict[str, Any] = {}
        if isinstance(asked.target, willump.Accuracy):
            options["y_cal"] = work.later_labels[:n]
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            fast = willump.optimize(
                work.function,
                work.train,
                work.labels,
                X_cal=work.later.head(n),
                target=asked.target,
                duplicates="traffic",
                random_state=0,
                **options,
            )
        certificate = fast.metadata.get("certificate")
        if certificate is None:
            refused = [w for w in caught if issubclass(w.category, willump.NotCertifiedWarning)]
            raise CannotError(str((refused or caught)[0].message) if caught else "no certificate")

        def info() -> dict[str, Any]:
            told = {
                "certificate": certificate,
                "untouched": judge(work, asked, fast, n),
                **saved_facts(fast),
            }
            if work.fetched is not None:
                told["fetched"] = count_fetches(work, fast, n)
            return told

        return Engine(fast, row_entries=_row_entries(work), info=info)

    return Candidate(f"cascade, {asked.name}", "cascade", build, {"target": asked.name})


def judge(work: Workload, asked: Asked, fast: Any, n: int) -> dict[str, Any]:
    """How the promise holds on rows that nothing has touched."""
    rows, labels = work.later.iloc[n:], work.later_labels[n:]
    exact, answers = compile_of(work)(rows), fast(rows)
    if work.kind == "regression":
        exact, answers = np.asarray(exact), np.asarray(answers)
        broken = np.abs(answers - exact) > 0.1 * np.abs(exact)
        return _judged(asked, len(rows), int(broken.sum()))
    ours, theirs = work.label_of(answers), work.label_of(exact)
    differ = ours != theirs
    is_right, was_right = ours == labels, theirs == labels
    told = {
        "agreement": float(1.0 - differ.mean()),
        "accuracy_loss": float(was_right.mean() - is_right.mean()),
    }
    if isinstance(asked.target, willump.Accuracy):
        harms = int((was_right & ~is_right).sum())
        gains = int((is_right & ~was_right).sum())
        return {**told, **_judged(asked, len(rows), max(0, harms - gains), harms + gains)}
    return {**told, **_judged(asked, len(rows), int(differ.sum()))}


def _judged(asked: Asked, n: int, broken: int, spread: int | None = None) -> dict[str, Any]:
    """`missed`: more than promised; `beyond_chance`: more than sampling these rows explains,
    at three standard deviations and a half. The deviation is that of a count of `broken`
    rows, or of a difference of counts that are `spread` in sum."""
    allowed = asked.may_break * n
    deviation = np.sqrt(allowed if spread is None else max(spread, 1))
    return {
        "n_rows": n,
        "n_broken": broken,
        "missed": bool(broken > allowed),
        "beyond_chance": bool(broken > allowed + 3.5 * deviation),
    }


def count_fetches(work: Workload, fast: Any, n: int) -> dict[str, int]:
    """Rows that the plain function and a compiled one fetch from the store for the same
    rows."""
    assert work.fetched is not None
    rows, counts = work.later.iloc[n : n + 2_000].reset_index(drop=True), []
    for call in (work.function, fast):
        before = work.fetched()
        call(rows)
        counts.append(work.fetched() - before)
    return {"n_rows": len(rows), "plain": counts[0], "cascade": counts[1]}
