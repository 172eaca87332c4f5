"""Random frames of every dtype, and how a compiled function is compared with pandas."""

from __future__ import annotations

import datetime as dt
import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import willump
from hypothesis import given, settings
from hypothesis import strategies as st

INTS = st.one_of(st.integers(-5, 5), st.integers(-(2**31), 2**31))
FLOATS = st.one_of(
    st.sampled_from([0.0, -0.0, 1.5, -2.5, math.nan, math.inf, -math.inf, 1e308, 5e-324, 0.1]),
    st.floats(allow_nan=True, allow_infinity=True),
)
SINGLES = st.floats(width=32, allow_nan=True, allow_infinity=True)
TEXTS = st.one_of(
    st.sampled_from(["", "a", "A", "b", " x ", "ΑΣ", "ß", "İ", "a,b", "12", "Été", math.nan]),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=6).filter(lambda s: "\0" not in s),
)
#: Cases, and what stands beside a sigma.
CASES = st.text(st.sampled_from("aAbΣσςßǅŉİıﬁ'’. 1中é"), max_size=6)
#: Whole numbers about 2^53, which may be refused beyond it, however they are written.
LARGE = st.builds(
    str.format,
    st.sampled_from(["{:d}", " {:d} ", "{:_d}", "{:025d}", "{:+d}"]),
    st.builds(
        lambda sign, beyond: sign * (2**53 + beyond),
        st.sampled_from([1, -1]),
        st.integers(-3, 5),
    ),
)
NUMERALS = st.one_of(
    st.integers(-100, 10**6).map(str),
    st.sampled_from([
        " 12\n", "1_000", "+7", "007", "-0.0", "1e5", ".5", "inf", "-Infinity", "NaN", "", "x",
        "1e", "0x1", "1_", "_1", "1__0", "1 2", "٣", "\u30001", "\x1c1", "1e400", "4.9e-324",
        "123456789012345678901234567890.5", "inf ", "--1", ".", math.nan,
    ]),
    LARGE,
    st.floats(allow_nan=False).map(repr),
    st.decimals(-1000, 1000, allow_nan=False, places=3).map(str),
)  # fmt: skip


def narrow(dtype: str) -> st.SearchStrategy[int]:
    """Whole numbers of a dtype, its ends often among them."""
    info = np.iinfo(dtype)
    ends = st.sampled_from([int(info.min), int(info.max), 0, 1])
    return st.one_of(ends, st.integers(int(info.min), int(info.max)))


MOMENTS = st.one_of(
    st.none(),
    st.sampled_from(["2020-02-29", "1969-12-31 23:59:59.999999", "1900-03-01", "2000-12-31"]).map(
        pd.Timestamp
    ),
    st.datetimes(dt.datetime(1700, 1, 1), dt.datetime(2200, 1, 1)),
)
#: About the clocks' changes too.
ZONED = st.one_of(
    MOMENTS,
    st.datetimes(dt.datetime(1940, 1, 1), dt.datetime(2040, 1, 1)),
    st.builds(
        lambda year, minutes: dt.datetime(year, 3, 25) + dt.timedelta(minutes=minutes),
        st.integers(1980, 2250), st.integers(0, 10080),
    ),
).map(lambda moment: None if moment is None else pd.Timestamp(moment, tz="UTC"))  # fmt: skip

DTYPES = {
    "i": "int64", "j": "int64", "x": "float64", "y": "float64", "w": "float32", "p": "bool",
    "q": "bool", "s": "str", "t": "str", "o": "object", "d": "datetime64[us]",
    "e": "datetime64[us]", "n": "str", "c": "str",
    "b": "int8", "u": "uint8", "h": "int16", "k": "int32",
    "z": "datetime64[us, Europe/Paris]", "g": "datetime64[us, UTC]",
}  # fmt: skip
CELLS = {
    "i": INTS, "j": INTS, "x": FLOATS, "y": FLOATS, "w": SINGLES, "p": st.booleans(),
    "q": st.booleans(), "s": TEXTS, "t": TEXTS, "o": st.one_of(TEXTS, st.none()),
    "d": MOMENTS, "e": MOMENTS, "n": NUMERALS, "c": CASES,
    "b": narrow("int8"), "u": narrow("uint8"), "h": narrow("int16"), "k": narrow("int32"),
    "z": ZONED, "g": ZONED,
}  # fmt: skip


def frame_of(rows: list[tuple[Any, ...]], index: Any = None) -> pd.DataFrame:
    columns = list(zip(*rows, strict=True)) or [()] * len(CELLS)
    return pd.DataFrame(
        {
            name: pd.Series(list(cells), dtype=DTYPES[name], index=index)
            for name, cells in zip(CELLS, columns, strict=True)
        }
    )


PLAIN = (
    0, 1, 0.0, 1.0, 0.5, True, False, "a", "b", "a", None, None, "1", "a", 1, 1, 1, 1, None, None
)  # fmt: skip


def rows_of(fast: Any) -> st.SearchStrategy[list[tuple[Any, ...]]]:
    """Rows that differ in the columns that the function reads."""
    read = {name for name, *_ in fast._model.inputs}
    cells = [
        strategy if name in read else st.just(plain)
        for (name, strategy), plain in zip(CELLS.items(), PLAIN, strict=True)
    ]
    return st.lists(st.tuples(*cells), min_size=1, max_size=6)


DAY = pd.Timestamp("2021-05-06 07:08:09.101112")
NOW = pd.Timestamp("2021-05-06 23:08:09.101112", tz="UTC")
SAMPLE = frame_of(
    list(
        zip(
            *{
                "i": (1, -3, 7), "j": (2, 4, 1), "x": (0.5, math.nan, 3.25), "y": (-1.5, 2.0, 1.0),
                "w": (0.25, 1.5, -2.0), "p": (True, False, True), "q": (False, False, True),
                "s": ("a", "B c", math.nan), "t": ("b", "", "Été"), "o": ("a", None, math.nan),
                "d": (DAY, None, DAY), "e": (None, DAY, DAY), "n": ("12", "-3", "4"),
                "c": ("aB", "Σ", "b Ab"), "b": (3, -1, 90), "u": (200, 7, 90), "h": (-7, 300, 5),
                "k": (9, -5, 70000), "z": (NOW, None, NOW), "g": (None, NOW, NOW),
            }.values(),
            strict=True,
        )
    )
)  # fmt: skip


def outcome(function: Callable[[Any], Any], frame: Any) -> Any:
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            return function(frame)
    except Exception as error:
        return error


def check_same(expected: Any, found: Any) -> None:
    if isinstance(expected, AttributeError) and "not floating" in str(expected):
        return  # where all pieces are missing pandas has lost that they are strings
    if isinstance(expected, Exception):
        assert isinstance(found, type(expected)), (expected, found)
        return
    if isinstance(found, (willump.UnsupportedError, ValueError)) and (
        "2^53" in str(found) or "2^31" in str(found)
    ):
        return
    assert not isinstance(found, Exception), found
    assert type(found) is type(expected)
    if np.dtype(object) == getattr(expected, "dtype", None) and pd.isna(expected).all():
        assert pd.isna(found).all()
        return  # and that their lengths are numbers
    assert found.dtype == expected.dtype
    if isinstance(expected, pd.Series):
        pd.testing.assert_series_equal(found, expected, rtol=1e-12, atol=0)
    if found.dtype.kind in "biu":
        np.testing.assert_array_equal(np.asarray(found), np.asarray(expected))
    else:
        np.testing.assert_allclose(np.asarray(found), np.asarray(expected), rtol=1e-12, atol=0)


def check_random_frames(function: Callable[[Any], Any], n_examples: int = 10) -> None:
    """A function that is native as a whole gives what pandas gives, on random rows."""
    fast = willump.compile(function, sample=SAMPLE, strict=True)

    @settings(max_examples=n_examples)
    @given(rows_of(fast))
    def compare(rows: list[tuple[Any, ...]]) -> None:
        frame = frame_of(rows, index=range(3, 3 + len(rows)))
        check_same(outcome(function, frame), outcome(fast, frame))

    compare()
