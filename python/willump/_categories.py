"""Categories of frames as the codes of the library that trained on them.

LightGBM and XGBoost train on the codes of category columns and keep what each
code stood for; a later frame's own codes may differ. An array is taken to hold
codes already, as both libraries take it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ._errors import UnsupportedError

Array = npt.NDArray[Any]

#: How types of words begin in polars and pyarrow.
_WORDS = ("string", "large_string", "dictionary", "categorical", "enum")

#: What a category may be, so that it can be stored.
_VALUES = (str, bool, int, float)


def storable(categories: Sequence[Any]) -> list[Any]:
    """Categories as JSON holds them.

    Raises
    ------
    ValueError
        For a value that is neither text nor a number.
    """
    found = [value.item() if isinstance(value, np.generic) else value for value in categories]
    for value in found:
        if not isinstance(value, _VALUES):
            raise ValueError(f"a category is {value!r}, neither text nor a number")
    return found


class CategoryCodes:
    """Puts codes in place of a pandas frame's categories, and of a polars frame's.

    Parameters
    ----------
    spec : dict
        `categories`: for each column of the model its categories in the order of
        their codes, None for other columns; or, where `by_order`, for each of the
        frame's category columns in turn. `refuses_unseen`: other values raise
        ValueError; else they count as missing. `dtypes`: for each column the one dtype of
        categories that are numbers, or None. Where `are_codes`, the model does not
        know its categories' values: a frame's own codes are taken.
    then : callable
        What reads the frame of numbers.
    """

    def __init__(self, spec: Mapping[str, Any], then: Callable[[Any], tuple[Any, ...]]) -> None:
        self.by_order = bool(spec["by_order"])
        self.refuses_unseen = bool(spec["refuses_unseen"])
        self.are_codes = bool(spec.get("are_codes"))
        self.dtypes = list(spec.get("dtypes") or [])
        self.known = [None if known is None else list(known) for known in spec["categories"]]
        self.codes = [
            None if known is None else {value: i for i, value in enumerate(known)}
            for known in spec["categories"]
        ]
        self.then = then

    def __call__(self, x: Any) -> tuple[Any, ...]:
        if hasattr(x, "dtypes") and hasattr(x, "isetitem"):
            x = self._coded(_PandasColumns(x))
        elif _is_polars(x) and not self.by_order:  # LightGBM takes none of polars'
            x = self._coded(_PolarsColumns(x))
        elif _is_polars(x) or type(x).__module__.startswith("pyarrow."):
            self._refuse_words(x)
        return self.then(x)

    def _refuse_words(self, x: Any) -> None:
        """Raises for columns of words, which are no numbers even where they read so: LightGBM
        takes none of other libraries' tables, and XGBoost knows dictionaries by their words."""
        if self.by_order and type(x).__name__ == "RecordBatch":  # an array to it
            return
        is_arrow = hasattr(x, "schema") and hasattr(x, "num_rows")
        types = [field.type for field in x.schema] if is_arrow else x.dtypes
        names = x.schema.names if is_arrow else x.columns
        for name, kind in zip(names, map(str, types), strict=True):
            if kind.lower().startswith(_WORDS):
                raise UnsupportedError(
                    f"column {name!r} is of {kind.partition('<')[0].partition('(')[0]} in a table "
                    "of another library than pandas, and the model was trained on categories; "
                    "give a frame of pandas, such as X.to_pandas()"
                )

    def _coded(self, columns: _PandasColumns | _PolarsColumns) -> Any:
        found = columns.found()
        if self.are_codes:
            return columns.replaced({i: _codes_of(*columns.parts(i), None) for i in found})
        if self.by_order and isinstance(columns, _PandasColumns):
            known = [self.known[at] or [] for at, _ in enumerate(self._pairs(found))]
            return columns.replaced(
                {i: columns.recoded(i, each) for i, each in zip(found, known, strict=True)}
            )
        coded = {}
        for i, codes in self._pairs(found):
            values, own = columns.parts(i)
            if self.dtypes and isinstance(columns, _PandasColumns):
                columns.check_dtype(i, self.dtypes[i])
            if self.refuses_unseen:
                _refuse_kind(columns.names()[i], values, codes)
            coded[i] = _codes_of(values, own, codes)
            if self.refuses_unseen:
                _refuse_unseen(columns.names()[i], values, own, coded[i])
        return columns.replaced(coded)

    def _pairs(self, found: list[int]) -> list[tuple[int, dict[Any, int]]]:
        """The columns of categories, each with the codes that the model knows."""
        if self.by_order:
            if len(found) != len(self.codes):
                raise ValueError(
                    "train and valid dataset categorical_feature do not match: the frame has "
                    f"{len(found)} columns of categories, the model was trained on "
                    f"{len(self.codes)}"
                )
            return [(i, codes or {}) for i, codes in zip(found, self.codes, strict=True)]
        wanted = [i for i, codes in enumerate(self.codes) if codes is not None]
        if found != wanted:
            raise ValueError(
                f"columns {wanted} are categories to the model, columns {found} are in the "
                "frame: convert with astype('category')"
            )
        return [(i, self.codes[i] or {}) for i in wanted]


def _codes_of(values: Sequence[Any], own: Array, codes: dict[Any, int] | None) -> Array:
    """The model's codes of a column whose `own` codes stand for `values`; without the
    model's the own ones. NaN where a value is missing, whose own code is -1, or unknown."""
    if codes is None:
        return np.where(own < 0, np.nan, own)
    # The own code -1 is the table's last row.
    table: Array = np.array([codes.get(value, np.nan) for value in values] + [np.nan])
    return table[own]


def _is_polars(x: Any) -> bool:
    return type(x).__module__.startswith("polars.") and hasattr(x, "with_columns")


class _PandasColumns:
    """The category columns of a pandas frame."""

    def __init__(self, frame: Any) -> None:
        self.frame = frame

    def found(self) -> list[int]:
        return [i for i, dtype in enumerate(self.frame.dtypes) if hasattr(dtype, "categories")]

    def names(self) -> list[Any]:
        return list(self.frame.columns)

    def parts(self, i: int) -> tuple[Sequence[Any], Array]:
        """A column's categories, and its codes."""
        column = self.frame.iloc[:, i].cat
        return list(column.categories), np.asarray(column.codes)

    def check_dtype(self, i: int, dtype: str | None) -> None:
        """Raises where XGBoost does: categories that are numbers have one dtype."""
        own = self.frame.dtypes.iloc[i].categories
        if dtype is not None and own.dtype != dtype and len(own):
            raise ValueError(
                f"Invalid new DataFrame: column {self.names()[i]!r} has categories of "
                f"{own.dtype}, the model was trained on categories of {dtype}; convert them first"
            )

    def recoded(self, i: int, known: list[Any]) -> Array:
        """A column's codes among the model's categories, as LightGBM asks pandas for them:
        to which True is no 1, unless the lists are equal."""
        column = self.frame.iloc[:, i].cat
        if list(column.categories) != known:
            column = column.set_categories(known).cat
        codes = np.asarray(column.codes)
        return np.where(codes < 0, np.nan, codes)

    def replaced(self, columns: Mapping[int, Array]) -> Any:
        coded = self.frame.copy(deep=False)
        for i, column in columns.items():
            coded.isetitem(i, column)
        return coded


class _PolarsColumns:
    """The columns of a polars frame that are Categorical or Enum."""

    def __init__(self, frame: Any) -> None:
        self.frame = frame.collect() if hasattr(frame, "collect") else frame

    def found(self) -> list[int]:
        kinds = [type(dtype).__name__ for dtype in self.frame.dtypes]
        return [i for i, kind in enumerate(kinds) if kind in ("Categorical", "Enum")]

    def names(self) -> list[Any]:
        return list(self.frame.columns)

    def parts(self, i: int) -> tuple[Sequence[Any], Array]:
        """The values that a column has, and their positions; -1: a null."""
        texts = np.array(self.frame.to_series(i).cast(_polars().String).to_list(), dtype=object)
        missing = np.array([text is None for text in texts], dtype=bool)
        own = np.full(len(texts), -1)
        values, own[~missing] = np.unique(texts[~missing].astype(str), return_inverse=True)
        return values.tolist(), own

    def replaced(self, columns: Mapping[int, Array]) -> Any:
        names, series = self.names(), _polars().Series
        return self.frame.with_columns([series(names[i], each) for i, each in columns.items()])


def _polars() -> Any:
    return sys.modules["polars"]


def _refuse_kind(name: Any, values: Sequence[Any], codes: Mapping[Any, int]) -> None:
    """XGBoost raises where categories are of another type, of which values may be equal."""
    own, known = ({_kind(value) for value in found} for found in (values, codes))
    if own and known and own != known:
        raise ValueError(
            f"the categories of column {name!r} are {' and '.join(sorted(own))}, those of training "
            f"{' and '.join(sorted(known))}; convert them"
        )


def _kind(value: Any) -> str:
    for kinds, said in (((bool, np.bool_), "bool"), (str, "text"), ((int, np.integer), "integers")):
        if isinstance(value, kinds):
            return said
    return "floats"


def _refuse_unseen(name: Any, values: Sequence[Any], own: Array, column: Array) -> None:
    wrong = np.flatnonzero(np.isnan(column) & (own >= 0))
    if len(wrong):
        raise ValueError(
            f"Found a category not in the training set: column {name!r}, row {wrong[0]} is "
            f"{values[own[wrong[0]]]!r}; give such rows as missing"
        )
