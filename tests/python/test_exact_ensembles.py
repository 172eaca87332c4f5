"""Ensembles of any models, and pipelines that end in trees, are scikit-learn's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from harness import assert_same_model, build, examples, quiet
from hypothesis import given, reject
from hypothesis import strategies as st
from sklearn import ensemble as en
from sklearn import linear_model as lm
from sklearn import tree as tr
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.naive_bayes import BernoulliNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    RobustScaler,
    StandardScaler,
)
from sklearn.svm import LinearSVC
from tree_models import (
    HISTOGRAM,
    IMPUTERS,
    TREES,
    assert_bits,
    assert_native,
    sums_of,
    table,
    targets,
)
from willump import UnsupportedError
from willump.convert import convert_pipeline

pytestmark = pytest.mark.usefixtures("one_thread")


# ---- ensembles of any models -------------------------------------------------

FIRST = [
    ("tree", tr.DecisionTreeClassifier(max_depth=3)),
    ("linear", lm.LogisticRegression()),
    ("forest", en.RandomForestClassifier(3)),
    ("boosted", en.HistGradientBoostingClassifier(**HISTOGRAM)),
]
ENSEMBLES: list[Any] = [
    en.VotingClassifier(FIRST),
    en.VotingClassifier(FIRST, weights=[1, 0.5, 2, 0]),
    en.VotingClassifier(FIRST, voting="soft"),
    en.VotingClassifier([*TREES, ("gone", "drop")], voting="soft", weights=[3, 0.1, 5]),
    en.BaggingClassifier(lm.LogisticRegression(), 3, max_features=0.5),
    en.BaggingClassifier(LinearSVC(), 4),
    en.BaggingClassifier(en.RandomForestClassifier(2), 3, bootstrap_features=True),
    en.AdaBoostClassifier(lm.LogisticRegression(), n_estimators=3),
    en.AdaBoostClassifier(en.RandomForestClassifier(2, max_depth=2), n_estimators=3),
    en.StackingClassifier(FIRST, cv=2),
    en.StackingClassifier(FIRST[:2], lm.RidgeClassifier(), cv=2, passthrough=True),
    en.StackingClassifier(TREES, tr.DecisionTreeClassifier(max_depth=4), cv=2, passthrough=True),
    en.StackingClassifier(TREES, LinearSVC(), cv=2, stack_method="predict"),
    en.StackingClassifier([("svm", LinearSVC()), *TREES], cv=2, stack_method="auto"),
    OneVsRestClassifier(en.RandomForestClassifier(3)),
    OneVsRestClassifier(en.GradientBoostingClassifier(n_estimators=2)),
    OneVsOneClassifier(en.GradientBoostingClassifier(n_estimators=2)),
    CalibratedClassifierCV(en.RandomForestClassifier(3), cv=2),
    CalibratedClassifierCV(en.RandomForestClassifier(5), method="isotonic", cv=2),
    GridSearchCV(tr.DecisionTreeClassifier(), {"max_depth": [1, 3]}, cv=2),
]


@pytest.mark.parametrize("model", ENSEMBLES, ids=repr)
@examples(8, shrinks=False)
@given(st.integers(0, 2**32), st.sampled_from([2, 3]))
def test_ensembles(model: Any, seed: int, n_classes: int) -> None:
    x = np.random.default_rng(seed).normal(size=(60, 5))
    y = targets(seed, len(x), n_classes)
    try:
        est = quiet(clone(model).fit, x, y)
    except ValueError as error:
        if "worse than random" not in str(error):
            raise
        reject()
    assert_same_model(assert_native(est), est, np.concatenate([x, x[::-1] * 1.5]))


@pytest.mark.parametrize(
    "model",
    [ENSEMBLES[3], ENSEMBLES[6], ENSEMBLES[11], *ENSEMBLES[14:15]],
    ids=repr,
)
@examples(8, shrinks=False)
@given(st.integers(0, 2**32), st.sampled_from([2, 3]))
def test_ensembles_of_trees_are_their_bits(model: Any, seed: int, n_classes: int) -> None:
    x = np.random.default_rng(seed).normal(size=(60, 5))
    est = quiet(clone(model).fit, x, targets(seed, len(x), n_classes))
    assert_bits(est, x, "predict_proba")


@pytest.mark.parametrize(
    "model",
    [
        en.VotingRegressor([("t", tr.DecisionTreeRegressor()), ("l", lm.Ridge())]),
        en.VotingRegressor([("t", tr.DecisionTreeRegressor()), ("l", lm.Ridge())], weights=[2, 1]),
        en.BaggingRegressor(lm.Ridge(), 3, max_features=0.5),
        en.BaggingRegressor(en.GradientBoostingRegressor(n_estimators=2), 3),
        en.StackingRegressor([("t", tr.DecisionTreeRegressor()), ("l", lm.Ridge())], cv=2),
        en.StackingRegressor(
            [("t", tr.DecisionTreeRegressor(max_depth=2))],
            en.RandomForestRegressor(3), cv=2, passthrough=True,
        ),
    ],
    ids=repr,
)  # fmt: skip
@examples(8, shrinks=False)
@given(seed=st.integers(0, 2**32))
def test_ensembles_of_regressors(model: Any, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(60, 5))
    est = quiet(clone(model).fit, x, x[:, 0] + rng.normal(size=60))
    assert_same_model(assert_native(est), est, x[::-1] * 1.5)


def test_one_vs_one_votes_where_its_members_do() -> None:
    # Balanced classes and no split: every score is 0, which boosting calls class 1.
    x, y = np.zeros((9, 1)), np.arange(9) % 3
    est = OneVsOneClassifier(en.GradientBoostingClassifier(n_estimators=1)).fit(x, y)
    compiled = assert_native(est)
    np.testing.assert_array_equal(compiled.decision_function(x), est.decision_function(x))
    np.testing.assert_array_equal(compiled.predict(x), est.predict(x))


@pytest.mark.parametrize("model", [ENSEMBLES[0], ENSEMBLES[2], ENSEMBLES[9]], ids=repr)
def test_ensembles_that_transform(model: Any) -> None:
    x = np.random.default_rng(0).normal(size=(60, 5))
    est = quiet(clone(model).fit, x, targets(0, 60, 3))
    got, want = assert_native(est).transform(x), est.transform(x)
    np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("model", "why"),
    [
        (en.AdaBoostRegressor(lm.Ridge(), n_estimators=2), "not a plain tree"),
        (
            en.StackingClassifier(FIRST[1:2], tr.DecisionTreeClassifier(), cv=2),
            "within rounding",
        ),
        (en.VotingClassifier(FIRST[:2], weights=[1, -1]), "negative"),
        (en.BaggingClassifier(BernoulliNB(), 2), "log probabilities"),
    ],
    ids=repr,
)
def test_what_stays_python_is_refused_by_name_and_answers(model: Any, why: str) -> None:
    x = np.random.default_rng(0).normal(size=(60, 5))
    y = np.arange(60) % 3
    est = quiet(clone(model).fit, x, y)
    with pytest.raises(UnsupportedError, match=why):
        convert_pipeline(est, strict=True)
    np.testing.assert_array_equal(build(est).predict(x), quiet(est.predict, x))


# ---- pipelines ---------------------------------------------------------------


@pytest.mark.parametrize(
    "model",
    [
        tr.DecisionTreeClassifier(),
        en.RandomForestClassifier(4),
        en.GradientBoostingClassifier(n_estimators=3),
        en.HistGradientBoostingClassifier(**HISTOGRAM),
    ],
    ids=repr,
)
@examples(15, shrinks=False)
@given(
    st.integers(0, 2**32),
    st.sampled_from(IMPUTERS[:4]),
    st.sampled_from([StandardScaler(), RobustScaler(), MinMaxScaler(), "passthrough"]),
)
def test_pipelines(model: Any, seed: int, imputer: Any, scaler: Any) -> None:
    x = table(seed, missing=True, odd=False)
    x[:, 3] = np.clip(x[:, 3], -1e6, 1e6)
    pipeline = make_pipeline(imputer, scaler, model)
    est = quiet(clone(pipeline).fit, x, targets(seed, len(x), 3))
    assert_bits(est, x, "decision_function")


@pytest.mark.parametrize("vectorizer", [CountVectorizer(), TfidfVectorizer()], ids=repr)
@pytest.mark.parametrize(
    "model",
    [
        en.RandomForestClassifier(5),
        en.GradientBoostingClassifier(n_estimators=3),
        en.AdaBoostClassifier(n_estimators=4),
        en.BaggingClassifier(n_estimators=3, max_features=0.4),
    ],
    ids=repr,
)
def test_trees_of_text(model: Any, vectorizer: Any) -> None:
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(["aa", "bb", "cc", "dd", "ee"], 6)) for _ in range(50)]
    y = np.array(["u" if t.count("aa") > t.count("bb") else "v" for t in texts])
    est = make_pipeline(vectorizer, clone(model)).fit(texts, y)
    assert_bits(est, [*texts, "", "zz aa"], sums_of(model))


def test_trees_after_what_is_within_rounding_are_refused_by_name() -> None:
    texts = ["aa bb", "bb cc", "cc dd", "dd aa"] * 5
    est = make_pipeline(TfidfVectorizer(sublinear_tf=True), tr.DecisionTreeClassifier())
    with pytest.raises(UnsupportedError, match="within rounding"):
        convert_pipeline(est.fit(texts, np.arange(20) % 2), strict=True)


@examples(20, shrinks=False)
@given(seed=st.integers(0, 2**32))
def test_column_transformers_before_trees(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = pd.DataFrame(table(seed, missing=True, odd=False), columns=list("abcdef"))
    x["kind"], x["other"] = rng.integers(0, 5, len(x)), rng.choice([1.5, 2.5, np.nan], len(x))
    columns = make_column_transformer(
        (make_pipeline(SimpleImputer(), StandardScaler()), ["a", "c", "f"]),
        (OneHotEncoder(handle_unknown="ignore"), ["kind"]),
        (OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), ["other"]),
        ("passthrough", ["b"]),
    )
    est = make_pipeline(columns, en.RandomForestClassifier(4, random_state=seed % 2**32))
    quiet(est.fit, x, targets(seed, len(x), 3))
    more = x.copy()
    more.loc[:5, "kind"] = 77
    assert_bits(est, more, "predict_proba")
