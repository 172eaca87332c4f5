"""Methods of a compiled object that are there for some models only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ._options import has_method


class OnlyIf:
    """A method that is there only where another, a condition, of its object says so."""

    def __init__(self, condition: str, function: Callable[..., Any]) -> None:
        self.condition = condition
        self.function = function
        self.__doc__ = function.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, instance: Any, owner: type) -> Any:
        if instance is not None and not getattr(instance, self.condition)():
            instance._given("", self.name)
        return self.function.__get__(instance, owner)


def only_if(condition: str) -> Callable[[Callable[..., Any]], Any]:
    return lambda function: OnlyIf(condition, function)


class Absent:
    """A method of scikit-learn's that there is not: `hasattr` is false, and the error
    says what to do instead."""

    def __init__(self, why: str) -> None:
        self.why = why

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        if instance is None:
            return self
        raise AttributeError(f"a compiled object has no {self.name}: {self.why}")


class OfTrees:
    """A method of the source's trees, there where the source has it (`_families`)."""

    def __init__(self, doc: str) -> None:
        self.__doc__ = doc

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        if instance is None:
            return self
        if not has_method(instance.metadata, self.name):
            instance._refuse(self.name)
        name = self.name

        def method(*args: Any, **kwargs: Any) -> Any:
            return instance._with_options(name, args, kwargs)

        method.__name__, method.__doc__ = name, self.__doc__
        return method
