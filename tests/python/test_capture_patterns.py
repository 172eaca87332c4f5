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
