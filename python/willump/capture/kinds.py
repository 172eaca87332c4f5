"""What values and callables are, as METHODS and `explain` name them."""

from __future__ import annotations

import inspect
import types
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp

from .registry import METHODS, Maker
from .source import is_of_library
from .values import Column, Part, Picked, Traced

#: Functions that give the very array that they are given, where it is of their dtype.
SAME_ARRAY = frozenset(
    [np.asarray, np.asanyarray, np.ascontiguousarray, np.atleast_1d, np.atleast_2d, np.ravel]
)


def nodes_of(native: Any) -> tuple[int, ...]:
    """The nodes that a native form is, and those of its blocks."""
    if isinstance(native, Picked):
        native = native.column
    if isinstance(native, Column):
        return (native.node,)
    ref = getattr(native, "ref", None)
    return () if ref is None else (ref.node, *(part.node for _, part in ref.parts))


def gives_argument(function: Any) -> bool:
    """Whether the argument that a call gave on the sample is what it gives of any rows."""
    is_own = isinstance(function, (types.FunctionType, types.MethodType))
    return function in SAME_ARRAY if not is_own or is_of_library(function) else False


_VIEWS: tuple[Any, ...] = (type({}.keys()), type({}.values()), type({}.items()), map, filter, zip)


def is_container(value: Any) -> bool:
    return type(value) in (list, dict, set)


def listed(arg: Any) -> Any:
    """What builtins would read item by item, as a list: what hangs on the input is seen."""
    return list(arg) if isinstance(arg, _VIEWS) else arg


def kind_of(value: Any) -> str:
    """What a traced value is, as METHODS names it."""
    inner = value.value if isinstance(value, Traced) else value
    if isinstance(value, Traced) and isinstance(value.native, Part):
        part = value.native.name
        return part if part in ("str", "dt") else f"{kind_of(value.native.of)}.{part}"
    if isinstance(inner, pd.DataFrame):
        return "frame"
    if isinstance(inner, pd.Series):
        return "series"
    if sp.issparse(inner):
        return "matrix"
    if isinstance(getattr(inner, "dtype", None), pd.StringDtype):
        return "strings"
    if isinstance(inner, np.ndarray):
        return {1: "array", 2: "matrix"}.get(inner.ndim, "scalar")
    return type(inner).__name__


def constant_kind(owner: Any) -> str:
    if type(owner).__name__ == "_LocIndexer":
        return "constant.loc"
    if isinstance(owner, (pd.Series, pd.DataFrame)):
        return "constant"
    return type(owner).__name__


def bound_maker(callee: Any) -> Maker | None:
    """Of a method of a constant table."""
    owner = getattr(callee, "__self__", None)
    if owner is None or type(owner).__module__.partition(".")[0] != "pandas":
        return None
    return METHODS.get(("constant", callee.__name__))


def name_of(callee: Any) -> str:
    owner = getattr(callee, "__self__", None)
    name = getattr(callee, "__name__", type(callee).__name__)
    if owner is None or inspect.ismodule(owner):
        return str(name)
    return f"{type(owner).__name__}.{name}"
