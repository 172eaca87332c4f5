"""Toxic comments: words and character n-grams, logistic regression.

Then behind a first stage that answers the easy comments under a certified target.
Without the data folder: tweets, and whether they were sent from Android.
"""

from __future__ import annotations

from typing import Any

import gallery
import pandas as pd
import scipy.sparse
import willump
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression


def load() -> gallery.Rows:
    table, is_real = gallery.read("toxic/jigsaw_balanced.csv.gz", "dslabs", "trump_tweets")
    if is_real:
        table = table.drop_duplicates("comment_text")
        return gallery.Rows.drawn(table[["comment_text"]], table["toxic"], 6_000)
    table = table.drop_duplicates("text")
    rows = table[["text"]].rename(columns={"text": "comment_text"}).astype("str")
    return gallery.Rows.drawn(rows, table["source"] == "Twitter for Android", 6_000)


def fit(train: pd.DataFrame, labels: Any) -> Any:
    text = train["comment_text"].str.lower()
    by_word = TfidfVectorizer(max_features=10_000, lowercase=False).fit(text)
    by_character = TfidfVectorizer(analyzer="char", ngram_range=(2, 5), max_features=20_000).fit(
        text
    )
    stacked = scipy.sparse.hstack([by_word.transform(text), by_character.transform(text)])
    model = LogisticRegression(max_iter=300).fit(stacked, labels)

    @willump.pipeline
    def toxic(comments: pd.DataFrame) -> Any:
        text = comments["comment_text"].str.lower()
        features = scipy.sparse.hstack([by_word.transform(text), by_character.transform(text)])
        return model.predict_proba(features)[:, 1]

    return toxic


if __name__ == "__main__":
    rows = load()
    function = fit(rows.train, rows.labels)
    fast, _ = gallery.run(function, rows)
    gallery.show_cascade(function, fast, rows)
