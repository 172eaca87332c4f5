"""A function with two joins, three kinds of features and a model, end to end."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse
import willump
from capture_data import flights, planes, rows_of, weather
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder

PLANES, WEATHER, FLIGHTS = planes(), weather(), flights()
NUMERIC = ["month", "distance", "year_y", "seats", "temp", "visib"]
CATEGORIES = ["carrier", "origin", "dest"]


def joined(frame: pd.DataFrame) -> pd.DataFrame:
    """The helper that the pipeline calls."""
    f = frame.merge(PLANES, on="tailnum", how="left")
    return f.merge(WEATHER, on=["origin", "time_hour"], how="left")


WHOLE = joined(FLIGHTS)
ENCODER = OneHotEncoder(handle_unknown="ignore").fit(WHOLE[CATEGORIES])
ORDINAL = OrdinalEncoder().fit(WHOLE[CATEGORIES])
TFIDF = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 3)).fit(WHOLE["model"].fillna("none"))


@willump.pipeline
def features(frame: pd.DataFrame) -> Any:
    f = joined(frame)
    num = f[NUMERIC].fillna(0.0).to_numpy()
    cat = ENCODER.transform(f[CATEGORIES])
    txt = TFIDF.transform(f["model"].str.lower().fillna("none"))
    return scipy.sparse.hstack([num, cat, txt])


TARGET = FLIGHTS["distance"].to_numpy() % 3 == 0
MODEL = LogisticRegression(max_iter=50).fit(features(FLIGHTS), TARGET)


@willump.pipeline
def delay(frame: pd.DataFrame) -> Any:
    return MODEL.predict_proba(features(frame))[:, 1]


@willump.pipeline
def label(frame: pd.DataFrame) -> Any:
    f = joined(frame)
    num = f[NUMERIC].fillna(0.0).to_numpy()
    return LABEL_MODEL.predict(np.hstack([num, ORDINAL.transform(f[CATEGORIES])]))


LABEL_MODEL = LogisticRegression(max_iter=50).fit(
    np.hstack([WHOLE[NUMERIC].fillna(0.0), ORDINAL.transform(WHOLE[CATEGORIES])]),
    np.where(TARGET, "late", "on time"),
)


@pytest.fixture(scope="module")
def fast() -> Any:
    return willump.compile(delay, sample=FLIGHTS.head(50), strict=True)


def test_answers_are_the_function_s(fast: Any) -> None:
    np.testing.assert_allclose(fast(FLIGHTS), delay(FLIGHTS), rtol=1e-9, atol=1e-12)
    assert fast.verify(FLIGHTS).ok


def test_labels_are_the_function_s() -> None:
    fast = willump.compile(label, sample=FLIGHTS.head(50), strict=True)
    np.testing.assert_array_equal(fast(FLIGHTS), label(FLIGHTS))
    assert fast(FLIGHTS).dtype == label(FLIGHTS).dtype


def test_features_are_the_function_s() -> None:
    fast = willump.compile(features, sample=FLIGHTS.head(50), strict=True)
    expected, found = features(FLIGHTS), fast(FLIGHTS)
    assert type(found) is type(expected)
    np.testing.assert_allclose(found.toarray(), expected.toarray(), rtol=1e-12)


def test_every_entry_gives_the_same_bits(fast: Any) -> None:
    expected = fast(FLIGHTS)
    columns = {name: FLIGHTS[name].tolist() for name in FLIGHTS}
    arrow = pa.Table.from_pandas(FLIGHTS)
    for given in (pl.from_pandas(FLIGHTS), arrow, columns, rows_of(FLIGHTS)):
        np.testing.assert_array_equal(fast(given), expected)
    rows = np.concatenate([fast(row) for row in rows_of(FLIGHTS)])
    np.testing.assert_array_equal(rows, expected)


def test_objects_are_strings_too(fast: Any) -> None:
    objects = FLIGHTS.astype({"tailnum": object, "carrier": object})
    np.testing.assert_array_equal(fast(objects), fast(FLIGHTS))


def test_tables_of_objects_are_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    objects = PLANES.astype(object).astype({"year": float, "seats": np.int64})
    objects.loc[3, "model"] = None
    monkeypatch.setattr(f"{__name__}.PLANES", objects)
    frame = FLIGHTS.astype({"tailnum": object, "carrier": object})
    frame.loc[5, "tailnum"] = None
    fast = willump.compile(delay, sample=frame, strict=True)
    np.testing.assert_allclose(fast(frame), delay(frame), rtol=1e-9, atol=1e-12)


def test_artifact_is_called_like_the_function(fast: Any, tmp_path: Path) -> None:
    path = tmp_path / "delay.willump"
    fast.save(path)
    again = willump.load(path)
    assert isinstance(again, willump.CompiledFunction)
    np.testing.assert_array_equal(again(FLIGHTS), fast(FLIGHTS))
    assert again.explain().source == fast.explain().source


def test_command_line_gives_the_same_bits(fast: Any, tmp_path: Path) -> None:
    program = os.environ.get("WILLUMP_CLI") or str(Path(sys.prefix) / "bin" / "willump")
    assert os.access(program, os.X_OK), f"there is no program at {program}: set WILLUMP_CLI"
    fast.save(tmp_path / "delay.willump")
    FLIGHTS.to_csv(tmp_path / "flights.csv", index=False)
    found = subprocess.run(
        [program, "predict", tmp_path / "delay.willump", tmp_path / "flights.csv"],
        capture_output=True,
        text=True,
        check=True,
    )
    answers = [float(line) for line in found.stdout.split()[1:]]
    np.testing.assert_array_equal(answers, fast(FLIGHTS))


def test_explain_shows_the_source_beside_the_nodes(fast: Any) -> None:
    said = str(fast.explain())
    assert "nothing stays Python" in said
    assert "native" in said
    assert "MODEL.predict_proba" in said


def test_globals_are_those_of_the_capture(monkeypatch: pytest.MonkeyPatch) -> None:
    fast = willump.compile(delay, sample=FLIGHTS.head(50))
    before = fast(FLIGHTS)
    monkeypatch.setattr(f"{__name__}.PLANES", PLANES.assign(seats=0))
    np.testing.assert_array_equal(fast(FLIGHTS), before)
    fast.recapture()
    np.testing.assert_allclose(fast(FLIGHTS), delay(FLIGHTS), rtol=1e-9)
    assert (fast(FLIGHTS) != before).any()


def test_first_call_is_the_sample() -> None:
    fast = willump.compile(delay)
    with pytest.raises(willump.UnsupportedError, match="sample"):
        fast.to_bytes()
    np.testing.assert_allclose(fast(FLIGHTS), delay(FLIGHTS), rtol=1e-9)
    assert fast.to_bytes()


def test_top_rows_are_those_of_the_function(fast: Any) -> None:
    ids, scores = fast.top_k(FLIGHTS, 10)
    np.testing.assert_allclose(scores, np.sort(delay(FLIGHTS))[::-1][:10], rtol=1e-9)
    assert len(set(ids.tolist())) == 10


def test_threads_and_batches_give_the_same_bits(fast: Any) -> None:
    expected = fast(FLIGHTS)
    two = willump.from_bytes(fast.to_bytes(), n_threads=2)
    np.testing.assert_array_equal(two(FLIGHTS), expected)
    parts = [fast(FLIGHTS.iloc[i : i + 7]) for i in range(0, len(FLIGHTS), 7)]
    np.testing.assert_array_equal(np.concatenate(parts), expected)


# ---- bad input ------------------------------------------------------------------


def test_missing_column_is_named(fast: Any) -> None:
    with pytest.raises(KeyError, match="tailnum"):
        fast(FLIGHTS.drop(columns="tailnum"))
    with pytest.raises(KeyError, match="dest"):
        fast({k: v for k, v in rows_of(FLIGHTS)[0].items() if k != "dest"})


@pytest.mark.parametrize(
    ("column", "value"),
    [("distance", "far"), ("distance", 1.5), ("carrier", 7), ("month", True), ("month", None),
     ("distance", 2**53 + 1), ("time_hour", float("nan"))],
)  # fmt: skip
def test_other_values_are_refused_by_name(fast: Any, column: str, value: Any) -> None:
    row = {**rows_of(FLIGHTS)[0], column: value}
    with pytest.raises(TypeError, match=column):
        fast(row)


def test_exact_casts_are_made(fast: Any) -> None:
    casts = FLIGHTS.astype({"distance": np.float32, "month": np.int8, "carrier": "category"})
    np.testing.assert_array_equal(fast(casts), fast(FLIGHTS))


def test_duplicate_keys_are_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    twice = pd.concat([PLANES, PLANES.head(1)], ignore_index=True)
    monkeypatch.setattr(f"{__name__}.PLANES", twice)
    with pytest.raises(willump.UnsupportedError, match=r"tailnum.*N0000"):
        willump.compile(delay, sample=FLIGHTS.head(50))


def test_source_that_is_not_there_is_an_error() -> None:
    names: dict[str, Any] = {}
    exec("def f(x): return x['month'] + 1", names)
    with pytest.raises(willump.UnsupportedError, match="source of f"):
        willump.compile(names["f"], sample=FLIGHTS)
