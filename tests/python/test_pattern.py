"""Token patterns: what PCRE2 finds with the translation is what Python finds."""

from __future__ import annotations

import ctypes
import ctypes.util
import re
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st
from willump.convert.pattern import UnsupportedPattern, translate

_NAME = ctypes.util.find_library("pcre2-32")
pytestmark = pytest.mark.skipif(_NAME is None, reason="libpcre2-32 is not installed")

_NOMATCH, _NOTEMPTY_ATSTART, _ERROR_MATCHLIMIT = -1, 0x8, -47


class PCRE2:
    """A pattern compiled by the library as the core does it."""

    def __init__(self, pattern: str) -> None:
        self.lib = lib = ctypes.CDLL(_NAME)
        for name in ("compile", "match_data_create_from_pattern", "get_ovector_pointer"):
            getattr(lib, f"pcre2_{name}_32").restype = ctypes.c_void_p
        units = self.units(pattern)
        code, offset = ctypes.c_int(), ctypes.c_size_t()
        self.code = ctypes.c_void_p(
            lib.pcre2_compile_32(
                units, ctypes.c_size_t(len(pattern)), 0,
                ctypes.byref(code), ctypes.byref(offset), None,
            )
        )  # fmt: skip
        assert self.code.value, f"PCRE2 refuses it: error {code.value} at {offset.value}"
        self.data = ctypes.c_void_p(lib.pcre2_match_data_create_from_pattern_32(self.code, None))
        ovector = ctypes.c_void_p(lib.pcre2_get_ovector_pointer_32(self.data))
        self.ovector = ctypes.cast(ovector, ctypes.POINTER(ctypes.c_size_t))

    def __del__(self) -> None:
        if getattr(self, "data", None):
            self.lib.pcre2_match_data_free_32(self.data)
        if getattr(self, "code", None):
            self.lib.pcre2_code_free_32(self.code)

    @staticmethod
    def units(text: str) -> ctypes.Array[ctypes.c_uint32]:
        return (ctypes.c_uint32 * (len(text) + 1))(*map(ord, text))

    def find_all(self, text: str, group: bool) -> list[str]:
        units, at, options, found = self.units(text), 0, 0, []
        while at <= len(text):
            rc = self.lib.pcre2_match_32(
                self.code, units, ctypes.c_size_t(len(text)), ctypes.c_size_t(at),
                ctypes.c_uint32(options), self.data, None,
            )  # fmt: skip
            if rc == _NOMATCH:
                break
            assert rc > 0, rc
            begin, end = self.ovector[0], self.ovector[1]
            options, at = _NOTEMPTY_ATSTART if begin == end else 0, end
            if group:
                begin, end = self.ovector[2], self.ovector[3]
            found.append(text[begin:end] if end <= len(text) else "")
        return found


def find_all(pattern: str, text: str) -> list[str]:
    translated = translate(pattern)
    by_rule = {"word1": r"\w+", "word2": r"\w\w+"}
    if translated.kind != "pattern":
        return re.findall(by_rule[translated.kind], text)
    return PCRE2(translated.pattern).find_all(text, translated.group)


def agree(pattern: str, text: str) -> None:
    assert find_all(pattern, text) == re.findall(pattern, text)


# ---- random patterns ---------------------------------------------------------

CHARACTERS = "abAB1_-. \n\té\u0130ıſsKkΣσς\u00a0\u0301²٣日\ud800😀"
texts = st.text(st.sampled_from(CHARACTERS), max_size=24) | st.text(max_size=12)

literals = st.sampled_from(CHARACTERS).map(re.escape)
classes = st.sampled_from(
    [r"\w", r"\W", r"\s", r"\S", r"\d", r"\D", ".", "[a-z]", "[^a-z]", r"[\w-]", r"[^\s\d]",
     r"[^\W_]", "[a-zA-Zéσ]", "[^\\n]", "[A-K\u0100-\u0200]", r"[\ud800-\udfff]"]
)  # fmt: skip
anchors = st.sampled_from([r"\b", r"\B", "^", "$", r"\A", r"\Z"])
quantifiers = st.sampled_from(["*", "+", "?", "{2}", "{1,2}", "{2,}", "{0,2}"])
modes = st.sampled_from(["", "", "?", "+"])


def extend(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.lists(inner, min_size=1, max_size=3).map("".join),
        st.lists(inner, min_size=1, max_size=3).map(lambda a: f"(?:{'|'.join(a)})"),
        st.builds(lambda i, q, m: f"(?:{i}){q}{m}", inner, quantifiers, modes),
        st.builds("({})".format, inner),
        st.builds("(?>{})".format, inner),
        st.builds("(?={})".format, inner),
        st.builds("(?!{})".format, inner),
        st.builds("(?<={})".format, inner),
        st.builds("(?<!{})".format, inner),
        st.builds("(?{}:{})".format, st.sampled_from(["i", "s", "m", "a", "-i", "u"]), inner),
    )


atoms = st.one_of(
    literals,
    classes,
    anchors,
    st.builds("{}{}{}".format, literals | classes, quantifiers, modes),
)
bodies = st.recursive(atoms, extend, max_leaves=6)
patterns = st.builds(
    lambda flags, body: flags + body,
    st.sampled_from(["", "", "(?u)", "(?i)", "(?s)", "(?m)", "(?a)", "(?x)"]),
    bodies,
)


@given(patterns, st.lists(texts, min_size=1, max_size=4))
def test_random_patterns_find_what_python_finds(pattern: str, samples: list[str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            compiled = re.compile(pattern)
            translate(pattern)
        except (re.error, UnsupportedPattern, ValueError):
            return
        translated = translate(pattern)
        if translated.kind != "pattern":
            for text in samples:
                agree(pattern, text)
            return
        matcher = PCRE2(translated.pattern)
        for text in samples:
            assert matcher.find_all(text, translated.group) == compiled.findall(text), text


# ---- what people write --------------------------------------------------------


@pytest.mark.parametrize(
    "pattern",
    [r"(?u)\b\w\w+\b", r"\b\w\w+\b", r"\w\w+", r"\w{2,}", r"\b\w{2,}\b"],
)
def test_runs_of_two_are_the_built_in_rule(pattern: str) -> None:
    assert translate(pattern).kind == "word2"


@pytest.mark.parametrize("pattern", [r"(?u)\b\w+\b", r"\w+", r"\b\w+\b", r"(?s)\w{1,}"])
def test_runs_of_one_are_the_built_in_rule(pattern: str) -> None:
    assert translate(pattern).kind == "word1"


@pytest.mark.parametrize(
    "pattern",
    [r"\w+?", r"\w*", r"(?a)\w+", r"\w{2,3}", r"\B\w+", r"\w++x", r"\b[a-z]+\b", r"\w{3,}"],
)
def test_other_runs_are_patterns(pattern: str) -> None:
    assert translate(pattern).kind == "pattern"


@pytest.mark.parametrize(
    "pattern",
    [
        r"(?u)\b\w+\b|[.,!?;]", r"\S+", r"[^\s]+", r"[a-zA-Z]+(?:'[a-z]+)?", r"\b[^\d\W]+\b",
        r"(?<!\S)#?(\w+)", r"\b\w+(?:-\w+)*\b", r"[A-Z][a-z]*|\d+", r"(?i)[a-k]+", r".",
        r"(?ms)^.*?$", r"", r"x*", r"\b", r"(?i)straße|ſ|K", r"(\w)\1", r"a|(b)",
    ],
)  # fmt: skip
def test_common_patterns_find_what_python_finds(pattern: str) -> None:
    for text in ("", "Hello, World! it's co-op #tag aa\nStrasse STRASSE ſK ٣日 a b\x85\x1c", "x\n"):
        agree(pattern, text)


@pytest.mark.parametrize(
    "pattern",
    [r"(a)?(?(1)b|c)", r"(?:a?)*b", r"(?:(a)|b)+", r"(?!(a))b", r"(?i)(a)\1", "a{70000}"],
)
def test_what_has_no_proven_translation_is_refused(pattern: str) -> None:
    with pytest.raises(UnsupportedPattern):
        translate(pattern)


def test_two_groups_are_an_error_as_in_scikit_learn() -> None:
    with pytest.raises(ValueError, match="More than 1 capturing group"):
        translate("(a)(b)")


def test_a_broken_pattern_is_a_regular_expression_error() -> None:
    with pytest.raises(re.error):
        translate("(a")
