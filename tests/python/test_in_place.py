"""Rows that a part of a pipeline changes in place are read changed by the parts behind it."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pandas as pd
import pytest
import willump
from harness import build, examples, quiet
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import (
    Binarizer,
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)


def changer(rng: random.Random) -> Any:
    """A step that writes into what it is given, or, now and then, copies it."""
    copies = rng.random() < 0.2
    return rng.choice(
        [
            StandardScaler(copy=copies),
            MinMaxScaler(copy=copies),
            MaxAbsScaler(copy=copies),
            RobustScaler(copy=copies),
            Normalizer(copy=copies),
            Binarizer(threshold=0.3, copy=copies),
            SimpleImputer(missing_values=0.5, copy=copies),
            QuantileTransformer(n_quantiles=5, copy=copies),
        ]
    )


def branch(rng: random.Random) -> Any:
    first = [rng.choice(["passthrough", FunctionTransformer(), MaxAbsScaler(), None])]
    steps = (first if rng.random() < 0.4 else []) + [changer(rng)]
    return make_pipeline(*[one for one in steps if one is not None])


def column_transformer(rng: random.Random) -> Any:
    keys: list[Any] = [[0, 1], [1, 2], [2, 3], [3], slice(0, 2), slice(1, 4)]
    parts = [(str(i), branch(rng), rng.choice(keys)) for i in range(rng.choice([1, 2]))]
    parts.append(("last", rng.choice(["passthrough", MinMaxScaler()]), rng.choice(keys)))
    rng.shuffle(parts)
    return ColumnTransformer(parts, remainder=rng.choice(["drop", "passthrough"]))


def union(rng: random.Random) -> Any:
    parts = [("a", branch(rng)), ("b", rng.choice([branch(rng), MinMaxScaler(), "passthrough"]))]
    rng.shuffle(parts)
    return FeatureUnion(parts)


def model(rng: random.Random) -> Any:
    """A model of members that are each given the rows."""
    member = make_pipeline(branch(rng), LogisticRegression())
    forest = RandomForestClassifier(3, max_depth=3, random_state=0)
    members = [("a", member), ("b", rng.choice([forest, make_pipeline(branch(rng), forest)]))]
    rng.shuffle(members)
    return rng.choice(
        [
            VotingClassifier(members, voting="soft"),
            StackingClassifier(members[:1], cv=2, passthrough=True),
            StackingClassifier(members, cv=2),
            OneVsRestClassifier(member),
            CalibratedClassifierCV(member, cv=2),
            BaggingClassifier(member, n_estimators=2, random_state=0),
            AdaBoostClassifier(forest, n_estimators=2, random_state=0),
        ]
    )


@examples(25)
@given(st.integers(0, 10**6))
def test_parts_behind_one_that_changes_its_rows_read_them_changed(seed: int) -> None:
    rng, generator = random.Random(seed), np.random.default_rng(seed)
    x = generator.normal(size=(90, 4)).round(1) + 1.0
    y = generator.integers(0, 3, 90)
    kind = rng.choice([union, column_transformer, model])
    before = [StandardScaler()] if rng.random() < 0.3 else []
    last = [] if kind is model else [LogisticRegression()]
    est = make_pipeline(*before, kind(rng), *last)
    table: Any = rng.choice([np.array, pd.DataFrame, lambda x: np.asfortranarray(x.copy())])
    quiet(est.fit, table(x), y)
    fast = build(est)
    other = generator.normal(size=(40, 4)).round(1)
    for method in ("predict_proba", "predict"):
        got = quiet(getattr(fast, method), table(other))
        want = quiet(getattr(est, method), table(other))
        np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-12, err_msg=str(est))


class HandsOn(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """A step of one's own that gives the rows that it was given."""

    def fit(self, x: Any, y: Any = None) -> HandsOn:
        self.n_features_in_ = x.shape[1]
        return self

    def transform(self, x: Any) -> Any:
        return x


def test_changes_are_found_inside_of_other_estimators() -> None:
    generator = np.random.default_rng(0)
    x, other = generator.normal(size=(90, 4)) + 1.0, generator.normal(size=(40, 4))
    scaler = StandardScaler(copy=False)
    member = make_pipeline(scaler, LogisticRegression())
    forest = ("b", RandomForestClassifier(3, random_state=0))
    behind = make_pipeline(HandsOn(), scaler)
    found = [
        (OneVsOneClassifier(member), 3),
        (VotingClassifier([("a", FixedThresholdClassifier(member)), forest]), 2),
        (make_pipeline(FeatureUnion([("a", behind), ("b", MinMaxScaler())]), forest[1]), 3),
    ]
    for est, n_classes in found:
        y = generator.integers(0, n_classes, 90)
        quiet(est.fit, x.copy(), y)
        fast = build(est)
        got, want = quiet(fast.predict, other.copy()), quiet(est.predict, other.copy())
        np.testing.assert_array_equal(got, want, err_msg=str(est))


def halved(x: Any) -> Any:
    """One's own function that writes into what it is given."""
    if isinstance(x, pd.DataFrame):
        x["a"] = x["a"] / 2
    else:
        x[:, 0] /= 2
    return x


def halved_copy(x: Any) -> Any:
    return halved(x.copy())


def with_ratio(x: Any) -> Any:
    """One that only adds to a frame."""
    if not isinstance(x, pd.DataFrame):
        return halved_copy(x)
    x["ratio"] = x["a"] / (x["b"].abs() + 1)
    return x[["a", "b", "ratio"]]


@examples(15)
@given(st.integers(0, 10**6))
def test_functions_that_change_rows_which_others_read_are_refused_when_they_do(seed: int) -> None:
    rng, generator = random.Random(seed), np.random.default_rng(seed)
    x = pd.DataFrame(generator.normal(size=(60, 3)).round(2), columns=["a", "b", "c"])
    y = generator.integers(0, 2, 60)
    function = rng.choice([halved, halved, halved_copy, with_ratio])
    is_frame = rng.random() < 0.5
    own: Any = FunctionTransformer(function)
    other: Any = ColumnTransformer([("m", MinMaxScaler(), ["a", "b"] if is_frame else [0, 1])])
    parts = [("own", own), ("other", other)]
    rng.shuffle(parts)
    members = [(name, make_pipeline(one, LogisticRegression())) for name, one in parts]
    kind = rng.choice(["alone", "union", "vote", "behind"])
    est = {
        "alone": make_pipeline(own, StandardScaler(), LogisticRegression()),
        "union": make_pipeline(FeatureUnion(parts), LogisticRegression()),
        "vote": VotingClassifier(members, voting="soft"),
        "behind": make_pipeline(
            StandardScaler().set_output(transform="pandas" if is_frame else "default"),
            FeatureUnion(parts),
            LogisticRegression(),
        ),
    }[kind]
    table: Any = (lambda: x.copy()) if is_frame else (lambda: x.to_numpy(copy=True))
    est.fit(table(), y)
    fast = build(est)
    # Behind a frame that set_output asks for all may be one Python step.
    is_known = function is not halved or kind == "alone"
    if kind == "behind" and is_frame:
        try:
            fast.predict_proba(table())
        except willump.UnsupportedError:
            return
        is_known = True
    if not is_known:
        with pytest.raises(willump.UnsupportedError, match="changes the rows that it is given"):
            fast.predict_proba(table())
    else:
        got, want = quiet(fast.predict_proba, table()), quiet(est.predict_proba, table())
        np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-12, err_msg=str(est))


def test_what_changes_no_rows_of_others_stays_native() -> None:
    x = np.random.default_rng(0).normal(size=(60, 4))
    y = (x[:, 0] > 0).astype(int)
    scaler = StandardScaler(copy=False)
    apart = ColumnTransformer([("a", scaler, [0, 1]), ("b", MinMaxScaler(), [2, 3])])
    behind = FeatureUnion([("a", make_pipeline(MinMaxScaler(), scaler)), ("b", "passthrough")])
    for first in (scaler, apart, behind):
        est = make_pipeline(first, LogisticRegression()).fit(x.copy(), y)
        fast = willump.compile(est, strict=True)
        np.testing.assert_allclose(fast.predict_proba(x), est.predict_proba(x.copy()), rtol=1e-9)
    shared = FeatureUnion([("a", scaler), ("b", "passthrough")]).fit(x.copy())
    with pytest.raises(willump.UnsupportedError, match="copy=False in it changes rows"):
        willump.compile(shared, strict=True)
    with pytest.raises(NotFittedError):
        willump.compile(ColumnTransformer([("a", scaler, [0]), ("b", MinMaxScaler(), [0])]))
    words = make_pipeline(TfidfVectorizer(), Normalizer(copy=False))
    texts = FeatureUnion([("a", words), ("b", TfidfVectorizer(analyzer="char"))]).fit(
        ["red fox", "sky"]
    )
    willump.compile(texts, strict=True)
