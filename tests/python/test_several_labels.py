"""Models of several labels a row, of models, and of a caller's own matrix, as the full
model of `optimize`."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import willump
from sklearn.compose import make_column_transformer
from sklearn.ensemble import (
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import TunedThresholdClassifierCV
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

COSTS = {"standardscaler-1": 1.0, "standardscaler-2": 40.0, "model": 100.0}


def rows(n: int, seed: int) -> tuple[Any, Any]:
    """Two columns that tell the labels, two that hardly do; a label of two classes, one of
    three."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 4))
    first = x[:, 0] + 0.05 * x[:, 2] > 0
    second = np.digitize(x[:, 1] + 0.05 * x[:, 3], [-0.5, 0.5])
    return x, np.column_stack([first, second])


def pipeline_of(model: Any, x: Any, y: Any) -> Any:
    blocks = make_column_transformer((StandardScaler(), [0, 1]), (StandardScaler(), [2, 3]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return make_pipeline(blocks, model).fit(x, y)


def optimized(pipeline: Any, x: Any, y: Any, fresh: Any, **options: Any) -> Any:
    given = {"target": willump.Agreement(0.8), "costs": COSTS, "duplicates": "traffic", **options}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", willump.PythonStepWarning)
        return willump.optimize(pipeline, x, y, X_cal=fresh, **given)


MODELS = [
    RandomForestClassifier(20, random_state=0),
    DecisionTreeClassifier(max_depth=6),
    KNeighborsClassifier(),
    MultiOutputClassifier(LogisticRegression()),
    MultiOutputClassifier(DecisionTreeClassifier(max_depth=6)),
    MultiOutputClassifier(SVC()),
]


@pytest.mark.parametrize("model", MODELS, ids=repr)
def test_all_labels_of_a_row_are_the_exact_ones_as_often_as_certified(model: Any) -> None:
    x, y = rows(800, 1)
    pipeline = pipeline_of(model, x, y.astype(np.int64))
    fresh, _ = rows(1500, 2)
    cascade = optimized(pipeline, x, y.astype(np.int64), fresh)
    certificate = cascade.metadata["certificate"]
    assert certificate["blocks"] == ["standardscaler-1"]
    later, _ = rows(2000, 3)
    exact, served = pipeline.predict(later), cascade.predict(later)
    assert served.dtype == exact.dtype
    assert 0.8 <= np.mean((exact == served).all(axis=1)) < 1.0
    assert cascade.stats()["stage_rows"][0] > 0
    assert list(certificate["agreement_by_class"]) == ["0", "1: 0", "1: 1", "1: 2"]


def test_a_chain_of_floats_is_several_labels_too() -> None:
    x, y = rows(800, 1)
    pipeline = pipeline_of(ClassifierChain(LogisticRegression()), x, y > 0)
    fresh, _ = rows(1500, 2)
    cascade = optimized(pipeline, x, (y > 0).astype(float), fresh)
    later, _ = rows(2000, 3)
    exact, served = pipeline.predict(later), cascade.predict(later)
    assert served.dtype == exact.dtype
    assert np.mean((exact == served).all(axis=1)) >= 0.8
    assert cascade.metadata["certificate"]["first_model"] == "MultiOutputClassifier"


@pytest.mark.parametrize("model", MODELS[:4], ids=repr)
def test_labels_of_text_are_refused_with_what_to_do(model: Any) -> None:
    x, y = rows(300, 1)
    pipeline = pipeline_of(model, x, np.where(y > 0, "yes", "no"))
    with pytest.raises(willump.UnsupportedError, match="must be numbers: encode them"):
        optimized(pipeline, x, None, rows(500, 2)[0])


@pytest.mark.parametrize("kind", ["U1", "object", "int64", "int32", "bool"])
@pytest.mark.parametrize("seed", range(2))
def test_labels_of_a_pipeline_that_does_not_know_its_width(kind: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(90, 3))
    choices = np.array(["u", "v"] if kind in ("U1", "object") else [0, 1 + 4 * seed])
    Y = choices.astype(kind)[np.stack([X[:, 0] > 0, X[:, 1] > X[:, 2]], 1).astype(int)]
    tuned = TunedThresholdClassifierCV(LogisticRegression(), cv=2)
    model = MultiOutputClassifier(make_pipeline("passthrough", tuned)).fit(X, Y)
    if kind in ("U1", "object"):
        with pytest.raises(willump.UnsupportedError, match="must be numbers"):
            willump.compile(model)
        return
    with pytest.warns(willump.PythonStepWarning):
        fast = willump.compile(model)
    expected, result = model.predict(X), fast.predict(X)
    assert result.dtype == expected.dtype
    np.testing.assert_array_equal(result, expected)


def test_labels_that_a_column_does_not_know_are_named() -> None:
    x, y = rows(800, 1)
    pipeline = pipeline_of(RandomForestClassifier(5), x, y)
    with pytest.raises(ValueError, match=r"column 1 that the pipeline does not know: \[7\]"):
        optimized(pipeline, x, np.where(y == 2, 7, y), rows(500, 2)[0])


# ---- models of models --------------------------------------------------------


def members() -> list[Any]:
    return [("near", KNeighborsClassifier()), ("line", LogisticRegression()),
            ("tree", DecisionTreeClassifier(max_depth=5, random_state=0))]  # fmt: skip


@pytest.mark.parametrize("n_native", [3, 2])
@pytest.mark.parametrize("kind", [VotingClassifier, StackingClassifier])
def test_a_vote_and_a_stack_get_a_cheap_first_stage(kind: Any, n_native: int) -> None:
    """Whether all members compile or one stays Python."""
    x, y = rows(800, 1)
    pipeline = pipeline_of(kind(members()[-n_native:]), x, y[:, 0])
    cascade = optimized(pipeline, x, y[:, 0], rows(1500, 2)[0], target=willump.Agreement(0.95))
    assert cascade.metadata["certificate"]["blocks"] == ["standardscaler-1"]
    later, _ = rows(2000, 3)
    assert np.mean(pipeline.predict(later) == cascade.predict(later)) >= 0.95


def test_members_with_features_of_their_own_are_blocks_together() -> None:
    rng = np.random.default_rng(0)

    def texts(n: int) -> tuple[list[str], Any]:
        y = rng.integers(0, 2, n)
        pairs = zip(y, rng.integers(0, 50_000, n), strict=True)
        return [f"{('bad', 'good')[label]} word{word}" for label, word in pairs], y

    x, y = texts(500)
    words = make_pipeline(CountVectorizer(), LogisticRegression())
    characters = CountVectorizer(analyzer="char", ngram_range=(1, 4))
    characters = make_pipeline(characters, LogisticRegression())
    pipeline = VotingClassifier([("w", words), ("c", characters)], voting="soft").fit(x, y)
    fresh, _ = texts(1000)
    cascade = optimized(pipeline, x, y, fresh, costs={"w": 1.0, "c": 20.0})
    assert cascade.metadata["certificate"]["blocks"] == ["w"]
    assert np.mean(pipeline.predict(fresh) == cascade.predict(fresh)) >= 0.8


# ---- the caller's own matrix ---------------------------------------------------


def test_a_python_model_of_the_callers_matrix_gets_a_first_stage() -> None:
    x, y = rows(800, 1)
    model = SVC().fit(x, y[:, 0])
    costs = {"features": 1.0, "model": 100.0}
    cascade = optimized(model, x, y[:, 0], rows(1500, 2)[0], costs=costs)
    assert cascade.metadata["certificate"]["blocks"] == ["features"]
    later, _ = rows(2000, 3)
    assert np.mean(model.predict(later) == cascade.predict(later)) >= 0.8
    one_by_one = np.concatenate([cascade.predict(later[i : i + 1]) for i in range(50)])
    assert np.array_equal(one_by_one, cascade.predict(later)[:50])


# ---- labels that are no positions ------------------------------------------------


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("model", [LogisticRegression(), DecisionTreeClassifier(max_depth=3)])
@pytest.mark.parametrize("add", [(0, 0), (0, 5), (-3, 2**40)])
def test_whole_numbers_of_any_kind_are_labels(model: Any, add: tuple[int, int]) -> None:
    x, y = rows(300, 4)
    labels = y[:, :2].astype(np.int64) * 2 + np.array(add)
    pipeline = MultiOutputClassifier(model).fit(x, labels)
    fast = willump.compile(pipeline)
    expected = pipeline.predict(x)
    for found in (fast.predict(x), willump.CompiledModel.from_bytes(fast.to_bytes()).predict(x)):
        assert found.dtype == expected.dtype
        assert np.array_equal(found, expected)


@pytest.mark.parametrize("dtype", [np.int64, np.int32])
@pytest.mark.parametrize("add", [(0, 0), (0, 5), (-3, 2**30)])
def test_labels_of_a_python_model_are_whole_numbers_of_any_kind(
    add: tuple[int, int], dtype: Any
) -> None:
    """Which its first stages may give as doubles."""
    x, y = rows(800, 1)
    labels = (y.astype(np.int64) * 2 + np.array(add)).astype(dtype)
    pipeline = pipeline_of(KNeighborsClassifier(), x, labels)
    cascade = optimized(pipeline, x, labels, rows(1500, 2)[0])
    assert cascade.metadata["certificate"]["n_wrong"] > 0
    later, _ = rows(1000, 3)
    exact, served = pipeline.predict(later), cascade.predict(later)
    assert served.dtype == exact.dtype
    assert np.mean((exact == served).all(axis=1)) >= 0.8
    stayed = np.asarray(cascade._interface.run("predict", later, stages=True)[1])
    last = cascade.explain().n_stages - 1
    assert np.array_equal(served[stayed == last], exact[stayed == last])


@pytest.mark.parametrize("model", [KNeighborsClassifier(), MODELS[0]], ids=repr)
def test_a_metric_of_several_labels_is_estimated(model: Any) -> None:
    x, y = rows(2300, 1)
    labels = (y > 0).astype(np.int64)
    pipeline = pipeline_of(model, x[:800], labels[:800])
    cascade = optimized(
        pipeline, x[:800], labels[:800], x[800:], y_cal=labels[800:],
        target=willump.Estimated("accuracy", 0.1),
    )  # fmt: skip
    assert cascade.metadata["certificate"]["loss_upper"] <= 0.1
    whole = y.astype(np.int64)
    several = pipeline_of(model, x[:800], whole[:800])
    with pytest.raises(ValueError, match="multiclass-multioutput is not supported"):
        optimized(
            several, x[:800], whole[:800], x[800:], y_cal=whole[800:],
            target=willump.Estimated("accuracy", 0.1),
        )  # fmt: skip


@pytest.mark.parametrize("model", [MODELS[0], MODELS[5]], ids=repr)
def test_several_labels_are_refitted_and_of_the_meta_estimator(model: Any) -> None:
    x, y = rows(2500, 1)
    labels = y.astype(np.int64)
    options = {"target": willump.Agreement(0.7), "duplicates": "traffic"}
    pipeline = pipeline_of(model, x[:500], labels[:500])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", willump.PythonStepWarning)
        refitted = willump.optimize(
            pipeline, x, labels, refit=True, costs=COSTS, random_state=0, **options
        )
        whole = willump.CascadeClassifier(pipeline, costs=COSTS, random_state=0, **options)
        whole.fit(x, labels)
    for cascade in (refitted, whole.cascade_):
        assert cascade.metadata["certificate"]["kind"] == "agreement"
    later, truth = rows(1000, 3)
    assert np.array_equal(whole.predict(later), whole.cascade_.predict(later))
    assert whole.predict(later).shape == truth.shape


def test_several_numbers_a_row_are_refitted_and_of_the_meta_estimator() -> None:
    x, _ = rows(2500, 1)
    numbers = x[:, :2] * 2 + 0.1 * x[:, 2:]
    pipeline = pipeline_of(RandomForestRegressor(20, random_state=0), x[:500], numbers[:500])
    target = willump.Tolerance(abs=1.0, share=0.7)
    options = {"target": target, "duplicates": "traffic", "random_state": 0}
    refitted = willump.optimize(pipeline, x, numbers, refit=True, **options)
    whole = willump.CascadeRegressor(pipeline, **options).fit(x, numbers)
    later, _ = rows(1000, 3)
    for cascade in (refitted, whole):
        assert cascade.predict(later).shape == (1000, 2)


def test_accuracy_of_several_labels_is_refused() -> None:
    x, y = rows(800, 1)
    pipeline = pipeline_of(MODELS[0], x, y.astype(np.int64))
    target = willump.Accuracy(0.1)
    with pytest.raises(ValueError, match="Accuracy is about one label a row"):
        optimized(pipeline, x, y, rows(900, 2)[0], y_cal=rows(900, 2)[1], target=target)
