"""Functions that change objects in place, see them under several names, or keep what they
were given: answered as plain Python answers, or refused by name."""

from __future__ import annotations

import functools
from collections import Counter
from typing import Any

import numpy as np
import pandas as pd
import pytest
from capture_checks import LATER, check
from sklearn.preprocessing import StandardScaler

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


def test_a_client_that_counts_its_calls_is_one_step() -> None:
    (reason,) = check(fetched)._reasons
    assert not reason.startswith("the whole function")


def test_what_was_there_stays_free_of_data() -> None:
    LOG.clear()
    check(logging)
    assert STATE == {"n": 0}
    assert all(type(entry) is int for entry in LOG)
    check(memo)
    assert isinstance(CACHE["mean"], float)
