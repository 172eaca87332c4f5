"""Calls that a body makes: of the user's functions, objects and classes, of libraries, builtins
and data."""

from __future__ import annotations

import abc
import ast
import builtins
import collections
import enum
import functools
import inspect
import logging
import types
from typing import Any

import numpy as np
import pandas as pd

from . import libraries
from .callables import is_called, is_entered, operators_of, unwrapped
from .holding import Holding
from .inner import Inner
from .keeping import (
    ANY,
    FILES,
    PASSING,
    held_by,
    holds_numbers,
    is_keeper,
    is_object,
    is_users,
    package,
    package_of,
)
from .lasting import KEEPING
from .places import UNKNOWN, WHATEVER, Given, Made, Place, Within, derived, part_of
from .source import LIBRARIES

#: Methods of containers that give something back as they take it out.
_GIVING = frozenset(["pop", "popitem", "popleft", "setdefault"])
#: Builtins that read what they are given, those that hand on what is in it, those that call it,
#: and those that may do anything.
_READERS = frozenset(
    ["abs", "all", "any", "bool", "bytes", "callable", "chr", "complex", "divmod", "float",
     "format", "frozenset", "hash", "hasattr", "id", "int", "isinstance", "issubclass", "len",
     "ord", "pow", "print", "range", "repr", "round", "slice", "str", "sum"]
)  # fmt: skip
_PASSERS = frozenset(
    ["dict", "enumerate", "filter", "iter", "list", "map", "max", "min", "next", "reversed", "set",
     "sorted", "tuple", "zip"]
)  # fmt: skip
#: What estimators call of their parts.
_CALLED_PARTS = ("__call__", "transform", "predict", "predict_proba", "decision_function",
                 "inverse_transform")  # fmt: skip
_ANYTHING = frozenset(
    ["__import__", "breakpoint", "compile", "delattr", "eval", "exec", "input", "locals"]
)
#: Methods of containers that give what is in them.
_TAKEN_FROM = frozenset(["get", "pop", "popleft", "setdefault"])
#: Methods of Python's own classes, not bound.
_UNBOUND = (types.MethodDescriptorType, types.WrapperDescriptorType)


def _is_method(function: types.FunctionType) -> bool:
    """Whether a library's function is a method that is not bound."""
    where = function.__qualname__.split(".")
    return len(where) == 2 and where[0].isidentifier() and where[0][:1].isupper()


def method_call(name: str) -> ast.Call:
    """A call of a method that stands in no source."""
    return ast.Call(ast.Attribute(ast.Name("_", ast.Load()), name, ast.Load()), [], [])


class Calls(Holding):
    """The calls of a body."""

    data: set[str]  #: the names that hang on data
    local: set[str]
    inner: set[str]  #: functions within it
    seen: dict[str, Any]  #: what it names of what is around it
    places: dict[str, list[Place]]
    parameters: list[str]
    returned: list[Place]

    @abc.abstractmethod
    def visit(self, node: ast.AST, *, is_read: bool = True, is_used: bool = True) -> Place | None:
        """Where the value of an expression lies; None of what is no part of a keeper."""

    @abc.abstractmethod
    def attribute(self, node: ast.Attribute, is_read: bool) -> Place | None:
        """Where an attribute's value lies."""

    @abc.abstractmethod
    def store(self, target: ast.expr, place: Place | None, is_data: bool) -> None:
        """What an assignment does."""

    @abc.abstractmethod
    def is_data(self, node: ast.AST) -> bool:
        """Whether a value hangs on data, or on what keeps some."""

    @abc.abstractmethod
    def is_missing(self, container: ast.expr) -> bool:
        """Whether what runs now runs where a key was looked for in a container."""

    @abc.abstractmethod
    def mangled(self, name: str) -> str:
        """A private name as its class has it."""

    def call(self, node: ast.Call, is_read: bool, is_used: bool) -> Place | None:
        given = self._given(node)
        is_data = self.is_chosen or bool(given.data)
        if is_data:
            self._taken_by(node)
        told = {keyword.arg for keyword in node.keywords if keyword.arg is not None}
        if isinstance(node.func, ast.Attribute):
            if self._is_super(node.func.value):
                return self._of_super(node.func.attr, given)
            method = node.func.attr
            is_keyed = method in ("get", "setdefault", "pop") and bool(node.args)
            is_keyed = is_keyed and self.is_data(node.args[0])
            is_put = method in KEEPING and method not in _GIVING
            owner = self.visit(node.func.value, is_read=is_read and not is_keyed and not is_put)
            if owner is not None:
                return self.method(node, owner, given, is_data, is_used, is_keyed)
            callee, holder = self.reached(node.func), self.reached(node.func.value)
            if isinstance(holder, PASSING):
                self._logged(holder, given)
                return None
            if callee is None:
                return self.of_data(node, given, told)
            return self.called(callee, given, told)
        if isinstance(node.func, ast.Name):
            name = node.func.id
            if hasattr(builtins, name) and name not in self.local and name not in self.seen:
                return self.builtin(node, name, given, is_data)
            if name in self.inner:  # looked into where it is defined
                for place in given.every:
                    self.escape(place)
                return self.one_of([Place(Made(), None, Made()), *self.returned])
        at = self.visit(node.func)
        if at is None or at.is_made:
            callee = self.reached(node.func)
            if callee is not None:
                return self.called(callee, given, told)
            for each in given.every:
                self.escape(each)
            return Place(Made(), None, Made())
        return self.called_at(at, given, told)

    def _given(self, node: ast.Call) -> Given:
        given = Given()
        for i, argument in enumerate(node.args):
            place = self.visit(argument)
            if isinstance(argument, ast.Starred) or given.rest:
                given.rest.append(place)
                given.is_all_data = True
            else:
                given.places.append(place)
            if self.is_data(argument):
                given.data.add(i)
        for keyword in node.keywords:
            place = self.visit(keyword.value)
            if keyword.arg is None:
                given.rest.append(place)
                given.is_all_data = True
            else:
                given.keywords[keyword.arg] = place
                if self.is_data(keyword.value):
                    given.data.add(keyword.arg)
        if given.is_all_data and not given.data:
            given.data.add(-1)
        return given

    def _taken_by(self, node: ast.Call) -> None:
        """A call with data may leave some in what the function made and gives it."""
        every = [*node.args, *(keyword.value for keyword in node.keywords)]
        if isinstance(node.func, ast.Attribute):
            every.append(node.func.value)
        for each in every:
            while isinstance(each, (ast.Attribute, ast.Subscript, ast.Starred)):
                each = each.value
            if not isinstance(each, ast.Name) or each.id not in self.local:
                continue
            if all(place.is_made for place in self.places.get(each.id, ())):
                self.data.add(each.id)

    def _is_super(self, node: ast.expr) -> bool:
        is_call = isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        return is_call and node.func.id == "super"  # type: ignore[attr-defined]

    def _of_super(self, name: str, given: Given) -> Place | None:
        """A method of the next class."""
        first = self.places.get(self.parameters[0], []) if self.parameters else []
        kind = self.seen.get("__class__")
        for own in first:
            order = own.value.__mro__ if isinstance(own.value, type) else type(own.value).__mro__
            behind = order[order.index(kind) + 1 :] if kind in order else ()
            method = next((vars(k)[name] for k in behind if name in vars(k)), None)
            method = unwrapped(getattr(method, "__func__", method))
            if is_entered(method):
                return self.enter(method, given.behind(own), is_chosen=self.is_chosen)
            if name not in ("__init__", "__enter__", "__exit__") or behind[:-1]:
                self.doubt(own)
        return None

    def method(
        self,
        node: ast.Call,
        owner: Place,
        given: Given,
        is_data: bool,
        is_used: bool,
        is_keyed: bool,
    ) -> Place | None:
        assert isinstance(node.func, ast.Attribute)
        name, value = self.mangled(node.func.attr), owner.value
        told = set(given.keywords)
        if isinstance(value, types.ModuleType):
            found = getattr(value, name, None)
            self.uses.see(value, name)
            return self.called(found, given, told)
        if isinstance(value, Made):
            return self.of_made(value, owner, name, given)
        if is_object(value):
            return self.of_object(owner, name, given, is_data, is_used)
        if isinstance(value, PASSING):
            self._logged(value, given)
            return None
        self._files(None, name, given)
        if holds_numbers(owner.whole):
            value = owner.whole  # a part of one is one, too
        is_known = value is not UNKNOWN and not isinstance(value, Within)
        if is_known:
            is_changing = libraries.changes(value, name, told) or bool(given.rest)
            for place in given.places[1:] if len(given.places) > 2 else ():
                if place is not None and isinstance(place.value, np.ndarray):
                    self.write(place)  # perhaps NumPy's `out`
        else:
            is_changing = libraries.is_taken(name, is_used=is_used) or name.startswith("fit")
        if not is_known and isinstance(value, Within):  # perhaps an object of the user's
            objects = [v for v in held_by(value.whole) if is_object(v)]
            if objects:
                self.doubt(owner)
        if is_known and package_of(type(value)) == "sklearn":
            self._parts(value)
        if is_changing and is_data:
            is_memory = name == "update" and self.is_missing(node.func.value)
            self.write(owner, is_keyed=is_keyed or is_memory)
        if name not in KEEPING or name in _GIVING:
            self.read(owner, is_keyed=is_keyed)
        if is_changing:
            for place in given.every:
                self.escape(place)
        self._run(given)
        if holds_numbers(value):
            is_held = isinstance(value, pd.Series) and value.dtype == object
            is_view = isinstance(value, np.ndarray) and name in libraries.VIEWING
            return derived([owner]) if is_held or is_view else None
        if name in _TAKEN_FROM:
            first = node.args[0] if node.args else None
            key = first.value if isinstance(first, ast.Constant) else UNKNOWN
            return self.one_of([part_of(owner, key), *given.every])
        return derived([owner, *given.every])

    def _parts(self, estimator: Any) -> None:
        """Transformers, models and functions of the user's within an estimator are called."""
        for each in held_by(estimator, into_functions=False):
            if isinstance(each, types.FunctionType):
                self.enter(each, WHATEVER, is_chosen=self.is_chosen)
            elif is_object(each) and not isinstance(each, (type, types.ModuleType)):
                for name in _CALLED_PARTS:
                    method = unwrapped(inspect.getattr_static(type(each), name, None))
                    if is_entered(method):
                        given = Given([Place.of(each)], is_all_data=True)
                        self.enter(method, given, is_chosen=self.is_chosen)

    def of_made(self, value: Made, owner: Place, name: str, given: Given) -> Place | None:
        held = None if value.kind is None else inspect.getattr_static(value.kind, name, None)
        found = unwrapped(getattr(held, "__func__", held))
        if is_entered(found):
            if isinstance(held, classmethod):
                given = given.behind(Place.of(value.kind))
            elif not isinstance(held, staticmethod):
                given = given.behind(owner)
            self.enter(found, given, is_chosen=self.is_chosen)
        else:
            self.enter_kind(value.kind)
            self._files(None, name, given)
            for place in given.every:
                self.escape(place)
        return Place(Made(), None, Made())

    def of_object(
        self, owner: Place, name: str, given: Given, is_data: bool, is_used: bool
    ) -> Place | None:
        value = owner.value
        kind = value if isinstance(value, type) else type(value)
        found = inspect.getattr_static(kind, name, None)
        function = unwrapped(getattr(found, "__func__", found))
        if isinstance(found, staticmethod):
            return self.called(function, given, set(given.keywords))
        if isinstance(found, classmethod) and is_entered(function):
            given = given.behind(Place.of(kind))
            return self.enter(function, given, is_chosen=self.is_chosen)
        if is_entered(function) and isinstance(value, type):
            return self.enter(function, given, is_chosen=self.is_chosen)
        if is_entered(function):
            return self.enter(function, given.behind(owner), is_chosen=self.is_chosen)
        if is_users(kind) and found is not None:  # a library's base calls what is the user's
            self.enter_kind(kind)
        held = inspect.getattr_static(value, name, None) if found is None else None
        if held is not None:  # a function that an attribute has
            self.see(value, name)
            return self.called(held, given, set(given.keywords))
        self._files(None, name, given)
        self.uses.asked.add("?")
        self.uses.see(value, ANY)
        if is_data:
            self.uses.keep(value, ANY)
        self.uses.may_raise |= libraries.is_third_party(value)
        for place in given.every:
            self.escape(place)
        return derived([owner])

    def of_data(self, node: ast.Call, given: Given, told: set[str]) -> Place | None:
        """A method of what is no part of a keeper: data, or what was made of it."""
        assert isinstance(node.func, ast.Attribute)
        name = node.func.attr
        self._files(None, name, given)
        has_out = "out" in told or len(given.places) > 2
        if libraries.is_of_data(name) and not has_out:
            first = given.places[0] if len(given.every) == 1 and given.places else None
            is_table = first is not None and type(first.value) in (dict, collections.OrderedDict)
            if name == "map" and first is not None and is_table:
                self.read(first, is_keyed=True)  # by its rows' keys
            else:
                self._show(given)
            return None
        for place in given.every:
            self.escape(place)
        return None

    def _show(self, given: Given) -> None:
        """What is given to a library's: it reads it, asks objects and calls functions."""
        for place in given.every:
            self.read(place)
            if is_object(place.value) and not is_called(place.value):
                self.doubt(place)
            if type(place.value) is collections.defaultdict:
                self.write(place)  # what is looked up is put there
        self._run(given)

    def _run(self, given: Given) -> None:
        """Functions that are handed to a library's are called; with whatever else is given."""
        calls = [p for p in given.every if is_called(p.value)]
        for place in calls:
            self.called_at(place, WHATEVER, set())
        for place in given.every if calls else ():
            if not any(place is called for called in calls):
                self.escape(place)

    def _logged(self, logger: Any, given: Given) -> None:
        """What is logged goes to handlers, perhaps of the user's."""
        self._show(given)
        logger = getattr(logger, "logger", logger)  # of an adapter
        while isinstance(logger, logging.Logger):
            for handler in logger.handlers:
                if is_users(type(handler)):
                    self.doubt_value(handler)
            logger = logger.parent

    def _files(self, callee: Any, name: str, given: Given) -> None:
        if libraries.writes_files(callee, name, [*given.places, *given.keywords]):
            self.uses.keep(FILES, ANY)
        if libraries.reads_files(callee, name):
            self.uses.see(FILES, ANY)

    def builtin(self, node: ast.Call, name: str, given: Given, is_data: bool) -> Place | None:
        first = given.places[0] if given.places else None
        told = node.args[1].value if len(node.args) > 1 and isinstance(
            node.args[1], ast.Constant) else None  # fmt: skip
        if name in _ANYTHING:
            self.uses.is_unknown = True
        if name == "getattr" and first is not None and isinstance(told, str):
            return self.attribute(ast.Attribute(node.args[0], told, ast.Load()), is_read=True)
        if name in ("setattr", "delattr") and first is not None:
            if isinstance(told, str) and len(node.args) == 3:
                target = ast.Attribute(node.args[0], told, ast.Store())
                self.store(target, given.places[2], is_data)
            else:
                self.doubt(first)
            return None
        if name == "globals":
            return Place.of(self.function.__globals__)
        if name == "vars" and first is not None and is_object(first.value):
            return Place(first.value, ANY, Within(first.value))
        if name == "type" and len(node.args) == 1 and first is not None:
            if isinstance(first.value, Made):
                return None if first.value.kind is None else Place.of(first.value.kind)
            return Place.of(type(first.value)) if is_object(first.value) else None
        if name == "open":
            modes = [a.value if isinstance(a, ast.Constant) else None for a in node.args[1:2]]
            modes += [k.value.value if isinstance(k.value, ast.Constant) else None
                      for k in node.keywords if k.arg == "mode"]  # fmt: skip
            if libraries.writes_files(open, name, [None, *modes]):
                self.uses.keep(FILES, ANY)
            else:
                self.uses.see(FILES, ANY)
            return Place(Made(), None, Made())
        if name in _READERS:
            for place in given.every:
                self.operand(place)
            if name == "print" and "file" in given.keywords:
                self.escape(given.keywords["file"])
            return None
        if name in _PASSERS:
            for place in given.every:
                is_iterated = is_object(place.value) and not is_called(place.value)
                if is_iterated:  # by a method of it
                    self.doubt(place)
                else:
                    self.read(place)
            self._run(given)
            own = [p for p in (*given.places, *given.rest) if p is not None]
            parts = [part_of(p) for p in own if not is_called(p.value)]  # what it iterates over
            return derived([*parts, *given.keywords.values()], is_held=True)
        for place in given.every:
            self.escape(place)
        return None

    def called_at(self, place: Place, given: Given, told: set[str]) -> Place | None:
        """A call of what lies at a place."""
        value = place.value
        if value is UNKNOWN or isinstance(value, Within):
            self.doubt(place)
            for each in given.every:
                self.escape(each)
            return Place(Made(), None, Made())
        return self.called(value, given, told)

    def called(self, callee: Any, given: Given, told: set[str]) -> Place | None:
        """A call of a value."""
        callee = unwrapped(callee.frozen() if isinstance(callee, Inner) else callee)
        if isinstance(callee, functools.partial):
            bound = given.behind(*map(Place.of, callee.args))
            fixed: dict[str, Place | None] = {k: Place.of(v) for k, v in callee.keywords.items()}
            bound.keywords = fixed | given.keywords
            return self.called(callee.func, bound, told)
        if isinstance(callee, functools._lru_cache_wrapper):
            self.called(callee.__wrapped__, given, told)
            self.uses.see(callee, ANY)
            return Place(callee, ANY, Within(callee))  # the same for every call with its arguments
        if isinstance(callee, np.vectorize):
            return self.called(callee.pyfunc, Given(is_all_data=True, rest=[*given.every]), told)
        if isinstance(callee, types.MethodType):
            own = Place.of(callee.__self__)
            function = unwrapped(callee.__func__)
            if is_entered(function):
                return self.enter(function, given.behind(own), is_chosen=self.is_chosen)
            if not isinstance(callee.__self__, type):
                return self._of_bound(callee, given)
        if isinstance(callee, type) and is_users(callee):
            return self._constructed(callee, given)
        if is_entered(callee):
            return self.enter(callee, given, is_chosen=self.is_chosen)
        if is_object(callee) and not isinstance(callee, (type, types.FunctionType)):
            return self.of_object(Place.of(callee), "__call__", given, True, True)
        return self._of_library(callee, given, told)

    def _of_library(self, callee: Any, given: Given, told: set[str]) -> Place | None:
        """A call of what is not the user's: a library's, a method of Python's own classes, or
        nobody knows what (None)."""
        name = str(getattr(callee, "__name__", ""))
        if libraries.is_python_ufunc(callee):
            self.uses.is_unknown = True
        bound_to = getattr(callee, "__self__", None)
        is_unbound = isinstance(callee, types.FunctionType) and _is_method(callee)
        if (
            (is_unbound or isinstance(callee, _UNBOUND))
            and given.places
            and given.places[0] is not None
        ):
            rest = Given(given.places[1:], given.keywords, given.data, given.is_all_data)
            return self._of_method(given.places[0], name, rest)
        is_free = bound_to is None or isinstance(bound_to, (types.ModuleType, type, np.ufunc))
        if not is_free:
            return self._of_bound(callee, given)
        self._files(callee, name, given)
        self.uses.asked.add(package_of(callee) or "?")
        state = libraries.state_of(callee)
        if state is not None:
            self.uses.see(state, ANY)
        self.uses.may_raise |= callee is not None and libraries.may_raise(callee)
        self.uses.is_unknown |= package_of(callee) in ("importlib", "imp", "runpy")
        if libraries.sets_state(callee):
            self.uses.keep(FILES, ANY)
        if package_of(callee) == "logging":
            self._logged(logging.getLogger(), given)
        is_told = not given.rest  # of what is starred, nobody knows which it is
        if is_told and libraries.reads_only(callee, told, len(given.places)):
            self._show(given)
            is_array = package_of(callee) in ("numpy", "pandas", "scipy")
            shares = not is_array or name in libraries.VIEWING
            return derived(given.every, is_held=not is_array) if shares else None
        for place in given.every:
            self.escape(place)
        if callee is None:
            return Place(Made(), None, Made())
        if package_of(callee) not in LIBRARIES:
            self.doubt_value(callee)
            if libraries.is_third_party(callee):
                note = self.uses.keep if given.data or self.is_chosen else self.uses.see
                note(package(package_of(callee)), ANY)
            return Place(Made(), None, Made())
        return None

    def _of_bound(self, callee: Any, given: Given) -> Place | None:
        """A bound method of what has no source."""
        owner = Place.of(callee.__self__)
        if not is_keeper(owner.value):
            self._files(callee, callee.__name__, given)
            self._logged(owner.value, given)
            return None
        return self._of_method(owner, callee.__name__, given)

    def _of_method(self, owner: Place, name: str, given: Given) -> Place | None:
        """A method that is called by whatever way."""
        if is_object(owner.value):
            self.doubt(owner)
        return self.method(method_call(name), owner, given, True, True, False)

    def _constructed(self, kind: type, given: Given) -> Place:
        """An object that is made."""
        place = Place(Made(kind), None, Made(kind))
        for name in ("__new__", "__init__", "__post_init__"):
            method = inspect.getattr_static(kind, name, None)
            method = getattr(method, "__func__", method)
            self.uses.is_unknown |= name == "__new__" and is_entered(method)  # a singleton
            if name == "__post_init__" and is_entered(method):
                self.enter(method, Given([place]), is_chosen=self.is_chosen)
            elif is_entered(method) and not method.__code__.co_filename.startswith("<"):
                self.enter(method, given.behind(place), is_chosen=self.is_chosen)
            else:  # of a dataclass, of a library: it may hold what it is given
                for each in given.every:
                    self.escape(each)
        if not isinstance(kind, enum.EnumMeta):
            self.enter_kind(type(kind), ("__call__",))
            self.enter_kind(kind, operators_of(kind))
        return place

    def reached(self, node: ast.expr) -> Any:
        """The function that a name, or a module's attribute, stands for; None: not known."""
        if isinstance(node, ast.Name):
            if node.id in self.local:
                return None
            found = getattr(builtins, node.id, None)
            return self.seen.get(node.id, found if isinstance(found, type) else None)
        if isinstance(node, ast.Attribute):
            owner = self.reached(node.value)
            is_holder = isinstance(owner, (types.ModuleType, type))
            return getattr(owner, node.attr, None) if is_holder else None
        return None
