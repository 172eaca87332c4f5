"""The values that converters work with.

A `Ref` is a matrix that a node computes. A `Source` is what an estimator sees
of the caller's X before any node: it becomes an input of the graph only when a
converter says what it is (text, a matrix). Both are a `Value`; so are
`Categories`, strings that nodes compute.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import numpy as np

from .._graph import Array
from .registry import Refused
from .steps import Columns

DTYPES: dict[np.dtype[Any], str] = {
    np.dtype(np.int64): "i64",
    np.dtype(np.int32): "i32",
    np.dtype(np.float32): "f32",
    np.dtype(np.float64): "f64",
}
NUMPY: dict[str, np.dtype[Any]] = {name: dtype for dtype, name in DTYPES.items()}


def promote(*dtypes: str) -> str:
    """NumPy's common type of several dtypes."""
    return DTYPES[np.result_type(*(NUMPY[d] for d in dtypes))]


@dataclass(frozen=True)
class Ref:
    """A matrix that a node of the graph computes.

    `safe`: it holds neither NaN nor infinity, so it needs no check. `parts` are
    the inputs of a concatenation, with the names of the blocks. `is_frame`: the original
    has a frame here, in which columns of the caller's may be of the dtypes that they had.
    """

    node: int
    n_features: int
    sparse: bool = False
    dtype: str = "f64"
    safe: bool = False
    parts: tuple[tuple[str, Ref], ...] = ()
    is_frame: bool = field(default=False, compare=False)

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
    """Columns of strings that nodes compute, some of which may be missing.

    `in_frame`: the original has them in a frame that it makes anew, in which None may be NaN.
    """

    nodes: tuple[int, ...]
    in_frame: bool = field(default=False, kw_only=True)


@dataclass(frozen=True)
class Table(Categories):
    """A frame that nodes compute, as a captured function hands it to an estimator.

    `numbers`: a column's matrix, or None where it is strings. `reasons`: why a column has no
    form that an estimator may read, "" where it has; its node is -1. `codes`: of a categorical
    column its codes, -1 where it is missing, its categories, and whether others may come.
    `is_scalar`: one column as a Series.
    """

    names: tuple[str, ...] = ()
    numbers: tuple[Ref | None, ...] = ()
    reasons: tuple[str, ...] = ()
    codes: tuple[tuple[Ref, tuple[Any, ...], bool] | None, ...] = ()
    is_scalar: bool = False

    def pick(self, positions: Sequence[int], is_scalar: bool) -> Table:
        """Some of the columns."""
        return Table(
            tuple(self.nodes[p] for p in positions),
            tuple(self.names[p] for p in positions),
            tuple(self.numbers[p] for p in positions),
            tuple(self.reasons[p] for p in positions),
            tuple(self.codes[p] for p in positions),
            is_scalar,
        )

    def read(self, i: int) -> Ref | None:
        """Column i's matrix, None where it is strings.

        Raises
        ------
        Refused
            Where an estimator cannot read it.
        """
        if self.reasons[i]:
            raise Refused(self.reasons[i])
        return self.numbers[i]


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
    #: An outlier detector's.
    score: Ref | None = None
    features: Ref | None = None
    #: The sums of an ensemble of trees, and what `_variants.Source` takes: for the
    #: options and methods of the source (`_families`).
    raw: Ref | None = None
    source: dict[str, Any] | None = None
    #: Of predictions that are several labels, 0 or 1: a column each, above 0 where it
    #: is 1. No method shows them.
    margins: Ref | None = None
    classes: Array | None = None
    #: A classifier's of several outputs: each one's.
    output_classes: list[Array] | None = None
    multilabel: bool = False
    #: Labels come as a table of one column.
    label_table: bool = False
    #: How a frame's categories become codes, as `CategoryCodes` takes it.
    categories: dict[str, Any] | None = None
    ravel: set[str] = field(default_factory=set)
    prediction_dtype: str = "<f8"
    #: What the final model reads, for blocks and for clones of the model.
    model_input: Ref | None = None
    estimator: Any = None

    OUTPUTS = ("features", "decision", "proba", "log_proba", "label", "prediction", "score")

    def outputs(self) -> dict[str, Ref]:
        found = {name: getattr(self, name) for name in self.OUTPUTS}
        return {name: ref for name, ref in found.items() if ref is not None}


def gives_frame(value: Value) -> bool:
    """Whether an estimator may see the dtypes of the caller's columns."""
    return isinstance(value, Source) or (isinstance(value, Ref) and value.is_frame)
