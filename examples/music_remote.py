"""Ratings again, with the features of users and titles in a store that is a millisecond away:
a cascade's first stage reads what the request brings, and spares easy rows the fetches.

A request brings what a client knows: the user's last ratings, and the genres of the title.
The store has the means and counts of all earlier ratings; `store.py` serves it on loopback.
The model is a logistic regression: a cascade inside an ensemble of trees reads what its first
trees split on, which is the store's.
"""

from __future__ import annotations

from typing import Any

import gallery
import music
import numpy as np
import pandas as pd
import willump
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from store import Store

N_TRAIN, N_LATER, N_EARLIER = 15_000, 30_000, 20_000
N_LAST = 3


def load() -> tuple[gallery.Rows, Store]:
    """Requests, whose labels are whether the title got at least four stars, and the store,
    which is to be closed."""
    loaded, _, titles = music.load()
    ratings = pd.concat([loaded.train, loaded.later], ignore_index=True)
    ratings["stars"] = np.concatenate([loaded.labels, loaded.later_labels]).astype(float)
    earlier, rest = ratings.head(N_EARLIER), ratings.iloc[N_EARLIER:]
    store = Store(
        {
            key: table_of(earlier, f"{key}_id", ratings[f"{key}_id"].max())
            for key in ("user", "movie")
        }
    )
    requests = requests_of(rest, titles).head(N_TRAIN + N_LATER)
    likes = (rest["stars"] >= 4).to_numpy()[: N_TRAIN + N_LATER]
    return gallery.Rows.drawn(requests, likes, N_TRAIN), store


def table_of(earlier: pd.DataFrame, key: str, largest: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean, spread and number of the earlier ratings of every key up to the largest; the
    mean of all where there are none."""
    overall = earlier["stars"].mean()
    told = earlier.groupby(key)["stars"].agg(["sum", "std", "count"])
    keys = np.arange(1 + largest)
    told = told.reindex(keys).fillna(0.0)
    mean = (told["sum"] + 5.0 * overall) / (told["count"] + 5.0)
    return keys, np.column_stack([mean, told["std"], np.log1p(told["count"])])


def requests_of(ratings: pd.DataFrame, titles: pd.DataFrame) -> pd.DataFrame:
    """Rows as a client sends them."""
    by_user = ratings.groupby("user_id")["stars"]
    rows = ratings[["user_id", "movie_id"]].copy()
    for i in range(1, N_LAST + 1):
        rows[f"last_{i}"] = by_user.shift(i).fillna(3.6)
    genres = titles.set_index("movie_id")["genres"].reindex(ratings["movie_id"]).fillna("")
    for genre in music.GENRES:
        rows[genre] = genres.str.contains(genre, regex=False).to_numpy(float)
    return rows.reset_index(drop=True)


def known_of(requests: pd.DataFrame) -> list[str]:
    """What a request tells without the store."""
    return [name for name in requests.columns if name not in ("user_id", "movie_id")]


def fit(train: pd.DataFrame, labels: Any, store: Store) -> Any:
    known = known_of(train)

    def features(requests: pd.DataFrame) -> Any:
        told = requests[known].to_numpy(float)
        user = store.fetch("user", requests["user_id"].to_numpy())
        title = store.fetch("movie", requests["movie_id"].to_numpy())
        return np.hstack([told, user, title])

    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300))
    model.fit(features(train), labels)

    @willump.pipeline
    def likes(requests: pd.DataFrame) -> Any:
        return model.predict_proba(features(requests))[:, 1]

    return likes


if __name__ == "__main__":
    rows, store = load()
    function = fit(rows.train, rows.labels, store)
    n = len(rows.later) // 2
    cascade = willump.optimize(
        function, rows.train, rows.labels, X_cal=rows.later.head(n), target=willump.Agreement(0.99)
    )
    certificate = cascade.metadata.get("certificate")
    if certificate is not None:  # else the warning says why
        print(certificate["promise"])
    others = rows.later.tail(len(rows.later) - n)
    for name, call in (("plain", function), ("cascade", cascade)):
        store.n_fetched = 0
        seconds = gallery.median_seconds(call, [others])
        print(f"{name}: {store.n_fetched} fetched for {len(others)} rows, {seconds * 1e3:.0f} ms")
    store.close()
