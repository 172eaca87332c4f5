"""NumPy's and SciPy's functions: of one number, of two, choices, and stacks."""

from __future__ import annotations

import math
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp

from ..convert.emit import ROUNDED_FUNCTIONS
from ..convert.values import Ref
from . import categories as of_categories
from . import choices as of_choices
from . import columns as of_columns
from . import few
from .choices import chosen
from .columns import emit, number_of, result_dtype
from .frame_operators import by_column
from .frames import check_mixed, constant_column, joined, kind_of_dtype, same_rows
from .narrow import stored_name
from .registry import Call, function, method
from .values import (
    FILLED,
    MIXED,
    NARROW,
    SHORT,
    WHOLE,
    Column,
    Frame,
    Matrix,
    Native,
    NotNative,
    Traced,
)

#: NumPy's functions of one number that are an operator of the same name.
_UFUNCS = (
    np.sqrt, np.square, np.reciprocal, np.sign, np.floor, np.ceil, np.trunc, np.rint, np.exp,
    np.exp2, np.expm1, np.log, np.log1p, np.log2, np.log10, np.fabs,
)  # fmt: skip
#: Those that have no operator.
OTHERS = (
    np.sin, np.cos, np.tan, np.arcsin, np.arccos, np.arctan, np.arctan2, np.sinh, np.cosh, np.tanh,
    np.arcsinh, np.arccosh, np.arctanh, np.hypot, np.cbrt, np.deg2rad, np.rad2deg, np.radians,
    np.degrees, np.power, np.float_power, np.logaddexp,
)  # fmt: skip


@function(*_UFUNCS)
def ufunc(call: Call) -> Native:
    if len(call.args) != 1 or call.kwargs:
        raise NotNative(f"np.{call.name} with options")
    given = call.args[0]
    if isinstance(given.value, pd.DataFrame):
        return by_column(call, {0: call.tracer.frame_of(given)}, lambda _: ufunc)
    name = "absolute" if call.name == "fabs" else call.name
    if isinstance(given.native, Matrix):
        matrix = call.tracer.matrix(given)
        if matrix.form or matrix.dtype not in ("float64", "float32"):
            raise NotNative(f"np.{name} of a sparse or whole matrix")
        if name in ("sign", "floor", "ceil", "trunc", "rint"):
            matrix = call.tracer.exact_matrix(matrix)
        made = replace(matrix, ref=call.tracer.context.apply("ufunc", matrix.ref, function=name))
        if name in ROUNDED_FUNCTIONS:
            call.tracer.twins.add(made.ref, getattr(np, name), call.tracer.line)
        return made
    column = call.tracer.column(given)
    if not column.is_number:
        raise NotNative(f"np.{name} of {column.dtype}")
    if name in ("sign", "floor", "ceil", "trunc", "rint"):
        column = call.tracer.exact(column)
    dtype = result_dtype(call, [column], is_whole=name in ("absolute", "sign"))
    if column.is_whole and name in ("square", "reciprocal", "floor", "ceil", "trunc", "rint"):
        raise NotNative(f"np.{name} of whole numbers")
    found = emit(call, "ufunc", [column], dtype, column.rows, function=name)
    if name in ROUNDED_FUNCTIONS and not column.stored:
        call.tracer.twins.add(found.ref, getattr(np, name), call.tracer.line)
    return found


@function(*OTHERS)
def other_ufunc(call: Call) -> Native:
    """What has no operator: NumPy's own, on columns that the graph computes."""
    why = f"there is no native form of {call.name}"
    ufunc = getattr(np, call.name)
    if len(call.args) != ufunc.nin or call.kwargs:
        raise NotNative(why)
    if ufunc.nin == 1 and isinstance(call.args[0].value, pd.DataFrame):
        return by_column(call, {0: call.tracer.frame_of(call.args[0])}, lambda _: other_ufunc)
    columns = [call.tracer.column(each) for each in call.args if isinstance(each, Traced)]
    constants = [each for each in call.args if not isinstance(each, Traced)]
    if len(constants) > 1 or not all(isinstance(each, (int, float)) for each in constants):
        raise NotNative(why)
    node = call.tracer.twins.step(
        ufunc, columns, str(call.value.dtype), call.tracer.line, why,
        constant=constants[0] if constants else None,
        is_reversed=bool(constants) and constants[0] is call.args[0],
    )  # fmt: skip
    return Column(node, str(call.value.dtype), same_rows(columns))


@function(np.abs, np.absolute)
def absolute(call: Call) -> Native:
    if len(call.args) == 1 and isinstance(call.args[0].value, pd.DataFrame) and not call.kwargs:
        frames = {0: call.tracer.frame_of(call.args[0])}
        return by_column(call, frames, lambda _: of_columns.absolute)
    return of_columns.absolute(call)


@function(np.negative)
def negative(call: Call) -> Native:
    return of_columns.negative(call)


@function(
    np.add, np.subtract, np.multiply, np.divide, np.true_divide, np.floor_divide, np.remainder,
    np.mod, np.maximum, np.minimum, np.fmax, np.fmin,
)  # fmt: skip
def arithmetic(call: Call) -> Native:
    return of_columns.arithmetic(call)


@function(np.less, np.less_equal, np.greater, np.greater_equal, np.equal, np.not_equal)
def comparison(call: Call) -> Native:
    return of_columns.comparison(call)


@function(np.logical_and, np.logical_or, np.logical_xor)
def logic(call: Call) -> Native:
    return of_columns.logic(call)


@function(np.logical_not, np.invert)
def inverted(call: Call) -> Native:
    return of_columns.inverted(call)


@function(np.isnan, "pandas:isna", "pandas:isnull")
def isnan(call: Call) -> Native:
    column = call.tracer.column(call.args[0], is_coded=True)
    if call.name == "isnan" and not column.is_number:
        raise NotNative("np.isnan of what is no number")
    return of_choices.missing(call, column)


@function("pandas:notna", "pandas:notnull")
def notna(call: Call) -> Native:
    column = call.tracer.column(call.args[0], is_coded=True)
    return of_columns.negated(call, of_choices.missing(call, column))


@function(np.isfinite)
def isfinite(call: Call) -> Native:
    column = call.tracer.column(call.args[0])
    if not column.is_number:
        raise NotNative("np.isfinite of what is no number")
    size = emit(call, "ufunc", [column], "float64", column.rows, function="absolute")
    return emit(call, "binary", [size], "bool", column.rows, function="less", value=math.inf)


@function(np.clip)
def clip(call: Call) -> Native:
    if call.args and isinstance(call.args[0], Traced) and np.ndim(call.args[0].value) == 2:
        return matrix_clip(call)
    return of_choices.clip(call)


@function(np.round, np.around)
def rounded(call: Call) -> Native:
    return of_columns.rounded(call)


@function(np.asarray, np.array, np.ascontiguousarray)
def asarray(call: Call) -> Native:
    given = call.args[0]
    if len(call.args) > 1 or call.kwargs:
        raise NotNative(f"np.{call.name} with options")
    if isinstance(given, list):
        raise NotNative(f"np.{call.name} of a list")
    if isinstance(given.native, Frame):
        return joined(call, given.native.made())
    if isinstance(given.native, Matrix):
        return given.native
    column = call.tracer.column(given, is_coded=True)
    if column.categories:
        column = of_categories.as_array(call, column)
    return column.as_array()


@function(np.nan_to_num)
def nan_to_num(call: Call) -> Native:
    own = call.bind("x", x=None, copy=True, nan=0.0)
    column = call.tracer.column(own.x)
    if column.dtype != "float64":
        raise NotNative(f"nan_to_num of {column.dtype}")
    largest = sys.float_info.max
    filled = emit(
        call, "impute", [column], "float64", column.rows, fill=np.array([number_of(own.nan)])
    )
    return emit(call, "clip", [filled], "float64", column.rows, min=-largest, max=largest)


# ---- arrays of one value -----------------------------------------------------------


@function(np.zeros, np.ones, np.full)
def of_one_value(call: Call) -> Native:
    is_full = call.name == "full"
    names = ["shape", "fill_value", "dtype"] if is_full else ["shape", "dtype"]
    own = call.bind(*names, dtype=None)
    shape = own.shape[0] if type(own.shape) is tuple and len(own.shape) == 1 else own.shape
    counted = shape.counted if isinstance(shape, Traced) else None
    if counted is None or isinstance(own.dtype, Traced):
        raise NotNative(f"np.{call.name} of a shape that is no number of rows")
    if counted.is_part or not isinstance(counted.native, (Column, Frame, Matrix)):
        raise NotNative(f"np.{call.name} of as many rows as data picks")
    return _repeated(call, own.fill_value if is_full else None)


@function(np.zeros_like, np.ones_like, np.full_like)
def of_one_value_like(call: Call) -> Native:
    is_full = call.name == "full_like"
    own = call.bind(*(["a", "fill_value"] if is_full else ["a"]))
    if not isinstance(own.a, Traced):
        raise NotNative(f"np.{call.name} of a constant")
    column = call.tracer.column(own.a)
    if own.a.is_part or column.dtype not in ("float64", "float32", "int64", "bool"):
        raise NotNative(f"np.{call.name} of {column.dtype}")
    return _repeated(call, own.fill_value if is_full else None)


def _repeated(call: Call, fill: Any) -> Column:
    """An array of one value for each of the call's rows, as the sample's has it."""
    if isinstance(fill, Traced) or np.ndim(fill) or type(call.value) is not np.ndarray:
        raise NotNative(f"np.{call.name} of what is no constant")
    dtype, value = call.value.dtype, call.value[0]
    kind = "object" if dtype.kind == "O" else "str" if dtype.kind == "U" else kind_of_dtype(dtype)
    if kind == "object" and not few.is_plain(value):
        raise NotNative(f"an array of {value!r}")
    column = constant_column(call, Frame({}, "input"), value)
    if kind == "float32":
        column = Column(call.tracer.context.cast(column.ref, "f32").node, kind)
    return replace(column, dtype=kind, stored=stored_name(dtype), rows="")


# ---- choices --------------------------------------------------------------------


@function(np.where)
def where(call: Call) -> Native:
    own = call.bind("condition", "x", "y")
    if not isinstance(own.condition, Traced):
        raise NotNative("np.where by a constant")
    condition = call.tracer.column(own.condition).as_array()
    sides = []
    for side in (own.x, own.y):
        if isinstance(side, Traced):
            sides.append(call.tracer.column(side).as_array())
        else:
            sides.append(side)
    return chosen(call, condition, sides[0], sides[1], call.value)


@function(np.select)
def select(call: Call) -> Native:
    own = call.bind("condlist", "choicelist", "default", default=0)
    found: Any = own.default
    for condition, choice in reversed(list(zip(own.condlist, own.choicelist, strict=True))):
        if not isinstance(condition, Traced):
            raise NotNative("np.select by a constant")
        side = call.tracer.column(choice).as_array() if isinstance(choice, Traced) else choice
        if isinstance(found, Traced):
            found = call.tracer.column(found).as_array()
        found = chosen(call, call.tracer.column(condition).as_array(), side, found, call.value)
    if not isinstance(found, Column):
        raise NotNative("np.select of nothing")
    return found


# ---- positions ---------------------------------------------------------------------


@function(np.argmax)
@method("matrix", "argmax")
def argmax(call: Call) -> Native:
    own = call.bind("a", "axis", axis=None)
    if own.axis not in (1, -1) or not isinstance(own.a, Traced) or np.ndim(own.a.value) != 2:
        raise NotNative("argmax that is not of each row (axis=1)")
    matrix = call.tracer.matrix(own.a)
    if matrix.form or not own.a.value.shape[1]:
        raise NotNative("argmax of a sparse matrix")
    matrix = call.tracer.exact_matrix(matrix)
    return Column(call.tracer.context.argmax(matrix.ref).node, "int64")


@method("ndarray", "getitem")
def picked(call: Call) -> Native:
    """`table[positions]` of a constant array."""
    table, key = call.args
    at = call.tracer.column(key)
    if np.ndim(table) != 1 or not len(table) or at.dtype != "int64" or at.stored:
        raise NotNative(f"a lookup by {at.dtype} in an array of {np.ndim(table)} dimensions")
    n = len(table)
    from_end = emit(call, "binary", [at], "bool", "", function="less", value=0.0)
    end = emit(call, "binary", [at], "int64", "", function="add", value=float(n))
    found = emit(call, "where", [from_end, end, at], "int64", "")
    is_not = emit(call, "binary", [found], "bool", "", function="less", value=0.0)
    is_in = emit(call, "binary", [found], "bool", "", function="less", value=float(n))
    there = emit(call, "binary", [is_in, is_not], "bool", "", function="greater")
    message = f"line {call.tracer.line}: the index is out of bounds for an array of {n}"
    sure = emit(
        call, "require", [there, found, at], "int64", "", message=message, error="key",
        names=["index"],
    )  # fmt: skip
    if table.dtype.kind in "UO":
        values = table.tolist()
        if not all(map(few.is_plain, values)):
            raise NotNative("a lookup among objects that are no strings")
        dtype = "object" if table.dtype == object else "str"
        return few.taken(call.tracer, sure.node, values, dtype, "")
    if table.dtype not in (np.int64, np.float64, np.bool_):
        raise NotNative(f"a lookup in an array of {table.dtype}")
    values = np.array([number_of(value) for value in table.tolist()])
    return emit(call, "take", [sure], str(table.dtype), "", values=values)


# ---- stacks -----------------------------------------------------------------------


def _parts(call: Call, items: Any) -> list[tuple[str, Traced]]:
    """Matrices to be stacked: arrays of one dimension are a column."""
    if isinstance(items, Traced):
        raise NotNative("a stack of the rows of data")
    parts: list[tuple[str, Traced]] = []
    for item in items:
        if not isinstance(item, Traced):
            raise NotNative("a stack with a constant")
        parts.append((_block_name(item, len(parts)), item))
    return parts


def _block_name(item: Traced, i: int) -> str:
    return item.name or (f"line {item.line}" if item.line else str(i))


def _stacked(call: Call, items: Any, *, is_sparse: bool) -> Matrix:
    context = call.tracer.context
    parts: list[tuple[str, Ref]] = []
    kinds = []
    for i, (name, item) in enumerate(_parts(call, items)):
        native = call.tracer.native(item)
        if isinstance(native, Frame):
            native = joined(replace(call, value=item.value.to_numpy()), native.made())
        if isinstance(native, Column):
            if not (native.is_number or native.is_bool or native.dtype == MIXED):
                raise NotNative("strings are stacked")
            native = Matrix(native.ref, native.dtype)
        if not isinstance(native, Matrix):
            raise NotNative("a stack of this")
        kinds.append(native.dtype)
        known = [n for n, _ in parts]
        parts.append((name if name not in known else f"{name}.{i}", native.ref))
    check_mixed(kinds)
    dtype = str(call.value.dtype)
    either = {WHOLE, FILLED, SHORT}
    wholes = {"int64", "bool", *NARROW}
    if set(kinds) <= wholes | either and set(kinds) & either:
        dtype = WHOLE if set(kinds) <= wholes | {WHOLE} and dtype == "int64" else FILLED
    ref = context.concat(parts, sparse=is_sparse)
    if dtype not in ("float64", "int64", WHOLE, FILLED, "float32"):
        raise NotNative(f"a stack of dtype {dtype}")
    if (ref.dtype == "f32") != (dtype == "float32"):
        ref = context.cast(ref, "f32" if dtype == "float32" else "f64")
    return Matrix(ref, dtype, call.value.format if is_sparse else "")


@function(np.hstack, np.column_stack)
def hstack(call: Call) -> Native:
    items = call.args[0]
    if len(call.args) > 1 or call.kwargs:
        raise NotNative(f"np.{call.name} with options")
    are_flat = all(np.ndim(i.value) == 1 for i in items if isinstance(i, Traced))
    if call.name == "hstack" and are_flat:
        raise NotNative("np.hstack of columns puts rows behind each other")
    return _stacked(call, items, is_sparse=False)


@method("CClass", "getitem")
def beside(call: Call) -> Native:
    """`np.c_[a, b]`."""
    items = call.args[1]
    if type(items) is not tuple or not all(isinstance(item, Traced) for item in items):
        raise NotNative("np.c_ of constants")
    return _stacked(call, items, is_sparse=False)


@function(np.concatenate)
def concatenate(call: Call) -> Native:
    own = call.bind("arrays", "axis", axis=0)
    if own.axis not in (1, -1):
        raise NotNative("rows are concatenated")
    return _stacked(call, own.arrays, is_sparse=False)


@function(np.stack)
def stack(call: Call) -> Native:
    own = call.bind("arrays", "axis", axis=0)
    are_flat = all(np.ndim(i.value) == 1 for i in own.arrays if isinstance(i, Traced))
    if own.axis not in (1, -1) or not are_flat:
        raise NotNative("np.stack of rows")
    return _stacked(call, own.arrays, is_sparse=False)


@function(sp.hstack)
def sparse_hstack(call: Call) -> Native:
    own = call.bind("blocks", "format", "dtype", format=None, dtype=None)
    if own.dtype is not None:
        raise NotNative("scipy.sparse.hstack with a dtype")
    for item in own.blocks:
        if isinstance(item, Traced) and np.ndim(item.value) == 1:
            raise NotNative("a one-dimensional array is a row to scipy.sparse.hstack")
    return _stacked(call, own.blocks, is_sparse=True)


@function(sp.csr_matrix, sp.csr_array, sp.csc_matrix, sp.csc_array, sp.coo_matrix, sp.coo_array)
def to_sparse(call: Call) -> Native:
    if len(call.args) != 1 or call.kwargs:
        raise NotNative(f"{call.name} with options")
    given = call.args[0]
    if not isinstance(given, Traced) or np.ndim(given.value) != 2:
        raise NotNative(f"{call.name} of this")
    native = call.tracer.native(given)
    if isinstance(native, Frame):
        native = joined(call, native.made())
    if not isinstance(native, Matrix):
        raise NotNative(f"{call.name} of this")
    if native.form:
        return replace(native, form=call.value.format)
    ref = call.tracer.context.sparse_rows(native.ref)
    return Matrix(ref, native.dtype, call.value.format)


@method("matrix", "tocsr", "tocsc", "tocoo", "copy")
def same_matrix(call: Call) -> Native:
    matrix = call.tracer.matrix(call.args[0])
    return replace(matrix, form=call.value.format if matrix.form else "")


@method("matrix", "toarray")
def toarray(call: Call) -> Native:
    matrix = call.tracer.matrix(call.args[0])
    ref = call.tracer.context.concat([("dense", matrix.ref)], sparse=False)
    return Matrix(ref, matrix.dtype)


@method("matrix", "astype")
def matrix_astype(call: Call) -> Native:
    matrix = call.tracer.matrix(call.args[0])
    dtype = str(call.value.dtype)
    if dtype not in ("float64", "float32"):
        raise NotNative(f"a matrix as {dtype}")
    ref = call.tracer.context.cast(matrix.ref, "f32" if dtype == "float32" else "f64")
    return Matrix(ref, dtype, matrix.form)


@method("matrix", "clip")
def matrix_clip(call: Call) -> Native:
    own = call.bind("self", "min", "max", min=None, max=None)
    matrix = call.tracer.matrix(own.self)
    if matrix.form or matrix.dtype != "float64" or str(call.value.dtype) != "float64":
        raise NotNative(
            f"clip of a matrix of {matrix.dtype}{' that is sparse' * bool(matrix.form)}"
        )
    low = -math.inf if own.min is None else number_of(own.min)
    high = math.inf if own.max is None else number_of(own.max)
    if not low <= high:
        raise NotNative("clip between limits that are no numbers, or the wrong way round")
    return replace(matrix, ref=call.tracer.context.apply("clip", matrix.ref, min=low, max=high))


# ---- matrices with numbers -----------------------------------------------------------

_MATRIX_BINARY = {
    "add": "add", "sub": "subtract", "mul": "multiply", "truediv": "divide",
}  # fmt: skip


@method("matrix", *_MATRIX_BINARY)
def matrix_arithmetic(call: Call) -> Native:
    name = _MATRIX_BINARY[of_columns.short_name(call)]
    left, right = call.args
    context = call.tracer.context
    dtype = str(call.value.dtype)
    if dtype != "float64":
        raise NotNative(f"a matrix of dtype {dtype}")
    if isinstance(left, Traced) and isinstance(right, Traced):
        matrices = [call.tracer.matrix(left), call.tracer.matrix(right)]
        if left.value.shape != right.value.shape:
            raise NotNative("matrices of two shapes")
        value, is_reversed = None, False
    else:
        matrices = [call.tracer.matrix(left if isinstance(left, Traced) else right)]
        value = number_of(right if isinstance(left, Traced) else left)
        is_reversed = isinstance(right, Traced)
    if any(m.form for m in matrices):
        raise NotNative("a sparse matrix")
    refs = [m.ref for m in matrices]
    node = context._emit(
        "binary",
        [r.node for r in refs],
        {
            "function": name,
            "value": value,
            "reverse": True if is_reversed else None,
            "dtype": "f64",
        },
    )
    return Matrix(replace(refs[0], node=node, dtype="f64", safe=False, parts=()), dtype)
