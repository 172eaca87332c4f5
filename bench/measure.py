"""One workload, measured: answers first, then times in turns, then what each candidate
tells of itself. `run.py` starts it, in a process of its own for each workload.

    python bench/measure.py NAME OUTPUT.json [--quick]
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from candidates import SIZES, Candidate, cascade, compile_of, compiled, n_fresh, plain, targets_of
from figures import OURS, PLAIN
from instructions import counts_of
from paper_rule import compare_rules
from peers import peers_of
from queries import measure_queries
from where import shares_of
from workers import Inputs, Worker, WorkerError, in_child
from workloads import Workload, load

TOLERANCE = 1e-4  # answers that differ by more are wrong
SHORTEST = 0.02  # seconds: shorter calls are repeated within a round
BUILD_LIMIT, CALL_LIMIT = 900.0, 300.0  # seconds
ROW_BLOCK = 20  # rows of a turn
LEAD = 5  # rows at the start of a turn that are called and not timed
ONE_ROW = "one row"


class Comparison:
    """A workload's candidates, their processes, and what was found of each."""

    def __init__(self, work: Workload, is_quick: bool) -> None:
        self.work, self.is_quick = work, is_quick
        self.sizes = list(SIZES[:2] if is_quick else SIZES)
        self.most_rounds, self.budget = (7, 5.0) if is_quick else (15, 60.0)
        asked = work.later.iloc[n_fresh(work) :].reset_index(drop=True)
        self.sizes = [size for size in self.sizes if size <= len(asked)] or [len(asked)]
        self.largest = str(self.sizes[-1])
        self.n_points = min(150 if is_quick else 1_000, self.sizes[-1])
        self.inputs = Inputs(
            {str(size): asked.head(size) for size in self.sizes},
            [asked.iloc[i : i + 1].reset_index(drop=True) for i in range(self.n_points)],
            work.features(asked.head(self.sizes[-1])),
        )
        self.found: dict[str, dict[str, Any]] = {}
        self.workers: dict[str, Worker] = {}
        self.truth: np.ndarray = np.zeros(0)
        #: What a candidate has to answer to the largest batch, and to the parts of it.
        self.expected: dict[str, np.ndarray] = {}
        #: The ways to give one row: the candidate and its entry, by the name in `found`.
        self.row_entries: dict[str, tuple[str, str]] = {}

    # ---- candidates ---------------------------------------------------------

    def start(self, candidates: list[Candidate]) -> None:
        for candidate in candidates:
            start = time.monotonic()
            entry = {"role": candidate.role, "status": "ok", **candidate.facts}
            self.found[candidate.name] = entry
            worker = Worker(candidate.build, self.inputs)
            self.workers[candidate.name] = worker
            print(f"  {candidate.name}", end="", flush=True)
            try:
                self.built(candidate, worker.ask(BUILD_LIMIT, "build"))
                answers = worker.ask(CALL_LIMIT, "answers", self.largest)
                self.expect(candidate, answers)
                self.check(candidate.name, self.largest, answers)
            except WorkerError as error:
                self.drop(candidate.name, error)
                if candidate.role == "plain":
                    return  # there is nothing to compare with
            taken = f"{time.monotonic() - start:.0f} s"
            print(f": {entry['status']} {entry.get('reason', taken)}", flush=True)

    def built(self, candidate: Candidate, told: dict[str, Any]) -> None:
        """Each way to give one row is an entry of its own."""
        name = candidate.name
        self.row_entries[name] = (name, "")
        for entry in told.pop("row_entries"):
            self.row_entries[f"{name}, {entry}"] = (name, entry)
            self.found[f"{name}, {entry}"] = {"role": candidate.role, "status": "ok"}
        self.found[name] |= told

    def drop(self, name: str, error: WorkerError) -> None:
        self.workers.pop(name).stop()
        self.blame(name, error.kind, error.reason)
        for label, (of, entry) in list(self.row_entries.items()):
            if of == name and entry:
                self.blame(label, error.kind, error.reason)

    def blame(self, name: str, status: str, reason: str) -> None:
        """What is wrong with a candidate, after whatever was before."""
        entry = self.found[name]
        if "reason" in entry:
            is_same = entry["status"] == status
            was = entry["reason"] if is_same else f"{entry['status']}: {entry['reason']}"
            reason = f"{was}; then {reason}"
        entry |= {"status": status, "reason": reason}

    def expect(self, candidate: Candidate, answers: np.ndarray) -> None:
        """Plain Python's answers; where a certificate says what they may differ by, or the
        model is another, the candidate's own to the largest batch: one row has to get the
        same."""
        if candidate.role == "plain":
            self.truth = answers
        is_free = candidate.role == "cascade" or candidate.facts.get("is_other_model")
        if is_free:
            rows_off(answers, self.truth)  # answers they have to be
        self.expected[candidate.name] = answers if is_free else self.truth

    def check(self, label: str, asked: str, answers: np.ndarray, first: int = 0) -> None:
        """How many rows, from the first on, differ from what is expected; `asked`: a size of
        batch, or ONE_ROW."""
        name, _ = self.row_entries[label]
        expected = self.expected[name][first : first + len(np.atleast_1d(answers))]
        n_off = int(rows_off(answers, expected).sum())
        counted = self.found[label].setdefault("off", {})
        before = counted.get(asked, [0, 0])[0]
        counted[asked] = [max(before, n_off), len(expected)]
        if n_off > before:
            where = asked if asked == ONE_ROW else f"{int(asked):,} rows a call"
            reason = f"{n_off:,} of {len(expected):,} off by more than {TOLERANCE:g}"
            self.blame(label, "wrong", f"{where}: {reason}")

    # ---- times --------------------------------------------------------------

    def take_turns(self, command: str, key: str, names: list[str]) -> dict[str, list[float]]:
        """Seconds of a call in each round; every candidate once a round. So many rounds as
        the budget allows, three at least."""
        inner: dict[str, int] = {}
        slowest = 0.0
        for name in list(names):
            try:
                once = self.workers[name].ask(CALL_LIMIT, command, key, 1)
            except WorkerError as error:
                self.drop(name, error)
                names = [n for n in names if n != name]
                continue
            inner[name] = max(1, min(1_000, math.ceil(SHORTEST / max(once, 1e-9))))
            slowest += once * inner[name]
        rounds = max(3, min(self.most_rounds, int(self.budget / max(slowest, 1e-9))))
        taken: dict[str, list[float]] = {name: [] for name in names}
        for _ in range(rounds):
            for name in names:
                if name not in self.workers:
                    continue
                try:
                    taken[name].append(
                        self.workers[name].ask(CALL_LIMIT, command, key, inner[name])
                    )
                except WorkerError as error:
                    self.drop(name, error)
        return {name: seconds for name, seconds in taken.items() if name in self.workers}

    def time_batches(self) -> None:
        """What was timed is compared again: the first answers may have been the only right
        ones, or the size is another."""
        for size in self.sizes:
            taken = self.take_turns("time_batch", str(size), list(self.workers))
            for name, seconds in taken.items():
                try:
                    answers = self.workers[name].ask(CALL_LIMIT, "last_answers")
                    self.check(name, str(size), answers)
                except WorkerError as error:
                    self.drop(name, error)
                    continue
                self.found[name].setdefault("batch_seconds", {})[str(size)] = seconds

    def time_points(self) -> None:
        """Distinct rows, once each; blocks of rows in turns."""
        taken: dict[str, list[float]] = {label: [] for label in self.row_entries}
        answers: dict[str, list[np.ndarray]] = {label: [] for label in self.row_entries}
        for start in range(LEAD, self.n_points, ROW_BLOCK):
            end = min(start + ROW_BLOCK, self.n_points)
            for label, (name, entry) in self.row_entries.items():
                if name not in self.workers:
                    continue
                try:
                    seconds, block = self.workers[name].ask(
                        CALL_LIMIT, "time_rows", entry, start, end, LEAD
                    )
                except WorkerError as error:
                    self.drop(name, error)
                    continue
                taken[label] += seconds
                answers[label].append(block)
        for label, (name, _) in self.row_entries.items():
            if name in self.workers and answers[label]:
                self.found[label]["row_seconds"] = taken[label]
                self.check_rows(label, answers[label])

    def check_rows(self, label: str, blocks: list[np.ndarray]) -> None:
        name, _ = self.row_entries[label]
        try:
            lines = np.concatenate(blocks)
            shape = (len(lines), *self.expected[name].shape[1:])
            self.check(label, ONE_ROW, lines.reshape(shape), LEAD)
        except (WorkerError, ValueError) as error:  # of another size than in the batch
            self.blame(label, "failed", f"one row: {error}")

    def time_models(self) -> None:
        """The model alone, from the matrix of features, where a candidate has it."""
        names, truth = [], None
        for name in list(self.workers):
            entry = self.found[name]
            if not entry.get("has_model"):
                continue
            try:
                scores = self.workers[name].ask(CALL_LIMIT, "model")
                truth = scores if truth is None else truth
                if not entry.get("is_other_model"):
                    entry["model_off"] = int(rows_off(scores, truth).sum())
            except WorkerError as error:
                self.drop(name, error)
                continue
            names.append(name)
        for name, seconds in self.take_turns("time_model", self.largest, names).items():
            self.found[name]["model_seconds"] = seconds

    def time_all(self) -> None:
        for what, part in (
            ("batches", self.time_batches),
            ("one row", self.time_points),
            ("models alone", self.time_models),
            ("certificates and files", self.ask_facts),
        ):
            start = time.monotonic()
            part()
            print(f"  {what}: {time.monotonic() - start:.0f} s", flush=True)

    def ask_facts(self) -> None:
        for name in list(self.workers):
            try:
                self.found[name] |= self.workers[name].ask(BUILD_LIMIT, "info")
            except WorkerError as error:
                self.drop(name, error)

    def stop(self) -> None:
        for worker in self.workers.values():
            worker.stop()


def rows_off(answers: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Rows that differ: labels at all, numbers by more than TOLERANCE (of what is above one,
    relatively). WorkerError: what is there are no answers."""
    if answers.shape != truth.shape:
        raise WorkerError("failed", f"answers of shape {answers.shape}, not {truth.shape}")
    if truth.dtype.kind not in "fc":
        off = answers.astype(str) != truth.astype(str)
    elif answers.dtype.kind not in "biufc":
        raise WorkerError("failed", f"answers of type {answers.dtype}, not {truth.dtype}")
    else:
        off = ~(np.abs(answers - truth) <= TOLERANCE * np.maximum(1.0, np.abs(truth)))
    return off.reshape(len(truth), -1).any(axis=1)


def measure(name: str, is_quick: bool) -> dict[str, Any]:
    work = load(name, is_quick)
    try:
        return _measure(work, is_quick)
    finally:
        work.close()


def _measure(work: Workload, is_quick: bool) -> dict[str, Any]:
    comparison = Comparison(work, is_quick)
    peers = peers_of(work)
    late = [peer for peer in peers if is_quick and peer.is_slow]
    candidates = [plain(work), compiled(work), compiled(work, 2)]
    candidates += [cascade(work, asked) for asked in targets_of(work, is_quick)]
    try:
        comparison.start([*candidates, *(peer for peer in peers if peer not in late)])
        if comparison.found[PLAIN]["status"] == "ok":
            comparison.time_all()
    finally:
        comparison.stop()
    for peer in late:
        reason = "takes long to make: in the full set"
        comparison.found[peer.name] = {"role": "peer", "status": "left out", "reason": reason}
    if work.is_native:
        cpus = ["avx2"] if is_quick else ["avx2", "portable"]
        counted = _part("instructions", lambda: counts_of(compile_of(work), work.later, cpus))
        key = "counts_skipped" if "status" in counted else "counts"
        comparison.found[OURS][key] = counted
        largest = work.later.head(comparison.sizes[-1])
        comparison.found[OURS]["where"] = _part(
            "where the time goes", lambda: shares_of(compile_of(work), largest)
        )
    return {
        "title": work.title,
        "kind": work.kind,
        "data": work.data,
        "n_train": len(work.train),
        "n_later": len(work.later),
        "n_fresh": n_fresh(work),
        "n_features": int(comparison.inputs.matrix.shape[1]),
        "sizes": comparison.sizes,
        "rows_of_a_turn": ROW_BLOCK,
        "paper": work.paper,
        "candidates": comparison.found,
        "queries": _part("top-K", lambda: measure_queries(work, is_quick)),
        "paper_rule": _part(
            "the paper's rule", lambda: compare_rules(work, 40 if is_quick else 200)
        ),
    }


def _part(what: str, job: Callable[[], Any]) -> Any:
    """What a job finds in a process of its own, or what went wrong there."""
    start = time.monotonic()
    try:
        return in_child(job, BUILD_LIMIT)
    except WorkerError as error:
        return {"status": error.kind, "reason": error.reason}
    finally:
        print(f"  {what}: {time.monotonic() - start:.0f} s", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name")
    parser.add_argument("output", type=Path)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    found = measure(options.name, options.quick)
    options.output.write_text(json.dumps(found, default=_plain))


def _plain(value: Any) -> Any:
    """NumPy's numbers and arrays in JSON."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    return str(value)


if __name__ == "__main__":
    sys.exit(main())
