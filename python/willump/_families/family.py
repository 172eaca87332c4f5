"""What a family of estimators is: its options, and its methods beyond the outputs'."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .._graph import Array
from .._variants import Source, Span, Variants


@dataclass
class Asked:
    """A call with options.

    Attributes
    ----------
    method : str
    values : dict
        The options, with their defaults.
    metadata : dict
        The model's.
    shows : str
        What answers: a method of the model, "_raw", or "leaves"; the call's own at first.
    is_nameless : bool
        The names of a frame's columns do not matter.
    """

    method: str
    values: dict[str, Any]
    metadata: Mapping[str, Any]
    shows: str = ""
    is_nameless: bool = False

    def __post_init__(self) -> None:
        self.shows = self.method


#: What an option that is not its default does to what is asked, given X too.
Option = Callable[[Asked, Any, Any], None]

#: A method beyond the outputs': (variants, asked, span, X) to its answer.
Method = Callable[[Variants, Asked, Span, Any], Any]


def _all_iterations(asked: Asked, source: Source) -> Span:
    return None


def _own_leaves(variants: Variants, asked: Asked, span: Span, x: Any) -> Array:
    return variants.leaves(span, x)


@dataclass(frozen=True)
class Family:
    """Estimators that share options and methods; an option that is not here is refused.

    Attributes
    ----------
    span : callable
        From the options to the range of iterations.
    leaves : callable
        Leaves' numbers as the source gives them.
    """

    options: Mapping[str, Option] = field(default_factory=dict)
    methods: Mapping[str, Method] = field(default_factory=dict)
    span: Callable[[Asked, Source], Span] = _all_iterations
    leaves: Method = _own_leaves


def ignored(asked: Asked, value: Any, x: Any) -> None:
    """Of options that change no answer, or that `Family.span` reads."""


def shows(output: str) -> Option:
    """Of flags that ask for another output."""

    def option(asked: Asked, value: Any, x: Any) -> None:
        if value:
            asked.shows = output

    return option


def error_of(library: str, name: str) -> type[Exception]:
    """The library's own error where the library is loaded, as in a process that has an
    original to compare with; else ValueError."""
    module = sys.modules.get(library)
    error = getattr(module, name, None)
    return error if isinstance(error, type) and issubclass(error, Exception) else ValueError
