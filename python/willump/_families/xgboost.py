"""XGBoost's options, and `apply`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .._errors import UnsupportedError
from .._graph import Array
from .._variants import Source, Span, Variants
from .family import Asked, Family, error_of, ignored, shows


def span(values: Mapping[str, Any], source: Source) -> Span:
    """iteration_range; an end of 0 is the range that the model predicts by."""
    asked = values.get("iteration_range")
    if asked is None or asked[1] == 0:
        return None
    return checked(int(asked[0]), int(asked[1]), source)


def checked(first: int, last: int, source: Source) -> Span:
    """The range, negative numbers counting as 0. Of an empty one `predict` and `apply`,
    gbtree and dart make different things."""
    first, last = max(first, 0), max(last, 0)
    if last > source.n_total:
        raise error_of("xgboost.core", "XGBoostError")(
            f"iteration_range ends at {last}, and there are {source.n_total} iterations"
        )
    if last < first:
        raise error_of("xgboost.core", "XGBoostError")(
            f"iteration_range begins at {first} and ends at {last}"
        )
    if first == last:
        raise UnsupportedError(f"iteration_range: no iterations are in [{first}, {last})")
    return None if (first, last) == (0, source.n_iterations) else (first, last)


def leaves(variants: Variants, asked: Asked, span: Span, x: Any) -> Array:
    """As floats, and flat where there is one tree."""
    if span is not None and span[0] != 0:
        raise error_of("xgboost.core", "XGBoostError")(
            f"leaves are there for ranges from iteration 0 only, and this begins at {span[0]}"
        )
    numbers = variants.leaves(span, x, is_nameless=asked.is_nameless).astype(np.float32)
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
