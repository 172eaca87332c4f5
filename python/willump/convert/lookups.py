"""What is looked up in tables, or computed by Python: work that a first stage spares by
reading none of the columns that come from there."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from .._graph import GraphBuilder
from .values import Ref

#: Runs of columns from the same tables that become blocks, at most.
MOST_RUNS = 8
#: Names of columns that a block is called by, at most.
_MOST_NAMES = 3


def lookups_of(builder: GraphBuilder, node: int) -> frozenset[int]:
    """The nodes of row numbers that a node takes values of tables at, and of the Python
    steps that it reads."""
    found, seen, pending = set(), set(), [node]
    while pending:
        at = pending.pop()
        if at in seen:
            continue
        seen.add(at)
        operator, inputs = builder.nodes[at].operator, builder.nodes[at].inputs
        if operator == "external":
            found.add(at)
        elif operator == "take":
            found.add(inputs[0])
        pending.extend(inputs)
    return frozenset(found)


def by_lookups(
    builder: GraphBuilder, columns: Sequence[tuple[str, Ref]]
) -> list[list[tuple[str, Ref]]]:
    """Runs of columns that come from the same tables."""
    runs = groupby(columns, lambda column: lookups_of(builder, column[1].node))
    return [list(run) for _, run in runs]


def shown_names(columns: Sequence[tuple[str, Ref]]) -> str:
    """What a block of columns is called."""
    names = [name for name, _ in columns[:_MOST_NAMES]]
    return ", ".join(names) + (", ..." if len(columns) > _MOST_NAMES else "")
