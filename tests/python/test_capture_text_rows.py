"""Functions that clean one string after the other: with `re`, splits and tables of characters,
against plain Python on random strings."""

from __future__ import annotations

import math
import re
import string
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import willump
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

TEXTS = st.text(
    st.sampled_from("abkKsS10_ -,.@!\n\t\x0b\x1c\x85\u2003éßıİſ\u212a٣日/"), max_size=10
) | st.sampled_from(["", " ", "http://x.co/a b", "a@b.com, 12 kg", "Kg 3kg  4 KG"])
SAMPLE = ["a 1", "http://x.co/1 b-c", " d-e@x.com\n A 3 kg"]
DTYPES = ["str", "object"]

URL = re.compile(r"https?://\S+")
NUMBER = re.compile(r"\d+")
MAIL = re.compile(r"(?P<user>[\w.]+)@(\w+)", re.IGNORECASE)
NO_MARKS = str.maketrans("", "", string.punctuation)
TABLE = {**str.maketrans({"a": "4", "é": None, "ß": "ss", "1": 50}), "k": "unread", -1: "x"}

STOP = frozenset(["a", "b", "http://x.co/a", "1.", "é", "a b", "", 3, "kg", "k", "kgs", "ak"])

NOTHING: dict[str, int] = {}

#: What is done to a string, one after the other.
STEPS: list[Callable[[str], str]] = [
    lambda t: t.lower(),
    lambda t: t.strip(),
    lambda t: URL.sub(" URL ", t),
    lambda t: NUMBER.sub("0", t, count=1),
    lambda t: MAIL.sub(r"<\g<user>|\2>", t),
    lambda t: re.sub(r"[^\w\s]", " ", t),
    lambda t: re.sub(r"\s+", " ", t),
    lambda t: re.sub("k", "<\\g<0>>", t, flags=re.IGNORECASE),
    lambda t: re.sub("(a)|b?", r"[\1]", t),
    lambda t: re.sub(r"^|\b", "|", t, count=2),
    lambda t: re.sub(URL, "", string=t),
    lambda t: " ".join(t.split()),
    lambda t: "".join(t.split()),
    lambda t: "; ".join(t.split("-")),
    lambda t: t.title(),
    lambda t: t.capitalize(),
    lambda t: t.translate(NO_MARKS),
    lambda t: t.translate(TABLE),
    lambda t: " ".join(w for w in t.split() if w not in STOP),
    lambda t: "+".join(w for w in t.split() if w in STOP),
    lambda t: " ".join([w for w in t.split() if len(w) > 2 and not w.isdigit()]),
    lambda t: "".join(w for w in t.split() if w if w.isalpha() if len(w) != 1 if len(w) <= 3),
    lambda t: t.split()[0] if t.split() else "none",
    lambda t: t.split(None, 1)[-1] if len(t.split()) > 1 else t,
    lambda t: NUMBER.search(t).group() if NUMBER.search(t) else t,  # type: ignore[union-attr]
    lambda t: MAIL.search(t)["user"] if MAIL.search(t) is not None else "",  # type: ignore[index]
]

#: What is asked of a string.
ASKED: list[Callable[[str], Any]] = [
    lambda t: len(re.findall(r"[A-Z]|\d(s)?", t)),
    lambda t: len(re.findall("", t)),
    lambda t: len(t.split()) + 10 * len(t.split("-")) + 100 * len(t.split("b", 2)),
    lambda t: len(re.split(r"(a)|k", t)),
    lambda t: bool(re.match("a|ab", t)) and not re.fullmatch("(a|ab)c?", t),
    lambda t: 1 if any(pattern.search(t) for pattern in (URL, NUMBER)) else 0,
    lambda t: all(re.search(word, t) for word in ("a", "k")),
    lambda t: 1.0 if NUMBER.match(t) else 0.5,
    lambda t: re.search(r"s$", t, re.IGNORECASE) is None,
    lambda t: len([w for w in t.split() if w not in STOP]) + 10 * len(t.split()),
    lambda t: len([w for w in t.lower().split() if w in NOTHING]),
    lambda t: len([w for w in t.split() if len(w) >= 2 and len(w) < 3 and w not in NOTHING]),
    lambda t: bool([w for w in t.split() if not w.isnumeric() and not w in STOP]),  # noqa: E713
    lambda t: len(NUMBER.findall(t)) / max(len(t.split()), 1),
]


def frame_of(texts: list[Any], dtype: str = "str") -> pd.DataFrame:
    return pd.DataFrame({"t": pd.Series(texts, dtype=dtype)})


@pytest.mark.parametrize("dtype", DTYPES)
def test_cleaned_strings_are_those_of_python(dtype: str) -> None:
    @settings(max_examples=80, deadline=None)
    @given(
        st.lists(st.sampled_from(STEPS), min_size=1, max_size=4),
        st.lists(TEXTS, min_size=1, max_size=5), st.sampled_from(["apply", "map"]),
    )  # fmt: skip
    def compare(steps: list[Callable[[str], str]], texts: list[str], method: str) -> None:
        def clean(text: Any) -> str:
            if not isinstance(text, str):
                return "gone"
            for step in steps:
                text = step(text)
            return str(text)

        frame = frame_of([*texts, math.nan], dtype)
        wanted = sorted({clean(text) for text in frame["t"]})

        def function(f: Any) -> Any:
            found = getattr(f["t"], method)(clean)
            return np.column_stack([(found == text).astype(float) for text in wanted])

        fast = willump.compile(function, sample=frame_of(SAMPLE, dtype), strict=True)
        expected = function(frame)
        assert expected.sum() == len(frame)
        np.testing.assert_array_equal(fast(frame), expected)
        np.testing.assert_array_equal(fast(frame[:1]), expected[:1])
        np.testing.assert_array_equal(fast({"t": texts[0]}), expected[:1])

    compare()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("asked", range(len(ASKED)))
def test_what_is_asked_of_strings_is_what_python_answers(asked: int, dtype: str) -> None:
    def function(f: Any) -> Any:
        return f["t"].map(ASKED[asked])

    fast = willump.compile(function, sample=frame_of(SAMPLE, dtype), strict=True)

    @settings(max_examples=60, deadline=None)
    @given(st.lists(TEXTS, min_size=1, max_size=5))
    def compare(texts: list[str]) -> None:
        frame = frame_of(texts, dtype)
        pd.testing.assert_series_equal(fast(frame), function(frame))

    compare()


@pytest.mark.parametrize(
    "asked",
    [
        lambda f: f["t"].str.split().apply(len),
        lambda f: f["t"].str.split("-").map(lambda parts: len(parts) * 0.5),
        lambda f: f["t"].str.split(n=1).map(lambda words: words[-1] if words else "").str.len(),
        lambda f: f["t"].str.findall(r"\d|[A-Z]").map(len),
        lambda f: f["t"].str.rsplit("-").map(lambda parts: " ".join(parts)).str.len(),
    ],
)
def test_what_is_made_of_pieces_is_what_python_makes(asked: Callable[[Any], Any]) -> None:
    fast = willump.compile(asked, sample=frame_of(SAMPLE), strict=True)

    @settings(max_examples=40, deadline=None)
    @given(st.lists(TEXTS, min_size=1, max_size=5))
    def compare(texts: list[str]) -> None:
        frame = frame_of(texts)
        pd.testing.assert_series_equal(fast(frame), asked(frame))

    compare()
    with pytest.raises(TypeError, match="a string is missing"):
        fast(frame_of(["a", math.nan]))


def test_a_missing_string_is_the_error_that_python_raises() -> None:
    fast = willump.compile(
        lambda f: f["t"].map(lambda t: len(NUMBER.findall(t))), sample=frame_of(SAMPLE), strict=True
    )
    with pytest.raises(TypeError, match="a string is missing"):
        fast(frame_of(["a", math.nan]))


def test_a_match_that_is_not_there_is_an_error() -> None:
    fast = willump.compile(
        lambda f: f["t"].map(lambda t: len(re.search("[a-z]+", t).group())),  # type: ignore[union-attr]
        sample=frame_of(SAMPLE), strict=True,
    )  # fmt: skip
    assert list(fast(frame_of(["12 ab", "é x"]))) == [2, 1]
    with pytest.raises(TypeError, match="there is no match"):
        fast(frame_of(["a", "12"]))


@pytest.mark.parametrize(
    "step",
    [
        lambda t: re.sub(r"\d", lambda found: found.group() * 2, t),
        lambda t: re.sub(r"(a)\n", r"\n", t),
        lambda t: re.sub(r"(?i)(a)\1", "", t),
        lambda t: t.translate(str.maketrans({"a": "\0"})),
        lambda t: " ".join(re.findall("[a-z]+", t)),
    ],
)
def test_the_rest_stays_python(step: Callable[[str], str]) -> None:
    def function(f: Any) -> Any:
        return f["t"].map(step).str.len()

    frame = frame_of([*SAMPLE, "aA\n"])
    with pytest.warns(willump.PythonStepWarning):
        fast = willump.compile(function, sample=frame)
    np.testing.assert_array_equal(fast(frame), function(frame))


def clean(text: Any) -> str:
    if not isinstance(text, str):
        return ""
    text = URL.sub(" URL ", text.lower())
    text = re.sub(r"[^\w\s]", " ", text)
    return " ".join(text.split())


def test_the_vectorizer_and_the_model_behind_it_are_native() -> None:
    rng = np.random.default_rng(0)
    words = ["Refund", "login", "http://x.co/1", "naïve!", "12", "crash-es", "OK"]
    frame = frame_of([" ".join(rng.choice(words, 5)) for _ in range(200)])
    tfidf = TfidfVectorizer(ngram_range=(1, 2)).fit(frame["t"].map(clean))
    y = frame["t"].str.contains("Refund").to_numpy()
    model = LogisticRegression().fit(tfidf.transform(frame["t"].map(clean)), y)

    def function(f: Any) -> Any:
        return model.predict_proba(tfidf.transform(f["t"].apply(clean)))[:, 1]

    fast = willump.compile(function, sample=frame, strict=True)
    later = frame_of(["", math.nan, "refund,refund", "日本語 😀"])
    np.testing.assert_allclose(fast(later), function(later), rtol=1e-9)
