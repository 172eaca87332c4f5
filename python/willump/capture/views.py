"""Arrays that lie in the memory of pandas' objects (`a = s.to_numpy()`): what is written to one
shows in the other, though pandas' objects are copied before they show in each other.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from .values import AugmentItem, CallMethod, CaptureError, Replay, SetItem, Traced

#: Functions and methods that may give an array the memory that they are given.
_VIEWING = frozenset(
    [
        np.asarray, np.asanyarray, np.ascontiguousarray, np.asfortranarray, np.atleast_1d,
        np.atleast_2d, np.ravel, np.require, np.reshape, np.squeeze, np.transpose,
    ]
)  # fmt: skip
_VIEWING_METHODS = frozenset(
    ["ravel", "reshape", "squeeze", "swapaxes", "to_numpy", "transpose", "view"]
)
_VIEWING_ATTRIBUTES = frozenset(["T", "array", "values"])


def _is_view(call: Replay) -> bool:
    """Whether what a call gives may lie in its first argument's memory."""
    function = call.function
    if isinstance(function, CallMethod):
        return function.name in _VIEWING_METHODS and call.kwargs.get("copy") is not True
    if function is getattr:
        return call.args[1] in _VIEWING_ATTRIBUTES
    if isinstance(function, (SetItem, AugmentItem)) or function is operator.getitem:
        return True
    try:
        return function in _VIEWING
    except TypeError:  # has no hash
        return False


def _seen_through(call: Replay) -> Iterator[tuple[Replay, Any]]:
    """The calls whose memory an array may lie in, and of which column of theirs, if it is one."""
    name = None
    while call.args and isinstance(call.args[0], Replay) and _is_view(call):
        if call.function is operator.getitem:
            key = call.args[1]
            if isinstance(key, str):
                name = key
            elif not isinstance(key, (slice, tuple)):
                return  # a copy
        call = call.args[0]
        yield call, name


def _in_place(call: Replay) -> Iterator[Replay]:
    """The calls that made and changed an object of pandas, in whose memory it lies. A column of
    a frame is copied before it is changed."""
    while isinstance(call.function, (SetItem, AugmentItem)):
        yield call
        call = call.args[0]
    if call.function is not operator.getitem and call.function is not getattr:
        yield call


def is_lent(value: Traced) -> bool:
    """Whether an object of pandas may lie in the memory of an array that it was made of."""
    *_, first = [None, *_in_place(value.replay)]
    is_made = first is not None and first.function in (pd.Series, pd.DataFrame)
    return is_made and "copy" in first.kwargs


def check_spoilt(value: Traced) -> None:
    """Raises where a value may show what was written to another object."""
    if value.spoilt:
        raise CaptureError(value.spoilt)


def may_show(array: Traced, changed: Traced, columns: frozenset[str] | None) -> bool:
    """Whether an array shows what is written to an object of pandas; `columns`: those that are
    written to, None where it is not known."""
    made = {id(call) for call in _in_place(changed.replay)}
    for call, name in _seen_through(array.replay):
        if id(call) in made:
            if columns is None:
                return True
            if name is not None:
                return name in columns
            dtypes = getattr(changed.value, "dtypes", None)  # one array, where they are all one
            return not isinstance(dtypes, pd.Series) or dtypes.nunique() == 1
    return False
