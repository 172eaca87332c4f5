"""Which category does a product belong to? Text, facts of it, trees, several classes."""

from __future__ import annotations

from typing import Any

import numpy as np
import product

from . import Workload, has_data, parts_of


def make(is_quick: bool) -> Workload:
    rows = product.load()
    function = product.fit(rows.train, rows.labels)
    parts = parts_of(function)
    model = parts["model"]

    def finish(scores: np.ndarray, _: Any) -> np.ndarray:
        return model.classes_[scores.argmax(axis=1)]

    return Workload(
        "product",
        f"{'titles of products' if has_data() else 'tweets'}: 2,000 words and four facts of each "
        "text, LightGBM of several classes",
        "multiclass",
        rows.train,
        rows.labels,
        rows.later,
        rows.later_labels,
        function,
        model,
        parts["features"],
        finish,
    )
