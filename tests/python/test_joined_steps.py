"""Steps that stay Python are handed what the original's are handed: numbers to the bit where
they look for equals, the names of frames, one column as a table.
"""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
from harness import build, examples, quiet
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_selection import SelectKBest, VarianceThreshold
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    PowerTransformer,
    SplineTransformer,
    StandardScaler,
    TargetEncoder,
)
from sklearn.svm import SVC


def rows(seed: int, n: int = 400) -> Any:
    rng = np.random.default_rng(seed)
    return pd.DataFrame({"a": rng.normal(size=n).round(2), "b": rng.normal(size=n).round(1)})


def labels(x: Any) -> Any:
    return (x["a"] + x["b"] > 0).astype(int)


def assert_same(est: Any, *tables: Any) -> None:
    fast = build(est)
    method = "predict" if isinstance(est[-1], SVC) else "predict_proba"
    for table in tables:
        want, got = quiet(getattr(est, method), table), quiet(getattr(fast, method), table)
        np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-12, err_msg=str(est))


ROUNDED = [np.exp, np.exp2, np.expm1, np.log1p]
LOOKING: list[Any] = [
    OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
    OneHotEncoder(handle_unknown="ignore"),
    TargetEncoder(cv=2),
]


@examples(60, shrinks=False)
@given(st.integers(0, 2**32))
def test_equals_are_not_looked_for_in_what_is_within_rounding(seed: int) -> None:
    draw = random.Random(seed)
    x, more = rows(seed), rows(seed + 1, 50)
    rounded = make_pipeline(MinMaxScaler(), FunctionTransformer(draw.choice(ROUNDED)))
    first = draw.choice(
        [
            ColumnTransformer([("r", rounded, ["a"])]),
            ColumnTransformer([("r", rounded, ["a"]), ("p", "passthrough", ["b"])]),
            FeatureUnion([("r", rounded), ("s", StandardScaler())]),
            rounded,
        ]
    )
    last = clone(draw.choice(LOOKING))
    if draw.random() < 0.3:
        last = ColumnTransformer([("e", last, [0])], remainder="passthrough")
    between = draw.choice([[], [SimpleImputer()], [VarianceThreshold()], ["passthrough"]])
    steps = [first, *between, last, LogisticRegression()]
    if draw.random() < 0.3:
        steps = [*steps[:-2], make_pipeline(*steps[-2:])]
    assert_same(quiet(make_pipeline(*steps).fit, x, labels(x)), x, more)


STAYING: list[Any] = [
    PCA(1), PolynomialFeatures(2), PowerTransformer(), SplineTransformer(3), KNNImputer(),
    make_pipeline(SimpleImputer(), PCA(1)), make_pipeline(VarianceThreshold(), PCA(1)),
    make_pipeline(SelectKBest(k="all"), PolynomialFeatures(2)),
    make_pipeline(PCA(1), StandardScaler()),
]  # fmt: skip


@examples(80, shrinks=False)
@given(st.integers(0, 2**32))
def test_one_block_that_stays_python_has_the_originals_names_and_rows(seed: int) -> None:
    draw = random.Random(seed)
    x = rows(seed, 80)
    step = clone(draw.choice(STAYING))
    columns = draw.choice([["a"], ["a", "b"], ["b"], slice(0, 1), [True, False], [1]])
    is_short = draw.random() < 0.7
    block = ColumnTransformer([("n", step, columns)], verbose_feature_names_out=is_short)
    if draw.random() < 0.2:
        block = FeatureUnion([("n", step)])
    models = [LogisticRegression(), RandomForestClassifier(3, random_state=0), SVC()]
    models += [make_pipeline(StandardScaler(), LogisticRegression())]
    est = make_pipeline(block, clone(draw.choice(models)))
    config = draw.choice([None, "pandas", "polars"])
    if config is not None:
        est.set_output(transform=config)
    try:
        quiet(est.fit, x, labels(x))
        quiet(est.predict, x)
    except Exception:
        return  # frames of polars that scikit-learn cannot make
    tables = [x, x.iloc[:1]]
    if isinstance(columns, list) and isinstance(columns[0], str):
        tables += [pl.from_pandas(x)]
    assert_same(est, *tables)


def test_columns_for_a_python_model_behind_a_selector_of_all_of_one() -> None:
    x = rows(0)
    for selector in (VarianceThreshold(), SelectKBest(k="all"), FunctionTransformer()):
        for columns in (["a"], [0], slice(0, 1)):
            block = ColumnTransformer([("n", clone(selector), columns)])
            est = make_pipeline(block, SVC()).fit(x, labels(x))
            is_named = columns == ["a"]
            assert_same(est, x, x.iloc[:1], pl.from_pandas(x) if is_named else x)
