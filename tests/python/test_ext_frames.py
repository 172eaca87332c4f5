"""Columns of frames: every kind of frame, names and positions, names' checks."""

from __future__ import annotations

import re
import sys
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
from sklearn.preprocessing import OrdinalEncoder, PolynomialFeatures, StandardScaler

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


# ---- what only exports Arrow data ----------------------------------------------


class Stream:
    """An Arrow stream and nothing else; its second reading is an error."""

    def __init__(self, table: Any) -> None:
        self.table = table

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        table, self.table = self.table, None
        return table.__arrow_c_stream__(requested_schema)


class Batch:
    """An Arrow array of structs and nothing else."""

    def __init__(self, table: Any) -> None:
        (self.batch,) = table.to_batches()

    def __arrow_c_array__(self, requested_schema: Any = None) -> Any:
        return self.batch.__arrow_c_array__(requested_schema)


EXPORTERS = [
    pytest.param(Stream, id="stream"),
    pytest.param(lambda table: table.to_reader(max_chunksize=4), id="reader-of-batches"),
    pytest.param(Batch, id="array"),
]
NUMBERS = ["a", "b"]


def call_with(library: str, method: Any, x: Any) -> Any:
    """A call where no more than this one of pyarrow and polars can be imported."""
    with pytest.MonkeyPatch.context() as patch:
        for name in {"pyarrow", "polars"} - {library}:
            patch.setitem(sys.modules, name, None)
        return method(x)


@pytest.mark.parametrize("make", EXPORTERS)
@pytest.mark.parametrize("library", ["pyarrow", "polars"])
def test_an_exporter_is_a_table_to_a_model_of_columns(
    library: str, make: Any, pipeline: Any, fast: Any
) -> None:
    found = call_with(library, fast.predict_proba, make(pa.Table.from_pandas(FRAME)))
    np.testing.assert_allclose(found, pipeline.predict_proba(FRAME), rtol=1e-9)


@pytest.mark.parametrize("make", EXPORTERS)
@pytest.mark.parametrize("library", ["pyarrow", "polars"])
def test_an_exporter_is_a_table_to_a_model_of_a_matrix(library: str, make: Any) -> None:
    original = Ridge().fit(FRAME[NUMBERS], FRAME["a"])
    fast = willump.compile(original)
    found = call_with(library, fast.predict, make(pa.Table.from_pandas(FRAME[NUMBERS])))
    np.testing.assert_allclose(found, original.predict(FRAME[NUMBERS]), rtol=1e-9)
    more = make(pa.Table.from_pandas(FRAME[["a", "b", "other"]]))
    with pytest.raises(ValueError, match="Feature names unseen at fit time:\n- other\n"):
        call_with(library, fast.predict, more)


@pytest.mark.parametrize("make", EXPORTERS)
def test_an_exporter_without_a_library_to_read_it_names_both(make: Any, fast: Any) -> None:
    matrix = willump.compile(Ridge().fit(FRAME[NUMBERS], FRAME["a"]))
    for model in (fast, matrix):
        with pytest.raises(TypeError, match="pyarrow or polars, and neither is installed"):
            call_with("neither", model.predict, make(pa.Table.from_pandas(FRAME)))


@pytest.mark.parametrize("make", EXPORTERS)
def test_python_steps_read_an_exporter_too(make: Any) -> None:
    both = ColumnTransformer(
        [("words", CountVectorizer(), "text"), ("numbers", PolynomialFeatures(), NUMBERS)]
    )
    original = make_pipeline(both, LogisticRegression()).fit(FRAME, LABELS)
    with pytest.warns(willump.PythonStepWarning):
        fast = willump.compile(original)
    found = fast.predict_proba(make(pa.Table.from_pandas(FRAME)))
    np.testing.assert_allclose(found, original.predict_proba(FRAME), rtol=1e-9)


@pytest.mark.parametrize("library", ["pyarrow", "polars", "neither"])
def test_a_stream_of_strings_is_a_column_of_text(library: str) -> None:
    fast = willump.compile(CountVectorizer().fit(FRAME["text"]))
    for texts in (pa.chunked_array([FRAME["text"]]), pl.Series(FRAME["text"])):
        found = call_with(library, fast.transform, Stream(texts))
        assert (found != fast.transform(FRAME["text"])).nnz == 0


def test_a_stream_without_rows_is_a_table_without_rows(fast: Any) -> None:
    empty = pa.Table.from_pandas(FRAME[:0])
    with pytest.raises(ValueError, match=r"Found array with 0 sample\(s\)"):
        fast.predict(empty.to_reader())


def test_a_stream_that_fails_says_why(fast: Any) -> None:
    def batches() -> Any:
        yield pa.RecordBatch.from_pandas(FRAME)
        raise OSError("the cable is cut")

    schema = pa.Schema.from_pandas(FRAME)
    with pytest.raises(OSError, match="the cable is cut"):
        fast.predict(pa.RecordBatchReader.from_batches(schema, batches()))


def test_verify_reads_a_stream_once(pipeline: Any, fast: Any) -> None:
    assert fast.verify(Stream(pa.Table.from_pandas(FRAME))).ok


def test_top_k_reads_a_stream_once(fast: Any) -> None:
    ids, scores = fast.top_k(Stream(pa.Table.from_pandas(FRAME)), 3)
    expected = fast.top_k(FRAME, 3)
    assert ids.tolist() == expected[0].tolist()
    assert scores.tolist() == expected[1].tolist()


def test_optimize_reads_streams_once() -> None:
    rng = np.random.default_rng(0)
    words = ["good", "bad"]
    texts = [f"{words[i % 2]} {i}" for i in range(1_200)]
    frame = pd.DataFrame({"text": texts, "a": rng.normal(size=1_200)})
    parts = ColumnTransformer(
        [
            ("words", CountVectorizer(), "text"),
            ("chars", CountVectorizer(analyzer="char", ngram_range=(1, 3)), "text"),
        ]
    )
    labels = np.array([0, 1] * 300)
    original = make_pipeline(parts, LogisticRegression()).fit(frame[:600], labels)
    table = pa.Table.from_pandas(frame)
    fast = willump.optimize(
        original, Stream(table[:600]), labels, X_cal=Stream(table[600:]), costs=[1.0, 5.0]
    )
    same = willump.optimize(original, frame[:600], labels, X_cal=frame[600:], costs=[1.0, 5.0])
    assert fast.metadata["certificate"] == same.metadata["certificate"]
    assert fast.predict_proba(frame).tolist() == same.predict_proba(frame).tolist()
