"""What calls that are not followed do to what may keep things: containers, arrays, tables,
objects, classes, the names of modules and of functions around, files."""

from __future__ import annotations

import inspect
import types
from typing import Any

from .bodies import Root
from .callables import is_called, is_entered, operators_of, unwrapped
from .keeping import ANY, Uses, held_by, is_keeper, is_users, owner_of
from .lasting import KEEPING
from .libraries import takes
from .places import Given, Place
from .values import AugmentItem, CallMethod, SetItem, is_traced


def uses_of_call(
    function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], *, is_chosen: bool = False
) -> Uses:
    """What a call of whatever can be called does.

    Parameters
    ----------
    args, kwargs : what it is given; what hangs on the input is traced
    is_chosen : whether all that it sets counts, whatever its value
    """
    uses = Uses()
    root = Root(uses, is_chosen=is_chosen)
    given = Given()
    for i, value in enumerate(args):
        given.places.append(place_of(value))
        if is_traced(value):
            given.data.add(i)
    for name, value in kwargs.items():
        given.keywords[name] = place_of(value)
        if is_traced(value):
            given.data.add(name)
    for place in given.every:
        uses.note(place.owner)
    if function is getattr or getattr(function, "__module__", "") == "_operator":
        for value in args:  # by a property, or a method of an operator
            kind = type(getattr(value, "value", value))
            if is_traced(value) and is_users(kind):
                root.enter_kind(kind, operators_of(kind))
    if isinstance(function, (SetItem, AugmentItem)):
        for place in given.every:
            root.read(place)
    elif isinstance(function, CallMethod):
        own = vars(type(getattr(args[0], "value", args[0]))).get(function.name)
        if is_entered(own):
            root.enter(own, given, is_chosen=is_chosen)
        else:
            data = {i - 1 for i in given.data if isinstance(i, int) and i} | {
                name for name in given.data if isinstance(name, str)
            }
            root.of_method(function.name, Given(given.places[1:], given.keywords, data))
    else:
        root.called(function, given, set(kwargs))
    return uses


def uses_of(
    function: Any, bound: dict[str, Any], data: set[str], *, is_chosen: bool = False
) -> Uses:
    """What a call of a function of the user's does.

    Parameters
    ----------
    bound : parameter -> value
    data : the parameters that hang on the input
    is_chosen : whether all that it sets counts, whatever its value
    """
    uses = Uses()
    places = {name: place_of(value) for name, value in bound.items()}
    given = Given([], places, set(data))
    Root(uses, is_chosen=is_chosen).enter(function, given, is_chosen=is_chosen)
    return uses


def place_of(value: Any) -> Place | None:
    """Where a value lies that may keep something, or be called; None of others."""
    return Place.of(value) if is_keeper(value) or is_called(value) else None


def read_by(function: Any, owner: Any) -> set[Any]:
    """The attributes of an object that a method of it reads; ANY without a source."""
    function = unwrapped(getattr(function, "__func__", function))
    if not is_entered(function):
        return {ANY}
    names = list(inspect.signature(function).parameters)
    uses = uses_of(function, {names[0]: owner} if names else {}, set())
    return uses.read.get(id(owner), set())


def read_with(owner: Any, name: str) -> set[Any]:
    """What a look at an attribute reads: it alone, or what its property does."""
    found = inspect.getattr_static(type(owner), name, None)
    getter = getattr(found, "fget", None)
    if getter is not None:
        return read_by(getter, owner)
    is_plain = found is None or not hasattr(type(found), "__get__") or callable(found)
    is_own = not hasattr(type(owner), "__getattr__")
    return {name} if is_plain and is_own else {ANY}


def is_changed_by(owner: Any, name: str) -> bool:
    """Whether a method may change its object, whatever it is given."""
    if name in KEEPING:
        return True
    method = unwrapped(getattr(type(owner), name, None))
    if not isinstance(method, types.FunctionType) or not is_users(method):
        return takes(name)
    names = list(inspect.signature(method).parameters)
    uses = uses_of(method, {names[0]: owner} if names else {}, set(names), is_chosen=True)
    return bool(uses.kept.get(id(owner)))


def leads_to(values: list[Any]) -> dict[int, Any]:
    """All that values lead to, by their ids."""
    found: dict[int, Any] = {}
    for value in values:
        for each in held_by(value):
            own = [owner_of(each)]
            if isinstance(each, types.FunctionType):
                own += [each.__globals__, *(each.__closure__ or ())]
            found |= {id(one): one for one in own}
    return found
