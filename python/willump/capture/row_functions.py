"""Functions that pandas calls row by row, `frame.apply(f, axis=1)`, `series.apply(f)`
and `series.map(f)`: followed with cells in place of scalars.

A condition on data does not choose a branch here: both are followed, each for its
own rows, and what they give is chosen row by row.
"""

from __future__ import annotations

import ast
import types
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from .asked import Asked
from .cell_calls import SplitCell, call_known, call_method, get_item
from .cell_operators import as_text, contains, is_none, joined, lookup, operate
from .cell_patterns import Matched
from .cell_words import is_of_words, kept
from .cells import TEXT, Cell, Cells, Listed, Row, as_cell
from .frames import kind_of_dtype
from .inner import Inner, inner_of
from .interpreter import Interpreter, Returned
from .lasting import MUTATING
from .registry import Call, maker_of, method
from .source import is_of_library
from .values import (
    WHOLE,
    CaptureError,
    Column,
    Frame,
    Matches,
    Native,
    NotNative,
    Pieces,
    Traced,
    is_traced,
)
from .values import column_of as made

#: What gives another answer with every call.
_CHANGING = frozenset(["random", "time", "uuid", "secrets"])
_CLOCKS = frozenset(["now", "today", "utcnow"])


class RowTracer:
    """What the interpreter asks for while it follows a function of a row."""

    def __init__(self, call: Call) -> None:
        self.outer = call.tracer
        self.cells = Cells(call)
        self.depth = 0
        self.n_calls = 0
        self.n_python = 0
        self.n_statements = 0
        #: Containers that were made on the way, which may be changed.
        self.own: dict[int, Any] = {}

    @property
    def asked(self) -> Asked:
        return self.outer.asked

    @property
    def line(self) -> int:
        return self.outer.line

    @line.setter
    def line(self, line: int) -> None:
        self.outer.line = line

    @property
    def code(self) -> Any:
        return self.outer.code

    @code.setter
    def code(self, code: Any) -> None:
        self.outer.code = code

    @property
    def codes(self) -> list[Any]:
        return self.outer.codes

    @property
    def failed(self) -> bool:
        return self.outer.failed

    @failed.setter
    def failed(self, failed: bool) -> None:
        self.outer.failed = failed

    def _told(self, what: str, found: Any) -> Any:
        if isinstance(found, Cell):
            self.outer.tell(what, found.column.node)
        return found

    def operate(self, name: str, function: Callable[..., Any], *operands: Any) -> Any:
        return self._told(name.rstrip("_"), operate(self.cells, name, operands))

    def augment(self, name: str, left: Traced, right: Any, *, is_part: bool) -> Any:
        return self.operate(name, lambda a, b: None, left, right)

    def call(self, callee: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        name = str(getattr(callee, "__name__", type(callee).__name__))
        if isinstance(callee, Inner):
            return callee.follow(RowInterpreter, self, args, kwargs)
        owner = getattr(callee, "__self__", None)
        if not is_traced(list(args), kwargs):
            self._check_constant(callee, owner, name)
            self.outer.check_called(callee, args, kwargs)
            return callee(*args, **kwargs)
        if type(owner) in (list, dict, set) and name in MUTATING:
            self.check_own(owner)
            return callee(*args, **kwargs)
        found = call_known(self.cells, callee, args, kwargs)
        if found is not NotImplemented:
            return self._told(name, found)
        if callee in (list, tuple, dict, zip, enumerate, reversed):
            return callee(*args, **kwargs)
        function = callee
        if isinstance(callee, types.MethodType):
            function, args = callee.__func__, (callee.__self__, *args)
        if not isinstance(function, types.FunctionType) or is_of_library(function):
            raise NotNative(f"{name} is called with a row's value")
        line, code = self.line, self.code
        try:
            return RowInterpreter.call(self, function, args, kwargs)  # type: ignore[arg-type]
        finally:
            self.line, self.code = line, code

    def _check_constant(self, callee: Any, owner: Any, name: str) -> None:
        module = str(getattr(callee, "__module__", None) or type(owner).__module__)
        if not _CHANGING.isdisjoint(module.replace("_", "").split(".")) or name in _CLOCKS:
            raise NotNative(f"{name} gives another answer with each row")
        if type(owner) in (list, dict, set) and name in MUTATING:
            self.check_own(owner)

    def check_own(self, container: Any) -> None:
        """A container outside would be changed by every row."""
        if self.cells.under or self.own.get(id(container)) is not container:
            raise NotNative("a container is changed by each row")

    def all_rows(self, owner: Any, key: Any, left: Any) -> Any:
        return left

    def check_changes(self, owner: Any) -> None:
        if type(owner) in (list, dict, set):
            self.check_own(owner)

    def note_changed(self, owner: Any, name: str) -> None:
        self.outer.note_changed(owner, name)

    def keep(self, owner: Any, names: set[Any]) -> None:
        self.outer.keep(owner, names)

    def check_name(self, owner: Any, name: str) -> None:
        self.outer.check_name(owner, name)

    def check_attribute(self, owner: Any, name: str) -> None:
        self.outer.check_attribute(owner, name)

    def check_constant(self, *values: Any) -> None:
        self.outer.check_constant(*values)

    def is_outside(self, value: Any) -> bool:
        return False

    def from_outside(self, value: Any) -> Any:
        """What the function sees of what was there before: as it is."""
        return value

    def call_method(
        self, owner: Traced, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        if isinstance(owner, Row):
            if name == "get" and len(args) == 1 and not kwargs and args[0] in owner.cells:
                return owner.cell(args[0])
            raise NotNative(f"a row's {name}")
        if isinstance(owner, Listed) and not kwargs:
            return owner.call_method(self.cells, name, args)
        if not isinstance(owner, Cell):
            raise NotNative(f"{name} of pieces")
        found = call_method(self.cells, owner, name, args, kwargs)
        return self._told(f"str.{name}", found)

    def get_attribute(self, owner: Traced, name: str) -> Any:
        if isinstance(owner, Row) and not hasattr(pd.Series, name):
            return owner.cell(name)
        raise NotNative(f"the attribute {name} of a row's value")

    def get_item(self, owner: Any, key: Any) -> Any:
        if isinstance(owner, Row):
            if not isinstance(key, str):
                raise NotNative(f"a row's [{key!r}]")
            return owner.cell(key)
        if isinstance(owner, Listed):
            return owner.item(self.cells, key)
        if isinstance(owner, Cell):
            if owner.kind != TEXT:
                raise NotNative("an item of a row's number")
            return self._told("[...]", get_item(self.cells, owner, key))
        is_plain = isinstance(owner, dict) and not hasattr(type(owner), "__missing__")
        if is_plain and isinstance(key, Cell):
            return self._told("lookup", lookup(self.cells, owner, key))
        raise NotNative(f"an item of a {type(owner).__name__} by a row's value")

    def contains(self, container: Any, item: Any) -> Any:
        if not is_traced(container) and not is_traced(item):
            return item in container
        if isinstance(container, Row):
            return self.outer.asked.contains(container.cells, item)
        return self._told("in", contains(self.cells, container, item))

    def iterate(self, value: Traced) -> Iterator[Any]:
        raise NotNative("a loop over a row's value")

    def set_item(self, owner: Traced, key: Any, value: Any) -> None:
        raise NotNative("a row is changed")

    def set_attribute(self, owner: Any, name: str, value: Any) -> None:
        raise NotNative("a row is changed")

    def delete(self, owner: Traced, key: Any) -> None:
        raise NotNative("a row is changed")


class RowInterpreter(Interpreter):
    """One call of a function of a row."""

    tracer: Any

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        #: What was returned under conditions on data: where, and what. The first counts.
        self.returns: list[tuple[Column, Any]] = []

    @property
    def cells(self) -> Cells:
        found: Cells = self.tracer.cells
        return found

    def run(self, node: ast.FunctionDef | ast.Lambda) -> Any:
        cells = self.cells
        before, present = len(cells.returned), cells.present
        try:
            found = super().run(node)
        finally:
            del cells.returned[before:]
            cells.present = present
        for condition, value in reversed(self.returns):
            found = cells.chosen(condition, value, found)
        return found

    # ---- statements -------------------------------------------------------------------

    def _do_If(self, node: ast.If) -> None:
        test = self.expression(node.test)
        if not isinstance(test, Traced):
            self.block(node.body if test else node.orelse)
            return
        condition = self.cells.truth(test)
        before = dict(self.names)
        then = self._branch(condition, node.body, holds=True)
        self.names = before.copy()
        otherwise = self._branch(condition, node.orelse, holds=False)
        if then is None and otherwise is None:
            raise Returned(self.returns.pop()[1])  # the rows that are left
        if then is None or otherwise is None:
            self.names = then if then is not None else otherwise or {}
            facts = self.cells.facts.get(condition.node)
            if facts is not None:  # the others have returned
                self.cells.present |= facts.if_false if then is None else facts.if_true
            return
        self.names = {
            name: self.cells.chosen(condition, then[name], otherwise[name])
            for name in then
            if name in otherwise
        }

    def _branch(
        self, condition: Column, body: list[ast.stmt], *, holds: bool
    ) -> dict[str, Any] | None:
        """The names behind a branch; None where it returns."""
        with self.cells.where(condition, holds=holds) as path:
            try:
                self.block(body)
            except Returned as returned:
                self.returns.append((path, returned.value))
                self.cells.returned.append(path)
                return None
        return self.names

    def _do_Raise(self, node: ast.Raise) -> None:
        if self.cells.under:
            raise CaptureError(f"line {node.lineno}: `raise` under a condition on data")
        super()._do_Raise(node)

    def _do_Break(self, node: ast.Break) -> None:
        self._check_loop(node)
        super()._do_Break(node)

    def _do_Continue(self, node: ast.Continue) -> None:
        self._check_loop(node)
        super()._do_Continue(node)

    def _check_loop(self, node: ast.stmt) -> None:
        if self.cells.under:
            raise CaptureError(f"line {node.lineno}: a loop is left under a condition on data")

    def _do_Try(self, node: ast.Try) -> None:
        raise CaptureError(f"line {node.lineno}: `try` around a row's values")

    def _set_item(self, owner: Any, key: Any, value: Any, line: int) -> None:
        if not isinstance(owner, Traced):
            self.tracer.check_own(owner)
        super()._set_item(owner, key, value, line)

    def _set_attribute(self, owner: Any, name: str, value: Any) -> None:
        raise CaptureError(f"line {self.tracer.line}: an object is changed by each row")

    # ---- expressions ----------------------------------------------------------------------

    def expression(self, node: ast.expr) -> Any:
        found = super().expression(node)
        if isinstance(node, (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)):
            self.tracer.own[id(found)] = found
        return found

    def _of_ListComp(self, node: ast.ListComp | ast.GeneratorExp) -> Any:
        if is_of_words(node):
            words = self.expression(node.generators[0].iter)
            if isinstance(words, SplitCell):
                return kept(self.cells, words, node, self.expression)
        return super()._of_ListComp(node)

    def _of_IfExp(self, node: ast.IfExp) -> Any:
        test = self.expression(node.test)
        if not isinstance(test, Traced):
            return self.expression(node.body if test else node.orelse)
        condition = self.cells.truth(test)
        with self.cells.where(condition, holds=True):
            then = self.expression(node.body)
        with self.cells.where(condition, holds=False):
            otherwise = self.expression(node.orelse)
        return self.cells.chosen(condition, then, otherwise)

    def _of_BoolOp(self, node: ast.BoolOp) -> Any:
        return self._fold(node.values, is_and=isinstance(node.op, ast.And))

    def _fold(self, nodes: list[ast.expr], *, is_and: bool) -> Any:
        """`a and b`: the second only where the first leaves it open."""
        value = self.expression(nodes[0])
        if len(nodes) == 1:
            return value
        if not isinstance(value, Traced):
            return self._fold(nodes[1:], is_and=is_and) if bool(value) == is_and else value
        condition = self.cells.truth(value)
        with self.cells.where(condition, holds=is_and):
            rest = self._fold(nodes[1:], is_and=is_and)
        if isinstance(value, Cell) and value.kind == "bool" and _is_bool(rest):
            other = as_cell(self.cells, rest, condition).column
            join = self.cells.both if is_and else self.cells.either
            return self.cells.boolean(join(condition, other))
        first, second = (rest, value) if is_and else (value, rest)
        return self.cells.chosen(condition, first, second)

    def _of_UnaryOp(self, node: ast.UnaryOp) -> Any:
        if not isinstance(node.op, ast.Not):
            return super()._of_UnaryOp(node)
        value = self.expression(node.operand)
        if not isinstance(value, Traced):
            return not value
        return self.cells.boolean(self.cells.negated(self.cells.truth(value)))

    def _of_Compare(self, node: ast.Compare) -> Any:
        left = self.expression(node.left)
        found: Any = None
        for op, right_node in zip(node.ops, node.comparators, strict=True):
            right = self.expression(right_node)
            own = self._compare(op, left, right)
            if found is None:
                found = own
            else:
                sides = [self.cells.truth(s) if isinstance(s, Traced) else s for s in (found, own)]
                if not all(isinstance(s, Column) for s in sides):
                    raise CaptureError(f"line {node.lineno}: a chain of comparisons")
                found = self.cells.boolean(self.cells.both(*sides))
            left = right
        return found

    def _compare(self, op: ast.cmpop, left: Any, right: Any) -> Any:
        if isinstance(op, (ast.Is, ast.IsNot)) and is_traced(left, right):
            if left is not None and right is not None:
                raise NotNative("`is` of a row's value")
            own = is_none(self.cells, left if right is None else right)
            return own if isinstance(op, ast.Is) else self._negated(own)
        if isinstance(op, (ast.In, ast.NotIn)):
            inside = self.tracer.contains(right, left)
            return inside if isinstance(op, ast.In) else self._negated(inside)
        return super()._compare(op, left, right)

    def _negated(self, value: Any) -> Any:
        if isinstance(value, Cell):
            return self.cells.boolean(self.cells.negated(value.column))
        return not value

    def _of_JoinedStr(self, node: ast.JoinedStr) -> Any:
        return joined(self.cells, [self.expression(value) for value in node.values])

    def _of_FormattedValue(self, node: ast.FormattedValue) -> Any:
        value = self.expression(node.value)
        spec = "" if node.format_spec is None else self.expression(node.format_spec)
        if not isinstance(value, Traced):
            return super()._of_FormattedValue(node)
        if node.conversion not in (-1, 115) or not isinstance(spec, str):
            raise NotNative("an f-string with a conversion")
        if node.conversion == 115:
            value, spec = as_text(self.cells, value), spec
        return as_text(self.cells, value, spec)

    def _of_NamedExpr(self, node: ast.NamedExpr) -> Any:
        raise CaptureError(f"line {node.lineno}: `:=` in a function of a row")

    def _of_Subscript(self, node: ast.Subscript) -> Any:
        owner, key = self.expression(node.value), self.expression(node.slice)
        if isinstance(owner, Traced) or is_traced(key):
            return self.tracer.get_item(owner, key)
        return owner[key]


def _is_bool(value: Any) -> bool:
    return value.kind == "bool" if isinstance(value, Cell) else isinstance(value, bool)


# ---- what pandas calls with rows ---------------------------------------------------------


def followed(
    rows: RowTracer, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], like: Column
) -> Column:
    """What a function gives for each row, as a column.

    `like`: any column of the rows.
    """
    return _as_series(rows.cells.call, followed_cell(rows, function, args, kwargs, like))


def followed_cell(
    rows: RowTracer, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], like: Column
) -> Cell:
    """What a function gives for each row."""
    call = rows.cells.call
    tracer = call.tracer
    marks = len(tracer.steps), len(tracer.codes), tracer.line, tracer.code
    try:
        return as_cell(rows.cells, rows.call(_plain(function), args, kwargs), like)
    except Exception as error:  # whatever it is: pandas calls the function itself then
        del tracer.steps[marks[0] :], tracer.codes[marks[1] :]
        said = str(error) or type(error).__name__
        raise NotNative(said if said.startswith("line ") else f"{call.name}: {said}") from error
    finally:
        tracer.line, tracer.code = marks[2], marks[3]


def _as_series(call: Call, cell: Cell) -> Column:
    """The column of a Series of the cells, as pandas finds its dtype."""
    shown = call.value
    if not isinstance(shown, pd.Series):
        raise NotNative("the function gives no value for each row")
    own, dtype = kind_of_dtype(shown.dtype, shown), cell.dtype
    if own not in dtype.split(" ")[0].split("|"):
        raise NotNative(f"it gives {own} on the sample, {dtype} elsewhere")
    if dtype == WHOLE and cell.has_none is False and cell.kind == "int":
        dtype = "int64"
    return replace(cell.column, dtype=dtype)


def _plain(function: Any) -> Any:
    """The function that was defined on the way, or the user's own."""
    return inner_of(function) or function


def _for_function(call: Call, own: set[str]) -> dict[str, Any]:
    """The arguments by name that are the function's, taken out of the call."""
    given = {name: value for name, value in call.kwargs.items() if name not in own}
    call.kwargs = {name: value for name, value in call.kwargs.items() if name in own}
    if is_traced(given, list(call.kwargs.values())):
        raise NotNative("the function of a row takes other data")
    return given


@method("series", "apply", "map")
def series_apply(call: Call) -> Native:
    from .choices import mapped

    if not callable(call.args[1] if len(call.args) > 1 else None):
        if call.name.endswith("apply"):
            raise NotNative("apply of what is no function")
        return mapped(call)
    kwargs = _for_function(call, {"args", "na_action"})
    own = call.bind("self", "func", args=(), na_action=None)
    if own.na_action is not None:
        raise NotNative(f"{call.name} of this")
    if isinstance(own.func, np.ufunc):
        return _applied(call, own)
    rows = RowTracer(call)
    cell: Any
    if isinstance(own.self.native, (Pieces, Matches)):
        column = own.self.native.column
        cell = _listed(rows.cells, own.self.native)
    else:
        column = call.tracer.column(own.self)
        cell = rows.cells.of_column(column, is_numpy=False)
    return followed(rows, own.func, (cell, *own.args), kwargs, column)


def _listed(cells: Cells, native: Pieces | Matches) -> Listed:
    """The list that a split, or `findall`, gave for each row, which must have a string."""
    column = cells.text(cells.of_column(native.column, is_numpy=False))
    if isinstance(native, Matches):
        return Matched(column, native.pattern)
    if native.function == "rsplit" and native.limit:
        raise NotNative("the pieces of rsplit of some")
    return SplitCell(column, native.separator, native.limit)


def _applied(call: Call, own: Any) -> Native:
    """A function of NumPy's: pandas applies it to the whole, and maps it to single numbers."""
    maker = maker_of(own.func)
    if maker is None or not call.name.endswith("apply") or own.args or own.func.nin != 1:
        raise NotNative(f"{call.name} of np.{own.func.__name__}")
    return maker(replace(call, name=own.func.__name__, args=(own.self,), kwargs={}))


@method("frame", "apply")
def frame_apply(call: Call) -> Native:
    kwargs = _for_function(call, {"func", "axis", "args", "raw", "result_type"})
    own = call.bind("self", "func", "axis", axis=0, args=(), raw=False, result_type=None)
    if isinstance(own.func, np.ufunc) and set(call.kwargs) <= {"func"}:
        return _applied(call, own)
    if own.axis not in (1, "columns") or own.raw or own.result_type is not None:
        raise NotNative("apply of columns, or with options")
    frame = call.tracer.frame_of(own.self)
    rows = RowTracer(call)
    row, like = _row_of(rows.cells, frame, own.self.value)
    found = followed(rows, own.func, (row, *own.args), kwargs, like)
    return replace(found, rows=frame.rows)


def _row_of(cells: Cells, frame: Frame, value: pd.DataFrame) -> tuple[Row, Column]:
    """A row's cells: as they are in a row of objects, else of the row's own dtype."""
    own = [d for d in value.dtypes if isinstance(d, pd.api.extensions.ExtensionDtype)]
    zoned = [d for d in own if isinstance(d, pd.DatetimeTZDtype)]  # objects beside others
    if len(zoned) == value.shape[1] or not all(_is_str(d) or d in zoned for d in own):
        raise NotNative("rows of extension dtypes")
    common = value.iloc[:0].to_numpy().dtype
    is_numpy = common.kind != "O"
    if is_numpy and common.name not in ("int64", "float64", "bool"):
        raise NotNative(f"rows of {common}")
    if is_numpy and common == np.float64 and any(d == np.float32 for d in value.dtypes):
        raise NotNative("rows of float32 and float64")

    def later(name: Any) -> Callable[[], Cell]:
        return lambda: cells.of_column(
            made(frame.columns[name]), is_numpy=is_numpy, is_upcast=common == np.float64
        )

    listed: dict[Any, Any] = {name: later(name) for name in frame.columns}
    like = next((c for c in frame.columns.values() if isinstance(c, Column)), None)
    if like is None:
        raise NotNative("the frame has no column")
    if is_numpy and any(isinstance(c, Column) and c.is_either for c in frame.columns.values()):
        raise NotNative("rows whose dtype hangs on the data")
    return Row(listed), like


def _is_str(dtype: Any) -> bool:
    return isinstance(dtype, pd.StringDtype) and dtype.na_value is not pd.NA
