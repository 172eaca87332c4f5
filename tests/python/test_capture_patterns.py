"""Methods of strings with regular expressions, against pandas on random strings.

A column's strings are Arrow's, whose patterns RE2 reads, or Python's own, whose
patterns `re` reads.
"""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
import willump
from capture_frames import outcome
from hypothesis import given, settings
from hypothesis import strategies as st

LETTERS = "abkKsS1٣_ -,\n\t\v.éÉſ\u212aſ\u00a0"
TEXTS = st.one_of(
    st.just(math.nan), st.text(st.sampled_from(LETTERS), max_size=8), st.text(max_size=4)
).filter(lambda t: not isinstance(t, str) or not re.search("[\0\ud800-\udfff]", t))
DTYPES = ["str", "object"]

PATTERNS = [
    r"\d+", r"^a", r"a$", r"^a.*b$", r"\bk", r"[^a-z ]+", r"\s", r"\S\S", r"\w+-\w*", r"(a|b)k?",
    r"a{2,}", r"[aé]+?b", r".+", r"a.b", r"(?:ab|a)(?:c|bk)", r"\W", r"\D1", r"^(?:a|b)+$",
    r"[\s_]b", r"[^\s1]", r"a\.",
]  # fmt: skip


def frame_of(texts: list[Any], dtype: str) -> pd.DataFrame:
    return pd.DataFrame({"t": pd.Series(texts, dtype=dtype)})


def check(function: Any, dtype: str, texts: list[Any]) -> None:
    sample = frame_of(["a1", "b k", "abk"], dtype)
    fast = willump.compile(function, sample=sample, strict=True)
    frame = frame_of(texts, dtype)
    np.testing.assert_array_equal(fast(frame), outcome(function, frame))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("method", ["contains", "match", "fullmatch"])
def test_matches_are_those_of_pandas(method: str, dtype: str) -> None:
    @settings(max_examples=60)
    @given(st.sampled_from(PATTERNS), st.lists(TEXTS, min_size=1, max_size=5))
    def compare(pattern: str, texts: list[Any]) -> None:
        if method == "fullmatch" and "|" in pattern and pattern.startswith("^"):
            return  # refused: pandas takes ^ and $ off
        check(lambda f: getattr(f["t"].str, method)(pattern, na=False), dtype, texts)

    compare()


@pytest.mark.parametrize("dtype", DTYPES)
def test_matches_without_case_are_those_of_pandas(dtype: str) -> None:
    @settings(max_examples=40)
    @given(st.sampled_from(["abk", "s+1", "^K", "k.s"]), st.lists(TEXTS, min_size=1, max_size=5))
    def compare(pattern: str, texts: list[Any]) -> None:
        check(lambda f: f["t"].str.contains(pattern, case=False, na=False), dtype, texts)

    compare()


#: Pieces of patterns, and of strings, that the two engines read in different ways: classes
#: beyond ASCII, letters whose case is another script's, ends of lines.
PIECES = [
    *"abkKsSiI1_-é", "σ", "ß", "µ", "[a-k]", "[^a-k]", "[iK]", "[^s]", "[é-ſ]", r"\w", r"\W", r"\d",
    r"\D", r"\b", r"\B", "^", "$", r"\s", r"\S", r"\w*", r"\w+", "a+", "k?", "(?i:k)", "(?:ik|s)",
    "(a|i)", ".", r"\A", r"\Z", "(?=a)", "i{1,2}", "a{,2}", r"[\w-]", r"[^\W_]", "[[:alpha:]]",
]  # fmt: skip
DIGITS = re.compile(r"\d+")
FOLDED = "abkKsSiIıİ1٣_ -,\n.éÉſ\u212aǅσςΣßµμ"


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.filterwarnings("ignore")
def test_patterns_with_and_without_case_are_those_of_pandas(dtype: str) -> None:
    """Of columns that are all ASCII, where pandas asks RE2, and of others."""
    rows = st.lists(st.text(st.sampled_from(FOLDED), max_size=4), min_size=1, max_size=5)
    ascii_rows = rows.map(lambda texts: [re.sub(r"[^\x00-\x7f]", "i", t) for t in texts])

    @settings(max_examples=150)
    @given(
        st.lists(st.sampled_from(PIECES), min_size=1, max_size=4).map("".join),
        st.sampled_from(["", "", "(?i)"]), st.booleans(), rows | ascii_rows,
    )  # fmt: skip
    def compare(pattern: str, flags: str, case: bool, texts: list[Any]) -> None:
        try:
            re.compile(flags + pattern)
        except re.error:
            return

        def function(f: Any) -> Any:
            return f["t"].str.contains(flags + pattern, case=case)

        frame = frame_of(texts, dtype)
        try:
            expected = function(frame)
            fast = willump.compile(function, sample=frame_of(["a1", "b k", "abk"], dtype))
        except ValueError:  # RE2 does not read it
            return
        pd.testing.assert_series_equal(fast(frame), expected)

    compare()


@pytest.mark.parametrize(
    "pattern",
    [r"\b(?:sepsis|fever|infect\w*)\b", r"\d+\s*mg", r"[a-z]+ly", "^no ", r"wheez(?:e|ing)", "x$"],
)
def test_everyday_patterns_without_case_are_native(pattern: str) -> None:
    frame = frame_of(["No INFECTION", "10 MG daily", "wheezing", "naïve X", math.nan], "str")
    for options in ({"case": False}, {"flags": re.IGNORECASE}):
        function = lambda f, o=options: f["t"].str.contains(pattern, na=False, **o)  # noqa: E731
        fast = willump.compile(function, sample=frame, strict=True)
        np.testing.assert_array_equal(fast(frame), function(frame))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.filterwarnings("ignore")
def test_compiled_patterns_are_read_as_pandas_reads_them(dtype: str) -> None:
    rows = st.lists(st.text(st.sampled_from(FOLDED), max_size=5), min_size=1, max_size=4)

    @settings(max_examples=120)
    @given(
        st.lists(st.sampled_from(PIECES), min_size=1, max_size=3).map("".join),
        st.sampled_from([0, re.I, re.A, re.I | re.S, re.M]),
        st.sampled_from(["contains", "match", "count", "findall", "replace"]), rows,
    )  # fmt: skip
    def compare(pattern: str, flags: int, method: str, texts: list[Any]) -> None:
        try:
            compiled = re.compile(pattern, flags)
        except re.error:
            return

        def function(f: Any) -> Any:
            if method == "replace":
                return f["t"].str.replace(compiled, "<>", regex=True).str.len()
            found = getattr(f["t"].str, method)(compiled)
            return found.str.len() if method == "findall" else found

        frame = frame_of(texts, dtype)
        try:
            expected = function(frame)
            fast = willump.compile(function, sample=frame_of(["a1", "b k", "abk"], dtype))
        except ValueError:  # RE2 does not read it
            return
        pd.testing.assert_series_equal(fast(frame), expected)

    compare()


def test_compiled_patterns_are_native() -> None:
    pattern = re.compile(r"\b(?:fever|infect\w*)\b|https?://\S+", re.IGNORECASE)

    def function(f: Any) -> Any:
        found = f["t"].str.contains(pattern).astype(float) + f["t"].str.count(DIGITS)
        return found + f["t"].str.replace(pattern, r"-", regex=True).str.len()

    frame = frame_of(["No INFECTION", "http://x.co/a 10", "naïve fevers"], "str")
    fast = willump.compile(function, sample=frame, strict=True)
    np.testing.assert_array_equal(fast(frame), function(frame))


@pytest.mark.parametrize("dtype", DTYPES)
def test_counts_are_those_of_pandas(dtype: str) -> None:
    patterns = [p for p in PATTERNS if "^" not in p.replace("[^", "") and "$" not in p]

    @settings(max_examples=60)
    @given(
        st.sampled_from([p for p in patterns if "\\b" not in p]),
        st.lists(TEXTS, min_size=1, max_size=5),
    )
    def compare(pattern: str, texts: list[Any]) -> None:
        check(lambda f: f["t"].str.count(pattern).astype(float), dtype, texts)
        texts = [*texts, "a"]  # of missing strings alone there is no list
        check(lambda f: f["t"].str.findall(pattern).str.len().astype(float), dtype, texts)

    compare()


@pytest.mark.parametrize("dtype", DTYPES)
def test_extracts_are_those_of_pandas(dtype: str) -> None:
    patterns = [r"(\d+)", r"(a)|b", r"(?P<first>\w)(?P<rest>.*)", r"([a-z]*)-?(\d?)"]

    @settings(max_examples=40)
    @given(st.sampled_from(patterns), st.lists(TEXTS, min_size=1, max_size=5))
    def compare(pattern: str, texts: list[Any]) -> None:
        first = "first" if "first" in pattern else 0

        def function(f: Any) -> Any:
            found = f["t"].str.extract(pattern)
            return np.column_stack([found[first].isna(), found[first].fillna("").str.len()])

        check(function, dtype, texts)
        check(lambda f: f["t"].str.extract(r"(k)", expand=False).isna(), dtype, texts)

    compare()


@pytest.mark.parametrize("dtype", DTYPES)
def test_replacements_are_those_of_pandas(dtype: str) -> None:
    values = ["", "-", "<x>"]

    @settings(max_examples=60)
    @given(
        st.sampled_from([*PATTERNS, r"(a)(b)?"]), st.sampled_from([*values, r"\1!"]),
        st.lists(TEXTS.filter(lambda t: isinstance(t, str)), min_size=1, max_size=4),
    )  # fmt: skip
    def compare(pattern: str, value: str, texts: list[Any]) -> None:
        if "\\1" in value and not re.compile(pattern).groups:
            return
        expected = list(frame_of(texts, dtype)["t"].str.replace(pattern, value, regex=True))
        wanted = dict(zip(texts, expected, strict=True))

        def function(f: Any) -> Any:
            return f["t"].str.replace(pattern, value, regex=True).isin(list(wanted.values()))

        check(function, dtype, texts)
        other = [t for t in expected if isinstance(t, str)][:1]
        check(lambda f: f["t"].str.replace(pattern, value, regex=True) == other[0], dtype, texts)

    compare()


@pytest.mark.parametrize("dtype", DTYPES)
def test_numbers_of_pieces_are_those_of_pandas(dtype: str) -> None:
    """With the dtypes that missing strings, no row and one row give."""
    blanks = st.text(st.sampled_from("ab, .\t\n\x0b\x1c\x1f\x85\u2003\u200b"), max_size=9)

    @settings(max_examples=60)
    @given(
        st.sampled_from(["split", "rsplit"]), st.sampled_from([None, " ", ",", ".", "ab", "aa"]),
        st.sampled_from([-1, 0, 1, 3]), st.lists(blanks | TEXTS, max_size=5),
    )  # fmt: skip
    def compare(method: str, separator: Any, limit: int, texts: list[Any]) -> None:
        if method == "rsplit" and separator is None:
            limit = -1

        def function(f: Any) -> Any:
            return getattr(f["t"].str, method)(separator, n=limit).str.len()

        fast = willump.compile(function, sample=frame_of(["a b", "c"], dtype), strict=True)
        has_text = any(isinstance(t, str) for t in texts)
        if texts and not has_text:  # of missing strings alone there is no list
            return
        frame = frame_of(texts, dtype)
        for rows in (frame, frame[:0], frame[-1:]) if has_text else (frame,):
            if len(rows) == 1 and rows["t"].isna().all():
                continue
            pd.testing.assert_series_equal(fast(rows), function(rows))

    compare()


def test_one_character_is_split_as_a_pattern_where_that_is_asked_for() -> None:
    frame = frame_of(["a.b", "c"], "str")
    with pytest.warns(willump.PythonStepWarning, match="regular expression"):
        fast = willump.compile(
            lambda f: f["t"].str.split(".", regex=True).str[0] == "", sample=frame
        )
    np.testing.assert_array_equal(fast(frame), [True, True])


def test_patterns_without_a_proven_translation_stay_python() -> None:
    frame = frame_of(["aa", "ab"], "str")
    with pytest.warns(willump.PythonStepWarning, match="regular expression"):
        fast = willump.compile(lambda f: f["t"].str.contains(r"(?i)(a)\1"), sample=frame)
    np.testing.assert_array_equal(fast(frame), [True, False])
