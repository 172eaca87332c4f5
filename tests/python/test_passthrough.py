"""Columns that a transformer passes through keep the original's dtype, or are refused."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
import willump
from harness import build, examples
from hypothesis import given
from hypothesis import strategies as st
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    Binarizer,
    FunctionTransformer,
    MinMaxScaler,
    StandardScaler,
)
from sklearn.svm import OneClassSVM

TEXTS = ["a good cat", "bad dog so", "good", "bad cat"]
FRAME = pd.DataFrame(
    {
        "i": np.array([2**53 + 1, 3, 4, 5]),
        "b": [True, False, True, False],
        "f": np.float32([0.1, 0.2, 0.3, 0.4]),
        "d": [0.1, 0.2, 0.3, 0.4],
        "o": np.array([1, 2.5, 3, 4], dtype=object),
        "t": TEXTS,
    }
)
BLOCKS: dict[str, Any] = {
    "tfidf": (TfidfVectorizer(), "t"),
    "tfidf32": (TfidfVectorizer(dtype=np.float32), "t"),
    "count": (CountVectorizer(), "t"),
    "scaled": (StandardScaler(), ["d"]),
}


def transformer(columns: list[str], blocks: list[str], sparse_threshold: float) -> Any:
    listed = [(name, *BLOCKS[name]) for name in blocks]
    listed.append(("rest", "passthrough", columns))
    return ColumnTransformer(listed, sparse_threshold=sparse_threshold)


def same(result: Any, expected: Any) -> None:
    assert type(result) is type(expected)
    assert result.dtype == expected.dtype
    if hasattr(result, "toarray"):
        result, expected = result.toarray(), expected.toarray()
    if result.dtype == object:
        assert [[(type(v), v) for v in row] for row in result.tolist()] == [
            [(type(v), v) for v in row] for row in expected.tolist()
        ]
    else:
        np.testing.assert_allclose(result, expected, 1e-12, 0)


@given(
    columns=st.lists(st.sampled_from("ibfdo"), min_size=1, max_size=3, unique=True),
    blocks=st.lists(st.sampled_from(sorted(BLOCKS)), max_size=2, unique=True),
    sparse_threshold=st.sampled_from([0.0, 1.0]),
)
@examples(60)
def test_passed_columns_are_the_originals_or_refused(
    columns: list[str], blocks: list[str], sparse_threshold: float
) -> None:
    original = transformer(columns, blocks, sparse_threshold).fit(FRAME)
    fast = build(original)
    expected = original.transform(FRAME)
    if expected.dtype == object and not fast._reasons:
        with pytest.raises(TypeError, match=r"rest.*objects"):
            fast.transform(FRAME)
    else:
        same(fast.transform(FRAME), expected)


@pytest.mark.parametrize("columns", [["i"], ["b"], ["f"], ["i", "b"]])
def test_passed_columns_alone_are_refused_by_name(columns: list[str]) -> None:
    original = transformer(columns, [], 0.0).fit(FRAME)
    with pytest.raises(willump.UnsupportedError, match="'rest' passes columns through"):
        willump.compile(original, strict=True)


def test_a_refused_object_column_is_named() -> None:
    fast = willump.compile(transformer(["d", "o"], ["scaled"], 0.0).fit(FRAME), strict=True)
    with pytest.raises(TypeError, match=r"^column 'o' \(object\).*give columns of numbers"):
        fast.transform(FRAME)
    assert fast.transform(FRAME.astype({"o": float})).dtype == np.float64


def test_a_function_that_does_nothing_passes_columns_through() -> None:
    original = ColumnTransformer([("same", FunctionTransformer(), ["i"])]).fit(FRAME)
    same(build(original).transform(FRAME), original.transform(FRAME))


def test_before_a_model_objects_are_numbers() -> None:
    original = make_pipeline(transformer(["i", "b", "o"], [], 0.0), LogisticRegression())
    original.fit(FRAME, [0, 1, 0, 1])
    fast = willump.compile(original, strict=True)
    np.testing.assert_allclose(fast.predict_proba(FRAME), original.predict_proba(FRAME), 1e-9)


@pytest.mark.parametrize(
    "block",
    [
        ("p", "passthrough", ["d"]),
        ("p", FunctionTransformer(), ["d"]),
        ("p", CountVectorizer(), "t"),
        ("p", StandardScaler(), ["d"]),
    ],
    ids=lambda block: type(block[1]).__name__,
)
def test_no_rows_are_answered_or_refused_as_the_original_does(block: Any) -> None:
    original = ColumnTransformer([block, ("d", "passthrough", ["d"])]).fit(FRAME)
    fast = build(original)
    try:
        expected = original.transform(FRAME[:0])
    except ValueError as error:
        with pytest.raises(ValueError, match=re.escape(str(error))):
            fast.transform(FRAME[:0])
    else:
        assert fast.transform(FRAME[:0]).shape == expected.shape


@pytest.mark.parametrize(
    "then",
    [StandardScaler(), MinMaxScaler(), Binarizer(threshold=-0.5), FunctionTransformer(np.square)],
    ids=lambda then: type(then).__name__,
)
@pytest.mark.parametrize("first", [CountVectorizer(), TfidfVectorizer()], ids=repr)
def test_sparse_blocks_of_dense_rows_go_before_what_shifts(first: Any, then: Any) -> None:
    blocks = ColumnTransformer([("t", first, "t"), ("d", "passthrough", ["d"])], sparse_threshold=0)
    original = make_pipeline(blocks, then).fit(FRAME)
    same(willump.compile(original, strict=True).transform(FRAME), original.transform(FRAME))


def test_an_outlier_detector_that_stays_python_keeps_its_scores() -> None:
    x = np.random.default_rng(0).normal(size=(80, 3))
    original = make_pipeline(StandardScaler(), OneClassSVM()).fit(x)
    fast = build(original)
    for method in ("predict", "decision_function", "score_samples"):
        np.testing.assert_array_equal(getattr(fast, method)(x), getattr(original, method)(x))
