"""What Python steps do again: no assignments to columns that they do not read, and nothing twice
in one call."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pandas as pd
import pytest
import willump
from capture_checks import quiet
from capture_frames import outcome
from willump.capture.values import Replay, SetItem

SAMPLE = pd.DataFrame(
    {
        "x": np.arange(60.0) % 7 + 0.5,
        "y": np.arange(60.0) % 3,
        "k": pd.Series(["a", "b", "c"] * 20, dtype="str"),
        "note": pd.Series(["some words", "words", "", "none"] * 15, dtype="str"),
    }
)
LATER = SAMPLE.iloc[::-3].assign(x=lambda f: f["x"] * 2).reset_index(drop=True)
TABLE = pd.DataFrame({"k": ["a", "b"], "z": [10.0, 20.0], "w": [1.0, 2.0]})
CALLS: list[int] = []


def counted(column: Any) -> Any:
    CALLS.append(len(column))
    return column.rolling(1).sum()


def opaque(column: Any) -> Any:
    return column.map(lambda text: float(len(text.encode())))


def assigned(f: Any) -> Any:
    f = f.copy()
    f["a"] = counted(f["x"])
    for i in range(5):
        f[f"c{i}"] = f["x"] * i + f["a"]
    f["size"] = opaque(f["note"])
    return f["size"] + f["c2"]


def native_ones(f: Any) -> Any:
    f = f.copy()
    f["a"] = f["x"] + 1
    f.loc[f["a"] > 2, "a"] = 0.0
    f["b"] = f["a"] * 2
    return opaque(f["note"]) + f["b"]


def guarded(f: Any) -> Any:
    """What may raise an error of the rows is called, whoever reads it."""
    f = f.copy()
    f["a"] = counted(f["x"])
    f["b"] = f["x"] * 2
    return opaque(f["note"]) + f["b"]


def part(f: Any) -> Any:
    f = f.assign(a=f["x"] + 1, b=f["y"] + 1)[["a", "b", "note", "k"]]
    f = f.rename(columns={"note": "text"})
    f.loc[f["b"] > 1, "b"] = 0.0
    f["a"] = counted(f["a"])
    return opaque(f["text"]) + f["b"]


def joined(f: Any) -> Any:
    f = f.merge(TABLE, on="k", how="left")
    f["s"] = counted(f["x"])
    f["z"] = f["z"].fillna(0.0) + f["y"]
    return opaque(f["note"]).to_numpy() + f["z"].rolling(1).sum().to_numpy()


def of_empty(f: Any) -> Any:
    out = pd.DataFrame()
    out["a"] = f["x"].rolling(1).sum()
    out["b"] = 1.0
    out["size"] = opaque(f["note"])
    return out["b"].rolling(1).sum() + out["size"]


def suffixes(f: Any) -> Any:
    f = f.copy()
    f["w"] = f["y"] * 2
    f["v"] = f["y"] * 3
    f = f.merge(TABLE, on="k", how="left", suffixes=("", "_table"))
    return f["w"].to_numpy() + f["w_table"].fillna(0.0).rolling(1).sum().to_numpy()


def attributes(f: Any) -> Any:
    f = f.copy()
    f["a"] = f["x"] + 1
    f["b"] = pd.Series(opaque(f.note).to_numpy(), index=f.index) + len(f) * 0
    f["a"] = f["a"] * 2
    return f.b + f.a.rolling(1).sum()


def shared(f: Any) -> Any:
    dear = counted(f["x"])
    low, high = dear.rolling(1).min(), dear.rolling(1).max()
    return np.maximum(low.to_numpy() * 2, 0) + high.to_numpy() * f["y"].to_numpy()


@pytest.mark.parametrize(
    "function",
    [assigned, native_ones, guarded, part, joined, of_empty, suffixes, attributes, shared],
    ids=lambda f: f.__name__,
)
def test_answers_are_the_functions(function: Any) -> None:
    fast = quiet(willump.compile, function, sample=SAMPLE)
    for frame in (SAMPLE, LATER, LATER.iloc[:1], LATER.iloc[:0]):
        expected, found = outcome(function, frame), outcome(fast, frame)
        if isinstance(expected, Exception):  # rows that there are not have no lengths
            assert not len(frame)
            continue
        assert type(found) is type(expected)
        np.testing.assert_array_equal(np.asarray(found), np.asarray(expected))


def set_columns(step: Any) -> set[Any]:
    """The columns that a step sets in frames."""
    found, rest = set(), [step.replay]
    while rest:
        call = rest.pop()
        if isinstance(call.function, SetItem):
            found.add(call.args[1] if not call.function.part else call.args[1][1])
        rest += [each for each in call.args if isinstance(each, Replay)]
    return found


@pytest.mark.parametrize(
    ("function", "columns"),
    [
        (native_ones, [[]]),
        (guarded, [["a"]]),
        (suffixes, [["w"]]),
    ],
)
def test_columns_that_are_not_read_are_not_set(function: Any, columns: list[Any]) -> None:
    fast = quiet(willump.compile, function, sample=SAMPLE)
    assert [sorted(set_columns(step)) for step in fast._steps] == columns


def test_steps_share_what_they_compute() -> None:
    fast = quiet(willump.compile, shared, sample=SAMPLE)
    CALLS.clear()
    quiet(fast, LATER)
    assert len(CALLS) == 1


def test_calls_share_nothing() -> None:
    """Each call computes by its own rows, in any thread; changed rows are other rows."""
    fast = quiet(willump.compile, shared, sample=SAMPLE)
    frame = SAMPLE.copy()
    quiet(fast, frame)
    frame.loc[3, "x"] = 99.0
    np.testing.assert_array_equal(quiet(fast, frame), quiet(shared, frame))
    frames = [SAMPLE.sample(20, random_state=i).reset_index(drop=True) for i in range(8)]
    expected = [quiet(shared, each) for each in frames]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(20):
            for found, wanted in zip(pool.map(fast, frames), expected, strict=True):
                np.testing.assert_array_equal(found, wanted)
