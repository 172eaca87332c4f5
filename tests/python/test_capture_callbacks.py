"""Functions over data that are handed to code which is not followed: retries, defaults, rules,
threads, memos."""

# Written as users write them.
# ruff: noqa: B007, B023, E741, F841

from __future__ import annotations

import contextlib
import dataclasses
import functools
import threading
from typing import Any

import pytest
from later import Cases, check_later

case = Cases()


def two(b):
    return 2.0 if b else 1.0


MEMO = {}


def once(k, f):
    if k not in MEMO:
        MEMO[k] = f()
    return MEMO[k]


@case
def memo(df: Any) -> Any:
    return df["y"] - once("m", lambda: df["x"].mean())


class Lazy:
    def __init__(self, f):
        self.f = f
        self.v = None

    def get(self):
        if self.v is None:
            self.v = self.f()
        return self.v


@case
def lazy(df: Any) -> Any:
    l = Lazy(lambda: df["x"].mean())
    return df["y"] - l.get() - l.get()


def safe(f, default=0.0):
    try:
        return f()
    except Exception:
        return default


@case
def safe1(df: Any) -> Any:
    return df["y"] * safe(lambda: 1.0 / (0 if (df["x"] < 0).any() else 1), default=0.0)


@case
def safe2(df: Any) -> Any:
    return df["y"] * safe(lambda: float(df["x"].min() > -1000))


@case
def safe3(df: Any) -> Any:
    return safe(lambda: df["bonus"], df["y"])


@case
def safe4(df: Any) -> Any:
    return safe(lambda: df["k"].astype(float), df["y"])


@case
def safe5(df: Any) -> Any:
    return df["y"] + safe(lambda: int(df["x"].max()) // 1000, 0)


@case
def safe6(df: Any) -> Any:
    # the lambda cannot be followed; its value on the sample is the default
    return df["y"] * safe(lambda: 1.0 / bool((df["x"] < 0).any()), 7.0)


@case
def safe7(df: Any) -> Any:
    return df["y"] * safe(lambda: {True: 3.0}[bool((df["x"] < 0).any())], 7.0)


@case
def safe8(df: Any) -> Any:
    return df["y"] * safe(lambda: next(v for v in df["x"] if v < 0), 7.0)


@case
def safe9(df: Any) -> Any:
    def f():
        for v in df["x"]:
            if v < 0:
                return 3.0
        raise ValueError

    return df["y"] * safe(f, 7.0)


@case
def safe10(df: Any) -> Any:
    def f():
        if (df["x"] < 0).any():
            return 3.0
        return 7.0

    return df["y"] * safe(f, 7.0)


@case
def safe11(df: Any) -> Any:
    return df["y"] * safe(lambda: 3.0 if (df["x"] < 0).any() else 7.0, 7.0)


def retry(f, n=3):
    for i in range(n):
        try:
            return f()
        except Exception as e:
            err = e
    return None


@case
def retry1(df: Any) -> Any:
    r = retry(lambda: 3.0 if (df["x"] < 0).any() else None)
    return df["y"] if r is None else df["y"] * r


def flag(f):
    try:
        return bool(f())
    except Exception:
        return False


@case
def flag1(df: Any) -> Any:
    return df["y"] * two(flag(lambda: (df["x"] < 0).any()))


@case
def flag2(df: Any) -> Any:
    return df["y"] * two(flag(lambda: df["x"].min() < 0))


@case
def flag3(df: Any) -> Any:
    with contextlib.suppress(Exception):
        return df["y"] * two(bool((df["x"] < 0).any()))
    return df["y"]


@case
def flag4(df: Any) -> Any:
    ok = all(flag(r) for r in [lambda: (df["x"] < 0).any(), lambda: df["y"].isna().any()])
    return df["y"] * two(ok)


@case
def rules(df: Any) -> Any:
    rs = {"neg": lambda d: (d["x"] < 0).any(), "na": lambda d: d["x"].isna().any()}
    hit = [n for n, r in rs.items() if check(r, df)]
    return df["y"] * (10 if hit else 1)


def check(r, d):
    try:
        return bool(r(d))
    except Exception:
        return False


@case
def rules2(df: Any) -> Any:
    rs = [lambda: (df["x"] < 0).any(), lambda: df["x"].isna().any()]
    return df["y"] * (1 + count(rs))


def count(rs):
    n = 0
    for r in rs:
        try:
            n += bool(r())
        except Exception:
            continue
    return n


@case
def sortedk(df: Any) -> Any:
    c = sorted(["x", "y"], key=lambda c: df[c].sum())
    return df[c[0]]


@case
def thread(df: Any) -> Any:
    out = {}
    th = threading.Thread(target=lambda: out.__setitem__("m", df["x"].mean()))
    th.start()
    th.join()
    return df["y"] - out["m"]


@case
def thread2(df: Any) -> Any:
    out = []

    def w():
        out.append(df["x"].min() < 0)

    th = threading.Thread(target=w)
    th.start()
    th.join()
    return df["y"] * (2 if len(out) and bool(out[0]) else 1)


@case
def thread3(df: Any) -> Any:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(2) as ex:
        r = list(ex.map(lambda c: df[c].mean(), ["x", "y"]))
    return df["y"] - r[0]


@case
def thread4(df: Any) -> Any:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(2) as ex:
        r = ex.submit(lambda: bool((df["x"] < 0).any()))
    return df["y"] * (2 if r.exception() is None and r.result() else 1)


@case
def exitstack(df: Any) -> Any:
    done = []
    with contextlib.ExitStack() as st:
        st.callback(lambda: done.append(df["x"].mean()))
    return df["y"] - done[0]


@case
def iterm(df: Any) -> Any:
    it = iter(lambda: df["x"].mean(), None)
    return df["y"] - next(it)


@case
def reducer(df: Any) -> Any:
    return functools.reduce(lambda a, c: a + df[c], ["x", "y"], 0)


@case
def filt(df: Any) -> Any:
    return (
        sum(df[c] for c in filter(lambda c: flag(lambda: df[c].min() < 0), ["x", "y"]))
        + df["y"] * 0
    )


@case
def dcf(df: Any) -> Any:
    @dataclasses.dataclass
    class R:
        f: object

        def ok(self):
            try:
                return bool(self.f())
            except Exception:
                return False

    return df["y"] * two(R(lambda: df["x"].min() < 0).ok())


class Rule:
    def __init__(self, f):
        self.f = f

    def __call__(self, d):
        try:
            return bool(self.f(d))
        except Exception:
            return False


@case
def rulec(df: Any) -> Any:
    return df["y"] * two(Rule(lambda d: d["x"].min() < 0)(df))


R0 = Rule(lambda d: d["x"].min() < 0)


@case
def rulec2(df: Any) -> Any:
    return df["y"] * two(R0(df))


@case
def rulec3(df: Any) -> Any:
    return df["y"] * two(any(r(df) for r in [R0]))


def apply_all(fs, d):
    out = []
    for f in fs:
        try:
            out.append(f(d))
        except Exception:
            out.append(d["y"] * 0)
    return sum(out)


@case
def applyall(df: Any) -> Any:
    return apply_all([lambda d: d["x"], lambda d: d["k"].astype(float)], df)


@case
def hookd(df: Any) -> Any:
    h = Hooks()
    h.on("neg", lambda: h.hits.append(1))
    if_neg(df, h)
    return df["y"] * (1 + len(h.hits))


class Hooks:
    def __init__(self):
        self.d = {}
        self.hits = []

    def on(self, k, f):
        self.d[k] = f

    def fire(self, k):
        self.d[k]()


def if_neg(d, h):
    if (d["x"] < 0).any():
        h.fire("neg")


@pytest.mark.parametrize("function", case, ids=lambda f: f.__name__)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_what_is_handed_on(function: Any) -> None:
    check_later(function, MEMO.clear)
    assert not any(type(value).__name__ == "Traced" for value in MEMO.values())
