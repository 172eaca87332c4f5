"""A graph as something to call with the caller's X, while cascades are tuned."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from . import _core
from ._columns import is_frame, library_of
from ._compiled import thread_count
from ._errors import UnsupportedError
from ._frames import as_items, n_rows_of, take_rows
from ._present import interface_of
from ._reads import is_by_row, reads_of
from ._row_keys import RowReader

#: Why a part is refused behind a gate.
NOT_BY_ROW = (
    "a part that stays Python answers a row otherwise beside other rows, or otherwise each time"
)
#: A function's steps are asked by themselves in sets of so many rows, so many at most.
ASKED_ROWS, ASKED_SETS = 64, 16
#: How often costs are measured.
COST_REPEATS = 5
#: Of small batches, so many rows a round, but no more batches than that.
BATCH_ROUND, MOST_BATCHES = 200, 10


class Runner:
    """A compiled graph whose outputs are called by name with the caller's X."""

    def __init__(self, converted: Any, described: Mapping[str, Any], n_threads: int | None) -> None:
        metadata = {**described, **converted.metadata}
        model = _core.Model.compile(
            converted.graph_text,
            converted.tensors,
            json.dumps(metadata),
            n_threads=thread_count(n_threads),
        )
        shown = [(name, name) for name, *_ in model.outputs]
        metadata = {k: v for k, v in metadata.items() if k not in ("classes", "ravel")}
        steps = list(converted.steps)
        self.interface = interface_of(model, metadata, steps, None, shown)
        fitted = metadata.get("feature_names_in") or metadata.get("matched_names")
        self._reads = reads_of(
            converted.graph_text,
            converted.tensors,
            steps,
            model.inputs,
            metadata.get("exact_names") if fitted is None else fitted,
        )
        self._steps = steps
        self._outputs = [name for name, *_ in model.outputs]
        self._reader: RowReader | None = None

    def keys(self, *sides: Sequence[Any]) -> list[list[Any]]:
        """`RowReader.keys` of the columns that the pipeline reads."""
        if self._reader is None:
            rows = next(part for side in sides for part in side)
            self._reader = RowReader(self._reads.places(rows, self, self._outputs))
        return self._reader.keys(*sides)

    @property
    def python_steps(self) -> str:
        """The names of the steps that stay Python."""
        return ", ".join(sorted({step.name for step in self._steps}))

    @property
    def has_steps_alone(self) -> bool:
        """Whether all Python steps get the rows that stay by themselves; a function's steps
        that are known to need a call's rows together get all of them."""
        return bool(self._steps) and len(self._alone) == len(self._steps)

    @property
    def _alone(self) -> list[Any]:
        return [step for step in self._steps if getattr(step, "is_row_wise", True)]

    def check_rows_alone(self, x: Any, *, exactly: bool = False) -> None:
        """Refuses Python steps that answer a row otherwise beside other rows, or each time
        otherwise: of a cascade they get the rows that stay.

        Parameters
        ----------
        exactly : bool
            Refuses also those that differ by little.

        Raises
        ------
        UnsupportedError
        """
        if self.has_steps_alone:
            if is_by_row(x, self, self._outputs, exactly=exactly):
                return
            names = self.python_steps
        else:
            # Others get all rows of a call, so that the answers do not tell of these.
            wrong = [step for step in self._alone if step.is_raw and not _is_step_by_row(step, x)]
            if not wrong:
                return
            names = ", ".join(sorted({step.name for step in wrong}))
        raise UnsupportedError(
            f"{names}: {NOT_BY_ROW}; behind a gate it would get only the "
            "rows that stay, and these would not have the exact pipeline's answers: compute "
            "what hangs on several rows in fit, or use willump.compile"
        )

    def __call__(self, output: str, x: Any) -> Any:
        return self.interface.run(output, x)


def _is_step_by_row(step: Any, x: Any) -> bool:
    """Whether a step that reads the caller's X answers each row by itself."""
    order = np.random.default_rng(0).permutation(n_rows_of(x))
    sets = [order[i : i + ASKED_ROWS] for i in range(0, len(order), ASKED_ROWS)]
    return all(
        is_by_row(take_rows(x, rows), lambda _, some: step(some), ["features"], exactly=True)
        for rows in sets[:ASKED_SETS]
    )


def check_rows_alone(conversion: Any, parts: Iterable[Any], *, exactly: bool = False) -> None:
    """`Runner.check_rows_alone` of a pipeline, for each of some sets of rows."""
    converted = conversion.finish()
    if converted.steps:
        runner = Runner(converted, conversion.describe(converted.metadata), 1)
        for rows in parts:
            runner.check_rows_alone(rows, exactly=exactly)


def for_sklearn(x: Any) -> Any:
    """Rows that scikit-learn reads: it knows neither Arrow nor columns in a dict."""
    if isinstance(x, dict):
        import pandas as pd

        return pd.DataFrame({name: as_items(column) for name, column in x.items()})
    if library_of(x) == "pyarrow":
        return x.to_pandas() if is_frame(x) else as_items(x)
    return x


def costs_of(calls: Sequence[tuple[Callable[[str, Any], Any], str]], sample: Any) -> list[float]:
    """ns a row of each output: the smallest of several runs, which other work
    disturbs least; in turns, so that a slow moment falls on all of them."""
    n = max(1, n_rows_of(sample))
    least = [float("inf")] * len(calls)
    for _ in range(COST_REPEATS):
        for i, (runner, output) in enumerate(calls):
            begin = time.perf_counter_ns()
            runner(output, sample)
            least[i] = min(least[i], time.perf_counter_ns() - begin)
    return [time / n for time in least]


def batch_costs_of(
    calls: Sequence[tuple[Callable[[str, Any], Any], str]],
    rows: Any,
    size: int,
    *,
    n_rows: int = BATCH_ROUND,
) -> list[float]:
    """ns a row of each output in batches of so many rows, each asked once a round, of
    about n_rows rows, fewer of the smallest: the least of several rounds."""
    n = min(n_rows_of(rows) // size, max(1, n_rows // size), MOST_BATCHES)
    batches = [take_rows(rows, np.arange(i * size, (i + 1) * size)) for i in range(n)]
    least = [float("inf")] * len(calls)
    for _ in range(COST_REPEATS):
        for i, (runner, output) in enumerate(calls):
            begin = time.perf_counter_ns()
            for batch in batches:
                runner(output, batch)
            least[i] = min(least[i], time.perf_counter_ns() - begin)
    return [time / (n * size) for time in least]


def times_of(
    calls: Sequence[tuple[Callable[[str, Any], Any], str]],
    rows: Any,
    batch_rows: tuple[int, int] | None,
) -> list[float]:
    """Of all rows together, or of a size of batches and the rows of a round."""
    if batch_rows is None:
        return costs_of(calls, rows)
    return batch_costs_of(calls, rows, batch_rows[0], n_rows=batch_rows[1])


def cost_of(runner: Runner, output: str, sample: Any) -> float:
    return costs_of([(runner, output)], sample)[0]
