"""What functions do to columns, against pandas and NumPy on random frames."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import willump
from capture_frames import LARGE, SAMPLE, check_random_frames, check_same, outcome
from graph_interpreter import Interpreter
from hypothesis import given, settings
from hypothesis import strategies as st
from willump.capture import nullable
from willump.capture.capture import follow
from willump.capture.zones import changes

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
    lambda f: f.drop(
        columns=["s", "t", "o", "p", "q", "w", "d", "e", "n", "c", "b", "u", "h", "k", "z", "g"]
    ).to_numpy(),
    lambda f: f.loc[:, "x"] + f.iloc[:, 0],
    lambda f: pd.concat([f[["x"]], f["i"]], axis=1).to_numpy(),
    lambda f: f["b"] + f["b"] * 3,
    lambda f: (-f["b"]).astype(float),
    lambda f: -f["u"] > 100,
    lambda f: f["u"] - f["b"],
    lambda f: f["u"] * f["u"] - 1,
    lambda f: f["b"].abs() - f["h"].abs(),
    lambda f: f["h"] ** 2 + f["b"] ** 2,
    lambda f: f["h"] * f["k"],
    lambda f: f["h"] // -3 + f["b"] % 7,
    lambda f: f["k"] + f["i"] * f["p"],
    lambda f: f["b"] * f["w"] + f["h"],
    lambda f: f["k"] * f["w"],
    lambda f: f["u"] / f["b"],
    lambda f: f["i"].astype("int16") + f["k"].astype("uint8"),
    lambda f: f["b"].astype("uint8").astype("int64"),
    lambda f: f["p"].astype("int8") - f["b"],
    lambda f: f["x"].clip(-100, 100).fillna(0.0).astype("int8") * 2,
    lambda f: f.astype({"k": "int8"})["k"] + 1,
    lambda f: np.where(f["p"], f["b"], f["u"]) * 2,
    lambda f: f["b"].where(f["p"], 1) * 2,
    lambda f: f["b"].clip(lower=-5) + f["b"].mask(f["q"], 0),
    lambda f: np.maximum(f["b"], f["u"]) * np.minimum(f["h"], 5),
    lambda f: f[["b", "u"]].to_numpy(),
    lambda f: f[["b", "h"]].to_numpy()[:, 0] * 2,
    lambda f: np.column_stack([f["b"] * 2, f["k"], f["x"]]),
    lambda f: f["w"].round(2) + f["w"].round(),
    lambda f: np.round(f["w"].to_numpy(), -1),
    lambda f: f["w"] // 0.1,
    lambda f: f["w"] // -3 + f["w"] % 0.7,
    lambda f: f["w"].to_numpy() // f["b"].to_numpy(),
    lambda f: (f["w"] * 8.5) % f["w"],
    lambda f: f["w"] * f["h"] - f["u"] / f["w"],
    lambda f: f["w"].between(f["h"], 0.1) | (f["w"] == np.float64(0.1)),
    lambda f: f["w"].where(f["p"], 0.1),
    lambda f: f["w"].mask(f["w"] < 0) * 3,
    lambda f: f["w"].where(f["q"], f["w"].abs() * 0.1),
    lambda f: np.where(f["p"], f["w"], 0.1),
    lambda f: np.where(f["p"], f["w"], f["b"]) * 0.1,
    lambda f: np.where(f["p"], f["w"], f["i"]),
    lambda f: np.where(f["p"], f["x"], f["w"]),
    lambda f: np.select([f["p"], f["q"]], [0.1, f["w"]], default=0.7),
    lambda f: f.assign(v=f["w"].mask(f["q"], 16777217))["v"],
    lambda f: f["b"].between(-5, 100) & (f["u"] < f["b"]) & f["h"].isin([0, 1, -32768]),
    lambda f: f["b"].to_numpy() * 2 + f["b"].fillna(0).to_numpy(),
    lambda f: f["u"].map({0: 1, 255: 2}).astype(float),
    lambda f: f["b"].astype(str).str.len() + f["u"],
    lambda f: f["b"].map(lambda v: -v) * 1.0,
    lambda f: f[["b", "u", "x"]].apply(lambda r: r["b"] * 2.0 + r["u"], axis=1),
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
    lambda f: f["s"].str.rsplit(",", n=1).str[0].str.len(),
    lambda f: f["c"].str.rsplit("aa").str[-1].str.len(),
    lambda f: f["c"].str.rsplit("a", n=2).str[1].fillna("-").isin(["", "-", "b"]),
    lambda f: f["t"].str.split().str[-1].str.len(),
    lambda f: f["o"].str.split(n=1).str[1].fillna("-").isin(["x", "-", "1"]),
    lambda f: f["s"].str.find("a") + f["o"].str.rfind(",").astype(float),
    lambda f: f["c"].str.find("aa") - f["c"].str.rfind("a"),
    lambda f: f["s"].str.find("").astype(float) + f["s"].str.rfind("").fillna(-2),
    lambda f: f["c"].str.title().str.find("a"),
    lambda f: (
        f["c"].str.title().isin(["A", "Aσ", "Aς", "ΣA", "Ss", "Ssa", "A Σ", "1A", "ʼNa", "ǅ"])
    ),
    lambda f: f["c"].astype(object).str.title().isin(["A", "Aσ", "Aς", "Σa", "Ss", "ʼNa", "ǅ"]),
    lambda f: f["c"].str.title().str.len() + f["c"].str.title().str.lower().str.count("σ"),
    lambda f: f["c"].str.capitalize().isin(["A", "Aσ", "Aς", "ΣA", "Ssa", "A Σ", "ʼNa", "ǅ"]),
    lambda f: f["o"].str.capitalize().fillna("-").isin(["A", "Ss", "Aς", "-", " x "]),
    lambda f: f["n"].astype(float),
    lambda f: f["n"].astype("float64") * 2.0,
    lambda f: f["n"].astype(int),
    lambda f: f["n"].str.slice(0, 3).astype(int) + 1,
    lambda f: pd.to_numeric(f["n"]).astype(float),
    lambda f: pd.to_numeric(f["n"], errors="coerce").astype(float),
    lambda f: pd.to_numeric(f["s"], errors="coerce").fillna(-1.0) * 0.5,
    lambda f: pd.to_numeric(f["o"], errors="coerce").isna(),
    lambda f: pd.to_numeric(f["n"], errors="coerce") / f["x"],
    lambda f: f["o"].str.split(",", n=1).str[0].fillna("-").isin(["a", "-"]),
    lambda f: f["s"].str.replace("a", "bb").str.len(),
    lambda f: f["o"].str.replace(",", "", regex=False) == "ab",
    lambda f: f["s"].str.removeprefix("a").str.removesuffix("b") == ",",
    lambda f: (f["s"] + "-" + f["t"]).isin(["a-b", "-", "b-a"]),
    lambda f: ("x" + f["s"]).str.len(),
    lambda f: f["s"].str.cat(f["t"], sep="/").isna(),
    lambda f: f["d"].dt.month.astype(float),
    lambda f: np.where(f["d"].dt.dayofweek >= 5, 1, 0),
    lambda f: (f["d"].dt.microsecond * f["d"].dt.dayofyear * 12).astype(float),
    lambda f: f["d"].dt.is_month_end,
    lambda f: f["d"].dt.is_quarter_start | f["d"].dt.is_year_end,
    lambda f: f["d"].dt.is_leap_year,
    lambda f: f["d"].dt.year.fillna(0).astype(int) + 1,
    lambda f: np.column_stack([f["d"].dt.day, f["d"].dt.hour, f["d"].dt.minute, f["x"]]),
    lambda f: np.column_stack([f["d"].dt.second, f["d"].dt.microsecond, f["d"].dt.quarter]) * 1.0,
    lambda f: f["d"].dt.dayofyear * 1.0 + f["d"].dt.days_in_month,
    lambda f: (f["d"] - f["e"]).dt.total_seconds(),
    lambda f: (f["d"] - f["e"]).dt.days.astype(float),
    lambda f: (f["d"] - f["e"]).dt.seconds.astype(float),
    lambda f: (f["d"] - pd.Timestamp("2020-02-29")).dt.total_seconds() / 86400,
    lambda f: f["d"] > f["e"],
    lambda f: f["d"] >= pd.Timestamp("2000-01-01 12:00"),
    lambda f: (f["d"] - f["d"].dt.normalize()).dt.total_seconds(),
    lambda f: f["d"].dt.floor("h") == f["d"],
    lambda f: (f["d"].dt.round("h") - f["e"].dt.ceil("15min")).dt.total_seconds(),
    lambda f: (f["d"].dt.ceil("D") - f["e"].dt.round("2ms")).dt.total_seconds(),
    lambda f: (
        (f["d"] - f["e"]).dt.round("7D").dt.total_seconds() + (f["d"] - f["e"]).dt.ceil("h").dt.days
    ),
    lambda f: f["d"].isna(),
    lambda f: f["z"].dt.hour.astype(float) + f["z"].dt.day_of_year * 100.0,
    lambda f: f["z"].dt.minute * 1.0 + f["g"].dt.day * 100.0,
    lambda f: f["z"].dt.second * 1.0 + f["z"].dt.year * 100.0,
    lambda f: f["z"].dt.is_month_end | f["g"].dt.is_month_start,
    lambda f: f["z"].dt.strftime("%H:%M") == "02:00",
    lambda f: (f["z"] - f["g"]).dt.total_seconds(),
    lambda f: (f["z"] - pd.Timestamp("2020-01-01", tz="Asia/Tokyo")).dt.total_seconds(),
    lambda f: (f["z"] + pd.Timedelta("30min")).dt.hour.astype(float),
    lambda f: (f["z"] > f["g"]) | (f["z"] <= pd.Timestamp("2001-01-01", tz="UTC")),
    lambda f: f["z"].isna() | f["g"].notna(),
    lambda f: f["z"].dt.tz_convert("America/New_York").dt.hour.astype(float),
    lambda f: f["z"].dt.tz_convert("Asia/Kolkata").dt.tz_localize(None).dt.minute.astype(float),
    lambda f: (f["z"].dt.tz_localize(None) - f["z"].dt.tz_convert(None)).dt.total_seconds(),
    lambda f: f["d"].dt.tz_localize("UTC").dt.tz_convert("Europe/Lisbon").dt.hour.astype(float),
    lambda f: f["d"].dt.tz_localize("+02:30") > f["z"],
    lambda f: f["z"].dt.tz_localize(None).dt.floor("D") == f["d"].dt.normalize(),
    lambda f: (f["z"].dt.normalize() - f["z"]).dt.total_seconds(),
    lambda f: (f["z"] - f["z"].dt.floor("2h")).dt.total_seconds(),
    lambda f: (f["z"].dt.round("D") - f["g"].dt.ceil("30min")).dt.total_seconds(),
    lambda f: f["d"].dt.tz_localize("Europe/Paris") > f["z"],
    lambda f: f["s"].str.pad(4, side="both", fillchar="*") == "*A**",
    lambda f: f["s"].str.center(5, fillchar="é").isin(["ééaéé", "éa,bé", "é12éé", "éé12é"]),
    lambda f: f["o"].str.ljust(3).fillna("-").isin(["a  ", "12 ", "-"]),
    lambda f: f["s"].str.rjust(3, "0") == "00a",
    lambda f: f["s"].str.zfill(3).isin(["012", "00a", "000", "a,b"]),
    lambda f: ("-" + f["s"]).str.zfill(4).isin(["-012", "-00a", "-000"]),
    lambda f: f["s"].str.isdigit(),
    lambda f: f["s"].str.isalpha() & ~f["s"].str.isalnum(),
    lambda f: f["s"].str.isspace() | f["s"].str.isnumeric() | f["s"].str.isdecimal(),
    lambda f: f["s"].str.isupper(),
    lambda f: f["s"].str.islower(),
    lambda f: f["d"].dt.strftime("%Y-%m-%d").isin(["2020-02-29", "1969-12-31"]),
    lambda f: f["d"].dt.strftime("%H:%M:%S.%f %j%%").str.len(),
    lambda f: f["i"].astype(str).isin(["1", "-1", "2147483648"]),
    lambda f: (f["i"].astype(str) + "_" + f["s"]).str.len(),
    lambda f: np.digitize(f["x"], [-1.0, 0.0, 0.5, 2.0]),
    lambda f: np.digitize(f["x"], [-1.0, 0.0, 0.0, 2.0], right=True),
    lambda f: np.digitize(f["i"], [0, 2, 4]),
    lambda f: np.searchsorted([0.0, 0.25, 1.5], f["w"]),
    lambda f: np.searchsorted(np.array([0.0, 0.25, 1.5]), f["x"].to_numpy(), side="right"),
    lambda f: pd.cut(f["x"], [-1.0, 0.0, 0.5, 2.0], labels=False),
    lambda f: pd.cut(f["x"], [-2.5, 0.0, 1.5], labels=False, right=False) == 1,
    lambda f: pd.cut(f["i"], [-3, 0, 2, 9], include_lowest=True, labels=False) * 1.0,
    lambda f: pd.cut(f["x"], [-1, 0, 2], labels=["low", "high"]) == "high",
    lambda f: pd.cut(f["x"], [-1, 0, 2], labels=["low", "high"]).isna(),
    lambda f: pd.cut(f["x"], [-1, 0, 2]).cat.codes.astype(int) + 1,
    lambda f: pd.cut(f["x"], [-1, 0, 2], labels=["low", "high"]).astype(str) == "low",
    lambda f: pd.get_dummies(pd.cut(f["x"], [-1, 0, 2], labels=["l", "h"]), dtype=int).to_numpy(),
]


@pytest.mark.parametrize("number", range(len(FUNCTIONS)))
def test_columns_are_those_of_pandas(number: int) -> None:
    check_random_frames(FUNCTIONS[number])


@pytest.mark.parametrize("number", range(len(FUNCTIONS)))
def test_graphs_mean_what_the_reference_says(number: int) -> None:
    """The slow interpreter of docs/graph.md on the same graph."""
    followed = follow(FUNCTIONS[number], SAMPLE, strict=True)
    frame = SAMPLE.copy()
    for name in ("d", "e", "z", "g"):
        micro = frame[name].astype("int64").astype(float)
        frame[name] = micro.where(frame[name].notna())
    (found,) = Interpreter(followed.finish()).run(frame).values()
    expected = np.asarray(outcome(FUNCTIONS[number], SAMPLE), dtype=float)
    np.testing.assert_allclose(
        np.asarray(found, dtype=float).reshape(expected.shape), expected, rtol=1e-12
    )


def test_narrow_columns_hold_what_the_sample_could() -> None:
    fast = willump.compile(lambda f: f["b"] * 2, sample=SAMPLE, strict=True)
    assert fast({"b": 100}).tolist() == [-56]
    assert fast(pd.DataFrame({"b": [100, -3]})).dtype == np.int8
    for value in (128, -129, 0.5, None):
        with pytest.raises(TypeError, match=r"column 'b' holds .*int8"):
            fast({"b": value})
        with pytest.raises(TypeError, match=r"column 'b' holds .*int8"):
            fast(pd.DataFrame({"b": [1.0, value]}, dtype=float))


def test_narrow_columns_of_tables_that_may_miss_are_not_computed_with() -> None:
    table = pd.DataFrame({"s": ["a", "x"], "v": np.array([100, 3], dtype="int8")})

    def product(f: pd.DataFrame) -> Any:
        return (f.merge(table, on="s", how="left")["v"] * 2).astype(float)

    with pytest.raises(willump.UnsupportedError, match="int8 where no row is missing"):
        willump.compile(product, sample=SAMPLE, strict=True)


NULLABLE: list[Callable[[pd.DataFrame], Any]] = [
    lambda f: f["v"].astype(float),
    lambda f: f["v"].to_numpy(dtype=float, na_value=np.nan),
    lambda f: f["v"].fillna(f["v"].dtype.type(1)).astype(float) * 0.5,
    lambda f: f["v"].isna() | f["s"].notna(),
    lambda f: f["v"].astype("int64"),
    lambda f: f["v"].fillna(f["v"].dtype.type(1)).astype(bool),
    lambda f: f["s"].fillna("b").astype("str").str.upper() == "B",
    lambda f: f["s"].astype("str").str.len().astype(float),
    lambda f: f[["v"]].astype(float).to_numpy(),
    lambda f: (f["v"] + f["v"]).fillna(0).astype(float),
    lambda f: (f["v"] == 1).fillna(False).astype(bool),
    lambda f: (f["s"] == "a").fillna(False).astype(bool),
    lambda f: f["s"].str.len().fillna(0).astype(float),
]


@pytest.mark.parametrize("dtype", [*nullable.NUMBERS, "Float32", "UInt64"])
@pytest.mark.parametrize("text", ["string[python]", "string[pyarrow]"])
@pytest.mark.filterwarnings("ignore::willump.PythonStepWarning")
def test_nullable_columns_are_those_of_pandas(dtype: str, text: str) -> None:
    """Native where they are, and never other than pandas."""
    pytest.importorskip("pyarrow")
    is_bool = "bool" in dtype
    cells = [True, None, False, True] if is_bool else [1, None, 0, 7]
    frame = pd.DataFrame(
        {"v": pd.Series(cells, dtype=dtype), "s": pd.Series(["a", None, "b", ""], dtype=text)}
    )
    n_native = 0
    for function in NULLABLE:
        expected = outcome(function, frame.iloc[[0, 2]])
        if isinstance(expected, Exception):
            continue
        fast = willump.compile(function, sample=frame.iloc[[0, 2]])
        n_native += not fast._reasons
        for rows in (frame, frame.iloc[[2, 3]], frame.iloc[[1]]):
            check_same(outcome(function, rows), outcome(fast, rows))
        if not fast._reasons and not isinstance(outcome(function, frame), Exception):
            found = fast({"v": cells, "s": ["a", None, "b", ""]})
            np.testing.assert_array_equal(found, np.asarray(function(frame)))
    assert n_native >= (0 if dtype in ("Float32", "UInt64") else 4)


#: Of two nullable columns of whole numbers, two of booleans and NumPy's: each is boolean.
TRUTHS: list[Callable[[pd.DataFrame], Any]] = [
    lambda f: f["v"] > 1,
    lambda f: f["v"] >= 0.5,
    lambda f: (f["v"] == f["u"]) | (f["v"] < f["i"]),
    lambda f: f["v"] != f["u"],
    lambda f: f["a"] & f["b"],
    lambda f: f["a"] | f["b"],
    lambda f: f["a"] ^ (f["b"] == True),  # noqa: E712
    lambda f: ~f["a"] & (f["v"] > 0) | False,
    lambda f: f["p"] ^ f["a"] | f["p"] & f["b"],
    lambda f: f["v"] + f["u"] * 2 > f["i"] - f["v"],
    lambda f: (f["v"] != f["v"] / 2) & True,
]


def _set_where(f: pd.DataFrame, truth: Any) -> Any:
    g = f.copy()
    g.loc[truth, "x"] = 7.0
    return g["x"]


USES: list[Callable[[pd.DataFrame, Any], Any]] = [
    lambda f, truth: truth.astype(float),
    lambda f, truth: truth.fillna(True).astype(bool),
    lambda f, truth: truth.isna(),
    lambda f, truth: f["x"].where(truth, 9.0),
    lambda f, truth: f["x"].mask(truth, 9.0),
    _set_where,
]


#: Sums of Int8, and Arrow's float64, are left to Python.
TRUTHS_OF = [
    (number, whole)
    for whole, left in (("Int64", ()), ("Int8", (9, 10)), ("int64[pyarrow]", (10,)))
    for number in range(len(TRUTHS))
    if number not in left
]


@pytest.mark.parametrize(("number", "whole"), TRUTHS_OF)
def test_nullable_logic_is_that_of_pandas(number: int, whole: str) -> None:
    pytest.importorskip("pyarrow")
    truth, rng = TRUTHS[number], np.random.default_rng(number)
    boolean = "bool[pyarrow]" if "pyarrow" in whole else "boolean"

    def column(cells: Any, dtype: str, share: float) -> pd.Series:
        return pd.Series(cells, dtype=object).mask(rng.random(60) < share, None).astype(dtype)

    def frame(share: float) -> pd.DataFrame:
        own = {name: column(rng.integers(-3, 4, 60), whole, share) for name in "vu"}
        own |= {name: column(rng.random(60) < 0.5, boolean, share) for name in "ab"}
        own |= {"i": pd.Series(rng.integers(-3, 4, 60)), "p": pd.Series(rng.random(60) < 0.5)}
        return pd.DataFrame(own | {"x": rng.choice([0.5, math.nan, -1.0], 60)})

    for use in USES:

        def function(f: pd.DataFrame, use: Any = use) -> Any:
            return use(f, truth(f))

        for sample in (frame(0.0), frame(0.3)):
            fast = willump.compile(function, sample=sample, strict=True)
            for rows in (frame(0.0), frame(0.3), frame(1.0)):
                check_same(outcome(function, rows), outcome(fast, rows))


def test_numpy_logic_of_nullable_columns_stays_python() -> None:
    frame = pd.DataFrame({"a": pd.Series([True, False], dtype="boolean")})
    for function in (
        lambda f: np.logical_and(f["a"], f["a"]).astype(float),
        lambda f: np.logical_not(f["a"]).astype(float),
        lambda f: np.where(f["a"], 1.0, 0.0),
    ):
        with pytest.raises(willump.UnsupportedError):
            willump.compile(function, sample=frame, strict=True)
    with pytest.raises(willump.UnsupportedError, match="boolean, which is nullable"):
        willump.compile(lambda f: f["a"] | f["a"], sample=frame)


def test_nullable_columns_hold_what_the_sample_could() -> None:
    frame = pd.DataFrame({"v": pd.Series([1, None], dtype="Int8")})
    fast = willump.compile(lambda f: f["v"].astype(float), sample=frame, strict=True)
    np.testing.assert_array_equal(fast({"v": [3, None, 4.0]}), [3.0, math.nan, 4.0])
    for value in (128, 0.5, True, "1", math.inf):
        with pytest.raises(TypeError, match=r"column 'v' holds .*Int8"):
            fast({"v": [value]})


def parses_days(f: pd.DataFrame) -> Any:
    return pd.to_datetime(f["s"], format="%Y-%m-%d").dt.day_of_year.astype(float)


def parses_seconds(f: pd.DataFrame) -> Any:
    moment = pd.to_datetime(f["s"], format="%d/%m/%Y %H:%M:%S")
    return (moment - pd.Timestamp("2000-01-01")).dt.total_seconds()


@pytest.mark.parametrize(
    ("function", "format"),
    [(parses_days, "%Y-%m-%d"), (parses_seconds, "%d/%m/%Y %H:%M:%S")],
)
def test_text_of_a_fixed_format_is_parsed_as_pandas_does(function: Any, format: str) -> None:
    rng = np.random.default_rng(5)
    seconds = rng.integers(-8_000_000_000, 8_000_000_000, 3000)
    text = pd.Series(seconds.astype("datetime64[s]")).dt.strftime(format).astype("str")
    text[rng.random(3000) < 0.1] = None
    frame = pd.DataFrame({"s": text})
    fast = willump.compile(function, sample=frame.head(20), strict=True)
    check_same(function(frame), fast(frame))
    good = frame["s"].dropna().iloc[0]
    bad = ["", "x", good[:-1], good + " ", " " + good, good.replace(good[0], "٣", 1)]
    bad += [good.replace(good[:2], "99", 1).replace(good[3:5], "31", 1), "2021-02-29", "2020-00-10"]
    bad += ["31/04/2020 00:00:00", "01/01/2020 24:00:00", "01/01/2020 10:60:00"]
    for value in bad:
        plain = outcome(function, pd.DataFrame({"s": pd.Series([value], dtype="str")}))
        found = outcome(fast, {"s": [value]})
        if isinstance(plain, Exception):
            assert isinstance(found, ValueError), value
        elif not isinstance(found, ValueError):  # refused, or the same
            np.testing.assert_array_equal(found, np.asarray(plain))


@st.composite
def damaged(draw: Any, format: str) -> str:
    """A moment's text, some of its characters others, more or fewer."""
    moment = draw(st.datetimes(dt.datetime(1700, 1, 1), dt.datetime(2200, 1, 1)))
    text = list(pd.Timestamp(moment).strftime(format))
    if format.endswith("%f"):
        text = text[: len(text) - draw(st.integers(0, 5))]
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.integers(0, len(text) - 1))
        text[at : at + draw(st.integers(0, 1))] = draw(
            st.sampled_from("0123569 -/:.TZ+٣x\t") | st.just("")
        )
    return "".join(text)


@pytest.mark.parametrize("errors", ["raise", "coerce"])
@pytest.mark.parametrize(
    "format",
    [
        "%Y-%m-%d",
        "%Y%m%d",
        "%d/%m/%Y",
        "%Y-%m-%d %H:%M:%S",
        "%Y-%m-%dT%H:%M:%S.%f",
        "%d.%m.%Y %S,%f",
    ],
)
def test_damaged_text_of_moments_is_missing_or_refused(format: str, errors: Any) -> None:
    def function(f: pd.DataFrame) -> Any:
        moments = pd.to_datetime(f["s"], format=format, errors=errors)
        return (moments - pd.Timestamp("2000-01-01")).dt.total_seconds()

    good = pd.Timestamp("2020-02-29 12:34:56.789").strftime(format)
    fast = willump.compile(function, sample=texts_frame([good, None]), strict=True)
    for text in ("", "x", "nan", good + "!"):
        if errors == "coerce":
            assert np.isnan(fast({"s": [text]})[0])
    for text in ("now", "today", good.replace("0", ""), good.replace("56", "60")):
        if text != good and (errors == "raise" or text in ("now", "today")):
            with pytest.raises(ValueError, match="doesn't match format"):
                fast({"s": [text]})
    n_same = 0

    @settings(max_examples=100)
    @given(damaged(format))
    def compare(text: str) -> None:
        nonlocal n_same
        expected, found = outcome(function, texts_frame([text])), outcome(fast, texts_frame([text]))
        if not isinstance(found, ValueError):  # refused, or the same
            check_same(expected, found)
            n_same += 1

    compare()
    assert n_same > 10


def texts_frame(texts: list[Any]) -> pd.DataFrame:
    return pd.DataFrame({"s": pd.Series(texts, dtype="str")})


@pytest.mark.parametrize(
    "function",
    [
        lambda f: f["n"].astype(int),
        lambda f: pd.to_numeric(f["n"].str.strip().str.replace("_", "")).astype(float),
    ],
    ids=["astype", "to_numeric"],
)
def test_whole_numbers_of_strings_are_exact_up_to_2_to_the_53(function: Any) -> None:
    fast = willump.compile(function, sample=SAMPLE, strict=True)

    @given(LARGE)
    def compare(text: str) -> None:
        frame = SAMPLE.iloc[:1].assign(n=[text])
        if abs(int(text)) <= 2**53:
            check_same(outcome(function, frame), outcome(fast, frame))
        else:
            with pytest.raises(ValueError, match=r"beyond 2\^53"):
                fast(frame)

    compare()


@pytest.mark.parametrize("zone", ["Europe/Paris", "America/Sao_Paulo", "Australia/Lord_Howe"])
def test_times_that_clocks_show_twice_or_never_are_refused(zone: str) -> None:
    rng = np.random.default_rng(11)
    starts = changes(zone)[0]
    starts = starts[starts > 0][:100]
    near = starts[:, None] + rng.integers(-4, 5, (len(starts), 8)) * 1_800_000_000
    near = np.append(near.ravel(), starts)
    moments = pd.Series(near.astype("datetime64[us]")).dt.tz_localize("UTC").dt.tz_convert(zone)
    n_refused = 0
    for change in (
        lambda m: m.dt.tz_localize(None).dt.tz_localize(zone),
        lambda m: m.dt.floor("D"),
        lambda m: m.dt.round("h"),
        lambda m: m.dt.ceil("2h"),
    ):

        def function(f: pd.DataFrame, change: Any = change) -> Any:
            return (change(f["z"]) - pd.Timestamp("2000-01-01", tz="UTC")).dt.total_seconds()

        day = moments.dt.floor("D", ambiguous=True, nonexistent="shift_forward")
        sample = (day + pd.Timedelta("84h")).to_frame("z").head(20)
        fast = willump.compile(function, sample=sample, strict=True)
        for at in range(len(moments)):
            frame = moments.iloc[[at]].to_frame("z")
            expected = outcome(function, frame)
            n_refused += isinstance(expected, ValueError)
            check_same(expected, outcome(fast, frame))
    assert n_refused > 20


def test_moments_of_another_zone_are_refused() -> None:
    fast = willump.compile(lambda f: f["z"].dt.hour.astype(float), sample=SAMPLE, strict=True)
    moment = pd.Timestamp("2021-05-06 23:08", tz="Europe/Paris")
    polars, arrow = pytest.importorskip("polars"), pytest.importorskip("pyarrow")
    frame = pd.DataFrame({"z": [moment, None]})
    expected = [23.0, math.nan]
    for x in (frame, polars.from_pandas(frame), arrow.table({"z": arrow.array(frame["z"])})):
        np.testing.assert_array_equal(fast(x), expected)
    assert fast({"z": moment.to_pydatetime()}).tolist() == [23.0]
    utc = frame["z"].dt.tz_convert("UTC")
    for other in (utc, utc.dt.tz_localize(None)):
        frame = pd.DataFrame({"z": other})
        for x in (frame, polars.from_pandas(frame), {"z": other[0].to_pydatetime()}):
            with pytest.raises(TypeError, match=r"column 'z' holds .*Europe/Paris"):
                fast(x)
