"""Strings that are one of a few: chosen among constants, a table's, a classifier's labels.

Such a column is what stands in a list at positions (the operator `take`). So a choice
between two of them is one of numbers, and a function may return one: the positions, with the
list as their classes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .._graph import Node, Tensor, text_of
from ..convert.values import Ref
from .values import Column, Labels, NotNative

if TYPE_CHECKING:
    from .tracer import Tracer

#: Strings that a result is one of, at most: its classes are part of the artifact.
MAX_CLASSES = 10_000
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class Few:
    """`node`: positions among `values`, each of them there; None where one is missing."""

    node: int
    values: tuple[str | None, ...]


def taken(tracer: Tracer, node: int, values: Iterable[str | None], dtype: str, rows: str) -> Column:
    """The strings at positions, each of them there."""
    listed = tuple(values)
    missing = [i for i, value in enumerate(listed) if value is None]
    attributes: dict[str, Any] = {"values": checked([text_of(value or "") for value in listed])}
    attributes |= {"nan": np.array(missing)} if missing else {"other": ""}
    found = tracer.context._emit("take", (node,), attributes)
    tracer.few[found] = Few(node, listed)
    return Column(found, dtype, rows)


def is_plain(value: Any) -> bool:
    """Whether a constant is a string as NumPy and pandas alike hold it: members of an `Enum`
    of strings are their names to one and their values to the other."""
    return type(value) in (str, np.str_)


def checked(texts: list[str]) -> list[str]:
    """Constant strings; refuses those that the text form has no place for."""
    joined = "".join(texts)
    if "\0" in joined or (not joined.isascii() and _SURROGATE.search(joined)):
        raise NotNative("a constant string holds NUL or a lone surrogate")
    return texts


def few_of(tracer: Tracer, node: int) -> Few | None:
    """What a column of strings is one of, where the graph says so."""
    if node in tracer.few:
        return tracer.few[node]
    made = tracer.context.builder.nodes[node]
    found = None
    if made.operator == "take":
        found = _of_table(tracer, made)
    elif made.operator == "choose_text":
        columns = iter(made.inputs[1:])
        sides: list[Few | str | None] = []
        for name in ("then", "otherwise"):
            if name in made.attributes:
                is_missing = made.attributes.get("missing") == name
                sides.append(None if is_missing else str(made.attributes[name]))
            elif (few := few_of(tracer, next(columns))) is not None:
                sides.append(few)
            else:
                return None
        found = _either(tracer, made.inputs[0], sides)
    if found is not None:
        tracer.few[node] = found
    return found


def _of_table(tracer: Tracer, node: Node) -> Few | None:
    """What stands in a table's rows, and nothing where there is no row."""
    name = node.attributes["values"]
    if not isinstance(name, Tensor) or node.attributes.keys() & {"none", "other"}:
        return None
    strings = tracer.context.builder.tensors[name.name]
    if not isinstance(strings, list) or len(strings) > MAX_CLASSES:
        return None
    values: list[str | None] = [*strings]
    for at in np.asarray(node.attributes.get("nan", ())).astype(int).tolist():
        values[at] = None
    emit = tracer.context._emit
    there = emit("binary", node.inputs, {"function": "greater_equal", "value": 0.0})
    known = emit("where", (there, *node.inputs), {"otherwise": float(len(values))})
    return Few(known, (*values, None))


def of_labels(tracer: Tracer, labels: Labels, shown: Any) -> Column:
    """A classifier's labels as a column: what stands at their positions."""
    classes = labels.classes
    kind = classes.dtype.kind
    if kind in "biu" and np.abs(classes.astype(np.float64)).max(initial=0.0) <= 2.0**53:
        dtype = {"b": "bool"}.get(kind, "int64")
    elif kind == "f":
        dtype = "float64"
    elif kind in "UO" and all(map(is_plain, classes.tolist())):
        dtype = "object" if shown.dtype == object else "str"
        return taken(tracer, labels.ref.node, classes.tolist(), dtype, "")
    else:
        raise NotNative(f"labels of {classes.dtype} are computed with")
    if classes.dtype not in (np.bool_, np.int64, np.float64):
        raise NotNative(f"labels of {classes.dtype} are computed with")
    values = classes.astype(np.float64)
    node = tracer.context._emit("take", (labels.ref.node,), {"values": values})
    return Column(node, dtype, "")


def chosen(
    tracer: Tracer, condition: Column, then: Any, otherwise: Any, dtype: str, rows: str
) -> Column:
    """One or the other by a condition; each is a column of strings or a constant."""
    columns, texts = [condition.node], {}
    sides: list[Few | str | None] = []
    for name, side in (("then", then), ("otherwise", otherwise)):
        if isinstance(side, Column) and side.is_text:
            columns.append(side.node)
            sides.append(few_of(tracer, side.node))
        elif is_plain(side):
            (texts[name],) = checked([str(side)])
            sides.append(texts[name])
        else:
            raise NotNative("strings are chosen beside what is none")
    if None not in sides:
        few = _either(tracer, condition.node, sides)
        return taken(tracer, few.node, few.values, dtype, rows)
    return Column(tracer.context._emit("choose_text", columns, texts), dtype, rows)


def _either(tracer: Tracer, condition: int, sides: Sequence[Few | str | None]) -> Few:
    """One of both, by a condition; None: a missing one."""
    values: dict[str | None, int] = {}
    for side in reversed(sides):
        for value in side.values if isinstance(side, Few) else (side,):
            values.setdefault(value, len(values))
    inputs, attributes = [condition], {}
    for name, side in zip(("then", "otherwise"), sides, strict=True):
        if isinstance(side, Few):
            inputs.append(moved(tracer, side, values))
        else:
            attributes[name] = float(values[side])
    return Few(tracer.context._emit("where", inputs, attributes), tuple(values))


def moved(tracer: Tracer, few: Few, values: dict[str | None, int]) -> int:
    """The positions among other values."""
    places = [values[value] for value in few.values]
    if places == list(range(len(places))):
        return few.node
    return tracer.context._emit("take", (few.node,), {"values": np.array(places, np.float64)})


def labels_of(tracer: Tracer, column: Column, dtype: Any, line: int) -> Labels | None:
    """A result of strings as positions among them; a row that has none is an error."""
    few = few_of(tracer, column.node)
    if few is None or len(few.values) > MAX_CLASSES:
        return None
    emit = tracer.context._emit
    there = [value for value in few.values if value is not None]
    values: dict[str | None, int] = {value: i for i, value in enumerate(dict.fromkeys(there))}
    if not values:
        return None
    classes = list(values)
    node = moved(tracer, few, {**values, None: 0})
    if None in few.values:
        flags = np.array([value is not None for value in few.values], np.float64)
        known = emit("take", (few.node,), {"values": flags})
        message = f"line {line}: the function's string is missing: fillna(...) before the return"
        node = emit("require", (known, node), {"message": message})
    node = emit("binary", (node,), {"function": "add", "value": 0.0, "dtype": "i64"})
    kind = np.dtype(object)
    if isinstance(dtype, np.dtype) and dtype.kind == "U":  # as wide as the widest of them
        kind = np.result_type(dtype, np.array(classes, dtype=np.str_).dtype)
    return Labels(Ref(node, 1), np.array(classes, dtype=kind))
