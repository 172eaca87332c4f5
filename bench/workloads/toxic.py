"""Is a comment toxic? Words and character n-grams, logistic regression."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import onnx_peers
import pandas as pd
import scipy.sparse
import toxic
from sklearn.pipeline import make_pipeline, make_union

from . import Workload, has_data, parts_of


def make(is_quick: bool) -> Workload:
    rows = toxic.load()
    function = toxic.fit(rows.train, rows.labels)
    parts = parts_of(function)
    words, chars, model = parts["by_word"], parts["by_character"], parts["model"]

    def texts(frame: pd.DataFrame) -> pd.Series:
        return frame["comment_text"].str.lower()

    def features(frame: pd.DataFrame) -> scipy.sparse.csr_matrix:
        text = texts(frame)
        return scipy.sparse.hstack([words.transform(text), chars.transform(text)]).tocsr()

    def by_onnx() -> Callable[[Any], Any]:
        scores = onnx_peers.text_pipeline(make_pipeline(make_union(words, chars), model))
        return lambda frame: scores(onnx_peers.lower(frame["comment_text"]).to_pylist())[:, 1]

    return Workload(
        "toxic",
        f"{'comments' if has_data() else 'tweets'}: 10,000 words and 20,000 character n-grams "
        "by TF-IDF, logistic regression",
        "binary",
        rows.train,
        rows.labels,
        rows.later,
        rows.later_labels,
        function,
        model,
        features,
        cheap=lambda frame: words.transform(texts(frame)),
        onnx=by_onnx,
        paper={"compiled": 15.0},
    )
