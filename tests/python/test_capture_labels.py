"""Functions that decide: strings chosen by conditions, looked up at positions, mapped; as
features and as what a function returns."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import willump
from capture_frames import SAMPLE, frame_of, outcome, rows_of
from hypothesis import given, settings
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder

rng = np.random.default_rng(0)
X = rng.normal(size=(120, 2))
GROUPS = (X[:, 0] > 0) + 1 * (X[:, 1] > 1)
NAMED = LogisticRegression().fit(X, np.array(["lo", "mid", "high"])[GROUPS])
FLAG = LogisticRegression().fit(X, X[:, 0] > 0)
WHOLE = RandomForestClassifier(5, random_state=0).fit(X, 3 + GROUPS)
LEVELS = np.array(["none", "some", "", "most"])
OBJECTS = np.array(["a", "bb", "ccc"], dtype=object)
PRICES = np.array([0.5, 1.5, 2.5])
BANDS = OneHotEncoder(handle_unknown="ignore").fit(pd.DataFrame({"band": ["low", "high"]}))
ORDER = OrdinalEncoder(categories=[["low", "mid", "high"]]).fit(pd.DataFrame({"band": ["low"]}))


def numbers(f: Any) -> Any:
    return f[["x", "y"]].fillna(0.0).clip(-1e6, 1e6).to_numpy()


def threshold(f: Any) -> Any:
    return np.where(f["x"] > 0.5, "yes", "no")


def nested(f: Any) -> Any:
    return np.where(f["x"] > 1, "high", np.where(f["y"] > 0, "mid", "low"))


def of_one(f: Any) -> Any:
    return np.where(f["p"], np.where(f["x"] > 1, "b", "a"), np.where(f["q"], "a", "c"))


def select(f: Any) -> Any:
    return np.select([f["x"] > 1, f["y"] > 0, f["p"]], ["high", "mid", ""], default="none")


def assigned(f: Any) -> Any:
    f = f.copy()
    f["band"] = "low"
    f.loc[f["x"] > 0, "band"] = "mid"
    f.loc[f["x"] > 2, "band"] = "high"
    return f["band"]


def as_array(f: Any) -> Any:
    return f.assign(band=np.where(f["x"] > 0, "up", "down"))["band"].to_numpy()


def masked(f: Any) -> Any:
    f = f.copy()
    f["band"] = np.where(f["x"] > 0, "up", "down")
    return f["band"].mask(f["p"], "none").where(f["y"] > 0, "flat")


def mapped(f: Any) -> Any:
    return f["i"].map({1: "one", 2: "two", -3: "one", 7: "seven"}).fillna("many")


def of_texts(f: Any) -> Any:
    return f["s"].map({"a": "vowel", "b": "consonant"}).fillna("other").rename("kind")


def argmax(f: Any) -> Any:
    return NAMED.classes_[NAMED.predict_proba(numbers(f)).argmax(axis=1)]


def named_argmax(f: Any) -> Any:
    best = np.argmax(WHOLE.predict_proba(numbers(f)), axis=-1)
    return LEVELS[best]


def from_the_end(f: Any) -> Any:
    return OBJECTS[(f["x"] > 0).astype(int).to_numpy() - 2]


def numbers_at(f: Any) -> Any:
    return PRICES[NAMED.predict_proba(numbers(f)).argmax(1)] * f["y"].to_numpy()


def positions(f: Any) -> Any:
    return WHOLE.predict_proba(numbers(f)).argmax(1)


def whole_labels_at(f: Any) -> Any:
    return WHOLE.classes_[WHOLE.predict_proba(numbers(f)).argmax(1)]


def series(f: Any) -> Any:
    return pd.Series(NAMED.predict(numbers(f)), index=f.index, name="label")


def series_of_numbers(f: Any) -> Any:
    return pd.Series(FLAG.predict_proba(numbers(f))[:, 1], index=f.index)


def no_index(f: Any) -> Any:
    return pd.Series(np.where(f["x"] > 0, "up", "down"))


def label_is(f: Any) -> Any:
    return np.where(NAMED.predict(numbers(f)) == "mid", 1.0, f["y"])


def flag_and(f: Any) -> Any:
    return FLAG.predict(numbers(f)) & (f["y"].to_numpy() > 0)


def label_times(f: Any) -> Any:
    return WHOLE.predict(numbers(f)) * f["y"].to_numpy()


def label_or_text(f: Any) -> Any:
    return np.where(f["p"], NAMED.predict(numbers(f)), "off")


def as_features(f: Any) -> Any:
    f = f.copy()
    f["band"] = np.where(f["x"] > 0, np.where(f["y"] > 0, "high", "mid"), "low")
    return np.hstack([BANDS.transform(f[["band"]]).toarray(), ORDER.transform(f[["band"]])])


def text_of_it(f: Any) -> Any:
    band = pd.Series(np.where(f["x"] > 0, " High", "lOw"), index=f.index)
    return band.str.strip().str.lower().str.len() + (band == "lOw")


def by_row(row: Any) -> str:
    if row["x"] > 1:
        return "high"
    return "mid" if row["y"] > 0 else "low"


def of_rows(f: Any) -> Any:
    return f[["x", "y"]].apply(by_row, axis=1)


def texts_or_constants(f: Any) -> Any:
    s = f["s"].fillna("none")
    return np.where(np.where(f["p"], s, "x") == "a", 1.0, 0.0) + (s.where(f["q"], "y") == "y")


def clipped(f: Any) -> Any:
    cut = f[["x", "i", "w"]].clip(-2, 100)
    return cut["x"] * cut["i"] - f[["y"]].clip(lower=0)["y"] + cut["w"].astype(float)


def listed(f: Any) -> Any:
    return NAMED.predict(numbers(f)).tolist()


def list_of_scores(f: Any) -> Any:
    return FLAG.predict_proba(numbers(f))[:, 1].round(3).tolist()


def list_of_flags(f: Any) -> Any:
    return (f["x"] > f["y"]).to_list()


FUNCTIONS = [
    threshold, nested, of_one, select, assigned, as_array, masked, mapped, of_texts, argmax,
    named_argmax, from_the_end, numbers_at, positions, whole_labels_at, series,
    series_of_numbers, no_index, label_is, flag_and, label_times, label_or_text, as_features,
    text_of_it, of_rows, texts_or_constants, clipped, listed, list_of_scores,
    list_of_flags,
]  # fmt: skip


def check(plain: Any, found: Any) -> None:
    if isinstance(plain, Exception):
        assert isinstance(found, type(plain)), (plain, found)
        return
    assert not isinstance(found, Exception), found
    assert type(found) is type(plain)
    if isinstance(plain, list):
        assert list(map(type, found)) == list(map(type, plain))
        plain, found = np.asarray(plain), np.asarray(found)
    assert found.dtype == plain.dtype
    if isinstance(plain, pd.Series):
        pd.testing.assert_series_equal(found, plain)
    elif found.dtype.kind in "f":
        np.testing.assert_allclose(found, plain, rtol=1e-9, atol=0)
    else:
        np.testing.assert_array_equal(found, plain)


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_decisions_are_those_of_plain_python(function: Callable[[Any], Any]) -> None:
    fast = willump.compile(function, sample=SAMPLE, strict=True)
    if function is not of_rows:  # pandas has no dtype for what it never saw
        check(outcome(function, SAMPLE.iloc[:0]), outcome(fast, SAMPLE.iloc[:0]))

    @settings(max_examples=40)
    @given(rows_of(fast))
    def compare(rows: list[tuple[Any, ...]]) -> None:
        frame = frame_of(rows, index=range(3, 3 + len(rows)))
        check(outcome(function, frame), outcome(fast, frame))

    compare()


def test_a_missing_string_is_refused_in_its_row() -> None:
    def unfilled(f: Any) -> Any:
        return f["i"].map({1: "one", -3: "three", 7: "seven"})

    fast = willump.compile(unfilled, sample=SAMPLE, strict=True)
    check(unfilled(SAMPLE), fast(SAMPLE))
    with pytest.raises(ValueError, match=r"string is missing: fillna.*row 1"):
        fast(SAMPLE.assign(i=[1, 8, 7]))


def test_lists_of_strings_are_as_long_as_they_are() -> None:
    def decided(f: Any) -> Any:
        return np.where(f["x"] > 100, "declined", "ok").tolist()

    fast = willump.compile(decided, sample=SAMPLE, strict=True)
    later = SAMPLE.assign(x=[200.0, 1.0, np.nan])
    check(decided(later), fast(later))
    assert fast(later)[0] == "declined"


def test_an_index_out_of_bounds_is_an_error() -> None:
    def looked_up(f: Any) -> Any:
        return PRICES[f["i"].to_numpy() // 4]

    fast = willump.compile(looked_up, sample=SAMPLE, strict=True)
    check(looked_up(SAMPLE), fast(SAMPLE))
    for i in (12, -17):
        frame = SAMPLE.assign(i=[1, i, 7])
        assert isinstance(outcome(looked_up, frame), LookupError)
        assert isinstance(outcome(fast, frame), LookupError)


def test_strings_of_the_rows_are_no_result() -> None:
    with pytest.raises(willump.UnsupportedError, match="strings that are not among a few"):
        willump.compile(lambda f: f["s"].str.upper(), sample=SAMPLE)


def test_the_program_writes_the_labels(tmp_path: Path) -> None:
    fast = willump.compile(nested, sample=SAMPLE, strict=True)
    fast.save(tmp_path / "nested.willump")
    again = willump.load(tmp_path / "nested.willump")
    check(fast(SAMPLE), again(SAMPLE))
    SAMPLE[["x", "y"]].to_csv(tmp_path / "rows.csv", index=False)
    program = os.environ.get("WILLUMP_CLI") or str(Path(sys.prefix) / "bin" / "willump")
    assert os.access(program, os.X_OK), f"there is no program at {program}: set WILLUMP_CLI"
    call = [program, "predict", str(tmp_path / "nested.willump"), str(tmp_path / "rows.csv")]
    written = subprocess.run(call, check=True, capture_output=True, text=True).stdout
    assert written.split()[1:] == nested(SAMPLE).tolist()
