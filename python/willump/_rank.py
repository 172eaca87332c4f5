"""Top-K queries: by what a model ranks rows, and the best rows of a query."""

from __future__ import annotations

import numbers
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from . import _core
from ._arrow import readable
from ._errors import ArtifactError, UnsupportedError
from ._frames import n_rows_of, take_rows

#: Rows of a lossless query that get their scores at a time, at least.
LEAST_SCORED = 64

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Ranking:
    """What rows rank by: a method of the compiled object, and which column of its
    result; None where that has one."""

    method: str
    column: int | None

    def of(self, result: Any) -> Array:
        """The scores of a method's result, one a row.

        Raises
        ------
        ValueError
            Where a row has several numbers and none of them was chosen.
        """
        scores = np.asarray(result)
        width = 1 if scores.ndim == 1 else int(scores.shape[1])
        if self.column is None:
            if width != 1:
                raise ValueError(
                    f"top_k ranks rows by one number, and {self.method} gives {width} of them"
                )
            return scores.reshape(-1)
        if scores.ndim != 2 or self.column >= width:
            raise ValueError(f"{self.method} has no number of its own for each class to rank by")
        return np.ascontiguousarray(scores[:, self.column])


def ranking_of(
    methods: Sequence[str],
    outputs: Mapping[str, int],
    classes: Array | None,
    class_label: Any,
    *,
    is_multilabel: bool,
) -> Ranking:
    """By what a model ranks rows.

    Parameters
    ----------
    outputs : dict of name to number of columns
    class_label : object or None
        The class whose score ranks; the number of the column for boosters, which do
        not know their classes.
    """
    if classes is None:
        return _without_classes(methods, outputs, class_label)
    known = classes.tolist()
    is_binary = len(known) == 2 and not is_multilabel
    if class_label is None:
        if not is_binary:
            raise ValueError(
                f"top_k ranks rows by the score of one class: pass class_label=, one of "
                f"{known[:10]}"
            )
        class_label = known[1]
    found = [i for i, label in enumerate(known) if label == class_label]
    if not found:
        raise ValueError(f"class_label={class_label!r} is none of the classes {known[:10]}")
    if "predict_proba" in methods:
        return Ranking("predict_proba", found[0])
    if "decision_function" not in methods:
        raise UnsupportedError(
            "top_k needs a score to rank rows by: the model has neither predict_proba nor "
            "decision_function"
        )
    if not is_binary:
        return Ranking("decision_function", found[0])
    if found[0] == 0:
        raise ValueError(
            f"class_label={class_label!r}: decision_function is the score of {known[1]!r}, and "
            "the model has no predict_proba"
        )
    return Ranking("decision_function", None)


def _without_classes(
    methods: Sequence[str], outputs: Mapping[str, int], class_label: Any
) -> Ranking:
    """Of regressors, boosters and outlier detectors."""
    width = outputs.get("prediction", 0)
    if width > 1 and class_label is not None:
        if not isinstance(class_label, numbers.Integral) or not 0 <= int(class_label) < width:
            raise ValueError(
                f"class_label={class_label!r} is no column of predict: they are 0 to {width - 1}"
            )
        return Ranking("predict", int(class_label))
    if width > 1:
        raise ValueError(
            f"top_k ranks rows by one number: predict gives {width}; pass class_label=, the "
            "number of the column"
        )
    # What an outlier detector predicts is a label.
    names = [name for name in ("decision_function", "score_samples") if name in methods]
    names += ["predict"] if width else []
    if not names:
        raise UnsupportedError("top_k needs a score to rank rows by, and this is no model")
    if class_label is not None:
        raise ValueError(f"class_label={class_label!r}: the model has no classes")
    return Ranking(names[0], None)


@dataclass(frozen=True)
class Rule:
    """How many rows the filter of a model keeps."""

    ranking: Ranking
    ks: npt.NDArray[np.uint64]
    shares: npt.NDArray[np.float64]
    n_min: int
    n_max: int

    @classmethod
    def of(cls, metadata: Mapping[str, Any]) -> Rule | None:
        """That of a model's metadata; None where it has none."""
        told = metadata.get("top_k")
        if told is None:
            return None
        try:
            column = told["column"]
            found = cls(
                Ranking(str(told["method"]), None if column is None else int(column)),
                np.array(told["ks"], np.uint64),
                np.array(told["shares"], np.float64),
                *(int(n) for n in told["n_rows"]),
            )
            if found.ks.ndim != 1 or found.ks.shape != found.shares.shape or not len(found.ks):
                raise ValueError("ks and shares are not as many")
            return found
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise ArtifactError(f"the metadata's top_k are damaged: {error!r}") from error

    def candidates(self, n_rows: int, k: int) -> int:
        return _core.topk_candidates(self.ks, self.shares, self.n_min, self.n_max, n_rows, k)


class Counts:
    """How many queries were answered, of how many rows, and how many of these got the
    model's scores. Threads may share it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.queries = self.rows = self.scored = 0

    def add(self, n_rows: int, n_scored: int) -> None:
        with self.lock:
            self.queries, self.rows = self.queries + 1, self.rows + n_rows
            self.scored += n_scored

    def told(self) -> dict[str, int]:
        with self.lock:
            return {"queries": self.queries, "rows": self.rows, "scored": self.scored}


@dataclass(frozen=True)
class Bounds:
    """Lossless: bounds on every row's score, cheap to compute, spare the rows that cannot
    be among the best.

    A row's score lies between the two numbers of the output `range`, but for the roundings
    of one function of at most an ulp (`_lossless_rank`), for which there is room here.
    """

    ranking: Ranking
    is_narrow: bool
    #: Of more rows than this share of a query, all get their scores.
    share: float

    @classmethod
    def of(cls, metadata: Mapping[str, Any], ranking: Ranking) -> Bounds | None:
        """Those of a model's metadata, None where it has none for that ranking."""
        try:
            told = dict(metadata.get("lossless") or {}).get("top_k")
            if told is None or told["method"] != ranking.method:
                return None
            if told["column"] not in (None, ranking.column):
                return None  # of another class, nobody measured whether they pay
            return cls(ranking, bool(told["is_narrow"]), float(told["share"]))
        except (KeyError, TypeError, ValueError) as error:
            raise ArtifactError(f"the metadata's lossless are damaged: {error!r}") from error

    def _ranges(self, interface: _core.Interface, x: Any) -> tuple[Array, Array]:
        found = np.asarray(interface.run("_range", x), np.float64)
        width = found.shape[1] // 2
        column = self.ranking.column or 0
        if column >= width:
            raise ArtifactError("the output 'range' has not the columns of what ranks")
        ends = found[:, [column, width + column]]
        low, high = ends.min(axis=1), ends.max(axis=1)
        relative, absolute = (1e-6, 1e-6) if self.is_narrow else (1e-13, 1e-15)
        with np.errstate(invalid="ignore"):
            low = low - (relative * np.abs(low) + absolute)
            high = high + (relative * np.abs(high) + absolute)
        is_known = ~(np.isnan(low) | np.isnan(high))
        return np.where(is_known, low, -np.inf), np.where(is_known, high, np.inf)

    def best(
        self, interface: _core.Interface, x: Any, k: int, counts: Counts
    ) -> tuple[npt.NDArray[np.int64], Array]:
        """As `best_rows`: the most promising rows get their scores first, others only as
        long as they can reach the k-th best so far."""
        n = _count(x)
        if k >= n or k > max(1.0, self.share * n):
            return best_rows(interface, self.ranking, None, x, k, counts)
        low, high = self._ranges(interface, x)
        least = np.partition(low, n - k)[n - k]  # k rows reach that
        rows = np.flatnonzero(high >= least)
        rows = rows[np.argsort(-(low[rows] + high[rows]), kind="stable")]
        done: list[Array] = []
        scores: list[Array] = []
        size = max(k, LEAST_SCORED)
        while len(rows):
            some, rows = np.sort(rows[:size]), rows[size:]
            found = self.ranking.of(
                interface.run(self.ranking.method, take_rows(x, some), exact=True)
            )
            done.append(some)
            scores.append(found)
            known = np.concatenate(scores)
            best = _core.top_k(np.ascontiguousarray(known, np.float64), k)
            if len(best) == k and not np.isnan(known[best[-1]]):
                least = max(least, float(known[best[-1]]))
                rows = rows[high[rows] >= least]
            if 2 * len(rows) > n:  # one run of all is faster than many
                return best_rows(interface, self.ranking, None, x, k, counts)
            size *= 2
        counts.add(n, sum(map(len, done)))
        order = np.argsort(np.concatenate(done))
        ids = np.concatenate(done)[order]
        known = np.concatenate(scores)[order]
        best = _core.top_k(np.ascontiguousarray(known, np.float64), k)
        return ids[best], known[best]


#: What spares a ranking rows: a certified filter, or bounds.
Spares = Rule | Bounds


def spares_of(metadata: Mapping[str, Any], ranking: Ranking) -> Spares | None:
    """What a model's metadata have for a ranking."""
    rule = Rule.of(metadata)
    if rule is not None:
        return rule if rule.ranking == ranking else None
    return Bounds.of(metadata, ranking)


def check_k(k: Any) -> int:
    if isinstance(k, bool) or not isinstance(k, numbers.Integral):
        raise TypeError(f"k must be an integer, not {k!r}")
    if k < 1:
        raise ValueError(f"k={k!r} is not at least 1")
    return min(int(k), 2**62)


def best_rows(
    interface: _core.Interface,
    ranking: Ranking,
    rule: Spares | None,
    X: Any,
    k: int,
    counts: Counts,
) -> tuple[npt.NDArray[np.int64], Array]:
    """The rows of the k largest scores, best first, and these scores."""
    rows, result, n_rows = None, None, 0
    if isinstance(rule, Bounds):
        X = list(X) if hasattr(X, "__next__") else X  # read twice
        return rule.best(interface, X, k, counts)
    if rule is not None:
        X = readable(X)  # read twice: its rows are counted first
        if hasattr(X, "__next__"):
            X = list(X)
        n_rows = _count(X)
        n = rule.candidates(n_rows, k)
        if n < n_rows:
            rows, result = interface.candidates(ranking.method, X, "_filter", n)
    if result is None:
        result = interface.run(ranking.method, X, exact=True)
    scores = ranking.of(result)
    counts.add(len(scores) if rows is None else n_rows, len(scores))
    ids = _core.top_k(np.ascontiguousarray(scores, np.float64), k)
    return (ids if rows is None else rows[ids]), scores[ids]


def _count(X: Any) -> int:
    """The rows of X; 0 of what has none, which the method itself refuses."""
    try:
        return n_rows_of(X)
    except (TypeError, AttributeError, IndexError, ValueError):
        return 0
