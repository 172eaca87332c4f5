"""The registry of converters, keyed by an estimator's exact type.

A subclass may override anything, so it is never treated as its base class.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from inspect import isroutine
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from .context import Context
    from .values import Categories, Model, Ref, Value

    Transform: TypeAlias = Callable[[Context, Any, Value], Ref | Categories]
    Predict: TypeAlias = Callable[[Context, Any, Value], Model]


class Refused(Exception):
    """Raised by a converter: this estimator cannot be native, and why."""

    def __init__(self, *reasons: str) -> None:
        super().__init__("; ".join(reasons))
        self.reasons = reasons


@dataclass(frozen=True, slots=True)
class Entry:
    """A converter and what docs/support.md says about it.

    `transform` emits the nodes of a transformer, `predict` those of a model;
    a meta-estimator such as Pipeline has both.
    """

    estimator: type
    transform: Transform | None
    predict: Predict | None
    operators: tuple[str, ...]
    parameters: tuple[str, ...]
    python_step: str

    @property
    def name(self) -> str:
        module = self.estimator.__module__.split("._")[0]
        return f"{module}.{self.estimator.__name__}"


_entries: dict[type, Entry] = {}


def register(
    *estimators: type,
    transform: Transform | None = None,
    predict: Predict | None = None,
    operators: Iterable[str] = (),
    parameters: Iterable[str] = (),
    python_step: str = "",
) -> None:
    """Registers a converter for exact types; a later one replaces an earlier.

    Parameters
    ----------
    *estimators : type
        The types. Subclasses are not included.
    transform, predict : callable(context, estimator, value)
        Emit nodes and return a `Ref` (transform) or a `Model` (predict). Raise
        `Refused` to leave the estimator to Python.
    operators, parameters, python_step : documentation
        The operators that are emitted, what is handled exactly, and what makes
        a Python step; printed into docs/support.md.
    """
    for estimator in estimators:
        _entries[estimator] = Entry(
            estimator,
            transform,
            predict,
            tuple(operators),
            tuple(parameters),
            python_step,
        )


#: Libraries that are imported and registered when one of their objects comes.
_later: dict[str, Callable[[str], None]] = {}


def register_later(library: str, load: Callable[[str], None]) -> None:
    """Calls `load(library)` before the first look for one of its types."""
    _later[library] = load


def find(estimator: Any) -> Entry | None:
    """The entry of the estimator's exact type."""
    library = type(estimator).__module__.partition(".")[0]
    load = _later.pop(library, None)
    if load is not None:
        load(library)
    return _entries.get(type(estimator))


def transform_of(estimator: Any) -> Transform:
    """The converter of a transformer, or `Refused`."""
    entry = find(estimator)
    if entry is None or entry.transform is None:
        raise Refused("there is no converter for it")
    _refuse_replaced(estimator)
    return entry.transform


def predict_of(estimator: Any) -> Predict:
    """The converter of a model, or `Refused`."""
    entry = find(estimator)
    if entry is None or entry.predict is None:
        raise Refused("there is no converter for it")
    _refuse_replaced(estimator)
    return entry.predict


def _refuse_replaced(estimator: Any) -> None:
    """An object with a method of its own is as good as a subclass."""
    for name, value in getattr(estimator, "__dict__", {}).items():
        if isroutine(value) and hasattr(type(estimator), name):
            raise Refused(f"its {name} is replaced on this object")


def entries() -> list[Entry]:
    """All entries, by name; those of libraries that are not installed are left out."""
    for library in list(_later):
        try:
            _later[library](library)
        except ImportError:
            continue
        del _later[library]
    return sorted(_entries.values(), key=lambda entry: entry.name)
