"""From what a compiled function is called with to the inputs of its graph: a frame of
pandas or polars, an Arrow table, a dict of columns, one row as a dict, or a list of
such rows. What a column holds is read as the column of the sample was: cast where that
is exact, refused by name where it is not.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .._columns import block_of, columns_held_by, is_frame, library_of, names_of
from .shared import SharedCalls

Array = npt.NDArray[Any]

_DOUBLE = np.dtype(np.float64)
_LARGEST = 2**53
#: The range of each dtype of whole numbers.
_RANGES = {
    f"{sign}int{bits}": (0 if sign else -(2 ** (bits - 1)), 2 ** (bits if sign else bits - 1) - 1)
    for bits in (8, 16, 32)
    for sign in ("", "u")
} | {"int64": (-_LARGEST, _LARGEST)}
_PLAIN_OF_POLARS = {"String", "Boolean", "Float32", "Float64"} | {
    f"{sign}Int{bits}" for bits in (8, 16, 32, 64) for sign in ("", "U")
}
_NANOSECONDS = "a moment has nanoseconds, which a compiled function does not hold"
_EPOCH = datetime.datetime(1970, 1, 1)
#: How pandas keeps moments that need no conversion.
_MICRO = {"datetime": np.dtype("M8[us]"), "timedelta": np.dtype("m8[us]")}
_POLARS_MICRO = {
    "datetime": "Datetime(time_unit='us', time_zone=None)",
    "timedelta": "Duration(time_unit='us')",
}
#: So many rows are looked at one by one: NumPy's calls would cost more.
_FEW = 8
_TEXT = ("str", "object", "string", "string[pyarrow]")
_MOMENTS = ("datetime", "timedelta")  #: and "datetime[zone]", in UTC


class TextColumn:
    """A column of strings as the extension reads it; see `_columns.adapt_text`."""

    def __init__(self, parts: Any) -> None:
        self.parts = parts


class FunctionInputs:
    """The columns that the graph reads, from X.

    Parameters
    ----------
    names : sequence of str
        The inputs' names, in the graph's order.
    dtypes : mapping of name to the dtype that the sample's column had
    all_columns : the columns that X must have, no others and in this order; none: any
    absent, present : columns that the function was captured without, or with, that it asks
        for
    no_objects : those that an imputer compares as they come: None among objects is no missing
        number to it
    categories : of categorical columns whose codes the function reads
    labels : what those of a pandas frame's rows must be: "numbered" from 0, or "unique"
    """

    def __init__(
        self,
        names: Sequence[str],
        dtypes: Mapping[str, str],
        all_columns: Sequence[str] = (),
        absent: Sequence[str] = (),
        present: Sequence[str] = (),
        no_objects: Sequence[str] = (),
        categories: Mapping[str, Sequence[Any]] | None = None,
        labels: str = "",
    ) -> None:
        self.labels = labels
        self.no_objects = frozenset(no_objects).intersection(names)
        self.categories = {n: c for n, c in (categories or {}).items() if n in names}
        self.all_columns, self.absent = list(all_columns), frozenset(absent)
        self.columns = [(name, dtypes[name]) for name in names]
        self.needed = {*names, *present}
        self.are_doubles = all(dtype == "float64" for _, dtype in self.columns)
        self._seen: tuple[list[Any], list[int]] = [], []
        #: What a pandas frame kept the names in last, and where the columns are.
        self._index: tuple[Any, list[int]] = None, []
        #: What the Python steps of a call share.
        self.shared: SharedCalls | None = None

    def __call__(self, x: Any) -> tuple[Any, ...]:
        if self.shared is not None:
            self.shared.begin(x)
        if isinstance(x, dict):
            return self._of_dict(x)
        if is_frame(x):
            library = library_of(x)
            if library == "pandas":
                if self.labels:
                    _check_labels(x.index, self.labels)
                places = self._places(x)
                block = block_of(x) if self.are_doubles else None
                if block is not None and block.dtype == np.float64:
                    return _columns_of(block, places)
                held = columns_held_by(x, as_lists=0 < len(x) <= _FEW)
                self._check_objects(x)
                self._check_categories(x)
                return tuple(
                    [
                        _of_few(held[at], name, dtype)
                        if type(held[at]) is list
                        else _of_pandas(held[at], name, dtype)
                        for at, (name, dtype) in zip(places, self.columns, strict=True)
                    ]
                )
            if library == "polars" and len(x) == 1:
                return self._of_polars_row(x)
            self._check_names(list(names_of(x)), x)
            read = _of_polars if library == "polars" else _of_arrow
            return tuple(read(x[name], name, dtype) for name, dtype in self.columns)
        if isinstance(x, (list, tuple)) and x and all(isinstance(row, dict) for row in x):
            for number, row in enumerate(x):
                try:
                    self._check_names(row, row)
                except KeyError as error:
                    raise KeyError(f"{error.args[0]} (row {number})") from None
            return tuple(
                _of_list([row[name] for row in x], name, dtype) for name, dtype in self.columns
            )
        raise TypeError(
            "a compiled function takes a frame of pandas or polars, an Arrow table, a dict of "
            f"columns, one row as a dict, or a list of such rows; not {type(x).__name__}"
        )

    def _check_objects(self, x: Any) -> None:
        for name in self.no_objects:
            if x[name].dtype == object:
                dtype = next(dtype for own, dtype in self.columns if own == name)
                raise _refused(name, dtype, "objects, which an imputer compares as they are")

    def _check_categories(self, x: Any) -> None:
        for name, known in self.categories.items():
            found = getattr(x[name].dtype, "categories", known)
            if list(found) != list(known):
                raise TypeError(
                    f"column {name!r} has the categories {list(found)}, and the function reads "
                    f"the codes of {list(known)}: cast it to those"
                )

    def _places(self, x: Any) -> list[int]:
        """Where a pandas frame has the columns; callers mostly give the same ones again, and if
        not the same object of them, one that shares the Arrow array of names. Neither changes."""
        kept, index = x.columns, self._index
        kept = getattr(kept.array, "_pa_array", kept)
        if kept is index[0]:
            return index[1]
        places = self._places_among(_names_of_pandas(x), x)
        self._index = kept, places
        return places

    def _places_among(self, names: list[Any], x: Any) -> list[int]:
        seen = self._seen
        if names != seen[0]:
            self._check_names(names, x)
            at = {name: i for i, name in enumerate(names)}
            self._seen = seen = names, [at[name] for name, _ in self.columns]
        return seen[1]

    def _of_polars_row(self, x: Any) -> tuple[Any, ...]:
        """Of a polars frame of one row, without a Series for each column where the cell says
        all: a string, or a number that is one of the sample's dtype."""
        places = self._places_among(x.columns, x)
        if not {type(dtype).__name__ for dtype in x.dtypes} <= _PLAIN_OF_POLARS:
            # It makes no Python objects of some moments.
            return tuple(
                _of_polars_one(x.to_series(at), name, dtype)
                for at, (name, dtype) in zip(places, self.columns, strict=True)
            )
        cells = x.row(0)
        return tuple(
            _plain_cell(cells[at], dtype) or _of_polars(x.to_series(at), name, dtype)
            for at, (name, dtype) in zip(places, self.columns, strict=True)
        )

    def _of_dict(self, x: dict[Any, Any]) -> tuple[Any, ...]:
        found = []
        if self.all_columns or self.absent:
            self._check_names(x, x)
        for name, dtype in self.columns:
            try:
                value = x[name]
            except KeyError:
                self._check_names(x, x)
                raise
            if is_scalar(value):
                found.append(_of_cell(value, name, dtype))
            elif isinstance(value, (list, tuple)):
                found.append(_of_list(value, name, dtype))
            elif library_of(value) == "polars":
                found.append(_of_polars(value, name, dtype))
            elif library_of(value) == "pyarrow":
                found.append(_of_arrow(value, name, dtype))
            elif not hasattr(value, "dtype"):
                raise _refused(name, dtype, f"a {type(value).__name__}")
            else:
                found.append(_of_pandas(value, name, dtype))
        return tuple(found)

    def _check_names(self, names: Any, x: Any) -> None:
        missing = self.needed.difference(names)
        if missing:
            there = ", ".join(repr(name) for name in list(names)[:10])
            raise KeyError(
                f"columns are missing: {sorted(missing)} (X has {there or 'no columns'})"
            )
        if is_frame(x) and len(set(names)) != len(names):
            twice = sorted({n for n in names if list(names).count(n) > 1} & self.needed)
            if twice:
                raise ValueError(f"columns come twice: {twice}")
        self._check_others(list(names), has_order=is_frame(x))

    def _check_others(self, names: list[Any], *, has_order: bool) -> None:
        """Raises where the function would answer otherwise for its other columns."""
        asked = sorted(self.absent.intersection(names))
        if asked:
            raise ValueError(
                f"X has {asked}, which the function asks for and the sample had not: compile it "
                "with a sample that has them"
            )
        if not self.all_columns or names == self.all_columns:
            return
        more = [name for name in names if name not in self.all_columns]
        if more or len(names) != len(self.all_columns):
            raise ValueError(
                f"the function reads all of its columns, and the sample's were {self.all_columns}:"
                f" X has others, {more or names}"
            )
        if has_order:
            raise ValueError(
                "the function reads its columns in their order, which was "
                f"{self.all_columns}: X has them as {names}"
            )


def _is_numbered(index: Any) -> bool:
    import pandas as pd

    if isinstance(index, pd.RangeIndex):
        return len(index) == 0 or (index.start == 0 and (index.step == 1 or len(index) == 1))
    return bool(index.equals(pd.RangeIndex(len(index))))


def _check_labels(index: Any, labels: str) -> None:
    """Raises where pandas would bring rows together by labels otherwise than row by row."""
    if labels == "unique" and not index.is_unique:
        raise ValueError(
            "the function sets values by their rows' labels, and labels of X come twice: "
            "reset_index(drop=True) before"
        )
    if labels == "numbered" and not _is_numbered(index):
        raise ValueError(
            "the function brings rows of X together with others by their labels, which were those "
            "of the sample, 0, 1, ...: reset_index(drop=True) before"
        )


def is_scalar(value: Any) -> bool:
    return isinstance(value, (str, int, float, np.generic, bool)) or value is None or (
        not hasattr(value, "__len__") and not hasattr(value, "shape")
    )  # fmt: skip


def _names_of_pandas(frame: Any) -> list[Any]:
    arrow = getattr(frame.columns.array, "_pa_array", None)
    names: list[Any] = frame.columns.tolist() if arrow is None else arrow.to_pylist()
    return names


def _columns_of(block: Array, places: list[int]) -> tuple[Any, ...]:
    """Columns of a matrix; of few rows as lists, which the extension reads faster."""
    if len(block) <= _FEW:
        rows = block.tolist()
        return tuple([row[at] for row in rows] for at in places)
    return tuple(block[:, at] for at in places)


def _refused(name: str, dtype: str, what: str) -> TypeError:
    return TypeError(
        f"column {name!r} holds {what}; the function was compiled for {dtype}: cast it, or "
        "compile with a sample that holds such values"
    )


# ---- numbers --------------------------------------------------------------------


def moments_of(array: Array) -> Array:
    """Moments, or the times between, as microseconds; NaN where there is none.

    Raises
    ------
    ValueError
        Of one that has nanoseconds, or is too far away to be exact.
    """
    unit = np.datetime_data(array.dtype)[0]
    gone = np.isnat(array)
    numbers = array.view(np.int64)
    if unit == "ns":
        if (numbers[~gone] % 1000).any():
            raise ValueError(_NANOSECONDS)
        micro = numbers // 1000
    else:
        micro = array.astype(f"{array.dtype.kind}8[us]").view(np.int64)
    if len(micro) and (np.abs(np.where(gone, 0, micro)) > _LARGEST).any():
        raise ValueError("a moment is more than 285 years from 1970")
    return np.where(gone, np.nan, micro.astype(np.float64))


def _has_nanoseconds(cell: Any) -> bool:
    """Whether a moment of Python's, NumPy's or pandas' is between two microseconds."""
    if isinstance(cell, (np.datetime64, np.timedelta64)):
        unit, count = np.datetime_data(cell.dtype)
        return unit == "ns" and cell.astype(np.int64) * count % 1000 != 0
    return bool(getattr(cell, "nanosecond", 0) or getattr(cell, "nanoseconds", 0))


def _is_moment(dtype: str) -> bool:
    return dtype.startswith(_MOMENTS)


def _zone_of(dtype: str) -> str | None:
    """The zone in a dtype."""
    return dtype[len("datetime[") : -1] if dtype.startswith("datetime[") else None


def _check_zone(found: Any, name: str, dtype: str) -> None:
    """Another zone has other clocks."""
    shown = None if found is None else str(found)
    if shown != _zone_of(dtype):
        raise _refused(name, dtype, f"moments of zone {shown}" if shown else "moments of no zone")


def _in_utc(cells: list[Any], name: str, dtype: str) -> list[Any]:
    """Moments of the zone, without it."""
    for row, value in enumerate(cells):
        if value is not None:
            if not isinstance(value, datetime.datetime):
                raise _refused(name, dtype, f"{value!r} in row {row}")
            _check_zone(value.tzinfo, name, dtype)
            cells[row] = value.astimezone(datetime.UTC).replace(tzinfo=None)
    return cells


def _moments(values: Any, name: str, dtype: str) -> Array:
    """A column of moments; of a list, datetimes and what stands for none."""
    kind = "M" if dtype.startswith("datetime") else "m"
    array = np.asarray(values)
    if array.dtype == object:
        code = f"{kind}8[us]"
        cells = [None if v is None or v != v else v for v in array.tolist()]
        if _zone_of(dtype):
            cells = _in_utc(cells, name, dtype)
        if any(getattr(v, "tzinfo", None) is not None or isinstance(v, (str, int)) for v in cells):
            raise _refused(name, dtype, "other values")
        if any(map(_has_nanoseconds, cells)):
            raise ValueError(_NANOSECONDS)
        array = np.array([np.datetime64("NaT") if v is None else v for v in cells], dtype=code)
    if array.dtype.kind != kind:
        raise _refused(name, dtype, str(array.dtype))
    return moments_of(array)


def _numbers(array: Array, name: str, dtype: str) -> Array:
    """Numbers of a NumPy dtype as float64, which holds them exactly."""
    if array.dtype is _DOUBLE and dtype == "float64" and array.ndim == 1:
        return array  # as most are
    kind = array.dtype.kind
    if _is_moment(dtype):
        _check_zone(None, name, dtype)
        return _moments(array, name, dtype)
    if kind not in "biuf" or (dtype == "bool") != (kind == "b"):
        raise _refused(name, dtype, str(array.dtype))
    if len(array) <= _FEW:
        return _list_numbers(array.tolist(), name, dtype)
    least, most = _RANGES.get(dtype, _RANGES["int64"])
    is_narrow = most < _LARGEST
    if kind in "iu" and len(array) and (array.dtype.itemsize == 8 or str(array.dtype) != dtype):
        low, high = int(array.min()), int(array.max())
        if low < least or high > most:
            beyond = "" if is_narrow else ", beyond 2^53"
            raise _refused(name, dtype, f"{high if high > most else low}{beyond}")
    if kind == "f" and dtype in _RANGES:
        whole = np.isfinite(array) & (np.floor(array) == array) & (array >= least) & (array <= most)
        if not whole.all():
            row = int(np.flatnonzero(~whole)[0])
            raise _refused(name, dtype, f"{array[row]!r} in row {row}")
    numbers = array.astype(np.float64, copy=False)
    if dtype == "float32" and array.dtype != np.float32:
        same = (numbers.astype(np.float32).astype(np.float64) == numbers) | np.isnan(numbers)
        if not same.all():
            row = int(np.flatnonzero(~same)[0])
            raise _refused(name, dtype, f"{numbers[row]!r} in row {row}")
    return numbers


def _is_number(value: Any) -> bool:
    is_moment = isinstance(value, np.timedelta64)  # to NumPy, an integer
    return isinstance(value, (int, float, np.integer, np.floating)) and not is_moment


def _list_numbers(values: Sequence[Any], name: str, dtype: str) -> Array:
    """A list's numbers; None is NaN."""
    if _is_moment(dtype):
        return _moments(np.array(values, dtype=object), name, dtype)
    found = np.empty(len(values))
    for row, value in enumerate(values):
        if value is None:
            number = math.nan
        elif isinstance(value, (bool, np.bool_)) or not _is_number(value):
            is_bool = isinstance(value, (bool, np.bool_))
            if not is_bool:
                if type(value).__name__ != "NAType":
                    raise _refused(name, dtype, f"{value!r} in row {row}")
                value = math.nan
            number = float(value)
            if is_bool and dtype != "bool":
                raise _refused(name, dtype, f"{value!r} in row {row}")
        else:
            number = float(value)
            if dtype == "bool":
                raise _refused(name, dtype, f"{value!r} in row {row}")
            if isinstance(value, (int, np.integer)) and abs(int(value)) > _LARGEST:
                raise _refused(name, dtype, f"{value!r}, beyond 2^53, in row {row}")
            if dtype in _RANGES and not _RANGES[dtype][0] <= number <= _RANGES[dtype][1]:
                raise _refused(name, dtype, f"{value!r} in row {row}")
        if (dtype in _RANGES or dtype == "bool") and not number.is_integer():
            raise _refused(name, dtype, f"{value!r} in row {row}")
        if dtype == "float32" and number == number and float(np.float32(number)) != number:
            raise _refused(name, dtype, f"{value!r} in row {row}")
        found[row] = number
    return found


def _is_nullable(dtype: str) -> bool:
    """Whether a dtype is one of numbers with NA (capture/nullable.py)."""
    if dtype in _TEXT:
        return False
    return dtype[:1].isupper() or dtype == "boolean" or dtype.endswith("[pyarrow]")


def _nullable(values: Any, name: str, dtype: str) -> Array:
    """Numbers of any library, NaN where there is none."""
    bare = dtype.removesuffix("[pyarrow]").lower()
    is_bool = bare.startswith("bool")
    least, most = _RANGES.get(bare, _RANGES["int64"])
    listed = values if isinstance(values, (list, tuple)) else _listed(values)
    found = np.full(len(listed), math.nan)
    for row, value in enumerate(listed):
        if value is None or type(value).__name__ == "NAType" or value != value:
            continue
        is_number = isinstance(value, (int, float, np.number, np.bool_))
        if not is_number or is_bool != isinstance(value, (bool, np.bool_)):
            raise _refused(name, dtype, f"{value!r} in row {row}")
        is_whole = float(value).is_integer()
        if (bare in _RANGES and not is_whole) or (is_whole and not least <= value <= most):
            raise _refused(name, dtype, f"{value!r} in row {row}")
        found[row] = value
    return found


def _listed(values: Any) -> list[Any]:
    """A column's values as Python's."""
    for name in ("tolist", "to_list", "to_pylist"):
        if hasattr(values, name):
            return list(getattr(values, name)())
    return list(values)


# ---- text -----------------------------------------------------------------------


def _texts(values: Sequence[Any], name: str, dtype: str) -> list[Any]:
    """Strings, NaN for what is missing; among objects None stays None."""
    found = list(values)
    for row, value in enumerate(found):
        if type(value) is str:
            continue
        is_gone = value is None or type(value).__name__ == "NAType" or value != value
        if isinstance(value, str):
            found[row] = str(value)
        elif is_gone:
            found[row] = None if value is None and dtype == "object" else math.nan
        else:
            raise _refused(name, dtype, f"{value!r} in row {row}")
    return found


# ---- one reader a library ---------------------------------------------------------


def _of_list(values: Sequence[Any], name: str, dtype: str) -> Any:
    read: Callable[[Sequence[Any], str, str], Any] = _texts if dtype in _TEXT else _list_numbers
    if _is_nullable(dtype):
        read = _nullable
    return read(values, name, dtype)


def _of_few(values: list[Any], name: str, dtype: str) -> Any:
    """A list of numbers of one of NumPy's dtypes."""
    if dtype == "float64" and values and type(values[0]) is float:  # the others are, too
        return values
    cell = _plain_cell(values[0], dtype) if len(values) == 1 else None
    if cell is not None:
        return cell
    if _is_moment(dtype):
        raise _refused(name, dtype, "numbers")
    return _of_list(values, name, dtype)


def _of_cell(value: Any, name: str, dtype: str) -> Any:
    return _plain_cell(value, dtype) or _of_list([value], name, dtype)


def _plain_cell(value: Any, dtype: str) -> list[Any] | None:
    """A list of one, which the extension reads faster than an array, of what needs no closer
    look."""
    kind = type(value)
    if (kind is str and dtype in _TEXT) or (kind is float and dtype == "float64"):
        return [value]
    if kind is int and dtype in ("int64", "float64") and -_LARGEST <= value <= _LARGEST:
        return [float(value)]
    return _plain_moment(value, kind) if dtype == "datetime" else None


def _plain_moment(value: Any, kind: type) -> list[Any] | None:
    """The same of a moment without a zone: its microseconds."""
    if kind is datetime.datetime:
        if value.tzinfo is not None:
            return None
        since = value - _EPOCH
        micro = (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
    elif kind.__name__ == "Timestamp" and value.tzinfo is None and not value.nanosecond:
        try:
            micro = value.value // 1000
        except OverflowError:  # of what is no number of nanoseconds
            return None
    else:
        return None
    return [float(micro)] if -_LARGEST <= micro <= _LARGEST else None


def _null(dtype: str) -> Any:
    """What a null of another library stands for."""
    return None if dtype == "object" else math.nan


def _of_pandas(series: Any, name: str, dtype: str) -> Any:
    """A pandas Series or its array, or a NumPy array."""
    ticks: Any = getattr(series, "asi8", ()) if dtype in _MICRO else ()
    if len(ticks) == 1 and series.dtype == _MICRO[dtype] and abs(int(ticks[0])) <= _LARGEST:
        return [float(ticks[0])]
    if type(series) is np.ndarray and series.shape == (1,) and series.dtype.kind in "iufO":
        cell = _plain_cell(series.item(), dtype)
        if cell is not None:
            return cell
    if _is_nullable(dtype):
        return _nullable(series, name, dtype)
    own = series.dtype
    if dtype in _TEXT:
        kind = str(own)
        if kind == "object" or isinstance(series, np.ndarray):
            return _texts(series.tolist(), name, dtype)
        if kind in ("str", "string") or kind.startswith("string"):
            parts = getattr(series, "array", series)
            arrow = getattr(parts, "_pa_array", None)
            if arrow is not None and len(parts) <= _FEW:
                return [math.nan if cell is None else cell for cell in arrow.to_pylist()]
            if arrow is not None:
                return TextColumn((arrow, math.nan))
            return _texts(series.tolist(), name, dtype)
        if kind == "category":
            return _texts(list(series), name, dtype)
        raise _refused(name, dtype, kind)
    if isinstance(own, np.dtype) or str(own) == "category":
        if not isinstance(own, np.dtype):
            series = np.asarray(series)
            own = series.dtype
        if own.kind == "O":
            return _list_numbers(series.tolist(), name, dtype)
        array = series if isinstance(series, np.ndarray) else series.to_numpy()
        return _numbers(array, name, dtype)
    if _is_moment(dtype) and getattr(own, "tz", None) is not None:
        _check_zone(own.tz, name, dtype)
        return moments_of(series.to_numpy(dtype=f"datetime64[{own.unit}]"))
    if getattr(own, "kind", "O") not in "biuf":
        raise _refused(name, dtype, str(own))
    if series.isna().any():
        if dtype in _RANGES or dtype == "bool":
            raise _refused(name, dtype, "missing values")
        return series.to_numpy(dtype=np.float64, na_value=np.nan)
    held = own.subtype if hasattr(own, "subtype") else own.numpy_dtype  # a Sparse column's
    return _numbers(series.to_numpy(dtype=held), name, dtype)


def _of_polars_one(series: Any, name: str, dtype: str) -> Any:
    """A Series of one row."""
    kind = series.dtype
    cell = None
    if type(kind).__name__ in _PLAIN_OF_POLARS:
        cell = _plain_cell(series.item(), dtype)
    elif dtype in _MICRO and str(kind) == _POLARS_MICRO[dtype]:
        micro = int(series.to_numpy().view(np.int64)[0])  # the least where it is missing
        cell = [float(micro)] if -_LARGEST <= micro <= _LARGEST else None
    return cell or _of_polars(series, name, dtype)


def _of_polars(series: Any, name: str, dtype: str) -> Any:
    if _is_nullable(dtype):
        return _nullable(series, name, dtype)
    kind = str(series.dtype)
    if dtype in _TEXT:
        cell = series.item() if kind == "String" and len(series) == 1 else None
        if cell is not None:
            return [cell]
        if kind.startswith(("String", "Categorical", "Enum")):
            return TextColumn((series, _null(dtype)))
        if kind == "Null":
            return [_null(dtype)] * len(series)
        return _texts(series.to_list(), name, dtype)
    if series.null_count() and (dtype in _RANGES or dtype == "bool"):
        raise _refused(name, dtype, "missing values")
    if kind == "Null":
        return np.full(len(series), np.nan)
    if _is_moment(dtype):
        _check_zone(getattr(series.dtype, "time_zone", None), name, dtype)
        return _moments(series.to_numpy(), name, dtype)
    return _numbers(np.asarray(series.to_numpy()), name, dtype)


def _of_arrow(column: Any, name: str, dtype: str) -> Any:
    if _is_nullable(dtype):
        return _nullable(column, name, dtype)
    kind = str(column.type)
    if dtype in _TEXT:
        if kind in ("string", "large_string", "string_view"):
            return TextColumn((column, _null(dtype)))
        return _texts(column.to_pylist(), name, dtype)
    if kind == "null" and dtype not in _RANGES and dtype != "bool":
        return np.full(len(column), np.nan)
    if _is_moment(dtype):
        _check_zone(getattr(column.type, "tz", None), name, dtype)
    elif column.null_count:
        if dtype in _RANGES or dtype == "bool":
            raise _refused(name, dtype, "missing values")
        if kind not in ("double", "float"):
            return _list_numbers(column.to_pylist(), name, dtype)
    array = (
        column.to_numpy() if hasattr(column, "chunks") else column.to_numpy(zero_copy_only=False)
    )
    if _is_moment(dtype):
        return _moments(array, name, dtype)
    return _numbers(array, name, dtype)
