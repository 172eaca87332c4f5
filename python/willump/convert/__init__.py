"""Fitted scikit-learn estimators to graphs; see README.md in this folder."""

from __future__ import annotations

import platform
import sys
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from .._answers import Answers
from .._asked import describe
from .._errors import UnsupportedError
from .._graph import Array, GraphBuilder, Rendered, Stage, Strings
from .._promises import check_target
from . import (  # noqa: F401  (importing registers the converters)
    boosters,
    catboost,
    sklearn_around,
    sklearn_bayes,
    sklearn_compose,
    sklearn_discretize,
    sklearn_encode,
    sklearn_ensemble,
    sklearn_function,
    sklearn_impute,
    sklearn_linear,
    sklearn_meta,
    sklearn_preprocess,
    sklearn_text,
    sklearn_trees,
)
from .context import Context
from .half import mark_steps, read_in_half
from .in_place import mark_shared
from .names import feature_names_out, is_storable
from .output import passed_columns, unshown_dtypes, why_not_doubles
from .readers import NameReader, readers_of
from .registry import Entry, Refused, entries, find, register
from .steps import PythonStep
from .support import support_table
from .values import Model, Ref, Source

if TYPE_CHECKING:
    from .._compiled import CompiledModel

__all__ = [
    "Conversion",
    "Converted",
    "Entry",
    "PythonStep",
    "Refused",
    "convert_pipeline",
    "entries",
    "find",
    "register",
    "start",
    "support_table",
]


@dataclass
class Converted:
    """A graph ready to be compiled; fields are described in README.md."""

    graph_text: str
    tensors: dict[str, Array | Strings]
    metadata: dict[str, Any]
    steps: list[PythonStep] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    text_encodings: dict[int, dict[str, Any]] = field(default_factory=dict)


@dataclass
class Conversion:
    """A conversion in progress: `optimize` adds outputs and stages to it."""

    estimator: Any
    context: Context
    model: Model
    kind: str
    _readers: list[NameReader] | None = None

    @property
    def builder(self) -> GraphBuilder:
        return self.context.builder

    @property
    def name(self) -> str:
        """What messages call the original."""
        return type(self.estimator).__name__

    @property
    def shown(self) -> Model:
        """What the compiled object's methods give."""
        return self.model

    @property
    def shows_label(self) -> bool:
        """Whether they give the model's own label."""
        return self.shown.label is not None

    def answers(self) -> Answers:
        return Answers(self.model)

    def check_target(self, target: Any) -> None:
        """Refuses what nothing can be promised of."""
        answers = self.answers()
        answers.check_cascade()
        check_target(target, answers, self.outputs())

    def cheapest_input(self) -> int | None:
        """A node that shows what reading the caller's columns costs, where they are read
        one by one whatever is asked for."""
        return None

    def blocks(self) -> list[tuple[str, Ref]]:
        """The independent parts of what the final model reads."""
        ref = self.model.model_input
        return [] if ref is None else ref.blocks()

    def outputs(self) -> dict[str, int]:
        return {name: ref.node for name, ref in self.model.outputs().items()}

    def outputs_with(self, first: Model, names: Iterable[str] | None = None) -> dict[str, int]:
        """The outputs of the original, or those of some names, with another model in the
        place of its final one.

        Raises
        ------
        Refused
            Where that has not the methods of the final model.
        """
        found = first.outputs()
        if "proba" in found and "log_proba" not in found:  # as of several labels
            found["log_proba"] = self.context.rows("log", found["proba"])
        # What a model transforms, as a vote does, no first stage gives: the whole answers.
        wanted = {name: ref for name, ref in self.model.outputs().items() if name != "features"}
        wanted = {name: wanted[name] for name in (wanted if names is None else names)}
        for name, ref in wanted.items():
            if name not in found or found[name].n_features != ref.n_features:
                raise Refused("it has not the methods of the pipeline's model")
        own = wanted.get("prediction")
        if own and own.dtype in ("i32", "i64") and found["prediction"].dtype != own.dtype:
            # Several labels, which a first stage gives as doubles: whole numbers that these hold.
            self.model.prediction = wanted["prediction"] = self.context.cast(own)
        return {
            name: self.context.cast(found[name], ref.dtype).node for name, ref in wanted.items()
        }

    def describe(self, metadata: dict[str, Any]) -> dict[str, Any]:
        """What error messages need beyond the metadata."""
        return describe(self.estimator, metadata)

    def artifact(
        self, stages: list[Stage] | None = None, extra: dict[str, Any] | None = None
    ) -> Converted:
        """Renders what is handed to the user."""
        return self.finish(stages, extra)

    def compiled(
        self, converted: Converted, *, strict: bool, n_threads: int | None
    ) -> CompiledModel:
        """What `artifact` gave, as an object to call."""
        from .._compiled import CompiledModel

        return CompiledModel.from_converted(
            converted, self.estimator, strict=strict, n_threads=n_threads
        )

    @property
    def readers(self) -> list[NameReader]:
        """Who reads the names of X."""
        if self._readers is None:
            self._readers = readers_of(self.estimator)
        return self._readers

    @property
    def names(self) -> list[str] | None:
        """What X's columns are called, by the original or by the first who reads them."""
        own = _attribute(self.estimator, "feature_names_in_")
        if own is not None:
            return [str(name) for name in own]
        return next((list(r.names) for r in self.readers if r.names is not None), None)

    def plain_outputs(self) -> dict[str, int]:
        """With the sums of trees, which options ask for; cascades have no options."""
        raw = self.model.raw
        return self.outputs() | ({} if raw is None else {"raw": raw.node})

    def finish(
        self, stages: list[Stage] | None = None, extra: dict[str, Any] | None = None
    ) -> Converted:
        """Renders the graph, by default with its one plain stage."""
        self.context.mark_inputs()
        names = self.names
        if names is not None:
            self.context.name_inputs(names)
        rendered = self.builder.render(stages or [Stage(self.plain_outputs())])
        for number, step in enumerate(rendered.payloads):
            step.number = number
        for node, word in read_in_half(self.builder, rendered.numbers).items():
            self.context.say_first(node, word)
        self.context.mark_casts(list(rendered.numbers))
        texts = {
            rendered.numbers[node]: spec
            for node, spec in self.context.text_inputs.items()
            if node in rendered.numbers
        }
        encodings = _by_input(self.builder, rendered, texts)
        reasons = list(dict.fromkeys([s.why for s in rendered.payloads] + self.context.notes))
        metadata = self._metadata(rendered) | {"text_inputs": _text_list(encodings)}
        return Converted(
            rendered.text,
            rendered.tensors,
            metadata | (extra or {}),
            rendered.payloads,
            reasons,
            encodings,
        )

    def _metadata(self, rendered: Rendered) -> dict[str, Any]:
        model, est = self.model, self.estimator
        metadata: dict[str, Any] = {
            "estimator": type(est).__name__,
            "kind": self.kind,
            "ravel": sorted(model.ravel),
            "versions": versions(),
        }
        if model.classes is not None:
            metadata["classes"] = _json_classes(model.classes)
            metadata["classes_dtype"] = model.classes.dtype.str
        if model.output_classes is not None:
            metadata["output_classes"] = [
                [_json_classes(classes), classes.dtype.str] for classes in model.output_classes
            ]
        if model.multilabel:
            metadata["multilabel"] = True
        if model.label_table:
            metadata["label_table"] = True
        if model.source is not None:
            metadata["source"] = model.source
        if model.categories is not None:
            metadata["categories"] = model.categories
        if model.prediction is not None:
            metadata["prediction_dtype"] = model.prediction_dtype
        n_features_in = _attribute(est, "n_features_in_")
        if n_features_in is not None:
            metadata["n_features_in"] = int(n_features_in)
        elif (width := _matrix_width(self.builder, rendered.numbers)) is not None:
            metadata["n_columns"] = width  # a union whose first block is "passthrough" tells none
        elif (width := next((r.width for r in self.readers if r.width), None)) is not None:
            metadata["n_columns"] = width
        self._add_names(metadata)
        mark_steps(self.builder, rendered.numbers)
        mark_shared(self.builder, rendered.numbers)
        if any("no_half" in spec.get("first", "") for spec in self.context.text_inputs.values()):
            metadata["refuses_float16"] = True
        if self.context.function_columns:
            metadata["function_columns"] = self.context.function_columns
        if self.context.imputed_columns:
            metadata["imputed_columns"] = self.context.imputed_columns
        if self.context.object_columns:
            metadata["object_columns"] = self.context.object_columns
        if model.features is not None:
            dtypes = {"f64": "<f8", "f32": "<f4", "i64": "<i8", "i32": "<i4"}
            step = self.builder.nodes[model.features.node].payload
            own = step.result_dtype if step is not None else ""
            metadata["transform_dtype"] = own or dtypes[model.features.dtype]
            if (config := _output_config(est)) not in (None, "default"):
                metadata["transform_output"] = config
            passed = passed_columns(self.context, model.features)
            if passed and self.kind == "transformer":
                metadata["passed_columns"] = passed
            found = feature_names_out(est, self.builder, rendered)
            if found is not None:
                metadata["feature_names_out"] = found
        if self.context.needed_columns:
            metadata["needed_columns"] = sorted(self.context.needed_columns)
        if unshown := unshown_dtypes(self.context, metadata.get("passed_columns", ())):
            metadata["passed_dtypes"] = unshown
        # Outputs that are a step's answer to the caller's own X, and nothing else;
        # a step's labels may be none of its classes, and its predictions of another dtype
        # than two rows of zeros have, as where no neighbour is within a radius of these.
        direct = {}
        for name, ref in model.outputs().items():
            step = self.builder.nodes[ref.node].payload
            is_shown = step and (name in ("label", "prediction") or step.is_raw)
            if is_shown and ref.node in rendered.numbers:
                direct[name] = step.number
        if direct:
            metadata["direct_steps"] = direct
        blocks, start = [], 0
        for name, ref in self.blocks():
            blocks.append({"name": name, "start": start, "stop": start + ref.n_features})
            start += ref.n_features
        metadata["blocks"] = blocks
        return metadata

    def _add_names(self, metadata: dict[str, Any]) -> None:
        """What X's columns are called, and who reads that."""
        finders = [r for r in self.readers if r.kind in ("by_name", "match")]
        metadata["columns_by_name"] = any(r.names is not None for r in finders)
        if metadata["columns_by_name"] and not any(r.has_labels for r in finders):
            metadata["columns_of_arrays"] = True
        metadata["name_readers"] = [reader.described() for reader in self.readers]
        if self.names is not None:
            metadata["feature_names_in"] = self.names
        if self.names is not None and _attribute(self.estimator, "feature_names_in_") is None:
            metadata["names_are_inner"] = True


def start(estimator: Any, *, strict: bool = False, whole: bool = False) -> Conversion:
    """Converts an estimator into nodes without rendering them yet."""
    _check_output_config(estimator, strict=strict)
    context = Context(whole=whole)
    source = Source()
    try:
        if _is_model(estimator):
            model = context.predict(estimator, source)
        else:
            features = context.transform(estimator, source, "")
            why = why_not_doubles(context, features)
            if why is not None:
                context = Context(whole=whole)
                features = context.python_transform(estimator, source, why, features.n_features)
            model = Model(features=features, estimator=estimator)
    except Refused as refused:
        raise UnsupportedError(f"{type(estimator).__name__}: {refused}") from refused
    if not model.outputs():
        raise UnsupportedError(f"{type(estimator).__name__} has no method that can be compiled")
    conversion = Conversion(estimator, context, model, _kind(model, estimator))
    if strict:
        reasons = conversion.finish().reasons
        if reasons:
            raise UnsupportedError("; ".join(reasons))
    return conversion


def convert_pipeline(estimator: Any, *, strict: bool = False, whole: bool = False) -> Converted:
    """Converts a fitted scikit-learn estimator into a graph.

    Parameters
    ----------
    estimator : fitted estimator
        A Pipeline, a transformer or a model. Vectorizers that need no fitting
        (a given vocabulary, hashing) may be unfitted.
    strict : bool
        Raise instead of leaving a part to Python.
    whole : bool
        Boosters with all their iterations, also those after the best one.

    Raises
    ------
    UnsupportedError
        With every reason: in strict mode for any Python step, otherwise only
        where not even a Python step can stand for the estimator.
    sklearn.exceptions.NotFittedError
    """
    return start(estimator, strict=strict, whole=whole).finish()


def _is_model(estimator: Any) -> bool:
    return hasattr(estimator, "predict")


def _kind(model: Model, estimator: Any) -> str:
    if model.classes is not None or model.output_classes is not None:
        return "classifier"
    if model.prediction is None:
        return "transformer"
    own = _estimator_type(estimator)
    return own if own in ("clusterer", "outlier_detector") else "regressor"


def _estimator_type(estimator: Any) -> str | None:
    from sklearn.utils import get_tags

    try:
        found: str | None = get_tags(estimator).estimator_type
    except Exception:  # not scikit-learn's, or without tags
        return None
    return found


def _output_config(estimator: Any) -> str | None:
    """What `set_output` asked for of the result: of the last step, as a Pipeline asks
    its steps and has no setting of its own."""
    own: str | None = getattr(estimator, "_sklearn_output_config", {}).get("transform")
    inner = getattr(estimator, "best_estimator_", None)
    if inner is None and isinstance(getattr(estimator, "steps", None), list):
        steps = [step for _, step in estimator.steps if step not in (None, "passthrough")]
        inner = steps[-1] if steps else None
    return own if own is not None or inner is None else _output_config(inner)


def _check_output_config(estimator: Any, *, strict: bool) -> None:
    """Data frames as results are not what a compiled object returns.

    A setting for all of scikit-learn may change before `transform` is called,
    which refuses it then, as it does that of a model, whose other methods give no frames.
    """
    import sklearn

    config = None if _is_model(estimator) else _output_config(estimator)
    if strict:
        config = config or sklearn.get_config().get("transform_output", "default")
    if config not in (None, "default") and hasattr(estimator, "transform"):
        raise UnsupportedError(
            f"{type(estimator).__name__}: set_output(transform={config!r}) is not supported; "
            "use set_output(transform='default')"
        )


def _attribute(estimator: Any, name: str) -> Any:
    try:
        return getattr(estimator, name, None)
    except Exception:  # a property that needs what this pipeline lacks
        return None


def _matrix_width(builder: GraphBuilder, nodes: Iterable[int]) -> int | None:
    """The columns of the matrix that the nodes read; None: they read none."""
    for number in nodes:
        node = builder.nodes[number]
        if node.operator == "input" and node.attributes["kind"] == "matrix":
            return int(cast(int, node.attributes["n_features"]))
    return None


def _json_classes(classes: Array) -> list[Any]:
    values: list[Any] = classes.tolist()
    if not all(isinstance(value, (str, int, float, bool)) for value in values):
        raise UnsupportedError(f"classes of dtype {classes.dtype} cannot be stored")
    if not all(is_storable(value) for value in values if isinstance(value, str)):
        raise UnsupportedError("a class's name holds NUL or a lone surrogate")
    return values


def _by_input(
    builder: GraphBuilder, rendered: Rendered, texts: dict[int, dict[str, Any]]
) -> dict[int, dict[str, Any]]:
    """Specs by the number that the input has among the graph's inputs."""
    order = sorted(
        number
        for node, number in rendered.numbers.items()
        if builder.nodes[node].operator == "input"
    )
    return {order.index(number): spec for number, spec in texts.items()}


def _text_list(encodings: dict[int, dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"input": number, **spec} for number, spec in sorted(encodings.items())]


def versions() -> dict[str, str]:
    """The versions that a graph was made with."""
    import sklearn

    package = sys.modules.get("willump")
    return {
        "willump": str(getattr(package, "__version__", "")),
        "sklearn": sklearn.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "unicode": unicodedata.unidata_version,
    }
