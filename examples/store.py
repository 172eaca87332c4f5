"""A key-value server on loopback that takes a millisecond for each request, and its client:
what a remote store of features is to a pipeline.

    python store.py TABLES.npz

prints its port and serves until its standard input closes, its parent is gone or nothing
was asked for an hour. A table is `NAME.keys`, sorted integers, and `NAME.rows`, their
rows of doubles. A request is a line, `NAME key key ...` of at most 100 keys; the answer is
the rows in that order, NaN where a key is not there.
"""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

LATENCY = 0.001  # seconds
KEYS_A_REQUEST = 100
IDLE = 3_600.0  # seconds


class Store:
    """The client. A connection for each process that asks; `n_requests` and `n_fetched` are
    this process's."""

    def __init__(self, tables: dict[str, tuple[np.ndarray, np.ndarray]]) -> None:
        self._folder = tempfile.TemporaryDirectory()
        path = Path(self._folder.name) / "tables.npz"
        self._widths = {name: rows.shape[1] for name, (_, rows) in tables.items()}
        np.savez(
            path,
            **{f"{name}.keys": keys for name, (keys, _) in tables.items()},
            **{f"{name}.rows": rows for name, (_, rows) in tables.items()},
        )
        self._server = subprocess.Popen(
            [sys.executable, __file__, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._server.stdout is not None
        self._port = int(self._server.stdout.readline())
        self._connection: tuple[int, Any] | None = None
        self.n_requests = self.n_fetched = 0

    def fetch(self, table: str, keys: np.ndarray) -> np.ndarray:
        """The rows of these keys, (len(keys), columns) doubles. Each key is asked for as it
        comes, a hundred at a time."""
        width = self._widths[table]
        found = np.empty((len(keys), width))
        stream = self._stream()
        for start in range(0, len(keys), KEYS_A_REQUEST):
            part = keys[start : start + KEYS_A_REQUEST]
            stream.write(" ".join([table, *map(str, part.tolist())]).encode() + b"\n")
            stream.flush()
            n_bytes = 8 * width * len(part)
            told = np.frombuffer(stream.read(n_bytes), np.float64)
            found[start : start + len(part)] = told.reshape(len(part), width)
            self.n_requests += 1
            self.n_fetched += len(part)
        return found

    def close(self) -> None:
        """Ends the server; not to be called by a forked process."""
        self._server.terminate()
        self._server.wait()
        self._folder.cleanup()

    def _stream(self) -> Any:
        if self._connection is None or self._connection[0] != os.getpid():
            connected = socket.create_connection(("127.0.0.1", self._port), timeout=60.0)
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._connection = os.getpid(), connected.makefile("rwb")
        return self._connection[1]


# ---- the server -------------------------------------------------------------------


async def _serve(tables: dict[str, tuple[np.ndarray, np.ndarray]]) -> None:
    last = [time.monotonic()]

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            last[0] = time.monotonic()
            name, *asked = line.split()
            keys, rows = tables[name.decode()]
            wanted = np.array(asked, np.int64)
            places = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
            found = np.where((keys[places] == wanted)[:, None], rows[places], np.nan)
            await asyncio.sleep(LATENCY)
            writer.write(found.tobytes())
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    parent = os.getppid()
    closed = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), closed.set)
    while not closed.is_set() and os.getppid() == parent and time.monotonic() - last[0] < IDLE:
        await asyncio.sleep(0.5)
    server.close()


def main() -> None:
    with np.load(sys.argv[1]) as file:
        names = {name.rpartition(".")[0] for name in file.files}
        tables = {name: (file[f"{name}.keys"], file[f"{name}.rows"]) for name in names}
    asyncio.run(_serve(tables))


if __name__ == "__main__":
    main()
