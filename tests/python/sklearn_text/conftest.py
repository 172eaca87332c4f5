"""Runs scikit-learn's own tests of its text vectorizers on compiled ones.

`transform` of CountVectorizer, TfidfVectorizer and HashingVectorizer, and
HashingVectorizer's `fit_transform`, go through `willump.compile`; the summary
says how many calls were routed. Subclasses keep their own methods.
"""

from __future__ import annotations

from typing import Any

import pytest
from routing import CALLS, KINDS, routed
from sklearn.feature_extraction.text import HashingVectorizer


@pytest.fixture(autouse=True)
def compiled_transforms(monkeypatch: pytest.MonkeyPatch) -> None:
    """Puts the compiled vectorizers behind scikit-learn's classes for one test."""
    for kind in KINDS:
        monkeypatch.setattr(kind, "transform", routed(kind, kind.__dict__["transform"]))
    monkeypatch.setattr(
        HashingVectorizer,
        "fit_transform",
        lambda self, X, y=None: self.fit(X, y).transform(X),
    )


def pytest_terminal_summary(terminalreporter: Any) -> None:
    terminalreporter.write_line(
        f"scikit-learn's text tests: {CALLS['routed']} calls of transform were compiled, "
        f"{CALLS['stayed Python']} stayed Python"
    )
