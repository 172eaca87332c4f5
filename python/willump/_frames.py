"""From the caller's X to the inputs of a model: columns of frames by name or
position, and scikit-learn's checks of feature names.
"""

from __future__ import annotations

import sys
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ._arrow import readable
from ._columns import is_frame, library_of, names_of
from ._sparse import check_sparse, is_sparse

#: One input of a model: (name, kind, position, n_features).
Input = tuple[str, str, int, int]


def feature_names(x: Any) -> list[str] | None:
    """The column names of a frame, None when it has none that are strings.

    Raises
    ------
    TypeError
        Where only some names are strings.
    ValueError
        Where a name comes twice.
    """
    if not is_frame(x):
        return None
    names = list(names_of(x))
    check_unique(names)
    types = sorted({type(name).__name__ for name in names})
    if len(types) > 1 and any(isinstance(name, str) for name in names):
        raise TypeError(
            "Feature names are only supported if all input features have string names, "
            f"but your input has {types} as feature name / column name types. If you want "
            "feature names to be stored and validated, you must convert them all to strings, "
            "by using X.columns = X.columns.astype(str) for example. Otherwise you can remove "
            "feature / column names from your input data, or convert them all to a non-string "
            "data type."
        )
    return names if names and isinstance(names[0], str) else None


def check_unique(names: Sequence[Any]) -> None:
    """Raises the original's ValueError where columns share a name."""
    if len(set(names)) == len(names):
        return
    listed = "".join(
        f"\n- {name!r} {count} times" for name, count in Counter(names).items() if count > 1
    )
    # scikit-learn 1.9 reads frames through narwhals, which has a class of its own
    error = getattr(sys.modules.get("narwhals.exceptions"), "DuplicateError", ValueError)
    raise error(f"Expected unique column names, got:{listed}")


def check_feature_names(x: Any, fitted: Sequence[str] | None, estimator: str) -> None:
    """scikit-learn's comparison of an X with the names seen by fit.

    Raises
    ------
    ValueError
        Where names are unseen, missing or in another order.
    """
    names = feature_names(x)
    if names is None and fitted is None:
        return
    if fitted is None:
        _warn(f"X has feature names, but {estimator} was fitted without feature names")
        return
    if names is None:
        _warn(f"X does not have valid feature names, but {estimator} was fitted with feature names")
        return
    if list(fitted) == names:
        return
    message = "The feature names should match those that were passed during fit.\n"
    unseen = sorted(set(names) - set(fitted))
    missing = sorted(set(fitted) - set(names))
    message += _listed("Feature names unseen at fit time:\n", unseen)
    message += _listed("Feature names seen at fit time, yet now missing:\n", missing)
    if not unseen and not missing:
        i = next(i for i, name in enumerate(names) if name != fitted[i])
        message += (
            "Feature names must be in the same order as they were in fit.\n"
            f"Column {i} is {names[i]!r} instead of {fitted[i]!r}: reorder X by the names in "
            "feature_names_in_.\n"
        )
    raise ValueError(message)


def _listed(title: str, names: list[str]) -> str:
    if not names:
        return ""
    shown = [f"- {name}\n" for name in names[:5]]
    return title + "".join(shown) + ("- ...\n" if len(names) > 5 else "")


def _warn(message: str) -> None:
    warnings.warn(message, UserWarning, stacklevel=4)


class WholeMatrix:
    """X is the one input; its feature names are checked first."""

    def __init__(self, fitted: Sequence[str] | None, estimator: str) -> None:
        self.fitted = fitted
        self.estimator = estimator

    def __call__(self, x: Any) -> tuple[Any]:
        check_feature_names(x, self.fitted, self.estimator)
        return (x,)


class NamedMatrix:
    """X is the one input: a frame's columns are found by name where the model has
    names, an array's by position, without a warning."""

    def __init__(self, fitted: Sequence[str]) -> None:
        self.fitted = list(fitted)

    def __call__(self, x: Any) -> tuple[Any]:
        names = feature_names(x)
        if names is None or not self.fitted or names == self.fitted:
            return (x,)
        check_unique(names)
        missing = [name for name in self.fitted if name not in set(names)]
        if missing:
            raise ValueError(
                "The feature names should match those that were passed during fit.\n"
                + _listed("Feature names seen at fit time, yet now missing:\n", missing)
            )
        return (x[self.fitted],)


class ExactNames:
    """A frame's names are those of fit in their order, as XGBoost wants them; what
    has no names goes by position."""

    def __init__(self, fitted: Sequence[str], then: Callable[[Any], tuple[Any, ...]]) -> None:
        self.fitted = [str(name) for name in fitted]
        self.then = then

    def __call__(self, x: Any) -> tuple[Any, ...]:
        if is_frame(x):
            names = [
                " ".join(map(str, name)) if isinstance(name, tuple) else str(name)
                for name in names_of(x)
            ]
            if names != self.fitted:
                raise ValueError(mismatch_of_names(self.fitted, names))
        return self.then(x)


def mismatch_of_names(fitted: Sequence[str], names: Sequence[str]) -> str:
    """XGBoost's message to other names than those of fit."""
    message = f"feature_names mismatch: {list(fitted)} {list(names)}"
    missing = [name for name in fitted if name not in set(names)]
    unseen = [name for name in names if name not in set(fitted)]
    if missing:
        message += f"\nexpected {', '.join(missing)} in input data"
    if unseen:
        message += f"\ntraining data did not have the following fields: {', '.join(unseen)}"
    return message + "\nGive the columns that it was trained on, in their order."


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
    fitted : list of str or None
        The column names seen by fit: then X must be a frame, and its columns
        are found by name. Otherwise they are found by position.
    n_features : int or None
        How many columns X must have when they are found by position.
    needed : collection of str
        Columns that Python steps read, so that they are missed here first.
    in_order : bool
        The names of a frame's columns are those of fit in the same order; else
        the original's error.
    takes_arrays : bool
        An array's columns go by their position, though a frame's go by their names.
    """

    def __init__(
        self,
        inputs: Sequence[Input],
        fitted: Sequence[str] | None,
        n_features: int | None,
        estimator: str,
        needed: Sequence[str] = (),
        *,
        in_order: bool = False,
        takes_arrays: bool = False,
    ) -> None:
        self.inputs = list(inputs)
        self.fitted = fitted
        self.n_features = n_features
        self.estimator = estimator
        self.in_order = in_order
        self.takes_arrays = takes_arrays
        self.needed = {*needed, *(name for name, _, _, _ in inputs if name)}

    def __call__(self, x: Any) -> tuple[Any, ...]:
        is_table = isinstance(x, dict) or is_frame(x)
        if self.fitted is not None and not self.in_order and (is_table or not self.takes_arrays):
            return self._by_name(x)
        if isinstance(x, dict):
            raise ValueError("the columns are known by position only; give an array or a frame")
        x = x if hasattr(x, "shape") else _as_table(x)
        if len(x.shape) != 2:
            raise ValueError(f"Expected 2D array, got {len(x.shape)}D array instead")
        if is_sparse(x):
            check_sparse(x)
        check_feature_names(x, self.fitted, self.estimator)
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
        if library_of(x) in ("pandas", "pyarrow") and not _has_plain_names(x):
            feature_names(x)
        present = x.keys() if isinstance(x, dict) else names_of(x)
        missing = self.needed.difference(present)
        if missing:
            there = ", ".join(repr(name) for name in list(present)[:10])
            raise ValueError(f"columns are missing: {missing} (X has {there or 'no columns'})")
        return tuple(x if _is_whole(given) else x[given[0]] for given in self.inputs)

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
    dtypes = list(x.dtypes) if library_of(x) == "pandas" and hasattr(x, "dtypes") else []
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
    items = x if isinstance(x, (list, tuple)) else list(x)
    return [items[row] for row in rows]
