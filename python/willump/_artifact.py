"""Reads strings out of an artifact; the core has verified the bytes before.

The layout is safetensors'; strings are two tensors: the bytes of all of them,
and `NAME#sizes`.
"""

from __future__ import annotations

import json

import numpy as np

_SIZES = {"U8": "<u1", "U16": "<u2", "U32": "<u4", "U64": "<u8", "I64": "<i8"}


def read_strings(artifact: bytes, name: str) -> list[str]:
    """The strings of a tensor.

    Raises
    ------
    KeyError
        Where the artifact holds no such strings.
    """
    start = 8 + int.from_bytes(artifact[:8], "little")
    header = json.loads(artifact[8:start])
    first, last = (start + offset for offset in header[name]["data_offsets"])
    sizes_entry = header[f"{name}#sizes"]
    sizes_first, sizes_last = (start + offset for offset in sizes_entry["data_offsets"])
    sizes = np.frombuffer(artifact[sizes_first:sizes_last], dtype=_SIZES[sizes_entry["dtype"]])
    ends = np.cumsum(sizes, dtype=np.int64).tolist()
    data = artifact[first:last]
    starts = [0, *ends[:-1]]
    return [
        data[begin:end].decode("utf-8", "surrogatepass")
        for begin, end in zip(starts, ends, strict=True)
    ]
