"""One capture: what is done to the function's argument, on the sample and as nodes."""

from __future__ import annotations

import collections
import copy
import functools
import inspect
import operator
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from ..convert.context import Context
from ..convert.registry import Refused
from . import few, masks
from .asked import TELLING, Asked, check_fixed, check_kind, set_method
from .callables import unwrapped
from .changes import CallCopied, Watch, call_on_sample
from .each_row import each_row, is_map_of_rows, is_of_rows
from .inner import Inner
from .interpreter import Interpreter
from .keeping import Uses, is_object, is_own, is_users
from .kinds import (
    bound_maker,
    constant_kind,
    gives_argument,
    is_container,
    kind_of,
    listed,
    name_of,
    nodes_of,
)
from .lasting import WRITING, check_lasting
from .numpy_steps import Twins
from .registry import METHODS, Call, Maker, maker_of
from .sample import Sample
from .source import SourceError, is_of_library
from .steps import ReplayStep
from .uses import changes_data, is_changed_by, uses_of_call
from .values import (
    LOOSE,
    N_ROWS,
    PICKED,
    REPLACED,
    AugmentItem,
    CallMethod,
    CaptureError,
    Column,
    Frame,
    Labels,
    Matrix,
    Misaligned,
    Native,
    NotNative,
    Part,
    Picked,
    Replay,
    SetItem,
    Traced,
    concrete,
    is_traced,
    n_rows_of,
    replayed,
    walk,
)
from .views import check_spoilt

#: Methods after which an object answers by the rows that they were given.
_FITS = ("fit", "partial_fit")

#: Builtins that only move values between containers.
_STRUCTURAL = (list, tuple, dict, set, zip, enumerate, reversed, iter, next)

#: Operators that are called as functions.
_OPERATORS = (
    operator.add, operator.sub, operator.mul, operator.truediv, operator.floordiv, operator.mod,
    operator.and_, operator.or_, operator.xor,
)  # fmt: skip

#: Attributes that hang on no row.
_CONSTANT_ATTRIBUTES = {
    "frame": ("columns", "ndim"),
    "series": ("name", "ndim"),
    "array": ("ndim",),
    "matrix": ("ndim",),
}

#: Functions of pandas that ask a column for its dtype alone, but for `is_string_dtype` of objects.
_ASKING_DTYPE = tuple(
    getattr(pd.api.types, f"is_{kind}_dtype")
    for kind in ("any_real_numeric", "bool", "complex", "datetime64", "datetime64_any",
                 "datetime64_ns", "extension_array", "float", "integer", "numeric", "object",
                 "signed_integer", "string", "timedelta64", "unsigned_integer")
)  # fmt: skip

#: Attributes that are objects with methods of their own.
_PARTS = {
    "frame": ("loc", "iloc", "index"),
    "series": ("str", "dt", "cat", "loc", "iloc", "index"),
}


@dataclass(frozen=True)
class Step:
    """A line of `explain`: what was done where, and why in Python if it is."""

    code: Any  #: of the function that has the line
    line: int
    what: str
    why: str = ""
    nodes: tuple[int, ...] = ()


class Tracer(Watch):
    """The graph that is being made, beside the run on the sample."""

    def __init__(self, frame: Traced, context: Context, sample: Sample) -> None:
        super().__init__()
        self.frame = frame
        self.sample = sample
        self.context = context
        #: The inputs, as they are before any statement.
        self.frame_inputs = dict(frame.native.columns) if isinstance(frame.native, Frame) else {}
        #: The functions that were followed, in order, and the one at work.
        self.codes: list[Any] = []
        self.code: Any = None
        self.depth = 0
        self.n_calls = 0
        self.n_python = 0  #: of these, those that Python makes
        self.failed = False  #: whether code that is not followed saw data, and perhaps hid it
        self.n_statements = 0
        self.steps: list[Step] = []
        self.notes: list[str] = []
        self.asked = Asked()
        self.is_misaligned = False  #: whether columns of different indexes met
        #: Calls that may raise an error of the rows that they see.
        self.guards: list[Replay] = []
        self.few: dict[int, few.Few] = {}  #: what columns of strings are one of, by node
        self.models: dict[Any, Any] = {}  #: what the models that were called gave
        self.model: Any = None  #: the last of them
        self.twins = Twins(context)
        #: Of estimators and what they read: whether that has to be to the bit.
        self.wants_exact: dict[Any, bool] = {}
        self.reads_codes = False  #: whether it reads the codes of categorical columns

    # ---- what the interpreter asks for ----------------------------------------

    def call(self, callee: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A call; the callee is no traced value."""
        if isinstance(callee, Inner):
            return callee.called(args, kwargs)
        if isinstance(callee, functools.partial):
            return self.call(callee.func, (*callee.args, *args), {**callee.keywords, **kwargs})
        found = set_method(callee, args)
        if found is not NotImplemented:
            return found
        args = tuple(listed(arg) for arg in args)
        owner = getattr(callee, "__self__", None)
        if callee is functools.reduce and len(args) > 1:
            return self._reduced(*args)
        if callee is map and is_traced(list(args)) and not any(isinstance(a, Traced) for a in args):
            return map(functools.partial(self._mapped, args[0]), *args[1:])
        is_operator = any(callee is each for each in _OPERATORS)
        if is_operator and len(args) == 2 and any(isinstance(a, Traced) for a in args):
            return self.operate(callee.__name__, callee, *args)
        own = getattr(callee, "__func__", callee)
        is_users = isinstance(own, types.FunctionType) and not is_of_library(own)
        sees_data = is_users and any(
            isinstance(value, Inner) and value.sees_data() for value in (*args, *kwargs.values())
        )
        if not sees_data and not is_traced(list(args), kwargs, owner):
            check_lasting(callee, [*args, *kwargs.values()], self.line)
            self.check_called(callee, args, kwargs)
            if getattr(callee, "__name__", "") in WRITING or kwargs.get("inplace") is True:
                self.check_changes(owner)
            self.check_changes(kwargs.get("out"))
            return callee(*args, **kwargs)
        if type(owner) in (list, dict, set):
            self.check_own(owner)
        if not kwargs and is_map_of_rows(callee, args):
            return self.make("map", each_row, args, {}, maker_of(each_row))
        if callee is list and len(args) == 1 and is_of_rows(args[0]):
            return self.make("list", list, args, {}, maker_of(list))
        if callee in _STRUCTURAL if isinstance(callee, type) else type(owner) in (list, dict, set):
            return callee(*[self._opened(arg, callee) for arg in args], **kwargs)
        if isinstance(owner, Traced):  # a bound method that was kept in a variable
            return self.call_method(owner, callee.__name__, args, kwargs)
        if inspect.isbuiltin(callee) or isinstance(callee, type):
            found = self._builtin(callee, args)
            if found is not NotImplemented:
                return found
        if len(args) == 1 and any(callee is each for each in _ASKING_DTYPE):
            (asked,) = args
            is_series = isinstance(asked, Traced) and kind_of(asked) == "series"
            dtype = self.get_attribute(asked, "dtype") if is_series else None
            is_known = dtype is not None and str(dtype) != "object"
            if is_series and (is_known or callee is not pd.api.types.is_string_dtype):
                return callee(dtype)
        from .estimators import maker_of_estimator

        if owner is not None and str(getattr(callee, "__name__", "")).startswith(_FITS):
            raise CaptureError(f"line {self.line}: {name_of(callee)} is fitted on a call's rows")
        of_estimator = maker_of_estimator(callee)
        # A model of the user's own is one to `optimize`, whatever its source does.
        if of_estimator is not None and self.context.splits_lookups:
            found = self.make(name_of(callee), callee, args, kwargs, of_estimator)
            if not isinstance(found.native, str):
                return found
        n_before = len(self.context.builder.nodes)
        inlined = self._inline(callee, args, kwargs)
        is_left = isinstance(inlined, Traced) and isinstance(inlined.native, str)
        made = self.context.builder.nodes[n_before:]
        is_left |= any(node.operator == "external" for node in made)
        if inlined is not NotImplemented and not (is_left and of_estimator is not None):
            return inlined
        maker = maker_of(callee) or of_estimator or bound_maker(callee)
        return self.make(name_of(callee), callee, args, kwargs, maker)

    def call_method(
        self, owner: Traced, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """A method of a traced value."""
        self.asked.method(owner, name, kwargs)
        if name in ("pipe",) and args:
            if isinstance(owner.value, _TABLES):  # as pandas does
                owner = self.call_method(owner, "copy", (), {"deep": False})
            return self.call(args[0], (owner, *args[1:]), kwargs)
        if name in ("insert", "pop") and kind_of(owner) == "frame":
            change = self._insert if name == "insert" else self._pop
            return change(owner, *args, **kwargs)
        if name == "assign" and kind_of(owner) == "frame" and any(map(callable, kwargs.values())):
            return self._assigned(owner, *args, **kwargs)
        if name == "get" and kind_of(owner) == "frame" and args and isinstance(args[0], str):
            is_there = self.contains(owner, args[0])
            default = args[1] if len(args) > 1 else kwargs.get("default")
            return self.get_item(owner, args[0]) if is_there else default
        if name == "items" and kind_of(owner) == "frame":
            check_fixed(owner, "columns", self.line)
            return [(key, self.get_item(owner, key)) for key in owner.value.columns]
        if kwargs.get("inplace") is True:
            return self._in_place(owner, name, args, kwargs)
        kind = kind_of(owner)
        is_own = is_object(owner.value) or isinstance(owner.value, collections.deque)
        if is_own and is_changed_by(owner.value, name):
            raise CaptureError(f"line {self.line}: {kind}.{name} changes what hangs on the input")
        return self.make(
            f"{kind}.{name}",
            CallMethod(name),
            (owner, *args),
            kwargs,
            METHODS.get((kind, name)),
        )

    def operate(self, name: str, function: Callable[..., Any], *operands: Any) -> Any:
        """An operator; one of the operands is traced."""
        traced = next(o for o in operands if isinstance(o, Traced))
        maker = METHODS.get((kind_of(traced), name))
        return self.make(name.rstrip("_"), function, operands, {}, maker)

    def augment(self, name: str, left: Traced, right: Any, *, is_part: bool) -> Any:
        """`left op= right`, which changes the object itself; `is_part`: one that was picked
        from another to be set there again."""
        if not is_part:
            self.check_alias(left)
            self.note_written(left)
        pure = self.operate(name, getattr(operator, name), left, right)
        changed = AugmentItem(name)
        found = self.make(f"i{name}", changed, (left, right), {}, None, is_silent=True)
        same = type(found.value) is type(pure.value) and getattr(
            found.value, "dtype", None
        ) == getattr(pure.value, "dtype", None)
        native = pure.native if same else "its dtype stays as it is in place"
        new = Traced(found.value, native, found.replay, self.line, is_part=found.is_part)
        return self._replace(left, new)

    def get_attribute(self, owner: Traced, name: str) -> Any:
        kind = kind_of(owner)
        if name == "empty" and kind in ("frame", "series"):
            self.asked.has_rows = True
            return False
        if name in TELLING:
            self.asked.whole(owner)
        if name in ("columns", "dtype", "dtypes") or (name == "shape" and kind != "series"):
            check_fixed(owner, name, self.line)
        if name in _CONSTANT_ATTRIBUTES.get(kind, ()):
            return getattr(owner.value, name)
        if name in _PARTS.get(kind, ()):
            found = getattr(owner.value, name)
            part = Traced(found, Part(owner, name), Replay(getattr, (owner.replay, name)))
            part.is_open = owner.is_open and name != "index"
            return part
        if name == "dtypes" or name == "dtype":
            return getattr(owner.value, name)
        if kind == "frame" and name in owner.value.columns and not hasattr(type(owner.value), name):
            return self.get_item(owner, name)
        if name == "shape":
            self.asked.whole(owner)
            return (self.n_rows(owner), *owner.value.shape[1:])
        found = getattr(owner.value, name)
        if callable(found):
            return _Bound(self, owner, name)
        return self.make(f"{kind}.{name}", getattr, (owner, name), {}, METHODS.get((kind, name)))

    def n_rows(self, owner: Traced) -> Traced:
        """`owner.shape[0]`."""
        replay = Replay(n_rows_of, (owner.replay,))
        return Traced(owner.value.shape[0], N_ROWS, replay, counted=owner)

    def set_attribute(self, owner: Any, name: str, value: Any) -> None:
        if isinstance(owner, Traced) and kind_of(owner) == "frame" and name in owner.value.columns:
            self.set_item(owner, name, value)
        elif isinstance(owner, Traced) and name == "name" and kind_of(owner) == "series":
            self._replace(owner, self.call_method(owner, "rename", (value,), {}))
        elif isinstance(owner, Traced) and name == "columns" and not is_traced(value):
            self._replace(owner, self.call_method(owner, "set_axis", (value,), {"axis": 1}))
        else:
            raise CaptureError(f"line {self.line}: setting .{name} is not followed")

    def get_item(self, owner: Any, key: Any) -> Any:
        if not isinstance(owner, Traced):
            return self.make(
                "lookup",
                operator.getitem,
                (owner, key),
                {},
                METHODS.get((constant_kind(owner), "getitem")),
            )
        kind = kind_of(owner)
        return self.make(
            f"{kind}[...]", operator.getitem, (owner, key), {}, METHODS.get((kind, "getitem"))
        )

    def set_item(self, owner: Traced, key: Any, value: Any) -> None:
        """`owner[key] = value`: the object becomes a new value under all its names."""
        base = owner
        kind = kind_of(owner)
        if isinstance(owner.native, Part):
            base = owner.native.of
        self.check_alias(base)
        is_column = kind == "frame" and not isinstance(key, Traced)  # put in another's place
        if not is_column:
            self.note_written(base, _columns_set(key))
        if base is self.frame:
            self.note(self.line, "the caller's frame is left as it is")
        found = self.make(
            f"{kind}[...] =",
            SetItem(owner.native.name if isinstance(owner.native, Part) else ""),
            (base, key, value),
            {},
            METHODS.get((kind, "setitem")),
        )
        self._replace(base, found)

    def delete(self, owner: Traced, key: Any) -> None:
        if kind_of(owner) != "frame":
            raise CaptureError(f"line {self.line}: `del` is not followed")
        self._replace(owner, self.call_method(owner, "drop", (), {"columns": [key]}))

    def contains(self, container: Any, item: Any) -> bool:
        if isinstance(container, Traced):
            if kind_of(container) != "frame" or is_traced(item):
                raise CaptureError(f"line {self.line}: `in` asks for data")
            check_fixed(container, "columns", self.line)
            if container.is_open:
                return self.asked.contains(container.value.columns, item)
            return item in container.value.columns
        if isinstance(item, Traced):
            raise CaptureError(f"line {self.line}: `in` takes data; use .isin")
        return item in container

    def iterate(self, value: Traced) -> Iterator[Any]:
        if kind_of(value) == "frame":
            self.asked.whole(value)
            check_fixed(value, "columns", self.line)
            return iter(list(value.value.columns))
        if isinstance(value.value, tuple):  # of an opaque call
            return iter([self.get_item(value, i) for i in range(len(value.value))])
        raise CaptureError(f"line {self.line}: a loop over rows is not followed")

    def note(self, line: int, text: str) -> None:
        said = f"line {line}: {text}"
        if said not in self.notes:
            self.notes.append(said)

    @property
    def place(self) -> tuple[Any, int]:
        """The line at work, and the code of its function."""
        return self.code, self.line

    def tell(self, what: str, node: int, place: tuple[Any, int] | None = None) -> None:
        """For `explain`: what the line at work became, or another one."""
        code, line = place or self.place
        self.steps.append(Step(code, line, what, "", (node,)))

    # ---- making -----------------------------------------------------------------

    def make(
        self,
        name: str,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        maker: Maker | None,
        *,
        is_silent: bool = False,
        may_write: bool = False,
    ) -> Any:
        """Runs a call on the sample and gives it a native form; `may_write`: it may change
        what it is given."""
        self.n_calls += 1
        self.check_strictness()
        for each in walk([*args, kwargs]):
            check_spoilt(each)
        args = tuple(self._plain(arg) for arg in args)
        kwargs = {key: self._plain(value) for key, value in kwargs.items()}
        line = self.line
        self.note_given([*args, *kwargs.values()])
        called = None if may_write else call_on_sample(function, args, kwargs)
        if called is None:
            return self._called_copied(name, function, args, kwargs)
        value = called.value
        if called.argument is not None and gives_argument(function):
            return called.argument
        replay = Replay(function, tuple(replayed(a) for a in args), replayed(dict(kwargs)), line)
        native: Native | str
        try:
            if maker is None:
                raise NotNative(f"there is no native form of {name}")
            call = Call(self, name, function, args, kwargs, value)
            native = masks.made(call, maker)
        except (NotNative, Refused) as reason:
            self.is_misaligned |= isinstance(reason, Misaligned)
            said = str(reason)
            native = said if said.startswith("line ") else f"line {line}: {said}"
            inherited = next(
                (t.native for t in walk(list(args)) if isinstance(t.native, str)), None
            )
            if inherited is not None and maker is not None:
                native = inherited
        if not is_silent:
            why = native if isinstance(native, str) else self._why_python(native)
            self.steps.append(Step(self.code, line, name, why, nodes_of(native)))
        if isinstance(native, str):
            self.n_python += 1
            uses = self._note_uses(function, args, kwargs)
            if uses.may_raise or _is_told(function, args, kwargs):
                self.guards.append(replay)
        else:
            self.check_constant(getattr(function, "__self__", None), *args, *kwargs.values())
        found = Traced(value, native, replay, line)
        self.asked.call(name, function, args, found)
        found.is_part = getattr(value, "ndim", 0) > 0 and _picks_rows(function, args)
        self.hold(found)
        return found

    def _called_copied(
        self,
        name: str,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        """A call that writes to what it is given: its answer, and its arguments as they are
        behind it, are Python's."""
        line, why = self.line, f"line {self.line}: {name} changes what it is given"
        every = [*args, *kwargs.values()]
        if any(not isinstance(v, Traced) and is_traced(v) for v in every):
            raise CaptureError(f"{why}, within a container")
        constant = [v for v in every if isinstance(v, (np.ndarray, pd.DataFrame, pd.Series))]
        if constant:
            raise CaptureError(f"{why}, of which a part does not hang on the input")
        call = CallCopied(function)
        whole = Replay(call, (replayed(args), replayed(dict(kwargs))), line=line)
        value, *behind = call(concrete(args), concrete(kwargs))
        changed = [arg for arg in every if isinstance(arg, Traced)]
        for arg in changed:
            self.check_alias(arg, but=changed)
            is_part = isinstance(arg.replay, Replay) and arg.replay.function in _PICKS
            if is_part and not isinstance(arg.value, (*_TABLES, np.ndarray)):
                raise CaptureError(f"{why}, which is a part of another value")
        found: Any = Traced(value, why, Replay(operator.getitem, (whole, 0), line=line), line)
        for i, (arg, new) in enumerate(zip(every, behind, strict=True), 1):
            if isinstance(arg, Traced):
                replay = Replay(operator.getitem, (whole, i), line=line)
                self._replace(arg, Traced(new, why, replay, line))
                found = arg if new is value else found
        self.steps.append(Step(self.code, line, name, why))
        self.n_python += 1
        if self._note_uses(function, args, kwargs).may_raise:
            self.guards.append(whole)
        self.hold(found)
        return found

    def _note_uses(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Uses:
        """What a call that is not followed does to what may keep things."""
        try:
            return self.note_uses(functools.partial(uses_of_call, function, args, kwargs))
        except SourceError as error:
            raise CaptureError(f"line {self.line}: {error}") from error

    def _insert(
        self, owner: Traced, loc: int, column: Any, value: Any, allow_duplicates: bool = False
    ) -> None:
        names = list(owner.value.columns)
        if column in names:
            raise CaptureError(f"line {self.line}: column {column!r} is there already")
        if owner.is_open:
            self.asked.absent.append(column)
        self.set_item(owner, column, value)
        names.insert(loc, column)
        self._replace(owner, self.get_item(owner, names))

    def _assigned(self, owner: Traced, **kwargs: Any) -> Any:
        """`assign` with functions: each is called with the frame that has those before it."""
        for key, value in kwargs.items():
            value = self.call(value, (owner,), {}) if callable(value) else value
            owner = self.call_method(owner, "assign", (), {key: value})
        return owner

    def _pop(self, owner: Traced, item: Any) -> Any:
        found = self.get_item(owner, item)
        self.delete(owner, item)
        return found

    def _reduced(self, function: Any, items: Any, *initial: Any) -> Any:
        """`functools.reduce`."""
        rest = iter([*initial, *items])
        total = next(rest)
        for item in rest:
            total = self.call(function, (total, item), {})
        return total

    def _mapped(self, function: Any, *items: Any) -> Any:
        """What `map` over lists makes of their next items."""
        return self.call(function, items, {})

    def _why_python(self, native: Native) -> str:
        """Why a model that the line at work calls stays Python; "" of anything else, as of
        what is made of its answer."""
        steps = [self.context.builder.nodes[number].payload for number in nodes_of(native)]
        said = [step.why for step in steps if step is not None and not step.is_raw]
        return next((why for why in said if why.startswith(f"line {self.line}: ")), "")

    def _plain(self, argument: Any) -> Any:
        """A function that was defined on the way, as plain Python calls it."""
        if isinstance(argument, _Bound):
            raise CaptureError(f"line {self.line}: a method of data is handed on")
        if isinstance(argument, Inner):
            return argument.frozen()
        if type(argument) in (list, tuple):
            return type(argument)(map(self._plain, argument))
        if type(argument) is dict:
            return {key: self._plain(value) for key, value in argument.items()}
        return argument

    def _replace(self, owner: Traced, new: Traced) -> Traced:
        owner.value, owner.native, owner.replay = new.value, new.native, new.replay
        owner.external, owner.is_open, owner.is_part = new.external, new.is_open, new.is_part
        return owner

    def _in_place(
        self, owner: Traced, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        if owner is self.frame:
            self.note(self.line, "the caller's frame is left as it is")
        self.note_written(owner)
        kwargs = {k: v for k, v in kwargs.items() if k != "inplace"}
        others = [*args[1:], *kwargs.values()]
        is_held = isinstance(getattr(owner.value, "dtype", None), np.dtype) and (
            owner.value.dtype.kind in "biu"
        )
        if (
            name in ("where", "mask")
            and is_held
            and not all(type(v) in (int, bool) for v in others)
        ):
            raise CaptureError(
                f"line {self.line}: .{name} in place raises where {owner.value.dtype} does not "
                "hold the values"
            )
        self._replace(owner, self.call_method(owner, name, args, kwargs))

    def _opened(self, arg: Any, callee: Any) -> Any:
        is_row = isinstance(arg, Traced) and isinstance(callee, type)
        return list(self.iterate(arg)) if is_row else arg

    def _builtin(self, callee: Any, args: tuple[Any, ...]) -> Any:
        if callee in (isinstance, type, hasattr) and isinstance(args[0], Traced):
            check_kind(args[0], callee.__name__, self.line)
        if callee is isinstance:
            return isinstance(concrete(args[0]), args[1])
        if callee is type and len(args) == 1:
            return type(concrete(args[0]))
        if callee in (getattr, hasattr) and isinstance(args[0], Traced):
            is_there = hasattr(args[0].value, args[1])
            if args[0].is_open and not hasattr(pd.DataFrame, args[1]):
                self.asked.contains(args[0].value.columns, args[1])
            if callee is hasattr:
                return is_there
            return self.get_attribute(args[0], args[1]) if is_there or len(args) < 3 else args[2]
        if callee is sum and type(args[0]) in (list, tuple):
            total: Any = args[1] if len(args) > 1 else 0
            for item in args[0]:
                total = (
                    self.operate("add", operator.add, total, item)
                    if is_traced(total, item)
                    else total + item
                )
            return total
        if callee is len and not isinstance(args[0], Traced):
            return len(args[0])
        if callee is len:
            n, replay = len(args[0].value), Replay(len, (args[0].replay,))
            return Traced(n, N_ROWS, replay, counted=args[0])
        is_number = callee in (abs, round) and isinstance(args[0], Traced)
        if is_number and hasattr(args[0].value, callee.__name__):
            return self.call_method(args[0], callee.__name__, args[1:], {})
        return NotImplemented

    def _inline(self, callee: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Follows a function of the user's; NotImplemented where it has no source."""
        from .estimators import gives_as_is, is_output_wrapper

        given = args
        if isinstance(callee, types.MethodType):
            function, args = callee.__func__, (callee.__self__, *args)
        elif isinstance(callee, types.FunctionType):
            function = callee
        else:
            function, args = vars(type(callee)).get("__call__"), (callee, *args)
        if not isinstance(function, types.FunctionType) or maker_of(function) is not None:
            return NotImplemented
        if is_output_wrapper(function) and gives_as_is(args[0]):
            function = unwrapped(function)
        if is_of_library(function) or unwrapped(function) is not function:
            return NotImplemented
        before, noted = (len(self.steps), len(self.notes), self.line, self.code), self.state()
        n_guards = len(self.guards)
        states = [(traced, copy.copy(traced)) for traced in walk([list(args), kwargs])]
        containers = [(c, copy.copy(c)) for c in (*args, *kwargs.values()) if is_container(c)]
        try:
            return Interpreter.call(self, function, args, kwargs)
        except (CaptureError, SourceError) as error:
            del self.steps[before[0] :], self.notes[before[1] :], self.guards[n_guards:]
            self.put_back(noted)
            for traced, before_it in states:
                self._replace(traced, before_it)
            for container, items in containers:
                container.clear()
                (container.extend if type(container) is list else container.update)(items)
            self.line, self.code = before[2], before[3]
            self.note(self.line, f"{function.__qualname__} is called in Python: {error}")
            name, may_write = function.__qualname__, changes_data(callee, given, kwargs)
            return self.make(name, callee, given, kwargs, None, may_write=may_write)
        finally:
            self.line, self.code = before[2], before[3]

    # ---- what makers ask for ------------------------------------------------------

    def column(self, value: Any, *, is_loose: bool = False, is_coded: bool = False) -> Column:
        """A traced column's native form; through a Python step where it has none.
        `is_loose`: the caller knows what booleans become where one is missing; `is_coded`: that
        a categorical column is its codes."""
        found = self.native(value)
        if isinstance(found, Labels):
            found = few.of_labels(self, found, value.value)
        if not isinstance(found, Column):
            raise NotNative(f"a {kind_of(value)} where a column is wanted")
        if found.dtype == LOOSE and not is_loose:
            raise NotNative("booleans of a table, which are objects where a row is not there")
        if found.dtype == REPLACED and not is_coded:
            raise NotNative("strings, some of which are numbers: add .astype(int) or float")
        if found.dtype == "category" and not is_coded:
            raise NotNative("the values of a categorical column")
        return found

    def frame_of(self, value: Any) -> Frame:
        found = self.native(value)
        if not isinstance(found, Frame):
            raise NotNative(f"a {kind_of(value)} where a frame is wanted")
        return found

    def matrix(self, value: Any) -> Matrix:
        found = self.native(value)
        if not isinstance(found, Matrix):
            raise NotNative(f"a {kind_of(value)} where a matrix is wanted")
        return found

    def exact(self, column: Column) -> Column:
        """A column for what has steps, to the bit: a value within rounding of the original's might
        fall on their other side. Scores of a model may, as its own labels at ties."""
        if self.context.is_exact(column.ref):
            return column
        node = self.twins.exact(column.node)
        if node is not None:
            return replace(column, node=node)
        if self.model is None:
            raise NotNative("it reads what is within rounding of NumPy's, and has steps")
        self.note(self.line, "rows whose score ties with a step's edge may fall on its other side")
        return column

    def exact_matrix(self, matrix: Matrix) -> Matrix:
        """The same of a matrix."""
        found = self.exact(Column(matrix.ref.node, matrix.dtype))
        return replace(matrix, ref=replace(matrix.ref, node=found.node))

    def native(self, value: Any) -> Native:
        """The native form of data; through a Python step where it has none."""
        if not isinstance(value, Traced):
            raise NotNative("a constant where data is wanted")
        if isinstance(value.native, str):
            return self.external(value)
        if isinstance(value.native, Picked):
            raise NotNative(PICKED)
        return value.native

    def external(self, value: Traced) -> Column | Matrix:
        """A Python step that computes the value from the caller's rows."""
        if value.external is not None:
            return value.external
        assert isinstance(value.native, str)
        why = value.native
        if value.is_part:
            raise NotNative(f"{why}; data picks its rows")
        made = ReplayStep.of(value, why, self.context, self.sample)
        step = self.context.builder.nodes[made.ref.node].payload
        if not step.is_row_wise:
            self.note(
                value.line,
                "this step is not row-wise: it gets all of a call's rows, those that leave a "
                "cascade early too",
            )
        value.external = made
        return made


def _columns_set(key: Any) -> frozenset[str] | None:
    """The columns that `frame.loc[key] = ...` writes to; None where it is not known."""
    name = key[1] if type(key) is tuple and len(key) == 2 else None
    names = [name] if isinstance(name, str) else name
    if type(names) is not list or not all(isinstance(each, str) for each in names):
        return None
    return frozenset(names)


#: What pandas copies before it is written to.
_TABLES = (pd.DataFrame, pd.Series)
#: What gives a part of a value.
_PICKS = (operator.getitem, getattr)

#: Methods that leave rows out.
_PICKING = frozenset(
    ["compress", "drop_duplicates", "dropna", "explode", "head", "nlargest", "nsmallest", "query",
     "sample", "tail", "truncate"]
)  # fmt: skip


def _is_told(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether a function of the user's is told more of the rows than how many there are."""
    own = getattr(function, "__func__", function)
    if not isinstance(own, types.FunctionType):
        own = type(function)
    is_told = is_users(own) and not is_own(function)
    return is_told and any(t.native != N_ROWS for t in walk([list(args), kwargs]))


#: Methods that give their owner's rows, whatever else they are given.
_KEEPING_ROWS = frozenset(["fillna", "isin", "map", "mask", "where"])


def _picks_rows(function: Any, args: tuple[Any, ...]) -> bool:
    """Whether what a call gives has the rows that data picks of its first argument's."""
    first = args[0] if args else None
    is_first = isinstance(function, CallMethod) and function.name in _KEEPING_ROWS
    if is_first or isinstance(function, (SetItem, AugmentItem)):
        return isinstance(first, Traced) and first.is_part
    if any(traced.is_part for traced in walk(list(args))):
        return True
    if isinstance(function, CallMethod):
        return function.name in _PICKING
    if function is not operator.getitem:
        return False
    key = args[1][0] if isinstance(args[1], tuple) and args[1] else args[1]
    return isinstance(key, Traced) and str(getattr(key.value, "dtype", "")) in ("bool", "boolean")


class _Bound:
    """A method of a traced value, not called yet."""

    def __init__(self, tracer: Tracer, owner: Traced, name: str) -> None:
        self.tracer = tracer
        self.owner = owner
        self.name = name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.tracer.call_method(self.owner, self.name, args, kwargs)
