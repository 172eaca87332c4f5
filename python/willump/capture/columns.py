"""Columns of numbers, booleans and strings: pandas' Series and one-dimensional arrays."""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from .._graph import text_of
from .frames import kind_of_dtype, same_rows
from .registry import Call, method
from .values import (
    FILLED,
    LOOSE,
    MIXED,
    SHORT,
    WHOLE,
    Column,
    Matrix,
    Native,
    NotNative,
    Traced,
    values_of,
)

#: Integers from here on are not all doubles.
LARGEST = 2**53

SERIES = "series array"


def emit(
    call: Call,
    operator: str,
    columns: Sequence[Column],
    dtype: str,
    rows: str,
    /,
    **attributes: Any,
) -> Column:
    """A node over columns."""
    context = call.tracer.context
    return Column(context._emit(operator, [c.node for c in columns], attributes), dtype, rows)


def is_number(value: Any) -> bool:
    """Whether a constant is a number, and no boolean."""
    is_moment = isinstance(value, np.timedelta64)  # to NumPy, an integer
    is_bool = isinstance(value, (bool, np.bool_))
    return isinstance(value, (int, float, np.integer, np.floating)) and not is_moment | is_bool


def as_moment(value: Any) -> Any:
    """A constant moment of NumPy's as pandas' own."""
    if isinstance(value, np.datetime64):
        return pd.Timestamp(value)
    return pd.Timedelta(value) if isinstance(value, np.timedelta64) else value


def number_of(value: Any) -> float:
    """A constant as a double that is exactly it."""
    value = as_moment(value)
    if isinstance(value, (bool, np.bool_, int, np.integer)):
        if abs(int(value)) > LARGEST:
            raise NotNative(f"{value} is beyond 2^53, where not all numbers are exact")
        return float(value)
    if isinstance(value, (float, np.floating)):
        return float(value)
    if isinstance(value, (pd.Timestamp, pd.Timedelta)):
        return microseconds(value)
    raise NotNative(f"{value!r} is no number")


def microseconds(value: Any) -> float:
    """A constant moment, in UTC if it has a zone, or the time between two."""
    nanoseconds = value.as_unit("ns").value
    if nanoseconds % 1000:
        raise NotNative(f"{value} has nanoseconds")
    return float(nanoseconds // 1000)


def kind_of_moment(value: Any) -> str:
    """The kind of a constant's column; "" of one that is no moment."""
    value = as_moment(value)
    if isinstance(value, pd.Timestamp):
        return "datetime" if value.tzinfo is None else "zoned"
    return "timedelta" if isinstance(value, pd.Timedelta) else ""


def is_missing(value: Any) -> bool:
    is_nan = isinstance(value, (float, np.floating)) and math.isnan(value)
    return value is None or value is pd.NA or is_nan


def result_dtype(
    call: Call, columns: Sequence[Column], value: float | None = None, *, is_whole: bool = True
) -> str:
    """The kind of a result: that of the sample, but that of whole numbers, of which
    some may be missing in other rows, hangs on these where the result `is_whole`.

    `value`: a constant operand.
    """
    from .narrow import check_either

    check_either(columns)
    if call.value.dtype == np.int32 and SHORT in {c.dtype for c in columns}:
        return SHORT if is_whole and is_integer(value) else FILLED
    dtype = kind_of_dtype(call.value.dtype)
    if is_whole and all(c.is_whole or c.is_bool for c in columns) and is_integer(value):
        return either(columns, dtype)
    return dtype


def is_integer(value: Any) -> bool:
    """Whether a constant operand leaves whole numbers whole."""
    return value is None or isinstance(value, (int, np.integer))


def either(columns: Sequence[Column], otherwise: str) -> str:
    """What whole columns give together."""
    kinds = {column.dtype for column in columns}
    if SHORT in kinds and kinds <= {SHORT, "bool"}:
        return SHORT
    return FILLED if kinds & {FILLED, SHORT} else WHOLE if WHOLE in kinds else otherwise


# ---- arithmetic ---------------------------------------------------------------

_ARITHMETIC = {
    "add": "add", "sub": "subtract", "mul": "multiply", "truediv": "divide",
    "floordiv": "floor_divide", "mod": "remainder", "subtract": "subtract",
    "multiply": "multiply", "div": "divide", "divide": "divide",
    "maximum": "maximum", "minimum": "minimum", "fmax": "fmax", "fmin": "fmin",
    "true_divide": "divide", "floor_divide": "floor_divide", "remainder": "remainder",
}  # fmt: skip
_COMPARISONS = {
    "lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal", "eq": "equal",
    "ne": "not_equal", "less": "less", "less_equal": "less_equal", "greater": "greater",
    "greater_equal": "greater_equal", "equal": "equal", "not_equal": "not_equal",
}  # fmt: skip
_LOGIC = {
    "and_": "logical_and", "or_": "logical_or", "xor": "logical_xor",
    "logical_and": "logical_and", "logical_or": "logical_or", "logical_xor": "logical_xor",
}  # fmt: skip


def short_name(call: Call) -> str:
    """The method's own name, with the operator's underscore."""
    name = call.name.rpartition(".")[2]
    return {"and": "and_", "or": "or_"}.get(name, name)


def operands(call: Call) -> tuple[list[Column], float | None, bool]:
    """Two operands: columns, the constant among them, and whether that is the first."""
    if len(call.args) != 2 or call.kwargs:
        raise NotNative(f"{call.name} with options")
    left, right = call.args
    if isinstance(left, Traced) and isinstance(right, Traced):
        return [call.tracer.column(left), call.tracer.column(right)], None, False
    traced, constant = (left, right) if isinstance(left, Traced) else (right, left)
    return [call.tracer.column(traced)], number_of(constant), traced is right


def binary(
    call: Call,
    function: str,
    columns: Sequence[Column],
    value: float | None,
    is_reversed: bool,
    dtype: str,
) -> Column:
    """A node `binary`; whole results are exact or refused."""
    rows = same_rows(columns)
    if value is not None and dtype == "float32":
        value = float(np.float32(value))
    is_whole = dtype in ("int64", WHOLE, FILLED, SHORT)
    graph_dtype = ("i32" if dtype == SHORT else "i64") if is_whole else None
    kinds = {c.dtype for c in columns}
    if "float32" in kinds and dtype in ("float64", "float32") and kinds != {dtype}:
        graph_dtype = "f64" if dtype == "float64" else "f32"
    attributes: dict[str, Any] = {
        "function": function,
        "value": value,
        "reverse": True if is_reversed else None,
        "dtype": graph_dtype,
    }
    found = emit(call, "binary", columns, dtype, rows, **attributes)
    if is_whole and dtype != "int64":  # checked as whole numbers, and NaN is kept
        return emit(call, "cast", [found], dtype, rows, dtype="f64")
    return found


def _as_floats(function: str, columns: Sequence[Column], constants: Sequence[Any]) -> list[Column]:
    """Numbers of which rows decide whether they are ints are floats beside floats."""
    is_float = function == "divide" or any(
        kind == "float64" for kind in (*(c.dtype for c in columns), *map(_kind, constants))
    )
    if not is_float:
        return list(columns)
    return [replace(c, dtype="float64") if c.dtype == MIXED else c for c in columns]


def _kind(constant: Any) -> str:
    return "float64" if isinstance(constant, (float, np.float64)) else ""


@method(SERIES, *_ARITHMETIC)
def arithmetic(call: Call) -> Native:
    function = _ARITHMETIC[short_name(call)]
    if any(isinstance(a, Traced) and getattr(a.native, "dtype", "") == "str" for a in call.args):
        from .strings import concatenated

        if function == "add":
            return concatenated(call)
    columns, value, is_reversed = operands(call)
    is_time = any(kind_of_moment(a) for a in call.args if not isinstance(a, Traced))
    if is_time or any(column.is_moment for column in columns):
        from .dates import moments

        return moments(call, function, columns, value, is_reversed)
    if any(column.is_nullable for column in columns):
        from . import nullable

        return nullable.arithmetic(call, function, columns, value, is_reversed)
    constants = [a for a in call.args if not isinstance(a, Traced)]
    columns = _as_floats(function, columns, constants)
    if not all(column.is_number or column.is_bool for column in columns):
        raise NotNative(f"{function} of {columns[0].dtype}")
    dtype = result_dtype(call, columns, *constants, is_whole=function != "divide")
    if dtype == "bool":
        raise NotNative(f"{function} of booleans")
    if function in ("floor_divide", "remainder"):
        columns = [call.tracer.exact(column) for column in columns]
        by_constant = value is not None and value != 0 and not is_reversed
        is_series = any(isinstance(a.value, pd.Series) for a in call.args if isinstance(a, Traced))
        floats = {c.dtype for c in columns if c.is_float}
        if function == "floor_divide" and floats == {"float32"}:
            if not by_constant and is_series:
                raise NotNative("floor_divide of float32, float64 where a row is divided by 0")
            if by_constant and float(np.float32(value)) == 0.0:
                raise NotNative(f"floor_divide of float32 and {value!r}")
        if not by_constant and all(c.is_whole or c.is_bool for c in columns):
            raise NotNative(f"{function} of whole numbers by what may be 0")
    return binary(call, function, columns, value, is_reversed, dtype)


@method(SERIES, "pow")
def power(call: Call) -> Native:
    columns, value, is_reversed = operands(call)
    column = columns[0]
    dtype = result_dtype(call, columns, is_whole=value == 2)
    if dtype == "bool":
        raise NotNative("the power of booleans")
    if value == 2 and not is_reversed:
        return binary(call, "multiply", [column, column], None, False, dtype)
    functions = {1.0: "positive", 0.5: "sqrt", -1.0: "reciprocal"}
    is_series = any(isinstance(getattr(each, "value", None), pd.Series) for each in call.args)
    is_native = dtype in ("float64", "float32") and column.is_float and not is_reversed
    if value not in functions or not is_native or (value == 0.5 and is_series):
        return _own_power(call, columns, is_reversed=is_reversed, is_series=is_series)
    return emit(call, "ufunc", [column], dtype, column.rows, function=functions[value])


def _own_power(
    call: Call, columns: Sequence[Column], *, is_reversed: bool, is_series: bool
) -> Column:
    """A power as NumPy computes it; pandas hands constants over as NumPy's."""
    why = "there is no native form of this power"
    constants = [each for each in call.args if not isinstance(each, Traced)]
    if not all(isinstance(each, (int, float)) for each in constants):
        raise NotNative(why)
    constant = constants[0] if constants else None
    if is_series and isinstance(constant, float):
        constant = np.float64(constant)
    dtype = str(call.value.dtype)
    node = call.tracer.twins.step(
        operator.pow, columns, dtype, call.tracer.line, why,
        constant=constant, is_reversed=is_reversed,
    )  # fmt: skip
    return Column(node, dtype, same_rows(columns))


@method(SERIES, "neg", "negative")
def negative(call: Call) -> Native:
    column = call.tracer.column(call.args[0])
    if not column.is_number:
        raise NotNative(f"the negative of {column.dtype}")
    if column.is_whole:  # there is no -0 among them
        return binary(call, "subtract", [column], 0.0, True, result_dtype(call, [column]))
    return emit(call, "ufunc", [column], column.dtype, column.rows, function="negative")


@method(SERIES, "pos", "positive")
def positive(call: Call) -> Native:
    return call.tracer.column(call.args[0])


@method("series array matrix", "abs", "absolute", "fabs")
def absolute(call: Call) -> Native:
    if isinstance(call.args[0].native, Matrix):
        matrix = call.tracer.matrix(call.args[0])
        if matrix.form or matrix.dtype not in ("float64", "float32"):
            raise NotNative("abs of a sparse or whole matrix")
        ref = call.tracer.context.apply("ufunc", matrix.ref, function="absolute")
        return replace(matrix, ref=ref)
    column = call.tracer.column(call.args[0])
    if not column.is_number:
        raise NotNative(f"abs of {column.dtype}")
    dtype = result_dtype(call, [column])
    return emit(call, "ufunc", [column], dtype, column.rows, function="absolute")


@method(SERIES, "round")
def rounded(call: Call) -> Native:
    decimals = call.bind("self", "decimals", decimals=0).decimals if call.args[1:] else (
        call.kwargs.get("decimals", 0)
    )  # fmt: skip
    column = call.tracer.column(call.args[0])
    if column.is_whole and decimals >= 0:
        return column
    column = call.tracer.exact(column)
    dtype = column.dtype
    if not column.is_float or (dtype == "float32" and abs(decimals) > 10):
        raise NotNative(f"round({decimals}) of {dtype}")
    scale = float(10 ** abs(decimals))
    first, last = ("multiply", "divide") if decimals >= 0 else ("divide", "multiply")
    if decimals:
        column = binary(call, first, [column], scale, False, dtype)
    column = emit(call, "ufunc", [column], dtype, column.rows, function="rint")
    return binary(call, last, [column], scale, False, dtype) if decimals else column


# ---- comparison and logic -------------------------------------------------------


@method(f"{SERIES} Categorical strings", *_COMPARISONS)
def comparison(call: Call) -> Native:
    function = _COMPARISONS[short_name(call)]
    left, right = call.args
    texts = [a for a in (left, right) if isinstance(a, str)]
    if texts:
        column = call.tracer.column(left if isinstance(left, Traced) else right, is_coded=True)
        return _equal_text(call, column, texts[0], function)
    loose = next((a for a in call.args if getattr(_native(a), "dtype", "") == LOOSE), None)
    if loose is not None and function in ("equal", "not_equal"):
        (constant,) = (a for a in call.args if a is not loose)
        value = number_of(constant) if not isinstance(constant, Traced) else None
        column = call.tracer.column(loose, is_loose=value is not None)
        return emit(call, "binary", [column], "bool", column.rows, function=function, value=value)
    if any(getattr(_native(a), "dtype", "") == "category" for a in call.args):
        return _equal_category(call, function)
    columns, value, is_reversed = operands(call)
    if any(c.is_text or c.dtype == "nullable text" for c in columns):
        raise NotNative("strings of two columns are compared")
    kinds = [c.dtype if c.is_moment else "" for c in columns]
    kinds += [kind_of_moment(a) for a in call.args if not isinstance(a, Traced)]
    if len(set(kinds)) > 1:
        raise NotNative("moments are compared with other values")
    if any(c.is_nullable for c in columns):
        from . import nullable

        return nullable.compared(call, function, columns, value, is_reversed)
    if value is not None:
        constant = next(a for a in call.args if not isinstance(a, Traced))
        value = _beside(columns[0], constant)
    columns = [call.tracer.exact(column) for column in columns]
    return emit(
        call, "binary", columns, "bool", same_rows(columns), function=function, value=value,
        reverse=True if is_reversed else None,
    )  # fmt: skip


def _native(value: Any) -> Any:
    return value.native if isinstance(value, Traced) else None


def _beside(column: Column, constant: Any) -> float:
    """A constant as NumPy compares it: Python's numbers are float32 beside float32."""
    value = number_of(constant)
    if column.dtype != "float32" or isinstance(constant, np.generic):
        return value
    with np.errstate(over="ignore"):
        return float(np.float32(value))


def _equal_category(call: Call, function: str) -> Column:
    """A categorical column compared with what is no string."""
    from .categories import equal_to

    constants = [a for a in call.args if not isinstance(a, Traced)]
    if len(constants) != 1 or function not in ("equal", "not_equal"):
        raise NotNative("the values of a categorical column")
    own = next(a for a in call.args if isinstance(a, Traced))
    column = call.tracer.column(own, is_coded=True)
    if column.source >= 0 and is_number(constants[0]):
        value = number_of(constants[0])
        column = values_of(column)
        return emit(call, "binary", [column], "bool", column.rows, function=function, value=value)
    return equal_to(call, call.tracer.column(own, is_coded=True), constants[0], function)


def _equal_text(call: Call, column: Column, text: str, function: str) -> Column:
    if column.categories and function in ("equal", "not_equal"):
        from .categories import equal_to

        if column.source < 0:
            return equal_to(call, column, text, function)
        column = values_of(column)
    if not column.is_text:
        raise NotNative(f"{column.dtype} is compared with a string")
    if function not in ("equal", "not_equal"):
        raise NotNative("strings are compared by order")
    is_equal = function == "equal"
    return looked_up(call, column, {text: float(is_equal)}, float(not is_equal), "bool")


@method(SERIES, *_LOGIC)
def logic(call: Call) -> Native:
    columns, value, is_reversed = operands(call)
    if any(c.is_nullable for c in columns):
        from . import nullable

        return nullable.logic(call, _LOGIC[short_name(call)], columns, value)
    if not all(c.is_bool for c in columns):
        raise NotNative("& and | of what is not boolean")
    return emit(
        call, "binary", columns, "bool", same_rows(columns), function=_LOGIC[short_name(call)],
        value=value, reverse=True if is_reversed else None,
    )  # fmt: skip


@method(SERIES, "invert", "logical_not")
def inverted(call: Call) -> Native:
    column = call.tracer.column(call.args[0])
    if column.is_nullable:
        from . import nullable

        return nullable.negated(call, column)
    return negated(call, column)


def negated(call: Call, column: Column) -> Column:
    if not column.is_bool:
        raise NotNative("~ of what is not boolean")
    return emit(call, "binary", [column], "bool", column.rows, function="equal", value=0.0)


@method("series", "between")
def between(call: Call) -> Native:
    own = call.bind("self", "left", "right", "inclusive", inclusive="both")
    column = call.tracer.exact(call.tracer.column(own.self))
    if not column.is_number:
        raise NotNative(f"between of {column.dtype}")
    low = "greater_equal" if own.inclusive in ("both", "left") else "greater"
    high = "less_equal" if own.inclusive in ("both", "right") else "less"
    parts = []
    for function, bound in ((low, own.left), (high, own.right)):
        if isinstance(bound, Traced):
            other = call.tracer.column(bound)
            rows = same_rows([column, other])
            parts.append(emit(call, "binary", [column, other], "bool", rows, function=function))
        else:
            parts.append(
                emit(call, "binary", [column], "bool", column.rows, function=function,
                     value=_beside(column, bound))
            )  # fmt: skip
    return emit(call, "binary", parts, "bool", same_rows(parts), function="logical_and")


# ---- lookups -------------------------------------------------------------------------


def looked_up(
    call: Call, column: Column, table: Mapping[Any, float], unknown: float, dtype: str
) -> Column:
    """What each value stands for; the keys are strings, or numbers. A missing value
    is found by the key NaN."""
    keys = list(table)
    gone = [k for k in keys if is_missing(k)]
    attributes: dict[str, Any] = {"unknown": np.array([unknown])}
    if column.is_text:
        if not all(isinstance(k, str) for k in keys if not is_missing(k)):
            raise NotNative("strings are looked up among other values")
        attributes["categories"] = ["" if is_missing(k) else text_of(k) for k in keys]
        if gone:
            place = np.array([next(i for i, k in enumerate(keys) if is_missing(k))])
            attributes |= {"nan": place, "none": place}
    else:
        column = call.tracer.exact(column)
        numbers = np.array([math.nan if is_missing(k) else number_of(k) for k in keys])
        order = np.argsort(numbers, kind="stable")
        keys = [keys[i] for i in order]
        attributes["categories"] = numbers[order]
    attributes["sizes"] = np.array([len(keys)])
    attributes["codes"] = np.array([float(table[k]) for k in keys])
    return emit(call, "encode", [column], dtype, column.rows, **attributes)
