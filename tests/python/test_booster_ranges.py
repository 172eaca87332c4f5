"""Ranges of iterations, options and rows that boosters refuse: as the libraries do."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import willump

lgb = pytest.importorskip("lightgbm")
xgb = pytest.importorskip("xgboost")

N_ROUNDS = 4
RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 3))
Y = (X[:, 0] + X[:, 1] > 0).astype(int)
THREE = np.digitize(X[:, 0], [-0.5, 0.5])


def outcome(call: Callable[..., Any], *args: Any, **options: Any) -> Any:
    try:
        return call(*args, **options)
    except Exception as error:
        return error


def assert_same(got: Any, want: Any, option: str = "") -> None:
    """The same values, or an error of the same type (XGBoost's own is a ValueError), or one
    that is ours and names the option."""
    if isinstance(want, Exception):
        assert isinstance(got, Exception), f"{got} instead of {want!r}"
        is_named = isinstance(got, (ValueError, willump.UnsupportedError)) and option in str(got)
        assert isinstance(want, type(got)) or (option and is_named), f"{got!r}, not {want!r}"
        return
    if isinstance(got, willump.UnsupportedError) and option and option in str(got):
        return
    if isinstance(got, Exception):
        raise AssertionError(f"an error instead of {want}") from got
    assert (got.dtype, got.shape) == (want.dtype, want.shape)
    np.testing.assert_allclose(got, want, 2e-6, 2e-6)


# ---- XGBoost -------------------------------------------------------------------

XGBOOSTS: dict[str, tuple[dict[str, Any], Any]] = {
    "binary": ({"objective": "binary:logistic"}, Y),
    "dart": ({"objective": "binary:logistic", "booster": "dart", "rate_drop": 0.5}, Y),
    "three": ({"objective": "multi:softprob", "num_class": 3}, THREE),
    "poisson": ({"objective": "count:poisson"}, Y + 1),
    "forests": ({"num_parallel_tree": 3, "subsample": 0.5}, X[:, 2]),
    "two targets": ({"multi_strategy": "multi_output_tree"}, X[:, :2]),
}


@pytest.fixture(scope="module", params=XGBOOSTS)
def xgboosts(request: Any) -> Any:
    params, y = XGBOOSTS[request.param]
    booster = xgb.train({**params, "nthread": 1}, xgb.DMatrix(X, y), N_ROUNDS)
    return booster, willump.compile(booster, strict=True)


@pytest.mark.parametrize("options", [{}, {"output_margin": True}, {"pred_leaf": True}], ids=repr)
def test_xgboost_s_ranges_are_its_own(xgboosts: Any, options: Any) -> None:
    booster, fast = xgboosts
    for asked in itertools.product(range(N_ROUNDS + 1), range(N_ROUNDS + 3)):
        want = outcome(booster.predict, xgb.DMatrix(X[:9]), iteration_range=asked, **options)
        assert_same(outcome(fast.predict, X[:9], iteration_range=asked, **options), want)
    # It reads memory that is not its own.
    for asked in ((N_ROUNDS + 1, 0), (10**10, 0), (0, 10**10), (-1, 2), (0, -1), (-1, 0)):
        with pytest.raises(ValueError, match="range"):
            fast.predict(X[:9], iteration_range=asked, **options)


@pytest.mark.parametrize(
    "asked",
    [None, 3, "ab", "13", (1,), (), [1, 3], (1, 3, 5), (1.5, 3.2), ("1", "3"), (None, None),
     (True, True), np.array([1, 3]), {0: 1, 1: 3}, (np.int8(1), np.nan)],
    ids=repr,
)  # fmt: skip
def test_xgboost_s_ranges_are_any_pair(xgboosts: Any, asked: Any) -> None:
    booster, fast = xgboosts
    want = outcome(booster.predict, xgb.DMatrix(X[:9]), iteration_range=asked)
    assert_same(outcome(fast.predict, X[:9], iteration_range=asked), want)


@pytest.mark.parametrize(
    "options",
    [{"output_margin": True, "pred_leaf": True}, {"num_iteration": 2}, {"start_iteration": 1}],
    ids=repr,
)
def test_xgboost_refuses_options_that_do_not_go(xgboosts: Any, options: Any) -> None:
    booster, fast = xgboosts
    want = outcome(booster.predict, xgb.DMatrix(X[:9]), **options)
    assert isinstance(want, Exception)
    assert_same(outcome(fast.predict, X[:9], **options), want)


def test_a_loaded_xgboost_knows_its_rounds(xgboosts: Any) -> None:
    booster, fast = xgboosts
    loaded = willump.from_bytes(fast.to_bytes())
    for asked in ((0, 0), (0, N_ROUNDS), (0, 1), (2, 3), (1, 0), (2, 2), (N_ROUNDS, 0)):
        for options in ({}, {"output_margin": True}, {"pred_leaf": True}):
            want = outcome(booster.predict, xgb.DMatrix(X), iteration_range=asked, **options)
            assert_same(outcome(loaded.predict, X, iteration_range=asked, **options), want)
    with pytest.raises(ValueError, match="Out of range"):
        loaded.predict(X, iteration_range=(0, N_ROUNDS + 1))


CONTAINERS: dict[str, Callable[[Any], Any]] = {
    "rows": np.ascontiguousarray,
    "columns": np.asfortranarray,
    "floats": lambda x: x.astype(np.float32),
    "frame": pd.DataFrame,
    "frame of floats": lambda x: pd.DataFrame(x.astype(np.float32)),
    "nullable": lambda x: pd.DataFrame(x).astype("Float64"),
    "two dtypes": lambda x: pd.DataFrame(x).astype({0: np.float32}),
    "csr": sp.csr_matrix,
    "csr of floats": lambda x: sp.csr_matrix(x.astype(np.float32)),
    "list": lambda x: x.tolist(),
}
#: 2^128 less half an ulp of float32 is the first double that it rounds to infinity.
LARGE = [np.inf, -np.inf, 1e300, 2.0**128 - 2.0**103, np.nextafter(2.0**128 - 2.0**103, 0.0), 3e38]


@pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning")
@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("value", LARGE, ids=repr)
def test_xgboost_refuses_what_a_dmatrix_refuses(container: str, value: float) -> None:
    booster = xgb.train({"nthread": 1}, xgb.DMatrix(X, Y), N_ROUNDS)
    fast = willump.compile(booster, strict=True)
    estimator = xgb.XGBClassifier(n_estimators=N_ROUNDS, n_jobs=1).fit(X, Y)
    compiled = willump.compile(estimator, strict=True)
    x = X[:30].copy()
    x[17, 1], x[3, 2] = value, np.nan
    given = CONTAINERS[container](x)
    for options in ({}, {"output_margin": True}, {"pred_leaf": True}):
        matrix = outcome(xgb.DMatrix, given)
        is_refused = isinstance(matrix, Exception)
        want = matrix if is_refused else booster.predict(matrix, validate_features=False, **options)
        got = outcome(fast.predict, given, **options)
        assert_same(got, want)
        if is_refused:
            assert "Input data contains `inf` or a value too large" in str(got)
            assert "feature 1" in str(got)
    assert_same(compiled.predict_proba(given), estimator.predict_proba(given))


def test_xgboost_s_refusal_of_infinity_is_in_the_artifact() -> None:
    booster = xgb.train({"nthread": 1}, xgb.DMatrix(X, Y), N_ROUNDS)
    loaded = willump.from_bytes(willump.compile(booster).to_bytes())
    with pytest.raises(ValueError, match="`inf`"):
        loaded.predict(np.array([[0.0, np.inf, 0.0]]))


# ---- LightGBM ------------------------------------------------------------------

LIGHTGBMS: dict[str, tuple[dict[str, Any], Any]] = {
    "binary": ({"objective": "binary"}, Y),
    "three": ({"objective": "multiclass", "num_class": 3}, THREE),
    "linear": ({"linear_tree": True}, X[:, 2]),
    **{
        f"rf {name}": (
            {"boosting": "rf", "bagging_fraction": 0.5, "bagging_freq": 1, **params},
            y,
        )
        for name, params, y in (
            ("binary", {"objective": "binary"}, Y),
            ("three", {"objective": "multiclass", "num_class": 3}, THREE),
            ("regression", {}, X[:, 2]),
        )
    },
}


@pytest.fixture(scope="module", params=LIGHTGBMS)
def lightgbms(request: Any) -> Any:
    params, y = LIGHTGBMS[request.param]
    booster = lgb.train({**params, "verbose": -1, "num_threads": 1}, lgb.Dataset(X, y), N_ROUNDS)
    return booster, willump.compile(booster, strict=True)


@pytest.mark.parametrize("options", [{}, {"raw_score": True}, {"pred_leaf": True}], ids=repr)
def test_lightgbm_s_ranges_are_its_own(lightgbms: Any, options: Any) -> None:
    booster, fast = lightgbms
    starts, numbers = (-2, 0, 1, N_ROUNDS - 1, N_ROUNDS, N_ROUNDS + 3), (None, -1, 0, 1, 2, 9)
    for start, number in itertools.product(starts, numbers):
        asked = {"start_iteration": start, "num_iteration": number, **options}
        want = outcome(booster.predict, X[:9], **asked)
        assert_same(outcome(fast.predict, X[:9], **asked), want)


@pytest.mark.parametrize(
    "options",
    [
        {"start_iteration": 1.5}, {"start_iteration": None}, {"start_iteration": "1"},
        {"num_iteration": 2.0}, {"num_iteration": "3"}, {"num_iteration": [2]},
        {"num_iteration": True}, {"num_iteration": np.int64(2)}, {"num_iteration": 2**40},
        {"start_iteration": 2**31}, {"raw_score": "yes"}, {"raw_score": None},
        {"raw_score": True, "pred_leaf": True}, {"pred_leaf": 1}, {"pred_contrib": True},
        {"raw_score": np.array([1, 2])}, {"iteration_range": (0, 2)}, {"of_nobody": 3},
        {"num_threads": 1}, {"pred_early_stop": True}, {"predict_disable_shape_check": True},
    ],
    ids=repr,
)  # fmt: skip
def test_lightgbm_s_options_are_taken_or_refused_by_name(lightgbms: Any, options: Any) -> None:
    booster, fast = lightgbms
    want = outcome(booster.predict, X[:9], **options)
    assert_same(outcome(fast.predict, X[:9], **options), want, next(iter(options)))
