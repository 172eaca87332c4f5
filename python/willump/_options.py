"""Calls with more than X: the options that the source's methods take.

`describe_methods` notes the source's signatures in the metadata, so that a model knows
them after a load; `answer` reads a call by them and asks the source's family
(`_families`) what each option means.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ._arrow import readable
from ._errors import UnsupportedError
from ._families import FAMILIES, METHODS, Asked
from ._present import METHODS as OUTPUT_METHODS
from ._variants import Variants

_PLAIN = (type(None), bool, int, float, str)

#: What a Pipeline passes on to its last step.
_PASSED_ON = ("predict", "predict_proba", "predict_log_proba")


@dataclass
class Signature:
    """The parameters of a method; the first is X.

    Attributes
    ----------
    names : list of str
    n_positional : int
        As many may come without their names.
    defaults : dict
        Those that are plain values.
    takes_others : bool
        Whether there are ``**kwargs``.
    """

    names: list[str]
    n_positional: int = 1
    defaults: Mapping[str, Any] | None = None
    takes_others: bool = False

    def bind(
        self, method: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> tuple[Any, dict[str, Any]]:
        """X and the options, in the order of the signature.

        Raises
        ------
        TypeError
            As a call of the method would.
        """
        x = self.names[0]
        has_only_x = len(args) + len(kwargs) == 1 and kwargs.keys() <= {x}
        if len(self.names) == 1 and not self.takes_others and not has_only_x:
            raise TypeError(f"{method}() takes one argument: {x!r}")
        if len(args) > self.n_positional:
            raise TypeError(
                f"{method}() takes {self.n_positional} positional arguments but {len(args)} "
                "were given"
            )
        given = dict(zip(self.names, args, strict=False))
        for name, value in kwargs.items():
            if name in given:
                raise TypeError(f"{method}() got multiple values for argument {name!r}")
            if name not in self.names and not self.takes_others:
                raise TypeError(f"{method}() got an unexpected keyword argument {name!r}")
            given[name] = value
        if x not in given:
            raise TypeError(f"{method}() missing 1 required positional argument: {x!r}")
        order = [*self.names[1:], *(name for name in given if name not in self.names)]
        return given[x], {name: given[name] for name in order if name in given}

    def differ(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """The options that are not their defaults."""
        defaults = self.defaults or {}
        return {
            name: value
            for name, value in options.items()
            if name not in defaults
            or not isinstance(value, _PLAIN)
            or isinstance(value, bool) != isinstance(defaults[name], bool)
            or value != defaults[name]
        }


def describe_methods(estimator: Any) -> dict[str, list[Any]]:
    """The signatures of an estimator's methods, as JSON has them."""
    found = {}
    for method in (*dict(OUTPUT_METHODS), *METHODS):
        signature = _signature_of(estimator, method)
        if signature is not None and (len(signature.names) > 1 or method in METHODS):
            parts = (signature.names, signature.n_positional, signature.defaults)
            found[method] = [*parts, signature.takes_others]
    return found


def _signature_of(estimator: Any, method: str) -> Signature | None:
    try:
        parameters = list(inspect.signature(getattr(estimator, method)).parameters.values())
    except (AttributeError, TypeError, ValueError):
        return None
    named = [p for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    if not named:
        return None
    defaults = {p.name: p.default for p in named[1:] if isinstance(p.default, _PLAIN)}
    takes_others = any(p.kind is p.VAR_KEYWORD for p in parameters)
    n_positional = sum(p.kind is not p.KEYWORD_ONLY for p in named)
    signature = Signature([p.name for p in named], n_positional, defaults, takes_others)
    if not takes_others or not hasattr(estimator, "steps"):
        return signature
    signature.takes_others = False
    last = _signature_of(estimator.steps[-1][1], method) if method in _PASSED_ON else None
    if last is not None:
        signature.names += last.names[1:]
        signature.defaults = last.defaults
        signature.takes_others = last.takes_others
    return signature


def has_method(metadata: Mapping[str, Any], name: str) -> bool:
    """Whether a method beyond the outputs' is the source's, and offered."""
    family = FAMILIES.get(str(dict(metadata.get("source") or {}).get("family")))
    is_there = family is not None and name in family.methods
    return is_there and name in dict(metadata.get("signatures") or {})


def _known(signatures: Mapping[str, Any], method: str) -> Signature:
    return Signature(*signatures.get(method, [["X"]]))


def answer(owner: Any, method: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """What a compiled model says to a call with options, or of a method of its source's."""
    variants: Variants = owner._variants
    signature = variants.once(("signature", method), lambda: _known(owner._signatures, method))
    x, options = signature.bind(method, args, kwargs)
    x = readable(x)  # stages read it once each
    given = signature.differ(options)
    if not given and method not in METHODS:
        return owner._interface.run(method, x)
    family = FAMILIES.get(variants.source.family)
    if owner._is_cascade or owner.metadata.get("lossless") is not None:
        named = f" with {next(iter(given))}=" if given else ""
        raise UnsupportedError(
            f"{method}{named}: a cascade gives plain answers only; compile the original for this"
        )
    asked = Asked(method, {**(signature.defaults or {}), **given}, owner.metadata)
    for name, value in given.items():
        option = None if family is None else family.options.get(name)
        if option is None:
            raise UnsupportedError(f"{method}: {name} is not supported, but for its default")
        option(asked, value, x)
    assert family is not None
    span = family.span(asked, variants.source)
    if method in METHODS:
        return family.methods[method](variants, asked, span, x)
    if asked.shows == "leaves":
        return family.leaves(variants, asked, span, x)
    return variants.sums(span, is_nameless=asked.is_nameless).run(asked.shows, x)
