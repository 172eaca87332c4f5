"""Categorical columns and indicators with fixed categories, against pandas."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import willump
from capture_frames import check_random_frames

LEVELS = ["a", "b", "", "Été"]
KNOWN = pd.CategoricalDtype(LEVELS)
SIZES = pd.CategoricalDtype([1, 2, 7], ordered=True)
PRICES = pd.CategoricalDtype([0.5, 1.0, -3.0])
EDGES, CLASSES = [-math.inf, 0.0, 2.0, 1e6], [0, 1, 10]


def frames_dummies(f: Any) -> Any:
    g = f[["x", "s", "i"]].copy()
    g["s"] = g["s"].astype(KNOWN)
    return pd.get_dummies(g, columns=["s"], prefix="c", dtype=float).fillna(0.0).to_numpy()


def two_columns(f: Any) -> Any:
    g = pd.get_dummies(f[["x", "s", "t"]], dtype=int)
    g = g.reindex(columns=["x", "s_a", "t_b", "s_", "t_zzz", "nothing"], fill_value=0)
    return g[["s_a", "t_b", "s_", "t_zzz", "nothing"]].to_numpy()


#: Functions of a frame that are native as a whole.
FUNCTIONS: list[Callable[[pd.DataFrame], Any]] = [
    lambda f: f["s"].astype(KNOWN).cat.codes.astype(int),
    lambda f: f["i"].astype(SIZES).cat.codes.astype(float),
    lambda f: pd.Categorical(f["s"], categories=LEVELS).codes.astype(int),
    lambda f: f["s"].astype(KNOWN) == "a",
    lambda f: f["s"].astype(KNOWN) != "b",
    lambda f: f["s"].astype(KNOWN).isna(),
    lambda f: f["s"].astype(KNOWN).astype(str).fillna("-").isin(["a", "-"]),
    lambda f: pd.get_dummies(f["s"].astype(KNOWN)).to_numpy(),
    lambda f: pd.get_dummies(f["s"].astype(KNOWN), drop_first=True, dtype=int).to_numpy(),
    lambda f: pd.get_dummies(f["s"].astype(KNOWN), dummy_na=True, prefix="s").to_numpy(),
    lambda f: pd.get_dummies(f["i"].astype(SIZES), prefix="i", prefix_sep="=")["i=7"],
    lambda f: pd.get_dummies(f["s"]).reindex(columns=LEVELS, fill_value=False).to_numpy(),
    lambda f: pd.get_dummies(f["i"], dtype=int).reindex(columns=[1, 99], fill_value=0).to_numpy(),
    lambda f: pd.get_dummies(f["i"], prefix="i", dtype=int).reindex(
        columns=["i_1", "i_-3", "i_01"], fill_value=0
    ).to_numpy(),
    lambda f: f["i"].astype(SIZES).astype(float),
    lambda f: f["i"].astype(SIZES).astype("float32").fillna(-1.0),
    lambda f: f["x"].astype(PRICES).astype(float),
    lambda f: pd.cut(f["x"].fillna(0.5), EDGES, labels=CLASSES).astype(int),
    lambda f: pd.cut(f["x"].fillna(0.5), EDGES, labels=CLASSES).astype("int64") * 2 + 1,
    lambda f: pd.cut(f["i"], [-100, 0, 100], labels=[300, -1]).astype("int8") + 1,
    lambda f: pd.cut(f["i"], [-100, 0, 100], labels=[2.75, -1.5], right=False).astype("int32"),
    lambda f: pd.cut(f["i"], [-9, 0, 3, 9], labels=[5, 3, 5], ordered=False).astype(int),
    lambda f: pd.cut(f["i"], [-9, 0, 3, 9], labels=["a", "b", "a"], ordered=False) == "a",
    lambda f: pd.cut(f["x"], [-9, 0, 3, 9], labels=[5, 3, 4]).cat.codes,
    lambda f: f[["i"]].assign(c=pd.cut(f["i"], [-9, 9], labels=[7])).astype(int)["c"],
    lambda f: f["i"].where(f["i"] > 0, 1).where(f["i"] < 3, 2).astype(SIZES).astype(int),
    lambda f: f["i"].astype(SIZES) == 7,
    lambda f: f["i"].astype(SIZES) != 1.0,
    lambda f: pd.cut(f["x"], EDGES, labels=CLASSES).astype(float).fillna(-5.0),
    lambda f: pd.cut(f["x"], EDGES, labels=CLASSES).eq(10),
    lambda f: f[["i"]].assign(c=pd.cut(f["x"], EDGES, labels=CLASSES)).astype({"c": float})["c"],
    frames_dummies,
    two_columns,
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(FUNCTIONS)))
def test_categories_are_those_of_pandas(number: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check_random_frames(FUNCTIONS[number], 15)


FRAME = pd.DataFrame({"s": pd.Series(["a", "b", math.nan], dtype="str"), "x": [0.5, 1.5, 2.5]})


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (lambda f: f["s"].astype("category").cat.codes.to_numpy() * 1.0, "hang on the data"),
        (lambda f: pd.get_dummies(f["s"], dtype=float).to_numpy(), "where a frame is wanted"),
        (lambda f: pd.cut(f["x"], 2, labels=False), "no constant list of edges"),
    ],
)
def test_categories_that_rows_decide_stay_python(function: Any, says: str) -> None:
    with pytest.warns(willump.PythonStepWarning):
        fast = willump.compile(function, sample=FRAME)
    assert says in str(fast.explain())
    np.testing.assert_array_equal(fast(FRAME), np.asarray(function(FRAME)))


#: Their answers hang on what the categories are, as Python's steps they are right or refused.
NUMBERED = {
    "int": lambda f: pd.cut(f["x"], EDGES, labels=CLASSES).astype(int),
    "bool": lambda f: pd.cut(f["x"], EDGES, labels=CLASSES).astype(bool),
    "filled": lambda f: pd.cut(f["x"], EDGES, labels=CLASSES).fillna(10).astype(float),
    "mapped": lambda f: pd.cut(f["x"], EDGES, labels=CLASSES).map({0: 5, 10: 7}).astype(float),
    "listed": lambda f: pd.cut(f["x"], EDGES, labels=CLASSES).isin([10]),
    "by order": lambda f: pd.cut(f["x"], EDGES, labels=CLASSES) > 1,
    "array": lambda f: np.asarray(pd.cut(f["x"], EDGES, labels=CLASSES)),
    "to array": lambda f: pd.cut(f["x"], EDGES, labels=CLASSES).to_numpy(float),
    "numeric": lambda f: pd.to_numeric(pd.cut(f["x"], EDGES, labels=CLASSES)),
}


@pytest.mark.parametrize("name", NUMBERED)
def test_values_of_categories_are_no_codes(name: str) -> None:
    function = NUMBERED[name]
    sample = pd.DataFrame({"x": [-1.0, 1.0, -2.0, 2.0]})  # its codes are its values
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fast = willump.compile(function, sample=sample)
    for rows in (pd.DataFrame({"x": [3.0, -1.0]}), pd.DataFrame({"x": [1.0, math.nan, 1e7]})):
        try:
            expected = np.asarray(function(rows), dtype=float)
        except ValueError:
            expected = None
        try:
            found = np.asarray(fast(rows), dtype=float)
        except (TypeError, ValueError):  # by name, of what is missing
            assert rows["x"].isna().any()
        else:
            np.testing.assert_array_equal(found, expected)


def test_an_encoder_is_not_given_codes() -> None:
    from sklearn.preprocessing import OneHotEncoder

    def function(f: Any) -> Any:
        c = pd.cut(f["x"], EDGES, labels=CLASSES)
        return encoder.transform(f.assign(c=c)[["c"]])

    known = pd.DataFrame({"c": [0, 1, 10]})
    encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False).fit(known)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fast = willump.compile(function, sample=pd.DataFrame({"x": [-1.0, 1.0]}))
    rows = pd.DataFrame({"x": [3.0, -1.0, 1.0]})
    np.testing.assert_array_equal(fast(rows), function(rows))


@pytest.mark.parametrize(
    "function",
    [
        lambda f: pd.cut(f["x"], EDGES, labels=CLASSES),
        lambda f: f.assign(c=pd.cut(f["x"], EDGES))["c"],
        lambda f: pd.cut(f["x"], EDGES, labels=CLASSES).values,
        lambda f: f["s"].astype("category").fillna("a"),
    ],
)
def test_categories_are_no_answers(function: Any) -> None:
    with pytest.raises(willump.UnsupportedError, match="returns categories"):
        willump.compile(function, sample=FRAME)


NAMES, NUMBERS = ["low", "middle", "high"], [0.5, 1.0, 2.5]


def of_array(f: Any, labels: Any) -> Any:
    """A Categorical, which is no Series."""
    return pd.cut(f["x"].to_numpy(), EDGES, labels=labels)


#: What is done to a Categorical, native as a whole.
OF_ARRAYS: list[Callable[[pd.DataFrame], Any]] = [
    lambda f: of_array(f, NAMES) == "low",
    lambda f: of_array(f, NAMES) != "high",
    lambda f: of_array(f, NAMES).isna() | (of_array(f, NAMES).copy().notna() & f["p"]),
    lambda f: of_array(f, NAMES).codes.astype(float),
    lambda f: of_array(f, NUMBERS).astype(float),
    lambda f: of_array(f, NUMBERS).to_numpy(),
    lambda f: np.asarray(of_array(f, NUMBERS)) * 2,
    lambda f: of_array(f, CLASSES).astype(float),
    lambda f: of_array(f, CLASSES) == 10,
    lambda f: of_array(f, NAMES).astype(str) == "middle",
    lambda f: np.where(of_array(f, NAMES).astype(str).isna(), 1.0, f["y"]),
    lambda f: np.where(np.asarray(of_array(f, NAMES)) == "low", 1.0, f["y"]),
    lambda f: pd.Series(of_array(f, NAMES), index=f.index).astype(str).isin(["low", "high"]),
    lambda f: pd.Series(of_array(f, NAMES), index=f.index) == "low",
    lambda f: f.assign(c=of_array(f, NAMES))["c"].isna(),
    lambda f: np.where(f["s"].values == "a", 1, 0) + f["s"].values.fillna("b").isna(),
]


@pytest.mark.parametrize("number", range(len(OF_ARRAYS)))
def test_categoricals_are_those_of_pandas(number: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check_random_frames(OF_ARRAYS[number], 15)


@pytest.mark.parametrize(
    "function",
    [
        lambda f: of_array(f, NAMES).astype(str),
        lambda f: of_array(f, NAMES).astype(str).fillna("none"),
        lambda f: of_array(f, NAMES).astype(object),
        lambda f: np.asarray(of_array(f, NAMES)),
        lambda f: of_array(f, NAMES).to_numpy(),
        lambda f: pd.Series(of_array(f, NAMES), index=f.index).astype(str),
        lambda f: pd.Series(of_array(f, NAMES).astype(str), index=f.index).fillna("none"),
    ],
)
def test_a_categorical_is_answered_as_strings(function: Any) -> None:
    fast = willump.compile(function, sample=pd.DataFrame({"x": [-1.0, 1.0, 1.5]}), strict=True)
    for x in ([3.0], [-1.0, 0.0, 2.0, 1e6], [], [1.0, 1.0]):
        rows = pd.DataFrame({"x": np.array(x, dtype=np.float64)}, index=range(5, 5 + len(x)))
        expected, found = function(rows), fast(rows)
        assert type(found) is type(expected)
        assert found.dtype == expected.dtype
        assert list(found) == list(expected)
        if isinstance(expected, pd.Series):
            pd.testing.assert_series_equal(found, expected)
    rows = pd.DataFrame({"x": [1.0, math.nan, 1e7]})
    if "none" in list(function(rows)):
        assert list(fast(rows)) == list(function(rows))
    else:  # a string that is missing is none of the labels
        with pytest.raises(ValueError, match="string is missing"):
            fast(rows)
