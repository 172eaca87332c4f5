"""Methods of `.str` with regular expressions.

pandas asks RE2 for strings that Arrow holds, and Python's `re` for others, for some
methods, and (later versions) wherever the two read a pattern in different ways. What
it gives hangs on neither here, or is left to pandas.
"""

from __future__ import annotations

import functools
import re
from typing import Any

import numpy as np
import pandas as pd

from ..convert.pattern import (
    Regex,
    UnsupportedPattern,
    translate_either,
    translate_re2,
    translate_regex,
)
from .columns import emit
from .registry import Call, method
from .values import Column, Frame, Matches, Native, NotNative


def regex_of(
    pattern: Any, dtype: Any, *, flags: int = 0, case: bool = True, is_python: bool = False
) -> Regex:
    """The pattern for PCRE2, as pandas would read it for strings of a dtype; or a compiled
    one, whose flags are its own."""
    if isinstance(pattern, re.Pattern):
        if flags or not case:
            raise NotNative("a compiled pattern with options")
        flags, pattern = pattern.flags, pattern.pattern
        is_python |= bool(flags & ~(re.IGNORECASE | re.UNICODE))
        if not is_python and is_re2(dtype):
            case, flags = not flags & re.IGNORECASE, 0
    if not isinstance(pattern, str):
        raise NotNative("a pattern that is no string")
    try:
        if is_python or not is_re2(dtype, flags):
            return translate_regex(pattern, flags | (0 if case else re.IGNORECASE))
        if _is_read_as_python(dtype):
            return translate_either(pattern, ignore_case=not case)
        return translate_re2(pattern, ignore_case=not case)
    except (UnsupportedPattern, re.error) as reason:
        raise NotNative(f"the regular expression {pattern!r}: {reason}") from reason


@functools.lru_cache(maxsize=4)
def _is_read_as_python(dtype: Any) -> bool:
    """Whether pandas asks Python where RE2 would read a pattern otherwise: asked of pandas."""
    probes = pd.Series(["\u0663", "\x0b", "a\n", "\u00e9"], dtype=dtype)
    pattern = r"^\d$|^\s$|a$|^\w\b"
    return all(bool(probes.str.contains(pattern, case=case).all()) for case in (True, False))


def is_re2(dtype: Any, flags: int = 0) -> bool:
    """Whether RE2 may be asked."""
    return isinstance(dtype, pd.StringDtype) and dtype.storage == "pyarrow" and not flags


def measured(
    call: Call, column: Column, function: str, pattern: str, dtype: str, missing: float | None
) -> Column:
    """Whether, or how often, a pattern matches."""
    return emit(
        call, "measure_pattern", [column], dtype, column.rows, pattern=pattern, function=function,
        missing=missing,
    )  # fmt: skip


def anchored(regex: Regex, pattern: Any, dtype: Any, *, is_full: bool) -> str:
    """The pattern at the beginning of a string, or for all of it."""
    pattern = pattern.pattern if isinstance(pattern, re.Pattern) else pattern
    is_whole = pattern.startswith("^") and pattern.endswith("$")
    if is_full and is_re2(dtype) and is_whole and "|" in pattern:
        raise NotNative("fullmatch of alternatives between ^ and $, as pandas reads them")
    return rf"\A(?:{regex.pattern})" + (r"\z" if is_full else "")


def replaced(
    call: Call, column: Column, dtype: Any, pattern: Any, value: str, *, limit: int, flags: int
) -> Column:
    """Each match replaced; `\\1` in the value is what group 1 matched."""
    regex = regex_of(pattern, dtype, flags=flags)
    if is_re2(dtype, flags) and (regex.may_be_empty or limit != -1):
        raise NotNative("str.replace of matches that may be empty, or of some of them")
    if limit == 0:
        raise NotNative("str.replace of this")
    parts, groups = template_of(value, regex)
    return emit(
        call, "edit_pattern", [column], column.dtype, column.rows, pattern=regex.pattern,
        function="replace", parts=parts,
        groups=np.array(groups, dtype=np.int64) if groups else None, limit=max(limit, 0) or None,
    )  # fmt: skip


def template_of(value: str, regex: Regex, *, names: bool = False) -> tuple[list[str], list[int]]:
    """A replacement's constant parts, and the groups between them; `names`: `\\g<name>`, too."""
    group = r"\\(?:g<(\w+)>|([1-9])(?![0-9]))" if names else r"\\()([1-9])(?![0-9])"
    pieces = re.split(group, value)
    parts = pieces[::3]
    if "\0" in value or any("\\" in part for part in parts):
        raise NotNative(f"the replacement {value!r}")
    groups = []
    for name, number in zip(pieces[1::3], pieces[2::3], strict=True):
        is_number = not name or (name.isascii() and name.isdigit())
        found = int(number or name) if is_number else regex.group_names.get(name, -1)
        if not 0 <= found <= regex.n_groups:
            raise NotNative(f"the replacement {value!r}")
        groups.append(found)
    return parts, groups


def extracted(call: Call, column: Column, pattern: str, group: int) -> Column:
    """What a group of the first match holds."""
    return emit(
        call, "edit_pattern", [column], column.dtype, column.rows, pattern=pattern,
        function="extract", group=group,
    )  # fmt: skip


def _column_of(call: Call) -> tuple[Column, Any]:
    from .strings import column_of_text

    return column_of_text(call)


@method("str", "extract")
def extract(call: Call) -> Native:
    own = call.bind("self", "pat", "flags", "expand", flags=0, expand=True)
    column, dtype = _column_of(call)
    regex = regex_of(own.pat, dtype, flags=own.flags, is_python=True)
    parts = [extracted(call, column, regex.pattern, i + 1) for i in range(regex.n_groups)]
    if isinstance(call.value, pd.Series):
        return parts[0]
    return Frame(dict(zip(call.value.columns, parts, strict=True)), column.rows)


@method("str", "findall")
def find_all(call: Call) -> Native:
    own = call.bind("self", "pat", "flags", flags=0)
    column, dtype = _column_of(call)
    return Matches(column, regex_of(own.pat, dtype, flags=own.flags, is_python=True).pattern)
