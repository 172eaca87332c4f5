"""How long a function takes to be followed, and what of that is the function itself.

    python bench/capture.py [--lines 200] [--rounds 9] [--profile]

A function of so many statements is written: arithmetic, conditions, strings, dates, lookups,
a join, and a model over what they give. It is compiled on samples of different lengths, with
pandas' own run of it on the same sample interleaved. The first line is the first capture of
a process, which fills the tables of characters. `--profile` prints where the time goes.
"""

from __future__ import annotations

import argparse
import cProfile
import importlib.util
import pstats
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import willump
from harness import interleave, ratio, save, show

SAMPLES = (100, 1_000, 10_000)
HEAD = """\
import numpy as np
import pandas as pd
from sklearn.linear_model import LinearRegression

TABLE = pd.DataFrame({"key": [f"k{i}" for i in range(500)], "v": np.arange(500.0)})
PRICES = {"a": 1.5, "b": 2.0, "c": 0.5}
rng = np.random.default_rng(0)
MODEL = LinearRegression().fit(rng.random((50, 8)), rng.random(50))


def features(f):
    f = f.merge(TABLE, on="key", how="left")
"""
#: Statements, in turn; {n} is the number of the line, {p} that of one before.
STATEMENTS = (
    'f["a{n}"] = f["x"] * {n} + f["y"]',
    'f["a{n}"] = f["a{p}"].fillna(0.0).clip(-10.0, 1e6)',
    'f["a{n}"] = np.where(f["x"] > {n}, f["a{p}"], f["v"])',
    'f["a{n}"] = np.log1p(f["i"].abs() + {n})',
    'f["a{n}"] = f["name"].str.lower().str.len() + {n}.0',
    'f["a{n}"] = f["name"].str.contains("a{n}").astype(float)',
    'f["a{n}"] = f["kind"].map(PRICES).fillna({n}.0)',
    'f["a{n}"] = (f["kind"] == "a").astype(float) - f["a{p}"]',
    'f["a{n}"] = f["when"].dt.hour.astype(float) * {n}',
    'f.loc[f["i"] > {n}, "a{p}"] = {n}.5',
)
TAIL = "    return MODEL.predict(f[[{names}]].fillna(0.0).to_numpy())\n"


def written(n_lines: int, folder: Path) -> Callable[[Any], Any]:
    """A function of so many lines, in a module of its own."""
    lines, made = [], []
    for n in range(n_lines - 2):
        form = STATEMENTS[n % len(STATEMENTS)]
        lines.append("    " + form.format(n=n, p=made[-1] if made else n))
        if form.startswith('f["'):
            made.append(n)
    names = ", ".join(f'"a{n}"' for n in made[-8:])
    path = folder / f"features_{n_lines}.py"
    path.write_text(HEAD + "\n".join(lines) + "\n" + TAIL.format(names=names))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    found: Callable[[Any], Any] = module.features
    return found


def rows_of(n: int) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(
        {
            "x": rng.normal(size=n),
            "y": rng.normal(size=n),
            "i": rng.integers(-50, 50, n),
            "name": pd.Series([f"Name a{i % 97} b" for i in range(n)], dtype="str"),
            "kind": pd.Series(rng.choice(["a", "b", "c", "d"], n), dtype="str"),
            "key": pd.Series([f"k{i % 600}" for i in range(n)], dtype="str"),
            "when": pd.to_datetime("2020-01-01") + pd.to_timedelta(np.arange(n) * 977, unit="s"),
        }
    )
    frame.loc[rng.random(n) < 0.1, "x"] = np.nan
    return frame


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lines", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--profile", action="store_true")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        function = written(arguments.lines, Path(folder))
        frame = rows_of(max(SAMPLES))
        start = time.perf_counter()
        fast = willump.compile(function, sample=frame.head(SAMPLES[0]), strict=True)
        first = time.perf_counter() - start
        assert fast.verify(frame).ok
        table, results = [["first", "", f"{1e3 * first:.0f}", "", ""]], []
        for n in SAMPLES:
            sample = frame.head(n)
            timings = interleave(
                {
                    "capture": lambda s=sample: willump.compile(function, sample=s),
                    "pandas": lambda s=sample: function(s),
                },
                arguments.rounds,
            )
            capture, pandas = timings["capture"], timings["pandas"]
            middle, low, high = ratio(capture, pandas)
            results.append({"rows": n, "capture": capture, "pandas": pandas})
            table.append(
                [
                    "compile",
                    str(n),
                    f"{1e3 * capture.median:.0f}",
                    f"{1e3 * pandas.median:.0f}",
                    f"{middle:.2f} ({low:.2f} to {high:.2f})",
                ]
            )
        head = ["", "sample", "ms", "ms of pandas", "times pandas"]
        show(f"A function of {arguments.lines} lines", head, table)
        print(save("capture", {"lines": arguments.lines, "first": first, "results": results}))
        if arguments.profile:
            profile = cProfile.Profile()
            profile.runcall(willump.compile, function, sample=frame.head(1000))
            pstats.Stats(profile).sort_stats("cumulative").print_stats(35)


if __name__ == "__main__":
    main()
