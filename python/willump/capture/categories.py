"""Categorical columns with fixed categories, and their indicators (get_dummies).

A categorical column is its codes, -1 where a value is missing or no category.
Indicators of strings, whose levels the rows decide, become columns once
`reindex(columns=[...])` says which.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from ..convert.context import Context
from .columns import emit, is_number, looked_up, number_of
from .frames import constant_column, kind_of_dtype
from .narrow import stored_name
from .registry import Call, function, method
from .values import (
    LOOSE,
    Column,
    Dummies,
    Frame,
    Held,
    Later,
    Level,
    Native,
    NotNative,
    Traced,
    values_of,
)

# ---- codes -----------------------------------------------------------------------------


def input_of(context: Context, name: str, categories: Sequence[Any]) -> Column:
    """A column of the caller's among the sample's categories; others are an error."""
    is_text = all(isinstance(each, str) for each in categories)
    if not len(categories) or not (is_text or all(map(is_number, categories))):
        raise NotNative("its categories are neither strings nor numbers")
    kind = "category" if is_text else "numeric"
    node = context._emit("input", (), {"kind": kind, "name": name})
    n, listed = len(categories), list(categories)
    attributes: dict[str, Any] = {"sizes": np.array([n + 1]), "names": [name]}
    if is_text:
        gone = np.array([n])
        attributes |= {"categories": [*map(str, listed), ""], "nan": gone, "none": gone}
        attributes["codes"] = np.array([*range(n), -1.0])
    else:
        numbers = np.array([*map(number_of, listed), np.nan])
        order = np.argsort(numbers, kind="stable")
        attributes |= {"categories": numbers[order]}
        attributes["codes"] = np.array([*range(n), -1.0])[order]
    codes = context._emit("encode", (node,), attributes)
    stored = "str" if is_text else "float64"
    return Column(codes, "category", "input", tuple(listed), node, stored=stored)


def categorized(call: Call, column: Column, categories: Iterable[Any]) -> Column:
    """A column as a categorical one; a value that is no category is missing."""
    listed = list(categories)
    if column.categories and column.source < 0:
        places = {each: float(i) for i, each in enumerate(listed)}
        moved = np.array([places.get(each, -1.0) for each in column.categories] + [-1.0])
        there = emit(
            call, "binary", [column], "bool", column.rows, function="greater_equal", value=0.0
        )  # fmt: skip
        at = emit(
            call, "where", [there, column], "int64", column.rows, otherwise=len(moved) - 1.0
        )  # fmt: skip
        codes = emit(call, "take", [at], "category", column.rows, values=moved)
        return Column(codes.node, "category", column.rows, tuple(listed))
    column = values_of(column)
    if column.is_text != all(isinstance(c, str) for c in listed) or not listed:
        raise NotNative(f"{column.dtype} among categories of another kind")
    if not column.is_text and not column.is_number:
        raise NotNative(f"categories of {column.dtype}")
    table = {category: float(i) for i, category in enumerate(listed)}
    codes = looked_up(call, column, table, -1.0, "category")
    return Column(codes.node, "category", column.rows, tuple(listed))


def as_values(call: Call, column: Column, wanted: str, dtype: Any = None) -> Column:
    """A categorical column as strings, as floats, NaN where it has none, or as ints of a dtype,
    where a row that has none is an error."""
    categories, values = column.categories, values_of(column)
    if wanted in ("str", "object") and all(isinstance(each, str) for each in categories):
        if values is not column:
            return replace(values, dtype=wanted)
        return emit(call, "take", [column], wanted, column.rows, values=list(categories))
    is_numeric = all(is_number(each) for each in categories)
    if wanted == "int64" and is_numeric:
        return _as_whole(call, column, dtype)
    if wanted not in ("float64", "float32") or not is_numeric:
        raise NotNative(f"categories as {wanted}")
    table = np.array([number_of(each) for each in categories])
    found = values
    if values is column:
        found = emit(call, "take", [column], "float64", column.rows, values=table)
    if wanted == "float64":
        return found
    node = call.tracer.context._emit("cast", (found.node,), {"dtype": "f32"})
    return Column(node, wanted, found.rows)


def _as_whole(call: Call, column: Column, dtype: Any) -> Column:
    if column.source >= 0:
        raise NotNative("categories of the caller's as ints")
    try:
        table = np.array(column.categories).astype(dtype).astype(np.int64)
    except (OverflowError, ValueError) as error:
        raise NotNative(f"categories as {dtype}: {error}") from error
    numbers = np.array([number_of(int(each)) for each in table])
    there = emit(
        call, "binary", [column], "bool", column.rows, function="greater_equal", value=0.0
    )  # fmt: skip
    found = emit(call, "take", [column], "int64", column.rows, values=numbers)
    checked = emit(
        call, "require", [there, found], "int64", column.rows,
        message=f"line {call.tracer.line}: Cannot convert float NaN to integer",
    )  # fmt: skip
    return replace(checked, stored=stored_name(dtype))


@method("Categorical", "to_numpy")
def to_numpy(call: Call) -> Native:
    call.bind("self")
    return as_array(call, call.tracer.column(call.args[0], is_coded=True))


def as_array(call: Call, column: Column) -> Column:
    """A categorical column as the array of its values that NumPy makes of it; of ints, the rows
    decide its dtype."""
    if not all(isinstance(each, (str, float)) for each in column.categories):
        raise NotNative("the values of a categorical column")
    return as_values(call, column, kind_of_dtype(call.value.dtype, call.value)).as_array()


@function(pd.Categorical)
def categorical(call: Call) -> Native:
    own = call.bind("values", "categories", "ordered", categories=None, ordered=None, dtype=None)
    has_dtype = isinstance(own.dtype, pd.CategoricalDtype)
    categories = own.dtype.categories if has_dtype else own.categories
    if categories is None or isinstance(categories, Traced):
        raise NotNative("categories that hang on the data")
    values = call.tracer.column(own.values, is_coded=True)
    return categorized(call, values, categories).as_array()


@method(
    "series.cat",
    "set_categories",
    "add_categories",
    "rename_categories",
    "as_ordered",
    "as_unordered",
)
def recategorized(call: Call) -> Native:
    part, *given = call.args
    column = call.tracer.column(part.native.of, is_coded=True)
    own = column.categories
    if not own or any(isinstance(each, Traced) for each in given):
        raise NotNative("categories that hang on the data")
    if set(call.kwargs) - {"ordered", "new_categories"} or len(given) > 1:
        raise NotNative(f"{call.name} with options")
    wanted: Any = given[0] if given else call.kwargs.get("new_categories")
    if call.name.endswith("set_categories"):
        return categorized(call, column, wanted)
    if call.name.endswith("add_categories"):
        more = [wanted] if isinstance(wanted, str) else list(wanted)
        call.tracer.reads_codes = True
        return categorized(call, column, [*own, *more])
    if call.name.endswith("rename_categories"):
        if not isinstance(wanted, (dict, list, tuple, pd.Index)):
            raise NotNative("categories renamed by a function")
        call.tracer.reads_codes = True
        new = [wanted.get(each, each) for each in own] if isinstance(wanted, dict) else list(wanted)
        return Column(column.node, "category", column.rows, tuple(new))
    return column


@method("series.cat", "codes")
def codes_of(call: Call) -> Native:
    return _codes(call, call.tracer.column(call.args[0].native.of, is_coded=True))


@method("Categorical", "codes")
def own_codes(call: Call) -> Native:
    return _codes(call, call.tracer.column(call.args[0], is_coded=True)).as_array()


def _codes(call: Call, column: Column) -> Column:
    if not column.categories:
        raise NotNative("codes of what is not categorical")
    call.tracer.reads_codes |= column.source >= 0
    return Column(column.node, "int64", column.rows)


# ---- indicators ------------------------------------------------------------------------


def _indicator(call: Call, column: Column, level: Any, dtype: str) -> Column:
    """1 where the column has the level."""
    if column.categories:
        code = float(column.categories.index(level))
        found = emit(
            call, "binary", [column], "bool", column.rows, function="equal", value=code
        )  # fmt: skip
    else:
        found = looked_up(call, column, {level: 1.0}, 0.0, "bool")
    return Column(found.node, dtype, column.rows)


def _dtype_of(call: Call, wanted: Any) -> str:
    found = kind_of_dtype(np.dtype(bool if wanted is None else wanted))
    if found not in ("bool", "int64", "float64"):
        raise NotNative(f"indicators of {found}")
    return found


@function(pd.get_dummies)
def get_dummies(call: Call) -> Native:
    own = call.bind(
        "data", "prefix", "prefix_sep", "dummy_na", "columns", "sparse", "drop_first", "dtype",
        prefix=None, prefix_sep="_", dummy_na=False, columns=None, sparse=False,
        drop_first=False, dtype=None,
    )  # fmt: skip
    if own.sparse or not isinstance(own.prefix_sep, str):
        raise NotNative("get_dummies with options")
    dtype = _dtype_of(call, own.dtype)
    if isinstance(own.data.value, pd.DataFrame):
        return _of_frame(call, own, dtype)
    column = call.tracer.column(own.data, is_coded=True)
    if own.prefix is not None and not isinstance(own.prefix, str):
        raise NotNative("get_dummies with prefixes")
    before = None if own.prefix is None else f"{own.prefix}{own.prefix_sep}"
    level = Level(column, before, dtype)
    if column.categories:
        return Frame(dict(_fixed(call, level, own)), column.rows)
    return _open(call, own, {}, [level], column.rows)


def _of_frame(call: Call, own: Any, dtype: str) -> Native:
    frame = call.tracer.frame_of(own.data)
    names = list(own.columns) if own.columns is not None else [
        name for name, d in own.data.value.dtypes.items()
        if not isinstance(d, np.dtype) or d.kind == "O"
    ]  # fmt: skip
    prefixes = own.prefix
    if isinstance(prefixes, str):
        prefixes = [prefixes] * len(names)
    elif isinstance(prefixes, dict):
        prefixes = [prefixes[name] for name in names]
    elif prefixes is None:
        prefixes = names
    columns = {n: held for n, held in frame.columns.items() if n not in names}
    levels = [
        Level(frame.column(name), f"{prefix}{own.prefix_sep}", dtype)
        for name, prefix in zip(names, prefixes, strict=True)
    ]
    if not all(level.column.categories for level in levels):
        return _open(call, own, columns, levels, frame.rows)
    for level in levels:
        columns.update(_fixed(call, level, own))
    if list(columns) != list(call.value.columns):
        raise NotNative("the names of its columns")
    return Frame(columns, frame.rows)


def _fixed(call: Call, level: Level, own: Any) -> Iterable[tuple[Any, Held]]:
    """The indicators of a categorical column."""
    call.tracer.reads_codes |= level.column.source >= 0
    categories = level.column.categories
    listed = [(c if level.prefix is None else f"{level.prefix}{c}", c) for c in categories]
    for name, category in listed[1:] if own.drop_first else listed:
        yield name, _indicator(call, level.column, category, level.dtype)
    if own.dummy_na:
        gone = emit(call, "binary", [level.column], "bool", level.column.rows, function="less",
                    value=0.0)  # fmt: skip
        name = np.nan if level.prefix is None else f"{level.prefix}nan"
        yield name, Column(gone.node, level.dtype, gone.rows)


def _open(
    call: Call, own: Any, columns: dict[Any, Held], levels: list[Level], rows: str
) -> Dummies:
    if own.drop_first or own.dummy_na:
        raise NotNative("get_dummies of what has no fixed categories, with drop_first or dummy_na")
    for level in levels:
        if not (level.column.is_text or level.column.dtype == "int64" or level.column.categories):
            raise NotNative(f"get_dummies of {level.column.dtype}")
    return Dummies(columns, tuple(levels), rows)


def reindexed(call: Call, dummies: Dummies) -> Frame:
    """The indicators that `reindex(columns=...)` asks for."""
    own = call.bind("self", columns=None, fill_value=np.nan)
    if own.columns is None or isinstance(own.columns, Traced):
        raise NotNative("reindex of rows")
    columns: dict[Any, Held] = {}
    for name in own.columns:
        columns[name] = _asked_for(call, dummies, name, own.fill_value)
    return Frame(columns, dummies.rows)


def _asked_for(call: Call, dummies: Dummies, name: Any, fill: Any) -> Held:
    if name in dummies.columns:
        return dummies.columns[name]
    found = [(level, value) for level in dummies.levels for value in _levels_named(level, name)]
    if len(found) > 1:
        raise NotNative(f"column {name!r} may be of two columns")
    if not found:
        like = dummies.levels[0].column
        return constant_column(call, Frame({"like": like}, dummies.rows), fill)
    level, value = found[0]
    dtype = level.dtype
    if kind_of_fill(fill) != dtype:
        if dtype != "bool" or kind_of_fill(fill) != "int64" or fill not in (0, 1):
            raise NotNative(f"a column that the rows do not have is {fill!r}, else {dtype}")
        if fill:
            raise NotNative(f"a column that the rows do not have is {fill!r}")
        dtype = LOOSE  # booleans where a row has the value, else zeros
    stored = "int64" if dtype == LOOSE else ""
    return Later(lambda: replace(_indicator(call, level.column, value, dtype), stored=stored))


def kind_of_fill(fill: Any) -> str:
    """The dtype of a column of a constant."""
    if isinstance(fill, (bool, np.bool_)):
        return "bool"
    return "int64" if isinstance(fill, (int, np.integer)) else "float64"


def _levels_named(level: Level, name: Any) -> list[Any]:
    """The value whose indicator has the name."""
    if level.prefix is None:
        is_own = isinstance(name, str) == level.column.is_text
        value = name if is_own else None
    elif isinstance(name, str) and name.startswith(level.prefix):
        value = name.removeprefix(level.prefix)
        if not level.column.is_text and not level.column.categories:
            digits = value.removeprefix("-")
            is_int = digits.isascii() and digits.isdigit() and str(int(value)) == value
            value = int(value) if is_int else None
    else:
        value = None
    if value is None:
        return []
    if level.column.categories:
        return [c for c in level.column.categories if str(c) == str(value)]
    return [value]


def equal_to(call: Call, column: Column, value: Any, function_name: str) -> Column:
    """A categorical column compared with one of its values."""
    if value not in column.categories:
        raise NotNative(f"{value!r} is no category")
    code = float(column.categories.index(value))
    return emit(
        call, "binary", [column], "bool", column.rows, function=function_name, value=code
    )  # fmt: skip
