"""Two result files of `run.py`: what has become slower, larger or wrong?

    python bench/regression.py OLD.json NEW.json [--slack 0.1]

Ratios to plain Python are compared, as times of two runs are not comparable: slower is what
lies below the old by more than the slack, with intervals that do not overlap. The exit
code is 1 where anything got worse.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import figures
from harness import show

SIZES = {"artifact_bytes": "artifact", "kept_bytes": "memory when loaded"}


def compare(old: dict[str, Any], new: dict[str, Any], slack: float) -> list[list[str]]:
    """What got worse: workload, candidate, what, old, new."""
    worse = []
    works = figures.measured_works(new)
    for name, before in figures.measured_works(old).items():
        if name not in works:
            worse.append([name, "", "no longer measured", "", ""])
            continue
        for candidate in figures.names_of(before, "willump", "cascade"):
            found = compare_candidate(before, works[name], candidate, slack)
            worse += [[name, candidate, *line] for line in found]
    return worse


def compare_candidate(
    old: dict[str, Any], new: dict[str, Any], name: str, slack: float
) -> list[list[str]]:
    before, after = old["candidates"][name], new["candidates"].get(name, {"status": "gone"})
    if before["status"] != after["status"]:
        return [["status", before["status"], after["status"]]] if before["status"] == "ok" else []
    worse = []
    for what, ratio in ratios(old, name).items():
        now = ratios(new, name).get(what)
        if now is not None and is_slower(ratio, now, slack):
            worse.append([what, f"{ratio[0]:.2f}x", f"{now[0]:.2f}x"])
    for key, what in SIZES.items():
        if before.get(key) and after.get(key) and after[key] > (1.0 + slack) * before[key]:
            worse.append([what, f"{before[key]:,}", f"{after[key]:,}"])
    for cpu, counts in before.get("counts", {}).items():
        n = counts["instructions"]
        now_n = after.get("counts", {}).get(cpu, {}).get("instructions")
        if now_n and now_n > (1.0 + slack) * n:
            worse.append([f"instructions a row, {cpu}", f"{n:,.0f}", f"{now_n:,.0f}"])
    return worse


def ratios(work: dict[str, Any], name: str) -> dict[str, figures.Ratio]:
    """Everything that is timed of a candidate."""
    found = {f"{n:,} rows": figures.batch_ratio(work, name, n) for n in work["sizes"]}
    found |= {"one row": figures.row_ratio(work, name), "model": figures.model_ratio(work, name)}
    return {what: ratio for what, ratio in found.items() if ratio is not None}


def is_slower(old: figures.Ratio, new: figures.Ratio, slack: float) -> bool:
    """Below by more than the slack, with intervals apart."""
    return new[0] < (1.0 - slack) * old[0] and new[2] < old[1]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument("--slack", type=float, default=0.1, help="a share; default 0.1")
    options = parser.parse_args()
    old, new = (json.loads(path.read_text()) for path in (options.old, options.new))
    if old["machine"]["cpu"] != new["machine"]["cpu"]:
        print("note: the processors differ, and ratios with them")
    worse = compare(old, new, options.slack)
    if not worse:
        print("nothing got worse")
        return 0
    show("worse", ["workload", "candidate", "what", "old", "new"], worse)
    return 1


if __name__ == "__main__":
    sys.exit(main())
