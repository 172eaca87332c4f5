"""CSR rows given to pipelines that were fitted on dense ones: the original's answer,
its error, or a refusal where XGBoost would read what they do not store otherwise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import lightgbm as lgb
import numpy as np
import pytest
import scipy.sparse as sp
import willump
import xgboost as xgb
from harness import examples, quiet
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import TruncatedSVD
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    StackingClassifier,
)
from sklearn.feature_extraction import DictVectorizer, FeatureHasher
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer
from sklearn.feature_selection import SelectKBest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import (
    Binarizer,
    FunctionTransformer,
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    RobustScaler,
    StandardScaler,
)
from sklearn.random_projection import SparseRandomProjection


def union(*parts: Any) -> FeatureUnion:
    return FeatureUnion([(f"part{i}", part) for i, part in enumerate(parts)])


def columns() -> ColumnTransformer:
    return ColumnTransformer([("a", MaxAbsScaler(), [0, 1]), ("b", "passthrough", [2, 4])])


P = "passthrough"
#: Transformers, and whether CSR rows are refused before a model that tells gaps from 0.
FEATURES: dict[str, tuple[Callable[[], Any], bool]] = {
    "max abs": (MaxAbsScaler, False),
    "scaled": (lambda: StandardScaler(with_mean=False), False),
    "centered": (StandardScaler, False),
    "robust": (RobustScaler, False),
    "robust, not scaled": (lambda: RobustScaler(with_scaling=False), False),
    "robust, not centered": (lambda: RobustScaler(with_centering=False), False),
    "robust, of a union": (lambda: union(RobustScaler(), P, MaxAbsScaler()), False),
    "min max": (MinMaxScaler, False),
    "binary": (Binarizer, False),
    "norm": (Normalizer, True),
    "best": (lambda: SelectKBest(k=3), False),
    "imputed": (SimpleImputer, False),
    "imputed zeros": (lambda: SimpleImputer(missing_values=0), False),
    "bins": (lambda: KBinsDiscretizer(3, encode="ordinal"), False),
    "one hot": (lambda: OneHotEncoder(handle_unknown="ignore", sparse_output=False), False),
    "ordinal": (
        lambda: OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), False,
    ),
    "identity": (FunctionTransformer, False),
    "roots": (lambda: FunctionTransformer(np.sqrt), True),
    "products": (PolynomialFeatures, True),
    "svd": (lambda: TruncatedSVD(2, random_state=0), False),
    "union": (lambda: union(P, MaxAbsScaler()), False),
    "union of one": (lambda: union(MaxAbsScaler()), False),
    "union of unions": (lambda: union(union(P, Normalizer()), Binarizer()), True),
    "union, imputed": (lambda: union(P, SimpleImputer()), False),
    "union, centered": (lambda: make_pipeline(union(P, MaxAbsScaler()), StandardScaler()), False),
    "union, best": (lambda: make_pipeline(union(P, MaxAbsScaler()), SelectKBest(k=5)), False),
    "union with roots": (lambda: union(P, FunctionTransformer(np.sqrt)), True),
    "union with svd": (lambda: union(P, TruncatedSVD(2, random_state=0)), True),
    "columns": (columns, False),
    "all columns": (lambda: ColumnTransformer([("a", MaxAbsScaler(), [0, 1, 2, 3, 4, 5])]), False),
    "a union of columns": (lambda: union(columns()), False),
    "a union with columns": (lambda: union(columns(), P), True),
    "columns of a union": (
        lambda: ColumnTransformer([("a", union(P, Binarizer()), [0, 1, 2])]), False,
    ),
}  # fmt: skip
XGB: dict[str, Any] = {"n_estimators": 5, "max_depth": 4, "min_child_weight": 0, "n_jobs": 1}
MODELS: dict[str, Callable[[], Any]] = {
    "xgboost": lambda: xgb.XGBClassifier(**XGB),
    "lightgbm": lambda: lgb.LGBMClassifier(
        n_estimators=5, min_child_samples=2, verbose=-1, n_jobs=1
    ),
    "forest": lambda: RandomForestClassifier(5, random_state=0),
    "bins": lambda: HistGradientBoostingClassifier(max_iter=3),
    "linear": LogisticRegression,
    "stacked": lambda: StackingClassifier(
        [("linear", LogisticRegression())], xgb.XGBClassifier(**XGB), passthrough=True, cv=2
    ),
    "transform": lambda: P,
}


def matrix(seed: int, n: int) -> Any:
    rng = np.random.default_rng(seed)
    x = sp.random(n, 6, 0.4, format="csr", random_state=rng)
    x.data = rng.choice([0.0, 0.25, 1, 2, 3, 7], x.nnz)
    return x


def answer(estimator: Any, method: str, x: Any) -> Any:
    """What it answers, spread out, or the exception."""
    try:
        result = quiet(getattr(estimator, method), x)
    except (TypeError, ValueError) as error:
        return error
    return (True, result.toarray()) if sp.issparse(result) else (False, np.asarray(result))


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("features", FEATURES)
@examples(2, shrinks=False)
@given(st.integers(0, 2**32))
def test_csr_rows_after_dense_ones(features: str, model: str, seed: int) -> None:
    x, y = matrix(seed, 80), np.random.default_rng(seed).permutation(80) % 2
    make, is_refused = FEATURES[features]
    est = make_pipeline(make(), MODELS[model]())
    method = "transform" if model == "transform" else "predict_proba"
    try:
        quiet(est.fit, x.toarray(), y)
    except TypeError:
        return  # as histograms over sparse columns
    fast = quiet(willump.compile, est)
    rows = matrix(seed + 1, 90)
    for compiled in (
        (fast, willump.CompiledModel.from_bytes(fast.to_bytes())) if is_native(fast) else (fast,)
    ):
        got, want = answer(compiled, method, rows), answer(est, method, rows)
        if isinstance(want, Exception):
            assert type(got) is type(want), got
        elif is_refused and model in ("xgboost", "stacked"):
            assert isinstance(got, TypeError)
            assert str(got).startswith("rows that come as CSR are not supported before")
            assert "toarray()" in str(got)
        else:
            assert not isinstance(got, Exception), got
            assert got[0] == want[0]
            np.testing.assert_allclose(got[1], want[1], rtol=1e-6, atol=1e-9)
        dense = answer(compiled, method, rows.toarray())
        wanted = answer(est, method, rows.toarray())
        np.testing.assert_allclose(dense[1], wanted[1], rtol=1e-6, atol=1e-9)


def is_native(fast: Any) -> bool:
    return "external" not in fast._model.print()


@examples(20, shrinks=False)
@given(st.integers(0, 2**32), st.sampled_from([np.nan, 1.0, -1.5]))
def test_imputed_csr_rows_stay_csr(seed: int, missing: float) -> None:
    rng = np.random.default_rng(seed)
    x, rows = matrix(seed, 40), matrix(seed + 1, 50)
    for m in (x, rows):
        m.data[rng.random(m.nnz) < 0.2] = missing
    x[:, 2] = 5.0
    for est in (
        SimpleImputer(missing_values=missing),
        SimpleImputer(missing_values=missing, strategy="constant", fill_value=0.0),
        make_pipeline(SimpleImputer(missing_values=missing), MaxAbsScaler()),
    ):
        est.fit(x.toarray())
        is_single, want = answer(est, "transform", rows)
        assert is_single
        got = answer(willump.compile(est), "transform", rows)
        assert got[0]
        np.testing.assert_array_equal(got[1], want)


@pytest.mark.parametrize("parameters", [{}, {"with_scaling": False}, {"unit_variance": True}])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
def test_a_robust_scaler_scales_csr_rows_and_does_not_center_them(
    parameters: dict[str, Any], dtype: Any
) -> None:
    x, rows = (matrix(seed, 40).astype(dtype) for seed in (0, 1))
    est = RobustScaler(**parameters).fit(x.toarray())
    fast = willump.compile(est, strict=True)
    for given_rows in (rows, rows.toarray()):
        got, want = fast.transform(given_rows), est.transform(given_rows)
        assert type(got) is type(want)
        spread = [m.toarray() if sp.issparse(m) else m for m in (got, want)]
        np.testing.assert_array_equal(*spread)


def counted(documents: Any) -> Any:
    return [dict.fromkeys(document.split(), 1.0) for document in documents]


@pytest.mark.parametrize("model", ["xgboost", "lightgbm", "forest", "linear"])
@pytest.mark.parametrize("scaler", [P, TfidfTransformer(), MaxAbsScaler(), Normalizer(), None])
@pytest.mark.parametrize("inner", [None, MaxAbsScaler()])
def test_zeros_that_a_python_step_of_unknown_width_stores(
    inner: Any, scaler: Any, model: str
) -> None:
    rng = np.random.default_rng(len(model))
    words = np.array([f"w{i}" for i in range(40)])
    documents = [" ".join(rng.choice(words, rng.integers(0, 9))) for _ in range(200)]
    y = [int(("w1" in d.split()) ^ (len(d) > 20)) for d in documents]
    steps = [FunctionTransformer(counted), FeatureHasher(6)]
    hashed = make_pipeline(*steps, *([inner] if inner is not None else []))
    before = (
        union(hashed)
        if scaler is None
        else make_pipeline(hashed, scaler if scaler == P else clone(scaler))
    )
    est = make_pipeline(before, MODELS[model]()).fit(documents, y)
    fast = quiet(willump.compile, est)
    got, want = (answer(each, "predict_proba", documents) for each in (fast, est))
    if inner is not None and model == "xgboost":  # whether it gives CSR rows is not known
        assert isinstance(got, TypeError)
        assert str(got).startswith("rows that come as CSR are not supported before")
    else:
        assert not isinstance(got, Exception), got
        np.testing.assert_allclose(got[1], want[1], rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("sparse", [True, False])
@examples(12, shrinks=False)
@given(st.integers(0, 2**32))
def test_a_python_step_of_rows_that_are_dicts_is_as_sparse_as_it_says(
    sparse: bool, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    words = np.array([f"w{i}" for i in range(8)])
    rows = [
        {str(w): rng.choice([1.0, 2.5, -1.0]) for w in rng.choice(words, rng.integers(0, 5))}
        for _ in range(90)
    ]
    y = rng.permutation(90) % 2
    between = [P, MaxAbsScaler(), FunctionTransformer(np.abs), PolynomialFeatures(),
               KBinsDiscretizer(2, encode="ordinal"), StandardScaler()]  # fmt: skip
    step, model = between[rng.integers(len(between))], rng.choice(["xgboost", "bins", "linear"])
    est = make_pipeline(DictVectorizer(sparse=sparse), step, MODELS[model]())
    try:
        quiet(est.fit, rows, y)
    except (TypeError, ValueError):
        return  # of sparse rows
    fast = quiet(willump.compile, est)
    got, want = (answer(each, "predict_proba", rows) for each in (fast, est))
    assert not isinstance(got, Exception), got
    np.testing.assert_allclose(got[1], want[1], rtol=1e-6, atol=1e-9)


def doubled(x: Any) -> Any:
    return x * 2.0


def spread(x: Any) -> Any:
    return x.toarray() if sp.issparse(x) else x


def of_commas(text: str) -> list[str]:
    return text.split(",")


@examples(60, shrinks=False)
@given(st.integers(0, 2**32))
def test_functions_behind_dicts_and_texts_are_as_sparse_as_they_are_in_the_original(
    seed: int,
) -> None:
    rng = np.random.default_rng(seed)
    words = np.array([f"w{i}" for i in range(8)])
    first, rows = [
        (DictVectorizer(sparse=bool(rng.random() < 0.7)),
         [{str(w): rng.choice([1.0, 2.5]) for w in rng.choice(words, rng.integers(0, 5))}
          for _ in range(90)]),
        (CountVectorizer(analyzer=of_commas),
         [",".join(rng.choice(words, rng.integers(1, 9))) for _ in range(90)]),
        (FeatureHasher(6, input_type="string"),
         [list(rng.choice(words, rng.integers(0, 9))) for _ in range(90)]),
    ][rng.integers(3)]  # fmt: skip
    functions = [spread, doubled, sp.csr_matrix, sp.csc_matrix]
    function = FunctionTransformer(functions[rng.integers(4)], accept_sparse=True)
    between = [P, MaxAbsScaler(), SelectKBest(k=3), StandardScaler(with_mean=False)]
    model = rng.choice(["xgboost", "bins", "linear", "forest"])
    est = make_pipeline(first, function, between[rng.integers(4)], MODELS[model]())
    try:
        quiet(est.fit, rows, rng.permutation(90) % 2)
    except (TypeError, ValueError):
        return  # of sparse rows
    fast = quiet(willump.compile, est)
    for given_rows in (rows, rows[:1]):
        got, want = (answer(each, "predict_proba", given_rows) for each in (fast, est))
        assert not isinstance(got, Exception), got
        np.testing.assert_allclose(got[1], want[1], rtol=1e-6, atol=1e-9)


@examples(25, shrinks=False)
@given(st.integers(0, 2**32))
def test_rows_that_are_out_of_order_are_refused_before_products(seed: int) -> None:
    rng = np.random.default_rng(seed)
    words = np.array([f"w{i}" for i in range(8)])
    documents = [" ".join(rng.choice(words, rng.integers(1, 9))) for _ in range(90)]
    steps = [MaxAbsScaler(), Normalizer(), PolynomialFeatures(), FunctionTransformer(doubled)]
    behind = [steps[i] for i in rng.choice(4, rng.integers(1, 3), replace=False)]
    projection = SparseRandomProjection(4, random_state=seed % 99)
    est = make_pipeline(CountVectorizer(), projection, *behind, LogisticRegression())
    quiet(est.fit, documents, rng.permutation(90) % 2)
    fast = quiet(willump.compile, est)
    got, want = (answer(each, "predict_proba", documents) for each in (fast, est))
    if isinstance(got, Exception):
        has_products = any(isinstance(step, PolynomialFeatures) for step in behind)
        assert has_products, got
        assert "not in order" in str(got) or "a column twice" in str(got)
    else:
        np.testing.assert_allclose(got[1], want[1], rtol=1e-6, atol=1e-9)
