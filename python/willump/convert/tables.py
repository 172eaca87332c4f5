"""What estimators read in tables without a dtype, as those of polars and Arrow are:
an estimator that wants floats asks for float64 then, one that takes any number gets
NumPy's common type of the columns, so that float32 stays what it is.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from .._graph import Array

#: float32 becomes float64; it stays; it makes no difference.
DOUBLE, SINGLE, ANY = "double", "single", "any"
_METHODS = ("transform", "decision_function", "predict_proba", "predict", "score_samples")


class _Known(Exception):
    """Ends a call whose answer is known."""


class _Asking:
    """A row of float32 without a dtype, which notes the dtype that it is asked for."""

    def __init__(self, width: int) -> None:
        self.shape = (1, width)
        self.asked: Any = None

    def __len__(self) -> int:
        return 1

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        if dtype is not None:
            self.asked = np.dtype(dtype)
            raise _Known
        return np.zeros(self.shape, dtype=np.float32)


def reading_of(estimator: Any, width: int | None) -> str:
    """How a fitted estimator reads float32 in a table without a dtype: asked."""
    method = next((getattr(estimator, m) for m in _METHODS if hasattr(estimator, m)), None)
    if method is None or not width:
        return SINGLE
    row, result = _Asking(width), None
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            result = method(row)
    except Exception:  # it may refuse zeros
        if row.asked is not None:
            return ANY if row.asked == np.float32 else DOUBLE
    is_model = not hasattr(estimator, "transform")
    # A model of doubles makes doubles of what it reads, with the same values.
    return ANY if is_model and getattr(result, "dtype", None) == np.float64 else SINGLE
