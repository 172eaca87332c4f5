"""Random statements that change objects in place, against plain Python."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import willump
from capture_checks import FRAME, LATER, quiet
from harness import examples
from hypothesis import given
from hypothesis import strategies as st
from test_capture_expressions import function_of

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
    "a = f['x'].to_numpy()", "b = s.values", "s = s.copy()", "f = f.copy()",
    "b = np.asarray(g['y'])",
    "s[s > 1] = 5", "s[b > 1] -= 2", "s.loc[a < 2] = b[a < 2]", "s.clip(0, 3, inplace=True)",
    "f.loc[a > 0, ['x', 'y']] = 1.5", "f.loc[f['n'] > 1, 'x'] = f.loc[f['n'] > 1, 'y'] * 3",
    "s = pd.Series(a, index=f.index)", "s = pd.Series(b, index=f.index, copy=False)",
    "a = a.copy(); a[a > 1] *= 2", "b[s > 0] = s[s > 0]", "a = np.zeros(len(f)); a[b > 0] = 1",
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
