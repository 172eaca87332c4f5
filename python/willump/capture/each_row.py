"""List comprehensions over columns, `[clean(text) for text in df["text"]]`: functions of a row,
whose answers are a list.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from .kinds import kind_of
from .values import Column, Traced


def each_row(answer: Callable[..., Any], *columns: Any) -> list[Any]:
    """What a function gives for each row of columns, as a comprehension over them, or over
    their `zip`, gives it."""
    return [answer(*row) for row in zip(*columns, strict=False)]


def is_of_rows(value: Any) -> bool:
    """Whether a value's items are one for each row."""
    if not isinstance(value, Traced):
        return False
    is_made_here = isinstance(value.native, Column) or value.replay.function is each_row
    return kind_of(value) in ("series", "array") or (type(value.value) is list and is_made_here)


def is_map_of_rows(callee: Any, args: tuple[Any, ...]) -> bool:
    """Whether it is `map(f, df["a"], df["b"])`, of which a list is made in any case."""
    return callee is map and len(args) > 1 and all(map(is_of_rows, args[1:]))


def as_function(node: ast.ListComp, n_zipped: int | None) -> ast.Lambda | None:
    """The element as a function of a column's item, or of those of `n_zipped` columns; None
    where rows are left out, or there is a loop in the loop."""
    (first, *rest) = node.generators
    target = first.target
    targets: list[ast.expr] = [target] if n_zipped is None else getattr(target, "elts", [])
    binds = any(isinstance(inner, (ast.NamedExpr, ast.Await)) for inner in ast.walk(node))
    if rest or first.ifs or first.is_async or binds:
        return None
    names = [each for each in targets if isinstance(each, ast.Name)]
    if len(names) != len(targets) or len(names) != (n_zipped or 1):
        return None
    arguments = ast.arguments(
        posonlyargs=[], args=[ast.copy_location(ast.arg(name.id), name) for name in names],
        kwonlyargs=[], kw_defaults=[], defaults=[],
    )  # fmt: skip
    return ast.copy_location(ast.Lambda(arguments, node.elt), node)
