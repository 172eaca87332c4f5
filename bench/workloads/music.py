"""Will a user give a title at least four stars? Joins, means of earlier ratings, trees."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import music
import numpy as np
import pandas as pd

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
    """The same features of a polars frame; tables are made once."""
    import polars as pl

    tables = parts_of(features)
    by_user = pl.from_pandas(tables["by_user"])
    by_title = pl.from_pandas(tables["by_title"])
    users = pl.from_pandas(tables["users"][["user_id", "gender", "age", "occupation"]])
    titles = pl.from_pandas(tables["titles"][["movie_id", "genres", "year"]])
    titles = titles.select(
        "movie_id",
        "year",
        *(
            pl.col("genres").str.contains(genre, literal=True).fill_null(False).alias(genre)
            for genre in music.GENRES
        ),
    )
    columns = [
        *(pl.col(name) for name in ("mean", "std", "count")),
        *(pl.col(f"{name}_title") for name in ("mean", "std", "count")),
        pl.col("mean_title") - pl.col("mean"),
        pl.col("gender").eq_missing("M").alias("is_man"),
        *(pl.col(name) for name in ("age", "occupation", "year")),
        *(pl.col(genre).fill_null(False) for genre in music.GENRES),
    ]

    def call(ratings: Any) -> np.ndarray:
        joined = (
            ratings.join(by_user, on="user_id", how="left", maintain_order="left")
            .join(by_title, on="movie_id", how="left", suffix="_title", maintain_order="left")
            .join(users, on="user_id", how="left", maintain_order="left")
            .join(titles, on="movie_id", how="left", maintain_order="left")
        )
        chosen = joined.select(
            *(
                c.cast(pl.Float64).fill_null(float("nan")).alias(f"f{i}")
                for i, c in enumerate(columns)
            )
        )
        return np.asarray(chosen.to_numpy(order="c"))

    return call
