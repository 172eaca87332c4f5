"""From a model and its metadata to how it is presented: which method shows
which output, how inputs are found, what Python steps are called with.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from . import _core
from ._categories import CategoryCodes
from ._dmatrix import FromDMatrix
from ._dtypes import (
    FunctionColumns,
    ImputedColumns,
    LikeABooster,
    PassedDtypes,
    WideIntegers,
    whole_dtype,
    wide_groups,
)
from ._errors import ArtifactError, UnsupportedError
from ._frames import (
    Columns,
    Input,
    ObjectColumns,
    PassedColumns,
    WholeMatrix,
    n_rows_of,
    take_rows,
)
from ._names import ExactNames, NameReaders
from ._sparse import WithoutEdge
from .capture.inputs import FunctionInputs
from .capture.result import shown_as
from .capture.shared import EndsCall, SharedCalls

Array = npt.NDArray[Any]

#: From the extension's result and the caller's X to what the caller gets.
_Finish = Callable[[Any, Any], Any]

#: A method's output, whether it is one column shown as one axis, its classes, what is done to
#: its answer, and whether that stays float32.
_Method = tuple[str | int, bool, Array | None, _Finish | None, bool]

#: What sends arrays, too, through Python.
_LOOKS_AT_ARRAYS = ("feature_names_in", "function_columns", "object_columns", "passed_columns",
                    "imputed_columns")  # fmt: skip

#: SciPy's sparse types.
SPARSE_KINDS = tuple(
    f"{form}_{kind}"
    for form in ("csr", "csc", "coo", "bsr", "dok", "lil", "dia")
    for kind in ("matrix", "array")
)

#: Which method presents which output; the first of `predict` that is there.
METHODS = (
    ("predict", "label"),
    ("predict", "prediction"),
    ("predict_proba", "proba"),
    ("predict_log_proba", "log_proba"),
    ("decision_function", "decision"),
    ("score_samples", "score"),
    ("transform", "features"),
)

#: Outputs that options of methods and `top_k` ask for, under names that no method has.
HIDDEN = (("_raw", "raw"), ("_leaves", "leaves"), ("_filter", "filter"),
          ("_range", "range"))  # fmt: skip


def classes_of(metadata: Mapping[str, Any]) -> Array | None:
    if metadata.get("classes") is None:
        return None
    try:
        return np.array(metadata["classes"], dtype=np.dtype(metadata["classes_dtype"]))
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ArtifactError(f"the metadata's classes are damaged: {error}") from error


def explained(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """What an explanation shows of the metadata.

    Raises
    ------
    ArtifactError
        Where they are damaged.
    """
    part = "blocks"
    try:
        blocks = [
            {**block, "start": int(block["start"]), "stop": int(block["stop"])}
            for block in metadata.get("blocks") or []
        ]
        part = "certificate"
        certificate = dict(metadata["certificate"]) if metadata.get("certificate") else None
        part = "lossless"
        lossless = dict(metadata["lossless"]) if metadata.get("lossless") else None
        part = "versions"
        versions = dict(metadata.get("versions") or {})
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ArtifactError(f"the metadata's {part} are damaged: {error!r}") from error
    return {
        "blocks": blocks,
        "certificate": certificate,
        "lossless": lossless,
        "versions": versions,
    }


def interface_of(
    model: _core.Model,
    metadata: dict[str, Any],
    steps: list[Any],
    classes: Array | None,
    shown: Sequence[tuple[str, str]] = (*METHODS, *HIDDEN),
) -> _core.Interface:
    """The model as a caller's X sees it; `shown` pairs methods with outputs."""
    if metadata.get("top_k") is not None and all(name != "filter" for name, *_ in model.outputs):
        raise ArtifactError("the metadata tell of a filter, which the model does not have")
    inputs = model.inputs
    shared = SharedCalls() if metadata.get("function") is not None and steps else None
    called = [_Step(step, shared) for step in steps]
    estimator = str(metadata.get("first_estimator") or metadata.get("estimator") or "the model")
    texts = _texts_of(inputs, metadata, estimator)
    columns = extract_of(inputs, metadata, steps, estimator)
    if isinstance(columns, FunctionInputs):
        columns.shared = shared
    is_light = metadata.get("library") == "lightgbm"
    wide = [] if is_light else wide_groups(texts)
    return _core.Interface(
        model,
        _methods_of(model, metadata, called, classes, shown, shared),
        texts=texts,
        extract=_looked_at(columns, metadata, inputs, texts, wide),
        direct=len(inputs) == 1
        and not is_light
        and not wide
        and not isinstance(columns, (Columns, FunctionInputs))
        and not any(metadata.get(key) for key in _LOOKS_AT_ARRAYS),
        steps=called or None,
        empty=metadata.get("empty"),
    )


def _methods_of(
    model: _core.Model,
    metadata: dict[str, Any],
    called: list[_Step],
    classes: Array | None,
    shown: Sequence[tuple[str, str]],
    shared: SharedCalls | None = None,
) -> dict[str, _Method]:
    """How each method is shown."""
    inputs = model.inputs
    outputs = {name: (dtype, sparse) for name, dtype, sparse, _, _ in model.outputs}
    ravel = set(metadata.get("ravel", []))
    takes_csr = any(kind == "matrix" for _, kind, _, _ in inputs)
    keeps_f32 = set(metadata.get("float32_outputs", []))
    is_whole = bool(called) and model.n_stages == 1  # no rows answered elsewhere
    direct_steps = dict(metadata.get("direct_steps", {})) if is_whole else {}
    if classes is None and not metadata.get("multilabel"):
        direct_steps.pop("label", None)  # positions are asked for
    function = metadata.get("function")
    methods: dict[str, _Method] = {}
    for method, output in shown:
        if output not in outputs or method in methods:
            continue
        labels = classes if output == "label" and not metadata.get("multilabel") else None
        finish = _finish(output, *outputs[output], metadata, takes_csr)
        if output == "label" and metadata.get("label_table"):
            finish = _as_table
        is_direct = output in direct_steps
        if is_direct:
            if labels is not None:
                finish = _ClassesOf(labels, finish)
            finish = _Direct(called[direct_steps[output]], finish)
        elif output == "features":
            if metadata.get("keeps_integers"):
                finish = _WholeNumbers(inputs, finish)
            finish = _DefaultOutput(finish, str(metadata.get("transform_output") or "default"))
        if function is not None:
            finish = shown_as(function, finish)
        if shared is not None:
            finish = EndsCall(shared, finish)
        methods[method] = (
            output,
            output in ravel,
            None if labels is None or is_direct else labels.copy(),
            finish,
            output in keeps_f32 and not is_direct,
        )
    return methods


def _texts_of(
    inputs: list[Input], metadata: dict[str, Any], estimator: str
) -> list[dict[str, str]]:
    """How each input is read, and what errors call its reader."""
    says = (("reads_text", "convert"), ("refuses_float16", "no_half"))
    first = " ".join(word for key, word in says if metadata.get(key))
    knows_values = any((metadata.get("categories") or {}).get("categories") or ())
    if metadata.get("library") and not knows_values:  # a booster by itself
        first += " no_codes" if metadata["library"] == "catboost" else " no_codes no_words"
    texts: list[dict[str, str]] = [
        {"estimator": estimator, **({"first": first} if kind == "matrix" else {})}
        for _, kind, _, _ in inputs
    ]
    for spec in metadata.get("text_inputs", []):
        text = texts[int(spec["input"])]
        words = [text["first"]] if text.get("first") else []
        text.update({key: str(spec[key]) for key in ("encoding", "errors", "first") if key in spec})
        text["first"] = " ".join([*words, text["first"]])
        if knows_values:
            text["first"] = text["first"].replace("no_codes", "").replace("no_words", "")
    return texts


def _looked_at(
    extract: Callable[[Any], tuple[Any, ...]],
    metadata: dict[str, Any],
    inputs: list[Input],
    texts: list[dict[str, str]],
    wide: list[tuple[list[int], bool]],
) -> Callable[[Any], tuple[Any, ...]]:
    """What finds the inputs of a caller's X, behind what looks at X as the estimators and their
    libraries do; the last is the first to look."""
    if metadata.get("categories") is not None:
        extract = CategoryCodes(metadata["categories"], extract)
    if metadata.get("exact_names"):
        extract = ExactNames(metadata["exact_names"], extract)
    if metadata.get("function_columns"):
        extract = FunctionColumns(metadata["function_columns"], extract)
    if metadata.get("imputed_columns"):
        extract = ImputedColumns(metadata["imputed_columns"], extract)
    if metadata.get("passed_dtypes"):
        extract = PassedDtypes(metadata["passed_dtypes"], extract)
    if metadata.get("object_columns"):
        extract = ObjectColumns(metadata["object_columns"], extract)
    family = dict(metadata.get("source") or {}).get("family")
    if "lightgbm" in (family, metadata.get("library")):
        extract = WithoutEdge(extract)
    if metadata.get("library") == "lightgbm":
        extract = LikeABooster(extract)
    if wide:
        is_cast = len(inputs) == 1 and "casts_wide" in texts[0]["first"]
        extract = WideIntegers(wide, is_cast, extract)
    if metadata.get("library") == "xgboost":
        told = metadata.get("categories") or {}
        has_values = any(told.get("categories") or ())
        extract = FromDMatrix(metadata.get("exact_names") or (), has_values, extract)
    if metadata.get("passed_columns"):
        extract = PassedColumns(metadata["passed_columns"], extract)
    return extract


def extract_of(
    inputs: list[tuple[str, str, int, int]],
    metadata: dict[str, Any],
    steps: list[Any],
    estimator: str,
) -> Callable[[Any], tuple[Any, ...]]:
    """The function from the caller's X to the inputs of a model."""
    function = metadata.get("function")
    if function is not None:
        return FunctionInputs(
            [name for name, _, _, _ in inputs],
            function["columns"],
            function.get("all_columns") or (),
            function.get("absent") or (),
            function.get("present") or (),
            function.get("no_objects") or (),
            function.get("categories"),
            str(function.get("labels") or ""),
        )
    readers = NameReaders(_readers(metadata, inputs, estimator))
    if metadata.get("exact_names") is not None and len(inputs) == 1:
        return _itself
    if all(kind == "matrix" for _, kind, _, _ in inputs) and len(inputs) <= 1:
        whole = WholeMatrix(readers)
        if inputs:
            return whole
        if not any(getattr(step, "columns", None) for step in steps):
            return _nothing  # every part is a Python step, which makes its own checks
        # Those that are given columns check them, and not what they are picked from.
        readers = NameReaders([])
    elif all(position < 0 and not name for name, _, position, _ in inputs):
        # Several where parts of the pipeline decode bytes, or read float32, differently.
        return _itself if len(inputs) == 1 else _Repeated(len(inputs), readers)
    needed = [
        name
        for step in steps
        for name in (getattr(getattr(step, "columns", None), "names", None) or ())
    ] + list(metadata.get("needed_columns") or ())
    return Columns(
        inputs,
        metadata.get("n_features_in") or metadata.get("n_columns"),
        estimator,
        needed,
        readers,
        by_name=_goes_by_name(metadata),
        takes_arrays=bool(metadata.get("columns_of_arrays")),
    )


def _goes_by_name(metadata: Mapping[str, Any]) -> bool:
    is_named = metadata.get("feature_names_in") is not None
    by_name = metadata.get("columns_by_name", is_named)
    return bool(by_name) and not metadata.get("columns_in_order")


def _readers(
    metadata: Mapping[str, Any], inputs: list[Input], estimator: str
) -> list[dict[str, Any]]:
    """Who reads the names of X; of artifacts that do not say so, the first estimator."""
    known = metadata.get("name_readers")
    if known is not None:
        return list(known)
    names, matched = metadata.get("feature_names_in"), metadata.get("matched_names")
    if matched is not None:
        return [{"estimator": estimator, "kind": "match", "names": matched or None}]
    is_matrix = all(kind == "matrix" for _, kind, _, _ in inputs)
    if _goes_by_name(metadata) and not is_matrix:
        return []
    return [{"estimator": estimator, "kind": "check", "names": names}]


def _itself(x: Any) -> tuple[Any]:
    return (x,)


class _Repeated:
    """X is each of several inputs; an iterator is read once."""

    def __init__(self, count: int, readers: NameReaders) -> None:
        self.count = count
        self.readers = readers

    def __call__(self, x: Any) -> tuple[Any, ...]:
        if not isinstance(x, str) and hasattr(x, "__next__"):
            x = list(x)
        return (self.readers(x),) * self.count


def _nothing(x: Any) -> tuple[()]:
    return ()


def _finish(
    output: str, dtype: str, sparse: bool, metadata: Mapping[str, Any], takes_csr: bool
) -> _Finish | None:
    """What turns the extension's result into the caller's; None: nothing."""
    kinds = dict(metadata.get("sparse_results") or {})
    wanted = {"prediction": "prediction_dtype", "features": "transform_dtype"}.get(output)
    name = metadata.get(wanted) if wanted else None
    made = {"f32": "<f4", "f64": "<f8", "i32": "<i4" if sparse else "<i8"}.get(dtype, "<i8")
    if name is None or np.dtype(name) == np.dtype(made):
        # The features of a sparse matrix may be sparse where those of an array are not.
        if not (sparse or (takes_csr and output == "features")):
            return None
        return lambda result, x: _as_matrix(result, x, kinds)
    target = np.dtype(name)
    return lambda result, x: _as_matrix(result, x, kinds).astype(target)


def _as_table(result: Any, x: Any) -> Any:
    """Labels as a table of one column."""
    return np.reshape(result, (-1, 1))


def _as_matrix(result: Any, x: Any, kinds: Mapping[str, str]) -> Any:
    """The result in the container that the original's has for such an X."""
    matrix = as_csr(result) if isinstance(result, tuple) else result
    kind = kinds.get(type(x).__name__)
    if kind not in SPARSE_KINDS or kind == type(matrix).__name__:
        return matrix
    import scipy.sparse as sp

    return getattr(sp, kind)(matrix)


def as_csr(parts: Any) -> Any:
    """SciPy's matrix of (data, indices, indptr, shape), as scikit-learn would."""
    import scipy.sparse as sp

    data, indices, indptr, shape = parts
    matrix = csr_type()((data, indices, indptr), shape=shape, copy=False)
    assert sp.issparse(matrix)
    return matrix


def csr_type() -> Any:
    """scikit-learn 1.9 lets its users choose; before, it was the matrix."""
    import scipy.sparse as sp

    sklearn = sys.modules.get("sklearn")
    config = sklearn.get_config() if sklearn is not None else {}
    return sp.csr_array if config.get("sparse_interface") == "sparray" else sp.csr_matrix


class _Step:
    """A Python step as the extension calls it: (inputs, rows, X). One that needs a
    call's rows together gets them all, whichever are asked for.

    Where `keeps`, the answer is left for the same thread's `_Direct` as the
    estimator gave it.
    """

    def __init__(self, step: Any, shared: SharedCalls | None = None) -> None:
        self.step = step
        self.shared = shared
        self.keeps = False
        self.kept = threading.local()

    def __call__(self, inputs: list[Any], rows: Array | None, x: Any) -> Any:
        if self.shared is not None and hasattr(self.step, "answer_in"):
            return self._shared(self.shared, rows, x)
        if rows is not None and not getattr(self.step, "is_row_wise", True):
            return take_rows(self.step(x), rows)
        if getattr(self.step, "is_raw", False) or not inputs:
            take = getattr(self.step, "take_rows", take_rows)
            x = x if rows is None else take(x, rows)
        else:
            x = as_csr(inputs[0]) if isinstance(inputs[0], tuple) else inputs[0]
        if not self.keeps:
            return self.step(x)
        answer = self.kept.answer = self.step.answer(x)
        return self.step.stored(answer, checks=False)

    def _shared(self, shared: SharedCalls, rows: Array | None, x: Any) -> Any:
        """The answer of a function's step, with what the others computed."""
        is_alone = rows is None or self.step.is_row_wise
        scope = shared.scope(self.step, x, rows if is_alone else None)
        answer = self.step.stored(self.step.answer_in(scope))
        return answer if is_alone else take_rows(answer, rows)


class _WholeNumbers:
    """Features of integers in their dtype, as what only compares or picks gives them."""

    def __init__(self, inputs: Sequence[Input], then: _Finish | None) -> None:
        is_whole = any(not name and position < 0 for name, _, position, _ in inputs)
        keys = [name or position for name, _, position, _ in inputs]
        self.keys: list[Any] = [] if is_whole else keys
        self.then = then

    def __call__(self, result: Any, x: Any) -> Any:
        shown = result if self.then is None else self.then(result, x)
        dtype = None if isinstance(x, dict) else whole_dtype(x, self.keys)
        if dtype is None:
            return shown
        numbers = shown if isinstance(shown, np.ndarray) else shown.data
        if numbers.size and dtype.itemsize == 8 and np.abs(numbers).max() >= 2.0**53:
            raise UnsupportedError(
                f"transform of {dtype} is computed in float64, which does not hold every integer "
                "from 2**53 on; X has such: use the original for these rows"
            )
        return shown.astype(dtype)


class _DefaultOutput:
    """Refuses frames as results, which scikit-learn's settings, or the estimator's `own`,
    may ask for."""

    def __init__(self, then: _Finish | None, own: str) -> None:
        self.then = then
        self.own = own

    def __call__(self, result: Any, x: Any) -> Any:
        sklearn = sys.modules.get("sklearn")
        config = sklearn.get_config() if sklearn is not None else {}
        wanted = config.get("transform_output", "default")
        if self.own != "default":
            raise UnsupportedError(
                f"transform gives arrays, and set_output(transform={self.own!r}) asks for frames; "
                "use set_output(transform='default') before it is compiled"
            )
        if wanted != "default":
            raise UnsupportedError(
                f"transform gives arrays, and sklearn.set_config(transform_output={wanted!r}) "
                "asks for frames: set it to 'default' around the call"
            )
        return result if self.then is None else self.then(result, x)


class _ClassesOf:
    """The labels at positions among the classes."""

    def __init__(self, classes: Array, then: _Finish | None) -> None:
        self.classes = classes
        self.then = then

    def __call__(self, result: Any, x: Any) -> Any:
        if np.any(np.asarray(result) < 0):
            raise ValueError("a Python step gave a label that is none of its classes_")
        labels = self.classes[result]
        return labels if self.then is None else self.then(labels, x)


class _Direct:
    """The finish of an output that is a step's answer and nothing else: the
    answer itself, in the dtype and container that the original gave it."""

    def __init__(self, step: _Step, otherwise: _Finish | None) -> None:
        self.step = step
        self.otherwise = otherwise
        step.keeps = True

    def __call__(self, result: Any, x: Any) -> Any:
        answer = self.step.kept.__dict__.pop("answer", None)
        n_rows = result[3][0] if isinstance(result, tuple) else len(result)
        if answer is not None and n_rows_of(answer) == n_rows:
            return answer
        return result if self.otherwise is None else self.otherwise(result, x)


def tags_of(kind: str | None) -> Any:
    """scikit-learn's tags for a model whose original is not here."""
    from sklearn.utils import ClassifierTags, RegressorTags, Tags, TargetTags, TransformerTags

    kinds = ("classifier", "regressor", "transformer", "clusterer", "outlier_detector")
    return Tags(
        estimator_type=kind if kind in kinds else None,
        target_tags=TargetTags(required=kind in ("classifier", "regressor")),
        classifier_tags=ClassifierTags() if kind == "classifier" else None,
        regressor_tags=RegressorTags() if kind == "regressor" else None,
        transformer_tags=TransformerTags() if kind == "transformer" else None,
    )


def expand(recipe: Mapping[str, Any], tensors: Mapping[str, list[str]]) -> list[str]:
    names: list[str] = []
    for segment in recipe["segments"]:
        if "names" in segment:
            names += segment["names"]
        else:
            names += [segment["prefix"] + term for term in tensors[segment["tensor"]]]
    return names
