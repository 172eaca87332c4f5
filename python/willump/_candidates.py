"""A first stage that is tried, and what it answers rows with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from . import _core, _gates
from ._promises import Promise
from ._runner import Runner

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Request:
    """What the job asks for: a first stage on some blocks.

    `way` is how its model is made, 0 a clone of the pipeline's own; `n_fit` are the
    training rows that it is fitted on, the first in a random order, None all of them.
    """

    candidate: int
    blocks: Sequence[int]
    seed: int
    way: int = 0
    n_fit: int | None = None


@dataclass
class Candidate:
    """A first stage: its outputs, and those of the stage behind it."""

    outputs: dict[str, int]
    full: dict[str, int]
    gate: int
    #: What a learned gate reads.
    features: Any
    runner: Runner
    model_cost: float
    #: How its model was trained: 0 is the pipeline's own.
    way: int = 0
    #: None: the gate is the margin, or for predictions the same for all rows.
    learned: _gates.Learned | None = None


@dataclass
class Answer:
    """What is known of some rows, whatever the gate says of them."""

    rows: Array
    x: Any
    label: Array
    exact: Array
    groups: Array | None

    def give(self, job: _core.TuneJob, promise: Promise, first: Candidate, gate: Array) -> None:
        more = promise.answer(self.rows, first.runner, self.x, gate, self.label)
        job.answer(gate, self.label, self.exact, first.model_cost, self.groups, **more)

    def weigh(self, job: _core.TuneJob, promise: Promise, first: Candidate, gate: Array) -> float:
        more = promise.answer(self.rows, first.runner, self.x, gate, self.label)
        return job.weigh(gate, self.label, self.exact, first.model_cost, self.groups, **more)


def gate_values(first: Candidate, x: Any) -> Array:
    return np.ascontiguousarray(first.runner("gate", x), np.float64).ravel()
