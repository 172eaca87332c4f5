"""What `optimize` takes: kinds of models and rows that are easily forgotten."""

from __future__ import annotations

import pickle
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import willump
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, make_column_transformer
from sklearn.decomposition import NMF
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import RandomForestClassifier, VotingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    Normalizer,
    StandardScaler,
    scale,
)
from sklearn.svm import SVC, SVR, NuSVR
from test_optimize import documents
from willump import _runner


def numbers(n: int, seed: int) -> tuple[Any, Any]:
    random = np.random.default_rng(seed)
    x = random.normal(size=(n, 6))
    return x, (x[:, 0] * 2 + x[:, 1] > 0).astype(int)


def optimized(pipeline: Any, x: Any, y: Any, target: Any, **options: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", willump.PythonStepWarning)
        return willump.optimize(pipeline, x, y, target=target, random_state=0, **options)


# ---- sparse rows -----------------------------------------------------------------


@pytest.mark.parametrize("form", [sp.csr_matrix, sp.csr_array])
@pytest.mark.parametrize(
    "model", [LogisticRegression(), RandomForestClassifier(5, random_state=0)], ids=repr
)
def test_csr_rows_may_have_several_blocks(form: Any, model: Any) -> None:
    x, y = numbers(700, 0)
    rows = [form(np.where(np.abs(a) < 0.7, 0.0, a)) for a in (x, numbers(1500, 1)[0])]
    pipeline = make_pipeline(make_union(MaxAbsScaler(), Normalizer()), model).fit(rows[0], y)
    target = willump.Agreement(0.7)
    fast = optimized(pipeline, rows[0], y, target, X_cal=rows[1], costs=[1.0, 20.0])
    assert fast.metadata["certificate"]["share_leaving"] > 0
    whole = fast.predict(rows[1])
    np.testing.assert_array_equal(fast.predict(rows[1][:50]), whole[:50])
    assert np.mean(whole == pipeline.predict(rows[1])) > 0.68


# ---- models ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "model", [SVC(kernel="linear"), GaussianNB(), LinearDiscriminantAnalysis()], ids=repr
)
def test_models_with_coefficients_that_stay_python_get_a_first_stage(model: Any) -> None:
    x, y = numbers(600, 0)
    pipeline = make_pipeline(StandardScaler(), model).fit(x, y)
    fast = optimized(pipeline, x, y, willump.Agreement(0.9), X_cal=numbers(2000, 1)[0])
    assert fast.metadata["certificate"]["first_model"] != type(model).__name__
    test = numbers(3000, 2)[0]
    assert np.mean(fast.predict(test) == pipeline.predict(test)) > 0.88


@pytest.mark.parametrize("model", [SVR(kernel="linear"), NuSVR(kernel="linear")], ids=repr)
def test_regressors_that_stay_python_do_too(model: Any) -> None:
    x, _ = numbers(600, 0)
    y = np.exp(0.3 * x[:, 0])
    pipeline = make_pipeline(StandardScaler(), model).fit(x, y)
    target = willump.Tolerance(abs=0.5, share=0.8)
    fast = optimized(pipeline, x, y, target, X_cal=numbers(2000, 1)[0])
    assert fast.metadata["certificate"]["first_model"] != type(model).__name__
    test = numbers(3000, 2)[0]
    assert np.mean(np.abs(fast.predict(test) - pipeline.predict(test)) <= 0.5) > 0.78


@pytest.mark.parametrize("voting", ["soft", "hard"])
def test_a_vote_is_cut_and_transforms_as_it_is(voting: str) -> None:
    x, y = numbers(600, 0)
    parts = ColumnTransformer(
        [("cheap", StandardScaler(), [0, 1]), ("dear", StandardScaler(), [2, 3, 4, 5])]
    )
    vote = VotingClassifier(
        [("a", LogisticRegression()), ("b", LogisticRegression(C=0.1))], voting=voting
    )
    pipeline = make_pipeline(parts, vote).fit(x, y)
    fast = optimized(
        pipeline, x, y, willump.Agreement(0.8), X_cal=numbers(2000, 1)[0], costs=[1.0, 50.0]
    )
    assert fast.metadata["certificate"]["share_leaving"] > 0
    test = numbers(500, 2)[0]
    np.testing.assert_allclose(fast.transform(test), pipeline.transform(test), rtol=1e-9)
    assert np.mean(fast.predict(test) == pipeline.predict(test)) > 0.75


# ---- what is compiled already ----------------------------------------------------------


#: Of six blocks; they make the choice repeat.
COSTS = [1.0, 1.0, 1.0, 1.0, 1.0, 50.0]


def of_six_blocks(seed: int) -> tuple[Any, Any, Any]:
    x, _ = numbers(800, seed)
    y = (x.sum(axis=1) > 0).astype(int)
    columns = ColumnTransformer([(name, StandardScaler(), [i]) for i, name in enumerate("abcdef")])
    return make_pipeline(columns, LogisticRegression()).fit(x, y), x, y


def certified(fast: Any) -> dict[str, Any]:
    """The certificate, without what clocks measured."""
    told = fast.metadata["certificate"]
    return {key: told[key] for key in ("promise", "n_rows", "blocks", "threshold")}


@pytest.mark.parametrize("seed", range(3))
def test_the_exact_pipeline_of_a_cascade_is_its_original(seed: int) -> None:
    pipeline, x, y = of_six_blocks(seed)
    cal, fresh = numbers(2500, seed + 10)[0], numbers(4000, seed + 20)[0]
    target = willump.Agreement(0.8)
    first = optimized(pipeline, x, y, target, X_cal=cal, costs=COSTS)
    assert np.mean(first.predict(fresh) == pipeline.predict(fresh)) < 1
    estimator = willump.CascadeClassifier(pipeline, target=target, costs=COSTS).fit(x, y)
    for given_, exact in ((first, pipeline), (estimator, estimator.cascade_._original)):
        again = optimized(given_, x, y, willump.Agreement(0.9), X_cal=cal, costs=COSTS)
        assert certified(again) == certified(
            optimized(exact, x, y, willump.Agreement(0.9), X_cal=cal, costs=COSTS)
        )
        lossless = optimized(given_, x, None, willump.Lossless())
        np.testing.assert_array_equal(lossless.predict(fresh), exact.predict(fresh))
        best = willump.TopKRecall(0.9, share=0.9, query_size=40, k=5)
        filtered = optimized(given_, x, y, best, X_cal=cal, costs=COSTS)
        np.testing.assert_array_equal(filtered.predict(fresh), exact.predict(fresh))


def test_a_cascade_without_its_original_is_no_exact_pipeline() -> None:
    pipeline, x, y = of_six_blocks(0)
    options = {"X_cal": numbers(2500, 1)[0], "costs": COSTS}
    first = optimized(pipeline, x, y, willump.Agreement(0.8), **options)
    loaded = willump.from_bytes(first.to_bytes())
    with pytest.raises(willump.UnsupportedError, match=r"an artifact.*pass the fitted"):
        optimized(loaded, x, y, willump.Agreement(0.8), **options)


def test_a_model_without_its_original_is_no_exact_pipeline() -> None:
    pipeline, x, y = of_six_blocks(0)
    loaded = pickle.loads(pickle.dumps(willump.compile(pipeline)))
    with pytest.raises(willump.UnsupportedError, match=r"a model that was.*pass the fitted"):
        optimized(loaded, x, y, willump.Agreement(0.8), X_cal=numbers(2000, 1)[0])


def test_a_cascade_estimator_stands_for_what_is_in_it() -> None:
    pipeline, x, y = of_six_blocks(0)
    target = willump.Agreement(0.8)
    estimator = willump.CascadeClassifier(pipeline, target=target, costs=COSTS)
    with pytest.raises(NotFittedError):
        optimized(estimator, x, y, target, X_cal=numbers(2000, 1)[0])
    with pytest.raises(NotFittedError):
        willump.compile(estimator)
    own = optimized(pipeline, x, y, target, refit=True, costs=COSTS)
    found = optimized(estimator, x, y, target, refit=True, costs=COSTS)
    assert certified(found) == certified(own)
    estimator.fit(x, y)
    assert willump.compile(estimator) is estimator.cascade_


@pytest.mark.parametrize("form", [lambda x: x, lambda x: x.tolist(), pd.DataFrame, sp.csr_matrix])
def test_calibration_rows_may_not_be_missing(form: Any) -> None:
    x, y = numbers(600, 0)
    pipeline = make_pipeline(StandardScaler(), RandomForestClassifier(20, random_state=0))
    pipeline.fit(form(x) if form is pd.DataFrame else x, y)
    if form is sp.csr_matrix:
        pipeline = make_pipeline(MaxAbsScaler(), LogisticRegression()).fit(form(x), y)
    with pytest.raises(ValueError, match="X_cal has no rows"):
        optimized(pipeline, form(x), y, willump.Agreement(0.8), X_cal=form(x)[:0])


def test_labels_may_come_one_by_one() -> None:
    pipeline, x, y = of_six_blocks(0)
    fresh = numbers(2500, 1)[0]
    labels = pipeline.predict(fresh).tolist()
    for target in (willump.Accuracy(0.2), willump.Estimated("accuracy", loss=0.2)):
        options = {"X_cal": fresh, "costs": COSTS}
        own = optimized(pipeline, x, y, target, y_cal=labels, **options)
        assert certified(own) == certified(
            optimized(pipeline, x, y, target, y_cal=iter(labels), **options)
        )


def test_a_compiled_pipeline_is_cut_as_its_original() -> None:
    pipeline, x, y = of_six_blocks(0)
    options = {"X_cal": numbers(2000, 1)[0], "costs": COSTS}
    found = [
        optimized(p, x, y, willump.Agreement(0.8), **options)
        for p in (pipeline, willump.compile(pipeline))
    ]
    assert certified(found[0]) == certified(found[1])


# ---- steps that stay Python -----------------------------------------------------------


def counts_of(column: Any) -> Any:
    """How often each value comes: of 64 rows, hardly any comes twice."""
    _, number, counts = np.unique(column, return_inverse=True, return_counts=True)
    return counts[number].astype(float)


def of_all_rows(kind: str) -> Any:
    """Functions of which a row's answer hangs on the other rows, or on none."""
    random = np.random.default_rng(0)
    return {
        "scaled": scale,
        "centered": lambda a: a - np.mean(a, axis=0),
        "ranked": lambda a: a.argsort(axis=0).argsort(axis=0) / len(a),
        "summed": lambda a: np.cumsum(a, axis=0),
        "by the first row": lambda a: a - a[:1],
        "counted": lambda a: np.column_stack([counts_of(column.round(3)) for column in a.T]),
        "by chance": lambda a: a + random.normal(size=a.shape),
    }[kind]


def of_many_rows(a: Any) -> Any:
    """Few rows do not show that it mixes them."""
    return a + 3.0 * (a[:, :1] > np.median(a[:, 0])) if len(a) > 200 else a


@pytest.mark.parametrize(
    "target",
    [
        willump.Agreement(0.9),
        willump.Tolerance(abs=0.1, share=0.8),
        willump.Estimated("accuracy", loss=0.2),
        willump.Accuracy(0.1),
    ],
    ids=repr,
)
def test_rows_that_certify_have_their_answers_among_all_rows(target: Any) -> None:
    x, _ = numbers(600, 0)
    y = (2 * x[:, 0] + x[:, 2] + x[:, 3] > 0).astype(int)
    pipeline = with_function(of_many_rows, LogisticRegression()).fit(x, y)
    fresh, _ = numbers(3000, 1)
    labels = pipeline.predict(fresh)
    with pytest.raises(
        willump.UnsupportedError, match=r"functiontransformer.*rows that would certify"
    ):
        optimized(pipeline, x, y, target, X_cal=fresh, y_cal=labels, costs=[1.0, 50.0])


def test_what_stops_at_a_tolerance_of_all_rows_is_certified() -> None:
    def rows(n: int, seed: int) -> Any:
        random = np.random.default_rng(seed)
        topics = np.abs(np.random.default_rng(5).normal(size=(3, 8)))
        own = random.gamma(1.0, size=(n, 3))
        return np.hstack([random.normal(size=(n, 2)), own @ topics + 0.1 * random.random((n, 8))])

    x, fresh, later = rows(600, 0), rows(2000, 1), rows(2000, 2)
    y = (2 * x[:, 0] + x[:, 2] - x[:, 3] > 0).astype(int)
    factors = make_pipeline(NMF(3, random_state=0, max_iter=400), StandardScaler())
    columns = make_column_transformer((StandardScaler(), [0, 1]), (factors, list(range(2, 10))))
    pipeline = make_pipeline(columns, LogisticRegression()).fit(x, y)
    fast = optimized(pipeline, x, y, willump.Agreement(0.9), X_cal=fresh, costs=[1.0, 50.0])
    assert fast.metadata["certificate"]["share_leaving"] > 0
    assert np.mean(fast.predict(later) == pipeline.predict(later)) > 0.88


BY_ROW = {
    "curved": np.arctan,
    "normalized": lambda a: a / np.linalg.norm(a, axis=1, keepdims=True),
    "in single": lambda a: a.astype(np.float32).astype(float),
    "sorted": lambda a: np.sort(a, axis=1),
}


def with_function(function: Any, model: Any) -> Any:
    columns = make_column_transformer(
        (StandardScaler(), [0, 1]), (FunctionTransformer(function), [2, 3, 4, 5])
    )
    return make_pipeline(columns, model)


GATED = [willump.Agreement(0.9), willump.TopKRecall(0.9, share=0.8, query_size=50, k=5)]


@pytest.mark.parametrize("target", GATED, ids=repr)
@pytest.mark.parametrize(
    "kind", ["scaled", "centered", "ranked", "summed", "by the first row", "counted", "by chance"]
)
def test_a_step_that_mixes_rows_goes_behind_no_gate(kind: str, target: Any) -> None:
    x, _ = numbers(600, 0)
    y = (x[:, 0] + x[:, 2] + x[:, 3] > 0).astype(int)
    pipeline = with_function(of_all_rows(kind), LogisticRegression()).fit(x, y)
    with pytest.raises(willump.UnsupportedError, match=r"functiontransformer.*beside other rows"):
        optimized(pipeline, x, y, target, X_cal=numbers(2000, 1)[0])


@pytest.mark.parametrize("model", [LogisticRegression(), SVC()], ids=repr)
@pytest.mark.parametrize("kind", BY_ROW)
def test_a_step_that_takes_rows_one_by_one_does(kind: str, model: Any) -> None:
    x, _ = numbers(600, 0)
    y = (x[:, 0] + x[:, 2] + x[:, 3] > 0).astype(int)
    pipeline = with_function(BY_ROW[kind], model).fit(x, y)
    fast = optimized(
        pipeline, x, y, willump.Agreement(0.8), X_cal=numbers(2000, 1)[0], costs=[1.0, 50.0]
    )
    test = numbers(3000, 2)[0]
    assert np.mean(fast.predict(test) == pipeline.predict(test)) > 0.77


def with_gaps(n: int, seed: int, share: float) -> Any:
    random = np.random.default_rng(seed)
    frame = pd.DataFrame(random.normal(size=(n, 2)), columns=["a", "b"])
    frame["c"] = np.round(random.normal(size=n) * 3)
    frame["y"] = 1.5 * frame["a"] + 0.3 * frame["b"] + 0.35 * frame["c"] > 0
    frame.loc[random.random(n) < share, "c"] = np.nan
    return frame


def by_the_median(frame: Any) -> Any:
    return frame.fillna(frame.median())


FILLED = make_pipeline(
    make_column_transformer(
        (StandardScaler(), ["a", "b"]), (FunctionTransformer(by_the_median), ["c"])
    ),
    LogisticRegression(),
)


@pytest.mark.parametrize("target", GATED, ids=repr)
def test_rows_of_x_cal_are_asked_by_themselves_too(target: Any) -> None:
    x, fresh = with_gaps(1500, 0, 0.0), with_gaps(3000, 1, 0.2)
    pipeline = clone(FILLED).fit(x, x["y"])
    with pytest.raises(willump.UnsupportedError, match=r"functiontransformer.*beside other rows"):
        optimized(pipeline, x, x["y"], target, X_cal=fresh, costs=[1.0, 20.0])


@pytest.mark.parametrize("target", [GATED[0], willump.Tolerance(abs=0.05, share=0.9)], ids=repr)
def test_what_all_rows_have_in_common_shows_in_small_calls(
    target: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the rows that are asked beforehand do not tell."""
    monkeypatch.setattr(_runner.Runner, "check_rows_alone", lambda *_, **__: None)
    x, fresh = with_gaps(1500, 0, 0.0), with_gaps(3000, 1, 0.2)
    pipeline = clone(FILLED).fit(x, x["y"])
    with pytest.raises(willump.UnsupportedError, match="rows of X_cal in calls of"):
        optimized(pipeline, x, x["y"], target, X_cal=fresh, costs=[1.0, 20.0])


def test_a_functions_steps_are_asked_rows_of_x_cal() -> None:
    x, fresh = with_gaps(1500, 0, 0.0), with_gaps(3000, 1, 0.2)
    model = LogisticRegression().fit(x[["a", "b", "c"]].to_numpy(), x["y"])

    def predict(d: Any) -> Any:
        cheap = d[["a", "b"]].to_numpy()
        filled = d["c"].fillna(d["c"].median()).to_numpy().reshape(-1, 1)
        return model.predict(np.hstack([cheap, filled]))

    def cascade_from(rows: Any) -> Any:
        costs = {"cheap": 1.0, "filled": 20.0}
        return optimized(predict, rows, rows["y"], GATED[0], X_cal=fresh, costs=costs)

    with pytest.raises(willump.UnsupportedError, match="beside other rows"):
        cascade_from(x)
    # Followed on rows with gaps, the step is known to need a call's rows together.
    fast, later = cascade_from(with_gaps(1500, 0, 0.2)), with_gaps(3000, 2, 0.2)
    calls = [later[i : i + 20].reset_index(drop=True) for i in range(0, len(later), 20)]
    assert np.mean([np.mean(fast(d) == predict(d)) for d in calls]) > 0.88


def alike(a: Any, b: Any) -> Any:
    return (np.asarray(a) @ np.asarray(b).T + 1.0) ** 2


@pytest.mark.parametrize(
    "model",
    [
        SVC(kernel=alike),
        OneVsRestClassifier(SVC(kernel=alike)),
        CalibratedClassifierCV(SVC(kernel=alike), cv=2),
        VotingClassifier([("a", SVC(kernel=alike)), ("b", GaussianNB())]),
        SVR(kernel=alike),
    ],
    ids=lambda model: type(model).__name__,
)
def test_a_model_that_knows_no_width_of_its_own_gets_a_cascade(model: Any) -> None:
    x, y = numbers(400, 0)
    fresh, test = numbers(1500, 1)[0], numbers(1000, 2)[0]
    fitted = clone(model).fit(x, y)
    is_label = not isinstance(model, SVR)
    target = willump.Agreement(0.7) if is_label else willump.Tolerance(abs=0.6, share=0.7)
    fast = optimized(fitted, x, y, target, X_cal=fresh, costs={"features": 1.0, "model": 100.0})
    assert fast.metadata["certificate"]["share_leaving"] > 0
    apart = np.abs(fast.predict(test) - fitted.predict(test))
    assert np.mean(apart <= (0.0 if is_label else 0.6)) > 0.65


def test_a_step_that_gets_all_rows_hides_no_other() -> None:
    """Of a function: a count within the call is known to need its rows, the median is not."""
    x, fresh = with_gaps(1500, 0, 0.0), with_gaps(3000, 1, 0.2)
    x["u"], fresh["u"] = np.arange(1500) // 3, np.arange(3000) // 3
    wide = np.column_stack([x[["a", "b"]], np.full(1500, 3.0), x["c"]])
    model = LogisticRegression().fit(wide, x["y"])

    def scores(d: Any) -> Any:
        cheap = d[["a", "b"]].to_numpy()
        counts = d.groupby("u")["u"].transform("count").to_numpy().astype(float).reshape(-1, 1)
        filled = d["c"].fillna(d["c"].median()).to_numpy().reshape(-1, 1)
        return model.predict_proba(np.hstack([cheap, counts, filled]))[:, 1]

    costs = {"cheap": 1.0, "counts": 1.0, "filled": 40.0}
    queries = willump.TopKRecall(0.8, share=0.8, query_size=50, k=5)
    for target in (willump.Agreement(0.9), queries):
        with pytest.raises(willump.UnsupportedError, match="beside other rows"):
            optimized(scores, x, x["y"], target, X_cal=fresh, costs=costs)


@pytest.mark.parametrize("is_list", [False, True])
@pytest.mark.parametrize("size", [5, 7, 30])
def test_small_queries_are_asked_together(size: int, is_list: bool) -> None:
    x = with_gaps(1500, 0, 0.0)
    columns = FILLED[0]
    pipeline = make_pipeline(clone(columns), Ridge()).fit(x, x["a"] + 0.1 * x["c"])
    fresh = [with_gaps(size, seed, 0.3) for seed in range(80)]
    target = willump.TopKRecall(0.6, share=0.7, k=1, query_size=None if is_list else size)
    with pytest.raises(willump.UnsupportedError, match="beside other rows"):
        optimized(
            pipeline, x, x["a"] + 0.1 * x["c"], target, costs=[1.0, 40.0],
            X_cal=fresh if is_list else pd.concat(fresh, ignore_index=True),
        )  # fmt: skip


@pytest.mark.parametrize("weight", [1e-4, 0.01])
def test_a_filter_s_scores_are_the_pipeline_s_to_the_rounding(weight: float) -> None:
    """What a centred column adds may be next to nothing beside one with heavy tails."""
    x, later = (np.exp(2 * np.random.default_rng(s).normal(size=(2000, 6))) for s in (0, 1))
    pipeline = with_function(lambda a: a - a.mean(axis=0), Ridge())
    pipeline.fit(x, x[:, 0] + weight * x[:, 2:].sum(axis=1))
    target = willump.TopKRecall(0.8, share=0.8, query_size=40, k=5)
    with pytest.raises(willump.UnsupportedError, match="beside other rows"):
        optimized(pipeline, x, x[:, 0], target, X_cal=later, costs=[1.0, 40.0])


# ---- rows and queries ----------------------------------------------------------------


def test_a_frame_of_one_column_is_no_column_of_text() -> None:
    x, y = documents(600, 1)
    pipeline = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(x, y)
    cal = documents(900, 2)[0]
    with pytest.raises(ValueError, match=r"X_cal has 900 rows, but of 2 of them .* answers 1"):
        optimized(pipeline, x, y, willump.Agreement(0.9), X_cal=pd.DataFrame({"text": cal}))


def ranked(seed: int, n: int) -> Any:
    random = np.random.default_rng(seed)
    return np.column_stack([random.integers(0, 2, n).astype(float), random.normal(size=n)])


def test_a_filters_promise_holds_in_whatever_order_rows_come() -> None:
    x = ranked(0, 1500)
    columns = ColumnTransformer([("cheap", StandardScaler(), [0]), ("dear", StandardScaler(), [1])])
    pipeline = make_pipeline(columns, Ridge(1e-6)).fit(x, 3 * x[:, 0] + x[:, 1])
    target = willump.TopKRecall(0.9, share=0.9, query_size=50, k=5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", willump.NotCertifiedWarning)
        fast = optimized(
            pipeline, x, 3 * x[:, 0] + x[:, 1], target, X_cal=ranked(1, 5_000), costs=[1.0, 50.0]
        )
    exact = willump.compile(pipeline)
    rows, n_missed = ranked(2, 20_000), 0
    for query in np.split(rows, 400):
        query = query[np.argsort(pipeline.predict(query))]  # the best rows last
        found = np.intersect1d(exact.top_k(query, 5)[0], fast.top_k(query, 5)[0])
        n_missed += len(found) < 0.9 * 5
    assert n_missed <= 400 * 0.1 + 3 * np.sqrt(400 * 0.1 * 0.9)


@pytest.mark.parametrize("is_grouped", [False, True])
def test_queries_of_training_rows_are_refused(is_grouped: bool) -> None:
    x = ranked(0, 1500)
    y = x[:, 0] + x[:, 1]
    columns = ColumnTransformer([("cheap", StandardScaler(), [0]), ("dear", StandardScaler(), [1])])
    pipeline = make_pipeline(columns, Ridge()).fit(x, y)
    target = willump.TopKRecall(0.9, share=0.5)
    queries = (
        {"X_cal": x, "groups": np.arange(1500) // 10}
        if is_grouped
        else {"X_cal": [x[i : i + 10] for i in range(0, 1500, 10)]}
    )
    with pytest.raises(ValueError, match="1500 of the 1500 rows of X_cal are rows of X"):
        optimized(pipeline, x, y, target, costs=[1.0, 50.0], **queries)


def test_groups_are_whole_queries() -> None:
    x = ranked(0, 1500)
    pipeline = make_pipeline(StandardScaler(), Ridge()).fit(x, x[:, 0])
    target = willump.TopKRecall(0.9, share=0.5, query_size=10)
    with pytest.raises(ValueError, match="give no query_size with them"):
        optimized(pipeline, x, x[:, 0], target, X_cal=ranked(1, 500), groups=np.arange(500) // 10)


@pytest.mark.parametrize("target", [willump.Agreement(0.8), willump.Tolerance(abs=0.4, share=0.7)])
def test_csr_rows_pass_a_first_stage_that_was_trained_on_dense_rows(target: Any) -> None:
    """As they pass the pipeline; that small trees of scikit-learn, a first stage or a learned
    gate, chosen or only tried, take dense rows only is nothing to the caller."""
    rng = np.random.default_rng(18)
    x = np.where(rng.random((2000, 8)) < 0.4, rng.gamma(2.0, 1.0, (2000, 8)), 0.0)
    y = x[:, 0] - x[:, 1] + 0.1 * x[:, 5] > 0
    root = FunctionTransformer(np.sqrt, accept_sparse=True)
    blocks = make_column_transformer((root, [0, 1, 2, 3]), (root, [4, 5, 6, 7]))
    forest = RandomForestClassifier(12, max_depth=4, random_state=0)  # too few to be cut
    pipeline = make_pipeline(blocks, forest).fit(x[:600], y[:600])
    cascade = willump.optimize(
        pipeline, x[:600], y[:600], X_cal=x[600:1600], target=target, duplicates="traffic",
        costs={"functiontransformer-1": 1.0, "functiontransformer-2": 30.0, "model": 100.0},
    )  # fmt: skip
    assert "certificate" in cascade.metadata
    later = x[1600:]
    assert np.array_equal(pipeline.predict(sp.csr_matrix(later)), pipeline.predict(later))
    for method in ("predict", "predict_proba"):
        found = getattr(cascade, method)(sp.csr_matrix(later))
        assert np.array_equal(found, getattr(cascade, method)(later))
