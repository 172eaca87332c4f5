"""Choices whose dtype pandas decides by the rows' values: whole numbers and booleans stay such
where what comes among them fits, and else become floats or objects, or raise where they are set.
A call is answered as plain Python answers it, or refused."""

from __future__ import annotations

import linecache
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
import willump
from capture_frames import outcome

SAMPLE = pd.DataFrame(
    {
        "x": [1.0, 2.0, 11.0, 12.0],
        "n": [1, 2, 3, 4],
        "k": pd.Series(list("abab"), dtype="str"),
        "i": np.array([1, 2, 3, 4], dtype="int32"),
        "u": np.array([1, 2, 3, 4], dtype="uint64"),
        "s": np.array([1, 2, 3, 4], dtype="int8"),
        "I": pd.array([1, 2, 3, 4], dtype="Int64"),
        "d": pd.to_datetime(["2023-01-01", "2023-06-01", "2023-01-02", "2023-01-05"]),
        "b": [True, False, True, False],
        "t": pd.Series(["1", "2", "3", "4"], dtype="str"),
    }
).astype({"d": "datetime64[us]"})
LATER = SAMPLE.assign(
    x=[1.5, np.nan, -3.0, 1e18],
    n=[1, 2, 300, 4],
    k=pd.Series(["a", None, "z", "b"], dtype="str"),
    i=np.array([1, -(2**31), 300, 2**31 - 1], dtype="int32"),
    I=pd.array([1, None, 300, 4], dtype="Int64"),
    d=SAMPLE["d"].where([True, False, True, True]),
    t=pd.Series(["2.5", "x", None, "4"], dtype="str"),
)
TABLE = pd.DataFrame({"k": ["a", "b"], "w": [1, 2]})
#: Of which each kind has to be answered in all rows.
NATIVE = [
    "df['b'].where(df['x'].notna()).fillna(False).astype(bool)",
    "df['b'].where(df['x'].notna()).astype(float)",
    "(df['x'] > 1).mask(df['x'].isna()).isna()",
    "(df['x'] > 1).where(df['k'].notna()) == True",
    "df['b'].mask(df['n'] > 100, False)",
    "df['n'].where(df['n'] < 200)",
    "df['n'].where(df['n'] < 200, 7.0)",
    "df['n'].mask(df['b'], df['i'])",
    "np.where(df['b'], df['n'], df['x'])",
    "(df['x'] > 1) * 2 + df['b']",
    "df['b'] * 3_000_000_000",
    "df['k'].eq('a') * 30 - (df['n'] > 2) * df['b'].astype(int)",
    "np.hstack([df[['s']].to_numpy(), df['k'].str.len().to_numpy().reshape(-1, 1)])",
    "np.hstack([df['k'].map({'a': 1, 'b': 2}).to_numpy()[:, None], df[['s', 'i']].to_numpy()])",
    "pd.concat([df['x'] + df['n'], df['n'], df['s'] + df['i']], axis=1).to_numpy()",
]
VALUES = {
    "n": ["df['x']", "df['x'].round()", "0.5", "np.nan", "df['x'].fillna(0.25)", "df['u']"],
    "i": ["df['x']", "df['n'] * 10**10", "300", "0.5", "np.nan", "3 * 10**9"],
    "s": ["df['x']", "df['i']", "df['n']", "100", "300", "df['u']"],
    "b": ["df['x']", "df['n']", "0", "0.5", "np.nan", "df['k'] == 'a'"],
}
WAYS = [
    "df[{c!r}].where(df['n'] < 200, {v})",
    "df[{c!r}].mask(df['x'].isna() | df['b'], {v})",
    "df[{c!r}].where(df['b'], {v}).fillna(0).astype(int)",
    "df[{c!r}].where(df['b'], {v}) + 1",
    "df[{c!r}].clip(upper={v})",
]
STATEMENTS = [
    "s = df[{c!r}].copy(); s[df['n'] > 200] = {v}; return s",
    "s = df[{c!r}].copy(); s.mask(df['n'] > 200, {v}, inplace=True); return s",
    "d = df.copy(); d.loc[df['n'] > 200, {c!r}] = {v}; return d[{c!r}]",
    "d = df.copy(); d.loc[df['x'].isna() | df['b'], {c!r}] = {v}; return d[{c!r}].fillna(0)",
]
MAY_MISS = [
    "(df['d'] - pd.Timestamp('2022-01-01')).dt.days",
    "df['d'].dt.day",
    "df['k'].str.len()",
    "df['k'].map({'a': 1, 'b': 2})",
    "df.merge(TABLE, on='k', how='left')['w']",
]
#: By floats that are whole, or an int among what rows make ints or floats.
OF_FLOATS = [
    ".clip(0, 1e6)",
    ".clip(upper=2.0).fillna(0)",
    ".clip(0.0, 3650.0) * df['x']",
    ".where(df['b'], 0.0)",
    ".mask(df['n'] > 2, 0.0).fillna(-1)",
    ".where(df['b'], 0)",
    ".mask(df['b'], 0).fillna(7)",
]
BODIES = [
    *(f"return {text}" for text in NATIVE),
    *(
        f"return {way.format(c=name, v=value)}"
        for way in WAYS
        for name, values in VALUES.items()
        for value in values
    ),
    *(way.format(c=c, v=value) for way in STATEMENTS for c in VALUES for value in VALUES[c]),
    *(f"return {text}.mask(df['n'] < 0, df['x'])" for text in MAY_MISS),
    *(f"return {text}.where(df['n'] > 0, 0.5)" for text in MAY_MISS),
    *(f"return {text}{way}" for text in MAY_MISS for way in OF_FLOATS),
    *(f"return pd.to_numeric(df['t'], errors='coerce'){way}" for way in OF_FLOATS),
    *(f"d = df.assign(z={text}); d.loc[df['b'], 'z'] = 0.0; return d['z']" for text in MAY_MISS),
    *(f"s = {text}; s[df['b']] = 0.0; return s.fillna(-1)" for text in MAY_MISS),
    "return np.hstack([df['I'].to_numpy().reshape(-1, 1), df['s'].to_numpy().reshape(-1, 1)])",
]


def _function(body: str) -> Any:
    text = "def f(df):\n" + "".join(f"    {line.strip()}\n" for line in body.split(";"))
    name = f"<values decide: {body}>"
    linecache.cache[name] = (len(text), None, text.splitlines(True), name)
    space: dict[str, Any] = {"np": np, "pd": pd, "TABLE": TABLE}
    exec(compile(text, name, "exec"), space)
    return space["f"]


@pytest.mark.parametrize("body", BODIES)
def test_a_call_is_answered_as_by_plain_python_or_refused(body: str) -> None:
    function = _function(body)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if isinstance(outcome(function, SAMPLE), Exception):
            return  # pandas refuses the value in any rows
        try:
            fast = willump.compile(function, sample=SAMPLE)
        except willump.UnsupportedError:
            assert body not in [f"return {text}" for text in NATIVE]
            return
        rows = [LATER.iloc[[i]].reset_index(drop=True) for i in range(len(LATER))]
        for frame in (SAMPLE, LATER, *rows):
            expected, found = outcome(function, frame), outcome(fast, frame)
            if body in [f"return {text}" for text in NATIVE]:
                assert not fast._steps
                assert not isinstance(found, Exception), found
            if isinstance(found, Exception):
                continue
            assert not isinstance(expected, Exception), (found, expected)
            np.testing.assert_allclose(
                np.asarray(found, float), np.asarray(expected, float), rtol=1e-9
            )
