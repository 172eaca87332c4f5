"""Cascades certified against lost accuracy."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import willump
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import StandardScaler
from willump._core import TuneJob, tune_split

COSTS = [1.0, 20.0]
WORDS = np.array([f"word{i}" for i in range(900)])


def texts(n: int, seed: int, n_classes: int = 2) -> tuple[list[str], Any]:
    """Some words are of a class; one label in twelve is another."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, n_classes, n)
    made = []
    for label in y:
        chosen = rng.integers(0, 600, rng.integers(5, 15))
        if rng.random() < 0.9:
            chosen[:2] = 600 + label * 100 + rng.integers(0, 60, 2)
        made.append(" ".join(WORDS[chosen]))
    y = np.where(rng.random(n) < 1 / 12, rng.integers(0, n_classes, n), y)
    return made, np.array(["no", "yes", "maybe"])[y]


@pytest.fixture(scope="module")
def fitted() -> Any:
    x, y = texts(1500, 1)
    union = make_union(
        CountVectorizer(max_features=250),
        TfidfVectorizer(analyzer="char", ngram_range=(2, 4), max_features=3000),
    )
    return make_pipeline(union, LogisticRegression()).fit(x, y), x, y


def optimized(fitted: Any, x_cal: Any, y_cal: Any, **options: Any) -> Any:
    given = {"target": willump.Accuracy(0.02), "costs": COSTS, "duplicates": "traffic", **options}
    return willump.optimize(*fitted, X_cal=x_cal, y_cal=y_cal, **given)


def certify_rows(n: int, groups: Any = None) -> Any:
    numbers = None if groups is None else np.asarray(groups, np.uint64)
    return np.flatnonzero(np.frombuffer(tune_split(n, numbers, 0.2, 0), np.uint8) == 0)


def counted(exact: Any, cascade: Any, truth: Any) -> dict[str, int]:
    """What a certificate counts, from the answers."""
    right, early = exact == truth, cascade == truth
    return {"n_harms": int(np.sum(right & ~early)), "n_gains": int(np.sum(early & ~right))}


# ---- the certificate ---------------------------------------------------------


@pytest.mark.parametrize("n", [500, 4000])
def test_the_counts_are_those_of_the_deployed_cascade(fitted: Any, n: int) -> None:
    x, y = texts(n, 2)
    cascade = optimized(fitted, x, y)
    certificate = cascade.metadata["certificate"]
    assert certificate["kind"] == "accuracy"
    assert certificate["target"] == 0.02
    assert certificate["confidence"] == pytest.approx(0.95)
    assert certificate["blocks"] == ["countvectorizer"]
    rows = certify_rows(n)
    kept, truth = [x[i] for i in rows], y[rows]
    assert certificate["n_rows"] == len(rows)
    exact = willump.compile(fitted[0]).predict(kept)
    served = cascade.predict(kept)
    counts = counted(exact, served, truth)
    assert {name: certificate[name] for name in counts} == counts
    assert certificate["n_leaving"] == cascade.stats()["stage_rows"][0]
    assert certificate["share_leaving"] == certificate["n_leaving"] / len(rows)
    assert certificate["accuracy_exact"] == np.mean(exact == truth)
    assert certificate["accuracy_cascade"] == np.mean(served == truth)
    assert certificate["n_unknown_labels"] == 0
    if n == 500:
        assert "harms alone" in certificate["method"]
        assert certificate["n_harms"] <= certificate["k"]
        assert "p_value" not in certificate
    else:
        assert "trinomial" in certificate["method"]
        assert 0 < certificate["p_value"] <= 0.05
        assert "k" not in certificate
    by_class = certificate["agreement_by_class"]
    same = sum(c["n_rows"] * c["agreement"] for c in by_class.values())
    assert same == pytest.approx(np.sum(exact == served))


def test_the_promise_is_said_in_words(fitted: Any) -> None:
    certificate = optimized(fitted, *texts(2000, 2)).metadata["certificate"]
    assert certificate["promise"] == (
        "with confidence 0.95, the accuracy of the cascade is at most 0.02 below that of the "
        "exact pipeline, per request"
    )
    assert "true label" in certificate["assumption"]


def test_refit_takes_the_labels_of_the_held_out_rows(fitted: Any) -> None:
    x, y = texts(6000, 3)
    cascade = willump.optimize(
        fitted[0], x, y, refit=True, target=willump.Accuracy(0.03), costs=COSTS,
        duplicates="traffic",
    )  # fmt: skip
    certificate = cascade.metadata["certificate"]
    held = np.flatnonzero(np.frombuffer(tune_split(6000, None, 0.3, 1), np.uint8) == 1)
    assert certificate["n_rows_given"] == len(held)
    rows = held[certify_rows(len(held))]
    served = cascade.predict([x[i] for i in rows])
    assert certificate["accuracy_cascade"] == np.mean(served == y[rows])


def test_groups_count_once_as_a_random_row(fitted: Any) -> None:
    x, y = texts(3000, 4)
    groups = np.arange(3000) // 2
    certificate = optimized(fitted, x, y, groups=groups).metadata["certificate"]
    assert certificate["per"] == "group"
    assert certificate["is_per_group"]
    assert certificate["n_rows"] == len(certify_rows(3000, groups)) / 2
    assert "one of its rows, a random one" in certificate["assumption"]


def test_equal_rows_have_one_outcome(fitted: Any) -> None:
    """Each row comes twice, once with its label and once with the other one."""
    x, y = texts(2500, 5)
    other = np.where(y == "yes", "no", "yes")
    with pytest.warns(willump.DuplicateRowsWarning):
        cascade = optimized(
            fitted, x + x, np.concatenate([y, other]), duplicates="distinct",
            target=willump.Accuracy(0.05),
        )  # fmt: skip
    certificate = cascade.metadata["certificate"]
    assert certificate["per"] == "distinct row"
    assert certificate["n_rows"] + certificate["n_select_rows"] / 2 == len(set(x))
    # The label that counts is either one, by chance.
    assert certificate["accuracy_exact"] == pytest.approx(0.5, abs=0.05)


def test_three_classes(fitted: Any) -> None:
    x, y = texts(1500, 1, 3)
    pipeline = make_pipeline(*[step for _, step in fitted[0].steps]).fit(x, y)
    x_cal, y_cal = texts(3000, 2, 3)
    cascade = optimized((pipeline, x, y), x_cal, y_cal, target=willump.Accuracy(0.03))
    rows = certify_rows(3000)
    kept = [x_cal[i] for i in rows]
    counts = counted(pipeline.predict(kept), cascade.predict(kept), y_cal[rows])
    certificate = cascade.metadata["certificate"]
    assert {name: certificate[name] for name in counts} == counts
    pipeline.fit(fitted[1], fitted[2])


@pytest.mark.parametrize("kind", [list, pd.Series, "object", "column", "generator", "arrow"])
def test_labels_come_in_whatever_holds_them(fitted: Any, kind: Any) -> None:
    import pyarrow as pa

    x, y = texts(1200, 2)
    made: Any = {
        "object": lambda y: y.astype(object),
        "column": lambda y: y[:, None],
        "generator": lambda y: iter(y.tolist()),
        "arrow": lambda y: pa.array(y.tolist()),
        pd.Series: lambda y: pd.Series(y, index=np.arange(len(y))[::-1]),
    }.get(kind, kind)
    first, second = optimized(fitted, x, y), optimized(fitted, x, made(y))
    assert first.metadata["certificate"] == second.metadata["certificate"]
    assert first.explain().graph == second.explain().graph


# ---- what is kept and shown --------------------------------------------------


def test_saving_keeps_the_certificate(fitted: Any, tmp_path: Path) -> None:
    cascade = optimized(fitted, *texts(2000, 2))
    cascade.save(tmp_path / "model.willump")
    again = willump.load(tmp_path / "model.willump")
    assert again.metadata["certificate"] == cascade.metadata["certificate"]
    rows, _ = texts(500, 9)
    np.testing.assert_array_equal(again.predict_proba(rows), cascade.predict_proba(rows))


def test_explain_and_inspect_show_it(fitted: Any, tmp_path: Path) -> None:
    cascade = optimized(fitted, *texts(2000, 2))
    certificate = cascade.metadata["certificate"]
    shown = str(cascade.explain())
    for name in ("n_harms", "n_gains", "n_leaving", "p_value", "accuracy_cascade", "promise"):
        assert f"{name}: {certificate[name]}" in shown
    cascade.save(tmp_path / "model.willump")
    program = os.environ.get("WILLUMP_CLI") or str(Path(sys.prefix) / "bin" / "willump")
    out = [
        subprocess.run(
            [program, "inspect", *options, tmp_path / "model.willump"],
            capture_output=True, check=True, text=True,
        ).stdout
        for options in ([], ["--metadata"])
    ]  # fmt: skip
    assert certificate["promise"] in out[0]
    assert '"n_harms"' in out[0]
    assert json.loads(out[1])["certificate"] == certificate


def test_the_same_bits_in_any_batch(fitted: Any) -> None:
    cascade = optimized(fitted, *texts(2000, 2))
    rows, _ = texts(300, 9)
    whole = cascade.predict_proba(rows)
    for size in (1, 7, 100):
        parts = [cascade.predict_proba(rows[i : i + size]) for i in range(0, 300, size)]
        np.testing.assert_array_equal(np.concatenate(parts), whole)
    two = willump.from_bytes(cascade.to_bytes(), n_threads=2)
    np.testing.assert_array_equal(two.predict_proba(rows), whole)


# ---- ensembles of trees ------------------------------------------------------


def test_an_ensemble_gets_one_gate() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(9000, 6))
    y = (X[:, 0] + X[:, 1] * X[:, 2] + rng.normal(size=9000) * 0.5 > 0).astype(int)
    model = GradientBoostingClassifier(n_estimators=40, random_state=0).fit(X[:2000], y[:2000])
    plain = willump.optimize(
        model, X[:2000], X_cal=X[2000:], target=willump.Agreement(0.97),
        costs=[1.0, 1.0, 1.0, 2.0, 2.0, 4.0, 5.0, 8.0, 8.0, 8.0],
    )  # fmt: skip
    assert len(plain.metadata["certificate"]["gates"]) > 1
    cascade = willump.optimize(
        model, X[:2000], X_cal=X[2000:], y_cal=y[2000:], target=willump.Accuracy(0.02),
        costs=[1.0, 1.0, 1.0, 2.0, 2.0, 4.0, 5.0, 8.0, 8.0, 8.0], duplicates="traffic",
    )  # fmt: skip
    certificate = cascade.metadata["certificate"]
    assert len(certificate["gates"]) == 1
    assert certificate["blocks"][0].startswith("trees 1 to ")
    rows = 2000 + certify_rows(7000)
    counts = counted(model.predict(X[rows]), cascade.predict(X[rows]), y[rows])
    assert {name: certificate[name] for name in counts} == counts


# ---- no cascade, and refusals ------------------------------------------------


def test_too_few_rows_warn_with_the_number(fitted: Any) -> None:
    x, y = texts(100, 2)
    message = r"takes about 207 requests in X_cal with labels"
    with pytest.warns(willump.NotCertifiedWarning, match=message):
        exact = optimized(fitted, x, y)
    assert "certificate" not in exact.metadata
    rows, _ = texts(200, 9)
    np.testing.assert_array_equal(exact.predict(rows), fitted[0].predict(rows))
    with pytest.raises(willump.CertificateError, match=r"a loss of accuracy of at most 0\.02"):
        optimized(fitted, x, y, strict=True)


def test_a_cascade_that_does_not_pay_names_the_target(fitted: Any) -> None:
    with pytest.warns(willump.NotCertifiedWarning, match=r"loss of accuracy of at most 0\.001"):
        optimized(
            fitted, *texts(5000, 2), target=willump.Accuracy(0.001),
            costs={"countvectorizer": 1.0, "tfidfvectorizer": 1e-6, "model": 50.0},
        )  # fmt: skip


def test_without_labels_both_ways_are_explained(fitted: Any) -> None:
    x, _ = texts(500, 2)
    with pytest.raises(ValueError, match=r"Accuracy needs the true labels.*y_cal.*refit=True"):
        optimized(fitted, x, None)


def test_y_cal_goes_with_x_cal(fitted: Any) -> None:
    pipeline, x, y = fitted
    with pytest.raises(ValueError, match=r"y_cal goes with X_cal"):
        willump.optimize(pipeline, x, y, y_cal=y, refit=True, target=willump.Accuracy(0.01))
    with pytest.raises(ValueError, match="y_cal has 5 labels for 500 rows"):
        optimized(fitted, texts(500, 2)[0], y[:5])


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA, pd.NaT])
def test_missing_labels_are_refused_by_row(fitted: Any, missing: Any) -> None:
    x, y = texts(500, 2)
    labels: list[Any] = y.tolist()
    labels[17] = missing
    with pytest.raises(ValueError, match="y_cal has no label for row 17"):
        optimized(fitted, x, labels)


def test_labels_of_new_classes_are_wrong_for_both(fitted: Any) -> None:
    x, y = texts(2000, 2)
    labels = y.astype(object)
    rows = certify_rows(2000)
    labels[rows[:40]] = "a class of tomorrow"
    certificate = optimized(fitted, x, labels).metadata["certificate"]
    assert certificate["n_unknown_labels"] == 40
    exact = fitted[0].predict([x[i] for i in rows])
    assert certificate["accuracy_exact"] == np.mean(exact == labels[rows])


def test_labels_of_another_kind_are_refused(fitted: Any) -> None:
    x, _ = texts(500, 2)
    with pytest.raises(ValueError, match=r"no label that the pipeline knows: \[0, 1, 0\]"):
        optimized(fitted, x, [0, 1] * 250)
    with pytest.raises(TypeError, match="y_cal: row 0"):
        optimized(fitted, x, [{}] * 500)


def test_the_job_refuses_what_it_does_not_know() -> None:
    costs = np.array([1.0, 2.0])
    with pytest.raises(ValueError, match="no target 'recall'"):
        TuneJob(costs, 1, 10, 900, 0.01, 0.05, 0, 0.0, target="recall")
    job = TuneJob(costs, 1, 10, 900, 0.01, 0.05, 0, 0.0, target="accuracy")
    n_rows = job.next()[3]
    labels = np.zeros(n_rows, np.int64)
    with pytest.raises(ValueError, match="true labels"):
        job.answer(np.ones(n_rows), labels, labels, 0.0)
    with pytest.raises(ValueError, match="true_labels must be"):
        job.answer(np.ones(n_rows), labels, labels, 0.0, None, labels[:-1])
    job.answer(np.ones(n_rows), labels, labels, 0.0, None, labels)


# ---- does it hold? -----------------------------------------------------------


def test_twenty_splits_lose_no_more_than_promised() -> None:
    """The untouched part has eight times as many rows as certify."""
    n_fit, n_cal, loss, n_failed, shares = 500, 1000, 0.02, 0, []
    for split in range(20):
        rng = np.random.default_rng(split)
        n = n_fit + n_cal + 8 * n_cal
        X = rng.normal(size=(n, 6))
        score = X @ [2.0, 1.0, 1.0, 0.7, 0.7, 0.5]
        y = np.where(score + rng.logistic(size=n) > 0, "yes", "no")
        frame = pd.DataFrame(X, columns=list("abcdef"))
        features = ColumnTransformer(
            [("cheap", StandardScaler(), ["a", "b"]), ("dear", StandardScaler(), list("cdef"))]
        )
        pipeline = make_pipeline(features, LogisticRegression()).fit(frame[:n_fit], y[:n_fit])
        end = n_fit + n_cal
        cascade = willump.optimize(
            pipeline, frame[:n_fit], y[:n_fit], X_cal=frame[n_fit:end], y_cal=y[n_fit:end],
            target=willump.Accuracy(loss), costs=[1.0, 20.0], random_state=split,
        )  # fmt: skip
        certificate = cascade.metadata["certificate"]
        shares.append(certificate["share_leaving"])
        rest, truth = frame[end:], y[end:]
        assert len(rest) >= 8 * certificate["n_rows"]
        lost = np.mean(pipeline.predict(rest) == truth) - np.mean(cascade.predict(rest) == truth)
        n_failed += lost > loss
    print(f"failed {n_failed} of 20, share leaving {np.mean(shares):.3f}")
    assert n_failed <= 20 * 0.05 + 3 * np.sqrt(20 * 0.05 * 0.95)
    assert np.mean(shares) > 0.3
