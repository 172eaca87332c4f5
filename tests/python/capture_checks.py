"""Rows, and the comparison of a compiled function with the plain one, for the tests of
functions."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import willump

FRAME = pd.DataFrame(
    {
        "x": [1.0, -2.0, 3.0, np.nan],
        "y": [0.5, 4.0, -1.0, 2.0],
        "n": [1, 2, 3, 4],
        "k": pd.Series(["u", "v", "u", "w"], dtype="str"),
    }
)


LATER = pd.DataFrame(
    {
        "x": [-7.0, np.nan, 12.0, 0.0, 5.0],
        "y": [9.0, -0.5, 0.0, -3.0, 1.0],
        "n": [-4, 9, 0, 2, 7],
        "k": pd.Series(["w", "u", "u", "v", "w"], dtype="str"),
    }
)


def quiet(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(*args, **kwargs)


def check(function: Callable[..., Any], *frames: pd.DataFrame, sample: Any = FRAME) -> Any:
    """Compiles a function and compares its answers, twice, with the plain one's."""
    fast = quiet(willump.compile, function, sample=sample)
    for frame in (FRAME, *(frames or (LATER,)), FRAME):
        given = frame.copy()
        expected, found = quiet(function, frame.copy()), quiet(fast, given)
        assert type(found) is type(expected)
        np.testing.assert_allclose(
            np.asarray(found, dtype=float), np.asarray(expected, dtype=float), rtol=1e-12
        )
        pd.testing.assert_frame_equal(given, frame)  # the caller's stays
    return fast


def kept(df: Any) -> Any:
    columns = list(filter(lambda c: df[c].isna().any(), ["x", "y", "n"]))
    return df[columns].to_numpy(dtype=float).sum(axis=1)


def largest(df: Any) -> Any:
    return df[max(["x", "y", "n"], key=lambda c: df[c].sum())] * 1.0
