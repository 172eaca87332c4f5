"""Methods of `.str`, and strings put together."""

from __future__ import annotations

import functools
import unicodedata
from typing import Any

import numpy as np
import pandas as pd

from .columns import emit
from .registry import Call, method
from .values import Column, Native, NotNative

#: Where a mapping hangs on what stands beside a character, these show it.
_PROBES = ("ΑΣ", "ΑΣΑ", "ΑΣ ΑΣ", "aΣ.", "ǅa", "ßa", "İı", "ŉs", "ﬁx")
#: Characters that are asked for together.
_BLOCK = 256


def _column_of(call: Call) -> tuple[Column, Any]:
    """The column whose `.str` it is, and its dtype on the sample."""
    owner = call.args[0].native.of
    column = call.tracer.column(owner)
    if not column.is_text:
        raise NotNative(".str of what is no string")
    return column, owner.value.dtype


@functools.lru_cache(maxsize=32)
def _char_map(dtype: Any, name: str) -> tuple[Any, tuple[str, ...], bool] | None:
    """What a method makes of each character by itself where that is another one, and
    whether the sigma's form hangs on its neighbours; None where more does.

    Asked of pandas, whose strings are Arrow's or Python's.
    """

    def ask(texts: list[str]) -> list[str]:
        return list(getattr(pd.Series(texts, dtype=dtype).str, name)())

    points = [p for p in range(0x110000) if not 0xD800 <= p < 0xE000]
    blocks = ["".join(map(chr, points[i : i + _BLOCK])) for i in range(0, len(points), _BLOCK)]
    changed = [b for b, new in zip(blocks, ask(blocks), strict=True) if b != new]
    chars = list("".join(changed))
    table = {c: new for c, new in zip(chars, ask(chars), strict=True) if c != new}
    expected = ["".join(table.get(c, c) for c in probe) for probe in _PROBES]
    found = ask(list(_PROBES))
    has_sigma = name == "lower" and found != expected
    if has_sigma:
        expected = [probe.lower() for probe in _PROBES]
    if found != expected:
        return None
    ordered = sorted(table)
    return np.array([ord(c) for c in ordered]), tuple(table[c] for c in ordered), has_sigma


@method("str", "lower", "upper", "casefold", "swapcase")
def by_character(call: Call) -> Native:
    column, dtype = _column_of(call)
    if len(call.args) > 1 or call.kwargs:
        raise NotNative(f"{call.name} with options")
    name = call.name.rpartition(".")[2]
    found = _char_map(dtype, name)
    if found is None:
        raise NotNative(f"str.{name} of Python's strings, where a character's neighbours count")
    chars, values, has_sigma = found
    return emit(
        call, "map_chars", [column], column.dtype, column.rows, chars=chars, values=list(values),
        final_sigma=True if has_sigma else None,
        unicode=unicodedata.unidata_version if has_sigma else None,
    )  # fmt: skip


def concatenated(call: Call) -> Native:
    """`a + b` of strings."""
    raise NotNative("strings are put together")
