"""One conversion: the caller's inputs, and estimators that become nodes of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, cast

import numpy as np

from .._dtypes import SAME_FUNCTIONS, dtypes_of_product
from .._graph import Attribute, Node
from .gaps import CANNOT_CENTER, DENSE_ONLY, KEPT, SETTLED, centers, takes_dense_only
from .in_place import refuse_shared_changes
from .lookups import MOST_RUNS, by_lookups, shown_names
from .names import is_storable
from .opaque import PythonSteps
from .registry import Refused, predict_of, transform_of
from .steps import Columns
from .tables import ANY, DOUBLE, SINGLE, reading_of
from .values import Categories, Model, Passed, Ref, Source, Table, Value

#: NumPy's functions that give integers for integers.
WHOLE_FUNCTIONS = ("absolute", "negative", "positive", "sign", "square", "floor", "ceil", "trunc")
#: Why a step stays the original itself.
COMPARED = "its answers would be within rounding of the original's, and a step behind it may jump"
#: Operators of one matrix that keep its columns' numbers.
_PASSES = ("cast", "check_finite")
#: Operators that hand on the numbers of a matrix, or of some of its columns.
_HANDS_ON = ("select", "check_finite", "concat", "cast")


class Context(PythonSteps):
    """One conversion."""

    def __init__(self, *, whole: bool = False, splits_lookups: bool = False) -> None:
        super().__init__()
        #: Columns that are looked up in several tables are blocks of their own.
        self.splits_lookups = splits_lookups
        #: Boosters keep the iterations after the best one.
        self.whole = whole
        self.text_inputs: dict[int, dict[str, Any]] = {}
        #: Inputs of numbers, by what they are and whether float32 of tables without a
        #: dtype stays float32.
        self._number_inputs: dict[tuple[tuple[str, Any], ...], dict[bool, int]] = {}
        #: Names and positions of X's columns that must be of objects.
        self.object_columns: list[list[Any]] = []
        #: Columns that functions of NumPy read as they come; see `_dtypes.py`.
        self.function_columns: list[dict[str, Any]] = []
        #: Columns that imputers read in the dtypes that they have together; see `_dtypes.py`.
        self.imputed_columns: list[dict[str, Any]] = []
        #: Nodes of LightGBM's trees, and of imputers that keep integers.
        self.light_trees: set[int] = set()
        self.whole_imputers: set[int] = set()
        self._n_wide = 0
        #: Nodes of columns that an output shows as they came; see `output.py`.
        self.passed: dict[int, Passed] = {}
        #: Columns by name that X must have, also where nothing is made of them.
        self.needed_columns: set[str] = set()
        #: Columns that steps read in the dtype of the caller's table; see `_dtypes.py`.
        self.passed_dtypes: list[dict[str, Any]] = []
        #: Encoders that warn, by what tells them apart in a run.
        self._warners: list[Any] = []

    def warning_group(self, est: Any) -> int:
        """The number under which all of an encoder's nodes share a warning."""
        for number, known in enumerate(self._warners):
            if known is est:
                return number
        self._warners.append(est)
        return len(self._warners) - 1

    # ---- rows that come as CSR; see gaps.py ---------------------------------

    def _check_gaps(self, estimator: Any, value: Value) -> None:
        if self.gaps(value) == SETTLED:
            return
        if centers(estimator):
            self.refuse_csr(CANNOT_CENTER, "value")
        elif takes_dense_only(estimator):
            self.refuse_csr(DENSE_ONLY)

    @contextmanager
    def reads_any_rows(self) -> Iterator[None]:
        """For a model that the caller never calls: that its own library takes dense rows
        only is no reason to refuse CSR rows, which have the same numbers."""
        refused = self.no_csr
        yield
        if self.no_csr is not None and self.no_csr[0] == DENSE_ONLY:
            self.no_csr = refused

    def mark_inputs(self) -> None:
        """Tells the inputs, and Python steps, which rows they refuse."""
        if self.no_csr is None:
            return
        for node in self.builder.nodes:
            if node.operator == "input" and node.attributes["kind"] == "matrix":
                node.attributes["no_csr"] = self.no_csr[0]
                if self.no_csr[1] != "type":
                    node.attributes["no_csr_error"] = self.no_csr[1]
            elif node.operator == "external":
                node.payload.no_csr = self.no_csr

    def name_inputs(self, names: Sequence[str]) -> None:
        """Tells the inputs that are the whole X what its columns are called, for errors."""
        if not all(map(is_storable, names)):
            return
        for node in self.builder.nodes:
            is_matrix = node.operator == "input" and node.attributes["kind"] == "matrix"
            if is_matrix and node.attributes["n_features"] == len(names):
                node.attributes["names"] = self.builder.tensor("input.names", names)

    def weigh(self, ref: Ref, weight: Any) -> Ref:
        """`weighted`, which notes the dtypes of the caller's columns that the product is
        not of as it is of float64."""
        found = self.weighted(ref, weight)
        refused = [] if weight is None else dtypes_of_product(weight)
        if refused:
            self.reads_dtype(ref, "multiply", joint=True, refused=refused)
        return found

    def reads_dtype(
        self, ref: Ref, function: str, *, joint: bool, refused: list[str] | None = None
    ) -> None:
        """Notes that a function of NumPy computes in the dtype of what it reads, where
        these are columns of the caller's; `refused`: where these are known beforehand."""
        through = ["select", "check_finite", "concat", "binarize"]
        through += [] if refused is None else ["ufunc"]
        given = self._handed_on(ref.node, through, SAME_FUNCTIONS)
        if given:
            self.function_columns.append(
                {
                    "function": function,
                    **self._places_of(given),
                    "joint": joint,
                    **({} if refused is None else {"refused": refused}),
                }
            )

    def _places_of(self, inputs: Iterable[int]) -> dict[str, Any]:
        """The names or positions of the columns that are inputs, for the metadata; neither:
        all."""
        names: list[str] = []
        positions: list[int] = []
        for number in inputs:
            attributes = self.builder.nodes[number].attributes
            if attributes["kind"] == "matrix":
                return {"names": None, "positions": None}
            name, position = attributes.get("name"), attributes.get("position")
            names += [str(name)] if name else []
            positions += [] if name else [int(cast(int, position))]
        return {"names": names or None, "positions": positions or None}

    def imputes(self, ref: Ref, fill: str | None, output: str) -> None:
        """Notes what an imputer that keeps dtypes refuses by these, where it reads columns of
        the caller's alone; `fill`: the dtype of what one of constants fills with; `output`:
        what `set_output` asked for."""
        given = self._integers_of(ref.node)
        for node in given or () if output == "polars" else ():
            self.say_first(node, "no_objects")
        if given:
            self.imputed_columns.append({**self._places_of(sorted(given)), "fill": fill})

    # ---- what is passed through ---------------------------------------------

    def passes(
        self, block: str, part: Ref, value: Value, *, is_sparse: bool, weighted: bool
    ) -> None:
        """Notes that `part` is columns of the caller's, in whatever dtype they come."""
        if isinstance(value, Source):
            self.passed[part.node] = Passed(block, value.columns, is_sparse, weighted)
            if weighted or not is_sparse:  # SciPy's blocks are made numbers by NumPy
                self.passes_dtypes(value.columns, weighted=weighted)

    def passes_dtypes(self, columns: Columns | None, *, weighted: bool) -> None:
        """Notes columns of the caller's (None: all) that reach another step in the dtype
        that their table makes of them."""
        block = {
            "names": list(columns.names) if columns and columns.names else None,
            "positions": list(columns.positions) if columns else None,
            "weighted": weighted,
        }
        if block not in self.passed_dtypes:
            self.passed_dtypes.append(block)

    # ---- sources ----------------------------------------------------------

    def text(self, source: Value, spec: Mapping[str, Any]) -> int:
        """The node of a text input; `spec` says how bytes are decoded."""
        if isinstance(source, Table) and source.is_scalar and source.read(0) is None:
            return self._emit("require_text", source.nodes, {})
        if not isinstance(source, Source):
            raise Refused("its input is computed, not text of the caller's")
        columns = source.columns
        if columns is not None and not columns.is_scalar:
            raise Refused(
                "its columns are given as a list, so it would iterate over column names; "
                "give the column as a plain name or position"
            )
        name = columns.names[0] if columns and columns.names else ""
        position = columns.positions[0] if columns else -1
        attributes: dict[str, Attribute | None] = {
            "kind": "text",
            "name": name,
            "position": position,
        }
        for node, known in self.text_inputs.items():
            same = all(known.get(key) == spec[key] for key in ("encoding", "errors"))
            if same and self.builder.nodes[node].attributes == attributes:
                return node
        # Not shared by the builder: two encodings of one column are two inputs.
        node = len(self.builder.nodes)
        self.builder.nodes.append(_input_node(attributes))
        self.text_inputs[node] = dict(spec)
        return node

    def columns_of(self, value: Value, est: Any) -> Source | Categories:
        """What single columns of an estimator's input are picked from."""
        if isinstance(value, Categories):
            return value
        if isinstance(value, Ref):
            raise Refused("its input is a computed matrix, which holds no categories")
        if value.columns is not None:
            if value.columns.is_scalar:
                raise Refused("it reads a one-dimensional column")
            if not value.by_column:
                raise Refused("its columns are read as a matrix")
            return value
        names = getattr(est, "feature_names_in_", None)
        positions = range(int(est.n_features_in_))
        source = replace(value, by_column=True, n_total=len(positions))
        return source.pick(positions, None if names is None else [str(n) for n in names], False)

    def category(self, columns: Source | Categories, i: int) -> int:
        """The node of column i, as strings."""
        if isinstance(columns, Table) and columns.read(i) is not None:
            raise Refused("its categories are strings, and its input is numbers")
        if isinstance(columns, Categories):
            return columns.nodes[i]
        assert columns.columns is not None
        return self._emit("input", (), _place(columns.columns, i, "category"))

    def number_category(self, columns: Source | Categories, i: int) -> Ref:
        """Column i as numbers, of which none is written as text."""
        if isinstance(columns, Table) and (ref := columns.read(i)) is not None:
            return ref
        if isinstance(columns, Categories):
            raise Refused("its categories are numbers, and its input is strings")
        assert columns.columns is not None
        attributes = _place(columns.columns, i, "numeric")
        for node, known in self.text_inputs.items():
            if "category" in known.get("first", "").split() and self.builder.nodes[
                node
            ] == _input_node(attributes):
                return Ref(node, 1)
        node = len(self.builder.nodes)
        self.builder.nodes.append(_input_node(attributes))
        self.text_inputs[node] = {"first": "category"}
        return Ref(node, 1)

    def replaced(self, node: int, table: Mapping[Any, float]) -> Ref:
        """What each of a column's values, all strings or all numbers, stands for; NaN for what is
        missing, and for others."""
        keys = list(table)
        attributes: dict[str, Any] = {"unknown": np.array([np.nan])}
        if all(isinstance(key, str) for key in keys):
            attributes["categories"] = keys
        else:
            keys.sort()
            attributes["categories"] = np.array(keys, dtype=np.float64)
        attributes["codes"] = np.array([float(table[key]) for key in keys])
        attributes["sizes"] = np.array([len(keys)], dtype=np.int64)
        return Ref(self._emit("encode", (node,), attributes), 1)

    def read_as_category(self, node: int) -> None:
        """An input, or what imputers hand on of one, in which text and numbers are never equal;
        of parts of one their reader says it (`refuse_text`)."""
        self._tells_none(node)
        for given in self._handed_on(node, _HANDS_ON):
            if given == node or self._is_imputed(node):
                self.say_first(given, "category")

    def _tells_none(self, node: int) -> None:
        """Tells Python steps whose answers come to a node as they are that it compares them."""
        at = self.builder.nodes[node]
        if at.payload is not None:
            at.payload.tells_none = True
        elif at.operator in _HANDS_ON or node in self.whole_imputers:
            for each in at.inputs:
                self._tells_none(each)

    def _is_imputed(self, node: int) -> bool:
        """Whether an imputer that keeps dtypes hands a node what it reads."""
        at = self.builder.nodes[node]
        is_passed = at.operator in _HANDS_ON and any(map(self._is_imputed, at.inputs))
        return node in self.whole_imputers or is_passed

    def _handed_on(
        self, node: int, through: Sequence[str], functions: Sequence[str] = ()
    ) -> list[int]:
        """The inputs whose columns come to a node in the dtypes that the caller gave them:
        through some operators, imputers that keep them, and functions of NumPy's."""
        found, pending = [], [node]
        while pending:
            number = pending.pop()
            at = self.builder.nodes[number]
            if at.operator == "input":
                found.append(number)
            elif (
                at.operator in through
                or number in self.whole_imputers
                or at.attributes.get("function") in functions
            ):
                pending += at.inputs
        return found

    def refuse_text(self, node: int, positions: Sequence[int]) -> None:
        """Has text refused in some columns of a matrix where the caller gives them: it is
        unknown among categories that are numbers, and a number to other readers."""
        for given, columns in self.given(node, positions, (*_PASSES, "impute")):
            self.say_first(given, "no_text=" + ",".join(map(str, columns)))

    def given(
        self, node: int, positions: Sequence[int], through: Sequence[str]
    ) -> Iterator[tuple[int, list[int]]]:
        """The inputs, and the columns of each, that come as some columns of a node, through
        operators that keep columns."""
        at = self.builder.nodes[node]
        if at.operator == "input":
            is_column = at.attributes["kind"] != "matrix"
            yield node, [0] if is_column else list(positions)
        elif at.operator == "select":
            chosen = np.asarray(at.attributes["indices"])
            yield from self.given(at.inputs[0], [int(chosen[i]) for i in positions], through)
        elif at.operator in through:
            yield from self.given(at.inputs[0], positions, through)
        elif at.operator == "concat":
            widths = [self._width_of(part) for part in at.inputs]
            start = 0
            for part, width in zip(at.inputs, widths, strict=True):
                if None in widths:  # all of what is an input, then
                    is_joined = self.builder.nodes[part].operator in ("concat", *through)
                    inside: Sequence[int] = range(width or is_joined)
                else:
                    inside = [i - start for i in positions if start <= i < start + (width or 0)]
                if len(inside):
                    yield from self.given(part, list(inside), through)
                start += width or 0

    def reads_in_single(self, ref: Ref, value: Value) -> None:
        """Notes that integers which reach a model as they are, LightGBM's, are float32 to it;
        see `_dtypes.WideIntegers`."""
        group = None if isinstance(value, Table) else self._integers_of(ref.node)
        self._n_wide += 1
        for node in group or ():
            is_given = isinstance(value, Source) and value.columns is None
            self.say_first(node, f"wide={self._n_wide}{'f' if is_given else ''}")

    def _integers_of(self, node: int) -> set[int] | None:
        """The inputs that a node passes on in their dtype; None: not all that it has is such."""
        at = self.builder.nodes[node]
        if at.operator == "input":
            return {node} if at.attributes["kind"] in ("matrix", "numeric") else None
        if at.operator not in ("select", "check_finite", "impute", "cast", "concat", "ufunc"):
            return None
        if at.operator == "ufunc" and at.attributes["function"] not in WHOLE_FUNCTIONS:
            return None
        if at.operator == "impute" and node not in self.whole_imputers:
            return None
        found = [self._integers_of(each) for each in at.inputs]
        return None if None in found else set().union(*(each for each in found if each))

    def mark_casts(self, nodes: Sequence[int]) -> None:
        """Of the nodes in use: says of an input that LightGBM's models alone read it."""
        for node in nodes:
            if "wide=" in self.text_inputs.get(node, {}).get("first", ""):
                readers = {n for n in nodes if node in self.builder.nodes[n].inputs}
                if readers <= self.light_trees:
                    self.say_first(node, "casts_wide")

    def _width_of(self, node: int) -> int | None:
        """How many columns an input, a choice of columns or several side by side have; None:
        another node."""
        at = self.builder.nodes[node]
        if at.operator == "input":
            return int(cast(int, at.attributes.get("n_features") or 1))
        if at.operator == "select":
            return len(np.asarray(at.attributes["indices"]))
        if at.operator == "concat":
            widths = [self._width_of(part) for part in at.inputs]
            return None if None in widths else sum(width or 0 for width in widths)
        return self._width_of(at.inputs[0]) if at.operator in ("cast", "check_finite") else None

    def compares_objects(self, ref: Ref, number: float) -> None:
        """Notes that objects, the caller's or of a Python step, are compared with a number as
        they come."""
        self._tells_none(ref.node)
        for node, _ in self.given(ref.node, range(ref.n_features), _PASSES):
            self.say_first(node, f"equal={number!r}")

    def refuses_sparse_nan(self, ref: Ref) -> None:
        """Has NaN refused in rows that come as CSR and stay so up to here."""
        if self.gaps(ref) == KEPT:
            through = (*_PASSES, "scale", "binarize", "normalize", "impute")
            for node, _ in self.given(ref.node, range(ref.n_features), through):
                self.say_first(node, "no_sparse_nan")

    def refuses_sparse_columns(self, ref: Ref) -> None:
        """Has columns of a frame that are sparse refused: of several that are, scikit-learn
        makes CSR rows, which are not centered."""
        for node, _ in self.given(ref.node, range(ref.n_features), _PASSES):
            if self.builder.nodes[node].attributes["kind"] == "numeric":
                self.say_first(node, "dense_columns")

    def reads_frames(self, ref: Ref, words: Sequence[str]) -> None:
        """Notes what a model that may be given the caller's columns themselves, in a frame,
        refuses in them."""
        node = ref.node
        while self.builder.nodes[node].operator in (*_PASSES, "impute"):  # its own
            (node,) = self.builder.nodes[node].inputs
        for given, columns in self.given(node, range(ref.n_features), _PASSES):
            is_all = len(set(columns)) == self._width_of(given)
            limit = "" if is_all else "=" + ",".join(map(str, columns))
            for word in words:
                self.say_first(given, word + limit)

    def say_first(self, node: int, word: str) -> None:
        """Adds a word to what an input's adapter is told; see `_columns.adapt_matrix`."""
        spec = self.text_inputs.setdefault(node, {})
        spec["first"] = " ".join({**dict.fromkeys(spec.get("first", "").split()), word: 0})

    def numeric(
        self,
        value: Value,
        n_features: int | None,
        owner: Any = None,
        *,
        allow_nan: bool = False,
        as_float32: bool = False,
        reads: str | None = None,
    ) -> Ref:
        """The matrix that `value` is; with an owner, checked as scikit-learn does.

        `reads`: how float32 of tables without a dtype is read, one of `tables`; None: as
        the owner does, or as it is.
        """
        if isinstance(value, Table):
            value = self._matrix_of(value)
        if isinstance(value, Categories):
            raise Refused("its input is strings")
        if isinstance(value, Source):
            if reads is None:
                reads = SINGLE if owner is None else reading_of(owner, n_features)
            ref = self._matrix_input(value, n_features, reads)
        else:
            ref = value
        if owner is None:
            return ref
        name = type(owner).__name__
        if as_float32:
            return self.check_float32(ref, name, allow_nan)
        return self.check_finite(ref, name, allow_nan)

    def _number_input(self, attributes: dict[str, Attribute | None], reads: str) -> int:
        """The node of an input of numbers: one that others read the same way."""
        known = self._number_inputs.setdefault(tuple(attributes.items()), {})
        if reads == ANY and known:
            return next(iter(known.values()))
        keeps = reads != DOUBLE
        if keeps not in known:
            # Not shared by the builder: two readings of one column are two inputs.
            known[keeps] = len(self.builder.nodes)
            self.builder.nodes.append(_input_node(attributes))
            if keeps:
                self.text_inputs[known[keeps]] = {"first": "single_tables"}
        return known[keeps]

    def _matrix_input(self, source: Source, n_features: int | None, reads: str) -> Ref:
        columns = source.columns
        if columns is None or not source.by_column:
            total = n_features if columns is None else source.n_total
            if total is None:
                raise Refused("the number of columns of its input is unknown")
            node = self._number_input({"kind": "matrix", "n_features": int(total)}, reads)
            whole = Ref(node, int(total))
            return whole if columns is None else self.select(whole, np.array(columns.positions))
        if columns.is_scalar:
            raise Refused("it reads a one-dimensional column of numbers")
        found = []
        for i, position in enumerate(columns.positions):
            name = columns.names[i] if columns.names else ""
            node = self._number_input(_place(columns, i, "numeric"), reads)
            found.append((name or str(position), Ref(node, 1)))
        return self._plain_concat(found, sparse=False)

    def _matrix_of(self, table: Table) -> Ref:
        """A computed frame of numbers as one matrix."""
        if table.is_scalar:
            raise Refused("it reads a one-dimensional column of numbers")
        read = [table.read(i) for i in range(len(table.names))]
        parts = [(n, ref) for n, ref in zip(table.names, read, strict=True) if ref]
        if len(parts) != len(table.names):
            raise Refused("a column of its input is strings")
        return self.columns(parts)

    def columns(self, parts: list[tuple[str, Ref]]) -> Ref:
        """Columns of numbers side by side: one block, or one for each run of those that
        come from the same tables."""
        blocks = by_lookups(self.builder, parts) if self.splits_lookups else [parts]
        if not 1 < len(blocks) <= MOST_RUNS:
            return self._plain_concat(parts, sparse=False)
        named = [(shown_names(block), self._plain_concat(block, sparse=False)) for block in blocks]
        return self.concat(named, sparse=False)

    def _plain_concat(self, parts: list[tuple[str, Ref]], *, sparse: bool) -> Ref:
        """A concatenation that counts as one block."""
        return replace(self.concat(parts, sparse=sparse or None), parts=())

    # ---- estimators -------------------------------------------------------

    def transform(
        self, estimator: Any, value: Value, name: str, *, width: int | None = None
    ) -> Ref:
        """A transformer's output, native where it can be; `width` is how many
        columns it has, where the caller knows."""
        found = self.transform_step(estimator, value, name, width=width, last=True)
        assert isinstance(found, Ref)
        return found

    def transform_step(
        self,
        estimator: Any,
        value: Value,
        name: str,
        *,
        width: int | None = None,
        last: bool = False,
    ) -> Ref | Categories:
        """The same; of what is not the `last` step, strings may come out."""
        if estimator is None or (isinstance(estimator, str) and estimator == "passthrough"):
            return self.numeric(value, None)
        self._check_gaps(estimator, value)
        with self.within(name):
            try:
                _check_width(estimator, value)
                refuse_shared_changes(estimator)
                found = transform_of(estimator)(self, estimator, value)
                if last and isinstance(found, Categories):
                    raise Refused("it gives strings")
                if isinstance(found, Ref) and self._is_rounded(estimator, found, value):
                    raise Refused(COMPARED)
                return found
            except Refused as refused:
                return self.python_transform(estimator, value, str(refused), width)

    def _is_rounded(self, estimator: Any, found: Ref, value: Value) -> bool:
        """Whether a step before one that may jump is the one that makes what is exact inexact;
        texts' counts of words, whose logarithms are few, stay as they are."""
        if not self.is_compared or self.is_exact(found):
            return False
        is_text = type(estimator).__module__.startswith("sklearn.feature_extraction")
        return not is_text and not (isinstance(value, Ref) and not self.is_exact(value))

    def predict(self, estimator: Any, value: Value, *, native: bool = False) -> Model:
        """A model's outputs; `native`: a Python step is refused instead."""
        self._check_gaps(estimator, value)
        try:
            _check_width(estimator, value)
            refuse_shared_changes(estimator)
            model = predict_of(estimator)(self, estimator, value)
        except Refused as refused:
            if native:
                raise Refused(f"{type(estimator).__name__}: {refused}") from refused
            return self.python_model(estimator, value, str(refused))
        if native and model.categories is not None and any(model.categories["categories"]):
            raise Refused(f"{type(estimator).__name__}: it reads the categories of X as a member")
        if model.estimator is None:
            model.estimator = estimator
        if model.model_input is None and isinstance(value, Ref):
            model.model_input = value  # whose members check it each in its own way
        return model

    def shared_input(
        self, value: Value, models: Sequence[Model], names: Sequence[str]
    ) -> Ref | None:
        """The features that the members of a model read: those of all, where members
        compute their own from the caller's X."""
        inputs = {m.model_input: name for m, name in zip(models, names, strict=True)}
        found = [(name, ref) for ref, name in inputs.items() if ref is not None]
        if not found or len(found) < len(inputs):
            return None
        first = found[0][1]
        if len(found) == 1:
            return first
        if isinstance(value, Ref):
            return value
        if all(not ref.parts and ref.n_features == first.n_features for _, ref in found):
            return first  # a matrix, which they check each in its own way
        try:
            return self.concat(found)
        except Refused:
            return None


def _check_width(estimator: Any, value: Value) -> None:
    """Refuses what the original cannot run, as a part that was fitted elsewhere."""
    try:
        known = estimator.n_features_in_
    except Exception:  # not every library's has it
        return
    if not isinstance(value, Ref) or not isinstance(known, (int, np.integer)):
        return
    if known != value.n_features:
        raise Refused(f"it was fitted on {known} features, and its input has {value.n_features}")


def _place(columns: Columns, i: int, kind: str) -> dict[str, Attribute | None]:
    name = columns.names[i] if columns.names else ""
    return {"kind": kind, "name": name, "position": columns.positions[i]}


def _input_node(attributes: dict[str, Attribute | None]) -> Any:
    return Node("input", (), {k: v for k, v in attributes.items() if v is not None})
