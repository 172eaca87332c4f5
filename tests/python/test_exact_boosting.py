"""Gradient and histogram boosting give the bits of scikit-learn's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import willump
from harness import assert_same_model, examples, quiet
from hypothesis import given
from hypothesis import strategies as st
from sklearn import ensemble as en
from sklearn import tree as tr
from sklearn.compose import make_column_transformer
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tree_models import (
    HISTOGRAM,
    SHAPES,
    assert_bits,
    assert_native,
    fitted,
    neighbours,
    table,
    targets,
    with_odd_numbers,
)
from willump import UnsupportedError
from willump.convert import convert_pipeline

pytestmark = pytest.mark.usefixtures("one_thread")

BOOSTED_CLASSIFIERS: list[Any] = [
    en.GradientBoostingClassifier(n_estimators=5),
    en.GradientBoostingClassifier(n_estimators=4, init="zero", subsample=0.7, learning_rate=0.3),
    en.GradientBoostingClassifier(n_estimators=3, init=DummyClassifier(strategy="uniform")),
    en.GradientBoostingClassifier(n_estimators=3, init=DummyClassifier(strategy="most_frequent")),
]
BOOSTED_REGRESSORS: list[Any] = [
    en.GradientBoostingRegressor(n_estimators=6),
    *(
        en.GradientBoostingRegressor(loss=loss, n_estimators=5)
        for loss in ("absolute_error", "huber", "quantile")
    ),
    en.GradientBoostingRegressor(n_estimators=4, init="zero"),
    en.GradientBoostingRegressor(n_estimators=4, init=DummyRegressor(strategy="median")),
]

# ---- gradient boosting -------------------------------------------------------


@pytest.mark.parametrize("model", BOOSTED_CLASSIFIERS, ids=repr)
@examples(15, shrinks=False)
@given(st.integers(0, 2**32), st.sampled_from([2, 2, 3, 4]), st.sampled_from(SHAPES))
def test_boosted_classifiers(model: Any, seed: int, n_classes: int, shape: dict[str, Any]) -> None:
    x = table(seed)
    est = fitted(model, x, targets(seed, len(x), n_classes), seed, shape)
    assert_bits(est, neighbours(est, x, seed), "decision_function")


@examples(15, shrinks=False)
@given(st.integers(0, 2**32), st.sampled_from(["zero", None]))
def test_boosting_with_the_exponential_loss(seed: int, init: Any) -> None:
    x = table(seed)
    model = en.GradientBoostingClassifier(loss="exponential", n_estimators=5, init=init)
    est = fitted(model, x, targets(seed, len(x), 2), seed, {})
    assert_bits(est, neighbours(est, x, seed), "decision_function")


@pytest.mark.parametrize("model", BOOSTED_REGRESSORS, ids=repr)
@examples(15, shrinks=False)
@given(st.integers(0, 2**32), st.sampled_from(SHAPES))
def test_boosted_regressors(model: Any, seed: int, shape: dict[str, Any]) -> None:
    x = table(seed)
    est = fitted(model, x, np.random.default_rng(seed).normal(size=len(x)), seed, shape)
    assert_bits(est, neighbours(est, x, seed))


def test_another_init_is_refused_by_name() -> None:
    x = table(0)
    y = targets(0, len(x), 2)
    est = en.GradientBoostingClassifier(n_estimators=2, init=tr.DecisionTreeClassifier())
    with pytest.raises(UnsupportedError, match="init is a DecisionTreeClassifier"):
        convert_pipeline(quiet(est.fit, x, y), strict=True)
    est = en.GradientBoostingClassifier(n_estimators=2, init=DummyClassifier(strategy="stratified"))
    with pytest.raises(UnsupportedError, match="at random"):
        convert_pipeline(quiet(est.fit, x, y), strict=True)


# ---- histogram boosting ------------------------------------------------------


@examples(40, shrinks=False)
@given(st.integers(0, 2**32), st.sampled_from([2, 2, 3]), st.booleans())
def test_histogram_classifiers(seed: int, n_classes: int, missing: bool) -> None:
    x = table(seed, missing=missing)
    model = en.HistGradientBoostingClassifier(**HISTOGRAM)
    est = fitted(model, x, targets(seed, len(x), n_classes), seed, SHAPES[seed % 4])
    assert_bits(est, with_odd_numbers(x, seed), "decision_function")


@pytest.mark.parametrize(
    "loss", ["squared_error", "absolute_error", "quantile", "gamma", "poisson"]
)
@examples(12, shrinks=False)
@given(st.integers(0, 2**32), st.booleans())
def test_histogram_regressors(loss: str, seed: int, missing: bool) -> None:
    x = table(seed, missing=missing)
    quantile = 0.3 if loss == "quantile" else None
    model = en.HistGradientBoostingRegressor(loss=loss, quantile=quantile, **HISTOGRAM)
    y = np.abs(np.random.default_rng(seed).normal(size=len(x))) + 0.01
    est = fitted(model, x, y, seed, SHAPES[seed % 4])
    rows = with_odd_numbers(x, seed)
    if loss in ("gamma", "poisson"):
        assert_same_model(assert_native(est), est, rows)  # exp is ours
    else:
        assert_bits(est, rows)


@examples(40, shrinks=False)
@given(st.integers(0, 2**32), st.sampled_from([2, 3]), st.booleans())
def test_histogram_boosting_over_categories(seed: int, n_classes: int, missing: bool) -> None:
    rng = np.random.default_rng(seed)
    x = table(seed)
    kinds = rng.choice([0.0, 1.0, 2.5, -3.0, 40.0, 1e9, np.nextafter(1.0, 2.0)], len(x))
    x = np.column_stack([x[:, 0], kinds, x[:, 1], rng.integers(0, 30, len(x))])
    if missing:
        x[rng.random(x.shape) < 0.1] = np.nan
    model = en.HistGradientBoostingClassifier(
        categorical_features=[1, 3] if seed % 2 else [0, 1, 2, 3], **HISTOGRAM
    )
    est = fitted(model, x, targets(seed, len(x), n_classes), seed, {})
    rows = np.concatenate([x, rng.choice([-1.0, -0.0, 0.5, 1, 2, 2.5, 7, 29, 30, np.nan], (40, 4))])
    assert_bits(est, rows, "decision_function")


def test_infinity_among_categories_raises_the_original_error() -> None:
    x = np.column_stack([np.arange(40.0), np.arange(40) % 3])
    est = en.HistGradientBoostingClassifier(categorical_features=[1], **HISTOGRAM)
    est.fit(x, np.arange(40) % 2)
    x[3, 1] = np.inf
    with pytest.raises(ValueError, match="Input contains infinity"):
        est.predict(x)
    with pytest.raises(ValueError, match=r"Input( X)? contains .*infinity"):
        assert_native(est).predict(x)


def frame_of_categories(seed: int, n: int = 300) -> Any:
    rng = np.random.default_rng(seed)
    words = rng.choice(np.array(["a", "b", "c c", "ü", "", "10"], dtype=object), n)
    words[rng.random(n) < 0.1] = None
    return pd.DataFrame(
        {
            "x": np.where(rng.random(n) < 0.1, np.nan, rng.normal(size=n)),
            "word": pd.Categorical(words),
            "count": pd.Categorical(rng.choice([30, 10, -5], n)),
            "grade": pd.Categorical(rng.choice(["lo", "hi"], n), categories=["lo", "mid", "hi"]),
            "z": rng.normal(size=n),
        }
    )


def answers(model: Any, method: str, X: Any) -> Any:
    """What a method answers, its stages as a table, or the type of its error."""
    try:
        answer = quiet(getattr(model, method), X)
        return np.array(list(answer)) if method.startswith("staged") else answer
    except Exception as error:
        return type(error)


@pytest.mark.filterwarnings("ignore:X (has|does not have valid) feature names")
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("n_classes", [0, 2, 3])
def test_categories_of_text_are_matched_by_value(seed: int, n_classes: int) -> None:
    data = frame_of_categories(seed)
    y = np.nan_to_num(data["x"]) + 2 * data["word"].isin(["b", "ü"]) + (data["grade"] == "hi")
    kinds: Any = "from_dtype"
    if seed % 3 == 1:
        data, kinds = data.astype({"word": object, "count": int}), ["grade", "word"]
    if n_classes == 0:
        model: Any = en.HistGradientBoostingRegressor(categorical_features=kinds, **HISTOGRAM)
    else:
        y = np.digitize(y, [0.0, 1.5][: n_classes - 1])
        model = en.HistGradientBoostingClassifier(categorical_features=kinds, **HISTOGRAM)
    fast = willump.compile(quiet(model.fit, data, y), strict=True)
    text = data["word"].astype(object)
    shuffled = pd.Categorical(text, categories=["10", "ü", "new", "", "c c", "b", "a"])
    given = {
        "itself": data,
        "other codes": data.assign(word=shuffled),
        "unseen": data.assign(word=text.where(np.arange(len(data)) % 5 > 0, "new")),
        "other order": data[data.columns[::-1]],
        "more columns": data.assign(more=1),
        "fewer columns": data.drop(columns="z"),
        "one row": data.iloc[:1],
        "nulls": data.assign(x=pd.array([1.5, None] * 150, dtype="Float64"),
                             z=pd.array([True, None, False] * 100, dtype="boolean")),
        "numbers for text": data.assign(word=5),
        "infinity": data.assign(z=np.inf),
        "an array": data.to_numpy(),
        "polars": pytest.importorskip("polars").from_pandas(data.astype({"count": int})),
    }  # fmt: skip
    methods = ["predict", "staged_predict"]
    methods += ["predict_proba", "decision_function", "staged_predict_proba"] if n_classes else []
    for name, X in given.items():
        for method in methods:
            expected = answers(model, method, X)
            for again in (fast, willump.from_bytes(fast.to_bytes())):
                result = answers(again, method, X)
                if isinstance(expected, type):
                    assert result is expected, f"{name}: {method}"
                elif "proba" in method:
                    np.testing.assert_allclose(result, expected, 1e-13, err_msg=name)
                else:
                    np.testing.assert_array_equal(result, expected, err_msg=f"{name}: {method}")


def test_categories_of_text_after_another_step_are_refused_by_name() -> None:
    x = pd.DataFrame({"a": pd.Categorical(["u", "v"] * 20), "b": np.arange(40.0)})
    scaled = make_column_transformer((StandardScaler(), ["b"]), remainder="passthrough")
    est = en.HistGradientBoostingClassifier(categorical_features=[1], **HISTOGRAM)
    model = make_pipeline(scaled, est).fit(x, np.arange(40) % 2)
    with pytest.raises(UnsupportedError, match="categories are text"):
        convert_pipeline(model, strict=True)


@pytest.mark.parametrize("dtype", ["Int64", "Float64", "boolean"])
def test_nulls_beside_categories_are_missing(dtype: str) -> None:
    x = pd.DataFrame({"k": pd.Categorical([30, 10, -5, 10] * 10), "b": np.arange(40.0) % 7})
    est = en.HistGradientBoostingRegressor(categorical_features="from_dtype", **HISTOGRAM)
    est.fit(x, x["k"].astype(int) * x["b"])
    given = x.assign(b=pd.array([1, None, 0, 1] * 10, dtype=dtype))
    np.testing.assert_array_equal(assert_native(est).predict(given), est.predict(given))


@pytest.mark.filterwarnings("ignore:X (has|does not have valid) feature names")
@pytest.mark.parametrize("kind", ["int64", "float64", "bool"])
@pytest.mark.parametrize("seed", range(3))
def test_text_is_no_category_that_is_a_number(seed: int, kind: str) -> None:
    rng = np.random.default_rng(seed)
    x = pd.DataFrame({"z": rng.normal(size=200), "w": rng.normal(size=200)})
    k = rng.integers(0, 2, 200).astype(kind)
    x.insert(seed, "k", pd.Categorical(k) if seed else k)
    chosen: Any = "from_dtype" if seed else ["k"]
    est = en.HistGradientBoostingClassifier(categorical_features=chosen, **HISTOGRAM)
    est.fit(x, (k.astype(int) + x["z"] > 1).astype(int))
    inner = en.HistGradientBoostingClassifier(categorical_features=[0], **HISTOGRAM)
    behind = make_pipeline(
        make_column_transformer(("passthrough", ["k", "z"])), inner
    ).fit(x, (k.astype(int) + x["z"] > 1).astype(int))  # fmt: skip
    texts = k.astype(str)
    some = pd.Series(k.astype(object)).where(np.arange(200) != 7, str(k[7]))
    given = {
        "category": x.assign(k=pd.Categorical(texts)),
        "text": x.assign(k=texts),
        "objects": x.assign(k=pd.Series(texts, dtype=object)),
        "one cell": x.assign(k=some),
        "an array": x.assign(k=some).to_numpy(),
        "polars": pytest.importorskip("polars").from_pandas(x.assign(k=pd.Series(texts))),
        "number objects": x.assign(k=x["k"].astype(object).where(np.arange(200) != 7, None)),
        "text beside it": x.assign(z=x["z"].astype(str)),
        "other dtype": x.assign(k=k.astype("int8")),
    }
    for model in (est, behind)[: 1 if kind == "bool" else 2]:  # bool would be objects there
        fast = willump.compile(model, strict=True)
        for again in (fast, willump.from_bytes(fast.to_bytes())):
            for name, rows in given.items():
                if name == "an array" and model is behind:
                    continue  # that one picks its columns by name
                if name in ("number objects", "text beside it", "other dtype"):
                    expected = answers(model, "predict_proba", rows)
                    result = answers(again, "predict_proba", rows)
                    assert not isinstance(result, type), name
                    np.testing.assert_allclose(result, expected, 1e-13, err_msg=name)
                else:  # all rows unknown to the original
                    with pytest.raises(ValueError, match="Found unknown categories"):
                        again.predict_proba(rows)
