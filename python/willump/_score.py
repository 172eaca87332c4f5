"""What `score` measures: the original's own, by the compiled predictions where it is one of
scikit-learn's two usual ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ._errors import UnsupportedError


def describe_score(estimator: Any) -> dict[str, Any] | None:
    """What the metadata say of an estimator's `score`; None: it has none.

    `measure` is a function of `sklearn.metrics`, None where the estimator has a score of its
    own; `takes_weights` is whether the measure's sample_weight may be given.
    """
    if not hasattr(estimator, "score"):
        return None
    steps = getattr(estimator, "steps", None)
    if steps:
        last = steps[-1][1]
        return {"measure": None} if last in (None, "passthrough") else describe_score(last)
    best = getattr(estimator, "best_estimator_", None)
    if best is not None:
        return {**_of_search(estimator, best), "takes_weights": False}
    return {
        "measure": _measure_of(type(estimator)),
        "takes_weights": not type(estimator).__name__.startswith("CatBoost"),
    }


def _of_search(search: Any, best: Any) -> dict[str, Any]:
    scoring = getattr(search, "scoring", None)
    if scoring is None:
        return describe_score(best) or {"measure": None}
    known = {"accuracy": "accuracy_score", "r2": "r2_score"}
    return {"measure": known.get(scoring) if isinstance(scoring, str) else None}


def _measure_of(kind: type) -> str | None:
    from sklearn.base import ClassifierMixin, RegressorMixin

    by_name = {"CatBoostClassifier": "accuracy_score", "CatBoostRegressor": "r2_score"}
    if kind.__name__ in by_name:
        return by_name[kind.__name__]
    function = getattr(kind, "score", None)
    if function is ClassifierMixin.score:
        return "accuracy_score"
    return "r2_score" if function is RegressorMixin.score else None


def score_of(
    told: Mapping[str, Any],
    compiled: Any,
    original: Any,
    x: Any,
    y: Any,
    sample_weight: Any,
) -> float:
    """The score of a compiled model's answers to X.

    Parameters
    ----------
    told : what `describe_score` said
    original : the estimator, whose own score answers where no measure stands for it, or None

    Raises
    ------
    UnsupportedError
        Where the original is needed and not here.
    """
    measure = told.get("measure")
    is_plain = sample_weight is None or told.get("takes_weights", False)
    if measure is not None and is_plain and y is not None:
        from sklearn import metrics

        return float(getattr(metrics, measure)(y, compiled.predict(x), sample_weight=sample_weight))
    if original is None:
        raise UnsupportedError(
            "score: the original's is a measure of its own, or was given more or less than y, "
            "and a cascade or a model that was loaded has no original to ask; call a function "
            "of sklearn.metrics with the predictions"
        )
    weights = {} if sample_weight is None else {"sample_weight": sample_weight}
    return float(original.score(x, **weights) if y is None else original.score(x, y, **weights))
