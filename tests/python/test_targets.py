"""Targets: what they take, and that they refuse the rest by name."""

from __future__ import annotations

import dataclasses
import math
import pickle
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import get_scorer
from willump._targets import Accuracy, Agreement, Estimated, Tolerance, TopKRecall

MADE: list[Any] = [
    Agreement(0.99),
    Accuracy(0.01),
    Tolerance(abs=0.5, share=0.99),
    TopKRecall(0.95),
    Estimated("f1", 0.01),
]


@pytest.mark.parametrize("target", MADE)
def test_confidence_is_95_percent_unless_given(target: Any) -> None:
    assert target.confidence == 0.95
    assert dataclasses.replace(target, confidence=0.9).confidence == 0.9


@pytest.mark.parametrize("target", MADE)
def test_targets_are_frozen_values(target: Any) -> None:
    assert target == pickle.loads(pickle.dumps(target))
    assert hash(target) == hash(dataclasses.replace(target))
    with pytest.raises(dataclasses.FrozenInstanceError):
        target.confidence = 0.5


SHARES = [
    *((Agreement(0.99), name) for name in ("rate", "confidence")),
    *((Accuracy(0.01), name) for name in ("loss", "confidence")),
    *((Tolerance(abs=1, share=0.9), name) for name in ("share", "confidence")),
    *((TopKRecall(1.0), name) for name in ("share", "confidence")),
    (Estimated("f1", 0.01), "confidence"),
]


@pytest.mark.parametrize(("target", "name"), SHARES)
def test_shares_are_numbers_between_0_and_1(target: Any, name: str) -> None:
    for value in (0.5, np.float32(0.5), Fraction(1, 2)):
        assert getattr(dataclasses.replace(target, **{name: value}), name) == 0.5
    for value in (0, 1, -0.5, 1.5, math.nan, math.inf, True):
        with pytest.raises(ValueError, match=f"{name}=.* is not between 0 and 1"):
            dataclasses.replace(target, **{name: value})
    for value in ("0.5", [0.5]):
        with pytest.raises(TypeError, match=f"{name} must be a number"):
            dataclasses.replace(target, **{name: value})


SIZES = [
    *((Tolerance(abs=1, rel=1, share=0.9), name) for name in ("abs", "rel")),
    (Estimated("f1", 0.01), "loss"),
]


@pytest.mark.parametrize(("target", "name"), SIZES)
def test_sizes_are_numbers_from_0_on(target: Any, name: str) -> None:
    for value in (0, 3, 1e300, np.float64(0.25)):
        assert getattr(dataclasses.replace(target, **{name: value}), name) == value
    for value in (-1e-300, math.nan, math.inf):
        with pytest.raises(ValueError, match=f"{name}=.* is not a number from 0 on"):
            dataclasses.replace(target, **{name: value})
    with pytest.raises(TypeError, match=f"{name} must be a number"):
        dataclasses.replace(target, **{name: None})


def test_a_tolerance_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="give abs or rel"):
        Tolerance(share=0.99)
    with pytest.raises(TypeError, match="share"):
        Tolerance(abs=1)  # type: ignore[call-arg]


def test_recall_may_be_all_of_the_top_k() -> None:
    assert TopKRecall(1).recall == 1
    for value in (0, 1.01, math.nan):
        with pytest.raises(ValueError, match=r"recall=.* is not above 0 and at most 1"):
            TopKRecall(value)


def test_confidence_of_a_filter_may_be_on_average() -> None:
    assert TopKRecall(0.9, confidence=None).confidence is None


@pytest.mark.parametrize("name", ["query_size", "k"])
def test_counts_are_integers_of_at_least_1(name: str) -> None:
    for value in (1, np.int64(7), None):
        assert getattr(TopKRecall(0.9, **{name: value}), name) == value
    for value in (0, -3):
        with pytest.raises(ValueError, match=f"{name}={value} is not at least 1"):
            TopKRecall(0.9, **{name: value})
    for other in (1.0, "3", True):
        with pytest.raises(TypeError, match=f"{name} must be an integer"):
            TopKRecall(0.9, **{name: other})


def test_k_is_at_most_the_rows_of_a_query() -> None:
    assert TopKRecall(0.9, query_size=10, k=10).k == 10
    with pytest.raises(ValueError, match="k=11 is more than the 10 rows"):
        TopKRecall(0.9, query_size=10, k=11)


def test_a_metric_is_a_scorer_or_its_name() -> None:
    scorer = get_scorer("roc_auc")
    assert Estimated(scorer, 0.01).metric is scorer
    with pytest.raises(TypeError, match="metric must be a scorer"):
        Estimated(3, 0.01)  # type: ignore[arg-type]
