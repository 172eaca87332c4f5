"""Classifiers made of classifiers: one-vs-rest, one-vs-one, calibration."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.base import is_classifier
from sklearn.calibration import CalibratedClassifierCV
from sklearn.isotonic import IsotonicRegression
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier
from sklearn.utils.validation import check_is_fitted

from .._graph import Array
from .context import Context
from .registry import Refused, register
from .trees import lookup
from .values import Model, Ref, Source, Value


def _members(
    ctx: Context, est: Any, estimators: Any, value: Value, *, is_binary: bool = True
) -> list[Model]:
    """The models; all native, or the whole is one Python step."""
    models = []
    for i, member in enumerate(estimators):
        if type(member).__name__ == "_ConstantPredictor":
            models.append(_constant(ctx, member, value))
            continue
        with ctx.within(str(i)):
            model = ctx.predict(member, value, native=True)
        n_classes = 0 if model.classes is None else len(model.classes)
        if is_binary and is_classifier(member) and n_classes != 2:
            raise Refused("a binary estimator does not have two classes")
        models.append(model)
    return models


def _constant(ctx: Context, est: Any, value: Value) -> Model:
    """One-vs-rest's predictor for a class that all or no rows have."""
    if not isinstance(value, Ref):
        raise Refused("a class is present in all or no training rows")
    ref = ctx.linear(value, np.zeros((1, value.n_features)), est.y_.astype(np.float64))
    return Model(decision=ref, positive=ref, classes=np.array([0, 1]), model_input=value)


def _decision(model: Model) -> Ref | None:
    """What `decision_function` gives where the original has one: CatBoost, whose raw sums
    the graph shows, has none, and is asked for its probabilities."""
    is_own = model.estimator is None or hasattr(model.estimator, "decision_function")
    return model.decision if is_own else None


def _score(ctx: Context, model: Model) -> Ref:
    """What multiclass._predict_binary returns."""
    for ref in (_decision(model), model.positive):
        if ref is not None:
            return ref
    if model.proba is not None:
        return ctx.select(model.proba, np.array([1]))
    if model.prediction is not None:
        return model.prediction
    raise Refused("its estimator gives no scores")


def _positive(ctx: Context, model: Model) -> Ref:
    if model.positive is not None:
        return model.positive
    if model.proba is None:
        raise Refused("its estimator gives no probabilities")
    return ctx.select(model.proba, np.array([1]))


def _shared_input(ctx: Context, value: Value, models: list[Model]) -> Ref | None:
    return ctx.shared_input(value, models, [str(i) for i in range(len(models))])


# ---- one-vs-rest -------------------------------------------------------------


def one_vs_rest(ctx: Context, est: Any, value: Value) -> Model:
    check_is_fitted(est)
    binarizer = est.label_binarizer_
    if len(est.classes_) == 1:
        raise Refused("it was fitted on one class")
    if binarizer.sparse_input_:
        raise Refused("it was fitted on sparse labels and returns sparse labels")
    models = _members(ctx, est, est.estimators_, value)
    model = Model(
        classes=np.asarray(est.classes_),
        multilabel=bool(est.multilabel_),
        model_input=_shared_input(ctx, value, models),
    )
    scores = ctx.side_by_side([_score(ctx, m) for m in models])
    if binarizer.y_type_ == "multiclass":
        model.label = ctx.argmax(scores)
    else:
        first = est.estimators_[0]
        is_decision = hasattr(first, "decision_function") and is_classifier(first)
        model.label = ctx.rows("positive", scores, threshold=0.0 if is_decision else 0.5)
    if not model.multilabel:
        model.ravel.add("label")
    if hasattr(est, "decision_function"):
        model.decision = scores
        if len(models) == 1:
            model.ravel.add("decision")
    if hasattr(est, "predict_proba"):
        _one_vs_rest_proba(ctx, model, models)
    return model


def _one_vs_rest_proba(ctx: Context, model: Model, models: list[Model]) -> None:
    proba = ctx.side_by_side([_positive(ctx, m) for m in models])
    if len(models) == 1:
        proba = ctx.rows("complement", proba, n_features=2)
    if not model.multilabel:
        proba = ctx.rows("normalize_rows", proba)
    model.proba = proba


# ---- several outputs ---------------------------------------------------------


def multi_output(ctx: Context, est: Any, value: Value) -> Model:
    """A model for each label; `predict_proba` is a list of arrays, which no output is."""
    check_is_fitted(est)
    classes = [np.asarray(each) for each in est.classes_]
    if any(own.dtype != np.int64 for own in classes):
        raise Refused("its labels are not 64-bit integers in every column")
    models = _members(ctx, est, est.estimators_, value, is_binary=False)
    labels = [_label_of(ctx, model, own) for model, own in zip(models, classes, strict=True)]
    margins = [_margin_of(ctx, model) for model in models]
    known = [margin for margin in margins if margin is not None]
    ctx.notes.append(f"{type(est).__name__}: several outputs; only predict is there")
    return Model(
        prediction=ctx.side_by_side(labels),
        prediction_dtype="<i8",
        margins=ctx.side_by_side(known) if len(known) == len(models) else None,
        output_classes=classes,
        model_input=_shared_input(ctx, value, models),
    )


def _label_of(ctx: Context, model: Model, classes: Array) -> Ref:
    """One output's label, as the whole number that it is."""
    if model.label is None or model.label_table or model.multilabel:
        raise Refused("its estimator gives no labels")
    if np.array_equal(classes, np.arange(len(classes))):
        return model.label
    if np.abs(classes).max() > 2**53:
        raise Refused("its labels are integers beyond 2**53")
    return lookup(ctx, model.label, [classes.astype(np.float64).reshape(-1, 1)])


def _margin_of(ctx: Context, model: Model) -> Ref | None:
    """How sure one output is: of two classes a score whose size says so, of more the
    largest less the second."""
    scores = model.decision if model.decision is not None else model.proba
    if scores is None:
        return None
    if model.classes is not None and len(model.classes) != 2:
        return ctx.rows("margin", scores, n_features=1)
    if model.decision is not None:
        return model.decision
    return ctx.rows("affine", _positive(ctx, model), add=np.array([-0.5]))


# ---- one-vs-one --------------------------------------------------------------


def one_vs_one(ctx: Context, est: Any, value: Value) -> Model:
    check_is_fitted(est)
    if est.pairwise_indices_ is not None:
        raise Refused("its estimator works on a pairwise kernel")
    n_classes = len(est.classes_)
    if isinstance(value, Source):  # its members get the array that it makes of X
        value = ctx.numeric(value, int(est.n_features_in_))
    elif isinstance(value, Ref):
        value = replace(value, is_frame=False)
    models = _members(ctx, est, est.estimators_, value)
    scores = [_decision(m) for m in models]
    if any(own is None or m.positive is own for m, own in zip(models, scores, strict=True)):
        # predict and the score's sign agree only for decision functions.
        raise Refused("its estimator has no decision_function")
    model = Model(classes=np.asarray(est.classes_), model_input=_shared_input(ctx, value, models))
    confidences = ctx.side_by_side([own for own in scores if own is not None])
    thresholds = {_vote_threshold(ctx, m) for m in models}
    if len(thresholds) > 1:
        raise Refused("its estimators choose labels at different scores")
    threshold = thresholds.pop()
    votes = ctx.rows(
        "ovo", confidences, n_classes=n_classes, n_features=n_classes, threshold=threshold or None
    )
    model.ravel.add("label")
    if n_classes == 2:
        model.decision = ctx.select(votes, np.array([1]))
        model.label = ctx.rows("positive", model.decision)
        model.ravel.add("decision")
    else:
        model.decision = votes
        model.label = ctx.argmax(votes)
    return model


def _vote_threshold(ctx: Context, model: Model) -> float:
    """The score above which a binary model predicts its second class."""
    if model.label is None:
        raise Refused("its estimator gives no labels")
    node = ctx.builder.nodes[model.label.node]
    threshold: Any = node.attributes.get("threshold", 0.0)
    return float(threshold) if node.operator == "positive" else 0.0


# ---- calibration -------------------------------------------------------------


#: How far scores may be from the original's, relative to the largest.
DECISION_ERROR, PROBA_ERROR = 2.0**-48, 2.0**-41


def calibrated(ctx: Context, est: Any, value: Value) -> Model:
    check_is_fitted(est)
    classes = np.asarray(est.classes_)
    pairs = est.calibrated_classifiers_
    model = Model(classes=classes)
    probas = []
    members = []
    for i, pair in enumerate(pairs):
        if len(pair.estimator.classes_) != len(classes):
            raise Refused("a fold misses a class")
        with ctx.within(str(i)):
            member = ctx.predict(pair.estimator, value, native=True)
        members.append(member)
        # The original adds them up in an array of doubles.
        probas.append(ctx.cast(_calibrate(ctx, pair, member, len(classes))))
    mean = probas[0] if len(probas) == 1 else ctx.rows("add", *probas)
    if len(probas) > 1:
        mean = ctx.apply("scale", mean, divide=np.array([float(len(probas))]))
    model.proba = mean
    model.label = ctx.argmax(mean)
    model.ravel.add("label")
    model.model_input = _shared_input(ctx, value, members)
    return model


def _calibrate(ctx: Context, pair: Any, member: Model, n_classes: int) -> Ref:
    """_CalibratedClassifier.predict_proba."""
    scores = _decision(member)
    has_decision = scores is not None
    if scores is None:
        if member.proba is None:
            raise Refused("its estimator gives no scores")
        scores = _positive(ctx, member) if n_classes == 2 else member.proba
    if pair.method == "temperature":
        proba = _temperature(ctx, pair.calibrators[0], scores, not has_decision)
    else:
        # Probabilities of naive Bayes come from sums of large logarithms.
        error = DECISION_ERROR if has_decision else PROBA_ERROR
        if ctx.is_exact(scores):
            error = 0.0
        proba = _one_calibrator_a_class(ctx, pair.calibrators, scores, n_classes, error)
    return ctx.rows("at_most_one", proba)


def _one_calibrator_a_class(
    ctx: Context, calibrators: Any, scores: Ref, n_classes: int, error: float
) -> Ref:
    if len(calibrators) != scores.n_features:
        raise Refused("it has not one calibrator for each score")
    if all(type(c) is not IsotonicRegression for c in calibrators):
        slopes = np.array([-float(c.a_) for c in calibrators])
        offsets = np.array([-float(c.b_) for c in calibrators])
        scores = ctx.cast_like(scores, lambda t: sum(c.a_ * t + c.b_ for c in calibrators))
        columns = ctx.rows("expit", ctx.rows("affine", scores, multiply=slopes, add=offsets))
    else:
        parts = []
        for k, calibrator in enumerate(calibrators):
            column = scores if scores.n_features == 1 else ctx.select(scores, np.array([k]))
            parts.append(_isotonic(ctx, calibrator, column, error))
        columns = ctx.side_by_side(parts)
    columns = ctx.cast(columns)
    if n_classes == 2:
        return ctx.rows("complement", columns, n_features=2)
    return ctx.rows("normalize_rows", columns, zero="uniform")


def _isotonic(ctx: Context, est: Any, column: Ref, error: float) -> Ref:
    if type(est) is not IsotonicRegression or est.out_of_bounds != "clip":
        raise Refused("a calibrator is not an IsotonicRegression that clips")
    x, y = np.asarray(est.X_thresholds_), np.asarray(est.y_thresholds_)
    if x.dtype != np.float64:
        raise Refused("a calibrator was fitted on float32 scores")
    if column.dtype == "f32" and error > 0.0:
        raise Refused("an isotonic calibrator would read float32 scores within rounding")
    if len(x) > 1:
        # Scores are within rounding of the original's; a steep segment would
        # turn that into more than the promised 1e-9 (or 1e-12 near zero).
        slopes = np.abs(np.diff(y)) / np.diff(x)
        allowed = np.maximum(1e-12, 1e-9 * np.minimum(y[:-1], y[1:]))
        if np.any(slopes * error * np.abs(x).max() > allowed):
            raise Refused("an isotonic calibrator is too steep for scores within rounding")
    return ctx.rows("isotonic", ctx.cast(column), x=x, y=y)


def _temperature(ctx: Context, est: Any, scores: Ref, is_proba: bool) -> Ref:
    if is_proba:
        proba = ctx.rows("complement", scores, n_features=2) if scores.n_features == 1 else scores
        logits = ctx.rows("log", ctx.rows("affine", proba, add=np.array([1e-12])))
    elif scores.n_features == 1:
        logits = ctx.rows("mirror", scores, n_features=2)
    else:
        logits = scores
    logits = ctx.cast_like(logits, lambda x: est.beta_ * x)
    beta = np.array([float(est.beta_)])
    return ctx.rows("softmax", ctx.rows("affine", logits, multiply=beta))


register(
    OneVsRestClassifier,
    predict=one_vs_rest,
    operators=["linear", "positive", "argmax", "complement", "normalize_rows"],
    parameters=["estimator (a native one)", "multiclass, binary and multilabel targets"],
    python_step="an estimator that stays Python; sparse multilabel targets",
)
register(
    MultiOutputClassifier,
    predict=multi_output,
    operators=["linear", "positive", "argmax", "trees", "concat"],
    parameters=["estimator (a native one)", "predict of labels that are 64-bit integers"],
    python_step="an estimator that stays Python; other labels",
)
register(
    OneVsOneClassifier,
    predict=one_vs_one,
    operators=["linear", "ovo", "positive", "argmax"],
    parameters=["estimator (a native one with decision_function)"],
    python_step="an estimator without decision_function",
)
register(
    CalibratedClassifierCV,
    predict=calibrated,
    operators=["affine", "expit", "isotonic", "complement", "normalize_rows", "softmax",
               "at_most_one", "add", "scale", "argmax"],
    parameters=["method ('sigmoid', 'isotonic', 'temperature')", "ensemble", "cv"],
    python_step="an estimator that stays Python; a fold that misses a class; an isotonic "
    "calibrator that is too steep for scores within rounding",
)  # fmt: skip
