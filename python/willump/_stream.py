"""Top-K of rows that come in batches: what a filter keeps so far is all that is held, unless
a Python step has to see all rows together."""

from __future__ import annotations

import numbers
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from . import _core
from ._frames import as_rows, n_rows_of, stacked, take_rows
from ._places import ROW_ERRORS, placed
from ._rank import Counts, Ranking, Rule, best_rows

Array = npt.NDArray[Any]
Ids = npt.NDArray[np.int64]


def check_n_rows(n_rows: Any) -> int:
    if isinstance(n_rows, bool) or not isinstance(n_rows, numbers.Integral):
        raise TypeError(f"n_rows must be an integer, not {n_rows!r}")
    if n_rows < 0:
        raise ValueError(f"n_rows={n_rows!r} is negative")
    return int(n_rows)


def best_of_batches(
    interface: _core.Interface,
    ranking: Ranking,
    rule: Rule | None,
    batches: Iterable[Any],
    k: int,
    n_rows: int,
    counts: Counts,
    *,
    is_row_wise: bool,
) -> tuple[Ids, Array]:
    """`best_rows` of the batches one behind the other, of n_rows rows in all.

    Parameters
    ----------
    is_row_wise : bool
        Whether every row is known to be answered by itself; else all are held, and answered
        together.

    Raises
    ------
    ValueError
        Where they have another number of rows.
    TypeError
        Where they are held, and are of different kinds.
    """
    if not is_row_wise:
        held = [batch for batch, _ in _batches(batches, n_rows) if n_rows_of(batch) > 0]
        if held:
            return best_rows(interface, ranking, rule, stacked(held), k, counts)
        return np.zeros(0, np.int64), np.zeros(0)
    n_kept = n_rows if rule is None else rule.candidates(n_rows, k)
    is_filtered = n_kept < n_rows
    pool: _Filtered | _Ranked = (
        _Filtered(interface, ranking, n_kept) if is_filtered else _Ranked(interface, ranking, k)
    )
    for batch, n in _batches(batches, n_rows):
        if n_rows_of(batch) > 0:
            try:
                pool.add(batch, n)
            except ROW_ERRORS as error:
                raise placed(error, f"in the batch that begins with row {n}") from None
    ids, scores = pool.ranked()
    counts.add(n_rows, n_kept)
    best = _best(scores, k)
    return ids[best], scores[best]


def _batches(batches: Iterable[Any], n_rows: int) -> Iterator[tuple[Any, int]]:
    """Each batch and how many rows came before it; refuses more or fewer rows in all."""
    n = 0
    for given in batches:
        batch = as_rows(given, f"the batch of rows from {n}")
        yield batch, n
        n += n_rows_of(batch)
        if n > n_rows:
            raise ValueError(f"the batches have more rows than n_rows={n_rows}")
    if n < n_rows:
        raise ValueError(f"the batches have {n} rows, not n_rows={n_rows}")


def _best(scores: Array, k: int) -> Ids:
    """Of the k largest, best first; equal ones in their order, NaN last."""
    return _core.top_k(np.ascontiguousarray(scores, np.float64), k)


class _Ranked:
    """The k best rows so far, by the scores that rank."""

    def __init__(self, interface: _core.Interface, ranking: Ranking, k: int) -> None:
        self.interface, self.ranking, self.k = interface, ranking, k
        self.ids: Ids = np.zeros(0, np.int64)
        self.scores: Array | None = None  # in the order of their ids

    def add(self, batch: Any, first: int) -> None:
        found = self.ranking.of(self.interface.run(self.ranking.method, batch, exact=True))
        ids = np.concatenate([self.ids, np.arange(first, first + len(found))])
        scores = found if self.scores is None else np.concatenate([self.scores, found])
        kept = np.sort(_best(scores, self.k))
        self.ids, self.scores = ids[kept], scores[kept]

    def ranked(self) -> tuple[Ids, Array]:
        return self.ids, np.zeros(0) if self.scores is None else self.scores


@dataclass
class _Kept:
    """Rows of one batch that the filter keeps, copied out of it."""

    rows: Any
    places: Ids  # in `rows`, of those that are still kept
    ids: Ids

    def narrow(self, is_kept: npt.NDArray[np.bool_]) -> None:
        self.places, self.ids = self.places[is_kept], self.ids[is_kept]
        if 2 * len(self.places) < n_rows_of(self.rows):  # lets the others go
            self.rows = take_rows(self.rows, self.places)
            self.places = np.arange(len(self.ids))


class _Filtered:
    """The n rows of the largest filter scores so far."""

    def __init__(self, interface: _core.Interface, ranking: Ranking, n: int) -> None:
        self.interface, self.ranking, self.n = interface, ranking, n
        self.kept: list[_Kept] = []
        self.scores: Array = np.zeros(0)  # of the filter, in the order of ids

    def add(self, batch: Any, first: int) -> None:
        found = np.asarray(self.interface.run("_filter", batch), np.float64).reshape(-1)
        scores = np.concatenate([self.scores, found])
        is_kept = np.zeros(len(scores), bool)
        is_kept[_best(scores, self.n)] = True
        self.scores = scores[is_kept]
        at = 0
        for part in self.kept:
            end = at + len(part.ids)
            part.narrow(is_kept[at:end])
            at = end
        places = np.flatnonzero(is_kept[at:])
        self.kept.append(_Kept(take_rows(batch, places), np.arange(len(places)), first + places))
        self.kept = [part for part in self.kept if len(part.ids)]

    def ranked(self) -> tuple[Ids, Array]:
        ids, scores = [np.zeros(0, np.int64)], []
        for part in self.kept:
            rows = take_rows(part.rows, part.places)
            try:
                result = self.interface.run(self.ranking.method, rows, exact=True)
            except ROW_ERRORS as error:
                shown = ", ".join(map(str, part.ids[:5])) + (", ..." if len(part.ids) > 5 else "")
                raise placed(error, f"counted among the candidates {shown}") from None
            ids.append(part.ids)
            scores.append(self.ranking.of(result))
        return np.concatenate(ids), np.concatenate(scores) if scores else np.zeros(0)
