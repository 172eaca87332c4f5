"""Columns and matrices of other libraries in a form that the C extension reads.

The extension reads lists, tuples, NumPy buffers and Arrow capsules by itself;
everything else comes here first. No library but NumPy is imported: an object's
own library is there already.
"""

from __future__ import annotations

import itertools
import numbers
import operator
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ._errors import UnsupportedError
from ._places import (
    Place,
    not_category,
    not_dates,
    not_half,
    not_numeric,
    not_real,
    not_sought,
    not_words,
    placed,
    to_floats,
)
from ._sparse import checked_csr, is_sparse

Array = npt.NDArray[Any]

#: Columns that the extension reads as Arrow numbers.
_POLARS_NUMBERS = frozenset(
    [f"{sign}Int{bits}" for sign in ("", "U") for bits in (8, 16, 32, 64)]
    + ["Float32", "Float64", "Boolean"]
)
_ARROW_NUMBERS = frozenset(
    [f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)]
    + ["float", "double", "bool"]
)


#: A frame of fewer cells is copied faster than it is taken apart.
_MANY_CELLS = 1 << 16
#: Item sizes that the core reads.
_SIZES = {"b": (1,), "i": (1, 2, 4, 8), "u": (1, 2, 4, 8), "f": (4, 8)}


#: Whose types others derive from, as GeoPandas does.
_BASES = frozenset(["pandas", "polars", "pyarrow"])


def library_of(x: Any) -> str:
    """The top-level package that defines the object's type, or that of the frame or column
    that it derives from."""
    library = type(x).__module__.partition(".")[0]
    if library in _BASES or library in ("numpy", "builtins", "scipy"):
        return library
    bases = (base.__module__.partition(".")[0] for base in type(x).__mro__)
    return next((base for base in bases if base in _BASES), library)


def is_frame(x: Any) -> bool:
    """Whether x has named columns: pandas, polars, pyarrow and the like."""
    given = _with_attributes(x)
    return hasattr(given, "columns") and not isinstance(x, np.ndarray) and hasattr(given, "shape")


def _with_attributes(x: Any) -> Any:
    """What has the attributes of x: a frame or column of pandas or polars looks for those that
    its type has not among its own columns and functions, which takes long."""
    return type(x) if type(x).__module__.partition(".")[0] in _BASES else x


# ---- text ---------------------------------------------------------------------


def adapt_text(x: Any, is_category: bool = False, first: str = "") -> Any:
    """A column of text as a list, as (Arrow exporter, what a null stands for), or
    as (codes, words, what stands for no code).

    `first` holds "category" where an encoder reads the column, which refuses numbers, and
    "no_na" where an imputer does, which compares each cell.
    """
    library = library_of(x)
    if library == "willump" and hasattr(x, "parts"):
        return x.parts  # read by a compiled function
    words_of_first = first.split()
    if "category" in words_of_first:
        _refuse_numbers(x)
    if "no_na" in words_of_first:
        _refuse_na(x)
    if library == "pandas" and hasattr(x, "array"):
        values = x.array
        words = getattr(x.dtype, "categories", None)
        if words is not None and hasattr(values, "codes"):
            listed = words.tolist()
            if all(isinstance(word, str) for word in listed):
                return values.codes, listed, np.nan
        arrow = getattr(values, "_pa_array", None)
        if arrow is not None and _is_arrow_text(arrow):
            return arrow, values.dtype.na_value
        return x.to_numpy(dtype=object).tolist() if x.dtype != object else x.to_numpy().tolist()
    if library == "polars" and hasattr(x, "to_list"):
        is_text = str(x.dtype).startswith(("String", "Categorical", "Enum"))
        return (x, None) if is_text else x.to_list()
    if library == "pyarrow" and hasattr(x, "to_pylist") and not hasattr(x, "columns"):
        if is_category and x.null_count and str(x.type).startswith("dictionary"):
            raise ValueError(
                "an Arrow dictionary with nulls: NumPy, and with it scikit-learn, reads them as "
                "the dictionary's last value; decode it first (dictionary_decode)"
            )
        return (x, None) if _is_arrow_text(x) else x.to_pylist()
    if isinstance(x, np.ndarray):
        return x.tolist() if x.ndim == 1 and x.dtype.kind in "UST" else list(x)
    return (x, None) if _exports_arrow(x) else list(x)


def _refuse_numbers(x: Any) -> None:
    """Raises for an array of numbers; objects that are numbers are unknown categories."""
    dtype = getattr(x, "dtype", None)
    words = getattr(dtype, "categories", None)
    dtype = getattr(words, "dtype", dtype)
    kind = getattr(dtype, "kind", "O")
    if kind not in "biufc":
        return
    if kind == "c":
        raise not_real(np.asarray(x), lambda at: f"row {at[0]}")
    is_nullable = words is None and hasattr(x, "array")
    numbers = x.to_numpy(np.float64, na_value=np.nan) if is_nullable else np.asarray(x, np.float64)
    raise not_words(dtype, bool(np.isinf(numbers).any()), kind == "b" and words is None)


def _refuse_na(x: Any) -> None:
    """Raises where a column of pandas holds its NA, which is equal to nothing and not unequal."""
    if library_of(x) != "pandas" or not hasattr(x, "array"):
        return
    na = sys.modules["pandas"].NA
    at = -1
    if x.dtype == object:
        cells = x.to_numpy().tolist()
        if any(map(operator.is_, cells, itertools.repeat(na))):
            at = next(row for row, cell in enumerate(cells) if cell is na)
    elif getattr(x.dtype, "na_value", None) is na and x.hasnans:
        at = int(np.argmax(x.isna().to_numpy()))
    if at >= 0:
        raise TypeError(
            f"boolean value of NA is ambiguous: row {at} of column {x.name!r} is pandas.NA, which "
            "SimpleImputer compares with its missing_values; give None or NaN there"
        )


def _exports_arrow(x: Any) -> bool:
    """Whether x is a column that gives Arrow capsules."""
    given = _with_attributes(x)
    has_capsules = hasattr(given, "__arrow_c_array__") or hasattr(given, "__arrow_c_stream__")
    return has_capsules and not is_frame(x)


def _is_arrow_text(x: Any) -> bool:
    kind = str(x.type)
    if kind.startswith("dictionary<values="):
        kind = kind.removeprefix("dictionary<values=").partition(",")[0]
    return kind in ("string", "large_string", "string_view", "null")


# ---- numbers ------------------------------------------------------------------


def as_numbers(
    values: Any, place: Place, *, reads_text: bool = False, refuses_half: bool = False
) -> Array:
    """The array in a dtype and byte order that the core reads.

    Parameters
    ----------
    place : function from an index to the name of its place, for errors
    reads_text : bool
        Arrays of text are read as numbers, as transformers do; otherwise they are
        refused, as models do.
    refuses_half : bool
        float16 is a TypeError, as the original would compute in it.

    Raises
    ------
    ValueError, TypeError, OverflowError
        As scikit-learn does; the message names the cell.
    """
    array = np.asarray(values)
    kind = array.dtype.kind
    if kind == "c":
        raise not_real(array, place)
    if kind == "V" or (kind in "UST" and not reads_text):
        raise not_numeric(np.asarray(values, dtype=object), place)
    if kind in "Mm":
        raise not_dates(array, place)
    if kind in "OUST":
        array = to_floats(array.astype(object), place)
    elif kind == "f" and array.dtype not in (np.float32, np.float64):
        # Another byte order's float32 is no float32 to scikit-learn either.
        if refuses_half and array.dtype.itemsize == 2:
            raise not_half(place(tuple([0] * array.ndim)))
        array = array.astype(np.float64)
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    return array if array.flags.aligned else array.copy()


def adapt_numeric(x: Any, name: str, first: str = "") -> Any:
    """A column of numbers as a one-dimensional array, or an Arrow exporter.

    `name` is what errors call it: "column 'age'", say. `first` holds "category" where
    the original tells "1" and None from numbers, "no_text=0" where it tells "1" alone,
    "no_half_columns" where float16 is refused, and "dense_columns" where pandas' sparse ones are.
    """
    if is_plain(x) and x.ndim == 1:
        return x
    library = library_of(x)
    _refuse_matrix(x)
    if "no_objects" in first:
        _refuse_objects(x)
    if "dense_columns" in first and type(getattr(x, "dtype", None)).__name__ == "SparseDtype":
        raise UnsupportedError(
            f"{name} is sparse, and of such columns scikit-learn makes rows that are not "
            "centered; give X.sparse.to_dense()"
        )
    if "no_codes" in first and library in _BASES:
        dtype = x.type if library == "pyarrow" else x.dtype
        _refuse_kind(name.removeprefix("column "), dtype, first)
    if library == "pandas" and hasattr(x, "array"):
        raw: Any = _pandas_to_numpy(x)
    elif _exports_arrow(x):
        if not _is_other_arrow(x, library):
            return x
        raw = x.to_numpy() if library == "polars" else x.to_numpy(zero_copy_only=False)
    else:
        raw = _cells(_dense(x), name)
    if raw.ndim == 2 and raw.shape[1] == 1:
        raw = raw[:, 0]
    if raw.ndim != 1:
        raise ValueError(
            f"{name}: expected one column of numbers, got an array of shape {raw.shape}"
        )

    def place(at: tuple[int, ...]) -> str:
        return f"row {at[0]} of {name}"

    _refuse_others(raw, first, place)
    if "no_text" in first:
        _refuse_text(raw[:, None], [0], place)
    _refuse_unlike(raw, first, place)
    return as_numbers(raw, place, reads_text=True, refuses_half="no_half" in first)


def _refuse_others(cells: Array, first: str, place: Place) -> None:
    """Raises for the first cell that is no number, where categories are numbers."""
    if "category" not in first or cells.dtype.kind not in "OUST":
        return
    for at, cell in np.ndenumerate(cells.astype(object)):
        if not _is_double(cell):
            raise not_category(at, cell, place)


def _refuse_objects(x: Any) -> None:
    """Raises where columns are of text, objects or pandas' own dtypes that an imputer hands on
    in a frame of polars, which makes columns of another type, and nulls, of them."""
    if library_of(x) == "pandas" and not hasattr(x, "array"):
        dtypes = {f"column {key!r}": dtype for key, dtype in zip(x.columns, x.dtypes, strict=True)}
    else:
        name = getattr(x, "name", None)
        dtypes = {"X" if name is None else f"column {name!r}": getattr(x, "dtype", None)}
    for what, dtype in dtypes.items():
        is_plain = isinstance(dtype, np.dtype) and dtype.kind != "O"
        if library_of(x) in ("pandas", "numpy") and not is_plain:
            raise UnsupportedError(
                f"{what} is of {dtype}, of which set_output(transform='polars') makes a "
                "column of another type behind a SimpleImputer; give numbers, such as "
                "X.astype(float)"
            )


def _is_double(cell: Any) -> bool:
    """Whether an object is the very number that is read of it: Decimal("0.1") is not 0.1,
    nor is "1" the number 1, to those who compare objects."""
    if isinstance(cell, (float, int, np.floating)) and not isinstance(cell, np.longdouble):
        return abs(cell) <= _LARGEST if isinstance(cell, int) else True
    if cell is None or isinstance(cell, (str, bytes, np.ndarray)):
        return False
    try:
        return bool(cell == float(cell))
    except (TypeError, ValueError, ArithmeticError):
        return False


#: All integers up to here are doubles.
_LARGEST = 2**53


def _refuse_unlike(cells: Array, first: str, place: Place) -> None:
    """Raises for the first object that is equal to a number that `first` says somebody
    looks for, and is not read as it, or the reverse."""
    sought = [float(w.partition("=")[2]) for w in first.split() if w.startswith("equal=")]
    if not sought or cells.dtype.kind not in "OUS":
        return
    if cells.dtype.kind != "O":
        raise ValueError(f"SimpleImputer does not support data with dtype {cells.dtype}")
    for at, cell in np.ndenumerate(cells):
        try:
            wrong = [each for each in sought if _is_equal(cell, each) != _is_read_as(cell, each)]
        except (TypeError, ValueError, ArithmeticError):
            continue  # refused where it is read
        if wrong:
            raise not_sought(at, cell, wrong[0], place)


def _is_equal(cell: Any, number: float) -> bool:
    return bool(cell != cell if number != number else cell == number)


def _is_read_as(cell: Any, number: float) -> bool:
    read = np.nan if cell is None else float(cell)
    return read == number or (read != read and number != number)


def _numbers_only(first: str) -> list[int]:
    """The columns of a matrix of which `first` says that they hold no text."""
    words = [word.partition("=")[2] for word in first.split() if word.startswith("no_text=")]
    return sorted({int(i) for word in words for i in word.split(",")})


def _refuse_text(cells: Array, columns: Sequence[int], place: Place) -> None:
    """Raises for the first cell of text in columns of categories that are numbers."""
    if cells.dtype.kind not in "OUST" or cells.ndim != 2:
        return
    for column in columns if max(columns, default=-1) < cells.shape[1] else ():
        for row, cell in enumerate(cells[:, column].tolist()):
            is_other = isinstance(cell, numbers.Number) and not _is_double(cell)
            if is_other or isinstance(cell, (str, bytes)):
                raise not_category((row, column), cell, place)


def _is_other_arrow(x: Any, library: str) -> bool:
    """Whether x is a column of polars or pyarrow that holds no plain numbers."""
    if library == "polars":
        return hasattr(x, "to_numpy") and str(x.dtype) not in _POLARS_NUMBERS
    return library == "pyarrow" and str(x.type) not in _ARROW_NUMBERS


def _cells(x: Any, name: str) -> Array:
    """An array of what a list holds; text stays apart from numbers."""
    try:
        array = np.asarray(x)
        if array.dtype.kind in "USTc" and not isinstance(x, np.ndarray):
            array = np.asarray(x, dtype=object)
    except ValueError as error:
        placed(error, name)
        raise
    return array


def _dense(x: Any) -> Any:
    """A column of a sparse matrix as an array."""
    return x.toarray() if hasattr(x, "toarray") else x


def block_of(x: Any) -> Array | None:
    """The numbers of a pandas frame whose columns lie in one array, as they are; None of any
    other. To ask all columns for their dtypes would be most of what one row costs."""
    manager = getattr(x, "_mgr", None) if hasattr(type(x), "columns") else None
    if manager is None or not getattr(manager, "is_single_block", False):
        return None
    if not is_plain(manager.blocks[0].values):
        return None
    values: Array = x.to_numpy()
    return values


def columns_held_by(frame: Any, *, as_lists: bool = False) -> list[Any]:
    """What a pandas frame's columns hold: arrays, and lists of numbers `as_lists`. No Series
    is made, nor looked for in the index, which is most of what one row costs."""
    blocks = getattr(getattr(frame, "_mgr", None), "blocks", None)
    if blocks is None:  # in a pandas to come
        return [frame.iloc[:, i].array for i in range(frame.shape[1])]
    found: list[Any] = [None] * frame.shape[1]
    for block in blocks:
        places, values = block.mgr_locs.as_array.tolist(), block.values
        if values.ndim == 1:
            found[places[0]] = values
            continue
        if as_lists and type(values) is np.ndarray and values.dtype.kind in "biuf":
            values = values.tolist()
        for at, column in zip(places, values, strict=True):
            found[at] = column
    return found


def is_plain(x: Any) -> bool:
    """Whether x is an array of numbers that the core reads as it is."""
    return (
        type(x) is np.ndarray
        and x.dtype in (np.float64, np.float32, np.int64)
        and x.dtype.isnative
        and x.flags.aligned
    )


def names_of(x: Any) -> Any:
    """The column names of a frame."""
    return x.column_names if hasattr(x, "column_names") else x.columns


def _place_in(x: Any) -> Place:
    """Names the places of a matrix by the columns of the frame that it came from."""

    def place(at: tuple[int, ...]) -> str:
        names = list(names_of(x)) if is_frame(x) else []
        name = names[at[1]] if at[1] < len(names) else at[1]
        return f"row {at[0]} of column {name!r}"

    return place


def _pandas_to_numpy(x: Any, *, refuses_half: bool = False) -> Array:
    """A Series or frame as numbers; nulls of nullable dtypes are NaN."""
    dtypes = [x.dtype] if hasattr(x, "dtype") else list(x.dtypes)
    if all(isinstance(dtype, np.dtype) for dtype in dtypes):
        _check_promotion(x, dtypes)
        return np.asarray(x)
    if all(getattr(dtype, "kind", "O") in "biuf" for dtype in dtypes):
        if refuses_half and {getattr(dtype, "itemsize", 8) for dtype in dtypes} == {2}:
            _refuse_half_columns(x)
        array: Array = x.to_numpy(dtype=np.float64, na_value=np.nan)
        return array
    cells: Array = np.asarray(x.astype(object), dtype=object)
    for i, dtype in enumerate(dtypes if cells.ndim == 2 else ()):
        if not isinstance(dtype, np.dtype) and getattr(dtype, "kind", "O") in "biuf":
            cells[:, i] = x.iloc[:, i].to_numpy(dtype=np.float64, na_value=np.nan)
    return cells


def _check_promotion(x: Any, dtypes: list[Any]) -> None:
    """Raises NumPy's TypeError where dates stand beside numbers."""
    dates = [i for i, dtype in enumerate(dtypes) if dtype.kind == "M"]
    if not dates or len(dates) == len(dtypes):
        return
    try:
        np.result_type(*dtypes)
    except TypeError as error:
        column, dtype = list(x.columns)[dates[0]], dtypes[dates[0]]
        placed(error, f"column {column!r} holds {dtype}; give numbers, such as days since a date")
        raise


def _columns_of(x: Any, first: str = "") -> list[Any] | None:
    """The columns of a frame of numbers of several dtypes: of a large one, which would
    be copied whole to make one array of them, and of one with float32 columns, which a
    step that picks them alone reads as such."""
    is_polars = library_of(x) == "polars"
    dtypes: list[Any] = [str(dtype) for dtype in x.dtypes] if is_polars else list(x.dtypes)
    single = "Float32" if is_polars else np.float32
    if "no_codes" in first:
        _refuse_kinds(names_of(x), dtypes, first)
    if len(set(dtypes)) <= 1:
        return None
    if single not in dtypes and x.shape[0] * x.shape[1] < _MANY_CELLS:
        return None
    if is_polars:
        are_numbers = all(dtype in _POLARS_NUMBERS for dtype in dtypes)
        return list(x.get_columns()) if are_numbers else None
    if not all(isinstance(dtype, np.dtype) for dtype in dtypes):
        return None
    if not all(dtype.kind in "biuf" and dtype.itemsize in _SIZES[dtype.kind] for dtype in dtypes):
        return None
    return [
        as_numbers(x.iloc[:, i].to_numpy(), lambda at: f"row {at[0]}") for i in range(x.shape[1])
    ]


def adapt_matrix(x: Any, first: str = "") -> Any:
    """A matrix as a two-dimensional array, as (data, indices, indptr, shape), or
    as a list of columns.

    `first` holds "convert" where the original reads text as numbers, "category" where it
    tells "1" and None from numbers, "no_half" where float16 is refused, "no_half_columns"
    where one column of it is, "no_codes" and "no_words" where columns of a frame are that
    hold such ("=" and the columns: where these are), "no_text=" and the columns in which
    text is refused though it be a number, "equal=" and a number where objects are compared
    with it before they are read as numbers (NaN: with themselves), "no_objects" where columns
    of them are refused, "no_sparse_nan" where NaN in a sparse matrix is refused, and
    "single_tables" where float32 stays float32 in what has no dtype: polars
    and Arrow frames, lists. Of a list of columns the extension says it.
    """
    library = library_of(x)
    if library == "pandas" and (block := block_of(x)) is not None:
        return block
    refuses_half = "no_half" in first
    if "no_objects" in first:
        _refuse_objects(x)
    if library == "pandas" and not _reads_columns(first) and _is_sparse_frame(x):
        x = x.sparse.to_coo()  # as scikit-learn does
    if is_sparse(x):
        return _csr_parts(x, refuses_half, takes_nan="no_sparse_nan" not in first)
    _refuse_matrix(x)
    if library == "pandas" and hasattr(x, "dtypes"):
        if hasattr(x, "array"):
            raise ValueError(
                f"Expected a 2-dimensional container but got {type(x)} instead. Pass a "
                "DataFrame containing a single row (i.e. single sample) or a single column "
                "(i.e. single feature) instead."
            )
        columns = _columns_of(x, first)
        if columns is not None:
            return columns
        if "no_half_columns" in first:
            _refuse_half_columns(x)
        raw = _pandas_to_numpy(x, refuses_half=refuses_half)
        _refuse_others(raw, first, _place_in(x))
        _refuse_text(raw, _numbers_only(first), _place_in(x))
        _refuse_unlike(raw, first, _place_in(x))
        array = as_numbers(raw, _place_in(x), refuses_half=refuses_half)
    elif library == "polars" and hasattr(x, "get_columns") and (columns := _columns_of(x, first)):
        return columns
    elif library == "pyarrow" and hasattr(x, "column_names"):
        names = list(x.column_names)
        if not names:
            return np.empty((x.num_rows, 0))
        if "no_codes" in first:
            _refuse_kinds(names, [str(column.type) for column in x.columns], first)
        numbers = _numbers_only(first)
        own = " ".join(word for word in first.split() if not word.startswith("no_text="))
        return [
            adapt_numeric(column, f"column {name!r}", f"{own} no_text=0" if i in numbers else own)
            for i, (name, column) in enumerate(zip(names, x.columns, strict=True))
        ]
    else:
        if library == "polars" and "no_half_columns" in first:
            _refuse_half_columns(x)
        raw = np.asarray(x)
        if raw.ndim != 2:
            raise ValueError(_wrong_dimension(raw))
        place, reads_text = _place_in(x), "convert" in first
        if not isinstance(x, np.ndarray) and raw.dtype.kind in "USTc":
            cells = np.asarray(x, dtype=object)  # what was text, and what was not
            if raw.dtype.kind != "c" and not reads_text:
                raise not_numeric(cells, place)
            raw = cells if reads_text else raw
        _refuse_others(raw, first, place)
        _refuse_text(raw, _numbers_only(first), place)
        _refuse_unlike(raw, first, place)
        array = as_numbers(raw, place, reads_text=reads_text, refuses_half=refuses_half)
    has_dtype = library == "pandas" or hasattr(x, "dtype")
    if array.dtype == np.float32 and not has_dtype and "single_tables" not in first:
        return array.astype(np.float64)
    return array


def _reads_columns(first: str) -> bool:
    """Whether a frame may come to a booster or an encoder, which takes its columns one by one
    and sparse ones as dense."""
    return "no_codes" in first or "category" in first.split()


def _is_sparse_frame(x: Any) -> bool:
    """Whether all columns of a frame of pandas are sparse."""
    dtypes = x.dtypes if hasattr(x, "sparse") and not hasattr(x, "array") else ()
    return len(dtypes) > 0 and all(type(dtype).__name__ == "SparseDtype" for dtype in dtypes)


#: How dtypes that hold categories, or text, begin in each library.
_CATEGORIES = ("category", "categorical", "enum", "dictionary")
_TEXTS = ("str", "object", "large_s")


def _refuse_kinds(names: Any, dtypes: list[Any], first: str) -> None:
    """Raises for a frame's column of categories, of which the libraries of boosters read
    codes, and of text, which they refuse by its dtype."""
    told = [w.partition("=")[2] for w in first.split() if w.partition("=")[0] == "no_codes"]
    chosen = sorted({int(i) for text in told for i in text.split(",") if text})
    if "" not in told and len(dtypes) > max(chosen, default=0):  # "=" and those that are read
        names, dtypes = [names[i] for i in chosen], [dtypes[i] for i in chosen]
    for dtype in set(dtypes):
        if not isinstance(dtype, np.dtype) or dtype.kind not in "biuf":
            _refuse_kind(repr(names[dtypes.index(dtype)]), dtype, first)


def _refuse_kind(column: str, dtype: Any, first: str) -> None:
    said = str(dtype).lower()
    if said.startswith(_CATEGORIES):
        raise UnsupportedError(
            f"column {column} is of {said.split('(')[0].split('<')[0]}, and the model was "
            "fitted on numbers: its library reads the codes of categories, or refuses them; "
            f"give numbers, such as X[{column}].cat.codes"
        )
    if "no_words" in first and said.startswith(_TEXTS):
        raise ValueError(
            f"column {column} holds {said}, and the model takes int, float or bool; give "
            "numbers, such as X.astype(float)"
        )


def _refuse_half_columns(x: Any) -> None:
    """Raises for a column of float16 beside others, which a step may read alone."""
    for i, dtype in enumerate(x.dtypes if hasattr(x, "dtypes") else ()):
        kind = getattr(dtype, "kind", None)  # of polars: none
        is_half = kind == "f" and getattr(dtype, "itemsize", 8) == 2
        if is_half or (kind is None and str(dtype) == "Float16"):
            raise not_half(_place_in(x)((0, i)))


def _refuse_matrix(x: Any) -> None:
    if isinstance(x, np.matrix):
        raise TypeError(
            "np.matrix is not supported. Please convert to a numpy array with np.asarray."
        )


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


def _csr_parts(
    x: Any, refuses_half: bool, *, takes_nan: bool = True
) -> tuple[Array, Array, Array, tuple[int, int]]:
    csr = checked_csr(x)
    wide = csr.indices.dtype != np.int32 or csr.indptr.dtype != np.int32
    index = np.int64 if wide else np.int32

    def place(at: tuple[int, ...]) -> str:
        row = int(np.searchsorted(csr.indptr, at[0], side="right")) - 1
        return f"row {row} of column {csr.indices[at[0]]}"

    data = np.ascontiguousarray(as_numbers(csr.data, place, refuses_half=refuses_half))
    if not takes_nan and data.dtype.kind == "f" and np.isnan(data).any():
        at = place((int(np.argmax(np.isnan(data))),))
        raise UnsupportedError(
            f"{at} of a sparse matrix is NaN, which the trees of an isolation forest take "
            "otherwise there than in an array; replace it by a number"
        )
    return (
        data,
        np.ascontiguousarray(csr.indices, dtype=index),
        np.ascontiguousarray(csr.indptr, dtype=index),
        (int(csr.shape[0]), int(csr.shape[1])),
    )
