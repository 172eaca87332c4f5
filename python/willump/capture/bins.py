"""Numbers to bins with fixed edges: pandas' cut, NumPy's digitize and searchsorted.

A bin is a step of a tree over its column, whose thresholds are the edges.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from .._graph import Array
from ..convert.trees import Forest
from .columns import emit
from .registry import Call, function
from .values import WHOLE, Column, Native, NotNative, Traced


def _edges(bins: Any) -> Array:
    if isinstance(bins, Traced) or np.ndim(bins) != 1 or isinstance(bins, pd.IntervalIndex):
        raise NotNative("bins that are no constant list of edges")
    edges = np.asarray(bins)
    if edges.dtype.kind not in "iuf" or np.isnan(edges.astype(np.float64)).any():
        raise NotNative("bins with edges that are no numbers")
    if (np.diff(edges) < 0).any():
        raise NotNative("bins that do not ascend")
    numbers = edges.astype(np.float64)
    if not np.array_equal(numbers, edges):
        raise NotNative("an edge that is no double")
    return numbers


def _position(
    call: Call, given: Any, edges: Array, values: Array, *, is_right: bool
) -> tuple[Column, Column]:
    """The column that was given, and values[i] where it is above i of the edges; a
    value is above an edge that it is equal to unless `is_right`. NaN is above all."""
    column = call.tracer.column(given)
    if not column.is_number:
        raise NotNative(f"bins of {column.dtype}")
    column = call.tracer.exact(column)
    context = call.tracer.context
    ref = column.ref
    if ref.dtype == "f32":
        ref = context.cast(ref, "f64")
    bounds = edges if is_right else np.nextafter(edges, -np.inf)
    bounds, first = np.unique(bounds, return_index=True)
    forest = Forest()
    forest.add_steps(0, bounds, values[np.append(first, len(edges))])
    with context.own_values():  # of a score, too: see Tracer.exact
        codes = forest.emit(context, ref)
    return column, Column(codes.node, "int64", column.rows)


@function(pd.cut)
def cut(call: Call) -> Native:
    own = call.bind(
        "x", "bins", "right", "labels", "retbins", "precision", "include_lowest", "duplicates",
        "ordered", right=True, labels=None, retbins=False, precision=3, include_lowest=False,
        duplicates="raise", ordered=True,
    )  # fmt: skip
    if own.retbins or isinstance(own.labels, Traced):
        raise NotNative("cut with retbins, or labels of data")
    edges = np.unique(_edges(own.bins)) if own.duplicates == "drop" else _edges(own.bins)
    if own.right and own.include_lowest:
        edges = np.array([np.nextafter(edges[0], -np.inf), *edges[1:]])
    outside = -1.0
    places: Any = range(len(edges) - 1)
    shown = call.value.dtype if isinstance(call.value, pd.Series) else call.value
    if own.labels is not None and own.labels is not False:
        listed = list(shown.categories)  # in another order, or fewer, where labels come twice
        places = [listed.index(label) for label in own.labels]
    values = np.array([outside, *places, outside], dtype=np.float64)
    column, codes = _position(call, own.x, edges, values, is_right=bool(own.right))
    if own.labels is not False:
        return Column(codes.node, "category", column.rows, tuple(shown.categories))
    is_out = emit(call, "binary", [codes], "bool", codes.rows, function="less", value=0.0)
    return emit(call, "where", [is_out, codes], WHOLE, codes.rows, then=np.nan)


@function(np.digitize)
def digitize(call: Call) -> Native:
    own = call.bind("x", "bins", "right", right=False)
    edges = _edges(own.bins)
    places = np.arange(len(edges) + 1, dtype=np.float64)
    return _position(call, own.x, edges, places, is_right=bool(own.right))[1].as_array()


@function(np.searchsorted)
def searchsorted(call: Call) -> Native:
    own = call.bind("a", "v", "side", side="left")
    edges = _edges(own.a)
    places = np.arange(len(edges) + 1, dtype=np.float64)
    return _position(call, own.v, edges, places, is_right=own.side == "left")[1].as_array()
