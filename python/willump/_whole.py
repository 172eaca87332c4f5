"""Whether a cascade with Python steps answers all calibration rows together as it answered
the parts of them that certified it.

A Python step may hang on the rows beside a row: on how often a value comes among them, or
on their order. Behind a gate it gets the rows that stay, and while a cascade is certified
a first stage gets a part of the rows, in a random order: the certificate would be about
other answers than those that are given. A few rows asked beforehand may not show it, as
where a value hardly ever comes twice among them; the certifying rows among all others do.
What many rows have in common, as a median, shows in small calls instead: in these too the
cascade must answer as the exact pipeline does in the same call.
"""

from __future__ import annotations

import warnings
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
#: Of what may go wrong by the promise, such a part may be by the size of a call,
IN_CALLS = 0.1
#: and the rows of a call, each size in at most so many calls.
CALL_ROWS, MOST_CALLS = (1, 3, 10, 50), 100


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
        differs |= _differ(given, counted, promise.tolerated(counted), _spread(counted))
    n_differ = int(np.count_nonzero(differs))
    if n_differ > BY_CHANCE * promise.alpha * len(differs):
        raise UnsupportedError(
            f"{cascade.python_steps}: {NOT_BY_ROW}: {n_differ} of the {len(differs)} rows that "
            "would certify the cascade have other answers among all rows of X_cal than they had "
            "by themselves; compute what hangs on several rows in fit, or use willump.compile"
        )
    if cascade.has_steps_alone:
        _check_calls(tuner, cascade, gates, cal, promise)


def _check_calls(
    tuner: Tuner,
    cascade: Runner,
    gates: Sequence[Mapping[str, Any]],
    cal: Calibration,
    promise: Promise,
) -> None:
    """Refuses a cascade that answers otherwise than the exact pipeline in small calls, of rows
    that had the same answers of both while it was certified."""
    told = promise.told()
    output = None if told is None else told[0]
    spread = 0.0 if told is None else _spread(told[1])
    differed = np.zeros(len(cal.certify), bool)
    if tuner.answers.kind != "numbers":
        differed |= served_by(tuner, gates) != tuner.exact
    if told is not None:
        exact = told[1][cal.certify]
        served = _numbers_served(tuner, gates, cal, told[0], exact)
        differed |= _differ(served, exact, promise.tolerated(exact), spread)

    def answers(runner: Runner, x: Any) -> tuple[Array, Array]:
        labels = tuner.answers.kind != "numbers"
        return (
            tuner.answers.numbers(runner, x) if labels else np.zeros(n_rows_of(x)),
            np.zeros((n_rows_of(x), 1)) if output is None else _numbers(runner, output, x),
        )

    first = 0
    for size in CALL_ROWS:
        n_asked = n_differ = 0
        for _ in range(min(MOST_CALLS, len(cal.certify) // size)):
            places = np.arange(first, first + size) % len(cal.certify)
            first += size
            x = take_rows(cal.x, cal.certify[places])
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                try:
                    label, number = answers(tuner.base, x)
                except Exception:  # the exact pipeline refuses such a call
                    continue
                try:
                    given_label, given = answers(cascade, x)
                    near = promise.tolerated(number)
                    differs = (given_label != label) | _differ(given, number, near, spread)
                except Exception:
                    differs = np.ones(size, bool)
            n_asked += size
            n_differ += int(np.count_nonzero(differs & ~differed[places]))
        if n_differ > max(1.0, IN_CALLS * promise.alpha * n_asked):
            raise UnsupportedError(
                f"{cascade.python_steps}: {NOT_BY_ROW}: of {n_asked} rows of X_cal in calls of "
                f"{size}, the cascade gives {n_differ} another answer than the exact pipeline "
                "does in the same calls, and gave them the same while it was certified; compute "
                "what hangs on several rows in fit, or use willump.compile"
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


def _spread(numbers: Array) -> float:
    known = numbers[np.isfinite(numbers)]
    return float(np.ptp(known)) if known.size else 0.0


def _differ(
    given: Array, counted: Array, tolerated: Array | None, spread: float
) -> npt.NDArray[np.bool_]:
    """Rows with other numbers; where nothing is tolerated by the promise, the spread says how
    near is the same."""
    if tolerated is None:
        tolerated = np.full_like(counted, spread)
    with np.errstate(invalid="ignore"):
        is_near = np.abs(given - counted) <= BY_CHANCE * tolerated
    is_same = (given == counted) | (np.isnan(given) & np.isnan(counted))
    found: npt.NDArray[np.bool_] = ~(is_near | is_same).all(axis=1)
    return found
