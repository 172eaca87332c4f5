"""Objects that may keep what they are given: which values are, and hold, such objects.

A call that is not followed, `box.put(df["x"].mean())`, may leave the sample's value in an
object, where a later `box.get()` would find it for ever (`uses`: by the sources).
"""

from __future__ import annotations

import datetime
import decimal
import enum
import functools
import inspect
import io
import logging
import pathlib
import re
import socket
import threading
import types
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from .source import LIBRARIES

#: An attribute's name where no source says which.
ANY = "*"

CONTAINERS = (list, dict, set)
#: What holds nothing that could change.
_FIXED = (
    type(None), bool, int, float, complex, str, bytes, tuple, frozenset, range, slice, type,
    types.ModuleType, types.FunctionType, types.BuiltinFunctionType, types.MethodType,
    functools.partial, functools._lru_cache_wrapper, re.Pattern, re.Match, datetime.date,
    datetime.time, datetime.timedelta, datetime.tzinfo, decimal.Decimal, enum.Enum, uuid.UUID,
    pathlib.PurePath,
)  # fmt: skip
#: What passes on what it is given, or has none of it.
PASSING = (logging.Logger, logging.LoggerAdapter, type(threading.Lock()), type(threading.RLock()),
            socket.socket, socket.SocketIO, io.BufferedRWPair)  # fmt: skip
_ITERATORS = (types.GeneratorType, bytearray, Iterator)


def is_keeper(value: Any) -> bool:
    """Whether a value is an object of which this module tells; plain containers, tables and
    arrays are watched elsewhere (`lasting`, `changes`)."""
    if type(value) in CONTAINERS or isinstance(value, (*_FIXED, *PASSING)):
        return False
    if inspect.isroutine(value) or type(value).__name__ == "cython_function_or_method":
        return False
    package = type(value).__module__.partition(".")[0]
    if package == "builtins":
        return isinstance(value, _ITERATORS)
    return package != __package__.partition(".")[0] and package not in LIBRARIES


def kept_within(value: Any, depth: int = 3) -> Iterator[Any]:
    """The objects that a value is, or holds in containers, methods and partials."""
    if is_keeper(value):
        yield value
    inner: Sequence[Any] = ()
    if isinstance(value, (list, tuple, set, frozenset)):
        inner = list(value)
    elif isinstance(value, dict):
        inner = list(value.values())
    elif isinstance(value, types.MethodType):
        inner = [value.__self__]
    elif isinstance(value, functools.partial):
        inner = [value.func, *value.args, *value.keywords.values()]
    for each in inner if depth and len(inner) < 1_000 else ():
        yield from kept_within(each, depth - 1)


def held_by(value: Any) -> Iterator[Any]:
    """The objects that a value leads to: within it, and in attributes."""
    known: set[int] = set()
    rest = [(value, 3)]
    while rest:
        found, depth = rest.pop()
        for each in kept_within(found):
            if id(each) not in known:
                known.add(id(each))
                yield each
                if depth:
                    rest += [(v, depth - 1) for v in attributes_of(each).values()]


def attributes_of(value: Any) -> dict[str, Any]:
    """What an object's attributes hold, but for those in slots."""
    found = getattr(value, "__dict__", {})
    return found if type(found) is dict else {}


@dataclass
class Uses:
    """The attributes of objects that take something in, and those that are read."""

    objects: dict[int, Any] = field(default_factory=dict)
    kept: dict[int, set[str]] = field(default_factory=dict)
    read: dict[int, set[str]] = field(default_factory=dict)
    #: The calls that were looked into: how much was kept behind each, and where its answer lies.
    entered: dict[Any, tuple[int, Any]] = field(default_factory=dict)

    @property
    def n_kept(self) -> int:
        return sum(map(len, self.kept.values()))

    def note(self, owner: Any) -> None:
        """An object or class that is at hand."""
        is_class = isinstance(owner, type) and owner.__module__.partition(".")[0] not in LIBRARIES
        if is_class or is_keeper(owner):
            self.objects[id(owner)] = owner

    def keep(self, owner: Any, name: str) -> None:
        self._add(self.kept, owner, name)

    def see(self, owner: Any, name: str) -> None:
        self._add(self.read, owner, name)

    def doubt(self, owner: Any) -> None:
        """Whatever it has may be read and changed."""
        for each in held_by(owner):
            self.keep(each, ANY)
            self.see(each, ANY)

    def add(self, other: Uses) -> None:
        for owner, kept, read in other:
            for name in kept:
                self.keep(owner, name)
            for name in read:
                self.see(owner, name)

    def _add(self, names: dict[int, set[str]], owner: Any, name: str) -> None:
        self.objects[id(owner)] = owner
        names.setdefault(id(owner), set()).add(name)

    def __iter__(self) -> Iterator[tuple[Any, set[str], set[str]]]:
        """Objects, what they keep, and what of them is read."""
        for key, owner in self.objects.items():
            yield owner, self.kept.get(key, set()), self.read.get(key, set())


def is_overlap(kept: set[str], read: set[str]) -> bool:
    return bool(kept & read) or (ANY in kept and bool(read)) or (ANY in read and bool(kept))
