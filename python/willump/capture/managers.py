"""Context managers around what is followed: they are entered once, at the capture."""

from __future__ import annotations

import ast
import contextlib
import inspect
import io
import logging
import tempfile
import threading
import time
import types
import warnings
from typing import Any

import numpy as np

from .source import SourceError, definition_of, seen_by

#: Managers that change nothing for what Python computes within them.
_NEUTRAL = (
    contextlib.nullcontext, contextlib.suppress, contextlib.closing, io.IOBase, np.errstate,
    tempfile.TemporaryDirectory, type(threading.Lock()), type(threading.RLock()),
    warnings.catch_warnings,
)  # fmt: skip
#: Modules and builtins that a manager may call and still be one of them.
_HARMLESS = (time, logging)


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


def is_neutral(manager: Any) -> bool:
    """Whether what Python computes within a context manager is the same without: by its type,
    or by a source that sets nothing but its own attributes and calls clocks and logs alone."""
    if isinstance(manager, _NEUTRAL):
        return True
    if isinstance(manager, contextlib._GeneratorContextManager):
        parts = [(getattr(manager, "func", None), True)]
    else:
        parts = [(getattr(type(manager), name, None), False) for name in ("__enter__", "__exit__")]
    try:
        return all(
            isinstance(function, types.FunctionType) and _is_harmless(function, is_generator)
            for function, is_generator in parts
        )
    except SourceError:
        return False


def _is_harmless(function: types.FunctionType, is_generator: bool) -> bool:
    definition = definition_of(function, is_generator=is_generator)
    own = {a.arg for a in definition.args.args[:1]} if not is_generator else set()
    seen = seen_by(function)
    for node in ast.walk(definition):
        if isinstance(node, (ast.Global, ast.Nonlocal, ast.Delete)):
            return False
        is_part = isinstance(node, (ast.Attribute, ast.Subscript))
        if is_part and not isinstance(node.ctx, ast.Load):  # type: ignore[attr-defined]
            owner = node.value  # type: ignore[attr-defined]
            if not (isinstance(owner, ast.Name) and owner.id in own):
                return False
        if isinstance(node, ast.Call) and not _is_known(node.func, seen):
            return False
    return True


def _is_known(callee: ast.expr, seen: dict[str, Any]) -> bool:
    if isinstance(callee, ast.Name):
        found = seen.get(callee.id)
        is_builtin = callee.id not in seen and callee.id in (
            "print",
            "round",
            "len",
            "float",
            "str",
        )
        return is_builtin or getattr(found, "__module__", None) in [m.__name__ for m in _HARMLESS]
    root: ast.expr = callee
    while isinstance(root, ast.Attribute):
        root = root.value
    found = seen.get(root.id) if isinstance(root, ast.Name) else None
    return found in _HARMLESS or isinstance(found, logging.Logger)
