"""Which rows are equal: keys of rows, the same whatever holds their values.

A certificate counts distinct rows and refuses rows that training saw, so two rows that
are equal must never pass for different ones. Values are therefore brought to one form
first: numbers to float64 without -0.0, moments to microseconds, everything missing to
one thing, text to `str`. What is left hangs on the rows that are compared, a side each:
where one side's numbers are all float32's (float16's), those of the others are rounded to
that, and text is read as numbers where another side has numbers.
"""

from __future__ import annotations

import datetime
import decimal
import fractions
import math
import re
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt

from ._columns import is_frame, library_of, names_of
from ._frames import as_items, n_rows_of
from ._sparse import is_sparse

Array = npt.NDArray[Any]
#: A column in its one form: float64 with NaN for what is missing, or a list of cells.
Cells = Array | list[Any]
#: A column that is read: its name, or None, and its position, or None.
Place = tuple[Any, int | None]
#: From sides, each a list of rows in whatever holds them, to each side's keys.
Keys = Callable[..., list[list[Any]]]

_EPOCH = datetime.datetime(1970, 1, 1)
_MICROSECOND = datetime.timedelta(microseconds=1)
#: What bytes that are no UTF-8 become in text.
_UNDECODED = re.compile("[\udc80-\udcff]")


class RowReader:
    """Makes keys of the columns that are read.

    Parameters
    ----------
    places : list of Place, or None
        None is every column: of frames by the names that all have.
    """

    def __init__(self, places: Sequence[Place] | None = None) -> None:
        self.places = None if places is None else list(places)

    def keys(self, *sides: Sequence[Any]) -> list[list[Any]]:
        """A hashable for each row of each side; equal rows have equal keys, in one call.

        Parameters
        ----------
        *sides : list of rows, as `as_rows` gives them
            What came from one source, perhaps in several parts.
        """
        given = [part for side in sides for part in side]
        if self.places is None and all(map(is_of_dicts, given)):
            # As DictVectorizer reads them: of many names, a row has few.
            read = [[_Part([(row,) for row in part], None) for part in side] for side in sides]
        else:
            places = self._places(given)
            read = [[_Part(part, places) for part in side] for side in sides]
        parts = list(chain.from_iterable(read))
        if any(part.matrix is not None for part in parts):
            keys = _sparse_keys(read)
        elif len({len(part.columns) for part in parts}) > 1:
            keys = [part.rows() for part in parts]
        else:
            keys = _column_keys(read)
        found = iter(keys)
        return [list(chain.from_iterable(next(found) for _ in side)) for side in read]

    def _places(self, parts: Sequence[Any]) -> list[Place] | None:
        if self.places is not None:
            return self.places
        names = [column_names(part) for part in parts]
        if not names or any(each is None for each in names):
            return None
        common = [name for name in names[0] or () if all(name in (each or ()) for each in names)]
        return [(name, None) for name in common] or None


class _Part:
    """Rows in their one form: columns of cells, or a sparse matrix of numbers."""

    def __init__(self, x: Any, places: Sequence[Place] | None) -> None:
        self.n = n_rows_of(x)
        self.matrix: Any = None
        self.columns: list[Cells] = []
        if is_sparse(x):
            self.matrix = x.tocsr().astype(np.float64)
            if places is not None:
                wide = range(self.matrix.shape[1])
                self.matrix = self.matrix[:, [at for _, at in places if at in wide]]
        else:
            self.columns = [canonical(column) for column in _columns_at(x, places)]

    def rows(self) -> list[Any]:
        """A row as a tuple, of one column as its cell."""
        columns = [_as_cells(column) for column in self.columns]
        if len(columns) == 1:
            return columns[0]
        return list(zip(*columns, strict=True)) if columns else [()] * self.n

    def as_matrix(self) -> Any:
        """Its numbers as a sparse matrix; text that is no number is missing."""
        import scipy.sparse as sp

        if self.matrix is None:
            numbers = [_numbers_in(column) for column in self.columns]
            wide = [c if isinstance(c, np.ndarray) else _floats(c) for c in numbers]
            dense = np.column_stack(wide) if wide else np.empty((self.n, 0))
            self.matrix = sp.csr_matrix(
                np.nan_to_num(dense, nan=0.0, posinf=np.inf, neginf=-np.inf)
            )
        return self.matrix


# ---- columns of whatever holds them ------------------------------------------


def is_of_dicts(x: Any) -> bool:
    """Whether rows are a dict each."""
    return isinstance(x, (list, tuple)) and len(x) > 0 and all(isinstance(row, dict) for row in x)


def column_names(x: Any) -> list[Any] | None:
    """The names of columns; None where they have none."""
    if is_sparse(x):
        return None
    if isinstance(x, dict):
        return list(x)
    if is_frame(x):
        return list(names_of(x))
    if is_of_dicts(x):
        return list(dict.fromkeys(name for row in x for name in row))
    return None


def columns_of(x: Any) -> list[Any]:
    """All columns of rows that are no sparse matrix."""
    if isinstance(x, dict):
        return list(x.values())
    if is_frame(x):
        library = library_of(x)
        if library == "pyarrow":
            return list(x.columns)
        if library == "polars":
            return list(x.get_columns())
        return [x.iloc[:, i] for i in range(x.shape[1])]
    if is_of_dicts(x):
        return [[row.get(name) for row in x] for name in column_names(x) or ()]
    if isinstance(x, np.ndarray):
        array = np.asarray(x)  # of a matrix too
        return (
            [array]
            if array.ndim == 1
            else list(array.reshape(len(array), math.prod(array.shape[1:])).T)
        )
    if isinstance(x, (list, tuple)):
        return _columns_of_rows(x)
    return [x]


def _columns_of_rows(rows: Sequence[Any]) -> list[Any]:
    """The columns of a list of rows: one, where its items are no rows of one length."""
    is_row = (isinstance(row, (list, tuple)) or getattr(row, "shape", ()) != () for row in rows)
    if not rows or not all(is_row) or len({len(row) for row in rows}) > 1:
        return [rows]
    return [[row[i] for row in rows] for i in range(len(rows[0]))]


def _columns_at(x: Any, places: Sequence[Place] | None) -> list[Any]:
    """The columns that are read; one that is not there has nothing in its rows, and is
    refused where the rows are run."""
    columns = columns_of(x)
    if places is None:
        return columns
    names = column_names(x)
    known = {} if names is None else {name: i for i, name in enumerate(names)}
    found = [known.get(name, at) if name is not None else at for name, at in places]
    return [
        columns[at] if at is not None and at < len(columns) else [None] * n_rows_of(x)
        for at in found
    ]


# ---- one form ----------------------------------------------------------------


def canonical(column: Any) -> Cells:
    """A column in its one form."""
    if is_sparse(column):
        column = np.ravel(column.toarray())
    elif library_of(column) in ("polars", "pyarrow") and hasattr(column, "to_numpy"):
        is_array = library_of(column) == "pyarrow" and not hasattr(column, "chunks")
        array = column.to_numpy(zero_copy_only=False) if is_array else column.to_numpy()
        column = array if array.dtype.kind in "biufMm" else column
    dtype = getattr(column, "dtype", None)
    if isinstance(dtype, np.dtype) and dtype.kind in "biufMm" and column.ndim == 1:
        return _of_numbers(np.asarray(column))
    return _settled([cell(item) for item in as_items(column)])


def _of_numbers(array: Array) -> Array:
    if array.dtype.kind in "Mm":
        unit = np.datetime_data(array.dtype)[0]
        if unit == "generic":
            return np.full(len(array), np.nan)
        whole = array.astype(f"{array.dtype.kind}8[us]")
        return np.where(np.isnat(array), np.nan, whole.view(np.int64).astype(np.float64))
    return array.astype(np.float64) + 0.0  # -0.0 is 0.0


def _settled(cells: list[Any]) -> Cells:
    """Cells that are all numbers or missing, as an array of them."""
    if all(item is None or type(item) is float for item in cells):
        return _floats(cells)
    return cells


def _floats(cells: Sequence[Any]) -> Array:
    return np.array([c if type(c) is float else math.nan for c in cells], dtype=np.float64)


def _as_cells(column: Cells) -> list[Any]:
    if isinstance(column, list):
        return column
    return [None if item != item else item for item in column.tolist()]


def cell(value: Any) -> Any:
    """A value in its one form, with a hash: None where it is missing, a float, a str, a
    tuple of such, or itself."""
    kind = type(value)
    if kind is str or value is None:
        return value
    if kind is float:
        return None if value != value else value + 0.0
    if isinstance(value, str):
        return str(value)
    if isinstance(value, (bytes, bytearray)):
        return bytes(value).decode("utf-8", "surrogateescape")
    if isinstance(value, (np.datetime64, np.timedelta64)):
        return _settled_cell(_of_numbers(np.asarray([value]))[0])
    if isinstance(value, (bool, int, float, np.number, np.bool_)):
        return _settled_cell(value)
    if isinstance(value, (decimal.Decimal, fractions.Fraction)):
        return _settled_cell(value)
    if isinstance(value, (datetime.date, datetime.timedelta)):
        return None if value != value else _moment(value)
    if kind.__name__ == "NAType":
        return None
    return _cell_of_several(value)


def _settled_cell(value: Any) -> Any:
    try:
        number = float(value)
    except OverflowError:
        number = math.copysign(math.inf, value)
    except (TypeError, ValueError):  # complex numbers, signalling NaN
        return value
    return None if number != number else number + 0.0


def _moment(value: Any) -> float:
    """Microseconds: since 1970 in UTC, or of a time between."""
    if isinstance(value, datetime.timedelta):
        return float(value // _MICROSECOND)
    if not isinstance(value, datetime.datetime):
        value = datetime.datetime(value.year, value.month, value.day)
    if value.tzinfo is not None:
        value = value.astimezone(datetime.UTC).replace(tzinfo=None)
    return float((value - _EPOCH) // _MICROSECOND)


def _cell_of_several(value: Any) -> Any:
    """What holds values: an array is a list; of a dict, what is 0 may as well be missing; an
    object without an equality of its own is what its attributes are."""
    if isinstance(value, dict):
        cells = ((cell(key), cell(item)) for key, item in value.items())
        return frozenset((key, item) for key, item in cells if item is not None and item != 0.0)
    if isinstance(value, (set, frozenset)):
        return frozenset(map(cell, value))
    if isinstance(value, np.ndarray) and value.ndim == 0:
        return cell(value.item())
    if isinstance(value, (list, tuple, np.ndarray)) or hasattr(value, "to_numpy"):
        return tuple(map(cell, as_items(value)))
    kind: Any = type(value)
    is_bare = kind.__eq__ is object.__eq__ or kind.__hash__ is None
    if is_bare and hasattr(value, "__dict__"):
        return (kind.__qualname__, cell(vars(value)))
    return value


# ---- what hangs on both sides --------------------------------------------------


def _numbers_in(column: Cells) -> Cells:
    """A column beside one of numbers: text that is a number is that."""
    if not isinstance(column, list):
        return column
    return _settled([_number_in(item) if isinstance(item, str) else item for item in column])


def _number_in(text: str) -> Any:
    try:
        return _settled_cell(float(text))
    except ValueError:
        return text


def _narrowest(column: Cells) -> type[np.floating[Any]]:
    """The narrowest dtype that holds all numbers."""
    numbers = column if isinstance(column, np.ndarray) else _floats(column)
    with np.errstate(over="ignore"):
        for dtype in (np.float16, np.float32):
            if ((numbers.astype(dtype) == numbers) | np.isnan(numbers)).all():
                return dtype
    return np.float64


def _common(sides: Sequence[Sequence[Cells]]) -> type[np.floating[Any]]:
    """The dtype in which numbers of several sides can be compared: the narrowest that holds
    all of one side."""
    found: list[type[np.floating[Any]]] = []
    for side in sides:
        own = [_narrowest(column) for column in side]
        found += [max(own, key=lambda dtype: dtype().itemsize)] if own else []
    return min(found, key=lambda dtype: dtype().itemsize, default=np.float64)


def _rounded(column: Cells, dtype: type[np.floating[Any]]) -> Cells:
    with np.errstate(over="ignore"):
        if isinstance(column, np.ndarray):
            return column.astype(dtype).astype(np.float64) + 0.0
        return [float(dtype(item)) + 0.0 if type(item) is float else item for item in column]


def _alike(sides: list[list[Cells]]) -> list[list[Cells]]:
    """One column of each part, of several sides, in a form that can be compared."""
    if any(isinstance(column, np.ndarray) for side in sides for column in side):
        sides = [[_numbers_in(column) for column in side] for side in sides]
    if len(sides) > 1:
        common = _common(sides)
        if common is not np.float64:
            sides = [[_rounded(column, common) for column in side] for side in sides]
        cells = [c for side in sides for column in side if isinstance(column, list) for c in column]
        if any(isinstance(c, str) and not c.isascii() and _UNDECODED.search(c) for c in cells):
            # In an encoding that is not known: what is not ASCII is left out.
            sides = [[_in_ascii(column) for column in side] for side in sides]
    if all(isinstance(column, np.ndarray) for side in sides for column in side):
        return sides
    return [[_as_cells(column) for column in side] for side in sides]


def _in_ascii(column: Cells) -> Cells:
    if not isinstance(column, list):
        return column
    return [
        c.encode("ascii", "ignore").decode("ascii") if isinstance(c, str) else c for c in column
    ]


def _column_keys(read: list[list[_Part]]) -> list[list[Any]]:
    """The keys of all parts in turn, whose columns are as many."""
    parts = list(chain.from_iterable(read))
    numbers: list[list[Array]] = [[] for _ in parts]
    others: list[list[list[Any]]] = [[] for _ in parts]
    for i in range(len(parts[0].columns) if parts else 0):
        alike = _alike([[part.columns[i] for part in side] for side in read])
        for at, column in enumerate(chain.from_iterable(alike)):
            if isinstance(column, list):
                others[at].append(column)
            else:
                numbers[at].append(column)
    return [
        _joined(part.n, own, rest) for part, own, rest in zip(parts, numbers, others, strict=True)
    ]


def _joined(n: int, numbers: list[Array], others: list[list[Any]]) -> list[Any]:
    columns: list[list[Any]] = list(others)
    if numbers:
        block = np.column_stack(numbers)
        block[np.isnan(block)] = np.nan  # one of the many
        columns.insert(0, [row.tobytes() for row in np.ascontiguousarray(block)])
    if len(columns) == 1:
        return columns[0]
    return list(zip(*columns, strict=True)) if columns else [()] * n


def _sparse_keys(read: list[list[_Part]]) -> list[list[Any]]:
    """The keys of all parts in turn, by what is neither 0 nor missing: a gap is either."""
    sides = [[_without_gaps(part.as_matrix()) for part in side] for side in read]
    common = _common([[matrix.data for matrix in side] for side in sides])
    if len(sides) > 1 and common is not np.float64:
        for matrix in chain.from_iterable(sides):
            matrix.data = np.asarray(_rounded(matrix.data, common))
            matrix.eliminate_zeros()
    keys: list[list[Any]] = []
    for matrix in chain.from_iterable(sides):
        indices = matrix.indices.astype(np.int64)
        ends = zip(matrix.indptr[:-1].tolist(), matrix.indptr[1:].tolist(), strict=True)
        keys.append([(indices[a:b].tobytes(), matrix.data[a:b].tobytes()) for a, b in ends])
    return keys


def _without_gaps(matrix: Any) -> Any:
    own = matrix.copy()
    own.sum_duplicates()
    own.data = np.nan_to_num(own.data, nan=0.0, posinf=np.inf, neginf=-np.inf)
    own.eliminate_zeros()
    return own
