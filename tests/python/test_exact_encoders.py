"""Imputers and encoders answer with the original's bits, whatever holds the
categories, and unknown ones raise what the original raises.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import willump
from harness import (
    assert_row_wise,
    assert_same_matrix,
    assert_same_model,
    build,
    examples,
    quiet,
    take_frame,
)
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    StandardScaler,
    TargetEncoder,
)
from tree_models import IMPUTERS, assert_native, table
from willump import UnsupportedError
from willump.convert import convert_pipeline

# ---- numbers -------------------------------------------------------------------


@pytest.mark.parametrize("imputer", IMPUTERS, ids=repr)
@examples(25, shrinks=False)
@given(st.integers(0, 2**32), st.booleans())
def test_imputers(imputer: Any, seed: int, empty: bool) -> None:
    x, more = table(seed, missing=True), table(seed + 1, missing=True)
    if imputer.missing_values == 0:
        x, more = np.nan_to_num(x), np.nan_to_num(more)
        x[:, 2] = 1.0
    elif empty:
        x[:, 1] = np.nan
    est = quiet(clone(imputer).fit, x)
    assert_native(est)
    got, want = quiet(build(est).transform, more), quiet(est.transform, more)
    assert_same_matrix(got, want, bits=True)


def test_an_imputer_refuses_what_the_original_refuses() -> None:
    x = table(0, missing=True)
    est = SimpleImputer().fit(x)
    x[2, 3] = np.inf
    with pytest.raises(ValueError, match=r"Input X contains .*infinity"):
        assert_native(est).transform(x)


ENCODERS: list[Any] = [
    OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan),
    OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-5, encoded_missing_value=-2),
    OrdinalEncoder(
        handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=99,
        dtype=np.float32,
    ),
    OneHotEncoder(handle_unknown="ignore"),
    OneHotEncoder(handle_unknown="ignore", sparse_output=False, dtype=np.float32),
    OneHotEncoder(handle_unknown="ignore", drop="first", sparse_output=False),
    OneHotEncoder(handle_unknown="infrequent_if_exist", drop="if_binary"),
    OneHotEncoder(handle_unknown="ignore", max_categories=3, dtype=np.int64),
    OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=5, drop="first"),
    OrdinalEncoder(
        handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2,
        min_frequency=6, dtype=np.int32,
    ),
]  # fmt: skip


@pytest.mark.parametrize("encoder", ENCODERS, ids=repr)
@examples(25, shrinks=False)
@given(st.integers(0, 2**32), st.booleans())
def test_encoders_of_numbers(encoder: Any, seed: int, missing: bool) -> None:
    rng = np.random.default_rng(seed)
    kinds = np.array([0.0, 1.0, np.nextafter(1.0, 2.0), 2.5, -3.0, 5e-324, 1e300])
    x = np.column_stack([rng.choice(kinds, 40), rng.integers(0, 9, 40), rng.choice([3.0, 4.0], 40)])
    more = np.concatenate([x, rng.choice([*kinds, -0.0, -5e-324, 1e301, 3.5], (40, 3))])
    if missing:
        x[rng.random(x.shape) < 0.1] = np.nan
        more[rng.random(more.shape) < 0.1] = np.nan
    est = clone(encoder).fit(x)
    assert_native(est)
    got, want = quiet(build(est).transform, more), quiet(est.transform, more)
    assert_same_matrix(got, want, bits=True)


# ---- strings -------------------------------------------------------------------

#: Categories that containers and comparisons may treat differently.
WORDS = st.sampled_from(["", " ", "a", "A", "1", "1.0", "nan", "None", "NA", "\u0141\u00f3d\u017a",
                         "e\u0301", "\u00e9", "\U0001f600", "a category of more than twelve bytes",
                         "a category of more than twelve bytez"]) | st.text(
    alphabet=st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=5
)  # fmt: skip


def as_object(rows: list[list[Any]]) -> Any:
    array = np.empty((len(rows), len(rows[0])), dtype=object)
    array[:] = rows
    return array


def as_frame(rows: list[list[Any]]) -> Any:
    return pd.DataFrame(as_object(rows), columns=list("abc"[: len(rows[0])]), dtype=object)


def as_polars(rows: list[list[Any]]) -> Any:
    columns = {
        name: [None if cell != cell else cell for cell in column]
        for name, column in as_frame(rows).items()
    }
    return pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String))


#: Each makes the same cells another way; None and NaN may become one.
CONTAINERS: dict[str, Any] = {
    "object": as_object,
    "list": list,
    "frame": as_frame,
    "str": lambda rows: as_frame(rows).astype("str"),
    "string": lambda rows: as_frame(rows).fillna("").astype("string[pyarrow]"),
    "category": lambda rows: as_frame(rows).astype("category"),
    "polars": as_polars,
    "polars categories": lambda rows: as_polars(rows).cast(pl.Categorical),
    "arrow": lambda rows: as_polars(rows).to_arrow(),
    "unicode": lambda rows: as_object(rows).astype("U"),
}
STRING_ENCODERS: list[Any] = [
    OneHotEncoder(),
    OneHotEncoder(handle_unknown="ignore"),
    OneHotEncoder(handle_unknown="ignore", sparse_output=False, dtype=np.float32, drop="first"),
    OneHotEncoder(handle_unknown="ignore", drop="if_binary", max_categories=2),
    OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=3, dtype=np.int32),
    OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=2, drop="first"),
    OrdinalEncoder(),
    OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, dtype=np.int64,
                   encoded_missing_value=-7),
    OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan, max_categories=3),
]  # fmt: skip


@st.composite
def cells(draw: Any, n_columns: int, words: Any, missing: Any) -> list[list[Any]]:
    known = [draw(st.lists(words, min_size=1, max_size=6)) for _ in range(n_columns)]
    extra = draw(st.lists(st.sampled_from(missing), max_size=2)) if missing else []
    n = draw(st.integers(8, 30))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    return [
        [[*column, *extra][rng.integers(len(column) + len(extra))] for column in known]
        for _ in range(n)
    ]


def assert_same_answer(compiled: Any, original: Any, x: Any) -> None:
    """The same matrix to the bit, or the same error: its type and what it names."""
    try:
        want = quiet(original.transform, x)
    except ValueError as error:
        head, _, rest = str(error).partition("[")
        assert head == "Found unknown categories "
        column = rest.rpartition("] in column ")[2]
        with pytest.raises(ValueError, match=rf"Found unknown categories \[(?s:.)*column {column}"):
            quiet(compiled.transform, x)
        return
    assert_same_matrix(quiet(compiled.transform, x), want, bits=True)


@pytest.mark.parametrize("encoder", STRING_ENCODERS, ids=repr)
@pytest.mark.parametrize("container", CONTAINERS)
@examples(12)
@given(st.data())
def test_encoders_of_strings(encoder: Any, container: str, data: Any) -> None:
    make = CONTAINERS[container]
    missing = [] if container in ("unicode", "string") else [None, float("nan"), np.nan]
    rows = data.draw(cells(data.draw(st.integers(1, 3)), WORDS, missing))
    more = data.draw(cells(len(rows[0]), WORDS, missing)) + rows
    try:
        est = quiet(clone(encoder).fit, make(rows))
    except (ValueError, TypeError):
        return  # as where NaN cannot be an integer
    compiled = assert_native(est)
    assert_same_answer(compiled, est, make(more))
    assert_same_answer(compiled, est, make(rows[::-1]))


@pytest.mark.parametrize("fitted", ["object", "frame", "str"])
@pytest.mark.parametrize("given_as", CONTAINERS)
def test_a_category_is_the_same_in_every_container(fitted: str, given_as: str) -> None:
    rows = [["a", "x"], ["b", "y"], ["\u0141\u00f3d\u017a, a long name", "x"], ["", "z"]]
    more = [["b", "?"], ["", "x"], ["\u0141\u00f3d\u017a, a long name", "z"], ["a\0", "y"]]
    est = OneHotEncoder(handle_unknown="ignore").fit(CONTAINERS[fitted](rows))
    x = CONTAINERS[given_as](more)
    got, want = quiet(assert_native(est).transform, x), quiet(est.transform, x)
    assert_same_matrix(got, want, bits=True)


@pytest.mark.parametrize("cell", [5, 1.0, True, b"a", pd.NA, ("a",), 2**70, np.float32("nan")])
def test_a_cell_that_is_no_string_is_what_it_is_to_the_original(cell: Any) -> None:
    est = OneHotEncoder(handle_unknown="ignore").fit(as_object([["a"], ["b"], [np.nan]]))
    x = as_object([["a"], ["b"]])
    x[1, 0] = cell
    assert_same_matrix(assert_native(est).transform(x), quiet(est.transform, x), bits=True)


def test_given_categories_and_dropped_ones() -> None:
    rows = as_object([["b", "x"], ["a", "y"], ["c", "x"]])
    for parameters in (
        {"categories": [["c", "a", "b", "unseen"], ["y", "x"]]},
        {"drop": ["b", "y"]},
        {"categories": [[None, "c", "a", "b"], ["y", "x"]], "drop": [None, "x"]},
    ):
        est = OneHotEncoder(**parameters).fit(rows)
        assert_same_matrix(assert_native(est).transform(rows), est.transform(rows), bits=True)


def test_categories_of_several_kinds_in_one_frame() -> None:
    x = pd.DataFrame(
        {
            "word": ["a", "b", None, "a"],
            "number": [3, 1, 2, 3],
            "flag": [True, False, True, True],
            "part": [0.5, np.nan, 1.5, 0.5],
            "again": ["u", "v", "u", "u"],
        }
    )
    for encoder in (
        OneHotEncoder(handle_unknown="ignore"),
        OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
    ):
        est = encoder.fit(x)
        more = x.assign(number=[9, 1, 3, 3], part=[np.nan, 7, 1.5, 0.5], again=["v", "w", "u", "v"])
        compiled = assert_native(est)
        for rows in (x, more, more.iloc[:1], x.to_numpy()):
            assert_same_matrix(
                quiet(compiled.transform, rows), quiet(est.transform, rows), bits=True
            )
        assert list(compiled.get_feature_names_out()) == list(est.get_feature_names_out())


def test_numbers_in_a_column_of_objects_are_numbers_only() -> None:
    x = as_object([[1, "a"], [2, "b"], [2.5, "a"]])
    est = OneHotEncoder(handle_unknown="ignore").fit(x)
    compiled = assert_native(est)
    more = as_object([[2.0, "a"], [True, "c"], [9, "b"]])
    assert_same_matrix(compiled.transform(more), est.transform(more), bits=True)
    for cell in ("1", None):
        more[1, 0] = cell
        with pytest.raises(ValueError, match="row 1 of column 0"):
            compiled.transform(more)


def test_columns_are_compared_with_those_of_fit() -> None:
    x = as_frame([["a", "x"], ["b", "y"]])
    est = OneHotEncoder().fit(x)
    compiled = assert_native(est)
    with pytest.raises(ValueError, match="same order as they were in fit"):
        compiled.transform(x[["b", "a"]])
    with pytest.raises(ValueError, match="unseen at fit time"):
        compiled.transform(x.rename(columns={"a": "c"}))
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        compiled.transform(x.to_numpy())
    plain = assert_native(OneHotEncoder().fit(x.to_numpy()))
    with pytest.raises(ValueError, match="X has 1 features, but OneHotEncoder is expecting 2"):
        plain.transform([["a"]])


def test_an_unknown_category_is_named_with_its_row_and_column() -> None:
    x = as_frame([["a", "x"], ["b", "y"], ["a", "x"]])
    compiled = assert_native(OneHotEncoder().fit(x))
    x.iloc[2, 1] = "it's"
    message = r"Found unknown categories \[\"it's\"\] in column 1 during transform .*'b'.*row 2"
    with pytest.raises(ValueError, match=message):
        compiled.transform(x)


@pytest.mark.parametrize(
    ("encoder", "why"),
    [
        (OneHotEncoder(dtype=np.int8), "dtype"),
        (OrdinalEncoder(dtype=object), "dtype"),
    ],
    ids=repr,
)
def test_what_stays_python_is_refused_by_name(encoder: Any, why: str) -> None:
    est = encoder.fit(as_object([["a"], ["b"]]))
    with pytest.raises(UnsupportedError, match=why):
        convert_pipeline(est, strict=True)


def test_dates_are_refused_by_name() -> None:
    x = pd.DataFrame({"day": pd.to_datetime(["2020-01-01", "2020-01-02"])})
    with pytest.raises(UnsupportedError, match="datetime64"):
        convert_pipeline(OneHotEncoder().fit(x), strict=True)


def test_integers_that_float64_cannot_hold_are_refused_by_name() -> None:
    with pytest.raises(UnsupportedError, match=r"2\^53"):
        convert_pipeline(OneHotEncoder().fit([[2**53], [2**53 - 1]]), strict=True)


# ---- target encoding -----------------------------------------------------------


@examples(60)
@given(st.data(), st.sampled_from(["binary", "continuous", "multiclass"]), st.booleans())
def test_target_encoders(data: Any, target: str, is_frame: bool) -> None:
    make = as_frame if is_frame else as_object
    rows = data.draw(cells(2, WORDS, [None, np.nan]))
    rng = np.random.default_rng(len(rows))
    y = {
        "binary": np.arange(len(rows)) % 2,
        "continuous": rng.normal(size=len(rows)),
        "multiclass": np.array(["u", "v", "w"])[np.arange(len(rows)) % 3],
    }[target]
    est = TargetEncoder(smooth=data.draw(st.sampled_from(["auto", 0.0, 3.0])), target_type=target)
    quiet(est.fit, make(rows), y)
    compiled = assert_native(est)
    more = make(data.draw(cells(2, WORDS, [None, np.nan])) + rows)
    assert_same_matrix(compiled.transform(more), est.transform(more), bits=True)


def test_target_encoders_of_numbers() -> None:
    rng = np.random.default_rng(0)
    x = rng.integers(0, 5, (50, 2)).astype(float)
    est = TargetEncoder().fit(x, rng.integers(0, 3, 50))
    more = np.concatenate([x, [[7, np.nan], [0.5, -1]]])
    assert_same_matrix(assert_native(est).transform(more), est.transform(more), bits=True)


# ---- strings that are missing -----------------------------------------------------

TEXT_IMPUTERS: list[Any] = [
    SimpleImputer(strategy="most_frequent"),
    SimpleImputer(strategy="constant", fill_value="gone"),
    SimpleImputer(strategy="constant", missing_values=None),
    SimpleImputer(strategy="most_frequent", missing_values="a"),
]


@pytest.mark.parametrize("imputer", TEXT_IMPUTERS, ids=repr)
@pytest.mark.parametrize("container", ["object", "list", "frame", "str", "category", "polars"])
@examples(15)
@given(st.data())
def test_imputers_of_strings(imputer: Any, container: str, data: Any) -> None:
    make = CONTAINERS[container]
    missing = [np.nan] if container in ("str", "category") else [None, np.nan]
    rows = data.draw(cells(2, WORDS, missing))
    more = rows[::-1] + data.draw(cells(2, WORDS, missing))
    est = make_pipeline(clone(imputer), OneHotEncoder(handle_unknown="ignore"))
    try:
        quiet(est.fit, make(rows))
    except (ValueError, TypeError):
        return
    try:
        compiled = assert_native(est)
    except UnsupportedError as error:  # a column that is all missing
        assert "what is not a string" in str(error) or "no column" in str(error)  # noqa: PT017
        return
    for x in (make(more), make(rows)):
        try:
            want = quiet(est.transform, x)
        except ValueError as error:
            with pytest.raises(ValueError, match=str(error).partition("\n")[0]):
                quiet(compiled.transform, x)
            continue
        assert_same_matrix(quiet(compiled.transform, x), want, bits=True)


def test_imputed_strings_and_numbers_of_one_frame() -> None:
    x, more = mixed_frame(0), mixed_frame(1)
    words = make_pipeline(
        SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore")
    )
    columns = ColumnTransformer([("words", words, ["city", "kind"])], remainder="passthrough")
    est = make_pipeline(columns, SimpleImputer(), LogisticRegression()).fit(x, x["code"] > 1)
    assert_same_model(assert_native(est), est, more)


def test_an_imputer_of_strings_alone_stays_python() -> None:
    words = SimpleImputer(strategy="most_frequent").fit(as_object([["a"], ["b"]]))
    with pytest.raises(UnsupportedError, match="it gives strings"):
        convert_pipeline(words, strict=True)


# ---- bins and functions ----------------------------------------------------------


@pytest.mark.parametrize("encode", ["onehot", "onehot-dense", "ordinal"])
@pytest.mark.parametrize("strategy", ["uniform", "quantile", "kmeans"])
@examples(15, shrinks=False)
@given(st.integers(0, 2**32), st.sampled_from([None, np.float32, np.float64]))
def test_bins(encode: str, strategy: str, seed: int, dtype: Any) -> None:
    rng = np.random.default_rng(seed)
    x = np.column_stack([rng.normal(size=60), rng.integers(-3, 4, 60), np.full(60, 2.0)])
    est = KBinsDiscretizer(
        n_bins=[4, 3, 2], encode=encode, strategy=strategy, dtype=dtype, random_state=0,
        quantile_method="averaged_inverted_cdf",
    )  # fmt: skip
    quiet(est.fit, x)
    edges = np.concatenate([np.asarray(e) for e in est.bin_edges_])
    edges = rng.choice(edges[np.isfinite(edges)], (40, 3))
    more = np.concatenate([x, edges, np.nextafter(edges, -9e9), np.nextafter(edges, 9e9), 0 * x])
    compiled = assert_native(est)
    assert_same_matrix(compiled.transform(more), est.transform(more), bits=True)
    with pytest.raises(ValueError, match="Input X contains NaN"):
        compiled.transform(np.full((1, 3), np.nan))


def test_bins_before_a_linear_model() -> None:
    x = np.random.default_rng(0).normal(size=(80, 3))
    est = make_pipeline(KBinsDiscretizer(4), Ridge()).fit(x, x[:, 0])
    assert_same_model(assert_native(est), est, x * 1.5)


ODD = np.array([
    0.0, -0.0, 5e-324, -5e-324, 0.5, 1.5, 2.5, -2.5, 1e300, -1e300, 1e-300, 709.0, -745.0, 1.0,
    np.nextafter(1.0, 2), np.nextafter(1.0, 0), np.inf, -np.inf, np.nan,
])  # fmt: skip


@pytest.mark.parametrize(
    "function",
    [np.sqrt, np.absolute, np.fabs, np.square, np.negative, np.positive, np.reciprocal, np.sign,
     np.floor, np.ceil, np.trunc, np.rint],
)  # fmt: skip
def test_functions_that_round_correctly_are_bit_equal(function: Any) -> None:
    x = np.concatenate([ODD, np.random.default_rng(0).normal(size=401) * 100]).reshape(-1, 2)
    est = FunctionTransformer(function).fit(x)
    got, want = quiet(assert_native(est).transform, x), quiet(est.transform, x)
    np.testing.assert_array_equal(got, want)
    np.testing.assert_array_equal(np.signbit(got[got == 0]), np.signbit(want[want == 0]))


@pytest.mark.parametrize(
    "function", [np.exp, np.exp2, np.expm1, np.log, np.log1p, np.log2, np.log10]
)
def test_functions_within_rounding(function: Any) -> None:
    x = np.concatenate([ODD, np.random.default_rng(0).normal(size=401) * 100]).reshape(-1, 2)
    est = FunctionTransformer(function, validate=False).fit(x)
    got, want = quiet(assert_native(est).transform, x), quiet(est.transform, x)
    np.testing.assert_allclose(got, want, rtol=1e-12)


def test_functions_before_trees() -> None:
    x = np.abs(np.random.default_rng(0).normal(size=(60, 3)))
    root = make_pipeline(FunctionTransformer(np.sqrt, validate=True), RandomForestClassifier(5))
    root.fit(x, np.arange(60) % 2)
    assert_same_model(assert_native(root), root, x)
    with pytest.raises(ValueError, match="Input X contains NaN"):
        assert_native(root).predict(x * np.nan)
    log = make_pipeline(FunctionTransformer(np.log1p), RandomForestClassifier(5))
    with pytest.raises(UnsupportedError, match="within rounding"):
        convert_pipeline(log.fit(x, np.arange(60) % 2), strict=True)


@pytest.mark.parametrize(
    ("est", "why"),
    [
        (FunctionTransformer(np.sin), "numpy.sin"),
        (FunctionTransformer(len), "a Python function"),
        (FunctionTransformer(np.sqrt, kw_args={"where": True}), "kw_args"),
    ],
    ids=repr,
)
def test_other_functions_are_refused_by_name(est: Any, why: str) -> None:
    with pytest.raises(UnsupportedError, match=why):
        convert_pipeline(est, strict=True)


def test_min_max_scaling_of_float32() -> None:
    x = np.random.default_rng(0).normal(size=(50, 3))
    scaler = MinMaxScaler((-1, 0.1), clip=True)
    est = make_pipeline(KBinsDiscretizer(9, encode="ordinal", dtype=np.float32), scaler).fit(x)
    assert_same_matrix(assert_native(est).transform(2 * x), est.transform(2 * x), bits=True)


# ---- whole pipelines -----------------------------------------------------------


def mixed_frame(seed: int, n: int = 200) -> Any:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "city": rng.choice(["Rome", "Paris", "\u0141\u00f3d\u017a", "", None], n),
            "kind": pd.Categorical(rng.choice(["x", "y", "z"], n)),
            "size": rng.normal(size=n),
            "age": np.where(rng.random(n) < 0.2, np.nan, rng.normal(size=n)),
            "code": rng.integers(0, 4, n),
        }
    )


def mixed_transformer(*, sparse: bool = True) -> Any:
    return ColumnTransformer(
        [
            ("words", OneHotEncoder(handle_unknown="ignore", sparse_output=sparse),
             ["city", "kind"]),
            ("codes", OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
             ["kind", "code"]),
            ("numbers", make_pipeline(SimpleImputer(add_indicator=True), StandardScaler()),
             ["size", "age"]),
        ]
    )  # fmt: skip


MODELS: list[Any] = [
    LogisticRegression(),
    RandomForestClassifier(8, random_state=0),
    Ridge(),
]


@pytest.mark.parametrize("model", MODELS, ids=repr)
@pytest.mark.parametrize("sparse", [True, False])
def test_a_frame_of_strings_and_numbers(model: Any, sparse: bool) -> None:
    x, more = mixed_frame(0), mixed_frame(1)
    more.loc[3, "city"] = "Nowhere"
    y = (x["size"] > 0).astype(int).to_numpy() ^ (x["city"] == "Rome").to_numpy()
    est = make_pipeline(mixed_transformer(sparse=sparse), clone(model)).fit(x, y)
    assert_native(est)
    assert_same_model(build(est), est, more)
    assert_same_model(build(est), est, more[more.columns[::-1]])
    assert_row_wise(est, more, take_frame, "predict")


def test_a_linear_model_looks_its_weights_up() -> None:
    x = mixed_frame(0)
    encoder = OneHotEncoder(handle_unknown="ignore", max_categories=3)
    est = make_pipeline(encoder, Ridge()).fit(x[["city", "kind"]], x["size"])
    fast = assert_native(est)
    assert "one_hot" in fast._model.print()
    assert "one_hot" not in fast._model.print("all")
    assert_same_model(fast, est, x[["city", "kind"]])


def test_a_union_of_encoders_reads_each_column_once() -> None:
    x = as_frame([["a", "x"], ["b", "y"], ["c", "x"]])
    est = FeatureUnion([("one", OneHotEncoder()), ("two", OrdinalEncoder())]).fit(x)
    fast = assert_native(est)
    assert len(fast._model.inputs) == 2
    assert_same_matrix(fast.transform(x), est.transform(x), bits=True)


def test_one_hot_columns_beyond_any_forest() -> None:
    x = np.array([[f"id {i}", str(i % 7)] for i in range(30_000)], dtype=object)
    est = OneHotEncoder(handle_unknown="ignore").fit(x)
    more = np.concatenate([x[::-1000], [["id", "8"]]])
    assert_same_matrix(assert_native(est).transform(more), est.transform(more), bits=True)


def test_a_saved_encoder_answers_with_the_same_bits() -> None:
    x = mixed_frame(0)
    est = make_pipeline(mixed_transformer(), LogisticRegression()).fit(x, x["code"] > 1)
    fast = assert_native(est)
    again = willump.CompiledModel.from_bytes(fast.to_bytes())
    np.testing.assert_array_equal(again.predict_proba(x), fast.predict_proba(x))


def test_arrow_dictionaries_are_read_as_what_they_hold() -> None:
    words = pa.array(["a", "c", "b", "a"]).dictionary_encode()
    x = pa.table({"word": words, "other": pa.array(["u", "v", "u", None])})
    est = OneHotEncoder(handle_unknown="ignore").fit(x)
    compiled = assert_native(est)
    assert_same_matrix(compiled.transform(x), est.transform(x), bits=True)
    # NumPy takes the null's code, -1, for the last word.
    x = x.set_column(0, "word", pa.array(["a", None, "b", "a"]).dictionary_encode())
    with pytest.raises(ValueError, match="Arrow dictionary with nulls"):
        compiled.transform(x)


@pytest.mark.filterwarnings("ignore:X (has|does not have valid) feature names")
@pytest.mark.parametrize("encoder", [
    OrdinalEncoder(), OneHotEncoder(), OneHotEncoder(handle_unknown="ignore"),
    OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
    make_pipeline(ColumnTransformer([("own", OneHotEncoder(), ["b"])], remainder="drop")),
], ids=repr)  # fmt: skip
def test_numbers_among_objects_are_compared_with_objects_only(encoder: Any) -> None:
    rng = np.random.default_rng(0)
    cells = rng.integers(0, 4, (50, 2)).astype(object)
    frame = pd.DataFrame(cells, columns=["a", "b"])
    numbers = frame.astype(float)
    forms: list[Any] = [
        frame, numbers, frame.astype(int), frame.astype({"b": np.float32}),
        frame.astype({"b": "Int64"}), frame.astype({"b": "category"}),
        numbers.astype({"a": object}), numbers.replace(1.0, np.inf), frame.iloc[:3],
        frame.assign(b=frame["b"].where(frame["b"] != 2, 9)), pl.from_pandas(numbers),
    ]  # fmt: skip
    if not hasattr(encoder, "steps"):
        forms += [cells, cells.astype(float), cells.tolist(), cells[:1].astype(np.float32)]
    est = quiet(clone(encoder).fit, frame)
    fast = willump.compile(est, strict=True)
    for X in forms:
        for again in (fast, willump.from_bytes(fast.to_bytes())):
            try:
                expected = quiet(est.transform, X)
            except Exception as error:
                with pytest.raises(type(error)):
                    again.transform(X)
                continue
            assert_same_matrix(again.transform(X), expected, bits=True)
