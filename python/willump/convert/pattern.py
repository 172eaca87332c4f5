"""Python's regular expressions as PCRE2 patterns: for token patterns, and for pandas'
methods of strings.

The pattern is parsed by Python's own parser. Its classes become explicit ranges,
found by asking Python's own matcher about every character, so that what `\\w` or
a case-insensitive range means is the running interpreter's answer. Structure is
translated only where both engines are known to agree (the tests compare them on
random patterns and texts); anything else raises `UnsupportedPattern`.

The result is for PCRE2's 32-bit library without its UTF mode: one code unit is one
code point, lone surrogates included.
"""

from __future__ import annotations

import functools
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from re import _compiler, _constants, _parser  # type: ignore[attr-defined]
from typing import Any, ClassVar, Literal

import numpy as np

__all__ = [
    "Regex",
    "Translated",
    "UnsupportedPattern",
    "character_class",
    "translate",
    "translate_either",
    "translate_re2",
    "translate_regex",
]

# The largest count of a PCRE2 quantifier, and the longest look-behind.
_MAX_COUNT = 65535

_SINGLE = {_constants.LITERAL, _constants.NOT_LITERAL, _constants.IN, _constants.ANY}
_WORD_CLASS = [(_constants.CATEGORY, _constants.CATEGORY_WORD)]
_SUFFIXES = {
    _constants.MAX_REPEAT: "",
    _constants.MIN_REPEAT: "?",
    _constants.POSSESSIVE_REPEAT: "+",
}
# Flags that change nothing beyond what the parser has done, and those handled here.
_KNOWN_FLAGS = re.UNICODE | re.VERBOSE | re.ASCII | re.IGNORECASE | re.MULTILINE | re.DOTALL


class UnsupportedPattern(ValueError):
    """The pattern has no proven translation; the text says what stands in the way."""


@dataclass(frozen=True)
class Translated:
    """How tokens are found: by a rule of its own, or by `pattern` (ASCII).

    With `group`, a token is what group 1 matched ("" when it took no part).
    """

    kind: Literal["word2", "word1", "pattern"]
    pattern: str = ""
    group: bool = False


def translate(pattern: str) -> Translated:
    """Translates a token pattern.

    Raises
    ------
    re.error
        The pattern is not a regular expression.
    ValueError
        It has more than one capturing group.
    UnsupportedPattern
        It has no proven translation.
    """
    parsed = _parser.parse(pattern)
    flags = parsed.state.flags
    n_groups = parsed.state.groups - 1
    if n_groups > 1:
        raise ValueError(
            "More than 1 capturing group in token pattern. Only a single group should be captured."
        )
    if flags & ~_KNOWN_FLAGS:
        raise UnsupportedPattern(f"flags {re.RegexFlag(flags & ~_KNOWN_FLAGS)!r}")
    kind = _word_rule(list(parsed), flags)
    if kind is not None:
        return Translated(kind)
    return Translated("pattern", _Translator().sequence(parsed, flags), n_groups == 1)


@dataclass(frozen=True)
class Regex:
    """A regular expression for PCRE2, and what its user must know of it."""

    pattern: str
    n_groups: int
    group_names: dict[str, int]
    may_be_empty: bool
    has_anchors: bool
    #: Groups that take part in every match.
    certain_groups: frozenset[int] = frozenset()


def translate_regex(pattern: str, flags: int = 0) -> Regex:
    """Translates a regular expression as `re` reads it.

    Raises
    ------
    re.error
        It is not a regular expression.
    UnsupportedPattern
        It has no proven translation.
    """
    parsed = _parser.parse(pattern, flags)
    flags = parsed.state.flags
    if flags & ~_KNOWN_FLAGS:
        raise UnsupportedPattern(f"flags {re.RegexFlag(flags & ~_KNOWN_FLAGS)!r}")
    return _regex_of(parsed, _Translator().sequence(parsed, flags))


def translate_re2(pattern: str, *, ignore_case: bool = False) -> Regex:
    """Translates a regular expression as RE2 reads it, which pandas asks for strings
    that Arrow holds: classes are of ASCII, `$` is the end alone.

    Raises
    ------
    re.error, UnsupportedPattern
        As `translate_regex`; also of what the two read in different ways.
    """
    if re.search(r"\\[0-9]|\[:|\{,|\\[zZ]", pattern):
        raise UnsupportedPattern("RE2 reads this in another way than Python")
    parsed = _parser.parse(pattern)
    flags = parsed.state.flags
    if flags & ~(re.UNICODE | re.IGNORECASE):
        raise UnsupportedPattern("flags in a pattern for RE2")
    flags = re.ASCII | (re.IGNORECASE if ignore_case else flags & re.IGNORECASE)
    return _regex_of(parsed, _Re2Translator().sequence(parsed, flags))


def translate_either(pattern: str, *, ignore_case: bool = False) -> Regex:
    """Translates a regular expression that pandas gives to RE2, but to Python's `re` where it
    knows that the two read it in different ways: by the pattern, or by what a column holds.

    What is asked of RE2 for some columns and of `re` for others is translated where both
    find the same.

    Raises
    ------
    re.error, UnsupportedPattern
        As `translate_regex`; also of what hangs on who is asked.
    """
    parsed = _parser.parse(pattern)
    kinds = {_kind_of(node) for node in _nodes_of(parsed)}
    if kinds & _PYTHONS:
        return translate_regex(pattern, re.IGNORECASE if ignore_case else 0)
    has_other_place = "AT_NON_BOUNDARY" in kinds and sys.version_info < (3, 14)  # of no text
    if _RE2_READS_OTHERWISE.search(pattern) or kinds & _NOT_RE2 or has_other_place:
        raise UnsupportedPattern("RE2 reads this in another way than Python")
    flags = parsed.state.flags | (re.IGNORECASE if ignore_case else 0)
    within = 0
    for op, argument in _nodes_of(parsed):
        within |= argument[1] if op is _constants.SUBPATTERN else 0
    if (flags | within) & ~(re.UNICODE | re.IGNORECASE | re.MULTILINE | re.DOTALL):
        raise UnsupportedPattern("flags in a pattern for RE2")
    if not (flags | within) & re.IGNORECASE:
        return translate_regex(pattern)
    if kinds & _PYTHONS_BEYOND_ASCII:  # of ASCII, both fold its letters alike
        if any(point > 127 for node in _nodes_of(parsed) for point in _points_of(node)):
            raise UnsupportedPattern("other letters than ASCII's, without case")
        return translate_regex(pattern, flags & re.IGNORECASE)
    if flags & (re.MULTILINE | re.DOTALL):
        raise UnsupportedPattern("flags in a pattern for RE2")
    is_both = "AT_END" in kinds  # whose column may have a line's end
    writer = _EitherTranslator() if is_both else _Re2Translator()
    return _regex_of(parsed, writer.sequence(parsed, re.ASCII | re.IGNORECASE))


#: What pandas leaves to Python: of all columns, and of those that are not all ASCII.
_PYTHONS = {"CATEGORY_SPACE", "CATEGORY_NOT_SPACE", "ASSERT", "ASSERT_NOT", "GROUPREF"}
_PYTHONS_BEYOND_ASCII = {
    "CATEGORY_WORD", "CATEGORY_NOT_WORD", "CATEGORY_DIGIT", "CATEGORY_NOT_DIGIT", "AT_BOUNDARY",
    "AT_NON_BOUNDARY",
}  # fmt: skip
_NOT_RE2 = {"ATOMIC_GROUP", "POSSESSIVE_REPEAT", "GROUPREF_EXISTS", "FAILURE"}
_RE2_READS_OTHERWISE = re.compile(r"\\[0-9uUN]|\[:|\{,|\(\?#")


def _nodes_of(parsed: Any) -> Iterator[tuple[Any, Any]]:
    """The nodes of a syntax tree, classes' items and all."""
    if isinstance(parsed, _parser.SubPattern):
        parsed = list(parsed)
    if isinstance(parsed, tuple) and len(parsed) == 2 and hasattr(parsed[0], "name"):
        yield parsed
    if isinstance(parsed, (list, tuple)):
        for each in parsed:
            yield from _nodes_of(each)


def _kind_of(node: tuple[Any, Any]) -> str:
    op, argument = node
    return str(argument if op in (_constants.AT, _constants.CATEGORY) else op)


def _points_of(node: tuple[Any, Any]) -> tuple[int, ...]:
    """The code points that a node names."""
    op, argument = node
    if op is _constants.RANGE:
        return tuple(argument)
    return (argument,) if op in (_constants.LITERAL, _constants.NOT_LITERAL) else ()


def _regex_of(parsed: Any, text: str) -> Regex:
    state = parsed.state
    has_anchors = "AT_" in repr(list(parsed))
    is_empty = parsed.getwidth()[0] == 0
    return Regex(
        text, state.groups - 1, dict(state.groupdict), is_empty, has_anchors,
        frozenset(_certain_groups(parsed)),
    )  # fmt: skip


def _certain_groups(nodes: Any) -> Iterator[int]:
    """The groups on the way of every match: in no alternative and in nothing optional."""
    for op, argument in nodes:
        if op is _constants.SUBPATTERN:
            if argument[0] is not None:
                yield argument[0]
            yield from _certain_groups(argument[3])


def _word_rule(nodes: list[Any], flags: int) -> Literal["word2", "word1"] | None:
    """The built-in rule that finds the same tokens: runs of `\\w`, at least 1 or 2.

    A greedy run is as long as it can be, so boundaries around it change nothing.
    """
    boundary = (_constants.AT, _constants.AT_BOUNDARY)
    if flags & re.ASCII:
        return None
    if nodes and nodes[0] == boundary:
        nodes = nodes[1:]
    if nodes and nodes[-1] == boundary:
        nodes = nodes[:-1]
    if not nodes or nodes[-1][0] is not _constants.MAX_REPEAT:
        return None
    low, high, body = nodes[-1][1]
    word = (_constants.IN, _WORD_CLASS)
    if high is not _constants.MAXREPEAT or list(body) != [word]:
        return None
    if any(node != word for node in nodes[:-1]):
        return None
    least = low + len(nodes) - 1
    return "word1" if least == 1 else "word2" if least == 2 else None


# ---- classes ----------------------------------------------------------------


@functools.cache
def _all_characters() -> str:
    return "".join(map(chr, range(sys.maxunicode + 1)))


_classes: dict[tuple[str, int], str] = {}


def _class_of(node: Any, flags: int) -> str:
    """The PCRE2 class of a node of Python's syntax tree that matches one character:
    the node alone, run over every character."""
    flags &= re.ASCII | re.IGNORECASE | re.DOTALL | re.UNICODE
    key = (repr(node), flags)
    if key not in _classes:
        state = _parser.State()
        state.flags = flags
        state.str = ""
        one = _parser.SubPattern(state, [node])
        runs = (_constants.MAX_REPEAT, (1, _constants.MAXREPEAT, one))
        matcher = _compiler.compile(_parser.SubPattern(state, [runs]), flags)
        found = matcher.finditer(_all_characters())
        ranges = [(run.start(), run.end() - 1) for run in found]
        _classes[key] = _format_class(ranges)
    return _classes[key]


def character_class(points: Sequence[int]) -> str:
    """The PCRE2 class of ascending code points."""
    ranges: list[tuple[int, int]] = []
    for point in points:
        if ranges and ranges[-1][1] == point - 1:
            ranges[-1] = (ranges[-1][0], point)
        else:
            ranges.append((point, point))
    return _format_class(ranges)


def _format_class(ranges: list[tuple[int, int]]) -> str:
    if not ranges:
        return "(?!)"
    if ranges == [(0, sys.maxunicode)]:
        return "(?s:.)"
    return "[" + "".join(_format_range(low, high) for low, high in ranges) + "]"


def _format_range(low: int, high: int) -> str:
    if low == high:
        return _escape(low)
    return f"{_escape(low)}-{_escape(high)}"


def _escape(code: int) -> str:
    char = chr(code)
    return char if char.isascii() and char.isalnum() else f"\\x{{{code:x}}}"


# ---- structure --------------------------------------------------------------


class _Translator:
    """Writes the nodes of a parsed pattern as PCRE2."""

    def __init__(self) -> None:
        self.inside: list[str] = []  # the constructs around the node

    def sequence(self, nodes: Any, flags: int) -> str:
        return "".join(self.node(op, argument, flags) for op, argument in nodes)

    def node(self, op: Any, argument: Any, flags: int) -> str:
        if op in _SINGLE:
            return self.single(op, argument, flags)
        if op in _SUFFIXES:
            return self.repeat(op, argument, flags)
        method = self.METHODS.get(str(op))
        if method is None:
            raise UnsupportedPattern(f"{str(op).lower()} has no translation")
        return method(self, argument, flags)

    def single(self, op: Any, argument: Any, flags: int) -> str:
        if op is _constants.LITERAL and not flags & re.IGNORECASE:
            return _escape(argument)
        return _class_of((op, argument), flags)

    def within(self, construct: str, nodes: Any, flags: int) -> str:
        self.inside.append(construct)
        text = self.sequence(nodes, flags)
        self.inside.pop()
        return text

    def repeat(self, op: Any, argument: Any, flags: int) -> str:
        low, high, body = argument
        counts = [low] if high is _constants.MAXREPEAT else [low, high]
        if max(counts) > _MAX_COUNT:
            raise UnsupportedPattern(f"a repeat count above {_MAX_COUNT}")
        if counts != [0, 1] and body.getwidth()[0] == 0:
            raise UnsupportedPattern("a repeat of something that may be empty")
        if low != high and "a look-behind" in self.inside:
            raise UnsupportedPattern("a variable repeat inside a look-behind")
        construct = "an optional part" if counts == [0, 1] else "a repeat"
        text = self.within(construct, body, flags)
        if len(body) != 1 or body[0][0] not in _SINGLE:
            text = f"(?:{text})"
        end = "" if high is _constants.MAXREPEAT else high
        return f"{text}{{{low},{end}}}{_SUFFIXES[op]}"

    def branch(self, argument: Any, flags: int) -> str:
        alternatives = [self.within("an alternative", a, flags) for a in argument[1]]
        return f"(?:{'|'.join(alternatives)})"

    def subpattern(self, argument: Any, flags: int) -> str:
        group, added, removed, body = argument
        flags = (flags | added) & ~removed
        if added & re.ASCII:
            flags &= ~re.UNICODE
        elif added & re.UNICODE:
            flags &= ~re.ASCII
        if group is None:
            return f"(?:{self.sequence(body, flags)})"
        # The two engines forget a group's old content at different moments.
        for construct in ("a repeat", "a negative look-around", "a look-behind"):
            if construct in self.inside:
                raise UnsupportedPattern(f"a capturing group inside {construct}")
        return f"({self.within('the group', body, flags)})"

    def atomic_group(self, argument: Any, flags: int) -> str:
        return f"(?>{self.within('an atomic group', argument, flags)})"

    def groupref(self, argument: Any, flags: int) -> str:
        if flags & re.IGNORECASE:
            raise UnsupportedPattern("a case-insensitive back-reference")
        if "a look-behind" in self.inside:
            raise UnsupportedPattern("a back-reference inside a look-behind")
        return f"\\g{{{argument}}}"

    def look(self, argument: Any, flags: int, sign: str) -> str:
        direction, body = argument
        behind = direction < 0
        if behind and body.getwidth()[1] > _MAX_COUNT:
            raise UnsupportedPattern("a long look-behind")
        construct = "a look-ahead" if sign == "=" else "a negative look-around"
        if behind:
            construct = "a look-behind"
        return f"(?{'<' if behind else ''}{sign}{self.within(construct, body, flags)})"

    def assert_(self, argument: Any, flags: int) -> str:
        return self.look(argument, flags, "=")

    def assert_not(self, argument: Any, flags: int) -> str:
        return self.look(argument, flags, "!")

    def failure(self, argument: Any, flags: int) -> str:
        return "(?!)"

    def at(self, where: Any, flags: int) -> str:
        is_multiline = flags & re.MULTILINE
        if where is _constants.AT_BEGINNING:
            return r"(?<![^\x{a}])" if is_multiline else r"\A"
        if where is _constants.AT_BEGINNING_STRING:
            return r"\A"
        if where is _constants.AT_END:
            return r"(?![^\x{a}])" if is_multiline else r"(?=\x{a}?\z)"
        if where is _constants.AT_END_STRING:
            return r"\z"
        word = _class_of((_constants.IN, _WORD_CLASS), flags & ~re.IGNORECASE)
        if where is _constants.AT_BOUNDARY:
            return f"(?(?<={word})(?!{word})|(?={word}))"
        if where is _constants.AT_NON_BOUNDARY:
            # Before Python 3.14, \B did not match in an empty text.
            guard = r"(?!\A\z)" if sys.version_info < (3, 14) else ""
            return f"(?:{guard}(?(?<={word})(?={word})|(?!{word})))"
        raise UnsupportedPattern(f"{where} has no translation")

    METHODS: ClassVar[dict[str, Callable[[_Translator, Any, int], str]]] = {
        "ASSERT": assert_,
        "ASSERT_NOT": assert_not,
        "AT": at,
        "ATOMIC_GROUP": atomic_group,
        "BRANCH": branch,
        "FAILURE": failure,
        "GROUPREF": groupref,
        "SUBPATTERN": subpattern,
    }


#: Places that are the same without case.
_PLACES = (
    _constants.AT_BEGINNING,
    _constants.AT_BEGINNING_STRING,
    _constants.AT_END_STRING,
    _constants.AT_END,
)
#: What RE2 folds onto ASCII letters.
_RE2_FOLDS = {"k": "\u212a", "s": "\u017f"}
#: The blanks of RE2's `\\s`: no vertical tab.
_RE2_BLANKS = [(_constants.LITERAL, ord(c)) for c in "\t\n\f\r "]
_RE2_OTHERS = [(0, 8), (11, 11), (14, 31), (33, sys.maxunicode)]
_RE2_MAX_COUNT = 1000


class _Re2Translator(_Translator):
    """Writes the nodes of a pattern that means what RE2 makes of it."""

    def node(self, op: Any, argument: Any, flags: int) -> str:
        if str(op) not in ("AT", "BRANCH", "SUBPATTERN", "MAX_REPEAT", "MIN_REPEAT") and (
            op not in _SINGLE
        ):
            raise UnsupportedPattern(f"{str(op).lower()} is not RE2's")
        return super().node(op, argument, flags)

    def single(self, op: Any, argument: Any, flags: int) -> str:
        if flags & re.IGNORECASE:
            if op is _constants.ANY:
                return super().single(op, argument, re.ASCII)
            char = chr(argument) if op is _constants.LITERAL else ""
            if not char.isascii() or op is not _constants.LITERAL:
                return _folded_by_re2(op, argument)
            both = {char.lower(), char.upper()} | {_RE2_FOLDS.get(char.lower(), char.lower())}
            return _format_class([(ord(c), ord(c)) for c in sorted(both)])
        if op is _constants.IN:
            argument = [item for node in argument for item in _without_blanks(node)]
        return super().single(op, argument, flags & ~re.IGNORECASE)

    def repeat(self, op: Any, argument: Any, flags: int) -> str:
        low, high, _ = argument
        if max(low, 0 if high is _constants.MAXREPEAT else high) > _RE2_MAX_COUNT:
            raise UnsupportedPattern(f"a repeat count above {_RE2_MAX_COUNT}")
        return super().repeat(op, argument, flags)

    def subpattern(self, argument: Any, flags: int) -> str:
        _, added, removed, _ = argument
        if added or removed:
            raise UnsupportedPattern("flags within a pattern for RE2")
        return super().subpattern(argument, flags)

    def at(self, where: Any, flags: int) -> str:
        if flags & re.IGNORECASE and where not in _PLACES:
            raise UnsupportedPattern("this place without case")
        if where is _constants.AT_END:
            return r"\z"
        if where is _constants.AT_NON_BOUNDARY:
            raise UnsupportedPattern(r"\B for RE2")
        return super().at(where, flags)

    METHODS: ClassVar[dict[str, Callable[[Any, Any, int], str]]] = {
        **_Translator.METHODS,
        "AT": at,
        "SUBPATTERN": subpattern,
    }


class _EitherTranslator(_Re2Translator):
    """Writes the nodes of a pattern where RE2 and Python find the same without case."""

    def single(self, op: Any, argument: Any, flags: int) -> str:
        found = super().single(op, argument, flags)
        own = re.UNICODE if op is _constants.ANY else re.UNICODE | re.IGNORECASE
        if found != _class_of((op, argument), own):
            raise UnsupportedPattern("letters without case before an end, as RE2 and Python do it")
        return found

    def at(self, where: Any, flags: int) -> str:
        if where is _constants.AT_END:  # Python is asked where there is a line's end
            return _Translator.at(self, where, flags)
        return super().at(where, flags)

    METHODS: ClassVar[dict[str, Callable[[Any, Any, int], str]]] = {
        **_Re2Translator.METHODS,
        "AT": at,
    }


@functools.lru_cache(maxsize=256)
def _asked_of_re2(source: str) -> str:
    """The PCRE2 class of the characters that RE2 finds for a class without case: asked of it."""
    try:
        import pyarrow as pa
        import pyarrow.compute as pc
    except ImportError as error:  # strings that Arrow holds are its
        raise UnsupportedPattern("classes without case, which RE2 is asked for") from error
    text = _all_characters().replace(_SURROGATES, "")
    try:
        (left,) = pc.replace_substring_regex(pa.array([text]), f"(?i){source}+", "").to_pylist()
    except pa.ArrowInvalid as error:
        raise UnsupportedPattern(f"RE2 does not read {source}") from error
    is_left = np.zeros(sys.maxunicode + 1, dtype=bool)
    is_left[np.frombuffer(left.encode("utf-32-le"), dtype="<u4")] = True
    is_left[0xD800:0xE000] = is_left[0xD7FF]  # no string of Arrow's holds them
    return character_class([int(point) for point in np.flatnonzero(~is_left)])


_SURROGATES = "".join(map(chr, range(0xD800, 0xE000)))


def _folded_by_re2(op: Any, argument: Any) -> str:
    if op is not _constants.IN:
        sign = "^" if op is _constants.NOT_LITERAL else ""
        return _asked_of_re2(f"[{sign}{_escape(argument)}]")
    return _asked_of_re2("[" + "".join(map(_re2_item, argument)) + "]")


def _re2_item(node: Any) -> str:
    """An item of a class as RE2 reads it."""
    op, argument = node
    if op is _constants.NEGATE:
        return "^"
    if op is _constants.LITERAL:
        return _escape(argument)
    if op is _constants.RANGE:
        return _format_range(*argument)
    letters = {"WORD": "w", "NOT_WORD": "W", "DIGIT": "d", "NOT_DIGIT": "D", "SPACE": "s",
               "NOT_SPACE": "S"}  # fmt: skip
    letter = letters.get(str(argument).removeprefix("CATEGORY_"))
    if letter is None:
        raise UnsupportedPattern(f"{argument} for RE2")
    return f"\\{letter}"


def _without_blanks(node: Any) -> list[Any]:
    """A class's item, `\\s` and `\\S` spelt out."""
    if node == (_constants.CATEGORY, _constants.CATEGORY_SPACE):
        return list(_RE2_BLANKS)
    if node == (_constants.CATEGORY, _constants.CATEGORY_NOT_SPACE):
        return [(_constants.RANGE, pair) for pair in _RE2_OTHERS]
    return [node]
