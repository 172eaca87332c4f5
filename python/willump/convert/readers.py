"""Who reads the names of the caller's frame.

A fitted pipeline compares names, or finds columns by them, in the first estimators that
get the frame as it came: what stands before them hands it on (`passthrough`, a function
that keeps frames) or hands it to several (a union, a vote, a stack). One walk over the
fitted objects finds them all; `_names.NameReaders` does what they do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn import ensemble as en
from sklearn import get_config
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.feature_selection import SelectorMixin
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier, MultiOutputRegressor
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    OneHotEncoder,
    OrdinalEncoder,
    TargetEncoder,
)

from .boosters import knows_categories
from .registry import find
from .sklearn_function import is_native

#: What an estimator makes of the frame that it is given: hands it on, hands on one of
#: pandas and arrays of others, gives what only a call knows, gives names of its own.
KEEPS, KEEPS_PANDAS, UNKNOWN, ENDS = "keeps", "keeps pandas", "unknown", "ends"


@dataclass(frozen=True)
class NameReader:
    """One reader; the fields are those of `_names.NameReaders`.

    `width` is how many columns it was fitted on. `has_labels`: a ColumnTransformer's
    columns were given as text, so that it reads no arrays. `has_categories`: it reads the
    categories of a frame, by the dtypes of its columns.
    """

    estimator: str
    kind: str
    names: tuple[str, ...] | None
    width: int | None = None
    pandas: bool = False
    has_labels: bool = False
    has_categories: bool = False

    def described(self) -> dict[str, Any]:
        """For the metadata."""
        found: dict[str, Any] = {"estimator": self.estimator, "kind": self.kind}
        if self.names is not None:
            found["names"] = list(self.names)
        return found | ({"pandas": True} if self.pandas else {})


def readers_of(estimator: Any) -> list[NameReader]:
    """All readers of a fitted estimator's X, in the order in which they read."""
    try:
        return list(dict.fromkeys(_walk(estimator)[0]))
    except AttributeError:  # a part is not fitted, such as a search without refit
        return list(dict.fromkeys(_leaf(estimator)[0]))


def readers_behind(steps: Iterable[Any]) -> list[NameReader]:
    """The readers of what a step of a Pipeline gives to those behind it."""
    return list(dict.fromkeys(_chain(steps)[0]))


def width_of(estimator: Any) -> int | None:
    """How many columns X has, by the estimator itself or by the first who reads X."""
    width = getattr(estimator, "n_features_in_", None)
    return next((r.width for r in readers_of(estimator)), None) if width is None else int(width)


def is_handed_on(step: Any) -> bool:
    """Whether a step gives the very frame that it is given."""
    return _after(step) == KEEPS


def needs_frame(step: Any) -> bool:
    """Whether a step picks columns by name, or is a function that may do so."""
    by_name = any(r.kind in ("by_name", "match") and r.names for r in readers_of(step))
    return by_name or reads_categories(step) or _after(step) == UNKNOWN


def reads_categories(step: Any) -> bool:
    """Whether a step reads the categories of a frame, which no matrix holds."""
    return any(r.has_categories for r in readers_of(step))


def frame_names(step: Any) -> tuple[str, ...] | None:
    """The names of the frame of pandas that a fitted step gives because it was told to,
    by `set_output`; None: it gives none."""
    last = _last(step)
    if output_of(last) != "pandas":
        return None
    try:
        return tuple(str(name) for name in last.get_feature_names_out())
    except Exception:  # it cannot say them
        return None


def gives_array(step: Any) -> bool:
    """Whether a step is sure to give no frame, not even one of known names."""
    return not may_give_frame(step) and frame_names(step) is None


def may_give_frame(step: Any) -> bool:
    """Whether what comes out of a step may be a frame whose names only a call knows."""
    last = _last(step)
    if _after(step) != ENDS or (type(last) is FunctionTransformer and not last.validate):
        return True
    return output_of(last) in ("pandas", "polars") and frame_names(step) is None


def hands_on_columns(step: Any) -> bool:
    """Whether columns of a frame may come out of a fitted step in a frame, of the dtypes
    that they had."""
    if step is None or isinstance(step, str):
        return step != "drop"
    if type(step) is Pipeline:
        return all(hands_on_columns(one) for _, one in step.steps)
    inner = getattr(step, "best_estimator_", None)
    if inner is not None:
        return hands_on_columns(inner)
    if type(step) is FunctionTransformer:  # what is passed through is one after fit
        return step.func is None and not step.validate
    if output_of(step) == "default":
        return False
    if isinstance(step, ColumnTransformer):
        return any(hands_on_columns(one) for _, one, _ in step.transformers_)
    if isinstance(step, FeatureUnion):
        return any(hands_on_columns(one) for _, one in step.transformer_list)
    return isinstance(step, SelectorMixin)


def gives_names_of(step: Any, other: Any) -> bool:
    """Whether the frame that a step gives has the names of what `other`, one in it, gives: a
    ColumnTransformer and a union may put their blocks' names before these."""
    return _innermost(step) is _innermost(other)


def _innermost(step: Any) -> Any:
    """The transformer whose frame is that of a step."""
    last = _last(step)
    while isinstance(last, ColumnTransformer) and not last.verbose_feature_names_out:
        blocks = [one for _, one, _ in last.transformers_ if one != "drop"]
        if len(blocks) != 1:
            break
        last = _last(blocks[0])
    inner = getattr(last, "best_estimator_", None)
    if type(last).__name__ == "FrozenEstimator":
        inner = last.estimator
    return last if inner is None else _innermost(inner)


def hands_on_objects(step: Any) -> bool:
    """Whether columns of the caller's may come out of a fitted step in the dtypes that they
    had: text, other objects, small integers."""
    if step is None or isinstance(step, str):
        return step != "drop"
    if type(step) is Pipeline:
        return all(hands_on_objects(one) for _, one in step.steps)
    if (members := members_of(step)) is not None:
        return any(map(hands_on_objects, members))
    if isinstance(step, SimpleImputer):
        return _keeps_objects(step)
    is_known = type(step).__module__.partition(".")[0] == "sklearn"
    return not is_known or isinstance(step, (FunctionTransformer, SelectorMixin))


def gives_objects(step: Any) -> bool:
    """Whether a fitted step gave objects when it was fitted, as far as it tells."""
    if type(step) is Pipeline:
        for _, one in reversed(step.steps):
            if gives_objects(one) or not hands_on_objects(one):
                return gives_objects(one)
        return False
    if (members := members_of(step)) is not None:
        return any(map(gives_objects, members))
    if not isinstance(step, SimpleImputer):
        return False
    return getattr(getattr(step, "_fit_dtype", None), "kind", "f") == "O"


def tells_objects(step: Any) -> bool:
    """Whether a step that stays Python may tell what it is given from the same in float64:
    text that is a number, None, the dtype of small integers."""
    if step is None or isinstance(step, str):
        return False
    if (members := members_of(step)) is not None:
        return any(map(tells_objects, members))
    is_known = type(step).__module__.partition(".")[0] == "sklearn"
    return not is_known or isinstance(step, (*_LOOKING, FunctionTransformer, SelectorMixin))


#: Transformers of scikit-learn that compare the cells that they are given.
_LOOKING = (OneHotEncoder, OrdinalEncoder, TargetEncoder, SimpleImputer, MissingIndicator)


def _keeps_objects(step: SimpleImputer) -> bool:
    """Strategies that make no numbers of what they are given."""
    return step.strategy not in ("mean", "median") or gives_objects(step)


def members_of(step: Any) -> list[Any] | None:
    """What a step holds: of a Pipeline, a union, a ColumnTransformer, a search; None:
    nothing."""
    inner = getattr(step, "best_estimator_", None)
    if inner is not None:
        return [inner]
    if type(step) is Pipeline:
        return [one for _, one in step.steps]
    if isinstance(step, ColumnTransformer):
        return [one for _, one, _ in step.transformers_]
    if isinstance(step, FeatureUnion):
        return [one for _, one in step.transformer_list]
    return [step.estimator] if type(step).__name__ == "FrozenEstimator" else None


def _after(step: Any) -> str:
    try:
        return _walk(step)[1]
    except AttributeError:  # a part is not fitted
        return ENDS


def _last(step: Any) -> Any:
    while type(step) is Pipeline:
        inner = [one for _, one in step.steps if one is not None and not isinstance(one, str)]
        if not inner:
            break
        step = inner[-1]
    return step


def output_of(step: Any) -> str:
    """What `set_output` asked for; scikit-learn's own setting where it did not. Vectorizers
    of text give CSR rows whatever is set."""
    if not hasattr(step, "get_feature_names_out") or not hasattr(step, "set_output"):
        return "default"
    own = getattr(step, "_sklearn_output_config", {}).get("transform")
    found: str = get_config().get("transform_output", "default") if own is None else own
    return found


_Found = tuple[list[NameReader], str]


def _walk(est: Any) -> _Found:
    if est is None or isinstance(est, str):
        return [], KEEPS if est in (None, "passthrough") else ENDS
    walk = _WALKS.get(type(est), _leaf)
    return walk(est)


def _leaf(est: Any) -> _Found:
    """One that reads what it is given itself."""
    library = type(est).__module__.partition(".")[0]
    if library != "sklearn" and find(est) is None:
        return [], UNKNOWN  # it stays Python, and checks what it will
    names, width = _names_of(est), getattr(est, "n_features_in_", None)
    kind = {"lightgbm": "position", "xgboost": "exact"}.get(library, "check")
    if library == "catboost":
        kind, names = "match", _names_of_catboost(est)
    if getattr(est, "_preprocessor", None) is not None:  # histogram boosting of categories
        found = _column_transformer(est._preprocessor)[0]
        is_named = {"by_name": "match"}
        return [
            replace(r, kind=is_named.get(r.kind, r.kind), has_categories=True) for r in found
        ], ENDS
    if width is None:  # such as vectorizers
        return [], ENDS
    has_categories = _has_categories(est, library)
    own = NameReader(type(est).__name__, kind, names, int(width), has_categories=has_categories)
    return [own], ENDS


def _has_categories(est: Any, library: str) -> bool:
    """Whether a booster knows the values of a frame's categories."""
    if library == "lightgbm":
        return bool(est.booster_.pandas_categorical)
    if library == "catboost":
        return len(est.get_cat_feature_indices()) > 0
    return library == "xgboost" and knows_categories(est.get_booster())


def _names_of_catboost(est: Any) -> tuple[str, ...] | None:
    listed = tuple(str(name) for name in getattr(est, "feature_names_", None) or ())
    if listed != tuple(map(str, range(len(listed)))):
        return listed
    # It lists columns without names by their numbers, which may be names, too, as those of
    # `pd.DataFrame(x)` are; it refuses others where they are.
    import pandas as pd

    others = pd.DataFrame(np.zeros((1, len(listed))), columns=[f"_{name}" for name in listed])
    try:
        est.predict(others, thread_count=1)
    except Exception as error:
        return listed if "should be feature with name" in str(error) else None
    return None


def _names_of(est: Any) -> tuple[str, ...] | None:
    try:
        names = est.feature_names_in_
    except Exception:  # a property of what was fitted without
        return None
    return None if names is None else tuple(str(name) for name in names)


def _chain(steps: Iterable[Any]) -> _Found:
    readers: list[NameReader] = []
    kept = KEEPS
    for step in steps:
        found, after = _walk(step)
        readers += [replace(r, pandas=True) for r in found] if kept == KEEPS_PANDAS else found
        if after in (UNKNOWN, ENDS):
            return readers, after
        kept = after if kept == KEEPS else kept
    return readers, kept


def _beside(members: Iterable[Any]) -> _Found:
    """Several that each get the frame."""
    return [reader for member in members for reader in _walk(member)[0]], ENDS


def _function(est: Any) -> _Found:
    if est.validate:
        return [NameReader(type(est).__name__, "check", _names_of(est), est.n_features_in_)], ENDS
    if est.func is None or is_native(est):
        # Names that it says itself take the place of those that came.
        kept = KEEPS if est.func is None else KEEPS_PANDAS
        return [], kept if est.feature_names_out is None else ENDS
    return [], UNKNOWN


def _column_transformer(est: Any) -> _Found:
    names, width = _names_of(est), getattr(est, "n_features_in_", None)
    readers: list[NameReader] = []
    has_labels = False
    for _, transformer, columns in est.transformers_:
        if isinstance(transformer, str) and transformer == "drop":
            continue
        inner = _walk(transformer)[0]
        has_labels |= _is_text(columns) or any(r.has_labels for r in inner)
        readers += [
            replace(r, kind="inside") for r in inner if r.kind in ("check", "inside") and r.width
        ]
    kind = "position" if names is None else "by_name"
    own = NameReader(type(est).__name__, kind, names, width, has_labels=has_labels)
    return [own, *readers], ENDS


def _is_text(columns: Any) -> bool:
    if isinstance(columns, slice):
        return isinstance(columns.start, str) or isinstance(columns.stop, str)
    return any(isinstance(one, str) for one in np.atleast_1d(np.asarray(columns, dtype=object)))


def _beside_members(est: Any) -> _Found:
    return _beside(est.estimators_)


_WALKS: dict[type, Callable[[Any], _Found]] = {
    Pipeline: lambda est: _chain(step for _, step in est.steps),
    FeatureUnion: lambda est: _beside(part for _, part in est.transformer_list),
    ColumnTransformer: _column_transformer,
    FunctionTransformer: _function,
    en.VotingClassifier: _beside_members,
    en.VotingRegressor: _beside_members,
    en.StackingClassifier: _beside_members,
    en.StackingRegressor: _beside_members,
    OneVsRestClassifier: _beside_members,
    MultiOutputClassifier: _beside_members,
    MultiOutputRegressor: _beside_members,
    CalibratedClassifierCV: lambda est: _beside(
        pair.estimator for pair in est.calibrated_classifiers_
    ),
    GridSearchCV: lambda est: _walk(est.best_estimator_),
    RandomizedSearchCV: lambda est: _walk(est.best_estimator_),
    TransformedTargetRegressor: lambda est: _walk(est.regressor_),
}
try:
    from sklearn.model_selection import FixedThresholdClassifier, TunedThresholdClassifierCV
except ImportError:  # added in scikit-learn 1.5
    pass
else:
    _WALKS[FixedThresholdClassifier] = lambda est: _walk(est.estimator_)
    _WALKS[TunedThresholdClassifierCV] = _WALKS[FixedThresholdClassifier]
try:
    from sklearn.frozen import FrozenEstimator
except ImportError:  # added in scikit-learn 1.6
    pass
else:
    _WALKS[FrozenEstimator] = lambda est: _walk(est.estimator)
