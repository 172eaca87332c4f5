"""LightGBM's options."""

from __future__ import annotations

from ctypes import c_int
from operator import index
from typing import Any

import numpy as np

from .._errors import UnsupportedError
from .._graph import Array
from .._variants import Source, Span, Variants
from .family import Asked, Family, error_of, ignored, shows


def span(asked: Asked, source: Source) -> Span:
    """start_iteration and num_iteration; None of the latter is up to the best one, but
    all where it starts later, and so is what is not above 0."""
    start, number = asked.values.get("start_iteration", 0), asked.values.get("num_iteration")
    if number is None and start <= 0:
        return None
    first = min(max(_as_int(start), 0), source.n_total)
    number = -1 if number is None else _as_int(number)
    last = source.n_total if number <= 0 else min(first + number, source.n_total)
    return None if (first, last) == (0, source.n_iterations) else (first, last)


def _as_int(value: Any) -> int:
    """As it comes to LightGBM: of larger numbers the lowest 32 bits."""
    return c_int(index(value)).value


def leaves(variants: Variants, asked: Asked, span: Span, x: Any) -> Array:
    return variants.leaves(span, x).astype(np.int32)


def check_names(asked: Asked, value: Any, x: Any) -> None:
    """validate_features: the names of a pandas frame are the model's."""
    if not value or not hasattr(x, "columns") or not hasattr(x, "iloc"):
        return
    estimator = str(asked.metadata.get("estimator"))
    if not estimator.startswith(("LGBM", "Booster")):
        raise UnsupportedError(
            f"{asked.method}: validate_features is not supported within a {estimator}"
        )
    width = int(asked.metadata.get("n_features_in", 0))
    names = asked.metadata.get("feature_names_in") or [f"Column_{i}" for i in range(width)]
    given = [str(name) for name in x.columns]
    for i, (name, own) in enumerate(zip(given, names, strict=False)):
        if name != own:
            raise error_of("lightgbm.basic", "LightGBMError")(
                f"Expected {own!r} at position {i} but found {name!r}"
            )
    if len(given) != len(names):
        raise error_of("lightgbm.basic", "LightGBMError")(
            f"X has {len(given)} columns, and the model was fitted on {len(names)}"
        )


def _refuse_early_stop(asked: Asked, value: Any, x: Any) -> None:
    if value:
        raise UnsupportedError(f"{asked.method}: pred_early_stop is not supported")


def _refuse_other_width(asked: Asked, value: Any, x: Any) -> None:
    """predict_disable_shape_check: rows of the model's own width answer as ever."""
    width = asked.metadata.get("n_features_in")
    if value and getattr(x, "shape", (0, width))[-1] != width:
        raise UnsupportedError(
            f"{asked.method}: predict_disable_shape_check is not supported for rows of another "
            f"width than {width}"
        )


FAMILY = Family(
    options={
        "raw_score": shows("_raw"),
        "pred_leaf": shows("leaves"),
        "start_iteration": ignored,
        "num_iteration": ignored,
        "validate_features": check_names,
        "predict_disable_shape_check": _refuse_other_width,
        "pred_early_stop": _refuse_early_stop,
        **dict.fromkeys(("n_jobs", "num_threads", "num_thread", "nthread", "nthreads"), ignored),
        **dict.fromkeys(("verbose", "verbosity"), ignored),
    },
    span=span,
    leaves=leaves,
)
