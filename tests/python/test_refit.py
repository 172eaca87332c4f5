"""What `refit=True` holds out was seen by nothing that answers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import willump
from lightgbm import LGBMClassifier
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from willump._optimize import _held_out

RNG = np.random.default_rng(0)
COLUMNS = list("abc")


def drawn(n: int) -> tuple[np.ndarray, np.ndarray]:
    x = RNG.normal(size=(n, 3))
    return x, (x[:, 0] + x[:, 1] * x[:, 2] > 0).astype(int)


def test_rows_that_differ_in_a_dropped_column_only_are_in_one_part() -> None:
    x, y = drawn(300)
    at = RNG.permutation(np.repeat(np.arange(300), 4))
    frame = pd.DataFrame(x[at], columns=COLUMNS).assign(id=np.arange(len(at)))
    pipeline = make_pipeline(
        ColumnTransformer([("n", "passthrough", COLUMNS)]), RandomForestClassifier(5)
    )
    _, rest, labels, held, held_labels, _ = _held_out(
        pipeline, frame, y[at], None, "distinct", 0, {}
    )
    assert len(rest) == len(labels)
    assert len(held) == len(held_labels)
    assert len(rest) + len(held) == len(frame)
    known = set(map(tuple, rest[COLUMNS].to_numpy().tolist()))
    assert known.isdisjoint(map(tuple, held[COLUMNS].to_numpy().tolist()))


@pytest.mark.parametrize(
    "wrapped",
    [
        FrozenEstimator,
        lambda forest: make_pipeline(FrozenEstimator(forest)),
        lambda forest: make_pipeline(
            FrozenEstimator(StandardScaler().fit(np.eye(3))), RandomForestClassifier(5)
        ),
    ],
    ids=["alone", "last", "first"],
)
def test_a_clone_that_keeps_its_fit_is_refused(wrapped: Any) -> None:
    x, y = drawn(200)
    model = wrapped(RandomForestClassifier(5, random_state=0).fit(x, y))
    with pytest.raises(ValueError, match="keeps its fit when it is cloned"):
        willump.CascadeClassifier(model).fit(x, y)
    with pytest.raises(ValueError, match="pass X_cal"):
        willump.optimize(model, x, y, refit=True)


def test_parts_without_a_fit_are_refitted() -> None:
    texts = [f"{'good' if i % 2 else 'bad'} {i}" for i in range(200)]
    pipeline = make_pipeline(
        FunctionTransformer(), HashingVectorizer(n_features=64), LogisticRegression()
    )
    fitted, *_ = _held_out(pipeline, texts, np.arange(200) % 2, None, "distinct", 0, {})
    assert fitted.predict(["good"]).shape == (1,)


def test_rows_that_say_nothing_of_a_metric_estimate_nothing() -> None:
    x = RNG.normal(size=(3_000, 3))
    pipeline = make_pipeline(
        ColumnTransformer([(name, StandardScaler(), [i]) for i, name in enumerate(COLUMNS)]),
        LogisticRegression(),
    ).fit(x, x.sum(axis=1) > 4.0)
    fresh = RNG.normal(size=(600, 3)) - 0.5
    target = willump.Estimated("f1", 0.05)
    with pytest.warns(willump.NotCertifiedWarning, match="no replicate|is above"):
        fast = willump.optimize(
            pipeline, x, x.sum(axis=1) > 4.0, X_cal=fresh, y_cal=np.zeros(600, bool),
            target=target, costs=[1.0, 6.0, 6.0],
        )  # fmt: skip
    assert "certificate" not in fast.metadata


@pytest.mark.parametrize("name", ["init_model", "eval_set"])
def test_a_fit_that_begins_with_a_model_of_all_rows_is_refused(name: str) -> None:
    x, y = drawn(300)
    model = LGBMClassifier(n_estimators=3, verbosity=-1)
    seen = {"init_model": clone(model).fit(x, y).booster_, "eval_set": [(x, y)]}
    for given in (seen[name], *(["model.txt"] if name == "init_model" else [])):
        with pytest.raises(ValueError, match=rf"fit_params\['{name}'\] may hold rows.*X_cal"):
            willump.optimize(model, x, y, refit=True, fit_params={name: given})
        with pytest.raises(ValueError, match="may hold rows"):
            willump.CascadeClassifier(model).fit(x, y, **{name: given})


def test_settings_and_entries_of_rows_are_passed_to_a_refit() -> None:
    x, y = drawn(300)
    given = {
        "sample_weight": np.arange(1.0, 301.0),
        "feature_name": list("xyz"),
        "categorical_feature": [2],
        "callbacks": [lambda env: None],
        "init_model": None,
    }
    x[:, 2] = np.round(np.abs(x[:, 2]))
    model = LGBMClassifier(n_estimators=3, verbosity=-1)
    fitted, *_ = _held_out(model, x, y, None, "distinct", 0, given)
    assert fitted.feature_name_ == list("xyz")
