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
import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from . import _core
from ._compiled import CompiledModel
from ._errors import CertificateError, NotCertifiedWarning, UnsupportedError
from ._frames import take_rows
from ._present import describe, interface_of

Array = npt.NDArray[Any]

#: The share of the calibration rows that chooses; the rest certifies.
SELECT_SHARE = 0.2
#: With refit, the share of X that is held out as calibration rows.
HELD_OUT_SHARE = 0.3
#: Rows on which costs are measured, and how often.
COST_ROWS, COST_REPEATS = 500, 5


@dataclass(frozen=True)
class Agreement:
    """The cascade gives the exact pipeline's label.

    Parameters
    ----------
    rate : float
        The share of rows that must have the same label, over all rows; between
        0 and 1.
    confidence : float
        The probability with which a certificate holds.
    """

    rate: float
    confidence: float = 0.95

    def __post_init__(self) -> None:
        for name in ("rate", "confidence"):
            value = getattr(self, name)
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
    random_state: int | None = None,
    n_threads: int | None = 1,
    strict: bool = False,
    duplicates: str = "distinct",
) -> CompiledModel:
    """Compiles a classifier with a certified first stage.

    The features of the final model fall into blocks. A clone of the model is
    trained on the cheap ones; where it is confident, its label is the answer,
    and the rest of the features is never computed.

    Parameters
    ----------
    pipeline : fitted classifier
    X, y : training data
        What the first stage is trained on. Without y, the pipeline's own labels
        are used.
    X_cal : rows like those to come, or None
        Rows that neither `pipeline` nor the first stage saw in training, drawn
        independently like future rows; no labels are needed. A fifth of them
        chooses the first stage, the rest certifies it.
    y_cal : ignored by Agreement
    groups : array-like of hashables, or None
        A group for each row of X_cal (of X with `refit`): rows of one group are
        kept together and count once.
    refit : bool
        Without X_cal: hold out a part of X as calibration rows and refit a clone
        of the pipeline on the rest. The result then answers as that clone.
    target : Agreement
    costs : dict of block name to ns a row, sequence in block order, or None
        None measures them. A dict may hold "model", the cost of a model beyond
        its blocks. Given costs make the choice repeat.
    random_state : int or None
        Seeds the split of rows and the training; None takes 0.
    n_threads : int or None
    strict : bool
        Raise `CertificateError` where nothing can be certified, and
        `UnsupportedError` where a part would stay Python.
    duplicates : "distinct" or "traffic"
        "distinct": equal rows of X_cal count once, and the promise is per
        distinct row. "traffic": every row counts, the promise is per request;
        the rows must then be requests as they came.

    Returns
    -------
    CompiledModel
        With `metadata["certificate"]`; or the exact pipeline, with a
        `NotCertifiedWarning` that says why.

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
    seed = 0 if random_state is None else int(random_state)
    if X_cal is None:
        if not refit:
            raise ValueError(
                "optimize needs rows that the pipeline was not trained on to certify a "
                "cascade: pass X_cal (fresh rows, no labels needed), or refit=True, which "
                "holds out a part of X and refits a clone of the pipeline on the rest"
            )
        pipeline, X, y, X_cal, groups = _hold_out(pipeline, X, y, groups, seed)
    tuner = _Tuner(pipeline, X, y, strict=strict, n_threads=n_threads)
    calibration = _Calibration(X_cal, groups, duplicates, seed)
    return tuner.run(calibration, target, costs, seed)


# ---- rows --------------------------------------------------------------------


def n_rows_of(x: Any) -> int:
    return int(x.shape[0]) if hasattr(x, "shape") else len(x)


def group_numbers(groups: Any) -> npt.NDArray[np.uint64]:
    """A number for each row; equal groups have equal numbers."""
    seen: dict[Any, int] = {}
    return np.array([seen.setdefault(group, len(seen)) for group in groups], dtype=np.uint64)


def row_keys(x: Any) -> list[Any]:
    """A hashable for each row; equal rows have equal keys."""
    if hasattr(x, "toarray"):
        csr = x.tocsr().copy()
        csr.sum_duplicates()
        ends = zip(csr.indptr[:-1], csr.indptr[1:], strict=True)
        return [(csr.indices[a:b].tobytes(), csr.data[a:b].tobytes()) for a, b in ends]
    if hasattr(x, "columns") and hasattr(x, "shape") and len(x.shape) == 2:
        table = x.rows() if hasattr(x, "rows") else x.itertuples(index=False, name=None)
        return [tuple(map(_key, row)) for row in table]
    if isinstance(x, np.ndarray) and x.ndim == 2 and x.dtype != object:
        return [row.tobytes() for row in np.ascontiguousarray(x)]
    return [
        tuple(map(_key, row)) if isinstance(row, (list, np.ndarray)) else _key(row) for row in x
    ]


def _key(value: Any) -> Any:
    return "nan" if isinstance(value, float) and value != value else value


@dataclass
class _Calibration:
    """The calibration rows, and which of them choose and which certify."""

    x: Any
    groups: npt.NDArray[np.uint64] | None
    select: npt.NDArray[np.int64]
    certify: npt.NDArray[np.int64]
    unit: str

    def __init__(self, x: Any, groups: Any, duplicates: str, seed: int) -> None:
        if isinstance(x, str):
            raise ValueError("X_cal must hold rows; a single string was given")
        self.x = x if hasattr(x, "shape") else list(x)
        n = n_rows_of(self.x)
        self.unit = "request"
        self.groups = None
        if groups is not None:
            if len(groups) != n:
                raise ValueError(f"groups has {len(groups)} entries for {n} rows")
            self.groups = group_numbers(groups)
            self.unit = "group"
        elif duplicates == "distinct":
            self.groups = group_numbers(row_keys(self.x))
            self.unit = "distinct row"
        chosen = np.frombuffer(_core.tune_split(n, self.groups, SELECT_SHARE, seed), np.uint8)
        self.select = np.flatnonzero(chosen == 1)
        self.certify = np.flatnonzero(chosen == 0)

    def rows(self, step: str) -> npt.NDArray[np.int64]:
        return self.select if step == "fit" else self.certify


def _hold_out(
    pipeline: Any, x: Any, y: Any, groups: Any, seed: int
) -> tuple[Any, Any, Any, Any, Any]:
    from sklearn.base import clone

    if y is None:
        raise ValueError("refit=True needs y, the labels of X, to refit the pipeline")
    x = x if hasattr(x, "shape") else list(x)
    numbers = group_numbers(groups if groups is not None else row_keys(x))
    chosen = _core.tune_split(n_rows_of(x), numbers, HELD_OUT_SHARE, seed + 1)
    held = np.flatnonzero(np.frombuffer(chosen, np.uint8) == 1)
    kept = np.flatnonzero(np.frombuffer(chosen, np.uint8) == 0)
    labels = take_rows(y if hasattr(y, "shape") else np.asarray(y), kept)
    rest = take_rows(x, kept)
    fitted = clone(pipeline).fit(rest, labels)
    held_groups = None if groups is None else [groups[i] for i in held]
    return fitted, rest, labels, take_rows(x, held), held_groups


# ---- the graph as something to run -------------------------------------------


class _Runner:
    """A compiled graph whose outputs are called by name with the caller's X."""

    def __init__(self, converted: Any, estimator: Any, n_threads: int | None) -> None:
        metadata = {**converted.metadata, **describe(estimator, converted.metadata)}
        model = _core.Model.compile(
            converted.graph_text,
            converted.tensors,
            json.dumps(metadata),
            n_threads=n_threads or 0,
        )
        shown = [(name, name) for name, *_ in model.outputs]
        metadata = {k: v for k, v in metadata.items() if k not in ("classes", "ravel")}
        self.interface = interface_of(model, metadata, list(converted.steps), None, shown)

    def __call__(self, output: str, x: Any) -> Any:
        return self.interface.run(output, x)


@dataclass
class _Candidate:
    """A first stage that was trained."""

    outputs: dict[str, int]
    gate: int
    runner: _Runner
    model_cost: float


class _Tuner:
    """Answers the job's requests for one pipeline."""

    def __init__(
        self, pipeline: Any, x: Any, y: Any, *, strict: bool, n_threads: int | None
    ) -> None:
        from . import convert

        self.pipeline = pipeline
        self.x = x if hasattr(x, "shape") else list(x)
        self.y = y
        self.strict = strict
        self.n_threads = n_threads
        self.conversion = convert.start(pipeline, strict=strict)
        model = self.conversion.model
        if model.classes is None or model.label is None or model.multilabel:
            raise UnsupportedError("optimize needs a classifier with one label a row")
        self.blocks = self.conversion.blocks()
        if not self.blocks or model.model_input is None:
            raise UnsupportedError(
                f"{type(pipeline).__name__}: its final model reads no features of its own "
                "that a first stage could leave out"
            )
        self.costs: Array = np.zeros(len(self.blocks))
        self.model_cost = 0.0
        self.is_measured = False
        self.features: dict[int, Any] = {}
        self.trained: dict[int, _Candidate] = {}
        self.base = _Runner(self._plain(), pipeline, n_threads)

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

    def _cascade(self, outputs: dict[str, int], gate: int, threshold: float) -> list[Any]:
        """Both stages; `gate` is an output too, so that it can be calibrated."""
        from ._graph import Stage

        full = {**self.conversion.outputs(), "gate": gate}
        return [Stage({**outputs, "gate": gate}, gate, threshold), Stage(full)]

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
        except (ValueError, Refused):
            return None
        outputs = {name: ref.node for name, ref in first.outputs().items()}
        scores = first.decision or first.log_proba or first.proba
        assert model.classes is not None
        if first.classes is None or not np.array_equal(first.classes, model.classes):
            return None
        if scores is None or outputs.keys() != self.conversion.outputs().keys():
            return None
        gate = context.rows("margin", scores, n_features=1).node
        open_graph = self.conversion.finish(self._cascade(outputs, gate, -np.inf))
        runner = _Runner(open_graph, self.pipeline, self.n_threads)
        return _Candidate(outputs, gate, runner, self._model_cost(runner, blocks, sample))

    # ---- costs ------------------------------------------------------------

    def measure(self, sample: Any, costs: Any) -> None:
        """ns a row of each block and of the final model beyond them."""
        names = [name for name, _ in self.blocks]
        self.is_measured = costs is None
        if costs is None:
            self.costs = np.array(
                [_time(self.base, f"cost.{i}", sample) for i in range(len(names))]
            )
            spent = float(self.costs.sum())
            self.model_cost = max(0.0, _time(self.base, "label", sample) - spent)
            return
        if isinstance(costs, Mapping):
            missing = [name for name in names if name not in costs]
            if missing:
                raise ValueError(f"costs names no cost of {missing}; the blocks are {names}")
            found = [float(costs[name]) for name in names]
            self.model_cost = float(costs.get("model", 0.0))
        else:
            found, self.model_cost = [float(cost) for cost in costs], 0.0
        if len(found) != len(names):
            raise ValueError(f"costs has {len(found)} entries for the blocks {names}")
        self.costs = np.array(found)

    def _model_cost(self, runner: _Runner, blocks: Sequence[int], sample: Any) -> float:
        if not self.is_measured:
            return self.model_cost
        spent = _time(runner, "gate", sample)
        return float(max(0.0, spent - self.costs[list(blocks)].sum()))

    # ---- the job ----------------------------------------------------------

    def run(self, cal: _Calibration, target: Agreement, costs: Any, seed: int) -> CompiledModel:
        sample = take_rows(
            cal.x, cal.select[:COST_ROWS] if len(cal.select) else cal.certify[:COST_ROWS]
        )
        self.measure(sample, costs)
        job = _core.TuneJob(
            self.costs,
            n_rows_of(self.x),
            len(cal.select),
            len(cal.certify),
            1.0 - target.rate,
            1.0 - target.confidence,
            seed,
            self.model_cost,
        )
        self._answer_all(job, cal, sample)
        result = job.result()
        if result["outcome"] != "cascade":
            return self._exact(result)
        return self._finish(result, cal)

    def _answer_all(self, job: _core.TuneJob, cal: _Calibration, sample: Any) -> None:
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
                job.answer(gate, label, full[rows], candidate.model_cost, own)

    # ---- results ----------------------------------------------------------

    def _exact(self, result: dict[str, Any]) -> CompiledModel:
        message = f"no cascade was certified: {result['message']}; the exact pipeline is returned"
        needed = result["certificate"]["rows_needed"]
        if result["outcome"] == "too few rows":
            message += f" (certifying takes at least {needed} rows that count)"
        if self.strict:
            raise CertificateError(message.replace("; the exact pipeline is returned", ""))
        warnings.warn(message, NotCertifiedWarning, stacklevel=4)
        return self._model(self.conversion.finish())

    def _finish(self, result: dict[str, Any], cal: _Calibration) -> CompiledModel:
        candidate, threshold = self.trained[result["candidate"]], float(result["threshold"])
        names = [name for name, _ in self.blocks]
        now = datetime.datetime.now(datetime.UTC)
        certificate = {
            **result["certificate"],
            "kind": "agreement",
            "per": cal.unit,
            "blocks": [names[i] for i in result["blocks"]],
            # JSON has no infinity: -inf where every row may leave.
            "threshold": threshold if np.isfinite(threshold) else str(threshold),
            "expected_cost": result["expected_cost"],
            "exact_cost": result["exact_cost"],
            "costs": {
                **dict(zip(names, self.costs.tolist(), strict=True)),
                "model": self.model_cost,
            },
            "costs_measured": self.is_measured,
            "n_select_rows": len(cal.select),
            "date": now.date().isoformat(),
        }
        stages = self._cascade(candidate.outputs, candidate.gate, threshold)
        return self._model(self.conversion.finish(stages, {"certificate": certificate}))

    def _model(self, converted: Any) -> CompiledModel:
        return CompiledModel.from_converted(
            converted, self.pipeline, strict=self.strict, n_threads=self.n_threads
        )


def _time(runner: _Runner, output: str, sample: Any) -> float:
    """ns a row: the smallest of several runs, which other work disturbs least."""
    n = max(1, n_rows_of(sample))
    times: list[int] = []
    for _ in range(COST_REPEATS):
        begin = time.perf_counter_ns()
        runner(output, sample)
        times.append(time.perf_counter_ns() - begin)
    return min(times) / float(n)
