"""Python steps in artifacts: import references, and what is refused."""

from __future__ import annotations

import datetime as dt
import json
import math
import re
from pathlib import Path
from typing import Any

import capture_steps
import numpy as np
import pandas as pd
import pytest
import willump
from capture_steps import joined, ranked, scored, whole
from sklearn.preprocessing import QuantileTransformer
from willump.capture.references import described, loaded

FRAME = pd.DataFrame(
    {"x": [0.5, math.nan, 2.0, -1.0], "y": [1.0, 2.0, 3.0, math.nan], "i": [1, 2, 3, 4]}
)
OTHER = FRAME.iloc[::-1].reset_index(drop=True) + 1
ARRAY = np.array([1.0])


def compiled(function: Any) -> Any:
    with pytest.warns(willump.PythonStepWarning):
        return willump.compile(function, sample=FRAME)


@pytest.mark.parametrize(
    ("function", "modules"),
    [(scored, ["capture_steps", "pandas"]), (joined, ["pandas"]), (whole, ["capture_steps"])],
)
def test_steps_are_saved_by_name(function: Any, modules: list[str], tmp_path: Path) -> None:
    fast = compiled(function)
    path = tmp_path / "steps.willump"
    fast.save(path)
    again = willump.load(path, allow_python=modules)
    for frame in (FRAME, OTHER):
        np.testing.assert_array_equal(again(frame), function(frame))
        np.testing.assert_array_equal(again(frame.to_dict("list")), function(frame))
    assert again.to_bytes() == fast.to_bytes()
    assert "python" in str(again.explain())
    again = willump.from_bytes(fast.to_bytes(), allow_python=[*modules, "json"])
    np.testing.assert_array_equal(again(FRAME), function(FRAME))


def test_modules_must_be_allowed(tmp_path: Path) -> None:
    fast = compiled(scored)
    path = tmp_path / "steps.willump"
    fast.save(path)
    for allowed in ((), ["pandas"], ["capture_steps"], ["capture"]):
        with pytest.raises(willump.ArtifactError, match=r"allow_python=\['capture_steps', 'pandas"):
            willump.load(path, allow_python=allowed)
        with pytest.raises(willump.ArtifactError, match="if you trust"):
            willump.from_bytes(fast.to_bytes(), allow_python=allowed)
    with pytest.raises(TypeError, match="a list of modules' names"):
        willump.load(path, allow_python="pandas")


@pytest.mark.parametrize("what", ["a lambda", "an array"])
def test_what_no_import_finds_is_refused_by_name(what: str, tmp_path: Path) -> None:
    if what == "a lambda":
        fast, pattern = compiled(lambda f: f["x"].rolling(1).apply(lambda w: w.sum())), "<lambda>"
    else:
        fast, pattern = compiled(lambda f: f["x"].rank().to_numpy() + ARRAY), "a ndarray"
    with pytest.raises(willump.UnsupportedError, match=pattern):
        fast.save(tmp_path / "refused.willump")
    with pytest.raises(willump.UnsupportedError, match="never code"):
        fast.to_bytes()


def stored() -> dict[str, Any]:
    found = json.loads(json.dumps(compiled(scored).metadata["function"]["python"]))
    assert loaded(found, {"pandas", "capture_steps"})
    return dict(found)


@pytest.mark.parametrize(
    "callee",
    [
        "import os:system",
        "import capture_steps:os.system",
        "import capture_steps:os",
        "import capture_steps:TABLE",
        "import capture_steps:np.load",
        "import pandas:io.common.os.system",
        "import builtins:eval",
        "import capture_steps",
        "import :",
        "operator attrgetter",
        "operator methodcaller",
        "method __class__",
        "augment __init__",
        "getattr",
        "setitem __dict__",
        "eval 1",
        "",
    ],
)
def test_hostile_callees_are_refused(callee: str) -> None:
    found = stored()
    for call in found["calls"]:
        call["function"] = callee
    with pytest.raises((willump.ArtifactError, KeyError, TypeError, ValueError)):
        loaded(found, {"pandas", "capture_steps"})


def test_damaged_steps_are_refused() -> None:
    for key, value in (("calls", 3), ("steps", [{}]), ("modules", None), ("dtypes", 1)):
        found = {**stored(), key: value}
        with pytest.raises((willump.ArtifactError, KeyError, TypeError, ValueError)):
            loaded(found, {"pandas", "capture_steps"})
    found = stored()
    found["calls"][0]["args"] = [{"call": 99}]
    with pytest.raises(IndexError):
        loaded(found, {"pandas", "capture_steps"})
    found["calls"][0]["args"] = [{"call": -1}]
    with pytest.raises(IndexError):
        loaded(found, {"pandas", "capture_steps"})


def _again(value: Any) -> Any:
    """What a step's argument is behind an artifact."""
    from willump.capture.steps import ReplayStep
    from willump.capture.values import Replay

    replay = Replay(ranked, (Replay(None), value))
    found = described([ReplayStep(None, "", "line 1", "no form", 1, replay=replay)], {})
    assert "refused" not in found, found
    (made,) = loaded(json.loads(json.dumps(found)), {"capture_steps", "numpy", "pandas"})
    assert isinstance(made, ReplayStep)
    assert made.replay is not None
    return made.replay.args[1]


@pytest.mark.parametrize(
    "value",
    [
        range(1, 9, 2), frozenset({1, "a"}), dt.date(2024, 2, 29), dt.time(1, 2, 3, 4),
        dt.datetime(2024, 1, 1, 5, 6, 7, 8), dt.timedelta(-1, 2, 3), pd.NaT, pd.NA, len, sorted,
        np.timedelta64(3, "D"), np.timedelta64("NaT", "ns"), np.datetime64("2024-01-01T01", "ms"),
        re.compile(r"\d+|é", re.I), np.c_, np.r_, [dt.date(2024, 1, 1), {"a": range(3)}],
    ],
)  # fmt: skip
def test_plain_values_come_back(value: Any) -> None:
    again = _again(value)
    assert type(again) is type(value)
    assert again is value or (again != again and value != value) or again == value
    if isinstance(value, np.generic):
        assert again.dtype == value.dtype


@pytest.mark.parametrize(
    "index",
    [
        pd.DatetimeIndex(["2024-01-01", "NaT", "2024-12-25"]), pd.RangeIndex(2, 9, 3, name="n"),
        pd.date_range("2024-01-01", periods=4, freq="D", name="day"), pd.Index([1, 2]),
        pd.to_timedelta([1, 2], unit="h"), pd.Index(["a", "é"]), pd.Index([0.5, math.nan]),
        pd.Index(["a", 1, None], dtype=object), pd.DatetimeIndex([]), pd.Index([True, False]),
        pd.Index([1, 2], dtype="uint8", name=("a", 1)), pd.Index(["a", math.nan]),
    ],
)  # fmt: skip
def test_indexes_of_plain_values_come_back(index: pd.Index) -> None:
    again = _again(index)
    pd.testing.assert_index_equal(again, index, exact=True)
    assert again.dtype == index.dtype
    assert getattr(again, "freqstr", None) == getattr(index, "freqstr", None)


@pytest.mark.parametrize(
    ("function", "value"),
    [({"a": 1}.get, "a"), ("{:>4}|{0}".replace("{0}", "").format, 3), ("-".join, "abc"),
     (re.compile("(?i)B+").sub, ("", "abBc"))],
)  # fmt: skip
def test_methods_of_plain_values_come_back(function: Any, value: Any) -> None:
    args = value if isinstance(value, tuple) else (value,)
    assert _again(function)(*args) == function(*args)


@pytest.mark.parametrize(
    "value",
    [
        {"bound": ["format", "{0.__class__}"]}, {"bound": ["format", "{0[a]}"]},
        {"bound": ["__class__", "a"]}, {"bound": ["encode", "a"]}, {"bound": ["pop", {"dict": []}]},
        {"builtin": "eval"}, {"builtin": "open"}, {"pattern": ["a", int(re.DEBUG)]},
        {"pattern": ["(", 0]}, {"indexer": "load"}, {"moment": ["<i8", 1]}, {"range": [1, 2, 0]},
        {"index": ["evil", [1], None, None]}, {"missing": "x"}, {"date": "never"}, {"eval": "1"},
    ],
)  # fmt: skip
def test_hostile_values_are_refused(value: Any) -> None:
    found = stored()
    found["calls"][0]["args"] = [value]
    with pytest.raises((AttributeError, LookupError, OverflowError, TypeError, ValueError)):
        loaded(found, {"pandas", "capture_steps"})


def test_everyday_steps_are_saved(tmp_path: Path) -> None:
    days = pd.DatetimeIndex(["1970-01-03", "1970-01-04"])

    def function(df: Any) -> Any:
        moment = pd.Timestamp("1970-01-01") + df["i"].cumsum() * np.timedelta64(1, "D")
        listed = df["i"].rank().isin(range(2, 4))
        return listed.astype(float) + moment.isin(days) + np.c_[df["y"].rank()][:, 0]

    fast = compiled(function)
    fast.save(tmp_path / "days.willump")
    allowed = fast.metadata["function"]["python"]["modules"]
    assert set(allowed) <= {"pandas", "numpy", "_operator"}
    again = willump.load(tmp_path / "days.willump", allow_python=allowed)
    np.testing.assert_array_equal(again(OTHER), function(OTHER))


def test_fitted_objects_are_refused_and_what_to_do_is_told(tmp_path: Path) -> None:
    ranks = QuantileTransformer(n_quantiles=2).fit(FRAME[["i"]])
    fast = compiled(lambda df: ranks.inverse_transform(df[["i"]].rank(pct=True))[:, 0])
    with pytest.raises(
        willump.UnsupportedError, match="a method of an object, which no name tells"
    ):
        fast.save(tmp_path / "refused.willump")


def test_values_come_back_as_they_were() -> None:
    values = [
        1, -2.5, math.inf, True, None, "é", (1, [2, "a"]), {"a": 1.0, 2: (3,)}, {1, 2},
        slice(1, None, -1), np.float32(0.1), np.int64(2**60), np.dtype("int8"), float,
        pd.Timestamp("2020-01-01 00:00:01.5"), pd.Timedelta("1h"), np.log1p, capture_steps.ranked,
    ]  # fmt: skip
    from willump.capture.steps import ReplayStep
    from willump.capture.values import Replay

    replay = Replay(ranked, (Replay(None), values))
    step = ReplayStep(None, "", "line 1", "no form", 1, replay=replay)
    found = described([step], {})
    (made,) = loaded(json.loads(json.dumps(found)), {"capture_steps", "numpy"})
    assert made.replay is not None
    again = made.replay.args[1]
    assert again == values
    assert list(map(type, again)) == list(map(type, values))


def test_whole_numbers_of_any_size_are_saved(tmp_path: Path) -> None:
    def beyond(df: Any) -> Any:
        return (df["x"] > 10**20).astype(float) + df["y"].clip(upper=-(2**70))

    fast = compiled(beyond)
    fast.save(tmp_path / "beyond.willump")
    again = willump.load(tmp_path / "beyond.willump", allow_python=["pandas", "_operator"])
    np.testing.assert_array_equal(np.asarray(again(OTHER)), np.asarray(beyond(OTHER)))
