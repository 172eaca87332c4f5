"""Two result files of `run.py`: what has become slower, larger or wrong, or is gone?

    python bench/regression.py OLD.json NEW.json [--slack 0.1]

Ratios to plain Python are compared, as times of two runs are not comparable: slower is what
lies below the old by more than the slack, with intervals that do not overlap. Other tools, which
have not changed, tell how much a workload's ratios vary between these two runs: the slack is at
least three times the median of their changes. What is measured once, without an interval, has to
be more than twice the old. Everything that was
measured has to be measured again. The exit code is 1 where anything got worse, 2 where the
files are of other rows or sets, or no results, and so tell nothing.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import figures
import numpy as np
from harness import ResultError, read_results, show

Worse = list[str]  # what, old, new

SIZES = {"artifact_bytes": "artifact", "kept_bytes": "memory when loaded"}
#: What is measured once, and below what it is noise: seconds, bytes.
ONCE = {
    "load_seconds": ("load", 0.005),
    "build_seconds": ("time to make", 1.0),
    "grown_bytes": ("memory grown", 2e7),
}
TWICE = 2.0
TAIL = "p99 of one row"
NOISE = 3.0  # medians of the peers' changes between two runs
#: A status is worse than another of a lower number.
BROKEN = 2
RANKS = {"ok": 0, "cannot": 1, "left out": 1, "missing": 1}


def other_rows(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Why the files tell nothing of each other."""
    if old["is_quick"] != new["is_quick"]:
        return ["one is of the quick set, the other of the full one"]
    found = []
    for name, before in figures.measured_works(old).items():
        after = figures.measured_works(new).get(name, before)
        for what in ("data", "n_train", "n_later", "sizes"):
            if before[what] != after[what]:
                found.append(f"{name}: {what}: {before[what]} and {after[what]}")
    return found


def notes(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """What else ratios hang on and differs: the processor, and the versions of what is timed."""
    before, after = old["machine"], new["machine"]
    found = []
    if before.get("cpu") != after.get("cpu"):
        found.append("the processors differ, and ratios with them")
    was, now = (machine.get("packages", {}) for machine in (before, after))
    changed = [
        f"{name} {was.get(name, 'missing')} and {now.get(name, 'missing')}"
        for name in sorted({*was, *now})
        if was.get(name) != now.get(name) and name != "willump-ml"
    ]
    if changed:
        found.append(f"other versions, and ratios with them: {', '.join(changed)}")
    return found


def compare(old: dict[str, Any], new: dict[str, Any], slack: float) -> list[list[str]]:
    """What got worse: workload, candidate, what, old, new."""
    worse = [["vocabulary", "", *line] for line in compare_vocabulary(old, new, slack)]
    works = figures.measured_works(new)
    for name, before in figures.measured_works(old).items():
        if name not in works:
            worse.append([name, "", "no longer measured", "", ""])
            continue
        after = works[name]
        slacks = slacks_of(before, after, slack)
        for candidate in figures.names_of(before, "willump", "cascade"):
            found = compare_candidate(before, after, candidate, slacks, slack)
            worse += [[name, candidate, *line] for line in found]
        for peer in figures.names_of(before, "plain", "peer"):
            worse += [[name, peer, *line] for line in compare_peer(before, after, peer)]
        worse += [[name, "", *line] for line in compare_queries(before, after, slack)]
        was, now = (work["paper_rule"].get("status", "ok") for work in (before, after))
        if rank(now) > rank(was):
            worse.append([name, "", "the paper's rule", was, now])
    return worse


def slacks_of(old: dict[str, Any], new: dict[str, Any], slack: float) -> dict[str, float]:
    """The slack of everything that is timed, by what it is: at least three times the median
    change of the peers that are right in both, which is noise."""
    changes = defaultdict(list)
    for peer in figures.names_of(old, "peer"):
        entries = [work["candidates"].get(peer, {"status": "gone"}) for work in (old, new)]
        if not all(map(figures.is_right, entries)):
            continue
        now = ratios(new, peer)
        for what, ratio in ratios(old, peer).items():
            if what in now:
                changes[what].append(abs(math.log(now[what][0] / ratio[0])))
        tails = [figures.percentile(work, peer, 99) for work in (old, new)]
        if all(tails):
            changes[TAIL].append(abs(math.log(tails[1] / tails[0])))
    return {
        what: max(slack, 1.0 - math.exp(-NOISE * float(np.median(found))))
        for what, found in changes.items()
    }


def rank(status: str) -> int:
    return RANKS.get(status, BROKEN)


def compare_vocabulary(old: dict[str, Any], new: dict[str, Any], slack: float) -> Iterator[Worse]:
    before, after = old.get("vocabulary"), new.get("vocabulary")
    if not isinstance(before, list):
        return
    now = {point["n_terms"]: point["ratio"] for point in after} if isinstance(after, list) else {}
    for point in before:
        yield from compare_ratio(
            f"{point['n_terms']:,} terms", point["ratio"], now.get(point["n_terms"]), slack
        )


def compare_peer(old: dict[str, Any], new: dict[str, Any], name: str) -> Iterator[Worse]:
    """Others may be gone or refuse; they should not break."""
    was = old["candidates"][name]["status"]
    now = new["candidates"].get(name, {"status": "missing"})["status"]
    if rank(now) == BROKEN > rank(was):
        yield ["status", was, now]


def compare_queries(old: dict[str, Any], new: dict[str, Any], slack: float) -> Iterator[Worse]:
    if isinstance(old["queries"], dict):
        was, now = old["queries"]["status"], new["queries"]
        if isinstance(now, dict) and rank(now["status"]) > rank(was):
            yield ["top-K", was, now["status"]]
        return
    found = new["queries"] if isinstance(new["queries"], list) else []
    after = {entry["k"]: entry for entry in found}
    for before in old["queries"]:
        what, now = f"top {before['k']:,}", after.get(before["k"], {"status": "gone"})
        if rank(now["status"]) > rank(before["status"]):
            gained = before.get("vs_exact", [math.inf])[0]  # which of the two it is is measured
            if now["status"] != "cannot" or gained > 1.0 + slack:
                yield [what, before["status"], now["status"]]
        elif before["status"] == now["status"] == "ok":
            if now["beyond_chance"] and not before["beyond_chance"]:
                yield [f"{what}: queries below the recall", *missed(before, now)]
            for key in ("vs_exact", "vs_plain"):
                yield from compare_ratio(f"{what}, {key[3:]}", before[key], now[key], slack)


def missed(*entries: dict[str, Any]) -> list[str]:
    return [f"{entry['n_missed']} of {entry['n_queries']}" for entry in entries]


def compare_candidate(
    old: dict[str, Any], new: dict[str, Any], name: str, slacks: dict[str, float], slack: float
) -> Iterator[Worse]:
    """`slacks`: of what is timed, where it is not `slack`."""
    before, after = old["candidates"][name], new["candidates"].get(name, {"status": "gone"})
    if rank(after["status"]) > rank(before["status"]) and not is_no_loss(old, new, name, slack):
        yield ["status", before["status"], after["status"]]
    if before["status"] != "ok" or after["status"] != "ok":
        return
    if figures.is_right(before) and not figures.is_right(after):
        yield ["certificate", "holds", "broken beyond chance"]
    now = ratios(new, name)
    for what, ratio in ratios(old, name).items():
        yield from compare_ratio(what, ratio, now.get(what), slacks.get(what, slack))
    for key, what in SIZES.items():
        if before.get(key):
            yield from compare_figure(what, before[key], after.get(key), 1.0 + slack)
    for key, (what, least) in ONCE.items():
        if key in before:  # below the noise it is as good as the noise
            yield from compare_figure(what, max(before[key], least), after.get(key), TWICE)
    was, tail = (figures.percentile(work, name, 99) for work in (old, new))
    if was is not None:
        most = TWICE / (1.0 - slacks.get(TAIL, slack))
        yield from compare_figure(TAIL, was, tail, most)
    for cpu, counts in before.get("counts", {}).items():
        counted = after.get("counts", {}).get(cpu, {}).get("instructions")
        what = f"instructions a row, {cpu}"
        yield from compare_figure(what, counts["instructions"], counted, 1.0 + slack)
    if "fetched" in before:
        shares = [
            entry["fetched"]["cascade"] / entry["fetched"]["plain"] if "fetched" in entry else None
            for entry in (before, after)
        ]
        yield from compare_figure("share fetched", shares[0] or 0.0, shares[1], 1.0 + slack)


def is_no_loss(old: dict[str, Any], new: dict[str, Any], name: str, slack: float) -> bool:
    """Whether a cascade that is refused now, and with it the ways to give it one row, gained
    nothing before: which of the two it is hangs on costs that are measured."""
    whole = name.removesuffix(", a dict")
    after = new["candidates"].get(whole, {"status": "gone"})
    if old["candidates"][name]["role"] != "cascade" or after["status"] != "cannot":
        return False
    gained = figures.batch_ratio(old, whole, to=figures.OURS)
    return gained is not None and gained[0] <= 1.0 + slack


def compare_figure(what: str, was: float, now: float | None, most: float) -> Iterator[Worse]:
    """Of what should be small: gone, or more than so many times the old."""
    if now is None or now > most * was:
        yield [what, f"{was:,.4g}", "not measured" if now is None else f"{now:,.4g}"]


def compare_ratio(
    what: str, was: figures.Ratio, now: figures.Ratio | None, slack: float
) -> Iterator[Worse]:
    if now is None or is_slower(was, now, slack):
        yield [what, f"{was[0]:.2f}x", "not measured" if now is None else f"{now[0]:.2f}x"]


def ratios(work: dict[str, Any], name: str) -> dict[str, figures.Ratio]:
    """Everything that is timed of a candidate."""
    found = {f"{n:,} rows": figures.batch_ratio(work, name, n) for n in work["sizes"]}
    found |= {"one row": figures.row_ratio(work, name), "model": figures.model_ratio(work, name)}
    return {what: ratio for what, ratio in found.items() if ratio is not None}


def is_slower(old: figures.Ratio, new: figures.Ratio, slack: float) -> bool:
    """Below by more than the slack, with intervals apart; no number at all, too."""
    return math.isnan(new[0]) or (new[0] < (1.0 - slack) * old[0] and new[2] < old[1])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument("--slack", type=float, default=0.1, help="a share; default 0.1")
    options = parser.parse_args()
    try:
        old, new = (read_results(path) for path in (options.old, options.new))
    except ResultError as error:
        print(error)
        return 2
    for note in notes(old, new):
        print(f"note: {note}")
    differ = other_rows(old, new)
    if differ:
        print("these cannot be compared:", *differ, sep="\n  ")
        return 2
    worse = compare(old, new, options.slack)
    if not worse:
        print("nothing got worse")
        return 0
    show("worse", ["workload", "candidate", "what", "old", "new"], worse)
    return 1


if __name__ == "__main__":
    sys.exit(main())
