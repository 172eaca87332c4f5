"""A slow interpreter of the graph's text form, written from docs/graph.md alone.

It checks the converters without the core: what it computes from a converted
graph must be what the original estimator computes.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
from scipy.special import expit, logsumexp
from sklearn.preprocessing import normalize
from sklearn.utils import murmurhash3_32

DTYPES = {"f64": np.float64, "f32": np.float32, "i64": np.int64, "i32": np.int32}
STATEMENT = re.compile(r"%(\d+) = (\w+)\(([^)]*)\)(?: \{(.*)\})?$")


def parse_value(text: str, tensors: dict[str, Any]) -> Any:
    if text.startswith("@"):
        return tensors[text[1:]]
    if text.startswith("["):
        if text.startswith('["'):
            return json.loads(text)
        text = text.replace("-inf", "-Infinity").replace("inf", "Infinity").replace("nan", "NaN")
        items = json.loads(text)
        return np.array(items, dtype=np.int64 if items and isinstance(items[0], int) else float)
    if text in ("inf", "-inf", "nan"):
        return float(text)
    return json.loads(text)


def split_attributes(text: str) -> list[str]:
    parts, depth, quoted, escaped, current = [], 0, False, False, ""
    for c in text:
        if quoted:
            quoted = escaped or c != '"'
            escaped = c == "\\" and not escaped
        elif c == '"':
            quoted = True
        elif c in "[]":
            depth += 1 if c == "[" else -1
        elif c == "," and depth == 0:
            parts.append(current.strip())
            current = ""
            continue
        current += c
    return [*parts, current.strip()] if current.strip() else parts


class Interpreter:
    """Runs a `Converted` on X; one stage only."""

    def __init__(self, converted: Any) -> None:
        self.converted = converted
        lines = converted.graph_text.splitlines()
        assert lines[0] == "willump-graph 1"
        self.nodes: list[tuple[str, list[int], dict[str, Any]]] = []
        self.outputs: dict[str, int] = {}
        for line in lines[1:]:
            if match := STATEMENT.match(line):
                assert int(match[1]) == len(self.nodes)
                inputs = [int(i[1:]) for i in match[3].split(", ") if i]
                pairs = (a.split("=", 1) for a in split_attributes(match[4] or ""))
                attributes = {k: parse_value(v, converted.tensors) for k, v in pairs}
                for name in ("joint", "keeps"):  # the dtype of rows that are float32
                    attributes.pop(name, None)
                self.nodes.append((match[2], inputs, attributes))
            elif line.startswith("output "):
                name, node = line[7:].split(" = %")
                self.outputs[name] = int(node)

    def run(self, x: Any, *names: str) -> dict[str, Any]:
        values: list[Any] = []
        for operator, inputs, attributes in self.nodes:
            arguments = [values[i] for i in inputs]
            if operator in ("input", "external"):
                values.append(self._source(operator, arguments, attributes, x))
            else:
                values.append(OPERATORS[operator](*arguments, **attributes))
        return {n: values[self.outputs[n]] for n in names or self.outputs}

    def _source(self, operator: str, arguments: list[Any], a: dict[str, Any], x: Any) -> Any:
        if operator == "external":
            step = self.converted.steps[a["step"]]
            return step(arguments[0] if arguments else x)
        if a["kind"] == "matrix":
            return x if sp.issparse(x) else np.asarray(x, dtype=float)
        column = x
        if a.get("position", -1) < 0 and a.get("name"):
            column = x[a["name"]]
        elif a.get("position", -1) >= 0:
            is_frame = hasattr(x, "columns")
            column = x[a["name"]] if is_frame else np.asarray(x, dtype=object)[:, a["position"]]
        if a["kind"] in ("text", "category"):
            return list(column)
        return np.asarray(column, dtype=DTYPES[a.get("dtype", "f64")]).reshape(-1, 1)


def strip(text: str, how: str) -> str:
    if how == "unicode" and not text.isascii():
        decomposed = unicodedata.normalize("NFKD", text)
        return "".join(c for c in decomposed if not unicodedata.combining(c))
    if how == "ascii":
        return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return text


def char_ngrams(text: str, low: int, high: int) -> list[str]:
    return [text[i : i + n] for n in range(low, high + 1) for i in range(len(text) - n + 1)]


def analyze(text: str, a: dict[str, Any]) -> list[str]:
    if a.get("lowercase", True):
        text = text.lower()
    text = strip(text, a.get("strip_accents", "none"))
    low, high = a.get("ngram_min", 1), a.get("ngram_max", 1)
    if a["analyzer"] != "word":
        text = re.sub(r"\s\s+", " ", text)
    if a["analyzer"] == "char":
        return char_ngrams(text, low, high)
    if a["analyzer"] == "char_wb":
        terms = []
        for word in (f" {w} " for w in text.split()):
            for n in range(low, high + 1):
                terms += char_ngrams(word, n, n) or [word]
                if len(word) <= n:
                    break
        return terms
    rule = a.get("token_rule", "word2")
    pattern = {"word2": r"\b\w\w+\b", "word1": r"\b\w+\b"}.get(rule) or a["pattern"]
    stop = set(a.get("stop_words", ()))
    tokens = [t for t in re.findall(pattern, text) if t not in stop]
    spans = (tokens[i : i + n] for n in range(low, high + 1) for i in range(len(tokens) - n + 1))
    return [" ".join(span) for span in spans]


def csr(rows: list[dict[int, float]], n_features: int, dtype: str) -> sp.csr_array:
    indptr = np.cumsum([0, *(len(row) for row in rows)])
    indices = np.array([c for row in rows for c in sorted(row)], dtype=np.int32)
    data = np.array([row[c] for row in rows for c in sorted(row)], dtype=DTYPES[dtype])
    return sp.csr_array((data, indices, indptr), shape=(len(rows), n_features))


def count(
    texts: list[str],
    *,
    vocabulary: list[str],
    binary: bool = False,
    dtype: str = "i64",
    **a: Any,
) -> Any:
    index = {term: i for i, term in enumerate(vocabulary)}
    rows = []
    for text in texts:
        row: dict[int, float] = {}
        for term in analyze(text, a):
            if term in index:
                row[index[term]] = 1 if binary else row.get(index[term], 0) + 1
        rows.append(row)
    return csr(rows, len(vocabulary), dtype)


def hashed(
    texts: list[str],
    *,
    n_features: int,
    alternate_sign: bool = True,
    binary: bool = False,
    dtype: str = "f64",
    **a: Any,
) -> Any:
    rows = []
    for text in texts:
        row: dict[int, float] = {}
        for term in analyze(text, a):
            code = murmurhash3_32(term.encode(), seed=0)
            column = int(abs(int(code)) % n_features)
            row[column] = row.get(column, 0) + (-1 if alternate_sign and code < 0 else 1)
        rows.append(dict.fromkeys(row, 1) if binary else row)
    return csr(rows, n_features, dtype)


def tfidf(
    x: Any, *, sublinear_tf: bool = False, idf: Any = None, norm: str = "l2", dtype: str = "f64"
) -> Any:
    x = x.astype(DTYPES[dtype])
    if sublinear_tf:
        x.data = np.log(x.data) + 1
    if idf is not None:
        x.data = x.data * idf.astype(x.dtype)[x.indices]
    return normalize(x, norm) if norm != "none" else x


def elementwise(x: Any, function: Callable[..., Any], *arguments: Any) -> Any:
    if not sp.issparse(x):
        return function(x, *arguments)
    x = x.copy()
    x.data = function(x.data, *(np.broadcast_to(a, x.shape[1])[x.indices] for a in arguments))
    return x


def scale(
    x: Any,
    *,
    subtract: Any = None,
    divide: Any = None,
    multiply: Any = None,
    reciprocal: Any = None,
    narrow: bool = False,
    weak: bool = False,
    keeps_zeros: bool = False,
    dtype: str | None = None,
) -> Any:
    if dtype is not None:
        x = x.astype(DTYPES[dtype])
    elif x.dtype != np.float32:
        x = x.astype(np.float64)
    if sp.issparse(x) and keeps_zeros:
        subtract = None
    if sp.issparse(x) and reciprocal is not None:
        divide, x = None, elementwise(x, np.multiply, reciprocal.astype(x.dtype))
    for factor, function in ((subtract, np.subtract), (divide, np.divide), (multiply, np.multiply)):
        if factor is not None:
            is_rounded = weak if function is np.multiply else narrow
            own = factor.astype(x.dtype) if is_rounded else factor
            x = elementwise(x, function, own).astype(x.dtype)
    return x


def concat(*xs: Any, sparse: bool | None = None, dtype: str | None = None) -> Any:
    if sparse is None:
        sparse = any(sp.issparse(x) for x in xs)
    if sparse:
        return sp.hstack([sp.csr_array(x) for x in xs]).tocsr()
    return np.hstack([x.toarray() if sp.issparse(x) else x for x in xs])


def linear(x: Any, *, coef: Any, intercept: Any = 0.0, dtype: str = "f64") -> Any:
    return (np.asarray(x.astype(np.float64) @ coef.T) + intercept).astype(DTYPES[dtype])


def check_finite(
    x: Any,
    *,
    estimator: str,
    allow_nan: bool = False,
    allow_sparse_nan: bool | None = None,
    dtype: str = "f64",
    message: str = "",
) -> Any:
    data = x.data if sp.issparse(x) else x
    if sp.issparse(x) and allow_sparse_nan is not None:
        allow_nan = allow_sparse_nan
    with np.errstate(over="ignore"):
        data = np.asarray(data).astype(DTYPES[dtype])
    if np.isinf(data).any() or (not allow_nan and np.isnan(data).any()):
        raise ValueError(f"Input X contains NaN or infinity: {estimator}")
    return x


def binarize(x: Any, *, threshold: float = 0.0) -> Any:
    x = elementwise(x, lambda v: (v > threshold).astype(v.dtype))
    if sp.issparse(x):
        x.eliminate_zeros()
    return x


def normalize_rows(x: Any, *, zero: str = "keep") -> Any:
    total = x.sum(axis=1, keepdims=True)
    rest = x if zero == "keep" else np.full_like(x, 1 / x.shape[1])
    return np.divide(x, total, out=rest.copy(), where=total != 0)


def softmax(x: Any) -> Any:
    x = np.exp(x - x.max(axis=1, keepdims=True))
    return x / x.sum(axis=1, keepdims=True)


def ovo(c: Any, *, n_classes: int, threshold: float = 0.0) -> Any:
    votes = np.zeros((len(c), n_classes))
    sums = np.zeros((len(c), n_classes))
    pairs = [(i, j) for i in range(n_classes) for j in range(i + 1, n_classes)]
    for k, (i, j) in enumerate(pairs):
        sums[:, i] -= c[:, k]
        sums[:, j] += c[:, k]
        votes[c[:, k] <= threshold, i] += 1
        votes[c[:, k] > threshold, j] += 1
    return votes + sums / (3 * (np.abs(sums) + 1))


def is_missing(x: Any, *, missing: float = float("nan")) -> Any:
    return np.where(np.isnan(x) if missing != missing else x == missing, 1.0, 0.0)


def impute(x: Any, *, fill: Any, missing: float = float("nan")) -> Any:
    return np.where(is_missing(x, missing=missing) == 1.0, fill, x)


def fill_text(cells: list[Any], *, value: str, missing: str, equal: str = "") -> list[Any]:
    def is_gone(cell: Any) -> bool:
        gone = {"nan": cell != cell, "none": cell is None, "equal": cell == equal}
        return gone.get(missing, not isinstance(cell, str))

    if missing not in ("nan", "any") and any(cell != cell for cell in cells):
        raise ValueError("Input contains NaN")
    return [value if is_gone(cell) else cell for cell in cells]


def encode(*inputs: Any, categories: Any, sizes: Any, **a: Any) -> Any:
    columns = [c for x in inputs for c in ([x] if isinstance(x, list) else list(np.asarray(x).T))]
    starts = np.cumsum([0, *sizes])
    codes = a.get("codes", np.concatenate([np.arange(n, dtype=float) for n in sizes]))
    codes = np.asarray(codes).reshape(len(categories), -1)
    width = codes.shape[1]
    unknown = a.get("unknown")
    if unknown is not None:
        unknown = np.broadcast_to(np.ravel(unknown), len(columns) * width).reshape(-1, width)
    found = []
    for i, column in enumerate(columns):
        own = list(categories[starts[i] : starts[i + 1]])
        places = {kind: int(a[kind][i]) if kind in a else -1 for kind in ("nan", "none")}
        table = {v: k for k, v in enumerate(own) if v == v and k not in places.values()}
        if places["nan"] < 0:
            places["nan"] = next((k for k, v in enumerate(own) if v != v), -1)
        rows = []
        for cell in column:
            at = places["none"] if cell is None else places["nan"] if cell != cell else None
            at = table.get(cell, -1) if at is None else at
            if at < 0 and unknown is None:
                raise ValueError(f"Found unknown categories [{cell!r}] in column {i}")
            rows.append(codes[starts[i] + at] if at >= 0 else unknown[i])
        found.append(np.array(rows, dtype=float).reshape(-1, width))
    joined = sum(found) if a.get("sum") else np.concatenate(found, axis=1)
    return joined.astype(DTYPES[a.get("dtype", "f64")])


def one_hot(x: Any, *, sizes: Any, sparse: bool = True, dtype: str = "f64") -> Any:
    parts = [(x[:, [c]] == np.arange(n)).astype(DTYPES[dtype]) for c, n in enumerate(sizes)]
    dense = np.concatenate(parts, axis=1)
    return sp.csr_array(dense) if sparse else dense


def ufunc(x: Any, *, function: str) -> Any:
    with np.errstate(all="ignore"):
        return getattr(np, function)(x)


def require_text(cells: list[Any]) -> list[Any]:
    if not all(isinstance(cell, str) for cell in cells):
        raise ValueError("np.nan is an invalid document, expected byte or unicode string.")
    return cells


def sigmas_of(text: str) -> list[str]:
    """What each character of a text becomes in lower case, the last sigmas of words too."""
    lower = text.lower()  # as long as the text up to its sigmas, but for U+0130
    expanded = "".join(c.lower() for c in text)
    sigmas = iter([c for c, e in zip(lower, expanded, strict=True) if e == "σ"])
    return ["".join(next(sigmas) if e == "σ" else e for e in c.lower()) for c in text]


def map_chars(
    cells: list[Any], *, chars: Any, values: Any, final_sigma: bool = False, **a: Any
) -> list[Any]:
    table = dict(zip(map(chr, chars), values, strict=True))
    first = dict(zip(map(chr, a.get("first_chars", ())), a.get("first_values", ()), strict=True))
    cased = np.reshape(a.get("cased", ()), (-1, 2))

    def mapped(text: str) -> str:
        found = []
        is_first = "first" in a
        for c, lower in zip(text, sigmas_of(text), strict=True):
            if is_first:
                found.append(first.get(c, c))
            else:
                found.append(lower if final_sigma and c == "Σ" else table.get(c, c))
            is_cased = np.any((cased[:, 0] <= ord(c)) & (ord(c) <= cased[:, 1]))
            is_first = a.get("first") == "word" and not is_cased
        return "".join(found)

    return [mapped(cell) if isinstance(cell, str) else cell for cell in cells]


def parse_number(cells: list[Any], *, function: str, coerce: bool = False, **a: Any) -> Any:
    def numeric(s: str) -> float:
        if s == "":
            return np.nan
        is_bad = "_" in s or not s.isascii() or "nan" in s.lower()
        if is_bad or ("inf" in s.lower() and s != s.strip()):
            raise ValueError(s)
        return float(s)

    read: dict[str, Callable[[str], float]] = {"float": float, "int": int, "numeric": numeric}
    found = []
    for cell in cells:
        try:
            found.append(float(read[function](cell)) if isinstance(cell, str) else np.nan)
        except ValueError:
            if not coerce:
                raise
            found.append(np.nan)
    return np.array(found).reshape(-1, 1)


def edit_text(cells: list[Any], *, function: str, **a: Any) -> list[Any]:
    def strip(s: str) -> str:
        chars = "".join(map(chr, a["chars"]))
        s = s.lstrip(chars) if a.get("left", True) else s
        return s.rstrip(chars) if a.get("right", True) else s

    def remove(s: str) -> str:
        s = s.removeprefix(a["text"]) if a.get("left", True) else s
        return s.removesuffix(a["text"]) if a.get("right", True) else s

    def piece(parts: Any) -> Any:
        at = a.get("index", 0)
        return parts[at] if -len(parts) <= at < len(parts) else np.nan

    def pad(s: str) -> str:
        sides = (a.get("left", True), a.get("right", True))
        justify = {(True, True): s.center, (True, False): s.rjust, (False, True): s.ljust}[sides]
        return justify(a["index"], a["text"])

    edits: dict[str, Callable[[str], Any]] = {
        "slice": lambda s: s[a.get("start", 0) : a.get("stop")],
        "char": piece,
        "strip": strip,
        "remove": remove,
        "split": lambda s: piece(s.split(a["text"], a.get("limit", 0) or -1)),
        "rsplit": lambda s: piece(s.rsplit(a["text"], a.get("limit", 0) or -1)),
        "split_blank": lambda s: piece(s.split(None, a.get("limit", 0) or -1)),
        "replace": lambda s: s.replace(a["text"], a["value"]),
        "pad": pad,
        "zfill": lambda s: s.zfill(a["index"]),
    }
    return [edits[function](cell) if isinstance(cell, str) else cell for cell in cells]


def join_text(*columns: list[Any], parts: Any = None) -> list[Any]:
    parts = [""] * (len(columns) + 1) if parts is None else parts
    found = []
    for row in zip(*columns, strict=True):
        if all(isinstance(cell, str) for cell in row):
            pairs = zip(row, parts[1:], strict=True)
            found.append(parts[0] + "".join(cell + part for cell, part in pairs))
        else:
            found.append(np.nan)
    return found


def measure_text(
    cells: list[Any], *, function: str, words: Any = (), missing: float = float("nan")
) -> Any:
    measures: dict[str, Callable[[str], float]] = {
        "length": len,
        "contains": lambda s: any(word in s for word in words),
        "starts_with": lambda s: s.startswith(tuple(words)),
        "ends_with": lambda s: s.endswith(tuple(words)),
        "count": lambda s: s.count(words[0]),
        "find": lambda s: s.find(words[0]),
        "rfind": lambda s: s.rfind(words[0]),
    }
    own = [float(measures[function](c)) if isinstance(c, str) else missing for c in cells]
    return np.array(own).reshape(-1, 1)


def python_pattern(pattern: str) -> re.Pattern[str]:
    """A pattern for PCRE2 as Python's `re` takes it."""
    text = re.sub(r"\\x\{([0-9a-f]+)\}", lambda m: f"\\U{int(m[1], 16):08x}", pattern)
    # Before 3.11.5 Python's possessive groups miss matches that greedy ones find.
    return re.compile(text.replace("\\z", "\\Z").replace(")*+", ")*"))


def measure_pattern(
    cells: list[Any], *, pattern: str, function: str, missing: float = float("nan")
) -> Any:
    compiled = python_pattern(pattern)
    found = []
    for cell in cells:
        n = sum(1 for _ in compiled.finditer(cell)) if isinstance(cell, str) else 0
        own = min(n, 1) if function == "contains" else n
        found.append(float(own) if isinstance(cell, str) else missing)
    return np.array(found).reshape(-1, 1)


def edit_pattern(cells: list[Any], *, pattern: str, function: str, **a: Any) -> list[Any]:
    compiled = python_pattern(pattern)

    def extract(s: str) -> Any:
        match = compiled.search(s)
        found = match and match[a.get("group", 0)]
        return np.nan if found is None else found

    def stand_in(match: re.Match[str]) -> str:
        groups = [match[int(g)] or "" for g in a.get("groups", ())]
        return "".join(x + y for x, y in zip(a["parts"], [*groups, ""], strict=True))

    def replace(s: str) -> str:
        return compiled.sub(stand_in, s, count=a.get("limit", 0))

    edit: Callable[[str], Any] = extract if function == "extract" else replace
    return [edit(cell) if isinstance(cell, str) else cell for cell in cells]


def print_whole(x: Any, *, width: int = 0) -> list[Any]:
    return [np.nan if v != v else f"{int(v):0{width}d}" for v in np.ravel(x)]


def choose_text(condition: Any, *choices: list[Any], **o: Any) -> list[Any]:
    left = list(choices)
    sides = []
    for name in ("then", "otherwise"):
        text = np.nan if o.get("missing") == name else o.get(name)
        sides.append([text] * len(condition) if name in o else left.pop(0))
    return [t if c else e for c, t, e in zip(np.ravel(condition), *sides, strict=True)]


def require(condition: Any, x: Any, *shown: Any, message: str, **o: Any) -> Any:
    errors = {"value": ValueError, "type": TypeError, "key": KeyError}
    if not np.all(condition):
        raise errors[o.get("error", "value")](message)
    return x


def date_part(x: Any, *, part: str) -> Any:
    moments = pd.DataFrame(np.asarray(x)).apply(lambda c: c.astype("datetime64[us]"))
    return moments.apply(lambda c: getattr(c.dt, part)).to_numpy(dtype=float)


def match(*inputs: Any, keys: Any) -> Any:
    def key_of(row: Any) -> Any:
        return tuple("nan" if v != v else float(v) for v in row)

    joined = np.concatenate(inputs, axis=1)
    table = {key_of(k): i for i, k in enumerate(np.reshape(keys, (-1, joined.shape[1])))}
    return np.array([[table.get(key_of(row), -1)] for row in joined], dtype=np.int64)


def take(rows: Any, *, values: Any, **a: Any) -> Any:
    found = [int(r) if 0 <= r < len(values) and r == int(r) else -1 for r in np.ravel(rows)]
    if isinstance(values, list):
        cells: list[Any] = list(values)
        for kind, gone in (("nan", np.nan), ("none", None)):
            for row in a.get(kind, ()):
                cells[int(row)] = gone
        return [cells[r] if r >= 0 else np.nan for r in found]
    values = np.asarray(values, dtype=float)
    values = values.reshape(len(values), -1)
    absent = np.full(values.shape[1], a.get("absent", np.nan))
    return np.array([values[r] if r >= 0 else absent for r in found]).astype(
        DTYPES[a.get("dtype", "f64")]
    )


COMPARISONS = ("less", "less_equal", "greater", "greater_equal", "equal", "not_equal")


def binary(a: Any, b: Any = None, *, function: str, **o: Any) -> Any:
    left, right = (a, o["value"]) if "value" in o else (a, b)
    if o.get("reverse"):
        left, right = right, left
    is_truth = function in COMPARISONS
    if o.get("dtype") == "f32" or ("value" in o and a.dtype == np.float32 and not is_truth):
        left, right = np.float32(left), np.float32(right)
    if is_truth:
        left, right = np.float64(left), np.float64(right)
    with np.errstate(all="ignore"):
        found = getattr(np, function)(left, right)
    is_whole = o.get("dtype") in ("i64", "i32")  # or NaN
    if "dtype" in o and not is_whole:
        return found.astype(DTYPES[o["dtype"]])
    return found if found.dtype == np.float32 else found.astype(float)


def where(condition: Any, *choices: Any, **o: Any) -> Any:
    left = list(choices)
    then = o["then"] if "then" in o else left.pop(0)
    otherwise = o["otherwise"] if "otherwise" in o else left.pop(0)
    return np.where(condition != 0, then, otherwise).astype(DTYPES[o.get("dtype", "f64")])


def goes_left(v: float, flags: int, threshold: float, a: dict[str, Any], column: int) -> bool:
    """One split, as docs/graph.md tells it."""
    kind, is_left = flags >> 1 & 3, bool(flags & 1)
    if flags & 8:
        if v != v and kind == 2:
            return is_left
        known = a["known"][column] if "known" in a else -1
        if known >= 0 and not in_set(v, int(known), a):
            return is_left
        return in_set(0.0 if v != v else v, int(threshold), a)
    if kind == 1 and (v != v or abs(v) <= float(np.float32(1e-35))):
        return is_left
    if kind == 2 and v != v:
        return is_left
    return (0.0 if v != v else v) <= threshold


def in_set(v: float, number: int, a: dict[str, Any]) -> bool:
    if not 0 <= v < 2**31:
        return False
    words = a["sets"][a["set_starts"][number] : a["set_starts"][number + 1]]
    word = int(v) // 32
    return word < len(words) and bool(int(words[word]) >> int(v) % 32 & 1)


def spread_out(x: Any, absent: float) -> Any:
    """Dense rows; `absent` is in the gaps of sparse ones."""
    if not sp.issparse(x):
        return np.asarray(x, dtype=float)
    x = sp.csr_matrix(x, dtype=float)
    is_stored = sp.csr_matrix((np.ones(x.nnz), x.indices, x.indptr), shape=x.shape).toarray() > 0
    return np.where(is_stored, x.toarray(), absent)


def trees(x: Any, **a: Any) -> Any:
    x = spread_out(x, a.get("absent", 0.0))
    k = a.get("n_outputs", 1)
    sizes = a.get("sizes", [])
    n_trees = len(a["roots"]) if "roots" in a else len(sizes)
    kind = DTYPES[a.get("dtype", "f64")]
    sums = np.broadcast_to(a.get("start", np.zeros(k)), (len(x), k)).astype(kind)
    leaves = np.asarray(a["leaves"]).reshape(-1, np.shape(a["leaves"])[-1] if k > 1 else 1)
    outputs = a.get("output", np.arange(n_trees) % k)
    for tree in range(n_trees):
        first = int(np.sum(sizes[:tree])) if "sizes" in a else 0  # children count from here
        first_leaf = first + tree if "sizes" in a else 0
        root = int(a["roots"][tree]) if "roots" in a else (0 if sizes[tree] else -1)
        for row, values in enumerate(x):
            at = root
            while at >= 0:
                test = int(a["test"][first + at]) if "test" in a else first + at
                column = int(a["feature"][test])
                flags, threshold = int(a["flags"][test]), float(a["threshold"][test])
                is_left = goes_left(values[column], flags, threshold, a, column)
                at = int(a["left" if is_left else "right"][first + at])
            leaf = first_leaf + ~at
            if leaves.shape[1] == 1:
                sums[row, outputs[tree]] += leaves[leaf, 0]
            else:
                sums[row] += leaves[leaf]
    return sums / a.get("divide", 1.0)


OPERATORS: dict[str, Callable[..., Any]] = {
    "count": count,
    "hash": hashed,
    "tfidf": tfidf,
    "concat": concat,
    "scale": scale,
    "linear": linear,
    "check_finite": check_finite,
    "binarize": binarize,
    "normalize_rows": normalize_rows,
    "softmax": softmax,
    "ovo": ovo,
    "impute": impute,
    "fill_text": fill_text,
    "require_text": require_text,
    "map_chars": map_chars,
    "edit_text": edit_text,
    "join_text": join_text,
    "measure_text": measure_text,
    "measure_pattern": measure_pattern,
    "edit_pattern": edit_pattern,
    "parse_number": parse_number,
    "print_whole": print_whole,
    "choose_text": choose_text,
    "require": require,
    "date_part": date_part,
    "match": match,
    "take": take,
    "binary": binary,
    "where": where,
    "encode": encode,
    "one_hot": one_hot,
    "ufunc": ufunc,
    "is_missing": is_missing,
    "trees": trees,
    "difference": lambda a, b: a - b,
    "select": lambda x, indices: x[:, indices],
    "normalize": lambda x, norm: normalize(x, norm),
    "project": lambda x, components: np.asarray(x.astype(np.float64) @ components.T),
    "cast": lambda x, dtype: x.astype(DTYPES[dtype]),
    "add": lambda *xs: sum(xs[1:], xs[0]),
    "affine": lambda x, multiply=1.0, add=0.0: x * multiply + add,
    "expit": expit,
    "exp": np.exp,
    "log": np.log,
    "clip": lambda x, min, max: np.clip(x, min, max),
    "log_softmax": lambda x: x - logsumexp(x, axis=1, keepdims=True),
    "complement": lambda x: np.hstack([1 - x, x]),
    "mirror": lambda x: np.hstack([-x, x]),
    "isotonic": lambda t, x, y: np.interp(t, x, y),
    "signed_square": lambda x: np.abs(x) * x,
    "at_most_one": lambda x: np.where((x > 1) & (x <= 1 + 1e-5), 1.0, x),
    "argmax": lambda x: x.argmax(axis=1)[:, None],
    "positive": lambda x, threshold=0.0: (x > threshold).astype(np.int64),
}
