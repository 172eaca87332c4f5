"""Globals that calls set by functions in containers, attributes, partials, generators, handlers of
logs; and calls that are made for the errors that they raise, warnings that are errors."""

# Written as users write them.
# ruff: noqa: B007, B009

from __future__ import annotations

import abc
import functools
import logging
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from later import Cases, check_later

case = Cases()


def two(value: Any) -> float:
    return 2.0 if np.any(value) else 1.0


FLAGS = {}
LOG = []


def rule_neg(df):
    if (df["x"] < 0).any():
        FLAGS["neg"] = 1


RULES = {"neg": rule_neg}


def run_rules(df):
    if (df["y"] < 0).any():
        return
    for n, r in RULES.items():
        r(df)


@case
def registry(df):
    run_rules(df)
    return df["y"] * two(FLAGS)


@case
def registry2(df):
    run_rules(df)
    return df["y"] * two("neg" in FLAGS)


class Deco:
    def __init__(self, f):
        self.f = f

    def __call__(self, df):
        if (df["y"] < 0).any():
            return None
        return self.f(df)


rule_deco = Deco(rule_neg)


@case
def class_deco(df):
    rule_deco(df)
    return df["y"] * two(FLAGS)


@functools.singledispatch
def sd(df):
    raise TypeError


@sd.register(pd.DataFrame)
def _(df):
    if (df["x"] < 0).any():
        FLAGS["neg"] = 1


def run_sd(df):
    if (df["y"] < 0).any():
        return
    sd(df)


@case
def single_glob(df):
    run_sd(df)
    return df["y"] * two(FLAGS)


class V:
    def check(self, df):
        if (df["x"] < 0).any():
            FLAGS["neg"] = 1


class W:
    def __init__(self):
        self.v = V()

    def run(self, df):
        if (df["y"] < 0).any():
            return
        self.v.check(df)

    def run2(self, df):
        if (df["y"] < 0).any():
            return
        for v in [self.v]:
            v.check(df)

    def run3(self, df):
        if (df["y"] < 0).any():
            return
        super().__init__()
        getattr(self, "chk")(df)

    def chk(self, df):
        self.v.check(df)


WW = W()


@case
def attr_chain(df):
    WW.run(df)
    return df["y"] * two(FLAGS)


@case
def attr_loop(df):
    WW.run2(df)
    return df["y"] * two(FLAGS)


@case
def attr_get(df):
    WW.run3(df)
    return df["y"] * two(FLAGS)


@case
def local_obj(df):
    W().run(df)
    return df["y"] * two(FLAGS)


def mapper(df):
    if (df["y"] < 0).any():
        return
    list(map(rule_neg, [df]))


@case
def via_map(df):
    mapper(df)
    return df["y"] * two(FLAGS)


def parter(df):
    if (df["y"] < 0).any():
        return
    functools.partial(rule_neg, df)()


@case
def via_partial(df):
    parter(df)
    return df["y"] * two(FLAGS)


def pcall(df):
    if (df["y"] < 0).any():
        return
    df.pipe(rule_neg)


@case
def via_pipe(df):
    pcall(df)
    return df["y"] * two(FLAGS)


def acall(df):
    if (df["y"] < 0).any():
        return
    df["x"].apply(lambda v: FLAGS.update(neg=1) if v < 0 else None)


@case
def via_apply(df):
    acall(df)
    return df["y"] * two(FLAGS)


def acall2(df):
    if (df["y"] < 0).any():
        return
    df["x"].apply(mark1)


def mark1(v):
    if v < 0:
        FLAGS["neg"] = 1


@case
def via_apply2(df):
    acall2(df)
    return df["y"] * two(FLAGS)


@case
def direct_apply(df):
    df["x"].apply(mark1)
    return df["y"] * two(FLAGS)


@case
def direct_map(df):
    df["x"].map(mark1)
    return df["y"] * two(FLAGS)


@case
def direct_agg(df):
    df["x"].agg(mark2)
    return df["y"] * two(FLAGS)


def mark2(s):
    if np.min(s) < 0:
        FLAGS["neg"] = 1
    return 0.0


@case
def direct_transform(df):
    df["x"].transform(lambda s: (mark2(s), s)[1])
    return df["y"] * two(FLAGS)


@case
def direct_group(df):
    df.groupby("k")["x"].agg(mark2)
    return df["y"] * two(FLAGS)


@case
def direct_axis(df):
    df.apply(lambda r: mark1(r["x"]), axis=1)
    return df["y"] * two(FLAGS)


@case
def npapply(df):
    np.apply_along_axis(mark2, 0, df[["x"]].to_numpy())
    return df["y"] * two(FLAGS)


class Base(abc.ABC):
    def run(self, df):
        if (df["y"] < 0).any():
            return
        self.check(df)

    @abc.abstractmethod
    def check(self, df): ...


class Der(Base):
    def check(self, df):
        rule_neg(df)


DD = Der()


@case
def template(df):
    DD.run(df)
    return df["y"] * two(FLAGS)


def gen_rules(df):
    if (df["x"] < 0).any():
        FLAGS["neg"] = 1
    yield 1


def rungen(df):
    if (df["y"] < 0).any():
        return
    for _ in gen_rules(df):
        pass


@case
def via_gen(df):
    rungen(df)
    return df["y"] * two(FLAGS)


def rec(df, n=2):
    if (df["y"] < 0).any():
        return
    if n:
        rec(df, n - 1)
    else:
        rule_neg(df)


@case
def via_rec(df):
    rec(df)
    return df["y"] * two(FLAGS)


class Hand(logging.Handler):
    def emit(self, r):
        LOG.append(r.getMessage())


lg = logging.getLogger("willump.tests.kept")
lg.addHandler(Hand())
lg.propagate = False


def lcheck(df):
    if (df["x"] < 0).any():
        lg.warning("neg")


@case
def logged(df):
    lcheck(df)
    return df["y"] * two(LOG)


def guard_fn(df):
    if (df["x"] < 0).any():
        raise ValueError("neg")


@case
def g_unused(df):
    guard_fn(df)
    return df["y"] * 2


@case
def g_frame(df):
    df = guard_ret(df)
    return df["y"] * 2


def guard_ret(df):
    if (df["x"] < 0).any():
        raise ValueError("neg")
    return df


@case
def g_assert(df):
    chk_assert(df)
    return df["y"] * 2


def chk_assert(df):
    assert (df["x"] >= 0).all()


@case
def g_deco(df):
    return guarded(df)


def dec(f):
    @functools.wraps(f)
    def w(df):
        guard_fn(df)
        return f(df)

    return w


@dec
def guarded(df):
    return df["y"] * 2


@case
def g_pipe(df):
    return df.pipe(guard_ret)["y"] * 2


@case
def g_apply(df):
    df["x"].apply(gx)
    return df["y"] * 2


def gx(v):
    if v < 0:
        raise ValueError


@case
def g_inline(df):
    if (df["x"] < 0).any():
        raise ValueError
    return df["y"] * 2


@case
def g_npassert(df):
    np.testing.assert_array_less(-1, df["x"])
    return df["y"] * 2


@case
def g_sqrt(df):
    check_model(df[["x"]])
    return df["y"] * 2


def check_model(m):
    from sklearn.utils import check_array

    return check_array(m)


# Warnings that are errors.
@np.errstate(all="raise")
def strict_log(df):
    return np.log(df["x"].to_numpy())


@case
def by_decorator(df):
    return strict_log(df)


@case
def by_action(df):
    with warnings.catch_warnings(action="error"):
        return np.log(df["x"])


def be_strict():
    warnings.simplefilter("error")


@case
def by_helper(df):
    with warnings.catch_warnings():
        be_strict()
        return np.log(df["x"])


@case
def by_filters(df):
    with warnings.catch_warnings():
        warnings.filters.insert(0, ("error", None, RuntimeWarning, None, 0))
        return np.log(df["x"])


def reset():
    FLAGS.clear()
    LOG.clear()


@pytest.mark.parametrize("function", case, ids=lambda f: f.__name__)
def test_what_is_called_in_the_end(function: Any) -> None:
    check_later(function, reset)
