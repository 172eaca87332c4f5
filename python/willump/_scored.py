"""A scorer of the user's, asked about rows whose answers are known."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

from . import _core
from ._metrics import Given, Rows, ScoreOf, Truth, by_cells, shortcut

Array = npt.NDArray[Any]

#: Resamples of the rows on which a shortcut is compared with the scorer.
COMPARED = 2
#: How close the two must be: rounding, of sums in another order.
RELATIVE, ABSOLUTE = 1e-9, 1e-12


class _Answered(BaseEstimator):  # type: ignore[misc]
    """An estimator whose answers are known; its X are the numbers of rows."""

    def __init__(self, outputs: dict[str, Array], classes: Any = None) -> None:
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


class Scored:
    """A scorer and the true answers of all rows.

    Attributes
    ----------
    is_called : bool
        Whether each score takes a call of the scorer's own function; false where a shortcut
        gives the same numbers without.
    """

    def __init__(self, scorer: Any, truth: Array, classes: Any, *, is_regressor: bool) -> None:
        self.scorer, self.truth, self.classes = scorer, truth, classes
        self.kind = _AnsweredRegressor if is_regressor else _AnsweredClassifier
        self.is_called = True
        self._short: Callable[[Truth, Given], ScoreOf | None] | None = None

    def begin(self, given: Given) -> None:
        """Sees a model's answers to all rows: on those, and on some of them drawn anew,
        a shortcut has to give the scorer's own numbers."""
        rows = np.arange(len(self.truth))
        self._own(self.truth, given, rows)  # its error is the user's
        samples = [rows, *(drawn_rows(0, i, len(rows)) for i in range(COMPARED))]
        wanted: list[float] = []
        for make in (shortcut, by_cells):
            short = make(self.scorer)
            if short is None:
                continue
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                found = short(Truth.of(self.truth, self._label_classes(given)), given)
                if found is None:
                    continue
                numbers = [found(sample) for sample in samples]
                wanted = wanted or [self._defined(self.truth, given, sample) for sample in samples]
            if np.allclose(numbers, wanted, rtol=RELATIVE, atol=ABSOLUTE, equal_nan=True):
                self._short, self.is_called = short, make is by_cells
                return

    def _label_classes(self, given: Given) -> Array | None:
        return None if given.codes is None else self.classes

    def on(self, at: Rows, given: Given) -> ScoreOf:
        """The score of any of the rows `at`, by their positions there; `given` are the
        answers to those."""
        truth = self.truth[at]
        if self._short is not None:
            found = self._short(Truth.of(truth, self._label_classes(given)), given)
            if found is not None:
                return found
        return lambda rows: self._defined(truth, given, rows)

    def _own(self, truth: Array, given: Given, rows: Rows) -> float:
        estimator = self.kind(dict(given.methods), self.classes)
        return float(self.scorer(estimator, rows.reshape(-1, 1), truth[rows]))

    def _defined(self, truth: Array, given: Given, rows: Rows) -> float:
        """NaN where the rows do not define the score, which some scorers raise for: a
        class may be missing among them."""
        try:
            return self._own(truth, given, rows)
        except ValueError:
            return float("nan")


def drawn_rows(seed: int, number: int, n: int) -> Rows:
    """A replicate of a bootstrap: n of n rows."""
    return np.frombuffer(_core.bootstrap_rows(seed, number, n), np.int64)
