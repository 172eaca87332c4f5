"""Hundreds of small random tree ensembles of four libraries, each against itself.

Rows hold missing values, infinities, denormals, -0.0, thresholds and their
neighbours. The number of models is printed at the end.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import willump
from sklearn import ensemble, tree
from willump import _core

lgb = pytest.importorskip("lightgbm")
xgb = pytest.importorskip("xgboost")

Array = npt.NDArray[Any]
CHUNKS, PER_CHUNK = 10, 14
MODELS: Counter[str] = Counter()
ODD = np.array([
    0.0, -0.0, np.nan, np.inf, -np.inf, 5e-324, -5e-324, 1e-310, 1e-45, -1e-45, 1e-36, -1e-35,
    1e-35, 3.4028235e38, -3.4028235e38, 1e39, 1e300, -1e300, 16777217.0, 0.1, 3.5,
])  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def count(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    manager = request.config.pluginmanager.getplugin("capturemanager")
    listed = ", ".join(f"{n} of {name}" for name, n in MODELS.items())
    with manager.global_and_fixture_disabled():
        print(f"\ndifferential tests of trees: {MODELS.total()} random models ({listed})")


class Case:
    """One random training set, and rows to ask about."""

    def __init__(self, library: str, seed: int) -> None:
        self.rng = rng = np.random.default_rng([seed, *library.encode()])
        n = int(rng.integers(25, 160))
        self.X = np.column_stack([
            rng.normal(size=n),
            rng.integers(-3, 4, n).astype(float),
            np.full(n, rng.choice([0.0, -2.5])),
            rng.normal(size=n) * 10.0 ** rng.integers(-25, 25),
            rng.choice(ODD[np.abs(ODD) < 1e30], n),
            rng.integers(0, int(rng.choice([3, 12, 40])), n).astype(float),
        ])  # fmt: skip
        if rng.random() < 0.5:
            self.X[:, :5][rng.random((n, 5)) < 0.15] = np.nan
        signal = np.nan_to_num(self.X[:, 0]) + self.X[:, 5] % 3 + rng.normal(size=n) * 0.3
        self.score = np.nan_to_num(self.X[:, 1]) * signal + signal
        self.n_classes = int(rng.choice([2, 3]))
        edges = np.quantile(self.score, np.linspace(0, 1, self.n_classes + 1)[1:-1])
        self.labels = np.digitize(self.score, edges)

    def rows(self, thresholds: Any, odd: Array = ODD) -> Array:
        """Training rows, with cells exchanged for what is hard to compare."""
        rng = self.rng
        rows = self.X[rng.integers(0, len(self.X), 150)].copy()
        kind = rng.random(rows.shape)
        finite = np.asarray(thresholds, dtype=float)
        finite = finite[np.isfinite(finite)]
        if len(finite):
            near = rng.choice(finite, rows.shape)
            step = rng.integers(0, 5, rows.shape)
            with np.errstate(over="ignore"):
                single = near.astype(np.float32)
                up = np.nextafter(single, np.float32(np.inf)).astype(float)
            choices = [near, np.nextafter(near, np.inf), np.nextafter(near, -np.inf), single, up]
            rows = np.where(kind < 0.4, np.choose(step, choices), rows)
        rows = np.where(kind > 0.85, rng.choice(odd, rows.shape), rows)
        seen = rng.integers(-2, 45, len(rows)) + rng.choice([0.0, 0.0, 0.5], len(rows))
        rows[:, 5] = np.where(rng.random(len(rows)) < 0.2, np.nan, seen)
        return rows

    def choose(self, *options: Any) -> Any:
        return options[int(self.rng.integers(len(options)))]


def same_bits(answer: Callable[[Array], Array], rows: Array, expected: Array) -> None:
    """In one batch, row by row and in sevens."""
    for part in (slice(None), slice(5, 6), slice(7, 14)):
        result = answer(np.ascontiguousarray(rows[part]))
        np.testing.assert_array_equal(result.reshape(expected[part].shape), expected[part])


def output(model: _core.Model, name: str) -> Callable[[Array], Array]:
    return lambda rows: model.run(name, (rows,), X=rows)


def check_lightgbm(case: Case, tmp_path: Path) -> None:
    params: dict[str, Any] = {
        "verbose": -1, "num_threads": 1, "seed": 1, "min_data_per_group": 1, "cat_smooth": 0.0,
        "num_leaves": case.choose(2, 4, 31), "min_data_in_leaf": case.choose(1, 5),
        "boosting": case.choose("gbdt", "dart", "rf"), "zero_as_missing": case.choose(False, True),
        "use_missing": case.choose(True, True, False), "max_cat_to_onehot": case.choose(1, 100),
        "max_depth": case.choose(-1, 1, 3), "objective": case.choose("regression", "binary", "l1"),
    }  # fmt: skip
    target = case.score
    if params["boosting"] == "rf":
        params |= {"bagging_freq": 1, "bagging_fraction": 0.6}
    elif case.rng.random() < 0.3:
        params |= {"data_sample_strategy": "goss", "boosting": "gbdt"}
    if params["objective"] == "binary":
        target = case.labels
        if case.n_classes == 3:
            params |= {"objective": "multiclass", "num_class": 3}
    if case.rng.random() < 0.25:
        params |= {"linear_tree": True, "zero_as_missing": False, "objective": "regression"}
        params.pop("num_class", None)
        target = case.score
    data = lgb.Dataset(case.X, target, categorical_feature=case.choose([], [5]))
    booster = lgb.train(params, data, int(case.rng.integers(1, 7)))
    text = booster.model_to_string().encode()
    rows = case.rows(_core.read_trees(text)["tensors"].get("threshold", []))
    model = _core.Model.import_bytes(text)
    same_bits(output(model, "raw"), rows, booster.predict(rows, raw_score=True))
    same_bits(output(model, "leaves"), rows, booster.predict(rows, pred_leaf=True))


def check_xgboost(case: Case, tmp_path: Path) -> None:
    params: dict[str, Any] = {
        "nthread": 1, "seed": 1, "max_depth": case.choose(1, 3, 6), "eta": 0.5,
        "booster": case.choose("gbtree", "gbtree", "dart"), "min_child_weight": 0,
        "num_parallel_tree": case.choose(1, 1, 3), "max_cat_to_onehot": case.choose(1, 100),
        "tree_method": case.choose("hist", "approx"), "rate_drop": 0.5,
        "gamma": case.choose(0, 0.5),
        "objective": case.choose("reg:squarederror", "binary:logistic", "multi:softprob"),
    }  # fmt: skip
    target = case.score if params["objective"] == "reg:squarederror" else case.labels
    if params["objective"] == "multi:softprob":
        params["num_class"] = case.n_classes
    elif params["objective"] == "binary:logistic":
        target = target > 0
    if params["booster"] == "gbtree":
        params.pop("rate_drop")
    types = ["q"] * 5 + [case.choose("q", "c")]

    def matrix(X: Array, label: Any = None) -> Any:
        return xgb.DMatrix(X, label, feature_types=types, enable_categorical=True)

    booster = xgb.train(params, matrix(case.X, target), int(case.rng.integers(1, 7)))
    data = bytes(booster.save_raw("ubj"))
    is_read = np.isnan(ODD) | (np.abs(ODD) < 1e38)  # infinity is an error to XGBoost
    rows = case.rows(_core.read_trees(data)["tensors"].get("threshold", []), ODD[is_read])
    rows[np.abs(rows) > 1e38] = np.nan
    model = _core.Model.import_bytes(data)
    same_bits(output(model, "leaves"), rows, booster.predict(matrix(rows), pred_leaf=True))
    raw = booster.predict(matrix(rows), output_margin=True)
    tolerance = (1e-5 if params["booster"] == "dart" else 5e-7) * (np.abs(raw).max() + 1)
    result = output(model, "raw")(rows).reshape(raw.shape)
    np.testing.assert_allclose(result, raw, rtol=0, atol=tolerance)
    same_bits(output(model, "raw"), rows, result)


def check_catboost(case: Case, tmp_path: Path) -> None:
    cb = pytest.importorskip("catboost")
    policy = case.choose("SymmetricTree", "Depthwise", "Lossguide")
    loss = case.choose("RMSE", "Logloss", "MultiClass", "MAE")
    params: dict[str, Any] = {
        "iterations": int(case.rng.integers(1, 7)), "verbose": 0, "allow_writing_files": False,
        "thread_count": 1, "loss_function": loss, "grow_policy": policy,
        "nan_mode": case.choose("Min", "Max"), "border_count": case.choose(3, 32, 254),
        "bootstrap_type": case.choose("No", "Bayesian"),
    }  # fmt: skip
    params["max_leaves" if policy == "Lossguide" else "depth"] = case.choose(2, 4, 9)
    X = np.clip(case.X, -3e38, 3e38)
    target = case.score if loss in ("RMSE", "MAE") else case.labels
    target = target > 0 if loss == "Logloss" else target
    model = cb.CatBoost(params).fit(X, target)
    path = tmp_path / "model.json"
    model.save_model(str(path), format="json", pool=X)
    data = path.read_bytes()
    read = _core.read_trees(data)
    rows = case.rows(read["tensors"].get("threshold", []))
    imported = _core.Model.import_bytes(data)
    used = slice(0, int(read["n_features"]))
    same_bits(
        output(imported, "raw"),
        np.ascontiguousarray(rows[:, used]),
        model.predict(rows, prediction_type="RawFormulaVal"),
    )
    same_bits(
        output(imported, "leaves"),
        np.ascontiguousarray(rows[:, used]),
        model.calc_leaf_indexes(rows),
    )


def thresholds_of(model: Any) -> Array:
    if hasattr(model, "_predictors"):
        trees = [one for group in model._predictors for one in group]
        return np.concatenate([one.nodes["num_threshold"] for one in trees])
    members = list(np.ravel(getattr(model, "estimators_", [model])))
    return np.concatenate([one.tree_.threshold for one in members])


def check_sklearn(case: Case, tmp_path: Path) -> None:
    small = {"n_estimators": int(case.rng.integers(1, 8)), "random_state": 1}
    depth = case.choose(None, 1, 3, 6)
    kind = case.choose("tree", "forest", "extra", "boosting", "histogram")
    is_label = case.rng.random() < 0.5
    classes: dict[str, Any] = {
        "tree": (tree.DecisionTreeClassifier, tree.DecisionTreeRegressor),
        "forest": (ensemble.RandomForestClassifier, ensemble.RandomForestRegressor),
        "extra": (ensemble.ExtraTreesClassifier, ensemble.ExtraTreesRegressor),
        "boosting": (ensemble.GradientBoostingClassifier, ensemble.GradientBoostingRegressor),
        "histogram": (
            ensemble.HistGradientBoostingClassifier,
            ensemble.HistGradientBoostingRegressor,
        ),
    }
    options = {"random_state": 1} if kind == "tree" else small
    if kind == "histogram":
        options = {"max_iter": 4, "min_samples_leaf": 3, "random_state": 1}
    model = classes[kind][0 if is_label else 1](max_depth=depth, **options)
    X = np.nan_to_num(case.X) if kind == "boosting" else case.X
    model.fit(X, case.labels if is_label else case.score)
    odd = ODD[np.isnan(ODD) | (np.abs(ODD) < 1e38)]
    rows = case.rows(thresholds_of(model), ODD if kind == "histogram" else odd)
    if kind != "histogram":
        rows[np.abs(rows) > 1e38] = 0.5  # float32 does not hold it: an error
    rows = np.nan_to_num(rows) if kind == "boosting" or not np.isnan(X).any() else rows
    fast = willump.compile(model, strict=True, n_threads=1)
    sums = "decision_function" if hasattr(model, "decision_function") else "predict_proba"
    for method in ("predict", sums):
        if hasattr(model, method):
            same_bits(getattr(fast, method), rows, getattr(model, method)(rows))


CHECKS = {
    "lightgbm": check_lightgbm,
    "xgboost": check_xgboost,
    "catboost": check_catboost,
    "sklearn": check_sklearn,
}


@pytest.mark.parametrize("chunk", range(CHUNKS))
@pytest.mark.parametrize("library", CHECKS)
def test_a_random_model_answers_as_its_library(library: str, chunk: int, tmp_path: Path) -> None:
    for seed in range(chunk * PER_CHUNK, (chunk + 1) * PER_CHUNK):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                CHECKS[library](Case(library, seed), tmp_path)
            except Exception as error:
                error.add_note(f"{library}, seed {seed}")
                raise
        MODELS[library] += 1
