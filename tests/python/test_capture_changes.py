"""Functions that change objects in place, see them under several names, or keep what they
were given: answered as plain Python answers, or refused by name."""

from __future__ import annotations

import contextlib
import datetime
import functools
import importlib
import itertools
import random
import time
import warnings
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import willump
from harness import examples
from hypothesis import given
from hypothesis import strategies as st
from sklearn.preprocessing import StandardScaler
from test_capture_expressions import function_of

FRAME = pd.DataFrame(
    {
        "x": [1.0, -2.0, 3.0, np.nan],
        "y": [0.5, 4.0, -1.0, 2.0],
        "n": [1, 2, 3, 4],
        "k": pd.Series(["u", "v", "u", "w"], dtype="str"),
    }
)
LATER = pd.DataFrame(
    {
        "x": [-7.0, np.nan, 12.0, 0.0, 5.0],
        "y": [9.0, -0.5, 0.0, -3.0, 1.0],
        "n": [-4, 9, 0, 2, 7],
        "k": pd.Series(["w", "u", "u", "v", "w"], dtype="str"),
    }
)


def quiet(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(*args, **kwargs)


def check(function: Callable[..., Any], *frames: pd.DataFrame, sample: Any = FRAME) -> Any:
    """Compiles a function and compares its answers, twice, with the plain one's."""
    fast = quiet(willump.compile, function, sample=sample)
    for frame in (FRAME, *(frames or (LATER,)), FRAME):
        given = frame.copy()
        expected, found = quiet(function, frame.copy()), quiet(fast, given)
        assert type(found) is type(expected)
        np.testing.assert_allclose(
            np.asarray(found, dtype=float), np.asarray(expected, dtype=float), rtol=1e-12
        )
        pd.testing.assert_frame_equal(given, frame)  # the caller's stays
    return fast


# ---- helpers that are not followed ------------------------------------------------


def clean(d: Any) -> None:
    try:
        d["x"] = d["x"].clip(lower=0) * 2
    except KeyError:
        d["x"] = 0.0


def clean_and_return(d: Any) -> Any:
    try:
        d["x"] = d["x"].fillna(0) * 2
    except KeyError:
        return None
    return d


def by_rows(d: Any) -> None:
    for i in range(len(d)):
        d.loc[d.index[i], "x"] = float(i)


def bump(d: Any) -> Any:
    for i in range(len(d)):
        d.loc[d.index[i], "x"] = d.loc[d.index[i], "x"] + 1
    return d["x"].to_numpy() * 1.0


# ---- cases --------------------------------------------------------------------------


def comprehension_closures(df: Any) -> Any:
    return sum(f(df) for f in [lambda d: d["x"] * k for k in (1, 2, 3)])  # noqa: B023


def late_default(df: Any) -> Any:
    made = []
    for k in (1, 3):
        made.append(lambda v, k=k: v * k if v > float(format(k, "d")) else -v)
    k = 7
    return df["n"].map(made[0]) + df["n"].map(made[1]) + k


def view(df: Any) -> Any:
    a = df[["x", "n"]].to_numpy(copy=True)
    m = a[:, 0]
    m += 1
    return a


def view_of_mask(df: Any) -> Any:
    a = df[["x", "n"]].to_numpy(copy=True)
    a[:, 1][a[:, 0] > 0] = 7
    return a


def transposed(df: Any) -> Any:
    a = np.array(df[["x", "n"]])
    b = a.T
    b[0] = 5
    return a


def same_array(df: Any) -> Any:
    a = df["x"].to_numpy(copy=True)
    b = np.asarray(a)
    b += 10
    return a


def own_view(df: Any) -> Any:
    a = df[["x", "y"]].to_numpy(copy=True)
    a[:, 0] += 2
    a[:, 1] *= 3
    return a


def helper(df: Any) -> Any:
    df = df.copy()
    clean(df)
    return df["x"] + df["n"]


def helper_returns(df: Any) -> Any:
    df = clean_and_return(df.copy())
    return df["x"] + df["n"]


def helper_loop(df: Any) -> Any:
    df = df.copy()
    by_rows(df)
    return df["x"]


def helper_twice(df: Any) -> Any:
    df = df.copy()
    a = bump(df)
    return np.column_stack([a, np.cumsum(a), df["x"]])


def insert(df: Any) -> Any:
    d = df[["x", "n"]].copy()
    d.insert(1, "q", d["x"] * 2)
    return d.to_numpy()


def pop(df: Any) -> Any:
    d = df[["x", "n", "y"]].copy()
    x = d.pop("x")
    return np.column_stack([d.to_numpy(), x if "x" not in d.columns else x * 100])


STATE = {"n": 0}


def finally_runs(df: Any) -> Any:
    STATE["n"] += 1
    try:
        return df["x"] * STATE["n"]
    finally:
        STATE["n"] -= 1


def finally_in_loop(df: Any) -> Any:
    out = 0
    for k in (1, 2, 3):
        try:
            if k == 2:
                continue
            out += k
        finally:
            out += 10
    return df["x"] * out


def constant_changes(df: Any) -> Any:
    w = np.array([1.0, 2.0])
    a = df[["x", "n"]].to_numpy() * w
    w[0] = 100.0
    return a


def target_once(df: Any) -> Any:
    it = iter([0, 1])
    v = [10.0, 20.0]
    v[next(it)] += 1
    return df["x"] * v[0] + v[1]


def walrus(df: Any) -> Any:
    last = "n"
    _ = [last := c for c in ("n", "x")]
    return df[last] * 1.0


def nan_to_num(df: Any) -> Any:
    a = df["x"].to_numpy(copy=True)
    np.nan_to_num(a, copy=False)
    return a * 1


def clip_out(df: Any) -> Any:
    a = df["x"].to_numpy(copy=True)
    np.clip(a, 0, 1, out=a)
    return np.cumsum(a)


def putmask(df: Any) -> Any:
    a = df["n"].to_numpy(copy=True)
    np.putmask(a, a < 0, 50)  # the sample has none
    return a


def sorted_in_place(df: Any) -> Any:
    a = df["y"].to_numpy(copy=True)
    a.sort()
    return a


def update(df: Any) -> Any:
    s = df["x"].copy()
    s.update(pd.Series([100.0], index=[0]))
    return s


def values_of_dict(df: Any) -> Any:
    d = {c: df[c] * 2 for c in ("x", "n")}
    return sum(d.values())


def mapped(df: Any) -> Any:
    return sum(map(lambda c: df[c], ["x", "n"]))  # noqa: C417


def summed_tuple(df: Any) -> Any:
    return sum((df["x"], df["n"]))


def reduced(df: Any) -> Any:
    return functools.reduce(lambda a, b: a + b, [df["x"], df["n"], df["n"] * 2])


LOG: list[Any] = []


def logging(df: Any) -> Any:
    LOG.append(df.shape[0])
    return df["x"] + 0


def masked_rows(df: Any) -> Any:
    df = df.copy()
    df.loc[df["n"] > 1, "x"] += 10
    df.loc[df["y"] > 0, "n"] *= 2
    return df[["x", "n"]].to_numpy()


def assigned(df: Any) -> Any:
    return df.assign(q=lambda d: d["x"] * 2, r=lambda d: d["q"] + 1)["r"].rename("z")


def named(df: Any) -> Any:
    s = df["x"] + 1
    s.name = "t"
    return s


def parts(df: Any) -> Any:
    yield df["x"]
    yield df["n"]


def of_generator(df: Any) -> Any:
    return sum(parts(df))


def inner_generator(df: Any) -> Any:
    def numbers() -> Any:
        yield 1
        yield 2

    return df["x"] * sum(numbers())


def returns_in_try(df: Any) -> Any:
    try:
        return df["k"].replace({"u": "1", "v": "2", "w": "3"}).astype(float)
    except ValueError:
        return df["x"] * 0


class Base:
    def __init__(self) -> None:
        self.__scale = 3.0

    def step(self, df: Any) -> Any:
        return df["x"] + 1

    def hidden(self, df: Any) -> Any:
        return df["x"] * self.__scale


class Derived(Base):
    def step(self, df: Any) -> Any:
        return super().step(df) * 10


class Called:
    def __call__(self, df: Any) -> Any:
        return df["x"] * 2


def with_factor(df: Any, factor: float) -> Any:
    return df["x"] * factor


def fitted_here(df: Any) -> Any:
    scaler = StandardScaler()
    scaler.fit(df[["y"]])
    return scaler.transform(df[["y"]])


def fitted_in_parts(df: Any) -> Any:
    scaler = StandardScaler()
    scaler.partial_fit(df[["y"]])
    return (df["y"].to_numpy() - scaler.mean_) / scaler.scale_


SCALER = StandardScaler()


def fitted_around(df: Any) -> Any:
    SCALER.fit(df[["y", "n"]])
    return SCALER.transform(df[["y", "n"]])


class Mean:
    def fit_to(self, s: Any) -> None:
        self.mean = s.mean()

    def apply(self, s: Any) -> Any:
        return s - self.mean


def own_state(df: Any) -> Any:
    mean = Mean()
    mean.fit_to(df["y"])
    return mean.apply(df["y"])


class Largest:
    def see(self, s: Any) -> None:
        try:
            self.largest = int(s.max())
        except ValueError:
            self.largest = 0


def own_count(df: Any) -> Any:
    largest = Largest()
    largest.see(df["n"])
    return df["n"] / largest.largest


class Client:
    """What fetches from a store, and counts that."""

    def __init__(self) -> None:
        self.n_fetched = 0
        self.connection: Any = None

    def fetch(self, keys: Any) -> Any:
        self.n_fetched += len(keys)
        if self.connection is None:
            self.connection = (1, "open")
        return np.array([10.0 * key for key in keys])


CLIENT = Client()


def fetched(df: Any) -> Any:
    return CLIENT.fetch(df["n"].to_numpy()) + df["y"] * 2


def look(d: Any, flags: Any) -> None:
    for v in d["y"]:
        if v > 8:  # no row of the sample
            flags["large"] = True


def flag(df: Any) -> Any:
    flags = {"large": False}
    look(df, flags)
    return -df["x"] if flags["large"] else df["x"] * 1.0


def collect(d: Any, out: Any) -> None:
    for v in d["n"]:
        out.append(v)


def collected(df: Any) -> Any:
    out: list[Any] = []
    collect(df, out)
    return df["x"] + len(out)


def grow(d: Any, columns: Any) -> Any:
    columns.append("n")
    for _ in d["x"]:
        break
    return d[columns].to_numpy(dtype=float)


def followed_half_way(df: Any) -> Any:
    return grow(df, ["y"])


def counter(df: Any) -> Any:
    found: Counter[Any] = Counter()
    found.update(df["k"])
    return df["k"].map(found) + df["n"]


def buffer(df: Any) -> Any:
    kept = np.zeros(2)
    np.copyto(kept, df["y"].to_numpy()[:2])
    return df["x"] + kept[0]


def keys_of_rows(df: Any) -> Any:
    seen: set[Any] = set()
    seen.update(df["k"])
    return df["x"] + len(seen)


CACHE: dict[str, Any] = {}


def memo(df: Any) -> Any:
    CACHE["mean"] = df["y"].mean()
    return df["y"] - CACHE["mean"]


def raveled(df: Any) -> Any:
    a = df[["x", "y"]].to_numpy(copy=True)
    a.ravel()[:] = 0.0
    return a


def raveled_by_name(df: Any) -> Any:
    a = df[["x", "y"]].to_numpy(copy=True)
    b = np.ravel(a)
    b[0] = 7.0
    return a


CASES = [
    comprehension_closures, late_default, view, view_of_mask, transposed, same_array, own_view,
    helper, helper_returns, helper_loop, helper_twice, insert, pop, finally_runs, finally_in_loop,
    constant_changes, target_once, walrus, nan_to_num, clip_out, putmask, sorted_in_place, update,
    values_of_dict, mapped, summed_tuple, reduced, logging, masked_rows, assigned, named,
    of_generator, inner_generator, returns_in_try, Derived().step, Base().hidden, Called(),
    functools.partial(with_factor, factor=4.0), fitted_here, fitted_in_parts, fitted_around,
    own_state, flag, collected, followed_half_way, counter, buffer, keys_of_rows, memo, own_count,
    fetched, raveled, raveled_by_name,
]  # fmt: skip
#: Of these, those that have no Python step.
NATIVE = {
    "comprehension_closures", "late_default", "same_array", "insert", "pop", "finally_runs",
    "finally_in_loop", "target_once", "walrus", "values_of_dict", "mapped", "summed_tuple",
    "reduced", "masked_rows", "assigned", "named", "Derived.step", "Base.hidden", "Called",
    "with_factor",
}  # fmt: skip


def name_of(function: Any) -> str:
    function = getattr(function, "func", function)
    return str(getattr(function, "__qualname__", type(function).__qualname__))


@pytest.mark.parametrize("function", CASES, ids=name_of)
def test_what_is_changed_in_place(function: Any) -> None:
    fast = check(function, LATER, LATER.iloc[:1])
    assert (name_of(function) in NATIVE) == (not fast._steps), fast._reasons


# ---- what Python's own code would read ------------------------------------------------------


def looked_up(df: Any) -> Any:
    return df["x"] * {0: 5.0, 1: 6.0}.get(df["n"].sum() % 2, 9.0)


def counted(df: Any) -> Any:
    return df["x"] * [10, 14].count(df["n"].sum())


def kept(df: Any) -> Any:
    columns = list(filter(lambda c: df[c].isna().any(), ["x", "y", "n"]))
    return df[columns].to_numpy(dtype=float).sum(axis=1)


def largest(df: Any) -> Any:
    return df[max(["x", "y", "n"], key=lambda c: df[c].sum())] * 1.0


def suppressed(df: Any) -> Any:
    found = df["x"] * 1.0
    with contextlib.suppress(ValueError):
        found = df["k"].replace({"u": "1", "v": "2", "w": "3"}).astype(float)
    return found


def of_rows(df: Any) -> Any:
    return df.apply(lambda r: {r["n"]: 7}.get(9, 0) + len({r["n"], 2}), axis=1)


@pytest.mark.parametrize("function", [looked_up, counted, kept, largest, suppressed, of_rows])
def test_what_python_reads_is_a_value(function: Any) -> None:
    assert check(function)._steps


def test_a_source_that_was_edited_is_not_followed(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "edited_pipeline.py"
    path.write_text('def scaled(df):\n    return df["y"].clip(-100, 50) * 2\n')
    monkeypatch.syspath_prepend(tmp_path)
    scaled = importlib.import_module("edited_pipeline").scaled
    check(scaled)
    path.write_text('def scaled(df):\n    return df["y"].clip(-100, 60) * 2\n')
    with pytest.raises(willump.UnsupportedError, match="changed since it was loaded"):
        willump.compile(scaled, sample=FRAME)


def test_a_client_that_counts_its_calls_is_one_step() -> None:
    (reason,) = check(fetched)._reasons
    assert not reason.startswith("the whole function")


def fill(s: Any) -> Any:
    if s.isna().any():
        s = s.fillna(0.0)
    return s


def fill_in_place(d: Any) -> None:
    if d["x"].isna().any():
        d["x"] = d["x"].fillna(0.0)


def fill_through_another_name(d: Any) -> None:
    again = d
    if d["x"].isna().any():
        fill_in_place(again)


def floor(a: Any) -> None:
    for i in range(len(a)):
        if a[i] < 0:
            a[i] = 0.0


def framed(df: Any, function: Any) -> Any:
    d = df.copy()
    function(d)
    return d["x"].to_numpy()


def floored(df: Any) -> Any:
    a = df["x"].to_numpy(copy=True)
    floor(a)
    return a


SEEN = {"negative": False}


def look_for_negatives(d: Any) -> None:
    SEEN["negative"] = False
    if (d["x"] < 0).any():
        SEEN["negative"] = True


def by_container(df: Any) -> Any:
    look_for_negatives(df)
    return df["n"] * (2 if SEEN["negative"] else 1)


IS_NEGATIVE = False


def look_globally(d: Any) -> None:
    global IS_NEGATIVE
    IS_NEGATIVE = bool((d["x"] < 0).any())
    if (d["x"] < 0).any():
        IS_NEGATIVE = True


def by_global(df: Any) -> Any:
    look_globally(df)
    return df["n"] * (2 if IS_NEGATIVE else 1)


class Looking:
    def __init__(self) -> None:
        self.negative = False

    def look(self, d: Any) -> None:
        if (d["x"] < 0).any():
            self.negative = True


def by_attribute(df: Any) -> Any:
    looking = Looking()
    looking.look(df)
    return df["n"] * (2 if looking.negative else 1)


class Filling:
    def run(self, d: Any) -> None:
        if len(d["x"].dropna()) > 0:
            self._fill(d)

    def _fill(self, d: Any) -> None:
        if d["x"].isna().any():
            d["x"] = d["x"].fillna(0.0)


#: Helpers that do nothing on the sample.
IDLE = {
    "fill_by_method": lambda df: framed(df, Filling().run),
    "fill": lambda df: fill(df["x"]).to_numpy(),
    "at_least": lambda df: df["n"] * max(len(df), 10),
    "at_most": lambda df: df["n"] / min(len(df), 2),
    "fill_in_place": lambda df: framed(df, fill_in_place),
    "fill_through_another_name": lambda df: framed(df, fill_through_another_name),
    "floored": floored,
    "by_container": by_container,
    "by_global": by_global,
    "by_attribute": by_attribute,
}


@pytest.mark.parametrize("name", IDLE)
def test_helpers_that_do_nothing_on_the_sample(name: str) -> None:
    sample = FRAME.iloc[[0, 2]].reset_index(drop=True)
    check(IDLE[name], FRAME, LATER, sample=sample)


def test_what_was_there_stays_free_of_data() -> None:
    LOG.clear()
    check(logging)
    assert STATE == {"n": 0}
    assert all(type(entry) is int for entry in LOG)
    check(memo)
    assert isinstance(CACHE["mean"], float)


def test_what_gives_another_answer_with_each_call_is_refused() -> None:
    counted = {"n": 0}

    def counts(df: Any) -> Any:
        counted["n"] += 1
        return df["x"] * counted["n"]

    for function in (
        lambda df: df["x"] + random.random(),
        lambda df: df["x"] * np.random.rand(),  # noqa: NPY002
        lambda df: df["x"] + time.perf_counter(),
        counts,
    ):
        with pytest.raises(willump.UnsupportedError, match="no argument"):
            quiet(willump.compile, function, sample=FRAME)


def test_a_day_is_not_that_of_the_capture() -> None:
    def age(df: Any) -> Any:
        return datetime.date.today().year - df["n"]

    fast = check(age)
    assert "today gives another answer with each call" in fast._reasons[0]

    def since(df: Any) -> Any:
        return df["x"] + time.time() // 1e6

    assert "time gives another answer with each call" in check(since)._reasons[0]


# ---- what Python steps are called with --------------------------------------------------


def test_categories_are_the_samples_in_every_entry() -> None:
    sample = pd.DataFrame({"c": pd.Categorical(list("abca")), "n": [1, 2, 3, 4]})

    def codes(df: Any) -> Any:
        return df["c"].cat.codes.to_numpy() * 10.0 + np.cumsum(df["n"].to_numpy()) * 0

    fast = quiet(willump.compile, codes, sample=sample)
    rows = sample.tail(2).reset_index(drop=True)
    for entry in (rows, rows.to_dict("records"), {"c": ["c", "a"], "n": [3, 4]}):
        assert fast(entry).tolist() == [20.0, 0.0]
    assert fast({"c": "c", "n": 1}).tolist() == [20.0]
    with pytest.raises(ValueError, match=r"'c' holds 'z' \(row 0\), which is one of other cat"):
        fast({"c": "z", "n": 1})
    with pytest.raises(ValueError, match=r"'n' holds 1\.5"):
        fast({"c": "a", "n": 1.5})


def test_objects_of_a_step_that_do_not_fit_are_refused() -> None:
    def row(r: Any) -> Any:
        for limit in (0.5, 9):
            if float(format(r["x"], "f")) > 10:
                return limit
        return r["k"] == "u"

    def by_row(df: Any) -> Any:
        return df.apply(row, axis=1).astype(float)

    sample = FRAME.fillna(0.0)
    fast = quiet(willump.compile, by_row, sample=sample)
    assert fast(sample).tolist() == by_row(sample).tolist()
    with pytest.raises(TypeError, match="do not fit"):
        fast(sample.assign(x=[1.0, 20.0, 30.0, 1.0]))


def test_a_step_that_hangs_on_the_batch_is_not_row_wise() -> None:
    def most_frequent(d: Any) -> Any:
        values, counts = np.unique(d["k"].to_numpy(dtype=str), return_counts=True)
        top = values[counts.argmax()]
        return np.array([1.0 if value == top else 0.0 for value in d["k"]])

    def codes(d: Any) -> Any:
        return d["k"].astype("category").cat.codes.to_numpy() * 1.0

    def share(d: Any) -> Any:
        return (d["n"] / d["n"].max()).to_numpy()

    rng = np.random.default_rng(0)
    n = 1000
    is_first = rng.random(n) < 0.6
    sample = pd.DataFrame({"k": np.where(is_first, "u", "v"), "n": rng.integers(1, 11, n)})
    for function in (most_frequent, codes, share):
        fast = quiet(willump.compile, function, sample=sample)
        assert "not row-wise" in str(fast.explain()), function.__name__


# ---- random ones --------------------------------------------------------------------------

#: Statements over a frame `f`, arrays `a`, `b` and a matrix `m`; each may change the others.
STATEMENTS = (
    "b = a", "b = a.copy()", "a = b * 2", "b = np.asarray(a)", "b = np.array(a)", "b = m[:, 0]",
    "b = m[:, 1].copy()", "a = np.where(a > 0, a, b)", "a += 1", "b -= 0.5", "a *= b", "m *= 2",
    "m[:, 0] += 3", "m[:, 1] = a", "a[b > 0] = 7", "b[a <= 1] = a[a <= 1]", "m = m.T.copy().T",
    "b = a.reshape(-1, 1)[:, 0]", "a = a.ravel()", "m[m > 2] = 0", "np.clip(a, -1, 4, out=a)",
    "np.putmask(b, b < -1, 9)", "np.copyto(a, b)", "a.fill(2)", "g = f", "g = f.copy()",
    "f['x'] = a", "g['x'] = g['x'] * 2", "f['y'] += 1", "g.loc[g['n'] > 1, 'y'] = -3",
    "f.loc[f['x'] > 0, 'y'] += 2", "f = g", "a = f['x'].to_numpy(copy=True)", "s = f['y']",
    "s = s + 1", "s += 2", "f['y'] = s", "b = s.to_numpy(copy=True)", "f.insert(0, NEW, s)",
    "s = f.pop('y'); f['y'] = s * 2", "f = f.assign(x=lambda d: d['x'] + d['n'])", "g = change(f)",
    "change(g)", "a = write(a)", "write(b)", "del g['y']; g['y'] = a", "f = f[list(f.columns)]",
    "for c in ('x', 'y'): f[c] = f[c] - 1", "m = np.column_stack([a, b])",
)  # fmt: skip
HEAD = """
def change(d):
    try:
        d['x'] = d['x'] + 1
    except KeyError:
        return d
    return d

def write(v):
    for i in range(0, len(v), 2):
        v[i] = i
    return v

def function(f):
    f = f[['x', 'y', 'n']].copy()
    g, s = f, f['y']
    a, b = f['x'].to_numpy(copy=True), f['y'].to_numpy(copy=True)
    m = np.column_stack([a, b])
"""
RESULT = """
    f = f[['x', 'y', 'n']]
    return np.column_stack([a, b, m, s, f['x'], f['y'], g['x'], g['y']])
"""
NEW = itertools.count()
COUNTS: Counter[str] = Counter()


@examples(150)
@given(st.lists(st.sampled_from(STATEMENTS), min_size=1, max_size=7))
def test_random_changes(lines: list[str]) -> None:
    body = "".join(f"    {line}\n" for line in lines).replace("NEW", repr(f"new{next(NEW)}"))
    function = function_of(HEAD.lstrip() + body + RESULT.lstrip("\n"))
    try:
        quiet(function, FRAME.copy())
        expected = quiet(function, LATER.copy())
    except Exception:
        COUNTS["raise"] += 1
        return
    try:
        fast = quiet(willump.compile, function, sample=FRAME)
        found = quiet(fast, LATER.copy())
    except willump.UnsupportedError:
        COUNTS["refused"] += 1
        return
    COUNTS["with a Python step" if fast._steps else "native"] += 1
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_random_changes_are_answered() -> None:
    print(dict(COUNTS))
    answered = COUNTS["native"] + COUNTS["with a Python step"]
    assert COUNTS["native"] > 0.1 * COUNTS.total()
    assert answered > 0.5 * COUNTS.total()
