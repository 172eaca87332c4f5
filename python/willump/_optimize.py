"""Cascades: the exact pipeline behind a cheap first stage, with a certificate.

The core makes every choice (`_core.TuneJob`, src/tune/tune.h): which blocks the
first stage reads, and the threshold that the certify rows prove. Python trains
what it asks for. A candidate is scored by the very graph that would be
deployed, with only the threshold left open, so the certified confidences are
bit for bit those of the cascade.
"""

from __future__ import annotations

import datetime
import json
import numbers
import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from . import _core
from ._calibration import Calibration, check_no_class_is_lost, group_numbers, hold_out
from ._columns import is_frame, library_of
from ._compiled import CompiledModel, thread_count, warn_of_python_steps
from ._errors import (
    CertificateError,
    NotCertifiedWarning,
    RareClassWarning,
    UnsupportedError,
)
from ._frames import (
    Columns,
    WholeMatrix,
    as_items,
    as_rows,
    column_keys,
    n_rows_of,
    row_keys,
    take_rows,
)
from ._prefix import MAX_GATES, Prefixes, find_ensemble, has_python_between
from ._present import describe, extract_of, interface_of

Array = npt.NDArray[Any]

#: Rows on which costs are measured, and how often.
COST_ROWS, COST_REPEATS = 500, 5
#: A class of at least so many certifying rows is worth a warning where it agrees
#: to less than this share of the target.
RARE_ROWS, RARE_SHARE = 20, 0.5


@dataclass(frozen=True)
class Agreement:
    """The cascade gives the exact pipeline's label.

    Parameters
    ----------
    rate : float
        The probability that a later row has the same label, whether it leaves
        early or not; between 0 and 1. What a row is, `optimize` decides: a
        distinct row by default, a request with ``duplicates="traffic"``, one
        random row of a group with ``groups``.
    confidence : float
        The probability with which a certificate holds.
    """

    rate: float
    confidence: float = 0.95

    def __post_init__(self) -> None:
        for name in ("rate", "confidence"):
            value = getattr(self, name)
            if not isinstance(value, numbers.Real):
                raise TypeError(f"Agreement: {name} must be a number, not {value!r}")
            if not 0.0 < float(value) < 1.0:
                raise ValueError(f"Agreement: {name}={value!r} is not between 0 and 1")


def optimize(
    pipeline: Any,
    X: Any,
    y: Any = None,
    *,
    X_cal: Any = None,
    y_cal: Any = None,
    groups: Any = None,
    refit: bool = False,
    target: Agreement = Agreement(0.99),
    costs: Mapping[str, float] | Sequence[float] | None = None,
    random_state: Any = None,
    n_threads: int | None = 1,
    strict: bool = False,
    duplicates: str = "distinct",
) -> CompiledModel:
    """Compiles a classifier with a certified first stage.

    The features of the final model fall into blocks. A clone of the model is
    trained on the cheap ones; where it is confident, its label is the answer,
    and the rest of the features is never computed. An ensemble of trees is cut
    instead: its first trees are the first stage, and rows that stay go on from
    their sum, through several such gates where that is cheaper.

    Only labels are certified. ``predict_proba`` and ``decision_function`` of a
    row that leaves early are those of the first stage; of a row that stays, the
    exact pipeline's.

    Parameters
    ----------
    pipeline : fitted classifier
    X, y : training data
        What the first stage is trained on. Without y, the pipeline's own labels
        are used.
    X_cal : rows like those to come, or None
        Rows that neither `pipeline` nor the first stage saw in training, drawn
        independently like future rows (fresh rows may repeat earlier ones); no
        labels are needed. A fifth of them chooses the first stage, the rest
        certifies it.
    y_cal : array-like or None
        Labels of X_cal, which Agreement does not need: only their number is
        checked.
    groups : array-like of hashables, or None
        A group for each row of X_cal (of X with `refit`), by position: rows of
        one group are kept together and count once, as one of them chosen at
        random.
    refit : bool
        Instead of X_cal: hold out a part of X as calibration rows and refit a clone
        of the pipeline on the rest. What counts once is held out as a whole: a
        distinct row, a group, or with "traffic" each request by itself. The result
        then answers as that clone.
    target : Agreement
    costs : dict of block name to ns a row, sequence in block order, or None
        None measures them. A dict may hold "model", the cost of a model beyond
        its blocks, and "stage", that of each stage behind the first beyond both.
        Given costs make the choice repeat.
    random_state : int, numpy Generator, RandomState or None
        Seeds the split of rows and the training; None takes 0.
    n_threads : int of at least 1, or None
    strict : bool
        Raise `CertificateError` where nothing can be certified, and
        `UnsupportedError` where a part would stay Python.
    duplicates : "distinct" or "traffic"
        "distinct": rows of X_cal that are equal in the columns that the pipeline
        reads count once, and the promise is per distinct row. It holds where
        they are a random sample of the distinct rows to come, as in collected or
        deduplicated data; the distinct rows of a sample of requests are not.
        "traffic": every row counts, the promise is per request; the rows must
        then be requests as they came.

    Returns
    -------
    CompiledModel
        A cascade with `metadata["certificate"]`, a dict: ``promise`` and
        ``assumption`` say in words what is certified, ``per`` a "distinct row",
        "request" or "group"; ``n_rows_given`` are the calibration rows, ``n_rows``
        those that certified, each unit once, and ``rows_needed`` the fewest that
        would; ``n_wrong`` of them left with another label, at most ``k`` may;
        ``share_leaving`` is the share that left. The promise is over all rows, and a
        rare class may be lost within it: ``agreement_by_class`` is what was observed
        of each. docs/cascades.md has every entry.
        Or the exact pipeline, where nothing could be certified.

    Warns
    -----
    DuplicateRowsWarning
        Fewer than 99 % of the calibration rows are distinct, and each counts once:
        the promise is per distinct row, and is none for traffic.
    TrainingRowsWarning
        More than 1 % of the rows of X_cal are rows of X. That is right for fresh rows
        that repeat earlier ones, and only for those.
    RareClassWarning
        Of a class with at least 20 certifying rows, the share that keeps its label
        is below half of the target's rate.
    PythonStepWarning
        A part of the pipeline stays Python; says which and why.
    NotCertifiedWarning
        The exact pipeline is returned; says why, and how many rows it takes.

    Raises
    ------
    ValueError, TypeError
        For arguments that do not fit each other; neither X_cal nor refit given; an
        X_cal that is mostly rows of X; a class that refit would lose; a group that is
        missing (ValueError) or has no hash (TypeError).
    UnsupportedError
        The pipeline is no classifier with blocks of features to leave out.
    CertificateError
        With `strict`, where nothing can be certified.

    Examples
    --------
    >>> import willump
    >>> from sklearn.feature_extraction.text import CountVectorizer
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline, make_union
    >>> texts = [f"{word} {i}" for i in range(40) for word in ("good", "bad")]
    >>> union = make_union(CountVectorizer(), CountVectorizer(analyzer="char", ngram_range=(1, 4)))
    >>> pipeline = make_pipeline(union, LogisticRegression()).fit(texts, [1, 0] * 40)
    >>> fresh = [f"{word} {i}" for i in range(40, 400) for word in ("good", "bad")]
    >>> fast = willump.optimize(pipeline, texts, [1, 0] * 40, X_cal=fresh, random_state=0,
    ...                         costs=[1.0, 5.0])
    >>> fast.metadata["certificate"]["blocks"]
    ['countvectorizer-1']
    """
    if not isinstance(target, Agreement):
        raise TypeError(f"target must be willump.Agreement(...), not {target!r}")
    if duplicates not in ("distinct", "traffic"):
        raise ValueError(f"duplicates={duplicates!r} is neither 'distinct' nor 'traffic'")
    seed = _seed_of(random_state)
    thread_count(n_threads)  # refuses a wrong one before any work
    X = as_rows(X)
    y = None if y is None else _labels_of(y, n_rows_of(X), "y")
    if X_cal is None:
        if not refit:
            raise ValueError(
                "optimize needs rows that the pipeline was not trained on to certify a "
                "cascade: pass X_cal (fresh rows, no labels needed), or refit=True, which "
                "holds out a part of X and refits a clone of the pipeline on the rest"
            )
        pipeline, X, y, X_cal, groups = _held_out(pipeline, X, y, groups, duplicates, seed)
    elif refit:
        raise ValueError("give X_cal or refit=True, not both: refit holds out a part of X instead")
    else:
        X_cal = as_rows(X_cal, "X_cal")
    if y_cal is not None:
        _labels_of(y_cal, n_rows_of(X_cal), "y_cal")
    tuner = _tuner_for(pipeline, X, y, strict=strict, n_threads=n_threads)
    keys = tuner.base.keys
    calibration = Calibration(X_cal, groups, duplicates, seed, keys, is_held_out=refit)
    if not refit:
        calibration.check_training(X, keys)
    calibration.warn_of_duplicates()
    model = tuner.run(calibration, target, costs, seed)
    warn_of_python_steps(model._reasons, stacklevel=3)
    return model


def _seed_of(random_state: Any) -> int:
    if random_state is None:
        return 0
    if isinstance(random_state, np.random.Generator):
        return int(random_state.integers(2**32))
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(2**31))
    if isinstance(random_state, bool) or not isinstance(random_state, numbers.Integral):
        raise TypeError(
            "random_state must be an int, a numpy Generator or RandomState, or None, not "
            f"{random_state!r}"
        )
    seed = int(random_state)
    if not 0 <= seed < 2**64:
        raise ValueError(f"random_state={random_state!r} is not between 0 and 2**64 - 1")
    return seed


# ---- rows --------------------------------------------------------------------


def _labels_of(y: Any, n: int, name: str) -> Array:
    """The labels as a vector, by position."""
    if not hasattr(y, "__len__"):
        y = list(y)
    labels = np.asarray(y)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1:
        raise ValueError(f"{name} must hold one label a row, not an array of {labels.shape}")
    if len(labels) != n:
        raise ValueError(f"{name} has {len(labels)} labels for {n} rows")
    return labels


def _held_out(
    pipeline: Any, x: Any, y: Any, groups: Any, duplicates: str, seed: int
) -> tuple[Any, Any, Any, Any, Any]:
    """A clone of the pipeline fitted on a part of X, that part, and the rest."""
    from sklearn.base import clone

    if y is None:
        raise ValueError("refit=True needs y, the labels of X, to refit the pipeline")
    if groups is not None:
        groups = group_numbers(groups, len(y))  # an iterator is read once
    kept, held = hold_out(x, groups, duplicates, seed, partial(_keys_for, pipeline))
    check_no_class_is_lost(y, kept)
    labels, rest = y[kept], take_rows(x, kept)
    fitted = clone(pipeline).fit(_for_sklearn(rest), labels)
    return fitted, rest, labels, take_rows(x, held), None if groups is None else groups[held]


def _keys_for(pipeline: Any, x: Any) -> list[Any]:
    """`row_keys` over the columns that a pipeline reads; all, when it is not fitted."""
    from sklearn.exceptions import NotFittedError

    from . import convert

    try:
        converted = convert.start(pipeline).finish()
        return _Runner(converted, describe(pipeline, converted.metadata), 1).keys(x)
    except (NotFittedError, UnsupportedError):
        return row_keys(x)


def _for_sklearn(x: Any) -> Any:
    """Rows that scikit-learn reads: it knows neither Arrow nor columns in a dict."""
    if isinstance(x, dict):
        import pandas as pd

        return pd.DataFrame({name: as_items(column) for name, column in x.items()})
    if library_of(x) == "pyarrow":
        return x.to_pandas() if is_frame(x) else as_items(x)
    return x


def _matrix_keys(x: Any) -> list[Any]:
    """`row_keys` of numbers, whatever holds them: a frame, a list or another dtype."""
    if hasattr(x, "tocsr"):
        return row_keys(x.astype(np.float64))
    try:
        return row_keys(np.asarray(_for_sklearn(x), dtype=np.float64) + 0.0)  # -0.0 is 0.0
    except (TypeError, ValueError):
        return row_keys(x)


# ---- the graph as something to run -------------------------------------------


class _Runner:
    """A compiled graph whose outputs are called by name with the caller's X."""

    def __init__(self, converted: Any, described: Mapping[str, Any], n_threads: int | None) -> None:
        metadata = {**converted.metadata, **described}
        model = _core.Model.compile(
            converted.graph_text,
            converted.tensors,
            json.dumps(metadata),
            n_threads=thread_count(n_threads),
        )
        shown = [(name, name) for name, *_ in model.outputs]
        metadata = {k: v for k, v in metadata.items() if k not in ("classes", "ravel")}
        steps = list(converted.steps)
        self.interface = interface_of(model, metadata, steps, None, shown)
        # A Python step may read more of X than the graph's own inputs.
        self.extract = None if steps else extract_of(model.inputs, metadata, [], "the model")

    def keys(self, x: Any) -> list[Any]:
        """A hashable for each row; equal where the graph reads equal values."""
        if isinstance(self.extract, WholeMatrix):
            return _matrix_keys(x)
        if not isinstance(self.extract, Columns):
            return row_keys(x)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return column_keys(self.extract(x))

    def __call__(self, output: str, x: Any) -> Any:
        return self.interface.run(output, x)


@dataclass
class _Candidate:
    """A first stage: its outputs, and those of the stage behind it."""

    outputs: dict[str, int]
    full: dict[str, int]
    gate: int
    runner: _Runner
    model_cost: float


class _Tuner:
    """Answers the job's requests for one pipeline."""

    #: Whether a candidate is always the first of the blocks.
    is_nested = False
    max_gates = 1

    def __init__(
        self, pipeline: Any, conversion: Any, x: Any, y: Any, *, strict: bool, n_threads: int | None
    ) -> None:
        self.pipeline = pipeline
        self.x = x
        self.y = y
        self.strict = strict
        self.n_threads = n_threads
        self.conversion = conversion
        _check_classes(y, conversion.model.classes)
        self.names = self._find_blocks()
        self.costs: Array = np.zeros(len(self.names))
        self.model_cost = 0.0
        self.stage_cost = 0.0
        self.is_measured = False
        self.features: dict[int, Any] = {}
        self.trained: dict[int, _Candidate] = {}
        # Of the certifying rows: each gate's and its labels, and the exact labels.
        self.observed: dict[int, tuple[Array, Array]] = {}
        self.exact: Array = np.zeros(0, np.int64)
        self.problem = ""  # why the last candidate could not be trained
        plain = self._plain()
        # Asked of the original once: all candidates present it alike.
        self.described = describe(pipeline, plain.metadata)
        self.base = _Runner(plain, self.described, n_threads)

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
    ) -> _Candidate:
        """A first stage whose gate is the margin of its scores."""
        gate = self._margin(scores)
        open_graph = self.conversion.finish(self._cascade(outputs, full, gate, -np.inf))
        runner = _Runner(open_graph, self.described, self.n_threads)
        cost = self._model_cost(runner, blocks, sample)
        return _Candidate(outputs, full, gate, runner, cost)

    def _margin(self, scores: Any) -> int:
        return int(self.conversion.context.rows("margin", scores, n_features=1).node)

    # ---- training ---------------------------------------------------------

    def _block(self, i: int) -> Any:
        if i not in self.features:
            self.features[i] = self.base(f"block.{i}", self.x)
        return self.features[i]

    def _labels(self) -> Any:
        if self.y is None:
            classes = self.conversion.model.classes
            assert classes is not None
            self.y = classes[np.asarray(self.base("label", self.x)).ravel()]
        return self.y

    def train(
        self, number: int, blocks: Sequence[int], seed: int, sample: Any
    ) -> _Candidate | None:
        """A clone of the final model on some blocks; None where it cannot be."""
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
        estimator = clone(model.estimator)
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
        outputs = {name: ref.node for name, ref in first.outputs().items()}
        scores = first.decision or first.log_proba or first.proba
        assert model.classes is not None
        if first.classes is None or not np.array_equal(first.classes, model.classes):
            self.problem = "it was trained on other classes than the pipeline"
            return None
        if scores is None or outputs.keys() != self.conversion.outputs().keys():
            self.problem = "it has no scores, or not the methods of the pipeline's model"
            return None
        return self._candidate(outputs, self.conversion.outputs(), scores, blocks, sample)

    # ---- costs ------------------------------------------------------------

    def measure(self, sample: Any, costs: Any) -> None:
        """ns a row of each block and of the final model beyond them."""
        names = self.names
        self.is_measured = costs is None
        if costs is None:
            self.costs = self._measured_costs(sample)
            spent = float(self.costs.sum())
            self.model_cost = max(0.0, _time(self.base, "label", sample) - spent)
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
        return np.array([_time(self.base, f"cost.{i}", sample) for i in range(len(self.names))])

    def _model_cost(self, runner: _Runner, blocks: Sequence[int], sample: Any) -> float:
        if not self.is_measured:
            return self.model_cost
        spent = _time(runner, "gate", sample)
        return float(max(0.0, spent - self.costs[list(blocks)].sum()))

    # ---- the job ----------------------------------------------------------

    def run(self, cal: Calibration, target: Agreement, costs: Any, seed: int) -> CompiledModel:
        sample = take_rows(
            cal.x, cal.select[:COST_ROWS] if len(cal.select) else cal.certify[:COST_ROWS]
        )
        if cal.n == 0:
            raise ValueError("X_cal has no rows")
        self.measure(sample, costs)
        # What counts are units: where they are too few, nothing need be trained.
        job = self._job(max(1, len(cal.select)), cal.units_of(cal.certify), target, seed)
        if len(cal.select) > 0 and job.next()[0] != "finished":
            job = self._job(len(cal.select), len(cal.certify), target, seed)
            self._answer_all(job, cal, sample)
            result = job.result()
        else:
            result = self._refused(job, target, seed)
        if result["outcome"] != "cascade":
            return self._exact(result, cal, target)
        return self._finish(result, cal, target)

    def _job(self, n_select: int, n_certify: int, target: Agreement, seed: int) -> _core.TuneJob:
        return _core.TuneJob(
            self.costs,
            n_rows_of(self.x),
            n_select,
            n_certify,
            1.0 - target.rate,
            1.0 - target.confidence,
            seed,
            self.model_cost,
            is_nested=self.is_nested,
            max_gates=self.max_gates,
            stage_cost=self.stage_cost,
        )

    def _refused(self, job: _core.TuneJob, target: Agreement, seed: int) -> dict[str, Any]:
        """The result of a job that no answer could change."""
        if job.next()[0] == "finished":
            return job.result()
        job = self._job(1, 0, target, seed)  # no unit to choose with: too few as well
        job.next()
        return job.result()

    def _answer_all(self, job: _core.TuneJob, cal: Calibration, sample: Any) -> None:
        from tqdm import tqdm

        full = np.asarray(self.base("label", cal.x), dtype=np.int64).ravel()
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
                candidate, rows = self.trained[number], rows_of[step]
                x = rows_x[step]
                gate = np.ascontiguousarray(candidate.runner("gate", x), np.float64).ravel()
                label = np.ascontiguousarray(candidate.runner("label", x), np.int64).ravel()
                own = None if cal.groups is None else np.ascontiguousarray(cal.groups[rows])
                if step == "certify":
                    self.observed[number], self.exact = (gate, label), full[rows]
                job.answer(gate, label, full[rows], candidate.model_cost, own)

    # ---- results ----------------------------------------------------------

    def _exact(self, result: dict[str, Any], cal: Calibration, target: Agreement) -> CompiledModel:
        reason = str(result["message"])
        if result["outcome"] == "too few rows":
            reason = cal.too_few(
                target.rate, target.confidence, int(result["certificate"]["rows_needed"])
            )
        elif result["outcome"] == "no model" and self.problem:
            reason += f" ({self.problem})"
        message = f"no cascade was certified: {reason}"
        if self.strict:
            raise CertificateError(message)
        message += "; the exact pipeline is returned"
        warnings.warn(message, NotCertifiedWarning, stacklevel=4)
        return self._model(self.conversion.finish())

    def _finish(self, result: dict[str, Any], cal: Calibration, target: Agreement) -> CompiledModel:
        threshold, names = float(result["threshold"]), self.names
        gates: list[dict[str, Any]] = result["gates"]
        blocks = [names[i] for i in result["blocks"]]
        # What each gate behind the first adds: such blocks are nested.
        added = [names[a["n_blocks"] : b["n_blocks"]] for a, b in pairwise(gates)]
        now = datetime.datetime.now(datetime.UTC)
        certificate = {
            **result["certificate"],
            "kind": "agreement",
            "per": cal.unit,
            "promise": f"with confidence {target.confidence:g}, the cascade gives the exact "
            f"pipeline's label to at least a share of {target.rate:g}, per {cal.unit}",
            "assumption": cal.assumption,
            "n_rows_given": cal.n,
            "n_rows_in_training": cal.n_in_training,
            "blocks": blocks,
            "gates": [
                {
                    "blocks": own,
                    "threshold": _as_json(gate["threshold"]),
                    "share_leaving": gate["share_leaving"],
                    "cost": gate["cost"],
                }
                for own, gate in zip([blocks, *added], gates, strict=True)
            ],
            "threshold": _as_json(threshold),
            "expected_cost": result["expected_cost"],
            "exact_cost": result["exact_cost"],
            "costs": {
                **dict(zip(names, self.costs.tolist(), strict=True)),
                "model": self.model_cost,
                "stage": self.stage_cost,
            },
            "costs_measured": self.is_measured,
            "n_select_rows": len(cal.select),
            "agreement_by_class": self._agreement_by_class(cal, gates, target),
            "date": now.date().isoformat(),
        }
        stages = self._stages(gates)
        return self._model(self.conversion.finish(stages, {"certificate": certificate}))

    def _stages(self, gates: list[dict[str, Any]]) -> list[Any]:
        """The stages of what was certified."""
        candidate = self.trained[gates[0]["candidate"]]
        threshold = gates[0]["threshold"]
        return self._cascade(candidate.outputs, candidate.full, candidate.gate, threshold)

    def _agreement_by_class(
        self, cal: Calibration, gates: list[dict[str, Any]], target: Agreement
    ) -> dict[str, dict[str, Any]]:
        """What the certifying rows show of each class of the exact pipeline."""
        classes = self.conversion.model.classes
        assert classes is not None
        counted = cal.counted("certify")
        exact = self.exact[counted]
        is_same = np.ones(len(exact), bool)
        for certified in reversed(gates):
            gate, label = (part[counted] for part in self.observed[certified["candidate"]])
            # A row of no margin stays.
            is_same = np.where(gate > certified["threshold"], label == exact, is_same)
        n_rows = np.bincount(exact, minlength=len(classes))
        n_same = np.bincount(exact[is_same], minlength=len(classes))
        found: dict[str, dict[str, Any]] = {}
        lost = []
        for name, n, same in zip(
            map(str, classes.tolist()), n_rows.tolist(), n_same.tolist(), strict=True
        ):
            found[name] = {"n_rows": n, "agreement": same / n if n else None}
            if n >= RARE_ROWS and same < RARE_SHARE * target.rate * n:
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


class _PrefixTuner(_Tuner):
    """The same for an ensemble of trees: a first stage is its first trees, and
    there may be several gates."""

    is_nested = True
    max_gates = MAX_GATES

    def _find_blocks(self) -> list[str]:
        builder = self.conversion.builder
        ensemble = _ensemble_of(self.conversion)
        assert ensemble is not None
        self.prefixes = Prefixes(builder, ensemble)
        return self.prefixes.names

    def _plain(self) -> Any:
        """The exact graph with each prefix's sum as an output, for its cost."""
        from ._graph import Stage

        outputs = self.conversion.outputs()
        for i, end in enumerate(self.prefixes.ends[:-1]):
            outputs[f"cost.{i}"] = self.prefixes.segment(0, end)
        outputs[f"cost.{len(self.names) - 1}"] = self.prefixes.ensemble
        return self.conversion.finish([Stage(outputs)])

    def _measured_costs(self, sample: Any) -> Array:
        """What each segment adds; the first has the features as well."""
        times = super()._measured_costs(sample)
        costs = np.diff(np.maximum.accumulate(times), prepend=0.0)
        self.stage_cost = self._measured_stage(sample)
        return costs

    def _measured_stage(self, sample: Any) -> float:
        """What a stage costs beyond its trees: two segments as two stages, against
        both as one, with as few rows as come to a later stage."""
        few = take_rows(sample, np.arange(-(-n_rows_of(sample) // 5)))
        ends = self.prefixes.ends[:2]
        stages = self._chain(ends, [np.inf, np.inf])[:2]
        stages[1] = replace(stages[1], gate=None)
        runner = _Runner(self.conversion.finish(stages), self.described, self.n_threads)
        return max(0.0, _time(runner, "label", few) - _time(self.base, "cost.1", few))

    def train(
        self, number: int, blocks: Sequence[int], seed: int, sample: Any
    ) -> _Candidate | None:
        """Nothing to train: the first trees are those of the ensemble."""
        outputs = self.conversion.outputs()
        (alone,), whole = self.prefixes.cut(self.prefixes.ends[len(blocks) - 1])
        early = self.prefixes.replaced(outputs, alone)
        full = self.prefixes.replaced(outputs, whole)
        return self._candidate(early, full, self._scores(early), blocks, sample)

    def _scores(self, outputs: dict[str, int]) -> Any:
        """What the margin is of."""
        name = next(n for n in ("decision", "log_proba", "proba") if n in outputs)
        return replace(getattr(self.conversion.model, name), node=outputs[name])

    def _stages(self, gates: list[dict[str, Any]]) -> list[Any]:
        ends = [self.prefixes.ends[gate["n_blocks"] - 1] for gate in gates]
        return self._chain(ends, [gate["threshold"] for gate in gates])

    def _chain(self, ends: Sequence[int], thresholds: Sequence[float]) -> list[Any]:
        """A stage for each number of trees, and one of the whole ensemble."""
        from ._graph import Stage

        outputs = self.conversion.outputs()
        answers, whole = self.prefixes.cut(*ends)
        stages = []
        for alone, threshold in zip(answers, thresholds, strict=True):
            early = self.prefixes.replaced(outputs, alone)
            gate = self._margin(self._scores(early))
            stages.append(Stage({**early, "gate": gate}, gate, threshold))
        full = self.prefixes.replaced(outputs, whole)
        return [*stages, Stage({**full, "gate": stages[-1].outputs["gate"]})]


def _ensemble_of(conversion: Any) -> int | None:
    """The ensemble of trees to cut, None where there is none."""
    model, outputs = conversion.model, conversion.outputs()
    if not {"decision", "log_proba", "proba"} & outputs.keys():
        return None
    found = find_ensemble(conversion.builder, model.label.node)
    nodes = list(outputs.values())
    if found is None or has_python_between(conversion.builder, found, nodes):
        return None
    return found


def _tuner_for(pipeline: Any, x: Any, y: Any, *, strict: bool, n_threads: int | None) -> _Tuner:
    from . import convert

    conversion = convert.start(pipeline, strict=strict)
    model = conversion.model
    if model.classes is None or model.label is None or model.multilabel:
        raise UnsupportedError("optimize needs a classifier with one label a row")
    kind = _Tuner if _ensemble_of(conversion) is None else _PrefixTuner
    return kind(pipeline, conversion, x, y, strict=strict, n_threads=n_threads)


def _check_classes(y: Any, classes: Array) -> None:
    """Refuses labels that are not the pipeline's own."""
    if y is None:
        return
    given, known = set(y.tolist()), set(classes.tolist())
    unknown, missing = list(given - known), list(known - given)
    if unknown:
        raise ValueError(
            f"y has labels that the pipeline does not know: {unknown[:5]}; its classes are "
            f"{classes.tolist()[:10]}"
        )
    if missing:
        raise ValueError(f"y has no rows of the pipeline's classes {missing[:5]}")


def _as_json(threshold: float) -> float | str:
    """JSON has no infinity: -inf where every row may leave."""
    return threshold if np.isfinite(threshold) else str(threshold)


def _time(runner: _Runner, output: str, sample: Any) -> float:
    """ns a row: the smallest of several runs, which other work disturbs least."""
    n = max(1, n_rows_of(sample))
    times: list[int] = []
    for _ in range(COST_REPEATS):
        begin = time.perf_counter_ns()
        runner(output, sample)
        times.append(time.perf_counter_ns() - begin)
    return min(times) / float(n)
