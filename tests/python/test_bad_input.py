"""Bad input is refused as the original refuses it, and the message says where it is."""

from __future__ import annotations

import datetime
import decimal
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import willump
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestRegressor
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfVectorizer
from sklearn.feature_selection import SelectKBest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from willump._places import short

FRAME = pd.DataFrame(
    {
        "text": ["the cat", "a dog sat", "cat dog", "dog", "cat", "sat sat"],
        "a": [1.0, 2.0, 3.0, 4.0, 5.0, 7.0],
        "b": [5, 2, 3, 4, 1, 0],
    }
)
NUMBERS = FRAME[["a", "b"]]
LABELS = ["no", "yes"] * 3


def columns(text: Any, numbers: list[Any]) -> Any:
    parts = [("words", TfidfVectorizer(), text), ("numbers", StandardScaler(), numbers)]
    return make_pipeline(ColumnTransformer(parts), LogisticRegression())


def pair(pipeline: Any) -> tuple[Any, Any]:
    return pipeline, willump.compile(pipeline, strict=True)


BY_NAME = pair(columns("text", ["a", "b"]).fit(FRAME, LABELS))
BY_POSITION = pair(columns(0, [1, 2]).fit(FRAME.to_numpy(), LABELS))
SCALED = pair(make_pipeline(StandardScaler(), LogisticRegression()).fit(NUMBERS, LABELS))
UNNAMED = pair(make_pipeline(StandardScaler(), Ridge()).fit(NUMBERS.to_numpy(), range(6)))
MODEL = pair(LogisticRegression().fit(NUMBERS, LABELS))


def error_of(function: Callable[[Any], Any], x: Any) -> Exception:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            function(x)
        except Exception as error:
            return error
    raise AssertionError("no error")


def check(models: tuple[Any, Any], x: Any, *parts: str, method: str = "predict") -> None:
    """The original's type, its message first, and every part in the message."""
    original, fast = models
    expected = error_of(getattr(original, method), x)
    actual = error_of(getattr(fast, method), x)
    assert type(actual) is type(expected), (expected, actual)
    message = str(actual)
    assert message.startswith(str(expected).split("\n")[0]), (expected, actual)
    for part in parts:
        assert part in message, (part, message)


# ---- cells that are no numbers ---------------------------------------------------


class Odd:
    def __repr__(self) -> str:
        return "Odd()"


class Bad:
    """Neither a number nor printable."""

    def __repr__(self) -> str:
        raise RuntimeError


CELLS = [
    ("x", "'x'"),
    (b"zz", "b'zz'"),
    (pd.NA, "<NA>"),
    (pd.NaT, "NaT"),
    (1j, "1j"),
    (datetime.datetime(2020, 1, 2), "datetime.datetime(2020, 1, 2, 0, 0)"),
    (pd.Timestamp("2020-01-02"), "Timestamp('2020-01-02 00:00:00')"),
    (datetime.timedelta(1), "datetime.timedelta(days=1)"),
    ([1, 2], "[1, 2]"),
    ({}, "{}"),
    (10**400, "100000000"),
    (Odd(), "Odd()"),
    (Bad(), "<Bad>"),
]
CELL_IDS = [type(cell).__name__ for cell, _ in CELLS]


def with_cell(cell: Any, column: str = "a") -> Any:
    frame = FRAME.copy()
    frame[column] = frame[column].astype(object)
    frame.at[3, column] = cell
    return frame


@pytest.mark.parametrize(("cell", "shown"), CELLS, ids=CELL_IDS)
@pytest.mark.parametrize(
    ("models", "make", "place"),
    [
        pytest.param(BY_NAME, lambda f: f, "row 3 of column 'a'", id="by-name"),
        pytest.param(BY_POSITION, pd.DataFrame.to_numpy, "row 3 of column 1", id="by-position"),
        pytest.param(
            BY_POSITION, lambda f: f.to_numpy().tolist(), "row 3 of column 1", id="nested-lists"
        ),
        pytest.param(SCALED, lambda f: f[["a", "b"]], "row 3 of column 'a'", id="frame"),
        pytest.param(MODEL, lambda f: f[["a", "b"]], "row 3 of column 'a'", id="model-alone"),
        pytest.param(
            UNNAMED, lambda f: f[["a", "b"]].to_numpy(), "row 3 of column 0", id="object-array"
        ),
    ],
)
def test_a_cell_that_is_no_number(
    models: Any, make: Any, place: str, cell: Any, shown: str
) -> None:
    check(models, make(with_cell(cell)), f"{place} is {shown}", "give numbers")


LISTED = [[1, "2"], [3.5, 4]]
TEXTS = {
    "lists": LISTED,
    "lists-of-bytes": [[b"1", b"2"], [b"3.5", b"4"]],
    "array-of-str": np.array(LISTED).astype(str),
    "array-of-bytes": np.array(LISTED).astype(bytes),
    "array-of-objects": np.array(LISTED, dtype=object),
}


@pytest.mark.parametrize("x", TEXTS.values(), ids=TEXTS.keys())
@pytest.mark.parametrize(
    ("models", "method"),
    [(SCALED, "predict_proba"), (UNNAMED, "predict")],
    ids=["named", "unnamed"],
)
def test_a_transformer_reads_numbers_in_text(models: Any, method: str, x: Any) -> None:
    original, fast = models
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = getattr(original, method)(x)
        for model in (fast, willump.from_bytes(fast.to_bytes())):
            np.testing.assert_allclose(getattr(model, method)(x), expected, rtol=1e-9)


@pytest.mark.parametrize("name", [name for name in TEXTS if name != "array-of-objects"])
def test_a_model_refuses_numbers_in_text(name: str) -> None:
    place = "row 0 of column 1" if name == "lists" else "row 0 of column 0"
    check(MODEL, TEXTS[name], "dtype='numeric'", place, "give numbers")


@pytest.mark.parametrize("models", [UNNAMED, MODEL], ids=["transformer", "model"])
@pytest.mark.parametrize("cell", ["x", 1j], ids=["text", "complex"])
def test_a_bad_cell_of_nested_lists(models: Any, cell: Any) -> None:
    check(models, [[1, "5"] if cell == "x" else [1, 5], [3, cell]], "row 1 of column 1", repr(cell))


@pytest.mark.parametrize(
    "x",
    [
        {"text": ["a", "b"], "a": [1.0, "x"], "b": [1, 2]},
        {"text": ["a", "b"], "a": np.array(["1", "x"]), "b": [1, 2]},
        {"text": ["a", "b"], "a": pl.Series(["1", "x"]), "b": [1, 2]},
        pl.DataFrame({"text": ["a", "b"], "a": ["1", "x"], "b": [1, 2]}),
        pl.DataFrame({"text": ["a", "b"], "a": ["1", "x"], "b": [1, 2]}).cast(
            {"a": pl.Categorical}
        ),
        pa.table({"text": ["a", "b"], "a": ["1", "x"], "b": [1, 2]}),
        pa.table({"text": ["a", "b"], "a": pa.array(["1", "x"]).dictionary_encode(), "b": [1, 2]}),
        pd.DataFrame({"text": ["a", "b"], "a": ["1", "x"], "b": [1, 2]}),
        pd.DataFrame({"text": ["a", "b"], "a": pd.Categorical(["1", "x"]), "b": [1, 2]}),
    ],
    ids=[
        "dict-of-lists", "dict-of-arrays", "dict-of-polars", "polars", "polars-categorical",
        "arrow", "arrow-dictionary", "pandas", "pandas-categorical",
    ],
)  # fmt: skip
def test_text_in_a_column_of_numbers(x: Any) -> None:
    error = error_of(BY_NAME[1].predict, x)
    assert type(error) is ValueError
    assert str(error).startswith("could not convert string to float: 'x' (row 1 of column 'a'")


@pytest.mark.parametrize("frame", [NUMBERS, pl.from_pandas(NUMBERS)], ids=["pandas", "polars"])
def test_the_name_comes_from_the_frame(frame: Any) -> None:
    text = ["1", "2", "x", "4", "5", "6"]
    x = frame.assign(b=text) if frame is NUMBERS else frame.with_columns(b=pl.Series(text))
    check(SCALED, x, "row 2 of column 'b' is 'x'")


def test_an_arrow_table_of_text_names_the_column() -> None:
    x = pa.table({"a": [1.0, 2.0], "b": ["1", "x"]})
    with pytest.raises(ValueError, match="row 1 of column 'b' is 'x'"):
        SCALED[1].predict(x)


@pytest.mark.parametrize("models", [BY_NAME, SCALED, MODEL], ids=["columns", "scaled", "model"])
def test_complex_numbers_name_the_cell(models: Any) -> None:
    x = FRAME.assign(b=np.array([0, 0, 2j, 0, 0, 0]))
    check(
        models,
        x if models is BY_NAME else x[["a", "b"]],
        "Complex data not supported",
        "row 2 of column 'b' is 2j",
    )


def test_dates_among_numbers_name_the_column() -> None:
    x = NUMBERS.assign(b=pd.date_range("2020", periods=6))
    check(SCALED, x, "column 'b' holds datetime64", "days since a date")


def test_a_column_of_dates_is_a_type_error() -> None:
    x = FRAME.assign(b=pd.date_range("2020", periods=6))
    assert isinstance(error_of(BY_NAME[0].predict, x), TypeError)
    with pytest.raises(TypeError, match=r"row 0 of column .b. is 2020-01-01.*days since a date"):
        BY_NAME[1].predict(x)


@pytest.mark.parametrize(
    "column",
    [
        pl.Series("a", list("123456")),
        pl.Series("a", [decimal.Decimal("1.5")] * 6),
        pl.Series("a", [True, False] * 3),
    ],
    ids=lambda column: str(column.dtype),
)
def test_columns_of_polars_that_the_original_converts(column: Any) -> None:
    original, fast = BY_NAME
    x = pl.from_pandas(FRAME).with_columns(column)
    np.testing.assert_allclose(fast.predict_proba(x), original.predict_proba(x), rtol=1e-9)


@pytest.mark.parametrize(
    "column",
    [
        [True, False] * 3,
        list("123456"),
        [b"1"] * 6,
        pd.Categorical([1, 2, 3] * 2),
        pd.arrays.SparseArray([0, 1, 0, 0, 2, 0]),
    ],
    ids=["bool", "text", "bytes", "categorical", "sparse"],
)
@pytest.mark.parametrize("models", [BY_NAME, SCALED], ids=["columns", "scaled"])
def test_columns_of_pandas_that_the_original_converts(models: Any, column: Any) -> None:
    original, fast = models
    x = FRAME.assign(a=column)
    x = x if models is BY_NAME else x[["a", "b"]]
    np.testing.assert_allclose(fast.predict_proba(x), original.predict_proba(x), rtol=1e-9)


def test_float16_is_read_in_the_common_dtype_or_refused() -> None:
    half = FRAME.assign(a=np.arange(6, dtype="f2"))
    original, fast = SCALED
    x = half[["a", "b"]]
    np.testing.assert_allclose(fast.predict_proba(x), original.predict_proba(x), rtol=1e-9)
    with pytest.raises(TypeError, match=r"float16 is not supported.*column 'a'"):
        BY_NAME[1].predict(half)


@pytest.mark.parametrize(
    "column",
    [[1, None, 3, 4, 5, 6], pd.array([1, None, 3, 4, 5, 6], dtype="Int64"), [True, None] * 3],
    ids=["None", "Int64", "bool"],
)
@pytest.mark.parametrize("models", [BY_NAME, SCALED], ids=["columns", "scaled"])
def test_nulls_are_nan(models: Any, column: Any) -> None:
    x = FRAME.assign(a=pd.Series(column, dtype=getattr(column, "dtype", object)))
    check(models, x if models is BY_NAME else x[["a", "b"]], "Input X contains NaN", "row 1")


@pytest.mark.parametrize(
    ("column", "shape"), [(3, r"\(\)"), ("12", r"\(\)"), ([[1, 2], [3, 4]], r"\(2, 2\)")]
)
def test_a_column_of_another_shape_is_named(column: Any, shape: str) -> None:
    x = {"text": ["a", "b"], "a": column, "b": [1, 2]}
    with pytest.raises(ValueError, match=rf"column 'a': expected one column .* shape {shape}"):
        BY_NAME[1].predict(x)


def test_a_ragged_column_is_named() -> None:
    x = {"text": ["a", "b"], "a": [[1], [2, 3]], "b": [1, 2]}
    with pytest.raises(ValueError, match=r"inhomogeneous.*\(column 'a'\)"):
        BY_NAME[1].predict(x)


def test_a_bad_cell_far_down_is_found() -> None:
    x = np.ones((5000, 2), dtype=object)
    x[4321, 1] = "x"
    check(UNNAMED, x, "row 4321 of column 1 is 'x'")


def test_the_cell_named_is_the_one_that_the_message_is_about() -> None:
    x = np.asfortranarray(np.ones((4, 2), dtype=object))
    x[0, 1], x[3, 0] = "first by rows", "first by columns"
    check(UNNAMED, x, "row 3 of column 0 is 'first by columns'")


def test_an_error_of_the_cells_own_keeps_its_type() -> None:
    class OwnError(Exception):
        def __str__(self) -> str:
            return "mine"

    class Cell:
        def __float__(self) -> float:
            raise OwnError("other")

    x = np.array([[1.0, 2.0], [3.0, Cell()]], dtype=object)
    with pytest.raises(OwnError) as error:
        UNNAMED[1].predict(x)
    assert "row 1 of column 1" in error.value.__notes__[0]


@pytest.mark.parametrize("value", ["x" * 500, b"x" * 500, list(range(500)), 10**5000], ids=type)
def test_long_values_are_cut(value: Any) -> None:
    assert len(short(value)) <= 60


# ---- rows that are no text -------------------------------------------------------

ROWS = [
    (None, "None"),
    (np.nan, "nan"),
    (float("nan"), "nan"),
    (3, "3"),
    (pd.NA, "<NA>"),
    (["nested"], "['nested']"),
    (b"\xff", r"b'\xff'"),
]


@pytest.mark.parametrize(("row", "shown"), ROWS, ids=[repr(row) for row, _ in ROWS])
@pytest.mark.parametrize(
    ("models", "make", "place"),
    [
        pytest.param(BY_NAME, lambda f: f, "row 3 of column 'text'", id="by-name"),
        pytest.param(BY_POSITION, pd.DataFrame.to_numpy, "row 3 of column 0", id="by-position"),
        pytest.param(
            pair(make_pipeline(CountVectorizer(), LogisticRegression()).fit(FRAME["text"], LABELS)),
            lambda f: list(f["text"]),
            "row 3 of X",
            id="list",
        ),
    ],
)
def test_a_row_that_is_no_text(models: Any, make: Any, place: str, row: Any, shown: str) -> None:
    check(models, make(with_cell(row, "text")), f"({place} is {shown}; ")


@pytest.mark.parametrize(
    "x", [pa.array(["a", None]), pl.Series(["a", None])], ids=["arrow", "polars"]
)
def test_a_null_of_an_arrow_column_names_its_row(x: Any) -> None:
    fast = willump.compile(CountVectorizer().fit(["a cat"]))
    with pytest.raises(AttributeError, match="row 1 of X is None"):
        fast.transform(x)


def test_bytes_of_another_encoding_name_it() -> None:
    models = pair(CountVectorizer(encoding="ascii").fit(["cat"]))
    check(models, [b"cat", "caf\u00e9".encode()], "row 1 of X", "'ascii'", method="transform")


def test_a_lone_surrogate_in_a_hashed_term_names_its_row() -> None:
    models = pair(HashingVectorizer(n_features=32, analyzer="char"))
    actual = error_of(models[1].transform, ["fine", "\ud800"])
    assert type(actual) is UnicodeEncodeError
    assert "row 1 of X" in str(actual)


# ---- columns ----------------------------------------------------------------------

RENAMED = {"a": "z"}


@pytest.mark.parametrize(
    ("models", "x", "parts"),
    [
        (BY_NAME, FRAME[["text", "a"]], ["columns are missing: {'b'}", "X has 'text', 'a'"]),
        (BY_NAME, FRAME.rename(columns=RENAMED), ["{'a'}", "'z'"]),
        (BY_NAME, pl.from_pandas(FRAME[["text", "a"]]), ["{'b'}"]),
        (SCALED, NUMBERS[["a"]], ["now missing:\n- b"]),
        (SCALED, NUMBERS.assign(z=1), ["unseen at fit time:\n- z"]),
        (SCALED, NUMBERS[["b", "a"]], ["same order", "Column 0 is 'b' instead of 'a'"]),
        (UNNAMED, NUMBERS[["a"]].to_numpy(), ["X has 1 features", "expecting 2"]),
        (BY_POSITION, FRAME.to_numpy()[:, :2], ["X has 2 features", "expecting 3"]),
        (BY_NAME, FRAME.set_axis(["text", "a", 3], axis=1), ["string names"]),
    ],
    ids=[
        "missing", "renamed", "missing-polars", "missing-matrix", "extra-matrix", "reordered",
        "narrow", "narrow-positions", "mixed-names",
    ],
)  # fmt: skip
def test_wrong_columns_are_named(models: Any, x: Any, parts: list[str]) -> None:
    check(models, x, *parts)


@pytest.mark.parametrize("make", [lambda f: f, pl.from_pandas, pa.Table.from_pandas])
def test_more_columns_in_any_order_are_fine_by_name(make: Any) -> None:
    original, fast = BY_NAME
    x = FRAME.assign(more=1)[["b", "more", "a", "text"]]
    np.testing.assert_array_equal(fast.predict(make(x)), original.predict(x))


@pytest.mark.parametrize(
    ("models", "x"),
    [
        (BY_NAME, pd.concat([FRAME, FRAME[["a"]]], axis=1)),
        (BY_NAME, pd.concat([FRAME.assign(c=1), FRAME.assign(c=1)[["c"]]], axis=1)),
        (BY_NAME, FRAME.set_axis(["text", "a", "a"], axis=1)),
        (SCALED, NUMBERS.set_axis(["a", "a"], axis=1)),
        (SCALED, pd.concat([NUMBERS, NUMBERS[["a"]]], axis=1)),
    ],
    ids=["added", "added-unread", "instead", "matrix", "matrix-added"],
)
def test_repeated_columns_are_named(models: Any, x: Any) -> None:
    name = "c" if "c" in x else "a"
    original, fast = models
    error = error_of(fast.predict, x)
    assert isinstance(error, ValueError)
    assert f"'{name}' 2 times" in str(error)
    expected = error_of(original.predict, x)
    if "unique column names" in str(expected):  # scikit-learn 1.9 and later
        assert type(error) is type(expected)


def test_repeated_columns_of_an_arrow_table_are_named() -> None:
    arrays = [pa.array(FRAME[name].tolist()) for name in ("text", "a", "a", "b")]
    with pytest.raises(ValueError, match="'a' 2 times"):
        BY_NAME[1].predict(pa.Table.from_arrays(arrays, names=["text", "a", "a", "b"]))


def test_nan_behind_a_scaler_names_the_column_and_the_row() -> None:
    x = FRAME.assign(b=[1.0, 2.0, 3.0, np.nan, 5.0, 6.0])
    check(BY_NAME, x, "Input X contains NaN", "column 'b'", "row 3")


@pytest.mark.parametrize("value", [np.nan, np.inf], ids=["nan", "infinity"])
@pytest.mark.parametrize("make", [lambda f: f, pd.DataFrame.to_numpy, pa.Table.from_pandas])
@pytest.mark.parametrize(
    "estimator",
    [Ridge(), make_pipeline(StandardScaler(), Ridge()), RandomForestRegressor(2)],
    ids=["bare", "scaled", "trees"],
)
@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
def test_a_model_of_a_matrix_names_the_column(estimator: Any, make: Any, value: float) -> None:
    frame = NUMBERS.rename(columns={"b": "the 'b'"})
    models = pair(estimator.fit(frame, np.arange(len(frame))))
    x = frame.astype(float)
    x.iloc[3, 1] = value
    if value != value and "Forest" in str(estimator):
        assert models[1].predict(make(x)).tolist() == models[0].predict(x).tolist()
        return
    message = "contains NaN" if value != value else "contains infinity"
    check(models, make(x), message, "column 'the 'b''", "row 3")
    again = (models[0], willump.from_bytes(models[1].to_bytes()))
    check(again, make(x), "column 'the 'b''", "row 3")


def test_a_missing_column_of_which_nothing_is_made_is_named() -> None:
    x = FRAME[["a", "b"]].assign(c=np.arange(6.0)[::-1])
    blocks = ColumnTransformer([("a", MinMaxScaler(), ["a"]), ("r", MinMaxScaler(), ["b", "c"])])
    original = make_pipeline(blocks, SelectKBest(k=1), LogisticRegression())
    original.fit(x, [0, 1, 0, 1, 0, 1])
    fast = willump.compile(original, strict=True)
    for name in x:
        check((original, fast), x.drop(columns=name), f"columns are missing: {{'{name}'}}")


DEAD = {
    "missing": lambda x: x.drop(columns="a"),
    "text": lambda x: x.assign(a=["x"] * len(x)),
    "NaN": lambda x: x.assign(a=np.nan),
    "infinite": lambda x: x.assign(a=np.inf),
}


@pytest.mark.parametrize("how", DEAD)
def test_a_block_of_which_no_column_is_chosen_is_checked(how: str) -> None:
    x = FRAME[["a", "b"]].assign(c=np.arange(6.0)[::-1])
    blocks = ColumnTransformer([("a", StandardScaler(), ["a"]), ("r", StandardScaler(), ["b"])])
    original = make_pipeline(blocks, SelectKBest(k=1), LogisticRegression())
    y = (x["b"] > x["b"].median()).astype(int)
    original.fit(x, y)
    original[1].scores_ = np.array([0.0, 1.0])
    fast = willump.compile(original, strict=True)
    np.testing.assert_allclose(fast.predict_proba(x), original.predict_proba(x), 1e-9)
    given = DEAD[how](x)
    error = error_of(original.predict, given)
    with pytest.raises(type(error)):
        fast.predict(given)
