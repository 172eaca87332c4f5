"""Will a flight be late? Joins with planes and weather, parts of both, trees."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import flights
import numpy as np
import pandas as pd

from . import Workload, parts_of


def make(is_quick: bool) -> Workload:
    rows, planes, weather = flights.load()
    function = flights.fit(rows.train, rows.labels, planes, weather)
    parts = parts_of(function)
    features = parts["features"]
    return Workload(
        "flights",
        "flights from New York: joins with planes, weather, carriers and places, LightGBM",
        "binary",
        rows.train,
        rows.labels,
        rows.later,
        rows.later_labels,
        function,
        parts["model"],
        features,
        data="registry",
        cheap=lambda rows: rows[flights.NUMBERS].to_numpy(float),
        polars=lambda: polars_features(features),
    )


def polars_features(features: Callable[[pd.DataFrame], Any]) -> Callable[[Any], np.ndarray]:
    """The same features of a polars frame."""
    import polars as pl

    tables = parts_of(features)
    joins = [
        (pl.from_pandas(tables["planes"]), ["tailnum"]),
        (pl.from_pandas(tables["weather"]), ["origin", "time_hour"]),
        (pl.from_pandas(tables["carriers"]), ["carrier"]),
        (pl.from_pandas(tables["places"]), ["dest"]),
    ]
    columns = [
        *(
            pl.col(name)
            for name in [*flights.NUMBERS, *flights.PLANE, *flights.WEATHER, *flights.RATES]
        ),
        (2013 - pl.col("built")).alias("age"),
        (pl.col("origin") == "JFK").alias("is_jfk"),
        (pl.col("temp") - pl.col("wind_speed") * 0.7).alias("chill"),
        pl.col("hour").is_between(17, 22).alias("is_evening"),
    ]

    def call(rows: Any) -> np.ndarray:
        joined = rows
        for table, keys in joins:
            joined = joined.join(table, on=keys, how="left", maintain_order="left")
        chosen = joined.select(c.cast(pl.Float64).fill_null(float("nan")) for c in columns)
        return np.asarray(chosen.to_numpy(order="c"))

    return call
