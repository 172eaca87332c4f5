"""Bad input raises what the original raises: the same type, its message first."""

from __future__ import annotations

import re
import signal
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import willump
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from willump import _core

DOCS = ["the cat", "a dog sat", "cat dog", "a b c"] * 3
LABELS = ["a", "b", "a", "b"] * 3


def error_of(function: Callable[[Any], Any], x: Any) -> BaseException:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            function(x)
        except Exception as error:
            return error
    raise AssertionError("no error")


def check_same_error(estimator: Any, x: Any, method: str = "predict") -> BaseException:
    fast = willump.compile(estimator, strict=True)
    expected = error_of(getattr(estimator, method), x)
    actual = error_of(getattr(fast, method), x)
    assert type(actual) is type(expected), (expected, actual)
    assert str(actual).startswith(str(expected)), (expected, actual)
    return actual


VECTORIZERS = [
    {},
    {"lowercase": False},
    {"lowercase": False, "strip_accents": "unicode"},
    {"lowercase": False, "strip_accents": "ascii"},
    {"lowercase": False, "analyzer": "char"},
    {"analyzer": "char_wb"},
]
BAD_ROWS = [
    None,
    np.nan,
    float("nan"),
    3,
    pd.NA,
    bytearray(b"cat"),
    b"\xff",
    np.array(["a"]),
    ["nested"],
]


@pytest.mark.parametrize("row", BAD_ROWS, ids=[repr(row) for row in BAD_ROWS])
@pytest.mark.parametrize("params", VECTORIZERS, ids=[str(params) for params in VECTORIZERS])
def test_a_row_that_is_no_text(params: dict[str, Any], row: Any) -> None:
    vectorizer = CountVectorizer(**params).fit(DOCS)
    error = check_same_error(vectorizer, ["fine", row], "transform")
    assert "row 1 of X is" in str(error)


@pytest.mark.parametrize(
    "x",
    [
        "a string",
        b"bytes",
        3,
        None,
        np.array([DOCS]),
        np.array("scalar"),
        pd.Series([*DOCS, None]),
        pd.Series([*DOCS, None], dtype="string"),
        pd.Series([*DOCS, None], dtype=object),
        pd.Series([*DOCS, np.nan], dtype=object),
        pd.Series([*DOCS, None], dtype="category"),
        pd.Series([1.0, 2.0]),
        pl.Series([*DOCS, None]),
        [],
    ],
    ids=repr,
)
def test_documents_that_are_none(x: Any) -> None:
    pipeline = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(DOCS, LABELS)
    check_same_error(pipeline, x)


def test_an_arrow_null_is_none() -> None:
    fast = willump.compile(CountVectorizer().fit(DOCS))
    for x in (pa.array(["a", None]), pa.chunked_array([["a"], [None]]), pa.nulls(2)):
        with pytest.raises(AttributeError, match="'NoneType' object has no attribute 'lower'"):
            fast.transform(x)


def test_a_lone_surrogate_in_a_hashed_term() -> None:
    vectorizer = HashingVectorizer(n_features=32, analyzer="char")
    error = check_same_error_type(vectorizer, ["fine", "\ud800"])
    assert isinstance(error, UnicodeEncodeError)


def check_same_error_type(estimator: Any, x: Any) -> BaseException:
    fast = willump.compile(estimator, strict=True)
    expected, actual = error_of(estimator.transform, x), error_of(fast.transform, x)
    assert type(actual) is type(expected), (expected, actual)
    return actual


MATRIX = np.arange(12.0).reshape(4, 3)


@pytest.mark.parametrize(
    "x",
    [
        MATRIX[0],
        MATRIX[:, :2],
        MATRIX[:0],
        MATRIX[None],
        MATRIX + 1j,
        np.where(MATRIX == 4, np.nan, MATRIX),
        np.where(MATRIX == 4, np.inf, MATRIX),
        "text",
        None,
        [[1, 2, 3], [1]],
        pd.Series([1.0, 2.0, 3.0]),
    ],
    ids=[
        "1-D", "narrow", "empty", "3-D", "complex", "nan", "infinity", "text", "None", "ragged",
        "series",
    ],
)  # fmt: skip
@pytest.mark.parametrize("scaled", [False, True])
def test_a_bad_matrix(x: Any, scaled: bool) -> None:
    model = Ridge().fit(MATRIX, [1.0, 2.0, 2.0, 5.0])
    if scaled:
        model = make_pipeline(StandardScaler(), Ridge()).fit(MATRIX, [1.0, 2.0, 2.0, 5.0])
    fast = willump.compile(model, strict=True)
    expected, actual = error_of(model.predict, x), error_of(fast.predict, x)
    assert type(actual) is type(expected), (expected, actual)
    if not (scaled and isinstance(x, str)):  # which check comes first differs there
        assert str(actual)[:25] == str(expected)[:25]


def test_x_is_required() -> None:
    fast = willump.compile(Ridge().fit(MATRIX, [1, 2, 3, 4]))
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'X'"):
        fast.predict()
    with pytest.raises(TypeError, match="takes one argument"):
        fast.predict(MATRIX, MATRIX)
    with pytest.raises(TypeError, match="takes one argument"):
        fast.predict(Y=MATRIX)
    np.testing.assert_array_equal(fast.predict(X=MATRIX), fast.predict(MATRIX))
    with pytest.raises(TypeError, match="takes one argument"):
        type(fast).predict(3, MATRIX)


def test_a_missing_method_is_named() -> None:
    fast = willump.compile(Ridge().fit(MATRIX, [1, 2, 3, 4]))
    assert not hasattr(fast, "predict_proba")
    with pytest.raises(AttributeError, match="'predict_proba': the compiled Ridge has predict"):
        fast.predict_proba(MATRIX)


def test_damaged_artifacts_are_refused() -> None:
    data = willump.compile(Ridge().fit(MATRIX, [1, 2, 3, 4])).to_bytes()
    for damaged in (b"", data[:-1], data + b"\0", data[:40] + b"?" + data[41:], b"\0" * 64):
        with pytest.raises(willump.ArtifactError):
            willump.from_bytes(damaged)


@pytest.mark.parametrize("mmap", [False, True])
def test_a_damaged_file_is_named(tmp_path: Path, mmap: bool) -> None:
    path = tmp_path / "model \u00e9.willump"
    data = willump.compile(Ridge().fit(MATRIX, [1, 2, 3, 4])).to_bytes()
    for damaged in (b"", data[:-1], data[:40] + b"?" + data[41:]):
        path.write_bytes(damaged)
        with pytest.raises(willump.ArtifactError, match=f"^{re.escape(str(path))}: "):
            willump.load(path, mmap=mmap)
    graph = 'willump-graph 1\n%0 = input() {kind="matrix"}\nstage\noutput prediction = %0\n'
    _core.Model.compile(graph, {}, '{"ravel": 1}').save(path)
    with pytest.raises(
        willump.ArtifactError, match=f"^{re.escape(str(path))}: the artifact's metadata"
    ):
        willump.load(path, mmap=mmap)


@pytest.mark.parametrize(
    "metadata",
    [
        '{"classes": ["a", "b"]}',
        '{"classes": ["a", "b"], "classes_dtype": "nonsense"}',
        '{"classes": [["a"], ["b"]], "classes_dtype": "<U1"}',
        '{"text_inputs": [{"input": 9}]}',
        '{"text_inputs": 3}',
        '{"ravel": 1}',
        '{"empty": 1}',
    ],
)
def test_metadata_of_another_shape_are_refused(metadata: str) -> None:
    graph = (
        'willump-graph 1\n%0 = input() {kind="matrix", n_features=3}\n'
        "%1 = linear(%0) {coef=@coef}\n%2 = positive(%1)\nstage\noutput label = %2\n"
    )
    model = _core.Model.compile(graph, {"coef": np.ones((1, 3))}, metadata)
    with pytest.raises(willump.ArtifactError, match="metadata"):
        willump.CompiledModel.from_model(model)


def test_a_label_without_a_class_is_an_error() -> None:
    graph = (
        'willump-graph 1\n%0 = input() {kind="matrix", n_features=3}\n'
        "%1 = linear(%0) {coef=@coef}\n%2 = positive(%1)\nstage\noutput label = %2\n"
    )
    metadata = '{"classes": ["a"], "classes_dtype": "<U1", "ravel": ["label"]}'
    model = _core.Model.compile(graph, {"coef": np.ones((1, 3))}, metadata)
    fast = willump.CompiledModel.from_model(model)
    assert fast.predict(-np.ones((1, 3))) == "a"
    with pytest.raises(willump.ArtifactError, match="row 0 has class 1, but"):
        fast.predict(np.ones((1, 3)))


def test_a_missing_file_is_pythons_error(tmp_path: Any) -> None:
    with pytest.raises(FileNotFoundError):
        willump.load(tmp_path / "nothing.willump")
    fast = willump.compile(Ridge().fit(MATRIX, [1, 2, 3, 4]))
    with pytest.raises(OSError):  # noqa: PT011  (the message is the system's)
        fast.save(tmp_path / "no" / "such" / "folder.willump")


# ---- interruption ------------------------------------------------------------------


@pytest.fixture(scope="module")
def slow() -> Any:
    graph = (
        'willump-graph 1\n%0 = input() {kind="matrix", n_features=200}\n'
        "%1 = linear(%0) {coef=@coef}\n%2 = softmax(%1)\nstage\noutput proba = %2\n"
    )
    return _core.Model.compile(graph, {"coef": np.ones((200, 200))})


ROWS = np.broadcast_to(np.ones(200), (2_000_000, 200))


def test_progress_is_reported_and_its_exception_stops_the_call(slow: Any) -> None:
    calls = []

    def progress(done: int, total: int) -> None:
        calls.append((done, total))
        if len(calls) == 2:
            raise LookupError("enough")

    with pytest.raises(LookupError, match="enough"):
        slow.run("proba", (ROWS[:400_000],), progress=progress)
    assert calls[0][1] == 400_000
    assert 0 < calls[0][0] <= calls[1][0] <= 400_000


def test_ctrl_c_stops_a_long_call(slow: Any) -> None:
    running = threading.Event()

    def interrupt() -> None:
        running.wait(30)
        signal.raise_signal(signal.SIGINT)

    def progress(done: int, total: int) -> None:
        running.set()

    thread = threading.Thread(target=interrupt)
    # A shell's background jobs ignore the signal, and Python leaves that so.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    started = time.monotonic()
    thread.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            slow.run("proba", (ROWS,), progress=progress)
    finally:
        signal.signal(signal.SIGINT, before)
    assert time.monotonic() - started < 30
    thread.join()


def test_texts_that_double_from_step_to_step_are_refused() -> None:
    lines = ['%0 = input() {kind="category", name="s", position=0}']
    lines += [f"%{i} = join_text(%{i - 1}, %{i - 1})" for i in range(1, 65)]
    lines += ['%65 = measure_text(%64) {function="length"}', "stage", "output features = %65", ""]
    model = _core.Model.compile("\n".join(["willump-graph 1", *lines]), {}, "{}")
    fast = willump.CompiledModel.from_model(model)
    with pytest.raises(ValueError, match="takes more than 1024 MiB"):
        fast.transform(pd.DataFrame({"s": ["abcd", "ab"]}))
    with pytest.raises(ValueError, match="takes more than 1024 MiB"):  # and once more
        fast.transform(pd.DataFrame({"s": ["a"]}))
    assert fast.transform(pd.DataFrame({"s": [""]})).tolist() == [[0.0]]
