"""Interleaved timing: every candidate once a round, so that a slow moment of the
machine falls on all of them; medians, and the spread of the ratios by round."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import binom

RESULTS = Path(__file__).parent / "results"


@dataclass
class Timing:
    """Seconds of each round; what one round did is `work` (rows, or bytes)."""

    name: str
    seconds: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        return float(np.median(self.seconds))

    @property
    def minimum(self) -> float:
        return float(np.min(self.seconds))


def interleave(
    candidates: dict[str, Callable[[], Any]], rounds: int, inner: dict[str, int] | None = None
) -> dict[str, Timing]:
    """Runs each candidate `inner` times a round and keeps the time of one."""
    timings = {name: Timing(name) for name in candidates}
    for call in candidates.values():
        call()
    for _ in range(rounds):
        for name, call in candidates.items():
            n = (inner or {}).get(name, 1)
            start = time.perf_counter()
            for _ in range(n):
                call()
            timings[name].seconds.append((time.perf_counter() - start) / n)
    return timings


def interleave_rows(
    candidates: dict[str, Callable[[Any], Any]], rows: list[Any], block: int = 50
) -> dict[str, Timing]:
    """Times a call of each row alone, once for each candidate: a repeated row
    would be hot in the caches. Blocks of rows are interleaved."""
    timings = {name: Timing(name) for name in candidates}
    for start in range(0, len(rows), block):
        for name, call in candidates.items():
            for row in rows[start : start + block]:
                one = [row]
                before = time.perf_counter()
                call(one)
                timings[name].seconds.append(time.perf_counter() - before)
    return timings


def ratio(slow: Timing, fast: Timing, scale: float = 1.0) -> tuple[float, float, float]:
    """Median, lowest and highest of the rounds' ratios slow / fast."""
    each = scale * np.array(slow.seconds) / np.array(fast.seconds)
    return float(np.median(each)), float(each.min()), float(each.max())


#: The fewest rounds whose extremes hold the median at 95 %: 1 - 2 / 2**6 is 97 %.
FEWEST_ROUNDS = 6


def interval(slow: list[float], fast: list[float], scale: float = 1.0) -> list[float]:
    """Median of the rounds' ratios slow / fast, the ends of its 95 % interval and the number
    of rounds. The ends are two of the ratios themselves, which is exact for independent
    rounds (order statistics; the coverage is at least 95 %). Of fewer rounds than
    `FEWEST_ROUNDS` they are the lowest and the highest: a spread, no interval."""
    n = min(len(slow), len(fast))
    each = np.sort(scale * np.array(slow[:n]) / np.array(fast[:n]))
    outside = max(0, int(binom.ppf(0.025, n, 0.5)) - 1)  # ratios left out on either side
    return [float(np.median(each)), float(each[outside]), float(each[n - 1 - outside]), n]


def resident_bytes() -> int:
    """The process's resident memory."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def kept_bytes(path: Path, *, mmap: bool = False) -> int:
    """What a loaded model takes: the mean of eight, in a process that has loaded
    one before and so has what all models share, and the memory that building one
    takes and gives back."""
    code = (
        "import sys, willump; sys.path.insert(0, sys.argv[2]); "
        "from harness import resident_bytes; "
        "load = lambda: willump.load(sys.argv[1], mmap=bool(int(sys.argv[3]))); "
        "first = load(); a = resident_bytes(); "
        "models = [load() for _ in range(8)]; print((resident_bytes() - a) // 8)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, path, str(Path(__file__).parent), str(int(mmap))],
        capture_output=True,
        text=True,
        check=True,
    )
    return int(run.stdout)


#: What a result's figures hang on, as far as it is installed.
PACKAGES = (
    "willump-ml",
    "numpy",
    "scipy",
    "pandas",
    "polars",
    "pyarrow",
    "scikit-learn",
    "scikit-learn-intelex",
    "lightgbm",
    "xgboost-cpu",
    "onnxruntime",
    "skl2onnx",
    "onnxmltools",
    "treelite",
    "tl2cgen",
    "lleaves",
    "timber-compiler",
    "m2cgen",
    "hummingbird-ml",
    "torch",
)


def machine() -> dict[str, Any]:
    """The processor and the versions; nothing that names the machine itself."""
    told = dict(
        (part.strip() for part in line.split(":", 1))
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if ":" in line
    )
    flags = told.get("flags", "").split()
    isa = [f for f in ("sse4_2", "avx2", "avx512f", "avx512bw", "avx512vbmi2") if f in flags]
    return {
        "cpu": told.get("model name", platform.processor()),
        "cores": os.cpu_count(),
        "isa": [platform.machine(), *isa],
        "python": platform.python_version(),
        "packages": {name: found for name in PACKAGES if (found := version_of(name))},
    }


def version_of(package: str) -> str:
    """Its version, or nothing."""
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


class ResultError(Exception):
    """A file is no result of `run.py`; the message says why."""


def read_results(path: Path) -> dict[str, Any]:
    """What `run.py` has written."""
    try:
        content = json.loads(path.read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise ResultError(f"{path} cannot be read: {error}") from None
    except ValueError as error:
        raise ResultError(f"{path} is no JSON: {error}") from None
    parts = ("machine", "is_quick", "workloads")
    missing = [name for name in parts if not isinstance(content, dict) or name not in content]
    if missing:
        raise ResultError(f"{path} is no result of run.py: it has no {', '.join(missing)}")
    return dict(content)


def write_results(path: Path, content: dict[str, Any]) -> None:
    """Writes all of it or, where that fails, leaves what was there; OSError."""
    if path.exists() and not path.is_file():
        path.write_text(json.dumps(content, indent=1) + "\n")  # a pipe, say
        return
    beside = path.with_name(f"{path.name}.part")
    try:
        beside.write_text(json.dumps(content, indent=1) + "\n")
        beside.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)
        raise


def save(name: str, content: dict[str, Any]) -> Path:
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps({"machine": machine(), **content}, indent=1, default=asdict) + "\n")
    return path


def show(title: str, head: list[str], rows: list[list[str]]) -> None:
    widths = [max(len(r[i]) for r in [head, *rows]) for i in range(len(head))]
    print(f"\n{title}")
    for r in [head, ["-" * w for w in widths], *rows]:
        print(
            "  "
            + "  ".join(
                c.ljust(w) if i == 0 else c.rjust(w)
                for i, (c, w) in enumerate(zip(r, widths, strict=True))
            )
        )
