"""Models over float32 text features: every method's dtype is the original's."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import willump
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import VotingClassifier, VotingRegressor
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import (
    LinearRegression,
    LogisticRegression,
    Ridge,
    RidgeClassifier,
    SGDClassifier,
)
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from willump.convert import entries

METHODS = ("predict", "predict_proba", "predict_log_proba", "decision_function", "transform")
WORDS = [f"w{i}" for i in range(30)]
N_ROWS = 90
#: What makes an estimator small enough for a test, where it has the parameter.
SMALL = {"n_estimators": 3, "n_jobs": 1, "max_iter": 200, "cv": 2}


def texts(n_words: int, n_rows: int = N_ROWS) -> list[str]:
    rng = np.random.default_rng(n_words)
    return [" ".join(rng.choice(WORDS, n_words)) for _ in range(n_rows)]


def targets(n_classes: int) -> Any:
    rng = np.random.default_rng(0)
    return rng.normal(size=N_ROWS) if n_classes == 0 else rng.integers(0, n_classes, N_ROWS)


def quiet(function: Any, *arguments: Any) -> Any:
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return function(*arguments)


def candidates(kind: type, n_classes: int) -> list[Any]:
    """The estimator, or a meta-estimator over what it may take."""
    first = Ridge() if n_classes == 0 else LogisticRegression()
    second = LinearRegression() if n_classes == 0 else SGDClassifier(loss="modified_huber")
    found = []
    has_members = kind.__module__.startswith("sklearn")
    for given in ((), (first,), ([("a", first), ("b", second)],))[: 3 if has_members else 1]:
        try:
            made = kind(*given)
            own = made.get_params(deep=False)
        except Exception:
            continue  # it takes no such arguments
        small = {key: value for key, value in SMALL.items() if key in own}
        quietly = {"verbosity": -1} if kind.__module__.startswith("lightgbm") else {}
        found.append(made.set_params(**small, **quietly))
    return found


def fitted(kind: type, n_classes: int) -> Any:
    for made in candidates(kind, n_classes):
        pipeline = make_pipeline(TfidfVectorizer(dtype=np.float32), made)
        try:
            return quiet(pipeline.fit, texts(6), targets(n_classes))
        except Exception:
            continue  # it takes no sparse features, or no such targets
    return None


def check_dtypes(pipeline: Any) -> int:
    fast = quiet(willump.compile, pipeline)
    n_methods, given = 0, texts(3, 9)
    for method in METHODS:
        if not hasattr(pipeline, method):
            continue
        try:
            expected = quiet(getattr(pipeline, method), given)
        except Exception:
            continue  # a method that is there and always raises
        result = quiet(getattr(fast, method), given)
        assert result.dtype == expected.dtype, method
        assert result.shape == expected.shape, method
        if expected.dtype.kind == "f" and not hasattr(expected, "tocsr"):
            np.testing.assert_allclose(result, expected, 1e-5, 1e-5)
        n_methods += 1
    return n_methods


@pytest.mark.parametrize("n_classes", [0, 2, 3])
def test_every_model_of_the_table_keeps_the_originals_dtypes(n_classes: int) -> None:
    n_checked = 0
    for entry in entries():
        kind = entry.estimator
        if kind.__module__.startswith("catboost"):
            continue  # it takes no sparse float32 features without its own pool
        pipeline = fitted(kind, n_classes)
        if pipeline is not None:
            try:
                n_checked += check_dtypes(pipeline)
            except AssertionError as error:
                raise AssertionError(f"{kind.__name__}: {error}") from error
    assert n_checked > 40


CALIBRATED = {
    "logistic": LogisticRegression(),
    "ridge": RidgeClassifier(),
    "averaged": SGDClassifier(loss="modified_huber", average=True, random_state=0),
    "rest": OneVsRestClassifier(LogisticRegression()),
    "one": OneVsOneClassifier(LogisticRegression()),
}


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("method", ["sigmoid", "isotonic", "temperature"])
@pytest.mark.parametrize("name", CALIBRATED)
def test_calibrated_probabilities_are_doubles(name: str, method: str, n_classes: int) -> None:
    model = CalibratedClassifierCV(CALIBRATED[name], method=method, cv=2)
    pipeline = make_pipeline(TfidfVectorizer(dtype=np.float32), model)
    quiet(pipeline.fit, texts(6), targets(n_classes))
    assert pipeline.predict_proba(texts(3)).dtype == np.float64
    assert check_dtypes(pipeline) == 2


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("weights", [None, [1, 2]])
def test_votes_have_the_dtype_of_their_mean(weights: Any, n_classes: int) -> None:
    voters = [("a", LogisticRegression()), ("b", LogisticRegression(C=9))]
    model = VotingClassifier(voters, voting="soft", weights=weights)
    pipeline = make_pipeline(TfidfVectorizer(dtype=np.float32), model)
    assert check_dtypes(pipeline.fit(texts(6), targets(n_classes))) == 3
    regressors = [("a", Ridge()), ("b", LinearRegression())]
    model = VotingRegressor(regressors, weights=weights)
    pipeline = make_pipeline(TfidfVectorizer(dtype=np.float32), model)
    assert check_dtypes(pipeline.fit(texts(6), targets(0))) == 2


def test_the_calibrators_see_the_originals_float32_scores() -> None:
    """A tie of rounded probabilities would change labels."""
    pipeline = make_pipeline(
        TfidfVectorizer(dtype=np.float32),
        CalibratedClassifierCV(LogisticRegression(), method="sigmoid", cv=2),
    ).fit(texts(6), targets(3))
    expected = pipeline.predict_proba(texts(3))
    result = willump.compile(pipeline, strict=True).predict_proba(texts(3))
    np.testing.assert_allclose(result, expected, 1e-7, 0)
