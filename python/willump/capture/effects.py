"""What a function that is not followed may write to, by its source: that it wrote nothing on
the sample tells nothing of other rows."""

from __future__ import annotations

import ast
import inspect
import types
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .changes import WRITING
from .lasting import MUTATING
from .source import SourceError, definition_of, is_of_library

#: NumPy's functions that write to their first argument.
_WRITERS = frozenset(["copyto", "place", "put", "putmask", "put_along_axis", "fill_diagonal", "at"])
#: Functions within functions that are looked into.
_DEPTH = 5


@dataclass
class Effects:
    """What may be written to. `unknown`: there is no source that says so."""

    parameters: set[str] = field(default_factory=set)
    names: set[str] = field(default_factory=set)  #: globals, and names of functions around
    attributes: set[str] = field(default_factory=set)  #: of whatever object
    unknown: bool = False


def effects_of(function: Any, depth: int = 0) -> Effects:
    """The effects of a function of the user's."""
    function = getattr(function, "__func__", function)
    found = Effects()
    try:
        node = definition_of(function)
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
            if isinstance(written, ast.Attribute) and isinstance(written.ctx, ast.Store):
                found.attributes.add(written.attr)
            root = _root(written)
            if root in aliases:
                found.parameters.add(aliases[root])
            elif root is not None and root not in local:
                found.names.add(root)
        if isinstance(inner, ast.Call):
            _add_called(found, inner, function, aliases, depth)
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
    if not isinstance(node, ast.Call):
        return []
    found = [k.value for k in node.keywords if k.arg == "out"]
    if isinstance(node.func, ast.Attribute):
        is_told = any(k.arg == "inplace" for k in node.keywords)
        if is_told or node.func.attr in WRITING or node.func.attr in MUTATING:
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
    found: Effects, call: ast.Call, function: Any, aliases: dict[str, str], depth: int
) -> None:
    """The effects of a function of the user's that is called by its name, or by `self`."""
    given = [*call.args, *(keyword.value for keyword in call.keywords)]
    handed = {aliases[v.id] for v in given if isinstance(v, ast.Name) and v.id in aliases}
    callee: Any = None
    if isinstance(call.func, ast.Name):
        names = inspect.getclosurevars(function)
        callee = {**names.globals, **names.nonlocals}.get(call.func.id)
    elif isinstance(call.func, ast.Attribute):
        owner = function.__globals__.get(_root(call.func.value) or "")
        if isinstance(owner, (types.ModuleType, type)):
            callee = getattr(owner, call.func.attr, None)
        elif isinstance(call.func.value, ast.Name) and call.func.value.id in aliases:
            return  # a method of a parameter: of a frame, or of the object itself
    callee = getattr(callee, "__func__", callee)
    if not isinstance(callee, types.FunctionType) or is_of_library(callee):
        return
    inner = effects_of(callee, depth + 1) if depth < _DEPTH else Effects(unknown=True)
    found.names |= inner.names
    found.attributes |= inner.attributes
    if inner.unknown or inner.parameters:
        found.parameters |= handed


#: Functions that give the very array that they are given, where it is of their dtype.
SAME_ARRAY = frozenset(
    [np.asarray, np.asanyarray, np.ascontiguousarray, np.atleast_1d, np.atleast_2d, np.ravel]
)
