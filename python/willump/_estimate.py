"""`Estimated`: a metric of the user's, by a paired bootstrap and without a proof.

The threshold is chosen on the select rows: the loosest whose loss there, with room
for what the certifying rows may show, is within the target. The certifying rows then
estimate its loss, once; where the estimate is above the target there is no cascade.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from . import _core
from ._answers import Answers, Labels
from ._calibration import Calibration
from ._metrics import Given, ScoreOf
from ._promises import Numbers, Promise, Rows
from ._runner import Runner
from ._scored import Scored, drawn_rows
from ._targets import Estimated

Array = npt.NDArray[Any]

#: Thresholds that are tried, at equal shares of the select rows.
LEVELS = 25
REPLICATES = 1000
#: Parts that are left out in turn, for the acceleration and for standard errors.
PARTS = 50
SELECT_PARTS = 20
#: Of a scorer whose own function each score takes, which may be some milliseconds: some
#: 440 calls at the end, and with each first stage about 15 on a fourth of the rows. The
#: numbers are fixed, not what time allows, so that one seed has one certificate.
CALLED_REPLICATES = 200
CALLED_PARTS = 20
CALLED_SELECT_PARTS = 5
#: Room on the select rows, in parts of their own interval: the certifying rows are
#: four times as many, so that theirs is half as wide.
ROOM = 1.0
#: Certifying rows of each class, for rows without a difference to say something.
LEAST_OF_CLASS = 20

_METHODS = {
    "label": "predict",
    "prediction": "predict",
    "proba": "predict_proba",
    "decision": "decision_function",
}


class EstimatedPromise(Promise):
    """A metric that falls by little, as far as a bootstrap can tell."""

    kind = "estimated"
    max_gates = 1
    rows_note = " with labels"

    def __init__(self, target: Estimated, y_cal: Array, answers: Answers, seed: int) -> None:
        from sklearn.metrics import get_scorer

        super().__init__(target.confidence)
        self.alpha = float(target.loss)
        self.answers, self.seed, self.y_cal = answers, seed, np.asarray(y_cal)
        scorer = get_scorer(target.metric) if isinstance(target.metric, str) else target.metric
        classes = answers.classes if answers.classes is not None else answers.model.output_classes
        self.scored = Scored(scorer, y_cal, classes, is_regressor=answers.kind == "numbers")
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
        # Of some rows, by their numbers: the exact pipeline's scores, by the parts left out.
        self.exact_scores: dict[bytes, dict[int, Array]] = {}
        self.found: dict[str, Any] = {}

    def sentence(self, unit: str) -> str:
        return (
            f"estimated, not certified: with confidence {self.confidence:g}, {self.metric} of the "
            f"cascade is at most {self.alpha:g} below that of the exact pipeline, per {unit}"
        )

    def assumption(self, cal: Calibration) -> str:
        return f"{cal.assumption}; and that the rows are many enough for a bootstrap"

    def begin(self, exact: Runner, cal: Calibration) -> None:
        self.exact, self.cal = self._given(exact, cal.x), cal
        self.scored.begin(self.exact)

    def _given(self, runner: Runner, x: Any) -> Given:
        model = self.answers.model
        found, codes = {}, None
        for name, ref in model.outputs().items():
            if name not in _METHODS:
                continue
            answer: Array = np.asarray(runner(name, x)).reshape(-1, ref.n_features)
            if name == "label" and not model.multilabel:
                codes = np.asarray(answer.ravel(), np.int64)
                answer = model.classes[codes]
            elif name in model.ravel or (name == "decision" and ref.n_features == 1):
                answer = answer.ravel()
            found[_METHODS[name]] = answer
        return Given(found, codes)

    def answer(
        self, rows: Rows, first: Runner, x: Any, gate: Numbers, labels: Labels
    ) -> dict[str, Any]:
        known = self.chosen.get(first)
        if known is not None and known[0] is rows:
            return {"threshold": known[1]}
        pair = _Pair(self, rows, self._given(first, x), gate)
        if known is None:
            threshold = self._choose(pair)
            self.chosen[first] = rows, threshold
            return {"threshold": threshold}
        return {"threshold": self._estimate(pair, known[1])}

    def _choose(self, pair: _Pair) -> float:
        """The loosest threshold that is likely to do."""
        gate = pair.gate[~np.isnan(pair.gate)]
        if len(gate) == 0:
            return np.inf
        levels = np.quantile(gate, np.linspace(0.0, 1.0, LEVELS), method="lower")
        levels = np.unique(np.append(levels[:-1], -np.inf))
        if self.scored.is_called:
            return self._choose_slowly(pair, levels)
        for threshold in levels:
            loss = pair.loss(threshold)
            if loss <= self.alpha and loss + self._room(pair, threshold) <= self.alpha:
                return float(threshold)
        return float("inf")

    def _choose_slowly(self, pair: _Pair, levels: Array) -> float:
        """By a few calls of the scorer: as if the loss rose with the rows that leave, and
        with the room of the loosest threshold that meets the target on the rows."""
        loosest = _first(levels, lambda threshold: pair.loss(threshold) <= self.alpha)
        if loosest == np.inf:
            return np.inf
        left = self.alpha - self._room(pair, loosest)
        return _first(levels[levels >= loosest], lambda threshold: pair.loss(threshold) <= left)

    def _room(self, pair: _Pair, threshold: float) -> float:
        """For what the certifying rows may show: in parts of the jackknife's interval."""
        n_parts = CALLED_SELECT_PARTS if self.scored.is_called else SELECT_PARTS
        left = pair.left_out(threshold, n_parts)
        spread = np.sqrt((len(left) - 1) / len(left) * ((left - left.mean()) ** 2).sum())
        return float(ROOM * _quantile(self.confidence) * spread)

    def _estimate(self, pair: _Pair, threshold: float) -> float:
        """The same threshold where its loss is small enough, infinity where not."""
        observed = pair.loss(threshold)
        is_called = self.scored.is_called
        n, n_replicates = len(pair.gate), CALLED_REPLICATES if is_called else REPLICATES
        mixed = pair.mixed(threshold)
        drawn = np.empty(n_replicates)
        for i in range(n_replicates):
            rows = drawn_rows(self.seed, i, n)
            drawn[i] = pair.exact(rows) - mixed(rows)
        left = pair.left_out(threshold, CALLED_PARTS if is_called else PARTS)
        _, upper, n_undefined, has_spread = _core.bootstrap_interval(
            drawn, observed, left, 1.0 - self.confidence
        )
        error = _monte_carlo_error(drawn, upper)
        upper += error
        exact, cascade = pair.metrics(threshold)
        self.found = {
            "metric": self.metric,
            "metric_exact": exact,
            "metric_cascade": cascade,
            "loss_estimated": observed,
            "loss_upper": upper if np.isfinite(upper) else str(upper),
            "monte_carlo_error": error,
            "n_replicates": n_replicates,
            "n_undefined": n_undefined,
            "has_spread": has_spread,
        }
        if not has_spread and not self._tells(pair, threshold):
            self.problem = (
                f"no replicate of the certifying rows gives another loss of {self.metric}, which "
                "says nothing of later rows: give more rows, with enough of each class, or take "
                "Agreement, which is certified"
            )
            return float("inf")
        if upper <= self.alpha:
            return threshold
        self.problem = (
            f"the certifying rows put the loss of {self.metric} at {observed:.4g}, and with "
            f"confidence {self.confidence:g} below {upper:.4g}, which is above {self.alpha:g}"
        )
        return float("inf")

    def _tells(self, pair: _Pair, threshold: float) -> bool:
        """Whether rows of which no sample has another loss say something of later rows: where
        none leaves, or all that leave have the exact answer and each class has some."""
        leaves = pair.gate > threshold
        exact, own = (given.methods.get("predict") for given in (pair.answers, pair.first))
        if not leaves.any():
            return True
        if self.answers.kind != "label" or exact is None or own is None:
            return False
        labels = self.y_cal[pair.rows]
        counts = [int((labels == label).sum()) for label in self.answers.model.classes]
        return bool((exact == own)[leaves].all()) and min(counts) >= LEAST_OF_CLASS

    def told(self) -> tuple[str, Array] | None:
        for output in ("decision", "proba", "prediction"):
            exact = self.exact.methods.get(_METHODS[output])
            if exact is not None and exact.dtype.kind == "f":
                return output, exact.reshape(len(exact), -1)
        return None

    def seen(self, rows: Rows, exact: Labels, served: Labels) -> dict[str, Any]:
        return self.found


class _Pair:
    """The exact pipeline and a cascade on the rows that count, by their positions."""

    def __init__(self, promise: EstimatedPromise, rows: Rows, first: Given, gate: Numbers) -> None:
        groups = promise.cal.groups
        at = np.arange(len(rows))
        if groups is not None:
            at = np.sort(np.unique(groups[rows], return_index=True)[1])
        self.rows, self.gate, self.scored = rows[at], gate[at], promise.scored
        self.answers = _taken(promise.exact, self.rows)
        self.first = _taken(first, at)
        self.exact = self.scored.on(self.rows, self.answers)
        # Its scores, by the number of parts: the same beside every first stage.
        self._exact = promise.exact_scores.setdefault(self.rows.tobytes(), {})
        self._losses: dict[tuple[float, int], Array] = {}

    def mixed(self, threshold: float) -> ScoreOf:
        """The score of the cascade."""
        leaves = self.gate > threshold
        methods = {}
        for name, exact in self.answers.methods.items():
            mask = leaves.reshape(-1, *(1,) * (exact.ndim - 1))
            methods[name] = np.where(mask, self.first.methods[name], exact)
        codes, own = self.answers.codes, self.first.codes
        codes = None if codes is None or own is None else np.where(leaves, own, codes)
        return self.scored.on(self.rows, Given(methods, codes))

    def metrics(self, threshold: float) -> tuple[float, float]:
        """Of the exact pipeline and of the cascade."""
        loss = self.loss(threshold)
        exact = float(self._exact[1][0])
        return exact, exact - loss

    def loss(self, threshold: float) -> float:
        """On all rows."""
        return float(self.left_out(threshold, 1)[0])

    def left_out(self, threshold: float, n_parts: int) -> Array:
        """The loss with each part of the rows left out; of one part, on all rows."""
        n_parts = min(n_parts, len(self.gate))
        key = threshold, n_parts
        if key not in self._losses:
            if n_parts not in self._exact:
                self._exact[n_parts] = self._without_each(self.exact, n_parts)
            cascade = self._without_each(self.mixed(threshold), n_parts)
            self._losses[key] = self._exact[n_parts] - cascade
        return self._losses[key]

    def _without_each(self, score: ScoreOf, n_parts: int) -> Array:
        rows = np.arange(len(self.gate))
        if n_parts == 1:
            return np.array([score(rows)])
        return np.array([score(rows[rows % n_parts != i]) for i in range(n_parts)])


def _taken(given: Given, rows: Rows) -> Given:
    """The answers to some of the rows."""
    codes = None if given.codes is None else given.codes[rows]
    return Given({name: found[rows] for name, found in given.methods.items()}, codes)


def _first(levels: Array, is_met: Callable[[float], bool]) -> float:
    """By bisection, the first level from which on something is met; infinity without."""
    low, high = 0, len(levels)
    while low < high:
        middle = (low + high) // 2
        if is_met(float(levels[middle])):
            high = middle
        else:
            low = middle + 1
    return float(levels[low]) if low < len(levels) else float("inf")


def _monte_carlo_error(drawn: Array, upper: float) -> float:
    """The standard error of an end of an interval, as the replicates are so many and not
    more: that of a normal sample's quantile."""
    from statistics import NormalDist

    defined, n = drawn[np.isfinite(drawn)], len(drawn)
    if len(defined) < 2 or not np.isfinite(upper):
        return 0.0
    level = float(np.clip(np.mean(drawn <= upper), 1 / n, 1 - 1 / n))
    normal = NormalDist()
    density = normal.pdf(normal.inv_cdf(level))
    return float(defined.std(ddof=1) * np.sqrt(level * (1 - level) / n) / density)


def _quantile(confidence: float) -> float:
    from statistics import NormalDist

    return max(0.0, NormalDist().inv_cdf(confidence))
