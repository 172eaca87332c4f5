"""What each target asks of the job that certifies it, and says in a certificate."""

from __future__ import annotations

from collections.abc import Container
from typing import Any

import numpy as np
import numpy.typing as npt

from ._answers import Answers
from ._calibration import Calibration, is_missing
from ._errors import UnsupportedError
from ._frames import n_rows_of
from ._gates import Gaps
from ._runner import Runner
from ._targets import Accuracy, Agreement, Estimated, Tolerance

Labels = npt.NDArray[np.int64]
Rows = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.float64]
Target = Agreement | Accuracy | Tolerance | Estimated

#: What `optimize` takes.
TARGETS = (Agreement, Accuracy, Tolerance, Estimated)


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
    rows_note = " (labels are not needed)"
    tolerance_abs = 0.0
    tolerance_rel = 0.0
    #: Whether gates are learned beside the margin.
    learns = True
    #: Why there is no cascade, where the certifying rows said so.
    problem = ""

    def __init__(self, confidence: float) -> None:
        self.confidence = confidence

    def sentence(self, unit: str) -> str:
        """The promise, for a certificate."""
        raise NotImplementedError

    def assumption(self, cal: Calibration) -> str:
        return cal.assumption

    def begin(self, exact: Runner, cal: Calibration) -> None:
        """Sees the exact pipeline and the calibration rows."""

    def answer(
        self, rows: Rows, first: Runner, x: Any, gate: Numbers, labels: Labels
    ) -> dict[str, Any]:
        """What an answer brings besides the scores: of those rows, x, by a first stage
        with that gate and those labels."""
        return {}

    def gaps(self, rows: Rows, first: Runner, x: Any, differs: npt.NDArray[np.bool_]) -> Gaps:
        """How far the first stage is from the exact pipeline, for a gate to learn."""
        return Gaps(differs, is_event=True)

    def told(self) -> tuple[str, npt.NDArray[Any]] | None:
        """The output with numbers that the promise is about beside labels, and the exact
        pipeline's to all calibration rows, (n_rows, width); None of labels alone."""
        return None

    def tolerated(self, numbers: Numbers) -> Numbers | None:
        """How far from these others may be by the promise; None where it does not say."""
        return None

    def seen(self, rows: Rows, exact: Labels, served: Labels) -> dict[str, Any]:
        """More entries, from the rows that certified: observed, not certified."""
        return {}


class AgreementPromise(Promise):
    """The exact pipeline's label."""

    kind = "agreement"
    max_gates = 4

    def __init__(self, target: Agreement, has_several: bool) -> None:
        super().__init__(target.confidence)
        self.has_several = has_several
        self.rate = target.rate
        self.alpha = 1.0 - target.rate
        self.what = f"an agreement of {target.rate:g}"

    def sentence(self, unit: str) -> str:
        return (
            f"with confidence {self.confidence:g}, the cascade gives "
            f"{'all of ' if self.has_several else ''}the exact pipeline's "
            f"label{'s' if self.has_several else ''} to at least a share of {self.rate:g}, "
            f"per {unit}"
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

    def answer(
        self, rows: Rows, first: Runner, x: Any, gate: Numbers, labels: Labels
    ) -> dict[str, Any]:
        return {"true_labels": np.ascontiguousarray(self.labels[rows])}

    def seen(self, rows: Rows, exact: Labels, served: Labels) -> dict[str, Any]:
        truth = self.labels[rows]
        return {
            "accuracy_exact": float(np.mean(exact == truth)),
            "accuracy_cascade": float(np.mean(served == truth)),
            "n_unknown_labels": int(np.count_nonzero(truth < 0)),
        }


class TolerancePromise(Promise):
    """Probabilities or predictions close to the exact pipeline's."""

    kind = "tolerance"
    max_gates = 4

    def __init__(self, target: Tolerance, output: str) -> None:
        super().__init__(target.confidence)
        self.target, self.output = target, output
        self.alpha = 1.0 - target.share
        self.what = f"a share of {target.share:g} within the tolerance"
        self.tolerance_abs, self.tolerance_rel = float(target.abs), float(target.rel)

    def sentence(self, unit: str) -> str:
        parts = [f"{self.tolerance_abs:g}"] if self.tolerance_abs else []
        parts += [f"{self.tolerance_rel:g} times the exact one"] if self.tolerance_rel else []
        return (
            f"with confidence {self.confidence:g}, all {self.nouns} of the cascade differ by at "
            f"most {' plus '.join(parts)} from the exact pipeline's to at least a share of "
            f"{self.target.share:g}, per {unit}"
        )

    @property
    def nouns(self) -> str:
        return "probabilities" if self.output == "proba" else "predictions"

    def begin(self, exact: Runner, cal: Calibration) -> None:
        self.exact = self._outputs(exact, cal.x)

    def answer(
        self, rows: Rows, first: Runner, x: Any, gate: Numbers, labels: Labels
    ) -> dict[str, Any]:
        return {
            "approx_outputs": self._outputs(first, x),
            "full_outputs": np.ascontiguousarray(self.exact[rows]),
        }

    def gaps(self, rows: Rows, first: Runner, x: Any, differs: npt.NDArray[np.bool_]) -> Gaps:
        approx, exact = self._outputs(first, x), self.exact[rows]
        with np.errstate(all="ignore"):
            allowed = self.tolerance_abs + self.tolerance_rel * np.abs(exact)
            parts = np.abs(approx - exact) / allowed
        return Gaps(np.where(approx == exact, 0.0, parts).max(axis=1), is_event=False)

    def told(self) -> tuple[str, npt.NDArray[Any]] | None:
        return self.output, self.exact

    def tolerated(self, numbers: Numbers) -> Numbers | None:
        return self.tolerance_abs + self.tolerance_rel * np.abs(numbers)

    def _outputs(self, runner: Runner, x: Any) -> Numbers:
        # As the methods give them, whatever their dtype.
        return np.ascontiguousarray(runner(self.output, x), np.float64).reshape(n_rows_of(x), -1)

    def seen(self, rows: Rows, exact: Labels, served: Labels) -> dict[str, Any]:
        return {"tolerance_abs": self.tolerance_abs, "tolerance_rel": self.tolerance_rel}


def check_target(target: object, answers: Answers, outputs: Container[str]) -> None:
    """Refuses a model without what is to be promised."""
    if answers.kind == "numbers" and isinstance(target, (Agreement, Accuracy)):
        raise UnsupportedError(
            f"{type(target).__name__} is about labels, and the pipeline predicts numbers: "
            "target=willump.Tolerance(abs=..., share=...) is about those"
        )
    if answers.kind == "labels" and isinstance(target, Accuracy):
        raise UnsupportedError(
            "Accuracy is about one label a row, and the pipeline gives several; Agreement is "
            "about all of them"
        )
    if isinstance(target, Tolerance) and answers.near not in outputs:
        raise UnsupportedError(
            "Tolerance is about probabilities here, and the pipeline has no predict_proba; "
            "Agreement is about its labels"
        )


def promise_of(target: Target, y_cal: Any, answers: Answers, seed: int) -> Promise:
    if isinstance(target, Estimated):
        from ._estimate import EstimatedPromise

        return EstimatedPromise(target, y_cal, answers, seed)
    if isinstance(target, Tolerance):
        return TolerancePromise(target, answers.near)
    if isinstance(target, Accuracy):
        return AccuracyPromise(target, y_cal, answers.classes)
    return AgreementPromise(target, answers.kind == "labels")


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
