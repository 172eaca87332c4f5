"""Frames whose columns are permuted, renamed, more or fewer than those of fit: the
original's answer, or its error, whoever in the pipeline is the first to read names."""

from __future__ import annotations

import pickle
import random
from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp
import willump
import xgboost as xgb
from harness import build, examples, quiet
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import BaggingClassifier, StackingClassifier, VotingClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.feature_selection import SelectKBest, VarianceThreshold
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MinMaxScaler,
    PolynomialFeatures,
    SplineTransformer,
    StandardScaler,
)
from sklearn.tree import DecisionTreeClassifier

ROWS = np.random.default_rng(0).normal(size=(60, 3))
LABELS = (ROWS[:, 0] + 0.3 * ROWS[:, 1] > 0).astype(int)
FRAME = pd.DataFrame(ROWS, columns=list("abc"))
FRAMES: dict[str, Any] = {
    "fit": FRAME,
    "permuted": FRAME[["c", "b", "a"]],
    "renamed": FRAME.rename(columns={"a": "zz"}),
    "exchanged": FRAME.rename(columns={"a": "b", "b": "a"}),
    "more": FRAME.assign(q=1.0),
    "fewer": FRAME[["a", "b"]],
    "nameless": pd.DataFrame(ROWS),
    "array": ROWS,
}
POLARS: dict[str, Any] = {
    "polars": pl.DataFrame(ROWS, schema=list("abc")),
    "polars permuted": pl.DataFrame(ROWS, schema=list("abc"))[["c", "b", "a"]],
    "polars renamed": pl.DataFrame(ROWS, schema=["a", "zz", "c"]),
}


class Subclass(pd.DataFrame):
    """As GeoPandas' frames are."""

    @property
    def _constructor(self) -> type[Subclass]:
        return Subclass


class PolarsSubclass(pl.DataFrame):
    pass


SUBCLASSES: dict[str, Any] = {
    "subclass": Subclass(FRAME),
    "subclass permuted": Subclass(FRAMES["permuted"]),
    "polars subclass": PolarsSubclass(POLARS["polars"]),
}
METHODS = ("predict", "predict_proba", "decision_function", "transform")


def halved(x: Any) -> Any:
    """A frame of a frame, an array of an array."""
    return x * 0.5


def as_array(x: Any) -> Any:
    return np.asarray(x) * 2.0


class Halving(BaseEstimator, TransformerMixin):
    """One of nobody's library that checks nothing, and hands frames on."""

    def fit(self, x: Any, y: Any = None) -> Halving:
        self.n_features_in_ = x.shape[1]
        self.feature_names_in_ = np.array(list(getattr(x, "columns", "xyz")), dtype=object)
        return self

    def transform(self, x: Any) -> Any:
        return halved(x)


def picking(rng: random.Random) -> ColumnTransformer:
    """Columns by name, position, slice or mask."""
    first, second = rng.choice(
        [(["a"], ["c"]), ([0], [2]), (slice(0, 1), slice(2, 3)), ([True, False, False], [2])]
    )
    return ColumnTransformer(
        [("s", StandardScaler(), first), ("m", MinMaxScaler(), second)],
        remainder=rng.choice(["passthrough", "drop"]),
    )


def before(rng: random.Random, depth: int) -> Any:
    """What may stand before a model, and hand the frame on."""
    kinds = ["passthrough", "none", "same", "named", "abs", "scaler", "imputer", "picks", "best"]
    kinds += ["function", "function", "to array", "foreign", "pandas", "powers", "varied"]
    kind = rng.choice(kinds + ["union", "pipeline"] * (depth > 0))
    if kind == "union":
        parts = [before(rng, depth - 1) for _ in range(rng.randint(1, 3))]
        return FeatureUnion(
            [(str(i), "passthrough" if p is None else p) for i, p in enumerate(parts)]
        )
    if kind == "pipeline":
        return make_pipeline(*[before(rng, depth - 1) for _ in range(rng.randint(1, 2))])
    return {
        "passthrough": "passthrough",
        "none": None,
        "same": FunctionTransformer(),
        "named": FunctionTransformer(feature_names_out="one-to-one"),
        "abs": FunctionTransformer(np.abs),
        "scaler": StandardScaler(),
        "imputer": SimpleImputer(),
        "picks": picking(rng),
        "best": SelectKBest(k=1),
        "function": FunctionTransformer(halved),
        "to array": FunctionTransformer(as_array),
        "foreign": Halving(),
        "pandas": rng.choice([SimpleImputer(), StandardScaler()]).set_output(transform="pandas"),
        "powers": PolynomialFeatures(2),
        "varied": VarianceThreshold(),
    }[kind]


def model(rng: random.Random, depth: int) -> Any:
    kinds = ["logistic", "tree", "light", "extreme"]
    kind = rng.choice(kinds + ["stack", "vote", "rest", "bag", "calibrated", "steps"] * (depth > 0))
    if kind == "steps":
        steps = [before(rng, depth - 1) for _ in range(rng.randint(1, 2))]
        return make_pipeline(*steps, model(rng, depth - 1))
    if kind in ("stack", "vote"):
        members = [(str(i), model(rng, depth - 1)) for i in range(rng.randint(1, 2))]
        if kind == "vote":
            return VotingClassifier(members, voting=rng.choice(["hard", "soft"]))
        return StackingClassifier(
            members, LogisticRegression(), cv=2, passthrough=rng.random() < 0.5
        )
    if depth and kind in ("rest", "bag", "calibrated"):
        inner = model(rng, depth - 1)
        return {
            "rest": lambda: OneVsRestClassifier(inner),
            "bag": lambda: BaggingClassifier(inner, 2, random_state=0),
            "calibrated": lambda: CalibratedClassifierCV(inner, cv=2),
        }[kind]()
    return {
        "logistic": LogisticRegression(),
        "tree": DecisionTreeClassifier(max_depth=3),
        "light": lgb.LGBMClassifier(n_estimators=3, min_child_samples=2, verbose=-1, n_jobs=1),
        "extreme": xgb.XGBClassifier(n_estimators=3, n_jobs=1),
    }[kind]


def fitted(estimator: Any) -> Any:
    """None where the original cannot be fitted so, as a column may be missing."""
    try:
        return quiet(estimator.fit, FRAME, LABELS)
    except Exception:
        return None


def answered(call: Any, x: Any) -> Any:
    """The answer, or the error."""
    try:
        return quiet(call, x)
    except Exception as error:
        return error


def assert_alike(original: Any, fast: Any, name: str, x: Any) -> None:
    for method in METHODS:
        if not hasattr(fast, method):
            continue
        expected, got = answered(getattr(original, method), x), answered(getattr(fast, method), x)
        where = f"{method} of {name} by {original}"
        if isinstance(expected, Exception):
            assert isinstance(got, Exception), f"{where}: answered, the original: {expected!r}"
            if not isinstance(expected, lgb.basic.LightGBMError):
                assert isinstance(got, (ValueError, type(expected))), (
                    f"{where}: {got!r}, not {expected!r}"
                )
        elif isinstance(got, Exception):
            # A passed column changes how many there are, which a frame's width decides;
            # of polars XGBoost's estimators compare no names, which is refused.
            is_known = name in ("more", "fewer") or name.startswith("polars ")
            assert is_known, f"{where}: {got!r}"
            assert name in ("more", "fewer") or "feature_names mismatch" in str(got), where
        else:
            # The sums of XGBoost are of float32; other columns would be far off.
            np.testing.assert_allclose(got, expected, 1e-4, 1e-5, err_msg=where)


@given(seed=st.integers(0, 10**9))
@examples(60, shrinks=False)
def test_names_are_read_as_the_original_reads_them(seed: int) -> None:
    rng = random.Random(seed)
    original = fitted(model(rng, 2))
    if original is None:
        return
    fast = build(original)
    others = {} if "XGB" in str(original) else SUBCLASSES  # it takes no subclasses
    for name, x in {**FRAMES, **POLARS, **others}.items():
        assert_alike(original, fast, name, x)


@given(seed=st.integers(0, 10**9))
@examples(15, shrinks=False)
def test_a_selector_of_all_columns_reads_the_names_of_a_computed_frame(seed: int) -> None:
    rng = random.Random(seed)
    first = rng.choice([FunctionTransformer(halved), Halving()])
    rest = [VarianceThreshold(), model(rng, 1)]
    steps = [make_pipeline(*rest)] if rng.random() < 0.5 else rest
    original = fitted(make_pipeline(first, *steps))
    assert original is not None
    fast = build(original)
    for name, x in FRAMES.items():
        assert_alike(original, fast, name, x)


def picked_by_python(rng: random.Random) -> ColumnTransformer:
    """Columns by name or position, none of which a native step reads."""
    ways: list[list[Any]] = [["b", "a"], [["b"]], [["c"], ["a", "b"]], [[1], [2, 0]], [slice(1, 3)]]
    chosen = rng.choice(ways)
    chosen = [chosen] if isinstance(chosen[0], str) else chosen
    kinds = [PolynomialFeatures(), FunctionTransformer(halved), SplineTransformer(), Halving()]
    return ColumnTransformer(
        [(str(i), rng.choice(kinds), columns) for i, columns in enumerate(chosen)],
        remainder=rng.choice(["drop", PolynomialFeatures()]),
    )


@given(seed=st.integers(0, 10**9))
@examples(25, shrinks=False)
def test_columns_for_python_steps_are_checked_before_they_are_picked(seed: int) -> None:
    rng = random.Random(seed)
    steps = picked_by_python(rng), LogisticRegression()
    x = rng.choice([FRAME, FRAME, ROWS])
    try:
        original = quiet(make_pipeline(*steps).fit, x, LABELS)
    except ValueError:  # names, and an array has none
        return
    fast = build(original)
    others = {
        "list": ROWS.tolist(), "narrow array": ROWS[:, :2], "wide array": np.ones((5, 4)),
        "csr": sp.csr_array(ROWS), "no rows": FRAME.iloc[:0], "last two": FRAME[["b", "c"]],
    }  # fmt: skip
    for name, given_x in {**FRAMES, **POLARS, **others}.items():
        expected, got = (
            answered(original.predict_proba, given_x),
            answered(fast.predict_proba, given_x),
        )
        where = f"{name} by {original}"
        if isinstance(expected, Exception):
            is_same = isinstance(got, (type(expected), ValueError))
            assert is_same, f"{where}: {got!r}, the original: {expected!r}"
        else:
            assert not isinstance(got, Exception), f"{where}: {got!r}"
            np.testing.assert_allclose(got, expected, 1e-9, err_msg=where)


@pytest.mark.parametrize("first", ["passthrough", None])
def test_what_hands_the_frame_on_has_no_names_itself(first: Any) -> None:
    original = Pipeline([("first", first), ("model", LogisticRegression())]).fit(FRAME, LABELS)
    fast = willump.compile(original, strict=True)
    assert not hasattr(original, "feature_names_in_")
    for one in (fast, pickle.loads(pickle.dumps(fast))):
        assert not hasattr(one, "feature_names_in_")
        with pytest.raises(ValueError, match="Column 0 is 'c' instead of 'a'"):
            one.predict(FRAMES["permuted"])


def test_a_step_that_needs_a_frame_gets_what_the_one_before_it_gives() -> None:
    frame = FRAME.assign(t=np.where(LABELS, "xx yy", "zz"))
    blocks = [("s", StandardScaler(), ["a"]), ("t", CountVectorizer(), "t")]
    for first in (FunctionTransformer(), FunctionTransformer(pd.DataFrame.copy)):
        steps = first, ColumnTransformer(blocks), LogisticRegression()
        original = make_pipeline(*steps).fit(frame, LABELS)
        expected = original.predict_proba(frame)
        for x in (frame, frame[["t", "c", "a"]]):
            np.testing.assert_allclose(build(original).predict_proba(x), expected, 1e-9)


@pytest.mark.parametrize("output", ["pandas", "polars"])
def test_frames_that_set_output_asks_for_are_picked_from_by_name(output: str) -> None:
    steps = SimpleImputer(), picking(random.Random(4)), LogisticRegression()
    original = make_pipeline(*steps).set_output(transform=output).fit(FRAME, LABELS)
    fast = build(original, strict=output == "pandas")
    np.testing.assert_allclose(fast.predict_proba(FRAME), original.predict_proba(FRAME), 1e-9)
    with pytest.raises(ValueError, match="feature names should match"):
        fast.predict(FRAMES["permuted"])


@pytest.mark.parametrize(
    "last", [PolynomialFeatures(), GaussianNB(), SplineTransformer()], ids=repr
)
@pytest.mark.parametrize(
    "first", [VarianceThreshold(), SimpleImputer(), StandardScaler()], ids=repr
)
@pytest.mark.parametrize("kind", ["pandas", "polars", "arrow", "list", "csr"])
def test_a_python_step_behind_a_native_one_gets_an_array(first: Any, last: Any, kind: str) -> None:
    if kind == "csr" and isinstance(first, StandardScaler):
        first = StandardScaler(with_mean=False)
    x = {
        "pandas": FRAME,
        "polars": POLARS["polars"],
        "arrow": POLARS["polars"].to_arrow(),
        "list": ROWS.tolist(),
        "csr": sp.csr_array(ROWS),
    }[kind]
    final = [] if isinstance(last, GaussianNB) else [GaussianNB()]
    original = make_pipeline(first, last, *final).fit(FRAME, LABELS)
    fast = build(original)
    expected = answered(original.predict_proba, FRAME if kind == "arrow" else x)
    got = answered(fast.predict_proba, x)
    if isinstance(expected, Exception):
        assert isinstance(got, type(expected))
    else:
        np.testing.assert_allclose(got, expected, 1e-9)
