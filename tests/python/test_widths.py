"""Parts that were fitted on another width than they are given, and answers of three
dimensions: the original's error, or no such method."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import willump
from harness import quiet
from sklearn.ensemble import RandomForestClassifier, VotingClassifier
from sklearn.feature_selection import SelectFromModel, SelectKBest
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier

PARTS: list[Any] = [
    DecisionTreeClassifier(max_depth=4),
    RandomForestClassifier(3, random_state=0),
    LogisticRegression(),
    make_pipeline(SelectFromModel(LogisticRegression()), LogisticRegression()),
    make_pipeline(StandardScaler(), LogisticRegression()),
]


@pytest.mark.parametrize("part", PARTS, ids=repr)
@pytest.mark.parametrize("before", [SelectKBest(k=2), OneHotEncoder(), StandardScaler()], ids=repr)
@pytest.mark.parametrize("width", [3, 6])
def test_a_part_that_was_fitted_on_another_width(part: Any, before: Any, width: int) -> None:
    rng = np.random.default_rng(width)
    X = rng.integers(0, 3, (80, 3)).astype(float)
    y = (X[:, 0] + rng.normal(size=80) > 1).astype(int)
    other = np.hstack([X, X])[:, :width]
    est = make_pipeline(before, FrozenEstimator(part.fit(other, y))).fit(X, y)
    fast = quiet(willump.compile, est)
    try:
        expected = est.predict(X)
    except ValueError as error:
        with pytest.raises(ValueError, match=str(error)):
            fast.predict(X)
    else:
        np.testing.assert_array_equal(fast.predict(X), expected)


@pytest.mark.parametrize("member", [GaussianNB(), LogisticRegression()], ids=repr)
@pytest.mark.parametrize("is_inner", [False, True])
def test_an_answer_of_three_dimensions_is_no_transform(member: Any, is_inner: bool) -> None:
    X = np.random.default_rng(0).normal(size=(80, 3))
    members = [("a", member), ("b", LogisticRegression())]
    est: Any = VotingClassifier(members, voting="soft", flatten_transform=False)
    est = make_pipeline(StandardScaler(), est) if is_inner else est
    est.fit(X, X[:, 0] > 0)
    fast = quiet(willump.compile, est)
    assert est.transform(X).ndim == 3
    assert not hasattr(fast, "transform")
    np.testing.assert_array_equal(fast.predict(X), est.predict(X))
