"""A compiled object is what its original is, to scikit-learn and to pickle."""

from __future__ import annotations

import copy
import inspect
import pickle
import sys
import warnings
from typing import Any

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp
import willump
from sklearn.base import clone, is_classifier, is_clusterer, is_outlier_detector, is_regressor
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest, RandomForestClassifier, VotingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV, PoissonRegressor, Ridge
from sklearn.metrics import get_scorer
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import OneClassSVM
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from sklearn.utils.validation import check_is_fitted
from willump._report import compare

DOCS = ["the cat sat", "a dog sat", "cat dog", "a bird", "the bird sang", "dogs"] * 4
LABELS = np.array(["cat", "dog", "cat", "bird", "bird", "dog"] * 4)
MATRIX = np.random.default_rng(1).normal(size=(24, 3))
TARGET = MATRIX @ [1.0, 2.0, -1.0]


@pytest.fixture(scope="module")
def pipeline() -> Any:
    return make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(DOCS, LABELS)


@pytest.fixture(scope="module")
def fast(pipeline: Any) -> Any:
    return willump.compile(pipeline, strict=True)


@pytest.mark.parametrize(
    "labels",
    [
        np.tile([0, 1, 2], 8),
        np.tile([0, 5], 12).astype(np.int16),
        np.tile([True, False], 12),
        np.tile(["a", "bb", "ccc"], 8),
        np.tile(np.array(["a", "bb"], dtype=object), 12),
        np.tile([1.0, 2.0], 12),
        np.tile(np.array([1, 2], dtype=object), 12).astype(int),
    ],
    ids=["int", "int16", "bool", "str", "object", "float", "int-object"],
)
def test_predict_keeps_the_dtype_of_the_classes(labels: Any) -> None:
    model = LogisticRegression().fit(MATRIX, labels)
    fast = willump.compile(model, strict=True)
    for compiled in (fast, willump.from_bytes(fast.to_bytes())):
        for rows in (MATRIX, MATRIX[:1]):
            expected, actual = model.predict(rows), compiled.predict(rows)
            assert actual.dtype == expected.dtype
            np.testing.assert_array_equal(actual, expected)
        assert compiled.classes_.dtype == model.classes_.dtype
        np.testing.assert_array_equal(compiled.classes_, model.classes_)


def test_shapes_are_the_originals() -> None:
    two, three = np.tile([0, 1], 12), np.tile([0, 1, 2], 8)
    for labels in (two, three):
        model = LogisticRegression().fit(MATRIX, labels)
        fast = willump.compile(model, strict=True)
        for method in ("predict", "predict_proba", "predict_log_proba", "decision_function"):
            expected, actual = getattr(model, method)(MATRIX), getattr(fast, method)(MATRIX)
            assert actual.shape == expected.shape
            assert actual.dtype == expected.dtype
            assert actual.flags.c_contiguous
            assert actual.flags.owndata


def test_multilabel_answers_are_a_matrix() -> None:
    labels = (MATRIX > 0).astype(int)
    model = OneVsRestClassifier(LogisticRegression()).fit(MATRIX, labels)
    fast = willump.compile(model, strict=True)
    np.testing.assert_array_equal(fast.predict(MATRIX), model.predict(MATRIX))
    assert fast.predict(MATRIX).dtype == model.predict(MATRIX).dtype


def test_transform_gives_the_originals_matrix() -> None:
    for vectorizer in (CountVectorizer(), TfidfVectorizer(dtype=np.float32)):
        vectorizer.fit(DOCS)
        expected = vectorizer.transform(DOCS)
        actual = willump.compile(vectorizer, strict=True).transform(DOCS)
        assert type(actual) is type(expected)
        assert actual.dtype == expected.dtype
        assert actual.indices.dtype == expected.indices.dtype
        assert (abs(actual - expected) > 1e-7).nnz == 0
    scaler = StandardScaler().fit(MATRIX)
    actual = willump.compile(scaler, strict=True).transform(MATRIX)
    np.testing.assert_array_equal(actual, scaler.transform(MATRIX))


def test_methods_have_signatures_and_docs(fast: Any) -> None:
    assert list(inspect.signature(fast.predict).parameters) == ["X"]
    assert "labels" in fast.predict.__doc__
    assert fast.predict.__name__ == "predict"
    assert type(fast).predict is willump.CompiledModel.predict


def test_a_method_may_be_overridden(pipeline: Any) -> None:
    class Loud(willump.CompiledModel):
        def predict(self, X: Any) -> Any:
            return np.char.upper(super().predict(X))

    loud = Loud.from_estimator(pipeline)
    assert loud.predict(["cat"])[0] == pipeline.predict(["cat"])[0].upper()


# ---- attributes and scikit-learn -----------------------------------------------------


def test_attributes_are_the_originals(pipeline: Any, fast: Any) -> None:
    np.testing.assert_array_equal(fast.classes_, pipeline.classes_)
    assert not hasattr(fast, "n_features_in_")
    frame = pd.DataFrame(MATRIX, columns=list("abc"))
    model = Ridge().fit(frame, TARGET)
    ridge = willump.compile(model, strict=True)
    for compiled in (ridge, willump.from_bytes(ridge.to_bytes())):
        assert compiled.n_features_in_ == 3
        assert list(compiled.feature_names_in_) == ["a", "b", "c"]
        assert not hasattr(compiled, "classes_")


def test_names_of_features_survive_a_load() -> None:
    vectorizer = CountVectorizer().fit([*DOCS, "caf\u00e9"])
    fast = willump.compile(vectorizer, strict=True)
    for compiled in (fast, willump.from_bytes(fast.to_bytes())):
        np.testing.assert_array_equal(
            compiled.get_feature_names_out(), vectorizer.get_feature_names_out()
        )


@pytest.mark.parametrize("loaded", [False, True])
def test_scikit_learn_knows_what_it_is(loaded: bool, fast: Any) -> None:
    ridge = willump.compile(Ridge().fit(MATRIX, TARGET))
    if loaded:
        fast, ridge = willump.from_bytes(fast.to_bytes()), willump.from_bytes(ridge.to_bytes())
    assert is_classifier(fast)
    assert not is_classifier(ridge)
    assert is_regressor(ridge)
    check_is_fitted(fast)


def test_scorers_take_it(pipeline: Any, fast: Any) -> None:
    for name in ("accuracy", "f1_macro", "neg_log_loss", "roc_auc_ovr"):
        scorer = get_scorer(name)
        expected = scorer(pipeline, DOCS, LABELS)
        assert scorer(fast, DOCS, LABELS) == pytest.approx(expected, rel=1e-9)
    assert fast.score(DOCS, LABELS) == pipeline.score(DOCS, LABELS)
    model = Ridge().fit(MATRIX, TARGET)
    assert willump.compile(model).score(MATRIX, TARGET) == pytest.approx(
        model.score(MATRIX, TARGET), rel=1e-9
    )


MULTI = np.stack([MATRIX[:, 0] > 0, MATRIX[:, 1] + MATRIX[:, 2] > 0.3], axis=1).astype(int)
SCORED: list[tuple[Any, Any]] = [
    *[(model, y) for model in (RandomForestClassifier(3, max_depth=2), KNeighborsClassifier(),
                               MultiOutputClassifier(LogisticRegression()),
                               ClassifierChain(LogisticRegression()))
      for y in (MULTI, MULTI * 2.0, MULTI + np.array([0, 5]))],
    (KNeighborsClassifier(), MULTI[:, 0]),
    (make_pipeline(StandardScaler(), DecisionTreeClassifier(max_depth=2)), MULTI[:, 0]),
    (make_pipeline(StandardScaler(), KMeans(2)), None),
    (OneVsRestClassifier(LogisticRegression()), MULTI),
    (PoissonRegressor(), np.exp(TARGET / 3)),
    (DecisionTreeRegressor(max_depth=2), np.stack([TARGET, -TARGET], axis=1)),
    (GridSearchCV(LogisticRegression(), {"C": [0.1, 9.0]}, scoring="roc_auc"), MULTI[:, 1]),
    (GridSearchCV(Ridge(), {"alpha": [0.1, 9.0]}), TARGET),
    (LogisticRegressionCV(cv=3, scoring="neg_log_loss"), MULTI[:, 0]),
    (KMeans(2, random_state=0), None), (PCA(2), None),
    (IsolationForest(n_estimators=5, random_state=0), None), (OneClassSVM(), None),
    (StandardScaler(), None),
]  # fmt: skip


def outcome(call: Any) -> Any:
    """What a call answers, or the type of its error."""
    try:
        return pytest.approx(call(), rel=1e-9)
    except Exception as error:
        return type(error)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("model", "y"), SCORED)
def test_score_is_the_original_s(model: Any, y: Any) -> None:
    rng = np.random.default_rng(7)
    fresh, weights = rng.normal(size=MATRIX.shape), rng.random(len(MATRIX))
    model = clone(model).fit(MATRIX, y)
    fast = willump.compile(model)
    assert hasattr(fast, "score") == hasattr(model, "score")
    assert hasattr(fast, "classes_") == hasattr(model, "classes_")
    for function in (is_classifier, is_regressor, is_clusterer, is_outlier_detector):
        assert function(fast) == function(model)
        assert function(pickle.loads(pickle.dumps(fast))) == function(model)
    if not hasattr(model, "score"):
        with pytest.raises(AttributeError, match="score"):
            fast.score(fresh)
        return
    for args, options in (((), {}), ((y,), {}), ((y,), {"sample_weight": weights})):
        expected = outcome(lambda: model.score(fresh, *args, **options))  # noqa: B023
        assert outcome(lambda: fast.score(fresh, *args, **options)) == expected  # noqa: B023
    if is_classifier(model):
        expected = outcome(lambda: get_scorer("accuracy")(model, fresh, y))
        assert outcome(lambda: get_scorer("accuracy")(fast, fresh, y)) == expected


def test_a_score_of_the_original_s_own_needs_the_original() -> None:
    search = GridSearchCV(LogisticRegression(), {"C": [0.1, 9.0]}, scoring="roc_auc")
    fast = willump.compile(search.fit(MATRIX, MULTI[:, 0]))
    with pytest.raises(willump.UnsupportedError, match=r"score.*sklearn\.metrics"):
        willump.from_bytes(fast.to_bytes()).score(MATRIX, MULTI[:, 0])


def test_cross_val_score_refits_clones(pipeline: Any, fast: Any) -> None:
    before = fast.predict(DOCS)
    np.testing.assert_allclose(
        cross_val_score(fast, DOCS, LABELS, cv=3), cross_val_score(pipeline, DOCS, LABELS, cv=3)
    )
    parallel = cross_val_score(fast, DOCS, LABELS, cv=2, n_jobs=2)
    np.testing.assert_allclose(parallel, cross_val_score(pipeline, DOCS, LABELS, cv=2))
    np.testing.assert_array_equal(fast.predict(DOCS), before)


def test_grid_search_sets_the_originals_parameters(fast: Any, pipeline: Any) -> None:
    grid = {"logisticregression__C": [0.1, 10.0], "tfidfvectorizer__lowercase": [True]}
    search = GridSearchCV(fast, grid, cv=2).fit(DOCS, LABELS)
    original = GridSearchCV(pipeline, grid, cv=2).fit(DOCS, LABELS)
    assert search.best_params_ == original.best_params_
    assert isinstance(search.best_estimator_, willump.CompiledModel)
    np.testing.assert_allclose(search.predict_proba(DOCS), original.predict_proba(DOCS), rtol=1e-9)


def test_other_estimators_take_it(pipeline: Any) -> None:
    model = LogisticRegression().fit(MATRIX, LABELS)
    fast = willump.compile(model, strict=True)
    for wrap in (
        lambda e: VotingClassifier([("one", e)], voting="soft"),
        lambda e: CalibratedClassifierCV(e, cv=3),
        lambda e: make_pipeline(StandardScaler(), e),
    ):
        expected = wrap(model).fit(MATRIX, LABELS).predict(MATRIX)
        np.testing.assert_array_equal(wrap(fast).fit(MATRIX, LABELS).predict(MATRIX), expected)


def test_fit_leaves_the_original_alone() -> None:
    model = Ridge().fit(MATRIX, TARGET)
    fast = willump.compile(model)
    before = model.coef_.copy()
    assert fast.set_params(alpha=100.0) is fast
    np.testing.assert_allclose(fast.predict(MATRIX), model.predict(MATRIX), rtol=1e-9)
    assert fast.fit(MATRIX, TARGET) is fast
    expected = Ridge(alpha=100.0).fit(MATRIX, TARGET).predict(MATRIX)
    np.testing.assert_allclose(fast.predict(MATRIX), expected, rtol=1e-9)
    assert fast.get_params()["alpha"] == 100.0
    assert model.get_params()["alpha"] == 1.0
    np.testing.assert_array_equal(model.coef_, before)


def test_a_clone_is_not_fitted(fast: Any) -> None:
    cloned = clone(fast)
    assert not cloned.__sklearn_is_fitted__()
    assert "not fitted" in repr(cloned)
    with pytest.raises(NotFittedError, match="Call 'fit' before 'predict'"):
        cloned.predict(["a"])
    with pytest.raises(NotFittedError):
        cloned.to_bytes()
    assert cloned.fit(DOCS, LABELS).predict(["cat"]) == fast.predict(["cat"])


def test_a_loaded_model_cannot_be_fitted(fast: Any) -> None:
    loaded = willump.from_bytes(fast.to_bytes())
    for call in (
        lambda: loaded.fit(DOCS, LABELS),
        lambda: loaded.verify(DOCS),
        lambda: loaded.set_params(a=1),
        lambda: clone(loaded),
    ):
        with pytest.raises(willump.UnsupportedError, match="loaded from an artifact"):
            call()
    assert loaded.get_params() == {}


# ---- copies ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "copied",
    [
        pytest.param(lambda m: pickle.loads(pickle.dumps(m)), id="pickle"),
        pytest.param(lambda m: pickle.loads(pickle.dumps(m, protocol=2)), id="pickle-2"),
        pytest.param(copy.copy, id="copy"),
        pytest.param(copy.deepcopy, id="deepcopy"),
        pytest.param(lambda m: willump.from_bytes(m.to_bytes()), id="bytes"),
    ],
)
def test_a_copy_gives_the_same_bits(copied: Any, fast: Any) -> None:
    other = copied(fast)
    for method in ("predict", "predict_proba", "predict_log_proba", "decision_function"):
        np.testing.assert_array_equal(getattr(other, method)(DOCS), getattr(fast, method)(DOCS))
    assert other.to_bytes() == fast.to_bytes()
    assert str(other.explain()) == str(fast.explain())


def test_files_and_joblib(fast: Any, tmp_path: Any) -> None:
    fast.save(tmp_path / "a.willump")
    fast.save(str(tmp_path / "b.willump"))
    assert (tmp_path / "a.willump").read_bytes() == (tmp_path / "b.willump").read_bytes()
    joblib.dump(fast, tmp_path / "model.joblib")
    for loaded in (
        willump.load(tmp_path / "a.willump"),
        willump.load(str(tmp_path / "b.willump"), mmap=True, n_threads=2),
        joblib.load(tmp_path / "model.joblib"),
    ):
        np.testing.assert_array_equal(loaded.predict_proba(DOCS), fast.predict_proba(DOCS))


def test_a_deep_copy_is_fitted_apart(fast: Any) -> None:
    other = copy.deepcopy(fast)
    other.fit(DOCS, np.roll(LABELS, 1))
    assert not np.array_equal(other.predict_proba(DOCS), fast.predict_proba(DOCS))


# ---- Python steps ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def mixed() -> tuple[Any, Any]:
    model = make_pipeline(TfidfVectorizer(), KNeighborsClassifier(3)).fit(DOCS, LABELS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", willump.PythonStepWarning)
        return model, willump.compile(model)


def test_python_steps_warn_or_are_refused(mixed: Any) -> None:
    with pytest.warns(willump.PythonStepWarning, match="KNeighborsClassifier"):
        willump.compile(mixed[0])
    with pytest.raises(willump.UnsupportedError, match="KNeighborsClassifier"):
        willump.compile(mixed[0], strict=True)


def test_python_steps_answer_as_the_original(mixed: Any) -> None:
    model, fast = mixed
    for rows in (DOCS, DOCS[:1], iter(DOCS)):
        rows = list(rows)
        np.testing.assert_array_equal(fast.predict(iter(rows)), model.predict(rows))
        np.testing.assert_allclose(fast.predict_proba(rows), model.predict_proba(rows))
    assert "KNeighborsClassifier" in str(fast.explain())
    assert fast.verify(DOCS).ok


def test_a_plan_with_python_steps_is_pickled_but_not_saved(mixed: Any, tmp_path: Any) -> None:
    _, fast = mixed
    with pytest.raises(willump.UnsupportedError, match="KNeighborsClassifier"):
        fast.save(tmp_path / "model.willump")
    with pytest.raises(willump.UnsupportedError, match="KNeighborsClassifier"):
        fast.to_bytes()
    other = pickle.loads(pickle.dumps(fast))
    np.testing.assert_array_equal(other.predict(DOCS), fast.predict(DOCS))


def test_an_estimator_that_is_python_alone() -> None:
    model = KNeighborsClassifier(3).fit(MATRIX, LABELS)
    with pytest.warns(willump.PythonStepWarning):
        fast = willump.compile(model)
    np.testing.assert_array_equal(fast.predict(MATRIX), model.predict(MATRIX))
    np.testing.assert_array_equal(fast.predict_proba(MATRIX), model.predict_proba(MATRIX))


# ---- looking inside -----------------------------------------------------------------------


def test_explain_prints_and_shows(fast: Any) -> None:
    text = str(fast.explain())
    for part in ("compiled Pipeline (classifier)", "predict_proba", "X: text", "willump-graph 1"):
        assert part in text
    assert "<table>" in fast.explain()._repr_html_()
    assert "willump-graph 1" in str(fast.explain(after="all"))
    with pytest.raises(ValueError, match="nothing"):
        fast.explain(after="nothing")
    assert "predict_proba" in repr(fast)


def test_stats_count_calls_and_rows(pipeline: Any) -> None:
    fast = willump.compile(pipeline)
    fast.predict(DOCS)
    fast.predict(DOCS[:2])
    assert fast.stats()["methods"]["predict"] == {"calls": 2, "rows": len(DOCS) + 2}
    assert fast.stats()["methods"]["predict_proba"] == {"calls": 0, "rows": 0}


def test_verify_compares_every_method(fast: Any) -> None:
    report = fast.verify(DOCS)
    assert report.ok
    assert report.labels_equal
    assert report.worst_difference < 1e-12
    assert set(report.methods) == {
        "predict", "predict_proba", "predict_log_proba", "decision_function",
    }  # fmt: skip
    assert "the same answers" in str(report)


@pytest.mark.parametrize("hold", [list, tuple, np.array, pd.Series, pl.Series])
def test_verify_takes_texts_in_whatever_holds_them(fast: Any, hold: Any) -> None:
    assert fast.verify(hold(DOCS)).ok
    assert fast.verify(pd.Series(DOCS, dtype=object)).ok


def test_verify_finds_a_difference(pipeline: Any) -> None:
    fast = willump.compile(pipeline)
    fast._original = copy.deepcopy(pipeline)
    fast._original[-1].intercept_ += 5e-9
    report = fast.verify(DOCS)
    assert not report.ok
    assert report.labels_equal
    assert 1e-10 < report.worst_difference < 1e-7


@pytest.mark.parametrize("make", [np.asarray, sp.csr_matrix], ids=["dense", "sparse"])
def test_a_difference_names_the_row_where_it_is_largest(make: Any) -> None:
    expected = np.arange(12.0).reshape(4, 3)
    actual = expected + np.array([[0, 0, 0], [1e-6, 0, 0], [0, -2e-6, 0], [0, 1e-6, 2e-6]])
    assert compare(make(expected), make(actual)).worst_row == 2
    assert "absolute (row 2), " in str(compare(make(expected), make(actual)))
    assert compare(make(expected), make(expected)).worst_row == -1


def test_nan_beside_a_number_is_the_largest_difference() -> None:
    found = compare(np.array([1.0, np.nan, 3.0]), np.array([1.1, 2.0, np.nan]))
    assert not found.ok
    assert found.worst_row == 1
    assert found.worst_absolute == np.inf


def test_other_labels_name_the_first_row() -> None:
    found = compare(np.array(["a", "b", "c"]), np.array(["a", "c", "b"]))
    assert found.worst_row == 1
    assert found.n_different == 2


NO_INSTANCES = [LogisticRegression, "a pipeline", b"bytes", None, 3, 2.5, ["a"], {"a": 1}, True]


@pytest.mark.parametrize("estimator", NO_INSTANCES, ids=repr)
def test_only_instances_are_compiled_and_optimized(estimator: Any) -> None:
    expected = "LogisticRegression is a class" if isinstance(estimator, type) else "expected a"
    with pytest.raises(TypeError, match=f"{expected}.* fitted instance of"):
        willump.compile(estimator)
    with pytest.raises(TypeError, match=f"{expected}.* fitted instance of"):
        willump.optimize(estimator, DOCS, LABELS, X_cal=DOCS)


def test_versions_are_shown(capsys: Any) -> None:
    willump.show_versions()
    shown = capsys.readouterr().out
    for name in ("willump", "python", "numpy", "scikit-learn"):
        assert name in shown


def test_compiling_twice_is_compiling_once(fast: Any) -> None:
    assert willump.compile(fast) is fast


def test_what_is_not_fitted_is_refused() -> None:
    with pytest.raises(NotFittedError):
        willump.compile(make_pipeline(TfidfVectorizer(), LogisticRegression()))


def test_sparse_matrices_are_an_input() -> None:
    model = LogisticRegression().fit(MATRIX, LABELS)
    fast = willump.compile(model, strict=True)
    np.testing.assert_allclose(
        fast.predict_proba(sp.csr_matrix(MATRIX)), model.predict_proba(MATRIX), rtol=1e-9
    )


def test_feature_names_are_there_where_the_originals_are() -> None:
    with_names = CountVectorizer().fit(DOCS)
    without = [HashingVectorizer(n_features=8), LogisticRegression().fit([[0.0], [1.0]], [0, 1])]
    for original in (with_names, *without, make_pipeline(CountVectorizer()).fit(DOCS)):
        fast = willump.compile(original)
        again = pickle.loads(pickle.dumps(fast))
        for one in (fast, again, willump.CompiledModel.from_bytes(fast.to_bytes())):
            expected = hasattr(original, "get_feature_names_out")
            assert hasattr(one, "get_feature_names_out") == expected
            assert "get_feature_names_out" in dir(type(one))
    unfitted = clone(willump.compile(with_names))
    with pytest.raises(NotFittedError):
        unfitted.get_feature_names_out()


@pytest.mark.parametrize(
    "damage",
    [
        {"blocks": [{"start": 0}]},
        {"blocks": [{"start": "x", "stop": 1}]},
        {"blocks": 3},
        {"blocks": [[1]]},
        {"certificate": 5},
        {"versions": [1]},
    ],
)
def test_damaged_metadata_are_named_by_explain(damage: Any) -> None:
    fast = willump.compile(CountVectorizer().fit(DOCS))
    fast.metadata = {**fast.metadata, **damage}
    with pytest.raises(willump.ArtifactError, match=f"metadata's {next(iter(damage))}"):
        fast.explain()


def test_labels_that_are_objects_are_references_to_the_classes() -> None:
    """Each label of an answer holds one, and lets it go with the answer."""
    labels = np.array([f"label {i % 3}" for i in range(24)], object)
    fast = willump.compile(make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(DOCS, labels))
    label = fast.classes_[1]
    before, nothing = sys.getrefcount(label), sys.getrefcount(None)
    answers = [fast.predict(DOCS) for _ in range(50)]
    n_held = sum(np.sum(answer == label) for answer in answers)
    assert sys.getrefcount(label) == before + n_held > before
    assert all(any(item is known for known in fast.classes_) for item in answers[0])
    del answers
    assert sys.getrefcount(label) == before
    assert abs(sys.getrefcount(None) - nothing) < 50
