"""Functions that pandas calls row by row, against pandas on random frames."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import willump
from capture_frames import SAMPLE, check_random_frames, outcome
from graph_interpreter import Interpreter
from willump.capture.capture import follow

POINTS = {"a": 1.5, "b": 2.0, "": -1.0}
NAMES = {1: "one", 2: "two"}
WORDS = ["a", "É", "12"]


def bucket(v: float) -> int:
    if v < -1:
        return 0
    if v < 0.5:
        size = 1
    elif v < 2:
        size = 2
    else:
        size = 3
    return size


def nested(v: float) -> float:
    found = 0.0
    if v > 0:
        if v > 2:
            return 9.0
        found = v * 2.0
    elif v == -1.5:
        return -9.0
    return found + 0.5


def named(t: Any) -> str:
    if not isinstance(t, str):
        return "none"
    if t.startswith("a") and "," not in t:
        return "A" + t.lower()
    return t.strip() or "blank"


def several(row: Any, bonus: float = 0.0) -> float:
    total = bonus
    for name in ("x", "y"):
        if not pd.isna(row[name]):
            total += row[name] * 0.5
    return -1.0 if row["i"] < 0 and row["p"] else total


def with_helper(row: Any) -> float:
    return nested(row["x"]) if row["s"] == "a" else nested(row["y"])


def with_local(f: Any) -> Any:
    low = 2

    def one(v: int) -> int:
        sizes = [v, low]
        sizes.append(v * 2)
        return max(sizes) - min(sizes)

    return f["i"].apply(one)


#: Functions of a frame that are native as a whole.
FUNCTIONS: list[Callable[[pd.DataFrame], Any]] = [
    lambda f: f["x"].apply(lambda v: v * 2.0 + 1),
    lambda f: f["i"].apply(lambda v: v * 3 - 7),
    lambda f: f["i"].map(lambda v: v / 4),
    lambda f: f["i"].apply(lambda v: v // 3 + v % 5),
    lambda f: f["x"].apply(lambda v: 1 if v > 0.5 else 0),
    lambda f: f["x"].apply(lambda v: -v if v < 0 else v),
    lambda f: f["x"].apply(lambda v: 0.0 if math.isnan(v) else v),
    lambda f: f["x"].apply(lambda v: 0.0 if pd.isna(v) or v < 0 else math.sqrt(v)),
    lambda f: f["x"].apply(lambda v: 0.0 if not v > 0 else math.log(v)),
    lambda f: f["x"].apply(lambda v: v if v == v else 1.5),
    lambda f: f["x"].apply(lambda v: None if v > 1 else v).astype(float),
    lambda f: f["x"].apply(lambda v: max(v, 0)).astype(float),
    lambda f: np.column_stack([f["x"].apply(lambda v: min(0, v, 2.5)), f["x"]]),
    lambda f: f["x"].apply(lambda v: -1 < v <= 2),
    lambda f: f["x"].apply(bucket),
    lambda f: f["y"].map(nested),
    lambda f: f["w"].apply(lambda v: v * 0.1),
    lambda f: f["i"].apply(abs),
    lambda f: f["i"].apply(lambda v: v in (1, 2, 7)),
    lambda f: f["i"].apply(lambda v: NAMES.get(v, "many")) == "two",
    lambda f: f["i"].apply(lambda v: v and v + 1),
    lambda f: f["p"].apply(lambda v: 2 if v else 3),
    lambda f: f["s"].apply(named) == "blank",
    lambda f: f["o"].apply(named).str.len(),
    lambda f: f["s"].apply(lambda t: POINTS.get(t, 0.0)),
    lambda f: f["s"].fillna("").apply(lambda t: len(t.upper())),
    lambda f: f["s"].fillna("").map(lambda t: any(w in t for w in WORDS)),
    lambda f: f["s"].fillna("").map(lambda t: sum(w in t for w in WORDS) * 1),
    lambda f: f["s"].fillna("").map(lambda t: t.replace("a", "bb").split(",")[0]) == "bb",
    lambda f: f["s"].fillna("x").map(lambda t: t[:2] + "-" + t[-1:]).str.len(),
    lambda f: f["s"].map(lambda t: "gone" if pd.isna(t) else t.casefold()).str.len(),
    lambda f: f["s"].apply(lambda t: isinstance(t, float)),
    lambda f: f["s"].apply(lambda t: f"<{t}>") == "<nan>",
    lambda f: f["o"].apply(lambda t: t is None),
    lambda f: f["i"].apply(lambda v: f"{v:05d}|{v}").str.len(),
    lambda f: f["i"].apply(str) == "1",
    lambda f: f.apply(lambda r: r["x"] * r["y"], axis=1),
    lambda f: f.apply(lambda r: r.x + r["i"], axis=1),
    lambda f: f.apply(lambda r: 0.0 if r["y"] == 0 else r["x"] / r["y"], axis=1),
    lambda f: f[["x", "y"]].apply(lambda r: r["x"] / r["y"], axis=1),
    lambda f: f[["i", "x"]].apply(lambda r: r["i"] * 2 + r["x"], axis=1),
    lambda f: f.apply(lambda r: f"{r['s']}_{r['i']}" if r["s"] == "a" else "no", axis=1) == "a_1",
    lambda f: f.apply(several, axis=1),
    lambda f: f.apply(several, axis=1, args=(2.0,)),
    lambda f: f.apply(several, axis="columns", bonus=0.25),
    lambda f: f.apply(with_helper, axis=1),
    lambda f: f.apply(lambda r: (r["p"] or r["q"]) and not (r["p"] and r["q"]), axis=1),
    lambda f: f.apply(lambda r: all([r["p"], r["x"] > 0]), axis=1),
    lambda f: f.assign(z=f.apply(lambda r: r["i"] + 1, axis=1))["z"] * 2,
    with_local,
]


@pytest.mark.parametrize("number", range(len(FUNCTIONS)))
def test_rows_are_those_of_pandas(number: int) -> None:
    check_random_frames(FUNCTIONS[number], 20)


@pytest.mark.parametrize("number", range(len(FUNCTIONS)))
def test_graphs_mean_what_the_reference_says(number: int) -> None:
    followed = follow(FUNCTIONS[number], SAMPLE, strict=True)
    (found,) = Interpreter(followed.finish()).run(SAMPLE).values()
    expected = np.asarray(outcome(FUNCTIONS[number], SAMPLE), dtype=float)
    np.testing.assert_allclose(
        np.asarray(found, dtype=float).reshape(expected.shape), expected, rtol=1e-12
    )


# ---- rows that plain Python refuses ---------------------------------------------------------

GOOD = pd.DataFrame({"i": [1, 2], "j": [1, 2], "s": ["a", "b"], "x": [1.0, 4.0]})
ERRORS: list[tuple[Callable[[Any], Any], dict[str, Any], type[Exception], str]] = [
    (lambda f: f["s"].map(lambda t: POINTS[t]), {"s": "z"}, KeyError, "not in the dict"),
    (lambda f: f["s"].map(lambda t: len(t.lower())), {"s": math.nan}, TypeError, "is missing"),
    (lambda f: f["s"].map(lambda t: len(t[0])), {"s": ""}, ValueError, "no character"),
    (lambda f: f["x"].map(lambda v: math.sqrt(v)), {"x": -1.0}, ValueError, "math domain"),
    (lambda f: f["x"].map(lambda v: int(v)), {"x": math.nan}, ValueError, "to integer"),
    (lambda f: f.apply(lambda r: r["i"] / r["j"], axis=1), {"j": 0}, ValueError, "by zero"),
]


@pytest.mark.parametrize(("function", "row", "error", "says"), ERRORS)
def test_rows_that_raise_are_errors_that_name_them(
    function: Callable[[Any], Any], row: dict[str, Any], error: type[Exception], says: str
) -> None:
    fast = willump.compile(function, sample=GOOD, strict=True)
    bad = pd.concat([GOOD, GOOD.tail(1).assign(**row)])
    assert isinstance(outcome(function, bad), Exception)
    with pytest.raises(error, match=says):
        fast(bad)


def test_rows_that_a_condition_leaves_out_raise_nothing() -> None:
    def guarded(row: Any) -> float:
        if row["j"] == 0 or not isinstance(row["s"], str):
            return 0.0
        return row["i"] / row["j"] * len(row["s"].strip())

    fast = willump.compile(lambda f: f.apply(guarded, axis=1), sample=GOOD, strict=True)
    rows = pd.DataFrame({"i": [6, 6, 6], "j": [0, 2, 3], "s": ["a", math.nan, " bc "]})
    rows["s"] = rows["s"].astype("str")
    np.testing.assert_array_equal(fast(rows.assign(x=0.0)), rows.apply(guarded, axis=1))


# ---- what stays Python ------------------------------------------------------------------------

COUNTS: list[int] = []


def counted(v: float) -> float:
    COUNTS.append(1)
    return v * 2


def tried(v: float) -> float:
    try:
        return 1 / v
    except ZeroDivisionError:
        return 0.0


STEPS: list[tuple[Callable[[Any], Any], str]] = [
    (lambda f: f["x"].apply(counted), "changed by each row"),
    (lambda f: f["x"].apply(tried), "`try`"),
    (lambda f: f["x"].apply(lambda v: v + np.random.default_rng(0).random()), "another answer"),
    (lambda f: f["x"].apply(lambda v: v**3), "pow"),
    (lambda f: f["i"].apply(lambda v: float(f"{v}1")), "float of a string"),
    (lambda f: f.apply(lambda r: r.sum(), axis=1), "a row's sum"),
    (lambda f: f["x"].apply(lambda v: np.cbrt(v)), "cbrt"),
]


@pytest.mark.parametrize(("function", "says"), STEPS)
def test_what_is_not_exact_stays_python(function: Callable[[Any], Any], says: str) -> None:
    frame = GOOD[["i", "x"]]
    with pytest.warns(willump.PythonStepWarning):
        fast = willump.compile(function, sample=frame)
    assert says in str(fast.explain())
    np.testing.assert_array_equal(fast(frame), function(frame))
