"""Joins with constant tables: a row's number is looked up once for a key, then the
columns that are used are taken from there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from .._errors import UnsupportedError
from .._graph import text_of
from .columns import LARGEST, emit
from .few import checked
from .frames import is_text, kind_of_dtype, same_rows
from .inputs import moments_of
from .narrow import stored_name
from .registry import Call, function, method
from .values import (
    FILLED,
    LOOSE,
    WHOLE,
    Column,
    Frame,
    Held,
    Later,
    Native,
    NotNative,
    Traced,
    column_of,
    is_all_rows,
    with_rows,
)

# ---- keys ------------------------------------------------------------------------


def _is_text(values: Any) -> bool:
    """Whether a key of a table is strings."""
    dtype = values.dtype
    if isinstance(dtype, pd.StringDtype):
        return True
    return getattr(dtype, "kind", "") == "O" and is_text(values)


def _numbers(values: Any) -> Any:
    dtype = values.dtype
    if isinstance(dtype, np.dtype) and dtype.kind == "M":
        return moments_of(np.asarray(values))
    if not isinstance(dtype, np.dtype) or dtype.kind not in "iuf":
        raise NotNative(f"a key of dtype {dtype}")
    array = np.asarray(values)
    if dtype.kind in "iu" and len(array) and max(abs(int(array.min())), int(array.max())) > LARGEST:
        raise NotNative("a key is a number beyond 2^53")
    return array.astype(np.float64)


def _codes(call: Call, column: Column, keys: Any, *, is_alone: bool) -> tuple[Column, Any]:
    """A key as numbers: the column's node, and the table's.

    Strings become positions; of a key that stands alone these are the table's rows.
    """
    if column.is_text != _is_text(keys):
        raise NotNative(f"a key of {column.dtype} meets one of {keys.dtype}")
    if not column.is_text:
        column = call.tracer.exact(column)
        is_moment = getattr(keys.dtype, "kind", "") == "M"
        if not column.is_number and column.dtype != "datetime":
            raise NotNative(f"a key of {column.dtype}")
        if is_moment != (column.dtype == "datetime"):
            raise NotNative(f"a key of {column.dtype} meets one of {keys.dtype}")
        return column, _numbers(keys)
    codes, words = pd.factorize(keys, use_na_sentinel=True)
    known = checked([text_of(word) for word in words])
    attributes: dict[str, Any] = {
        "categories": known,
        "sizes": np.array([len(known)]),
        "unknown": np.array([-1.0]),
        "dtype": "i64",
    }
    if is_alone:  # each key is there once: its place is the table's row
        cells = list(keys)
        attributes["categories"] = [
            "" if code < 0 else text_of(c) for c, code in zip(cells, codes, strict=True)
        ]
        attributes["sizes"] = np.array([len(cells)])
    gone = codes < 0
    if gone.any():  # a place of its own, which no string is equal to
        place = int(np.flatnonzero(gone)[0]) if is_alone else len(known)
        if not is_alone:
            attributes["categories"] = [*known, ""]
            attributes["sizes"] = np.array([len(known) + 1])
            codes = np.where(gone, place, codes)
        attributes |= {"nan": np.array([place]), "none": np.array([place])}
    node = call.tracer.context._emit("encode", (column.node,), attributes)
    return Column(node, "int64", column.rows), np.asarray(codes, dtype=np.float64)


def row_numbers(call: Call, columns: Sequence[Column], keys: Sequence[Any]) -> Column:
    """The number of the row of a table that has a row's key, or -1.

    The keys are those of the table, each of them there once.
    """
    rows = same_rows(columns)
    is_alone = len(columns) == 1
    made = [_codes(call, c, k, is_alone=is_alone) for c, k in zip(columns, keys, strict=True)]
    if is_alone and columns[0].is_text:
        return replace(made[0][0], rows=rows)
    table = np.column_stack([codes for _, codes in made])
    return emit(call, "match", [c for c, _ in made], "int64", rows, keys=table)


# ---- values ----------------------------------------------------------------------


def taken(call: Call, at: Column, values: Any, rows: str, *, is_everywhere: bool = False) -> Column:
    """A column of a table at row numbers, missing where there is no row, unless there
    is one everywhere."""
    dtype = values.dtype
    kind = kind_of_dtype(values.dtype, values)
    if kind in ("str", "object"):
        cells = list(values)
        none = [i for i, cell in enumerate(cells) if cell is None]
        nan = [i for i, c in enumerate(cells) if c is not None and not isinstance(c, str)]
        texts = checked([text_of(c) if isinstance(c, str) else "" for c in cells])
        return emit(
            call, "take", [at], kind, rows, values=texts,
            nan=np.array(nan, dtype=np.int64) if nan else None,
            none=np.array(none, dtype=np.int64) if none else None,
        )  # fmt: skip
    if kind in ("datetime", "timedelta"):
        array = moments_of(np.asarray(values))
        return emit(call, "take", [at], kind, rows, values=array)
    array = np.asarray(values)
    if kind == "int64" and len(array) and max(abs(int(array.min())), int(array.max())) > LARGEST:
        raise NotNative("a number of the table is beyond 2^53")
    found = kind
    if kind == "int64" and not is_everywhere:
        found = WHOLE if dtype == np.int64 else FILLED
    if kind == "bool" and not is_everywhere:
        found = LOOSE
    graph = "f32" if kind == "float32" else None
    made = emit(call, "take", [at], found, rows, values=array.astype(np.float64), dtype=graph)
    return replace(made, stored=stored_name(dtype))


def _taken_later(
    call: Call, at: Column, values: Any, rows: str, required: _Required | None = None
) -> Held:
    """The same, made where the column is used; the line of the join has it."""
    where = f"line {call.tracer.line}: column {values.name!r} of the table: "
    place = call.tracer.place

    def make() -> Column:
        found = taken(call, at, values, rows) if required is None else required.taken(values, rows)
        call.tracer.tell("take", found.node, place)
        return found

    return Later(make, where)


# ---- rows that must be there -----------------------------------------------------


@dataclass(frozen=True)
class _Required:
    """That a row's key is in the table; where it is not, the row is an error."""

    call: Call
    at: Column  #: the number of the table's row, or -1
    keys: Sequence[Column]
    names: Sequence[str]
    message: str
    error: str

    def column(self, column: Column, rows: str) -> Column:
        """A column of rows whose keys are there."""
        there = emit(
            self.call, "binary", [self.at], "bool", rows, function="greater_equal", value=0.0
        )
        node = self.call.tracer.context._emit(
            "require",
            [c.node for c in (there, column, *self.keys)],
            {"message": self.message, "error": self.error, "names": list(self.names)},
        )
        self.call.tracer.reads_codes |= column.source >= 0
        return replace(column, node=node, source=-1, rows=rows)

    def taken(self, values: Any, rows: str) -> Column:
        """A column of the table."""
        found = taken(self.call, self.at, values, rows, is_everywhere=True)
        return self.column(found, rows)


def _kept_later(required: _Required | None, held: Held, rows: str) -> Held:
    """A column of the left side, in rows whose keys are there."""
    if required is None:
        return with_rows(held, rows)
    return Later(lambda: required.column(column_of(held), rows))


def values_at(call: Call, column: Column, index: Any, values: Any, shown: Any) -> Column:
    """What stands in a Series under each value of a column, as `Series.map` gives it."""
    if isinstance(index, pd.MultiIndex) or not index.is_unique:
        raise NotNative("a table whose index is not unique")
    if not len(index):
        raise NotNative("an empty table")
    if column.dtype == "object" and index.hasnans:
        raise NotNative("a table of objects with a missing key")
    at = row_numbers(call, [column], [index])
    found = taken(call, at, values, column.rows)
    if found.is_text and kind_of_dtype(shown.dtype, shown) != found.dtype:
        raise NotNative(f"it gives {shown.dtype}")
    return found


# ---- merge and join --------------------------------------------------------------


@dataclass
class _Merge:
    left_keys: list[Any]
    right_keys: list[Any]  #: None: the table's index
    has_index: bool


def _listed(keys: Any) -> list[Any]:
    return list(keys) if isinstance(keys, (list, tuple)) else [keys]


def _keys_of(own: Any, frame: Frame, table: pd.DataFrame) -> _Merge:
    if own.left_index:
        raise NotNative("a merge by the index of what hangs on the input")
    if own.on is not None:
        keys = _listed(own.on)
        return _Merge(keys, keys, False)
    if own.left_on is not None and own.right_index:
        return _Merge(_listed(own.left_on), [None], True)
    if own.left_on is not None and own.right_on is not None:
        return _Merge(_listed(own.left_on), _listed(own.right_on), False)
    common = [name for name in frame.columns if name in table.columns]
    if not common:
        raise NotNative("a merge without keys")
    return _Merge(common, common, False)


def _check_unique(table: pd.DataFrame, keys: list[Any], line: int) -> None:
    own = table.index.to_frame() if keys == [None] else table[keys]
    # None and NaN are one key to a merge, and two to `duplicated`
    own = own.apply(lambda c: c.where(c.notna(), np.nan) if c.dtype == object else c)
    is_twice = own.duplicated().to_numpy()
    if is_twice.any():
        row = int(np.flatnonzero(is_twice)[0])
        shown = table.index[row] if keys == [None] else tuple(table.iloc[row][keys])
        raise UnsupportedError(
            f"line {line}: the table that is joined on {keys} has the key {shown} more than once, "
            "so pandas would repeat rows; a compiled function answers each row by itself: drop "
            "duplicates of the key, or aggregate the table, before"
        )


def _check_validate(validate: Any) -> None:
    """That the table's keys are there once is checked anyway; those of a call are not."""
    if validate not in (None, "m:1", "many_to_one", "m:m", "many_to_many"):
        raise NotNative(f"validate={validate!r}, which looks at all of a call's keys")


@method("frame", "merge")
@function("pandas:merge")
def merge(call: Call) -> Native:
    own = call.bind(
        "left", "right", "how", "on", "left_on", "right_on", "left_index", "right_index", "sort",
        "suffixes", how="inner", on=None, left_on=None, right_on=None, left_index=False,
        right_index=False, sort=False, suffixes=("_x", "_y"), copy=None, indicator=False,
        validate=None,
    )  # fmt: skip
    _check_validate(own.validate)
    if isinstance(own.right, Traced):
        raise NotNative("both sides of the merge hang on the input")
    table = own.right
    is_inner = own.how == "inner" and len(call.value) == len(own.left.value)
    if own.how != "left" and not is_inner:
        raise UnsupportedError(
            f"line {call.tracer.line}: how={own.how!r} leaves out or adds rows; a compiled "
            "function answers each row by itself: merge with how='left'"
        )
    if not isinstance(table, pd.DataFrame) or own.indicator or own.sort:
        raise NotNative("this merge")
    frame = call.tracer.frame_of(own.left)
    keys = _keys_of(own, frame, table)
    levels = [key for key in keys.right_keys if key is not None and key not in table.columns]
    if levels:  # names of the table's index
        table = table.reset_index(levels)
    rows = frame.rows if keys.has_index else "range"
    return _merged(call, frame, table, keys, own.suffixes, rows, is_inner=is_inner)


def _merged(
    call: Call,
    frame: Frame,
    table: pd.DataFrame,
    keys: _Merge,
    suffixes: Any,
    rows: str,
    *,
    is_inner: bool = False,
) -> Frame:
    _check_unique(table, keys.right_keys, call.tracer.line)
    columns = [frame.column(name) for name in keys.left_keys]
    values = [table.index] if keys.has_index else [table[name] for name in keys.right_keys]
    if keys.has_index and isinstance(table.index, pd.MultiIndex):
        raise NotNative("a table with an index of several levels")
    at = replace(row_numbers(call, columns, values), rows=rows)
    call.tracer.tell("match", at.node)
    required = None
    if is_inner:
        message = (
            f"line {call.tracer.line}: how='inner' would leave this row out: the table that is "
            f"merged on {keys.left_keys} has not its key"
        )
        names = [str(name) for name in keys.left_keys]
        required = _Required(call, at, columns, names, message, "key")
    dropped = [r for lft, r in zip(keys.left_keys, keys.right_keys, strict=True) if lft == r]
    right = [name for name in table.columns if name not in dropped]
    both = set(right) & set(frame.columns)
    found: dict[str, Held] = {}
    for name, column in frame.columns.items():
        new = f"{name}{suffixes[0] or ''}" if name in both else name
        found[new] = _kept_later(required, column, rows)
    for name in right:
        new = f"{name}{suffixes[1] or ''}" if name in both else name
        found[new] = _taken_later(call, at, table[name], rows, required)
    if list(found) != list(call.value.columns):
        raise NotNative("the names of its columns")
    return Frame(found, rows)


@method("frame", "join")
def join(call: Call) -> Native:
    own = call.bind(
        "left", "other", "on", "how", "lsuffix", "rsuffix", on=None, how="left", lsuffix="",
        rsuffix="", sort=False, validate=None,
    )  # fmt: skip
    table = own.other
    _check_validate(own.validate)
    if own.how != "left" or own.on is None or own.sort:
        raise NotNative("a join that is not how='left' with on=")
    if isinstance(table, pd.Series):
        table = table.to_frame()
    if not isinstance(table, pd.DataFrame):
        raise NotNative("both sides of the join hang on the input")
    frame = call.tracer.frame_of(own.left)
    keys = _Merge(_listed(own.on), [None], True)
    return _merged(call, frame, table, keys, (own.lsuffix, own.rsuffix), frame.rows)


@method("constant", "reindex")
def reindex(call: Call) -> Native:
    """`table.reindex(keys)`: the rows of a constant table; its index is the keys."""
    if len(call.args) != 1 or call.kwargs:
        raise NotNative("reindex with options")
    owner = call.function.__self__
    key = call.tracer.column(call.args[0])
    rows = "python"
    if isinstance(owner, pd.Series):
        return replace(values_at(call, key, owner.index, owner, call.value), rows=rows)
    if isinstance(owner.index, pd.MultiIndex) or not owner.index.is_unique:
        raise NotNative("a table whose index is not unique")
    at = row_numbers(call, [key], [owner.index])
    return Frame({n: _taken_later(call, at, owner[n], rows) for n in owner.columns}, rows)


@method("constant.loc", "getitem")
def loc(call: Call) -> Native:
    """`table.loc[keys]`, `table.loc[keys, "name"]`: a key that is not there is an error."""
    table = call.args[0].obj
    key, names = call.args[1] if isinstance(call.args[1], tuple) else (call.args[1], None)
    column = call.tracer.column(key)
    if isinstance(table.index, pd.MultiIndex) or not table.index.is_unique or column.is_bool:
        raise NotNative("a table whose index is not unique, or rows picked by a condition")
    if column.dtype == "object" and table.index.hasnans:
        raise NotNative("a table of objects with a missing key")
    at = row_numbers(call, [column], [table.index])
    message = f"line {call.tracer.line}: the table's index has not the key"
    required = _Required(call, at, [column], [str(table.index.name or "key")], message, "key")
    if isinstance(table, pd.Series) and names is None:
        return required.taken(table, "python")
    if isinstance(table, pd.Series):
        raise NotNative("this .loc")
    if isinstance(names, str):
        return required.taken(table[names], "python")
    picked = list(table.columns) if names is None or is_all_rows(names) else list(names)
    return Frame({n: _taken_later(call, at, table[n], "python", required) for n in picked},
                 "python")  # fmt: skip
