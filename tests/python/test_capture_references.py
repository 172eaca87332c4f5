"""Python steps in artifacts: import references, and what is refused."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import capture_steps
import numpy as np
import pandas as pd
import pytest
import willump
from capture_steps import joined, ranked, scored, whole
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
