"""Loading: the time to a first answer, and what a loaded model keeps of memory, by what
keeps it (memory.c; the terms are explained there).
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import willump
from harness import kept_bytes, show
from sklearn.ensemble import RandomForestClassifier
from tree_saved import build, run

SEED, N_ROWS, N_COLUMNS = 0, 20_000, 10


def _lightgbm(n: int, leaves: int, X: Any, y: Any) -> Any:
    rate = min(0.1, 100 / n)
    kind = lgb.LGBMClassifier
    model = kind(n_estimators=n, num_leaves=leaves, learning_rate=rate, verbose=-1, n_jobs=1)
    return model.fit(X, y)


def _models(X: Any, y: Any) -> Iterator[tuple[str, Any, int, int]]:
    """Models, with their numbers of splits and of the doubles in their leaves."""
    for n, leaves in [(500, 63), (10_000, 31)]:
        model = _lightgbm(n, leaves, X, y)
        yield f"{n}x{leaves}", model, n * (leaves - 1), n * leaves
        if n == 500:
            yield f"Booster {n}x{leaves}", model.booster_, n * (leaves - 1), n * leaves
    forest = RandomForestClassifier(100, n_jobs=1, random_state=SEED).fit(X, y)
    n_leaves = sum(tree.get_n_leaves() for tree in forest.estimators_)
    yield "unpruned forest of 100", forest, n_leaves - 100, 2 * n_leaves


def _seconds(path: Path, row: Any) -> float:
    seconds = []
    for _ in range(7):
        start = time.perf_counter()
        willump.load(path).predict(row)
        seconds.append(time.perf_counter() - start)
    return float(np.median(seconds))


def _memory(program: Path, paths: list[Any], n_splits: int, n_values: int) -> dict[str, float]:
    printed = [int(n) for n in run([program, *paths, N_ROWS, N_COLUMNS]).split()]
    first, resident, loaded, row, batch, slack = printed
    values, artifact = 8 * n_values, Path(paths[2]).stat().st_size
    per_split = {
        "resident": resident - values,
        "in use": loaded - values,
        "artifact": artifact - values,
        "plan": loaded - artifact,
        "one row": row,
        "batch": batch,
        "slack": slack,
    }
    return {"first model": first, **{k: v / n_splits for k, v in per_split.items()}}


def measure_loading(library: str | None) -> dict[str, Any]:
    rng = np.random.default_rng(SEED)
    X = rng.normal(size=(N_ROWS, N_COLUMNS))
    y = (X[:, 0] + X[:, 1] * X[:, 2] + rng.normal(size=len(X)) > 0).astype(int)
    content: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        program = build("memory", folder, library)
        path, small, table = (folder / n for n in ("m.willump", "small.willump", "rows"))
        willump.compile(_lightgbm(3, 4, X, y)).save(small)
        X.tofile(table)
        for label, model, n_splits, n_values in _models(X, y):
            willump.compile(model).save(path)
            content[label] = {
                "first answer, ms": _seconds(path, X[:1]) * 1e3,
                "resident in Python": (kept_bytes(path) - 8 * n_values) / n_splits,
            }
            if program is not None:
                paths = [library, small, path, table]
                content[label] |= _memory(program, paths, n_splits, n_values)
    titles = list(next(iter(content.values())))
    show(
        "load to first answer (median); bytes a split besides leaf values, of a process's "
        "second model, and all bytes of its first",
        ["trees", *titles],
        [[label, *(f"{entry[t]:.1f}" for t in titles)] for label, entry in content.items()],
    )
    return content
