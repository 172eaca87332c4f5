"""Random texts and random parameters for vectorizers."""

from __future__ import annotations

import random
import string
from typing import Any

from hypothesis import strategies as st

WHITESPACE = (
    "\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2009\u2028\u2029\u202f\u205f\u3000"
)
#: Casing oddities, combining marks, ligatures, digits of other scripts, joiners.
ODD = (
    "İıßẞΣσςΑΌΆǅǆŉΐΰﬁﬀﬆⅧⅷªº²½٣४๓éèñçÅåøðžŠàöÜ\u0301\u0308\u0327\u0345\u05b4\u0e33\u3099"
    "가각한글あがプﾌﾟ漢字𝒜𝟘🙂👩\u200d\ufe0f\u200b\ufeff\x00\x07\x7f_·’'-…·ͺ΅\u0130\u1e9e\u2126\u212b"
)
SURROGATES = "\ud800\udbff\udc00\udfff"
STOP_WORDS = [
    *("the", "cat", "and", "dog", "is", "Là", "très", "wörd", "aa", "ab", "abc", "abcd", "foo"),
    *("bar", "baz", "x", "I'm", "don't", "42", "3rd", "ΟΔΟΣ", "Straße", "İstanbul", "naïve"),
    *("ﬁne", "漢字", "🙂🙂", "_under_", "end.", "(paren)", "snake_case", "a"),
]
PATTERNS = [
    r"(?u)\b\w\w+\b", r"(?u)\b\w+\b", r"\b\w+\b", r"\w+", r"\S+", r"[a-z]+", r"[^\s]+",
    r"\b[a-zA-Z]{2,}\b", r"(\w)\w*", r"(?i)[A-F]+\d*", r"\w+(?:'\w+)?", r"\d+|[^\W\d_]+",
]  # fmt: skip
#: A small vocabulary, so that words repeat and fitted terms occur again.
WORDS = [
    *("the", "cat", "and", "dog", "is", "Là", "très", "wörd", "aa", "ab", "abc", "abcd", "foo"),
    *("bar", "baz", "x", "I'm", "don't", "42", "3rd", "ΟΔΟΣ", "Straße", "İstanbul", "naïve"),
    *("ﬁne", "漢字", "🙂🙂", "_under_", "end.", "(paren)", "snake_case", "a"),
]


def random_text(rng: random.Random) -> str:
    """One text: words, raw characters, long or repeated rows, or nothing."""
    kind = rng.randrange(10)
    if kind == 0:
        return ""
    if kind == 1:
        return "".join(rng.choice(WHITESPACE) for _ in range(rng.randrange(6)))
    if kind == 2:
        alphabet = string.ascii_letters + ODD + WHITESPACE
        return "".join(rng.choice(alphabet) for _ in range(rng.randrange(60)))
    if kind == 3:
        points = (
            rng.randrange(rng.choice([0x80, 0x800, 0x3100, 0x10000, 0x110000]))
            for _ in range(rng.randrange(40))
        )
        return "".join(chr(p) for p in points if not 0xD800 <= p < 0xE000)
    if kind == 4:
        return " ".join([rng.choice(WORDS)] * rng.randrange(1, 300))
    if kind == 5:
        return "".join(rng.choice("ab ") for _ in range(rng.randrange(200)))
    separators = [" ", " ", " ", "  ", ", ", "\n", ". ", "\u2003", "-", "\x1c"]
    count = rng.randrange(400) if kind == 6 else rng.randrange(25)
    return "".join(_word(rng) + rng.choice(separators) for _ in range(count))


def repetitive_text(rng: random.Random) -> str:
    """A few characters again and again, up to 20,000; at times with others around them."""
    unit = "".join(rng.choice("abc ") for _ in range(rng.choice([1, 2, 2, 3, 5, 20, 40])))
    length = rng.choice([20, 190, 193, 260, 1000, 4096, 8191, 16384, 16385, 20000])
    length = rng.randrange(1, length) if rng.random() < 0.5 else length
    text = (unit * (length // len(unit) + 1))[:length]
    return rng.choice([text, text, text + random_text(rng), random_text(rng) + text])


def partly_repetitive_text(rng: random.Random) -> str:
    """Up to 400 characters, a run of one, two or three of them again and again among others."""
    length = rng.choice([20, 60, 120, 190, 191, 192, 400])
    run = rng.randrange(8, length)
    text = "".join(rng.choice("abc") for _ in range(rng.choice([1, 1, 2, 3]))) * run
    others = "".join(rng.choice("abcdefghijklmnopqrstuvwxyz ") for _ in range(length - run))
    at = rng.choice([0, rng.randrange(len(others)), len(others)])
    return others[:at] + text[:run] + others[at:]


def _word(rng: random.Random) -> str:
    word = rng.choice(WORDS)
    change = rng.randrange(8)
    if change == 0:
        return word.upper()
    if change == 1:
        return word.capitalize()
    if change == 2:
        return word + rng.choice(ODD)
    return word


def with_surrogate(rng: random.Random, text: str) -> str:
    at = rng.randrange(len(text) + 1)
    return text[:at] + rng.choice(SURROGATES) + text[at:]


@st.composite
def corpora(draw: Any, low: int = 3, high: int = 20, surrogates: bool = False) -> list[str]:
    """A list of texts; some of them drawn by hypothesis, which shrinks them."""
    rng = random.Random(draw(st.integers(0, 2**48)))
    texts = [random_text(rng) for _ in range(rng.randrange(low, high))]
    categories = [] if surrogates else ["Cs"]
    texts += draw(st.lists(st.text(st.characters(exclude_categories=categories)), max_size=2))
    if surrogates and rng.random() < 0.3:
        texts = [with_surrogate(rng, t) if rng.random() < 0.3 else t for t in texts]
    return texts


ngram_ranges = st.tuples(st.integers(1, 4), st.integers(0, 3)).map(lambda t: (t[0], t[0] + t[1]))


@st.composite
def analyses(draw: Any) -> dict[str, Any]:
    """Parameters that every vectorizer has."""
    analyzer = draw(st.sampled_from(["word", "word", "char", "char_wb"]))
    parameters: dict[str, Any] = {
        "analyzer": analyzer,
        "lowercase": draw(st.booleans()),
        "strip_accents": draw(st.sampled_from([None, None, "ascii", "unicode"])),
        "ngram_range": draw(st.one_of(st.just((1, 1)), ngram_ranges)),
        "binary": draw(st.booleans()),
    }
    if analyzer == "word":
        parameters["stop_words"] = draw(st.sampled_from([None, None, "english", STOP_WORDS]))
        parameters["token_pattern"] = draw(st.sampled_from([PATTERNS[0], *PATTERNS]))
    return parameters


weightings = st.fixed_dictionaries(
    {
        "norm": st.sampled_from(["l1", "l2", None]),
        "use_idf": st.booleans(),
        "smooth_idf": st.booleans(),
        "sublinear_tf": st.sampled_from([False, False, True]),
    }
)
