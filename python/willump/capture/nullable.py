"""pandas' nullable dtypes and those of Arrow: read, filled, and cast to NumPy's.

A column ("nullable", or "nullable text") has NaN where its value is NA; its `stored` is the
dtype's name. What else is done to it, where NA counts otherwise than NaN, is left to Python.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from .columns import emit, number_of
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
