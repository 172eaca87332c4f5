"""LightGBM's and XGBoost's models: their own export, read by the core.

The trees come from the library's own text or binary form (`_core.read_trees`),
so that what is compiled is what `willump import` compiles; the classes of the
scikit-learn interface add labels and probabilities.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from .. import _core
from .._categories import storable
from .._errors import UnsupportedError
from .context import Context
from .registry import Refused, register, register_later
from .tables import ANY
from .values import Model, Ref, Source, Table, Value, gives_frame


def ensemble(
    ctx: Context, value: Value, data: bytes, *, n_features: int | None = None
) -> tuple[Mapping[str, Any], Ref]:
    """What the export says, and its raw scores; `n_features` where X may have
    more columns than the export tells of."""
    try:
        read = _core.read_trees(data)
    except Exception as error:
        raise Refused(str(error)) from error
    ref = ctx.numeric(value, max(int(read["n_features"]), n_features or 0), reads=ANY)
    if not ctx.is_exact(ref):
        raise Refused("its input is within rounding, and trees compare it to the bit")
    # Each library reads a frame's categories as codes; CatBoost reads numbers in strings.
    if gives_frame(value):
        words = ("no_codes",) if read["library"] == "catboost" else ("no_codes", "no_words")
        ctx.reads_frames(ref, words)
    is_linear = "linear_constants" in read["tensors"]
    if ref.sparse and is_linear:
        raise Refused("its leaves are linear and its input is sparse")
    if read["casts_to_f32"]:
        ref = ctx.apply("cast", ref, dtype="f32")
    tensors = dict(read["tensors"])
    is_f32 = read["dtype"] == "f32"
    n_outputs = int(read["n_outputs"])
    attributes = {**tensors, "n_outputs": n_outputs, "dtype": "f32" if is_f32 else None}
    # Where no tree has splits, or no leaf has terms, the export has no tensors of them.
    for name in ("feature", "left", "right", "flags"):
        attributes.setdefault(name, np.zeros(0, np.int64))
    attributes.setdefault("threshold", np.zeros(0))
    if read["is_absent_nan"]:
        ctx.refuse_lost_gaps(ref, "an XGBoost model")
        attributes["absent"] = float("nan")
    if is_linear:
        attributes.setdefault("linear_features", np.zeros(0, np.int64))
        attributes.setdefault("linear_coefficients", np.zeros(0))
    node = ctx._emit("linear_trees" if is_linear else "trees", (ref.node,), attributes)
    if read["library"] == "lightgbm":
        ctx.reads_in_single(ref, value)
        ctx.light_trees.add(node)
    raw = Ref(node, n_outputs, dtype=read["dtype"])
    scale, bias = float(read["scale"]), read["bias"]
    if scale != 1.0 or np.any(bias):
        raw = ctx.rows("affine", raw, multiply=np.array([scale]), add=bias)
    return read, raw


def linked(ctx: Context, read: Mapping[str, Any], raw: Ref) -> Ref:
    """The raw scores through the inverse of the objective's link."""
    if read["is_average"]:
        raw = ctx.apply("scale", raw, divide=np.array([float(read["n_iterations"])]))
    scale = float(read["link_scale"])
    if scale != 1.0:
        raw = ctx.rows("affine", raw, multiply=np.array([scale]))
    link = str(read["link"])
    if link == "none":
        return raw
    if link in ("argmax", "positive"):
        label = ctx.argmax(raw) if link == "argmax" else ctx.rows("positive", raw)
        return ctx.apply("cast", label, dtype=str(read["dtype"]))
    if link == "softplus":
        more = ctx.rows("affine", ctx.rows("exp", raw), add=np.array([1.0]))
        return ctx.rows("log", more)
    return ctx.rows(link, raw)


def _recoded(ctx: Context, value: Value, categories: dict[str, Any] | None) -> Value:
    """A computed frame, its categorical columns as the codes that the model was trained on: what
    it has not seen is missing, or refused."""
    if not isinstance(value, Table) or not any(value.codes):
        return value
    known: list[Any] = categories["categories"] if categories else []
    if categories and categories.get("are_codes"):
        raise Refused("it was trained on codes, and its input has categories")
    coded = [i for i, codes in enumerate(value.codes) if codes]
    places = coded if categories and categories["by_order"] else range(len(value.names))
    if len(known) != len(places):
        raise Refused("its input has other categorical columns than it was trained on")
    wanted = dict(zip(places, known, strict=True))
    numbers = list(value.numbers)
    for i in coded:
        codes = value.codes[i]
        if codes is None or wanted[i] is None:
            raise Refused(f"column {value.names[i]!r} is categorical")
        ref, own, may_be_other = codes
        place = {each: float(at) for at, each in enumerate(wanted[i])}
        is_strict = bool(categories and categories["refuses_unseen"])
        if is_strict and not set(own) <= set(place):
            raise Refused(f"column {value.names[i]!r} has categories that it was not trained on")
        if may_be_other and not is_strict:
            source = value.numbers[i]
            numbers[i] = ctx.replaced(value.nodes[i] if source is None else source.node, place)
        else:
            numbers[i] = ctx.replaced(
                ref.node, {at: place.get(each, np.nan) for at, each in enumerate(own)}
            )
    return replace(value, numbers=tuple(numbers))


def _of_frames(value: Value, categories: dict[str, Any] | None) -> dict[str, Any] | None:
    """Categories matter where the model sees the caller's frame itself."""
    return categories if isinstance(value, Source) else None


def described(model: Model, read: Mapping[str, Any], raw: Ref, n_total: int) -> Model:
    """The model with the options of its library's `predict`."""
    model.raw = raw
    if raw.n_features == 1:
        model.ravel.add("raw")
    model.source = {
        "family": str(read["library"]),
        "n_iterations": int(read["n_iterations"]),
        "n_total": n_total,
        "is_average": bool(read["is_average"]),
    }
    return model


def _regressor(
    ctx: Context, value: Value, data: bytes, categories: dict[str, Any] | None, n_total: int
) -> Model:
    read, raw = ensemble(ctx, _recoded(ctx, value, categories), data)
    model = Model(prediction=linked(ctx, read, raw), categories=_of_frames(value, categories))
    assert model.prediction is not None
    model.prediction_dtype = "<f4" if model.prediction.dtype == "f32" else "<f8"
    if raw.n_features == 1:
        model.ravel.add("prediction")
    return described(model, read, raw, n_total)


def _classifier(
    ctx: Context,
    value: Value,
    data: bytes,
    est: Any,
    categories: dict[str, Any] | None,
    n_total: int,
) -> Model:
    classes = est.classes_
    read, raw = ensemble(ctx, _recoded(ctx, value, categories), data)
    scores = linked(ctx, read, raw)
    model = Model(classes=np.asarray(classes), ravel={"label"})
    model.categories = _of_frames(value, categories)
    if read["link"] not in ("expit", "softmax"):
        raise Refused(f"the objective {read['objective']!r} gives no probabilities")
    if read["library"] == "xgboost" and read["link"] == "expit" and raw.n_features > 1:
        raise Refused("it was fitted on several labels a row")
    if raw.n_features == 1:
        model.positive = scores
        scores = ctx.rows("complement", scores, n_features=2)
    if scores.n_features != len(classes):
        raise Refused(f"{scores.n_features} scores for {len(classes)} classes")
    model.proba = scores
    model.label = ctx.argmax(scores)
    if hasattr(est, "decision_function"):  # LightGBM 4.7 and later
        model.decision = raw
        model.ravel |= {"decision"} if raw.n_features == 1 else set()
    return described(model, read, raw, n_total)


def export_of(booster: Any, *, whole: bool = False) -> bytes:
    """The export of a Booster: of all that it predicts by, or of all that it has."""
    try:
        if type(booster).__module__.partition(".")[0] == "lightgbm":
            return _lightgbm_text(booster, whole=whole)
        return _xgboost_bytes(booster)
    except Refused as refused:
        raise UnsupportedError(f"{type(booster).__name__}: {refused}") from refused


def categories_of(booster: Any) -> dict[str, Any] | None:
    """How a Booster's categories become codes, as `CategoryCodes` takes it."""
    is_light = type(booster).__module__.partition(".")[0] == "lightgbm"
    try:
        return _lightgbm_categories(booster) if is_light else _xgboost_categories(booster)
    except Refused as refused:
        raise UnsupportedError(f"{type(booster).__name__}: {refused}") from refused


# ---- LightGBM ------------------------------------------------------------------


def _lightgbm_text(booster: Any, *, whole: bool = False) -> bytes:
    """The text form, up to the best iteration as `predict` takes it, or to the last."""
    return str(booster.model_to_string(-1 if whole else None)).encode()


def _lightgbm_categories(booster: Any) -> dict[str, Any] | None:
    """LightGBM matches category columns in their order; what it has not seen is missing."""
    known = getattr(booster, "pandas_categorical", None)
    if not known:
        return None
    return {"by_order": True, "refuses_unseen": False, "categories": [_storable(c) for c in known]}


def _storable(known: Any) -> list[Any]:
    try:
        return storable(known)
    except ValueError as error:
        raise Refused(str(error)) from error


def _lightgbm_best(ctx: Context, booster: Any) -> tuple[bytes, int]:
    """Up to the best iteration, unless all are asked for; and how many there are."""
    data = _lightgbm_text(booster, whole=ctx.whole)
    return data, int(booster.current_iteration())


def lightgbm_booster(ctx: Context, est: Any, value: Value) -> Model:
    data, n_total = _lightgbm_best(ctx, est)
    return _regressor(ctx, value, data, _lightgbm_categories(est), n_total)


def lightgbm_regressor(ctx: Context, est: Any, value: Value) -> Model:
    return lightgbm_booster(ctx, est.booster_, value)


def lightgbm_classifier(ctx: Context, est: Any, value: Value) -> Model:
    data, n_total = _lightgbm_best(ctx, est.booster_)
    return _classifier(ctx, value, data, est, _lightgbm_categories(est.booster_), n_total)


# ---- XGBoost -------------------------------------------------------------------


def _xgboost_bytes(booster: Any) -> bytes:
    kinds = booster.feature_types or []
    if any(kind not in ("q", "float", "int", "i", "c") for kind in kinds):
        raise Refused(f"it has features of the kinds {sorted(set(kinds))}")
    return bytes(booster.save_raw("ubj"))


#: The numbers of XGBoost's JSON for the dtypes of categories.
_DTYPES = dict(
    enumerate(("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"), 9)
)


def _xgboost_categories(booster: Any) -> dict[str, Any] | None:
    """XGBoost goes by a column's position. What it has not seen is an error, or takes the
    way of the next known value: refused."""
    if "c" not in (booster.feature_types or []):
        return None
    model = json.loads(bytes(booster.save_raw("json")))["learner"]["gradient_booster"]
    model = model.get("gbtree", model)["model"]
    stored = model.get("cats", {}).get("enc", [])
    if not stored:  # it was trained on codes, of which it knows no values
        return {"by_order": False, "refuses_unseen": False, "are_codes": True, "categories": []}
    known = [_stored_categories(one) for one in stored]
    dtypes = [_DTYPES.get(one.get("type")) for one in stored]
    spec = {"by_order": False, "refuses_unseen": True, "categories": known}
    return spec | ({"dtypes": dtypes} if any(dtypes) else {})


def knows_categories(booster: Any) -> bool:
    """Whether XGBoost stored the values of a frame's categories."""
    try:
        found = _xgboost_categories(booster)
    except Refused:
        return True
    return found is not None and any(found["categories"])


def _stored_categories(stored: Mapping[str, Any]) -> list[Any] | None:
    """Numbers, or text that is cut at offsets; None: no categories.

    XGBoost counts characters but stores the bytes of UTF-8, so that other text than
    ASCII is cut in wrong places.
    """
    values = stored["values"]
    if "offsets" not in stored:
        return _storable(values)
    ends = stored["offsets"]
    if not ends:
        return None
    if any(not 0 <= value < 128 for value in values):
        raise Refused("it has categories that are not ASCII, which XGBoost does not store whole")
    return [bytes(values[a:b]).decode("ascii") for a, b in itertools.pairwise(ends)]


def _xgboost_best(ctx: Context, est: Any) -> tuple[bytes, int]:
    """Up to the best iteration, as the scikit-learn interface predicts, unless all are
    asked for; and how many there are."""
    booster = est.get_booster()
    first, last = est._get_iteration_range(None)
    part = booster[first:last] if last and not ctx.whole else booster
    return _xgboost_bytes(part), int(booster.num_boosted_rounds())


def _without_missing(ctx: Context, est: Any, value: Value) -> Value:
    """X, where a number counts as missing, as NaN does: compared in float32."""
    missing = float(np.float32(est.missing))
    if np.isnan(missing):
        return value
    booster = est.get_booster()
    if np.isinf(missing):
        raise Refused(f"missing={est.missing!r}")
    if "c" in (booster.feature_types or []):
        raise Refused(f"missing={est.missing!r} beside categories")
    exact = ctx.numeric(value, int(booster.num_features()), reads=ANY)
    if not ctx.is_exact(exact):
        raise Refused("its input is within rounding, and trees compare it to the bit")
    if exact.sparse:
        raise Refused(f"missing={est.missing!r}, and its input is sparse")
    ref = ctx.apply("cast", exact, dtype="f32")
    node = ctx._emit("impute", (ref.node,), {"fill": np.array([np.nan]), "missing": missing})
    return replace(ref, node=node, safe=False, parts=(), is_frame=gives_frame(value))


def xgboost_booster(ctx: Context, est: Any, value: Value) -> Model:
    n_total = int(est.num_boosted_rounds())
    return _regressor(ctx, value, _xgboost_bytes(est), _xgboost_categories(est), n_total)


def xgboost_regressor(ctx: Context, est: Any, value: Value) -> Model:
    data, n_total = _xgboost_best(ctx, est)
    value = _without_missing(ctx, est, value)
    categories = _xgboost_categories(est.get_booster())
    return _told_of_dart(_regressor(ctx, value, data, categories, n_total), est)


def xgboost_classifier(ctx: Context, est: Any, value: Value) -> Model:
    data, n_total = _xgboost_best(ctx, est)
    value = _without_missing(ctx, est, value)
    categories = _xgboost_categories(est.get_booster())
    return _told_of_dart(_classifier(ctx, value, data, est, categories, n_total), est)


def _told_of_dart(model: Model, est: Any) -> Model:
    learner = json.loads(est.get_booster().save_config())["learner"]
    assert model.source is not None
    model.source["is_dart"] = learner["gradient_booster"]["name"] == "dart"
    return model


# ---- registration --------------------------------------------------------------

_OPERATORS = [
    "trees", "linear_trees", "expit", "softmax", "exp", "signed_square", "affine", "complement",
    "argmax", "cast",
]  # fmt: skip
_XGBOOST_PYTHON = "gblinear; an infinite missing; a number for missing beside categories"
_PARAMETERS = ["all (the trees of the library's own export, up to the best iteration)"]


def register_library(name: str) -> None:
    """Registers a library's types; called when an object of it is met."""
    if name == "lightgbm":
        import lightgbm as lgb

        register(
            lgb.Booster,
            predict=lightgbm_booster,
            operators=_OPERATORS,
            parameters=_PARAMETERS,
            python_step="a custom objective's link; linear leaves over sparse features",
        )
        register(
            lgb.LGBMRegressor,
            lgb.LGBMRanker,
            predict=lightgbm_regressor,
            operators=_OPERATORS,
            parameters=_PARAMETERS,
            python_step="categories that are neither text nor numbers; linear leaves over "
            "sparse features",
        )
        register(
            lgb.LGBMClassifier,
            predict=lightgbm_classifier,
            operators=_OPERATORS,
            parameters=_PARAMETERS,
            python_step="a custom objective; linear leaves over sparse features",
        )
    elif name == "xgboost":
        import xgboost as xgb

        register(
            xgb.Booster,
            predict=xgboost_booster,
            operators=_OPERATORS,
            parameters=_PARAMETERS,
            python_step="gblinear",
        )
        register(
            xgb.XGBRegressor,
            xgb.XGBRFRegressor,
            xgb.XGBRanker,
            predict=xgboost_regressor,
            operators=[*_OPERATORS, "impute"],
            parameters=_PARAMETERS,
            python_step=_XGBOOST_PYTHON,
        )
        register(
            xgb.XGBClassifier,
            xgb.XGBRFClassifier,
            predict=xgboost_classifier,
            operators=[*_OPERATORS, "impute"],
            parameters=_PARAMETERS,
            python_step=f"{_XGBOOST_PYTHON}; several labels a row",
        )


for library in ("lightgbm", "xgboost"):
    register_later(library, register_library)
