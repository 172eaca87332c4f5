"""Where a row's time goes: each workload's operators, and what is around them.

python bench/where.py [WORKLOAD ...] [--rows 10000]

One table a workload: nanoseconds a row and the share of the whole call, of one thread.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from typing import Any

import willump
import workloads
from report import where_table

#: Operators that cost less of a call are shown together.
LEAST_SHARE = 0.01


def by_operator(found: willump.Trace) -> dict[str, float]:
    """What the nodes of each operator cost together."""
    nodes = [text for text in found.graphs[""].splitlines() if text.startswith("%")]
    costs: dict[str, float] = defaultdict(float)
    for text, cost in zip(nodes, found.costs, strict=True):
        costs[text.partition(" = ")[2].partition("(")[0]] += cost
    costs["(around the operators)"] = found.rest
    return dict(costs)


def shares_of(compiled: Any, rows: Any) -> dict[str, Any]:
    """A call's nanoseconds a row, and those of its operators, the dearest first; the small
    ones together."""
    found = willump.trace(compiled, rows)
    shown, rest = {}, 0.0
    for operator, cost in sorted(by_operator(found).items(), key=lambda item: -item[1]):
        if cost < LEAST_SHARE * found.nanoseconds:
            rest += cost
        else:
            shown[operator] = float(cost)
    operators = {**shown, "others": rest}
    return {"nanoseconds": found.nanoseconds, "n_rows": found.n_rows, "operators": operators}


def show(name: str, n_rows: int) -> None:
    made = workloads.load(name, is_quick=True)
    try:
        compiled = willump.compile(made.function, sample=made.train.head(1000))
        shares = shares_of(compiled, made.later.head(n_rows))
    finally:
        made.close()
    print(f"\n## {made.title}\n\n{where_table(shares)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="WORKLOAD")
    parser.add_argument("--rows", type=int, default=10_000)
    arguments = parser.parse_args()
    names = [name for name in workloads.NAMES if name != "music_remote"]
    for name in arguments.names or names:
        show(name, arguments.rows)


if __name__ == "__main__":
    main()
