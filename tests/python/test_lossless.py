"""Lossless gates and bounds: the labels of the exact model, also of rows that are made to
break them, and its top-K rankings."""

from __future__ import annotations

import itertools
import json
import os
import pickle
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import willump
from harness import examples, surely_labelled
from hypothesis import given
from hypothesis import strategies as st
from sklearn.compose import ColumnTransformer
from sklearn.datasets import make_classification
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.feature_extraction.text import (
    CountVectorizer,
    HashingVectorizer,
    TfidfTransformer,
    TfidfVectorizer,
)
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifier
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import (
    Binarizer,
    FunctionTransformer,
    KBinsDiscretizer,
    MinMaxScaler,
    Normalizer,
    OneHotEncoder,
    OrdinalEncoder,
    StandardScaler,
)
from willump import _lossless, convert
from willump._compiled import CompiledModel

WORDS = [f"w{i}" for i in range(12)]
NUMBERS = ["x", "z"]


def forced(pipeline: Any, chain: list[int], ranged: int | None = None) -> CompiledModel:
    """A model with these gates, whether they pay or not."""
    job = _lossless.Lossless(convert.start(pipeline), strict=False, n_threads=1)
    assert job.family is not None, job.problem
    told: dict[str, Any] = {"kind": job.family.kind}
    if ranged is not None:
        told["top_k"] = job.told_range(ranged)
    converted = job.conversion.finish(job.stages(chain, ranged), {"lossless": told})
    return CompiledModel.from_converted(converted, pipeline, n_threads=1)


def states_of(pipeline: Any) -> list[int]:
    job = _lossless.Lossless(convert.start(pipeline), strict=False, n_threads=1)
    return job.family.states if job.family is not None else []


def rows(rng: np.random.Generator, n: int) -> pd.DataFrame:
    return pd.DataFrame({
        "t": [" ".join(rng.choice(WORDS, rng.integers(0, 9))) for _ in range(n)],
        "u": [" ".join(rng.choice(WORDS[:5], rng.integers(0, 4))) for _ in range(n)],
        "c": rng.choice(list("abcd"), n),
        "d": rng.choice(list("efg"), n),
        "x": rng.normal(size=n),
        "z": rng.normal(size=n).round(1),
    })  # fmt: skip


TEXTS = {
    "tfidf": TfidfVectorizer(),
    "tfidf l1": TfidfVectorizer(norm="l1", sublinear_tf=True),
    "chars": TfidfVectorizer(analyzer="char", ngram_range=(1, 3), use_idf=False),
    "hash": HashingVectorizer(n_features=32),
    "hash of counts": HashingVectorizer(n_features=32, alternate_sign=False, norm="l1"),
    "there or not": CountVectorizer(binary=True),
    "counts": CountVectorizer(),
    "counts scaled": make_pipeline(CountVectorizer(), Normalizer("max")),
    "picked twice": make_pipeline(
        TfidfVectorizer(), ColumnTransformer([("s", "passthrough", [1, 0, 1, 1, 3, 0])])
    ),
}
CATEGORIES = {
    "one hot": OneHotEncoder(handle_unknown="ignore"),
    "ordinal": OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
    "one hot, picked twice": make_pipeline(
        OneHotEncoder(handle_unknown="ignore"),
        ColumnTransformer([("s", "passthrough", [2, 2, 0, 4, 2])]),
    ),
}
NUMERIC = {
    "scaled": StandardScaler(),
    "clipped": MinMaxScaler(clip=True),
    "clipped and scaled": make_pipeline(MinMaxScaler((-1, 2), clip=True), StandardScaler()),
    "binary": Binarizer(threshold=0.2),
    "bins": KBinsDiscretizer(3, encode="onehot", strategy="uniform"),
    "unit": Normalizer("l2"),
    "unit l1": Normalizer("l1"),
}


def pipeline_of(blocks: list[tuple[str, Any, Any]], model: Any, x: Any, y: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return make_pipeline(ColumnTransformer(blocks), model).fit(x, y)


def with_weights(pipeline: Any, rng: np.random.Generator, kind: str) -> Any:
    """The model with coefficients of its shape, drawn at random."""
    model = pipeline[-1]
    coef = rng.normal(size=model.coef_.shape)
    if kind == "sparse":
        coef *= rng.random(coef.shape) < 0.3
    elif kind == "wild":
        coef *= 10.0 ** rng.integers(-6, 7, coef.shape)
    elif kind == "whole":
        coef = rng.integers(-2, 3, coef.shape).astype(np.float64)
    elif kind == "one sign":
        coef = np.abs(coef)
    model.coef_ = coef
    model.intercept_ = rng.normal(size=model.intercept_.shape).round(int(rng.integers(0, 3)))
    return pipeline


def towards_ties(exact: Any, x: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """The rows with the number that brings their decision as near to 0 as doubles can, and
    an ulp or two off that: by bisection, one row at a time."""
    found = []
    for i in rng.permutation(len(x))[:6]:
        row = x.iloc[[i]].copy()
        ends = []
        for value in (-60.0, 60.0):
            row["x"] = value
            scores = exact.decision_function(row)
            ends.append(_score(scores))
        if not ends[0] * ends[1] < 0:
            continue
        low, high = -60.0, 60.0
        while np.nextafter(low, high) != high and abs(high - low) > 1e-300:
            middle = low + (high - low) / 2
            if middle in (low, high):
                break
            row["x"] = middle
            if _score(exact.decision_function(row)) * ends[0] > 0:
                low = middle
            else:
                high = middle
        for value in (low, high, np.nextafter(low, -99), np.nextafter(high, 99)):
            row["x"] = value
            found.append(row.copy())
    return pd.concat(found, ignore_index=True) if found else x.iloc[:0]


def _score(scores: np.ndarray) -> float:
    """Of several classes, by how much the first is above the best other one."""
    if scores.ndim == 1:
        return float(scores[0])
    return float(scores[0, 0] - scores[0, 1:].max())


def extreme_rows(pipeline: Any, x: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Rows with the texts and categories that move the decision furthest, from many."""
    pool = rows(rng, 60)
    pool["t"] = [" ".join([w] * int(rng.integers(1, 9))) for w in rng.choice(WORDS, 60)]
    scores = pipeline.decision_function(pool)
    scores = scores[:, 0] if scores.ndim == 2 else scores
    order = np.argsort(scores)
    ends = pool.iloc[[*order[:8], *order[-8:]]]
    mixed = ends.copy()
    mixed["t"] = ends["t"].to_numpy()[::-1]
    mixed["c"] = ends["c"].to_numpy()[::-1]
    return pd.concat([ends, mixed], ignore_index=True)


@examples(20, shrinks=False)
@given(
    seed=st.integers(0, 2**32 - 1),
    text=st.sampled_from(sorted(TEXTS)),
    category=st.sampled_from(sorted(CATEGORIES)),
    numeric=st.sampled_from(sorted(NUMERIC)),
    n_classes=st.sampled_from([2, 2, 3, 5]),
    kind=st.sampled_from(["plain", "sparse", "wild", "whole", "one sign"]),
)
def test_labels_are_the_exact_models_also_of_rows_made_to_break_them(
    seed: int, text: str, category: str, numeric: str, n_classes: int, kind: str
) -> None:
    rng = np.random.default_rng(seed)
    x = rows(rng, 60)
    y = np.arange(60) % n_classes
    blocks = [
        ("t", TEXTS[text], "t"),
        ("c", CATEGORIES[category], ["c", "d"]),
        ("n", NUMERIC[numeric], NUMBERS),
        ("x", StandardScaler(), ["x"]),
    ]
    model = LogisticRegression(max_iter=5) if n_classes == 2 else RidgeClassifier()
    pipeline = with_weights(pipeline_of(blocks, model, x, y), rng, kind)
    exact = willump.compile(pipeline, strict=True)
    states = states_of(pipeline)
    assert states
    later = rows(rng, 150)
    later.loc[::7, "c"] = "unknown"
    later = pd.concat([later, extreme_rows(pipeline, x, rng)], ignore_index=True)
    later = pd.concat([later, towards_ties(exact, later, rng)], ignore_index=True)
    want = exact.predict(later)
    decision = exact.decision_function(later)
    gaps = np.abs(decision) if decision.ndim == 1 else np.diff(np.sort(decision, axis=1)[:, -2:])
    sure = np.ravel(gaps) > 1e-9 * (1 + np.abs(decision).max())
    assert np.array_equal(want[sure], pipeline.predict(later)[sure])
    chains = [[state] for state in states]
    chains += [[a, b] for a, b in itertools.combinations(states, 2) if a & b == a]
    for chain in [chains[i] for i in rng.permutation(len(chains))[:5]]:
        fast = forced(pipeline, chain)
        assert np.array_equal(fast.predict(later), want), chain
        assert np.array_equal(fast.decision_function(later), decision)


@examples(10, shrinks=False)
@given(
    seed=st.integers(0, 2**32 - 1),
    scale=st.sampled_from([1.0, 1e-8, 1e-17, 1e-23, 1e-161, 1e-162]),
    dtype=st.sampled_from([np.float64, np.float32]),
    norm=st.sampled_from(["l1", "l2", "max"]),
)
def test_csr_rows_stay_csr_rows_behind_a_gate(
    seed: int, scale: float, dtype: Any, norm: str
) -> None:
    """Normalizer leaves dense rows of tiny numbers alone, and scales CSR rows."""
    rng = np.random.default_rng(seed)
    numbers = rng.normal(size=(120, 6))
    numbers[:, 3:] *= scale
    x = scipy.sparse.csr_matrix(numbers.astype(dtype))
    blocks = [("a", StandardScaler(with_mean=False), [0, 1, 2]),
              ("n", Normalizer(norm), [3, 4, 5])]  # fmt: skip
    columns = ColumnTransformer(blocks, sparse_threshold=1.0)
    y = np.asarray(numbers[:, 0] > 0)
    pipeline = with_weights(
        make_pipeline(columns, LogisticRegression()).fit(x[:60], y[:60]), rng, "plain"
    )
    exact = willump.compile(pipeline, strict=True)
    want = exact.predict(x)
    assert np.array_equal(want, pipeline.predict(x))
    for state in states_of(pipeline):
        fast = forced(pipeline, [state])
        assert np.array_equal(fast.predict(x), want)
        assert np.array_equal(fast.predict(x.toarray()), exact.predict(x.toarray()))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cascade = willump.optimize(
            pipeline, x[:60], y[:60], X_cal=x[60:], target=willump.Agreement(0.8, confidence=0.8),
            costs=[1.0, 50.0], random_state=0,
        )  # fmt: skip
    found, stages = cascade._interface.run("predict_proba", x, stages=True)
    if stages is not None:
        stayed = np.asarray(stages) > 0
        assert np.array_equal(found[stayed], exact.predict_proba(x)[stayed])


def test_a_text_in_the_direction_of_the_weights_gains_all_of_the_bound_and_no_more() -> None:
    """Ten words with the idf left out: counts in proportion to weights are the worst case."""
    rng = np.random.default_rng(0)
    x = rows(rng, 40)
    blocks = [("t", TfidfVectorizer(vocabulary=WORDS, use_idf=False), "t"),
              ("x", FunctionTransformer(), ["x"])]  # fmt: skip
    pipeline = pipeline_of(blocks, LogisticRegression(), x, np.arange(40) % 2)
    counts = np.array([3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8])
    norm = np.linalg.norm(counts)
    for sign in (1, -1):
        pipeline[-1].coef_ = np.array([[*(sign * counts / norm), 1.0]])
        pipeline[-1].intercept_ = np.zeros(1)
        text = " ".join(word for word, n in zip(WORDS, counts, strict=True) for _ in range(n))
        steps = [-(2.0**-e) for e in range(4, 53)] + [0.0] + [2.0**-e for e in range(4, 53)]
        later = pd.DataFrame({"t": text, "x": [-sign * (1.0 + s) for s in steps]})
        exact, (state,) = willump.compile(pipeline), states_of(pipeline)
        fast = forced(pipeline, [state])
        assert np.array_equal(fast.predict(later), exact.predict(later))
        assert np.array_equal(fast.predict(later), pipeline.predict(later))
        far = later.assign(x=-sign * 1.01)
        fast.predict(far)  # the bound is tight: a hundredth further, they leave
        assert fast.stats()["stage_rows"][0] >= len(far)


def test_blocks_without_a_bound_are_computed_first_and_others_may_wait() -> None:
    rng = np.random.default_rng(1)
    x, y = rows(rng, 80), np.arange(80) % 2
    blocks = [("t", CountVectorizer(), "t"), ("u", TfidfVectorizer(), "u"),
              ("x", StandardScaler(), NUMBERS)]  # fmt: skip
    pipeline = pipeline_of(blocks, LogisticRegression(), x, y)
    assert states_of(pipeline) == [0b101]
    counts_alone = pipeline_of(blocks[:1], LogisticRegression(), x, y)
    assert states_of(counts_alone) == []


@pytest.mark.parametrize(
    "encoder",
    [
        OneHotEncoder(),  # an unknown category is an error
        OneHotEncoder(handle_unknown="ignore", drop="first"),  # a warning
        TfidfVectorizer(token_pattern=r"[a-z]\d+"),  # whose matcher may give up
        make_pipeline(  # logarithms that may be NaN
            HashingVectorizer(n_features=32, alternate_sign=False),
            TfidfTransformer(sublinear_tf=True),
            Binarizer(threshold=0.1),
        ),
    ],
    ids=["errors", "warnings", "patterns", "logarithms"],
)
def test_what_may_refuse_a_row_or_warn_of_it_is_always_computed(encoder: Any) -> None:
    rng = np.random.default_rng(2)
    x, y = rows(rng, 60), np.arange(60) % 2
    column = ["c"] if isinstance(encoder, OneHotEncoder) else "t"
    blocks = [("a", encoder, column), ("x", StandardScaler(), NUMBERS)]
    pipeline = pipeline_of(blocks, LogisticRegression(), x, y)
    assert all(state & 1 for state in states_of(pipeline))


def test_naive_bayes_over_normed_text_has_lossless_gates() -> None:
    rng = np.random.default_rng(3)
    x, y = rows(rng, 90), np.arange(90) % 3
    pipeline = pipeline_of(
        [("t", TfidfVectorizer(), "t"), ("c", OneHotEncoder(handle_unknown="ignore"), ["c", "d"])],
        MultinomialNB(),
        x,
        y,
    )
    exact = willump.compile(pipeline)
    later = rows(rng, 300)
    for state in states_of(pipeline):
        fast = forced(pipeline, [state])
        assert np.array_equal(fast.predict(later), exact.predict(later))
        assert np.array_equal(fast.predict_proba(later), exact.predict_proba(later))


# ---- ensembles ---------------------------------------------------------------


def lightgbm_model(**options: Any) -> Any:
    lightgbm = pytest.importorskip("lightgbm")
    return lightgbm.LGBMClassifier(n_estimators=20, n_jobs=1, verbose=-1, **options)


def xgboost_model(**options: Any) -> Any:
    xgboost = pytest.importorskip("xgboost")
    return xgboost.XGBClassifier(n_estimators=20, max_depth=4, n_jobs=1, **options)


ENSEMBLES = {
    "forest": lambda seed: RandomForestClassifier(20, random_state=seed),
    "stumps": lambda seed: ExtraTreesClassifier(16, max_depth=1, random_state=seed),
    "boosted": lambda seed: GradientBoostingClassifier(n_estimators=18, random_state=seed),
    "histogram": lambda seed: HistGradientBoostingClassifier(
        max_iter=17, min_samples_leaf=2, random_state=seed
    ),
    "lightgbm": lambda seed: lightgbm_model(random_state=seed, min_child_samples=2),
    "xgboost": lambda seed: xgboost_model(random_state=seed),
}


@examples(20, shrinks=False)
@given(
    seed=st.integers(0, 2**20),
    name=st.sampled_from(sorted(ENSEMBLES)),
    n_classes=st.sampled_from([2, 2, 3, 6]),
)
def test_labels_of_ensembles_are_the_exact_ones_after_any_number_of_trees(
    seed: int, name: str, n_classes: int
) -> None:
    """Labels are noise, so that trees disagree; few rows and whole numbers make ties."""
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 4, (80, 4)).astype(np.float64)
    y = np.concatenate([np.arange(n_classes), rng.integers(0, n_classes, 80 - n_classes)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = ENSEMBLES[name](seed).fit(x, y)
    exact = willump.compile(model, strict=True)
    later = np.array(list(itertools.product(range(4), repeat=4)), np.float64)
    want, proba = exact.predict(later), exact.predict_proba(later)
    states = states_of(model)
    assert states
    chains = [*([state] for state in states), states[::4], states[-3:]]
    for chain in [chains[i] for i in rng.permutation(len(chains))[:5]]:
        fast = forced(model, list(chain))
        assert np.array_equal(fast.predict(later), want), chain
        assert np.array_equal(fast.predict_proba(later), proba)
    sure = surely_labelled(model, later)
    assert np.array_equal(want[sure], model.predict(later)[sure])


def votes(pattern: list[int]) -> Any:
    """A forest of stumps whose tree i votes for class pattern[i] where x > 0, and for the
    other one elsewhere."""
    forest = RandomForestClassifier(len(pattern), max_depth=1, bootstrap=False, random_state=0)
    x = np.array([[-1.0], [1.0]] * 4)
    forest.fit(x, [0, 1] * 4)
    for tree, vote in zip(forest.estimators_, pattern, strict=True):
        values = tree.tree_.value
        is_right = np.array([1.0, 0.0]) if vote == 0 else np.array([0.0, 1.0])
        values[1, 0], values[2, 0] = is_right[::-1], is_right
    return forest


@pytest.mark.parametrize("n", [16, 17])
def test_the_last_trees_may_vote_against_all_before(n: int) -> None:
    """Each split of the votes into first and last trees, ties among them."""
    x = np.array([[-1.0], [1.0]])
    for n_first in range(n + 1):
        forest = votes([1] * n_first + [0] * (n - n_first))
        exact = willump.compile(forest)
        for state in states_of(forest)[n_first % 3 :: 3]:
            fast = forced(forest, [state])
            assert np.array_equal(fast.predict(x), exact.predict(x)), (n_first, state)
            assert np.array_equal(fast.predict(x), forest.predict(x))
            is_decided = 2 * min(n_first, state) - state > n - state
            is_other = 2 * max(0, state - n_first) - state > n - state
            left = fast.stats()["stage_rows"][0] > 0
            assert left == (is_decided or is_other), (n_first, state)


# ---- one model for all answers -----------------------------------------------


@pytest.fixture(scope="module")
def mixed() -> tuple[Any, pd.DataFrame]:
    rng = np.random.default_rng(5)
    x = rows(rng, 400)
    y = (2 * x.x + x.z + (x.c == "a") + 0.3 * rng.normal(size=400) > 0).astype(int)
    blocks = [("t", TfidfVectorizer(ngram_range=(1, 2)), "t"),
              ("c", OneHotEncoder(handle_unknown="ignore"), ["c", "d"]),
              ("x", StandardScaler(), NUMBERS)]  # fmt: skip
    model = pipeline_of(blocks, LogisticRegression(), x, np.array(["no", "yes"])[y])
    return model, rows(rng, 1000)


def test_a_rows_bits_are_the_same_in_any_batch_and_on_any_threads(mixed: Any) -> None:
    pipeline, x = mixed
    fast = forced(pipeline, states_of(pipeline)[:1], states_of(pipeline)[0])
    want = willump.compile(pipeline).predict(x)
    for size in (1, 7, 1000):
        for n_threads in (1, 2):
            got = [
                fast._interface.run("predict", x.iloc[i : i + size], n_threads=n_threads)
                for i in range(0, 100 if size == 1 else len(x), size)
            ]
            joined = np.concatenate(got)
            assert np.array_equal(joined, want[: len(joined)])


def test_float32_numbers_pass_the_same_gates(mixed: Any) -> None:
    pipeline, x = mixed
    exact = willump.compile(pipeline)
    x = x.astype(dict.fromkeys(NUMBERS, np.float32))
    for state in states_of(pipeline):
        fast = forced(pipeline, [state], state)
        assert np.array_equal(fast.predict(x), exact.predict(x))
        assert np.array_equal(fast.decision_function(x), exact.decision_function(x))
        assert_same_ranking(fast, exact, x)


def test_a_first_stages_scores_are_the_ones_of_the_model_computed_once(mixed: Any) -> None:
    pipeline, _ = mixed
    states = states_of(pipeline)
    graph = str(forced(pipeline, [states[0], states[-1]], states[-1]).explain("all"))
    assert graph.count(" = text_score(") == 1
    assert graph.count(" = encode(") == 1


def test_only_labels_pass_gates_and_only_they_are_counted(mixed: Any) -> None:
    pipeline, x = mixed
    exact = willump.compile(pipeline)
    fast = forced(pipeline, states_of(pipeline)[:1])
    for method in ("predict_proba", "predict_log_proba", "decision_function"):
        assert np.array_equal(getattr(fast, method)(x), getattr(exact, method)(x))
    assert fast.stats()["stage_rows"] == [0, 0]
    fast.predict(x)
    counted = fast.stats()["stage_rows"]
    assert sum(counted) == len(x)
    assert counted[0] > 0
    assert np.array_equal(fast._interface.run("predict", x, exact=True), exact.predict(x))


def test_gates_are_there_after_a_load_and_in_a_pickle(mixed: Any, tmp_path: Path) -> None:
    pipeline, x = mixed
    states = states_of(pipeline)
    fast = forced(pipeline, states[:1], states[0])
    want = fast.predict(x)
    fast.save(tmp_path / "m.willump")
    for again in (willump.load(tmp_path / "m.willump"), pickle.loads(pickle.dumps(fast))):
        assert np.array_equal(again.predict(x), want)
        assert again.stats()["stage_rows"][:2] == [0, fast.stats()["stage_rows"][1]]
        for got, expected in zip(again.top_k(x, 9), fast.top_k(x, 9), strict=True):
            assert np.array_equal(got, expected)
        assert again.to_bytes() == fast.to_bytes()


def test_the_program_gives_the_same_labels_and_probabilities(mixed: Any, tmp_path: Path) -> None:
    program = os.environ.get("WILLUMP_CLI") or str(Path(sys.prefix) / "bin" / "willump")
    pipeline, x = mixed
    fast = forced(pipeline, states_of(pipeline)[:1])
    fast.save(tmp_path / "m.willump")
    x.to_csv(tmp_path / "x.csv", index=False)
    run = subprocess.run(
        [program, "predict", "m.willump", "x.csv", "--output", "label", "--output", "proba",
         "--stages", "--output-format", "jsonl"],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    lines = [json.loads(line) for line in run.stdout.splitlines()]
    again = pd.read_csv(tmp_path / "x.csv", keep_default_na=False)
    assert [line["label"] for line in lines] == willump.compile(pipeline).predict(again).tolist()
    assert {line["stage"] for line in lines} == {0, 1}


def test_a_bad_row_is_refused_wherever_a_gate_would_have_answered_it(mixed: Any) -> None:
    pipeline, x = mixed
    exact = willump.compile(pipeline)
    fast = forced(pipeline, states_of(pipeline)[:1], states_of(pipeline)[0])
    for column, value in (("t", np.nan), ("x", np.nan), ("x", np.inf)):
        bad = x.copy()
        bad["x"] = 50.0  # decided at once
        bad[column] = bad[column].astype(object) if column == "t" else bad[column]
        bad.loc[700, column] = value
        with pytest.raises(ValueError, match=r"row|NaN|nan|infinity") as wanted:
            exact.predict(bad)
        for call in (fast.predict, lambda rows: fast.top_k(rows, 5)):
            with pytest.raises(ValueError, match=r"row|NaN|nan|infinity") as got:
                call(bad)
            assert str(got.value) == str(wanted.value)


# ---- top-K -------------------------------------------------------------------


def assert_same_ranking(fast: Any, exact: Any, x: Any, **named: Any) -> None:
    n = len(x)
    for k in (1, 2, 7, n // 3, n - 1, n, n + 5):
        before = fast.stats()["top_k"]
        fast.top_k(x, k, **named)
        queries, rows, scored = (fast.stats()["top_k"][name] - before[name] for name in before)
        assert (queries, rows) == (1, n)
        assert min(k, n) <= scored <= n
        for got, want in zip(fast.top_k(x, k, **named), exact.top_k(x, k, **named), strict=True):
            assert got.dtype == want.dtype
            assert np.array_equal(got, want), k


@examples(10, shrinks=False)
@given(seed=st.integers(0, 2**32 - 1), kind=st.sampled_from(["plain", "wild", "whole"]))
def test_rankings_of_linear_models_are_the_exact_ones(seed: int, kind: str) -> None:
    rng = np.random.default_rng(seed)
    x = rows(rng, 60)
    blocks = [("t", TfidfVectorizer(), "t"), ("c", OrdinalEncoder(
        handle_unknown="use_encoded_value", unknown_value=9), ["c"]),
        ("x", StandardScaler(), NUMBERS)]  # fmt: skip
    classifier = pipeline_of(blocks, LogisticRegression(), x, np.arange(60) % 2)
    regressor = pipeline_of(blocks, Ridge(), x, x.x + x.z)
    later = rows(rng, 200)
    later = pd.concat([later, later.iloc[::3]], ignore_index=True)  # ties
    for pipeline in (with_weights(classifier, rng, kind), regressor):
        exact = willump.compile(pipeline)
        for state in states_of(pipeline):
            assert_same_ranking(forced(pipeline, [], state), exact, later)


@examples(10, shrinks=False)
@given(
    seed=st.integers(0, 2**20),
    name=st.sampled_from([*sorted(ENSEMBLES), "regressor", "boosted regressor"]),
)
def test_rankings_of_ensembles_are_the_exact_ones(seed: int, name: str) -> None:
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 5, (100, 4)).astype(np.float64)
    y = (x.sum(axis=1) + rng.normal(size=100) > 8).astype(int)
    if name == "regressor":
        model = RandomForestRegressor(20, random_state=seed).fit(x, x[:, 0] * x[:, 1])
    elif name == "boosted regressor":
        model = GradientBoostingRegressor(n_estimators=20).fit(x, -x[:, 0] * x[:, 1])
    else:
        model = ENSEMBLES[name](seed).fit(x, y)
    exact = willump.compile(model)
    later = rng.integers(0, 5, (400, 4)).astype(np.float64)
    for state in states_of(model)[::3]:
        fast = forced(model, [], state)
        assert_same_ranking(fast, exact, later)
        if name not in ("regressor", "boosted regressor"):
            assert_same_ranking(fast, exact, later, class_label=0)


def test_a_class_of_several_ranks_by_its_own_bounds() -> None:
    x, y = make_classification(500, 8, n_informative=6, n_classes=4, random_state=0)
    model = RandomForestClassifier(30, random_state=0).fit(x, y)
    exact, fast = willump.compile(model), forced(model, [], states_of(model)[2])
    for label in range(4):
        assert_same_ranking(fast, exact, x, class_label=label)


# ---- optimize ----------------------------------------------------------------


@pytest.fixture(scope="module")
def paying() -> tuple[Any, pd.DataFrame]:
    """Strong numbers beside long texts that say little."""
    rng = np.random.default_rng(7)
    n = 2000
    words = np.array([f"v{i}" for i in range(2000)])
    x = rows(rng, n)
    x["t"] = [" ".join(rng.choice(words, 400)) for _ in range(n)]
    y = (3 * x.x + 2 * x.z + 0.2 * rng.normal(size=n) > 0).astype(int)
    blocks = [("t", TfidfVectorizer(), "t"),
              ("x", StandardScaler(), NUMBERS)]  # fmt: skip
    return pipeline_of(blocks, LogisticRegression(C=0.1), x[:800], y[:800]), x[800:]


def test_optimize_builds_what_pays_and_says_so(paying: Any) -> None:
    pipeline, x = paying
    fast = willump.optimize(pipeline, x[:700], target=willump.Lossless(), random_state=3)
    told = fast.metadata["lossless"]
    assert [gate["blocks"] for gate in told["gates"]] == [["x"]]
    assert told["cost"] < told["exact_cost"]
    assert 0.3 < told["gates"][0]["share_leaving"] <= 1.0
    assert "certificate" not in fast.metadata
    later = x[700:]
    assert np.array_equal(fast.predict(later), pipeline.predict(later))
    assert fast.verify(later).ok
    assert "the rest adds at most" in str(fast.explain())
    left = fast.stats()["stage_rows"][-2] / len(later) / 2  # verify asked as well
    assert abs(left - told["gates"][0]["share_leaving"]) < 0.1


def test_optimize_says_why_nothing_is_built() -> None:
    rng = np.random.default_rng(8)
    texts = rows(rng, 100).t.tolist()
    one_block = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(
        texts, np.arange(100) % 2
    )
    with pytest.warns(willump.NoGainWarning, match="no part of what the model adds up"):
        fast = willump.optimize(one_block, texts, target=willump.Lossless())
    assert "lossless" not in fast.metadata
    assert np.array_equal(fast.predict(texts), one_block.predict(texts))
    with pytest.raises(willump.CertificateError, match="no lossless gate pays"):
        willump.optimize(one_block, texts, target=willump.Lossless(), strict=True)
    alike = make_pipeline(
        make_union(TfidfVectorizer(), TfidfVectorizer(analyzer="char")), LogisticRegression()
    ).fit(texts, np.arange(100) % 2)
    with pytest.warns(willump.NoGainWarning, match="no gate costs less than it spares"):
        willump.optimize(alike, texts, target=willump.Lossless())


def test_optimize_refuses_what_goes_with_a_certificate(paying: Any) -> None:
    pipeline, x = paying
    for name, value in {"X_cal": x, "refit": True, "costs": [1.0, 2.0], "groups": [1]}.items():
        with pytest.raises(ValueError, match=f"Lossless takes no {name}"):
            willump.optimize(pipeline, x, target=willump.Lossless(), **{name: value})
    with pytest.raises(ValueError, match="measuring takes two"):
        willump.optimize(pipeline, x[:1], target=willump.Lossless())


def test_options_of_methods_are_refused_and_fit_makes_an_exact_model() -> None:
    x, y = make_classification(300, 6, random_state=0)
    model = RandomForestClassifier(20, random_state=0).fit(x, y)
    fast = forced(model, [states_of(model)[-1]])
    with pytest.raises(willump.UnsupportedError, match="plain answers only"):
        fast.apply(x)
    assert np.array_equal(fast.fit(x, y).predict(x), model.predict(x))
    assert fast.stats()["stage_rows"] == [0]


def test_damaged_metadata_are_an_artifact_error(mixed: Any) -> None:
    pipeline, x = mixed
    job = _lossless.Lossless(convert.start(pipeline), strict=False, n_threads=1)
    state = job.family.states[0]
    for told in ({"top_k": {}}, {"top_k": 3}, {"top_k": {"method": "predict_proba"}}):
        converted = job.conversion.finish(job.stages([], state), {"lossless": told})
        fast = CompiledModel.from_converted(converted, pipeline)
        with pytest.raises(willump.ArtifactError, match="lossless are damaged"):
            fast.top_k(x, 3)
