"""Steps that stay Python: external nodes, and what they give."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp
from sklearn.feature_extraction import DictVectorizer, FeatureHasher
from sklearn.preprocessing import PolynomialFeatures

from .._graph import Array, Attribute
from .._names import NameReaders
from .emit import Emitter
from .gaps import below, may_tell_gaps
from .registry import Refused
from .steps import PythonStep
from .values import DTYPES, NUMPY, Categories, Model, Ref, Source, Value

if TYPE_CHECKING:
    from .readers import NameReader


class PythonSteps(Emitter):
    """External nodes, and the reasons for them."""

    def __init__(self) -> None:
        super().__init__()
        self.notes: list[str] = []
        #: Names of nodes that are frames of pandas in the original, with plain numbers.
        self.frames: dict[int, tuple[str, ...]] = {}

    def step(
        self,
        estimator: Any,
        method: str,
        value: Value,
        why: str,
        n_features: int,
        *,
        sparse: bool = False,
        dtype: str = "f64",
        classes: Array | None = None,
        result_dtype: str = "",
    ) -> Ref:
        """An external node that calls a method of the estimator."""
        if isinstance(value, Categories):
            raise Refused(f"{why}; a Python step cannot read strings that are computed")
        if isinstance(value, Ref) and may_tell_gaps(estimator):
            self.refuse_lost_gaps(value, f"the Python step {type(estimator).__name__}")
        owner = type(estimator).__name__
        if self.path:
            owner = f"{self.path}: {owner}"
        title = f"{owner}.{method}"
        is_raw = isinstance(value, Source)
        columns = value.columns if isinstance(value, Source) else None
        step = PythonStep(
            estimator=estimator,
            method=method,
            name=title,
            why=f"{owner} stays Python: {why}",
            n_features=n_features,
            sparse=sparse,
            dtype=dtype,
            is_raw=is_raw,
            input_dtype="f64" if isinstance(value, Source) else value.dtype,
            columns=columns,
            classes=classes,
            result_dtype=result_dtype,
            names=self.frames.get(value.node) if isinstance(value, Ref) else None,
        )
        attributes: dict[str, Attribute | None] = {
            "n_features": n_features,
            "sparse": True if sparse else None,
            "dtype": None if dtype == "f64" else dtype,
            "name": title,
            "keeps": True if self._keeps_single(estimator, method, value, dtype) else None,
        }
        if _goes_by_order(estimator) and isinstance(value, Ref):
            for number in below(self.builder, value.node):
                if (before := self.builder.nodes[number].payload) is not None:
                    before.keeps_order = True
        inputs = (value.node,) if isinstance(value, Ref) else ()
        node = self.builder.node("external", inputs, attributes, payload=step)
        return Ref(node, n_features, sparse, dtype)

    def checks_names(self, ref: Ref, readers: Sequence[NameReader]) -> None:
        """Tells a Python step who reads the names of the frames that it may give: those
        next to it, of several steps that come to the same node."""
        step = self.builder.nodes[ref.node].payload
        if step is not None and step.readers is None and readers:
            step.readers = NameReaders([reader.described() for reader in readers])

    def _keeps_single(self, estimator: Any, method: str, value: Value, dtype: str) -> bool:
        """Whether computed rows of float32 have an answer of float32: asked."""
        if not isinstance(value, Ref) or value.dtype != "f64" or dtype != "f64":
            return False
        answer = _probe(estimator, method, replace(value, dtype="f32"))
        return answer is not None and answer.numpy_dtype == np.float32

    def python_transform(
        self, estimator: Any, value: Value, why: str, width: int | None = None
    ) -> Ref:
        shape = _probe(estimator, "transform", value)
        if shape is not None and shape.n_dims > 2:
            raise Refused(f"{why}; it transforms rows into an array of {shape.n_dims} dimensions")
        if width is None:
            width = shape.n_features if shape else _width_by_name(estimator)
        if width is None:
            raise Refused(f"{why}; the number of features that it gives is unknown")
        sparse = shape.sparse if shape else _is_sparse_by_name(estimator)
        dtype = shape.numpy_dtype if shape else _dtype_by_name(estimator)
        return self.step(
            estimator, "transform", value, why, width,
            sparse=sparse, dtype=DTYPES.get(dtype, "f64"), result_dtype=dtype.str,
        )  # fmt: skip

    def python_model(self, estimator: Any, value: Value, why: str) -> Model:
        """Every method of a model that stays Python."""
        model = Model(estimator=estimator, model_input=value if isinstance(value, Ref) else None)
        classes = getattr(estimator, "classes_", None)
        if classes is not None and len(classes) == 0:
            classes = None  # as CatBoost's regressors have it
        if hasattr(estimator, "transform"):
            try:
                model.features = self.python_transform(estimator, value, why)
            except Refused as refused:
                self.notes.append(str(refused))
        if isinstance(classes, np.ndarray) and classes.ndim == 1:
            self._python_classifier(model, estimator, value, why, classes)
        else:
            if classes is not None:
                model.output_classes = [np.asarray(each) for each in classes]
                self.notes.append(
                    f"{type(estimator).__name__}: several outputs with classes of their own; "
                    "only predict is there"
                )
            self._python_predictor(model, estimator, value, why)
        return model

    def _python_classifier(
        self, model: Model, estimator: Any, value: Value, why: str, classes: Array
    ) -> None:
        n = len(classes)
        answer = _probe(estimator, "predict", value)
        model.classes = classes
        is_table = answer.n_dims == 2 if answer else _is_table_by_name(estimator, n)
        if answer is not None and is_table and answer.n_features not in (1, n):
            model.classes = None
            self.notes.append(
                f"{type(estimator).__name__}: {answer.n_features} labels a row, each one of "
                f"{n} classes; only predict is there"
            )
            self._python_predictor(model, estimator, value, why)
            return
        model.multilabel = answer is not None and is_table and answer.n_features == n
        model.label = self.step(
            estimator, "predict", value, why,
            n if model.multilabel else 1, dtype="i64",
            classes=None if model.multilabel else classes,
        )  # fmt: skip
        model.label_table = is_table and not model.multilabel
        if not is_table:
            model.ravel.add("label")
        for name, method in (("proba", "predict_proba"), ("log_proba", "predict_log_proba"),
                             ("decision", "decision_function")):  # fmt: skip
            if not hasattr(estimator, method):
                continue
            width = 1 if name == "decision" and n == 2 else n
            scores = _probe(estimator, method, value) or _Answer(width, 1 if width == 1 else 2)
            dtype = DTYPES.get(scores.numpy_dtype, "f64")
            step = self.step(estimator, method, value, why, scores.n_features, dtype=dtype)
            setattr(model, name, step)
            if scores.n_dims == 1:
                model.ravel.add(name)

    def _python_predictor(self, model: Model, estimator: Any, value: Value, why: str) -> None:
        if not hasattr(estimator, "predict"):
            return
        answer = _probe(estimator, "predict", value)
        width = answer.n_features if answer else int(getattr(estimator, "n_outputs_", 1))
        dtype = answer.numpy_dtype if answer else np.dtype(np.float64)
        outputs = model.output_classes
        if answer is None and outputs:  # as of a pipeline that does not know its width
            answer = _Answer(len(outputs), 2)
            width = answer.n_features
            dtype = next((own.dtype for own in outputs if own.dtype.kind not in "iub"), dtype)
            dtype = outputs[0].dtype if len({own.dtype for own in outputs}) == 1 else dtype
        if dtype.kind not in "iufb":
            hint = ""
            if model.output_classes is not None:
                hint = (
                    ", and several labels a row must be numbers: encode them by an "
                    "OrdinalEncoder, or compile a classifier for each column"
                )
            raise Refused(f"{why}; its predictions are of dtype {dtype}{hint}")
        stored = DTYPES.get(dtype, "i64" if dtype.kind in "iub" else "f64")
        model.prediction = self.step(estimator, "predict", value, why, width, dtype=stored)
        model.prediction_dtype = dtype.str
        if answer.n_dims == 1 if answer else width == 1:
            model.ravel.add("prediction")
        for name, method in (("decision", "decision_function"), ("score", "score_samples")):
            scores = _probe(estimator, method, value)
            if scores is not None and scores.n_dims == 1:  # an outlier detector's
                setattr(model, name, self.step(estimator, method, value, why, 1))
                model.ravel.add(name)


# ---- what a Python step returns: tried on zeros, else guessed from names -----


@dataclass(frozen=True)
class _Answer:
    n_features: int
    n_dims: int
    sparse: bool = False
    numpy_dtype: np.dtype[Any] = NUMPY["f64"]


def _probe(estimator: Any, method: str, value: Value) -> _Answer | None:
    """The shape of an answer for two rows of zeros; None when that fails."""
    width = (
        value.n_features if isinstance(value, Ref) else getattr(estimator, "n_features_in_", None)
    )
    function: Callable[[Any], Any] | None = getattr(estimator, method, None)
    if function is None:
        return None
    rows: Any = _empty_rows(estimator) if width is None else np.zeros((2, int(width)))
    if rows is None:
        return None
    if isinstance(value, Ref):
        rows = rows.astype(NUMPY[value.dtype])
        if value.sparse:
            rows = sp.csr_array(rows)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            answer = function(rows)
    except Exception:
        return None
    sparse = sp.issparse(answer)
    if not sparse:
        answer = np.asarray(answer)
    columns = 1 if answer.ndim == 1 else int(answer.shape[1])
    return _Answer(columns, answer.ndim, sparse, answer.dtype)


def _empty_rows(estimator: Any) -> list[Any] | None:
    """Two rows that hold nothing, for steps behind one that reads texts or dicts, of which
    alone it is known by name what it gives."""
    steps = getattr(estimator, "steps", None)
    if not isinstance(steps, list) or len(steps) < 2:
        return None
    first = steps[0][1]
    if isinstance(first, FeatureHasher):
        return [{}, {}] if first.input_type == "dict" else [[], []]
    if isinstance(first, DictVectorizer):
        return [{}, {}]
    return ["", ""] if hasattr(first, "build_analyzer") else None


def _goes_by_order(estimator: Any) -> bool:
    """Whether an estimator, or a step of a Pipeline, goes by the order of a row's entries."""
    steps = getattr(estimator, "steps", None)
    if isinstance(steps, list):
        return any(_goes_by_order(step) for _, step in steps)
    return isinstance(estimator, PolynomialFeatures)


def _final(estimator: Any) -> Any:
    """The step of a Pipeline that gives its answer."""
    steps = getattr(estimator, "steps", None)
    return _final(steps[-1][1]) if isinstance(steps, list) and steps else estimator


def _width_by_name(estimator: Any) -> int | None:
    estimator = _final(estimator)
    vocabulary = getattr(estimator, "vocabulary_", None)
    if vocabulary is not None:
        return len(vocabulary)
    try:
        return len(estimator.get_feature_names_out())
    except Exception:
        n_features = getattr(estimator, "n_features", None)
        return int(n_features) if isinstance(n_features, (int, np.integer)) else None


def _is_table_by_name(estimator: Any, n_classes: int) -> bool:
    """CatBoost gives labels of three classes or more as a table of one column."""
    return type(estimator).__name__ == "CatBoostClassifier" and n_classes > 2


def _is_sparse_by_name(estimator: Any) -> bool:
    estimator = _final(estimator)
    if hasattr(estimator, "sparse_output_"):
        return bool(estimator.sparse_output_)
    if hasattr(estimator, "vocabulary_") and hasattr(estimator, "sparse"):
        return bool(estimator.sparse)  # DictVectorizer's
    if hasattr(estimator, "vocabulary_") or hasattr(estimator, "alternate_sign"):
        return True
    blocks = getattr(estimator, "transformer_list", None)
    if isinstance(blocks, list):  # a union of one sparse block and others is sparse
        return any(_is_sparse_by_name(block) for _, block in blocks)
    return bool(getattr(estimator, "sparse_output", getattr(estimator, "sparse", False)))


def _dtype_by_name(estimator: Any) -> np.dtype[Any]:
    try:
        return np.dtype(getattr(_final(estimator), "dtype", np.float64))
    except TypeError:
        return np.dtype(np.float64)
