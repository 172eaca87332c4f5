"""Cascades as scikit-learn estimators, which are fitted, searched over and cloned like others."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar, cast

import numpy as np
import numpy.typing as npt
from sklearn import get_config
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, RegressorMixin, clone
from sklearn.utils import column_or_1d, get_tags
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from ._arrow import readable
from ._calibration import TooFewToHoldOut
from ._compiled import CompiledModel
from ._errors import CertificateError, NotCertifiedWarning, UnsupportedError
from ._optimize import check_fit_params, optimize, seed_of
from ._targets import Agreement, Lossless, Tolerance

Array = npt.NDArray[Any]
_Self = TypeVar("_Self", bound="_Cascade")
_Method = TypeVar("_Method", bound=Callable[..., Any])


def _has(method: str) -> Callable[[_Method], _Method]:
    """A method that is there where the cascade, or before fit the estimator, has it."""

    def check(self: _Cascade) -> bool:
        getattr(getattr(self, "cascade_", self.estimator), method)
        return True

    return cast("Callable[[_Method], _Method]", available_if(check))


class _Cascade(MetaEstimatorMixin, BaseEstimator):  # type: ignore[misc]  # no stubs
    """What the classifier and the regressor share."""

    def __init__(
        self,
        estimator: Any,
        *,
        target: Any = None,
        costs: Mapping[str, float] | Sequence[float] | None = None,
        random_state: Any = None,
        n_threads: int | None = 1,
        strict: bool = False,
        duplicates: str = "distinct",
    ) -> None:
        self.estimator = estimator
        self.target = target
        self.costs = costs
        self.random_state = random_state
        self.n_threads = n_threads
        self.strict = strict
        self.duplicates = duplicates

    def _target(self) -> Any:
        """The target, or its default."""
        raise NotImplementedError

    def _checked(self, y: Any) -> Array:
        """y as a vector that the estimator can be fitted on."""
        raise NotImplementedError

    def fit(self: _Self, X: Any, y: Any, groups: Any = None, **fit_params: Any) -> _Self:
        """Fits the estimator on a part of X and certifies its cascade on the rest.

        Parameters
        ----------
        X : rows as `estimator` takes them
        y : array-like of shape (n_rows,)
        groups : array-like of shape (n_rows,), or None
            Rows of one group are kept together; see `willump.optimize`.
        **fit_params
            What `estimator.fit` is given, as ``sample_weight``, of a pipeline
            ``step__sample_weight``: by scikit-learn's metadata routing, where that is on.
            First stages are trained without, and the certificate counts every row as one.

        Returns
        -------
        self

        Warns
        -----
        NotCertifiedWarning
            There is no cascade: says why. `estimator` is then fitted on all rows.

        Raises
        ------
        TypeError, ValueError
            For fit_params that `estimator.fit` does not take.
        """
        if y is None:
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is None"
            )
        X, y = readable(X), self._checked(y)
        if get_config()["enable_metadata_routing"]:
            fit_params = dict(process_routing(self, "fit", **fit_params).estimator.fit)
        check_fit_params(self.estimator, fit_params)
        is_lossless = isinstance(self._target(), Lossless)
        if is_lossless and groups is not None:
            raise ValueError(
                "Lossless takes no groups: its answers are exact by construction, and nothing is "
                "held out"
            )
        self.cascade_ = (
            self._proven(X, y, fit_params)
            if is_lossless
            else self._fitted(X, y, groups, fit_params)
        )
        self.certificate_ = self.cascade_.metadata.get("certificate")
        for name in ("n_features_in_", "feature_names_in_"):
            if hasattr(self.cascade_, name):
                setattr(self, name, getattr(self.cascade_, name))
            elif hasattr(self, name):  # of an earlier fit
                delattr(self, name)
        return self

    def get_metadata_routing(self) -> Any:
        """What `fit` passes on, for scikit-learn's metadata routing."""
        router = MetadataRouter(owner=self).add_self_request(self)
        return router.add(
            estimator=self.estimator,
            method_mapping=MethodMapping().add(caller="fit", callee="fit"),
        )

    def _options(self) -> dict[str, Any]:
        return {
            "target": self._target(),
            "costs": self.costs,
            "random_state": self.random_state,
            "n_threads": self.n_threads,
            "strict": self.strict,
            "duplicates": self.duplicates,
        }

    def _seeded(self) -> Any:
        """A clone of the estimator, which `random_state` seeds where it has no own."""
        estimator = clone(self.estimator)
        params = estimator.get_params() if self.random_state is not None else {}
        names = sorted(name for name in params if name.rpartition("__")[2] == "random_state")
        drawn = np.random.default_rng(seed_of(copy.deepcopy(self.random_state)))
        seeds = {name: int(drawn.integers(2**31)) for name in names if params[name] is None}
        return estimator.set_params(**seeds) if seeds else estimator

    def _fitted(self, x: Any, y: Array, groups: Any, fit_params: dict[str, Any]) -> CompiledModel:
        """A cascade that is certified on rows that are held out, or without one the
        estimator, compiled."""
        try:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                found = optimize(
                    self._seeded(),
                    x,
                    y,
                    groups=groups,
                    refit=True,
                    fit_params=fit_params,
                    **self._options(),
                )
            reason = ""
        except (TooFewToHoldOut, UnsupportedError) as error:
            if self.strict:
                raise CertificateError(f"no cascade was certified: {error}") from error
            found, caught, reason = None, [], f"no cascade was certified: {error}"
        is_exact = found is not None and "certificate" not in found.metadata
        for warning in caught:
            if is_exact and issubclass(warning.category, NotCertifiedWarning):
                found, reason = None, str(warning.message).rpartition(";")[0]
        if found is not None:
            for warning in caught:
                warnings.warn_explicit(
                    warning.message, warning.category, warning.filename, warning.lineno
                )
            return found
        # Nothing is held out for a certificate that there is not.
        fitted = self._seeded().fit(x, y, **fit_params)
        return self._plain(fitted, f"{reason}; the estimator is fitted on all rows and compiled")

    def _proven(self, x: Any, y: Array, fit_params: dict[str, Any]) -> CompiledModel:
        """Of `Lossless`: a proof needs no rows of its own, so that nothing is held out."""
        fitted = self._seeded().fit(x, y, **fit_params)
        try:
            return optimize(fitted, x, **self._options())
        except UnsupportedError as error:
            if self.strict:
                raise CertificateError(f"no lossless gate was found: {error}") from error
            return self._plain(fitted, f"no lossless gate was found: {error}; it is compiled")

    def _plain(self, fitted: Any, reason: str) -> CompiledModel:
        warnings.warn(reason, NotCertifiedWarning, stacklevel=4)
        return CompiledModel.from_estimator(fitted, strict=False, n_threads=self.n_threads)

    def predict(self, X: Any) -> Array:
        """The cascade's answers, as `estimator.predict` has them."""
        check_is_fitted(self)
        answers: Array = self.cascade_.predict(X)
        return answers

    @_has("top_k")
    def top_k(
        self, X: Any, k: int, *, class_label: Any = None, n_rows: int | None = None
    ) -> tuple[npt.NDArray[np.int64], Array]:
        """The positions and scores of the k best rows; see `CompiledModel.top_k`."""
        check_is_fitted(self)
        found: tuple[npt.NDArray[np.int64], Array] = self.cascade_.top_k(
            X, k, class_label=class_label, n_rows=n_rows
        )
        return found

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "cascade_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        own = get_tags(self.estimator)
        tags.input_tags = copy.deepcopy(own.input_tags)
        for kind in ("classifier_tags", "regressor_tags"):
            if getattr(tags, kind) is not None and getattr(own, kind) is not None:
                setattr(tags, kind, copy.deepcopy(getattr(own, kind)))
        if tags.classifier_tags is not None:
            tags.classifier_tags.multi_label = False
        tags.target_tags.positive_only = own.target_tags.positive_only
        tags.non_deterministic = own.non_deterministic
        return tags


class CascadeClassifier(ClassifierMixin, _Cascade):  # type: ignore[misc]  # no stubs
    """A classifier that `fit` trains, compiles and puts a certified cascade before.

    As `willump.optimize` with ``refit=True``: 30 % of the rows are held out, a clone of
    `estimator` is fitted on the others, and the cascade is certified on those held out.
    Where nothing can be certified, a clone fitted on all rows is compiled instead, with
    a `NotCertifiedWarning`.

    Parameters
    ----------
    estimator : classifier or Pipeline, fitted or not
        It is cloned.
    target : Agreement, Accuracy, Tolerance, Estimated, TopKRecall, Lossless or None
        None: ``Agreement(0.99)``. Of Lossless, which needs no proof by rows, nothing is
        held out, and there is no certificate.
    costs, random_state, n_threads, duplicates
        As for `willump.optimize`; random_state also seeds what in `estimator` has none.
    strict : bool
        Raise `CertificateError` where nothing can be certified.

    Attributes
    ----------
    cascade_ : CompiledModel
    certificate_ : dict or None
        None where there is no cascade.
    classes_ : (n_classes,) array
    n_features_in_, feature_names_in_
        Where `estimator` has them.

    Examples
    --------
    >>> import willump
    >>> from sklearn.feature_extraction.text import CountVectorizer
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline, make_union
    >>> texts = [f"{word} {i}" for i in range(600) for word in ("good", "bad")]
    >>> union = make_union(CountVectorizer(), CountVectorizer(analyzer="char", ngram_range=(1, 4)))
    >>> model = willump.CascadeClassifier(
    ...     make_pipeline(union, LogisticRegression()),
    ...     target=willump.Agreement(0.95),
    ...     costs=[1.0, 5.0],
    ... ).fit(texts, [1, 0] * 600)
    >>> model.predict(["good 7000", "bad 7000"]).tolist()
    [1, 0]
    >>> model.certificate_["blocks"]
    ['countvectorizer-1']
    """

    def _target(self) -> Any:
        return Agreement(0.99) if self.target is None else self.target

    def _checked(self, y: Any) -> Array:
        check_classification_targets(y)
        return _one_or_several(y)

    @property
    def classes_(self) -> Array:
        """The labels, sorted."""
        check_is_fitted(self)
        classes: Array = self.cascade_.classes_
        return classes

    @_has("predict_proba")
    def predict_proba(self, X: Any) -> Array:
        """Probabilities: the first stage's own for rows that leave early."""
        check_is_fitted(self)
        return np.asarray(self.cascade_.predict_proba(X))

    @_has("predict_log_proba")
    def predict_log_proba(self, X: Any) -> Array:
        """Logarithms of the probabilities."""
        check_is_fitted(self)
        return np.asarray(self.cascade_.predict_log_proba(X))

    @_has("decision_function")
    def decision_function(self, X: Any) -> Array:
        """Scores: the first stage's own for rows that leave early."""
        check_is_fitted(self)
        return np.asarray(self.cascade_.decision_function(X))


class CascadeRegressor(RegressorMixin, _Cascade):  # type: ignore[misc]  # no stubs
    """A regressor that `fit` trains, compiles and puts a certified cascade before.

    As `CascadeClassifier`, for regressors.

    Parameters
    ----------
    estimator : regressor or Pipeline, fitted or not
        It is cloned.
    target : Tolerance, Estimated, TopKRecall, Lossless or None
        None: ``Tolerance(rel=0.05, share=0.95)``, 95 % of the rows within 5 % of the
        estimator's prediction.
    costs, random_state, n_threads, duplicates
        As for `willump.optimize`; random_state also seeds what in `estimator` has none.
    strict : bool
        Raise `CertificateError` where nothing can be certified.

    Attributes
    ----------
    cascade_ : CompiledModel
    certificate_ : dict or None
        None where there is no cascade.
    n_features_in_, feature_names_in_
        Where `estimator` has them.
    """

    def _target(self) -> Any:
        return Tolerance(rel=0.05, share=0.95) if self.target is None else self.target

    def _checked(self, y: Any) -> Array:
        return _one_or_several(y)


CASCADES = (CascadeClassifier, CascadeRegressor)


def _one_or_several(y: Any) -> Array:
    """y as a vector, or as a matrix of several labels or numbers a row."""
    several = np.asarray(y)
    if several.ndim == 2 and several.shape[1] > 1:
        return several
    return np.asarray(column_or_1d(y, warn=True))
