"""pandas categories as the codes of the library that trained on them.

LightGBM and XGBoost train on the codes of category columns and keep what each
code stood for; a later frame's own codes may differ. An array is taken to hold
codes already, as both libraries take it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

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
    """Puts codes in place of a pandas frame's categories.

    Parameters
    ----------
    spec : dict
        `categories`: for each column of the model its categories in the order of
        their codes, None for other columns; or, where `by_order`, for each of the
        frame's category columns in turn. `refuses_unseen`: other values raise
        ValueError; else they count as missing.
    then : callable
        What reads the frame of numbers.
    """

    def __init__(self, spec: Mapping[str, Any], then: Callable[[Any], tuple[Any, ...]]) -> None:
        self.by_order = bool(spec["by_order"])
        self.refuses_unseen = bool(spec["refuses_unseen"])
        self.codes = [
            None if known is None else {value: i for i, value in enumerate(known)}
            for known in spec["categories"]
        ]
        self.then = then

    def __call__(self, x: Any) -> tuple[Any, ...]:
        if hasattr(x, "dtypes") and hasattr(x, "isetitem"):
            x = self._coded(x)
        return self.then(x)

    def _coded(self, frame: Any) -> Any:
        found = [i for i, dtype in enumerate(frame.dtypes) if hasattr(dtype, "categories")]
        if self.by_order:
            if len(found) != len(self.codes):
                raise ValueError(
                    "train and valid dataset categorical_feature do not match: the frame has "
                    f"{len(found)} columns of categories, the model was trained on "
                    f"{len(self.codes)}"
                )
            pairs = list(zip(found, self.codes, strict=True))
        else:
            wanted = [i for i, codes in enumerate(self.codes) if codes is not None]
            if found != wanted:
                raise ValueError(
                    f"columns {wanted} are categories to the model, columns {found} are in the "
                    "frame: convert with astype('category')"
                )
            pairs = [(i, self.codes[i]) for i in wanted]
        coded = frame.copy(deep=False)
        for i, codes in pairs:
            own, known = frame.iloc[:, i].cat, codes or {}
            # The frame's own code -1, what is missing, is the table's last row.
            table = np.array([known.get(value, np.nan) for value in own.categories] + [np.nan])
            column: Array = table[np.asarray(own.codes)]
            if self.refuses_unseen:
                _refuse_unseen(frame.columns[i], own, column)
            coded.isetitem(i, column)
        return coded


def _refuse_unseen(name: Any, own: Any, column: Array) -> None:
    wrong = np.flatnonzero(np.isnan(column) & (np.asarray(own.codes) >= 0))
    if len(wrong):
        value = own.categories[own.codes.iloc[wrong[0]]]
        raise ValueError(
            f"Found a category not in the training set: column {name!r}, row {wrong[0]} is "
            f"{value!r}; give such rows as missing"
        )
