"""Imputers of scikit-learn."""

from __future__ import annotations

import math
import numbers
from typing import Any

import numpy as np
from sklearn.impute import SimpleImputer
from sklearn.utils.validation import check_is_fitted

from .context import Context, Ref, Value
from .registry import Refused, register


def _missing_of(est: Any) -> float:
    value = est.missing_values
    if isinstance(value, numbers.Real) and not isinstance(value, bool):
        return float(value)
    raise Refused(f"missing_values is {value!r}")


def _fills(est: Any) -> Any:
    """A fill a column; NaN where fit saw no value, which drops the column."""
    fills = np.asarray(est.statistics_)
    if fills.dtype.kind not in "iuf":
        try:
            fills = fills.astype(np.float64)
        except (TypeError, ValueError):
            raise Refused("it fills with what is not a number") from None
    return fills.astype(np.float64)


def simple_imputer(ctx: Context, est: Any, value: Value) -> Ref:
    check_is_fitted(est)
    if np.dtype(est._fit_dtype).kind not in "iuf":
        raise Refused(f"it was fitted on values of dtype {est._fit_dtype}")
    missing = _missing_of(est)
    fills = _fills(est)
    is_nan = math.isnan(missing)
    ref = ctx.numeric(value, int(est.n_features_in_), est, allow_nan=is_nan)
    if ref.sparse:
        raise Refused("its input is sparse")
    if ref.dtype not in ("f32", "f64"):
        ref = ctx.apply("cast", ref, dtype="f64")
    is_kept = ~np.isnan(fills)
    if est.strategy == "constant" and est.fill_value != est.fill_value:
        raise Refused("fill_value is NaN")
    if est.keep_empty_features:
        is_kept[:] = True
    if not is_kept.any():
        raise Refused("it keeps no column")
    attribute = None if is_nan else missing
    kept = ctx.select(ref, np.flatnonzero(is_kept))
    node = ctx._emit("impute", (kept.node,), {"fill": fills[is_kept], "missing": attribute})
    is_safe = bool(np.isfinite(fills[is_kept]).all())  # NaN is replaced, infinity refused
    result = Ref(node, kept.n_features, False, kept.dtype, is_safe)
    marked = est.indicator_.features_ if est.add_indicator else np.array([], dtype=np.int64)
    if len(marked) == 0:
        return result
    chosen = ctx.select(ref, np.asarray(marked))
    node = ctx._emit("is_missing", (chosen.node,), {"missing": attribute})
    mask = Ref(node, len(marked), False, ref.dtype, True)
    return ctx._plain_concat([("imputed", result), ("missing", mask)], sparse=False)


register(
    SimpleImputer,
    transform=simple_imputer,
    operators=["impute", "is_missing", "select", "concat", "check_finite"],
    parameters=["missing_values (a number or NaN)", "strategy", "fill_value", "add_indicator",
                "keep_empty_features"],
    python_step="values that are not numbers; a sparse matrix",
)  # fmt: skip
