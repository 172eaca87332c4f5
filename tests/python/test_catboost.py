"""CatBoost's models through willump.compile and the importer, against themselves."""

from __future__ import annotations

import pickle
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import willump
from sklearn.calibration import CalibratedClassifierCV
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler
from willump import UnsupportedError, _core

cb = pytest.importorskip("catboost")

QUIET: dict[str, Any] = {
    "iterations": 15, "depth": 4, "verbose": 0, "allow_writing_files": False, "thread_count": 1,
}  # fmt: skip


def rows(n: int = 400) -> Any:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 4))
    X[rng.random(X.shape) < 0.1] = np.nan
    return X


def scores(X: Any) -> Any:
    return np.nan_to_num(X[:, 0]) * 3 + np.random.default_rng(1).normal(size=len(X))


def check(model: Any, X: Any, *methods: str) -> None:
    """Shapes, dtypes and values; the raw values to the bit."""
    fast = willump.compile(model, strict=True)
    assert fast.verify(X).ok
    for again in (fast, pickle.loads(pickle.dumps(fast)), willump.from_bytes(fast.to_bytes())):
        for method in methods:
            expected, result = getattr(model, method)(X), getattr(again, method)(X)
            assert (result.dtype, result.shape) == (expected.dtype, expected.shape)
            if expected.dtype.kind == "f":
                np.testing.assert_allclose(result, expected, rtol=1e-13, atol=1e-300)
            else:
                np.testing.assert_array_equal(result, expected)
        if hasattr(again, "decision_function"):
            raw = model.predict(X, prediction_type="RawFormulaVal")
            np.testing.assert_array_equal(again.decision_function(X), raw)


LABELS: dict[str, Any] = {
    "int": np.arange(3),
    "text": np.array(["no", "yes", "maybe"]),
    "float": np.array([0.5, 1.5, 2.5]),
}


@pytest.mark.parametrize("loss", ["Logloss", "MultiClass", "MultiClassOneVsAll"])
@pytest.mark.parametrize("labels", LABELS)
@pytest.mark.parametrize("is_frame", [False, True])
def test_classifiers_answer_as_their_library(loss: str, labels: str, is_frame: bool) -> None:
    X = rows()
    y = LABELS[labels][np.digitize(scores(X), [0] if loss == "Logloss" else [-1, 1])]
    X = pd.DataFrame(X, columns=list("abcd")) if is_frame else X
    model = cb.CatBoostClassifier(loss_function=loss, **QUIET).fit(X, y)
    check(model, X, "predict", "predict_proba", "predict_log_proba")


def test_other_classifiers_answer_as_their_library() -> None:
    X = rows()
    y = scores(X)
    methods = ("predict", "predict_proba", "predict_log_proba")
    boolean = cb.CatBoostClassifier(**QUIET).fit(X, y > 0)
    check(boolean, X, *methods)
    boolean.set_probability_threshold(0.8)
    check(boolean, X, "predict")
    shares = cb.CatBoostClassifier(loss_function="CrossEntropy", **QUIET)
    check(shares.fit(X, 1 / (1 + np.exp(-y))), X, *methods)
    several = cb.CatBoostClassifier(loss_function="MultiLogloss", **QUIET)
    check(several.fit(X, np.column_stack([y > 0, y > 1, y < 2]).astype(int)), X, *methods)


@pytest.mark.parametrize(
    "loss",
    [
        "RMSE", "MAE", "Quantile:alpha=0.3", "MAPE", "Poisson", "Tweedie:variance_power=1.3",
        "LogCosh", "Huber:delta=1.0", "Expectile:alpha=0.2", "Lq:q=2.5", "LogLinQuantile", "Cox",
        "MultiRMSE", "MultiQuantile:alpha=0.1,0.6",
    ],
)  # fmt: skip
def test_regressors_answer_as_their_library(loss: str) -> None:
    X = rows()
    y = np.abs(scores(X))
    model = cb.CatBoostRegressor(loss_function=loss, **QUIET)
    check(model.fit(X, np.column_stack([y, -y]) if loss == "MultiRMSE" else y), X, "predict")


@pytest.mark.parametrize("loss", ["YetiRank", "QueryRMSE", "QuerySoftMax"])
def test_rankers_answer_their_raw_values(loss: str) -> None:
    X = rows()
    pool = cb.Pool(X, (scores(X) > 0).astype(int), group_id=np.arange(len(X)) // 10)
    check(cb.CatBoostRanker(loss_function=loss, **QUIET).fit(pool), X, "predict")
    check(cb.CatBoost({"loss_function": "QueryRMSE", **QUIET}).fit(pool), X, "predict")


def test_a_pipeline_ends_in_catboost() -> None:
    X = np.nan_to_num(rows())
    y = np.digitize(scores(X), [-1, 1])
    piped = make_pipeline(MaxAbsScaler(), cb.CatBoostClassifier(**QUIET)).fit(X, y)
    fast = willump.compile(piped, strict=True)
    np.testing.assert_array_equal(fast.predict(X), piped.predict(X))
    np.testing.assert_allclose(fast.predict_proba(X), piped.predict_proba(X), 1e-13)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("seed", range(6))
def test_models_of_classifiers_ask_for_what_catboost_has(n_classes: int, seed: int) -> None:
    """It has no decision_function: its probabilities are calibrated, and vote."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(150, 3)).round(1)
    y = np.digitize(X[:, 0] + rng.normal(size=150), [0] if n_classes == 2 else [-0.5, 0.5])
    inner = cb.CatBoostClassifier(**QUIET | {"iterations": int(rng.integers(2, 9))})
    if rng.random() < 0.5:
        inner = make_pipeline(MaxAbsScaler(), inner)
    options = {"cv": 2, "ensemble": bool(rng.random() < 0.5)}
    sigmoid = CalibratedClassifierCV(inner, method="sigmoid", **options)
    isotonic = CalibratedClassifierCV(inner, method="isotonic", **options)
    others = [isotonic, OneVsRestClassifier(inner), OneVsOneClassifier(inner)]
    for model in (sigmoid, *others):
        model.fit(X, y)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # steep calibrators and votes stay Python
            fast = willump.compile(model, strict=model is sigmoid)
        for method in ("predict", "predict_proba", "decision_function"):
            assert hasattr(fast, method) == hasattr(model, method)
            if hasattr(model, method):
                expected, result = getattr(model, method)(X), getattr(fast, method)(X)
                np.testing.assert_allclose(result, expected, rtol=1e-9, atol=1e-12)


def test_a_frame_s_columns_are_found_by_name_as_catboost_does() -> None:
    frame = pd.DataFrame(rows(), columns=list("abcd"))
    y = scores(frame.to_numpy())
    named = cb.CatBoostRegressor(**QUIET).fit(frame, y)
    nameless = cb.CatBoostRegressor(**QUIET).fit(frame.to_numpy(), y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fast, other = (willump.compile(model, strict=True) for model in (named, nameless))
        for X in (frame, frame[list("dbca")], frame.to_numpy(), frame.assign(e=1)[list("edabc")]):
            np.testing.assert_array_equal(fast.predict(X), named.predict(X))
        polar = pl.DataFrame(frame[list("dbca")])
        np.testing.assert_array_equal(fast.predict(polar), named.predict(frame))
        for X in (frame, frame[list("dbca")]):
            np.testing.assert_array_equal(other.predict(X), nameless.predict(X))
    with pytest.raises(cb.CatBoostError):
        named.predict(frame.rename(columns={"a": "z"}))
    with pytest.raises(ValueError, match="now missing:\n- a"):
        fast.predict(frame.rename(columns={"a": "z"}))


def test_features_that_are_not_numbers_are_refused_by_name() -> None:
    frame = pd.DataFrame({"size": rows()[:, 0], "colour": np.random.default_rng(0).choice(
        ["red", "green", "blue"], 400)})  # fmt: skip
    y = scores(frame[["size"]].to_numpy())
    for model, target in (
        (cb.CatBoostRegressor(**QUIET), y),
        (cb.CatBoostClassifier(**QUIET), np.digitize(y, [-1, 1])),
    ):
        model.fit(frame, target, cat_features=["colour"])
        with pytest.raises(UnsupportedError, match="colour"):
            willump.compile(model, strict=True)
        with pytest.warns(willump.PythonStepWarning, match="colour"):
            slow = willump.compile(model)
        np.testing.assert_array_equal(slow.predict(frame), model.predict(frame))


@pytest.mark.parametrize("one_hot", [2, 10])
def test_an_export_with_categories_is_refused_by_name(tmp_path: Path, one_hot: int) -> None:
    colours = np.random.default_rng(0).choice(["red", "green", "blue"], 400)
    frame = pd.DataFrame({"size": rows()[:, 0], "colour": colours})
    model = cb.CatBoostRegressor(one_hot_max_size=one_hot, **QUIET)
    model.fit(frame, scores(frame[["size"]].to_numpy()), cat_features=["colour"])
    pool = cb.Pool(frame, cat_features=["colour"])
    model.save_model(str(tmp_path / "m.json"), format="json", pool=pool)
    with pytest.raises(UnsupportedError, match=r"'colour' \(column 1\) is of categories"):
        _core.Model.import_bytes((tmp_path / "m.json").read_bytes())


def test_the_uncertainty_of_a_regressor_stays_python() -> None:
    X = rows()
    model = cb.CatBoostRegressor(loss_function="RMSEWithUncertainty", **QUIET)
    model.fit(X, scores(X))
    with pytest.warns(willump.PythonStepWarning, match="RMSEWithUncertainty"):
        fast = willump.compile(model)
    np.testing.assert_array_equal(fast.predict(X), model.predict(X))


def test_an_imported_file_answers_probabilities_raw_values_and_leaves(tmp_path: Path) -> None:
    X = rows()
    labels = np.array(["no", "yes", "maybe"])[np.digitize(scores(X), [-1, 1])]
    model = cb.CatBoostClassifier(grow_policy="Lossguide", **QUIET).fit(X, labels)
    model.save_model(str(tmp_path / "m.json"), format="json", pool=X)
    data = (tmp_path / "m.json").read_bytes()
    fast = willump.CompiledBooster.from_model(_core.Model.import_bytes(data))
    np.testing.assert_allclose(fast.predict(X), model.predict_proba(X), 1e-13)
    raw = model.predict(X, prediction_type="RawFormulaVal")
    np.testing.assert_array_equal(fast.predict(X, raw_score=True), raw)
    leaves = fast.predict(X, pred_leaf=True)
    expected = model.calc_leaf_indexes(X)
    assert leaves.dtype == expected.dtype
    np.testing.assert_array_equal(leaves, expected)
    read = _core.read_trees(data, format="catboost-json")
    assert read["class_names"] == ["maybe", "no", "yes"]
    for end in range(0, len(data) - 1, len(data) // 100):
        with pytest.raises(ValueError, match=r"JSON|format"):
            _core.Model.import_bytes(data[:end])


@pytest.mark.parametrize("is_alone", [True, False])
def test_columns_whose_names_are_numbers_are_found_by_them(is_alone: bool) -> None:
    """As those of `pd.DataFrame(x)`; a model of arrays lists the same names, and reads none."""
    x = rows()
    y = (scores(x) > 0).astype(int)
    frame, others = pd.DataFrame(x), [2, 0, 3, 1]
    numbered = frame.set_axis([str(name) for name in frame.columns], axis=1)
    for train in (frame, numbered, x):
        est: Any = cb.CatBoostClassifier(**QUIET)
        est = (est if is_alone else make_pipeline("passthrough", est)).fit(train, y)
        fast = willump.compile(est, strict=True)
        for table in (x, frame, numbered, frame[others], numbered[list("2031")]):
            np.testing.assert_allclose(
                fast.predict_proba(table), est.predict_proba(table), rtol=1e-12
            )
