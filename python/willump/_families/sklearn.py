"""Methods of scikit-learn's trees and their ensembles."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .._errors import UnsupportedError
from .._graph import Array
from .._present import csr_type
from .._variants import Ensemble, Source, Span, Variants
from .family import Asked, Family, Method, ignored

# ---- leaves ------------------------------------------------------------------


def _tree_apply(variants: Variants, asked: Asked, span: Span, x: Any) -> Any:
    return variants.leaves(None, x)[:, 0]


def _forest_apply(variants: Variants, asked: Asked, span: Span, x: Any) -> Any:
    return variants.leaves(None, x)


#: Trees of `GradientBoosting*` route NaN in dense rows, though their predictions refuse it.
_GAPS = {"dtype": "f32", "allow_nan": True, "allow_sparse_nan": False}


def _boosted_apply(variants: Variants, asked: Asked, span: Span, x: Any) -> Any:
    """A classifier's by class, too."""
    is_regressor = asked.metadata.get("kind") == "regressor"
    if is_regressor and not hasattr(x, "shape"):
        raise AttributeError(f"{type(x).__name__!r} object has no attribute 'shape'", obj=x)
    estimator = str(asked.metadata.get("estimator"))
    leaves = variants.leaves(None, x, check={**_GAPS, "estimator": estimator}).astype(np.float64)
    if is_regressor:
        return leaves
    return leaves.reshape(len(leaves), variants.source.n_iterations, -1)


# ---- paths -------------------------------------------------------------------


class _Paths:
    """The nodes from the root to each leaf of one tree, numbered depth first."""

    def __init__(self, left: Array, right: Array, n_leaves: int) -> None:
        n_splits = len(left)
        size = np.ones(n_splits, np.int64)  # nodes below and at each split
        for split in reversed(range(n_splits)):
            size[split] += _size(size, left[split]) + _size(size, right[split])
        number = np.zeros(n_splits, np.int64)
        paths: list[list[int]] = [[]] * n_splits
        leaves: list[list[int]] = [[0]] * n_leaves
        for split in range(n_splits):
            path = paths[split] = [*paths[split], int(number[split])]
            at = int(number[split]) + 1
            for child in (int(left[split]), int(right[split])):
                if child < 0:
                    leaves[~child] = [*path, at]
                else:
                    number[child], paths[child] = at, path
                at += _size(size, child)
        self.n_nodes = n_splits + n_leaves
        self.lengths = np.array([len(path) for path in leaves])
        self.starts = np.cumsum(self.lengths) - self.lengths
        self.nodes = np.concatenate([np.array(path, np.int64) for path in leaves])


def _size(size: Array, child: int) -> int:
    return 1 if child < 0 else int(size[child])


def _paths_of(ensemble: Ensemble) -> list[_Paths]:
    left, right = (ensemble.array(name).astype(np.int64) for name in ("left", "right"))
    found = []
    for tree, n_splits in enumerate(ensemble.starts.sizes):
        own = slice(ensemble.starts.splits[tree], ensemble.starts.splits[tree] + n_splits)
        found.append(_Paths(left[own], right[own], int(n_splits) + 1))
    return found


def _decision_paths(variants: Variants, x: Any) -> tuple[Any, Array]:
    """An indicator matrix of all trees' nodes, and where each tree's begin."""
    if not variants.source.has_paths:
        raise UnsupportedError(
            "decision_path: a tree was grown best first (max_leaf_nodes), and its splits' "
            "numbers are not kept"
        )
    positions = variants.positions(0, variants.source.n_iterations, x)
    paths = variants.once("paths", lambda: _paths_of(variants.ensemble()))
    bounds = np.cumsum([0, *(path.n_nodes for path in paths)])
    lengths = np.stack([p.lengths[positions[:, t]] for t, p in enumerate(paths)], axis=1)
    starts = np.stack([p.starts[positions[:, t]] for t, p in enumerate(paths)], axis=1)
    own = np.concatenate([path.nodes + at for path, at in zip(paths, bounds, strict=False)])
    starts += np.cumsum([0, *(len(path.nodes) for path in paths[:-1])])
    ends = np.cumsum(lengths.ravel())
    within = np.arange(ends[-1] if len(ends) else 0)
    within -= np.repeat(ends - lengths.ravel(), lengths.ravel())
    nodes = own[np.repeat(starts.ravel(), lengths.ravel()) + within]
    indptr = np.concatenate([[0], np.cumsum(lengths.sum(axis=1))])
    shape = (len(positions), int(bounds[-1]))
    matrix = csr_type()((np.ones(len(nodes), np.int64), nodes, indptr), shape=shape)
    return matrix, bounds


def _tree_path(variants: Variants, asked: Asked, span: Span, x: Any) -> Any:
    return _decision_paths(variants, x)[0]


def _forest_path(variants: Variants, asked: Asked, span: Span, x: Any) -> Any:
    return _decision_paths(variants, x)


# ---- stages ------------------------------------------------------------------

#: From a stage's sums and its number to what follows the sums.
_Divide = Callable[[Source, Array, int], Array]


def _undivided(source: Source, sums: Array, stage: int) -> Array:
    return sums


class _ByWeight:
    """AdaBoost's sums divide by the weights so far."""

    def __init__(self) -> None:
        self.total = 0.0

    def __call__(self, source: Source, sums: Array, stage: int) -> Array:
        self.total += source.weights[stage]
        return sums / self.total


def _staged(
    method: str,
    divides: Callable[[], _Divide] = lambda: _undivided,
    shape: Callable[[Array], Any] = lambda answer: answer,
) -> Method:
    """The method after each iteration."""

    def stages(variants: Variants, asked: Asked, span: Span, x: Any) -> Iterator[Any]:
        divide, tail = divides(), variants.tail()
        by_stage = variants.sums_by_stage(x, 0, variants.source.n_iterations)
        for stage, sums in enumerate(by_stage):
            yield shape(tail.run(method, divide(variants.source, sums, stage)))

    return stages


def _as_column(answer: Array) -> Array:
    return answer.reshape(len(answer), -1)


def _squeezed(answer: Array) -> Any:
    """One row's label is no array, where there are two classes."""
    return answer[0] if len(answer) == 1 else answer


def _boosted_predict(variants: Variants, asked: Asked, span: Span, x: Any) -> Any:
    is_squeezed = len(asked.metadata.get("classes") or ()) == 2
    staged = _staged("predict", shape=_squeezed) if is_squeezed else _staged("predict")
    return staged(variants, asked, span, x)


FAMILIES = {
    "sklearn_tree": Family(
        options={"check_input": ignored},
        methods={"apply": _tree_apply, "decision_path": _tree_path},
    ),
    "sklearn_forest": Family(
        methods={"apply": _forest_apply, "decision_path": _forest_path},
    ),
    "sklearn_boosting": Family(
        methods={
            "apply": _boosted_apply,
            "staged_predict": _boosted_predict,
            "staged_predict_proba": _staged("predict_proba"),
            "staged_decision_function": _staged("decision_function", shape=_as_column),
        },
    ),
    "sklearn_histogram": Family(
        methods={
            "staged_predict": _staged("predict"),
            "staged_predict_proba": _staged("predict_proba"),
            "staged_decision_function": _staged("decision_function"),
        },
    ),
    "sklearn_ada": Family(
        methods={
            "staged_predict": _staged("predict", _ByWeight),
            "staged_predict_proba": _staged("predict_proba", _ByWeight),
            "staged_decision_function": _staged("decision_function", _ByWeight),
        },
    ),
}
