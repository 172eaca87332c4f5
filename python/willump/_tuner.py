"""The job of choosing and certifying a cascade, for one pipeline.

The core makes every choice (`_core.TuneJob`, src/tune/tune.h): which blocks the
first stage reads, and the threshold that the certify rows prove. Python trains
what it asks for (_first_stages.py).
"""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from . import _core, _gates
from ._calibration import Calibration
from ._candidates import Answer, Candidate, Request, gate_values
from ._certificates import certificate_of
from ._compiled import CompiledModel
from ._errors import CertificateError, NotCertifiedWarning
from ._first_stages import FirstStages
from ._frames import n_rows_of, take_rows
from ._promises import Promise
from ._runner import Runner, batch_costs_of
from ._whole import check_whole

Array = npt.NDArray[Any]

#: Rows on which costs are measured.
COST_ROWS = 500
#: Sizes of the batches in which what was certified is timed, and those of them in which it
#: has to be the faster one.
BATCH_ROWS = (1, 50, 1_000, 10_000)
BATCHES_FASTER = (1_000, 10_000)
#: But no size whose rows take both longer than this together, ns, save the smaller ones.
BATCH_TIME = 2e8
#: Gates in one cascade, at most.
MAX_GATES = 4
#: First stages race on so many of the training rows, or this share of them.
RACE_ROWS, RACE_SHARE = 10_000, 0.25
#: First stages that are trained, at most, beside two a block.
MAX_FITS = 24
#: A learned gate has to cost less than the margin by this share.
LEARNED_GAIN = 0.02
#: And none is learned for a first stage that costs so much more than the best.
FAR_BEHIND = 1.2


class Tuner(FirstStages):
    """Answers the job's requests."""

    #: Whether a candidate is always the first of the blocks.
    is_nested = False
    max_gates = MAX_GATES

    def __init__(
        self, conversion: Any, x: Any, y: Any, *, strict: bool, n_threads: int | None
    ) -> None:
        super().__init__(conversion, x, y, n_threads=n_threads)
        self.strict = strict
        self.trained: dict[int, Candidate] = {}
        # Of the certifying rows: each gate's and its labels, and the exact labels.
        self.observed: dict[int, tuple[Array, Array]] = {}
        self.exact: Array = np.zeros(0, np.int64)
        self.least_cost = np.inf  # of the candidates so far

    def gate_name(self, candidate: int) -> str:
        learned = self.trained[candidate].learned
        if learned is not None:
            return f"learned: {learned.model.name}"
        return "all rows alike" if self.answers.kind == "numbers" else "margin"

    # ---- the job ----------------------------------------------------------

    def run(self, cal: Calibration, promise: Promise, costs: Any, seed: int) -> CompiledModel:
        sample = take_rows(
            cal.x, cal.select[:COST_ROWS] if len(cal.select) else cal.certify[:COST_ROWS]
        )
        if cal.n == 0:
            raise ValueError("X_cal has no rows")
        self._check_rows("X", self.x)
        self._check_rows("X_cal", cal.x)
        self.measure(sample, costs)
        # What counts are units: where they are too few, nothing need be trained.
        job = self._job(max(1, len(cal.select)), cal.units_of(cal.certify), promise, seed)
        if len(cal.select) > 0 and job.next()[0] != "finished":
            job = self._job(len(cal.select), len(cal.certify), promise, seed)
            self._answer_all(job, cal, promise, sample)
            result = job.result()
        else:
            result = self._refused(job, promise, seed)
        if result["outcome"] != "cascade":
            return self._exact(result, cal, promise)
        graph = self.conversion.finish(self._stages(result["gates"]))
        cascade = Runner(graph, self.described, self.n_threads)
        check_whole(self, cascade, result["gates"], cal, promise)
        measured = self._measured(cascade, take_rows(cal.x, cal.select))
        for one in measured:
            if one["batch_rows"] in BATCHES_FASTER and one["cost"] >= one["exact_cost"]:
                message = (
                    "measured in batches of {batch_rows}, it takes {cost:.6g} ns a row and the "
                    "exact one {exact_cost:.6g}"
                )
                result = {"outcome": "no gain", "message": message.format(**one)}
                return self._exact(result, cal, promise)
        return self._finish(result, cal, promise, measured)

    def _measured(self, cascade: Runner, rows: Any) -> list[dict[str, float]]:
        """What was certified and the exact pipeline, ns a row in batches of several
        sizes, of the rows over and over where they are fewer; nothing where costs are
        given, so that the choice repeats."""
        if not self.is_measured:
            return []
        calls = [(cascade, self.answers.result), (self.base, self.answers.result)]
        found: list[dict[str, float]] = []
        for size in BATCH_ROWS:
            cost = found[-1]["cost"] + found[-1]["exact_cost"] if found else 0.0
            if size == BATCH_ROWS[-1] and size * cost > BATCH_TIME:
                break
            enough = take_rows(rows, np.arange(max(size, n_rows_of(rows))) % n_rows_of(rows))
            cost, exact_cost = batch_costs_of(calls, enough, size)
            found.append({"batch_rows": size, "cost": cost, "exact_cost": exact_cost})
        return found

    def _check_rows(self, name: str, x: Any) -> None:
        """Refuses what has other rows than the pipeline reads: a frame of one column is
        one text to a vectorizer."""
        few = take_rows(x, np.arange(min(2, n_rows_of(x))))
        wanted, found = n_rows_of(few), n_rows_of(self.base(self.answers.output, few))
        if wanted != found:
            raise ValueError(
                f"{name} has {n_rows_of(x)} rows, but of {wanted} of them the pipeline answers "
                f"{found}: pass what it reads, the column itself where that is text"
            )

    def _race_rows(self) -> int:
        return max(RACE_ROWS, round(RACE_SHARE * n_rows_of(self.x))) if self.read.parts else 0

    def _job(self, n_select: int, n_certify: int, promise: Promise, seed: int) -> _core.TuneJob:
        return _core.TuneJob(
            self.costs,
            n_rows_of(self.x),
            n_select,
            n_certify,
            promise.alpha,
            1.0 - promise.confidence,
            seed,
            self.model_cost,
            is_nested=self.is_nested,
            max_gates=min(self.max_gates, promise.max_gates),
            stage_cost=self.stage_cost,
            part_of=self.read.part_of(),
            max_fits=0 if not self.read.parts else MAX_FITS + 2 * len(self.names),
            n_rows_race=self._race_rows(),
            n_models=len(self.models),
            search_model=self.search_model,
            target=promise.kind,
            tolerance_abs=promise.tolerance_abs,
            tolerance_rel=promise.tolerance_rel,
        )

    def _refused(self, job: _core.TuneJob, promise: Promise, seed: int) -> dict[str, Any]:
        """The result of a job that no answer could change."""
        if job.next()[0] == "finished":
            return job.result()
        job = self._job(1, 0, promise, seed)  # no unit to choose with: too few as well
        job.next()
        return job.result()

    def _answer_all(
        self, job: _core.TuneJob, cal: Calibration, promise: Promise, sample: Any
    ) -> None:
        from tqdm import tqdm

        full = self.answers.numbers(self.base, cal.x)
        promise.begin(self.base, cal)
        rows_of = {step: cal.rows(step) for step in ("fit", "certify")}
        rows_x = {step: take_rows(cal.x, rows) for step, rows in rows_of.items()}
        with tqdm(desc="first stages", unit="model", disable=None, leave=False) as bar:
            while True:
                step, number, blocks, _, seed, way, n_fit = job.next()
                if step == "finished":
                    return
                request = Request(number, blocks, seed, way, n_fit)
                if step == "fit":
                    bar.update()
                    trained = self.train(request, sample)
                    if trained is None:
                        job.skip()
                        continue
                    self.trained[number] = trained
                first, rows, x = self.trained[number], rows_of[step], rows_x[step]
                label = self.answers.numbers(first.runner, x)
                answer = Answer(rows, x, label, full[rows], _groups_of(cal, rows))
                if step == "certify":
                    gate = gate_values(first, x)
                    self.observed[number], self.exact = (gate, label), full[rows]
                    answer.give(job, promise, first, gate)
                    continue
                gate = self._choose_gate(job, promise, request, sample, answer)
                answer.give(job, promise, self.trained[number], gate)

    def _choose_gate(
        self, job: _core.TuneJob, promise: Promise, request: Request, sample: Any, answer: Answer
    ) -> Array:
        """Gives a candidate the gate that costs least on the select rows; returns what
        that says of them."""
        number, seed = request.candidate, request.seed
        first = self.trained[number]
        values = gate_values(first, answer.x)
        least = answer.weigh(job, promise, first, values)
        # Of labels, the margin tells most: not of two classes, nor of the far behind.
        is_label = self.answers.kind != "numbers"
        is_plain = is_label and first.features.n_features <= 2
        is_behind = is_label and least > FAR_BEHIND * self.least_cost
        if is_plain or is_behind or not promise.learns:
            self.least_cost = min(self.least_cost, least)
            return values
        features = np.asarray(first.runner("gate.features", answer.x), np.float64)
        gaps = promise.gaps(answer.rows, first.runner, answer.x, answer.label != answer.exact)
        context = self.conversion.context
        for learned in _gates.learn(features, gaps, answer.groups, seed):
            with context.within(f"gate{number}.{learned.model.name}"):
                gate = learned.node(context, first.features)
            other = self._with_gate(replace(first, learned=learned), gate, request.blocks, sample)
            cost = answer.weigh(job, promise, other, learned.values)
            if cost < (1.0 - LEARNED_GAIN) * least:
                least, values, self.trained[number] = cost, learned.values, other
        self.least_cost = min(self.least_cost, least)
        return values

    # ---- results ----------------------------------------------------------

    def _exact(self, result: dict[str, Any], cal: Calibration, promise: Promise) -> CompiledModel:
        reason = str(result["message"])
        if result["outcome"] == "too few rows":
            needed = int(result["certificate"]["rows_needed"])
            reason = cal.too_few(promise.what, promise.confidence, needed, promise.rows_note)
        elif result["outcome"] == "no model" and self.problem:
            reason += f" ({self.problem})"
        elif promise.problem:
            reason = promise.problem
        message = f"no cascade was certified: {reason}"
        if self.strict:
            raise CertificateError(message)
        message += "; the exact pipeline is returned"
        warnings.warn(message, NotCertifiedWarning, stacklevel=4)
        return self._model(self.conversion.artifact())

    def _finish(
        self, result: dict[str, Any], cal: Calibration, promise: Promise, measured: list[Any]
    ) -> CompiledModel:
        gates: list[dict[str, Any]] = result["gates"]
        certificate = certificate_of(self, result, cal, promise) | {"measured": measured}
        stages = self._stages(gates)
        return self._model(self.conversion.artifact(stages, {"certificate": certificate}))

    def _stages(self, gates: list[dict[str, Any]]) -> list[Any]:
        """The stages of what was certified."""
        from ._graph import Stage

        stages = []
        for gate in gates:
            own = self.trained[gate["candidate"]]
            stages.append(Stage({**own.outputs, "gate": own.gate}, own.gate, gate["threshold"]))
        return [*stages, Stage({**own.full, "gate": own.gate})]

    def _model(self, converted: Any) -> CompiledModel:
        found: CompiledModel = self.conversion.compiled(
            converted, strict=self.strict, n_threads=self.n_threads
        )
        return found


def _groups_of(cal: Calibration, rows: Array) -> Array | None:
    return None if cal.groups is None else np.ascontiguousarray(cal.groups[rows])
