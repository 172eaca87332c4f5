"""Models that stay Python around a whole Pipeline: its steps before the last compile."""

from __future__ import annotations

import copy
from typing import Any

from sklearn.compose import TransformedTargetRegressor
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from .context import Context
from .registry import Refused, register
from .values import Model, Value

#: What a fit keeps of X, which the last step alone does not read.
_OF_INPUT = ("n_features_in_", "feature_names_in_")


def around(ctx: Context, est: Any, value: Value) -> Model:
    """The steps of the Pipeline inside, and the model around the last one: it hands X on as it
    is, and reads nothing of it."""
    check_is_fitted(est)
    name = "estimator_" if hasattr(est, "estimator_") else "regressor_"
    inner = getattr(est, name)
    if type(inner) is not Pipeline or len(inner.steps) < 2:
        raise Refused("there is no converter for it")
    last_name, last = inner.steps[-1]
    own = copy.copy(est)
    for given in _OF_INPUT:
        own.__dict__.pop(given, None)
        if given in est.__dict__ and hasattr(last, given):
            setattr(own, given, getattr(last, given))
    setattr(own, name, last)
    before = copy.copy(inner)
    before.steps = [*inner.steps[:-1], (last_name, own)]
    return ctx.predict(before, value)


TYPES: list[type] = [TransformedTargetRegressor]
try:
    from sklearn.model_selection import FixedThresholdClassifier, TunedThresholdClassifierCV
except ImportError:  # added in scikit-learn 1.5
    pass
else:
    TYPES += [FixedThresholdClassifier, TunedThresholdClassifierCV]
register(
    *TYPES,
    predict=around,
    parameters=["a Pipeline inside: its steps before the last"],
    python_step="always, around the last step of the Pipeline inside, or another model",
)
