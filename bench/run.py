"""The paper's workloads against plain Python and every peer: one command, one file.

    python bench/run.py [--quick] [--only toxic music ...] [--output FILE.json]

Each workload is measured in a process of its own (`measure.py`), and there each candidate
in one of its own, in turns. The exit code is 0 where all went well; 2 where a peer or
valgrind is missing, or a peer crashed, failed or gave wrong answers; 1 where Willump's own
answers are wrong, a certificate is broken beyond chance, a workload could not be
measured or the results cannot be written. What a tool says that it cannot do changes nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from harness import RESULTS, machine, write_results
from workloads import NAMES, has_data

#: Everything has one thread, unless it is given more by name.
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NUMEXPR_NUM_THREADS": "1",
    "POLARS_MAX_THREADS": "1",
}
LIMIT = 7_200.0  # seconds for a workload


def measured(command: list[str], is_quick: bool, folder: Path) -> Any:
    """What a script of this folder writes, or why it did not."""
    output = folder / "measured.json"
    output.unlink(missing_ok=True)
    script, *arguments = command
    path = Path(__file__).with_name(script)
    try:
        done = subprocess.run(
            [sys.executable, path, *arguments, output, *["--quick"] * is_quick],
            env={**os.environ, **ONE_THREAD, "TMPDIR": str(folder)},
            stderr=subprocess.PIPE,
            text=True,
            timeout=LIMIT,
        )
    except subprocess.TimeoutExpired:
        return {"error": f"not done within {LIMIT:.0f} s"}
    if done.returncode != 0 or not output.exists():
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        return {"error": lines[-1][:300] if lines else f"ended with code {done.returncode}"}
    return json.loads(output.read_text())


def without_paths(content: Any, names: dict[str, str]) -> Any:
    """Where the machine keeps things is nobody's business: absolute paths, as a whole or in
    front of what they hold, become what they stand for."""
    if isinstance(content, dict):
        return {key: without_paths(value, names) for key, value in content.items()}
    if isinstance(content, list):
        return [without_paths(value, names) for value in content]
    if isinstance(content, str):
        for path in sorted(names, key=len, reverse=True):  # the innermost folder first
            whole = rf"(?<![\w.-]){re.escape(path)}(?![\w-]|\.\w)"
            content = re.sub(whole, names[path], content)
    return content


def folders(temporary: str) -> dict[str, str]:
    """Folders of this machine, absolute and where links lead, by what they stand for."""
    found = {
        temporary: "TEMPORARY",
        os.environ.get("WILLUMP_DATA", ""): "WILLUMP_DATA",
        str(Path(__file__).parents[1]): "WILLUMP",
        sys.prefix: "PYTHON",
    }
    names = {}
    for path, name in found.items():
        if path:
            names |= {os.path.abspath(path): name, os.path.realpath(path): name}
    names.pop(os.sep, None)
    return names


def written(path: Path, content: dict[str, Any]) -> str:
    """Writes the results; why that cannot be done, or nothing."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_results(path, content)
    except OSError as error:
        return f"the results cannot be written to {path}: {error.strerror}"
    return ""


def problems_of(content: dict[str, Any]) -> tuple[list[str], list[str]]:
    """What is wrong with Willump's part, and with the others'."""
    ours, others = [], []
    if "error" in content.get("vocabulary", ()):
        ours.append(f"vocabulary: {content['vocabulary']['error']}")
    for name, work in content["workloads"].items():
        if "error" in work:
            ours.append(f"{name}: {work['error']}")
            continue
        for candidate, entry in work["candidates"].items():
            what = f"{name}: {candidate}: {entry['status']}: {entry.get('reason', '')}"
            is_ours = entry["role"] != "peer"
            may_refuse = entry["role"] in ("peer", "cascade")
            if entry["status"] not in ("ok", "left out", "cannot" if may_refuse else "ok"):
                (ours if is_ours else others).append(what)
            if "counts_skipped" in entry:  # callgrind is one of the others
                others.append(f"{name}: instructions: {entry['counts_skipped']['reason']}")
            if "status" in entry.get("where", {}):
                ours.append(f"{name}: where the time goes: {entry['where']['reason']}")
            if entry.get("untouched", {}).get("beyond_chance"):
                ours.append(f"{name}: {candidate}: the certificate does not hold")
        queries = work["queries"]
        if isinstance(queries, dict):
            if queries["status"] != "cannot":
                ours.append(f"{name}: top-K: {queries['reason']}")
        elif any(entry.get("beyond_chance") for entry in queries):
            ours.append(f"{name}: top-K: the certificate does not hold")
        if work["paper_rule"].get("status", "cannot") != "cannot":
            ours.append(f"{name}: the paper's rule: {work['paper_rule']['reason']}")
    return ours, others


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="under ten minutes")
    parser.add_argument("--only", nargs="+", choices=NAMES, metavar="NAME", default=NAMES)
    parser.add_argument("--output", type=Path, default=RESULTS / "workloads.json")
    options = parser.parse_args()
    if not has_data():
        print("WILLUMP_DATA is not set: every workload takes the registry's data")
    content: dict[str, Any] = {"machine": machine(), "is_quick": options.quick, "workloads": {}}
    if has_data():  # so that every message has the path that is taken out
        os.environ["WILLUMP_DATA"] = os.path.abspath(os.environ["WILLUMP_DATA"])
    trial = options.output.with_name(f"{options.output.name}.trial")
    unwritten = written(trial, content)  # now, not after the first workload
    if unwritten:
        print(unwritten, file=sys.stderr)
        return 1
    trial.unlink()
    with tempfile.TemporaryDirectory() as folder:
        names = folders(folder)
        if "toxic" in options.only:
            content["vocabulary"] = measured(["vocabulary.py"], options.quick, Path(folder))
        for name in options.only:
            start = time.monotonic()
            print(name, flush=True)
            content["workloads"][name] = measured(["measure.py", name], options.quick, Path(folder))
            print(f"  {time.monotonic() - start:.0f} s", flush=True)
            # After each: what an interruption leaves is a result of those before.
            content = without_paths(content, names)
            unwritten = written(options.output, content)
            if unwritten:
                print(f"  {unwritten}", flush=True)
    ours, others = problems_of(content)
    ours += [unwritten] if unwritten else []
    for title, lines in (("Others:", others), ("Willump:", ours)):
        if lines:
            print(f"\n{title}", *lines, sep="\n  ")
    if not unwritten:
        print(f"\nwritten to {os.path.relpath(options.output)}")
    return 1 if ours else 2 if others else 0


if __name__ == "__main__":
    sys.exit(main())
