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
    starts, ahead = changes(column.zone)
    naive = replace(column, dtype="datetime", zone=None)
    if not len(starts):
        return _moved(call, naive, float(ahead[0]))
    forest = Forest()
    forest.add_steps(0, np.nextafter(starts.astype(float), -np.inf), ahead.astype(float))
    node = forest.emit(call.tracer.context, column.ref).node
    columns = [naive, replace(naive, node=node)]
    return emit(call, "binary", columns, "datetime", column.rows, function="add", dtype="i64")


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
    own = call.bind("self", "tz")
    column = call.tracer.column(own.self.native.of)
    if own.tz is None:
        return local(call, column) if column.dtype == "zoned" else column
    zone = call.value.dtype.tz
    starts, ahead = changes(zone)
    if column.dtype != "datetime" or len(starts):
        raise NotNative("tz_localize to a zone whose clocks change")
    return replace(_moved(call, column, -float(ahead[0])), dtype="zoned", zone=zone)
