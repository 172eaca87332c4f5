"""CatBoost's options, its stages and its leaves."""

from __future__ import annotations

from collections.abc import Iterator
from operator import index
from typing import Any

import numpy as np

from .._errors import UnsupportedError
from .._graph import Array
from .._variants import Source, Span, Variants
from .family import Asked, Family, error_of, ignored

#: Which method or output shows a type of predictions.
_TYPES = {
    "RawFormulaVal": "_raw",
    "Class": "predict",
    "Probability": "predict_proba",
    "LogProbability": "predict_log_proba",
    "Exponent": "predict",
    "RMSEWithUncertainty": "",
}


def _fail(message: str) -> Exception:
    return error_of("catboost", "CatBoostError")(message)


def span(asked: Asked, source: Source) -> Span:
    """ntree_start and ntree_end. An end of 0 is the last, but for predictions that start
    later: those have none, which is an error; stages have none, which is none."""
    first, last = (index(asked.values.get(name, 0)) for name in ("ntree_start", "ntree_end"))
    if (first, last) == (0, 0):
        return None
    if last == 0 and (asked.shows == "leaves" or not asked.method.startswith("predict")):
        last = source.n_total
    if last <= first and asked.method.startswith("staged_"):
        return 0, 0
    if not 0 <= first <= source.n_total:
        raise _fail(f"Out of range ntree_start={first}: there are {source.n_total} trees")
    if not 0 <= last <= source.n_total:
        raise _fail(f"Out of range ntree_end={last}: there are {source.n_total} trees")
    if last <= first:
        raise _fail(f"Empty tree range [{first}, {last})")
    return None if (first, last) == (0, source.n_iterations) else (first, last)


def _check_type(asked: Asked, value: Any, x: Any) -> None:
    if value is None and asked.method == "predict" and _kind(asked) == "regressor":
        return
    if not isinstance(value, str):
        raise _fail(f"Invalid prediction_type type={type(value)}: must be str.")
    if value not in _TYPES:
        names = ", ".join(("Class", *(name for name in _TYPES if name != "Class")))
        raise _fail(f"Invalid value of prediction_type={value}: must be {names}.")
    asked.shows = _shown(asked, value)


def _kind(asked: Asked) -> Any:
    return asked.metadata.get("kind")


def _shown(asked: Asked, value: str) -> str:
    is_classifier = _kind(asked) == "classifier"
    is_there = value == "RawFormulaVal"
    if is_classifier:
        is_there |= value in ("Class", "Probability", "LogProbability")
    else:
        is_there |= value == "Exponent" and bool(asked.metadata["source"].get("is_exponent"))
    if not is_there:
        raise UnsupportedError(
            f"{asked.method}: prediction_type={value!r} is not supported for "
            f"{asked.metadata.get('estimator')}"
        )
    return _TYPES[value]


def leaves(variants: Variants, asked: Asked, span: Span, x: Any) -> Array:
    return variants.leaves(span, x).astype(np.uint32)


def _staged(shown: str) -> Any:
    """A generator of the stages; `shown`: "" where prediction_type tells."""

    def stages(variants: Variants, asked: Asked, span: Span, x: Any) -> Iterator[Any]:
        period = index(asked.values.get("eval_period", 1))
        if period < 1:
            raise _fail("eval_period for staged_predict must be >= 1")
        first, last = span or (0, variants.source.n_iterations)
        method = shown or _shown(asked, asked.values.get("prediction_type", "RawFormulaVal"))
        tail = variants.tail(first)
        for i, sums in enumerate(variants.sums_by_stage(x, first, last), start=1):
            if i % period == 0 or i == last - first:
                yield tail.run(method, sums)

    return stages


FAMILY = Family(
    options={
        "prediction_type": _check_type,
        "ntree_start": ignored,
        "ntree_end": ignored,
        "eval_period": ignored,
        "thread_count": ignored,
        "verbose": ignored,
    },
    methods={
        "calc_leaf_indexes": leaves,
        "staged_predict": _staged(""),
        "staged_predict_proba": _staged("predict_proba"),
        "staged_predict_log_proba": _staged("predict_log_proba"),
    },
    span=span,
    leaves=leaves,
)
