"""Rows of frames and of two-dimensional arrays, each reduced to a number: sums, means, extremes.

Whole numbers and booleans have one sum in any order. Of floats, NumPy adds fewer than eight
numbers of a row from left to right, however they lie in memory; from eight on the order hangs on
how they lie, and on how many rows there are. pandas adds those of each block of a frame first:
which columns share a block hangs on how the caller made the frame, so that its sums and products
of more than two floats are within rounding here (`_settled`), and so is the sign of a zero among
largest ones of several dtypes.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..convert.registry import Refused
from .choices import missing
from .columns import emit
from .frames import kind_of_dtype, same_rows
from .narrow import check_either, stored_name
from .registry import Call, function, method
from .values import (
    FILLED,
    NARROW,
    SHORT,
    WHOLE,
    Column,
    Frame,
    Matrix,
    Native,
    NotNative,
    Replay,
    Traced,
    replayed,
)

#: NumPy adds fewer numbers than these from left to right.
_PAIRWISE = 8
#: Of more blocks than one, so many columns at most can be added in one order only.
_ORDERED = 2
#: Columns of a row at most.
_WIDEST = 256
_EITHER = frozenset([WHOLE, FILLED, SHORT])


@dataclass(frozen=True)
class _Rows:
    """The numbers of each row, and how they are read."""

    call: Call
    columns: tuple[Column, ...]
    skips: bool  #: whether what is missing is left out
    n_ordered: int  #: floats from more columns than these are added in any order
    rows: str

    @property
    def n(self) -> int:
        return len(self.columns)

    @property
    def kinds(self) -> set[str]:
        return {column.dtype for column in self.columns}

    @property
    def are_whole(self) -> bool:
        return not self.kinds & {"float64", "float32"}


def _may_miss(column: Column) -> bool:
    return column.is_float or column.is_either


# ---- what is reduced ------------------------------------------------------------------


def _of_frame(call: Call, given: Traced, *, only: str, skips: bool) -> _Rows:
    """The columns of a frame; `only`: "number" or "bool" where others are left out."""
    frame = call.tracer.frame_of(given)
    columns = []
    for name in frame.columns:
        column = frame.column(name)
        if only and (column.is_text or (only == "bool" and column.is_number)):
            continue
        columns.append(_checked(column, f"column {name!r}"))
    return _rows(call, columns, skips, _ORDERED, frame.rows)


def _of_array(call: Call, given: Any, axis: Any, *, skips: bool) -> _Rows:
    """The columns of a matrix, or those of a list that NumPy makes rows of a matrix."""
    if isinstance(given, (list, tuple)):
        if axis != 0:
            raise NotNative(f"{call.name} of a list with axis={axis!r}")
        columns = []
        for item in given:
            if not isinstance(item, Traced) or np.ndim(item.value) != 1:
                raise NotNative(f"{call.name} of a list of other than columns")
            columns.append(_checked(call.tracer.column(item), "an item").as_array())
        if len({column.dtype for column in columns} - {"int64"}) > 1:
            raise NotNative(f"{call.name} of a list of several dtypes")
        return _rows(call, columns, skips, _PAIRWISE - 1, "")
    if not isinstance(given, Traced) or np.ndim(given.value) != 2:
        raise NotNative(f"{call.name} of what is no table")
    if axis not in (1, -1):
        raise NotNative(f"{call.name} over rows, not of each (axis=1)")
    matrix = call.tracer.native(given)
    if not isinstance(matrix, Matrix) or matrix.form:
        raise NotNative(f"{call.name} of what is no dense array")
    n = matrix.ref.n_features
    if n > _WIDEST:
        raise NotNative(f"{call.name} of {n} columns")
    stored = matrix.dtype if matrix.dtype in NARROW else ""
    dtype = "int64" if stored else matrix.dtype
    context = call.tracer.context
    columns = [
        _checked(Column(context.select(matrix.ref, np.array([i])).node, dtype, "", stored=stored))
        for i in range(n)
    ]
    return _rows(call, columns, skips, _PAIRWISE - 1, "")


def _rows(call: Call, columns: list[Column], skips: bool, n_ordered: int, rows: str) -> _Rows:
    if not 0 < len(columns) <= _WIDEST:
        raise NotNative(f"{call.name} of {len(columns)} columns")
    check_either(columns)
    same_rows(columns)
    return _Rows(call, tuple(columns), skips, n_ordered, rows)


def _checked(column: Column, what: str = "it") -> Column:
    if not (column.is_number or column.is_bool):
        raise NotNative(f"{what} is {column.dtype}, whose rows are not reduced")
    return column


# ---- parts of a reduction ----------------------------------------------------------------


def _emit(
    own: _Rows, operator: str, columns: Sequence[Column], dtype: str, /, **more: Any
) -> Column:
    return emit(own.call, operator, columns, dtype, own.rows, **more)


def _filled(own: _Rows, value: float) -> list[Column]:
    """The columns, in doubles, with another number for what is missing where it is left out."""
    found = []
    for column in own.columns:
        dtype = column.dtype
        if column.dtype == "float32":
            ref = own.call.tracer.context.cast(column.ref, "f64")
            column, dtype = Column(ref.node, "float64", column.rows), "float64"
        if own.skips and _may_miss(column):
            column = _emit(own, "impute", [column], dtype, fill=np.array([value]))
        found.append(column)
    return found


def _settled(own: _Rows, found: Column) -> Column:
    """The answer; within rounding of the original's where the order of adding is not known, and
    then a Python step's where what reads it has steps."""
    name = own.call.name.rpartition(".")[2].removeprefix("nan")
    is_numpy = own.n_ordered > _ORDERED
    if name in ("std", "var"):  # pandas puts blocks side by side for these
        is_ordered = own.n < _PAIRWISE
    else:
        is_ordered = own.are_whole or own.n <= own.n_ordered or (name == "prod" and is_numpy)
    if is_ordered or name not in ("sum", "prod", "mean", "std", "var"):
        return found
    tracer = own.call.tracer
    node = tracer.context.builder.node(
        "ufunc", (found.node,), {"function": "positive"}, is_rounded=True
    )
    tracer.twins.add_call(node, functools.partial(_own_step, own.call, tracer.line))
    return replace(found, node=node)


def _own_step(call: Call, line: int) -> int | None:
    """The node of a Python step that makes the call."""
    given = [*call.args, *call.kwargs.values()]
    if any(isinstance(each, Traced) and each.is_part for each in given):
        return None
    why = f"line {line}: {call.name} rounds in an order of its own, and what reads it has steps"
    replay = Replay(call.function, replayed(call.args), replayed(dict(call.kwargs)), line)
    try:
        return call.tracer.external(Traced(call.value, why, replay, line)).ref.node
    except (NotNative, Refused):
        return None


def _added(own: _Rows, columns: Sequence[Column], *, is_whole: bool) -> Column:
    """The sum from left to right, which begins with 0; whole numbers that may be large are
    checked on the way."""
    is_small = all(c.is_bool or c.stored for c in columns)
    if is_whole and not is_small and len(columns) > 1:
        return _chained(own, "add", columns, "int64")
    found = _chained(own, "add", columns, "float64")
    if is_whole:
        return found
    return _emit(own, "binary", [found], "float64", function="add", value=0.0)  # no -0


def _chained(own: _Rows, name: str, columns: Sequence[Column], dtype: str) -> Column:
    """A function of two numbers from left to right; of equal ones the later, as NumPy's."""
    found = columns[0]
    more = {"dtype": "i64" if dtype == "int64" else "f64"}
    more = {} if dtype == "bool" else more
    for column in columns[1:]:
        found = _emit(own, "binary", [column, found], dtype, function=name, **more)
    return found


def _exact(own: _Rows) -> _Rows:
    """The same columns to the bit."""
    return replace(own, columns=tuple(map(own.call.tracer.exact, own.columns)))


def _count(own: _Rows) -> Column | float:
    """How many numbers of a row there are."""
    if not own.skips or not any(map(_may_miss, own.columns)):
        return float(own.n)
    gone = [
        _emit(own, "is_missing", [column], "bool") for column in own.columns if _may_miss(column)
    ]
    total = _chained(own, "add", gone, "float64")
    return _emit(
        own, "binary", [total], "float64", function="subtract", value=float(own.n), reverse=True
    )


def _divided(own: _Rows, column: Column, by: Column | float) -> Column:
    if isinstance(by, Column):
        return _emit(own, "binary", [column, by], "float64", function="divide")
    return _emit(own, "binary", [column], "float64", function="divide", value=by)


def _kind(own: _Rows) -> str:
    """The kind of a sum, a product or an extreme."""
    kind = kind_of_dtype(own.call.value.dtype)
    if own.are_whole and own.kinds & _EITHER:
        return FILLED if own.skips or FILLED in own.kinds else WHOLE
    return kind


def _shown(own: _Rows, column: Column, kind: str) -> Column:
    """The numbers as a column of a kind; doubles hold all of them."""
    if kind == "int64":
        stored = stored_name(own.call.value.dtype)
        return replace(column, dtype=kind, rows=own.rows, stored=stored)
    if kind in _EITHER:  # not as whole numbers, of which none is missing
        return _emit(own, "cast", [column], kind, dtype="f64")
    ref = own.call.tracer.context.cast(column.ref, "f32") if kind == "float32" else column.ref
    return Column(ref.node, kind, own.rows)


def _refuse_single(own: _Rows) -> None:
    if str(own.call.value.dtype) == "float32":
        raise NotNative(f"{own.call.name} of float32, which rounds on the way")


# ---- reductions -----------------------------------------------------------------------------


def _sum(own: _Rows) -> Column:
    _refuse_single(own)
    total = _added(own, _filled(own, 0.0), is_whole=own.are_whole)
    return _shown(own, total, _kind(own))


def _product(own: _Rows) -> Column:
    _refuse_single(own)
    dtype = "int64" if own.are_whole else "float64"
    return _shown(own, _chained(own, "multiply", _filled(own, 1.0), dtype), _kind(own))


def _mean(own: _Rows) -> Column:
    _refuse_single(own)
    total = _added(own, _filled(own, 0.0), is_whole=own.are_whole)
    return _divided(own, total, _count(own))


def _extreme(name: str) -> Callable[[_Rows], Column]:
    def reduced(own: _Rows) -> Column:
        if SHORT in own.kinds:
            raise NotNative(f"{own.call.name} of parts of dates, int32 where none is missing")
        kind = _kind(own)
        if kind == "bool":
            join = "logical_or" if name == "max" else "logical_and"
            return _chained(own, join, own.columns, "bool")
        columns = _filled(replace(own, skips=False), 0.0)
        join = ("fmax" if name == "max" else "fmin") if own.skips else f"{name}imum"
        found = _chained(own, join, columns, "float64")
        return _shown(own, found, kind)

    return reduced


def _truth(name: str) -> Callable[[_Rows], Column]:
    def reduced(own: _Rows) -> Column:
        found = []
        for column in _filled(_exact(own), 0.0 if name == "any" else 1.0):
            if not column.is_bool:  # what is missing, and not left out, is true
                column = _emit(own, "binary", [column], "bool", function="not_equal", value=0.0)
            found.append(column)
        if len(found) == 1:
            return replace(found[0], rows=own.rows)
        total = _chained(own, "add", found, "float64")
        compared = "greater" if name == "any" else "equal"
        bound = 0.0 if name == "any" else float(own.n)
        return _emit(own, "binary", [total], "bool", function=compared, value=bound)

    return reduced


def _variance(own: _Rows, ddof: Any) -> Column:
    """In two passes: the mean, and the mean of squares of what is beyond it."""
    kinds = own.kinds
    if type(ddof) is not int or "float32" in kinds or ("bool" in kinds and len(kinds) > 1):
        raise NotNative(f"{own.call.name} of {' and '.join(sorted(kinds))} with ddof={ddof!r}")
    columns = [replace(c, dtype="float64", stored="") for c in own.columns]
    plain = replace(own, columns=tuple(columns))
    count = _count(plain)
    mean = _divided(plain, _added(plain, _filled(plain, 0.0), is_whole=False), count)
    squares = []
    for column in columns:
        beyond = _emit(own, "binary", [column, mean], "float64", function="subtract")
        square = _emit(own, "ufunc", [beyond], "float64", function="square")
        if own.skips:  # infinity less infinity is missing too, and stays
            gone = _emit(own, "is_missing", [column], "bool")
            square = _emit(own, "where", [gone, square], "float64", then=0.0)
        squares.append(square)
    total = _added(own, squares, is_whole=False)
    if isinstance(count, float):
        if count <= ddof:
            raise NotNative(f"{own.call.name} of {own.n} columns with ddof={ddof}")
        degrees: Column | float = count - ddof
    else:
        less = _emit(own, "binary", [count], "float64", function="subtract", value=float(ddof))
        enough = _emit(own, "binary", [less], "bool", function="greater", value=0.0)
        degrees = _emit(own, "where", [enough, less], "float64", otherwise=math.nan)
    return _divided(own, total, degrees)


_REDUCTIONS: dict[str, Callable[[_Rows], Column]] = {
    "sum": _sum, "prod": _product, "mean": _mean, "max": _extreme("max"), "min": _extreme("min"),
    "any": _truth("any"), "all": _truth("all"),
}  # fmt: skip


def _at_least(own: _Rows, found: Column, least: Any) -> Column:
    """Missing where fewer numbers than `min_count` are there."""
    if type(least) is not int:
        raise NotNative(f"{own.call.name}(min_count={least!r})")
    if least <= 0 or (least <= own.n and not any(map(_may_miss, own.columns))):
        return found
    if found.dtype != "float64":
        raise NotNative(f"{own.call.name}(min_count={least!r}) of whole numbers")
    count = _count(replace(own, skips=True))
    if isinstance(count, float):
        raise NotNative(f"{own.call.name}(min_count={least!r}) of {own.n} columns")
    there = _emit(own, "binary", [count], "bool", function="greater_equal", value=float(least))
    return _emit(own, "where", [there, found], "float64", otherwise=math.nan)


@method("frame", *_REDUCTIONS)
def of_frame(call: Call) -> Native:
    name = call.name.rpartition(".")[2]
    defaults: dict[str, Any] = {"axis": 0, "skipna": True}
    only = "bool_only" if name in ("any", "all") else "numeric_only"
    defaults[only] = False
    if name in ("sum", "prod"):
        defaults["min_count"] = 0
    asked = call.bind("self", *defaults, **defaults)
    _check_axis(call, asked.axis)
    is_only = getattr(asked, only)
    if type(asked.skipna) is not bool or type(is_only) is not bool:
        raise NotNative(f"{call.name} with options")
    kind = only.partition("_")[0].replace("numeric", "number") if is_only else ""
    own = _of_frame(call, asked.self, only=kind, skips=asked.skipna)
    found = _REDUCTIONS[name](own)
    least = getattr(asked, "min_count", 0) if name in ("sum", "prod") else 0
    if least and not asked.skipna:
        raise NotNative(f"{call.name}(min_count={least!r}, skipna=False)")
    return _settled(own, _at_least(own, found, least))


def _check_axis(call: Call, axis: Any) -> None:
    if axis not in (1, "columns"):
        raise NotNative(f"{call.name} over rows, not of each (axis=1)")


@method("frame", "std", "var")
def spread_of_frame(call: Call) -> Native:
    own = call.bind("self", axis=0, skipna=True, ddof=1, numeric_only=False)
    _check_axis(call, own.axis)
    if type(own.skipna) is not bool or own.numeric_only is not False:
        raise NotNative(f"{call.name} with options")
    rows = _of_frame(call, own.self, only="", skips=own.skipna)
    return _settled(rows, _rooted(rows, _variance(rows, own.ddof)))


def _rooted(own: _Rows, column: Column) -> Column:
    if not own.call.name.endswith("std"):
        return column
    return _emit(own, "ufunc", [column], "float64", function="sqrt")


@method("frame", "count")
def count_of_frame(call: Call) -> Native:
    own = call.bind("self", "axis", axis=0)
    _check_axis(call, own.axis)
    frame = call.tracer.frame_of(own.self)
    gone = [missing(call, frame.column(name)) for name in frame.columns]
    if not gone:
        raise NotNative("count of no columns")
    total = emit(call, "add", gone, "float64", frame.rows)
    return emit(
        call, "binary", [total], "int64", frame.rows, function="subtract",
        value=float(len(gone)), reverse=True,
    )  # fmt: skip


@function(np.sum, np.prod, np.mean, np.max, np.min, np.any, np.all)
@method("matrix", *_REDUCTIONS)
def of_array(call: Call) -> Native:
    own = call.bind("a", "axis", axis=None)
    name = call.name.rpartition(".")[2]
    if isinstance(own.a, Traced) and isinstance(own.a.native, Frame):
        _check_axis(call, own.axis)
        rows = _of_frame(call, own.a, only="", skips=True)
    else:
        rows = _of_array(call, own.a, own.axis, skips=False)
    return _settled(rows, _REDUCTIONS[name](rows))


@function(np.nansum, np.nanprod, np.nanmean, np.nanmax, np.nanmin)
def of_what_is_there(call: Call) -> Native:
    own = call.bind("a", "axis", axis=None)
    name = call.name.removeprefix("nan")
    rows = _of_array(call, own.a, own.axis, skips=True)
    return _settled(rows, _REDUCTIONS[name](rows))


@function(np.std, np.var)
@method("matrix", "std", "var")
def spread_of_array(call: Call) -> Native:
    own = call.bind("a", "axis", axis=None, ddof=0)
    rows = _of_array(call, own.a, own.axis, skips=False)
    return _settled(rows, _rooted(rows, _variance(rows, own.ddof)))


@function(np.count_nonzero)
def count_of_array(call: Call) -> Native:
    own = call.bind("a", "axis", axis=None)
    rows = _of_array(call, own.a, own.axis, skips=False)
    rows = _exact(rows)
    truths = [
        c if c.is_bool else _emit(rows, "binary", [c], "bool", function="not_equal", value=0.0)
        for c in rows.columns
    ]
    return replace(_emit(rows, "add", truths, "int64"), rows=rows.rows)
