"""Cascades whose probabilities are certified to be close."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import willump
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline, make_union
from sklearn.svm import LinearSVC
from test_optimize_accuracy import certify_rows, texts
from willump._core import TuneJob

COSTS = [1.0, 20.0]


def made(model: Any, n_classes: int = 2) -> Any:
    x, y = texts(1500, 1, n_classes)
    union = make_union(
        CountVectorizer(max_features=250),
        TfidfVectorizer(analyzer="char", ngram_range=(2, 4), max_features=3000),
    )
    return make_pipeline(union, model).fit(x, y), x, y


@pytest.fixture(scope="module")
def fitted() -> Any:
    return made(LogisticRegression())


def optimized(fitted: Any, x_cal: Any, target: Any, **options: Any) -> Any:
    given = {"costs": COSTS, "duplicates": "traffic", **options}
    return willump.optimize(*fitted, X_cal=x_cal, target=target, **given)


def far_rows(cascade: Any, exact: Any, x: Any, target: Any) -> Any:
    """Where some probability is outside the tolerance, as NumPy says it."""
    close = np.isclose(
        cascade.predict_proba(x), exact.predict_proba(x), rtol=target.rel, atol=target.abs
    )
    return ~close.all(axis=1)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("size", [{"abs": 0.1}, {"rel": 0.5}, {"abs": 0.05, "rel": 0.1}])
def test_the_counts_are_those_of_the_deployed_cascade(n_classes: int, size: Any) -> None:
    fitted = made(LogisticRegression(), n_classes)
    target = willump.Tolerance(**size, share=0.95)
    x, _ = texts(4000, 2, n_classes)
    cascade = optimized(fitted, x, target)
    certificate = cascade.metadata["certificate"]
    rows = [x[i] for i in certify_rows(4000)]
    far = far_rows(cascade, willump.compile(fitted[0]), rows, target)
    assert certificate["kind"] == "tolerance"
    assert certificate["n_wrong"] == far.sum()
    assert certificate["n_wrong"] <= certificate["k"]
    assert certificate["share_leaving"] == cascade.stats()["stage_rows"][0] / len(rows)
    assert certificate["tolerance_abs"] == target.abs
    assert certificate["tolerance_rel"] == target.rel
    fresh, _ = texts(8000, 3, n_classes)
    # No more rows than certified, nearly: leave room for their own chance.
    assert far_rows(cascade, fitted[0], fresh, target).mean() < 0.06


def test_the_promise_is_said_in_words(fitted: Any) -> None:
    target = willump.Tolerance(abs=0.05, rel=0.1, share=0.95)
    certificate = optimized(fitted, texts(3000, 2)[0], target).metadata["certificate"]
    assert certificate["promise"] == (
        "with confidence 0.95, all probabilities of the cascade differ by at most 0.05 plus 0.1 "
        "times the exact one from the exact pipeline's to at least a share of 0.95, per request"
    )


def test_an_ensemble_makes_the_certified_errors_and_no_others() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(9000, 6))
    y = X[:, 0] + X[:, 1] * X[:, 2] + rng.normal(size=9000) * 0.2 > 0
    model = GradientBoostingClassifier(n_estimators=40, random_state=0).fit(X[:2000], y[:2000])
    target = willump.Tolerance(abs=0.1, share=0.99)
    cascade = willump.optimize(
        model, X[:2000], X_cal=X[2000:], target=target, duplicates="traffic",
        costs=[1.0, 1.0, 1.0, 2.0, 2.0, 4.0, 5.0, 8.0, 8.0, 8.0],
    )  # fmt: skip
    certificate = cascade.metadata["certificate"]
    assert certificate["blocks"][0].startswith("trees 1 to ")
    assert 0.1 < certificate["share_leaving"] < 0.99
    rows = X[2000 + certify_rows(7000)]
    far = far_rows(cascade, willump.compile(model), rows, target)
    assert certificate["n_wrong"] == far.sum()


def test_saving_keeps_the_certificate(fitted: Any) -> None:
    cascade = optimized(fitted, texts(3000, 2)[0], willump.Tolerance(abs=0.1, share=0.95))
    again = willump.from_bytes(cascade.to_bytes())
    assert again.metadata["certificate"] == cascade.metadata["certificate"]
    assert "tolerance_abs: 0.1" in str(again.explain())


def test_too_few_rows_warn_with_the_number(fitted: Any) -> None:
    message = r"a share of 0.99 within the tolerance .* takes about 4\d\d requests in X_cal"
    with pytest.warns(willump.NotCertifiedWarning, match=message):
        optimized(fitted, texts(100, 2)[0], willump.Tolerance(abs=0.1, share=0.99))


def test_models_without_probabilities_are_refused(fitted: Any) -> None:
    _, x, y = fitted
    pipeline = make_pipeline(CountVectorizer(), LinearSVC()).fit(x, y)
    with pytest.raises(willump.UnsupportedError, match="predict_proba"):
        willump.optimize(
            pipeline, x, X_cal=texts(500, 2)[0], target=willump.Tolerance(abs=0.1, share=0.9)
        )


def test_the_job_refuses_outputs_of_another_shape() -> None:
    costs = np.array([1.0, 2.0])
    job = TuneJob(costs, 1, 10, 900, 0.05, 0.05, 0, 0.0, target="tolerance", tolerance_abs=0.1)
    n = job.next()[3]
    ones, labels, proba = np.ones(n), np.zeros(n, np.int64), np.zeros((n, 2))

    def answer(approx: Any, full: Any) -> None:
        job.answer(ones, labels, labels, 0.0, approx_outputs=approx, full_outputs=full)

    with pytest.raises(ValueError, match="lacks its outputs"):
        answer(None, None)
    with pytest.raises(ValueError, match="lacks its outputs"):
        answer(proba, None)
    with pytest.raises(ValueError, match="lacks its outputs"):
        answer(proba[:, :0].copy(), proba[:, :0].copy())
    with pytest.raises(ValueError, match="differ in their columns"):
        answer(proba, np.zeros((n, 3)))
    for wrong in (proba[:-1], proba.ravel(), proba.astype(np.float32)):
        with pytest.raises(ValueError, match="approx_outputs must be"):
            answer(wrong, proba)
    answer(proba, proba)
    with pytest.raises(ValueError, match="tolerance"):
        TuneJob(costs, 1, 10, 900, 0.05, 0.05, 0, 0.0, target="tolerance", tolerance_abs=-1.0)
