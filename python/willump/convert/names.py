"""Names of output features, so that they also work after a load.

Vocabularies are already tensors of the graph; names refer to them with a
prefix instead of repeating them. Everything else is listed.
"""

from __future__ import annotations

from typing import Any

from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.pipeline import FeatureUnion, Pipeline

from .._graph import GraphBuilder, Rendered


def feature_names_out(
    estimator: Any, builder: GraphBuilder, rendered: Rendered
) -> dict[str, Any] | None:
    """`{"segments": [...]}`, or None where the original has no names."""
    try:
        segments = _segments(estimator, builder, rendered)
    except Exception:  # whatever the original raises: then there are no names
        return None
    listed = (name for segment in segments for name in segment.get("names", ()))
    return {"segments": segments} if all(map(is_storable, listed)) else None


def is_storable(text: str) -> bool:
    """Whether JSON, as artifacts hold it, can carry the text."""
    return "\0" not in text and not any("\ud800" <= c <= "\udfff" for c in text)


def _segments(estimator: Any, builder: GraphBuilder, rendered: Rendered) -> list[dict[str, Any]]:
    if type(estimator) in (CountVectorizer, TfidfVectorizer):
        terms = [t for t, _ in sorted(estimator.vocabulary_.items(), key=lambda item: item[1])]
        for name, stored in rendered.tensors.items():
            if isinstance(stored, list) and stored == terms:
                return [{"prefix": "", "tensor": name}]
    if type(estimator) is Pipeline and len(estimator.steps) == 1:
        return _segments(estimator.steps[0][1], builder, rendered)
    if type(estimator) is FeatureUnion and estimator.verbose_feature_names_out:
        found = []
        for name, part, _ in estimator._iter():
            for segment in _segments(part, builder, rendered):
                found.append(_prefixed(f"{name}__", segment))
        return found
    return [{"names": [str(name) for name in estimator.get_feature_names_out()]}]


def _prefixed(prefix: str, segment: dict[str, Any]) -> dict[str, Any]:
    if "names" in segment:
        return {"names": [prefix + name for name in segment["names"]]}
    return {"prefix": prefix + segment["prefix"], "tensor": segment["tensor"]}


def expand(recipe: dict[str, Any], tensors: dict[str, Any]) -> list[str]:
    """The names that a recipe stands for."""
    names: list[str] = []
    for segment in recipe["segments"]:
        if "names" in segment:
            names += segment["names"]
        else:
            names += [segment["prefix"] + term for term in tensors[segment["tensor"]]]
    return names
