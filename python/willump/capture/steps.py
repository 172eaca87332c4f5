"""Python steps: what has no native form is run again by plain Python on a call's rows."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp

from .._frames import take_rows
from ..convert.context import Context
from ..convert.steps import Columns, PythonStep
from ..convert.values import DTYPES, Ref
from .nullable import may_be_na
from .sample import Sample
from .values import Column, Matrix, NotNative, Replay, Traced

#: Rows that are asked alone.
_ALONE = 6
#: Seconds that a step may take to be run on a whole sample.
_MAX_SECONDS = 0.5


@dataclass(slots=True)
class ReplayStep(PythonStep):
    """Computes a value of the function as plain Python does, from the caller's rows."""

    replay: Replay | None = None
    frame: Any = None  #: from the caller's X to the frame that the function takes
    is_row_wise: bool = True

    def answer(self, x: Any) -> Any:
        import pandas as pd

        assert self.replay is not None
        frame = x if self.frame is None else self.frame(x)
        # Steps share the caller's frame: what one does to it is not for the others.
        own = frame.copy(deep=False) if isinstance(frame, pd.DataFrame) else frame
        return plain(self.replay.run(own))

    def take_rows(self, x: Any, rows: Any) -> Any:
        """Some rows, as the function would be called with them alone."""
        import pandas as pd

        found = take_rows(x, rows)
        if isinstance(x, pd.DataFrame) and x.index.equals(pd.RangeIndex(len(x))):
            return found.reset_index(drop=True)
        return found

    @classmethod
    def of(cls, value: Traced, why: str, context: Context, sample: Sample) -> Column | Matrix:
        """The node of a new step that computes a traced value."""
        if may_be_na(getattr(value.value, "dtype", None)):
            raise NotNative(why)  # NA is no number: what is made of it may be one
        shown = plain(value.value)
        is_sparse = sp.issparse(shown)
        if not is_sparse and (not isinstance(shown, np.ndarray) or shown.ndim not in (1, 2)):
            raise NotNative(why)
        if shown.dtype.kind not in "biuf":
            raise NotNative(why)
        width = 1 if shown.ndim == 1 else int(shown.shape[1])
        dtype = DTYPES.get(shown.dtype, "i64" if shown.dtype.kind in "biu" else "f64")
        step = cls(
            estimator=None,
            method="",
            name=f"line {value.line}",
            why=why,
            n_features=width,
            sparse=is_sparse,
            dtype=dtype,
            is_raw=True,
            replay=value.replay,
            result_dtype=shown.dtype.str,
            columns=Columns((), ()),
            is_row_wise=is_row_wise(value, sample),
        )
        node = context.builder.node(
            "external",
            (),
            {
                "n_features": width,
                "sparse": True if is_sparse else None,
                "dtype": None if dtype == "f64" else dtype,
                "name": step.name,
            },
            payload=step,
        )
        if shown.ndim == 1:
            rows = rows_of(value, sample)
            return Column(node, _column_dtype(shown.dtype), rows)
        form = shown.format if is_sparse else ""
        return Matrix(Ref(node, width, is_sparse, dtype), str(shown.dtype), form)


def _column_dtype(dtype: np.dtype[Any]) -> str:
    return {"b": "bool", "i": "int64", "u": "int64"}.get(
        dtype.kind, "float32" if dtype == np.float32 else "float64"
    )


def rows_of(value: Traced, sample: Sample) -> str:
    """Which index a result of Python has: the caller's, one that counts, or another."""
    import pandas as pd

    if not isinstance(value.value, pd.Series):
        return ""
    run = sample.run_relabelled()
    labels = run[0].index
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            index = value.replay.run(*run).index
    except Exception:
        return "python"
    if index.equals(labels):
        return "input"
    return "range" if index.equals(pd.RangeIndex(len(labels))) else "python"


def plain(value: Any) -> Any:
    """A Series or frame as an array of its numbers."""
    if hasattr(value, "to_numpy"):
        array: Any = value.to_numpy()
        if array.dtype == object and getattr(getattr(value, "dtype", None), "kind", "O") in "biuf":
            return value.to_numpy(dtype=np.float64, na_value=np.nan)
        return array
    return value


def is_row_wise(value: Traced, sample: Sample) -> bool:
    """Whether the rows' answers are their own: those that were followed as they are against
    them in another order, in two parts, and twice, and among the whole sample, where that
    takes not too long."""
    start = time.perf_counter()
    if not _is_row_wise(value, sample):
        return False
    seconds = (time.perf_counter() - start) / 4 / len(sample.rows) * len(sample.whole)
    if len(sample.whole) == len(sample.rows) or seconds > _MAX_SECONDS:
        return True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = _rows(plain(value.replay.run(*sample.run_whole())))
    except Exception:
        return False
    return found.shape[0] == len(sample.whole) and _same(
        found[sample.places], _rows(plain(value.value))
    )


def _is_row_wise(value: Traced, sample: Sample) -> bool:
    def run(rows: Any) -> Any:
        return plain(value.replay.run(*sample.run(rows)))

    return answers_rows(run, plain(value.value), len(sample.rows))


def answers_rows(run: Callable[[Any], Any], answer: Any, n: int) -> bool:
    """Whether what gave an answer to n rows gives each the same in another order, in two
    parts, twice, among those with answers like its own, and a few alone; `run` takes the
    rows' numbers."""
    if n == 0:
        return False
    order = np.random.default_rng(0).permutation(n)
    parts = [np.arange(n)[: n // 2], np.arange(n)[n // 2 :]]
    try:
        whole = _rows(answer)
        if whole.shape[0] != n:
            return False
        tries = [order, np.repeat(np.arange(n), 2), *[p for p in parts if len(p)]]
        tries += [order[i : i + 1] for i in range(min(n, _ALONE))]
        tries += _of_one_answer(whole)
        for rows in tries:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = _rows(run(rows))
            if found.shape != (len(rows), *whole.shape[1:]) or not _same(whole[rows], found):
                return False
    except Exception:
        return False
    return True


def _of_one_answer(answers: Any) -> list[Any]:
    """Rows whose answers are alike: in the first column's lower part, and its upper one."""
    if not answers.size or answers.dtype.kind not in "fiub":
        return []
    first = answers.reshape(len(answers), -1)[:, 0].astype(float)
    middle = np.nanmedian(first) if np.isfinite(first).any() else 0.0
    parts = [np.flatnonzero(first <= middle), np.flatnonzero(first > middle)]
    return [part for part in parts if len(part)]


def _rows(value: Any) -> Any:
    return value.toarray() if sp.issparse(value) else np.asarray(value)


def _same(a: Any, b: Any) -> bool:
    if a.dtype.kind in "fiub":
        return bool(np.allclose(a, b, rtol=1e-9, atol=1e-12, equal_nan=True))
    return bool(np.array_equal(a, b))
