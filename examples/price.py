"""Prices: a night in a listing, from its title, its place and numbers, by ridge regression.

Without the data folder: the interest rate of a loan.
"""

from __future__ import annotations

from typing import Any

import gallery
import numpy as np
import pandas as pd
import scipy.sparse
import willump
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import Ridge
from sklearn.preprocessing import OneHotEncoder, StandardScaler

LISTINGS = (
    "name",
    ["neighbourhood_group", "neighbourhood", "room_type"],
    [
        "latitude", "longitude", "minimum_nights", "number_of_reviews", "reviews_per_month",
        "calculated_host_listings_count", "availability_365",
    ],
    "price",
)  # fmt: skip
LOANS = (
    "emp_title",
    ["state", "homeownership", "verified_income", "loan_purpose", "application_type"],
    [
        "emp_length", "annual_income", "debt_to_income", "delinq_2y", "inquiries_last_12m",
        "total_credit_lines", "open_credit_lines", "total_credit_limit", "loan_amount", "term",
    ],
    "interest_rate",
)  # fmt: skip


def load() -> tuple[gallery.Rows, str, list[str], list[str]]:
    """Rows, and the names of the text, the categories and the numbers."""
    table, is_real = gallery.read("price/airbnb_nyc_2019.csv.gz", "openintro", "loans_full_schema")
    text, categories, numbers, target = LISTINGS if is_real else LOANS
    known = table[[text, *categories, *numbers]].astype(dict.fromkeys([text, *categories], "str"))
    return gallery.Rows.drawn(known, np.log1p(table[target]), 7_000), text, categories, numbers


def fit(
    train: pd.DataFrame, labels: Any, text: str, categories: list[str], numbers: list[str]
) -> Any:
    def amounts(rows: pd.DataFrame) -> Any:
        return np.log1p(rows[numbers].fillna(0.0).to_numpy(float).clip(0.0))

    def title(rows: pd.DataFrame) -> Any:
        return rows[text].fillna("").str.lower().str.replace("&", " and ", regex=False)

    scaler = StandardScaler().fit(amounts(train))
    encoder = OneHotEncoder(handle_unknown="ignore", min_frequency=5).fit(train[categories])
    words = TfidfVectorizer(max_features=5_000, ngram_range=(1, 2)).fit(title(train))

    def features(rows: pd.DataFrame) -> Any:
        parts = [words.transform(title(rows)), encoder.transform(rows[categories])]
        return scipy.sparse.hstack([*parts, scaler.transform(amounts(rows))])

    model = Ridge(alpha=3.0).fit(features(train), labels)

    @willump.pipeline
    def price(rows: pd.DataFrame) -> Any:
        return np.expm1(model.predict(features(rows)))

    return price


if __name__ == "__main__":
    rows, *names = load()
    gallery.run(fit(rows.train, rows.labels, *names), rows)
