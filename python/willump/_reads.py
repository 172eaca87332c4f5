"""Which columns of X a pipeline reads: rows that are equal in them are one row.

Of native nodes the graph tells: a column that goes through operators on single columns
and is then left out by a selection is not read. Of a selection among features that hang
on several columns, and of a Python step that may leave columns out, the answers tell: a
column is read where the pipeline answers otherwise when values of other rows stand in it.
In the same way it is asked whether an answer hangs on the rows beside it.
"""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ._columns import is_frame, library_of
from ._frames import n_rows_of, take_rows
from ._row_keys import Place, canonical, column_names, columns_of
from ._sparse import is_sparse

Array = npt.NDArray[Any]

#: Operators whose column i hangs on column i of their one input.
_BY_COLUMN = {
    "check_finite", "scale", "affine", "expit", "exp", "log", "clip", "at_most_one", "binarize",
    "cast", "ufunc",
}  # fmt: skip
#: Operators of models, which leave no column out of what they read.
_MODELS = {"linear", "trees", "tree_leaves", "linear_trees", "project", "text_score"}
#: What is not a column of a matrix: all of X.
WHOLE: Place = (None, None)

#: Libraries whose models read every column that they are given,
_KNOWN = ("sklearn", "xgboost", "lightgbm", "catboost")
#: but for these modules, which choose columns.
_CHOOSE = ("sklearn.compose", "sklearn.feature_selection", "sklearn.preprocessing._function")

#: and these answer until all rows together are near enough.
_TOGETHER = ("sklearn.decomposition._nmf",)
#: Parameters that are functions of one text.
_OF_TEXT = ("analyzer", "preprocessor", "tokenizer")

#: So many rows are asked with another row's value in a column: fewer of many columns.
_MOST_ROWS, _MOST_ASKED = 64, 8192
#: Of the answers of a step that takes rows one by one, so much may differ: a share of labels,
#: and of the spread of numbers.
_BY_CHANCE = 0.01
#: The same of steps whose answers have to be what they are beside any rows: of float64, and of
#: narrower numbers.
_BY_ROUNDING, _BY_NARROW_ROUNDING = 1e-9, 1e-5
#: Rows of a small call.
_FEW_TOGETHER = 6
#: Outputs by how well they tell that a feature changed.
_TELLING = ("decision", "proba", "prediction", "features", "score", "log_proba", "label")

_STATEMENT = re.compile(r"%(\d+) = (\w+)\(([^)]*)\)(.*)")
_INDICES = re.compile(r"[{ ]indices=(?:\[([^\]]*)\]|@([^,} ]+))")


class Reads:
    """The columns that a graph reads for sure, and others that it may."""

    def __init__(self) -> None:
        self.known: set[Place] = set()
        self.unsure: set[Place] = set()

    def places(self, x: Any, run: Callable[[str, Any], Any], outputs: Sequence[str]) -> Any:
        """The columns that are read, in order; None for all.

        Parameters
        ----------
        x : rows to ask about
        run : function from an output's name and rows to the answers
        outputs : names of the outputs
        """
        if WHOLE in self.known:
            return None
        asked = self.unsure - self.known
        if asked:
            if WHOLE in asked:
                names = column_names(x)
                if names is not None:
                    width = len(names)
                else:
                    width = int(x.shape[1]) if is_sparse(x) else len(columns_of(x))
                if width > _MOST_ASKED // 2:
                    return None
                asked = {(None if names is None else names[i], i) for i in range(width)}
                known = self.known
                asked = {a for a in asked if not any(_is_same(a, place) for place in known)}
            if len(asked | self.known) == 1:
                return sorted(asked, key=_order)  # there is nothing else to read
            found = _read_of(x, sorted(asked, key=_order), run, outputs)
            if found is None:
                return None if WHOLE in self.unsure else sorted(self.known | asked, key=_order)
            return sorted(self.known | set(found), key=_order) or None
        return sorted(self.known, key=_order) or None


def _is_same(a: Place, b: Place) -> bool:
    if a[0] is not None and b[0] is not None:
        return bool(a[0] == b[0])
    return a[1] == b[1]


def _order(place: Place) -> tuple[int, str]:
    return -1 if place[1] is None else place[1], str(place[0])


# ---- what the graph tells ----------------------------------------------------


def reads_of(
    graph: str,
    tensors: Mapping[str, Any],
    steps: Sequence[Any],
    inputs: Sequence[tuple[str, str, int, int]],
    fitted: Sequence[Any] | None,
) -> Reads:
    """What the text of a graph says.

    Parameters
    ----------
    tensors : mapping of name to array
    steps : the Python steps of its external nodes, in their order
    inputs : (name, kind, position, n_features) of its input nodes, in their order
    fitted : the names of the columns that the pipeline was fitted on, or None
    """
    reads = Reads()
    columns: dict[str, list[Place]] = {}  # the one that each column of a node hangs on
    mixed: dict[str, set[Place]] = {}  # those that a node hangs on
    left, externals = iter(inputs), iter(steps)
    for line in graph.splitlines():
        match = _STATEMENT.match(line)
        if match is None:
            for node in re.findall(r"%(\d+)", line):  # an output, or a gate
                reads.known |= _places_of(node, columns, mixed)
            continue
        number, operator, listed, rest = match.groups()
        nodes = re.findall(r"%(\d+)", listed)
        below = set().union(*(_places_of(node, columns, mixed) for node in nodes))
        own = [columns[node] for node in nodes if node in columns]
        if operator == "input":
            columns[number] = _columns_of_input(*next(left), fitted)
        elif operator == "select":
            if own and WHOLE not in below:
                columns[number] = [own[0][i] for i in _indices_of(rest, tensors)]
            else:
                reads.unsure |= below
        elif len(own) == len(nodes) == 1 and operator in _BY_COLUMN:
            columns[number] = own[0]
        elif operator == "concat" and len(own) == len(nodes):
            columns[number] = [place for part in own for place in part]
        elif operator == "external":
            step = next(externals)
            below |= set() if nodes else set(_columns_of_step(step))
            if not _reads_all(step):
                reads.unsure |= below
            elif step.method == "transform":
                mixed[number] = below
            else:
                reads.known |= below
        elif operator in _MODELS and not _is_bins(operator, own, rest):
            reads.known |= below
        else:
            mixed[number] = below
    return reads


def _is_bins(operator: str, own: Sequence[Sequence[Place]], attributes: str) -> bool:
    """Whether trees give a number for each column: bins, of which some may be chosen."""
    n_outputs = re.search(r"[{ ]n_outputs=(\d+)", attributes)
    is_wide = n_outputs is not None and bool(own) and int(n_outputs[1]) == len(own[0])
    return operator == "trees" and is_wide


def _places_of(
    node: str, columns: Mapping[str, list[Place]], mixed: Mapping[str, set[Place]]
) -> set[Place]:
    return set(columns.get(node, ())) | mixed.get(node, set())


def _columns_of_input(
    name: str, kind: str, position: int, n_features: int, fitted: Sequence[Any] | None
) -> list[Place]:
    if kind != "matrix":
        return [(name or None, position if position >= 0 else None)]
    if n_features <= 0:
        return [WHOLE]
    names = fitted if fitted is not None and len(fitted) == n_features else [None] * n_features
    return [(names[i], i) for i in range(n_features)]


def _columns_of_step(step: Any) -> list[Place]:
    columns = getattr(step, "columns", None)
    if columns is None or not columns.positions:
        return [WHOLE]
    names = columns.names or [None] * len(columns.positions)
    return list(zip(names, columns.positions, strict=True))


def _indices_of(attributes: str, tensors: Mapping[str, Any]) -> list[int]:
    match = _INDICES.search(attributes)
    assert match is not None, attributes
    listed, tensor = match.groups()
    if tensor is not None:
        return [int(i) for i in np.ravel(tensors[tensor])]
    return [int(i) for i in listed.split(",") if i.strip()]


def _reads_all(step: Any) -> bool:
    """Whether a step is an estimator that reads every column it is given, with all in it."""
    estimator = getattr(step, "estimator", None)
    if estimator is None:
        return False
    params = estimator.get_params() if hasattr(estimator, "get_params") else {}
    if _draws_columns(params) or any(_is_weighted(*param) for param in params.items()):
        return False
    for part in [estimator, *params.values()]:
        module = type(part).__module__
        if part is not estimator and not hasattr(part, "fit"):
            continue
        if isinstance(part, type) or module.startswith(_CHOOSE):
            return False
        if module.partition(".")[0] not in _KNOWN:
            return False
    return True


def is_row_wise(step: Any) -> bool:
    """Whether a Python step is known to answer each row by itself, as of the libraries'
    estimators; a step of a function was asked about its sample, and that alone."""
    estimator = getattr(step, "estimator", None)
    if estimator is None:
        return False
    params = estimator.get_params() if hasattr(estimator, "get_params") else {}
    for name, value in {"": estimator, **params}.items():
        if _is_function(value) and name.rpartition("__")[2] not in _OF_TEXT:
            return False
        if not name or hasattr(value, "fit"):
            module = type(value).__module__
            if module.partition(".")[0] not in _KNOWN or module.startswith(_TOGETHER):
                return False
    return True


def _draws_columns(params: Mapping[str, Any]) -> bool:
    """Whether a bagging ensemble, or one inside, gives its members some of the columns."""
    for name, draws_again in params.items():
        if name.rpartition("__")[2] == "bootstrap_features":
            share = params[name.removesuffix("bootstrap_features") + "max_features"]
            if draws_again or type(share) is int or share != 1.0:
                return True
    return False


def _is_weighted(name: str, value: Any) -> bool:
    """Whether a parameter may say how much each column counts, and some not at all: a function,
    what a metric or a kernel is given, or an object that is one."""
    if isinstance(value, Mapping) and value and name.endswith(("_params", "_kwargs", "_kwds")):
        return True
    return _is_function(value) or type(value).__module__.startswith("sklearn.metrics")


def _is_function(value: Any) -> bool:
    """A function of rows, as a kernel or a metric may be: it may leave columns out."""
    return callable(value) and not isinstance(value, type) and not hasattr(value, "fit")


# ---- what the answers tell -----------------------------------------------------


def _read_of(
    x: Any, places: list[Place], run: Callable[[str, Any], Any], outputs: Sequence[str]
) -> list[Place] | None:
    """Those of the columns with which the answers change; None where that cannot be told."""
    output = next((name for name in _TELLING if name in outputs), None)
    n, width = n_rows_of(x), len(places)
    rows = min(n, _MOST_ROWS, _MOST_ASKED // max(1, width))
    if output is None or n < 2 or rows < 2:
        return None
    rng = np.random.default_rng(0)
    pool = rng.permutation(n)[:1000]
    own = take_rows(x, pool)
    at = [_position_of(own, place) for place in places]
    if any(i is None for i in at):
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            others = [_donors(own, i, rows, rng) for i in at if i is not None]
            swapped = _with_swapped(own, rows, dict(zip(at, others, strict=True)))
            answers = np.asarray(_dense(run(output, swapped)))
        except Exception:
            return None
    if len(answers) != rows * (width + 1):
        return None
    answers = answers.reshape(width + 1, rows, -1)
    changed = [_differ(answers[0], answer) for answer in answers[1:]]
    return [place for place, differs in zip(places, changed, strict=True) if differs]


def _position_of(x: Any, place: Place) -> int | None:
    names = column_names(x)
    if names is not None and place[0] is not None and place[0] in names:
        return names.index(place[0])
    return place[1]


def _donors(x: Any, at: int, rows: int, rng: np.random.Generator) -> Array:
    """For each of the first rows one with another value in a column, itself if none has."""
    column = x[:, [at]] if is_sparse(x) else columns_of(x)[at]
    values = canonical(column)
    items = values.tolist() if isinstance(values, np.ndarray) else values
    codes: dict[Any, int] = {}
    own = np.array([codes.setdefault(item if item == item else None, len(codes)) for item in items])
    found = np.arange(rows)
    for row in range(rows):
        others = np.flatnonzero(own != own[row])
        found[row] = rng.choice(others) if len(others) else row
    return found


def _with_swapped(x: Any, rows: int, donors: Mapping[int | None, Array]) -> Any:
    """The first rows, and for each column again with the donors' values in it."""
    base = np.tile(np.arange(rows), len(donors) + 1)
    taken: dict[int, Array] = {}
    for block, (at, others) in enumerate(donors.items(), start=1):
        assert at is not None
        taken[at] = base.copy()
        taken[at][block * rows : (block + 1) * rows] = others
    if is_sparse(x):
        dense = x.toarray()
        made = dense[base]
        for at, own in taken.items():
            made[:, at] = dense[own, at]
        return type(x)(made)
    if isinstance(x, np.ndarray):
        made = np.asarray(x)[base]
        for at, own in taken.items():
            made[:, at] = np.asarray(x)[own, at]
        return made
    columns = [take_rows(column, taken.get(i, base)) for i, column in enumerate(columns_of(x))]
    return _of_columns(x, columns)


def _of_columns(x: Any, columns: list[Any]) -> Any:
    """Rows of X's kind with other columns."""
    names = column_names(x)
    if isinstance(x, dict):
        return dict(zip(x, columns, strict=True))
    if is_frame(x) and library_of(x) == "pandas":
        pandas = sys.modules["pandas"]
        made = pandas.concat([column.reset_index(drop=True) for column in columns], axis=1)
        made.columns = x.columns
        return made
    if is_frame(x) and library_of(x) == "polars":
        return type(x)(columns)
    if is_frame(x):
        return type(x).from_arrays(columns, names=names)
    listed = [list(row) for row in zip(*columns, strict=True)]
    return listed if names is None else [dict(zip(names, row, strict=True)) for row in listed]


def is_by_row(
    x: Any, run: Callable[[str, Any], Any], outputs: Sequence[str], *, exactly: bool = False
) -> bool:
    """Whether rows are answered alike in another order, each twice and in parts; also where
    that cannot be told, as too few rows are given, or the parts are refused.

    Parameters
    ----------
    exactly : bool
        But for roundings; else also where answers differ by little.
    """
    output = next((name for name in _TELLING if name in outputs), None)
    n = min(n_rows_of(x), _MOST_ROWS)
    if output is None or n < 8:
        return True
    rng = np.random.default_rng(0)
    x = _as_called(take_rows(x, rng.permutation(n_rows_of(x))[:n]))
    order = rng.permutation(n)
    tries = [[np.repeat(order, 2), *np.split(order, [3, n // 2])]]
    if exactly:  # what many rows have in common, as a median, differs in few
        tries.append(np.split(order, range(_FEW_TOGETHER, n, _FEW_TOGETHER)))

    def answer(rows: Array) -> Array:
        return np.asarray(_dense(run(output, _as_called(take_rows(x, rows)))))

    for parts in tries:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                whole = answer(np.arange(n))
                again = np.concatenate([answer(rows) for rows in parts])
            except Exception:
                continue
        if len(whole) != n or not _is_alike(
            whole[np.concatenate(parts)], again, whole, exactly=exactly
        ):
            return False
    return True


def _is_alike(wanted: Array, found: Array, whole: Array, *, exactly: bool) -> bool:
    """Whether rows have the same answers, but for a little of the spread of the whole ones."""
    if found.shape != wanted.shape:
        return False
    if whole.dtype.kind not in "fc":
        return bool(np.mean(found != wanted) <= (0.0 if exactly else _BY_CHANCE))
    known = whole[np.isfinite(whole)]
    spread = float(np.ptp(known)) if known.size else 0.0
    size = float(np.abs(known).max(initial=0.0))
    if exactly:
        is_narrow = whole.dtype.itemsize < 8
        near = (_BY_NARROW_ROUNDING if is_narrow else _BY_ROUNDING) * max(spread, size)
    else:  # what stops at a tolerance of all rows together differs by a little
        near = max(spread, 1e-9 * size) * _BY_CHANCE
    return bool(np.allclose(found, wanted, rtol=0.0, atol=near, equal_nan=True))


def _as_called(x: Any) -> Any:
    """Rows as a call of their own has them: numbered from 0."""
    return x.reset_index(drop=True) if library_of(x) == "pandas" else x


def _dense(answer: Any) -> Any:
    return answer.toarray() if hasattr(answer, "toarray") else answer


def _differ(answer: Array, other: Array) -> bool:
    """Beyond what a row's place among others may do to its sums."""
    if answer.dtype.kind not in "fc":
        return not np.array_equal(answer, other)
    close = 1e-5 if answer.dtype.itemsize < 8 else 1e-9
    return not np.allclose(answer, other, rtol=close, atol=close * 1e-3, equal_nan=True)
