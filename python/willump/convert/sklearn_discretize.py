"""KBinsDiscretizer: a bin is a step of a tree over its column."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.preprocessing import KBinsDiscretizer
from sklearn.utils.validation import check_is_fitted

from .._graph import Array
from .context import Context
from .registry import Refused, register
from .trees import Forest
from .values import DTYPES, Ref, Value


def _steps(edges: Array) -> tuple[Array, Array]:
    """Bounds, and how many edges are at most a value up to each and above the last."""
    inner, counts = np.unique(edges[1:-1], return_counts=True)
    # A value is in the bin above an edge from the edge on.
    return np.nextafter(inner, -np.inf), np.cumsum([0, *counts]).astype(np.float64)


def k_bins_discretizer(ctx: Context, est: Any, value: Value) -> Ref:
    check_is_fitted(est)
    ref = ctx.numeric(value, int(est.n_features_in_), est)
    if ref.sparse:
        raise Refused("its input is sparse, which it does not take")
    wanted = "" if est.dtype is None else DTYPES[np.dtype(est.dtype)]
    dtype = wanted or ("f32" if ref.dtype == "f32" else "f64")
    if ref.dtype != dtype:
        ref = ctx.apply("cast", ref, dtype=dtype, safe=ref.safe)
    forest = Forest(len(est.bin_edges_))
    for column, edges in enumerate(est.bin_edges_):
        bounds, values = _steps(np.asarray(edges, dtype=np.float64))
        forest.add_steps(column, bounds, values, output=column)
    codes = forest.emit(ctx, ref)
    if not wanted:
        ctx.keeps_single(codes)
    if est.encode == "ordinal":
        codes = codes if dtype == "f64" else ctx.apply("cast", codes, dtype=dtype)
        return Ref(codes.node, codes.n_features, False, dtype, True)
    sizes = np.asarray(est.n_bins_, dtype=np.int64)
    attributes: dict[str, Any] = {
        "sizes": sizes,
        "sparse": None if est.encode == "onehot" else False,
        "dtype": None if dtype == "f64" else dtype,
        "keeps": None if wanted else True,
    }
    node = ctx._emit("one_hot", (codes.node,), attributes)
    return Ref(node, int(sizes.sum()), est.encode == "onehot", dtype, True)


register(
    KBinsDiscretizer,
    transform=k_bins_discretizer,
    operators=["trees", "one_hot", "cast", "check_finite"],
    parameters=["n_bins", "encode", "strategy", "quantile_method", "dtype"],
    python_step="a sparse matrix",
)
