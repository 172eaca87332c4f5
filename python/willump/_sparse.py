"""SciPy's sparse matrices, checked before anything reads them.

SciPy's own loops trust the arrays of a matrix, which a caller may have damaged:
whatever they would index with is checked here first. The extension checks the
parts that it gets again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from ._errors import UnsupportedError

Array = npt.NDArray[Any]


def is_sparse(x: Any) -> bool:
    """Whether x is a matrix of SciPy's; asks its type, as the count reads its arrays."""
    return hasattr(type(x), "nnz") and hasattr(x, "tocsr")


def checked_csr(x: Any) -> Any:
    """A sound CSR matrix whose rows are in the order of their columns; `x` stays as it is.

    Raises
    ------
    ValueError
        Where the arrays do not fit each other.
    UnsupportedError
        Where a row has a column twice: models take the sum, each by itself, the first or the
        last.
    """
    check_sparse(x)
    csr = x.tocsr()
    if csr is not x:
        check_sparse(csr)
    if not csr.has_canonical_format:
        csr = csr.copy()
        csr.sort_indices()
        if not csr.has_canonical_format:
            _refuse_repeated(csr)
    return csr


def _refuse_repeated(csr: Any) -> None:
    """Raises for the first column that a row of a sorted matrix has twice."""
    indices = csr.indices[: csr.indptr[-1]]
    rows = np.repeat(np.arange(csr.shape[0]), np.diff(csr.indptr))
    repeated = np.flatnonzero((indices[1:] == indices[:-1]) & (rows[1:] == rows[:-1]))
    if len(repeated):
        at = repeated[0]
        raise UnsupportedError(
            f"row {rows[at]} of the sparse matrix has column {indices[at]} twice, of which steps "
            "take the sum, each by itself, the first or the last; call sum_duplicates() on it"
        )


def check_sparse(x: Any) -> None:
    """Raises ValueError where the arrays of a sparse matrix do not fit each other."""
    if len(x.shape) != 2:
        raise ValueError(f"Found array with dim {len(x.shape)}, while dim <= 2 is required.")
    kind = getattr(x, "format", "")
    n_rows, n_columns = x.shape
    if kind == "csr":
        _check_compressed(x, n_rows, n_columns, ("row", "column"))
    elif kind == "csc":
        _check_compressed(x, n_columns, n_rows, ("column", "row"))
    elif kind == "bsr":
        n_major, n_minor = (n // size for n, size in zip(x.shape, x.blocksize, strict=True))
        _check_compressed(x, n_major, n_minor, ("block row", "block column"))
    elif kind == "coo":
        for name, index, n in zip(("row", "column"), (x.row, x.col), x.shape, strict=True):
            _check_lengths(len(index), len(x.data))
            _check_range(np.asarray(index), n, name)


def _check_compressed(x: Any, n_major: int, n_minor: int, names: tuple[str, str]) -> None:
    indptr, indices, n = np.asarray(x.indptr), np.asarray(x.indices), len(x.data)
    for name, part in (("indptr", indptr), ("indices", indices)):
        if part.ndim != 1 or part.dtype.kind not in "iu":
            raise ValueError(
                f"the {name} of the sparse matrix must be a vector of integers, not "
                f"{part.dtype} of shape {part.shape}"
            )
    if len(indptr) != n_major + 1:
        raise ValueError(
            f"the indptr of the sparse matrix has {len(indptr)} entries, not {n_major + 1} as "
            f"its shape {x.shape} needs"
        )
    _check_lengths(len(indices), n)
    if indptr[0] != 0:
        raise ValueError(f"the indptr of the sparse matrix starts at {indptr[0]}, not at 0")
    falls = np.flatnonzero(indptr[1:] < indptr[:-1])
    if len(falls):
        i = int(falls[0])
        raise ValueError(
            f"the indptr of the sparse matrix decreases from {indptr[i]} to {indptr[i + 1]} at "
            f"{names[0]} {i}"
        )
    if indptr[-1] > n:
        raise ValueError(
            f"the indptr of the sparse matrix ends at {indptr[-1]}, beyond its {n} values"
        )
    _check_range(indices[: indptr[-1]], n_minor, names[1], (names[0], indptr))


def _check_lengths(n_indices: int, n_values: int) -> None:
    if n_indices != n_values:
        raise ValueError(f"the sparse matrix has {n_indices} indices for {n_values} values")


def _check_range(indices: Array, n: int, name: str, major: tuple[str, Array] | None = None) -> None:
    if len(indices) == 0 or (indices.min() >= 0 and indices.max() < n):
        return
    at = int(np.flatnonzero((indices < 0) | (indices >= n))[0])
    where = ""
    if major is not None:
        where = f" in {major[0]} {int(np.searchsorted(major[1], at, side='right')) - 1}"
    raise ValueError(
        f"the sparse matrix has the {name} index {indices[at]}{where}, outside of 0 to {n - 1}"
    )


#: LightGBM's bound of what it reads as zero in dense rows, a float32, below zero.
_EDGE = -float(np.float32(1e-35))
#: The dtypes of polars and Arrow that hold it.
_FLOATS = ("float32", "float64", "float", "double")


class WithoutEdge:
    """Refuses the one number that LightGBM's trees place otherwise in CSR and Arrow rows.

    It reads what is within 1e-35f of zero as zero in dense rows, and in those of a
    csc_matrix, but compares what CSR rows store, and Arrow columns hold, as it is. Its
    thresholds beside zero are that bound and minus it, so that only minus the bound falls on
    another side.
    """

    def __init__(self, then: Callable[[Any], tuple[Any, ...]]) -> None:
        self.then = then

    def __call__(self, x: Any) -> tuple[Any, ...]:
        if is_sparse(x) and type(x).__name__ != "csc_matrix":  # it makes CSR of a csc_array
            csr = checked_csr(x)
            wrong = np.flatnonzero(csr.data == _EDGE)
            if len(wrong):
                row = int(np.searchsorted(csr.indptr, wrong[0], side="right")) - 1
                self._refuse(row, int(csr.indices[wrong[0]]))
        elif type(x).__module__.partition(".")[0] in ("polars", "pyarrow") and hasattr(x, "shape"):
            for name in getattr(x, "column_names", None) or x.columns:
                if str(getattr(x[name], "dtype", None) or x[name].type).lower() in _FLOATS:
                    wrong = np.flatnonzero(x[name].to_numpy() == _EDGE)
                    if len(wrong):
                        self._refuse(int(wrong[0]), name)
        return self.then(x)

    def _refuse(self, row: int, column: Any) -> None:
        raise UnsupportedError(
            f"X stores {_EDGE!r} in row {row}, column {column!r}: LightGBM reads that number as 0 "
            "in dense rows and not in sparse or Arrow ones; store 0, or give dense rows"
        )
