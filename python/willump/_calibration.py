"""The calibration rows: what counts as one, how they were drawn, which certify.

A certificate counts units, and it holds where the units that certify are drawn
independently, as later ones will be. So every step here draws whole units: a
request is drawn by itself, equal rows together where each distinct row counts
once, a group as a whole.
"""

from __future__ import annotations

import math
import warnings
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from . import _core
from ._errors import DuplicateRowsWarning, TrainingRowsWarning
from ._frames import as_items, hashable, n_rows_of
from ._row_keys import Keys

Numbers = npt.NDArray[np.uint64]
Rows = npt.NDArray[np.int64]

#: The share of the calibration rows that chooses; the rest certifies.
SELECT_SHARE = 0.2
#: With refit, the share of X that is held out as calibration rows.
HELD_OUT_SHARE = 0.3
#: Below this share of distinct rows, a promise per distinct row is worth a warning.
DISTINCT_SHARE = 0.99
#: Above this share of calibration rows that training saw, they are worth one.
TRAINING_SHARE = 0.01
#: Fresh rows that are all rows of X by chance.
UNLIKELY = 1e-3


# ---- units -------------------------------------------------------------------


def unit_of(groups: Any, duplicates: str) -> str:
    """What a certificate counts."""
    if groups is not None:
        return "group"
    return "distinct row" if duplicates == "distinct" else "request"


def unit_numbers(unit: str, x: Any, groups: Any, keys: Keys) -> Numbers | None:
    """The number of each row's unit; None where each row is its own."""
    if unit == "group":
        return group_numbers(groups, n_rows_of(x))
    return _numbered(*keys([x])) if unit == "distinct row" else None


def group_numbers(groups: Any, n: int) -> Numbers:
    """A number for each of n rows; equal groups have equal numbers."""
    items = as_items(groups)
    if len(items) != n:
        raise ValueError(f"groups has {len(items)} entries for {n} rows")
    for row, item in enumerate(items):
        try:
            hash(item)
        except TypeError as error:
            raise TypeError(f"groups must be hashable: row {row}: {error}") from error
        if is_missing(item):
            raise ValueError(f"groups has no group for row {row}: {item!r}")
    return _numbered([hashable(item) for item in items])


def is_missing(item: Any) -> bool:
    """None, NaN, NaT or pandas' NA, which is not even unequal to itself."""
    if item is None:
        return True
    try:
        return bool(item != item)
    except TypeError:
        return True


def _numbered(keys: list[Any]) -> Numbers:
    seen: dict[Any, int] = {}
    return np.array([seen.setdefault(key, len(seen)) for key in keys], dtype=np.uint64)


# ---- held out of X -----------------------------------------------------------


class TooFewToHoldOut(ValueError):
    """X cannot be shared out between training and calibration."""


def hold_out(x: Any, groups: Any, duplicates: str, seed: int, keys: Keys) -> tuple[Rows, Rows]:
    """The rows of X to train on, and those held out: a random sample of its units."""
    n, unit = n_rows_of(x), unit_of(groups, duplicates)
    numbers = unit_numbers(unit, x, groups, keys)
    chosen = _core.tune_split(n, numbers, HELD_OUT_SHARE, (seed + 1) % 2**64)
    is_held = np.frombuffer(chosen, np.uint8) == 1
    if not is_held.any() or is_held.all():
        n_units = n if numbers is None else len(np.unique(numbers))
        raise TooFewToHoldOut(
            f"too few {unit}s: {n_units} of them cannot be shared out between training and "
            "calibration"
        )
    return np.flatnonzero(~is_held), np.flatnonzero(is_held)


def check_no_class_is_lost(y: npt.NDArray[Any], kept: Rows) -> None:
    """Refuses a training part without one of the classes."""
    before, after = Counter(y.tolist()), set(y[kept].tolist())
    for label, count in before.items():
        if label not in after:
            rows = "one row" if count == 1 else f"{count} rows"
            raise TooFewToHoldOut(
                f"refit=True would lose the class {label!r}: it has {rows} in X, and none is in "
                "the part that the pipeline would be refitted on; give more rows of it, or pass "
                "X_cal and keep the pipeline as it is"
            )


def check_not_training(parts: Sequence[Any], x: Any, keys: Keys, *, stacklevel: int = 3) -> int:
    """How many rows of the parts of X_cal are rows of X; refuses X itself.

    Fresh rows may repeat those of X. How often, X shows by how many of its own rows come
    more than once; what is refused is more than halfway from there to all rows, unless
    fresh rows might well all be known, as where few rows are possible.
    """
    known, asked = keys([x], parts)
    n, seen = len(asked), set(known)
    n_seen = sum(key in seen for key in asked)
    (own,) = keys([x])  # not as near as the rows of X_cal tell them apart
    repeats = sum(count for count in Counter(own).values() if count > 1) / max(1, len(own))
    what = f"{n_seen} of the {n} rows of X_cal are rows of X"
    if n_seen > (1 + repeats) / 2 * n and repeats**n < UNLIKELY:
        raise ValueError(
            f"{what}: X_cal must be rows that no model saw, as the models agree on what they "
            "were trained on; pass other rows, or refit=True, which holds out a part of X"
        )
    if n_seen > TRAINING_SHARE * n:
        warnings.warn(
            f"{what}: the certificate holds only if they are fresh rows that repeat earlier "
            "ones; leave out those that were taken from X",
            TrainingRowsWarning,
            stacklevel=stacklevel,
        )
    return n_seen


# ---- calibration rows --------------------------------------------------------


class Calibration:
    """The calibration rows, and which of them choose and which certify.

    Both are in a random order that the seed gives: the first row of a group,
    which is the one that counts, is then a random one of the group.
    """

    def __init__(
        self, x: Any, groups: Any, duplicates: str, seed: int, keys: Keys, *, is_held_out: bool
    ) -> None:
        self.x, self.n, self.is_held_out = x, n_rows_of(x), is_held_out
        self.unit = unit_of(groups, duplicates)
        self.groups = unit_numbers(self.unit, x, groups, keys)
        self.n_in_training: int | None = None  # not counted
        chosen = np.frombuffer(_core.tune_split(self.n, self.groups, SELECT_SHARE, seed), np.uint8)
        order = np.random.default_rng(seed).permutation(self.n)
        self.select: Rows = order[chosen[order] == 1]
        self.certify: Rows = order[chosen[order] == 0]
        self.n_units = self.units_of(np.arange(self.n))

    def rows(self, step: str) -> Rows:
        return self.select if step == "fit" else self.certify

    def units_of(self, rows: Rows) -> int:
        """How many of the rows count."""
        return len(rows) if self.groups is None else len(np.unique(self.groups[rows]))

    def counted(self, step: str) -> Rows:
        """The positions in `rows(step)` of those that count: the first of each unit."""
        rows = self.rows(step)
        if self.groups is None:
            return np.arange(len(rows))
        return np.sort(np.unique(self.groups[rows], return_index=True)[1])

    def check_training(self, x: Any, keys: Keys) -> None:
        """Counts the calibration rows that are rows of X; refuses X itself."""
        self.n_in_training = check_not_training([self.x], x, keys, stacklevel=4)

    def warn_of_duplicates(self) -> None:
        if self.unit != "distinct row" or self.n_units >= DISTINCT_SHARE * self.n:
            return
        warnings.warn(
            f"only {self.n_units} of the {self.n} calibration rows are distinct: the promise is "
            "per distinct row, and holds where they are a random sample of the distinct rows to "
            "come, as in collected or deduplicated data; the distinct rows of a sample of "
            "requests are not. For requests, pass the rows as they came and "
            'duplicates="traffic"',
            DuplicateRowsWarning,
            stacklevel=3,
        )

    @property
    def assumption(self) -> str:
        """What must hold for the promise."""
        source = "X" if self.is_held_out else "X_cal"
        return {
            "request": "later requests are drawn independently, as the rows of "
            f"{source} were; each row counts once",
            "distinct row": f"the distinct rows of {source} are a random sample of the distinct "
            "rows to come, as in collected or deduplicated data (those of a sample of requests "
            "are not); each distinct row counts once, however often it comes",
            "group": f"later groups are drawn independently, as those of {source} were; each "
            "group counts once, as one random row of the group",
        }[self.unit]

    def too_few(self, what: str, confidence: float, needed: int, note: str) -> str:
        """Says how many it takes, of what the caller passes."""
        asked = _rows_to_give(needed, 1 - SELECT_SHARE)
        if self.is_held_out:
            asked = _rows_to_give(asked, HELD_OUT_SHARE)
        whole = "X" if self.is_held_out else f"X_cal{note}"
        there = "the held-out part of X has" if self.is_held_out else "X_cal has"
        return (
            f"too few {self.unit}s: {there} {self.n_units} in {self.n} rows, and certifying "
            f"{what} with confidence {confidence:g} takes about {asked} {self.unit}s in {whole}"
        )


def _rows_to_give(needed: int, share: float) -> int:
    """So many that a random share of them is hardly ever less than needed."""
    n = needed / share
    return math.ceil(n + 3 * math.sqrt(n * (1 - share) / share))
