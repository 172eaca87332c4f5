"""Where a call's time goes: the source of a function, or the nodes of a pipeline, beside
what computing them costs."""

from __future__ import annotations

import html
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from . import _core
from ._compiled import CompiledModel
from ._frames import n_rows_of
from ._function import CompiledFunction
from .capture.inputs import is_scalar

#: Calls that are measured, for medians: a call that other processes interrupt would
#: charge its pause to the node at work.
ROUNDS = 15
#: Rows of the sample that a function is compiled with, where it is given plain.
SAMPLE_ROWS = 1000


@dataclass(frozen=True)
class TraceLine:
    """A line of a function, or a node of a graph."""

    line: int  #: in its file; of a node: its number
    text: str
    kind: str  #: "native", "python", or "" where nothing is computed
    nanoseconds: float  #: a row; 0 where it is computed with another line, or beforehand
    nodes: Sequence[int] = ()  #: of the graph as given
    reasons: Sequence[str] = ()  #: why it stays Python


@dataclass(frozen=True)
class Trace:
    """What `willump.trace` found; ``str()`` is the text, notebooks show a page.

    Costs are nanoseconds a row of one call, of all threads together. What several lines
    compute in one step is charged to the first of them, and what hangs on constant tables
    alone is computed when the function is compiled, and costs a lookup.
    """

    name: str
    n_rows: int
    nanoseconds: float  #: a row, of the whole call
    inputs: float  #: of it, reading the columns
    lines: Sequence[TraceLine] = field(default_factory=list)
    #: Nanoseconds a row of each node of the graph as given.
    costs: Sequence[float] = field(default_factory=list)
    #: The graph's text form: as given (""), and as it stands after each pass.
    graphs: dict[str, str] = field(default_factory=dict)

    @property
    def rest(self) -> float:
        """What no line costs: taking X apart, and making the result."""
        return max(0.0, self.nanoseconds - self.inputs - sum(one.nanoseconds for one in self.lines))

    def _rows(self) -> list[tuple[str, str, str, str]]:
        """Cost, share, kind and text."""

        def of(cost: float, kind: str, text: str) -> tuple[str, str, str, str]:
            share = cost / self.nanoseconds if self.nanoseconds else 0.0
            shown = (f"{cost:.1f}", f"{share:.1%}") if cost else ("", "")
            return (*shown, kind, text)

        found = [of(self.inputs, "", "(reading the inputs)")]
        for one in self.lines:
            found.append(of(one.nanoseconds, one.kind, f"{one.line:>5} {one.text}"))
            found += [("", "", "", f"{'':>5} # {why}") for why in one.reasons]
        return [*found, of(self.rest, "", "(taking X apart, making the result)")]

    def __str__(self) -> str:
        head = f"{self.name}: {self.nanoseconds:.1f} ns a row, in one call of {self.n_rows} rows"
        lines = [
            f"{cost:>10} {share:>6} {kind:<7}{text}".rstrip()
            for cost, share, kind, text in self._rows()
        ]
        return "\n".join([head, f"{'ns a row':>10}", *lines])

    def _repr_html_(self) -> str:
        cells = "".join(
            "<tr>"
            + "".join(f"<td style='text-align:right'>{html.escape(c)}</td>" for c in row[:3])
            + f"<td style='text-align:left'><pre>{html.escape(row[3])}</pre></td></tr>"
            for row in self._rows()
        )
        head = str(self).partition("\n")[0]
        graphs = "".join(
            f"<details><summary>graph {html.escape(after or 'as given')}</summary>"
            f"<pre>{html.escape(text)}</pre></details>"
            for after, text in self.graphs.items()
        )
        return f"<div><b>{html.escape(head)}</b><table>{cells}</table>{graphs}</div>"


def trace(compiled: Any, X: Any) -> Trace:
    """Runs rows through a compiled function or pipeline and shows where the time goes.

    Parameters
    ----------
    compiled : CompiledModel or callable
        What `willump.compile` or `willump.optimize` gave, or loaded; or a plain function
        or a fitted pipeline, which is compiled first (a function with the first 1000 rows
        of X as its sample).
    X : the rows of one call: as many as a call has later, since small batches pay for
        each node what large ones pay once

    Returns
    -------
    Trace
        Of a function each line of its source, of a pipeline each node of its graph.

    Raises
    ------
    What compiling raises, and what a call with X raises.
    """
    if not isinstance(compiled, CompiledModel):
        compiled = _compiled(compiled, X)
    name = compiled._methods[0]
    costs, nanoseconds = _measured(compiled, name, X)
    n_rows = max(1, _n_rows(X))
    costs, nanoseconds = costs / n_rows, nanoseconds / n_rows
    graph = compiled._model.print(None)
    nodes = [text for text in graph.splitlines() if text.startswith("%")]
    is_input = np.array([_op_of(text) == "input" for text in nodes], dtype=bool)
    function = compiled.metadata.get("function")
    told = function.get("lines") or () if isinstance(function, dict) else ()
    return Trace(
        name=str(compiled.metadata.get("estimator", "graph")),
        n_rows=n_rows,
        nanoseconds=nanoseconds,
        inputs=float(costs[is_input].sum()),
        lines=_lines(told, nodes, np.where(is_input, 0.0, costs)),
        costs=costs.tolist(),
        graphs={"": graph, **{name: compiled._model.print(name) for name in _core.passes}},
    )


def _compiled(original: Any, rows: Any) -> CompiledModel:
    from . import compile

    if callable(original) and not hasattr(original, "get_params"):
        sample = rows[:SAMPLE_ROWS] if hasattr(rows, "shape") else rows
        return compile(original, sample=sample)
    return compile(original)


def _measured(
    compiled: CompiledModel, name: str, rows: Any
) -> tuple[npt.NDArray[np.float64], float]:
    """Medians: of each node's nanoseconds, and of the call's, which is not less than they
    are together."""
    if isinstance(compiled, CompiledFunction) and compiled._interface is None:
        compiled(rows)
    interface = cast(_core.Interface, compiled._interface)
    interface.costs(name, rows)  # what is made ready at the first call
    found, calls = [], []
    for _ in range(ROUNDS):
        begin = time.perf_counter_ns()
        found.append(interface.costs(name, rows))
        calls.append(time.perf_counter_ns() - begin)
    costs = np.median(np.asarray(found, dtype=np.float64), axis=0)
    return costs, max(float(np.median(calls)), float(costs.sum()))


def _n_rows(rows: Any) -> int:
    """Also of one row as a dict."""
    if isinstance(rows, dict) and all(is_scalar(value) for value in rows.values()):
        return 1
    return n_rows_of(rows)


def _op_of(text: str) -> str:
    return text.partition(" = ")[2].partition("(")[0]


def _lines(
    told: Sequence[dict[str, Any]], nodes: list[str], costs: npt.NDArray[np.float64]
) -> list[TraceLine]:
    """Each node is charged to the first line that has it, a Python step to its own; what no
    line has, to that of the first node that reads it, or to the last one."""
    if not told:
        return [
            TraceLine(
                number, text, "python" if _op_of(text) == "external" else "native", float(cost)
            )
            for number, (text, cost) in enumerate(zip(nodes, costs, strict=True))
            if _op_of(text) != "input"
        ]
    found = []
    line_of: dict[int, int] = {}
    for i, one in enumerate(told):
        own = [int(n) for n in one.get("nodes", ()) if 0 <= n < len(nodes)]
        python = one.get("python") or ()
        number, text = int(one.get("line", 0)), str(one.get("text", ""))
        kind = "python" if python else "native" if own else ""
        found.append(TraceLine(number, text, kind, 0.0, own, python))
        for n, node in enumerate(nodes):
            if n in own or (python and f'name="line {number}"' in node):
                line_of.setdefault(n, i)
    _inherit(line_of, nodes)
    spent = np.zeros(len(found))
    for n, cost in enumerate(costs):
        spent[line_of.get(n, max(line_of.values(), default=0))] += cost
    return [replace(one, nanoseconds=float(own)) for one, own in zip(found, spent, strict=True)]


def _inherit(line_of: dict[int, int], nodes: list[str]) -> None:
    """What no line has goes to the line of the first node that reads it."""
    without = set(range(len(nodes))).difference(line_of)
    for n in reversed(range(len(nodes))):  # readers come behind what they read
        inputs = nodes[n].partition("(")[2].partition(")")[0]
        for read in map(int, re.findall(r"%(\d+)", inputs)):
            if read in without and n in line_of:
                line_of[read] = line_of[n]
