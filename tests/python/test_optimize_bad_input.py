"""Calibration rows that tell little, or the wrong thing: a clear error or a correct
certificate."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import willump
from sklearn.compose import make_column_transformer
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from willump._core import tune_split

COSTS = {"functiontransformer-1": 1.0, "functiontransformer-2": 30.0}


def numbers(n: int, seed: int, n_values: int = 0) -> tuple[Any, Any]:
    """Two columns that tell the label, two that say little more; all but the last of
    n_values values each where that is given."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 4))
    if n_values:
        x[:, :3] = rng.integers(0, n_values, (n, 3))
    y = 3 * x[:, 0] + x[:, 1] + 0.5 * x[:, 2] + rng.normal(0, 0.5, n)
    return x, (y > np.median(y)).astype(int)


def fitted(x: Any, y: Any, model: Any = None) -> Any:
    plain = FunctionTransformer()
    blocks = make_column_transformer((plain, [0, 1]), (plain, [2, 3]))
    return make_pipeline(blocks, LogisticRegression() if model is None else model).fit(x, y)


def optimized(pipeline: Any, x: Any, y: Any, fresh: Any, **options: Any) -> Any:
    given = {"target": willump.Agreement(0.9), "costs": COSTS, "duplicates": "traffic", **options}
    return willump.optimize(pipeline, x, y, X_cal=fresh, **given)


def certify_rows(n: int) -> Any:
    return np.flatnonzero(np.frombuffer(tune_split(n, None, 0.2, 0), np.uint8) == 0)


def check_counts(cascade: Any, pipeline: Any, fresh: Any) -> Any:
    """The certificate counts what the cascade does to the certifying rows."""
    certificate = cascade.metadata["certificate"]
    rows = fresh[certify_rows(len(fresh))]
    wrong = int(np.sum(cascade.predict(rows) != pipeline.predict(rows)))
    assert certificate["n_wrong"] == wrong <= certificate["k"]
    return certificate


TIED = [LogisticRegression(), GradientBoostingClassifier(n_estimators=20)]


# ---- one class ---------------------------------------------------------------


def test_labels_of_one_class_are_refused() -> None:
    x, y = numbers(300, 1)
    with pytest.raises(ValueError, match=r"y has no rows of the pipeline's classes \[0\]"):
        optimized(fitted(x, y), x, np.ones(300, int), numbers(500, 2)[0])


def test_calibration_rows_of_one_label_are_certified_as_any() -> None:
    x, y = numbers(300, 1)
    pipeline = fitted(x, y)
    fresh = numbers(3000, 2)[0]
    fresh = fresh[pipeline.predict(fresh) == 1]
    certificate = check_counts(optimized(pipeline, x, y, fresh), pipeline, fresh)
    assert certificate["agreement_by_class"]["0"]["n_rows"] == 0


def test_a_model_that_was_fitted_on_one_class_has_nothing_to_decide() -> None:
    x, _ = numbers(300, 1)
    pipeline = fitted(x, np.ones(300, int), GaussianNB())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", willump.NotCertifiedWarning)
        cascade = optimized(pipeline, x, None, numbers(800, 2)[0])
    assert np.array_equal(cascade.predict(x), pipeline.predict(x))


def test_true_labels_of_one_class_certify_accuracy() -> None:
    x, y = numbers(300, 1)
    pipeline = fitted(x, y)
    fresh = numbers(2000, 2)[0]
    cascade = optimized(
        pipeline, x, y, fresh, y_cal=np.ones(2000, int), target=willump.Accuracy(0.05)
    )
    certificate = cascade.metadata["certificate"]
    rows = fresh[certify_rows(2000)]
    assert certificate["accuracy_cascade"] == np.mean(cascade.predict(rows) == 1)


# ---- scores ------------------------------------------------------------------


def test_constant_scores_leave_all_or_none() -> None:
    """Both stages give every row the same score, and one label."""
    x, y = numbers(300, 1)
    pipeline = fitted(x, y)
    pipeline[-1].coef_ = np.zeros_like(pipeline[-1].coef_)
    fresh = numbers(1000, 2)[0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", willump.NotCertifiedWarning)
        cascade = optimized(pipeline, x, y, fresh)
    assert np.mean(cascade.predict(fresh) == pipeline.predict(fresh)) >= 0.9


@pytest.mark.parametrize("n_values", [2, 3])
@pytest.mark.parametrize("model", TIED, ids=["linear", "trees"])
def test_rows_that_tie_leave_together(model: Any, n_values: int) -> None:
    x, y = numbers(400, 1, n_values)
    pipeline = fitted(x, y, model)
    fresh = numbers(2000, 2, n_values)[0]
    options = {} if isinstance(model, LogisticRegression) else {"costs": None}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", willump.NotCertifiedWarning)
        cascade = optimized(pipeline, x, y, fresh, target=willump.Agreement(0.8), **options)
    if cascade.metadata.get("certificate"):  # trees that are timed need not pay
        check_counts(cascade, pipeline, fresh)
    again = np.concatenate([cascade.predict(row[None]) for row in fresh[:100]])
    assert np.array_equal(again, cascade.predict(fresh)[:100])


def test_rows_whose_scores_are_nan_stay() -> None:
    """One infinity less another: no class is ahead of the other."""
    x, y = numbers(400, 1)
    pipeline = fitted(x, y)
    fresh = numbers(2000, 2)[0]
    fresh[::10, :2] = 1.7e308, -1.7e308
    with np.errstate(all="ignore"):
        cascade = optimized(pipeline, x, y, fresh)
        check_counts(cascade, pipeline, fresh)
        before = cascade.stats()["stage_rows"]
        assert np.array_equal(cascade.predict(fresh[::10]), pipeline.predict(fresh[::10]))
    assert np.subtract(cascade.stats()["stage_rows"], before).tolist() == [0, 200]


# ---- rows --------------------------------------------------------------------


def test_rows_that_are_equal_within_and_across_the_splits_count_once() -> None:
    x, y = numbers(400, 1)
    pipeline = fitted(x, y)
    once = numbers(1500, 2)[0]
    again = np.concatenate([once, once[:700], x[:10], once[:200]])
    with pytest.warns(willump.DuplicateRowsWarning):
        cascade = optimized(pipeline, x, y, again, duplicates="distinct")
    certificate = cascade.metadata["certificate"]
    assert certificate["n_rows_in_training"] == 10
    # Select and certify rows share no value: their distinct rows add up to all.
    select = optimized(pipeline, x, y, np.concatenate([once, x[:10]]), duplicates="distinct")
    assert certificate["n_rows"] <= 1510
    assert abs(certificate["n_rows"] - select.metadata["certificate"]["n_rows"]) < 100


def test_groups_smaller_than_a_fold_count_each() -> None:
    """Of one and two rows, also where a regressor's gate is learned in folds."""
    x, y = numbers(400, 1)
    pipeline = fitted(x, y)
    fresh = numbers(1500, 2)[0]
    groups = np.arange(1500) // 2
    cascade = optimized(pipeline, x, y, fresh, groups=groups)
    certificate = cascade.metadata["certificate"]
    flags = np.frombuffer(tune_split(1500, groups.astype(np.uint64), 0.2, 0), np.uint8)
    assert certificate["per"] == "group"
    assert certificate["n_rows"] == len(np.unique(groups[flags == 0]))


def test_groups_of_one_row_are_rows() -> None:
    x, y = numbers(400, 1)
    pipeline = fitted(x, y)
    fresh = numbers(1000, 2)[0]
    own = optimized(pipeline, x, y, fresh, groups=np.arange(1000)).metadata["certificate"]
    assert own["n_rows"] + own["n_select_rows"] == 1000


def test_refit_keeps_groups_of_one_row_apart() -> None:
    x, y = numbers(2000, 1)
    cascade = willump.optimize(
        fitted(x, y), x, y, refit=True, groups=np.arange(2000), costs=COSTS,
        target=willump.Agreement(0.9),
    )  # fmt: skip
    certificate = cascade.metadata["certificate"]
    n = certificate["n_rows"] + certificate["n_select_rows"]
    assert n == certificate["n_rows_given"] == pytest.approx(600, rel=0.1)


@pytest.mark.parametrize("target", [willump.Accuracy(0.05), willump.Estimated("f1", 0.05)])
def test_without_true_labels_what_needs_them_is_refused(target: Any) -> None:
    x, y = numbers(300, 1)
    with pytest.raises(ValueError, match="needs the true labels of X_cal"):
        optimized(fitted(x, y), x, y, numbers(500, 2)[0], target=target)


def test_a_class_that_few_resamples_have_makes_the_metric_undefined_there() -> None:
    """Log loss of rows without one of the classes is none: those count as losses."""
    x, y = numbers(600, 1)
    pipeline = fitted(x, y)
    fresh = numbers(1000, 2)[0]
    y_cal = np.zeros(1000, int)
    y_cal[certify_rows(1000)[0]] = y_cal[np.setdiff1d(np.arange(1000), certify_rows(1000))[0]] = 1
    with pytest.warns(willump.NotCertifiedWarning, match="no cascade"):
        optimized(pipeline, x, y, fresh, y_cal=y_cal, target=willump.Estimated("neg_log_loss", 5.0))
