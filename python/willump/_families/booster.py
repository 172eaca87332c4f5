"""The options of boosters' `predict`, also of models that `willump import` wrote: those of
LightGBM and those of XGBoost, whichever library the model comes from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._variants import Source, Span
from . import catboost, lightgbm, xgboost
from .family import Asked, Family, Option, ignored, shows

_FLAGS = (
    "raw_score", "output_margin", "pred_leaf", "pred_contrib", "pred_contribs",
    "approx_contribs", "pred_interactions", "strict_shape", "training",
)  # fmt: skip
_DEFAULTS: dict[str, Any] = {
    **dict.fromkeys(_FLAGS, False),
    "start_iteration": 0,
    "num_iteration": None,
    "iteration_range": None,
    "validate_features": None,
}

#: As `_options.Signature` takes it.
SIGNATURES: dict[str, list[Any]] = {"predict": [["X", *_DEFAULTS], 1, _DEFAULTS, False]}


def _span(values: Mapping[str, Any], source: Source) -> Span:
    """XGBoost's iteration_range, of which an end of 0 is the last; else LightGBM's."""
    asked = values.get("iteration_range")
    if asked is None:
        return lightgbm.span(values, source)
    first, last = int(asked[0]), int(asked[1])
    return xgboost.checked(first, source.n_total if last == 0 else last, source)


def _ignores_names(asked: Asked, value: Any, x: Any) -> None:
    """validate_features of a model that has no such option."""


def _family(validate: Option, library: Family) -> Family:
    options = {
        "raw_score": shows("_raw"),
        "output_margin": shows("_raw"),
        "pred_leaf": shows("leaves"),
        "start_iteration": ignored,
        "num_iteration": ignored,
        "iteration_range": ignored,
        "validate_features": validate,
    }
    return Family(options=options, span=_span, leaves=library.leaves)


FAMILIES = {
    "lightgbm_booster": _family(lightgbm.check_names, lightgbm.FAMILY),
    "xgboost_booster": _family(xgboost.nameless, xgboost.FAMILY),
    "catboost_booster": _family(_ignores_names, catboost.FAMILY),
}
