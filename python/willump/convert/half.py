"""Whether the original computes in float16 where X is float16. The graph reads such
rows as float64, which holds their values, so that every operator that scikit-learn runs
in the dtype of its input would round otherwise: rows of float16 are then refused.
"""

from __future__ import annotations

from collections.abc import Iterable

from .._graph import GraphBuilder

#: Operators that the original runs in the dtype of the rows that it is given.
_COMPUTES = {"scale", "affine", "normalize", "clip", "impute", "ufunc", "binarize", "external"}
#: Operators that pass the rows' values on.
_PASSES = {"select", "concat", "check_finite"}


def computes_in_half(builder: GraphBuilder, nodes: Iterable[int]) -> bool:
    """Whether one of the nodes, which come with all that they read, computes on the rows'
    own numbers in their own dtype."""
    own: set[int] = set()  # nodes of the rows' own numbers
    for number in sorted(nodes):
        node = builder.nodes[number]
        if node.operator == "input":
            if node.attributes["kind"] == "matrix":
                own.add(number)
        elif own.isdisjoint(node.inputs):
            continue
        elif node.operator in _COMPUTES:
            return True
        elif node.operator in _PASSES:
            own.add(number)
    return False
