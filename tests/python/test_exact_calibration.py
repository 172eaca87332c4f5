"""Isotonic calibrators give scikit-learn's probabilities to the bit, so that ties stay ties."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from harness import build, examples, quiet
from hypothesis import given
from hypothesis import strategies as st
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import RandomForestClassifier
from sklearn.isotonic import IsotonicRegression
from sklearn.tree import DecisionTreeClassifier
from willump import CompiledModel, _core

GRAPH = """willump-graph 1
%0 = input() {kind="matrix", n_features=1}
%1 = isotonic(%0) {x=@x, y=@y}
stage
output prediction = %1
"""
SEEDS = st.integers(0, 2**32 - 1)


def curve(rng: np.random.Generator, n: int) -> IsotonicRegression:
    """A fitted curve with plateaus, and scores that repeat."""
    x = np.round(rng.normal(size=n), rng.integers(1, 4))
    y = np.clip(x / 4 + rng.normal(size=n) * rng.choice([0.05, 0.5]) + 0.5, 0, 1)
    return IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(x, np.round(y, 2))


def scores_near(rng: np.random.Generator, known: Any) -> Any:
    """The points themselves, what is beside them, between them and beyond the ends."""
    beside = [np.nextafter(known, way) for way in (-np.inf, np.inf)]
    between = rng.uniform(known[0] - 1, known[-1] + 1, 200)
    return np.concatenate([known, *beside, between, [known[0] - 9, known[-1] + 9]])


@examples(200, shrinks=False)
@given(seed=SEEDS)
def test_a_curve_is_read_as_scikit_learn_reads_it(seed: int) -> None:
    rng = np.random.default_rng(seed)
    original = curve(rng, int(rng.integers(1, 60)))
    x, y = original.X_thresholds_, original.y_thresholds_
    model = _core.Model.compile(GRAPH, {"x": x, "y": y}, "{}")
    scores = scores_near(rng, x)
    found = CompiledModel.from_model(model).predict(scores.reshape(-1, 1)).ravel()
    np.testing.assert_array_equal(found, original.predict(scores))


@pytest.mark.parametrize("ensemble", [True, False])
@examples(15, shrinks=False)
@given(seed=SEEDS, n_classes=st.integers(2, 5))
def test_ties_of_calibrated_trees_stay_ties(ensemble: bool, seed: int, n_classes: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 5, (120, 3)).astype(float)
    labels = rng.integers(0, n_classes, 120)
    inner = [DecisionTreeClassifier(max_depth=3), RandomForestClassifier(4, max_depth=3)]
    model = CalibratedClassifierCV(
        inner[seed % 2].set_params(random_state=0), method="isotonic", cv=3, ensemble=ensemble
    )
    original = quiet(model.fit, x, labels)
    fast = build(original, strict=True)
    rows = np.stack(np.meshgrid(*[np.arange(5.0)] * 3), -1).reshape(-1, 3)
    np.testing.assert_array_equal(fast.predict_proba(rows), original.predict_proba(rows))
    np.testing.assert_array_equal(fast.predict(rows), original.predict(rows))
