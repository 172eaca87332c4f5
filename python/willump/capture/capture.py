"""From a function and a sample to a graph, ready to be compiled."""

from __future__ import annotations

import inspect
import operator
import types
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from .._categories import storable
from .._errors import UnsupportedError
from .._graph import Array, Stage
from ..convert import Converted, _json_classes, versions
from ..convert.context import Context
from ..convert.values import Model, Ref
from . import (  # noqa: F401  (registers makers)
    bins,
    categories,
    choices,
    columns,
    dates,
    estimators,
    few,
    frame_operators,
    joins,
    numpy_calls,
    parse_dates,
    parse_numbers,
    replaced,
    row_functions,
    row_lists,
    row_reductions,
    strings,
    zones,
)
from .as_frame import AsFrame
from .categories import input_of
from .checks import check_compiled, check_no_rows
from .frames import kind_of_dtype
from .interpreter import Interpreter
from .narrow import stored_name
from .nullable import kind_of_nullable
from .references import described
from .sample import Sample, as_sample
from .slicing import slice_steps
from .steps import ReplayStep
from .tracer import Step, Tracer
from .values import (
    FILLED,
    LOOSE,
    MIXED,
    NARROW,
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
from .views import check_spoilt


@dataclass
class Followed:
    """A function that was followed on a sample: its nodes, and what it gave."""

    function: Any
    sample: pd.DataFrame
    tracer: Tracer
    expected: Any  #: what the function gave on the sample
    shown: Result
    is_whole: bool = False  #: one Python step
    #: Whether columns that it does not name, or their order, change an answer; see `check`.
    asks_columns: bool = False
    #: The caller's columns that Python steps read; None: all may be.
    read: frozenset[str] | None = None

    @cached_property
    def error_for_no_rows(self) -> str | None:
        return _error_for_no_rows(self.function, self.sample)

    def finish(
        self,
        stages: Sequence[Stage] | None = None,
        extra: dict[str, Any] | None = None,
        *,
        model: Model | None = None,
    ) -> Converted:
        """Renders the graph, by default with its one stage; `model` is the one whose
        blocks the metadata name."""
        shown, tracer = self.shown, self.tracer
        builder = tracer.context.builder
        rendered = builder.render(stages or [Stage({shown.output: shown.ref.node})])
        number_steps(rendered.payloads, self.step_dtypes)
        reasons = list(dict.fromkeys(step.why for step in rendered.payloads))
        metadata: dict[str, Any] = {
            "estimator": self.function.__qualname__,
            "ravel": [shown.output] if shown.ravel else [],
            "versions": versions() | {"pandas": pd.__version__},
            "columns_by_name": True,
            "blocks": _blocks(model or tracer.model),
            "function": {
                "columns": self.dtypes,
                "result": shown.shape,
                "notes": tracer.notes,
                "lines": _lines(tracer, rendered.numbers),
            },
        }
        if self.asks_columns or (tracer.asked.is_all and not self.is_whole):
            metadata["function"]["all_columns"] = [str(name) for name in self.sample.columns]
        absent = {name for name in tracer.asked.absent if isinstance(name, str)}
        if absent.difference(self.sample.columns):
            metadata["function"]["absent"] = sorted(absent.difference(self.sample.columns))
        if tracer.sample.is_numbered:
            metadata["function"]["labels"] = "numbered"
        elif tracer.asked.has_unique_labels and not self.is_whole:
            metadata["function"]["labels"] = "unique"
        present = set(tracer.asked.present).intersection(self.sample.columns)
        if present:
            metadata["function"]["present"] = sorted(present)
        coded = self._categories() if tracer.reads_codes else {}
        if coded:
            metadata["function"]["categories"] = coded
        no_objects = _compared_as_objects(tracer.context)
        if no_objects:
            metadata["function"]["no_objects"] = no_objects
        if rendered.payloads:
            metadata["function"]["python"] = described(rendered.payloads, self.step_dtypes)
        metadata |= shown.described()
        if shown.dtype in _WHOLE:
            metadata["function"]["whole"] = _WHOLE[shown.dtype]
        if self.error_for_no_rows is not None:
            metadata["empty"] = self.error_for_no_rows
        metadata |= extra or {}
        return Converted(rendered.text, rendered.tensors, metadata, rendered.payloads, reasons, {})

    def check(self, call: Any) -> None:
        """Compares the plain function with the compiled one, which `call` is.

        Raises
        ------
        UnsupportedError
        """
        if self.tracer.asked.has_rows and not self.is_whole:
            check_no_rows(self.function, self.sample, call)
        self.asks_columns = (
            check_compiled(
                self.function,
                self.sample,
                self.expected,
                call,
                is_label=self.shown.classes is not None,
            )
            and not self.is_whole
        )

    @property
    def step_dtypes(self) -> dict[str, Any]:
        """Of the columns that Python steps read."""
        dtypes = {str(name): dtype for name, dtype in self.sample.dtypes.items()}
        read = self.read
        if read is not None and not read.intersection(dtypes):
            read = frozenset(list(dtypes)[:1])  # there are as many rows as the caller's
        return {name: each for name, each in dtypes.items() if read is None or name in read}

    def _categories(self) -> dict[str, list[Any]]:
        """Of the categorical columns of the sample, whose codes the function reads."""
        return {
            name: storable(column.categories)
            for name, column in self.tracer.frame_inputs.items()
            if isinstance(column, Column) and column.categories
        }

    @property
    def dtypes(self) -> dict[str, str]:
        """Of the columns that the graph may read."""
        inputs = self.tracer.frame_inputs.items()
        return {
            name: f"datetime[{column.zone}]" if column.zone else column.stored or column.dtype
            for name, column in inputs
            if isinstance(column, Column)
        }


def number_steps(steps: Sequence[Any], dtypes: dict[str, Any]) -> None:
    """Tells the Python steps of a graph their numbers, and how a call's rows look."""
    for number, step in enumerate(steps):
        step.number = number
        if isinstance(step, ReplayStep):
            step.frame = AsFrame(dtypes)


def _argument(sample: Sample, context: Context) -> Traced:
    """The function's argument: an input for each column."""
    frame, rows = sample.rows, "range" if sample.is_numbered else "input"
    found: dict[str, Held] = {}
    for name in frame.columns:
        try:
            if not isinstance(name, str):
                raise NotNative("its name is no string")
            if isinstance(frame[name].dtype, pd.CategoricalDtype):
                coded = input_of(context, name, frame[name].cat.categories)
                found[name] = replace(coded, rows=rows)
                continue
            zone = getattr(frame[name].dtype, "tz", None)
            nullable = kind_of_nullable(frame[name].dtype)
            dtype = "zoned" if zone else nullable
            dtype = dtype or kind_of_dtype(frame[name].dtype, frame[name])
        except NotNative as reason:
            found[name] = f"column {name!r}: {reason}"
            continue
        kind = "category" if dtype in ("str", "object", "nullable text") else "numeric"
        attributes: dict[str, Any] = {"kind": kind, "name": name}
        if dtype == "float32":
            attributes["dtype"] = "f32"
        stored = str(frame[name].dtype) if nullable else stored_name(frame[name].dtype)
        node = context._emit("input", (), attributes)
        found[name] = Column(node, dtype, rows, stored=stored, zone=zone)
    return Traced(frame, Frame(found, rows), Replay(None), is_open=True)


def follow(
    function: Any,
    sample: Any,
    *,
    strict: bool = False,
    splits_lookups: bool = False,
    as_whole: str = "",
) -> Followed:
    """Follows a function on a sample.

    `splits_lookups`: columns of numbers that come from several tables are blocks of
    their own, for first stages to leave out. `as_whole`: why it is to be one Python step.

    Raises
    ------
    UnsupportedError
        Where the function cannot be compiled; with `strict`, where a part stays Python.
    """
    rows = as_sample(sample)
    if not as_whole:
        try:
            followed = _followed(function, rows, splits_lookups=splits_lookups)
        except CaptureError as error:
            if strict:
                raise
            as_whole = str(error)
    if as_whole:
        followed = _whole(function, rows, as_whole)
    reasons = followed.finish().reasons if strict else []
    if reasons:
        raise UnsupportedError("; ".join(reasons))
    return followed


def _followed(function: Any, rows: Sample, *, splits_lookups: bool) -> Followed:
    """The function, followed line by line; where it brings columns of the caller's index together
    with such as are numbered from 0, as those of the sample are, again for calls like that."""
    tracers: list[Tracer] = []
    found: Followed | UnsupportedError
    try:
        found = _followed_as(function, rows, tracers, splits_lookups=splits_lookups)
    except UnsupportedError as error:
        found = error
    if tracers[0].is_misaligned and rows.may_be_numbered:
        numbered = replace(rows, is_numbered=True)
        try:
            other = _followed_as(function, numbered, tracers, splits_lookups=splits_lookups)
        except UnsupportedError:
            pass
        else:
            is_better = isinstance(found, UnsupportedError) or (
                len(other.finish().reasons) < len(found.finish().reasons)
            )
            found = other if is_better else found
    if isinstance(found, UnsupportedError):
        raise found
    return found


def _followed_as(
    function: Any, rows: Sample, tracers: list[Tracer], *, splits_lookups: bool
) -> Followed:
    """The function, followed once; its tracer is put behind the others."""
    frame = rows.rows
    context = Context(splits_lookups=splits_lookups)
    argument = _argument(rows, context)
    tracer = Tracer(argument, context, rows)
    tracers.append(tracer)
    tracer.roots.append(function)
    args: tuple[Any, ...] = (argument,)
    plain = function
    if isinstance(function, types.MethodType):
        args, plain = (tracer.from_outside(function.__self__), argument), function.__func__
    try:
        result = Interpreter.call(tracer, plain, args, {})
        if tracer.failed:
            raise CaptureError("a function that is not followed calls one that sees data")
    except UnsupportedError:
        raise
    except Exception as error:
        function(frame.copy(deep=False))  # where it is the function's own error, raised here
        raise CaptureError(
            f"line {tracer.line}: followed, it fails with {type(error).__name__}: {error}"
        ) from error
    shown = Result.of(result, tracer, frame)
    followed = Followed(function, frame, tracer, result.value, shown)
    missed = _missed_guards(followed)
    if missed:
        followed.shown = _behind_guards(missed, result, tracer, frame, shown)
        missed = _missed_guards(followed)
    if missed:
        raise CaptureError(
            f"line {missed[0].line}: a call may raise an error of the rows that it sees, and its "
            "answer is in none of the function's"
        )
    steps = [node.payload for node in context.builder.nodes]
    followed.read = slice_steps(
        [step for step in steps if isinstance(step, ReplayStep)], rows, tracer.guards
    )
    return followed


def _missed_guards(followed: Followed) -> list[Replay]:
    """The calls that may raise an error of later rows and that are in none of the steps."""
    guards = followed.tracer.guards
    found: set[int] = set()
    for step in followed.finish().steps if guards else ():
        rest: list[Any] = [getattr(step, "replay", None)]
        while rest:
            each = rest.pop()
            if isinstance(each, (list, tuple)):
                rest += each
            elif isinstance(each, dict):
                rest += each.values()
            elif isinstance(each, Replay) and id(each) not in found:
                found.add(id(each))
                rest += [each.function, each.args, each.kwargs]
    return [guard for guard in guards if id(guard) not in found]


def _behind_guards(
    guards: list[Replay], result: Traced, tracer: Tracer, frame: pd.DataFrame, shown: Result
) -> Result:
    """The function's result behind calls that are made for the errors that they may raise: it
    less zeros, which a Python step gives that makes them, with all of a call's rows."""
    line, dtype = guards[0].line, getattr(result.value, "dtype", None)
    if np.ndim(result.value) != 1 or dtype not in (np.float64, np.float32, np.int64):
        return shown
    why = f"line {line}: a call is made for the errors that it may raise"
    zeros = Traced(
        np.zeros(len(frame), dtype),
        why,
        Replay(_zeros_behind, (Replay(None), np.dtype(dtype).str, *guards), line=line),
        line,
    )
    tracer.line = line
    column = tracer.external(zeros)
    tracer.context.builder.nodes[column.ref.node].payload.is_row_wise = False
    tracer.note(line, "it is called for the errors that it may raise, with all of a call's rows")
    guarded = Result.of(tracer.operate("sub", operator.sub, result, zeros), tracer, frame)
    guarded.told = shown.ref
    return guarded


def _zeros_behind(frame: Any, dtype: str, *_: Any) -> Any:
    """Zeros for rows, behind whatever was computed for the other arguments."""
    return np.zeros(len(frame), dtype)


def _whole(function: Any, rows: Sample, why: str) -> Followed:
    """The function as one Python step."""
    frame = rows.rows
    context = Context()
    argument = _argument(rows, context)
    tracer = Tracer(argument, context, rows)
    value = function(frame.copy(deep=False))
    native = f"the whole function: {why}"
    result = Traced(value, native, Replay(function, (argument.replay,)))
    shown = Result.of(result, tracer, frame)
    return Followed(function, frame, tracer, result.value, shown, is_whole=True)


# ---- results ----------------------------------------------------------------------


@dataclass
class Result:
    """The graph's output for what the function returns."""

    output: str
    ref: Ref
    ravel: bool
    dtype: str
    shape: dict[str, Any]
    classes: Array | None = None
    #: What the result is but for the errors of calls that are made for these.
    told: Ref | None = None

    @property
    def source(self) -> Ref:
        """The node whose values are the result's."""
        return self.ref if self.told is None else self.told

    @classmethod
    def of(cls, result: Any, tracer: Tracer, frame: pd.DataFrame) -> Result:
        if not isinstance(result, Traced):
            raise UnsupportedError(
                f"the function returns {type(result).__name__}, which does not hang on its input; "
                "return one array, matrix or Series with an answer for each row"
            )
        check_spoilt(result)
        if type(result.value) is list and isinstance(result.native, Column):
            # Of strings, an array of NumPy's would be as wide as those of the sample.
            values = np.array(result.value, dtype=object if result.native.is_text else None)
            array = Traced(values, result.native, result.replay, result.line)
            return replace(cls.of(array, tracer, frame), shape={"type": "list"})
        if isinstance(result.value, pd.DataFrame):
            raise UnsupportedError(
                "the function returns a frame: return an array (to_numpy()) or a Series"
            )
        dtype = getattr(result.value, "dtype", None)
        if isinstance(dtype, pd.CategoricalDtype):
            raise UnsupportedError(
                "the function returns categories: return numbers (.astype(float), .cat.codes)"
            )
        if isinstance(dtype, pd.SparseDtype):
            raise UnsupportedError(
                f"the function returns a column of {dtype}: return .sparse.to_dense()"
            )
        if result.is_part:
            _check_answers(len(result.value), len(frame))
        try:
            native = tracer.native(result)
            why = _why_other_dtype(native, result.value)
            if why:
                result.native = f"line {result.line}: {why}"
                native = tracer.external(result)
            made = result.external
            if made is not None and made.dtype not in _WHOLE:  # answers have their own dtype
                native = replace(made, dtype=str(result.value.dtype))
        except NotNative as reason:
            if result.is_part:  # the whole function may be a Python step
                raise CaptureError(str(reason)) from None
            raise UnsupportedError(f"the function's result cannot be compiled: {reason}") from None
        value = result.value
        _check_answers(value.shape[0], len(frame))
        if isinstance(native, Labels):
            return cls("label", native.ref, True, "", {"type": "array"}, native.classes)
        if isinstance(native, Column):
            return cls._of_column(native, value, tracer, result.line)
        if isinstance(native, Matrix):
            dtype = native.dtype
            if native.form:
                return cls("features", native.ref, False, dtype,
                           {"type": "sparse", "class": type(value).__name__})  # fmt: skip
            return cls("prediction", native.ref, False, dtype, {"type": "array"})
        raise UnsupportedError(
            "the function returns a frame: return an array (to_numpy()) or a Series"
        )

    def described(self) -> dict[str, Any]:
        """What the metadata say of it."""
        if self.classes is not None:
            return {
                "kind": "classifier",
                "classes": _json_classes(self.classes),
                "classes_dtype": self.classes.dtype.str,
            }
        if self.output == "features":
            return {"kind": "transformer", "transform_dtype": np.dtype(self.dtype).str}
        dtype = "float64" if self.dtype in _WHOLE else self.dtype
        return {"kind": "regressor", "prediction_dtype": np.dtype(dtype).str}

    @classmethod
    def _of_column(cls, column: Column, value: Any, tracer: Tracer, line: int) -> Result:
        labels = None
        if column.is_text:
            labels = few.labels_of(tracer, column, value.dtype, line)
        if column.is_moment or (column.is_text and labels is None):
            raise UnsupportedError(
                "the function returns strings that are not among a few constants, or moments: "
                "return numbers, or labels chosen by np.where, np.select, map or an array of them"
            )
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
            if labels is not None:
                shape["dtype"] = str(value.dtype)
        elif labels is not None and isinstance(value, pd.api.extensions.ExtensionArray):
            shape = {"type": "strings", "dtype": str(value.dtype)}
        if labels is not None:
            return cls("label", labels.ref, True, "", shape, labels.classes)
        return cls("prediction", column.ref, True, column.stored or column.dtype, shape)


def _check_answers(n: int, n_rows: int) -> None:
    if n != n_rows:
        raise UnsupportedError(
            f"the function returns {n} answers for {n_rows} rows; a compiled function answers each "
            "row"
        )


#: What whole numbers are as a result unless one of them is missing.
_WHOLE = {WHOLE: "int64", SHORT: "int32"}


def _why_other_dtype(native: Any, value: Any) -> str:
    """Why the graph's result would be of another dtype than the function's."""
    dtype = getattr(native, "dtype", "")
    if dtype == LOOSE:
        return (
            "whether the result is of booleans or of objects hangs on which rows were missing: "
            "add .astype(float), or .fillna(False).astype(bool)"
        )
    if dtype in (FILLED, MIXED):
        return (
            "whether the result is of whole numbers or float64 hangs on which rows were missing: "
            "add .astype(float)"
        )
    if getattr(native, "is_nullable", False):
        return f"the result is of {value.dtype}, which is nullable: cast it to a dtype of NumPy's"
    numbers = ("bool", "int64", "float32", "float64", *NARROW)
    dtype = getattr(native, "stored", "") or dtype
    if dtype in numbers and dtype != str(value.dtype) and not isinstance(native, Labels):
        return f"the result is of {value.dtype}"
    return ""


def _compared_as_objects(context: Context) -> list[str]:
    """The inputs whose objects a converter compares with numbers as they come."""
    nodes = context.builder.nodes
    return sorted(
        str(nodes[node].attributes["name"])
        for node, spec in context.text_inputs.items()
        if any(word.startswith("equal=") for word in spec.get("first", "").split())
    )


def _blocks(model: Model | None) -> list[dict[str, Any]]:
    """The independent parts of what a model reads."""
    ref = getattr(model, "model_input", None)
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
    by_line: dict[tuple[Any, int], list[Step]] = {}
    for step in tracer.steps:
        by_line.setdefault((step.code, step.line), []).append(step)
    for code in tracer.codes:
        try:
            source, first = inspect.getsourcelines(code)
        except OSError:
            continue
        for line, text in enumerate(source, first):
            own = by_line.get((code, line), [])
            found.append(
                {
                    "line": line,
                    "text": text.rstrip("\n"),
                    "nodes": sorted({numbers[n] for s in own for n in s.nodes if n in numbers}),
                    "python": list(dict.fromkeys(s.why for s in own if s.why)),
                }
            )
    return found
