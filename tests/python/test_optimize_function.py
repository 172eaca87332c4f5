"""`optimize` of plain functions: what a call returns is certified, blocks are found behind
joins, Python steps and stacks, and rows that leave early are spared them."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse
import willump
from capture_data import flights, planes, rows_of, weather
from harness import quiet
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.neighbors import KNeighborsRegressor
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import OneHotEncoder, StandardScaler

PLANES, WEATHER = planes(), weather()
TRAIN, FRESH, LATER = flights(1200, seed=3), flights(2500, seed=4), flights(1500, seed=5)
OWN, LOOKED_UP = ["month", "distance"], ["year_y", "seats", "temp", "visib"]
CATEGORIES = ["carrier", "origin", "dest"]


def joined(frame: pd.DataFrame) -> pd.DataFrame:
    f = frame.merge(PLANES, on="tailnum", how="left")
    return f.merge(WEATHER, on=["origin", "time_hour"], how="left")


WHOLE = joined(TRAIN)
ENCODER = OneHotEncoder(handle_unknown="ignore").fit(WHOLE[CATEGORIES])
TFIDF = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 3)).fit(WHOLE["model"].fillna("none"))


def numbers(frame: pd.DataFrame) -> Any:
    return SCALER.transform(joined(frame)[OWN + LOOKED_UP].fillna(0.0))


SCALER = StandardScaler().fit(WHOLE[OWN + LOOKED_UP].fillna(0.0))


def features(frame: pd.DataFrame) -> Any:
    f = joined(frame)
    num = SCALER.transform(f[OWN + LOOKED_UP].fillna(0.0))
    cat = ENCODER.transform(f[CATEGORIES])
    txt = TFIDF.transform(f["model"].str.lower().fillna("none"))
    return scipy.sparse.hstack([num, cat, txt])


def truth(frame: pd.DataFrame) -> Any:
    """Mostly the distance, which takes no lookup."""
    f = joined(frame)
    noise = np.random.default_rng(len(frame)).normal(size=len(frame))
    seats = f["seats"].fillna(200).to_numpy() / 400
    return (f["distance"].to_numpy() - 2500) / 500 + seats + 0.1 * noise


IS_LATE = truth(TRAIN) > 0
NAMES = np.where(IS_LATE, "late", "on time")
MODEL = LogisticRegression(max_iter=200).fit(features(TRAIN), IS_LATE)
NAMED = LogisticRegression(max_iter=200).fit(features(TRAIN), NAMES)
REGRESSOR = Ridge().fit(features(TRAIN), truth(TRAIN))
FOREST = RandomForestClassifier(60, max_depth=6, random_state=0).fit(numbers(TRAIN), IS_LATE)

#: Of every block, ns a row: those behind lookups and the text are dear.
COSTS = {"num.month, distance": 1.0, "num.year_y, seats": 9.0, "num.temp, visib": 9.0,
         "cat": 5.0, "txt": 30.0, "model": 1.0}  # fmt: skip
OPTIONS: dict[str, Any] = {"random_state": 0, "costs": COSTS}


@willump.pipeline
def delay(frame: pd.DataFrame) -> Any:
    return MODEL.predict_proba(features(frame))[:, 1]


def both(frame: pd.DataFrame) -> Any:
    return MODEL.predict_proba(features(frame))


def decision(frame: pd.DataFrame) -> Any:
    return MODEL.decision_function(features(frame))


def label(frame: pd.DataFrame) -> Any:
    return NAMED.predict(features(frame))


def percent(frame: pd.DataFrame) -> Any:
    return 100 * MODEL.predict_proba(features(frame))[:, 1]


def minutes(frame: pd.DataFrame) -> Any:
    return REGRESSOR.predict(features(frame))


def clipped(frame: pd.DataFrame) -> Any:
    return np.clip(10 * REGRESSOR.predict(features(frame)), 0.0, 40.0)


def voted(frame: pd.DataFrame) -> Any:
    return FOREST.predict_proba(numbers(frame))[:, 1]


@pytest.fixture(scope="module")
def fast() -> Any:
    return willump.optimize(
        delay, TRAIN, IS_LATE, X_cal=FRESH, target=willump.Agreement(0.97), strict=True, **OPTIONS
    )


def share_that_left(fast: Any) -> float:
    rows = fast.stats()["stage_rows"]
    return float(sum(rows[:-1]) / sum(rows))


# ---- what a call returns ---------------------------------------------------------


def test_labels_of_later_rows_agree(fast: Any) -> None:
    assert isinstance(fast, willump.CompiledFunction)
    assert np.mean((fast(LATER) > 0.5) == (delay(LATER) > 0.5)) >= 0.97
    assert fast.metadata["certificate"]["kind"] == "agreement"


def test_joined_blocks_are_left_out_for_rows_that_leave(fast: Any) -> None:
    assert fast.metadata["certificate"]["blocks"] == ["num.month, distance"]
    fast(LATER)
    assert share_that_left(fast) > 0.5


def test_rows_that_stay_are_answered_exactly(fast: Any) -> None:
    again = willump.from_bytes(fast.to_bytes())
    same = np.isclose(again(LATER), delay(LATER), rtol=1e-9, atol=1e-12)
    stayed = again.stats()["stage_rows"][-1]
    assert 0 < stayed <= np.count_nonzero(same)


def test_only_the_result_is_shown(fast: Any) -> None:
    assert fast._methods == ["predict"]
    np.testing.assert_array_equal(fast.predict(LATER), fast(LATER))
    with pytest.raises(AttributeError, match="predict_proba"):
        fast.predict_proba(LATER)


def test_batches_threads_and_entries_give_the_same_bits(fast: Any) -> None:
    expected = fast(LATER)
    two = willump.from_bytes(fast.to_bytes(), n_threads=2)
    parts = [fast(LATER.iloc[i : i + 7]) for i in range(0, len(LATER), 7)]
    rows = [fast(row) for row in rows_of(LATER.head(40))]
    for found in (two(LATER), np.concatenate(parts), fast(pl.from_pandas(LATER))):
        np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(np.concatenate(rows), expected[:40])


def test_artifact_is_the_cascade(fast: Any, tmp_path: Path) -> None:
    fast.save(tmp_path / "delay.willump")
    again = willump.load(tmp_path / "delay.willump")
    assert isinstance(again, willump.CompiledFunction)
    np.testing.assert_array_equal(again(LATER), fast(LATER))
    assert again.metadata["certificate"] == fast.metadata["certificate"]
    assert again.explain().source == fast.explain().source


def test_program_gives_the_same_bits(fast: Any, tmp_path: Path) -> None:
    program = os.environ.get("WILLUMP_CLI") or str(Path(sys.prefix) / "bin" / "willump")
    assert os.access(program, os.X_OK), f"there is no program at {program}: set WILLUMP_CLI"
    artifact, table = tmp_path / "delay.willump", tmp_path / "flights.csv"
    fast.save(artifact)
    LATER.to_csv(table, index=False)
    run = {"capture_output": True, "text": True, "check": True}
    found = subprocess.run([program, "predict", artifact, table], **run)  # type: ignore[call-overload]
    answers = [float(line) for line in found.stdout.split()[1:]]
    np.testing.assert_array_equal(answers, fast(LATER))
    shown = subprocess.run([program, "inspect", artifact], **run)  # type: ignore[call-overload]
    assert "2 stages" in shown.stdout or "certificate" in shown.stdout


def test_explanation_has_the_source_and_the_certificate(fast: Any) -> None:
    said = str(fast.explain())
    assert "MODEL.predict_proba" in said
    assert "certificate" in said


def test_verify_knows_that_it_is_a_cascade(fast: Any) -> None:
    assert fast.verify(LATER).is_cascade


def test_recapture_is_refused(fast: Any) -> None:
    with pytest.raises(willump.UnsupportedError, match=r"willump\.optimize again"):
        fast.recapture()


# ---- results and targets ---------------------------------------------------------


def test_labels_may_be_returned() -> None:
    fast = willump.optimize(
        label, TRAIN, NAMES, X_cal=FRESH, target=willump.Agreement(0.97), **OPTIONS
    )
    found = fast(LATER)
    assert found.dtype == label(LATER).dtype
    assert np.mean(found == label(LATER)) >= 0.97
    assert share_that_left(fast) > 0.5


def decided(frame: pd.DataFrame) -> Any:
    p = MODEL.predict_proba(features(frame))[:, 1]
    return np.select([p > 0.8, p > 0.3], ["call", "write"], default="wait")


@pytest.mark.parametrize("y", [IS_LATE, None])
def test_labels_that_are_made_of_scores_agree(y: Any) -> None:
    fast = willump.optimize(
        decided, TRAIN, y, X_cal=FRESH, target=willump.Agreement(0.95), **OPTIONS
    )
    found = fast(LATER)
    assert found.dtype == decided(LATER).dtype
    assert np.mean(found == decided(LATER)) >= 0.95
    assert share_that_left(fast) > 0.3
    assert sorted(fast.classes_) == ["call", "wait", "write"]
    again = willump.from_bytes(fast.to_bytes())
    np.testing.assert_array_equal(again(LATER), found)


def test_columns_that_are_not_read_may_be_missing_later() -> None:
    known = pd.concat(
        [pd.Series(IS_LATE.astype(int), name="late", index=TRAIN.index), TRAIN], axis=1
    )
    target = willump.Agreement(0.95)
    fast = willump.optimize(delay, known, IS_LATE, X_cal=FRESH, target=target, random_state=0)
    assert np.mean((fast(LATER) > 0.5) == (delay(LATER) > 0.5)) >= 0.95


def test_no_bounds_prove_labels_that_are_made_of_scores() -> None:
    from willump._lossless import Lossless
    from willump.capture.conversion import start

    job = Lossless(start(decided, TRAIN), strict=False, n_threads=1)
    assert not job.has_labels


def test_accuracy_is_that_of_the_returned_labels() -> None:
    cal = np.where(truth(FRESH) > 0, "late", "on time")
    fast = willump.optimize(
        label, TRAIN, NAMES, X_cal=FRESH, y_cal=cal, target=willump.Accuracy(0.03), **OPTIONS
    )
    later = np.where(truth(LATER) > 0, "late", "on time")
    assert np.mean(fast(LATER) == later) >= np.mean(label(LATER) == later) - 0.03
    assert fast.metadata["certificate"]["kind"] == "accuracy"


@pytest.mark.parametrize("function", [both, decision])
def test_scores_tell_labels(function: Any) -> None:
    fast = willump.optimize(
        function, TRAIN, IS_LATE, X_cal=FRESH, target=willump.Agreement(0.97), **OPTIONS
    )
    expected, found = function(LATER), fast(LATER)
    assert found.shape == expected.shape
    labels = [s > 0 if s.ndim == 1 else s[:, 1] > s[:, 0] for s in (expected, found)]
    assert np.mean(labels[0] == labels[1]) >= 0.97


@pytest.mark.parametrize(("function", "room"), [(delay, 0.05), (percent, 5.0), (minutes, 1.0),
                                                (clipped, 5.0)])  # fmt: skip
def test_tolerance_is_of_what_is_returned(function: Any, room: float) -> None:
    y = truth(TRAIN) if function in (minutes, clipped) else IS_LATE
    target = willump.Tolerance(abs=room, share=0.95)
    fast = willump.optimize(function, TRAIN, y, X_cal=FRESH, target=target, **OPTIONS)
    assert np.mean(np.abs(fast(LATER) - function(LATER)) <= room) >= 0.95
    assert share_that_left(fast) > 0.1
    assert fast.metadata["certificate"]["kind"] == "tolerance"


def test_own_predictions_teach_where_y_is_not_given() -> None:
    target = willump.Tolerance(abs=5.0, share=0.95)
    fast = willump.optimize(clipped, TRAIN, X_cal=FRESH, target=target, **OPTIONS)
    fast(LATER)
    assert share_that_left(fast) > 0.1


def test_estimated_metric_is_of_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("willump._estimate.REPLICATES", 100)
    target = willump.Estimated("roc_auc", 0.02)
    fast = willump.optimize(
        delay, TRAIN, IS_LATE, X_cal=FRESH, y_cal=truth(FRESH) > 0, target=target, **OPTIONS
    )
    assert fast.metadata["certificate"]["metric"] == "roc_auc"


def test_trees_are_cut() -> None:
    fast = willump.optimize(
        voted, TRAIN, IS_LATE, X_cal=FRESH, target=willump.Agreement(0.97), random_state=0,
        costs=[1.0] * len(tree_blocks()),
    )  # fmt: skip
    assert np.mean((fast(LATER) > 0.5) == (voted(LATER) > 0.5)) >= 0.97
    assert share_that_left(fast) > 0.1


def tree_blocks() -> list[str]:
    from willump._prefix_tuner import PrefixTuner
    from willump.capture.conversion import start

    return PrefixTuner(start(voted, TRAIN), TRAIN, IS_LATE, strict=False, n_threads=1).names


def test_top_rows_are_found() -> None:
    target = willump.TopKRecall(0.8, share=0.8, confidence=None, query_size=100)
    fast = willump.optimize(delay, TRAIN, IS_LATE, X_cal=FRESH, target=target, **OPTIONS)
    assert fast.metadata["certificate"]["kind"] == "top_k"
    ids, scores = fast.top_k(LATER, 10)
    np.testing.assert_allclose(scores, delay(LATER)[ids], rtol=1e-9)
    np.testing.assert_allclose(fast(LATER), delay(LATER), rtol=1e-9)


# ---- Python steps ----------------------------------------------------------------

SEEN: list[str] = []


def code_of(name: str) -> float:
    SEEN.append(name)
    return float(zlib.crc32(name.encode()) % 7)


def stepped(frame: pd.DataFrame) -> Any:
    own = frame[OWN].to_numpy() / 1000.0
    code = frame["carrier"].map(code_of).to_numpy()
    return STEPPED.predict_proba(np.column_stack([own, code]))[:, 1]


def ranked(frame: pd.DataFrame) -> Any:
    own = frame[OWN].to_numpy() / 1000.0
    rank = frame["distance"].rank(pct=True).to_numpy()
    return RANKED.predict_proba(np.column_stack([own, rank]))[:, 1]


def fitted(column: pd.Series) -> Any:
    matrix = np.column_stack([TRAIN[OWN].to_numpy() / 1000.0, column.to_numpy()])
    return LogisticRegression().fit(matrix, IS_LATE)


STEPPED = fitted(TRAIN["carrier"].map(code_of))
RANKED = fitted(TRAIN["distance"].rank(pct=True))


@pytest.mark.filterwarnings("ignore::willump.PythonStepWarning")
def test_python_step_is_spared_the_rows_that_leave() -> None:
    fast = willump.optimize(
        stepped, TRAIN, IS_LATE, X_cal=FRESH, target=willump.Agreement(0.97), random_state=0,
        costs={"own": 1.0, "code": 100.0},
    )  # fmt: skip
    SEEN.clear()
    found = fast(LATER)
    assert len(SEEN) == fast.stats()["stage_rows"][-1] < len(LATER)
    assert np.mean((found > 0.5) == (stepped(LATER) > 0.5)) >= 0.97


@pytest.mark.filterwarnings("ignore::willump.PythonStepWarning")
def test_step_that_is_not_row_wise_gets_all_rows() -> None:
    fast = willump.optimize(
        ranked, TRAIN, IS_LATE, X_cal=FRESH, target=willump.Tolerance(abs=0.0005, share=0.9),
        random_state=0, costs={"own": 1.0, "rank": 100.0},
    )  # fmt: skip
    same = np.isclose(fast(LATER), ranked(LATER), rtol=1e-9)
    assert 0 < fast.stats()["stage_rows"][-1] <= np.count_nonzero(same)
    assert "not row-wise" in str(fast.explain())


def in_order(frame: pd.DataFrame) -> Any:
    f = joined(frame).sort_values("distance")
    num = SCALER.transform(f[OWN + LOOKED_UP].fillna(0.0))
    return SORTED.predict_proba(scipy.sparse.hstack([num, ENCODER.transform(f[CATEGORIES])]))[:, 1]


SORTED = LogisticRegression(max_iter=500).fit(
    scipy.sparse.hstack([numbers(TRAIN), ENCODER.transform(WHOLE[CATEGORIES])]), IS_LATE
)


@pytest.mark.filterwarnings("ignore::willump.PythonStepWarning")
@pytest.mark.parametrize(
    "target", [willump.Agreement(0.8), willump.Tolerance(abs=0.3, share=0.7)], ids=repr
)
def test_rows_in_another_order_are_not_certified(target: Any) -> None:
    refused(in_order, target, "rows that would certify the cascade have other answers")


# ---- lossless --------------------------------------------------------------------


def test_lossless_labels_are_the_function_s() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", willump.NoGainWarning)  # whether it pays is measured
        fast = willump.optimize(label, TRAIN, target=willump.Lossless())
    assert isinstance(fast, willump.CompiledFunction)
    np.testing.assert_array_equal(fast(LATER), label(LATER))


def test_lossless_rankings_are_the_function_s() -> None:
    from willump._lossless import Lossless
    from willump.capture.conversion import start

    job = Lossless(start(delay, TRAIN), strict=True, n_threads=1)
    assert job.family is not None  # of its scores: labels are not what it returns
    assert job.shown is not None
    assert not job.has_labels
    state = job.family.states[0]
    told = {"lossless": {"top_k": job.told_range(state)}}
    fast = job._compiled(job.conversion.artifact(job.stages([], state), told))
    ids, scores = fast.top_k(LATER, 10)
    exact = job._compiled(job.conversion.artifact())
    np.testing.assert_array_equal(ids, exact.top_k(LATER, 10)[0])
    np.testing.assert_array_equal(scores, exact(LATER)[ids])
    np.testing.assert_array_equal(fast(LATER), exact(LATER))
    np.testing.assert_allclose(exact(LATER), delay(LATER), rtol=1e-9)


# ---- costs -----------------------------------------------------------------------


def test_lookups_that_blocks_share_are_paid_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from willump import _blocks
    from willump._tuner import Tuner
    from willump.capture.conversion import start

    tuner = Tuner(start(delay, TRAIN), TRAIN, IS_LATE, strict=True, n_threads=1)
    # Every output takes 12 ns a row: what a block shares with others is all of it.
    monkeypatch.setattr(_blocks, "times_of", lambda calls, *_: [12.0] * len(calls))
    costs, others = tuner.read.measure(TRAIN, [])
    by_name = dict(zip(tuner.names, costs, strict=True))
    assert others == []
    assert by_name["cat"] == pytest.approx(12.0 - 12.0 * 4 / 5)  # the input alone, of five
    assert sum(costs) <= 5 * 12.0 - 4 * 12.0 + 1e-9


# ---- refusals --------------------------------------------------------------------


def refused(function: Any, target: Any, match: str, **options: Any) -> None:
    given = {"X_cal": FRESH, **options}
    with pytest.raises(willump.UnsupportedError, match=match):
        willump.optimize(function, TRAIN, IS_LATE, target=target, **given)


def test_refit_is_refused() -> None:
    with pytest.raises(ValueError, match=r"encoders and tables of a function.*all of X"):
        willump.optimize(delay, TRAIN, IS_LATE, refit=True)


def test_tolerance_of_labels_is_refused() -> None:
    refused(label, willump.Tolerance(abs=1.0, share=0.9), "label returns labels")


def test_agreement_of_scores_that_tell_no_label_is_refused() -> None:
    tuned = FixedThresholdClassifier(LogisticRegression(max_iter=200), threshold=0.2)
    tuned.fit(features(TRAIN), IS_LATE)

    def share(frame: pd.DataFrame) -> Any:
        return tuned.predict_proba(features(frame))[:, 1]

    refused(share, willump.Agreement(0.9), "what .*share returns is made from them")


def test_accuracy_of_labels_that_are_made_of_scores_is_refused() -> None:
    cal = decided(FRESH)
    refused(decided, willump.Accuracy(0.1), "what decided returns is made from them", y_cal=cal)


def test_labels_that_are_made_of_predictions_are_refused() -> None:
    def large(frame: pd.DataFrame) -> Any:
        return np.where(REGRESSOR.predict(features(frame)) > 1.0, "large", "small")

    refused(large, willump.Agreement(0.9), "labels that it makes of what Ridge predicts")


def test_agreement_of_changed_scores_is_refused() -> None:
    refused(percent, willump.Agreement(0.9), "what percent returns is made from them")


def test_agreement_of_a_regressor_is_refused() -> None:
    refused(minutes, willump.Agreement(0.9), "predicts numbers")


def test_estimated_of_changed_predictions_is_refused() -> None:
    refused(clipped, willump.Estimated("r2", 0.1), "clipped changes them", y_cal=truth(FRESH))


def test_top_k_of_labels_is_refused() -> None:
    refused(label, willump.TopKRecall(0.9, query_size=100), "needs a score")


def test_function_without_a_model_is_refused() -> None:
    refused(numbers, willump.Agreement(0.9), "what numbers returns follows from none")


# ---- models that stay Python ----------------------------------------------------


class Centred(RegressorMixin, BaseEstimator):
    """No row's answer is its own."""

    def fit(self, X: Any, y: Any) -> Centred:
        self.fitted_ = True
        return self

    def predict(self, X: Any) -> Any:
        return np.asarray(X)[:, 0] - np.asarray(X)[:, 0].mean()


class Own(ClassifierMixin, BaseEstimator):
    """With a source that could be followed, and labels that could not."""

    def fit(self, X: Any, y: Any) -> Own:
        self.classes_ = np.unique(y)
        self.w_ = np.linalg.lstsq(X, np.asarray(y) - 0.5, rcond=None)[0]
        return self

    def predict(self, X: Any) -> Any:
        return self.classes_[(np.asarray(X) @ self.w_ > 0).astype(int)]


def framed(frame: pd.DataFrame) -> pd.DataFrame:
    return joined(frame)[OWN + LOOKED_UP].fillna(0.0)


SLOW = MLPClassifier((64, 64), max_iter=30, random_state=0)
SLOW_LABELS = clone(SLOW).fit(features(TRAIN), NAMES)
SLOW_SCORES = clone(SLOW).fit(numbers(TRAIN), IS_LATE)
SLOW_NUMBERS = GaussianProcessRegressor(alpha=0.1).fit(numbers(TRAIN)[:200], truth(TRAIN)[:200])
OF_FRAMES = KNeighborsRegressor().fit(framed(TRAIN), truth(TRAIN))
OWN_LABELS = Own().fit(numbers(TRAIN), IS_LATE)
OF_BATCHES = Centred().fit(numbers(TRAIN), truth(TRAIN))


def slow_label(frame: pd.DataFrame) -> Any:
    return SLOW_LABELS.predict(features(frame))


def slow_score(frame: pd.DataFrame) -> Any:
    return SLOW_SCORES.predict_proba(numbers(frame))[:, 1]


def slow_number(frame: pd.DataFrame) -> Any:
    return SLOW_NUMBERS.predict(numbers(frame))


def of_frame(frame: pd.DataFrame) -> Any:
    return OF_FRAMES.predict(framed(frame)) * 2.0


def own_label(frame: pd.DataFrame) -> Any:
    return OWN_LABELS.predict(numbers(frame))


def of_batch(frame: pd.DataFrame) -> Any:
    return OF_BATCHES.predict(numbers(frame))


SLOW_FUNCTIONS = {
    slow_label: willump.Agreement(0.9),
    slow_score: willump.Agreement(0.9),
    own_label: willump.Agreement(0.9),
    slow_number: willump.Tolerance(abs=1.0, share=0.8),
    of_frame: willump.Tolerance(abs=1.5, share=0.8),
}


def exactly(found: Any, expected: Any) -> None:
    if expected.dtype.kind == "f":
        np.testing.assert_allclose(found, expected, 1e-9, 1e-12)
    else:
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("function", SLOW_FUNCTIONS, ids=lambda f: f.__name__)
def test_a_model_that_stays_python_reads_compiled_features(function: Any) -> None:
    expected = function(LATER)
    with pytest.warns(willump.PythonStepWarning, match="stays Python"):
        fast = willump.compile(function, sample=TRAIN)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # as of names that a frame had and a matrix has not
        exactly(fast(LATER), expected)
        exactly(fast(rows_of(LATER.head(1))[0]), expected[:1])
        exactly(fast(pl.from_pandas(LATER)), expected)
        exactly(pickle.loads(pickle.dumps(fast))(LATER), expected)
    (step,) = fast._steps
    assert not step.is_raw
    assert "stays Python: there is no converter for it" in str(fast.explain())
    with pytest.raises(willump.UnsupportedError, match="stays Python"):
        willump.compile(function, sample=TRAIN, strict=True)


@pytest.mark.parametrize("function", SLOW_FUNCTIONS, ids=lambda f: f.__name__)
def test_a_cascade_spares_a_model_that_stays_python(function: Any) -> None:
    target = SLOW_FUNCTIONS[function]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", willump.PythonStepWarning)
        fast = willump.optimize(
            function, TRAIN, X_cal=FRESH, target=target, **OPTIONS | {"costs": None}
        )
    found, expected = fast(LATER), function(LATER)
    early, late = fast.stats()["stage_rows"]
    assert early + late == len(LATER)
    assert early > len(LATER) / 2
    if isinstance(target, willump.Agreement):
        same = (found > 0.5) == (expected > 0.5) if found.dtype == float else found == expected
    else:
        same = np.abs(found - expected) <= target.abs
    assert same.mean() >= 0.8


def test_a_model_whose_answers_hang_on_the_batch_gets_it_whole() -> None:
    fast = quiet(lambda: willump.compile(of_batch, sample=TRAIN))
    (step,) = fast._steps
    assert not step.is_row_wise
    np.testing.assert_allclose(fast(LATER), of_batch(LATER), 1e-9)
    refused(of_batch, willump.Tolerance(abs=1.0, share=0.9), "follows from none")


def test_strict_refuses_python_steps() -> None:
    with pytest.raises(willump.UnsupportedError, match="changed by each row"):
        willump.optimize(stepped, TRAIN, IS_LATE, X_cal=FRESH, strict=True)


def test_rows_of_training_are_found_out() -> None:
    with pytest.raises(ValueError, match="rows of X"):
        willump.optimize(delay, TRAIN, IS_LATE, X_cal=TRAIN, **OPTIONS)


SINGLE = joined(TRAIN)[OWN + LOOKED_UP].fillna(0.0).to_numpy(dtype=np.float32)
SINGLE_FOREST = RandomForestClassifier(40, random_state=0).fit(SINGLE, IS_LATE)


def in_float32(frame: pd.DataFrame) -> Any:
    return SINGLE_FOREST.predict(
        joined(frame)[OWN + LOOKED_UP].fillna(0.0).to_numpy(dtype=np.float32)
    )


def test_first_stages_of_rows_in_float32() -> None:
    """Their scores are of the model's own dtype, whatever they were trained on."""
    options = OPTIONS | {"costs": None, "target": willump.Agreement(0.8)}
    fast = quiet(lambda: willump.optimize(in_float32, TRAIN, IS_LATE, X_cal=FRESH, **options))
    assert np.mean(fast(LATER) == in_float32(LATER)) >= 0.75
