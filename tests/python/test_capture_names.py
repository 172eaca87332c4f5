"""Columns that a call has and the sample had not, rows that data picks, missing values that the
sample had not: answered as plain Python answers, or refused by name."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import willump
from capture_checks import quiet
from later import Cases

TABLE = pd.DataFrame({"a": [0, 1, 2], "v": [10.0, 20.0, 30.0], "n": [1, 2, 3]})
SAMPLE = pd.DataFrame(
    {
        "a": [0, 1, 2],
        "x": [1.0, 2.0, 3.0],
        "i": [1, 2, 3],
        "t": pd.to_datetime(["2026-01-01 05:00", "2026-01-02 07:00", "2026-01-03 00:00"]),
    }
)
CALLS = {
    "as it was": SAMPLE,
    "has the table's column": SAMPLE.assign(v=-1.0),
    "has another of the table's": SAMPLE.assign(n=9),
    "has one of a suffix": SAMPLE.assign(x_2=7.0),
    "in another order": SAMPLE[SAMPLE.columns[::-1]],
    "keys twice": SAMPLE.assign(a=[1, 1, 2]),
    "missing numbers": SAMPLE.assign(x=[1.0, np.nan, -3.0]),
    "missing moments": SAMPLE.assign(t=pd.to_datetime(["2026-01-01", None, None])),
    "one row": SAMPLE.assign(t=pd.NaT, x=np.nan).iloc[1:2].reset_index(drop=True),
}
case = Cases()


@case
def empty_suffix(df: Any) -> Any:
    return df.merge(TABLE, on="a", how="left", suffixes=("", "_t"))["v"]


@case
def plain_merge(df: Any) -> Any:
    return pd.merge(df, TABLE, how="left", on="a")["v"] * 2


@case
def joined(df: Any) -> Any:
    return df.join(TABLE.set_index("a"), on="a", rsuffix="_t")["v"]


@case
def renamed(df: Any) -> Any:
    return df.rename(columns={"x": "v"})["v"]


@case
def renamed_by_function(df: Any) -> Any:
    return df.rename(columns=lambda name: name.split("_")[0])["x"]


@case
def inserted(df: Any) -> Any:
    d = df.copy()
    d.insert(1, "v", d["x"])
    return d["v"]


@case
def one_to_one(df: Any) -> Any:
    return df.merge(TABLE, on="a", how="left", validate="1:1")["v"]


@case
def one_to_many(df: Any) -> Any:
    return df.join(TABLE.set_index("a"), on="a", validate="one_to_many")["v"]


@case
def many_to_one(df: Any) -> Any:
    return df.merge(TABLE, on="a", how="left", validate="m:1")["v"]


@case
def some_rows(df: Any) -> Any:
    d = df.copy()
    there = d["x"].notna()
    d["y"] = 0.0
    d.loc[there, "y"] = d.loc[there, "x"] * 2
    return d["y"]


@case
def rows_of_an_array(df: Any) -> Any:
    d = df.copy()
    there = d["x"] > 0
    d["y"] = 0.0
    d.loc[there, "y"] = np.sqrt(d["x"][there])
    return d["y"]


@case
def needed(df: Any) -> Any:
    missing = {"a", "x"} - set(df.columns)
    if missing or not {"a"}.issubset(df.columns) or not set(df.columns) >= {"x"}:
        raise ValueError(f"columns are missing: {missing}")
    return df["x"] * (2 if {"bonus"} & set(df.columns) else 1)


@case
def optional(df: Any) -> Any:
    return df["x"] * (2 if {"v", "n"}.isdisjoint(df.columns) else 1)


class Counted:
    def __init__(self) -> None:
        self.n = 0.0

    def table(self) -> dict[int, float]:
        self.n += 5.0
        return {0: 1.0, 1: 2.0}

    def answer(self, df: Any) -> Any:
        return df["a"].map(self.table()).fillna(self.n)


@case
def owner_first(df: Any) -> Any:
    return Counted().answer(df)


@case
def arguments_in_order(df: Any) -> Any:
    steps = iter([2.5, -5.0, 9.0])
    return df["x"].clip(upper=next(steps)).fillna(next(steps))


@case
def kept_generator(df: Any) -> Any:
    fill = 0.0
    filled = (df[name].fillna(fill) for name in ["x", "i"])
    fill = 5.0
    return sum(filled)


@case
def among_none(df: Any) -> Any:
    return df["x"].isin([3.0, None])


@case
def among_single(df: Any) -> Any:
    return df["x"].isin([3.0, np.float32("nan")])


@case
def among_nan(df: Any) -> Any:
    return df["x"].isin([3.0, np.nan])


@case
def among_large(df: Any) -> Any:
    return (df["x"] * np.inf).isin([2**63 - 1, np.inf, 1.0])


@case
def stacked_hours(df: Any) -> Any:
    return np.column_stack([df["i"], df["t"].dt.hour])


@case
def stacked_days(df: Any) -> Any:
    return np.stack([df["i"], df["t"].dt.day], axis=1)[:, 1]


@case
def moments_among_numbers(df: Any) -> Any:
    return df["i"].where(df["x"] > 0, pd.Timestamp("2026-05-05"))


@case
def moments_of_a_function(df: Any) -> Any:
    return df["x"].map(lambda value: 0 if value > 0 else pd.Timestamp("2026-05-05"))


@case
def flat_view(df: Any) -> Any:
    a = df[["x", "i"]].to_numpy(copy=True)
    b = a.T.reshape(-1)
    b *= 2
    return a


#: Of these, those that need no Python, and take each call that plain Python takes.
NATIVE = {"needed", "among_nan"}


@pytest.mark.parametrize("function", case, ids=lambda f: f.__name__)
def test_calls_are_answered_or_refused(function: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fast = willump.compile(function, sample=SAMPLE)
        if function.__name__ in NATIVE:
            assert not fast._steps, fast._reasons
        for name, frame in CALLS.items():
            try:
                expected = np.asarray(function(frame.copy()))
            except Exception:
                with pytest.raises((ValueError, TypeError, KeyError)):
                    fast(frame.copy())
                continue
            try:
                found = np.asarray(fast(frame.copy()))
            except (ValueError, TypeError):
                assert name != "as it was"
                assert function.__name__ not in NATIVE, name
                continue
            if expected.dtype == object:
                assert found.tolist() == expected.tolist(), name
            else:
                np.testing.assert_allclose(
                    found.astype(float), expected.astype(float), rtol=1e-12, err_msg=name
                )


def test_a_frame_is_no_result() -> None:
    for function in (lambda df: df[["x"]] * 2, lambda df: df[["x", "i"]].astype(float)):
        with pytest.raises(willump.UnsupportedError, match="returns a frame"):
            willump.compile(function, sample=SAMPLE)


ROWS = pd.DataFrame(
    {
        "k": pd.Series(list("abcabcab"), dtype="str"),
        "x": [1.0, 4.0, 2.0, 8.0, 5.0, 7.0, 3.0, 6.0],
        "y": np.arange(8.0),
    }
)
#: Rows that data picks, brought back to all of them.
BROUGHT_BACK: list[Callable[[Any], Any]] = [
    lambda df: df["k"].map(df.drop_duplicates("k").set_index("k")["x"]),
    lambda df: df.merge(df.drop_duplicates("k"), on="k", how="left")["x_y"].to_numpy(),
    lambda df: df["k"].map(df[df["x"] > 2].groupby("k")["x"].mean()),
    lambda df: df["x"][df["x"] > 3].reindex(df.index).fillna(0),
    lambda df: df["k"].isin(df.loc[df["x"] > 6, "k"]),
    lambda df: df["x"] - df["y"].tail(1).to_numpy(),
]


@pytest.mark.parametrize("number", range(len(BROUGHT_BACK)))
def test_rows_that_data_picks_are_brought_back(number: int) -> None:
    function = BROUGHT_BACK[number]
    fast = quiet(willump.compile, function, sample=ROWS)
    for frame in (ROWS, ROWS.iloc[::-1].reset_index(drop=True), ROWS.iloc[2:5]):
        expected = np.asarray(function(frame), dtype=float)
        np.testing.assert_array_equal(np.asarray(quiet(fast, frame), dtype=float), expected)


def test_dummies_have_names_of_their_own() -> None:
    kinds = pd.CategoricalDtype(["a", "b", "c"])

    def dummies(df: Any) -> Any:
        return pd.get_dummies(df.assign(k=df["k"].astype(kinds)), columns=["k"])["k_a"]

    fast = quiet(willump.compile, dummies, sample=ROWS)
    np.testing.assert_array_equal(np.asarray(fast(ROWS)), np.asarray(dummies(ROWS)))
    with pytest.raises(ValueError, match="k_a"):
        fast(ROWS.assign(k_a=1.0))


def test_nullable_columns_are_given_to_steps_from_any_rows() -> None:
    sample = pd.DataFrame({"I": pd.array([1, None, 3], dtype="Int64"), "x": [1.0, 2.0, 3.0]})

    def ranked(df: Any) -> Any:
        return df["x"].map(lambda v: float(str(v))) + df["I"].fillna(0).astype(float)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fast = willump.compile(ranked, sample=sample)
    assert fast._steps
    expected = ranked(sample)
    rows = [
        {"I": None if i is pd.NA else i, "x": x}
        for i, x in zip(sample["I"], sample["x"], strict=True)
    ]
    columns = {name: [row[name] for row in rows] for name in ("I", "x")}
    for given in (sample, columns, rows):
        np.testing.assert_array_equal(np.asarray(fast(given)), expected)
    np.testing.assert_array_equal(np.asarray(fast(rows[1])), expected[1:2])


def test_objects_that_an_imputer_compares_are_refused() -> None:
    """scikit-learn's imputer of a constant leaves None among objects as it is."""
    from sklearn.impute import SimpleImputer

    imputer = SimpleImputer(strategy="constant", fill_value=-3.0).fit(SAMPLE[["x"]])
    mean = SimpleImputer().fit(SAMPLE[["x"]])
    for model, is_refused in ((imputer, True), (mean, False)):

        def imputed(df: Any, model: Any = model) -> Any:
            return model.transform(df[["x"]])[:, 0]

        fast = willump.compile(imputed, sample=SAMPLE)
        objects = pd.DataFrame({"x": [None, 2.0]}, dtype=object)
        np.testing.assert_array_equal(fast(SAMPLE), imputed(SAMPLE))
        if is_refused:
            with pytest.raises(TypeError, match="compares as they are"):
                fast(objects)
        else:
            np.testing.assert_array_equal(fast(objects), imputed(objects))
