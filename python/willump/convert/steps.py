"""Python steps: what an `external` node calls back for."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp

from .._columns import adapt_matrix, adapt_numeric, is_frame, library_of
from .._dtypes import wraps
from .._errors import UnsupportedError
from .._graph import Array
from .._names import NameReaders

NUMPY_DTYPES = {"f64": np.float64, "f32": np.float32, "i64": np.int64, "i32": np.int32}


@dataclass(frozen=True, slots=True)
class Columns:
    """Columns of the caller's frame: by name where it has names, else by position.

    `is_scalar` asks for one column as a one-dimensional object.
    """

    positions: tuple[int, ...]
    names: tuple[str, ...] | None = None
    is_scalar: bool = False

    def take(self, frame: Any) -> Any:
        """The columns of a frame, an array or a sparse matrix."""
        from sklearn.utils import _safe_indexing

        has_names = hasattr(frame, "columns")
        key: Any = self.names if has_names and self.names else self.positions
        if not has_names and not hasattr(frame, "shape"):
            frame = np.asarray(frame, dtype=object)
        return _safe_indexing(frame, key[0] if self.is_scalar else list(key), axis=1)

    def describe(self) -> str:
        return ", ".join(repr(c) for c in (self.names or self.positions))


@dataclass(slots=True)
class PythonStep:
    """A method of an estimator that stays Python.

    Called with the matrix that is its node's input, or, when `is_raw`, with
    the wanted rows of the caller's own X. Returns a C-contiguous array of
    shape (n_rows, n_features) and `dtype`, or a CSR matrix when `sparse`.
    """

    estimator: Any
    method: str
    name: str
    why: str
    n_features: int
    sparse: bool = False
    dtype: str = "f64"
    is_raw: bool = False
    #: The dtype of the matrix that it is called with, unless it is raw.
    input_dtype: str = "f64"
    columns: Columns | None = None
    #: For labels: the classes; the answer is each label's position in them.
    classes: Array | None = None
    #: The NumPy dtype of the original's answer, where the graph has none such.
    result_dtype: str = ""
    #: Why a sparse answer is refused where a dense one was declared, and as which
    #: error: "type" or "value".
    no_csr: tuple[str, str] | None = None
    #: float32 is refused where the graph goes on in float64 and the original does not.
    refuses_float32: bool = False
    #: NumPy's functions that the graph computes of its answers, in float64.
    functions: tuple[str, ...] = ()
    #: Who reads its CSR rows goes by the order of their columns, as PolynomialFeatures
    #: does; a graph's are in order.
    keeps_order: bool = False
    #: Who reads its answers compares objects, to which None is not NaN.
    tells_none: bool = False
    #: Others read what it is called with, which it may change.
    shares_rows: bool = False
    #: Of a frame that the matrix is handed over as.
    names: tuple[str, ...] | None = None
    #: Who reads the names of what it gives.
    readers: NameReaders | None = None
    number: int = -1

    def __call__(self, x: Any) -> Any:
        return self.stored(self.answer(x))

    def answer(self, x: Any) -> Any:
        """What the estimator says."""
        if self.is_raw and self.columns is not None:
            x = self.columns.take(x)
        elif not self.is_raw:
            x = _as_array(x)
        # Whole numbers are computed as doubles; float32 comes as what it is.
        if not self.is_raw and getattr(x, "dtype", None) != np.float32:
            x = x.astype(NUMPY_DTYPES[self.input_dtype], copy=False)
        has_indices = sp.issparse(x) and x.format in ("csr", "csc", "bsr")
        if has_indices and x.indices.dtype != np.int32 and max(x.nnz, *x.shape) < 2**31:
            # As scikit-learn's own sparse features: some estimators take no other.
            x = type(x)(
                (x.data, x.indices.astype(np.int32), x.indptr.astype(np.int32)), shape=x.shape
            )
        if self.names is not None:
            import pandas as pd

            x = pd.DataFrame(x, columns=list(self.names))
        before = x.copy() if self.shares_rows and hasattr(x, "copy") else None
        found = getattr(self.estimator, self.method)(x)
        if before is not None and not _is_unchanged(before, x):
            raise UnsupportedError(
                f"{self.name} stays Python and changes the rows that it is given, which other "
                "steps read, too; let it change a copy (X = X.copy())"
            )
        return found if self.readers is None else self.readers(found)

    def stored(self, answer: Any, *, checks: bool = True) -> Any:
        """An answer as the graph holds it; where it `checks`, numbers that the
        graph's dtype cannot hold are refused rather than changed."""
        if self.classes is not None:
            labels = np.asarray(answer)
            try:
                answer = class_indices(self.classes, labels)
            except KeyError as error:
                if checks:
                    raise ValueError(
                        f"{self.name} gave the label {error.args[0]!r}, which is none of its "
                        "classes_; a cascade's stages choose among those only"
                    ) from error
                answer = np.full(labels.shape, -1)  # the answer itself is shown
        if self.keeps_order and checks and sp.issparse(answer):
            answer = sp.csr_array(answer)
            if not answer.has_sorted_indices:
                raise ValueError(
                    f"{self.name} gave CSR rows whose columns are not in order, and "
                    "PolynomialFeatures goes by their order; call sort_indices() on them before "
                    "it, and fit it so"
                )
        if self.sparse:
            matrix = sp.csr_array(answer)
            if not matrix.has_canonical_format:
                n_stored = matrix.nnz
                matrix = matrix.copy()
                matrix.sum_duplicates()
                if checks and matrix.nnz != n_stored:
                    raise ValueError(
                        f"{self.name} gave CSR rows that have a column twice, of which models "
                        "take the sum, the first or the last; call sum_duplicates() on them"
                    )
            data = self._cast(matrix.data, checks)
            parts = (data, matrix.indices, matrix.indptr)
            return self._checked(sp.csr_array(parts, shape=matrix.shape))
        if sp.issparse(answer):
            if self.no_csr is not None:
                raise {"type": TypeError, "value": ValueError}[self.no_csr[1]](self.no_csr[0])
            answer = answer.toarray()
        dense = np.ascontiguousarray(self._cast(np.asarray(answer), checks))
        return self._checked(dense[:, np.newaxis] if dense.ndim == 1 else dense)

    def _cast(self, numbers: Array, checks: bool) -> Array:
        dtype = np.dtype(NUMPY_DTYPES[self.dtype])
        if self.refuses_float32 and dtype.itemsize > numbers.dtype.itemsize and checks:
            self._refuse_narrow(numbers.dtype)
        if checks and any(
            numbers.dtype == object or wraps(f, numbers.dtype) for f in self.functions
        ):
            raise UnsupportedError(
                f"{self.name} stays Python and gave {numbers.dtype}, in which numpy."
                f"{self.functions[0]} does not compute as in float64; give X in float64, such as "
                "X.astype(float)"
            )
        if checks and self.tells_none and numbers.dtype == object:
            self._refuse_none(numbers)
        if np.can_cast(numbers.dtype, dtype, "safe"):
            return numbers.astype(dtype, copy=False)
        if numbers.dtype.kind in "mM":
            raise TypeError(f"{self.name} gave moments of {numbers.dtype}, not {dtype}")
        if not checks and numbers.dtype.kind == "c":
            numbers = numbers.real
        with np.errstate(all="ignore"):
            try:
                cast = numbers.astype(dtype)
            except (TypeError, ValueError) as error:
                raise type(error)(f"{self.name} gave what is no {dtype}: {error}") from error
            if not checks:
                return cast
            if numbers.dtype == object:
                pairs = zip(numbers.ravel().tolist(), cast.ravel().tolist(), strict=True)
                same = all(_is_same(value, number) for value, number in pairs)
            else:
                is_float = numbers.dtype.kind in "fc"
                same = np.array_equal(cast.astype(numbers.dtype), numbers, equal_nan=is_float)
        if not same:
            raise TypeError(
                f"{self.name} gave numbers of dtype {numbers.dtype}, which do not fit "
                f"the {dtype} that its answers had when it was compiled"
            )
        return cast

    def _refuse_none(self, cells: Array) -> None:
        for at, cell in np.ndenumerate(cells):
            if cell is None:
                raise UnsupportedError(
                    f"{self.name} stays Python and gave None among objects (row {at[0]}), which "
                    "is not NaN to the step that compares them; give NaN where one is missing"
                )

    def _refuse_narrow(self, dtype: np.dtype[Any]) -> None:
        if dtype.kind == "f":
            raise UnsupportedError(
                f"{self.name} stays Python and gave {dtype}, in which the original would compute "
                "on where its copy computes in float64; give X in float64, such as "
                "X.astype(float)"
            )

    def _checked(self, answer: Any) -> Any:
        if answer.ndim != 2 or answer.shape[1] != self.n_features:
            raise ValueError(
                f"{self.name} gave an answer of shape {answer.shape}; "
                f"{self.n_features} columns were expected"
            )
        return answer


def _as_array(x: Any) -> Any:
    """The caller's own X, or one column of it, where a native step before this one leaves
    it as it is: an array, as that step makes one of it."""
    if sp.issparse(x):
        return x
    if isinstance(x, np.ndarray):
        return x[:, np.newaxis] if x.ndim == 1 else x
    if not is_frame(x) and library_of(x) in ("pandas", "polars", "pyarrow"):
        return np.asarray(adapt_numeric(x, "the column", "single_tables"))[:, np.newaxis]
    found = adapt_matrix(x, "single_tables")
    return np.column_stack([np.asarray(one) for one in found]) if isinstance(found, list) else found


def _is_unchanged(before: Any, x: Any) -> bool:
    """Whether rows are what they were; columns may have come to a frame."""
    if sp.issparse(x):
        return bool(x.shape == before.shape and (x != before).nnz == 0)
    if isinstance(x, np.ndarray):
        if x.dtype == object:
            return all(map(operator.is_, x.ravel().tolist(), before.ravel().tolist()))
        return np.array_equal(x, before, equal_nan=x.dtype.kind in "fc")
    if isinstance(x, list):
        return len(x) == len(before) and all(map(operator.is_, x, before))
    if library_of(x) != "pandas" or not is_frame(x):
        return True
    if x.columns.equals(before.columns):
        return bool(before.equals(x))
    names = set(x.columns)
    return all(name in names for name in before.columns) and bool(before.equals(x[before.columns]))


def _is_same(value: Any, number: Any) -> bool:
    """Whether a number is an object's; NaN is that of what is missing."""
    is_missing = value is None or value != value
    return number != number if is_missing else bool(value == number)


def class_indices(classes: Array, labels: Array) -> Array:
    """Each label's position in `classes`, as int64, in the labels' shape.

    Raises
    ------
    KeyError
        Of a label that is none of them.
    """
    if labels.dtype.kind in "iufb" and classes.dtype.kind in "iufb":
        order = np.argsort(classes, kind="stable")
        found = np.searchsorted(classes, labels, sorter=order)
        positions = order[np.minimum(found, len(classes) - 1)].astype(np.int64)
        wrong = classes[positions] != labels
        if np.any(wrong):
            raise KeyError(labels[wrong][0].item())
        return positions
    known = {label: i for i, label in enumerate(classes.tolist())}
    flat = [known[label] for label in labels.ravel().tolist()]
    return np.array(flat, dtype=np.int64).reshape(labels.shape)
