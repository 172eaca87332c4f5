"""Objects whose attributes a call sets where data chooses it, by whatever expression or
statement."""

# Written as users write them.
# ruff: noqa: B007, B010, F841, PIE804, SIM105, SIM113

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from later import Cases, check_later

case = Cases()


def two(value: Any) -> float:
    return 2.0 if np.any(value) else 1.0


class Rep:
    def __init__(self):
        self.errors = []
        self.bad = False
        self.__priv = []
        self.ok = False

    def tr(self, df):
        try:
            must(df)
        except ValueError:
            self.bad = True

    def tr2(self, df):
        try:
            must(df)
        except ValueError:
            self.errors.append("neg")

    def andor(self, df):
        (df["x"] < 0).any() and self.errors.append("neg")

    def ifexp(self, df):
        self.errors.append("neg") if (df["x"] < 0).any() else None

    def comp(self, df):
        [self.errors.append(c) for c in ["x", "y"] if (df[c] < 0).any()]

    def comp2(self, df):
        [self.hit() for v in df["x"] if v < 0]

    def hit(self):
        self.bad = True

    def inner(self, df):
        def neg():
            return (df["x"] < 0).any()

        if neg():
            self.errors.append("neg")

    def priv(self, df):
        if (df["x"] < 0).any():
            self.__priv.append(1)

    def use(self, y):
        return y * two(self.__priv)

    def use2(self, y):
        return y * two(self.errors)

    @property
    def pp(self):
        return len(self.__priv)

    def fin(self, df):
        must(df)
        self.ok = True

    def els(self, df):
        try:
            must(df)
        except ValueError:
            pass
        else:
            self.ok = True

    def asrt(self, df):
        assert not (df["x"] < 0).any()
        self.ok = True

    def mat(self, df):
        match bool((df["x"] < 0).any()):
            case True:
                self.bad = True
            case _:
                pass

    def ctx(self, df):
        with Rec(self):
            must(df)

    def dic(self, df):
        {True: self.hit, False: str}[bool((df["x"] < 0).any())]()

    def gen(self, df):
        any(self.mark(v) for v in df["x"])

    def mark(self, v):
        if v < 0:
            self.bad = True

    def kw(self, df):
        self.put(**{"bad": bool((df["x"] < 0).any())})

    def put(self, **k):
        for a, b in k.items():
            setattr(self, a, b)

    def upd(self, df):
        if (df["x"] < 0).any():
            self.__dict__.update(bad=True)

    def osa(self, df):
        if (df["x"] < 0).any():
            object.__setattr__(self, "bad", True)


class Rec:
    def __init__(self, r):
        self.r = r

    def __enter__(self):
        return self

    def __exit__(self, t, v, tb):
        if t:
            self.r.bad = True
        return True


def must(df):
    if (df["x"] < 0).any():
        raise ValueError


R = Rep()


@case
def o_tr(df):
    R.tr(df)
    return df["y"] * (two(R.bad) + 3 * two(R.errors) + 7 * two(R.ok))


@case
def p_tr(df):
    R.tr(df)
    return R.use2(df["y"]) * two(R.bad) * two(R.ok)


@case
def o_tr2(df):
    R.tr2(df)
    return df["y"] * (two(R.bad) + 3 * two(R.errors) + 7 * two(R.ok))


@case
def p_tr2(df):
    R.tr2(df)
    return R.use2(df["y"]) * two(R.bad) * two(R.ok)


@case
def o_andor(df):
    R.andor(df)
    return df["y"] * (two(R.bad) + 3 * two(R.errors) + 7 * two(R.ok))


@case
def p_andor(df):
    R.andor(df)
    return R.use2(df["y"]) * two(R.bad) * two(R.ok)


@case
def o_ifexp(df):
    R.ifexp(df)
    return df["y"] * (two(R.bad) + 3 * two(R.errors) + 7 * two(R.ok))


@case
def p_ifexp(df):
    R.ifexp(df)
    return R.use2(df["y"]) * two(R.bad) * two(R.ok)


@case
def o_comp(df):
    R.comp(df)
    return df["y"] * (two(R.bad) + 3 * two(R.errors) + 7 * two(R.ok))


@case
def p_comp(df):
    R.comp(df)
    return R.use2(df["y"]) * two(R.bad) * two(R.ok)


@case
def o_comp2(df):
    R.comp2(df)
    return df["y"] * (two(R.bad) + 3 * two(R.errors) + 7 * two(R.ok))


@case
def p_comp2(df):
    R.comp2(df)
    return R.use2(df["y"]) * two(R.bad) * two(R.ok)


@case
def o_inner(df):
    R.inner(df)
    return df["y"] * (two(R.bad) + 3 * two(R.errors) + 7 * two(R.ok))


@case
def p_inner(df):
    R.inner(df)
    return R.use2(df["y"]) * two(R.bad) * two(R.ok)


@case
def o_els(df):
    R.els(df)
    return df["y"] * (two(R.bad) + 3 * two(R.errors) + 7 * two(R.ok))


@case
def p_els(df):
    R.els(df)
    return R.use2(df["y"]) * two(R.bad) * two(R.ok)


@case
def o_mat(df):
    R.mat(df)
    return df["y"] * (two(R.bad) + 3 * two(R.errors) + 7 * two(R.ok))


@case
def p_mat(df):
    R.mat(df)
    return R.use2(df["y"]) * two(R.bad) * two(R.ok)


@case
def o_ctx(df):
    R.ctx(df)
    return df["y"] * (two(R.bad) + 3 * two(R.errors) + 7 * two(R.ok))


@case
def p_ctx(df):
    R.ctx(df)
    return R.use2(df["y"]) * two(R.bad) * two(R.ok)


@case
def o_dic(df):
    R.dic(df)
    return df["y"] * (two(R.bad) + 3 * two(R.errors) + 7 * two(R.ok))


@case
def p_dic(df):
    R.dic(df)
    return R.use2(df["y"]) * two(R.bad) * two(R.ok)


@case
def o_gen(df):
    R.gen(df)
    return df["y"] * (two(R.bad) + 3 * two(R.errors) + 7 * two(R.ok))


@case
def p_gen(df):
    R.gen(df)
    return R.use2(df["y"]) * two(R.bad) * two(R.ok)


@case
def o_kw(df):
    R.kw(df)
    return df["y"] * (two(R.bad) + 3 * two(R.errors) + 7 * two(R.ok))


@case
def p_kw(df):
    R.kw(df)
    return R.use2(df["y"]) * two(R.bad) * two(R.ok)


@case
def o_upd(df):
    R.upd(df)
    return df["y"] * (two(R.bad) + 3 * two(R.errors) + 7 * two(R.ok))


@case
def p_upd(df):
    R.upd(df)
    return R.use2(df["y"]) * two(R.bad) * two(R.ok)


@case
def o_osa(df):
    R.osa(df)
    return df["y"] * (two(R.bad) + 3 * two(R.errors) + 7 * two(R.ok))


@case
def p_osa(df):
    R.osa(df)
    return R.use2(df["y"]) * two(R.bad) * two(R.ok)


def w_fin(df):
    try:
        R.fin(df)
    except Exception:
        pass


@case
def o_fin(df):
    w_fin(df)
    return df["y"] * two(R.ok)


def w_asrt(df):
    try:
        R.asrt(df)
    except Exception:
        pass


@case
def o_asrt(df):
    w_asrt(df)
    return df["y"] * two(R.ok)


@case
def o_priv(df):
    R.priv(df)
    return R.use(df["y"])


@case
def o_priv2(df):
    R.priv(df)
    return df["y"] * two(R.pp)


@case
def o_priv3(df):
    R.priv(df)
    return df["y"] * two(R._Rep__priv)


class Scorer:
    def __init__(self):
        self.bad = False
        self.n = 0
        self.hist = []
        self.cache = {}

    def check(self, df):
        self.bad = False
        try:
            need(df)
        except ValueError:
            self.bad = True

    def score(self, df):
        self.check(df)
        return df["y"] * two(self.bad)

    def check2(self, df):
        self.bad = not ok(df)

    def score2(self, df):
        self.check2(df)
        return df["y"] * two(self.bad)

    def lookup(self, df):
        key = float(df["x"].min())
        if key not in self.cache:
            self.cache[key] = key < 0
        return self.cache[key]

    def score3(self, df):
        return df["y"] * two(self.lookup(df))

    def score4(self, df):
        v = self.lookup(df)
        return df["y"] * (2 + self.cache.get(-20.0, 0))

    def trk(self, df):
        for v in df["x"]:
            self.n += int(v < 0)

    def score5(self, df):
        self.trk(df)
        return df["y"] * two(self.n)

    def trk6(self, df):
        self.hist += [v for v in df["x"] if v < 0]

    def score6(self, df):
        self.trk6(df)
        return df["y"] * two(self.hist)

    def trk7(self, df):
        self.hist.extend(v for v in df["x"] if v < 0)

    def score7(self, df):
        self.trk7(df)
        return df["y"] * two(self.hist)

    def trk8(self, df):
        add = self.hist.append
        for v in df["x"]:
            if v < 0:
                add(v)

    def score8(self, df):
        self.trk8(df)
        return df["y"] * two(self.hist)

    def trk9(self, df):
        self.hist[:] = [v for v in df["x"] if v < 0]

    def score9(self, df):
        self.trk9(df)
        return df["y"] * two(self.hist)

    def trk10(self, df):
        m = (df["x"] < 0).any()
        setattr(self, "bad", m)
        return m or True

    def score10(self, df):
        self.trk10(df)
        return df["y"] * two(bool(self.bad))

    def trk11(self, df):
        vars(self).update(bad=bool((df["x"] < 0).any()))

    def score11(self, df):
        self.trk11(df)
        return df["y"] * two(self.bad)

    def trk12(self, df):
        upd(self, bool((df["x"] < 0).any()))

    def score12(self, df):
        self.trk12(df)
        return df["y"] * two(self.bad)

    def trk13(self, df):
        f = {"a": self.setbad}["a"]
        if (df["x"] < 0).any():
            f()

    def setbad(self):
        self.bad = True

    def score13(self, df):
        self.trk13(df)
        return df["y"] * two(self.bad)

    def trk14(self, df):
        (self.setbad if (df["x"] < 0).any() else str)()

    def score14(self, df):
        self.trk14(df)
        return df["y"] * two(self.bad)

    def trk15(self, df):
        n = 0
        for v in df["x"]:
            if v < 0:
                break
            n += 1
        else:
            return
        self.bad = True

    def score15(self, df):
        self.trk15(df)
        return df["y"] * two(self.bad)

    def trk16(self, df):
        rows = [i for i, v in enumerate(df["x"]) if v < 0]
        for i in rows:
            self.bad = True

    def score16(self, df):
        self.trk16(df)
        return df["y"] * two(self.bad)

    def trk17(self, df):
        rows = []
        for i, v in enumerate(df["x"]):
            if v < 0:
                rows.append(i)
        if rows:
            self.bad = True

    def score17(self, df):
        self.trk17(df)
        return df["y"] * two(self.bad)

    def trk18(self, df):
        found = {}
        collect(df, found)
        if found:
            self.bad = True

    def score18(self, df):
        self.trk18(df)
        return df["y"] * two(self.bad)

    def trk19(self, df):
        e = V2(df)
        if e.neg:
            self.bad = True

    def score19(self, df):
        self.trk19(df)
        return df["y"] * two(self.bad)

    def trk20(self, df):
        e = V3()
        e.look(df)
        if e.neg():
            self.bad = True

    def score20(self, df):
        self.trk20(df)
        return df["y"] * two(self.bad)

    def trk21(self, df):
        buf = np.zeros(1)
        np.add(buf, (df["x"] < 0).sum(), out=buf)
        if buf[0]:
            self.bad = True

    def score21(self, df):
        self.trk21(df)
        return df["y"] * two(self.bad)

    def trk22(self, df):
        global TMP
        TMP = df
        self.fromglob()

    def fromglob(self):
        if (TMP["x"] < 0).any():
            self.bad = True

    def score22(self, df):
        self.trk22(df)
        return df["y"] * two(self.bad)

    def trk23(self, df):
        self.df = df
        self.fromself()

    def fromself(self):
        if (self.df["x"] < 0).any():
            self.bad = True

    def score23(self, df):
        if len(df) > 10**6:
            return 0
        self.trk23(df)
        return df["y"] * two(self.bad)


def collect(df, d):
    if (df["x"] < 0).any():
        d["n"] = 1


class V2:
    def __init__(self, df):
        self.neg = (df["x"] < 0).any()


class V3:
    def look(self, df):
        self.d = df

    def neg(self):
        return (self.d["x"] < 0).any()


def upd(o, v):
    o.bad = v


def need(df):
    if (df["x"] < 0).any():
        raise ValueError


def ok(df):
    return not (df["x"] < 0).any()


S0 = Scorer()
for i in ["", *range(2, 24)]:
    case.append(getattr(S0, f"score{i}"))


def reset():
    R.__init__()
    S0.__init__()


@pytest.mark.parametrize("function", case, ids=lambda f: f.__name__)
def test_what_data_chooses_is_of_the_call(function: Any) -> None:
    check_later(function, reset)
