"""Will a flight be late? Joins with planes and weather, parts of both, trees."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import flights
import numpy as np
import pandas as pd
from lookups import FEW, Lookup

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
    on a table's alone, and all as doubles. Few rows are looked up instead of joined."""
    import polars as pl

    tables = parts_of(features)
    joins, lookups = [], []
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
        known = table.drop(keys)
        places = zip(*(table[key].to_list() for key in keys), strict=True)
        lookups.append((Lookup(places, known.to_numpy()), known.columns, keys))
    found = [name for _, names, _ in lookups for name in names]
    names = [*flights.PLANE, *flights.WEATHER, *flights.RATES, "age", "chill"]
    order = [found.index(name) for name in names]
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

    def few(rows: Any) -> np.ndarray:
        keys = {key: rows[key].to_list() for _, _, keys in lookups for key in keys}
        told = [lookup(zip(*(keys[key] for key in of), strict=True)) for lookup, _, of in lookups]
        known = np.hstack(told)[:, order]
        hour = rows["hour"].to_numpy()
        is_evening = (hour >= 17) & (hour <= 22)
        is_jfk = [origin == "JFK" for origin in keys["origin"]]
        own = rows.select(flights.NUMBERS).to_numpy()
        return np.column_stack([own, known[:, :-1], is_jfk, known[:, -1], is_evening]).astype(float)

    def call(rows: Any) -> np.ndarray:
        if len(rows) <= FEW:
            return few(rows)
        joined = rows
        for table, keys in joins:
            joined = joined.join(table, on=keys, how="left", maintain_order="left")
        return np.asarray(joined.select(columns).to_numpy(order="c"))

    return call
