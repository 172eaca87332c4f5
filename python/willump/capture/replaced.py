"""`replace` of numbers and strings, and frames that are made of columns."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from . import few
from .choices import missing
from .columns import LARGEST, emit, is_missing, looked_up, number_of
from .frames import rows_of_index
from .registry import Call, function, method
from .values import REPLACED, Column, Frame, Held, Later, Misaligned, Native, NotNative, Traced

_NUMBERS = (int, float, np.integer, np.floating)


def _pairs_of(call: Call, given: Any, value: Any) -> list[tuple[Any, Any]]:
    """What is replaced, and by what."""
    if isinstance(given, Mapping) and value is _NOT_GIVEN:
        pairs = list(given.items())
    elif value is _NOT_GIVEN or isinstance(given, (Mapping, Traced)) or isinstance(value, Traced):
        raise NotNative(f"{call.name} of this")
    elif isinstance(given, (list, tuple)):
        values = value if isinstance(value, (list, tuple)) else [value] * len(given)
        if len(values) != len(given):
            raise NotNative(f"{call.name} of lists that differ in length")
        pairs = list(zip(given, values, strict=True))
    else:
        pairs = [(given, value)]
    if sum(is_missing(old) for old, _ in pairs) > 1:
        raise NotNative(f"{call.name} of NaN by more than one value")
    for each in (each for pair in pairs for each in pair):
        is_number = isinstance(each, _NUMBERS) and not isinstance(each, (bool, np.bool_))
        is_large = is_number and not math.isinf(each) and abs(each) > LARGEST
        if not (is_number or few.is_plain(each)) or is_large:
            raise NotNative(f"{call.name} of what is neither number nor string")
    return pairs


_NOT_GIVEN = object()


def _replaced(call: Call, column: Column, pairs: list[tuple[Any, Any]]) -> Column:
    """A column with the first of the pairs that a value is equal to."""
    if column.is_text:
        return _text_replaced(call, column, pairs)
    pairs = [(old, new) for old, new in pairs if not isinstance(old, str)]
    if any(isinstance(new, str) for _, new in pairs):
        raise NotNative(f"{call.name} of numbers by strings")
    is_other = column.is_moment or column.dtype == "category"
    if is_other or column.is_bool or column.stored:
        if all(math.isinf(old) for old, _ in pairs):
            return column  # none of them is infinite
        is_filled = any(is_missing(old) and not is_missing(new) for old, new in pairs)
        if is_filled or not column.is_moment:
            raise NotNative(f"{call.name} of {column.stored or column.dtype}")
        return column  # none of them is a number
    if column.dtype == "int64":
        pairs = [(old, new) for old, new in pairs if float(old).is_integer()]
        if any(isinstance(new, (float, np.floating)) for _, new in pairs):
            raise NotNative("whole numbers are replaced by a float: add .astype(float) before")
    elif column.dtype != "float64" or column.is_nullable:
        raise NotNative(f"{call.name} of {column.dtype}")
    found = column
    for old, new in reversed(pairs):
        is_it = (
            missing(call, column)
            if is_missing(old)
            else emit(
                call, "binary", [column], "bool", column.rows, function="equal", value=float(old)
            )
        )
        found = emit(call, "where", [is_it, found], column.dtype, column.rows, then=float(new))
    return found


def _text_replaced(call: Call, column: Column, pairs: list[tuple[Any, Any]]) -> Column:
    """Strings, each of which is looked at as it was."""
    pairs = [(old, new) for old, new in pairs if isinstance(old, str) or is_missing(old)]
    if any(not isinstance(new, str) and not is_missing(new) for _, new in pairs):
        return _numbered(call, column, pairs)
    tracer, found = call.tracer, column
    known = few.few_of(tracer, column.node)
    if known is not None:
        table = {None if is_missing(old) else old: new for old, new in reversed(pairs)}
        news = [table.get(value, value) for value in known.values]
        values = [None if is_missing(new) else str(new) for new in news]
        return few.taken(tracer, known.node, values, column.dtype, column.rows)
    for old, new in reversed(pairs):
        is_it = (
            missing(call, column)
            if is_missing(old)
            else looked_up(call, column, {str(old): 1.0}, 0.0, "bool")
        )
        if is_missing(new):
            attributes = {"then": "", "missing": "then"}
            node = tracer.context._emit("choose_text", (is_it.node, found.node), attributes)
            found = Column(node, column.dtype, column.rows)
        else:
            found = few.chosen(tracer, is_it, new, found, column.dtype, column.rows)
    return found


def _numbered(call: Call, column: Column, pairs: list[tuple[Any, Any]]) -> Column:
    """Strings that numbers take the place of, as the numbers; the others stay strings, which only
    a cast can be asked of."""
    if any(isinstance(new, str) or is_missing(old) for old, new in pairs):
        raise NotNative(f"{call.name} of strings by numbers and strings")
    table = {str(old): number_of(new) for old, new in reversed(pairs)}
    if len({type(new) for _, new in pairs}) > 1 or any(map(math.isinf, table.values())):
        raise NotNative(f"{call.name} of strings by ints and floats")
    found = looked_up(call, column, table, math.inf, REPLACED)
    gone = missing(call, column)
    made = emit(call, "where", [gone, found], REPLACED, column.rows, then=math.nan)
    return dataclasses.replace(made, stored="int64" if type(pairs[0][1]) is int else "float64")


@method("series", "replace")
def replace(call: Call) -> Native:
    own = call.bind("self", "to_replace", "value", value=_NOT_GIVEN)
    pairs = _pairs_of(call, own.to_replace, own.value)
    column = call.tracer.column(own.self)
    return _replaced(call, column, pairs)


@method("frame", "replace")
def frame_replace(call: Call) -> Native:
    own = call.bind("self", "to_replace", "value", value=_NOT_GIVEN)
    pairs = _pairs_of(call, own.to_replace, own.value)
    if any(isinstance(new, Mapping) for _, new in pairs):
        raise NotNative(f"{call.name} by columns")
    frame = call.tracer.frame_of(own.self)
    where = f"line {call.tracer.line}: "
    columns: dict[str, Held] = {
        name: Later(functools.partial(_replaced_later, call, held, pairs), where)
        for name, held in frame.columns.items()
    }
    return Frame(columns, frame.rows)


def _replaced_later(call: Call, held: Held, pairs: list[tuple[Any, Any]]) -> Column:
    column = held.get() if isinstance(held, Later) else held
    if not isinstance(column, Column):
        raise NotNative(column if isinstance(column, str) else f"{call.name} of this column")
    return _replaced(call, column, pairs)


@function("pandas:DataFrame")
def frame_of_columns(call: Call) -> Native:
    """`pd.DataFrame({"a": column, ...}, index=df.index)`: Series of the same rows, and arrays as
    long; without columns, which are set later."""
    own = call.bind("data", "index", data=None, index=None)
    given = None if own.index is None else rows_of_index(call, own.index)
    if given and own.data is None:
        return Frame({}, given)
    if not isinstance(own.data, dict) or not own.data:
        raise NotNative("a frame of what is no dict of columns")
    if not all(isinstance(name, str) for name in own.data):
        raise NotNative("a frame whose columns have other names than strings")
    made: dict[str, Column] = {}
    rows = set() if given is None else {given}
    for name, item in own.data.items():
        column = call.tracer.column(item)  # a constant is none
        made[name] = column
        if isinstance(item.value, pd.Series):
            rows.add(column.rows)
    if len(rows) > 1 or "python" in rows:
        raise Misaligned("a frame of Series whose rows are not the same")
    of_frame = rows.pop() if rows else "range"
    return Frame(
        {name: dataclasses.replace(c, rows=of_frame) for name, c in made.items()}, of_frame
    )
