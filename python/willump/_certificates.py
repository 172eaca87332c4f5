"""What the certificate of a cascade says, from the job's result and the certifying rows."""

from __future__ import annotations

import datetime
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ._answers import Answers
from ._calibration import Calibration
from ._errors import RareClassWarning
from ._promises import Promise

if TYPE_CHECKING:  # it makes certificates
    from ._tuner import Tuner

Array = npt.NDArray[Any]

#: A class of at least so many certifying rows is worth a warning where it agrees
#: to less than this share of the target.
RARE_ROWS, RARE_SHARE = 20, 0.5
#: From `certificate_of`'s helpers up to the call of `optimize`.
CALLER = 6


def certificate_of(
    tuner: Tuner, result: Mapping[str, Any], cal: Calibration, promise: Promise
) -> dict[str, Any]:
    """Every entry; docs/cascades.md says what they are."""
    names, gates = tuner.all_names, result["gates"]
    counted = cal.counted("certify")
    exact, served = tuner.exact[counted], served_by(tuner, gates)[counted]
    return {
        **result["certificate"],
        "per": cal.unit,
        "promise": promise.sentence(cal.unit),
        "assumption": promise.assumption(cal),
        "n_rows_given": cal.n,
        "n_rows_in_training": cal.n_in_training,
        "blocks": [names[i] for i in result["blocks"]],
        "first_model": tuner.ways.get(gates[0]["candidate"]),
        "gates": [
            {
                "blocks": [names[i] for i in added],
                "threshold": _as_json(gate["threshold"]),
                "confidence": tuner.gate_name(gate["candidate"]),
                "share_leaving": gate["share_leaving"],
                "cost": gate["cost"],
            }
            for gate, added in zip(gates, _added(gates), strict=True)
        ],
        "threshold": _as_json(float(result["threshold"])),
        "curve": result["curve"],
        "reliability": [
            {**found, "low": _as_json(found["low"]), "high": _as_json(found["high"])}
            for found in result["reliability"]
        ],
        "expected_cost": result["expected_cost"],
        "exact_cost": result["exact_cost"],
        "costs": {
            **dict(zip(names, tuner.costs.tolist(), strict=True)),
            "model": tuner.model_cost,
            "stage": tuner.stage_cost,
        },
        "costs_measured": tuner.is_measured,
        "costs_by_batch": tuner.costs_by_batch,
        "n_select_rows": len(cal.select),
        "agreement_by_class": _agreement_by_class(tuner.answers, exact, served, promise),
        **promise.seen(cal.certify[counted], exact, served),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
    }


def served_by(tuner: Tuner, gates: Sequence[Mapping[str, Any]]) -> Array:
    """The labels that the cascade gives to the certifying rows."""
    served = tuner.exact
    for certified in reversed(gates):
        gate, label = tuner.observed[certified["candidate"]]
        # A row of no margin stays.
        served = np.where(gate > certified["threshold"], label, served)
    return served


def _agreement_by_class(
    answers: Answers, exact: Array, served: Array, promise: Promise
) -> dict[str, dict[str, Any]]:
    """What the certifying rows show of each class of the exact pipeline."""
    found: dict[str, dict[str, Any]] = {}
    lost = []
    for name, n, same in answers.by_class(exact, served):
        found[name] = {"n_rows": n, "agreement": same / n if n else None}
        if n >= RARE_ROWS and same < RARE_SHARE * (1.0 - promise.alpha) * n:
            lost.append(f"{name!r} ({same} of {n})")
    if lost:
        warnings.warn(
            "the promise is over all rows; of the certifying rows of some classes of the "
            f"exact pipeline, few keep their label: {', '.join(lost[:10])}"
            + (f" and {len(lost) - 10} more" if len(lost) > 10 else ""),
            RareClassWarning,
            stacklevel=CALLER,
        )
    return found


def _added(gates: Sequence[Mapping[str, Any]]) -> list[list[int]]:
    """The blocks that each gate reads and no gate before it."""
    seen: set[int] = set()
    added = []
    for gate in gates:
        added.append([block for block in gate["blocks"] if block not in seen])
        seen.update(gate["blocks"])
    return added


def _as_json(threshold: float) -> float | str:
    """JSON has no infinity: -inf where every row may leave."""
    return threshold if np.isfinite(threshold) else str(threshold)
