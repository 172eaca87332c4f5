"""What does a night cost? A title, categories and numbers, ridge regression."""

from __future__ import annotations

import numpy as np
import price

from . import Workload, has_data, parts_of


def make(is_quick: bool) -> Workload:
    rows, *names = price.load()
    function = price.fit(rows.train, rows.labels, *names)
    parts = parts_of(function)
    return Workload(
        "price",
        f"{'listings in New York' if has_data() else 'loans'}: TF-IDF of a title, one-hot "
        "categories, scaled numbers, ridge regression",
        "regression",
        rows.train,
        rows.labels,
        rows.later,
        rows.later_labels,
        function,
        parts["model"],
        lambda frame: parts["features"](frame).tocsr(),
        np.expm1,
    )
