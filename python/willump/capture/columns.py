"""Columns of numbers, booleans and strings: pandas' Series and one-dimensional arrays."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from .frames import kind_of_dtype, same_rows
from .registry import Call, method
from .values import (
    FILLED,
    SHORT,
    WHOLE,
    Column,
    Frame,
    Held,
    Later,
    Matrix,
    Native,
    NotNative,
    Traced,
    column_of,
)

#: Integers from here on are not all doubles.
LARGEST = 2**53

_SERIES = "series array"


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


def number_of(value: Any) -> float:
    """A constant as a double that is exactly it."""
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
    """A constant moment, or the time between two."""
    if getattr(value, "tzinfo", None) is not None:
        raise NotNative("a moment with a time zone")
    nanoseconds = value.as_unit("ns").value
    if nanoseconds % 1000:
        raise NotNative(f"{value} has nanoseconds")
    return float(nanoseconds // 1000)


def is_missing(value: Any) -> bool:
    return value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value))


def result_dtype(
    call: Call, columns: Sequence[Column], value: float | None = None, *, is_whole: bool = True
) -> str:
    """The kind of a result: that of the sample, but that of whole numbers, of which
    some may be missing in other rows, hangs on these where the result `is_whole`.

    `value`: a constant operand.
    """
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
    if kinds <= {SHORT, "bool"}:
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
    if any(c.dtype == "float32" for c in columns) and dtype == "float64":
        graph_dtype = "f64"
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


@method(_SERIES, *_ARITHMETIC)
def arithmetic(call: Call) -> Native:
    function = _ARITHMETIC[short_name(call)]
    if any(isinstance(a, Traced) and getattr(a.native, "dtype", "") == "str" for a in call.args):
        from .strings import concatenated

        if function == "add":
            return concatenated(call)
    columns, value, is_reversed = operands(call)
    if any(column.is_moment for column in columns):
        from .dates import moments

        return moments(call, function, columns, value, is_reversed)
    if not all(column.is_number or column.is_bool for column in columns):
        raise NotNative(f"{function} of {columns[0].dtype}")
    constants = [a for a in call.args if not isinstance(a, Traced)]
    dtype = result_dtype(call, columns, *constants, is_whole=function != "divide")
    if dtype == "bool":
        raise NotNative(f"{function} of booleans")
    if function in ("floor_divide", "remainder"):
        call.tracer.check_exact(*columns)
        if dtype == "float32":
            raise NotNative(f"{function} of float32")
        by_constant = value is not None and value != 0 and not is_reversed
        if not by_constant and all(c.is_whole or c.is_bool for c in columns):
            raise NotNative(f"{function} of whole numbers by what may be 0")
    return binary(call, function, columns, value, is_reversed, dtype)


@method(_SERIES, "pow")
def power(call: Call) -> Native:
    columns, value, is_reversed = operands(call)
    column = columns[0]
    dtype = result_dtype(call, columns, is_whole=value == 2)
    if value is None or is_reversed or dtype == "bool":
        raise NotNative("a power that is no constant")
    if value == 2:
        return binary(call, "multiply", [column, column], None, False, dtype)
    if dtype not in ("float64", "float32") or not column.is_float:
        raise NotNative(f"the power {value:g}")
    functions = {1.0: "positive", 0.5: "sqrt", -1.0: "reciprocal"}
    if value not in functions or (value == 0.5 and isinstance(call.args[0].value, pd.Series)):
        raise NotNative(f"the power {value:g}")
    return emit(call, "ufunc", [column], dtype, column.rows, function=functions[value])


@method(_SERIES, "neg", "negative")
def negative(call: Call) -> Native:
    column = call.tracer.column(call.args[0])
    if not column.is_number:
        raise NotNative(f"the negative of {column.dtype}")
    if column.is_whole:  # there is no -0 among them
        return binary(call, "subtract", [column], 0.0, True, column.dtype)
    return emit(call, "ufunc", [column], column.dtype, column.rows, function="negative")


@method(_SERIES, "pos", "positive")
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


@method(_SERIES, "round")
def rounded(call: Call) -> Native:
    decimals = call.bind("self", "decimals", decimals=0).decimals if call.args[1:] else (
        call.kwargs.get("decimals", 0)
    )  # fmt: skip
    column = call.tracer.column(call.args[0])
    if column.is_whole and decimals >= 0:
        return column
    call.tracer.check_exact(column)
    if column.dtype != "float64":
        raise NotNative(f"round of {column.dtype}")
    scale = float(10 ** abs(decimals))
    first, last = ("multiply", "divide") if decimals >= 0 else ("divide", "multiply")
    if decimals:
        column = binary(call, first, [column], scale, False, "float64")
    column = emit(call, "ufunc", [column], "float64", column.rows, function="rint")
    return binary(call, last, [column], scale, False, "float64") if decimals else column


# ---- comparison and logic -------------------------------------------------------


@method(_SERIES, *_COMPARISONS)
def comparison(call: Call) -> Native:
    function = _COMPARISONS[short_name(call)]
    left, right = call.args
    texts = [a for a in (left, right) if isinstance(a, str)]
    if texts:
        column = call.tracer.column(left if isinstance(left, Traced) else right)
        return _equal_text(call, column, texts[0], function)
    columns, value, is_reversed = operands(call)
    if any(c.is_text for c in columns):
        raise NotNative("strings of two columns are compared")
    is_moment = [c.is_moment for c in columns] + [
        isinstance(a, (pd.Timestamp, pd.Timedelta)) for a in call.args if not isinstance(a, Traced)
    ]
    if any(is_moment) != all(is_moment):
        raise NotNative("moments are compared with other values")
    if value is not None and columns[0].dtype == "float32":
        value = float(np.float32(value))
    call.tracer.check_exact(*columns)
    return emit(
        call, "binary", columns, "bool", same_rows(columns), function=function, value=value,
        reverse=True if is_reversed else None,
    )  # fmt: skip


def _equal_text(call: Call, column: Column, text: str, function: str) -> Column:
    if not column.is_text:
        raise NotNative(f"{column.dtype} is compared with a string")
    if function not in ("equal", "not_equal"):
        raise NotNative("strings are compared by order")
    is_equal = function == "equal"
    return looked_up(call, column, {text: float(is_equal)}, float(not is_equal), "bool")


@method(_SERIES, *_LOGIC)
def logic(call: Call) -> Native:
    columns, value, is_reversed = operands(call)
    if not all(c.is_bool for c in columns):
        raise NotNative("& and | of what is not boolean")
    return emit(
        call, "binary", columns, "bool", same_rows(columns), function=_LOGIC[short_name(call)],
        value=value, reverse=True if is_reversed else None,
    )  # fmt: skip


@method(_SERIES, "invert", "logical_not")
def inverted(call: Call) -> Native:
    return negated(call, call.tracer.column(call.args[0]))


def negated(call: Call, column: Column) -> Column:
    if not column.is_bool:
        raise NotNative("~ of what is not boolean")
    return emit(call, "binary", [column], "bool", column.rows, function="equal", value=0.0)


@method("series", "between")
def between(call: Call) -> Native:
    own = call.bind("self", "left", "right", "inclusive", inclusive="both")
    column = call.tracer.column(own.self)
    call.tracer.check_exact(column)
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
                     value=number_of(bound))
            )  # fmt: skip
    return emit(call, "binary", parts, "bool", same_rows(parts), function="logical_and")


# ---- missing values -------------------------------------------------------------


def missing(call: Call, column: Column) -> Column:
    """1 where a value is missing."""
    if column.is_text:
        node = call.tracer.context._emit(
            "encode",
            (column.node,),
            {
                "categories": [""],
                "sizes": np.array([1]),
                "codes": np.array([1.0]),
                "unknown": np.array([0.0]),
                "nan": np.array([0]),
                "none": np.array([0]),
            },
        )
        return Column(node, "bool", column.rows)
    return emit(call, "is_missing", [column], "bool", column.rows)


@method("series", "isna", "isnull")
def isna(call: Call) -> Native:
    return missing(call, call.tracer.column(call.args[0]))


@method("series", "notna", "notnull")
def notna(call: Call) -> Native:
    return negated(call, missing(call, call.tracer.column(call.args[0])))


def filled(call: Call, column: Column, value: Any) -> Column:
    """A column with its missing values replaced."""
    if isinstance(value, Traced):
        other = call.tracer.column(value)
        if column.is_text or other.is_text or column.dtype != other.dtype or column.is_either:
            raise NotNative(f"fillna of {column.dtype} with {other.dtype}")
        rows = same_rows([column, other])
        gone = missing(call, column)
        return emit(call, "where", [gone, other, column], column.dtype, rows)
    if is_missing(value):
        return column
    if column.is_text:
        if not isinstance(value, str):
            raise NotNative(f"fillna of strings with {value!r}")
        return emit(
            call, "fill_text", [column], column.dtype, column.rows, value=value, missing="any"
        )
    if column.dtype in ("int64", "bool"):
        return column
    number = number_of(value)
    dtype = column.dtype
    if column.is_either and not number.is_integer():
        raise NotNative("whole numbers, some missing, are filled with a number that is not whole")
    dtype = FILLED if column.is_either else dtype
    if dtype == "float32":
        number = float(np.float32(number))
    return emit(call, "impute", [column], dtype, column.rows, fill=np.array([number]))


@method("series", "fillna")
def fillna(call: Call) -> Native:
    own = call.bind("self", "value")
    return filled(call, call.tracer.column(own.self), own.value)


@method("frame", "fillna")
def frame_fillna(call: Call) -> Native:
    own = call.bind("self", "value")
    frame = call.tracer.frame_of(own.self)
    columns: dict[str, Held] = {}
    value = own.value
    if isinstance(value, pd.Series):
        value = value.to_dict()
    for name, column in frame.columns.items():
        if isinstance(value, Mapping) and name not in value:
            columns[name] = column
            continue
        own_value = value[name] if isinstance(value, Mapping) else value
        columns[name] = Later(
            functools.partial(_filled_later, call, column, own_value), f"line {call.tracer.line}: "
        )
    return Frame(columns, frame.rows)


def _filled_later(call: Call, held: Held, value: Any) -> Column:
    return filled(call, column_of(held), value)


@method("frame", "isna", "isnull", "notna", "notnull")
def frame_isna(call: Call) -> Native:
    frame = call.tracer.frame_of(call.args[0])
    found: dict[str, Held] = {}
    for name in frame.columns:
        gone = missing(call, frame.column(name))
        found[name] = gone if "isn" in call.name.rpartition(".")[2] else negated(call, gone)
    return Frame(found, frame.rows)


# ---- choices -----------------------------------------------------------------------


def chosen(call: Call, condition: Column, then: Any, otherwise: Any, shown: Any) -> Column:
    """One or the other by a condition; each is a column or a number."""
    if not condition.is_bool:
        raise NotNative("a condition that is not boolean")
    columns = [condition]
    attributes: dict[str, Any] = {}
    kinds: list[str] = []
    for name, side in (("then", then), ("otherwise", otherwise)):
        if isinstance(side, Traced):
            side = call.tracer.column(side)
        if isinstance(side, Column):
            columns.append(side)
            kinds.append(side.dtype)
        else:
            attributes[name] = math.nan if is_missing(side) else number_of(side)
            kinds.append(_kind_of_constant(side))
    if "str" in kinds:
        raise NotNative("strings are chosen")
    dtype = kind_of_dtype(shown.dtype)
    if ("bool" in kinds) != (dtype == "bool"):
        raise NotNative("booleans beside numbers")
    if dtype == "float32" or "float32" in kinds:
        raise NotNative("a choice of float32")
    is_whole = all(k in ("int64", WHOLE, FILLED, SHORT, "missing") for k in kinds)
    if is_whole and set(kinds) & {WHOLE, FILLED, SHORT}:
        dtype = FILLED
    elif is_whole and "missing" in kinds and not isinstance(shown, np.ndarray):
        dtype = WHOLE
    return emit(call, "where", columns, dtype, same_rows(columns), **attributes)


def _kind_of_constant(value: Any) -> str:
    if is_missing(value):
        return "missing"
    if isinstance(value, (bool, np.bool_)):
        return "bool"
    return "int64" if isinstance(value, (int, np.integer)) else "float64"


@method("series", "where", "mask")
def where(call: Call) -> Native:
    own = call.bind("self", "cond", "other", other=math.nan)
    column = call.tracer.column(own.self)
    condition = call.tracer.column(own.cond)
    if call.name.endswith("mask"):
        return chosen(call, condition, own.other, column, call.value)
    return chosen(call, condition, column, own.other, call.value)


@method("series", "setitem")
def set_where(call: Call) -> Native:
    owner, condition, value = call.args
    if not isinstance(condition, Traced):
        raise NotNative("rows are set by their labels")
    column = call.tracer.column(owner)
    return chosen(call, call.tracer.column(condition), value, column, call.value)


@method("frame.loc", "setitem")
def set_loc(call: Call) -> Native:
    owner, key, value = call.args
    frame = call.tracer.frame_of(owner)
    if not (isinstance(key, tuple) and len(key) == 2 and isinstance(key[1], str)):
        raise NotNative("this assignment by .loc")
    rows, name = key
    if isinstance(rows, slice) and rows == slice(None):
        from .frames import _with

        return _with(call, frame, {name: value})
    old: Any = frame.column(name) if name in frame.columns else math.nan
    condition = call.tracer.column(rows)
    column = chosen(call, condition, value, old, call.value[name])
    if column.rows not in ("", frame.rows):
        raise NotNative("the condition has another index than the frame")
    return Frame({**frame.columns, name: replace(column, rows=frame.rows)}, frame.rows)


@method(_SERIES, "clip")
def clip(call: Call) -> Native:
    own = call.bind("self", "lower", "upper", lower=None, upper=None)
    column = call.tracer.column(own.self)
    if not column.is_number:
        raise NotNative(f"clip of {column.dtype}")
    if isinstance(own.lower, Traced) or isinstance(own.upper, Traced):
        raise NotNative("clip by columns")
    low = -math.inf if is_missing(own.lower) else number_of(own.lower)
    high = math.inf if is_missing(own.upper) else number_of(own.upper)
    if low > high:
        raise NotNative("clip with bounds in the wrong order")
    bounds = [b for b in (own.lower, own.upper) if not is_missing(b)]
    dtype = result_dtype(call, [column], is_whole=all(map(is_integer, bounds)))
    if column.is_whole and not (low.is_integer() or math.isinf(low)):
        raise NotNative("whole numbers are clipped to what is not whole")
    if column.is_whole and not (high.is_integer() or math.isinf(high)):
        raise NotNative("whole numbers are clipped to what is not whole")
    if dtype == "float32":
        low, high = float(np.float32(low)), float(np.float32(high))
    return emit(call, "clip", [column], dtype, column.rows, min=low, max=high)


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
        attributes["categories"] = ["" if is_missing(k) else str(k) for k in keys]
        if gone:
            place = np.array([next(i for i, k in enumerate(keys) if is_missing(k))])
            attributes |= {"nan": place, "none": place}
    else:
        call.tracer.check_exact(column)
        numbers = np.array([math.nan if is_missing(k) else number_of(k) for k in keys])
        order = np.argsort(numbers, kind="stable")
        keys = [keys[i] for i in order]
        attributes["categories"] = numbers[order]
    attributes["sizes"] = np.array([len(keys)])
    attributes["codes"] = np.array([float(table[k]) for k in keys])
    return emit(call, "encode", [column], dtype, column.rows, **attributes)


@method("series", "isin")
def isin(call: Call) -> Native:
    own = call.bind("self", "values")
    column = call.tracer.column(own.self)
    if isinstance(own.values, Traced):
        raise NotNative("isin of data")
    values = list(own.values)
    if column.is_text:
        kept = [v for v in values if isinstance(v, str) or is_missing(v)]
        if column.dtype == "object" and any(is_missing(v) for v in kept):
            raise NotNative("isin of objects with a missing value")
    elif column.is_number:
        if any(isinstance(v, (str, bool)) for v in values):
            raise NotNative("numbers are looked for among strings or booleans")
        kept = [v for v in values if is_missing(v) or abs(v) <= LARGEST]
    else:
        raise NotNative(f"isin of {column.dtype}")
    table: dict[Any, float] = {}
    for value in kept:
        table[None if is_missing(value) else value] = 1.0
    return looked_up(call, column, table, 0.0, "bool")


@method("series", "map", "replace")
def mapped(call: Call) -> Native:
    from .joins import values_at

    own = call.bind("self", "arg")
    column = call.tracer.column(own.self)
    table = own.arg
    if isinstance(table, Traced):
        raise NotNative(f"{call.name} of data")
    if call.name.endswith("replace"):
        raise NotNative("replace")
    if isinstance(table, pd.Series):
        return values_at(call, column, table.index, table, call.value)
    if type(table) is not dict:
        raise NotNative(f"map with a {type(table).__name__}")
    if not table:
        raise NotNative("map with an empty dict")
    keys, values = list(table), list(table.values())
    if column.is_text and not all(isinstance(k, str) for k in keys):
        raise NotNative("map of strings with other keys")
    found = pd.Series(values, index=pd.Index(keys, dtype="str" if column.is_text else None))
    return values_at(call, column, found.index, found, call.value)


# ---- casts ---------------------------------------------------------------------------


def cast(call: Call, column: Column, dtype: Any) -> Column:
    """A column in another dtype, that of the result on the sample."""
    wanted = kind_of_dtype(dtype)
    if column.dtype == wanted:
        return column
    context = call.tracer.context
    if column.is_text or wanted in ("str", "object"):
        raise NotNative(f"astype from {column.dtype} to {wanted}")
    if wanted in ("bool", "int64"):
        call.tracer.check_exact(column)
    if wanted == "bool":
        return emit(call, "binary", [column], "bool", column.rows, function="not_equal", value=0.0)
    if wanted in ("float64", "float32"):
        has_other = (column.dtype == "float32") != (wanted == "float32")
        graph = "f32" if wanted == "float32" else "f64"
        node = context._emit("cast", (column.node,), {"dtype": graph}) if has_other else column.node
        return Column(node, wanted, column.rows)
    if column.is_bool or column.dtype == "int64":
        return replace(column, dtype=wanted)
    checked = context._emit(
        "check_finite",
        (column.node,),
        {
            "estimator": "",
            "message": "Cannot convert non-finite values (NA or inf) to integer",
        },
    )
    whole = context._emit("ufunc", (checked,), {"function": "trunc"})
    exact: dict[str, Any] = {"function": "add", "value": 0.0, "dtype": "i64"}
    return Column(context._emit("binary", (whole,), exact), wanted, column.rows)


@method(_SERIES, "astype")
def astype(call: Call) -> Native:
    return cast(call, call.tracer.column(call.args[0]), call.value.dtype)


@method("array", "reshape")
def reshape(call: Call) -> Native:
    from .frames import joined

    shape = call.args[1:] if len(call.args) > 2 else call.args[1]
    if tuple(shape if isinstance(shape, (tuple, list)) else (shape,)) != (-1, 1):
        raise NotNative(f"reshape{shape}")
    return joined(call, [call.tracer.column(call.args[0])])


@method("array", "getitem")
def new_axis(call: Call) -> Native:
    from .frames import joined

    key = call.args[1]
    if key == (slice(None), None):
        return joined(call, [call.tracer.column(call.args[0])])
    raise NotNative("rows are picked")


@method("array", "copy", "ravel", "flatten")
def same_array(call: Call) -> Native:
    return call.tracer.column(call.args[0])
