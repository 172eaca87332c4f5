"""NumPy's functions as it computes them: where there is no operator, and where what reads the
answer has steps (trees, thresholds, rounding), to the bit."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pandas as pd
import pytest
import willump
from capture_checks import quiet
from capture_frames import outcome
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import KBinsDiscretizer, StandardScaler
from willump.capture.numpy_steps import NumpyStep


def rows(n: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "x": rng.normal(size=n),
            "a": rng.lognormal(3, 1, n),
            "h": rng.integers(0, 24, n),
            "f": rng.lognormal(size=n).astype(np.float32),
            "d": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 9999, n), unit="h"),
        }
    )


X = rows(300, 0)


def features(f: Any) -> Any:
    g = pd.DataFrame(index=f.index)
    g["log"] = np.log1p(f["a"])
    g["sin"] = np.sin(2 * np.pi * f["h"] / 24)
    g["cos"] = np.cos(2 * np.pi * f["d"].dt.hour / 24)
    g["root"] = f["a"] ** 0.5
    g["decay"] = 0.99 ** f["h"]
    g["ratio"] = np.log(f["a"]) / np.log(10)
    g["x"] = f["x"]
    return g


FEATURES = features(X)
Y = (FEATURES["log"] + FEATURES["sin"] + FEATURES["x"] > 3).astype(int)
FOREST = RandomForestClassifier(8, random_state=0).fit(FEATURES, Y)
LIGHT = lightgbm.LGBMClassifier(n_estimators=8, verbose=-1).fit(FEATURES, Y)
LINEAR = LogisticRegression().fit(FEATURES, Y)
SCALED = make_pipeline(StandardScaler(), RandomForestClassifier(4, random_state=0))
SCALED.fit(FEATURES, Y)
ARRAYS = RandomForestClassifier(4, random_state=0).fit(FEATURES[["log", "x"]].to_numpy(), Y)
BINS = KBinsDiscretizer(4, encode="ordinal").fit(FEATURES[["log"]])


def by_row(f: Any) -> Any:
    f = f.copy()
    f["l"] = np.log1p(f["a"])
    return f.apply(lambda r: 1.0 if r["l"] > 3 else 0.5, axis=1)


#: Functions that are native but for NumPy's own functions.
TREES: list[Callable[[Any], Any]] = [
    lambda f: FOREST.predict_proba(features(f))[:, 1],
    lambda f: FOREST.predict(features(f)),
    lambda f: LIGHT.predict_proba(features(f)),
    lambda f: SCALED.predict_proba(features(f))[:, 1],
    lambda f: ARRAYS.predict_proba(np.log1p(np.column_stack([f["a"], f["h"]])))[:, 1],
    lambda f: BINS.transform(features(f)[["log"]])[:, 0],
    lambda f: (np.log1p(f["a"]) > 3) * 1.0,
    lambda f: np.where(np.log(f["a"]) > np.log(20), 1.0, np.sin(f["x"])),
    lambda f: np.round(1 / (1 + np.exp(-f["x"])), 3),
    lambda f: np.floor(np.log2(f["a"])),
    lambda f: (np.log10(f["a"]) * 10).astype(int),
    lambda f: pd.cut(np.log1p(f["a"]), [0, 2, 3, 99], labels=[0, 1, 2]).astype(float),
    lambda f: np.log1p(f["f"]) > 1,
    lambda f: np.log1p(f["a"].to_numpy())[:, None][:, 0] // 0.7,
    lambda f: np.expm1(np.log1p(f["a"])).between(5, 20) * 1.0,
    by_row,
]
OWN: list[Callable[[Any], Any]] = [
    lambda f: np.hypot(f["x"], f["a"]) + np.arctan2(f["x"], 2.0) + np.power(f["a"], 1.3),
    lambda f: np.minimum(f["a"] / 40, 1) ** -1.2,
    lambda f: f["a"] ** f["x"],
    lambda f: f["a"] ** 3 + f["a"] ** 1.5,
    lambda f: 2.0 ** f["x"] + 0.9938 ** f["h"],
    lambda f: f["a"].to_numpy() ** 0.5 + f["a"].to_numpy() ** 0.25,
    lambda f: np.power(2.0, f["x"].to_numpy()),
    lambda f: np.tanh(f["f"]) + np.cbrt(f["f"]),
    lambda f: np.sin(np.log(f["a"])) > 0.5,
    lambda f: np.sin(f[["x", "h"]]).to_numpy(),
    lambda f: f[["x", "a"]].apply(np.tanh).to_numpy(),
    lambda f: f["x"].apply(np.cos),
    lambda f: (f[["a"]].apply(np.log1p)["a"] > 2) * 1.0,
    lambda f: np.abs(f[["x", "a"]]).apply(np.sqrt).max(axis=1) > 1,
    lambda f: np.deg2rad(f["x"]) + np.arcsin(np.clip(f["x"], -1, 1)) + np.degrees(f["x"]),
]


def check(function: Any, fast: Any, frame: pd.DataFrame) -> None:
    expected, found = outcome(function, frame), outcome(fast, frame)
    if isinstance(expected, Exception):
        assert isinstance(found, Exception)
        return
    assert not isinstance(found, Exception), found
    assert type(found) is type(expected)
    np.testing.assert_array_equal(np.asarray(found), np.asarray(expected))


@pytest.mark.parametrize("number", range(len(TREES) + len(OWN)))
def test_own_functions(number: int, tmp_path: Path) -> None:
    function = [*TREES, *OWN][number]
    fast = quiet(willump.compile, function, sample=X)
    assert all(isinstance(step, NumpyStep) for step in fast._steps), fast._reasons
    fast.save(tmp_path / "f.willump")
    models = [fast, willump.load(tmp_path / "f.willump", allow_python=["numpy", "pandas"])]
    if fast._steps:
        with pytest.raises(willump.ArtifactError, match="allow_python"):
            willump.load(tmp_path / "f.willump")
    for model in models:
        for frame in (X, rows(40, 1), rows(1, 2), X[:0], X.assign(a=-X["a"], x=np.nan)):
            check(function, model, frame)


def test_linear_models_stay_native() -> None:
    """What is within rounding for a model without steps is the graph's own."""
    columns = ["log", "ratio", "x"]
    linear = LogisticRegression().fit(FEATURES[columns], Y)

    def function(f: Any) -> Any:
        g = f[["x"]].copy()
        g["log"], g["ratio"] = np.log1p(f["a"]), np.log(f["a"]) / np.log(10)
        return linear.predict_proba(g[columns])[:, 1]

    fast = quiet(willump.compile, function, sample=X)
    assert not fast._steps, fast._reasons
    np.testing.assert_allclose(fast(X), function(X), rtol=1e-12)


def with_own_and_others(f: Any) -> Any:
    """Python's logarithm of one number, and NumPy's of arrays, are not one to the bit."""
    f = f.copy()
    f["one"] = f.apply(lambda r: math.log(r["a"]), axis=1)
    f["all"] = np.log(f["a"])
    return (f["one"] > 3) * 2.0 + (f["all"] > 3) + LINEAR.predict_proba(features(f))[:, 1]


def test_logarithms_of_rows() -> None:
    fast = quiet(willump.compile, with_own_and_others, sample=X)
    found, expected = quiet(fast, X), with_own_and_others(X)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


NUMBERS = st.floats(allow_nan=True, allow_infinity=True, width=64)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=40))
def test_any_numbers(numbers: list[tuple[float, float]]) -> None:
    frame = X.iloc[: len(numbers)].copy()
    frame["x"], frame["a"] = [list(each) for each in zip(*numbers, strict=True)]
    for function, fast in RANDOM:
        check(function, fast, frame)


RANDOM = [
    (function, quiet(willump.compile, function, sample=X))
    for function in (OWN[1], OWN[2], OWN[3], OWN[4], OWN[5], TREES[6], TREES[9])
]
