"""The options of boosters' `predict`, also of models that `willump import` wrote: those of
their libraries. `raw_score` and `output_margin`, LightGBM's name and XGBoost's of the same
thing, are there for each.
"""

from __future__ import annotations

from typing import Any

from .._variants import Source, Span
from . import catboost, lightgbm, xgboost
from .family import Asked, Family, Option, ignored, shows

#: The options after X, in the order in which they are read, with their defaults.
_SUMS: dict[str, Any] = {"raw_score": False, "output_margin": False, "pred_leaf": False}
_DEFAULTS: dict[str, dict[str, Any]] = {
    "lightgbm_booster": {
        **_SUMS,
        "pred_contrib": False,
        "start_iteration": 0,
        "num_iteration": None,
        "validate_features": False,
    },
    "xgboost_booster": {
        **_SUMS,
        "pred_contribs": False,
        "approx_contribs": False,
        "pred_interactions": False,
        "validate_features": True,
        "training": False,
        "iteration_range": (0, 0),
        "strict_shape": False,
    },
    "catboost_booster": {**_SUMS, "ntree_start": 0, "ntree_end": 0},
}

#: By family, as `_options.Signature` takes them. LightGBM's `predict` takes any name.
SIGNATURES: dict[str, dict[str, list[Any]]] = {
    family: {"predict": [["X", *defaults], 1, defaults, family == "lightgbm_booster"]}
    for family, defaults in _DEFAULTS.items()
}


def _xgboost_span(asked: Asked, source: Source) -> Span:
    """iteration_range, of which an end of 0 is the last."""
    given = asked.values["iteration_range"]
    first, last = int(given[0]), int(given[1])
    return xgboost.checked(first, source.n_total if last == 0 else last, source)


def _shows_alone(output: str) -> Option:
    """Of flags of which one may be given."""

    def option(asked: Asked, value: Any, x: Any) -> None:
        if value and asked.shows not in (asked.method, output):
            raise ValueError("One type of prediction at a time.")
        shows(output)(asked, value, x)

    return option


FAMILIES = {
    "lightgbm_booster": Family(
        options={**lightgbm.FAMILY.options, "output_margin": shows("_raw")},
        span=lightgbm.span,
        leaves=lightgbm.leaves,
    ),
    "xgboost_booster": Family(
        options={
            "raw_score": _shows_alone("_raw"),
            "output_margin": _shows_alone("_raw"),
            "pred_leaf": _shows_alone("leaves"),
            "validate_features": xgboost.nameless,
            "iteration_range": ignored,
        },
        span=_xgboost_span,
        leaves=xgboost.leaves,
    ),
    "catboost_booster": Family(
        options={
            "raw_score": shows("_raw"),
            "output_margin": shows("_raw"),
            "pred_leaf": shows("leaves"),
            "ntree_start": ignored,
            "ntree_end": ignored,
        },
        span=catboost.span,
        leaves=catboost.leaves,
    ),
}
