"""Every kind of input that the extension reads gives the same numbers."""

from __future__ import annotations

import array
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from willump import UnsupportedError, _core

TEXTS = ["plain ascii", "", "caf\u00e9", "\u65e5\u672c\u8a9e text", "\U0001f600 b", "ba" * 300]
#: One term for each character below, so that counts show the bytes that came in.
LETTERS = sorted(set("".join(TEXTS)))


@pytest.fixture(scope="module")
def text_model() -> Any:
    graph = (
        "willump-graph 1\n"
        '%0 = input() {kind="text"}\n'
        '%1 = count(%0) {analyzer="char", vocabulary=@terms, lowercase=false, dtype="f64"}\n'
        "%2 = linear(%1) {coef=@identity}\n"
        "stage\noutput features = %1\noutput decision = %2\n"
    )
    tensors = {"terms": LETTERS, "identity": np.eye(len(LETTERS))}
    return _core.Model.compile(graph, tensors)


def counts(texts: list[str]) -> Any:
    return np.array([[float(text.count(letter)) for letter in LETTERS] for text in texts])


def run_text(model: Any, x: Any) -> Any:
    return model.run("decision", (x,))


def check_text(model: Any, x: Any, texts: list[str] = TEXTS) -> None:
    np.testing.assert_array_equal(run_text(model, x), counts(texts))


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(list, id="list"),
        pytest.param(tuple, id="tuple"),
        pytest.param(iter, id="iterator"),
        pytest.param(lambda t: (x for x in t), id="generator"),
        pytest.param(lambda t: dict.fromkeys(t), id="dict-keys"),
        pytest.param(lambda t: np.array(t, dtype=object), id="object-array"),
        pytest.param(lambda t: np.array([x for x in t for _ in (0, 1)], dtype=object)[::2],
                     id="strided-object-array"),
        pytest.param(lambda t: np.array([[x, 0] for x in t], dtype=object)[:, 0],
                     id="column-of-object-array"),
        pytest.param(np.array, id="unicode-array"),
        pytest.param(lambda t: np.array(t, dtype=np.dtypes.StringDType()), id="StringDType"),
        pytest.param(pd.Series, id="pandas"),
        pytest.param(lambda t: pd.Series(t, dtype=object), id="pandas-object"),
        pytest.param(lambda t: pd.Series(t, dtype="string"), id="pandas-string"),
        pytest.param(lambda t: pd.Series(t, dtype="string[python]"), id="pandas-string-python"),
        pytest.param(lambda t: pd.Series(t, dtype=pd.ArrowDtype(pa.string())), id="pandas-arrow"),
        pytest.param(lambda t: pd.Series(t, dtype="category"), id="pandas-category"),
        pytest.param(pd.Index, id="pandas-index"),
        pytest.param(pl.Series, id="polars"),
        pytest.param(lambda t: pl.Series(t, dtype=pl.Categorical), id="polars-categorical"),
        pytest.param(lambda t: pa.array(t, pa.string()), id="arrow-string"),
        pytest.param(lambda t: pa.array(t, pa.large_string()), id="arrow-large-string"),
        pytest.param(lambda t: pa.array(t, pa.string_view()), id="arrow-string-view"),
        pytest.param(lambda t: pa.array(t).dictionary_encode(), id="arrow-dictionary"),
        pytest.param(lambda t: pa.chunked_array([t[:2], [], t[2:]]), id="arrow-chunked"),
        pytest.param(lambda t: pa.array(["x", *t, "y"])[1:-1], id="arrow-slice"),
        pytest.param(lambda t: [x.encode() for x in t], id="utf-8-bytes"),
        pytest.param(lambda t: [np.str_(x) for x in t], id="numpy-str"),
    ],
)  # fmt: skip
def test_text_from(make: Any, text_model: Any) -> None:
    check_text(text_model, make(TEXTS))


def test_text_of_no_rows(text_model: Any) -> None:
    for x in (
        [],
        np.array([], dtype=object),
        pd.Series([], dtype="str"),
        pl.Series([], dtype=pl.String),
    ):
        assert run_text(text_model, x).shape == (0, len(LETTERS))


def test_str_subclass_is_text(text_model: Any) -> None:
    class Text(str):
        pass

    check_text(text_model, [Text(text) for text in TEXTS])


def test_a_list_that_changes_during_the_call_keeps_its_rows(text_model: Any) -> None:
    rows = [str(i) * 3 for i in range(2000)]
    expected = run_text(text_model, list(rows))

    def progress(done: int, total: int) -> None:
        rows.clear()

    result = text_model.run("decision", (rows,), progress=progress)
    np.testing.assert_array_equal(result, expected)


@given(st.lists(st.text(st.sampled_from([*LETTERS, "\u0394", "\ud800", "\x00"])), max_size=20))
def test_any_text_is_encoded_exactly(texts: list[str]) -> None:
    graph = (
        'willump-graph 1\n%0 = input() {kind="text"}\n'
        '%1 = count(%0) {analyzer="char", vocabulary=@terms, lowercase=false}\n'
        "stage\noutput features = %1\n"
    )
    terms = [letter for letter in [*LETTERS, "\u0394", "\ud800", "\x00"] if letter != " "]
    model = _core.Model.compile(graph, {"terms": terms})
    data, indices, indptr, shape = model.run("features", (texts,))
    dense = sp.csr_matrix((data, indices, indptr), shape=shape).toarray()
    expected = [[text.count(term) for term in terms] for text in texts]
    np.testing.assert_array_equal(dense, np.array(expected).reshape(len(texts), len(terms)))


def test_utf8_is_not_left_in_the_users_strings(text_model: Any) -> None:
    import sys

    text = "caf\u00e9" * 1000
    before = sys.getsizeof(text)
    run_text(text_model, [text])
    assert sys.getsizeof(text) == before


def test_bytes_are_decoded_as_the_spec_says(text_model: Any) -> None:
    texts = [{"encoding": "latin-1", "errors": "strict"}]
    result = text_model.run("decision", ([b"caf\xe9"],), texts=texts)
    np.testing.assert_array_equal(result, counts(["caf\u00e9"]))
    texts = [{"encoding": "utf-8", "errors": "ignore"}]
    result = text_model.run("decision", ([b"caf\xe9"],), texts=texts)
    np.testing.assert_array_equal(result, counts(["caf"]))


# ---- numbers ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def column_model() -> Any:
    graph = (
        'willump-graph 1\n%0 = input() {kind="numeric", name="a"}\n'
        '%1 = input() {kind="numeric", name="b"}\n'
        "%2 = concat(%0, %1)\nstage\noutput features = %2\n"
    )
    return _core.Model.compile(graph, {})


NUMBERS = [0, 1, 5, 100]


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(list, id="list"),
        pytest.param(np.array, id="array"),
        pytest.param(lambda v: np.array(v)[::-1][::-1], id="view"),
        pytest.param(lambda v: np.array([[x, 9] for x in v])[:, 0], id="strided"),
        pytest.param(lambda v: np.array(v[::-1])[::-1], id="negative-stride"),
        pytest.param(lambda v: np.array(v, dtype=">f8"), id="big-endian"),
        pytest.param(lambda v: np.array(v, dtype=object), id="object"),
        pytest.param(lambda v: array.array("d", v), id="array.array"),
        pytest.param(lambda v: memoryview(array.array("i", v)), id="memoryview"),
        pytest.param(lambda v: np.array(v)[:, None], id="one-column-matrix"),
        pytest.param(pd.Series, id="pandas"),
        pytest.param(lambda v: pd.Series(v, dtype="Int32"), id="pandas-nullable"),
        pytest.param(lambda v: pd.Series(v, dtype="float64[pyarrow]"), id="pandas-arrow"),
        pytest.param(lambda v: pd.Series(v, dtype=object), id="pandas-object"),
        pytest.param(pl.Series, id="polars"),
        pytest.param(pa.array, id="arrow"),
        pytest.param(lambda v: pa.chunked_array([v[:1], v[1:]]), id="arrow-chunked"),
        pytest.param(lambda v: pa.array([7, *v])[1:], id="arrow-slice"),
        pytest.param(lambda v: sp.csr_matrix(np.array(v)[:, None]), id="sparse-column"),
    ],
)  # fmt: skip
def test_a_column_of_numbers_from(make: Any, column_model: Any) -> None:
    result = column_model.run("features", (make(NUMBERS), [1.5] * 4))
    np.testing.assert_array_equal(result, np.array([[x, 1.5] for x in NUMBERS], dtype=float))


DTYPES = ["?", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8", "g"]


@pytest.mark.parametrize("dtype", DTYPES)
def test_columns_of_every_dtype(dtype: str, column_model: Any) -> None:
    values = np.array(NUMBERS).astype(dtype)
    result = column_model.run("features", (values, values))
    np.testing.assert_array_equal(result, np.array([values, values]).T.astype(float))


@pytest.mark.parametrize("dtype", ["i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8"])
def test_arrow_nulls_of_every_dtype_are_nan(dtype: str, column_model: Any) -> None:
    kind = pa.from_numpy_dtype(np.dtype(dtype))
    values = pa.array([1, None, 3], kind)
    result = column_model.run("features", (values, [0.0] * 3))
    np.testing.assert_array_equal(result[:, 0], [1, np.nan, 3])


def test_arrow_booleans_are_numbers(column_model: Any) -> None:
    values = pa.array([True, False, None, True])
    result = column_model.run("features", (values, [0.0] * 4))
    np.testing.assert_array_equal(result[:, 0], [1, 0, np.nan, 1])


def test_pandas_nulls_are_nan(column_model: Any) -> None:
    for dtype in ("Int64", "Float32", "int64[pyarrow]", "boolean"):
        series = pd.Series([1, None, 0], dtype=dtype)
        result = column_model.run("features", (series, [0.0] * 3))
        np.testing.assert_array_equal(result[:, 0], [1, np.nan, 0])


def test_unaligned_numbers_are_read(column_model: Any) -> None:
    packed = np.zeros(4, dtype=[("flag", "u1"), ("value", "f8")])
    packed["value"] = NUMBERS
    result = column_model.run("features", (packed["value"], packed["value"]))
    np.testing.assert_array_equal(result[:, 0], NUMBERS)


def test_read_only_numbers_are_read(column_model: Any) -> None:
    values = np.array(NUMBERS, dtype=float)
    values.flags.writeable = False
    assert column_model.run("features", (values, values))[2, 1] == 5


# ---- matrices ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def matrix_model() -> Any:
    graph = (
        'willump-graph 1\n%0 = input() {kind="matrix", n_features=3}\n'
        "%1 = linear(%0) {coef=@identity}\nstage\noutput decision = %1\n"
    )
    return _core.Model.compile(graph, {"identity": np.eye(3)})


MATRIX = np.array([[1.0, 0.0, 2.0], [0.0, 0.0, 0.0], [3.0, 4.0, 0.0], [0.0, 0.0, 7.0]])


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(np.array, id="C"),
        pytest.param(np.asfortranarray, id="Fortran"),
        pytest.param(lambda m: np.repeat(m, 2, axis=0)[::2], id="row-strided"),
        pytest.param(lambda m: np.repeat(m, 2, axis=1)[:, ::2], id="column-strided"),
        pytest.param(lambda m: m[::-1, ::-1].copy()[::-1, ::-1], id="negative-strides"),
        pytest.param(lambda m: m.tolist(), id="nested-lists"),
        pytest.param(lambda m: tuple(map(tuple, m)), id="nested-tuples"),
        pytest.param(lambda m: m.astype(object), id="object"),
        pytest.param(lambda m: m.astype("f4"), id="float32"),
        pytest.param(lambda m: m.astype(int), id="int64"),
        pytest.param(sp.csr_matrix, id="csr_matrix"),
        pytest.param(sp.csr_array, id="csr_array"),
        pytest.param(sp.csc_matrix, id="csc_matrix"),
        pytest.param(sp.coo_array, id="coo_array"),
        pytest.param(lambda m: sp.csr_matrix(m).astype("f4"), id="csr-float32"),
        pytest.param(lambda m: sp.csr_matrix(m.astype(int)), id="csr-int"),
        pytest.param(lambda m: pd.DataFrame(m, columns=list("abc")), id="pandas"),
        pytest.param(lambda m: pd.DataFrame(m).astype("Float64"), id="pandas-nullable"),
        pytest.param(lambda m: pd.DataFrame(m).astype({0: int, 1: "f4"}), id="pandas-mixed"),
        pytest.param(lambda m: pl.DataFrame(m), id="polars"),
        pytest.param(lambda m: pa.table(pd.DataFrame(m, columns=list("abc"))), id="arrow"),
    ],
)
def test_a_matrix_from(make: Any, matrix_model: Any) -> None:
    np.testing.assert_array_equal(matrix_model.run("decision", (make(MATRIX),)), MATRIX)


def test_csr_with_unsorted_indices(matrix_model: Any) -> None:
    unsorted = sp.csr_matrix(([1.0, 2.0, 4.0], [2, 0, 1], [0, 2, 3]), shape=(2, 3))
    before = unsorted.indices.copy()
    expected = [[2.0, 0.0, 1.0], [0.0, 4.0, 0.0]]
    np.testing.assert_array_equal(matrix_model.run("decision", (unsorted,)), expected)
    np.testing.assert_array_equal(unsorted.indices, before)


def test_csr_with_a_column_twice_in_a_row_is_refused(matrix_model: Any) -> None:
    repeated = sp.csr_matrix(([1.0, 2.0, 3.0, 4.0], [2, 0, 2, 1], [0, 3, 4]), shape=(2, 3))
    with pytest.raises(UnsupportedError, match="row 0 of the sparse matrix"):
        matrix_model.run("decision", (repeated,))


def test_csr_with_wide_indices(matrix_model: Any) -> None:
    wide = sp.csr_array(MATRIX)
    wide.indices = wide.indices.astype(np.int64)
    wide.indptr = wide.indptr.astype(np.int64)
    np.testing.assert_array_equal(matrix_model.run("decision", (wide,)), MATRIX)


@pytest.mark.parametrize(
    ("indices", "indptr"),
    [([0, 5], [0, 1, 2]), ([0, -1], [0, 1, 2]), ([0, 1], [0, 9, 2]), ([0, 1], [1, 1, 2])],
)
def test_damaged_csr_is_refused(indices: list[int], indptr: list[int], matrix_model: Any) -> None:
    damaged = sp.csr_matrix(np.array([[1.0, 0, 0], [0, 2.0, 0]]))
    damaged.indices = np.array(indices, dtype=np.int32)
    damaged.indptr = np.array(indptr, dtype=np.int32)
    damaged.has_canonical_format = True
    with pytest.raises(ValueError, match="sparse matrix"):
        matrix_model.run("decision", (damaged,))


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        (np.zeros(3), ValueError, "Expected 2D array, got 1D array instead"),
        ("abc", ValueError, "Expected 2D array, got scalar array instead"),
        (np.zeros((1, 1, 3)), ValueError, "Found array with dim 3"),
        (np.zeros((2, 3)) + 1j, ValueError, "Complex data not supported"),
        (np.array([["a", "b", "c"]]), ValueError, "dtype='numeric'"),
        (
            np.array([["a", "b", "c"]], dtype=object),
            ValueError,
            "could not convert string to float",
        ),
        ([[1, 2, 3], [1]], ValueError, "inhomogeneous"),
        (np.zeros((2, 4)), ValueError, "X has 4 features, but the model is expecting 3"),
        (np.zeros((2, 3), dtype="M8[s]"), TypeError, "dates"),
        (pd.Series([1.0, 2.0, 3.0]), ValueError, "Expected a 2-dimensional container"),
        (sp.csr_matrix((2, 5)), ValueError, "X has 5 features"),
    ],
)
def test_a_bad_matrix_is_refused(
    x: Any, error: type[Exception], message: str, matrix_model: Any
) -> None:
    with pytest.raises(error, match=message):
        matrix_model.run("decision", (x,))


def test_columns_of_different_lengths_are_refused(column_model: Any) -> None:
    with pytest.raises(ValueError, match="'a' has 2 rows, 'b' has 3"):
        column_model.run("features", ([1, 2], [1, 2, 3]))


def test_the_number_of_inputs_is_checked(column_model: Any) -> None:
    with pytest.raises(ValueError, match="the model has 2 inputs, not 1"):
        column_model.run("features", ([1],))


def test_unknown_outputs_are_refused(column_model: Any) -> None:
    with pytest.raises(KeyError, match="no output 'nothing'"):
        column_model.run("nothing", ([1], [1]))
    with pytest.raises(IndexError, match="no output 7"):
        column_model.run(7, ([1], [1]))


@pytest.mark.parametrize("x", [pa.array(["a"]), pa.array([[1.0]]), pl.Series([[1]]), {"a": 1}])
def test_a_column_that_is_no_numbers_is_refused(x: Any, column_model: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        column_model.run("features", (x, [1.0]))


# ---- tensors and artifacts -----------------------------------------------------------


@pytest.mark.parametrize(
    "bad", [np.zeros(3, dtype=complex), np.asfortranarray(np.eye(3))[:, 1:], 3]
)
def test_a_tensor_of_another_kind_is_refused(bad: Any) -> None:
    with pytest.raises(TypeError, match="tensor 't' must be a C-contiguous array"):
        _core.Model.compile("willump-graph 1\n", {"t": bad})


def test_a_bad_graph_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="willump-graph"):
        _core.Model.compile("nonsense\n", {})


def test_inputs_and_outputs_are_listed(column_model: Any, text_model: Any) -> None:
    assert column_model.inputs == [("a", "numeric", -1, 1), ("b", "numeric", -1, 1)]
    assert column_model.outputs == [("features", "f64", False, 2, False)]
    assert [o[0] for o in text_model.outputs] == ["features", "decision"]
    assert text_model.outputs[0][2] is True
    assert text_model.n_stages == 1


def test_an_artifact_answers_as_the_model(text_model: Any, tmp_path: Any) -> None:
    path = tmp_path / "model.willump"
    text_model.save(path)
    for model in (
        _core.Model.load(path),
        _core.Model.load(str(path), mmap=True),
        _core.Model.from_bytes(text_model.to_bytes()),
        _core.Model.from_bytes(memoryview(path.read_bytes())),
    ):
        check_text(model, TEXTS)
        assert model.to_bytes() == text_model.to_bytes()
        assert model.metadata == text_model.metadata
