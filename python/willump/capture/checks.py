"""What was followed against the plain function, called on the sample."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp

from .values import CaptureError

#: A column of each kind that a function of all its columns would not overlook.
_MORE = "willump: a column more, of "


def check_followed(function: Any, frame: pd.DataFrame, expected: Any) -> bool:
    """Whether the function asks which columns there are, besides those that it names: called
    with others, it answers otherwise.

    Raises
    ------
    CaptureError
        Where it answers the sample otherwise than was followed.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if is_alike(function(_with_more(frame)), expected):
                return False
    except Exception:  # of columns that it does not know
        pass
    if not is_alike(function(frame.copy(deep=False)), expected):
        raise CaptureError(
            "it answers the sample otherwise when it is called than when it is followed line by "
            "line: it changes objects that it sees under other names as well, or hangs on what "
            "is no argument (a clock, random numbers, what it left behind in earlier calls)"
        )
    return True


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
