"""Whether the original computes in float16 where X is float16. The graph reads such
rows as float64, which holds their values, so that every operator that scikit-learn runs
in the dtype of its input would round otherwise: rows of float16 are then refused. So is
float32 of a Python step that the graph takes for float64.
"""

from __future__ import annotations

from collections.abc import Iterable

from .._graph import GraphBuilder

#: Operators that the original runs in the dtype of the rows that it is given.
_COMPUTES = {"scale", "affine", "normalize", "clip", "impute", "ufunc", "binarize", "external"}
#: Operators that pass the rows' values on.
_PASSES = {"select", "concat", "check_finite"}


def read_in_half(builder: GraphBuilder, nodes: Iterable[int]) -> dict[int, str]:
    """The inputs that refuse float16, by what `_columns.adapt_matrix` is told: "no_half",
    where one of the nodes, which come with all that they read, computes in their own
    dtype, and "no_half_columns" where steps may read columns of a table apart, in a dtype
    that goes by these."""
    found: dict[int, str] = {}
    sources: dict[int, set[int]] = {}
    for number in sorted(nodes):
        node = builder.nodes[number]
        read = set().union(*(sources.get(before, ()) for before in node.inputs))
        if node.operator == "input" and node.attributes["kind"] == "matrix":
            sources[number] = {number}
        elif node.operator == "input" and node.attributes["kind"] == "numeric":
            found[number] = "no_half_columns"
        elif node.operator == "select":
            found |= dict.fromkeys(read, "no_half_columns")
        elif node.operator in _COMPUTES:
            found = dict.fromkeys(read, "no_half") | found
        if node.operator in _PASSES:
            sources[number] = read
    return found


def mark_steps(builder: GraphBuilder, nodes: Iterable[int]) -> None:
    """Tells the Python steps which answers of float32 they refuse: of those that are
    float64 to the graph, what the original would compute on in float32."""
    for number in nodes:
        node = builder.nodes[number]
        if node.operator == "external" and not node.attributes.get("keeps"):
            node.payload.refuses_float32 = _computes(builder, nodes, {number})


def _computes(builder: GraphBuilder, nodes: Iterable[int], own: set[int]) -> bool:
    """Whether one of the nodes computes on the numbers of some, or on what passes these on,
    in their dtype."""
    for number in sorted(nodes):
        node = builder.nodes[number]
        if own.isdisjoint(node.inputs):
            continue
        if node.operator in _COMPUTES:
            return True
        if node.operator in _PASSES:
            own.add(number)
    return False
