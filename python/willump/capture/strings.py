"""Methods of `.str`, and strings put together."""

from __future__ import annotations

import functools
import math
import re
import unicodedata
from typing import Any

import numpy as np
import pandas as pd

from ..convert.pattern import character_class, translate_regex
from .columns import emit
from .frames import kind_of_dtype, same_rows
from .patterns import anchored, is_re2, measured, regex_of, replaced
from .registry import Call, method
from .values import WHOLE, Column, Matches, Native, NotNative, Pieces, Traced

#: Where a mapping hangs on what stands beside a character, these show it.
_PROBES = ("ΑΣ", "ΑΣΑ", "ΑΣ ΑΣ", "aΣ.", "ǅa", "ßa", "İı", "ŉs", "ﬁx")
#: Characters that are asked for together.
_BLOCK = 256
#: Python's own strings.
_PYTHON = np.dtype(object)
#: An argument that was not given.
_ABSENT = object()


def column_of_text(call: Call) -> tuple[Column, Any]:
    """The column whose `.str` it is, and its dtype on the sample."""
    owner = call.args[0].native.of
    column = call.tracer.column(owner)
    if not column.is_text:
        raise NotNative(".str of what is no string")
    return column, owner.value.dtype


def _all_characters() -> str:
    """Every code point but the surrogates, in order."""
    points = np.r_[0:0xD800, 0xE000:0x110000].astype("<u4")
    text: str = points.tobytes().decode("utf-32-le")
    return text


@functools.lru_cache(maxsize=32)
def _char_map(dtype: Any, name: str) -> tuple[Any, tuple[str, ...], bool] | None:
    """What a method makes of each character by itself where that is another one, and
    whether the sigma's form hangs on its neighbours; None where more does.

    Asked of pandas, whose strings are Arrow's or Python's.
    """

    def ask(texts: list[str]) -> list[str]:
        return list(getattr(pd.Series(texts, dtype=dtype).str, name)())

    text = _all_characters()
    blocks = [text[i : i + _BLOCK] for i in range(0, len(text), _BLOCK)]
    changed = [b for b, new in zip(blocks, ask(blocks), strict=True) if b != new]
    chars = list("".join(changed))
    table = {c: new for c, new in zip(chars, ask(chars), strict=True) if c != new}
    expected = ["".join(table.get(c, c) for c in probe) for probe in _PROBES]
    found = ask(list(_PROBES))
    has_sigma = name == "lower" and found != expected
    if has_sigma:
        expected = [probe.lower() for probe in _PROBES]
    if found != expected:
        return None
    ordered = sorted(table)
    return np.array([ord(c) for c in ordered]), tuple(table[c] for c in ordered), has_sigma


def char_map_attributes(dtype: Any, name: str) -> dict[str, Any]:
    """Attributes of `map_chars` for a method of strings of a dtype."""
    found = _char_map(dtype, name)
    if found is None:
        raise NotNative(f"str.{name} of Python's strings, where a character's neighbours count")
    chars, values, has_sigma = found
    return {
        "chars": chars,
        "values": list(values),
        "final_sigma": True if has_sigma else None,
        "unicode": unicodedata.unidata_version if has_sigma else None,
    }


@method("str", "lower", "upper", "casefold", "swapcase")
def by_character(call: Call) -> Native:
    column, dtype = column_of_text(call)
    if len(call.args) > 1 or call.kwargs:
        raise NotNative(f"{call.name} with options")
    attributes = char_map_attributes(dtype, call.name.rpartition(".")[2])
    return emit(call, "map_chars", [column], column.dtype, column.rows, **attributes)


@method("str", "title", "capitalize")
def first_by_character(call: Call) -> Native:
    """The first character of each word, or of the string, becomes another one than those
    behind it."""
    column, dtype = column_of_text(call)
    if len(call.args) > 1 or call.kwargs:
        raise NotNative(f"{call.name} with options")
    attributes = capital_map(dtype, call.name.rpartition(".")[2])
    return emit(call, "map_chars", [column], column.dtype, column.rows, **attributes)


@functools.lru_cache(maxsize=8)
def capital_map(dtype: Any, name: str) -> dict[str, Any]:
    """What `title` or `capitalize` makes of each character where it is the first one and
    where it is not, asked of pandas: all at once, blanks between them."""
    text = _all_characters().replace(" ", "")

    def ask(texts: list[str]) -> list[str]:
        return list(getattr(pd.Series(texts, dtype=dtype).str, name)())

    def changed(before: str) -> dict[str, str]:
        """Behind a character, or behind none."""
        if name == "title":
            (found,) = ask([" ".join(before + char for char in text)])
            pieces = found.split(" ")
        else:
            pieces = ask([before + char for char in text])
        pairs = zip(text, (piece[len(before) :] for piece in pieces), strict=True)
        return {char: new for char, new in pairs if char != new}

    first, rest = changed(""), changed("a")
    attributes: dict[str, Any] = {
        "first": "word" if name == "title" else "string",
        "first_chars": np.array([ord(char) for char in first]),
        "first_values": list(first.values()),
        "chars": np.array([ord(char) for char in rest]),
        "values": list(rest.values()),
    }
    if name == "title":
        (found,) = ask([" ".join(char + "a" for char in text)])
        is_cased = np.array([piece.endswith("a") for piece in found.split(" ")])
        points = np.array([ord(char) for char in text])[is_cased]
        breaks = np.flatnonzero(np.diff(points) != 1)
        ends = np.r_[points[breaks], points[-1]]
        attributes["cased"] = np.stack([np.r_[points[0], points[breaks + 1]], ends], 1).ravel()
    if ask(["aΣ"])[0] != ask(["aΣa"])[0][:2]:
        attributes |= {"final_sigma": True, "unicode": unicodedata.unidata_version}
    return attributes


def _is_literal(pattern: str) -> bool:
    """Whether a regular expression is a plain word."""
    return not set(pattern) & set(r"\.^$*+?{}[]|()")


def _words(pattern: Any, *, is_regex: bool = True) -> list[str] | None:
    """The words that a pattern asks for, as it is or one of several; None where it is
    more than words."""
    if isinstance(pattern, re.Pattern) and is_regex:
        return None
    if not isinstance(pattern, str):
        raise NotNative("a pattern that is no string")
    if not is_regex or _is_literal(pattern):
        return [pattern]
    words = pattern.split("|")
    return words if all(map(_is_literal, words)) else None


def _measured(
    call: Call, function: str, dtype: str, missing: float, words: list[str] | None = None
) -> Column:
    column, _ = column_of_text(call)
    return emit(
        call, "measure_text", [column], dtype, column.rows, function=function, words=words,
        missing=None if math.isnan(missing) else missing,
    )  # fmt: skip


def _missing_as(call: Call, dtype: str, na: Any) -> float:
    """What a missing string gives where a boolean is asked for."""
    if na is _ABSENT:
        na = False if dtype == "str" else None
    if not isinstance(na, (bool, np.bool_)):
        raise NotNative(f"{call.name} of objects without na=False, which gives objects")
    return float(na)


def _truth(call: Call, function: str, words: list[str], na: Any) -> Column:
    """Whether words are there; what a missing string gives is `na`."""
    column, _ = column_of_text(call)
    return _measured(call, function, "bool", _missing_as(call, column.dtype, na), words)


@method("str", "len")
def length(call: Call) -> Native:
    found = call.args[0].native.of.native
    if isinstance(found, Matches):
        return measured(call, found.column, "count", found.pattern, WHOLE, None)
    if isinstance(found, Pieces):
        return n_pieces(call, found)
    return _measured(call, "length", WHOLE, math.nan)


@method("str", "count")
def count(call: Call) -> Native:
    own = call.bind("self", "pat", "flags", flags=0)
    words = _words(own.pat)
    if words is not None and len(words) == 1 and not own.flags:
        return _measured(call, "count", WHOLE, math.nan, words)
    column, dtype = column_of_text(call)
    regex = regex_of(own.pat, dtype, flags=own.flags)
    if is_re2(dtype, own.flags) and (regex.may_be_empty or regex.has_anchors):
        raise NotNative("str.count of matches that may be empty, or hang on their place")
    return measured(call, column, "count", regex.pattern, WHOLE, None)


@method("str", "find", "rfind")
def find(call: Call) -> Native:
    own = call.bind("self", "sub", "start", "end", start=0, end=None)
    if not isinstance(own.sub, str) or own.start not in (0, None) or own.end is not None:
        raise NotNative(f"{call.name} of a part, or of what is no string")
    _, dtype = column_of_text(call)
    if pd.Series(["é."], dtype=dtype).str.find(".").iloc[0] != 1:
        raise NotNative("this pandas counts bytes in str.find")
    return _measured(call, call.name.rpartition(".")[2], WHOLE, math.nan, [own.sub])


@method("str", "contains", "match", "fullmatch")
def contains(call: Call) -> Native:
    name = call.name.rpartition(".")[2]
    own = call.bind(
        "self", "pat", "case", "flags", "na", "regex", case=True, flags=0, na=_ABSENT, regex=True
    )
    words = _words(own.pat, is_regex=bool(own.regex))
    is_plain = own.case is True and own.flags == 0
    if name == "contains" and words is not None and is_plain:
        return _truth(call, "contains", words, own.na)
    if not own.regex:
        raise NotNative("str.contains of a word without case")
    column, dtype = column_of_text(call)
    regex = regex_of(own.pat, dtype, flags=own.flags, case=own.case is True)
    pattern = regex.pattern
    if name != "contains":
        pattern = anchored(regex, own.pat, dtype, is_full=name == "fullmatch")
    missing = _missing_as(call, column.dtype, own.na)
    return measured(call, column, "contains", pattern, "bool", missing)


@method("str", "startswith", "endswith")
def starts_or_ends(call: Call) -> Native:
    own = call.bind("self", "pat", "na", na=_ABSENT)
    words = list(own.pat) if isinstance(own.pat, tuple) else [own.pat]
    if not all(isinstance(word, str) for word in words):
        raise NotNative(f"{call.name} of what is no string")
    name = "starts_with" if call.name.endswith("startswith") else "ends_with"
    return _truth(call, name, words, own.na)


# ---- parts of strings ---------------------------------------------------------------


def _edited(call: Call, dtype: str | None = None, **attributes: Any) -> Column:
    column, _ = column_of_text(call)
    return emit(call, "edit_text", [column], dtype or column.dtype, column.rows, **attributes)


def _sliced(call: Call, start: Any, stop: Any, step: Any) -> Column:
    if step not in (None, 1):
        raise NotNative("a slice of strings with a step")
    return _edited(call, function="slice", start=start, stop=stop)


@method("str", "slice")
def slice_(call: Call) -> Native:
    own = call.bind("self", "start", "stop", "step", start=None, stop=None, step=None)
    return _sliced(call, own.start, own.stop, own.step)


@method("str", "getitem", "get")
def item(call: Call) -> Native:
    part, key = call.args
    if isinstance(part.native.of.native, Pieces):
        return _piece(call, part.native.of.native, key)
    if isinstance(part.native.of.native, Matches):
        raise NotNative("a match of several is picked")
    if isinstance(key, slice):
        return _sliced(call, key.start, key.stop, key.step)
    if not isinstance(key, (int, np.integer)):
        raise NotNative(f".str[{key!r}]")
    return _edited(call, function="char", index=int(key))


def _piece(call: Call, pieces: Pieces, key: Any) -> Column:
    if not isinstance(key, (int, np.integer)):
        raise NotNative(f".str[{key!r}] of a split")
    separator: dict[str, Any] = {"text": pieces.separator}
    if not pieces.separator:  # pandas splits as Python does, whatever the strings' dtype
        separator = {"chars": blank_characters(np.dtype(object))}
    return emit(
        call, "edit_text", [pieces.column], "object", pieces.column.rows,
        function=pieces.function, index=int(key), limit=pieces.limit or None, **separator,
    )  # fmt: skip


@method("str", "split", "rsplit")
def split(call: Call) -> Native:
    own = call.bind("self", "pat", n=-1, expand=False, regex=None, pat=None)
    column, _ = column_of_text(call)
    name = call.name.rpartition(".")[2]
    limit = max(int(own.n), 0)
    if own.expand:
        raise NotNative(f"str.{name} with expand, whose columns hang on the rows")
    if own.pat is None:
        if name == "rsplit" and limit:
            raise NotNative("str.rsplit at some blanks")
        return Pieces(column, "", limit, "split_blank")
    if not isinstance(own.pat, str) or not own.pat:
        raise NotNative(f"str.{name} by {own.pat!r}")
    is_word = own.regex is False or (own.regex is None and len(own.pat) == 1)
    if not (is_word or _is_literal(own.pat) or name == "rsplit"):
        raise NotNative(f"the regular expression {own.pat!r}")
    return Pieces(column, own.pat, limit, name)


def n_pieces(call: Call, pieces: Pieces, dtype: str = WHOLE) -> Column:
    """How many pieces a string falls into."""
    column, most = pieces.column, pieces.limit + 1
    if not pieces.separator:  # runs of what is not blank to Python
        words = translate_regex(r"\S+").pattern
        found = measured(call, column, "count", words, dtype, None)
    else:
        separators = emit(
            call, "measure_text", [column], dtype, column.rows, function="count",
            words=[pieces.separator],
        )  # fmt: skip
        found = emit(
            call, "binary", [separators], dtype, column.rows, function="add", value=1.0,
            dtype="f64",
        )  # fmt: skip
    if most == 1:
        return found
    return emit(
        call, "binary", [found], dtype, column.rows, function="minimum", value=float(most),
        dtype="f64",
    )  # fmt: skip


@functools.lru_cache(maxsize=8)
def blank_characters(dtype: Any) -> Any:
    """The characters that `strip` takes away; no Unicode blank is above U+3000."""
    points = range(0x3100)
    found = pd.Series([chr(p) for p in points], dtype=dtype).str.strip()
    return np.array([p for p, kept in zip(points, found, strict=True) if kept == ""])


@method("str", "strip", "lstrip", "rstrip")
def strip(call: Call) -> Native:
    own = call.bind("self", "to_strip", to_strip=None)
    _, dtype = column_of_text(call)
    if own.to_strip is None:
        chars = blank_characters(dtype)
    elif isinstance(own.to_strip, str):
        chars = np.array(sorted({ord(c) for c in own.to_strip}), dtype=np.int64)
    else:
        raise NotNative("strip of what is no string")
    name = call.name.rpartition(".")[2]
    return _edited(
        call, function="strip", chars=chars, left=False if name == "rstrip" else None,
        right=False if name == "lstrip" else None,
    )  # fmt: skip


@method("str", "removeprefix", "removesuffix")
def remove(call: Call) -> Native:
    word = call.args[1] if len(call.args) == 2 else None
    column, _ = column_of_text(call)
    if not isinstance(word, str):
        raise NotNative(call.name)
    if not word:
        return column
    is_prefix = call.name.endswith("prefix")
    return _edited(
        call, function="remove", text=word, left=None if is_prefix else False,
        right=False if is_prefix else None,
    )  # fmt: skip


@method("str", "replace")
def replace_text(call: Call) -> Native:
    own = call.bind("self", "pat", "repl", n=-1, case=None, flags=0, regex=False)
    if isinstance(own.pat, re.Pattern) and isinstance(own.repl, str):
        if own.case is not None or own.flags or not own.regex:
            raise NotNative("str.replace with options")
        column, _ = column_of_text(call)
        return replaced(call, column, _PYTHON, own.pat, own.repl, limit=int(own.n), flags=0)
    if not isinstance(own.pat, str) or not isinstance(own.repl, str):
        raise NotNative("str.replace of this")
    if own.case is not None or not own.pat or (own.flags and not own.regex):
        raise NotNative("str.replace with options")
    is_word = _is_literal(own.pat) and "\\" not in own.repl and not own.flags
    if own.regex and not (is_word and own.n == -1):
        column, dtype = column_of_text(call)
        return replaced(
            call, column, dtype, own.pat, own.repl, limit=int(own.n), flags=own.flags
        )  # fmt: skip
    if own.n != -1:
        raise NotNative("str.replace of some words")
    return _edited(call, function="replace", text=own.pat, value=own.repl)


# ---- widths and kinds ------------------------------------------------------------------


@method("str", "pad", "ljust", "rjust", "center")
def pad(call: Call) -> Native:
    name = call.name.rpartition(".")[2]
    if name == "pad":
        own = call.bind("self", "width", "side", "fillchar", side="left", fillchar=" ")
        side = own.side
    else:
        own = call.bind("self", "width", "fillchar", fillchar=" ")
        side = {"ljust": "right", "rjust": "left", "center": "both"}[name]
    if not isinstance(own.width, int) or not isinstance(own.fillchar, str):
        raise NotNative(f"{call.name} of this")
    return _edited(
        call, function="pad", text=own.fillchar, index=own.width,
        left=False if side == "right" else None, right=False if side == "left" else None,
    )  # fmt: skip


@method("str", "zfill")
def zfill(call: Call) -> Native:
    own = call.bind("self", "width")
    if not isinstance(own.width, int):
        raise NotNative(f"{call.name} of this")
    return _edited(call, function="zfill", index=own.width)


@functools.lru_cache(maxsize=32)
def points_that_are(dtype: Any, name: str, before: str) -> tuple[int, ...]:
    """The characters of which a method is true, asked of pandas behind others."""
    text = _all_characters()
    found = getattr(pd.Series([before + char for char in text], dtype=dtype).str, name)()
    return tuple(ord(text[i]) for i in np.flatnonzero(found))


@method("str", "isalnum", "isalpha", "isdecimal", "isdigit", "isnumeric", "isspace")
def is_of_kind(call: Call) -> Native:
    """All characters are of a kind, and there is one."""
    column, dtype = column_of_text(call)
    name = call.name.rpartition(".")[2]
    own = character_class(points_that_are(dtype, name, ""))
    missing = _missing_as(call, column.dtype, _ABSENT)
    return measured(call, column, "contains", rf"\A{own}+\z", "bool", missing)


@method("str", "isupper", "islower")
def is_of_case(call: Call) -> Native:
    """One character has the case, and none the other."""
    column, dtype = column_of_text(call)
    name = call.name.rpartition(".")[2]
    points = points_that_are(dtype, name, "")
    allowed = character_class(points_that_are(dtype, name, "A" if name == "isupper" else "a"))
    own = character_class(points)
    missing = _missing_as(call, column.dtype, _ABSENT)
    pattern = rf"\A(?={allowed}*+\z)(?:(?!{own})(?s:.))*+{own}"
    return measured(call, column, "contains", pattern, "bool", missing)


# ---- strings put together ---------------------------------------------------------------


def _joined(call: Call, items: list[Any]) -> Column:
    columns: list[Column] = []
    parts = [""]
    for each in items:
        if isinstance(each, Traced):
            column = call.tracer.column(each)
            if not column.is_text:
                raise NotNative("strings are put together with numbers")
            columns.append(column)
            parts.append("")
        elif isinstance(each, str):
            parts[-1] += each
        else:
            raise NotNative(f"strings are put together with {each!r}")
    kinds = {column.dtype for column in columns}
    dtype = kind_of_dtype(call.value.dtype, call.value)
    if len(kinds) > 1 or dtype not in kinds:
        raise NotNative("strings of two dtypes are put together")
    return emit(
        call, "join_text", columns, dtype, same_rows(columns),
        parts=parts if any(parts) else None,
    )  # fmt: skip


def concatenated(call: Call) -> Native:
    """`a + b` of strings."""
    return _joined(call, list(call.args))


@method("str", "cat")
def cat(call: Call) -> Native:
    own = call.bind("self", "others", sep="", na_rep=None, join="left")
    if not isinstance(own.others, Traced) or own.na_rep is not None:
        raise NotNative("str.cat of this")
    items = [own.self.native.of, own.sep or "", own.others]
    return _joined(call, [i for i in items if not isinstance(i, str) or i])
