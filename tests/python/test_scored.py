"""Scores of rows drawn again and again are those that scikit-learn's scorers give."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics
from sklearn.metrics import get_scorer, get_scorer_names, make_scorer
from willump._metrics import Given, Truth, by_cells, shortcut
from willump._scored import Scored, _AnsweredClassifier, _AnsweredRegressor

BINARY = [
    "accuracy", "balanced_accuracy", "matthews_corrcoef", "neg_log_loss", "neg_brier_score",
    "roc_auc", "average_precision", "f1", "precision", "recall", "jaccard",
]  # fmt: skip
AVERAGED = [
    f"{name}_{average}"
    for name in ("f1", "precision", "recall", "jaccard")
    for average in ("macro", "micro", "weighted")
]
SEVERAL = [
    "accuracy", "balanced_accuracy", "matthews_corrcoef", "neg_log_loss", "top_k_accuracy",
    "roc_auc_ovr", "roc_auc_ovr_weighted",
]  # fmt: skip
NUMBERS = [
    "r2", "explained_variance", "neg_max_error", "neg_mean_absolute_error",
    "neg_mean_squared_error", "neg_root_mean_squared_error", "neg_median_absolute_error",
    "neg_mean_absolute_percentage_error", "neg_mean_squared_log_error",
    "neg_root_mean_squared_log_error",
]  # fmt: skip


def numbers_of(scorer: Any, truth: Any, known: Given, classes: Any, rows: Any) -> tuple[Any, float]:
    """By the shortcut (None without one), and by the scorer; NaN where that raises."""
    kind = _AnsweredRegressor if classes is None else _AnsweredClassifier
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        short = shortcut(scorer)
        found = None if short is None else short(Truth.of(truth, classes), known)
        own = None if found is None else found(rows)
        try:
            wanted = float(scorer(kind(dict(known.methods), classes), rows[:, None], truth[rows]))
        except ValueError:
            wanted = float("nan")
    return own, wanted


def classified(draw: Any, n_classes: int, classes: Any) -> tuple[Any, Given, Any]:
    """Random labels and answers with ties; and rows, each drawn any number of times."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n = draw(st.integers(n_classes, 60))
    codes = rng.integers(0, n_classes, n)
    codes[:n_classes] = np.arange(n_classes)  # each class is there, if not in what is drawn
    scores = np.round(rng.normal(0, 1.5, (n, n_classes)) + 2 * np.eye(n_classes)[codes], 1)
    if draw(st.booleans()):
        scores[:] = 0.0  # constant: all rows tie
    proba = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    methods = {"predict": classes[scores.argmax(axis=1)], "predict_proba": proba}
    if draw(st.booleans()):
        decision = scores[:, 1] - scores[:, 0] if n_classes == 2 else scores
        methods["decision_function"] = decision
    drawn = rng.integers(0, n, draw(st.integers(1, n)))
    return classes[codes], Given(methods, scores.argmax(axis=1)), drawn


@pytest.mark.parametrize("metric", BINARY + AVERAGED)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_scores_of_two_classes(metric: str, data: Any) -> None:
    truth, known, rows = classified(data.draw, 2, np.array([0, 1]))
    own, wanted = numbers_of(get_scorer(metric), truth, known, np.array([0, 1]), rows)
    assert own == pytest.approx(wanted, rel=1e-9, abs=1e-12, nan_ok=True)


@pytest.mark.parametrize("metric", SEVERAL + AVERAGED)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_scores_of_several_classes(metric: str, data: Any) -> None:
    classes = np.array(["a", "b", "c", "d"], object)[: data.draw(st.integers(3, 4))]
    truth, known, rows = classified(data.draw, len(classes), classes)
    scorer = get_scorer(metric)
    if metric.startswith("roc_auc"):  # which takes probabilities alone
        known = Given({k: v for k, v in known.methods.items() if k[0] == "p"}, known.codes)
    own, wanted = numbers_of(scorer, truth, known, classes, rows)
    assert own == pytest.approx(wanted, rel=1e-9, abs=1e-12, nan_ok=True)


@pytest.mark.parametrize("metric", NUMBERS)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_scores_of_predictions(metric: str, data: Any) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    n, width = data.draw(st.integers(1, 60)), data.draw(st.sampled_from([None, 1, 3]))
    width = None if metric == "neg_max_error" else width
    shape = (n,) if width is None else (n, width)
    truth = np.round(rng.gamma(2.0, 3.0, shape), data.draw(st.integers(0, 3)))
    predicted = np.abs(truth + rng.normal(0, data.draw(st.sampled_from([0.0, 1.0])), shape))
    rows = rng.integers(0, n, data.draw(st.integers(1, n)))
    own, wanted = numbers_of(
        get_scorer(metric), truth, Given({"predict": predicted}, None), None, rows
    )
    assert own == pytest.approx(wanted, rel=1e-9, abs=1e-9, nan_ok=True)


@pytest.mark.parametrize(
    "scorer",
    [
        make_scorer(metrics.fbeta_score, beta=2.0),
        make_scorer(metrics.f1_score, average="macro"),
        make_scorer(metrics.f1_score, pos_label=0),
        *(
            make_scorer(of, zero_division=value, average=average)
            for of in (metrics.f1_score, metrics.precision_score, metrics.jaccard_score)
            for value in (0, 1.0)
            for average in ("binary", "macro")
        ),
        make_scorer(metrics.cohen_kappa_score),
        make_scorer(metrics.accuracy_score, greater_is_better=False),
    ],
)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_scorers_of_ones_own_over_known_functions(scorer: Any, data: Any) -> None:
    truth, known, rows = classified(data.draw, 2, np.array([0, 1]))
    own, wanted = numbers_of(scorer, truth, known, np.array([0, 1]), rows)
    assert own == pytest.approx(wanted, rel=1e-9, abs=1e-12, nan_ok=True)


def weighed(true: Any, predicted: Any, sample_weight: Any = None) -> float:
    return float(np.average(true == predicted, weights=sample_weight) ** 2)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning")
@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize(
    "scorer",
    [
        make_scorer(weighed),
        make_scorer(metrics.f1_score, average="macro", zero_division=np.nan),
        make_scorer(metrics.fbeta_score, beta=0.5, average="weighted", labels=[0]),
        make_scorer(metrics.cohen_kappa_score, weights="quadratic"),
        make_scorer(metrics.zero_one_loss, greater_is_better=False),
        make_scorer(metrics.hamming_loss),
    ],
)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_scores_of_pairs_with_weights_are_those_of_their_rows(
    scorer: Any, n_classes: int, data: Any
) -> None:
    classes = np.arange(n_classes)
    truth, known, rows = classified(data.draw, n_classes, classes)
    times = 8 * n_classes**2 // len(truth) + 1  # few pairs for the rows
    truth, codes = np.tile(truth, times), np.tile(known.codes, times)
    known = Given({"predict": classes[codes]}, codes)
    short = by_cells(scorer)
    assert short is not None
    found = short(Truth.of(truth, classes), known)
    _, wanted = numbers_of(scorer, truth, known, classes, rows)
    assert found is not None
    assert found(rows) == pytest.approx(wanted, rel=1e-9, abs=1e-12, nan_ok=True)


def test_a_function_that_takes_weights_for_something_else_is_not_given_pairs() -> None:
    def scaled(true: Any, predicted: Any, sample_weight: Any = None) -> float:
        weights = np.ones(len(true)) if sample_weight is None else np.asarray(sample_weight)
        return float(np.mean(weights * (true == predicted)))

    truth = np.tile([0, 1, 1, 0], 20)
    known = Given({"predict": np.tile([0, 1, 0, 0], 20)}, np.tile([0, 1, 0, 0], 20))
    scored = Scored(make_scorer(scaled), truth, np.array([0, 1]), is_regressor=False)
    scored.begin(known)
    assert scored.is_called
    assert scored.on(np.arange(80), known)(np.array([0, 1, 2, 4])) == 0.75


def test_rows_of_several_labels_are_right_as_a_whole() -> None:
    rng = np.random.default_rng(0)
    truth, predicted = rng.integers(0, 2, (2, 50, 2))
    known = Given({"predict": predicted}, None)
    rows = rng.integers(0, 50, 30)
    own, wanted = numbers_of(get_scorer("accuracy"), truth, known, np.array([0, 1]), rows)
    assert own == pytest.approx(wanted)


@pytest.mark.parametrize(
    "scorer",
    [
        make_scorer(metrics.f1_score, zero_division=np.nan),
        make_scorer(lambda true, predicted: float(np.mean(true == predicted))),
        get_scorer("roc_auc_ovo"),
        lambda estimator, x, y: 1.0,
    ],
)
def test_what_is_not_known_is_asked_of_the_scorer_itself(scorer: Any) -> None:
    short = shortcut(scorer)
    truth = Truth.of(np.arange(3), np.arange(3))
    assert short is None or short(truth, Given({"predict_proba": np.eye(3)}, None)) is None


def test_every_scorer_gives_its_own_numbers() -> None:
    """With or without a shortcut."""
    rng = np.random.default_rng(1)
    classes = np.array([0, 1])
    codes = rng.integers(0, 2, 80)
    scores = rng.random(80) * 0.5 + 0.3 * codes
    proba = np.column_stack([1 - scores, scores])
    labels = Given({"predict": (scores > 0.5).astype(np.int64), "predict_proba": proba},
                   (scores > 0.5).astype(np.int64))  # fmt: skip
    predictions = Given({"predict": scores + 0.5}, None)
    n_compared = 0
    for metric in get_scorer_names():
        is_number = metric in NUMBERS or "deviance" in metric or metric == "d2_absolute_error_score"
        truth, known = (scores**2 + 0.1, predictions) if is_number else (codes, labels)
        scored = Scored(get_scorer(metric), truth, classes, is_regressor=is_number)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                scored.begin(known)
            except ValueError:  # of several classes, or of several labels a row
                continue
            rows = rng.integers(0, 80, 80)
            own = scored.on(np.arange(80), known)(rows)
            kind = _AnsweredRegressor if is_number else _AnsweredClassifier
            wanted = get_scorer(metric)(
                kind(dict(known.methods), classes), rows[:, None], truth[rows]
            )
        assert own == pytest.approx(wanted, rel=1e-9, nan_ok=True), metric
        n_compared += 1
    assert n_compared >= 30


def test_a_shortcut_that_gives_other_numbers_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(
        __import__("willump._metrics")._metrics._METRICS,
        "accuracy_score",
        lambda truth, given: lambda rows: 0.5,
    )
    truth = np.array([0, 1, 1, 0])
    known = Given({"predict": truth}, truth)
    scored = Scored(get_scorer("accuracy"), truth, np.array([0, 1]), is_regressor=False)
    scored.begin(known)
    assert scored.is_called
    assert scored.on(np.arange(4), known)(np.array([0, 0, 1])) == 1.0


def test_rows_that_do_not_define_a_score_are_undefined() -> None:
    truth = np.array([0, 1, 0, 0])
    proba = np.array([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3], [0.6, 0.4]])
    known = Given({"predict": truth, "predict_proba": proba}, truth)
    scored = Scored(get_scorer("neg_log_loss"), truth, np.array([0, 1]), is_regressor=False)
    scored.begin(known)
    assert np.isnan(scored.on(np.arange(4), known)(np.array([0, 2])))
