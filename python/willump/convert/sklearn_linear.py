"""Linear classifiers and regressors of scikit-learn."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn import linear_model as lm
from sklearn.svm import LinearSVC, LinearSVR
from sklearn.utils.validation import check_is_fitted

from .context import Context
from .registry import Refused, register
from .values import Model, Ref, Value


def _n_columns(coef: Any) -> int:
    return int(coef.shape[-1])


def decide(ctx: Context, est: Any, value: Value) -> Model:
    """decision_function and the labels that LinearClassifierMixin gives."""
    check_is_fitted(est)
    ref = ctx.numeric(value, _n_columns(est.coef_), est)
    model = Model(classes=np.asarray(est.classes_), model_input=ref)
    model.decision = ctx.linear(ref, est.coef_, est.intercept_)
    if model.decision.n_features == 1:
        model.label = ctx.rows("positive", model.decision)
        model.ravel.add("decision")
    else:
        model.label = ctx.argmax(model.decision)
    model.ravel.add("label")
    return model


def add_proba(ctx: Context, model: Model, proba: Ref) -> None:
    model.proba = proba
    model.log_proba = ctx.rows("log", proba)


def ovr_proba(ctx: Context, model: Model, scores: Ref) -> None:
    """Probabilities from one score a class, each in [0, 1]."""
    if scores.n_features == 1:
        model.positive = scores
        add_proba(ctx, model, ctx.rows("complement", scores, n_features=2))
    else:
        add_proba(ctx, model, ctx.rows("normalize_rows", scores, zero="uniform"))


def logistic(ctx: Context, est: Any, value: Value) -> Model:
    model = decide(ctx, est, value)
    decision = model.decision
    assert decision is not None
    assert model.classes is not None
    # Before scikit-learn 1.8 the parameter chose between the two.
    multi_class = getattr(est, "multi_class", "deprecated")
    is_ovr = multi_class == "ovr" or (
        multi_class in ("auto", "deprecated")
        and (len(model.classes) <= 2 or est.solver == "liblinear")
    )
    if is_ovr:
        ovr_proba(ctx, model, ctx.rows("expit", decision))
    else:
        logits = decision
        if decision.n_features == 1:
            logits = ctx.rows("mirror", decision, n_features=2)
        add_proba(ctx, model, ctx.rows("softmax", logits))
    return model


def sgd(ctx: Context, est: Any, value: Value) -> Model:
    model = decide(ctx, est, value)
    assert model.decision is not None
    if est.loss == "log_loss":
        ovr_proba(ctx, model, ctx.rows("expit", model.decision))
    elif est.loss == "modified_huber":
        # Two classes' are computed in a new array of doubles, more in the scores' own.
        scores = model.decision if model.decision.n_features > 1 else ctx.cast(model.decision)
        clipped = ctx.rows("clip", scores, min=-1.0, max=1.0)
        half = np.array([0.5])
        ovr_proba(ctx, model, ctx.rows("affine", clipped, multiply=half, add=half))
    return model


def ridge_classifier(ctx: Context, est: Any, value: Value) -> Model:
    check_is_fitted(est)
    binarizer = est._label_binarizer
    if not binarizer.y_type_.startswith("multilabel"):
        return decide(ctx, est, value)
    if binarizer.sparse_input_:
        raise Refused("it was fitted on sparse labels and returns sparse labels")
    ref = ctx.numeric(value, _n_columns(est.coef_), est)
    model = Model(classes=np.asarray(est.classes_), model_input=ref, multilabel=True)
    model.decision = ctx.linear(ref, est.coef_, est.intercept_)
    model.label = ctx.rows("positive", model.decision)
    if model.decision.n_features == 1:
        model.ravel.add("decision")
    return model


def regressor(ctx: Context, est: Any, value: Value) -> Model:
    check_is_fitted(est)
    coef = est.coef_
    ref = ctx.numeric(value, _n_columns(coef), est)
    model = Model(model_input=ref)
    model.prediction = ctx.linear(ref, coef, est.intercept_)
    model.prediction_dtype = "<f4" if model.prediction.dtype == "f32" else "<f8"
    # SGDRegressor ravels whatever it computes; its coef_ is 2-D once sparsified.
    if np.ndim(coef) == 1 or sp.issparse(coef):
        model.ravel.add("prediction")
    return model


def generalized(ctx: Context, est: Any, value: Value) -> Model:
    """A linear predictor through the inverse of its link."""
    model = regressor(ctx, est, value)
    link = type(est._base_loss.link).__name__
    if link not in ("LogLink", "IdentityLink"):
        raise Refused(f"its link is {link}")
    assert model.prediction is not None
    if link == "LogLink":
        model.prediction = ctx.rows("exp", model.prediction)
    return model


def _available(names: list[str]) -> list[type]:
    """The estimators of linear_model by these names, where this version has them."""
    return [getattr(lm, name) for name in names if hasattr(lm, name)]


_COEF = ["all (the fitted coef_ and intercept_ are used), dense or after sparsify()"]

register(
    lm.LogisticRegression,
    lm.LogisticRegressionCV,
    predict=logistic,
    operators=["linear", "expit", "complement", "normalize_rows", "softmax", "log"],
    parameters=_COEF,
    python_step="coefficients that are not finite",
)
register(
    lm.SGDClassifier,
    predict=sgd,
    operators=["linear", "expit", "clip", "affine", "complement", "normalize_rows", "log"],
    parameters=["loss (predict_proba for 'log_loss' and 'modified_huber')", *_COEF],
)
register(
    LinearSVC,
    *_available(["Perceptron", "PassiveAggressiveClassifier"]),
    predict=decide,
    operators=["linear", "positive", "argmax"],
    parameters=_COEF,
)
register(
    lm.RidgeClassifier,
    lm.RidgeClassifierCV,
    predict=ridge_classifier,
    operators=["linear", "positive", "argmax"],
    parameters=[*_COEF, "multilabel targets"],
    python_step="sparse multilabel targets",
)
register(
    LinearSVR,
    *_available([
        "LinearRegression", "Ridge", "RidgeCV", "Lasso", "LassoCV", "ElasticNet", "ElasticNetCV",
        "MultiTaskLasso", "MultiTaskLassoCV", "MultiTaskElasticNet", "MultiTaskElasticNetCV",
        "SGDRegressor", "PassiveAggressiveRegressor", "HuberRegressor", "BayesianRidge",
        "ARDRegression", "Lars", "LarsCV", "LassoLars", "LassoLarsCV", "LassoLarsIC",
        "OrthogonalMatchingPursuit", "OrthogonalMatchingPursuitCV", "QuantileRegressor",
        "TheilSenRegressor",
    ]),
    predict=regressor,
    operators=["linear"],
    parameters=[*_COEF, "several targets"],
)  # fmt: skip
register(
    lm.PoissonRegressor,
    lm.GammaRegressor,
    lm.TweedieRegressor,
    predict=generalized,
    operators=["linear", "exp"],
    parameters=["the links log and identity", *_COEF],
)
