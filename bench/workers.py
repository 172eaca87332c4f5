"""Candidates in processes of their own, timed in turns: what crashes or hangs takes
nothing else down, each has its own settings and memory, and still a slow moment of the
machine falls on all of them.

A worker is forked from the process that has fitted the workload, so that nothing need be
pickled; that process must not have started threads of polars or Torch. One worker works at
a time. A worker ends when it is told to, when its parent is gone, or when it is over its
limit.
"""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import multiprocessing
import os
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from harness import resident_bytes

Call = Callable[[Any], Any]

_FORK = multiprocessing.get_context("fork")
_TICK = 1.0  # seconds between looks at whether the parent is there
_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of <sys/prctl.h>


class WorkerError(Exception):
    """What went wrong in a worker: `kind` is "missing", "cannot", "failed", "crashed" or
    "too slow"."""

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(reason)
        self.kind, self.reason = kind, reason


class CannotError(Exception):
    """A tool cannot do this workload; the message says why."""


@dataclass
class Engine:
    """What a candidate is when it has been built."""

    call: Call  #: prepared rows to the function's answers
    prepare: Call = field(default=lambda frame: frame)  #: not timed: a frame as it takes them
    #: Other ways to give one row, by name: from a frame of one row, not timed.
    row_entries: dict[str, Call] = field(default_factory=dict)
    model: Call | None = None  #: the model alone: a matrix to scores
    info: Callable[[], dict[str, Any]] = field(default=dict)


@dataclass
class Inputs:
    """What all candidates are asked: frames by name, rows that are asked one by one, and
    the features of the largest frame."""

    frames: dict[str, Any]
    rows: list[Any]
    matrix: Any = None


def last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:200] if lines else ""


class Worker:
    """One candidate's process."""

    def __init__(self, build: Callable[[], Engine], inputs: Inputs) -> None:
        self._log = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115, closed by stop
        self._pipe, theirs = _FORK.Pipe()
        self._process = _FORK.Process(
            target=_serve, args=(theirs, self._log.fileno(), build, inputs), daemon=True
        )
        self._process.start()
        theirs.close()

    def ask(self, limit: float, *command: Any) -> Any:
        """The answer to a command, or WorkerError."""
        try:
            self._pipe.send(command)
            if not self._pipe.poll(limit):
                self.stop()
                raise WorkerError("too slow", f"no answer within {limit:.0f} s")
            kind, content = self._pipe.recv()
        except (EOFError, BrokenPipeError, ConnectionResetError):
            raise WorkerError("crashed", self._post_mortem()) from None
        except WorkerError:
            raise
        except Exception as error:  # of a type that only the worker knows
            raise WorkerError("failed", f"its answer cannot be read: {error}"[:240]) from None
        if kind != "done":
            raise WorkerError(kind, content)
        return content

    def stop(self) -> None:
        """Ends it and all that it has started, such as a compiler."""
        self._end_group()
        self._process.kill()
        self._process.join()
        self._pipe.close()
        self._log.close()

    def _end_group(self) -> None:
        """Before the process is waited for: then its number may be another's."""
        with contextlib.suppress(ChildProcessError, ProcessLookupError):
            self._wait()
            os.killpg(self._process.pid, signal.SIGKILL)

    def _post_mortem(self) -> str:
        deadline = time.monotonic() + 5.0
        while time.monotonic() < deadline and not self._has_ended():
            time.sleep(0.01)
        self._end_group()
        self._process.join(5)
        code = self._process.exitcode
        self._log.seek(0)
        said = last_line(self._log.read())
        if code is not None and code < 0:
            return f"ended by {signal.Signals(-code).name}"
        return f"ended with code {code}: {said}"

    def _has_ended(self) -> bool:
        try:
            return self._wait()
        except ChildProcessError:
            return True

    def _wait(self) -> bool:
        """Whether it has ended; it stays to be waited for. ChildProcessError: it has been."""
        options = os.WEXITED | os.WNOWAIT | os.WNOHANG
        return os.waitid(os.P_PID, self._process.pid, options) is not None


def in_child(job: Callable[[], Any], limit: float) -> Any:
    """What `job` returns, run in a process of its own; WorkerError."""
    worker = Worker(lambda: Engine(call=lambda _: job()), Inputs({"": None}, []))
    try:
        worker.ask(limit, "build")
        return worker.ask(limit, "call", "")
    finally:
        worker.stop()


# ---- inside the process --------------------------------------------------------


def _serve(pipe: Any, log: int, build: Callable[[], Engine], inputs: Inputs) -> None:
    parent = os.getppid()
    os.setsid()  # a group of its own, to be ended as one
    ctypes.CDLL(None).prctl(_DEATH_SIGNAL, signal.SIGKILL)  # with its parent, whatever it does
    os.dup2(log, 1)
    os.dup2(log, 2)
    sys.stdout, sys.stderr = os.fdopen(1, "w", closefd=False), os.fdopen(2, "w", closefd=False)
    faulthandler.enable(sys.stderr)
    served: _Served | None = None
    while True:
        while not pipe.poll(_TICK):
            if os.getppid() != parent:
                os._exit(0)
        name, *arguments = pipe.recv()
        try:
            if name == "build":
                served = _Served(build, inputs)
                answer: Any = served.built
            else:
                answer = getattr(served, name)(*arguments)
            pipe.send(("done", answer))
        except ImportError as error:
            pipe.send(("missing", last_line(str(error))))
        except (CannotError, NotImplementedError) as error:
            pipe.send(("cannot", last_line(str(error))))
        except Exception as error:
            traceback.print_exc()
            lines = [line for line in str(error).splitlines() if line.strip()]
            pipe.send(("failed", f"{type(error).__name__}: {lines[0] if lines else ''}"[:240]))


class _Served:
    """The commands, by their names."""

    def __init__(self, build: Callable[[], Engine], inputs: Inputs) -> None:
        self._inputs = inputs
        before, start = resident_bytes(), time.perf_counter()
        self._engine = build()
        seconds = time.perf_counter() - start
        built = resident_bytes()
        self._ready = {k: self._engine.prepare(v) for k, v in inputs.frames.items()}
        entries = {"": self._engine.prepare, **self._engine.row_entries}
        self._rows = {k: [entry(row) for row in inputs.rows] for k, entry in entries.items()}
        self._last: Any = None
        # The rows, and what making them loads, are no memory of the engine's.
        self._before = before + resident_bytes() - built
        self.built = {
            "build_seconds": seconds,
            "has_model": self._engine.model is not None,
            "row_entries": list(self._engine.row_entries),
        }

    def call(self, key: str) -> Any:
        return self._engine.call(self._ready[key])

    def answers(self, key: str) -> np.ndarray:
        return np.asarray(self.call(key))

    def last_answers(self) -> np.ndarray:
        """Those of the last call of `time_batch`."""
        return np.asarray(self._last)

    def model(self) -> Any:
        assert self._engine.model is not None
        return np.asarray(self._engine.model(self._inputs.matrix))

    def time_batch(self, key: str, n: int) -> float:
        """Seconds of one of n calls."""
        call, rows, answers = self._engine.call, self._ready[key], None
        start = time.perf_counter()
        for _ in range(n):
            answers = call(rows)
        seconds = (time.perf_counter() - start) / n
        self._last = answers
        return seconds

    def time_model(self, key: str, n: int) -> float:
        call, matrix = self._engine.model, self._inputs.matrix
        assert call is not None
        start = time.perf_counter()
        for _ in range(n):
            call(matrix)
        return (time.perf_counter() - start) / n

    def time_rows(
        self, entry: str, first: int, end: int, n_lead: int
    ) -> tuple[list[float], np.ndarray]:
        """Seconds of each of some rows, once each, and the answers, a line a row. The rows
        before them are called too, and not timed: what ran before has left other things in
        the caches, which is nothing that a row costs."""
        call, rows, taken, answers = self._engine.call, self._rows[entry], [], []
        for row in rows[first - n_lead : first]:
            call(row)
        for row in rows[first:end]:
            start = time.perf_counter()
            answer = call(row)
            taken.append(time.perf_counter() - start)
            answers.append(answer)
        return taken, np.stack([np.ravel(np.asarray(answer)) for answer in answers])

    def info(self) -> dict[str, Any]:
        return {"grown_bytes": max(0, resident_bytes() - self._before), **self._engine.info()}
