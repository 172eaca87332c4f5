"""The benchmark's comparison of two results: what is worse, and what is noise."""

from __future__ import annotations

import copy
import sys
from typing import Any

import pytest
from bench_parts import entry

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
