"""What becomes of what lies at places: it is read, written to, handed on to where no source
tells."""

from __future__ import annotations

import abc
import types
from collections.abc import Sequence
from typing import Any

from .callables import has_operators, is_called, is_entered
from .keeping import (
    ANY,
    Keyed,
    Uses,
    held_by,
    is_container,
    is_keeper,
    is_object,
    is_users,
)
from .places import UNKNOWN, WHATEVER, Given, Made, Place, Within, derived


class Holding(abc.ABC):
    """A call in progress, and what it does to what may keep things."""

    function: Any
    uses: Uses
    is_chosen: bool  #: whether data decides what runs
    root: Any  #: the code of the call that is not followed

    @abc.abstractmethod
    def enter(self, callee: Any, given: Given, *, is_chosen: bool) -> Place | None:
        """Looks into a function that is called."""

    @abc.abstractmethod
    def enter_kind(self, kind: Any, names: Sequence[str] | None = None) -> None:
        """Any method of a class may be called; `names`: one of these."""

    @abc.abstractmethod
    def called_at(self, place: Place, given: Given, told: set[str]) -> Place | None:
        """A call of what lies at a place."""

    def one_of(self, places: Sequence[Place | None]) -> Place | None:
        """One place for several: what is done to it is done to them all."""
        found: list[Place] = []
        for place in places:
            if place is not None and not any(place.is_same(p) for p in found):
                found.append(place)
        made = [place.value for place in found if isinstance(place.value, Made)]
        for each in made if len(found) > 1 else ():  # which of them it is nobody knows
            self.enter_kind(each.kind)
        return found[0] if len(found) == 1 else derived(found)

    def see(self, owner: Any, name: Any) -> None:
        """A look at an attribute, which may be its class's."""
        self.uses.see(owner, name)
        kinds = owner.__mro__ if isinstance(owner, type) else type(owner).__mro__
        for kind in kinds:
            if is_users(kind):
                self.uses.see(kind, name)

    def operand(self, place: Place | None) -> None:
        """An operator of an object is a method of it."""
        if place is None or place.is_made:
            return
        value = place.value
        if not is_object(value) or isinstance(value, types.FunctionType):
            self.read(place)
        elif not is_users(type(value)) or has_operators(type(value)):
            self.doubt(place)

    def read(self, place: Place | None, *, is_keyed: bool = False) -> None:
        """A look at what is there."""
        if place is None or place.is_made:
            return
        value = place.value
        if is_keyed and not isinstance(value, tuple):
            if place.name is not None:
                self.uses.see(place.owner, self._keyed(place.name))
            if is_container(value):
                self.uses.see(value, self._keyed(ANY))
            return
        value = place.whole
        if place.name is not None:
            self.uses.see(place.owner, place.name)
        if value is UNKNOWN or isinstance(value, types.FunctionType):
            return
        if is_object(value):
            self.uses.see(value, ANY)
            return
        for each in _closed(value):
            self.uses.see(each, ANY)

    def write(self, place: Place, *, is_keyed: bool = False) -> None:
        """Something of the data is put there."""
        if place.is_made:
            return
        value = place.value
        if place.name is not None:
            self.uses.keep(place.owner, self._keyed(place.name) if is_keyed else place.name)
        if isinstance(value, Within):
            for each in held_by(value.whole):
                if not isinstance(each, (types.FunctionType, type)):
                    self.uses.keep(each, ANY)
        elif is_keeper(value):
            self.uses.keep(value, self._keyed(ANY) if is_keyed else ANY)

    def _keyed(self, name: Any) -> Keyed:
        if isinstance(name, Keyed):
            return name
        return Keyed(name, self.function.__code__, self.root)

    def escape(self, place: Place | None) -> None:
        """What is handed on to where no source tells."""
        if place is None or place.is_made:
            return
        if is_called(place.value) and not isinstance(place.value, types.FunctionType):
            self.called_at(place, WHATEVER, set())
        elif place.is_open:
            self.doubt(place)

    def doubt(self, place: Place) -> None:
        """Whatever is there may be read, changed and called."""
        if place.is_made:
            return
        if place.name is not None:
            self.uses.keep(place.owner, place.name)
            self.uses.see(place.owner, place.name)
        if place.value is not UNKNOWN:
            self.doubt_value(place.whole)

    def doubt_value(self, value: Any) -> None:
        for each in () if self.uses.is_unknown else held_by(value, into_functions=False):
            if isinstance(each, types.FunctionType):
                if is_entered(each):
                    self.enter(each, WHATEVER, is_chosen=True)
            elif not isinstance(each, (type, types.ModuleType)):
                self.uses.keep(each, ANY)
                self.uses.see(each, ANY)


def _closed(value: Any) -> list[Any]:
    """A keeper of a library, or container, and what is in it of that kind."""
    found: list[Any] = []
    rest = [value]
    while rest:
        each = rest.pop()
        if not is_keeper(each) or isinstance(each, (types.FunctionType, type)):
            continue
        if any(each is known for known in found) or is_object(each):
            continue
        found.append(each)
        if isinstance(each, (list, tuple, set)):
            rest += [v for v in each if is_keeper(v)] if len(each) < 1_000 else []
        elif isinstance(each, dict):
            rest += [v for v in each.values() if is_keeper(v)] if len(each) < 1_000 else []
    return found
