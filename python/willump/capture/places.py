"""Where the values of expressions lie: in which keeper, under which attribute."""

from __future__ import annotations

import collections
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from .keeping import ANY, CLOSED, is_container, is_keeper, parts_of

#: A value that is not known before the call.
UNKNOWN = object()


@dataclass(frozen=True)
class Within:
    """Stands for some part of a value."""

    whole: Any


@dataclass(frozen=True)
class Made:
    """Stands for an object that the call itself makes; `kind` None: of whatever class."""

    kind: Any = None


@dataclass(frozen=True)
class Place:
    """Where a value lies: a keeper itself (`name` None), or what one of its attributes has."""

    owner: Any
    name: Any  #: an attribute's, ANY, or what data picks there: `Keyed`
    value: Any

    @classmethod
    def of(cls, value: Any) -> Place:
        return cls(value, None, value)

    def is_same(self, other: Place) -> bool:
        return self.owner is other.owner and self.name == other.name and self.value is other.value

    @property
    def whole(self) -> Any:
        """What is there, or what it is a part of."""
        return self.value.whole if isinstance(self.value, Within) else self.value

    @property
    def is_made(self) -> bool:
        return isinstance(self.owner, Made)

    @property
    def leads_on(self) -> bool:
        """Whether what is there may change, or be called."""
        return self.is_open or callable(self.value)

    @property
    def is_open(self) -> bool:
        """Whether what is there may change."""
        return self.value is UNKNOWN or isinstance(self.value, Within) or is_keeper(self.value)


def part_of(place: Place | None, key: Any = UNKNOWN) -> Place | None:
    """What lies within what is there; None of what cannot change."""
    if place is None or place.is_made:
        return place
    value = place.value
    is_table = isinstance(value, (pd.Series, pd.DataFrame, pd.Index))
    is_table |= isinstance(value, np.ndarray) and value.ndim == 1
    if is_table and all(type(each) in CLOSED for each in parts_of(value)):
        return None  # cells
    parts: list[Any] | None = None
    if isinstance(value, dict) and is_container(value):
        parts = [value[key]] if _is_key(key) and key in value else [*value, *value.values()]
    elif isinstance(value, (list, tuple, collections.deque)):
        is_index = type(key) is int and -len(value) <= key < len(value)
        parts = [value[key]] if is_index else list(value)
    elif isinstance(value, str):
        return None
    elif isinstance(value, (set, frozenset)):
        parts = list(value)
    name = ANY if place.name is None else place.name
    if parts is None:
        whole = place.whole
        return Place(place.owner, name, UNKNOWN if whole is UNKNOWN else Within(whole))
    if len(parts) == 1 and (is_keeper(parts[0]) or callable(parts[0])):
        return Place.of(parts[0])
    if type(value) is collections.defaultdict:  # it makes what is not there
        return Place(place.owner, name, Within(value))
    if all(type(each) in CLOSED for each in parts):
        return None
    return Place(place.owner, name, Within(tuple(parts)))


def derived(places: Iterable[Place | None], *, is_held: bool = False) -> Place | None:
    """A value that may be, or hold, what is at these places or within it; `is_held`: it is a
    container of these."""
    found: list[Place] = [p for p in places if p is not None and (p.is_made or p.leads_on)]
    own = [place for place in found if not place.is_made]
    if not own:
        return found[0] if found else None
    values = tuple(place.owner if place.value is UNKNOWN else place.whole for place in own)
    if len(own) == 1:
        return Place(own[0].owner, own[0].name, Within(values if is_held else values[0]))
    return Place(values, None, Within(values))


def _is_key(key: Any) -> bool:
    return isinstance(key, (str, bytes, int, float, bool, type(None)))


@dataclass
class Given:
    """What a call is given, as far as its source tells."""

    places: list[Place | None] = field(default_factory=list)
    keywords: dict[str, Place | None] = field(default_factory=dict)
    data: set[int | str] = field(default_factory=set)  #: the places and keywords that are data
    is_all_data: bool = False  #: whatever it is given: nobody knows how it is called
    rest: list[Place | None] = field(default_factory=list)  #: of starred arguments

    @property
    def every(self) -> list[Place]:
        found = [*self.places, *self.keywords.values(), *self.rest]
        return [place for place in found if place is not None]

    def behind(self, *first: Place | None) -> Given:
        """The same with places in front."""
        n = len(first)
        data = {each + n if isinstance(each, int) else each for each in self.data}
        return Given([*first, *self.places], self.keywords, data, self.is_all_data, self.rest)


#: A call by whoever has a function, with whatever data.
WHATEVER = Given(is_all_data=True)
