"""A graph as something to call with the caller's X, while cascades are tuned."""

from __future__ import annotations

import json
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from . import _core
from ._columns import is_frame, library_of
from ._compiled import thread_count
from ._frames import Columns, WholeMatrix, as_items, column_keys, n_rows_of, row_keys, take_rows
from ._present import extract_of, interface_of
from .capture.inputs import FunctionInputs

#: How often costs are measured.
COST_REPEATS = 5
#: Of small batches, so many rows a round.
BATCH_ROUND = 200


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
        # A Python step may read more of X than the graph's own inputs.
        self.extract = None if steps else extract_of(model.inputs, metadata, [], "the model")

    def keys(self, x: Any) -> list[Any]:
        """A hashable for each row; equal where the graph reads equal values."""
        if isinstance(self.extract, WholeMatrix):
            return _matrix_keys(x)
        if isinstance(self.extract, FunctionInputs):
            return self.extract.keys(x)
        if not isinstance(self.extract, Columns):
            return row_keys(x)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return column_keys(self.extract(x))

    def __call__(self, output: str, x: Any) -> Any:
        return self.interface.run(output, x)


def for_sklearn(x: Any) -> Any:
    """Rows that scikit-learn reads: it knows neither Arrow nor columns in a dict."""
    if isinstance(x, dict):
        import pandas as pd

        return pd.DataFrame({name: as_items(column) for name, column in x.items()})
    if library_of(x) == "pyarrow":
        return x.to_pandas() if is_frame(x) else as_items(x)
    return x


def _matrix_keys(x: Any) -> list[Any]:
    """`row_keys` of numbers, whatever holds them: a frame, a list or another dtype."""
    if hasattr(x, "tocsr"):
        return row_keys(x.astype(np.float64))
    try:
        return row_keys(np.asarray(for_sklearn(x), dtype=np.float64) + 0.0)  # -0.0 is 0.0
    except (TypeError, ValueError):
        return row_keys(x)


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
    about n_rows rows: the least of several rounds."""
    n = min(n_rows_of(rows) // size, max(1, n_rows // size))
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
