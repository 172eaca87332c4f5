"""`Estimated`: a metric of the user's, by a paired bootstrap and without a proof.

The threshold is chosen on the select rows: the loosest whose loss there, with room
for what the certifying rows may show, is within the target. The certifying rows then
estimate its loss, once; where the estimate is above the target there is no cascade.
"""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

from . import _core
from ._answers import Answers, Labels
from ._calibration import Calibration
from ._promises import Numbers, Promise, Rows
from ._runner import Runner
from ._targets import Estimated

Array = npt.NDArray[Any]

#: Thresholds that are tried, at equal shares of the select rows.
LEVELS = 25
REPLICATES = 1000
#: Parts that are left out in turn, for the acceleration and for standard errors.
PARTS = 50
SELECT_PARTS = 20
#: Room on the select rows, in parts of their own interval: the certifying rows are
#: four times as many, so that theirs is half as wide.
ROOM = 1.0

_METHODS = {
    "label": "predict",
    "prediction": "predict",
    "proba": "predict_proba",
    "decision": "decision_function",
}


class _Answered(BaseEstimator):  # type: ignore[misc]
    """An estimator whose answers are known; its X are the numbers of rows."""

    def __init__(self, outputs: dict[str, Array], classes: Array | None = None) -> None:
        self.outputs = outputs
        self.classes = classes

    def __getattr__(self, name: str) -> Any:
        known = self.__dict__.get("outputs", {}).get(name)
        if known is not None:

            def method(rows: Any) -> Array:
                return np.asarray(known[np.asarray(rows).ravel()])

            method.__name__ = name
            return method
        if name == "classes_" and self.__dict__.get("classes") is not None:
            return self.__dict__["classes"]
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}", name=name)

    def __sklearn_is_fitted__(self) -> bool:
        return True


class _AnsweredClassifier(ClassifierMixin, _Answered):  # type: ignore[misc]
    pass


class _AnsweredRegressor(RegressorMixin, _Answered):  # type: ignore[misc]
    pass


class EstimatedPromise(Promise):
    """A metric that falls by little, as far as a bootstrap can tell."""

    kind = "estimated"
    max_gates = 1
    rows_note = " with labels"

    def __init__(self, target: Estimated, y_cal: Array, answers: Answers, seed: int) -> None:
        from sklearn.metrics import get_scorer

        super().__init__(target.confidence)
        self.alpha = float(target.loss)
        self.answers, self.labels, self.seed = answers, y_cal, seed
        self.scorer = get_scorer(target.metric) if isinstance(target.metric, str) else target.metric
        self.metric = (
            target.metric
            if isinstance(target.metric, str)
            else str(getattr(target.metric, "__name__", target.metric))
        )
        self.what = f"an estimated loss of {self.metric} of at most {target.loss:g}"
        # Gates compute the metric often; a prediction has no gate but a learned one.
        self.learns = answers.kind == "numbers"
        # Of each first stage by its gate: where it was chosen, and the threshold.
        self.chosen: WeakKeyDictionary[Runner, tuple[Rows, float]] = WeakKeyDictionary()
        self.found: dict[str, Any] = {}

    def sentence(self, unit: str) -> str:
        return (
            f"estimated, not certified: with confidence {self.confidence:g}, {self.metric} of the "
            f"cascade is at most {self.alpha:g} below that of the exact pipeline, per {unit}"
        )

    def assumption(self, cal: Calibration) -> str:
        return f"{cal.assumption}; and that the rows are many enough for a bootstrap"

    def begin(self, exact: Runner, cal: Calibration) -> None:
        self.exact, self.cal = self._outputs(exact, cal.x), cal

    def _outputs(self, runner: Runner, x: Any) -> dict[str, Array]:
        model = self.answers.model
        found = {}
        for name, ref in model.outputs().items():
            if name not in _METHODS:
                continue
            answer: Array = np.asarray(runner(name, x)).reshape(-1, ref.n_features)
            if name == "label" and not model.multilabel:
                answer = model.classes[answer.ravel()]
            elif name in model.ravel or (name == "decision" and ref.n_features == 1):
                answer = answer.ravel()
            found[_METHODS[name]] = answer
        return found

    def answer(
        self, rows: Rows, first: Runner, x: Any, gate: Numbers, labels: Labels
    ) -> dict[str, Any]:
        known = self.chosen.get(first)
        if known is not None and known[0] is rows:
            return {"threshold": known[1]}
        pair = _Pair(self, rows, self._outputs(first, x), gate)
        if known is None:
            threshold = self._choose(pair)
            self.chosen[first] = rows, threshold
            return {"threshold": threshold}
        return {"threshold": self._estimate(pair, known[1])}

    def _choose(self, pair: _Pair) -> float:
        """The loosest threshold that is likely to do."""
        gate = pair.gate[~np.isnan(pair.gate)]
        if len(gate) == 0:
            return float("inf")
        levels = np.quantile(gate, np.linspace(0.0, 1.0, LEVELS), method="lower")
        for threshold in np.unique(np.append(levels[:-1], -np.inf)):
            loss = pair.loss(threshold)
            if not loss <= self.alpha:
                continue
            left = pair.left_out(threshold, SELECT_PARTS)
            spread = np.sqrt((len(left) - 1) / len(left) * ((left - left.mean()) ** 2).sum())
            if loss + ROOM * _quantile(self.confidence) * spread <= self.alpha:
                return float(threshold)
        return float("inf")

    def _estimate(self, pair: _Pair, threshold: float) -> float:
        """The same threshold where its loss is small enough, infinity where not."""
        observed = pair.loss(threshold)
        drawn = np.array(
            [
                pair.loss(
                    threshold,
                    np.frombuffer(_core.bootstrap_rows(self.seed, i, len(pair.gate)), np.int64),
                )
                for i in range(REPLICATES)
            ]
        )
        left = pair.left_out(threshold, PARTS)
        _, upper, n_undefined, has_spread = _core.bootstrap_interval(
            drawn, observed, left, 1.0 - self.confidence
        )
        exact, cascade = pair.metrics(threshold)
        self.found = {
            "metric": self.metric,
            "metric_exact": exact,
            "metric_cascade": cascade,
            "loss_estimated": observed,
            "loss_upper": upper if np.isfinite(upper) else str(upper),
            "n_replicates": REPLICATES,
            "n_undefined": n_undefined,
            "has_spread": has_spread,
        }
        if upper <= self.alpha:
            return threshold
        self.problem = (
            f"the certifying rows put the loss of {self.metric} at {observed:.4g}, and with "
            f"confidence {self.confidence:g} below {upper:.4g}, which is above {self.alpha:g}"
        )
        return float("inf")

    def seen(self, rows: Rows, exact: Labels, served: Labels) -> dict[str, Any]:
        return self.found


class _Pair:
    """The exact pipeline and a cascade on the rows that count."""

    def __init__(
        self, promise: EstimatedPromise, rows: Rows, first: dict[str, Array], gate: Numbers
    ) -> None:
        groups = promise.cal.groups
        at = np.arange(len(rows))
        if groups is not None:
            at = np.sort(np.unique(groups[rows], return_index=True)[1])
        own = rows[at]
        self.promise, self.gate, self.truth = promise, gate[at], promise.labels[own]
        self.exact = {name: found[own] for name, found in promise.exact.items()}
        self.first = {name: found[at] for name, found in first.items()}
        self.known: dict[int, list[float]] = {}  # the exact pipeline's, by the number of parts

    def metrics(self, threshold: float) -> tuple[float, float]:
        """Of the exact pipeline and of the cascade."""
        loss = self.loss(threshold)
        return self.known[1][0], self.known[1][0] - loss

    def _mixed(self, threshold: float) -> dict[str, Array]:
        """What the cascade answers."""
        leaves = self.gate > threshold
        mixed = {}
        for name, exact in self.exact.items():
            mask = leaves.reshape(-1, *(1,) * (exact.ndim - 1))
            mixed[name] = np.where(mask, self.first[name], exact)
        return mixed

    def _metric(self, outputs: dict[str, Array], drawn: Array) -> float:
        answers = self.promise.answers
        kind = _AnsweredRegressor if answers.kind == "numbers" else _AnsweredClassifier
        estimator = kind(outputs, answers.classes)
        return float(self.promise.scorer(estimator, drawn.reshape(-1, 1), self.truth[drawn]))

    def loss(self, threshold: float, drawn: Array | None = None) -> float:
        """On some of the rows, or on all."""
        if drawn is None:
            return float(self._losses(threshold, 1)[0])
        return self._metric(self.exact, drawn) - self._metric(self._mixed(threshold), drawn)

    def left_out(self, threshold: float, n_parts: int) -> Array:
        """The loss with each part of the rows left out."""
        return self._losses(threshold, min(n_parts, len(self.gate)))

    def _losses(self, threshold: float, n_parts: int) -> Array:
        rows = np.arange(len(self.gate))
        parts = [rows[rows % n_parts != i] if n_parts > 1 else rows for i in range(n_parts)]
        if n_parts not in self.known:
            self.known[n_parts] = [self._metric(self.exact, part) for part in parts]
        mixed = self._mixed(threshold)
        return np.array(self.known[n_parts]) - [self._metric(mixed, part) for part in parts]


def _quantile(confidence: float) -> float:
    from statistics import NormalDist

    return max(0.0, NormalDist().inv_cdf(confidence))
