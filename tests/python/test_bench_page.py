"""The benchmark's ratios, and the page that is made of its results."""

from __future__ import annotations

import copy
import importlib
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from bench_parts import entry

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
