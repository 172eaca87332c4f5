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

Exact means: labels equal, but where the original's own scores tie to the last bits;
float64 scores within 1e-9 relative or 1e-12 absolute. What the original computes in
float32 is within 4 units in the last place of float32 of its terms' magnitude: scores of
float32 features (vectorizers with `dtype=np.float32`, float32 rows), and float64 scores of
models that go on with features which NumPy rounds its own way in float32, as the
logarithms of `sublinear_tf=True` are and the norms of `Normalizer` on dense rows: each
such feature may be an ulp of float32 off, and the score as much of its terms.
Features of float32 vectorizers without `sublinear_tf` have the same bits.
Rows of float16 are refused where the original computes in it, and those of float32 where
a Python step that reads X itself gives float32 that the original computes on.
A compiled object answers frames of up to 16 different sets of float32 columns, and refuses
others by name: give the columns the same dtypes in each call.

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
