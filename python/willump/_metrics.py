"""Scikit-learn's scores of rows that are drawn again and again.

A scorer checks its arguments anew in each of a bootstrap's thousands of calls, which is
nearly all of its time. What a score needs of a row is known before: its part of a mean,
the numbers of its labels, the rank of its score. These functions look it up once and
then give the scores of any rows, each as often as it is named. `_scored.py` compares them
with the scorer itself before they are trusted.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Rows = npt.NDArray[np.int64]
#: The score of some rows, each as often as it is named.
ScoreOf = Callable[[Rows], float]


@dataclass(frozen=True)
class Truth:
    """The true answers, and as numbers where they are one label a row.

    `labels` are the classes, and behind them those that no model knows; `codes` the
    numbers of the true labels among them, None where answers are no such labels.
    """

    values: Array
    labels: list[Any]
    n_classes: int
    codes: Array | None

    @classmethod
    def of(cls, values: Array, classes: Array | None) -> Truth:
        if classes is None or values.ndim != 1:
            return cls(values, [], 0, None)
        labels = classes.tolist()
        numbers = {label: i for i, label in enumerate(labels)}
        try:
            found = [numbers.setdefault(label, len(numbers)) for label in values.tolist()]
        except TypeError:  # a label without a hash, which the scorer will tell of
            return cls(values, [], 0, None)
        return cls(values, list(numbers), len(labels), np.array(found, np.int64))

    @property
    def is_known(self) -> bool:
        """Whether all labels are those of the classes."""
        return self.codes is not None and len(self.labels) == self.n_classes

    def number_of(self, label: Any) -> int | None:
        return self.labels.index(label) if label in self.labels else None


@dataclass(frozen=True)
class Given:
    """The answers of a model: by the methods of an estimator; and the numbers of its
    labels among the classes, where it gives one a row."""

    methods: Mapping[str, Array]
    codes: Array | None


#: None where a function cannot tell.
Maker = Callable[..., "ScoreOf | None"]


def shortcut(scorer: Any) -> Callable[[Truth, Given], ScoreOf | None] | None:
    """What stands for one of scikit-learn's own scorers; None of others."""
    function, kwargs = getattr(scorer, "_score_func", None), getattr(scorer, "_kwargs", {})
    if not str(getattr(function, "__module__", "")).startswith("sklearn.metrics."):
        return None
    make, sign = _METRICS.get(str(getattr(function, "__name__", ""))), float(scorer._sign)
    if make is None:
        return None
    takes = [
        p.name for p in inspect.signature(make).parameters.values() if p.kind is p.KEYWORD_ONLY
    ]
    if not kwargs.keys() <= set(takes):
        return None

    def of(truth: Truth, given: Given) -> ScoreOf | None:
        score = make(truth, given, **kwargs)
        return None if score is None else lambda rows: sign * score(rows)

    return of


#: Rows to a pair of a true and a given label, from which on pairs are fewer calls' work.
ROWS_PER_CELL = 8


def by_cells(scorer: Any) -> Callable[[Truth, Given], ScoreOf | None] | None:
    """A scorer's own function of labels, called on each pair of a true and a given label
    with the rows that have it as its weight; None of others.

    What a label is worth by weights is for the function to say, so that it must take them.
    """
    function, kwargs = getattr(scorer, "_score_func", None), getattr(scorer, "_kwargs", {})
    if function is None or getattr(scorer, "_response_method", None) != "predict":
        return None
    try:
        takes = inspect.signature(function).parameters
    except (TypeError, ValueError):  # a builtin's
        return None
    if "sample_weight" not in takes or "sample_weight" in kwargs:
        return None
    sign = float(scorer._sign)

    def of(truth: Truth, given: Given) -> ScoreOf | None:
        if truth.codes is None or given.codes is None:
            return None
        n, answers = len(truth.labels), given.methods["predict"]
        cells = truth.codes * n + given.codes
        found, first = np.unique(cells, return_index=True)
        if len(found) * ROWS_PER_CELL > len(cells):
            return None
        true, predicted = truth.values[first], answers[first]
        places = np.searchsorted(found, cells)

        def score(rows: Rows) -> float:
            counts = np.bincount(places[rows], minlength=len(found))
            there = counts > 0  # a label without a row is none
            try:
                value = function(
                    true[there], predicted[there], sample_weight=counts[there], **kwargs
                )
            except ValueError:
                return float("nan")
            return sign * float(value)

        return score

    return of


def _mean_of(values: Array) -> ScoreOf:
    return lambda rows: float(values[rows].mean())


# ---- labels ------------------------------------------------------------------


def _accuracy(truth: Truth, given: Given) -> ScoreOf | None:
    if truth.codes is not None and given.codes is not None:
        return _mean_of(truth.codes == given.codes)
    predicted = given.methods.get("predict")
    if predicted is None or predicted.ndim != 2 or predicted.shape != truth.values.shape:
        return None
    return _mean_of((predicted == truth.values).all(axis=1))


#: From the rows that have a label and are given it, that have it, that are given it.
Counts = Callable[[Array, Array, Array], float]


def _by_counts(truth: Truth, given: Given, of: Counts) -> ScoreOf | None:
    true, predicted, n = truth.codes, given.codes, len(truth.labels)
    if true is None or predicted is None:
        return None
    same = np.where(true == predicted, true, n)

    def score(rows: Rows) -> float:
        counts = [np.bincount(codes[rows], minlength=n)[:n] for codes in (same, true, predicted)]
        with np.errstate(all="ignore"):
            return float(of(*counts))

    return score


def _averaged(
    truth: Truth, given: Given, of: Any, average: str, pos_label: Any, zero_division: Any
) -> ScoreOf | None:
    """A quotient of each label that there is, and how they are averaged; `of` has its two
    parts, and `zero_division` is what 0 of 0 is."""
    at = truth.number_of(pos_label)
    if average == "binary" and (len(truth.labels) != 2 or at is None):
        return None
    if average not in ("binary", "micro", "macro", "weighted"):
        return None
    if zero_division not in ("warn", 0, 1):  # of others, the function decides what is left out
        return None
    nothing = 1.0 if zero_division == 1 else 0.0

    def mean(same: Array, true: Array, predicted: Array) -> float:
        if average == "binary":
            same, true, predicted = same[at], true[at], predicted[at]
        elif average == "micro":
            same, true, predicted = same.sum(), true.sum(), predicted.sum()
        over, under = of(same, true, predicted)
        scores = np.where(under > 0, over / np.maximum(under, 1e-300), nothing)
        weights = None
        if average == "weighted":
            weights = true
        elif average == "macro":
            weights = (true + predicted) > 0
        return float(np.average(scores, weights=weights))

    return _by_counts(truth, given, mean)


def _precision(
    truth: Truth,
    given: Given,
    *,
    average: str = "binary",
    pos_label: Any = 1,
    zero_division: Any = "warn",
) -> ScoreOf | None:
    of = lambda s, t, p: (s, p)  # noqa: E731
    return _averaged(truth, given, of, average, pos_label, zero_division)


def _recall(
    truth: Truth,
    given: Given,
    *,
    average: str = "binary",
    pos_label: Any = 1,
    zero_division: Any = "warn",
) -> ScoreOf | None:
    of = lambda s, t, p: (s, t)  # noqa: E731
    return _averaged(truth, given, of, average, pos_label, zero_division)


def _jaccard(
    truth: Truth,
    given: Given,
    *,
    average: str = "binary",
    pos_label: Any = 1,
    zero_division: Any = "warn",
) -> ScoreOf | None:
    of = lambda s, t, p: (s, t + p - s)  # noqa: E731
    return _averaged(truth, given, of, average, pos_label, zero_division)


def _fbeta(
    truth: Truth,
    given: Given,
    *,
    beta: float,
    average: str = "binary",
    pos_label: Any = 1,
    zero_division: Any = "warn",
) -> ScoreOf | None:
    square = float(beta) ** 2
    of = lambda s, t, p: ((1 + square) * s, square * t + p)  # noqa: E731
    return _averaged(truth, given, of, average, pos_label, zero_division)


def _f1(
    truth: Truth,
    given: Given,
    *,
    average: str = "binary",
    pos_label: Any = 1,
    zero_division: Any = "warn",
) -> ScoreOf | None:
    return _fbeta(
        truth,
        given,
        beta=1.0,
        average=average,
        pos_label=pos_label,
        zero_division=zero_division,
    )


def _balanced_accuracy(truth: Truth, given: Given) -> ScoreOf | None:
    return _by_counts(truth, given, lambda s, t, p: float(np.mean((s / t)[t > 0])))


def _matthews(truth: Truth, given: Given) -> ScoreOf | None:
    def of(same: Array, true: Array, predicted: Array) -> float:
        n = float(true.sum())
        squares = (n**2 - (predicted.astype(float) ** 2).sum()) * (
            n**2 - (true.astype(float) ** 2).sum()
        )
        covariance = same.sum() * n - float(true.astype(float) @ predicted)
        return float(covariance / np.sqrt(squares)) if squares != 0 else 0.0

    return _by_counts(truth, given, of)


def _kappa(truth: Truth, given: Given) -> ScoreOf | None:
    def of(same: Array, true: Array, predicted: Array) -> float:
        n = float(true.sum())
        expected = float(true.astype(float) @ predicted) / n
        return float(1.0 - (n - same.sum()) / (n - expected))

    return _by_counts(truth, given, of)


# ---- probabilities and scores ------------------------------------------------


def _needs_all_classes(truth: Truth, score: ScoreOf) -> ScoreOf:
    """Undefined, NaN, where the rows lack a class."""
    codes, n = truth.codes, truth.n_classes
    assert codes is not None

    def checked(rows: Rows) -> float:
        return score(rows) if np.bincount(codes[rows], minlength=n).all() else float("nan")

    return checked


def _probabilities(truth: Truth, given: Given) -> Array | None:
    proba = given.methods.get("predict_proba")
    if not truth.is_known or proba is None or proba.shape[1:] != (truth.n_classes,):
        return None
    return proba


def _log_loss(truth: Truth, given: Given) -> ScoreOf | None:
    proba = _probabilities(truth, given)
    if proba is None:
        return None
    least = np.finfo(proba.dtype).eps
    own = np.clip(proba[np.arange(len(proba)), truth.codes], least, 1 - least)
    return _needs_all_classes(truth, _mean_of(-np.log(own)))


def _brier(truth: Truth, given: Given) -> ScoreOf | None:
    proba = _probabilities(truth, given)
    if proba is None:
        return None
    if truth.n_classes == 2:
        return _mean_of((truth.codes - proba[:, 1]) ** 2)
    errors = ((np.eye(truth.n_classes)[truth.codes] - proba) ** 2).sum(axis=1)
    return _needs_all_classes(truth, _mean_of(errors))


def _scores(given: Given) -> Array | None:
    """What ranks, as the scorers choose it."""
    decision = given.methods.get("decision_function")
    return given.methods.get("predict_proba") if decision is None else decision


def _top_k_accuracy(truth: Truth, given: Given, *, k: int = 2) -> ScoreOf | None:
    scores = _scores(given)
    if not truth.is_known or scores is None or truth.n_classes < 3:
        return None
    best = np.argsort(scores, axis=1, kind="mergesort")[:, ::-1][:, :k]
    assert truth.codes is not None
    hits = (best == truth.codes[:, None]).any(axis=1)
    return _needs_all_classes(truth, _mean_of(hits))


class _Ranked:
    """Rows by their scores, of which equal ones have one rank."""

    def __init__(self, scores: Array, is_positive: Array) -> None:
        values, ranks = np.unique(scores, return_inverse=True)
        self.n = len(values)
        # Above a row's rank, that of the same score among positive rows.
        self.ranks = ranks.ravel() + self.n * is_positive

    def counts(self, rows: Rows) -> tuple[Array, Array]:
        """Negative and positive rows at each score, the lowest first."""
        found = np.bincount(self.ranks[rows], minlength=2 * self.n)
        return found[: self.n], found[self.n :]

    def area(self, rows: Rows) -> float:
        """Under the ROC curve; NaN without rows of both kinds."""
        negative, positive = self.counts(rows)
        below = np.cumsum(negative) - negative
        pairs = float(positive.sum()) * float(negative.sum())
        return float(positive @ (below + 0.5 * negative)) / pairs if pairs else float("nan")

    def precision(self, rows: Rows) -> float:
        """The average precision; 0 without positive rows."""
        negative, positive = (counts[::-1] for counts in self.counts(rows))
        found = np.cumsum(positive)
        if found[-1] == 0:
            return 0.0
        parts = found / np.maximum(found + np.cumsum(negative), 1)
        return float(positive @ parts) / float(found[-1])


def _binary_ranks(truth: Truth, given: Given, positive: int) -> _Ranked | None:
    """Ranks by the score of the second class, which is the positive one."""
    scores = _scores(given)
    if scores is None or truth.codes is None or not truth.is_known:
        return None
    if truth.n_classes != 2 or positive != 1:
        return None
    second = scores if scores.ndim == 1 else scores[:, 1]
    return None if np.isnan(second).any() else _Ranked(second, truth.codes == 1)


def _roc_auc(
    truth: Truth, given: Given, *, multi_class: str = "raise", average: str = "macro"
) -> ScoreOf | None:
    if truth.n_classes == 2:
        ranked = _binary_ranks(truth, given, 1)
        return None if ranked is None else ranked.area
    proba = _probabilities(truth, given)
    if proba is None or multi_class != "ovr" or average not in ("macro", "weighted"):
        return None
    codes, n = truth.codes, truth.n_classes
    assert codes is not None
    classes = [_Ranked(proba[:, i], codes == i) for i in range(n)]

    def score(rows: Rows) -> float:
        weights = np.bincount(codes[rows], minlength=n) if average == "weighted" else None
        return float(np.average([ranked.area(rows) for ranked in classes], weights=weights))

    return _needs_all_classes(truth, score)


def _average_precision(truth: Truth, given: Given, *, pos_label: Any = 1) -> ScoreOf | None:
    at = truth.number_of(pos_label)
    ranked = None if at is None else _binary_ranks(truth, given, at)
    return None if ranked is None else ranked.precision


# ---- predictions -------------------------------------------------------------


def _tables(truth: Truth, given: Given) -> tuple[Array, Array] | None:
    """True and predicted numbers, (n_rows, n_outputs)."""
    predicted = given.methods.get("predict")
    if truth.codes is not None or predicted is None or predicted.dtype.kind != "f":
        return None
    if truth.values.dtype.kind not in "iuf" or len(predicted) != len(truth.values):
        return None
    tables = [
        np.asarray(t, np.float64).reshape(len(predicted), -1) for t in (truth.values, predicted)
    ]
    return (tables[0], tables[1]) if tables[0].shape == tables[1].shape else None


def _by_error(of: Callable[[Array, Array], Array], root: bool = False) -> Maker:
    """A mean of each row's errors, or its square root, averaged over the outputs."""

    def make(truth: Truth, given: Given) -> ScoreOf | None:
        tables = _tables(truth, given)
        if tables is None:
            return None
        with np.errstate(all="ignore"):
            errors = of(*tables)
        if not root:
            return lambda rows: float(errors[rows].mean(axis=0).mean())
        return lambda rows: float(np.sqrt(errors[rows].mean(axis=0)).mean())

    return make


def _median_error(truth: Truth, given: Given) -> ScoreOf | None:
    tables = _tables(truth, given)
    if tables is None:
        return None
    errors = np.abs(tables[0] - tables[1])
    return lambda rows: float(np.median(errors[rows], axis=0).mean())


def _max_error(truth: Truth, given: Given) -> ScoreOf | None:
    tables = _tables(truth, given)
    if tables is None or tables[0].shape[1] != 1:
        return None
    errors = np.abs(tables[0] - tables[1])
    return lambda rows: float(errors[rows].max())


def _explained(is_centred: bool) -> Maker:
    """R2, or with the errors' own mean taken off the explained variance."""

    def make(truth: Truth, given: Given) -> ScoreOf | None:
        tables = _tables(truth, given)
        if tables is None:
            return None
        true, errors = tables[0], tables[0] - tables[1]

        def score(rows: Rows) -> float:
            own, left = true[rows], errors[rows]
            if len(rows) < 2 and not is_centred:
                return float("nan")
            left = left - left.mean(axis=0) if is_centred else left
            unexplained = (left**2).sum(axis=0)
            all_of_it = ((own - own.mean(axis=0)) ** 2).sum(axis=0)
            with np.errstate(all="ignore"):
                parts = np.where(all_of_it != 0, 1.0 - unexplained / all_of_it, 0.0)
            return float(np.where((all_of_it == 0) & (unexplained == 0), 1.0, parts).mean())

        return score

    return make


def _relative(true: Array, predicted: Array) -> Array:
    scale = np.maximum(np.abs(true), np.finfo(np.float64).eps)
    return np.asarray(np.abs(true - predicted) / scale)


def _log_errors(true: Array, predicted: Array) -> Array:
    return np.asarray((np.log1p(true) - np.log1p(predicted)) ** 2)


def _squares(true: Array, predicted: Array) -> Array:
    return np.asarray((true - predicted) ** 2)


_METRICS: dict[str, Maker] = {
    "accuracy_score": _accuracy,
    "average_precision_score": _average_precision,
    "balanced_accuracy_score": _balanced_accuracy,
    "brier_score_loss": _brier,
    "cohen_kappa_score": _kappa,
    "explained_variance_score": _explained(is_centred=True),
    "f1_score": _f1,
    "fbeta_score": _fbeta,
    "jaccard_score": _jaccard,
    "log_loss": _log_loss,
    "matthews_corrcoef": _matthews,
    "max_error": _max_error,
    "mean_absolute_error": _by_error(lambda true, predicted: np.abs(true - predicted)),
    "mean_absolute_percentage_error": _by_error(_relative),
    "mean_squared_error": _by_error(_squares),
    "mean_squared_log_error": _by_error(_log_errors),
    "median_absolute_error": _median_error,
    "precision_score": _precision,
    "r2_score": _explained(is_centred=False),
    "recall_score": _recall,
    "roc_auc_score": _roc_auc,
    "root_mean_squared_error": _by_error(_squares, root=True),
    "root_mean_squared_log_error": _by_error(_log_errors, root=True),
    "top_k_accuracy_score": _top_k_accuracy,
}
