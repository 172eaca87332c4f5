"""What does a night cost? A title, categories and numbers, ridge regression."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx_peers
import pandas as pd
import price
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import Ridge
from sklearn.pipeline import Pipeline

from . import Workload, has_data, parts_of


def make(is_quick: bool) -> Workload:
    rows, *names = price.load()
    function = price.fit(rows.train, rows.labels, *names)
    parts = parts_of(function)
    model = parts["model"]

    def finish(scores: np.ndarray, _: Any) -> np.ndarray:
        return np.expm1(scores)

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
        model,
        lambda frame: parts["features"](frame).tocsr(),
        finish,
        onnx=lambda: by_onnx(rows.train, parts["features"], model),
    )


def by_onnx(train: pd.DataFrame, features: Any, model: Ridge) -> Callable[[Any], np.ndarray]:
    """All that is fitted, as one graph of columns, of a polars frame: polars does what is done
    to strings and numbers before."""
    import polars as pl

    parts = parts_of(features)
    title, amounts, categories = (parts[name] for name in ("title", "amounts", "categories"))
    numbers = parts_of(amounts)["numbers"]

    def columns_of(rows: pd.DataFrame) -> dict[str, Any]:
        found = {"title": title(rows), **{name: rows[name] for name in categories}}
        return {**found, **dict(zip(numbers, amounts(rows).T, strict=True))}

    columns = ColumnTransformer(
        [
            ("words", parts["words"], "title"),
            ("encoder", parts["encoder"], categories),
            ("scaler", parts["scaler"], numbers),
        ]
    )
    columns.fit(pd.DataFrame(columns_of(train)))  # the same rows, so the same columns
    scores = onnx_peers.columns_pipeline(
        Pipeline([("columns", columns), ("model", model)]), ["title", *categories], numbers
    )
    text = parts_of(title)["text"]
    amount = pl.col(numbers).cast(pl.Float64).fill_nan(None).fill_null(0.0)
    columns_of_polars = [
        pl.col(text).fill_null("").str.replace_all("&", " and ", literal=True).alias("title"),
        *(pl.col(name) for name in categories),
        amount.clip(lower_bound=0.0).log1p(),
    ]

    def call(rows: Any) -> np.ndarray:
        told = rows.select(columns_of_polars)
        given = {name: told[name].to_list() for name in categories}
        given["title"] = onnx_peers.lower(told["title"]).to_pylist()
        given |= {name: told[name].to_numpy() for name in numbers}
        return np.expm1(np.ravel(scores(given)))

    return call
