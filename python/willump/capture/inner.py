"""Functions that are defined while a function is followed."""

from __future__ import annotations

import ast
import contextlib
import copy
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeGuard

from .source import Definition, definition_of
from .values import CaptureError, is_traced

if TYPE_CHECKING:
    from .interpreter import Interpreter

#: Where a function that was made of an `Inner` keeps it.
_INNER = "_willump_inner"


def inner_of(function: Any) -> Inner | None:
    """The function on the way that a plain one was made of; None of another."""
    found: Inner | None = getattr(function, _INNER, None)
    return found


def source_of(function: Any) -> Definition:
    """The syntax tree of a function, be it one on the way.

    Raises
    ------
    SourceError
    """
    inner = inner_of(function)
    return definition_of(function) if inner is None else inner.node


#: Of a parameter that must be given.
NO_DEFAULT = object()


def _is_read(node: ast.AST) -> TypeGuard[ast.Name]:
    return isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)


def _frozen(value: Any) -> Any:
    return value.frozen() if isinstance(value, Inner) else value


class Inner:
    """A function or lambda that was defined while the function was followed."""

    def __init__(self, owner: Interpreter, node: ast.FunctionDef | ast.Lambda) -> None:
        self.owner = owner
        self.node = node
        self.__name__ = getattr(node, "name", "<lambda>")
        self.defaults = [owner.expression(d) for d in node.args.defaults]
        self.keyword_defaults = [
            NO_DEFAULT if d is None else owner.expression(d) for d in node.args.kw_defaults
        ]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """A call by Python. By code that is not followed, and which may catch its errors or
        choose by them, only without data."""
        tracer, caller = self.owner.tracer, sys._getframe(1).f_globals.get("__name__", "")
        if caller.partition(".")[0] == __package__.partition(".")[0]:  # by `map`, `sorted`
            return self.called(args, kwargs)
        before = tracer.n_calls
        try:
            found = self.called(args, kwargs)
        except Exception as error:
            if tracer.n_calls != before or isinstance(error, CaptureError):
                tracer.failed = True
            raise
        if tracer.n_calls != before or is_traced(found):
            tracer.failed = True
            raise CaptureError(
                f"line {self.node.lineno}: {self.__name__} is called by what is not followed, and "
                "sees what hangs on the input"
            )
        return found

    def called(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A call by what is followed."""
        return self.follow(type(self.owner), self.owner.tracer, args, kwargs)

    def sees_data(self) -> bool:
        """Whether it reads what hangs on the input."""
        return is_traced(list(self._seen().values()), self.defaults, self.keyword_defaults)

    def _seen(self, depth: int = 5) -> dict[str, Any]:
        seen: dict[str, Any] = {}
        own = self._parameters()
        for inner in ast.walk(self.node):
            if _is_read(inner) and inner.id not in own:
                with contextlib.suppress(NameError, CaptureError):  # its own
                    value = self.owner.lookup(inner.id)
                    seen[inner.id] = value
                    if isinstance(value, Inner) and value is not self and depth:
                        seen |= value._seen(depth - 1)
        return seen

    def _parameters(self) -> set[str]:
        """Names that are none of the functions around; with defaults, some may be both."""
        given = self.node.args
        if given.defaults or given.kw_defaults:
            return set()
        return {each.arg for each in (*given.posonlyargs, *given.args, *given.kwonlyargs)}

    def follow(
        self,
        kind: type[Interpreter],
        tracer: Any,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        """A call, followed by an interpreter of this kind."""
        names = self._bind(args, kwargs)
        return kind(tracer, self.owner.globals, {}, names, self.owner).run(self.node)

    def is_own(self, name: str) -> bool:
        """Whether a name is one of the functions around, not of what they were given."""
        scope: Any = self.owner
        while scope is not None and name not in scope.names:
            scope = scope.outer
        return scope is not None

    def frozen(self) -> Callable[..., Any]:
        """The function itself, for plain Python to call on other rows.

        Raises
        ------
        CaptureError
            Where it sees what hangs on the input.
        """
        seen: dict[str, Any] = {}
        own = self._parameters()
        for inner in ast.walk(self.node):
            if _is_read(inner) and inner.id not in own:
                with contextlib.suppress(NameError):  # its own
                    value = self.owner.lookup(inner.id)
                    seen[inner.id] = _frozen(value)
        if is_traced(list(seen.values()), self.defaults, self.keyword_defaults):
            raise CaptureError(
                f"line {self.node.lineno}: {self.__name__} is called by what is not followed, and "
                "sees what hangs on the input"
            )
        names = {**self.owner.globals, **seen}
        plain = copy.copy(self.node)
        if isinstance(plain, ast.Lambda):
            found: Any = eval(compile(ast.Expression(plain), "<lambda>", "eval"), names)
        else:
            plain.decorator_list = []
            exec(compile(ast.Module([plain], []), f"<{self.__name__}>", "exec"), names)
            found = names[self.__name__]
        # As they were where it was defined, whatever their names stand for now.
        found.__defaults__ = tuple(map(_frozen, self.defaults)) or None
        by_name = zip(self.node.args.kwonlyargs, self.keyword_defaults, strict=True)
        given = {own.arg: _frozen(value) for own, value in by_name if value is not NO_DEFAULT}
        found.__kwdefaults__ = given or None
        setattr(found, _INNER, self)
        return found  # type: ignore[no-any-return]

    def _bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        own = self.node.args
        places = [a.arg for a in (*own.posonlyargs, *own.args)]
        names = dict(zip(places[len(places) - len(self.defaults) :], self.defaults, strict=True))
        for extra, default in zip(own.kwonlyargs, self.keyword_defaults, strict=True):
            if default is not NO_DEFAULT:
                names[extra.arg] = default
        names.update(zip(places, args, strict=False))
        if len(args) > len(places) or own.vararg or own.kwarg:
            raise CaptureError(f"line {self.node.lineno}: this function's parameters")
        names.update(kwargs)
        places += [a.arg for a in own.kwonlyargs]
        missing = [name for name in places if name not in names]
        if missing:
            raise TypeError(f"{self.__name__}() is missing the arguments {missing}")
        return names
