"""Reads an artifact's parts; the core has verified the bytes before.

The layout is safetensors'; strings are two tensors: the bytes of all of them,
and `NAME#sizes`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from ._graph import Array, Attribute, GraphBuilder, Node, Tensor

_DTYPES = {
    f"{kind}{8 * size}": f"<{code}{size}"
    for kind, code in (("U", "u"), ("I", "i"), ("F", "f"))
    for size in (1, 2, 4, 8)
    if kind != "F" or size > 2
}


class Artifact:
    """The parts of an artifact's bytes."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.start = 8 + int.from_bytes(data[:8], "little")
        self.header: dict[str, Any] = json.loads(data[8 : self.start])

    def _bytes(self, name: str) -> memoryview:
        first, last = (self.start + offset for offset in self.header[name]["data_offsets"])
        return memoryview(self.data)[first:last]

    def array(self, name: str) -> Array:
        """The numbers of a tensor; KeyError where there is no such tensor."""
        entry = self.header[name]
        values: Array = np.frombuffer(self._bytes(name), dtype=_DTYPES[entry["dtype"]])
        return values.reshape(entry["shape"])

    def strings(self, name: str) -> list[str]:
        """The strings of a tensor; KeyError where there are no such strings."""
        ends = np.cumsum(self.array(f"{name}#sizes"), dtype=np.int64).tolist()
        data = bytes(self._bytes(name))
        return [
            data[begin:end].decode("utf-8", "surrogatepass")
            for begin, end in zip([0, *ends[:-1]], ends, strict=True)
        ]

    def graph(self, steps: Sequence[Any] = ()) -> tuple[GraphBuilder, dict[str, int]]:
        """The graph as it was given, to build upon, and the nodes of its first stage's
        outputs; `steps` are the Python steps of its `external` nodes."""
        builder = GraphBuilder()
        outputs: dict[str, int] = {}
        for line in self.header["__metadata__"]["graph"].split("\n")[1:]:
            if line.startswith("%"):
                builder.nodes.append(self._node(line, builder, steps))
            elif line.startswith("output "):
                name, _, node = line[len("output ") :].partition(" = %")
                outputs.setdefault(name, int(node))
        return builder, outputs

    def _node(self, line: str, builder: GraphBuilder, steps: Sequence[Any]) -> Node:
        """A statement: %number = operator(%input, ...) {attribute=value, ...}"""
        _, _, statement = line.partition(" = ")
        operator, _, rest = statement.partition("(")
        inputs, _, braces = rest.partition(")")
        attributes: dict[str, Attribute] = {}
        at = 2  # after " {"
        while at < len(braces) - 1:
            equals = braces.index("=", at)
            name = braces[at:equals]
            attributes[name], at = _value(braces, equals + 1)
            at += len(", ")
            value = attributes[name]
            if isinstance(value, Tensor) and value.name not in builder.tensors:
                are_strings = f"{value.name}#sizes" in self.header
                read = self.strings if are_strings else self.array
                builder.tensors[value.name] = read(value.name)
        payload = steps[int(attributes.pop("step"))] if operator == "external" else None  # type: ignore[arg-type]
        numbers = tuple(int(i[1:]) for i in inputs.split(", ") if i)
        return Node(operator, numbers, attributes, payload)


_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_NAME = re.compile(r"@([A-Za-z0-9_.-]+)")
_WORD = re.compile(r"[^,\]}]+")


def _value(text: str, at: int) -> tuple[Attribute, int]:
    """An attribute's value, and where it ends."""
    if text[at] == "[":
        items: list[Any] = []
        at += 1
        while text[at] != "]":
            item, at = _value(text, at)
            items.append(item)
            at += len(", ") if text[at] == "," else 0
        return (items if items and isinstance(items[0], str) else np.array(items)), at + 1
    for pattern in (_STRING, _NAME, _WORD):
        found = pattern.match(text, at)
        if found is not None:
            break
    assert found is not None
    word = found.group()
    if pattern is _STRING:
        return json.loads(word), found.end()
    if pattern is _NAME:
        return Tensor(found.group(1)), found.end()
    if word in ("true", "false"):
        return word == "true", found.end()
    is_integer = re.fullmatch(r"-?[0-9]+", word) is not None
    return (int(word) if is_integer else float(word)), found.end()
