"""Cascades inside one block of text: how fast they are against the exact pipeline,
and against the bound that the first stage's share of the cost allows.

    WILLUMP_DATA=... python bench/sub_blocks.py [--seeds 3] [toxic offensive product]

Each seed splits the rows anew, trains a pipeline of character n-grams and a logistic
regression, certifies a cascade with Agreement(0.99) and times both on untouched rows,
interleaved, in batches of 1,000. c is what the first stage costs of the exact pipeline,
timed on rows that leave; e the share of rows that leave; the bound is
1 / (c + (1 - e) (1 - c)).
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import willump
from harness import Timing, interleave_rows, ratio, save, show
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

TARGET = 0.99
ROUNDS, CHUNK, SINGLE_ROWS = 15, 1_000, 400
#: File, column of texts, column of labels, rows to train on and to calibrate with.
WORKLOADS = {
    "toxic": ("toxic/jigsaw_balanced.csv.gz", "comment_text", "toxic", 5_000, 2_500),
    "offensive": ("toxic/offensive_tweets.csv.gz", "tweet", "class", 8_000, 4_000),
    "product": ("product/pricerunner.csv.gz", "product_title", "category_label", 8_000, 4_000),
}


def load(data: Path, name: str) -> tuple[Any, Any]:
    file, text, label, *_ = WORKLOADS[name]
    frame = pd.read_csv(data / file).drop_duplicates(text)
    return frame[text].to_numpy(object), frame[label].to_numpy()


def in_chunks(calls: dict[str, Any], rows: list[str]) -> dict[str, Timing]:
    """Each chunk by one after the other: short calls, which little disturbs."""
    timings = {name: Timing(name) for name in calls}
    for _ in range(ROUNDS):
        for start in range(0, len(rows) - CHUNK + 1, CHUNK):
            chunk = rows[start : start + CHUNK]
            for name, call in calls.items():
                begin = time.perf_counter()
                call(chunk)
                timings[name].seconds.append(time.perf_counter() - begin)
    return timings


def one_seed(texts: Any, labels: Any, n_train: int, n_cal: int, seed: int) -> dict[str, Any]:
    order = np.random.RandomState(seed).permutation(len(texts))
    train, fresh, untouched = np.split(order, [n_train, n_train + n_cal])
    pipeline = make_pipeline(
        TfidfVectorizer(analyzer="char", ngram_range=(2, 6), max_features=50_000),
        LogisticRegression(max_iter=300),
    )
    begin = time.process_time()
    pipeline.fit(list(texts[train]), labels[train])
    fit = time.process_time() - begin
    exact = willump.compile(pipeline, strict=True)
    begin = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cascade = willump.optimize(
            pipeline,
            list(texts[train]),
            labels[train],
            X_cal=list(texts[fresh]),
            target=willump.Agreement(TARGET),
            random_state=seed,
        )
    entry: dict[str, Any] = {"optimize of fit": (time.process_time() - begin) / fit}
    certificate = cascade.metadata.get("certificate")
    if certificate is None:
        return entry | {"blocks": None}
    rows = list(texts[untouched])
    entry["blocks"] = certificate["blocks"]
    entry["agreement"] = float(np.mean(cascade.predict(rows) == exact.predict(rows)))
    own = np.asarray(cascade.decision_function(rows) != exact.decision_function(rows))
    leaves = own if own.ndim == 1 else own.any(axis=1)
    entry["e"] = float(leaves.mean())
    early = [row for row, leaving in zip(rows, leaves, strict=True) if leaving]
    calls = {"exact": exact.predict, "cascade": cascade.predict}
    times = in_chunks(calls, rows)
    entry["speed"] = ratio(times["exact"], times["cascade"])[0]
    times = in_chunks(calls, early)
    entry["c"] = ratio(times["cascade"], times["exact"])[0]
    c, e = entry["c"], entry["e"]
    entry["bound"] = 1 / (c + (1 - e) * (1 - c))
    entry["of bound"] = entry["speed"] / entry["bound"]
    single = interleave_rows(calls, rows[:SINGLE_ROWS])
    entry["one row"] = single["exact"].median / single["cascade"].median
    # Rows without a text: what a call costs by itself.
    empty = interleave_rows(calls, [""] * SINGLE_ROWS)
    entry["call of one row"] = empty["exact"].median / single["exact"].median
    return entry


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workloads", nargs="*", default=[], choices=[[], *WORKLOADS])
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    folder = os.environ.get("WILLUMP_DATA")
    if not folder:
        sys.exit("set WILLUMP_DATA to the folder of the data sets")
    results: dict[str, list[dict[str, Any]]] = {}
    for name in options.workloads or WORKLOADS:
        texts, labels = load(Path(folder), name)
        n_train, n_cal = WORKLOADS[name][3:]
        results[name] = [
            one_seed(texts, labels, n_train, n_cal, seed) for seed in range(options.seeds)
        ]
    shown = ["speed", "bound", "of bound", "c", "e", "one row", "call of one row", "agreement",
             "optimize of fit"]  # fmt: skip
    show(
        f"Agreement({TARGET}), one block of character n-grams: medians of {options.seeds} seeds",
        ["", "certified", *shown],
        [
            [name, f"{sum('c' in e for e in entries)} of {len(entries)}"]
            + [
                f"{np.median([e[key] for e in entries if key in e] or [np.nan]):.3f}"
                for key in shown
            ]
            for name, entries in results.items()
        ],
    )
    save("sub_blocks", results)


if __name__ == "__main__":
    main()
