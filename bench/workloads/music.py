"""Will a user give a title at least four stars? Joins, means of earlier ratings, trees."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import music
import numpy as np
import pandas as pd
from lookups import FEW, Lookup

from . import Workload, has_data, parts_of


def make(is_quick: bool) -> Workload:
    rows, users, titles = music.load()
    function = music.fit(rows.train, rows.labels, users, titles)
    parts = parts_of(function)
    features = parts["features"]
    by_title = parts_of(features)["by_title"]

    def cheap(ratings: pd.DataFrame) -> np.ndarray:
        known = ratings[["movie_id"]].merge(by_title, on="movie_id", how="left")
        return known[["mean", "std", "count"]].to_numpy(float)

    return Workload(
        "music",
        f"ratings of titles{', MovieLens 1M' * has_data()}: four joins, means of earlier ratings, "
        "genres, LightGBM",
        "binary",
        rows.train,
        rows.labels >= 4,
        rows.later,
        rows.later_labels >= 4,
        function,
        parts["model"],
        features,
        cheap=cheap,
        polars=lambda: polars_features(features),
        paper={"compiled": 1.6, "cascade": 2.4},
    )


def polars_features(features: Callable[[pd.DataFrame], Any]) -> Callable[[Any], np.ndarray]:
    """The same features of a polars frame. What no row changes is done once: the two tables of
    users are one, those of titles too, and their columns are doubles. Few rows are looked up
    instead of joined."""
    import polars as pl

    tables = parts_of(features)
    means = ["mean", "std", "count"]
    users = pl.from_pandas(tables["users"][["user_id", "gender", "age", "occupation"]])
    users = users.with_columns(pl.col("gender").eq_missing("M").alias("is_man")).drop("gender")
    titles = pl.from_pandas(tables["titles"][["movie_id", "genres", "year"]]).select(
        "movie_id",
        "year",
        *(
            pl.col("genres").str.contains(genre, literal=True).fill_null(False).alias(genre)
            for genre in music.GENRES
        ),
    )
    known, lookups = [], []
    for key, table, name, end in (
        ("user_id", users, "by_user", "_user"),
        ("movie_id", titles, "by_title", "_title"),
    ):
        rated = pl.from_pandas(tables[name]).rename({mean: mean + end for mean in means})
        both = table.join(rated, on=key, how="full", coalesce=True)
        both = both.with_columns(pl.exclude(key).cast(pl.Float64))
        known.append((key, both))
        told = both.drop(key)
        lookups.append((key, Lookup(both[key].to_list(), told.to_numpy()), told.columns))
    found = [name for _, _, names in lookups for name in names]
    places = {name: i for i, name in enumerate(found)}
    names = [*(f"{mean}_{of}" for of in ("user", "title") for mean in means)]
    before = [places[name] for name in names]
    after = [places[name] for name in ("is_man", "age", "occupation", "year", *music.GENRES)]
    gap = [places["mean_title"], places["mean_user"]]
    zeros = [i for i, name in enumerate(found) if name in ("is_man", *music.GENRES)]
    columns = [
        *(pl.col(f"{mean}_user") for mean in means),
        *(pl.col(f"{mean}_title") for mean in means),
        (pl.col("mean_title") - pl.col("mean_user")).alias("gap"),
        pl.col("is_man").fill_null(0.0),
        *(pl.col(name) for name in ("age", "occupation", "year")),
        *(pl.col(genre).fill_null(0.0) for genre in music.GENRES),
    ]
    columns = [column.fill_null(float("nan")) for column in columns]

    def few(ratings: Any) -> np.ndarray:
        told = np.hstack([lookup(ratings[key].to_list()) for key, lookup, _ in lookups])
        told[:, zeros] = np.nan_to_num(told[:, zeros], nan=0.0)  # of keys that are not there
        return np.column_stack([told[:, before], told[:, gap[0]] - told[:, gap[1]], told[:, after]])

    def call(ratings: Any) -> np.ndarray:
        if len(ratings) <= FEW:
            return few(ratings)
        joined = ratings
        for key, table in known:
            joined = joined.join(table, on=key, how="left", maintain_order="left")
        return np.asarray(joined.select(columns).to_numpy(order="c"))

    return call
