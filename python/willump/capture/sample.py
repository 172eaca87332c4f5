"""The rows of a sample that a function is followed on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from .._errors import UnsupportedError
from .._graph import Array
from .inputs import is_scalar

#: Rows of a sample that are looked at, and those that the function is followed on.
MAX_SAMPLE = 1000
MAX_FOLLOWED = 128
#: Rows at least that have other values than the sample's.
_OTHERS = 64

#: A frame, and what calls gave on it so far: `Replay.run` takes both.
Run: TypeAlias = tuple[pd.DataFrame, dict[int, Any]]


@dataclass(frozen=True)
class Sample:
    """A sample, and the few rows of it that show what its columns hold."""

    whole: pd.DataFrame
    rows: pd.DataFrame
    places: Array  #: of the rows in the whole
    #: Frames of its rows, and what calls gave on each: by the rows' places, or by what they are.
    runs: dict[bytes | str, Run] = field(default_factory=dict)
    #: Whether the rows of all calls are numbered from 0, as these are.
    is_numbered: bool = False

    @property
    def may_be_numbered(self) -> bool:
        return bool(self.whole.index.equals(pd.RangeIndex(len(self.whole))))

    def run(self, places: Array) -> Run:
        """Some of the rows as a frame of their own."""
        key = np.asarray(places).tobytes()
        if key not in self.runs:
            self.runs[key] = (self.rows.iloc[places].reset_index(drop=True), {})
        return self.runs[key]

    def run_whole(self) -> Run:
        """All of the sample."""
        return self.runs.setdefault("whole", (self.whole, {}))

    def runs_of_others(self) -> list[Run]:
        """The rows, few ones several times, with missing values, and with values that the
        sample has not, in some rows of each column, others in each."""
        n = len(self.rows)
        places = np.tile(np.arange(n), -(-_OTHERS // n))
        for key, change in (("missing", _missing), ("others", _others)):
            if key not in self.runs:
                rows = self.rows.iloc[places].reset_index(drop=True)
                random = np.random.default_rng(0).random
                made = {name: change(rows[name], random(len(rows)) < 0.5) for name in rows}
                self.runs[key] = (pd.DataFrame(made, index=rows.index), {})
        return [self.runs["missing"], self.runs["others"]]

    def run_relabelled(self) -> Run:
        """The rows with labels of which none is its row's number, where a call may have such."""
        if self.is_numbered:
            return self.run(np.arange(len(self.rows)))
        if "relabelled" not in self.runs:
            labels = np.arange(len(self.rows))[::-1] * 2 + 1
            self.runs["relabelled"] = (self.rows.set_axis(pd.Index(labels)), {})
        return self.runs["relabelled"]


def as_frame(sample: Any) -> pd.DataFrame:
    """The sample as a frame of at most MAX_SAMPLE rows."""
    if isinstance(sample, pd.DataFrame):
        frame = sample
    elif isinstance(sample, dict):
        frame = pd.DataFrame([sample] if all(map(is_scalar, sample.values())) else sample)
    elif isinstance(sample, (list, tuple)):
        frame = pd.DataFrame(list(sample))
    elif hasattr(sample, "to_pandas"):
        frame = sample.to_pandas()
    else:
        raise TypeError(f"sample is a frame of the rows, not {type(sample).__name__}")
    frame = frame.head(MAX_SAMPLE)
    if not len(frame):
        raise ValueError("sample has no rows: give some that look like those to come")
    if isinstance(frame.columns, pd.MultiIndex):
        raise UnsupportedError("sample has columns of several levels: give them names of one")
    if not frame.columns.is_unique:
        raise ValueError("sample has columns of one name")
    return frame


def as_sample(sample: Any) -> Sample:
    """The sample, and the rows to follow the function on: the first ones, of each column
    those that are missing and there, the smallest and the largest, and of objects one of
    each type; others are spread over the sample."""
    frame = as_frame(sample)
    n = len(frame)
    if n <= MAX_FOLLOWED:
        return Sample(frame, frame, np.arange(n))
    chosen = set(range(MAX_FOLLOWED // 4))
    for name in frame.columns:
        found = _telling(frame[name])
        if len(chosen) < 3 * MAX_FOLLOWED // 4:
            chosen.update(found)
    spread = np.linspace(0, n - 1, MAX_FOLLOWED).astype(int)
    spread = np.random.default_rng(0).permutation(spread)
    places = np.array(sorted([*chosen, *[p for p in spread if p not in chosen]][:MAX_FOLLOWED]))
    rows = frame.iloc[places]
    if frame.index.equals(pd.RangeIndex(n)):  # what is joined to it is numbered so too
        rows = rows.reset_index(drop=True)
    return Sample(frame, rows, places)


def _telling(column: Any) -> list[int]:
    """The places of values that show what a column may hold."""
    gone = np.asarray(column.isna(), dtype=bool)
    found = [*np.flatnonzero(gone)[:1], *np.flatnonzero(~gone)[:1]]
    kind = getattr(column.dtype, "kind", "O")
    if isinstance(column.dtype, np.dtype) and kind in "iuf" and not gone.all():
        numbers = np.asarray(column)
        there = np.flatnonzero(~gone)
        found += [there[numbers[there].argmin()], there[numbers[there].argmax()]]
    elif column.dtype == object:
        types: dict[type, int] = {}
        for place, cell in enumerate(column):
            types.setdefault(type(cell), place)
        found += list(types.values())[:8]
    return [int(place) for place in found]


def _missing(column: Any, is_other: Array) -> Any:
    """A column with some values missing, where its dtype has such."""
    kind = getattr(column.dtype, "kind", "O")
    if isinstance(column.dtype, np.dtype) and kind in "biu":
        return column
    return column.mask(is_other)


def _others(column: Any, is_other: Array) -> Any:
    """A column with some values that it has not, of numbers and strings."""
    kind = getattr(column.dtype, "kind", "O")
    if isinstance(column.dtype, np.dtype) and kind in "iuf":
        limit = np.iinfo(column.dtype).max if kind in "iu" else 1e9
        return column.where(~is_other, column.dtype.type(min(limit, 999_999_937)))
    is_text = isinstance(column.dtype, pd.StringDtype) or column.dtype == object
    return column.where(~is_other, "\u2603 of no sample") if is_text else column
