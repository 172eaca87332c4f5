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
    taught, taught_classes : str, ndarray or None
        That which a first stage learns, where there are no labels, and what those are: of a
        function that returns labels of its own, its model's.
    """

    def __init__(
        self,
        model: Any,
        result: str | None = None,
        taught: str | None = None,
        taught_classes: Array | None = None,
    ) -> None:
        if model.label is not None and model.classes is not None:
            self.kind = "labels" if model.multilabel else "label"
            self.output = "label"
        elif model.output_classes is not None:
            self.kind, self.output = "labels", "prediction"
        else:
            self.kind, self.output = "numbers", "prediction"
        self.result = result or self.output
        self.near = result or ("prediction" if self.kind == "numbers" else "proba")
        self.taught = taught or self.output
        self.model = model
        self.classes: Array | None = model.classes
        self.taught_classes = model.classes if taught_classes is None else taught_classes
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
        found = np.asarray(runner(self.output, x))
        if self.kind == "label":
            return np.ascontiguousarray(found, np.int64).ravel()
        table = np.ascontiguousarray(found, np.float64).reshape(-1, self.width) + 0.0
        return np.array([self._combination(row) for row in table], np.int64)

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
        if self.kind == "label":
            assert self.classes is not None
            names = [str(name) for name in self.classes.tolist()]
            n_rows = np.bincount(exact, minlength=len(names))
            n_same = np.bincount(exact[served == exact], minlength=len(names))
        else:
            tables = np.array(self._tables).reshape(-1, self.width)
            names, columns, values = self._labels_by_column()
            there, kept = (tables[found][:, columns] == values for found in (exact, served))
            n_rows, n_same = there.sum(axis=0), (there & kept).sum(axis=0)
        return list(zip(names, n_rows.tolist(), n_same.tolist(), strict=True))

    def _labels_by_column(self) -> tuple[list[str], Labels, Array]:
        """Of several labels a row: what each is called, its column, and its value there.
        A column of 0 and 1 is one label, of other classes it is each of them."""
        if self.classes is not None:
            columns = np.arange(self.width)
            return [str(name) for name in self.classes.tolist()], columns, np.ones(self.width)
        names: list[str] = []
        places: list[int] = []
        values: list[float] = []
        for column, classes in enumerate(self.model.output_classes):
            is_flag = np.array_equal(classes, [0, 1])
            for value in [1] if is_flag else classes.tolist():
                names.append(str(column) if is_flag else f"{column}: {value}")
                places.append(column)
                values.append(value)
        return names, np.array(places, np.int64), np.array(values, np.float64)

    # ---- training ---------------------------------------------------------

    def checked(self, y: Any) -> Any:
        """Training labels; refuses those that are not the pipeline's own."""
        if y is None:
            return None
        if self.kind == "label":
            assert self.taught_classes is not None
            _check_table(y, 1, "label")
            _check_classes(y, self.taught_classes)
        elif self.kind == "labels":
            _check_table(y, self.width, "label")
            self._check_labels(y)
        else:
            _check_table(y, self.width, "number")
            if y.dtype.kind not in "iufbO":
                raise ValueError(f"y must hold numbers, as the pipeline predicts, not {y.dtype}")
            y = y.astype(np.float64)  # of objects, their own error
            if not np.isfinite(y).all():
                raise ValueError("y holds NaN or infinity; no model can be trained on that")
        return y

    def _check_labels(self, y: Array) -> None:
        """Refuses several labels a row that are none of their columns'."""
        others = self.model.output_classes or ()
        if (
            all(np.array_equal(classes, [0, 1]) for classes in others)
            and not np.isin(y, (0, 1)).all()
        ):
            raise ValueError(
                f"y must hold 0 or 1 for each of the {self.width} labels that a row may have"
            )
        for column, classes in enumerate(others):
            unknown = set(y.reshape(len(y), -1)[:, column].tolist()) - set(classes.tolist())
            if unknown:
                raise ValueError(
                    f"y has labels in column {column} that the pipeline does not know: "
                    f"{list(unknown)[:5]}; its classes there are {classes.tolist()[:10]}"
                )

    def trained_on(self, y: Array) -> Array:
        """What a first stage is trained on: of labels in columns, which may be floats or
        flags, the integers that they are."""
        if self.model.output_classes is None or y.dtype == np.int64:
            return y
        integers = y.astype(np.int64)
        return integers if np.array_equal(integers, y) else y

    def of(self, base: Any, x: Any) -> Array:
        """The exact pipeline's own, to train on."""
        found = np.asarray(base(self.taught, x))
        if self.kind == "label":
            assert self.taught_classes is not None
            return np.asarray(self.taught_classes[found.ravel()])
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
