"""What calls do to their arguments.

A call that is not followed may write to what it is given, and plain Python sees that under
every name of the object. So the call gets arrays that refuse to be written, and copies of
frames of which it shows when they were: one that writes becomes a Python step that gives its
arguments as they are behind it (`CallCopied`).
"""

from __future__ import annotations

import types
import warnings
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp

from .keeping import (
    ANY,
    FILES,
    Files,
    Package,
    Uses,
    attributes_of,
    held_by,
    is_keeper,
    is_object,
    is_overlap,
    owner_of,
    package,
)
from .lasting import WRITING, is_same_state, state_of
from .managers import makes_silent
from .source import is_of_library
from .uses import leads_to, read_with, uses_of_call
from .values import (
    AugmentItem,
    CallMethod,
    CaptureError,
    Replay,
    SetItem,
    Traced,
    concrete,
)
from .views import is_lent, may_show


def _strictness() -> tuple[Any, ...]:
    """What makes errors of warnings, Python's and NumPy's."""
    strict = [each for each in warnings.filters if each[0] == "error"]
    return (*strict, *(f"{k}={v}" for k, v in np.geterr().items() if v in ("raise", "call", "log")))


#: Of an attribute that was not there.
_NOT_SET = object()


def described(owner: Any) -> str:
    """What keeps something, for an error."""
    if owner is FILES:
        return "a file"
    if isinstance(owner, Package):
        return f"the package {owner.name}"
    if isinstance(owner, types.CellType):
        return "a name of a function around"
    if isinstance(owner, dict) and "__builtins__" in owner:
        return "a global"
    return f"{owner.__name__}" if isinstance(owner, type) else f"a {type(owner).__name__}"


class CallCopied:
    """Calls a function with copies of what it may write to: gives its answer, and the copies
    of its arguments in order, those with names after the others."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.__name__ = getattr(function, "__name__", type(function).__name__)

    def __call__(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
        args, kwargs = copied(args), copied(kwargs)
        return (self.function(*args, **kwargs), *args, *kwargs.values())


def _within(value: Any, change: Callable[[Any], Any]) -> Any:
    """What a change makes of objects within plain containers."""
    if type(value) in (list, tuple):
        return type(value)(_within(item, change) for item in value)
    if type(value) is dict:
        return {key: _within(item, change) for key, item in value.items()}
    return change(value)


def copied(value: Any) -> Any:
    def copy(value: Any) -> Any:
        is_data = isinstance(value, (np.ndarray, pd.DataFrame, pd.Series)) or sp.issparse(value)
        return value.copy() if is_data else value

    return _within(value, copy)


def guarded(value: Any) -> Any:
    """A value on the sample for a call that may write to it: arrays cannot be written to,
    frames and Series are copies."""
    return _within(_concrete_copies(value), _read_only)


def _concrete_copies(value: Any) -> Any:
    """Sparse matrices of the sample are copied; constant ones, which may be large, are not."""
    if isinstance(value, Traced):
        return value.value.copy() if sp.issparse(value.value) else value.value
    if type(value) in (list, tuple):
        return type(value)(_concrete_copies(item) for item in value)
    if type(value) is dict:
        return {key: _concrete_copies(item) for key, item in value.items()}
    return concrete(value)


def _read_only(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        value = value.view()
        value.flags.writeable = False
        return value
    if isinstance(value, (pd.DataFrame, pd.Series)):
        return value.copy(deep=False)
    return value


def is_refused_write(error: Exception) -> bool:
    """Whether a call failed as it wrote to an array that it may not write to."""
    return isinstance(error, (ValueError, RuntimeError)) and "read-only" in str(error)


def was_written(before: Any, after: Any) -> bool:
    """Whether a frame or Series was written to since it was copied, be it with the same
    values: what is written to has memory of its own then. Others: whether values differ."""
    if isinstance(before, pd.DataFrame):
        if not (before.columns.equals(after.columns) and before.index.equals(after.index)):
            return True
        n = before.shape[1]
        return any(_column_was_written(before.iloc[:, i], after.iloc[:, i]) for i in range(n))
    if isinstance(before, pd.Series):
        return not before.index.equals(after.index) or _column_was_written(before, after)
    if sp.issparse(before):
        if before.shape != after.shape or before.dtype != after.dtype:
            return True
        return (
            any(
                not np.array_equal(a.tocoo().data, b.tocoo().data, equal_nan=a.dtype.kind == "f")
                for a, b in [(before.tocsr(), after.tocsr())]
            )
            or (before != after).nnz > 0
        )
    if isinstance(before, np.ndarray):
        is_float = before.dtype.kind in "fc"
        return not np.array_equal(before, after, equal_nan=is_float)
    return False


def _column_was_written(before: pd.Series, after: pd.Series) -> bool:
    if before.dtype != after.dtype or before.name != after.name:
        return True
    if isinstance(before.dtype, np.dtype) and len(before):
        return not np.shares_memory(before.to_numpy(), after.to_numpy())
    return not before.equals(after)


@dataclass(frozen=True)
class Called:
    """What a call on the sample gave: a value, and the argument that it is, if one."""

    value: Any
    argument: Traced | None = None


def call_on_sample(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Called | None:
    """Calls a function; None where it writes to what it is given."""
    if _is_pure(function, args):
        return Called(function(*map(concrete, args), **concrete(kwargs)))
    every = [*args, *kwargs.values()]

    def call() -> Any:
        named = dict(zip(kwargs, given[len(args) :], strict=True))
        return function(*given[: len(args)], **named)

    given = [guarded(value) for value in every]
    lasting = [getattr(function, "__self__", None), *every, *given]
    states = [state_of(each) for each in lasting]
    try:
        value = call()
    except Exception as error:
        if not is_refused_write(error):
            raise
        if "buffer source" not in str(error):
            return None
        # Compiled code may ask for an array to write to and leave it as it is.
        given = copied(concrete(every))
        value = call()
    for state, each in zip(states, lasting, strict=True):
        if not is_same_state(state, state_of(each)):
            kind = type(each).__name__
            raise CaptureError(f"a call keeps what hangs on the input in a {kind}")
    for old, new in zip(concrete(every), given, strict=True):
        if _may_be_written(function, new) and was_written(old, new):
            return None
    same = (arg for arg, one in zip(every, given, strict=True) if one is value)
    return Called(value, next((arg for arg in same if isinstance(arg, Traced)), None))


def _is_pure(function: Any, args: tuple[Any, ...]) -> bool:
    """Whether a call changes none of its arguments: operators, and what is done to pandas'
    objects, but for the methods that change them."""
    if isinstance(function, CallMethod):
        owner = concrete(args[0])
        is_array = isinstance(owner, np.ndarray) or sp.issparse(owner)
        return not is_array and function.name not in WRITING
    is_operator = getattr(function, "__module__", None) == "_operator"
    return is_operator or function is getattr or isinstance(function, (SetItem, AugmentItem))


def _may_be_written(function: Any, given: Any) -> bool:
    """Whether to look at an argument behind a call: libraries' functions do not write to
    frames, and nothing writes to arrays that refuse it."""
    if isinstance(given, np.ndarray):
        return bool(given.flags.writeable)
    own = getattr(function, "__func__", function)
    is_users = isinstance(own, types.FunctionType) and not is_of_library(own)
    return sp.issparse(given) or isinstance(function, CallMethod) or is_users


class Watch:
    """What a function that is followed holds, for what is changed in place."""

    def __init__(self) -> None:
        self.line = 0  #: the line at work
        self._strictness = _strictness()
        self._arrays: list[weakref.ref[Traced]] = []
        #: Objects of pandas that may lie in an array's memory.
        self._lent: list[weakref.ref[Traced]] = []
        #: What the function was given from outside: itself, its object.
        self.roots: list[Any] = []
        #: What was there before the function was called, as it comes up, and all that the
        #: function leads to, once that is asked for.
        self._outside: dict[int, Any] = {}
        self._led_to: dict[int, Any] | None = None
        #: What took in what hangs on the input, and under which names it has it.
        self._keepers: dict[int, tuple[Any, set[Any]]] = {}
        #: Objects from outside that the function set, and what their attributes had.
        self._changed: list[tuple[Any, str, Any]] = []
        #: Constant tables and arrays that a call was given, and its line.
        self._given: dict[int, tuple[Any, int]] = {}

    def hold(self, traced: Traced) -> None:
        """Notes an array or a sparse matrix, for as long as the function has it."""
        if _memory(traced.value) is not None:
            self._arrays = [held for held in self._arrays if held() is not None]
            self._arrays.append(weakref.ref(traced))
        elif traced.replay.function in (pd.Series, pd.DataFrame) and is_lent(traced):
            self._lent.append(weakref.ref(traced))

    def check_strictness(self) -> None:
        """Raises where the function has it that warnings are errors."""
        if _strictness() != self._strictness:
            raise CaptureError(f"line {self.line}: errors are made of what rows only warn of")

    def check_name(self, owner: Any, name: str) -> None:
        """Raises where a name of a module, or of a function around, has what hangs on the
        input."""
        if self._keepers:
            self.check_kept(owner, {name}, repr(name))

    def from_outside(self, value: Any) -> Any:
        """Notes what the function sees of what was there before."""
        if is_keeper(value):
            own = owner_of(value)
            self._outside[id(own)] = own
        return value

    def is_outside(self, value: Any) -> bool:
        own = owner_of(value)
        if isinstance(own, (type, Files, Package)) or self._outside.get(id(own)) is own:
            return True
        if self._led_to is None:
            self._led_to = leads_to(self.roots)
        return self._led_to.get(id(own)) is own

    def check_own(self, container: Any) -> None:
        """What hangs on the input stays within the call."""
        if self.is_outside(container):
            raise CaptureError(
                f"line {self.line}: a {type(container).__name__} that was there before the call "
                "takes in what hangs on the input"
            )

    def note_uses(self, of: Callable[..., Uses]) -> Uses:
        """Notes what is kept of a call with data that was not followed.

        Parameters
        ----------
        of : what the call does; `is_chosen`: whatever it sets counts

        Raises
        ------
        CaptureError
            Where it reads what an earlier call left: that was the sample's. Where it keeps
            something in what the function made: that is another one in each call.
        """
        uses = of()
        found = list(uses)
        if uses.is_unknown:
            raise CaptureError(f"line {self.line}: a call may change what no source tells of")
        for owner, _, read in found:
            self.check_kept(owner, read)
        for owner, kept, _ in found:
            if kept and self.is_outside(owner):
                self.keep(owner, kept)
        if any(not self.is_outside(owner) for owner, _, _ in found):
            for owner, kept, _ in of(is_chosen=True):
                if kept and not self.is_outside(owner):
                    raise CaptureError(
                        f"line {self.line}: {described(owner)} that the function makes takes in "
                        "what hangs on the input"
                    )
        for owner, _, _ in found:
            if not is_object(owner):
                continue
            if any(owner is changed for changed, _, _ in self._changed):
                raise CaptureError(
                    f"line {self.line}: {described(owner)} is given that was set before"
                )
            self._given.setdefault(id(owner), (owner, self.line))
        return uses

    def keep(self, owner: Any, names: set[Any]) -> None:
        """Notes that there is something of the call under these names of a keeper."""
        if not names:
            return
        _, known = self._keepers.get(id(owner), (owner, set()))
        self._keepers[id(owner)] = (owner, known | names)

    def note_changed(self, owner: Any, name: str) -> None:
        """Notes an object from outside that the function sets: Python steps that see it would
        see it as it is then."""
        self.check_changes(owner)
        if self.is_outside(owner):
            self._changed.append((owner, name, attributes_of(owner).get(name, _NOT_SET)))

    def state(self) -> tuple[int, dict[int, tuple[Any, set[Any]]]]:
        """What `put_back` takes."""
        return len(self._changed), dict(self._keepers)

    def put_back(self, state: tuple[int, dict[int, tuple[Any, set[Any]]]]) -> None:
        """Takes back what was noted, and set, since."""
        n_changed, self._keepers = state
        for owner, name, before in reversed(self._changed[n_changed:]):
            if before is _NOT_SET:
                delattr(owner, name)
            else:
                setattr(owner, name, before)
        del self._changed[n_changed:]

    def check_kept(self, owner: Any, read: set[Any], said: str = "") -> None:
        """Raises where what is kept of the data is read."""
        _, kept = self._keepers.get(id(owner_of(owner)), (None, None))
        if kept is not None and is_overlap(kept, read):
            raise CaptureError(
                f"line {self.line}: {said or described(owner)} is read that took in what hangs on "
                "the input"
            )

    def check_attribute(self, owner: Any, name: str) -> None:
        """Raises where an attribute of an object that keeps data is, or reads, that."""
        if not self._keepers:
            return
        if isinstance(owner, types.ModuleType):
            self.check_kept(package(owner.__name__.partition(".")[0]), {name})
        if isinstance(owner, (type, types.ModuleType)) or id(owner) not in self._keepers:
            self.check_kept(owner, {name})
        else:
            self.check_kept(owner, read_with(owner, name))
        for kind in getattr(owner, "__mro__", type(owner).__mro__):
            self.check_kept(kind, {name})

    def check_constant(self, *values: Any) -> None:
        """Raises where one of them keeps data, or holds what does: it is no constant."""
        for value in values if self._keepers else ():
            for held in held_by(value):
                self.check_kept(held, {ANY})

    def check_called(self, callee: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Raises where a call without data reads what is kept of it."""
        if self._keepers and not makes_silent(callee):
            for owner, _, read in uses_of_call(callee, args, kwargs):
                self.check_kept(owner, read)

    def note_given(self, values: list[Any]) -> None:
        for value in values:
            if type(value) in (list, tuple):
                self.note_given(list(value))
            elif isinstance(value, (np.ndarray, pd.DataFrame, pd.Series)) or sp.issparse(value):
                self._given.setdefault(id(value), (value, self.line))

    def check_changes(self, owner: Any) -> None:
        """Raises where a constant that calls were given is changed: they would see it as it
        is behind the change."""
        for value, line in self._given.values():
            is_array = isinstance(owner, np.ndarray) and isinstance(value, np.ndarray)
            if owner is value or (is_array and shares(owner, value)):
                raise CaptureError(
                    f"line {self.line}: a {type(owner).__name__} is changed that line {line} was "
                    "given; change a copy"
                )

    def note_written(self, changed: Traced, columns: frozenset[str] | None = None) -> None:
        """Notes that an object of pandas is written to in place: arrays that lie in its memory
        are not read behind that. `columns`: those of a frame, None where it is not known."""
        if not isinstance(changed.value, (pd.Series, pd.DataFrame)):
            return
        if is_lent(changed):
            raise CaptureError(
                f"line {self.line}: what is changed in place may lie in the memory of an array"
            )
        for held in self._arrays:
            array = held()
            if array is not None and may_show(array, changed, columns):
                name = repr(array.name) if array.name else "an array"
                array.spoilt = (
                    f"line {self.line}: {name} may lie in the memory of what is changed in place; "
                    "make it of a copy()"
                )

    def check_alias(self, changed: Traced, but: Sequence[Traced] = ()) -> None:
        """Raises where what is changed in place is also to be seen in another value."""
        own = _memory(changed.value)
        if own is not None and any(table() is not None for table in self._lent):
            raise CaptureError(
                f"line {self.line}: an array is changed, and what was made of one without a copy "
                "may show it"
            )
        for held in () if own is None else self._arrays:
            other = held()
            theirs = None if other is None else _memory(other.value)
            if (
                other is None
                or other is changed
                or any(other is each for each in but)
                or theirs is None
            ):
                continue
            if shares(own, theirs) or _may_be_view(changed, other) or _may_be_view(other, changed):
                names = [repr(t.name) if t.name else "another value" for t in (changed, other)]
                raise CaptureError(
                    f"line {self.line}: {names[0]} is changed in place, and {names[1]} lies in "
                    "the same memory; change a copy()"
                )


def _memory(value: Any) -> Any:
    """The array that a value's numbers are in."""
    if sp.issparse(value):
        value = getattr(value, "data", None)
    return value if isinstance(value, np.ndarray) else None


#: What gives a view or a copy, as the rows have it.
_VIEWING = frozenset(["ascontiguousarray", "asfortranarray", "ravel", "reshape", "require"])


def _may_be_view(one: Traced, other: Traced) -> bool:
    """Whether an array is another one's numbers in another shape: a copy on the sample, it may
    be a view of fewer rows."""
    replay, is_viewing = one.replay, False
    while isinstance(replay, Replay) and replay.args:
        function = replay.function
        is_method = isinstance(function, CallMethod)
        name = function.name if is_method else getattr(function, "__name__", "")  # type: ignore[union-attr]
        name = str(replay.args[1]) if function is getattr else name
        if name not in _VIEWING and name not in ("T", "squeeze", "swapaxes", "transpose"):
            return False
        is_viewing |= name in _VIEWING
        replay = replay.args[0]
        if replay is other.replay:
            return is_viewing
    return False


def shares(a: Any, b: Any) -> bool:
    """Whether two arrays have memory in common."""
    return bool(np.shares_memory(a, b))
