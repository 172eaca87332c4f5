"""Rows that are brought together by their labels: those of a merge, numbered from 0, beside the
caller's, whose labels are such in the sample."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import willump
from capture_frames import outcome
from harness import examples
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

TABLE = pd.DataFrame({"k": ["a", "b", "c"], "q": [1.5, 2.5, -1.0], "n": [1, 2, 3]})
rng = np.random.default_rng(0)
FRAME = pd.DataFrame(
    {
        "k": pd.Series(rng.choice(list("abz"), 400), dtype="str"),
        "x": rng.normal(size=400),
        "i": rng.integers(-5, 5, 400),
        "p": rng.random(400) < 0.5,
    }
)
MODEL = LogisticRegression().fit(FRAME[["x", "i"]], FRAME["x"] > 0.3)


def added(f: Any) -> Any:
    t = f.merge(TABLE, on="k", how="left")
    return t["q"].fillna(0.0) + f["x"]


def put_in(f: Any) -> Any:
    t = f.merge(TABLE, on="k", how="left")
    t["z"] = f["x"] * 2
    f = f.assign(q=t["q"])
    return t["z"].where(f["p"], t["n"]) - f["q"]


def beside(f: Any) -> Any:
    t = f[["k"]].merge(TABLE, on="k", how="left")
    return pd.concat([t["q"], f["x"], f["i"] * 1.0], axis=1).to_numpy()


def set_at(f: Any) -> Any:
    t = f.merge(TABLE, on="k", how="left")
    t.loc[f["p"], "q"] = f["x"]
    t.loc[f["x"] > 0, "x"] = t.loc[f["x"] > 0, "x"] * 2
    return t["q"] + t["x"]


def of_a_model(f: Any) -> Any:
    t = f.merge(TABLE, on="k", how="left")
    p = pd.Series(MODEL.predict_proba(f[["x", "i"]].to_numpy())[:, 1])
    p[f["p"]] = 0.0
    return p * t["q"].fillna(1.0) + f["x"]


def of_a_dict(f: Any) -> Any:
    t = f.merge(TABLE, on="k", how="left")
    return pd.DataFrame({"q": t["q"], "x": f["x"]}).fillna(0.0).to_numpy()


def with_a_step(f: Any) -> Any:
    t = f.merge(TABLE, on="k", how="left")
    return t["q"] + f["x"].map(lambda x: float(repr(x))) + f["x"]


FUNCTIONS = [added, put_in, beside, set_at, of_a_model, of_a_dict, with_a_step]
CELLS = st.tuples(
    st.sampled_from(["a", "b", "c", "zz", "", None]),
    st.floats(-100, 100) | st.just(np.nan),
    st.integers(-(2**31), 2**31),
    st.booleans(),
)


def of_rows(rows: Any, index: Any = None) -> pd.DataFrame:
    columns = list(zip(*rows, strict=True)) or [()] * 4
    dtypes = ["str", "float64", "int64", "bool"]
    return pd.DataFrame(
        {
            name: pd.Series(list(cells), dtype=dtype, index=index)
            for name, cells, dtype in zip("kxip", columns, dtypes, strict=True)
        }
    )


def check(function: Any, fast: Any, frame: pd.DataFrame) -> None:
    """The plain function's answer, its index and all."""
    expected, found = outcome(function, frame.copy()), outcome(fast, frame.copy())
    if isinstance(expected, Exception):
        assert isinstance(found, Exception)
        return
    assert type(found) is type(expected), found
    if isinstance(expected, pd.Series):
        pd.testing.assert_series_equal(found, expected, rtol=1e-12, check_index_type=False)
    else:
        np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("n", [3, 400])
def test_what_is_merged_meets_the_callers_columns(function: Any, n: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fast = willump.compile(function, sample=FRAME.head(n), strict=function is not with_a_step)
    check(function, fast, FRAME)
    check(function, fast, FRAME.iloc[:1])

    @examples(25)
    @given(st.lists(CELLS, max_size=6))
    def compare(rows: Any) -> None:
        frame = of_rows(rows)
        if function is not of_a_model or frame["x"].notna().all():
            check(function, fast, frame)

    compare()


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("labels", [[3, 4, 5], [2, 1, 0], ["a", "b", "c"], [0, 0, 1], [0, 2, 4]])
def test_other_labels_than_the_sample_s_are_refused(function: Any, labels: list[Any]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fast = willump.compile(function, sample=FRAME)
    with pytest.raises(ValueError, match="reset_index"):
        fast(FRAME.head(3).set_axis(labels))
    check(function, fast, FRAME.head(3).set_axis([0, 1, 2]))


def test_other_entries_are_numbered(tmp_path: Path) -> None:
    fast = willump.compile(added, sample=FRAME, strict=True)
    fast.save(tmp_path / "added.willump")
    expected = added(FRAME).to_numpy()
    for each in (fast, willump.load(tmp_path / "added.willump")):
        np.testing.assert_array_equal(each(FRAME.to_dict("list")), expected)
        np.testing.assert_array_equal(each(FRAME.iloc[0].to_dict()), expected[:1])
        with pytest.raises(ValueError, match="reset_index"):
            each(FRAME.iloc[1:])


@pytest.mark.parametrize("function", [added, of_a_model, beside])
def test_a_sample_with_labels_of_its_own_is_as_before(function: Any) -> None:
    with pytest.raises((willump.UnsupportedError, pd.errors.IndexingError)):
        willump.compile(function, sample=FRAME.iloc[5:9])


def test_what_meets_nothing_takes_any_labels() -> None:
    def function(f: Any) -> Any:
        return f.merge(TABLE, on="k", how="left")["q"].to_numpy() + f["x"]

    fast = willump.compile(function, sample=FRAME, strict=True)
    check(function, fast, FRAME.iloc[7:9])
    check(function, fast, FRAME.iloc[[3, 3]])


def test_labels_that_come_twice_are_refused_where_rows_are_set_by_them() -> None:
    def function(f: Any) -> Any:
        f = f.copy()
        f.loc[f["p"], "x"] = f["i"]
        return f["x"]

    fast = willump.compile(function, sample=FRAME, strict=True)
    check(function, fast, FRAME.iloc[[3, 1]])
    with pytest.raises(ValueError, match="come twice"):
        fast(FRAME.iloc[[3, 3, 1]])
    twice = FRAME.iloc[[3, 3, 1]].assign(p=[True, False, True])
    assert isinstance(outcome(function, twice), ValueError)


def test_a_cascade_of_such_a_function() -> None:
    def function(f: Any) -> Any:
        t = f.merge(TABLE, on="k", how="left")
        t["w"] = f["x"] * 0.5
        return WIDE.predict(t[["x", "i", "q", "w"]].fillna(0.0).to_numpy())

    big = pd.concat([FRAME] * 20, ignore_index=True)
    merged = big.merge(TABLE, on="k", how="left").assign(w=big["x"] * 0.5)
    WIDE = LogisticRegression().fit(
        merged[["x", "i", "q", "w"]].fillna(0.0).to_numpy(), big["x"] > 0.3
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fast = willump.optimize(
            function, big, big["x"] > 0.3, X_cal=big.iloc[4000:], target=willump.Agreement(0.9)
        )
    assert np.mean(fast(FRAME) == function(FRAME)) > 0.9
