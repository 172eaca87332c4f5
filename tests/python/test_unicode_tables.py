"""Every character means to the core what it means to this interpreter."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import willump
from sklearn.feature_extraction.text import HashingVectorizer

# Surrogates cannot be hashed: scikit-learn raises, and so does the core.
CHARACTERS = [chr(c) for c in range(sys.maxunicode + 1) if not 0xD800 <= c < 0xE000]


def rows_of(pieces: list[str]) -> list[str]:
    """Rows of 512 pieces, so that a difference names a small range."""
    return ["".join(pieces[i : i + 512]) for i in range(0, len(pieces), 512)]


def assert_same_terms(vectorizer: HashingVectorizer, rows: list[str]) -> None:
    expected = vectorizer.transform(rows)
    found = willump.compile(vectorizer).transform(rows)
    if (found != expected).nnz:
        different = np.unique((found != expected).nonzero()[0])
        pytest.fail(f"rows {different[:10]} differ, the first is {rows[different[0]]!r}")


def hashing(**parameters: object) -> HashingVectorizer:
    return HashingVectorizer(n_features=2**22, norm=None, alternate_sign=False, **parameters)


@pytest.mark.parametrize("strip_accents", [None, "unicode", "ascii"])
@pytest.mark.parametrize("lowercase", [True, False])
def test_every_character_is_mapped_as_python_maps_it(
    lowercase: bool, strip_accents: str | None
) -> None:
    vectorizer = hashing(
        analyzer="char", ngram_range=(1, 1), lowercase=lowercase, strip_accents=strip_accents
    )
    assert_same_terms(vectorizer, rows_of(CHARACTERS))


def test_every_character_is_of_a_word_or_not_as_in_python() -> None:
    vectorizer = hashing(lowercase=False)
    assert_same_terms(vectorizer, rows_of([f"qa{c}zq " for c in CHARACTERS]))


def test_every_character_is_white_space_or_not_as_in_python() -> None:
    vectorizer = hashing(analyzer="char_wb", ngram_range=(5, 5), lowercase=False)
    assert_same_terms(vectorizer, rows_of([f"q{c}z " for c in CHARACTERS]))


@pytest.mark.parametrize("around", ["A{}Σ ", "{}Σ ", "AΣ{}b ", "AΣ{} "])
def test_every_character_decides_the_final_sigma_as_in_python(around: str) -> None:
    vectorizer = hashing(analyzer="char", ngram_range=(2, 2))
    assert_same_terms(vectorizer, rows_of([around.format(c) for c in CHARACTERS]))
