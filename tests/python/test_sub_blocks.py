"""First stages of parts of a text block, and of cheaper models than the pipeline's."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
import willump
from graph_interpreter import Interpreter
from sklearn.feature_extraction.text import (
    CountVectorizer,
    HashingVectorizer,
    TfidfTransformer,
    TfidfVectorizer,
)
from sklearn.feature_selection import SelectKBest, chi2
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import MultinomialNB
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import StandardScaler
from test_optimize import WORDS, documents
from willump import convert
from willump._graph import Stage
from willump._parts import beginning_of, find_parts
from willump._runner import Runner

PART = "features, n-grams of 2 to 3"
COSTS = {"features": 100.0, PART: 10.0}


def characters(**options: Any) -> TfidfVectorizer:
    return TfidfVectorizer(
        **{"analyzer": "char", "ngram_range": (2, 5), "max_features": 4000} | options
    )


@pytest.fixture(scope="module")
def fitted() -> Any:
    x, y = documents(1200, 1)
    return make_pipeline(characters(), LogisticRegression()).fit(x, y), x, y


@pytest.fixture(scope="module")
def cascade(fitted: Any) -> Any:
    pipeline, x, y = fitted
    return willump.optimize(
        pipeline, x, y, X_cal=documents(2500, 2)[0], target=willump.Agreement(0.995), costs=COSTS
    )


def test_a_pipeline_of_one_text_block_gets_a_cascade(fitted: Any, cascade: Any) -> None:
    certificate = cascade.metadata["certificate"]
    assert certificate["blocks"] == [PART]
    assert certificate["costs"].keys() == {*COSTS, "model", "stage"}
    assert certificate["first_model"] == "LogisticRegression"
    test, _ = documents(3000, 3)
    assert np.mean(cascade.predict(test) == fitted[0].predict(test)) > 0.94
    first, second = cascade.stats()["stage_rows"]
    assert first > second > 0


def test_rows_that_stay_have_the_pipelines_own_answers(fitted: Any, cascade: Any) -> None:
    test, _ = documents(1500, 4)
    exact = willump.compile(fitted[0]).decision_function(test)
    found = cascade.decision_function(test)
    stays = found == exact
    assert 0 < stays.sum() < len(test)
    # Of a row that left, the score is above the threshold.
    assert np.all(np.abs(found[~stays]) > cascade.metadata["certificate"]["threshold"])


def test_the_bits_depend_on_the_row_alone(cascade: Any, tmp_path: Any) -> None:
    test, _ = documents(700, 5)
    whole = cascade.decision_function(test)
    for n in (1, 7, 100):
        parts = [cascade.decision_function(test[i : i + n]) for i in range(0, len(test), n)]
        np.testing.assert_array_equal(np.concatenate(parts), whole)
    cascade.save(tmp_path / "parts.willump")
    loaded = willump.load(tmp_path / "parts.willump", n_threads=2)
    np.testing.assert_array_equal(loaded.decision_function(test), whole)
    assert loaded.metadata["certificate"] == cascade.metadata["certificate"]


def test_given_costs_leave_out_the_parts_that_they_do_not_name(fitted: Any) -> None:
    pipeline, x, y = fitted
    cal = documents(1500, 2)[0]
    with pytest.warns(willump.NotCertifiedWarning, match="one block"):
        willump.optimize(pipeline, x, y, X_cal=cal, costs={"features": 100.0})
    with pytest.raises(ValueError, match="n-grams of 2 to 9"):
        willump.optimize(
            pipeline, x, y, X_cal=cal, costs={**COSTS, "features, n-grams of 2 to 9": 1.0}
        )


def test_measured_costs_can_be_given_again(fitted: Any) -> None:
    pipeline, x, y = fitted
    cal = documents(2000, 2)[0]
    target = willump.Agreement(0.9)
    first = willump.optimize(pipeline, x, y, X_cal=cal, target=target)
    costs = first.metadata["certificate"]["costs"]
    assert PART in costs
    made = [
        willump.optimize(pipeline, x, y, X_cal=cal, target=target, costs=costs) for _ in range(2)
    ]
    assert made[0].explain().graph == made[1].explain().graph


def test_what_was_built_is_timed_beside_the_exact_pipeline(fitted: Any, cascade: Any) -> None:
    pipeline, x, y = fitted
    cal = documents(2000, 2)[0]
    fast = willump.optimize(pipeline, x, y, X_cal=cal, target=willump.Agreement(0.9))
    measured = fast.metadata["certificate"]["measured"]
    sizes = [one["batch_rows"] for one in measured]
    assert sizes == [1, 50, 1_000, 10_000]  # of some 400 select rows, over and over
    assert all(0 < one["cost"] < one["exact_cost"] for one in measured[2:])
    assert "measured in batches of 10000: " in str(fast.explain())
    assert cascade.metadata["certificate"]["measured"] == []  # its costs were given


@pytest.mark.parametrize("slow", [1_000, 10_000])
def test_a_cascade_that_is_not_faster_is_not_built(fitted: Any, slow: int) -> None:
    pipeline, x, y = fitted
    cal = documents(2000, 2)[0]
    told = patch(
        "willump._tuner.batch_costs_of",
        lambda calls, rows, size: [7.0, 6.0] if size == slow else [6.0, 7.0],
    )
    message = f"in batches of {slow}, it takes 7 ns a row and the exact one 6"
    with told, pytest.warns(willump.NotCertifiedWarning, match=message):
        fast = willump.optimize(pipeline, x, y, X_cal=cal, target=willump.Agreement(0.9))
    assert "certificate" not in fast.metadata


def test_a_batch_that_takes_long_is_not_timed(fitted: Any) -> None:
    pipeline, x, y = fitted
    cal = documents(2000, 2)[0]
    told = patch("willump._tuner.batch_costs_of", lambda calls, rows, size: [2e4, 4e4])
    with told:
        fast = willump.optimize(pipeline, x, y, X_cal=cal, target=willump.Agreement(0.9))
    measured = fast.metadata["certificate"]["measured"]
    assert [one["batch_rows"] for one in measured] == [1, 50, 1_000]


# ---- which parts there are -------------------------------------------------------


def parts_of(estimator: Any, x: list[str], y: Any) -> tuple[Any, list[Any]]:
    pipeline = make_pipeline(estimator, MultinomialNB()).fit(x, y)
    conversion = convert.start(pipeline, strict=True)
    ((name, ref),) = conversion.blocks()
    n = ref.n_features
    found = find_parts(
        conversion.context,
        name,
        0,
        ref,
        lambda: np.arange(n, dtype=float),
        lambda _: np.array([len(text) for text in x], float),
    )
    return conversion, found


@pytest.mark.parametrize(
    ("vectorizer", "lengths"),
    [
        (characters(), {"2 to 3", "2 to 4"}),
        (characters(analyzer="char_wb", ngram_range=(1, 3)), {"1 to 2"}),
        (TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), {"1"}),
        (
            HashingVectorizer(ngram_range=(1, 3), n_features=2**12, alternate_sign=False),
            {"1 to 2"},
        ),
        (make_pipeline(CountVectorizer(ngram_range=(1, 2)), TfidfTransformer()), {"1"}),
        (make_pipeline(characters(), SelectKBest(chi2, k=900)), {"2 to 3", "2 to 4"}),
    ],
    ids=["char", "char_wb", "words", "hash", "counts", "select"],
)
def test_parts_have_shorter_n_grams_and_no_look_for_repeats(
    vectorizer: Any, lengths: set[str]
) -> None:
    _, found = parts_of(vectorizer, *documents(800, 1))
    names = [part.name for part in found]
    assert any(name.endswith(", each occurrence by itself") for name in names)
    for length in lengths:
        assert any(name.endswith(f", n-grams of {length}") for name in names)
    assert len(set(names)) == len(names)


def test_the_terms_kept_are_those_that_matter_most() -> None:
    x, y = documents(2500, 1)
    conversion, found = parts_of(CountVectorizer(), x, y)
    n = conversion.blocks()[0][1].n_features
    assert all("in the first" in part.name for part in found[2:])
    shares = [part.features for part in found[:2]]
    assert [len(features) for features in shares] == [round(0.2 * n), round(0.04 * n)]
    assert len(shares[-1]) >= 32
    for features in shares:
        np.testing.assert_array_equal(features, np.arange(n - len(features), n))


def with_tails(n: int, seed: int, n_words: int) -> tuple[list[str], Any]:
    """Texts that go on for long after what tells their class."""
    x, y = documents(n, seed)
    rng = np.random.default_rng(seed)
    return [f"{text} {' '.join(WORDS[rng.integers(0, 1000, n_words)])}" for text in x], y


@pytest.mark.parametrize("share", [0.1, 0.2, 0.5, 0.9])
def test_a_beginning_holds_its_share_of_all_characters(share: float) -> None:
    for seed in range(20):
        random = np.random.default_rng(seed)
        lengths = random.integers(0, 5 ** random.integers(1, 6), size=random.integers(1, 60))
        stop = beginning_of(lengths.astype(float), share)
        wanted = share * lengths.sum()
        held = [np.minimum(lengths, max(0, stop + more)).sum() for more in (-1, 1)]
        assert held[0] <= wanted <= held[1]
    assert beginning_of(np.zeros(3), share) == 0


@pytest.mark.parametrize(
    "vectorizer",
    [
        characters(ngram_range=(2, 3), lowercase=False, norm=None),
        HashingVectorizer(n_features=2**10, alternate_sign=False, norm=None),
        CountVectorizer(ngram_range=(1, 2)),
    ],
    ids=["char", "hash", "words"],
)
def test_a_beginning_is_the_part_over_a_cut_text(vectorizer: Any) -> None:
    x, y = with_tails(500, 1, 60)
    x = [*x[:-3], "é" * 90 + "𝒳 good bad" * 3, "", "𝒳" * 64]
    conversion, found = parts_of(vectorizer, x, y)
    cut = [part for part in found if "in the first" in part.name]
    assert len(cut) == 2
    bases = dict(conversion.blocks()) | {part.name: part.ref for part in found}
    for part in cut:
        stop = int(part.name.split()[-2])
        outputs = {"whole": bases[part.name.rsplit(",", 1)[0]].node, "cut": part.ref.node}
        graph = conversion.finish([Stage(outputs)])
        runner = Runner(graph, {}, 1)
        want = runner("whole", [text[:stop] for text in x])
        assert (runner("cut", x) != want).nnz == 0
        assert want.nnz > 0
        values = Interpreter(graph).run(x)
        np.testing.assert_allclose(values["cut"].toarray(), want.toarray(), rtol=1e-9)


def test_texts_that_say_it_early_are_read_in_part() -> None:
    x, y = with_tails(2000, 1, 40)
    pipeline = make_pipeline(characters(), LogisticRegression()).fit(x, y)
    fast = willump.optimize(
        pipeline, x, y, X_cal=with_tails(2500, 2, 40)[0], target=willump.Agreement(0.95)
    )
    ((name,),) = [fast.metadata["certificate"]["blocks"]]
    assert "in the first" in name
    test = with_tails(2000, 3, 40)[0]
    assert np.mean(fast.predict(test) == pipeline.predict(test)) > 0.93
    whole = fast.decision_function(test)
    parts = [fast.decision_function(test[i : i + 7]) for i in range(0, len(test), 7)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_a_norm_by_occurrences_is_that_of_every_occurrence() -> None:
    x, y = documents(300, 1)
    x = [*x, "", "zz zz zz zz zz zz", x[0] + " " + x[0]]
    vectorizer = characters()
    conversion, found = parts_of(vectorizer, x, [*y, "no", "no", "yes"])
    part = next(p for p in found if p.name.endswith("each occurrence by itself"))
    from willump._graph import Stage

    fitted = conversion.estimator[0]
    score = conversion.context.linear(part.ref, np.arange(part.ref.n_features) % 7 - 3.0, 0.0)
    outputs = {**conversion.outputs(), "rows": part.ref.node, "score": score.node}
    from willump._asked import describe
    from willump._runner import Runner

    converted = conversion.finish([Stage(outputs)])
    runner = Runner(converted, describe(conversion.estimator, converted.metadata), 1)
    counts = CountVectorizer(
        analyzer="char", ngram_range=(2, 5), vocabulary=fitted.vocabulary_
    ).transform(x)
    norms = np.sqrt(counts @ fitted.idf_**2)
    norms[norms == 0] = 1
    wanted = counts.toarray() * fitted.idf_ / norms[:, None]
    np.testing.assert_allclose(runner("rows", x).toarray(), wanted, rtol=1e-12, atol=0)
    expected = wanted @ (np.arange(part.ref.n_features) % 7 - 3.0)
    np.testing.assert_allclose(runner("score", x).ravel(), expected, rtol=1e-9, atol=1e-12)


def test_blocks_of_like_cost_get_a_cascade_of_parts() -> None:
    x, y = documents(1200, 1)
    union = FeatureUnion(
        [("short", characters(ngram_range=(2, 4))), ("long", characters(ngram_range=(3, 5)))]
    )
    pipeline = make_pipeline(union, LogisticRegression()).fit(x, y)
    fast = willump.optimize(
        pipeline,
        x,
        y,
        X_cal=documents(2500, 2)[0],
        target=willump.Agreement(0.95),
        costs={"short": 50.0, "long": 50.0, "short, n-grams of 2 to 3": 5.0,
               "long, n-grams of 3 to 4": 6.0},
    )  # fmt: skip
    assert set(fast.metadata["certificate"]["blocks"]) <= {
        "short, n-grams of 2 to 3",
        "long, n-grams of 3 to 4",
    }
    test, _ = documents(2000, 3)
    assert np.mean(fast.predict(test) == pipeline.predict(test)) > 0.94


# ---- models ------------------------------------------------------------------


@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_dear_model_gets_a_cheap_one_before_it(n_classes: int) -> None:
    rng = np.random.default_rng(0)
    centers = rng.normal(size=(n_classes, 6))

    def rows(n: int) -> tuple[Any, Any]:
        labels = rng.integers(0, n_classes, n)
        return centers[labels] * 2 + rng.normal(size=(n, 6)), labels

    x, y = rows(900)
    model = MLPClassifier((64,), max_iter=30, random_state=0)
    pipeline = make_pipeline(StandardScaler(), model).fit(x, y)
    fast = willump.optimize(
        pipeline,
        x,
        y,
        X_cal=rows(2500)[0],
        target=willump.Agreement(0.93),
        costs={"features": 1.0, "model": 1000.0},
    )
    certificate = fast.metadata["certificate"]
    assert certificate["blocks"] == ["features"]
    assert certificate["first_model"] in ("LogisticRegression", "HistGradientBoostingClassifier")
    test, _ = rows(3000)
    assert np.mean(fast.predict(test) == pipeline.predict(test)) > 0.92
