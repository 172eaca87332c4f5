"""Does a row belong to the class? Generated rows, a forest's probability of weak columns,
logistic regression.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import instant
import numpy as np
import onnx_peers
import pandas as pd

from . import Workload, parts_of

N_LATER = 300_000


def make(is_quick: bool) -> Workload:
    """The forest is nearly all of a row's time, and what tools are there for: they take it,
    and the regression behind it stays Python."""
    rows, forest = instant.load(N_LATER // 10 if is_quick else N_LATER)
    function = instant.fit(rows.train, rows.labels, forest)
    regression = parts_of(function)["model"]

    def strong(frame: Any) -> np.ndarray:
        return frame[instant.STRONG].to_numpy()

    def weak(frame: Any) -> np.ndarray:
        return frame[instant.WEAK].to_numpy()

    def finish(scores: np.ndarray, frame: Any) -> np.ndarray:
        features = np.column_stack([strong(frame), 1.0 - scores, scores])
        return regression.predict_proba(features)[:, 1]

    def by_onnx() -> Callable[[pd.DataFrame], Any]:
        scores = onnx_peers.stacked(forest, len(instant.WEAK), regression, len(instant.STRONG))
        return lambda frame: scores(weak(frame), strong(frame))[:, 1]

    return Workload(
        "instant",
        f"generated rows: {len(instant.STRONG)} columns that tell much, and what a forest of "
        f"{instant.N_TREES} trees makes of {len(instant.WEAK)} weak ones, logistic regression; "
        "tools take the forest",
        "binary",
        rows.train,
        rows.labels,
        rows.later,
        rows.later_labels,
        function,
        forest,
        weak,
        finish,
        cheap=strong,
        cheap_model=regression,
        onnx=by_onnx,
        polars=lambda: weak,  # a frame of polars takes a list of names, too
        data="generated",
    )
