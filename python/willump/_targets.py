"""What `optimize` can promise."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


def _check_number(target: object, name: str) -> float:
    value = getattr(target, name)
    if not isinstance(value, numbers.Real):
        raise TypeError(f"{type(target).__name__}: {name} must be a number, not {value!r}")
    return float(value)


def _check_share(target: object, name: str) -> None:
    if not 0.0 < _check_number(target, name) < 1.0:
        value = getattr(target, name)
        raise ValueError(f"{type(target).__name__}: {name}={value!r} is not between 0 and 1")


def _check_size(target: object, name: str) -> float:
    """At least 0, and no infinity or NaN."""
    number = _check_number(target, name)
    if not 0.0 <= number < math.inf:
        value = getattr(target, name)
        raise ValueError(f"{type(target).__name__}: {name}={value!r} is not a number from 0 on")
    return number


def _check_count(target: object, name: str) -> None:
    value = getattr(target, name)
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise TypeError(f"{type(target).__name__}: {name} must be an integer, not {value!r}")
    if value < 1:
        raise ValueError(f"{type(target).__name__}: {name}={value!r} is not at least 1")


@dataclass(frozen=True)
class Agreement:
    """The cascade gives the exact pipeline's label.

    Parameters
    ----------
    rate : float
        The probability that a later row has the same label, whether it leaves
        early or not; between 0 and 1. What a row is, `optimize` decides: a
        distinct row by default, a request with ``duplicates="traffic"``, one
        random row of a group with ``groups``.
    confidence : float
        The probability with which a certificate holds.
    """

    rate: float
    confidence: float = 0.95

    def __post_init__(self) -> None:
        for name in ("rate", "confidence"):
            _check_share(self, name)


@dataclass(frozen=True)
class Accuracy:
    """The cascade is hardly less accurate than the exact pipeline.

    Rows on which the cascade is wrong and the pipeline right are set off against
    those where it is the other way round, so the labels of `X_cal` are needed:
    `y_cal`, or ``refit=True``. What a row is, `optimize` decides, as for `Agreement`;
    of rows that count as one, a random one counts, with its own label.

    Parameters
    ----------
    loss : float
        The most that the accuracy may fall by, between 0 and 1: 0.01 permits
        94 % where the exact pipeline has 95 %.
    confidence : float
        The probability with which a certificate holds.

    Examples
    --------
    >>> Accuracy(0.01)
    Accuracy(loss=0.01, confidence=0.95)
    """

    loss: float
    confidence: float = 0.95

    def __post_init__(self) -> None:
        for name in ("loss", "confidence"):
            _check_share(self, name)


@dataclass(frozen=True, kw_only=True)
class Tolerance:
    """The cascade's numbers are close to the exact pipeline's.

    For a regressor's predictions or a classifier's probabilities, all of a row's
    together. A row is close where ``|cascade - exact| <= abs + rel *
    |exact|`` in every column, as in `numpy.isclose`; NaN is close to NaN only,
    an infinity to itself only.

    Parameters
    ----------
    abs : float
        In the unit of the output; at least 0.
    rel : float
        As a part of the exact output; at least 0. One of `abs` and `rel` must be
        above 0.
    share : float
        The probability that a later row is close, between 0 and 1.
    confidence : float
        The probability with which a certificate holds.

    Examples
    --------
    >>> Tolerance(abs=0.05, share=0.99)
    Tolerance(abs=0.05, rel=0.0, share=0.99, confidence=0.95)
    """

    abs: float = 0.0
    rel: float = 0.0
    share: float
    confidence: float = 0.95

    def __post_init__(self) -> None:
        sizes = [_check_size(self, name) for name in ("abs", "rel")]
        for name in ("share", "confidence"):
            _check_share(self, name)
        if not any(sizes):
            raise ValueError("Tolerance: give abs or rel; one of them must be above 0")


@dataclass(frozen=True)
class TopKRecall:
    """The rows that a filter keeps hold most of the exact top K.

    Certified for queries like those of `X_cal`: an array is cut into disjoint
    sets of `query_size` rows, a list of arrays is real queries. Queries of another
    size keep as large a share of their rows, by estimate. Of too few sets, the filter
    is *estimated*, and says how many it takes.

    Parameters
    ----------
    recall : float
        The share of a query's exact top K that is to be found; above 0, at most 1.
    share : float
        The share of later queries that find it, between 0 and 1.
    confidence : float or None
        The probability with which a certificate holds: at 0.95 and a share of
        0.95 it takes 59 sets, and one that chooses the filter. None: on average
        over certificates, 19 sets and one.
    query_size : int of at least 1, or None
        Rows of a query; None: the size of the real queries, or of all of `X_cal`.
    k : int of at least 1, or None
        The K that is promised; None: every K at once.
    class_label : object, or None
        The class whose score ranks, as in `top_k`; needed where there are more
        than two.

    Examples
    --------
    >>> TopKRecall(0.95, query_size=500).share
    0.95
    """

    recall: float
    share: float = 0.95
    confidence: float | None = 0.95
    query_size: int | None = None
    k: int | None = None
    class_label: Any = None

    def __post_init__(self) -> None:
        if not 0.0 < _check_number(self, "recall") <= 1.0:
            raise ValueError(f"TopKRecall: recall={self.recall!r} is not above 0 and at most 1")
        _check_share(self, "share")
        if self.confidence is not None:
            _check_share(self, "confidence")
        for name in ("query_size", "k"):
            _check_count(self, name)
        if self.k is not None and self.query_size is not None and self.k > self.query_size:
            raise ValueError(
                f"TopKRecall: k={self.k} is more than the {self.query_size} rows of a query"
            )


@dataclass(frozen=True)
class Lossless:
    """Every answer is the exact pipeline's, by construction.

    A row gets its label early only where no value of what is left out could change it,
    and a row is left out of a top-K query only where it cannot be among the best. No
    labels, no calibration rows and no certificate: X serves to measure what pays.

    Examples
    --------
    >>> Lossless()
    Lossless()
    """


@dataclass(frozen=True)
class Estimated:
    """A metric of the user's falls little, by estimate and without a proof.

    The interval of the difference comes from a paired bootstrap of the certifying
    rows; it is right for many rows, and too narrow where few rows decide the
    metric (a rare class). The labels of `X_cal` are needed.

    Parameters
    ----------
    metric : str or callable
        What `sklearn.metrics.get_scorer` takes, ``"f1"`` for instance, or a
        scorer, ``metric(estimator, X, y)``; larger is better. One's own is called
        with row numbers in place of X, for the estimator's methods alone.
    loss : float
        The most that the metric may fall by, in its own unit; at least 0.
    confidence : float
        The probability that the interval is meant to hold with.
    """

    metric: str | Callable[..., Any]
    loss: float
    confidence: float = 0.95

    def __post_init__(self) -> None:
        if not isinstance(self.metric, str) and not callable(self.metric):
            raise TypeError(
                f"Estimated: metric must be a scorer or the name of one, not {self.metric!r}"
            )
        _check_size(self, "loss")
        _check_share(self, "confidence")
