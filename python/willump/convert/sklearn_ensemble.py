"""Ensembles of any models: AdaBoost, bagging, voting, stacking.

Votes of labels are sums over trees of one column (`lookup`), so that they are
added in scikit-learn's order like everything else.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn import ensemble as en
from sklearn.utils.validation import check_is_fitted

from .._graph import Array
from .context import Context
from .readers import width_of
from .registry import Refused, register
from .sklearn_linear import add_proba
from .sklearn_trees import (
    TREE_CLASSIFIERS,
    TREE_REGRESSORS,
    add_tree,
    allows_nan,
    leaf_proba,
    leaf_values,
    proba_model,
)
from .trees import Forest, lookup
from .values import Model, Ref, Source, Value, promote

# ---- members -----------------------------------------------------------------


def _members(
    ctx: Context, estimators: Sequence[Any], values: Sequence[Value], names: Sequence[str]
) -> list[Model]:
    """The models of all members, all of them native."""
    models = []
    for member, value, name in zip(estimators, values, names, strict=True):
        with ctx.within(name):
            models.append(ctx.predict(member, value, native=True))
    return models


def _numbered(n: int) -> list[str]:
    return [str(i) for i in range(n)]


def _need(ref: Ref | None, what: str) -> Ref:
    if ref is None:
        raise Refused(f"a member has no {what}")
    return ref


def _proba(model: Model) -> Ref:
    return _need(model.proba, "predict_proba")


def _label(model: Model) -> Ref:
    if model.multilabel:
        raise Refused("a member gives several labels a row")
    return _need(model.label, "labels")


def _total(ctx: Context, refs: list[Ref]) -> Ref:
    return refs[0] if len(refs) == 1 else ctx.rows("add", *refs)


def _mean(ctx: Context, refs: list[Ref], divide: float) -> Ref:
    total = _total(ctx, refs)
    return total if divide == 1.0 else ctx.apply("scale", total, divide=np.array([divide]))


def _weighted_mean(ctx: Context, refs: list[Ref], weights: Sequence[float] | None) -> Ref:
    """np.average over the members, in their order."""
    if weights is None:
        return _mean(ctx, refs, float(len(refs)))
    w = np.asarray(weights, dtype=np.float64)
    if not np.isfinite(w).all():
        raise Refused("a weight is not finite")
    total = np.average(np.zeros((len(w), 1)), axis=0, weights=w, returned=True)[1]
    refs = [
        ctx.apply("scale", ctx.cast(ref), multiply=np.array([factor]))
        for ref, factor in zip(refs, w, strict=True)
    ]
    return ctx.apply("scale", _total(ctx, refs), divide=np.array([float(total[0])]))


def _joined(ctx: Context, refs: list[Ref], *others: str) -> list[Ref]:
    """The members' numbers in the one dtype that an array of all of them has."""
    dtype = promote(*(ref.dtype for ref in refs), *others)
    return [ctx.cast(ref, dtype if dtype == "f32" else "f64") for ref in refs]


def _numpy_name(ref: Ref | None) -> str:
    return "<f4" if ref is not None and ref.dtype == "f32" else "<f8"


def _are_codes(classes: Any, n_classes: int) -> bool:
    """Whether a member's classes are the numbers of the ensemble's."""
    return np.array_equal(np.asarray(classes), np.arange(n_classes))


# ---- AdaBoost ----------------------------------------------------------------


def _votes(classes: Array, own: Array, weight: float) -> Array:
    """What a member's label adds to each class, a row a label."""
    n = len(classes)
    return np.where(own[:, None] == classes[None, :], weight, -1 / (n - 1) * weight)


def _ada_decision(ctx: Context, est: Any, value: Value) -> tuple[Ref | None, Ref]:
    """X, and decision_function before it is made one column for two classes."""
    classes, weights = np.asarray(est.classes_), np.asarray(est.estimator_weights_)
    members = list(est.estimators_)
    checked = ctx.numeric(value, int(est.n_features_in_), est)
    divide = float(weights.sum())
    if divide == 0.0:
        raise Refused("its members' weights sum to 0")
    pairs = list(zip(members, weights, strict=False))  # as scikit-learn pairs them
    if all(type(m) in TREE_CLASSIFIERS for m in members):
        forest = Forest(len(classes), len(classes))
        for member, weight in pairs:
            label = leaf_proba(member).argmax(axis=1)
            add_tree(forest, member.tree_, _votes(classes, member.classes_[label], weight))
        name = type(members[0]).__name__
        ref = ctx.check_float32(checked, name, allows_nan(members[0]))
        return ref, forest.emit(ctx, ref, divide=divide)
    models = _members(ctx, members, [checked] * len(members), _numbered(len(members)))
    labels = ctx.side_by_side([_label(m) for m in models])
    tables = [
        _votes(classes, np.asarray(m.classes), w) for m, (_, w) in zip(models, pairs, strict=True)
    ]
    shared = ctx.shared_input(checked, models, _numbered(len(models)))
    return shared, lookup(ctx, labels, tables, divide=divide)


def ada_boost_classifier(ctx: Context, est: Any, value: Value) -> Model:
    check_is_fitted(est)
    if getattr(est, "algorithm", "SAMME") == "SAMME.R":
        raise Refused("algorithm='SAMME.R'")
    n_classes = int(est.n_classes_)
    if n_classes < 2:
        raise Refused("it was fitted on one class")
    ref, raw = _ada_decision(ctx, est, value)
    model = Model(classes=np.asarray(est.classes_), model_input=ref, ravel={"label"}, raw=raw)
    weights = np.asarray(est.estimator_weights_)[: len(est.estimators_)]
    model.source = {
        "family": "sklearn_ada",
        "n_iterations": len(weights),
        "weights": [float(weight) for weight in weights],
    }
    if n_classes == 2:
        first, second = ctx.select(raw, np.array([0])), ctx.select(raw, np.array([1]))
        model.decision = ctx.rows("difference", second, first)
        model.label = ctx.rows("positive", model.decision)
        model.ravel.add("decision")
        half = ctx.rows("mirror", model.decision, n_features=2)
        logits = ctx.rows("affine", half, multiply=np.array([0.5]))
    else:
        model.decision = raw
        model.label = ctx.argmax(raw)
        logits = ctx.apply("scale", raw, divide=np.array([float(n_classes - 1)]))
    add_proba(ctx, model, ctx.rows("softmax", logits))
    return model


def ada_boost_regressor(ctx: Context, est: Any, value: Value) -> Model:
    """The weighted median of its members' predictions; members are plain trees."""
    check_is_fitted(est)
    members = list(est.estimators_)
    for member in members:
        if type(member) not in TREE_REGRESSORS:
            raise Refused(f"a member is a {type(member).__name__}, not a plain tree")
    checked = ctx.numeric(value, int(est.n_features_in_), est)
    ref = ctx.check_float32(checked, type(members[0]).__name__, allows_nan(members[0]))
    n = len(members)
    forest = Forest(n_outputs=n)
    for member in members:
        add_tree(forest, member.tree_, leaf_values(member))
    # A member's answer is its leaf's value, so -0.0 stays.
    predictions = forest.emit(ctx, ref, start=np.full(n, -0.0))
    weights = np.asarray(est.estimator_weights_, dtype=np.float64)[:n]
    median = ctx.rows("weighted_median", predictions, n_features=1, weights=weights)
    return Model(model_input=ref, prediction=median, ravel={"prediction"})


# ---- bagging -----------------------------------------------------------------


def _bagged_trees(ctx: Context, est: Any, value: Value, types: tuple[type, ...]) -> Ref | None:
    """X as every member checks its columns, where the members are plain trees."""
    members = list(est.estimators_)
    if any(type(m) not in types for m in members):
        return None
    ref = ctx.numeric(value, int(est.n_features_in_))
    used = np.unique(np.concatenate(est.estimators_features_))
    name = type(members[0]).__name__
    if len(used) == ref.n_features:
        return ctx.check_float32(ref, name, allows_nan(members[0]))
    # Columns that no member has are not looked at.
    return ctx.check_float32(ctx.select(ref, used), name, allows_nan(members[0]))


def _bagged_models(ctx: Context, est: Any, value: Value) -> tuple[list[Model], Ref]:
    """The members, each on its own columns, and what those are of."""
    members = list(est.estimators_)
    ref = ctx.numeric(value, int(est.n_features_in_))
    columns = [ctx.select(ref, np.asarray(f)) for f in est.estimators_features_]
    return _members(ctx, members, columns, _numbered(len(members))), ref


def _positions(est: Any, features: Array) -> Array:
    """Where a member's columns are among those that any member has."""
    used = np.unique(np.concatenate(est.estimators_features_))
    return np.searchsorted(used, features)


def _check_bag(est: Any) -> None:
    check_is_fitted(est)
    if len(est.estimators_) != est.n_estimators:
        raise Refused("n_estimators is not how many members it has")


def bagging_classifier(ctx: Context, est: Any, value: Value) -> Model:
    _check_bag(est)
    n_classes, n = int(est.n_classes_), len(est.estimators_)
    if not all(_are_codes(m.classes_, n_classes) for m in est.estimators_):
        raise Refused("a member misses a class")
    ref = _bagged_trees(ctx, est, value, TREE_CLASSIFIERS)
    if ref is not None:
        forest = Forest(n_classes, n_classes)
        for member, features in zip(est.estimators_, est.estimators_features_, strict=True):
            add_tree(forest, member.tree_, leaf_proba(member), _positions(est, features))
        return proba_model(ctx, est, ref, forest.emit(ctx, ref, divide=n))
    models, read = _bagged_models(ctx, est, value)
    if all(m.proba is not None for m in models):
        mean = _mean(ctx, [ctx.cast(_proba(m)) for m in models], float(n))
    elif any(m.proba is not None for m in models):
        raise Refused("some of its members have no predict_proba")
    else:
        labels = ctx.side_by_side([_label(m) for m in models])
        mean = lookup(ctx, labels, [np.eye(n_classes)] * n, divide=n)
    model = Model(classes=np.asarray(est.classes_), ravel={"label"}, proba=mean)
    model.model_input = read
    model.label = ctx.argmax(mean)
    own = [m.log_proba for m in models if m.log_proba is not None]
    if any(ctx.builder.nodes[ref.node].operator != "log" for ref in own):
        # They may be finite where the probability is 0.
        raise Refused("its members' log probabilities are not logarithms of probabilities")
    model.log_proba = ctx.rows("log", mean)
    if hasattr(est, "decision_function"):
        scores = _joined(ctx, [_need(m.decision, "decision_function") for m in models])
        model.decision = _mean(ctx, scores, float(n))
        if "decision" in models[0].ravel:
            model.ravel.add("decision")
    return model


def bagging_regressor(ctx: Context, est: Any, value: Value) -> Model:
    _check_bag(est)
    n = len(est.estimators_)
    ref = _bagged_trees(ctx, est, value, TREE_REGRESSORS)
    if ref is not None:
        n_outputs = int(est.estimators_[0].n_outputs_)
        forest = Forest(n_outputs, n_outputs)
        for member, features in zip(est.estimators_, est.estimators_features_, strict=True):
            add_tree(forest, member.tree_, leaf_values(member), _positions(est, features))
        model = Model(model_input=ref, prediction=forest.emit(ctx, ref, divide=n))
        if n_outputs == 1:
            model.ravel.add("prediction")
        return model
    models, read = _bagged_models(ctx, est, value)
    predictions = _joined(ctx, [_need(m.prediction, "predict") for m in models])
    model = Model(model_input=read, prediction=_mean(ctx, predictions, float(n)))
    model.prediction_dtype = _numpy_name(model.prediction)
    if "prediction" in models[0].ravel:
        model.ravel.add("prediction")
    return model


# ---- voting ------------------------------------------------------------------


def _named_members(ctx: Context, est: Any, value: Value) -> tuple[list[Model], list[str]]:
    """The models that a vote or a stack did not drop, and their names."""
    check_is_fitted(est)
    names = [name for name, member in est.estimators if member != "drop"]
    members = list(est.estimators_)
    return _members(ctx, members, [value] * len(members), names), names


def voting_classifier(ctx: Context, est: Any, value: Value) -> Model:
    (models, names), weights = _named_members(ctx, est, value), est._weights_not_none
    n_classes = len(est.classes_)
    if not all(_are_codes(m.classes, n_classes) for m in models):
        raise Refused("a member misses a class")
    model = Model(classes=np.asarray(est.classes_), ravel={"label"})
    model.model_input = ctx.shared_input(value, models, names)
    if est.voting == "soft":
        probas = _joined(ctx, [_proba(m) for m in models])
        model.proba = _weighted_mean(ctx, probas, weights)
        model.label = ctx.argmax(model.proba)
        if est.flatten_transform:
            model.features = ctx.side_by_side(probas)
        return model
    w = np.ones(len(models)) if weights is None else np.asarray(weights, dtype=np.float64)
    if np.any(w < 0) or not np.isfinite(w).all():
        raise Refused("a weight is negative or not finite")
    model.features = ctx.side_by_side([_label(m) for m in models])
    tables = [np.eye(n_classes) * weight for weight in w]
    model.label = ctx.argmax(lookup(ctx, model.features, tables))
    return model


def voting_regressor(ctx: Context, est: Any, value: Value) -> Model:
    (models, names), weights = _named_members(ctx, est, value), est._weights_not_none
    parts = _joined(ctx, [_need(m.prediction, "predict") for m in models])
    if any(part.n_features != 1 for part in parts):
        raise Refused("a member predicts several targets")
    read = ctx.shared_input(value, models, names)
    model = Model(model_input=read, ravel={"prediction"})
    model.features = ctx.side_by_side(parts)
    model.prediction = _weighted_mean(ctx, parts, weights)
    model.prediction_dtype = _numpy_name(model.prediction)
    return model


# ---- stacking ----------------------------------------------------------------


def _stack_part(ctx: Context, model: Model, method: str) -> Ref:
    """A member's columns for the final model."""
    if method == "predict_proba":
        return _proba(model)
    if method == "decision_function":
        return _need(model.decision, "decision_function")
    if model.prediction is not None:
        return model.prediction
    classes = np.asarray(model.classes)
    label = _label(model)
    if _are_codes(classes, len(classes)):
        return label
    if classes.dtype.kind not in "iufb":
        raise Refused("a member's labels are not numbers")
    return lookup(ctx, label, [classes.astype(np.float64).reshape(-1, 1)])


def _stacked(ctx: Context, est: Any, value: Value) -> tuple[Ref | None, Ref, Model]:
    """What the members read, what the final model reads, and the final model."""
    models, names = _named_members(ctx, est, value)
    classes = getattr(est, "classes_", None)
    parts: list[tuple[str, Ref]] = []
    for name, model, method in zip(names, models, est.stack_method_, strict=True):
        part = _stack_part(ctx, model, method)
        if method == "predict_proba" and classes is not None and len(classes) == 2:
            part = ctx.select(part, np.arange(1, part.n_features))
        parts.append((name, part))
    joined = _joined(ctx, [part for _, part in parts])
    parts = list(zip(names, joined, strict=True))
    if est.passthrough:
        if isinstance(value, Source) and value.columns is not None:
            raise Refused("passthrough of picked columns")
        given = ctx.numeric(value, width_of(est))
        parts.append(("passthrough", given))
    features = ctx.concat(parts)
    read = ctx.shared_input(value, models, names)
    with ctx.within("final"):
        return read, features, ctx.predict(est.final_estimator_, features, native=True)


def stacking_classifier(ctx: Context, est: Any, value: Value) -> Model:
    check_is_fitted(est)
    if isinstance(est.classes_, list):
        raise Refused("several outputs with classes of their own")
    read, features, final = _stacked(ctx, est, value)
    if not _are_codes(final.classes, len(est.classes_)):
        raise Refused("its final model misses a class")
    model = Model(
        model_input=read,
        classes=np.asarray(est.classes_),
        label=_label(final),
        ravel=final.ravel & {"label", "decision"},
        features=features,
    )
    if hasattr(est, "predict_proba"):
        model.proba = final.proba
    if hasattr(est, "decision_function"):
        model.decision = final.decision
    return model


def stacking_regressor(ctx: Context, est: Any, value: Value) -> Model:
    read, features, final = _stacked(ctx, est, value)
    return Model(
        model_input=read,
        prediction=_need(final.prediction, "predict"),
        prediction_dtype=final.prediction_dtype,
        ravel=final.ravel & {"prediction"},
        features=features,
    )


_NATIVE = "estimator (a native one)"
_PYTHON = "a member that stays Python, or misses a class"

register(
    en.AdaBoostClassifier,
    predict=ada_boost_classifier,
    operators=["trees", "difference", "positive", "argmax", "mirror", "affine", "scale",
               "softmax", "log", "check_finite"],
    parameters=[_NATIVE, "algorithm='SAMME'"],
    python_step="a member that stays Python",
)  # fmt: skip
register(
    en.AdaBoostRegressor,
    predict=ada_boost_regressor,
    operators=["trees", "weighted_median", "check_finite"],
    parameters=["all, with members that are plain trees (where predictions tie, weights are "
                "added in the members' order, which scikit-learn's sort leaves open)"],
    python_step="other members than trees",
)  # fmt: skip
register(
    en.BaggingClassifier,
    predict=bagging_classifier,
    operators=["trees", "select", "add", "scale", "argmax", "log", "check_finite"],
    parameters=[_NATIVE, "max_features", "bootstrap_features"],
    python_step=f"{_PYTHON}; log probabilities that are not logarithms (naive Bayes)",
)
register(
    en.BaggingRegressor,
    predict=bagging_regressor,
    operators=["trees", "select", "add", "scale", "check_finite"],
    parameters=[_NATIVE, "max_features", "bootstrap_features"],
    python_step="a member that stays Python",
)
register(
    en.VotingClassifier,
    predict=voting_classifier,
    operators=["trees", "scale", "add", "concat", "argmax"],
    parameters=["estimators (native ones, 'drop')", "voting", "weights"],
    python_step=f"{_PYTHON}; hard votes with negative weights",
)
register(
    en.VotingRegressor,
    predict=voting_regressor,
    operators=["scale", "add", "concat"],
    parameters=["estimators (native ones, 'drop')", "weights"],
    python_step="a member that stays Python",
)
register(
    en.StackingClassifier,
    predict=stacking_classifier,
    operators=["concat", "select"],
    parameters=["estimators (native ones, 'drop')", "final_estimator (a native one)",
                "stack_method", "passthrough"],
    python_step="a member that stays Python; trees over what is within rounding",
)  # fmt: skip
register(
    en.StackingRegressor,
    predict=stacking_regressor,
    operators=["concat", "select"],
    parameters=["estimators (native ones, 'drop')", "final_estimator (a native one)",
                "passthrough"],
    python_step="a member that stays Python; trees over what is within rounding",
)  # fmt: skip
