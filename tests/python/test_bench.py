"""The benchmark's own harness: what it calls wrong or broken, that a crash of one candidate is
that candidate's row and no more, and what the exit code tells."""

from __future__ import annotations

import importlib
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from bench_parts import BENCH

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
