"""Rows that a mask picks: assigned to, and read to be assigned there (`s[m] = s[m] * 2`).

A compiled function answers each row by itself, so what is picked has a value of every row
(`Picked`), of which those that the mask has not are never seen: it goes nowhere but to where the
same mask picks.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from . import choices, columns, few, frames, nullable, numpy_calls
from .choices import as_single, check_fits, chosen, held_as
from .columns import SERIES, emit, is_number, number_of
from .frames import same_rows
from .narrow import settled
from .registry import Call, Maker, method
from .values import (
    FILLED,
    MIXED,
    PICKED,
    Column,
    Frame,
    Misaligned,
    Native,
    NotNative,
    Picked,
    Traced,
    is_all_rows,
)

# ---- masks and values ----------------------------------------------------------------


def _mask_of(call: Call, mask: Any) -> Column:
    if not isinstance(mask, Traced):
        raise NotNative("rows are picked by their labels")
    if np.ndim(mask.value) != 1 or isinstance(mask.native, Picked):
        raise NotNative("rows are picked by what is no mask")
    taken = nullable.condition(call, call.tracer.column(mask), 0.0)
    if not taken.is_bool:
        raise NotNative("a condition that is not boolean")
    return taken


def _value_at(call: Call, mask: Column, value: Any, *, is_whole: bool) -> Any:
    """What is set in the rows of a mask: a constant, or a column; `is_whole`: an array may have
    a value for each row."""
    if not isinstance(value, Traced):
        return value
    if isinstance(value.native, Picked):
        if value.native.mask != mask.node:
            raise NotNative("the values are of the rows of another mask")
        return value.native.column
    if not is_whole and isinstance(value.value, np.ndarray):
        raise NotNative("an array is set in some rows: pick its values by the same mask")
    if not is_whole:
        call.tracer.asked.has_unique_labels = True  # a Series is set by its labels
    return call.tracer.column(value)


# ---- what is set -----------------------------------------------------------------------


def _set_series(call: Call, owner: Traced, mask: Any, value: Any, *, is_whole: bool) -> Native:
    column = call.tracer.column(owner)
    taken = _mask_of(call, mask)
    side = _value_at(call, taken, value, is_whole=is_whole)
    check_fits(call, column, side, call.value, is_set=True)
    return chosen(call, taken, side, column, call.value)


@method("series", "setitem")
def set_where(call: Call) -> Native:
    owner, mask, value = call.args
    return _set_series(call, owner, mask, value, is_whole=True)


@method("series.loc", "setitem")
def set_where_loc(call: Call) -> Native:
    owner, mask, value = call.args
    return _set_series(call, owner, mask, value, is_whole=False)


@method("frame.loc", "setitem")
def set_loc(call: Call) -> Native:
    owner, key, value = call.args
    frame = call.tracer.frame_of(owner)
    names = [key[1]] if isinstance(key, tuple) and len(key) == 2 else []
    if names and type(names[0]) is list and not isinstance(value, Traced) and np.ndim(value) == 0:
        (names,) = names
        if not frame.columns.keys() >= set(names):
            raise NotNative("columns that are not there are set by .loc")
    if not names or not all(isinstance(name, str) for name in names):
        raise NotNative("this assignment by .loc")
    if is_all_rows(key[0]):
        return frames.with_columns(call, frame, dict.fromkeys(names, value))
    taken = _mask_of(call, key[0])
    side = _value_at(call, taken, value, is_whole=False)
    found = dict(frame.columns)
    for name in names:
        old: Any = frame.column(name) if name in frame.columns else math.nan
        shown = call.value[name]
        if isinstance(old, Column):
            check_fits(call, old, side, shown, is_set=True)
        column = chosen(call, taken, side, old, shown)
        if name not in frame.columns and column.is_whole:  # floats, also where none is missing
            column = replace(column, dtype="float64", stored="")
        if column.rows not in ("", frame.rows):
            raise Misaligned("the condition has another index than the frame")
        found[name] = replace(column, rows=frame.rows)
    return Frame(found, frame.rows)


@method("array", "setitem")
def set_array(call: Call) -> Native:
    """An array keeps its dtype, whatever is set in it."""
    owner, mask, value = call.args
    taken = _mask_of(call, mask).as_array()
    if mask.value.dtype != np.bool_:
        raise NotNative("an array's rows are picked by a mask that is not of NumPy's booleans")
    column = call.tracer.column(owner).as_array()
    side = _value_at(call, taken, value, is_whole=False)
    if column.is_text:
        return _set_text(call, taken, column, side)
    side = _held(call, column, side)
    dtype = FILLED if column.is_either else column.dtype
    read = [taken, side, column] if isinstance(side, Column) else [taken, column]
    then = None if isinstance(side, Column) else side
    single = "f32" if dtype == "float32" else None
    found = emit(call, "where", read, dtype, "", then=then, dtype=single)
    return replace(found, stored=column.stored)


def _set_text(call: Call, mask: Column, column: Column, side: Any) -> Column:
    """Strings, in an array of a fixed width cut off to that."""
    dtype = call.value.dtype
    if dtype.kind == "U":
        width = dtype.itemsize // 4
        if few.few_of(call.tracer, column.node) is None:
            raise NotNative("strings as wide as the widest row's")
        if isinstance(side, Column):
            known = few.few_of(call.tracer, side.node) if side.is_text else None
            if known is None or any(len(each or "") > width for each in known.values):
                raise NotNative("strings that may be wider than the array's")
        elif few.is_plain(side):
            side = str(side)[:width]
    return few.chosen(call.tracer, mask, side, column, column.dtype, "")


def _held(call: Call, column: Column, side: Any) -> Column | float:
    """What an array of numbers or booleans holds of a value that is set in it."""
    why = f"{column.stored or column.dtype} is set to what it does not hold in any row"
    if isinstance(side, Column):
        is_known = side.is_number or side.is_bool
        if column.is_float and (is_known or (side.dtype == MIXED and column.dtype == "float64")):
            ref = call.tracer.context.cast(side.ref, "f32" if column.dtype == "float32" else "f64")
            return Column(ref.node, column.dtype)
        is_same = side.dtype == column.dtype and side.stored == column.stored
        is_held = is_same and column.dtype in ("int64", "bool")
        is_held |= (
            side.dtype == "int64" and column.is_whole and held_as(column) in ("", side.stored)
        )
        if not is_held:
            raise NotNative(why)
        return side
    is_truth = isinstance(side, (bool, np.bool_))
    if not (is_number(side) or is_truth):
        raise NotNative(f"an array of {column.dtype} is set to {side!r}")
    number = number_of(side)
    if column.is_float:
        return as_single(number) if column.dtype == "float32" else number
    if column.is_bool and (is_truth or number in (0.0, 1.0)):
        return number
    if not column.is_whole or not math.isfinite(number) or is_truth:
        raise NotNative(why)
    if column.is_either and not number.is_integer():
        raise NotNative(why)
    info = np.iinfo(held_as(column) or "int64")
    number = float(math.trunc(number))
    if not (info.min <= number <= info.max and abs(number) <= columns.LARGEST):
        raise NotNative(why)
    return number


# ---- what is picked ---------------------------------------------------------------------


def _picked(call: Call, column: Column, mask: Column) -> Picked:
    same_rows([column, mask])
    if column.is_whole:  # none that is left out is beyond 2^53 later
        column = replace(
            emit(call, "where", [mask, column], column.dtype, column.rows, otherwise=0.0),
            stored=column.stored,
        )
    return Picked(column, mask.node)


def of_mask(call: Call, owner: Any, mask: Any) -> Picked:
    """`owner[mask]` of a column that is native."""
    for each in (owner, mask):
        if isinstance(each, Traced) and isinstance(each.native, str):
            raise NotNative(each.native)
    taken = _mask_of(call, mask)
    column = call.tracer.column(owner)
    if isinstance(owner.value, np.ndarray):
        taken = taken.as_array()
    return _picked(call, column, taken)


@method(SERIES, "getitem")
def pick(call: Call) -> Native:
    owner, key = call.args
    if isinstance(owner.value, np.ndarray) and not isinstance(key, Traced):
        return choices.new_axis(call)
    return of_mask(call, owner, key)


@method("series.loc", "getitem")
def pick_loc(call: Call) -> Native:
    part, key = call.args
    return of_mask(call, part.native.of, key)


@method("frame.loc", "getitem")
def loc(call: Call) -> Native:
    part, key = call.args
    if isinstance(key, tuple) and len(key) == 2 and isinstance(key[0], Traced):
        if isinstance(key[0].native, str) or not isinstance(key[1], str):
            raise NotNative("rows are picked by .loc")
        frame = call.tracer.frame_of(part.native.of)
        return _picked(call, frame.column(key[1]), _mask_of(call, key[0]))
    return frames.loc(call)


#: What is computed of each value by itself and refuses none: whatever the other rows have.
_BY_VALUE: frozenset[Maker] = frozenset(
    [columns.arithmetic, columns.power, columns.negative, columns.positive, columns.absolute,
     columns.rounded, columns.logic, columns.inverted, choices.clip, choices.fillna,
     frames.copied, frames.series_to_numpy, numpy_calls.ufunc, numpy_calls.arithmetic,
     numpy_calls.absolute, numpy_calls.negative, numpy_calls.rounded, numpy_calls.clip,
     numpy_calls.other_ufunc]
)  # fmt: skip


def made(call: Call, maker: Maker) -> Native:
    """What a maker gives: of picked rows that of all rows, picked."""
    given = [a for a in call.args if isinstance(a, Traced)]
    picked = [a.native for a in given if isinstance(a.native, Picked)]
    if not picked or maker in (set_where, set_where_loc, set_loc, set_array):
        return settled(call, maker(call))
    if maker not in _BY_VALUE or len(picked) < len(given) or len({p.mask for p in picked}) > 1:
        raise NotNative(PICKED)
    is_ufunc = maker in (numpy_calls.ufunc, numpy_calls.other_ufunc)
    args = tuple(
        Traced(a.value, _of_all(call, a.native, is_ufunc=is_ufunc), a.replay, a.line)
        if isinstance(a, Traced) and isinstance(a.native, Picked)
        else a
        for a in call.args
    )
    of_all = replace(call, args=args)
    found = settled(of_all, maker(of_all))
    if not isinstance(found, Column):
        raise NotNative(PICKED)
    return Picked(found, picked[0].mask)


def _of_all(call: Call, picked: Picked, *, is_ufunc: bool) -> Column:
    """The column behind what was picked; for NumPy's own functions (capture/twins.py), which warn
    of what they have no value for, with a number that all of them take where the mask is not."""
    column = picked.column
    if not is_ufunc or not column.is_number:
        return column
    mask = Column(picked.mask, "bool", column.rows)
    single = "f32" if column.dtype == "float32" else None
    taken = emit(
        call, "where", [mask, column], column.dtype, column.rows, otherwise=1.0, dtype=single
    )
    return replace(taken, stored=column.stored)
