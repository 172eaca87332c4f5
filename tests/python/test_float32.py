"""float32 matrices: results have the original's dtype, within float32 rounding."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import willump
from sklearn.linear_model import LinearRegression, LogisticRegression, SGDClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, Normalizer, StandardScaler

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
