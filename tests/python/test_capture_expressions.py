"""Random functions of random frames, against pandas and NumPy: statements that each take
what earlier ones gave, of every type of column. What a function leaves to Python or refuses
by name is counted; nothing that it answers differs.
"""

from __future__ import annotations

import functools
import itertools
import linecache
import operator
import re
import warnings
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import willump
from capture_frames import SAMPLE, check_same, frame_of, outcome, rows_of
from harness import examples
from hypothesis import given
from hypothesis import strategies as st

#: The columns of a type, by a letter: float64, float32, int64, small integers, bool, text,
#: moments, moments of a zone.
COLUMNS = {
    "F": "xy", "W": "w", "I": "ij", "N": "buhk", "B": "pq", "S": "stonc", "D": "de", "Z": "zg"
}  # fmt: skip
#: What gives a type: `{F}` is an operand of that type, `«..¦..»` one of several texts.
TEMPLATES = {
    "F": (
        "{F} «+¦-¦*¦/» {F}", "{F} «+¦-¦*¦/» {I}", "{I} / {I}", "{F} «%¦//» {F}", "{W} * {F}",
        "«1.5¦-2.0¦0.0» «+¦-¦*¦/» {F}", "-{F}", "{F}.abs()", "{F}.fillna(«0.5¦-1.0»)",
        "{F}.fillna({F})", "{F}.clip(«-1, 1¦0, None¦None, 2.5»)", "{F}.round(«0¦1¦3»)",
        "{F}.where({B}, {F})", "{F}.where({B})", "{F}.mask({B}, «0.0¦7.5»)",
        "pd.Series(np.where({B}, {F}, {F}), index=f.index)", "np.sqrt({F}.abs())",
        "np.«floor¦ceil¦sign¦trunc»({F})", "np.«maximum¦minimum»({F}, {F})",
        "{B}.astype(float)", "{I}.astype(float)", "{N}.astype(float)", "{W}.astype(float)",
        "{S}.map({'a': 1.5, 'B c': -2.0, '': 0.25})", "{S}.str.len().astype(float)",
        "(pd.DataFrame({'l': {F}, 'r': {I}}) «+¦-¦*¦/» «2¦0.5»)['l']",
        "(pd.DataFrame({'l': {F}, 'r': {W}}) - pd.DataFrame({'l': {I}, 'r': {F}}))['«l¦r»']",
        "pd.DataFrame({'l': {W}, 'r': {F}}).mul({F}, axis=0)['«l¦r»'].astype(float)",
        "pd.to_timedelta({I}, unit='s').dt.total_seconds()",
        "{S}.str.count('«a¦b»').astype(float)", "({D} - {D}).dt.total_seconds()",
        "{D}.dt.«hour¦month¦dayofweek¦day».astype(float)",
        "{Z}.dt.«hour¦minute¦year».astype(float)", "{F}.replace(0.5, -0.5)", "{F} ** 2",
    ),
    "W": (
        "{W} «+¦-¦*¦/» {W}", "{W} * «2¦0.5»", "-{W}", "{W}.abs()", "{W}.fillna(0.25)",
        "{F}.astype('float32')", "{N}.astype('float32')",
    ),
    "I": (
        "{I} «+¦-¦*» {I}", "{I} «+¦-¦*» «2¦-3»", "{I} «//¦%» «3¦-4»", "{I}.abs()", "-{I}",
        "{I}.clip(«-3, 3¦0, None»)", "{B}.astype('int64')", "{I}.where({B}, «0¦5»)",
        "{I}.where({B}, {I})", "{N}.astype('int64')", "{I}.mask({B}, {I})",
        "pd.Series(np.where({B}, {I}, {I}), index=f.index)",
        "{F}.fillna(0.0).clip(-9, 9).astype(int)", "np.«maximum¦minimum»({I}, {I})",
        "np.sign({I})", "(pd.DataFrame({'l': {I}, 'r': {N}}) * «2¦-3»)['l']",
        "pd.cut({I}, [-2**62, 0, 3, 2**62], labels=[«1, 2, 3¦7, -1, 0»]).astype(int)",
        "pd.DataFrame({'l': {B}, 'r': {I}}).astype(int)['«l¦r»']",
    ),
    "N": ("f['b'] «+¦-¦*» f['b']", "f['u'] «+¦*» «3¦2»", "-f['h']", "f['k'] «+¦-» f['h']"),
    "B": (
        "{F} «<¦<=¦>¦>=¦==¦!=» {F}", "{I} «<¦==¦!=» {I}", "{F} «>¦<=» «0.5¦0.0»", "{I} >= «2¦0»",
        "{B} «&¦|¦^» {B}", "~{B}", "{F}.isna()", "{F}.notna()", "{S}.isna()", "{D}.isna()",
        "{S} «==¦!=» «'a'¦''»", "{S}.isin(['a', '', 'Été'])", "{I}.isin([1, 2])",
        "{F}.between(«-1, 2¦0.0, 0.5»)", "{S}.fillna('').str.contains('«a¦B»', regex=False)",
        "{S}.fillna('').str.«startswith¦endswith»('«a¦x»')", "{D} «<¦>¦==» {D}", "{W} > {W}",
        "{N} «<¦==» {N}", "{S} == {S}", "{S}.fillna('').str.«isdigit¦isalpha¦isupper»()",
        "{Z} < {Z}", "{D}.dt.is_month_end",
        "{D}.isin([pd.Timestamp('2020-02-29'), «None¦pd.Timestamp('2000-12-31')»])",
        "(pd.concat([{F}, {I}], axis=1, keys=['l', 'r']) «>¦<=¦==» «0¦0.5»)['«l¦r»']",
        "(pd.DataFrame({'l': {B}, 'r': {B}}) «&¦|» True)['r']",
        "functools.reduce(operator.«and_¦or_», [{B}, {B}])",
    ),
    "S": (
        "{S}.str.«lower¦upper¦title¦strip¦capitalize»()", "{S}.fillna('«q¦A b»')", "{S} + {S}",
        "'«x¦_»' + {S}", "{S}.str.slice(0, 2)", "{S}.str[«1:3¦0¦-1»]", "{S}.where({B}, 'z')",
        "{S}.str.replace('«a¦b»', '«¦cc»', regex=False)", "{S}.where({B}, {S})",
        "{S}.str.zfill(3)", "{S}.str.split('«,¦ »').str[0]", "{S}.str.cat({S}, sep='-')",
        "{S}.replace({'a': 'b'})",
    ),
    "D": (
        "{D}.fillna(pd.Timestamp('2001-02-03 04:05'))", "{D} + pd.Timedelta(hours=5)",
        "{D}.dt.«floor('h')¦normalize()¦floor('D')»", "{D}.where({B}, {D})",
        "{D} - pd.Timedelta(days=1)", "{D} «+¦-» pd.to_timedelta({N}, unit='«h¦min»')",
        "{D} + {N} * pd.Timedelta(minutes=7)",
    ),
    "Z": ("{Z}.where({B}, {Z})", "{Z} + pd.Timedelta(minutes=30)"),
}  # fmt: skip
#: What makes a function's result of a value: numbers.
RESULTS = {
    "F": ("{F}", "{F}.to_numpy()"), "W": ("{W}",), "I": ("{I}", "{I}.to_numpy()"), "N": ("{N}",),
    "B": ("{B}", "{B}.astype(float)"),
    "S": ("{S} == 'a'", "{S}.str.len()", "{S}.isna()", "{S}.map({'a': 1, 'b': 2, '': 3})"),
    "D": ("{D}.dt.«dayofyear¦year¦second»", "{D}.isna()"), "Z": ("{Z}.dt.«hour¦day»",),
}  # fmt: skip

NUMBERS = itertools.count()
COUNTS: Counter[str] = Counter()


def filled(draw: Any, template: str, values: dict[str, list[str]]) -> str:
    """A template with an operand of each type, and one of each choice."""

    def chosen(found: re.Match[str]) -> str:
        return str(draw(st.sampled_from(found[1].split("¦"))))

    def operand(found: re.Match[str]) -> str:
        # Later ones first: trees, rather than many functions side by side.
        return str(draw(st.sampled_from(values[found[1]][::-1])))

    return re.sub(r"\{([A-Z])\}", operand, re.sub(r"«([^»]*)»", chosen, template))


@st.composite
def sources(draw: Any) -> str:
    """The text of a function of a frame."""
    values = {kind: [f"f[{name!r}]" for name in names] for kind, names in COLUMNS.items()}
    lines, kinds = [], []
    for number in range(draw(st.integers(1, 7))):
        kind = draw(st.sampled_from("FFFIIBBSSDWNZ"))
        lines.append(f"v{number} = {filled(draw, draw(st.sampled_from(TEMPLATES[kind])), values)}")
        values[kind].append(f"v{number}")
        kinds.append(kind)
    result = filled(
        draw,
        draw(st.sampled_from(RESULTS[kinds[-1]])),
        {**values, kinds[-1]: values[kinds[-1]][-1:]},
    )
    return "\n    ".join(["def function(f):", *lines, f"return {result}\n"])


def function_of(source: str) -> Callable[[pd.DataFrame], Any]:
    """The function, with a source that `inspect` finds."""
    name = f"<random function {next(NUMBERS)}>"
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    made: dict[str, Any] = {"np": np, "pd": pd, "functools": functools, "operator": operator}
    exec(compile(source, name, "exec"), made)
    return made["function"]  # type: ignore[no-any-return]


@examples(700)
@given(st.data())
def test_random_functions_give_what_pandas_gives(data: Any) -> None:
    source = data.draw(sources())
    function = function_of(source)
    if isinstance(outcome(function, SAMPLE), Exception):
        COUNTS["raise on the sample"] += 1
        return
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fast = willump.compile(function, sample=SAMPLE)
    except willump.UnsupportedError:
        COUNTS["refused"] += 1
        return
    COUNTS["with a Python step" if fast._steps else "native"] += 1
    for _ in range(2):
        rows = data.draw(rows_of(fast))
        frame = frame_of(rows, index=range(3, 3 + len(rows)))
        expected, found = outcome(function, frame), outcome(fast, frame)
        if isinstance(found, TypeError) and "which do not fit the" in str(found):
            COUNTS["refused by a step"] += 1
            continue
        if fast._steps and not isinstance(expected, Exception) and hasattr(found, "dtype"):
            expected = expected.astype(found.dtype)  # a step's dtype is that of the sample
        check_same(expected, found)


def test_most_random_functions_are_native() -> None:
    print(dict(COUNTS))
    assert COUNTS["native"] > 0.6 * COUNTS.total()
