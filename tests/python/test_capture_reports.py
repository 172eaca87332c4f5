"""Checks, reports, contexts and caches, which rows of the sample leave as they are."""

# Written as users write them.
# ruff: noqa: F841

from __future__ import annotations

import collections
import dataclasses
import functools
import itertools
import threading
import types
from typing import Any

import numpy as np
import pandas as pd
import pytest
from later import Cases, check_later
from test_capture_objects import Box, two

case = Cases()


# variations nearer everyday code
class Stats:
    """running feature store with per-call scratch"""

    def __init__(self):
        self.scratch = {}
        self.missing = []

    def impute(self, s):
        miss = self.missing
        for i, v in enumerate(s):
            if v < 0:
                miss.append(i)
        return s.clip(lower=0)

    def n(self):
        return len(self.missing)


@case
def impute(df: Any) -> Any:
    st = Stats()
    x = st.impute(df["x"])
    return x + df["y"] * st.n()


class Validator:
    def __init__(self):
        self.errors = []

    def check(self, df):
        errors = self.errors
        if (df["x"] < 0).any():
            errors.append("negative")
        if df["y"].isna().any():
            errors.append("missing")
        return not errors


@case
def validate(df: Any) -> Any:
    v = Validator()
    v.check(df)
    if v.errors:
        return pd.Series(np.zeros(len(df)), index=df.index)
    return df["y"] * 2


class Validator2:
    def __init__(self):
        self.errors = []

    def rule(self, cond, msg):
        if cond:
            self.errors.append(msg)

    def check(self, df):
        self.rule((df["x"] < 0).any(), "neg")
        self.rule(df["y"].isna().any(), "nan")


@case
def validate2(df: Any) -> Any:
    v = Validator2()
    v.check(df)
    return df["y"] * (0 if v.errors else 2)


@dataclasses.dataclass
class Report:
    warnings: list = dataclasses.field(default_factory=list)

    def warn(self, m):
        self.warnings.append(m)


def check(df, report):
    if (df["x"] < 0).any():
        report.warn("negative x")


@case
def report(df: Any) -> Any:
    r = Report()
    check(df, r)
    return df["y"] * (0 if r.warnings else 2)


def check2(df, report):
    if (df["x"] < 0).any():
        report.log("negative x")


class Report2:
    def __init__(self):
        self.lines = []

    def log(self, m):
        self.lines.append(m)

    @property
    def ok(self):
        return not self.lines


@case
def report2(df: Any) -> Any:
    r = Report2()
    check2(df, r)
    return df["y"] * (2 if r.ok else 0)


def check3(df, add):
    if (df["x"] < 0).any():
        add("neg")


@case
def report3(df: Any) -> Any:
    lines = []
    check3(df, lines.append)
    return df["y"] * (0 if lines else 2)


@case
def report4(df: Any) -> Any:
    r = Report()
    check3(df, r.warn)
    return df["y"] * (0 if r.warnings else 2)


@case
def report5(df: Any) -> Any:
    r = Report2()
    check3(df, r.log)
    return df["y"] * (0 if r.lines else 2)


@case
def report6(df: Any) -> Any:
    flags = {}

    def mark(m):
        flags[m] = True

    check3(df, mark)
    return df["y"] * (0 if flags else 2)


class Ctx(types.SimpleNamespace):
    pass


def check4(df, ctx):
    ctx.neg = bool((df["x"] < 0).any()) if len(df) else False


@case
def nsp(df: Any) -> Any:
    c = Ctx(neg=False)
    check4(df, c)
    return df["y"] * two(c.neg)


class Pipe:
    def __init__(self, *steps):
        self.steps = steps

    def run(self, df):
        ctx = {}
        for s in self.steps:
            df = s(df, ctx)
        return df, ctx


def s1(df, ctx):
    if (df["x"] < 0).any():
        ctx["neg"] = True
    return df


def s2(df, ctx):
    return df.assign(x=df["x"].abs())


@case
def pipe(df: Any) -> Any:
    d, ctx = Pipe(s1, s2).run(df)
    return d["x"] * two(ctx.get("neg"))


class Mixin:
    def set(self, **kw):
        for k, v in kw.items():
            setattr(self, k, v)


class M(Mixin):
    neg = False

    def look(self, df):
        if (df["x"] < 0).any():
            self.set(neg=True)


@case
def mixin(df: Any) -> Any:
    m = M()
    m.look(df)
    return df["y"] * two(m.neg)


class M2:
    def __init__(self):
        self._d = {}

    def __setitem__(self, k, v):
        self._d[k] = v

    def __getitem__(self, k):
        return self._d.get(k)


def put2(m, df):
    if (df["x"] < 0).any():
        m["neg"] = True


@case
def usersetitem(df: Any) -> Any:
    m = M2()
    put2(m, df)
    return df["y"] * two(m["neg"])


class M3:
    def __setattr__(self, k, v):
        self.__dict__[k] = v

    def __getattr__(self, k):
        return None


def put3(m, df):
    if (df["x"] < 0).any():
        m.neg = True


@case
def usersetattr(df: Any) -> Any:
    m = M3()
    put3(m, df)
    return df["y"] * two(m.neg)


class Slot:
    __slots__ = ("neg",)

    def __init__(self):
        self.neg = False

    def look(self, v):
        try:
            if v < 0:
                self.neg = True
        finally:
            pass


@case
def slots(df: Any) -> Any:
    m = Slot()
    m.look(df["x"].min())
    return df["y"] * two(m.neg)


class Node:
    def __init__(self):
        self.next = None
        self.neg = False


def link(a, v):
    n = a
    while n is not None:
        if v < 0:
            n.neg = True
        n = n.next


@case
def linked(df: Any) -> Any:
    a = Node()
    b = Node()
    a.next = b
    link(a, df["x"].min())
    return df["y"] * two(b.neg)


@case
def linked2(df: Any) -> Any:
    a = Node()
    b = Node()
    a.next = b
    link(a, df["x"].min())
    return df["y"] * two(a.next.neg)


@case
def intuple(df: Any) -> Any:
    b = Box()
    pair = (b, 1)
    tput(pair, df["x"].min())
    return df["y"] * two(b.neg)


def tput(pair, v):
    if v < 0:
        pair[0].neg = True


@case
def star(df: Any) -> Any:
    b = Box()
    sput(df["x"].min(), b)
    return df["y"] * two(b.neg)


def sput(v, *bs):
    for b in bs:
        if v < 0:
            b.neg = True


@case
def kw(df: Any) -> Any:
    b = Box()
    kput(df["x"].min(), box=b)
    return df["y"] * two(b.neg)


def kput(v, **k):
    if v < 0:
        k["box"].neg = True


@case
def kw2(df: Any) -> Any:
    b = Box()
    kput2(df["x"].min(), box=b)
    return df["y"] * two(b.neg)


def kput2(v, **k):
    if v != v:
        return 0
    return sput2(v, **k)


def sput2(v, box):
    if v < 0:
        box.neg = True


@case
def deco(df: Any) -> Any:
    b = Box()
    dput(b, df["x"].min())
    return df["y"] * two(b.neg)


def dec(f):
    @functools.wraps(f)
    def w(*a, **k):
        try:
            return f(*a, **k)
        except KeyError:
            return None

    return w


@dec
def dput(b, v):
    if v < 0:
        b.neg = True


@case
def single(df: Any) -> Any:
    sd(df["x"].min(), B0)
    return df["y"] * two(B0.neg)


B0 = Box()


@functools.singledispatch
def sd(v, b):
    b.neg = False
    if v < 0:
        b.neg = True


@case
def cachedm(df: Any) -> Any:
    c = CM()
    c.look(df["x"].min())
    return df["y"] * two(c.neg)


class CM:
    def __init__(self):
        self.neg = False

    @staticmethod
    def st(self, v):
        if v < 0:
            self.neg = True

    def look(self, v):
        try:
            self.st(self, v)
        finally:
            pass


@case
def cprop(df: Any) -> Any:
    c = CP(df["x"].min())
    return df["y"] * two(c.neg)


class CP:
    def __init__(self, v):
        self.v = v

    @functools.cached_property
    def neg(self):
        return self.v < 0


@case
def lru(df: Any) -> Any:
    return df["y"] * two(lf(df["x"].min()))


@functools.lru_cache
def lf(v):
    return v < 0


@case
def thr(df: Any) -> Any:
    b = Box()
    th = threading.Thread(target=b.push, args=(df["x"].min(),))
    th.start()
    th.join()
    return df["y"] * two(b.neg)


@case
def pool(df: Any) -> Any:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(2) as ex:
        r = list(ex.map(neg1, [df["x"], df["y"]]))
    return df["y"] * two(r[0])


def neg1(s):
    return bool((s < 0).any())


@case
def pool2(df: Any) -> Any:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(2) as ex:
        f = ex.submit(neg1, df["x"])
    return df["y"] * two(f.result())


@case
def groupcb(df: Any) -> Any:
    b = Box()
    df.groupby("k")["x"].apply(b.gr)
    return df["y"] * two(b.neg)


def gr(self, s):
    if (s < 0).any():
        self.neg = True
    return 0


Box.gr = gr


@case
def transcb(df: Any) -> Any:
    b = Box()
    z = df.groupby("k")["x"].transform(lambda s: b.gr(s))
    return df["y"] * two(b.neg)


@case
def mapdict(df: Any) -> Any:
    d = DD()
    z = df["k"].map(d)
    return z + df["y"] * 0


class DD(dict):
    def __missing__(self, k):
        self[k] = len(self)
        return self[k]


@case
def mapdefault(df: Any) -> Any:
    d = collections.defaultdict(itertools.count().__next__)
    return df["k"].map(d) + df["y"] * 0


@case
def mapdefault2(df: Any) -> Any:
    c = itertools.count()
    d = collections.defaultdict(lambda: next(c))
    return df["k"].map(lambda k: d[k])


@pytest.mark.parametrize("function", case, ids=lambda f: f.__name__)
def test_what_checks_report(function: Any) -> None:
    check_later(function)
