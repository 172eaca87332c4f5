"""The benchmark's other tools: set up so that they are right, and what they cannot do said."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import lightgbm
import numpy as np
import pandas as pd
import polars
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import StandardScaler


def test_scores_of_two_classes_are_those_of_the_second(bench) -> None:
    assert bench.peers.shaped([[0.2, 0.8], [0.6, 0.4]], 2).tolist() == [0.8, 0.4]
    assert bench.peers.shaped([[1.0], [2.0]], 2).tolist() == [1.0, 2.0]
    assert bench.peers.shaped(np.zeros((2, 1, 3)), 2).shape == (2, 3)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_decisions_of_a_logistic_regression_become_its_probabilities(bench, n_classes) -> None:
    rng = np.random.default_rng(0)
    x, labels = rng.normal(size=(60, 4)), np.arange(60) % n_classes
    model = LogisticRegression().fit(x, labels)
    decisions = model.decision_function(x).reshape(60, -1)
    found = bench.peers.shaped(bench.peers.probabilities(decisions), 60)
    expected = bench.peers.shaped(model.predict_proba(x), 60)
    assert found == pytest.approx(expected, abs=1e-12)


HOSTILE_TEXTS = [
    "plain words of a text",
    "two  spaces\t\tand\n tabs ",
    "##a#b## # padding's own character",
    "Größe Привет 中文字 naïve ٣٤ snake_case x² don't",
    "a",
    "",
    "  ",
    "a much longer text, so that all others are padded to its length by whatever pads them",
]


@pytest.mark.parametrize("rows", [1, 3, len(HOSTILE_TEXTS)])
@pytest.mark.parametrize("token_pattern", [r"(?u)\b\w\w+\b", r"(?u)\b\w+\b"])
def test_onnx_is_given_texts_so_that_it_is_right(bench, token_pattern, rows) -> None:
    pytest.importorskip("skl2onnx", reason="a peer: bench/requirements.txt")
    pytest.importorskip("onnxruntime", reason="a peer: bench/requirements.txt")
    words = TfidfVectorizer(lowercase=False, token_pattern=token_pattern)
    characters = TfidfVectorizer(analyzer="char", ngram_range=(2, 4))
    pipeline = make_pipeline(make_union(words, characters), LogisticRegression(C=100.0))
    labels = np.arange(len(HOSTILE_TEXTS)) % 2
    pipeline.fit(HOSTILE_TEXTS, labels)
    call = bench.onnx_peers.text_pipeline(pipeline)
    for start in range(0, len(HOSTILE_TEXTS), rows):
        asked = HOSTILE_TEXTS[start : start + rows]
        assert call(asked) == pytest.approx(pipeline.predict_proba(asked), abs=1e-5)


def forest_work(bench: SimpleNamespace) -> Any:
    """A workload that is a forest, whose features lie by columns, as a frame's do."""
    rng = np.random.default_rng(0)
    x = np.asfortranarray(rng.normal(size=(400, 6)).astype(np.float32).astype(float))
    labels = (x[:, 0] + rng.normal(size=400) > 0).astype(int)
    forest = RandomForestClassifier(8, max_leaf_nodes=16, random_state=0).fit(x, labels)
    names = [f"x{i}" for i in range(6)]
    frame = pd.DataFrame(x, columns=names)
    workload = importlib.import_module("workloads").Workload
    return workload(
        "forest", "", "binary", frame, labels, frame, labels, lambda rows: None, forest,
        lambda rows: rows[names].to_numpy(),
    )  # fmt: skip


FOREST_PEERS = {
    "onnx": "skl2onnx onnxruntime",
    "onedal": "daal4py treelite",
    "treelite": "treelite",
    "tl2cgen": "treelite tl2cgen",
    "m2cgen": "m2cgen",
    "hummingbird": "torch hummingbird",
}


@pytest.mark.parametrize("peer", FOREST_PEERS)
def test_tools_take_a_forest_and_are_right(bench, peer) -> None:
    for module in FOREST_PEERS[peer].split():
        pytest.importorskip(module, reason="a peer: bench/requirements.txt")
    work = forest_work(bench)
    scores = getattr(bench.peers, peer)(work)
    for n in (400, 7, 1):
        for start in range(0, 4 * n if n < 100 else 1, n):
            x = work.features(work.later.iloc[start : start + n])
            assert scores(x) == pytest.approx(work.model.predict_proba(x)[:, 1], abs=1e-5)


PIPELINE_PEERS = {
    "onnx": "skl2onnx onnxruntime",
    "onedal": "daal4py",
    "m2cgen": "m2cgen",
    "hummingbird": "torch hummingbird",
}


@pytest.mark.parametrize("peer", PIPELINE_PEERS)
def test_tools_take_a_scaled_regression_of_truths_and_are_right(bench, peer) -> None:
    for module in PIPELINE_PEERS[peer].split():
        pytest.importorskip(module, reason="a peer: bench/requirements.txt")
    work = forest_work(bench)
    x = work.features(work.later)
    work.model = make_pipeline(StandardScaler(), LogisticRegression()).fit(x, x[:, 0] > 0.3)
    scores = getattr(bench.peers, peer)(work)
    for n in (400, 1):
        assert scores(x[:n]) == pytest.approx(work.model.predict_proba(x[:n])[:, 1], abs=1e-5)


@pytest.mark.parametrize("peer", ["lightgbm_booster", "lleaves"])
def test_what_reads_other_trees_says_so_of_a_forest(bench, peer) -> None:
    with pytest.raises(bench.workers.CannotError, match="the model here is scikit-learn's forest"):
        getattr(bench.peers, peer)(forest_work(bench))


def test_lleaves_compiles_a_model_once(bench) -> None:
    """And never takes another's."""
    pytest.importorskip("lleaves", reason="a peer: bench/requirements.txt")
    tree_peers = importlib.import_module("tree_peers")
    work, n_before = forest_work(bench), len(list(Path(tree_peers._COMPILED.name).iterdir()))
    x = np.ascontiguousarray(work.features(work.later))
    for n_trees in (3, 3, 5):
        model = lightgbm.LGBMClassifier(n_estimators=n_trees, n_jobs=1, verbosity=-1)
        model.fit(x, work.labels)
        scores = tree_peers.lleaves_model(model, x, work.labels)
        assert scores(x) == pytest.approx(model.predict_proba(x)[:, 1], abs=1e-9)
    assert len(list(Path(tree_peers._COMPILED.name).iterdir())) == n_before + 2


def test_onnx_takes_a_forest_and_the_regression_behind_it(bench) -> None:
    pytest.importorskip("skl2onnx", reason="a peer: bench/requirements.txt")
    pytest.importorskip("onnxruntime", reason="a peer: bench/requirements.txt")
    work = forest_work(bench)
    x, others = work.features(work.later), np.random.default_rng(1).normal(size=(400, 3))
    both = np.hstack([others, work.model.predict_proba(x)])
    regression = LogisticRegression().fit(both, work.labels)
    call = bench.onnx_peers.stacked(work.model, 6, regression, 3)
    for n in (400, 1):
        expected = regression.predict_proba(both[:n])
        assert call(x[:n], others[:n]) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("name", ["instant", "product", "price"])
def test_a_workload_is_the_sum_of_its_parts(bench, monkeypatch, name) -> None:
    monkeypatch.delenv("WILLUMP_DATA", raising=False)
    workloads = importlib.import_module("workloads")
    work = workloads.load(name, True)
    rows = work.later.head(500)
    scores = workloads.true_scores(work.model, work.features(rows))
    answers = np.asarray(work.finish(scores, rows))
    assert not bench.measure.rows_off(answers, np.asarray(work.function(rows))).any()


@pytest.mark.parametrize("name", ["music", "purchase", "flights", "credit", "instant", "product"])
def test_features_by_polars_are_those_of_pandas(bench, monkeypatch, name) -> None:
    monkeypatch.delenv("WILLUMP_DATA", raising=False)
    if name == "product":
        pytest.importorskip("skl2onnx", reason="a peer: bench/requirements.txt")
        pytest.importorskip("onnxruntime", reason="a peer: bench/requirements.txt")
    work = importlib.import_module("workloads").load(name, True)
    features = work.polars()
    unknown = work.later.head(200).copy()  # what the tables have no keys of
    for column in unknown.columns:
        if name != "product" and not column.endswith(("time", "time_hour", "hour")):
            is_text = unknown[column].dtype == "str"
            unknown[column] = "?" if is_text else unknown[column] + 10_000_000
    few = importlib.import_module("lookups").FEW
    for rows in (work.later, unknown):
        for n in (2_000, few + 1, few, 1):
            given = rows.head(n)
            expected = bench.peers.dense(work.features(given)).astype(float)
            assert np.array_equal(features(polars.from_pandas(given)), expected, equal_nan=True)


@pytest.mark.parametrize("peer", ["onedal", "hummingbird"])
def test_tools_with_threads_of_their_own_have_one(bench, peer) -> None:
    for module in FOREST_PEERS[peer].split():
        pytest.importorskip(module, reason="a peer: bench/requirements.txt")
    work = forest_work(bench)
    assert bench.workers.in_child(lambda: _n_threads(bench, work, peer), 120.0) == 1


def _n_threads(bench: SimpleNamespace, work: Any, peer: str) -> int:
    """What the tool says once it has answered."""
    x = work.features(work.later)
    getattr(bench.peers, peer)(work)(x)
    if peer == "onedal":
        return int(importlib.import_module("daal4py").num_threads())
    return int(importlib.import_module("torch").get_num_threads())


def test_vectorizers_are_found_wherever_they_are(bench) -> None:
    words, letters = CountVectorizer(), TfidfVectorizer(analyzer="char")
    columns = ColumnTransformer([("a", words, "a"), ("b", make_union(letters), "b")])
    frame = pd.DataFrame({"a": ["some words", "others"], "b": ["x", "y"]})
    pipeline = make_pipeline(columns, LogisticRegression()).fit(frame, [0, 1])
    found = list(bench.onnx_peers.vectorizers_of(pipeline))
    assert [type(one) for one in found] == [CountVectorizer, TfidfVectorizer]
    assert all(hasattr(one, "vocabulary_") for one in found)


@pytest.mark.parametrize("name", ["toxic", "price", "instant"])
def test_a_pipeline_in_onnx_is_right(bench, monkeypatch, name) -> None:
    pytest.importorskip("skl2onnx", reason="a peer: bench/requirements.txt")
    pytest.importorskip("onnxruntime", reason="a peer: bench/requirements.txt")
    monkeypatch.delenv("WILLUMP_DATA", raising=False)
    work = importlib.import_module("workloads").load(name, True)
    call = work.onnx()
    odd = work.later.head(50).copy()
    for column in odd.select_dtypes("str").columns[:1]:  # two characters in Python's lower case
        odd[column] = "İ AND & " + odd[column]
    for rows in (work.later.head(500), work.later.head(1), odd):
        answers = np.asarray(call(polars.from_pandas(rows)))
        assert not bench.measure.rows_off(answers, np.asarray(work.function(rows))).any()


def test_words_that_re2_cannot_find_are_refused(bench) -> None:
    pytest.importorskip("skl2onnx", reason="a peer: bench/requirements.txt")
    words = CountVectorizer(token_pattern=r"(?<=x)\w+")
    pipeline = make_pipeline(words, LogisticRegression()).fit(["xa xb", "xb xc"], [0, 1])
    with pytest.raises(bench.workers.CannotError, match="no expression of RE2"):
        bench.onnx_peers.text_pipeline(pipeline)
