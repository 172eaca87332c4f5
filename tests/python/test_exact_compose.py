"""Pipelines, unions and column transformers give the matrices of scikit-learn's."""

from __future__ import annotations

import random
import warnings
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp
import sklearn
from harness import (
    BACKEND,
    assert_row_wise,
    assert_same_matrix,
    assert_same_model,
    build,
    examples,
    quiet,
    take_frame,
    take_list,
)
from hypothesis import given
from hypothesis import strategies as st
from sklearn import feature_selection as fs
from sklearn import preprocessing as pp
from sklearn.compose import ColumnTransformer, make_column_selector, make_column_transformer
from sklearn.decomposition import NMF, TruncatedSVD
from sklearn.ensemble import StackingClassifier, VotingClassifier
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline, make_union
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier
from strategies import random_text
from willump.convert.sklearn_impute import _fills_are_narrowed
from willump.convert.sklearn_preprocess import _standard_scaler_narrows


def frame(seed: int, n: int = 30) -> pd.DataFrame:
    rng, texts = np.random.default_rng(seed), random.Random(seed)
    return pd.DataFrame(
        {
            "title": [random_text(texts) + " aa bb" for _ in range(n)],
            "price": rng.normal(size=n) * 100,
            "count": rng.integers(0, 50, n),
            "body": [random_text(texts) + " cc dd" for _ in range(n)],
            "flag": rng.random(n) < 0.5,
            "kind": rng.choice(["x", "y", "z"], n),
            "tiny": rng.normal(size=n).astype(np.float32),
        }
    )


def texts(seed: int, n: int = 30) -> list[str]:
    rng = random.Random(seed)
    return [random_text(rng) + f" aa bb w{rng.randrange(5)}" for _ in range(n)]


def check(transformer: Any, x: Any, y: Any = None, *, bits: bool = True) -> Any:
    quiet(transformer.fit, x, y)
    compiled = build(transformer)
    assert_same_matrix(quiet(compiled.transform, x), quiet(transformer.transform, x), bits=bits)
    return compiled


VECTORIZERS: list[Any] = [
    CountVectorizer(),
    TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 3)),
    HashingVectorizer(n_features=64),
    CountVectorizer(binary=True, dtype=np.float32),
    TfidfVectorizer(dtype=np.float32),
]
AFTER_TEXT: list[Any] = [
    "passthrough",
    None,
    pp.MaxAbsScaler(),
    pp.StandardScaler(with_mean=False),
    pp.StandardScaler(with_mean=False, with_std=False),
    pp.RobustScaler(with_centering=False),
    pp.Normalizer("l1"),
    pp.Normalizer("max"),
    pp.Binarizer(),
    fs.VarianceThreshold(),
    fs.SelectKBest(fs.chi2, k=5),
    fs.SelectPercentile(fs.f_classif, percentile=30),
    fs.SelectFromModel(LinearSVC()),
    fs.RFE(LogisticRegression(), n_features_to_select=4, step=0.5),
]


@pytest.mark.parametrize("after", AFTER_TEXT, ids=repr)
@examples(12, shrinks=False)
@given(st.integers(0, 2**32), st.sampled_from(VECTORIZERS), st.booleans())
def test_a_vectorizer_and_what_follows(after: Any, seed: int, vectorizer: Any, twice: bool) -> None:
    x, y = texts(seed), np.arange(30) % 3
    first: Any = vectorizer
    if twice:
        first = FeatureUnion([("a", vectorizer), ("b", TfidfVectorizer())])
    steps = [("first", first), ("then", after)]
    has_signs = isinstance(vectorizer, HashingVectorizer) and isinstance(after, fs.SelectKBest)
    if has_signs:
        vectorizer.set_params(alternate_sign=False)
    check(Pipeline(steps), x, y)


@examples(60, shrinks=False)
@given(
    st.integers(0, 2**32),
    st.lists(st.sampled_from(VECTORIZERS), min_size=1, max_size=4),
    st.lists(
        st.sampled_from([None, 0.5, 2, 3.0, np.float64(0.1), np.float32(0.1), np.int64(3)]),
        min_size=4,
        max_size=4,
    ),
)
def test_unions_with_weights(seed: int, parts: list[Any], weights: list[Any]) -> None:
    named = [(f"part{i}", part) for i, part in enumerate(parts)]
    chosen = {f"part{i}": w for i, w in enumerate(weights[: len(parts)]) if w is not None}
    union = FeatureUnion([*named, ("gone", "drop")], transformer_weights=chosen)
    check(union, texts(seed))


def test_nested_unions_and_pipelines() -> None:
    x = texts(3)
    inner = make_union(CountVectorizer(), make_pipeline(TfidfVectorizer(), pp.MaxAbsScaler()))
    check(make_union(inner, make_pipeline(HashingVectorizer(n_features=32), pp.Normalizer())), x)


def test_a_projection_is_within_rounding() -> None:
    x = texts(4)
    check(make_pipeline(TfidfVectorizer(), TruncatedSVD(3, random_state=0)), x, bits=False)


COLUMNS: list[tuple[str, Any, Any]] = [
    ("title", TfidfVectorizer(), "title"),
    ("body", CountVectorizer(analyzer="char", ngram_range=(1, 2)), "body"),
    ("hash", HashingVectorizer(n_features=32), "title"),
    ("scaled", pp.StandardScaler(), ["price", "count"]),
    ("same", "passthrough", ["count", "flag"]),
    ("none", "passthrough", []),
    ("gone", "drop", ["kind"]),
    ("one", pp.MinMaxScaler(), ["price"]),
    ("robust", pp.RobustScaler(), ["tiny", "price"]),
    ("bins", pp.Binarizer(threshold=3.0), ["count"]),
    ("kinds", pp.OneHotEncoder(), ["kind"]),
    ("numbers", pp.MaxAbsScaler(), make_column_selector(dtype_include="number")),
]


@examples(120, shrinks=False)
@given(
    st.integers(0, 2**32),
    st.lists(st.sampled_from(COLUMNS), min_size=1, max_size=6, unique_by=lambda c: c[0]),
    st.sampled_from([0.0, 0.3, 1.0]),
    st.booleans(),
)
def test_columns_of_frames(seed: int, columns: list[Any], threshold: float, weighted: bool) -> None:
    x = frame(seed)
    weights = {columns[0][0]: 0.25} if weighted and columns[0][1] != "drop" else None
    transformer = ColumnTransformer(
        columns, sparse_threshold=threshold, transformer_weights=weights
    )
    quiet(transformer.fit, x)
    want = quiet(transformer.transform, x)
    if want.shape[1] == 0:
        return
    fast = build(transformer)
    if want.dtype == object and BACKEND == "core" and not fast._reasons:
        with pytest.raises(TypeError, match="'same' passes its columns through"):
            quiet(fast.transform, x)
        return
    got = quiet(fast.transform, x)
    assert got.shape == want.shape
    assert sp.issparse(got) == sp.issparse(want)
    dense = [m.toarray() if sp.issparse(m) else np.asarray(m) for m in (got, want)]
    has_single = any(name in ("robust", "numbers") for name, _, _ in columns)
    tolerance = 1e-5 if has_single else 1e-12
    np.testing.assert_allclose(
        dense[0].astype(float), dense[1].astype(float), rtol=tolerance, atol=tolerance
    )


@pytest.mark.parametrize("remainder", ["drop", "passthrough", pp.StandardScaler()], ids=repr)
@pytest.mark.parametrize(
    "columns", [["price"], [1], slice("price", "count"), slice(1, 3), [False, True, True, False]]
)
def test_any_way_to_name_columns(columns: Any, remainder: Any) -> None:
    x = frame(1)[["tiny", "price", "count", "flag"]].astype(float)
    transformer = ColumnTransformer([("a", pp.StandardScaler(), columns)], remainder=remainder)
    compiled = check(transformer, x)
    shuffled = x[["flag", "count", "price", "tiny"]].assign(more=1.0)
    assert_same_matrix(compiled.transform(shuffled), transformer.transform(shuffled), bits=True)


@pytest.mark.parametrize("container", [np.asarray, sp.csr_array, np.asfortranarray])
def test_columns_of_matrices(container: Any) -> None:
    x = np.random.default_rng(0).normal(size=(20, 5))
    transformer = make_column_transformer(
        (pp.MaxAbsScaler(), [0, 3]), ("passthrough", [1]), remainder="drop"
    )
    quiet(transformer.fit, x)
    got = build(transformer).transform(container(x))
    got = got.toarray() if sp.issparse(got) else got
    np.testing.assert_allclose(got, transformer.transform(x), rtol=1e-15)


def test_object_arrays_hold_text_and_numbers() -> None:
    x = frame(2)[["title", "price", "count"]].to_numpy(dtype=object)
    transformer = ColumnTransformer(
        [("t", CountVectorizer(), 0), ("n", pp.StandardScaler(), [1, 2])]
    )
    check(transformer, x, bits=False)


def test_polars_frames() -> None:
    x = frame(5)
    transformer = ColumnTransformer(
        [
            ("t", TfidfVectorizer(), "title"),
            ("n", pp.StandardScaler(), ["price", "count"]),
            ("k", pp.OneHotEncoder(), ["kind"]),
        ]
    )
    quiet(transformer.fit, x)
    got = build(transformer).transform(pl.from_pandas(x))
    assert_same_matrix(got, transformer.transform(x), bits=True)


@examples(25, shrinks=False)
@given(st.integers(0, 2**32), st.sampled_from([2, 3]))
def test_a_model_on_columns(seed: int, n_classes: int) -> None:
    x = frame(seed, 40)
    y = np.arange(40) % n_classes
    pipeline = make_pipeline(
        ColumnTransformer(
            [
                ("title", TfidfVectorizer(), "title"),
                ("body", CountVectorizer(analyzer="char", ngram_range=(1, 2)), "body"),
                ("numbers", pp.StandardScaler(), ["price", "count"]),
                ("kind", pp.OneHotEncoder(handle_unknown="ignore"), ["kind"]),
            ]
        ),
        LogisticRegression(max_iter=15),
    )
    quiet(pipeline.fit, x, y)
    assert_same_model(build(pipeline), pipeline, x)


def test_rows_of_columns_are_the_same_in_any_batch() -> None:
    x = frame(6)
    pipeline = make_pipeline(
        ColumnTransformer(
            [
                ("title", TfidfVectorizer(), "title"),
                ("numbers", pp.StandardScaler(), ["price", "count"]),
            ]
        ),
        LogisticRegression(max_iter=15),
    )
    quiet(pipeline.fit, x, np.arange(30) % 2)
    assert_row_wise(pipeline, x, take_frame, "predict_proba")


def test_rows_of_a_python_step_are_its_own() -> None:
    x = texts(7)
    union = make_union(CountVectorizer(tokenizer=str.split, token_pattern=None), TfidfVectorizer())
    assert_row_wise(quiet(union.fit, x), x, take_list, "transform")


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_numbers_that_are_not_finite(bad: float) -> None:
    x = frame(8)
    pipeline = make_pipeline(
        ColumnTransformer(
            [
                ("title", TfidfVectorizer(), "title"),
                ("numbers", pp.StandardScaler(), ["price"]),
            ]
        ),
        LogisticRegression(max_iter=15),
    )
    quiet(pipeline.fit, x, np.arange(30) % 2)
    x.loc[3, "price"] = bad
    with pytest.raises(ValueError, match="contains") as original:
        pipeline.predict(x)
    with pytest.raises(ValueError, match="contains") as ours:
        build(pipeline).predict(x)
    assert str(ours.value)[:20] == str(original.value)[:20]


def test_missing_columns_raise_the_original_type() -> None:
    x = frame(9)
    transformer = ColumnTransformer(
        [("t", CountVectorizer(), "title"), ("n", "passthrough", ["price"])]
    )
    quiet(transformer.fit, x)
    for broken in (x.drop(columns="title"), x.drop(columns="price")):
        with pytest.raises(ValueError, match="columns are missing"):
            transformer.transform(broken)
        with pytest.raises(ValueError, match="columns are missing"):
            build(transformer).transform(broken)


def test_names_of_features() -> None:
    x = frame(10)
    for transformer in (
        CountVectorizer().fit(x["title"]),
        make_union(CountVectorizer(), TfidfVectorizer()).fit(x["title"]),
        ColumnTransformer(
            [("a", pp.StandardScaler(), ["price"]), ("b", "passthrough", ["count"])]
        ).fit(x),
    ):
        from willump.convert import convert_pipeline
        from willump.convert.names import expand

        converted = convert_pipeline(transformer)
        recipe = converted.metadata["feature_names_out"]
        assert expand(recipe, converted.tensors) == list(transformer.get_feature_names_out())


def test_blocks_are_what_the_final_model_reads() -> None:
    from willump.convert import convert_pipeline

    x = texts(11)
    union = make_union(
        CountVectorizer(), make_union(TfidfVectorizer(), HashingVectorizer(n_features=8))
    )
    pipeline = quiet(make_pipeline(union, pp.MaxAbsScaler(), LinearSVC()).fit, x, np.arange(30) % 2)
    blocks = convert_pipeline(pipeline).metadata["blocks"]
    assert [b["name"] for b in blocks] == [
        "countvectorizer", "featureunion.tfidfvectorizer", "featureunion.hashingvectorizer",
    ]  # fmt: skip
    assert blocks[-1]["stop"] - blocks[-1]["start"] == 8
    assert [b["start"] for b in blocks[1:]] == [b["stop"] for b in blocks[:-1]]


def test_frames_that_all_of_sklearn_is_set_to_give_are_refused_by_transform() -> None:
    from willump import UnsupportedError

    x = np.arange(6.0).reshape(3, 2)
    scaler = pp.StandardScaler().fit(x)
    with sklearn.config_context(transform_output="pandas"):
        fast = build(scaler)
        with pytest.raises(UnsupportedError, match="transform_output='pandas'"):
            fast.transform(x)
    assert_same_matrix(fast.transform(x), scaler.transform(x), bits=True)


@pytest.mark.parametrize("config", ["pandas", "polars"])
def test_what_all_of_sklearn_is_set_to_give_changes_no_answer(config: str) -> None:
    """Neither of what is asked of this scikit-learn when a pipeline is compiled, which is
    asked once, nor of what a step that stays Python gets."""
    for probe in (_standard_scaler_narrows, _fills_are_narrowed):
        probe.cache_clear()
    rng = np.random.default_rng(0)
    x = pd.DataFrame({"a": rng.normal(size=60), "b": rng.integers(0, 3, 60), "c": ["x", "y"] * 30})
    x.loc[::7, "a"] = np.nan
    y = rng.integers(0, 2, 60)
    words = ["red fox", "blue sky", "red sky"] * 20
    warned = pp.OneHotEncoder(sparse_output=False, handle_unknown="warn")
    numbers = make_pipeline(SimpleImputer(), pp.StandardScaler())
    parts = ColumnTransformer([("n", numbers, ["a", "b"]), ("c", warned, ["c"])])
    with sklearn.config_context(transform_output=config):
        for est, table in [
            (make_pipeline(parts, LogisticRegression()), x),
            (make_pipeline(TfidfVectorizer(), NMF(2, random_state=0), LogisticRegression()), words),
        ]:
            fast = build(quiet(est.fit, table, y))
            for X in (table, table[:1]):
                want, got = quiet(est.predict_proba, X), quiet(fast.predict_proba, X)
                np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-12)


def test_whole_numbers_that_doubles_do_not_hold_are_refused() -> None:
    from willump import UnsupportedError

    x = np.arange(60).reshape(20, 3) % 7
    for step in (fs.SelectKBest(k=2), fs.VarianceThreshold(), pp.FunctionTransformer(np.abs)):
        fast = build(step.fit(x, np.arange(20) % 2))
        for dtype in (np.int64, np.uint64):
            held = x.astype(dtype) + dtype(2**53 - 10)
            assert_same_matrix(fast.transform(held), step.transform(held), bits=True)
            for most in (2**53 + 1, np.iinfo(dtype).max):
                with pytest.raises(UnsupportedError, match="does not hold every integer"):
                    fast.transform(np.full((2, 3), most, dtype=dtype))


def test_frames_as_results_are_refused() -> None:
    from willump import UnsupportedError

    scaled = make_pipeline(pp.MinMaxScaler(), pp.StandardScaler())
    x = np.arange(6.0).reshape(3, 2) ** 2
    for step in (scaled, make_pipeline("passthrough", scaled, "passthrough")):
        step.set_output(transform="pandas").fit(x)
        with pytest.raises(UnsupportedError, match=r"set_output\(transform='pandas'\)"):
            build(step)
        build(step.set_output(transform="default"))
    scaled[0].set_output(transform="pandas")  # the next step reads the same numbers
    np.testing.assert_array_equal(build(scaled).transform(x), scaled.transform(x))
    union = make_union(pp.StandardScaler()).set_output(transform="pandas")
    union.fit(pd.DataFrame({"a": [1.0, 2.0]}))
    with pytest.raises(UnsupportedError, match="set_output"):
        build(union)


@examples(12, shrinks=False)
@given(
    st.integers(0, 2**32),
    st.sampled_from([VotingClassifier, StackingClassifier]),
    st.sampled_from(["pandas", "polars"]),
)
def test_a_model_that_transforms_into_frames_predicts(seed: int, kind: Any, output: str) -> None:
    rng = np.random.default_rng(seed)
    x = pd.DataFrame(rng.normal(size=(60, 3)), columns=list("abc"))
    members = [("l", LogisticRegression()), ("t", DecisionTreeClassifier(max_depth=3))]
    options = {"cv": 2} if kind is StackingClassifier else {"voting": "soft"}
    est = make_pipeline(pp.StandardScaler(), kind(members, **options))
    quiet(est.set_output(transform=output).fit, x, rng.permutation(60) % 2)
    fast = build(est, strict=True)
    np.testing.assert_array_equal(fast.predict(x), quiet(est.predict, x))
    np.testing.assert_allclose(fast.predict_proba(x), quiet(est.predict_proba, x), 1e-9)
    if BACKEND == "core":
        from willump import UnsupportedError

        with pytest.raises(UnsupportedError, match=f"transform='{output}'"):
            fast.transform(x)


def test_the_warning_names_the_python_step() -> None:
    import willump

    pipeline = make_pipeline(CountVectorizer(preprocessor=str.lower), LinearSVC())
    quiet(pipeline.fit, texts(12), np.arange(30) % 2)
    with pytest.warns(willump.PythonStepWarning, match="preprocessor is a function"):
        willump.compile(pipeline)
    with warnings.catch_warnings(), pytest.raises(willump.UnsupportedError, match="preprocessor"):
        willump.compile(pipeline, strict=True)
