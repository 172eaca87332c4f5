"""Saved functions on the command line: their columns are read as the dtypes of the sample, and
what these do not hold is refused as from Python."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import willump
from harness import examples
from hypothesis import given
from hypothesis import strategies as st
from test_cli import run

SAMPLE = pd.DataFrame(
    {
        "i": [1, -2, 3],
        "small": np.array([1, 2, 3], np.int8),
        "unsigned": np.array([1, 2, 3], np.uint16),
        "single": np.array([0.5, 1.5, np.nan], np.float32),
        "x": [0.1, np.nan, 3.0],
        "b": [True, False, True],
        "I": pd.array([1, None, 3], dtype="Int64"),
        "t": pd.to_datetime(["2026-01-01", "1999-02-03", None]),
    }
)


def of_all(df: Any) -> Any:
    t = df["t"]
    parts = [
        df["i"] // 2, df["small"] * 2, df["unsigned"] % 3, df["single"] * 2, df["x"].fillna(7),
        df["I"].fillna(5), df["b"], t.dt.year, t.dt.month, t.dt.day, t.dt.hour, t.dt.minute,
        t.dt.second, t.dt.microsecond, t.dt.dayofweek,
    ]  # fmt: skip
    return np.column_stack([part.astype(float) for part in parts])


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fast = willump.compile(of_all, sample=SAMPLE)
    assert not fast._steps
    path = tmp_path_factory.mktemp("functions") / "all.willump"
    fast.save(path)
    return fast, path


MOMENTS = st.datetimes(
    min_value=pd.Timestamp("1700-01-01").to_pydatetime(),
    max_value=pd.Timestamp("2250-12-31").to_pydatetime(),
)
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "i": st.integers(-(2**40), 2**40),
            "small": st.integers(-128, 127),
            "unsigned": st.integers(0, 65535),
            "single": st.none() | st.floats(width=32, allow_nan=False, allow_infinity=False),
            "x": st.none() | st.floats(allow_nan=False, allow_infinity=False),
            "b": st.booleans(),
            "I": st.none() | st.integers(-(2**40), 2**40),
            "t": st.none() | MOMENTS,
        }
    ),
    min_size=1,
    max_size=6,
)


def frame_of(rows: list[dict[str, Any]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows)
    frame["t"] = pd.to_datetime(frame["t"]).astype("datetime64[us]")
    return frame.astype({n: d for n, d in SAMPLE.dtypes.items() if n != "t"})


def answers(text: bytes) -> Any:
    lines = text.decode().splitlines()[1:]
    return np.array([[float(cell) for cell in line.split(",")] for line in lines])


def numbers_of(line: bytes) -> list[Any]:
    return [np.nan if value is None else value for value in json.loads(line).values()]


@given(rows=ROWS)
@examples(60)
def test_csv_has_the_same_bits(saved: Any, rows: list[dict[str, Any]]) -> None:
    fast, path = saved
    frame = frame_of(rows)
    found = answers(run("predict", path, "-", stdin=frame.to_csv(index=False).encode()))
    np.testing.assert_array_equal(found, fast(frame))


@given(rows=ROWS, mark=st.sampled_from([" ", "T"]))
@examples(60)
def test_json_lines_have_the_same_bits(saved: Any, rows: list[dict[str, Any]], mark: str) -> None:
    fast, path = saved
    lines = [{k: v.isoformat(mark) if k == "t" and v else v for k, v in r.items()} for r in rows]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    done = run("predict", path, "-", "--format", "jsonl", stdin=text.encode())
    found = [[float(v) for v in numbers_of(line)] for line in done.splitlines()]
    np.testing.assert_array_equal(found, fast(frame_of(rows)))


GOOD = {"i": 1, "small": 2, "unsigned": 3, "single": 0.5, "x": 0.25, "b": True, "I": 4,
        "t": "2026-01-31 07:05"}  # fmt: skip
BAD: list[tuple[str, Any]] = [
    ("i", ""), ("i", 1.5), ("i", "true"), ("i", 2.0**60), ("small", 128), ("small", -129),
    ("unsigned", -1), ("unsigned", 65536), ("single", 1e39), ("x", "true"), ("b", ""), ("b", 1),
    ("b", 0.5), ("I", 1.5), ("t", 17), ("t", "2026-02-29"), ("t", "2026-13-01"), ("t", "26-01-01"),
    ("t", "2026-01-01 24:00"), ("t", "2026-01-01 07"), ("t", "2026-01-01 07:05:61"),
    ("t", "2026-01-01 07:05:06.1234567"), ("t", "2026-01-01 07:05:06+01:00"), ("t", "0900-01-01"),
    ("t", "2026-01-01  07:05"), ("t", "2026-01-01 07:05:06."),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), BAD)
def test_what_a_dtype_does_not_hold_is_refused(saved: Any, name: str, value: Any) -> None:
    _, path = saved
    row = {**GOOD, name: value}
    text = ",".join(row) + "\n" + ",".join(str(cell) for cell in row.values()) + "\n"
    done = run("predict", path, "-", stdin=text.encode(), status=1)
    assert f'line 2: column "{name}"' in done.decode()


@pytest.mark.parametrize("text", ["", "NaT", "nan", "NA", "null"])
def test_moments_may_be_missing(saved: Any, text: str) -> None:
    fast, path = saved
    row = {**GOOD, "t": text}
    lines = ",".join(row) + "\n" + ",".join(str(cell) for cell in row.values()) + "\n"
    frame = frame_of([{**GOOD, "t": None}])
    np.testing.assert_array_equal(
        answers(run("predict", path, "-", stdin=lines.encode())), fast(frame)
    )


FUNCTIONS: list[Callable[[Any], Any]] = [
    lambda df: df["t"].dt.hour.to_numpy(dtype=float),
    lambda df: (df["d"] / pd.Timedelta("1s")).to_numpy(),
]


@pytest.mark.parametrize("at", range(len(FUNCTIONS)))
def test_zones_and_times_between_are_left_to_python(at: int, tmp_path: Path) -> None:
    sample = pd.DataFrame(
        {
            "t": pd.to_datetime(["2026-01-01", "2026-07-01"]).tz_localize("UTC"),
            "d": pd.to_timedelta(["1s", "2s"]),
        }
    )
    willump.compile(FUNCTIONS[at], sample=sample).save(tmp_path / "m.willump")
    text = sample.to_csv(index=False).encode()
    done = run("predict", tmp_path / "m.willump", "-", stdin=text, status=1)
    assert "predict from Python" in done.decode()
