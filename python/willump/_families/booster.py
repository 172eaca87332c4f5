"""The options of boosters' `predict`, also of models that `willump import` wrote: those of
their libraries. `raw_score` and `output_margin`, LightGBM's name and XGBoost's of the same
thing, are there for each.
"""

from __future__ import annotations

from typing import Any

from .._variants import Source, Span
from . import catboost, lightgbm, xgboost
from .family import Asked, Family, Option, ignored, shows

#: Of each; those that no family has an option for are refused unless they are False.
_FLAGS: dict[str, Any] = dict.fromkeys(
    (
        "raw_score", "output_margin", "pred_leaf", "pred_contrib", "pred_contribs",
        "approx_contribs", "pred_interactions", "strict_shape", "training",
    ),
    False,
)  # fmt: skip
_OWN: dict[str, dict[str, Any]] = {
    "lightgbm_booster": {"start_iteration": 0, "num_iteration": None, "validate_features": False},
    "xgboost_booster": {"iteration_range": (0, 0), "validate_features": True},
    "catboost_booster": {"ntree_start": 0, "ntree_end": 0},
}

#: By family, as `_options.Signature` takes them. LightGBM's `predict` takes any name.
SIGNATURES: dict[str, dict[str, list[Any]]] = {
    family: {"predict": [["X", *_FLAGS, *own], 1, {**_FLAGS, **own}, family == "lightgbm_booster"]}
    for family, own in _OWN.items()
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
