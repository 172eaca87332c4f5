"""Shared by all Python tests."""

from __future__ import annotations

import os

import hypothesis
import willump

# Every failure prints what reproduces it; CI runs more examples.
hypothesis.settings.register_profile("default", deadline=None, print_blob=True)
hypothesis.settings.register_profile(
    "ci", parent=hypothesis.settings.get_profile("default"), max_examples=500
)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


def pytest_report_header() -> str:
    return f"willump: {willump.__version__} from {os.path.dirname(willump.__file__)}"
