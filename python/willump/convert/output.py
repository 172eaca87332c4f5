"""The dtype of a transformer's output whose columns partly come as they are.

A column that is passed through keeps the dtype that the caller gives it. Beside
a block of doubles numbers become doubles, as in the graph; without one the
answer has a dtype that only the caller's X knows, and objects stay objects
beside anything but sparse columns. Before a model none of this shows, since it
converts what it reads.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .context import Context
from .values import Ref


def why_not_doubles(ctx: Context, features: Ref) -> str | None:
    """Why an output may have another dtype than float64; None: it has not."""
    blocks = features.blocks()
    names = [ctx.passed[ref.node].block for _, ref in blocks if ref.node in ctx.passed]
    others = [ref.dtype for _, ref in blocks if ref.node not in ctx.passed]
    if not names or "f64" in others:
        return None
    listed = ", ".join(repr(name) for name in names)
    return (
        f"{listed} passes columns through, and no other block gives float64, so that the "
        "answer's dtype is that of the columns"
    )


def passed_columns(ctx: Context, features: Ref) -> list[dict[str, Any]]:
    """The columns of X that must hold numbers, for the metadata: what
    `_frames.PassedColumns` checks."""
    found = []
    for _, ref in features.blocks():
        passed = ctx.passed.get(ref.node)
        if passed is None or passed.is_sparse:
            continue
        columns = passed.columns
        names = list(columns.names) if columns and columns.names else None
        positions = list(columns.positions) if columns else None
        found.append(
            {
                "block": passed.block,
                "names": names,
                "positions": positions,
                "weighted": passed.weighted,
            }
        )
    return found


def unshown_dtypes(ctx: Context, shown: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The columns that another step reads in the dtype of their table, for the metadata:
    what `_dtypes.PassedDtypes` checks. Those of the answer itself are in `shown`."""
    known = [{key: block[key] for key in ("names", "positions", "weighted")} for block in shown]
    return [block for block in ctx.passed_dtypes if block["weighted"] or block not in known]
