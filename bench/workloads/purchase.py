"""Will a customer come back within a month? Aggregates over a log, joins, trees."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import purchase
from lookups import FEW, Lookup

from . import Workload, has_data, parts_of


def make(is_quick: bool) -> Workload:
    rows, log = purchase.load()
    function = purchase.fit(rows.train, rows.labels, log)
    parts = parts_of(function)
    features = parts["features"]
    by_customer = parts_of(features)["by_customer"]

    def cheap(visits: pd.DataFrame) -> np.ndarray:
        known = visits[["customer"]].merge(
            by_customer, left_on="customer", right_index=True, how="left"
        )
        return known[["n_lines", "spent"]].to_numpy(float)

    return Workload(
        "purchase",
        f"{'visits to a shop' if has_data() else 'flights of planes'}: aggregates over a log, two "
        "joins, parts of dates, LightGBM",
        "binary",
        rows.train,
        rows.labels,
        rows.later,
        rows.later_labels,
        function,
        parts["model"],
        features,
        cheap=cheap,
        polars=lambda: polars_features(features),
        paper={"compiled": 1.0, "cascade": 3.2},
    )


def polars_features(features: Callable[[pd.DataFrame], Any]) -> Callable[[Any], np.ndarray]:
    """The same features of a polars frame. Tables are made once, and of doubles. Few rows are
    looked up instead of joined."""
    import polars as pl

    tables = parts_of(features)
    by_customer = tables["by_customer"]
    known = (by_customer["last"] - by_customer["first"]).dt.total_seconds() / 86400.0
    by_customer = by_customer.assign(
        days_away=(tables["now"] - by_customer["last"]).dt.days,
        days_known=known,
        rate=by_customer["n_lines"] / (known + 1.0),
    ).drop(columns=["last", "first"])
    customers, items = (
        pl.from_pandas(table.reset_index()).with_columns(pl.exclude(key).cast(pl.Float64))
        for key, table in (("customer", by_customer), ("item", tables["by_item"]))
    )
    names = ["n_lines", "spent", "mean_amount", "n_items", "buyers", "sold", "days_away"]
    told = [table.drop(key) for table, key in ((customers, "customer"), (items, "item"))]
    customer, item = (
        Lookup(table[key].to_list(), own.to_numpy())
        for table, key, own in zip((customers, items), ("customer", "item"), told, strict=True)
    )
    found = [name for own in told for name in own.columns]
    order = [found.index(name) for name in (*names, "days_known", "rate")]
    homes = ("United Kingdom", "EWR")
    columns = [
        *(pl.col(name).fill_null(float("nan")) for name in [*names, "days_known", "rate"]),
        pl.col("time").dt.hour().alias("hour").cast(pl.Float64),
        (pl.col("time").dt.weekday() - 1).alias("weekday").cast(pl.Float64),
        pl.col("place").is_in(homes).alias("is_home").cast(pl.Float64),
    ]

    def few(visits: Any) -> np.ndarray:
        known = [customer(visits["customer"].to_list()), item(visits["item"].to_list())]
        times, places = visits["time"].to_list(), visits["place"].to_list()
        own = [
            [time.hour, time.weekday(), place in homes]
            for time, place in zip(times, places, strict=True)
        ]
        return np.column_stack([np.hstack(known)[:, order], own])

    def call(visits: Any) -> np.ndarray:
        if len(visits) <= FEW:
            return few(visits)
        joined = visits.join(customers, on="customer", how="left", maintain_order="left").join(
            items, on="item", how="left", maintain_order="left"
        )
        return np.asarray(joined.select(columns).to_numpy(order="c"))

    return call
