"""Writes graphs in their text form (docs/graph.md) and collects their tensors.

Nodes are added in any order of need and are shared when they are equal; what no
output reaches is left out when the graph is rendered, and the rest is numbered
in the order in which it was added, so the same calls give the same text.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

HEADER = "willump-graph 1"

#: One-dimensional arrays up to this long are written in place.
INLINE_MAX = 8

#: Operators that read integers of any width.
NARROW = frozenset({"trees", "tree_leaves", "linear_trees"})

Array: TypeAlias = npt.NDArray[Any]
Strings: TypeAlias = list[str]


@dataclass(frozen=True, slots=True)
class Tensor:
    """A reference to a tensor of the graph, by name."""

    name: str


Attribute: TypeAlias = bool | int | float | str | Tensor | Array | Sequence[str]


@dataclass(slots=True)
class Node:
    """One statement; `payload` is an object of the front end (a Python step). `is_rounded`: the
    operator is exact, but the original may compute in another order."""

    operator: str
    inputs: tuple[int, ...]
    attributes: dict[str, Attribute]
    payload: Any = None
    is_rounded: bool = False


@dataclass(slots=True)
class Stage:
    """A stage of a cascade; a plain model has one without a gate."""

    outputs: dict[str, int]
    gate: int | None = None
    threshold: float = math.inf


@dataclass(slots=True)
class Rendered:
    """A graph as text, the tensors that it names, and the payloads in order.

    `numbers` maps a node's id in the builder to its number in the text.
    """

    text: str
    tensors: dict[str, Array | Strings]
    payloads: list[Any] = field(default_factory=list)
    numbers: dict[int, int] = field(default_factory=dict)


class GraphBuilder:
    """Collects nodes and tensors; `render` writes those that outputs reach."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.tensors: dict[str, Array | Strings] = {}
        self._seen_nodes: dict[tuple[Any, ...], int] = {}
        self._seen_tensors: dict[tuple[Any, ...], str] = {}

    # ---- tensors ----------------------------------------------------------

    def tensor(self, name: str, value: Array | Iterable[str], *, is_narrow: bool = False) -> Tensor:
        """Stores a constant under a name derived from `name`.

        Floating and boolean arrays are stored as float64, integers as int64 or,
        with `is_narrow`, as the smallest type that holds them; equal constants
        are stored once.
        """
        stored: Array | Strings
        key: tuple[Any, ...]
        if isinstance(value, np.ndarray):
            stored = _as_stored(value, is_narrow)
            digest = hashlib.sha256(stored.tobytes()).digest()
            key = (stored.dtype.str, stored.shape, digest)
        else:
            stored = [text_of(item) for item in value]
            key = ("strings", tuple(stored))
        if key in self._seen_tensors:
            return Tensor(self._seen_tensors[key])
        base = re.sub(r"[^A-Za-z0-9_.-]", "_", name) or "tensor"
        unique, count = base, 1
        while unique in self.tensors:
            count += 1
            unique = f"{base}.{count}"
        self.tensors[unique] = stored
        self._seen_tensors[key] = unique
        return Tensor(unique)

    # ---- nodes ------------------------------------------------------------

    def node(
        self,
        operator: str,
        inputs: Sequence[int] = (),
        attributes: Mapping[str, Attribute | None] | None = None,
        *,
        name: str = "",
        payload: Any = None,
        is_rounded: bool = False,
    ) -> int:
        """Adds a node and returns its id; an equal one is returned instead.

        Attributes that are None are left out. `name` prefixes the names of the
        tensors that large attributes become.
        """
        kept: dict[str, Attribute] = {}
        for key, value in (attributes or {}).items():
            if value is not None:
                kept[key] = self._attribute(f"{name or operator}.{key}", value, operator in NARROW)
        if payload is None:
            identity = (
                operator,
                tuple(inputs),
                tuple((k, format_attribute(v)) for k, v in sorted(kept.items())),
                is_rounded,
            )
            if identity in self._seen_nodes:
                return self._seen_nodes[identity]
            self._seen_nodes[identity] = len(self.nodes)
        self.nodes.append(Node(operator, tuple(inputs), kept, payload, is_rounded))
        return len(self.nodes) - 1

    def _attribute(self, name: str, value: Attribute, is_narrow: bool) -> Attribute:
        if isinstance(value, np.ndarray):
            stored = _as_stored(value)
            if stored.ndim == 1 and 0 < stored.size <= INLINE_MAX:
                return stored
            return self.tensor(name, stored, is_narrow=is_narrow)
        if isinstance(value, (str, bool, int, float, Tensor)):
            return value
        return self.tensor(name, value)

    # ---- text -------------------------------------------------------------

    def render(self, stages: Sequence[Stage]) -> Rendered:
        """Writes the nodes that the stages' outputs and gates reach."""
        reached: set[int] = set()
        pending = [n for stage in stages for n in stage.outputs.values()]
        pending += [stage.gate for stage in stages if stage.gate is not None]
        while pending:
            node = pending.pop()
            if node not in reached:
                reached.add(node)
                pending.extend(self.nodes[node].inputs)

        result = Rendered("", {})
        lines = [HEADER]
        for number, index in enumerate(sorted(reached)):
            result.numbers[index] = number
            lines.append(self._statement(number, self.nodes[index], result))
        for stage in stages:
            if stage.gate is None:
                lines.append("stage")
            else:
                gate = result.numbers[stage.gate]
                threshold = format_attribute(float(stage.threshold))
                lines.append(f"stage {{gate=%{gate}, threshold={threshold}}}")
            lines += [
                f"output {name} = %{result.numbers[node]}" for name, node in stage.outputs.items()
            ]
        result.text = "\n".join(lines) + "\n"
        return result

    def _statement(self, number: int, node: Node, result: Rendered) -> str:
        attributes = dict(node.attributes)
        if node.payload is not None:
            attributes = {"step": len(result.payloads), **attributes}
            result.payloads.append(node.payload)
        for value in attributes.values():
            if isinstance(value, Tensor):
                result.tensors[value.name] = self.tensors[value.name]
        inputs = ", ".join(f"%{result.numbers[i]}" for i in node.inputs)
        text = f"%{number} = {node.operator}({inputs})"
        if attributes:
            inner = ", ".join(f"{k}={format_attribute(v)}" for k, v in attributes.items())
            text += f" {{{inner}}}"
        return text


def text_of(value: Any) -> str:
    """The characters of a string; a member of an `Enum` of strings shows others by `str`."""
    return str.__str__(value) if isinstance(value, str) else str(value)


def _as_stored(value: Array, is_narrow: bool = False) -> Array:
    """The array as float64 or integers, C-contiguous, with at least one dimension."""
    kind = np.dtype(np.int64 if value.dtype.kind in "iu" else np.float64)
    if is_narrow and kind.kind == "i" and value.size:
        least, most = value.min(), value.max()
        sign = "i" if least < 0 else "u"
        kinds = [np.dtype(f"{sign}{size}") for size in (1, 2, 4)]
        fits = [k for k in kinds if np.iinfo(k).min <= least and most <= np.iinfo(k).max]
        kind = fits[0] if fits else kind
    return np.atleast_1d(np.ascontiguousarray(value, dtype=kind))


def format_attribute(value: Attribute) -> str:
    """An attribute's value in the text form."""
    if isinstance(value, Tensor):
        return f"@{value.name}"
    if isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    if isinstance(value, (int, np.integer)):
        return str(int(value))
    if isinstance(value, (float, np.floating)):
        return _format_float(float(value))
    if isinstance(value, str):
        return json.dumps(value)
    items = value.tolist() if isinstance(value, np.ndarray) else value
    return "[" + ", ".join(format_attribute(item) for item in items) + "]"


def _format_float(value: float) -> str:
    if math.isnan(value):
        return "nan"
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    return repr(value)
