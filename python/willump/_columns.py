"""Columns and matrices of other libraries in a form that the C extension reads.

The extension reads lists, tuples, NumPy buffers and Arrow capsules by itself;
everything else comes here first. No library but NumPy is imported: an object's
own library is there already.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

_ANY = re.compile("")


def library_of(x: Any) -> str:
    """The top-level package that defines the object's type."""
    return type(x).__module__.partition(".")[0]


def is_frame(x: Any) -> bool:
    """Whether x has named columns: pandas, polars, pyarrow and the like."""
    return hasattr(x, "columns") and not isinstance(x, np.ndarray) and hasattr(x, "shape")


# ---- text ---------------------------------------------------------------------


def adapt_text(x: Any) -> Any:
    """A column of text as a list, or as (Arrow exporter, what a null stands for)."""
    library = library_of(x)
    if library == "pandas" and hasattr(x, "array"):
        values = x.array
        arrow = getattr(values, "_pa_array", None)
        if arrow is not None and _is_arrow_text(arrow):
            return arrow, values.dtype.na_value
        return x.to_numpy(dtype=object).tolist() if x.dtype != object else x.to_numpy().tolist()
    if library == "polars" and hasattr(x, "to_list"):
        is_text = str(x.dtype).startswith(("String", "Categorical", "Enum"))
        return (x, None) if is_text else x.to_list()
    if library == "pyarrow" and hasattr(x, "to_pylist") and not hasattr(x, "columns"):
        return (x, None) if _is_arrow_text(x) else x.to_pylist()
    if isinstance(x, np.ndarray):
        return x.tolist() if x.ndim == 1 and x.dtype.kind in "UST" else list(x)
    return (x, None) if _exports_arrow(x) else list(x)


def _exports_arrow(x: Any) -> bool:
    """Whether x is a column that gives Arrow capsules."""
    has_capsules = hasattr(x, "__arrow_c_array__") or hasattr(x, "__arrow_c_stream__")
    return has_capsules and not is_frame(x)


def _is_arrow_text(x: Any) -> bool:
    kind = str(x.type)
    if kind.startswith("dictionary<values="):
        kind = kind.removeprefix("dictionary<values=").partition(",")[0]
    return kind in ("string", "large_string", "string_view", "null")


def bad_text(row: Any, first: str, name: str, number: int) -> str:
    """Raises what scikit-learn's vectorizers raise for a row that is no text.

    `first` is what the original does to a row first, which decides the type and
    the message of its error.
    """
    try:
        if row is np.nan:
            raise ValueError("np.nan is an invalid document, expected byte or unicode string.")
        if first == "lower":
            row = row.lower()
        elif first == "encode":
            row.encode("ASCII", errors="strict")
        elif first == "normalize":
            unicodedata.normalize("NFKD", row)
        _ANY.findall(row)
    except Exception as error:
        error.add_note(f"row {number} of input '{name}'")
        raise
    raise TypeError(f"row {number} of input '{name}': expected a str, not {type(row).__name__}")


# ---- numbers ------------------------------------------------------------------


def as_numbers(values: Any) -> Array:
    """The array in a dtype and byte order that the core reads.

    Raises ValueError for complex numbers and text, as scikit-learn's
    ``check_array`` does.
    """
    array = np.asarray(values)
    kind = array.dtype.kind
    if kind == "c":
        raise ValueError(f"Complex data not supported\n{array}\n")
    if kind in "USVT":
        raise ValueError(
            "dtype='numeric' is not compatible with arrays of bytes/strings."
            "Convert your data to numeric values explicitly instead."
        )
    if kind in "Mm":
        raise TypeError(f"The dtype {array.dtype} holds dates or durations, not numbers")
    if kind == "O" or (kind == "f" and array.dtype.itemsize not in (4, 8)):
        array = array.astype(np.float64)
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    return array if array.flags.aligned else array.copy()


def adapt_numeric(x: Any) -> Any:
    """A column of numbers as a one-dimensional array, or an Arrow exporter."""
    library = library_of(x)
    if library == "pandas" and hasattr(x, "array"):
        array = as_numbers(_pandas_to_numpy(x))
    elif _exports_arrow(x):
        return x
    else:
        array = as_numbers(_dense(x))
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise ValueError(f"expected one column of numbers, got an array of shape {array.shape}")
    return array


def _dense(x: Any) -> Any:
    """A column of a sparse matrix as an array."""
    return x.toarray() if hasattr(x, "toarray") else x


def _pandas_to_numpy(x: Any) -> Array:
    """A Series or frame as numbers; nulls of nullable dtypes are NaN."""
    dtypes = [x.dtype] if hasattr(x, "dtype") else x.dtypes
    if all(isinstance(dtype, np.dtype) for dtype in dtypes):
        return np.asarray(x)
    if all(getattr(dtype, "kind", "O") in "biuf" for dtype in dtypes):
        array: Array = x.to_numpy(dtype=np.float64, na_value=np.nan)
        return array
    return np.asarray(x.astype(object), dtype=object)


def adapt_matrix(x: Any) -> Any:
    """A matrix as a two-dimensional array, or as (data, indices, indptr, shape)."""
    if hasattr(x, "tocsr") and hasattr(x, "nnz"):
        return _csr_parts(x.tocsr())
    library = library_of(x)
    if library == "pandas" and hasattr(x, "dtypes"):
        if hasattr(x, "array"):
            raise ValueError(
                f"Expected a 2-dimensional container but got {type(x)} instead. Pass a "
                "DataFrame containing a single row (i.e. single sample) or a single column "
                "(i.e. single feature) instead."
            )
        array = as_numbers(_pandas_to_numpy(x))
    elif library == "pyarrow" and hasattr(x, "column_names"):
        columns = [as_numbers(column.to_numpy()) for column in x.columns]
        array = np.column_stack(columns) if columns else np.empty((x.num_rows, 0))
    else:
        raw = np.asarray(x)
        if raw.ndim != 2:
            raise ValueError(_wrong_dimension(raw))
        array = as_numbers(raw)
    return array


def _wrong_dimension(array: Array) -> str:
    """What check_array says to an array that is no matrix."""
    if array.ndim > 2:
        return f"Found array with dim {array.ndim}, while dim <= 2 is required."
    kind = "scalar" if array.ndim == 0 else "1D"
    return (
        f"Expected 2D array, got {kind} array instead:\narray={array}.\n"
        "Reshape your data either using array.reshape(-1, 1) if your data has a single "
        "feature or array.reshape(1, -1) if it contains a single sample."
    )


def _csr_parts(csr: Any) -> tuple[Array, Array, Array, tuple[int, int]]:
    if len(csr.shape) != 2:
        raise ValueError(f"Found array with dim {len(csr.shape)}, while dim <= 2 is required.")
    if not csr.has_canonical_format:
        csr = csr.copy()
        csr.sum_duplicates()
    index = np.result_type(csr.indices.dtype, csr.indptr.dtype)
    return (
        np.ascontiguousarray(as_numbers(csr.data)),
        np.ascontiguousarray(csr.indices, dtype=index),
        np.ascontiguousarray(csr.indptr, dtype=index),
        (int(csr.shape[0]), int(csr.shape[1])),
    )
