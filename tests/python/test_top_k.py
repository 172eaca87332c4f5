"""Top-K queries against NumPy's stable argsort of the reference's scores, and the
filters that `optimize` puts in front of them."""

from __future__ import annotations

import copy
import pickle
import re
import warnings
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import willump
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.ensemble import (
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
)
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge, RidgeClassifier
from sklearn.multiclass import OneVsRestClassifier
from sklearn.neighbors import NearestCentroid
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR
from willump import _core
from willump._queries import in_groups
from willump._runner import costs_of


def best(scores: Any, k: int) -> np.ndarray:
    """The reference: NaN last, as NumPy sorts it."""
    return np.argsort(-np.asarray(scores, np.float64), kind="stable")[:k]


def check(fast: Any, X: Any, scores: Any, k: int, **options: Any) -> None:
    ids, top = fast.top_k(X, k, **options)
    expected = best(scores, k)
    assert ids.dtype == np.int64
    np.testing.assert_array_equal(ids, expected)
    np.testing.assert_allclose(top, np.asarray(scores)[expected], rtol=1e-9, atol=1e-12)


@pytest.fixture(scope="module")
def numbers() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    x = random.normal(size=(600, 4))
    return x, x @ [3.0, -2.0, 1.0, 0.5] + random.normal(size=600)


# ---- the order -----------------------------------------------------------------


@given(
    arrays(np.float64, st.integers(0, 60), elements=st.floats(width=64)),
    st.integers(1, 70),
)
def test_the_order_is_numpys_stable_one(scores: np.ndarray, k: int) -> None:
    np.testing.assert_array_equal(_core.top_k(scores, k), best(scores, k))


@given(st.lists(st.sampled_from([0.0, -0.0, 1.0, np.nan, np.inf, -np.inf]), max_size=40))
def test_ties_come_in_the_order_of_rows_and_nan_last(scores: list[float]) -> None:
    given_ = np.array(scores, np.float64)
    np.testing.assert_array_equal(_core.top_k(given_, 15), best(given_, 15))


# ---- by what rows rank ------------------------------------------------------------


@pytest.mark.parametrize("k", [1, 10, 599, 600, 10_000])
def test_a_binary_classifier_ranks_by_the_probability_of_its_second_class(
    numbers: Any, k: int
) -> None:
    x, y = numbers
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(x, y > 0)
    fast = willump.compile(model, strict=True)
    check(fast, x, model.predict_proba(x)[:, 1], k)
    check(fast, x, model.predict_proba(x)[:, 0], k, class_label=False)


def test_scores_have_the_bits_of_the_method_that_ranks(numbers: Any) -> None:
    x, y = numbers
    fast = willump.compile(LogisticRegression().fit(x, y > 0))
    ids, scores = fast.top_k(x, 50)
    np.testing.assert_array_equal(scores, fast.predict_proba(x)[ids, 1])


def test_without_probabilities_the_decision_ranks(numbers: Any) -> None:
    x, y = numbers
    model = RidgeClassifier().fit(x, y > 0)
    fast = willump.compile(model)
    check(fast, x, model.decision_function(x), 20)
    check(fast, x, model.decision_function(x), 20, class_label=True)
    with pytest.raises(ValueError, match="decision_function is the score of True"):
        fast.top_k(x, 20, class_label=False)


def test_a_regressor_ranks_by_its_output(numbers: Any) -> None:
    x, y = numbers
    model = LinearRegression().fit(x, y)
    check(willump.compile(model), x, model.predict(x), 33)
    with pytest.raises(ValueError, match="the model has no classes"):
        willump.compile(model).top_k(x, 3, class_label=1)


def test_ties_of_trees_are_broken_by_row_order(numbers: Any) -> None:
    x, y = numbers
    model = GradientBoostingRegressor(n_estimators=2, max_depth=1).fit(x, y)
    scores = model.predict(x)
    assert len(np.unique(scores)) < 10
    for k in (1, 5, 100, 300, 599):
        check(willump.compile(model), x, scores, k)


def test_more_classes_need_a_class_label(numbers: Any) -> None:
    x, y = numbers
    labels = np.digitize(y, [-2, 2]).astype(object)
    labels[:] = [("low", "middle", "high")[i] for i in labels]
    model = LogisticRegression().fit(x, labels)
    fast = willump.compile(model)
    with pytest.raises(ValueError, match=r"pass class_label=, one of \['high', 'low', 'middle'\]"):
        fast.top_k(x, 5)
    with pytest.raises(ValueError, match="class_label='none' is none of the classes"):
        fast.top_k(x, 5, class_label="none")
    for i, label in enumerate(model.classes_):
        check(fast, x, model.predict_proba(x)[:, i], 25, class_label=label)
    decides = RidgeClassifier().fit(x, labels)
    check(willump.compile(decides), x, decides.decision_function(x)[:, 1], 9, class_label="low")


def test_labels_that_may_hold_together_need_a_class_label(numbers: Any) -> None:
    x, y = numbers
    model = OneVsRestClassifier(LogisticRegression()).fit(x, np.c_[y > 0, x[:, 0] > 1].astype(int))
    fast = willump.compile(model)
    with pytest.raises(ValueError, match="pass class_label="):
        fast.top_k(x, 5)
    check(fast, x, model.predict_proba(x)[:, 0], 25, class_label=0)


def test_several_outputs_are_refused(numbers: Any) -> None:
    x, y = numbers
    fast = willump.compile(LinearRegression().fit(x, np.c_[y, -y]))
    with pytest.raises(ValueError, match="predict gives 2"):
        fast.top_k(x, 5)


def test_an_outlier_detector_ranks_by_its_decision(numbers: Any) -> None:
    x, _ = numbers
    model = IsolationForest(n_estimators=10, random_state=0).fit(x)
    check(willump.compile(model), x, model.decision_function(x), 12)


def test_what_has_no_score_is_refused_by_name(numbers: Any) -> None:
    x, y = numbers
    with pytest.raises(willump.UnsupportedError, match="this is no model"):
        willump.compile(StandardScaler().fit(x)).top_k(x, 5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", willump.PythonStepWarning)
        fast = willump.compile(_Silent().fit(x, y > 0))
    with pytest.raises(willump.UnsupportedError, match="neither predict_proba nor"):
        fast.top_k(x, 5)


class _Silent(NearestCentroid):
    """A classifier with labels only."""

    def __getattribute__(self, name: str) -> Any:
        if name in ("predict_proba", "predict_log_proba", "decision_function"):
            raise AttributeError(name)
        return super().__getattribute__(name)


def test_a_python_model_ranks_too(numbers: Any) -> None:
    x, y = numbers
    model = SVR().fit(x, y)
    with pytest.warns(willump.PythonStepWarning):
        fast = willump.compile(model)
    check(fast, x, model.predict(x), 15)


def test_boosters_rank_by_predict(numbers: Any) -> None:
    lightgbm = pytest.importorskip("lightgbm")
    x, y = numbers
    options = {"num_leaves": 7, "verbose": -1}
    booster = lightgbm.train(options, lightgbm.Dataset(x, y), 10)
    check(willump.compile(booster), x, booster.predict(x), 40)
    options |= {"objective": "multiclass", "num_class": 3}
    booster = lightgbm.train(options, lightgbm.Dataset(x, np.digitize(y, [-2, 2])), 5)
    fast = willump.compile(booster)
    check(fast, x, booster.predict(x)[:, 2], 40, class_label=2)
    with pytest.raises(ValueError, match="the number of the column"):
        fast.top_k(x, 5)
    with pytest.raises(ValueError, match="they are 0 to 2"):
        fast.top_k(x, 5, class_label=3)


def test_scores_keep_the_dtype_of_the_method(numbers: Any) -> None:
    xgboost = pytest.importorskip("xgboost")
    x, y = numbers
    model = xgboost.XGBRegressor(n_estimators=3, max_depth=2).fit(x, y)
    scores = willump.compile(model).top_k(x, 30)
    assert scores[1].dtype == np.float32
    np.testing.assert_array_equal(scores[0], best(model.predict(x), 30))


# ---- what is asked ---------------------------------------------------------------


def test_k_is_checked(numbers: Any) -> None:
    x, y = numbers
    fast = willump.compile(LinearRegression().fit(x, y))
    for wrong in (0, -3):
        with pytest.raises(ValueError, match="is not at least 1"):
            fast.top_k(x, wrong)
    for wrong in (2.0, "2", True, None):
        with pytest.raises(TypeError, match="k must be an integer"):
            fast.top_k(x, wrong)
    assert len(fast.top_k(x, np.int32(7))[0]) == 7
    assert len(fast.top_k(x, 10**30)[0]) == len(x)


def test_no_rows_are_what_they_are_to_the_method(numbers: Any) -> None:
    x, y = numbers
    model = LinearRegression().fit(x, y)
    with pytest.raises(ValueError, match="0 sample") as theirs:
        model.predict(x[:0])
    with pytest.raises(ValueError, match="0 sample") as ours:
        willump.compile(model).top_k(x[:0], 3)
    assert str(ours.value).splitlines()[0] == str(theirs.value).splitlines()[0]


def test_scores_that_are_nan_come_last() -> None:
    x = np.array([[1.0], [np.nan], [3.0], [np.nan], [2.0]])
    model = _Passes().fit(x, x)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", willump.PythonStepWarning)
        fast = willump.compile(model)
    ids, scores = fast.top_k(x, 5)
    assert ids.tolist() == [2, 4, 0, 1, 3]
    np.testing.assert_array_equal(scores, [3.0, 2.0, 1.0, np.nan, np.nan])


class _Passes(LinearRegression):
    """A regressor that says what it is told."""

    def fit(self, X: Any, y: Any) -> Any:
        self.n_features_in_, self.is_fitted_ = 1, True
        return self

    def predict(self, X: Any) -> Any:
        return np.asarray(X)[:, 0]


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 40), st.integers(0, 2**32 - 1), st.integers(0, 2))
def test_containers_of_rows_do_not_matter(k: int, seed: int, kind: int) -> None:
    random = np.random.default_rng(seed)
    x = random.integers(0, 3, (30, 3)).astype(float)
    model = LinearRegression().fit(x, x @ [1.0, 2.0, 4.0])
    rows = [x, sp.csr_matrix(x), x.tolist()][kind]
    ids, scores = willump.compile(model).top_k(rows, k)
    own = willump.compile(model).predict(x)
    np.testing.assert_array_equal(ids, best(own, k))
    np.testing.assert_array_equal(scores, own[ids])


# ---- filters ---------------------------------------------------------------------

WORDS = ("good", "bad", "fine", "poor", "great", "sad", "cat", "dog", "sun", "rain")


def make_texts(n: int, seed: int) -> tuple[list[str], np.ndarray]:
    random = np.random.default_rng(seed)
    chosen = random.integers(0, len(WORDS), (n, 6))
    texts = [" ".join(WORDS[i] for i in row) + f" x{row[0]}y{row[1]}" for row in chosen]
    values = (chosen % 2 == 0).sum(axis=1) + 0.3 * chosen[:, 0] + random.normal(size=n)
    return texts, values > np.median(values)


def text_pipeline() -> Any:
    return make_pipeline(
        make_union(CountVectorizer(), TfidfVectorizer(analyzer="char", ngram_range=(1, 4))),
        LogisticRegression(),
    )


@pytest.fixture(scope="module")
def filtered() -> Any:
    """A text pipeline, its exact model, one with a filter, and untouched rows."""
    texts, labels = make_texts(800, 0)
    pipeline = text_pipeline().fit(texts, labels)
    fast = willump.optimize(
        pipeline,
        texts,
        labels,
        X_cal=make_texts(7_500, 1)[0],
        target=willump.TopKRecall(0.9, query_size=100),
        costs=[1.0, 20.0],
        random_state=0,
        strict=True,
    )
    return pipeline, willump.compile(pipeline), fast, make_texts(30_000, 2)[0]


def recalls(exact: Any, fast: Any, queries: list[Any], k: int) -> np.ndarray:
    return np.array([np.isin(exact.top_k(q, k)[0], fast.top_k(q, k)[0]).sum() / k for q in queries])


def test_a_filter_is_certified_for_every_k(filtered: Any) -> None:
    _, _, fast, _ = filtered
    certificate = fast.metadata["certificate"]
    assert certificate["kind"] == "top_k"
    assert certificate["is_estimated"] is False
    assert certificate["blocks"] == ["countvectorizer"]
    assert certificate["n_queries"] >= 59
    # Some of the 7,500 texts are equal, and make no query of their own.
    assert certificate["n_queries"] + certificate["n_select_queries"] == 74
    assert certificate["n_rows_given"] == 7_500
    assert certificate["expected_cost"] < certificate["exact_cost"] == 21.0
    assert "for every K at once" in certificate["promise"]
    assert certificate["promise"] in str(fast.explain())


def test_a_certified_filter_finds_what_it_promised(filtered: Any) -> None:
    _, exact, fast, rows = filtered
    queries = [rows[at : at + 100] for at in range(0, len(rows), 100)]
    seen = np.array([recalls(exact, fast, queries, k) for k in (1, 3, 10, 20, 50)])
    # Broken where any K is; 300 queries, three standard errors.
    assert np.mean(np.any(seen < 0.9 - 1e-9, axis=0)) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 300)


def test_a_filter_computes_the_candidates_only(filtered: Any) -> None:
    _, exact, fast, rows = filtered
    counts = fast.metadata["certificate"]["candidates"]
    assert int(counts["9"]) < 100
    rows = rows[:100]
    filter_scores = fast._interface.run("_filter", rows)
    kept = best(filter_scores.ravel(), int(counts["9"]))
    scores = exact.predict_proba(rows)[:, 1]
    inside = np.sort(kept)
    ids, top = fast.top_k(rows, 9)
    np.testing.assert_array_equal(ids, inside[best(scores[inside], 9)])
    np.testing.assert_array_equal(top, scores[ids])


def test_other_methods_of_a_filtered_model_are_exact(filtered: Any) -> None:
    _, exact, fast, rows = filtered
    rows = rows[:500]
    for method in ("predict", "predict_proba", "decision_function"):
        np.testing.assert_array_equal(getattr(fast, method)(rows), getattr(exact, method)(rows))
    assert fast.verify(rows).ok


def test_a_filter_is_the_same_after_a_load_and_from_any_number_of_threads(
    filtered: Any, tmp_path: Any
) -> None:
    _, _, fast, rows = filtered
    path = tmp_path / "filtered.willump"
    fast.save(path)
    others = [
        willump.load(path),
        willump.load(path, n_threads=2),
        willump.load(path, mmap=True),
        pickle.loads(pickle.dumps(fast)),
        copy.deepcopy(fast),
    ]
    for at, k in ((0, 1), (100, 7), (200, 40), (300, 100)):
        ids, scores = fast.top_k(rows[at : at + 100], k)
        for other in others:
            again = other.top_k(rows[at : at + 100], k)
            np.testing.assert_array_equal(again[0], ids)
            np.testing.assert_array_equal(again[1], scores)
    assert willump.load(path).metadata["certificate"] == fast.metadata["certificate"]
    assert path.read_bytes() == fast.to_bytes()


def test_rows_may_come_in_any_container(filtered: Any) -> None:
    _, _, fast, rows = filtered
    rows = rows[:100]
    ids, scores = fast.top_k(rows, 5)
    for same in (pd.Series(rows), np.array(rows, object), tuple(rows), iter(rows)):
        again = fast.top_k(same, 5)
        np.testing.assert_array_equal(again[0], ids)
        np.testing.assert_array_equal(again[1], scores)


def test_queries_of_another_size_keep_as_large_a_share(filtered: Any) -> None:
    _, exact, fast, rows = filtered
    for size in (10, 1_000, 5_000):
        queries = [rows[at : at + size] for at in range(0, 10_000, size)]
        assert recalls(exact, fast, queries[:50], max(1, size // 50)).mean() > 0.9
    assert fast.top_k(rows[:3], 10)[0].shape == (3,)


def test_another_class_is_ranked_in_full(filtered: Any) -> None:
    _, exact, fast, rows = filtered
    ids, scores = fast.top_k(rows[:100], 10, class_label=False)
    expected = exact.top_k(rows[:100], 10, class_label=False)
    np.testing.assert_array_equal(ids, expected[0])
    np.testing.assert_array_equal(scores, expected[1])


def test_fit_drops_the_filter(filtered: Any) -> None:
    _, _, fast, _ = filtered
    other = copy.deepcopy(fast)
    texts, labels = make_texts(300, 5)
    with pytest.warns(UserWarning, match="drops the filter"):
        other.fit(texts, labels)
    assert "top_k" not in other.metadata
    assert len(other.top_k(texts, 5)[0]) == 5


def test_given_costs_make_the_choice_repeat(filtered: Any) -> None:
    pipeline, _, fast, _ = filtered
    texts, labels = make_texts(800, 0)
    again = willump.optimize(
        pipeline,
        texts,
        labels,
        X_cal=make_texts(7_500, 1)[0],
        target=willump.TopKRecall(0.9, query_size=100),
        costs={"countvectorizer": 1.0, "tfidfvectorizer": 20.0},
        random_state=0,
    )
    assert again.metadata["top_k"] == fast.metadata["top_k"]


def make_numbers(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    x = random.normal(size=(n, 5))
    return x, 3 * x[:, 0] + np.sin(2 * x[:, 1]) + x[:, 2] * x[:, 3] + random.normal(size=n) / 4


@pytest.fixture(scope="module")
def boosted() -> Any:
    x, y = make_numbers(2_000, 0)
    return GradientBoostingRegressor(n_estimators=120, max_depth=5, random_state=0).fit(x, y)


def told_costs(calls: Any, sample: Any) -> list[float]:
    """In place of a measurement, which other work on the machine disturbs."""
    told = {"filter": 1.0, "predict": 20.0}
    found = costs_of(calls, sample)
    return [told.get(output, cost) for (_, output), cost in zip(calls, found, strict=True)]


def optimized(model: Any, target: Any, cal: Any, **options: Any) -> Any:
    """With rows of calibration, or so many of them."""
    x, y = make_numbers(2_000, 0)
    x, y = options.pop("X", x), options.pop("y", y)
    cal = make_numbers(cal, 1)[0] if isinstance(cal, int) else cal
    with patch("willump._topk.costs_of", told_costs):
        return willump.optimize(model, x, y, X_cal=cal, target=target, random_state=0, **options)


def test_the_first_trees_of_a_regressor_filter(boosted: Any) -> None:
    target = willump.TopKRecall(0.95, query_size=200, k=10)
    fast, exact = optimized(boosted, target, 15_000), willump.compile(boosted)
    certificate = fast.metadata["certificate"]
    assert certificate["blocks"][0].startswith("trees 1 to ")
    assert certificate["k"] == 10
    assert list(certificate["candidates"]) == ["10"]
    rows = make_numbers(40_000, 2)[0]
    queries = [rows[at : at + 200] for at in range(0, len(rows), 200)]
    seen = recalls(exact, fast, queries, 10)
    assert np.mean(seen < 0.95) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 200)
    np.testing.assert_array_equal(fast.predict(rows), exact.predict(rows))


def test_too_few_queries_are_an_estimate_that_says_how_many_it_takes(boosted: Any) -> None:
    target = willump.TopKRecall(0.95, query_size=200, k=10)
    with pytest.warns(willump.NotCertifiedWarning, match="makes 20 queries, .* takes 60"):
        fast = optimized(boosted, target, 4_000)
    certificate = fast.metadata["certificate"]
    assert certificate["is_estimated"] is True
    assert certificate["queries_needed"] == 60
    assert certificate["promise"].startswith("estimated, not certified: ")
    assert certificate["method"] == "largest seen"
    with pytest.raises(willump.CertificateError, match="takes 60"):
        optimized(boosted, target, 4_000, strict=True)


def test_a_promise_on_average_takes_twenty_queries(boosted: Any) -> None:
    target = willump.TopKRecall(0.95, confidence=None, query_size=200, k=10)
    fast = optimized(boosted, target, 4_000, strict=True)
    assert fast.metadata["certificate"]["method"] == "conformal quantile"
    assert fast.metadata["certificate"]["n_queries"] == 19
    with pytest.warns(willump.NotCertifiedWarning, match="on average takes 20"):
        optimized(boosted, target, 3_999)


def test_a_list_of_arrays_is_real_queries(boosted: Any) -> None:
    random = np.random.default_rng(7)
    queries = [make_numbers(int(random.integers(100, 300)), 10 + i)[0] for i in range(70)]
    fast = optimized(boosted, willump.TopKRecall(0.9, k=5), queries, strict=True)
    certificate = fast.metadata["certificate"]
    assert certificate["query_rows"] == [min(map(len, queries)), max(map(len, queries))]
    assert certificate["n_queries"] + certificate["n_select_queries"] == 70
    assert "as the distinct queries of X_cal were" in certificate["assumption"]


@pytest.mark.parametrize("seed", range(4))
def test_equal_queries_and_rows_count_once(boosted: Any, seed: int) -> None:
    random = np.random.default_rng(seed)
    target = willump.TopKRecall(0.8, share=0.7, k=3)
    n, times = int(random.integers(15, 30)), int(random.integers(2, 6))
    queries = [make_numbers(20, 100 * seed + i)[0] for i in range(n)]
    again = [q[random.permutation(20)] for q in queries * times]
    again = [sp.csr_matrix(q) if random.random() < 0.3 else q for q in again]
    rows = make_numbers(n * 20, 7 + seed)[0]
    repeated = np.repeat(rows, times, axis=0)[random.permutation(n * 20 * times)]
    in_queries = willump.TopKRecall(0.8, share=0.7, k=3, query_size=20)
    for cal, to, units in ((again, target, n), (repeated, in_queries, 20 * n)):
        message = f"only {units} of the {units * times} "
        with pytest.warns(willump.DuplicateRowsWarning, match=message):
            fast = optimized(boosted, to, cal)
        told = fast.metadata["certificate"]
        assert told["n_queries"] + told["n_select_queries"] == n
        assert told["n_rows_given"] == 20 * n * times
        assert "counts once" in told["assumption"]
        traffic = optimized_with(
            boosted, *make_numbers(2_000, 0), to, X_cal=cal, duplicates="traffic"
        ).metadata["certificate"]
        assert traffic["n_queries"] + traffic["n_select_queries"] == n * times
        assert "each of the" in traffic["assumption"]
        assert "once" not in traffic["assumption"]


def test_lists_of_texts_are_real_queries(filtered: Any) -> None:
    pipeline = filtered[0]
    texts, labels = make_texts(800, 0)
    queries = [make_texts(50, 100 + i)[0] for i in range(62)]
    for kinds in (queries, [pd.Series(q) for q in queries], [np.array(q, object) for q in queries]):
        fast = willump.optimize(
            pipeline,
            texts,
            labels,
            X_cal=kinds,
            target=willump.TopKRecall(0.8, k=5),
            costs=[1.0, 50.0],
            strict=True,
        )
        assert fast.metadata["certificate"]["query_rows"] == [50, 50]


def test_a_classifier_of_more_classes_is_filtered_for_the_class_asked_for() -> None:
    x, y = make_numbers(2_000, 0)
    labels = np.digitize(y, [-2, 2])
    model = RandomForestClassifier(n_estimators=60, random_state=0).fit(x, labels)
    x_cal, rows = make_numbers(12_200, 1)[0], make_numbers(200, 3)[0]
    with pytest.raises(ValueError, match="pass class_label="):
        optimized(model, willump.TopKRecall(0.9), x_cal, y=labels)
    target = willump.TopKRecall(0.8, query_size=200, k=10, class_label=2)
    fast = optimized(model, target, x_cal, y=labels, strict=True)
    assert recalls_of(fast, model.predict_proba(rows)[:, 2], rows, 10, class_label=2) >= 0.5
    with pytest.raises(ValueError, match="pass class_label="):
        fast.top_k(rows, 10)


def recalls_of(fast: Any, scores: Any, rows: Any, k: int, **options: Any) -> float:
    return float(np.isin(best(scores, k), fast.top_k(rows, k, **options)[0]).mean())


def test_classifiers_of_boosted_trees_are_filtered_by_their_decision() -> None:
    x, y = make_numbers(2_000, 0)
    model = GradientBoostingClassifier(n_estimators=120, max_depth=5, random_state=0)
    model.fit(x, y > 1)
    target = willump.TopKRecall(0.9, query_size=200, k=20)
    fast = optimized(model, target, 13_000, y=y > 1, strict=True)
    rows = make_numbers(200, 3)[0]
    assert recalls_of(fast, model.predict_proba(rows)[:, 1], rows, 20) >= 0.8


def test_a_model_that_stays_python_is_filtered_by_a_regression_of_its_scores() -> None:
    texts, labels = make_texts(400, 0)
    pipeline = make_pipeline(TfidfVectorizer(), SVC()).fit(texts, labels)
    target = willump.TopKRecall(0.8, query_size=50, k=5)
    with pytest.warns(willump.PythonStepWarning):
        fast = optimized(
            pipeline,
            target,
            make_texts(3_250, 1)[0],
            X=texts,
            y=labels,
            costs={"features": 1.0, "model": 50.0},
        )
    assert fast.metadata["certificate"]["blocks"] == ["features"]
    assert fast.metadata["certificate"]["is_estimated"] is False
    rows = make_texts(50, 2)[0]
    ids, scores = fast.top_k(rows, 5)
    np.testing.assert_allclose(scores, pipeline.decision_function(rows)[ids], rtol=1e-12)
    assert np.isin(best(pipeline.decision_function(rows), 5), ids).mean() >= 0.6


def test_sparse_rows_and_frames_are_cut_into_queries(boosted: Any) -> None:
    x, y = make_numbers(2_000, 0)
    target = willump.TopKRecall(0.9, query_size=100, k=5)
    model = GradientBoostingRegressor(n_estimators=60, max_depth=5, random_state=0)
    frame = pd.DataFrame(x, columns=list("abcde"))
    cal = pd.DataFrame(make_numbers(6_500, 1)[0], columns=list("abcde"))
    fast = optimized(model.fit(frame, y), target, cal, X=frame, strict=True)
    assert len(fast.top_k(cal[:100], 5)[0]) == 5
    rows = sp.csr_matrix(make_numbers(6_500, 1)[0])
    sparse = optimized(boosted, target, rows, strict=True)
    assert len(sparse.top_k(sp.csr_matrix(x[:100]), 5)[0]) == 5


# ---- what cannot be --------------------------------------------------------------


def test_a_filter_that_would_not_pay_is_not_built(filtered: Any) -> None:
    pipeline, exact, _, rows = filtered
    texts, labels = make_texts(800, 0)
    options: dict[str, Any] = {
        "X_cal": make_texts(7_500, 1)[0],
        "target": willump.TopKRecall(1.0, query_size=100),
        "costs": {"countvectorizer": 20.0, "tfidfvectorizer": 1.0, "model": 100.0},
    }
    with pytest.warns(willump.NotCertifiedWarning, match="every row is ranked by the exact"):
        fast = willump.optimize(pipeline, texts, labels, **options)
    assert "top_k" not in fast.metadata
    np.testing.assert_array_equal(fast.top_k(rows[:100], 9)[0], exact.top_k(rows[:100], 9)[0])
    with pytest.raises(willump.CertificateError, match="no filter was certified"):
        willump.optimize(pipeline, texts, labels, strict=True, **options)


def test_one_block_and_no_trees_leave_nothing_out() -> None:
    x, y = make_numbers(500, 0)
    with pytest.raises(willump.UnsupportedError, match="nothing that a filter could leave out"):
        optimized(Ridge().fit(x, y), willump.TopKRecall(0.9), 1_000)


def test_arguments_are_checked(boosted: Any) -> None:
    x, y = make_numbers(2_000, 0)
    target = willump.TopKRecall(0.9, query_size=100)
    cal = make_numbers(6_500, 1)[0]
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"X_cal": None}, "pass X_cal"),
        ({"X_cal": cal, "refit": True}, "not both"),
        ({"X_cal": cal, "y_cal": np.zeros(6_500)}, "no y_cal"),
        ({"X_cal": cal, "groups": np.zeros(6_500)}, "give no query_size"),
        ({"X_cal": cal[:50]}, "make no query of 100"),
        ({"X_cal": cal[:0]}, "has no rows"),
        ({"X_cal": [cal[:100], cal[:0]]}, "query 1 has no rows"),
        ({"X_cal": [cal[:100], cal[100:200]]}, "a list of queries: give no query_size"),
        ({"X_cal": np.repeat(cal[:50], 4, axis=0)}, "50 distinct rows, which make no query of 100"),
        ({"X_cal": x}, "2000 of the 2000 rows of X_cal are rows of X"),
    ]
    for options, message in wrong:
        with pytest.raises(ValueError, match=message):
            willump.optimize(boosted, x, y, target=target, **options)
    with pytest.raises(willump.UnsupportedError, match="whose first ones are measured"):
        willump.optimize(boosted, x, y, X_cal=cal, target=target, costs=[1.0])


def test_groups_are_queries(boosted: Any) -> None:
    x, y = make_numbers(2_000, 0)
    cal = make_numbers(6_500, 1)[0]
    groups = np.random.default_rng(0).integers(0, 65, 6_500)
    target = willump.TopKRecall(0.9, share=0.8, k=5)
    by_groups = optimized_with(boosted, x, y, target, X_cal=cal, groups=groups)
    queries = in_groups(cal, groups, target)
    for number, query in zip(dict.fromkeys(groups.tolist()), queries, strict=True):
        np.testing.assert_array_equal(query, cal[groups == number])
    certificate = by_groups.metadata["certificate"]
    assert certificate["n_queries"] + certificate["n_select_queries"] == 65


def test_refit_holds_queries_out_of_x() -> None:
    x, y = make_numbers(9_000, 0)
    x = np.concatenate([x, x[:50]])  # held out once, and not in both parts
    y = np.concatenate([y, y[:50]])
    model = GradientBoostingRegressor(n_estimators=40, random_state=0)
    target = willump.TopKRecall(0.9, share=0.8, query_size=40, k=5)
    fast = optimized_with(model, x, y, target, refit=True)
    certificate = fast.metadata["certificate"]
    assert not certificate["is_estimated"]
    assert 2_400 < certificate["n_rows_given"] < 3_000
    rows = x[:400]
    np.testing.assert_array_equal(fast.top_k(rows, 400)[0], best(fast.predict(rows), 400))


def optimized_with(model: Any, x: Any, y: Any, target: Any, **options: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return willump.optimize(model, x, y, target=target, random_state=0, **options)


PAGE = Path(__file__).resolve().parents[2] / "docs/topk.md"


@pytest.mark.filterwarnings("ignore::willump.NotCertifiedWarning")
def test_the_examples_of_the_page_run(filtered: Any) -> None:
    texts, labels = make_texts(300, 0)
    names = {
        "willump": willump,
        "pipeline": filtered[0],
        "texts": texts,
        "labels": labels,
        "fresh_texts": make_texts(700, 1)[0],
    }
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.S)
    assert len(blocks) == 3
    for block in blocks:
        exec(compile(block, "topk.md", "exec"), names)
    assert names["ids"].shape == (3,)


def test_the_page_lists_every_entry_of_a_certificate(filtered: Any) -> None:
    listed = re.findall(r"^\| `(\w+)` \|", PAGE.read_text(), re.M)
    assert set(listed) == set(filtered[2].metadata["certificate"])


def test_a_damaged_rule_is_refused(filtered: Any) -> None:
    from willump._errors import ArtifactError

    fast = copy.deepcopy(filtered[2])
    for damage in ({"ks": "x"}, {"shares": []}, {"n_rows": [1]}, {"ks": [], "shares": []}):
        fast.metadata = {**fast.metadata, "top_k": {**fast.metadata["top_k"], **damage}}
        fast._plain_ranking = None
        with pytest.raises((ArtifactError, ValueError)):
            fast.top_k(filtered[3][:100], 5)


def test_a_rule_without_its_filter_is_refused_at_the_load(filtered: Any) -> None:
    from willump._errors import ArtifactError

    fast = filtered[2]
    metadata = {**willump.compile(filtered[0]).metadata, "top_k": fast.metadata["top_k"]}
    with pytest.raises(ArtifactError, match="a filter, which the model does not have"):
        willump.compile(filtered[0])._attach(willump.compile(filtered[0])._model, metadata, [])


def test_a_class_that_the_metadata_do_not_name_is_an_artifact_error(filtered: Any) -> None:
    from willump._errors import ArtifactError

    exact = willump.compile(filtered[0])
    metadata = {**exact.metadata, "classes": exact.metadata["classes"][:1]}
    exact._attach(exact._model, metadata, [])
    with pytest.raises(ArtifactError, match="the metadata name 1 classes"):
        exact.predict(filtered[3][:100])


def test_what_a_filter_keeps_is_counted_over_the_queries_that_have_more_rows() -> None:
    from willump._rank import Ranking, Rule
    from willump._topk import _kept

    rule = Rule(Ranking("predict", None), np.array([10], np.uint64), np.array([0.2]), 8, 100)
    assert _kept(rule, [8, 20, 100, 100], 10) == (10 + 20 + 20) / 220
    assert _kept(rule, [8, 10], 10) == 1.0
