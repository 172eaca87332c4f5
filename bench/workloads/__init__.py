"""The paper's workloads, one file each, as the comparison (`../run.py`) takes them: rows,
the plain function, and the parts of it that other tools can take.

Functions and data are those of `examples/` where there is an example.
"""

from __future__ import annotations

import importlib
import inspect
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[2] / "examples"))

NAMES = (
    "toxic",
    "product",
    "music",
    "price",
    "purchase",
    "credit",
    "instant",
    "flights",
    "music_remote",
)


def has_data() -> bool:
    """Whether the data folder is there; the registry's packages stand in for it."""
    return bool(os.environ.get("WILLUMP_DATA"))


def nothing() -> None:
    """What there is to close, mostly."""


@dataclass
class Workload:
    """Rows, and a plain function of them: a frame to an answer for each row.

    `features` and `model` are the parts of that function that other tools take, the model
    being what costs most of those that they read: `model(features(frame))`, probabilities or
    predictions, then `finish`, are its answers.
    """

    name: str
    title: str
    kind: str  #: "binary", "multiclass" or "regression"
    train: pd.DataFrame
    labels: np.ndarray  #: what the model was fitted on
    later: pd.DataFrame  #: rows that no model has seen, in a random order
    later_labels: np.ndarray
    function: Callable[[pd.DataFrame], Any]
    model: Any
    features: Callable[[pd.DataFrame], Any]
    #: From one column of probabilities (binary), all of them (multiclass) or predictions, and
    #: the frame.
    finish: Callable[[np.ndarray, Any], Any] = field(default=lambda scores, frame: scores)
    #: Some cheap features, for the paper's rule, and what it fits on them: a model like
    #: `model` if None.
    cheap: Callable[[pd.DataFrame], Any] | None = None
    cheap_model: Any = None
    #: The function with all of it in ONNX that ONNX has, from a polars frame; made where ONNX
    #: Runtime and polars may be imported.
    onnx: Callable[[], Callable[[Any], Any]] | None = None
    #: The features by polars, from a polars frame; made where polars may be imported.
    polars: Callable[[], Callable[[Any], np.ndarray]] | None = None
    #: Where the rows come from.
    data: str = field(default_factory=lambda: "data folder" if has_data() else "registry")
    is_native: bool = True  #: compiles without Python steps
    #: Rows fetched from a store by this process so far.
    fetched: Callable[[], int] | None = None
    close: Callable[[], None] = nothing
    #: The paper's own figures: its factors for compiling, and for cascades on top.
    paper: dict[str, float] = field(default_factory=dict)

    def label_of(self, answers: Any) -> np.ndarray:
        """The labels that answers stand for (regression: none)."""
        return np.asarray(answers) > 0.5 if self.kind == "binary" else np.asarray(answers)


def load(name: str, is_quick: bool) -> Workload:
    """A workload, its model fitted. `is_quick`: generated data may be fewer."""
    made: Workload = importlib.import_module(f"workloads.{name}").make(is_quick)
    return made


def parts_of(function: Callable[..., Any]) -> dict[str, Any]:
    """What a function reads from around it, by name."""
    read = inspect.getclosurevars(function)
    return {**read.globals, **read.nonlocals}


def true_scores(model: Any, matrix: Any) -> np.ndarray:
    """What `finish` takes, by the model's own library."""
    if not hasattr(model, "predict_proba"):
        return np.asarray(model.predict(matrix))
    scores = np.asarray(model.predict_proba(matrix))
    return scores[:, 1] if scores.shape[1] == 2 else scores
