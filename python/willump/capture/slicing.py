"""Python steps without what their answers do not need: a column of a frame needs none of the
assignments to its other columns.

A backward slice (Weiser, "Program slicing", 1981) of the calls that the steps make again: each is
asked for what those behind it read of its answer, all of it or some columns of a frame.
"""

from __future__ import annotations

import operator
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from .sample import Sample
from .steps import ReplayStep, as_array, plain
from .values import CallMethod, Replay, SetItem, is_all_rows, n_rows_of, resolve

#: The columns of a call's answer that are read; None: all of it.
_Read: TypeAlias = frozenset[str] | None

#: Methods of frames that answer each column by itself, given constants.
_BY_COLUMN = frozenset(["abs", "clip", "copy", "fillna", "round"])


def slice_steps(
    steps: Sequence[ReplayStep], sample: Sample, guards: Iterable[Replay]
) -> frozenset[str] | None:
    """Takes out of the steps' calls what their answers do not need; nothing where an answer on the
    sample would be another.

    Parameters
    ----------
    guards : calls that are made for the errors that they may raise, which stay

    Returns
    -------
    The caller's columns that the steps read; None: all may be.
    """
    asked = [(step, step.replay) for step in steps if step.replay is not None]
    slices = _Slices([replay for _, replay in asked], guards)
    made = slices.made
    changed = [(step, old, made[id(old)]) for step, old in asked if made[id(old)] is not old]
    frame, known = sample.run(np.arange(len(sample.rows)))
    shared: dict[int, tuple[Replay, Any]] = {}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            are_same = all(
                _is_same(old.run(frame, known), new.run(frame, shared)) for _, old, new in changed
            )
    except Exception:
        are_same = False
    if not are_same:
        return None
    for step, _, new in changed:
        step.replay = new
    return slices.columns


def _is_same(a: Any, b: Any) -> bool:
    if isinstance(a, pd.Series) and not (isinstance(b, pd.Series) and a.index.equals(b.index)):
        return False
    a, b = as_array(plain(a)), as_array(plain(b))
    is_float = a.dtype.kind == "f"
    return a.dtype == b.dtype and bool(np.array_equal(a, b, equal_nan=is_float))


class _Slices:
    """The calls behind some, and what is to be made of each (`made`, by its id)."""

    def __init__(self, roots: Sequence[Replay], guards: Iterable[Replay]) -> None:
        order, own = _ordered(roots), {id(guard) for guard in guards}
        #: The guards that each call hangs on.
        self.guards: dict[int, frozenset[int]] = {}
        for call in order:
            found = self._guards_of(call.args, call.kwargs)
            self.guards[id(call)] = found | own.intersection([id(call)])
        self.read: dict[int, _Read] = {id(root): None for root in roots}
        for call in reversed(order):  # those that read it came before
            if id(call) in self.read:
                self._ask(call, self.read[id(call)])
        read = [self.read[id(call)] for call in order if call.function is None]
        known = [each for each in read if each is not None]
        #: The caller's columns that are read; None: all may be.
        self.columns = None if len(known) < len(read) else frozenset().union(*known)
        self.made: dict[int, Replay] = {}
        for call in order:
            if id(call) in self.read:
                self.made[id(call)] = self._sliced(call, self.read[id(call)])

    def _guards_of(self, *values: Any) -> frozenset[int]:
        return frozenset().union(*(self.guards[id(each)] for each in _calls_in(*values)))

    def _ask(self, call: Replay, read: _Read) -> None:
        """Says what a call reads of the calls that it is given."""
        owner, *rest = call.args or (None,)
        if isinstance(owner, Replay):
            is_skipped = self._is_skipped(call, read)
            self._add(owner, read if is_skipped else _read_of_owner(call, read))
            if is_skipped:
                return
        else:
            rest.insert(0, owner)
        for each in _calls_in(rest, _kept(call, read)):
            self._add(each, None)

    def _add(self, call: Replay, read: _Read) -> None:
        known = self.read.get(id(call), frozenset())
        self.read[id(call)] = None if known is None or read is None else known | read

    def _is_skipped(self, call: Replay, read: _Read) -> bool:
        """Whether all that a call sets are columns that nobody reads."""
        written = _written(call)
        if read is None or written is None or written & read:
            return False
        if self._guards_of(call.args[1:]) - self.guards[id(call.args[0])]:
            return False
        return _has_rows(call.args[0])

    def _sliced(self, call: Replay, read: _Read) -> Replay:
        if self._is_skipped(call, read):
            return self.made[id(call.args[0])]
        args = resolve(call.args, lambda each: self.made[id(each)])
        kwargs = resolve(_kept(call, read), lambda each: self.made[id(each)])
        if call.function is operator.getitem and type(args[1]) is list and read is not None:
            args = (args[0], [name for name in args[1] if name in read])
        before = _calls_in(call.args, call.kwargs)
        is_same = len(kwargs) == len(call.kwargs) and (
            call.function is not operator.getitem or _names(args[1]) == _names(call.args[1])
        )
        if is_same and all(self.made[id(each)] is each for each in before):
            return call
        return replace(call, args=args, kwargs=kwargs)


def _ordered(roots: Iterable[Replay]) -> list[Replay]:
    """The calls that some come from, each behind those that it is given."""
    found: list[Replay] = []
    seen: set[int] = set()
    pending = [(root, False) for root in roots]
    while pending:
        call, is_done = pending.pop()
        if is_done:
            found.append(call)
        elif id(call) not in seen:
            seen.add(id(call))
            pending.append((call, True))
            pending += [(each, False) for each in _calls_in(call.args, call.kwargs)]
    return found


def _calls_in(*values: Any) -> list[Replay]:
    """The calls within arguments, as `resolve` finds them."""
    found: list[Replay] = []

    def keep(call: Replay) -> Replay:
        found.append(call)
        return call

    for value in values:
        resolve(value if type(value) in (list, dict) else list(value), keep)
    return found


def _names(key: Any) -> frozenset[str] | None:
    """The columns that a key names."""
    if isinstance(key, str):
        return frozenset([key])
    if type(key) is list and all(isinstance(name, str) for name in key):
        return frozenset(key)
    return None


def _written(call: Replay) -> frozenset[str] | None:
    """The columns of a frame that a call sets; None where it is not known, or does something
    else."""
    if not isinstance(call.function, SetItem) or not isinstance(call.args[0], Replay):
        return None
    key = call.args[1]
    if call.function.part == "loc" and type(key) is tuple and len(key) == 2:
        # A label that is not there would be a row more.
        return _names(key[1]) if isinstance(key[0], Replay) or is_all_rows(key[0]) else None
    return _names(key) if not call.function.part else None


def _has_rows(call: Any) -> bool:
    """Whether a frame has its rows without what is set in it."""
    while isinstance(call, Replay) and (
        isinstance(call.function, SetItem)
        or (isinstance(call.function, CallMethod) and call.function.name in ("assign", "copy"))
    ):
        call = call.args[0]
    if not isinstance(call, Replay):
        return False
    return call.function is not pd.DataFrame or "index" in call.kwargs


def _kept(call: Replay, read: _Read) -> dict[str, Any]:
    """The keywords that a call needs for what is read of it."""
    if read is None or not _assigns(call):
        return call.kwargs
    return {name: value for name, value in call.kwargs.items() if name in read}


def _assigns(call: Replay) -> bool:
    """Whether a call is `assign` of what was computed before."""
    is_assign = isinstance(call.function, CallMethod) and call.function.name == "assign"
    return is_assign and not any(callable(value) for value in call.kwargs.values())


def _read_of_owner(call: Replay, read: _Read) -> _Read:
    """What a call reads of its first argument for what is read of its own answer."""
    function, args = call.function, call.args
    if function is n_rows_of or function is len:
        return frozenset()
    if function is getattr:
        name = args[1]
        if name == "index":
            return frozenset()
        return (
            None if hasattr(pd.DataFrame, name) or hasattr(pd.Series, name) else frozenset([name])
        )
    if function is operator.getitem:
        names = _names(args[1])
        if names is None:  # rows that a mask picks
            return read if isinstance(args[1], Replay) else None
        return names if read is None or isinstance(args[1], str) else names & read
    if read is None:
        return None
    if isinstance(function, SetItem):
        return read if _written(call) is not None else None
    if not isinstance(function, CallMethod):
        return None
    return _read_of_method(call, function.name, read)


def _read_of_method(call: Replay, name: str, read: frozenset[str]) -> _Read:
    """The same of a frame's method."""
    given = [*call.args[1:], *call.kwargs.values()]
    if name == "assign":
        return read if _assigns(call) else None
    if _calls_in(given) or any(callable(value) for value in given):
        return None
    if name in _BY_COLUMN:
        return read
    if name == "rename":
        renamed = call.kwargs.get("columns")
        if set(call.kwargs) != {"columns"} or type(renamed) is not dict or call.args[1:]:
            return None
        return read | frozenset(old for old, new in renamed.items() if new in read)
    if name == "merge":
        return _read_of_merge(call, read)
    return None


def _read_of_merge(call: Replay, read: frozenset[str]) -> _Read:
    """Of a join with a constant table: the keys, and what may share a name with its columns."""
    table = call.args[1] if len(call.args) > 1 else call.kwargs.get("right")
    keys = call.kwargs.get("on", call.kwargs.get("left_on"))
    names = _names(keys)
    if not isinstance(table, pd.DataFrame) or names is None:
        return None
    suffixes = call.kwargs.get("suffixes", ("_x", "_y"))
    bare = {name.removesuffix(s) for name in read for s in suffixes if isinstance(s, str) and s}
    return read | names | bare | {str(name) for name in table.columns}
