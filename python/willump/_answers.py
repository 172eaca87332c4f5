"""What a pipeline answers a row with, for cascades: a label, several labels, or numbers.

Labels are compared as numbers: a class's position, or for several labels the number
of their combination. Predictions have none; only a tolerance compares them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ._errors import UnsupportedError
from ._frames import n_rows_of

Array = npt.NDArray[Any]
Labels = npt.NDArray[np.int64]


class Answers:
    """The answers of one pipeline.

    Attributes
    ----------
    kind : "label", "labels" or "numbers"
    output : str
        The graph's output that they are.
    result, near : str
        Those that a call gives, and that a tolerance is about: of a function its
        `result`.
    taught : str
        That which a first stage learns, where there are no labels.
    """

    def __init__(self, model: Any, result: str | None = None, taught: str | None = None) -> None:
        if model.label is not None and model.classes is not None:
            self.kind = "labels" if model.multilabel else "label"
            self.output = "label"
        elif model.margins is not None:
            self.kind, self.output = "labels", "prediction"
        else:
            self.kind, self.output = "numbers", "prediction"
        self.result = result or self.output
        self.near = result or ("prediction" if self.kind == "numbers" else "proba")
        self.taught = taught or self.output
        self.model = model
        self.classes: Array | None = model.classes
        shown = getattr(model, self.output)
        self.width = 1 if shown is None else int(shown.n_features)
        self._combinations: dict[bytes, int] = {}
        self._tables: list[Array] = []

    def check_cascade(self) -> None:
        """Refuses what a cascade has no promise for."""
        model = self.model
        if self.kind != "numbers":
            return
        if model.prediction is None or model.decision is not None or model.score is not None:
            raise UnsupportedError("optimize needs a classifier or a regressor")
        if np.dtype(model.prediction_dtype).kind != "f":
            raise UnsupportedError(
                "optimize needs predictions that are labels with classes_, or floating-point "
                f"numbers, not {np.dtype(model.prediction_dtype)}"
            )

    def is_python(self, builder: Any) -> bool:
        """Whether a Python step gives them."""
        shown = getattr(self.model, self.output)
        return shown is not None and builder.nodes[shown.node].payload is not None

    # ---- as numbers -------------------------------------------------------

    def numbers(self, runner: Any, x: Any) -> Labels:
        """Of each row; 0 where there are no labels."""
        if self.kind == "numbers":
            return np.zeros(n_rows_of(x), np.int64)
        found = np.ascontiguousarray(runner(self.output, x), np.int64)
        if self.kind == "label":
            return found.ravel()
        return np.array([self._combination(row) for row in found.reshape(-1, self.width)], np.int64)

    def _combination(self, row: Array) -> int:
        number = self._combinations.setdefault(row.tobytes(), len(self._tables))
        if number == len(self._tables):
            self._tables.append(row.copy())
        return number

    def by_class(self, exact: Labels, served: Labels) -> list[tuple[str, int, int]]:
        """Each class's name, the rows that the exact pipeline gives it, and those of
        them that the cascade gives it too."""
        if self.kind == "numbers":
            return []
        classes = range(self.width) if self.classes is None else self.classes.tolist()
        names = [str(name) for name in classes]
        if self.kind == "label":
            n_rows = np.bincount(exact, minlength=len(names))
            n_same = np.bincount(exact[served == exact], minlength=len(names))
        else:
            tables = np.array(self._tables, np.int64).reshape(-1, self.width) == 1
            there, kept = tables[exact], tables[served]
            n_rows, n_same = there.sum(axis=0), (there & kept).sum(axis=0)
        return list(zip(names, n_rows.tolist(), n_same.tolist(), strict=True))

    # ---- training ---------------------------------------------------------

    def checked(self, y: Any) -> Any:
        """Training labels; refuses those that are not the pipeline's own."""
        if y is None:
            return None
        if self.kind == "label":
            assert self.classes is not None
            _check_table(y, 1, "label")
            _check_classes(y, self.classes)
        elif self.kind == "labels":
            _check_table(y, self.width, "label")
            if not np.isin(y, (0, 1)).all():
                raise ValueError(
                    f"y must hold 0 or 1 for each of the {self.width} labels that a row may have"
                )
        else:
            _check_table(y, self.width, "number")
            if y.dtype.kind not in "iufbO":
                raise ValueError(f"y must hold numbers, as the pipeline predicts, not {y.dtype}")
            y = y.astype(np.float64)  # of objects, their own error
            if not np.isfinite(y).all():
                raise ValueError("y holds NaN or infinity; no model can be trained on that")
        return y

    def of(self, base: Any, x: Any) -> Array:
        """The exact pipeline's own, to train on."""
        found = np.asarray(base(self.taught, x))
        if self.kind == "label":
            assert self.classes is not None
            return np.asarray(self.classes[found.ravel()])
        return found.ravel() if self.width == 1 and self.kind == "numbers" else found


def _check_table(y: Array, width: int, what: str) -> None:
    given = 1 if y.ndim == 1 else y.shape[1]
    if given != width:
        raise ValueError(
            f"y must hold {width} {what}{'s' if width > 1 else ''} a row, as the pipeline "
            f"predicts, not an array of {y.shape}"
        )


def _check_classes(y: Array, classes: Array) -> None:
    """Refuses labels that are not the pipeline's own."""
    given, known = set(y.tolist()), set(classes.tolist())
    unknown, missing = list(given - known), list(known - given)
    if unknown:
        raise ValueError(
            f"y has labels that the pipeline does not know: {unknown[:5]}; its classes are "
            f"{classes.tolist()[:10]}"
        )
    if missing:
        raise ValueError(f"y has no rows of the pipeline's classes {missing[:5]}")
