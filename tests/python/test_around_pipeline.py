"""Models around a whole Pipeline: its steps before the last compile, and its answers stay."""

from __future__ import annotations

import pickle
import warnings
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import willump
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import FixedThresholdClassifier, TunedThresholdClassifierCV
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

WORDS = [f"w{i}" for i in range(60)]


def rows(n: int, seed: int) -> tuple[pd.DataFrame, Any]:
    rng = np.random.default_rng(seed)
    X = pd.DataFrame({
        "a": rng.normal(size=n),
        "b": rng.normal(size=n),
        "city": rng.choice(["x", "y", "z"], n),
        "text": [" ".join(rng.choice(WORDS, 12)) for _ in range(n)],
    })  # fmt: skip
    y = 2 * X["a"] + X["b"] * (X["city"] == "x") + X["text"].str.contains("w7 ").to_numpy()
    X.loc[rng.random(n) < 0.1, "b"] = np.nan
    return X, y.to_numpy() + rng.normal(size=n) / 4


def features(*, texts: bool = True, frames: bool = False) -> ColumnTransformer:
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    parts: list[Any] = [
        ("numbers", numbers, ["a", "b"]),
        ("city", OneHotEncoder(handle_unknown="ignore", sparse_output=not frames), ["city"]),
    ]
    parts += [("text", TfidfVectorizer(analyzer="char", ngram_range=(2, 3)), "text")] * texts
    found = ColumnTransformer(parts, sparse_threshold=1.0 if texts else 0.0)
    return found.set_output(transform="pandas") if frames else found


AROUND: dict[str, Any] = {
    "fixed": FixedThresholdClassifier(
        make_pipeline(features(), LogisticRegression()), threshold=0.3
    ),
    "fixed-decision": FixedThresholdClassifier(
        make_pipeline(features(), LogisticRegression()),
        threshold=-0.2,
        response_method="decision_function",
        pos_label=False,
    ),
    "fixed-frames": FixedThresholdClassifier(
        make_pipeline(features(texts=False, frames=True), RandomForestClassifier(9)), threshold=0.6
    ),
    "fixed-bayes": FixedThresholdClassifier(
        make_pipeline(features(texts=False), GaussianNB()), threshold=0.2
    ),
    "tuned": TunedThresholdClassifierCV(make_pipeline(features(), LogisticRegression()), cv=2),
    "target": TransformedTargetRegressor(
        make_pipeline(features(), Ridge()), func=np.arcsinh, inverse_func=np.sinh
    ),
    "target-scaled": TransformedTargetRegressor(
        make_pipeline(features(texts=False, frames=True), RandomForestRegressor(9)),
        transformer=StandardScaler(),
    ),
    "within": make_pipeline(
        features(texts=False), TransformedTargetRegressor(make_pipeline(StandardScaler(), Ridge()))
    ),
}


def forms(X: pd.DataFrame) -> dict[str, Any]:
    return {
        "frame": X,
        "columns turned": X[X.columns[::-1]],
        "other index": X.set_index(np.arange(len(X)) * 3 + 1),
        "polars": pl.from_pandas(X),
        "a column more": X.assign(more=1),
        "a column less": X.drop(columns="a"),
        "unknown category": X.assign(city="other"),
        "float32": X.assign(a=X["a"].astype("float32")),
        "infinite": X.assign(a=np.inf),
        "array": X.to_numpy(object),
        "a row": X[:1],
        "no row": X[:0],
    }


def answer(model: Any, method: str, X: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return np.asarray(getattr(model, method)(X))
        except Exception as error:
            return error


@pytest.mark.filterwarnings("ignore::willump.PythonStepWarning")
@pytest.mark.parametrize("name", AROUND)
def test_answers_are_the_originals(name: str) -> None:
    X, y = rows(300, 0)
    is_classifier = hasattr(AROUND[name], "classes_") or "fixed" in name or name == "tuned"
    model = AROUND[name].fit(X, y > 0 if is_classifier else y)
    fast = willump.compile(model)
    assert len(fast._model.inputs) > 1  # the columns, not X as a whole
    assert fast.verify(X).ok
    np.testing.assert_array_equal(fast.feature_names_in_, model.feature_names_in_)
    loaded = pickle.loads(pickle.dumps(fast))
    for form, given in forms(rows(60, 1)[0]).items():
        for method in ("predict", "predict_proba", "decision_function"):
            assert hasattr(fast, method) == hasattr(model, method)
            if not hasattr(model, method):
                continue
            expected = answer(model, method, given)
            for each in (fast, loaded):
                found = answer(each, method, given)
                if isinstance(expected, Exception):
                    assert isinstance(found, Exception), (form, method, found)
                    continue
                assert (found.shape, found.dtype) == (expected.shape, expected.dtype), form
                if expected.dtype.kind == "f":
                    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
                else:
                    np.testing.assert_array_equal(found, expected)


@pytest.mark.filterwarnings("ignore::willump.PythonStepWarning")
@pytest.mark.parametrize("name", ["fixed", "tuned", "target"])
def test_a_cascade_leaves_blocks_out(name: str) -> None:
    X, y = rows(900, 2)
    is_classifier = name != "target"
    model = AROUND[name].fit(X, y > 0 if is_classifier else y)
    fast = willump.optimize(
        model, X, X_cal=rows(600, 3)[0], strict=False, costs={"numbers": 1, "city": 1, "text": 50},
        target=willump.Agreement(0.8) if is_classifier else willump.Tolerance(abs=3.0, share=0.8),
    )  # fmt: skip
    assert "text" not in fast.metadata["certificate"]["blocks"]
    later = rows(2_000, 4)[0]
    found, expected = fast.predict(later), model.predict(later)
    held = found == expected if is_classifier else np.abs(found - expected) <= 3.0
    assert np.mean(held) > 0.75
