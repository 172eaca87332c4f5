"""List comprehensions over columns, against plain Python on random frames."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import willump
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer

SAMPLE = pd.DataFrame(
    {"t": ["a b", "http://x.co/1 c", " d-e@x.com\n A 3 kg"], "u": ["a", "b", "c"],
     "n": [1, 2, 3], "x": [0.5, 1.0, 2.0], "b": [True, False, True]},
    index=[3, 5, 9],
)  # fmt: skip


def clean(text: str) -> str:
    return " ".join(re.sub(r"[^\w\s]", " ", text.lower()).split())


TFIDF = TfidfVectorizer().fit(["a b c d e x co", "a http 3 kg", "é x 12"])


def assigned(f: Any) -> Any:
    f = f.copy()
    f["c"] = [clean(t) for t in f["t"]]
    return f["c"].str.len() + f["n"] + (f["c"] == "a")


def same_name(f: Any) -> Any:
    t = f["t"]
    t = [t.strip() for t in t]
    return np.array([len(re.findall("[ab]", t)) for t in t])


def series(f: Any) -> Any:
    return pd.Series([n * 2.5 for n in f["x"]], index=f.index, name="y")


def framed(f: Any) -> Any:
    found = pd.DataFrame({"a": [len(t) for t in f["t"]], "x": f["x"].to_numpy()})
    return found.to_numpy(dtype=float)


LISTS: list[Callable[[Any], Any]] = [
    assigned,
    same_name,
    series,
    framed,
    lambda f: TFIDF.transform([clean(t) for t in f["t"]]).toarray(),
    lambda f: [1 if "b" in t else 0 for t in f["t"]],
    lambda f: [x / n for x, n in zip(f["x"].to_numpy(), f["n"].to_numpy(), strict=True)],
    lambda f: [x + n for x, n in zip(f["x"], f["n"])],  # noqa: B905
    lambda f: np.array([len(t) for t in f["t"]]) * f["n"].to_numpy(),
    lambda f: [x > 1 and b for x, b in zip(f["x"], f["b"])],  # noqa: B905
    lambda f: [f"{t}!" == "a!" for t in f["t"]],
    lambda f: [n for (n,) in zip(f["n"])],
    lambda f: np.asarray([t.strip() for t in f["t"]]) == "a b",
    lambda f: [x + 1 for x in f["x"].tolist()],
    lambda f: np.array(list(map(len, f["t"]))),
    lambda f: TFIDF.transform(map(clean, f["t"])).toarray(),
    lambda f: list(map(lambda x, n: x * n, f["x"], f["n"])),
    lambda f: list(f["x"]),
    lambda f: np.array(list(f["n"])) + 0.5,
    lambda f: [t == "a" for t in list(f["t"])],
    lambda f: np.array([0.5 * x for x in [2 * x for x in f["x"]]]),
]


@pytest.mark.parametrize("function", LISTS)
def test_lists_are_those_of_python(function: Callable[[Any], Any]) -> None:
    fast = willump.compile(function, sample=SAMPLE, strict=True)
    texts = st.text(st.sampled_from("aAbé3 -.\n\x1c日"), max_size=6)
    numbers = st.sampled_from([0.0, -0.0, 1.5, -2.0, math.nan, math.inf, 1e300])
    rows = st.tuples(texts, texts, st.integers(1, 9), numbers, st.booleans())

    @settings(max_examples=30, deadline=None)
    @given(st.lists(rows, min_size=1, max_size=5))
    def compare(listed: list[Any]) -> None:
        frame = pd.DataFrame(listed, columns=list(SAMPLE.columns), index=range(4, 4 + len(listed)))
        expected, found = function(frame), fast(frame)
        assert type(found) is type(expected)
        if isinstance(expected, pd.Series):
            pd.testing.assert_series_equal(found, expected)
        elif isinstance(expected, list):
            assert list(map(type, found)) == list(map(type, map(_plain, expected)))
            np.testing.assert_array_equal(found, expected)
        else:
            assert found.dtype == expected.dtype
            np.testing.assert_allclose(found, expected, rtol=1e-12)

    compare()


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def unescaped(text: str) -> str:
    return html.unescape(text)


def test_what_stays_python_is_a_step_of_its_line() -> None:
    def function(f: Any) -> Any:
        texts = [unescaped(t) for t in f["t"]]
        sizes = np.array([len(t) for t in texts])
        return sizes + f["x"].fillna(0.0).to_numpy() * 2

    with pytest.warns(willump.PythonStepWarning, match="unescape|re.sub|a list"):
        fast = willump.compile(function, sample=SAMPLE)
    frame = SAMPLE.assign(t=["&amp;", "é", "a&lt;"])
    np.testing.assert_array_equal(fast(frame), function(frame))
    assert "native" in str(fast.explain())


def filtered(f: Any) -> Any:
    return np.array([t for t in f["t"] if t])


def several(f: Any) -> Any:
    return np.array([1.0 if x > 1 else 2 for x in f["x"]])


def changed(f: Any) -> Any:
    sizes = [len(t) for t in f["t"]]
    sizes.append(3)
    return np.array(sizes)[:-1]


def counted(f: Any) -> Any:
    return np.array([len(t) + n for t in f["t"] for n in (1, 2)]).reshape(-1, 2)[:, 0]


@pytest.mark.parametrize("function", [several, changed, counted])
def test_other_comprehensions_are_left_to_python(function: Any) -> None:
    with pytest.warns(willump.PythonStepWarning):
        fast = willump.compile(function, sample=SAMPLE)
    frame = SAMPLE.assign(x=[3.0, math.nan, -1.0], t=["", "é", "abc"])
    np.testing.assert_array_equal(fast(frame), function(frame))


def test_rows_that_are_left_out_are_refused() -> None:
    with pytest.raises(willump.UnsupportedError):
        willump.compile(filtered, sample=SAMPLE)


def test_a_missing_string_is_an_error() -> None:
    fast = willump.compile(
        lambda f: np.array([len(clean(t)) for t in f["t"]]), sample=SAMPLE, strict=True
    )
    with pytest.raises(TypeError, match="a string is missing"):
        fast(SAMPLE.assign(t=["a", math.nan, "b"]))
