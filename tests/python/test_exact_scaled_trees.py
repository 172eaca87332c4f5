"""A scaler before trees is folded into their thresholds: the same bits at every
threshold's neighbours.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from harness import assert_same_model, build, examples, quiet
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    MaxAbsScaler,
    MinMaxScaler,
    OrdinalEncoder,
    RobustScaler,
    StandardScaler,
)
from threadpoolctl import threadpool_limits
from tree_models import assert_native


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Any:
    """Small models on few threads fit faster."""
    with threadpool_limits(1):
        yield


SCALERS: list[Any] = [
    StandardScaler(),
    StandardScaler(with_std=False),
    MinMaxScaler((-3, 7)),
    RobustScaler(),
]
TREES = HistGradientBoostingRegressor(max_iter=5, min_samples_leaf=2, max_leaf_nodes=7)


def near(x: Any, scaled: Any, thresholds: Any, seed: int) -> Any:
    """Rows at and about where the scaler gives a threshold: the nearest of many
    doubles between the neighbours among the rows."""
    rng = np.random.default_rng(seed)
    rows = rng.choice(x, 300)
    for column in range(x.shape[1]):
        order = np.argsort(x[:, column])
        known, image = x[order, column], scaled[order, column]
        wanted = rng.choice(thresholds, 300)
        at = np.interp(wanted, image, known)
        for _ in range(3):  # the steps of the scaler are straight lines
            at = np.nextafter(at, rng.choice([-np.inf, np.inf], 300))
        rows[:, column] = at
    return rows


@pytest.mark.parametrize("scaler", SCALERS, ids=repr)
@examples(15, shrinks=False)
@given(st.integers(0, 2**32), st.booleans())
def test_thresholds_move_through_a_scaler(scaler: Any, seed: int, missing: bool) -> None:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(80, 3)) * 10.0 ** rng.integers(-9, 9, 3) + rng.choice([0, 1e3, -1e-3], 3)
    y = rng.normal(size=80)
    if missing:
        x[rng.random(x.shape) < 0.1] = np.nan
    est = make_pipeline(clone(scaler), clone(TREES)).fit(x, y)
    fast = assert_native(est)
    final = fast._model.print("all")
    assert "scale(" not in final
    assert "affine(" not in final
    nodes = [p.nodes for (p,) in est[-1]._predictors]
    bounds = np.concatenate([n["num_threshold"][n["is_leaf"] == 0] for n in nodes])
    full = x[~np.isnan(x).any(axis=1)]
    rows = near(full, est[0].transform(full), bounds, seed)
    odd = rng.choice([0.0, -0.0, 5e-324, -5e-324, 1e300, -1e300, np.nan], (40, 3))
    for given_rows in (rows, x, odd):
        np.testing.assert_array_equal(fast.predict(given_rows), est.predict(given_rows))


def test_a_scaler_among_other_columns_moves_too() -> None:
    rng = np.random.default_rng(0)
    x = pd.DataFrame({"word": rng.choice(list("uvw"), 90), "a": rng.normal(size=90), "b": 1.0})
    columns = ColumnTransformer(
        [("word", OrdinalEncoder(), ["word"]), ("numbers", StandardScaler(), ["a", "b"])]
    )
    est = make_pipeline(columns, clone(TREES)).fit(x, rng.normal(size=90))
    fast = assert_native(est)
    assert "scale(" not in fast._model.print("all")
    np.testing.assert_array_equal(fast.predict(x), est.predict(x))


def test_a_folded_scaler_still_refuses_a_sparse_matrix() -> None:
    x = np.random.default_rng(0).normal(size=(60, 2))
    est = make_pipeline(StandardScaler(), clone(TREES)).fit(x, x[:, 0])
    for model in (est, assert_native(est)):
        with pytest.raises(ValueError, match="Cannot center sparse matrices"):
            model.predict(sp.csr_array(x))


def test_a_scaler_that_takes_sparse_rows_stays() -> None:
    x = np.random.default_rng(0).normal(size=(60, 2))
    for scaler in (MaxAbsScaler(), RobustScaler()):
        est = make_pipeline(scaler, RandomForestRegressor(3, random_state=0)).fit(x, x[:, 0])
        fast = build(est)
        assert "scale(" in fast._model.print("all")
        for rows in (x, sp.csr_array(x)):
            assert_same_model(fast, est, rows)


def test_a_scaler_before_trees_that_take_dense_rows_only_moves() -> None:
    x = np.random.default_rng(0).normal(size=(60, 2))
    for scaler in (MaxAbsScaler(), RobustScaler()):
        est = make_pipeline(scaler, clone(TREES)).fit(x, x[:, 0])
        fast = build(est)
        assert "scale(" not in fast._model.print("all")
        assert_same_model(fast, est, x)
        for model in (est, fast):
            with pytest.raises(TypeError, match="Sparse data was passed for X"):
                model.predict(sp.csr_array(x))


def test_infinity_is_refused_as_before() -> None:
    x = np.random.default_rng(0).normal(size=(60, 2))
    est = make_pipeline(StandardScaler(), clone(TREES)).fit(x, x[:, 0])
    x[1, 1] = np.inf
    for model in (est, assert_native(est)):
        with pytest.raises(ValueError, match="Input X contains infinity"):
            quiet(model.predict, x)
