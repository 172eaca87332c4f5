"""Data that a function leaves in objects, files, streams and modules, and finds again there."""

# Written as users write them.
# ruff: noqa: B905, E741, F841, RET503, RET504, SIM105

from __future__ import annotations

import collections
import contextlib
import contextvars
import csv
import dataclasses
import functools
import heapq
import io
import pickle
import sqlite3
import types
import warnings
from typing import Any

import numpy as np
import pytest
from later import Cases, check_later
from sklearn.preprocessing import StandardScaler

case = Cases()


class Box:
    shared = None

    def __init__(self):
        self.state = {}
        self.last = 0.0
        self.cells = [types.SimpleNamespace(v=0.0)]
        self.heap = [0.0]
        self.neg = False
        self.scaler = StandardScaler()
        self.scaler.fit([[0.0], [1.0]])

    def log_it(self, v):
        self.neg = True

    def upd_log(self, v):
        if v < 0:
            self.log_it(v)

    def alias(self, v):
        state = self.state
        if v < 0:
            state["neg"] = True

    def dunder_dict(self, v):
        if v < 0:
            self.__dict__["neg"] = True

    def vars_(self, v):
        if v < 0:
            vars(self)["neg"] = True

    def loop(self, v):
        for c in self.cells:
            if v < 0:
                c.v = 1.0

    def nested(self, v):
        def put(w):
            self.neg = bool(w)

        if v < 0:
            put(v)

    def nested2(self, v):
        def put(w):
            self.neg = bool(w < 0)

        put(v)

    def mapped(self, vs):
        try:
            list(map(self.push, vs))
        except KeyError:
            pass

    def push(self, v):
        if v < 0:
            self.neg = True

    def hpp(self, v):
        if v == v:
            return heapq.heappushpop(self.heap, v)

    def clsattr(self, v):
        if v < 0:
            type(self).shared = True

    def cls_read(self, y):
        if len(y) > 100000:
            return y
        return y * (2.0 if type(self).shared else 1.0)

    def prepare(self, v):
        return self.scaler.fit_transform(v)

    def score(self, v):
        return self.scaler.transform(v)

    def ret_put(self, v):
        if v < 0:
            return Box.push(self, v)
        return 0

    def walrus(self, v):
        if v < 0:
            (s := self.state)["neg"] = True

    def tupl(self, v):
        a, b = self.state, self.cells
        if v < 0:
            a["neg"] = True

    def getattr_(self, v):
        if v < 0:
            self.state["neg"] = True

    def row(self, r):
        if r < 0:
            self.neg = True
        return r

    def comp(self, vs):
        return sum([self.push(v) or 1 for v in vs])


class Sub(Box):
    def push(self, v):
        if v < -1e9:
            return
        super().push(v)


def two(b):
    return 2.0 if b else 1.0


@case
def log_it(df: Any) -> Any:
    b = Box()
    b.upd_log(df["x"].min())
    return df["y"] * two(b.neg)


@case
def alias(df: Any) -> Any:
    b = Box()
    b.alias(df["x"].min())
    return df["y"] * two(b.state.get("neg"))


@case
def ddict(df: Any) -> Any:
    b = Box()
    b.dunder_dict(df["x"].min())
    return df["y"] * two(b.neg)


@case
def vars_(df: Any) -> Any:
    b = Box()
    b.vars_(df["x"].min())
    return df["y"] * two(b.neg)


@case
def loop(df: Any) -> Any:
    b = Box()
    b.loop(df["x"].min())
    return df["y"] * two(b.cells[0].v)


@case
def nested(df: Any) -> Any:
    b = Box()
    b.nested(df["x"].min())
    return df["y"] * two(b.neg)


@case
def nested2(df: Any) -> Any:
    b = Box()
    b.nested2(df["x"].min())
    return df["y"] * two(b.neg)


@case
def mapped(df: Any) -> Any:
    b = Box()
    b.mapped(df["x"])
    return df["y"] * two(b.neg)


@case
def hpp(df: Any) -> Any:
    b = Box()
    b.hpp(df["x"].min() > 0)
    return df["y"] * two(b.heap[0])


@case
def clsattr(df: Any) -> Any:
    b = Box()
    b.clsattr(df["x"].min())
    r = df["y"] * two(Box.shared)
    return r


@case
def clsattr2(df: Any) -> Any:
    b = Box()
    b.clsattr(df["x"].min())
    return b.cls_read(df["y"])


@case
def fittr(df: Any) -> Any:
    b = Box()
    a = b.prepare(df[["x"]])
    return b.score(df[["x"]]) + 0 * a


@case
def ret_put(df: Any) -> Any:
    b = Box()
    b.ret_put(df["x"].min())
    return df["y"] * two(b.neg)


@case
def walrus(df: Any) -> Any:
    b = Box()
    b.walrus(df["x"].min())
    return df["y"] * two(b.state.get("neg"))


@case
def tupl(df: Any) -> Any:
    b = Box()
    b.tupl(df["x"].min())
    return df["y"] * two(b.state.get("neg"))


@case
def getattr_(df: Any) -> Any:
    b = Box()
    b.getattr_(df["x"].min())
    return df["y"] * two(b.state.get("neg"))


@case
def supr(df: Any) -> Any:
    b = Sub()
    b.push(df["x"].min())
    return df["y"] * two(b.neg)


@case
def bound_apply(df: Any) -> Any:
    b = Box()
    df["x"].apply(b.row)
    return df["y"] * two(b.neg)


@case
def bound_map(df: Any) -> Any:
    b = Box()
    z = df["x"].map(b.row)
    return z * two(b.neg)


@case
def partial_apply(df: Any) -> Any:
    b = Box()
    df["x"].apply(functools.partial(rem, b))
    return df["y"] * two(b.neg)


@case
def args_apply(df: Any) -> Any:
    b = Box()
    df["x"].apply(rem2, args=(b,))
    return df["y"] * two(b.neg)


@case
def comp(df: Any) -> Any:
    b = Box()
    n = b.comp(df["x"])
    return df["y"] * two(b.neg)


def rem(b, v):
    if v < 0:
        b.neg = True
    return v


def rem2(v, b):
    if v < 0:
        b.neg = True
    return v


class Caller:
    def __init__(self):
        self.neg = False

    def __call__(self, v):
        if v < 0:
            self.neg = True
        return v


@case
def obj_apply(df: Any) -> Any:
    c = Caller()
    df["x"].apply(c)
    return df["y"] * two(c.neg)


FLAG = False


def gset(v):
    global FLAG
    FLAG = False
    if v < 0:
        FLAG = True


def gget(y):
    if len(y) > 10**6:
        return y
    return y * two(FLAG)


@case
def globals_(df: Any) -> Any:
    gset(df["x"].min())
    return gget(df["y"])


CACHE = {}


def cset(v):
    CACHE.clear()
    if v < 0:
        CACHE["neg"] = 1


def cget(y):
    if len(y) > 10**6:
        return y
    return y * two(CACHE.get("neg"))


@case
def global_dict(df: Any) -> Any:
    cset(df["x"].min())
    return cget(df["y"])


def fattr(v):
    fattr.neg = False
    if v < 0:
        fattr.neg = True


def fget(y):
    if len(y) > 10**6:
        return y
    return y * two(fattr.neg)


@case
def func_attr(df: Any) -> Any:
    fattr(df["x"].min())
    return fget(df["y"])


class DState(dict):
    def observe(self, v):
        if v < 0:
            self["neg"] = True

    def obs2(self, v):
        if v < 0:
            self.neg = True

    neg = False

    def use(self, y):
        if len(y) > 10**6:
            return y
        return y * two(self.get("neg") or self.neg)


@case
def dsub(df: Any) -> Any:
    d = DState()
    d.observe(df["x"].min())
    return df["y"] * two(d.get("neg"))


@case
def dsub2(df: Any) -> Any:
    d = DState()
    d.obs2(df["x"].min())
    return df["y"] * two(d.neg)


@case
def dsub3(df: Any) -> Any:
    d = DState()
    d.obs2(df["x"].min())
    return d.use(df["y"])


@case
def dsub4(df: Any) -> Any:
    d = DState()
    d.observe(df["x"].min())
    return d.use(df["y"])


class LState(list):
    def observe(self, v):
        if v < 0:
            self.append(v)


@case
def lsub(df: Any) -> Any:
    d = LState()
    d.observe(df["x"].min())
    return df["y"] * two(len(d))


CV = contextvars.ContextVar("cv", default=0.0)


@case
def ctxvar(df: Any) -> Any:
    CV.set(df["x"].min() < 0)
    return df["y"] * two(CV.get())


@case
def sql(df: Any) -> Any:
    con = sqlite3.connect(":memory:")
    con.execute("create table t(a)")
    con.execute("insert into t values (?)", (float(df["x"].min()),))
    return df["y"] * two(con.execute("select min(a) from t").fetchone()[0] < 0)


@case
def sql2(df: Any) -> Any:
    con = sqlite3.connect(":memory:")
    df[["x"]].to_sql("t", con, index=False)
    return df["y"] * two(con.execute("select min(x) from t").fetchone()[0] < 0)


@case
def strio(df: Any) -> Any:
    b = io.StringIO()
    b.write(str(df["x"].min() < 0))
    return df["y"] * two("True" in b.getvalue())


@case
def tocsv(df: Any) -> Any:
    b = io.StringIO()
    df[["x"]].to_csv(b)
    return df["y"] * two("-" in b.getvalue())


@case
def printf(df: Any) -> Any:
    b = io.StringIO()
    print(df["x"].min(), file=b)
    return df["y"] * two("-" in b.getvalue())


@case
def csvw(df: Any) -> Any:
    b = io.StringIO()
    w = csv.writer(b)
    w.writerow([df["x"].min()])
    return df["y"] * two("-" in b.getvalue())


@case
def npsave(df: Any) -> Any:
    b = io.BytesIO()
    np.save(b, df["x"].to_numpy())
    b.seek(0)
    return df["y"] * two(np.load(b).min() < 0)


@case
def pickl(df: Any) -> Any:
    b = io.BytesIO()
    pickle.dump(df["x"].min(), b)
    return df["y"] * two(pickle.loads(b.getvalue()) < 0)


def gen():
    neg = False
    while True:
        v = yield neg
        if v is not None and v < 0:
            neg = True


@case
def gensend(df: Any) -> Any:
    g = gen()
    next(g)
    g.send(df["x"].min())
    return df["y"] * two(next(g))


class IA:
    def __init__(self):
        self.neg = False

    def __iadd__(self, v):
        if v < 0:
            self.neg = True
        return self

    def __add__(self, v):
        return self.__iadd__(v)

    def __lshift__(self, v):
        if v < 0:
            self.neg = True
        return self

    def __contains__(self, v):
        if v < 0:
            self.neg = True
        return False

    def __setitem__(self, k, v):
        if v < 0:
            self.neg = True

    def __getitem__(self, k):
        if k < 0:
            self.neg = True
        return k


@case
def iadd(df: Any) -> Any:
    a = IA()
    a += df["x"].min()
    return df["y"] * two(a.neg)


@case
def lshift(df: Any) -> Any:
    a = IA()
    a << df["x"].min()
    return df["y"] * two(a.neg)


@case
def setitem(df: Any) -> Any:
    a = IA()
    a["q"] = df["x"].min()
    return df["y"] * two(a.neg)


@case
def getitem(df: Any) -> Any:
    a = IA()
    a[df["x"].min()]
    return df["y"] * two(a.neg)


class Reg:
    last = False

    def __init__(self, v, box=None, lst=None):
        Reg.last = False
        if v < 0:
            Reg.last = True
            if box is not None:
                box.neg = True
            if lst is not None:
                lst.append(1)

    def report(self, box):
        box.neg = Reg.last


@case
def ctor(df: Any) -> Any:
    r = Reg(df["x"].min())
    return df["y"] * two(Reg.last)


@case
def ctor_box(df: Any) -> Any:
    b = Box()
    r = Reg(df["x"].min(), b)
    return df["y"] * two(b.neg)


@case
def ctor_list(df: Any) -> Any:
    l = []
    r = Reg(df["x"].min(), None, l)
    return df["y"] * two(len(l))


@case
def traced_report(df: Any) -> Any:
    b = Box()
    r = Reg(df["x"].min())
    r.report(b)
    return df["y"] * two(b.neg)


@dataclasses.dataclass
class Hold:
    box: object


def hput(h, v):
    if v < 0:
        h.box.neg = True


@case
def hold(df: Any) -> Any:
    b = Box()
    h = Hold(b)
    hput(h, df["x"].min())
    return df["y"] * two(b.neg)


class Cfg:
    mode = "lax"


def opaque(df: Any) -> Any:
    if Cfg.mode == "strict" and df["x"].min() < 0:
        return df["y"] * 100
    return df["y"] * 1


@contextlib.contextmanager
def mode(m):
    old = Cfg.mode
    Cfg.mode = m
    yield
    Cfg.mode = old


@case
def cm_mode(df: Any) -> Any:
    with mode("strict"):
        return opaque(df)


@case
def set_mode(df: Any) -> Any:
    Cfg.mode = "strict"
    r = opaque(df)
    Cfg.mode = "lax"
    return r


@case
def warned(df: Any) -> Any:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        z = np.log(df["x"])
    return df["y"] * two(len(caught))


@case
def errraise(df: Any) -> Any:
    with np.errstate(all="raise"):
        return np.log(df["x"].to_numpy())


@case
def errraise2(df: Any) -> Any:
    with np.errstate(all="raise"):
        return 1.0 / (df["x"] + 20)


@case
def warnerr(df: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return np.log(df["x"])


@case
def stdout(df: Any) -> Any:
    b = io.StringIO()
    with contextlib.redirect_stdout(b):
        print(df["x"].min())
    return df["y"] * two("-" in b.getvalue())


@case
def counter(df: Any) -> Any:
    c = collections.Counter()
    c.update(df["k"])
    return df["y"] * c["z"]


@case
def dd(df: Any) -> Any:
    d = collections.defaultdict(list)
    for k, v in zip(df["k"], df["y"]):
        d[k].append(v)
    return df["k"].map({k: sum(v) for k, v in d.items()})


class Ids:
    def __init__(self):
        self.d = {}

    def get(self, k):
        if k not in self.d:
            self.d[k] = len(self.d)
        return self.d[k]


@case
def ids(df: Any) -> Any:
    i = Ids()
    return df["k"].map(i.get)


def reset() -> None:
    Box.shared = None


@pytest.mark.parametrize("function", case, ids=lambda f: f.__name__)
def test_what_objects_take_in(function: Any) -> None:
    check_later(function, reset)
