"""Imputers of scikit-learn."""

from __future__ import annotations

import functools
import math
import numbers
from typing import Any

import numpy as np
from sklearn import config_context
from sklearn.impute import SimpleImputer
from sklearn.utils.validation import check_is_fitted

from .context import Context
from .gaps import SETTLED
from .readers import output_of
from .registry import Refused, register
from .values import Categories, Ref, Source, Value


def _missing_of(est: Any) -> float:
    value = est.missing_values
    if isinstance(value, numbers.Real) and not isinstance(value, bool):
        return float(value)
    raise Refused(f"missing_values is {value!r}")


@functools.cache
def _fills_are_narrowed() -> bool:
    """Whether this version fills with numbers in the dtype of the rows that fit saw,
    whatever that of the rows to fill: asked, of a mean that float32 does not hold."""
    fit = np.array([[1.0], [1.0 + 2.0**-23], [np.nan]], dtype=np.float32)
    with config_context(transform_output="default"):  # whatever the caller's is
        return bool(SimpleImputer().fit(fit).transform([[np.nan]])[0, 0] != 1.0 + 2.0**-24)


def _fills(est: Any) -> Any:
    """A fill a column; NaN where fit saw no value, which drops the column."""
    fills = np.asarray(est.statistics_)
    if fills.dtype.kind not in "iuf":
        try:
            fills = fills.astype(np.float64)
        except (TypeError, ValueError):
            raise Refused("it fills with what is not a number") from None
    if np.dtype(est._fit_dtype) == np.float32 and _fills_are_narrowed():
        fills = fills.astype(np.float32)
    return fills.astype(np.float64)


def _fill_of(est: Any, column: int) -> str | None:
    """The string that a column's missing values become; None: the column goes."""
    fill = est.statistics_[column]
    if isinstance(fill, str):
        return str(fill)
    if fill is None or fill == fill or est.keep_empty_features:
        raise Refused("it fills a column with what is not a string")
    return None


def _text_imputer(ctx: Context, est: Any, value: Value) -> Categories:
    """Columns of strings, imputed: what an encoder reads."""
    missing = est.missing_values
    attributes: dict[str, Any] = {}
    if missing is None:
        attributes["missing"] = "none"
    elif isinstance(missing, str):
        attributes |= {"missing": "equal", "equal": str(missing)}
    elif isinstance(missing, float) and math.isnan(missing):
        attributes["missing"] = "nan"
    else:
        raise Refused(f"missing_values is {missing!r}")
    if est.add_indicator and len(est.indicator_.features_):
        raise Refused("add_indicator=True on strings")
    fills = [_fill_of(est, column) for column in range(len(est.statistics_))]
    columns = ctx.columns_of(value, est)
    nodes = []
    for i, fill in enumerate(fills):
        given = ctx.category(columns, i)
        if isinstance(columns, Source):
            ctx.say_first(given, "no_na")
        if fill is not None:
            nodes.append(ctx._emit("fill_text", (given,), {**attributes, "value": fill}))
    if not nodes:
        raise Refused("it keeps no column")
    return Categories(tuple(nodes), in_frame=output_of(est) != "default")


def simple_imputer(ctx: Context, est: Any, value: Value) -> Ref | Categories:
    check_is_fitted(est)
    if np.dtype(est._fit_dtype).kind == "O":
        return _text_imputer(ctx, est, value)
    if np.dtype(est._fit_dtype).kind not in "iuf":
        raise Refused(f"it was fitted on values of dtype {est._fit_dtype}")
    missing = _missing_of(est)
    fills = _fills(est)
    is_nan = math.isnan(missing)
    ref = ctx.numeric(value, int(est.n_features_in_), est, allow_nan=is_nan)
    if ref.sparse:
        raise Refused("its input is sparse")
    if not is_nan and not ctx.is_exact(ref):
        raise Refused("its input is within rounding of the original's, and it looks for equals")
    if est.strategy not in ("mean", "median"):  # these make numbers of objects first
        ctx.compares_objects(ref, missing)
        fill = getattr(est, "_fill_dtype", None)
        is_constant = est.strategy == "constant" and fill is not None
        ctx.imputes(ref, np.dtype(fill).str if is_constant else None, output_of(est))
    if missing == 0 and ctx.gaps(ref) != SETTLED:
        ctx.refuse_csr(
            "Imputation not possible when missing_values == 0 and input is sparse. Provide a "
            "dense array instead.", "value",
        )  # fmt: skip
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
    if est.strategy not in ("mean", "median"):
        ctx.whole_imputers.add(node)
    is_safe = bool(np.isfinite(fills[is_kept]).all())  # NaN is replaced, infinity refused
    result = Ref(node, kept.n_features, False, kept.dtype, is_safe)
    marked = est.indicator_.features_ if est.add_indicator else np.array([], dtype=np.int64)
    if len(marked) == 0:
        return result
    chosen = ctx.select(ref, np.asarray(marked))
    node = ctx._emit("is_missing", (chosen.node,), {"missing": attribute, "keeps": True})
    mask = Ref(node, len(marked), False, ref.dtype, True)
    return ctx._plain_concat([("imputed", result), ("missing", mask)], sparse=False)


register(
    SimpleImputer,
    transform=simple_imputer,
    operators=["impute", "fill_text", "is_missing", "select", "concat", "check_finite"],
    parameters=["missing_values (a number or NaN)", "strategy", "fill_value", "add_indicator",
                "keep_empty_features", "strings before an encoder (missing_values: NaN, None or "
                "a string)"],
    python_step="strings beside numbers; strings with add_indicator or before anything else; "
    "a sparse matrix",
)  # fmt: skip
