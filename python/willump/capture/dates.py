"""Moments: their parts, the time between two, and what is rounded to days or hours."""

from __future__ import annotations

import functools
import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd
from pandas.tseries.frequencies import to_offset

from .columns import emit, kind_of_moment, looked_up, microseconds
from .frames import kind_of_dtype, same_rows
from .registry import Call, function, method
from .values import SHORT, WHOLE, Column, Native, NotNative
from .zones import check_choices, local, localized

_PARTS = (
    "year", "month", "day", "hour", "minute", "second", "microsecond", "dayofweek", "dayofyear",
    "quarter", "days_in_month",
)  # fmt: skip
_TRUTHS = (
    "is_month_start", "is_month_end", "is_quarter_start", "is_quarter_end", "is_year_start",
    "is_year_end", "is_leap_year",
)  # fmt: skip
_SAME = {"weekday": "dayofweek", "day_of_week": "dayofweek", "day_of_year": "dayofyear",
         "daysinmonth": "days_in_month"}  # fmt: skip
_SECOND = 1e6
_DAY = 86400e6
#: Nanoseconds of the longest step: pandas' moments of nanoseconds reach beyond it.
_LONGEST = 1000 * 86400 * 10**9


def _column_of(call: Call, dtype: str) -> Column:
    column = call.tracer.column(call.args[0].native.of)
    if column.dtype != dtype:
        raise NotNative(f"{call.name} of {column.dtype}")
    return column


def _clock(call: Call) -> Column:
    """The moments as clocks show them."""
    column = call.tracer.column(call.args[0].native.of)
    return local(call, column) if column.dtype == "zoned" else _column_of(call, "datetime")


@method("dt", *_PARTS, *_SAME)
def part(call: Call) -> Native:
    name = call.name.rpartition(".")[2]
    column = _clock(call)
    return emit(call, "date_part", [column], SHORT, column.rows, part=_SAME.get(name, name))


@method("dt", *_TRUTHS)
def truth(call: Call) -> Native:
    column = _clock(call)
    name = call.name.rpartition(".")[2]
    return emit(call, "date_part", [column], "bool", column.rows, part=name)


def _size_of(call: Call, frequency: Any) -> float:
    """The microseconds of a frequency."""
    try:
        nanoseconds = to_offset(frequency).nanos
    except (AttributeError, TypeError, ValueError) as error:
        raise NotNative(f"{call.name} to {frequency!r}") from error
    size, rest = divmod(nanoseconds, 1000)
    if rest or (size % 2 and size > 1) or not 0 < nanoseconds <= _LONGEST:
        raise NotNative(f"{call.name} to {frequency!r}")
    return float(size)


def _stepped(call: Call, column: Column, size: float, way: str) -> Column:
    """Moments on a multiple of `size`: the one before, after, or next to them.

    What is next is told by a quotient in doubles: whole numbers below 2^53 that are not
    half way keep their side of it. The last addition makes -0 a 0.
    """

    def number(function: str, column: Column, value: float) -> Column:
        return emit(
            call, "binary", [column], column.dtype, column.rows, function=function, value=value
        )

    if size == 1.0:
        return column
    if way == "round":
        whole = number("divide", column, size)
        whole = emit(call, "ufunc", [whole], column.dtype, column.rows, function="rint")
        return number("add", number("multiply", whole, size), 0.0)
    if way == "ceil":
        column = number("add", column, size - 1.0)
    return number("multiply", number("floor_divide", column, size), size)


@method("dt", "normalize")
def normalize(call: Call) -> Native:
    column = _stepped(call, _clock(call), _DAY, "floor")
    return _of_clock(call, column)


def _of_clock(call: Call, column: Column) -> Column:
    """In the time zone of the moments that the call is upon, if they have one."""
    zone = getattr(call.value.dtype, "tz", None)
    return column if zone is None else localized(call, column, zone)


@method("dt", "floor", "ceil", "round")
def stepped(call: Call) -> Native:
    own = call.bind("self", "freq", ambiguous="raise", nonexistent="raise")
    check_choices(call, own.ambiguous, own.nonexistent)
    size = _size_of(call, own.freq)
    way = call.name.rpartition(".")[2]
    column = call.tracer.column(own.self.native.of)
    if column.dtype == "timedelta":
        return _stepped(call, column, size, way)
    return _of_clock(call, _stepped(call, _clock(call), size, way))


@method("dt", "days", "seconds")
def whole_part(call: Call) -> Native:
    """The days of a time, and the seconds beyond them."""
    column, binary = _column_of(call, "timedelta"), functools.partial(emit, call, "binary")
    if call.name == "dt.days":
        return binary([column], WHOLE, column.rows, function="floor_divide", value=_DAY)
    rest = binary([column], column.dtype, column.rows, function="remainder", value=_DAY)
    return binary([rest], SHORT, column.rows, function="floor_divide", value=_SECOND)


@method("dt", "total_seconds")
def total_seconds(call: Call) -> Native:
    """Seconds and what is beyond them are divided each by itself, where pandas does so: the last
    bit may differ."""
    column = _column_of(call, "timedelta")
    number = functools.partial(emit, call, "binary")
    if not _splits_seconds():
        return number([column], "float64", column.rows, function="divide", value=_SECOND)
    whole = number([column], "float64", column.rows, function="floor_divide", value=_SECOND)
    rest = number([column], "float64", column.rows, function="remainder", value=_SECOND)
    part = number([rest], "float64", column.rows, function="divide", value=_SECOND)
    return number([whole, part], "float64", column.rows, function="add")


@functools.cache
def _splits_seconds() -> bool:
    return bool(pd.to_timedelta([-91], unit="us").total_seconds()[0] != -91 / _SECOND)


#: Directives of strftime that are whole numbers of a width.
_NUMBERS = {
    "Y": ("year", 4), "m": ("month", 2), "d": ("day", 2), "H": ("hour", 2), "M": ("minute", 2),
    "S": ("second", 2), "j": ("dayofyear", 3), "f": ("microsecond", 6),
}  # fmt: skip


@method("dt", "strftime")
def strftime(call: Call) -> Native:
    """Numbers as text, and what stands between them."""
    own = call.bind("self", "date_format")
    column = _clock(call)
    if not isinstance(own.date_format, str):
        raise NotNative("strftime with a format that is no string")
    columns: list[Column] = []
    parts = [""]
    for piece in re.findall(r"%.|[^%]+", own.date_format, re.DOTALL):
        if not piece.startswith("%") or piece == "%%":
            parts[-1] += "%" if piece == "%%" else piece
            continue
        if piece[1] not in _NUMBERS:
            raise NotNative(f"strftime with {piece}")
        name, width = _NUMBERS[piece[1]]
        number = emit(call, "date_part", [column], SHORT, column.rows, part=name)
        columns.append(emit(call, "print_whole", [number], "str", column.rows, width=width))
        parts.append("")
    if not columns or "%" in re.sub(r"%.", "", own.date_format, flags=re.DOTALL):
        raise NotNative(f"strftime({own.date_format!r})")
    return emit(
        call, "join_text", columns, kind_of_dtype(call.value.dtype, call.value), column.rows,
        parts=parts,
    )  # fmt: skip


#: What leaves whole numbers of floats.
_ROUNDING = ("rint", "floor", "ceil", "trunc")


@function(pd.to_timedelta)
def to_timedelta(call: Call) -> Native:
    """Whole numbers of a unit. Of floats that are not whole, pandas makes nanoseconds."""
    own = call.bind("arg", "unit", "errors", unit=None, errors="raise")
    column = call.tracer.column(own.arg)
    if own.unit is None or own.errors != "raise":
        raise NotNative("to_timedelta without a unit, or with errors")
    node = call.tracer.context.builder.nodes[column.node]
    is_rounded = node.operator == "ufunc" and node.attributes.get("function") in _ROUNDING
    if not column.is_whole and not (column.is_float and is_rounded):
        raise NotNative(f"to_timedelta of {column.dtype}: round it, nanoseconds are not held")
    size = microseconds(pd.to_timedelta(1, unit=own.unit))
    return emit(
        call, "binary", [column], "timedelta", column.rows, function="multiply", value=size,
        dtype="i64",
    )  # fmt: skip


def is_in(call: Call, column: Column, values: Collection[Any]) -> Column:
    """`isin` of moments or times: pandas is asked which of the values it would find."""
    dtype = call.args[0].value.dtype
    kind = pd.Timedelta if column.dtype == "timedelta" else pd.Timestamp
    known = []
    for each in values:
        try:
            moment = kind(each)
        except (TypeError, ValueError, OverflowError):
            continue  # what is no moment is found nowhere
        if not pd.isna(moment) and is_alike(moment, dtype):
            known.append(moment)
    asked = pd.Series([*known, pd.NaT], dtype=dtype)
    found = asked.isin(values).tolist()
    table: dict[Any, float] = {}
    for moment, is_found in zip(known, found, strict=False):
        if is_found and moment != moment.round("s"):
            raise NotNative("isin of moments that are no whole seconds: columns may hold no more")
        if is_found:
            table[microseconds(moment)] = 1.0
    if found[-1]:
        table[None] = 1.0
    return looked_up(call, column, table, 0.0, "bool")


def is_alike(moment: Any, dtype: Any) -> bool:
    """Whether a moment has a time zone where a dtype has one."""
    return (getattr(moment, "tzinfo", None) is None) == (getattr(dtype, "tz", None) is None)


def moments(
    call: Call, function: str, columns: Sequence[Column], value: float | None, is_reversed: bool
) -> Column:
    """Sums and differences of moments and times."""
    kinds = [column.dtype for column in columns]
    if value is not None:
        constant = call.args[0 if is_reversed else 1]
        kinds.insert(0 if is_reversed else len(kinds), kind_of_moment(constant))
    results = {
        ("subtract", "datetime", "datetime"): "timedelta",
        ("subtract", "datetime", "timedelta"): "datetime",
        ("add", "datetime", "timedelta"): "datetime",
        ("add", "timedelta", "datetime"): "datetime",
        ("add", "timedelta", "timedelta"): "timedelta",
        ("subtract", "timedelta", "timedelta"): "timedelta",
        ("divide", "timedelta", "timedelta"): "float64",
        ("subtract", "zoned", "zoned"): "timedelta",
        ("subtract", "zoned", "timedelta"): "zoned",
        ("add", "zoned", "timedelta"): "zoned",
        ("add", "timedelta", "zoned"): "zoned",
        ("multiply", "int64", "timedelta"): "timedelta",
        ("multiply", "timedelta", "int64"): "timedelta",
    }
    result = results.get((function, kinds[0], kinds[1]))
    if result is None:
        raise NotNative(f"{function} of {' and '.join(kinds)}")
    found = emit(
        call, "binary", columns, result, same_rows(columns), function=function, value=value,
        reverse=True if is_reversed else None,
        dtype="i64" if result != "float64" else None,
    )  # fmt: skip
    return replace(found, zone=call.value.dtype.tz) if result == "zoned" else found
