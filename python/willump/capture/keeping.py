"""What objects keep of the data that they are given, and what reads it back.

A call that is not followed, `box.put(df["x"].mean())`, may leave the sample's value in the
object, where a later `box.get()` would find it for ever. The sources of both say so: which
attributes take in what hangs on the data, and which are read.
"""

from __future__ import annotations

import ast
import inspect
import io
import types
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from .inner import inner_of
from .lasting import MUTATING
from .source import LIBRARIES, SourceError, definition_of, is_of_library, names_of

#: Methods by which objects take something in, besides those of lists, dicts and sets.
KEEPING = MUTATING | frozenset(
    ["appendleft", "extendleft", "insort", "move_to_end", "popleft", "push", "put", "put_nowait",
     "rotate", "subtract"]
)  # fmt: skip
#: Of these, those that give something back.
_GIVING = frozenset(["pop", "popitem", "popleft", "setdefault"])
#: Where an object itself is read.
_READING = (
    ast.Call,
    ast.Subscript,
    ast.BinOp,
    ast.Compare,
    ast.For,
    ast.comprehension,
    ast.Starred,
)
#: Methods that pass something on: to a log, to a service.
_PASSING = ("send", "write", "flush", "debug", "info", "warn", "error", "exception", "log", "print")
#: What is kept, or read, where no source says which attributes.
ANY = "*"
#: Functions within functions that are looked into.
_DEPTH = 5
#: Objects that keep nothing.
_PLAIN = (type(None), bool, int, float, complex, str, bytes, tuple, frozenset, list, dict, set,
          type, types.ModuleType, types.FunctionType, types.BuiltinFunctionType)  # fmt: skip


def is_keeper(value: Any) -> bool:
    """Whether a value is an object of which this module tells; those of plain containers, of
    tables and arrays are watched elsewhere (`lasting`, `changes`)."""
    if isinstance(value, _PLAIN):
        return False
    package = type(value).__module__.partition(".")[0]
    return package != __package__.partition(".")[0] and package not in LIBRARIES


def is_overlap(kept: set[str], read: set[str]) -> bool:
    return bool(kept & read) or (ANY in kept and bool(read)) or (ANY in read and bool(kept))


def kept_by(
    function: Any, bound: dict[str, Any], data: set[str]
) -> list[tuple[Any, set[str], set[str]]]:
    """The objects among what a function is given that take in something which hangs on its
    data, with the names of their attributes that do, and of those that it reads.

    Parameters
    ----------
    bound : parameter -> value; those that it sees around it count as well
    data : the parameters that hang on the input
    """
    objects = {name: value for name, value in bound.items() if is_keeper(value)}
    objects = {n: v for n, v in seen_by(function).items() if is_keeper(v)} | objects
    if not objects:
        return []
    try:
        found = _Body(function, objects, data)
    except SourceError:
        return [(value, {ANY}, {ANY}) for value in objects.values()]
    return [(v, found.kept.get(n, set()), found.read.get(n, set())) for n, v in objects.items()]


def read_by(function: Any, owner: Any) -> set[str]:
    """The attributes of an object that a method of it reads; ANY without a source."""
    function = getattr(function, "__func__", function)
    if not isinstance(function, types.FunctionType):
        return {ANY}
    try:
        names = list(inspect.signature(function).parameters)
        return _Body(function, {names[0]: owner}, set()).read.get(names[0], set())
    except (SourceError, ValueError, IndexError):
        return {ANY}


def seen_by(function: Any) -> dict[str, Any]:
    """The objects around a function that its code names."""
    own = getattr(function, "__func__", function)
    if not isinstance(own, types.FunctionType):
        return {}
    seen = {**own.__globals__, **names_of(own)}
    return {name: seen[name] for name in _names_in(own.__code__) if name in seen}


def _names_in(code: types.CodeType) -> set[str]:
    inner = [c for c in code.co_consts if isinstance(c, types.CodeType)]
    return {*code.co_names, *code.co_freevars}.union(*map(_names_in, inner))


class _Body:
    """The source of a function, with the parameters that are objects and those that are data."""

    def __init__(
        self,
        function: Any,
        objects: dict[str, Any],
        data: set[str],
        *,
        is_chosen: bool = False,
        depth: int = 0,
    ) -> None:
        """`is_chosen`: whether data decides if it is called, and so all that it sets."""
        if depth > _DEPTH:
            raise SourceError("functions within functions")
        inner = inner_of(function)
        node = definition_of(function) if inner is None else inner.node
        self.function = function
        self.objects = dict(objects)
        #: Other names of the same objects.
        self.aliases = {name: name for name in objects}
        self.data = set(data)
        self.depth = depth
        self.kept: dict[str, set[str]] = {}
        self.read: dict[str, set[str]] = {}
        self.is_chosen = is_chosen  #: a condition on data may have ended it before
        body = [ast.Expr(node.body)] if isinstance(node, ast.Lambda) else node.body
        for _ in range(4):  # what comes later in a loop is seen earlier in the next round
            known = (len(self.data), sum(map(len, self.kept.values())), self.is_chosen)
            self._block(body)
            if known == (len(self.data), sum(map(len, self.kept.values())), self.is_chosen):
                break
        self._reads(node)

    # ---- statements -------------------------------------------------------------

    def _block(self, body: Sequence[ast.AST], is_chosen: bool = False) -> None:
        """`is_chosen`: whether data decides if this runs."""
        for node in body:
            if isinstance(node, ast.stmt):
                self._statement(node, is_chosen or self.is_chosen)
            else:  # a handler of exceptions, a case of `match`
                self._block(getattr(node, "body", ()), is_chosen)

    def _statement(self, node: ast.stmt, is_chosen: bool) -> None:
        for name in ("test", "iter", "subject"):
            asked = getattr(node, name, None)
            if asked is not None and self._is_data(asked):
                is_chosen = True
                ends = (ast.Return, ast.Raise, ast.Break, ast.Continue)
                self.is_chosen |= any(isinstance(n, ends) for n in ast.walk(node))
        for expression in _own_expressions(node):
            for call in _calls(expression):
                self._call(call, is_chosen, isinstance(node, ast.Expr))
            for part in ast.walk(expression):
                if isinstance(part, ast.comprehension) and self._is_data(part.iter):
                    self._taint(part.target)
                elif isinstance(part, ast.NamedExpr):
                    self._set(part.target, part.value, is_chosen)
        if isinstance(node, (ast.Assign, ast.AnnAssign, ast.AugAssign)) and node.value is not None:
            for target in getattr(node, "targets", None) or [node.target]:  # type: ignore[union-attr]
                self._set(target, node.value, is_chosen)
        elif isinstance(node, (ast.For, ast.AsyncFor)):
            self._set(node.target, node.iter, is_chosen)
        elif isinstance(node, ast.With):
            for item in node.items:
                if item.optional_vars is not None:
                    self._set(item.optional_vars, item.context_expr, is_chosen)
        for _, block in ast.iter_fields(node):
            if isinstance(block, list) and not isinstance(node, ast.ClassDef):
                self._block([n for n in block if not isinstance(n, ast.expr)], is_chosen)

    def _set(self, target: ast.expr, value: ast.expr, is_chosen: bool) -> None:
        is_data = is_chosen or self._is_data(value)
        if isinstance(target, (ast.Tuple, ast.List)):
            for each in target.elts:
                self._set(each, value, is_chosen)
        elif isinstance(target, ast.Starred):
            self._set(target.value, value, is_chosen)
        elif isinstance(target, ast.Name):
            if is_data:
                self.data.add(target.id)
            name, path = self._chain(value)
            if name is not None and not path:
                self.aliases[target.id] = name
        else:
            is_keyed = isinstance(target, ast.Subscript) and self._is_data(target.slice)
            if is_data or is_keyed:
                self._keep(target)

    def _taint(self, target: ast.expr) -> None:
        self.data |= {n.id for n in ast.walk(target) if isinstance(n, ast.Name)}

    def _keep(self, node: ast.expr) -> None:
        """What an expression is a part of takes something in."""
        name, path = self._chain(node)
        if name is not None:
            self.kept.setdefault(name, set()).add(path[0] if path else ANY)

    # ---- calls ------------------------------------------------------------------

    def _call(self, call: ast.Call, is_chosen: bool, is_bare: bool) -> None:
        given = [*call.args, *(keyword.value for keyword in call.keywords)]
        is_data = is_chosen or any(map(self._is_data, given))
        if isinstance(call.func, ast.Attribute):
            name, path = self._chain(call.func.value)
            method = call.func.attr
            if name is not None:
                self._method(call, name, path, method, is_chosen, is_data, is_bare)
                return
        callee = self._named(call.func)
        if isinstance(callee, types.FunctionType) and not is_of_library(callee):
            self._enter(callee, call, None, is_chosen)
        elif is_data and is_bare:
            for value in given:
                self._keep(value)

    def _method(
        self,
        call: ast.Call,
        name: str,
        path: list[str],
        method: str,
        is_chosen: bool,
        is_data: bool,
        is_bare: bool,
    ) -> None:
        owner = _reached(self.objects[name], path)
        is_buffer = isinstance(owner, (io.StringIO, io.BytesIO))
        if method.startswith(_PASSING) and not is_buffer:
            return
        function = getattr(type(owner), method, None)
        if isinstance(function, types.FunctionType) and not is_of_library(function):
            assert isinstance(call.func, ast.Attribute)
            self._enter(function, call, call.func.value, is_chosen)
        elif is_data and (method in KEEPING or is_bare or is_buffer):
            self.kept.setdefault(name, set()).add(path[0] if path else ANY)

    def _enter(self, callee: Any, call: ast.Call, owner: ast.expr | None, is_chosen: bool) -> None:
        """Looks into a function that is called; `owner`: of a method."""
        parameters = list(inspect.signature(callee).parameters)
        given = [*([] if owner is None else [owner]), *call.args]
        pairs = dict(zip(parameters, given, strict=False))
        pairs |= {k.arg: k.value for k in call.keywords if k.arg is not None}
        objects: dict[str, Any] = {}
        places: dict[str, tuple[str, list[str]]] = {}  #: parameter -> what it is here
        for parameter, value in pairs.items():
            name, path = self._chain(value)
            reached = None if name is None else _reached(self.objects[name], path)
            if name is not None and reached is not None:
                objects[parameter], places[parameter] = reached, (name, path)
        data = {parameter for parameter, value in pairs.items() if self._is_data(value)}
        try:
            inner = _Body(callee, objects, data, is_chosen=is_chosen, depth=self.depth + 1)
            found = [(self.kept, inner.kept), (self.read, inner.read)]
        except SourceError:
            every = {parameter: {ANY} for parameter in objects}
            found = [(self.read, every), (self.kept, every if data or is_chosen else {})]
        for ours, theirs in found:
            for parameter, (name, path) in places.items():
                names = theirs.get(parameter)
                if names:
                    ours.setdefault(name, set()).update({path[0]} if path else names)

    # ---- expressions ------------------------------------------------------------

    def _is_data(self, node: ast.AST) -> bool:
        for part in ast.walk(node):
            if isinstance(part, ast.Name) and part.id in self.data:
                return True
            if isinstance(part, ast.Attribute):
                name, path = self._chain(part)
                if name is not None and path and path[0] in self.kept.get(name, ()):
                    return True
        return False

    def _chain(self, node: ast.AST) -> tuple[str | None, list[str]]:
        """The object that an expression is a part of, and the attributes on the way."""
        path: list[str] = []
        while True:
            if isinstance(node, ast.Name):
                name = self.aliases.get(node.id)
                return name, path[::-1]
            if isinstance(node, ast.Attribute):
                path.append(node.attr)
                node = node.value
            elif isinstance(node, (ast.Subscript, ast.Starred)):
                node = node.value
            else:
                return None, []

    def _named(self, node: ast.expr) -> Any:
        if not isinstance(node, ast.Name):
            return None
        return {**self.function.__globals__, **names_of(self.function)}.get(node.id)

    def _reads(self, definition: ast.AST) -> None:
        """The attributes that are read, but for items that data picks, as of a cache."""
        parents = {c: node for node in ast.walk(definition) for c in ast.iter_child_nodes(node)}
        for node in ast.walk(definition):
            if not isinstance(node, ast.Name) or node.id not in self.aliases:
                continue
            name, parent = self.aliases[node.id], parents[node]
            found = None
            if isinstance(parent, ast.Attribute):
                found = self._attribute_read(self.objects[name], parent, parents)
            elif isinstance(parent, _READING) and not self._is_entered(parent):
                found = ANY
            if found is not None:
                self.read.setdefault(name, set()).add(found)

    def _attribute_read(
        self, owner: Any, node: ast.Attribute, parents: dict[ast.AST, ast.AST]
    ) -> str | None:
        found = inspect.getattr_static(type(owner), node.attr, None)
        call = parents.get(node)
        if isinstance(found, types.FunctionType) and isinstance(call, ast.Call):
            return None if call.func is node else ANY  # what it reads is seen where it is called
        if callable(found) or isinstance(found, property):
            is_taking = node.attr in KEEPING and node.attr not in _GIVING
            return None if is_taking else ANY
        if not isinstance(node.ctx, ast.Load) or self._is_picked(node, parents):
            return None
        return node.attr

    def _is_entered(self, node: ast.AST) -> bool:
        return isinstance(node, ast.Call) and isinstance(self._named(node.func), types.FunctionType)

    def _is_picked(self, node: ast.AST, parents: dict[ast.AST, ast.AST]) -> bool:
        parent = parents.get(node)
        if isinstance(parent, ast.Subscript):
            return self._is_data(parent.slice) or not isinstance(parent.ctx, ast.Load)
        if isinstance(parent, ast.Compare):
            is_in = all(isinstance(op, (ast.In, ast.NotIn)) for op in parent.ops)
            return is_in and parent.left is not node and self._is_data(parent.left)
        if not isinstance(parent, ast.Attribute):
            return False
        call = parents.get(parent)
        if not isinstance(call, ast.Call) or call.func is not parent:
            return False
        if parent.attr in ("get", "setdefault", "pop"):
            return bool(call.args) and self._is_data(call.args[0])
        return parent.attr in KEEPING and parent.attr not in _GIVING


def _own_expressions(node: ast.stmt) -> Iterator[ast.expr]:
    """The expressions of a statement that are not in the statements within it."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.expr):
            yield child
        elif isinstance(child, ast.withitem):
            yield child.context_expr


def _calls(node: ast.expr) -> list[ast.Call]:
    return [part for part in ast.walk(node) if isinstance(part, ast.Call)]


def _reached(value: Any, path: list[str]) -> Any:
    """What attributes lead to now; None where there is none, or it would have to be computed."""
    for name in path:
        try:
            found = inspect.getattr_static(value, name)
        except AttributeError:
            return None
        if isinstance(found, (property, types.FunctionType)) or hasattr(type(found), "__set__"):
            return None
        value = found
    return value


def read_with(owner: Any, name: str) -> set[str]:
    """What a look at an attribute reads: it alone, or what its property does."""
    found: Callable[..., Any] | None = getattr(
        inspect.getattr_static(type(owner), name, None), "fget", None
    )
    return {name} if found is None else read_by(found, owner)


def is_changed_by(owner: Any, name: str) -> bool:
    """Whether a method may change its object, whatever it is given."""
    if name in KEEPING:
        return True
    method = getattr(type(owner), name, None)
    if not isinstance(method, types.FunctionType) or is_of_library(method):
        return False
    parameters = list(inspect.signature(method).parameters)
    try:
        return bool(_Body(method, {parameters[0]: owner}, set(), is_chosen=True).kept)
    except (SourceError, IndexError):
        return True
