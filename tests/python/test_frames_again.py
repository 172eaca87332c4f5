"""What a compiled object keeps of the frames that it was called with (where their columns are)
changes no later answer: each call is compared with that of an object that saw none."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import willump
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

NAMES = ["a", "b", "c"]
rng = np.random.default_rng(0)
X = pd.DataFrame(rng.normal(size=(40, 3)), columns=NAMES)
MIXED = X.assign(n=np.arange(40), w=np.float32(0.5), k=list("xyzx") * 10, p=X["a"] > 0)
Y = X["a"] + X["b"] > 0


class Own(pd.DataFrame):
    """A frame of somebody's own."""


def of_matrix() -> Any:
    return make_pipeline(StandardScaler(), LogisticRegression()).fit(X, Y)


def of_columns() -> Any:
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    parts = [("n", numbers, [*NAMES, "n"]), ("k", OneHotEncoder(handle_unknown="ignore"), ["k"])]
    return make_pipeline(ColumnTransformer(parts), LogisticRegression()).fit(MIXED, Y)


def function(frame: Any) -> Any:
    return frame["a"].fillna(0.0) * frame["b"] + frame["c"]


def mixed_function(frame: Any) -> Any:
    known = frame["k"].map({"x": 1.0, "y": 2.0}).fillna(0.0)
    return frame["a"] * frame["n"] + frame["w"].astype(float) + known + frame["p"]


def frames(given: pd.DataFrame) -> list[Any]:
    """Frames that have the very columns of the first, and others, in turn."""
    row, few = given.iloc[3:4], given.iloc[5:9]
    doubles = [name for name in NAMES if name in given]
    odd = few.copy()
    odd[doubles] = odd[doubles].astype(object)
    gaps = few.copy()
    gaps.iloc[1, 0] = np.nan
    found = [
        row, few, given, odd, gaps, few.astype({"a": "float32"}), few.astype({"b": "Float64"}),
        few.assign(a=few["a"].round().astype(int)), few.assign(b="1"), few.assign(c=few["a"] > 0),
        few[list(few)[::-1]], few.drop(columns="b"), few.assign(more=1.0), given.iloc[:0], row,
        few.rename(columns={"a": "b", "b": "a"}), few.set_axis(range(few.shape[1]), axis=1),
        pd.concat([few, few[["a"]]], axis=1), few.astype({"a": "float16"}), Own(few), row,
        few.assign(c=pd.arrays.SparseArray(few["c"])), few[::2], few.T.T, pl.from_pandas(few),
        few.assign(a=few["a"].astype(">f8")), few.assign(b=few["b"].astype("category")), row,
    ]  # fmt: skip
    for frame in [few.copy(), row.copy()]:
        frame.columns = [*NAMES[::-1], *list(frame)[3:]]
        found.append(frame)
    return [*found, row, few]


def outcome(call: Callable[[Any], Any], frame: Any) -> Any:
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            found = call(frame)
        except Exception as error:
            return type(error), str(error), [str(each.message) for each in told]
    return type(found), np.asarray(found).tolist(), [str(each.message) for each in told]


@pytest.mark.parametrize("given", [X, MIXED], ids=["one dtype", "mixed"])
@pytest.mark.parametrize("make", [of_matrix, of_columns, function, mixed_function])
def test_frames_before_change_nothing(make: Callable[..., Any], given: pd.DataFrame) -> None:
    if make in (of_columns, mixed_function):
        given = MIXED
    is_function = make in (function, mixed_function)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = willump.compile(make, sample=given) if is_function else willump.compile(make())
    saved = made.to_bytes()
    for number, frame in enumerate(frames(given)):
        fresh = willump.from_bytes(saved)
        name = "__call__" if is_function else "predict_proba"
        expected, found = (outcome(getattr(each, name), frame) for each in (fresh, made))
        np.testing.assert_equal(found, expected, err_msg=str(number))


def test_frames_are_those_of_the_original() -> None:
    refusals = []
    for make, given in ((of_matrix, X), (of_columns, MIXED)):
        original = make()
        fast = willump.compile(original)
        for number, frame in enumerate(frames(given)):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                try:
                    expected = original.predict_proba(frame)
                except Exception:
                    continue  # what it refuses is compared elsewhere
                try:
                    found = fast.predict_proba(frame)
                except (willump.UnsupportedError, TypeError) as error:
                    refusals.append(repr(error))
                    continue
            np.testing.assert_allclose(found, expected, rtol=1e-6, err_msg=str(number))
    assert all("float16" in each or "UnsupportedError" in each for each in refusals), refusals
