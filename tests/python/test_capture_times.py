"""Moments that are looked for, and times that are made of numbers, against pandas."""

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
from capture_frames import SAMPLE, check_random_frames, check_same, outcome

LEAP = pd.Timestamp("2020-02-29")
HOLIDAYS = pd.DatetimeIndex(["2020-02-29", "2000-12-31", "1900-03-01"])
LISTED = [LEAP, dt.datetime(2000, 12, 31), np.datetime64("1900-03-01"), None]
DAYS = [dt.date(2020, 2, 29), dt.date(2000, 12, 31)]
ZONED_DAY = pd.Timestamp("2021-05-07", tz="Europe/Paris")
SPANS = [pd.Timedelta("1D"), dt.timedelta(hours=3), pd.Timedelta(0)]
WORDS = {"a": 1, "b": 2, "B c": 40}

#: Functions of a frame that are native as a whole.
FUNCTIONS: list[Callable[[pd.DataFrame], Any]] = [
    lambda f: f["d"].dt.normalize().isin(HOLIDAYS),
    lambda f: f["d"].isin(HOLIDAYS[:2]) & ~f["e"].isin([LEAP]),
    lambda f: f["d"].isin(LISTED),
    lambda f: f["d"].isin(set(LISTED[:3])),
    lambda f: f["d"].isin(HOLIDAYS.to_numpy()),
    lambda f: f["d"].isin(pd.Series(HOLIDAYS)),
    lambda f: f["d"].isin(DAYS),
    lambda f: f["d"].isin([*DAYS, LEAP, ZONED_DAY]),
    lambda f: f["d"].isin([pd.NaT]),
    lambda f: f["d"].isin([math.nan, LEAP]),
    lambda f: f["d"].isin([]),
    lambda f: f["d"].isin([0, 1]),
    lambda f: f["d"].isin(["2020-02-29", "x"]),
    lambda f: f["z"].dt.normalize().isin([ZONED_DAY, LEAP]),
    lambda f: f["g"].isin(HOLIDAYS.tz_localize("UTC")),
    lambda f: f["z"].isin(HOLIDAYS),
    lambda f: (f["d"] - LEAP).isin(SPANS),
    lambda f: (f["d"] - f["d"]).isin([pd.Timedelta(0), pd.NaT]),
    lambda f: f[["d", "e"]].isin([LEAP]).to_numpy(),
    lambda f: f[["d", "i"]].isin({"d": HOLIDAYS, "i": [1]}).to_numpy(),
    lambda f: pd.to_timedelta(f["i"] % 1000, unit="D").dt.days.astype(float),
    lambda f: pd.to_timedelta(f["i"], unit="s").dt.total_seconds(),
    lambda f: pd.to_timedelta(f["b"], unit="W").dt.total_seconds(),
    lambda f: pd.to_timedelta(f["h"], "min").dt.total_seconds(),
    lambda f: (f["d"] + pd.to_timedelta(f["i"] % 1000, unit="D")).dt.dayofweek.astype(float),
    lambda f: (f["d"] - pd.to_timedelta(f["h"], unit="h")).dt.hour.astype(float),
    lambda f: (f["z"] + pd.to_timedelta(f["h"], unit="h")).dt.hour.astype(float),
    lambda f: f["d"] > LEAP - pd.to_timedelta(f["k"] % 1000, unit="D"),
    lambda f: pd.to_timedelta(f["s"].map(WORDS), unit="D").dt.days.astype(float),
    lambda f: (f["e"] + pd.to_timedelta(f["s"].map(WORDS), unit="h")).dt.hour.astype(float),
    lambda f: pd.to_timedelta(f["d"].dt.day, unit="D").dt.total_seconds(),
    lambda f: pd.to_timedelta(f["x"].clip(-1e6, 1e6).round(), unit="s").dt.total_seconds(),
    lambda f: pd.to_timedelta(np.ceil(f["w"].clip(-99, 99)), unit="D").dt.total_seconds(),
    lambda f: (f["d"] + pd.to_timedelta(f["i"].to_numpy() % 100, unit="D")).dt.day.astype(float),
    lambda f: (f["h"] * pd.Timedelta("13us")).dt.total_seconds(),
    lambda f: (f["d"] + pd.Timedelta("1D") * f["b"]).dt.day.astype(float),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(FUNCTIONS)))
def test_times_are_those_of_pandas(number: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check_random_frames(FUNCTIONS[number], 15)


#: What is rounded to another unit than the graph's on the way, or may be.
ROUNDED: list[Callable[[pd.DataFrame], Any]] = [
    lambda f: (f["x"].fillna(0.1234567891) * pd.Timedelta("1s")).dt.total_seconds(),
    lambda f: ((f["d"] + f["x"] * pd.Timedelta("1D")) - f["d"]).dt.total_seconds(),
    lambda f: (pd.Timedelta("1D") / f["h"]).dt.total_seconds(),
    lambda f: ((f["d"] - LEAP) / 7).dt.total_seconds(),
    lambda f: (f["s"].map(WORDS) * pd.Timedelta("7us")).dt.total_seconds(),
    lambda f: pd.to_timedelta(f["x"], unit="D").dt.total_seconds(),
    lambda f: pd.to_timedelta(f["y"], unit="h").dt.total_seconds(),
    lambda f: f["d"].isin([pd.Timestamp("2021-05-06 07:08:09.101112")]),
]


@pytest.mark.parametrize("number", range(len(ROUNDED)))
def test_times_that_are_rounded_are_answered_alike(number: int) -> None:
    function = ROUNDED[number]
    later = SAMPLE.assign(
        x=[0.1234567891, 1 / 3, -2.7], y=[1 / 7, math.nan, 2.0], h=np.array([7, -7, 13], "int16")
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fast = willump.compile(function, sample=SAMPLE)
        for frame in (SAMPLE, later, later.astype({"d": "datetime64[ns]"})):
            found = outcome(fast, frame)
            if not isinstance(found, TypeError):  # moments with nanoseconds, by name
                check_same(outcome(function, frame), found)


def test_seconds_are_equal_to_the_bit() -> None:
    def function(f: Any) -> Any:
        return (f["d"] - LEAP).dt.total_seconds()

    fast = willump.compile(function, sample=SAMPLE, strict=True)
    rng = np.random.default_rng(0)
    for size in (10**3, 10**6, 10**9, 10**12, 10**15):
        spans = rng.integers(-size, size, 1000).astype("timedelta64[us]")
        frame = pd.DataFrame({"d": np.datetime64(LEAP) + spans})
        np.testing.assert_array_equal(fast(frame), function(frame))
