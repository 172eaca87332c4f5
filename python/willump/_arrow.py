"""Rows that come as nothing but an Arrow stream: a reader of batches, a database's result."""

from __future__ import annotations

from typing import Any


def only_exports(x: Any) -> bool:
    """Whether x gives Arrow capsules, and is no frame, array or column that is read as it is."""
    kind = type(x)
    has_capsules = hasattr(kind, "__arrow_c_stream__") or hasattr(kind, "__arrow_c_array__")
    return has_capsules and not hasattr(x, "shape") and not hasattr(x, "to_pylist")


def readable(x: Any, is_column: bool = False) -> Any:
    """A table of what only exports Arrow data, which may be read once only; anything else
    as it is.

    Parameters
    ----------
    is_column : bool
        X stands for one column, which the extension reads by itself where no library
        makes a column of it that can be read again.

    Raises
    ------
    TypeError
        Neither pyarrow nor polars is there to read a table.
    """
    if not only_exports(x):
        return x
    try:
        return _by_pyarrow(x)
    except ImportError:
        pass
    try:
        return _by_polars(x)
    except ImportError:
        if is_column:
            return x
    raise TypeError(
        f"X exports Arrow data and nothing else ({type(x).__name__}): reading it takes pyarrow "
        "or polars, and neither is installed; install one of them, or give a frame, an array or "
        "a dict of columns"
    )


def _by_pyarrow(x: Any) -> Any:
    import pyarrow as pa

    column = pa.chunked_array(x)
    return pa.Table.from_struct_array(column) if pa.types.is_struct(column.type) else column


def _by_polars(x: Any) -> Any:
    import polars as pl

    column = pl.Series(x)
    return column.struct.unnest() if column.dtype == pl.Struct else column
