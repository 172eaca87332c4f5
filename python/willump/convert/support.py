"""docs/support.md, printed from the registry."""

from __future__ import annotations

from .registry import Entry, entries

_HEAD = """# What is compiled

Printed by `tools/gen_support.py` from the registry of converters; do not edit.

An estimator of exactly one of these types becomes nodes of the graph. Subclasses
and every other estimator stay Python steps: as a transformer, a step that is
called with the matrix before it (or with the caller's rows); as the final
model, steps that are called with the native features. `strict=True` refuses
instead and names every reason.

| estimator | operators | handled exactly | stays Python |
|---|---|---|---|
"""


def _row(entry: Entry) -> str:
    operators = ", ".join(f"`{name}`" for name in entry.operators)
    parameters = "; ".join(entry.parameters)
    return f"| `{entry.name}` | {operators} | {parameters} | {entry.python_step} |\n"


def support_table() -> str:
    """The page as Markdown."""
    return _HEAD + "".join(_row(entry) for entry in entries())
