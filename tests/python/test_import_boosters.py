"""Imported boosters against LightGBM and XGBoost themselves: random models, and
rows with values that equal thresholds, lie beside them, or are no numbers.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from willump import UnsupportedError, _core

lgb = pytest.importorskip("lightgbm")
xgb = pytest.importorskip("xgboost")

Array = npt.NDArray[Any]
ODD = [0.0, -0.0, np.nan, 1e-36, -1e-35, 1e-35, 5e-324, 1e300, -1e300, 3.5]


def run(model: _core.Model, X: Array, output: str, like: Array) -> Array:
    result: Array = model.run(output, (np.ascontiguousarray(X, dtype=np.float64),), X=X)
    return result.reshape(like.shape)


def training_data(
    rng: np.random.Generator, n_rows: int, n_categories: int
) -> tuple[Array, list[int]]:
    """Columns: normal, coarse, mostly zero, wide, constant, categories, categories."""
    X = np.column_stack(
        [
            rng.normal(size=n_rows),
            rng.integers(-3, 4, n_rows) / 2.0,
            np.where(rng.random(n_rows) < 0.7, 0.0, rng.normal(size=n_rows)),
            rng.normal(size=n_rows) * 10.0 ** rng.integers(-20, 20, n_rows),
            np.full(n_rows, 2.5),
            rng.integers(0, n_categories, n_rows),
            rng.integers(0, 4, n_rows),
        ]
    ).astype(np.float64)
    X[rng.random(X.shape) < rng.choice([0.0, 0.1])] = np.nan
    return X, [5, 6]


def rows_of(
    rng: np.random.Generator, X: Array, thresholds: Array, categories: list[int], odd: list[float]
) -> Array:
    """Rows of X with values exchanged for thresholds, their neighbours and odd ones."""
    rows = X[rng.integers(0, len(X), 400)].copy()
    cells = rng.random(rows.shape)
    finite = thresholds[np.isfinite(thresholds)]
    if finite.size:
        near = rng.choice(finite, rows.shape)
        step = rng.integers(-1, 2, rows.shape)
        near = np.where(step < 0, np.nextafter(near, -np.inf), near)
        near = np.where(step > 0, np.nextafter(near, np.inf), near)
        rows = np.where(cells < 0.4, near, rows)
    rows = np.where(cells > 0.9, rng.choice(odd, rows.shape), rows)
    for column in categories:
        seen = rng.integers(-2, 40, len(rows)) + rng.choice([0.0, 0.0, 0.5], len(rows))
        rows[:, column] = np.where(rng.random(len(rows)) < 0.2, np.nan, seen)
    return rows


# ---- LightGBM ---------------------------------------------------------------

LGB_OBJECTIVES = [
    {"objective": "regression"},
    {"objective": "regression", "reg_sqrt": True},
    {"objective": "regression_l1"},
    {"objective": "huber"},
    {"objective": "fair"},
    {"objective": "quantile", "alpha": 0.3},
    {"objective": "mape"},
    {"objective": "poisson"},
    {"objective": "gamma"},
    {"objective": "tweedie"},
    {"objective": "binary"},
    {"objective": "binary", "sigmoid": 0.5},
    {"objective": "cross_entropy"},
    {"objective": "cross_entropy_lambda"},
    {"objective": "multiclass", "num_class": 3},
    {"objective": "multiclassova", "num_class": 4, "sigmoid": 2.0},
    {"objective": "lambdarank"},
    {"objective": "rank_xendcg"},
]


def lgb_labels(rng: np.random.Generator, objective: str, X: Array, n_classes: int) -> Array:
    score = np.nan_to_num(X[:, 0]) + np.nan_to_num(X[:, 5] % 3) + rng.normal(size=len(X))
    if objective == "binary":
        return score > 1
    if objective.startswith("cross_entropy"):
        return 1 / (1 + np.exp(-score))
    if objective.startswith("multiclass"):
        return np.digitize(score, np.linspace(-0.5, 2.5, n_classes - 1))
    if objective in ("lambdarank", "rank_xendcg"):
        return np.clip(score + 2, 0, 4).astype(int)
    return np.abs(score) + 0.1


def lgb_model(seed: int) -> tuple[Any, Array, list[int]]:
    rng = np.random.default_rng(seed)
    n_rows = int(rng.integers(50, 500))
    X, categories = training_data(rng, n_rows, int(rng.choice([3, 12, 35, 70])))
    params = dict(LGB_OBJECTIVES[seed % len(LGB_OBJECTIVES)])
    objective = str(params["objective"])
    y = lgb_labels(rng, objective, X, int(params.get("num_class", 1)))
    params |= {
        "verbose": -1,
        "num_threads": 1,
        "seed": seed,
        "num_leaves": int(rng.choice([2, 4, 31])),
        "min_data_in_leaf": int(rng.choice([1, 5])),
        "min_data_per_group": 1,
        "cat_smooth": 0.0,
        "max_cat_to_onehot": int(rng.choice([1, 4])),
        "zero_as_missing": bool(rng.random() < 0.3),
        "use_missing": bool(rng.random() < 0.8),
        "boosting": str(rng.choice(["gbdt", "gbdt", "dart", "rf"])),
        "learning_rate": 0.3,
    }
    if params["boosting"] == "rf":
        params |= {"bagging_freq": 1, "bagging_fraction": 0.6}
    group = None
    if objective in ("lambdarank", "rank_xendcg"):
        group = np.diff(np.r_[np.arange(0, n_rows, 20), n_rows])
    data = lgb.Dataset(X, y, group=group, categorical_feature=categories)
    return lgb.train(params, data, int(rng.integers(1, 12))), X, categories


@pytest.mark.parametrize("seed", range(72))
def test_lightgbm_has_the_same_bits(seed: int) -> None:
    booster, X, categories = lgb_model(seed)
    text = booster.model_to_string()
    read = _core.read_trees(text.encode())
    model = _core.Model.import_bytes(text.encode())
    rng = np.random.default_rng(seed)
    odd = [*ODD, np.inf, -np.inf]
    thresholds = read["tensors"].get("threshold", np.zeros(0))
    rows = rows_of(rng, X, thresholds, categories, odd)
    raw = booster.predict(rows, raw_score=True)
    np.testing.assert_array_equal(run(model, rows, "raw", raw), raw)
    leaves = booster.predict(rows, pred_leaf=True)
    np.testing.assert_array_equal(run(model, rows, "leaves", leaves), leaves)
    # The text holds six digits of a sigmoid: the booster that it makes answers.
    values = lgb.Booster(model_str=text).predict(rows)
    np.testing.assert_allclose(
        run(model, rows, "prediction", values), values, rtol=1e-12, atol=1e-12
    )


def test_lightgbm_categories_between_whole_numbers() -> None:
    booster, X, _ = lgb_model(4)
    model = _core.Model.import_bytes(booster.model_to_string().encode())
    values = [-1.5, -1.0, -0.9999999, -0.5, -0.0, 0.5, 2.9999999999999996, 31.5, 2.0**31, 1e300]
    rows = np.repeat(X[:40], len(values), axis=0)
    rows[:, 5] = np.tile([*values], 40)
    rows[:, 6] = np.tile(values[::-1], 40)
    raw = booster.predict(rows, raw_score=True)
    np.testing.assert_array_equal(run(model, rows, "raw", raw), raw)


def test_lightgbm_with_a_function_of_the_user_s_is_raw() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(100, 2))
    y = X[:, 0]

    def squares(predicted: Array, data: Any) -> tuple[Array, Array]:
        return predicted - data.get_label(), np.ones(len(predicted))

    booster = lgb.train({"objective": squares, "verbose": -1}, lgb.Dataset(X, y), 3)
    model = _core.Model.import_bytes(booster.model_to_string().encode())
    values = booster.predict(X)
    np.testing.assert_array_equal(run(model, X, "prediction", values), values)


@pytest.mark.parametrize("seed", range(24))
def test_lightgbm_linear_trees_have_the_same_bits(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n_rows, n_classes = int(rng.integers(30, 300)), int(rng.choice([1, 3]))
    X = rng.normal(size=(n_rows, 3)) * 10.0 ** rng.integers(-3, 4, 3)
    X[rng.random(X.shape) < 0.05] = np.nan
    y = np.nan_to_num(X).sum(1) + rng.normal(size=n_rows)
    params = {
        "linear_tree": True, "verbose": -1, "num_threads": 1, "seed": seed,
        "num_leaves": int(rng.choice([2, 4, 15])), "min_data_in_leaf": int(rng.choice([1, 20])),
        "linear_lambda": float(rng.choice([0.0, 0.1])),
        "boosting": str(rng.choice(["gbdt", "dart"])),
    }  # fmt: skip
    if n_classes == 3:
        params |= {"objective": "multiclass", "num_class": 3}
        y = np.digitize(y, np.quantile(y, [0.3, 0.6]))
    booster = lgb.train(params, lgb.Dataset(X, y), int(rng.integers(1, 8)))
    odd = np.array([*ODD, np.inf, -np.inf, 9.9e-36])
    rows = np.vstack([X, np.where(rng.random(X.shape) < 0.3, rng.choice(odd, X.shape), X)])
    expected = booster.predict(rows, raw_score=True)
    model = _core.Model.import_bytes(booster.model_to_string().encode())
    np.testing.assert_array_equal(run(model, rows, "raw", expected), expected)
    for batch in (1, 7):
        part = run(model, rows[:batch], "raw", expected[:batch])
        np.testing.assert_array_equal(part, expected[:batch])
    leaves = booster.predict(rows, pred_leaf=True)
    np.testing.assert_array_equal(run(model, rows, "leaves", leaves), leaves)


def test_every_line_left_out_or_cut_is_refused_or_harmless() -> None:
    booster, X, _ = lgb_model(14)
    text = booster.model_to_string()
    trees = text[: text.index("end of trees")].splitlines()
    raw = booster.predict(X, raw_score=True)
    n_refused = 0
    for i in range(len(trees)):
        lines = [*trees[:i], *trees[i + 1 :], "end of trees", ""]
        try:
            model = _core.Model.import_bytes("\n".join(lines).encode())
        except (ValueError, UnsupportedError):
            n_refused += 1
        else:
            np.testing.assert_array_equal(run(model, X, "raw", raw), raw)
    assert n_refused > len(trees) // 4
    for end in range(0, len(text) - len(text.split("end of trees")[1]) - 1, 97):
        with pytest.raises(ValueError, match=r"LightGBM|format"):
            _core.Model.import_bytes(text[:end].encode())


# ---- XGBoost ----------------------------------------------------------------

XGB_OBJECTIVES = [
    {"objective": "reg:squarederror"},
    {"objective": "reg:squaredlogerror"},
    {"objective": "reg:pseudohubererror"},
    {"objective": "reg:absoluteerror"},
    {"objective": "reg:quantileerror", "quantile_alpha": 0.4},
    {"objective": "reg:quantileerror", "quantile_alpha": [0.2, 0.5, 0.7]},
    {"objective": "reg:logistic"},
    {"objective": "reg:gamma"},
    {"objective": "reg:tweedie"},
    {"objective": "count:poisson"},
    {"objective": "survival:cox"},
    {"objective": "binary:logistic"},
    {"objective": "binary:logitraw"},
    {"objective": "binary:hinge"},
    {"objective": "multi:softprob", "num_class": 3},
    {"objective": "multi:softmax", "num_class": 4},
    {"objective": "rank:pairwise"},
    {"objective": "rank:ndcg"},
    {"objective": "rank:map"},
]


def xgb_labels(rng: np.random.Generator, objective: str, X: Array, n_classes: int) -> Array:
    score = np.nan_to_num(X[:, 0]) + np.nan_to_num(X[:, 5] % 3) + rng.normal(size=len(X))
    if objective.startswith("binary") or objective == "rank:map":
        return (score > 1).astype(int)
    if objective == "reg:logistic":
        return 1 / (1 + np.exp(-score))
    if objective.startswith("multi"):
        return np.digitize(score, np.linspace(-0.5, 2.5, n_classes - 1))
    if objective.startswith("rank"):
        return np.clip(score + 2, 0, 4).astype(int)
    return np.abs(score) + 0.1


def xgb_model(seed: int) -> tuple[Any, Array, list[int], list[str]]:
    rng = np.random.default_rng(seed)
    n_rows = int(rng.integers(50, 400))
    X, categories = training_data(rng, n_rows, int(rng.choice([3, 12, 35, 70])))
    X[:, 3] = np.nan_to_num(X[:, 3])  # float32 holds it
    params: dict[str, Any] = dict(XGB_OBJECTIVES[seed % len(XGB_OBJECTIVES)])
    objective = str(params["objective"])
    y = xgb_labels(rng, objective, X, int(params.get("num_class", 1)))
    params |= {
        "nthread": 1,
        "seed": seed,
        "max_depth": int(rng.integers(1, 7)),
        "eta": 0.5,
        "booster": str(rng.choice(["gbtree", "gbtree", "dart"])),
        "num_parallel_tree": int(rng.choice([1, 1, 3])),
        "max_cat_to_onehot": int(rng.choice([1, 100])),
        "min_child_weight": 0,
        "tree_method": str(rng.choice(["hist", "approx"])),
        "gamma": float(rng.choice([0.0, 0.5])),
    }
    if params["booster"] == "dart":
        params |= {"rate_drop": 0.5}
    if rng.random() < 0.3 and not objective.startswith(("multi", "reg:quantile")):
        params["base_score"] = 0.3
    types = ["q", "q", "q", "q", "q", "c", "c"]
    if rng.random() < 0.3:
        types = ["q"] * 7
    data = xgb.DMatrix(X, y, feature_types=types, enable_categorical=True)
    if objective.startswith("rank"):
        data.set_group(np.diff(np.r_[np.arange(0, n_rows, 20), n_rows]))
    booster = xgb.train(params, data, int(rng.integers(1, 8)))
    return booster, X, categories, types


@pytest.mark.parametrize("seed", range(76))
@pytest.mark.parametrize("form", ["json", "ubj"])
def test_xgboost_within_float32_rounding(seed: int, form: str) -> None:
    booster, X, categories, types = xgb_model(seed)
    data = bytes(booster.save_raw(form))
    read = _core.read_trees(data)
    model = _core.Model.import_bytes(data)
    rng = np.random.default_rng(seed)
    odd = [value for value in ODD if not abs(value) > 1e38]
    thresholds = read["tensors"].get("threshold", np.zeros(0))
    rows = rows_of(rng, X, thresholds, categories, odd)
    matrix = xgb.DMatrix(rows, feature_types=types, enable_categorical=True)
    leaves = booster.predict(matrix, pred_leaf=True)
    np.testing.assert_array_equal(run(model, rows, "leaves", leaves), leaves)
    raw = booster.predict(matrix, output_margin=True)
    is_dart = "dart" in booster.save_config()
    scale = np.abs(raw).max() + 1
    np.testing.assert_allclose(
        run(model, rows, "raw", raw), raw, rtol=0, atol=(1e-5 if is_dart else 5e-7) * scale
    )
    values = booster.predict(matrix)
    if read["link"] in ("argmax", "positive") and is_dart:
        return
    np.testing.assert_allclose(
        run(model, rows, "prediction", values), values, rtol=1e-5 if is_dart else 2e-6, atol=1e-6
    )


@pytest.mark.parametrize("seed", range(4))
def test_xgboost_vector_leaves(seed: int) -> None:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(200, 3))
    X[rng.random(X.shape) < 0.1] = np.nan
    y = np.column_stack([np.nan_to_num(X[:, 0]), rng.normal(size=200), np.nan_to_num(X[:, 1])])
    params = {"multi_strategy": "multi_output_tree", "max_depth": 4, "num_parallel_tree": 1 + seed}
    booster = xgb.train(params, xgb.DMatrix(X, y), 4)
    for form in ("json", "ubj"):
        model = _core.Model.import_bytes(bytes(booster.save_raw(form)))
        raw = booster.predict(xgb.DMatrix(X), output_margin=True)
        np.testing.assert_allclose(run(model, X, "raw", raw), raw, rtol=0, atol=1e-6)
        leaves = booster.predict(xgb.DMatrix(X), pred_leaf=True)
        np.testing.assert_array_equal(run(model, X, "leaves", leaves), leaves)


def test_xgboost_categories_between_whole_numbers() -> None:
    booster, X, _, types = xgb_model(19)
    assert types[5] == "c"
    model = _core.Model.import_bytes(bytes(booster.save_raw("ubj")))
    values = [-1.5, -1e-50, -0.0, 0.5, 2.9999999999999996, 31.5, 16777215.0, 16777216.0, 1e30]
    rows = np.repeat(X[:40], len(values), axis=0)
    rows[:, 5] = np.tile(values, 40)
    rows[:, 6] = np.tile(values[::-1], 40)
    matrix = xgb.DMatrix(rows, feature_types=types, enable_categorical=True)
    leaves = booster.predict(matrix, pred_leaf=True)
    np.testing.assert_array_equal(run(model, rows, "leaves", leaves), leaves)


def test_xgboost_linear_booster_is_refused_by_name() -> None:
    X = np.random.default_rng(0).normal(size=(50, 2))
    booster = xgb.train({"booster": "gblinear"}, xgb.DMatrix(X, X[:, 0]), 2)
    with pytest.raises(UnsupportedError, match="gblinear"):
        _core.Model.import_bytes(bytes(booster.save_raw("json")))


def test_xgboost_without_trees_is_refused() -> None:
    X = np.random.default_rng(0).normal(size=(50, 2))
    booster = xgb.train({"objective": "binary:logistic"}, xgb.DMatrix(X, X[:, 0] > 0), 0)
    with pytest.raises(UnsupportedError, match="num_trees is 0"):
        _core.Model.import_bytes(bytes(booster.save_raw("json")))


def test_xgboost_unknown_objective_is_refused_by_name() -> None:
    X = np.random.default_rng(0).normal(size=(50, 2))
    booster = xgb.train({}, xgb.DMatrix(X, X[:, 0]), 1)
    text = booster.save_raw("json").decode().replace("reg:squarederror", "survival:aft")
    with pytest.raises(UnsupportedError, match="survival:aft"):
        _core.Model.import_bytes(text.encode())


@pytest.mark.parametrize("form", ["json", "ubj"])
def test_xgboost_cut_files_are_refused(form: str) -> None:
    booster, _, _, _ = xgb_model(3)
    data = bytes(booster.save_raw(form))
    for end in range(0, len(data), max(1, len(data) // 200)):
        with pytest.raises(ValueError, match=r"JSON|format"):
            _core.Model.import_bytes(data[:end])


# ---- a frame's categories ---------------------------------------------------


@pytest.mark.parametrize("library", ["lightgbm", "xgboost", "xgboost dart"])
@pytest.mark.parametrize("values", [[10, 20, 30], ["a", "b", "c"]])
def test_categories_of_a_frame_are_refused_by_field(library: str, values: list[Any]) -> None:
    pd = pytest.importorskip("pandas")
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 3, 60)
    X = pd.DataFrame({"x": rng.normal(size=60), "c": pd.Categorical.from_codes(codes, values)})
    data: list[bytes] = []
    if library == "lightgbm":
        field = "pandas_categorical"
        light = lgb.train({"verbose": -1, "min_data_in_leaf": 2}, lgb.Dataset(X, codes), 2)
        data.append(light.model_to_string().encode())
    else:
        field = "cats"
        booster = {"booster": "dart"} if "dart" in library else {}
        extreme = xgb.train(booster, xgb.DMatrix(X, codes, enable_categorical=True), 2)
        data += [bytes(extreme.save_raw(form)) for form in ("json", "ubj")]
    for model in data:
        with pytest.raises(UnsupportedError, match=rf"{field} .*willump\.compile.*fit on codes"):
            _core.Model.import_bytes(model)


def test_frames_without_categories_are_imported() -> None:
    pd = pytest.importorskip("pandas")
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(60, 2)), columns=["a", "b"])
    light = lgb.train({"verbose": -1, "min_data_in_leaf": 2}, lgb.Dataset(X, X["a"]), 2)
    extreme = xgb.train({}, xgb.DMatrix(X, X["a"], enable_categorical=True), 2)
    assert light.model_to_string().rstrip().endswith("pandas_categorical:[]")
    _core.Model.import_bytes(light.model_to_string().encode())
    _core.Model.import_bytes(bytes(extreme.save_raw("json")))


# ---- what a reader tells ----------------------------------------------------


def test_names_and_best_iteration() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 2))
    y = X[:, 0] + rng.normal(size=200)
    train = xgb.DMatrix(X[:100], y[:100], feature_names=["größe", 'a "b"'])
    valid = xgb.DMatrix(X[100:], y[100:], feature_names=["größe", 'a "b"'])
    booster = xgb.train(
        {"eta": 1.0},
        train,
        50,
        evals=[(valid, "valid")],
        early_stopping_rounds=2,
        verbose_eval=False,
    )
    for form in ("json", "ubj"):
        read = _core.read_trees(bytes(booster.save_raw(form)))
        assert read["feature_names"] == ["größe", 'a "b"']
        assert read["best_iteration"] == booster.best_iteration
        assert read["n_iterations"] == booster.num_boosted_rounds()
        metadata = json.loads(read["metadata"])
        assert metadata["feature_names_in"] == ["größe", 'a "b"']
    text = lgb.train({"verbose": -1}, lgb.Dataset(X, y, feature_name=["a", "b"]), 2)
    assert _core.read_trees(text.model_to_string().encode())["feature_names"] == ["a", "b"]
    text = lgb.train({"verbose": -1}, lgb.Dataset(X, y), 2)
    assert _core.read_trees(text.model_to_string().encode())["feature_names"] is None


def test_read_trees_gives_what_compiles_to_the_same_model() -> None:
    booster, X, _ = lgb_model(3)
    read = _core.read_trees(booster.model_to_string().encode(), format="lightgbm")
    model = _core.Model.compile(read["graph"], read["tensors"], read["metadata"])
    raw = booster.predict(X, raw_score=True)
    np.testing.assert_array_equal(run(model, X, "raw", raw), raw)


@pytest.mark.parametrize(
    ("data", "format_name"),
    [(b"", None), (b"tree", None), (b"tree\n", "xgboost-json"), (b"{}", "lightgbm"), (b"{}", "x")],
)
def test_bytes_of_another_format_are_refused(data: bytes, format_name: str | None) -> None:
    with pytest.raises(ValueError, match=r"format|LightGBM|XGBoost|JSON"):
        _core.read_trees(data, format=format_name)


def in_old_form(tensors: dict[str, Any]) -> dict[str, Any]:
    """Integers of 64 bits, a test for each split, and children numbered over all trees."""
    sizes = tensors["sizes"].astype(np.int64)
    trees = np.repeat(np.arange(len(sizes)), sizes)
    splits = np.cumsum(sizes) - sizes
    leaves = splits + np.arange(len(sizes))

    def moved(children: Any) -> Any:
        children = children.astype(np.int64)
        return np.where(children >= 0, children + splits[trees], children - leaves[trees])

    test = tensors.get("test", np.arange(len(trees)))
    old = {k: v.astype(np.int64) if v.dtype.kind in "iu" else v for k, v in tensors.items()}
    old |= {name: old[name][test] for name in ("feature", "threshold", "flags")}
    old |= {name: moved(tensors[name]) for name in ("left", "right")}
    old["roots"] = np.where(sizes > 0, splits, ~leaves)
    return {k: v for k, v in old.items() if k not in ("sizes", "test")}


@pytest.mark.parametrize("seed", range(0, 72, 5))
def test_wide_integers_and_roots_give_the_same_bits(seed: int) -> None:
    booster, X, categories = lgb_model(seed)
    read = _core.read_trees(booster.model_to_string().encode())
    if "sizes" not in read["tensors"] or "feature" not in read["tensors"]:
        pytest.skip("the model has linear leaves or no splits: there is no other form")
    rows = rows_of(np.random.default_rng(seed), X, read["tensors"]["threshold"], categories, ODD)
    graph = read["graph"].replace("sizes=@sizes", "roots=@roots").replace(", test=@test", "")
    old = _core.Model.compile(graph, in_old_form(read["tensors"]), read["metadata"])
    again = _core.Model.from_bytes(old.to_bytes())
    for output, option in (("raw", "raw_score"), ("leaves", "pred_leaf")):
        expected = booster.predict(rows, **{option: True})
        for model in (old, again):
            np.testing.assert_array_equal(run(model, rows, output, expected), expected)
