"""Lists, dicts and sets, and what calls leave in them. What hangs on the input is not to stay
there: later calls would see the sample's."""

from __future__ import annotations

import ast
import collections
import types
from typing import Any

from .source import SourceError, bound_arguments, definition_of
from .values import CaptureError

#: Methods that change containers.
MUTATING = frozenset(
    ["append", "extend", "insert", "pop", "remove", "clear", "sort", "reverse", "update", "add",
     "discard", "setdefault", "popitem"]
)  # fmt: skip


def check_containers(
    function: types.FunctionType, args: tuple[Any, ...], kwargs: dict[str, Any], line: int
) -> None:
    """Raises where a function that is not followed may change a list, dict or set that it is
    given: that the sample's rows do not make it do so tells nothing of others."""
    try:
        given = bound_arguments(function, args, kwargs)
        names = {name for name, value in given.items() if type(value) in (list, dict, set)}
        may_change = bool(names) and _may_change(definition_of(function), names)
    except (TypeError, SourceError):
        may_change = any(type(value) in (list, dict, set) for value in (*args, *kwargs.values()))
    if may_change:
        raise CaptureError(
            f"line {line}: {function.__qualname__} is not followed, and may change a list, dict or "
            "set that it is given"
        )


def _may_change(definition: ast.AST, names: set[str]) -> bool:
    """Whether a function's source sets items of what it has under these names, calls what
    changes them, or hands them on."""
    for node in ast.walk(definition):
        if isinstance(node, ast.Subscript) and not isinstance(node.ctx, ast.Load):
            owner: Any = node.value
        elif isinstance(node, ast.Attribute) and node.attr in MUTATING:
            owner = node.value
        elif isinstance(node, ast.AugAssign):
            owner = node.target
        elif isinstance(node, (ast.Assign, ast.Return, ast.NamedExpr)):
            owner = node.value
        elif isinstance(node, ast.Call):
            values = [*node.args, *(keyword.value for keyword in node.keywords)]
            is_reader = isinstance(node.func, ast.Name) and node.func.id in _READERS
            if not is_reader and any(_is_named(value, names) for value in values):
                return True
            continue
        else:
            continue
        if _is_named(owner, names):
            return True
    return False


#: Builtins that read what they are given.
_READERS = frozenset(
    ["all", "any", "dict", "enumerate", "isinstance", "len", "list", "max", "min", "range", "set",
     "sorted", "str", "sum", "tuple", "zip"]
)  # fmt: skip


def _is_named(node: Any, names: set[str]) -> bool:
    return isinstance(node, ast.Name) and node.id in names


def state_of(value: Any) -> list[Any]:
    """What a container holds now. What other objects keep is seen where it changes an answer
    (capture/checks.py): a client may count its calls."""
    if isinstance(value, (dict, list, set, collections.deque)):
        return [*value, *value.values()] if isinstance(value, dict) else list(value)
    return []


def is_same_state(before: list[Any], after: list[Any]) -> bool:
    return len(before) == len(after) and all(
        a is b or (type(a) is str and a == b) for a, b in zip(before, after, strict=True)
    )
