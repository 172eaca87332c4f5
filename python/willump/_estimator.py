"""What a compiled object has of a scikit-learn estimator: `fit` and `clone`, parameters, tags."""

from __future__ import annotations

import sys
import warnings
from typing import Any, TypeVar

from . import _core
from ._descriptors import only_if
from ._errors import UnsupportedError
from ._present import tags_of
from ._score import score_of

_Self = TypeVar("_Self", bound="Estimator")


class Estimator(_core.CompiledBase):
    """An object that is fitted by compiling a fitted clone of its original."""

    def __init__(self) -> None:
        self.metadata: dict[str, Any] = {}
        self._original: Any = None
        #: Unfitted, with the parameters of the next fit.
        self._template: Any = None
        self._strict = False
        self._n_threads: int | None = None
        self._is_cascade = False

    def predict(self, X: Any) -> Any:
        raise NotImplementedError

    def _compile(self, estimator: Any) -> None:
        """Becomes a fitted estimator, compiled."""
        raise NotImplementedError

    def __sklearn_is_fitted__(self) -> bool:
        return self._interface is not None

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import get_tags

        source = self._template if self._interface is None else self._original
        if source is not None:
            return get_tags(source)
        return tags_of(self.metadata.get("kind"))

    def _source(self, what: str) -> Any:
        """The estimator that a fit would clone."""
        source = self._template if self._template is not None else self._original
        if source is None:
            raise UnsupportedError(
                f"{what} needs the original estimator, which a model that was loaded from an "
                "artifact or unpickled does not have; compile the estimator again"
            )
        return source

    def fit(self: _Self, X: Any, y: Any = None, **params: Any) -> _Self:
        """Fits a clone of the original and compiles it in place.

        The original itself is not changed. A cascade becomes an exact model, as
        its certificate holds for the fitted pipeline only: that warns.
        """
        from sklearn.base import clone

        source = clone(self._source("fit"))
        if self._is_cascade:
            warnings.warn(
                "fit drops the cascade and its certificate, which hold for the pipeline that "
                "was optimized: the result is an exact model; call willump.optimize again",
                UserWarning,
                stacklevel=2,
            )
        elif self.metadata.get("top_k") is not None:
            warnings.warn(
                "fit drops the filter of top-K queries and its certificate, which hold for the "
                "pipeline that was optimized: the result ranks every row",
                UserWarning,
                stacklevel=2,
            )
        fitted = source.fit(X, **params) if y is None else source.fit(X, y, **params)
        self._compile(fitted)
        return self

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The original's parameters; none after a load."""
        source = self._template if self._template is not None else self._original
        return dict(source.get_params(deep)) if hasattr(source, "get_params") else {}

    def set_params(self: _Self, **params: Any) -> _Self:
        """Sets parameters for the next `fit`; answers stay as they are until then."""
        if params:
            from sklearn.base import clone

            if self._template is None:
                self._template = clone(self._source("set_params"))
            self._template.set_params(**params)
        return self

    def __sklearn_clone__(self: _Self) -> _Self:
        from sklearn.base import clone

        other = type(self)()
        other._template = clone(self._source("clone"))
        other._strict = self._strict
        other._n_threads = self._n_threads
        other._is_cascade = self._is_cascade
        return other

    def _has_score(self) -> bool:
        if self._interface is None:
            return hasattr(self._template, "score")
        return self.metadata.get("score") is not None

    @only_if("_has_score")
    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """The original's score: the mean accuracy of most classifiers, R2 of most regressors.

        Of the predictions for X, where that is the measure; where the original has one of
        its own, it is asked itself. Absent where the original has none.
        """
        original = None if self._is_cascade else self._original
        return score_of(self.metadata["score"], self, original, X, y, sample_weight)


def _is_cascade_estimator(estimator: Any) -> bool:
    """Of a CascadeClassifier or CascadeRegressor, whose module takes scikit-learn."""
    module = sys.modules.get(f"{__package__}._cascades")
    return module is not None and isinstance(estimator, module.CASCADES)


def is_unfitted_cascade(estimator: Any) -> bool:
    return _is_cascade_estimator(estimator) and not hasattr(estimator, "cascade_")


def in_cascade(estimator: Any) -> Any:
    """The compiled model of a CascadeClassifier or CascadeRegressor; others as they are.

    Raises
    ------
    NotFittedError
    """
    if not _is_cascade_estimator(estimator):
        return estimator
    from sklearn.utils.validation import check_is_fitted

    check_is_fitted(estimator)
    return estimator.cascade_
