"""Columns: missing values, choices by a condition, lookups of single values, casts."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from .._graph import text_of
from . import few, nullable
from .columns import (
    LARGEST,
    SERIES,
    emit,
    is_integer,
    is_missing,
    kind_of_moment,
    looked_up,
    negated,
    number_of,
    result_dtype,
)
from .frames import kind_of_dtype, same_rows
from .narrow import check_either, held_by, stored_name, wrapped
from .registry import Call, function, method
from .values import (
    FILLED,
    LOOSE,
    MIXED,
    REPLACED,
    SHORT,
    WHOLE,
    Column,
    Frame,
    Held,
    Later,
    Native,
    NotNative,
    Traced,
    column_of,
    is_traced,
    values_of,
)

# ---- missing values -------------------------------------------------------------


def missing(call: Call, column: Column) -> Column:
    """1 where a value is missing."""
    if column.is_nullable:
        nullable.check_tells_missing(column)
    if column.dtype == REPLACED:
        raise NotNative("strings, some of which are numbers")
    if column.source >= 0:
        column = values_of(column)
    if column.categories:
        return emit(call, "binary", [column], "bool", column.rows, function="less", value=0.0)
    if column.is_text or column.dtype == "nullable text":
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


@method("series Categorical strings", "isna", "isnull")
def isna(call: Call) -> Native:
    return missing(call, call.tracer.column(call.args[0], is_loose=True, is_coded=True))


@method("series Categorical strings", "notna", "notnull")
def notna(call: Call) -> Native:
    return negated(
        call, missing(call, call.tracer.column(call.args[0], is_loose=True, is_coded=True))
    )


def filled(call: Call, column: Column, value: Any) -> Column:
    """A column with its missing values replaced."""
    if isinstance(value, Traced):
        other = call.tracer.column(value)
        if other.dtype == "int64" and (column.dtype == "float64" or column.is_either):
            dtype = FILLED if column.is_either else "float64"
            rows, gone = same_rows([column, other]), missing(call, column)
            return emit(call, "where", [gone, other, column], dtype, rows)
        if column.is_text or other.is_text or column.dtype != other.dtype or column.is_either:
            raise NotNative(f"fillna of {column.dtype} with {other.dtype}")
        if column.zone != other.zone:
            raise NotNative("fillna of moments with those of another zone")
        rows = same_rows([column, other])
        gone = missing(call, column)
        made = emit(call, "where", [gone, other, column], column.dtype, rows)
        return replace(made, zone=column.zone)
    if is_missing(value):
        return column
    if column.is_nullable:
        return nullable.filled(call, column, value)
    if column.is_text:
        if not isinstance(value, str):
            raise NotNative(f"fillna of strings with {value!r}")
        known = few.few_of(call.tracer, column.node)
        if known is not None:
            filled_in = [text_of(value) if each is None else each for each in known.values]
            return few.taken(call.tracer, known.node, filled_in, column.dtype, column.rows)
        return emit(
            call, "fill_text", [column], column.dtype, column.rows, value=value, missing="any"
        )
    if column.dtype in ("int64", "bool"):
        return column
    number = number_of(value)
    dtype = column.dtype
    if column.is_moment and kind_of_moment(value) != dtype:
        raise NotNative(f"fillna of {dtype} with {value!r}")
    if column.is_either and not number.is_integer():
        raise NotNative("whole numbers, some missing, are filled with a number that is not whole")
    dtype = FILLED if column.is_either else dtype
    if dtype == "float32":
        number = float(np.float32(number))
    made = emit(call, "impute", [column], dtype, column.rows, fill=np.array([number]))
    return replace(made, zone=column.zone)


@method("series strings", "fillna")
def fillna(call: Call) -> Native:
    own = call.bind("self", "value")
    return filled(call, call.tracer.column(own.self, is_loose=True), own.value)


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
            kinds.append(_kind_of_constant(side))
            if kinds[-1] != "str":
                attributes[name] = math.nan if is_missing(side) else number_of(side)
    if {"str", "object"} & set(kinds):
        return _strings_chosen(call, condition, then, otherwise, shown)
    if "nullable" in kinds or "nullable text" in kinds:
        raise NotNative("values of a nullable column are chosen")
    moments = {kind for kind in kinds if kind in ("datetime", "zoned", "timedelta")}
    if (moments and set(kinds) - {*moments, "missing"}) or len(moments) > 1:
        raise NotNative("moments are chosen beside others")
    if LOOSE in kinds:
        raise NotNative("booleans are chosen, which are objects where a row is not there")
    dtype = kind_of_dtype(shown.dtype)
    if ("bool" in kinds) != (dtype == "bool"):
        raise NotNative("booleans beside numbers")
    if "float32" in (dtype, *kinds):
        check_either(columns[1:])
        if not isinstance(shown, np.ndarray):
            _check_single(dtype, kinds, (then, otherwise))
        attributes["dtype"] = "f32" if dtype == "float32" else "f64"
        for name in ("then", "otherwise"):
            if dtype == "float32" and name in attributes:
                attributes[name] = as_single(attributes[name])
    is_whole = all(k in ("int64", WHOLE, FILLED, SHORT, "missing") for k in kinds)
    if MIXED in kinds or (
        dtype == "int64" and not is_whole and {WHOLE, FILLED, SHORT} & set(kinds)
    ):
        raise NotNative("a choice whose dtype hangs on which rows were missing: add .astype(float)")
    if is_whole and set(kinds) & {WHOLE, FILLED, SHORT}:
        dtype = FILLED
    elif is_whole and "missing" in kinds and not isinstance(shown, np.ndarray):
        dtype = WHOLE
    return emit(call, "where", columns, dtype, same_rows(columns), **attributes)


def _strings_chosen(call: Call, condition: Column, then: Any, otherwise: Any, shown: Any) -> Column:
    """One string or the other; each is one of a few (capture/few.py)."""
    sides = [call.tracer.column(s) if isinstance(s, Traced) else s for s in (then, otherwise)]
    rows = same_rows([condition, *(side for side in sides if isinstance(side, Column))])
    is_fixed = getattr(shown.dtype, "kind", "") == "U"
    dtype = "str" if is_fixed else kind_of_dtype(shown.dtype, shown)
    return few.chosen(call.tracer, condition, sides[0], sides[1], dtype, rows)


def _check_single(dtype: str, kinds: list[str], sides: tuple[Any, Any]) -> None:
    """Refuses what makes a Series float64 in the rows alone where it is taken."""
    is_same = set(kinds) == {"float32"} or (
        "float32" in kinds and not any(isinstance(side, np.float64) for side in sides)
    )
    others = [side for side in sides if isinstance(side, (Traced, Column))]
    if dtype != "float32" or not is_same or len(others) != kinds.count("float32"):
        raise NotNative("a choice of float32 and another dtype, which the rows decide")


def as_single(value: float) -> float:
    """A number as float32 holds it."""
    with np.errstate(over="ignore"):
        found = float(np.float32(value))
    if math.isinf(found) and not math.isinf(value):
        raise NotNative(f"float32 does not hold {value!r}")
    return found


def _kind_of_constant(value: Any) -> str:
    if is_missing(value):
        return "missing"
    if kind_of_moment(value):
        return kind_of_moment(value)
    if isinstance(value, (bool, np.bool_)):
        return "bool"
    if isinstance(value, str):
        return "str"
    return "int64" if isinstance(value, (int, np.integer)) else "float64"


def held_as(column: Column) -> str:
    """The narrow dtype that whole numbers have where none is missing; "": none."""
    return column.stored or ("int32" if column.dtype == SHORT else "")


def check_fits(call: Call, column: Column, other: Any, shown: Any, *, is_set: bool) -> None:
    """Refuses what makes the rows decide a Series' dtype: pandas keeps whole numbers and
    booleans where the values that come among them are such, and else makes them floats or
    objects; it raises where they are set (`is_set`)."""
    side = call.tracer.column(other) if isinstance(other, Traced) else other
    why = f"values that {column.stored or column.dtype} may not hold: the rows decide the dtype"
    if column.is_bool:
        is_like = side.is_bool if isinstance(side, Column) else isinstance(side, (bool, np.bool_))
        if not is_like:
            raise NotNative(why)
    if not column.is_whole:
        return
    is_float = not is_set and kind_of_dtype(shown.dtype) == "float64"
    stored = held_as(column) if is_set else column.stored
    if isinstance(side, Column):
        is_held = side.is_whole and not (is_set and side.is_either)
        is_held &= stored in ("", side.stored)
    elif is_missing(side):
        is_held = not is_set and not column.stored
    else:
        number = number_of(side)
        is_held = math.isfinite(number) and number.is_integer()
        if is_held and stored:
            info = np.iinfo(stored)
            is_held = info.min <= number <= info.max
    if not (is_held or (is_float and not column.stored)):
        raise NotNative(why)


@method("series", "where", "mask")
def where(call: Call) -> Native:
    own = call.bind("self", "cond", "other", other=math.nan)
    column = call.tracer.column(own.self)
    is_mask = call.name.endswith("mask")
    condition = nullable.condition(call, call.tracer.column(own.cond), float(is_mask))
    if column.is_bool and condition.is_bool and is_missing(own.other):
        sides = {"then" if is_mask else "otherwise": math.nan}
        columns = [condition, column]
        return emit(call, "where", columns, LOOSE, same_rows(columns), **sides)
    check_fits(call, column, own.other, call.value, is_set=False)
    if is_mask:
        return chosen(call, condition, own.other, column, call.value)
    return chosen(call, condition, column, own.other, call.value)


@method(SERIES, "clip")
def clip(call: Call) -> Native:
    own = call.bind("self", "lower", "upper", lower=None, upper=None)
    return _clipped(call, call.tracer.column(own.self), own.lower, own.upper)


@method("frame", "clip")
def frame_clip(call: Call) -> Native:
    own = call.bind("self", "lower", "upper", lower=None, upper=None)
    frame = call.tracer.frame_of(own.self)
    where = f"line {call.tracer.line}: "
    found: dict[str, Held] = {}
    for name, held in frame.columns.items():
        of_it = replace(call, value=call.value[name])
        found[name] = Later(
            functools.partial(_clipped_later, of_it, held, own.lower, own.upper), where
        )
    return Frame(found, frame.rows)


def _clipped_later(call: Call, held: Held, lower: Any, upper: Any) -> Column:
    return _clipped(call, column_of(held), lower, upper)


def _clipped(call: Call, column: Column, lower: Any, upper: Any) -> Column:
    if not column.is_number:
        raise NotNative(f"clip of {column.dtype}")
    if isinstance(lower, Traced) or isinstance(upper, Traced):
        raise NotNative("clip by columns")
    low = -math.inf if is_missing(lower) else number_of(lower)
    high = math.inf if is_missing(upper) else number_of(upper)
    if low > high:
        raise NotNative("clip with bounds in the wrong order")
    bounds = [b for b in (lower, upper) if not is_missing(b)]
    are_whole = all(map(is_integer, bounds))
    if column.is_either and not are_whole:
        raise NotNative("whole numbers, some missing, are clipped to floats: add .astype(float)")
    dtype = result_dtype(call, [column], is_whole=are_whole)
    if column.is_whole and not (low.is_integer() or math.isinf(low)):
        raise NotNative("whole numbers are clipped to what is not whole")
    if column.is_whole and not (high.is_integer() or math.isinf(high)):
        raise NotNative("whole numbers are clipped to what is not whole")
    if dtype == "float32":
        low, high = float(np.float32(low)), float(np.float32(high))
    return emit(call, "clip", [column], dtype, column.rows, min=low, max=high)


# ---- lookups -------------------------------------------------------------------------


def _is_found(missing: Any, column: Column) -> bool:
    """Whether pandas finds a column's missing values by this one."""
    return column.is_text or type(missing) in (float, np.float64)


@method("series", "isin")
def isin(call: Call) -> Native:
    own = call.bind("self", "values")
    column = values_of(call.tracer.column(own.self, is_coded=True))
    if column.categories:
        raise NotNative("the values of a categorical column")
    if isinstance(own.values, Traced):
        raise NotNative("isin of data")
    values = list(own.values)
    if column.is_moment:
        from .dates import is_in

        return is_in(call, column, own.values)
    odd = [v for v in values if v is pd.NaT or (is_missing(v) and not _is_found(v, column))]
    if odd:
        raise NotNative("isin with a missing value of another kind")
    if column.is_text:
        kept = [v for v in values if isinstance(v, str) or is_missing(v)]
        if column.dtype == "object" and any(is_missing(v) for v in kept):
            raise NotNative("isin of objects with a missing value")
    elif column.is_number:
        if any(isinstance(v, (str, bool)) for v in values):
            raise NotNative("numbers are looked for among strings or booleans")
        kept = [v for v in values if is_missing(v) or abs(v) <= LARGEST or math.isinf(v)]
        if len(kept) < len(values) and not column.is_whole:
            raise NotNative("isin with a number beyond 2^53")
    else:
        raise NotNative(f"isin of {column.dtype}")
    table: dict[Any, float] = {}
    for value in kept:
        table[None if is_missing(value) else value] = 1.0
    return looked_up(call, column, table, 0.0, "bool")


def mapped(call: Call) -> Native:
    from .joins import values_at

    own = call.bind("self", "arg")
    column = call.tracer.column(own.self)
    table = own.arg
    if isinstance(table, Traced):
        raise NotNative(f"{call.name} of data")
    if isinstance(table, pd.Series):
        return values_at(call, column, table.index, table, call.value)
    if type(table) is not dict:
        raise NotNative(f"map with a {type(table).__name__}")
    if not table:
        raise NotNative("map with an empty dict")
    if column.is_bool:
        return _mapped_flags(call, column, table)
    keys, values = list(table), list(table.values())
    if column.is_text and not all(isinstance(k, str) for k in keys):
        raise NotNative("map of strings with other keys")
    found = pd.Series(values, index=pd.Index(keys, dtype="str" if column.is_text else None))
    return values_at(call, column, found.index, found, call.value)


def _mapped_flags(call: Call, column: Column, table: dict[Any, Any]) -> Column:
    """`flags.map({True: ..., False: ...})`."""
    if not (True in table and False in table):
        raise NotNative("map of booleans that leaves out one")
    return chosen(call, column, table[True], table[False], call.value)


# ---- casts ---------------------------------------------------------------------------


def cast(call: Call, column: Column, dtype: Any) -> Column:
    """A column in another dtype, that of the result on the sample."""
    if column.is_nullable:
        return nullable.cast(call, column, dtype)
    if column.dtype == REPLACED:
        return _replaced_numbers(call, column, kind_of_dtype(dtype))
    if isinstance(dtype, pd.CategoricalDtype):
        from .categories import categorized

        return categorized(call, column, _fixed_categories(call))
    if column.is_text and dtype == np.dtype(object):
        return replace(column, dtype="object")
    if column.categories and dtype == np.dtype(object):
        from .categories import as_values

        return as_values(call, column, "object")
    wanted = kind_of_dtype(dtype)
    if column.is_moment or wanted in ("datetime", "timedelta"):
        both = (dtype, _dtype_before(call, dtype)) if column.dtype == wanted else ()
        if not both or not {np.datetime_data(each)[0] for each in both} <= {"us", "ns"}:
            raise NotNative(f"astype from {column.dtype} to {dtype}")
    if column.dtype == wanted:
        if wanted == "int64" and column.stored != stored_name(dtype):
            return wrapped(call, column, stored_name(dtype))
        return column
    if column.categories:
        from .categories import as_values

        return as_values(call, column, wanted, dtype)
    if wanted == "str" and column.dtype == "int64":
        return emit(call, "print_whole", [column], "str", column.rows)
    context = call.tracer.context
    if column.is_text and wanted not in ("str", "object"):
        from .parse_numbers import parsed

        return parsed(call, column, wanted)
    if column.is_text or wanted in ("str", "object"):
        raise NotNative(f"astype from {column.dtype} to {wanted}")
    if wanted in ("bool", "int64"):
        column = call.tracer.exact(column)
    if wanted == "bool":
        return emit(call, "binary", [column], "bool", column.rows, function="not_equal", value=0.0)
    if wanted in ("float64", "float32"):
        has_other = (column.dtype == "float32") != (wanted == "float32")
        graph = "f32" if wanted == "float32" else "f64"
        node = context._emit("cast", (column.node,), {"dtype": graph}) if has_other else column.node
        return Column(node, wanted, column.rows)
    if column.is_bool or column.dtype == "int64":
        return replace(column, dtype=wanted, stored=stored_name(dtype))
    size = emit(call, "ufunc", [column], column.dtype, "", function="absolute")
    there = emit(call, "binary", [size], "bool", "", function="less", value=math.inf)
    checked = emit(
        call, "require", [there, column, column], column.dtype, "", names=["value"],
        message=f"line {call.tracer.line}: cannot convert what is missing or infinite to {wanted}",
    )  # fmt: skip
    whole = context._emit("ufunc", (checked.node,), {"function": "trunc"})
    exact: dict[str, Any] = {"function": "add", "value": 0.0, "dtype": "i64"}
    found = Column(context._emit("binary", (whole,), exact), wanted, column.rows)
    stored = stored_name(dtype)
    return replace(held_by(call, found, stored), stored=stored) if stored else found


def _dtype_before(call: Call, otherwise: Any) -> Any:
    """That of the Series that is cast."""
    before = getattr(call.args[0].value, "dtype", None)
    return before if isinstance(before, np.dtype) else otherwise


def _fixed_categories(call: Call) -> Any:
    """Those that the dtype in the call has of its own."""
    for wanted in (*call.args[1:], *call.kwargs.values()):
        if isinstance(wanted, pd.CategoricalDtype) and wanted.categories is not None:
            return wanted.categories
    raise NotNative("categories that hang on the data: give CategoricalDtype(categories=[...])")


def _replaced_numbers(call: Call, column: Column, wanted: str) -> Column:
    """The numbers that strings were replaced by; a string that was not is an error."""
    if wanted not in ("int64", "float64") or stored_name(call.value.dtype):
        raise NotNative(f"astype from replaced strings to {wanted}")
    if wanted == "int64" and column.stored != "int64":
        raise NotNative("astype(int) of floats that strings were replaced by")
    known = emit(
        call, "binary", [column], "bool", column.rows, function="not_equal", value=math.inf
    )  # fmt: skip
    where = f"line {call.tracer.line}: "
    message = f"{where}a string that was replaced by no number is cast to one"
    made = emit(call, "require", [known, column], "float64", column.rows, message=message)
    if wanted == "float64":
        return made
    there = negated(call, missing(call, made))
    message = f"{where}cannot convert float NaN to integer"
    return emit(call, "require", [there, made], "int64", column.rows, message=message)


@method(f"{SERIES} Categorical", "astype")
def astype(call: Call) -> Native:
    return cast(
        call, call.tracer.column(call.args[0], is_loose=True, is_coded=True), call.value.dtype
    )


@method("array", "reshape")
def reshape(call: Call) -> Native:
    from .frames import joined

    shape = call.args[1:] if len(call.args) > 2 else call.args[1]
    if tuple(shape if isinstance(shape, (tuple, list)) else (shape,)) != (-1, 1):
        raise NotNative(f"reshape{shape}")
    return joined(call, {"0": call.tracer.column(call.args[0])})


def new_axis(call: Call) -> Native:
    from .frames import joined

    key = call.args[1]
    if not is_traced(key) and key == (slice(None), None):
        return joined(call, {"0": call.tracer.column(call.args[0])})
    raise NotNative("rows are picked")


@function(list)
@method(SERIES, "tolist", "to_list")
def as_list(call: Call) -> Native:
    column = call.tracer.column(call.args[0])
    if column.is_moment or column.dtype not in ("float64", "int64", "bool", "str", "object"):
        raise NotNative(f"a list of {column.dtype}")
    if call.name == "list" and column.stored and not column.rows:
        raise NotNative(f"a list of NumPy's {column.stored}, which wraps around")
    return replace(column.as_array(), stored="")


@method("array", "copy", "ravel", "flatten")
def same_array(call: Call) -> Native:
    return call.tracer.column(call.args[0])
