"""Ratings: will a user give a title at least four stars? Joins with tables of users and
titles, means of earlier ratings, trees.

Without the data folder: a smaller set of ratings, which has no table of users.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import gallery
import lightgbm
import pandas as pd
import willump

GENRES = ["Action", "Comedy", "Drama", "Horror", "Romance", "Sci-Fi", "Thriller"]
N_TRAIN = 60_000


def load() -> tuple[gallery.Rows, pd.DataFrame, pd.DataFrame]:
    """Ratings of users and titles, and the tables of both."""
    ratings, is_real = gallery.read("music/ml1m_ratings.csv.gz", "dslabs", "movielens")
    if is_real:
        folder = Path(os.environ["WILLUMP_DATA"]) / "music"
        users = pd.read_csv(folder / "ml1m_users.csv.gz")
        titles = pd.read_csv(folder / "ml1m_movies.csv.gz")
        ratings = ratings.sample(3 * N_TRAIN, random_state=0)
    else:
        names = {"userId": "user_id", "movieId": "movie_id"}
        ratings = ratings.rename(columns=names)
        titles = ratings.drop_duplicates("movie_id")[["movie_id", "title", "genres"]]
        users = ratings[["user_id"]].drop_duplicates().assign(gender="?", age=0, occupation=0)
    titles = titles.astype({"title": "str", "genres": "str"}).reset_index(drop=True)
    users = users.astype({"gender": "str"}).reset_index(drop=True)
    rows = gallery.Rows.drawn(ratings[["user_id", "movie_id"]], ratings["rating"], N_TRAIN)
    return rows, users, titles


def fit(train: pd.DataFrame, stars: Any, users: pd.DataFrame, titles: pd.DataFrame) -> Any:
    rated = train.assign(stars=stars)
    by_user = rated.groupby("user_id")["stars"].agg(["mean", "std", "count"]).reset_index()
    years = titles["title"].str.extract(r"\((\d{4})\)$")[0].astype(float)
    titles = titles.assign(year=years)  # once: what no row changes is not computed again
    by_title = rated.groupby("movie_id")["stars"].agg(["mean", "std", "count"]).reset_index()

    def features(ratings: pd.DataFrame) -> Any:
        f = ratings.merge(by_user, on="user_id", how="left")
        f = f.merge(by_title, on="movie_id", how="left", suffixes=("_user", "_title"))
        f = f.merge(users, on="user_id", how="left").merge(titles, on="movie_id", how="left")
        f["gap"] = f["mean_title"] - f["mean_user"]
        f["is_man"] = (f["gender"] == "M").astype(float)
        for genre in GENRES:
            f[genre] = f["genres"].str.contains(genre, regex=False).fillna(False).astype(float)
        names = ["mean_user", "std_user", "count_user", "mean_title", "std_title", "count_title"]
        return f[[*names, "gap", "is_man", "age", "occupation", "year", *GENRES]].to_numpy(float)

    model = lightgbm.LGBMClassifier(n_estimators=100, num_leaves=31, n_jobs=1, verbosity=-1)
    model.fit(features(train), stars >= 4)

    @willump.pipeline
    def likes(ratings: pd.DataFrame) -> Any:
        return model.predict_proba(features(ratings))[:, 1]

    return likes


if __name__ == "__main__":
    rows, users, titles = load()
    gallery.run(fit(rows.train, rows.labels, users, titles), rows)
