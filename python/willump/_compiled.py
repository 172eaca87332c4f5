"""The compiled object: a model with the methods and attributes of its original."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Callable, Collection, Sequence
from typing import Any, TypeVar, cast

import numpy as np
import numpy.typing as npt

from . import _core
from ._asked import describe
from ._descriptors import Absent, OfTrees, only_if
from ._errors import ArtifactError, PythonStepWarning, UnsupportedError
from ._estimator import Estimator
from ._frames import as_doubles, as_rows
from ._options import answer, describe_methods
from ._present import classes_of, expand, explained, interface_of
from ._rank import Counts, Ranking, Rule, Spares, best_rows, check_k, ranking_of, spares_of
from ._reads import is_row_wise
from ._report import Explanation, VerifyReport, compare
from ._stream import best_of_batches, check_n_rows
from ._variants import Variants

Array = npt.NDArray[Any]
_Self = TypeVar("_Self", bound="CompiledModel")


def thread_count(n_threads: int | None) -> int:
    """What the core takes: 0 where None leaves it to the environment."""
    if n_threads is None:
        return 0
    if isinstance(n_threads, bool) or not hasattr(n_threads, "__index__"):
        raise TypeError(f"n_threads must be an int or None, not {n_threads!r}")
    count = int(n_threads)
    if not 1 <= count < 2**31:
        raise ValueError(f"n_threads={n_threads!r}: give 1 or more, or None")
    return count


def warn_of_python_steps(reasons: list[str], *, stacklevel: int) -> None:
    """Says which parts of a pipeline stay Python, and why."""
    if reasons:
        warnings.warn(
            "a part of the pipeline stays Python: " + "; ".join(reasons),
            PythonStepWarning,
            stacklevel=stacklevel,
        )


class CompiledModel(Estimator):
    """A compiled pipeline; made by `willump.compile` and `willump.load`.

    It has those of ``predict``, ``predict_proba``, ``predict_log_proba``,
    ``decision_function``, ``score_samples`` and ``transform`` that its original has,
    and answers what the original answers; the methods and options of models of trees
    too (docs/methods.md). What it does not take is refused by name. It is immutable
    but for `fit`, and threads may share it.

    Attributes
    ----------
    classes_ : ndarray, of classifiers
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        As the original's; absent where the original has none.
    metadata : dict
        What the artifact says about the model.
    """

    # Hot paths: the decorator replaces the body by a call into C.

    @_core.output_method
    def predict(self, X: Any) -> Array:
        """Class labels in the dtype of `classes_`, or predicted values.

        Parameters
        ----------
        X : what the original takes
            For text a list, tuple, array, pandas or polars Series or Arrow
            array of str; for numbers an array, a sparse matrix or a frame; for
            columns a pandas or polars frame, an Arrow table or stream, or a dict.

        Returns
        -------
        ndarray of shape (n_rows,) or (n_rows, n_outputs)
        """
        raise NotImplementedError

    @_core.output_method
    def predict_proba(self, X: Any) -> Array:
        """Probabilities of the classes, shape (n_rows, n_classes)."""
        raise NotImplementedError

    @_core.output_method
    def predict_log_proba(self, X: Any) -> Array:
        """Logarithms of the classes' probabilities, shape (n_rows, n_classes)."""
        raise NotImplementedError

    @_core.output_method
    def decision_function(self, X: Any) -> Array:
        """Confidence scores, shape (n_rows,) when binary, else (n_rows, n_classes)."""
        raise NotImplementedError

    @_core.output_method
    def score_samples(self, X: Any) -> Array:
        """An outlier detector's scores, shape (n_rows,)."""
        raise NotImplementedError

    @_core.output_method
    def transform(self, X: Any) -> Any:
        """Features, shape (n_rows, n_features): an array or a CSR matrix."""
        raise NotImplementedError

    def top_k(
        self, X: Any, k: int, *, class_label: Any = None, n_rows: int | None = None
    ) -> tuple[npt.NDArray[np.int64], Array]:
        """The k rows of the largest scores, best first.

        Rows rank by ``predict_proba[:, 1]`` of a binary classifier, or its
        `decision_function` where it has no probabilities; by `predict` of a
        regressor; of more classes, by the score of `class_label`. Equal scores come
        in the order of their rows, and NaN comes last.

        Parameters
        ----------
        X : what the original takes
        k : int of at least 1
            Of fewer rows, all are returned.
        class_label : one of `classes_`, or None
            The class whose score ranks; needed where there are more than two. Of a
            booster with several columns, the number of one.
        n_rows : int, or None
            X is an iterable of batches, each what the original takes, that have so many
            rows in all. They are read once, one at a time; of each, only a copy of the
            rows that may still be found is held. All are held, and must be of one kind,
            where a Python step may answer a row otherwise beside other rows: code of
            the user's own.

        Returns
        -------
        ids : ndarray of int64, shape (min(k, n_rows),)
            Positions in X; of batches, in these one behind the other.
        scores : ndarray of the same shape
            Theirs, as the method gives them. A model that `optimize` made for
            `TopKRecall` computes them for the filter's candidates only, one that it
            made for `Lossless` for the rows that may be among the best, and others
            for all rows.

        Raises
        ------
        ValueError, TypeError
            A k below 1, or no integer; a `class_label` that is missing or unknown;
            no rows, where the method itself refuses that; batches with more or fewer
            rows than `n_rows`.
        UnsupportedError
            The model has no score.

        Examples
        --------
        >>> import numpy as np
        >>> import willump
        >>> from sklearn.linear_model import LinearRegression
        >>> x = np.array([[1.0], [3.0], [2.0], [3.0]])
        >>> fast = willump.compile(LinearRegression().fit(x, x[:, 0]))
        >>> fast.top_k(x, 3)[0].tolist()
        [1, 3, 2]
        """
        k = check_k(k)
        ranking, rule = self._ranking(class_label)
        interface = cast(_core.Interface, self._interface)
        if n_rows is not None:
            filters = rule if isinstance(rule, Rule) else None
            alone = all(map(is_row_wise, self._steps))
            return best_of_batches(
                interface, ranking, filters, X, k, check_n_rows(n_rows), self._queries,
                is_row_wise=alone,
            )  # fmt: skip
        return best_rows(interface, ranking, rule, X, k, self._queries)

    apply = OfTrees("The leaf that each row reaches in each tree.")
    decision_path = OfTrees("The nodes that each row passes in each tree, as a CSR matrix.")
    calc_leaf_indexes = OfTrees("CatBoost's: the leaf that each row reaches in each tree.")
    staged_predict = OfTrees("A generator of `predict` after each iteration.")
    staged_predict_proba = OfTrees("A generator of `predict_proba` after each iteration.")
    staged_predict_log_proba = OfTrees("A generator of `predict_log_proba` after each iteration.")
    staged_decision_function = OfTrees("A generator of `decision_function` after each iteration.")

    set_output = Absent(
        "transform gives arrays and CSR matrices, never frames; make one with "
        "get_feature_names_out(), where the original has it"
    )
    fit_transform = Absent("it is fitted already; use transform, or fit and then transform")

    # ---- construction -------------------------------------------------------

    def __init__(self) -> None:
        super().__init__()
        self._steps: list[Any] = []
        self._reasons: list[str] = []
        self._classes: Array | None = None
        self._made_variants: Variants | None = None
        self._plain_ranking: tuple[Ranking, Spares | None] | None = None

    def _attach(self, model: _core.Model, metadata: dict[str, Any], steps: Sequence[Any]) -> None:
        """Presents a model: everything that the methods need, then one switch."""
        classes = classes_of(metadata)
        interface = self._present(model, metadata, list(steps), classes)
        self.metadata = metadata
        self._steps = list(steps)
        self._reasons = list(metadata.get("reasons", []))
        self._classes = classes
        is_certified = metadata.get("certificate") is not None
        self._is_cascade = is_certified and metadata.get("top_k") is None
        self._made_variants = None
        self._plain_ranking = None
        self._queries = Counts()
        self._interface = interface

    def _present(
        self,
        model: _core.Model,
        metadata: dict[str, Any],
        steps: list[Any],
        classes: Array | None,
    ) -> _core.Interface:
        """The model as this class's methods show it."""
        return interface_of(model, metadata, steps, classes)

    def _ranking(self, class_label: Any) -> tuple[Ranking, Spares | None]:
        """By what rows rank, and what spares it rows."""
        if class_label is None and self._plain_ranking is not None:
            return self._plain_ranking
        model = self._model
        ranking = ranking_of(
            self._methods,
            {name: columns for name, _, _, columns, _ in model.outputs},
            self._classes,
            class_label,
            is_multilabel=bool(self.metadata.get("multilabel")),
        )
        found = ranking, spares_of(self.metadata, ranking)
        if class_label is None:
            self._plain_ranking = found
        return found

    @property
    def _variants(self) -> Variants:
        """The model by other ranges of iterations, its leaves, its stages."""
        if self._made_variants is None:
            whole = self._whole_of(self._original)
            threads = thread_count(self._n_threads)
            interface = cast(_core.Interface, self._interface)
            self._made_variants = Variants(
                interface, self.metadata, self._steps, self._present_part, whole, threads
            )
        return self._made_variants

    def _present_part(
        self, model: _core.Model, metadata: dict[str, Any], steps: list[Any]
    ) -> _core.Interface:
        return self._present(model, metadata, steps, classes_of(metadata))

    def _whole_of(self, original: Any) -> Callable[[], tuple[_core.Model, list[Any]]] | None:
        """Compiles the original with all iterations that it has, also those after the
        best one; None where there is no original."""
        if original is None:
            return None

        def whole() -> tuple[_core.Model, list[Any]]:
            from .convert import convert_pipeline

            converted = convert_pipeline(original, whole=True)
            metadata = json.dumps(converted.metadata)
            model = _core.Model.compile(converted.graph_text, converted.tensors, metadata)
            return model, list(converted.steps)

        return whole

    @property
    def _signatures(self) -> dict[str, list[Any]]:
        """The parameters of the source's methods."""
        return dict(self.metadata.get("signatures") or {})

    def _with_options(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A call with more than X, or of a method of trees; called by the extension."""
        return answer(self, name, args, kwargs)

    def _compile(self, estimator: Any) -> None:
        from .convert import convert_pipeline

        self._adopt(convert_pipeline(estimator, strict=self._strict), estimator)

    def _adopt(self, converted: Any, estimator: Any) -> None:
        """Compiles what a converter gave."""
        metadata = {**converted.metadata, **describe(estimator, converted.metadata)}
        metadata["reasons"] = list(converted.reasons)
        metadata["signatures"] = describe_methods(estimator)
        direct = metadata.get("direct_steps", {})
        if any(name not in direct for name in metadata.get("float32_outputs", ())):
            for step in converted.steps:  # which the graph does not know to be float32
                step.refuses_float32 |= step.is_raw
        model = _core.Model.compile(
            converted.graph_text,
            converted.tensors,
            json.dumps(metadata),
            n_threads=thread_count(self._n_threads),
        )
        self._original = estimator
        self._attach(model, json.loads(model.metadata), converted.steps)

    @classmethod
    def from_estimator(
        cls: type[_Self], estimator: Any, *, strict: bool = False, n_threads: int | None = None
    ) -> _Self:
        """What `willump.compile` does."""
        thread_count(n_threads)  # refuses a wrong one before any work
        self = cls()
        self._strict = strict
        self._n_threads = n_threads
        self._compile(estimator)
        warn_of_python_steps(self._reasons, stacklevel=4)
        return self

    @classmethod
    def from_converted(
        cls: type[_Self],
        converted: Any,
        estimator: Any,
        *,
        strict: bool = False,
        n_threads: int | None = None,
    ) -> _Self:
        """A model from a graph that `willump.convert` or `optimize` made."""
        self = cls()
        self._strict = strict
        self._n_threads = n_threads
        self._adopt(converted, estimator)
        return self

    @classmethod
    def from_model(
        cls: type[_Self],
        model: _core.Model,
        steps: Sequence[Any] = (),
        original: Any = None,
        allowed: Collection[str] | None = None,
    ) -> _Self:
        """Presents a model that was compiled or loaded elsewhere; of an artifact, `allowed`
        are the modules that its Python steps may call."""
        from ._booster import CompiledBooster, is_booster
        from ._function import CompiledFunction, is_function

        try:
            metadata = json.loads(model.metadata)
            if cls is CompiledModel and is_booster(metadata):
                cls = CompiledBooster  # type: ignore[assignment]
            elif cls is CompiledModel and is_function(metadata):
                cls = CompiledFunction  # type: ignore[assignment]
            stored = (metadata.get("function") or {}).get("python")
            if allowed is not None and stored is not None:
                from .capture.references import loaded

                steps = loaded(stored, allowed)
            self = cls()
            self._original = original
            self._attach(model, metadata, steps)
        except ArtifactError:
            raise
        except (AttributeError, LookupError, OverflowError, TypeError, ValueError) as error:
            raise ArtifactError(f"the artifact's metadata are damaged: {error}") from error
        return self

    @property
    def _model(self) -> _core.Model:
        if self._interface is None:
            self._refuse("this")
        return cast(_core.Interface, self._interface).model

    def _refuse(self, name: str) -> None:
        """Says why a method is not there; called by the extension."""
        if self._interface is None:
            from sklearn.exceptions import NotFittedError

            raise NotFittedError(
                f"This {type(self).__name__} is not fitted yet. Call 'fit' before '{name}'."
            )
        there = ", ".join(self._methods)
        raise AttributeError(
            f"'{type(self).__name__}' object has no attribute {name!r}: the compiled "
            f"{self.metadata.get('estimator', 'model')} has {there}",
            name=name,
            obj=self,
        )

    @property
    def _methods(self) -> list[str]:
        """The methods that show an output; those of other names are for options."""
        shown = cast(_core.Interface, self._interface).methods
        return sorted(name for name in shown if not name.startswith("_"))

    def __getattr__(self, name: str) -> Any:
        """Names what is not there; found attributes do not come here."""
        for base in type(self).__mro__:
            if name in base.__dict__:  # its own error says more
                return base.__dict__[name].__get__(self, type(self))
        if not name.startswith("_") and self._interface is not None:
            self._refuse(name)
        raise AttributeError(
            f"{type(self).__name__!r} object has no attribute {name!r}", name=name, obj=self
        )

    def __repr__(self) -> str:
        if self._interface is None:
            return f"{type(self).__name__}(not fitted)"
        methods = ", ".join(self._methods)
        return f"<{type(self).__name__} of {self.metadata.get('estimator', 'a graph')}: {methods}>"

    # ---- the original's attributes ------------------------------------------

    def _given(self, key: str, attribute: str) -> Any:
        value = self.metadata.get(key)
        if value is None:
            raise AttributeError(
                f"{type(self).__name__!r} object has no attribute {attribute!r}",
                name=attribute,
                obj=self,
            )
        return value

    @property
    def classes_(self) -> Any:
        """The classes; of several outputs a list of each one's."""
        each = self.metadata.get("output_classes")
        if each is not None:
            return [np.array(values, np.dtype(dtype)) for values, dtype in each]
        if self._classes is None:
            self._given("", "classes_")
        return cast(Array, self._classes)

    @property
    def n_features_in_(self) -> int:
        return int(self._given("n_features_in", "n_features_in_"))

    @property
    def feature_names_in_(self) -> Array:
        key = "" if self.metadata.get("names_are_inner") else "feature_names_in"
        return np.array(self._given(key, "feature_names_in_"), dtype=object)

    def _has_names(self) -> bool:
        source = self._template if self._interface is None else self._original
        if source is not None:
            return hasattr(source, "get_feature_names_out")
        return self.metadata.get("feature_names_out") is not None

    @only_if("_has_names")
    def get_feature_names_out(self, input_features: Any = None) -> Array:
        """Names of the columns of `transform`, as the original gives them.

        Absent where the original has no names; after a load also where only
        Python knows them.
        """
        if self._interface is None:
            self._refuse("get_feature_names_out")
        if self._original is not None:
            return cast(Array, self._original.get_feature_names_out(input_features))
        recipe = self._given("feature_names_out", "get_feature_names_out")
        if any("tensor" in segment for segment in recipe["segments"]):
            from ._artifact import Artifact

            stored = Artifact(self._model.to_bytes())
            needed = {s["tensor"] for s in recipe["segments"] if "tensor" in s}
            tensors = {name: stored.strings(name) for name in needed}
        else:
            tensors = {}
        return np.array(expand(recipe, tensors), dtype=object)

    # ---- artifacts ----------------------------------------------------------

    def _check_no_steps(self, what: str) -> None:
        stored = (self.metadata.get("function") or {}).get("python") or {}
        if "steps" in stored:  # by what they import
            return
        if "refused" in stored:
            raise UnsupportedError(
                f"{what}: an artifact stores what Python steps import, never code, and "
                f"{stored['refused']}; or pickle the compiled object, which holds what pickle takes"
            )
        if self._steps:
            names = ", ".join(str(getattr(step, "name", step)) for step in self._steps)
            raise UnsupportedError(
                f"{what}: Python steps cannot be stored in an artifact: {names}; "
                "pickle the compiled object instead, which embeds them"
            )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes an artifact: one file that Python, C and the command line run.

        Raises
        ------
        UnsupportedError
            Where a Python step remains; it is named. Those of a function are stored by the
            modules and names of what they call, where an import finds these.
        """
        model = self._model
        self._check_no_steps("save")
        model.save(path)

    def to_bytes(self) -> bytes:
        """The artifact's bytes."""
        model = self._model
        self._check_no_steps("to_bytes")
        return model.to_bytes()

    @classmethod
    def from_bytes(
        cls: type[_Self],
        data: bytes | bytearray | memoryview,
        *,
        allow_python: Collection[str] = (),
        n_threads: int | None = None,
    ) -> _Self:
        """A model from the bytes of an artifact."""
        allowed = _module_names(allow_python)
        model = _core.Model.from_bytes(data, n_threads=thread_count(n_threads))
        self = cls.from_model(model, allowed=allowed)
        self._n_threads = n_threads
        return self

    @classmethod
    def load(
        cls: type[_Self],
        path: str | os.PathLike[str],
        *,
        mmap: bool = False,
        allow_python: Collection[str] = (),
        n_threads: int | None = None,
    ) -> _Self:
        """What `willump.load` does."""
        allowed = _module_names(allow_python)
        count = thread_count(n_threads)
        os.stat(path)  # Python's own error for a path that is not there
        model = _core.Model.load(path, mmap=mmap, n_threads=count)
        try:
            self = cls.from_model(model, allowed=allowed)
        except ArtifactError as error:
            raise ArtifactError(f"{os.fsdecode(path)}: {error}") from error
        self._n_threads = n_threads
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        state: dict[str, Any] = {"strict": self._strict, "n_threads": self._n_threads}
        if self._interface is None:
            state["template"] = self._template
            state["is_cascade"] = self._is_cascade
        else:
            state["artifact"] = self._model.to_bytes()
            state["steps"] = self._steps
        return _restore, (type(self), state)

    def __copy__(self: _Self) -> _Self:
        other = type(self)()
        other.__dict__.update(self.__dict__)
        other._interface = self._interface
        return other

    def __deepcopy__(self: _Self, memo: dict[int, Any]) -> _Self:
        """Shares the immutable model; a later fit of either leaves the other."""
        import copy

        other = self.__copy__()
        other._template = copy.deepcopy(self._template, memo)
        return other

    # ---- looking inside -----------------------------------------------------

    def explain(self, after: str | None = None) -> Explanation:
        """What was compiled: methods, inputs, blocks, stages, Python steps, graph.

        Parameters
        ----------
        after : str or None
            Show the graph as it stands after the pass of this name ("all": after
            the last one) instead of as it was given.

        Returns
        -------
        Explanation
            ``str()`` is the text; notebooks show it as a page.
        """
        model = self._model
        return Explanation(
            estimator=str(self.metadata.get("estimator", "graph")),
            kind=str(self.metadata.get("kind", "")),
            methods=self._methods,
            inputs=model.inputs,
            outputs=model.outputs,
            n_stages=model.n_stages,
            reasons=list(self._reasons),
            graph=model.print(after),
            **explained(self.metadata),
        )

    def stats(self) -> dict[str, Any]:
        """Counters since this object was made: calls and rows of each method, and
        the rows that each stage of a cascade answered; of `top_k` the queries, their rows,
        and how many of these got the model's scores, with no filter or bounds before."""
        self._model  # noqa: B018  (raises before a fit)
        methods, stages = cast(_core.Interface, self._interface).stats()
        counted: dict[str, Any] = {
            name: {"calls": calls, "rows": rows}
            for name, (calls, rows) in methods.items()
            if name in self._methods
        }
        return {"methods": counted, "stage_rows": stages, "top_k": self._queries.told()}

    def verify(self, X: Any) -> VerifyReport:
        """Runs the original and the compiled model on X and compares the methods that both have.

        Returns
        -------
        VerifyReport
            ``report.ok`` is the contract: equal labels, scores within 1e-9
            relative or 1e-12 absolute.
        """
        self._model  # noqa: B018  (raises before a fit)
        if self._original is None:
            raise UnsupportedError(
                "verify needs the original estimator, which a model that was loaded from an "
                "artifact or unpickled does not have"
            )
        from ._runner import for_sklearn

        rows = X if isinstance(X, (str, bytes)) else as_rows(X)
        interface = cast(_core.Interface, self._interface)
        own = for_sklearn(rows)
        wide = as_doubles(own)
        results = {}
        for name in self._methods:
            method = getattr(self._original, name, None)
            if method is None:  # CatBoost's classifiers have no decision_function
                continue
            double = None if wide is None else method(wide)
            results[name] = compare(method(own), interface.run(name, rows), double)
        return VerifyReport(results, is_cascade=self._is_cascade)


def _module_names(allowed: Collection[str]) -> frozenset[str]:
    """Checks `allow_python`."""
    if isinstance(allowed, str) or not all(isinstance(name, str) for name in allowed):
        raise TypeError(f"allow_python is a list of modules' names, not {allowed!r}")
    return frozenset(allowed)


def _restore(cls: type[CompiledModel], state: dict[str, Any]) -> CompiledModel:
    """Undoes `__reduce__`."""
    if "artifact" in state:
        count = thread_count(state["n_threads"])
        model = _core.Model.from_bytes(state["artifact"], n_threads=count)
        self = cls.from_model(model, state["steps"])
    else:
        self = cls()
        self._template = state["template"]
        self._is_cascade = state["is_cascade"]
    self._strict = state["strict"]
    self._n_threads = state["n_threads"]
    return self
