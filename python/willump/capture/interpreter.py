"""Follows a function statement by statement.

Constants are computed as they stand; what hangs on the argument goes to the
`Tracer`, which runs it on the sample and gives it nodes. Loops over constants
unroll and conditions on constants choose, since both simply run.
"""

from __future__ import annotations

import ast
import contextlib
import operator
import types
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .expressions import BINARY, Expressions
from .inner import Inner
from .managers import may_record, may_suppress, uses_within
from .source import bound_arguments, definition_of, names_of
from .values import CaptureError, Traced, is_traced

if TYPE_CHECKING:
    from .tracer import Tracer

#: Calls within calls; more are a recursion.
_MAX_DEPTH = 50
#: Statements of one capture; more are a loop that does not end.
_MAX_STATEMENTS = 200_000


class Returned(Exception):
    """`return`."""

    def __init__(self, value: Any) -> None:
        self.value = value


class _Loop(Exception):
    """`break` or `continue`."""

    def __init__(self, is_break: bool) -> None:
        self.is_break = is_break


class Interpreter(Expressions):
    """One call of a function in progress."""

    @classmethod
    def call(
        cls,
        tracer: Tracer,
        function: types.FunctionType,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        """What a call of the function gives."""
        node = definition_of(function)
        tracer.code = function.__code__
        if function.__code__ not in tracer.codes:
            tracer.codes.append(function.__code__)
        names = bound_arguments(function, args, kwargs)
        for default in (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()):
            tracer.from_outside(default)
        own = cls(tracer, function.__globals__, names_of(function), names)
        cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
        own.closure_cells = dict(cells)
        where = function.__qualname__.split(".")[:-1]
        own.defined_in = where[-1].lstrip("_") if where and where[-1] != "<locals>" else ""
        return own.run(node)

    def run(self, node: ast.FunctionDef | ast.Lambda) -> Any:
        tracer = self.tracer
        self.node = node
        tracer.depth += 1
        try:
            if tracer.depth > _MAX_DEPTH:
                raise CaptureError(f"line {node.lineno}: calls are nested too deeply (a recursion)")
            if isinstance(node, ast.Lambda):
                return self.expression(node.body)
            try:
                self.block(node.body)
            except Returned as returned:
                return returned.value
            return None
        finally:
            tracer.depth -= 1

    # ---- statements ---------------------------------------------------------

    def block(self, body: list[ast.stmt]) -> None:
        for statement in body:
            self.tracer.n_statements += 1
            if self.tracer.n_statements > _MAX_STATEMENTS:
                raise CaptureError(f"line {statement.lineno}: the loop is too long to unroll")
            self.statement(statement)

    def statement(self, node: ast.stmt) -> None:
        self.tracer.line = node.lineno
        method: Callable[[Any], None] | None = getattr(self, f"_do_{type(node).__name__}", None)
        if method is None:
            raise CaptureError(f"line {node.lineno}: {type(node).__name__} is not followed")
        method(node)

    def _do_Pass(self, node: ast.Pass) -> None:
        pass

    def _do_Expr(self, node: ast.Expr) -> None:
        self.expression(node.value)

    def _do_Return(self, node: ast.Return) -> None:
        raise Returned(None if node.value is None else self.expression(node.value))

    def _do_Assign(self, node: ast.Assign) -> None:
        are_unpacked = all(isinstance(target, (ast.Tuple, ast.List)) for target in node.targets)
        if isinstance(node.value, ast.GeneratorExp) and are_unpacked and len(node.targets) == 1:
            value: Any = self._of_ListComp(node.value)  # read at once
        else:
            value = self.expression(node.value)
        for target in node.targets:
            self.assign(target, value)

    def _do_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.assign(node.target, self.expression(node.value))

    def _do_AugAssign(self, node: ast.AugAssign) -> None:
        target = node.target
        if isinstance(target, ast.Name):
            left = self.lookup(target.id)
            value = self._augmented(node, left, self.expression(node.value), is_part=False)
            self.assign(target, value)
            return
        owner = self.expression(target.value)  # once, as the key
        if isinstance(target, ast.Subscript):
            key = self.expression(target.slice)
            left = self._item(owner, key)
            right = self.expression(node.value)
            value = self._augmented(node, left, right, is_part=True)
            self._set_item(owner, key, value, target.lineno)
        else:
            name = self._mangled(target.attr)
            left = self._attribute(owner, name)
            value = self._augmented(node, left, self.expression(node.value), is_part=True)
            self._set_attribute(owner, name, value)

    def _augmented(self, node: ast.AugAssign, left: Any, right: Any, *, is_part: bool) -> Any:
        """What `left op= right` leaves; `is_part`: left was picked from what it is set in."""
        name = BINARY[type(node.op)]
        if isinstance(left, Traced):
            return self.tracer.augment(name, left, right, is_part=is_part)
        if isinstance(right, Traced):
            return self.tracer.operate(name, getattr(operator, name), left, right)
        self.tracer.check_changes(left)
        return getattr(operator, f"i{name.rstrip('_')}")(left, right)

    def _do_If(self, node: ast.If) -> None:
        self.block(node.body if self.truth(node.test) else node.orelse)

    def _do_For(self, node: ast.For) -> None:
        for item in self._iterate(self.expression(node.iter), node.iter):
            self.assign(node.target, item)
            try:
                self.block(node.body)
            except _Loop as loop:
                if loop.is_break:
                    return
        self.block(node.orelse)

    def _do_While(self, node: ast.While) -> None:
        while self.truth(node.test):
            try:
                self.block(node.body)
            except _Loop as loop:
                if loop.is_break:
                    return
        self.block(node.orelse)

    def _do_Break(self, node: ast.Break) -> None:
        raise _Loop(True)

    def _do_Continue(self, node: ast.Continue) -> None:
        raise _Loop(False)

    def _do_With(self, node: ast.With) -> None:
        managers = []
        for item in node.items:
            manager = self.expression(item.context_expr)
            if is_traced(manager):
                raise CaptureError(f"line {node.lineno}: `with` holds data")
            managers.append((item, manager))
        self._within(managers, node.body)

    def _within(self, managers: list[tuple[ast.withitem, Any]], body: list[ast.stmt]) -> None:
        if not managers:
            self.block(body)
            return
        (item, manager), *rest = managers
        before, is_done, is_kept = self.tracer.n_calls, False, False
        n_python, changed = self.tracer.n_python, uses_within(manager)
        for owner, kept, _ in changed or ():
            self.tracer.keep(owner, kept)
        is_lenient = may_suppress(manager)  # one of a generator forgets its source as it enters
        left: Exception | None = None
        with manager as entered:
            if item.optional_vars is not None:
                self.assign(item.optional_vars, entered)
            try:
                self._within(rest, body)
            except (Returned, _Loop) as leaving:  # no error to the manager
                left = leaving
            is_done, is_kept = True, may_record(manager)
        holds_data = self.tracer.n_calls != before
        if holds_data and (not is_done or is_lenient):
            raise CaptureError(f"line {self.tracer.line}: `with` suppresses errors of data")
        if holds_data and is_kept:
            raise CaptureError(f"line {self.tracer.line}: `with` records or raises what data does")
        if changed is None and self.tracer.n_python != n_python:
            raise CaptureError(
                f"line {self.tracer.line}: Python computes within `with`, and would without it"
            )
        if left is not None:
            raise left

    def _do_Try(self, node: ast.Try) -> None:
        """Rows that raise would be handled one way and others another: only what
        raises on constants is followed."""
        try:
            self._guarded(node)
        except CaptureError:
            with contextlib.suppress(Exception):  # what it puts back, before another way is taken
                self.block(node.finalbody)
            raise
        except BaseException:
            self.block(node.finalbody)
            raise
        self.block(node.finalbody)

    def _guarded(self, node: ast.Try) -> None:
        """The statement without its `finally`."""
        before = self.tracer.n_calls
        try:
            self.block(node.body)
        except CaptureError:
            raise
        except (Returned, _Loop):
            self._check_try(node, before)
            raise
        except Exception as error:
            if self.tracer.n_calls != before:
                raise CaptureError(
                    f"line {node.lineno}: `try` catches an error of data: {error}"
                ) from error
            self._handle(node, error)
        else:
            self._check_try(node, before)
            self.block(node.orelse)

    def _check_try(self, node: ast.Try, before: int) -> None:
        if self.tracer.n_calls != before and node.handlers:
            raise CaptureError(f"line {node.lineno}: `try` holds data, whose errors it catches")

    def _handle(self, node: ast.Try, error: Exception) -> None:
        for handler in node.handlers:
            kind = Exception if handler.type is None else self.expression(handler.type)
            if isinstance(error, kind):
                if handler.name is not None:
                    self.names[handler.name] = error
                self.block(handler.body)
                return
        raise error

    def _do_Raise(self, node: ast.Raise) -> None:
        error = None if node.exc is None else self.expression(node.exc)
        if isinstance(error, type) and issubclass(error, BaseException):
            error = error()
        if not isinstance(error, BaseException):
            raise CaptureError(f"line {node.lineno}: `raise` without an exception")
        raise error

    def _do_Assert(self, node: ast.Assert) -> None:
        if not self.truth(node.test):
            raise AssertionError(None if node.msg is None else self.expression(node.msg))

    def _do_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            module = __import__(alias.name)
            if alias.asname is not None:
                for part in alias.name.split(".")[1:]:
                    module = getattr(module, part)
            self.names[alias.asname or alias.name.partition(".")[0]] = module

    def _do_ImportFrom(self, node: ast.ImportFrom) -> None:
        names = [alias.name for alias in node.names]
        module = __import__(node.module or "", self.globals, None, names, node.level)
        for alias in node.names:
            self.names[alias.asname or alias.name] = getattr(module, alias.name)

    def _do_FunctionDef(self, node: ast.FunctionDef) -> None:
        found: Any = Inner(self, node)
        for decorator in reversed(node.decorator_list):
            found = self.tracer.call(self.expression(decorator), (found,), {})
        self.names[node.name] = found

    def _of_Lambda(self, node: ast.Lambda) -> Inner:
        return Inner(self, node)

    def _do_Delete(self, node: ast.Delete) -> None:
        for target in node.targets:
            if isinstance(target, ast.Name):
                del self.names[target.id]
            elif isinstance(target, ast.Subscript):
                owner, key = self.expression(target.value), self.expression(target.slice)
                if isinstance(owner, Traced):
                    self.tracer.delete(owner, key)
                else:
                    del owner[key]
            else:
                raise CaptureError(f"line {node.lineno}: this `del` is not followed")
