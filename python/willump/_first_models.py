"""What the model of a first stage may be: a clone of the pipeline's own, or where
that is dear a cheaper one that answers by the same methods."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

#: Makes a model that is not fitted yet.
Maker = Callable[[], Any]

#: Iterations of a logistic regression: what it has learnt by then is certified.
LOGISTIC_ITERATIONS = 100
#: A small ensemble of trees.
N_TREES, N_LEAVES = 20, 15
#: Attributes of fitted models that cost about a product with their features.
CHEAP = ("coef_", "feature_log_prob_", "theta_")


def first_models(estimator: Any, *, is_sparse: bool) -> tuple[list[Maker], int]:
    """Ways to make the model of a first stage, the pipeline's own first; and the
    number of the one that subsets of blocks are searched with."""
    from sklearn.base import clone

    own: Maker = lambda: clone(estimator)  # noqa: E731
    if any(hasattr(estimator, name) for name in CHEAP):
        return [own], 0
    found = [own, _logistic]
    if not is_sparse:
        found.append(_small_trees)
    return found, 1


def _logistic() -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(max_iter=LOGISTIC_ITERATIONS)


def _small_trees() -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(max_iter=N_TREES, max_leaf_nodes=N_LEAVES)
