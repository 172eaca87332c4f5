"""Cascades of regressors, and the gates that are learned for them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import willump
from sklearn.compose import make_column_transformer
from sklearn.ensemble import GradientBoostingRegressor, IsolationForest, RandomForestRegressor
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import StandardScaler
from test_optimize_accuracy import certify_rows
from willump import _gates
from willump._core import TuneJob

COSTS = [1.0, 10.0]


def data(n: int, seed: int) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 6))
    y = 3 * X[:, 0] + X[:, 1] * X[:, 2] * (X[:, 3] > 0.5) + 0.1 * rng.normal(size=n)
    return X, y


def two_blocks(width: int = 1) -> Any:
    """Column 3 says how much the second block matters, which only the first has."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(12000, 4))
    X[:, 1] = np.where(X[:, 3] > 0.3, X[:, 1], 0.01 * X[:, 1])
    y = np.stack([2 * X[:, 0] + (j + 1) * X[:, 1] for j in range(width)], axis=1)
    y = y + 0.05 * rng.normal(size=y.shape)
    y = y.ravel() if width == 1 else y
    blocks = make_column_transformer((StandardScaler(), [0, 2, 3]), (StandardScaler(), [1]))
    return make_pipeline(blocks, Ridge()).fit(X[:1500], y[:1500]), X, y


TARGET = willump.Tolerance(abs=0.3, share=0.95)


def optimized(pipeline: Any, X: Any, y: Any = None, target: Any = TARGET, **options: Any) -> Any:
    given = {"costs": COSTS, "duplicates": "traffic", **options}
    y = None if y is None else y[:1500]
    return willump.optimize(pipeline, X[:1500], y, X_cal=X[1500:6000], target=target, **given)


def is_far(cascade: Any, exact: Any, X: Any, target: Any = TARGET) -> Any:
    close = np.isclose(cascade.predict(X), exact.predict(X), rtol=target.rel, atol=target.abs)
    return ~close.reshape(len(X), -1).all(axis=1)


@pytest.mark.parametrize("width", [1, 2])
def test_a_learned_gate_makes_the_certified_errors_and_no_others(width: int) -> None:
    pipeline, X, y = two_blocks(width)
    exact = willump.compile(pipeline)
    cascade = optimized(pipeline, X, y)
    certificate = cascade.metadata["certificate"]
    rows = X[1500 + certify_rows(4500)]
    assert certificate["n_wrong"] == is_far(cascade, exact, rows).sum()
    assert certificate["n_wrong"] <= certificate["k"]
    assert certificate["gates"][0]["confidence"].startswith("learned: ")
    # Six rows in ten have next to nothing in the second block.
    assert 0.4 < certificate["share_leaving"] < 0.9
    assert certificate["agreement_by_class"] == {}
    assert "all predictions of the cascade differ by at most 0.3" in certificate["promise"]
    assert is_far(cascade, exact, X[6000:]).mean() < 0.06


def test_a_learned_gate_costs_what_costs_says() -> None:
    pipeline, X, y = two_blocks()
    names = [block["name"] for block in willump.compile(pipeline).metadata["blocks"]]
    costs = dict(zip(names, COSTS, strict=True))
    free, dear = (
        optimized(pipeline, X, y, costs={**costs, "gate": gate}).metadata["certificate"]
        for gate in (0.0, 0.5)
    )
    assert dear["gates"][0]["blocks"] == free["gates"][0]["blocks"]
    assert dear["expected_cost"] == pytest.approx(free["expected_cost"] + 0.5)
    with pytest.warns(willump.NotCertifiedWarning, match="cheaper than the exact pipeline"):
        optimized(pipeline, X, y, costs={**costs, "gate": 1000.0})


def test_a_row_alone_gets_the_bits_of_the_batch_and_of_a_saved_cascade() -> None:
    pipeline, X, y = two_blocks()
    cascade = optimized(pipeline, X, y)
    whole = cascade.predict(X)
    again = willump.from_bytes(cascade.to_bytes(), n_threads=2)
    np.testing.assert_array_equal(again.predict(X), whole)
    for size in (1, 7):
        parts = [cascade.predict(X[i : i + size]) for i in range(0, 70, size)]
        np.testing.assert_array_equal(np.concatenate(parts), whole[:70])


def test_rows_that_stay_have_the_bits_of_the_exact_pipeline() -> None:
    pipeline, X, y = two_blocks()
    exact, cascade = willump.compile(pipeline), optimized(pipeline, X, y)
    stayed = cascade.predict(X) == exact.predict(X)
    cascade.predict(X[stayed])
    assert 0.1 < stayed.mean() < 0.6


def test_without_y_the_first_stage_is_trained_on_the_pipelines_predictions() -> None:
    pipeline, X, _ = two_blocks()
    assert optimized(pipeline, X).metadata["certificate"]["share_leaving"] > 0.4


@pytest.mark.parametrize(
    "model",
    [
        GradientBoostingRegressor(n_estimators=60, random_state=0),
        RandomForestRegressor(30, random_state=0),
    ],
    ids=["boosting", "forest"],
)
def test_an_ensemble_leaves_after_its_first_trees(model: Any) -> None:
    X, y = data(9000, 0)
    model.fit(X[:1500], y[:1500])
    target = willump.Tolerance(abs=0.5, share=0.95)
    cascade = willump.optimize(
        model, X[:1500], y[:1500], X_cal=X[1500:5500], target=target, duplicates="traffic"
    )
    certificate = cascade.metadata.get("certificate")
    exact = willump.compile(model)
    if certificate is not None:  # by what it costs here
        rows = X[1500 + certify_rows(4000)]
        assert certificate["blocks"][0] == "trees 1 to 1"
        assert certificate["n_wrong"] == is_far(cascade, exact, rows, target).sum()
    assert is_far(cascade, exact, X[5500:], target).mean() < 0.065


def test_prices_out_of_text() -> None:
    rng = np.random.default_rng(0)
    words = np.array(["red", "blue", "old", "new", "car", "bike", "house", "boat"])
    x = [" ".join(words[rng.integers(0, 8, 6)]) for _ in range(4000)]
    y = np.array([t.count("house") * 5.0 + t.count("new") + ("old car" in t) * 2 for t in x])
    union = make_union(CountVectorizer(), TfidfVectorizer(analyzer="char", ngram_range=(2, 5)))
    pipeline = make_pipeline(union, Ridge()).fit(x[:1000], y[:1000])
    cascade = willump.optimize(
        pipeline, x[:1000], y[:1000], X_cal=x[1000:], duplicates="traffic", costs=[1.0, 30.0],
        target=willump.Tolerance(abs=1.0, share=0.9),
    )  # fmt: skip
    assert cascade.metadata["certificate"]["blocks"] == ["countvectorizer"]
    rows = [x[1000 + i] for i in certify_rows(3000)]
    far = np.abs(cascade.predict(rows) - willump.compile(pipeline).predict(rows)) > 1.0
    assert cascade.metadata["certificate"]["n_wrong"] == far.sum()


# ---- what has no cascade -------------------------------------------------------


def test_labels_are_not_promised_of_numbers() -> None:
    pipeline, X, y = two_blocks()
    for target in (willump.Agreement(0.9), willump.Accuracy(0.1)):
        with pytest.raises(willump.UnsupportedError, match=r"about labels.*Tolerance"):
            optimized(pipeline, X, y, target, y_cal=y[1500:6000])


def test_outlier_detectors_are_refused() -> None:
    X, _ = data(300, 0)
    with pytest.raises(willump.UnsupportedError, match="classifier or a regressor"):
        willump.optimize(IsolationForest(n_estimators=20).fit(X), X, X_cal=X, target=TARGET)


def test_numbers_to_train_on_are_checked() -> None:
    pipeline, X, y = two_blocks()
    for wrong, message in (
        (np.stack([y, y], axis=1), r"y must hold 1 number a row.*\(12000, 2\)|\(1500, 2\)"),
        (np.where(np.arange(len(y)) == 7, np.nan, y), "NaN or infinity"),
        (y.astype(str), "must hold numbers"),
        (y[:10], "y has 10 labels for 1500 rows"),
    ):
        with pytest.raises(ValueError, match=message):
            optimized(pipeline, X, wrong)


def test_a_constant_target_needs_no_second_stage() -> None:
    _, X, y = two_blocks()
    blocks = make_column_transformer((StandardScaler(), [0, 2, 3]), (StandardScaler(), [1]))
    pipeline = make_pipeline(blocks, Ridge()).fit(X[:1500], np.ones(1500))
    cascade = optimized(pipeline, X, np.ones(len(y)))
    assert cascade.metadata["certificate"]["share_leaving"] == 1.0


def test_a_row_that_no_stage_can_score_stays() -> None:
    """Where every score is NaN the gate is NaN too."""
    pipeline, X, y = two_blocks()
    pipeline[-1].coef_ = np.full_like(pipeline[-1].coef_, 1e308)
    with np.errstate(all="ignore"), pytest.warns(willump.NotCertifiedWarning):
        cascade = optimized(pipeline, X, y, strict=False)
    assert "certificate" not in cascade.metadata


# ---- the gates by themselves ---------------------------------------------------


def test_little_to_learn_from_gives_no_gate() -> None:
    few = np.zeros((_gates.LEAST_ROWS - 1, 2))
    assert _gates.learn(few, _gates.Gaps(few[:, 0], is_event=False), None, 0) == []
    many = np.zeros((500, 2))
    assert _gates.learn(many, _gates.Gaps(many[:, 0], is_event=True), None, 0) == []


def test_groups_are_not_torn_apart_between_folds() -> None:
    groups = np.repeat(np.arange(50), 4).astype(np.uint64)
    folds = _gates._folds(200, groups, 0)
    assert all(len(set(folds[groups == g])) == 1 for g in range(50))
    assert len(set(folds)) == _gates.FOLDS


def test_one_group_ties_and_constant_features_teach_what_they_can() -> None:
    same = np.ones((300, 2))
    gaps = _gates.Gaps(np.ones(300), is_event=False)
    assert _gates.learn(same, gaps, np.zeros(300, np.uint64), 0) == []
    for learned in _gates.learn(same, gaps, None, 0):
        assert len(np.unique(np.round(learned.values, 12))) == 1


def test_unknown_gaps_count_as_the_largest() -> None:
    gaps = _gates.Gaps(np.array([0.0, np.nan, np.inf, 2.0]), is_event=False)
    assert np.argsort(gaps.targets, kind="stable").tolist() == [0, 3, 1, 2]


def test_a_learned_gate_keeps_the_promise(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 200 draws, no more break it than chance allows; gates are fitted and compared
    on the select rows."""
    monkeypatch.setattr(_gates, "Trees", _gates.Linear)
    rng = np.random.default_rng(1)
    n_select, n_certify, alpha, delta = 120, 300, 0.05, 0.05
    n_broken = n_cascades = 0
    for seed in range(200):

        def draw(n: int) -> tuple[Any, Any]:
            z = rng.normal(size=(n, 2))
            return z, np.exp(0.8 * z[:, 0] - 1.0) * np.abs(rng.normal(size=n))

        job = TuneJob(
            np.array(COSTS), 1, n_select, n_certify, alpha, delta, seed, 0.0,
            target="tolerance", tolerance_abs=1.0,
        )  # fmt: skip
        models, samples = {}, {"fit": draw(n_select), "certify": draw(n_certify)}
        while True:
            step, number, _, n, *_ = job.next()
            if step == "finished":
                break
            z, gap = samples[step]
            if step == "fit":
                gate = _gates.learn(z, _gates.Gaps(gap, is_event=False), None, seed)[0]
                models[number], values = gate.model, gate.values
            else:
                values = np.exp(-models[number].predict(z))
            labels = np.zeros(n, np.int64)
            job.answer(
                values, labels, labels, 0.0,
                approx_outputs=gap[:, None].copy(), full_outputs=np.zeros((n, 1)),
            )  # fmt: skip
        result = job.result()
        if result["outcome"] != "cascade":
            continue
        n_cascades += 1
        z, gap = draw(20000)
        leaves = np.exp(-models[result["candidate"]].predict(z)) > result["threshold"]
        n_broken += np.mean(leaves & (gap > 1.0)) > alpha
    assert n_cascades > 150
    assert n_broken <= 200 * delta + 3 * np.sqrt(200 * delta * (1 - delta))
