"""XGBoost's options, and `apply`."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._errors import UnsupportedError
from .._graph import Array
from .._variants import Source, Span, Variants
from .family import Asked, Family, error_of, ignored, shows


def span(asked: Asked, source: Source) -> Span:
    """iteration_range; an end of 0 is the range that the model predicts by."""
    given = asked.values.get("iteration_range")
    if given is None or given[1] == 0:
        return None
    first, last = int(given[0]), int(given[1])
    found = checked(first, last, source)
    if first == last and source.is_dart and asked.method != "apply":
        raise UnsupportedError(
            f"{asked.method}: iteration_range=({first}, {last}) has no iterations, and what an "
            "estimator of dart makes of that depends on the call before"
        )
    return found


def checked(first: int, last: int, source: Source) -> Span:
    """The range, which may be empty: then the base score is the answer. XGBoost itself reads
    memory that is not its own where a number is below 0 or it begins behind the last
    iteration."""
    told = f"iteration_range=({first}, {last}) of {source.n_total} iterations"
    if min(first, last) < 0 or last > source.n_total:
        raise _fail(f"Out of range for tree layers: {told}")
    if last < first:
        raise _fail(f"The range begins behind its end: {told}")
    return None if (first, last) == (0, source.n_iterations) else (first, last)


def _fail(message: str) -> Exception:
    return error_of("xgboost.core", "XGBoostError")(message)


#: `apply` makes a DMatrix of X, which refuses what predictions take.
_FINITE: dict[str, Any] = {
    "estimator": "",
    "dtype": "f32",
    "allow_nan": True,
    "message": "Input data contains `inf` or a value too large, while `missing` is not set to "
    "`inf`",
}


def leaves(variants: Variants, asked: Asked, span: Span, x: Any) -> Array:
    """As floats, and flat where there is one tree."""
    if span is not None and span[0] != 0:
        raise _fail(
            f"leaves are there for ranges from iteration 0 only, and this begins at {span[0]}"
        )
    check = _FINITE if asked.method == "apply" else None
    try:
        found = variants.leaves(span, x, is_nameless=asked.is_nameless, check=check)
    except ValueError as error:
        if check is not None and _FINITE["message"] in str(error):
            raise _fail(str(error)) from error
        raise
    numbers = found.astype(np.float32)
    return numbers[:, 0] if numbers.shape[1] == 1 else numbers


def nameless(asked: Asked, value: Any, x: Any) -> None:
    """validate_features=False: columns go by their position."""
    asked.is_nameless = not value


FAMILY = Family(
    options={
        "output_margin": shows("_raw"),
        "iteration_range": ignored,
        "validate_features": nameless,
    },
    methods={"apply": leaves},
    span=span,
    leaves=leaves,
)
