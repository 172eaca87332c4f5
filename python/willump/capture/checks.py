"""What was followed and compiled against the plain function, called on the sample."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp

from .._errors import UnsupportedError
from .._report import compare

#: Labels that may differ, at ties: a share.
_TIES = 0.05
#: Rows at a column's ends that can be left out: a share.
_FEW = 0.25
#: A column of each kind that a function of all its columns would not overlook.
_MORE = "willump: a column more, of "


def check_compiled(
    function: Any, frame: pd.DataFrame, expected: Any, call: Any, *, is_label: bool
) -> bool:
    """Compares a compiled function with the plain one, called on some rows of the sample
    (`_parts_of`) with more columns: what the rows that were followed left in a constant shows
    there.

    Parameters
    ----------
    frame, expected : the rows that were followed, and what that gave
    call : the compiled function
    is_label : whether it answers labels, which may differ at ties

    Returns
    -------
    bool
        Whether the function asks which columns there are, besides those that it names.

    Raises
    ------
    UnsupportedError
        Where the answers differ.
    """
    parts = [(part, _answer(call, part)) for part in _parts_of(frame)]
    taken = [(part, shown) for part, shown in parts if not isinstance(shown, Exception)]
    if taken and all(
        _problem(_answer(function, _with_more(part)), shown, is_label=is_label) is None
        for part, shown in taken
    ):
        return False
    plain = _answer(function, frame.copy(deep=False))
    if not is_alike(plain, expected):
        raise UnsupportedError(
            "it answers the sample otherwise when it is called than when it is followed line by "
            "line: it changes objects that it sees under other names as well, or hangs on what "
            "is no argument (a clock, random numbers, what it left behind in earlier calls)"
        )
    pairs = [(plain, _answer(call, frame))]
    pairs += [(_answer(function, part.copy(deep=False)), shown) for part, shown in taken]
    for plain, found in pairs:
        problem = _problem(plain, found, is_label=is_label)
        if problem is not None and not isinstance(plain, Exception):  # of rows that it takes
            raise UnsupportedError(problem)
    return bool(taken)


def check_no_rows(function: Any, frame: pd.DataFrame, call: Any) -> None:
    """Compares what both say to no rows, of a function that asks whether there are any.

    Raises
    ------
    UnsupportedError
    """
    plain, found = _answer(function, frame.iloc[:0]), _answer(call, frame.iloc[:0])
    is_same = type(plain) is type(found) and (
        isinstance(plain, Exception) or is_alike(found, plain)
    )
    if not is_same:
        raise UnsupportedError("it asks whether there are rows, and answers none otherwise")


def _parts_of(frame: pd.DataFrame) -> list[pd.DataFrame]:
    """Rows of the sample without the smallest and the largest numbers of columns, half of
    them in another order; where none are left, its two halves: what hangs on all rows (their
    largest, their mean) is another one in a part."""
    inner = np.ones(len(frame), dtype=bool)
    for name in frame.columns:
        column = frame[name]
        if isinstance(column.dtype, np.dtype) and column.dtype.kind in "iuf":
            values = column.to_numpy()
            ends = (values == column.min()) | (values == column.max())
            if ends.mean() <= _FEW:
                inner &= ~ends
            elif column.nunique() > 2:  # of a flag, any part has both
                inner[:] = False
    rows = np.flatnonzero(inner)[::-2]
    chosen = [rows] if len(rows) else [np.arange(len(frame))[at::-2] for at in (-1, -2)]
    has_range = frame.index.equals(pd.RangeIndex(len(frame)))
    parts = [frame.iloc[some] for some in chosen if len(some)]
    return [part.reset_index(drop=True) if has_range else part for part in parts]


def _answer(call: Any, frame: pd.DataFrame) -> Any:
    """What a function answers, or raises."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return call(frame)
    except Exception as error:
        return error


def _problem(plain: Any, found: Any, *, is_label: bool) -> str | None:
    """How two answers differ, if they do; a Python step's dtype is that of the sample."""
    if isinstance(plain, Exception) or isinstance(found, Exception):
        error = found if isinstance(found, Exception) else plain
        return f"it raises {type(error).__name__}: {error}"
    if is_label:
        plain, found = np.asarray(plain), np.asarray(found)
        same = plain.shape == found.shape and np.mean(plain != found) <= _TIES
        return None if same else "its labels differ"
    if not hasattr(plain, "tocsr"):
        plain, found = np.asarray(plain), np.asarray(found)
        if plain.dtype.kind in "biufO" and found.dtype.kind in "biuf":
            plain, found = _as_floats(plain), _as_floats(found)
    difference = compare(plain, found)
    return None if difference.ok else str(difference)


def _as_floats(array: Any) -> Any:
    try:
        return array if array.dtype.kind == "f" else array.astype(np.float64)
    except (TypeError, ValueError):  # objects that are no numbers: another dtype
        return array


def _with_more(frame: pd.DataFrame) -> pd.DataFrame:
    """The same rows, with the columns in another order and more of them."""
    n = len(frame)
    odd = np.arange(n) % 2 == 1
    more = {
        "float64": np.where(odd, np.nan, 1e6 + np.arange(n)),
        "int64": 10**6 + np.arange(n),
        "bool": odd,
        "str": pd.Series([None if i % 2 else "more" for i in range(n)], dtype="str").array,
    }
    added = pd.DataFrame({_MORE + dtype: values for dtype, values in more.items()})
    turned = frame[frame.columns[::-1]]
    return pd.concat([added.set_axis(frame.index), turned], axis=1)


def is_alike(found: Any, expected: Any) -> bool:
    """Whether two answers are of one type, index and dtype, and their numbers within
    rounding: another layout in memory may add them in another order."""
    if type(found) is not type(expected):
        return False
    if isinstance(expected, (pd.Series, pd.DataFrame)):
        labels = (found.index, expected.index)
        if isinstance(expected, pd.DataFrame):
            same = all(is_alike(found.iloc[:, i], expected.iloc[:, i])
                       for i in range(min(found.shape[1], expected.shape[1])))  # fmt: skip
            return same and found.columns.equals(expected.columns)
        if not labels[0].equals(labels[1]) or found.name != expected.name:
            return False
        found, expected = found.array, expected.array
        if found.dtype != expected.dtype:
            return False
        found, expected = np.asarray(found), np.asarray(expected)
    if sp.issparse(expected):
        if found.shape != expected.shape:
            return False
        found, expected = (m.tocsr().sorted_indices() for m in (found, expected))
        if not np.array_equal(found.indptr, expected.indptr):
            return False
        if not np.array_equal(found.indices, expected.indices):
            return False
        found, expected = found.data, expected.data
    if isinstance(expected, np.ndarray):
        if found.dtype != expected.dtype or found.shape != expected.shape:
            return False
        if expected.dtype.kind in "fc":
            return bool(np.allclose(found, expected, rtol=1e-9, atol=1e-12, equal_nan=True))
        if expected.dtype.kind == "O":
            return bool(pd.Series(found.ravel()).equals(pd.Series(expected.ravel())))
        return bool(np.array_equal(found, expected))
    if isinstance(expected, (tuple, list)):
        pairs = zip(found, expected, strict=False)
        return len(found) == len(expected) and all(is_alike(a, b) for a, b in pairs)
    return True  # what is no answer of rows is refused by name
