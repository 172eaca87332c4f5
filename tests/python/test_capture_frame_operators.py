"""Operators on frames, column by column, and assignments to several columns, against pandas."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import willump
from capture_frames import (
    CELLS,
    SAMPLE,
    check_random_frames,
    check_same,
    frame_of,
    outcome,
)
from hypothesis import given, settings
from hypothesis import strategies as st

DAY = pd.Timestamp("2020-02-29")


def flags(f: Any) -> Any:
    g = f.copy()
    g[["s", "t"]] = (g[["s", "t"]] == "a").astype(int)
    return g["s"] + 2 * g["t"] + g["i"]


def renamed(f: Any) -> Any:
    g = f[["i", "x"]].copy()
    g[["x_low", "i_low"]] = g[["x", "i"]] < 1
    return g["x_low"] & ~g["i_low"]


def swapped(f: Any) -> Any:
    g = f.copy()
    g[["x", "y"]] = g[["y", "x"]] * 2
    return g["x"] - f["x"]


def in_place(f: Any) -> Any:
    g = f[["x", "y", "i"]].copy()
    g[["x", "y"]] *= 2
    g[["x", "y"]] += 1.5
    return g[["x", "y"]].to_numpy()


def of_matrix(f: Any) -> Any:
    g = f.copy()
    g[["x", "z"]] = f[["y", "x"]].to_numpy()
    return g["z"] - g["x"] + g["i"]


FLAGS = pd.DataFrame({"s": ["a", "b", ""], "l": [True, False, True]})


def with_flags(f: Any) -> Any:
    """Booleans, which are objects where a row is not in the table."""
    return f[["s", "p", "x"]].merge(FLAGS, on="s", how="left")


def with_kinds(f: Any) -> Any:
    """Columns whose dtype the rows decide."""
    m = f["s"].map({"a": 1, "B c": 29, "b": 2})
    c = f["s"].astype(pd.CategoricalDtype(["b", "a"]))
    return f.assign(m=m, n=f["d"].dt.day, c=c)


#: Functions of a frame that are native as a whole.
FUNCTIONS: list[Callable[[pd.DataFrame], Any]] = [
    flags, renamed, swapped, in_place, of_matrix,
    lambda f: (f[["s", "t"]] == "a").to_numpy(),
    lambda f: f[["s", "o"]].ne("b").to_numpy(),
    lambda f: (f[["x", "i", "w"]] > 0)["w"],
    lambda f: (f[["x", "i", "w", "b"]] <= 1).astype("int8")["b"] + 1,
    lambda f: (f[["i", "j"]] * 2).to_numpy(),
    lambda f: (f[["b", "u", "h"]] * 2)["b"] + 1,
    lambda f: (f[["b", "u"]] + 1)["u"],
    lambda f: 1.5 - f[["x", "y", "i"]].to_numpy()[:, 0] + (1.5 - f[["x", "w"]])["w"],
    lambda f: (f[["w", "x"]] * 0.1)["w"],
    lambda f: (f[["w", "x"]] / np.float64(0.1))["w"],
    lambda f: f[["x", "y"]].div(7).sub(1).mul(2.5).to_numpy(),
    lambda f: (f[["i", "j"]] // 3).to_numpy(),
    lambda f: (f[["i", "x"]] % 3)["i"],
    lambda f: (f[["x", "y"]] ** 2).to_numpy(),
    lambda f: (-f[["x", "i"]])["i"],
    lambda f: f[["x", "i"]].abs().to_numpy(),
    lambda f: abs(f[["x", "i", "s"]][["x"]])["x"],
    lambda f: (~(f[["x", "y"]] > 0)).to_numpy(),
    lambda f: (~f[["p", "q"]] & True)["q"],
    lambda f: (f[["p", "q"]] | False).astype(float).to_numpy(),
    lambda f: ((f[["x", "y"]] > 0) & (f[["x", "y"]] < 2)).to_numpy(),
    lambda f: (f[["x", "i"]] - f[["x", "i"]] / 3)["i"],
    lambda f: f[["x", "y"]].mul(f["w"], axis=0).to_numpy(),
    lambda f: f[["x", "i"]].div(f["y"], axis="index").to_numpy(),
    lambda f: (f[["p", "q"]] * 2 + 1).to_numpy(),
    lambda f: (f[["d", "e"]] >= DAY).to_numpy(),
    lambda f: (f[["d", "e"]] - DAY)["e"].dt.total_seconds(),
    lambda f: (f[["d", "e"]] + pd.Timedelta("36h"))["d"].dt.day.astype(float),
    lambda f: f[["i", "x"]].isin([1, 0.5, 7])["x"],
    lambda f: f[["s", "o"]].isin(["a", ""]).to_numpy(),
    lambda f: f[["s", "i", "x"]].isin({"s": ["a", "b"], "i": (1, 7)}).to_numpy(),
    lambda f: f[["i", "j"]].isin(np.array([1, 2, -3])).to_numpy(),
    lambda f: f[["x", "y"]].isin({np.nan, 1.0}).to_numpy(),
    lambda f: f[["x", "s", "i", "p", "d"]].round(1)["x"],
    lambda f: f[["x", "s", "i", "p", "d"]].round()["s"].str.len() * 1.0,
    lambda f: f[["w", "i"]].round(2).to_numpy(),
    lambda f: f[["p", "i", "b"]].astype(float).to_numpy(),
    lambda f: f[["p", "i", "b"]].astype({"p": int, "b": "int64"})[["p", "i", "b"]].to_numpy(),
    lambda f: f[["x", "s"]].fillna({"x": 0.5}).astype({"x": "float32"})["x"],
    lambda f: f[["x", "y"]].fillna(0.0).clip(-9, 9).astype(int).to_numpy(),
    lambda f: (f[["x", "y"]].fillna(-1) >= 0).astype(int).to_numpy(),
    lambda f: (f[["x", "y"]].isna() * 2).to_numpy(),
    lambda f: (with_kinds(f)[["m", "i"]] * 2).astype(float).to_numpy(),
    lambda f: (with_kinds(f)[["m", "n", "i"]] > 1).to_numpy(),
    lambda f: (with_kinds(f)[["n", "m"]] + 1)["n"].astype(float),
    lambda f: (with_kinds(f)[["n", "m"]] / 2 + with_kinds(f)[["n", "m"]]).to_numpy(),
    lambda f: with_kinds(f)[["m", "n", "x"]].isin([1, 29]).to_numpy(),
    lambda f: (with_flags(f)[["l", "p"]] == True).to_numpy(),  # noqa: E712
    lambda f: with_flags(f)[["l", "p"]].astype(float).to_numpy(),
    lambda f: with_kinds(f)[["m", "n"]].fillna(0).astype(int).to_numpy(),
    lambda f: (with_kinds(f)[["c", "s"]] == "a").to_numpy(),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(FUNCTIONS)))
def test_frames_are_those_of_pandas(number: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check_random_frames(FUNCTIONS[number], 8)


def guessed(f: Any) -> Any:
    """Of which Python computes two columns."""
    g = f.copy()
    g[["x", "y"]] = g[["x", "y"]].apply(lambda c: c * 2 if len(c) else c)
    g["i"] = g["i"] + 1
    return g["i"] * 2 + g["x"] - g["y"].fillna(0.0)


def of_rows(f: Any) -> Any:
    """The array is not native, and not all of its columns are used."""
    g = f.copy()
    g[["u1", "x", "u2"]] = np.sort(f[["x", "y", "w"]].to_numpy(), axis=1)
    return g["x"] + g["i"]


def reordered(f: Any) -> Any:
    """The columns have another index than the frame."""
    g = f.copy()
    g[["x", "y"]] = f[["x", "y"]][::-1].reset_index(drop=True)
    return g["i"] + 1


def as_categories(f: Any) -> Any:
    g = f[["i", "s"]].astype({"i": float, "s": "category"})
    return g["i"] + 0.5


@pytest.mark.parametrize("function", [guessed, of_rows, reordered, as_categories])
def test_other_columns_stay_native(function: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fast = willump.compile(function, sample=SAMPLE)

        @settings(max_examples=10)
        @given(st.lists(st.tuples(*CELLS.values()), min_size=0, max_size=5))
        def compare(rows: list[tuple[Any, ...]]) -> None:
            frame = frame_of(rows, index=range(3, 3 + len(rows)))
            found = outcome(fast, frame)
            if not isinstance(found, TypeError):  # what the sample's dtype does not hold
                check_same(outcome(function, frame), found)

        compare()
    step_lines = [line for line in str(fast.explain()).splitlines() if "python" in line.lower()]
    assert not any("g['i'] + 1" in line for line in step_lines), step_lines


@pytest.mark.parametrize(
    "function",
    [
        lambda f: (f[["x", "y"]] - f["x"])["x"].fillna(0.0),
        lambda f: (f[["x", "y"]] + f[["y", "x"]])["x"],
        lambda f: (f[["x", "y"]] * [1, 2])["y"],
        lambda f: (f[["x", "y"]] > np.array([0, 1]))["y"],
        lambda f: f[["x", "y"]].add(1, fill_value=0)["y"],
        lambda f: (f[["i", "s"]] == "a")["i"],
        lambda f: f[["x", "i"]].isin(f["x"])["i"],
        lambda f: f[["x", "y"]].round({"x": 1})["x"],
    ],
)
def test_what_pandas_aligns_is_answered_alike_or_refused(function: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            fast = willump.compile(function, sample=SAMPLE)
        except willump.UnsupportedError:
            return
        for rows in (SAMPLE, SAMPLE.iloc[:1], SAMPLE.iloc[[2, 0]]):
            check_same(outcome(function, rows), outcome(fast, rows))
