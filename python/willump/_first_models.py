"""What the model of a first stage may be: a clone of the pipeline's own, or where
that is dear a cheaper one that answers by the same methods."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

#: Makes a model that is not fitted yet.
Maker = Callable[[], Any]

#: Iterations of a logistic regression: what it has learnt by then is certified.
LOGISTIC_ITERATIONS = 100
#: A small ensemble of trees.
N_TREES, N_LEAVES = 20, 15
#: Iterations of a model that goes on from the pipeline's own coefficients.
WARM_ITERATIONS = 10
#: Of each class, so many rows come early in a race.
EARLY_ROWS = 2
#: Attributes of fitted models that cost about a product with their features.
CHEAP = ("coef_", "feature_log_prob_", "theta_")


def first_models(
    estimator: Any, kind: str, *, is_sparse: bool, is_python: bool, is_table: bool = False
) -> tuple[list[Maker], int]:
    """Ways to make the model of a first stage, the pipeline's own first; and the
    number of the one that subsets of blocks are searched with.

    Parameters
    ----------
    estimator : the pipeline's final model
    kind : "label", "labels" or "numbers"
        What it answers.
    is_sparse : bool
        Whether its features are.
    is_table : bool
        Several labels are predictions, of which there are no scores.
    is_python : bool
        It stays Python, and a clone of it would too.
    """
    from sklearn.base import clone

    own: Maker = lambda: clone(estimator)  # noqa: E731
    members = getattr(estimator, "estimators_", None)
    first = members[0] if kind == "labels" and isinstance(members, list) and members else estimator
    if not is_python and any(hasattr(first, name) for name in CHEAP):
        return [own], 0
    if kind == "labels":
        return [own, _table_of_logistics if is_table else _logistic_each], 1
    found = [own, _ridge if kind == "numbers" else _logistic]
    if not is_sparse:
        found.append(_small_regression_trees if kind == "numbers" else _small_trees)
    return found, 1


def _logistic() -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(max_iter=LOGISTIC_ITERATIONS)


def _logistic_each() -> Any:
    from sklearn.multiclass import OneVsRestClassifier

    return OneVsRestClassifier(_logistic())


def _table_of_logistics() -> Any:
    from sklearn.multioutput import MultiOutputClassifier

    return MultiOutputClassifier(_logistic())


def _ridge() -> Any:
    from sklearn.linear_model import Ridge

    return Ridge()


def _small_trees() -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(max_iter=N_TREES, max_leaf_nodes=N_LEAVES)


def _small_regression_trees() -> Any:
    from sklearn.ensemble import HistGradientBoostingRegressor

    return HistGradientBoostingRegressor(
        max_iter=N_TREES, max_leaf_nodes=N_LEAVES, learning_rate=0.3
    )


def start_warm(estimator: Any, known: Any, columns: Array) -> None:
    """Has a clone go on from the known coefficients of its columns, where it can: few
    iterations then do, and whatever comes out is certified as it is."""
    coef = getattr(known, "coef_", None)
    if not {"warm_start", "max_iter"} <= estimator.get_params().keys():
        return
    if not isinstance(coef, np.ndarray) or coef.ndim != 2 or columns.max() >= coef.shape[1]:
        return
    limit = min(int(estimator.max_iter or WARM_ITERATIONS), WARM_ITERATIONS)
    estimator.set_params(warm_start=True, max_iter=limit)
    estimator.coef_ = coef[:, columns].copy()
    estimator.intercept_ = np.array(known.intercept_, copy=True)
    if hasattr(known, "classes_"):
        estimator.classes_ = known.classes_


def race_order(labels: Array) -> Array:
    """Rows in a random order in which some of each class come early."""
    order: Array = np.random.default_rng(0).permutation(len(labels))
    axis = 0 if labels.ndim == 2 else None
    numbers = np.unique(labels[order], axis=axis, return_inverse=True)[1].ravel()
    by_class = np.argsort(numbers, kind="stable")
    starts = np.searchsorted(numbers[by_class], numbers[by_class])
    before = np.empty(len(labels), np.int64)  # rows of its class before each
    before[by_class] = np.arange(len(labels)) - starts
    return order[np.argsort(before >= EARLY_ROWS, kind="stable")]
