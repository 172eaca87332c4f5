"""What the Python steps of one call have in common is computed once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np


class Scope:
    """Some of a call's rows, and what calls gave on them."""

    def __init__(self, rows: Any, x: Any) -> None:
        self.rows = rows
        self.x = x
        self.frame: Any = None  #: the frame that the function takes, once it is made
        self.known: dict[int, Any] = {}

    def has(self, rows: Any) -> bool:
        if rows is None or self.rows is None:
            return rows is self.rows
        return bool(np.array_equal(rows, self.rows))


class SharedCalls(threading.local):
    """The scopes of the call that a thread is in, between `begin` and `end`. A step that another
    thread runs, or that is run by itself, shares nothing."""

    def __init__(self) -> None:
        self.x: Any = None
        self.scopes: list[Scope] = []

    def begin(self, x: Any) -> None:
        self.x, self.scopes = x, []

    def end(self) -> None:
        self.x, self.scopes = None, []

    def scope(self, x: Any, rows: Any, take: Callable[[Any, Any], Any]) -> Scope:
        """The scope of some rows of x, or of all (None)."""
        if x is not self.x:
            return Scope(rows, x if rows is None else take(x, rows))
        for scope in self.scopes:
            if scope.has(rows):
                return scope
        self.scopes.append(Scope(rows, x if rows is None else take(x, rows)))
        return self.scopes[-1]


class EndsCall:
    """A result's finish that ends the sharing."""

    def __init__(self, shared: SharedCalls, then: Callable[[Any, Any], Any] | None) -> None:
        self.shared = shared
        self.then = then

    def __call__(self, result: Any, x: Any) -> Any:
        self.shared.end()
        return result if self.then is None else self.then(result, x)
