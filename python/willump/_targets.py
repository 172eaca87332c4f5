"""What `optimize` can promise."""

from __future__ import annotations

import numbers
from dataclasses import dataclass


@dataclass(frozen=True)
class Agreement:
    """The cascade gives the exact pipeline's label.

    Parameters
    ----------
    rate : float
        The probability that a later row has the same label, whether it leaves
        early or not; between 0 and 1. What a row is, `optimize` decides: a
        distinct row by default, a request with ``duplicates="traffic"``, one
        random row of a group with ``groups``.
    confidence : float
        The probability with which a certificate holds.
    """

    rate: float
    confidence: float = 0.95

    def __post_init__(self) -> None:
        for name in ("rate", "confidence"):
            value = getattr(self, name)
            if not isinstance(value, numbers.Real):
                raise TypeError(f"Agreement: {name} must be a number, not {value!r}")
            if not 0.0 < float(value) < 1.0:
                raise ValueError(f"Agreement: {name}={value!r} is not between 0 and 1")
