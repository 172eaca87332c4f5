"""Cascades inside an ensemble of trees: gates after its first trees.

The first stage sums the trees up to some number and answers where those already
decide; the next continues from that sum, so a row that stays costs the rest
only, and gets the bits of the whole ensemble. Nothing is trained: the candidates
are prefixes of the ensemble as it was fitted.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ._graph import Array, Attribute, GraphBuilder, Node, Tensor

#: A shorter ensemble is not cut.
MIN_TREES = 16
#: Gates in one ensemble, at most.
MAX_GATES = 4
#: Prefixes are tried at these shares of the trees.
SHARES = (0.01, 0.02, 0.03, 0.05, 0.08, 0.12, 0.18, 0.27, 0.4, 0.6, 0.8)


def find_ensemble(builder: GraphBuilder, label: int) -> int | None:
    """The largest sum of trees that the label depends on, None without one."""
    best, most = None, MIN_TREES - 1
    for node in sorted(_reached(builder, label)):
        found = builder.nodes[node]
        if found.operator == "trees" and "sizes" in found.attributes:
            n = len(_array(builder, found, "sizes"))
            if n > most:
                best, most = node, n
    return best


def has_python_between(builder: GraphBuilder, ensemble: int, outputs: Sequence[int]) -> bool:
    """Whether a Python step reads what the ensemble gives, so that no copy can."""
    return any(
        builder.nodes[node].payload is not None and ensemble in _reached(builder, node)
        for output in outputs
        for node in _reached(builder, output)
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
        node = builder.nodes[ensemble]
        n_trees = len(_array(builder, node, "sizes"))
        # Trees of several classes take turns: a round is not torn apart.
        turn = int(self._scalar("n_outputs", 1)) if self._width() == 1 else 1
        cuts = {round(share * n_trees / turn) * turn for share in SHARES}
        self.ends = [*sorted(cut for cut in cuts if 0 < cut < n_trees), n_trees]

    def _scalar(self, name: str, default: float) -> float:
        value = self.builder.nodes[self.ensemble].attributes.get(name, default)
        assert isinstance(value, (int, float))
        return value

    def _width(self) -> int:
        leaves = _array(self.builder, self.builder.nodes[self.ensemble], "leaves")
        return int(leaves.shape[1]) if leaves.ndim == 2 else 1

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
        divide = self._scalar("divide", 1.0)
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
        rest = self._slice(ns[-1], n_trees)
        whole = self.builder.node("trees", inputs, {**rest, "start": None}, name="rest")
        return answers, whole

    def segment(self, first: int, last: int, inputs: tuple[int, ...] | None = None) -> int:
        """The sum of trees [first, last); by itself, or going on from inputs[1]."""
        x = self.builder.nodes[self.ensemble].inputs[0]
        attributes = {**self._slice(first, last), "divide": None}
        if first:
            attributes["start"] = None
        return self.builder.node("trees", inputs or (x,), attributes, name="first")

    def _slice(self, first: int, last: int) -> dict[str, Attribute | None]:
        """The attributes of trees [first, last), which lie tree by tree."""
        builder, node = self.builder, self.builder.nodes[self.ensemble]
        sizes = _array(builder, node, "sizes")
        starts = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
        s0, s1 = int(starts[first]), int(starts[last])
        attributes: dict[str, Attribute | None] = dict(node.attributes)
        for name in ("left", "right"):
            attributes[name] = _array(builder, node, name)[s0:s1]
        # The tests that these splits make.
        tests: Array | slice = slice(s0, s1)
        if "test" in node.attributes:
            tests, numbers = np.unique(_array(builder, node, "test")[s0:s1], return_inverse=True)
            attributes["test"] = numbers
        for name in ("feature", "threshold", "flags"):
            attributes[name] = _array(builder, node, name)[tests]
        attributes["sizes"] = sizes[first:last]
        # A tree has one leaf more than splits.
        attributes["leaves"] = _array(builder, node, "leaves")[s0 + first : s1 + last]
        n_outputs = int(self._scalar("n_outputs", 1))
        if "output" in node.attributes:
            attributes["output"] = _array(builder, node, "output")[first:last]
        elif self._width() == 1 and n_outputs > 1:
            attributes["output"] = np.arange(first, last) % n_outputs
        return attributes

    def replaced(self, outputs: dict[str, int], by: int) -> dict[str, int]:
        """Copies of the outputs that read `by` in place of the ensemble."""
        done: dict[int, int] = {self.ensemble: by}
        for node in sorted({n for o in outputs.values() for n in _reached(self.builder, o)}):
            if node not in done:
                done[node] = self._copied(node, done)
        return {name: done[node] for name, node in outputs.items()}

    def _copied(self, number: int, done: dict[int, int]) -> int:
        node = self.builder.nodes[number]
        inputs = tuple(done[i] for i in node.inputs)
        if inputs == node.inputs:
            return number
        return self.builder.node(node.operator, inputs, node.attributes, name="first")


def _array(builder: GraphBuilder, node: Node, name: str) -> Array:
    value = node.attributes[name]
    found = builder.tensors[value.name] if isinstance(value, Tensor) else value
    assert isinstance(found, np.ndarray)
    return found


def _reached(builder: GraphBuilder, node: int) -> set[int]:
    """The node and all that it depends on."""
    found: set[int] = set()
    pending = [node]
    while pending:
        at = pending.pop()
        if at not in found:
            found.add(at)
            pending.extend(builder.nodes[at].inputs)
    return found
