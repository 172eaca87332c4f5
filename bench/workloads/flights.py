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
    """The same features of a polars frame. What no row changes is done once: columns that hang
    on a table's alone, and all as doubles."""
    import polars as pl

    tables = parts_of(features)
    joins = []
    for name, keys, more in (
        ("planes", ["tailnum"], [(2013 - pl.col("built")).alias("age")]),
        (
            "weather",
            ["origin", "time_hour"],
            [(pl.col("temp") - pl.col("wind_speed") * 0.7).alias("chill")],
        ),
        ("carriers", ["carrier"], []),
        ("places", ["dest"], []),
    ):
        table = pl.from_pandas(tables[name])
        table = table.with_columns(pl.exclude(keys).cast(pl.Float64)).with_columns(more)
        joins.append((table, keys))
    missing = float("nan")
    columns = [
        *(pl.col(name).cast(pl.Float64) for name in flights.NUMBERS),
        *(
            pl.col(name).fill_null(missing)
            for name in [*flights.PLANE, *flights.WEATHER, *flights.RATES, "age"]
        ),
        (pl.col("origin") == "JFK").alias("is_jfk").cast(pl.Float64),
        pl.col("chill").fill_null(missing),
        pl.col("hour").is_between(17, 22).alias("is_evening").cast(pl.Float64),
    ]

    def call(rows: Any) -> np.ndarray:
        joined = rows
        for table, keys in joins:
            joined = joined.join(table, on=keys, how="left", maintain_order="left")
        return np.asarray(joined.select(columns).to_numpy(order="c"))

    return call
