"""XGBoost's DMatrix as the rows that it holds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ._errors import UnsupportedError
from ._names import mismatch_of_names


class FromDMatrix:
    """Reads a DMatrix, as `Booster.predict` does; anything else is as it is.

    Its rows are CSR, of float32, in which a missing value is not stored. Labels and
    weights change no predictions.

    Parameters
    ----------
    names : list of str
        The model's, which the DMatrix must have in this order; none: any.
    has_values : bool
        The model knows its categories' values, so that codes do not tell them.
    then : the function from X to the inputs of a model
    """

    def __init__(
        self, names: Sequence[str], has_values: bool, then: Callable[[Any], tuple[Any, ...]]
    ) -> None:
        self.names = list(names)
        self.has_values = has_values
        self.then = then

    def __call__(self, x: Any) -> tuple[Any, ...]:
        if not type(x).__module__.startswith("xgboost."):
            return self.then(x)
        return self.then(self._rows(x))

    def _rows(self, x: Any) -> Any:
        kind = type(x).__name__
        if kind != "DMatrix":
            raise TypeError(
                f"X is a {kind}, which does not hold its rows as they were; give a DMatrix, an "
                "array, a frame or a sparse matrix"
            )
        if len(x.get_base_margin()):
            raise UnsupportedError(
                "base_margin of a DMatrix is not supported; add it to the answer of "
                "output_margin=True"
            )
        if self.has_values and not _has_codes_only(x):
            raise UnsupportedError(
                "a DMatrix holds the codes of its categories and not their values, by which the "
                "model goes; give the frame that it was made of"
            )
        names = x.feature_names
        if self.names and names is None:
            raise ValueError(
                "data did not contain feature names, but the following fields are expected: "
                + ", ".join(self.names)
            )
        if self.names and names != self.names:
            raise ValueError(mismatch_of_names(self.names, names))
        return x.get_data()


def _has_codes_only(x: Any) -> bool:
    """Whether a DMatrix has no categories, or such that were given as codes."""
    if "c" not in (x.feature_types or ()):
        return True
    return bool(hasattr(x, "get_categories") and x.get_categories().empty())
