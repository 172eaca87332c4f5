"""A captured function as `optimize` takes it: the model inside it answers rows, a cheaper
one may stand in its place, and the rest of the function is around both."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .._answers import Answers
from .._ensembles import all_replaced
from .._errors import UnsupportedError
from .._graph import GraphBuilder, Stage
from .._targets import Accuracy, Agreement, Estimated, Tolerance
from ..convert import Conversion, Converted
from ..convert.registry import Refused
from ..convert.values import Model
from .capture import Followed, follow
from .values import Column

if TYPE_CHECKING:
    from .._function import CompiledFunction

#: Models whose labels are not those of the larger score.
_THRESHOLDED = ("FixedThresholdClassifier", "TunedThresholdClassifierCV")
#: Of a model's, those that tell the label.
_SCORES = ("decision", "proba", "log_proba", "label")


@dataclass
class FunctionConversion(Conversion):
    """A function and the model that its result follows from.

    `model` is that model, of a regressor with the function's result as its prediction.
    The outputs are the result, and what tells the model's labels; an artifact has the
    result alone.
    """

    followed: Followed = field(kw_only=True)
    #: As the function calls it.
    inner: Model = field(kw_only=True)

    @property
    def name(self) -> str:
        return str(self.estimator.__qualname__)

    @property
    def result(self) -> str:
        """The output that a call gives."""
        return self.followed.shown.output

    @property
    def shown(self) -> Model:
        ref = self.followed.shown.ref
        if self.result == "label":
            return Model(label=ref, classes=self.followed.shown.classes)
        return Model(prediction=ref, prediction_dtype=self.model.prediction_dtype)

    @property
    def shows_label(self) -> bool:
        return self.result == "label" and not self._is_other_label()

    def answers(self) -> Answers:
        taught = "taught" if "taught" in self.outputs() else None
        model = self.model
        if self.result == "label":  # no metric is of scores that no call gives
            model = replace(self.shown, estimator=self.inner.estimator)
        return Answers(model, self.result, taught, self.inner.classes)

    def check_target(self, target: Any) -> None:
        is_classifier = self.inner.classes is not None
        kind = type(target).__name__
        if isinstance(target, Tolerance) and self.result == "label":
            raise UnsupportedError(
                f"Tolerance is about numbers, and {self.name} returns labels; Agreement is about "
                "those"
            )
        if self.result == "label" and not is_classifier:
            raise UnsupportedError(
                f"{self.name} returns labels that it makes of what "
                f"{type(self.inner.estimator).__name__} predicts, and {kind} has no promise for "
                "these: return the number, with target=willump.Tolerance(abs=..., share=...)"
            )
        is_about_labels = isinstance(target, (Agreement, Accuracy, Estimated)) and is_classifier
        is_about_result = self.result == "label" and isinstance(target, Agreement)
        if is_about_labels and not is_about_result and not self._tells_label():
            raise UnsupportedError(
                f"{kind} is about the labels of {type(self.inner.estimator).__name__}, and what "
                f"{self.name} returns is made from them or their scores: "
                "target=willump.Tolerance(abs=..., share=...) is about the function's result; or "
                "return the model's labels, probabilities or decision_function as they are"
            )
        if isinstance(target, Estimated) and not is_classifier and self._is_changed():
            raise UnsupportedError(
                f"Estimated takes a model's own predictions, and {self.name} changes them: "
                "target=willump.Tolerance(abs=..., share=...) is about the function's result"
            )
        super().check_target(target)

    def _tells_label(self) -> bool:
        """Whether the result is the classifier's labels or scores, or one of two scores."""
        names: tuple[str, ...] = _SCORES
        if type(self.inner.estimator).__name__ in _THRESHOLDED:
            names = ("label",)  # which no score tells
        own = {ref.node for name, ref in self.inner.outputs().items() if name in names}
        at = self.followed.shown.source.node
        node = self.builder.nodes[at]
        assert self.inner.classes is not None
        if node.operator == "select" and len(self.inner.classes) == 2:
            (at,) = node.inputs
        return at in own

    def _is_other_label(self) -> bool:
        """Whether the result is labels that the function makes itself."""
        own = self.inner.label
        return own is not None and own.node != self.followed.shown.ref.node

    def _is_changed(self) -> bool:
        ref = self.inner.prediction
        return ref is not None and ref.node != self.followed.shown.source.node

    def cheapest_input(self) -> int | None:
        inputs = self.followed.tracer.frame_inputs.values()
        numbers = {c.node for c in inputs if isinstance(c, Column) and not c.is_text}
        # Calls may lack the others.
        read = _reached(self.builder, self.outputs().values())
        return min(numbers & read, default=None)

    # ---- graphs -------------------------------------------------------------

    def outputs(self) -> dict[str, int]:
        found = {}
        if self.inner.classes is not None:
            own = self.inner.outputs()
            found = {name: own[name].node for name in _SCORES if name in own}
            if self.result == "label" and self._is_other_label():
                found["taught"] = own["label"].node
        elif self._is_changed():
            assert self.inner.prediction is not None
            found = {"taught": self.inner.prediction.node}
        return found | {self.result: self.followed.shown.ref.node}

    def plain_outputs(self) -> dict[str, int]:
        return self.outputs()

    def outputs_with(self, first: Model, names: Iterable[str] | None = None) -> dict[str, int]:
        own = {name: node for name, node in self.outputs().items() if name != "taught"}
        if names is not None:
            own = {name: own[name] for name in names}
        inner, found = self.inner.outputs(), first.outputs()
        nodes = {ref.node: name for name, ref in inner.items()}
        others = {}
        for node in _first_reached(self.builder, own.values(), set(nodes)):
            name = nodes[node]
            if name not in found or found[name].n_features != inner[name].n_features:
                raise Refused(f"it has not the {name} that the function takes of its model")
            others[node] = found[name].node
        return all_replaced(self.builder, own, others)

    def describe(self, metadata: dict[str, Any]) -> dict[str, Any]:
        return {}

    def finish(
        self, stages: list[Stage] | None = None, extra: dict[str, Any] | None = None
    ) -> Converted:
        """As it is tuned: every output is the graph's own numbers."""
        found = self.followed.finish(stages or [Stage(self.outputs())], extra, model=self.inner)
        found.metadata["function"] = {"columns": found.metadata["function"]["columns"]}
        return found

    def artifact(
        self, stages: list[Stage] | None = None, extra: dict[str, Any] | None = None
    ) -> Converted:
        """With what a call gives and `top_k` asks for, and no more."""
        kept = {self.result, "filter", "range"}
        found = []
        for stage in stages or [Stage(self.outputs())]:
            if stage.outputs.keys() & kept:
                names = [name for name in stage.outputs if name in kept or name == "gate"]
                found.append(replace(stage, outputs={name: stage.outputs[name] for name in names}))
        return self.followed.finish(found, extra, model=self.inner)

    def compiled(
        self, converted: Converted, *, strict: bool, n_threads: int | None
    ) -> CompiledFunction:
        from .._function import CompiledFunction

        return CompiledFunction.from_followed(
            self.followed, converted, strict=strict, n_threads=n_threads
        )


def start(function: Any, sample: Any, *, strict: bool = False) -> FunctionConversion:
    """Follows a function on a sample, for `optimize`.

    Raises
    ------
    UnsupportedError
        Where it cannot be compiled, or its result follows from no compiled model.
    """
    from .._function import CompiledFunction

    followed = follow(function, sample, strict=strict, splits_lookups=True)
    inner = _model_of(followed)
    exact = CompiledFunction.from_followed(
        followed, followed.finish(), strict=strict, n_threads=None
    )
    followed.check(exact)
    shown = followed.shown
    model = inner
    if inner.classes is None:
        dtype = np.dtype(shown.dtype if shown.dtype in ("float32", "float64") else "int64")
        model = replace(inner, prediction=shown.ref, prediction_dtype=dtype.str)
    kind = "regressor" if inner.classes is None else "classifier"
    context = followed.tracer.context
    return FunctionConversion(function, context, model, kind, followed=followed, inner=inner)


def _model_of(followed: Followed) -> Model:
    """The model that is last on the way to the result."""
    name, shown = followed.function.__qualname__, followed.shown
    builder = followed.tracer.context.builder
    models: list[Model] = list(followed.tracer.models.values())
    for model in reversed(models):
        nodes = {ref.node for ref in model.outputs().values()}
        if not _first_reached(builder, [shown.ref.node], nodes):
            continue
        if model.multilabel or model.margins is not None or model.output_classes is not None:
            raise UnsupportedError(
                f"{name}: {type(model.estimator).__name__} gives several answers a row; optimize "
                "takes functions of a classifier or regressor with one"
            )
        if shown.output in ("label", "prediction"):
            return model
    raise UnsupportedError(
        f"optimize needs a function whose result is that of a classifier or regressor on features "
        f"that it computes, and what {name} returns follows from none; "
        "willump.compile(...).explain() shows why"
    )


def _reached(builder: GraphBuilder, nodes: Iterable[int]) -> set[int]:
    """The nodes on the way down, these among them."""
    found: set[int] = set()
    pending = list(nodes)
    while pending:
        at = pending.pop()
        if at not in found:
            found.add(at)
            pending.extend(builder.nodes[at].inputs)
    return found


def _first_reached(builder: GraphBuilder, nodes: Iterable[int], stops: set[int]) -> list[int]:
    """Those of `stops` that are come to first on the way down."""
    found, seen, pending = [], set(), list(nodes)
    while pending:
        at = pending.pop()
        if at in seen:
            continue
        seen.add(at)
        if at in stops:
            found.append(at)
        else:
            pending.extend(builder.nodes[at].inputs)
    return sorted(found)
