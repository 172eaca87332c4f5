"""Rows of tables by their keys, for few rows: a join hashes the whole table in every call, and
for one row that is nearly all that it costs. Who serves single rows keeps the keys in a dict.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

FEW = 100  # rows that are looked up; from about 1,000 on a join is as fast, or faster


class Lookup:
    """A table of numbers by a key.

    Parameters
    ----------
    keys : one for each row of the table, all different
    table : (n_rows, n_columns) doubles
    """

    def __init__(self, keys: Iterable[Any], table: Any) -> None:
        self._place = {key: i for i, key in enumerate(keys)}
        rows = np.asarray(table, np.float64)
        self._rows = np.vstack([rows, np.full((1, rows.shape[1]), np.nan)])

    def __call__(self, keys: Iterable[Any]) -> np.ndarray:
        """The rows of these keys, NaN where there is none."""
        return self._rows[[self._place.get(key, -1) for key in keys]]
