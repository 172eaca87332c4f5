"""Instructions a row of a compiled function, counted by callgrind on the program
(`instructions.sh`): the figure that does not vary from run to run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd

N_ROWS = 1_000


def instructions_per_row(fast: Any, rows: pd.DataFrame, cpus: list[str]) -> dict[str, float]:
    """By instruction set ("avx2", "portable": valgrind does not know AVX-512). The reading of
    the rows as CSV is in them. RuntimeError: why there are none."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    for program in ("valgrind", "willump"):
        if shutil.which(program, path=path) is None:
            raise RuntimeError(f"{program} is not there")
    with tempfile.TemporaryDirectory() as folder:
        model, table = Path(folder) / "m.willump", Path(folder) / "rows.csv"
        fast.save(model)
        one_line(rows.head(N_ROWS)).to_csv(table, index=False)
        found = {}
        for cpu in cpus:
            run = subprocess.run(
                ["sh", Path(__file__).with_name("instructions.sh"), model, table, cpu],
                env={**os.environ, "PATH": path},
                capture_output=True,
                text=True,
            )
            if run.returncode != 0 or not run.stdout.strip():
                raise RuntimeError(run.stderr.strip().splitlines()[-1:] or "nothing was counted")
            found[cpu] = float(run.stdout.split()[-3])
    return found


def one_line(rows: pd.DataFrame) -> pd.DataFrame:
    """Texts without line ends, so that a line is a row."""
    texts = rows.select_dtypes(include=["str", "object"]).columns
    return rows.assign(**{name: rows[name].str.replace(r"\s+", " ", regex=True) for name in texts})
