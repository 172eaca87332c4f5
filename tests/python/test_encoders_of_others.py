"""Encoders that were fitted on one kind of values and are given another: what the original
raises is raised, what it answers is answered or refused, and nothing is answered otherwise.
"""

from __future__ import annotations

import decimal
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import willump
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

nan = np.nan


def objects(cells: list[Any]) -> Any:
    array = np.empty((len(cells), 1), dtype=object)
    array[:, 0] = cells
    return array


CONTAINERS: dict[str, Callable[[list[Any]], Any]] = {
    "objects": objects,
    "frame of objects": lambda cells: pd.DataFrame({"x": pd.Series(cells, dtype=object)}),
    "frame": lambda cells: pd.DataFrame({"x": cells}),
    "categories": lambda cells: pd.DataFrame({"x": pd.Series(cells, dtype="category")}),
    "list": lambda cells: [[cell] for cell in cells],
    "array": lambda cells: np.array(cells).reshape(-1, 1),
}
FITTED: dict[str, Any] = {
    "text": objects(["a", "b", "1"]),
    "text and nan": objects(["a", "b", nan]),
    "text and none": objects(["a", None, "b"]),
    "text, none and nan": objects(["a", "b", None, nan]),
    "text of numpy": np.array([["a"], ["b"], ["1"]]),
    "floats": np.array([[1.0], [2.0], [0.5]]),
    "floats and nan": np.array([[1.0], [2.0], [nan]]),
    "ints": np.array([[1], [2], [3]]),
    "bools": np.array([[True], [False]]),
    "column of floats": pd.DataFrame({"x": [1.0, 2.0, nan]}),
    "column of text": pd.DataFrame({"x": ["a", "b", "1"]}),
}
GIVEN: dict[str, list[Any]] = {
    "text": ["a", "b"],
    "other text": ["a", "z"],
    "text of numbers": ["1", "2"],
    "nan": [nan, nan],
    "text and nan": ["a", nan],
    "none": [None, None],
    "text and none": ["a", None],
    "floats": [1.0, 2.0],
    "other floats": [1.0, 9.0],
    "ints": [1, 2],
    "floats and nan": [1.0, nan],
    "floats and none": [1.0, None],
    "text and floats": ["a", 1.0],
    "floats and text": [1.0, "a"],
    "bools": [True, False],
    "NA": ["a", pd.NA],
    "floats and NA": [1.0, pd.NA],
    "NaT": ["a", pd.NaT],
    "infinity": [1.0, np.inf],
    "decimal": [decimal.Decimal(1), 1.0],
    "complex": [1 + 0j, 2.0],
    "too large": [10**400, 1],
}
ENCODERS: list[Any] = [
    OrdinalEncoder(),
    OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-7),
    OneHotEncoder(handle_unknown="ignore", sparse_output=False),
]


def outcome(call: Callable[[Any], Any], rows: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return np.asarray(call(rows))
        except Exception as error:
            return error


@pytest.mark.parametrize("encoder", ENCODERS, ids=repr)
@pytest.mark.parametrize("fitted", FITTED)
def test_an_encoder_answers_or_refuses_other_values_as_the_original(
    encoder: Any, fitted: str
) -> None:
    est = clone(encoder).fit(FITTED[fitted])
    fast = willump.compile(est, strict=True)
    n_answers = 0
    for kind, cells in GIVEN.items():
        for container, contain in CONTAINERS.items():
            try:
                rows = contain(cells)
            except (OverflowError, TypeError):
                continue  # there is no such container
            want, got = outcome(est.transform, rows), outcome(fast.transform, rows)
            case = f"{kind} in {container}: {got!r} instead of {want!r}"
            if isinstance(got, Exception):
                assert isinstance(got, (ValueError, TypeError)), case
                # A refusal where the original answers is ours, and says why.
                is_told = any(word in str(got) for word in ("categor", "give numbers", "infinity"))
                is_same = isinstance(want, Exception) and isinstance(want, type(got))
                assert is_same or (isinstance(want, np.ndarray) and is_told), case
            else:
                assert isinstance(want, np.ndarray), case
                np.testing.assert_array_equal(got, want, err_msg=case)
                n_answers += 1
    assert n_answers > 4


def test_an_imputer_before_an_encoder_takes_a_column_of_nan() -> None:
    x = pd.DataFrame({"a": ["u", "v", None], "b": ["u", nan, "v"]}, dtype=object)
    est = make_pipeline(SimpleImputer(strategy="constant", fill_value="none"), OrdinalEncoder())
    est.fit(pd.concat([x, pd.DataFrame({"a": ["none"], "b": ["none"]})]))
    more = pd.DataFrame({"a": ["u", "v"], "b": [nan, nan]})
    fast = willump.compile(est, strict=True)
    np.testing.assert_array_equal(fast.transform(more), est.transform(more))


def test_a_scaler_beside_an_encoder_of_numbers_reads_numbers() -> None:
    x = np.array([[1.0, 5.0], [2.0, 7.0], [1.0, 9.0]])
    est = ColumnTransformer([("codes", OrdinalEncoder(), [0]), ("scaled", StandardScaler(), [1])])
    fast = willump.compile(est.fit(x), strict=True)
    for rows in (x, x.astype(object), x.astype(np.float32)):
        np.testing.assert_allclose(fast.transform(rows), est.transform(rows), 1e-6)
