"""``willump predict --top-k``: the rows and the bits of `top_k` in Python."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import willump
from sklearn.ensemble import IsolationForest
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge, RidgeClassifier
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor
from test_cli import from_jsonl, run, to_csv
from test_top_k import make_texts, text_pipeline
from willump import _core
from willump._artifact import Artifact
from xgboost import XGBClassifier, XGBRegressor

RNG = np.random.default_rng(0)
FRAME = pd.DataFrame(RNG.normal(size=(5_000, 3)).round(1), columns=["a", "b", "c"])
TARGET = FRAME["a"] + FRAME["b"] * FRAME["c"] + RNG.normal(size=5_000) / 4
THREE_CODES = np.digitize(TARGET, [-1, 1])
THREE = np.array(["low", "a, b", "high"])[THREE_CODES]

#: Estimator, targets, class_label, --class-label.
RANKED: dict[str, tuple[Any, Any, Any, str | None]] = {
    "regressor": (Ridge(), TARGET, None, None),
    "ties": (DecisionTreeRegressor(max_depth=2), TARGET, None, None),
    "binary": (LogisticRegression(), TARGET > 0, None, None),
    "other-class": (LogisticRegression(), TARGET > 0, False, "false"),
    "decision": (RidgeClassifier(), TARGET > 0, True, "True"),
    "three": (LogisticRegression(), THREE, "a, b", "a, b"),
    "three-decisions": (RidgeClassifier(), THREE, "low", "low"),
    "float-classes": (LogisticRegression(), np.where(TARGET > 0, 2.0, 10.0), 10, "1e1"),
    "float32": (XGBRegressor(n_estimators=9), TARGET, None, None),
    "float32-classes": (XGBClassifier(n_estimators=9), THREE_CODES, 1, "1"),
    "outliers": (IsolationForest(n_estimators=5, random_state=0), None, None, None),
    "columns": (LinearRegression(), np.stack([TARGET, -TARGET], 1), 1, "1"),
    "several-labels": (
        OneVsRestClassifier(LogisticRegression()),
        np.stack([TARGET > 0, TARGET > 1, TARGET < 0.5], 1).astype(int),
        2,
        "2",
    ),
}


def saved(fast: Any, folder: Path) -> Path:
    path = folder / "model.willump"
    fast.save(path)
    return path


def options(k: int, label: str | None) -> list[object]:
    return ["--top-k", k, *([] if label is None else ["--class-label", label])]


@pytest.mark.parametrize("name", RANKED)
def test_rows_and_scores_are_pythons(name: str, tmp_path: Path) -> None:
    estimator, target, label, given = RANKED[name]
    fast = willump.compile(make_pipeline(StandardScaler(), estimator).fit(FRAME, target))
    path, rows = saved(fast, tmp_path), FRAME.to_csv(index=False).encode()
    for k in (1, 17, 4_999, 6_000):
        ids, scores = fast.top_k(FRAME, k, class_label=label)
        out = pd.read_csv(
            io.BytesIO(run("predict", path, *options(k, given), stdin=rows)),
            float_precision="round_trip",
        )
        assert list(out.columns) == ["row", "score"]
        assert out["row"].tolist() == ids.tolist()
        assert out["score"].tolist() == scores.tolist()
    lines = FRAME.to_json(orient="records", lines=True, double_precision=15).encode()
    ids, scores = fast.top_k(FRAME, 9, class_label=label)
    out = from_jsonl(run("predict", path, *options(9, given), "--format", "jsonl", stdin=lines))
    assert out == [
        {"row": i, "score": s} for i, s in zip(ids.tolist(), scores.tolist(), strict=True)
    ]


@pytest.fixture(scope="module")
def filtered(tmp_path_factory: pytest.TempPathFactory) -> Any:
    texts, labels = make_texts(800, 0)
    pipeline = text_pipeline().fit(texts, labels)
    fast = willump.optimize(
        pipeline,
        texts,
        labels,
        X_cal=make_texts(7_500, 1)[0],
        target=willump.TopKRecall(0.9, query_size=100),
        costs=[1.0, 20.0],
        random_state=0,
        strict=True,
    )
    return fast, saved(fast, tmp_path_factory.mktemp("filter")), willump.compile(pipeline)


@pytest.mark.parametrize("n_rows", [40, 100, 4_096, 9_000])
def test_the_filter_and_its_rule_are_used(filtered: Any, n_rows: int) -> None:
    fast, path, exact = filtered
    texts = make_texts(n_rows, 2)[0]
    rows = to_csv({"text": texts})
    for k in (1, 3, n_rows // 10, n_rows):
        for model, more in ((fast, []), (fast, ["--threads", 2]), (exact, ["--exact"])):
            out = run("predict", path, "--top-k", k, *more, "--output-format", "jsonl", stdin=rows)
            ids, scores = model.top_k(texts, k)
            assert [row["row"] for row in from_jsonl(out)] == ids.tolist()
            assert [row["score"] for row in from_jsonl(out)] == scores.tolist()


def test_fewer_candidates_than_certified_are_those_of_python(filtered: Any, tmp_path: Path) -> None:
    """So few that the answer is not the exact one."""
    fast, _, exact = filtered
    stored = Artifact(fast.to_bytes())
    names = [n for n in stored.header if not n.startswith("_") and not n.endswith("#sizes")]
    tensors = {
        name: stored.strings(name) if f"{name}#sizes" in stored.header else stored.array(name)
        for name in names
    }
    rule = fast.metadata["top_k"]
    rule = rule | {"shares": [share / 20 for share in rule["shares"]]}
    metadata = json.dumps(fast.metadata | {"top_k": rule})
    model = _core.Model.compile(fast._model.print(None), tensors, metadata)
    path = tmp_path / "few.willump"
    model.save(path)
    texts = make_texts(6_000, 4)[0]
    ids, scores = willump.load(path).top_k(texts, 100)
    assert ids.tolist() != exact.top_k(texts, 100)[0].tolist()
    out = run(
        "predict", path, "--top-k", 100, "--output-format", "jsonl", stdin=to_csv({"text": texts})
    )
    assert [row["row"] for row in from_jsonl(out)] == ids.tolist()
    assert [row["score"] for row in from_jsonl(out)] == scores.tolist()


def test_another_ranking_than_the_filter_s_ranks_all_rows(filtered: Any) -> None:
    fast, path, _ = filtered
    texts = make_texts(500, 3)[0]
    label = fast.classes_[0]
    ids, scores = fast.top_k(texts, 20, class_label=label)
    rows = to_csv({"text": texts})
    given = ["--class-label", str(label), "--output-format", "jsonl"]
    out = from_jsonl(run("predict", path, "--top-k", 20, *given, stdin=rows))
    assert [row["row"] for row in out] == ids.tolist()
    assert [row["score"] for row in out] == scores.tolist()


def test_no_rows_have_no_best_ones(filtered: Any, tmp_path: Path) -> None:
    fast = willump.compile(Ridge().fit(FRAME, TARGET))
    for path, header in ((saved(fast, tmp_path), b"a,b,c\n"), (filtered[1], b"text\n")):
        assert run("predict", path, "--top-k", 3, stdin=header) == b"row,score\n"
        assert run("predict", path, "--top-k", 3, "--format", "jsonl", stdin=b"") == b""


def test_a_bad_row_is_named_by_its_line(filtered: Any, tmp_path: Path) -> None:
    path = saved(willump.compile(Ridge().fit(FRAME, TARGET)), tmp_path)
    rows = b"a,b,c\n" + b"1,2,3\n" * 5_000 + b"1,,3\n"
    message = run("predict", path, "--top-k", 3, stdin=rows, status=1)
    assert b"line 5002: Input X contains NaN" in message
    assert b"(row" not in message
    lines = b'{"text": "fine"}\n' * 5_000 + b'{"text": null}\n'
    message = run("predict", filtered[1], "--top-k", 3, "--format", "jsonl", stdin=lines, status=1)
    assert b'line 5001: column "text" is null' in message


def refused(tmp_path: Path, estimator: Any, target: Any, *given: object) -> bytes:
    path = saved(willump.compile(estimator.fit(FRAME, target)), tmp_path)
    return run("predict", path, *given, stdin=b"a,b,c\n1,2,3\n", status=1)


def test_what_does_not_rank_is_refused(tmp_path: Path) -> None:
    three = LogisticRegression(), THREE
    message = refused(tmp_path, *three, "--top-k", 3)
    assert b'pass --class-label, one of "a, b", "high", "low"' in message
    message = refused(tmp_path, *three, "--top-k", 3, "--class-label", "none")
    assert b"--class-label 'none' is none of the classes" in message
    assert b"the model has no classes" in refused(
        tmp_path, Ridge(), TARGET, "--top-k", 3, "--class-label", "a"
    )
    assert b"is the score of the other class" in refused(
        tmp_path, RidgeClassifier(), TARGET > 0, "--top-k", 3, "--class-label", "False"
    )
    for label in ("2", "-1", "0.5", "x"):
        assert b"prediction has 2" in refused(
            tmp_path, *RANKED["columns"][:2], "--top-k", 3, "--class-label", label
        )
    assert b"goes without --proba" in refused(tmp_path, *three, "--top-k", 3, "--proba")
    assert b"--class-label says by which class --top-k ranks" in refused(
        tmp_path, *three, "--class-label", "low"
    )
    assert b"a score to rank rows by" in refused(tmp_path, StandardScaler(), None, "--top-k", 1)


@pytest.mark.parametrize("k", ["0", "-3", "x", "", "1.5", "4294967296"])
def test_k_is_a_whole_number_of_at_least_1(k: str) -> None:
    message = run("predict", "none", f"--top-k={k}", status=2)
    assert b"--top-k takes a whole number of at least 1" in message


def test_a_damaged_rule_is_refused(filtered: Any, tmp_path: Path) -> None:
    fast, _, _ = filtered
    rule = fast.metadata["top_k"]
    path = tmp_path / "damaged.willump"
    graph = """willump-graph 1
%0 = input() {kind="matrix", n_features=2}
%1 = select(%0) {indices=[0]}
stage
output proba = %0
output filter = %1
"""
    for key, value in (("ks", []), ("shares", [0.5] * 200), ("n_rows", 3), ("ks", "x")):
        metadata = {"classes": [0, 1], "top_k": rule | {key: value}}
        _core.Model.compile(graph, {}, json.dumps(metadata)).save(path)
        message = run("predict", path, "--top-k", 1, stdin=b"a,b\n1,2\n", status=1)
        assert b"its top_k is no rule of a filter" in message
