"""From the extension's result to what the function would have returned."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .._columns import library_of

_Finish = Callable[[Any, Any], Any]


def shown_as(function: Mapping[str, Any], then: _Finish | None) -> _Finish | None:
    """The finish of a compiled function's result, after `then`."""
    result = function.get("result") or {}
    finish = then
    if function.get("whole"):
        finish = _Whole(np.int32 if function["whole"] == "int32" else np.int64, finish)
    if result.get("type") == "series":
        return _AsSeries(result.get("name"), str(result.get("index")), result.get("dtype"), finish)
    if result.get("type") == "strings":
        return _AsStrings(result.get("dtype"), finish)
    if result.get("type") == "list":
        return _AsList(finish)
    if result.get("type") == "sparse":
        return _AsSparse(str(result.get("class")), finish)
    return finish


class _Whole:
    """Whole numbers are of their dtype unless one of them is missing."""

    def __init__(self, dtype: type, then: _Finish | None) -> None:
        self.dtype = dtype
        self.then = then

    def __call__(self, result: Any, x: Any) -> Any:
        numbers = result if self.then is None else self.then(result, x)
        return numbers if np.isnan(numbers).any() else numbers.astype(self.dtype)


class _AsSeries:
    """A Series where X is a pandas frame; else an array."""

    def __init__(self, name: Any, index: str, dtype: Any, then: _Finish | None) -> None:
        self.name = name
        self.index = index
        self.dtype = dtype  #: of strings; None: the array's
        self.then = then

    def __call__(self, result: Any, x: Any) -> Any:
        numbers = result if self.then is None else self.then(result, x)
        if library_of(x) != "pandas":
            return numbers
        import pandas as pd

        index = x.index if self.index == "input" else None
        return pd.Series(numbers, index=index, name=self.name, dtype=self.dtype)


class _AsStrings:
    """pandas' own array of strings where X is a pandas frame; else an array."""

    def __init__(self, dtype: Any, then: _Finish | None) -> None:
        self.dtype = dtype
        self.then = then

    def __call__(self, result: Any, x: Any) -> Any:
        labels = result if self.then is None else self.then(result, x)
        if library_of(x) != "pandas":
            return labels
        import pandas as pd

        return pd.array(labels, dtype=self.dtype)


class _AsList:
    """Python's own numbers and strings."""

    def __init__(self, then: _Finish | None) -> None:
        self.then = then

    def __call__(self, result: Any, x: Any) -> Any:
        return np.asarray(result if self.then is None else self.then(result, x)).tolist()


_FORMS = frozenset(
    f"{form}_{kind}" for form in ("csr", "csc", "coo") for kind in ("matrix", "array")
)


class _AsSparse:
    """SciPy's matrix of the function's own type."""

    def __init__(self, kind: str, then: _Finish | None) -> None:
        self.kind = kind
        self.then = then

    def __call__(self, result: Any, x: Any) -> Any:
        matrix = result if self.then is None else self.then(result, x)
        if self.kind not in _FORMS or type(matrix).__name__ == self.kind:
            return matrix
        import scipy.sparse as sp

        return getattr(sp, self.kind)(matrix)
