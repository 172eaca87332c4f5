"""Variants of a model of trees: of a range of its iterations, of its leaves' numbers,
of what follows its sums. Each is compiled once, when it is first asked for, from the
graph that the model's artifact holds; so they are there after a load as well.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from . import _core
from ._artifact import Artifact
from ._ensembles import TreeStarts, array_of, leaves_of, n_trees_of, replaced, trees_between
from ._errors import ArtifactError, UnsupportedError
from ._graph import Array, Node, Rendered, Stage

#: A range [first, last) of iterations; None: those that the model predicts by.
Span = tuple[int, int] | None

#: A model, its metadata and its Python steps to how they are presented.
Present = Callable[[_core.Model, dict[str, Any], list[Any]], _core.Interface]

#: Iterations whose leaves `sums_by_stage` holds at once.
BLOCK = 32


@dataclass(frozen=True)
class Source:
    """What the metadata's `source` says of a model of trees.

    Attributes
    ----------
    family : str
        Whose methods and options it has; see `_families`.
    n_iterations, n_total : int
        Iterations in the graph, and in the source, which may predict by its best ones.
    is_average : bool
        Where what divides the sums is the number of iterations, as in LightGBM's
        random forests.
    adds_once : bool
        Where what is added to the sums belongs to the first iteration.
    is_dart : bool
        XGBoost's booster of that name.
    weights : list of float
        AdaBoost's; its stages divide by their sum so far.
    has_paths : bool
        Nodes are numbered depth first, so that leaves' numbers tell the splits'.
    """

    family: str = ""
    n_iterations: int = 0
    n_total: int = 0
    is_average: bool = False
    adds_once: bool = False
    is_dart: bool = False
    weights: list[float] = field(default_factory=list)
    has_paths: bool = False

    @classmethod
    def of(cls, metadata: Mapping[str, Any]) -> Source:
        told = dict(metadata.get("source") or {})
        if not told and "library" in metadata:  # a booster, which may come from a file
            library, n = metadata["library"], int(metadata["n_iterations"])
            told = {
                "family": f"{library}_booster",
                "n_iterations": n,
                "n_total": int(metadata.get("n_total", n)),
                "is_average": library == "lightgbm",
                "adds_once": library == "catboost",
            }
        return cls(**{k: v for k, v in told.items() if k in cls.__dataclass_fields__})


class Ensemble:
    """The ensemble of a model's graph, read back from the model's artifact."""

    def __init__(self, model: _core.Model, source: Source, steps: Sequence[Any]) -> None:
        self.source = source
        self.builder, self.outputs = Artifact(model.to_bytes()).graph(steps)
        self.at = self.outputs["raw"]
        while self.node.operator not in ("trees", "linear_trees"):
            self.at = self.node.inputs[0]
        if "ids" not in self.node.attributes and "leaves" in self.outputs:
            numbered = self.builder.nodes[self.outputs["leaves"]]
            if "ids" in numbered.attributes:
                self.node.attributes["ids"] = numbered.attributes["ids"]
        self.n_trees = n_trees_of(self.builder, self.node)
        self.starts = TreeStarts(self.builder, self.node)
        #: Trees of an iteration.
        self.turn = self.n_trees // max(source.n_iterations, 1)
        if self.turn * source.n_iterations != self.n_trees:
            raise ValueError(f"{self.n_trees} trees in {source.n_iterations} iterations")

    @property
    def node(self) -> Node:
        return self.builder.nodes[self.at]

    def array(self, name: str) -> Array:
        return array_of(self.builder, self.node, name)

    def _between(self, first: int, last: int) -> dict[str, Any]:
        return trees_between(self.builder, self.node, first * self.turn, last * self.turn)

    def _outputs(self) -> dict[str, int]:
        return {name: node for name, node in self.outputs.items() if name != "leaves"}

    def _render(self, outputs: dict[str, int]) -> Rendered:
        return self.builder.render([Stage(outputs)])

    def sums(self, first: int, last: int) -> Rendered:
        """All outputs, of a range of iterations."""
        inputs, operator = self.node.inputs, self.node.operator
        part = self.builder.node(operator, inputs, {**self._between(first, last), "ids": None})
        edit = self._edit(first, last)
        return self._render(replaced(self.builder, self._outputs(), self.at, part, edit))

    def _edit(self, first: int, last: int) -> Callable[[Node], Mapping[str, Any]]:
        """What follows the sums of a range: the average's divisor (of none the average is
        NaN), the constant."""
        averaged = (self.outputs["raw"],) if self.source.is_average else None
        shifted = (self.at,) if self.source.adds_once and first > 0 else None

        def edit(node: Node) -> Mapping[str, Any]:
            if node.operator == "scale" and node.inputs == averaged:
                return {**node.attributes, "divide": np.array([float(last - first)])}
            if node.operator == "affine" and node.inputs == shifted:
                return {k: v for k, v in node.attributes.items() if k != "add"}
            return node.attributes

        return edit

    def leaves(
        self, first: int, last: int, *, are_own: bool, check: Mapping[str, Any] | None = None
    ) -> Rendered:
        """The leaves' numbers: the source's own ones, or from 0 in each tree; `check`:
        attributes of the check of the trees' input, in place of its own."""
        attributes = leaves_of(self._between(first, last))
        if not are_own:
            attributes["ids"] = None
        inputs = self.node.inputs
        if check is not None:
            own = self.builder.nodes[inputs[0]]
            checked = own.inputs if own.operator == "check_finite" else inputs
            inputs = (self.builder.node("check_finite", checked, dict(check)),)
        node = self.builder.node("tree_leaves", inputs, attributes)
        return self._render({"leaves": node})

    def tail(self, first: int) -> Rendered:
        """The outputs as functions of the sums; `first`: the first iteration summed."""
        width = int(self.node.attributes.get("n_outputs", 1))  # type: ignore[arg-type]
        sums = self.builder.node("input", (), {"kind": "matrix", "n_features": width})
        edit = self._edit(first, first + 1)
        return self._render(replaced(self.builder, self._outputs(), self.at, sums, edit))


class Variants:
    """The variants of one compiled model, which is shown by `interface`.

    Parameters
    ----------
    present : how a model is shown
    whole : callable or None
        Gives the source's model with all iterations, and its steps; None: it is not here.
    """

    def __init__(
        self,
        interface: _core.Interface,
        metadata: dict[str, Any],
        steps: Sequence[Any],
        present: Present,
        whole: Callable[[], tuple[_core.Model, Sequence[Any]]] | None,
        n_threads: int,
    ) -> None:
        self.source = Source.of(metadata)
        self._own, self._steps = interface, steps
        self._metadata = {k: v for k, v in metadata.items() if k != "direct_steps"}
        self._present, self._whole, self._n_threads = present, whole, n_threads
        self._ensembles: dict[bool, Ensemble] = {}
        self._made: dict[Any, Any] = {}

    def ensemble(self, *, is_whole: bool = False) -> Ensemble:
        if is_whole not in self._ensembles:
            model, steps, source = self._own.model, self._steps, self.source
            if is_whole:
                if self._whole is None:
                    raise UnsupportedError(
                        f"iterations after the first {source.n_iterations}, by which the model "
                        "predicts, are not in its artifact; compile the original again for them"
                    )
                model, steps = self._whole()
                source = Source.of(json.loads(model.metadata))
            try:
                self._ensembles[is_whole] = Ensemble(model, source, steps)
            except (KeyError, IndexError, TypeError, ValueError) as error:
                raise ArtifactError(f"the metadata's source is damaged: {error!r}") from error
        return self._ensembles[is_whole]

    def _ensemble_of(self, span: Span) -> tuple[Ensemble, int, int]:
        first, last = span or (0, self.source.n_iterations)
        if first == last:  # wherever that is
            first = last = 0
        return self.ensemble(is_whole=last > self.source.n_iterations), first, last

    def _interface(
        self, key: Any, render: Callable[[], Rendered], metadata: dict[str, Any] | None = None
    ) -> _core.Interface:
        if key not in self._made:
            rendered = render()
            told = self._metadata if metadata is None else metadata
            model = _core.Model.compile(
                rendered.text, rendered.tensors, json.dumps(told), n_threads=self._n_threads
            )
            self._made[key] = self._present(model, told, rendered.payloads)
        shown: _core.Interface = self._made[key]
        return shown

    def sums(self, span: Span, *, is_nameless: bool = False) -> _core.Interface:
        """All methods, of a range of iterations; `is_nameless`: names do not matter."""
        if span is None and not is_nameless:
            return self._own
        ensemble, first, last = self._ensemble_of(span)
        metadata = self._without_names() if is_nameless else None
        key = ("sums", span, is_nameless)
        return self._interface(key, lambda: ensemble.sums(first, last), metadata)

    def _without_names(self) -> dict[str, Any]:
        nameless: dict[str, Any] = {"feature_names_in": None, "name_readers": [], "exact_names": []}
        return {**self._metadata, **nameless}

    def leaves(
        self,
        span: Span,
        X: Any,
        *,
        is_nameless: bool = False,
        check: Mapping[str, Any] | None = None,
    ) -> Array:
        """The source's number of each row's leaf in each tree, int64 (n_rows, n_trees);
        `check`: what `check_finite` is told of X, where that is not what predictions need."""
        is_plain = span is None and not is_nameless and check is None
        if is_plain and "_leaves" in self._own.methods:
            return np.asarray(self._own.run("_leaves", X))
        ensemble, first, last = self._ensemble_of(span)
        shown = self._interface(
            ("leaves", span, is_nameless, check is None),
            lambda: ensemble.leaves(first, last, are_own=True, check=check),
            self._without_names() if is_nameless else None,
        )
        return np.asarray(shown.run("_leaves", X))

    def positions(self, first: int, last: int, X: Any) -> Array:
        """The same, numbered from 0 in each tree."""
        ensemble, key = self.ensemble(), ("positions", first, last)
        shown = self._interface(key, lambda: ensemble.leaves(first, last, are_own=False))
        return np.asarray(shown.run("_leaves", X))

    def tail(self, first: int = 0) -> _core.Interface:
        """The methods as functions of the sums."""
        kept = ("classes", "classes_dtype", "ravel", "multilabel", "label_table",
                "prediction_dtype", "estimator")  # fmt: skip
        metadata = {k: v for k, v in self._metadata.items() if k in kept}
        key = ("tail", first > 0)
        return self._interface(key, lambda: self.ensemble().tail(first), metadata)

    def once(self, key: Any, make: Callable[[], Any]) -> Any:
        """What `make` gives, made once."""
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]

    def sums_by_stage(self, X: Any, first: int, last: int) -> Iterator[Array]:
        """The sums after each iteration of the range, added as the whole adds them;
        each is valid until the next."""
        ensemble = self.ensemble()
        node, turn = ensemble.node, ensemble.turn
        leaves = ensemble.array("leaves").reshape(int(ensemble.starts.leaves[-1]), -1)
        width = int(node.attributes.get("n_outputs", 1))  # type: ignore[arg-type]
        start = ensemble.array("start") if "start" in node.attributes else np.zeros(width)
        outputs = np.arange(ensemble.n_trees) % width
        if "output" in node.attributes:
            outputs = ensemble.array("output")
        sums: Array | None = None
        for block in range(first, last, BLOCK):
            end = min(block + BLOCK, last)
            positions = self.positions(block, end, X)
            if sums is None:
                sums = np.tile(start, (len(positions), 1))
            for tree in range(block * turn, end * turn):
                at = ensemble.starts.leaves[tree] + positions[:, tree - block * turn]
                if leaves.shape[1] == 1:
                    sums[:, outputs[tree]] += leaves[at, 0]
                else:
                    sums += leaves[at]
                if (tree + 1) % turn == 0:
                    yield sums
