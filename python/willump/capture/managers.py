"""Context managers around what is followed: they are entered once, at the capture."""

from __future__ import annotations

import ast
import contextlib
import inspect
import io
import tempfile
import threading
import types
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from .bodies import Root
from .callables import is_entered
from .keeping import Uses
from .places import Given
from .source import SourceError, definition_of
from .uses import place_of

#: Managers that change nothing for what Python computes within them.
_NEUTRAL = (
    contextlib.nullcontext, contextlib.suppress, contextlib.closing, io.IOBase, np.errstate,
    tempfile.TemporaryDirectory, type(threading.Lock()), type(threading.RLock()),
    warnings.catch_warnings,
)  # fmt: skip
#: Packages whose functions a manager may call and still be one of them.
_HARMLESS = frozenset(["builtins", "collections", "datetime", "logging", "math", "time"])


def may_suppress(manager: Any) -> bool:
    """Whether a context manager may end an error that is raised within it."""
    if isinstance(manager, (contextlib.suppress, contextlib.ExitStack)):
        return True
    # Of `contextlib.contextmanager`: one that catches errors around its `yield`.
    is_generator = isinstance(manager, contextlib._GeneratorContextManager)
    leaves = getattr(manager, "func", None) if is_generator else type(manager).__exit__
    if not isinstance(leaves, types.FunctionType):
        return not inspect.isroutine(leaves)  # compiled: locks, files
    try:
        nodes = list(ast.walk(definition_of(leaves, is_generator=is_generator)))
    except SourceError:
        return True
    if any(isinstance(node, ast.Lambda) for node in nodes[:1]):
        return True
    if is_generator:
        finals = [n for node in nodes if isinstance(node, ast.Try) for n in node.finalbody]
        leaving = [n for node in finals for n in ast.walk(node) if isinstance(n, ast.Return)]
        if leaving or any(isinstance(node, ast.YieldFrom) for node in nodes):
            return True
        around = [n for n in nodes if isinstance(n, ast.With) or getattr(n, "handlers", None)]
        return any(isinstance(n, ast.Yield) for node in around for n in ast.walk(node))
    given = [node.value for node in nodes if isinstance(node, ast.Return)]
    return not all(v is None or (isinstance(v, ast.Constant) and not v.value) for v in given)


def may_record(manager: Any) -> bool:
    """Whether within a context manager, which has been entered, what is printed or warned of
    is kept, or what NumPy warns of is an error."""
    if isinstance(manager, contextlib._RedirectStream):
        return True
    if isinstance(manager, warnings.catch_warnings):
        return bool(getattr(manager, "_record", True))
    return not {"raise", "call", "log"}.isdisjoint(np.geterr().values())


def uses_within(manager: Any) -> Uses | None:
    """What a context manager that is not entered yet changes as it is entered and left, where
    what Python computes within it is the same without, but for that: by its type, or by a
    source that calls clocks, logs and what is the user's alone. None of another."""
    uses = Uses()
    if isinstance(manager, _NEUTRAL):
        return uses
    root = Root(uses, is_chosen=True)
    if isinstance(manager, contextlib._GeneratorContextManager):
        function = getattr(manager, "func", None)
        args, kwargs = getattr(manager, "args", ()), getattr(manager, "kwds", {})
        given = Given(list(map(place_of, args)), {k: place_of(v) for k, v in kwargs.items()})
        parts = [(function, given)]
    else:
        own = Given([place_of(manager)], is_all_data=True)
        parts = [(getattr(type(manager), name, None), own) for name in ("__enter__", "__exit__")]
    for function, given in parts:
        if not is_entered(function):
            return None
        root.enter(function, given, is_chosen=True)
    return uses if uses.asked <= _HARMLESS else None


def makes_silent(callee: Any) -> bool:
    """Whether a call only makes a manager of `contextlib.contextmanager` that gives nothing to
    what is within it."""
    function = getattr(callee, "__func__", callee)
    inner = getattr(function, "__wrapped__", None)
    if getattr(function, "__code__", None) is not _MAKER:
        return False
    try:
        nodes = ast.walk(definition_of(inner, is_generator=True))  # type: ignore[arg-type]
    except SourceError:
        return False
    return not any(
        isinstance(n, ast.YieldFrom) or (isinstance(n, ast.Yield) and n.value is not None)
        for n in nodes
    )


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    yield


_MAKER = _silent.__code__
