"""FunctionTransformer over NumPy's functions of one number."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.preprocessing import FunctionTransformer

from .context import COMPARED, Context
from .registry import Refused, register
from .values import Ref, Source, Value

#: Correctly rounded in any library: bit-equal.
_EXACT: dict[Any, str] = {
    np.positive: "positive", np.negative: "negative", np.absolute: "absolute", np.fabs: "fabs",
    np.square: "square", np.sqrt: "sqrt", np.reciprocal: "reciprocal", np.sign: "sign",
    np.floor: "floor", np.ceil: "ceil", np.trunc: "trunc", np.rint: "rint",
}  # fmt: skip
#: Within rounding of NumPy's.
_ROUNDED: dict[Any, str] = {
    np.exp: "exp", np.exp2: "exp2", np.expm1: "expm1", np.log: "log", np.log1p: "log1p",
    np.log2: "log2", np.log10: "log10",
}  # fmt: skip
#: That jump.
STEPPED = (np.sign, np.floor, np.ceil, np.trunc, np.rint)
_FUNCTIONS = {**_EXACT, **_ROUNDED}


def is_native(est: FunctionTransformer) -> bool:
    """Whether its function is one that nodes compute."""
    return isinstance(est.func, np.ufunc) and est.func in _FUNCTIONS and not est.kw_args


def function_transform(ctx: Context, est: Any, value: Value) -> Ref:
    if est.func is not None and not isinstance(est.func, np.ufunc):
        raise Refused("func is a Python function")
    name = None if est.func is None else _FUNCTIONS.get(est.func)
    if est.func is not None and name is None:
        raise Refused(f"func is numpy.{est.func.__name__}")
    if est.kw_args:
        raise Refused(f"kw_args={est.kw_args!r}")
    if est.func in _ROUNDED and ctx.is_compared and not ctx.is_own:
        raise Refused(COMPARED)
    ref = ctx.numeric(value, getattr(est, "n_features_in_", None), est if est.validate else None)
    if name is None:
        if isinstance(value, Source) and not est.validate:
            ctx.passes_dtypes(value.columns, weighted=False)
        return ref
    if ref.sparse:
        raise Refused("its input is sparse")
    if est.func in STEPPED and not ctx.is_exact(ref):
        raise Refused("its input is within rounding of the original's, and it jumps")
    ctx.reads_dtype(ref, name, joint=bool(est.validate) or isinstance(value, Ref))
    return ctx.apply("ufunc", ref, function=name)


register(
    FunctionTransformer,
    transform=function_transform,
    operators=["ufunc", "check_finite"],
    parameters=["func=None", "func (bit-equal): " + ", ".join(f.__name__ for f in _EXACT),
                "func (within rounding): " + ", ".join(f.__name__ for f in _ROUNDED),
                "on floats, 64-bit integers, and others where they become float64", "validate",
                "check_inverse", "inverse_func"],
    python_step="any other function; kw_args; a sparse matrix; within rounding before a step that "
    "may jump; functions that jump of what is within rounding",
)  # fmt: skip
