"""Top-K of batches: what one call over all of their rows answers."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse as sp
import willump
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder


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


def test_the_rows_that_a_filter_spares_are_counted(filtered: Any) -> None:
    fast, texts = willump.CompiledModel.from_bytes(filtered[0].to_bytes()), filtered[1]
    assert fast.stats()["top_k"] == {"queries": 0, "rows": 0, "scored": 0}
    n = len(texts)
    fast.top_k(texts, 5)
    once = fast.stats()["top_k"]
    assert (once["queries"], once["rows"]) == (1, n)
    assert 5 <= once["scored"] < n
    fast.top_k(cut(texts, [100, 300]), 5, n_rows=n)
    assert fast.stats()["top_k"] == {name: 2 * count for name, count in once.items()}
    with pytest.raises(ValueError, match="more rows"):
        fast.top_k([texts], 5, n_rows=n - 1)
    assert fast.stats()["top_k"]["queries"] == 2
    exact = willump.compile(LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0]))
    exact.top_k([[1.0], [2.0], [3.0]], 1)
    exact.top_k([[[1.0], [2.0]], [[3.0]]], 1, n_rows=3)
    assert exact.stats()["top_k"] == {"queries": 2, "rows": 6, "scored": 6}


def visits(n: int, seed: int) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    kinds = random.choice(["p", "q", "s"], n)
    return pd.DataFrame(
        {"a": random.normal(size=n), "u": random.integers(0, n // 10, n), "k": kinds}
    )


def with_counts(d: Any) -> Any:
    counts = d.groupby("u")["u"].transform("count")
    return np.column_stack([d["a"], counts])


TRAINED = visits(600, 0)
MODEL = LinearRegression().fit(with_counts(TRAINED), TRAINED["a"] + with_counts(TRAINED)[:, 1])


def ranks_by_counts(d: Any) -> Any:
    return MODEL.predict(with_counts(d))


@pytest.fixture(scope="module")
def together() -> dict[str, Any]:
    """Models with a Python step that counts over a call's rows; one has a filter."""
    pipeline = make_pipeline(
        make_union(FunctionTransformer(lambda d: d[["a"]].to_numpy()),
                   FunctionTransformer(with_counts)),
        LinearRegression(),
    ).fit(TRAINED, ranks_by_counts(TRAINED))  # fmt: skip
    encoder = OneHotEncoder(handle_unknown="ignore").fit(TRAINED[["k"]])

    def wide(d: Any) -> Any:
        return np.hstack([with_counts(d), encoder.transform(d[["k"]]).toarray()])

    model = LinearRegression().fit(wide(TRAINED), ranks_by_counts(TRAINED))

    def ranks(d: Any) -> Any:
        counts = d.groupby("u")["u"].transform("count").to_numpy(float).reshape(-1, 1)
        cheap = d[["a"]].to_numpy()
        return model.predict(np.hstack([cheap, counts, encoder.transform(d[["k"]]).toarray()]))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        queries = [visits(300, seed) for seed in range(1, 40)]
        target = willump.TopKRecall(0.5, share=0.8, confidence=0.8, k=10)
        filtered = willump.optimize(
            ranks, TRAINED, X_cal=queries, target=target, costs=[1.0, 1.0, 100.0]
        )
        assert filtered.metadata.get("top_k") is not None, "no filter was built"
        return {
            "function": (ranks_by_counts, willump.compile(ranks_by_counts, sample=TRAINED)),
            "pipeline": (pipeline.predict, willump.compile(pipeline)),
            "filter": (ranks, filtered),
        }


@pytest.mark.parametrize("name", ["function", "pipeline", "filter"])
@pytest.mark.parametrize("sizes", [[], [100], [0, 3, 150]])
def test_steps_that_are_not_row_wise_see_the_rows_of_all_batches(
    together: Any, name: str, sizes: list[int]
) -> None:
    original, fast = together[name]
    x = visits(300, 99)
    ids, scores = fast.top_k(cut(x, sizes), 10, n_rows=300)
    np.testing.assert_allclose(scores, np.asarray(original(x))[ids], rtol=1e-9)
    same((ids, scores), fast.top_k(x, 10))
    # As of a caller whose batches are frames of their own.
    own = [part.reset_index(drop=True) for part in cut(x, sizes)]
    same(fast.top_k(own, 10, n_rows=300), (ids, scores))


def test_rows_that_are_held_together_are_of_one_kind(together: Any) -> None:
    fast = together["pipeline"][1]
    x = visits(30, 5)
    with pytest.raises(TypeError, match="DataFrame and ndarray make no one X"):
        fast.top_k([x[:20], x[20:].to_numpy()], 3, n_rows=30)
    with pytest.raises(ValueError, match="more rows than n_rows=29"):
        fast.top_k([x[:20], x[20:]], 3, n_rows=29)
    assert len(fast.top_k([], 3, n_rows=0)[0]) == 0


@pytest.mark.parametrize("kind", [np.asarray, sp.csr_matrix, list, pl.DataFrame])
def test_batches_of_any_kind_are_held_together(kind: Any) -> None:
    def centred(x: Any) -> Any:
        x = np.asarray(x.toarray() if sp.issparse(x) else x)
        return x * (1.0 + np.round(x).max(axis=0))

    x = np.random.default_rng(2).normal(size=(60, 2))
    step = FunctionTransformer(centred, accept_sparse=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fast = willump.compile(make_pipeline(step, LinearRegression()).fit(x, x[:, 0]))
    columns = {"schema": ["a", "b"], "orient": "row"} if kind is pl.DataFrame else {}
    batches = [kind(part, **columns) for part in cut(x, [10, 25])]
    same(fast.top_k(batches, 7, n_rows=60), fast.top_k(kind(x, **columns), 7))


def test_batches_of_arrow_tables_are_held_together(together: Any) -> None:
    fast = together["function"][1]
    x = visits(120, 7)
    batches = [pa.Table.from_pandas(part, preserve_index=False) for part in cut(x, [50])]
    same(fast.top_k(batches, 5, n_rows=120), fast.top_k(x, 5))
    columns = [{name: part[name].to_numpy() for name in part} for part in cut(x, [50])]
    same(fast.top_k(columns, 5, n_rows=120), fast.top_k(x, 5))


def test_a_function_s_step_that_its_sample_does_not_tell_of_sees_all_rows() -> None:
    """Without gaps a step that fills them takes rows one by one."""
    sample = visits(300, 0)
    model = LinearRegression().fit(sample[["a", "u"]].to_numpy(), sample["a"])

    def filled(d: Any) -> Any:
        return model.predict(np.column_stack([d["a"].fillna(d["a"].mean()), d["u"]]))

    fast = willump.compile(filled, sample=sample)
    x = visits(200, 1)
    x.loc[::5, "a"] = np.nan
    ids, scores = fast.top_k(cut(x, [50, 50]), 120, n_rows=200)
    np.testing.assert_allclose(scores, filled(x)[ids], rtol=1e-9)
    same((ids, scores), fast.top_k(x, 120))
