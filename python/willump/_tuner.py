"""The job of choosing and certifying a cascade, for one pipeline.

The core makes every choice (`_core.TuneJob`, src/tune/tune.h): which blocks the
first stage reads, and the threshold that the certify rows prove. Python trains
what it asks for. A candidate is scored by the very graph that would be
deployed, with only the threshold left open, so the certified confidences are
bit for bit those of the cascade.
"""

from __future__ import annotations

import datetime
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from . import _core, _gates
from ._answers import Answers
from ._calibration import Calibration
from ._candidates import Answer, Candidate, gate_values
from ._compiled import CompiledModel
from ._errors import (
    CertificateError,
    NotCertifiedWarning,
    RareClassWarning,
    UnsupportedError,
)
from ._frames import n_rows_of, take_rows
from ._present import describe
from ._promises import Promise
from ._runner import Runner, cost_of

Array = npt.NDArray[Any]

#: Rows on which costs are measured.
COST_ROWS = 500
#: A learned gate has to cost less than the margin by this share.
LEARNED_GAIN = 0.02
#: A class of at least so many certifying rows is worth a warning where it agrees
#: to less than this share of the target.
RARE_ROWS, RARE_SHARE = 20, 0.5


class Tuner:
    """Answers the job's requests for one pipeline."""

    #: Whether a candidate is always the first of the blocks.
    is_nested = False
    max_gates = 1

    def __init__(
        self, pipeline: Any, conversion: Any, x: Any, y: Any, *, strict: bool, n_threads: int | None
    ) -> None:
        self.pipeline = pipeline
        self.x = x
        self.strict = strict
        self.n_threads = n_threads
        self.conversion = conversion
        self.answers = Answers(conversion.model)
        self.y = self.answers.checked(y)
        #: Then a first stage is another model, and may be of all blocks.
        self.is_python = self.answers.is_python(conversion.builder)
        self.names = self._find_blocks()
        self.costs: Array = np.zeros(len(self.names))
        self.model_cost = 0.0
        self.stage_cost = 0.0
        self.is_measured = False
        self.features: dict[int, Any] = {}
        self.trained: dict[int, Candidate] = {}
        # Of the certifying rows: each gate's and its labels, and the exact labels.
        self.observed: dict[int, tuple[Array, Array]] = {}
        self.exact: Array = np.zeros(0, np.int64)
        self.least_cost = np.inf  # of the candidates so far
        self.problem = ""  # why the last candidate could not be trained
        plain = self._plain()
        # Asked of the original once: all candidates present it alike.
        self.described = describe(pipeline, plain.metadata)
        self.base = Runner(plain, self.described, n_threads)

    def _find_blocks(self) -> list[str]:
        """The names of what a first stage may leave out."""
        self.blocks = self.conversion.blocks()
        if not self.blocks or self.conversion.model.model_input is None:
            raise UnsupportedError(
                f"{type(self.pipeline).__name__}: its final model reads no features of its own "
                "that a first stage could leave out"
            )
        return [name for name, _ in self.blocks]

    # ---- graphs -----------------------------------------------------------

    def _plain(self) -> Any:
        """The exact graph with each block as an output, and what it costs."""
        from ._graph import Stage

        conversion, context = self.conversion, self.conversion.context
        outputs = conversion.outputs()
        for i, (_, ref) in enumerate(self.blocks):
            outputs[f"block.{i}"] = ref.node
            ones = np.full((1, ref.n_features), 0.5)
            outputs[f"cost.{i}"] = context.linear(ref, ones, 0.0).node
        return conversion.finish([Stage(outputs)])

    def _cascade(
        self, outputs: dict[str, int], full: dict[str, int], gate: int, threshold: float
    ) -> list[Any]:
        """Both stages; `gate` is an output too, so that it can be calibrated."""
        from ._graph import Stage

        return [Stage({**outputs, "gate": gate}, gate, threshold), Stage({**full, "gate": gate})]

    def _candidate(
        self,
        outputs: dict[str, int],
        full: dict[str, int],
        scores: Any,
        blocks: Sequence[int],
        sample: Any,
    ) -> Candidate:
        """A first stage whose gate is the margin of its scores; of predictions, one
        by which every row may leave."""
        others = [self.blocks[i][1] for i in blocks]
        features = self._features_of(scores, others)
        first = Candidate(outputs, full, -1, features, self.base, 0.0)
        return self._with_gate(first, self._gate(None, scores, features), blocks, sample)

    def _with_gate(
        self, first: Candidate, gate: int, blocks: Sequence[int], sample: Any
    ) -> Candidate:
        stages = self._open(first, gate)
        for stage in stages:
            stage.outputs["gate.features"] = first.features.node
        runner = Runner(self.conversion.finish(stages), self.described, self.n_threads)
        cost = self._model_cost(runner, blocks, sample)
        return replace(first, gate=gate, runner=runner, model_cost=cost)

    def _open(self, first: Candidate, gate: int) -> list[Any]:
        """The cascade, with every row leaving."""
        return self._cascade(first.outputs, first.full, gate, -np.inf)

    def _gate(self, learned: _gates.Learned | None, scores: Any, features: Any) -> int:
        context = self.conversion.context
        if learned is not None:
            return learned.node(context, features)
        if self.answers.kind == "numbers":
            none = np.zeros((1, scores.n_features))
            return int(context.linear(context.cast(scores), none, 1.0).node)
        return int(self._margin(scores).node)

    def _gate_name(self, candidate: int) -> str:
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

    def _block(self, i: int) -> Any:
        if i not in self.features:
            self.features[i] = self.base(f"block.{i}", self.x)
        return self.features[i]

    def _labels(self) -> Any:
        if self.y is None:
            self.y = self.answers.of(self.base, self.x)
        return self.y

    def train(self, number: int, blocks: Sequence[int], seed: int, sample: Any) -> Candidate | None:
        """A clone of the final model on some blocks, a linear one where that stays
        Python; None where it cannot be."""
        import scipy.sparse as sp
        from sklearn.base import clone

        from .convert import Refused

        model, context = self.conversion.model, self.conversion.context
        assert model.model_input is not None
        is_sparse = model.model_input.sparse
        parts = [self._block(i) for i in blocks]
        if is_sparse:
            matrix: Any = sp.hstack([sp.csr_array(part) for part in parts]).tocsr()
        else:
            matrix = np.hstack([p.toarray() if sp.issparse(p) else p for p in parts])
        own = model.estimator
        estimator = self.answers.cheap_model(seed) if self.is_python else clone(own)
        if "random_state" in estimator.get_params() and estimator.random_state is None:
            estimator.set_params(random_state=seed % 2**31)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                estimator.fit(matrix, self._labels())
            joined = context.concat([self.blocks[i] for i in blocks], sparse=is_sparse)
            with context.within(f"first{number}"):
                first = context.predict(estimator, joined, native=True)
        except (ValueError, Refused) as error:
            self.problem = str(error)
            return None
        scores = (
            first.margins or first.decision or first.log_proba or first.proba or first.prediction
        )
        if not np.array_equal(first.classes, model.classes):
            self.problem = "it was trained on other classes than the pipeline"
            return None
        found, wanted = first.outputs(), model.outputs()
        is_like = all(
            name in found and found[name].n_features == ref.n_features
            for name, ref in wanted.items()
        )
        if scores is None or not is_like:
            self.problem = "it has no scores, or not the methods of the pipeline's model"
            return None
        outputs = {name: found[name].node for name in wanted}
        return self._candidate(outputs, self.conversion.outputs(), scores, blocks, sample)

    # ---- costs ------------------------------------------------------------

    def measure(self, sample: Any, costs: Any) -> None:
        """ns a row of each block and of the final model beyond them."""
        names = self.names
        self.is_measured = costs is None
        if costs is None:
            self.costs = self._measured_costs(sample)
            spent = float(self.costs.sum())
            self.model_cost = max(0.0, cost_of(self.base, self.answers.output, sample) - spent)
            return
        if isinstance(costs, Mapping):
            missing = [name for name in names if name not in costs]
            if missing:
                raise ValueError(f"costs names no cost of {missing}; the blocks are {names}")
            unknown = [key for key in costs if key not in (*names, "model", "stage")]
            if unknown:
                raise ValueError(
                    f"costs names {unknown}, which are no blocks; they are {names}, 'model' and "
                    "'stage'"
                )
            found = [float(costs[name]) for name in names]
            self.model_cost = float(costs.get("model", 0.0))
            self.stage_cost = float(costs.get("stage", 0.0))
        else:
            found, self.model_cost = [float(cost) for cost in costs], 0.0
        if len(found) != len(names):
            raise ValueError(f"costs has {len(found)} entries for the blocks {names}")
        self.costs = np.array(found)

    def _measured_costs(self, sample: Any) -> Array:
        return np.array([cost_of(self.base, f"cost.{i}", sample) for i in range(len(self.names))])

    def _model_cost(self, runner: Runner, blocks: Sequence[int], sample: Any) -> float:
        if not self.is_measured:  # the linear one costs nothing beside a Python step
            return 0.0 if self.is_python else self.model_cost
        spent = cost_of(runner, "gate", sample)
        return float(max(0.0, spent - self.costs[list(blocks)].sum()))

    # ---- the job ----------------------------------------------------------

    def run(self, cal: Calibration, promise: Promise, costs: Any, seed: int) -> CompiledModel:
        sample = take_rows(
            cal.x, cal.select[:COST_ROWS] if len(cal.select) else cal.certify[:COST_ROWS]
        )
        if cal.n == 0:
            raise ValueError("X_cal has no rows")
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
        return self._finish(result, cal, promise)

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
            target=promise.kind,
            tolerance_abs=promise.tolerance_abs,
            tolerance_rel=promise.tolerance_rel,
            takes_all=self.is_python,
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
                step, number, blocks, _, seed = job.next()
                if step == "finished":
                    return
                if step == "fit":
                    bar.update()
                    trained = self.train(number, blocks, seed, sample)
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
        own = first.model_cost + float(self.costs[list(blocks)].sum())
        is_hopeless = self.max_gates == 1 and own >= self.least_cost  # whatever the gate
        if is_hopeless or not promise.learns:
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
        return self._model(self.conversion.finish())

    def _finish(self, result: dict[str, Any], cal: Calibration, promise: Promise) -> CompiledModel:
        threshold, names = float(result["threshold"]), self.names
        gates: list[dict[str, Any]] = result["gates"]
        blocks = [names[i] for i in result["blocks"]]
        # What each gate behind the first adds: such blocks are nested.
        added = [names[a["n_blocks"] : b["n_blocks"]] for a, b in pairwise(gates)]
        counted = cal.counted("certify")
        exact, served = self.exact[counted], self._served(gates)[counted]
        now = datetime.datetime.now(datetime.UTC)
        certificate = {
            **result["certificate"],
            "per": cal.unit,
            "promise": promise.sentence(cal.unit),
            "assumption": promise.assumption(cal),
            "n_rows_given": cal.n,
            "n_rows_in_training": cal.n_in_training,
            "blocks": blocks,
            "gates": [
                {
                    "blocks": own,
                    "threshold": _as_json(gate["threshold"]),
                    "confidence": self._gate_name(gate["candidate"]),
                    "share_leaving": gate["share_leaving"],
                    "cost": gate["cost"],
                }
                for own, gate in zip([blocks, *added], gates, strict=True)
            ],
            "threshold": _as_json(threshold),
            "curve": result["curve"],
            "reliability": [
                {**found, "low": _as_json(found["low"]), "high": _as_json(found["high"])}
                for found in result["reliability"]
            ],
            "expected_cost": result["expected_cost"],
            "exact_cost": result["exact_cost"],
            "costs": {
                **dict(zip(names, self.costs.tolist(), strict=True)),
                "model": self.model_cost,
                "stage": self.stage_cost,
            },
            "costs_measured": self.is_measured,
            "n_select_rows": len(cal.select),
            "agreement_by_class": self._agreement_by_class(exact, served, promise),
            **promise.seen(cal.certify[counted], exact, served),
            "date": now.date().isoformat(),
        }
        stages = self._stages(gates)
        return self._model(self.conversion.finish(stages, {"certificate": certificate}))

    def _stages(self, gates: list[dict[str, Any]]) -> list[Any]:
        """The stages of what was certified."""
        candidate = self.trained[gates[0]["candidate"]]
        threshold = gates[0]["threshold"]
        return self._cascade(candidate.outputs, candidate.full, candidate.gate, threshold)

    def _served(self, gates: list[dict[str, Any]]) -> Array:
        """The labels that the cascade gives to the certifying rows."""
        served = self.exact
        for certified in reversed(gates):
            gate, label = self.observed[certified["candidate"]]
            # A row of no margin stays.
            served = np.where(gate > certified["threshold"], label, served)
        return served

    def _agreement_by_class(
        self, exact: Array, served: Array, promise: Promise
    ) -> dict[str, dict[str, Any]]:
        """What the certifying rows show of each class of the exact pipeline."""
        found: dict[str, dict[str, Any]] = {}
        lost = []
        for name, n, same in self.answers.by_class(exact, served):
            found[name] = {"n_rows": n, "agreement": same / n if n else None}
            if n >= RARE_ROWS and same < RARE_SHARE * (1.0 - promise.alpha) * n:
                lost.append(f"{name!r} ({same} of {n})")
        if lost:
            warnings.warn(
                "the promise is over all rows; of the certifying rows of some classes of the "
                f"exact pipeline, few keep their label: {', '.join(lost[:10])}"
                + (f" and {len(lost) - 10} more" if len(lost) > 10 else ""),
                RareClassWarning,
                stacklevel=5,
            )
        return found

    def _model(self, converted: Any) -> CompiledModel:
        return CompiledModel.from_converted(
            converted, self.pipeline, strict=self.strict, n_threads=self.n_threads
        )


def _groups_of(cal: Calibration, rows: Array) -> Array | None:
    return None if cal.groups is None else np.ascontiguousarray(cal.groups[rows])


def _as_json(threshold: float) -> float | str:
    """JSON has no infinity: -inf where every row may leave."""
    return threshold if np.isfinite(threshold) else str(threshold)
