"""Encoders of categories that are numbers.

A category is one step of a tree over its column: above its left neighbour
among the doubles, up to itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder
from sklearn.utils.validation import check_is_fitted

from .._graph import Array
from .context import DTYPES, Context, Ref, Value
from .registry import Refused, register
from .trees import Forest

#: Every column of a one-hot matrix is a tree: beyond this Python is faster.
MAX_ONE_HOT = 4096


def _numbers(categories: Any) -> tuple[Array, bool]:
    """Ascending numbers, and whether NaN is a category after them."""
    if categories.dtype.kind not in "iufb":
        raise Refused("a category is not a number")
    numbers = categories.astype(np.float64)
    is_nan = np.isnan(numbers)
    numbers = numbers[~is_nan]
    if np.any(np.diff(numbers) <= 0):
        raise Refused("its categories are not ascending numbers of float64")
    return numbers, bool(is_nan.any())


def _steps(categories: Array, codes: Array, other: float) -> tuple[Array, Array]:
    """Bounds, and a value up to each and above the last: a code for a category,
    `other` for every number in between."""
    bounds = np.column_stack([np.nextafter(categories, -np.inf), categories]).ravel()
    values = np.column_stack([np.full(len(codes), other), codes]).ravel()
    # No number is between neighbours: a bound twice would be a dead leaf.
    kept = np.insert(np.diff(bounds) != 0, 0, True) if len(bounds) else np.array([], bool)
    return bounds[kept], np.append(values[kept], other)


def _input(ctx: Context, est: Any, value: Value) -> Ref:
    """X, checked column by column with a message that names nothing."""
    ref = ctx.numeric(value, int(est.n_features_in_))
    if ref.sparse:
        raise Refused("its input is sparse, which it does not take")
    return ctx.check_finite(ref, "", True)


def _float_dtype(est: Any) -> str:
    dtype = DTYPES.get(np.dtype(est.dtype), "")
    if dtype not in ("f32", "f64"):
        raise Refused(f"dtype={est.dtype!r}")
    return dtype


def ordinal_codes(
    ctx: Context,
    ref: Ref,
    categories: Sequence[Array],
    unknown: float = np.nan,
    missing: float = np.nan,
) -> Ref:
    """Positions among each column's categories; `missing` for the category NaN."""
    forest = Forest(len(categories))
    for column, known in enumerate(categories):
        numbers, has_nan = _numbers(known)
        bounds, values = _steps(numbers, np.arange(len(numbers), dtype=np.float64), unknown)
        # NaN is above infinity.
        bounds = np.append(bounds, np.inf)
        values = np.append(values, missing if has_nan else unknown)
        forest.add_steps(column, bounds, values, output=column)
    return forest.emit(ctx, ref)


def ordinal_encoder(ctx: Context, est: Any, value: Value) -> Ref:
    check_is_fitted(est)
    if est.handle_unknown != "use_encoded_value":
        raise Refused(f"handle_unknown={est.handle_unknown!r}")
    if est._infrequent_enabled:
        raise Refused("min_frequency or max_categories")
    dtype = _float_dtype(est)
    missing = float(est.encoded_missing_value)
    codes = ordinal_codes(
        ctx, _input(ctx, est, value), est.categories_, float(est.unknown_value), missing
    )
    return codes if dtype == "f64" else ctx.apply("cast", codes, dtype=dtype)


def one_hot_encoder(ctx: Context, est: Any, value: Value) -> Ref:
    check_is_fitted(est)
    if est.handle_unknown == "error":
        raise Refused("handle_unknown='error'")
    if est._infrequent_enabled:
        raise Refused("min_frequency or max_categories")
    dtype = _float_dtype(est)
    dropped = est.drop_idx_ if est.drop_idx_ is not None else [None] * len(est.categories_)
    total = sum(len(known) for known in est.categories_)
    if total > MAX_ONE_HOT:
        raise Refused(f"it gives {total} columns")
    forest = Forest(total - sum(index is not None for index in dropped))
    for column, (known, gone) in enumerate(zip(est.categories_, dropped, strict=True)):
        numbers, has_nan = _numbers(known)
        for index in range(len(known)):
            if gone is not None and index == gone:
                continue
            if has_nan and index == len(numbers):
                bounds, values = np.array([np.inf]), np.array([0.0, 1.0])
            else:
                bounds, values = _steps(numbers[index : index + 1], np.ones(1), 0.0)
            forest.add_steps(column, bounds, values)
    if not forest.roots:
        raise Refused("it gives no column")
    hot = forest.emit(ctx, _input(ctx, est, value))
    if dtype != "f64":
        hot = ctx.apply("cast", hot, dtype=dtype)
    if est.sparse_output:
        node = ctx._emit("concat", (hot.node,), {"sparse": True})
        hot = Ref(node, hot.n_features, True, hot.dtype)
    return Ref(hot.node, hot.n_features, hot.sparse, hot.dtype, True)


register(
    OrdinalEncoder,
    transform=ordinal_encoder,
    operators=["trees", "cast", "check_finite"],
    parameters=["categories that are numbers", "handle_unknown='use_encoded_value'",
                "unknown_value", "encoded_missing_value", "dtype (floats)"],
    python_step="other categories; handle_unknown='error'; min_frequency; max_categories",
)  # fmt: skip
register(
    OneHotEncoder,
    transform=one_hot_encoder,
    operators=["trees", "concat", "cast", "check_finite"],
    parameters=["categories that are numbers", "handle_unknown but 'error'", "drop",
                "sparse_output", "dtype (floats)"],
    python_step="other categories; handle_unknown='error'; min_frequency; max_categories; "
    f"more than {MAX_ONE_HOT} columns",
)  # fmt: skip
