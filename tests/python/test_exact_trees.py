"""Trees and ensembles give the bits of scikit-learn's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import willump
from harness import (
    BACKEND,
    assert_row_wise,
    assert_same_model,
    build,
    examples,
    quiet,
    take_rows,
)
from hypothesis import given, reject
from hypothesis import strategies as st
from sklearn import ensemble as en
from sklearn import linear_model as lm
from sklearn import tree as tr
from sklearn.base import clone, is_classifier
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.naive_bayes import BernoulliNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    RobustScaler,
    StandardScaler,
)
from sklearn.svm import LinearSVC
from sklearn.utils import get_tags
from threadpoolctl import threadpool_limits
from willump import UnsupportedError
from willump.convert import convert_pipeline
from willump.convert.trees import fold_float32


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Any:
    """Histogram boosting over so few rows is slower with more."""
    with threadpool_limits(1):
        yield


FLOAT32_MAX = float(np.finfo(np.float32).max)
#: A tie between the largest float32 and 2^128, which rounds to infinity.
FLOAT32_OVERFLOW = 2.0**128 - 2.0**103

PLAIN_CLASSIFIERS: list[Any] = [
    tr.DecisionTreeClassifier(),
    tr.DecisionTreeClassifier(criterion="entropy", max_leaf_nodes=9),
    tr.ExtraTreeClassifier(max_features=0.5),
    en.RandomForestClassifier(6, max_features=None),
    en.RandomForestClassifier(4, bootstrap=False, class_weight="balanced"),
    en.ExtraTreesClassifier(5),
    en.BaggingClassifier(n_estimators=4),
    en.BaggingClassifier(n_estimators=5, max_features=0.6, bootstrap_features=True),
    en.AdaBoostClassifier(n_estimators=4),
    en.AdaBoostClassifier(tr.ExtraTreeClassifier(max_depth=3), n_estimators=6),
]
PLAIN_REGRESSORS: list[Any] = [
    tr.DecisionTreeRegressor(),
    tr.DecisionTreeRegressor(criterion="absolute_error", max_depth=4),
    tr.ExtraTreeRegressor(),
    en.RandomForestRegressor(5),
    en.ExtraTreesRegressor(4, bootstrap=True),
    en.BaggingRegressor(n_estimators=4, max_features=0.5),
]
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
HISTOGRAM = {"max_iter": 6, "min_samples_leaf": 3, "early_stopping": False}
SHAPES: list[dict[str, Any]] = [
    {},
    {"max_depth": 1},
    {"max_depth": 3},
    {"min_samples_leaf": 4},
    {"ccp_alpha": 0.02},
]
LABELS = [
    np.array(["no", "yes", "maybe", "läter"]),
    np.array([3, -1, 7, 100]),
    np.array([1.0, 0.0, -2.0, 9.0]),
    np.array(["b", "a", "c", "dd"], dtype=object),
]
#: Numbers that casts and comparisons may treat differently.
ODD = np.array([
    0.0, -0.0, 5e-324, -5e-324, 2.0**-149, -(2.0**-149), 2.0**-150, 1e-40, -1e-40, 1.0, -1.0,
    1 + 2.0**-24, 1 + 2.0**-23, 16777216.0, 16777217.0, FLOAT32_MAX, -FLOAT32_MAX,
    np.nextafter(FLOAT32_OVERFLOW, 0), 0.1, float(np.float32(0.1)), 1e30, -1e30,
])  # fmt: skip


def table(seed: int, *, missing: bool = False, odd: bool = True, n: int = 60) -> Any:
    """Columns of several kinds: few values, no variance, wide ranges, odd numbers."""
    rng = np.random.default_rng(seed)
    x = np.column_stack([
        rng.normal(size=n),
        rng.integers(-3, 4, n).astype(float),
        np.full(n, rng.choice([0.0, -2.5])),
        rng.normal(size=n) * 10.0 ** rng.integers(-30, 30),
        rng.choice(ODD[:11] if not odd else ODD[np.abs(ODD) < 1e29], n),
        np.round(rng.normal(size=n), 1),
    ])  # fmt: skip
    if missing:
        x[rng.random(x.shape) < 0.15] = np.nan
    return x


def targets(seed: int, n: int, n_classes: int) -> Any:
    rng = np.random.default_rng(seed + 1)
    index = rng.integers(0, n_classes, n)
    index[:n_classes] = range(n_classes)
    return LABELS[seed % len(LABELS)][:n_classes][index]


def neighbours(est: Any, x: Any, seed: int) -> Any:
    """The rows, and rows of thresholds, of their neighbours, and of odd numbers."""
    rng = np.random.default_rng(seed + 2)
    members = np.ravel(getattr(est, "estimators_", [est]))
    trees = [m.tree_ for m in members if hasattr(m, "tree_")]
    found = [t.threshold[t.children_left >= 0] for t in trees]
    bounds = np.concatenate([*found, ODD])
    bounds = rng.choice(bounds, (40, x.shape[1]))
    with np.errstate(over="ignore"):
        single = bounds.astype(np.float32)
        up, down = np.nextafter(single, np.float32(9e9)), np.nextafter(single, np.float32(-9e9))
    rows = np.concatenate([
        x, bounds, np.nextafter(bounds, np.inf), np.nextafter(bounds, -np.inf), single, up, down,
        (single.astype(float) + up) / 2, (single.astype(float) + down) / 2,
    ])  # fmt: skip
    with np.errstate(over="ignore"):
        is_wide = np.isinf(rows.astype(np.float32)) & ~np.isnan(rows)
    rows[is_wide] = 0.5
    return rows


def assert_native(est: Any) -> Any:
    assert not convert_pipeline(est, strict=True).steps
    return build(est)


def assert_bits(est: Any, x: Any, *methods: str) -> None:
    """All methods as the original's, and these to the bit."""
    compiled = assert_native(est)
    assert_same_model(compiled, est, x)
    for method in (*methods, "predict"):
        if hasattr(est, method):
            want = quiet(getattr(est, method), x)
            np.testing.assert_array_equal(quiet(getattr(compiled, method), x), want)


def sums_of(model: Any) -> str:
    """The method that gives sums over trees; others put exp or log on top."""
    return "decision_function" if hasattr(model, "decision_function") else "predict_proba"


def fitted(model: Any, x: Any, y: Any, seed: int, shape: dict[str, Any]) -> Any:
    """A fitted clone, sometimes with weights."""
    est = clone(model)
    names = est.get_params()
    est.set_params(**{k: v for k, v in shape.items() if k in names})
    if "random_state" in names:
        est.set_params(random_state=seed % 2**32)
    weights = np.random.default_rng(seed).integers(0, 3, len(x)) + 0.5 if seed % 3 == 0 else None
    return quiet(lambda: est.fit(x, y, sample_weight=weights))


def allows_nan(est: Any) -> bool:
    return bool(get_tags(est).input_tags.allow_nan)


# ---- the cast to float32 in thresholds ---------------------------------------


def bounds_of_float32(seed: int) -> Any:
    rng = np.random.default_rng(seed)
    bits = rng.integers(0, 2**32, 2000, dtype=np.uint32).view(np.float32)
    single = np.concatenate([bits[np.isfinite(bits)], ODD.astype(np.float32)])
    with np.errstate(over="ignore"):
        after = np.nextafter(single, np.float32(np.inf)).astype(float)
    middle = np.where(np.isfinite(after), (single + after) / 2, FLOAT32_OVERFLOW)
    t = np.concatenate([single.astype(float), middle, ODD, [FLOAT32_OVERFLOW, 1e300, -1e300]])
    return np.concatenate([t, np.nextafter(t, np.inf), np.nextafter(t, -np.inf), [np.inf, -np.inf]])


@examples(20, shrinks=False)
@given(seed=st.integers(0, 2**32))
def test_a_folded_threshold_is_the_last_double_that_goes_left(seed: int) -> None:
    thresholds = bounds_of_float32(seed)
    folded = fold_float32(thresholds)
    with np.errstate(over="ignore"):
        assert np.all(folded.astype(np.float32) <= thresholds)
        beyond = np.nextafter(folded, np.inf).astype(np.float32)
    assert np.all((beyond > thresholds) | (folded == np.inf))


# ---- plain trees and their sums ----------------------------------------------


@pytest.mark.parametrize("model", PLAIN_CLASSIFIERS, ids=repr)
@examples(20, shrinks=False)
@given(st.integers(0, 2**32), st.sampled_from([2, 2, 3, 4]), st.sampled_from(SHAPES))
def test_classifiers(model: Any, seed: int, n_classes: int, shape: dict[str, Any]) -> None:
    x = table(seed)
    est = fitted(model, x, targets(seed, len(x), n_classes), seed, shape)
    assert_bits(est, neighbours(est, x, seed), sums_of(model))


@pytest.mark.parametrize("model", PLAIN_REGRESSORS, ids=repr)
@examples(20, shrinks=False)
@given(st.integers(0, 2**32), st.sampled_from([1, 1, 2]), st.sampled_from(SHAPES))
def test_regressors(model: Any, seed: int, n_targets: int, shape: dict[str, Any]) -> None:
    x = table(seed)
    y = np.random.default_rng(seed).normal(size=(len(x), n_targets)) * 10.0 ** (seed % 9 - 4)
    est = fitted(model, x, y if n_targets > 1 else y.ravel(), seed, shape)
    assert_bits(est, neighbours(est, x, seed))


@pytest.mark.parametrize("model", [*PLAIN_CLASSIFIERS[:6], *PLAIN_REGRESSORS[:5]], ids=repr)
@examples(12, shrinks=False)
@given(st.integers(0, 2**32), st.sampled_from(SHAPES))
def test_missing_values_go_where_the_tree_sends_them(
    model: Any, seed: int, shape: dict[str, Any]
) -> None:
    x, full = table(seed, missing=True), table(seed)
    y = targets(seed, len(x), 3) if is_classifier(model) else full[:, 0]
    est = fitted(model, x if allows_nan(model) else full, y, seed, shape)
    if not allows_nan(model):
        with pytest.raises(ValueError, match="Input X contains NaN"):
            assert_native(est).predict(x)
        return
    assert_bits(est, neighbours(est, x, seed), "predict_proba")


@pytest.mark.parametrize("model", [*PLAIN_CLASSIFIERS[:6], *PLAIN_REGRESSORS[:5]], ids=repr)
def test_fitted_without_missing_values_a_tree_still_takes_them(model: Any) -> None:
    full, x = table(4), table(4, missing=True)
    y = targets(4, len(x), 3) if is_classifier(model) else full[:, 0]
    est = fitted(model, full, y, 4, {})
    if allows_nan(model):
        assert_bits(est, x, "predict_proba")


@pytest.mark.parametrize(
    "bad", [np.inf, -np.inf, FLOAT32_OVERFLOW, -FLOAT32_OVERFLOW, 1e300, np.nan]
)
@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize(
    "model",
    [
        tr.DecisionTreeClassifier(),
        en.RandomForestRegressor(3),
        en.GradientBoostingClassifier(n_estimators=3),
        en.AdaBoostClassifier(n_estimators=3),
        en.BaggingClassifier(n_estimators=3),
    ],
    ids=repr,
)
def test_what_float32_cannot_hold_raises_the_original_error(
    model: Any, bad: float, sparse: bool
) -> None:
    x = table(1, odd=False)
    x[:, 3] = 0
    est = quiet(clone(model).fit, x, np.arange(len(x)) % 2)
    x[4, 1] = bad
    broken = sp.csr_matrix(x) if sparse else x
    compiled = assert_native(est)
    is_taken = np.isnan(bad) and not sparse and allows_nan(est)
    if is_taken:
        np.testing.assert_array_equal(compiled.predict(broken), quiet(est.predict, broken))
        return
    with pytest.raises(ValueError, match="Input X contains") as original:
        quiet(est.predict, broken)
    with pytest.raises(ValueError, match="Input X contains") as ours:
        compiled.predict(broken)
    if BACKEND != "interpreter":
        assert str(ours.value).startswith(str(original.value).splitlines()[0].rstrip("."))


@pytest.mark.parametrize("container", ["csr", "fortran", "float32", "int", "frame"])
@pytest.mark.parametrize(
    "model",
    [
        tr.DecisionTreeClassifier(),
        en.RandomForestClassifier(4),
        en.GradientBoostingClassifier(n_estimators=3),
        en.BaggingClassifier(n_estimators=3, max_features=0.5),
    ],
    ids=repr,
)
def test_matrices_in_any_container(model: Any, container: str) -> None:
    rng = np.random.default_rng(3)
    x = (rng.random((50, 8)) > 0.5) * rng.integers(-9, 9, (50, 8)).astype(float)
    y = rng.integers(0, 3, 50)
    convert: Any = {
        "csr": sp.csr_matrix,
        "fortran": np.asfortranarray,
        "float32": lambda v: v.astype(np.float32),
        "int": lambda v: v.astype(np.int64),
        "frame": lambda v: pd.DataFrame(v, columns=[f"c{i}" for i in range(8)]),
    }[container]
    est = clone(model).fit(convert(x), y)
    assert_bits(est, convert(x), sums_of(model))


def test_single_leaf_trees() -> None:
    x = np.zeros((10, 3))
    for model in (tr.DecisionTreeRegressor(), en.RandomForestRegressor(3)):
        est = model.fit(x, np.arange(10.0))
        assert_bits(est, x + 1)
    est = tr.DecisionTreeClassifier(max_depth=1).fit(x, np.arange(10) % 2)
    assert_bits(est, x + 1, "predict_proba")


def test_one_class() -> None:
    x = table(0)
    est = tr.DecisionTreeClassifier().fit(x, np.full(len(x), "only"))
    compiled = assert_native(est)
    np.testing.assert_array_equal(compiled.predict(x), est.predict(x))
    np.testing.assert_array_equal(compiled.predict_proba(x), est.predict_proba(x))


def test_several_outputs_with_classes_are_refused_by_name() -> None:
    x = table(0)
    y = np.random.default_rng(0).integers(0, 2, (len(x), 2))
    for model in (tr.DecisionTreeClassifier(), en.RandomForestClassifier(3)):
        with pytest.raises(UnsupportedError, match="several outputs"):
            convert_pipeline(model.fit(x, y), strict=True)


def test_a_subclass_is_never_its_base() -> None:
    class Mine(tr.DecisionTreeClassifier):
        pass

    x = table(0)
    y = targets(0, len(x), 2)
    with pytest.raises(UnsupportedError, match="no converter"):
        convert_pipeline(Mine().fit(x, y), strict=True)
    with pytest.raises(UnsupportedError, match="Mine"):
        convert_pipeline(en.BaggingClassifier(Mine(), 2).fit(x, y), strict=True)


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


def with_odd_numbers(x: Any, seed: int) -> Any:
    """Rows for histogram boosting, which takes everything."""
    rng = np.random.default_rng(seed)
    rows = np.concatenate([x, np.nextafter(x, np.inf), np.nextafter(x, -np.inf)])
    more = rng.choice(np.append(ODD, [np.inf, -np.inf, np.nan, 1e300, -1e300]), (30, x.shape[1]))
    return np.concatenate([rows, more])


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


# ---- isolation ---------------------------------------------------------------


@examples(25, shrinks=False)
@given(
    st.integers(0, 2**32),
    st.sampled_from(["auto", 0.05, 0.3]),
    st.sampled_from([1.0, 0.5]),
    st.booleans(),
)
def test_isolation_forests(seed: int, contamination: Any, share: float, missing: bool) -> None:
    x = table(seed, missing=missing)
    est = en.IsolationForest(
        n_estimators=7, contamination=contamination, max_features=share, random_state=seed % 2**31
    ).fit(x)
    compiled = assert_native(est)
    rows = with_odd_numbers(x, seed)
    got, want = compiled.predict(rows), quiet(est.predict, rows)
    np.testing.assert_array_equal(got, want)
    assert got.dtype == want.dtype
    # NumPy's powers of 2 are within an ulp, and differ from machine to machine.
    scores = quiet(est.score_samples, rows)
    np.testing.assert_array_max_ulp(compiled.score_samples(rows), scores, 1)
    expected = compiled.score_samples(rows) - est.offset_
    np.testing.assert_array_equal(compiled.decision_function(rows), expected)
    decisions = quiet(est.decision_function, rows)
    np.testing.assert_allclose(compiled.decision_function(rows), decisions, rtol=0, atol=2e-16)


# ---- ensembles of any models -------------------------------------------------

FIRST = [
    ("tree", tr.DecisionTreeClassifier(max_depth=3)),
    ("linear", lm.LogisticRegression()),
    ("forest", en.RandomForestClassifier(3)),
    ("boosted", en.HistGradientBoostingClassifier(**HISTOGRAM)),
]
TREES = [("tree", tr.DecisionTreeClassifier(max_depth=3)), ("forest", en.ExtraTreesClassifier(3))]
ENSEMBLES: list[Any] = [
    en.VotingClassifier(FIRST),
    en.VotingClassifier(FIRST, weights=[1, 0.5, 2, 0]),
    en.VotingClassifier(FIRST, voting="soft"),
    en.VotingClassifier([*TREES, ("gone", "drop")], voting="soft", weights=[3, 0.1, 5]),
    en.BaggingClassifier(lm.LogisticRegression(), 3, max_features=0.5),
    en.BaggingClassifier(LinearSVC(), 4),
    en.BaggingClassifier(en.RandomForestClassifier(2), 3, bootstrap_features=True),
    en.AdaBoostClassifier(lm.LogisticRegression(), n_estimators=3),
    en.AdaBoostClassifier(en.RandomForestClassifier(2, max_depth=2), n_estimators=3),
    en.StackingClassifier(FIRST, cv=2),
    en.StackingClassifier(FIRST[:2], lm.RidgeClassifier(), cv=2, passthrough=True),
    en.StackingClassifier(TREES, tr.DecisionTreeClassifier(max_depth=4), cv=2, passthrough=True),
    en.StackingClassifier(TREES, LinearSVC(), cv=2, stack_method="predict"),
    en.StackingClassifier([("svm", LinearSVC()), *TREES], cv=2, stack_method="auto"),
    OneVsRestClassifier(en.RandomForestClassifier(3)),
    OneVsRestClassifier(en.GradientBoostingClassifier(n_estimators=2)),
    OneVsOneClassifier(en.GradientBoostingClassifier(n_estimators=2)),
    CalibratedClassifierCV(en.RandomForestClassifier(3), cv=2),
    CalibratedClassifierCV(en.RandomForestClassifier(5), method="isotonic", cv=2),
    GridSearchCV(tr.DecisionTreeClassifier(), {"max_depth": [1, 3]}, cv=2),
]


@pytest.mark.parametrize("model", ENSEMBLES, ids=repr)
@examples(8, shrinks=False)
@given(st.integers(0, 2**32), st.sampled_from([2, 3]))
def test_ensembles(model: Any, seed: int, n_classes: int) -> None:
    x = np.random.default_rng(seed).normal(size=(60, 5))
    y = targets(seed, len(x), n_classes)
    try:
        est = quiet(clone(model).fit, x, y)
    except ValueError as error:
        if "worse than random" not in str(error):
            raise
        reject()
    assert_same_model(assert_native(est), est, np.concatenate([x, x[::-1] * 1.5]))


@pytest.mark.parametrize(
    "model",
    [ENSEMBLES[3], ENSEMBLES[6], ENSEMBLES[11], *ENSEMBLES[14:15]],
    ids=repr,
)
@examples(8, shrinks=False)
@given(st.integers(0, 2**32), st.sampled_from([2, 3]))
def test_ensembles_of_trees_are_their_bits(model: Any, seed: int, n_classes: int) -> None:
    x = np.random.default_rng(seed).normal(size=(60, 5))
    est = quiet(clone(model).fit, x, targets(seed, len(x), n_classes))
    assert_bits(est, x, "predict_proba")


@pytest.mark.parametrize(
    "model",
    [
        en.VotingRegressor([("t", tr.DecisionTreeRegressor()), ("l", lm.Ridge())]),
        en.VotingRegressor([("t", tr.DecisionTreeRegressor()), ("l", lm.Ridge())], weights=[2, 1]),
        en.BaggingRegressor(lm.Ridge(), 3, max_features=0.5),
        en.BaggingRegressor(en.GradientBoostingRegressor(n_estimators=2), 3),
        en.StackingRegressor([("t", tr.DecisionTreeRegressor()), ("l", lm.Ridge())], cv=2),
        en.StackingRegressor(
            [("t", tr.DecisionTreeRegressor(max_depth=2))],
            en.RandomForestRegressor(3), cv=2, passthrough=True,
        ),
    ],
    ids=repr,
)  # fmt: skip
@examples(8, shrinks=False)
@given(seed=st.integers(0, 2**32))
def test_ensembles_of_regressors(model: Any, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(60, 5))
    est = quiet(clone(model).fit, x, x[:, 0] + rng.normal(size=60))
    assert_same_model(assert_native(est), est, x[::-1] * 1.5)


def test_one_vs_one_votes_where_its_members_do() -> None:
    # Balanced classes and no split: every score is 0, which boosting calls class 1.
    x, y = np.zeros((9, 1)), np.arange(9) % 3
    est = OneVsOneClassifier(en.GradientBoostingClassifier(n_estimators=1)).fit(x, y)
    compiled = assert_native(est)
    np.testing.assert_array_equal(compiled.decision_function(x), est.decision_function(x))
    np.testing.assert_array_equal(compiled.predict(x), est.predict(x))


@pytest.mark.parametrize("model", [ENSEMBLES[0], ENSEMBLES[2], ENSEMBLES[9]], ids=repr)
def test_ensembles_that_transform(model: Any) -> None:
    x = np.random.default_rng(0).normal(size=(60, 5))
    est = quiet(clone(model).fit, x, targets(0, 60, 3))
    got, want = assert_native(est).transform(x), est.transform(x)
    np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("model", "why"),
    [
        (en.AdaBoostRegressor(lm.Ridge(), n_estimators=2), "not a plain tree"),
        (
            en.StackingClassifier(FIRST[1:2], tr.DecisionTreeClassifier(), cv=2),
            "within rounding",
        ),
        (en.VotingClassifier(FIRST[:2], weights=[1, -1]), "negative"),
        (en.BaggingClassifier(BernoulliNB(), 2), "log probabilities"),
    ],
    ids=repr,
)
def test_what_stays_python_is_refused_by_name_and_answers(model: Any, why: str) -> None:
    x = np.random.default_rng(0).normal(size=(60, 5))
    y = np.arange(60) % 3
    est = quiet(clone(model).fit, x, y)
    with pytest.raises(UnsupportedError, match=why):
        convert_pipeline(est, strict=True)
    np.testing.assert_array_equal(build(est).predict(x), quiet(est.predict, x))


# ---- pipelines ---------------------------------------------------------------

IMPUTERS: list[Any] = [
    SimpleImputer(),
    SimpleImputer(strategy="median", add_indicator=True),
    SimpleImputer(strategy="most_frequent", keep_empty_features=True),
    SimpleImputer(strategy="constant", fill_value=-7.0, add_indicator=True),
    SimpleImputer(strategy="constant"),
    SimpleImputer(missing_values=0.0, strategy="mean", add_indicator=True),
]


@pytest.mark.parametrize(
    "model",
    [
        tr.DecisionTreeClassifier(),
        en.RandomForestClassifier(4),
        en.GradientBoostingClassifier(n_estimators=3),
        en.HistGradientBoostingClassifier(**HISTOGRAM),
    ],
    ids=repr,
)
@examples(15, shrinks=False)
@given(
    st.integers(0, 2**32),
    st.sampled_from(IMPUTERS[:4]),
    st.sampled_from([StandardScaler(), RobustScaler(), MinMaxScaler(), "passthrough"]),
)
def test_pipelines(model: Any, seed: int, imputer: Any, scaler: Any) -> None:
    x = table(seed, missing=True, odd=False)
    x[:, 3] = np.clip(x[:, 3], -1e6, 1e6)
    pipeline = make_pipeline(imputer, scaler, model)
    est = quiet(clone(pipeline).fit, x, targets(seed, len(x), 3))
    assert_bits(est, x, "decision_function")


@pytest.mark.parametrize("vectorizer", [CountVectorizer(), TfidfVectorizer()], ids=repr)
@pytest.mark.parametrize(
    "model",
    [
        en.RandomForestClassifier(5),
        en.GradientBoostingClassifier(n_estimators=3),
        en.AdaBoostClassifier(n_estimators=4),
        en.BaggingClassifier(n_estimators=3, max_features=0.4),
    ],
    ids=repr,
)
def test_trees_of_text(model: Any, vectorizer: Any) -> None:
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(["aa", "bb", "cc", "dd", "ee"], 6)) for _ in range(50)]
    y = np.array(["u" if t.count("aa") > t.count("bb") else "v" for t in texts])
    est = make_pipeline(vectorizer, clone(model)).fit(texts, y)
    assert_bits(est, [*texts, "", "zz aa"], sums_of(model))


def test_trees_after_what_is_within_rounding_are_refused_by_name() -> None:
    texts = ["aa bb", "bb cc", "cc dd", "dd aa"] * 5
    est = make_pipeline(TfidfVectorizer(sublinear_tf=True), tr.DecisionTreeClassifier())
    with pytest.raises(UnsupportedError, match="within rounding"):
        convert_pipeline(est.fit(texts, np.arange(20) % 2), strict=True)


@examples(20, shrinks=False)
@given(seed=st.integers(0, 2**32))
def test_column_transformers_before_trees(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = pd.DataFrame(table(seed, missing=True, odd=False), columns=list("abcdef"))
    x["kind"], x["other"] = rng.integers(0, 5, len(x)), rng.choice([1.5, 2.5, np.nan], len(x))
    columns = make_column_transformer(
        (make_pipeline(SimpleImputer(), StandardScaler()), ["a", "c", "f"]),
        (OneHotEncoder(handle_unknown="ignore"), ["kind"]),
        (OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), ["other"]),
        ("passthrough", ["b"]),
    )
    est = make_pipeline(columns, en.RandomForestClassifier(4, random_state=seed % 2**32))
    quiet(est.fit, x, targets(seed, len(x), 3))
    more = x.copy()
    more.loc[:5, "kind"] = 77
    assert_bits(est, more, "predict_proba")


def test_a_forest_answers_the_same_in_any_batch() -> None:
    x = table(0, n=300)
    est = en.RandomForestClassifier(8, random_state=0).fit(x, targets(0, 300, 3))
    assert_row_wise(est, x, take_rows, "predict_proba")


@pytest.mark.skipif(BACKEND == "interpreter", reason="needs the core")
def test_a_stored_model_gives_the_same_bits() -> None:
    import willump

    x = table(0)
    for model in (en.RandomForestClassifier(4), en.HistGradientBoostingClassifier(**HISTOGRAM)):
        compiled = willump.compile(model.fit(x, targets(0, len(x), 3)), strict=True)
        again = willump.CompiledModel.from_bytes(compiled.to_bytes())
        np.testing.assert_array_equal(again.predict_proba(x), compiled.predict_proba(x))
        np.testing.assert_array_equal(again.predict(x), compiled.predict(x))


@pytest.mark.parametrize(
    "model", [tr.DecisionTreeClassifier(), en.VotingClassifier(TREES)], ids=repr
)
def test_unfitted_models_raise_not_fitted(model: Any) -> None:
    from sklearn.exceptions import NotFittedError

    with pytest.raises(NotFittedError):
        convert_pipeline(model)
