"""Functions, and methods of strings, that are called with the values of a row."""

from __future__ import annotations

import builtins
import math
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from ..convert.pattern import translate_regex
from . import cell_operators as operators
from .cell_patterns import call_pattern, replaced
from .cells import BOOL, FLOAT, INT, TEXT, Cell, Cells, Listed
from .strings import blank_characters, capital_map, char_map_attributes, n_pieces
from .values import Column, NotNative, Pieces, is_traced

_Caller = Callable[..., Any]

# ---- functions --------------------------------------------------------------------------


def _is_missing(cells: Cells, value: Any) -> Any:
    if not isinstance(value, Cell):
        raise NotNative("whether a row is missing")
    if value.kind in (INT, BOOL) and not value.has_none:
        return False
    if value.kind == TEXT and not value.may_miss:
        return False
    return cells.boolean(cells.missing(value))


def _is_there(cells: Cells, value: Any) -> Any:
    gone = _is_missing(cells, value)
    return cells.boolean(cells.negated(gone.column)) if isinstance(gone, Cell) else not gone


def _is_nan(cells: Cells, value: Any) -> Any:
    if value.kind == TEXT:
        raise NotNative("isnan of a string")
    return cells.boolean(cells.missing(Cell(value.number, value.kind)))


def _absolute(cells: Cells, value: Cell) -> Cell:
    if value.kind == BOOL:
        raise NotNative("abs of a boolean")
    dtype = "int64" if value.kind == INT else "float64"
    made = cells.emit("ufunc", [value.number], dtype, function="absolute")
    return Cell(made, value.kind, is_numpy=value.is_numpy, mixed=value.mixed)


def _float(cells: Cells, value: Cell) -> Cell:
    if value.kind == TEXT:
        raise NotNative("float of a string")
    return Cell(Column(value.number.node, "float64", value.column.rows), FLOAT)


def _int(cells: Cells, value: Cell) -> Cell:
    if value.kind == TEXT:
        raise NotNative("int of a string")
    if value.kind != FLOAT:
        return Cell(Column(value.number.node, "int64", value.column.rows), INT)
    column = cells.call.tracer.exact(value.number)
    finite = cells.binary("less", cells.emit("ufunc", [column], "float64", function="absolute"),
                          math.inf)  # fmt: skip
    checked = cells.require(
        finite, column, "cannot convert float NaN or infinity to integer", "value"
    )
    whole = cells.emit("ufunc", [checked], "float64", function="trunc")
    return Cell(cells.emit("binary", [whole], "int64", function="add", value=0.0, dtype="i64"), INT)


def _bool(cells: Cells, value: Any) -> Cell:
    return cells.boolean(cells.truth(value))


def _length(cells: Cells, value: Any) -> Any:
    if isinstance(value, Listed):
        return value.n_items(cells)
    if not isinstance(value, Cell):
        return len(value)
    made = cells.emit("measure_text", [cells.text(value)], "int64", function="length")
    return Cell(made, INT)


def _text(cells: Cells, value: Any) -> Any:
    return operators.as_text(cells, value)


def _sum(cells: Cells, values: Any, start: Any = 0) -> Any:
    total = start
    for value in values:
        if isinstance(total, Cell) or isinstance(value, Cell):
            is_zero = not isinstance(total, Cell) and total == 0 and value.kind != BOOL
            total = value if is_zero and value.kind == INT else operators.arithmetic(
                cells, "add", total, value
            )  # fmt: skip
        else:
            total = total + value
    return total


def _extreme(cells: Cells, values: tuple[Any, ...], *, is_max: bool) -> Any:
    items = list(values[0]) if len(values) == 1 else list(values)
    if not items:
        raise NotNative("max of nothing")
    return operators.largest(cells, items, is_max=is_max)


def _is_instance(cells: Cells, value: Any, wanted: Any) -> Any:
    if not isinstance(value, Cell):
        raise NotNative("isinstance of a row")
    kinds = wanted if isinstance(wanted, tuple) else (wanted,)
    if value.kind == TEXT:
        if value.has_none or (value.may_miss and float in kinds and value.column.dtype != "str"):
            raise NotNative("isinstance of what may be None")
        if not value.may_miss:
            return str in kinds
        if (str in kinds) == (float in kinds):
            return str in kinds
        return _is_there(cells, value) if str in kinds else _is_missing(cells, value)
    if value.mixed or value.has_none:
        raise NotNative("isinstance of what may be an int, a float or None")
    of = {
        (INT, False): int, (FLOAT, False): float, (BOOL, False): bool, (INT, True): np.int64,
        (FLOAT, True): np.float64, (BOOL, True): np.bool_,
    }  # fmt: skip
    return issubclass(of[value.kind, value.is_numpy], wanted)


#: Of math and NumPy: the operator's function, what plain Python takes, and the bound.
_MATH: dict[Any, tuple[str, str, float]] = {
    math.sqrt: ("sqrt", "greater_equal", 0.0),
    math.log: ("log", "greater", 0.0),
    math.log2: ("log2", "greater", 0.0),
    math.log10: ("log10", "greater", 0.0),
    math.log1p: ("log1p", "greater", -1.0),
    math.fabs: ("absolute", "", 0.0),
}
_UFUNCS = {
    np.sqrt, np.log, np.log2, np.log10, np.log1p, np.exp, np.expm1, np.floor, np.ceil, np.trunc,
    np.rint, np.fabs,
}  # fmt: skip


def _math(cells: Cells, function: Any, value: Any) -> Cell:
    """A function of `math`; a value outside its domain is an error, NaN is none."""
    name, check, bound = _MATH[function]
    column = value.number
    if check:
        column = cells.call.tracer.exact(column)
        inside = cells.either(cells.binary(check, column, bound),
                              cells.emit("is_missing", [column], "bool"))  # fmt: skip
        column = cells.require(inside, column, "math domain error", "value")
    made = cells.emit("ufunc", [column], "float64", function=name)
    cells.call.tracer.twins.refuse(made.node)
    return Cell(made, FLOAT)


def _ufunc(cells: Cells, function: Any, value: Any) -> Cell:
    if value.kind == BOOL or value.mixed:
        raise NotNative(f"np.{function.__name__} of this")
    name = {"fabs": "absolute"}.get(function.__name__, function.__name__)
    column = value.number
    if name in ("floor", "ceil", "trunc", "rint"):
        column = cells.call.tracer.exact(column)
        if value.kind == INT:
            raise NotNative(f"np.{name} of whole numbers")
    made = cells.emit("ufunc", [column], "float64", function=name)
    cells.call.tracer.twins.refuse(made.node)
    return Cell(made, FLOAT, is_numpy=True)


_CALLERS: dict[Any, _Caller] = {
    pd.isna: _is_missing, pd.isnull: _is_missing, pd.notna: _is_there, pd.notnull: _is_there,
    math.isnan: _is_nan, np.isnan: _is_nan, builtins.abs: _absolute, builtins.float: _float,
    builtins.int: _int, builtins.bool: _bool, builtins.len: _length, builtins.str: _text,
    builtins.sum: _sum, builtins.isinstance: _is_instance,
    builtins.max: lambda cells, *v: _extreme(cells, v, is_max=True),
    builtins.min: lambda cells, *v: _extreme(cells, v, is_max=False),
    builtins.any: lambda cells, v: operators.fold(cells, v, is_any=True),
    builtins.all: lambda cells, v: operators.fold(cells, v, is_any=False),
}  # fmt: skip


def call_known(cells: Cells, callee: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A function that is known by name; NotImplemented where it is another."""
    owner = getattr(callee, "__self__", None)
    name = getattr(callee, "__name__", "")
    if isinstance(owner, str) and name == "join" and len(args) == 1:
        return _join(cells, owner, args[0])
    found = call_pattern(cells, callee, args, kwargs)
    if found is not NotImplemented:
        return found
    if isinstance(owner, dict) and name == "get" and args and isinstance(args[0], Cell):
        default = args[1] if len(args) > 1 else None
        return operators.lookup(cells, owner, args[0], default)
    try:
        caller = _CALLERS.get(callee)
        is_math, is_ufunc = callee in _MATH, callee in _UFUNCS
    except TypeError:  # has no hash
        return NotImplemented
    if kwargs or not args:
        return NotImplemented
    if caller is not None:
        return caller(cells, *args)
    if len(args) == 1 and isinstance(args[0], Cell) and (is_math or is_ufunc):
        return _math(cells, callee, args[0]) if is_math else _ufunc(cells, callee, args[0])
    return NotImplemented


def _join(cells: Cells, separator: str, items: Any) -> Any:
    if isinstance(items, Listed):
        return items.joined(cells, separator)
    listed: list[Any] = []
    for item in items:
        listed += [separator, item] if listed else [item]
    return operators.joined(cells, listed)


# ---- methods of strings --------------------------------------------------------------------

#: Methods that give the same of each character, whatever stands beside it.
_MAPPED = ("lower", "upper", "casefold", "swapcase")
#: Python's own strings, whose methods these are.
_PYTHON = np.dtype(object)


def call_method(
    cells: Cells, cell: Cell, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """A method of a row's string."""
    if cell.kind != TEXT:
        raise NotNative(f"the method {name} of a row's {cell.kind}")
    if kwargs or is_traced(list(args)):
        raise NotNative(f"str.{name} with other arguments")
    column = cells.text(cell)
    if name in _MAPPED and not args:
        attributes = char_map_attributes(_PYTHON, name)
        return _text_of(cells, "map_chars", column, **attributes)
    if name in ("title", "capitalize") and not args:
        return _text_of(cells, "map_chars", column, **capital_map(_PYTHON, name))
    method = _METHODS.get(name)
    if method is None:
        raise NotNative(f"there is no native form of str.{name} of a row's string")
    return method(cells, column, name, *args)


def _text_of(cells: Cells, operator: str, column: Column, **attributes: Any) -> Cell:
    return Cell(cells.emit(operator, [column], "object", **attributes), TEXT)


def _strip(cells: Cells, column: Column, name: str, chars: Any = None) -> Cell:
    points = blank_characters(_PYTHON) if chars is None else np.array(
        sorted({ord(c) for c in chars}), dtype=np.int64
    )  # fmt: skip
    return _text_of(
        cells, "edit_text", column, function="strip", chars=points,
        left=False if name == "rstrip" else None, right=False if name == "lstrip" else None,
    )  # fmt: skip


def _starts(cells: Cells, column: Column, name: str, words: Any) -> Cell:
    listed = list(words) if isinstance(words, tuple) else [words]
    if not all(isinstance(word, str) for word in listed):
        raise NotNative(f"str.{name} of this")
    function = "starts_with" if name == "startswith" else "ends_with"
    made = cells.emit("measure_text", [column], "bool", function=function, words=listed,
                      missing=0.0)  # fmt: skip
    return cells.boolean(made)


def _count(cells: Cells, column: Column, name: str, word: Any) -> Cell:
    if not isinstance(word, str):
        raise NotNative("str.count of this")
    return Cell(cells.emit("measure_text", [column], "int64", function="count", words=[word]), INT)


def _replace(cells: Cells, column: Column, name: str, old: Any, new: Any) -> Cell:
    if not (isinstance(old, str) and old and isinstance(new, str)):
        raise NotNative("str.replace of this")
    return _text_of(cells, "edit_text", column, function="replace", text=old, value=new)


def _remove(cells: Cells, column: Column, name: str, word: Any) -> Cell:
    if not (isinstance(word, str) and word):
        raise NotNative(f"str.{name} of this")
    is_prefix = name == "removeprefix"
    return _text_of(
        cells, "edit_text", column, function="remove", text=word,
        left=None if is_prefix else False, right=False if is_prefix else None,
    )  # fmt: skip


def _zfill(cells: Cells, column: Column, name: str, width: Any) -> Cell:
    if not isinstance(width, int) or width > 10_000:
        raise NotNative("str.zfill of this")
    return _text_of(cells, "edit_text", column, function="zfill", index=width)


class SplitCell(Listed):
    """A string that was split, at a separator or ("") at runs of blanks."""

    def __init__(self, column: Column, separator: str, limit: int) -> None:
        super().__init__()
        self.column, self.separator, self.limit = column, separator, limit

    def item(self, cells: Cells, key: Any) -> Cell:
        if not isinstance(key, int) or isinstance(key, bool):
            raise NotNative("pieces of a split")
        how: dict[str, Any] = {"function": "split", "text": self.separator}
        if not self.separator:
            how = {"function": "split_blank", "chars": blank_characters(_PYTHON)}
        made = cells.emit(
            "edit_text", [self.column], "object", index=key, limit=self.limit or None, **how
        )  # fmt: skip
        return there(cells, made, "a string has no piece of this number")

    def n_items(self, cells: Cells) -> Cell:
        found = n_pieces(
            cells.call, Pieces(self.column, self.separator, self.limit, "split"), "int64"
        )  # fmt: skip
        return Cell(found, INT)

    def joined(self, cells: Cells, separator: str) -> Cell:
        if self.limit:
            raise NotNative("some pieces of a string, put together")
        if self.separator:
            return _text_of(
                cells, "edit_text", self.column, function="replace", text=self.separator,
                value=separator,
            )  # fmt: skip
        words = _strip(cells, self.column, "strip").column
        return replaced(cells, words, translate_regex(r"\s+").pattern, [separator], [])


def _split(
    cells: Cells, column: Column, name: str, separator: Any = None, limit: Any = -1
) -> SplitCell:
    if separator is None:
        separator = ""
    elif not (isinstance(separator, str) and separator):
        raise NotNative("str.split of this")
    if not isinstance(limit, int) or isinstance(limit, bool) or limit == 0:
        raise NotNative("str.split of this")
    return SplitCell(column, separator, max(limit, 0))


def _translate(cells: Cells, column: Column, name: str, table: Any) -> Cell:
    """Characters by a dict of code points; others than these have no part in it."""
    if not isinstance(table, dict) or hasattr(type(table), "__missing__"):
        raise NotNative("str.translate by what is no dict")
    values: dict[int, str] = {}
    for point, value in table.items():
        if isinstance(point, str):
            continue
        value = "" if value is None else chr(value) if type(value) is int else value
        if type(point) is not int or not isinstance(value, str) or "\0" in value:
            raise NotNative("str.translate by this table")
        if 0xD800 <= point < 0xE000 or any("\ud800" <= char < "\ue000" for char in value):
            raise NotNative("str.translate of surrogates")
        if 0 <= point <= sys.maxunicode and chr(point) != value:
            values[point] = value
    if not values:
        return Cell(column, TEXT)
    points = sorted(values)
    return _text_of(
        cells, "map_chars", column, chars=np.array(points),
        values=[values[point] for point in points],
    )  # fmt: skip


def there(cells: Cells, column: Column, message: str) -> Cell:
    """A piece of a string that must be there: IndexError in plain Python."""
    cell = Cell(column, TEXT, may_miss=True)
    is_there = cells.binary("equal", cells.missing(cell), 0.0)
    return Cell(cells.require(is_there, column, message, "value"), TEXT)


def get_item(cells: Cells, cell: Cell, key: Any) -> Cell:
    """`text[key]`."""
    column = cells.text(cell)
    if isinstance(key, slice):
        if key.step not in (None, 1) or is_traced(key):
            raise NotNative("a slice of a string with a step")
        return _text_of(cells, "edit_text", column, function="slice", start=key.start,
                        stop=key.stop)  # fmt: skip
    if not isinstance(key, int) or isinstance(key, bool):
        raise NotNative("a string's [...] of this")
    made = cells.emit("edit_text", [column], "object", function="char", index=key)
    return there(cells, made, "a string has no character of this number")


_METHODS: dict[str, Callable[..., Any]] = {
    "strip": _strip, "lstrip": _strip, "rstrip": _strip, "startswith": _starts,
    "endswith": _starts, "count": _count, "replace": _replace, "removeprefix": _remove,
    "removesuffix": _remove, "split": _split, "translate": _translate, "zfill": _zfill,
}  # fmt: skip
