"""Plain values of Python, NumPy and pandas as artifacts hold them, and back.

What a value is stands beside it by name; reading one imports nothing and runs nothing but
the constructor of that kind.
"""

from __future__ import annotations

import datetime
import re
import string
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

#: Functions of Python that compute from what they are given, and do no more.
BUILTINS: dict[str, Callable[..., Any]] = {
    f.__name__: f for f in (abs, all, any, divmod, len, max, min, round, sorted, sum, zip)
}
#: Methods of plain values, which are handed on as functions: `s.map(TABLE.get)`.
_BOUND: dict[type, tuple[str, ...]] = {
    dict: ("get",),
    str: ("format", "join"),
    re.Pattern: ("findall", "fullmatch", "match", "search", "split", "sub"),
}
_FLAGS = re.ASCII | re.IGNORECASE | re.MULTILINE | re.DOTALL | re.VERBOSE | re.UNICODE
#: Objects of NumPy's that stand for a way to index.
_INDEXERS = {"c_": np.c_, "r_": np.r_, "s_": np.s_}


def stored(value: Any, of: Callable[[Any], Any]) -> dict[str, Any] | None:
    """A value as an artifact's metadata hold it; None where it is no plain one.

    `of` stores what it holds.
    """
    for name, each in _INDEXERS.items():
        if value is each:
            return {"indexer": name}
    if any(value is each for each in BUILTINS.values()):
        return {"builtin": value.__name__}
    if value is pd.NaT or value is pd.NA:
        return {"missing": "NaT" if value is pd.NaT else "NA"}
    kind = type(value)
    if kind is range:
        return {"range": [value.start, value.stop, value.step]}
    if kind is frozenset:
        return {"frozenset": [of(item) for item in value]}
    if kind is re.Pattern and isinstance(value.pattern, str) and not value.flags & ~_FLAGS:
        return {"pattern": [value.pattern, int(value.flags)]}
    if kind in (np.datetime64, np.timedelta64):
        return {"moment": [value.dtype.str, int(value.view("i8"))]}
    if kind in (datetime.date, datetime.time) and getattr(value, "tzinfo", None) is None:
        return {kind.__name__: value.isoformat()}
    if kind is datetime.datetime and value.tzinfo is None and not value.fold:
        return {"datetime": value.isoformat()}
    if kind is datetime.timedelta:
        return {"delta": [value.days, value.seconds, value.microseconds]}
    owner, name = getattr(value, "__self__", None), getattr(value, "__name__", "")
    if _is_bound(name, owner):
        return {"bound": [name, of(owner)]}
    return _stored_index(value, of) if isinstance(value, pd.Index) else None


def _stored_index(index: pd.Index, of: Callable[[Any], Any]) -> dict[str, Any] | None:
    if type(index) is pd.RangeIndex:
        return {"range_index": [index.start, index.stop, index.step, of(index.name)]}
    dtype = index.dtype
    if isinstance(index, (pd.DatetimeIndex, pd.TimedeltaIndex)) and isinstance(dtype, np.dtype):
        values = [int(v) for v in index.asi8]
        return {"index": [dtype.str, values, index.freqstr, of(index.name)]}
    is_str = isinstance(dtype, pd.StringDtype) and dtype == "str"
    if type(index) is not pd.Index or not (is_str or dtype.kind in "biufO"):
        return None
    return {"index": [str(dtype), [of(v) for v in index.tolist()], None, of(index.name)]}


def loaded(kind: str, inner: Any, of: Callable[[Any], Any]) -> Any:
    """The value of a kind.

    Raises
    ------
    KeyError, TypeError, ValueError
        Where there is no such value.
    """
    if kind == "indexer":
        return _INDEXERS[inner]
    if kind == "builtin":
        return BUILTINS[inner]
    if kind == "missing":
        return {"NaT": pd.NaT, "NA": pd.NA}[inner]
    if kind == "range":
        return range(*map(int, inner))
    if kind == "frozenset":
        return frozenset(of(item) for item in inner)
    if kind == "pattern":
        if int(inner[1]) & ~_FLAGS:
            raise ValueError(f"flags {inner[1]} of a pattern")
        try:
            return re.compile(str(inner[0]), int(inner[1]))
        except re.error as error:
            raise ValueError(f"the pattern {inner[0]!r}: {error}") from error
    if kind == "moment":
        return np.array(int(inner[1]), dtype="i8").view(_moment_dtype(inner[0]))[()]
    if kind in ("date", "time", "datetime"):
        return getattr(datetime, kind).fromisoformat(inner)
    if kind == "delta":
        return datetime.timedelta(*map(int, inner))
    if kind == "bound":
        return _bound(str(inner[0]), of(inner[1]))
    if kind == "range_index":
        return pd.RangeIndex(*map(int, inner[:3]), name=of(inner[3]))
    if kind == "index":
        return _index(*inner, of=of)
    raise ValueError(f"a value of kind {kind!r}")


def _moment_dtype(text: Any) -> np.dtype[Any]:
    dtype = np.dtype(str(text))
    if dtype.kind not in "mM":
        raise ValueError(f"moments of dtype {text!r}")
    return dtype


def _is_bound(name: str, owner: Any) -> bool:
    if name not in _BOUND.get(type(owner), ()):
        return False
    if name != "format":
        return True
    fields = [field for _, field, _, _ in string.Formatter().parse(owner)]
    return all(not field or field.isalnum() for field in fields)  # no attributes, no items


def _bound(name: str, owner: Any) -> Callable[..., Any]:
    if not _is_bound(name, owner):
        raise ValueError(f"a method {name!r} of a {type(owner).__name__}")
    found: Callable[..., Any] = getattr(owner, name)
    return found


def _index(
    dtype: Any, values: list[Any], freq: str | None, name: Any, *, of: Callable[[Any], Any]
) -> pd.Index:
    if str(dtype).lstrip("<>=|")[:1] in ("m", "M"):
        moments = np.array([int(v) for v in values], dtype="i8").view(_moment_dtype(dtype))
        made = pd.Index(moments, name=of(name))
        return made if freq is None else type(made)(made, freq=freq)
    return pd.Index([of(v) for v in values], dtype=str(dtype), name=of(name))
