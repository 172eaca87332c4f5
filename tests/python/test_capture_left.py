"""Data that a function leaves in what it gives to calls, in globals, classes, modules, closures and
files, and finds again there under whatever name."""

# Written as users write them.
# ruff: noqa: B007, B010, E741, F841, RUF012, RUF059, SIM105, SIM401

from __future__ import annotations

import functools
import os
import pathlib
import tempfile
import types
import typing
from typing import Any

import numpy as np
import pandas as pd
import pytest
from later import Cases, check_later
from sklearn.preprocessing import StandardScaler

case = Cases()


def two(value: Any) -> float:
    return 2.0 if np.any(value) else 1.0


FLAGS = {}
HITS = []
BUF = np.zeros(1)
G = []
conf = types.ModuleType("conf")
conf.STATE = {}
conf.NEG = False
STATE = conf.STATE
HERE = pathlib.Path(tempfile.mkdtemp())


def reset():
    FLAGS.clear()
    HITS.clear()
    BUF[:] = 0
    Cfg.flags.clear()
    Cfg.neg = False
    G.clear()
    conf.STATE.clear()
    conf.NEG = False
    lnote.cache_clear()


def check(df):
    if (df["x"] < 0).any():
        FLAGS["neg"] = True


def is_neg():
    return FLAGS.get("neg")


@case
def reader_nodata(df):
    check(df)
    return df["y"] * two(is_neg())


@case
def reader_nodata2(df):
    check(df)
    return df["y"] * two(get_state()["neg"] if "neg" in get_state() else 0)


def get_state():
    return FLAGS


class Cfg:
    flags = {}
    neg = False

    @classmethod
    def look(cls, df):
        if (df["x"] < 0).any():
            cls.flags["neg"] = True

    @classmethod
    def look2(cls, df):
        if (df["x"] < 0).any():
            cls.neg = True

    @classmethod
    def is_neg(cls):
        return cls.neg

    @classmethod
    def get(cls):
        return cls.flags.get("neg")

    @staticmethod
    def look3(df):
        if (df["x"] < 0).any():
            Cfg.neg = True


@case
def cls_dict(df):
    Cfg.look(df)
    return df["y"] * two(Cfg.flags.get("neg"))


@case
def cls_dict2(df):
    Cfg.look(df)
    return df["y"] * two(Cfg.get())


@case
def cls_attr(df):
    Cfg.look2(df)
    return df["y"] * two(Cfg.neg)


@case
def cls_attr2(df):
    Cfg.look2(df)
    return df["y"] * two(Cfg.is_neg())


@case
def cls_attr3(df):
    Cfg.look3(df)
    return df["y"] * two(Cfg.is_neg())


# namedtuples
class Ctx(typing.NamedTuple):
    errors: list
    flags: dict


def chk(df, ctx):
    if (df["x"] < 0).any():
        ctx.errors.append("neg")
        ctx.flags["neg"] = 1


@case
def ntuple(df):
    c = Ctx([], {})
    chk(df, c)
    return df["y"] * two(c.errors)


@case
def ntuple2(df):
    c = Ctx([], {})
    chk(df, c)
    return df["y"] * two(c.flags)


def tchk(df, pair):
    errs, flags = pair
    if (df["x"] < 0).any():
        errs.append(1)


@case
def tup(df):
    p = ([], {})
    tchk(df, p)
    return df["y"] * two(p[0])


@case
def tup2(df):
    e = []
    tchk(df, (e, {}))
    return df["y"] * two(e)


def dchk(df, ctx):
    if (df["x"] < 0).any():
        ctx["errors"].append(1)


@case
def nested_dict(df):
    c = {"errors": []}
    dchk(df, c)
    return df["y"] * two(c["errors"])


# arrays
def fill(buf, df):
    if (df["x"] < 0).any():
        buf[0] = 1


@case
def arr_arg(df):
    b = np.zeros(1)
    fill(b, df)
    return df["y"] * (1 + b[0])


@case
def arr_glob(df):
    fill(BUF, df)
    return df["y"] * (1 + BUF[0])


def fillg(df):
    if (df["x"] < 0).any():
        BUF[0] = 1


@case
def arr_glob2(df):
    fillg(df)
    return df["y"] * (1 + BUF.sum())


def bufsum():
    return BUF.sum()


@case
def arr_glob3(df):
    fillg(df)
    return df["y"] * (1 + bufsum())


def fills(s, df):
    if (df["x"] < 0).any():
        s.loc["a"] = 1.0


@case
def ser_arg(df):
    s = pd.Series([0.0], index=["a"])
    fills(s, df)
    return df["y"] * (1 + s["a"])


def fillf(s, df):
    if (df["x"] < 0).any():
        s.loc[0, "a"] = 1.0


@case
def frame_arg(df):
    s = pd.DataFrame({"a": [0.0]})
    fillf(s, df)
    return df["y"] * (1 + s["a"].iloc[0])


def refit(sc, df):
    if (df["x"] < 0).any():
        sc.fit(df[["x"]])


@case
def refit_arg(df):
    sc = StandardScaler().fit([[0.0], [1.0]])
    refit(sc, df)
    return sc.transform(df[["x"]].to_numpy())[:, 0]


@case
def refit_arg2(df):
    sc = StandardScaler().fit([[0.0], [1.0]])
    refit(sc, df)
    return df["y"] * sc.mean_[0]


# indirect
def rule_neg(df):
    if (df["x"] < 0).any():
        FLAGS["neg"] = 1


RULES = {"neg": rule_neg}


def run_rules(df):
    for n, r in RULES.items():
        try:
            r(df)
        except KeyError:
            pass


@case
def registry(df):
    run_rules(df)
    return df["y"] * two(len(FLAGS))


class Deco:
    def __init__(self, f):
        self.f = f

    def __call__(self, df):
        try:
            return self.f(df)
        except KeyError:
            return None


rule_deco = Deco(rule_neg)


@case
def class_deco(df):
    rule_deco(df)
    return df["y"] * two(FLAGS)


@functools.lru_cache
def lnote(v):
    if v < 0:
        FLAGS["neg"] = 1
    return v


@case
def lru_write(df):
    lnote(df["x"].min())
    return df["y"] * two(FLAGS)


@case
def lru_map(df):
    z = df["x"].map(lnote)
    return z * two(FLAGS)


@functools.singledispatch
def sd(df):
    raise TypeError


@sd.register(pd.DataFrame)
def _(df):
    if (df["x"] < 0).any():
        FLAGS["neg"] = 1


@case
def single_glob(df):
    sd(df)
    return df["y"] * two(FLAGS)


class V:
    def check(self, df):
        if (df["x"] < 0).any():
            FLAGS["neg"] = 1


class W:
    def __init__(self):
        self.v = V()

    def run(self, df):
        try:
            self.v.check(df)
        except KeyError:
            pass


WW = W()


@case
def attr_chain(df):
    WW.run(df)
    return df["y"] * two(FLAGS)


def cwrite(df):
    if (df["x"] < 0).any():
        conf.STATE["neg"] = 1


@case
def mod_state(df):
    cwrite(df)
    return df["y"] * two(STATE)


@case
def mod_state2(df):
    cwrite(df)
    return df["y"] * two(conf.STATE)


def cwrite2(df):
    if (df["x"] < 0).any():
        conf.NEG = True


@case
def mod_attr(df):
    cwrite2(df)
    return df["y"] * two(conf.NEG)


def gw(df):
    if (df["x"] < 0).any():
        globals()["GNEG"] = True
    else:
        globals()["GNEG"] = False


GNEG = False


@case
def globs(df):
    gw(df)
    return df["y"] * two(GNEG)


def sw(df):
    setattr(conf, "NEG", bool((df["x"] < 0).any()) and len(df) > 0)


@case
def setattr_mod(df):
    sw(df)
    return df["y"] * two(conf.NEG)


def sw2(df):
    if (df["x"] < 0).any():
        setattr(Cfg, "neg", True)


@case
def setattr_cls(df):
    sw2(df)
    return df["y"] * two(Cfg.neg)


# partials with containers
def push(lst, v):
    if v < 0:
        lst.append(v)
    return v


def push2(v, lst):
    if v < 0:
        lst.append(v)
    return v


@case
def partial_list(df):
    l = []
    df["x"].apply(functools.partial(push, l))
    return df["y"] * two(l)


@case
def args_list(df):
    l = []
    df["x"].apply(push2, args=(l,))
    return df["y"] * two(l)


@case
def kw_list(df):
    l = []
    df["x"].apply(push2, lst=l)
    return df["y"] * two(l)


@case
def vect(df):
    l = []

    def mark(v):
        if v < 0:
            l.append(v)
        return v

    np.vectorize(mark)(df["x"])
    return df["y"] * two(l)


@case
def vect2(df):
    z = np.vectorize(gmark)(df["x"])
    return df["y"] * two(G)


def gmark(v):
    if v < 0:
        G.append(v)
    return v


VM = np.vectorize(gmark)


@case
def vect3(df):
    VM(df["x"])
    return df["y"] * two(G)


@case
def frompy(df):
    np.frompyfunc(gmark, 1, 1)(df["x"])
    return df["y"] * two(G)


@case
def nonloc(df):
    n = 0

    def inc(v):
        nonlocal n
        if v < 0:
            n += 1
        return v

    df["x"].apply(inc)
    return df["y"] * two(n)


@case
def nonloc2(df):
    n = 0

    def inc(v):
        nonlocal n
        if v < 0:
            n += 1
        return v

    inc(df["x"].min())
    return df["y"] * two(n)


P = HERE / "_p.txt"


@case
def path_write(df):
    P.write_text(str(df["x"].min()))
    return df["y"] * two("-" in P.read_text())


@case
def csv_file(df):
    df.to_csv(HERE / "_c.csv", index=False)
    return pd.read_csv(HERE / "_c.csv")["x"] * 1


@case
def csv_file2(df):
    df[["x"]].to_csv(HERE / "_c.csv", index=False)
    m = pd.read_csv(HERE / "_c.csv")["x"].min()
    return df["y"] * two(m < 0)


@case
def csv_tmp(df):
    with tempfile.TemporaryDirectory() as d:
        df[["x"]].to_csv(os.path.join(d, "a.csv"), index=False)
        m = pd.read_csv(os.path.join(d, "a.csv"))["x"].min()
    return df["y"] * two(m < 0)


@case
def np_file(df):
    np.save(HERE / "_n.npy", df["x"].to_numpy())
    return df["y"] * two(np.load(HERE / "_n.npy").min() < 0)


def wf(df):
    with open(HERE / "_w.txt", "w") as f:
        f.write("neg" if (df["x"] < 0).any() else "ok")


@case
def opaque_file(df):
    wf(df)
    return df["y"] * two(open(HERE / "_w.txt").read() == "neg")


@case
def inline_file(df):
    with open(HERE / "_w.txt", "w") as f:
        f.write(str(df["x"].min()))
    with open(HERE / "_w.txt") as f:
        return df["y"] * two("-" in f.read())


@case
def environ(df):
    os.environ["WILLUMP_TEST_X"] = str(df["x"].min())
    return df["y"] * two("-" in os.environ["WILLUMP_TEST_X"])


def env(df):
    if (df["x"] < 0).any():
        os.environ["WILLUMP_TEST_Y"] = "1"
    else:
        os.environ.pop("WILLUMP_TEST_Y", None)


@case
def environ2(df):
    env(df)
    return df["y"] * two(os.getenv("WILLUMP_TEST_Y"))


@case
def environ3(df):
    env(df)
    return df["y"] * two("WILLUMP_TEST_Y" in os.environ)


@pytest.mark.parametrize("function", case, ids=lambda f: f.__name__)
def test_what_is_left_is_of_the_call(function: Any) -> None:
    check_later(function, reset)
