"""What is done to the columns of a frame, to each by itself: operators with a constant, with a
column of the same rows or a frame of the same columns, `isin`, `round`, casts.

Each column is what the Series' own maker makes of it, once it is used, so that a column without
a native form leaves the others theirs.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from .choices import cast, isin
from .columns import rounded, short_name
from .narrow import settled
from .registry import METHODS, Call, Maker, method
from .values import Column, Frame, Held, Later, Native, NotNative, Replay, Traced, column_of

_OPERATORS = (
    "add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "div", "neg", "pos", "abs",
    "lt", "le", "gt", "ge", "eq", "ne", "and_", "or_", "xor", "invert",
)  # fmt: skip
_CONSTANTS = (bool, int, float, str, np.generic, pd.Timestamp, pd.Timedelta)


@method("frame", *_OPERATORS)
def operated(call: Call) -> Native:
    maker = METHODS["series", short_name(call)]
    if call.kwargs and (
        set(call.kwargs) != {"axis"}
        or call.kwargs["axis"] not in (0, "index")
        or len(call.args) != 2
    ):
        raise NotNative(f"{call.name} with options")
    frames = {}
    for i, each in enumerate(call.args):
        if isinstance(each, Traced) and isinstance(each.value, pd.DataFrame):
            frames[i] = call.tracer.frame_of(each)
        elif isinstance(each, Traced):
            if not call.kwargs:
                raise NotNative(f"{call.name} of a frame and a {type(each.value).__name__}")
        elif not isinstance(each, _CONSTANTS):
            raise NotNative(f"{call.name} of a frame and a {type(each).__name__}")
    first, *others = frames.values()
    if any(list(other.columns) != list(first.columns) for other in others):
        raise NotNative("frames of other columns, by which pandas would align them")
    return by_column(call, frames, lambda name: maker)


@method("frame", "isin")
def frame_isin(call: Call) -> Native:
    own = call.bind("self", "values")
    values = own.values
    if not isinstance(values, (list, tuple, set, dict, np.ndarray)):
        raise NotNative(f"isin of a {type(values).__name__}")
    frames = {0: call.tracer.frame_of(own.self)}

    def maker_of(name: Any) -> Maker:
        asked = values.get(name, []) if isinstance(values, dict) else values
        return lambda of_it: isin(replace(of_it, args=(of_it.args[0], asked)))

    return by_column(call, frames, maker_of)


@method("frame", "round")
def frame_rounded(call: Call) -> Native:
    own = call.bind("self", "decimals", decimals=0)
    if not isinstance(own.decimals, int):
        raise NotNative("round of each column to its own decimals")

    def maker(of_it: Call) -> Native:
        column = of_it.tracer.column(of_it.args[0], is_coded=True)
        if column.is_text or column.is_moment or column.is_bool or column.categories:
            return column  # as pandas leaves them
        return rounded(replace(of_it, args=(of_it.args[0], own.decimals)))

    return by_column(call, {0: call.tracer.frame_of(own.self)}, lambda name: maker)


@method("frame", "astype")
def astype(call: Call) -> Native:
    own = call.bind("self", "dtype", copy=None)
    frame = call.tracer.frame_of(own.self)
    wanted = own.dtype if isinstance(own.dtype, dict) else dict.fromkeys(frame.columns, own.dtype)

    def maker_of(name: Any) -> Maker | None:
        return functools.partial(_cast, wanted[name]) if name in wanted else None

    return by_column(call, {0: frame}, maker_of)


def _cast(wanted: Any, call: Call) -> Column:
    column = call.tracer.column(call.args[0], is_loose=True, is_coded=True)
    return cast(replace(call, args=(call.args[0], wanted)), column, call.value.dtype)


def by_column(
    call: Call, frames: Mapping[int, Frame], maker_of: Callable[[Any], Maker | None]
) -> Frame:
    """The frame whose columns the makers make, each of a call of its own; a column whose maker is
    None is that of the first frame.

    Parameters
    ----------
    frames : the frames among the call's arguments, by position
    """
    first = next(iter(frames.values()))
    columns: dict[Any, Held] = {}
    for name in first.columns:
        maker = maker_of(name)
        columns[name] = first.columns[name]
        if maker is not None:
            make = functools.partial(_made, call, frames, name, maker, call.tracer.model)
            columns[name] = Later(_at_line(call, make), f"line {call.tracer.line}: ")
    return Frame(columns, first.rows)


def _at_line(call: Call, make: Callable[[], Column]) -> Callable[[], Column]:
    """What is made later says the line of the call, and is told of there."""
    place = call.tracer.place

    def made() -> Column:
        before, call.tracer.line = call.tracer.line, place[1]
        try:
            found = make()
        finally:
            call.tracer.line = before
        call.tracer.tell(call.name, found.node, place)
        return found

    return made


def _made(call: Call, frames: Mapping[int, Frame], name: Any, maker: Maker, model: Any) -> Column:
    """One column. `model`: the last that was called before the call, see Tracer.check_exact."""
    tracer, args = call.tracer, list(call.args)
    for i, frame in frames.items():
        given = args[i]
        pick = Replay(operator.getitem, (given.replay, name), line=tracer.line)
        args[i] = Traced(given.value[name], column_of(frame.columns[name]), pick, tracer.line)
    of_it = replace(call, args=tuple(args), kwargs={}, value=call.value[name])
    before, tracer.model = tracer.model, model
    try:
        found = settled(of_it, maker(of_it))
    finally:
        tracer.model = before
    if not isinstance(found, Column):
        raise NotNative(f"{call.name} of column {name!r}")
    return found
