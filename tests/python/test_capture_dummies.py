"""Indicators that the rows may not have, before models and casts, against pandas."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import lightgbm
import numpy as np
import pandas as pd
import pytest
import willump
from capture_checks import quiet
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

SAMPLE = pd.DataFrame({"s": ["a", "b", "c"] * 8, "x": np.arange(24.0), "n": np.arange(24) % 5})
LATER = pd.DataFrame({"s": ["a", "z", None, "b"], "x": [1.0, 2.0, 3.0, 4.0], "n": [1, 2, 3, 4]})
COLUMNS = ["x", "s_a", "s_b", "s_other"]


def encoded(f: Any) -> Any:
    return pd.get_dummies(f[["s", "x"]], columns=["s"]).reindex(columns=COLUMNS, fill_value=0)


X, Y = encoded(SAMPLE), SAMPLE["x"] > 9
LINEAR = LogisticRegression().fit(X.astype(float), Y)
FOREST = RandomForestClassifier(5, random_state=0).fit(X, Y)
LIGHT = lightgbm.LGBMClassifier(n_estimators=3, verbose=-1, min_child_samples=2).fit(X, Y)

FUNCTIONS: list[Callable[[Any], Any]] = [
    lambda f: LINEAR.predict_proba(encoded(f).astype(float))[:, 1],
    lambda f: LINEAR.predict_proba(encoded(f))[:, 1],
    lambda f: FOREST.predict_proba(encoded(f))[:, 1],
    lambda f: LIGHT.predict_proba(encoded(f))[:, 1],
    lambda f: encoded(f)[COLUMNS[1:]].astype(int).to_numpy(),
    lambda f: encoded(f).to_numpy(dtype=float),
    lambda f: encoded(f)["s_a"].astype(int) * 2 + f["n"],
    lambda f: encoded(f)["s_b"].isna() * 1.0,
    lambda f: np.where(encoded(f)["s_a"] == 1, 5, 6),
]


@pytest.mark.parametrize("number", range(len(FUNCTIONS)))
def test_answers_are_the_functions(number: int) -> None:
    function = FUNCTIONS[number]
    fast = quiet(willump.compile, function, sample=SAMPLE)
    assert not fast._steps, fast._reasons
    for frame in (SAMPLE, LATER, *(LATER.iloc[[i]] for i in range(len(LATER)))):
        expected, found = quiet(function, frame), quiet(fast, frame)
        assert np.asarray(found).dtype == np.asarray(expected).dtype
        np.testing.assert_allclose(np.asarray(found), np.asarray(expected), rtol=1e-12)
