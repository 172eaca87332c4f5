"""The job of choosing and certifying a cascade, for one pipeline.

The core makes every choice (`_core.TuneJob`, src/tune/tune.h): which blocks the
first stage reads, and the threshold that the certify rows prove. Python trains
what it asks for. A candidate is scored by the very graph that would be
deployed, with only the threshold left open, so the certified confidences are
bit for bit those of the cascade.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from . import _core, _gates
from ._answers import Answers
from ._blocks import Blocks
from ._calibration import Calibration
from ._candidates import Answer, Candidate, gate_values
from ._certificates import certificate_of
from ._compiled import CompiledModel
from ._errors import (
    CertificateError,
    NotCertifiedWarning,
    UnsupportedError,
)
from ._first_models import Maker, first_models, race_order, start_warm
from ._frames import n_rows_of, take_rows
from ._parts import Part
from ._promises import Promise
from ._runner import Runner, batch_costs_of, costs_of

Array = npt.NDArray[Any]

#: Rows on which costs are measured.
COST_ROWS = 500
#: Sizes of the batches in which what was certified is timed.
BATCH_ROWS = (1, 50, 1000)
#: A model that seems to cost more than its blocks is timed so often.
COST_TRIES = 3
#: Gates in one cascade, at most.
MAX_GATES = 4
#: First stages race on so many of the training rows, or this share of them.
RACE_ROWS, RACE_SHARE = 10_000, 0.25
#: First stages that are trained, at most, beside two a block.
MAX_FITS = 24
#: A learned gate has to cost less than the margin by this share.
LEARNED_GAIN = 0.02
#: Entries of given costs that are no blocks.
OTHER_COSTS = ("model", "stage", "gate")
#: And none is learned for a first stage that costs so much more than the best.
FAR_BEHIND = 1.2


class Tuner:
    """Answers the job's requests for one pipeline."""

    #: Whether a candidate is always the first of the blocks.
    is_nested = False
    max_gates = MAX_GATES

    def __init__(
        self, conversion: Any, x: Any, y: Any, *, strict: bool, n_threads: int | None
    ) -> None:
        self.x = x
        self.strict = strict
        self.n_threads = n_threads
        self.conversion = conversion
        self.answers: Answers = conversion.answers()
        self.y = self.answers.checked(y)
        self.names = self._find_blocks()
        self.costs: Array = np.zeros(len(self.names))
        self.model_cost = 0.0
        self.stage_cost = 0.0
        self.gate_cost = 0.0  # of a learned one; measured with the model's
        self.is_measured = False
        self.trained: dict[int, Candidate] = {}
        self.ways: dict[int, str] = {}  # what the candidates' models are
        # Of the certifying rows: each gate's and its labels, and the exact labels.
        self.observed: dict[int, tuple[Array, Array]] = {}
        self.exact: Array = np.zeros(0, np.int64)
        self.least_cost = np.inf  # of the candidates so far
        self.problem = ""  # why the last candidate could not be trained
        plain = self._plain()
        # Asked of the original once: all candidates present it alike.
        self.described = conversion.describe(plain.metadata)
        self.base = Runner(plain, self.described, n_threads)
        self.models, self.search_model = self._find_models()
        self.read = Blocks(conversion, conversion.blocks(), x, self.described, n_threads)
        self.order: Array = np.zeros(0, np.int64)

    def _find_blocks(self) -> list[str]:
        """The names of what a first stage may leave out."""
        blocks = self.conversion.blocks()
        if not blocks or self.conversion.model.model_input is None:
            raise UnsupportedError(
                f"{self.conversion.name}: its final model reads no features of its own "
                "that a first stage could leave out"
            )
        return [name for name, _ in blocks]

    def _find_models(self) -> tuple[list[Maker], int]:
        model = self.conversion.model
        sparse = model.model_input.sparse
        is_python = self.answers.is_python(self.conversion.builder)
        return first_models(
            model.estimator, self.answers.kind, is_sparse=sparse, is_python=is_python
        )

    @property
    def all_names(self) -> list[str]:
        """Of what a first stage may read: blocks, then their parts."""
        return [*self.names, *(part.name for part in self.read.parts)]

    # ---- graphs -----------------------------------------------------------

    def _plain(self) -> Any:
        """The exact graph."""
        from ._graph import Stage

        return self.conversion.finish([Stage(self.conversion.outputs())])

    def _candidate(
        self,
        outputs: dict[str, int],
        full: dict[str, int],
        scores: Any,
        blocks: Sequence[int],
        sample: Any,
        way: int = 0,
    ) -> Candidate:
        """A first stage whose gate is the margin of its scores; of predictions, one
        by which every row may leave."""
        others = [self.read.ref(i)[1] for i in blocks]
        features = self._features_of(scores, others)
        first = Candidate(outputs, full, -1, features, self.base, 0.0, way)
        return self._with_gate(first, self._gate(None, scores, features), blocks, sample)

    def _with_gate(
        self, first: Candidate, gate: int, blocks: Sequence[int], sample: Any
    ) -> Candidate:
        stages = self._open(first, gate)
        for stage in stages:
            stage.outputs["gate.features"] = first.features.node
        runner = Runner(self.conversion.finish(stages), self.described, self.n_threads)
        cost = (
            self._model_cost(runner, blocks, sample)
            if self.is_measured
            else self._given_cost(first)
        )
        return replace(first, gate=gate, runner=runner, model_cost=cost)

    def _open(self, first: Candidate, gate: int) -> list[Any]:
        """The cascade, with every row leaving; `gate` is an output too, so that it can
        be calibrated."""
        from ._graph import Stage

        early = Stage({**first.outputs, "gate": gate}, gate, -np.inf)
        return [early, Stage({**first.full, "gate": gate})]

    def _gate(self, learned: _gates.Learned | None, scores: Any, features: Any) -> int:
        context = self.conversion.context
        if learned is not None:
            return learned.node(context, features)
        if self.answers.kind == "numbers":
            none = np.zeros((1, scores.n_features))
            return int(context.linear(context.cast(scores), none, 1.0).node)
        return int(self._margin(scores).node)

    def gate_name(self, candidate: int) -> str:
        learned = self.trained[candidate].learned
        if learned is not None:
            return f"learned: {learned.model.name}"
        return "all rows alike" if self.answers.kind == "numbers" else "margin"

    def _margin(self, scores: Any) -> Any:
        context, model = self.conversion.context, self.conversion.model
        if self.answers.kind == "label":
            return context.rows("margin", scores, n_features=1)
        if model.decision is None and model.proba is not None:  # probabilities, of a label each
            scores = context.rows("affine", scores, add=np.array([-0.5]))
        return context.rows("margin", scores, n_features=1, each=True)

    def _features_of(self, scores: Any, others: Sequence[Any]) -> Any:
        """What a gate may learn from: the first stage's scores and their margin, and
        others that are dense."""
        parts = [] if self.answers.kind == "numbers" else [self._margin(scores)]
        if not parts or scores.n_features <= _gates.MOST_FEATURES:
            parts.append(scores)
        for part in others:
            width = sum(ref.n_features for ref in parts) + part.n_features
            if not part.sparse and width <= _gates.MOST_FEATURES:
                parts.append(part)
        named = [(str(i), part) for i, part in enumerate(parts)]
        return self.conversion.context.concat(named, sparse=False)

    # ---- training ---------------------------------------------------------

    def _labels(self) -> Any:
        if self.y is None:
            self.y = self.answers.of(self.base, self.x)
        return self.y

    def _fit_rows(self, n: int) -> Array | None:
        """The first n training rows in a random order in which each class comes
        early; None is all of them."""
        n_all = n_rows_of(self.x)
        if n >= n_all:
            return None
        if not len(self.order):
            self.order = race_order(np.asarray(self._labels()))
        return np.sort(self.order[:n])

    def fitted_on(
        self,
        number: int,
        blocks: Sequence[int],
        seed: int,
        n_fit: int | None = None,
        way: int = 0,
    ) -> Any:
        """A model of some blocks, made in one of the ways there are (0: a clone of the
        final model), with the first n_fit training rows, as nodes; None where it cannot
        be."""
        from threadpoolctl import threadpool_limits

        from .convert import Refused

        model, context = self.conversion.model, self.conversion.context
        assert model.model_input is not None
        if way == 0 and self.answers.is_python(self.conversion.builder):
            self.problem = f"{type(model.estimator).__name__} stays Python"
            return None  # before a dear fit
        is_sparse = model.model_input.sparse
        parts = [self.read.values(i) for i in blocks]
        labels = self._labels()
        rows = None if n_fit is None else self._fit_rows(n_fit)
        if rows is not None:
            parts, labels = [part[rows] for part in parts], np.asarray(labels)[rows]
        matrix = side_by_side(parts, is_sparse=is_sparse)
        estimator = self.models[way]()
        if "random_state" in estimator.get_params() and estimator.random_state is None:
            estimator.set_params(random_state=seed % 2**31)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                if way == 0:
                    start_warm(estimator, model.estimator, self.read.columns(blocks))
                # Our own are small: threads would mostly wait for each other.
                with nullcontext() if way == 0 else threadpool_limits(1, user_api="openmp"):
                    estimator.fit(matrix, labels)
            joined = context.concat([self.read.ref(i) for i in blocks], sparse=is_sparse)
            with context.within(f"first{number}"):
                first = context.predict(estimator, joined, native=True)
        except (ValueError, Refused) as error:
            self.problem = str(error)
            return None
        self.ways[number] = type(estimator).__name__
        return first

    def train(
        self,
        number: int,
        blocks: Sequence[int],
        seed: int,
        sample: Any,
        n_fit: int | None = None,
        way: int = 0,
    ) -> Candidate | None:
        """A first stage on some blocks; None where it cannot be trained."""
        first = self.fitted_on(number, blocks, seed, n_fit, way)
        if first is None:
            return None
        scores = (
            first.margins or first.decision or first.log_proba or first.proba or first.prediction
        )
        if not np.array_equal(first.classes, self.conversion.model.classes):
            self.problem = "it was trained on other classes than the pipeline"
            return None
        outputs = self.outputs_with(first)
        if scores is None or outputs is None:
            self.problem = self.problem or "it has no scores"
            return None
        own = self.conversion.outputs()
        return self._candidate(outputs, own, scores, blocks, sample, way)

    def outputs_with(self, first: Any, names: Sequence[str] | None = None) -> dict[str, int] | None:
        """The pipeline's outputs, with a first stage in the place of its final model; None
        where that has not its methods."""
        from .convert import Refused

        try:
            found: dict[str, int] = self.conversion.outputs_with(first, names)
        except Refused as refused:
            self.problem = str(refused)
            return None
        return found

    # ---- costs ------------------------------------------------------------

    def measure(self, sample: Any, costs: Any) -> None:
        """ns a row of each block and of the final model beyond them."""
        self.is_measured = costs is None
        self._choose_parts(costs)
        names = self.all_names
        if costs is None:
            self.costs, whole = self._measured_costs(sample)
            self.model_cost = max(0.0, whole - float(self.costs[: len(self.names)].sum()))
            return
        if isinstance(costs, Mapping):
            missing = [name for name in names if name not in costs]
            if missing:
                raise ValueError(f"costs names no cost of {missing}; the blocks are {names}")
            unknown = [key for key in costs if key not in (*names, *OTHER_COSTS)]
            if unknown:
                raise ValueError(
                    f"costs names {unknown}, which are no blocks; they are {names}, 'model', "
                    "'stage' and 'gate'"
                )
            found = [float(costs[name]) for name in names]
            self.model_cost = float(costs.get("model", 0.0))
            self.stage_cost = float(costs.get("stage", 0.0))
            self.gate_cost = float(costs.get("gate", 0.0))
        else:
            found, self.model_cost = [float(cost) for cost in costs], 0.0
        if len(found) != len(names):
            raise ValueError(f"costs has {len(found)} entries for the blocks {names}")
        self.costs = np.array(found)

    def _find_parts(self) -> list[Part]:
        return self.read.find_parts()

    def _choose_parts(self, costs: Any) -> None:
        """Given costs say which parts there are: those that they name."""
        if costs is None or self._names_parts(costs):
            self.read.parts = self._find_parts()
        if isinstance(costs, Mapping) and self.read.parts:
            self.read.parts = [part for part in self.read.parts if part.name in costs]

    def _names_parts(self, costs: Any) -> bool:
        if not isinstance(costs, Mapping):
            return len(costs) > len(self.names)
        return any(key not in (*self.names, *OTHER_COSTS) for key in costs)

    def _measured_costs(self, sample: Any) -> tuple[Array, float]:
        """Of each block and part, and of the whole pipeline."""
        costs, (whole,) = self.read.measure(sample, [(self.base, self.answers.result)])
        return costs, whole

    def _given_cost(self, first: Candidate) -> float:
        """Beyond the blocks: the model's is that of the pipeline's own."""
        own = self.model_cost if first.way == 0 else 0.0
        return own + (self.gate_cost if first.learned is not None else 0.0)

    def _model_cost(self, runner: Runner, blocks: Sequence[int], sample: Any) -> float:
        calls = [(runner, "gate"), *self._cost_calls(blocks)]
        least = np.inf
        for _ in range(COST_TRIES):
            gate, *parts = costs_of(calls, sample)
            spent = sum(parts) - self._spared(blocks)
            least = min(least, max(0.0, gate - spent))
            if least <= spent:
                break
        return float(least)

    def _spared(self, blocks: Sequence[int]) -> float:
        """Of what those calls cost, what others pay."""
        return float(self.read.spared[list(blocks)].sum())

    def _cost_calls(self, blocks: Sequence[int]) -> list[tuple[Runner, str]]:
        """What tells the cost of some blocks."""
        return self.read.cost_calls(blocks)

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
        measured = self._measured(result["gates"], take_rows(cal.x, cal.select))
        if measured and measured[-1]["cost"] >= measured[-1]["exact_cost"]:
            message = "measured, it takes {cost:.6g} ns a row and the exact one {exact_cost:.6g}"
            result = {"outcome": "no gain", "message": message.format(**measured[-1])}
            return self._exact(result, cal, promise)
        return self._finish(result, cal, promise, measured)

    def _measured(self, gates: list[dict[str, Any]], rows: Any) -> list[dict[str, float]]:
        """What was certified and the exact pipeline, ns a row in batches of several
        sizes; nothing where costs are given, so that the choice repeats."""
        if not self.is_measured:
            return []
        graph = self.conversion.finish(self._stages(gates))
        cascade = Runner(graph, self.described, self.n_threads)
        calls = [(cascade, self.answers.result), (self.base, self.answers.result)]
        found = []
        for size in sorted({min(size, n_rows_of(rows)) for size in BATCH_ROWS}):
            cost, exact_cost = batch_costs_of(calls, rows, size)
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
                if step == "fit":
                    bar.update()
                    trained = self.train(number, blocks, seed, sample, n_fit, way)
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
                gate = self._choose_gate(job, promise, number, blocks, sample, answer, seed)
                answer.give(job, promise, self.trained[number], gate)

    def _choose_gate(
        self, job: _core.TuneJob, promise: Promise, number: int, blocks: Sequence[int],
        sample: Any, answer: Answer, seed: int,
    ) -> Array:  # fmt: skip
        """Gives a candidate the gate that costs least on the select rows; returns what
        that says of them."""
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
            other = self._with_gate(replace(first, learned=learned), gate, blocks, sample)
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


def side_by_side(parts: Sequence[Any], *, is_sparse: bool) -> Any:
    """Features of some blocks, as a model reads them."""
    import scipy.sparse as sp

    if is_sparse:
        return sp.hstack([sp.csr_array(part) for part in parts]).tocsr()
    return np.hstack([part.toarray() if sp.issparse(part) else part for part in parts])
