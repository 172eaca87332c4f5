"""What the Python steps of one call have in common is computed once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from .steps import ReplayStep


class Scope:
    """Rows as the frame that a function takes, and what calls gave on it.

    Parameters
    ----------
    frame : a frame of pandas; what is done to it is not for the caller
    rows : which of the caller's rows it has; None: all
    """

    def __init__(self, frame: Any, rows: Any = None) -> None:
        self.frame = frame.copy(deep=False) if hasattr(frame, "copy") else frame
        self.rows = rows
        self.known: dict[int, Any] = {}


class SharedCalls(threading.local):
    """The scopes of the call that a thread is in, between `begin` and `end`. A step that another
    thread runs, or that is run by itself, shares nothing."""

    def __init__(self) -> None:
        self.end()

    def begin(self, x: Any) -> None:
        self.x = x
        self.whole: Scope | None = None
        self.parts: list[Scope] = []

    def end(self) -> None:
        self.begin(None)

    def scope(self, step: ReplayStep, x: Any, rows: Any) -> Scope:
        """The scope of some rows of x, or of all (None)."""
        if x is not self.x or x is None:
            whole = Scope(step.frame_of(x))
            return whole if rows is None else Scope(step.take_rows(whole.frame, rows))
        if self.whole is None:
            self.whole = Scope(step.frame_of(x))
        if rows is None:
            return self.whole
        for part in self.parts:
            if np.array_equal(part.rows, rows):
                return part
        self.parts.append(Scope(step.take_rows(self.whole.frame, rows), rows))
        return self.parts[-1]


class EndsCall:
    """A result's finish that ends the sharing."""

    def __init__(self, shared: SharedCalls, then: Callable[[Any, Any], Any] | None) -> None:
        self.shared = shared
        self.then = then

    def __call__(self, result: Any, x: Any) -> Any:
        self.shared.end()
        return result if self.then is None else self.then(result, x)
