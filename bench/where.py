"""Where a row's time goes: each workload's operators, and what is around them.

python bench/where.py [WORKLOAD ...] [--rows 10000]

One table a workload: nanoseconds a row and the share of the whole call, of one thread.
"""

from __future__ import annotations

import argparse
from collections import defaultdict

import willump
import workloads

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


def show(name: str, n_rows: int) -> None:
    made = workloads.load(name, is_quick=True)
    try:
        compiled = willump.compile(made.function, sample=made.train.head(1000))
        found = willump.trace(compiled, made.later.head(n_rows))
    finally:
        made.close()
    print(f"\n## {made.title}\n")
    print(f"{found.nanoseconds:.0f} ns a row, in one call of {found.n_rows} rows\n")
    print("| operator | ns a row | share |\n|---|---|---|")
    rest = 0.0
    for operator, cost in sorted(by_operator(found).items(), key=lambda item: -item[1]):
        if cost < LEAST_SHARE * found.nanoseconds:
            rest += cost
        else:
            print(f"| {operator} | {cost:.1f} | {cost / found.nanoseconds:.0%} |")
    print(f"| others | {rest:.1f} | {rest / found.nanoseconds:.0%} |")


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
