"""Plain Python functions to graphs; see docs/capture.md.

`source` finds a function's syntax tree, `interpreter` and `expressions` follow it, `tracer` runs
what hangs on the argument on the sample and gives it nodes (`changes`, `effects`: what calls change
in place; `uses`, `keeping`: what they leave in objects; `checks`: against the plain function), with
the makers of
`frames`, `columns`, `choices`, `strings`, `dates`, `joins`, `numpy_calls` and
`estimators`. What has no native form is replayed by plain Python (`steps`).
`inputs` reads the caller's X, `result` shows what the function would return;
`conversion` is what `optimize` takes.
"""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import Callable
from typing import Any, TypeVar

_F = TypeVar("_F", bound=Callable[..., Any])


def pipeline(function: _F) -> _F:
    """Marks a function as a pipeline that `compile` takes; it stays what it is.

    Examples
    --------
    >>> import pandas as pd
    >>> import willump
    >>> @willump.pipeline
    ... def fare(trips):
    ...     return (trips["km"] * 1.5 + 2.0).clip(upper=50.0).to_numpy()
    >>> fast = willump.compile(fare, sample=pd.DataFrame({"km": [1.0, 40.0]}))
    >>> fast({"km": 2.0}).tolist()
    [5.0]
    """
    if not is_function(function):
        raise TypeError(f"willump.pipeline takes a function, not {type(function).__name__}")
    function.__dict__["__willump_pipeline__"] = True
    return function


def is_function(candidate: Any) -> bool:
    """Whether `compile` follows it as a function of the user's."""
    return isinstance(candidate, (types.FunctionType, types.MethodType))


def as_function(candidate: Any) -> Any:
    """The function that `compile` follows: a function or method itself; of a
    `functools.partial`, or an object of the user's that is called like a function, one that
    calls it. None of anything else, as of a fitted model."""
    if is_function(candidate):
        return candidate
    kind = type(candidate)
    has_source = isinstance(inspect.getattr_static(kind, "__call__", None), types.FunctionType)
    is_model = any(hasattr(candidate, name) for name in ("fit", "predict", "transform"))
    is_partial = isinstance(candidate, functools.partial)
    if isinstance(candidate, type) or not (is_partial or (has_source and not is_model)):
        return None

    def called(rows: Any) -> Any:
        return candidate(rows)

    named = candidate.func if is_partial else kind
    called.__qualname__ = getattr(named, "__qualname__", type(named).__qualname__)
    return called
