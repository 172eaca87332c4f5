"""Python's operators on the values of a row: exact, or refused.

Whole numbers stay exact up to 2^53 and are refused beyond. A division by zero of
Python's own numbers is an error, of NumPy's it is not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .cells import BOOL, FLOAT, INT, TEXT, Cell, Cells, Listed, _Side, as_cell, kind_of_constant
from .columns import is_missing, looked_up, number_of
from .joins import row_numbers, taken
from .values import Column, NotNative, Traced

_ARITHMETIC = {
    "add": "add", "sub": "subtract", "mul": "multiply", "truediv": "divide",
    "floordiv": "floor_divide", "mod": "remainder",
}  # fmt: skip
_COMPARISONS = {
    "lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal", "eq": "equal",
    "ne": "not_equal",
}  # fmt: skip


def operate(cells: Cells, name: str, operands: tuple[Any, ...]) -> Any:
    """An operator, one of whose operands is a cell."""
    if len(operands) == 1:
        return _unary(cells, name, operands[0])
    left, right = operands
    if name in _COMPARISONS:
        return compare(cells, name, left, right)
    if name in _ARITHMETIC:
        return arithmetic(cells, name, left, right)
    if name in ("and_", "or_", "xor") and all(_kind(o) == BOOL for o in operands):
        function = {"and_": "logical_and", "or_": "logical_or", "xor": "logical_xor"}[name]
        like = _column_of(left, right)
        sides = [as_cell(cells, o, like).number for o in operands]
        return cells.boolean(cells.binary(function, sides[0], sides[1]))
    if name == "pow" and right == 2 and left.kind == INT:
        return arithmetic(cells, "mul", left, left)
    raise NotNative(f"{name.rstrip('_')} of a row's values")


def _kind(value: Any) -> str:
    return value.kind if isinstance(value, Cell) else _Side.of(value).kind


def _column_of(*values: Any) -> Column:
    return next(v.column for v in values if isinstance(v, Cell))


# ---- numbers ---------------------------------------------------------------------------


def _unary(cells: Cells, name: str, value: Cell) -> Cell:
    column = value.number
    if value.kind == BOOL or name not in ("neg", "pos"):
        raise NotNative(f"{name} of a row's {value.kind}")
    if name == "pos":
        return value
    if value.kind == FLOAT and value.mixed:
        raise NotNative("the negative of what may be an int, whose zero has no sign")
    if value.kind == INT:
        made = cells.emit("binary", [column], "int64", function="subtract", value=0.0,
                          reverse=True, dtype="i64")  # fmt: skip
    else:
        made = cells.emit("ufunc", [column], "float64", function="negative")
    return Cell(made, value.kind, is_numpy=value.is_numpy)


def arithmetic(cells: Cells, name: str, left: Any, right: Any) -> Cell:
    """Sums, products and the like of numbers, or `+` of strings."""
    if TEXT in (_kind(left), _kind(right)):
        if name != "add":
            raise NotNative(f"{name} of strings")
        both: Cell = joined(cells, [left, right])
        return both
    function = _ARITHMETIC[name]
    kinds = [_kind(left), _kind(right)]
    if kinds == [BOOL, BOOL]:
        raise NotNative("arithmetic of booleans")
    is_numpy = any(_is_numpy(v) for v in (left, right))
    mixed = [v.mixed if isinstance(v, Cell) else "" for v in (left, right)]
    if name in ("truediv", "floordiv", "mod"):
        right = _divisor(cells, right, name, kinds, is_numpy=is_numpy)
    whole = name != "truediv" and FLOAT not in kinds
    dtype = "int64" if whole else "float64"
    if name in ("floordiv", "mod"):
        left, right = cells.exact(left), cells.exact(right)
    made = _binary(cells, function, left, right, dtype)
    is_mixed = name != "truediv" and not whole
    is_mixed = is_mixed and all(k != FLOAT or m for k, m in zip(kinds, mixed, strict=True))
    if not is_mixed:
        return Cell(made, INT if whole else FLOAT, is_numpy=is_numpy)
    if name in ("floordiv", "mod"):
        raise NotNative(f"{name} of what may be an int or a float")
    return Cell(cells.guarded(made), FLOAT, is_numpy=is_numpy, mixed="any")


def _is_numpy(value: Any) -> bool:
    return value.is_numpy if isinstance(value, Cell) else isinstance(value, np.generic)


def _binary(cells: Cells, function: str, left: Any, right: Any, dtype: str) -> Column:
    graph = "i64" if dtype == "int64" else None
    if isinstance(left, Cell) and isinstance(right, Cell):
        columns = [left.number, right.number]
        return cells.emit("binary", columns, dtype, function=function, dtype=graph)
    cell, constant = (left, right) if isinstance(left, Cell) else (right, left)
    return cells.emit(
        "binary", [cell.number], dtype, function=function, value=number_of(constant),
        reverse=True if cell is right else None, dtype=graph,
    )  # fmt: skip


def _divisor(cells: Cells, value: Any, name: str, kinds: list[str], *, is_numpy: bool) -> Any:
    """A divisor that is not zero, where zero is an error."""
    if not isinstance(value, Cell):
        if number_of(value) == 0:
            raise NotNative("a division by 0")
        return value
    column = value.number
    if is_numpy:
        if name != "truediv" and FLOAT not in kinds:
            raise NotNative(f"{name} of NumPy's whole numbers by what may be 0")
        return value
    column = cells.call.tracer.exact(column)
    checked = cells.require(
        cells.binary("not_equal", column, 0.0), column, "division by zero", "value"
    )
    return Cell(checked, value.kind, mixed=value.mixed)


# ---- comparisons -------------------------------------------------------------------------


def compare(cells: Cells, name: str, left: Any, right: Any) -> Cell:
    function = _COMPARISONS[name]
    if TEXT in (_kind(left), _kind(right)):
        return _compare_text(cells, function, left, right)
    if left is None or right is None:
        raise NotNative("a comparison with None")
    is_same = left is right
    left = cells.exact(left)
    right = left if is_same else cells.exact(right)
    if isinstance(left, Cell) and left is right and function in ("equal", "not_equal"):
        return _is_itself(cells, left, function)
    return cells.boolean(_binary(cells, function, left, right, "bool"))


def _is_itself(cells: Cells, cell: Cell, function: str) -> Cell:
    """`x == x`, which NaN is not."""
    gone = cells.missing(cell)
    return cells.boolean(gone if function == "not_equal" else cells.negated(gone))


def _compare_text(cells: Cells, function: str, left: Any, right: Any) -> Cell:
    is_same = left is right and not left.has_none and left.column.dtype == "str"
    if function not in ("equal", "not_equal"):
        raise NotNative("strings are compared by order")
    if is_same:
        return _is_itself(cells, left, function)
    cell, text = (left, right) if isinstance(left, Cell) else (right, left)
    if not isinstance(text, str) or cell.kind != TEXT:
        raise NotNative("strings are compared with other values")
    is_equal = function == "equal"
    made = looked_up(cells.call, cell.column, {text: float(is_equal)}, float(not is_equal), "bool")
    return cells.boolean(made)


def is_none(cells: Cells, cell: Any) -> Any:
    """`cell is None`."""
    if isinstance(cell, Listed):
        return cell.is_none(cells)
    if not isinstance(cell, Cell):
        return False  # a row
    if cell.has_none:
        if cell.kind == INT:
            return cells.boolean(cells.missing(cell))
        raise NotNative("`is None` of what may be NaN too")
    if cell.kind != TEXT or cell.column.dtype == "str":
        return False
    attributes: dict[str, Any] = {
        "categories": [""], "sizes": np.array([1]), "codes": np.array([1.0]),
        "unknown": np.array([0.0]), "none": np.array([0]), "nan": np.array([-1]),
    }  # fmt: skip
    return cells.boolean(cells.emit("encode", [cell.column], "bool", **attributes))


# ---- containers ----------------------------------------------------------------------------


def contains(cells: Cells, container: Any, item: Any) -> Cell:
    """`item in container`: a word in a string, or a value among constants."""
    if isinstance(container, Cell):
        if not isinstance(item, str):
            raise NotNative("`in` a row's string, of what is no constant string")
        made = cells.emit(
            "measure_text", [cells.text(container)], "bool", function="contains", words=[item],
            missing=0.0,
        )  # fmt: skip
        return cells.boolean(made)
    if not isinstance(container, (list, tuple, set, frozenset, dict)):
        raise NotNative(f"`in` a {type(container).__name__}")
    table = dict.fromkeys(container, 1.0)
    _check_keys(item, table)
    if item.kind == TEXT:
        table = {key: 1.0 for key in table if isinstance(key, str)}
    return cells.boolean(looked_up(cells.call, item.column, table, 0.0, "bool"))


def _check_keys(item: Cell, table: Mapping[Any, Any]) -> None:
    if item.has_none or item.kind == BOOL:
        raise NotNative("a lookup of booleans, or of what may be None")
    for key in table:
        if is_missing(key) or isinstance(key, (bool, np.bool_)):
            raise NotNative(f"a lookup where {key!r} is a key")
        if item.kind != TEXT and isinstance(key, str):
            raise NotNative("numbers are looked up among strings")


#: That no default was given.
RAISES = object()


def lookup(cells: Cells, table: Mapping[Any, Any], item: Cell, default: Any = RAISES) -> Any:
    """`table[item]`, or `table.get(item, default)`, of a constant dict."""
    import pandas as pd

    _check_keys(item, table)
    if not table:
        raise NotNative("a lookup in an empty dict")
    keys = [k for k in table if isinstance(k, str) == (item.kind == TEXT)]
    values = [table[k] for k in keys]
    index = pd.Index(keys, dtype="str" if item.kind == TEXT else None)
    at = row_numbers(cells.call, [item.column], [index])
    found = _values_at(cells, at, values)
    there = cells.binary("greater_equal", at, 0.0)
    if default is RAISES:
        column = cells.require(there, found.column, "a key is not in the dict", "key")
        return Cell(column, found.kind, is_numpy=found.is_numpy)
    return cells.chosen(there, found, default)


def _values_at(cells: Cells, at: Column, values: list[Any]) -> Cell:
    """What stands at row numbers, all of which are there."""
    import pandas as pd

    if all(isinstance(v, str) for v in values):
        return Cell(taken(cells.call, at, pd.Series(values, dtype="str"), at.rows), TEXT)
    kinds = {kind_of_constant(v) for v in values}
    if len(kinds) != 1 or len({isinstance(v, np.generic) for v in values}) != 1:
        raise NotNative("a dict of values of several kinds")
    kind = kinds.pop()
    numbers = np.array([number_of(v) for v in values])
    dtype = {INT: "int64", BOOL: "bool"}.get(kind, "float64")
    made = cells.emit("take", [at], dtype, values=numbers)
    return Cell(made, kind, is_numpy=isinstance(values[0], np.generic))


# ---- strings put together ---------------------------------------------------------------------


def joined(cells: Cells, items: list[Any]) -> Any:
    """Strings side by side, constants among them."""
    columns: list[Column] = []
    parts = [""]
    for item in items:
        if isinstance(item, str):
            parts[-1] += item
        else:
            columns.append(cells.text(item))
            parts.append("")
    if not columns:
        return parts[0]
    made = cells.emit("join_text", columns, "object", parts=parts if any(parts) else None)
    return Cell(made, TEXT)


def as_text(cells: Cells, value: Any, spec: str = "") -> Any:
    """`format(value, spec)`, or `str(value)`."""
    if not isinstance(value, Cell):
        return format(value, spec)
    if value.kind == TEXT:
        if spec:
            raise NotNative(f"a string in the format {spec!r}")
        if not value.may_miss or value.column.node in cells.present:
            return value
        if value.has_none or value.column.dtype != "str":
            raise NotNative("a string that may be None is put into text")
        filled = cells.emit("fill_text", [value.column], "object", value="nan", missing="any")
        return Cell(filled, TEXT)
    width = spec.removesuffix("d")
    is_plain = not width or (width[0] == "0" and width.isdigit() and int(width) <= 1000)
    if value.kind != INT or value.has_none or not is_plain:
        raise NotNative(f"a {value.kind} is put into text")
    made = cells.emit("print_whole", [value.column], "object", width=int(width) if width else None)
    return Cell(made, TEXT)


def fold(cells: Cells, values: list[Any], *, is_any: bool) -> Any:
    """`any` or `all` of a list of values."""
    found: Column | None = None
    for value in values:
        if not isinstance(value, Traced):
            if bool(value) == is_any:
                return is_any
            continue
        own = cells.truth(value)
        join = cells.either if is_any else cells.both
        found = own if found is None else join(found, own)
    return (not is_any) if found is None else cells.boolean(found)


def largest(cells: Cells, values: list[Any], *, is_max: bool) -> Any:
    """`max` or `min` of several values: the first of those that no other exceeds."""
    found = values[0]
    for value in values[1:]:
        if not isinstance(found, Cell) and not isinstance(value, Cell):
            found = max(found, value) if is_max else min(found, value)
            continue
        exceeds = compare(cells, "gt" if is_max else "lt", value, found)
        found = cells.chosen(exceeds.column, value, found)
    return found
