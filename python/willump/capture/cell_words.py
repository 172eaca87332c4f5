"""The words of a row's string, of which some are kept: `[w for w in text.split() if w not in
STOP]`.

What is left out is taken from the string by a pattern, the blanks around it stay; the words
of what remains are those that are kept.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from ..convert.pattern import character_class, translate_regex
from .cell_calls import SplitCell
from .cell_patterns import replaced
from .cells import Cells
from .strings import points_that_are
from .values import NotNative

#: The lengths that a comparison with a number leaves out: the least and the most.
_LENGTHS: dict[type[ast.cmpop], Callable[[int], tuple[int, int | None]]] = {
    ast.Gt: lambda n: (1, n),
    ast.GtE: lambda n: (1, n - 1),
    ast.Lt: lambda n: (max(n, 1), None),
    ast.LtE: lambda n: (max(n + 1, 1), None),
    ast.NotEq: lambda n: (n, n),
}
_KINDS = ("isalnum", "isalpha", "isdecimal", "isdigit", "isnumeric")
#: The longest word that a length is asked of.
_LONGEST = 1000
#: Words that a pattern asks for.
_MOST = 5000
#: The longest of these: groups lie within each other in it.
_DEEPEST = 60

_Expression = Callable[[ast.expr], Any]


def is_of_words(node: ast.ListComp | ast.GeneratorExp) -> bool:
    """Whether a comprehension gives items as they are, some of them."""
    (first, *rest) = node.generators
    is_name = isinstance(node.elt, ast.Name) and isinstance(first.target, ast.Name)
    return is_name and not rest and ast.dump(node.elt) == ast.dump(_read(first.target))


def _read(target: ast.expr) -> ast.expr:
    return ast.Name(target.id, ast.Load()) if isinstance(target, ast.Name) else target


def kept(cells: Cells, words: SplitCell, node: Any, expression: _Expression) -> SplitCell:
    """The words that all conditions of a comprehension keep."""
    name = node.generators[0].target.id
    tests: list[ast.expr] = []
    for test in node.generators[0].ifs:
        is_and = isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And)
        tests += test.values if is_and else [test]
    if words.separator or words.limit:
        raise NotNative("some pieces of a string")
    for test in tests:
        pattern = _left_out(test, name, expression)
        if pattern is not None:
            words = SplitCell(replaced(cells, words.column, pattern, [""], []).column, "", 0)
    return words


def _left_out(test: ast.expr, name: str, expression: _Expression) -> str | None:
    """The pattern of the words that a condition leaves out; None: it leaves out none."""
    is_kept = True
    while isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        is_kept, test = not is_kept, test.operand
    if isinstance(test, ast.Name) and test.id == name and is_kept:
        return None
    if isinstance(test, ast.Call) and not test.args and not test.keywords and _is_kind(test, name):
        method = test.func.attr  # type: ignore[attr-defined]
        points = points_that_are(np.dtype(object), method, "")
        return _words(f"{character_class(points)}+", is_left_out=not is_kept)
    if not isinstance(test, ast.Compare) or len(test.ops) != 1:
        raise NotNative("words by this condition")
    (op,), (right,) = test.ops, test.comparators
    if any(isinstance(each, ast.Name) and each.id == name for each in ast.walk(right)):
        raise NotNative("words by this condition")
    value = expression(right)
    if isinstance(op, (ast.In, ast.NotIn)) and _is(test.left, name):
        return _of_container(value, is_left_out=isinstance(op, ast.NotIn) is is_kept)
    size = test.left
    if isinstance(size, ast.Call) and is_kept and _is_alone(size, name):
        function = expression(size.func)
        if function is len:
            return _of_length(type(op), value)
    raise NotNative("words by this condition")


def _is(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _is_alone(call: ast.Call, name: str) -> bool:
    """Whether a call's one argument is a name."""
    return len(call.args) == 1 and not call.keywords and _is(call.args[0], name)


def _is_kind(test: ast.Call, name: str) -> bool:
    return isinstance(test.func, ast.Attribute) and test.func.attr in _KINDS and (
        _is(test.func.value, name)
    )  # fmt: skip


def _of_container(value: Any, *, is_left_out: bool) -> str | None:
    if type(value) not in (set, frozenset, list, tuple, dict) or len(value) > _MOST:
        raise NotNative("words in what is no constant container")
    words = sorted({w for w in value if isinstance(w, str) and w and not re.search(r"\s", w)})
    if not words:
        return None if is_left_out else _words(r"(?!)", is_left_out=False)
    if max(map(len, words)) > _DEEPEST:
        raise NotNative("words of such a length")
    return _words(_any_of(words), is_left_out=is_left_out)


def _any_of(words: list[str]) -> str:
    """The pattern of one of several words: what they begin with is asked once."""
    ends: dict[str, list[str]] = {}
    for word in words:
        if word:
            ends.setdefault(word[0], []).append(word[1:])
    parts = [character_class([ord(char)]) + _any_of(rest) for char, rest in ends.items()]
    if not parts:
        return ""
    return f"(?:{'|'.join(parts)}){'?' if '' in words else ''}"


def _of_length(op: type[ast.cmpop], value: Any) -> str | None:
    bounds = _LENGTHS.get(op)
    if bounds is None or type(value) is not int or abs(value) > _LONGEST:
        raise NotNative("words by this length")
    least, most = bounds(value)
    if most is not None and most < max(least, 1):
        return None
    end = "" if most is None else most
    return _words(f"{_not_blank()}{{{least},{end}}}", is_left_out=True)


def _not_blank() -> str:
    return translate_regex(r"\S").pattern


def _words(pattern: str, *, is_left_out: bool) -> str:
    """The pattern of words that are one as a whole, or that are not."""
    char = _not_blank()
    if is_left_out:
        return f"(?<!{char}){pattern}(?!{char})"
    return f"(?<!{char})(?!{pattern}(?!{char})){char}+"
