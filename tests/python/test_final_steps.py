"""Final models that stay Python answer what the original answers, whatever that is."""

from __future__ import annotations

import pickle
import warnings
from typing import Any

import lightgbm
import numpy as np
import pytest
from harness import build
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.neighbors import KNeighborsRegressor, RadiusNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PowerTransformer, StandardScaler

TEXTS = ["a good cat", "bad dog so", "good good", "bad"] * 8
LABELS = ["yes", "no"] * 16


class Reject(LogisticRegression):
    """Answers 'unsure', which is no class of its."""

    def predict(self, X: Any) -> Any:
        unsure = self.predict_proba(X).max(axis=1) < 0.6
        return np.where(unsure, "unsure", super().predict(X))


class Wide(LogisticRegression):
    """Labels of another dtype than classes_."""

    def predict(self, X: Any) -> Any:
        return super().predict(X).astype(object)


@pytest.mark.parametrize("model", [Reject, Wide])
def test_labels_are_the_steps_own(model: type) -> None:
    original = make_pipeline(TfidfVectorizer(), model()).fit(TEXTS, LABELS)
    fast = build(original)
    for again in (fast, pickle.loads(pickle.dumps(fast))):
        for given in (["good", "zz", "bad"], ["zz"], ["good"] * 3000):
            expected = original.predict(given)
            result = again.predict(given)
            assert result.dtype == expected.dtype
            assert result.tolist() == expected.tolist()


def test_where_positions_are_asked_for_another_label_is_named() -> None:
    """As a cascade asks, whose stages choose among the classes."""
    fast = build(make_pipeline(TfidfVectorizer(), Reject()).fit(TEXTS, LABELS))
    step = next(step for step in fast._steps if step.method == "predict")
    with pytest.raises(ValueError, match=r"Reject.predict gave the label 'unsure'"):
        step.stored(np.array(["yes", "unsure"]))
    assert step.stored(np.array(["yes", "no"])).ravel().tolist() == [1, 0]


@pytest.mark.parametrize(
    "model",
    [
        OneVsRestClassifier(LogisticRegression()),
        lightgbm.LGBMClassifier(n_estimators=2, n_jobs=1, verbosity=-1),
    ],
    ids=["one_vs_rest", "lightgbm"],
)
def test_one_class_gives_the_originals_columns(model: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        original = make_pipeline(TfidfVectorizer(), model).fit(TEXTS, [1] * len(TEXTS))
        fast = build(original)
        for method in ("predict", "predict_proba", "decision_function"):
            assert hasattr(fast, method) == hasattr(original, method)
            if hasattr(original, method):
                expected = getattr(original, method)(TEXTS[:5])
                result = getattr(fast, method)(TEXTS[:5])
                assert result.dtype == expected.dtype
                np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize("scale", [1, 0.5])
@pytest.mark.parametrize("seed", range(8))
def test_predictions_have_the_dtype_that_the_step_gives_them(scale: float, seed: int) -> None:
    """Means of integers, which are floats, or an integer where no neighbour is near."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(60, 2))
    y = rng.integers(0, 9, 60) * scale
    y = y.astype(int) if scale == 1 else y
    for model in (RadiusNeighborsRegressor(2.0), KNeighborsRegressor(3)):
        first = [StandardScaler(), PowerTransformer(), "passthrough"][seed % 3]
        original = make_pipeline(first, model).fit(X + 9, y)
        for again in (fast := build(original), pickle.loads(pickle.dumps(fast))):
            for rows in (X + 9, X[:3] + 9, np.r_[X[:2] + 9, X[:2] + 99], X[:2] + 99):
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    expected, result = original.predict(rows), again.predict(rows)
                assert result.dtype == expected.dtype
                np.testing.assert_allclose(result, expected, rtol=1e-9)
