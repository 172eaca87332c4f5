"""Cascades inside an ensemble of trees: its first trees, then the rest."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import willump
from sklearn.datasets import make_classification
from sklearn.ensemble import (
    AdaBoostRegressor,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler
from willump import _prefix_tuner, convert
from willump._ensembles import trees_between
from willump._graph import GraphBuilder
from willump._prefix import Prefixes, find_ensemble
from willump._tuner import MAX_GATES

MODELS = {
    "histogram": HistGradientBoostingClassifier(max_iter=40, max_leaf_nodes=8, random_state=0),
    "gradient": GradientBoostingClassifier(n_estimators=40, random_state=0),
    "forest": RandomForestClassifier(30, max_depth=6, random_state=0),
    "extra": ExtraTreesClassifier(30, max_depth=8, random_state=0),
    "scaled": make_pipeline(MaxAbsScaler(), GradientBoostingClassifier(n_estimators=20)),
}


def data(n_classes: int, n: int = 6_000) -> tuple[Any, Any]:
    X, y = make_classification(
        n, 12, n_informative=6, n_classes=n_classes, class_sep=1.5, random_state=0
    )
    return X, np.array(["no", "yes", "maybe"])[y]


def optimized(model: Any, n_classes: int, **options: Any) -> tuple[Any, Any, Any]:
    X, y = data(n_classes)
    model.fit(X[:1_500], y[:1_500])
    target = willump.Agreement(0.97)
    cascade = willump.optimize(
        model, X[:1_500], y[:1_500], X_cal=X[1_500:4_000], target=target, **options
    )
    return willump.compile(model, strict=True), cascade, X[4_000:]


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("name", MODELS)
def test_rows_that_stay_have_the_bits_of_the_whole_ensemble(name: str, n_classes: int) -> None:
    # Costs by tree: what was measured would depend on the machine.
    exact, cascade, X = optimized(MODELS[name], n_classes, costs=costs_of(MODELS[name], n_classes))
    certificate = cascade.metadata["certificate"]
    assert certificate["blocks"][0].startswith("trees 1 to ")
    for again in (cascade, willump.CompiledModel.from_bytes(cascade.to_bytes())):
        for method in ("predict", "predict_proba", "decision_function"):
            if not hasattr(exact, method):
                continue
            result, stages = again._interface.run(method, X, stages=True)
            stays = np.asarray(stages) == len(certificate["gates"])
            assert 0 < stays.sum() < len(X)
            expected = getattr(exact, method)(X)
            np.testing.assert_array_equal(result[stays], expected[stays])
    agreement = np.mean(cascade.predict(X) == exact.predict(X))
    assert agreement >= 0.95
    few = np.concatenate([cascade.predict_proba(X[i : i + 7]) for i in range(0, 70, 7)])
    np.testing.assert_array_equal(few, cascade.predict_proba(X[:70]))


@pytest.fixture(scope="module")
def two_gates() -> tuple[Any, Any, Any]:
    """An ensemble whose trees learn slowly, what was certified of it, and rows."""
    X, y = make_classification(
        20_000, 12, n_informative=8, n_classes=3, class_sep=1.2, random_state=1
    )
    model = GradientBoostingClassifier(n_estimators=40, random_state=0).fit(X[:2_000], y[:2_000])
    conversion = convert.start(model)
    ensemble = find_ensemble(conversion.builder, conversion.model.label.node)
    ends = Prefixes(conversion.builder, ensemble).ends
    names = Prefixes(conversion.builder, ensemble).names
    costs = dict(zip(names, np.diff(ends, prepend=0).tolist(), strict=True))
    cascade = willump.optimize(
        model, X[:2_000], y[:2_000], X_cal=X[2_000:15_000], target=willump.Agreement(0.98),
        costs={**costs, "stage": 1.0}, duplicates="traffic",
    )  # fmt: skip
    return model, cascade, X


def test_several_gates_make_the_certified_errors_and_no_others(two_gates: Any) -> None:
    model, cascade, X = two_gates
    certificate = cascade.metadata["certificate"]
    gates = certificate["gates"]
    assert 2 <= len(gates) <= MAX_GATES
    assert gates[0]["blocks"] == certificate["blocks"]
    assert sum(gate["share_leaving"] for gate in gates) == pytest.approx(
        certificate["share_leaving"]
    )
    assert certificate["n_wrong"] <= certificate["k"]
    from willump._core import tune_split

    certify = np.frombuffer(tune_split(13_000, None, 0.2, 0), np.uint8) == 0
    rows = X[2_000:15_000][certify]
    assert certificate["n_rows"] == len(rows)
    label, stages = cascade._interface.run("predict", rows, stages=True)
    exact = willump.compile(model, strict=True)
    assert np.sum(label != exact.predict(rows)) == certificate["n_wrong"]
    counts = np.bincount(stages, minlength=len(gates) + 1)
    assert counts[:-1].tolist() == [round(g["share_leaving"] * len(rows)) for g in gates]


def test_several_gates_cost_less_than_each_of_them_alone(two_gates: Any) -> None:
    model, cascade, X = two_gates
    certificate = cascade.metadata["certificate"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_prefix_tuner.PrefixTuner, "max_gates", 1)
        one = willump.optimize(
            model, X[:2_000], X_cal=X[2_000:15_000], target=willump.Agreement(0.98),
            costs=certificate["costs"], duplicates="traffic",
        )  # fmt: skip
    assert len(one.metadata["certificate"]["gates"]) == 1
    assert certificate["expected_cost"] < one.metadata["certificate"]["expected_cost"]


def test_rows_past_all_gates_have_the_bits_of_the_whole_ensemble(two_gates: Any) -> None:
    model, cascade, X = two_gates
    rows = X[15_000:]
    n_gates = len(cascade.metadata["certificate"]["gates"])
    exact = willump.compile(model, strict=True)
    for method in ("predict", "predict_proba", "decision_function"):
        result, stages = cascade._interface.run(method, rows, stages=True)
        stays = np.asarray(stages) == n_gates
        assert 0 < stays.sum() < len(rows)
        np.testing.assert_array_equal(result[stays], getattr(exact, method)(rows)[stays])


def test_several_gates_give_the_same_bits_in_batches_and_threads(two_gates: Any) -> None:
    _, cascade, X = two_gates
    rows = X[15_000:16_500]
    expected = cascade.predict_proba(rows)
    saved = cascade.to_bytes()
    for again in (
        willump.CompiledModel.from_bytes(saved),
        willump.CompiledModel.from_bytes(saved, n_threads=2),
    ):
        for size in (1, 7, 1_000):
            parts = [again.predict_proba(rows[i : i + size]) for i in range(0, len(rows), size)]
            np.testing.assert_array_equal(np.concatenate(parts), expected)
    assert again.to_bytes() == saved
    assert again.metadata["certificate"] == cascade.metadata["certificate"]


def test_explain_shows_each_gate(two_gates: Any) -> None:
    _, cascade, _ = two_gates
    text = str(cascade.explain())
    gates = cascade.metadata["certificate"]["gates"]
    for number, gate in enumerate(gates, 1):
        assert f"gate {number}: {' and '.join(gate['blocks'])}" in text
        assert f"{gate['share_leaving']:.2%} of the rows leave" in text


def costs_of(model: Any, n_classes: int) -> list[float]:
    """A unit a tree, whatever the machine says."""
    X, y = data(n_classes)
    conversion = convert.start(model.fit(X[:1_500], y[:1_500]))
    ensemble = find_ensemble(conversion.builder, conversion.model.label.node)
    return np.diff(Prefixes(conversion.builder, ensemble).ends, prepend=0).tolist()


def test_nothing_is_trained() -> None:

    model = GradientBoostingClassifier(n_estimators=20, random_state=0)
    X, _ = data(2)
    costs = costs_of(model, 2)
    model.fit = None  # what a clone would need
    target = willump.Agreement(0.95)
    cascade = willump.optimize(model, X[:10], X_cal=X[1_500:5_000], target=target, costs=costs)
    assert "certificate" in cascade.metadata
    assert cascade.predict(X[:5]).shape == (5,)


@pytest.mark.parametrize("kind", ["columns", "frame", "single"])
def test_rows_may_lie_as_the_caller_has_them(kind: str) -> None:
    X, y = data(2)
    model = GradientBoostingClassifier(n_estimators=20, random_state=0).fit(X[:1_500], y[:1_500])
    costs, target = costs_of(model, 2), willump.Agreement(0.97)
    X = X.astype(np.float32)  # the same rows, however they lie
    given: Any = {"columns": np.asfortranarray, "frame": pd.DataFrame, "single": lambda x: x}[kind](
        X if kind == "single" else X.astype(np.float64)
    )
    cascade = willump.optimize(
        model, given[:1_500], X_cal=given[1_500:4_000], target=target, costs=costs
    )
    assert "certificate" in cascade.metadata
    expected = cascade.predict_proba(np.ascontiguousarray(X, np.float64))
    np.testing.assert_array_equal(cascade.predict_proba(given), expected)


def test_a_short_ensemble_is_not_cut() -> None:
    X, y = data(2)
    model = RandomForestClassifier(4, random_state=0).fit(X[:500], y[:500])
    with pytest.warns(willump.NotCertifiedWarning):
        willump.optimize(model, X[:500], y[:500], X_cal=X[500:3_000])


def one_turn(name: str, x: Any) -> tuple[Any, Any]:
    """Ensembles whose trees are one turn of all outputs, which nothing tears apart."""
    y = x[:, 0] + np.maximum(x[:, 1], 0.0) * x[:, 2]
    if name == "a median":
        return AdaBoostRegressor(n_estimators=30, random_state=0).fit(x, y), willump.Tolerance(
            abs=1.0, share=0.8
        )
    y = np.digitize(y, np.quantile(y, np.linspace(0, 1, 19)[1:-1]))
    return HistGradientBoostingClassifier(max_iter=1).fit(x, y), willump.Agreement(0.5)


@pytest.mark.filterwarnings("ignore::willump.NotCertifiedWarning")
@pytest.mark.parametrize("name", ["a median", "a round of many classes"])
def test_trees_of_one_turn_are_not_cut(name: str) -> None:
    x = np.random.default_rng(0).normal(size=(2_000, 4))
    model, target = one_turn(name, x[:500])
    conversion = convert.start(model)
    answer = conversion.model.prediction or conversion.model.label
    assert find_ensemble(conversion.builder, answer.node) is None
    # Costs are measured, which needs two segments of what is cut.
    fast = willump.optimize(model, x[:500], X_cal=x[500:1_500], target=target)
    answers, exact = fast.predict(x[1_500:]), model.predict(x[1_500:])
    is_near = np.abs(answers - exact) <= (1.0 if name == "a median" else 0.0)
    assert is_near.mean() >= getattr(target, "share", 0.5) - 0.1


def test_regressors_have_no_labels_to_agree_on() -> None:
    X, _ = data(2)
    model = GradientBoostingRegressor().fit(X[:200], X[:200, 0])
    with pytest.raises(willump.UnsupportedError, match="Agreement is about labels"):
        willump.optimize(model, X[:200], X_cal=X[200:900])


def test_too_few_rows_are_refused() -> None:
    X, y = data(2)
    model = GradientBoostingClassifier(n_estimators=20).fit(X[:500], y[:500])
    with pytest.warns(willump.NotCertifiedWarning, match="too few"):
        fast = willump.optimize(model, X[:500], y[:500], X_cal=X[500:600])
    np.testing.assert_array_equal(fast.predict(X), model.predict(X))


@pytest.mark.parametrize("sizes", [[1] * 20, [0, 2, 0, 0, 1] * 4, [0] * 19 + [3], [3] + [0] * 16])
@pytest.mark.parametrize("has_tests", [False, True])
def test_parts_take_their_own_splits_tests_and_leaves(sizes: list[int], has_tests: bool) -> None:
    n = sum(sizes)
    numbers = np.arange(n)
    attributes: dict[str, Any] = {
        "feature": numbers, "threshold": numbers / 2, "flags": numbers % 4,
        "left": 100 + numbers, "right": 200 + numbers, "sizes": np.array(sizes),
        "leaves": np.arange(n + len(sizes)) / 4,
        "test": numbers[::-1] if has_tests else None,
    }  # fmt: skip
    builder = GraphBuilder()
    x = builder.node("input", (), {"kind": "matrix", "n_features": max(n, 1)})
    node = builder.nodes[builder.node("trees", (x,), attributes)]
    for cut in (1, len(sizes) // 2, len(sizes)):
        parts = [trees_between(builder, node, *ends) for ends in ((0, cut), (cut, len(sizes)))]
        for name in ("left", "right", "sizes", "leaves"):
            whole = np.concatenate([np.asarray(part[name]) for part in parts])
            np.testing.assert_array_equal(whole, attributes[name])
        features = []
        for part in parts:
            feature = np.asarray(part["feature"])
            features.append(feature[np.asarray(part["test"])] if has_tests else feature)
            assert len(feature) == len(np.asarray(part["left"]))
        np.testing.assert_array_equal(
            np.concatenate(features), numbers[::-1] if has_tests else numbers
        )
