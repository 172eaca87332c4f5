"""Flights, planes and weather of the shape of nycflights13, made up."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

AIRPORTS = ["EWR", "JFK", "LGA"]
CARRIERS = ["AA", "B6", "DL", "UA", "WN"]
DESTS = [f"D{i:02}" for i in range(30)]
MODELS = ["A320-232", "737-824", "ERJ 190-100 IGW", "MD-88", "Ümlaut ΣΑΣ", ""]


def planes(n: int = 300, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    model = rng.choice(MODELS, n).astype(object)
    model[rng.random(n) < 0.1] = np.nan
    year = rng.integers(1980, 2014, n).astype(float)
    year[rng.random(n) < 0.1] = np.nan
    return pd.DataFrame(
        {
            "tailnum": [f"N{i:04}" for i in range(n)],
            "year": year,
            "model": pd.Series(model, dtype="str"),
            "seats": rng.integers(2, 400, n),
        }
    )


def weather(n_hours: int = 100, seed: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    rows = [(a, hour) for a in AIRPORTS for hour in range(n_hours) if rng.random() < 0.95]
    frame = pd.DataFrame(rows, columns=["origin", "time_hour"])
    temp = rng.normal(50, 20, len(rows))
    temp[rng.random(len(rows)) < 0.05] = np.nan
    return frame.assign(temp=temp, visib=rng.integers(0, 11, len(rows)).astype(float))


def flights(n: int = 500, seed: int = 2) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    tailnum = np.array([f"N{i:04}" for i in rng.integers(0, 350, n)], dtype=object)
    tailnum[rng.random(n) < 0.05] = np.nan
    return pd.DataFrame(
        {
            "year": 2013,
            "month": rng.integers(1, 13, n),
            "carrier": rng.choice(CARRIERS, n),
            "tailnum": pd.Series(tailnum, dtype="str"),
            "origin": rng.choice(AIRPORTS, n),
            "dest": rng.choice(DESTS, n),
            "distance": rng.integers(80, 4983, n),
            "time_hour": rng.integers(-3, 105, n),
        }
    )


def rows_of(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as dicts of Python's own values."""
    return [{str(k): v for k, v in row.items()} for row in frame.to_dict("records")]
