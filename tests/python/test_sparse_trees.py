"""Trees over sparse features: scikit-learn's, LightGBM's and XGBoost's models over
text and CSR matrices, against the libraries' own answers."""

from __future__ import annotations

from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp
import willump
import xgboost as xgb
from harness import assert_same_model, assert_same_scores, build, examples
from hypothesis import given
from hypothesis import strategies as st
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.feature_extraction import FeatureHasher
from sklearn.feature_extraction.text import (
    CountVectorizer,
    HashingVectorizer,
    TfidfTransformer,
    TfidfVectorizer,
)
from sklearn.feature_selection import SelectKBest, chi2
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    Binarizer,
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    RobustScaler,
    StandardScaler,
)
from strategies import corpora
from threadpoolctl import threadpool_limits
from tree_models import assert_native


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Any:
    """Small models on few threads fit faster."""
    with threadpool_limits(1):
        yield


SEEDS = st.integers(0, 2**32 - 1)
LIGHT: dict[str, Any] = {"n_estimators": 5, "min_child_samples": 2, "verbose": -1, "n_jobs": 1}
XGB: dict[str, Any] = {"n_estimators": 5, "max_depth": 4, "min_child_weight": 0, "n_jobs": 1}


def random_csr(seed: int, n_rows: int, n_columns: int, nan: float = 0.0) -> Any:
    """Few distinct numbers, some zeros stored and some rows empty; `nan` is the share
    of what is stored that is NaN."""
    rng = np.random.default_rng(seed)
    density = rng.choice([0.02, 0.2, 0.6])
    x = sp.random(n_rows, n_columns, density, format="csr", random_state=rng)
    x.data = rng.choice([-1.5, -1e-36, 0.0, 0.25, 1.0, 3.0, 1e-30], x.nnz)
    x.data[rng.random(x.nnz) < nan] = np.nan
    return x


def labels(seed: int, n_rows: int, n_classes: int = 2) -> Any:
    return np.random.default_rng(seed).permutation(np.arange(n_rows) % n_classes)


def assert_same_answers(compiled: Any, original: Any, x: Any) -> None:
    want = original.predict_proba(x)
    assert_same_scores(compiled.predict_proba(x), want)
    sure = np.abs(np.diff(np.sort(want, axis=1)[:, -2:], axis=1)[:, 0]) > 1e-6
    np.testing.assert_array_equal(compiled.predict(x)[sure], original.predict(x)[sure])


def assert_like_spread_out(compiled: Any, x: Any) -> None:
    """Gaps are zeros: the same bits as of the dense rows, for one row and many."""
    want = compiled.predict_proba(x.toarray())
    np.testing.assert_array_equal(compiled.predict_proba(x), want)
    for i in range(0, x.shape[0], 17):
        np.testing.assert_array_equal(compiled.predict_proba(x[i : i + 1]), want[i : i + 1])


# ---- scikit-learn ------------------------------------------------------------


@given(SEEDS, st.sampled_from([1, 5, 300]), st.booleans())
@examples(25)
def test_forests_answer_csr_rows_as_scikit_learn(seed: int, width: int, fits_dense: bool) -> None:
    x, y = random_csr(seed, 60, width), labels(seed, 60, 3)
    for est in (
        RandomForestClassifier(4, random_state=0),
        ExtraTreesClassifier(3, max_depth=3, random_state=0),
        GradientBoostingClassifier(n_estimators=2, random_state=0),
    ):
        est.fit(x.toarray() if fits_dense else x, y)
        compiled = assert_native(est)
        rows = random_csr(seed + 1, 90, width)
        assert_same_model(compiled, est, rows)
        assert_like_spread_out(compiled, rows)


@given(SEEDS)
@examples(10)
def test_isolation_forests_and_regressors_answer_csr_rows(seed: int) -> None:
    x = random_csr(seed, 60, 30)
    forest = RandomForestRegressor(3, random_state=0).fit(x, labels(seed, 60, 7) / 3)
    rows = random_csr(seed + 1, 90, 30)
    np.testing.assert_array_equal(build(forest).predict(rows), forest.predict(rows))
    isolation = IsolationForest(n_estimators=5, random_state=0).fit(x)
    np.testing.assert_array_equal(build(isolation).predict(rows), isolation.predict(rows))


@given(SEEDS, st.booleans(), st.booleans())
@examples(20)
def test_an_isolation_forest_refuses_nan_in_csr_rows(
    seed: int, fits_nan: bool, is_scaled: bool
) -> None:
    x = random_csr(seed, 60, 9, 0.3 if fits_nan else 0.0)
    forest = IsolationForest(n_estimators=5, random_state=0)
    est = make_pipeline(*([MaxAbsScaler()] if is_scaled else []), forest).fit(x)
    fast = build(est)
    rows = random_csr(seed + 1, 90, 9, 0.3)
    may_go_left = any(tree.tree_.missing_go_to_left.any() for tree in est[-1].estimators_)
    for x in (rows, rows.toarray(), random_csr(seed + 2, 40, 9)):
        if sp.issparse(x) and np.isnan(x.data).any() and may_go_left:
            with pytest.raises(willump.UnsupportedError, match="is NaN, which the trees of an"):
                fast.score_samples(x)
        else:
            np.testing.assert_allclose(fast.score_samples(x), est.score_samples(x), rtol=1e-12)


VECTORIZERS: list[Any] = [
    CountVectorizer(token_pattern=r"\w+", dtype=np.float32),
    CountVectorizer(analyzer="char", ngram_range=(1, 2), dtype=np.float64),
    TfidfVectorizer(token_pattern=r"\w+", max_features=20),
    HashingVectorizer(n_features=8, token_pattern=r"\w+"),
    HashingVectorizer(n_features=2**20, token_pattern=r"\w+", norm=None),
]


@given(corpora(low=8, high=20), st.sampled_from(VECTORIZERS), SEEDS)
@examples(30)
def test_text_pipelines_that_end_in_trees_are_exact(texts: Any, vectorizer: Any, seed: int) -> None:
    texts = [text + " a" for text in texts]
    y = labels(seed, len(texts))
    wide = getattr(vectorizer, "n_features", 0) > 1000
    models: list[Any] = [
        RandomForestClassifier(3, random_state=0),
        lgb.LGBMClassifier(**LIGHT),
        xgb.XGBClassifier(**XGB),
    ]
    for est in models[:1] if wide else models:
        pipeline = make_pipeline(vectorizer, est).fit(texts, y)
        compiled = assert_native(pipeline)
        assert_same_answers(compiled, pipeline, [*texts, "", "unseen words", "a a a"])


# ---- LightGBM ----------------------------------------------------------------


@given(
    SEEDS,
    st.sampled_from([{}, {"zero_as_missing": True}, {"use_missing": False}]),
    st.sampled_from([0.0, 0.2]),
    st.booleans(),
)
@examples(25)
def test_lightgbm_answers_csr_rows_as_the_library(
    seed: int, options: Any, nan: float, fits_dense: bool
) -> None:
    x, y = random_csr(seed, 80, 12, nan), labels(seed, 80, 2)
    est = lgb.LGBMClassifier(**LIGHT, **options).fit(x.toarray() if fits_dense else x, y)
    rows = random_csr(seed + 1, 90, 12, nan)
    assert_same_answers(build(est), est, rows)
    booster, compiled = est.booster_, willump.compile(est.booster_)
    for form in (rows, rows.tocsc(), rows.toarray()):
        np.testing.assert_array_equal(
            compiled.predict(form, raw_score=True), booster.predict(form, raw_score=True)
        )
    np.testing.assert_array_equal(
        compiled.predict(rows, pred_leaf=True), booster.predict(rows, pred_leaf=True)
    )


def test_lightgbm_reads_stored_categories_and_gaps_of_them() -> None:
    rng = np.random.default_rng(3)
    x = sp.csr_matrix(rng.integers(0, 6, (400, 3)).astype(float))
    y = np.isin(x.toarray()[:, 0], [0, 2, 5]) ^ (x.toarray()[:, 1] > 2)
    est = lgb.LGBMClassifier(**LIGHT, min_data_per_group=2, cat_smooth=0)
    est.fit(x, y, categorical_feature=[0, 1])
    rows = sp.csr_matrix(rng.choice([-1, 0, 1, 2, 3, 4, 5, 6, 77.5, np.nan], (300, 3)))
    booster = est.booster_
    got = willump.compile(booster).predict(rows, raw_score=True)
    np.testing.assert_array_equal(got, booster.predict(rows, raw_score=True))


def test_linear_leaves_over_sparse_features_stay_python() -> None:
    texts = ["a b", "b c", "c d d", "a a"] * 10
    est = lgb.LGBMRegressor(**LIGHT, linear_tree=True)
    y = np.arange(40) % 7 / 3.0
    pipeline = make_pipeline(TfidfVectorizer(token_pattern=r"\w+"), est)
    pipeline.fit(texts, y)
    with pytest.raises(willump.UnsupportedError, match="linear"):
        willump.compile(pipeline, strict=True)


# ---- XGBoost -----------------------------------------------------------------


@given(SEEDS, st.sampled_from([0.0, 0.2]), st.booleans())
@examples(25)
def test_xgboost_reads_gaps_as_missing(seed: int, nan: float, fits_dense: bool) -> None:
    x, y = random_csr(seed, 80, 12, nan), labels(seed, 80, 3)
    est = xgb.XGBClassifier(**XGB).fit(x.toarray() if fits_dense else x, y)
    rows = random_csr(seed + 1, 90, 12, nan)
    compiled = build(est)
    assert_same_model(compiled, est, rows)
    assert_same_model(compiled, est, rows[:1])
    assert_same_model(compiled, est, rows.toarray())
    booster, fast = est.get_booster(), willump.compile(est.get_booster())
    matrix = xgb.DMatrix(rows)
    np.testing.assert_array_equal(
        fast.predict(rows, pred_leaf=True), booster.predict(matrix, pred_leaf=True)
    )
    np.testing.assert_array_equal(
        fast.predict(rows, output_margin=True), booster.predict(matrix, output_margin=True)
    )


FEATURES: list[Any] = [
    MaxAbsScaler(),
    StandardScaler(with_mean=False),
    Binarizer(threshold=0.25),
    SelectKBest(chi2, k=4),
    OneHotEncoder(handle_unknown="ignore"),
]


@given(SEEDS, st.sampled_from(FEATURES))
@examples(25)
def test_xgboost_reads_the_gaps_that_a_transformer_leaves(seed: int, features: Any) -> None:
    x = abs(random_csr(seed, 60, 8))
    rows = abs(random_csr(seed + 1, 60, 8))
    if isinstance(features, OneHotEncoder):
        x, rows = x.toarray(), rows.toarray()
    pipeline = make_pipeline(features, xgb.XGBClassifier(**XGB)).fit(x, labels(seed, 60))
    assert_same_model(build(pipeline), pipeline, rows)


def test_xgboost_over_text_and_numbers_drops_the_zeros_of_dense_parts() -> None:
    import pandas as pd

    rng = np.random.default_rng(0)
    words = np.array(["a", "b", "c", "d", "e", "f", "g", "h"])
    frame = pd.DataFrame({
        "text": [" ".join(rng.choice(words, 3)) for _ in range(200)],
        "n": rng.integers(0, 3, 200).astype(float),
    })  # fmt: skip
    union = ColumnTransformer(
        [("text", CountVectorizer(token_pattern=r"\w+"), "text"), ("n", "passthrough", ["n"])],
        sparse_threshold=1.0,
    )
    y = (frame["n"] == 0) ^ frame["text"].str.contains("a")
    pipeline = make_pipeline(union, xgb.XGBClassifier(**XGB)).fit(frame, y.astype(int))
    assert_same_model(build(pipeline), pipeline, frame)


@pytest.mark.parametrize("missing", [0.0, -1.5, 1.0])
def test_another_missing_value_is_found_among_what_is_stored(missing: float) -> None:
    for seed in range(3):
        x, other = random_csr(seed, 60, 8), random_csr(seed + 50, 60, 8)
        x.data[::7] = missing
        for rows in (x, x.toarray()):
            est = xgb.XGBClassifier(**XGB, missing=missing).fit(rows, labels(seed, 60))
            fast = willump.compile(est, strict=True)
            for asked in (x, x.toarray(), other, other.toarray()):
                expected = est.predict_proba(asked)
                np.testing.assert_allclose(fast.predict_proba(asked), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("params", [{}, {"use_missing": False}, {"zero_as_missing": True}])
def test_numbers_near_zero_are_lightgbm_s_in_sparse_rows(params: Any) -> None:
    rng = np.random.default_rng(0)
    x = rng.choice([-1, -0.5, 0, 0.5], (300, 1))
    edge = float(np.float32(1e-35))
    near = [edge, np.nextafter(edge, 1), np.nextafter(edge, 0), 1e-36, 5e-324, 1e-34]
    values = np.array([*near, *np.negative([n for n in near if n != edge]), 0.0, -0.0, -1.0])
    for y in (x[:, 0] < 0, x[:, 0] > 0, x[:, 0] == 0):
        options = {"min_data_in_leaf": 1, "num_leaves": 3, "verbose": -1, **params}
        booster = lgb.train(options, lgb.Dataset(x, y), 3)
        model = lgb.LGBMRegressor(n_estimators=3, min_child_samples=1, num_leaves=3, verbose=-1)
        for original in (booster, model.set_params(**params).fit(x, y)):
            fast = willump.compile(original)
            dense = np.append(values, -edge)[:, None]
            rows = sp.csr_array((values, np.zeros(len(values), int), np.arange(len(values) + 1)))
            edges = sp.csr_array(([-0.5, -edge], ([0, 1], [0, 0])), shape=(2, 1))
            for X in (dense, rows, sp.csc_matrix(edges)):
                np.testing.assert_array_equal(fast.predict(X), original.predict(X))
            named = pl.DataFrame({"a": values})
            for X in (named, named.to_arrow()):
                np.testing.assert_array_equal(fast.predict(X), original.predict(X))
            for X in (edges, edges.astype(np.float32), edges.tocoo(), edges.tocsc()):
                with pytest.raises(willump.UnsupportedError, match="row 1, column 0"):
                    fast.predict(X)
            column = pl.DataFrame({"a": [-0.5, -edge]})
            for X in (column, column.to_arrow(), column.cast(pl.Float32)):
                with pytest.raises(willump.UnsupportedError, match="row 1, column 'a'"):
                    fast.predict(X)


# ---- dense columns beside sparse ones ---------------------------------------------


def mixed_table(n: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "a": rng.integers(0, 3, n).astype(float),
            "b": rng.normal(size=n).round(1),
            "c": rng.choice([f"k{i}" for i in range(20)], n),
            "d": rng.choice(list("pqr"), n),
        }
    )


@pytest.mark.parametrize(
    "scaler",
    [StandardScaler(), MinMaxScaler((-1, 1)), RobustScaler(), StandardScaler(with_mean=False)],
)
@pytest.mark.parametrize("kind", ["xgboost", "lightgbm", "forest"])
def test_what_a_scaler_makes_of_zero_is_no_gap(scaler: Any, kind: str) -> None:
    """XGBoost reads what a sparse matrix does not store as missing."""
    x = mixed_table(200, 0)
    y = (x["a"] + x["b"] > 1).astype(int)
    columns = ColumnTransformer([("n", scaler, ["a", "b"]), ("o", OneHotEncoder(), ["c"])])
    models = {
        "xgboost": lambda: xgb.XGBClassifier(n_estimators=5, n_jobs=1),
        "lightgbm": lambda: lgb.LGBMClassifier(n_estimators=5, verbosity=-1, n_jobs=1),
        "forest": lambda: RandomForestClassifier(5, random_state=0),
    }
    pipeline = make_pipeline(columns, models[kind]()).fit(x, y)
    assert columns.fit(x).sparse_output_
    fast = willump.compile(pipeline, strict=True)
    later = mixed_table(500, 1)
    assert np.array_equal(fast.predict(later), pipeline.predict(later))
    np.testing.assert_allclose(
        fast.predict_proba(later), pipeline.predict_proba(later), rtol=1e-6 * (kind == "xgboost")
    )


def test_nan_in_a_dense_part_of_sparse_rows_is_refused_as_by_the_original() -> None:
    x = mixed_table(200, 0)
    unknown = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan)
    parts = [("o", OneHotEncoder(), ["c"]), ("e", unknown, ["d"]), ("n", StandardScaler(), ["a"])]
    pipeline = make_pipeline(
        ColumnTransformer(parts, sparse_threshold=1.0), RandomForestClassifier(3, random_state=0)
    ).fit(x, x["b"] > 0)
    fast = willump.compile(pipeline, strict=True)
    assert np.array_equal(fast.predict(x), pipeline.predict(x))
    for later in (x.assign(d="new"), x.assign(a=np.nan)):
        for model in (pipeline, fast):
            with pytest.raises(ValueError, match="Input X contains NaN"):
                model.predict(later)


def test_zeros_that_a_pipeline_of_unknown_width_stores_are_no_missing_values() -> None:
    def counted(documents: Any) -> Any:
        return [dict.fromkeys(text.split(), 1.0) for text in documents]

    rng = np.random.default_rng(0)
    documents = [" ".join(f"w{i}" for i in rng.integers(0, 40, 9)) for _ in range(300)]
    labels = np.array([("w1" in text.split()) ^ ("w2" in text.split()) for text in documents])
    hashed = make_pipeline(FunctionTransformer(counted), FeatureHasher(6))
    assert (hashed.transform(documents).data == 0).any()
    original = make_pipeline(hashed, TfidfTransformer(), xgb.XGBClassifier(**XGB))
    original.fit(documents, labels)
    expected = original.predict_proba(documents)
    np.testing.assert_allclose(build(original).predict_proba(documents), expected, 1e-5, 1e-6)
