"""Sums, means, extremes and truths of each row: of frames and of two-dimensional arrays."""

from __future__ import annotations

import linecache
import re
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import willump
from capture_frames import check_random_frames, outcome
from sklearn.ensemble import RandomForestRegressor

N = 12
FLOATS = [f"x{i}" for i in range(N)]
INTS = [f"n{i}" for i in range(N)]
BOOLS = [f"b{i}" for i in range(4)]
SINGLES = ["w0", "w1", "w2"]
NARROW = ["i0", "i1"]
GROUPS = {
    "x1": FLOATS[:1], "x2": FLOATS[:2], "x3": FLOATS[:3], "x7": FLOATS[:7], "x12": FLOATS,
    "n1": INTS[:1], "n3": INTS[:3], "n9": INTS[:9], "b1": BOOLS[:1], "b4": BOOLS, "w2": SINGLES[:2],
    "i2": NARROW, "xn": ["x0", "n0"], "nx": ["n1", "x1"], "xnx": ["x0", "n0", "x1"],
    "nb": ["n0", "b0", "n1"], "xb": ["x1", "b1"], "wi": ["w0", "i0"], "xw": ["x0", "w1"],
}  # fmt: skip
#: Of which pandas' order of adding hangs on the frame's blocks, and NumPy's on its memory.
OF_BLOCKS = frozenset(["x3", "x7", "x12", "xnx"])
OF_MEMORY = frozenset(["x12"])
NAMES = ["sum", "mean", "max", "min", "any", "all", "prod", "std", "var"]


def frame(rng: np.random.Generator, n: int, *, has_missing: bool = True) -> pd.DataFrame:
    columns: dict[str, Any] = {}
    for name in FLOATS:
        x = rng.normal(size=n) * 10.0 ** rng.integers(-6, 6, n)
        x[rng.random(n) < 0.1] = rng.choice([0.0, -0.0])
        if has_missing:
            x[rng.random(n) < 0.3] = np.nan
            x[rng.random(n) < 0.03] = np.inf
        columns[name] = x
    columns |= {name: rng.integers(-9, 50, n) for name in INTS}
    columns |= {name: rng.random(n) < 0.5 for name in BOOLS}
    columns |= {name: rng.normal(size=n).astype(np.float32) for name in SINGLES}
    columns |= {name: rng.integers(-128, 128, n).astype(np.int8) for name in NARROW}
    keys = rng.choice(["a", "b"], n).astype(object)
    if has_missing:
        keys[rng.random(n) < 0.3] = None
    columns["k"] = pd.Series(keys, dtype="str")
    return pd.DataFrame(columns)


RNG = np.random.default_rng(0)
SAMPLE = frame(RNG, 40, has_missing=False)
LATER = [frame(RNG, n) for n in (1, 2, 5, 6, 40, 1000)]
#: With blocks of their own.
LATER.append(LATER[4].assign(x1=LATER[4]["x1"] * 1.0, n1=LATER[4]["n1"] * 1))


def of(text: str) -> Any:
    source = f"def f(df):\n    return {text}\n"
    name = f"<row reductions: {text}>"
    linecache.cache[name] = (len(source), None, source.splitlines(True), name)
    space: dict[str, Any] = {"np": np, "pd": pd, "G": GROUPS}
    exec(compile(source, name, "exec"), space)
    return space["f"]


def check(function: Callable[[Any], Any], later: list[pd.DataFrame], *, is_exact: bool) -> bool:
    """Whether the function is native; its answers have the bits of plain Python's where
    `is_exact`."""
    is_choice = re.search(r"(max|min)\(", function.__code__.co_filename) is not None
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            fast = willump.compile(function, sample=SAMPLE)
        except willump.UnsupportedError:
            return False
        if fast._steps:
            return False
        for rows in (*later, SAMPLE):
            expected, found = function(rows), fast(rows)
            assert type(found) is type(expected)
            if isinstance(expected, pd.Series):
                pd.testing.assert_index_equal(found.index, expected.index)
            a, b = np.asarray(expected), np.asarray(found)
            assert a.dtype == b.dtype
            if a.dtype.kind != "f":
                np.testing.assert_array_equal(b, a)
            elif is_exact:
                at = ~np.isnan(a)
                np.testing.assert_array_equal(np.isnan(b), ~at)
                np.testing.assert_array_equal(b[at], a[at])
                if not is_choice:  # of zeros of both signs, the memory decides which is taken
                    np.testing.assert_array_equal(np.signbit(b[at]), np.signbit(a[at]))
            else:
                values = rows[FLOATS].to_numpy()
                scale = np.abs(np.where(np.isfinite(values), values, 0.0)).max(axis=1)
                at = np.isfinite(a)
                np.testing.assert_array_equal(b[~at], a[~at])
                assert (np.abs(a - b)[at] <= 1e-12 * (np.abs(a) + scale)[at]).all()
    return True


#: In so far native: float32's sums, and what NumPy has no dtype for, are Python's.
def _is_native(name: str, group: str, *, is_array: bool) -> bool:
    if group == "w2":
        return name in ("max", "min", "any", "all")
    if group in ("wi", "xw") or (is_array and group in ("nb", "xb")):
        return False
    return name not in ("std", "var") or group not in ("nb", "xb", "x1", "n1", "b1")


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("name", NAMES)
def test_reductions_of_frames_have_the_bits_of_pandas(name: str, group: str) -> None:
    is_exact = group not in OF_BLOCKS or name in ("max", "min", "any", "all")
    if name in ("std", "var"):
        is_exact = group not in OF_MEMORY and group != "n9"
    texts = [
        f"df[G[{group!r}]].{name}(axis=1)",
        f"df[G[{group!r}]].{name}(axis='columns', skipna=False)",
    ]
    for text in texts:
        is_native = check(of(text), LATER, is_exact=is_exact)
        assert is_native or not _is_native(name, group, is_array=False), text


@pytest.mark.parametrize("group", [g for g in GROUPS if g not in ("wi", "xw")])
@pytest.mark.parametrize("name", NAMES)
def test_reductions_of_arrays_have_the_bits_of_numpy(name: str, group: str) -> None:
    is_exact = group not in OF_MEMORY or name in ("max", "min", "any", "all", "prod")
    is_exact &= not (name in ("std", "var") and group == "n9")
    c = f"df[G[{group!r}]]"
    texts = [
        f"np.{name}({c}.to_numpy(), axis=1)",
        f"{c}.values.{name}(1)",
        f"np.{name}([df[c].to_numpy() for c in G[{group!r}]], axis=0)",
    ]
    if name in ("sum", "mean", "max", "min", "prod"):
        texts.append(f"np.nan{name}({c}.to_numpy(), axis=1)")
    for text in texts:
        if isinstance(outcome(of(text), SAMPLE), Exception):
            continue  # of objects
        is_native = check(of(text), LATER, is_exact=is_exact)
        is_listed = text.endswith("axis=0)")
        wanted = _is_native(name, group, is_array=True)
        assert is_native or not wanted or is_listed or group in ("x1", "n1", "b1"), text


OTHERS = [
    "df.isna().sum(axis=1)",
    "df.isnull().any(axis=1)",
    "df[G['x7']].notna().all(axis=1)",
    "df[G['x7']].isna().mean(axis='columns')",
    "df.count(axis=1)",
    "df[G['x2']].sum(axis=1, min_count=1)",
    "df[G['x2']].prod(axis=1, min_count=2)",
    "df[G['xn']].sum(axis=1, min_count=2)",
    "df[G['n3']].sum(axis=1, min_count=2)",
    "df[['x0', 'k']].mean(axis=1, numeric_only=True)",
    "df[['x0', 'k', 'n1']].sum(axis=1, numeric_only=True)",
    "df[['x0', 'b1', 'k']].any(axis=1, bool_only=True)",
    "np.sum(df[G['xn']], axis=1)",
    "np.max(df[G['x7']], axis=1)",
    "np.count_nonzero(df[G['x3']].to_numpy(), axis=1)",
    "df[['n0', 'n1']].assign(m=df['k'].map({'a': 1, 'b': 2})).sum(axis=1).astype(float)",
    "df[['n0']].assign(m=df['k'].map({'a': 1, 'b': 2})).max(axis=1).astype(float)",
    "df[['n0', 'n1']].assign(m=df['k'].map({'a': 1, 'b': 2})).sum(axis=1, skipna=False)",
    "df[['n0', 'n1']].assign(m=df['k'].map({'a': 1, 'b': 2})).mean(axis=1)",
    "df[['n0', 'n1']].assign(m=df['k'].map({'a': 1, 'b': 2})).to_numpy().sum(axis=1)",
    "df[['n0', 'n1']].assign(m=df['k'].map({'a': 1, 'b': 2})).to_numpy().max(axis=1)",
    "df[['x0', 'x1']].fillna(0).sum(axis=1)",
]


@pytest.mark.parametrize("text", OTHERS)
def test_other_reductions_are_native_and_exact(text: str) -> None:
    assert check(of(text), LATER, is_exact=True)


def of_two(f: Any) -> Any:
    return f[["x", "y"]].sum(axis=1)


def mean_of_three_kinds(f: Any) -> Any:
    return f[["i", "j", "p", "b"]].mean(axis=1)


def largest(f: Any) -> Any:
    return f[["i", "x", "j", "y"]].max(axis=1)


def missing_cells(f: Any) -> Any:
    return f.isna().sum(axis=1)


def any_of(f: Any) -> Any:
    return f[["x", "i", "p", "w"]].any(axis=1)


def all_there(f: Any) -> Any:
    return f[["x", "s", "d", "o", "z"]].notna().all(axis=1)


def whole_sum(f: Any) -> Any:
    return f[["i", "j", "h", "b", "k"]].sum(axis=1)


def of_array(f: Any) -> Any:
    return np.min(f[["x", "y"]].to_numpy(), axis=1) - f[["x", "y"]].to_numpy().sum(axis=1)


@pytest.mark.parametrize(
    "function",
    [of_two, mean_of_three_kinds, largest, missing_cells, any_of, all_there, whole_sum, of_array],
    ids=lambda f: f.__name__,
)
def test_reductions_of_random_frames(function: Callable[[Any], Any]) -> None:
    check_random_frames(function, 40)


@pytest.mark.filterwarnings("ignore::willump.PythonStepWarning")
def test_trees_read_the_sums_of_the_frame_that_is_given() -> None:
    columns, full = FLOATS[:4], SAMPLE[FLOATS]
    y = full[columns].sum(axis=1)
    parts = np.column_stack([y, full["x5"]])
    forest = RandomForestRegressor(5, random_state=0).fit(parts, y)

    def score(df: Any) -> Any:
        d = df.copy()
        d["total"] = d[columns].sum(axis=1)
        return forest.predict(d[["total", "x5"]].to_numpy())

    fast = willump.compile(score, sample=SAMPLE)
    assert "trees" in str(fast.explain())
    steps = [step for step in fast._steps if "order of its own" in step.why]
    assert len(steps) == len(fast._steps) == 1
    for rows in (SAMPLE, *LATER):
        rows = rows.assign(**rows[FLOATS].fillna(0.0).replace(np.inf, 1.0))
        for given in (rows, rows.assign(x1=rows["x1"] * 1.0)):  # in blocks of its own
            np.testing.assert_allclose(fast(given), score(given), rtol=1e-12)


@pytest.mark.filterwarnings("ignore::willump.PythonStepWarning")
def test_what_has_steps_reads_a_row_sum_to_the_bit() -> None:
    def tied(df: Any) -> Any:
        d = df.copy()
        d["y"] = d["x0"] + (d["x1"] + d["x2"])
        total = d[["x0", "x1", "x2"]].sum(axis=1, skipna=False)
        return (total > d["y"]) * 1 + (total < d["y"]) * 2 + total.round().notna()

    fast = willump.compile(tied, sample=SAMPLE)
    assert len(fast._steps) == 1
    assert "line " in fast._steps[0].why
    for rows in (SAMPLE, *LATER):
        for given in (rows, rows.assign(x1=rows["x1"] * 1.0), rows.assign(x0=rows["x0"] * 1.0)):
            pd.testing.assert_series_equal(fast(given), tied(given))
