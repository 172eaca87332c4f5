"""One model, many threads; one process, several."""

from __future__ import annotations

import gc
import multiprocessing
import os
import sys
import threading
from typing import Any

import numpy as np
import pytest
import willump
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from willump import _core

DOCS = [f"word{i % 7} text number {i}" for i in range(500)]
LABELS = np.arange(500) % 3


@pytest.fixture(scope="module")
def fast() -> Any:
    pipeline = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(DOCS, LABELS)
    return willump.compile(pipeline, strict=True)


def run_threads(n: int, work: Any) -> None:
    errors: list[BaseException] = []

    def guarded(number: int) -> None:
        try:
            work(number)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(i,)) for i in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors, errors


def test_threads_share_a_model(fast: Any) -> None:
    expected = fast.predict_proba(DOCS)
    before = fast.stats()["methods"]["predict_proba"]

    def work(number: int) -> None:
        rng = np.random.default_rng(number)
        for _ in range(100):
            start = int(rng.integers(0, 499))
            stop = int(rng.integers(start + 1, min(start + 200, 500) + 1))
            np.testing.assert_array_equal(
                fast.predict_proba(DOCS[start:stop]), expected[start:stop]
            )

    run_threads(8, work)
    after = fast.stats()["methods"]["predict_proba"]
    assert after["calls"] - before["calls"] == 800


def test_a_fit_in_another_thread_changes_answers_at_once(fast: Any) -> None:
    model = willump.compile(fast._original)
    answers = [model.predict_proba(DOCS[:50])]
    second = np.roll(LABELS, 1)
    answers.append(willump.compile(fast._original).fit(DOCS, second).predict_proba(DOCS[:50]))
    done = threading.Event()

    def work(number: int) -> None:
        if number == 0:
            for labels in (second, LABELS, second):
                model.fit(DOCS, labels)
            done.set()
            return
        while not done.is_set():
            result = model.predict_proba(DOCS[:50])
            assert any(np.allclose(result, answer) for answer in answers)

    run_threads(3, work)


def test_results_do_not_depend_on_the_number_of_threads(fast: Any) -> None:
    interface = fast._interface
    expected = interface.run("predict_proba", DOCS * 20, n_threads=1)
    for n_threads in (2, 5):
        result = interface.run("predict_proba", DOCS * 20, n_threads=n_threads)
        np.testing.assert_array_equal(result, expected)


def test_stages_of_a_plain_model_are_all_the_first(fast: Any) -> None:
    result, stages = fast._interface.run("predict", DOCS, stages=True)
    np.testing.assert_array_equal(result, fast.predict(DOCS))
    assert stages.dtype == np.uint8
    assert stages.shape == (500,)
    assert not stages.any()


def _child(data: bytes, queue: Any) -> None:
    queue.put(willump.from_bytes(data, n_threads=2).predict(DOCS * 10).tolist())


def _forked_child(fast: Any, queue: Any) -> None:
    queue.put(fast.predict(DOCS * 10).tolist())


def test_it_works_after_a_fork_and_in_a_new_process(fast: Any) -> None:
    expected = willump.from_bytes(fast.to_bytes(), n_threads=2).predict(DOCS * 10).tolist()
    for method, target, given in (
        ("fork", _forked_child, fast),
        ("spawn", _child, fast.to_bytes()),
    ):
        context = multiprocessing.get_context(method)
        queue = context.Queue()
        process = context.Process(target=target, args=(given, queue))
        process.start()
        assert queue.get(timeout=60) == expected
        process.join(timeout=60)
        assert process.exitcode == 0


def test_calls_and_models_leave_no_memory(fast: Any) -> None:
    texts = ["plain", "caf\u00e9", "\u65e5\u672c"] * 20
    data = fast.to_bytes()

    def once() -> None:
        fast.predict_proba(texts)
        fast.predict(np.array(texts, dtype=object))
        with pytest.raises(AttributeError):
            fast.predict([*texts, None])
        other = willump.from_bytes(data)
        other.predict(texts)
        assert not hasattr(other, "transform")

    def count() -> int:
        gc.collect()
        return sys.getallocatedblocks()

    references = [sys.getrefcount(text) for text in texts[:3]]
    grown = []
    for _ in range(5):  # the interpreter's own caches settle after a while
        before = count()
        for _ in range(200):
            once()
        grown.append(count() - before)
    assert min(grown) < 50, grown
    assert [sys.getrefcount(text) for text in texts[:3]] == references


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="needs /proc")
def test_large_results_and_inputs_are_freed() -> None:
    graph = (
        'willump-graph 1\n%0 = input() {kind="matrix", n_features=10}\n'
        "%1 = linear(%0) {coef=@coef}\nstage\noutput decision = %1\n"
    )
    model = _core.Model.compile(graph, {"coef": np.ones((10, 10))})
    x = np.ones((100_000, 10)).tolist()

    def resident() -> int:
        with open("/proc/self/statm") as statm:
            return int(statm.read().split()[1]) * 4096

    for _ in range(3):
        model.run("decision", (x,))
    before = resident()
    for _ in range(20):
        model.run("decision", (x,))
    assert resident() - before < 20_000_000


def test_the_collector_finds_cycles_through_a_model() -> None:
    import weakref

    class Step:
        def __call__(self, inputs: Any, rows: Any, x: Any) -> Any:
            return np.zeros((len(x), 1))

    graph = "willump-graph 1\n%0 = external() {step=0, n_features=1}\nstage\noutput features = %0\n"
    model = _core.Model.compile(graph, {})
    step: Any = Step()
    interface = _core.Interface(
        model, {"transform": ("features", False, None, None)}, extract=lambda x: (), steps=[step]
    )
    step.cycle = interface
    reference = weakref.ref(step)
    assert interface.run("transform", [1, 2]).shape == (2, 1)
    del step, interface
    gc.collect()
    assert reference() is None
