"""Scalers, feature selection and projections of scikit-learn."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from sklearn import config_context
from sklearn import feature_selection as fs
from sklearn.decomposition import TruncatedSVD
from sklearn.preprocessing import (
    Binarizer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    RobustScaler,
    StandardScaler,
)
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted

from .context import Context
from .registry import Refused, register
from .values import Ref, Value


def _floats(ctx: Context, ref: Ref) -> Ref:
    """scikit-learn's scalers turn integers into float64 first."""
    return ref if ref.dtype in ("f32", "f64") else ctx.apply("cast", ref, dtype="f64")


@functools.cache
def _standard_scaler_narrows() -> bool:
    """Whether this version's StandardScaler rounds its numbers to the dtype of X
    before it computes with them: asked, of a mean that float32 does not hold."""
    mean = 1.0 + 2.0**-30
    scaler = StandardScaler(with_std=False).fit([[mean], [mean]])
    x = np.array([[1.0 + 2.0**-23]], dtype=np.float32)
    with config_context(transform_output="default"):  # whatever the caller's is
        return bool(scaler.transform(x)[0, 0] == np.float32(2.0**-23))


def _scaled(
    ctx: Context,
    ref: Ref,
    subtract: Any,
    divide: Any,
    *,
    narrows: bool = False,
    keeps_zeros: bool = False,
) -> Ref:
    """(x - subtract) / divide; a sparse x is multiplied by the reciprocal, as
    inplace_column_scale is called.

    `keeps_zeros`: rows that come as CSR are not shifted, where they are otherwise refused.
    """
    attributes: dict[str, Any] = {
        "narrow": True if narrows else None,
        "keeps_zeros": True if keeps_zeros else None,
    }
    if subtract is not None:
        attributes["subtract"] = np.asarray(subtract).astype(np.float64)
    if divide is not None and ref.sparse:
        attributes["multiply"] = np.asarray(1.0 / np.asarray(divide)).astype(np.float64)
        if ref.dtype == "f32" and np.asarray(divide).dtype != np.float32:
            raise Refused("it scales float32 values by float64")
    elif divide is not None:
        attributes["divide"] = np.asarray(divide).astype(np.float64)
        if subtract is None or keeps_zeros:  # the rows may come sparse
            attributes["reciprocal"] = np.asarray(1.0 / np.asarray(divide)).astype(np.float64)
    # A text feature stays finite under a scale that fit computed from finite data.
    scales = subtract is not None or divide is not None
    return ctx.apply("scale", ref, **attributes, safe=ref.safe) if scales else ref


def standard_scaler(ctx: Context, est: Any, value: Value) -> Ref:
    check_is_fitted(est)
    ref = _floats(ctx, ctx.numeric(value, est.n_features_in_, est, allow_nan=True))
    if ref.sparse and est.with_mean:
        raise Refused("with_mean=True cannot center a sparse matrix")
    divide = est.scale_ if ref.sparse or est.with_std else None
    mean = est.mean_ if est.with_mean else None
    return _scaled(ctx, ref, mean, divide, narrows=_standard_scaler_narrows())


def max_abs_scaler(ctx: Context, est: Any, value: Value) -> Ref:
    check_is_fitted(est)
    ref = _floats(ctx, ctx.numeric(value, est.n_features_in_, est, allow_nan=True))
    ref = _scaled(ctx, ref, None, est.scale_)
    return _clipped(ctx, ref, -1.0, 1.0) if getattr(est, "clip", False) else ref


def min_max_scaler(ctx: Context, est: Any, value: Value) -> Ref:
    check_is_fitted(est)
    ref = _floats(ctx, ctx.numeric(value, est.n_features_in_, est, allow_nan=True))
    if ref.sparse:
        raise Refused("its input is sparse")
    ref = ctx.apply("affine", ref, multiply=est.scale_, add=est.min_, safe=ref.safe)
    return _clipped(ctx, ref, *map(float, est.feature_range)) if est.clip else ref


def robust_scaler(ctx: Context, est: Any, value: Value) -> Ref:
    check_is_fitted(est)
    ref = _floats(ctx, ctx.numeric(value, est.n_features_in_, est, allow_nan=True))
    # Rows that come as CSR are scaled and not centered.
    subtract = est.center_ if est.with_centering and not ref.sparse else None
    divide = est.scale_ if est.with_scaling else None
    if subtract is not None:
        ctx.refuses_sparse_columns(ref)
    return _scaled(ctx, ref, subtract, divide, keeps_zeros=subtract is not None)


def _clipped(ctx: Context, ref: Ref, low: float, high: float) -> Ref:
    if ref.sparse:
        raise Refused("clip=True on a sparse matrix")
    return ctx.apply("clip", ref, min=low, max=high)


def normalizer(ctx: Context, est: Any, value: Value) -> Ref:
    n_features = getattr(est, "n_features_in_", None)
    ref = _floats(ctx, ctx.numeric(value, n_features, est))
    return ctx.apply("normalize", ref, norm=est.norm, safe=ref.safe)


def binarizer(ctx: Context, est: Any, value: Value) -> Ref:
    ref = ctx.numeric(value, getattr(est, "n_features_in_", None), est)
    if ref.sparse and est.threshold < 0:
        raise Refused("a threshold below 0 on a sparse matrix")
    ctx.check_jump(ref, est.threshold)
    return ctx.apply("binarize", ref, threshold=float(est.threshold), safe=True)


def selector(ctx: Context, est: Any, value: Value) -> Ref:
    indices = est.get_support(indices=True)
    n_features = getattr(est, "n_features_in_", None)
    allows_nan = get_tags(est).input_tags.allow_nan
    ref = ctx.numeric(value, n_features, None if allows_nan else est)
    if len(indices) == 0:
        raise Refused("it selects no feature")
    return ctx.select(ref, indices)


def truncated_svd(ctx: Context, est: Any, value: Value) -> Ref:
    check_is_fitted(est)
    components = np.asarray(est.components_)
    ref = ctx.numeric(value, components.shape[1], est)
    node = ctx._emit("project", (ref.node,), {"components": components})
    result = Ref(node, components.shape[0], False, "f64", ref.safe)
    if ref.dtype == "f32" and components.dtype == np.float32:
        return ctx.apply("cast", result, dtype="f32")
    return result


register(
    StandardScaler,
    transform=standard_scaler,
    operators=["scale", "check_finite"],
    parameters=["with_mean", "with_std"],
    python_step="with_mean=True on a sparse matrix",
)
register(
    MaxAbsScaler,
    transform=max_abs_scaler,
    operators=["scale", "clip", "check_finite"],
    parameters=["clip"],
    python_step="clip=True on a sparse matrix",
)
register(
    MinMaxScaler,
    transform=min_max_scaler,
    operators=["affine", "clip", "check_finite"],
    parameters=["feature_range", "clip"],
    python_step="a sparse matrix",
)
register(
    RobustScaler,
    transform=robust_scaler,
    operators=["scale", "check_finite"],
    parameters=["with_centering", "with_scaling", "quantile_range", "unit_variance"],
)
register(
    Normalizer,
    transform=normalizer,
    operators=["normalize", "check_finite"],
    parameters=["norm"],
)
register(
    Binarizer,
    transform=binarizer,
    operators=["binarize", "check_finite"],
    parameters=["threshold"],
    python_step="a threshold below 0 on a sparse matrix; input within rounding",
)
register(
    fs.SelectKBest,
    fs.SelectPercentile,
    fs.SelectFpr,
    fs.SelectFdr,
    fs.SelectFwe,
    fs.GenericUnivariateSelect,
    fs.VarianceThreshold,
    fs.SelectFromModel,
    fs.RFE,
    fs.RFECV,
    fs.SequentialFeatureSelector,
    transform=selector,
    operators=["select", "check_finite"],
    parameters=["all (the fitted support is used)"],
    python_step="no feature selected",
)
register(
    TruncatedSVD,
    transform=truncated_svd,
    operators=["project", "check_finite"],
    parameters=["all (the fitted components_ are used)"],
)
