"""CatBoost's models: their own JSON export, read by the core.

The sums of the trees are CatBoost's to the bit: it adds the leaves in the order
of the trees as doubles, whatever the number of rows, and so does `trees`.
"""

from __future__ import annotations

import math
import os
import tempfile
from typing import Any

import numpy as np

from .boosters import described, ensemble, linked
from .context import Context
from .registry import Refused, register, register_later
from .values import Model, Ref, Value

#: Losses with one probability a label.
_MULTILABEL = ("MultiLogloss", "MultiCrossEntropy")


def json_of(est: Any) -> bytes:
    """The JSON export of a fitted model."""
    if not est.is_fitted():
        raise Refused("it is not fitted")
    _refuse_others(est)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "model.json")
        try:
            # Without a pool CatBoost prints that it lacks one.
            width = int(est.n_features_in_)
            est.save_model(path, format="json", pool=np.zeros((1, width)))
        except Exception as error:
            raise Refused(f"it has no JSON export: {error}") from error
        with open(path, "rb") as file:
            return file.read()


def _refuse_others(est: Any) -> None:
    """Features that are not numbers, by name."""
    for kind in ("cat", "text", "embedding"):
        found = getattr(est, f"get_{kind}_feature_indices")()
        if len(found):
            names = est.feature_names_
            shown = ", ".join(repr(names[i]) if i < len(names) else str(i) for i in found[:5])
            what = {"cat": "categorical"}.get(kind, kind)
            raise Refused(f"it has {what} features ({shown}); encode them as numbers before it")


def _raw(ctx: Context, est: Any, value: Value) -> tuple[Any, Ref]:
    return ensemble(ctx, value, json_of(est), n_features=est.n_features_in_)


def _described(model: Model, read: Any, raw: Ref) -> Model:
    """The constant is added where the first tree is among those that are summed."""
    described(model, read, raw, int(read["n_iterations"]))
    assert model.source is not None
    model.source |= {"adds_once": True, "is_exponent": read["link"] == "exp"}
    return model


def _prediction(est: Any, value: Value, read: Any, raw: Ref, prediction: Ref) -> Model:
    model = Model(prediction=prediction)
    if raw.n_features == 1:
        model.ravel.add("prediction")
    return _described(model, read, raw)


def catboost_raw(ctx: Context, est: Any, value: Value) -> Model:
    """CatBoost and CatBoostRanker, which predict raw values."""
    read, raw = _raw(ctx, est, value)
    model = _prediction(est, value, read, raw, raw)
    assert model.source is not None
    model.source["is_exponent"] = False  # its predictions are the raw values
    return model


def catboost_regressor(ctx: Context, est: Any, value: Value) -> Model:
    read, raw = _raw(ctx, est, value)
    return _prediction(est, value, read, raw, linked(ctx, read, raw))


def catboost_classifier(ctx: Context, est: Any, value: Value) -> Model:
    read, raw = _raw(ctx, est, value)
    model = Model(classes=np.asarray(est.classes_), decision=raw)
    _described(model, read, raw)
    assert model.classes is not None
    if read["link"] not in ("expit", "softmax"):
        raise Refused(f"the loss {read['objective']!r} gives no probabilities")
    if raw.n_features == 1:
        return _binary(ctx, est, model, raw)
    if raw.n_features != len(model.classes):
        raise Refused(f"{raw.n_features} scores for {len(model.classes)} classes")
    model.proba = linked(ctx, read, raw)
    if read["link"] == "softmax":
        model.log_proba = ctx.rows("log_softmax", raw)
    else:
        model.log_proba = ctx.rows("log", model.proba)
    if read["objective"] in _MULTILABEL:
        model.multilabel = True
        model.label = ctx.rows("positive", raw, threshold=_logit_of(est))
    else:
        model.label = ctx.argmax(raw)
        model.label_table = True
    return model


def _logit_of(est: Any) -> float:
    """The raw value above which a label is the second class."""
    threshold = est.get_probability_threshold()
    threshold = 0.5 if threshold is None else float(threshold)
    if not 0.0 < threshold < 1.0:
        raise Refused(f"its probability threshold is {threshold}")
    return -math.log(1.0 / threshold - 1.0) + 0.0


def _binary(ctx: Context, est: Any, model: Model, raw: Ref) -> Model:
    assert model.classes is not None
    if len(model.classes) != 2:
        raise Refused(f"one score for {len(model.classes)} classes")
    both = ctx.rows("mirror", raw, n_features=2)
    model.proba = ctx.rows("expit", both)
    # log(expit(x)) without the loss of digits where x is far from 0.
    model.log_proba = ctx.rows("log_softmax", ctx.rows("affine", both, multiply=np.array([0.5])))
    model.label = ctx.rows("positive", raw, threshold=_logit_of(est))
    model.ravel |= {"label", "decision"}
    return model


def register_library(name: str) -> None:
    """Registers CatBoost's types; called when an object of it is met."""
    import catboost as cb

    stays = "categorical, text and embedding features; the loss RMSEWithUncertainty"
    parameters = ["all (the trees of the library's own export; raw values to the bit)"]
    register(
        cb.CatBoost,
        cb.CatBoostRanker,
        predict=catboost_raw,
        operators=["trees", "affine"],
        parameters=parameters,
        python_step=stays,
    )
    register(
        cb.CatBoostRegressor,
        predict=catboost_regressor,
        operators=["trees", "affine", "exp"],
        parameters=parameters,
        python_step=stays,
    )
    register(
        cb.CatBoostClassifier,
        predict=catboost_classifier,
        operators=[
            "trees", "affine", "mirror", "expit", "softmax", "log_softmax", "log", "argmax",
            "positive",
        ],
        parameters=parameters,
        python_step=stays,
    )  # fmt: skip


register_later("catboost", register_library)
