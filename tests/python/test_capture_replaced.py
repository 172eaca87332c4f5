"""`replace` of numbers and strings, and frames made of columns, on random frames against pandas."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import willump
from capture_frames import outcome
from harness import examples
from hypothesis import given
from hypothesis import strategies as st

VALUES = [0.0, 1.0, -0.0, np.nan, np.inf, -np.inf, 2.5, 3.0]


def frame_of(rows: list[tuple[float, float, int, str]]) -> pd.DataFrame:
    f, g, i, s = zip(*rows, strict=True)
    return pd.DataFrame(
        {
            "f": np.array(f),
            "g": np.array(g),
            "i": np.array(i, np.int64),
            "s": pd.Series(s, dtype="str"),
        }
    )


ROWS = st.lists(
    st.tuples(
        st.sampled_from(VALUES), st.sampled_from(VALUES), st.integers(0, 4), st.sampled_from("abß")
    ),
    min_size=1,
    max_size=8,
)
SAMPLE = frame_of([(v, w, k % 4, "aß"[k % 2]) for k, v in enumerate(VALUES) for w in VALUES])


def features(df: Any) -> Any:
    out = pd.DataFrame(index=df.index)
    out["a"] = df["f"] * 2
    out["b"] = df["s"].eq("a")
    out["c"] = 0
    out.loc[df["g"] > 1, "c"] = 1
    return out.astype(float).to_numpy()


def points(df: Any) -> Any:
    score = pd.Series(0, index=df.index)
    score += (df["f"] > 1) * 30
    score = score.mask(df["g"].isna(), score + 10)
    score[df["i"].eq(0)] = 99
    return score


def grades(df: Any) -> Any:
    grade = pd.Series("D", index=df.index)
    grade[df["f"] > 1] = "C"
    grade[df["f"] > 2] = "B"
    return grade.map({"D": 1.0, "C": 2.0, "B": 3.0})


NATIVE: list[Callable[[Any], Any]] = [
    lambda df: df["f"].replace([np.inf, -np.inf], np.nan),
    lambda df: df["f"].replace(0, np.nan),
    lambda df: df["f"].replace({0: 5, 1: 0.0, 2.5: np.nan}),
    lambda df: df["f"].replace([0, 1], [1, 0]),
    lambda df: df["f"].replace(np.nan, 7.0),
    lambda df: df["i"].replace(0, 9),
    lambda df: df["i"].replace({0: 1, 1: 0, 7: 8}),
    lambda df: df["i"].replace([np.inf, 0.5], np.nan),
    lambda df: df.replace([np.inf, -np.inf], np.nan)["f"],
    lambda df: df.replace([np.inf, -np.inf], np.nan)["s"].str.len() * 1.0,
    lambda df: df[["f", "g"]].replace({0: np.nan}).fillna(3.0).to_numpy(),
    lambda df: pd.DataFrame({"a": df["f"] * 2, "b": df["i"]}).astype(float).to_numpy(),
    lambda df: pd.DataFrame({"a": df["f"] * 2, "b": df["i"].to_numpy()})[["b", "a"]].to_numpy(),
    lambda df: pd.DataFrame({"a": df["s"].str.upper(), "b": df["g"]})["a"].str.len() * 1.0,
    lambda df: pd.DataFrame({"a": df["f"].to_numpy(), "b": df["i"].to_numpy()}).to_numpy(),
    lambda df: pd.DataFrame({"a": df["f"], "b": df["i"].to_numpy()}, index=df.index)["b"] * 2.0,
    lambda df: pd.Series(np.nan, index=df.index).fillna(0.5) + pd.Series(1.5, index=df.index),
    lambda df: pd.Series(1, index=df.index, dtype=float) * df["i"],
    lambda df: pd.DataFrame({"a": df["f"]}, index=df.index)["a"],
    features,
    points,
    grades,
]
STEPS: list[Callable[[Any], Any]] = [
    lambda df: df["i"].replace(0, np.nan).astype(float),
    lambda df: (df["f"] > 1).replace(True, False).astype(float),
    lambda df: df["f"].replace([np.nan, np.inf, np.nan], [2, np.nan, np.nan]),
    lambda df: pd.DataFrame({"a": df["f"], "k": 1.0})["k"] * df["g"],
]


@pytest.mark.parametrize("at", range(len(NATIVE) + len(STEPS)))
def test_random_frames(at: int) -> None:
    function = [*NATIVE, *STEPS][at]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fast = willump.compile(function, sample=SAMPLE)
    assert bool(fast._steps) == (at >= len(NATIVE)), fast._reasons

    @given(rows=ROWS)
    @examples(60)
    def check(rows: list[tuple[float, float, int, str]]) -> None:
        frame = frame_of(rows)
        found, expected = fast(frame), function(frame)
        assert type(found) is type(expected)
        assert np.asarray(found).dtype == np.asarray(expected).dtype
        np.testing.assert_array_equal(np.asarray(found), np.asarray(expected))

    check()


MISSES = pd.DataFrame(
    {
        "f": [1.0, np.inf, np.nan, 4.0],
        "k": pd.Series(["a", None, "b", None], dtype="str"),
        "o": pd.Series(["a", None, "b", None], dtype=object),
        "d": pd.to_datetime(["2024-01-05", None, "2024-02-06", None]).astype("datetime64[us]"),
        "b": [True, False, True, False],
        "s": np.array([0, 1, 2, 3], dtype="int8"),
    }
)


@pytest.mark.parametrize("name", ["k", "o", "d"])
@pytest.mark.parametrize("is_frame", [True, False])
@pytest.mark.parametrize("value", [0, 1.5])
def test_missing_strings_and_moments_are_replaced_by_numbers(
    name: str, is_frame: bool, value: float
) -> None:
    def of_frame(df: Any) -> Any:
        return df[[name, "f"]].replace(np.nan, value)[name].isna()

    def of_series(df: Any) -> Any:
        return df[name].replace({np.nan: value}).isna()

    function = of_frame if is_frame else of_series
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fast = willump.compile(function, sample=MISSES.iloc[[0, 2]].reset_index(drop=True))
    for frame in (MISSES, MISSES.iloc[[1]], MISSES.iloc[[0]]):
        np.testing.assert_array_equal(fast(frame), function(frame))


def test_infinite_numbers_are_replaced_beside_columns_that_hold_none() -> None:
    def score(df: Any) -> Any:
        clean = df.replace([np.inf, -np.inf], np.nan)
        number = clean["f"].fillna(-1.0) + clean["s"] + clean["b"]
        return number + clean["k"].isna() + clean["d"].isna()

    fast = willump.compile(score, sample=MISSES.iloc[[0, 3]].reset_index(drop=True))
    assert not fast._steps
    np.testing.assert_array_equal(fast(MISSES), score(MISSES))


WORDS = ["a", "?", "", "ß", "NaN", None]


def words(texts: list[Any], dtype: Any) -> pd.DataFrame:
    n = np.arange(len(texts))
    return pd.DataFrame({"s": pd.Series(texts, dtype=dtype), "n": n % 3 - 1, "x": n * 1.0})


REPLACING: list[Callable[[Any], Any]] = [
    lambda g: g["s"].replace("?", np.nan).isna() * 1.0,
    lambda g: g["s"].replace({"a": "?", "?": "a"}).eq("a") * 1.0,
    lambda g: g["s"].replace(["a", "ß"], "zz").fillna("-").isin(["zz", "-"]) * 1.0,
    lambda g: g["s"].replace(["a", ""], ["q", np.nan]).str.len() * 1.0,
    lambda g: g["s"].replace(np.nan, "m").eq("m") * 1.0,
    lambda g: g["s"].replace({"?": np.nan, np.nan: "?"}).fillna("w").map({"?": 1.0, "w": 2.0}),
    lambda g: g["s"].map({"a": "x", "?": "y"}).replace("x", np.nan).isna() * 1.0,
    lambda g: g["s"].fillna("u").replace({"u": "v", "a": "u"}).eq("u") * 1.0,
    lambda g: np.where(g["s"].replace("", "UNK") == "UNK", 1.0, g["n"]),
    lambda g: g.replace("?", np.nan)["s"].isna() * 1.0 + g["n"] + g["x"],
    lambda g: g.replace(["?", "NaN"], np.nan).fillna({"s": "none"})["s"].eq("none") * 1.0,
    lambda g: g.replace({"?": "w", 1: 5})["x"] + (g.replace({"?": "w", 1: 5})["s"] == "w"),
    lambda g: g.replace({"?": "w", 1: 5})["n"] * 1.0,
]


@pytest.mark.parametrize("number", range(len(REPLACING)))
@pytest.mark.parametrize("dtype", ["str", object])
def test_strings_are_replaced(number: int, dtype: Any) -> None:
    function = REPLACING[number]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fast = willump.compile(function, sample=words(WORDS[:-1] * 3, dtype))
        assert not fast._steps, fast._reasons
        for texts in (WORDS, WORDS[::-1], ["other", None], [None], ["?"]):
            frame = words(texts, dtype)
            np.testing.assert_array_equal(
                np.asarray(fast(frame), float), np.asarray(function(frame), float)
            )


CODED = {"a": 0, "?": 1, "": 2, "ß": 3, "NaN": 4}
NUMBERED: list[Callable[[Any], Any]] = [
    lambda g: g["s"].replace(CODED).astype(float),
    lambda g: g["s"].replace(CODED).astype(int) * 2.0,
    lambda g: g["s"].replace(list(CODED), [0.5, 1.5, 2.5, 3.0, 4.0]).astype(float),
    lambda g: g["s"].fillna("a").replace(CODED).astype("int64") + g["x"],
    lambda g: g.replace(CODED)["s"].astype(int) + g["n"] * 1.0,
    lambda g: g.assign(s=g["s"].replace(CODED))[["s", "x"]].astype(float).to_numpy()[:, 0],
    lambda g: np.c_[g["s"].replace(CODED).astype(float), g["x"]].sum(axis=1),
]


@pytest.mark.parametrize("number", range(len(NUMBERED)))
def test_numbers_take_the_place_of_strings(number: int) -> None:
    """A string that no number takes the place of is an error to the cast behind it."""
    function = NUMBERED[number]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fast = willump.compile(function, sample=words(WORDS[:-1] * 3, "str"))
        assert not fast._steps, fast._reasons
        for texts in (WORDS, WORDS[:-1], ["other", "a"], [None, "a"], ["?"]):
            frame = words(texts, "str")
            expected, found = outcome(function, frame), outcome(fast, frame)
            assert type(found) is type(expected)
            if not isinstance(expected, Exception):
                np.testing.assert_array_equal(np.asarray(found), np.asarray(expected))
