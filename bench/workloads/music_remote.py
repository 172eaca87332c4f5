"""Ratings again, with the features of users and titles in a store that is a millisecond away:
a cascade's first stage reads what the request brings and spares easy rows the fetches.

A request brings what a client knows: the user's last ratings, and the genres of the title.
The store has the means and counts of all earlier ratings. The model is a logistic
regression: a cascade inside an ensemble of trees reads what its first trees split on, which
is the store's.
"""

from __future__ import annotations

import functools

import music
import numpy as np
import pandas as pd
import willump
from gallery import Rows
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from . import Workload, has_data
from .store import Store

N_TRAIN, N_LATER, N_EARLIER = 15_000, 30_000, 20_000
N_LAST = 3


def make(is_quick: bool) -> Workload:
    loaded, _, titles = music.load()
    ratings = pd.concat([loaded.train, loaded.later], ignore_index=True)
    ratings["stars"] = np.concatenate([loaded.labels, loaded.later_labels]).astype(float)
    earlier, rest = ratings.head(N_EARLIER), ratings.iloc[N_EARLIER:]
    store = Store(
        {
            key: table_of(earlier, f"{key}_id", largest)
            for key, largest in (
                ("user", ratings["user_id"].max()),
                ("movie", ratings["movie_id"].max()),
            )
        }
    )
    fetch = functools.partial(Store.fetch, store)
    rows = requests_of(rest, titles).head(N_TRAIN + N_LATER)
    likes = (rest["stars"] >= 4).to_numpy()[: N_TRAIN + N_LATER]
    drawn = Rows.drawn(rows, likes, N_TRAIN)
    known = [name for name in rows.columns if name not in ("user_id", "movie_id")]

    def features(requests: pd.DataFrame) -> np.ndarray:
        told = requests[known].to_numpy(float)
        user = fetch("user", requests["user_id"].to_numpy())
        title = fetch("movie", requests["movie_id"].to_numpy())
        return np.hstack([told, user, title])

    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300))
    model.fit(features(drawn.train), drawn.labels)

    @willump.pipeline
    def remote(requests: pd.DataFrame) -> np.ndarray:
        return model.predict_proba(features(requests))[:, 1]

    return Workload(
        "music_remote",
        f"ratings of titles{', MovieLens 1M' * has_data()}: last ratings and genres in the "
        "request, means of users and titles from a store 1 ms away, logistic regression",
        "binary",
        drawn.train,
        drawn.labels,
        drawn.later,
        drawn.later_labels,
        remote,
        model,
        features,
        cheap=lambda requests: requests[known].to_numpy(float),
        is_native=False,
        fetched=lambda: store.n_fetched,
        close=store.close,
    )


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
