"""What the interpreter works with.

A constant is any Python object. What hangs on the function's argument is
`Traced`: its value on the sample, how plain Python computes it (`Replay`), and
its native form, where it has one: nodes of the graph.
"""

from __future__ import annotations

import copy
import operator
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from .._errors import UnsupportedError
from .._graph import Array
from ..convert.values import Ref


class NotNative(Exception):
    """There is no native form for this, and why: it is left to Python."""


class Misaligned(NotNative):
    """Columns of different indexes meet, by which pandas aligns them."""


class CaptureError(UnsupportedError):
    """The function cannot be followed beyond a line; the message names it."""


#: Whole numbers that pandas holds as floats exactly where one of them is missing.
WHOLE = "int64|float64"
#: Those of which missing ones were replaced, so that none tells which it was.
FILLED = "int64|float64?"
#: Parts of dates: int32, and float64 where a date is missing.
SHORT = "int32|float64"
#: Booleans of a table: objects where a row of it is missing, and NaN there.
LOOSE = "bool|object"
#: Why how many rows a call has is no value: whether there are any is known.
N_ROWS = "the number of rows"
#: Why the rows that a mask picks are no value of a call's rows.
PICKED = "rows are picked by a mask: each row has an answer of its own"
#: Cells of a frame that is copied as soon as it is looked at.
_SMALL = 1 << 18
#: Strings that numbers took the place of: objects.
REPLACED = "strings, some of them numbers"
#: Numbers that rows of a function gave: int64 where all of them are ints.
MIXED = "int64|float64 by row"
#: NumPy's whole numbers that are narrower than int64.
NARROW = ("int8", "int16", "int32", "uint8", "uint16", "uint32")


@dataclass(frozen=True)
class Column:
    """A column of rows: a Series or a one-dimensional array.

    `dtype`: "float64", "float32", "int64", "bool", WHOLE, FILLED, SHORT, "str", "object" of
    Python's strings, "datetime", "zoned", "timedelta", "category", "nullable" and "nullable
    text" (capture/nullable.py). Numbers are a node's one column; booleans are 0 and 1,
    moments are microseconds.

    `rows` says which index the Series has: "input" (the caller's), "range" (0, 1,
    ...), or "" of an array, which has none.
    """

    node: int
    dtype: str
    rows: str = ""
    #: Of a categorical column ("category"), whose node is its codes, -1 where it has none.
    categories: tuple[Any, ...] = ()
    #: The node of the values of a categorical column of the caller's, others than the categories
    #: too; -1: there is none.
    source: int = -1
    #: Of whole numbers, the narrower dtype that the Series has (capture/narrow.py); of what
    #: is nullable, its dtype; of booleans that are whole numbers in some rows, "int64".
    stored: str = ""
    #: Of a moment with a time zone ("zoned"), whose node is its microseconds in UTC.
    zone: Any = None

    @property
    def is_text(self) -> bool:
        return self.dtype in ("str", "object")

    @property
    def is_number(self) -> bool:
        return self.is_float or self.is_whole

    @property
    def is_float(self) -> bool:
        return self.dtype in ("float64", "float32")

    @property
    def is_whole(self) -> bool:
        return self.dtype == "int64" or self.is_either

    @property
    def is_nullable(self) -> bool:
        return self.dtype in ("nullable", "nullable text")

    @property
    def is_either(self) -> bool:
        return self.dtype in (WHOLE, FILLED, SHORT)

    @property
    def is_moment(self) -> bool:
        """Microseconds: of a moment since 1970, or between two."""
        return self.dtype in ("datetime", "timedelta", "zoned")

    @property
    def is_bool(self) -> bool:
        return self.dtype == "bool"

    @property
    def ref(self) -> Ref:
        return Ref(self.node, 1, False, "f32" if self.dtype == "float32" else "f64")

    def as_array(self) -> Column:
        return replace(self, rows="")


def values_of(column: Column) -> Column:
    """A categorical column's values, where they are a column of the caller's; else itself."""
    if column.source < 0:
        return column
    return Column(column.source, column.stored, column.rows)


class Later:
    """A column whose nodes are made when it is used."""

    def __init__(self, make: Callable[[], Column], where: str = "") -> None:
        self.make = make
        self.where = where
        self.made: Column | str | None = None

    def get(self) -> Column:
        if self.made is None:
            try:
                self.made = self.make()
            except NotNative as reason:
                said = str(reason)
                self.made = said if said.startswith("line ") else f"{self.where}{said}"
        if isinstance(self.made, str):
            raise NotNative(self.made)
        return self.made


#: A frame's column: made, to be made, or the reason why it has no native form.
Held: TypeAlias = Column | Later | str


def column_of(held: Held) -> Column:
    """The column; `NotNative` with the reason where there is none."""
    if isinstance(held, Column):
        return held
    if isinstance(held, str):
        raise NotNative(held)
    return held.get()


def with_rows(held: Held, rows: str) -> Held:
    """The same column of other rows."""
    if isinstance(held, Column):
        return replace(held, rows=rows)
    if isinstance(held, str):
        return held
    return Later(lambda: replace(held.get(), rows=rows))


@dataclass(frozen=True)
class Frame:
    """Named columns of the same rows."""

    columns: dict[str, Held]
    rows: str

    def column(self, name: Any) -> Column:
        found = self.columns.get(name)
        if found is None:
            raise NotNative(f"there is no column {name!r}")
        return column_of(found)

    def made(self) -> dict[Any, Column]:
        """All columns, whose nodes are there or made now."""
        return {name: self.column(name) for name in self.columns}

    def pick(self, names: list[Any]) -> Frame:
        if len(set(names)) != len(names):
            raise NotNative("a column is picked twice")
        for name in names:
            if name not in self.columns:
                raise NotNative(f"there is no column {name!r}")
        return Frame({name: self.columns[name] for name in names}, self.rows)


@dataclass(frozen=True)
class Matrix:
    """A two-dimensional array or a sparse matrix; `dtype` is NumPy's."""

    ref: Ref
    dtype: str = "float64"
    form: str = ""  #: of a sparse one: "csr", "csc", "coo"


@dataclass(frozen=True)
class Labels:
    """Positions among a classifier's classes."""

    ref: Ref
    classes: Array


@dataclass(frozen=True)
class Part:
    """What hangs on an object and has methods of its own: `series.str`, `frame.loc`."""

    of: Any
    name: str


@dataclass(frozen=True)
class Pieces:
    """Strings that were split; each piece is a column of its own once it is picked."""

    column: Column
    separator: str  #: "": runs of the blanks that the dtype's `strip` takes away
    limit: int
    function: str = "split"


@dataclass(frozen=True)
class Level:
    """A column whose values become indicators, named by the value behind a prefix."""

    column: Column
    prefix: str | None
    dtype: str


@dataclass(frozen=True)
class Dummies:
    """Indicators of which the rows decide how many there are, behind fixed columns."""

    columns: dict[Any, Held]
    levels: tuple[Level, ...]
    rows: str


@dataclass(frozen=True)
class Matches:
    """What a pattern found in each string: counted, no more."""

    column: Column
    pattern: str


@dataclass(frozen=True)
class Picked:
    """The rows of a column that a mask has (capture/masks.py)."""

    column: Column
    mask: int  #: the mask's node


Native: TypeAlias = Column | Frame | Matrix | Labels | Part | Pieces | Matches | Dummies | Picked


@dataclass(eq=False)
class Replay:
    """A call that plain Python made: enough to make it again on other rows.

    Arguments that are Replays themselves are computed first; `function` None is
    the caller's frame.
    """

    function: Callable[..., Any] | None
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)
    line: int = 0

    def run(self, frame: Any, known: dict[int, tuple[Replay, Any]] | None = None) -> Any:
        """What the call gives on a frame; `known` has, and gets, what calls gave on it."""
        known = {} if known is None else known
        if self.function is None:
            return frame
        if id(self) not in known:
            args = resolve(self.args, lambda r: r.run(frame, known))
            kwargs = resolve(self.kwargs, lambda r: r.run(frame, known))
            known[id(self)] = (self, self.function(*args, **kwargs))
        return known[id(self)][1]


def resolve(value: Any, run: Callable[[Replay], Any]) -> Any:
    """The value, Replays within plain containers replaced by what they give."""
    if isinstance(value, Replay):
        return run(value)
    if type(value) in (list, tuple, set):
        return type(value)(resolve(item, run) for item in value)
    if type(value) is dict:
        return {key: resolve(item, run) for key, item in value.items()}
    if type(value) is slice:
        return slice(*(resolve(v, run) for v in (value.start, value.stop, value.step)))
    return value


def _no_value(self: Any, *others: Any, **options: Any) -> Any:
    raise CaptureError("what hangs on the input is read by code that is not followed")


class _NoValue:
    """Python's own code is not to read what is no value yet: a dict that looks it up, `max`
    that compares it, a format that prints it."""

    __bool__ = __len__ = __iter__ = __next__ = __contains__ = __getitem__ = _no_value
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __hash__ = _no_value
    __index__ = __int__ = __float__ = __complex__ = __str__ = __format__ = _no_value
    __add__ = __sub__ = __mul__ = __truediv__ = __floordiv__ = __mod__ = __pow__ = _no_value
    __and__ = __or__ = __xor__ = __matmul__ = __radd__ = __rsub__ = __rmul__ = _no_value
    __rtruediv__ = __rfloordiv__ = __rmod__ = __rpow__ = __rand__ = __ror__ = __rxor__ = _no_value
    __neg__ = __pos__ = __abs__ = __invert__ = __round__ = __array__ = _no_value
    __array_ufunc__ = _no_value


@dataclass(eq=False)
class Traced(_NoValue):
    """A value that hangs on the function's argument.

    `native` is its native form, or the reason why it has none. The three change
    together where a statement changes the object in place, for all its names.
    """

    value: Any
    native: Native | str
    replay: Replay
    line: int = 0
    #: The node of the Python step that computes it, once there is one.
    external: Column | Matrix | None = None
    #: The variable that it was first assigned to.
    name: str = ""
    #: A frame that has whatever other columns a call has.
    is_open: bool = False
    #: Of rows that data picks.
    is_part: bool = False
    #: Why it is not to be read any more: it shows what was written to another object.
    spoilt: str = ""
    #: Of how many rows there are: what has them.
    counted: Traced | None = None


def walk(value: Any) -> Iterator[Traced]:
    """The traced values within plain containers."""
    if isinstance(value, Traced):
        yield value
    elif type(value) in (list, tuple, set):
        for item in value:
            yield from walk(item)
    elif type(value) is dict:
        for item in value.values():
            yield from walk(item)
    elif type(value) is slice:
        for item in (value.start, value.stop, value.step):
            yield from walk(item)


def is_traced(*values: Any) -> bool:
    return any(next(walk(value), None) is not None for value in values)


def concrete(value: Any) -> Any:
    """The value on the sample, for traced values within plain containers."""
    return _mapped(value, lambda traced: traced.value)


def replayed(value: Any) -> Any:
    """The Replays, for traced values within plain containers."""
    return _mapped(value, lambda traced: traced.replay)


def _mapped(value: Any, of: Callable[[Traced], Any]) -> Any:
    if isinstance(value, Traced):
        return of(value)
    if type(value) in (list, tuple, set):
        return type(value)(_mapped(item, of) for item in value)
    if type(value) is dict:
        return {key: _mapped(item, of) for key, item in value.items()}
    if type(value) is slice:
        return slice(*(_mapped(v, of) for v in (value.start, value.stop, value.step)))
    return value


# ---- what is done to objects, as functions -------------------------------------------


class CallMethod:
    """Calls a method by its name."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.__name__ = name

    def __call__(self, owner: Any, *args: Any, **kwargs: Any) -> Any:
        return getattr(owner, self.name)(*args, **kwargs)


class AugmentItem:
    """`op=` on a copy."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, left: Any, right: Any) -> Any:
        return getattr(operator, f"i{self.name.rstrip('_')}")(copy.copy(left), right)


class SetItem:
    """`owner[key] = value`, or `owner.part[key] = value`, on a copy."""

    def __init__(self, part: str) -> None:
        self.part = part

    def __call__(self, owner: Any, key: Any, value: Any) -> Any:
        owner = owner.copy(deep=False) if _is_lazy(owner) else owner.copy()
        target = getattr(owner, self.part) if self.part else owner
        target[key] = value
        return owner


def _is_lazy(owner: Any) -> bool:
    """Whether what is set in a shallow copy stays there: of pandas' objects, from 3 on. Small
    ones are copied, which puts their columns beside each other: pandas is slow on many."""
    import pandas as pd

    is_pandas = isinstance(owner, (pd.DataFrame, pd.Series))
    return is_pandas and owner.size > _SMALL and int(pd.__version__.split(".")[0]) >= 3


def is_all_rows(key: Any) -> bool:
    """Whether a key is `:`."""
    return isinstance(key, slice) and key.start is None and key.stop is None and key.step is None


def n_rows_of(value: Any) -> int:
    return int(value.shape[0])
