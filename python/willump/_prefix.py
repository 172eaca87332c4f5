"""Cascades inside an ensemble of trees: gates after its first trees.

The first stage sums the trees up to some number and answers where those already
decide; the next continues from that sum, so a row that stays costs the rest
only, and gets the bits of the whole ensemble. Nothing is trained: the candidates
are prefixes of the ensemble as it was fitted.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ._ensembles import array_of, reached, replaced, trees_between
from ._graph import Attribute, GraphBuilder

#: A shorter ensemble is not cut.
MIN_TREES = 16
#: Prefixes are tried at these shares of the trees.
SHARES = (0.01, 0.02, 0.03, 0.05, 0.08, 0.12, 0.18, 0.27, 0.4, 0.6, 0.8)


def find_ensemble(builder: GraphBuilder, label: int) -> int | None:
    """The largest sum of trees that the label depends on and that can be cut, None without
    one."""
    best, most = None, MIN_TREES - 1
    for node in sorted(reached(builder, label)):
        found = builder.nodes[node]
        if found.operator == "trees" and "sizes" in found.attributes:
            n = len(array_of(builder, found, "sizes"))
            if n > most and len(_ends(builder, node)) > 1:
                best, most = node, n
    return best


def _ends(builder: GraphBuilder, ensemble: int) -> list[int]:
    """Where the segments of an ensemble end: one, where its trees are one turn, as a weighted
    median's are."""
    node = builder.nodes[ensemble]
    n_trees = len(array_of(builder, node, "sizes"))
    # Trees of several classes take turns: a round is not torn apart.
    n_outputs = node.attributes.get("n_outputs", 1)
    assert isinstance(n_outputs, int)
    turn = n_outputs if _width(builder, ensemble) == 1 else 1
    cuts = {round(share * n_trees / turn) * turn for share in SHARES}
    return [*sorted(cut for cut in cuts if 0 < cut < n_trees), n_trees]


def _width(builder: GraphBuilder, ensemble: int) -> int:
    """Columns of the leaves."""
    leaves = array_of(builder, builder.nodes[ensemble], "leaves")
    return int(leaves.shape[1]) if leaves.ndim == 2 else 1


def has_python_between(builder: GraphBuilder, ensemble: int, outputs: Sequence[int]) -> bool:
    """Whether a Python step reads what the ensemble gives, so that no copy can."""
    return any(
        builder.nodes[node].payload is not None and ensemble in reached(builder, node)
        for output in outputs
        for node in reached(builder, output)
    )


class Prefixes:
    """The ways to cut one ensemble.

    Attributes
    ----------
    ends : list of int
        Where the segments end, in trees; the last is the number of trees.
    """

    def __init__(self, builder: GraphBuilder, ensemble: int) -> None:
        self.builder = builder
        self.ensemble = ensemble
        self.ends = _ends(builder, ensemble)

    def _scalar(self, name: str, default: float) -> float:
        value = self.builder.nodes[self.ensemble].attributes.get(name, default)
        assert isinstance(value, (int, float))
        return value

    @property
    def n_outputs(self) -> int:
        return max(int(self._scalar("n_outputs", 1)), _width(self.builder, self.ensemble))

    @property
    def divide(self) -> float:
        return self._scalar("divide", 1.0)

    @property
    def names(self) -> list[str]:
        """What the segments are called."""
        starts = [0, *self.ends[:-1]]
        return [f"trees {a + 1} to {b}" for a, b in zip(starts, self.ends, strict=True)]

    def cut(self, *ns: int) -> tuple[list[int], int]:
        """Nodes after the first n trees, for each n: the ensemble's answer as it
        would be if these were all; and the whole ensemble's. Each goes on from
        the sum before it."""
        x = self.builder.nodes[self.ensemble].inputs[0]
        n_trees = self.ends[-1]
        divide = self.divide
        answers = []
        inputs: tuple[int, ...] = (x,)
        for first, n in zip((0, *ns), ns, strict=False):
            sums = self.segment(first, n, inputs)
            inputs = (x, sums)
            share = np.array([divide * n / n_trees])
            answers.append(
                self.builder.node("scale", (sums,), {"divide": share}, name="first")
                if divide != 1.0
                else sums
            )
        return answers, self.rest(ns[-1], inputs[1])

    def rest(self, first: int, sums: int) -> int:
        """The whole ensemble's answer, going on from the sum of its first trees."""
        x = self.builder.nodes[self.ensemble].inputs[0]
        attributes = {**self._between(first, self.ends[-1]), "start": None}
        return self.builder.node("trees", (x, sums), attributes, name="rest")

    def segment(self, first: int, last: int, inputs: tuple[int, ...] | None = None) -> int:
        """The sum of trees [first, last); by itself, or going on from inputs[1]."""
        x = self.builder.nodes[self.ensemble].inputs[0]
        attributes = {**self._between(first, last), "divide": None}
        if first:
            attributes["start"] = None
        return self.builder.node("trees", inputs or (x,), attributes, name="first")

    def _between(self, first: int, last: int) -> dict[str, Attribute | None]:
        """The attributes of trees [first, last); sums need no leaves' own numbers."""
        node = self.builder.nodes[self.ensemble]
        return {**trees_between(self.builder, node, first, last), "ids": None}

    def replaced(self, outputs: dict[str, int], by: int) -> dict[str, int]:
        """Copies of the outputs that read `by` in place of the ensemble."""
        return replaced(self.builder, outputs, self.ensemble, by)
