"""Naive Bayes classifiers of scikit-learn that are linear in their features."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.naive_bayes import BernoulliNB, ComplementNB, MultinomialNB
from sklearn.utils.validation import check_is_fitted

from .context import Context
from .registry import Refused, register
from .values import Model, Ref, Value


def _model(ctx: Context, est: Any, ref: Ref, coef: Any, intercept: Any) -> Model:
    """Everything follows from the joint log likelihood."""
    model = Model(classes=np.asarray(est.classes_), model_input=ref)
    joint = ctx.linear(ref, coef, intercept)
    model.label = ctx.argmax(joint)
    model.log_proba = ctx.rows("log_softmax", joint)
    model.proba = ctx.rows("exp", model.log_proba)
    model.ravel.add("label")
    return model


def _input(ctx: Context, est: Any, value: Value) -> Ref:
    check_is_fitted(est)
    return ctx.numeric(value, est.feature_log_prob_.shape[1], est)


def multinomial(ctx: Context, est: Any, value: Value) -> Model:
    ref = _input(ctx, est, value)
    return _model(ctx, est, ref, est.feature_log_prob_, est.class_log_prior_)


def complement(ctx: Context, est: Any, value: Value) -> Model:
    ref = _input(ctx, est, value)
    prior = est.class_log_prior_ if len(est.classes_) == 1 else 0.0
    return _model(ctx, est, ref, est.feature_log_prob_, prior)


def bernoulli(ctx: Context, est: Any, value: Value) -> Model:
    ref = _input(ctx, est, value)
    if est.binarize is not None:
        if ref.sparse and est.binarize < 0:
            raise Refused("binarize is below 0 and its input is sparse")
        ctx.check_jump(ref, est.binarize)
        ref = ctx.apply("binarize", ref, threshold=float(est.binarize), safe=True)
    absent = np.log(1 - np.exp(est.feature_log_prob_))
    coef = est.feature_log_prob_ - absent
    return _model(ctx, est, ref, coef, est.class_log_prior_ + absent.sum(axis=1))


_OPERATORS = ["linear", "argmax", "log_softmax", "exp"]
_FITTED = "all (the fitted feature_log_prob_ and class_log_prior_ are used)"

register(
    MultinomialNB,
    predict=multinomial,
    operators=_OPERATORS,
    parameters=[_FITTED],
    python_step="alpha=0 with features that never occur (infinite log probabilities)",
)
register(
    ComplementNB,
    predict=complement,
    operators=_OPERATORS,
    parameters=[_FITTED],
    python_step="log probabilities that are not finite",
)
register(
    BernoulliNB,
    predict=bernoulli,
    operators=["binarize", *_OPERATORS],
    parameters=["binarize", _FITTED],
    python_step="binarize below 0 on a sparse matrix, or of input within rounding; "
    "infinite log probabilities",
)
