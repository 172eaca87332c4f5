"""What functions do to columns, against pandas and NumPy on random frames."""

from __future__ import annotations

import datetime as dt
import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import willump
from graph_interpreter import Interpreter
from hypothesis import given, settings
from hypothesis import strategies as st
from willump.capture.capture import follow

INTS = st.one_of(st.integers(-5, 5), st.integers(-(2**31), 2**31))
FLOATS = st.one_of(
    st.sampled_from([0.0, -0.0, 1.5, -2.5, math.nan, math.inf, -math.inf, 1e308, 5e-324, 0.1]),
    st.floats(allow_nan=True, allow_infinity=True),
)
SINGLES = st.floats(width=32, allow_nan=True, allow_infinity=True)
TEXTS = st.one_of(
    st.sampled_from(["", "a", "A", "b", " x ", "ΑΣ", "ß", "İ", "a,b", "12", "Été", math.nan]),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=6).filter(lambda s: "\0" not in s),
)

MOMENTS = st.one_of(
    st.none(),
    st.sampled_from(["2020-02-29", "1969-12-31 23:59:59.999999", "1900-03-01", "2000-12-31"]).map(
        pd.Timestamp
    ),
    st.datetimes(dt.datetime(1700, 1, 1), dt.datetime(2200, 1, 1)),
)

DTYPES = {
    "i": "int64", "j": "int64", "x": "float64", "y": "float64", "w": "float32", "p": "bool",
    "q": "bool", "s": "str", "t": "str", "o": "object", "d": "datetime64[us]",
    "e": "datetime64[us]",
}  # fmt: skip
CELLS = {
    "i": INTS, "j": INTS, "x": FLOATS, "y": FLOATS, "w": SINGLES, "p": st.booleans(),
    "q": st.booleans(), "s": TEXTS, "t": TEXTS, "o": st.one_of(TEXTS, st.none()),
    "d": MOMENTS, "e": MOMENTS,
}  # fmt: skip


def frame_of(rows: list[tuple[Any, ...]], index: Any = None) -> pd.DataFrame:
    columns = list(zip(*rows, strict=True)) or [()] * len(CELLS)
    return pd.DataFrame(
        {
            name: pd.Series(list(cells), dtype=DTYPES[name], index=index)
            for name, cells in zip(CELLS, columns, strict=True)
        }
    )


PLAIN = (0, 1, 0.0, 1.0, 0.5, True, False, "a", "b", "a", None, None)


def rows_of(fast: Any) -> st.SearchStrategy[list[tuple[Any, ...]]]:
    """Rows that differ in the columns that the function reads."""
    read = {name for name, *_ in fast._model.inputs}
    cells = [
        strategy if name in read else st.just(plain)
        for (name, strategy), plain in zip(CELLS.items(), PLAIN, strict=True)
    ]
    return st.lists(st.tuples(*cells), min_size=1, max_size=6)


DAY = pd.Timestamp("2021-05-06 07:08:09.101112")
SAMPLE = frame_of(
    [
        (1, 2, 0.5, -1.5, 0.25, True, False, "a", "b", "a", DAY, None),
        (-3, 4, math.nan, 2.0, 1.5, False, False, "B c", "", None, None, DAY),
        (7, 1, 3.25, 1.0, -2.0, True, True, math.nan, "Été", math.nan, DAY, DAY),
    ]
)

TABLE = pd.Series([1.5, 2.5, math.nan], index=["a", "b", ""])
WORDS = pd.Series(["one", math.nan, "three"], index=[1, 2, 3], dtype="str")

#: Functions of a frame; each gives a Series or an array.
FUNCTIONS: list[Callable[[pd.DataFrame], Any]] = [
    lambda f: f["i"] + f["j"],
    lambda f: f["i"] - f["x"],
    lambda f: f.x * f.y + 1,
    lambda f: f["x"] / f["y"],
    lambda f: f["i"] / f["j"],
    lambda f: f["x"] // f["y"],
    lambda f: f["x"] % f["y"],
    lambda f: f["i"] // 3 + f["j"] % -4,
    lambda f: 10 - f["i"] * 2,
    lambda f: 1.0 / f["x"],
    lambda f: f["w"] * 0.1 + f["w"],
    lambda f: f["w"] + f["x"],
    lambda f: -f["x"],
    lambda f: -f["i"],
    lambda f: f["x"] ** 2,
    lambda f: f["i"].abs() + abs(f["x"]),
    lambda f: f["x"].round(2),
    lambda f: np.round(f["x"].to_numpy()),
    lambda f: f["x"] > f["y"],
    lambda f: f["i"] >= 2,
    lambda f: np.less(0.5, f["x"]),
    lambda f: f["x"] == f["y"],
    lambda f: f["x"] != 0.0,
    lambda f: f["w"] < 0.1,
    lambda f: (f["p"] & f["q"]) | ~f["p"],
    lambda f: f["p"] ^ f["q"],
    lambda f: (f["i"] > 0) & (f["x"] < 1.0),
    lambda f: f["s"] == "a",
    lambda f: f["s"] != "a",
    lambda f: f["o"] == "a",
    lambda f: f["o"] != "a",
    lambda f: f["x"].isna(),
    lambda f: f["s"].notna(),
    lambda f: f["o"].isnull(),
    lambda f: f["i"].isna(),
    lambda f: f["x"].fillna(0.5),
    lambda f: f["x"].fillna(f["y"]),
    lambda f: f["w"].fillna(0.1),
    lambda f: f["s"].fillna("a") == "a",
    lambda f: f["o"].fillna("a") == "a",
    lambda f: f["x"].clip(-1, 1),
    lambda f: f["x"].clip(lower=0),
    lambda f: f["i"].clip(upper=3),
    lambda f: np.clip(f["x"].to_numpy(), 0.0, 2.0),
    lambda f: f["i"].between(1, 3),
    lambda f: f["x"].between(f["y"], 2.0, inclusive="left"),
    lambda f: f["i"].isin([1, 2, 99]),
    lambda f: f["x"].isin([0.5, math.nan]),
    lambda f: f["s"].isin(["a", "", "Été"]),
    lambda f: f["s"].isin(["a", math.nan]),
    lambda f: f["s"].map({"a": 1.5, "b": 2.0}),
    lambda f: f["s"].map({"a": 1, "b": 2}),
    lambda f: f["s"].map({"a": 1, "b": 2}).fillna(0).astype(int),
    lambda f: f["s"].map({"a": 1, "b": 2}) * 2 + f["i"],
    lambda f: f["s"].map(TABLE),
    lambda f: f["i"].map({1: 10, 2: 20}),
    lambda f: f["i"].map(WORDS).fillna("none") == "one",
    lambda f: f["x"].where(f["p"], 0.0),
    lambda f: f["x"].where(f["x"] > 0),
    lambda f: f["i"].where(f["p"]),
    lambda f: f["i"].mask(f["q"], -1),
    lambda f: np.where(f["p"], f["x"], f["y"]),
    lambda f: np.where(f["i"] > 2, 1, 0),
    lambda f: np.where(f["x"].isna(), f["y"], f["x"] * 2),
    lambda f: np.select([f["i"] < 0, f["i"] > 3], [f["x"], 1.0], default=math.nan),
    lambda f: f["i"].astype(float),
    lambda f: f["p"].astype(int),
    lambda f: f["x"].astype("float32"),
    lambda f: f["i"].astype(bool),
    lambda f: f["x"].astype(bool),
    lambda f: f["p"].astype(float) * f["x"],
    lambda f: np.sqrt(f["x"]),
    lambda f: np.floor(f["x"]) + np.ceil(f["y"]),
    lambda f: np.sign(f["x"]),
    lambda f: np.maximum(f["x"], f["y"]),
    lambda f: np.minimum(f["x"], 1.0),
    lambda f: np.fmax(f["x"], f["y"]),
    lambda f: np.isnan(f["x"].to_numpy()),
    lambda f: np.isfinite(f["x"]),
    lambda f: np.logical_and(f["p"], f["q"]),
    lambda f: f[["x", "y"]].fillna(0.0).to_numpy(),
    lambda f: f[["i", "j"]].to_numpy(),
    lambda f: f[["i", "x", "w"]].fillna({"x": 1.0}).values,
    lambda f: np.column_stack([f["x"], f["i"], f["x"] > 0.5]),
    lambda f: np.stack([f["x"].to_numpy(), f["y"].to_numpy()], axis=1) * 2.0,
    lambda f: np.concatenate([f[["x"]].to_numpy(), f[["i", "j"]].to_numpy()], axis=1),
    lambda f: np.log1p(np.abs(f[["x", "y"]].to_numpy())),
    lambda f: f["x"].to_numpy().reshape(-1, 1),
    lambda f: f[["x", "y", "i"]].to_numpy()[:, 1:],
    lambda f: f[["x", "y"]].to_numpy()[:, 0],
    lambda f: f.assign(z=f["x"] + 1, k=3)[["z", "k", "i"]].to_numpy(),
    lambda f: f.rename(columns={"x": "y", "y": "x"})["y"],
    lambda f: f.drop(columns=["s", "t", "o", "p", "q", "w", "d", "e"]).to_numpy(),
    lambda f: f.loc[:, "x"] + f.iloc[:, 0],
    lambda f: pd.concat([f[["x"]], f["i"]], axis=1).to_numpy(),
    lambda f: f["s"].str.lower() == "a",
    lambda f: f["s"].str.upper().fillna("-").isin(["A", "SS", "ΑΣ", "-"]),
    lambda f: f["o"].str.lower().fillna("-").isin(["a", "ας", "i̇", "-"]),
    lambda f: f["s"].str.len(),
    lambda f: f["o"].str.len().astype(float),
    lambda f: f["s"].str.contains("a"),
    lambda f: f["s"].str.contains("a|É", na=True),
    lambda f: f["o"].str.contains(",", na=False, regex=False),
    lambda f: f["s"].str.startswith("a"),
    lambda f: f["o"].str.endswith(("a", "Σ"), na=False),
    lambda f: f["s"].str.count("a") + f["o"].str.count(",").astype(float),
    lambda f: f["s"].str[:2] == "a,",
    lambda f: f["s"].str[-2:-1].isin(["Α", ",", ""]),
    lambda f: f["s"].str[1] == ",",
    lambda f: f["o"].str[0].isna(),
    lambda f: f["s"].str.slice(1, 3).str.len(),
    lambda f: f["s"].str.get(-1) == "b",
    lambda f: f["s"].str.strip() == "x",
    lambda f: f["o"].str.lstrip().str.len().astype(float),
    lambda f: f["s"].str.rstrip("x b").str.len(),
    lambda f: f["s"].str.split(",").str[1] == "b",
    lambda f: f["s"].str.split(",").str[-1].str.len(),
    lambda f: f["o"].str.split(",", n=1).str[0].fillna("-").isin(["a", "-"]),
    lambda f: f["s"].str.replace("a", "bb").str.len(),
    lambda f: f["o"].str.replace(",", "", regex=False) == "ab",
    lambda f: f["s"].str.removeprefix("a").str.removesuffix("b") == ",",
    lambda f: (f["s"] + "-" + f["t"]).isin(["a-b", "-", "b-a"]),
    lambda f: ("x" + f["s"]).str.len(),
    lambda f: f["s"].str.cat(f["t"], sep="/").isna(),
    lambda f: f["d"].dt.month.astype(float),
    lambda f: np.where(f["d"].dt.dayofweek >= 5, 1, 0),
    lambda f: f["d"].dt.is_month_end,
    lambda f: f["d"].dt.is_quarter_start | f["d"].dt.is_year_end,
    lambda f: f["d"].dt.is_leap_year,
    lambda f: f["d"].dt.year.fillna(0).astype(int) + 1,
    lambda f: np.column_stack([f["d"].dt.day, f["d"].dt.hour, f["d"].dt.minute, f["x"]]),
    lambda f: np.column_stack([f["d"].dt.second, f["d"].dt.microsecond, f["d"].dt.quarter]) * 1.0,
    lambda f: f["d"].dt.dayofyear * 1.0 + f["d"].dt.days_in_month,
    lambda f: (f["d"] - f["e"]).dt.total_seconds(),
    lambda f: (f["d"] - f["e"]).dt.days,
    lambda f: (f["d"] - f["e"]).dt.seconds,
    lambda f: (f["d"] - pd.Timestamp("2020-02-29")).dt.total_seconds() / 86400,
    lambda f: f["d"] > f["e"],
    lambda f: f["d"] >= pd.Timestamp("2000-01-01 12:00"),
    lambda f: (f["d"] - f["d"].dt.normalize()).dt.total_seconds(),
    lambda f: f["d"].dt.floor("h") == f["d"],
    lambda f: f["d"].isna(),
]


def outcome(function: Callable[[Any], Any], frame: Any) -> Any:
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            return function(frame)
    except Exception as error:
        return error


def check_same(expected: Any, found: Any) -> None:
    if isinstance(expected, Exception):
        assert isinstance(found, type(expected)), (expected, found)
        return
    if isinstance(found, (willump.UnsupportedError, ValueError)) and "2^53" in str(found):
        return
    assert not isinstance(found, Exception), found
    assert type(found) is type(expected)
    assert found.dtype == expected.dtype
    if isinstance(expected, pd.Series):
        pd.testing.assert_series_equal(found, expected, rtol=1e-12, atol=0)
    np.testing.assert_allclose(np.asarray(found), np.asarray(expected), rtol=1e-12, atol=0)


@pytest.mark.parametrize("number", range(len(FUNCTIONS)))
def test_columns_are_those_of_pandas(number: int) -> None:
    function = FUNCTIONS[number]
    fast = willump.compile(function, sample=SAMPLE, strict=True)

    @settings(max_examples=10)
    @given(rows_of(fast))
    def compare(rows: list[tuple[Any, ...]]) -> None:
        frame = frame_of(rows, index=range(3, 3 + len(rows)))
        check_same(outcome(function, frame), outcome(fast, frame))

    compare()


@pytest.mark.parametrize("number", range(len(FUNCTIONS)))
def test_graphs_mean_what_the_reference_says(number: int) -> None:
    """The slow interpreter of docs/graph.md on the same graph."""
    followed = follow(FUNCTIONS[number], SAMPLE, strict=True)
    frame = SAMPLE.copy()
    for name in ("d", "e"):
        micro = frame[name].astype("int64").astype(float)
        frame[name] = micro.where(frame[name].notna())
    (found,) = Interpreter(followed.finish()).run(frame).values()
    expected = np.asarray(outcome(FUNCTIONS[number], SAMPLE), dtype=float)
    np.testing.assert_allclose(
        np.asarray(found, dtype=float).reshape(expected.shape), expected, rtol=1e-12
    )
