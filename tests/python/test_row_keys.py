"""Rows that are equal in what a pipeline reads are one, in whatever holds them: training
rows are found among the calibration rows, and a certificate counts a distinct row once."""

from __future__ import annotations

import copy
import warnings
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse as sp
import willump
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.compose import make_column_transformer
from sklearn.ensemble import BaggingClassifier, RandomForestClassifier
from sklearn.feature_selection import SelectKBest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import DistanceMetric
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    MaxAbsScaler,
    PowerTransformer,
    StandardScaler,
)
from sklearn.svm import SVC
from willump._optimize import _exact_runner, _held_out
from willump._row_keys import RowReader

SEEDS = range(10)
N = 40


def names(width: int) -> list[str]:
    return [f"c{i}" for i in range(width)]


def matches(*sides: Any) -> list[bool]:
    """Whether each row of one side has the key of the same row of the other."""
    first, second = RowReader().keys(*[[side] for side in sides])
    return [a == b for a, b in zip(first, second, strict=True)]


# ---- values --------------------------------------------------------------------------


def numbers(rng: np.random.Generator) -> np.ndarray:
    """Few distinct values a column, that float32 holds; with gaps, infinities, -0.0."""
    few = np.round(rng.normal(size=(rng.integers(1, 5), rng.integers(1, 6))), 2)
    x = few[rng.integers(len(few), size=N)].astype(np.float32).astype(np.float64)
    x[rng.random(x.shape) < 0.3] = 0.0
    x[rng.random(x.shape) < 0.1] = np.inf
    return np.where((x == 0) & (rng.random(x.shape) < 0.5), -0.0, x)


def holders(x: np.ndarray, rng: np.random.Generator) -> dict[str, Any]:
    """The same rows of numbers in all that may hold them."""
    columns = dict(zip(names(x.shape[1]), x.T, strict=True))
    frame = pd.DataFrame(columns)
    every = sp.csr_matrix(np.ones(x.shape))
    every.data = x.ravel().copy()  # zeros are stored
    wide = sp.csr_matrix(x)
    wide.indices, wide.indptr = wide.indices.astype(np.int64), wide.indptr.astype(np.int64)
    return {
        "array": x,
        "float32": x.astype(np.float32),
        "fortran": np.asfortranarray(x),
        "big endian": x.astype(">f8"),
        "-0.0": np.where(x == 0, -0.0, x),
        "objects": x.astype(object),
        "text of numbers": np.array([[repr(v) for v in row] for row in x.tolist()], dtype=object),
        "list": x.tolist(),
        "list of arrays": list(x),
        "list of float32": [list(row) for row in x.astype(np.float32)],
        "csr": sp.csr_matrix(x),
        "csr of all": every,
        "csr of float32": sp.csr_array(x.astype(np.float32)),
        "csr of int64": wide,
        "csc": sp.csc_matrix(x).tocsr(),
        "pandas": frame,
        "other index": frame.set_axis(rng.permutation(N)),
        "pandas float32": frame.astype("float32"),
        "pandas objects": frame.astype(object),
        "pandas Float64": frame.astype("Float64"),
        "pandas arrow": frame.astype("double[pyarrow]"),
        "polars": pl.DataFrame(columns),
        "arrow": pa.table(columns),
        "dict": columns,
        "dict of lists": {name: column.tolist() for name, column in columns.items()},
    }


@pytest.mark.parametrize("seed", SEEDS)
def test_equal_numbers_have_equal_keys(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = numbers(rng)
    held = holders(x, rng)
    for name, rows in held.items():
        for other in rng.choice(list(held), 6, replace=False):
            assert all(matches(rows, held[other])), (name, other)


@pytest.mark.parametrize("seed", SEEDS)
def test_other_numbers_have_other_keys(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = np.nan_to_num(numbers(rng), posinf=7.0)
    held = holders(x, rng)
    changed = x.copy()
    at = rng.integers(x.shape[1], size=N)
    changed[np.arange(N), at] += rng.choice([0.25, -1.0, 3.0], N)
    for name, rows in holders(changed, rng).items():
        assert not any(matches(held[rng.choice(list(held))], rows)), name
    (own,) = RowReader().keys([x])
    assert len(set(own)) == len(np.unique(x + 0.0, axis=0))


@pytest.mark.parametrize("seed", SEEDS)
def test_rows_of_float64_tell_more_than_float32(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(N, 3))
    near = x * (1 + 1e-12)
    assert not any(matches(x, near))
    assert all(matches(x, near.astype(np.float32)))
    assert all(matches(pd.DataFrame(x), near.astype(np.float32).tolist()))
    assert all(matches(sp.csr_matrix(x), near.astype(np.float32)))
    half = x.astype(np.float16)
    assert all(matches(x, half))
    assert all(matches(x.astype(np.float32), pd.DataFrame(half)))
    assert not any(matches(x, half.astype(float) * (1 + 1e-12)))


def mixed(rng: np.random.Generator) -> pd.DataFrame:
    """Text, whole numbers, truth values, moments and gaps."""
    texts = np.array(["a", "b", "Ä", "日本", "1", "", "x y"], dtype=object)
    moments = pd.to_datetime("2024-01-01") + pd.to_timedelta(rng.integers(0, 10**6, N), unit="s")
    frame = pd.DataFrame(
        {
            "text": rng.choice(texts, N),
            "whole": rng.integers(-5, 5, N),
            "truth": rng.random(N) < 0.5,
            "moment": moments,
            "gaps": np.where(rng.random(N) < 0.4, np.nan, rng.integers(0, 5, N)),
        }
    )
    frame.loc[rng.random(N) < 0.3, "text"] = None
    return frame[rng.permutation(frame.columns.to_numpy())[: rng.integers(1, 6)].tolist()]


def mixed_holders(frame: pd.DataFrame, rng: np.random.Generator) -> dict[str, Any]:
    objects = frame.astype(object)
    lists = {name: objects[name].tolist() for name in frame}
    others: dict[str, Any] = {
        name: {"whole": "float64", "truth": "float32", "gaps": "Float64", "text": "category",
               "moment": "datetime64[ms]"}[name]
        for name in frame
    }  # fmt: skip
    arrow = {"whole": "Int64", "truth": "boolean", "gaps": "float64", "text": "string[pyarrow]",
             "moment": "datetime64[us]"}  # fmt: skip
    array = np.empty(frame.shape, dtype=object)
    for i, name in enumerate(frame):
        array[:, i] = lists[name]
    return {
        "pandas": frame,
        "objects": objects,
        "others": frame.astype(others),
        "arrow dtypes": frame.astype({name: arrow[name] for name in frame}),
        "polars": pl.from_pandas(frame),
        "arrow": pa.Table.from_pandas(frame, preserve_index=False),
        "dict": lists,
        "other order": frame[rng.permutation(frame.columns.to_numpy()).tolist()],
        "array": array,
        "rows": [list(row) for row in zip(*lists.values(), strict=True)],
        "dicts": [dict(zip(lists, row, strict=True)) for row in zip(*lists.values(), strict=True)],
    }


@pytest.mark.parametrize("seed", SEEDS)
def test_equal_rows_of_many_kinds_have_equal_keys(seed: int) -> None:
    rng = np.random.default_rng(seed)
    frame = mixed(rng)
    held = mixed_holders(frame, rng)
    positional = {"array", "rows"}
    for name, rows in held.items():
        for other, others in held.items():
            if {name, other} & positional and "other order" in (name, other):
                continue  # without names columns go by position
            assert all(matches(rows, others)), (name, other)
    plain = [tuple(None if v is None or v != v else v for v in row) for row in held["rows"]]
    (own,) = RowReader().keys([frame])
    assert len(set(own)) == len(set(plain))


class Document:
    """Rows of a class of one's own, without an equality."""

    def __init__(self, words: list[str]) -> None:
        self.words = words


@pytest.mark.parametrize(
    "rows",
    [
        ["good", "bäd", "\ud800"],
        [["a", "b"], ["c"], []],
        [["a", "b"], ["c", "d"]],
        [{"a": 1, "b": "x"}, {"b": "y"}],
        [Document(["a"]), Document(["b", "c"])],
    ],
)
def test_rows_that_are_no_table(rows: list[Any]) -> None:
    (own,) = RowReader().keys([rows])
    assert len(set(own)) == len(rows)
    assert all(matches(rows, copy.deepcopy(rows)))
    first, second = RowReader().keys([rows], [rows[:1], rows[1:]])
    assert first == second


@pytest.mark.parametrize("seed", SEEDS)
def test_dicts_are_equal_by_what_they_hold(seed: int) -> None:
    rng = np.random.default_rng(seed)
    words = names(10_000)
    rows = [{str(w): int(rng.integers(1, 4)) for w in rng.choice(words, 3)} for _ in range(2000)]
    others = [
        {w: float(row[w]) for w in rng.permutation(list(row)).tolist()} | {"none": 0.0}
        for row in rows
    ]
    assert all(matches(rows, others))
    (own,) = RowReader().keys([rows])
    assert len(set(own)) == len({frozenset(row.items()) for row in rows})
    assert not any(matches(rows, [{**row, "c1": 7} for row in rows]))


def test_text_is_the_same_whatever_holds_it() -> None:
    texts = ["good", "bäd", "日本", "good"]
    held = [
        texts, tuple(texts), np.array(texts), np.array(texts, object), pd.Series(texts),
        pd.Series(texts, dtype="category"), pl.Series(texts), pa.array(texts),
        pa.chunked_array([texts[:1], texts[1:]]), pa.array(texts).dictionary_encode(),
        [text.encode() for text in texts], [np.str_(text) for text in texts],
    ]  # fmt: skip
    for rows in held:
        for other in held:
            assert all(matches(rows, other)), (type(rows), type(other))
    assert all(matches(["bäd", "gut"], ["bäd".encode("latin-1"), b"gut"]))


# ---- pipelines -----------------------------------------------------------------------


class FirstColumns(TransformerMixin, BaseEstimator):
    """A transformer of one's own, which leaves columns out."""

    def __init__(self, k: int = 3) -> None:
        self.k = k

    def fit(self, x: Any, y: Any = None) -> FirstColumns:
        self.fitted_ = True
        return self

    def transform(self, x: Any) -> Any:
        x = x.iloc[:, : self.k].to_numpy() if hasattr(x, "iloc") else x[:, : self.k]
        return np.arctan(np.asarray(x, dtype=np.float64))


def first_three(x: Any) -> Any:
    return np.arctan(np.asarray(x, dtype=np.float64)[:, :3])


def three_apart(a: Any, b: Any) -> Any:
    """A metric that leaves columns out."""
    return np.abs(a[:3] - b[:3]).sum()


def three_alike(a: Any, b: Any) -> Any:
    """A kernel that does."""
    return np.exp(-((a[:, None, :3] - b[None, :, :3]) ** 2).sum(axis=-1))


def bagging() -> Any:
    """Of which the one member is given the first three of five columns."""
    x, y = np.eye(10)[:, :5], np.arange(10) % 2
    for seed in range(1000):
        model = BaggingClassifier(SVC(), n_estimators=1, max_features=3, random_state=seed)
        if set(model.fit(x, y).estimators_features_[0].tolist()) == {0, 1, 2}:
            return model
    raise AssertionError


BAGGING = bagging()
THREE_COUNT = np.array([1.0, 1.0, 1.0, 0.0, 0.0])


def pipelines(is_frame: bool) -> dict[str, Any]:
    """Pipelines that read the first three of five columns."""
    read: Any = ["c0", "c1", "c2"] if is_frame else [0, 1, 2]
    rest: Any = ["c3", "c4"] if is_frame else [3, 4]
    picked = make_column_transformer((StandardScaler(), read[:2]), (MaxAbsScaler(), read[2:]))
    forest = RandomForestClassifier(8, random_state=0)
    return {
        "native": make_pipeline(picked, LogisticRegression()),
        "native forest": make_pipeline(make_column_transformer(("passthrough", read)), forest),
        "scaled, then chosen": make_pipeline(
            StandardScaler(), SelectKBest(k=3), LogisticRegression()
        ),
        "bins, then chosen": make_pipeline(
            KBinsDiscretizer(8, quantile_method="averaged_inverted_cdf"),
            SelectKBest(k=6),
            LogisticRegression(),
        ),
        "filled, then chosen": make_pipeline(
            SimpleImputer(), SelectKBest(k=3), LogisticRegression()
        ),
        "curved, then chosen": make_pipeline(PowerTransformer(), SelectKBest(k=3), forest),
        "a model of Python": make_pipeline(picked, SVC()),
        "chosen for a model of Python": make_pipeline(SelectKBest(k=3), SVC()),
        "a metric that chooses": make_pipeline(
            StandardScaler(), KNeighborsClassifier(metric=three_apart, algorithm="brute")
        ),
        "a metric that weighs": make_pipeline(
            StandardScaler(),
            KNeighborsClassifier(metric="minkowski", metric_params={"w": THREE_COUNT}),
        ),
        "a metric of a matrix": make_pipeline(
            StandardScaler(),
            KNeighborsClassifier(
                metric="mahalanobis", metric_params={"VI": np.diag(THREE_COUNT)}, algorithm="brute"
            ),
        ),
        "a metric that is an object": KNeighborsClassifier(
            metric=DistanceMetric.get_metric("minkowski", p=2, w=THREE_COUNT), algorithm="ball_tree"
        ),
        "a kernel that chooses": make_pipeline(StandardScaler(), SVC(kernel=three_alike)),
        "a member of chosen columns": make_pipeline(StandardScaler(), clone(BAGGING)),
        "a function of columns": make_pipeline(
            make_column_transformer((FunctionTransformer(np.arctan), read)), forest
        ),
        "a function that chooses": make_pipeline(FunctionTransformer(first_three), forest),
        "a step of one's own": make_pipeline(FirstColumns(), LogisticRegression()),
        "beside a native part": make_pipeline(
            make_column_transformer(
                (StandardScaler(), read[:1]),
                (make_union(FirstColumns(2), FirstColumns(1)), [*read[1:], *rest]),
            ),
            LogisticRegression(),
        ),
        "one's own after a native part": make_pipeline(
            StandardScaler(), FirstColumns(), LogisticRegression()
        ),
    }


def drawn(rng: np.random.Generator, n: int = 300) -> tuple[np.ndarray, np.ndarray]:
    """Rows of which the first three columns tell the label."""
    x = rng.normal(size=(n, 5)).astype(np.float32).astype(np.float64)
    return x, (x[:, 0] + x[:, 1] + x[:, 2] > 0).astype(int)


def pipeline_keys(pipeline: Any, x: Any, other: Any) -> tuple[list[Any], list[Any]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        runner = _exact_runner(pipeline, x)
        assert runner is not None
        first, second = runner.keys([x], [other])
    return first, second


@pytest.mark.parametrize("is_frame", [False, True])
@pytest.mark.parametrize("name", pipelines(False))
def test_columns_that_are_not_read_make_no_row_another(name: str, is_frame: bool) -> None:
    for seed in range(3):
        rng = np.random.default_rng(seed)
        x, y = drawn(rng)
        given = pd.DataFrame(x, columns=names(5)) if is_frame else x
        pipeline = pipelines(is_frame)[name].fit(given, y)
        other = x.copy()
        other[:, 3:] = rng.normal(size=(len(x), 2))
        rows = pd.DataFrame(other, columns=names(5)) if is_frame else other
        first, second = pipeline_keys(pipeline, given, rows)
        assert first == second
        for column in range(3):
            changed = x.copy()
            changed[:, column] += 0.5
            rows = pd.DataFrame(changed, columns=names(5)) if is_frame else changed
            first, second = pipeline_keys(pipeline, given, rows)
            assert set(first).isdisjoint(second), column


def optimized(pipeline: Any, x: Any, y: Any, fresh: Any, rate: float) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return willump.optimize(pipeline, x, y, X_cal=fresh, target=willump.Agreement(rate))


def containers(x: np.ndarray, is_frame: bool, rng: np.random.Generator) -> dict[str, Any]:
    found = holders(x, rng)
    named = ("pandas", "polars", "arrow", "dict", "other index")
    kept = [name for name in found if name.startswith(named) == is_frame]
    return {name: found[name] for name in kept if name != "text of numbers"}


@pytest.mark.parametrize("is_frame", [False, True])
@pytest.mark.parametrize("name", ["native forest", "a model of Python", "a function that chooses"])
def test_training_rows_in_another_container_are_refused(
    name: str, is_frame: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(1)
    x, y = drawn(rng)
    monkeypatch.setattr("test_row_keys.N", len(x))
    given = pd.DataFrame(x, columns=names(5)) if is_frame else x
    pipeline = pipelines(is_frame)[name].fit(given, y)
    refusals = {}
    for kind, rows in containers(x, is_frame, rng).items():
        try:
            optimized(pipeline, given, y, rows, 0.8)
        except ValueError as error:
            refusals[kind] = str(error)
        else:
            pytest.fail(f"{kind} is taken")
    assert all("300 of the 300 rows of X_cal are rows of X" in why for why in refusals.values())
    assert len(refusals) > 5


CODES = {"x": 0, "y": 1, "z": 2}


def test_a_functions_columns_are_those_that_its_python_steps_read() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "a": rng.integers(0, 1000, 300),
            "b": rng.normal(size=300),
            "c": rng.choice(list("xyz"), 300),
            "id": np.arange(300),
        }
    )

    def features(d: pd.DataFrame) -> pd.DataFrame:
        d = d.copy()
        d["b"] = d["b"] * 2
        d["c"] = d["c"].map(CODES)
        return d[["a", "b", "c"]]

    forest = RandomForestClassifier(8, random_state=0).fit(features(frame), frame.b > 0)

    @willump.pipeline
    def predict(d: pd.DataFrame) -> Any:
        d = d.copy()
        d["b"] = d["b"] * 2
        d["c"] = d["c"].map(CODES)
        return forest.predict(d[["a", "b", "c"]])

    others = [
        frame.assign(id=frame.id + 1000), frame.assign(extra=1.0), frame[["id", "c", "b", "a"]],
        frame.drop(columns="id").astype({"a": float, "c": "category"}),
        frame.set_axis(rng.permutation(300)),
    ]  # fmt: skip
    for other in others:
        first, second = pipeline_keys(predict, frame, other)
        assert first == second
    first, second = pipeline_keys(predict, frame, frame.assign(b=frame.b + 1))
    assert set(first).isdisjoint(second)


@pytest.mark.parametrize("name", pipelines(False))
def test_rows_of_another_width_are_other_rows(name: str) -> None:
    rng = np.random.default_rng(0)
    x, y = drawn(rng)
    pipeline = pipelines(False)[name].fit(x, y)
    fresh = drawn(rng, 1000)[0][:, :2]
    for rows in (fresh, fresh.tolist(), sp.csr_matrix(fresh)):
        first, second = pipeline_keys(pipeline, x, rows)
        assert set(first).isdisjoint(second)  # and refused where they are run


# ---- what hangs on the keys ----------------------------------------------------------


@pytest.mark.parametrize("is_frame", [False, True])
@pytest.mark.parametrize("name", pipelines(False))
def test_rows_that_are_equal_in_what_is_read_are_held_out_together(
    name: str, is_frame: bool
) -> None:
    rng = np.random.default_rng(0)
    x, y = drawn(rng, 120)
    at = rng.permutation(np.repeat(np.arange(120), 4))
    rows, labels = x[at], y[at]
    rows[:, 3:] = rng.normal(size=(len(at), 2))
    rows[:, :3] = np.where(rows[:, :3] == 0, -0.0, rows[:, :3])
    given = pd.DataFrame(rows, columns=names(5)) if is_frame else rows
    pipeline = pipelines(is_frame)[name]
    pipeline.fit(given, labels)
    _, kept, _, held, _, _ = _held_out(pipeline, given, labels, None, "distinct", 0, {})
    known = set(map(tuple, np.asarray(kept)[:, :3].tolist()))
    assert known.isdisjoint(map(tuple, np.asarray(held)[:, :3].tolist()))


@pytest.mark.parametrize("name", ["native", "a model of Python", "a function of columns"])
def test_a_certificate_counts_rows_that_are_equal_in_what_is_read_once(name: str) -> None:
    rng = np.random.default_rng(0)
    x, y = drawn(rng, 600)
    pipeline = pipelines(False)[name].fit(x, y)
    fresh = drawn(rng, 150)[0][rng.integers(150, size=2000)]
    fresh[:, 3:] = rng.normal(size=(2000, 2))
    n_distinct = len(np.unique(fresh[:, :3], axis=0))
    with pytest.warns(willump.DuplicateRowsWarning, match=f"only {n_distinct} of the 2000"):
        willump.optimize(pipeline, x, y, X_cal=fresh, target=willump.Agreement(0.6))
