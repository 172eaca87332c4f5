"""Helpers that change nothing of the sample, and later rows: they are never left out."""

from __future__ import annotations

from typing import Any

import pytest
from capture_checks import FRAME, LATER, check


def fill(s: Any) -> Any:
    if s.isna().any():
        s = s.fillna(0.0)
    return s


def fill_in_place(d: Any) -> None:
    if d["x"].isna().any():
        d["x"] = d["x"].fillna(0.0)


def fill_through_another_name(d: Any) -> None:
    again = d
    if d["x"].isna().any():
        fill_in_place(again)


def floor(a: Any) -> None:
    for i in range(len(a)):
        if a[i] < 0:
            a[i] = 0.0


def framed(df: Any, function: Any) -> Any:
    d = df.copy()
    function(d)
    return d["x"].to_numpy()


def floored(df: Any) -> Any:
    a = df["x"].to_numpy(copy=True)
    floor(a)
    return a


SEEN = {"negative": False}


def look_for_negatives(d: Any) -> None:
    SEEN["negative"] = False
    if (d["x"] < 0).any():
        SEEN["negative"] = True


def by_container(df: Any) -> Any:
    look_for_negatives(df)
    return df["n"] * (2 if SEEN["negative"] else 1)


IS_NEGATIVE = False


def look_globally(d: Any) -> None:
    global IS_NEGATIVE
    IS_NEGATIVE = bool((d["x"] < 0).any())
    if (d["x"] < 0).any():
        IS_NEGATIVE = True


def by_global(df: Any) -> Any:
    look_globally(df)
    return df["n"] * (2 if IS_NEGATIVE else 1)


class Looking:
    def __init__(self) -> None:
        self.negative = False

    def look(self, d: Any) -> None:
        if (d["x"] < 0).any():
            self.negative = True


def by_attribute(df: Any) -> Any:
    looking = Looking()
    looking.look(df)
    return df["n"] * (2 if looking.negative else 1)


class Filling:
    def run(self, d: Any) -> None:
        if len(d["x"].dropna()) > 0:
            self._fill(d)

    def _fill(self, d: Any) -> None:
        if d["x"].isna().any():
            d["x"] = d["x"].fillna(0.0)


#: Helpers that do nothing on the sample.
IDLE = {
    "fill_by_method": lambda df: framed(df, Filling().run),
    "fill": lambda df: fill(df["x"]).to_numpy(),
    "at_least": lambda df: df["n"] * max(len(df), 10),
    "at_most": lambda df: df["n"] / min(len(df), 2),
    "fill_in_place": lambda df: framed(df, fill_in_place),
    "fill_through_another_name": lambda df: framed(df, fill_through_another_name),
    "floored": floored,
    "by_container": by_container,
    "by_global": by_global,
    "by_attribute": by_attribute,
}


@pytest.mark.parametrize("name", IDLE)
def test_helpers_that_do_nothing_on_the_sample(name: str) -> None:
    sample = FRAME.iloc[[0, 2]].reset_index(drop=True)
    check(IDLE[name], FRAME, LATER, sample=sample)
