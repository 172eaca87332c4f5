"""Other tools in their best configuration that answers one row at a time, on one thread:
each takes the fitted part of a workload that it can read. What is left, mostly the features,
stays plain Python, as it would for whoever uses that tool.

A maker gives a callable from the matrix of features to scores: probabilities of the positive
class, of all classes where there are more, or predictions. ImportError: the tool is not
there; CannotError: it cannot do the workload. Every maker runs in a process of its own.
"""

from __future__ import annotations

import copy
import ctypes
import pickle
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx_peers
import scipy.sparse
import tree_peers
from candidates import Candidate
from scipy.special import expit, softmax
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from workers import CannotError, Engine
from workloads import Workload, true_scores

Scores = Callable[[Any], np.ndarray]

MOST_DENSE = 5_000  # columns of a sparse matrix that is spread out for a tool


def dense(matrix: Any) -> np.ndarray:
    return matrix.toarray() if scipy.sparse.issparse(matrix) else np.asarray(matrix)


def of_dense(work: Workload, scores: Callable[[np.ndarray], Any]) -> Scores:
    """For tools that take dense features only; spreading them out is part of their time."""
    if work.features(work.train.head(2)).shape[1] > MOST_DENSE:
        raise CannotError(
            f"is given dense features, sparse ones of up to {MOST_DENSE} columns spread out: "
            "here are more"
        )
    return lambda matrix: shaped(scores(dense(matrix)), matrix.shape[0])


def shaped(scores: Any, n_rows: int) -> np.ndarray:
    """One column as a vector, of two the second, more as they are."""
    table = np.asarray(scores).reshape(n_rows, -1)
    return table[:, -1] if table.shape[1] <= 2 else table


def is_booster(work: Workload) -> bool:
    return hasattr(work.model, "booster_")


def is_forest(work: Workload) -> bool:
    return isinstance(work.model, RandomForestClassifier)


def needs_trees(work: Workload) -> None:
    if not (is_booster(work) or is_forest(work)):
        raise CannotError("reads ensembles of trees; the model here is a linear one")


def booster_of(work: Workload) -> Any:
    needs_trees(work)
    if is_forest(work):
        raise CannotError("reads LightGBM's trees; the model here is scikit-learn's forest")
    return work.model.booster_


def last_step(work: Workload) -> tuple[Any, Callable[[Any], Any]]:
    """The model without the steps before it, for tools that take no pipelines, and what these
    steps make of the features, by scikit-learn."""
    if not isinstance(work.model, Pipeline):
        return work.model, lambda matrix: matrix
    return work.model[-1], work.model[:-1].transform


def with_int_labels(model: Any) -> Any:
    """Of labels that are False and True, a copy with 0 and 1, for tools that take no others;
    their probabilities are the same."""
    if getattr(model, "classes_", np.zeros(0)).dtype != bool:
        return model
    model = copy.deepcopy(model)
    last = model[-1] if isinstance(model, Pipeline) else model
    setattr(last, "_classes" if hasattr(last, "booster_") else "classes_", np.array([0, 1]))
    return model


# ---- makers -----------------------------------------------------------------------


def lightgbm_booster(work: Workload) -> Scores:
    booster = booster_of(work)
    return lambda matrix: shaped(booster.predict(matrix, num_threads=1), matrix.shape[0])


def onnx(work: Workload) -> Scores:
    if is_booster(work):
        model = with_int_labels(work.model)
        sample = dense(work.features(work.train.head(2)))
        return of_dense(work, tree_peers.onnx_model(model, sample, np.zeros(0)))
    from skl2onnx import to_onnx

    of_dense(work, dense)  # refuses what is too wide
    sample = dense(work.features(work.train.head(2))).astype(np.float32)
    options = {id(work.model): {"zipmap": False}} if hasattr(work.model, "classes_") else None
    session = onnx_peers.session_of(to_onnx(work.model, sample, options=options))
    name = session.get_outputs()[-1].name
    return of_dense(work, lambda x: session.run([name], {"X": x.astype(np.float32)})[0])


def xgboost(work: Workload) -> Scores:
    """A model of its own, of the same shape: only its time can be compared."""
    needs_trees(work)
    labels = np.unique(work.labels, return_inverse=True)[1]
    if work.kind == "regression":
        labels = work.labels
    call = tree_peers.xgboost_model(work.model, work.features(work.train), labels)
    return lambda matrix: shaped(call(matrix), matrix.shape[0])


def tl2cgen(work: Workload) -> Scores:
    needs_trees(work)
    return of_dense(work, tree_peers.tl2cgen_model(work.model, np.zeros((0, 0)), np.zeros(0)))


def lleaves(work: Workload) -> Scores:
    booster_of(work)
    return of_dense(work, tree_peers.lleaves_model(work.model, np.zeros((0, 0)), np.zeros(0)))


def treelite(work: Workload) -> Scores:
    import treelite as library

    needs_trees(work)
    model = tree_peers.treelite_model(work.model)
    return of_dense(work, lambda x: library.gtil.predict(model, x, nthread=1))


def timber(work: Workload) -> Scores:
    from timber.runtime.predictor import TimberPredictor

    needs_trees(work)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model"
        if is_booster(work):
            work.model.booster_.save_model(path)
        else:
            path.write_bytes(pickle.dumps(work.model))
        # Its optimizer makes most rows wrong; without it few are.
        kind = "lightgbm" if is_booster(work) else "sklearn"
        predictor = TimberPredictor.from_model(path, kind, optimize=False)
    return of_dense(work, lambda x: predictor.predict(x.astype(np.float32)))


def onedal(work: Workload) -> Scores:
    """scikit-learn-intelex: its model builders read fitted trees and logistic regressions."""
    import daal4py

    daal4py.daalinit(1)  # threads; the environment does not tell it
    of_dense(work, dense)
    if is_forest(work):  # read by way of treelite; for two classes these are probabilities
        return of_dense(
            work, daal4py.mb.convert_model(tree_peers.treelite_model(work.model)).predict
        )
    last, before = last_step(work)
    if not (is_booster(work) or isinstance(last, LogisticRegression)):
        raise CannotError("its model builders read trees and logistic regressions")
    model = daal4py.mb.convert_model(last.booster_ if is_booster(work) else last)
    call = getattr(model, "predict_proba" if work.kind != "regression" else "predict")
    return of_dense(work, lambda x: call(before(x)))


def hummingbird(work: Workload) -> Scores:
    import torch
    from hummingbird.ml import convert

    of_dense(work, dense)
    sample = dense(work.features(work.train.head(100))).astype(np.float32)
    model = convert(with_int_labels(work.model), "torch.jit", sample)
    torch.set_num_threads(1)  # afterwards: converting sets it to the number of cores
    name = "predict_proba" if work.kind != "regression" else "predict"
    call = getattr(model, name)
    return of_dense(work, lambda x: call(x.astype(np.float32)))


_LOOP = """
void score_rows(double *x, long n, long d, double *out, long k) {
  for (long i = 0; i < n; i++) %s;
}
"""


def m2cgen(work: Workload) -> Scores:
    import m2cgen as library

    compiler = shutil.which("gcc")
    if compiler is None:
        raise CannotError("its C code wants gcc")
    of_dense(work, dense)
    last, before = last_step(work)
    code = library.export_to_c(last)
    fills = re.search(r"^void score\(", code, re.M)
    body = "score(x + i * d, out + i * k)" if fills else "out[i] = score(x + i * d)"
    # One column of a sum, or one for each class.
    k = max(2, len(getattr(last, "classes_", []))) if fills else 1
    with tempfile.TemporaryDirectory() as folder:
        source, path = Path(folder) / "m.c", Path(folder) / "m.so"
        source.write_text(code + _LOOP % body)
        command = [compiler, "-O2", "-shared", "-fPIC", source, "-o", path, "-lm"]
        subprocess.run(command, check=True, capture_output=True)
        function = ctypes.CDLL(str(path)).score_rows

    def call(x: np.ndarray) -> np.ndarray:
        x = np.ascontiguousarray(before(x), np.float64)
        out = np.empty((len(x), k))
        function(
            ctypes.c_void_p(x.ctypes.data),
            ctypes.c_long(x.shape[0]),
            ctypes.c_long(x.shape[1]),
            ctypes.c_void_p(out.ctypes.data),
            ctypes.c_long(k),
        )
        return probabilities(out) if isinstance(last, LogisticRegression) else out

    return of_dense(work, call)


def probabilities(decisions: np.ndarray) -> np.ndarray:
    """Of a logistic regression's decision function, which is what m2cgen's code gives: one
    column for two classes, else one for each."""
    return expit(decisions) if decisions.shape[1] == 1 else softmax(decisions, axis=1)


#: Name, maker, whether it takes long to make, whether it is a model of its own.
MAKERS: list[tuple[str, Callable[[Workload], Scores], bool, bool]] = [
    ("LightGBM", lightgbm_booster, False, False),
    ("XGBoost", xgboost, False, True),
    ("ONNX Runtime", onnx, False, False),
    ("scikit-learn-intelex", onedal, False, False),
    ("treelite", treelite, False, False),
    ("tl2cgen", tl2cgen, True, False),
    ("lleaves", lleaves, True, False),
    ("timber", timber, True, False),
    ("m2cgen", m2cgen, True, False),
    ("Hummingbird", hummingbird, True, False),
]


# ---- candidates -------------------------------------------------------------------


def peers_of(work: Workload) -> list[Candidate]:
    """Every tool; those that cannot do the workload say so when they are built."""
    made = [_of_model(work, *maker) for maker in MAKERS]
    behind = (("the model", None), ("lleaves", lleaves), ("m2cgen", m2cgen))
    both = [_polars(work, *with_what) for with_what in behind]
    return [*made, _onnx_pipeline(work), *both]


def _of_model(
    work: Workload, name: str, make: Callable[[Workload], Scores], is_slow: bool, is_other: bool
) -> Candidate:
    def build() -> Engine:
        model = make(work)
        return Engine(lambda frame: work.finish(model(work.features(frame)), frame), model=model)

    return Candidate(name, "peer", build, {"is_other_model": is_other}, is_slow)


def _onnx_pipeline(work: Workload) -> Candidate:
    """The pipeline in ONNX: its fitted steps as one graph. Rows come as polars frames, which
    are faster to read than those of pandas."""

    def build() -> Engine:
        if work.onnx is None:
            raise CannotError("the harness has no pipeline in ONNX for this workload")
        import polars

        return Engine(work.onnx(), prepare=polars.from_pandas)

    return Candidate("ONNX Runtime, pipeline", "peer", build)


def _polars(work: Workload, name: str, make: Callable[[Workload], Scores] | None) -> Candidate:
    """The features by polars, the model by its own library or by what a maker gives; rows
    come as polars frames."""

    def build() -> Engine:
        if work.polars is None:
            raise CannotError("the harness has no features by polars for this workload")
        import polars

        features, scores = work.polars(), make(work) if make else own_scores(work)
        return Engine(
            lambda frame: work.finish(scores(features(frame)), frame), prepare=polars.from_pandas
        )

    return Candidate(f"polars and {name}", "peer", build, is_slow=make is not None)


def own_scores(work: Workload) -> Scores:
    """By the model's own library, the shortest way to it."""
    if is_booster(work):
        return lightgbm_booster(work)
    return lambda matrix: true_scores(work.model, matrix)
