"""Trees as the operator `trees` takes them, whatever library they come from.

A `Forest` collects trees as parallel arrays and emits one node. Splits and leaves
are numbered tree by tree, in the order of the tables that the core makes of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .._graph import Array
from .context import Context
from .registry import Refused
from .values import Ref

#: Bits of the attribute `flags`: the direction of what is missing, what is
#: missing (nothing, zero or NaN), a split of categories.
MISSING_LEFT, MISSING_ZERO, MISSING_NAN, CATEGORIES = 1, 2, 4, 8

_INFINITE = 2.0**128


def fold_float32(thresholds: Any) -> Array:
    """Thresholds of doubles for comparisons of floats.

    Returns, for each t, the largest double whose nearest float32 (ties to
    even, as a cast gives it) is <= t, so that `x <= result` is
    `float32(x) <= t` for every double x.
    """
    t = np.asarray(thresholds, dtype=np.float64)
    with np.errstate(over="ignore"):
        below = t.astype(np.float32)
        below = np.where(below > t, np.nextafter(below, np.float32(-np.inf)), below)
        # The next float32 is further than any double that rounds to `below`.
        above = np.nextafter(below, np.float32(np.inf))
    middle = (_as_double(below) + _as_double(above)) / 2.0
    is_even = (below.view(np.uint32) & 1) == 0
    folded = np.where(is_even, middle, np.nextafter(middle, -np.inf))
    return np.where(below == np.inf, np.inf, folded)


def _as_double(x: Array) -> Array:
    """Infinity counts as the number after the largest, which it stands for."""
    return np.clip(x.astype(np.float64), -_INFINITE, _INFINITE)


@dataclass
class Forest:
    """Trees that are summed in their order.

    `width` numbers a leaf: 1 (added to one output a tree) or all outputs.
    """

    n_outputs: int = 1
    width: int = 1
    feature: list[Array] = field(default_factory=list)
    threshold: list[Array] = field(default_factory=list)
    left: list[Array] = field(default_factory=list)
    right: list[Array] = field(default_factory=list)
    flags: list[Array] = field(default_factory=list)
    leaves: list[Array] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    outputs: list[int] = field(default_factory=list)
    #: The source's numbers of the leaves.
    ids: list[Array] = field(default_factory=list)
    sets: list[Array] = field(default_factory=list)

    def add(
        self,
        is_leaf: Array,
        left: Array,
        right: Array,
        feature: Array,
        threshold: Array,
        values: Array,
        flags: Any = MISSING_NAN,
        output: int | None = None,
    ) -> None:
        """A tree by its nodes, the first its root; children are node numbers."""
        is_leaf = np.asarray(is_leaf, dtype=bool)
        numbers = np.arange(len(is_leaf))
        splits = numbers[~is_leaf]
        children = np.stack([np.asarray(left), np.asarray(right)], axis=1).astype(np.int64)
        if np.any(children[splits] <= splits[:, None]):
            raise Refused("a tree has a child before its parent")
        splits, leaves = _in_order(is_leaf, children)
        code = np.zeros(len(is_leaf), np.int64)
        code[splits] = np.arange(len(splits))
        code[leaves] = ~np.arange(len(leaves))
        self.left.append(code[children[splits, 0]])
        self.right.append(code[children[splits, 1]])
        self.feature.append(np.asarray(feature)[splits].astype(np.int64))
        self.threshold.append(np.asarray(threshold)[splits].astype(np.float64))
        self.flags.append(np.broadcast_to(flags, is_leaf.shape)[splits].astype(np.int64))
        own = np.asarray(values, dtype=np.float64).reshape(len(is_leaf), -1)[leaves]
        if own.shape[1] != self.width:
            raise Refused(f"a tree gives {own.shape[1]} values, not {self.width}")
        self.leaves.append(own)
        self.outputs.append(len(self.sizes) % self.n_outputs if output is None else output)
        self.sizes.append(len(splits))
        self.ids.append(leaves)

    def add_steps(
        self, column: int, thresholds: Array, values: Array, output: int | None = None
    ) -> None:
        """A balanced tree over one column: values[i] up to thresholds[i], the last above.

        NaN is above all.
        """
        n = len(thresholds)
        left, right = np.zeros(2 * n + 1, np.int64), np.zeros(2 * n + 1, np.int64)
        at = np.zeros(2 * n + 1, np.int64)
        is_leaf = np.zeros(2 * n + 1, bool)
        pending = [(0, n, -1)]
        for node in range(2 * n + 1):
            low, high, parent = pending.pop()
            if parent >= 0:
                (left if left[parent] == 0 else right)[parent] = node
            middle = (low + high) // 2
            is_leaf[node], at[node] = low == high, middle
            if low < high:
                pending += [(middle + 1, high, node), (low, middle, node)]
        bounds = np.append(thresholds, 0.0)[at]
        self.add(
            is_leaf, left, right, np.full(2 * n + 1, column), bounds, values[at], output=output
        )

    def add_set(self, words: Array) -> int:
        """A set of categories by its words of 32 bits; returns its number."""
        self.sets.append(np.asarray(words, dtype=np.int64))
        return len(self.sets) - 1

    def emit(
        self,
        ctx: Context,
        ref: Ref,
        *,
        start: Any = None,
        divide: float = 1.0,
        has_ids: bool = False,
    ) -> Ref:
        """The node that sums these trees over a matrix; `has_ids`: it keeps the numbers
        of the leaves, by which the source calls them."""
        if not ctx.is_exact(ref):
            raise Refused(
                "its input is within rounding of the original's, and trees compare it to the bit"
            )
        default = np.arange(len(self.sizes)) % self.n_outputs
        has_own = self.width == 1 and not np.array_equal(self.outputs, default)
        starts = np.cumsum([0, *(len(words) for words in self.sets)])
        tests = np.concatenate(self.feature), np.concatenate(self.threshold)
        attributes: dict[str, Any] = {
            **distinct_tests(*tests, np.concatenate(self.flags)),
            "left": np.concatenate(self.left),
            "right": np.concatenate(self.right),
            "sizes": np.array(self.sizes, dtype=np.int64),
            "leaves": np.concatenate(self.leaves),
            "output": np.array(self.outputs, dtype=np.int64) if has_own else None,
            "n_outputs": self.n_outputs if self.n_outputs > 1 else None,
            "start": None if start is None else np.asarray(start, dtype=np.float64),
            "divide": None if divide == 1.0 else float(divide),
            "sets": np.concatenate(self.sets) if self.sets else None,
            "set_starts": starts if self.sets else None,
            "ids": np.concatenate(self.ids) if has_ids else None,
        }
        node = ctx._emit("trees", (ref.node,), attributes)
        return Ref(node, self.n_outputs)


def _in_order(is_leaf: Array, children: Array) -> tuple[Array, Array]:
    """Nodes in the order of the core's tables: splits breadth first, but for those of two
    leaves, which come last; leaves as the splits name them."""
    levels = [np.flatnonzero(~is_leaf[:1])]
    while len(levels[-1]):
        below = children[levels[-1]].ravel()
        levels.append(below[~is_leaf[below]])
    splits = np.concatenate(levels)
    is_twig = is_leaf[children[splits]].all(axis=1)
    splits = np.concatenate([splits[~is_twig], splits[is_twig]])
    below = children[splits].ravel() if len(splits) else np.zeros(1, np.int64)
    return splits, below[is_leaf[below]]


def distinct_tests(feature: Array, threshold: Array, flags: Array) -> dict[str, Array | None]:
    """The attributes of splits' tests, each distinct one once where that is shorter."""
    # A test takes a threshold, a feature and flags; a split then the test's number.
    a_test, n = 8 + 1 + 1, len(feature)
    order = np.lexsort((flags, threshold, feature))
    ordered = [a[order] for a in (feature, threshold, flags)]
    is_new = np.ones(n, dtype=bool)
    is_new[1:] = np.any([a[1:] != a[:-1] for a in ordered], axis=0)
    n_tests = int(is_new.sum())
    test = np.empty(n, np.int64)
    test[order] = np.cumsum(is_new) - 1
    if n_tests * a_test + n * np.min_scalar_type(max(n_tests, 1) - 1).itemsize >= n * a_test:
        return {"feature": feature, "threshold": threshold, "flags": flags, "test": None}
    first, numbers, bits = (a[is_new] for a in ordered)
    return {"feature": first, "threshold": numbers, "flags": bits, "test": test}


def lookup(ctx: Context, labels: Ref, tables: Sequence[Array], *, divide: float = 1.0) -> Ref:
    """Sums of one row of each table: that of the label in the table's column.

    `tables[j][i]` is what label i of column j adds to the outputs.
    """
    width = tables[0].shape[1]
    forest = Forest(n_outputs=width, width=width)
    for column, table in enumerate(tables):
        forest.add_steps(column, np.arange(len(table) - 1) + 0.5, table)
    return forest.emit(ctx, labels, divide=divide)
