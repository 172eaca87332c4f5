"""Cascades of several gates over blocks of features: who answers which row."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import willump
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

#: How much a column tells, and what its block is said to cost.
SIGNALS = [2.0, 0.9, 0.6, 0.5]
COSTS = [2.0, 4.0, 30.0, 90.0]
NAMES = ["a", "b", "c", "d"]


def rows(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    x = random.normal(size=(n, len(SIGNALS)))
    return x, (x @ SIGNALS + random.logistic(0, 0.3, n) > 0).astype(int)


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    x, y = rows(2000, 0)
    blocks = ColumnTransformer([(n, StandardScaler(), [i]) for i, n in enumerate(NAMES)])
    return make_pipeline(blocks, LogisticRegression()).fit(x, y)


@pytest.fixture(scope="module")
def cascade(pipeline: Pipeline) -> Any:
    x, y = rows(2000, 0)
    return willump.optimize(
        pipeline,
        x,
        y,
        X_cal=rows(12000, 1)[0],
        target=willump.Agreement(0.98),
        costs=COSTS,
        random_state=0,
    )


def test_blocks_of_rising_cost_get_several_gates(cascade: Any) -> None:
    certificate = cascade.metadata["certificate"]
    gates = certificate["gates"]
    assert len(gates) >= 2
    assert cascade._model.n_stages == len(gates) + 1
    added = [name for gate in gates for name in gate["blocks"]]
    assert len(added) == len(set(added))
    assert gates[0]["blocks"] == certificate["blocks"]
    shares = [gate["share_leaving"] for gate in gates]
    assert sum(shares) == pytest.approx(certificate["share_leaving"])
    assert certificate["expected_cost"] < certificate["exact_cost"]


def test_the_agreement_holds_on_fresh_rows(cascade: Any, pipeline: Pipeline) -> None:
    x = rows(60000, 2)[0]
    agreement = np.mean(cascade.predict(x) == pipeline.predict(x))
    assert agreement > 0.98 - 3 * np.sqrt(0.02 * 0.98 / len(x))
    seen = np.array(cascade.stats()["stage_rows"]) / len(x)
    shares = [gate["share_leaving"] for gate in cascade.metadata["certificate"]["gates"]]
    np.testing.assert_allclose(seen[:-1], shares, atol=0.02)


def test_rows_that_stay_get_the_exact_bits(cascade: Any, pipeline: Pipeline) -> None:
    x = rows(5000, 3)[0]
    exact = willump.compile(pipeline).predict_proba(x)
    found = cascade.predict_proba(x)
    same = (found == exact).all(1)
    stayed = cascade.stats()["stage_rows"][-1]
    assert stayed > 0
    assert same.sum() >= 0.9 * (
        5000
        - sum(gate["share_leaving"] for gate in cascade.metadata["certificate"]["gates"]) * 5000
    )


@pytest.mark.parametrize("n_threads", [1, 2])
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_batches_threads_and_files_have_the_same_bits(
    cascade: Any, size: int, n_threads: int
) -> None:
    x = rows(3000, 4)[0]
    whole = cascade.predict_proba(x)
    again = willump.from_bytes(cascade.to_bytes(), n_threads=n_threads)
    n = 300 if size == 1 else len(x)
    parts = [again.predict_proba(x[i : min(i + size, n)]) for i in range(0, n, size)]
    assert (np.concatenate(parts) == whole[:n]).all()


def test_the_same_seed_and_costs_give_the_same_artifact(pipeline: Pipeline) -> None:
    x, y = rows(2000, 0)
    made = [
        willump.optimize(
            pipeline, x, y, X_cal=rows(6000, 1)[0], target=willump.Agreement(0.98), costs=COSTS
        ).to_bytes()
        for _ in range(2)
    ]
    assert made[0] == made[1]


def test_a_dear_stage_leaves_one_gate(pipeline: Pipeline) -> None:
    x, y = rows(2000, 0)
    costs = {**dict(zip(NAMES, COSTS, strict=True)), "stage": 60.0}
    found = willump.optimize(
        pipeline, x, y, X_cal=rows(6000, 1)[0], target=willump.Agreement(0.98), costs=costs
    )
    assert len(found.metadata["certificate"]["gates"]) == 1
