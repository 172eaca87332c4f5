"""Lists, dicts and sets, and what calls leave in them. What hangs on the input is not to stay
there: later calls would see the sample's."""

from __future__ import annotations

import collections
from typing import Any

#: Methods that change containers.
MUTATING = frozenset(
    ["append", "extend", "insert", "pop", "remove", "clear", "sort", "reverse", "update", "add",
     "discard", "setdefault", "popitem"]
)  # fmt: skip


def state_of(value: Any) -> list[Any]:
    """What a container holds now. What other objects keep is seen where it changes an answer
    (capture/checks.py): a client may count its calls."""
    if isinstance(value, (dict, list, set, collections.deque)):
        return [*value, *value.values()] if isinstance(value, dict) else list(value)
    return []


def is_same_state(before: list[Any], after: list[Any]) -> bool:
    return len(before) == len(after) and all(
        a is b or (type(a) is str and a == b) for a, b in zip(before, after, strict=True)
    )
