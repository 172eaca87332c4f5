"""Categories of encoders: columns of strings or of numbers, and the node that
looks them up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._graph import Array
from .context import Context
from .names import is_storable
from .registry import Refused
from .tables import ANY
from .values import Categories, Ref, Source, Value

#: Integers from here on are not all doubles.
_TOO_LARGE = 2.0**53


@dataclass(frozen=True)
class Known:
    """One column's categories as the node `encode` takes them.

    `values`: strings with "" in the place of a missing one, or ascending
    numbers, NaN last. `nan` and `none`: which of the strings these are, or -1.
    """

    values: list[str] | Array
    nan: int = -1
    none: int = -1

    @property
    def is_text(self) -> bool:
        return isinstance(self.values, list)


def known_of(categories: Array) -> Known:
    """An encoder's fitted categories of one column."""
    if categories.dtype.kind in "iufb":
        return Known(_numbers(categories))
    if categories.dtype.kind not in "OU":
        raise Refused(f"its categories are of dtype {categories.dtype}")
    cells = categories.tolist()
    present = [cell for cell in cells if not _is_missing(cell)]
    if all(isinstance(cell, str) for cell in present):
        nan = next((i for i, cell in enumerate(cells) if _is_nan(cell)), -1)
        none = next((i for i, cell in enumerate(cells) if cell is None), -1)
        return Known(["" if _is_missing(cell) else str(cell) for cell in cells], nan, none)
    if None in cells:
        raise Refused("None is a category beside numbers")
    if not all(isinstance(cell, (bool, int, float, np.number)) for cell in present):
        raise Refused("a category is neither a string nor a number")
    return Known(_numbers(np.array(cells, dtype=np.float64)))


def _is_nan(cell: Any) -> bool:
    return isinstance(cell, (float, np.floating)) and bool(np.isnan(cell))


def _is_missing(cell: Any) -> bool:
    return cell is None or _is_nan(cell)


def _numbers(categories: Array) -> Array:
    numbers: Array = categories.astype(np.float64)
    finite = numbers[~np.isnan(numbers)]
    if np.any(np.diff(finite) <= 0) or np.isnan(numbers[:-1]).any():
        raise Refused("its categories are not ascending numbers of float64")
    if categories.dtype.kind != "f" and np.any(np.abs(finite) >= _TOO_LARGE):
        raise Refused("a category is a number of 2^53 or more, which float64 may not hold")
    return numbers


def reads_columns(transformer: Any) -> bool:
    """Whether a transformer reads columns of objects or strings, so that X is no
    matrix of numbers."""
    steps = getattr(transformer, "steps", None) or getattr(transformer, "transformer_list", None)
    if isinstance(steps, list):
        return any(reads_columns(step) for _, step in steps)
    known = getattr(transformer, "categories_", None)
    if known is not None:
        return any(getattr(c, "dtype", np.dtype(object)).kind not in "iufb" for c in known)
    return getattr(getattr(transformer, "_fit_dtype", None), "kind", "f") == "O"


def encode(
    ctx: Context,
    est: Any,
    value: Value,
    codes: Sequence[Array],
    unknown: Sequence[Array] | None,
    dtype: str = "f64",
    warning: str | None = None,
) -> list[tuple[Ref, list[int]]]:
    """What each column's categories stand for, by groups of columns.

    Parameters
    ----------
    codes : one array a column, of shape (n_categories,) or (n_categories, width)
    unknown : what an unknown category of each column stands for; None: an error
    warning : said of the columns with unknown categories, their numbers in its "[]"

    Returns
    -------
    list of (matrix, its columns)
        Groups of neighbours that are all strings, or all numbers.
    """
    known = [known_of(np.asarray(c)) for c in est.categories_]
    if not known:
        raise Refused("it has no columns")
    knows_missing = any(column.nan >= 0 or column.none >= 0 for column in known)
    if knows_missing and isinstance(value, Categories) and value.in_frame:
        raise Refused(
            "a category is missing, and whether the frame that it reads has None or NaN there "
            "goes by the other rows"
        )
    said = None if warning is None else (warning, ctx.warning_group(est))

    def look_up(nodes: list[int], group: list[int]) -> Ref:
        return _lookup(ctx, est, nodes, group, known, codes, unknown, dtype, said)

    groups: list[list[int]] = []
    for i, column in enumerate(known):
        if groups and known[groups[-1][-1]].is_text == column.is_text:
            groups[-1].append(i)
        else:
            groups.append([i])
    is_matrix = not isinstance(value, Source) or not value.is_columns
    if is_matrix and not any(column.is_text for column in known) and not _has_objects(est):
        whole = ctx.check_finite(_dense(ctx, est, value), "", True)
        return [(look_up([whole.node], groups[0]), groups[0])]
    columns = ctx.columns_of(value, est)
    found = []
    for group in groups:
        if known[group[0]].is_text:
            nodes = [ctx.category(columns, i) for i in group]
            for node in nodes if isinstance(columns, Source) else []:
                ctx.read_as_category(node)
        else:
            parts = [(str(i), ctx.number_category(columns, i)) for i in group]
            _note_objects(ctx, est, columns, group)
            joined = ctx._plain_concat(parts, sparse=False)
            nodes = [ctx.check_finite(joined, "", True).node]
        found.append((look_up(nodes, group), group))
    return found


def _note_objects(
    ctx: Context, est: Any, columns: Source | Categories, group: Sequence[int]
) -> None:
    """Columns whose numbers were objects in fit, which the encoder compares with no others."""
    if not isinstance(columns, Source) or columns.columns is None:
        return
    names, positions = columns.columns.names, columns.columns.positions
    for i in group:
        if np.asarray(est.categories_[i]).dtype.kind not in "iufb":
            ctx.object_columns.append([names[i] if names else None, positions[i]])


def _has_objects(est: Any) -> bool:
    return any(np.asarray(c).dtype.kind not in "iufb" for c in est.categories_)


def _dense(ctx: Context, est: Any, value: Value) -> Ref:
    ref = ctx.numeric(value, int(est.n_features_in_), reads=ANY)
    ctx.read_as_category(ref.node)
    if ref.sparse:
        raise Refused("its input is sparse, which it does not take")
    if not ctx.is_exact(ref):
        raise Refused("its input is within rounding of the original's, and it looks for equals")
    return ref


def _lookup(
    ctx: Context,
    est: Any,
    nodes: list[int],
    group: list[int],
    known: list[Known],
    codes: Sequence[Array],
    unknown: Sequence[Array] | None,
    dtype: str,
    said: tuple[str, int] | None,
) -> Ref:
    values = [known[i].values for i in group]
    table = np.concatenate([np.asarray(codes[i], dtype=np.float64) for i in group])
    others = None
    if unknown is not None:
        others = np.concatenate([np.atleast_1d(unknown[i]) for i in group]).astype(np.float64)
    attributes: dict[str, Any] = {
        "sizes": np.array([len(v) for v in values], dtype=np.int64),
        "codes": table,
        "unknown": others,
        "first_column": group[0] or None,
        "names": _names(est, group),
        "warning": said[0] if said else None,
        "warning_group": said[1] or None if said else None,
        "dtype": None if dtype == "f64" else dtype,
    }
    if known[group[0]].is_text:
        attributes["categories"] = [text for v in values for text in v]
        for name in ("nan", "none"):
            places = np.array([getattr(known[i], name) for i in group], dtype=np.int64)
            attributes[name] = places if np.any(places >= 0) else None
    else:
        attributes["categories"] = np.concatenate(values)
    node = ctx._emit("encode", nodes, attributes)
    width = 1 if table.ndim == 1 else table.shape[1]
    is_safe = bool(np.isfinite(table).all()) and (others is None or bool(np.isfinite(others).all()))
    return Ref(node, len(group) * width, False, dtype, is_safe)


def _names(est: Any, group: list[int]) -> list[str] | None:
    names = getattr(est, "feature_names_in_", None)
    if names is None:
        return None
    shown = [str(names[i]) for i in group]
    return shown if all(map(is_storable, shown)) else None


def texts_of(ctx: Context, est: Any, value: Value) -> Categories:
    """All columns as strings, for a transformer of strings."""
    columns = ctx.columns_of(value, est)
    n = int(est.n_features_in_)
    return Categories(tuple(ctx.category(columns, i) for i in range(n)))
