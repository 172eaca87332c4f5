"""Constants that are of a kind of their own: members of enumerations that are strings, NumPy's
times, sets: they count for what they are to pandas."""

from __future__ import annotations

import enum
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
import willump
from capture_checks import quiet


class Land(str, enum.Enum):  # noqa: UP042  # of which `str` gives another string
    DE = "DE"
    FR = "FR"


class Country(enum.StrEnum):
    DE = "DE"
    FR = "FR"


SAMPLE = pd.DataFrame(
    {"c": ["US", "IT", "ES"], "t": ["US", None, "ES"], "x": [1.0, 2.0, 3.0]}
).assign(o=lambda df: df["t"].astype(object))
LATER = pd.DataFrame(
    {"c": ["DE", "FR", "US"], "t": ["DE", None, "FR"], "x": [60.0, 2.0, -1.0]}
).assign(o=lambda df: df["t"].astype(object))

#: Functions of a frame and of the enumeration.
FUNCTIONS = {
    "==": lambda df, e: df["c"] == e.DE,
    "!=": lambda df, e: df["c"] != e.DE,
    "eq": lambda df, e: df["o"].eq(e.DE),
    "isin": lambda df, e: df["c"].isin([e.DE, e.FR]),
    "isin set": lambda df, e: df["c"].isin({e.DE}),
    "isin all": lambda df, e: df["c"].isin(list(e)),
    "map": lambda df, e: df["c"].map({e.DE: 1, e.FR: 2}).fillna(0),
    "map beside": lambda df, e: df["o"].map({e.DE: 1, "US": 2}).fillna(0),
    "map to": lambda df, e: df["c"].map({"DE": e.FR, "US": e.DE}).eq("FR"),
    "map Series": lambda df, e: df["c"].map(pd.Series({e.DE: 1.0, e.FR: 2.0})),
    "merge": lambda df, e: df.merge(
        pd.DataFrame({"c": [e.DE, e.FR], "v": [1, 2]}), on="c", how="left"
    )["v"].fillna(0),
    "fillna": lambda df, e: df["t"].fillna(e.DE).eq("DE"),
    "where": lambda df, e: df["c"].where(df["x"] < 50, e.DE).eq("DE"),
    "np.where": lambda df, e: np.where(df["x"] > 50, e.DE, "US") == "DE",
    "select": lambda df, e: np.select([df["x"] > 50], [e.DE], "another") == "DE",
    "contains": lambda df, e: df["c"].str.contains(e.DE),
    "startswith": lambda df, e: df["c"].str.startswith(e.DE),
    "find": lambda df, e: df["c"].str.find(e.DE),
    "count": lambda df, e: df["c"].str.count(e.DE),
    "replace": lambda df, e: df["c"].str.replace(e.DE, "xxx", regex=False).str.len(),
    "replace by": lambda df, e: df["c"].str.replace("US", e.DE, regex=False).eq("DE"),
    "strip": lambda df, e: df["c"].str.strip(e.DE).str.len(),
    "removeprefix": lambda df, e: df["c"].str.removeprefix(e.DE).str.len(),
    "+": lambda df, e: (df["c"] + e.DE).str.len(),
    "codes": lambda df, e: df["c"].astype(pd.CategoricalDtype([e.DE, e.FR])).cat.codes,
    "row ==": lambda df, e: df["c"].apply(lambda v: 1 if v == e.DE else 0),
    "row in": lambda df, e: df["c"].apply(lambda v: 1 if v in (e.DE, e.FR) else 0),
    "row get": lambda df, e: df["c"].apply(lambda v: {e.DE: 5}.get(v, 0)),
    "row format": lambda df, e: df["c"].apply(lambda v: f"{v}{e.DE}").str.len(),
    "row +": lambda df, e: df["c"].apply(lambda v: v + e.DE).str.len(),
    "rows": lambda df, e: df.apply(
        lambda r: 1 if r["c"] == e.DE and r["x"] > 0 else 0, axis=1
    ),
    "set": lambda df, e: df.assign(z=e.DE)["z"].eq("DE"),
}  # fmt: skip


@pytest.mark.parametrize("kind", [Land, Country])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_members_of_enumerations_of_strings(name: str, kind: Any) -> None:
    plain = FUNCTIONS[name]

    def function(df: Any) -> Any:
        return plain(df, kind)

    fast = quiet(willump.compile, function, sample=SAMPLE)
    for rows in (SAMPLE, LATER):
        np.testing.assert_array_equal(
            np.asarray(quiet(fast, rows), dtype=float), np.asarray(function(rows), dtype=float)
        )


def good(word: Any) -> Any:
    return word in {"good", "great", "bad", "worse", "fine", "so so"}


def test_sets_of_constants_have_no_order() -> None:
    def function(df: Any) -> Any:
        return df["c"].str.lower().map(good).astype(float) + df["x"]

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fast = willump.compile(function, sample=SAMPLE)
    rows = LATER.assign(c=["good", "Bad", "worst"])
    np.testing.assert_array_equal(fast(rows), function(rows))


TIMES = pd.DataFrame(
    {
        "a": pd.to_datetime(["2020-01-01 00:00", "2021-05-05 03:00", None]),
        "b": pd.to_datetime(["2019-01-01 12:30", None, "2022-02-28 23:59"]),
    }
)


@pytest.mark.parametrize(
    "function",
    [
        lambda df: (df["a"] - df["b"]) / np.timedelta64(1, "D"),
        lambda df: ((df["a"] - df["b"]) / np.timedelta64(1, "W")).fillna(0).round(1),
        lambda df: (df["a"] - df["b"]) > np.timedelta64(40, "D"),
        lambda df: df["a"] >= np.datetime64("2020-06-01"),
        lambda df: (df["a"] - np.datetime64("2019-01-01")).dt.days,
        lambda df: (df["a"] + np.timedelta64(3, "h")).dt.hour.astype(float),
    ],
)
def test_times_of_numpy(function: Any) -> None:
    fast = willump.compile(function, sample=TIMES, strict=True)
    for rows in (TIMES, TIMES[::-1].reset_index(drop=True), TIMES.head(1)):
        np.testing.assert_array_equal(fast(rows), function(rows))


def test_times_as_numbers_are_one_step() -> None:
    def function(df: Any) -> Any:
        return df["a"].fillna(df["b"]).astype("int64") // 10**6 + 0.5

    fast = quiet(willump.compile, function, sample=TIMES)
    np.testing.assert_array_equal(fast(TIMES), function(TIMES))
