"""Gates that are learned: a small model of how far a first stage is from the exact
pipeline, over what the first stage has computed anyway.

It is fitted on the select rows. Those also compare the gates, so the values that
they are compared by come from models of the other folds of them. The certify rows
are not looked at: a certificate holds for any gate that was chosen without them.

A gate's value is exp(-predicted gap): above 0, as several gates in one ensemble
need, and larger where a row may sooner leave.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

#: Models of a gap are fitted on so many folds less one.
FOLDS = 3
#: Select rows that a model of their gaps takes.
LEAST_ROWS = 40
#: Of rows that differ, and of those that do not.
LEAST_EVENTS = 12
#: Dense features that a gate reads besides the scores, at most.
MOST_FEATURES = 256
#: Gaps are told apart from this part of the tolerance on.
_SMALL_GAP, _LARGEST_GAP = 0.03, 1e3


@dataclass(frozen=True)
class Gaps:
    """How far the first stage is from the exact pipeline on some rows: parts of a
    tolerance, or, of labels, whether they differ."""

    values: Array
    is_event: bool

    @property
    def targets(self) -> Array:
        if self.is_event:
            return np.asarray(self.values != 0, np.int64)
        known = np.nan_to_num(self.values, nan=_LARGEST_GAP, posinf=_LARGEST_GAP)
        return np.asarray(np.log(np.minimum(known, _LARGEST_GAP) + _SMALL_GAP))

    def can_teach(self) -> bool:
        if not self.is_event:
            return len(self.values) >= LEAST_ROWS
        n_events = int(np.count_nonzero(self.values))
        return min(n_events, len(self.values) - n_events) >= LEAST_EVENTS


class Model(Protocol):
    """A model of gaps."""

    name: str

    def fit(self, features: Array, gaps: Gaps, seed: int) -> Model: ...
    def predict(self, features: Array) -> Array: ...
    def emit(self, context: Any, features: Any) -> Any: ...


class Linear:
    """Ridge or logistic regression over standardised features."""

    name = "linear"

    def fit(self, features: Array, gaps: Gaps, seed: int) -> Linear:
        from sklearn.linear_model import LogisticRegression, Ridge

        mean, scale = features.mean(axis=0), features.std(axis=0)
        scale = np.where(scale > 1e-12 * (1 + np.abs(mean)), scale, np.inf)
        model = LogisticRegression(max_iter=200) if gaps.is_event else Ridge(alpha=10.0)
        model.fit((features - mean) / scale, gaps.targets)
        coef = np.ravel(model.coef_) / scale
        self.coef, self.intercept = coef, float(np.ravel(model.intercept_)[0] - coef @ mean)
        return self

    def predict(self, features: Array) -> Array:
        return np.asarray(features @ self.coef + self.intercept)

    def emit(self, context: Any, features: Any) -> Any:
        return context.linear(features, self.coef, self.intercept)


class Trees:
    """A few small trees."""

    name = "trees"

    def fit(self, features: Array, gaps: Gaps, seed: int) -> Trees:
        from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

        kind = HistGradientBoostingClassifier if gaps.is_event else HistGradientBoostingRegressor
        self.model = kind(
            max_iter=20, max_leaf_nodes=8, learning_rate=0.2, l2_regularization=1.0,
            early_stopping=False, random_state=seed % 2**31,
        ).fit(features, gaps.targets)  # fmt: skip
        self.is_event = gaps.is_event
        return self

    def predict(self, features: Array) -> Array:
        own = self.model.decision_function if self.is_event else self.model.predict
        return np.asarray(own(features))

    def emit(self, context: Any, features: Any) -> Any:
        with context.own_values(), context.reads_any_rows():
            made = context.predict(self.model, features, native=True)
        return made.decision if self.is_event else made.prediction


@dataclass
class Learned:
    """A gate, and what it says of the select rows that it was not fitted on."""

    model: Model
    values: Array

    def node(self, context: Any, features: Any) -> int:
        """The gate over a first stage's features."""
        gap = context.cast(self.model.emit(context, features))
        turned = context.rows("affine", gap, multiply=np.array([-1.0]))
        return int(context.rows("exp", turned).node)


def learn(features: Array, gaps: Gaps, groups: Array | None, seed: int) -> list[Learned]:
    """Gates for a first stage: none where there is too little to learn from."""
    from threadpoolctl import threadpool_limits

    if not gaps.can_teach():
        return []
    kinds: list[type[Model]] = [Trees]
    if np.isfinite(features).all() and np.abs(features).max(initial=0.0) < 1e100:
        kinds.insert(0, Linear)
    folds = _folds(len(features), groups, seed)
    found = []
    for kind in kinds:
        # So few rows are soon done: threads would mostly wait for each other.
        with threadpool_limits(1, user_api="openmp"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                found.append(_cross_fitted(kind, features, gaps, folds, seed))
            except ValueError:  # a fold of one class
                continue
    return found


def _folds(n: int, groups: Array | None, seed: int) -> Array:
    """A fold for each row; equal groups have equal ones."""
    rng = np.random.default_rng(seed)
    if groups is None:
        return rng.integers(0, FOLDS, n)
    numbers = np.unique(groups, return_inverse=True)[1]
    return np.asarray(rng.integers(0, FOLDS, numbers.max(initial=0) + 1)[numbers])


def _cross_fitted(
    kind: type[Model], features: Array, gaps: Gaps, folds: Array, seed: int
) -> Learned:
    predicted = np.zeros(len(features))
    for fold in range(FOLDS):
        out = folds == fold
        part = Gaps(gaps.values[~out], gaps.is_event)
        if np.any(out):
            predicted[out] = kind().fit(features[~out], part, seed).predict(features[out])
    model = kind().fit(features, gaps, seed)
    return Learned(model, np.exp(-predicted))
