"""What a result file says, as ratios: what the page, its plots and the regression check read.

All are of one run, where the candidates took turns: median of the rounds' ratios, with the
ends of its 95 % interval (`harness.interval`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from harness import interval

PLAIN, OURS = "plain Python", "Willump"
Ratio = list[float]  # the median, the ends of its interval, the number of rounds


def is_timed(entry: dict[str, Any]) -> bool:
    return "batch_seconds" in entry or "row_seconds" in entry


def batch_ratio(
    work: dict[str, Any], name: str, size: int | None = None, to: str = PLAIN
) -> Ratio | None:
    """How many times as fast as `to`; `size`: rows, the largest batch if None."""
    key = str(work["sizes"][-1] if size is None else size)
    slow, fast = (
        work["candidates"].get(n, {}).get("batch_seconds", {}).get(key) for n in (to, name)
    )
    return interval(slow, fast) if slow and fast else None


def rows_of_a_turn(work: dict[str, Any]) -> int:
    """Of one row's times: so many rows a turn (older result files do not say it)."""
    return int(work.get("rows_of_a_turn", 100))


def row_ratio(work: dict[str, Any], name: str, to: str = PLAIN) -> Ratio | None:
    """The same of one row. A round is a turn of some rows, and its ratio that of its median row:
    rows of one turn share the machine's moment, so they are no rounds of their own."""
    slow, fast = (work["candidates"].get(n, {}).get("row_seconds") for n in (to, name))
    if not slow or not fast:
        return None
    each = np.array(slow) / np.array(fast)
    turn = rows_of_a_turn(work)
    rounds = [float(np.median(each[i : i + turn])) for i in range(0, len(each), turn)]
    return interval(rounds, [1.0] * len(rounds))


def model_ratio(work: dict[str, Any], name: str, to: str = PLAIN) -> Ratio | None:
    """The same of the model alone, from a matrix of features."""
    slow, fast = (work["candidates"].get(n, {}).get("model_seconds") for n in (to, name))
    return interval(slow, fast) if slow and fast else None


def percentile(work: dict[str, Any], name: str, at: float) -> float | None:
    """A percentile of one row's time, in plain Python's medians."""
    plain = work["candidates"][PLAIN].get("row_seconds")
    taken = work["candidates"][name].get("row_seconds")
    return float(np.percentile(taken, at) / np.median(plain)) if plain and taken else None


def names_of(work: dict[str, Any], *roles: str) -> list[str]:
    return [name for name, entry in work["candidates"].items() if entry["role"] in roles]


def is_right(entry: dict[str, Any]) -> bool:
    """Whether its speed counts: right answers to the end, and what it promises holds."""
    return entry["status"] == "ok" and not entry.get("untouched", {}).get("beyond_chance")


def fault(entry: dict[str, Any]) -> str:
    """Why its speed does not count."""
    return entry["status"] if entry["status"] != "ok" else "certificate broken beyond chance"


def fastest_peer(work: dict[str, Any], ratio: Any = batch_ratio) -> tuple[str, Ratio] | None:
    """Of those that give right answers; plain Python counts."""
    found = [
        (name, times)
        for name in [PLAIN, *names_of(work, "peer")]
        if is_right(work["candidates"][name])
        and not work["candidates"][name].get("is_other_model")
        and (times := ratio(work, name)) is not None
    ]
    return max(found, key=lambda item: item[1][0]) if found else None


def measured_works(content: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The workloads that could be measured."""
    return {
        name: work
        for name, work in content["workloads"].items()
        if "error" not in work and is_timed(work["candidates"].get(PLAIN, {}))
    }
