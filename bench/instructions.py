"""What bounds a compiled function: its instructions, mispredicted branches and cache misses
a row, as callgrind counts them. They do not vary from run to run.

    python bench/instructions.py MODEL.willump ROWS.csv [--cpu avx2] [--bytes]

Counted is what `willump predict` does within `wl_model_predict`: the model, without its
loading and without the reading of rows. Caches are simulated: 32 KiB of the first level,
1 MiB of the second, lines of 64 bytes. Valgrind does not know AVX-512.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

N_ROWS = 1_000
CACHES = ("--I1=32768,8,64", "--D1=32768,8,64", "--LL=1048576,16,64")

#: What one costs, in cycles: a rough model of recent x86-64 processors, for the order of
#: what bounds a row only. Four instructions a cycle; the rest are latencies, which other
#: work hides in part.
CYCLES = {"instructions": 0.25, "mispredictions": 15.0, "first": 10.0, "second": 60.0}
LEAST_SHARE = 0.03  # of the instructions: functions below are left out


@dataclass
class Counts:
    """Of one row: instructions, mispredicted branches, misses of the two caches; and the
    functions that execute most of the instructions, with their shares."""

    instructions: float
    mispredictions: float
    first: float
    second: float
    functions: dict[str, float]

    def cycles(self) -> dict[str, float]:
        """What each is worth, by `CYCLES`."""
        return {name: cost * getattr(self, name) for name, cost in CYCLES.items()}


def count(model: Path, table: Path, n_rows: int, cpu: str) -> Counts:
    """What a prediction of a CSV file's rows takes, a row. RuntimeError: why it cannot be
    counted."""
    program = os.environ.get("WILLUMP_CLI") or str(Path(sys.executable).with_name("willump"))
    for name in ("valgrind", "callgrind_annotate", program):
        if shutil.which(name) is None:
            raise RuntimeError(f"{Path(name).name} is not there")
    environment = {**os.environ, "WILLUMP_CPU": cpu}
    with tempfile.TemporaryDirectory() as folder:
        profile = f"{folder}/profile"
        valgrind = ["valgrind", "--tool=callgrind", "--cache-sim=yes", "--branch-sim=yes", *CACHES]
        valgrind += ["--toggle-collect=wl_model_predict", f"--callgrind-out-file={profile}"]
        predict = [program, "predict", model, table, "-o", f"{folder}/result.csv"]
        _run([*valgrind, *predict], environment)
        events, totals = "", ""
        for line in Path(profile).read_text(errors="replace").splitlines():
            name, _, rest = line.partition(": ")
            events = rest if name == "events" else events
            totals = rest if name == "totals" else totals
        n = dict(zip(events.split(), map(int, totals.split()), strict=False))
        if not n.get("Ir"):
            raise RuntimeError("nothing was counted")
        shown = _run(["callgrind_annotate", "--auto=no", "--show=Ir", profile], environment)
    return Counts(
        n["Ir"] / n_rows,
        (n.get("Bcm", 0) + n.get("Bim", 0)) / n_rows,
        (n.get("D1mr", 0) + n.get("D1mw", 0)) / n_rows,
        (n.get("DLmr", 0) + n.get("DLmw", 0)) / n_rows,
        _functions(shown, n["Ir"]),
    )


def _run(command: list[Any], environment: dict[str, str]) -> str:
    run = subprocess.run(command, env=environment, capture_output=True, text=True)
    if run.returncode != 0:
        said = [line for line in run.stderr.splitlines() if not line.startswith("==")]
        raise RuntimeError((said or ["it failed"])[-1])
    return run.stdout


def _functions(shown: str, whole: int) -> dict[str, float]:
    """Shares of the instructions by function, the largest first."""
    shares: dict[str, float] = {}
    for line in shown.splitlines():
        found = re.match(r"\s*([\d,]+) \([\s\d.]+%\)\s+[^:]*:(\S+)", line)
        if found:
            share = int(found[1].replace(",", "")) / whole
            name = "(no name)" if found[2].startswith("0x") else found[2]
            shares[name] = shares.get(name, 0.0) + share
    return {name: share for name, share in shares.items() if share >= LEAST_SHARE}


def counts_of(fast: Any, rows: pd.DataFrame, cpus: list[str]) -> dict[str, dict[str, Any]]:
    """`Counts` of a compiled function by instruction set ("avx2", "portable")."""
    rows = plain_fields(rows.head(N_ROWS))
    with tempfile.TemporaryDirectory() as folder:
        model, table = Path(folder) / "m.willump", Path(folder) / "rows.csv"
        fast.save(model)
        rows.to_csv(table, index=False)
        return {cpu: asdict(count(model, table, len(rows), cpu)) for cpu in cpus}


def plain_fields(rows: pd.DataFrame) -> pd.DataFrame:
    """Texts without line ends, so that a line is a row."""
    made = {}
    for name, column in rows.items():
        if column.dtype in ("str", "object"):
            made[name] = column.str.replace(r"\s+", " ", regex=True)
    return rows.assign(**{str(name): column for name, column in made.items()})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("rows", type=Path, metavar="ROWS.csv")
    parser.add_argument("--cpu", choices=["avx2", "portable"], default="avx2")
    parser.add_argument("--bytes", action="store_true", help="of a byte of the file, not a row")
    options = parser.parse_args()
    n = len(pd.read_csv(options.rows, skip_blank_lines=False))
    if options.bytes:
        n = options.rows.stat().st_size
    counts = count(options.model, options.rows, n, options.cpu)
    whole = sum(counts.cycles().values())
    for name, cycles in counts.cycles().items():
        print(f"{name:16s} {getattr(counts, name):12,.1f} {cycles / whole:5.0%} of the cycles")
    for name, share in counts.functions.items():
        print(f"  {name:28s} {share:5.0%} of the instructions")


if __name__ == "__main__":
    main()
