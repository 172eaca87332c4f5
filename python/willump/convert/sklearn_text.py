"""Text vectorizers of scikit-learn."""

from __future__ import annotations

import copy
import unicodedata
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import (
    CountVectorizer,
    HashingVectorizer,
    TfidfTransformer,
    TfidfVectorizer,
)
from sklearn.utils.validation import check_is_fitted

from .context import Context
from .pattern import UnsupportedPattern, translate
from .registry import Refused, register
from .values import DTYPES, Ref, Value

DEFAULT_PATTERN = r"(?u)\b\w\w+\b"


def convert_count(ctx: Context, est: Any, value: Value) -> Ref:
    """CountVectorizer, and the counts of a TfidfVectorizer."""
    if not hasattr(est, "vocabulary_"):
        est = copy.copy(est)  # the check below would fit the user's own
    est._check_vocabulary()
    terms = _terms(est.vocabulary_)
    dtype = _count_dtype(est.dtype)
    attributes = {
        **_analysis(est),
        "vocabulary": ctx.builder.tensor(f"{ctx.path or 'text'}.terms", terms),
        "binary": _if(est.binary),
        "dtype": dtype,
    }
    node = ctx._emit("count", (ctx.text(value, _text_spec(est)),), attributes)
    return Ref(node, len(terms), True, dtype, True)


def convert_tfidf_vectorizer(ctx: Context, est: Any, value: Value) -> Ref:
    check_is_fitted(est, msg="The TF-IDF vectorizer is not fitted")
    return convert_tfidf(ctx, est._tfidf, convert_count(ctx, est, value))


def convert_tfidf(ctx: Context, est: Any, value: Value) -> Ref:
    check_is_fitted(est)
    width = getattr(est, "n_features_in_", None)
    counts = ctx.numeric(value, width, est)
    if not counts.sparse:  # what the caller passes may come dense
        counts = ctx.sparse_rows(counts)
    dtype = "f32" if counts.dtype == "f32" else "f64"
    idf = getattr(est, "idf_", None)
    if idf is not None:
        idf = np.asarray(idf)
        if dtype == "f32" and idf.dtype != np.float32:
            raise Refused("its idf_ is float64 while its counts are float32")
        if dtype == "f64":
            idf = idf.astype(np.float64)
        if idf.shape != (counts.n_features,) or not np.isfinite(idf).all():
            raise Refused("its idf_ does not fit its input")
    if est.norm not in ("l1", "l2", None):
        raise Refused(f"norm={est.norm!r}")
    attributes = {
        "sublinear_tf": _if(est.sublinear_tf),
        "idf": idf,
        "norm": est.norm or "none",
        "dtype": None if dtype == "f64" else dtype,
    }
    node = ctx._emit("tfidf", (counts.node,), attributes)
    # A norm refuses what is not finite; without one that is for what comes behind.
    is_safe = est.norm is not None or not est.sublinear_tf or _is_positive(ctx, counts.node)
    return Ref(node, counts.n_features, True, dtype, counts.safe and is_safe)


def _is_positive(ctx: Context, number: int) -> bool:
    """Whether a node stores numbers above 0 alone, which have a logarithm."""
    node = ctx.builder.nodes[number]
    if node.operator == "hash":
        return not node.attributes.get("alternate_sign") or bool(node.attributes.get("binary"))
    if node.operator in ("cast", "select", "concat", "normalize"):
        return all(_is_positive(ctx, below) for below in node.inputs)
    return node.operator == "count"


def convert_hashing(ctx: Context, est: Any, value: Value) -> Ref:
    est._validate_ngram_range()
    dtype = _count_dtype(est.dtype)
    n_features = int(est.n_features)
    if not 1 <= n_features < 2**31:
        raise Refused(f"n_features={est.n_features!r}")
    if est.norm not in ("l1", "l2", None):
        raise Refused(f"norm={est.norm!r}")
    attributes = {
        **_analysis(est),
        "binary": _if(est.binary),
        "n_features": n_features,
        "alternate_sign": bool(est.alternate_sign),
        "dtype": dtype,
    }
    node = ctx._emit("hash", (ctx.text(value, _text_spec(est)),), attributes)
    ref = Ref(node, n_features, True, dtype, True)
    if est.norm is None:
        return ref
    if dtype not in ("f32", "f64"):
        ref = ctx.apply("cast", ref, dtype="f64")
    return ctx.apply("normalize", ref, norm=est.norm, safe=True)


# ---- parameters --------------------------------------------------------------


def _if(flag: Any) -> bool | None:
    """A flag whose default is false: left out when it is."""
    return True if flag else None


def _count_dtype(dtype: Any) -> str:
    found = DTYPES.get(np.dtype(dtype))
    if found is None:
        raise Refused(f"dtype={np.dtype(dtype).name}")
    return found


def _terms(vocabulary: dict[Any, Any]) -> list[str]:
    """The terms in the order of their features."""
    if any(not isinstance(term, str) for term in vocabulary):
        raise Refused("its vocabulary holds terms that are not strings")
    terms: list[str | None] = [None] * len(vocabulary)
    for term, index in vocabulary.items():
        if not 0 <= index < len(terms) or terms[index] is not None:
            raise Refused("its vocabulary's indices are not 0, 1, 2 ...")
        terms[index] = str(term)
    return [term for term in terms if term is not None]


def _text_spec(est: Any) -> dict[str, Any]:
    """How rows are decoded, and what is done to each first (which decides the
    error that a row raises when it is no text)."""
    if est.lowercase:
        first = "lower"
    elif est.strip_accents:
        first = "encode" if est.strip_accents == "unicode" else "normalize"
    else:
        first = "match"
    return {"encoding": est.encoding, "errors": est.decode_error, "first": first}


def _analysis(est: Any) -> dict[str, Any]:
    """The attributes that say how a text becomes terms."""
    reasons = [
        f"{name} is a function"
        for name in ("analyzer", "preprocessor", "strip_accents")
        if callable(getattr(est, name))
    ]
    if est.analyzer == "word" and est.tokenizer is not None:
        reasons.append("tokenizer is a function")
    if est.input != "content":
        reasons.append(f"input={est.input!r}")
    if reasons:
        raise Refused(*reasons)
    # Where a parameter is wrong, these raise what the original's transform does.
    est.build_preprocessor()
    if est.analyzer not in ("word", "char", "char_wb"):
        est.build_analyzer()
    if est.analyzer == "word":
        est.build_tokenizer()

    min_n, max_n = _ngram_range(est.ngram_range)
    attributes = {
        "analyzer": est.analyzer,
        "lowercase": bool(est.lowercase),
        "strip_accents": est.strip_accents or None,
        "ngram_min": min_n,
        "ngram_max": max_n,
        "unicode": unicodedata.unidata_version,
    }
    if est.analyzer == "word":
        attributes |= _tokens(est.token_pattern)
        words = est.get_stop_words()
        if words is not None:
            # Tokens are strings, so nothing else can be among them.
            kept = sorted(str(word) for word in words if isinstance(word, str))
            attributes["stop_words"] = kept or None
    return attributes


def _ngram_range(ngram_range: Any) -> tuple[int, int]:
    try:
        min_n, max_n = (int(n) for n in ngram_range)
    except (TypeError, ValueError):
        raise Refused(f"ngram_range={ngram_range!r}") from None
    if (min_n, max_n) != tuple(ngram_range) or not 1 <= min_n <= max_n < 2**16:
        raise Refused(f"ngram_range={ngram_range!r}")
    return min_n, max_n


def _tokens(pattern: str) -> dict[str, Any]:
    if pattern == DEFAULT_PATTERN:
        return {"token_rule": "word2"}
    try:
        translated = translate(pattern)
    except UnsupportedPattern as unsupported:
        raise Refused(f"token_pattern={pattern!r}: {unsupported}") from unsupported
    if translated.kind != "pattern":
        return {"token_rule": translated.kind}
    return {
        "token_rule": "pattern",
        "pattern": translated.pattern,
        "pattern_group": _if(translated.group),
    }


_ANALYSIS = (
    "input='content'", "encoding", "decode_error", "strip_accents (None, 'ascii', 'unicode')",
    "lowercase", "stop_words", "token_pattern (those with a translation)", "ngram_range",
    "analyzer ('word', 'char', 'char_wb')", "binary", "dtype (int32, int64, float32, float64)",
)  # fmt: skip
_STEP = (
    "functions as analyzer, tokenizer, preprocessor or strip_accents; input='file' or "
    "'filename'; another dtype; a token_pattern without a proven translation"
)

register(
    CountVectorizer,
    transform=convert_count,
    operators=["count"],
    parameters=[*_ANALYSIS, "vocabulary (fitted or given)"],
    python_step=_STEP,
)
register(
    TfidfVectorizer,
    transform=convert_tfidf_vectorizer,
    operators=["count", "tfidf"],
    parameters=[*_ANALYSIS, "vocabulary", "norm", "use_idf", "smooth_idf", "sublinear_tf"],
    python_step=_STEP,
)
register(
    TfidfTransformer,
    transform=convert_tfidf,
    operators=["tfidf"],
    parameters=["norm", "use_idf", "smooth_idf", "sublinear_tf"],
    python_step="float32 counts of a vectorizer with a float64 idf_",
)
register(
    HashingVectorizer,
    transform=convert_hashing,
    operators=["hash", "normalize"],
    parameters=[*_ANALYSIS, "n_features", "norm", "alternate_sign"],
    python_step=_STEP,
)
