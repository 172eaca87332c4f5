"""Which methods and functions have a native form, and who makes it.

A maker takes the `Call` and gives the native form of its result, or raises
`NotNative`: then the call is left to Python. The call has been made on the
sample by then, so a maker sees the result that it must give, dtype and all, and
plain Python's own errors have been raised.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from .values import Native, NotNative

if TYPE_CHECKING:
    from .tracer import Tracer


@dataclass
class Call:
    """A call in progress; `args` are those of plain Python, the receiver first."""

    tracer: Tracer
    name: str
    function: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    value: Any  #: what it gave on the sample

    def bind(self, *names: str, **defaults: Any) -> Arguments:
        """The arguments by name: `names` by position, `defaults` for those left out.

        One that no name takes is refused.
        """
        if len(self.args) > len(names):
            raise NotNative(f"{self.name} with {len(self.args)} arguments by position")
        found = {**defaults, **dict(zip(names, self.args, strict=False))}
        for key, value in self.kwargs.items():
            if key not in names and key not in defaults:
                raise NotNative(f"{self.name}({key}=...)")
            found[key] = value
        missing = [name for name in names if name not in found]
        if missing:
            raise NotNative(f"{self.name} without {missing[0]}")
        return Arguments(found)


class Arguments:
    """Arguments as attributes."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.__dict__.update(values)

    def __getattr__(self, name: str) -> Any:  # for type checkers: all are set
        raise AttributeError(name)


Maker: TypeAlias = Callable[[Call], Native]

#: By what the receiver is ("frame", "series", "array", "matrix", "str", "dt",
#: "labels") and the method's name; operators are methods of their own names.
METHODS: dict[tuple[str, str], Maker] = {}
#: By the function itself.
FUNCTIONS: dict[Any, Maker] = {}
#: By the function's module and name, for libraries that are imported only when used.
NAMED: dict[str, Maker] = {}


def method(kinds: str, *names: str) -> Callable[[Maker], Maker]:
    """Registers the maker of methods of values of these kinds."""

    def register(maker: Maker) -> Maker:
        for kind in kinds.split():
            for name in names:
                METHODS[kind, name] = maker
        return maker

    return register


def function(*functions: Any) -> Callable[[Maker], Maker]:
    """Registers the maker of functions; strings are "module:name"."""

    def register(maker: Maker) -> Maker:
        for each in functions:
            if isinstance(each, str):
                NAMED[each] = maker
            else:
                FUNCTIONS[each] = maker
        return maker

    return register


def maker_of(callee: Any) -> Maker | None:
    """The maker of a function, if it has one."""
    try:
        found = FUNCTIONS.get(callee)
    except TypeError:  # has no hash
        return None
    if found is None and (inspect.isroutine(callee) or inspect.isclass(callee)):
        module = getattr(callee, "__module__", None) or ""
        found = NAMED.get(f"{module.partition('.')[0]}:{getattr(callee, '__name__', '')}")
    return found
