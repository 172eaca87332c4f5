"""What was there in every row of the sample and is missing in later ones: keys that no table
has behind Python steps, NA of nullable columns, moments of one row."""

from __future__ import annotations

import datetime
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import willump
from capture_frames import check_same, outcome

SAMPLE = pd.DataFrame(
    {
        "x": [1.0, 2.0, 11.0, 12.0],
        "city": pd.Series(["New York", "Rome", "NYC", "Rome"], dtype="str"),
        "name": pd.Series(["A, bc", "D, e", "F, ", "G, h, i"], dtype="str"),
        "b": [True, False, True, False],
        "i": pd.array([1, 2, 3, 4], dtype="Int64"),
        "z": pd.date_range("2024-01-01", periods=4, tz="Europe/Berlin", unit="us"),
        "td": pd.to_timedelta([1, 2, 3, 4], unit="h").astype("timedelta64[us]"),
    }
)
LATER = SAMPLE.assign(
    x=[5.0, np.nan, 500.0, -1.0],
    city=pd.Series(["Paris", "Rome", None, "NYC"], dtype="str"),
    name=pd.Series(["no comma", "D, e", None, ""], dtype="str"),
    i=pd.array([1, None, None, 4], dtype="Int64"),
)
CITIES = {"NYC": 1, "Rome": 2}
FLAGS = {"NYC": True, "Rome": False}
TABLE = pd.DataFrame({"b": [True, False], "z": [10, 20]}).set_index("b")


def cities(df: Any) -> Any:
    return df["city"].replace({"New York": "NYC"}).map(CITIES).fillna(0).astype(int)


def words(df: Any) -> Any:
    return df["name"].str.split(", ", n=1, expand=True)[1].str.len().fillna(0) * 2


def words_as_they_are(df: Any) -> Any:
    return df["name"].str.partition(", ")[0].str.len()


def bins(df: Any) -> Any:
    return pd.cut(df["x"], [0, 10, 100], labels=["a", "b"]).map({"a": 5, "b": 9}).astype(float)


def of_table(df: Any) -> Any:
    return np.column_stack([df["city"].replace("New York", "NYC").map(CITIES), df["x"]])


def nullable(df: Any) -> Any:
    return np.where(df["x"] > 5, df["i"], 0)


def nullable_twice(df: Any) -> Any:
    return np.select([df["x"] > 5, df["b"]], [df["i"], df["i"]], -1)


FUNCTIONS = [cities, words, words_as_they_are, bins, of_table, nullable, nullable_twice]


def compiled(function: Callable[[Any], Any]) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return willump.compile(function, sample=SAMPLE)


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_what_later_rows_miss_is_answered_as_in_plain_python(
    function: Callable[[Any], Any], tmp_path: Path
) -> None:
    fast = compiled(function)
    models = [fast]
    try:
        fast.save(tmp_path / "f.willump")
    except willump.UnsupportedError:  # a step that no import finds
        pass
    else:
        allowed = ["builtins", "numpy", "operator", "pandas", function.__module__]
        models.append(willump.load(tmp_path / "f.willump", allow_python=allowed))
    for model in models:
        for frame in (SAMPLE, LATER, LATER.iloc[[1]], LATER.iloc[[0]].reset_index(drop=True)):
            expected, found = outcome(function, frame), outcome(model, frame)
            if isinstance(expected, Exception):
                assert isinstance(found, Exception)
                continue
            assert not isinstance(found, Exception), found
            np.testing.assert_allclose(
                np.asarray(found, float), np.asarray(expected, float), rtol=1e-9
            )


def test_functions_of_the_users_are_not_asked_for_rows_that_there_are_not() -> None:
    asked: set[str] = set()

    def ask(text: str) -> int:
        asked.add(text)
        return sum(ord(char) for char in text[::-1])

    def score(df: Any) -> Any:
        return df["city"].map(ask)

    assert compiled(score)._steps
    assert asked == set(SAMPLE["city"])


def test_booleans_of_a_step_are_booleans() -> None:
    def flags(df: Any) -> Any:
        return df["city"].replace("New York", "NYC").map(FLAGS).fillna(10)

    fast = compiled(flags)
    check_same(flags(SAMPLE), fast(SAMPLE))
    with pytest.raises(TypeError, match="do not fit the bool"):
        fast(LATER)


@pytest.mark.parametrize("name", ["z", "td"])
@pytest.mark.parametrize("gone", [pd.NaT, None], ids=["NaT", "None"])
def test_moments_of_one_row_may_be_missing_beside_a_step(name: str, gone: Any) -> None:
    def score(df: Any) -> Any:
        return df["city"].str.encode("utf-8").str.len() + df[name].isna()

    fast = compiled(score)
    assert fast._steps
    row = {column: SAMPLE[column].iloc[1] for column in SAMPLE.columns} | {name: gone}
    assert fast(row).tolist() == [5]
    assert fast([row, row]).tolist() == [5, 5]
    assert fast({column: [value] for column, value in row.items()}).tolist() == [5]


def months(df: Any) -> Any:
    return pd.to_datetime(df["city"], errors="coerce").dt.month


def months_filled(df: Any) -> Any:
    return pd.to_datetime(df["city"], errors="coerce").dt.month.fillna(0) * 1.0


def month_of(df: Any) -> Any:
    return df["d"].dt.month


@pytest.mark.parametrize("function", [months, months_filled, month_of], ids=lambda f: f.__name__)
def test_parts_of_dates_that_are_no_dates_later(function: Callable[[Any], Any]) -> None:
    days = pd.to_datetime(["2024-01-02", "2023-05-06", "2024-02-29", "2020-12-31"])
    sample = SAMPLE.assign(city=days.strftime("%Y-%m-%d"), d=days)
    later = sample.assign(
        city=["2024-03-01", "none", None, "2024-13-45"], d=[*days[:2], None, None]
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fast = willump.compile(function, sample=sample)
        for frame in (sample, later, later.iloc[[1]], later.iloc[[0]], sample.iloc[:0]):
            pd.testing.assert_series_equal(fast(frame), function(frame))


FIRST = pd.Timestamp("2024-02-01", tz="UTC")
LOCAL = FIRST.tz_convert("Europe/Berlin")


@pytest.mark.parametrize(
    "filled",
    [
        lambda f: f["z"].fillna(FIRST),
        lambda f: f["z"].fillna(LOCAL),
        lambda f: f.fillna({"z": FIRST})["z"],
        lambda f: f["z"].dt.tz_convert("America/New_York").fillna(LOCAL),
        lambda f: f["z"].fillna(f["z"].dt.tz_convert("UTC")),
        lambda f: f["z"].fillna(f["z"].dt.floor("D")),
    ],
)
@pytest.mark.parametrize(
    "part",
    [
        lambda z: z.dt.hour < 3,
        lambda z: z.dt.month * 1.0,
        lambda z: z.dt.tz_localize(None).dt.hour * 1.0,
        lambda z: z.dt.floor("D").dt.day * 1.0,
    ],
)
def test_filled_moments_keep_their_zone(filled: Any, part: Any) -> None:
    days = pd.to_datetime(["2024-01-01 23:30", "2024-06-30 22:30", None, "2024-12-31 23:59"])
    frame = pd.DataFrame({"z": days.tz_localize("UTC").tz_convert("Europe/Berlin")})

    def score(df: Any) -> Any:
        return part(filled(df))

    fast = compiled(score)
    for rows in (frame, frame.iloc[[2]], frame.iloc[[0]], frame.iloc[:0]):
        check_same(score(rows), fast(rows))


def test_moments_of_rows() -> None:
    """Python's, NumPy's and pandas' own, as they are in a frame; none is cut off."""
    days = pd.to_datetime(["2024-01-02 03:04:05", "2025-06-07 00:00:00"])
    sample = pd.DataFrame({"d": days, "t": days - days[0]})

    def score(df: Any) -> Any:
        return df["d"].dt.microsecond + df["d"].dt.year * 1e7 + df["t"].dt.total_seconds()

    fast = willump.compile(score, sample=sample)
    moments = [
        pd.Timestamp("2024-05-06 07:08:09.123456"),
        pd.Timestamp("1800-01-01"),
        datetime.datetime(1969, 12, 31, 23, 59, 59, 999999),
        np.datetime64("2024-05-06T01:02:03.5"),
        pd.Timestamp("1950-05-06").as_unit("s"),
    ]
    times = [pd.Timedelta("36h"), datetime.timedelta(microseconds=-7), np.timedelta64(5, "D")]
    for moment in moments:
        for time in times:
            row = {"d": moment, "t": time}
            frame = pd.DataFrame([row])
            expected = score(frame).tolist()
            for given in (row, [row], frame, pl.DataFrame([row]), pl.DataFrame([row, row])[:1]):
                assert np.asarray(fast(given)).tolist() == expected
    for row in (
        {"d": pd.Timestamp("2024-05-06 07:08:09.123456789"), "t": times[0]},
        {"d": np.datetime64("2024-05-06T01:02:03.000000001", "ns"), "t": times[0]},
        {"d": moments[0], "t": pd.Timedelta(1, "ns")},
    ):
        for given in (row, [row], pd.DataFrame([row])):
            with pytest.raises(ValueError, match="nanoseconds"):
                fast(given)


def test_one_value_for_a_row_is_refused() -> None:
    """pandas makes a number of a frame of one cell."""

    def squeezed(df: Any) -> Any:
        return df[["x"]].squeeze() * 2.0

    fast = compiled(squeezed)
    check_same(squeezed(SAMPLE), fast(SAMPLE))
    with pytest.raises(ValueError, match=r"line \d+ gave one value"):
        fast(SAMPLE.iloc[:1])
