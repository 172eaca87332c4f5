"""The benchmark's own functions: what it calls wrong, slower or broken, and that a crash of
one candidate is that candidate's row and no more."""

from __future__ import annotations

import copy
import importlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
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

BENCH = Path(__file__).parents[2] / "bench"
MODULES = (
    "harness figures workers plots report regression run paper_rule queries measure peers "
    "candidates onnx_peers"
)


@pytest.fixture(scope="module")
def bench() -> Iterator[SimpleNamespace]:
    """Its modules. One has the name of a module of these tests, so both are put back."""
    shadowed = {name: sys.modules.pop(name, None) for name in MODULES.split()}
    path = list(sys.path)
    sys.path.insert(0, str(BENCH))
    try:
        yield SimpleNamespace(**{name: importlib.import_module(name) for name in MODULES.split()})
    finally:
        sys.path[:] = path
        for name, module in shadowed.items():
            sys.modules.pop(name, None)
            if module is not None:
                sys.modules[name] = module


def entry(role: str, speed: float, **more: Any) -> dict[str, Any]:
    """A candidate that is so many times as fast as plain Python."""
    wobble = np.array([1.0, 1.01, 0.99, 1.02, 0.98])
    return {
        "role": role,
        "status": "ok",
        "off": {"100": [0, 100], "1000": [0, 1_000], "one row": [0, 50]},
        "build_seconds": 0.5,
        "batch_seconds": {str(n): list(n * 1e-5 / speed * wobble) for n in (100, 1_000)},
        "row_seconds": list(1e-3 / speed * np.tile(wobble, 10)),
        **more,
    }


CERTIFICATE = {
    "blocks": ["words"],
    "share_leaving": 0.8,
    "expected_cost": 50.0,
    "exact_cost": 100.0,
    "curve": [
        {"share_leaving": 0.5, "share_wrong": 0.0, "cost": 70.0},
        {"share_leaving": 1.0, "share_wrong": 0.02, "cost": 40.0},
    ],
}
UNTOUCHED = {"n_rows": 500, "n_broken": 3, "missed": False, "beyond_chance": False}


@pytest.fixture
def content() -> dict[str, Any]:
    """What a run might have found."""
    work = {
        "title": "rows: a model",
        "kind": "binary",
        "data": "registry",
        "n_train": 10,
        "n_later": 1_000,
        "n_fresh": 500,
        "n_features": 3,
        "sizes": [100, 1_000],
        "rows_of_a_turn": 5,
        "paper": {"compiled": 15.0},
        "candidates": {
            "plain Python": entry("plain", 1.0),
            "Willump": entry("willump", 100.0, artifact_bytes=1_000_000, load_seconds=0.001),
            "cascade, Agreement(0.99)": entry(
                "cascade",
                200.0,
                target="Agreement(0.99)",
                certificate=CERTIFICATE,
                untouched=dict(UNTOUCHED),
            ),
            "right": entry("peer", 10.0),
            "wrong": entry("peer", 1_000.0, status="wrong", reason="5 %", off={"1000": [5, 1_000]}),
            "gone": {"role": "peer", "status": "missing", "reason": "No module named 'gone'"},
        },
        "queries": [
            {
                "k": 20,
                "query_rows": 100,
                "status": "ok",
                "blocks": ["words"],
                "recalls": [1.0, 0.95],
                "n_queries": 2,
                "n_missed": 0,
                "beyond_chance": False,
                "vs_exact": [2.0, 1.9, 2.1, 7],
                "vs_plain": [90.0, 80.0, 99.0, 7],
            },
            {"k": 1_000, "query_rows": 0, "status": "cannot", "reason": "too few rows"},
        ],
        "paper_rule": {"status": "cannot", "reason": "no cheap block"},
    }
    machine = {"cpu": "a CPU", "cores": 2, "isa": ["x86_64"], "python": "3.11", "packages": {}}
    return {
        "machine": machine,
        "is_quick": True,
        "workloads": {"toxic": work, "music": {"error": "no such file"}},
        "vocabulary": [{"n_terms": 1_000, "ratio": [3.0, 2.9, 3.1, 7]}],
    }


# ---- ratios ----------------------------------------------------------------------


def test_an_interval_is_of_the_order_statistics(bench) -> None:
    slow = [float(i) for i in np.random.default_rng(0).permutation(np.arange(1, 16))]
    assert bench.harness.interval(slow, [1.0] * 15) == [8.0, 4.0, 12.0, 15]
    assert bench.harness.interval(slow, [2.0] * 15, 2.0) == [8.0, 4.0, 12.0, 15]
    assert bench.harness.interval([3.0, 1.0, 2.0], [1.0] * 3) == [2.0, 1.0, 3.0, 3]


@pytest.mark.parametrize("n", [6, 7, 8, 9, 15, 30])
def test_an_interval_covers_the_median_at_its_rate(bench, n) -> None:
    rng = np.random.default_rng(n)
    each = [bench.harness.interval(list(x), [1.0] * n) for x in rng.lognormal(size=(2_000, n))]
    covered = np.mean([low <= 1.0 <= high for _, low, high, _ in each])
    assert n >= bench.harness.FEWEST_ROUNDS
    assert covered > 0.95 - 3.5 * np.sqrt(0.95 * 0.05 / 2_000)


def test_of_few_rounds_the_page_names_their_number(bench) -> None:
    assert bench.report.times([12.3, 11.9, 12.6, 7]) == "12.3x (11.9 to 12.6)"
    assert bench.report.times([12.3, 11.9, 12.6, 3]) == "12.3x (3 rounds, 11.9 to 12.6)"


def test_one_rows_interval_is_of_turns_not_of_rows(bench, content) -> None:
    """Rows of a turn share the machine's moment: ten turns at two speeds are ten rounds."""
    work = content["workloads"]["toxic"]
    slow = np.array(work["candidates"]["plain Python"]["row_seconds"])
    moments = np.repeat([1.0, 2.0], 5)[[0, 5, 1, 6, 2, 7, 3, 8, 4, 9]]
    work["candidates"]["Willump"]["row_seconds"] = list(slow / 100.0 / np.repeat(moments, 5))
    middle, low, high, rounds = bench.figures.row_ratio(work, "Willump")
    assert (middle, low, high) == pytest.approx((150.0, 100.0, 200.0))
    assert rounds == 10
    del work["rows_of_a_turn"]  # as older files are
    assert bench.figures.row_ratio(work, "Willump")[3] == 1


def test_the_page_tells_how_many_rows_take_turns(bench, content) -> None:
    assert "in turns of 5 rows" in bench.report.page_of(content, [], "plots")
    content["workloads"] = {}
    assert "in turns of some rows" in bench.report.page_of(content, [], "plots")


def test_the_fastest_peer_is_one_that_is_right(bench, content) -> None:
    name, ratio = bench.figures.fastest_peer(content["workloads"]["toxic"])
    assert name == "right"
    assert ratio[0] == pytest.approx(10.0)


def test_plain_python_is_the_fastest_where_no_peer_is_right(bench, content) -> None:
    work = content["workloads"]["toxic"]
    work["candidates"]["right"]["is_other_model"] = True
    assert bench.figures.fastest_peer(work)[0] == "plain Python"


# ---- answers ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answers", "truth", "off"),
    [
        ([0.5, 0.5], [0.5, 0.5 + 9e-5], [False, False]),
        ([0.5, 0.5], [0.5, 0.5 + 2e-4], [False, True]),
        ([100.0], [100.005], [False]),
        ([100.0], [100.02], [True]),
        ([np.nan], [0.5], [True]),
        ([[0.0, 1.0], [1.0, 0.0]], [[0.0, 1.0], [0.0, 1.0]], [False, True]),
        (["a", "b"], ["a", "c"], [False, True]),
    ],
)
def test_rows_are_off_by_more_than_one_in_ten_thousand(bench, answers, truth, off) -> None:
    assert bench.measure.rows_off(np.array(answers), np.array(truth)).tolist() == off


def test_answers_of_another_shape_are_no_answers(bench) -> None:
    with pytest.raises(bench.workers.WorkerError, match="shape"):
        bench.measure.rows_off(np.zeros(3), np.zeros(4))


@pytest.mark.parametrize("answers", [["0.5"], [None], [b"x"]])
def test_texts_and_objects_are_no_answers(bench, answers) -> None:
    for kind in (None, object):
        with pytest.raises(bench.workers.WorkerError, match=r"shape|type"):
            bench.measure.rows_off(np.array(answers, kind), np.array([0.5]))


def misbehaves(how: str) -> Any:
    """A call of rows that plain Python sums: 0.5 each."""
    n_calls = 0

    def call(rows: np.ndarray) -> Any:
        nonlocal n_calls
        n_calls += 1
        answers = rows.sum(axis=1)
        if how == "texts":
            return answers.astype(str)
        if how == "objects":
            return [object()] * len(rows)
        if how == "nothing":
            return None
        if how == "wrong later" and n_calls > 1:
            return answers + 0.01
        if how == "wrong for one row" and len(rows) == 1:
            return answers + 0.01
        if how == "wrong for a hundred" and len(rows) == 100:
            return answers + 0.01
        if how == "two answers to one row" and len(rows) == 1:
            return np.repeat(answers, 2)
        if how == "crash later" and n_calls > 2:
            os.kill(os.getpid(), signal.SIGSEGV)
        if how == "raise later" and n_calls > 2:
            raise ValueError("enough")
        return answers

    return call


def compared(bench: SimpleNamespace, *candidates: Any) -> Any:
    """A comparison of these on a thousand rows, some of them one by one."""
    rows = pd.DataFrame({"a": np.full(2_000, 0.25), "b": np.full(2_000, 0.25)})
    work = SimpleNamespace(later=rows, features=lambda frame: frame.to_numpy())
    comparison = bench.measure.Comparison(work, is_quick=True)
    comparison.start(list(candidates))
    try:
        comparison.time_all()
    finally:
        comparison.stop()
    return comparison


def candidate(bench: SimpleNamespace, name: str, role: str, call: Any) -> Any:
    def build() -> Any:
        return bench.workers.Engine(call, prepare=lambda frame: frame.to_numpy())

    return bench.candidates.Candidate(name, role, build)


@pytest.mark.parametrize(
    ("how", "status", "reason"),
    [
        ("texts", "failed", "type <U"),
        ("objects", "failed", "type object"),
        ("nothing", "failed", r"shape \(\), not"),
        ("crash later", "crashed", "SIGSEGV"),
        ("raise later", "failed", "enough"),
        ("wrong later", "wrong", "100 rows a call: 100 of 100 off"),
        ("wrong for one row", "wrong", "^one row: 145 of 145 off"),
        ("wrong for a hundred", "wrong", "^100 rows a call: 100 of 100 off"),
        ("two answers to one row", "failed", "one row: "),
    ],
)
def test_what_misbehaves_is_a_row_and_no_more(bench, how, status, reason) -> None:
    found = compared(
        bench,
        candidate(bench, "plain Python", "plain", misbehaves("not")),
        candidate(bench, "odd", "peer", misbehaves(how)),
        candidate(bench, "right", "peer", misbehaves("not")),
    ).found
    assert (found["plain Python"]["status"], found["right"]["status"]) == ("ok", "ok")
    assert found["odd"]["status"] == status
    assert re.search(reason, found["odd"]["reason"])
    assert "row_seconds" in found["right"]


def test_every_way_to_give_one_row_is_compared_and_timed(bench) -> None:
    def call(rows: Any) -> np.ndarray:
        if isinstance(rows, dict):
            return np.array([rows["a"] + rows["b"] + rows.get("odd", 0.01)])
        return rows.to_numpy().sum(axis=1)

    def build() -> Any:
        entries = {"a dict": bench.candidates.one_row}
        entries["good"] = lambda row: {**bench.candidates.one_row(row), "odd": 0.0}
        return bench.workers.Engine(call, row_entries=entries)

    ours = bench.candidates.Candidate("Willump", "willump", build)
    found = compared(bench, candidate(bench, "plain Python", "plain", misbehaves("not")), ours)
    status = {name: told["status"] for name, told in found.found.items() if "Will" in name}
    assert status == {"Willump": "ok", "Willump, a dict": "wrong", "Willump, good": "ok"}
    assert found.found["Willump, a dict"]["off"] == {"one row": [145, 145]}
    assert len(found.found["Willump, good"]["row_seconds"]) == 145


def test_a_cascade_answers_one_row_as_it_answers_a_batch(bench) -> None:
    def call(rows: np.ndarray) -> np.ndarray:
        return rows.sum(axis=1) + (0.3 if len(rows) == 1 else 0.2)

    plain = candidate(bench, "plain Python", "plain", misbehaves("not"))
    found = compared(bench, plain, candidate(bench, "cascade", "cascade", call)).found
    assert found["cascade"]["status"] == "wrong"
    assert found["cascade"]["reason"].startswith("one row: 145 of 145")


@pytest.mark.parametrize(("is_quick", "rounds"), [(True, 3), (False, 6)])
def test_slow_calls_take_as_many_turns_as_the_set_wants(bench, is_quick, rounds) -> None:
    rows = pd.DataFrame({"a": np.zeros(200)})
    work = SimpleNamespace(later=rows, features=lambda frame: frame.to_numpy())
    comparison = bench.measure.Comparison(work, is_quick)
    comparison.budget = 0.0
    comparison.start([candidate(bench, "plain Python", "plain", lambda x: x.sum(axis=1))])
    try:
        taken = comparison.take_turns("time_batch", "100", ["plain Python"])
    finally:
        comparison.stop()
    assert len(taken["plain Python"]) == rounds


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


# ---- workers ----------------------------------------------------------------------


def test_a_crash_is_the_reason_and_no_more(bench) -> None:
    with pytest.raises(bench.workers.WorkerError) as caught:
        bench.workers.in_child(lambda: os.kill(os.getpid(), signal.SIGSEGV), 30.0)
    assert (caught.value.kind, caught.value.reason) == ("crashed", "ended by SIGSEGV")


def test_what_ends_early_tells_its_last_words(bench) -> None:
    def job() -> None:
        print("the last words", flush=True)
        os._exit(3)

    with pytest.raises(bench.workers.WorkerError, match="code 3: the last words"):
        bench.workers.in_child(job, 30.0)


def test_what_hangs_is_ended(bench) -> None:
    with pytest.raises(bench.workers.WorkerError) as caught:
        bench.workers.in_child(lambda: time.sleep(60), 0.5)
    assert caught.value.kind == "too slow"


def test_what_a_worker_has_started_ends_with_it(bench, tmp_path) -> None:
    told = tmp_path / "pid"

    def job() -> None:
        told.write_text(str(subprocess.Popen(["sleep", "60"]).pid))
        time.sleep(60)

    with pytest.raises(bench.workers.WorkerError, match="no answer"):
        bench.workers.in_child(job, 5.0)
    state = Path(f"/proc/{told.read_text()}/stat")
    deadline = time.monotonic() + 10
    while state.exists() and state.read_text().split()[2] != "Z" and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not state.exists() or state.read_text().split()[2] == "Z"


def test_a_worker_ends_with_its_parent_whatever_it_does(bench, tmp_path) -> None:
    told = tmp_path / "pid"
    code = f"""
import os, pathlib, sys, time
sys.path.insert(0, {str(BENCH)!r})
import workers

def job():
    pathlib.Path({str(told)!r} + "_").write_text(str(os.getpid()))
    os.rename({str(told)!r} + "_", {str(told)!r})
    time.sleep(60)

workers.in_child(job, 60.0)
"""
    parent = subprocess.Popen([sys.executable, "-c", code])
    deadline = time.monotonic() + 30
    while not told.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    parent.kill()
    parent.wait()
    state = Path(f"/proc/{told.read_text()}/stat")
    while state.exists() and state.read_text().split()[2] != "Z" and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not state.exists() or state.read_text().split()[2] == "Z"


def test_garbage_before_a_crash_is_told_as_it_is(bench) -> None:
    def job() -> None:
        os.write(2, b"\xff\xfe last\n")
        os._exit(3)

    with pytest.raises(bench.workers.WorkerError, match=r"code 3: .* last"):
        bench.workers.in_child(job, 30.0)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ImportError("no such tool"), "missing"),
        (NotImplementedError("no such model"), "cannot"),
        (ValueError("odd\nand long"), "failed"),
    ],
)
def test_an_error_says_what_it_means_for_the_row(bench, error, kind) -> None:
    def job() -> None:
        raise error

    with pytest.raises(bench.workers.WorkerError) as caught:
        bench.workers.in_child(job, 30.0)
    assert caught.value.kind == kind
    assert str(error).splitlines()[0] in caught.value.reason


def test_a_worker_answers_and_times(bench) -> None:
    engine = bench.workers.Engine(call=np.sum, prepare=lambda x: x + 1)
    inputs = bench.workers.Inputs({"two": np.zeros(2)}, [np.zeros(1)] * 5)
    worker = bench.workers.Worker(lambda: engine, inputs)
    try:
        assert worker.ask(30.0, "build")["has_model"] is False
        assert worker.ask(30.0, "call", "two") == 2.0
        assert worker.ask(30.0, "time_batch", "two", 3) > 0.0
        assert worker.ask(30.0, "last_answers") == 2.0
        seconds, answers = worker.ask(30.0, "time_rows", "", 1, 4, 1)
        assert (len(seconds), answers.tolist()) == (3, [[1.0]] * 3)
    finally:
        worker.stop()


# ---- the paper's rule, and queries ---------------------------------------------------


def test_the_papers_rule_takes_the_lowest_threshold_that_loses_little(bench) -> None:
    confidence = np.repeat([0.65, 0.95], 500)
    full = np.ones(1_000, bool)
    assert bench.paper_rule.paper_threshold(confidence, full, full) == 0.6
    small = confidence > 0.9  # wrong where it is not sure
    assert bench.paper_rule.paper_threshold(confidence, small, full) == 0.7


def test_the_certificate_refuses_what_too_few_rows_tell(bench) -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 4_000)
    certified = bench.paper_rule.certified_threshold
    confidence = rng.uniform(0.5, 1.0, 4_000)
    assert certified(confidence, labels, labels, labels, 0) is not None
    few = slice(500)
    assert certified(confidence[few], labels[few], labels[few], labels[few], 0) is None


@pytest.mark.parametrize(
    ("later", "fresh"),
    [
        (6_177, 3_088),
        (16_000, 8_000),
        (17_000, 7_000),
        (18_993, 8_993),
        (20_000, 10_000),
        (41_895, 20_947),
        (300_000, 30_000),
    ],
)
def test_enough_rows_stay_for_the_largest_batch(bench, later, fresh) -> None:
    assert bench.candidates.n_fresh(SimpleNamespace(later=range(later))) == fresh


def test_queries_are_as_large_as_the_rows_allow(bench) -> None:
    assert bench.queries.query_size(12_000, 20) == 140
    assert bench.queries.query_size(12_000, 100) == 0
    assert bench.queries.query_size(10_000_000, 20) == 10_000


# ---- the page ------------------------------------------------------------------------


def test_the_page_marks_what_is_wrong_and_names_what_is_missing(bench, content) -> None:
    page = bench.report.page_of(content, [("rows.svg", "Rows")], "benchmarks")
    assert "wrong (**wrong**)" in page
    assert "- wrong: wrong: 5 %" in page
    assert "gone: missing: No module named 'gone'" in page
    assert "not measured: no such file" in page
    assert "right: 10.0x" in page  # ours over the fastest that is right
    assert "![Rows](benchmarks/rows.svg)" in page
    assert "/" not in page.split("Measured on")[1].split("\n")[0]


def test_the_page_marks_what_broke_after_its_first_times(bench, content) -> None:
    right = content["workloads"]["toxic"]["candidates"]["right"]
    right |= {"status": "crashed", "reason": "ended by SIGSEGV"}
    page = bench.report.page_of(content, [], "plots")
    assert "| right (**crashed**) |" in page
    assert "- right: crashed: ended by SIGSEGV" in page
    assert "right: 10.0x" not in page


def test_the_page_says_which_workloads_are_not_there(bench, content) -> None:
    page = bench.report.page_of(content, [], "plots")
    assert "**Not in these results**: product, price" in page
    one = content["workloads"]["toxic"]
    content["workloads"] = dict.fromkeys(importlib.import_module("workloads").NAMES, one)
    assert "Not in these results" not in bench.report.page_of(content, [], "plots")


def in_short(bench: SimpleNamespace, content: dict[str, Any]) -> list[str]:
    """The cells of the summary's line of toxic."""
    lines = bench.report.summary_part(content).splitlines()
    line = next(line for line in lines if line.startswith("| toxic |"))
    return [part.strip() for part in line.strip("|").split("|")]


def test_the_summary_names_the_batch_and_what_the_quick_set_leaves_out(bench, content) -> None:
    late = {"role": "peer", "status": "left out", "reason": "takes long to make"}
    content["workloads"]["toxic"]["candidates"]["slow"] = late
    page = bench.report.page_of(content, [], "plots")
    assert "take long to make (slow)" in page
    assert "over the fastest right peer of the quick set" in page
    assert in_short(bench, content)[1] == "1,000"
    content["is_quick"] = False
    assert "quick set" not in bench.report.page_of(content, [], "plots")


@pytest.mark.parametrize("status", ["wrong", "crashed", "too slow"])
def test_the_summary_has_no_speed_of_ours_that_broke(bench, content, status) -> None:
    candidates = content["workloads"]["toxic"]["candidates"]
    speeds = [shown.split("x ")[0] for shown in in_short(bench, content)[2:6]]
    assert speeds == ["100", "Agreement(0.99): 200", "100", "right: 10.0"]
    candidates["Willump"] |= {"status": status, "reason": "why"}
    candidates["cascade, Agreement(0.99)"] |= {"status": status, "reason": "why"}
    broken = f"**{status}**"
    assert in_short(bench, content)[2:7] == [broken, broken, broken, "-", "-"]


def test_the_summary_has_no_speed_of_a_cascade_whose_certificate_broke(bench, content) -> None:
    candidates = content["workloads"]["toxic"]["candidates"]
    candidates["cascade, Agreement(0.99)"]["untouched"] |= {"missed": True, "beyond_chance": True}
    assert in_short(bench, content)[3] == "**certificate broken beyond chance**"
    page = bench.report.page_of(content, [], "plots")
    assert "cascade, Agreement(0.99) (**certificate broken beyond chance**)" in page
    content["workloads"]["toxic"]["queries"][0] |= {"n_missed": 2, "beyond_chance": True}
    assert "2 of 2, **beyond chance**" in bench.report.page_of(content, [], "plots")


def test_the_page_says_why_a_part_is_missing(bench, content) -> None:
    candidates = content["workloads"]["toxic"]["candidates"]
    candidates["Willump"]["counts_skipped"] = {"status": "failed", "reason": "no valgrind"}
    candidates["Willump"]["where"] = {"status": "crashed", "reason": "in the trace"}
    content["vocabulary"] = {"error": "differs"}
    page = bench.report.page_of(content, [], "plots")
    assert "- Instructions: failed: no valgrind" in page
    assert "- Where the time goes: crashed: in the trace" in page
    assert "- Scaling with the vocabulary: not measured: differs" in page
    ours, others = bench.run.problems_of(content)
    assert "toxic: instructions: no valgrind" in others
    assert "toxic: where the time goes: in the trace" in ours
    candidates["plain Python"] |= {"status": "too slow", "reason": "no answer within 300 s"}
    assert in_short(bench, content)[1] == "plain Python: too slow: no answer within 300 s"


def test_the_page_shows_where_the_time_goes(bench, content) -> None:
    ours = content["workloads"]["toxic"]["candidates"]["Willump"]
    ours["where"] = {"nanoseconds": 50.0, "n_rows": 10, "operators": {"trees": 40.0, "others": 10}}
    page = bench.report.page_of(content, [], "plots")
    assert "Compiled: 50 ns a row, in one call of 10 rows." in page
    assert "| trees | 40.0 | 80% |" in page


def test_the_page_is_the_same_for_the_same_results(bench, content, tmp_path) -> None:
    drawn = []
    for name in ("one", "two"):
        bench.plots.draw(copy.deepcopy(content), tmp_path / name)
        drawn.append({p.name: p.read_bytes() for p in (tmp_path / name).iterdir()})
    assert drawn[0] == drawn[1]
    assert len(drawn[0]) == len(bench.plots.PLOTS) + 1


def test_plots_mark_what_is_another_model(bench) -> None:
    peer = entry("peer", 10.0)
    assert bench.plots.shown("tool", peer) == "tool"
    assert bench.plots.shown("tool", {**peer, "is_other_model": True}) == "tool (its own model)"
    assert bench.plots.shown("tool", {**peer, "status": "wrong"}) == "tool (wrong)"


def test_a_plot_of_nothing_is_left_out(bench, content, tmp_path) -> None:
    del content["vocabulary"], content["workloads"]["toxic"]
    assert bench.plots.draw(content, tmp_path) == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["plain Python", "Willump", "right"])
def test_what_failed_is_drawn_nowhere_and_hinders_nothing(bench, content, tmp_path, name) -> None:
    candidates = content["workloads"]["toxic"]["candidates"]
    role = candidates[name]["role"]
    candidates[name] = {"role": role, "status": "failed", "reason": "why"}
    drawn = bench.plots.draw(content, tmp_path)
    assert f"- {name}: failed: why" in bench.report.page_of(content, drawn, "plots")
    files = [file for file, _ in drawn]
    assert ("rows.svg" in files) == (name == "right")
    assert ("throughput.svg" in files) == (name != "plain Python")


def test_certificates_of_every_kind_are_drawn(bench, content, tmp_path) -> None:
    candidates = content["workloads"]["toxic"]["candidates"]
    told = candidates.pop("cascade, Agreement(0.99)")
    assert "cascades.svg" not in [file for file, _ in bench.plots.draw(content, tmp_path)]
    for curve in ("none", told["certificate"]["curve"]):
        other = copy.deepcopy(told)
        other["certificate"] |= {"curve": curve, "kind": "accuracy"}
        candidates[f"cascade, {len(curve)}"] = other
    assert "cascades.svg" in [file for file, _ in bench.plots.draw(content, tmp_path)]


# ---- what got worse ------------------------------------------------------------------


def test_the_same_results_are_no_regression(bench, content) -> None:
    assert bench.regression.compare(content, content, 0.1) == []


def test_a_slower_call_and_a_larger_file_are_regressions(bench, content) -> None:
    new = copy.deepcopy(content)
    ours = new["workloads"]["toxic"]["candidates"]["Willump"]
    ours["batch_seconds"]["1000"] = [2 * s for s in ours["batch_seconds"]["1000"]]
    ours["artifact_bytes"] *= 2
    found = bench.regression.compare(content, new, 0.1)
    assert [line[2] for line in found] == ["1,000 rows", "artifact"]
    assert bench.regression.compare(new, content, 0.1) == []


def test_a_cascade_that_gained_nothing_is_no_loss(bench, content) -> None:
    after = copy.deepcopy(content)
    refused = {"role": "cascade", "status": "cannot", "reason": "measured, it takes more"}
    after["workloads"]["toxic"]["candidates"]["cascade, Agreement(0.99)"] = refused
    before = content["workloads"]["toxic"]["candidates"]
    speed = {key: before["Willump"][key] for key in ("batch_seconds", "row_seconds")}
    before["cascade, Agreement(0.99)"] |= speed
    assert not bench.regression.compare(content, after, 0.1)
    quicker = {n: [0.8 * s for s in taken] for n, taken in speed["batch_seconds"].items()}
    before["cascade, Agreement(0.99)"]["batch_seconds"] = quicker
    worse = bench.regression.compare(content, after, 0.1)
    assert ["toxic", "cascade, Agreement(0.99)", "status", "ok", "cannot"] in worse


def test_what_goes_with_a_refused_cascade_that_gained_nothing_is_no_loss(bench, content) -> None:
    before, after = content, copy.deepcopy(content)
    work = before["workloads"]["toxic"]
    told = work["candidates"]["cascade, Agreement(0.99)"]
    told["batch_seconds"] = work["candidates"]["Willump"]["batch_seconds"]
    work["candidates"]["cascade, Agreement(0.99), a dict"] = entry("cascade", 300.0)
    work["queries"][0]["vs_exact"] = [1.05, 0.9, 1.2, 7]
    refused = {"role": "cascade", "status": "cannot", "reason": "measured, it takes more"}
    new = after["workloads"]["toxic"]
    new["candidates"]["cascade, Agreement(0.99)"] = refused
    new["queries"][0] = {"k": 20, "status": "cannot", "reason": "no filter is cheaper"}
    assert not bench.regression.compare(before, after, 0.1)
    new["queries"][0]["status"] = "crashed"
    assert [line[2] for line in bench.regression.compare(before, after, 0.1)] == ["top 20"]
    new["queries"][0]["status"] = "cannot"
    work["queries"][0]["vs_exact"] = [1.5, 1.4, 1.6, 7]
    assert [line[2] for line in bench.regression.compare(before, after, 0.1)] == ["top 20"]


@pytest.mark.parametrize(("peers", "worse"), [(1.0, True), (1.02, True), (1.2, False)])
def test_the_slack_is_what_the_peers_vary_by(bench, content, peers, worse) -> None:
    """A call that takes a quarter more, where other tools take so much more."""
    new = copy.deepcopy(content)
    for name, factor in (("Willump", 1.25), ("right", peers), ("wrong", 9.0)):
        taken = new["workloads"]["toxic"]["candidates"][name]["batch_seconds"]
        taken["1000"] = [factor * seconds for seconds in taken["1000"]]
    found = bench.regression.compare(content, new, 0.1)
    assert (["toxic", "Willump", "1,000 rows"] in [line[:3] for line in found]) == worse


def test_a_tail_that_the_peers_have_too_is_noise(bench, content) -> None:
    new = copy.deepcopy(content)
    long_tail(new["workloads"]["toxic"])
    found = [line[:3] for line in bench.regression.compare(content, new, 0.1)]
    assert found == [["toxic", "Willump", "p99 of one row"]]
    taken = new["workloads"]["toxic"]["candidates"]["right"]["row_seconds"]
    taken[:3] = [50 * seconds for seconds in taken[:3]]
    assert not bench.regression.compare(content, new, 0.1)


def test_noise_is_no_regression(bench) -> None:
    is_slower = bench.regression.is_slower
    assert not is_slower([10.0, 8.0, 12.0], [8.5, 8.0, 9.0], 0.1)  # the intervals meet
    assert not is_slower([10.0, 9.9, 10.1], [9.5, 9.4, 9.6], 0.1)  # within the slack
    assert is_slower([10.0, 9.9, 10.1], [8.0, 7.9, 8.1], 0.1)


def test_a_workload_or_a_status_that_is_lost_is_a_regression(bench, content) -> None:
    new = copy.deepcopy(content)
    new["workloads"]["toxic"]["candidates"]["Willump"]["status"] = "wrong"
    assert bench.regression.compare(content, new, 0.1)[0][2:] == ["status", "ok", "wrong"]
    new["workloads"]["toxic"] = {"error": "no such file"}
    assert bench.regression.compare(content, new, 0.1)[0][2] == "no longer measured"


def broken_certificate(work: dict[str, Any]) -> None:
    work["candidates"]["cascade, Agreement(0.99)"]["untouched"]["beyond_chance"] = True


def slower_queries(work: dict[str, Any]) -> None:
    work["queries"][0] |= {"vs_exact": [0.1, 0.1, 0.1, 7], "n_missed": 2, "beyond_chance": True}


def lost_queries(work: dict[str, Any]) -> None:
    work["queries"][0] = {"k": 20, "status": "cannot", "reason": "why"}


def no_single_rows(work: dict[str, Any]) -> None:
    del work["candidates"]["Willump"]["row_seconds"]


def long_tail(work: dict[str, Any]) -> None:
    taken = work["candidates"]["Willump"]["row_seconds"]
    taken[:3] = [100 * seconds for seconds in taken[:3]]


def slow_to_load(work: dict[str, Any]) -> None:
    ours = work["candidates"]["Willump"]
    ours |= {"load_seconds": 0.1, "build_seconds": 50.0}


def uncounted(work: dict[str, Any]) -> None:
    del work["candidates"]["Willump"]["counts"]


def fetches_all(work: dict[str, Any]) -> None:
    work["candidates"]["cascade, Agreement(0.99)"]["fetched"]["cascade"] = 100


def cascade_crashes(work: dict[str, Any]) -> None:
    work["candidates"]["cascade, refused"]["status"] = "crashed"


def peer_is_wrong(work: dict[str, Any]) -> None:
    work["candidates"]["right"]["status"] = "wrong"


@pytest.mark.parametrize(
    ("edit", "what"),
    [
        (broken_certificate, ["certificate"]),
        (slower_queries, ["top 20: queries below the recall", "top 20, exact"]),
        (lost_queries, ["top 20"]),
        (no_single_rows, ["one row", "p99 of one row"]),
        (long_tail, ["p99 of one row"]),
        (slow_to_load, ["load", "time to make"]),
        (uncounted, ["instructions a row, avx2"]),
        (fetches_all, ["share fetched"]),
        (cascade_crashes, ["status"]),
        (peer_is_wrong, ["status"]),
    ],
)
def test_what_breaks_or_is_lost_is_a_regression(bench, content, edit, what) -> None:
    candidates = content["workloads"]["toxic"]["candidates"]
    candidates["Willump"]["counts"] = {"avx2": {"instructions": 100.0}}
    candidates["cascade, Agreement(0.99)"]["fetched"] = {"cascade": 10, "plain": 100}
    candidates["cascade, refused"] = {"role": "cascade", "status": "cannot", "reason": "why"}
    assert bench.regression.compare(content, content, 0.1) == []
    new = copy.deepcopy(content)
    edit(new["workloads"]["toxic"])
    assert [line[2] for line in bench.regression.compare(content, new, 0.1)] == what
    assert bench.regression.compare(new, content, 0.1) == []


@pytest.mark.parametrize("found", [{"error": "why"}, [{"n_terms": 1_000, "ratio": [1, 1, 1, 7]}]])
def test_a_vocabulary_that_is_slower_or_lost_is_a_regression(bench, content, found) -> None:
    worse = bench.regression.compare(content, {**content, "vocabulary": found}, 0.1)
    assert [line[2] for line in worse] == ["1,000 terms"]


def test_other_rows_and_other_sets_are_not_compared(bench, content) -> None:
    assert bench.regression.other_rows(content, content) == []
    assert "quick set" in bench.regression.other_rows(content, {**content, "is_quick": False})[0]
    new = copy.deepcopy(content)
    new["workloads"]["toxic"] |= {"data": "data folder", "n_train": 99}
    assert len(bench.regression.other_rows(content, new)) == 2


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{}", "no machine, is_quick, workloads"),
        ('{"machine": {}, "workloads": {}}', "it has no is_quick"),
        ("[]", "no result of run.py"),
        ("", "is no JSON"),
        ('{"machine": {', "is no JSON"),
        (None, "cannot be read"),
    ],
)
def test_what_is_no_result_is_named_and_tells_nothing(
    bench, content, monkeypatch, capsys, tmp_path, text, says
) -> None:
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    bench.harness.write_results(good, content)
    if text is not None:
        bad.write_text(text)
    for files in ((good, bad), (bad, good)):
        monkeypatch.setattr(sys, "argv", ["regression.py", *map(str, files)])
        assert bench.regression.main() == 2
        assert says in capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", ["report.py", str(bad), "--page", str(tmp_path / "page.md")])
    with pytest.raises(SystemExit, match=says):
        bench.report.main()


def test_other_versions_are_noted(bench, content) -> None:
    after = copy.deepcopy(content)
    assert bench.regression.notes(content, after) == []
    content["machine"]["packages"] = {"pandas": "3.0", "willump-ml": "1"}
    after["machine"]["packages"] = {"pandas": "3.1", "polars": "2.1", "willump-ml": "2"}
    [note] = bench.regression.notes(content, after)
    assert "pandas 3.0 and 3.1, polars missing and 2.1" in note
    assert "willump" not in note


def test_times_that_are_no_numbers_are_a_regression(bench) -> None:
    nan = float("nan")
    assert bench.regression.is_slower([2.0, 1.9, 2.1, 9], [nan, nan, nan, 9], 0.1)


# ---- what is written -----------------------------------------------------------------


def test_results_that_cannot_be_written_leave_those_before(bench, content, tmp_path) -> None:
    path = tmp_path / "some.json"
    assert bench.run.written(path, content) == ""
    before = path.read_text()
    (tmp_path / "some.json.part").mkdir()  # what is written beside cannot be
    assert f"cannot be written to {path}" in bench.run.written(path, {**content, "is_quick": True})
    assert path.read_text() == before
    assert "cannot be written" in bench.run.written(path / "below" / "x.json", content)
    full = Path("/dev/full")
    if full.exists():
        assert "No space left" in bench.run.written(full, content)


def test_a_run_whose_results_cannot_be_written_says_so_at_once(
    bench, monkeypatch, capsys, tmp_path
) -> None:
    (tmp_path / "file").write_text("")
    path = tmp_path / "file" / "x.json"
    monkeypatch.setattr(sys, "argv", ["run.py", "--only", "credit", "--output", str(path)])
    monkeypatch.setattr(bench.run, "measured", lambda *_: pytest.fail("measured in vain"))
    assert bench.run.main() == 1
    assert "cannot be written" in capsys.readouterr().err


# ---- the exit code -------------------------------------------------------------------


def test_a_missing_peer_is_others_and_an_unmeasured_workload_is_ours(bench, content) -> None:
    ours, others = bench.run.problems_of(content)
    assert ours == ["music: no such file"]
    assert [line.split(": ")[1] for line in others] == ["wrong", "gone"]


def test_a_broken_certificate_is_ours(bench, content) -> None:
    del content["workloads"]["music"]
    work = content["workloads"]["toxic"]
    work["candidates"]["cascade, Agreement(0.99)"]["untouched"] |= {"beyond_chance": True}
    work["queries"][0]["beyond_chance"] = True
    ours, _ = bench.run.problems_of(content)
    assert len(ours) == 2
    assert all("does not hold" in line for line in ours)


def test_what_cannot_be_done_is_nobodys_fault(bench, content) -> None:
    del content["workloads"]["music"]
    for name in ("wrong", "gone"):
        content["workloads"]["toxic"]["candidates"][name]["status"] = "cannot"
    assert bench.run.problems_of(content) == ([], [])


def test_a_function_that_does_not_compile_is_ours(bench, content) -> None:
    del content["workloads"]["music"]
    told = content["workloads"]["toxic"]["candidates"]["Willump"]
    told |= {"status": "cannot", "reason": "no native form"}
    ours, _ = bench.run.problems_of(content)
    assert ours == ["toxic: Willump: cannot: no native form"]


def test_a_result_holds_no_paths(bench) -> None:
    found = {"a": ["No such file: '/data/x/y.csv'", 1.5], "b": {"c": "/tmp/q/m.so"}}
    names = {"/data/x": "WILLUMP_DATA", "/tmp/q": "TEMPORARY"}
    assert bench.run.without_paths(found, names) == {
        "a": ["No such file: 'WILLUMP_DATA/y.csv'", 1.5],
        "b": {"c": "TEMPORARY/m.so"},
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/usr/lib/x.py and /usr.", "PYTHON/lib/x.py and PYTHON."),
        ("/usr2/x /a/usr/x /usr.d /usr-x", "/usr2/x /a/usr/x /usr.d /usr-x"),
        ("file:///usr/x", "file://PYTHON/x"),
        ("/usr/data/x", "DATA/x"),
        ("2.4.6, data folder", "2.4.6, data folder"),
    ],
)
def test_paths_are_taken_out_at_their_ends_only(bench, text, expected) -> None:
    assert bench.run.without_paths(text, {"/usr": "PYTHON", "/usr/data": "DATA"}) == expected


@pytest.mark.parametrize("given", [".", "data", "/", ""])
def test_a_folder_that_is_given_as_relative_is_taken_as_absolute(
    bench, tmp_path, monkeypatch, given
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WILLUMP_DATA", given)
    names = bench.run.folders("/tmp/q")
    assert all(os.path.isabs(path) and path != "/" for path in names)
    assert ("WILLUMP_DATA" in names.values()) == (given in (".", "data"))
    assert bench.run.without_paths("numpy 2.4.6, data folder", names) == "numpy 2.4.6, data folder"


# ---- the store -----------------------------------------------------------------------


def test_the_store_answers_in_order_counts_and_ends(bench) -> None:
    store = importlib.import_module("store").Store(
        {"user": (np.array([1, 5, 9]), np.array([[1.0, 10.0], [5.0, 50.0], [9.0, 90.0]]))}
    )
    try:
        keys = np.array([9, 1, 7, 9] * 60)
        start = time.perf_counter()
        rows = store.fetch("user", keys)
        taken = time.perf_counter() - start
        assert rows[:2].tolist() == [[9.0, 90.0], [1.0, 10.0]]
        assert np.isnan(rows[2]).all()
        assert (store.n_requests, store.n_fetched) == (3, 240)
        assert taken >= 0.003
    finally:
        store.close()
    assert store._server.returncode is not None
