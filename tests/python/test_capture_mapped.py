"""`map` and generators over constant lists of columns are followed."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from capture_checks import FRAME, LATER, check

EMPTY, ONE = LATER.iloc[:0], LATER.iloc[:1]


def _distance(x: Any, y: Any, z: Any) -> Any:
    x, y, z = map(np.sqrt, [abs(x), abs(y), abs(z)])
    return x * y - z


def helper(df: Any) -> Any:
    return _distance(df["x"], df["y"], df["n"])


def unpacked(df: Any) -> Any:
    x, y = map(lambda c: c.fillna(0.0) * 2, [df["x"], df["y"]])  # noqa: C417
    return x - y


def of_names(df: Any) -> Any:
    x, *rest = map(lambda c: df[c] * 2, ["x", "y", "n"])  # noqa: C417
    return x - rest[0] * rest[1]


def in_step(df: Any) -> Any:
    x, y = map(lambda c, k: c * k, (df["x"], df["y"]), (2, 3))
    return x + y


def generated(df: Any) -> Any:
    x, y = (df[c].fillna(1.0) for c in ("x", "y"))
    return x * y


def listed(df: Any) -> Any:
    x, y = [df[c].clip(0, 3) for c in ("x", "y")]
    return x * y


def starred(df: Any) -> Any:
    return np.maximum(*(df[c] for c in ["x", "y"])) * sum([*(df[c] for c in ["n", "x"])])


def stacked(df: Any) -> Any:
    return np.column_stack(list(map(np.abs, [df["x"], df["n"]])))


def summed(df: Any) -> Any:
    return sum(map(np.square, [df["x"], df["y"]]))


def reduced(df: Any) -> Any:
    return functools.reduce(operator.and_, map(pd.notna, [df["x"], df["y"]]), df["n"] > 0)


def by_operators(df: Any) -> Any:
    a, b = map(operator.mul, [df["x"], df["y"]], [df["n"], 2])
    return operator.sub(a, operator.truediv(1.0, b))


def looped(df: Any) -> Any:
    total = df["x"] * 0.0
    for k, c in zip((1, 10), map(np.floor, [df["x"], df["y"]]), strict=True):
        total += k * c
    return total


def filled_in(df: Any) -> Any:
    """What `map` is given is set in place behind it."""
    a = df["x"].to_numpy().copy()
    (b,) = map(np.asarray, [a])
    a[:] = 1.0
    return b + df["y"].to_numpy()


@pytest.mark.parametrize(
    "function",
    [helper, unpacked, of_names, in_step, generated, listed, starred, stacked, summed, reduced,
     by_operators, looped],
)  # fmt: skip
def test_columns_of_a_list_are_mapped(function: Callable[[Any], Any]) -> None:
    fast = check(function, LATER, EMPTY, ONE)
    assert not fast._steps, fast.explain()


def once(df: Any) -> Any:
    """A map is read once."""
    made = map(np.abs, [df["x"], df["y"]])
    first, again = list(made), list(made)
    return first[0] + len(again)


def advanced(df: Any) -> Any:
    made = map(np.abs, [df["x"], df["y"]])
    x = next(made)
    return x - next(made)


def over_rows(df: Any) -> Any:
    return np.array(list(map(lambda v: v * 2.0, df["n"])))  # noqa: C417


@pytest.mark.parametrize("function", [once, advanced, over_rows, filled_in])
def test_what_reads_a_map_otherwise_is_answered_alike(function: Callable[[Any], Any]) -> None:
    check(function, LATER, ONE, sample=FRAME)
