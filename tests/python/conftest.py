"""Shared by all Python tests."""

from __future__ import annotations

import os
from collections.abc import Iterator

import hypothesis
import pytest
import willump
from bench_parts import bench, content  # noqa: F401  (fixtures of test_bench*.py)
from threadpoolctl import threadpool_limits

# Every failure prints what reproduces it. An ordinary run draws the same cases each time, so
# that it tells a change of the code; `make test-long` draws others, and more.
IS_LONG = bool(os.environ.get("WILLUMP_TEST_LONG") or os.environ.get("WILLUMP_TEST_EXAMPLES"))
hypothesis.settings.register_profile(
    "default", deadline=None, print_blob=True, derandomize=not IS_LONG
)
hypothesis.settings.register_profile(
    "ci", parent=hypothesis.settings.get_profile("default"), max_examples=500
)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


def pytest_report_header() -> str:
    return f"willump: {willump.__version__} from {os.path.dirname(willump.__file__)}"


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Histogram boosting over few rows is slower with more."""
    with threadpool_limits(1):
        yield
