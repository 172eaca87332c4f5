"""Vectorizers whose `transform` is that of their compiled twin."""

from __future__ import annotations

import copy
import functools
import warnings
from collections import Counter
from typing import Any

from sklearn.feature_extraction import text as sklearn_text

CALLS: Counter[str] = Counter()
KINDS = (
    sklearn_text.CountVectorizer,
    sklearn_text.TfidfVectorizer,
    sklearn_text.HashingVectorizer,
)


def routed(kind: type, original: Any) -> Any:
    """A `transform` that compiles the vectorizer and asks the compiled one."""
    import willump

    @functools.wraps(original)
    def transform(self: Any, raw_documents: Any) -> Any:
        if type(self) is not kind:
            return original(self, raw_documents)
        if hasattr(raw_documents, "__next__"):
            raw_documents = list(raw_documents)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                compiled = willump.compile(copy.copy(self), strict=True)
        except willump.UnsupportedError:
            CALLS["stayed Python"] += 1
            return original(self, raw_documents)
        CALLS["routed"] += 1
        # What transform does beside its result: it warns about stop words, and
        # a given vocabulary becomes a fitted one.
        self.build_analyzer()
        if hasattr(self, "vocabulary"):
            self._check_vocabulary()
        return compiled.transform(raw_documents)

    return transform
