"""What a fitted estimator is asked once, when it is compiled, so that the copy answers
bad, empty and unusual rows as it does: by calling it.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Mapping
from typing import Any, cast

import numpy as np

from ._present import METHODS, SPARSE_KINDS
from ._report import compare
from ._score import describe_score


def describe(estimator: Any, metadata: Mapping[str, Any]) -> dict[str, Any]:
    """What error messages need beyond the converter's metadata."""
    first = _first_step(estimator)
    found: dict[str, Any] = {"first_estimator": type(first).__name__}
    score = describe_score(estimator)
    if score is not None:
        found["score"] = score
    if _reads_text(first, metadata):
        found["reads_text"] = True
    sparse_results = _sparse_results(estimator, metadata)
    if sparse_results:
        found["sparse_results"] = sparse_results
    if _keeps_integers(estimator, metadata):
        found["keeps_integers"] = True
    float32_outputs = _float32_outputs(estimator, metadata)
    if float32_outputs:
        found["float32_outputs"] = float32_outputs
    is_known = metadata.get("refuses_float16") or not _width(metadata)
    if not is_known and not _computes_in_doubles(estimator, metadata):
        found["refuses_float16"] = True
    empty = _error_for_no_rows(estimator, metadata, type(first).__name__)
    return found if empty is None else {**found, "empty": empty}


def _first_step(estimator: Any) -> Any:
    """The estimator that sees X first, through pipelines and searches."""
    inner = getattr(estimator, "best_estimator_", None)
    if inner is None and hasattr(estimator, "steps"):
        steps = [s for _, s in estimator.steps if s is not None and s != "passthrough"]
        inner = steps[0] if steps else None
    return estimator if inner is None else _first_step(inner)


def _width(metadata: Mapping[str, Any]) -> int:
    """How many columns X has; 0: not known."""
    return int(metadata.get("n_features_in") or metadata.get("n_columns") or 0)


def _reads_text(first: Any, metadata: Mapping[str, Any]) -> bool:
    """Whether the original reads the number in "0", as most transformers of
    scikit-learn do and its models do not: asked."""
    library = type(first).__module__.partition(".")[0]
    width = _width(metadata)
    is_exact_type = hasattr(first, "func") or hasattr(first, "categories_")
    if library != "sklearn" or is_exact_type or not width:
        return False
    method = getattr(first, "transform", None) or getattr(first, "predict", None)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            cast(Callable[[Any], Any], method)([["0"] * width])
    except Exception:
        return False
    return True


def _computes_in_doubles(estimator: Any, metadata: Mapping[str, Any]) -> bool:
    """Whether float16 is as good as the same numbers in float64: asked."""
    width, rng = _width(metadata), np.random.default_rng(0)
    rows = (9 * rng.normal(size=(8, width))).astype(np.float16)
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            for method in dict(METHODS):
                call = getattr(estimator, method, None)
                if call is None:
                    continue
                half, double = call(rows), call(rows.astype(np.float64))
                if not compare(double, half).ok:
                    return False
    except Exception:
        return False
    return True


def _float32_outputs(estimator: Any, metadata: Mapping[str, Any]) -> list[str]:
    """The outputs that may be float32 where X is, as where the model was fitted on
    float32: asked."""
    found: list[str] = []
    rows = _rows_of(estimator, metadata, np.float32)
    for method, output in METHODS if rows else ():
        if output == "label" or output in found:
            continue
        if _dtype_of_answer(getattr(estimator, method, None), rows) == np.float32:
            found.append(output)
    return found


def _keeps_integers(estimator: Any, metadata: Mapping[str, Any]) -> bool:
    """Whether integers are transformed into integers: asked."""
    if (
        not hasattr(estimator, "transform")
        or np.dtype(metadata.get("transform_dtype", "<f8")) != np.float64
    ):
        return False
    rows = _rows_of(estimator, metadata, np.int64)
    return bool(_dtype_of_answer(estimator.transform, rows) == np.int64)


def _dtype_of_answer(call: Any, rows: list[Any]) -> Any:
    """The dtype of a method's answer to the first row that it takes; None: to none."""
    for row in rows if call is not None else ():
        try:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                return getattr(call(row), "dtype", None)
        except Exception:
            continue
    return None


def _rows_of(estimator: Any, metadata: Mapping[str, Any], dtype: Any) -> list[Any]:
    """A row of zeros as an array and, of columns that have names, as a frame."""
    width = _width(metadata) or getattr(_first_step(estimator), "n_features_in_", None)
    rows: list[Any] = [np.zeros((1, int(width)), dtype=dtype)] if width else []
    pandas = sys.modules.get("pandas")
    if rows and pandas is not None and metadata.get("columns_by_name"):
        names = list(metadata.get("feature_names_in") or ())
        columns: dict[Any, Any] = dict.fromkeys(names, np.zeros(1, dtype=dtype))
        _fill_words(estimator, columns)
        rows.append(pandas.DataFrame(columns))
    return rows


def _fill_words(step: Any, columns: dict[Any, Any]) -> None:
    """Sets the columns in which a fitted step looks for categories, or reads text, to
    some that it knows."""
    for _, inner in [*getattr(step, "steps", [])[:1], *getattr(step, "transformer_list", [])]:
        _fill_words(inner, columns)
    for _, inner, chosen in getattr(step, "transformers_", []):
        if isinstance(chosen, str):
            columns[chosen] = ["a"]
        _fill_words(inner, columns)
    categories = getattr(step, "categories_", None)
    for name, known in zip(getattr(step, "feature_names_in_", ()), categories or (), strict=False):
        if len(known):
            columns[name] = known[:1]


def _sparse_results(estimator: Any, metadata: Mapping[str, Any]) -> dict[str, str]:
    """The type of transform's result for each type of sparse matrix, where it is
    sparse: asked."""
    width, call = _width(metadata), getattr(estimator, "transform", None)
    if not width or call is None:
        return {}
    import scipy.sparse as sp

    found = {}
    for kind in SPARSE_KINDS:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                result = call(getattr(sp, kind)(np.zeros((1, int(width)))))
        except Exception:
            continue
        if type(result).__name__ in SPARSE_KINDS and sp.issparse(result):
            found[kind] = type(result).__name__
    return found


def _error_for_no_rows(estimator: Any, metadata: Mapping[str, Any], first: str) -> str | None:
    """What the original says to no rows at all: asked where that is possible."""
    method = getattr(estimator, "predict", None) or getattr(estimator, "transform", None)
    rows: Any = [row[:0] for row in _rows_of(estimator, metadata, np.float64)] or [[]]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            cast(Callable[[Any], Any], method)(rows[-1])  # a frame, where it is read by name
    except ValueError as error:
        if "Specifying the columns using strings" not in str(error):
            return str(error)
    except Exception:
        pass
    else:
        return None
    shape = f" (shape=(0, {width}))" if (width := _width(metadata)) else ""
    return f"Found array with 0 sample(s){shape} while a minimum of 1 is required by {first}."
