"""Rows that come as CSR, given to a pipeline that was fitted on dense ones.

The original passes them on as CSR as far as its transformers do. Most models read
what CSR rows do not store as 0; XGBoost reads it as missing, so where the graph has
spread rows out that the original has not, the answers would differ: such rows are
refused, by an attribute of the graph's input.
"""

from __future__ import annotations

from typing import Any

from .._graph import GraphBuilder, Node

#: Rows come as CSR, here and in the original.
KEPT = "kept"
#: Here they are spread out; in the original they are still CSR.
LOST = "lost"
#: Dense in both, or declared sparse, or nothing that could come as CSR.
SETTLED = "settled"

#: Operators that leave CSR rows CSR, as the original's transformers do.
_KEEPS = {"select", "scale", "normalize", "binarize", "cast", "check_finite", "impute"}
#: Operators whose result is dense in the original too.
_ENDS = {"project", "linear", "trees", "tree_leaves", "linear_trees"}

#: What scikit-learn says of sparse rows where it takes dense ones only, and where
#: it cannot center them.
DENSE_ONLY = (
    "Sparse data was passed for X, but dense data is required. Use '.toarray()' to convert to "
    "a dense numpy array."
)
CANNOT_CENTER = (
    "Cannot center sparse matrices: pass `with_mean=False` instead. See docstring for "
    "motivation and alternatives."
)

#: Attributes of estimators that hold others, whose own input is checked instead.
_HOLDERS = ("steps", "transformer_list", "transformers", "estimator", "estimators")


def gaps_of(builder: GraphBuilder, node: int) -> str:
    """What becomes of rows that come as CSR, at a node."""
    known: dict[int, str] = {}
    for number in below(builder, node):
        at = builder.nodes[number]
        inputs = [known[i] for i in at.inputs]
        if at.operator == "input":
            known[number] = KEPT if at.attributes["kind"] == "matrix" else SETTLED
        elif at.operator == "external":
            known[number] = SETTLED if _is_settled(at, inputs) else LOST
        elif at.operator == "concat" and LOST in inputs:
            known[number] = LOST  # CSR again: without the zeros that CSR rows had stored
        elif set(inputs) <= {SETTLED} or at.operator in _ENDS or "sparse" in at.attributes:
            known[number] = SETTLED
        else:
            stays = at.operator in _KEEPS or at.operator == "concat"
            known[number] = KEPT if stays and set(inputs) == {KEPT} else LOST
    return known[node]


def _is_settled(step: Node, inputs: list[str]) -> bool:
    """Whether a Python step gets no CSR rows, or answers in any case as declared."""
    columns = step.payload.columns
    reads_frame = columns is not None and columns.names is not None
    is_raw = not inputs and not reads_frame
    return bool(step.attributes.get("sparse")) or not (is_raw or set(inputs) - {SETTLED})


def below(builder: GraphBuilder, node: int) -> list[int]:
    """The node and all that it is computed from, in order."""
    pending, found = [node], {node}
    while pending:
        for number in builder.nodes[pending.pop()].inputs:
            if number not in found:
                found.add(number)
                pending.append(number)
    return sorted(found)


def _library(estimator: Any) -> str:
    return type(estimator).__module__.partition(".")[0]


def may_tell_gaps(estimator: Any) -> bool:
    """Whether it, or one that it holds, may tell what is not stored from 0."""
    held = estimator.get_params().values() if hasattr(estimator, "get_params") else []
    found = [estimator, *(value for value in held if hasattr(value, "fit"))]
    return any(_library(one) not in ("sklearn", "lightgbm") for one in found)


def centers(estimator: Any) -> bool:
    return bool(getattr(estimator, "with_mean", False))


def takes_dense_only(estimator: Any) -> bool:
    """Whether one of scikit-learn's estimators refuses sparse matrices itself."""
    if _library(estimator) != "sklearn":
        return False
    if any(hasattr(estimator, name) for name in _HOLDERS):
        return False
    from sklearn.preprocessing import RobustScaler
    from sklearn.utils import get_tags

    if isinstance(estimator, RobustScaler):  # its tag is of `fit`, which cannot center them
        return False
    return not get_tags(estimator).input_tags.sparse
