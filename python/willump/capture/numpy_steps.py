"""NumPy's own functions as Python steps on columns that the graph computes: those without an
operator, and those whose operator is within rounding of NumPy's where what reads the answer has
steps (trees, thresholds, rounding) and so needs it to the bit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .._graph import Array
from ..convert.context import Context
from ..convert.emit import is_rounded
from ..convert.steps import NUMPY_DTYPES, PythonStep
from ..convert.values import Ref, Table
from ..convert.values import Value as Input
from .values import Column, NotNative


@dataclass(slots=True)
class NumpyStep(PythonStep):
    """A function of NumPy's on a matrix; or on two columns, or one and a constant."""

    function: Callable[..., Any] = np.positive
    constant: Any = None  #: the other operand; None: there is none
    is_reversed: bool = False  #: whether the constant is the first operand

    def answer(self, x: Any) -> Array:
        matrix = np.asarray(x, dtype=NUMPY_DTYPES[self.input_dtype])
        if isinstance(self.function, np.ufunc) and self.function.nin == 1:
            return np.asarray(self.function(matrix))
        columns = matrix.reshape(-1, 2 if self.constant is None else 1).T
        operands: list[Any] = [np.ascontiguousarray(column) for column in columns]
        if self.constant is not None:
            operands.insert(0 if self.is_reversed else 1, self.constant)
        return np.asarray(self.function(*operands))


@dataclass(frozen=True)
class Twin:
    """The function of NumPy's that a node stands for."""

    function: Callable[..., Any]
    dtype: str
    n_features: int
    line: int


class Twins:
    """The nodes that NumPy's functions can stand in for."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self._of: dict[int, Twin | None] = {}
        self._made: dict[int, Callable[[], int | None]] = {}
        self._exact: dict[int, int | None] = {}
        self._steps: dict[Any, int] = {}

    def add(self, ref: Ref, function: Callable[..., Any], line: int) -> None:
        """Says that a node is a function of its input."""
        for _, part in ref.parts:  # each of which was computed by itself
            self.add(part, function, line)
        if not ref.parts:
            self._of.setdefault(ref.node, Twin(function, ref.dtype, ref.n_features, line))

    def add_call(self, node: int, make: Callable[[], int | None]) -> None:
        """Says what makes the node that is the same to the bit; None where there is none."""
        self._made.setdefault(node, make)

    def refuse(self, node: int) -> None:
        """Says that no function of arrays has a node's bits: it was one of single numbers."""
        self._of[node] = None

    def step(
        self,
        function: Callable[..., Any],
        columns: Sequence[Column],
        dtype: str,
        line: int,
        why: str,
        *,
        constant: Any = None,
        is_reversed: bool = False,
    ) -> int:
        """The node of a new step over columns.

        Raises
        ------
        NotNative
            Where the columns are not of numbers as NumPy has them.
        """
        kinds = {column.dtype for column in columns}
        is_single = kinds == {"float32"}
        if not all(c.is_number for c in columns) or dtype not in ("float64", "float32"):
            raise NotNative(f"{why}: of {', '.join(sorted(kinds))}")
        if any(c.stored for c in columns) or is_single != (dtype == "float32"):
            raise NotNative(f"{why}: {dtype} of {', '.join(sorted(kinds))}")
        refs = [(str(i), column.ref) for i, column in enumerate(columns)]
        ref = refs[0][1] if len(refs) == 1 else self.context.columns(refs)
        short = "f32" if is_single else "f64"
        twin = Twin(function, short, 1, line)
        return self._step(twin, ref.node, why, constant, is_reversed)

    def _step(
        self, twin: Twin, node: int, why: str, constant: Any = None, is_reversed: bool = False
    ) -> int:
        key = (twin.function, node, twin.dtype, repr(constant), is_reversed)
        if key in self._steps:
            return self._steps[key]
        step = NumpyStep(
            estimator=None,
            method="",
            name=f"line {twin.line}",
            why=f"line {twin.line}: {why}",
            n_features=twin.n_features,
            dtype=twin.dtype,
            input_dtype=twin.dtype,
            function=twin.function,
            constant=constant,
            is_reversed=is_reversed,
        )
        attributes = {
            "n_features": twin.n_features,
            "dtype": None if twin.dtype == "f64" else twin.dtype,
            "name": step.name,
        }
        found = self.context.builder.node("external", (node,), attributes, payload=step)
        self._steps[key] = found
        return found

    # ---- to the bit ----------------------------------------------------------

    def exact(self, node: int) -> int | None:
        """A node of the same values to the bit; None where a part is no function of NumPy's."""
        for number in self._behind(node):
            if number not in self._exact:
                self._exact[number] = self._exactly(number)
        return self._exact[node]

    def _behind(self, node: int) -> list[int]:
        """The nodes that one hangs on, and itself, each behind its inputs."""
        found, pending = set(), [node]
        while pending:
            number = pending.pop()
            if number not in found:
                found.add(number)
                pending += self.context.builder.nodes[number].inputs
        return sorted(found)  # a builder's nodes come behind their inputs

    def _exactly(self, number: int) -> int | None:
        node = self.context.builder.nodes[number]
        inputs = [self._exact[each] for each in node.inputs]
        known = [each for each in inputs if each is not None]
        if self.context.is_exact(Ref(number, 1)):
            return number
        if number in self._made:
            return self._made[number]()
        if len(known) < len(inputs):
            return None
        if is_rounded(node):
            twin = self._of.get(number)
            if twin is None or len(known) != 1:
                return None
            why = f"np.{twin.function.__name__} is NumPy's own, as what reads it has steps"
            return self._step(twin, known[0], why)
        if known == list(node.inputs):  # it rounds, and is no function of NumPy's
            return None
        if node.payload is not None and not isinstance(node.payload, NumpyStep):
            return None
        payload = None if node.payload is None else replace(node.payload)
        attributes = dict(node.attributes)
        return self.context.builder.node(node.operator, known, attributes, payload=payload)

    def exact_input(self, value: Input) -> Input | None:
        """What an estimator reads, to the bit; None where it is already, or cannot be."""
        if isinstance(value, Table):
            numbers = tuple(None if each is None else self._ref(each) for each in value.numbers)
            made: Input = replace(value, numbers=numbers)
        elif isinstance(value, Ref):
            made = self._ref(value)
        else:
            return None
        return None if made == value else made

    def _ref(self, ref: Ref) -> Ref:
        node = self.exact(ref.node)
        if node is None or node == ref.node:
            return ref
        parts = tuple((name, self._ref(part)) for name, part in ref.parts)
        return replace(ref, node=node, parts=parts)
