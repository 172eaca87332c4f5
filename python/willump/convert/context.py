"""What converters work with: values of the graph, inputs of the caller, models.

A `Ref` is a matrix that a node computes. A `Source` is what an estimator sees
of the caller's X before any node: it becomes an input of the graph only when a
converter says what it is (text, a matrix). Both are a `Value`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import numpy as np
import scipy.sparse as sp

from .._graph import Array, Attribute, GraphBuilder
from .gaps import (
    CANNOT_CENTER,
    DENSE_ONLY,
    KEPT,
    LOST,
    SETTLED,
    centers,
    gaps_of,
    may_tell_gaps,
    takes_dense_only,
)
from .registry import Refused, predict_of, transform_of
from .steps import Columns, PythonStep

DTYPES: dict[np.dtype[Any], str] = {
    np.dtype(np.int64): "i64",
    np.dtype(np.int32): "i32",
    np.dtype(np.float32): "f32",
    np.dtype(np.float64): "f64",
}
_NUMPY: dict[str, np.dtype[Any]] = {name: dtype for dtype, name in DTYPES.items()}

#: Operators that treat every element by itself, whatever its column.
ELEMENTWISE = {"expit", "exp", "log", "clip", "at_most_one", "binarize", "cast", "ufunc"}
#: Operators with one number a column, which may be cut along the columns.
PER_COLUMN = {"scale", "affine"}
#: Operators within rounding of the original's: what follows must not compare.
ROUNDED = {
    "expit", "exp", "log", "softmax", "log_softmax", "normalize_rows", "isotonic", "linear",
    "project", "ovo",
}  # fmt: skip
#: Functions of the operator `ufunc` that are.
ROUNDED_FUNCTIONS = {"exp", "exp2", "expm1", "log", "log1p", "log2", "log10"}


def promote(*dtypes: str) -> str:
    """NumPy's common type of several dtypes."""
    return DTYPES[np.result_type(*(_NUMPY[d] for d in dtypes))]


@dataclass(frozen=True)
class Ref:
    """A matrix that a node of the graph computes.

    `safe`: it holds neither NaN nor infinity, so it needs no check. `parts` are
    the inputs of a concatenation, with the names of the blocks.
    """

    node: int
    n_features: int
    sparse: bool = False
    dtype: str = "f64"
    safe: bool = False
    parts: tuple[tuple[str, Ref], ...] = ()

    def blocks(self, name: str = "features") -> list[tuple[str, Ref]]:
        """The independent parts, concatenations within opened up."""
        if not self.parts:
            return [(name, self)]
        found: list[tuple[str, Ref]] = []
        for part_name, part in self.parts:
            found += part.blocks(part_name)
        return found


@dataclass(frozen=True)
class Source:
    """The caller's X (`columns` is None), or columns of it.

    `by_column`: numeric columns are inputs of their own, since other columns of
    the same frame may hold text; otherwise X is one matrix of `n_total` columns.
    """

    columns: Columns | None = None
    by_column: bool = False
    n_total: int = 0

    @property
    def is_columns(self) -> bool:
        """Whether its columns are inputs of their own."""
        return self.columns is not None and self.by_column

    def pick(
        self, positions: Sequence[int], names: Sequence[str] | None, is_scalar: bool
    ) -> Source:
        """Some columns of this one."""
        if self.columns is not None:
            outer = self.columns
            if outer.is_scalar:
                raise Refused("a ColumnTransformer cannot read a one-dimensional column")
            names = [outer.names[p] for p in positions] if outer.names else None
            positions = [outer.positions[p] for p in positions]
        chosen = Columns(tuple(positions), tuple(names) if names else None, is_scalar)
        return replace(self, columns=chosen)


@dataclass(frozen=True)
class Categories:
    """Columns of strings that nodes compute, some of which may be missing."""

    nodes: tuple[int, ...]


Value: TypeAlias = Ref | Source | Categories


@dataclass(frozen=True)
class Passed:
    """The caller's columns that a transformer passes through: None is all of X.

    `is_sparse`: beside sparse columns, where objects become numbers; `weighted`:
    times the transformer's weight.
    """

    block: str
    columns: Columns | None
    is_sparse: bool
    weighted: bool


@dataclass
class Model:
    """The outputs of a model; None where the original has no such method.

    A binary classifier's `decision` has one column, and so has `positive`, the
    probability of its second class.
    """

    decision: Ref | None = None
    proba: Ref | None = None
    log_proba: Ref | None = None
    positive: Ref | None = None
    label: Ref | None = None
    prediction: Ref | None = None
    features: Ref | None = None
    classes: Array | None = None
    multilabel: bool = False
    #: Labels come as a table of one column.
    label_table: bool = False
    #: Names by which a frame's columns are found, an array's by position (none: both).
    matched_names: list[str] | None = None
    #: How a frame's categories become codes, as `CategoryCodes` takes it.
    categories: dict[str, Any] | None = None
    ravel: set[str] = field(default_factory=set)
    prediction_dtype: str = "<f8"
    #: What the final model reads, for blocks and for clones of the model.
    model_input: Ref | None = None
    estimator: Any = None

    OUTPUTS = ("features", "decision", "proba", "log_proba", "label", "prediction")

    def outputs(self) -> dict[str, Ref]:
        found = {name: getattr(self, name) for name in self.OUTPUTS}
        return {name: ref for name, ref in found.items() if ref is not None}


class Context:
    """One conversion: the builder, and the reasons for Python steps."""

    def __init__(self) -> None:
        self.builder = GraphBuilder()
        self.notes: list[str] = []
        self.text_inputs: dict[int, dict[str, Any]] = {}
        #: X's columns are found by position, their names compared with fit's.
        self.is_ordered = False
        #: Nodes of columns that an output shows as they came; see `output.py`.
        self.passed: dict[int, Passed] = {}
        #: Encoders that warn, by what tells them apart in a run.
        self._warners: list[Any] = []
        #: Why rows that come as CSR are refused, and as which error.
        self.no_csr: tuple[str, str] | None = None
        self._path: list[str] = []

    # ---- names ------------------------------------------------------------

    @contextmanager
    def within(self, name: str) -> Iterator[None]:
        """Prefixes the names of tensors and steps with a step's name."""
        if name:
            self._path.append(name)
        try:
            yield
        finally:
            if name:
                self._path.pop()

    @property
    def path(self) -> str:
        return ".".join(self._path)

    def _emit(
        self, operator: str, inputs: Sequence[int], attributes: Mapping[str, Attribute | None]
    ) -> int:
        name = f"{self.path}.{operator}" if self.path else operator
        return self.builder.node(operator, inputs, attributes, name=name)

    def warning_group(self, est: Any) -> int:
        """The number under which all of an encoder's nodes share a warning."""
        for number, known in enumerate(self._warners):
            if known is est:
                return number
        self._warners.append(est)
        return len(self._warners) - 1

    # ---- rows that come as CSR; see gaps.py ---------------------------------

    def gaps(self, value: Value) -> str:
        if isinstance(value, Ref):
            return gaps_of(self.builder, value.node)
        is_matrix = isinstance(value, Source) and not value.is_columns
        return KEPT if is_matrix else SETTLED

    def refuse_csr(self, why: str, error: str = "type") -> None:
        self.no_csr = self.no_csr or (why, error)

    def refuse_lost_gaps(self, value: Value, reader: str) -> None:
        """For one that tells what CSR rows do not store from 0."""
        if self.gaps(value) == LOST:
            self.refuse_csr(
                f"rows that come as CSR are not supported before {reader} "
                "in this pipeline, which was fitted on dense rows: pass X.toarray(), whose "
                "zeros the original may read otherwise than what CSR rows do not store, or "
                "fit the pipeline on CSR rows"
            )

    def _check_gaps(self, estimator: Any, value: Value) -> None:
        if self.gaps(value) == SETTLED:
            return
        if centers(estimator):
            self.refuse_csr(CANNOT_CENTER, "value")
        elif takes_dense_only(estimator):
            self.refuse_csr(DENSE_ONLY)

    def mark_inputs(self) -> None:
        """Tells the inputs, and Python steps, which rows they refuse."""
        if self.no_csr is None:
            return
        for node in self.builder.nodes:
            if node.operator == "input" and node.attributes["kind"] == "matrix":
                node.attributes["no_csr"] = self.no_csr[0]
                if self.no_csr[1] != "type":
                    node.attributes["no_csr_error"] = self.no_csr[1]
            elif node.operator == "external":
                node.payload.no_csr = self.no_csr

    # ---- what is passed through ---------------------------------------------

    def passes(
        self, block: str, part: Ref, value: Value, *, is_sparse: bool, weighted: bool
    ) -> None:
        """Notes that `part` is columns of the caller's, in whatever dtype they come."""
        if isinstance(value, Source):
            self.passed[part.node] = Passed(block, value.columns, is_sparse, weighted)

    # ---- sources ----------------------------------------------------------

    def text(self, source: Value, spec: Mapping[str, Any]) -> int:
        """The node of a text input; `spec` says how bytes are decoded."""
        if not isinstance(source, Source):
            raise Refused("its input is computed, not text of the caller's")
        columns = source.columns
        if columns is not None and not columns.is_scalar:
            raise Refused(
                "its columns are given as a list, so it would iterate over column names; "
                "give the column as a plain name or position"
            )
        name = columns.names[0] if columns and columns.names else ""
        position = columns.positions[0] if columns else -1
        attributes: dict[str, Attribute | None] = {
            "kind": "text",
            "name": name,
            "position": position,
        }
        for node, known in self.text_inputs.items():
            same = all(known.get(key) == spec[key] for key in ("encoding", "errors"))
            if same and self.builder.nodes[node].attributes == attributes:
                return node
        # Not shared by the builder: two encodings of one column are two inputs.
        node = len(self.builder.nodes)
        self.builder.nodes.append(_input_node(attributes))
        self.text_inputs[node] = dict(spec)
        return node

    def columns_of(self, value: Value, est: Any) -> Source | Categories:
        """What single columns of an estimator's input are picked from."""
        if isinstance(value, Categories):
            return value
        if isinstance(value, Ref):
            raise Refused("its input is a computed matrix, which holds no categories")
        if value.columns is not None:
            if value.columns.is_scalar:
                raise Refused("it reads a one-dimensional column")
            if not value.by_column:
                raise Refused("its columns are read as a matrix")
            return value
        self.is_ordered = True
        names = getattr(est, "feature_names_in_", None)
        positions = range(int(est.n_features_in_))
        source = replace(value, by_column=True, n_total=len(positions))
        return source.pick(positions, None if names is None else [str(n) for n in names], False)

    def category(self, columns: Source | Categories, i: int) -> int:
        """The node of column i, as strings."""
        if isinstance(columns, Categories):
            return columns.nodes[i]
        assert columns.columns is not None
        return self._emit("input", (), _place(columns.columns, i, "category"))

    def number_category(self, columns: Source | Categories, i: int) -> Ref:
        """Column i as numbers, of which none is written as text."""
        if isinstance(columns, Categories):
            raise Refused("its categories are numbers, and its input is strings")
        assert columns.columns is not None
        attributes = _place(columns.columns, i, "numeric")
        for node, known in self.text_inputs.items():
            if known.get("first") == "category" and self.builder.nodes[node] == _input_node(
                attributes
            ):
                return Ref(node, 1)
        node = len(self.builder.nodes)
        self.builder.nodes.append(_input_node(attributes))
        self.text_inputs[node] = {"first": "category"}
        return Ref(node, 1)

    def numeric(
        self,
        value: Value,
        n_features: int | None,
        owner: Any = None,
        *,
        allow_nan: bool = False,
        as_float32: bool = False,
    ) -> Ref:
        """The matrix that `value` is; with an owner, checked as scikit-learn does."""
        if isinstance(value, Categories):
            raise Refused("its input is strings")
        ref = value if isinstance(value, Ref) else self._matrix_input(value, n_features)
        if owner is None:
            return ref
        name = type(owner).__name__
        if as_float32:
            return self.check_float32(ref, name, allow_nan)
        return self.check_finite(ref, name, allow_nan)

    def _matrix_input(self, source: Source, n_features: int | None) -> Ref:
        columns = source.columns
        if columns is None or not source.by_column:
            total = n_features if columns is None else source.n_total
            if total is None:
                raise Refused("the number of columns of its input is unknown")
            node = self._emit("input", (), {"kind": "matrix", "n_features": int(total)})
            whole = Ref(node, int(total))
            return whole if columns is None else self.select(whole, np.array(columns.positions))
        if columns.is_scalar:
            raise Refused("it reads a one-dimensional column of numbers")
        found = []
        for i, position in enumerate(columns.positions):
            name = columns.names[i] if columns.names else ""
            node = self._emit("input", (), _place(columns, i, "numeric"))
            found.append((name or str(position), Ref(node, 1)))
        return self._plain_concat(found, sparse=False)

    def _plain_concat(self, parts: list[tuple[str, Ref]], *, sparse: bool) -> Ref:
        """A concatenation that counts as one block."""
        return replace(self.concat(parts, sparse=sparse or None), parts=())

    # ---- matrices ---------------------------------------------------------

    def sparse_rows(self, ref: Ref) -> Ref:
        """The same numbers as CSR rows; dense ones lose their zeros."""
        node = self._emit("concat", (ref.node,), {"sparse": True})
        return replace(ref, node=node, sparse=True, parts=())

    def apply(self, operator: str, ref: Ref, *, safe: bool | None = None, **attributes: Any) -> Ref:
        """An operator on one matrix that keeps its shape.

        Those that treat columns apart go below a concatenation, so that blocks
        stay apart.
        """
        dtype = ref.dtype
        if operator == "cast":
            dtype = attributes["dtype"]
        elif operator != "binarize" and dtype not in ("f32", "f64"):
            dtype = "f64"
        splits = operator in ELEMENTWISE or operator in PER_COLUMN
        if ref.parts and splits:
            return self._apply_to_parts(operator, ref, attributes, safe)
        node = self._emit(operator, (ref.node,), attributes)
        is_safe = ref.safe and operator in ("cast", "clip") if safe is None else safe
        return Ref(node, ref.n_features, ref.sparse, dtype, is_safe)

    def _apply_to_parts(
        self, operator: str, ref: Ref, attributes: dict[str, Any], safe: bool | None
    ) -> Ref:
        parts, start = [], 0
        for name, part in ref.parts:
            stop = start + part.n_features
            own = {
                k: v[start:stop] if isinstance(v, np.ndarray) and v.size > 1 else v
                for k, v in attributes.items()
            }
            if ref.dtype != part.dtype and operator in PER_COLUMN:
                part = self.apply("cast", part, dtype=ref.dtype)
            parts.append((name, self.apply(operator, part, safe=safe, **own)))
            start = stop
        return self.concat(parts, sparse=self._union(ref))

    def concat(self, parts: Sequence[tuple[str, Ref]], *, sparse: bool | None = None) -> Ref:
        """Matrices side by side, concatenations within opened up.

        Without `sparse`, sparse where any part is, also when the rows come as CSR.
        """
        if not parts:
            raise Refused("none of its parts gives features")
        flat: list[tuple[str, Ref]] = []
        for name, part in parts:
            is_spread = sparse is None and self._union(part) is False
            for inner, block in part.blocks(name):
                if is_spread:  # before it is beside parts that may be CSR
                    block = replace(self.concat([(inner, block)], sparse=False), parts=())
                flat.append((inner if inner == name else f"{name}.{inner}", block))
        refs = [ref for _, ref in flat]
        is_sparse = any(r.sparse for _, r in parts) if sparse is None else sparse
        dtype = promote(*(ref.dtype for ref in refs))
        spreads = sparse is False and any(ref.sparse or self.gaps(ref) == KEPT for ref in refs)
        if len(refs) == 1 and refs[0].sparse == is_sparse and not spreads:
            return replace(refs[0], parts=tuple(flat))
        attribute = is_sparse if is_sparse or spreads else None
        node = self._emit("concat", [r.node for r in refs], {"sparse": attribute})
        n_features = sum(r.n_features for r in refs)
        safe = all(r.safe for r in refs)
        return Ref(node, n_features, is_sparse, dtype, safe, tuple(flat))

    def _union(self, ref: Ref) -> bool | None:
        """How `concat` made it: `sparse`."""
        node = self.builder.nodes[ref.node]
        if ref.sparse or node.operator != "concat":
            return ref.sparse or None
        return False if "sparse" in node.attributes else None

    def select(self, ref: Ref, indices: Array) -> Ref:
        """Some columns; ascending ones are chosen below a concatenation."""
        indices = np.asarray(indices, dtype=np.int64)
        if ref.parts and np.all(np.diff(indices) > 0):
            parts, start = [], 0
            for name, part in ref.parts:
                inside = (indices >= start) & (indices < start + part.n_features)
                if inside.any():
                    parts.append((name, self.select(part, indices[inside] - start)))
                start += part.n_features
            joined = self.concat(parts, sparse=self._union(ref))
            same = joined.dtype == ref.dtype  # not where the wider parts went
            return joined if same else self.apply("cast", joined, dtype=ref.dtype)
        if np.array_equal(indices, np.arange(ref.n_features)):
            return ref
        node = self._emit("select", (ref.node,), {"indices": indices})
        return Ref(node, len(indices), ref.sparse, ref.dtype, ref.safe)

    def check_finite(self, ref: Ref, estimator: str, allow_nan: bool = False) -> Ref:
        """What check_array does to numbers; text needs none."""
        if ref.safe:
            return ref
        if ref.parts:
            parts = [(n, self.check_finite(p, estimator, allow_nan)) for n, p in ref.parts]
            return self.concat(parts, sparse=self._union(ref))
        attributes = {"estimator": estimator, "allow_nan": True if allow_nan else None}
        node = self._emit("check_finite", (ref.node,), attributes)
        return replace(ref, node=node, safe=not allow_nan)

    def check_float32(self, ref: Ref, estimator: str, allow_nan: bool = False) -> Ref:
        """What a check after a cast to float32 does; the values stay as they are.

        NaN is allowed in dense rows only, as trees do.
        """
        if ref.safe and ref.dtype != "f64":
            return ref
        if ref.parts:
            parts = [(n, self.check_float32(p, estimator, allow_nan)) for n, p in ref.parts]
            return self.concat(parts, sparse=self._union(ref))
        attributes: dict[str, Attribute | None] = {"estimator": estimator, "dtype": "f32"}
        if allow_nan:
            attributes |= {"allow_nan": True, "allow_sparse_nan": False}
        node = self._emit("check_finite", (ref.node,), attributes)
        return replace(ref, node=node, safe=ref.safe or not allow_nan)

    def is_exact(self, ref: Ref) -> bool:
        """Whether the values are the original's to the bit, not within rounding.

        Labels count as the original's whatever they were chosen from.
        """
        pending, seen = [ref.node], set()
        while pending:
            number = pending.pop()
            if number in seen:
                continue
            seen.add(number)
            node = self.builder.nodes[number]
            if node.operator in ("argmax", "positive"):
                continue
            is_dense_norm = node.operator == "normalize" and self._is_dense(node.inputs[0])
            if (
                node.operator in ROUNDED
                or is_dense_norm
                or node.attributes.get("function") in ROUNDED_FUNCTIONS
                or (node.operator == "tfidf" and node.attributes.get("sublinear_tf"))
            ):
                return False
            pending += node.inputs
        return True

    def _is_dense(self, number: int) -> bool:
        """Whether a node's rows may come dense."""
        node = self.builder.nodes[number]
        if node.operator in ("count", "hash", "tfidf"):
            return False
        if node.operator == "concat":
            return not node.attributes.get("sparse")
        if node.operator == "external":
            return not node.attributes.get("sparse")
        return not node.inputs or self._is_dense(node.inputs[0])

    def weighted(self, ref: Ref, weight: Any) -> Ref:
        """`ref` times a transformer's weight, in the dtype that NumPy gives it."""
        if weight is None:
            return ref
        if not isinstance(weight, (int, float, np.number)) or not np.isfinite(weight):
            raise Refused(f"transformer_weights holds {weight!r}")
        result = np.result_type(_NUMPY[ref.dtype], weight if not isinstance(weight, bool) else 1)
        if not isinstance(weight, np.generic):
            # Python numbers are weak: they take the array's dtype where they can.
            result = (np.zeros(1, _NUMPY[ref.dtype]) * weight).dtype
        if result not in DTYPES:
            raise Refused(f"transformer_weights gives a result of dtype {result}")
        dtype = DTYPES[result]
        factor = np.array([result.type(weight)], dtype=np.float64)
        if dtype in ("f32", "f64"):
            if ref.dtype != dtype:
                ref = self.apply("cast", ref, dtype=dtype)
            return self.apply("scale", ref, multiply=factor, safe=ref.safe)
        node = self._emit("scale", (ref.node,), {"multiply": factor, "dtype": dtype})
        return replace(ref, node=node, dtype=dtype, parts=())

    # ---- dense rows -------------------------------------------------------

    def linear(self, ref: Ref, coef: Any, intercept: Any, dtype: str | None = None) -> Ref:
        """x times the transposed coef, plus intercept."""
        if sp.issparse(coef):
            coef = coef.toarray()
        coef = np.asarray(coef)
        coef = coef.reshape(1, -1) if coef.ndim == 1 else coef
        offset = np.broadcast_to(np.asarray(intercept).ravel(), (coef.shape[0],))
        if not (np.isfinite(coef).all() and np.isfinite(offset).all()):
            raise Refused("its coefficients hold NaN or infinity")
        if coef.shape[1] != ref.n_features:
            raise Refused(f"it has {coef.shape[1]} coefficients for {ref.n_features} features")
        if dtype is None:
            kinds = [_NUMPY[ref.dtype], coef.dtype, np.asarray(intercept).dtype]
            narrow = np.result_type(*kinds) == np.float32
            # An intercept of 0.0 from fit_intercept=False is a weak Python number.
            if isinstance(intercept, (int, float)):
                narrow = np.result_type(*kinds[:2]) == np.float32
            dtype = "f32" if narrow else "f64"
        kept = None if dtype == "f64" else dtype
        node = self._emit(
            "linear", (ref.node,), {"coef": coef, "intercept": np.array(offset), "dtype": kept}
        )
        return Ref(node, coef.shape[0], False, dtype)

    def rows(
        self, operator: str, *refs: Ref, n_features: int | None = None, **attributes: Any
    ) -> Ref:
        """An operator on dense rows."""
        dtype = "i64" if operator in ("argmax", "positive") else refs[0].dtype
        node = self._emit(operator, [r.node for r in refs], attributes)
        return Ref(node, refs[0].n_features if n_features is None else n_features, False, dtype)

    def argmax(self, ref: Ref) -> Ref:
        return self.rows("argmax", ref, n_features=1)

    def cast(self, ref: Ref, dtype: str = "f64") -> Ref:
        """The same numbers in another dtype."""
        return ref if ref.dtype == dtype else self.apply("cast", ref, dtype=dtype)

    def cast_like(self, ref: Ref, function: Callable[[Array], Any]) -> Ref:
        """The numbers in the dtype that NumPy gives the function of them, where
        that is wider: float32 beside a float64 scalar is float64."""
        found = np.asarray(function(np.ones((1, ref.n_features), _NUMPY[ref.dtype]))).dtype
        return self.cast(ref) if found == np.float64 else ref

    def side_by_side(self, refs: Sequence[Ref]) -> Ref:
        """Dense matrices side by side.

        Equal chains of operators over linear models of one input become one
        chain over one linear model of all their outputs.
        """
        if len(refs) == 1:
            return refs[0]
        nodes = [self.builder.nodes[r.node] for r in refs]
        first = nodes[0]
        if all(n.operator == first.operator and len(n.inputs) == 1 for n in nodes):
            merged = self._merge(refs, first.operator)
            if merged is not None:
                return merged
        return replace(self.concat([(str(i), r) for i, r in enumerate(refs)]), parts=())

    def _merge(self, refs: Sequence[Ref], operator: str) -> Ref | None:
        nodes = [self.builder.nodes[r.node] for r in refs]
        total = sum(r.n_features for r in refs)
        if operator == "linear":
            same = len({(n.inputs, r.dtype) for n, r in zip(nodes, refs, strict=True)}) == 1
            if not same:
                return None
            coef = np.vstack([self._constant(n.attributes["coef"]) for n in nodes])
            intercept = np.concatenate([self._constant(n.attributes["intercept"]) for n in nodes])
            source = replace(refs[0], node=nodes[0].inputs[0], n_features=coef.shape[1])
            return self.linear(source, coef, intercept, refs[0].dtype)
        if operator in PER_COLUMN:
            keys = [tuple(n.attributes) for n in nodes]
            if len(set(keys)) != 1 or "narrow" in keys[0]:
                return None
            attributes: dict[str, Any] = {
                key: np.concatenate(
                    [
                        np.broadcast_to(self._constant(n.attributes[key]), (r.n_features,))
                        for n, r in zip(nodes, refs, strict=True)
                    ]
                )
                for key in keys[0]
            }
        elif operator in ELEMENTWISE and all(n.attributes == nodes[0].attributes for n in nodes):
            attributes = dict(nodes[0].attributes)
        else:
            return None
        inner = [replace(r, node=n.inputs[0]) for n, r in zip(nodes, refs, strict=True)]
        joined = self.side_by_side(inner)
        node = self._emit(operator, (joined.node,), attributes)
        return Ref(node, total, False, refs[0].dtype)

    def _constant(self, attribute: Any) -> Array:
        if isinstance(attribute, np.ndarray):
            return attribute
        stored = self.builder.tensors[attribute.name]
        assert isinstance(stored, np.ndarray)
        return stored

    # ---- estimators -------------------------------------------------------

    def transform(
        self, estimator: Any, value: Value, name: str, *, width: int | None = None
    ) -> Ref:
        """A transformer's output, native where it can be; `width` is how many
        columns it has, where the caller knows."""
        found = self.transform_step(estimator, value, name, width=width, last=True)
        assert isinstance(found, Ref)
        return found

    def transform_step(
        self,
        estimator: Any,
        value: Value,
        name: str,
        *,
        width: int | None = None,
        last: bool = False,
    ) -> Ref | Categories:
        """The same; of what is not the `last` step, strings may come out."""
        if estimator is None or (isinstance(estimator, str) and estimator == "passthrough"):
            return self.numeric(value, None)
        self._check_gaps(estimator, value)
        with self.within(name):
            try:
                found = transform_of(estimator)(self, estimator, value)
                if last and isinstance(found, Categories):
                    raise Refused("it gives strings")
                return found
            except Refused as refused:
                return self.python_transform(estimator, value, str(refused), width)

    def predict(self, estimator: Any, value: Value, *, native: bool = False) -> Model:
        """A model's outputs; `native`: a Python step is refused instead."""
        self._check_gaps(estimator, value)
        try:
            model = predict_of(estimator)(self, estimator, value)
        except Refused as refused:
            if native:
                raise Refused(f"{type(estimator).__name__}: {refused}") from refused
            return self.python_model(estimator, value, str(refused))
        if model.estimator is None:
            model.estimator = estimator
        return model

    # ---- Python steps -----------------------------------------------------

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
        )
        attributes: dict[str, Attribute | None] = {
            "n_features": n_features,
            "sparse": True if sparse else None,
            "dtype": None if dtype == "f64" else dtype,
            "name": title,
        }
        inputs = (value.node,) if isinstance(value, Ref) else ()
        node = self.builder.node("external", inputs, attributes, payload=step)
        return Ref(node, n_features, sparse, dtype)

    def python_transform(
        self, estimator: Any, value: Value, why: str, width: int | None = None
    ) -> Ref:
        shape = _probe(estimator, "transform", value)
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
        if dtype.kind not in "iufb":
            raise Refused(f"{why}; its predictions are of dtype {dtype}")
        stored = DTYPES.get(dtype, "i64" if dtype.kind in "iub" else "f64")
        model.prediction = self.step(estimator, "predict", value, why, width, dtype=stored)
        model.prediction_dtype = dtype.str
        if answer.n_dims == 1 if answer else width == 1:
            model.ravel.add("prediction")


def _place(columns: Columns, i: int, kind: str) -> dict[str, Attribute | None]:
    name = columns.names[i] if columns.names else ""
    return {"kind": kind, "name": name, "position": columns.positions[i]}


def _input_node(attributes: dict[str, Attribute | None]) -> Any:
    from .._graph import Node

    return Node("input", (), {k: v for k, v in attributes.items() if v is not None})


# ---- what a Python step returns: tried on zeros, else guessed from names -----


@dataclass(frozen=True)
class _Answer:
    n_features: int
    n_dims: int
    sparse: bool = False
    numpy_dtype: np.dtype[Any] = _NUMPY["f64"]


def _probe(estimator: Any, method: str, value: Value) -> _Answer | None:
    """The shape of an answer for two rows of zeros; None when that fails."""
    width = (
        value.n_features if isinstance(value, Ref) else getattr(estimator, "n_features_in_", None)
    )
    function: Callable[[Any], Any] | None = getattr(estimator, method, None)
    if width is None or function is None:
        return None
    rows: Any = np.zeros((2, int(width)))
    if isinstance(value, Ref):
        rows = rows.astype(_NUMPY[value.dtype])
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


def _width_by_name(estimator: Any) -> int | None:
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
    if hasattr(estimator, "vocabulary_") or hasattr(estimator, "alternate_sign"):
        return True
    return bool(getattr(estimator, "sparse_output", getattr(estimator, "sparse", False)))


def _dtype_by_name(estimator: Any) -> np.dtype[Any]:
    try:
        return np.dtype(getattr(estimator, "dtype", np.float64))
    except TypeError:
        return np.dtype(np.float64)
