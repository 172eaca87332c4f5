"""Does a row belong to the class? Generated rows, a forest's probability of weak columns,
logistic regression.
"""

from __future__ import annotations

import instant

from . import Workload, parts_of

N_LATER = 300_000


def make(is_quick: bool) -> Workload:
    rows, forest = instant.load(N_LATER // 10 if is_quick else N_LATER)
    function = instant.fit(rows.train, rows.labels, forest)
    parts = parts_of(function)
    return Workload(
        "instant",
        f"generated rows: {len(instant.STRONG)} columns that tell much, and what a forest of "
        f"{instant.N_TREES} trees makes of {len(instant.WEAK)} weak ones, logistic regression",
        "binary",
        rows.train,
        rows.labels,
        rows.later,
        rows.later_labels,
        function,
        parts["model"],
        parts["features"],
        data="generated",
        cheap=lambda frame: frame[instant.STRONG].to_numpy(),
    )
