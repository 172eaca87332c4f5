"""What a first stage may read: the blocks of a final model's features and cheaper
parts of them, each as a graph that computes and times it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from ._ensembles import reached
from ._frames import n_rows_of, take_rows
from ._parts import Part, find_parts, length_of, mean_size, weights_of
from ._present import as_csr
from ._runner import Runner, times_of

Array = npt.NDArray[Any]

#: Rows on which the importance of features is measured.
IMPORTANCE_ROWS = 1000
#: Of a block that is a part of no other: WL_TUNE_WHOLE in src/tune/tune.h.
WHOLE = 2**32 - 1


class Blocks:
    """Blocks by their numbers, and behind them the parts that were found.

    Parameters
    ----------
    blocks : list of (name, Ref)
    x : training rows
    described : dict
        What graphs present of the pipeline.
    """

    def __init__(
        self,
        conversion: Any,
        blocks: Sequence[tuple[str, Any]],
        x: Any,
        described: Mapping[str, Any],
        n_threads: int | None,
    ) -> None:
        self.conversion = conversion
        self.blocks = list(blocks)
        self.x = x
        self.described = described
        self.n_threads = n_threads
        self.parts: list[Part] = []
        #: ns a row of a block or part that others pay: its share of what they have in common.
        self.spared: Array = np.zeros(len(self.blocks))
        self._runners: dict[str, Runner] = {}  # of the blocks, and of their parts
        self._values: dict[int, Any] = {}

    def ref(self, i: int) -> tuple[str, Any]:
        n = len(self.blocks)
        return self.blocks[i] if i < n else (self.parts[i - n].name, self.parts[i - n].ref)

    def part_of(self) -> Array | None:
        """Of each block and part, the number of the block that it is a part of; None
        where there are no parts."""
        if not self.parts:
            return None
        parents = [part.parent for part in self.parts]
        return np.array([WHOLE] * len(self.blocks) + parents, np.uint32)

    def find_parts(self) -> list[Part]:
        """Cheaper versions of the blocks of text."""
        n = n_rows_of(self.x)
        rows = np.random.default_rng(0).permutation(n)[:IMPORTANCE_ROWS]
        some = take_rows(self.x, np.sort(rows))
        found: list[Part] = []
        start = 0
        for i, (name, ref) in enumerate(self.blocks):
            stop = start + ref.n_features
            weights = weights_of(self.conversion.model.estimator, start, stop)
            found += find_parts(
                self.conversion.context,
                name,
                i,
                ref,
                lambda i=i, weights=weights: (
                    weights * mean_size(self._runner_of(i)(f"block.{i}", some))
                ),  # type: ignore[misc]
                lambda text: self._lengths_of(text, some),
            )
            start = stop
        return found

    def _lengths_of(self, text: int, rows: Any) -> Array:
        """How many characters the rows of a node's text have."""
        from ._graph import Stage

        node = length_of(self.conversion.context.builder, text)
        runner = Runner(self.conversion.finish([Stage({"length": node})]), self.described, 1)
        return np.asarray(runner("length", rows).toarray()).ravel()

    def _outputs(self, i: int) -> dict[str, int]:
        """A block, and what it costs: as a model of it does."""
        ref = self.ref(i)[1]
        scores = self.conversion.model.decision
        weights = np.full((1 if scores is None else scores.n_features, ref.n_features), 0.5)
        cost = self.conversion.context.linear(ref, weights, 0.0).node
        return {f"block.{i}": ref.node, f"cost.{i}": cost}

    def _runner_of(self, i: int) -> Runner:
        """What computes a block or a part: a graph apart from the pipeline's, so that
        neither is merged with the other's work when it is timed."""
        from ._graph import Stage

        n = len(self.blocks)
        name, span = ("blocks", range(n)) if i < n else ("parts", range(n, n + len(self.parts)))
        if name not in self._runners:
            outputs: dict[str, int] = {}
            for k in span:
                outputs |= self._outputs(k)
            graph = self.conversion.finish([Stage(outputs)])
            self._runners[name] = Runner(graph, self.described, self.n_threads)
        return self._runners[name]

    def cost_calls(self, blocks: Sequence[int]) -> list[tuple[Runner, str]]:
        """What tells the cost of some blocks."""
        return [(self._runner_of(i), f"cost.{i}") for i in blocks]

    def measure(
        self,
        sample: Any,
        others: Sequence[tuple[Runner, str]],
        *,
        batch_rows: tuple[int, int] | None = None,
    ) -> tuple[Array, list[float]]:
        """ns a row of each block and part, and of other calls. What several blocks need
        is paid once: each bears an equal share.

        `batch_rows`: in batches of so many rows, about so many rows a round; `spared`
        stays that of the whole sample.
        """
        n = len(self.blocks) + len(self.parts)
        shared = self._shared(n)
        calls = [*self.cost_calls(range(n)), *shared.calls, *others]
        found = times_of(calls, sample, batch_rows)  # in one go: the differences are what counts
        n_shared = len(shared.calls)
        spared = shared.spared(found[n : n + n_shared])
        if batch_rows is None:
            self.spared = spared
        return np.maximum(np.array(found[:n]) - spared, 0.0), found[n + n_shared :]

    def _shared(self, n: int) -> _Shared:
        """The lookups, Python steps and input that blocks have in common."""
        from ._graph import Stage
        from .convert.lookups import lookups_of

        builder = self.conversion.builder
        used = [lookups_of(builder, self.ref(i)[1].node) for i in range(n)]
        read = self.conversion.cheapest_input()
        if read is not None:
            used = [own | {read} for own in used]
        counts = Counter(node for own in used[: len(self.blocks)] for node in own)
        nodes = sorted(node for node, count in counts.items() if count > 1)
        below = {node: {read, *reached(builder, node)} for node in nodes}
        found = _Shared(used, counts, below)
        if nodes:
            outputs = {f"shared.{node}": node for node in nodes}
            # With the blocks, so that all columns are read.
            outputs |= {f"block.{i}": ref.node for i, (_, ref) in enumerate(self.blocks)}
            graph = self.conversion.finish([Stage(outputs)])
            runner = Runner(graph, self.described, self.n_threads)
            found.calls = [(runner, f"shared.{node}") for node in nodes]
        return found

    def values(self, i: int) -> Any:
        """A block or part of the training rows."""
        if i not in self._values:
            found = self._runner_of(i)(f"block.{i}", self.x)
            # Rows that come as CSR stay that.
            self._values[i] = as_csr(found) if isinstance(found, tuple) else found
        return self._values[i]

    def columns(self, blocks: Sequence[int]) -> Array:
        """The features of the final model that some blocks and parts are."""
        starts = np.cumsum([0, *(ref.n_features for _, ref in self.blocks)])
        n = len(self.blocks)
        found = [
            starts[i] + np.arange(self.blocks[i][1].n_features)
            if i < n
            else starts[self.parts[i - n].parent] + self.parts[i - n].features
            for i in blocks
        ]
        return np.concatenate(found)


@dataclass
class _Shared:
    """Nodes that several blocks need.

    Attributes
    ----------
    used : of each block and part, those that it needs
    counts : how many blocks need each
    below : of those of several blocks, in their order, what each depends on
    calls : what tells what these cost, with all that is below
    """

    used: list[frozenset[int]]
    counts: Counter[int]
    below: dict[int, set[int | None]]
    calls: list[tuple[Runner, str]] = field(default_factory=list)

    def spared(self, times: Sequence[float]) -> Array:
        """What others pay of each block's work, where each bears an equal share."""
        own: dict[int, float] = {}
        for (node, below), time in zip(self.below.items(), times, strict=True):
            own[node] = max(0.0, time - sum(own[other] for other in own if other in below))
        parts = {node: cost * (1.0 - 1.0 / self.counts[node]) for node, cost in own.items()}
        return np.array([sum(parts.get(node, 0.0) for node in nodes) for nodes in self.used])
