"""Options and methods of the estimators that a model of trees is compiled from.

One file a library; none imports its library, since a loaded model needs none.
"""

from __future__ import annotations

from . import booster, catboost, lightgbm, sklearn, xgboost
from .family import Asked, Family

__all__ = ["FAMILIES", "METHODS", "Asked", "Family"]

#: By the name that a converter gives (`Model.source`).
FAMILIES: dict[str, Family] = {
    "lightgbm": lightgbm.FAMILY,
    "xgboost": xgboost.FAMILY,
    "catboost": catboost.FAMILY,
    **booster.FAMILIES,
    **sklearn.FAMILIES,
}

#: Methods beyond those that show an output.
METHODS: tuple[str, ...] = tuple(
    dict.fromkeys(name for family in FAMILIES.values() for name in family.methods)
)
