"""Moments with a time zone: held as UTC, with parts in local time.

What a zone is ahead of UTC is asked of pandas, day by day, and where it changes by halves
down to the second: no zone has changed twice within three days.
"""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from .._graph import Array
from ..convert.trees import Forest
from .columns import LARGEST, emit
from .registry import Call, method
from .values import Column, Native, NotNative

_DAY = 86400
_MICROSECONDS = 10**6


def _ahead(zone: Any, seconds: Array) -> Array:
    """How many seconds local time is ahead of UTC."""
    utc = pd.DatetimeIndex(seconds.astype("datetime64[s]"))
    local = utc.tz_localize("UTC").tz_convert(zone).tz_localize(None)
    found: Array = local.to_numpy().astype("datetime64[s]").astype(np.int64) - seconds
    return found


@functools.lru_cache(maxsize=32)
def changes(zone: Any) -> tuple[Array, Array]:
    """The microseconds at which a zone changes, and what it is ahead of UTC before the
    first of them and from each on."""
    last = LARGEST // _MICROSECONDS // _DAY + 2
    days = np.arange(-last, last + 1, dtype=np.int64) * _DAY
    found = _ahead(zone, days)
    at = np.flatnonzero(np.diff(found))
    low, high = days[at], days[at + 1]
    while len(at) and (high - low).max() > 1:
        middle = (low + high) // 2
        is_before = _ahead(zone, middle) == found[at]
        low, high = np.where(is_before, middle, low), np.where(is_before, high, middle)
    return high * _MICROSECONDS, found[np.append(0, at + 1)] * _MICROSECONDS


def local(call: Call, column: Column) -> Column:
    """A zoned column's moments as its clocks show them."""
    if column.zone is None:
        raise NotNative("moments whose zone is not known")
    starts, ahead = changes(column.zone)
    naive = replace(column, dtype="datetime", zone=None)
    if not len(starts):
        return _moved(call, naive, float(ahead[0]))
    bounds = np.nextafter(starts.astype(float), -np.inf)
    columns = [naive, _steps(call, naive, bounds, ahead.astype(float), "datetime")]
    return emit(call, "binary", columns, "datetime", column.rows, function="add", dtype="i64")


def _steps(call: Call, column: Column, bounds: Array, values: Array, dtype: str) -> Column:
    """values[i] up to bounds[i], the last above."""
    forest = Forest()
    forest.add_steps(0, bounds, values)
    return Column(forest.emit(call.tracer.context, column.ref).node, dtype, column.rows)


def _moved(call: Call, column: Column, by: float) -> Column:
    if not by:
        return column
    return emit(
        call, "binary", [column], "datetime", column.rows, function="add", value=by, dtype="i64"
    )


@method("dt", "tz_convert")
def tz_convert(call: Call) -> Native:
    own = call.bind("self", "tz")
    column = call.tracer.column(own.self.native.of)
    if column.dtype != "zoned":
        raise NotNative(f"tz_convert of {column.dtype}")
    if own.tz is None:
        return replace(column, dtype="datetime", zone=None)
    return replace(column, zone=call.value.dtype.tz)


@method("dt", "tz_localize")
def tz_localize(call: Call) -> Native:
    own = call.bind("self", "tz", ambiguous="raise", nonexistent="raise")
    column = call.tracer.column(own.self.native.of)
    if own.tz is None:
        return local(call, column) if column.dtype == "zoned" else column
    check_choices(call, own.ambiguous, own.nonexistent)
    if column.dtype != "datetime":
        raise NotNative(f"tz_localize of {column.dtype}")
    return localized(call, column, call.value.dtype.tz)


def check_choices(call: Call, *choices: Any) -> None:
    """What is done with a clock's time that is there twice, or not at all."""
    if any(not isinstance(choice, str) or choice != "raise" for choice in choices):
        raise NotNative(f"{call.name} with ambiguous= or nonexistent=")


def localized(call: Call, column: Column, zone: Any) -> Column:
    """What clocks of a zone show as moments; a time that they show twice, or never, is
    refused.

    A clock that changes by more than a day is none of any zone, so that the times between
    what it showed and what it shows then are apart from those of other changes.
    """
    starts, ahead = changes(zone)
    if not len(starts):
        return replace(_moved(call, column, -float(ahead[0])), dtype="zoned", zone=zone)
    low, high = np.sort([starts + ahead[:-1], starts + ahead[1:]], axis=0)
    low, high = (np.nextafter(each.astype(float), -np.inf) for each in (low, high))
    bounds = np.column_stack([low, high]).ravel()
    is_one = np.append(np.tile([1.0, 0.0], len(starts)), 1.0)
    there = _steps(call, column, bounds, is_one, "bool")
    gone = emit(call, "is_missing", [column], "bool", column.rows)
    there = emit(call, "binary", [there, gone], "bool", column.rows, function="logical_or")
    shown = emit(
        call, "require", [there, column, column], "datetime", column.rows, names=["microseconds"],
        message=f"line {call.tracer.line}: a time that clocks of {zone} show twice, or never",
    )  # fmt: skip
    offset = _steps(call, shown, high, ahead.astype(float), "datetime")
    found = emit(
        call, "binary", [shown, offset], "zoned", column.rows, function="subtract", dtype="i64"
    )
    return replace(found, zone=zone)
