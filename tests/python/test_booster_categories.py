"""pandas categories given to LightGBM's and XGBoost's models, against themselves."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
import willump
from harness import build, examples
from hypothesis import given as drawn
from hypothesis import strategies as st
from pandas.api.types import is_numeric_dtype
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.feature_selection import SelectKBest, VarianceThreshold
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

lgb = pytest.importorskip("lightgbm")
xgb = pytest.importorskip("xgboost")

pytestmark = pytest.mark.filterwarnings("ignore:X (has|does not have valid) feature names")

LIGHT: dict[str, Any] = {"n_estimators": 5, "verbose": -1, "n_jobs": 1, "min_child_samples": 2,
                         "min_data_per_group": 1, "cat_smooth": 0.0}  # fmt: skip
EXTREME: dict[str, Any] = {"n_estimators": 5, "n_jobs": 1, "enable_categorical": True}
WORDS = np.array(["a", "b", "c c", "", "e", "f"])


def frame(seed: int, first: str = "a", n: int = 300) -> Any:
    rng = np.random.default_rng(seed)
    words = pd.Series(rng.choice([first, *WORDS[1:]], n), dtype=object)
    words[rng.random(n) < 0.1] = None
    return pd.DataFrame(
        {
            "number": np.where(rng.random(n) < 0.1, np.nan, rng.normal(size=n)),
            "word": pd.Categorical(words),
            "count": pd.Categorical(rng.choice([30, 10, 20, -5], n)),
            "grade": pd.Categorical(
                rng.choice(["lo", "hi"], n), categories=["lo", "mid", "hi"], ordered=True
            ),
        }
    )


def target(data: Any) -> Any:
    word = np.where(data["word"].isin(["b", "e"]), 2.0, 0.0)
    return word + data["count"].astype(int) / 10 + np.nan_to_num(data["number"])


def variants(data: Any) -> dict[str, Any]:
    """The same columns with other codes, with values unseen, and as codes."""
    cat = data["word"].cat
    unseen = data["word"].astype(object).where(np.arange(len(data)) % 5 > 0, "new")
    return {
        "itself": data,
        "reversed": data.assign(word=cat.set_categories(list(cat.categories)[::-1])),
        "more": data.assign(word=cat.set_categories(["_", *cat.categories, "z"])),
        "fewer": data.assign(word=data["word"].where(data["word"] != "b").astype("category")),
        "unseen": data.assign(word=pd.Categorical(unseen)),
        "none": data.assign(word=pd.Categorical([None] * len(data), categories=WORDS)),
        "few rows": data.iloc[:3],
        "codes": np.column_stack(
            [data["number"], *(data[name].cat.codes for name in ("word", "count", "grade"))]
        ).astype(float),
    }


def check(model: Any, fast: Any, data: Any, *methods: str) -> None:
    for again in (fast, pickle.loads(pickle.dumps(fast))):
        for name, X in variants(data).items():
            if name in ("more", "unseen") and type(model).__module__.startswith("xgboost"):
                continue  # an error to XGBoost
            if name == "codes":  # both take NaN for missing
                X = np.where(X == -1, np.nan, X)
            for method in methods:
                expected, result = getattr(model, method)(X), getattr(again, method)(X)
                assert result.shape == expected.shape
                message = f"{name}: {method}"
                if expected.dtype.kind == "f":
                    tolerance = 1e-6 if expected.dtype == np.float32 else 1e-13
                    np.testing.assert_allclose(
                        result, expected, tolerance, tolerance, err_msg=message
                    )
                else:
                    np.testing.assert_array_equal(result, expected, err_msg=message)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("one_hot", [1, 100])
def test_categories_are_matched_by_value(seed: int, one_hot: int) -> None:
    data = frame(seed)
    y = target(data)
    labels = np.digitize(y, [1, 3])
    for model, goal, methods in (
        (lgb.LGBMRegressor(max_cat_to_onehot=one_hot, **LIGHT), y, ("predict",)),
        (lgb.LGBMClassifier(max_cat_to_onehot=one_hot, **LIGHT), labels, ("predict_proba",)),
        (xgb.XGBRegressor(max_cat_to_onehot=one_hot, **EXTREME), y, ("predict",)),
        (
            xgb.XGBClassifier(max_cat_to_onehot=one_hot, booster="dart", **EXTREME),
            labels,
            ("predict", "predict_proba"),
        ),
    ):
        model.fit(data, goal)
        check(model, willump.compile(model, strict=True), data, *methods)


def test_boosters_match_categories_by_value() -> None:
    data = frame(9)
    y = target(data)
    light = lgb.train({"verbose": -1, "min_data_in_leaf": 2}, lgb.Dataset(data, y), 5)
    extreme = xgb.train({}, xgb.DMatrix(data, y, enable_categorical=True), 5)
    for name, X in variants(data).items():
        if name != "codes":
            expected = light.predict(X)
            np.testing.assert_allclose(willump.compile(light).predict(X), expected, 1e-13)
        if name not in ("codes", "more", "unseen"):
            expected = extreme.predict(xgb.DMatrix(X, enable_categorical=True))
            np.testing.assert_allclose(willump.compile(extreme).predict(X), expected, 1e-6)
    part = willump.compile(light).predict(variants(data)["reversed"], num_iteration=2)
    np.testing.assert_allclose(part, light.predict(data, num_iteration=2), 1e-13)


def test_a_frame_with_other_category_columns_raises_as_the_library() -> None:
    data = frame(3)
    light = lgb.LGBMRegressor(**LIGHT).fit(data, target(data))
    extreme = xgb.XGBRegressor(**EXTREME).fit(data, target(data))
    wrong = data.assign(count=data["count"].astype(int))
    with pytest.raises(ValueError, match="categorical_feature do not match"):
        light.predict(wrong)
    with pytest.raises(ValueError, match="categorical_feature do not match"):
        willump.compile(light, strict=True).predict(wrong)
    with pytest.raises(xgb.core.XGBoostError, match="2th feature"):
        extreme.predict(wrong)
    with pytest.raises(ValueError, match=r"columns \[1, 2, 3\] are categories"):
        willump.compile(extreme, strict=True).predict(wrong)


def test_a_value_that_xgboost_has_not_seen_is_refused_with_its_row() -> None:
    data = frame(1)
    model = xgb.XGBRegressor(**EXTREME).fit(data, target(data))
    fast = willump.compile(model, strict=True)
    with pytest.raises(xgb.core.XGBoostError, match="not in the training set"):
        model.predict(variants(data)["unseen"])
    with pytest.raises(ValueError, match="column 'word', row 0 is 'new'"):
        fast.predict(variants(data)["unseen"])
    # Unused, it changes nothing.
    np.testing.assert_allclose(fast.predict(variants(data)["more"]), model.predict(data), 1e-6)


@pytest.mark.parametrize("one_hot", [1, 100])
@pytest.mark.parametrize("kind", ["int", "text"])
def test_categories_that_were_given_as_codes_are_taken_as_codes(one_hot: int, kind: str) -> None:
    rng = np.random.default_rng(one_hot)
    X = np.column_stack([rng.integers(0, 9, 300), rng.normal(size=300)])
    X[::11, 0] = np.nan
    y = np.nan_to_num(X[:, 0] % 3) * X[:, 1]
    kinds = ["c", "q"]
    matrix = xgb.DMatrix(X, y, feature_types=kinds, enable_categorical=True)
    booster = xgb.train({"max_cat_to_onehot": one_hot}, matrix, 4)
    model = xgb.XGBRegressor(max_cat_to_onehot=one_hot, feature_types=kinds, **EXTREME).fit(X, y)
    unknown = X.copy()
    unknown[:9, 0] = [20, 31, 9, 10, 40, 63, 64, 100, 15]
    names = np.arange(9)[::-1] * 7 if kind == "int" else np.array(list("ihgfedcba"))
    codes = np.nan_to_num(X[:, 0], nan=-1).astype(int)
    data = pd.DataFrame({"a": pd.Categorical.from_codes(codes, names), "b": X[:, 1]})
    for given in (X, unknown, data):
        rows = xgb.DMatrix(given, feature_types=None if given is data else kinds,
                           enable_categorical=True)  # fmt: skip
        fast = willump.compile(booster)
        for again in (fast, willump.from_bytes(fast.to_bytes())):
            np.testing.assert_allclose(again.predict(given), booster.predict(rows), 1e-6, 1e-6)
        of_model = willump.compile(model, strict=True)
        np.testing.assert_allclose(of_model.predict(given), model.predict(given), 1e-6, 1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_polars_categories_are_matched_by_value(seed: int) -> None:
    pl = pytest.importorskip("polars")
    data = frame(seed)[["number", "word", "grade"]]
    y = np.nan_to_num(data["number"]) + 2.0 * data["word"].isin(["b", "e"])
    model = xgb.XGBRegressor(max_cat_to_onehot=1, **EXTREME).fit(data, y)
    fast = willump.compile(model, strict=True)
    given = pl.from_pandas(data)
    text = pl.col("word").cast(pl.String)
    for X in (given, given[3:], given.with_columns(text.cast(pl.Enum(list(WORDS[::-1]))))):
        np.testing.assert_allclose(fast.predict(X), model.predict(X), 1e-6, 1e-6)
    with pytest.raises(ValueError, match="column 'word', row 0 is 'new'"):
        fast.predict(given.with_columns(pl.lit("new").cast(pl.Categorical).alias("word")))
    for wrong in (given.with_columns(text), given.with_columns(pl.lit(1.0).alias("word"))):
        with pytest.raises(Exception):  # noqa: B017, PT011  (its own KeyError, or XGBoostError)
            model.predict(wrong)
        with pytest.raises(ValueError, match="categories to the model"):
            fast.predict(wrong)


@pytest.mark.parametrize("kind", [xgb.XGBRegressor, lgb.LGBMRegressor])
@pytest.mark.parametrize("words", [["1", "2", "10"], ["a", "b", "c"]])
def test_words_in_tables_of_arrow_are_refused(kind: Any, words: list[str]) -> None:
    pa, pl = pytest.importorskip("pyarrow"), pytest.importorskip("polars")
    data = pd.DataFrame({"word": pd.Categorical(words * 30), "z": np.arange(90.0) % 7})
    options = {"enable_categorical": True} if kind is xgb.XGBRegressor else {"verbose": -1}
    model = kind(n_estimators=3, **options).fit(data, np.arange(90.0) % 3)
    fast = willump.compile(model, strict=True)
    texts = data.astype({"word": "str"})
    tables = [pa.Table.from_pandas(data), pa.Table.from_pandas(texts)]
    tables += [pl.from_pandas(data), pl.from_pandas(texts)] if kind is lgb.LGBMRegressor else []
    for table in tables:
        with pytest.raises(willump.UnsupportedError, match=r"column 'word' is of .*to_pandas"):
            fast.predict(table)


def test_categories_that_are_not_ascii() -> None:
    data = frame(5, first="ä")
    light = lgb.LGBMRegressor(**LIGHT).fit(data, target(data))
    check(light, willump.compile(light, strict=True), data.iloc[:50], "predict")
    extreme = xgb.XGBRegressor(**EXTREME).fit(data, target(data))
    with pytest.raises(willump.UnsupportedError, match="not ASCII"):
        willump.compile(extreme, strict=True)


def held_as(rng: Any, dtype: str, numbers: Any) -> Any:
    """Numbers as categories that pandas holds in a dtype, in some order."""
    column = pd.Series(numbers.astype(bool) if dtype == "bool" else numbers)
    held = column.astype(object if dtype in ("objects", "mixed") else dtype)
    if dtype == "mixed":
        held = held.where(held != 1, True)
    values = list(held.unique())
    order = rng.permutation(len(values)) if rng.random() < 0.3 else np.arange(len(values))
    if not isinstance(held.dtype, np.dtype) or held.dtype.kind in "OT":
        categories = pd.Index([values[i] for i in order], dtype=object)
    else:
        categories = pd.Index(np.sort(held.unique())[order], dtype=held.dtype)
    return pd.Categorical(held, categories=categories)


@pytest.mark.parametrize("seed", range(6))
def test_numbers_and_bool_are_matched_as_the_library_matches_them(seed: int) -> None:
    rng = np.random.default_rng(seed)
    numbers = rng.integers(0, 2 if seed % 2 else 5, 200)
    z = rng.normal(size=200)
    y = ((numbers % 2 == 1) ^ (z > 0.5)).astype(int)
    kinds = ["bool", "int64", "int8", "uint64", "float64", "objects", "mixed", "str"]
    for fitted_on in kinds:
        data = pd.DataFrame({"k": held_as(rng, fitted_on, numbers), "z": z})
        models = [lgb.LGBMClassifier(**LIGHT).fit(data, y)]
        if fitted_on in ("int64", "int8", "str"):  # XGBoost takes no others
            models.append(xgb.XGBClassifier(**EXTREME).fit(data, y))
        for model in models:
            fast = willump.compile(model, strict=True)
            for given in kinds:
                X = data.assign(k=held_as(rng, given, numbers))
                message = f"{type(model).__name__} of {fitted_on}, given {given}"
                try:
                    expected = model.predict_proba(X)
                except (xgb.core.XGBoostError, TypeError):
                    with pytest.raises(ValueError, match="column 'k'"):
                        fast.predict_proba(X)
                    continue
                for again in (fast, willump.from_bytes(fast.to_bytes())):
                    np.testing.assert_allclose(
                        again.predict_proba(X), expected, 1e-6, 1e-6, err_msg=message
                    )


def recoded(data: Any) -> Any:
    return data.assign(count=pd.Categorical(data["count"], categories=[30, -5, 10, 20]))


def as_categories(data: Any) -> Any:
    return data.astype({"word": "category"})


def scaled() -> ColumnTransformer:
    blocks = [("s", StandardScaler(), ["number"])]
    return ColumnTransformer(blocks, remainder="passthrough", sparse_threshold=0)


MODELS: dict[str, Any] = {
    "light": lambda: lgb.LGBMClassifier(**LIGHT),
    "extreme": lambda: xgb.XGBClassifier(**EXTREME),
    "histogram": lambda: HistGradientBoostingClassifier(
        max_iter=5, categorical_features="from_dtype"
    ),
}
WAYS: dict[str, Any] = {
    "passthrough": lambda m: make_pipeline("passthrough", m),
    "same": lambda m: make_pipeline(FunctionTransformer(), m),
    "function": lambda m: make_pipeline(FunctionTransformer(recoded), m),
    "to categories": lambda m: make_pipeline(FunctionTransformer(as_categories), m),
    "columns": lambda m: make_pipeline(scaled().set_output(transform="pandas"), m),
    "all": lambda m: make_pipeline(scaled(), m).set_output(transform="pandas"),
    "union": lambda m: make_pipeline(
        FeatureUnion([("p", "passthrough")]).set_output(transform="pandas"), m
    ),
    "threshold": lambda m: make_pipeline(VarianceThreshold().set_output(transform="pandas"), m),
    "calibrated": lambda m: CalibratedClassifierCV(m, cv=2),
    "rest": OneVsRestClassifier,
    "vote": lambda m: VotingClassifier([("a", m)], voting="soft"),
    "stack": lambda m: StackingClassifier([("a", m)], LogisticRegression(), cv=2),
    "inner": lambda m: VotingClassifier([("a", make_pipeline("passthrough", m))], voting="soft"),
}


@pytest.mark.parametrize("columns", [["count", "number"], ["number", "word"]], ids=str)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", MODELS)
def test_categories_behind_other_steps_are_the_originals(
    kind: str, way: str, columns: list[str]
) -> None:
    data = frame(len(way))[columns].fillna({"number": 0.0})
    if "word" in columns and way == "to categories":
        data = data.assign(word=data["word"].astype(object).fillna("e"))
    labels = np.random.default_rng(0).permutation(len(data)) % 2
    labels = np.where(data.iloc[:, 0].astype(str) > "1", labels, 1 - labels)
    original = WAYS[way](MODELS[kind]())
    try:
        original.fit(data, labels)
    except (KeyError, ValueError, TypeError):
        return  # this way makes no such column
    fast = build(original)
    for x in (data, data[::-1], data[5:9]):
        expected = original.predict_proba(x)
        tolerance = 1e-5 if kind == "extreme" else 1e-9
        np.testing.assert_allclose(fast.predict_proba(x), expected, tolerance, tolerance)


def test_text_that_a_function_makes_categories_of_is_encoded() -> None:
    data = frame(3)[["word", "number"]].assign(word=lambda d: d["word"].astype(object).fillna("e"))
    steps = FunctionTransformer(as_categories), OneHotEncoder(), LogisticRegression()
    original = make_pipeline(*steps).fit(data[["word"]], data["number"].fillna(0) > 0)
    expected = original.predict_proba(data[["word"]])
    np.testing.assert_allclose(build(original).predict_proba(data[["word"]]), expected, 1e-9)


CATEGORY_KINDS = ["bool", "int64", "int8", "float64", "str", "object"]


@pytest.mark.parametrize("served", CATEGORY_KINDS)
@pytest.mark.parametrize("trained", CATEGORY_KINDS)
@pytest.mark.parametrize("kind", MODELS)
def test_categories_of_another_type_are_read_as_the_library_does(
    kind: str, trained: str, served: str
) -> None:
    if kind == "extreme" and trained in ("bool", "float64"):
        return  # XGBoost trains on no such
    rng = np.random.default_rng(len(trained) * 7 + len(served))
    for top in (2, 5):
        values, number = rng.integers(0, top, 200), rng.normal(size=200)
        labels = (values % 2 == 1) ^ (number > 0.8)

        def of(dtype: str, values: Any = values, number: Any = number) -> Any:
            return pd.DataFrame({"a": pd.Categorical(values.astype(dtype)), "z": number})

        original = MODELS[kind]().fit(of(trained), labels)
        fast, x = build(original), of(served)
        for rows in (x, x.assign(a=x["a"].astype(object)) if kind == "histogram" else x):
            try:
                expected = original.predict_proba(rows)
            except Exception:
                continue  # XGBoost of other types, which it is told of as `int64` or `int8`
            try:
                got = fast.predict_proba(rows)
            except (ValueError, TypeError):
                assert trained != served, "refused"
                assert kind != "light", "LightGBM takes any"
                continue
            tolerance = 1e-5 if kind == "extreme" else 1e-9
            np.testing.assert_allclose(got, expected, tolerance, tolerance)


def steps_before(rng: Any) -> list[Any]:
    """What may hand on a frame's columns as they are, or makes arrays of numbers of them."""
    kinds = rng.integers(0, 12)
    output = rng.choice(["default", "pandas"])
    scaled = [("s", StandardScaler(), ["a"])]
    made = {
        0: ColumnTransformer(scaled, remainder="passthrough"),
        1: ColumnTransformer([("i", SimpleImputer(), ["k"]), ("p", "passthrough", ["a"])]),
        2: SelectKBest(k=int(rng.integers(1, 3))),
        3: VarianceThreshold(),
        4: SimpleImputer(),
        5: FeatureUnion([("p", "passthrough"), ("i", SimpleImputer())]),
        6: make_pipeline(FunctionTransformer(), SimpleImputer()),
        7: make_pipeline(SimpleImputer(), FunctionTransformer()),
        8: FunctionTransformer(),
        9: ColumnTransformer([("p", "passthrough", ["a"])], remainder="passthrough"),
        10: ColumnTransformer([("p", "passthrough", ["k"])], remainder=VarianceThreshold()),
        11: ColumnTransformer([("p", "passthrough", ["a", "b"])], remainder=VarianceThreshold()),
    }[int(kinds)]
    if kinds != 8:
        made.set_output(transform=output)
    return ["passthrough", made] if rng.random() < 0.3 else [made]


def dressed(rng: Any, numbers: Any) -> Any:
    """The same numbers in a column of another dtype."""
    kind = rng.choice(["int8", "int64", "float", "category", "words", "object", "str"])
    if kind == "category":
        return pd.Categorical(numbers)
    if kind == "words":
        return pd.Categorical(numbers.astype(str))
    return numbers.astype({"float": float, "object": object, "str": str}.get(kind, kind))


@examples(150, shrinks=False)
@drawn(st.integers(0, 2**32))
def test_dtypes_of_columns_behind_other_steps(seed: int) -> None:
    rng = np.random.default_rng(seed)
    numbers = pd.Series(rng.choice([2, 4, 8], 90))
    columns = {"a": rng.normal(size=90), "k": numbers.astype("int8"), "b": rng.normal(size=90)}
    plain = pd.DataFrame(columns)
    y = (plain["a"] + plain["k"] > 4).astype(int)
    models = [xgb.XGBClassifier(n_estimators=4, n_jobs=1), lgb.LGBMClassifier(**LIGHT)]
    est = make_pipeline(*steps_before(rng), models[rng.integers(2)])
    fitted = plain.assign(k=dressed(rng, numbers))
    try:
        est.fit(fitted, y)
    except Exception:
        return  # of dtypes that the library does not read
    fast = build(est)
    for name, x in (("fitted", fitted), ("other", plain.assign(k=dressed(rng, numbers)))):
        where = f"{est} of {x.dtypes['k']}, fitted on {fitted.dtypes['k']}"
        try:
            got = fast.predict_proba(x)
        except (TypeError, ValueError, willump.UnsupportedError):
            assert name != "fitted", f"refused: {where}"
            if is_numeric_dtype(fitted["k"]):
                assert not is_numeric_dtype(x["k"]), f"refused: {where}"
            continue
        try:
            want = est.predict_proba(x)
        except Exception as error:
            raise AssertionError(f"answered, unlike the original: {where}") from error
        np.testing.assert_allclose(got, want, 1e-6, 1e-9, err_msg=where)
