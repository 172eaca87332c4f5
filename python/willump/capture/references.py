"""Python steps in an artifact: what they call, by module and name, and never code.

A step is a few calls upon the caller's rows. Each callee is a function that an import
finds again, or something that is done to pandas' objects (a method by its name, an
operator); what is handed to it is plain data. Whatever else a step holds (a lambda, a
fitted object, a table) cannot be told by a name, and is refused where it is saved.

A loaded step runs what it names, so an artifact loads only when its reader allows the
modules: no file brings code of a module that was not named.
"""

from __future__ import annotations

import importlib
import inspect
import math
import operator
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from .._errors import ArtifactError
from ..convert.steps import Columns, PythonStep
from . import plain_values
from .as_frame import AsFrame
from .numpy_steps import NumpyStep
from .steps import ReplayStep
from .values import AugmentItem, CallMethod, Replay, SetItem, n_rows_of

#: What steps do that is no import: to objects of pandas.
_PANDAS = "pandas"
_OPERATORS = (
    "abs", "add", "and_", "eq", "floordiv", "ge", "getitem", "gt", "invert", "le", "lshift", "lt",
    "matmul", "mod", "mul", "ne", "neg", "or_", "pos", "pow", "rshift", "sub", "truediv", "xor",
)  # fmt: skip
_TYPES = {t.__name__: t for t in (bool, int, float, str, object)}
_FIELDS = ("name", "why", "n_features", "sparse", "dtype", "result_dtype", "is_row_wise",
           "may_miss")  # fmt: skip


_NUMPY_FIELDS = ("name", "why", "n_features", "dtype", "input_dtype", "is_reversed")


#: What is done where a step needs an object.
_REMEDY = (
    "no name tells: an artifact stores no fitted objects, tables or arrays of Python steps; make "
    "the line native (explain() says what stands in the way)"
)


class NotStored(Exception):
    """What a name cannot tell, and why."""


# ---- writing ------------------------------------------------------------------


def described(steps: Sequence[Any], dtypes: Mapping[str, Any]) -> dict[str, Any]:
    """The steps of a function as an artifact's metadata hold them: `{"steps": …}`, or why
    they cannot: `{"refused": …}`."""
    writer = _Writer()
    found = []
    for step in steps:
        try:
            if isinstance(step, NumpyStep):
                made = {field: getattr(step, field) for field in _NUMPY_FIELDS}
                made["constant"] = writer.value(step.constant)
                found.append({**made, "numpy": writer.callee(step.function)})
                continue
            if not isinstance(step, ReplayStep) or step.replay is None:
                raise NotStored(_fitted(step))
            made = {field: getattr(step, field) for field in _FIELDS}
            found.append({**made, "call": writer.call(step.replay)})
        except NotStored as reason:
            return {"refused": f"{step.name} holds {reason}"}
    try:
        kept = {name: _stored_dtype(name, dtype, writer) for name, dtype in dtypes.items()}
    except NotStored as reason:
        return {"refused": str(reason)}
    return {
        "steps": found,
        "calls": writer.calls,
        "modules": sorted(writer.modules),
        "dtypes": kept,
    }


def _stored_dtype(name: str, dtype: Any, writer: _Writer) -> Any:
    """A column's dtype by its name; of categories, which ones in which order."""
    if str(dtype) != "category":
        return str(dtype)
    try:
        values = [writer.value(value) for value in dtype.categories.tolist()]
    except NotStored as reason:
        raise NotStored(f"column {name!r} has categories of which one is {reason}") from None
    return {"of": str(dtype.categories.dtype), "values": values, "ordered": bool(dtype.ordered)}


def _loaded_dtype(stored: Any, reader: _Reader) -> Any:
    if isinstance(stored, str):
        return stored
    values = [reader.value(value) for value in stored["values"]]
    return pd.CategoricalDtype(pd.Index(values, dtype=stored["of"]), bool(stored["ordered"]))


class _Writer:
    """Collects calls, each once."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []
        self.modules: set[str] = set()
        self._numbers: dict[int, int] = {}

    def call(self, replay: Replay) -> int | None:
        """A call's number; None is the caller's frame."""
        if replay.function is None:
            return None
        if id(replay) not in self._numbers:
            made = {
                "function": self.callee(replay.function),
                "args": [self.value(value) for value in replay.args],
                "kwargs": {key: self.value(value) for key, value in replay.kwargs.items()},
                "line": replay.line,
            }
            self._numbers[id(replay)] = len(self.calls)
            self.calls.append(made)
        return self._numbers[id(replay)]

    def callee(self, function: Callable[..., Any]) -> str:
        own = ""
        name = str(getattr(function, "__name__", ""))
        if isinstance(function, CallMethod):
            own = f"method {function.name}"
        elif isinstance(function, AugmentItem):
            own = f"augment {function.name}"
        elif isinstance(function, SetItem):
            own = f"setitem {function.part}"
        elif function is n_rows_of:
            own = "rows"
        elif function is getattr:
            own = "getattr"
        elif name in _OPERATORS and getattr(operator, name) is function:
            own = f"operator {name}"
        elif plain_values.BUILTINS.get(name) is function:
            own = f"builtin {name}"
        if not own:
            return self._reference(function)
        self.modules.add(_PANDAS)
        return own

    def _reference(self, function: Any) -> str:
        is_ufunc = isinstance(function, np.ufunc)
        module = str("numpy" if is_ufunc else getattr(function, "__module__", None) or "")
        name = str(getattr(function, "__qualname__", None) or getattr(function, "__name__", ""))
        shown = f"{module}.{name}" if module else repr(function)
        if "<" in name:
            raise NotStored(f"{shown}, which no import finds: define it at a module's top")
        if module == "__main__":
            raise NotStored(f"{shown}, which other programs cannot import: put it into a module")
        if module in ("", "builtins") or not (
            inspect.isroutine(function) or isinstance(function, (type, np.ufunc))
        ):
            raise NotStored(f"{type(function).__name__} {shown}, which no import finds")
        if _is_own_method(function):
            raise NotStored(_method_of(function))
        if _found(module, name) is not function:
            raise NotStored(f"{shown}, which an import does not find: a function that was replaced")
        self.modules.add(module.partition(".")[0])
        return f"import {module}:{name}"

    def value(self, value: Any) -> Any:
        if isinstance(value, Replay):
            return {"call": self.call(value)}
        if value is None or type(value) in (bool, str):
            return value
        if type(value) is int:
            return value if -(2**63) <= value < 2**63 else {"int": hex(value)}
        if type(value) is float:
            return value if math.isfinite(value) else {"float": repr(value)}
        if type(value) is list:
            return [self.value(item) for item in value]
        if type(value) in (tuple, set):
            return {type(value).__name__: [self.value(item) for item in value]}
        if type(value) is dict:
            return {"dict": [[self.value(k), self.value(v)] for k, v in value.items()]}
        if type(value) is slice:
            parts = (value.start, value.stop, value.step)
            return {"slice": [self.value(part) for part in parts]}
        if isinstance(value, np.dtype) and value.kind in "biufO":
            return {"dtype": value.str}
        if isinstance(value, np.generic) and value.dtype.kind in "biuf":
            return {"scalar": [value.dtype.str, self.value(value.item())]}
        if any(value is each for each in _TYPES.values()):
            return {"type": value.__name__}
        if type(value) in (pd.Timestamp, pd.Timedelta):
            return self._moment(value)
        plain = plain_values.stored(value, self.value)
        if plain is not None:
            return plain
        if callable(value):
            return {"function": self._reference(value)}
        raise NotStored(_held(value))

    def _moment(self, value: pd.Timestamp | pd.Timedelta) -> Any:
        kind = "timestamp" if isinstance(value, pd.Timestamp) else "timedelta"
        if getattr(value, "tzinfo", None) is not None:
            raise NotStored("a Timestamp with a time zone")
        return {kind: [int(value.as_unit("ns").value), value.unit]}


def _is_own_method(function: Any) -> bool:
    """Whether it is a method of an object, and none of a class."""
    return inspect.ismethod(function) and not isinstance(function.__self__, type)


def _fitted(step: Any) -> str:
    method = f"{type(step.estimator).__name__}.{step.method}" if step.estimator is not None else ""
    return f"{method or 'a method'} of a fitted object, which {_REMEDY}"


def _method_of(function: Any) -> str:
    owner = type(function.__self__).__name__
    return f"{owner}.{function.__name__}, a method of an object, which {_REMEDY}"


def _held(value: Any) -> str:
    """What is no plain value, and what to do."""
    name = f"a {type(value).__name__}"
    is_data = isinstance(value, (pd.DataFrame, pd.Series, np.ndarray)) or hasattr(
        value, "get_params"
    )
    return f"{name}, which {_REMEDY}" if is_data else name


# ---- reading ------------------------------------------------------------------


def _found(module: str, name: str) -> Any:
    """What an import gives under a name; None where there is none."""
    found: Any = importlib.import_module(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return found


def loaded(stored: Mapping[str, Any], allowed: Collection[str]) -> list[PythonStep]:
    """The steps of an artifact.

    Raises
    ------
    ArtifactError
        Where they call modules that are not allowed, or that have not what is called.
    """
    modules = sorted(str(module) for module in stored["modules"])
    if not set(modules) <= set(allowed):
        raise ArtifactError(
            f"it has {len(stored['steps'])} Python steps, which run what they name: load it with "
            f"allow_python={modules}, if you trust where it comes from"
        )
    reader = _Reader(allowed)
    for call in stored["calls"]:
        reader.add(call)
    steps: list[PythonStep] = []
    frame = AsFrame(
        {str(name): _loaded_dtype(dtype, reader) for name, dtype in dict(stored["dtypes"]).items()}
    )
    for number, step in enumerate(stored["steps"]):
        if "numpy" in step:
            own = {f: step[f] for f in _NUMPY_FIELDS}
            function, constant = reader.callee(step["numpy"]), reader.value(step["constant"])
            steps.append(
                NumpyStep(
                    estimator=None, method="", number=number, function=function,
                    constant=constant, **own,
                )
            )  # fmt: skip
            continue
        replay = reader.replay(step["call"])
        made = ReplayStep(
            estimator=None, method="", is_raw=True, columns=Columns((), ()), number=number,
            replay=replay, frame=frame, **{f: step[f] for f in _FIELDS if f in step},
        )  # fmt: skip
        steps.append(made)
    return steps


class _Reader:
    """Makes the calls of an artifact."""

    def __init__(self, allowed: Collection[str]) -> None:
        self.allowed = allowed
        self.replays: list[Replay] = []

    def add(self, call: Mapping[str, Any]) -> None:
        function = self.callee(call["function"])
        args = tuple(self.value(value) for value in call["args"])
        kwargs = {str(key): self.value(value) for key, value in call["kwargs"].items()}
        if function is getattr and (len(args) != 2 or kwargs):
            raise ValueError("a call of getattr")
        if function is getattr:
            _checked(args[1])
        self.replays.append(Replay(function, args, kwargs, int(call["line"])))

    def replay(self, number: int | None) -> Replay:
        """A call that was made already, so that none waits for itself."""
        if number is None:
            return Replay(None)
        if number < 0:
            raise IndexError(f"call {number}")
        return self.replays[number]

    def callee(self, text: str) -> Callable[..., Any]:
        kind, _, name = text.partition(" ")
        if kind == "import":
            return self._import(name)
        self._check_allowed(_PANDAS)
        if kind == "getattr":
            return getattr
        if kind == "rows":
            return n_rows_of
        if kind == "builtin":
            return plain_values.BUILTINS[name]
        if kind == "setitem":
            return SetItem(_checked(name))
        if kind == "method":
            return CallMethod(_checked(name))
        if kind in ("operator", "augment") and name in _OPERATORS:
            found: Callable[..., Any] = getattr(operator, name)
            return AugmentItem(name) if kind == "augment" else found
        raise ValueError(f"a call of {text!r}")

    def _check_allowed(self, module: str) -> None:
        if module.partition(".")[0] not in self.allowed:
            raise ArtifactError(f"a Python step calls {module}, which allow_python does not name")

    def _import(self, reference: str) -> Callable[..., Any]:
        """A function of an allowed module: its own, and none that it imports."""
        module, _, name = reference.partition(":")
        self._check_allowed(module)
        if "__main__" in module.split("."):
            raise ArtifactError(f"a Python step calls {module}, which is a program")
        try:
            found = _found(module, name)
        except ImportError as error:
            raise ArtifactError(f"a Python step calls {module}.{name}: {error}") from error
        is_own = isinstance(found, np.ufunc) or getattr(found, "__module__", None) == module
        if not callable(found) or not is_own:
            raise ArtifactError(f"a Python step calls {module}.{name}, which is not there")
        made: Callable[..., Any] = found
        return made

    def value(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self.value(item) for item in value]
        if not isinstance(value, dict):
            return value
        ((kind, inner),) = value.items()
        if kind == "call":
            return self.replay(inner)
        if kind == "float":
            return float(inner)
        if kind == "int":
            return int(inner, 16)
        if kind in ("tuple", "set"):
            items = [self.value(item) for item in inner]
            return tuple(items) if kind == "tuple" else set(items)
        if kind == "dict":
            return {self.value(key): self.value(item) for key, item in inner}
        if kind == "slice":
            return slice(*(self.value(part) for part in inner))
        if kind == "dtype":
            return np.dtype(str(inner))
        if kind == "scalar":
            return np.dtype(str(inner[0])).type(self.value(inner[1]))
        if kind == "type":
            return _TYPES[inner]
        if kind in ("timestamp", "timedelta"):
            return _moment(kind, *inner)
        if kind == "function":
            return self.callee(inner)
        return plain_values.loaded(kind, inner, self.value)


def _moment(kind: str, nanoseconds: int, unit: str) -> Any:
    make = pd.Timestamp if kind == "timestamp" else pd.Timedelta
    return make(int(nanoseconds), unit="ns").as_unit(unit)


def _checked(name: Any) -> str:
    """A public attribute's name."""
    if not isinstance(name, str) or name.startswith("_"):
        raise ValueError(f"an attribute {name!r}")
    return name
