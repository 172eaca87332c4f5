"""Which category does a product belong to? Text, facts of it, trees, several classes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx_peers
import pandas as pd
import product
from sklearn.pipeline import make_pipeline

from . import Workload, has_data, parts_of

FEW = 10  # texts


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
        polars=lambda: polars_features(parts["features"]),
    )


def polars_features(features: Callable[[pd.DataFrame], Any]) -> Callable[[Any], np.ndarray]:
    """The same features of a polars frame, spread out: facts by polars, words by scikit-learn
    for few texts, which ONNX Runtime finds faster in many."""
    import polars as pl

    words = parts_of(features)["words"]
    counts = onnx_peers.text_pipeline(make_pipeline(words))
    title = pl.col("product_title").str.strip_chars()
    columns = [
        title.str.len_chars(),
        title.str.count_matches(" ", literal=True) + 1,
        title.str.contains("(?i)inch|litre|gb|mp"),
        title.str.starts_with("the "),
    ]
    columns = [column.cast(pl.Float64).alias(f"f{i}") for i, column in enumerate(columns)]
    columns.append(title.str.to_lowercase().alias("title"))

    def call(products: Any) -> np.ndarray:
        told = products.select(columns)
        titles = told["title"].to_list()
        few = len(titles) < FEW
        found = words.transform(titles).toarray() if few else counts(titles)
        return np.hstack([found, told.drop("title").to_numpy()])

    return call
