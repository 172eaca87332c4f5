"""What `explain` shows of a cascade: costs, trade-off, reliability; and its plots."""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ElementTree
from typing import Any

import numpy as np
import pytest
import willump
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline, make_union


@pytest.fixture(scope="module")
def of_blocks() -> Any:
    random = np.random.default_rng(0)
    rows = random.integers(0, 8, (2400, 6))
    texts = [" ".join(f"w{i}" for i in row) + f" {n}" for n, row in enumerate(rows)]
    labels = (rows < 4).sum(1) + random.normal(0, 0.4, len(rows)) > 3
    union = make_union(CountVectorizer(), CountVectorizer(analyzer="char", ngram_range=(1, 3)))
    pipeline = make_pipeline(union, LogisticRegression(max_iter=500)).fit(texts[:600], labels[:600])
    return willump.optimize(
        pipeline,
        texts[:600],
        labels[:600],
        X_cal=texts[600:],
        target=willump.Agreement(0.9),
        costs=[1.0, 9.0],
    )


@pytest.fixture(scope="module")
def of_trees() -> Any:
    random = np.random.default_rng(0)
    x = random.normal(size=(6000, 5))
    y = x[:, 0] + x[:, 1] > 0
    model = GradientBoostingClassifier(n_estimators=100, random_state=0).fit(x[:1000], y[:1000])
    return willump.optimize(model, x[:1000], X_cal=x[1000:], target=willump.Agreement(0.97))


@pytest.fixture(params=["of_blocks", "of_trees"])
def cascade(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(request.param)


def test_the_curve_spans_from_strict_to_loose(cascade: Any) -> None:
    certificate = cascade.metadata["certificate"]
    shares = [point["share_leaving"] for point in certificate["curve"]]
    assert shares == sorted(shares)
    assert shares[0] < certificate["share_leaving"]
    assert all(point["share_wrong"] < point["bound"] for point in certificate["curve"])
    bins = certificate["reliability"]
    assert 0 < sum(b["n_rows"] for b in bins) <= certificate["n_rows"]
    wrong = [b["n_wrong"] / b["n_rows"] for b in bins]
    assert np.mean(wrong[:3]) < np.mean(wrong[-3:])


def test_the_text_has_promise_curve_and_costs(of_blocks: Any) -> None:
    text = str(of_blocks.explain())
    lines = text.splitlines()
    (first,) = [line for line in lines if line.startswith("certificate")]
    assert "with confidence 0.95" in first
    assert ", 9 a row, as costs= gave them" in text
    assert " ns " not in text.split("graph")[0]
    assert sum(line.strip().endswith("rows agree") for line in lines) >= 5


def test_costs_that_were_measured_are_in_ns(of_trees: Any) -> None:
    certificate = of_trees.metadata["certificate"]
    assert f"exact_cost: {certificate['exact_cost']} ns a row" in str(of_trees.explain())


def test_plots_are_svg_and_repeat(cascade: Any) -> None:
    page = cascade.explain()._repr_html_()
    parts = page.split("<svg")[1:]
    assert len(parts) == 2
    for part in parts:
        ElementTree.fromstring("<svg" + part.partition("</svg>")[0] + "</svg>")
    assert page == cascade.explain()._repr_html_()


def test_without_matplotlib_the_page_has_no_plots(
    cascade: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [*sys.modules]:
        if name.partition(".")[0] == "matplotlib":
            monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    page = cascade.explain()._repr_html_()
    assert "<svg" not in page
    assert "reliability" in page


def test_a_saved_cascade_explains_itself_alike(cascade: Any) -> None:
    again = willump.from_bytes(cascade.to_bytes())
    assert str(again.explain()) == str(cascade.explain())


@pytest.mark.parametrize("entry", ["curve", "reliability", "target", "kind", "exact_cost"])
def test_what_an_artifact_may_say_does_not_break_the_page(cascade: Any, entry: str) -> None:
    other = willump.from_bytes(cascade.to_bytes())
    for damage in ("nonsense", [{}], None, -1, {"a": 1}):
        other.metadata["certificate"][entry] = damage
        explanation = other.explain()
        assert str(explanation)
        assert "<table>" in explanation._repr_html_()
