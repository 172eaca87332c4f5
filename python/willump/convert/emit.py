"""What every conversion builds with: nodes over matrices, under their steps' names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import scipy.sparse as sp

from .._graph import Array, Attribute, GraphBuilder, Node
from .gaps import KEPT, LOST, SETTLED, gaps_of
from .registry import Refused
from .values import DTYPES, NUMPY, Ref, Source, Value, promote

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


def is_rounded(node: Node) -> bool:
    """Whether what a node computes is within rounding of the original's."""
    return (
        node.is_rounded
        or node.operator in ROUNDED
        or node.attributes.get("function") in ROUNDED_FUNCTIONS
        or (node.operator == "tfidf" and bool(node.attributes.get("sublinear_tf")))
    )


def _takes_sparse(operator: str, attributes: Mapping[str, Any]) -> bool:
    """Whether zeros stay zeros, so that a sparse part of dense rows may stay sparse."""
    shifts = attributes.get("subtract") is not None
    return operator == "cast" or (operator == "scale" and not shifts)


#: Attributes of those that hang on more than the column.
_BOUND = {"narrow", "weak", "dtype", "joint", "keeps_zeros"}


class Emitter:
    """The builder, the path of names, and operators on matrices."""

    def __init__(self) -> None:
        self.builder = GraphBuilder()
        #: Why rows that come as CSR are refused, and as which error.
        self.no_csr: tuple[str, str] | None = None
        self._path: list[str] = []
        self.is_own = False
        #: Whether a step behind those at work may jump; see jumps.py.
        self.is_compared = False

    # ---- names ------------------------------------------------------------

    @contextmanager
    def own_values(self) -> Iterator[None]:
        """For a model that was fitted on the graph's own values, as a gate is: there is
        no original that they could be within rounding of."""
        before, self.is_own = self.is_own, True
        try:
            yield
        finally:
            self.is_own = before

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
                "in this pipeline, as a step before it spreads them out here: pass X.toarray(), "
                "whose zeros the original may read otherwise than what CSR rows do not store, or "
                "give CSR rows to the original, as where it was fitted on such"
            )

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
        attributes.setdefault("joint", None)
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
        is_dense = self._union(ref) is False
        for name, part in ref.parts:
            stop = start + part.n_features
            own = {
                k: v[start:stop] if isinstance(v, np.ndarray) and v.size > 1 else v
                for k, v in attributes.items()
            }
            if len(ref.parts) > 1:  # one dtype for all, whatever those of the parts
                own["joint"] = ref.node
            is_float = ref.dtype in ("f32", "f64")  # integers are computed of as they are
            if ref.dtype != part.dtype and operator != "cast" and is_float:
                # But where float32 rows make all parts float32.
                kept: dict[str, Any] = {
                    "joint": own.get("joint"),
                    "keeps": True if ref.dtype == "f64" else None,
                }
                part = self.apply("cast", part, dtype=ref.dtype, **kept)
            if part.sparse and is_dense and not _takes_sparse(operator, own):
                part = replace(self.concat([(name, part)], sparse=False), parts=())
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
        flat = self._beside_floats(flat)
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

    def _beside_floats(self, parts: list[tuple[str, Ref]]) -> list[tuple[str, Ref]]:
        """Blocks side by side, of which small integers that a Python step gives are float32
        to others of float32, as NumPy has it: the graph alone knows float64 for them."""
        small = [self._gives_small(part) for _, part in parts]
        if all(small) or not any(small):
            return parts
        return [
            (name, self.apply("cast", part, dtype="f32") if is_small else part)
            for (name, part), is_small in zip(parts, small, strict=True)
        ]

    def _gives_small(self, ref: Ref) -> bool:
        """Whether a node is a Python step's numbers of a dtype that float32 holds, which is
        none of the graph's."""
        node = self.builder.nodes[ref.node]
        while node.operator == "select":
            node = self.builder.nodes[node.inputs[0]]
        name = getattr(node.payload, "result_dtype", "")
        if not name or np.dtype(name).kind not in "biuf":
            return False
        return np.dtype(name) not in DTYPES and np.result_type(name, np.float32) == np.float32

    def _union(self, ref: Ref) -> bool | None:
        """How `concat` made it: `sparse`."""
        node = self.builder.nodes[ref.node]
        if ref.sparse or node.operator != "concat":
            return ref.sparse or None
        return False if "sparse" in node.attributes else None

    def select(self, ref: Ref, indices: Array) -> Ref:
        """Some columns; ascending ones are chosen below a concatenation."""
        indices = np.asarray(indices, dtype=np.int64)
        if ref.parts and np.all(np.diff(indices) > 0) and not self._drops_inputs(ref, indices):
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

    def _drops_inputs(self, ref: Ref, indices: Array) -> bool:
        """Whether a block of which no column is chosen reads inputs of its own: what these
        hold is checked all the same."""
        start = 0
        for _, part in ref.parts:
            stop = start + part.n_features
            if not ((indices >= start) & (indices < stop)).any():
                pending = [part.node]
                while pending:
                    node = self.builder.nodes[pending.pop()]
                    if node.operator == "input" and node.attributes["kind"] != "matrix":
                        return True
                    pending += node.inputs
            start = stop
        return False

    def keeps_single(self, ref: Ref) -> None:
        """Notes that a node gives float32 for float32, whatever it computes in."""
        self.builder.nodes[ref.node].attributes["keeps"] = True

    def check_finite(self, ref: Ref, estimator: str, allow_nan: bool = False) -> Ref:
        """What check_array does to numbers; text needs none."""
        if ref.safe:
            return ref
        if ref.parts:
            parts = [(n, self.check_finite(p, estimator, allow_nan)) for n, p in ref.parts]
            return self.concat(parts, sparse=self._union(ref))
        attributes = {"estimator": estimator, "allow_nan": True if allow_nan else None}
        node = self._emit("check_finite", (ref.node,), attributes)
        return replace(ref, node=node, safe=not allow_nan, is_frame=False)

    def check_float32(self, ref: Ref, estimator: str, allow_nan: bool = False) -> Ref:
        """What a check after a cast to float32 does; the values stay as they are.

        NaN is allowed in dense rows only, as trees do.
        """
        if ref.safe and ref.dtype != "f64":
            return ref
        if ref.parts:
            is_sparse = self._union(ref)
            may_be_nan = allow_nan and is_sparse is not True  # side by side they are sparse
            parts = [(n, self.check_float32(p, estimator, may_be_nan)) for n, p in ref.parts]
            return self.concat(parts, sparse=is_sparse)
        attributes: dict[str, Attribute | None] = {"estimator": estimator, "dtype": "f32"}
        if allow_nan:
            attributes |= {"allow_nan": True, "allow_sparse_nan": False}
        node = self._emit("check_finite", (ref.node,), attributes)
        return replace(ref, node=node, safe=ref.safe or not allow_nan, is_frame=False)

    @contextmanager
    def compared(self, is_compared: bool) -> Iterator[None]:
        """For steps before one that may jump; what is within another such step stays so."""
        before = self.is_compared
        self.is_compared |= is_compared
        try:
            yield
        finally:
            self.is_compared = before

    def is_exact(self, ref: Ref, *, signs: bool = False) -> bool:
        """Whether the values, or their `signs`, are the original's to the bit, not within
        rounding.

        Labels count as the original's whatever they were chosen from; in a model of
        our own (`own_values`) all do.
        """
        if self.is_own:
            return True
        pending, seen = [ref.node], set()
        while pending:
            number = pending.pop()
            if number in seen:
                continue
            seen.add(number)
            node = self.builder.nodes[number]
            if node.operator in ("argmax", "positive"):
                continue
            if signs and node.operator in ("tfidf", "normalize"):
                pending += node.inputs[:1]
                continue
            is_dense_norm = node.operator == "normalize" and self._is_dense(node.inputs[0])
            if is_dense_norm or is_rounded(node):
                return False
            pending += node.inputs
        return True

    def check_jump(self, ref: Ref, threshold: float) -> None:
        """Refuses a threshold of what is within rounding of the original's."""
        if not self.is_exact(ref, signs=threshold == 0):
            raise Refused(
                "its input is within rounding of the original's, and is compared with a threshold"
            )

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
        result = np.result_type(NUMPY[ref.dtype], weight if not isinstance(weight, bool) else 1)
        if not isinstance(weight, np.generic):
            # Python numbers are weak: they take the array's dtype where they can.
            result = (np.zeros(1, NUMPY[ref.dtype]) * weight).dtype
        if result not in DTYPES:
            raise Refused(f"transformer_weights gives a result of dtype {result}")
        dtype = DTYPES[result]
        factor = np.array([result.type(weight)], dtype=np.float64)
        if dtype in ("f32", "f64"):
            if ref.dtype != dtype:
                ref = self.apply("cast", ref, dtype=dtype)
            # Of rows that come as float32 Python's numbers make float32, NumPy's own dtype.
            is_weak = (np.zeros(1, np.float32) * weight).dtype == np.float32
            kept = {"weak": True} if is_weak else {"dtype": dtype}
            return self.apply("scale", ref, multiply=factor, safe=ref.safe, **kept)
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
            kinds = [NUMPY[ref.dtype], coef.dtype, np.asarray(intercept).dtype]
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
        found = np.asarray(function(np.ones((1, ref.n_features), NUMPY[ref.dtype]))).dtype
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
            if len(set(keys)) != 1 or _BOUND & set(keys[0]):
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
