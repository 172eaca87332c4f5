"""Rows that a mask picks: assigned to in arrays, Series and frames, and read to be assigned there,
against pandas and NumPy."""

from __future__ import annotations

import itertools
import linecache
import warnings
from collections import Counter
from typing import Any

import numpy as np
import pandas as pd
import pytest
import willump
from capture_frames import SAMPLE as OF_ALL
from capture_frames import check_random_frames, check_same, frame_of, outcome, rows_of
from harness import examples
from hypothesis import given
from hypothesis import strategies as st
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.linear_model import LogisticRegression

rng = np.random.default_rng(0)
MODEL = LogisticRegression().fit(rng.normal(size=(90, 2)), np.array(list("abc" * 30)))
COUNT = itertools.count()


def function_of(body: str) -> Any:
    """A function of a frame `f` with these statements, some to a line."""
    text = "def f(f):\n" + "".join(f"    {line.strip()}\n" for line in body.split(";"))
    name = f"<masks {next(COUNT)}>"
    linecache.cache[name] = (len(text), None, text.splitlines(True), name)
    space: dict[str, Any] = {"np": np, "pd": pd, "MODEL": MODEL}
    exec(compile(text, name, "exec"), space)
    return space["f"]


PROBA = "p = MODEL.predict_proba(f[['x', 'y']].fillna(0.0).clip(-1e3, 1e3).to_numpy())[:, 1]"
LABELS = "p = MODEL.predict(f[['x', 'y']].fillna(0.0).clip(-1e3, 1e3).to_numpy())"
#: All of it native.
NATIVE = {
    # arrays
    "a score, by an array": f"{PROBA}; p[f['y'].to_numpy() < 1] = 0.0; return p",
    "a score, by a Series": f"{PROBA}; p[f['p']] = 1; return p",
    "a score, by itself": f"{PROBA}; p[f['y'] > 0] = np.nan; return p * 2",
    "a score, halved": f"{PROBA}; p[f['q']] *= 0.5; p[f['p']] += f['x'].to_numpy()[f['p']]; "
    "return p",
    "an array, doubled": "a = f['x'].to_numpy(copy=True); m = f['y'] > 0; a[m] = a[m] * 2; "
    "return a",
    "an array, of another": "a = f['x'].to_numpy().copy(); b = f['y'].to_numpy(); "
    "m = ~(b > a); a[m] = b[m] - a[m]; return a",
    "a logarithm": "a = f['x'].to_numpy(copy=True); m = f['x'] > 0; a[m] = np.log1p(a[m]); "
    "return a",
    "a narrow array": "a = f['b'].to_numpy(copy=True); a[f['p']] += 100; return a",
    "a narrow array, set": "a = f['u'].to_numpy(copy=True); a[f['p']] = 7.9; return a",
    "whole numbers": "a = f['i'].to_numpy(copy=True); a[f['p']] = -2.5; a[f['q']] -= 3; return a",
    "booleans": "a = (f['x'] > 0).to_numpy(copy=True); a[f['p']] = False; a[f['q']] = 1; return a",
    "booleans, flipped": "a = f['p'].to_numpy(copy=True); a[f['q']] = ~a[f['q']]; return a",
    "float32": "a = f['w'].to_numpy(copy=True); a[f['p']] = 0.1; a[f['q']] *= 3; return a",
    "float32 of float64": "a = f['w'].to_numpy(copy=True); m = f['x'].abs() < 1e30; "
    "a[m] = f['x'].to_numpy()[m]; return a",
    "floats of float32": "a = f['x'].to_numpy(copy=True); a[f['p']] = f['w'].to_numpy()[f['p']]; "
    "return a",
    "floats of ints": "a = f['x'].to_numpy(copy=True); a[f['p']] = f['i'][f['p']]; return a",
    "zeros": "a = np.zeros(len(f)); a[f['x'].values > 0] += 2; a[f['p']] -= 0.5; return a",
    "ones": "a = np.ones(f.shape[0], dtype='int64'); a[f['p']] = f['i'][f['p']]; return a",
    "nothing yet": "a = np.full((len(f),), np.nan); a[f['p']] = f['x'][f['p']]; return a",
    "narrow ones": "a = np.full(len(f['x']), 7, dtype=np.int16); a[f['p']] *= 9000; return a",
    "singles": "a = np.full(len(f), 0.1, np.float32); a[f['p']] = f['w'][f['p']]; return a",
    "flags, all down": "a = np.zeros(len(f), dtype=bool); a[f['x'] > 0] = True; return a",
    "zeros like": "a = np.zeros_like(f['x'].to_numpy()); a[f['p']] = 3; "
    "b = np.full_like(a, 2); return a + b",
    "a Series of an array": "a = f['x'].to_numpy(copy=True); a[f['p']] = 0; "
    "return pd.Series(a, index=f.index)",
    # Series
    "floats by .loc": "s = pd.Series(0.0, index=f.index); s.loc[f['x'] > 0] = 1; return s",
    "ints by .loc": "s = f['i'].copy(); s.loc[f['p']] = 7; s.loc[f['q']] = f['j']; return s",
    "missing by .loc": "s = f['x'].copy(); s.loc[f['p']] = np.nan; s.loc[f['q']] = None; return s",
    "a Series, less": "s = pd.Series(5.0, index=f.index); s[f['x'] > 0] -= 2; return s",
    "a Series, doubled": "m = f['x'] > 0; s = f['y'].copy(); s[m] = s[m] * 2; return s",
    "a Series by .loc, doubled": "m = f['p']; s = f['y'].copy(); s.loc[m] = 1 - s.loc[m]; return s",
    "whole numbers, doubled": "m = f['p']; s = f['i'].copy(); s[m] = s[m] * 2 + f['j'][m]; "
    "return s",
    "narrow ones, doubled": "s = f['b'].copy(); s[f['p']] *= 2; s.loc[f['q']] = 3; return s",
    "float32, doubled": "s = f['w'].copy(); s[f['p']] = s[f['p']] * 2; return s",
    "by an array of picked": "s = f['x'].copy(); s[f['p']] = f['y'][f['p']].to_numpy(); return s",
    "rounded": "s = f['x'].copy(); s[f['p']] = s[f['p']].clip(0, 9).fillna(1.5).round(); return s",
    "flags": "s = f['p'].copy(); m = f['x'] > 0; s[m] = ~s[m] & f['q'][m]; return s",
    "moments": "s = f['d'].copy(); s[f['p']] = f['e'][f['p']]; return s.dt.year",
    # frames
    "a column, doubled": "f = f.copy(); m = f['p']; f.loc[m, 'x'] = f.loc[m, 'x'] * 2; "
    "return f['x']",
    "a column, by the mask written twice": "f = f.copy(); "
    "f.loc[f['x'] > 1, 'y'] = f.loc[f['x'] > 1, 'x'] * f['y'][f['x'] > 1]; return f['y']",
    "a column that is new": "f = f.copy(); m = f['p']; f.loc[m, 'v'] = f.loc[m, 'i'] / 2; "
    "return f['v']",
    "a column, increased by another": "f = f.copy(); m = f['p']; f.loc[m, 'x'] += f.loc[m, 'y']; "
    "return f['x']",
    "whole numbers of a frame": "f = f.copy(); f.loc[f['p'], 'i'] -= 3; f.loc[f['q'], 'k'] *= 2; "
    "return f['i'] + f['k']",
    "two columns": "f = f.copy(); f.loc[f['p'], ['x', 'y']] = 0; return f[['x', 'y']].to_numpy()",
    "two columns of two dtypes": "f = f.copy(); f.loc[f['p'], ['i', 'x']] = 4; "
    "return f['x'] + f['i']",
    "all rows of two": "f = f.copy(); f.loc[:, ['x', 'y']] = 2.0; return f['x'] + f['y']",
}


STRINGS = {
    "labels": f"{LABELS}; p[f['p'].values] = 'b'; return p",
    "labels, cut off": f"{LABELS}; p[f['p']] = 'other'; return p",
    "chosen strings, cut off": "a = np.where(f['x'] > 0, 'high', 'low'); a[f['p']] = 'medium'; "
    "a[f['q']] = np.where(f['y'] > 0, 'up', 'down')[f['q']]; return a",
    "an array of objects": "a = np.full(len(f), 'keep', dtype=object); a[f['x'] > 0] = 'called'; "
    "return a",
    "an array of strings, cut off": "a = np.full(len(f), 'keep'); a[f['p']] = 'called'; return a",
    "by .loc": "s = pd.Series('low', index=f.index); s.loc[f['x'] > 0.3] = 'high'; return s",
    "by .loc of two columns": "f = f.assign(z='low', v='b'); f.loc[f['p'], ['z', 'v']] = 'a'; "
    "return f['z']",
    "of a column, where it is": "f = f.assign(z='low', v='b'); f.loc[f['p'], 'z'] = f.loc[f['p'], "
    "'v']; return f['z']",
}


@pytest.mark.parametrize("name", STRINGS)
def test_a_mask_of_strings_is_followed(name: str) -> None:
    function = function_of(STRINGS[name])
    fast = willump.compile(function, sample=OF_ALL, strict=True)

    @examples(10)
    @given(rows_of(fast))
    def compare_labels(rows: list[tuple[Any, ...]]) -> None:
        frame = frame_of(rows, index=range(3, 3 + len(rows)))
        expected, found = outcome(function, frame), outcome(fast, frame)
        assert type(found) is type(expected)
        assert found.dtype == expected.dtype
        assert list(found) == list(expected)

    compare_labels()


@pytest.mark.parametrize("name", NATIVE)
def test_a_mask_is_followed(name: str) -> None:
    check_random_frames(function_of(NATIVE[name]))


@pytest.mark.parametrize(
    "body",
    [
        "g = f[f['m']]; a = np.zeros(len(g)); return a.sum() + f['x']",
        "g = f.dropna(); a = np.ones(g.shape[0]); return f['x'].to_numpy() * a",
        "n = len(f); return np.zeros((n, 2))[:, 0] + f['x'].to_numpy()",
        "n = len(f[f['x'] > -100]); a = np.zeros(n); a[f['m']] = 1; return a",
    ],
)
def test_arrays_of_other_rows_are_answered_or_refused(body: str) -> None:
    compare(body)


#: An array in the memory of what is set, which the sample does not show: no row of it is set.
SHOWN = [
    "f = f.copy(); a = f['x'].to_numpy(); f.loc[f['x'] < 0, 'x'] = 9.0; return a",
    "f = f.copy(); a = f['x'].to_numpy(); f.loc[f['x'] < 0, 'n'] = 9; return a",
    "f = f.copy(); a = f['x'].values[:]; f['v'] = 1; f.loc[f['x'] < 0, ['n', 'x']] = 9; return a",
    "s = f['x'].copy(); a = s.to_numpy(); s[f['x'] < 0] = 9.0; return a",
    "s = f['x'].copy(); a = np.asarray(s); s.loc[f['x'] < 0] += 1; return a + s",
    "s = f['x']; a = s.to_numpy(); s[f['x'] < 0] = 9.0; return a + s",
    "s = f['x'].copy(); a = s.to_numpy(); s.mask(s < 0, 7.0, inplace=True); return a + s",
    "p = f['x'].to_numpy(copy=True); s = pd.Series(p, copy=False); p[p < 0] = 9.0; return s",
    "p = f['x'].to_numpy(copy=True); s = pd.Series(p, copy=False); s[s < 0] = 9.0; return p",
    "p = f['x'].to_numpy(copy=True); s = pd.Series(p); p[p < 0] = 9.0; return s",
    "p = f['x'].to_numpy(copy=True); d = pd.DataFrame({'p': p}); p[p < 0] = 9.0; return d['p']",
    "m = f[['x', 'w']].to_numpy(copy=True); p = m[:, 0]; p[f['x'] < 0] = 9.0; return m",
    "p = f['x'].to_numpy(copy=True); q = p; p[p < 0] = 9.0; return q",
    "p = f['x'].to_numpy(copy=True); q = p[p < 0]; p[p < 0] = 9.0; return p * len(p)",
    "m = (f['x'] < 0).to_numpy(copy=True); p = f['x'].to_numpy(copy=True); q = p[m]; "
    "m[f['n'] > 5] = True; p[m] = 0.0; return p",
]


@pytest.mark.parametrize("body", SHOWN)
def test_arrays_show_what_is_written_to_their_memory(body: str) -> None:
    before = COUNTS["native"] + COUNTS["with a Python step"]
    compare(body)
    assert COUNTS["native"] + COUNTS["with a Python step"] == before + 1


def test_numpy_does_not_warn_of_what_a_mask_leaves_out() -> None:
    def features(f: Any) -> Any:
        a = f["x"].to_numpy(copy=True)
        m = a > 0
        a[m] = np.log1p(a[m]) * 1.7
        s = f["y"].copy()
        s.loc[(s > -1) & (s < 1)] = np.arcsin(s.loc[(s > -1) & (s < 1)])
        s[s < -4] = np.exp(s[s < -4])
        return np.column_stack([a, s])

    def function(f: Any) -> Any:
        return TREES.predict(features(f))

    f = pd.DataFrame(np.random.default_rng(0).normal(0, 3, (2000, 2)), columns=["x", "y"])
    TREES = ExtraTreesRegressor(10, random_state=0).fit(features(f), f["x"] * f["y"])
    with pytest.warns(willump.PythonStepWarning):
        fast = willump.compile(function, sample=f.head(200))
    assert "NumPy's own" in str(fast.explain())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for rows in (f, f.head(3)):
            np.testing.assert_allclose(fast(rows), function(rows), rtol=1e-9)


SAMPLE = pd.DataFrame(
    {
        "x": [1.0, 2.5, 11.0, 12.0], "n": [1, 2, 3, 4],
        "w": np.array([0.5, 1.5, 2.0, 3.0], dtype="float32"),
        "s": np.array([1, 2, 3, 4], dtype="int8"), "b": [True, False, True, False],
        "k": pd.Series(list("abab"), dtype="str"),
        "I": pd.array([1, 2, 3, 4], dtype="Int64"), "m": [True, True, False, False],
        "d": pd.to_datetime(["2023-01-01", "2023-06-01", "2023-01-02", "2023-01-05"]),
    }
).astype({"d": "datetime64[us]"})  # fmt: skip
LATER = SAMPLE.assign(
    x=[1.5, np.nan, -3.0, np.inf],
    n=[1, 2, 300, -4],
    k=pd.Series(["a", None, "z", "b"], dtype="str"),
    I=pd.array([1, None, 300, 4], dtype="Int64"),
    m=[False, True, False, True],
    d=SAMPLE["d"].where([True, False, True, True]),
)
FRAMES = [
    SAMPLE, LATER, LATER.iloc[:0], LATER.set_axis([7, 5, 0, 2]), LATER.set_axis([7, 5, 5, 2]),
    LATER.assign(m=True), LATER.assign(m=False), LATER.assign(x=np.nan),
    *(LATER.iloc[[i]] for i in range(4)),
]  # fmt: skip
OWNERS = [
    "f['x']", "f['n']", "f['w']", "f['s']", "f['b']", "f['k']", "f['d']", "f['x'] > 2",
    "f['k'].map({'a': 1, 'b': 2})", "f['d'].dt.day", "f['I']", "f['I'].astype(float)",
    "pd.Series(0, index=f.index)", "f['k'].str.len()",
]  # fmt: skip
MASKS = [
    "f['m']",
    "f['x'] > 2",
    "f['x'].isna()",
    "f['I'] > 2",
    "f['b'].to_numpy()",
    "f['k'] == 'a'",
]
VALUES = [
    "0", "1.0", "0.5", "300", "True", "np.nan", "None", "'other'", "np.float64(2)", "np.int64(3)",
    "np.float32(0.1)", "pd.Timestamp('2020-01-01')",
]  # fmt: skip
#: What is made of an owner `s`, a mask `m` and a value `v`; `o` is another owner.
WAYS = [
    "s = s.copy(); s[m] = v", "s = s.copy(); s.loc[m] = v", "s = s.to_numpy(copy=True); s[m] = v",
    "s = s.copy(); s[m] = o", "s = s.copy(); s.loc[m] = o", "s = s.copy(); s[m] = s[m]",
    "s = s.copy(); s[m] = s[m] * 2", "s = s.copy(); s.loc[m] = s.loc[m] / 2",
    "s = s.copy(); s[m] += 1", "s = s.copy(); s.loc[m] -= 0.5", "s = s.copy(); s[m] = o[m]",
    "s = s.copy(); s.loc[m] = o[m] + 1", "s = s.copy(); s.loc[m] = o[m].to_numpy()",
    "s = s.copy(); s[m] = o[~m]", "s = s.copy(); s.loc[m] = o.to_numpy()",
    "s = s.copy(); s[m] = -o.loc[m]", "s = s.copy(); s[m] = o[m].fillna(0)",
    "s = s.to_numpy(copy=True); s[m] = s[m] * 2", "s = s.to_numpy(copy=True); s[m] += 1",
    "s = s.to_numpy(copy=True); s[m] = o.to_numpy()[m]", "s = s.to_numpy(copy=True); s[m] = o[m]",
    "s = s.to_numpy(copy=True); s[m] -= 0.5", "s = s.to_numpy(copy=True); s[m] = o.to_numpy()",
    "a = s.to_numpy(copy=True); s = a; b = a[:]; a[m] = 0; s = s + b",
    "f = f.assign(z=s); f.loc[m, 'z'] = v; s = f['z']",
    "f = f.assign(z=s); f.loc[m, 'z'] = f.loc[m, 'z'] * 2; s = f['z']",
    "f = f.assign(z=s); f.loc[m, 'z'] = o[m]; s = f['z']",
    "f = f.assign(z=s); f.loc[m, 'z'] = o.to_numpy(); s = f['z']",
    "f = f.assign(z=s); f.loc[m, 'z'] += f.loc[m, 'x']; s = f['z']",
    "f = f.assign(z=s, y=o); f.loc[m, ['z', 'y']] = v; s = f['z']",
    "f = f.assign(z=s); f.loc[m, 'new'] = o[m]; s = f['new']",
]  # fmt: skip
ENDS = ["return s", "return s + 1", "return pd.isna(s)", "return s.astype(float)"]
COUNTS: Counter[str] = Counter()
#: Cases that were answered otherwise.
ONCE = [
    "f = f.copy(); f.loc[f['m'], 'new'] = f['n'][f['m']]; return f['new']",
    "f = f.copy(); f.loc[f['m'], 'new'] = 4; return f['new']",
    "s = f['d'].dt.day; s[f['m']] = -f['n'].loc[f['m']]; return pd.isna(s)",
    "s = f['d'].dt.day; s[f['m']] = f['n']; return s + 1",
    "s = f['d'].dt.day; s[f['m']] = 3_000_000_000; return s + 1",
    "a = f['d'].dt.day.to_numpy(copy=True); a[f['m']] = f['n'][f['m']] * 10**9; return a + 1",
    "a = f['d'].dt.day.to_numpy(copy=True); a[f['m']] = f['s'][f['m']]; return a + 0.5",
]


def compare(body: str) -> None:
    """A call is answered as by plain Python, dtype and all, or refused."""
    function = function_of(body)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if isinstance(outcome(function, SAMPLE.copy()), Exception):
            COUNTS["raise"] += 1
            return
        try:
            fast = willump.compile(function, sample=SAMPLE)
        except willump.UnsupportedError:
            COUNTS["refused"] += 1
            return
        COUNTS["with a Python step" if fast._steps else "native"] += 1
        for frame in FRAMES:
            expected, found = outcome(function, frame.copy()), outcome(fast, frame.copy())
            if isinstance(found, Exception):
                continue
            if not len(frame):  # of none, a lookup has a dtype of its own
                assert len(found) == 0
                continue
            if fast._steps and not isinstance(expected, Exception):  # its dtype is the sample's
                expected, found = np.asarray(expected, float), np.asarray(found, float)
            check_same(expected, found)


@examples(400)
@given(
    st.sampled_from(OWNERS), st.sampled_from(OWNERS), st.sampled_from(MASKS),
    st.sampled_from(VALUES), st.sampled_from(WAYS), st.sampled_from(ENDS),
)  # fmt: skip
def test_random_masks(owner: str, other: str, mask: str, value: str, way: str, end: str) -> None:
    compare(f"s = {owner}; o = {other}; m = {mask}; v = {value}; {way}; {end}")


@pytest.mark.parametrize("body", ONCE)
def test_cases_of_random_masks(body: str) -> None:
    compare(body)


def test_random_masks_are_answered() -> None:
    print(dict(COUNTS))
    assert COUNTS["native"] > 0.2 * (COUNTS.total() - COUNTS["raise"])
