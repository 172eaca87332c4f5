"""Tables, targets and comparisons for tests of models of trees."""

from __future__ import annotations

from typing import Any

import numpy as np
from harness import assert_same_model, build, quiet
from sklearn import ensemble as en
from sklearn import tree as tr
from sklearn.base import clone
from sklearn.impute import SimpleImputer
from sklearn.utils import get_tags
from willump.convert import convert_pipeline

FLOAT32_MAX = float(np.finfo(np.float32).max)
#: A tie between the largest float32 and 2^128, which rounds to infinity.
FLOAT32_OVERFLOW = 2.0**128 - 2.0**103

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


TREES = [("tree", tr.DecisionTreeClassifier(max_depth=3)), ("forest", en.ExtraTreesClassifier(3))]

IMPUTERS: list[Any] = [
    SimpleImputer(),
    SimpleImputer(strategy="median", add_indicator=True),
    SimpleImputer(strategy="most_frequent", keep_empty_features=True),
    SimpleImputer(strategy="constant", fill_value=-7.0, add_indicator=True),
    SimpleImputer(strategy="constant"),
    SimpleImputer(missing_values=0.0, strategy="mean", add_indicator=True),
]


def with_odd_numbers(x: Any, seed: int) -> Any:
    """Rows for histogram boosting, which takes everything."""
    rng = np.random.default_rng(seed)
    rows = np.concatenate([x, np.nextafter(x, np.inf), np.nextafter(x, -np.inf)])
    more = rng.choice(np.append(ODD, [np.inf, -np.inf, np.nan, 1e300, -1e300]), (30, x.shape[1]))
    return np.concatenate([rows, more])
