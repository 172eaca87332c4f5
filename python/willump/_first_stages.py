"""First stages of one pipeline: what they may read, the graphs that deploy them, how
they are trained, and what they cost.

A candidate is scored by the very graph that would be deployed, with only the threshold
left open, so the certified confidences are bit for bit those of the cascade.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from . import _gates
from ._answers import Answers
from ._blocks import Blocks
from ._candidates import Candidate, Request
from ._errors import UnsupportedError
from ._first_models import Maker, first_models, race_order, start_warm
from ._frames import n_rows_of, take_rows
from ._parts import Part
from ._runner import Runner, costs_of, for_sklearn
from ._sparse import is_sparse as holds_sparse

Array = npt.NDArray[Any]

#: A model that seems to cost more than its blocks is timed so often.
COST_TRIES = 3
#: Costs are also shown in batches of so many rows.
SMALL_BATCHES = (1, 50)
#: Entries of given costs that are no blocks.
OTHER_COSTS = ("model", "stage", "gate")


class FirstStages:
    """Makes the first stages that are asked for.

    Parameters
    ----------
    conversion : the pipeline's graph, which first stages are added to
    x, y : training rows, and their labels, numbers or None
    """

    def __init__(self, conversion: Any, x: Any, y: Any, *, n_threads: int | None) -> None:
        self.x = x
        self.n_threads = n_threads
        self.conversion = conversion
        self.answers: Answers = conversion.answers()
        self.y = self.answers.checked(y)
        self.names = self._find_blocks()
        self.costs: Array = np.zeros(len(self.names))
        self.model_cost = 0.0
        self.stage_cost = 0.0
        self.costs_by_batch: list[dict[str, Any]] = []  # where they are measured
        self.gate_cost = 0.0  # of a learned one; measured with the model's
        self.is_measured = False
        self.ways: dict[int, str] = {}  # what the candidates' models are
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
        read_matrix(self.conversion, self.x)
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
            model.estimator,
            self.answers.kind,
            is_sparse=sparse,
            is_python=is_python,
            is_table=self.answers.output == "prediction",
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
        request: Request,
        sample: Any,
    ) -> Candidate:
        """A first stage whose gate is the margin of its scores; of predictions, one
        by which every row may leave."""
        others = [self.read.ref(i)[1] for i in request.blocks]
        features = self._features_of(scores, others)
        first = Candidate(outputs, full, -1, features, self.base, 0.0, request.way)
        return self._with_gate(first, self._gate(None, scores, features), request.blocks, sample)

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

    def _margin(self, scores: Any) -> Any:
        context = self.conversion.context
        if self.answers.kind == "label":
            return context.rows("margin", scores, n_features=1)
        return context.rows("margin", scores, n_features=1, each=True)

    def _scores_of(self, first: Any) -> Any:
        """What the margin of a first stage is of; None where it has no such answers."""
        if first.margins is not None or first.decision is not None:
            return first.margins or first.decision
        if self.answers.kind == "labels" and first.proba is not None:  # of a label each
            return self.conversion.context.rows("affine", first.proba, add=np.array([-0.5]))
        return first.log_proba or first.proba or first.prediction

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
        return self.answers.trained_on(self.y)

    def _fit_rows(self, n: int) -> Array | None:
        """The first n training rows in a random order in which each class comes
        early; None is all of them."""
        n_all = n_rows_of(self.x)
        if n >= n_all:
            return None
        if not len(self.order):
            self.order = race_order(np.asarray(self._labels()))
        return np.sort(self.order[:n])

    def fitted_on(self, request: Request) -> Any:
        """A model of some blocks as nodes; None where it cannot be had."""
        from threadpoolctl import threadpool_limits

        from .convert import Refused

        model, context = self.conversion.model, self.conversion.context
        assert model.model_input is not None
        if request.way == 0 and self.answers.is_python(self.conversion.builder):
            self.problem = f"{type(model.estimator).__name__} stays Python"
            return None  # before a dear fit
        is_sparse = model.model_input.sparse
        parts = [self.read.values(i) for i in request.blocks]
        labels = self._labels()
        rows = None if request.n_fit is None else self._fit_rows(request.n_fit)
        if rows is not None:
            parts, labels = [part[rows] for part in parts], np.asarray(labels)[rows]
        matrix = side_by_side(parts, is_sparse=is_sparse)
        estimator = self.models[request.way]()
        if "random_state" in estimator.get_params() and estimator.random_state is None:
            estimator.set_params(random_state=request.seed % 2**31)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                if request.way == 0:
                    start_warm(estimator, model.estimator, self.read.columns(request.blocks))
                # Our own are small: threads would mostly wait for each other.
                with nullcontext() if request.way == 0 else threadpool_limits(1, user_api="openmp"):
                    estimator.fit(matrix, labels)
        except Exception as error:  # of any estimator's, as it has them
            self.problem = str(error)
            return None
        joined = context.concat([self.read.ref(i) for i in request.blocks], sparse=is_sparse)
        try:
            with context.within(f"first{request.candidate}"), context.reads_any_rows():
                first = context.predict(estimator, joined, native=True)
            for name, ref in first.outputs().items():  # its rows stand beside the model's own
                own = getattr(model, name)
                if own is not None and {own.dtype, ref.dtype} == {"f32", "f64"}:
                    setattr(first, name, context.cast(ref, own.dtype))
        except (ValueError, Refused) as error:
            self.problem = str(error)
            return None
        self.ways[request.candidate] = type(estimator).__name__
        return first

    def train(self, request: Request, sample: Any) -> Candidate | None:
        """A first stage on some blocks, timed on a sample of rows; None where it cannot be
        trained."""
        first = self.fitted_on(request)
        if first is None:
            return None
        if not np.array_equal(first.classes, self.conversion.model.classes):
            self.problem = "it was trained on other classes than the pipeline"
            return None
        scores = self._scores_of(first)
        if scores is None:
            self.problem = "it has no scores"
            return None
        outputs = self.outputs_with(first)
        if outputs is None:
            return None
        return self._candidate(outputs, self.conversion.outputs(), scores, request, sample)

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
            self.costs, self.model_cost = self._measured_costs(sample)
            self.costs_by_batch = self._costs_by_batch(sample)
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

    def _measured_costs(
        self, sample: Any, batch_rows: tuple[int, int] | None = None
    ) -> tuple[Array, float]:
        """Of each block and part, and of the model beyond the blocks."""
        others = [(self.base, self.answers.result)]
        costs, (whole,) = self.read.measure(sample, others, batch_rows=batch_rows)
        return costs, max(0.0, whole - float(costs[: len(self.names)].sum()))

    def _costs_by_batch(self, sample: Any) -> list[dict[str, Any]]:
        """The same in smaller batches, where each call's own cost counts: to be seen. The
        choice is by the largest, in which the blocks can be told apart best."""
        found = [{"batch_rows": n_rows_of(sample), **self._named(self.costs, self.model_cost)}]
        for size in reversed([size for size in SMALL_BATCHES if size < n_rows_of(sample)]):
            timed = self._measured_costs(sample, (size, SMALL_BATCHES[-1]))
            found.insert(0, {"batch_rows": size, **self._named(*timed)})
        return found

    def _named(self, costs: Array, model_cost: float) -> dict[str, float]:
        return {**dict(zip(self.all_names, costs.tolist(), strict=True)), "model": model_cost}

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


def read_matrix(conversion: Any, x: Any) -> None:
    """Where the whole pipeline is a model that stays Python, all of the caller's X is its
    one block of features, if that is a matrix of numbers."""
    from .convert.values import Source

    model = conversion.model
    if (
        model.model_input is not None
        or model.estimator is None
        or getattr(conversion, "estimator", None) is not model.estimator
    ):
        return
    width = _width_of(x)
    # A kernel of the user's own is given whatever comes: such a model knows no width.
    if width is not None and width == getattr(model.estimator, "n_features_in_", width):
        model.model_input = conversion.context.numeric(Source(), width)


def _width_of(x: Any) -> int | None:
    """The columns of rows that are numbers; None of others."""
    few = take_rows(x, np.arange(min(2, n_rows_of(x))))
    if holds_sparse(few):
        return int(few.shape[1])
    try:
        shape = np.asarray(for_sklearn(few), np.float64).shape
    except (TypeError, ValueError):
        return None
    return int(shape[1]) if len(shape) == 2 and shape[1] > 0 else None


def side_by_side(parts: Sequence[Any], *, is_sparse: bool) -> Any:
    """Features of some blocks, as a model reads them."""
    import scipy.sparse as sp

    if is_sparse:
        return sp.hstack([sp.csr_array(part) for part in parts]).tocsr()
    return np.hstack([part.toarray() if sp.issparse(part) else part for part in parts])
