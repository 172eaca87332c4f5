"""Python steps: what has no native form is run again by plain Python on a call's rows."""

from __future__ import annotations

import time
import types
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp

from .._frames import take_rows
from .._graph import Array
from ..convert.context import Context
from ..convert.steps import Columns, PythonStep
from ..convert.values import DTYPES, Ref
from .columns import LARGEST
from .nullable import may_be_na
from .sample import Sample
from .shared import Scope
from .source import LIBRARIES
from .values import (
    SHORT,
    WHOLE,
    AugmentItem,
    CallMethod,
    Column,
    Matrix,
    NotNative,
    Replay,
    SetItem,
    Traced,
)

#: What is done to objects, by name.
_DONE = (AugmentItem, CallMethod, SetItem)
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
    #: Whole numbers, and floats where one of them is missing.
    may_miss: bool = False

    def stored(self, answer: Any, *, checks: bool = True) -> Any:
        array = np.asarray(answer)
        if array.ndim == 0 and not sp.issparse(answer):
            raise ValueError(f"{self.name} gave one value, and not one for each row")
        if checks and not sp.issparse(answer) and not self._is_of_dtype(array):
            raise TypeError(
                f"{self.name} gave numbers of dtype {array.dtype}, which do not fit the "
                f"{np.dtype(self.result_dtype)} that its answers had when it was compiled: add "
                ".astype(float), or compile with a sample that has such rows"
            )
        return super(ReplayStep, self).stored(answer, checks=checks)

    def _is_of_dtype(self, array: Array) -> bool:
        """Whether numbers are such as the graph takes the answers for; what it cannot hold
        `stored` refuses."""
        if len(array) == 0:
            return True
        if np.dtype(self.result_dtype).kind == "b" and array.dtype.kind != "b":
            return all(isinstance(each, (bool, np.bool_)) for each in array.ravel().tolist())
        info = np.iinfo(self.result_dtype) if np.dtype(self.result_dtype).kind in "iu" else None
        if info is not None and array.dtype.kind in "iuf":
            there = array[~np.isnan(array)]
            if ((there < info.min) | (there > info.max)).any():
                return False
        if not self.may_miss:
            return True
        if array.dtype.kind not in "iuf":
            return False
        there = array[~np.isnan(array)]
        return bool(((np.floor(there) == there) & (np.abs(there) <= LARGEST)).all())

    def answer(self, x: Any) -> Any:
        return self.answer_in(Scope(self.frame_of(x)))

    def frame_of(self, x: Any) -> Any:
        """The frame that the function takes."""
        return x if self.frame is None else self.frame(x)

    def answer_in(self, scope: Scope) -> Any:
        """The answer on a scope's rows, with what other steps computed of them."""
        assert self.replay is not None
        return plain(self.replay.run(scope.frame, scope.known))

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
        may_miss = may_be_missing(value, sample)
        if may_miss:
            dtype = "f64"
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
            may_miss=may_miss,
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
            whole = SHORT if shown.dtype == np.int32 else WHOLE
            return Column(node, whole if may_miss else _column_dtype(shown.dtype), rows)
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
        return "range" if sample.is_numbered else "input"
    return "range" if index.equals(pd.RangeIndex(len(labels))) else "python"


def plain(value: Any) -> Any:
    """A Series or frame as an array of its numbers."""
    if hasattr(value, "to_numpy"):
        array: Any = value.to_numpy()
        if array.dtype == object and getattr(getattr(value, "dtype", None), "kind", "O") in "biuf":
            return value.to_numpy(dtype=np.float64, na_value=np.nan)
        return array
    return value


def may_be_missing(value: Traced, sample: Sample) -> bool:
    """Whether whole numbers that pandas gave are floats, some of them missing, of rows whose
    values are missing or none that the sample has: a key that is in no table, say. Functions
    of the user's are not asked for rows that there are not."""
    shown = plain(value.value)
    if shown.dtype not in (np.int64, np.int32) or shown.ndim != 1:
        return False
    if not _is_of_libraries(value.replay, set()):
        return False
    for frame, known in sample.runs_of_others():
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = plain(value.replay.run(frame, known))
        except Exception:  # such rows are an error to it
            continue
        if found.dtype.kind == "f" and np.isnan(found).any():
            return True
    return False


def _is_of_libraries(replay: Replay, seen: set[int]) -> bool:
    """Whether a call and those that its arguments come from have nothing of the user's."""
    if replay.function is None or id(replay) in seen:
        return True
    seen.add(id(replay))
    pending: list[Any] = [replay.function, *replay.args, *replay.kwargs.values()]
    while pending:
        item = pending.pop()
        if isinstance(item, Replay):
            if not _is_of_libraries(item, seen):
                return False
        elif type(item) in (list, tuple, set, frozenset):
            pending.extend(item)
        elif type(item) is dict:
            pending.extend(item.values())
        elif type(item) is slice:
            pending.extend((item.start, item.stop, item.step))
        elif not isinstance(item, _DONE) and _library_of(item) not in LIBRARIES | {"_operator"}:
            return False
    return True


def _library_of(item: Any) -> str:
    """Where a function or value comes from; what a decorator made is the decorator's."""
    if isinstance(item, types.FunctionType):
        module = item.__globals__.get("__name__")
    else:
        module = getattr(item, "__module__", None) if callable(item) else None
    return str(module or type(item).__module__).partition(".")[0]


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
            found = as_array(plain(value.replay.run(*sample.run_whole())))
    except Exception:
        return False
    return found.shape[0] == len(sample.whole) and _same(
        found[sample.places], as_array(plain(value.value))
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
        whole = as_array(answer)
        if whole.shape[0] != n:
            return False
        tries = [order, np.repeat(np.arange(n), 2), *[p for p in parts if len(p)]]
        tries += [order[i : i + 1] for i in range(min(n, _ALONE))]
        tries += _of_one_answer(whole)
        for rows in tries:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = as_array(run(rows))
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


def as_array(value: Any) -> Any:
    """An answer as a dense array."""
    return value.toarray() if sp.issparse(value) else np.asarray(value)


def _same(a: Any, b: Any) -> bool:
    if a.dtype.kind in "fiub":
        return bool(np.allclose(a, b, rtol=1e-9, atol=1e-12, equal_nan=True))
    return bool(np.array_equal(a, b))
