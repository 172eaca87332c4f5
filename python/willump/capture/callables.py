"""Which values are called, whose source is looked into, and what classes say of operators."""

from __future__ import annotations

import contextlib
import enum
import functools
import inspect
import types
from typing import Any

import numpy as np

from .inner import Inner
from .keeping import INSTALLED, is_keeper, is_object, is_users
from .source import LIBRARIES


def is_entered(function: Any) -> bool:
    """Whether the source of a function is looked into: not those of libraries."""
    return isinstance(function, types.FunctionType) and is_users(function)


def unwrapped(function: Any) -> Any:
    """The function of the user's that a library's wrapper calls (scikit-learn puts one around
    `transform`); any other function itself."""
    while isinstance(function, types.FunctionType):
        is_wrapper = function.__code__.co_filename.startswith(INSTALLED)
        inner = getattr(function, "__wrapped__", None)
        if not is_wrapper or inner is None or not _is_of_library(function.__code__):
            break
        function = inner
    return function


def _is_of_library(code: types.CodeType) -> bool:
    if code.co_filename == contextlib.__file__:
        return True
    parts = code.co_filename.replace("\\", "/").split("/")
    return not LIBRARIES.isdisjoint(parts)


#: What is called rather than kept.
_CALLABLES = (types.FunctionType, types.MethodType, functools.partial,
             functools._lru_cache_wrapper, np.vectorize, Inner)  # fmt: skip


def is_called(value: Any) -> bool:
    """Whether who is given a value may call it: functions, and objects with `__call__`."""
    if isinstance(value, _CALLABLES):
        return True
    if isinstance(value, (types.BuiltinFunctionType, types.MethodWrapperType)):
        owner = value.__self__
        return owner is not None and not isinstance(owner, types.ModuleType) and is_keeper(owner)
    return is_object(value) and isinstance(
        inspect.getattr_static(type(value), "__call__", None), types.FunctionType
    )


#: Methods of classes by which no operator, and no builtin, runs code.
_PLAIN = frozenset(
    ["__init__", "__new__", "__post_init__", "__class__", "__dict__", "__doc__", "__module__",
     "__weakref__", "__slots__", "__annotations__", "__qualname__", "__init_subclass__",
     "__dataclass_fields__", "__dataclass_params__", "__match_args__", "__enter__", "__exit__",
     "__abstractmethods__", "__parameters__", "__orig_bases__", "__firstlineno__",
     "__static_attributes__", "__class_getitem__"]
)  # fmt: skip


def has_operators(kind: type) -> bool:
    """Whether a class of the user's says what operators and builtins do."""
    own = [base for base in kind.__mro__ if is_users(base)]
    names = {name for base in own for name in vars(base) if name.startswith("__")}
    other = [base for base in kind.__mro__[:-1] if not is_users(base) and base is not enum.Enum]
    return bool(names - _PLAIN) or any(names_of(base) for base in other)


def operators_of(kind: type) -> tuple[str, ...]:
    """The methods of a class that operators, builtins and attributes run."""
    return tuple(sorted(n for n in names_of(kind) if n.startswith("__") and n not in _PLAIN))


def names_of(kind: type) -> frozenset[str]:
    return frozenset().union(*(vars(base) for base in kind.__mro__[:-1]))
