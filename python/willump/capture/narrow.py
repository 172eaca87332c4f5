"""Whole numbers narrower than int64: computed exactly, then wrapped around as NumPy's.

A column's `stored` is the dtype that the Series has; the values are within its range.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from .columns import emit
from .registry import Call
from .values import NARROW, Column, Frame, Held, Later, Native, NotNative, Part, Traced


def stored_name(dtype: Any) -> str:
    """A narrow dtype's name; "" of any other."""
    return dtype.name if isinstance(dtype, np.dtype) and dtype.name in NARROW else ""


def settled(call: Call, native: Native) -> Native:
    """The native form with the dtypes of the call's result on the sample."""
    if isinstance(native, Column):
        return _settled(call, native, getattr(call.value, "dtype", None))
    if isinstance(native, Frame) and getattr(call.value, "ndim", 0) == 2:
        before = _columns_before(call)
        columns = {
            name: _held(call, held, call.value[name].dtype)
            for name, held in native.columns.items()
            if held is not before.get(name) and _may_be_narrow(held)
        }
        if any(held is not native.columns[name] for name, held in columns.items()):
            return replace(native, columns={**native.columns, **columns})
    return native


def _may_be_narrow(held: Held) -> bool:
    if isinstance(held, Column):
        return held.is_whole or held.dtype in NARROW
    return isinstance(held, Later)


def _columns_before(call: Call) -> dict[Any, Held]:
    """Those of the frame that the call is upon: what it leaves as they are is settled."""
    first = call.args[0] if call.args else None
    native = first.native if isinstance(first, Traced) else None
    if isinstance(native, Part):
        native = native.of.native
    return native.columns if isinstance(native, Frame) else {}


def _held(call: Call, held: Held, dtype: Any) -> Held:
    if isinstance(held, Column):
        return _settled(call, held, dtype)
    name = stored_name(dtype)
    if isinstance(held, Later) and name:  # a table's, or one that is filled
        return Later(lambda: replace(held.get(), stored=name))
    return held


def _settled(call: Call, column: Column, dtype: Any) -> Column:
    name = stored_name(dtype)
    if column.dtype in NARROW:  # of a matrix
        column = replace(column, dtype="int64", stored=column.dtype)
    if column.dtype == "int64":
        if column.stored == name:
            return column
        return wrapped(call, column, name)
    if column.is_either and not column.stored:
        given = [a.native for a in call.args if isinstance(a, Traced)]
        before = [c.stored for c in given if isinstance(c, Column) and c.is_either and c.stored]
        if before:
            return replace(column, stored=before[0])
    return column


def wrapped(call: Call, column: Column, name: str) -> Column:
    """Whole numbers as a narrow dtype holds them: modulo its size; "" is int64."""
    if not name:
        return replace(column, stored="")
    info = np.iinfo(name)
    least, size = float(info.min), float(2**info.bits)
    for function, value in (("subtract", least), ("remainder", size), ("add", least)):
        if value:
            column = emit(
                call, "binary", [column], "int64", column.rows, function=function, value=value
            )
    return replace(column, stored=name)


def held_by(call: Call, column: Column, name: str) -> Column:
    """Floats that were cut off, as a narrow dtype: what it does not hold is refused, since
    NumPy gives there what the processor does."""
    info = np.iinfo(name)
    fits = [
        emit(call, "binary", [column], "bool", column.rows, function=function, value=float(bound))
        for function, bound in (("greater_equal", info.min), ("less_equal", info.max))
    ]
    checked = emit(call, "binary", fits, "bool", column.rows, function="logical_and")
    return emit(
        call, "require", [checked, column, column], "int64", column.rows, names=["value"],
        message=f"line {call.tracer.line}: {name} does not hold the value",
    )  # fmt: skip


def check_either(columns: Any) -> None:
    """Of whole numbers, some of which are missing in some rows: where none is, they are
    narrow, and wrap around."""
    for column in columns:
        if column.stored and column.is_either:
            raise NotNative(
                f"{column.stored} where no row is missing, float64 else: add .astype(float)"
            )
