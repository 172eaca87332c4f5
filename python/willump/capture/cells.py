"""One value of each row, as a function sees it that pandas calls row by row.

A `Cell` is a column in a scalar's place. What plain Python knows of the scalar
beyond its value, whether it is an int or a float, NumPy's or Python's own, hangs
on the row where it is not the same for all; so it is kept beside the column, and
what would hang on it further is refused.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .choices import missing as missing_of
from .columns import LARGEST, emit, is_missing, number_of
from .frames import same_rows
from .registry import Call
from .values import MIXED, WHOLE, Column, NotNative, Replay, Traced

INT, FLOAT, BOOL, TEXT = "int", "float", "bool", "str"


class Cell(Traced):
    """A value of each row; the interpreter takes it as what hangs on the argument."""

    def __init__(
        self,
        column: Column,
        kind: str,
        *,
        is_numpy: bool = False,
        mixed: str = "",
        may_miss: bool = False,
        has_none: bool = False,
    ) -> None:
        super().__init__(None, column, Replay(None))
        self.column = column
        self.kind = kind
        #: NumPy's scalar, whose division by zero is no error.
        self.is_numpy = is_numpy
        #: Of floats, some rows of which may be ints: "whole" (all but NaN are), or "any".
        self.mixed = mixed
        #: A string that may be NaN or None.
        self.may_miss = may_miss
        #: A number that may be None, which is NaN in the column.
        self.has_none = has_none

    @property
    def dtype(self) -> str:
        """The dtype of a Series of such values."""
        if self.kind == BOOL:
            if self.has_none:
                raise NotNative("booleans beside None become objects")
            return "bool"
        if self.kind == INT:
            return WHOLE if self.has_none else "int64"
        if self.kind == FLOAT:
            return {"": "float64", "whole": WHOLE}.get(self.mixed, MIXED)
        return "str"

    @property
    def number(self) -> Column:
        """The column of a number that is one in every row."""
        if self.kind == TEXT:
            raise NotNative("a string where a number is wanted")
        if self.has_none:
            raise NotNative("a value that may be None is computed with")
        return self.column


class Listed(Traced):
    """What is made of a row's string and is no scalar: its pieces, its matches."""

    def __init__(self) -> None:
        super().__init__(None, "what is made of a row's string", Replay(None))

    def n_items(self, cells: Cells) -> Cell:
        """`len` of it."""
        raise NotNative("the length of this")

    def truth(self, cells: Cells) -> Column:
        """`bool` of it."""
        return cells.binary("not_equal", self.n_items(cells).column, 0.0)

    def is_none(self, cells: Cells) -> Any:
        """`is None` of it."""
        return False

    def item(self, cells: Cells, key: Any) -> Cell:
        """`[key]` of it."""
        raise NotNative("an item of this")

    def joined(self, cells: Cells, separator: str) -> Cell:
        """Its items with a separator between them."""
        raise NotNative("the items of this, put together")

    def call_method(self, cells: Cells, name: str, args: tuple[Any, ...]) -> Any:
        raise NotNative(f"{name} of pieces")


class Row(Traced):
    """A row of a frame: `row["name"]`, `row.name`."""

    def __init__(self, cells: dict[Any, Any]) -> None:
        super().__init__(None, "a row", Replay(None))
        self.cells = cells

    def cell(self, name: Any) -> Cell:
        found = self.cells.get(name)
        if found is None:
            raise NotNative(f"a row's [{name!r}]")
        if isinstance(found, str):
            raise NotNative(found)
        return found() if not isinstance(found, Cell) else found


@dataclass(frozen=True)
class Facts:
    """Which strings are known to be there (by their nodes) where a condition holds,
    and where it does not."""

    if_true: frozenset[int] = frozenset()
    if_false: frozenset[int] = frozenset()


class Cells:
    """What is done to the cells of one function that pandas calls row by row."""

    def __init__(self, call: Call) -> None:
        self.call = call
        #: The conditions on data that the statement at work is under.
        self.under: list[Column] = []
        #: The conditions under which the functions at work have returned already.
        self.returned: list[Column] = []
        self.present: frozenset[int] = frozenset()
        self.facts: dict[int, Facts] = {}

    # ---- nodes -------------------------------------------------------------------

    def emit(
        self, operator: str, columns: list[Column], dtype: str, /, **attributes: Any
    ) -> Column:
        return emit(self.call, operator, columns, dtype, same_rows(columns), **attributes)

    def binary(self, function: str, a: Column, b: Any, dtype: str = "bool") -> Column:
        """Of a column with another, or with a number."""
        graph = {"int64": "i64", "float64": "f64"}.get(dtype)
        if isinstance(b, Column):
            return self.emit("binary", [a, b], dtype, function=function, dtype=graph)
        return self.emit("binary", [a], dtype, function=function, value=float(b), dtype=graph)

    def negated(self, condition: Column) -> Column:
        found = self.binary("equal", condition, 0.0)
        facts = self.facts.get(condition.node)
        if facts is not None:
            self.facts[found.node] = Facts(facts.if_false, facts.if_true)
        return found

    def both(self, a: Column, b: Column) -> Column:
        found = self.binary("logical_and", a, b)
        left, right = self.facts.get(a.node, Facts()), self.facts.get(b.node, Facts())
        self.facts[found.node] = Facts(left.if_true | right.if_true)
        return found

    def either(self, a: Column, b: Column) -> Column:
        found = self.binary("logical_or", a, b)
        left, right = self.facts.get(a.node, Facts()), self.facts.get(b.node, Facts())
        self.facts[found.node] = Facts(frozenset(), left.if_false | right.if_false)
        return found

    # ---- conditions ------------------------------------------------------------------

    @contextmanager
    def where(self, condition: Column, *, holds: bool) -> Iterator[Column]:
        """Statements that only the rows make where the condition holds, or does not."""
        facts = self.facts.get(condition.node, Facts())
        before = self.present
        own = condition if holds else self.negated(condition)
        self.present |= facts.if_true if holds else facts.if_false
        self.under.append(own)
        try:
            yield self.path()
        finally:
            self.under.pop()
            self.present = before

    def path(self) -> Column:
        """Where the statement at work is made; returns before it are not left out."""
        found = self.under[0]
        for condition in self.under[1:]:
            found = self.both(found, condition)
        return found

    def require(self, checked: Column, value: Column, message: str, error: str) -> Column:
        """The value; an error in rows that come here and do not hold what is checked."""
        for condition in self.under:
            checked = self.binary("logical_or", checked, self.negated(condition))
        for condition in self.returned:
            checked = self.binary("logical_or", checked, condition)
        line = self.call.tracer.line
        return emit(
            self.call, "require", [checked, value], value.dtype, same_rows([checked, value]),
            message=f"line {line}: {message}", error=error,
        )  # fmt: skip

    def of_column(self, column: Column, *, is_numpy: bool, is_upcast: bool = False) -> Cell:
        """A column's cells; `is_upcast`: its numbers are floats in a row of floats."""
        if column.is_text:
            return Cell(column, TEXT, may_miss=True)
        if column.dtype == "float32":
            column = self.emit("cast", [column], "float64", dtype="f64")
        if column.dtype == "bool":
            return Cell(column, BOOL, is_numpy=is_numpy)
        if column.stored and is_numpy and not is_upcast:
            raise NotNative(f"a row's value of {column.stored}, which wraps around")
        if column.is_float or (is_upcast and column.is_whole):
            return Cell(replace(column, dtype="float64"), FLOAT, is_numpy=is_numpy)
        if column.dtype == "int64":
            return Cell(column, INT, is_numpy=is_numpy)
        if column.is_either:
            whole = replace(column, dtype="float64")
            return Cell(whole, FLOAT, is_numpy=is_numpy, mixed="whole")
        raise NotNative(f"a row's value of {column.dtype}")

    def missing(self, cell: Cell) -> Column:
        found = missing_of(self.call, cell.column)
        if cell.kind == TEXT:
            self.facts[found.node] = Facts(frozenset(), frozenset([cell.column.node]))
        return found

    def text(self, cell: Any) -> Column:
        """The column of a string that must be there."""
        if not isinstance(cell, Cell) or cell.kind != TEXT:
            raise NotNative("what is no string where a string is wanted")
        column = cell.column
        if not cell.may_miss or column.node in self.present:
            return column
        there = self.binary("equal", self.missing(cell), 0.0)
        return self.require(there, column, "a string is missing", "type")

    def truth(self, value: Any) -> Column:
        """`bool(value)` of each row."""
        if isinstance(value, Listed):
            return value.truth(self)
        if not isinstance(value, Cell):
            raise NotNative("the truth of this")
        if value.kind == BOOL and not value.has_none:
            return value.column
        if value.kind == TEXT:
            column = self.emit("measure_text", [value.column], "float64", function="length",
                               missing=math.nan)  # fmt: skip
            if value.may_miss and value.column.dtype == "object":
                raise NotNative("the truth of a string that may be None")
            return self.binary("not_equal", column, 0.0)
        column = self.call.tracer.exact(value.number)
        return self.binary("not_equal", column, 0.0)

    def exact(self, value: Any) -> Any:
        """A value for what has steps, to the bit."""
        if not isinstance(value, Cell):
            return value
        made = copy.copy(value)
        made.column = self.call.tracer.exact(value.number)
        return made

    def boolean(self, column: Column) -> Cell:
        return Cell(column, BOOL)

    # ---- one or the other --------------------------------------------------------------

    def chosen(self, condition: Column, then: Any, otherwise: Any) -> Any:
        """What stands in each row, by a condition; constants stay where they are equal."""
        if then is otherwise or _is_same_constant(then, otherwise):
            return then
        sides = [self._side(then), self._side(otherwise)]
        kinds = {side.kind for side in sides} - {"none"}
        if not kinds:
            raise NotNative("None or NaN is chosen")
        if TEXT in kinds:
            return self._chosen_text(condition, sides)
        if BOOL in kinds and kinds != {BOOL}:
            raise NotNative("booleans beside numbers")
        kind = kinds.pop() if len(kinds) == 1 else FLOAT
        columns = [condition, *(s.column for s in sides if s.column is not None)]
        attributes = {
            name: side.number
            for name, side in zip(("then", "otherwise"), sides, strict=True)
            if side.column is None
        }
        dtype = "float64" if kind == FLOAT else "bool" if kind == BOOL else "int64"
        made = self.emit("where", columns, dtype, **attributes)
        has_none = any(side.has_none for side in sides)
        is_numpy = any(side.is_numpy for side in sides)
        if is_numpy and not all(side.is_numpy for side in sides if side.kind != "none"):
            is_numpy = False  # one of them may raise
        return Cell(made, kind, is_numpy=is_numpy, mixed=_mixed(sides, kind), has_none=has_none)

    def _side(self, value: Any) -> _Side:
        side = _Side.of(value)
        if side.kind == TEXT and side.column is not None and side.column.node in self.present:
            return replace(side, may_miss=False, has_none=False)
        return side

    def _chosen_text(self, condition: Column, sides: list[_Side]) -> Cell:
        if {side.kind for side in sides} - {"none", TEXT, FLOAT} or any(
            side.kind == FLOAT and not side.is_nan for side in sides
        ):
            raise NotNative("strings beside numbers")
        columns = [condition, *(s.column for s in sides if s.column is not None)]
        attributes: dict[str, Any] = {}
        for name, side in zip(("then", "otherwise"), sides, strict=True):
            if side.column is None:
                attributes[name] = side.text or ""
                if side.text is None:
                    attributes["missing"] = name
        made = self.emit("choose_text", columns, "object", **attributes)
        may_miss = "missing" in attributes or any(side.may_miss for side in sides)
        has_none = any(side.has_none for side in sides)
        return Cell(made, TEXT, may_miss=may_miss, has_none=has_none)

    def guarded(self, column: Column) -> Column:
        """Of numbers, some of which may be ints: those that a double may not hold are
        refused."""
        size = self.emit("ufunc", [column], "float64", function="absolute")
        fits = self.either(
            self.negated(self.binary("greater", size, float(LARGEST))),
            self.binary("equal", size, math.inf),
        )
        return self.require(fits, column, "a number that may be an int is beyond 2^53", "value")


@dataclass(frozen=True)
class _Side:
    """One of two values to choose from."""

    kind: str  #: that of a cell, or "none"
    column: Column | None = None
    number: float = math.nan
    text: str | None = None
    is_numpy: bool = False
    mixed: str = ""
    may_miss: bool = False
    has_none: bool = False

    @property
    def is_nan(self) -> bool:
        return self.column is None and self.kind == FLOAT and math.isnan(self.number)

    @classmethod
    def of(cls, value: Any) -> _Side:
        if isinstance(value, Cell):
            return cls(
                value.kind, value.column, is_numpy=value.is_numpy, mixed=value.mixed,
                may_miss=value.may_miss, has_none=value.has_none,
            )  # fmt: skip
        if value is None:
            return cls("none", has_none=True)
        if isinstance(value, str):
            return cls(TEXT, text=value)
        kind = kind_of_constant(value)
        return cls(kind, number=number_of(value), is_numpy=isinstance(value, np.generic))


def _mixed(sides: list[_Side], kind: str) -> str:
    """How ints and floats are mixed in what is chosen."""
    if kind != FLOAT:
        return ""
    if all(s.kind == INT or s.is_nan or s.mixed == "whole" or s.kind == "none" for s in sides):
        return "whole"
    return "any" if any(s.kind == INT or s.mixed for s in sides) else ""


def kind_of_constant(value: Any) -> str:
    """The kind of a constant number."""
    if isinstance(value, (bool, np.bool_)):
        return BOOL
    if isinstance(value, (int, np.integer)):
        return INT
    if isinstance(value, (float, np.float64)):
        return FLOAT
    raise NotNative(f"{value!r} in a row's place")


def _is_same_constant(a: Any, b: Any) -> bool:
    if isinstance(a, Traced) or isinstance(b, Traced) or type(a) is not type(b):
        return False
    if not isinstance(a, (str, int, float, bool, type(None), np.generic)):
        return False
    return bool(a == b) or (is_missing(a) and is_missing(b))


def as_cell(cells: Cells, value: Any, like: Column) -> Cell:
    """A constant as a cell; `like` has its rows."""
    if isinstance(value, Cell):
        return value
    side = _Side.of(value)
    always = missing_of(cells.call, like)
    if side.kind == TEXT:
        made = cells.emit("choose_text", [always], "object", then=side.text, otherwise=side.text)
        return Cell(made, TEXT)
    if side.kind == "none":
        raise NotNative("the function gives None alone")
    dtype = {INT: "int64", BOOL: "bool"}.get(side.kind, "float64")
    made = cells.emit("where", [always], dtype, then=side.number, otherwise=side.number)
    return Cell(made, side.kind, is_numpy=side.is_numpy)
