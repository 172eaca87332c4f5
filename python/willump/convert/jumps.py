"""Which steps may answer otherwise, by a jump, for what is within rounding of the original's.

Thresholds and edges of fitted steps are often values of the data, so that the rows that they
were fitted on lie on them: there the last bit decides. What stands before such a step is
computed to the bit, or by the original itself.
"""

from __future__ import annotations

import numbers
from typing import Any

from sklearn import preprocessing as pre
from sklearn.base import BaseEstimator
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import (
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier, MultiOutputRegressor
from sklearn.naive_bayes import BernoulliNB

from .readers import members_of
from .sklearn_function import STEPPED, is_native

#: Modules of scikit-learn whose estimators have no jumps, but for ties of labels.
_SMOOTH_MODULES = frozenset(
    f"sklearn.{name}"
    for name in ("cross_decomposition", "decomposition", "discriminant_analysis", "dummy",
                 "feature_extraction", "feature_selection", "gaussian_process",
                 "kernel_approximation", "kernel_ridge", "linear_model", "naive_bayes",
                 "neural_network", "random_projection", "svm")
)  # fmt: skip
_SMOOTH = (
    pre.KernelCenterer, pre.MaxAbsScaler, pre.MinMaxScaler, pre.Normalizer,
    pre.PolynomialFeatures, pre.PowerTransformer, pre.RobustScaler, pre.SplineTransformer,
    pre.StandardScaler,
)  # fmt: skip
#: Those that jump where their members do.
_OF_MEMBERS = (
    CalibratedClassifierCV, MultiOutputClassifier, MultiOutputRegressor, OneVsOneClassifier,
    OneVsRestClassifier, StackingClassifier, StackingRegressor, TransformedTargetRegressor,
    VotingClassifier, VotingRegressor,
)  # fmt: skip


def jumps(step: Any) -> bool:
    """Whether a fitted step, or one in it, may jump; what nobody knows counts as one."""
    if step is None or isinstance(step, str):
        return False
    try:
        members = members_of(step)
    except AttributeError:  # a ColumnTransformer that is not fitted
        members = [one for _, one, _ in step.transformers]
    if members is not None:
        return any(map(jumps, members))
    if isinstance(step, _OF_MEMBERS):
        found = step.get_params(deep=True).values()
        return any(jumps(each) for each in found if isinstance(each, BaseEstimator))
    if isinstance(step, pre.FunctionTransformer):
        return step.func is not None and (not is_native(step) or step.func in STEPPED)
    if isinstance(step, (SimpleImputer, MissingIndicator)):
        missing = step.missing_values
        return isinstance(missing, numbers.Number) and missing == missing
    if isinstance(step, BernoulliNB):
        return step.binarize is not None
    module = ".".join(type(step).__module__.split(".")[:2])
    return module not in _SMOOTH_MODULES and not isinstance(step, _SMOOTH)
