"""Whether a cascade with Python steps answers all calibration rows together as it answered
the parts of them that certified it.

A Python step may hang on the rows beside a row: on how often a value comes among them, or
on their order. Behind a gate it gets the rows that stay, and while a cascade is certified
a first stage gets a part of the rows, in a random order: the certificate would be about
other answers than those that are given. A few rows asked beforehand may not show it, as
where a value hardly ever comes twice among them; the certifying rows among all others do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ._calibration import Calibration
from ._certificates import served_by
from ._errors import UnsupportedError
from ._frames import n_rows_of, take_rows
from ._promises import Promise
from ._runner import NOT_BY_ROW, Runner

if TYPE_CHECKING:  # it asks for this
    from ._tuner import Tuner

Array = npt.NDArray[Any]

#: Of what may go wrong by the promise, such a part may be by what stops at a tolerance of
#: all rows together; and so much of a tolerance, or of the spread of numbers, is no other
#: answer.
BY_CHANCE = 0.01


def check_whole(
    tuner: Tuner,
    cascade: Runner,
    gates: Sequence[Mapping[str, Any]],
    cal: Calibration,
    promise: Promise,
) -> None:
    """Refuses a cascade whose answers to all rows at once are not those that were certified.

    Parameters
    ----------
    cascade : as it would be deployed
    gates : of the job's result

    Raises
    ------
    UnsupportedError
    """
    if not cascade.python_steps:
        return
    differs = np.zeros(len(cal.certify), bool)
    if tuner.answers.kind != "numbers":
        given = tuner.answers.numbers(cascade, cal.x)
        differs |= given[cal.certify] != served_by(tuner, gates)
    told = promise.told()
    if told is not None:
        output, exact = told
        counted = _numbers_served(tuner, gates, cal, output, exact[cal.certify])
        given = _numbers(cascade, output, cal.x)[cal.certify]
        differs |= _differ(given, counted, promise.tolerated(counted))
    n_differ = int(np.count_nonzero(differs))
    if n_differ > BY_CHANCE * promise.alpha * len(differs):
        raise UnsupportedError(
            f"{cascade.python_steps}: {NOT_BY_ROW}: {n_differ} of the {len(differs)} rows that "
            "would certify the cascade have other answers among all rows of X_cal than they had "
            "by themselves; compute what hangs on several rows in fit, or use willump.compile"
        )


def _numbers(runner: Runner, output: str, x: Any) -> Array:
    return np.asarray(runner(output, x), np.float64).reshape(n_rows_of(x), -1)


def _numbers_served(
    tuner: Tuner, gates: Sequence[Mapping[str, Any]], cal: Calibration, output: str, exact: Array
) -> Array:
    """Those that certified: of rows that leave the first stage's, of others the exact ones."""
    x = take_rows(cal.x, cal.certify)
    served = exact
    for gate in reversed(gates):
        values, _ = tuner.observed[gate["candidate"]]
        own = _numbers(tuner.trained[gate["candidate"]].runner, output, x)
        served = np.where((values > gate["threshold"])[:, None], own, served)
    return served


def _differ(given: Array, counted: Array, tolerated: Array | None) -> npt.NDArray[np.bool_]:
    """Rows with other numbers."""
    if tolerated is None:
        known = counted[np.isfinite(counted)]
        tolerated = np.full_like(counted, np.ptp(known) if known.size else 0.0)
    with np.errstate(invalid="ignore"):
        is_near = np.abs(given - counted) <= BY_CHANCE * tolerated
    is_same = (given == counted) | (np.isnan(given) & np.isnan(counted))
    found: npt.NDArray[np.bool_] = ~(is_near | is_same).all(axis=1)
    return found
