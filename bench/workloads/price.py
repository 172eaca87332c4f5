"""What does a night cost? A title, categories and numbers, ridge regression."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx_peers
import pandas as pd
import price
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline

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
        onnx=lambda: by_onnx(parts["features"], model),
    )


def by_onnx(features: Any, model: Ridge) -> Callable[[pd.DataFrame], np.ndarray]:
    """The title's words and what the model makes of them; the rest stays Python."""
    parts = parts_of(features)
    words, encoder, scaler = (parts[name] for name in ("words", "encoder", "scaler"))
    weights = np.ravel(model.coef_)
    ends = np.cumsum([len(words.vocabulary_), sum(encoder._n_features_outs)])
    of_words, of_categories, of_numbers = np.split(weights, ends)
    part = Ridge()
    part.coef_, part.n_features_in_ = of_words, len(of_words)
    part.intercept_ = float(np.ravel(model.intercept_)[0])
    titles = onnx_peers.text_pipeline(make_pipeline(words, part))

    def call(rows: pd.DataFrame) -> np.ndarray:
        scores = np.ravel(titles(parts["title"](rows)))
        scores = scores + encoder.transform(rows[parts["categories"]]) @ of_categories
        return np.expm1(scores + scaler.transform(parts["amounts"](rows)) @ of_numbers)

    return call
