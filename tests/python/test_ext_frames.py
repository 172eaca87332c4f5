"""Columns of frames: every kind of frame, names and positions, names' checks."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import willump
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder, StandardScaler

RNG = np.random.default_rng(0)
FRAME = pd.DataFrame(
    {
        "text": ["the cat", "a dog sat", "cat dog", "caf\u00e9 dog", "cat", "sat sat"],
        "a": RNG.normal(size=6),
        "b": RNG.integers(0, 9, size=6),
        "other": list("xyzxyz"),
    }
)
LABELS = np.array(["no", "yes"] * 3)


def columns(*, by_name: bool = True) -> Any:
    names: list[Any] = ["text", "a", "b"] if by_name else [0, 1, 2]
    return ColumnTransformer(
        [("words", TfidfVectorizer(), names[0]), ("numbers", StandardScaler(), names[1:])]
    )


@pytest.fixture(scope="module")
def pipeline() -> Any:
    return make_pipeline(columns(), LogisticRegression()).fit(FRAME, LABELS)


@pytest.fixture(scope="module")
def fast(pipeline: Any) -> Any:
    return willump.compile(pipeline, strict=True)


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda f: f, id="pandas"),
        pytest.param(lambda f: f[["b", "other", "text", "a"]], id="pandas-reordered"),
        pytest.param(lambda f: f.assign(more=1), id="pandas-with-more"),
        pytest.param(lambda f: f.astype({"text": object}), id="pandas-object"),
        pytest.param(lambda f: f.astype({"a": "Float64", "b": "Int8"}), id="pandas-nullable"),
        pytest.param(lambda f: f.convert_dtypes(dtype_backend="pyarrow"), id="pandas-arrow"),
        pytest.param(pl.from_pandas, id="polars"),
        pytest.param(pa.Table.from_pandas, id="arrow-table"),
        pytest.param(lambda f: pa.Table.from_pandas(f).to_batches()[0], id="arrow-batch"),
        pytest.param(lambda f: f.to_dict("list"), id="dict-of-lists"),
        pytest.param(lambda f: {k: v.to_numpy() for k, v in f.items()}, id="dict-of-arrays"),
        pytest.param(lambda f: f.set_index(pd.Index(range(5, 11))), id="pandas-other-index"),
    ],
)
def test_a_frame_from(make: Any, pipeline: Any, fast: Any) -> None:
    np.testing.assert_allclose(
        fast.predict_proba(make(FRAME)), pipeline.predict_proba(FRAME), rtol=1e-9
    )


def test_one_row_of_a_frame(pipeline: Any, fast: Any) -> None:
    for i in range(len(FRAME)):
        row = FRAME.iloc[i : i + 1]
        assert fast.predict(row) == pipeline.predict(row)


def test_missing_columns_are_named(pipeline: Any, fast: Any) -> None:
    for x in (FRAME[["text", "a"]], pl.from_pandas(FRAME[["text", "a"]])):
        with pytest.raises(ValueError, match=re.escape("columns are missing: {'b'}")):
            pipeline.predict(x)
        with pytest.raises(ValueError, match=re.escape("columns are missing: {'b'}")):
            fast.predict(x)
    with pytest.raises(ValueError, match="columns are missing"):
        fast.predict({"text": ["a"], "a": [1]})


@pytest.mark.parametrize("x", [FRAME.to_numpy(), FRAME.to_numpy().tolist(), FRAME["text"]])
def test_columns_by_name_need_a_frame(x: Any, pipeline: Any, fast: Any) -> None:
    with pytest.raises(ValueError, match=r"dataframes|ColumnTransformer"):
        pipeline.predict(x)
    with pytest.raises(ValueError, match="only supported for dataframes"):
        fast.predict(x)


def test_nulls_in_numbers_are_what_the_original_refuses(pipeline: Any, fast: Any) -> None:
    frame = FRAME.assign(a=FRAME["a"].where(FRAME.index != 2))
    with pytest.raises(ValueError, match="Input X contains NaN") as expected:
        pipeline.predict(frame)
    with pytest.raises(ValueError, match="Input X contains NaN") as actual:
        fast.predict(frame)
    assert str(actual.value).splitlines()[0] == str(expected.value).splitlines()[0]


def test_no_rows_are_refused(pipeline: Any, fast: Any) -> None:
    for model in (pipeline, fast):
        with pytest.raises(ValueError, match="Found array with 0 sample"):
            model.predict(FRAME.iloc[:0])


def test_columns_by_position() -> None:
    values = FRAME.to_numpy()
    pipeline = make_pipeline(columns(by_name=False), LogisticRegression()).fit(values, LABELS)
    fast = willump.compile(pipeline, strict=True)
    expected = pipeline.predict_proba(values)
    for x in (values, values.tolist(), np.asfortranarray(values)):
        np.testing.assert_allclose(fast.predict_proba(x), expected, rtol=1e-9)
    with pytest.warns(UserWarning, match="was fitted without feature names"):
        np.testing.assert_allclose(fast.predict_proba(FRAME), expected, rtol=1e-9)
    for model in (pipeline, fast):
        with pytest.raises(ValueError, match="X has 3 features, but ColumnTransformer"):
            model.predict(values[:, :3])


MATRIX = FRAME[["a", "b"]]


@pytest.mark.parametrize(
    "x",
    [
        MATRIX[["b", "a"]],
        MATRIX[["a"]],
        MATRIX.rename(columns={"a": "z"}),
        MATRIX.assign(z=1),
        MATRIX.rename(columns={"a": 1}),
    ],
    ids=["reordered", "missing", "renamed", "extra", "mixed"],
)
def test_feature_names_are_checked(x: Any) -> None:
    model = make_pipeline(StandardScaler(), Ridge()).fit(MATRIX, np.arange(6.0))
    fast = willump.compile(model, strict=True)
    with pytest.raises((ValueError, TypeError)) as expected:
        model.predict(x)
    with pytest.raises(type(expected.value)) as actual:
        fast.predict(x)
    assert str(actual.value).startswith(str(expected.value))


def test_warnings_about_feature_names_are_the_originals() -> None:
    named = make_pipeline(StandardScaler(), Ridge()).fit(MATRIX, np.arange(6.0))
    plain = Ridge().fit(MATRIX.to_numpy(), np.arange(6.0))
    for model, x in ((named, MATRIX.to_numpy()), (plain, MATRIX)):
        fast = willump.compile(model, strict=True)
        with pytest.warns(UserWarning, match="feature names") as expected:
            answer = model.predict(x)
        with pytest.warns(UserWarning, match="feature names") as actual:
            result = fast.predict(x)
        assert str(actual[0].message) == str(expected[0].message)
        np.testing.assert_allclose(result, answer, rtol=1e-9)


class OwnEncoder(OrdinalEncoder):
    """A subclass, which stays Python."""


def test_a_python_step_gets_the_rows_of_the_frame() -> None:
    transformer = ColumnTransformer(
        [("words", CountVectorizer(), "text"), ("codes", OwnEncoder(), ["other"])]
    )
    pipeline = make_pipeline(transformer, LogisticRegression()).fit(FRAME, LABELS)
    with pytest.warns(willump.PythonStepWarning, match="OwnEncoder"):
        fast = willump.compile(pipeline)
    for frame in (FRAME, FRAME.iloc[:1], FRAME.iloc[::-1]):
        np.testing.assert_allclose(
            fast.predict_proba(frame), pipeline.predict_proba(frame), rtol=1e-9
        )
    with pytest.raises(ValueError, match=re.escape("columns are missing: {'other'}")):
        fast.predict(FRAME[["text"]])
    with pytest.raises(ValueError, match="Found unknown categories"):
        fast.predict(FRAME.assign(other="unknown"))
