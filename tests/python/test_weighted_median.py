"""AdaBoostRegressor's weighted median over trees, against scikit-learn to the bit."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import willump
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import AdaBoostRegressor
from sklearn.tree import DecisionTreeRegressor, ExtraTreeRegressor
from willump import _core


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    n_members=st.integers(1, 40),
    depth=st.integers(1, 6),
    loss=st.sampled_from(["linear", "square", "exponential"]),
    tree=st.sampled_from([DecisionTreeRegressor, ExtraTreeRegressor]),
)
def test_a_regressor_answers_the_same_bits(
    seed: int, n_members: int, depth: int, loss: str, tree: Any
) -> None:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(80, 3))
    y = np.round(x[:, 0] * x[:, 1], int(rng.integers(0, 4))) + rng.normal(size=80) * 0.1
    model = AdaBoostRegressor(tree(max_depth=depth), n_estimators=n_members, loss=loss)
    model.set_params(random_state=seed % 1000).fit(x, y)
    fast = willump.compile(model, strict=True)
    rows = np.vstack([x, rng.normal(size=(60, 3)) * 3])
    expected = model.predict(rows)
    np.testing.assert_array_equal(fast.predict(rows), expected)
    np.testing.assert_array_equal(fast.predict(rows[:1]), expected[:1])
    np.testing.assert_array_equal(
        willump.from_bytes(fast.to_bytes()).predict(rows[3:10]), expected[3:10]
    )


def median(weights: str, row: list[float]) -> float:
    graph = (
        f'willump-graph 1\n%0 = input() {{kind="matrix", n_features={len(row)}}}\n'
        f"%1 = weighted_median(%0) {{weights={weights}}}\nstage\noutput prediction = %1\n"
    )
    X = np.array([row])
    model = _core.Model.compile(graph, {}, "{}")
    return float(np.ravel(model.run("prediction", (X,), X=X))[0])


def test_the_median_is_the_first_with_half_of_the_weight() -> None:
    assert median("[1.0, 1.0, 1.0]", [3.0, 1.0, 2.0]) == 2.0
    assert median("[1.0, 1.0]", [3.0, 1.0]) == 1.0
    assert median("[5.0, 1.0, 1.0]", [3.0, 1.0, 2.0]) == 3.0
    assert median("[1.0, 1.0, 9.0]", [3.0, 1.0, np.nan]) != 1.0  # NaN is last
    assert np.isnan(median("[1.0, 1.0, 9.0]", [3.0, 1.0, np.nan]))
    assert median("[2.5]", [-0.0]) == 0.0


def test_as_many_weights_as_columns_are_needed() -> None:
    for weights in ("[1.0]", "[1.0, 2.0, 3.0]", "[]", "[1, 2]"):
        with pytest.raises(ValueError, match="weights are f64, one a column"):
            median(weights, [1.0, 2.0])


def test_missing_values_raise_as_the_original() -> None:
    x = np.random.default_rng(0).normal(size=(50, 2))
    model = AdaBoostRegressor(n_estimators=3, random_state=0).fit(x, x[:, 0])
    wrong = np.array([[1.0, np.nan]])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(ValueError, match="NaN"):
            model.predict(wrong)
        with pytest.raises(ValueError, match="NaN"):
            willump.compile(model, strict=True).predict(wrong)
