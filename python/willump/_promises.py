"""What each target asks of the job that certifies it, and says in a certificate."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ._calibration import Calibration, is_missing
from ._targets import Accuracy, Agreement

Labels = npt.NDArray[np.int64]

#: What `optimize` certifies.
TARGETS = (Agreement, Accuracy)


class Promise:
    """One target over the calibration rows."""

    #: As src/tune/tune.h calls it.
    kind: str
    #: Gates that one certificate may hold for, at most.
    max_gates: int
    #: The share that may go wrong, and the target in words.
    alpha: float
    what: str
    #: Behind the calibration rows, where there are too few.
    rows_note: str

    def __init__(self, confidence: float) -> None:
        self.confidence = confidence

    def sentence(self, unit: str) -> str:
        """The promise, for a certificate."""
        raise NotImplementedError

    def assumption(self, cal: Calibration) -> str:
        return cal.assumption

    def answer(self, rows: npt.NDArray[np.int64]) -> dict[str, Any]:
        """What an answer brings besides the scores of those rows."""
        return {}

    def seen(self, rows: npt.NDArray[np.int64], exact: Labels, served: Labels) -> dict[str, Any]:
        """More entries, from the rows that certified: observed, not certified."""
        return {}


class AgreementPromise(Promise):
    """The exact pipeline's label."""

    kind = "agreement"
    max_gates = 4
    rows_note = " (labels are not needed)"

    def __init__(self, target: Agreement) -> None:
        super().__init__(target.confidence)
        self.rate = target.rate
        self.alpha = 1.0 - target.rate
        self.what = f"an agreement of {target.rate:g}"

    def sentence(self, unit: str) -> str:
        return (
            f"with confidence {self.confidence:g}, the cascade gives the exact pipeline's label "
            f"to at least a share of {self.rate:g}, per {unit}"
        )


class AccuracyPromise(Promise):
    """As often right as the exact pipeline, nearly."""

    kind = "accuracy"
    max_gates = 1
    rows_note = " with labels"

    def __init__(self, target: Accuracy, y_cal: npt.NDArray[Any], classes: Any) -> None:
        super().__init__(target.confidence)
        self.alpha = float(target.loss)
        self.what = f"a loss of accuracy of at most {target.loss:g}"
        self.labels = label_numbers(y_cal, classes)

    def sentence(self, unit: str) -> str:
        return (
            f"with confidence {self.confidence:g}, the accuracy of the cascade is at most "
            f"{self.alpha:g} below that of the exact pipeline, per {unit}"
        )

    def assumption(self, cal: Calibration) -> str:
        labels = "each row counts with its true label"
        if cal.groups is not None:
            labels = f"a {cal.unit} counts with the true label of one of its rows, a random one"
        return f"{cal.assumption}; {labels}"

    def answer(self, rows: npt.NDArray[np.int64]) -> dict[str, Any]:
        return {"true_labels": np.ascontiguousarray(self.labels[rows])}

    def seen(self, rows: npt.NDArray[np.int64], exact: Labels, served: Labels) -> dict[str, Any]:
        truth = self.labels[rows]
        return {
            "accuracy_exact": float(np.mean(exact == truth)),
            "accuracy_cascade": float(np.mean(served == truth)),
            "n_unknown_labels": int(np.count_nonzero(truth < 0)),
        }


def promise_of(target: Agreement | Accuracy, y_cal: Any, classes: Any) -> Promise:
    if isinstance(target, Accuracy):
        return AccuracyPromise(target, y_cal, classes)
    return AgreementPromise(target)


def label_numbers(y_cal: npt.NDArray[Any], classes: npt.NDArray[Any]) -> Labels:
    """The number of each label among the classes; -1: no model can be right."""
    numbers = {label: i for i, label in enumerate(classes.tolist())}
    found = np.empty(len(y_cal), np.int64)
    for row, label in enumerate(y_cal.tolist()):
        if is_missing(label):
            raise ValueError(
                f"y_cal has no label for row {row}: {label!r}; leave out the rows of X_cal whose "
                "labels are not known"
            )
        try:
            found[row] = numbers.get(label, -1)
        except TypeError as error:
            raise TypeError(f"y_cal: row {row}: {error}") from error
    if len(found) > 0 and not np.any(found >= 0):
        raise ValueError(
            f"y_cal has no label that the pipeline knows: {y_cal[:3].tolist()}, ...; its classes "
            f"are {classes.tolist()[:10]}"
        )
    return found
