"""Top-K of batches: what one call over all of their rows answers."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import willump
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline, make_union


@pytest.fixture(scope="module")
def filtered() -> tuple[Any, list[str]]:
    """A model with a filter, and texts with many equal ones."""
    random = np.random.default_rng(0)
    words = [f"w{i}" for i in range(60)]
    texts = [" ".join(random.choice(words, 8)) for _ in range(5_000)]
    y = np.array([("w1 " in t) + ("w2 " in t) + random.normal() * 0.3 > 0.5 for t in texts])
    union = make_union(
        TfidfVectorizer(max_features=40), TfidfVectorizer(analyzer="char", ngram_range=(2, 5))
    )
    model = make_pipeline(union, LogisticRegression()).fit(texts[:1000], y[:1000])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fast = willump.optimize(
            model, texts[:1000], y[:1000], X_cal=texts[1000:4000],
            target=willump.TopKRecall(0.8, query_size=40, k=5), random_state=0,
        )  # fmt: skip
    assert fast.metadata.get("top_k") is not None, "no filter was built"
    return fast, texts[4000:] + texts[4000:4100]


def cut(rows: Any, sizes: list[int]) -> Iterator[Any]:
    at = 0
    for size in sizes:
        yield rows[at : at + size]
        at += size
    yield rows[at:]


def same(found: Any, wanted: Any) -> None:
    np.testing.assert_array_equal(found[0], wanted[0])
    np.testing.assert_array_equal(found[1], wanted[1])
    assert found[0].dtype == np.int64


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 400), max_size=6), st.sampled_from([1, 5, 40, 2_000]))
def test_batches_of_a_filtered_model_answer_as_one(filtered: Any, sizes: list[int], k: int) -> None:
    fast, texts = filtered
    same(fast.top_k(cut(texts, sizes), k, n_rows=len(texts)), fast.top_k(texts, k))


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 300), max_size=5), st.sampled_from([1, 7, 600, 2_000]))
def test_batches_of_an_exact_model_answer_as_one(sizes: list[int], k: int) -> None:
    x = np.round(np.random.default_rng(3).normal(size=(600, 3)), 1)
    fast = willump.compile(GradientBoostingRegressor(n_estimators=3).fit(x, x[:, 0]))
    same(fast.top_k(cut(x, sizes), k, n_rows=600), fast.top_k(x, k))


def test_batches_are_frames_sparse_rows_or_columns() -> None:
    x = np.random.default_rng(1).normal(size=(50, 2))
    fast = willump.compile(LinearRegression().fit(x, x @ [1.0, 2.0]))
    wanted = fast.top_k(x, 9)
    same(fast.top_k([pd.DataFrame(x[:20]), x[20:]], 9, n_rows=50), wanted)
    same(fast.top_k([sp.csr_matrix(x[:20]), x[20:].tolist()], 9, n_rows=50), wanted)


def test_other_numbers_of_rows_are_refused(filtered: Any) -> None:
    fast, texts = filtered
    with pytest.raises(ValueError, match="have 50 rows, not n_rows=51"):
        fast.top_k([texts[:20], texts[20:50]], 3, n_rows=51)
    with pytest.raises(ValueError, match="more rows than n_rows=49"):
        fast.top_k([texts[:20], texts[20:50]], 3, n_rows=49)
    for n_rows in (-1, True, 2.5, "9"):
        with pytest.raises((ValueError, TypeError), match="n_rows"):
            fast.top_k([texts[:3]], 3, n_rows=n_rows)


def test_no_rows_at_all_have_no_best(filtered: Any) -> None:
    ids, scores = filtered[0].top_k([], 3, n_rows=0)
    assert len(ids) == len(scores) == 0


def test_an_error_names_the_batch(filtered: Any) -> None:
    fast, texts = filtered
    with pytest.raises(AttributeError, match=r"row 3 of X is None.*begins with row 30"):
        fast.top_k([texts[:30], [*texts[30:33], None]], 3, n_rows=34)
