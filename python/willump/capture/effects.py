"""What a function that is not followed may write to, by its source: that it wrote nothing on
the sample tells nothing of other rows."""

from __future__ import annotations

import ast
import inspect
import types
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .inner import source_of
from .lasting import MUTATING, WRITING
from .source import SourceError, is_of_library, seen_by

#: NumPy's functions that write to their first argument.
_WRITERS = frozenset(["copyto", "place", "put", "putmask", "put_along_axis", "fill_diagonal", "at"])
#: Functions within functions that are looked into.
_DEPTH = 5


#: Builtins that read what they are given.
_READERS = frozenset(
    ["all", "any", "dict", "enumerate", "isinstance", "len", "list", "max", "min", "range", "set",
     "sorted", "str", "sum", "tuple", "zip"]
)  # fmt: skip


@dataclass
class Effects:
    """What may be written to. `unknown`: there is no source that says so."""

    parameters: set[str] = field(default_factory=set)
    handed: set[str] = field(default_factory=set)  #: parameters given to what was not looked into
    names: set[str] = field(default_factory=set)  #: globals, and names of functions around
    attributes: set[str] = field(default_factory=set)  #: of whatever object
    unknown: bool = False


def effects_of(function: Any, bound: dict[str, Any], depth: int = 0) -> Effects:
    """The effects of a function of the user's.

    Parameters
    ----------
    bound : parameter -> value, of those that are known; they tell what a method of one is
    """
    function = getattr(function, "__func__", function)
    found = Effects()
    try:
        node = source_of(function)
    except SourceError:
        found.unknown = not inspect.isgeneratorfunction(function)
        return found
    own = {a.arg for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)}
    outer = {
        n for s in ast.walk(node) if isinstance(s, (ast.Global, ast.Nonlocal)) for n in s.names
    }
    local = {
        n.id
        for n in ast.walk(node)
        if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store) and n.id not in outer
    }
    # Another name of a parameter, or of a part of it, is written to as itself.
    aliases = {name: name for name in own}
    for _ in range(2):
        for statement in ast.walk(node):
            if isinstance(statement, (ast.Assign, ast.AnnAssign, ast.NamedExpr)):
                targets = getattr(statement, "targets", None) or [statement.target]  # type: ignore[union-attr]
                root = _root(statement.value)
                for target in targets:
                    if isinstance(target, ast.Name) and root in aliases:
                        aliases.setdefault(target.id, aliases[root])
    found.names |= {n for n in outer if _is_stored(node, n)}
    for inner in ast.walk(node):
        for written in _written(inner):
            if isinstance(written, ast.Attribute) and not isinstance(written.ctx, ast.Load):
                found.attributes.add(written.attr)
            root = _root(written)
            if root in aliases:
                found.parameters.add(aliases[root])
            elif root is not None and root not in local:
                found.names.add(root)
        if isinstance(inner, ast.Return) and isinstance(inner.value, ast.Name):
            found.handed |= {aliases[inner.value.id]} if inner.value.id in aliases else set()
        if isinstance(inner, ast.Call):
            _add_called(found, inner, function, bound, aliases, depth)
    return found


def _is_stored(node: ast.AST, name: str) -> bool:
    return any(
        isinstance(n, ast.Name) and n.id == name and not isinstance(n.ctx, ast.Load)
        for n in ast.walk(node)
    )


def _written(node: ast.AST) -> list[ast.expr]:
    """What a statement or call writes to."""
    if isinstance(node, (ast.Subscript, ast.Attribute)) and not isinstance(node.ctx, ast.Load):
        return [node]
    if isinstance(node, ast.AugAssign):
        return [node.target]
    if isinstance(node, ast.Attribute) and node.attr in MUTATING:  # called here, or later
        return [node.value]
    if not isinstance(node, ast.Call):
        return []
    found = [k.value for k in node.keywords if k.arg == "out"]
    if isinstance(node.func, ast.Attribute):
        is_told = any(k.arg == "inplace" for k in node.keywords)
        if is_told or node.func.attr in WRITING:
            found.append(node.func.value)
        if node.func.attr in _WRITERS:
            found += node.args[:1]
        if node.func.attr.startswith(("fit", "partial_fit")):
            found.append(node.func)
    return found


def _root(node: Any) -> str | None:
    """The name that an expression is a part of: `a` of `a.loc[0]`; of calls too, which may
    give a view (`a.reshape(...)`)."""
    while True:
        if isinstance(node, ast.Name):
            return node.id
        if isinstance(node, (ast.Attribute, ast.Subscript, ast.Starred)):
            node = node.value
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if node.func.attr in ("copy", "astype", "fillna", "to_dict", "tolist"):
                return None
            node = node.func.value
        else:
            return None


def _add_called(
    found: Effects,
    call: ast.Call,
    function: Any,
    bound: dict[str, Any],
    aliases: dict[str, str],
    depth: int,
) -> None:
    """The effects of a function of the user's that is called by its name, or as a method."""
    given = [*call.args, *(keyword.value for keyword in call.keywords)]
    handed = {aliases[v.id] for v in given if isinstance(v, ast.Name) and v.id in aliases}
    callee, of = _called(call.func, function, bound, aliases)
    own = getattr(callee, "__func__", callee)
    if not isinstance(own, types.FunctionType) or is_of_library(own):
        is_reader = isinstance(call.func, ast.Name) and call.func.id in _READERS
        found.handed |= set() if is_reader else handed
        return
    inner = effects_of(own, of, depth + 1) if depth < _DEPTH else Effects(unknown=True)
    found.names |= inner.names
    found.attributes |= inner.attributes
    if inner.unknown or inner.parameters:
        found.parameters |= handed
    if inner.handed:
        found.handed |= handed


def _called(
    node: ast.expr, function: Any, bound: dict[str, Any], aliases: dict[str, str]
) -> tuple[Any, dict[str, Any]]:
    """The function that is called, if it is known, and what is known of its parameters."""
    if isinstance(node, ast.Name):
        return seen_by(function).get(node.id), {}
    if not isinstance(node, ast.Attribute) or not isinstance(node.value, ast.Name):
        return None, {}
    name = node.value.id
    owner = bound.get(aliases[name]) if name in aliases else function.__globals__.get(name)
    if isinstance(owner, (types.ModuleType, type)):
        return getattr(owner, node.attr, None), {}
    method = getattr(type(owner), node.attr, None)
    if not isinstance(method, types.FunctionType):
        return None, {}
    return method, dict.fromkeys(list(inspect.signature(method).parameters)[:1], owner)


#: Functions that give the very array that they are given, where it is of their dtype.
SAME_ARRAY = frozenset(
    [np.asarray, np.asanyarray, np.ascontiguousarray, np.atleast_1d, np.atleast_2d, np.ravel]
)
