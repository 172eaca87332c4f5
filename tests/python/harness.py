"""What the exactness tests share: compiling, comparing, how many examples.

`WILLUMP_TEST_LONG=1` runs tens of thousands of examples instead of thousands;
`WILLUMP_TEST_EXAMPLES` multiplies them by a number. `WILLUMP_TEST_BACKEND=
interpreter` checks the converters alone, without the core.
"""

from __future__ import annotations

import os
import sys
import types
import warnings
from typing import Any

import numpy as np
import scipy.sparse as sp
from graph_interpreter import Interpreter
from hypothesis import HealthCheck, Phase, settings

BACKEND = os.environ.get("WILLUMP_TEST_BACKEND", "core")
_FACTOR = float(os.environ.get("WILLUMP_TEST_EXAMPLES", "1"))
if os.environ.get("WILLUMP_TEST_LONG"):
    _FACTOR *= 5

if BACKEND == "interpreter":
    # The interpreter reads patterns with Python's own `re`.
    _pattern: Any = types.ModuleType("willump.convert.pattern")
    _pattern.UnsupportedPattern = type("UnsupportedPattern", (Exception,), {})
    _pattern.translate = lambda p: types.SimpleNamespace(kind="pattern", pattern=p, group=False)
    sys.modules["willump.convert.pattern"] = _pattern

METHODS = {
    "transform": "features",
    "decision_function": "decision",
    "predict_proba": "proba",
    "predict_log_proba": "log_proba",
}


def examples(count: int, *, shrinks: bool = True) -> settings:
    """Hypothesis settings for about `count` examples in an ordinary run.

    `shrinks=False` where an example is a seed: a smaller seed is no simpler.
    """
    phases = [Phase.explicit, Phase.generate]
    return settings(
        max_examples=max(1, int(count * _FACTOR)),
        deadline=None,
        database=None,
        print_blob=True,
        phases=[*phases, Phase.shrink] if shrinks else phases,
        suppress_health_check=list(HealthCheck),
    )


class Interpreted:
    """The interpreter behind the methods of a compiled object."""

    def __init__(self, estimator: Any) -> None:
        from willump.convert import convert_pipeline

        self.converted = convert_pipeline(estimator)
        self.graph = Interpreter(self.converted)

    def __getattr__(self, method: str) -> Any:
        if method == "predict" and {"label", "prediction"} & set(self.graph.outputs):
            return self._predict
        if METHODS.get(method) not in self.graph.outputs:
            raise AttributeError(method)
        return lambda x: self._value(METHODS[method], x)

    def _value(self, name: str, x: Any) -> Any:
        value = self.graph.run(x, name)[name]
        if name == "features":
            value = value.astype(self.converted.metadata["transform_dtype"])
        return value.ravel() if name in self.converted.metadata["ravel"] else value

    def _predict(self, x: Any) -> Any:
        metadata = self.converted.metadata
        if "prediction" in self.graph.outputs:
            return self._value("prediction", x).astype(metadata["prediction_dtype"])
        label = self._value("label", x)
        if metadata.get("multilabel"):
            return label
        return np.array(metadata["classes"], dtype=metadata["classes_dtype"])[label]


def build(estimator: Any, **options: Any) -> Any:
    """The compiled estimator; Python steps are expected where tests ask for them."""
    if BACKEND == "interpreter":
        return Interpreted(estimator)
    import willump

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return willump.compile(estimator, **options)


def quiet(function: Any, *arguments: Any) -> Any:
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return function(*arguments)


def assert_same_matrix(got: Any, want: Any, *, bits: bool) -> None:
    """Equal shape, container, dtype and values: all bits, or within 1e-12."""
    assert got.shape == want.shape
    assert sp.issparse(got) == sp.issparse(want)
    assert got.dtype == want.dtype
    if sp.issparse(want):
        want = want.tocsr().copy()
        want.sort_indices()
        got = got.tocsr()
        np.testing.assert_array_equal(got.indptr, want.indptr)
        np.testing.assert_array_equal(got.indices, want.indices)
        got, want = got.data, want.data
    if bits:
        np.testing.assert_array_equal(got, want)
    else:
        tolerance = 1e-6 if want.dtype == np.float32 else 1e-12
        np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance)


def assert_same_scores(got: Any, want: Any) -> None:
    got, want = np.asarray(got), np.asarray(want)
    assert got.shape == want.shape
    assert got.dtype == want.dtype
    is_single = want.dtype == np.float32
    np.testing.assert_allclose(
        got, want, rtol=1e-5 if is_single else 1e-9, atol=1e-5 if is_single else 1e-12
    )


def surely_labelled(original: Any, x: Any) -> Any:
    """Rows whose label does not hang on the rounding of a sum."""
    for method in ("decision_function", "predict_proba"):
        if hasattr(original, method):
            scores = np.asarray(quiet(getattr(original, method), x), dtype=float)
            if method == "decision_function" and scores.ndim == 1:
                return np.abs(scores) > 1e-10
            ordered = np.sort(scores, axis=1)
            return ordered[:, -1] - ordered[:, -2] > 1e-10
    return np.ones(len(original.predict(x)), dtype=bool)


def assert_same_model(compiled: Any, original: Any, x: Any) -> None:
    """Every method that the original has, and no other."""
    for method in ("decision_function", "predict_proba", "predict_log_proba"):
        assert hasattr(compiled, method) == hasattr(original, method), method
        if hasattr(original, method):
            want = quiet(getattr(original, method), x)
            assert_same_scores(quiet(getattr(compiled, method), x), want)
    got, want = compiled.predict(x), quiet(original.predict, x)
    assert got.shape == want.shape
    assert got.dtype == want.dtype
    if not hasattr(original, "classes_"):
        assert_same_scores(got, want)
    elif want.ndim == 1:
        sure = surely_labelled(original, x)
        np.testing.assert_array_equal(got[sure], want[sure])
    else:
        scores = original.decision_function if hasattr(original, "decision_function") else None
        sure = np.abs(scores(x)) > 1e-10 if scores else np.ones(want.shape, dtype=bool)
        np.testing.assert_array_equal(got[sure], want[sure])


def assert_row_wise(estimator: Any, x: Any, take: Any, method: str) -> None:
    """The same bits in batches of 1, 7 and 1000 rows, on one and two threads."""
    if BACKEND == "interpreter":
        return
    one, two = build(estimator, n_threads=1), build(estimator, n_threads=2)
    whole = _dense(getattr(one, method)(x))
    np.testing.assert_array_equal(whole, _dense(getattr(two, method)(x)))
    n = len(whole)
    for size in (1, 7):
        limit = min(n, 40 * size)
        parts = [
            _dense(getattr(one, method)(take(x, slice(i, min(i + size, limit)))))
            for i in range(0, limit, size)
        ]
        np.testing.assert_array_equal(whole[:limit], np.concatenate(parts))
    repeated = [i % n for i in range(1000)]
    many = _dense(getattr(two, method)(take(x, repeated)))
    np.testing.assert_array_equal(whole[repeated], many)


def _dense(result: Any) -> Any:
    return result.toarray() if sp.issparse(result) else np.asarray(result)


def take_list(x: list[str], key: Any) -> list[str]:
    return x[key] if isinstance(key, slice) else [x[i] for i in key]


def take_frame(x: Any, key: Any) -> Any:
    return x.iloc[key]


def take_rows(x: Any, key: Any) -> Any:
    return x[key]
