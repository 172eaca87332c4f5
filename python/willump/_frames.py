"""From the caller's X to the inputs of a model: columns of frames by name or position."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ._arrow import readable
from ._columns import columns_held_by, is_frame, is_plain, library_of, names_of
from ._errors import UnsupportedError
from ._names import NameReaders, feature_names
from ._sparse import check_sparse, is_sparse

#: One input of a model: (name, kind, position, n_features).
Input = tuple[str, str, int, int]


class WholeMatrix:
    """X is the one input; its feature names are checked first."""

    def __init__(self, readers: NameReaders) -> None:
        self.readers = readers

    def __call__(self, x: Any) -> tuple[Any]:
        return (self.readers(x),)


class ObjectColumns:
    """Refuses columns of a number's dtype where the categories are numbers among objects,
    as scikit-learn's encoders do, which cannot compare the two.

    Parameters
    ----------
    columns : list of (name or None, position)
    then : the function from X to the inputs of a model
    """

    def __init__(
        self, columns: Sequence[tuple[Any, int]], then: Callable[[Any], tuple[Any, ...]]
    ) -> None:
        self.columns = list(columns)
        self.then = then

    def __call__(self, x: Any) -> tuple[Any, ...]:
        inputs = self.then(x)  # first, as it checks that the columns are there
        if not is_sparse(x):
            given = x if hasattr(x, "shape") or isinstance(x, dict) else _as_table(x)
            for name, position in self.columns:
                _check_objects(given, name, position)
        return inputs


def _check_objects(x: Any, name: Any, position: int) -> None:
    if isinstance(x, dict) or is_frame(x):
        column = x[names_of(x)[position] if name is None else name]
    else:
        column = x[:, position]
    is_pandas = library_of(x) == "pandas"
    dtype = column.dtype if is_pandas else np.asarray(column[:0]).dtype
    if hasattr(dtype, "categories"):
        dtype = dtype.categories.dtype
    kind = getattr(dtype, "kind", "O")
    if kind not in "biuf" or len(column) == 0:
        return
    if kind == "f" and np.isinf(np.asarray(column, dtype=np.float64)).any():
        raise ValueError("Input contains infinity or a value too large for dtype('float64').")
    raise TypeError(
        f"the categories of column {position if name is None else name!r} are objects, and "
        f"cannot be compared with {dtype}: ufunc 'isnan' is not supported for them; give the "
        "column as objects"
    )


class PassedColumns:
    """Refuses objects in columns that the original's answer shows as they came:
    it would be an array of objects.

    Parameters
    ----------
    blocks : list of dict
        "block" is its name, "names" or "positions" its columns (neither: all);
        "weighted" says that they are multiplied, each column by itself.
    then : the function from X to the inputs of a model
    """

    def __init__(
        self, blocks: Sequence[dict[str, Any]], then: Callable[[Any], tuple[Any, ...]]
    ) -> None:
        self.blocks = list(blocks)
        self.then = then

    def __call__(self, x: Any) -> tuple[Any, ...]:
        inputs = self.then(x)  # first, as it checks that the columns are there
        if not isinstance(x, dict) and not is_sparse(x):
            for block in self.blocks:
                self._check(x, **block)
        return inputs

    def _check(
        self,
        x: Any,
        block: str,
        names: list[str] | None,
        positions: list[int] | None,
        weighted: bool,
    ) -> None:
        if not is_frame(x):
            # Lists are arrays of objects to a ColumnTransformer.
            is_list = not hasattr(x, "shape") and positions is not None
            if is_list or np.asarray(x).dtype == object:
                raise self._error("X", type(x).__name__, block)
            return
        keys = names or ([list(names_of(x))[i] for i in positions] if positions else None)
        picked = x if keys is None else x.select(keys) if hasattr(x, "select") else x[keys]
        if np.asarray(picked).dtype.kind in "biuf":
            return
        columns = [(key, np.asarray(picked[key]).dtype) for key in names_of(picked)]
        wrong = [(key, dtype) for key, dtype in columns if dtype.kind not in "biuf"]
        if not wrong and weighted:
            return  # bool times a weight is a number like the others
        wrong = wrong or columns
        listed = ", ".join(f"{key!r} ({dtype})" for key, dtype in wrong)
        raise self._error(f"column{'s' if len(wrong) > 1 else ''} {listed}", "objects", block)

    def _error(self, what: str, kind: str, block: str) -> TypeError:
        return TypeError(
            f"{what}: {block!r} passes its columns through, and the original's answer would be "
            f"an array of objects (given {kind}); give columns of numbers, such as "
            "X.astype(float)"
        )


class Columns:
    """Inputs that are columns of X.

    Parameters
    ----------
    inputs : list of Input
    by_name : bool
        X must be a frame, and its columns are found by name. Otherwise they are found
        by position.
    n_features : int or None
        How many columns X must have when they are found by position.
    needed : collection of str
        Columns that Python steps read, so that they are missed here first.
    readers : NameReaders
        Who else reads the names of a frame.
    takes_arrays : bool
        An array's columns go by their position, though a frame's go by their names.
    """

    def __init__(
        self,
        inputs: Sequence[Input],
        n_features: int | None,
        estimator: str,
        needed: Sequence[str],
        readers: NameReaders,
        *,
        by_name: bool = False,
        takes_arrays: bool = False,
    ) -> None:
        self.inputs = list(inputs)
        self.by_name = by_name
        self.n_features = n_features
        self.estimator = estimator
        self.readers = readers
        self.takes_arrays = takes_arrays
        self.needed = {*needed, *(name for name, _, _, _ in inputs if name)}
        # The columns of the last pandas frame, and where the inputs are.
        self._known: tuple[Any, dict[str, int]] = None, {}

    def __call__(self, x: Any) -> tuple[Any, ...]:
        is_table = isinstance(x, dict) or is_frame(x)
        if self.by_name and (is_table or not self.takes_arrays):
            return self._by_name(x)
        if isinstance(x, dict):
            raise ValueError("the columns are known by position only; give an array or a frame")
        x = x if hasattr(x, "shape") else _as_table(x)
        if len(x.shape) != 2:
            raise ValueError(f"Expected 2D array, got {len(x.shape)}D array instead")
        if is_sparse(x):
            check_sparse(x)
            if self.by_name and self.inputs:
                raise UnsupportedError(
                    "the columns of a sparse matrix, for a model that was fitted on a frame, are "
                    "not supported; give a frame, or a dense array (X.toarray())"
                )
        x = self.readers(x)
        if self.n_features is not None and x.shape[1] != self.n_features:
            raise ValueError(
                f"X has {x.shape[1]} features, but {self.estimator} is expecting "
                f"{self.n_features} features as input."
            )
        return tuple(self._at(x, *given) for given in self.inputs)

    def _by_name(self, x: Any) -> tuple[Any, ...]:
        if not isinstance(x, dict) and not is_frame(x):
            raise ValueError(
                "Specifying the columns using strings is only supported for dataframes."
            )
        is_pandas = type(x).__module__.partition(".")[0] == "pandas"
        known, places = self._known  # once: threads share it
        if is_pandas and x.columns is known:  # which pandas does not change
            return self._of_pandas(self.readers(x), places)
        if library_of(x) in ("pandas", "pyarrow") and not _has_plain_names(x):
            feature_names(x)
        if not isinstance(x, dict):
            x = self.readers(x)
        present = x.keys() if isinstance(x, dict) else names_of(x)
        missing = self.needed.difference(present)
        if missing:
            there = ", ".join(repr(name) for name in list(present)[:10])
            raise ValueError(f"columns are missing: {missing} (X has {there or 'no columns'})")
        if is_pandas and x.columns.is_unique:
            named = [name for name, *_ in self.inputs if name]
            self._known = x.columns, dict(zip(named, x.columns.get_indexer(named), strict=True))
        return tuple(x if _is_whole(given) else x[given[0]] for given in self.inputs)

    def _of_pandas(self, x: Any, places: dict[str, int]) -> tuple[Any, ...]:
        """Of a frame of the same columns as the last."""
        held = columns_held_by(x)
        found = []
        for given in self.inputs:
            column = None if _is_whole(given) else held[places[given[0]]]
            found.append(x if column is None else column if is_plain(column) else x[given[0]])
        return tuple(found)

    def _at(self, x: Any, name: str, kind: str, position: int, n_features: int) -> Any:
        if _is_whole((name, kind, position, n_features)):
            return x
        library = library_of(x)
        if library == "pandas":
            return x.iloc[:, position]
        if library == "polars":
            return x.to_series(position)
        if library == "pyarrow":
            return x.column(position)
        return x[:, position] if isinstance(x, np.ndarray) else x[:, [position]]


def _has_plain_names(x: Any) -> bool:
    """Whether the names of a frame need no closer look; cheap, as each call asks."""
    names = names_of(x)
    if isinstance(names, list):
        return len(set(names)) == len(names)
    return bool(names.is_unique) and names.dtype != object


def _is_whole(given: Input) -> bool:
    name, kind, position, _ = given
    return kind == "matrix" or (position < 0 and not name)


def _as_table(x: Any) -> Any:
    """Nested lists as an array: of numbers where all are, else of objects, so that
    numbers and text stay apart."""
    try:
        array = np.asarray(x)
    except (ValueError, OverflowError):
        array = np.asarray(x, dtype=object)
    return array if array.dtype.kind in "biufc" else np.asarray(x, dtype=object)


def as_rows(x: Any, name: str = "X") -> Any:
    """X as rows that can be counted, taken and read again: an iterator becomes a
    list, what only exports Arrow data a table, and a sparse matrix one with rows."""
    x = readable(x)
    if isinstance(x, (str, bytes)):
        raise ValueError(f"{name} must hold rows; a single string was given")
    if is_sparse(x):
        check_sparse(x)
        return x.tocsr()
    if isinstance(x, dict):  # a dok_matrix of SciPy is one too
        columns = {key: as_rows(column, name) for key, column in x.items()}
        sizes = {key: n_rows_of(column) for key, column in columns.items()}
        if len(set(sizes.values())) > 1:
            raise ValueError(f"the columns of {name} have different lengths: {sizes}")
        return columns
    if hasattr(x, "shape"):
        if len(x.shape) == 0:
            raise ValueError(f"{name} must hold rows, not one {type(x).__name__}")
        return x
    if library_of(x) == "pyarrow" or isinstance(x, (list, tuple)):
        return x
    return list(x) if hasattr(x, "__iter__") else as_rows(np.asarray(x), name)


def as_doubles(x: Any) -> Any:
    """Dense float32 numbers in float64; None for anything else."""
    dtypes = list(x.dtypes) if library_of(x) == "pandas" and np.ndim(x) == 2 else []
    is_single = isinstance(x, np.ndarray) and x.dtype == np.float32
    if not is_single and not (dtypes and all(dtype == np.float32 for dtype in dtypes)):
        return None
    return x.astype(np.float64)


def n_rows_of(x: Any) -> int:
    """How many rows `as_rows` gave."""
    if isinstance(x, dict):
        return next((n_rows_of(column) for column in x.values()), 0)
    return int(x.shape[0]) if hasattr(x, "shape") else len(x)


def as_items(values: Any) -> list[Any]:
    """A column as a list of its items in order, whatever its index says."""
    for method in ("tolist", "to_list", "to_pylist"):
        if hasattr(values, method):
            return list(getattr(values, method)())
    return list(values)


def hashable(value: Any) -> Any:
    """The value, or a stand-in for one that has no hash; NaN is equal to NaN."""
    if isinstance(value, (list, tuple, np.ndarray)):
        return tuple(map(hashable, value))
    if isinstance(value, dict):
        return frozenset((hashable(key), hashable(item)) for key, item in value.items())
    return ("nan",) if isinstance(value, float) and value != value else value


def take_rows(x: Any, rows: Any) -> Any:
    """Some rows of whatever the caller passed, for a Python step."""
    if library_of(x) == "pandas":
        return x.iloc[rows]
    if isinstance(x, dict):
        return {name: take_rows(column, rows) for name, column in x.items()}
    if hasattr(x, "take") and library_of(x) == "pyarrow":
        return x.take(rows)
    if is_sparse(x):
        return x.tocsr()[rows]
    if hasattr(x, "shape") or library_of(x) == "polars":
        return x[rows]
    if not hasattr(x, "__iter__") and hasattr(x, "__array__"):
        return np.asarray(x)[rows]
    items = x if isinstance(x, (list, tuple)) else list(x)
    return [items[row] for row in rows]


def stacked(parts: Sequence[Any]) -> Any:
    """The rows of several `as_rows`, one behind the other.

    Raises
    ------
    TypeError
        Where they are not of one kind.
    """
    first = parts[0]
    if len(parts) == 1:
        return first
    kinds = sorted({type(part).__name__ for part in parts})
    if len(kinds) > 1:
        raise TypeError(f"batches of {' and '.join(kinds)} make no one X: give all of one kind")
    library = library_of(first)
    if isinstance(first, dict):
        if any(part.keys() != first.keys() for part in parts):
            raise TypeError("the batches have different columns")
        return {name: stacked([part[name] for part in parts]) for name in first}
    if library == "pandas":
        import pandas as pd

        counts = all(part.index.equals(pd.RangeIndex(len(part))) for part in parts)
        return pd.concat(parts, ignore_index=counts)
    if library == "polars":
        import polars as pl

        return pl.concat(parts)
    if library == "pyarrow":
        import pyarrow as pa

        if is_frame(first):
            tables = [p if isinstance(p, pa.Table) else pa.Table.from_batches([p]) for p in parts]
            return pa.concat_tables(tables)
        chunks = [getattr(part, "chunks", [part]) for part in parts]
        return pa.chunked_array([chunk for own in chunks for chunk in own])
    if is_sparse(first):
        import scipy.sparse as sp

        return sp.vstack(parts, format="csr")
    if hasattr(first, "shape"):
        return np.concatenate(parts)
    return [row for part in parts for row in part]
