"""LightGBM's and XGBoost's own objects through willump.compile, against themselves."""

from __future__ import annotations

import contextlib
import pickle
import warnings
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse as sp
import willump
from harness import quiet
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier, VotingClassifier
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer
from sklearn.feature_selection import SelectKBest
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    OneHotEncoder,
    StandardScaler,
)

lgb = pytest.importorskip("lightgbm")
xgb = pytest.importorskip("xgboost")
cat = pytest.importorskip("catboost")

QUIET = {"verbose": -1, "n_jobs": 1}
CLASSIFIERS = {
    "lightgbm": lgb.LGBMClassifier(n_estimators=20, **QUIET),
    "lightgbm_ova": lgb.LGBMClassifier(n_estimators=20, objective="multiclassova", **QUIET),
    "lightgbm_rf": lgb.LGBMClassifier(
        n_estimators=20, boosting_type="rf", subsample=0.5, subsample_freq=1, **QUIET
    ),
    "lightgbm_dart": lgb.LGBMClassifier(n_estimators=20, boosting_type="dart", **QUIET),
    "xgboost": xgb.XGBClassifier(n_estimators=20, n_jobs=1),
    "xgboost_rf": xgb.XGBRFClassifier(n_estimators=20, n_jobs=1),
    "piped": make_pipeline(MaxAbsScaler(), lgb.LGBMClassifier(n_estimators=20, **QUIET)),
}
REGRESSORS = {
    "lightgbm": lgb.LGBMRegressor(n_estimators=20, **QUIET),
    "lightgbm_linear": lgb.LGBMRegressor(n_estimators=20, linear_tree=True, **QUIET),
    "lightgbm_poisson": lgb.LGBMRegressor(n_estimators=20, objective="poisson", **QUIET),
    "xgboost": xgb.XGBRegressor(n_estimators=20, n_jobs=1),
    "xgboost_gamma": xgb.XGBRegressor(n_estimators=20, objective="reg:gamma", n_jobs=1),
}


def rows(n: int = 1_500) -> Any:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 6))
    X[rng.random(X.shape) < 0.1] = np.nan
    return X


def targets(X: Any, n_classes: int) -> Any:
    noise = np.random.default_rng(1).normal(size=len(X))
    return np.digitize(np.nan_to_num(X[:, 0]) + noise, np.linspace(-1, 1, n_classes + 1)[1:-1])


def check(model: Any, X: Any, methods: tuple[str, ...]) -> None:
    fast = willump.compile(model, strict=True)
    for again in (fast, pickle.loads(pickle.dumps(fast))):
        for method in methods:
            expected, result = getattr(model, method)(X), getattr(again, method)(X)
            assert (result.dtype, result.shape) == (expected.dtype, expected.shape)
            if expected.dtype.kind == "f":
                tolerance = 1e-6 if expected.dtype == np.float32 else 1e-12
                np.testing.assert_allclose(result, expected, tolerance, tolerance)
            else:
                np.testing.assert_array_equal(result, expected)


# LightGBM takes one-vs-all for three classes or more only.
CASES = [(name, n) for name in CLASSIFIERS for n in (2, 3) if (name, n) != ("lightgbm_ova", 2)]


@pytest.mark.parametrize("is_frame", [False, True])
@pytest.mark.parametrize(("name", "n_classes"), CASES)
def test_classifiers_answer_as_their_library(name: str, n_classes: int, is_frame: bool) -> None:
    X = rows()
    y = targets(X, n_classes)
    X = pd.DataFrame(X, columns=list("abcdef")) if is_frame else X
    labels = y if name.startswith("xgboost") else np.array(["no", "yes", "maybe"])[y]
    model = CLASSIFIERS[name].fit(X[:1_000], labels[:1_000])
    raw = ("decision_function",) if hasattr(model, "decision_function") else ()
    check(model, X, ("predict", "predict_proba", *raw))


@pytest.mark.parametrize("name", REGRESSORS)
def test_regressors_answer_as_their_library(name: str) -> None:
    X = rows()
    y = np.abs(np.nan_to_num(X[:, 0])) + 0.1
    check(REGRESSORS[name].fit(X[:1_000], y[:1_000]), X, ("predict",))


def test_early_stopping_keeps_the_best_iteration() -> None:
    X = rows()
    y = targets(X, 2)
    parts = {"eval_set": [(X[1_000:], y[1_000:])]}
    stop = lgb.early_stopping(3, verbose=False)
    model = lgb.LGBMClassifier(n_estimators=200, **QUIET)
    model.fit(X[:1_000], y[:1_000], callbacks=[stop], **parts)
    assert model.best_iteration_ < 200
    check(model, X, ("predict", "predict_proba"))
    other = xgb.XGBClassifier(n_estimators=200, early_stopping_rounds=3, n_jobs=1)
    other.fit(X[:1_000], y[:1_000], verbose=False, **parts)
    assert other.best_iteration < 196
    check(other, X, ("predict", "predict_proba"))


def test_boosters_predict_as_themselves() -> None:
    X = rows()
    y = targets(X, 2)
    light = lgb.train({"objective": "binary", "verbose": -1}, lgb.Dataset(X, y), 10)
    np.testing.assert_allclose(willump.compile(light).predict(X), light.predict(X), 1e-12)
    extreme = xgb.train({"objective": "binary:logistic"}, xgb.DMatrix(X, y), 10)
    expected = extreme.predict(xgb.DMatrix(X))
    np.testing.assert_allclose(willump.compile(extreme).predict(X), expected, 1e-6)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_lightgbm_options_answer_as_its_own(n_classes: int) -> None:
    X = rows()
    objective = {"objective": "multiclass", "num_class": 3} if n_classes == 3 else {}
    params = {"objective": "binary", "verbose": -1, **objective}
    booster = lgb.train(params, lgb.Dataset(X, targets(X, n_classes)), 10)
    fast = willump.compile(booster)
    loaded = willump.from_bytes(fast.to_bytes())
    assert type(loaded) is type(fast) is willump.CompiledBooster
    for options in ({}, {"raw_score": True}, {"pred_leaf": True}):
        expected = booster.predict(X, **options)
        for model in (fast, loaded, pickle.loads(pickle.dumps(fast))):
            result = model.predict(X, **options)
            assert (result.dtype, result.shape) == (expected.dtype, expected.shape)
            np.testing.assert_allclose(result, expected, 1e-12)
    for options in ({"num_iteration": 4}, {"start_iteration": 3, "num_iteration": 4}):
        expected = booster.predict(X, raw_score=True, **options)
        for model in (fast, loaded):
            result = model.predict(X, raw_score=True, **options)
            np.testing.assert_array_equal(result, expected)
    assert fast.verify(X[:50]).ok
    with pytest.raises(willump.UnsupportedError, match="pred_contrib"):
        fast.predict(X, pred_contrib=True)


@pytest.mark.parametrize("seed", range(4))
def test_a_lightgbm_booster_reads_arrays_in_float32_as_itself(seed: int) -> None:
    rng = np.random.default_rng(seed)
    X = rng.integers(1 << 24, (1 << 24) + 60, (300, 3)) if seed % 2 else rng.normal(size=(300, 3))
    y = (X[:, 0] > np.median(X[:, 0])) + X[:, 0] % 2.0 + 0.01 * X[:, 1]
    params = {"verbose": -1, "min_data_in_leaf": 2, "linear_tree": seed > 1}
    booster = lgb.train(params, lgb.Dataset(X.astype(float), y), 10)
    fast = willump.compile(booster)
    edges = [t for t in booster.trees_to_dataframe()["threshold"] if t == t]
    X = np.concatenate([X, np.nextafter(np.resize(edges, (200, 3)), rng.choice([-1, 1e9], 3))])
    kinds = ["f4", "f8", ">f8", "g", "O"] + ["i4", "i8", "u8"] * (seed % 2)
    given = {kind: X.astype(kind) for kind in kinds}
    given |= {"list": X.tolist(), "whole list": X.astype("i8").tolist(), "one": X[:1].tolist()}
    given |= {"none": np.where(X.mean() < X, X.astype(object), None), "bool": X.mean() < X}
    given |= {"columns": np.asfortranarray(X.astype("i8")), "strided": X.astype("i8")[::2]}
    given |= {"frame": pd.DataFrame(X), "whole frame": pd.DataFrame(X.astype("i8"))}
    for name, rows in given.items():
        for model in (fast, willump.from_bytes(fast.to_bytes())):
            result = model.predict(rows)
            np.testing.assert_allclose(result, booster.predict(rows), 1e-12, err_msg=name)
    cells = X.astype(object)
    cells[7, 1] = "seven"
    for wrong in (cells, cells.tolist()):
        with pytest.raises(ValueError, match="seven"):
            fast.predict(wrong)


def test_lightgbm_ranges_beside_a_best_iteration() -> None:
    X = rows()
    booster = lgb.train({"objective": "binary", "verbose": -1}, lgb.Dataset(X, targets(X, 2)), 12)
    booster.best_iteration = 7  # as early stopping with keep_training_booster leaves it
    fast = willump.compile(booster)
    for options in (
        {},
        {"num_iteration": -1},
        {"num_iteration": 0},
        {"num_iteration": 2},
        {"start_iteration": 1},
        {"start_iteration": 1, "num_iteration": -1},
        {"start_iteration": -1},
    ):
        expected = booster.predict(X, raw_score=True, **options)
        np.testing.assert_array_equal(fast.predict(X, raw_score=True, **options), expected)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_xgboost_options_answer_as_its_own(n_classes: int) -> None:
    X = rows()
    objective = {"objective": "multi:softprob", "num_class": 3} if n_classes == 3 else {}
    params = {"objective": "binary:logistic", **objective}
    matrix = xgb.DMatrix(X, targets(X, n_classes))
    booster = xgb.train(params, matrix, 10)
    fast = willump.compile(booster)
    for options in (
        {},
        {"output_margin": True},
        {"pred_leaf": True},
        {"output_margin": True, "iteration_range": (0, 4)},
        {"output_margin": True, "iteration_range": (3, 7)},
    ):
        expected, result = booster.predict(matrix, **options), fast.predict(X, **options)
        assert (result.dtype, result.shape) == (expected.dtype, expected.shape)
        np.testing.assert_allclose(result, expected, 2e-6, 2e-6)
    assert fast.predict(X[:3], raw_score=True).shape == fast.predict(X[:3]).shape


def frame_of(X: Any, kind: str) -> Any:
    """A table of pandas, polars or Arrow with the columns of a pandas frame."""
    if kind == "polars":
        return pytest.importorskip("polars").DataFrame({n: X[n].to_numpy() for n in X.columns})
    if kind == "arrow":
        arrow = pytest.importorskip("pyarrow")
        return arrow.table({n: arrow.array(X[n].to_numpy()) for n in X.columns})
    return X


@pytest.fixture(params=["compiled", "saved", "pickled", "imported"])
def named_booster(request: Any, tmp_path: Any) -> Any:
    """An XGBoost booster of the columns a, b, c and what it became here."""
    X = pd.DataFrame(rows(200)[:, :3], columns=list("abc"))
    booster = xgb.train({}, xgb.DMatrix(X, np.nan_to_num(X["a"] - 2 * X["b"])), 3)
    if request.param == "imported":
        model = willump._core.Model.import_bytes(bytes(booster.save_raw("json")))
        return X, booster, willump.CompiledModel.from_model(model)
    fast = willump.compile(booster, strict=True)
    if request.param == "pickled":
        fast = pickle.loads(pickle.dumps(fast))
    if request.param == "saved":
        fast.save(tmp_path / "booster.w")
        fast = willump.load(tmp_path / "booster.w")
    return X, booster, fast


@pytest.mark.parametrize("kind", ["pandas", "polars", "arrow"])
@pytest.mark.parametrize("names", ["bac", "abx", "ab", "abcd", "012"])
def test_an_xgboost_booster_refuses_a_frame_of_other_names(
    named_booster: Any, kind: str, names: str
) -> None:
    X, booster, fast = named_booster
    given = X.assign(d=1.0, x=2.0, **{str(i): X.iloc[:, i] for i in range(3)})[list(names)]
    given = frame_of(given, kind)
    with pytest.raises(ValueError, match="feature_names mismatch") as expected:
        booster.predict(xgb.DMatrix(given))
    with pytest.raises(ValueError, match="feature_names mismatch") as raised:
        fast.predict(given)
    assert str(raised.value).startswith(str(expected.value).partition("\n")[0])
    with pytest.raises(ValueError, match="feature_names mismatch"):
        fast.predict(given, output_margin=True)
    with pytest.raises(ValueError, match="feature_names mismatch"):
        fast.predict(given, pred_leaf=True)


@pytest.mark.parametrize("kind", ["pandas", "polars", "arrow"])
def test_an_xgboost_booster_takes_its_own_names_and_arrays(named_booster: Any, kind: str) -> None:
    X, booster, fast = named_booster
    expected = booster.predict(xgb.DMatrix(X))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for given in (frame_of(X, kind), X.to_numpy(), X.to_numpy().tolist()):
            np.testing.assert_allclose(fast.predict(given), expected, 2e-6, 2e-6)
    if fast._original is not None:
        assert fast.verify(X).ok
        assert fast.verify(X.to_numpy()).ok


def test_an_xgboost_booster_s_ranges_refuse_other_names() -> None:
    X = pd.DataFrame(rows(200)[:, :3], columns=list("abc"))
    fast = willump.compile(xgb.train({}, xgb.DMatrix(X, np.nan_to_num(X["a"])), 3))
    with pytest.raises(ValueError, match="feature_names mismatch"):
        fast.predict(X[["b", "a", "c"]], iteration_range=(0, 2))


@pytest.mark.parametrize("columns", [[0, 1, 2], [("u", "a"), ("u", "b"), ("v", "a")]])
def test_an_xgboost_booster_knows_names_that_are_not_text(columns: Any) -> None:
    X = pd.DataFrame(rows(200)[:, :3], columns=pd.Index(columns))
    booster = xgb.train({}, xgb.DMatrix(X, np.nan_to_num(X.iloc[:, 0])), 3)
    fast = willump.compile(booster)
    np.testing.assert_allclose(fast.predict(X), booster.predict(xgb.DMatrix(X)), 2e-6, 2e-6)
    with pytest.raises(ValueError, match="feature_names mismatch"):
        fast.predict(X.iloc[:, ::-1])


@pytest.mark.parametrize("library", ["lightgbm", "xgboost"])
def test_boosters_without_names_to_compare_go_by_position(library: str) -> None:
    X = pd.DataFrame(np.nan_to_num(rows(200)[:, :3]), columns=list("abc"))
    if library == "lightgbm":
        booster = lgb.train(QUIET, lgb.Dataset(X, X["a"]), 3)
    else:
        booster = xgb.train({}, xgb.DMatrix(X.to_numpy(), X["a"]), 3)
    fast = willump.compile(booster)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for given in (X[["b", "a", "c"]], X.set_axis(["a", 1, "c"], axis=1)):
            expected = booster.predict(given if library == "lightgbm" else xgb.DMatrix(given))
            np.testing.assert_allclose(fast.predict(given), expected, 2e-6, 2e-6)


@pytest.mark.parametrize(
    ("params", "target"),
    [
        ({"objective": "binary:logistic"}, 0.0),
        ({"objective": "binary:logistic"}, 1.0),
        ({"objective": "reg:logistic"}, 0.0),
        ({"objective": "reg:logistic", "base_score": 0.0}, None),
        ({"objective": "reg:logistic", "base_score": 1.0}, None),
        ({"objective": "binary:logistic", "base_score": 1e-9}, None),
        ({"objective": "binary:logitraw"}, 0.0),
        ({"objective": "binary:hinge"}, 1.0),
        ({"objective": "count:poisson"}, 0.0),
        ({"objective": "count:poisson", "base_score": 0.0}, None),
        ({"objective": "survival:cox", "base_score": 0.0}, 0.0),
        ({"objective": "reg:tweedie"}, 0.0),
        ({"objective": "reg:gamma"}, 1.0),
        ({"objective": "reg:squarederror"}, 0.0),
    ],
)
def test_xgboost_of_a_constant_target_answers_as_itself(params: Any, target: Any) -> None:
    X = rows(100)
    y = np.full(100, target) if target is not None else (np.nan_to_num(X[:, 0]) > 0) * 1.0
    matrix = xgb.DMatrix(X, y)
    booster = xgb.train(params, matrix, 3)
    fasts = [willump.compile(booster, strict=True)]
    for form in ("json", "ubj"):
        model = willump._core.Model.import_bytes(bytes(booster.save_raw(form)))
        fasts.append(willump.CompiledModel.from_model(model))
    for options in ({}, {"output_margin": True}, {"pred_leaf": True}):
        expected = booster.predict(matrix, **options)
        for fast in fasts:
            np.testing.assert_allclose(fast.predict(X, **options), expected, 2e-6, 1e-9)


@pytest.mark.parametrize("target", [0, 1])
def test_a_pipeline_of_xgboost_with_a_constant_target_compiles(target: int) -> None:
    X = np.nan_to_num(rows(100))
    model = make_pipeline(
        MaxAbsScaler(), xgb.XGBRegressor(n_estimators=3, objective="reg:logistic")
    )
    model.fit(X, np.full(100, target))
    fast = willump.compile(model, strict=True)
    np.testing.assert_allclose(fast.predict(X), model.predict(X), 2e-6, 1e-9)


def test_a_base_score_that_makes_nan_is_refused_by_name() -> None:
    X = rows(100)
    booster = xgb.train(
        {"objective": "count:poisson", "base_score": -0.5}, xgb.DMatrix(X, X[:, 0] > 0), 1
    )
    with pytest.raises(willump.UnsupportedError, match="base_score"):
        willump.compile(booster)


@pytest.mark.parametrize("params", [{}, {"multi_strategy": "multi_output_tree"}])
def test_leaves_of_one_tree_have_the_shape_of_the_library_s(params: Any) -> None:
    X = rows(200)
    y = np.nan_to_num(X[:, :2]) if params else np.nan_to_num(X[:, 0])
    matrix = xgb.DMatrix(X, y)
    for n_trees, options in ((1, {}), (2, {}), (2, {"iteration_range": (0, 1)})):
        booster = xgb.train(params, matrix, n_trees)
        expected = booster.predict(matrix, pred_leaf=True, **options)
        result = willump.compile(booster).predict(X, pred_leaf=True, **options)
        assert (result.dtype, result.shape) == (expected.dtype, expected.shape)
        np.testing.assert_array_equal(result, expected)
    light = lgb.train(QUIET, lgb.Dataset(X, X[:, 1]), 1)
    expected = light.predict(X, pred_leaf=True)
    result = willump.compile(light).predict(X, pred_leaf=True)
    assert (result.dtype, result.shape) == (expected.dtype, expected.shape)


def test_options_that_are_not_supported_are_refused_by_name() -> None:
    X = np.nan_to_num(rows(200))
    fast = willump.compile(xgb.train({}, xgb.DMatrix(X, X[:, 0]), 2))
    light = willump.compile(lgb.train(QUIET, lgb.Dataset(X, X[:, 0]), 2))
    names = ["pred_contrib", "pred_contribs", "approx_contribs", "pred_interactions"]
    for name in [*names, "strict_shape", "training"]:
        with pytest.raises(willump.UnsupportedError, match=name):
            fast.predict(X, **{name: True})
        np.testing.assert_array_equal(fast.predict(X, **{name: False}), fast.predict(X))
    for value in (False, True):
        np.testing.assert_array_equal(fast.predict(X, validate_features=value), fast.predict(X))
        np.testing.assert_array_equal(light.predict(X, validate_features=value), light.predict(X))
    with pytest.raises(TypeError, match="of_nobody"):
        fast.predict(X, of_nobody=False)


def test_a_booster_is_cut_for_a_cascade() -> None:
    X = rows(6_000)
    y = targets(X, 2)
    model = lgb.LGBMClassifier(n_estimators=60, **QUIET).fit(X[:1_500], y[:1_500])
    exact = willump.compile(model)
    target = willump.Agreement(0.95)
    costs = [1.0] * 11
    cascade = willump.optimize(model, X[:1_500], X_cal=X[1_500:4_000], target=target, costs=costs)
    assert cascade.metadata["certificate"]["share_leaving"] > 0.2
    assert np.mean(cascade.predict(X[4_000:]) == exact.predict(X[4_000:])) > 0.93


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (xgb.XGBRegressor(n_estimators=3, booster="gblinear"), "gblinear"),
        (xgb.XGBRegressor(n_estimators=3, missing=np.inf), "missing"),
    ],
)
def test_what_is_not_supported_is_refused_by_name(model: Any, reason: str) -> None:
    X = np.nan_to_num(rows(300))
    with pytest.raises(willump.UnsupportedError, match=reason):
        willump.compile(model.fit(X, X[:, 0]), strict=True)


@pytest.mark.parametrize("n_labels", [2, 3])
@pytest.mark.parametrize(
    "make",
    [xgb.XGBClassifier, xgb.XGBRFClassifier, partial(xgb.XGBClassifier, booster="dart")],
)
def test_several_labels_a_row_are_xgboosts_own(make: Any, n_labels: int) -> None:
    """Two of them look like the two classes that each of them has."""
    X = np.nan_to_num(rows(400))
    model = make(n_estimators=3).fit(X, (X[:, :n_labels] > 0.3).astype(int))
    with pytest.raises(willump.UnsupportedError, match="several labels a row"):
        willump.compile(model, strict=True)
    with pytest.warns(willump.PythonStepWarning, match="several labels a row"):
        fast = willump.compile(model)
    expected, found = model.predict(X), fast.predict(X)
    assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("missing", [-1, 0, 0.1, -1e30, 3.4e38])
@pytest.mark.parametrize("n_classes", [0, 2, 3])
def test_a_number_counts_as_missing_to_xgboost(missing: float, n_classes: int) -> None:
    rng = np.random.default_rng(n_classes)
    X = rng.choice([-2.0, -1.0, 0.0, 0.1, 1.0, missing, np.nan], (300, 4))
    X[:, 2] = rng.normal(size=300)
    y = np.nan_to_num(X[:, 0] == missing) * X[:, 2] + np.isnan(X[:, 1])
    if n_classes == 0:
        model: Any = xgb.XGBRegressor(n_estimators=5, missing=missing, n_jobs=1).fit(X, y)
    else:
        labels = np.digitize(y, [-0.2, 0.5][: n_classes - 1])
        model = xgb.XGBClassifier(n_estimators=5, missing=missing, n_jobs=1).fit(X, labels)
    near = X.copy()
    single = np.float32(missing)
    near[:, 0] = np.resize(
        [missing, float(single), np.nextafter(missing, 9), np.nextafter(missing, -9),
         float(np.nextafter(single, np.float32(9))), -0.0, 0.0, 5e-324], 300
    )  # fmt: skip
    stored = X.copy()
    stored[rng.random(X.shape) < 0.4] = 0.0
    fast = willump.compile(model, strict=True)
    for given in (X, near, X.astype(np.float32), pd.DataFrame(X), sp.csr_matrix(stored), X[:1]):
        for again in (fast, willump.from_bytes(fast.to_bytes())):
            np.testing.assert_allclose(again.predict(given), model.predict(given), 1e-6, 1e-6)
            np.testing.assert_array_equal(again.apply(given), model.apply(given))
    piece = {"iteration_range": (1, 3)}
    np.testing.assert_allclose(fast.predict(X, **piece), model.predict(X, **piece), 1e-6, 1e-6)


@pytest.mark.parametrize("missing", [-1, 0, 1, 0.5, 2])
@pytest.mark.parametrize("seed", range(3))
def test_a_number_counts_as_missing_to_xgboost_behind_sparse_steps(
    missing: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    words = [f"w{i}" for i in range(12)]
    texts = [" ".join(rng.choice(words, rng.integers(1, 9))) for _ in range(200)]
    numbers = rng.integers(-2, 3, (200, 3)).astype(float)
    steps: list[tuple[Any, Any]] = [
        (CountVectorizer(), texts),
        (HashingVectorizer(n_features=8, norm=None), texts),
        (OneHotEncoder(), numbers),
        (OneHotEncoder(sparse_output=False), numbers),
    ]
    y = [("w1" in text) + int("w2" in text) for text in texts]
    for step, X in steps:
        model = make_pipeline(step, xgb.XGBClassifier(n_estimators=4, missing=missing, n_jobs=1))
        model.fit(X, y)
        is_native = isinstance(step, OneHotEncoder) and not step.sparse_output
        if is_native:
            fast = willump.compile(model, strict=True)
        else:
            with pytest.raises(willump.UnsupportedError, match=r"missing=.*its input is sparse"):
                willump.compile(model, strict=True)
            with pytest.warns(willump.PythonStepWarning, match="missing="):
                fast = willump.compile(model)
        np.testing.assert_allclose(fast.predict_proba(X), model.predict_proba(X), 1e-6, 1e-6)


CODED = pd.DataFrame({"a": np.linspace(-1, 1, 400), "b": np.arange(400) % 5})
OF_CATEGORIES: dict[str, Any] = {
    "pandas": CODED.astype({"b": "category"}),
    "polars": pl.DataFrame({"a": CODED["a"].to_numpy(), "b": CODED["b"].astype(str).tolist()}).cast(
        {"b": pl.Categorical}
    ),
    "arrow": pa.table(
        {"a": CODED["a"].to_numpy(), "b": pa.array(CODED["b"].astype(str)).dictionary_encode()}
    ),
}


@pytest.mark.parametrize("kind", OF_CATEGORIES)
@pytest.mark.parametrize(
    "model",
    [
        lgb.LGBMClassifier(n_estimators=3, verbosity=-1),
        xgb.XGBClassifier(n_estimators=3, n_jobs=1),
        cat.CatBoostClassifier(iterations=3, verbose=0, allow_writing_files=False),
        make_pipeline(FunctionTransformer(), xgb.XGBClassifier(n_estimators=3, n_jobs=1)),
        VotingClassifier([("x", xgb.XGBClassifier(n_estimators=3, n_jobs=1))], voting="soft"),
    ],
    ids=lambda model: type(model).__name__,
)
def test_categories_before_a_model_of_numbers_are_refused(model: Any, kind: str) -> None:
    """Their libraries read codes, where they do not refuse them; we would read the values."""
    y = (CODED["a"] * 3 + CODED["b"] > 2).astype(int)
    fast = willump.compile(clone(model).fit(CODED, y), strict=True)
    with pytest.raises((willump.UnsupportedError, NotImplementedError), match=r"'b'|dictionary"):
        fast.predict(OF_CATEGORIES[kind])
    if "Cat" not in type(model).__name__:
        with pytest.raises(ValueError, match="column 'b' holds str"):
            fast.predict(CODED.astype({"b": "str"}))


def test_categories_before_an_imported_booster_of_numbers_are_refused() -> None:
    y = CODED["a"] * 3 + CODED["b"]
    for booster in (
        xgb.train({"nthread": 1}, xgb.DMatrix(CODED, y), 3),
        lgb.train({"verbosity": -1}, lgb.Dataset(CODED.to_numpy(), y), 3),
    ):
        fast = willump.compile(booster)
        with pytest.raises(willump.UnsupportedError, match=r"column 'b' is of category"):
            fast.predict(OF_CATEGORIES["pandas"])


@pytest.mark.filterwarnings("ignore:X (has|does not have valid) feature names")
@pytest.mark.parametrize("seed", range(3))
def test_large_integers_are_rounded_as_lightgbm_s_estimators_round_them(seed: int) -> None:
    rng = np.random.default_rng(seed)
    X = rng.integers(1 << 24, (1 << 24) + 60, (300, 3))
    y = ((X[:, 0] > np.median(X[:, 0])) ^ (X[:, 0] % 2 == 1)).astype(int)
    model = lgb.LGBMClassifier(n_estimators=5, min_child_samples=2, verbose=-1, n_jobs=1)
    names = ["a", "b", "c"]
    picked = ColumnTransformer([("p", "passthrough", ["a", "b"])])
    scaled = ColumnTransformer([("s", StandardScaler(), ["a"])], remainder="passthrough")
    #: Pipelines, whether fitted on a frame, and whether large integers may be refused.
    for est, is_frame, is_refused in (
        (model, False, False),
        (make_pipeline("passthrough", model), False, False),
        (make_pipeline(FunctionTransformer(), model), False, False),
        (CalibratedClassifierCV(model, cv=2), False, False),
        (VotingClassifier([("a", model), ("b", clone(model))]), False, False),
        (VotingClassifier([("a", model), ("b", RandomForestClassifier(3))]), False, True),
        (make_pipeline(SelectKBest(k=2), model), False, True),
        (make_pipeline(SimpleImputer(strategy="most_frequent"), model), False, True),
        (make_pipeline(FunctionTransformer(np.negative), model), False, True),
        (make_pipeline(SimpleImputer(strategy="median"), model), False, False),
        (make_pipeline(MaxAbsScaler(), model), False, False),
        (model, True, False),
        (make_pipeline(picked, model), True, True),
        (make_pipeline(scaled, model), True, False),
    ):
        est = clone(est)
        table = pd.DataFrame(X, columns=names)
        est.fit(table if is_frame else X, y)
        fast = willump.compile(est, strict=True)
        given = {kind: X.astype(kind) for kind in ("i4", "i8", "u8", "f4", "f8", "O")}
        given |= {"list": X.tolist(), "floats": X.astype(float).tolist(), "small": X - (1 << 24)}
        if is_frame:
            given = {}
        given |= {"frame": table, "float frame": table.astype(float)}
        given |= {"mixed": table.astype({"b": float}), "small frame": table - (1 << 24)}
        for name, rows in given.items():
            method = "predict_proba" if hasattr(est, "predict_proba") else "predict"
            want = quiet(getattr(est, method), rows)
            for again in (fast, willump.from_bytes(fast.to_bytes())):
                if is_refused and name in ("i4", "i8", "u8", "list", "frame"):
                    with contextlib.suppress(willump.UnsupportedError):
                        got = quiet(getattr(again, method), rows)
                        np.testing.assert_allclose(got, want, 1e-12)
                    continue
                got = quiet(getattr(again, method), rows)
                np.testing.assert_allclose(got, want, 1e-12, err_msg=f"{est}: {name}")


def test_a_lightgbm_booster_reads_arrays_of_objects_in_float32() -> None:
    rng = np.random.default_rng(5)
    x = rng.normal(size=(300, 2))
    booster = lgb.LGBMRegressor(n_estimators=20, min_child_samples=2, verbose=-1, n_jobs=1)
    booster = booster.fit(x, (x[:, 0] > 0.1) * x[:, 1]).booster_
    trees = [tree["tree_structure"] for tree in booster.dump_model()["tree_info"]]
    edges = {float(tree["threshold"]) for tree in trees if "threshold" in tree}
    near = [np.nextafter(edge, side) for edge in edges for side in (-9, 9, edge)]
    rows = np.array([[v, w] for v in near for w in (v, 0.0)])
    fast = willump.compile(booster)
    for given in (rows.astype(object), rows, rows.astype(np.float32), rows.tolist()):
        np.testing.assert_array_equal(fast.predict(given), booster.predict(given))
