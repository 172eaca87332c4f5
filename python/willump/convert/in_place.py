"""Steps that change the rows that they are given, where others read them too.

scikit-learn runs the parts of a union one after the other on the same array: those behind a
scaler that was told not to copy read scaled rows. Only scikit-learn itself does that again.
What a function of one's own does with its rows is seen when it is called.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import FunctionTransformer

from .._graph import GraphBuilder
from .registry import Refused, find


def refuse_shared_changes(est: Any) -> None:
    """Refuses what gives the same rows to several parts of which one changes them."""
    parts = _parts(est)
    if len(parts) > 1 and _is_shared(est) and any(map(changes_rows, parts)):
        raise Refused("copy=False in it changes rows that other parts of it read")


def mark_shared(builder: GraphBuilder, nodes: Iterable[int]) -> None:
    """Tells the Python steps that may change their rows, and share them with other readers, to
    look whether they did."""
    live = [builder.nodes[number] for number in nodes]
    read = Counter(number for node in live for number in set(node.inputs))
    raw = {id(node.payload.estimator) for node in live if node.payload and node.payload.is_raw}
    is_shared = len(raw) + any(node.operator == "input" for node in live) > 1
    for node in live:
        step = node.payload
        if step is None or not _may_change(step.estimator):
            continue
        if step.is_raw:
            step.shares_rows = is_shared and step.columns is None
            continue
        given = node.inputs[0]
        while read[given] == 1 and builder.nodes[given].operator == "check_finite":
            given = builder.nodes[given].inputs[0]
        step.shares_rows = read[given] > 1


def _may_change(step: Any) -> bool:
    """Whether what is not known of a step may change the rows that it is given."""
    if isinstance(step, Pipeline):
        first = [one for _, one in step.steps if one is not None and not isinstance(one, str)]
        return bool(first) and _may_change(first[0])
    if isinstance(step, FunctionTransformer):
        return step.func is not None and not isinstance(step.func, np.ufunc)
    if step is None or isinstance(step, str):
        return False
    if parts := _parts(step):
        return any(map(_may_change, parts))
    return type(step).__module__.partition(".")[0] != "sklearn" and find(step) is None


#: Where estimators hold the one that they give their rows.
_INSIDE = ("best_estimator_", "estimator_", "regressor_")


def changes_rows(step: Any) -> bool:
    """Whether a fitted step may change the rows that it is given."""
    if isinstance(step, Pipeline):
        for _, one in step.steps:
            if changes_rows(one):
                return True
            if not _hands_on(one):
                return False
        return False
    if step is None or isinstance(step, str):
        return False
    if parts := _parts(step):
        return any(map(changes_rows, parts))
    found = (getattr(step, name, None) for name in _INSIDE)
    inner = next((each for each in found if each is not None), None)
    if inner is None and type(step).__name__ == "FrozenEstimator":
        inner = step.estimator
    if inner is not None:
        return changes_rows(inner)
    try:
        return not step.get_params(deep=False).get("copy", True)
    except Exception:  # not scikit-learn's
        return False


def _hands_on(step: Any) -> bool:
    """Whether a step of a Pipeline may give the array itself that it was given."""
    if step is None or isinstance(step, str):
        return True
    if isinstance(step, FunctionTransformer):
        return not isinstance(step.func, np.ufunc)
    return not type(step).__module__.startswith("sklearn.")


def _parts(est: Any) -> Sequence[Any]:
    """Those that are each given the rows that an estimator is given; none: it is not of
    several."""
    if isinstance(est, FeatureUnion):
        return [one for _, one in est.transformer_list if not _is_drop(one)]
    if isinstance(est, ColumnTransformer):
        return [one for _, one, _ in getattr(est, "transformers_", est.transformers)]
    if calibrated := getattr(est, "calibrated_classifiers_", None):
        return [pair.estimator for pair in calibrated]
    found = getattr(est, "estimators_", None)
    if not isinstance(found, (list, tuple)):
        return []
    if hasattr(est, "estimator_"):  # copies of one, such as a forest's
        return [est.estimator_] * min(len(found), 2)
    is_stack = hasattr(est, "final_estimator_") and est.passthrough
    return [*found, "passthrough"] if is_stack else found


def _is_drop(step: Any) -> bool:
    return isinstance(step, str) and step == "drop"


def _is_shared(est: Any) -> bool:
    """Whether parts read the same columns."""
    if not isinstance(est, ColumnTransformer):
        return True
    if not hasattr(est, "transformers_"):  # its converter says that it is not fitted
        return False
    seen: set[int] = set()
    for name, one, _ in est.transformers_:
        columns = {int(i) for i in est._transformer_to_input_indices[name]}
        if _is_drop(one):
            continue
        if seen & columns:
            return True
        seen |= columns
    return False
