"""Targets that are estimated, several labels a row, and models that stay Python."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import willump
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import f1_score, get_scorer, make_scorer
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier
from sklearn.naive_bayes import MultinomialNB
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline, make_union
from sklearn.svm import SVC
from test_optimize_accuracy import certify_rows, texts
from willump import _core
from willump._estimate import CALLED_PARTS, CALLED_REPLICATES, _monte_carlo_error

COSTS = [1.0, 20.0]


def union() -> Any:
    return make_union(
        CountVectorizer(max_features=250),
        TfidfVectorizer(analyzer="char", ngram_range=(2, 4), max_features=3000),
    )


@pytest.fixture(scope="module")
def fitted() -> Any:
    x, y = texts(1500, 1, 2)
    return make_pipeline(union(), LogisticRegression()).fit(x, y), x, y


@pytest.fixture(autouse=True)
def few_replicates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("willump._estimate.REPLICATES", 200)


def optimized(fitted: Any, n: int, target: Any, **options: Any) -> Any:
    x, y = texts(n, 2, 2)
    given = {"costs": COSTS, "duplicates": "traffic", "y_cal": y, **options}
    return willump.optimize(*fitted, X_cal=x, target=target, **given)


# ---- Estimated -------------------------------------------------------------------


@pytest.mark.parametrize("metric", ["f1_macro", "roc_auc"])
def test_the_figures_are_the_scorers_own_of_the_deployed_cascade(fitted: Any, metric: str) -> None:
    cascade = optimized(fitted, 2500, willump.Estimated(metric, 0.03))
    certificate = cascade.metadata["certificate"]
    x, y = texts(2500, 2, 2)
    at = certify_rows(2500)
    rows, truth = [x[i] for i in at], np.asarray(y)[at]
    scorer = get_scorer(metric)
    assert certificate["metric_exact"] == pytest.approx(scorer(fitted[0], rows, truth))
    assert certificate["metric_cascade"] == pytest.approx(scorer(cascade, rows, truth))
    assert certificate["loss_estimated"] <= certificate["loss_upper"] <= 0.03
    assert 0.0 < certificate["share_leaving"] <= 1.0
    assert certificate["promise"].startswith("estimated, not certified: ")
    assert certificate["kind"] == "estimated"
    assert "estimated" in certificate["method"]
    again = willump.from_bytes(cascade.to_bytes())
    assert again.metadata["certificate"] == certificate


def test_a_scorer_of_ones_own_may_be_given(fitted: Any) -> None:
    def yes_f1(estimator: Any, X: Any, y: Any) -> float:
        return float(f1_score(y, estimator.predict(X), pos_label="yes"))

    certificate = optimized(fitted, 2000, willump.Estimated(yes_f1, 0.05)).metadata["certificate"]
    assert certificate["metric"] == "yes_f1"
    assert certificate["loss_upper"] <= 0.05
    assert certificate["n_replicates"] == 200


@pytest.mark.parametrize("kind", ["a callable", "a function of labels"])
def test_a_slow_scorer_is_called_a_bounded_number_of_times(fitted: Any, kind: str) -> None:
    """And always with the same result: nothing is chosen by how long a call takes."""
    calls = [0]

    def measured(y: Any, predicted: Any, sample_weight: Any = None) -> float:
        calls[0] += 1
        return float(f1_score(y, predicted, pos_label="yes", sample_weight=sample_weight))

    own: Any = lambda model, X, y: measured(y, model.predict(X))  # noqa: E731
    metric = make_scorer(measured) if kind == "a function of labels" else own
    found = [
        optimized(fitted, 2000, willump.Estimated(metric, 0.05)).metadata["certificate"]
        for _ in range(2)
    ]
    assert found[0] == found[1]
    assert 0.0 < found[0]["monte_carlo_error"] < found[0]["loss_upper"] - found[0]["loss_estimated"]
    assert calls[0] / 2 < 440 + 20 * 15


def test_with_their_own_error_few_replicates_miss_no_more_often() -> None:
    """Of the accuracy's loss, in 1,000 samples of 1,000 rows."""
    rng = np.random.default_rng(3)
    n, gains, harms, misses, room = 1000, 0.01, 0.03, 0, []
    for _ in range(1000):
        losses = rng.choice([-1.0, 0.0, 1.0], n, p=[gains, 1 - gains - harms, harms])
        shares = np.bincount(losses.astype(int) + 1, minlength=3) / n
        counts = rng.multinomial(n, shares, CALLED_REPLICATES)
        drawn = (counts[:, 2] - counts[:, 0]) / n
        parts = np.arange(n) % CALLED_PARTS
        left = np.array([losses[parts != i].mean() for i in range(CALLED_PARTS)])
        upper = _core.bootstrap_interval(drawn, losses.mean(), left, 0.05)[1]
        error = _monte_carlo_error(drawn, upper)
        misses += upper + error < harms - gains
        room.append(error / (upper - losses.mean()))
    assert misses <= 1000 * 0.05 + 3 * np.sqrt(1000 * 0.05 * 0.95)
    assert np.median(room) < 0.15  # what few replicates cost


def test_estimates_need_labels_and_enough_rows(fitted: Any) -> None:
    with pytest.raises(ValueError, match=r"Estimated needs the true labels.*y_cal"):
        optimized(fitted, 300, willump.Estimated("f1_macro", 0.1), y_cal=None)
    with pytest.warns(willump.NotCertifiedWarning, match=r"too few.*an estimated loss of f1_macro"):
        optimized(fitted, 90, willump.Estimated("f1_macro", 0.1))


def test_a_loss_that_nothing_meets_gives_the_exact_pipeline(fitted: Any) -> None:
    with pytest.warns(willump.NotCertifiedWarning):
        cascade = optimized(fitted, 600, willump.Estimated("neg_log_loss", 0.0))
    assert "certificate" not in cascade.metadata


def test_a_metric_that_the_model_cannot_have_is_its_own_error() -> None:
    x, y = texts(600, 1, 2)
    pipeline = make_pipeline(union(), Ridge()).fit(x, np.arange(600.0))
    with pytest.raises(Exception, match=r"predict_proba|decision_function|regressor|continuous"):
        willump.optimize(
            pipeline, x, X_cal=texts(600, 2, 2)[0], y_cal=y, costs=COSTS, duplicates="traffic",
            target=willump.Estimated("roc_auc", 0.01),
        )  # fmt: skip


def test_r2_of_a_regressor_is_estimated() -> None:
    x, y = texts(3000, 1, 2)
    z = np.array([len(t) + 10.0 * (label == "yes") for t, label in zip(x, y, strict=True)])
    pipeline = make_pipeline(union(), Ridge()).fit(x[:1000], z[:1000])
    cascade = willump.optimize(
        pipeline, x[:1000], z[:1000], X_cal=x[1000:], y_cal=z[1000:], costs=COSTS,
        duplicates="traffic", target=willump.Estimated("r2", 0.1),
    )  # fmt: skip
    certificate = cascade.metadata["certificate"]
    rows, truth = [x[1000 + i] for i in certify_rows(2000)], z[1000 + certify_rows(2000)]
    assert certificate["metric_cascade"] == pytest.approx(get_scorer("r2")(cascade, rows, truth))
    assert certificate["loss_upper"] <= 0.1


# ---- several labels a row --------------------------------------------------------


def several(n: int, seed: int) -> Any:
    x, y = texts(n, seed, 3)
    first = np.asarray(y)
    table = np.stack([first == "yes", first == "no", first != "maybe"], axis=1)
    return x, table.astype(int)


@pytest.mark.filterwarnings("ignore::willump.PythonStepWarning")
@pytest.mark.parametrize("kind", [OneVsRestClassifier, MultiOutputClassifier])
@pytest.mark.parametrize("model", [LogisticRegression(), MultinomialNB()], ids=repr)
def test_all_labels_of_a_row_agree(kind: Any, model: Any) -> None:
    x, y = several(1500, 1)
    pipeline = make_pipeline(union(), kind(model)).fit(x, y)
    fresh, _ = several(3000, 2)
    cascade = willump.optimize(
        pipeline, x, y, X_cal=fresh, target=willump.Agreement(0.9), costs=COSTS,
        duplicates="traffic",
    )  # fmt: skip
    certificate = cascade.metadata["certificate"]
    rows = [fresh[i] for i in certify_rows(3000)]
    exact, served = pipeline.predict(rows), cascade.predict(rows)
    assert served.dtype == exact.dtype
    assert certificate["n_wrong"] == np.any(exact != served, axis=1).sum() <= certificate["k"]
    assert "gives all of the exact pipeline's labels" in certificate["promise"]
    for j, shown in enumerate(certificate["agreement_by_class"].values()):
        there = exact[:, j] == 1
        assert shown["n_rows"] == there.sum()
        if there.any():
            assert shown["agreement"] == pytest.approx(served[there, j].mean())
    with pytest.raises(ValueError, match=r"y must hold \d labels a row"):
        willump.optimize(pipeline, x, y[:, :2], X_cal=fresh)
    with pytest.raises(ValueError, match="0 or 1"):
        willump.optimize(pipeline, x, y + 1, X_cal=fresh)
    with pytest.raises(willump.UnsupportedError, match="one label a row"):
        willump.optimize(
            pipeline, x, y, X_cal=fresh, y_cal=np.ones(3000), target=willump.Accuracy(0.1)
        )


# ---- models that stay Python -----------------------------------------------------


@pytest.mark.filterwarnings("ignore::willump.PythonStepWarning")
def test_a_kernel_machine_is_run_for_the_rows_that_stay() -> None:
    x, y = texts(500, 1, 2)
    pipeline = make_pipeline(CountVectorizer(), SVC()).fit(x, y)
    fresh, _ = texts(1500, 2, 2)
    cascade = willump.optimize(
        pipeline, x, y, X_cal=fresh, target=willump.Agreement(0.95), duplicates="traffic"
    )
    certificate = cascade.metadata["certificate"]
    # One block: the first stage reads all that the machine does, and costs less.
    assert certificate["blocks"] == ["features"]
    assert certificate["share_leaving"] > 0.3
    rows = [fresh[i] for i in certify_rows(1500)]
    assert certificate["n_wrong"] == np.sum(cascade.predict(rows) != pipeline.predict(rows))


@pytest.mark.filterwarnings("ignore::willump.PythonStepWarning")
def test_a_network_that_predicts_numbers_is_spared_too() -> None:
    x, y = texts(500, 1, 2)
    z = np.array([float(label == "yes") for label in y])
    model = MLPRegressor(hidden_layer_sizes=(64,), max_iter=30, random_state=0)
    pipeline = make_pipeline(CountVectorizer(max_features=300), model).fit(x, z)
    fresh, _ = texts(1500, 2, 2)
    cascade = willump.optimize(
        pipeline, x, z, X_cal=fresh, target=willump.Tolerance(abs=0.5, share=0.9),
        duplicates="traffic", costs={"features": 1.0, "model": 100.0},
    )  # fmt: skip
    rows = [fresh[i] for i in certify_rows(1500)]
    far = np.abs(cascade.predict(rows) - pipeline.predict(rows)) > 0.5
    assert cascade.metadata["certificate"]["n_wrong"] == far.sum()
