"""Purchases: will a customer come back within a month? Aggregates over a log, trees.

Without the data folder: planes and their flights, and whether a plane is in use the
next month.
"""

from __future__ import annotations

from typing import Any

import gallery
import lightgbm
import pandas as pd
import willump

LOG = {"CustomerID": "customer", "InvoiceDate": "time", "StockCode": "item", "Country": "place"}
FLIGHTS = {"tailnum": "customer", "time_hour": "time", "dest": "item", "origin": "place"}


def load() -> tuple[gallery.Rows, pd.DataFrame]:
    """Customers with the item that they look at, and the log before the cut."""
    table, is_real = gallery.read("purchase/online_retail.csv.gz", "nycflights13", "flights")
    if is_real:
        table = table.dropna(subset=["CustomerID"]).rename(columns=LOG)
        table = table.assign(amount=table["Quantity"] * table["UnitPrice"])
        cut = pd.Timestamp("2011-10-01")
    else:
        table = table.dropna(subset=["tailnum"]).rename(columns=FLIGHTS)
        table = table.assign(amount=table["distance"].astype(float))
        cut = pd.Timestamp("2013-10-01")
    table["time"] = pd.to_datetime(table["time"]).dt.tz_localize(None)
    table = table.astype({"customer": "str", "item": "str", "place": "str"})
    later = table[(table["time"] >= cut) & (table["time"] < cut + pd.Timedelta(days=30))]
    log = table[table["time"] < cut].reset_index(drop=True)
    rows = log.sample(40_000, random_state=0)[["customer", "item", "place", "time"]]
    return gallery.Rows.drawn(rows, rows["customer"].isin(later["customer"]), 20_000), log


def fit(train: pd.DataFrame, comes_back: Any, log: pd.DataFrame) -> Any:
    now = log["time"].max()
    by_customer = log.groupby("customer").agg(
        n_lines=("amount", "size"),
        spent=("amount", "sum"),
        mean_amount=("amount", "mean"),
        n_items=("item", "nunique"),
        last=("time", "max"),
        first=("time", "min"),
    )
    by_item = log.groupby("item").agg(buyers=("customer", "nunique"), sold=("amount", "sum"))

    def features(visits: pd.DataFrame) -> Any:
        f = visits.merge(by_customer, left_on="customer", right_index=True, how="left")
        f = f.merge(by_item, left_on="item", right_index=True, how="left")
        f["days_away"] = (now - f["last"]).dt.days
        f["days_known"] = (f["last"] - f["first"]).dt.total_seconds() / 86400.0
        f["rate"] = f["n_lines"] / (f["days_known"] + 1.0)
        f["hour"] = f["time"].dt.hour
        f["weekday"] = f["time"].dt.day_of_week
        f["is_home"] = f["place"].isin(["United Kingdom", "EWR"])
        names = ["n_lines", "spent", "mean_amount", "n_items", "buyers", "sold", "days_away"]
        return f[[*names, "days_known", "rate", "hour", "weekday", "is_home"]].to_numpy(float)

    model = lightgbm.LGBMClassifier(n_estimators=100, num_leaves=31, n_jobs=1, verbosity=-1)
    model.fit(features(train), comes_back)

    @willump.pipeline
    def returns(visits: pd.DataFrame) -> Any:
        return model.predict_proba(features(visits))[:, 1]

    return returns


if __name__ == "__main__":
    rows, log = load()
    gallery.run(fit(rows.train, rows.labels, log), rows)
