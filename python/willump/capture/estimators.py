"""Fitted estimators: their converters, on what the function gives them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
from sklearn import get_config
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.preprocessing import LabelEncoder

from .._frames import take_rows
from ..convert.context import Context
from ..convert.registry import Refused, find
from ..convert.values import Model, Ref, Table
from ..convert.values import Value as Input
from .categories import as_values
from .columns import emit, is_missing, looked_up
from .numpy_steps import NumpyStep
from .registry import Call, Maker, method
from .steps import answers_rows, as_array
from .values import (
    LOOSE,
    MIXED,
    Column,
    Frame,
    Held,
    Labels,
    Matrix,
    Native,
    NotNative,
    Traced,
    column_of,
    concrete,
    is_all_rows,
)

_OUTPUTS = {
    "predict_proba": "proba",
    "predict_log_proba": "log_proba",
    "decision_function": "decision",
    "score_samples": "score",
}

#: So many of the sample's rows tell whether an estimator reads booleans as numbers.
_ROWS_OF_FLAGS = 200


class _Wrapped(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Has its `transform` wrapped by scikit-learn, as classes of the user's have."""

    def transform(self, X: Any) -> Any:
        return X

    def get_feature_names_out(self, input_features: Any = None) -> Any:
        return input_features


_WRAPPER = _Wrapped.transform.__code__


def maker_of_estimator(callee: Any) -> Maker | None:
    """The maker of a bound method of an estimator, if it is one."""
    owner = getattr(callee, "__self__", None)
    if owner is None or isinstance(owner, type):
        return None
    name = getattr(callee, "__name__", "")
    if name not in ("transform", "predict", *_OUTPUTS):
        return None
    if isinstance(owner, LabelEncoder) and name == "transform":
        return lambda call: _label_encoded(call, owner)
    if find(owner) is not None:
        return lambda call: _called(call, owner, name)
    if isinstance(owner, BaseEstimator) and name != "transform":
        return lambda call: _called_in_python(call, owner, name, "there is no converter for it")
    return None


def _label_encoded(call: Call, encoder: LabelEncoder) -> Native:
    """A column's positions among the classes; a value that is none of them is an error."""
    if len(call.args) != 1 or call.kwargs:
        raise NotNative(f"{call.name} with options")
    column, classes = call.tracer.column(call.args[0]), encoder.classes_.tolist()
    if any(is_missing(each) for each in classes) or call.value.dtype != np.int64:
        raise NotNative("LabelEncoder of missing values")
    is_text = all(isinstance(each, str) for each in classes)
    if column.is_text != is_text or not (is_text or column.is_number):
        raise NotNative(f"LabelEncoder of {column.dtype} among other classes")
    table = {each: float(i) for i, each in enumerate(classes)}
    found = looked_up(call, column, table, -1.0, "int64")
    there = emit(
        call, "binary", [found], "bool", column.rows, function="greater_equal", value=0.0
    )  # fmt: skip
    message = f"line {call.tracer.line}: y contains previously unseen labels"
    checked = emit(call, "require", [there, found], "int64", column.rows, message=message)
    return checked.as_array()


def is_output_wrapper(function: Any) -> bool:
    """Whether a function is the one that scikit-learn puts around `transform`."""
    return bool(function.__code__ is _WRAPPER) and function.__name__ == "transform"


def gives_as_is(estimator: Any) -> bool:
    """Whether scikit-learn's wrapper around `transform` gives what the method gives: no
    `set_output` asks for another container."""
    own = getattr(estimator, "_sklearn_output_config", {}).get("transform")
    found = get_config()["transform_output"] if own is None else own
    return bool(found == "default")


def _called(call: Call, estimator: Any, name: str) -> Native:
    if len(call.args) != 1 or call.kwargs:
        raise NotNative(f"{call.name} with options")
    given = call.args[0]
    value = _input_of(call, given, estimator, name)
    exact = call.tracer.twins.exact_input(value)
    if exact is not None and _has_steps(call, estimator, name, value):
        value = exact
    try:
        return _answered(call, estimator, name, value)
    except Refused as refused:
        if name == "transform" or not isinstance(value, Ref):
            raise NotNative(f"{type(estimator).__name__}: {refused}") from refused
        return _called_in_python(call, estimator, name, str(refused))


def _answered(call: Call, estimator: Any, name: str, value: Input) -> Native:
    if name != "transform":
        return _predicted(call, estimator, value, name)
    with call.tracer.context.within(_name_of(estimator)):
        return _transformed(call, estimator, value)


def _has_steps(call: Call, estimator: Any, name: str, value: Input) -> bool:
    """Whether an estimator is not native, or not as a whole, on what is within rounding."""
    known: dict[Any, bool] = call.tracer.wants_exact
    key = (id(estimator), value)
    if key not in known:
        nodes = call.tracer.context.builder.nodes
        n = len(nodes)
        try:
            _answered(call, estimator, name, value)
            payloads = [node.payload for node in nodes[n:] if node.payload is not None]
            known[key] = not all(isinstance(step, NumpyStep) for step in payloads)
        except (Refused, NotNative):
            known[key] = True
    return known[key]


def _called_in_python(call: Call, estimator: Any, name: str, why: str) -> Native:
    """A model that stays Python, on features that are computed for it."""
    if len(call.args) != 1 or call.kwargs:
        raise NotNative(f"{call.name} with options")
    context = call.tracer.context
    value = _input_of(call, call.args[0], estimator, name)
    names = value.names if isinstance(value, Table) else None
    rows, method = concrete(call.args[0]), getattr(estimator, name)
    try:
        ref = context.numeric(value, None)
        if names is not None:  # of one dtype, as the matrix is
            rows = rows.astype(np.float64)
        n = rows.shape[0]
        if not answers_rows(lambda some: method(take_rows(rows, some)), call.value, n):
            raise Refused(f"{name} is not row-wise, or hangs on dtypes of columns")

        def convert(context: Context, estimator: Any, value: Input) -> Model:
            return _python_model(context, estimator, ref, why, names)

        with context.within(f"line {call.tracer.line}"):
            return _result(call, estimator, name, _model_of(call, estimator, value, convert))
    except Refused as refused:
        raise NotNative(f"{type(estimator).__name__}: {refused}") from refused


def _python_model(
    context: Context, estimator: Any, ref: Ref, why: str, names: tuple[str, ...] | None
) -> Model:
    model = context.python_model(estimator, ref, why)
    for output in model.outputs().values():
        context.builder.nodes[output.node].payload.names = names
    return model


def _name_of(estimator: Any) -> str:
    return type(estimator).__name__.lower()


def _transformed(call: Call, estimator: Any, value: Input) -> Native:
    from ..convert.registry import transform_of

    context = call.tracer.context
    context._check_gaps(estimator, value)
    ref = transform_of(estimator)(context, estimator, value)
    if not isinstance(ref, Ref):
        raise NotNative(f"{type(estimator).__name__} gives strings")
    return matrix_of(ref, call.value)


def matrix_of(ref: Ref, shown: Any) -> Matrix:
    """The native form of a matrix that plain Python shows as `shown`."""
    if isinstance(shown, pd.DataFrame):
        raise NotNative("it gives a frame")
    form = shown.format if sp.issparse(shown) else ""
    if bool(form) != ref.sparse:
        raise NotNative("it is sparse in one form and dense in the other")
    return Matrix(ref, str(shown.dtype), form)


def _predicted(call: Call, estimator: Any, value: Input, name: str) -> Native:
    from ..convert.registry import predict_of

    call.tracer.context._check_gaps(estimator, value)
    model = _model_of(call, estimator, value, predict_of(estimator))
    return _result(call, estimator, name, model)


def _result(call: Call, estimator: Any, name: str, model: Model) -> Native:
    """What a method of the model gives."""
    if name == "predict":
        if model.label is not None and model.classes is not None and not model.multilabel:
            return Labels(model.label, model.classes)
        if model.prediction is None:
            raise NotNative(f"{type(estimator).__name__}.predict")
        ref, key = model.prediction, "prediction"
    else:
        key = _OUTPUTS[name]
        found = getattr(model, key)
        if found is None:
            raise NotNative(f"{type(estimator).__name__}.{name}")
        ref = found
    if call.value.ndim == 1:
        dtype = str(call.value.dtype)
        if dtype == "int32":  # as clusters are
            return Column(call.tracer.context.cast(ref, "f64").node, "int64", stored=dtype)
        if dtype not in ("float64", "float32", "int64"):
            raise NotNative(f"{name} of dtype {dtype}")
        return Column(ref.node, dtype)
    return matrix_of(ref, call.value)


def _model_of(call: Call, estimator: Any, value: Input, convert: Any) -> Model:
    """A model's outputs; one that is called several times is converted once."""
    key = (id(estimator), value)
    known: dict[Any, Model] = call.tracer.models
    if key not in known:
        model = convert(call.tracer.context, estimator, value)
        if model.estimator is None:
            model.estimator = estimator
        known[key] = model
    call.tracer.model = known[key]
    return known[key]


# ---- what an estimator is given -----------------------------------------------------


def _input_of(call: Call, given: Any, estimator: Any, method: str) -> Input:
    tracer = call.tracer
    if isinstance(given, Traced) and isinstance(given.native, str):
        tracer.external(given)
    native = given.native if isinstance(given, Traced) else None
    if isinstance(native, str):
        native = tracer.external(given)
    if isinstance(native, Matrix):
        return native.ref
    if isinstance(native, Column):
        if not native.is_text:
            raise NotNative("an estimator is given one column; it would raise")
        return Table((native.node,), ("",), (None,), ("",), (None,), is_scalar=True)
    if isinstance(native, Frame):
        flags = [name for name, column in native.columns.items() if _is_flag(column)]
        is_read = not flags or _reads_as_numbers(
            concrete(given), flags, getattr(estimator, method),
            loose={native.column(n).stored for n in flags if native.column(n).dtype == LOOSE},
        )  # fmt: skip
        return table_of(call, native, () if is_read else flags)
    raise NotNative(f"{type(estimator).__name__} is given this")


def _is_flag(held: Held) -> bool:
    try:
        column = column_of(held)
    except NotNative:
        return False
    return column.is_bool or column.dtype == LOOSE


def _reads_as_numbers(
    frame: Any, flags: list[Any], method: Callable[[Any], Any], *, loose: Collection[str]
) -> bool:
    """Whether an estimator gives booleans the answers that it gives zeros and ones: on rows of
    the sample, and on the same rows with other booleans; and as what later rows may have in
    their place, whole numbers ("int64"), or objects of which some are missing."""
    frame = frame.iloc[:_ROWS_OF_FLAGS]
    own = frame[flags].isin([True])
    forms = [own, ~own, own | True, own & False]
    if "int64" in loose:
        forms.append(own.astype(np.int64))
    if "" in loose:
        is_gone = np.indices(own.shape)[0] % 3 == 1
        forms += [own.astype(object), own.astype(object).mask(is_gone)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for form in forms:
            given, as_numbers = frame.copy(), frame.copy()
            given[flags], as_numbers[flags] = form, form.astype(np.float64)
            if not _is_same(_outcome(method, given), _outcome(method, as_numbers)):
                return False
    return True


def _outcome(method: Callable[[Any], Any], frame: Any) -> Any:
    try:
        return method(frame)
    except Exception as error:
        return type(error)


def _is_same(a: Any, b: Any) -> bool:
    if type(a) is not type(b) or isinstance(a, type):
        return a is b
    a, b = as_array(a), as_array(b)
    is_float = a.dtype.kind == "f"
    return a.dtype == b.dtype and bool(np.array_equal(a, b, equal_nan=is_float))


def table_of(call: Call, frame: Frame, flags: Collection[Any] = ()) -> Table:
    """A frame as converters take it; `flags`: booleans that are not read as numbers."""
    nodes, numbers, reasons, codes = [], [], [], []
    for name, held in frame.columns.items():
        node, number, reason, coded = -1, None, "", None
        try:
            column = column_of(held)
            if column.dtype == "category":
                coded = column.ref, column.categories, column.source >= 0
                is_text = all(isinstance(each, str) for each in column.categories)
                column = as_values(call, column, "str" if is_text else "float64")
            reason = _reason(column, name) if name not in flags else f"column {name!r} is boolean"
            if not reason:
                node, number = column.node, None if column.is_text else column.ref
        except NotNative as why:
            reason = str(why)
        nodes.append(node)
        numbers.append(number)
        reasons.append(reason)
        codes.append(coded)
    names = tuple(map(str, frame.columns))
    return Table(tuple(nodes), names, tuple(numbers), tuple(reasons), tuple(codes))


def _reason(column: Column, name: Any) -> str:
    """Why an estimator cannot read a column; "" where it can."""
    is_flag = column.is_bool or column.dtype == LOOSE
    is_number = column.is_number or is_flag or column.dtype in (MIXED, "nullable")
    if not (column.is_text or is_number):
        return f"column {name!r} is no number"
    return ""


@method("matrix", "getitem")
def matrix_item(call: Call) -> Native:
    """Columns of a matrix."""
    owner, key = call.args
    matrix = call.tracer.matrix(owner)
    if not (isinstance(key, tuple) and len(key) == 2 and is_all_rows(key[0])):
        raise NotNative("rows of a matrix are picked")
    places = np.arange(matrix.ref.n_features)[key[1]]
    if np.ndim(places) == 0:
        if matrix.form:
            raise NotNative("one column of a sparse matrix")
        ref = call.tracer.context.select(matrix.ref, np.array([int(places)]))
        return Column(ref.node, matrix.dtype)
    ref = call.tracer.context.select(matrix.ref, np.asarray(places))
    return Matrix(ref, matrix.dtype, matrix.form)
