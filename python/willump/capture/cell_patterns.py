"""A row's string and regular expressions: the functions of `re`, and what they find."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from ..convert.pattern import Regex, UnsupportedPattern, translate_regex
from .cells import INT, TEXT, Cell, Cells, Listed
from .patterns import template_of
from .values import Column, NotNative, is_traced

#: What the functions of `re` take behind the pattern; those of a compiled one, but the flags.
_SIGNATURES = {
    "sub": ("repl", "string", "count", "flags"),
    "search": ("string", "flags"),
    "match": ("string", "flags"),
    "fullmatch": ("string", "flags"),
    "findall": ("string", "flags"),
    "split": ("string", "maxsplit", "flags"),
}


def call_pattern(cells: Cells, callee: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A function of `re`, or a method of a compiled pattern; NotImplemented where it is none."""
    name = str(getattr(callee, "__name__", ""))
    names = _SIGNATURES.get(name)
    if names is None:
        return NotImplemented
    given: dict[str, Any]
    owner = getattr(callee, "__self__", None)
    if isinstance(owner, re.Pattern):
        given = {"pattern": owner}
        names = names[:-1]
    elif callee is getattr(re, name):
        given = {}
        names = ("pattern", *names)
    else:
        return NotImplemented
    if len(args) > len(names) or not set(kwargs) <= set(names):
        raise NotNative(f"re.{name} with other arguments")
    given |= dict(zip(names, args, strict=False)) | kwargs
    column = cells.text(given.pop("string", None))
    if is_traced(given):
        raise NotNative(f"re.{name} with another value of a row")
    regex = _regex_of(given["pattern"], given.get("flags", 0))
    if name == "sub":
        return _substituted(cells, column, regex, given.get("repl"), given.get("count", 0))
    if name == "findall":
        return Matched(column, regex.pattern)
    if name == "split":
        if given.get("maxsplit", 0) != 0:
            raise NotNative("re.split of some")
        return Parted(column, regex.pattern, regex.n_groups)
    return Match(column, regex, name)


def _regex_of(pattern: Any, flags: Any) -> Regex:
    if isinstance(pattern, re.Pattern):
        pattern, flags = pattern.pattern, pattern.flags
    if not isinstance(pattern, str) or not isinstance(flags, int):
        raise NotNative("a pattern that is no string")
    try:
        return translate_regex(pattern, int(flags))
    except (UnsupportedPattern, re.error) as reason:
        raise NotNative(f"the regular expression {pattern!r}: {reason}") from reason


def _substituted(cells: Cells, column: Column, regex: Regex, value: Any, count: Any) -> Cell:
    if not isinstance(value, str) or not isinstance(count, int) or count < 0:
        raise NotNative("re.sub by a function, or of this")
    parts, groups = template_of(value, regex, names=True)
    return replaced(cells, column, regex.pattern, parts, groups, limit=count)


def replaced(
    cells: Cells, column: Column, pattern: str, parts: list[str], groups: list[int], *,
    limit: int = 0,
) -> Cell:  # fmt: skip
    """Each match, or the first ones, replaced by `parts` with groups between them."""
    made = cells.emit(
        "edit_pattern", [column], "object", pattern=pattern, function="replace", parts=parts,
        groups=np.array(groups, dtype=np.int64) if groups else None, limit=limit or None,
    )  # fmt: skip
    return Cell(made, TEXT)


def _counted(cells: Cells, column: Column, pattern: str) -> Column:
    return cells.emit(
        "measure_pattern", [column], "int64", pattern=pattern, function="count"
    )  # fmt: skip


class Matched(Listed):
    """`re.findall`: how many matches there are."""

    def __init__(self, column: Column, pattern: str) -> None:
        super().__init__()
        self.column, self.pattern = column, pattern

    def n_items(self, cells: Cells) -> Cell:
        return Cell(_counted(cells, self.column, self.pattern), INT)


class Parted(Matched):
    """`re.split`: how many pieces there are, and the groups between them."""

    def __init__(self, column: Column, pattern: str, n_groups: int) -> None:
        super().__init__(column, pattern)
        self.n_groups = n_groups

    def n_items(self, cells: Cells) -> Cell:
        found = _counted(cells, self.column, self.pattern)
        for function, value in (("multiply", 1.0 + self.n_groups), ("add", 1.0)):
            found = cells.binary(function, found, value, "int64")
        return Cell(found, INT)


class Match(Listed):
    """A match, or None."""

    def __init__(self, column: Column, regex: Regex, name: str) -> None:
        super().__init__()
        self.column, self.regex = column, regex
        self.pattern = regex.pattern
        if name != "search":
            self.pattern = rf"\A(?:{self.pattern})" + (r"\z" if name == "fullmatch" else "")

    def truth(self, cells: Cells) -> Column:
        return cells.emit(
            "measure_pattern", [self.column], "bool", pattern=self.pattern, function="contains"
        )  # fmt: skip

    def is_none(self, cells: Cells) -> Any:
        return cells.boolean(cells.negated(self.truth(cells)))

    def item(self, cells: Cells, key: Any) -> Cell:
        """What a group matched; None where it took no part."""
        if isinstance(key, str):
            key = self.regex.group_names.get(key)
        if not isinstance(key, int) or isinstance(key, bool) or not 0 <= key <= self.regex.n_groups:
            raise NotNative("a group of a match")
        made = cells.emit(
            "edit_pattern", [self.column], "object", pattern=self.pattern, function="extract",
            group=key or None,
        )  # fmt: skip
        there = cells.require(self.truth(cells), made, "there is no match", "type")
        may_miss = key > 0 and key not in self.regex.certain_groups
        return Cell(there, TEXT, may_miss=may_miss, has_none=may_miss)

    def call_method(self, cells: Cells, name: str, args: tuple[Any, ...]) -> Any:
        if name != "group" or len(args) > 1:
            raise NotNative(f"a match's {name}")
        return self.item(cells, *(args or (0,)))
