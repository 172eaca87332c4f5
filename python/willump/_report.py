"""What `explain` and `verify` return: objects that print, and show in notebooks."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ._plots import plots_of

#: Classes of a certificate that are printed.
CLASSES_SHOWN = 10
RELATIVE = 1e-9
ABSOLUTE = 1e-12
#: float32 results: four units in the last place of their terms' magnitude.
RELATIVE_F32 = 4 * float(np.finfo(np.float32).eps)


@dataclass(frozen=True)
class Explanation:
    """What a compiled object consists of; see `CompiledModel.explain`."""

    estimator: str
    kind: str
    methods: list[str]
    inputs: list[tuple[str, str, int, int]]
    outputs: list[tuple[str, str, bool, int, bool]]
    n_stages: int
    blocks: list[dict[str, Any]]
    certificate: dict[str, Any] | None
    lossless: dict[str, Any] | None
    reasons: list[str]
    versions: dict[str, str]
    graph: str
    #: Of a compiled function: its source, and what each line became.
    source: list[str] = field(default_factory=list)

    def _sections(self) -> list[tuple[str, list[str]]]:
        inputs = [
            _input_line(name, kind, position, width) for name, kind, position, width in self.inputs
        ]
        outputs = [
            f"{name}: {'sparse ' if sparse else ''}{dtype} x {columns}"
            + (" (through Python)" if external else "")
            for name, dtype, sparse, columns, external in self.outputs
        ]
        unit = _unit_of(self.certificate or {})
        costs = (self.certificate or {}).get("costs")
        blocks = [
            f"{block.get('name', '')}: {block['stop'] - block['start']} features"
            + _cost_of(costs, block.get("name"), unit)
            for block in self.blocks
        ]
        certificate = [
            line
            for key, value in sorted((self.certificate or {}).items(), key=_promise_first)
            for line in _certificate_lines(key, value, unit)
        ]
        return [
            ("methods", [", ".join(self.methods)]),
            ("inputs", inputs),
            ("outputs", outputs),
            ("blocks", blocks),
            ("stages", [str(self.n_stages)]),
            ("certificate", certificate),
            ("lossless", _lossless(self.lossless or {})),
            ("python", self.reasons or ["nothing stays Python"]),
            ("source", self.source),
            ("versions", [", ".join(f"{k} {v}" for k, v in self.versions.items())]),
        ]

    def __str__(self) -> str:
        lines = [f"compiled {self.estimator}" + (f" ({self.kind})" if self.kind else "")]
        for title, items in self._sections():
            for i, item in enumerate(items):
                lines.append(f"{title if i == 0 else '':<12}{item}".rstrip())
        return "\n".join([*lines, "", self.graph.rstrip("\n")])

    def _repr_html_(self) -> str:
        style = "style='text-align:left;vertical-align:top'"
        rows = ""
        for title, items in self._sections():
            cell = "<br>".join(html.escape(item) for item in items)
            rows += f"<tr><th {style}>{title}</th><td {style}>{cell}</td></tr>" if items else ""
        return (
            f"<div><b>compiled {html.escape(self.estimator)}</b><table>{rows}</table>"
            f"{self._plots()}<details><summary>graph</summary><pre>{html.escape(self.graph)}</pre></details></div>"
        )

    def _plots(self) -> str:
        try:
            return "".join(plots_of(self.certificate or {}))
        except (AttributeError, KeyError, TypeError, ValueError, ZeroDivisionError):
            return ""  # an artifact may say anything


def _promise_first(entry: tuple[str, Any]) -> bool:
    return entry[0] != "promise"


def _unit_of(certificate: Mapping[str, Any]) -> str:
    """In what a certificate's costs are: `costs=` has whatever unit the caller gave them."""
    return "ns a row" if certificate.get("costs_measured", True) else "a row, as costs= gave them"


def _cost_of(costs: Any, name: Any, unit: str) -> str:
    """What the certificate says of a block."""
    cost = costs.get(name) if isinstance(costs, Mapping) else None
    return f", {cost:.4g} {unit}" if isinstance(cost, float) else ""


def _certificate_lines(key: str, value: Any, unit: str) -> list[str]:
    if key in ("expected_cost", "exact_cost"):
        return [f"{key}: {value} {unit}"]
    if key == "agreement_by_class":
        return [_by_class(value)]
    if key == "gates":
        return _gates(value, unit)
    if key == "measured":
        return _measured(value)
    if key == "curve":
        return _curve(value, unit)
    if key == "reliability":
        return _reliability(value)
    return [f"{key}: {value}"]


def _lossless(told: Mapping[str, Any]) -> list[str]:
    """Gates that prove labels, and bounds of top-K queries."""
    lines = []
    for key, value in told.items():
        try:
            if key == "gates":
                lines += [
                    f"gate {number}: {' and '.join(gate['blocks'])}: the rest adds at most "
                    f"{gate['bound']:.6g}; {gate['share_leaving']:.2%} of the rows are decided"
                    for number, gate in enumerate(value, 1)
                ]
                continue
        except (KeyError, TypeError, ValueError):  # an artifact may say anything
            pass
        lines.append(f"{key}: {value}")
    return lines


def _gates(gates: Any, unit: str) -> list[str]:
    try:
        return [
            f"gate {number}: {' and '.join(gate['blocks'])}: {gate['share_leaving']:.2%} of the "
            f"rows leave above {gate['threshold']}; cost {gate['cost']} {unit}, of a row that "
            "comes there"
            for number, gate in enumerate(gates, 1)
        ]
    except (KeyError, TypeError, ValueError):  # an artifact may say anything
        return [f"gates: {gates}"]


def _curve(points: Any, unit: str) -> list[str]:
    """The trade-off."""
    try:
        return [f"curve (observed): rows that leave, of them wrong, its bound; cost, {unit}"] + [
            f"  {point['share_leaving']:7.2%} {point['share_wrong']:7.3%} {point['bound']:7.3%} "
            f"{point['cost']:10.4g}"
            for point in points
        ]
    except (KeyError, TypeError, ValueError):  # an artifact may say anything
        return [f"curve: {points}"]


def _measured(found: Any) -> list[str]:
    """What was built, beside what was expected of it."""
    try:
        return [
            f"measured in batches of {one['batch_rows']}: {one['cost']:.4g} ns a row, the exact "
            f"pipeline {one['exact_cost']:.4g}"
            for one in found
        ]
    except (KeyError, TypeError, ValueError):  # an artifact may say anything
        return [f"measured: {found}"]


def _reliability(bins: Any) -> list[str]:
    try:
        return ["reliability (observed) of the first stage, by its confidence"] + [
            f"  {float(b['low']):10.4g} to {float(b['high']):10.4g}: "
            f"{1 - b['n_wrong'] / b['n_rows']:7.2%} of {b['n_rows']} rows agree"
            for b in bins
        ]
    except (KeyError, TypeError, ValueError, ZeroDivisionError):  # an artifact may say anything
        return [f"reliability: {bins}"]


def _by_class(classes: Any) -> str:
    """The classes that agree least, first."""
    title = "agreement_by_class (observed; the promise is over all rows)"
    try:
        seen = [(c["agreement"], name, c["n_rows"]) for name, c in classes.items() if c["n_rows"]]
        shown = [f"{name}: {share:.2%} of {n} rows" for share, name, n in sorted(seen)]
    except (AttributeError, KeyError, TypeError, ValueError):  # an artifact may say anything
        return f"{title}: {classes}"
    shown = shown[:CLASSES_SHOWN]
    rest = len(classes) - len(shown)
    return f"{title}: {'; '.join(shown)}" + (f"; and {rest} more" if rest else "")


def _input_line(name: str, kind: str, position: int, width: int) -> str:
    where = f"{name!r}" if name else f"column {position}" if position >= 0 else "X"
    return f"{where}: {kind}" + (f" of {width} columns" if kind == "matrix" else "")


@dataclass(frozen=True)
class Difference:
    """How far two results of a method are apart."""

    n_rows: int
    ok: bool
    n_different: int = 0  #: elements (labels: rows) that differ at all
    worst_absolute: float = 0.0
    worst_relative: float = 0.0
    worst_row: int = -1  #: where the absolute difference is the largest; -1: nowhere
    problem: str = ""

    def __str__(self) -> str:
        if self.problem:
            return self.problem
        if self.n_different == 0:
            return f"equal on {self.n_rows} rows"
        return (
            f"{self.n_different} elements differ on {self.n_rows} rows; worst "
            f"{self.worst_absolute:.3g} absolute (row {self.worst_row}), "
            f"{self.worst_relative:.3g} relative"
        )


@dataclass(frozen=True)
class VerifyReport:
    """The original and the compiled model, compared; see `CompiledModel.verify`."""

    methods: Mapping[str, Difference] = field(default_factory=dict)
    is_cascade: bool = False

    @property
    def ok(self) -> bool:
        """Whether every method kept the contract."""
        return all(difference.ok for difference in self.methods.values())

    @property
    def labels_equal(self) -> bool:
        """Whether `predict` gave the same answers (true where there is none)."""
        predicted = self.methods.get("predict")
        return predicted is None or predicted.ok

    @property
    def worst_difference(self) -> float:
        """The largest absolute difference of all methods."""
        return max((d.worst_absolute for d in self.methods.values()), default=0.0)

    def __str__(self) -> str:
        verdict = "the same answers" if self.ok else "DIFFERENT ANSWERS"
        if self.is_cascade and not self.ok:
            verdict = "different answers, as an approximate first stage gives"
        lines = [f"{name:<20}{difference}" for name, difference in self.methods.items()]
        return "\n".join([verdict, *lines])

    __repr__ = __str__


def compare(expected: Any, actual: Any, double: Any = None) -> Difference:
    """Compares results by the contract: labels equal, float64 within 1e-9
    relative or 1e-12 absolute, float32 within 4 units in the last place of their
    terms' magnitude.

    `double` is what the original says to the same float32 numbers in float64:
    how far its own float32 results are from those shows what its terms' rounding
    does in each column, where differences of large terms are small.
    """
    if hasattr(expected, "tocsr"):
        if not hasattr(actual, "tocsr"):
            return Difference(0, False, problem="a dense result for a sparse one")
        return _compare_sparse(expected.tocsr(), actual.tocsr())
    first, second = np.asarray(expected), np.asarray(actual)
    if first.shape != second.shape:
        return Difference(
            len(first), False, problem=f"shape {second.shape} instead of {first.shape}"
        )
    if first.dtype != second.dtype:
        return Difference(
            len(first), False, problem=f"dtype {second.dtype} instead of {first.dtype}"
        )
    n_rows = first.shape[0] if first.ndim else 1
    if double is None or first.dtype != np.float32 or np.shape(double) != first.shape:
        return _compare_arrays(first, second, n_rows)
    with np.errstate(all="ignore"):
        own = np.nan_to_num(np.abs(first - np.asarray(double, dtype=np.float64)), posinf=0.0)
    return _compare_arrays(first, second, n_rows, 4 * np.max(own, axis=0, initial=0.0))


def _compare_sparse(first: Any, second: Any) -> Difference:
    first.sort_indices()
    second.sort_indices()
    same = first.shape == second.shape and np.array_equal(first.indptr, second.indptr)
    if not same or not np.array_equal(first.indices, second.indices):
        return Difference(first.shape[0], False, problem="other stored elements")
    found = _compare_arrays(first.data, second.data, first.shape[0])
    if found.worst_row < 0:
        return found
    row = int(np.searchsorted(first.indptr, found.worst_row, side="right")) - 1
    return replace(found, worst_row=row)  # of an element


def _compare_arrays(first: Any, second: Any, n_rows: int, rounding: Any = 0.0) -> Difference:
    if first.dtype.kind != "f":
        differs = first != second
        n_different = int(np.count_nonzero(differs))
        row = _first_row(differs) if n_different else -1
        return Difference(
            n_rows, n_different == 0, n_different, float(n_different > 0), worst_row=row
        )
    same = (first == second) | (np.isnan(first) & np.isnan(second))
    if bool(same.all()):
        return Difference(n_rows, True)
    with np.errstate(all="ignore"):
        wide = first.astype(np.float64)
        absolute = np.where(same, 0.0, np.abs(wide - second.astype(np.float64)))
        relative = np.where(same, 0.0, absolute / np.abs(wide))
    single = first.dtype.itemsize == 4
    magnitude = float(np.nanmax(np.abs(wide), initial=0.0)) if single else 0.0
    allowed_relative = RELATIVE_F32 if single else RELATIVE
    allowed_absolute = np.maximum(RELATIVE_F32 * magnitude, rounding) if single else ABSOLUTE
    within = (relative <= allowed_relative) | (absolute <= allowed_absolute)
    known = np.where(np.isnan(absolute), np.inf, absolute)  # NaN beside a number
    return Difference(
        n_rows,
        bool(within.all()),
        int(np.count_nonzero(~same)),
        float(known.max()),
        float(np.nanmax(relative)) if np.isfinite(relative).any() else float("inf"),
        _first_row(known == known.max()),
    )


def _first_row(flags: Any) -> int:
    """The first row with a flag that is set."""
    rows = np.atleast_1d(flags)
    return int(np.argmax(rows.reshape(len(rows), -1).any(axis=1)))
