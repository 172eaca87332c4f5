"""Products: which of ten categories does a title belong to? Text, facts of it, and trees.

Without the data folder: tweets, and which of three programs sent them.
"""

from __future__ import annotations

from typing import Any

import gallery
import lightgbm
import numpy as np
import pandas as pd
import scipy.sparse
import willump
from sklearn.feature_extraction.text import CountVectorizer


def load() -> gallery.Rows:
    table, is_real = gallery.read("product/pricerunner.csv.gz", "dslabs", "trump_tweets")
    if is_real:
        table = table.drop_duplicates("product_title")
        return gallery.Rows.drawn(table[["product_title"]], table["category_label"], 12_000)
    table = table.drop_duplicates("text")
    table = table[table["source"].isin(table["source"].value_counts().index[:3])]
    rows = table[["text"]].rename(columns={"text": "product_title"}).astype("str")
    return gallery.Rows.drawn(rows, table["source"], 8_000)


def fit(train: pd.DataFrame, labels: Any) -> Any:
    words = CountVectorizer(max_features=2_000, token_pattern=r"(?u)\b\w+\b")
    words.fit(train["product_title"])

    def features(products: pd.DataFrame) -> Any:
        title = products["product_title"].str.strip()
        facts = np.column_stack(
            [
                title.str.len(),
                title.str.count(" ") + 1,
                title.str.contains("inch|litre|gb|mp", case=False),
                title.str.startswith("the "),
            ]
        )
        return scipy.sparse.hstack([words.transform(title), facts.astype(float)]).tocsr()

    model = lightgbm.LGBMClassifier(n_estimators=30, num_leaves=15, n_jobs=1, verbosity=-1)
    model.fit(features(train), labels)

    @willump.pipeline
    def category(products: pd.DataFrame) -> Any:
        return model.predict(features(products))

    return category


if __name__ == "__main__":
    rows = load()
    gallery.run(fit(rows.train, rows.labels), rows)
