"""From a function and a sample to a graph, ready to be compiled."""

from __future__ import annotations

import inspect
import types
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from .._errors import UnsupportedError
from .._graph import Array, Stage
from ..convert import Converted, _json_classes, versions
from ..convert.context import Context
from ..convert.values import Ref
from . import (  # noqa: F401  (registers makers)
    bins,
    categories,
    choices,
    columns,
    dates,
    estimators,
    joins,
    numpy_calls,
    row_functions,
    strings,
)
from .frames import kind_of_source
from .inputs import AsFrame
from .interpreter import Interpreter
from .steps import ReplayStep
from .tracer import Step, Tracer
from .values import (
    FILLED,
    MIXED,
    SHORT,
    WHOLE,
    CaptureError,
    Column,
    Frame,
    Held,
    Labels,
    Matrix,
    NotNative,
    Replay,
    Traced,
)

#: Rows of a sample that are looked at.
_MAX_SAMPLE = 1000


@dataclass
class Captured:
    """A function's graph, and how its result is shown."""

    converted: Converted
    steps: list[Step]
    expected: Any  #: what the function gave on the sample
    sample: pd.DataFrame


def as_sample(sample: Any) -> pd.DataFrame:
    """The sample as the frame that the function is run on."""
    if isinstance(sample, pd.DataFrame):
        frame = sample
    elif isinstance(sample, dict):
        frame = pd.DataFrame(sample)
    elif isinstance(sample, (list, tuple)):
        frame = pd.DataFrame(list(sample))
    elif hasattr(sample, "to_pandas"):
        frame = sample.to_pandas()
    else:
        raise TypeError(f"sample is a frame of the rows, not {type(sample).__name__}")
    frame = frame.head(_MAX_SAMPLE)
    if not len(frame):
        raise ValueError("sample has no rows: give some that look like those to come")
    if not frame.columns.is_unique:
        raise ValueError("sample has columns of one name")
    return frame


def _argument(frame: pd.DataFrame, context: Context) -> Traced:
    """The function's argument: an input for each column."""
    found: dict[str, Held] = {}
    for name in frame.columns:
        try:
            dtype = kind_of_source(frame[name])
            if not isinstance(name, str):
                raise NotNative("its name is no string")
        except NotNative as reason:
            found[name] = f"column {name!r}: {reason}"
            continue
        kind = "category" if dtype in ("str", "object") else "numeric"
        attributes: dict[str, Any] = {"kind": kind, "name": name}
        if dtype == "float32":
            attributes["dtype"] = "f32"
        found[name] = Column(context._emit("input", (), attributes), dtype, "input")
    return Traced(frame, Frame(found, "input"), Replay(None))


def capture(function: Any, sample: Any, *, strict: bool = False) -> Captured:
    """Follows a function on a sample.

    Raises
    ------
    UnsupportedError
        Where the function cannot be compiled; with `strict`, where a part stays Python.
    """
    frame = as_sample(sample)
    context = Context()
    argument = _argument(frame, context)
    tracer = Tracer(argument, context)
    args: tuple[Any, ...] = (argument,)
    plain = function
    if isinstance(function, types.MethodType):
        args, plain = (function.__self__, argument), function.__func__
    try:
        result = Interpreter.call(tracer, plain, args, {})
    except CaptureError as error:
        if strict:
            raise
        context = Context()
        argument = _argument(frame, context)
        tracer = Tracer(argument, context)
        value = function(frame.copy(deep=False))
        result = Traced(value, f"the whole function: {error}", Replay(function, (argument.replay,)))
    shown = _Result.of(result, tracer, frame)
    converted = _finished(function, frame, tracer, shown, strict=strict)
    return Captured(converted, tracer.steps, result.value, frame)


# ---- results ----------------------------------------------------------------------


@dataclass
class _Result:
    """The graph's output for what the function returns."""

    output: str
    ref: Ref
    ravel: bool
    dtype: str
    shape: dict[str, Any]
    classes: Array | None = None

    @classmethod
    def of(cls, result: Any, tracer: Tracer, frame: pd.DataFrame) -> _Result:
        if not isinstance(result, Traced):
            raise UnsupportedError(
                f"the function returns {type(result).__name__}, which does not hang on its input; "
                "return one array, matrix or Series with an answer for each row"
            )
        try:
            native = tracer.native(result)
            why = _why_other_dtype(native, result.value)
            if why:
                result.native = f"line {result.line}: {why}"
                native = tracer.external(result)
            if result.external is not None:  # a step's answers have their own dtype
                native = replace(result.external, dtype=str(result.value.dtype))
        except NotNative as reason:
            raise UnsupportedError(f"the function's result cannot be compiled: {reason}") from None
        value = result.value
        if value.shape[0] != len(frame):
            raise UnsupportedError(
                f"the function returns {value.shape[0]} answers for {len(frame)} rows; a compiled "
                "function answers each row"
            )
        if isinstance(native, Labels):
            return cls("label", native.ref, True, "", {"type": "array"}, native.classes)
        if isinstance(native, Column):
            return cls._of_column(native, value)
        if isinstance(native, Matrix):
            dtype = native.dtype
            if native.form:
                return cls("features", native.ref, False, dtype,
                           {"type": "sparse", "class": type(value).__name__})  # fmt: skip
            return cls("prediction", native.ref, False, dtype, {"type": "array"})
        raise UnsupportedError(
            "the function returns a frame: return an array (to_numpy()) or a Series"
        )

    @classmethod
    def _of_column(cls, column: Column, value: Any) -> _Result:
        if column.is_text or column.is_moment:
            raise UnsupportedError("the function returns strings or moments: return numbers")
        shape: dict[str, Any] = {"type": "array"}
        if isinstance(value, pd.Series):
            if column.rows not in ("input", "range"):
                raise UnsupportedError("the function's result has an index of its own: return "
                                       "an array (to_numpy())")  # fmt: skip
            name = value.name
            shape = {
                "type": "series",
                "name": name if isinstance(name, (str, int)) else None,
                "index": column.rows,
            }
        return cls("prediction", column.ref, True, column.dtype, shape)


def _why_other_dtype(native: Any, value: Any) -> str:
    """Why the graph's result would be of another dtype than the function's."""
    dtype = getattr(native, "dtype", "")
    if dtype in (FILLED, SHORT, MIXED):
        return (
            "whether the result is of whole numbers or float64 hangs on which rows were missing: "
            "add .astype(float)"
        )
    numbers = ("bool", "int64", "float32", "float64")
    if dtype in numbers and dtype != str(value.dtype) and not isinstance(native, Labels):
        return f"the result is of {value.dtype}"
    return ""


def _finished(
    function: Any, frame: pd.DataFrame, tracer: Tracer, shown: _Result, *, strict: bool
) -> Converted:
    builder = tracer.context.builder
    rendered = builder.render([Stage({shown.output: shown.ref.node})])
    for number, step in enumerate(rendered.payloads):
        step.number = number
        if isinstance(step, ReplayStep):
            step.frame = AsFrame({str(k): str(v) for k, v in frame.dtypes.items()})
    reasons = list(dict.fromkeys(step.why for step in rendered.payloads))
    if strict and reasons:
        raise UnsupportedError("; ".join(reasons))
    dtypes = {
        name: column.dtype
        for name, column in tracer.frame_inputs.items()
        if isinstance(column, Column)
    }
    metadata: dict[str, Any] = {
        "estimator": function.__qualname__,
        "kind": "classifier" if shown.classes is not None else "regressor",
        "ravel": [shown.output] if shown.ravel else [],
        "versions": versions() | {"pandas": pd.__version__},
        "columns_by_name": True,
        "blocks": _blocks(tracer),
        "function": {
            "columns": dtypes,
            "result": shown.shape,
            "notes": tracer.notes,
            "lines": _lines(tracer, rendered.numbers),
        },
    }
    if shown.classes is not None:
        metadata["classes"] = _json_classes(shown.classes)
        metadata["classes_dtype"] = shown.classes.dtype.str
        metadata["kind"] = "classifier"
    elif shown.output == "features":
        metadata["transform_dtype"] = np.dtype(shown.dtype).str
        metadata["kind"] = "transformer"
    elif shown.dtype == WHOLE:
        metadata["function"]["whole"] = True
        metadata["prediction_dtype"] = "<f8"
    else:
        metadata["prediction_dtype"] = np.dtype(shown.dtype).str
    empty = _error_for_no_rows(function, frame)
    if empty is not None:
        metadata["empty"] = empty
    return Converted(rendered.text, rendered.tensors, metadata, rendered.payloads, reasons, {})


def _blocks(tracer: Tracer) -> list[dict[str, Any]]:
    """The independent parts of what the last model reads."""
    ref = getattr(tracer.model, "model_input", None)
    blocks, start = [], 0
    for name, part in ref.blocks() if ref is not None else ():
        blocks.append({"name": name, "start": start, "stop": start + part.n_features})
        start += part.n_features
    return blocks


def _error_for_no_rows(function: Any, frame: pd.DataFrame) -> str | None:
    """What the function says to no rows at all: asked."""
    try:
        function(frame.iloc[:0])
    except ValueError as error:
        return str(error)
    except Exception:
        return None
    return None


def _lines(tracer: Tracer, numbers: dict[int, int]) -> list[dict[str, Any]]:
    """The source of the functions that were followed, beside what each line became."""
    found = []
    for code in tracer.codes:
        try:
            source, first = inspect.getsourcelines(code)
        except OSError:
            continue
        for line, text in enumerate(source, first):
            own = [s for s in tracer.steps if s.code is code and s.line == line]
            found.append(
                {
                    "line": line,
                    "text": text.rstrip("\n"),
                    "nodes": sorted({numbers[s.node] for s in own if s.node in numbers}),
                    "python": list(dict.fromkeys(s.why for s in own if s.why)),
                }
            )
    return found
