"""Lists of what a function gives for each row, as comprehensions over columns make them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from .cells import BOOL, FLOAT, INT, TEXT, Cell
from .each_row import each_row
from .kinds import kind_of
from .registry import Call, function
from .row_functions import RowTracer, followed_cell
from .values import Native, NotNative


@function(each_row)
def listed(call: Call) -> Native:
    answer, *columns = call.args
    rows = RowTracer(call)
    cells, like = [], None
    for value in columns:
        column = call.tracer.column(value).as_array()
        like = like or column
        cells.append(rows.cells.of_column(column, is_numpy=kind_of(value) == "array"))
    if like is None:
        raise NotNative("a loop over constants")
    found = followed_cell(rows, answer, tuple(cells), {}, like)
    return replace(found.column, dtype=_dtype_of(found, call.value), rows="", stored="")


def _dtype_of(cell: Cell, answers: list[Any]) -> str:
    """The dtype of a column of a list of the cells."""
    if cell.mixed or cell.has_none or cell.may_miss:
        raise NotNative("a list of values of several kinds, or of what may be missing")
    kinds: dict[str, tuple[str, type]] = {
        INT: ("int64", int), FLOAT: ("float64", float), BOOL: ("bool", bool), TEXT: ("str", str),
    }  # fmt: skip
    dtype, own = kinds[cell.kind]
    if not all(type(each) is own or isinstance(each, np.generic) for each in answers):
        raise NotNative(f"the function gives others than {dtype} on the sample")
    return dtype
