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
from scipy.special import expit

from . import Workload, parts_of

N_LATER = 300_000


def make(is_quick: bool) -> Workload:
    """The forest is nearly all of a row's time, and what tools are there for: they take it,
    and the regression behind it is what it computes, in NumPy. A polars frame is made one array,
    as its columns are those that are strong, then those that are weak."""
    rows, forest = instant.load(N_LATER // 10 if is_quick else N_LATER)
    function = instant.fit(rows.train, rows.labels, forest)
    regression = parts_of(function)["model"]
    assert list(rows.train.columns) == [*instant.STRONG, *instant.WEAK]
    n_strong = len(instant.STRONG)
    of_strong, of_forest = np.split(regression.coef_[0], [n_strong])

    def strong(frame: Any) -> np.ndarray:
        if isinstance(frame, pd.DataFrame):
            return frame[instant.STRONG].to_numpy()
        return frame.to_numpy()[:, :n_strong]

    def weak(frame: Any) -> np.ndarray:
        return frame[instant.WEAK].to_numpy()

    def finish(scores: np.ndarray, frame: Any) -> np.ndarray:
        of_scores = (1.0 - scores) * of_forest[0] + scores * of_forest[1]
        return expit(strong(frame) @ of_strong + of_scores + regression.intercept_[0])

    def by_onnx() -> Callable[[Any], Any]:
        scores = onnx_peers.stacked(forest, len(instant.WEAK), regression, n_strong)

        def call(frame: Any) -> np.ndarray:
            table = frame.to_numpy()
            return scores(table[:, n_strong:], table[:, :n_strong])[:, 1]

        return call

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
        polars=lambda: lambda frame: frame.to_numpy()[:, n_strong:],
        data="generated",
    )
