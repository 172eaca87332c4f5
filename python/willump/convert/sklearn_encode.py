"""Encoders of categories, strings or numbers.

A category's code is looked up (`encode`); a one-hot matrix is made of codes
(`one_hot`), which a linear model behind it folds into the lookup.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
from sklearn import config_context
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, TargetEncoder
from sklearn.utils.validation import check_is_fitted

from .._graph import Array
from .categories import encode
from .context import Context
from .registry import Refused, register
from .values import DTYPES, Ref, Value

#: A code of no one-hot column.
_NO_COLUMN = -1.0


def _dtype(est: Any) -> str:
    dtype = DTYPES.get(np.dtype(est.dtype), "")
    if not dtype:
        raise Refused(f"dtype={est.dtype!r}")
    return dtype


def _joined(ctx: Context, groups: Sequence[tuple[Ref, list[int]]]) -> Ref:
    """Groups of columns side by side, as one block."""
    parts = [(str(columns[0]), ref) for ref, columns in groups]
    return ctx._plain_concat(parts, sparse=parts[0][1].sparse)


def _grouping(est: Any, column: int) -> Array | None:
    """Which place each category of a column has once the infrequent ones are one,
    NaN of an OrdinalEncoder left out; None where nothing is grouped."""
    if not est._infrequent_enabled:
        return None
    mapping: Array | None = est._default_to_infrequent_mappings[column]
    return mapping


# ---- OrdinalEncoder ------------------------------------------------------------


def ordinal_codes(
    ctx: Context,
    value: Value,
    categories: Sequence[Array],
    unknown: float = np.nan,
    missing: float = np.nan,
) -> Ref:
    """Positions among each column's categories; `missing` for the category NaN."""
    est = SimpleNamespace(categories_=categories, n_features_in_=len(categories))
    codes = [_positions(known, missing) for known in categories]
    others = [np.array([unknown])] * len(categories)
    return _joined(ctx, encode(ctx, est, value, codes, others))


def _positions(known: Array, missing: float) -> Array:
    codes = np.arange(len(known), dtype=np.float64)
    if len(known) and _is_nan(known[-1]):
        codes[-1] = missing
    return codes


def _is_nan(category: Any) -> bool:
    return bool(category != category)


def ordinal_encoder(ctx: Context, est: Any, value: Value) -> Ref:
    check_is_fitted(est)
    dtype = _dtype(est)
    codes = []
    for column, known in enumerate(est.categories_):
        own = _positions(known, float(est.encoded_missing_value))
        mapping = _grouping(est, column)
        if mapping is not None:
            own[: len(mapping)] = mapping
        codes.append(own)
    unknown = None
    if est.handle_unknown == "use_encoded_value":
        unknown = [np.array([float(est.unknown_value)])] * len(codes)
    return _joined(ctx, encode(ctx, est, value, codes, unknown, dtype))


# ---- OneHotEncoder -------------------------------------------------------------


def _one_hot_codes(est: Any, column: int) -> tuple[Array, float]:
    """The one-hot column of each category, and of an unknown one."""
    n = len(est.categories_[column])
    mapping = _grouping(est, column)
    codes = np.arange(n) if mapping is None else np.asarray(mapping).copy()
    other = -1
    if mapping is not None and est.handle_unknown in ("infrequent_if_exist", "warn"):
        other = int(codes[est._infrequent_indices[column][0]])
    dropped = None
    if est._drop_idx_after_grouping is not None:
        dropped = est._drop_idx_after_grouping[column]
    if dropped is not None:
        codes = np.where(codes == dropped, -1, codes - (codes > dropped))
        other = -1 if other == dropped else other - (other > dropped)
    return codes.astype(np.float64), float(other)


def _warning_of(est: Any) -> str | None:
    """What this version of scikit-learn says of unknown categories, with "[]" for
    the columns; None where it says nothing."""
    if est.handle_unknown == "error":
        return None
    drop = "first" if est.drop is not None else None
    probe = OneHotEncoder(handle_unknown=est.handle_unknown, drop=drop).fit([["a"], ["b"]])
    with warnings.catch_warnings(record=True) as said, config_context(transform_output="default"):
        warnings.simplefilter("always")
        probe.transform([["c"]])
    texts = [str(one.message) for one in said if one.category is UserWarning]
    return texts[0].replace("[0]", "[]") if texts else None


def one_hot_encoder(ctx: Context, est: Any, value: Value) -> Ref:
    check_is_fitted(est)
    dtype = _dtype(est)
    found = [_one_hot_codes(est, column) for column in range(len(est.categories_))]
    unknown = None
    if est.handle_unknown != "error":
        unknown = [np.array([other]) for _, other in found]
    sizes = np.asarray(est._n_features_outs, dtype=np.int64)
    groups = []
    warning = _warning_of(est)
    for codes, columns in encode(
        ctx, est, value, [own for own, _ in found], unknown, warning=warning
    ):
        attributes = {
            "sizes": sizes[columns],
            "sparse": None if est.sparse_output else False,
            "dtype": None if dtype == "f64" else dtype,
        }
        node = ctx._emit("one_hot", (codes.node,), attributes)
        total = int(sizes[columns].sum())
        groups.append((Ref(node, total, bool(est.sparse_output), dtype, True), columns))
    return _joined(ctx, groups)


# ---- TargetEncoder -------------------------------------------------------------


def target_encoder(ctx: Context, est: Any, value: Value) -> Ref:
    check_is_fitted(est)
    n = len(est.categories_)
    means = np.atleast_1d(np.asarray(est.target_mean_, dtype=np.float64))
    n_each = len(est.classes_) if est.target_type_ == "multiclass" else 1
    encodings = est.encodings_
    if n_each == 1:
        codes = [np.asarray(own, dtype=np.float64) for own in encodings]
    else:  # a column's classes lie side by side
        codes = [
            np.column_stack(encodings[column * n_each : (column + 1) * n_each])
            for column in range(n)
        ]
    return _joined(ctx, encode(ctx, est, value, codes, [means] * n))


register(
    OrdinalEncoder,
    transform=ordinal_encoder,
    operators=["encode", "cast", "check_finite", "concat"],
    parameters=["categories (strings, numbers, None, NaN)", "handle_unknown", "unknown_value",
                "encoded_missing_value", "min_frequency", "max_categories",
                "dtype (float64, float32, int64, int32)"],
    python_step="other categories; other dtypes; a sparse matrix",
)  # fmt: skip
register(
    OneHotEncoder,
    transform=one_hot_encoder,
    operators=["encode", "one_hot", "check_finite", "concat"],
    parameters=["categories (strings, numbers, None, NaN)", "handle_unknown, with its warnings",
                "drop", "min_frequency", "max_categories", "sparse_output",
                "dtype (float64, float32, int64, int32)"],
    python_step="other categories; other dtypes; a sparse matrix",
)  # fmt: skip
register(
    TargetEncoder,
    transform=target_encoder,
    operators=["encode", "check_finite", "concat"],
    parameters=["categories (strings, numbers, None, NaN)", "target_type", "smooth", "cv"],
    python_step="other categories; a sparse matrix",
)
