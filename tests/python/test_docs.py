"""Every example in the docs runs: docstrings, the README and the C example's text."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import pytest
import willump
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline, make_union

ROOT = Path(__file__).resolve().parents[2]
MODULES = [
    name
    for _, name, _ in pkgutil.walk_packages(willump.__path__, "willump.")
    if not name.endswith("._core")
]


@pytest.mark.parametrize("name", ["willump", *MODULES])
def test_docstring_examples_run(name):
    module = importlib.import_module(name)
    result = doctest.testmod(module)
    assert result.failed == 0


def test_docstrings_have_examples_at_all():
    finder = doctest.DocTestFinder()
    tests = finder.find(willump, "willump") + finder.find(
        importlib.import_module("willump._optimize")
    )
    assert sum(len(t.examples) for t in tests) >= 15


@pytest.mark.filterwarnings("ignore::willump.NotCertifiedWarning")
def test_the_readme_example_runs(tmp_path, monkeypatch):
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
    assert blocks
    monkeypatch.chdir(tmp_path)
    texts = [f"{word} {i}" for i in range(60) for word in ("good", "bad")]
    names = {"texts": texts, "labels": [1, 0] * 60, "fresh_texts": [t + "!" for t in texts]}
    for block in blocks:
        exec(compile(block, "README.md", "exec"), names)
    assert (tmp_path / "model.willump").exists()


@pytest.fixture(scope="module")
def classified():
    """What the page's example starts from."""
    texts = [f"{word} {i}" for i in range(400) for word in ("good", "bad")]
    train, labels = texts[:80], [1, 0] * 40
    features = make_union(CountVectorizer(), CountVectorizer(analyzer="char", ngram_range=(1, 4)))
    pipeline = make_pipeline(features, LogisticRegression()).fit(train, labels)
    return {"pipeline": pipeline, "texts": train, "labels": labels, "fresh_texts": texts[80:]}


@pytest.mark.filterwarnings("ignore::willump.NotCertifiedWarning")
def test_the_certificates_page_examples_run(classified):
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs/cascades.md").read_text(), re.S)
    assert len(blocks) == 5
    names = {"willump": willump, **classified, "fresh_labels": [1, 0] * 360}
    for block in blocks:
        exec(compile(block, "cascades.md", "exec"), names)
        assert set(names["cascade"].predict(["good 1", "bad 1"])) == {0, 1}


def test_the_certificates_page_lists_every_entry(classified):
    pipeline, texts, labels, fresh = classified.values()
    page = (ROOT / "docs/cascades.md").read_text()
    common, agreement, tolerance, estimate, accuracy = (
        set(re.findall(r"^\| `(\w+)` \|", part, re.M))
        for part in page.partition("## The certificate")[2].split("\n### ")
    )
    for target, listed in (
        (willump.Agreement(0.99), agreement),
        (willump.Tolerance(abs=0.2, share=0.9), tolerance),
        (willump.Estimated("accuracy", 0.2), estimate),
        (willump.Accuracy(0.01), accuracy - {"p_value"}),  # harms alone
        (willump.Accuracy(0.05), accuracy - {"k"}),
    ):
        cascade = willump.optimize(
            pipeline, texts, labels, X_cal=fresh, y_cal=[1, 0] * 360, target=target,
            costs=[1.0, 5.0],
        )  # fmt: skip
        assert common | listed == set(cascade.metadata["certificate"])


def test_the_certificates_page_lists_every_warning():
    page = (ROOT / "docs/cascades.md").read_text()
    listed = re.findall(r"^\| `(\w+Warning)` \|", page, re.M)
    there = [name for name in willump.__all__ if name.endswith("Warning")]
    assert sorted(listed) == sorted(there)


def test_relative_links_in_the_docs_lead_somewhere():
    missing = []
    for page in [
        ROOT / "README.md",
        ROOT / "bench/README.md",
        *sorted((ROOT / "docs").glob("*.md")),
    ]:
        for link in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
            if not (page.parent / link).exists():
                missing.append(f"{page.name}: {link}")
    assert missing == []
