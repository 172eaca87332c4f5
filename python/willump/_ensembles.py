"""Ensembles of trees as nodes of a graph: ranges of their trees, and graphs that read
another node in place of one."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from ._graph import Array, Attribute, GraphBuilder, Node, Tensor

#: From a node that is copied to the attributes of its copy.
Edit = Callable[[Node], Mapping[str, Attribute]]


def array_of(builder: GraphBuilder, node: Node, name: str) -> Array:
    """An attribute that is an array, in place or as a tensor."""
    value = node.attributes[name]
    found = builder.tensors[value.name] if isinstance(value, Tensor) else value
    assert isinstance(found, np.ndarray)
    return found


def reached(builder: GraphBuilder, node: int) -> set[int]:
    """The node and all that it depends on."""
    found: set[int] = set()
    pending = [node]
    while pending:
        at = pending.pop()
        if at not in found:
            found.add(at)
            pending.extend(builder.nodes[at].inputs)
    return found


def replaced(
    builder: GraphBuilder, outputs: Mapping[str, int], old: int, new: int, edit: Edit | None = None
) -> dict[str, int]:
    """Copies of the outputs that read `new` in place of `old`."""
    return all_replaced(builder, outputs, {old: new}, edit)


def all_replaced(
    builder: GraphBuilder,
    outputs: Mapping[str, int],
    others: Mapping[int, int],
    edit: Edit | None = None,
) -> dict[str, int]:
    """The same for several nodes."""
    done = dict(others)
    for number in sorted({n for o in outputs.values() for n in reached(builder, o)}):
        if number not in done:
            node = builder.nodes[number]
            inputs = tuple(done[i] for i in node.inputs)
            attributes = node.attributes if edit is None else edit(node)
            is_same = inputs == node.inputs and attributes is node.attributes
            done[number] = (
                number if is_same else builder.node(node.operator, inputs, attributes, name="first")
            )
    return {name: done[node] for name, node in outputs.items()}


def n_trees_of(builder: GraphBuilder, node: Node) -> int:
    return len(array_of(builder, node, "sizes" if "sizes" in node.attributes else "roots"))


class TreeStarts:
    """Where the splits and leaves of trees begin, which lie tree by tree."""

    def __init__(self, builder: GraphBuilder, node: Node) -> None:
        if "sizes" in node.attributes:
            sizes = array_of(builder, node, "sizes").astype(np.int64)
        else:
            sizes = _sizes_of_roots(builder, node)
        self.sizes = sizes
        self.splits = np.concatenate([[0], np.cumsum(sizes)])
        # A tree has one leaf more than splits.
        self.leaves = self.splits + np.arange(len(sizes) + 1)


def _sizes_of_roots(builder: GraphBuilder, node: Node) -> Array:
    """The number of splits of each tree, whose numbers go on from tree to tree."""
    roots = array_of(builder, node, "roots").astype(np.int64)
    n_splits = len(array_of(builder, node, "left"))
    starts = np.append(roots, n_splits)
    for tree in reversed(range(len(roots))):
        if roots[tree] < 0:  # a leaf alone
            starts[tree] = starts[tree + 1]
    sizes: Array = np.diff(starts)
    if np.any(sizes < 0) or starts[0] != 0:
        raise ValueError("the ensemble's trees do not lie one behind the other")
    return sizes


def trees_between(
    builder: GraphBuilder, node: Node, first: int, last: int
) -> dict[str, Attribute | None]:
    """The attributes of an ensemble of its trees [first, last)."""
    starts = TreeStarts(builder, node)
    s0, s1 = int(starts.splits[first]), int(starts.splits[last])
    l0, l1 = int(starts.leaves[first]), int(starts.leaves[last])
    attributes: dict[str, Attribute | None] = dict(node.attributes)
    if "roots" in attributes:
        children = _from_own_starts(builder, node, starts)
        attributes["roots"] = None
    else:
        children = {name: array_of(builder, node, name) for name in ("left", "right")}
    for name in ("left", "right"):
        attributes[name] = children[name][s0:s1]
    # The tests that these splits make.
    tests: Array | slice = slice(s0, s1)
    if "test" in attributes:
        made = array_of(builder, node, "test")[s0:s1]
        tests, numbers = np.unique(made, return_inverse=True)
        attributes["test"] = numbers
    for name in ("feature", "threshold", "flags"):
        attributes[name] = array_of(builder, node, name)[tests]
    attributes["sizes"] = starts.sizes[first:last]
    for name in ("leaves", "ids", "linear_constants"):
        if name in attributes:
            attributes[name] = array_of(builder, node, name)[l0:l1]
    if "linear_starts" in attributes:
        terms = array_of(builder, node, "linear_starts")[l0 : l1 + 1].astype(np.int64)
        attributes["linear_starts"] = terms - terms[0]
        for name in ("linear_features", "linear_coefficients"):
            attributes[name] = array_of(builder, node, name)[terms[0] : terms[-1]]
    n_outputs, leaves = attributes.get("n_outputs", 1), array_of(builder, node, "leaves")
    assert isinstance(n_outputs, int)
    if "output" in attributes:
        attributes["output"] = array_of(builder, node, "output")[first:last]
    elif n_outputs > 1 and (leaves.ndim == 1 or leaves.shape[1] == 1):
        attributes["output"] = np.arange(first, last) % n_outputs
    return attributes


def _from_own_starts(builder: GraphBuilder, node: Node, starts: TreeStarts) -> dict[str, Array]:
    """Children as numbers from their own tree's first split and leaf."""
    splits = np.repeat(starts.splits[:-1], starts.sizes)
    leaves = np.repeat(starts.leaves[:-1], starts.sizes)
    found = {}
    for name in ("left", "right"):
        child = array_of(builder, node, name).astype(np.int64)
        found[name] = np.where(child < 0, ~(~child - leaves), child - splits)
    return found


#: What `tree_leaves` makes nothing of.
_SUMS = ("output", "n_outputs", "start", "divide", "dtype")


def leaves_of(attributes: Mapping[str, Attribute | None]) -> dict[str, Attribute | None]:
    """The attributes of `tree_leaves` for an ensemble's."""
    return {
        name: value
        for name, value in attributes.items()
        if name not in _SUMS and not name.startswith("linear_")
    }
