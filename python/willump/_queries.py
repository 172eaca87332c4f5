"""Queries of calibration rows, which certify a filter for top-K."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ._calibration import DISTINCT_SHARE, TooFewToHoldOut, group_numbers
from ._columns import is_frame, library_of
from ._errors import DuplicateRowsWarning
from ._frames import as_rows, n_rows_of, stacked, take_rows
from ._row_keys import Keys
from ._sparse import is_sparse
from ._targets import TopKRecall

Array = npt.NDArray[Any]

#: Queries of fewer rows say little of what hangs on the rows of a call.
FEW_ROWS = 32
#: Queries that are drawn from the select ones to see what a filter may have to keep: about
#: as many as certify, as the one that needs most decides.
N_DRAWS = 59


class Queries:
    """The calibration queries in a random order: sets of rows, drawn like later ones.

    Parameters
    ----------
    keys : Keys, or None
        Of equal real queries, or of equal rows that queries are made of, one counts;
        None: each does.

    Attributes
    ----------
    sizes : list of int
    n_rows : int
        The rows that were given.
    n_units, n_distinct : int
        The real queries, or the rows, that were given, and how many of them count.
    """

    def __init__(
        self,
        X_cal: Any,
        target: TopKRecall,
        seed: int,
        *,
        is_text: bool,
        keys: Keys | None,
        is_held_out: bool,
    ) -> None:
        self.source = "the held-out part of X" if is_held_out else "X_cal"
        random = np.random.default_rng(seed)
        self.counts_once = keys is not None
        self.is_real = _is_list_of_queries(X_cal, is_text=is_text)
        if self.is_real:
            given = _checked_queries(X_cal, target)
            self.n_rows, self.n_units = sum(map(n_rows_of, given)), len(given)
            if keys is not None:
                given = _distinct_queries(given, keys)
            self.n_distinct = len(given)
            self.parts = [given[i] for i in random.permutation(len(given))]
            self.sizes = [n_rows_of(query) for query in self.parts]
            return
        rows = as_rows(X_cal, "X_cal")
        self.n_rows = self.n_units = n_rows_of(rows)
        if self.n_rows == 0:
            raise ValueError("X_cal has no rows")
        if keys is not None:
            rows = take_rows(rows, _first_of_each(keys([rows])[0]))
        n = self.n_distinct = n_rows_of(rows)
        size = target.query_size or n
        if size > n:
            distinct = "distinct " if n < self.n_units else ""
            what = f"{self.source} has {n} {distinct}rows, which make no query of {size}"
            raise TooFewToHoldOut(what) if is_held_out else ValueError(what)
        order = random.permutation(n)
        self.parts = [take_rows(rows, order[at : at + size]) for at in range(0, n - size + 1, size)]
        self.sizes = [size] * len(self.parts)

    def __len__(self) -> int:
        return len(self.parts)

    def warn_of_duplicates(self) -> None:
        if self.n_distinct >= DISTINCT_SHARE * self.n_units:
            return
        what = "queries" if self.is_real else "rows"
        of_them = "queries" if self.is_real else "queries of such rows"
        warnings.warn(
            f"only {self.n_distinct} of the {self.n_units} {what} of {self.source} are distinct, "
            f"and each counts once: the promise is of later {of_them} that are drawn like the "
            f"distinct ones, and none for requests. For those, pass the {what} as they came and "
            'duplicates="traffic"',
            DuplicateRowsWarning,
            stacklevel=4,
        )

    @property
    def assumption(self) -> str:
        """What must hold for the promise."""
        what = "queries" if self.is_real else "rows"
        counts = f"each of the {what} counts, however often it comes"
        if self.counts_once:
            counts = f"each of the {what} counts once, however often it comes"
            what = f"distinct {what}"
        return (
            f"later queries are drawn independently, as the {what} of {self.source} were; {counts}"
        )


def _checked_queries(X_cal: Any, target: TopKRecall) -> list[Any]:
    """Real queries as rows."""
    given = [as_rows(query, "X_cal") for query in X_cal]
    for number, query in enumerate(given):
        if n_rows_of(query) == 0:
            raise ValueError(f"X_cal: query {number} has no rows")
    if target.query_size is not None:
        raise ValueError("X_cal is a list of queries: give no query_size with them")
    return given


def _distinct_queries(given: list[Any], keys: Keys) -> list[Any]:
    """One of the queries that have the same rows, in whatever order."""
    (rows,) = keys(given)
    ends = np.cumsum([n_rows_of(query) for query in given])
    parts = [rows[end - n_rows_of(query) : end] for query, end in zip(given, ends, strict=True)]
    same = [frozenset(Counter(part).items()) for part in parts]
    return [given[i] for i in _first_of_each(same)]


def _first_of_each(keys: Sequence[Any]) -> Array:
    """The positions at which a key comes for the first time."""
    first = {key: i for i, key in reversed(list(enumerate(keys)))}
    return np.sort(np.array(list(first.values()), dtype=np.int64))


def _is_list_of_queries(X_cal: Any, *, is_text: bool) -> bool:
    """Whether it is real queries, and not rows."""
    if not isinstance(X_cal, (list, tuple)) or len(X_cal) == 0:
        return False
    first = X_cal[0]
    is_table = isinstance(first, dict) or is_frame(first) or is_sparse(first)
    if is_table or len(getattr(first, "shape", ())) == 2:
        return True
    if not is_text or isinstance(first, (str, bytes)):
        return False
    return isinstance(first, (list, tuple)) or hasattr(first, "shape") or bool(library_of(first))


def in_groups(X_cal: Any, groups: Any, target: TopKRecall) -> list[Any]:
    """Each group's rows as a query, in the order in which the groups come."""
    if target.query_size is not None:
        raise ValueError("groups are the queries: give no query_size with them")
    if isinstance(X_cal, (list, tuple)) and X_cal and isinstance(X_cal[0], (list, tuple)):
        raise ValueError("groups are of rows: give X_cal as rows, or as a list of queries alone")
    rows = as_rows(X_cal, "X_cal")
    numbers = group_numbers(groups, n_rows_of(rows))
    order = np.argsort(numbers, kind="stable")
    starts = np.flatnonzero(np.diff(numbers[order], prepend=np.uint64(2**64 - 1)))
    return [take_rows(rows, np.sort(part)) for part in np.split(order, starts[1:])]


def sets_of(parts: Sequence[Any]) -> list[Any]:
    """The rows of some queries, those of few rows together where they are of one kind."""
    few = [part for part in parts if n_rows_of(part) < FEW_ROWS]
    try:
        together = [stacked(few)] if few else []
    except Exception:  # as frames of other columns are
        return list(parts)
    return [part for part in parts if n_rows_of(part) >= FEW_ROWS] + together


def draws_of(sizes: Sequence[int], seed: int, *, is_real: bool) -> list[Array]:
    """Rows of the select queries, one behind the other, that make queries like them.

    Real queries are drawn whole and their rows again within them; of others any row
    may come beside any other.
    """
    random = np.random.default_rng(seed)
    ends = np.cumsum(sizes)
    draws = []
    for _ in range(N_DRAWS if len(sizes) else 0):
        query = int(random.integers(len(sizes)))
        low, high = (ends[query] - sizes[query], ends[query]) if is_real else (0, ends[-1])
        draws.append(random.integers(low, high, sizes[query]))
    return draws
