"""Trees and forests give the bits of scikit-learn's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from harness import BACKEND, assert_row_wise, examples, quiet, take_rows
from hypothesis import given
from hypothesis import strategies as st
from sklearn import ensemble as en
from sklearn import tree as tr
from sklearn.base import clone, is_classifier
from tree_models import (
    FLOAT32_OVERFLOW,
    HISTOGRAM,
    ODD,
    SHAPES,
    TREES,
    allows_nan,
    assert_bits,
    assert_native,
    fitted,
    neighbours,
    sums_of,
    table,
    targets,
    with_odd_numbers,
)
from willump import UnsupportedError
from willump.convert import convert_pipeline
from willump.convert.trees import fold_float32

pytestmark = pytest.mark.usefixtures("one_thread")

PLAIN_CLASSIFIERS: list[Any] = [
    tr.DecisionTreeClassifier(),
    tr.DecisionTreeClassifier(criterion="entropy", max_leaf_nodes=9),
    tr.ExtraTreeClassifier(max_features=0.5),
    en.RandomForestClassifier(6, max_features=None),
    en.RandomForestClassifier(4, bootstrap=False, class_weight="balanced"),
    en.ExtraTreesClassifier(5),
    en.BaggingClassifier(n_estimators=4),
    en.BaggingClassifier(n_estimators=5, max_features=0.6, bootstrap_features=True),
    en.AdaBoostClassifier(n_estimators=4),
    en.AdaBoostClassifier(tr.ExtraTreeClassifier(max_depth=3), n_estimators=6),
]
PLAIN_REGRESSORS: list[Any] = [
    tr.DecisionTreeRegressor(),
    tr.DecisionTreeRegressor(criterion="absolute_error", max_depth=4),
    tr.ExtraTreeRegressor(),
    en.RandomForestRegressor(5),
    en.ExtraTreesRegressor(4, bootstrap=True),
    en.BaggingRegressor(n_estimators=4, max_features=0.5),
]

# ---- the cast to float32 in thresholds ---------------------------------------


def bounds_of_float32(seed: int) -> Any:
    rng = np.random.default_rng(seed)
    bits = rng.integers(0, 2**32, 2000, dtype=np.uint32).view(np.float32)
    single = np.concatenate([bits[np.isfinite(bits)], ODD.astype(np.float32)])
    with np.errstate(over="ignore"):
        after = np.nextafter(single, np.float32(np.inf)).astype(float)
    middle = np.where(np.isfinite(after), (single + after) / 2, FLOAT32_OVERFLOW)
    t = np.concatenate([single.astype(float), middle, ODD, [FLOAT32_OVERFLOW, 1e300, -1e300]])
    return np.concatenate([t, np.nextafter(t, np.inf), np.nextafter(t, -np.inf), [np.inf, -np.inf]])


@examples(20, shrinks=False)
@given(seed=st.integers(0, 2**32))
def test_a_folded_threshold_is_the_last_double_that_goes_left(seed: int) -> None:
    thresholds = bounds_of_float32(seed)
    folded = fold_float32(thresholds)
    with np.errstate(over="ignore"):
        assert np.all(folded.astype(np.float32) <= thresholds)
        beyond = np.nextafter(folded, np.inf).astype(np.float32)
    assert np.all((beyond > thresholds) | (folded == np.inf))


# ---- plain trees and their sums ----------------------------------------------


@pytest.mark.parametrize("model", PLAIN_CLASSIFIERS, ids=repr)
@examples(20, shrinks=False)
@given(st.integers(0, 2**32), st.sampled_from([2, 2, 3, 4]), st.sampled_from(SHAPES))
def test_classifiers(model: Any, seed: int, n_classes: int, shape: dict[str, Any]) -> None:
    x = table(seed)
    est = fitted(model, x, targets(seed, len(x), n_classes), seed, shape)
    assert_bits(est, neighbours(est, x, seed), sums_of(model))


@pytest.mark.parametrize("model", PLAIN_REGRESSORS, ids=repr)
@examples(20, shrinks=False)
@given(st.integers(0, 2**32), st.sampled_from([1, 1, 2]), st.sampled_from(SHAPES))
def test_regressors(model: Any, seed: int, n_targets: int, shape: dict[str, Any]) -> None:
    x = table(seed)
    y = np.random.default_rng(seed).normal(size=(len(x), n_targets)) * 10.0 ** (seed % 9 - 4)
    est = fitted(model, x, y if n_targets > 1 else y.ravel(), seed, shape)
    assert_bits(est, neighbours(est, x, seed))


@pytest.mark.parametrize("model", [*PLAIN_CLASSIFIERS[:6], *PLAIN_REGRESSORS[:5]], ids=repr)
@examples(12, shrinks=False)
@given(st.integers(0, 2**32), st.sampled_from(SHAPES))
def test_missing_values_go_where_the_tree_sends_them(
    model: Any, seed: int, shape: dict[str, Any]
) -> None:
    x, full = table(seed, missing=True), table(seed)
    y = targets(seed, len(x), 3) if is_classifier(model) else full[:, 0]
    est = fitted(model, x if allows_nan(model) else full, y, seed, shape)
    if not allows_nan(model):
        with pytest.raises(ValueError, match="Input X contains NaN"):
            assert_native(est).predict(x)
        return
    assert_bits(est, neighbours(est, x, seed), "predict_proba")


@pytest.mark.parametrize("model", [*PLAIN_CLASSIFIERS[:6], *PLAIN_REGRESSORS[:5]], ids=repr)
def test_fitted_without_missing_values_a_tree_still_takes_them(model: Any) -> None:
    full, x = table(4), table(4, missing=True)
    y = targets(4, len(x), 3) if is_classifier(model) else full[:, 0]
    est = fitted(model, full, y, 4, {})
    if allows_nan(model):
        assert_bits(est, x, "predict_proba")


@pytest.mark.parametrize(
    "bad", [np.inf, -np.inf, FLOAT32_OVERFLOW, -FLOAT32_OVERFLOW, 1e300, np.nan]
)
@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize(
    "model",
    [
        tr.DecisionTreeClassifier(),
        en.RandomForestRegressor(3),
        en.GradientBoostingClassifier(n_estimators=3),
        en.AdaBoostClassifier(n_estimators=3),
        en.BaggingClassifier(n_estimators=3),
    ],
    ids=repr,
)
def test_what_float32_cannot_hold_raises_the_original_error(
    model: Any, bad: float, sparse: bool
) -> None:
    x = table(1, odd=False)
    x[:, 3] = 0
    est = quiet(clone(model).fit, x, np.arange(len(x)) % 2)
    x[4, 1] = bad
    broken = sp.csr_matrix(x) if sparse else x
    compiled = assert_native(est)
    is_taken = np.isnan(bad) and not sparse and allows_nan(est)
    if is_taken:
        np.testing.assert_array_equal(compiled.predict(broken), quiet(est.predict, broken))
        return
    with pytest.raises(ValueError, match="Input X contains") as original:
        quiet(est.predict, broken)
    with pytest.raises(ValueError, match="Input X contains") as ours:
        compiled.predict(broken)
    if BACKEND != "interpreter":
        assert str(ours.value).startswith(str(original.value).splitlines()[0].rstrip("."))


@pytest.mark.parametrize("container", ["csr", "fortran", "float32", "int", "frame"])
@pytest.mark.parametrize(
    "model",
    [
        tr.DecisionTreeClassifier(),
        en.RandomForestClassifier(4),
        en.GradientBoostingClassifier(n_estimators=3),
        en.BaggingClassifier(n_estimators=3, max_features=0.5),
    ],
    ids=repr,
)
def test_matrices_in_any_container(model: Any, container: str) -> None:
    rng = np.random.default_rng(3)
    x = (rng.random((50, 8)) > 0.5) * rng.integers(-9, 9, (50, 8)).astype(float)
    y = rng.integers(0, 3, 50)
    convert: Any = {
        "csr": sp.csr_matrix,
        "fortran": np.asfortranarray,
        "float32": lambda v: v.astype(np.float32),
        "int": lambda v: v.astype(np.int64),
        "frame": lambda v: pd.DataFrame(v, columns=[f"c{i}" for i in range(8)]),
    }[container]
    est = clone(model).fit(convert(x), y)
    assert_bits(est, convert(x), sums_of(model))


def test_single_leaf_trees() -> None:
    x = np.zeros((10, 3))
    for model in (tr.DecisionTreeRegressor(), en.RandomForestRegressor(3)):
        est = model.fit(x, np.arange(10.0))
        assert_bits(est, x + 1)
    est = tr.DecisionTreeClassifier(max_depth=1).fit(x, np.arange(10) % 2)
    assert_bits(est, x + 1, "predict_proba")


def test_one_class() -> None:
    x = table(0)
    est = tr.DecisionTreeClassifier().fit(x, np.full(len(x), "only"))
    compiled = assert_native(est)
    np.testing.assert_array_equal(compiled.predict(x), est.predict(x))
    np.testing.assert_array_equal(compiled.predict_proba(x), est.predict_proba(x))


def test_several_outputs_with_classes_are_refused_by_name() -> None:
    x = table(0)
    y = np.random.default_rng(0).integers(0, 2, (len(x), 2))
    for model in (tr.DecisionTreeClassifier(), en.RandomForestClassifier(3)):
        with pytest.raises(UnsupportedError, match="several outputs"):
            convert_pipeline(model.fit(x, y), strict=True)


def test_a_subclass_is_never_its_base() -> None:
    class Mine(tr.DecisionTreeClassifier):
        pass

    x = table(0)
    y = targets(0, len(x), 2)
    with pytest.raises(UnsupportedError, match="no converter"):
        convert_pipeline(Mine().fit(x, y), strict=True)
    with pytest.raises(UnsupportedError, match="Mine"):
        convert_pipeline(en.BaggingClassifier(Mine(), 2).fit(x, y), strict=True)


# ---- isolation ---------------------------------------------------------------


@examples(25, shrinks=False)
@given(
    st.integers(0, 2**32),
    st.sampled_from(["auto", 0.05, 0.3]),
    st.sampled_from([1.0, 0.5]),
    st.booleans(),
)
def test_isolation_forests(seed: int, contamination: Any, share: float, missing: bool) -> None:
    x = table(seed, missing=missing)
    est = en.IsolationForest(
        n_estimators=7, contamination=contamination, max_features=share, random_state=seed % 2**31
    ).fit(x)
    compiled = assert_native(est)
    rows = with_odd_numbers(x, seed)
    got, want = compiled.predict(rows), quiet(est.predict, rows)
    np.testing.assert_array_equal(got, want)
    assert got.dtype == want.dtype
    # NumPy's powers of 2 are within an ulp, and differ from machine to machine.
    scores = quiet(est.score_samples, rows)
    np.testing.assert_array_max_ulp(compiled.score_samples(rows), scores, 1)
    expected = compiled.score_samples(rows) - est.offset_
    np.testing.assert_array_equal(compiled.decision_function(rows), expected)
    decisions = quiet(est.decision_function, rows)
    np.testing.assert_allclose(compiled.decision_function(rows), decisions, rtol=0, atol=2e-16)


# ---- batches and artifacts ----------------------------------------------------


def test_a_forest_answers_the_same_in_any_batch() -> None:
    x = table(0, n=300)
    est = en.RandomForestClassifier(8, random_state=0).fit(x, targets(0, 300, 3))
    assert_row_wise(est, x, take_rows, "predict_proba")


@pytest.mark.skipif(BACKEND == "interpreter", reason="needs the core")
def test_a_stored_model_gives_the_same_bits() -> None:
    import willump

    x = table(0)
    for model in (en.RandomForestClassifier(4), en.HistGradientBoostingClassifier(**HISTOGRAM)):
        compiled = willump.compile(model.fit(x, targets(0, len(x), 3)), strict=True)
        again = willump.CompiledModel.from_bytes(compiled.to_bytes())
        np.testing.assert_array_equal(again.predict_proba(x), compiled.predict_proba(x))
        np.testing.assert_array_equal(again.predict(x), compiled.predict(x))


@pytest.mark.parametrize(
    "model", [tr.DecisionTreeClassifier(), en.VotingClassifier(TREES)], ids=repr
)
def test_unfitted_models_raise_not_fitted(model: Any) -> None:
    from sklearn.exceptions import NotFittedError

    with pytest.raises(NotFittedError):
        convert_pipeline(model)
