"""Pipeline, FeatureUnion, ColumnTransformer, and wrappers of one estimator."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.validation import check_is_fitted

from .categories import reads_columns
from .context import Context
from .jumps import jumps
from .readers import (
    frame_names,
    gives_array,
    gives_names_of,
    gives_objects,
    hands_on_columns,
    hands_on_objects,
    is_handed_on,
    may_give_frame,
    needs_frame,
    readers_behind,
    reads_categories,
    tells_objects,
    width_of,
)
from .registry import Refused, register
from .tables import DOUBLE
from .values import Categories, Model, Ref, Source, Table, Value, gives_frame

# ---- Pipeline ----------------------------------------------------------------


def _does_nothing(step: Any) -> bool:
    if isinstance(step, Pipeline):
        return all(_does_nothing(inner) for _, inner in step.steps)
    return step is None or (isinstance(step, str) and step == "passthrough")


#: Why steps are joined.
_FRAME = "it reads the frame that the step before it gives"
_OBJECTS = "it reads what the step before it gives, which may be no plain numbers"


class _Frames:
    """What a Pipeline's steps give each other: as a matrix of numbers where that is enough,
    and as what it is where a step needs that, which makes one Python step of those from the
    last that is sure to give a matrix: a frame, text and other objects."""

    def __init__(self, ctx: Context, est: Any, value: Value) -> None:
        if getattr(est, "transform_input", None) is not None:
            raise Refused("transform_input is given")
        self.ctx = ctx
        self.steps = [(name, step) for name, step in est.steps if not _does_nothing(step)]
        self.value = value
        self.start, self.frame = 0, value  # steps[start:] read the frame, or what is made of it
        self.array_at, self.array = 0, value  # and of frames with known names
        self.plain_at, self.plain = 0, value  # and of columns that may be objects
        behind = [jumps(step) for _, step in self.steps]
        #: Whether a step behind each may jump.
        self.is_compared = [any(behind[i + 1 :]) for i in range(len(behind))]

    def before(self, i: int) -> Value:
        """What step i reads."""
        for at in range(i):
            self._pass(at)
        return self.value

    def lacks_frame(self, i: int) -> bool:
        """Whether step i needs a frame where there is only a matrix."""
        step = self.steps[i][1]
        if not isinstance(self.value, Ref):
            return False
        if self.array_at < i and reads_categories(step):
            self.start, self.frame = self.array_at, self.array
            return True
        return self.start < i and needs_frame(step)

    def lacks_objects(self, i: int) -> bool:
        """Whether step i reads objects where the graph has numbers."""
        before = Pipeline(self.steps[self.plain_at : i])
        return isinstance(self.value, Ref) and gives_objects(before)

    def found(self, i: int, width: int | None, *, last: bool) -> Ref | Categories:
        """What step i gives."""
        name, step = self.steps[i]
        if self.lacks_frame(i):
            return self.joined(i, width)
        if self.lacks_objects(i):
            return self.joined(i, width, self.plain_at, _OBJECTS)
        try:
            with self.ctx.compared(self.is_compared[i]):
                found = self.ctx.transform_step(step, self.value, name, width=width, last=last)
        except Refused:
            if self.plain_at == i or isinstance(self.value, Ref):
                raise
            return self.joined(i, width, self.plain_at, _OBJECTS)  # text, for a Python step
        if not self.is_python(found):
            return found
        if self.plain_at < i and tells_objects(step):
            return self.joined(i, width, self.plain_at, _OBJECTS)
        return self.joined(i, width) if self.start < i else found

    def _pass(self, i: int) -> None:
        ctx, (_, step) = self.ctx, self.steps[i]
        width = getattr(self.steps[i + 1][1], "n_features_in_", None)
        if is_handed_on(step) and self._next_needs_frame(i):
            return
        found: Value = self.found(i, width, last=False)
        if isinstance(found, Ref):
            found = replace(found, is_frame=gives_frame(self.value) and hands_on_columns(step))
        self.value = found
        if isinstance(found, Ref):
            behind = [one for _, one in self.steps[i + 1 :]]
            payload = ctx.builder.nodes[found.node].payload
            if payload is not None and gives_names_of(step, payload.estimator):
                ctx.checks_names(found, readers_behind(behind))
            names = frame_names(step)
            if names is not None and len(names) == found.n_features:
                ctx.frames[found.node] = names
        if not may_give_frame(step):
            self.start, self.frame = i + 1, found
        if gives_array(step):
            self.array_at, self.array = i + 1, found
        if self._is_plain(step, found):
            self.plain_at, self.plain = i + 1, found

    def _is_plain(self, step: Any, found: Value) -> bool:
        """Whether what a step gives is numbers that the graph holds as they are."""
        is_native = isinstance(found, Ref) and not self.ctx.builder.nodes[found.node].payload
        return is_native and not hands_on_objects(step)

    def _next_needs_frame(self, i: int) -> bool:
        following = (step for _, step in self.steps[i + 1 :] if not is_handed_on(step))
        return any(map(needs_frame, itertools.islice(following, 1)))

    def is_python(self, found: Value) -> bool:
        is_external = isinstance(found, Ref) and self.ctx.builder.nodes[found.node].payload
        return isinstance(self.value, Ref) and bool(is_external) and found != self.value

    def joined(self, i: int, width: int | None, at: int | None = None, why: str = "") -> Ref:
        """Steps from the start on, or from an earlier one, as one, which hands on what the
        original does."""
        known = {self.plain_at: self.plain, self.start: self.frame}
        first = self.start if at is None else min(at, self.start)
        joined = Pipeline(self.steps[first : i + 1])
        before = self.ctx.builder.nodes[self.value.node] if isinstance(self.value, Ref) else None
        if before is not None and before.payload is not None:
            why = f"{why or _FRAME} ({before.payload.why})"
        with self.ctx.within(self.steps[i][0]):
            return self.ctx.python_transform(joined, known[first], why or _FRAME, width)


def pipeline_transform(ctx: Context, est: Any, value: Value) -> Ref:
    frames = _Frames(ctx, est, value)
    if not frames.steps:
        return ctx.numeric(value, None)
    last = len(frames.steps) - 1
    frames.before(last)
    found = frames.found(last, None, last=True)
    assert isinstance(found, Ref)
    return found


def pipeline_predict(ctx: Context, est: Any, value: Value) -> Model:
    frames = _Frames(ctx, est, value)
    last = len(frames.steps) - 1
    value = frames.before(last)
    if frames.lacks_frame(last):
        raise Refused("its model reads the frame that the step before it gives")
    if frames.lacks_objects(last):
        raise Refused("its model reads the objects that the step before it gives")
    name, final = frames.steps[last]
    with ctx.within(name):
        return ctx.predict(final, value)


# ---- FeatureUnion ------------------------------------------------------------


def union_transform(ctx: Context, est: Any, value: Value) -> Ref:
    weights = est.transformer_weights or {}
    parts, passed = [], []
    for name, transformer in est.transformer_list:
        if isinstance(transformer, str) and transformer == "drop":
            continue
        if _is_passthrough(transformer):
            reads = DOUBLE if weights.get(name) is not None else None  # polars multiplies so
            part = ctx.numeric(value, width_of(est), reads=reads)
        else:
            part = ctx.transform(transformer, value, name)
        part = ctx.weigh(part, weights.get(name))
        parts.append((name, part))
        if _is_passthrough(transformer):
            passed.append((name, part))
    is_sparse = any(part.sparse for _, part in parts)
    for name, part in passed:
        ctx.passes(name, part, value, is_sparse=is_sparse, weighted=name in weights)
    return ctx.concat(parts)


# ---- ColumnTransformer -------------------------------------------------------


def _is_passthrough(transformer: Any) -> bool:
    if isinstance(transformer, str):
        return transformer == "passthrough"
    return type(transformer) is FunctionTransformer and transformer.func is None


def _is_drop(transformer: Any) -> bool:
    return isinstance(transformer, str) and transformer == "drop"


def _is_scalar(columns: Any) -> bool:
    return isinstance(columns, str) or np.isscalar(columns)


def _frame(ctx: Context, est: Any, value: Value, blocks: list[Any]) -> Value:
    """What the columns are picked from."""
    if not isinstance(value, Source) or value.columns is not None:
        return value
    has_text = any(_is_scalar(columns) for _, _, columns, _ in blocks)
    has_text = has_text or any(reads_columns(transformer) for _, transformer, _, _ in blocks)
    by_column = has_text or hasattr(est, "feature_names_in_")
    return Source(None, by_column, int(est.n_features_in_))


def _place_of(frame: Table, name: str) -> int:
    if frame.names.count(name) != 1:
        raise Refused(f"its input has no column {name!r}, or two")
    return frame.names.index(name)


def column_transform(ctx: Context, est: Any, value: Value) -> Ref:
    check_is_fitted(est)
    weights = est.transformer_weights or {}
    indices = est._transformer_to_input_indices
    names = getattr(est, "feature_names_in_", None)
    blocks = [
        (name, transformer, columns, [int(i) for i in indices[name]])
        for name, transformer, columns in est.transformers_
        if not _is_drop(transformer) and len(indices[name]) > 0
    ]
    frame = _frame(ctx, est, value, blocks)
    parts = []
    for name, transformer, columns, positions in blocks:
        part_input: Value
        if isinstance(frame, Ref):
            if names is not None and ctx.frames.get(frame.node) != tuple(map(str, names)):
                raise Refused("it picks columns of a computed matrix by name")
            if _is_scalar(columns):
                raise Refused("it picks a one-dimensional column of a computed matrix")
            part_input = ctx.select(frame, np.array(positions))
            if names is not None:
                ctx.frames[part_input.node] = tuple(str(names[i]) for i in positions)
        elif isinstance(frame, Table):
            if names is not None:  # of a frame it takes them by their names, wherever they are
                positions = [_place_of(frame, str(names[i])) for i in positions]
            part_input = frame.pick(positions, _is_scalar(columns))
        elif isinstance(frame, Categories):
            raise Refused("its input is strings that are computed")
        else:
            own = None if names is None else [str(names[i]) for i in positions]
            ctx.needed_columns.update(own or ())
            part_input = frame.pick(positions, own, _is_scalar(columns))
        if _is_passthrough(transformer):
            with ctx.within(name):
                reads = DOUBLE if weights.get(name) is not None else None
                part = ctx.numeric(part_input, None, reads=reads)
        else:
            width = est.output_indices_.get(name)
            part = ctx.transform(
                transformer, part_input, name, width=width.stop - width.start if width else None
            )
        part = ctx.weigh(part, weights.get(name))
        if _is_passthrough(transformer):
            is_sparse = bool(est.sparse_output_)
            ctx.passes(name, part, part_input, is_sparse=is_sparse, weighted=name in weights)
        parts.append((name, part))
    return ctx.concat(parts, sparse=bool(est.sparse_output_))


# ---- wrappers ----------------------------------------------------------------


def _wrapped(est: Any) -> Any:
    inner = getattr(est, "best_estimator_", None)
    if inner is None:
        inner = getattr(est, "estimator", None) if not hasattr(est, "cv") else None
    if inner is None:
        check_is_fitted(est)
        raise Refused("it has no best_estimator_ (refit=False)")
    return inner


def wrapper_transform(ctx: Context, est: Any, value: Value) -> Ref:
    return ctx.transform(_wrapped(est), value, "best")


def wrapper_predict(ctx: Context, est: Any, value: Value) -> Model:
    return ctx.predict(_wrapped(est), value)


register(
    Pipeline,
    transform=pipeline_transform,
    predict=pipeline_predict,
    parameters=["steps (with 'passthrough' and None)", "memory (has no effect)"],
    python_step="transform_input",
)
register(
    FeatureUnion,
    transform=union_transform,
    operators=["concat", "scale"],
    parameters=["transformer_list (with 'drop' and 'passthrough')", "transformer_weights"],
    python_step="all transformers dropped; copy=False in it, where other parts read the same rows",
)
register(
    ColumnTransformer,
    transform=column_transform,
    operators=["input", "concat", "scale", "select"],
    parameters=[
        "columns by name, position, slice, mask or callable, as resolved by fit",
        "remainder", "sparse_threshold (the fitted sparse_output_)", "transformer_weights",
        "verbose_feature_names_out",
    ],
    python_step="columns of a computed matrix by name; copy=False in it, where other parts read "
    "the same columns",
)  # fmt: skip
register(
    GridSearchCV,
    RandomizedSearchCV,
    transform=wrapper_transform,
    predict=wrapper_predict,
    parameters=["refit (best_estimator_ is compiled)"],
    python_step="refit=False",
)
try:
    from sklearn.frozen import FrozenEstimator
except ImportError:  # added in scikit-learn 1.6
    pass
else:
    register(
        FrozenEstimator,
        transform=wrapper_transform,
        predict=wrapper_predict,
        parameters=["estimator"],
    )
