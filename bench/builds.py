"""Two builds of the library on the same saved models, in one process, interleaved: a
batch, one row, and loading. The answers are compared, bit for bit.

    python bench/builds.py OLD/libwillump.so NEW/libwillump.so ROWS N_COLUMNS MODEL.willump...

ROWS holds doubles, row by row; every output of a model is asked for.
"""

from __future__ import annotations

import argparse
import ctypes
from pathlib import Path
from typing import Any

import numpy as np
from harness import interleave, ratio, show

MESSAGE_SIZE = 1024
LAYOUT_STRIDED, DTYPE_F64 = 1, 10


class Error(ctypes.Structure):
    _fields_ = [
        ("code", ctypes.c_int),
        ("row", ctypes.c_int64),
        ("message", ctypes.c_char * MESSAGE_SIZE),
    ]


class Input(ctypes.Structure):
    _fields_ = [
        ("layout", ctypes.c_int),
        ("dtype", ctypes.c_int),
        ("n_columns", ctypes.c_uint64),
        ("strings", ctypes.c_void_p),
        ("values", ctypes.c_void_p),
        ("row_stride", ctypes.c_int64),
        ("column_stride", ctypes.c_int64),
        ("index_dtype", ctypes.c_int),
        ("indptr", ctypes.c_void_p),
        ("indices", ctypes.c_void_p),
        ("columns", ctypes.c_void_p),
    ]


class OutputInfo(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char_p),
        ("dtype", ctypes.c_int),
        ("is_sparse", ctypes.c_bool),
        ("n_columns", ctypes.c_uint64),
        ("has_external", ctypes.c_bool),
    ]


class Build:
    """One library with one model."""

    def __init__(self, library: Path, path: Path) -> None:
        self.library = ctypes.CDLL(str(library.resolve()), mode=ctypes.RTLD_LOCAL)
        self.library.wl_model_n_outputs.restype = ctypes.c_size_t
        self.path = str(path).encode()
        self.model = self.load()
        self.n_outputs = self.library.wl_model_n_outputs(self.model)

    def check(self, status: int, error: Error) -> None:
        if status != 0:
            raise SystemExit(f"{self.path.decode()}: {error.message.decode()}")

    def load(self) -> ctypes.c_void_p:
        model, error = ctypes.c_void_p(), Error()
        load = self.library.wl_model_load
        self.check(load(self.path, None, ctypes.byref(model), ctypes.byref(error)), error)
        return model

    def load_and_release(self) -> None:
        self.library.wl_model_release(self.load())

    def predict(self, rows: Any, output: int = 0) -> Any:
        info, error = OutputInfo(), Error()
        describe, predict = self.library.wl_model_output_info, self.library.wl_model_predict
        number = ctypes.c_size_t(output)
        self.check(describe(self.model, number, ctypes.byref(info), ctypes.byref(error)), error)
        out = np.zeros((len(rows), info.n_columns))
        given = Input(
            LAYOUT_STRIDED, DTYPE_F64, rows.shape[1], None, rows.ctypes.data, *rows.strides
        )
        status = predict(
            self.model, number, ctypes.byref(given), ctypes.c_size_t(1),
            ctypes.c_uint64(len(rows)), None, ctypes.c_void_p(out.ctypes.data), None,
            ctypes.byref(error),
        )  # fmt: skip
        self.check(status, error)
        return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument("rows", type=Path)
    parser.add_argument("n_columns", type=int)
    parser.add_argument("models", type=Path, nargs="+")
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    rows = np.fromfile(options.rows).reshape(-1, options.n_columns)
    table = []
    for path in options.models:
        old, new = Build(options.old, path), Build(options.new, path)
        for output in range(old.n_outputs):
            if old.predict(rows, output).tobytes() != new.predict(rows, output).tobytes():
                raise SystemExit(f"{path}: output {output} differs")
        cells = [path.name]
        for calls in (
            {b: (lambda b=b: b.predict(rows)) for b in (old, new)},
            {b: (lambda b=b: [b.predict(rows[i : i + 1]) for i in range(100)]) for b in (old, new)},
            {b: b.load_and_release for b in (old, new)},
        ):
            timed = interleave({"old": calls[old], "new": calls[new]}, options.rounds)
            median, low, high = ratio(timed["old"], timed["new"])
            cells.append(f"{median:.2f} ({low:.2f} to {high:.2f})")
        table.append(cells)
    show(
        f"{options.new} times faster than {options.old}: median of the rounds, and their range",
        ["model", "a batch", "rows one by one", "loading"],
        table,
    )


if __name__ == "__main__":
    main()
