"""What lasts longer than a call: methods that change things, what containers hold, and calls
whose answer at the capture would be taken for every later one."""

from __future__ import annotations

import collections
import datetime
import random
import time
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from .values import CaptureError

#: Methods that change containers.
MUTATING = frozenset(
    ["append", "extend", "insert", "pop", "remove", "clear", "sort", "reverse", "update", "add",
     "discard", "setdefault", "popitem"]
)  # fmt: skip

#: Methods by which objects take something in, besides those of lists, dicts and sets.
KEEPING = MUTATING | frozenset(
    ["appendleft", "extendleft", "insort", "move_to_end", "popleft", "push", "put", "put_nowait",
     "rotate", "send", "subtract", "write", "writelines"]
)  # fmt: skip

#: Methods of frames, Series, arrays and sparse matrices that change them, besides those that
#: are told `inplace`.
WRITING = frozenset(
    ["byteswap", "eliminate_zeros", "fill", "insert", "isetitem", "partition", "pop", "prune",
     "put", "resize", "setdiag", "setfield", "setflags", "sort", "sort_indices",
     "sum_duplicates", "update"]
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


#: What gives another answer with every call; of clocks, those by which days are told.
_CLOCKS = frozenset(["now", "today", "utcnow"])


def check_lasting(callee: Any, given: Sequence[Any], line: int) -> None:
    """Raises for a call whose answer would be the capture's for ever."""
    owner = getattr(callee, "__self__", None)
    is_moment = isinstance(owner, type) and issubclass(owner, datetime.date)
    is_time = callee in (time.time, time.time_ns, time.localtime, time.gmtime, time.ctime)
    is_strict = callee in (warnings.simplefilter, warnings.filterwarnings) and "error" in given
    is_strict |= callee is np.seterr and not {"raise", "call"}.isdisjoint(map(str, given))
    if is_strict:
        raise CaptureError(f"line {line}: {callee.__name__} makes errors of what rows only warn of")
    is_random = owner is random._inst or owner is np.random.mtrand._rand
    if is_time or is_random or (is_moment and callee.__name__ in _CLOCKS):
        raise CaptureError(f"line {line}: {callee.__name__} gives another answer with each call")
