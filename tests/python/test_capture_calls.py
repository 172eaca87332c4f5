"""What Python's own code reads of followed values, what its steps are called with, and what
hangs on the call or the batch: answered as plain Python answers, or refused by name."""

from __future__ import annotations

import contextlib
import datetime
import importlib
import random
import time
from typing import Any

import numpy as np
import pandas as pd
import pytest
import willump
from capture_checks import FRAME, check, kept, largest, quiet

# ---- what Python's own code would read ------------------------------------------------------


def looked_up(df: Any) -> Any:
    return df["x"] * {0: 5.0, 1: 6.0}.get(df["n"].sum() % 2, 9.0)


def counted(df: Any) -> Any:
    return df["x"] * [10, 14].count(df["n"].sum())


def suppressed(df: Any) -> Any:
    found = df["x"] * 1.0
    with contextlib.suppress(ValueError):
        found = df["k"].replace({"u": "1", "v": "2", "w": "3"}).astype(float)
    return found


def of_rows(df: Any) -> Any:
    return df.apply(lambda r: {r["n"]: 7}.get(9, 0) + len({r["n"], 2}), axis=1)


@pytest.mark.parametrize("function", [looked_up, counted, kept, largest, suppressed, of_rows])
def test_what_python_reads_is_a_value(function: Any) -> None:
    assert check(function)._steps


def test_a_source_that_was_edited_is_not_followed(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "edited_pipeline.py"
    path.write_text('def scaled(df):\n    return df["y"].clip(-100, 50) * 2\n')
    monkeypatch.syspath_prepend(tmp_path)
    scaled = importlib.import_module("edited_pipeline").scaled
    check(scaled)
    path.write_text('def scaled(df):\n    return df["y"].clip(-100, 60) * 2\n')
    with pytest.raises(willump.UnsupportedError, match="changed since it was loaded"):
        willump.compile(scaled, sample=FRAME)


def test_what_gives_another_answer_with_each_call_is_refused() -> None:
    counted = {"n": 0}

    def counts(df: Any) -> Any:
        counted["n"] += 1
        return df["x"] * counted["n"]

    for function in (
        lambda df: df["x"] + random.random(),
        lambda df: df["x"] * np.random.rand(),  # noqa: NPY002
        lambda df: df["x"] + time.perf_counter(),
        counts,
    ):
        with pytest.raises(willump.UnsupportedError, match="no argument"):
            quiet(willump.compile, function, sample=FRAME)


def test_a_day_is_not_that_of_the_capture() -> None:
    def age(df: Any) -> Any:
        return datetime.date.today().year - df["n"]

    fast = check(age)
    assert "today gives another answer with each call" in fast._reasons[0]

    def since(df: Any) -> Any:
        return df["x"] + time.time() // 1e6

    assert "time gives another answer with each call" in check(since)._reasons[0]


# ---- what Python steps are called with --------------------------------------------------


def test_categories_are_the_samples_in_every_entry() -> None:
    sample = pd.DataFrame({"c": pd.Categorical(list("abca")), "n": [1, 2, 3, 4]})

    def codes(df: Any) -> Any:
        return df["c"].cat.codes.to_numpy() * 10.0 + np.cumsum(df["n"].to_numpy()) * 0

    fast = quiet(willump.compile, codes, sample=sample)
    rows = sample.tail(2).reset_index(drop=True)
    for entry in (rows, rows.to_dict("records"), {"c": ["c", "a"], "n": [3, 4]}):
        assert fast(entry).tolist() == [20.0, 0.0]
    assert fast({"c": "c", "n": 1}).tolist() == [20.0]
    with pytest.raises(ValueError, match=r"unknown categories \['z'\] .*'c'"):
        fast({"c": "z", "n": 1})
    with pytest.raises(ValueError, match=r"'n' holds 1\.5"):
        fast({"c": "a", "n": 1.5})


def test_objects_of_a_step_that_do_not_fit_are_refused() -> None:
    def row(r: Any) -> Any:
        for limit in (0.5, 9):
            if float(format(r["x"], "f")) > 10:
                return limit
        return r["k"] == "u"

    def by_row(df: Any) -> Any:
        return df.apply(row, axis=1).astype(float)

    sample = FRAME.fillna(0.0)
    fast = quiet(willump.compile, by_row, sample=sample)
    assert fast(sample).tolist() == by_row(sample).tolist()
    with pytest.raises(TypeError, match="do not fit"):
        fast(sample.assign(x=[1.0, 20.0, 30.0, 1.0]))


def test_a_step_that_hangs_on_the_batch_is_not_row_wise() -> None:
    def most_frequent(d: Any) -> Any:
        values, counts = np.unique(d["k"].to_numpy(dtype=str), return_counts=True)
        top = values[counts.argmax()]
        return np.array([1.0 if value == top else 0.0 for value in d["k"]])

    def codes(d: Any) -> Any:
        return d["k"].astype("category").cat.codes.to_numpy() * 1.0

    def share(d: Any) -> Any:
        return (d["n"] / d["n"].max()).to_numpy()

    rng = np.random.default_rng(0)
    n = 1000
    is_first = rng.random(n) < 0.6
    sample = pd.DataFrame({"k": np.where(is_first, "u", "v"), "n": rng.integers(1, 11, n)})
    for function in (most_frequent, codes, share):
        fast = quiet(willump.compile, function, sample=sample)
        assert "not row-wise" in str(fast.explain()), function.__name__
