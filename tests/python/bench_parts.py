"""The benchmark's modules and a result of a run, for its tests; the fixtures are in
`conftest.py`."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

BENCH = Path(__file__).parents[2] / "bench"
MODULES = (
    "harness figures workers plots report regression run paper_rule queries measure peers "
    "candidates onnx_peers"
)


@pytest.fixture(scope="module")
def bench() -> Iterator[SimpleNamespace]:
    """Its modules. One has the name of a module of these tests, so both are put back."""
    shadowed = {name: sys.modules.pop(name, None) for name in MODULES.split()}
    path = list(sys.path)
    sys.path.insert(0, str(BENCH))
    try:
        yield SimpleNamespace(**{name: importlib.import_module(name) for name in MODULES.split()})
    finally:
        sys.path[:] = path
        for name, module in list(sys.modules.items()):  # those that these have imported, too
            if Path(getattr(module, "__file__", None) or "").is_relative_to(BENCH):
                del sys.modules[name]
        sys.modules.update({name: module for name, module in shadowed.items() if module})


def entry(role: str, speed: float, **more: Any) -> dict[str, Any]:
    """A candidate that is so many times as fast as plain Python."""
    wobble = np.array([1.0, 1.01, 0.99, 1.02, 0.98])
    return {
        "role": role,
        "status": "ok",
        "off": {"100": [0, 100], "1000": [0, 1_000], "one row": [0, 50]},
        "build_seconds": 0.5,
        "batch_seconds": {str(n): list(n * 1e-5 / speed * wobble) for n in (100, 1_000)},
        "row_seconds": list(1e-3 / speed * np.tile(wobble, 10)),
        **more,
    }


CERTIFICATE = {
    "blocks": ["words"],
    "share_leaving": 0.8,
    "expected_cost": 50.0,
    "exact_cost": 100.0,
    "curve": [
        {"share_leaving": 0.5, "share_wrong": 0.0, "cost": 70.0},
        {"share_leaving": 1.0, "share_wrong": 0.02, "cost": 40.0},
    ],
}


UNTOUCHED = {"n_rows": 500, "n_broken": 3, "missed": False, "beyond_chance": False}


@pytest.fixture
def content() -> dict[str, Any]:
    """What a run might have found."""
    work = {
        "title": "rows: a model",
        "kind": "binary",
        "data": "registry",
        "n_train": 10,
        "n_later": 1_000,
        "n_fresh": 500,
        "n_features": 3,
        "sizes": [100, 1_000],
        "rows_of_a_turn": 5,
        "paper": {"compiled": 15.0},
        "candidates": {
            "plain Python": entry("plain", 1.0),
            "Willump": entry("willump", 100.0, artifact_bytes=1_000_000, load_seconds=0.001),
            "cascade, Agreement(0.99)": entry(
                "cascade",
                200.0,
                target="Agreement(0.99)",
                certificate=CERTIFICATE,
                untouched=dict(UNTOUCHED),
            ),
            "right": entry("peer", 10.0),
            "wrong": entry("peer", 1_000.0, status="wrong", reason="5 %", off={"1000": [5, 1_000]}),
            "gone": {"role": "peer", "status": "missing", "reason": "No module named 'gone'"},
        },
        "queries": [
            {
                "k": 20,
                "query_rows": 100,
                "status": "ok",
                "blocks": ["words"],
                "recalls": [1.0, 0.95],
                "n_queries": 2,
                "n_missed": 0,
                "beyond_chance": False,
                "vs_exact": [2.0, 1.9, 2.1, 7],
                "vs_plain": [90.0, 80.0, 99.0, 7],
            },
            {"k": 1_000, "query_rows": 0, "status": "cannot", "reason": "too few rows"},
        ],
        "paper_rule": {"status": "cannot", "reason": "no cheap block"},
    }
    machine = {"cpu": "a CPU", "cores": 2, "isa": ["x86_64"], "python": "3.11", "packages": {}}
    return {
        "machine": machine,
        "is_quick": True,
        "workloads": {"toxic": work, "music": {"error": "no such file"}},
        "vocabulary": [{"n_terms": 1_000, "ratio": [3.0, 2.9, 3.1, 7]}],
    }
