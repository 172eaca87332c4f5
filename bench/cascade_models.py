"""Cascades of regressors and of models that stay Python, over the exact pipeline.

    WILLUMP_DATA=... python bench/cascade_models.py [--seeds 5] [--only prices]

`prices`: used cars, a forest of 100 trees that predicts, Tolerance(rel=0.05,
share=0.95). `kernel`: toxic comments, an RBF SVC over TF-IDF; `layers`: product
categories, an MLPClassifier of two layers over TF-IDF; both Agreement(0.99). Their
features compile, the model itself is scikit-learn's. Each seed draws the training,
calibration and untouched rows anew. `bound` is 1 / (c + (1 - e) (1 - c)): c the
first stage's share of the exact cost, e the share of rows that leave.
"""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import willump
from harness import interleave, save, show
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestRegressor
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder, StandardScaler
from sklearn.svm import SVC
from tqdm import tqdm

ROUNDS = 5
CATEGORIES = ["make", "model", "transmission", "fuelType"]
NUMBERS = ["year", "mileage", "tax", "mpg", "engineSize"]


def prices(folder: Path, seed: int) -> dict[str, Any]:
    cars = pd.read_csv(folder / "price" / "uk_used_cars.csv.gz").drop_duplicates()
    cars = cars.sample(frac=1.0, random_state=seed).reset_index(drop=True)
    y = cars.pop("price").to_numpy(float)
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    columns = make_column_transformer((encoder, CATEGORIES), (StandardScaler(), NUMBERS))
    pipeline = make_pipeline(columns, RandomForestRegressor(100, random_state=seed))
    target = willump.Tolerance(rel=0.05, share=0.95)

    def is_right(served: Any, exact: Any) -> Any:
        return np.abs(served - exact) <= target.rel * np.abs(exact)

    return measured(pipeline, cars, y, (15_000, 6_000, 40_000), target, is_right, seed)


def kernel(folder: Path, seed: int) -> dict[str, Any]:
    comments = pd.read_csv(folder / "toxic" / "jigsaw_balanced.csv.gz")
    return of_text(comments, "comment_text", "toxic", SVC(), (2_000, 3_000, 7_000), seed)


def layers(folder: Path, seed: int) -> dict[str, Any]:
    titles = pd.read_csv(folder / "product" / "pricerunner.csv.gz")
    model = MLPClassifier((512, 256), early_stopping=True, random_state=seed)
    sizes = (8_000, 4_000, 6_000)
    return of_text(titles, "product_title", "category_label", model, sizes, seed)


def of_text(
    rows: pd.DataFrame, text: str, label: str, model: Any, sizes: tuple[int, int, int], seed: int
) -> dict[str, Any]:
    rows = rows.drop_duplicates(text).sample(frac=1.0, random_state=seed)
    x, y = rows[text].to_numpy(object), rows[label].to_numpy()
    pipeline = make_pipeline(TfidfVectorizer(max_features=5_000, sublinear_tf=True), model)
    target = willump.Agreement(0.99)
    return measured(pipeline, x, y, sizes, target, lambda a, b: a == b, seed)


def measured(
    pipeline: Any,
    x: Any,
    y: Any,
    sizes: tuple[int, int, int],
    target: Any,
    is_right: Callable[[Any, Any], Any],
    seed: int,
) -> dict[str, Any]:
    a, b, c = np.cumsum(sizes)
    pipeline.fit(x[:a], y[:a])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exact = willump.compile(pipeline)
        cascade = willump.optimize(
            pipeline, x[:a], y[:a], X_cal=x[a:b], target=target, random_state=seed
        )
    certificate = cascade.metadata.get("certificate")
    if certificate is None:
        return {"certified": False}
    rows = x[b:c]
    right = float(np.mean(is_right(cascade.predict(rows), exact.predict(rows))))
    few = rows[:2_000]
    times = interleave(
        {"exact": lambda: exact.predict(few), "cascade": lambda: cascade.predict(few)}, ROUNDS
    )
    leaving = certificate["share_leaving"]
    share = certificate["gates"][0]["cost"] / certificate["exact_cost"]
    return {
        "certified": True,
        "right": right,
        "leaving": leaving,
        "first": share,
        "n_gates": len(certificate["gates"]),
        "gate": certificate["gates"][0]["confidence"],
        "bound": 1.0 / (share + (1.0 - leaving) * (1.0 - share)),
        "speed": times["exact"].median / times["cascade"].median,
        "asked": target.share if isinstance(target, willump.Tolerance) else target.rate,
    }


WORKLOADS = {"prices": prices, "kernel": kernel, "layers": layers}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", choices=WORKLOADS)
    options = parser.parse_args()
    folder = os.environ.get("WILLUMP_DATA")
    if folder is None:
        sys.exit("WILLUMP_DATA names no folder of data")
    names = [options.only] if options.only else list(WORKLOADS)
    found: dict[str, list[dict[str, Any]]] = {}
    for name in names:
        run = WORKLOADS[name]
        seeds = tqdm(range(options.seeds), desc=name, file=sys.stderr)
        found[name] = [run(Path(folder), seed) for seed in seeds]
    lines = []
    for name, entries in found.items():
        certified = [e for e in entries if e["certified"]]
        middle = {
            key: float(np.median([e[key] for e in certified])) if certified else float("nan")
            for key in ("leaving", "first", "bound", "speed", "right", "asked")
        }
        missed = sum(e["right"] < e["asked"] for e in certified)
        lines.append(
            [
                name,
                f"{len(certified)} of {len(entries)}",
                f"{middle['leaving']:.3f}",
                f"{middle['first']:.3f}",
                f"{middle['bound']:.2f}x",
                f"{middle['speed']:.2f}x",
                f"{middle['right']:.4f} of {middle['asked']:g}",
                str(missed),
            ]
        )
    head = ["", "certified", "leaving", "c", "bound", "speed", "right on untouched", "missed"]
    show(f"cascade against exact, medians of {options.seeds} seeds", head, lines)
    save("cascade_models", found)


if __name__ == "__main__":
    main()
