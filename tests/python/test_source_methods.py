"""Methods and options of models of trees, against the libraries themselves."""

from __future__ import annotations

import itertools
import pickle
import types
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import willump
from sklearn import ensemble as en
from sklearn import tree as tr
from sklearn.base import clone
from sklearn.linear_model import BayesianRidge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler

lgb = pytest.importorskip("lightgbm")
xgb = pytest.importorskip("xgboost")

pytestmark = pytest.mark.filterwarnings("ignore")

LIGHT: dict[str, Any] = {"n_estimators": 9, "verbose": -1, "n_jobs": 1}
EXTREME: dict[str, Any] = {"n_estimators": 9, "n_jobs": 1}

Call = tuple[str, dict[str, Any]]


def rows(seed: int, n: int = 200, *, has_gaps: bool = True) -> Any:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 5)).round(2)
    if has_gaps:
        X[rng.random(X.shape) < 0.05] = np.nan
    return X


def targets(X: Any, n_classes: int) -> Any:
    noisy = np.nan_to_num(X[:, 0]) + np.random.default_rng(1).normal(size=len(X)) / 2
    return noisy if n_classes == 0 else np.digitize(noisy, [-0.5, 0.5][: n_classes - 1])


def assert_same(expected: Any, result: Any, tolerance: float, label: str) -> None:
    """Equal in type, dtype, shape and numbers; generators and tuples item by item."""
    if isinstance(expected, (tuple, types.GeneratorType)):
        expected, result = list(expected), list(result)
        assert len(expected) == len(result), label
        for one, other in zip(expected, result, strict=True):
            assert_same(one, other, tolerance, label)
        return
    if sp.issparse(expected):
        assert type(result) is type(expected), label
        expected, result = expected.toarray(), result.toarray()
    assert (result.dtype, result.shape) == (expected.dtype, expected.shape), label
    if tolerance and expected.dtype.kind == "f":
        np.testing.assert_allclose(result, expected, tolerance, tolerance, err_msg=label)
    else:
        np.testing.assert_array_equal(result, expected, err_msg=label)


def check(model: Any, X: Any, calls: list[Call], tolerance: float = 0.0) -> None:
    """The compiled model, a loaded one and a pickled one answer as the model."""
    fast = willump.compile(model, strict=True)
    for again in (fast, willump.from_bytes(fast.to_bytes()), pickle.loads(pickle.dumps(fast))):
        for method, options in calls:
            for given in (X, X[:1], X.astype(np.float32)):
                expected = getattr(model, method)(given, **options)
                result = getattr(again, method)(given, **options)
                assert_same(expected, result, tolerance, f"{method} {options} {given.shape}")


def calls(methods: str, *options: dict[str, Any]) -> list[Call]:
    return [(method, given) for method in methods.split() for given in options]


LIGHT_RANGES: list[dict[str, Any]] = [
    {"num_iteration": 3}, {"start_iteration": 2, "num_iteration": 3}, {"start_iteration": 4},
    {"num_iteration": 0}, {"num_iteration": -1}, {"num_iteration": 9}, {"num_iteration": 99},
    {"start_iteration": -1}, {"start_iteration": 0, "num_iteration": None}, {"n_jobs": 2},
]  # fmt: skip
LIGHT_OPTIONS: list[dict[str, Any]] = [
    {}, {"raw_score": True}, {"pred_leaf": True}, {"raw_score": True, "pred_leaf": True},
    {"raw_score": True, "start_iteration": 1, "num_iteration": 5},
    {"pred_leaf": True, "start_iteration": 3}, {"pred_leaf": True, "start_iteration": 40},
    {"raw_score": False, "pred_contrib": False}, {"predict_disable_shape_check": True},
    *LIGHT_RANGES,
]  # fmt: skip
EXTREME_RANGES: list[dict[str, Any]] = [
    {}, {"iteration_range": (0, 4)}, {"iteration_range": (0, 9)}, {"iteration_range": (0, 0)},
    {"iteration_range": (3, 0)}, {"iteration_range": (-1, 0)}, {"iteration_range": "04"},
]  # fmt: skip
EXTREME_OPTIONS: list[dict[str, Any]] = [
    *EXTREME_RANGES, {"iteration_range": (2, 5)}, {"validate_features": False},
    {"validate_features": True, "iteration_range": (1, 9)},
]  # fmt: skip
MARGINS: list[dict[str, Any]] = [
    {"output_margin": True}, {"output_margin": True, "iteration_range": (2, 7)},
]  # fmt: skip


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("boosting", ["gbdt", "rf", "dart"])
def test_lightgbm_classifiers_take_its_options(n_classes: int, boosting: str) -> None:
    X = rows(n_classes)
    bagging = {"subsample": 0.5, "subsample_freq": 1} if boosting == "rf" else {}
    model = lgb.LGBMClassifier(boosting_type=boosting, **bagging, **LIGHT)
    model.fit(X, np.array(["no", "yes", "maybe"])[targets(X, n_classes)])
    check(model, X, calls("predict predict_proba", *LIGHT_OPTIONS), 1e-12)
    if hasattr(model, "decision_function"):
        check(model, X, calls("decision_function", *LIGHT_RANGES), 1e-12)


@pytest.mark.parametrize(
    "params", [{}, {"objective": "poisson"}, {"linear_tree": True}, {"n_estimators": 1}]
)
def test_lightgbm_regressors_take_its_options(params: Any) -> None:
    X = rows(4)
    model = lgb.LGBMRegressor(**{**LIGHT, **params}).fit(X, np.abs(targets(X, 0)))
    check(model, X, calls("predict", *LIGHT_OPTIONS), 1e-12)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_xgboost_classifiers_take_its_options(n_classes: int) -> None:
    X = rows(n_classes)
    y = targets(X, n_classes)
    model = xgb.XGBClassifier(**EXTREME).fit(X, y)
    check(model, X, calls("predict predict_proba", *EXTREME_OPTIONS), 2e-6)
    check(model, X, [*calls("predict", *MARGINS), *calls("apply", *EXTREME_RANGES)], 2e-6)
    forest = xgb.XGBRFClassifier(**EXTREME).fit(X, y)
    check(forest, X, calls("predict apply", {}, {"iteration_range": (0, 1)}), 2e-6)


@pytest.mark.parametrize("params", [{}, {"booster": "dart"}, {"num_parallel_tree": 3}])
@pytest.mark.parametrize("asked", [(0, -1), (-1, 3), (-3, -1), (-2, 9)], ids=repr)
def test_xgboost_s_negative_ranges_are_refused(params: Any, asked: Any) -> None:
    X = rows(6)  # XGBoost reads memory that is not its own
    fast = willump.compile(xgb.XGBRegressor(**EXTREME, **params).fit(X, targets(X, 0)))
    for method in (fast.predict, fast.apply):
        with pytest.raises(ValueError, match="Out of range"):
            method(X, iteration_range=asked)


@pytest.mark.parametrize("k", [1, 5, 9])
def test_xgboost_answers_no_iterations_with_the_base_score(k: int) -> None:
    X = rows(5)
    asked = {"iteration_range": (k, k)}
    two = np.stack([targets(X, 0), -X[:, 1]], axis=1)
    for params, y in (
        ({}, targets(X, 0)),
        ({"num_parallel_tree": 3}, targets(X, 0)),
        ({"multi_strategy": "multi_output_tree"}, np.nan_to_num(two)),
    ):
        model = xgb.XGBRegressor(**EXTREME, **params).fit(X, y)
        check(model, X, calls("predict", asked, {**asked, "output_margin": True}), 2e-6)
    for n_classes in (2, 3):
        classifier = xgb.XGBClassifier(**EXTREME).fit(X, targets(X, n_classes))
        check(classifier, X, calls("predict predict_proba", asked), 2e-6)


def test_no_iterations_of_a_model_with_a_best_one_need_no_original() -> None:
    X = rows(9, 400)
    y = targets(X, 2)
    model = xgb.XGBClassifier(n_estimators=60, early_stopping_rounds=3, n_jobs=1)
    model.fit(X[:200], y[:200], eval_set=[(X[200:], y[200:])], verbose=False)
    n = model.get_booster().num_boosted_rounds()
    check(model, X, calls("predict predict_proba", {"iteration_range": (n, n)}), 2e-6)


@pytest.mark.parametrize("n_classes", [0, 2, 3])
def test_no_iterations_of_a_random_forest_of_lightgbm_are_nan(n_classes: int) -> None:
    X = rows(3)
    of_forest = {"boosting_type": "rf", "subsample": 0.5, "subsample_freq": 1, **LIGHT}
    model = (lgb.LGBMClassifier if n_classes else lgb.LGBMRegressor)(**of_forest)
    model.fit(X, targets(X, n_classes))
    empty: list[dict[str, Any]] = [{"start_iteration": 9}, {"start_iteration": 40}]
    empty += [{"raw_score": True, **given} for given in empty]
    check(model, X, calls("predict predict_proba" if n_classes else "predict", *empty))


@pytest.mark.parametrize(
    "params", [{}, {"booster": "dart", "rate_drop": 0.5}, {"num_parallel_tree": 3}]
)
def test_xgboost_regressors_take_its_options(params: Any) -> None:
    X = rows(6)
    model = xgb.XGBRegressor(**EXTREME, **params).fit(X, targets(X, 0))
    check(model, X, calls("predict", *EXTREME_OPTIONS, *MARGINS), 2e-6)
    check(model, X, calls("apply", *EXTREME_RANGES), 0.0)


def test_one_tree_of_xgboost_is_applied_flat() -> None:
    X = rows(7)
    model = xgb.XGBRegressor(n_estimators=1, n_jobs=1).fit(X, targets(X, 0))
    check(model, X, calls("apply", {}, {"iteration_range": (0, 1)}))


def test_rankers_take_the_options_of_their_libraries() -> None:
    X = rows(8)
    y, groups = targets(X, 3), [50] * 4
    check(
        lgb.LGBMRanker(**LIGHT).fit(X, y, group=groups), X, calls("predict", *LIGHT_OPTIONS), 1e-12
    )
    ranker = xgb.XGBRanker(**EXTREME).fit(X, y, group=groups)
    check(ranker, X, calls("predict", *EXTREME_OPTIONS, *MARGINS), 2e-6)


def test_iterations_after_the_best_need_the_original() -> None:
    X = rows(9, 400)
    y = targets(X, 2)
    light = lgb.train({"verbose": -1}, lgb.Dataset(X, y), 12)
    light.best_iteration = 7  # as early stopping with keep_training_booster leaves it
    extreme = xgb.XGBClassifier(n_estimators=60, early_stopping_rounds=3, n_jobs=1)
    extreme.fit(X[:200], y[:200], eval_set=[(X[200:], y[200:])], verbose=False)
    best, n = extreme.best_iteration + 1, extreme.get_booster().num_boosted_rounds()
    assert best < n
    for model, within, beyond in (
        (light, {"num_iteration": 7}, {"num_iteration": 9}),
        (extreme, {"iteration_range": (0, best)}, {"iteration_range": (1, n)}),
    ):
        fast = willump.compile(model, strict=True)
        loaded = willump.from_bytes(fast.to_bytes())
        for given, again in ((within, fast), (within, loaded), (beyond, fast)):
            expected = model.predict(X, **given)
            np.testing.assert_allclose(again.predict(X, **given), expected, 2e-6, 2e-6)
        with pytest.raises(willump.UnsupportedError, match="compile the original again"):
            loaded.predict(X, **beyond)


def test_imported_models_have_ranges(tmp_path: Any) -> None:
    X = rows(10)
    light = lgb.train({"verbose": -1}, lgb.Dataset(X, targets(X, 0)), 9)
    matrix = xgb.DMatrix(X, targets(X, 0))
    extreme = xgb.train({}, matrix, 9)
    for booster, data, options in (
        (light, light.model_to_string().encode(), {"start_iteration": 2, "num_iteration": 3}),
        (light, light.model_to_string().encode(), {"num_iteration": 9}),
        (light, light.model_to_string().encode(), {"num_iteration": -1}),
        (extreme, bytes(extreme.save_raw("json")), {"iteration_range": (0, 9)}),
        (extreme, bytes(extreme.save_raw("ubj")), {"iteration_range": (3, 0)}),
        (extreme, bytes(extreme.save_raw("ubj")), {"iteration_range": (0, 0)}),
    ):
        willump.CompiledModel.from_model(willump._core.Model.import_bytes(data)).save(
            tmp_path / "m"
        )
        fast = willump.load(tmp_path / "m")
        expected = booster.predict(X if booster is light else matrix, **options)
        np.testing.assert_allclose(fast.predict(X, **options), expected, 2e-6, 2e-6)


TREES: list[tuple[Any, str]] = [
    (tr.DecisionTreeClassifier(max_depth=5), "apply decision_path"),
    (tr.DecisionTreeRegressor(), "apply decision_path"),
    (tr.ExtraTreeClassifier(max_leaf_nodes=6), "apply"),
    (en.RandomForestClassifier(4, max_depth=5), "apply decision_path"),
    (en.RandomForestRegressor(4), "apply decision_path"),
    (en.ExtraTreesClassifier(4, max_leaf_nodes=6), "apply"),
    (en.GradientBoostingClassifier(n_estimators=4, max_depth=2),
     "apply staged_predict staged_predict_proba staged_decision_function"),
    (en.GradientBoostingRegressor(n_estimators=4), "apply staged_predict"),
    (en.HistGradientBoostingClassifier(max_iter=40, max_leaf_nodes=4),
     "staged_predict staged_predict_proba staged_decision_function"),
    (en.HistGradientBoostingRegressor(max_iter=4), "staged_predict"),
    (en.HistGradientBoostingRegressor(max_iter=4, loss="poisson"), "staged_predict"),
    (en.AdaBoostClassifier(n_estimators=4),
     "staged_predict staged_predict_proba staged_decision_function"),
]  # fmt: skip


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize(("model", "methods"), TREES)
def test_scikit_learn_s_methods_of_trees(model: Any, methods: str, n_classes: int) -> None:
    has_gaps = not isinstance(model, (tr.ExtraTreeClassifier, en.GradientBoostingClassifier,
                                      en.GradientBoostingRegressor, en.AdaBoostClassifier,
                                      en.ExtraTreesClassifier))  # fmt: skip
    X = rows(n_classes, has_gaps=has_gaps)
    is_regressor = type(model).__name__.endswith("Regressor")
    y = np.abs(targets(X, 0)) if is_regressor else np.array(["a", "b", "c"])[targets(X, n_classes)]
    check(clone(model).set_params(random_state=0).fit(X, y), X, calls(methods, {}), 1e-13)


def outcome(call: Any) -> Any:
    """What a call answers, or the type of its error."""
    try:
        return call()
    except Exception as error:
        return type(error)


@pytest.mark.parametrize("library", ["scikit-learn", "xgboost"])
@pytest.mark.parametrize("n_classes", [0, 2, 3])
def test_apply_takes_what_the_original_s_takes(library: str, n_classes: int) -> None:
    X = rows(30, has_gaps=False)
    kinds = (en.GradientBoostingRegressor, en.GradientBoostingClassifier)
    if library == "xgboost":
        kinds = (xgb.XGBRegressor, xgb.XGBClassifier)
    model = kinds[n_classes > 0](n_estimators=4).fit(X, targets(X, n_classes))
    fast = willump.compile(model, strict=True)
    gaps, infinite = X.copy(), X.copy()
    gaps[::7, 1] = np.nan
    infinite[3, 2] = -np.inf
    for given in (X, gaps, infinite, X * 1e300, gaps.tolist(), X.tolist(), gaps.astype(object),
                  sp.csr_array(gaps), sp.csr_array(X), sp.csr_array(infinite),
                  pd.DataFrame(gaps)):  # fmt: skip
        for again in (fast, willump.from_bytes(fast.to_bytes())):
            expected = outcome(lambda: model.apply(given))  # noqa: B023
            result = outcome(lambda: again.apply(given))  # noqa: B023
            if isinstance(expected, type):
                assert result is expected
            else:
                assert_same(expected, result, 0.0, str(type(given)))


@pytest.mark.parametrize("dtype", [str, object, int])
def test_a_stage_of_one_row_is_a_scalar_where_the_original_s_is(dtype: type) -> None:
    X = rows(31, has_gaps=False)
    y = targets(X, 2) if dtype is int else np.array(["a", "b"], dtype)[targets(X, 2)]
    model = en.GradientBoostingClassifier(n_estimators=3).fit(X, y)
    fast = willump.compile(model)
    for expected, result in zip(model.staged_predict(X[:1]), fast.staged_predict(X[:1]),
                                strict=True):  # fmt: skip
        assert type(result) is type(expected)
        assert result == expected


def test_apply_takes_check_input() -> None:
    X = rows(11).astype(np.float32)
    check(
        tr.DecisionTreeRegressor().fit(X, targets(X, 0)), X, calls("apply", {"check_input": False})
    )


def test_paths_of_trees_grown_best_first_are_refused_by_name() -> None:
    X = rows(12)
    model = tr.DecisionTreeRegressor(max_leaf_nodes=9).fit(X, targets(X, 0))
    with pytest.raises(willump.UnsupportedError, match="max_leaf_nodes"):
        willump.compile(model).decision_path(X)


def test_isolation_forests_have_score_samples() -> None:
    X = rows(13)
    model = make_pipeline(MaxAbsScaler(), en.IsolationForest(n_estimators=9, random_state=0)).fit(X)
    check(model, X, calls("score_samples", {}), 2e-16)


CAT: dict[str, Any] = {"iterations": 9, "depth": 3, "verbose": False,
                       "allow_writing_files": False, "thread_count": 1}  # fmt: skip
CAT_RANGES: list[dict[str, Any]] = [
    {}, {"ntree_end": 4}, {"ntree_end": 9}, {"ntree_start": 3, "ntree_end": 7}, {"thread_count": 2},
]  # fmt: skip


@pytest.mark.parametrize("n_classes", [0, 2, 3])
def test_catboost_takes_its_options(n_classes: int) -> None:
    cb = pytest.importorskip("catboost")
    X = rows(n_classes)
    y = targets(X, n_classes)
    stages = [*CAT_RANGES, {"ntree_start": 1, "ntree_end": 8, "eval_period": 3}]
    types_of = ["RawFormulaVal", "Class", "Probability", "LogProbability"]
    model = cb.CatBoostClassifier(
        loss_function="MultiClass" if n_classes == 3 else "Logloss", **CAT
    )
    methods = "predict predict_proba predict_log_proba"
    staged = "staged_predict staged_predict_proba staged_predict_log_proba"
    if n_classes == 0:
        model, methods, staged = cb.CatBoostRegressor(**CAT), "predict", "staged_predict"
        types_of = types_of[:1]
    model.fit(X, y)
    kinds = [
        {"prediction_type": kind, **given} for kind in types_of for given in ({}, {"ntree_end": 5})
    ]
    every = [*calls(methods, *CAT_RANGES), *calls("predict staged_predict", *kinds)]
    every += [*calls(staged, *stages), *calls("calc_leaf_indexes", *CAT_RANGES)]
    check(model, X, every, 1e-12)


def test_catboost_s_ranges_are_its_own() -> None:
    cb = pytest.importorskip("catboost")
    X = rows(4, 50)
    model = cb.CatBoostClassifier(**{**CAT, "iterations": 4}).fit(X, targets(X, 2))
    fast = willump.compile(model, strict=True)
    for start, end in itertools.product((-1, 0, 1, 3, 4, 5), repeat=2):
        asked = {"ntree_start": start, "ntree_end": end}
        for name in ("predict", "predict_proba", "calc_leaf_indexes", "staged_predict"):
            try:
                expected = list(getattr(model, name)(X, **asked))
            except cb.CatBoostError:
                with pytest.raises(cb.CatBoostError):
                    list(getattr(fast, name)(X, **asked))
                continue
            result = list(getattr(fast, name)(X, **asked))
            assert len(result) == len(expected), f"{name} {asked}"
            for one, other in zip(expected, result, strict=True):
                np.testing.assert_allclose(other, one, 1e-12, err_msg=f"{name} {asked}")


def test_an_imported_model_of_catboost_has_its_ranges(tmp_path: Any) -> None:
    cb = pytest.importorskip("catboost")
    X = rows(5, 50)
    model = cb.CatBoostRegressor(**CAT).fit(X, targets(X, 0))
    model.save_model(str(tmp_path / "m.json"), format="json", pool=X)
    data = (tmp_path / "m.json").read_bytes()
    fast = willump.CompiledModel.from_model(willump._core.Model.import_bytes(data))
    for start, end in ((0, 0), (0, 4), (2, 7), (3, 9)):
        asked = {"ntree_start": start, "ntree_end": end}
        np.testing.assert_allclose(fast.predict(X, **asked), model.predict(X, **asked), 1e-12)
    asked = {"ntree_start": 3}
    leaves = fast.predict(X, pred_leaf=True, **asked)
    np.testing.assert_array_equal(leaves, model.calc_leaf_indexes(X, **asked))
    with pytest.raises(cb.CatBoostError, match="Empty tree range"):
        fast.predict(X, **asked)
    with pytest.raises(TypeError, match="num_iteration"):
        fast.predict(X, num_iteration=2)


def test_catboost_s_exponent() -> None:
    cb = pytest.importorskip("catboost")
    X = rows(14)
    model = cb.CatBoostRegressor(loss_function="Poisson", **CAT).fit(X, np.abs(targets(X, 0)))
    types_of: list[dict[str, Any]] = [{"prediction_type": t} for t in ("Exponent", "RawFormulaVal")]
    check(model, X, calls("predict staged_predict", {}, *types_of), 1e-12)
    plain = cb.CatBoost({"loss_function": "Poisson", **CAT}).fit(X, np.abs(targets(X, 0)))
    check(plain, X, calls("predict staged_predict", {}, *types_of[1:]), 1e-12)
    with pytest.raises(willump.UnsupportedError, match="prediction_type='Exponent'"):
        willump.compile(plain).predict(X, prediction_type="Exponent")


def test_a_pipeline_passes_options_on_and_has_no_methods_of_its_last_step() -> None:
    X = rows(15)
    y = targets(X, 2)
    model = make_pipeline(MaxAbsScaler(), lgb.LGBMClassifier(**LIGHT)).fit(X, y)
    check(model, X, calls("predict predict_proba", *LIGHT_OPTIONS), 1e-12)
    fast = willump.compile(make_pipeline(MaxAbsScaler(), tr.DecisionTreeClassifier()).fit(X, y))
    assert not hasattr(fast, "apply")
    with pytest.raises(AttributeError, match="'apply': the compiled Pipeline has predict"):
        fast.apply(X)
    with pytest.raises(TypeError):
        model.predict(X, True)
    with pytest.raises(TypeError):
        willump.compile(model).predict(X, True)


def test_options_go_by_position_where_the_source_s_do() -> None:
    X = rows(16)
    model = lgb.LGBMRegressor(**LIGHT).fit(X, targets(X, 0))
    fast = willump.compile(model)
    np.testing.assert_array_equal(fast.predict(X, True, 1, 3), model.predict(X, True, 1, 3))
    other = willump.compile(xgb.XGBRegressor(**EXTREME).fit(X, targets(X, 0)))
    with pytest.raises(TypeError, match="positional"):
        other.predict(X, True)


@pytest.mark.parametrize("kind", ["pandas", "polars"])
def test_frames_go_with_options(kind: str) -> None:
    frame = pd.DataFrame(rows(17), columns=list("abcde"))
    y = targets(frame.to_numpy(), 2)
    given: Any = frame if kind == "pandas" else pytest.importorskip("polars").from_pandas(frame)
    light = lgb.LGBMClassifier(**LIGHT).fit(frame, y)
    extreme = xgb.XGBClassifier(**EXTREME).fit(frame, y)
    for model, options in (
        (light, {"pred_leaf": True, "validate_features": True}),
        (light, {"num_iteration": 2}),
        (extreme, {"iteration_range": (1, 4)}),
    ):
        expected = model.predict(given, **options)
        np.testing.assert_array_equal(willump.compile(model).predict(given, **options), expected)


def test_validate_features_compares_names() -> None:
    frame = pd.DataFrame(rows(18), columns=list("abcde"))
    y = targets(frame.to_numpy(), 0)
    other = frame[list("bacde")]
    light = lgb.LGBMRegressor(**LIGHT).fit(frame, y)
    for model in (light, willump.compile(light)):
        with pytest.raises(lgb.basic.LightGBMError, match="position"):
            model.predict(other, validate_features=True)
    extreme = xgb.XGBRegressor(**EXTREME).fit(frame, y)
    fast = willump.compile(extreme)
    with pytest.raises(ValueError, match="feature_names"):
        extreme.predict(other)
    with pytest.raises(ValueError, match="feature_names"):
        fast.predict(other, iteration_range=(0, 2))
    expected = extreme.predict(other, validate_features=False)
    np.testing.assert_allclose(fast.predict(other, validate_features=False), expected, 2e-6, 2e-6)


WRONG: list[tuple[str, str, dict[str, Any]]] = [
    ("light", "predict", {"num_iteration": "a"}),
    ("light", "predict", {"num_iteration": 2.0}),
    ("light", "predict", {"start_iteration": None}),
    ("extreme", "predict", {"iteration_range": (0, 50)}),
    ("extreme", "predict", {"iteration_range": (5, 3)}),
    ("extreme", "predict", {"iteration_range": 3}),
    ("extreme", "predict", {"iteration_range": ("a", 3)}),
    ("extreme", "predict", {"iteration_range": (1,)}),
    ("extreme", "apply", {"iteration_range": (1, 3)}),
    ("extreme", "apply", {"iteration_range": (3, 3)}),
    ("extreme", "predict", {"iteration_range": (10, 10)}),
    ("extreme", "predict", {"iteration_range": (None, None)}),
    ("dart", "predict", {"iteration_range": (10, 10)}),
    ("dart", "apply", {"iteration_range": (3, 3)}),
    ("extreme", "predict", {"of_nobody": 1}),
    ("cat", "predict", {"prediction_type": "x"}),
    ("cat", "predict", {"prediction_type": 3}),
    ("cat", "predict", {"ntree_end": 40}),
    ("cat", "predict", {"ntree_start": 5, "ntree_end": 3}),
    ("cat", "predict", {"ntree_start": -1}),
    ("cat", "predict", {"ntree_start": 3, "ntree_end": 3}),
    ("cat", "predict", {"ntree_start": 9}),
    ("cat", "predict", {"ntree_end": -1}),
    ("cat", "staged_predict", {"eval_period": 0}),
]


@pytest.mark.parametrize(("library", "method", "options"), WRONG)
def test_wrong_options_raise_as_the_library(library: str, method: str, options: Any) -> None:
    X = rows(19)
    y = targets(X, 2)
    if library == "cat":
        model = pytest.importorskip("catboost").CatBoostClassifier(**CAT).fit(X, y)
    else:
        booster = "dart" if library == "dart" else "gbtree"
        extreme = xgb.XGBClassifier(booster=booster, **EXTREME)
        model = (lgb.LGBMClassifier(**LIGHT) if library == "light" else extreme).fit(X, y)
    with pytest.raises(Exception) as expected:  # noqa: PT011
        list(getattr(model, method)(X, **options))
    with pytest.raises(Exception) as raised:  # noqa: PT011
        list(getattr(willump.compile(model), method)(X, **options))
    assert type(raised.value) is type(expected.value)


REFUSED: list[tuple[Any, str, dict[str, Any], str]] = [
    (lgb.LGBMRegressor(**LIGHT), "predict", {"pred_contrib": True}, "pred_contrib"),
    (lgb.LGBMRegressor(**LIGHT), "predict", {"pred_early_stop": True}, "pred_early_stop"),
    (xgb.XGBRegressor(**EXTREME), "predict", {"base_margin": np.zeros(200)}, "base_margin"),
    (xgb.XGBRegressor(booster="dart", **EXTREME), "predict", {"iteration_range": (3, 3)},
     "iteration_range"),
    (BayesianRidge(), "predict", {"return_std": True}, "return_std"),
    (make_pipeline(BayesianRidge()), "predict", {"return_std": True}, "return_std"),
]  # fmt: skip


@pytest.mark.parametrize(("model", "method", "options", "name"), REFUSED)
def test_options_that_are_not_offered_are_refused_by_name(
    model: Any, method: str, options: Any, name: str
) -> None:
    X = rows(20, has_gaps=False)
    fast = willump.compile(clone(model).fit(X, targets(X, 0)))
    for again in (fast, willump.from_bytes(fast.to_bytes())) if not fast._steps else (fast,):
        with pytest.raises(willump.UnsupportedError, match=name):
            getattr(again, method)(X, **options)


def test_methods_that_are_not_offered_are_refused_by_name() -> None:
    X = rows(21, has_gaps=False)
    ada = willump.compile(en.AdaBoostRegressor(n_estimators=3).fit(X, targets(X, 0)))
    forest = willump.compile(en.IsolationForest(n_estimators=3).fit(X))
    ridge = en.GradientBoostingRegressor(n_estimators=3, init=BayesianRidge())
    started = willump.compile(ridge.fit(X, targets(X, 0)))
    several = en.ExtraTreesClassifier(3).fit(X, np.c_[targets(X, 2), targets(X, 3)])
    outputs = willump.compile(several)
    for model, name in (
        (ada, "staged_predict"), (ada, "staged_score"), (forest, "fit_predict"),
        (started, "apply"), (started, "staged_predict"),
        (outputs, "apply"), (outputs, "predict_proba"),
    ):  # fmt: skip
        assert not hasattr(model, name)
        with pytest.raises(AttributeError, match=f"{name}': the compiled .* has "):
            getattr(model, name)
    with pytest.raises(AttributeError, match="get_feature_names_out"):
        _ = ada.set_output


def test_a_cascade_refuses_options_by_name() -> None:
    X = rows(22, 6_000, has_gaps=False)
    y = targets(X, 2)
    model = lgb.LGBMClassifier(n_estimators=60, verbose=-1, n_jobs=1).fit(X[:1_500], y[:1_500])
    target = willump.Agreement(0.95)
    cascade = willump.optimize(
        model, X[:1_500], X_cal=X[1_500:4_000], target=target, costs=[1.0] * 11
    )
    assert cascade.metadata["certificate"]["share_leaving"] > 0.2
    for again in (cascade, willump.from_bytes(cascade.to_bytes())):
        with pytest.raises(willump.UnsupportedError, match=r"raw_score=.*cascade"):
            again.predict(X, raw_score=True)
        assert len(again.predict(X=X[:3])) == 3


def test_no_rows_are_refused_as_without_options() -> None:
    X = rows(23)
    model = lgb.LGBMRegressor(**LIGHT).fit(X, targets(X, 0))
    fast = willump.compile(model)
    for options in ({}, {"raw_score": True}, {"pred_leaf": True}, {"num_iteration": 2}):
        with pytest.raises(ValueError, match="minimum of 1"):
            model.predict(X[:0], **options)
        with pytest.raises(ValueError, match="minimum of 1"):
            fast.predict(X[:0], **options)


def test_a_fit_forgets_the_variants_of_before() -> None:
    X = rows(24)
    fast = willump.compile(lgb.LGBMRegressor(**LIGHT).fit(X, targets(X, 0)))
    before = fast.predict(X, num_iteration=2)
    fast.fit(X, -targets(X, 0))
    assert not np.array_equal(fast.predict(X, num_iteration=2), before)


def test_a_damaged_source_in_the_metadata_is_refused() -> None:
    X = rows(25)
    fast = willump.compile(lgb.LGBMRegressor(**LIGHT).fit(X, targets(X, 0)))
    fast.metadata["source"]["n_iterations"] = 7
    with pytest.raises(willump.ArtifactError, match="9 trees in 7 iterations"):
        fast.predict(X, num_iteration=3)


@pytest.mark.parametrize("seed", range(8))
def test_a_dmatrix_is_taken_as_xgboost_takes_it(seed: int) -> None:
    rng = np.random.default_rng(seed)
    X = np.where(rng.random((200, 4)) < 0.2, np.nan, rng.normal(size=(200, 4)).round(1))
    y, names = np.nan_to_num(X[:, 0]) + np.isnan(X[:, 1]), [None, list("abcd")][seed % 2]
    params = [{}, {"objective": "multi:softprob", "num_class": 3}, {"booster": "dart"}][seed % 3]
    goal = np.digitize(y, [0, 1]) if "num_class" in params else y
    booster = xgb.train(params, xgb.DMatrix(X, goal, feature_names=names), 5)
    fast = willump.compile(booster)
    stored = sp.csr_array(np.where(rng.random(X.shape) < 0.5, 0.0, X))
    given = {
        "dense": xgb.DMatrix(X, feature_names=names),
        "labels": xgb.DMatrix(X, goal, weight=rng.random(200), feature_names=names),
        "sparse": xgb.DMatrix(stored, feature_names=names),
        "missing": xgb.DMatrix(X, missing=0.1, feature_names=names),
        "one row": xgb.DMatrix(X[:1], feature_names=names),
        "nameless": xgb.DMatrix(X),
        "other names": xgb.DMatrix(X, feature_names=list("abdc")),
    }
    every: list[dict[str, Any]] = [
        {}, {"output_margin": True}, {"pred_leaf": True}, {"iteration_range": (0, 2)},
        {"validate_features": False},
    ]  # fmt: skip
    for again in (fast, willump.from_bytes(fast.to_bytes())):
        for (name, matrix), options in itertools.product(given.items(), every):
            expected = outcome(lambda: booster.predict(matrix, **options))  # noqa: B023
            if expected is ValueError:
                with pytest.raises(ValueError, match=r"feature.names"):
                    again.predict(matrix, **options)
                continue
            result = again.predict(matrix, **options)
            assert result.shape == expected.shape, f"{name} {options}"
            np.testing.assert_allclose(result, expected, 2e-6, 2e-6, err_msg=f"{name} {options}")
    assert fast.verify(given["dense"]).ok
    wide = xgb.DMatrix(np.hstack([X, X]), feature_names=names and [*names, *"efgh"])
    for predict in (booster.predict, fast.predict):
        with pytest.raises(ValueError, match=r"feature|columns"):
            predict(wide)


def test_a_dmatrix_of_what_is_not_in_its_rows_is_refused() -> None:
    X = np.random.default_rng(0).normal(size=(50, 2))
    data = pd.DataFrame({"a": pd.Categorical(["u", "v"] * 25), "b": X[:, 1]})
    own = xgb.DMatrix(data, X[:, 0], enable_categorical=True)
    plain = willump.compile(xgb.train({}, xgb.DMatrix(X, X[:, 0]), 2))
    of_values = willump.compile(xgb.train({}, own, 2))
    for model, given, error, message in (
        (plain, xgb.DMatrix(X, base_margin=X[:, 0]), willump.UnsupportedError, "base_margin"),
        (plain, xgb.QuantileDMatrix(X), TypeError, "QuantileDMatrix.* give a DMatrix, an array"),
        (of_values, own, willump.UnsupportedError, "give the frame"),
    ):
        with pytest.raises(error, match=message):
            model.predict(given)


def test_a_dmatrix_of_codes_is_taken() -> None:
    X = np.column_stack([np.arange(60) % 4, np.arange(60) % 7]).astype(float)
    matrix = xgb.DMatrix(X, X[:, 0] * X[:, 1], feature_types=["c", "q"], enable_categorical=True)
    booster = xgb.train({}, matrix, 3)
    np.testing.assert_allclose(
        willump.compile(booster).predict(matrix), booster.predict(matrix), 1e-6
    )
