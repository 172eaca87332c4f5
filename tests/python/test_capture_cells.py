"""Cells of rows that are no frame, of other kinds than the sample's: refused by name by functions
with Python steps as by native ones."""

from __future__ import annotations

import datetime as dt
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
import willump

SAMPLE = pd.DataFrame(
    {
        "n": [1, 2, 3],
        "x": [1.5, np.nan, 4.0],
        "s": pd.Series(["a", None, "1"], dtype="str"),
        "b": [True, False, True],
        "d": pd.to_datetime(["2024-01-05", None, "2024-03-01"]).astype("datetime64[us]"),
        "z": pd.date_range("2024-01-05", periods=3, tz="UTC", unit="us"),
        "t": pd.to_timedelta([1, None, 4], unit="D").astype("timedelta64[us]"),
        "i": pd.array([1, None, 3], dtype="Int64"),
    }
)
DAY = dt.datetime(2024, 1, 5)
KINDS = {
    "number": [1, 2.0, np.float32(3.0), np.int8(4)],
    "bool": [True, np.bool_(False)],
    "text": ["1", "2024-01-05", "now", ""],
    "moment": [DAY, pd.Timestamp(DAY), np.datetime64(DAY)],
    "time": [dt.timedelta(days=1), pd.Timedelta("1D"), np.timedelta64(1, "D")],
    "other": [1 + 2j, {"a": 1}, object()],
}
HELD = {"n": "number", "x": "number", "s": "text", "b": "bool", "d": "moment", "t": "time"}
CASES = [
    (column, kind, value)
    for column, held in (HELD | {"i": "number"}).items()
    for kind, values in KINDS.items()
    for value in values
    if kind != held
]


def score(df: Any) -> Any:
    """With a step that reads all columns."""
    return df["x"].rank() + df["n"] + df.apply(lambda row: 0 * len(str(tuple(row))), axis=1)


with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    FAST = willump.compile(score, sample=SAMPLE)


def _forms(row: dict[str, Any]) -> list[Any]:
    return [row, [row, row], {name: [value, value] for name, value in row.items()}]


@pytest.mark.parametrize(("column", "kind", "value"), CASES)
def test_cells_of_another_kind_are_refused(column: str, kind: str, value: Any) -> None:
    assert FAST._steps
    row = {name: SAMPLE[name].iloc[0] for name in SAMPLE.columns} | {column: value}
    for form in _forms(row):
        with pytest.raises((TypeError, ValueError), match=f"'{column}' holds|bool"):
            FAST(form)


@pytest.mark.parametrize("column", HELD)
def test_cells_of_the_same_kind_are_taken(column: str) -> None:
    for value in (*KINDS[HELD[column]], *([None] if column not in ("n", "b") else [])):
        row = {name: SAMPLE[name].iloc[0] for name in SAMPLE.columns} | {column: value}
        for form in _forms(row):
            assert len(FAST(form)) in (1, 2)
