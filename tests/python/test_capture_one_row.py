"""One row: read without a look at each column, and answered as the row is among many."""

from __future__ import annotations

import math
import random
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import willump

DOUBLES = [0.0, -0.0, 1.5, math.nan, math.inf, -math.inf, 1e300, 2.0**53, -3.0]
WHOLE = [0, 1, -1, 300, 2**31, 2**53, -(2**53)]
WORDS = ["a", "", "É", "b"]
TIMES = [pd.Timestamp("2020-01-02 03:04:05.000006"), pd.Timestamp("1969-12-31 23:00"), pd.NaT]


def mixed(rng: random.Random, n: int) -> pd.DataFrame:
    """Columns of several dtypes, in an order of their own."""
    columns = {
        "x": pd.Series([rng.choice(DOUBLES) for _ in range(n)]),
        "y": pd.Series([rng.choice(DOUBLES) for _ in range(n)]),
        "i": pd.Series([rng.choice(WHOLE) for _ in range(n)], dtype="int64"),
        "g": pd.Series([rng.choice([0.5, -2.0, math.nan]) for _ in range(n)], dtype="float32"),
        "b": pd.Series([rng.random() < 0.5 for _ in range(n)]),
        "s": pd.Series([rng.choice(WORDS) for _ in range(n)], dtype="str"),
        "t": pd.Series([rng.choice(TIMES) for _ in range(n)], dtype="datetime64[us]"),
    }
    return pd.DataFrame({name: columns[name] for name in rng.sample(list(columns), len(columns))})


def of_mixed(f: pd.DataFrame) -> Any:
    known = [f["x"] + 1.0, f["y"] * 0.5, f["i"] % 7, f["g"], f["b"], f["s"] == "a"]
    return np.column_stack([*known, f["t"].dt.hour]).astype(float)


def numbers(rng: random.Random, n: int) -> pd.DataFrame:
    """Columns of one dtype, which pandas keeps as one array, after changes that move them."""
    names = ["x", "y", "z", "w"]
    frame = pd.DataFrame([[rng.choice(DOUBLES) for _ in names] for _ in range(n)], columns=names)
    changes = [
        lambda f: f[names[::-1]],
        lambda f: f.drop(columns=["y"]).assign(y=f["y"]),
        lambda f: f.iloc[::-1],
        lambda f: f.set_axis(pd.Index(names, dtype=object), axis=1),
        lambda f: f.copy(),
    ]
    for change in rng.sample(changes, 2):
        frame = change(frame)
    return frame.reset_index(drop=True)


def of_numbers(f: pd.DataFrame) -> Any:
    return np.column_stack([f["z"] - f["x"], f["y"], f["w"] * 2.0])


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize(("make", "function"), [(mixed, of_mixed), (numbers, of_numbers)])
def test_a_row_is_answered_as_among_many(make: Any, function: Any, seed: int) -> None:
    rng = random.Random(seed)
    sample = make(rng, 40)
    while make is mixed and sample["t"].isna().all():
        sample = make(rng, 40)
    fast = willump.compile(function, sample=sample, strict=True)
    for _ in range(3):  # names in other orders: what was seen last does not stay
        rows = make(rng, 12)
        with np.errstate(all="ignore"):
            expected = np.asarray(function(rows), np.float64)
        rows_of_polars = pl.from_pandas(rows, nan_to_null=False)
        for i in range(len(rows)):
            row = rows.iloc[i : i + 1]
            wanted = expected[i : i + 1]
            for given in (row, row.reset_index(drop=True), rows_of_polars[i : i + 1]):
                np.testing.assert_array_equal(np.asarray(fast(given)), wanted)


def refusal(call: Any, x: Any) -> str:
    with pytest.raises((TypeError, ValueError)) as caught:
        call(x)
    return f"{type(caught.value).__name__}: {caught.value}"


REFUSED = [
    ("i", pd.Series([2**53 + 1])),
    ("i", pd.Series([True])),
    ("i", pd.Series([1.5])),
    ("i", pd.Series([None], dtype=object)),
    ("b", pd.Series([1.0])),
    ("x", pd.Series(["1"], dtype="str")),
    ("x", pd.Series([True])),
    ("s", pd.Series([1.0])),
]


@pytest.mark.parametrize(("name", "column"), REFUSED)
def test_a_row_is_refused_as_ten_of_it_are(name: str, column: pd.Series) -> None:
    """Of few rows the value is named, of many at times its dtype."""
    rng = random.Random(0)
    rows = mixed(rng, 40)
    fast = willump.compile(of_mixed, sample=rows, strict=True)
    row = rows.head(1).assign(**{name: column})
    for given in (row, row.iloc[[0] * 10].reset_index(drop=True)):
        assert f"column {name!r} holds" in refusal(fast, given)
    if column.dtype != object:
        assert f"column {name!r} holds" in refusal(fast, pl.from_pandas(row))


def test_moments_that_python_has_not_are_no_panic_of_polars() -> None:
    rows = mixed(random.Random(0), 40)
    fast = willump.compile(lambda f: f["x"].to_numpy() + 1.0, sample=rows, strict=True)
    far = pl.Series("t", [2**62]).cast(pl.Datetime("us"))
    row = pl.from_pandas(rows.head(1)).with_columns(far, x=pl.lit(1.0))
    np.testing.assert_array_equal(fast(row), [2.0])


def test_no_rows_are_looked_at_for_their_dtypes() -> None:
    rows = mixed(random.Random(0), 40)
    fast = willump.compile(of_mixed, sample=rows, strict=True)
    none = rows.head(0)
    assert np.asarray(fast(none)).shape == (0, 7)
    for name, dtype in (("i", "bool"), ("b", "float64"), ("x", "bool")):
        with pytest.raises(TypeError, match=f"column {name!r} holds {dtype}"):
            fast(none.astype({name: dtype}))
