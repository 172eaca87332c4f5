"""What may take something in and keep it: which values do, what they lead to, and what calls do
to them.

A call that is not followed, `box.put(df["x"].mean())`, may leave the sample's value in an
object, a container, an array or a global, where a later `box.get()` would find it for ever.
Everything that may change is told apart by what it is, not by its name (`uses`: by the sources
of what is called).
"""

from __future__ import annotations

import collections
import contextvars
import datetime
import decimal
import functools
import inspect
import io
import logging
import re
import socket
import sys
import sysconfig
import threading
import types
import uuid
import weakref
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp

from .inner import Inner
from .source import LIBRARIES, names_in

#: An attribute's name where no source says which, and of what has none.
ANY = "*"

CONTAINERS = (
    list, dict, set, bytearray, collections.deque, collections.Counter, collections.OrderedDict,
)  # fmt: skip
#: What a defaultdict may make of itself.
_DEFAULTS = (None, int, float, str, bool, list, dict, set, tuple)
#: What holds nothing that could change.
_FIXED = (
    type(None), bool, int, float, complex, str, bytes, range, slice, np.generic,
    np.dtype, np.ufunc, types.BuiltinFunctionType, types.MethodType, types.CodeType, re.Pattern,
    re.Match, datetime.date, datetime.time, datetime.timedelta, datetime.tzinfo, decimal.Decimal,
    uuid.UUID, PurePath, functools.partial,
)  # fmt: skip
#: What passes on what it is given, or has none of it.
PASSING = (logging.Logger, logging.LoggerAdapter, type(threading.Lock()), type(threading.RLock()),
            socket.socket, socket.SocketIO, io.BufferedRWPair)  # fmt: skip
_ITERATORS = (types.GeneratorType, Iterator)
#: Where packages are installed.
INSTALLED = tuple(sysconfig.get_path(kind) for kind in ("purelib", "platlib", "stdlib"))
#: Libraries whose objects lead to nothing of the user's.
_CLOSED_LIBRARIES = frozenset(["numpy", "pandas", "scipy", "polars", "pyarrow"])
#: Types of values that lead nowhere.
CLOSED = frozenset([type(None), bool, int, float, complex, str, bytes, np.float64, np.int64])
#: Of a value that leads to more than this, whatever there is may be reached.
_MOST = 20_000


class Files:
    """Stands for all that lies in files."""


FILES = Files()


@dataclass(frozen=True)
class Package:
    """Stands for all that an installed package has."""

    name: str


@functools.cache
def package(name: str) -> Package:
    return Package(name)


def package_of(kind: Any) -> str:
    return str(getattr(kind, "__module__", None) or "").partition(".")[0]


@functools.cache
def is_installed(package: str) -> bool:
    """Whether a package is Python's or was installed: what it keeps is its own."""
    if package in LIBRARIES or package in sys.stdlib_module_names:
        return package != "__main__"
    file = getattr(sys.modules.get(package), "__file__", None)
    return str(file).startswith(INSTALLED)


def is_users(value: Any) -> bool:
    """Whether a class or function is the user's own."""
    if isinstance(value, types.FunctionType) and value.__code__.co_filename.startswith(INSTALLED):
        return False
    return not is_installed(package_of(value))


def holds_numbers(value: Any) -> bool:
    """Whether a value is an array, a table or a matrix."""
    return package_of(type(value)) in ("numpy", "pandas", "scipy")


def is_container(value: Any) -> bool:
    """Whether a value is a container of Python's own, by which no other code runs."""
    if type(value) is collections.defaultdict:
        return value.default_factory in _DEFAULTS
    return type(value) in CONTAINERS


def is_keeper(value: Any) -> bool:
    """Whether a value may take something in."""
    if is_container(value) or isinstance(value, (Files, Package)):
        return True
    if isinstance(value, (tuple, frozenset)):
        return len(value) < 1_000 and any(map(is_keeper, value))
    if isinstance(value, (*_FIXED, *PASSING)):
        return False
    if isinstance(value, (type, types.FunctionType)):
        return is_users(value)
    if isinstance(value, types.ModuleType):
        return not is_installed(value.__name__.partition(".")[0])
    return not inspect.isroutine(value) and not is_own(value) and not _is_routine(value)


def is_object(value: Any) -> bool:
    """Whether what a value keeps lies in attributes that sources tell of; that of containers,
    tables, arrays and estimators lies in themselves."""
    if isinstance(value, (*_FIXED, *PASSING)) or is_container(value) or not is_keeper(value):
        return False
    if isinstance(value, (type, types.FunctionType, types.ModuleType)):
        return True
    package = package_of(type(value))
    return isinstance(value, _ITERATORS) if package == "builtins" else package not in LIBRARIES


def is_own(value: Any) -> bool:
    """Whether a value is this package's: what is followed."""
    return package_of(type(value)) == __package__.partition(".")[0]


def _is_routine(value: Any) -> bool:
    kind = type(value).__name__
    return kind in (
        "cython_function_or_method",
        "fused_cython_function",
        "_ArrayFunctionDispatcher",
    )


def owner_of(value: Any) -> Any:
    """By what a keeper is told from others: a module by its names, a view of an array by the
    array."""
    if isinstance(value, types.ModuleType):
        return vars(value)
    if isinstance(value, memoryview):
        value = value.obj
    if isinstance(value, pd.Series) and isinstance(value.dtype, np.dtype):
        value = value.to_numpy(copy=False)
    if sp.issparse(value) and isinstance(getattr(value, "data", None), np.ndarray):
        value = value.data
    while isinstance(value, np.ndarray) and value.base is not None:
        value = value.base
    return value


def parts_of(value: Any) -> list[Any]:
    """What a value leads to at once, by containers, attributes, and what a function's code
    names."""
    if isinstance(value, (list, tuple, set, frozenset, collections.deque)):
        return _open(value)
    if isinstance(value, dict):
        return [*_open(value), *_open(value.values())]
    if isinstance(value, types.MappingProxyType):
        return [*value, *value.values()]
    if isinstance(value, contextvars.ContextVar):
        return [value.get(None)]
    if isinstance(value, weakref.ReferenceType):
        return [value()]
    if isinstance(value, (np.ndarray, pd.Series)) and value.dtype == object:
        return _open(value.tolist())
    if isinstance(value, memoryview):
        return [value.obj]
    if isinstance(value, types.MethodType):
        return [value.__self__, value.__func__]
    if isinstance(value, functools.partial):
        return [value.func, *value.args, *value.keywords.values()]
    if isinstance(value, functools._lru_cache_wrapper):
        return [value.__wrapped__]
    if isinstance(value, types.FunctionType):
        if is_users(value):
            return _named_by(value)
        if is_installed(package_of(value)):
            return []
        cells = [v for cell in value.__closure__ or () for v in _content(cell)]
        return [*cells, *attributes_of(value).values()]  # around a function of the user's
    if isinstance(value, types.CellType):
        return _content(value)
    if isinstance(value, type):
        found = [v for v in vars(value).values() if _is_held(v)]
        return [*found, *value.__bases__] if is_users(value) else []
    if isinstance(value, types.ModuleType):
        return [v for v in vars(value).values() if _is_held(v)] if is_keeper(value) else []
    if isinstance(value, (staticmethod, classmethod)):
        return [value.__func__]
    if isinstance(value, property):
        return [f for f in (value.fget, value.fset) if f is not None]
    if package_of(type(value)) in _CLOSED_LIBRARIES:
        return []
    found = list(attributes_of(value).values())
    return [*found, type(value)] if is_object(value) else found


def _open(values: Any) -> list[Any]:
    """Of what a container holds, what may lead on."""
    kinds = {kind for kind in map(type, values) if kind not in CLOSED}
    return [value for value in values if type(value) in kinds] if kinds else []


def _is_held(value: Any) -> bool:
    return not isinstance(value, (*_FIXED, types.GetSetDescriptorType))


def _content(cell: types.CellType) -> list[Any]:
    try:
        return [cell.cell_contents]
    except ValueError:  # not yet set
        return []


def _named_by(function: types.FunctionType) -> list[Any]:
    """What a function's code names of what is around it; of a module, what it has by such a
    name."""
    names, around = names_in(function.__code__), function.__globals__
    found = [around[name] for name in names if name in around]
    found += [v for cell in function.__closure__ or () for v in _content(cell)]
    own = [module for module in found if isinstance(module, types.ModuleType)]
    found = [value for value in found if not isinstance(value, types.ModuleType)]
    for module in own:
        if is_keeper(module):
            found += [vars(module)[name] for name in names if name in vars(module)]
    found += [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]
    return [*found, *attributes_of(function).values()]


def held_by(value: Any, *, into_functions: bool = True) -> Iterator[Any]:
    """What a value is, or leads to, that may change or be called: keepers, functions of the
    user's; `into_functions`: what these name, too."""
    known: set[int] = set()
    rest = [value]
    while rest:
        found = rest.pop()
        if isinstance(found, Inner):
            found = found.frozen()
        if id(found) in known or isinstance(found, PASSING) or is_own(found):
            continue
        known.add(id(found))
        if is_keeper(found):
            yield found
        is_function = isinstance(found, types.FunctionType) and is_users(found)
        if len(known) < _MOST and (into_functions or not is_function):
            rest += parts_of(found)


def attributes_of(value: Any) -> dict[str, Any]:
    """What an object's attributes hold."""
    found = getattr(value, "__dict__", {})
    found = dict(found) if type(found) is dict else {}
    for kind in type(value).__mro__[:-1]:
        for name, slot in vars(kind).items() if "__slots__" in vars(kind) else ():
            if isinstance(slot, types.MemberDescriptorType) and hasattr(value, name):
                found.setdefault(name, getattr(value, name))
    return found


@dataclass(frozen=True)
class Keyed:
    """A place within a container that data picks: what one call puts there by its keys it may
    find again there by its keys, as it would in any other order (it remembers)."""

    name: str
    inside: Any  #: the code that picks it
    call: Any  #: the code of the call that is not followed

    def is_of_one_call(self, other: Keyed) -> bool:
        return self.inside is other.inside or self.call is other.call


@dataclass
class Uses:
    """The attributes of keepers that take something in, and those that are read."""

    objects: dict[int, Any] = field(default_factory=dict)
    kept: dict[int, set[Any]] = field(default_factory=dict)
    read: dict[int, set[Any]] = field(default_factory=dict)
    #: The calls that were looked into: how much was kept behind each, and where its answer lies.
    entered: dict[Any, tuple[int, Any]] = field(default_factory=dict)
    #: What is given and hangs on the input, by id.
    of_data: set[int] = field(default_factory=set)
    #: Classes of which any method may be called, and which methods.
    kinds: set[Any] = field(default_factory=set)
    #: The packages whose functions are called; "?" of what is not known.
    asked: set[str] = field(default_factory=set)
    #: Whether something is done that may do anything: code that is run, modules that are changed.
    is_unknown: bool = False
    #: Whether something that is called raises by a statement, or might for all that is known.
    may_raise: bool = False

    @property
    def n_kept(self) -> int:
        return sum(map(len, self.kept.values()))

    def note(self, owner: Any) -> None:
        """A keeper that is at hand."""
        if is_keeper(owner) and not isinstance(owner, (types.FunctionType, tuple, frozenset)):
            owner = owner_of(owner)
            self.objects[id(owner)] = owner

    def keep(self, owner: Any, name: Any) -> None:
        self._add(self.kept, owner, name)

    def see(self, owner: Any, name: Any) -> None:
        self._add(self.read, owner, name)

    def is_kept(self, owner: Any) -> bool:
        return id(owner_of(owner)) in self.kept

    def names_kept(self) -> set[str]:
        """Attributes that something was put in."""
        every = set().union(*self.kept.values()) if self.kept else set()
        return {each.name if isinstance(each, Keyed) else each for each in every}

    def _add(self, names: dict[int, set[Any]], owner: Any, name: Any) -> None:
        owner = owner_of(owner)
        if isinstance(owner, (tuple, frozenset)):  # what is in it may change, not itself
            return
        self.objects[id(owner)] = owner
        names.setdefault(id(owner), set()).add(name)

    def __iter__(self) -> Iterator[tuple[Any, set[Any], set[Any]]]:
        """Keepers, what they keep, and what of them is read; not what is data itself."""
        for key, owner in self.objects.items():
            if key in self.of_data:
                continue
            yield owner, self.kept.get(key, set()), self.read.get(key, set())


def is_overlap(kept: set[Any], read: set[Any]) -> bool:
    """Whether something that is kept is read."""
    return any(_is_one(one, other) for one in kept for other in read)


def _is_one(one: Any, other: Any) -> bool:
    if isinstance(one, Keyed) and isinstance(other, Keyed) and one.is_of_one_call(other):
        return False
    names = [each.name if isinstance(each, Keyed) else each for each in (one, other)]
    return ANY in names or names[0] == names[1]
