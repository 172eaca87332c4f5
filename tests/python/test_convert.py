"""Graphs mean what docs/graph.md says: a second interpreter agrees with the core."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from graph_interpreter import Interpreter
from harness import METHODS, build, quiet
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import (
    AdaBoostClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    VotingClassifier,
)
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.naive_bayes import BernoulliNB, MultinomialNB
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import MaxAbsScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier
from test_exact_models import labelled
from willump._graph import GraphBuilder, Stage
from willump.convert import convert_pipeline, support_table

MODELS = [
    LogisticRegression(),
    LinearSVC(),
    SGDClassifier(loss="modified_huber", random_state=0),
    BernoulliNB(),
    OneVsRestClassifier(MultinomialNB()),
    OneVsOneClassifier(LinearSVC()),
    CalibratedClassifierCV(LinearSVC(), method="isotonic", cv=2),
    CalibratedClassifierCV(LinearSVC(), method="temperature", cv=2),
]


@pytest.mark.parametrize("model", MODELS, ids=repr)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_interpreter_and_the_core_agree(model: Any, n_classes: int) -> None:
    texts, y = labelled(n_classes, n_classes, "str")
    union = FeatureUnion(
        [
            ("words", TfidfVectorizer(sublinear_tf=True)),
            ("hashes", HashingVectorizer(n_features=64, analyzer="char_wb", ngram_range=(1, 3))),
        ]
    )
    if "NB" in repr(model):
        union.set_params(hashes=CountVectorizer(analyzer="char"))
    pipeline = quiet(make_pipeline(union, MaxAbsScaler(), clone(model)).fit, texts, y)
    values = quiet(Interpreter(convert_pipeline(pipeline)).run, texts)
    compiled = build(pipeline)
    for method, output in METHODS.items():
        if output in values:
            want = values[output].toarray() if sp.issparse(values[output]) else values[output]
            got = quiet(getattr(compiled, method), texts).reshape(want.shape)
            np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-12)


TREES = [
    HistGradientBoostingClassifier(
        max_iter=4, min_samples_leaf=3, categorical_features=[1], early_stopping=False
    ),
    VotingClassifier([("a", RandomForestClassifier(3)), ("b", DecisionTreeClassifier())]),
    make_pipeline(SimpleImputer(add_indicator=True), AdaBoostClassifier(n_estimators=3)),
    make_pipeline(SimpleImputer(missing_values=2.0), GradientBoostingRegressor(n_estimators=3)),
]


@pytest.mark.parametrize("model", TREES, ids=repr)
def test_the_interpreter_and_the_core_agree_on_trees(model: Any) -> None:
    rng = np.random.default_rng(0)
    x = np.round(rng.normal(size=(50, 3)), 1)
    x[:, 1] = rng.integers(0, 5, 50)
    if "missing_values" not in repr(model):
        x[rng.random(x.shape) < 0.1] = np.nan
    fitted = quiet(clone(model).fit, x, np.arange(50) % 3)
    more = np.concatenate([x, np.nextafter(x, np.inf), np.nextafter(x, -np.inf), -x])
    values = Interpreter(convert_pipeline(fitted, strict=True)).run(more)
    compiled = build(fitted)
    for output, method in (("decision", "decision_function"), ("prediction", "predict")):
        if output in values:
            got = getattr(compiled, method)(more).reshape(values[output].shape)
            np.testing.assert_array_equal(got, values[output])
    if "label" in values:
        labels = fitted.classes_[values["label"].ravel()]
        np.testing.assert_array_equal(compiled.predict(more), labels)


def test_converting_leaves_the_estimator_as_it_was() -> None:
    vectorizer = CountVectorizer(vocabulary=["a", "b"], stop_words=["c"])
    before = dict(vars(vectorizer))
    convert_pipeline(vectorizer)
    assert vars(vectorizer) == before


def test_equal_nodes_and_tensors_are_written_once() -> None:
    builder = GraphBuilder()
    x = builder.node("input", (), {"kind": "matrix", "n_features": 20})
    scaled = [builder.node("scale", (x,), {"divide": np.arange(1.0, 21.0)}) for _ in range(2)]
    builder.node("scale", (x,), {"divide": np.ones(20)})
    rendered = builder.render([Stage({"features": scaled[1]})])
    assert scaled[0] == scaled[1]
    assert rendered.text.count("scale(") == 1
    assert list(rendered.tensors) == ["scale.divide"]


def test_attributes_keep_every_bit_and_character() -> None:
    builder = GraphBuilder()
    node = builder.node(
        "input",
        (),
        {"kind": "text", "name": 'a "quoted" {name}, é\n', "x": 0.1 + 0.2, "y": float("-inf")},
    )
    text = builder.render([Stage({"out": node})]).text
    assert '"a \\"quoted\\" {name}, \\u00e9\\n"' in text
    assert "x=0.30000000000000004, y=-inf" in text


def test_the_support_table_names_every_converter() -> None:
    table = support_table()
    for name in (
        "TfidfVectorizer",
        "ColumnTransformer",
        "LogisticRegression",
        "OneVsOneClassifier",
        "RandomForestClassifier",
        "StackingRegressor",
    ):
        assert f".{name}`" in table
