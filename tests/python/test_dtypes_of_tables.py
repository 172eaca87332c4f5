"""Numbers of frames with and without a dtype, of each library, through steps that read
them in float32 or in float64: the original's bits, in the original's dtype.

scikit-learn sees the dtypes of arrays and of pandas frames. Polars and Arrow frames
have none, so that what asks for floats reads float64, and what takes any number reads
NumPy's common type of the columns.
"""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import willump
from harness import build, examples, quiet
from hypothesis import example, given
from hypothesis import strategies as st
from lightgbm import LGBMRegressor
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingRegressor, HistGradientBoostingRegressor
from sklearn.feature_selection import VarianceThreshold
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import (
    Binarizer,
    FunctionTransformer,
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    PowerTransformer,
    RobustScaler,
    SplineTransformer,
    StandardScaler,
)
from sklearn.tree import DecisionTreeRegressor

NAMES = list("abcd")
CITIES = ["x", "y", "z"]
METHODS = ("transform", "decision_function", "predict_proba", "predict")
KINDS = ["f4", "f8", "f4", "f8", "i8", "i4", "?"]


def transformer(rng: Any) -> Any:
    """One whose numbers have the original's bits."""
    makers: list[Any] = [
        lambda: StandardScaler(with_mean=bool(rng.integers(2))),
        lambda: MinMaxScaler((-0.1, 0.7), clip=bool(rng.integers(2))),
        RobustScaler,
        MaxAbsScaler,
        lambda: SimpleImputer(
            strategy=str(rng.choice(["mean", "median"])), add_indicator=bool(rng.integers(2))
        ),
        lambda: Binarizer(threshold=float(rng.choice([0.1, 0.3, 1 / 3]))),
        lambda: VarianceThreshold(),
        lambda: FunctionTransformer(np.square),
        lambda: FunctionTransformer(np.square, validate=True),
        lambda: KBinsDiscretizer(3, encode=str(rng.choice(["ordinal", "onehot-dense"]))),
        lambda: "passthrough",
    ]
    return makers[int(rng.integers(len(makers)))]()


def weights(rng: Any, blocks: list[Any]) -> dict[str, Any] | None:
    """Of some blocks: Python's numbers and NumPy's, which promote otherwise."""
    if rng.random() < 0.8:
        return None
    kinds = [0.3, 2, np.float64(0.3), np.float32(0.3), np.int64(3)]
    return {name: kinds[int(rng.integers(5))] for name, *_ in blocks if rng.random() < 0.7}


def chain(rng: Any, depth: int) -> Any:
    """A transformer, some one behind the other, or side by side."""
    kind = rng.integers(4) if depth else 3
    if kind == 0:
        first, then = chain(rng, depth - 1), chain(rng, 0)
        return Pipeline([("one", first), ("two", then)])
    if kind == 1:
        blocks = [(str(i), chain(rng, depth - 1)) for i in range(2)]
        return FeatureUnion(blocks, transformer_weights=weights(rng, blocks))
    return transformer(rng)


def columns_of(rng: Any, by_name: bool, depth: int) -> ColumnTransformer:
    blocks = []
    for i in range(int(rng.integers(1, 4))):
        chosen = rng.permutation(4)[: rng.integers(1, 4)]
        keys = [NAMES[c] for c in chosen] if by_name else [int(c) for c in chosen]
        blocks.append((f"b{i}", chain(rng, depth), keys))
    rest = "passthrough" if rng.random() < 0.2 else "drop"
    given = {"transformer_weights": weights(rng, blocks), "remainder": rest}
    return ColumnTransformer(blocks, sparse_threshold=0, **given)


def model(rng: Any) -> Any:
    makers: list[Any] = [
        lambda: None,
        lambda: None,
        LogisticRegression,
        Ridge,
        lambda: DecisionTreeRegressor(max_depth=4, random_state=0),
        lambda: GradientBoostingRegressor(n_estimators=3, random_state=0),
        lambda: HistGradientBoostingRegressor(max_iter=3, min_samples_leaf=3),
    ]
    return makers[int(rng.integers(len(makers)))]()


def pipeline(rng: Any, by_name: bool) -> Any:
    kind = rng.integers(4)
    first = columns_of(rng, by_name, 1) if kind else chain(rng, 2)
    steps = [("first", first)]
    if rng.random() < 0.4:
        steps.append(("then", chain(rng, 1)))
    final = model(rng)
    return Pipeline([*steps, ("model", final)] if final is not None else steps)


def numbers(rng: Any, n: int, kinds: Any) -> dict[str, Any]:
    """Columns with thresholds on and beside their values."""
    columns = {}
    for name, kind in zip(NAMES, kinds, strict=True):
        x = rng.choice([0.1, 0.3, 1 / 3, 7.7, 100.3], n) * rng.choice([1.0, 3.1], n)
        x[rng.random(n) < 0.3] = rng.normal()
        is_unsigned = np.dtype(kind).kind in "ub"
        columns[name] = (np.abs(x) if is_unsigned else x).astype(kind)
    return columns


def named(frame: Any, kinds: Any, dtype_of: Any) -> Any:
    """A pandas frame with the dtypes of another library."""
    return frame.astype({n: dtype_of(k) for n, k in zip(NAMES, kinds, strict=True) if k != "?"})


def tables(columns: dict[str, Any], kinds: Any) -> dict[str, Any]:
    """The same numbers in the containers of each library."""
    frame, polars = pd.DataFrame(columns), pl.DataFrame(columns)
    array = np.column_stack(list(columns.values()))
    found: dict[str, Any] = {
        "pandas": frame,
        "polars": polars,
        "arrow": pa.table(columns),
        "array": array,
        "pandas of one array": pd.DataFrame(array, columns=NAMES),
        "pandas with arrow": named(
            frame, kinds, lambda k: pd.ArrowDtype(pa.from_numpy_dtype(np.dtype(k)))
        ),
        "polars in chunks": pl.concat([polars[:3], polars[3:]], rechunk=False),
    }
    if "?" not in kinds and "f2" not in kinds:
        names = {"f": "Float", "i": "Int", "u": "UInt"}
        found["nullable"] = named(frame, kinds, lambda k: f"{names[k[0]]}{8 * int(k[1])}")
    return found


def rounding_of(est: Any, given: Any) -> float:
    """What the sum of a linear model may be off by in float32, in any order of its terms."""
    coef = getattr(est[-1], "coef_", None)
    if coef is None or len(est) < 2:
        return 0.0
    features = np.abs(np.asarray(quiet(est[:-1].transform, given), dtype=np.float64))
    terms = features @ np.abs(np.atleast_2d(coef)).T
    return float(features.shape[1] * np.finfo(np.float32).eps * terms.max())


def assert_same(fast: Any, est: Any, given: Any, note: str, *, widens: bool = False) -> bool:
    """The original's bits and dtypes; False where the original or the copy refuses.
    `widens`: float64 is right where the original rounds to float32."""
    for method in METHODS:
        if not hasattr(est, method):
            continue
        try:
            want = np.asarray(quiet(getattr(est, method), given))
        except (TypeError, ValueError, IndexError):
            return False
        if want.dtype == object:
            return False  # refused, as test_passthrough.py has it
        try:
            got = quiet(getattr(fast, method), given)
        except (willump.UnsupportedError, TypeError):
            return False
        except ValueError:
            # Where fit saw names, columns are found by them, also those given as numbers.
            assert isinstance(given, np.ndarray)
            assert hasattr(est, "feature_names_in_")
            return False
        is_wider = widens and (got.dtype, want.dtype) == (np.float64, np.float32)
        assert is_wider or got.dtype == want.dtype, (note, method, got.dtype, want.dtype)
        if method == "transform":
            np.testing.assert_array_equal(got, want, err_msg=f"{note} {method}")
        elif want.dtype.kind == "f":
            t, least = 1e-9, 1e-12
            if want.dtype == np.float32:
                t, least = 2e-6, max(2e-6, rounding_of(est, given))
            np.testing.assert_allclose(got, want, t, least, err_msg=note)
        else:
            np.testing.assert_array_equal(got, want, err_msg=note)
    return True


def drawn(rng: Any) -> tuple[Any, Any] | None:
    """A fitted pipeline and its copy; None where fit refuses it."""
    by_name = bool(rng.integers(2))
    est = pipeline(rng, by_name)
    how = str(rng.choice(["pandas", "polars"] if by_name else ["pandas", "polars", "array"]))
    kind = rng.choice(["f8", "f8", "f8", "f4", "mixed"])
    kinds = [str(k) for k in (rng.choice(KINDS[:-1], 4) if kind == "mixed" else [kind] * 4)]
    x = numbers(rng, 60, kinds)
    try:
        quiet(est.fit, tables(x, kinds)[how], np.arange(60) % 2)
        return est, build(est)
    except (TypeError, ValueError, NotImplementedError):
        return None


#: How many tables were compared, that not all of them are refused.
COUNTS = {"compared": 0, "refused": 0}


@examples(40, shrinks=False)
@given(st.integers(0, 2**32))
@example(7938)  # a union that tells no n_features_in_
@example(7342)  # NumPy's square of float16 beside float64
@example(15644)  # nullable float32, and small integers, before a model of float32
@example(309)  # a pipeline that does nothing
@example(730)  # a weight on columns of float16
def test_tables_of_each_library_have_the_originals_dtypes_and_bits(seed: int) -> None:
    rng = np.random.default_rng(seed)
    made = drawn(rng)
    if made is None:
        return
    est, fast = made
    for kinds in (
        ["f4"] * 4,
        rng.choice(["f4", "f8"], 4),
        rng.choice(["f4", "f4", "i1", "i2", "u1", "?"], 4),
        rng.choice(KINDS, 4),
        rng.choice(["f2", "f2", "f4", "f8", "i2"], 4),
    ):
        kinds = [str(kind) for kind in kinds]
        for name, table in tables(numbers(rng, 40, kinds), kinds).items():
            if name in ("nullable", "pandas with arrow") and "FunctionTransformer" in repr(est):
                continue  # NumPy's functions of them give dtypes of pandas
            # A model of float32 may get nullable integers from pandas as such or as objects.
            widens = name in ("nullable", "pandas with arrow") and "f4" not in kinds
            same = assert_same(fast, est, table, f"{name} {kinds}", widens=widens)
            COUNTS["compared" if same else "refused"] += 1


@pytest.mark.parametrize("strategy", ["mean", "median", "most_frequent"])
@pytest.mark.parametrize("fit_dtype", ["f4", "f8"])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_an_imputer_fills_in_the_dtype_of_its_fit(
    strategy: str, fit_dtype: str, dtype: str
) -> None:
    x = np.array([[1e8], [np.nan], [1e8 / 3], [1]])
    est = SimpleImputer(strategy=strategy).fit(x.astype(fit_dtype))
    want, got = (each.transform(x.astype(dtype)) for each in (est, build(est)))
    assert got.dtype == want.dtype
    np.testing.assert_array_equal(got, want)


UNKNOWN = {"handle_unknown": "use_encoded_value", "unknown_value": -1}
BEFORE = [None, SimpleImputer(), StandardScaler(), RobustScaler(), MinMaxScaler()]
#: That stay Python.
PYTHON = [
    PolynomialFeatures(2),
    PowerTransformer(),
    SplineTransformer(3),
    Pipeline([("p", PolynomialFeatures(2)), ("o", OrdinalEncoder(**UNKNOWN))]),
]


@examples(60, shrinks=False)
@given(st.integers(0, 2**32))
def test_a_python_step_reads_and_gives_float32_as_the_original_has_it(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.choice([0.1, 0.3, 1 / 3, 7.7], size=(60, 2)).astype(rng.choice(["f4", "f8"]))
    choices: list[Any] = [BEFORE, PYTHON, [None, StandardScaler(), MinMaxScaler()]]
    steps = [options[int(rng.integers(len(options)))] for options in choices]
    steps = [(str(i), clone(step)) for i, step in enumerate(steps) if step is not None]
    final = model(rng)
    est = Pipeline([*steps, ("model", final)] if final is not None else steps)
    quiet(est.fit, x, np.arange(60) % 2)
    fast, is_raw = quiet(willump.compile, est), steps[0][1].__class__ not in map(type, BEFORE)
    for rows in (x.astype("f4"), x.astype("f8")):
        same = assert_same(fast, est, rows, f"{rows.dtype} {est}")
        assert same or (is_raw and rows.dtype == np.float32)


def test_float32_is_refused_by_what_computes_behind_a_python_step() -> None:
    x = np.random.default_rng(0).normal(size=(50, 2))
    est = Pipeline([("p", PolynomialFeatures(2)), ("s", StandardScaler())]).fit(x)
    fast = pickle.loads(pickle.dumps(willump.compile(est)))
    np.testing.assert_array_equal(fast.transform(x), est.transform(x))
    with pytest.raises(willump.UnsupportedError, match=r"PolynomialFeatures.*float32.*float64"):
        fast.transform(x.astype("f4"))


@pytest.mark.parametrize("fit_dtype", ["f4", "f8"])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize(
    "encoder",
    [OrdinalEncoder(dtype=np.float32), OneHotEncoder(dtype=np.float32, sparse_output=False)],
)
@pytest.mark.parametrize(
    "then",
    [StandardScaler(), MinMaxScaler(), Binarizer(threshold=0.1), FunctionTransformer(np.square)],
)
def test_float32_codes_beside_float32_columns_stay_float32(
    fit_dtype: str, dtype: str, encoder: Any, then: Any
) -> None:
    rng = np.random.default_rng(0)
    x = np.c_[rng.integers(0, 4, 60), rng.normal(size=60)].astype(fit_dtype)
    blocks = ColumnTransformer([("e", encoder, [0]), ("p", "passthrough", [1])])
    for final in (None, Ridge(), HistGradientBoostingRegressor(max_iter=3, min_samples_leaf=2)):
        steps = [("blocks", blocks), ("then", then), *([("model", final)] if final else [])]
        est = Pipeline(steps).fit(x, x[:, 1])
        assert assert_same(build(est), est, x.astype(dtype), f"{fit_dtype} {dtype}")


@examples(40, shrinks=False)
@given(st.integers(0, 2**32))
def test_small_integers_that_python_gives_are_float32_beside_float32(seed: int) -> None:
    """An encoder of a dtype that the graph has not stays Python."""
    rng = np.random.default_rng(seed)
    x = pd.DataFrame(
        {
            "f": rng.choice([0.5, 1, 2, 1e6, -3], 90).astype("f4"),
            "g": rng.normal(size=90).astype(rng.choice(["f4", "f4", "f8"])),
            "k": rng.choice(list("abcdefghijklmnopqr"), 90),
        }
    )
    dtype = rng.choice([np.int8, np.uint8, np.int16, bool, np.uint16, np.uint32])
    models = [KNeighborsRegressor(3), PowerTransformer(), Ridge(), StandardScaler()]
    model = models[int(rng.integers(4))]
    is_sparse = bool(rng.integers(2)) and not isinstance(model, StandardScaler)
    encoders = [OneHotEncoder(dtype=dtype, sparse_output=is_sparse), OrdinalEncoder(dtype=dtype)]
    blocks: list[Any] = [("k", encoders[int(rng.integers(2))], ["k"])]
    if rng.random() < 0.8:
        chosen = [["f"], ["g"], ["f", "g"]][int(rng.integers(3))]
        blocks.insert(int(rng.integers(2)), ("f", StandardScaler(), chosen))
    steps: list[Any] = [ColumnTransformer(blocks, sparse_threshold=0), model]
    if hasattr(steps[-1], "transform") and rng.random() < 0.5:
        steps.append(KNeighborsRegressor(3))
    est = quiet(make_pipeline(*steps).fit, x, rng.integers(0, 9, 90))
    fast, method = build(est), "predict" if hasattr(steps[-1], "predict") else "transform"
    try:
        got = quiet(getattr(fast, method), x)
    except willump.UnsupportedError as error:
        assert "float32" in str(error) or "float16" in str(error)  # noqa: PT017
        return
    want = quiet(getattr(est, method), x)
    assert got.dtype == want.dtype
    near = 1e-9 if want.dtype == np.float64 else 2e-6
    np.testing.assert_allclose(got, want, rtol=near, atol=near * 1e-2)


def test_integers_in_arrays_are_refused_before_lightgbm_too() -> None:
    x = np.random.default_rng(0).integers(-9, 9, (60, 2)).astype("f8")
    model = LGBMRegressor(n_estimators=3, min_child_samples=2, verbose=-1)
    est = Pipeline([("f", FunctionTransformer(np.square)), ("m", model)]).fit(x, x[:, 0])
    fast = build(est)
    np.testing.assert_array_equal(fast.predict(x), est.predict(x))
    with pytest.raises(willump.UnsupportedError, match=r"X is of int8.*numpy.square"):
        fast.predict((20 * x).astype("i1"))


@pytest.mark.parametrize("weight", [None, 0.3])
@pytest.mark.parametrize("scaled", [["d"], ["b", "f"]])
def test_dtypes_that_pandas_has_of_its_own_are_refused_where_they_reach_a_step(
    scaled: list[str], weight: float | None
) -> None:
    rng = np.random.default_rng(0)
    x = pd.DataFrame({"b": rng.random(60) < 0.5, "f": rng.random(60), "d": rng.random(60)})
    x = x.astype({"f": "f4"})
    blocks = [("s", StandardScaler(), scaled), ("p", "passthrough", ["b", "f"])]
    for chosen in (blocks[:1], blocks):
        weights = {"p": weight} if weight and len(chosen) > 1 else None
        first = ColumnTransformer(chosen, transformer_weights=weights)
        est = Pipeline([("c", first), ("s", StandardScaler()), ("m", Ridge())]).fit(x, x["d"])
        fast = build(est)
        if len(chosen) == 1:
            assert assert_same(fast, est, x, "read as one dtype")
            continue
        with pytest.raises(willump.UnsupportedError, match="column 'b' of bool is passed"):
            fast.predict(x)
        assert assert_same(fast, est, x.astype("f8"), "one dtype")


def test_most_tables_were_compared() -> None:
    print(COUNTS)
    assert COUNTS["compared"] >= COUNTS["refused"]


FRAME = {"a": [0.1, 0.3, 7.7, 100.3], "b": [1.0, 2.5, 3.1, 0.7], "c": [2.0, 1.0, 0.5, 0.3]}


@pytest.mark.parametrize("library", [pd, pl], ids=["pandas", "polars"])
def test_a_frame_of_float32_has_the_dtype_that_the_original_gives_it(library: Any) -> None:
    blocks = [("a", StandardScaler(), ["a"]), ("b", MinMaxScaler(), ["b", "c"])]
    est = ColumnTransformer(blocks).fit(library.DataFrame(FRAME))
    fast = pickle.loads(pickle.dumps(willump.compile(est)))
    single = pd.DataFrame(FRAME).astype("f4")
    for rows, dtype in (
        (single, np.float32),
        (single.astype({"b": "f8"}), np.float64),
        (single.astype({"b": "i1"}), np.float32),
        (pl.DataFrame(FRAME).cast(pl.Float32), np.float64),
    ):
        want, got = est.transform(rows), fast.transform(rows)
        assert got.dtype == want.dtype == dtype
        np.testing.assert_array_equal(got, want)


def test_a_scaler_behind_blocks_of_two_dtypes_reads_float64() -> None:
    x = pd.DataFrame({**FRAME, "city": [*CITIES, "x"]})
    blocks = [("a", MaxAbsScaler(), ["a"]), ("city", OneHotEncoder(sparse_output=False), ["city"])]
    est = Pipeline([("blocks", ColumnTransformer(blocks)), ("then", StandardScaler())]).fit(x)
    fast = build(est)
    single = x.astype({"a": "f4"})
    np.testing.assert_array_equal(fast.transform(single), est.transform(single))


@pytest.mark.parametrize("step", [Binarizer(), VarianceThreshold(), FunctionTransformer(np.sign)])
@pytest.mark.parametrize("dtype", ["i8", "i4", "u1", "?", "f4", "f8"])
def test_integers_stay_what_the_original_makes_of_them(step: Any, dtype: str) -> None:
    x = np.array([[0, 1], [2, 0], [1, 3]])
    est = step.fit(x.astype("f8"))
    rows = x.astype(dtype)
    try:
        want = est.transform(rows)
    except TypeError:
        pytest.skip(f"the original takes no {dtype}")
    got = willump.compile(est).transform(rows)
    assert got.dtype == want.dtype
    np.testing.assert_array_equal(got, want)


def test_a_function_of_integers_of_two_widths_is_compiled() -> None:
    x = pd.DataFrame({"a": CITIES, "b": CITIES})
    blocks = [
        ("a", OneHotEncoder(dtype=np.int32, sparse_output=False), ["a"]),
        ("b", OrdinalEncoder(dtype=np.int64), ["b"]),
    ]
    est = make_pipeline(ColumnTransformer(blocks), FunctionTransformer(np.sqrt)).fit(x)
    np.testing.assert_array_equal(willump.compile(est, strict=True).transform(x), est.transform(x))


def test_integers_that_a_function_wraps_around_are_refused() -> None:
    x = pd.DataFrame({"a": [100.0, 3.0], "b": [1.0, 2.0]})
    fast = willump.compile(FunctionTransformer(np.square, validate=True).fit(x))
    with pytest.raises(willump.UnsupportedError, match=r"column 'a' is of int8.*numpy.square"):
        fast.transform(x.astype({"a": "i1"}))
    divides = willump.compile(FunctionTransformer(np.reciprocal).fit(x))
    for rows in ([[1, 2], [4, 5]], ((True, False),)):
        with pytest.raises(willump.UnsupportedError, match=r"X is of .*numpy.reciprocal"):
            divides.transform(rows)
    np.testing.assert_array_equal(divides.transform([[1.0, 2], [4, 5]])[1], [0.25, 0.2])
    plain = willump.compile(
        ColumnTransformer([("f", FunctionTransformer(np.square), [0, 1])]).fit(x)
    )
    with pytest.raises(willump.UnsupportedError, match="column 'b' is float32 beside"):
        plain.transform(x.astype({"b": "f4"}))
