"""Which columns a function asks for without naming them: the graph reads columns by name, so
a call with others than the sample's is to be refused where they would count."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline

from .values import (
    FILLED,
    LOOSE,
    MIXED,
    N_ROWS,
    SHORT,
    WHOLE,
    CaptureError,
    Column,
    Frame,
    Labels,
    Later,
    Matrix,
    Part,
    Traced,
    concrete,
    walk,
)

#: What a frame tells of its columns.
TELLING = frozenset(["columns", "dtypes", "axes"])
#: Dtypes that the rows decide.
_BY_ROWS = frozenset([WHOLE, FILLED, SHORT, MIXED, LOOSE, "category"])
#: Methods that give columns names of their own, where a call's frame may have them already.
_NAMING = frozenset(
    ["add_prefix", "add_suffix", "concat", "get_dummies", "join", "merge", "rename",
     "reset_index"]
)  # fmt: skip
#: Methods of a frame that go by what columns there are.
_BY_COLUMNS = frozenset(["items", "keys", "select_dtypes", "filter", "set_axis"])


class Asked:
    """What was asked so far."""

    def __init__(self) -> None:
        self.is_all = False  #: whether columns that are not named, or their order, count
        self.has_rows = False  #: whether there are rows at all
        self.has_unique_labels = False  #: whether rows are found by their labels
        self.absent: list[Any] = []  #: names that were looked for in vain,
        self.present: list[Any] = []  #: and those that were there

    def whole(self, *values: Any) -> None:
        """All columns of these were looked at."""
        self.is_all |= any(traced.is_open for traced in walk(list(values)))

    def contains(self, columns: Any, name: Any) -> bool:
        """Whether a column is there."""
        is_there = name in columns
        (self.present if is_there else self.absent).append(name)
        return bool(is_there)

    def compared(self, compare: Callable[[Any, Any], Any], left: Any, right: Any) -> bool | None:
        """A comparison of the number of rows with a constant, where it is the same for any
        number but 0."""
        is_left = isinstance(left, Traced)
        counted, constant = (left, right) if is_left else (right, left)
        if not isinstance(counted, Traced) or counted.native != N_ROWS:
            return None
        if type(constant) is not int:
            return None
        found = {
            bool(compare(n, constant) if is_left else compare(constant, n)) for n in (1, 2, 1 << 62)
        }
        if len(found) > 1:
            return None
        self.has_rows = True
        return found.pop()

    def method(self, owner: Traced, name: str, kwargs: dict[str, Any]) -> None:
        """A method of a frame that is about to be called."""
        if not isinstance(owner.value, pd.DataFrame) or not owner.is_open:
            return
        if name in _BY_COLUMNS or (name == "merge" and not any("on" in key for key in kwargs)):
            self.whole(owner)
        if name == "rename" and callable(kwargs.get("columns")):
            self.whole(owner)
        names = kwargs.get("columns", ()) if name in ("reindex", "rename") else ()
        if isinstance(names, (list, tuple, dict, pd.Index)):
            self.absent += [one for one in names if one not in owner.value.columns]

    def call(
        self, name: str, function: Callable[..., Any], args: tuple[Any, ...], found: Traced
    ) -> None:
        """What a call made of a frame: another one that is as open, or something of all its
        columns."""
        if not any(traced.is_open for traced in walk(list(args))):
            return
        is_naming = name.rpartition(".")[2] in _NAMING
        if name == "get_dummies":  # of a Series: no column of a call's is in the way
            is_naming = any(isinstance(a, Traced) and a.is_open for a in args)
        if isinstance(found.value, pd.DataFrame) and is_naming:
            known = [a.value.columns for a in args if isinstance(a, Traced) and a.is_open]
            self.absent += [
                new for new in found.value.columns if not any(new in names for names in known)
            ]
        by_name = function is operator.getitem and _names_columns(args)
        if isinstance(found.value, pd.DataFrame):
            found.is_open = not by_name and name != "frame.reindex"
            by_name = by_name or not name.startswith("frame.iloc")
        # Python steps see the columns that a call has.
        is_native = not isinstance(found.native, str)
        read = columns_by_name(getattr(function, "__self__", None))
        if read is not None:
            self.present += read
            return
        if is_native and not by_name and not (found.is_open or name == "frame.apply"):
            self.is_all = True


def columns_by_name(estimator: Any) -> list[str] | None:
    """The columns of a frame that an estimator reads by their names, wherever they are and
    whatever else there is; None where it reads all."""
    while isinstance(estimator, Pipeline):
        steps = [step for _, step in estimator.steps if step not in (None, "passthrough")]
        estimator = steps[0] if steps else None
    names = getattr(estimator, "feature_names_in_", None)
    if not isinstance(estimator, ColumnTransformer) or names is None:
        return None
    indices = estimator._transformer_to_input_indices
    read = [indices[name] for name, step, _ in estimator.transformers_ if step != "drop"]
    return sorted({str(names[i]) for part in read for i in part})


class ColumnSet:
    """The names of a frame's columns as a set, of which single ones are asked for: what else
    there is does not count."""

    def __init__(self, asked: Asked, frame: Traced) -> None:
        self._asked = asked
        self._frame = frame

    def __contains__(self, name: Any) -> bool:
        return self._asked.contains(self._frame.value.columns, name)

    def __ge__(self, names: Any) -> bool:
        """Whether all of a constant set are there."""
        return all(name in self for name in names)

    issuperset = __ge__

    def __rsub__(self, names: Any) -> Any:
        """Those of a constant set that are not there."""
        return type(names)(name for name in names if name not in self)

    def __rand__(self, names: Any) -> Any:
        """Those of a constant set that are there."""
        return type(names)(name for name in names if name in self)

    def __and__(self, names: Any) -> set[Any]:
        return set(self.__rand__(names))

    def intersection(self, *names: Any) -> set[Any]:
        return {name for name in set.intersection(*map(set, names)) if name in self}

    def isdisjoint(self, names: Any) -> bool:
        return not any(name in self for name in names)

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        return set  # to `isinstance`

    def _all(self) -> set[Any]:
        self._asked.whole(self._frame)
        return set(self._frame.value.columns)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    def __sub__(self, names: Any) -> set[Any]:
        return self._all() - set(names)

    def __xor__(self, names: Any) -> set[Any]:
        return self._all() ^ set(names)

    __rxor__ = symmetric_difference = __xor__

    def __eq__(self, other: object) -> bool:
        return self._all() == other

    def __le__(self, names: Any) -> bool:
        return self._all() <= set(names)

    issubset = __le__

    def __lt__(self, names: Any) -> bool:
        return self._all() < set(names)

    def __gt__(self, names: Any) -> bool:
        return self >= names and len(self) > len(names)

    __hash__ = None  # type: ignore[assignment]

    def difference(self, *names: Any) -> set[Any]:
        return self._all().difference(*names)

    def union(self, *names: Any) -> set[Any]:
        return self._all().union(*names)

    def copy(self) -> set[Any]:
        return self._all()

    def __or__(self, names: Any) -> set[Any]:
        return self._all() | set(names)

    __ror__ = __or__


#: Methods of sets that ask for single names of another set.
_ASKING = {"issubset": ColumnSet.__ge__, "difference": ColumnSet.__rsub__,
           "intersection": ColumnSet.__rand__, "isdisjoint": ColumnSet.isdisjoint}  # fmt: skip


def set_method(callee: Any, args: tuple[Any, ...]) -> Any:
    """A method of a constant set with a ColumnSet; NotImplemented of other calls."""
    owner = getattr(callee, "__self__", None)
    if len(args) != 1 or not isinstance(args[0], ColumnSet):
        return NotImplemented
    if callee in (set, frozenset):
        return args[0]
    if not isinstance(owner, (set, frozenset)) or callee.__name__ not in _ASKING:
        return NotImplemented
    return _ASKING[callee.__name__](args[0], owner)


def _names_columns(args: tuple[Any, ...]) -> bool:
    """Whether `owner[key]` names the columns that it picks."""
    owner, key = args
    if isinstance(owner.native, Part) and owner.native.name == "iloc":
        return False
    key = key[1] if isinstance(key, tuple) and len(key) == 2 else key
    if isinstance(key, (Traced, slice)):
        return False
    key = concrete(key)
    listed = list(key) if isinstance(key, (list, pd.Index, np.ndarray)) else [key]
    return all(isinstance(name, str) for name in listed)


def check_fixed(owner: Traced, what: str, line: int) -> None:
    """Raises where columns or dtypes may hang on the rows: of what Python computes, and of
    numbers of which some may be missing."""
    native = owner.native.of.native if isinstance(owner.native, Part) else owner.native
    columns: list[Any] = []
    if what in ("dtype", "dtypes"):
        columns = list(native.columns.values()) if isinstance(native, Frame) else [native]
    is_fixed = isinstance(native, (Frame, Column, Matrix, Labels)) and all(
        not isinstance(column, Column) or column.dtype not in _BY_ROWS for column in columns
    )
    if not is_fixed or any(isinstance(column, (Later, str)) for column in columns):
        raise CaptureError(f"line {line}: .{what} may hang on the rows")


def check_kind(value: Traced, what: str, line: int) -> None:
    """Raises where a value's type may hang on the rows."""
    is_data = isinstance(value.value, (np.ndarray, pd.DataFrame, pd.Series))
    if not is_data and not sp.issparse(value.value):
        raise CaptureError(f"line {line}: {what} of a value that hangs on the rows")
