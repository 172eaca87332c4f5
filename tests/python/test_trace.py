"""`willump.trace`: what lines and nodes cost."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import willump
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

RNG = np.random.default_rng(0)
ROWS = pd.DataFrame({"key": RNG.integers(0, 50, 3_000), "x": RNG.normal(size=3_000)})
ITEMS = pd.DataFrame({"key": np.arange(40), "v": RNG.normal(size=40)})
WORDS = np.array(["red", "blue", "green", "ink", "paper"])
TEXTS = [" ".join(RNG.choice(WORDS, 5)) for _ in range(400)]


def function(f: pd.DataFrame) -> Any:
    joined = f.merge(ITEMS, on="key", how="left")
    ratio = joined["x"] / (joined["v"].fillna(1.0) ** 2 + 1.0)
    return np.column_stack([ratio, joined["x"].clip(0.0, 1.0)])


def stepping(f: pd.DataFrame) -> Any:
    twice = f["x"] * 2.0
    sizes = f["x"].map(lambda value: len(repr(value)))
    return np.column_stack([twice, sizes])


def check(found: willump.Trace) -> None:
    parts = [found.inputs, found.rest, *(one.nanoseconds for one in found.lines)]
    assert min(parts) >= 0.0
    assert sum(parts) == pytest.approx(found.nanoseconds)
    assert sum(found.costs) == pytest.approx(found.nanoseconds - found.rest)
    assert found.name in str(found)
    assert "<table>" in found._repr_html_()


def test_lines_of_a_function_carry_its_costs() -> None:
    found = willump.trace(function, ROWS)
    check(found)
    assert found.n_rows == len(ROWS)
    by_text = {one.text.strip(): one for one in found.lines}
    computing = [one for text, one in by_text.items() if text.startswith(("joined", "ratio"))]
    assert all(one.kind == "native" for one in computing)
    assert sum(one.nanoseconds for one in computing) > 0.0
    assert "%" not in found.graphs[""].splitlines()[0]
    assert set(found.graphs) > {"", "tabulate", "clean"}


def test_a_python_step_costs_its_time_and_says_why() -> None:
    with pytest.warns(willump.PythonStepWarning):
        fast = willump.compile(stepping, sample=ROWS)
    found = willump.trace(fast, ROWS)
    check(found)
    (python,) = [one for one in found.lines if one.kind == "python"]
    native = [one.nanoseconds for one in found.lines if one.kind == "native"]
    assert python.reasons
    assert python.nanoseconds > max(native)


@pytest.mark.parametrize("n_rows", [1, 400])
def test_nodes_of_a_pipeline_carry_its_costs(n_rows: int) -> None:
    pipeline = make_pipeline(TfidfVectorizer(), LogisticRegression())
    pipeline.fit(TEXTS, [text.startswith("red") for text in TEXTS])
    found = willump.trace(pipeline, TEXTS[:n_rows])
    check(found)
    dearest = max(found.lines, key=lambda one: one.nanoseconds)
    assert "count(" in dearest.text  # the first of those that are fused
    assert len(found.lines) + 1 == len([t for t in found.graphs[""].splitlines() if t[0] == "%"])


def test_a_row_as_a_dict_and_a_loaded_function() -> None:
    fast = willump.compile(function, sample=ROWS)
    row = {"key": 3, "x": 0.5}
    again = willump.from_bytes(fast.to_bytes())
    found = willump.trace(again, row)
    check(found)
    assert found.n_rows == 1
    assert len(found.lines) == len(willump.trace(fast, ROWS).lines)
