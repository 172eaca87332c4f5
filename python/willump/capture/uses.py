"""What calls do to objects, by the sources of what is called: which attributes of which objects
take something in, and which are read; what the sources do not say for sure counts as both."""

from __future__ import annotations

import ast
import builtins
import inspect
import sysconfig
import types
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .inner import Inner, source_of
from .keeping import ANY, CONTAINERS, PASSING, Uses, is_keeper, kept_within
from .lasting import KEEPING, WRITING
from .source import LIBRARIES, SourceError, seen_by

#: A value that is not known before the call.
_UNKNOWN = object()
#: Where packages are installed.
_INSTALLED = tuple(sysconfig.get_path(kind) for kind in ("purelib", "platlib"))
#: Functions within functions that are looked into.
_DEPTH = 6

#: Methods of containers that give something back as they take it out.
_GIVING = frozenset(["pop", "popitem", "popleft", "setdefault"])
#: How methods begin that take something in, of objects whose source is not looked into.
_TAKING = ("add", "append", "extend", "insert", "keep", "log", "note", "observe", "push", "put",
           "record", "register", "remember", "save", "set", "store", "update", "write")  # fmt: skip
#: Builtins that read what they are given, and those that hand on what is in it.
_READERS = frozenset(
    ["abs", "all", "any", "bool", "bytes", "callable", "chr", "complex", "divmod", "float",
     "format", "frozenset", "hash", "hasattr", "id", "int", "isinstance", "issubclass", "len",
     "max", "min", "ord", "pow", "range", "repr", "round", "slice", "str", "sum"]
)  # fmt: skip
_PASSERS = frozenset(
    ["dict", "enumerate", "filter", "iter", "list", "map", "reversed", "set", "sorted", "tuple",
     "zip"]
)  # fmt: skip


def uses_of(
    function: Any, bound: dict[str, Any], data: set[str], *, is_chosen: bool = False
) -> Uses:
    """What a call of a function does to objects.

    Parameters
    ----------
    bound : parameter -> value
    data : the parameters that hang on the input
    is_chosen : whether all that it sets counts, whatever its value
    """
    uses = Uses()
    own = getattr(function, "__func__", function)
    places = {name: [Place(v, None, v)] for name, v in bound.items() if is_keeper(v)}
    rest = [v for name, v in bound.items() if name not in places]
    try:
        _Body(own, places, data, uses, is_chosen=is_chosen).follow()
    except (SourceError, RecursionError):
        rest += [*seen_by(function).values(), *bound.values()]
    for value in rest:
        for hidden in kept_within(value):
            uses.doubt(hidden)
    return uses


def uses_of_callable(value: Any, *, is_chosen: bool = False) -> Uses:
    """What calls with data of a function, method, partial or object do to objects."""
    uses = Uses()
    function, owner = getattr(value, "__func__", value), getattr(value, "__self__", None)
    if not isinstance(function, types.FunctionType):
        for hidden in kept_within(value):
            uses.doubt(hidden)
        return uses
    names = list(inspect.signature(function).parameters)
    bound = {} if owner is None else {names[0]: owner}
    return uses_of(function, bound, set(names) - set(bound), is_chosen=is_chosen)


def read_by(function: Any, owner: Any) -> set[str]:
    """The attributes of an object that a method of it reads; ANY without a source."""
    function = getattr(function, "__func__", function)
    if not isinstance(function, types.FunctionType):
        return {ANY}
    names = list(inspect.signature(function).parameters)
    uses = uses_of(function, {names[0]: owner} if names else {}, set())
    return uses.read.get(id(owner), set())


def read_with(owner: Any, name: str) -> set[str]:
    """What a look at an attribute reads: it alone, or what its property does."""
    found = inspect.getattr_static(type(owner), name, None)
    getter = getattr(found, "fget", None)
    if getter is not None:
        return read_by(getter, owner)
    is_plain = found is None or not hasattr(type(found), "__get__") or callable(found)
    is_own = "__getattr__" not in _names_of(type(owner))
    return {name} if is_plain and is_own else {ANY}


def is_changed_by(owner: Any, name: str) -> bool:
    """Whether a method may change its object, whatever it is given."""
    if name in KEEPING:
        return True
    method = getattr(type(owner), name, None)
    if not isinstance(method, types.FunctionType):
        return name.startswith(_TAKING)
    names = list(inspect.signature(method).parameters)
    uses = uses_of(method, {names[0]: owner} if names else {}, set(names), is_chosen=True)
    return bool(uses.kept.get(id(owner)))


def is_taken_by(owner: Any, name: str, *, is_used: bool) -> bool:
    """Whether a method whose source is not looked into takes in what it is given: of an object
    of a library, one whose answer is used asks for something."""
    return not is_used or name in KEEPING or name.startswith(_TAKING)


def _names_of(kind: type) -> set[str]:
    return set().union(*(vars(base) for base in kind.__mro__[:-1]))


def _is_entered(function: Any) -> bool:
    """Whether the source of a function is looked into: not those of libraries."""
    if not isinstance(function, types.FunctionType):
        return False
    package = (function.__module__ or "").partition(".")[0]
    is_installed = function.__code__.co_filename.startswith(_INSTALLED)
    return package not in LIBRARIES and not is_installed


@dataclass(frozen=True)
class Place:
    """Where a value lies: an object itself (`name` None), or what one of its attributes has."""

    owner: Any
    name: str | None
    value: Any

    def is_same(self, other: Place) -> bool:
        return self.owner is other.owner and self.name == other.name


class _Body:
    """A call of a function, as its source tells of it."""

    def __init__(
        self,
        function: Any,
        places: dict[str, list[Place]],
        data: set[str],
        uses: Uses,
        *,
        is_chosen: bool = False,
        outer: _Body | None = None,
    ) -> None:
        self.function = function
        self.definition = source_of(function)
        self.uses = uses
        self.data = set(data)
        self.is_chosen = is_chosen  #: whether data decides what runs
        self.outer = outer
        self.depth: int = 0 if outer is None else outer.depth + 1
        self.returned: list[Place] = []
        self.seen = seen_by(function)
        for value in (*self.seen.values(), *(p.owner for f in places.values() for p in f)):
            uses.note(value)
        self.places = {name: list(found) for name, found in places.items()}
        self.local = {
            n.id
            for n in ast.walk(self.definition)
            if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
        }
        arguments = self.definition.args
        self.parameters = [
            a.arg for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)
        ]
        self.local |= {
            *self.parameters,
            *(a.arg for a in (arguments.vararg, arguments.kwarg) if a is not None),
        }
        if self.depth > _DEPTH or self._is_within(outer):
            raise SourceError(f"{function.__qualname__} calls itself, or too deep")

    def _is_within(self, around: _Body | None) -> bool:
        """Whether the same function is at work already."""
        while around is not None and around.function.__code__ is not self.function.__code__:
            around = around.outer
        return around is not None

    def follow(self) -> list[Place]:
        """Notes what the call does; where its answer lies."""
        if isinstance(self.definition, ast.Lambda):
            found = self.visit(self.definition.body)
            return [] if found is None else [found]
        for _ in range(3):  # what comes later in a loop is seen earlier in the next round
            before = (len(self.data), sum(map(len, self.places.values())), self.is_chosen)
            kept = self.uses.n_kept
            self.block(self.definition.body)
            now = (len(self.data), sum(map(len, self.places.values())), self.is_chosen)
            if now == before and kept == self.uses.n_kept:
                break
        return self.returned

    # ---- statements -------------------------------------------------------------

    def block(self, body: Sequence[ast.AST]) -> None:
        for node in body:
            if isinstance(node, ast.stmt):
                self.statement(node)
            elif not isinstance(node, ast.expr):  # a handler of exceptions, a case of `match`
                self.block(getattr(node, "body", ()))

    def statement(self, node: ast.stmt) -> None:
        was_chosen = self.is_chosen
        ends = (ast.Return, ast.Raise, ast.Break, ast.Continue)
        for name in ("test", "iter", "subject"):
            asked = getattr(node, name, None)
            if asked is not None and self.is_data(asked):
                self.is_chosen = True
                was_chosen |= any(isinstance(n, ends) for n in ast.walk(node))
        if isinstance(node, ast.Assign):
            self.assign(node.targets, node.value)
        elif isinstance(node, ast.AnnAssign):
            if node.value is not None:
                self.assign([node.target], node.value)
        elif isinstance(node, ast.AugAssign):
            is_data = self.is_data(node.value)
            self.escape(self.visit(node.value))
            self.store(node.target, None, is_data)
        elif isinstance(node, (ast.For, ast.AsyncFor)):
            self.store(node.target, _part(self.visit(node.iter)), self.is_data(node.iter))
        elif isinstance(node, (ast.With, ast.AsyncWith)):
            for item in node.items:
                found = self.visit(item.context_expr)
                if item.optional_vars is not None:
                    self.store(item.optional_vars, found, self.is_data(item.context_expr))
        elif isinstance(node, ast.Return):
            found = None if node.value is None else self.visit(node.value)
            if found is not None and not any(found.is_same(p) for p in self.returned):
                self.returned.append(found)
        elif isinstance(node, ast.Expr):
            self.visit(node.value, is_used=False)
        elif isinstance(node, ast.Delete):
            for target in node.targets:
                self.store(target, None, self.is_chosen)
        elif not isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)):
            for child in ast.iter_child_nodes(node):
                if isinstance(child, ast.expr):
                    self.escape(self.visit(child))
        if isinstance(node, ast.ClassDef):
            raise SourceError("a class within a function")
        is_function = isinstance(node, ast.FunctionDef)
        self.is_chosen |= is_function  # it is called who knows when
        for _, block in ast.iter_fields(node):
            if isinstance(block, list) and block and not isinstance(block[0], ast.expr):
                self.block(block)
        self.is_chosen = was_chosen

    def assign(self, targets: list[ast.expr], value: ast.expr) -> None:
        for target in targets:
            pairs = [(target, value)]
            if isinstance(target, (ast.Tuple, ast.List)) and isinstance(
                value, (ast.Tuple, ast.List)
            ):
                is_plain = not any(isinstance(e, ast.Starred) for e in (*target.elts, *value.elts))
                if is_plain and len(target.elts) == len(value.elts):
                    pairs = list(zip(target.elts, value.elts, strict=True))
            for to, of in pairs:
                self.store(to, self.visit(of), self.is_data(of))

    def store(self, target: ast.expr, place: Place | None, is_data: bool) -> None:
        """What an assignment does."""
        is_data |= self.is_chosen
        if isinstance(target, (ast.Tuple, ast.List)):
            for each in target.elts:
                self.store(each, _part(place), is_data)
        elif isinstance(target, ast.Starred):
            self.store(target.value, place, is_data)
        elif isinstance(target, ast.Name):
            if is_data:
                self.data.add(target.id)
            known = self.places.setdefault(target.id, [])
            if place is not None and not any(place.is_same(p) for p in known):
                known.append(place)
        elif isinstance(target, ast.Attribute):
            self.escape(place)
            owner = self.visit(target.value)
            if owner is not None and is_data:
                is_object = is_keeper(owner.value) and "__setattr__" not in _names_of(
                    type(owner.value)
                )
                if is_object and target.attr != "__dict__":
                    self.uses.keep(owner.value, target.attr)
                else:
                    self.doubt(owner)
        elif isinstance(target, ast.Subscript):
            self.escape(place)
            owner = self.visit(target.value, is_read=False)
            self.escape(self.visit(target.slice))
            if owner is not None and (owner.name is None or is_keeper(owner.value)):
                self.doubt(owner)
            elif owner is not None and (is_data or self.is_data(target.slice)):
                self.uses.keep(owner.owner, owner.name or ANY)

    # ---- expressions ------------------------------------------------------------

    def visit(self, node: ast.AST, *, is_read: bool = True, is_used: bool = True) -> Place | None:
        """Where the value of an expression lies; None of what is no part of an object."""
        if isinstance(node, ast.Name):
            return self.named(node.id)
        if isinstance(node, ast.Attribute):
            return self.attribute(node, is_read)
        if isinstance(node, ast.Subscript):
            owner = self.visit(node.value, is_read=is_read and not self.is_data(node.slice))
            self.escape(self.visit(node.slice))
            if owner is not None and (owner.name is None or is_keeper(owner.value)):
                self.doubt(owner)
            key = node.slice.value if isinstance(node.slice, ast.Constant) else _UNKNOWN
            return _part(owner, key)
        if isinstance(node, ast.Call):
            return self.call(node, is_read, is_used)
        if isinstance(node, (ast.Starred, ast.NamedExpr)):
            found = self.visit(node.value, is_read=is_read)
            if isinstance(node, ast.NamedExpr):
                self.store(node.target, found, self.is_data(node.value))
            return found
        if isinstance(node, (ast.IfExp, ast.BoolOp)):
            parts = node.values if isinstance(node, ast.BoolOp) else [node.body, node.orelse]
            if isinstance(node, ast.IfExp):
                self.visit(node.test)
            return self.one_of([p for p in map(self.visit, parts) if p is not None])
        if isinstance(node, ast.Compare):
            self.compare(node)
            return None
        if isinstance(node, (ast.BinOp, ast.UnaryOp, ast.FormattedValue, ast.JoinedStr)):
            for child in ast.iter_child_nodes(node):
                if isinstance(child, ast.expr):
                    self.operand(self.visit(child))
            return None
        if isinstance(node, (ast.Yield, ast.YieldFrom, ast.Await)):
            raise SourceError("a generator")
        if isinstance(node, (ast.ListComp, ast.SetComp, ast.GeneratorExp, ast.DictComp)):
            for generator in node.generators:
                found = _part(self.visit(generator.iter))
                self.store(generator.target, found, self.is_data(generator.iter))
                for test in generator.ifs:
                    self.visit(test)
            given = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
            return self.one_of([p for p in map(self.visit, given) if p is not None])
        if isinstance(node, ast.Lambda):
            was_chosen, self.is_chosen = self.is_chosen, True
            self.escape(self.visit(node.body))
            self.is_chosen = was_chosen
            return None
        for child in ast.iter_child_nodes(node):  # displays, slices
            if isinstance(child, (ast.expr, ast.keyword)):
                self.escape(self.visit(child))
        return None

    def named(self, name: str) -> Place | None:
        if name in self.local:
            return self.one_of(self.places.get(name, []))
        value = self.seen.get(name)
        return Place(value, None, value) if is_keeper(value) else None

    def one_of(self, places: list[Place]) -> Place | None:
        if not places:
            return None
        if not all(place.is_same(places[0]) for place in places):
            for place in places:
                self.escape(place)
        return places[0]

    def attribute(self, node: ast.Attribute, is_read: bool) -> Place | None:
        of = self.visit(node.value, is_read=is_read)
        if of is None:
            return None
        if not is_keeper(of.value):
            return Place(of.owner, of.name, _UNKNOWN)
        owner, name = of.value, node.attr
        found = inspect.getattr_static(type(owner), name, None)
        if isinstance(found, types.FunctionType):  # a method that is handed on
            self.enter(found, [of], None, is_chosen=True)
            return None
        getter = getattr(found, "fget", None)
        if isinstance(getter, types.FunctionType):
            return self.enter(getter, [of], None, is_chosen=self.is_chosen)
        if "__getattr__" in _names_of(type(owner)) or name == "__dict__":
            self.doubt(of)
        if is_read:
            self.uses.see(owner, name)
        value = inspect.getattr_static(owner, name, _UNKNOWN)
        is_slot = isinstance(value, types.MemberDescriptorType)
        is_computed = hasattr(type(value), "__get__") and not isinstance(value, types.FunctionType)
        if is_slot:
            value = getattr(owner, name, _UNKNOWN)
        elif is_computed:
            value = _UNKNOWN
        return Place(owner, name, value)

    def compare(self, node: ast.Compare) -> None:
        is_keyed = all(isinstance(op, (ast.In, ast.NotIn)) for op in node.ops) and self.is_data(
            node.left
        )
        is_identity = all(isinstance(op, (ast.Is, ast.IsNot)) for op in node.ops)
        places = [self.visit(node.left)]
        places += [self.visit(each, is_read=not is_keyed) for each in node.comparators]
        for place in () if is_identity else places:
            self.operand(place)

    def operand(self, place: Place | None) -> None:
        """An operator of an object is a method of it."""
        if place is not None and (place.name is None or is_keeper(place.value)):
            self.doubt(place)

    def escape(self, place: Place | None) -> None:
        """What is handed on to where no source tells."""
        if place is None:
            return
        if _is_open(place.value):
            self.doubt(place)

    def doubt(self, place: Place) -> None:
        if place.name is None:
            self.uses.doubt(place.owner)
            return
        self.uses.keep(place.owner, place.name)
        self.uses.see(place.owner, place.name)
        for inner in kept_within(place.value):
            self.uses.doubt(inner)

    def is_data(self, node: ast.AST) -> bool:
        kept = set().union(*self.uses.kept.values()) if self.uses.kept else set()
        return any(
            (isinstance(part, ast.Name) and part.id in self.data)
            or (isinstance(part, ast.Attribute) and part.attr in kept)
            for part in ast.walk(node)
        )

    # ---- calls ------------------------------------------------------------------

    def call(self, node: ast.Call, is_read: bool, is_used: bool) -> Place | None:
        given = [self.visit(argument) for argument in node.args]
        given += [self.visit(keyword.value) for keyword in node.keywords]
        values = [*node.args, *(keyword.value for keyword in node.keywords)]
        is_data = self.is_chosen or any(map(self.is_data, values))
        if isinstance(node.func, ast.Attribute):
            method = node.func.attr
            is_keyed = method in ("get", "setdefault", "pop") and bool(node.args)
            is_keyed = is_keyed and self.is_data(node.args[0])
            is_put = method in KEEPING and method not in _GIVING
            owner = self.owner_of(node.func.value, is_read and not is_keyed and not is_put)
            if owner is not None:
                return self.method(node, owner, given, is_data, is_used)
            return self.called(node, self.reached(node.func), given)
        if isinstance(node.func, ast.Name):
            name = node.func.id
            if hasattr(builtins, name) and name not in self.local and name not in self.seen:
                return self.builtin(node, name, given, is_data)
            if name in self.local:  # whatever it is
                self.doubt_all()
            return self.called(node, self.reached(node.func), given)
        self.escape(self.visit(node.func))
        self.doubt_all()
        return self.called(node, None, given)

    def owner_of(self, node: ast.expr, is_read: bool) -> Place | None:
        """The object whose method is called."""
        is_super = isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        if is_super and node.func.id == "super":  # type: ignore[attr-defined]
            self.doubt_all()
            return None
        return self.visit(node, is_read=is_read)

    def doubt_all(self) -> None:
        for places in self.places.values():
            for place in places:
                self.doubt(place)

    def method(
        self,
        node: ast.Call,
        owner: Place,
        given: list[Place | None],
        is_data: bool,
        is_used: bool,
    ) -> Place | None:
        assert isinstance(node.func, ast.Attribute)
        name, value = node.func.attr, owner.value
        if is_keeper(value):
            found = inspect.getattr_static(type(value), name, None)
            if isinstance(found, staticmethod):
                return self.called(node, found.__func__, given)
            if isinstance(found, types.FunctionType) and _is_entered(found):
                return self.enter(found, [owner, *given], node, is_chosen=self.is_chosen)
            held = inspect.getattr_static(value, name, None) if found is None else None
            if held is not None:  # a function that an attribute has
                self.uses.see(value, name)
                return self.called(node, held, given)
            self.uses.see(value, ANY)
            if is_data and is_taken_by(value, name, is_used=is_used):
                self.uses.keep(value, ANY)
        elif type(value) in CONTAINERS or value is _UNKNOWN:
            is_taken = name in KEEPING or (
                value is _UNKNOWN and is_taken_by(value, name, is_used=is_used)
            )
            if is_taken and is_data:
                self.uses.keep(owner.owner, owner.name or ANY)
        elif isinstance(value, PASSING):
            return None
        elif name in WRITING or name.startswith(("fit", "partial_fit")):
            self.uses.keep(owner.owner, owner.name or ANY)
        for place in given:
            self.escape(place)
        return _part(owner)

    def builtin(
        self, node: ast.Call, name: str, given: list[Place | None], is_data: bool
    ) -> Place | None:
        places = [place for place in given if place is not None]
        constant = node.args[1] if len(node.args) > 1 else None
        told = constant.value if isinstance(constant, ast.Constant) else None
        if name == "getattr" and given[0] is not None and isinstance(told, str):
            found = ast.Attribute(node.args[0], told, ast.Load())
            return self.attribute(found, is_read=True)
        if name in _READERS:
            for place in places:
                self.operand(place)
            return None
        if name in _PASSERS and not any(p.name is None for p in places):
            return _part(self.one_of(places))
        for place in places:
            self.doubt(place)
        return None

    def called(self, node: ast.Call, callee: Any, given: list[Place | None]) -> Place | None:
        """A call of what is no method of an object."""
        if isinstance(callee, types.MethodType) and is_keeper(callee.__self__):
            own = Place(callee.__self__, None, callee.__self__)
            return self.enter(callee.__func__, [own, *given], node, is_chosen=self.is_chosen)
        if isinstance(callee, type) and _is_entered(getattr(callee, "__init__", None)):
            self.enter(callee.__init__, [None, *given], node, is_chosen=self.is_chosen)  # type: ignore[misc]
            return None
        if _is_entered(callee):
            return self.enter(callee, given, node, is_chosen=self.is_chosen)
        of_library = (getattr(callee, "__module__", None) or "").partition(".")[0] in LIBRARIES
        is_writing = any(keyword.arg in ("out", "file") for keyword in node.keywords)
        for place in given:
            is_fixed = place is not None and not is_keeper(place.value) and place.name is not None
            if not (of_library and is_fixed and not is_writing):
                self.escape(place)
        for hidden in kept_within(callee) if callee is not None else ():
            self.uses.doubt(hidden)
        return None

    def reached(self, node: ast.expr) -> Any:
        """The function that a name, or a module's attribute, stands for; None: not known."""
        if isinstance(node, ast.Name):
            return None if node.id in self.local else self.seen.get(node.id)
        if isinstance(node, ast.Attribute):
            owner = self.reached(node.value)
            return getattr(owner, node.attr, None) if isinstance(owner, types.ModuleType) else None
        return None

    def enter(
        self,
        callee: Any,
        given: Sequence[Place | None],
        node: ast.Call | None,
        *,
        is_chosen: bool,
    ) -> Place | None:
        """Looks into a function that is called; `node` None: with whatever data."""
        names = list(inspect.signature(callee, follow_wrapped=False).parameters.values())
        plain = [p for p in names if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
        values: list[ast.expr] = [] if node is None else list(node.args)
        n_before = len(given) - len(values) - (0 if node is None else len(node.keywords))
        keywords = {} if node is None else {k.arg: k.value for k in node.keywords}
        places: dict[str, list[Place]] = {}
        data: set[str] = set()
        rest: list[Place | None] = []
        is_spread = any(isinstance(v, ast.Starred) for v in values) or None in keywords
        for i, place in enumerate(given):
            at = i - n_before
            if at >= len(values):
                name = list(keywords)[at - len(values)]
                is_known = any(p.name == name and p.kind != p.VAR_KEYWORD for p in names)
            else:
                is_known = i < len(plain) and not (is_spread and at >= 0)
                name = plain[i].name if is_known else None
            if place is not None and is_known and name is not None:
                places[name] = [place]
            else:
                rest.append(place)
            value = None if at < 0 else [*values, *keywords.values()][at]
            if value is not None and name is not None and self.is_data(value):
                data.add(name)
        if node is None or is_spread:
            data |= {p.name for p in names} - set(places)
        data |= {p.name for p in names if p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD)}
        for place in rest:
            self.escape(place)
        given_places = {(n, id(p.owner), p.name, id(p.value)) for n, (p,) in places.items()}
        key = (callee, is_chosen, frozenset(data), frozenset(given_places))
        n_kept, known = self.uses.entered.get(key, (-1, None))
        found: Place | None = known
        if n_kept == self.uses.n_kept:  # a call as one before, which found all of this
            return found
        try:
            inner = _Body(callee, places, data, self.uses, is_chosen=is_chosen, outer=self)
            found = self.one_of(inner.follow())
        except SourceError:
            for (place,) in places.values():
                self.doubt(place)
            found = None
        self.uses.entered[key] = (self.uses.n_kept, found)
        return found


def _part(place: Place | None, key: Any = _UNKNOWN) -> Place | None:
    """What lies within what is there; None of what cannot change."""
    if place is None:
        return None
    value = place.value
    parts: list[Any] = [_UNKNOWN]
    if type(value) is dict:
        parts = [value[key]] if key in value else list(value.values())
    elif type(value) in (list, tuple):
        is_index = type(key) is int and -len(value) <= key < len(value)
        parts = [value[key]] if is_index else list(value)
    elif type(value) is set or isinstance(value, str):
        return None
    if len(parts) == 1:
        value = parts[0]
    elif parts and not any(map(_is_open, parts)):
        return None
    else:
        value = _UNKNOWN
    return Place(place.owner, ANY if place.name is None else place.name, value)


def _is_open(value: Any) -> bool:
    """Whether a value, or something in it, may change."""
    if isinstance(value, tuple):
        return any(map(_is_open, value))
    if isinstance(value, Inner):
        return True
    return value is _UNKNOWN or type(value) in CONTAINERS or any(True for _ in kept_within(value))
