"""pandas' frames: picking, adding and renaming columns."""

from __future__ import annotations

import functools
import operator
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from . import few
from .registry import Call, function, method
from .values import (
    FILLED,
    LOOSE,
    MIXED,
    NARROW,
    SHORT,
    WHOLE,
    Column,
    Dummies,
    Frame,
    Held,
    Later,
    Matrix,
    Misaligned,
    Native,
    NotNative,
    Part,
    Replay,
    Traced,
    column_of,
    is_all_rows,
    replayed,
    with_rows,
)

#: The NumPy dtype of each kind of column, and the graph's.
_NUMPY = {"float64": "float64", "float32": "float32", "int64": "int64", "bool": "bool"}


def kind_of_dtype(dtype: Any, values: Any = None) -> str:
    """A column's kind from its pandas dtype; `NotNative` where there is none. Narrow whole
    numbers are int64 that the tracer wraps around (capture/narrow.py)."""
    if isinstance(dtype, np.dtype):
        name = dtype.name
        if name in _NUMPY:
            return name
        if name in NARROW:
            return "int64"
        if dtype.kind == "M":
            return "datetime"
        if dtype.kind == "m":
            return "timedelta"
        if name == "object" and values is not None and is_text(values):
            return name
        raise NotNative(f"a column of {name}")
    if isinstance(dtype, pd.StringDtype) and dtype.na_value is not pd.NA:
        return "str"
    raise NotNative(f"a column of {dtype}")


def is_text(values: Any) -> bool:
    """Whether objects are strings, or missing."""
    return pd.api.types.infer_dtype(values, skipna=True) in ("string", "empty")


def joined(call: Call, columns: Mapping[Any, Column], *, as_float: bool = False) -> Matrix:
    """Columns of numbers side by side, in pandas' common dtype, or each as float64."""
    context = call.tracer.context
    parts, kinds = [], []
    for name, column in columns.items():
        is_known = column.is_number or column.is_bool or column.dtype == MIXED
        if not is_known and not (as_float and column.dtype == LOOSE):
            raise NotNative(f"column {name!r} is no number")
        parts.append((str(name), context.cast(column.ref, "f64") if as_float else column.ref))
        kinds.append(column.dtype)
    if not parts:
        raise NotNative("there are no columns")
    if as_float:
        return Matrix(context.columns(parts), "float64")
    check_mixed(kinds)
    if "bool" in kinds and set(kinds) != {"bool"}:
        raise NotNative("booleans beside numbers become objects")
    dtype = getattr(call.value, "dtype", None)
    name = "float64" if dtype is None else str(dtype)
    name = "int64" if name == "int32" and SHORT in kinds else name
    if name not in _NUMPY and name not in NARROW:
        raise NotNative(f"its dtype is {name}")
    if set(kinds) <= {"int64", WHOLE, FILLED, SHORT} and set(kinds) != {"int64"}:
        name = WHOLE if set(kinds) <= {"int64", WHOLE} else FILLED
    ref = call.tracer.context.columns(parts)
    wanted = "f32" if name == "float32" else "f64"
    if ref.dtype != wanted:
        raise NotNative("float32 beside other numbers")
    return Matrix(ref, name)


def check_mixed(kinds: Iterable[str]) -> None:
    """Numbers of which rows decide whether they are ints take floats beside them."""
    if MIXED in kinds and "float64" not in kinds:
        raise NotNative("ints and floats by row, beside no floats: add .astype(float)")


def same_rows(columns: Iterable[Column], value: Any = None) -> str:
    """The rows of a result: those of the Series among its operands."""
    found = {column.rows for column in columns if column.rows}
    if len(found) > 1:
        raise Misaligned(
            "its operands have different indexes, by which pandas would align them; "
            "reset_index(drop=True) both"
        )
    return found.pop() if found else ""


# ---- picking ------------------------------------------------------------------


def _names(key: Any) -> list[Any] | None:
    if isinstance(key, (pd.Index, np.ndarray, pd.Series)) and not isinstance(key, Traced):
        key = list(key)
    if type(key) is list and not any(isinstance(k, (bool, np.bool_)) for k in key):
        return key
    return None


@method("frame", "getitem")
def get_item(call: Call) -> Native:
    owner, key = call.args
    frame = call.tracer.frame_of(owner)
    names = _names(key)
    if names is not None:
        return frame.pick(names)
    if isinstance(key, (str, int)):
        return frame.column(key)
    if isinstance(key, Traced):
        raise NotNative("rows are left out by a condition: each row has an answer of its own")
    raise NotNative(f"a frame's [{key!r}]")


@method("frame", "get", "pop")
def get(call: Call) -> Native:
    return get_item(call)


def loc(call: Call) -> Native:
    part, key = call.args
    frame = call.tracer.frame_of(part.native.of)
    if isinstance(key, tuple) and len(key) == 2 and is_all_rows(key[0]):
        names = _names(key[1])
        return frame.column(key[1]) if isinstance(key[1], str) else frame.pick(names or [])
    raise NotNative("rows are picked by .loc")


@method("frame.iloc", "getitem")
def iloc(call: Call) -> Native:
    part, key = call.args
    frame = call.tracer.frame_of(part.native.of)
    if isinstance(key, tuple) and len(key) == 2 and is_all_rows(key[0]):
        listed = list(frame.columns)
        if isinstance(key[1], int):
            return frame.column(listed[key[1]])
        chosen = listed[key[1]] if isinstance(key[1], slice) else [listed[i] for i in key[1]]
        return frame.pick(chosen)
    raise NotNative("rows are picked by .iloc")


@method("frame", "filter", "select_dtypes", "drop", "reindex")
def pick_result(call: Call) -> Native:
    """Whatever chooses columns by their names or dtypes: those of the result."""
    native = call.args[0].native
    if isinstance(native, Dummies) and call.name == "frame.reindex":
        from .categories import reindexed

        return reindexed(call, native)
    frame = call.tracer.frame_of(call.args[0])
    if call.name == "frame.reindex" and set(call.kwargs) != {"columns"}:
        raise NotNative("reindex of rows")
    if call.name == "frame.drop" and (
        "columns" not in call.kwargs and call.kwargs.get("axis") not in (1, "columns")
    ):
        raise NotNative("rows are dropped")
    if call.name == "frame.select_dtypes" and any(
        not isinstance(c, str) and column_of(c).is_either for c in frame.columns.values()
    ):
        raise NotNative("a column's dtype hangs on its rows")
    return frame.pick(list(call.value.columns))


def rows_of_index(call: Call, index: Any) -> str:
    """The rows of an argument `index=df.index`."""
    part = index.native if isinstance(index, Traced) else None
    if not isinstance(part, Part) or part.name != "index":
        raise NotNative("an index that is not a frame's")
    of = call.tracer.native(part.of)
    return of.rows if isinstance(of, (Frame, Column)) else ""


@function(pd.Series)
def series(call: Call) -> Native:
    """`pd.Series(array, index=df.index)`, and without an index; of a constant with one."""
    own = call.bind("data", "index", "dtype", "name", index=None, dtype=None, name=None)
    given = own.data
    if not isinstance(given, Traced) and np.ndim(given) == 0:
        if own.dtype in (float, np.float64, "float64") and type(given) is int:
            given = float(given)
        elif own.dtype is not None:
            raise NotNative(f"a Series of {own.dtype}")
        return constant_column(call, Frame({}, rows_of_index(call, own.index)), given)
    if not isinstance(given, Traced) or own.dtype is not None or np.ndim(given.value) != 1:
        raise NotNative("a Series of this")
    column = call.tracer.column(given, is_coded=True)
    rows = column.rows if isinstance(given.value, pd.Series) else "range"
    if own.index is not None:
        rows = rows_of_index(call, own.index)
    if isinstance(given.value, pd.Series) and column.rows != rows:
        raise Misaligned("a Series of a Series with another index")
    is_list = type(given.value) is list
    own_dtype = column.dtype if is_list else str(given.value.dtype)
    if not rows or (str(call.value.dtype) != own_dtype and not column.is_text):
        raise NotNative(f"a Series of {own_dtype}")
    dtype = kind_of_dtype(call.value.dtype, call.value) if column.is_text else column.dtype
    return replace(column, rows=rows, dtype=dtype)


# ---- adding and renaming ----------------------------------------------------------


@method("frame", "setitem")
def set_item(call: Call) -> Native:
    owner, key, value = call.args
    frame = call.tracer.frame_of(owner)
    if isinstance(key, str):
        return with_columns(call, frame, {key: value})
    names = _names(key)
    if names is None or not all(isinstance(name, str) for name in names):
        raise NotNative("this assignment to columns")
    if len(set(names)) != len(names):
        raise NotNative("a column is assigned twice")
    if not isinstance(value, Traced):
        if isinstance(value, (list, tuple, dict)) or np.ndim(value) != 0:
            raise NotNative("columns are set to constants of their own")
        return with_columns(call, frame, dict.fromkeys(names, value))
    if isinstance(value.native, Frame):
        columns = dict(zip(names, value.native.columns.values(), strict=True))
        if value.native.rows != frame.rows:
            raise Misaligned("the columns have another index")
        return Frame({**frame.columns, **columns}, frame.rows)
    if np.ndim(value.value) != 2:
        raise NotNative(f"columns are set to a {type(value.value).__name__}")
    if isinstance(value.native, Matrix) and isinstance(value.value, np.ndarray):
        picked = (call.tracer.get_item(value, (slice(None), i)) for i in range(len(names)))
        return with_columns(call, frame, dict(zip(names, picked, strict=True)))
    return Frame({**frame.columns, **_of_python(call, frame, names)}, frame.rows)


def _of_python(call: Call, frame: Frame, names: list[str]) -> dict[str, Held]:
    """Columns that are set to what Python computes, each a step of its own once it is used."""
    tracer, line = call.tracer, call.tracer.line
    why = call.args[2].native
    why = why if isinstance(why, str) else f"line {line}: columns that are set to this"
    whole = Replay(call.function, tuple(map(replayed, call.args)), line=line)

    def step(name: str) -> Column:
        pick = Replay(operator.getitem, (whole, name), line=line)
        made = tracer.external(Traced(call.value[name], why, pick, line))
        if not isinstance(made, Column) or made.rows != frame.rows:
            raise NotNative(why)
        return made

    return {name: Later(functools.partial(step, name)) for name in names}


def with_columns(call: Call, frame: Frame, values: dict[str, Any]) -> Frame:
    columns = dict(frame.columns)
    for name, value in values.items():
        columns[name] = _column_for(call, frame, name, value)
    return Frame(columns, frame.rows)


def _column_for(call: Call, frame: Frame, name: str, value: Any) -> Held:
    if not isinstance(value, Traced):
        if np.ndim(value) != 0:
            raise NotNative(f"column {name!r} is set to a constant array")
        return constant_column(call, frame, value)
    try:
        column = call.tracer.column(value, is_loose=True, is_coded=True)
    except NotNative as reason:
        return str(reason)
    if column.rows not in ("", frame.rows):
        raise Misaligned(f"column {name!r} has another index than the frame")
    if type(value.value) is list and column.is_text:  # pandas finds its dtype
        column = replace(column, dtype=kind_of_dtype(call.value[name].dtype))
    return replace(column, rows=frame.rows)


def constant_column(call: Call, frame: Frame, value: Any) -> Column:
    """A column of one number or string."""
    if few.is_plain(value):
        at = constant_column(call, frame, 0)
        return few.taken(call.tracer, at.node, [str(value)], "str", frame.rows)
    if isinstance(value, (bool, np.bool_)):
        dtype = "bool"
    elif isinstance(value, (int, np.integer)):
        dtype = "int64"
    elif isinstance(value, (float, np.floating)):
        dtype = "float64"
    else:
        raise NotNative(f"a column of {value!r}")
    own: Any = call.tracer.frame.native
    every = [*frame.columns.values(), *(own.columns.values() if isinstance(own, Frame) else ())]
    like = next((c for c in every if isinstance(c, Column)), None)
    if like is None or frame.rows not in ("input", "range"):
        raise NotNative("the frame has no column")
    context = call.tracer.context
    if like.is_text:
        node = context._emit(
            "encode", (like.node,),
            {"categories": [], "sizes": np.array([0]), "unknown": np.array([float(value)])},
        )  # fmt: skip
    else:
        node = context._emit(
            "where", (like.node,), {"then": float(value), "otherwise": float(value)}
        )
    return Column(node, dtype, frame.rows)


@method("frame", "assign")
def assign(call: Call) -> Native:
    frame = call.tracer.frame_of(call.args[0])
    if any(callable(value) for value in call.kwargs.values()):
        raise NotNative("assign with functions")
    return with_columns(call, frame, call.kwargs)


@method("frame", "rename", "set_axis", "add_prefix", "add_suffix")
def rename(call: Call) -> Native:
    frame = call.tracer.frame_of(call.args[0])
    new = list(call.value.columns)
    if len(set(new)) != len(new):
        raise NotNative("two columns have one name")
    if "index" in call.kwargs:
        raise NotNative("rows are renamed")
    if call.name == "frame.rename" and "columns" not in call.kwargs:
        raise NotNative("rename of rows")
    if call.name == "frame.set_axis" and call.kwargs.get("axis") not in (1, "columns"):
        raise NotNative("rename of rows")
    return Frame(dict(zip(new, frame.columns.values(), strict=True)), frame.rows)


@method("series", "rename")
def renamed(call: Call) -> Native:
    own = call.bind("self", "index", index=None)
    if own.index is not None and not isinstance(own.index, (str, int)):
        raise NotNative("its rows are renamed")
    return call.tracer.column(call.args[0], is_coded=True)


@method("frame series Categorical strings", "copy")
def copied(call: Call) -> Native:
    native = call.args[0].native
    if isinstance(native, str):
        raise NotNative(native)
    return native  # type: ignore[no-any-return]


@method("frame series", "reset_index")
def reset_index(call: Call) -> Native:
    if call.kwargs.get("drop") is not True or set(call.kwargs) != {"drop"}:
        raise NotNative("reset_index keeps the index: give drop=True")
    native = call.args[0].native
    if isinstance(native, Frame):
        return Frame({k: with_rows(c, "range") for k, c in native.columns.items()}, "range")
    return replace(call.tracer.column(call.args[0], is_coded=True), rows="range")


# ---- to arrays ----------------------------------------------------------------


@method("frame", "to_numpy", "values")
def to_numpy(call: Call) -> Native:
    as_float = _is_to_float(call)
    frame = call.tracer.frame_of(call.args[0])
    return joined(call, frame.made(), as_float=as_float)


@method("series", "to_numpy", "values")
def series_to_numpy(call: Call) -> Native:
    as_float = _is_to_float(call)
    column = call.tracer.column(call.args[0], is_loose=as_float)
    if column.dtype == "nullable" and call.kwargs.get("na_value") is not None:
        own = call.bind("self", "dtype", "copy", "na_value", dtype=None, copy=False)
        if (
            call.value.dtype == np.float64
            and own.dtype is not None
            and own.na_value != own.na_value
        ):
            return replace(column, dtype="float64", stored="", rows="")
    if column.is_nullable:
        raise NotNative(f"an array of {column.stored}: use astype(float)")
    if column.zone is not None:
        raise NotNative("an array of moments with a time zone")
    if as_float:
        if not (column.is_number or column.is_bool or column.dtype == LOOSE):
            raise NotNative(f"{column.dtype} to numbers")
        ref = call.tracer.context.cast(column.ref, "f64")
        return Column(ref.node, "float64")
    return column.as_array()


def _is_to_float(call: Call) -> bool:
    """Whether `to_numpy` is asked for float64; other dtypes than the values' own are refused."""
    if not call.name.endswith("to_numpy"):
        return False
    own = call.bind("self", "dtype", "copy", dtype=None, copy=False)
    if own.dtype not in (None, float, np.float64, np.dtype(float), "float64", "float"):
        raise NotNative(f"to_numpy(dtype={own.dtype!r})")
    return own.dtype is not None


@method("series", "to_frame")
def to_frame(call: Call) -> Native:
    column = call.tracer.column(call.args[0], is_coded=True)
    return Frame({call.value.columns[0]: column}, column.rows)


@function(pd.concat)
def concat(call: Call) -> Native:
    own = call.bind("objs", axis=0)
    if own.axis not in (1, "columns"):
        raise NotNative("rows are concatenated")
    columns: dict[str, Held] = {}
    frames = []
    for item in own.objs:
        if not isinstance(item, Traced):
            raise NotNative("constants are concatenated")
        if isinstance(item.native, Frame):
            frames.append(item.native)
        else:
            column = call.tracer.column(item, is_coded=True)
            frames.append(Frame({item.value.name: column}, column.rows))
    if len({frame.rows for frame in frames}) != 1:
        raise Misaligned("its parts have different indexes")
    parts = [each for frame in frames for each in frame.columns.values()]
    for name, each in zip(call.value.columns, parts, strict=True):  # what has no name is counted
        if name in columns:
            raise NotNative(f"column {name!r} comes twice")
        columns[name] = each
    return Frame(columns, frames[0].rows)
