"""Lossless gates of linear models: some blocks of features first, and bounds on the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ._bounds import ROUNDING, Span, is_not_negative, nothing, span_of
from ._ensembles import array_of, reached
from ._lossless_gates import Decision, Gate
from ._runner import costs_of

Array = npt.NDArray[Any]
Doubles = npt.NDArray[np.float64]

#: Of more blocks than this, only the cheapest first ones are sets to try.
MAX_FREE = 7
#: Outputs of a model, at most: bounds are of pairs of them.
MAX_OUTPUTS = 256


def linear_under(conversion: Any) -> int | None:
    """The linear model over all blocks whose scores give labels or what ranks; None
    without one."""
    model, builder = conversion.model, conversion.builder
    answer = model.prediction if model.label is None else model.label
    if answer is None or model.model_input is None:
        return None
    for number in sorted(reached(builder, answer.node)):
        node = builder.nodes[number]
        if (
            node.operator == "linear"
            and node.inputs == (model.model_input.node,)
            and "dtype" not in node.attributes
            and len(array_of(builder, node, "coef")) <= MAX_OUTPUTS
        ):
            return number
    return None


@dataclass
class Block:
    """One block: its scores' node, and what they lie in.

    `span` is None where there is no bound; `spread` is the node of the sum of its terms'
    sizes then, None where that cannot be computed either, and the block is of no use.
    """

    name: str
    node: int
    span: Span | None
    spread: int | None


class BoundedBlocks:
    """States are sets of blocks, as bits."""

    kind = "blocks"

    def __init__(self, conversion: Any, number: int) -> None:
        self.conversion, self.scores = conversion, number
        self.builder = builder = conversion.builder
        node = builder.nodes[number]
        coef = np.asarray(array_of(builder, node, "coef"), np.float64)
        self.k = len(coef)
        self.offset = np.zeros(self.k)
        if "intercept" in node.attributes:
            self.offset = np.asarray(array_of(builder, node, "intercept"), np.float64)
        self.blocks: list[Block] = []
        start = 0
        for name, ref in conversion.blocks():
            weights = coef[:, start : start + ref.n_features]
            start += ref.n_features
            self.blocks.append(self._block(name, ref, weights))
        self.decision = Decision.of(conversion, number, self.k)
        self.states = self._find_states()
        self._spans: dict[int, Span] = {}

    def _block(self, name: str, ref: Any, weights: Doubles) -> Block:
        """Its scores are those that the passes cut from the model's, which are computed once."""
        builder = self.builder
        scores = builder.node("linear", (ref.node,), {"coef": weights}, name=f"{name}.scores")
        span = span_of(builder, ref.node, weights) if ref.dtype != "f32" else None
        spread = None
        if span is None:
            spread = self._spread(name, ref, np.abs(weights).max(axis=0, initial=0.0))
        return Block(name, scores, span, spread)

    def _spread(self, name: str, ref: Any, sizes: Doubles) -> int | None:
        """ROUNDING times the sum of a row's terms' sizes, for each output."""
        builder = self.builder
        node = ref.node
        if not is_not_negative(builder, builder.nodes[node]):
            if ref.sparse:
                return None
            node = builder.node("ufunc", (node,), {"function": "absolute"})
        coef = np.tile(2.0 * ROUNDING * sizes, (self.k, 1))
        return int(builder.node("linear", (node,), {"coef": coef}, name=f"{name}.spread"))

    def _find_states(self) -> list[int]:
        n = len(self.blocks)
        if any(block.span is None and block.spread is None for block in self.blocks):
            return []
        must = sum(1 << i for i, block in enumerate(self.blocks) if block.span is None)
        free = [i for i, block in enumerate(self.blocks) if block.span is not None]
        if n < 2 or not free:
            return []
        if len(free) > MAX_FREE:  # the narrow ones first
            free = free[:MAX_FREE]
        states = []
        for chosen in range(1 << len(free)):
            state = must | sum(1 << i for at, i in enumerate(free) if chosen >> at & 1)
            if state not in (0, (1 << n) - 1):
                states.append(state)
        return sorted(states, key=int.bit_count)

    def _in(self, state: int) -> list[int]:
        return [i for i in range(len(self.blocks)) if state >> i & 1]

    def behind(self, state: int) -> Span:
        """What the blocks outside a state add, and the rounding of all that has a bound."""
        if state not in self._spans:
            span = nothing(self.k)
            size = float(np.abs(self.offset).max())
            for i, block in enumerate(self.blocks):
                if block.span is not None:
                    size += block.span.size
                    span = span if state >> i & 1 else span + block.span
            self._spans[state] = span.widened(ROUNDING * size)
        return self._spans[state]

    # ---- looking at rows ----------------------------------------------------

    def measure(self, runner_of: Any, sample: Any) -> None:
        outputs = {f"part.{i}": block.node for i, block in enumerate(self.blocks)}
        for i, block in enumerate(self.blocks):
            if block.spread is not None:
                outputs[f"spread.{i}"] = block.spread
        outputs["all"] = self.scores
        runner = runner_of(outputs)
        names = [f"part.{i}" for i in range(len(self.blocks))]
        *self.costs, self.whole = costs_of([(runner, name) for name in [*names, "all"]], sample)
        self.parts = [np.asarray(runner(name, sample), np.float64) for name in names]
        self.full = np.asarray(runner("all", sample), np.float64)
        self.spreads = [
            np.zeros(1)
            if block.spread is None
            else np.asarray(runner(f"spread.{i}", sample), np.float64)[:, 0]
            for i, block in enumerate(self.blocks)
        ]

    def _partial(self, state: int) -> tuple[Doubles, Doubles]:
        """Scores of the blocks in a state, and the spread of those without a bound."""
        n = len(self.full)
        total = np.tile(self.offset, (n, 1)).astype(np.float64)
        spread = np.zeros(n)
        for i in self._in(state):
            total += self.parts[i]
            spread += self.spreads[i]
        return total, spread

    def decided(self, state: int) -> npt.NDArray[np.bool_]:
        assert self.decision is not None
        return self.decision.decided(*self._partial(state), self.behind(state))

    def intervals(self, state: int) -> tuple[Doubles, Doubles]:
        total, spread = self._partial(state)
        span = self.behind(state)
        return total + span.low - spread[:, None], total + span.high + spread[:, None]

    def cost(self, before: int | None, state: int | None) -> float:
        have = 0 if before is None else before
        want = (1 << len(self.blocks)) - 1 if state is None else state
        return float(sum(self.costs[i] for i in self._in(want & ~have)))

    def may_follow(self, later: int, earlier: int) -> bool:
        return later & earlier == earlier and later != earlier

    def names(self, before: int | None, state: int) -> list[str]:
        return [self.blocks[i].name for i in self._in(state & ~(before or 0))]

    # ---- graphs -------------------------------------------------------------

    def _total(self, nodes: Sequence[int]) -> int:
        return nodes[0] if len(nodes) == 1 else int(self.builder.node("add", nodes))

    def _sum(self, state: int) -> tuple[int, int | None]:
        """Nodes of the scores of a state, without the intercept, and of their spread."""
        own = [self.blocks[i] for i in self._in(state)]
        spreads = [block.spread for block in own if block.spread is not None]
        return self._total([block.node for block in own]), (
            self._total(spreads) if spreads else None
        )

    def gates(self, chain: Sequence[int]) -> tuple[list[Gate], dict[str, int]]:
        found = []
        for state in chain:
            assert self.decision is not None
            scores, spread = self._sum(state)
            found.append(self.decision.gate(scores, self.offset, spread, self.behind(state)))
        return found, self.conversion.outputs()

    def ranges(self, state: int) -> tuple[int, int]:
        builder = self.builder
        scores, spread = self._sum(state)
        span = self.behind(state)
        ends = []
        for operator, bound in (("difference", span.low), ("add", span.high)):
            node = scores
            if spread is not None:
                node = builder.node(operator, (node, spread))
            ends.append(int(builder.node("affine", (node,), {"add": bound + self.offset})))
        return ends[0], ends[1]
