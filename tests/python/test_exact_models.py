"""Models give the scores and labels of scikit-learn's."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from harness import (
    assert_row_wise,
    assert_same_model,
    build,
    examples,
    quiet,
    take_list,
    take_rows,
)
from hypothesis import given, reject
from hypothesis import strategies as st
from sklearn import linear_model as lm
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.naive_bayes import BernoulliNB, ComplementNB, MultinomialNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC, LinearSVR
from strategies import random_text

LOSSES = [
    "hinge", "log_loss", "modified_huber", "squared_hinge", "perceptron", "squared_error",
    "huber", "epsilon_insensitive", "squared_epsilon_insensitive",
]  # fmt: skip


def classifiers() -> list[Any]:
    base: list[Any] = [
        lm.LogisticRegression(),
        lm.LogisticRegression(C=10, fit_intercept=False),
        lm.LogisticRegressionCV(Cs=2, cv=2, use_legacy_attributes=False)
        if "use_legacy_attributes" in lm.LogisticRegressionCV().get_params()
        else lm.LogisticRegressionCV(Cs=2, cv=2),
        LinearSVC(),
        LinearSVC(C=0.1, fit_intercept=False),
        *(lm.SGDClassifier(loss=loss, max_iter=20, tol=None, random_state=0) for loss in LOSSES),
        lm.SGDClassifier(loss="log_loss", average=True, random_state=0),
        lm.Perceptron(random_state=0),
        lm.RidgeClassifier(),
        lm.RidgeClassifierCV(),
        MultinomialNB(),
        MultinomialNB(alpha=0.01, fit_prior=False),
        ComplementNB(),
        ComplementNB(norm=True),
        BernoulliNB(),
        BernoulliNB(binarize=0.5),
        BernoulliNB(binarize=None),
    ]
    if hasattr(lm, "PassiveAggressiveClassifier"):
        base.append(quiet(lm.PassiveAggressiveClassifier))
    return base


def meta_classifiers() -> list[Any]:
    return [
        OneVsRestClassifier(lm.LogisticRegression()),
        OneVsRestClassifier(LinearSVC()),
        OneVsRestClassifier(MultinomialNB()),
        OneVsRestClassifier(lm.Ridge()),
        OneVsRestClassifier(lm.SGDClassifier(loss="modified_huber", random_state=0)),
        OneVsRestClassifier(CalibratedClassifierCV(LinearSVC(), cv=2)),
        OneVsOneClassifier(LinearSVC()),
        OneVsOneClassifier(lm.LogisticRegression()),
        OneVsOneClassifier(MultinomialNB()),
        GridSearchCV(lm.LogisticRegression(), {"C": [0.1, 10]}, cv=2),
        *(
            CalibratedClassifierCV(inner, method=method, ensemble=ensemble, cv=2)
            for method in ("sigmoid", "isotonic", "temperature")
            for ensemble in (True, False)
            for inner in (LinearSVC(), MultinomialNB(), lm.LogisticRegression())
        ),
    ]


def regressors() -> list[Any]:
    names = [
        "LinearRegression", "Ridge", "RidgeCV", "Lasso", "LassoCV", "ElasticNet", "ElasticNetCV",
        "SGDRegressor", "HuberRegressor", "BayesianRidge", "ARDRegression", "Lars", "LassoLars",
        "OrthogonalMatchingPursuit", "TheilSenRegressor", "QuantileRegressor",
    ]  # fmt: skip
    return [getattr(lm, name)() for name in names] + [LinearSVR()]


LABELS = {
    "str": np.array(["no", "yes", "maybe", "läter"]),
    "int": np.array([3, -1, 7, 100]),
    "float": np.array([1.0, 0.0, -2.0, 9.0]),
    "bool": np.array([False, True]),
    "object": np.array(["b", "a", "c", "dd"], dtype=object),
    "int8": np.array([1, 2, 3, 4], dtype=np.int8),
}


def labelled(seed: int, n_classes: int, kind: str, n: int = 36) -> tuple[list[str], Any]:
    """Texts, and labels that lean on their words."""
    rng = random.Random(seed)
    texts = [random_text(rng) + f" the cat{rng.randrange(6)}" for _ in range(n)]
    classes = LABELS[kind][:n_classes]
    noise = [rng.randrange(n_classes) if rng.random() < 0.3 else int(t[-1]) for t in texts]
    index = [k % len(classes) for k in noise]
    index[: 4 * len(classes)] = list(range(len(classes))) * 4
    return texts, classes[index]


def vectorizer(seed: int) -> Any:
    rng = random.Random(seed)
    kind = rng.choice([CountVectorizer, TfidfVectorizer])
    if rng.random() < 0.5:
        return kind(max_features=200)
    return kind(analyzer="char", ngram_range=(1, 2), max_features=300)


@pytest.mark.parametrize("model", classifiers(), ids=repr)
@examples(14, shrinks=False)
@given(st.integers(0, 2**32), st.sampled_from([2, 2, 3, 4]), st.sampled_from(sorted(LABELS)))
def test_classifiers_of_text(model: Any, seed: int, n_classes: int, kind: str) -> None:
    texts, y = labelled(seed, n_classes, kind)
    pipeline = make_pipeline(vectorizer(seed), clone(model))
    quiet(pipeline.fit, texts, y)
    rng = random.Random(seed)
    assert_same_model(build(pipeline), pipeline, texts + [random_text(rng) for _ in range(20)])


@pytest.mark.parametrize("model", meta_classifiers(), ids=repr)
@examples(8, shrinks=False)
@given(st.integers(0, 2**32), st.sampled_from([2, 3, 4]), st.sampled_from(["str", "int"]))
def test_classifiers_of_classifiers(model: Any, seed: int, n_classes: int, kind: str) -> None:
    texts, y = labelled(seed, n_classes, kind)
    pipeline = make_pipeline(vectorizer(seed), clone(model))
    try:
        quiet(pipeline.fit, texts, y)
    except RuntimeError as error:
        # scikit-learn's own search for a temperature can fail: nothing to compare.
        if "Temperature scaling fails" not in str(error):
            raise
        reject()
    assert_same_model(build(pipeline), pipeline, texts)


@pytest.mark.parametrize(
    "model",
    [
        OneVsRestClassifier(LinearSVC()),
        OneVsRestClassifier(lm.LogisticRegression()),
        OneVsRestClassifier(MultinomialNB()),
        lm.RidgeClassifier(),
    ],
    ids=repr,
)
@examples(10, shrinks=False)
@given(seed=st.integers(0, 2**32))
def test_multilabel_targets(model: Any, seed: int) -> None:
    texts, _ = labelled(seed, 2, "int")
    y = np.random.default_rng(seed).integers(0, 2, (len(texts), 3))
    pipeline = quiet(make_pipeline(vectorizer(seed), clone(model)).fit, texts, y)
    compiled = build(pipeline)
    assert_same_model(compiled, pipeline, texts)


def test_a_class_that_no_row_has_is_constant() -> None:
    texts, _ = labelled(1, 2, "int")
    y = np.random.default_rng(1).integers(0, 2, (len(texts), 3))
    y[:, 1] = 0
    pipeline = make_pipeline(CountVectorizer(), OneVsRestClassifier(lm.LogisticRegression()))
    quiet(pipeline.fit, texts, y)
    assert_same_model(build(pipeline), pipeline, texts)


@pytest.mark.parametrize("model", regressors(), ids=repr)
@examples(6, shrinks=False)
@given(seed=st.integers(0, 2**32), n_targets=st.sampled_from([1, 1, 2]))
def test_regressors_of_numbers(model: Any, seed: int, n_targets: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(40, 5)) * 10.0 ** rng.integers(-3, 3, 5)
    y = rng.normal(size=40) if n_targets == 1 else rng.normal(size=(40, 2))
    fitted = clone(model)
    try:
        quiet(fitted.fit, x, y)
    except ValueError:  # one target only
        return
    assert_same_model(build(fitted), fitted, x)


@pytest.mark.parametrize("model", [lm.Ridge(), LinearSVR(), lm.Lasso(alpha=1e-3)], ids=repr)
@examples(10, shrinks=False)
@given(seed=st.integers(0, 2**32))
def test_regressors_of_text(model: Any, seed: int) -> None:
    texts, _ = labelled(seed, 2, "int")
    y = np.random.default_rng(seed).normal(size=len(texts))
    pipeline = quiet(make_pipeline(vectorizer(seed), clone(model)).fit, texts, y)
    assert_same_model(build(pipeline), pipeline, texts)


@pytest.mark.parametrize("container", ["dense", "csr", "fortran", "float32", "int"])
@pytest.mark.parametrize("model", [lm.LogisticRegression(), LinearSVC(), BernoulliNB()], ids=repr)
def test_matrices_in_any_container(model: Any, container: str) -> None:
    rng = np.random.default_rng(3)
    x = (rng.random((50, 8)) > 0.5) * rng.integers(0, 9, (50, 8)).astype(float)
    y = rng.integers(0, 3, 50)
    fitted = clone(model).fit(x, y)
    given_x: Any = {
        "dense": x,
        "csr": sp.csr_array(x),
        "fortran": np.asfortranarray(x),
        "float32": x.astype(np.float32),
        "int": x.astype(np.int64),
    }[container]
    assert_same_model(build(fitted), fitted, given_x)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("sparse", [False, True])
def test_numbers_that_are_not_finite_raise_the_original_error(bad: float, sparse: bool) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(20, 3)), rng.integers(0, 2, 20)
    fitted = lm.LogisticRegression().fit(x, y)
    x[4, 1] = bad
    broken = sp.csr_array(x) if sparse else x
    with pytest.raises(ValueError, match="Input X contains") as original:
        fitted.predict(broken)
    with pytest.raises(ValueError, match="Input X contains") as ours:
        build(fitted).predict(broken)
    assert str(ours.value).startswith(str(original.value).splitlines()[0].rstrip("."))


@pytest.mark.parametrize(
    "model", [LinearSVC(), lm.SGDClassifier(), lm.LogisticRegression()], ids=repr
)
def test_sparse_coefficients(model: Any) -> None:
    texts, y = labelled(5, 3, "str")
    pipeline = quiet(make_pipeline(TfidfVectorizer(), model).fit, texts, y)
    pipeline[-1].sparsify()
    assert_same_model(build(pipeline), pipeline, texts)


@pytest.mark.parametrize("model", [lm.LogisticRegression(), LinearSVC(), MultinomialNB()], ids=repr)
def test_float32_features(model: Any) -> None:
    texts, y = labelled(6, 3, "str")
    pipeline = make_pipeline(TfidfVectorizer(dtype=np.float32), model)
    quiet(pipeline.fit, texts, y)
    assert_same_model(build(pipeline), pipeline, texts)


@pytest.mark.parametrize(
    "model",
    [lm.LogisticRegression(), CalibratedClassifierCV(LinearSVC(), cv=2), MultinomialNB()],
    ids=repr,
)
def test_a_score_is_the_same_in_any_batch(model: Any) -> None:
    texts, y = labelled(7, 3, "str")
    pipeline = quiet(make_pipeline(TfidfVectorizer(), model).fit, texts, y)
    assert_row_wise(pipeline, texts, take_list, "predict_proba")


def test_a_numeric_score_is_the_same_in_any_batch() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(300, 6)), rng.integers(0, 3, 300)
    assert_row_wise(lm.LogisticRegression().fit(x, y), x, take_rows, "predict_proba")


@pytest.mark.parametrize(
    "model",
    [KNeighborsClassifier(3), OneVsRestClassifier(KNeighborsClassifier(3))],
    ids=repr,
)
def test_another_model_stays_python_on_native_features(model: Any) -> None:
    texts, y = labelled(8, 3, "str")
    pipeline = quiet(make_pipeline(TfidfVectorizer(), model).fit, texts, y)
    compiled = build(pipeline)
    np.testing.assert_array_equal(compiled.predict(texts), pipeline.predict(texts))
    np.testing.assert_array_equal(compiled.predict_proba(texts), pipeline.predict_proba(texts))


def test_another_regressor_stays_python() -> None:
    texts, _ = labelled(9, 2, "int")
    y = np.arange(len(texts), dtype=float)
    pipeline = make_pipeline(CountVectorizer(), KNeighborsRegressor(3)).fit(texts, y)
    np.testing.assert_array_equal(build(pipeline).predict(texts), pipeline.predict(texts))


def test_a_subclass_is_never_its_base() -> None:
    class Mine(lm.LogisticRegression):
        def decision_function(self, X: Any) -> Any:
            return -super().decision_function(X)

    texts, y = labelled(10, 2, "str")
    pipeline = quiet(make_pipeline(CountVectorizer(), Mine()).fit, texts, y)
    np.testing.assert_array_equal(build(pipeline).predict(texts), pipeline.predict(texts))


@pytest.mark.parametrize("model", [lm.LogisticRegression(), MultinomialNB(), LinearSVC()], ids=repr)
def test_unfitted_models_raise_not_fitted(model: Any) -> None:
    from sklearn.exceptions import NotFittedError
    from willump.convert import convert_pipeline

    vectorizer = CountVectorizer().fit(["some text"])
    with pytest.raises(NotFittedError):
        convert_pipeline(make_pipeline(vectorizer, model))
