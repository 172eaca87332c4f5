"""Vectorizers give the same matrices as scikit-learn's, bit for bit."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from harness import (
    assert_row_wise,
    assert_same_matrix,
    assert_same_model,
    build,
    examples,
    quiet,
    take_list,
)
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import (
    CountVectorizer,
    HashingVectorizer,
    TfidfTransformer,
    TfidfVectorizer,
)
from sklearn.linear_model import Ridge
from sklearn.pipeline import FeatureUnion, make_pipeline
from strategies import (
    analyses,
    corpora,
    ngram_ranges,
    partly_repetitive_text,
    random_text,
    repetitive_text,
    weightings,
)

DTYPES = [np.int64, np.int64, np.int32, np.float32, np.float64]


def fitted(vectorizer: Any, texts: list[str]) -> Any:
    """Fitted, or the example is left out: nothing but stop words, say."""
    try:
        return quiet(vectorizer.fit, texts)
    except ValueError:
        assume(False)


def check(vectorizer: Any, texts: list[str], *, bits: bool = True) -> None:
    want = quiet(vectorizer.transform, texts)
    got = build(vectorizer).transform(texts)
    assert_same_matrix(got, want, bits=bits)


@examples(500)
@given(analyses(), st.sampled_from(DTYPES), corpora(surrogates=True), corpora(surrogates=True))
def test_counts_are_equal(parameters: dict[str, Any], dtype: Any, train: Any, test: Any) -> None:
    vectorizer = fitted(CountVectorizer(**parameters, dtype=dtype), train)
    check(vectorizer, train + test)


@examples(500)
@given(analyses(), weightings, st.booleans(), corpora(surrogates=True), corpora())
def test_tfidf_is_equal(
    parameters: dict[str, Any], weighting: dict[str, Any], single: bool, train: Any, test: Any
) -> None:
    dtype = np.float32 if single else np.float64
    vectorizer = fitted(TfidfVectorizer(**parameters, **weighting, dtype=dtype), train)
    check(vectorizer, train + test, bits=not weighting["sublinear_tf"])


@examples(400)
@given(
    analyses(), corpora(), st.sampled_from([None, "l1", "l2"]), st.booleans(),
    st.integers(1, 300), st.sampled_from(DTYPES),
)  # fmt: skip
def test_hashed_terms_are_equal(
    parameters: dict[str, Any], texts: Any, norm: Any, sign: bool, n_features: int, dtype: Any
) -> None:
    vectorizer = HashingVectorizer(
        **parameters, norm=norm, alternate_sign=sign, n_features=n_features, dtype=dtype
    )
    check(vectorizer, texts)


@examples(100)
@given(analyses(), corpora(), st.data())
def test_a_given_vocabulary_needs_no_fit(parameters: dict[str, Any], texts: Any, data: Any) -> None:
    analyze = quiet(CountVectorizer(**parameters).build_analyzer)
    terms = {term for text in texts for term in analyze(text)} | {"never occurs", ""}
    chosen = sorted(terms)[: data.draw(st.integers(1, 30))]
    check(CountVectorizer(**parameters, vocabulary=chosen), texts)


@examples(100)
@given(analyses(), weightings, corpora())
def test_a_count_and_tfidf_pipeline_is_equal(
    parameters: dict[str, Any], weighting: dict[str, Any], texts: Any
) -> None:
    pipeline = make_pipeline(CountVectorizer(**parameters), TfidfTransformer(**weighting))
    check(fitted(pipeline, texts), texts, bits=not weighting["sublinear_tf"])


@examples(60)
@given(analyses(), analyses(), weightings, corpora())
def test_a_row_is_the_same_in_any_batch(
    words: dict[str, Any], characters: dict[str, Any], weighting: dict[str, Any], texts: Any
) -> None:
    union = FeatureUnion(
        [
            ("a", TfidfVectorizer(**words, **weighting)),
            ("b", HashingVectorizer(**characters, n_features=512)),
        ]
    )
    assert_row_wise(fitted(union, texts), texts, take_list, "transform")


def linear_model(weights: Any) -> Ridge:
    model = Ridge()
    model.coef_, model.intercept_ = np.asarray(weights), 0.0
    model.n_features_in_ = len(weights)
    return model


@examples(150)
@given(
    st.sampled_from(["char", "char", "char_wb", "word"]), ngram_ranges, weightings,
    st.booleans(), st.integers(0, 2**48),
)  # fmt: skip
def test_scores_of_repetitive_rows_are_equal(
    analyzer: str, ngram_range: Any, weighting: dict[str, Any], binary: bool, seed: int
) -> None:
    """Weights that nearly cancel: what a row holds too often leaves no trace in its score."""
    rng = random.Random(seed)
    texts = [repetitive_text(rng) for _ in range(6)]
    parameters = {"analyzer": analyzer, "ngram_range": ngram_range, "binary": binary}
    train = [text[: rng.choice([10, 100, 1000])] for text in texts] + ["a b c ab abc"]
    vectorizer = fitted(TfidfVectorizer(**parameters, **weighting), train)
    weights = np.array([rng.uniform(-1, 1) for _ in vectorizer.vocabulary_])
    some = quiet(vectorizer.transform, [texts[0]]).indices
    if len(some) > 1:
        rest = 1e-6 if binary or weighting["sublinear_tf"] else 0.1
        weights[some[-1]] = rest - weights[some[:-1]].sum()
    pipeline = make_pipeline(vectorizer, linear_model(weights))
    assert_same_model(build(pipeline, strict=True), pipeline, texts)
    assert_row_wise(pipeline, texts, take_list, "predict")


@examples(100)
@given(st.integers(2, 3), st.integers(0, 4), st.booleans(), st.integers(0, 2**48))
def test_scores_of_short_rows_that_repeat_in_part_are_equal(
    low: int, more: int, use_idf: bool, seed: int
) -> None:
    rng = random.Random(seed)
    texts = [partly_repetitive_text(rng) for _ in range(rng.choice([5, 100]))]
    parameters: dict[str, Any] = {"analyzer": "char", "ngram_range": (low, min(low + more, 6))}
    vectorizer = fitted(TfidfVectorizer(**parameters, use_idf=use_idf), texts[:5])
    weights = [rng.uniform(-1, 1) for _ in vectorizer.vocabulary_]
    pipeline = make_pipeline(vectorizer, linear_model(weights))
    assert_same_model(build(pipeline, strict=True), pipeline, texts)
    assert_row_wise(pipeline, texts, take_list, "predict")


@pytest.mark.parametrize("weights", [[0.123456789], [0.7123456789, -0.7123446789]])
@pytest.mark.parametrize("tf", [{"binary": True}, {"sublinear_tf": True}])
def test_a_term_of_thousands_of_occurrences_has_the_originals_score(weights: Any, tf: Any) -> None:
    terms = ["a"] if len(weights) == 1 else ["ab", "ba"]
    parameters = {"analyzer": "char", "ngram_range": (1, 2), "norm": None, "use_idf": False}
    vectorizer = TfidfVectorizer(**parameters, vocabulary=terms, **tf).fit(terms)
    pipeline = make_pipeline(vectorizer, linear_model(weights))
    texts = [(terms[0] * n)[:n] for n in (190, 300, 500, 4096, 16384, 16385)]
    assert_same_model(build(pipeline, strict=True), pipeline, texts)


@pytest.mark.parametrize("kind", [CountVectorizer, TfidfVectorizer, HashingVectorizer])
@pytest.mark.parametrize("analyzer", ["word", "char", "char_wb"])
def test_a_thousand_long_rows_are_equal(kind: Any, analyzer: str) -> None:
    rng = random.Random(7)
    texts = [random_text(rng) for _ in range(1000)]
    vectorizer = quiet(kind(analyzer=analyzer, ngram_range=(1, 3)).fit, texts)
    check(vectorizer, texts)


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "utf-16", "cp1251"])
@pytest.mark.parametrize("errors", ["strict", "ignore", "replace"])
def test_bytes_are_decoded_as_the_vectorizer_says(encoding: str, errors: str) -> None:
    texts = ["plain text", "more plain text", "plain"]
    vectorizer = CountVectorizer(encoding=encoding, decode_error=errors).fit(texts)
    rows: list[Any] = [text.encode(encoding) for text in texts] + ["plain str"]
    if errors != "strict":
        rows.append(b"text \xff\xfe\x98 text")
    check(vectorizer, rows)


def test_undecodable_bytes_raise_what_the_original_raises() -> None:
    vectorizer = CountVectorizer().fit(["some text"])
    with pytest.raises(UnicodeDecodeError):
        build(vectorizer).transform([b"\xff\xfe"])


@pytest.mark.parametrize("bad", ["one string", [None], [1], [np.nan], [["a", "b"]], [b"ok", 2.5]])
@pytest.mark.parametrize("lowercase", [True, False])
@pytest.mark.parametrize("kind", [CountVectorizer, TfidfVectorizer, HashingVectorizer])
def test_bad_input_raises_the_same_type(kind: Any, lowercase: bool, bad: Any) -> None:
    vectorizer = kind(lowercase=lowercase).fit(["some text", "b"])
    with pytest.raises(Exception) as original:  # noqa: PT011  (any: the type is what is tested)
        vectorizer.transform(bad)
    with pytest.raises(original.type):
        build(vectorizer).transform(bad)


@examples(60)
@given(corpora())
def test_python_functions_stay_python_and_agree(texts: Any) -> None:
    class Mine(CountVectorizer):
        def build_analyzer(self) -> Any:
            return lambda text: text.split("a")

    for vectorizer in (
        CountVectorizer(tokenizer=str.split, token_pattern=None),
        TfidfVectorizer(preprocessor=str.swapcase),
        CountVectorizer(analyzer=lambda text: text.split("b")),
        TfidfVectorizer(strip_accents=str.upper),
        CountVectorizer(dtype=np.uint8),
        Mine(),
    ):
        check(fitted(vectorizer, texts), texts)


@examples(20)
@given(corpora())
def test_a_method_replaced_on_the_object_is_called(texts: Any) -> None:
    vectorizer = fitted(CountVectorizer(), texts)
    original = vectorizer.build_analyzer()
    vectorizer.build_analyzer = lambda: lambda text: original(text)[::2]
    check(vectorizer, texts)


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({"tokenizer": str.split, "token_pattern": None}, "tokenizer is a function"),
        ({"preprocessor": str.lower}, "preprocessor is a function"),
        ({"strip_accents": str.lower}, "strip_accents is a function"),
        ({"analyzer": str.split}, "analyzer is a function"),
        ({"dtype": np.uint8}, "dtype=uint8"),
    ],
)
def test_strict_names_the_parameter(parameters: dict[str, Any], reason: str) -> None:
    from willump._errors import UnsupportedError
    from willump.convert import convert_pipeline

    vectorizer = quiet(CountVectorizer(**parameters).fit, ["some text"])
    with pytest.raises(UnsupportedError, match=reason):
        convert_pipeline(vectorizer, strict=True)
    assert any(reason in why for why in convert_pipeline(vectorizer).reasons)


def test_strict_names_every_reason_at_once() -> None:
    from willump._errors import UnsupportedError
    from willump.convert import convert_pipeline

    union = FeatureUnion(
        [
            ("a", CountVectorizer(preprocessor=str.lower)),
            ("b", CountVectorizer(dtype=np.uint8)),
        ]
    ).fit(["some text"])
    with pytest.raises(UnsupportedError, match=r"(?s)preprocessor.*uint8"):
        convert_pipeline(union, strict=True)
