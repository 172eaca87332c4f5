"""float32 matrices: results have the original's dtype, within float32 rounding."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp
import willump
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge, SGDClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    RobustScaler,
    StandardScaler,
)
from sklearn.tree import DecisionTreeClassifier

MODELS = {
    "logistic": LogisticRegression(),
    "multinomial": LogisticRegression(),
    "sgd": SGDClassifier(random_state=0),
    "linear": LinearRegression(),
    "scaled": make_pipeline(StandardScaler(), LogisticRegression()),
    "scaler": StandardScaler(),
    "normalizer": make_pipeline(MaxAbsScaler(), Normalizer()),
}
METHODS = ("predict", "predict_proba", "predict_log_proba", "decision_function", "transform")


def data(name: str, dtype: str) -> tuple[Any, Any]:
    rng = np.random.RandomState(0)
    X = rng.randn(80, 4).astype(dtype)
    y = X[:, 0] > 0 if name != "multinomial" else rng.randint(0, 3, 80)
    return X, y.astype(int)


def containers(X: Any) -> dict[str, Any]:
    return {
        "array": X,
        "fortran": np.asfortranarray(X),
        "frame": pd.DataFrame(X),
        "sparse": sp.csr_matrix(X),
    }


@pytest.mark.parametrize("fitted_on", ["f4", "f8"])
@pytest.mark.parametrize("name", MODELS)
def test_dtypes_of_results_are_the_originals(name: str, fitted_on: str) -> None:
    X, y = data(name, fitted_on)
    model = MODELS[name].fit(X, y)
    fast = willump.compile(model)
    for again in (fast, pickle.loads(pickle.dumps(fast))):
        for dtype in ("f4", "f8"):
            for kind, given in containers(data(name, dtype)[0]).items():
                for method in METHODS:
                    if not hasattr(model, method):
                        continue
                    try:
                        expected = getattr(model, method)(given)
                    except (TypeError, ValueError):
                        continue  # a scaler that centres takes no sparse matrix
                    result = getattr(again, method)(given)
                    assert result.dtype == expected.dtype, (kind, method)
                    # The original's own rounding, in logarithms of small numbers most.
                    tolerance = 1e-4 if dtype == "f4" else 1e-9
                    if sp.issparse(expected):
                        expected, result = expected.toarray(), result.toarray()
                    np.testing.assert_allclose(result, expected, tolerance, tolerance)


DTYPED = {
    "scaler": StandardScaler(),
    "range": MinMaxScaler(),
    "largest": MaxAbsScaler(),
    "normalizer": Normalizer(),
    "logistic": LogisticRegression(),
    "ridge": Ridge(),
    "scaled": make_pipeline(StandardScaler(), LogisticRegression()),
    "tree": DecisionTreeClassifier(random_state=0),
}


def numbers() -> tuple[Any, Any]:
    X = np.random.default_rng(0).normal(size=(80, 3)) * [1, 1000, 1] + [100, 0, 0]
    return X, (X[:, 0] > 100).astype(int)


def answers(model: Any, given: Any) -> dict[str, Any]:
    return {name: getattr(model, name)(given) for name in METHODS if hasattr(model, name)}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", [name for name in DTYPED if name != "scaled"])
def test_float32_of_other_libraries_and_orders_is_what_it_is_to_the_original(name: str) -> None:
    X, y = numbers()
    model = DTYPED[name].fit(X, y)
    fast = pickle.loads(pickle.dumps(willump.compile(model)))
    single = X[:9].astype("f4")
    columns = {name: single[:, i] for i, name in enumerate("abc")}
    for given in (
        single.astype(">f4"),
        pl.DataFrame(columns),
        pd.DataFrame(columns),
        single.astype("f8").astype(">f8"),
    ):
        expected, result = answers(model, given), answers(fast, given)
        for method, values in expected.items():
            assert result[method].dtype == values.dtype, (type(given), method)
            tolerance = 2e-5 if values.dtype == np.float32 else 1e-9
            np.testing.assert_allclose(result[method], values, tolerance, tolerance)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", DTYPED)
def test_float16_is_refused_where_the_original_computes_in_it(name: str) -> None:
    X, y = numbers()
    model = DTYPED[name].fit(X, y)
    fast = willump.compile(model)
    half = (X[:9] / 10).astype(np.float16)
    if name in ("logistic", "ridge", "tree"):
        for method, values in answers(model, half).items():
            result = getattr(fast, method)(half)
            assert result.dtype == values.dtype
            np.testing.assert_allclose(result, values, 1e-9, 1e-12)
        return
    for given in (half, pd.DataFrame(half), np.asfortranarray(half)):
        with pytest.raises(TypeError, match=r"float16 is not supported.*astype"):
            answers(fast, given)


@pytest.mark.parametrize(
    "step", [StandardScaler(), MinMaxScaler(), MaxAbsScaler(), RobustScaler(), SimpleImputer()]
)
@pytest.mark.parametrize(
    "model",
    [
        DecisionTreeClassifier(random_state=0),
        HistGradientBoostingClassifier(max_iter=2),
        LogisticRegression(),
    ],
)
def test_float16_is_refused_by_what_is_behind_a_scaler(step: Any, model: Any) -> None:
    X, y = numbers()
    blocks = [("a", step, [0]), ("rest", step, [2, 1])]
    half = (X[:9] / 10).astype(np.float16)
    for first in (step, ColumnTransformer(blocks)):
        fast = willump.compile(make_pipeline(first, model).fit(X, y))
        for again in (fast, pickle.loads(pickle.dumps(fast))):
            with pytest.raises(TypeError, match=r"float16 is not supported.*astype"):
                again.predict(half)


@pytest.mark.parametrize("name", ["scaler", "range", "normalizer"])
def test_verify_knows_the_rounding_of_float32_terms(name: str) -> None:
    X, y = numbers()
    model = DTYPED[name].fit(X, y)
    fast = willump.compile(model)
    single = X.astype(np.float32)
    assert fast.verify(single).ok
    assert fast.verify(pd.DataFrame(single)).ok
    assert fast.verify(X).ok


def test_verify_still_sees_float32_that_is_wrong() -> None:
    from willump._report import compare

    X = numbers()[0].astype(np.float32)
    model = StandardScaler().fit(X)
    expected, double = model.transform(X), model.transform(X.astype(np.float64))
    assert not compare(expected, expected + np.float32(1e-3), double).ok
