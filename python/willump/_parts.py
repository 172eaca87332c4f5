"""Cheaper versions of a block of text, for a first stage.

A part has fewer terms than its block, shorter n-grams only or the terms that
matter most, or it reads only how a row's text begins. Its rows are scaled by a norm
that takes each occurrence of a term by itself, so that no repeats are looked for,
which is most of the work of the usual norm. Parts are nodes of their own; what is
trained on one is a model of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ._ensembles import array_of
from ._graph import GraphBuilder, Node, Tensor

if TYPE_CHECKING:  # it brings scikit-learn
    from .convert.values import Ref

Array = npt.NDArray[Any]

#: Of the terms that a part may have, these shares are tried beside all of them.
SHARES = (0.2, 0.04)
#: A part has at least so many terms.
LEAST_TERMS = 32
#: The beginnings of texts that are tried hold these shares of all characters.
BEGINNINGS = (0.5, 0.2)
#: A beginning has at least so many characters.
LEAST_LENGTH = 64


@dataclass(frozen=True)
class Part:
    """A cheaper version of block number `parent`."""

    name: str
    parent: int
    ref: Ref
    features: Array  # those of the block that these are


@dataclass
class _Chain:
    """What lies between a text and a block of its features."""

    source: Node  # count or hash
    columns: Array  # of the source, of each feature; empty for a hash
    idf: Array | None
    norm: str
    has_repeats: bool  # the features need to know which terms come again
    factor: float
    dtype: str | None


def find_parts(
    context: Any,
    name: str,
    number: int,
    ref: Ref,
    importance: Callable[[], Array],
    lengths: Callable[[int], Array],
) -> list[Part]:
    """The parts of a block, none where it is no text.

    `importance` tells how much each feature of the block matters to the model, and
    `lengths` how many characters the rows of a node's text have.
    """
    builder: GraphBuilder = context.builder
    chain = _read(builder, ref)
    if chain is None:
        return []
    is_hash = chain.source.operator == "hash"
    found = (_of_hash if is_hash else _of_count)(builder, name, number, chain, importance)
    whole = Part(name, number, ref, np.arange(ref.n_features))
    few = found[-min(len(SHARES), len(found))] if found else whole
    return found + _beginnings(builder, few, lengths(chain.source.inputs[0]))


def _beginnings(builder: GraphBuilder, base: Part, lengths: Array) -> list[Part]:
    """A part, of how each row's text begins."""
    found = []
    for share in BEGINNINGS:
        stop = beginning_of(lengths, share)
        if stop >= LEAST_LENGTH:
            name = f"{base.name}, in the first {stop} characters"
            ref = _of_beginning(builder, base.ref, stop)
            found.append(Part(name, base.parent, ref, base.features))
    return found


def beginning_of(lengths: Array, share: float) -> int:
    """The length up to which texts hold this share of their characters."""
    ascending = np.sort(lengths)
    n = len(ascending)
    # Texts cut at the length of number i hold: those below whole, the others so much.
    held = np.cumsum(ascending) + ascending * (n - 1 - np.arange(n))
    at = int(np.searchsorted(held, share * ascending.sum()))
    if at >= n:
        return 0
    below = float(ascending[:at].sum())
    wanted: float = share * float(ascending.sum()) - below
    return round(wanted / (n - at))


def _of_beginning(builder: GraphBuilder, ref: Ref, stop: int) -> Ref:
    """The nodes of a part once more, over the beginning of its text."""
    chain = []
    at = ref.node
    while builder.nodes[at].operator not in ("count", "hash"):
        chain.append(builder.nodes[at])
        (at,) = builder.nodes[at].inputs
    source = builder.nodes[at]
    node = builder.node("edit_text", source.inputs, {"function": "slice", "stop": stop})
    for original in (source, *reversed(chain)):
        node = builder.node(original.operator, (node,), original.attributes)
    return replace(ref, node=node)


def length_of(builder: GraphBuilder, text: int) -> int:
    """A node that counts the characters of a text: all of them in one bucket."""
    attributes: dict[str, Any] = {"analyzer": "char", "lowercase": False, "n_features": 1}
    attributes["alternate_sign"] = False
    return builder.node("hash", (text,), attributes)


def _of_hash(
    builder: GraphBuilder, name: str, number: int, chain: _Chain, _: Callable[[], Array]
) -> list[Part]:
    """Shorter n-grams: a hash keeps no terms of which some could be left out."""
    low, high = _lengths(chain.source)
    tops = _shorter(low, high) + ([high] if chain.has_repeats else [])
    n_features = int(_number(chain.source, "n_features"))
    columns = np.zeros(0, np.int64)
    return [
        Part(
            _part_name(name, low, top, high),
            number,
            _emit(builder, name, chain, columns, None, n_features, low, top),
            np.arange(n_features),
        )
        for top in tops
    ]


def _of_count(
    builder: GraphBuilder, name: str, number: int, chain: _Chain, importance: Callable[[], Array]
) -> list[Part]:
    terms = builder.tensors[_tensor(chain.source, "vocabulary")]
    is_word = chain.source.attributes["analyzer"] == "word"
    sizes = np.array([t.count(" ") + 1 if is_word else len(t) for t in terms], np.int64)
    sizes = sizes[chain.columns]
    low, high = _lengths(chain.source)
    tops = [*_shorter(low, high), high]
    found = []

    def add(features: Array, top: int, n_shown: int | None) -> None:
        columns = chain.columns[features]
        idf = None if chain.idf is None else chain.idf[features]
        part = _emit(builder, name, chain, columns, idf, len(features), low, top)
        shown = _part_name(name, low, top, high, n_shown)
        found.append(Part(shown, number, part, features))

    for top in tops:
        features = np.flatnonzero(sizes <= top)
        is_less = len(features) < len(sizes) or chain.has_repeats
        if is_less and len(features) >= LEAST_TERMS:
            add(features, top, None)
    # The terms that matter most, of those that are not long.
    top = tops[-2] if len(tops) > 1 else high
    known = np.flatnonzero(sizes <= top)
    ranked = known[np.argsort(-importance()[known], kind="stable")]
    for share in SHARES:
        n = round(share * len(sizes))
        if LEAST_TERMS <= n < len(known):
            kept = np.sort(ranked[:n])
            add(kept, int(min(top, sizes[kept].max())), n)
    return found


def _shorter(low: int, high: int) -> list[int]:
    """Where shorter n-grams may end: one and two above the least."""
    return [top for top in (low + 1, low + 2) if top < high] or ([low] if low < high else [])


def _part_name(name: str, low: int, top: int, high: int, n_terms: int | None = None) -> str:
    lengths = f", n-grams of {low} to {top}" if low < top else f", n-grams of {low}"
    lengths = lengths if top < high else ""
    terms = f", its {n_terms} terms that matter most" if n_terms is not None else ""
    return name + (lengths + terms or ", each occurrence by itself")


# ---- what matters ------------------------------------------------------------


def weights_of(estimator: Any, start: int, stop: int) -> Array:
    """How much the model of all blocks makes of each feature of one; ones where it
    does not say."""
    coef = getattr(estimator, "coef_", None)
    if coef is None or not np.issubdtype(getattr(coef, "dtype", object), np.floating):
        return np.ones(stop - start)
    coef = np.abs(coef.toarray() if hasattr(coef, "toarray") else np.asarray(coef))
    largest = np.atleast_2d(coef).max(axis=0)
    return largest[start:stop] if len(largest) >= stop else np.ones(stop - start)


def mean_size(block: Any) -> Array:
    """Of each feature, its mean absolute value."""
    return np.asarray(abs(block).mean(axis=0)).ravel()


# ---- graphs ------------------------------------------------------------------


def _read(builder: GraphBuilder, ref: Ref) -> _Chain | None:
    """What a block consists of; None where it is not what parts are made of."""
    columns: Array | None = None  # features to those of the node, None: all
    idf: Array | None = None
    norm, factor, dtype = "none", 1.0, None
    is_sublinear = False
    at = builder.nodes[ref.node]
    while at.operator not in ("count", "hash"):
        attributes = at.attributes
        if at.operator == "select":
            indices = array_of(builder, at, "indices")
            columns = indices if columns is None else indices[columns]
        elif at.operator == "scale" and attributes.keys() <= {"multiply", "dtype"}:
            own = array_of(builder, at, "multiply")
            if own.size != 1:
                return None
            factor *= float(own[0])
        elif at.operator in ("normalize", "tfidf"):
            own_norm = str(attributes.get("norm", "l2"))
            if own_norm == "max" or (own_norm != "none" and norm != "none"):
                return None
            norm = own_norm if norm == "none" else norm
            if at.operator == "tfidf":
                is_sublinear = is_sublinear or bool(attributes.get("sublinear_tf"))
                if "idf" in attributes:
                    own = array_of(builder, at, "idf")
                    own = own if columns is None else own[columns]
                    idf = own if idf is None else idf * own
                dtype = attributes.get("dtype", dtype)
        elif at.operator != "cast":
            return None
        if len(at.inputs) != 1:
            return None
        at = builder.nodes[at.inputs[0]]
    if at.operator == "hash" and (columns is not None or idf is not None):
        return None
    if at.operator == "hash" and is_sublinear:  # refuses rows that a part would answer
        return None
    if at.operator == "count":
        n = len(builder.tensors[_tensor(at, "vocabulary")])
        columns = np.arange(n) if columns is None else columns
    has_repeats = norm == "l2" or is_sublinear or bool(at.attributes.get("binary"))
    if columns is None:
        columns = np.zeros(0, np.int64)
    kept = None if dtype is None else str(dtype)
    return _Chain(at, columns, idf, norm, has_repeats, factor, kept)


def _emit(
    builder: GraphBuilder,
    name: str,
    chain: _Chain,
    columns: Array,
    idf: Array | None,
    n_features: int,
    low: int,
    top: int,
) -> Ref:
    from .convert.values import Ref

    source = chain.source
    attributes: dict[str, Any] = {**source.attributes, "binary": None}
    attributes |= {"ngram_min": low, "ngram_max": top}
    if source.operator == "count":
        terms = builder.tensors[_tensor(source, "vocabulary")]
        kept = [str(terms[i]) for i in columns]
        attributes["vocabulary"] = builder.tensor(f"{name}.part.terms", kept)
    dtype = str(source.attributes["dtype"])
    node = builder.node(source.operator, source.inputs, attributes, name=f"{name}.part")
    norm = "occurrences" if chain.norm == "l2" else chain.norm
    if norm != "none" or idf is not None:
        weighting = {"idf": idf, "norm": norm, "dtype": chain.dtype}
        node = builder.node("tfidf", (node,), weighting, name=f"{name}.part")
        dtype = chain.dtype or ("f32" if dtype == "f32" else "f64")
    if chain.factor != 1.0:
        factor = np.array([chain.factor])
        node = builder.node("scale", (node,), {"multiply": factor}, name=f"{name}.part")
        dtype = "f32" if dtype == "f32" else "f64"
    return Ref(node, n_features, True, dtype, True)


def _lengths(source: Node) -> tuple[int, int]:
    return int(_number(source, "ngram_min")), int(_number(source, "ngram_max"))


def _number(node: Node, name: str) -> float:
    value = node.attributes[name]
    assert isinstance(value, (int, float))
    return value


def _tensor(node: Node, name: str) -> str:
    value = node.attributes[name]
    assert isinstance(value, Tensor)
    return value.name
