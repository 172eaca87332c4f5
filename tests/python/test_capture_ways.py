"""Every way in which a helper reaches something, every way to change it and every way in which
data chooses that, crossed: what the function finds behind it is what plain Python finds."""

from __future__ import annotations

import importlib.util
import itertools
import random
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
from later import check_later

#: How a helper reaches the global G: what it does before, and the expression.
REACHED = {
    "directly": ("", "G"),
    "another name": ("q = G", "q"),
    "a list": ("q = [G]", "q[0]"),
    "a tuple": ("q = (1, G)", "q[1]"),
    "a dict": ("q = {'a': G}", "q['a']"),
    "dict()": ("q = dict(a=G)", "q['a']"),
    "a namespace": ("q = types.SimpleNamespace(g=G)", "q.g"),
    "a dataclass": ("q = Data(G)", "q.g"),
    "a named tuple": ("q = Named(G, 1)", "q.g"),
    "an object made": ("q = Holder(G)", "q.g"),
    "a method of one made": ("q = Holder(G)", "q.get()"),
    "an object": ("", "HOLDER.g"),
    "an object within": ("", "OUTER.inner.g"),
    "its property": ("", "HOLDER.seen"),
    "its method": ("", "HOLDER.get()"),
    "its items": ("", "HOLDER['g']"),
    "a class": ("", "Kind.g"),
    "a set of objects": ("q = next(iter(HOLDERS))", "q.g"),
    "a function": ("", "get_g()"),
    "a cached one": ("", "cached_g()"),
    "a lambda": ("q = lambda: G", "q()"),
    "a function within": ("def q():\n    return G", "q()"),
    "a nest": ("", "NEST['a']['b']"),
    "a global list": ("", "LIST[0]"),
    "a slice": ("", "LIST[:][0]"),
    "list()": ("q = list(LIST)", "q[0]"),
    "reversed": ("q = next(reversed(LIST))", "q"),
    "a copy of a list": ("q = LIST.copy()", "q[0]"),
    "copy.copy": ("q = copy.copy(LIST)", "q[0]"),
    "a sum": ("q = LIST + []", "q[0]"),
    "unpacking": ("q, r = G, 1", "q"),
    "stars": ("q, *r = [G, 1]", "q"),
    "a choice": ("q = G if len(df) >= 0 else None", "q"),
    "or": ("q = None or G", "q"),
    "a walrus": ("(q := G)", "q"),
    "match": ("match G:\n    case dict() as q:\n        pass", "q"),
    "get": ("q = NEST.get('a')", "q['b']"),
    "globals": ("", "globals()['G']"),
    "getattr": ("", "getattr(HOLDER, 'g')"),
    "an import": ("from ways_kept import KEPT as q", "q"),
    "a module": ("import ways_kept as m", "m.KEPT"),
    "a default": ("def q(g=G):\n    return g", "q()"),
    "a generator": ("q = next(g for g in LIST)", "q"),
}
LOOPS = {
    "a loop": "for q in LIST:",
    "enumerate": "for _, q in enumerate(LIST):",
    "zip": "for q, _ in zip(LIST, [1]):",
    "items": "for _, q in NEST['a'].items():",
    "values": "for q in NEST['a'].values():",
    "a display": "for q in [G]:",
}
WRITTEN = [
    "{}['neg'] = True",
    "{}.update(neg=True)",
    "{}.setdefault('neg', True)",
    "dict.update({}, neg=True)",
    "dict.__setitem__({}, 'neg', True)",
    "{}.__setitem__('neg', True)",
    "operator.setitem({}, 'neg', True)",
    "put({})",
    "HOLDER.put({})",
    "Holder.put_in({})",
    "list(map(put, [{}]))",
    "functools.partial(put, {})()",
]
CHOSEN = [
    "if negative(df):\n    {}",
    "for v in df['x']:\n    if v < 0:\n        {}",
    "try:\n    must(df)\nexcept ValueError:\n    {}",
    "if not negative(df):\n    return\n{}",
    "negative(df) and exec_(lambda: put({only}))",
]
HEAD = """
import copy, dataclasses, functools, operator, types, typing
import numpy as np, pandas as pd
import ways_kept

G = ways_kept.KEPT

def negative(df):
    return bool((df["x"] < 0).any())

def must(df):
    if negative(df):
        raise ValueError

def put(g):
    g["neg"] = True

def exec_(f):
    f()

class Holder:
    def __init__(self, g=None):
        self.g = g

    def get(self):
        return self.g

    @property
    def seen(self):
        return self.g

    def __getitem__(self, key):
        return self.g

    def put(self, g):
        put(g)

    @staticmethod
    def put_in(g):
        put(g)

class Kind:
    g = G

HOLDER = Holder(G)
OUTER = types.SimpleNamespace(inner=HOLDER)
HOLDERS = {HOLDER}
NEST = {"a": {"b": G}}
LIST = [G]

@dataclasses.dataclass
class Data:
    g: object

class Named(typing.NamedTuple):
    g: object
    n: int

def get_g():
    return G

@functools.lru_cache
def cached_g():
    return G

def fix(frame):
    frame["x"] = 0.0

def fix_any(*args, **kwargs):
    for each in (*args, *kwargs.values()):
        fix(each)

class Fixer:
    def fix(self, frame):
        self.set_to(frame)

    @staticmethod
    def set_to(frame):
        frame["x"] = 0.0

    def __call__(self, frame):
        fix(frame)

FIXES = {"a": fix}
FIXER = Fixer()
FIXERS = [FIXER]
"""
#: What a helper does to a frame of later rows.
MENDED = [
    "df['x'] = 0.0", "df.x = 0.0", "df.loc[:, 'x'] = 0.0", "df.iloc[:, 0] = 0.0", "fix(df)",
    "setattr(df, 'x', 0.0)", "df.__setitem__('x', 0.0)", "operator.setitem(df, 'x', 0.0)",
    "pd.DataFrame.__setitem__(df, 'x', 0.0)", "df.isetitem(0, 0.0)",
    "df.update(pd.DataFrame({'x': [0.0] * len(df)}))",
    "pd.DataFrame.update(df, pd.DataFrame({'x': [0.0] * len(df)}))",
    "df.eval('x = 0.0', inplace=True)", "df.replace({'x': {-20.0: 0.0}}, **{'inplace': True})",
    "FIXES['a'](df)", "[f(df) for f in FIXES.values()]", "functools.partial(fix, df)()",
    "list(map(fix, [df]))", "df.pipe(fix)", "FIXER(df)", "FIXER.fix(df)", "FIXERS[0].fix(df)",
    "Fixer().fix(df)", "Fixer()(df)", "Fixer.set_to(df)", "fix_any(df)", "fix_any(frame=df)",
    "fix_any(*[df])", "fix_any(**{'frame': df})", "getattr(df, '__setitem__')('x', 0.0)",
    "for d in [df]:\n    d['x'] = 0.0", "a, b = df, 1\na['x'] = 0.0", "a = None or df\nfix(a)",
    "a = {'df': df}\na['df']['x'] = 0.0", "a = [df]\na[0]['x'] = 0.0",
    "a = types.SimpleNamespace(df=df)\na.df['x'] = 0.0", "a = Data(df)\na.g['x'] = 0.0",
    "from ways_kept import mend\nmend(df)",
    "def go():\n    df['x'] = 0.0\ngo()", "go = lambda d: fix(d)\ngo(df)",
]  # fmt: skip
#: And to an array of them.
SET = [
    "a[:] = 0", "np.maximum(a, 0, a)", "np.clip(a, 0, None, a)", "a.clip(0, None, a)",
    "a.cumsum(0, None, a)", "a.flat[:] = 0", "a.T[:] = 0", "np.ravel(a)[:] = 0",
    "np.asarray(a)[:] = 0", "memoryview(a)[0] = 0", "a.__setitem__(slice(None), 0)",
    "a.__imul__(0)", "operator.imul(a, 0)", "np.multiply.at(a, [0], 0)",
    "np.maximum(a, 0, **{'out': a})", "a.sort()", "np.split(a, 1)[0][:] = 0", "a *= 0",
    "np.copyto(a, 0)", "np.put(a, [0], 0)", "a.fill(0)", "a.data[0] = 0.0",
    "for b in [a]:\n    b[:] = 0", "b = a.reshape(-1, 1)\nb[:] = 0", "b = a.view()\nb[:] = 0",
]  # fmt: skip


def sources() -> dict[str, str]:
    """The functions by name."""
    found: dict[str, str] = {}

    def add(helper: list[str], body: str, given: str = "df") -> None:
        n = len(found)
        lines = textwrap.indent("\n".join(helper), "    ")
        found[f"way_{n}"] = (
            f"def helper_{n}({given}):\n{lines}\ndef way_{n}(df):\n{textwrap.indent(body, '    ')}"
        )

    finds = 'return df["y"] * (2.0 if {}.get("neg") else 1.0)'
    for (before, name), write, chosen in itertools.product(REACHED.values(), WRITTEN, CHOSEN):
        if "{only}" not in chosen:
            where = [before] if before else []
            add([*where, chosen.format(write.format(name).replace("\n", "\n    "))],
                f"helper_{len(found)}(df)\n" + finds.format("G"))  # fmt: skip
        elif write == "put({})":
            add([before or "pass", chosen.format("", only=name)],
                f"helper_{len(found)}(df)\n" + finds.format("G"))  # fmt: skip
    for loop, write in itertools.product(LOOPS.values(), WRITTEN):
        add([f"if negative(df):\n    {loop}\n        {write.format('q')}"],
            f"helper_{len(found)}(df)\n" + finds.format("G"))  # fmt: skip
    for mend in MENDED:
        add(["if negative(df):", textwrap.indent(mend, "    ")],
            f'df = df.copy()\nhelper_{len(found)}(df)\nreturn df["x"] * 2')  # fmt: skip
    for change in SET:
        add(["if (a < 0).any():", textwrap.indent(change, "    ")],
            f'a = df["x"].to_numpy(copy=True)\nhelper_{len(found)}(a)\nreturn a * 2',
            "a")  # fmt: skip
    return found


SOURCES = sources()
N_REACHED = len(SOURCES) - len(MENDED) - len(SET)


@pytest.fixture(scope="module")
def ways(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder: Path = tmp_path_factory.mktemp("ways")
    (folder / "ways_kept.py").write_text('KEPT = {}\n\n\ndef mend(frame):\n    frame["x"] = 0.0\n')
    (folder / "ways.py").write_text("\n\n\n".join([HEAD, *SOURCES.values()]) + "\n")
    for name in ("ways_kept", "ways"):
        spec = importlib.util.spec_from_file_location(name, folder / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    yield sys.modules["ways"]
    for name in ("ways_kept", "ways"):
        del sys.modules[name]


def check_ways(ways: Any, names: list[str]) -> None:
    for name in names:
        try:
            check_later(getattr(ways, name), ways.G.clear)
        except Exception as error:
            raise AssertionError(f"{SOURCES[name]}\n{error}") from error


@pytest.mark.parametrize("seed", range(4))
def test_what_is_reached_and_changed(ways: Any, seed: int) -> None:
    names = [f"way_{n}" for n in range(N_REACHED)]
    check_ways(ways, random.Random(seed).sample(names, 60))


def test_frames_and_arrays_that_helpers_change(ways: Any) -> None:
    check_ways(ways, [f"way_{n}" for n in range(N_REACHED, len(SOURCES))])
