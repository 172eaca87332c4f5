"""scikit-learn's own feature_extraction/tests/test_text.py; see conftest.py."""

from routing import CALLS
from sklearn.feature_extraction.tests.test_text import *  # noqa: F403


def test_calls_were_routed() -> None:
    """Runs last: the tests above did reach the compiled vectorizers."""
    assert CALLS["routed"] > 50
