"""What is computed from the rows of constant tables, which becomes tables of its own,
against pandas on random tables that share keys."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import willump
from hypothesis import given, settings
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from test_capture_joins import FLOATS, INTS, KINDS, TEXTS, frames, outcome

KEYS = ["s", "i"]
USERS = {"v": (FLOATS, "float64"), "t": (TEXTS, "str")}
ITEMS = {"w": (INTS, "int64"), "u": (TEXTS, "str"), "next": (INTS, "int64")}


def unique(table: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    return table[~table[keys].duplicated()]


def computed(f: pd.DataFrame) -> list[object]:
    """From the columns of one table, of two, and of a row's own."""
    number = f["v"].fillna(0.5) * 2 - f["w"].fillna(1)
    text = f["t"].str.lower().fillna("none") + "-" + f["u"].str.upper().fillna("")
    return [
        number,
        f["v"].isna() & (f["w"] > 0),
        np.where(f["w"] > 1, f["v"], f["w"]),
        f["u"].str.len().fillna(-1) + f["x"],
        text.str.len(),
        text.str.contains("a"),
        (text + f["s"].fillna("")).str.len(),
    ]


@settings(max_examples=60, deadline=None)
@given(
    frames({"i": KINDS["i"]} | USERS, 1),
    frames({"i": KINDS["i"]} | ITEMS, 1),
    frames({key: KINDS[key] for key in [*KEYS, "x"]}, 1),
    frames({key: KINDS[key] for key in [*KEYS, "x"]}, 1),
)
def test_tables_of_one_key_are_those_of_pandas(
    users: pd.DataFrame, items: pd.DataFrame, sample: pd.DataFrame, rows: pd.DataFrame
) -> None:
    users, items = unique(users, ["i"]), unique(items, ["i"])

    def function(f: pd.DataFrame) -> object:
        joined = f.merge(users, on="i", how="left").merge(items, on="i", how="left")
        return np.column_stack(computed(joined))

    fast = willump.compile(function, sample=sample, strict=True)
    np.testing.assert_array_equal(fast(rows), outcome(function, rows))


@settings(max_examples=40, deadline=None)
@given(
    frames({"s": KINDS["s"]} | ITEMS, 1),
    frames({"i": KINDS["i"]} | USERS, 1),
    frames({key: KINDS[key] for key in ["s", "x"]}, 1),
    frames({key: KINDS[key] for key in ["s", "x"]}, 1),
)
def test_a_table_that_leads_to_another_is_that_of_pandas(
    items: pd.DataFrame, users: pd.DataFrame, sample: pd.DataFrame, rows: pd.DataFrame
) -> None:
    items, users = unique(items, ["s"]), unique(users, ["i"]).rename(columns={"i": "next"})

    def function(f: pd.DataFrame) -> object:
        joined = f.merge(items, on="s", how="left").merge(users, on="next", how="left")
        return np.column_stack(computed(joined))

    fast = willump.compile(function, sample=sample, strict=True)
    np.testing.assert_array_equal(fast(rows), outcome(function, rows))


@pytest.mark.parametrize("n_items", [3, 2_000])
def test_text_of_a_table_is_scored_once(n_items: int) -> None:
    rng = np.random.default_rng(n_items)
    words = np.array(["red", "Blue", "ink", "pen", "ß", "paper"])
    items = pd.DataFrame(
        {
            "item": np.arange(n_items),
            "title": [" ".join(rng.choice(words, 4)) for _ in range(n_items)],
            "price": rng.normal(size=n_items),
        }
    )
    rows = pd.DataFrame({"item": rng.integers(0, n_items + 2, 500), "x": rng.normal(size=500)})
    tfidf = TfidfVectorizer(ngram_range=(1, 2)).fit(items["title"])

    def features(f: pd.DataFrame) -> object:
        joined = f.merge(items, on="item", how="left")
        numbers = joined[["x", "price"]].fillna(0.0).to_numpy()
        return scipy.sparse.hstack([tfidf.transform(joined["title"].fillna("")), numbers])

    model = LogisticRegression().fit(features(rows), rows["x"] > 0)

    def function(f: pd.DataFrame) -> object:
        return model.predict_proba(features(f))

    fast = willump.compile(function, sample=rows, strict=True)
    np.testing.assert_allclose(fast(rows), function(rows), rtol=0, atol=1e-12)
    assert "text_score" not in str(fast.explain(after="all").graph)
