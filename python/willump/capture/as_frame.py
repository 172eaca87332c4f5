"""From what a compiled function is called with to the frame that its Python steps are called
with: of the sample's dtypes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .._columns import names_of
from .inputs import is_scalar


class AsFrame:
    """What Python steps are called with: X as a pandas frame of the columns that they read, with
    the sample's dtypes; a frame of pandas as it is."""

    def __init__(self, dtypes: Mapping[str, Any]) -> None:
        self.dtypes = dict(dtypes)

    def __call__(self, x: Any) -> Any:
        import pandas as pd

        if isinstance(x, pd.DataFrame):
            return x
        if isinstance(x, dict):
            nested = next((name for name, value in x.items() if isinstance(value, dict)), None)
            if nested in self.dtypes:
                raise TypeError(f"column {nested!r} holds a dict")
            is_row = all(is_scalar(value) for value in x.values())
            own = {name: x[name] for name in self.dtypes if name in x}
            if is_row:
                return self._of_row(own)
            x = pd.DataFrame(own)
        elif isinstance(x, (list, tuple)):
            x = pd.DataFrame([{n: row[n] for n in self.dtypes if n in row} for row in x])
        else:
            x = x.select([name for name in self.dtypes if name in names_of(x)]).to_pandas()
        return self._cast(x)

    def _of_row(self, row: dict[str, Any]) -> Any:
        """One row: most cells are arrays of their dtypes as they are."""
        import pandas as pd

        made = {name: _array_of(cell, self.dtypes[name]) for name, cell in row.items()}
        others = {name: cell for name, cell in row.items() if made[name] is None}
        if others:
            rest = self._cast(pd.DataFrame([others]))
            made |= {name: rest[name].array for name in others}
        return pd.DataFrame(made, index=pd.RangeIndex(1))

    def _cast(self, x: Any) -> Any:
        """A frame in the sample's dtypes, where these hold what it holds."""
        import pandas as pd

        there = {name: dtype for name, dtype in self.dtypes.items() if name in x.columns}
        for name, dtype in there.items():
            _check_kind(x[name], dtype)
            if isinstance(dtype, pd.CategoricalDtype):
                is_one = x[name].isin(dtype.categories) | x[name].isna()
                _check_cast(x[name], is_one, "one of other categories than the sample's")
        gone = {  # no `astype` gives missing times
            name: pd.Series(pd.NaT, index=x.index, dtype=dtype)
            for name, dtype in there.items()
            if pd.api.types.pandas_dtype(dtype).kind in "mM" and x[name].isna().all()
        }
        x = x.assign(**gone)
        made = x.astype(there)
        for name, dtype in there.items():
            if pd.api.types.is_bool_dtype(dtype) or pd.api.types.is_integer_dtype(dtype):
                is_same = (x[name].isna() & made[name].isna()).to_numpy(copy=True)
                there_is = ~is_same
                is_same[there_is] = x[name][there_is].to_numpy() == made[name][there_is].to_numpy(
                    dtype=object
                )
                _check_cast(x[name], is_same, f"no {dtype}")
            elif dtype != x[name].dtype and (as_given := _exactly(x[name], dtype)) is not None:
                is_same = (made[name].isna() | (made[name] == as_given)).to_numpy()
                _check_cast(x[name], is_same, f"no {dtype}")
        return made


def _array_of(cell: Any, dtype: Any) -> Any:
    """A cell as an array of its column's dtype; None of what needs a closer look."""
    import pandas as pd

    kind = type(cell)
    if isinstance(dtype, pd.StringDtype):
        return pd.array([cell], dtype=dtype) if kind is str else None
    if not isinstance(dtype, np.dtype):
        return None
    if isinstance(cell, np.generic):
        return np.array([cell]) if cell.dtype == dtype else None
    if dtype.kind == "O":
        return np.array([cell], dtype=object) if kind is str else None
    if (kind is float and dtype == np.float64) or (kind is bool and dtype == np.bool_):
        return np.array([cell])
    if kind is int and (dtype == np.int64 or (dtype == np.float64 and abs(cell) <= 2**53)):
        return np.array([cell], dtype) if abs(cell) < 2**63 else None
    if dtype.kind == "M" and isinstance(cell, pd.Timestamp) and cell.tzinfo is None:
        try:
            exact = cell.as_unit(np.datetime_data(dtype)[0], round_ok=False)
        except ValueError:  # it would be cut off
            return None
        return np.array([exact.to_datetime64()])
    return None


def _exactly(given: Any, dtype: Any) -> Any:
    """What a column holds, as the widest dtype of its kind; None where no cast rounds."""
    import pandas as pd

    if dtype == np.float32:
        return given.astype(np.float64)
    if pd.api.types.is_timedelta64_dtype(dtype):
        return pd.to_timedelta(given)
    if pd.api.types.is_datetime64_any_dtype(dtype):
        return pd.to_datetime(given, utc=True if getattr(dtype, "tz", None) else None)
    return None


_NUMBERS = frozenset(["integer", "floating", "mixed-integer-float", "integer-na"])
#: What cells may be, as `infer_dtype` says, by the kind of the sample's dtype.
_CELLS = (
    ("is_bool_dtype", frozenset(["boolean"])),
    ("is_integer_dtype", _NUMBERS),
    ("is_float_dtype", _NUMBERS),
    ("is_datetime64_any_dtype", frozenset(["datetime", "datetime64", "date"])),
    ("is_timedelta64_dtype", frozenset(["timedelta", "timedelta64"])),
    ("is_string_dtype", frozenset(["string"])),
)


def _check_kind(given: Any, dtype: Any) -> None:
    """Raises where a column holds values of another kind, which a cast would make some of
    (whole numbers as moments, text as numbers)."""
    import pandas as pd

    is_any = isinstance(dtype, pd.CategoricalDtype) or pd.api.types.is_object_dtype(dtype)
    if given.dtype == dtype or is_any:
        return
    known = (kinds for name, kinds in _CELLS if getattr(pd.api.types, name)(dtype))
    kinds = next(known, None)
    cells = given.astype(object)
    if kinds is None or pd.api.types.infer_dtype(cells, skipna=True) in (*kinds, "empty"):
        return
    for row, cell in enumerate(cells):
        is_gone = is_scalar(cell) and pd.isna(cell)
        if not is_gone and pd.api.types.infer_dtype([cell], skipna=True) not in kinds:
            raise TypeError(
                f"column {given.name!r} holds {cell!r} in row {row}; the function was compiled for "
                f"{dtype}: cast it, or compile with a sample that holds such values"
            )


def _check_cast(given: Any, is_same: Any, what: str) -> None:
    """Raises where a cast would change a value."""
    rows = np.flatnonzero(~np.asarray(is_same, dtype=bool))
    if len(rows):
        value = given.iloc[rows[0]]
        shown = value.item() if isinstance(value, np.generic) else value
        raise ValueError(
            f"column {given.name!r} holds {shown!r} (row {rows[0]}), which is {what}: cast it"
        )
