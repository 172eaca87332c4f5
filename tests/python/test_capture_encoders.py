"""LabelEncoder, clusters and generalised linear models in functions, against scikit-learn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import willump
from capture_checks import quiet
from capture_frames import outcome
from sklearn.cluster import KMeans
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import GammaRegressor, PoissonRegressor, TweedieRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import LabelEncoder, StandardScaler

rng = np.random.default_rng(0)
X = pd.DataFrame(
    {
        "k": pd.Series(rng.choice(list("abc"), 200), dtype="str"),
        "o": pd.Series(rng.choice(list("abc"), 200), dtype=object),
        "n": rng.integers(3, 6, 200),
        "x": rng.normal(size=200),
        "y": rng.normal(size=200),
    }
)
XY = X[["x", "y"]]
ENCODERS = {name: LabelEncoder().fit(X[name]) for name in ("k", "o", "n")}


def encoded(f: Any) -> Any:
    g = pd.DataFrame(index=f.index)
    for name, encoder in ENCODERS.items():
        g[name] = encoder.transform(f[name])
    return g


FOREST = RandomForestClassifier(5, random_state=0).fit(encoded(X), X["x"] > 0)
CLUSTERS = KMeans(3, n_init=1, random_state=0).fit(XY)
COUNTS = rng.poisson(2, 200)
POISSON = PoissonRegressor().fit(XY, COUNTS)
GAMMA = GammaRegressor().fit(XY, rng.gamma(2, size=200))
NORMAL = TweedieRegressor(power=0).fit(XY, X["x"])
TWEEDIE = make_pipeline(StandardScaler(), TweedieRegressor(power=1.5)).fit(XY, COUNTS)

FUNCTIONS: list[tuple[Callable[[Any], Any], bool]] = [
    (lambda f: FOREST.predict_proba(encoded(f))[:, 1], True),
    (lambda f: encoded(f)["k"] * 2 + encoded(f)["n"], True),
    (lambda f: ENCODERS["k"].transform(f["k"].fillna("a")) * 1.0, True),
    (lambda f: POISSON.predict(f[["x", "y"]]), True),
    (lambda f: GAMMA.predict(f[["x", "y"]]) + NORMAL.predict(f[["x", "y"]]), True),
    (lambda f: TWEEDIE.predict(f[["x", "y"]]), True),
    (lambda f: CLUSTERS.predict(f[["x", "y"]]), False),
    (lambda f: np.where(CLUSTERS.predict(f[["x", "y"]]) == 1, "gold", "other"), False),
]


@pytest.mark.parametrize("number", range(len(FUNCTIONS)))
def test_answers_are_scikit_learns(number: int) -> None:
    function, is_native = FUNCTIONS[number]
    fast = quiet(willump.compile, function, sample=X)
    assert is_native == (not fast._steps), fast._reasons
    frames = [X, X[:1], X[5:9].reset_index(drop=True)]
    frames += [X[:3].assign(k=["a", "zz", "b"]), X[:3].assign(k=["a", None, "b"])]
    frames += [X[:3].assign(n=[3, 99, 4]), X[:3].assign(x=[0.0, np.nan, 1.0])]
    for frame in frames:
        expected, found = outcome(function, frame), outcome(fast, frame)
        assert type(found) is type(expected)
        if not isinstance(expected, Exception):
            assert found.dtype == expected.dtype
            if np.asarray(expected).dtype.kind == "f":
                np.testing.assert_allclose(found, expected, rtol=1e-12)
            else:
                np.testing.assert_array_equal(found, expected)
