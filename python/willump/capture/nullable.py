"""pandas' nullable dtypes and those of Arrow: read, filled, and cast to NumPy's.

A column ("nullable", or "nullable text") has NaN where its value is NA; its `stored` is the
dtype's name. Comparisons and logic give NA where pandas does (Kleene's logic), and whole numbers
are added and multiplied; what else is done to it, where NA counts otherwise than NaN, is left
to Python.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from .columns import emit, number_of
from .frames import same_rows
from .registry import Call
from .values import Column, NotNative

NUMBERS = (
    "Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "Float64", "boolean",
    "int8[pyarrow]", "int16[pyarrow]", "int32[pyarrow]", "int64[pyarrow]", "double[pyarrow]",
    "bool[pyarrow]",
)  # fmt: skip


def kind_of_nullable(dtype: Any) -> str:
    """The kind of a column of such a dtype; "" of another."""
    if isinstance(dtype, np.dtype):
        return ""
    if str(dtype) in NUMBERS:
        return "nullable"
    is_text = isinstance(dtype, pd.StringDtype) and dtype.na_value is pd.NA
    return "nullable text" if is_text or str(dtype) == "string[pyarrow]" else ""


def may_be_na(dtype: Any) -> bool:
    """Whether it is an extension dtype of numbers, some of which may be NA."""
    if dtype is None or isinstance(dtype, (np.dtype, pd.SparseDtype)):
        return False
    return getattr(dtype, "kind", "O") in "biuf"


def _is_whole(column: Column) -> bool:
    return column.stored.lower().startswith(("int", "uint", "bool"))


def check_tells_missing(column: Column) -> None:
    """NaN beside NA is one value here."""
    is_one = column.stored == "Float64" and int(pd.__version__.split(".")[0]) >= 3
    if column.dtype == "nullable" and not _is_whole(column) and not is_one:
        raise NotNative(f"which of {column.stored} are NA, not NaN: use astype(float)")


def filled(call: Call, column: Column, value: Any) -> Column:
    """With a constant in the place of NA."""
    check_tells_missing(column)
    if column.dtype == "nullable text":
        if not isinstance(value, str):
            raise NotNative(f"fillna of {column.stored} with {value!r}")
        made = emit(
            call, "fill_text", [column], column.dtype, column.rows, value=value, missing="any"
        )
        return replace(made, stored=column.stored)
    is_bool = column.stored.startswith("bool")
    if is_bool != isinstance(value, (bool, np.bool_)) or isinstance(value, str):
        raise NotNative(f"fillna of {column.stored} with {value!r}")
    number = number_of(value)
    try:
        held = float(pd.array([value], dtype=column.stored)[0])
    except (TypeError, ValueError, OverflowError):
        held = np.nan
    if held != number:
        raise NotNative(f"fillna of {column.stored} with {value!r}")
    made = emit(call, "impute", [column], column.dtype, column.rows, fill=np.array([number]))
    return replace(made, stored=column.stored)


def _is_truth(column: Column) -> bool:
    return column.is_bool or column.stored in ("boolean", "bool[pyarrow]")


def _stored(call: Call, columns: Sequence[Column]) -> str:
    """The dtype of a result, which no NaN of a float and no other kind of NA may decide."""
    for column in columns:
        if column.dtype == "nullable":
            check_tells_missing(column)
        elif column.dtype not in ("int64", "bool"):
            raise NotNative(f"{column.stored or column.dtype} beside a nullable column")
    is_arrow = {c.stored.endswith("[pyarrow]") for c in columns if c.dtype == "nullable"}
    stored = str(call.value.dtype)
    if len(is_arrow) > 1 or stored not in NUMBERS:
        raise NotNative(f"{call.name} of columns that give {stored}")
    return stored


def _unless_na(call: Call, columns: Sequence[Column], found: Column, stored: str) -> Column:
    """NA where one of the columns is."""
    for column in columns:
        if column.dtype == "nullable":
            gone = emit(call, "is_missing", [column], "bool", column.rows)
            found = emit(call, "where", [gone, found], "nullable", found.rows, then=math.nan)
    return replace(found, stored=stored)


def compared(
    call: Call, function: str, columns: Sequence[Column], value: float | None, is_reversed: bool
) -> Column:
    """A comparison, NA where one side is."""
    stored = _stored(call, columns)
    truths = {_is_truth(column) for column in columns}
    if value is not None:
        constant = next(a for a in call.args if isinstance(a, (int, float, np.generic)))
        truths.add(isinstance(constant, (bool, np.bool_)))
        if not math.isfinite(value):
            raise NotNative(f"{columns[0].stored} beside {value}")
    if (truths == {True} and function not in ("equal", "not_equal")) or len(truths) > 1:
        raise NotNative("booleans are compared by order, or with numbers")
    found = emit(
        call, "binary", columns, "bool", same_rows(columns), function=function, value=value,
        reverse=True if is_reversed else None,
    )  # fmt: skip
    return _unless_na(call, columns, found, stored)


def logic(call: Call, function: str, columns: Sequence[Column], value: float | None) -> Column:
    """Kleene's logic: NA where the other side does not decide. NumPy's functions have none."""
    if "logical" in call.name:
        raise NotNative(f"{call.name} of nullable columns: use & and |")
    stored = _stored(call, columns)
    is_constant = any(isinstance(a, (bool, np.bool_)) for a in call.args)
    if not all(map(_is_truth, columns)) or is_constant != (value is not None):
        raise NotNative("& and | of what is not boolean")
    rows = same_rows(columns)

    def both(name: str) -> Column:
        return emit(call, "binary", columns, "nullable", rows, function=name, value=value)

    if function == "logical_xor":
        return _unless_na(call, columns, both("not_equal"), stored)
    is_and = function == "logical_and"
    decides = 0.0 if is_and else 1.0
    either = both("fmin" if is_and else "fmax")  # what is there, where one is NA
    decided = emit(call, "binary", [either], "bool", rows, function="equal", value=decides)
    other = both("minimum" if is_and else "maximum")  # NA where one is
    found = emit(call, "where", [decided, other], "nullable", rows, then=decides)
    return replace(found, stored=stored)


def negated(call: Call, column: Column) -> Column:
    if not _is_truth(column) or "logical" in call.name:
        raise NotNative("~ of what is not boolean")
    found = emit(
        call, "binary", [column], "nullable", column.rows, function="subtract", value=1.0,
        reverse=True,
    )  # fmt: skip
    return replace(found, stored=column.stored)


def condition(call: Call, column: Column, missing: float) -> Column:
    """What chooses rows, `missing` in the place of NA."""
    if column.dtype != "nullable" or not _is_truth(column):
        return column
    return emit(call, "impute", [column], "bool", column.rows, fill=np.array([missing]))


_WHOLE = ("Int64", "int64[pyarrow]")


def arithmetic(
    call: Call, function: str, columns: Sequence[Column], value: float | None, is_reversed: bool
) -> Column:
    """Sums and products of int64, with floats where no NaN can come of it."""
    stored = _stored(call, columns)
    is_whole = stored in _WHOLE
    if any(c.stored not in ("", *_WHOLE) or c.is_bool for c in columns) or any(
        isinstance(a, (bool, np.bool_)) for a in call.args
    ):
        raise NotNative(f"{function} of {' and '.join(c.stored or c.dtype for c in columns)}")
    is_safe = function in ("add", "subtract", "multiply") or (
        function == "divide" and bool(value) and not is_reversed
    )
    if not is_safe or (value is not None and not math.isfinite(value)):
        raise NotNative(f"{function} of {columns[0].stored}")
    if not is_whole and (stored not in ("Float64", "double[pyarrow]") or value is None):
        raise NotNative(f"{function} that gives {stored}")
    found = emit(
        call, "binary", columns, "nullable", same_rows(columns), function=function, value=value,
        reverse=True if is_reversed else None, dtype="i64" if is_whole else None,
    )  # fmt: skip
    if is_whole:  # checked as whole numbers, and NaN is kept
        found = emit(call, "cast", [found], "nullable", found.rows, dtype="f64")
    return replace(found, stored=stored)


def cast(call: Call, column: Column, dtype: Any) -> Column:
    """In a dtype of NumPy's, or as str."""
    if column.dtype == "nullable text":
        if not isinstance(dtype, pd.StringDtype) or dtype.na_value is pd.NA:
            raise NotNative(f"astype from {column.stored} to {dtype}")
        return replace(column, dtype="str", stored="")
    if dtype == np.float64:
        return replace(column, dtype="float64", stored="")
    if not _is_whole(column) or dtype not in (np.int64, np.bool_):
        raise NotNative(f"astype from {column.stored} to {dtype}")
    gone = emit(call, "is_missing", [column], "bool", column.rows)
    there = emit(call, "binary", [gone], "bool", column.rows, function="equal", value=0.0)
    name = "integer" if dtype == np.int64 else "bool"
    made = emit(
        call, "require", [there, column], "int64", column.rows,
        message=f"line {call.tracer.line}: cannot convert NA to {name}",
        error="type" if column.stored.endswith("[pyarrow]") else "value",
    )  # fmt: skip
    if name == "integer":
        return made
    return emit(call, "binary", [made], "bool", column.rows, function="not_equal", value=0.0)
