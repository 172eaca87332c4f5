"""Functions compiled on rows that do not show what others do, against plain Python on those."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import willump

SAMPLE = pd.DataFrame(
    {
        "x": [2.0, 3.0, 4.0, 5.0, 1.0, 7.0, 2.5, 9.0],
        "y": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0],
        "k": pd.Series(list("aabbabab"), dtype="str"),
    }
)
LATER = pd.DataFrame(
    {"x": [10.0, -20.0, 33.0], "y": [4.0, 5.0, 6.0], "k": pd.Series(list("abz"), dtype="str")}
)
FRAMES = [SAMPLE, LATER, LATER.iloc[[1]].reset_index(drop=True), SAMPLE]


class Cases(list[Callable[[Any], Any]]):
    """Functions; one is added as a decorator."""

    def __call__(self, function: Callable[[Any], Any]) -> Callable[[Any], Any]:
        self.append(function)
        return function


def answer(function: Callable[[Any], Any], frame: pd.DataFrame, reset: Callable[[], None]) -> Any:
    reset()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return np.asarray(function(frame.copy()), dtype=float)
        except Exception as error:
            return error


def check_later(
    function: Callable[[Any], Any], reset: Callable[[], None] = lambda: None
) -> list[Any]:
    """Compiles a function on rows of which no x is negative, and compares it on others; what
    it says of its Python steps."""
    reset()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fast = willump.compile(function, sample=SAMPLE)
    for frame in FRAMES:
        expected, found = answer(function, frame, reset), answer(fast, frame, reset)
        if isinstance(expected, Exception) or isinstance(found, Exception):
            assert isinstance(expected, Exception), found
            assert isinstance(found, Exception), expected
        else:
            np.testing.assert_allclose(found, expected, rtol=1e-12)
    return list(fast._reasons)
