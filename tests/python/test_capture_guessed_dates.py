"""`pd.to_datetime` without a format, which pandas guesses of the first text of each call."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd
import pytest
import willump
from capture_frames import outcome
from hypothesis import given, settings
from hypothesis import strategies as st

FORMATS = [
    "%Y-%m-%d", "%Y/%m/%d", "%Y%m%d", "%Y.%m.%d", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%d %H:%M:%S.%f",
]  # fmt: skip
OTHERS = [
    None, "", "nan", "NaT", "none", "N/A", "?", "unknown", "-", "monday", "now", "5", "May", "null",
    "2024-01-05", "2024-1-5", "05/13/2024", "0000-00-00", "2024-13-01", "2024-02-30", "T", "Z",
    "am", "UTC", "a", "e", "inf", "1e5", "2024-01-05 10:11:60", "2024-01-05T10:11:12Z",
]  # fmt: skip


def frame(texts: list[Any]) -> pd.DataFrame:
    return pd.DataFrame({"s": pd.Series(texts, dtype="str")})


@st.composite
def texts(draw: Any, format: str) -> Any:
    """Text of a moment, sometimes damaged, or other text."""
    if draw(st.integers(0, 5)) == 5:
        return draw(st.sampled_from(OTHERS))
    moment = draw(st.datetimes(dt.datetime(1, 1, 1), dt.datetime(9999, 12, 31)))
    text = moment.strftime(format.replace("%Y", f"{moment.year:04}"))
    if format.endswith("%f"):
        text = text[: len(text) - draw(st.integers(0, 5))]
    if draw(st.integers(0, 9)) == 9:
        at = draw(st.integers(0, len(text) - 1))
        text = text[:at] + draw(st.sampled_from("0139 -/:T+x٣")) + text[at + 1 :]
    return text


@pytest.mark.filterwarnings("ignore:Could not infer format")
@pytest.mark.parametrize("errors", ["raise", "coerce"])
@pytest.mark.parametrize("format", FORMATS)
def test_a_guess_is_that_of_pandas_or_refused(format: str, errors: Any) -> None:
    def function(f: pd.DataFrame) -> Any:
        moments = pd.to_datetime(f["s"], errors=errors)
        return (moments - pd.Timestamp("2000-01-01")).dt.total_seconds()

    good = pd.Timestamp("2020-02-29 12:34:56.789").strftime(format)
    fast = willump.compile(function, sample=frame([good, None]), strict=True)
    n_same = 0

    @settings(max_examples=150)
    @given(st.lists(texts(format), min_size=1, max_size=4))
    def compare(rows: list[Any]) -> None:
        nonlocal n_same
        expected, found = outcome(function, frame(rows)), outcome(fast, frame(rows))
        if isinstance(found, ValueError):
            return
        assert not isinstance(expected, Exception), expected
        pd.testing.assert_series_equal(found, expected)
        n_same += 1

    compare()
    assert n_same > 10
    later = frame([None, "0001-01-01", "", "nan", good]).replace("0001-01-01", good)
    pd.testing.assert_series_equal(fast(later), function(later))
    if errors == "coerce":
        later = frame(["none", good, "?", good.replace("02", "13", 1)])
        pd.testing.assert_series_equal(fast(later), function(later))


def test_text_of_another_format_than_the_samples_is_refused_by_name() -> None:
    fast = willump.compile(
        lambda f: pd.to_datetime(f["day"]).dt.month.astype(float),
        sample=pd.DataFrame({"day": ["2024-01-05", "2023-12-31"]}),
        strict=True,
    )
    assert fast({"day": "2020-02-29"}).tolist() == [2.0]
    for text in ("05/13/2024", "2024-1-5", "2024-01-05 10:00", "today"):
        with pytest.raises(ValueError, match=r"'%Y-%m-%d', which the sample has.*row 0") as raised:
            fast({"day": [text]})
        assert text in str(raised.value)


@pytest.mark.filterwarnings("ignore:.*(dateutil|dayfirst)")
@pytest.mark.parametrize("text", ["05/13/2024", "13.05.2024", "May 5, 2024", "2024", "x"])
def test_other_formats_than_iso_are_left_to_python(text: str) -> None:
    def function(f: pd.DataFrame) -> Any:
        return pd.to_datetime(f["s"], errors="coerce").dt.month.astype(float)

    with pytest.warns(willump.PythonStepWarning, match="ISO 8601"):
        fast = willump.compile(function, sample=frame([text, text]))
    np.testing.assert_array_equal(fast(frame([text])), function(frame([text])))
