"""Whether the original computes in float16 where X is float16. The graph reads such
rows as float64, which holds their values, so that every operator that scikit-learn runs
in the dtype of its input would round otherwise: rows of float16 are then refused. So is
float32 of a Python step that the graph takes for float64.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from .._dtypes import SAME_FUNCTIONS
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
    """Tells the Python steps which answers they refuse: of those that are float64 to the
    graph, what the original would compute on in float32, and what functions of NumPy's would
    compute on in the dtype of small integers."""
    for number in nodes:
        node = builder.nodes[number]
        if node.operator != "external":
            continue
        if not node.attributes.get("keeps"):
            node.payload.refuses_float32 = any(_computing(builder, nodes, {number}, _PASSES))
        if node.payload.dtype == "f64":
            read = _computing(builder, nodes, {number}, {*_PASSES, "impute"})
            found = (builder.nodes[each].attributes.get("function") for each in read)
            node.payload.functions = tuple(dict.fromkeys(str(name) for name in found if name))


def _computing(
    builder: GraphBuilder, nodes: Iterable[int], own: set[int], passes: Collection[str]
) -> Iterator[int]:
    """The nodes that compute on the numbers of some, or on what passes these on, in their
    dtype."""
    for number in sorted(nodes):
        node = builder.nodes[number]
        if own.isdisjoint(node.inputs):
            continue
        if node.operator in passes or node.attributes.get("function") in SAME_FUNCTIONS:
            own.add(number)
        if node.operator in _COMPUTES:
            yield number
