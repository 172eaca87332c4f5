"""Strings as numbers: `astype(float)`, `astype(int)` and `pd.to_numeric`."""

from __future__ import annotations

import functools
import unicodedata
from typing import Any

import numpy as np
import pandas as pd

from .columns import emit
from .registry import Call, function
from .values import MIXED, Column, Native, NotNative


@functools.lru_cache(maxsize=1)
def _numerals() -> dict[str, Any]:
    """The digits and blanks beyond ASCII that Python reads in numbers."""
    found: dict[int, int] = {}
    for point in range(128, 0x110000):
        char = chr(point)
        if char.isspace():
            found[point] = ord(" ")
        elif char.isdecimal():
            found[point] = ord("0") + unicodedata.decimal(char)
    return {"chars": np.array(list(found)), "values": np.array(list(found.values()))}


def parsed(call: Call, column: Column, wanted: str) -> Column:
    """`astype(float)` and `astype(int)` of strings: Python's own reading."""
    if wanted not in ("float64", "int64"):
        raise NotNative(f"astype from strings to {wanted}")
    function = "float" if wanted == "float64" else "int"
    return emit(
        call, "parse_number", [column], wanted, column.rows, function=function, **_numerals()
    )


@functools.lru_cache(maxsize=1)
def _reads_as_python() -> bool:
    """Whether `to_numeric` rounds correctly, which older pandas does not."""
    rng = np.random.default_rng(0)
    texts = [repr(float(x)) for x in rng.random(500) * 10.0 ** rng.integers(-300, 300, 500)]
    return bool(pd.to_numeric(pd.Series(texts)).tolist() == [float(text) for text in texts])


@function(pd.to_numeric)
def to_numeric(call: Call) -> Native:
    own = call.bind("arg", "errors", "downcast", errors="raise", downcast=None)
    column = call.tracer.column(own.arg)
    if own.downcast is not None or own.errors not in ("raise", "coerce"):
        raise NotNative("to_numeric with options")
    if column.is_number or column.is_bool:
        return column
    if not column.is_text or not isinstance(own.arg.value, pd.Series):
        raise NotNative(f"to_numeric of {column.dtype}")
    if not _reads_as_python():
        raise NotNative("this pandas does not round correctly in to_numeric")
    return emit(
        call, "parse_number", [column], MIXED, column.rows, function="numeric",
        coerce=True if own.errors == "coerce" else None,
    )  # fmt: skip
