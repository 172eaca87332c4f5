"""The calibration rows: how they are drawn, counted, and what is said of them."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
import willump
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import OneHotEncoder
from willump._calibration import Calibration, check_no_class_is_lost, hold_out

COSTS = [1.0, 5.0]
COMMON = "good film !!!"


def requests(n: int, seed: int) -> tuple[list[str], Any]:
    """One in twenty is one and the same text, whose label its words do not show."""
    rng = np.random.default_rng(seed)
    kind = rng.random(n)
    number = rng.integers(10**6, size=n)
    texts = [
        COMMON if k < 0.05 else f"{'bad plot' if k < 0.35 else 'good film'} {i}"
        for k, i in zip(kind, number, strict=True)
    ]
    return texts, (kind >= 0.35).astype(int)


def pipeline_of_two() -> Any:
    words = CountVectorizer(vocabulary=["good", "film", "bad", "plot"])
    characters = CountVectorizer(analyzer="char", ngram_range=(1, 3), max_features=300)
    return make_pipeline(make_union(words, characters), LogisticRegression())


@pytest.fixture(scope="module")
def fitted() -> Any:
    x, y = requests(1200, 1)
    return pipeline_of_two().fit(x, y), x, y


def optimized(fitted: Any, X_cal: Any, **options: Any) -> Any:
    pipeline, x, y = fitted
    options = {"target": willump.Agreement(0.9), "costs": COSTS, **options}
    return willump.optimize(pipeline, x, y, X_cal=X_cal, **options)


def own_keys(x: Any) -> list[Any]:
    return list(x)


# ---- what is drawn -----------------------------------------------------------


def test_held_out_requests_are_drawn_one_by_one() -> None:
    x, _ = requests(3000, 0)
    n_common = x.count(COMMON)
    shares = []
    for seed in range(20):
        kept, held = hold_out(x, None, "traffic", seed, own_keys)
        assert sorted([*kept, *held]) == list(range(len(x)))
        shares.append(sum(x[row] == COMMON for row in held) / n_common)
    assert 0.1 < min(shares) <= max(shares) < 0.5


def test_held_out_distinct_rows_and_groups_are_whole() -> None:
    x, _ = requests(1000, 0)
    kept, held = hold_out(x, None, "distinct", 0, own_keys)
    assert not {x[row] for row in kept} & {x[row] for row in held}
    groups = [i // 7 for i in range(1000)]
    kept, held = hold_out(x, groups, "traffic", 0, own_keys)
    assert not {groups[row] for row in kept} & {groups[row] for row in held}


def test_a_refitted_cascade_keeps_its_promise_per_request() -> None:
    """Drawn by text, half of these certificates were false."""
    broken = certified = 0
    for seed in range(12):
        x, y = requests(2000, 2 * seed)
        fast = willump.optimize(
            pipeline_of_two(), x, y, refit=True, duplicates="traffic", costs=COSTS,
            target=willump.Agreement(0.97), random_state=seed,
        )  # fmt: skip
        certified += "certificate" in fast.metadata
        fresh, _ = requests(3000, 2 * seed + 1)
        kept, _ = hold_out(x, None, "traffic", seed, own_keys)
        exact = pipeline_of_two().fit([x[row] for row in kept], y[kept])
        broken += np.mean(fast.predict(fresh) == exact.predict(fresh)) < 0.97
    assert certified >= 8
    assert broken <= 2


@pytest.mark.parametrize("duplicates", ["distinct", "traffic"])
def test_the_assumption_names_where_the_rows_came_from(fitted: Any, duplicates: str) -> None:
    pipeline, _, _ = fitted
    x, y = requests(3000, 2)
    target = willump.Agreement(0.9)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", willump.DuplicateRowsWarning)
        held = willump.optimize(
            pipeline, x, y, refit=True, duplicates=duplicates, costs=COSTS, target=target
        ).metadata["certificate"]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", willump.TrainingRowsWarning)
            given = optimized(fitted, x, duplicates=duplicates).metadata["certificate"]
    assert "X_cal" not in held["assumption"]
    assert " X " in held["assumption"]
    assert held["n_rows_in_training"] is None
    assert "X_cal" in given["assumption"]
    assert ("random sample of the distinct rows" in given["assumption"]) == (
        duplicates == "distinct"
    )


def test_few_repeats_are_worth_a_word_on_distinct_rows(fitted: Any) -> None:
    fresh = [f"good film {i}" for i in range(10**6, 10**6 + 1000)]
    with pytest.warns(willump.DuplicateRowsWarning, match="random sample of the distinct rows"):
        optimized(fitted, fresh + fresh[:15])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        optimized(fitted, fresh + fresh[:5])


# ---- rows that training saw --------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"duplicates": "traffic"}, {"groups": range(1200)}])
def test_the_training_rows_are_no_calibration_rows(fitted: Any, options: Any) -> None:
    with pytest.raises(ValueError, match=r"1200 of the 1200 rows of X_cal are rows of X.*refit"):
        optimized(fitted, fitted[1], **options)


def test_fresh_rows_of_few_possible_ones_are_no_training_rows() -> None:
    """One row of X is alone of its kind; all of those to come are known by chance."""
    rng = np.random.default_rng(0)

    def rows(n: int) -> pd.DataFrame:
        return pd.DataFrame({"a": rng.choice(list("abcd"), n), "b": rng.choice(list("xyz"), n)})

    x = rows(5000)
    x.loc[0, "a"] = "e"
    columns = ColumnTransformer([(c, OneHotEncoder(handle_unknown="ignore"), [c]) for c in "ab"])
    pipeline = make_pipeline(columns, LogisticRegression()).fit(x, x.a < "c")
    with pytest.warns(willump.TrainingRowsWarning, match="2000 of the 2000 rows"):
        willump.optimize(
            pipeline, x, X_cal=rows(2000), target=willump.Agreement(0.9), duplicates="traffic",
            costs=[9.0, 1.0],
        )  # fmt: skip


def test_few_of_many_training_rows_are_refused() -> None:
    union = make_union(TfidfVectorizer(), TfidfVectorizer(analyzer="char"))
    texts = [f"text {i}" for i in range(40)]
    pipeline = make_pipeline(union, LogisticRegression()).fit(texts, [0, 1] * 20)
    with pytest.raises(ValueError, match="20 of the 20 rows"):
        willump.optimize(pipeline, texts, X_cal=texts[:20], costs=[1.0, 9.0])


def test_some_training_rows_warn_and_stay_in(fitted: Any) -> None:
    fresh = [f"good film {i}" for i in range(10**6, 10**6 + 980)]
    taken = [text for text in fitted[1] if text != COMMON][:20]
    with pytest.warns(willump.TrainingRowsWarning, match="20 of the 1000 rows"):
        fast = optimized(fitted, fresh + taken)
    certificate = fast.metadata["certificate"]
    assert certificate["n_rows_in_training"] == 20
    assert certificate["n_rows_given"] == 1000
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fast = optimized(fitted, fresh + taken[:9])
    assert fast.metadata["certificate"]["n_rows_in_training"] == 9


def test_traffic_that_repeats_itself_is_not_taken_for_training_rows() -> None:
    rng = np.random.default_rng(0)
    x = [f"{'good' if i % 2 else 'bad'} {i}" for i in rng.integers(60, size=1000)]
    y = [int("good" in text) for text in x]
    fitted = pipeline_of_two().fit(x, y), x, y
    fresh = [f"{'good' if i % 2 else 'bad'} {i}" for i in rng.integers(60, size=1000)]
    with pytest.warns(willump.TrainingRowsWarning):
        fast = optimized(fitted, fresh, duplicates="traffic")
    assert fast.metadata["certificate"]["n_rows_in_training"] == 1000


def test_training_rows_are_found_in_whatever_holds_them() -> None:
    import pandas as pd
    import scipy.sparse as sp
    from sklearn.ensemble import GradientBoostingClassifier

    rng = np.random.default_rng(0)
    x = rng.integers(-3, 4, size=(400, 9)).astype(np.float64)
    y = (x[:, 0] > 0).astype(int)
    model = GradientBoostingClassifier(n_estimators=12).fit(x, y)
    for cal in (x.astype(np.float32), x.astype(int).tolist(), -0.0 + x[::-1]):
        with pytest.raises(ValueError, match="400 of the 400"):
            willump.optimize(model, x, y, X_cal=cal)
    with pytest.raises(ValueError, match="400 of the 400"):
        willump.optimize(model, pd.DataFrame(x), y, X_cal=x)
    with pytest.raises(ValueError, match="400 of the 400"):
        willump.optimize(model, sp.csr_array(x), y, X_cal=sp.csr_array(x.astype(np.float32)))


# ---- classes -----------------------------------------------------------------


def rare(n: int, seed: int) -> tuple[list[str], Any]:
    """Only the mark at the end tells the one in fifty."""
    rng = np.random.default_rng(seed)
    y = rng.random(n) < 0.02
    texts = [f"nice day w{i}{'!!!' if is_rare else '.'}"
             for i, is_rare in zip(rng.integers(10**6, size=n), y, strict=True)]  # fmt: skip
    return texts, np.where(y, "rare", "common")


def test_a_class_that_is_lost_is_named() -> None:
    x, y = rare(3000, 0)
    features = make_union(
        CountVectorizer(max_features=20),
        CountVectorizer(analyzer="char", ngram_range=(1, 2), max_features=200),
    )
    pipeline = make_pipeline(features, LogisticRegression(C=100)).fit(x, y)
    fresh = rare(3000, 1)[0]
    with pytest.warns(willump.RareClassWarning, match=r"'rare' \(0 of "):
        fast = optimized((pipeline, x, y), fresh, target=willump.Agreement(0.95))
    certificate = fast.metadata["certificate"]
    by_class = certificate["agreement_by_class"]
    assert by_class["rare"]["agreement"] == 0
    assert by_class["rare"]["n_rows"] >= 20
    assert sum(c["n_rows"] for c in by_class.values()) == certificate["n_rows"]
    assert "rare: 0.00% of" in str(fast.explain())


@pytest.mark.filterwarnings("ignore::willump.TrainingRowsWarning")  # COMMON comes again
@pytest.mark.parametrize("groups", [None, "pairs"])
def test_the_agreement_of_the_classes_adds_up_to_the_certificate(
    fitted: Any, groups: str | None
) -> None:
    given = None if groups is None else np.arange(2000) // 2
    fast = optimized(fitted, requests(2000, 5)[0], groups=given, duplicates="traffic")
    certificate = fast.metadata["certificate"]
    assert certificate["n_wrong"] > 0
    by_class = certificate["agreement_by_class"]
    assert list(by_class) == ["0", "1"]
    wrong = sum(c["n_rows"] * (1 - c["agreement"]) for c in by_class.values())
    assert wrong == pytest.approx(certificate["n_wrong"])
    assert sum(c["n_rows"] for c in by_class.values()) == certificate["n_rows"]
    assert willump.CompiledModel.from_bytes(fast.to_bytes()).metadata["certificate"] == certificate


def test_refit_refuses_to_lose_a_class() -> None:
    x = [f"{word} x{i}" for i in range(400) for word in ("aa", "bb")] + ["cc rare"]
    y = [*["a", "b"] * 400, "c"]
    lost = []
    for seed in range(8):
        _, held = hold_out(x, None, "distinct", seed, own_keys)
        lost.append(len(x) - 1 in held)
    assert set(lost) == {True, False}
    options = {"refit": True, "costs": COSTS, "target": willump.Agreement(0.9)}
    with pytest.raises(ValueError, match="the class 'c': it has one row in X"):
        willump.optimize(pipeline_of_two(), x, y, random_state=lost.index(True), **options)
    fast = willump.optimize(pipeline_of_two(), x, y, random_state=lost.index(False), **options)
    assert fast.classes_.tolist() == ["a", "b", "c"]
    assert fast.metadata["certificate"]["agreement_by_class"]["c"] == {
        "n_rows": 0,
        "agreement": None,
    }
    with pytest.raises(ValueError, match="class 2: it has 2 rows"):
        check_no_class_is_lost(np.array([0, 0, 1, 2, 2]), np.array([0, 2]))


# ---- parts that stay Python, groups ------------------------------------------


def test_parts_that_stay_python_warn() -> None:
    x, y = requests(800, 0)
    split = TfidfVectorizer(tokenizer=str.split, token_pattern=None)
    pipeline = make_pipeline(make_union(CountVectorizer(), split), LogisticRegression()).fit(x, y)
    fresh = [f"good film {i}" for i in range(10**6, 10**6 + 500)]
    with pytest.warns(willump.PythonStepWarning, match="tokenizer") as caught:
        optimized((pipeline, x, y), fresh)
    (found,) = [w for w in caught if w.category is willump.PythonStepWarning]
    with pytest.warns(willump.PythonStepWarning) as compiled:
        willump.compile(pipeline)
    assert str(found.message) == str(compiled[0].message)


@pytest.mark.parametrize("entry", [[1], {}, {1}, np.array([1, 2])])
def test_groups_without_a_hash_are_refused(entry: Any) -> None:
    groups = [0, entry, 2]
    with pytest.raises(TypeError, match="groups must be hashable: row 1"):
        Calibration([*"abc"], groups, "traffic", 0, own_keys, is_held_out=False)


def test_missing_groups_are_refused() -> None:
    import pandas as pd
    import polars as pl

    for groups in (
        [1.0, float("nan"), 2.0],
        np.array([1.0, np.nan, 2.0]),
        pd.Series(["a", None, "b"]),
        pd.array([1, None, 2], dtype="Int64"),
        pd.to_datetime(pd.Series(["2020-01-01", None, "2020-01-02"])),
        pl.Series([1, None, 2]),
    ):
        with pytest.raises(ValueError, match="groups has no group for row 1"):
            Calibration([*"abc"], groups, "traffic", 0, own_keys, is_held_out=False)
    with pytest.raises(ValueError, match="2 entries for 3"):
        Calibration([*"abc"], [1, 2], "traffic", 0, own_keys, is_held_out=False)
