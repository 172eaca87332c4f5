"""Saved models: one row through the C APIs, and a batch with each instruction set
and with two threads, against LightGBM's own single thread.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import willump
from harness import show

LEVELS = ["avx512", "avx512bw", "avx2", "portable"]
ROWS_IN_C = 3_000

#: In a process of its own, as the instruction set is chosen once.
CHILD = """
import json, sys
import lightgbm, numpy, willump
from harness import interleave, ratio
text, saved, rows = sys.argv[1:4]
x = numpy.load(rows)
booster = lightgbm.Booster(model_file=text)
one, two = (willump.load(saved, n_threads=n) for n in (1, 2))
theirs = booster.predict(x, raw_score=True, num_threads=1)
if not all((m.predict(x, raw_score=True) == theirs).all() for m in (one, two)):
    sys.exit("the answers differ")
b = interleave(
    {
        "lightgbm": lambda: booster.predict(x, raw_score=True, num_threads=1),
        "one": lambda: one.predict(x, raw_score=True),
        "two": lambda: two.predict(x, raw_score=True),
    },
    7,
    {"one": 5, "two": 5},
)
print(json.dumps([ratio(b["lightgbm"], b["one"]), ratio(b["one"], b["two"])]))
"""


def run(arguments: list[Any], level: str = "") -> str:
    here = str(Path(__file__).parent)
    environment = {**os.environ, "PYTHONPATH": here}
    if level:
        environment["WILLUMP_CPU"] = level
    done = subprocess.run(
        [str(a) for a in arguments], capture_output=True, text=True, env=environment
    )
    if done.returncode != 0:
        sys.exit(f"{arguments[0]}: {done.stderr.strip()}")
    return done.stdout


def build(name: str, folder: Path, library: str | None) -> Path | None:
    """A program of bench/*.c, where there is a library for it, and a compiler."""
    compiler = shutil.which("cc")
    if compiler is None or library is None:
        print(f"{name} in C is skipped: it wants --library libwillump.so and cc")
        return None
    here, program = Path(__file__).parent, folder / name
    include = f"-I{here.parent / 'include'}"
    run([compiler, "-O2", include, here / f"{name}.c", "-o", program, "-ldl"])
    return program


def compare_saved(
    models: Iterable[tuple[str, Any, np.ndarray]], library: str | None
) -> dict[str, Any]:
    """Both comparisons of every model; `library` is libwillump.so, for the C API."""
    lightgbm = Path(lgb.__file__).parent / "lib/lib_lightgbm.so"
    content: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        program = build("row", folder, library)
        text, saved, rows, table = (folder / n for n in ("m.txt", "m.willump", "rows", "x.npy"))
        for label, booster, x in models:
            booster.save_model(text)
            willump.compile(booster).save(saved)
            entry = content[label] = {}
            np.save(table, np.ascontiguousarray(x))
            for level in LEVELS:
                ratios = json.loads(run([sys.executable, "-c", CHILD, text, saved, table], level))
                entry[level] = {"batch_vs_lightgbm": ratios[0], "two_threads": ratios[1]}
            if program is None:
                continue
            np.ascontiguousarray(x[:ROWS_IN_C]).tofile(rows)
            n_rows, n_columns = min(ROWS_IN_C, len(x)), x.shape[1]
            printed = run([program, lightgbm, library, text, saved, rows, n_rows, n_columns])
            entry["lightgbm_row_ns"], entry["row_ns"] = map(float, printed.split())
    _show(content)
    return content


def _show(content: dict[str, Any]) -> None:
    show(
        "a batch, one thread, times faster than LightGBM with one thread; two threads: "
        "times faster than one, with the first instruction set",
        ["model", *LEVELS, "two threads"],
        [
            [
                label,
                *(f"{e[level]['batch_vs_lightgbm'][0]:.1f}x" for level in LEVELS),
                f"{e[LEVELS[0]]['two_threads'][0]:.2f}x",
            ]
            for label, e in content.items()
        ],
    )
    in_c = {label: e for label, e in content.items() if "row_ns" in e}
    if in_c:
        show(
            "one row through C: LightGBM's SingleRowFast against wl_model_predict_row",
            ["model", "times faster", "ns"],
            [
                [label, f"{e['lightgbm_row_ns'] / e['row_ns']:.1f}x", f"{e['row_ns']:.0f}"]
                for label, e in in_c.items()
            ],
        )
