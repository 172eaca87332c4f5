"""What a block of features can contribute to the scores of a linear model, and what the
rest of an ensemble can add to its sums: the constants of lossless gates.

Rounding is covered by one share of the sizes of all terms. A score is a sum of at most
N terms w[i] * x[i], each within a few roundings of its exact value; summed in whatever
order, by blocks or at once, with features made on the way or not, it is within
gamma(N) * sum |w[i] * x[i]| of the exact sum, gamma(N) = N u / (1 - N u), u = 2^-53
(Higham, Accuracy and Stability of Numerical Algorithms, section 3.1 and 4.2). No row has
more than 2^40 terms: a text of 2^36 bytes in n-grams of 16 lengths. Between a first
stage's scores and the full ones there are two such sums, in a difference of two scores
four: 4 gamma(2^40) < 2^-10.99. `ROUNDING` is above that, with room for the roundings of
the features themselves and of the bounds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ._ensembles import TreeStarts, array_of, reached
from ._graph import GraphBuilder, Node

Array = npt.NDArray[Any]
Doubles = npt.NDArray[np.float64]

#: Of the sum of the terms' sizes; see above.
ROUNDING = 2.0**-10
#: Numbers that float32 rounds may be so much larger.
NARROW = 1.0 + 2.0**-22


@dataclass(frozen=True)
class Span:
    """Where the contribution r of something to k scores lies.

    Attributes
    ----------
    gain : array (k, k)
        [c, d] is at least r[d] - r[c].
    low, high : arrays (k,)
        low <= r <= high.
    size : float
        At least the sum of its terms' sizes, each the largest of the k scores'.
    """

    gain: Doubles
    low: Doubles
    high: Doubles
    size: float

    def __add__(self, other: Span) -> Span:
        return Span(
            self.gain + other.gain,
            self.low + other.low,
            self.high + other.high,
            self.size + other.size,
        )

    def widened(self, by: float) -> Span:
        """With room for roundings of so much in all."""
        gain = self.gain + by
        np.fill_diagonal(gain, 0.0)
        return Span(gain, self.low - by, self.high + by, self.size)


def nothing(k: int) -> Span:
    return Span(np.zeros((k, k)), np.zeros(k), np.zeros(k), 0.0)


# ---- blocks of features ------------------------------------------------------


def span_of(builder: GraphBuilder, number: int, weights: Doubles) -> Span | None:
    """That of a node's columns times `weights` (k, columns); None where they have no
    bound, or where computing them may refuse a row, which must not leave before."""
    if not all(_takes_all(builder, builder.nodes[i]) for i in reached(builder, number)):
        return None
    at = _Behind(builder, weights)
    node = builder.nodes[number]
    while True:
        found = at.end(node)
        if found is not None:
            return found if np.isfinite(found.size) else None
        if len(node.inputs) != 1 or not at.step(node):
            return None
        node = builder.nodes[node.inputs[0]]


class _Behind:
    """The weights of a linear model, moved behind the nodes that it reads."""

    def __init__(self, builder: GraphBuilder, weights: Doubles) -> None:
        self.builder = builder
        self.weights = weights
        #: Of each column, the largest size of a weight; grows with what weights are made of.
        self.sizes: Doubles = np.abs(weights).max(axis=0, initial=0.0)
        #: Which of the node's columns they are for; None: all.
        self.columns: Array | None = None
        self.shift: Doubles = np.zeros(len(weights))
        self.shift_size = 0.0

    def _numbers(self, node: Node, name: str, absent: float) -> Doubles:
        """One number a column, of those that the weights are for."""
        if name not in node.attributes:
            return np.full(1, absent)
        values = np.asarray(array_of(self.builder, node, name), np.float64)
        return values if values.size == 1 or self.columns is None else values[self.columns]

    def _multiply(self, by: Doubles) -> None:
        self.weights = self.weights * by
        self.sizes = self.sizes * np.abs(by)

    def _shift(self, by: Doubles) -> None:
        by = np.broadcast_to(by, self.sizes.shape)
        self.shift = self.shift + self.weights @ by
        self.shift_size += float(self.sizes @ np.abs(by))

    def _select(self, columns: Array) -> None:
        """The weights of a column that is picked several times add up."""
        self.columns, place = np.unique(columns, return_inverse=True)
        weights = np.zeros((len(self.weights), len(self.columns)))
        sizes = np.zeros(len(self.columns))
        np.add.at(weights.T, place, self.weights.T)
        np.add.at(sizes, place, self.sizes)
        self.weights, self.sizes = weights, sizes

    def step(self, node: Node) -> bool:
        """Moves behind one node; false where that cannot be."""
        attributes = node.attributes
        if node.operator == "check_finite" or (
            node.operator == "concat" and attributes.keys() <= {"sparse"}
        ):
            return True
        if node.operator == "cast":
            return attributes["dtype"] == "f64"
        if node.operator == "select":
            indices = array_of(self.builder, node, "indices")
            self._select(indices if self.columns is None else indices[self.columns])
            return True
        if attributes.get("keeps_zeros") and _may_be_sparse(self.builder, node):
            return False  # rows that come as CSR are not shifted
        if node.operator == "scale" and "dtype" not in attributes:
            with np.errstate(all="ignore"):
                divide = self._numbers(node, "divide", 1.0)
                self._multiply(self._numbers(node, "multiply", 1.0) / divide)
                self._shift(-self._numbers(node, "subtract", 0.0))
            return True
        if node.operator == "affine":
            self._shift(self._numbers(node, "add", 0.0))
            self._multiply(self._numbers(node, "multiply", 1.0))
            return True
        if node.operator == "project":
            components = np.asarray(array_of(self.builder, node, "components"), np.float64)
            if self.columns is not None:
                components = components[self.columns]
            self.weights = self.weights @ components
            self.sizes = self.sizes @ np.abs(components)
            self.columns = None
            return True
        if node.operator == "tfidf" and attributes.get("norm") == "none":
            self._multiply(self._numbers(node, "idf", 1.0))
            return not attributes.get("sublinear_tf") and "dtype" not in attributes
        return False

    # ---- where a bound comes from ------------------------------------------

    def end(self, node: Node) -> Span | None:
        attributes = node.attributes
        operator = node.operator
        if operator in ("tfidf", "normalize") and attributes.get("dtype", "f64") == "f64":
            if attributes.get("sublinear_tf") and not _counts(self.builder, node):
                return None  # a logarithm of what may be below 0
            norm = attributes.get("norm", "l2")
            is_positive = is_not_negative(self.builder, node)
            if norm in ("l1", "l2"):
                if operator == "normalize":  # of numbers that may come as floats
                    self._multiply(np.array([1.0 + self.sizes.size * 2.0**-22]))
                if norm == "l2" and _may_underflow(self.builder, node):
                    return None
                return self._normed(norm == "l2", is_positive)
            return self._box(0.0 if is_positive else -1.0, 1.0) if norm == "max" else None
        if operator == "clip":
            low, high = (_number(node, name) for name in ("min", "max"))
            return self._box(low, high)
        if operator in ("binarize", "is_missing"):
            return self._box(0.0, 1.0)
        if operator in ("count", "hash") and attributes.get("binary"):
            return self._box(0.0, 1.0)
        if operator == "ufunc" and attributes["function"] == "sign":
            return self._box(-1.0, 1.0)
        if operator == "one_hot":
            return self._one_hot(node)
        if operator == "encode":
            return self._encode(node)
        return None

    def _shifted(self, gain: Doubles, low: Doubles, high: Doubles, size: float) -> Span:
        shift = self.shift
        gain = gain + (shift[None, :] - shift[:, None])
        np.fill_diagonal(gain, 0.0)
        return Span(gain, low + shift, high + shift, size + self.shift_size)

    def _normed(self, is_l2: bool, is_positive: bool) -> Span:
        """By Cauchy and Schwarz, and on the orthant with the positive parts alone: of x of
        norm 1 at most, w @ x is at most the dual norm of w."""

        def most(w: Doubles) -> Doubles:
            w = np.maximum(w, 0.0) if is_positive else np.abs(w)
            found: Doubles = np.sqrt((w * w).sum(axis=1)) if is_l2 else w.max(axis=1, initial=0.0)
            return found

        gain = np.array([most(self.weights - own) for own in self.weights])
        size = float(most(self.sizes[None, :])[0])
        return self._shifted(gain, -most(-self.weights), most(self.weights), size)

    def _box(self, low: float, high: float) -> Span:
        low, high = _outward(low, high)

        def most(w: Doubles) -> Doubles:
            found: Doubles = np.maximum(w * low, w * high).sum(axis=1)
            return found

        gain = np.array([most(self.weights - own) for own in self.weights])
        size = float(self.sizes.sum()) * max(abs(low), abs(high))
        return self._shifted(gain, -most(-self.weights), most(self.weights), size)

    def _choices(self, choices: list[tuple[Doubles, Doubles]]) -> Span:
        """A sum of one of each: rows of contributions (n, k), and their sizes (n,)."""
        k = len(self.weights)
        gain, low, high, size = np.zeros((k, k)), np.zeros(k), np.zeros(k), 0.0
        for rows, sizes in choices:
            for c in range(k):
                gain[c] += (rows - rows[:, [c]]).max(axis=0)
            low += rows.min(axis=0)
            high += rows.max(axis=0)
            size += float(sizes.max())
        return self._shifted(gain, low, high, size)

    def _one_hot(self, node: Node) -> Span:
        """Of each encoder at most one column is 1."""
        sizes = array_of(self.builder, node, "sizes").astype(np.int64)
        group = np.repeat(np.arange(len(sizes)), sizes)
        group = group if self.columns is None else group[self.columns]
        none = np.zeros((1, len(self.weights)))
        choices = []
        for number in np.unique(group):
            own = group == number
            choices.append(
                (np.vstack([none, self.weights[:, own].T]), np.append(0.0, self.sizes[own]))
            )
        return self._choices(choices)

    def _encode(self, node: Node) -> Span | None:
        """Each column stands for a row of its table, or for what is unknown."""
        attributes = node.attributes
        if attributes.get("sum") or attributes.get("dtype") == "f32":
            return None
        sizes = array_of(self.builder, node, "sizes").astype(np.int64)
        starts = np.concatenate([[0], np.cumsum(sizes)])
        if "codes" in attributes:
            codes = np.asarray(array_of(self.builder, node, "codes"), np.float64)
        else:
            codes = np.concatenate([np.arange(n, dtype=np.float64) for n in sizes])
        codes = codes.reshape(starts[-1], -1)
        width = codes.shape[1]
        unknown = np.asarray(array_of(self.builder, node, "unknown"), np.float64).ravel()
        if not (np.isfinite(codes).all() and np.isfinite(unknown).all()):
            return None
        unknown = np.broadcast_to(unknown, (len(sizes) * width,)) if unknown.size == 1 else unknown
        if unknown.size != len(sizes) * width:
            return None
        wide = np.zeros((len(self.weights), len(sizes) * width))
        wide_sizes = np.zeros(len(sizes) * width)
        columns = np.arange(wide.shape[1]) if self.columns is None else self.columns
        np.add.at(wide.T, columns, self.weights.T)
        np.add.at(wide_sizes, columns, self.sizes)
        choices = []
        for j in range(len(sizes)):
            own = slice(j * width, (j + 1) * width)
            table = np.vstack([codes[starts[j] : starts[j + 1]], unknown[own][None, :]])
            choices.append((table @ wide[:, own].T, np.abs(table) @ wide_sizes[own]))
        return self._choices(choices)


def _outward(low: float, high: float) -> tuple[float, float]:
    """An interval that holds what float32 makes of the bounds of one."""
    return (
        low * (NARROW if low < 0 else 1 / NARROW),
        high * (NARROW if high > 0 else 1 / NARROW),
    )


def _number(node: Node, name: str) -> float:
    value = node.attributes[name]
    assert isinstance(value, (int, float))
    return float(value)


#: What refuses no row, and warns of none, but for what `encode` and `count` may.
_TAKES_ALL = frozenset({
    "input", "count", "hash", "tfidf", "concat", "select", "scale", "normalize", "project",
    "binarize", "cast", "check_finite", "impute", "is_missing", "ufunc", "encode", "one_hot",
    "affine", "clip", "trees",
})  # fmt: skip


def _takes_all(builder: GraphBuilder, node: Node) -> bool:
    """Whether a node refuses no row and warns of none. What a first stage checks counts as
    such: that inputs are finite, and that no text is missing."""
    if node.operator == "encode":
        return "unknown" in node.attributes and "warning" not in node.attributes
    if node.operator == "tfidf" and not _counts(builder, node):
        # Logarithms may be NaN, and products with the idf infinite.
        is_small = "idf" not in node.attributes or _is_of_text(builder, node)
        return is_small and not node.attributes.get("sublinear_tf")
    # A pattern's matcher may give up.
    return node.operator in _TAKES_ALL and node.attributes.get("token_rule") != "pattern"


def _is_of_text(builder: GraphBuilder, node: Node) -> bool:
    """Whether a node's inputs are numbers of terms, or within 1, and no caller's."""
    below = [builder.nodes[i] for i in node.inputs]
    return all(
        n.operator in ("count", "hash", "normalize")
        or (n.operator in ("cast", "select", "concat") and _is_of_text(builder, n))
        for n in below
    )


def is_not_negative(builder: GraphBuilder, node: Node) -> bool:
    """Whether no number of a node is below 0, as far as this can tell."""
    attributes, operator = node.attributes, node.operator
    if operator in ("count", "one_hot", "binarize", "is_missing"):
        return True
    if operator == "hash":
        return attributes.get("alternate_sign") is False or bool(attributes.get("binary"))
    if operator == "ufunc":
        return attributes["function"] in ("absolute", "fabs", "square", "sqrt", "exp", "exp2")
    if operator == "clip":
        return _number(node, "min") >= 0
    is_kept = operator in ("check_finite", "cast", "select", "concat", "normalize")
    for name in {"scale": ("multiply", "divide"), "tfidf": ("idf",)}.get(operator, ()):
        if name in attributes and np.any(array_of(builder, node, name) < 0):
            return False
        is_kept = True
    if operator == "scale":
        is_kept = "subtract" not in attributes
    if operator == "tfidf":
        is_kept = not attributes.get("sublinear_tf") or _counts(builder, node)
    return is_kept and all(is_not_negative(builder, builder.nodes[i]) for i in node.inputs)


def _counts(builder: GraphBuilder, node: Node) -> bool:
    """Whether what a node stores is at least 1, whose logarithm is not below 0."""
    return builder.nodes[node.inputs[0]].operator == "count"


def _may_underflow(builder: GraphBuilder, node: Node) -> bool:
    """Whether squares of a node's numbers may be so small that a CSR row's norm comes out
    as less than it is; dense rows of such numbers are left as they are."""
    source = builder.nodes[node.inputs[0]]
    if source.operator in ("count", "hash", "one_hot", "binarize"):  # whole numbers
        idf = array_of(builder, node, "idf") if "idf" in node.attributes else np.ones(1)
        return bool(np.any((idf != 0) & (np.abs(idf) < 1e-100)))
    return node.operator == "tfidf" or _may_be_sparse(builder, source)


def _may_be_sparse(builder: GraphBuilder, node: Node) -> bool:
    """Whether a node's rows may be CSR rows."""
    if node.operator == "input":
        return node.attributes["kind"] == "matrix" and "no_csr" not in node.attributes
    if node.operator in ("count", "hash", "one_hot", "tfidf") or node.attributes.get("sparse"):
        return True
    return any(_may_be_sparse(builder, builder.nodes[i]) for i in node.inputs)


# ---- ensembles of trees ------------------------------------------------------


class TreeSpans:
    """What ranges of an ensemble's trees add to its sums."""

    def __init__(self, builder: GraphBuilder, number: int) -> None:
        node = builder.nodes[number]
        starts = TreeStarts(builder, node).leaves
        leaves = np.asarray(array_of(builder, node, "leaves"), np.float64)
        leaves = leaves.reshape(starts[-1], -1)
        n_outputs = node.attributes.get("n_outputs", 1)
        assert isinstance(n_outputs, int)
        self.k = max(n_outputs, leaves.shape[1])
        self.n_trees = n = len(starts) - 1
        self.gain = np.zeros((n + 1, self.k, self.k))
        self.low, self.high = np.zeros((n + 1, self.k)), np.zeros((n + 1, self.k))
        outputs = np.arange(n) % self.k
        if "output" in node.attributes:
            outputs = array_of(builder, node, "output").astype(np.int64)
        self.size = 0.0
        if "start" in node.attributes:
            self.size = float(np.abs(array_of(builder, node, "start")).max())
        for tree in range(n - 1, -1, -1):
            own = leaves[starts[tree] : starts[tree + 1]]
            self._add(tree, own, None if own.shape[1] == self.k else int(outputs[tree]))
            self.size += float(np.abs(own).max())
        unit = 2.0**-24 if node.attributes.get("dtype") == "f32" else 2.0**-53
        #: Twice gamma(n + 16) times the largest sum: additions in order, then a division.
        self.rounding = 4.0 * (n + 16) * unit * self.size

    def _add(self, tree: int, leaves: Doubles, output: int | None) -> None:
        """To the sums of the trees behind, those of one more."""
        low, high = leaves.min(axis=0), leaves.max(axis=0)
        if output is not None:
            low, high = np.zeros(self.k), np.zeros(self.k)
            low[output], high[output] = leaves.min(), leaves.max()
            gain = high[None, :] - low[:, None]
        else:
            gain = np.array([(leaves - leaves[:, [c]]).max(axis=0) for c in range(self.k)])
        np.fill_diagonal(gain, 0.0)
        self.gain[tree] = self.gain[tree + 1] + gain
        self.low[tree] = self.low[tree + 1] + low
        self.high[tree] = self.high[tree + 1] + high

    def behind(self, n: int) -> Span:
        """Of the trees behind the first n."""
        return Span(self.gain[n], self.low[n], self.high[n], self.size)
