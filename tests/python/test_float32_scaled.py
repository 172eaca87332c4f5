"""float32 numbers through scalers into models that compute in float64: rounded where
the original rounds them, and only there."""

from __future__ import annotations

from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import willump
from harness import assert_same_matrix, examples, quiet
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import (
    Binarizer,
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    RobustScaler,
    StandardScaler,
)
from tree_models import assert_native

#: All but Normalizer, whose float32 sum is in an order of NumPy's own.
SCALERS: list[Any] = [
    StandardScaler(),
    StandardScaler(with_mean=False),
    StandardScaler(with_std=False),
    MaxAbsScaler(),
    MinMaxScaler((-0.1, 0.7), clip=True),
    RobustScaler(),
    SimpleImputer(),
    Binarizer(threshold=0.1),
    FunctionTransformer(np.square),
    make_pipeline(SimpleImputer(), StandardScaler(), MinMaxScaler()),
    FeatureUnion([("one", StandardScaler()), ("two", MaxAbsScaler())]),
]
MODELS: list[Any] = [
    LogisticRegression(),
    Ridge(),
    RandomForestClassifier(4, random_state=0),
    GradientBoostingClassifier(n_estimators=3, random_state=0),
    HistGradientBoostingClassifier(max_iter=3),
    lgb.LGBMClassifier(n_estimators=3, min_child_samples=2, verbose=-1, n_jobs=1),
]
SIZES = np.array([1.0, 10.0, 1000.0, 1e-3])


def numbers(seed: int, n: int, dtype: Any = np.float32) -> Any:
    """Few distinct values of some columns, so that thresholds lie on and beside them."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 4)) * SIZES + [5, 0, 3, 1]
    x[:, 0] = rng.choice([0.1, 0.3, 1 / 3, 7.7, -0.1], n)
    return x.astype(dtype)


def assert_exact(compiled: Any, original: Any, x: Any) -> None:
    for method in ("predict_proba", "decision_function", "predict"):
        if not hasattr(original, method):
            continue
        want = np.asarray(quiet(getattr(original, method), x))
        got = np.asarray(quiet(getattr(compiled, method), x))
        assert got.dtype == want.dtype
        if want.dtype == np.float64:
            np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-12)
        else:
            np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("scaler", SCALERS, ids=repr)
@examples(8, shrinks=False)
@given(st.integers(0, 2**32))
def test_scaled_float32_has_the_originals_bits(scaler: Any, seed: int) -> None:
    est = clone(scaler).fit(numbers(seed, 40, np.float64))
    fast = assert_native(est)
    for x in (numbers(seed + 1, 60), np.asfortranarray(numbers(seed + 2, 3))):
        assert_same_matrix(quiet(fast.transform, x), quiet(est.transform, x), bits=True)


@pytest.mark.parametrize("model", MODELS, ids=lambda m: type(m).__name__)
@pytest.mark.parametrize("scaler", SCALERS, ids=repr)
@examples(2, shrinks=False)
@given(st.integers(0, 2**32))
def test_models_over_scaled_float32_are_exact(scaler: Any, model: Any, seed: int) -> None:
    x = numbers(seed, 80, np.float64)
    y = np.random.default_rng(seed).permutation(80) % 2
    est = quiet(make_pipeline(clone(scaler), clone(model)).fit, x, y)
    fast = assert_native(est)
    single, double = numbers(seed + 1, 90), numbers(seed + 1, 90, np.float64)
    again = willump.CompiledModel.from_bytes(fast.to_bytes())
    for compiled in (fast, again):
        assert_exact(compiled, est, single)
        assert_exact(compiled, est, double)
        assert_exact(compiled, est, pd.DataFrame(single).to_numpy()[:1])


@pytest.mark.parametrize("scaler", [StandardScaler(with_mean=False), MaxAbsScaler()], ids=repr)
def test_csr_rows_of_float32_are_exact(scaler: Any) -> None:
    x = numbers(0, 80, np.float64)
    y = np.arange(80) % 2
    x[x < 0] = 0
    rows = numbers(1, 90)
    rows[rows < 0] = 0
    for model in (LogisticRegression(), RandomForestClassifier(4, random_state=0)):
        est = make_pipeline(clone(scaler), model).fit(x, y)
        assert_exact(willump.compile(est), est, sp.csr_matrix(rows))


@examples(15, shrinks=False)
@given(st.integers(0, 2**32))
def test_each_column_of_a_frame_is_rounded_as_its_own_dtype_says(seed: int) -> None:
    rng = np.random.default_rng(seed)

    def frame(seed: int, kinds: Any) -> Any:
        x = numbers(seed, 70, np.float64)
        columns = {name: x[:, i].astype(kinds[i]) for i, name in enumerate("abcd")}
        return pd.DataFrame({**columns, "city": np.array(list("xyz") * 24)[:70]})

    est = make_pipeline(
        ColumnTransformer(
            [
                ("one", StandardScaler(), ["a"]),
                ("two", MinMaxScaler(), ["b", "c"]),
                ("three", "passthrough", ["d"]),
                ("city", OneHotEncoder(sparse_output=False), ["city"]),
            ]
        ),
        clone(MODELS[int(rng.integers(len(MODELS)))]),
    )
    x = frame(seed, [np.float64] * 4)
    est = quiet(est.fit, x, rng.permutation(70) % 2)
    fast = assert_native(est)
    for i in range(3):
        assert_exact(fast, est, frame(seed + i, rng.choice([np.float32, np.float64], 4)))


@pytest.mark.parametrize("n_threads", [1, 2])
def test_a_row_of_float32_has_the_same_bits_in_any_batch(n_threads: int) -> None:
    x = numbers(0, 80, np.float64)
    est = make_pipeline(StandardScaler(), LogisticRegression()).fit(x, np.arange(80) % 2)
    fast = willump.compile(est, n_threads=n_threads)
    rows = numbers(1, 5000)
    whole = fast.predict_proba(rows)
    np.testing.assert_array_equal(whole[:40], [fast.predict_proba(r[None])[0] for r in rows[:40]])
    np.testing.assert_array_equal(whole, np.concatenate([fast.predict_proba(rows[i : i + 7])
                                                         for i in range(0, 5000, 7)]))  # fmt: skip
    assert fast.verify(rows).ok


def test_float32_in_too_many_places_is_refused() -> None:
    x = pd.DataFrame({name: [0.0, 1.0, 2.0] for name in "abcde"})
    scaled = ColumnTransformer([(name, StandardScaler(), [name]) for name in "abcde"])
    fast = willump.compile(make_pipeline(scaled, Ridge()).fit(x, [0, 1, 2]))
    for i in range(1, 17):
        fast.predict(x.astype({name: "f4" for k, name in enumerate("abcde") if i >> k & 1}))
    with pytest.raises(willump.UnsupportedError, match="same dtypes"):
        fast.predict(x.astype({"a": "f4", "e": "f4"}))
    fast.predict(x)
