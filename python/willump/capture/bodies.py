"""What a call does to what may keep things, read off its source and those of what it calls; what
these do not say for sure counts as kept and read."""

from __future__ import annotations

import ast
import builtins
import collections
import importlib
import inspect
import sys
import types
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from .body_calls import Calls, method_call
from .callables import is_called, is_entered, names_of, unwrapped
from .inner import inner_of, source_of
from .keeping import (
    ANY,
    Uses,
    attributes_of,
    held_by,
    holds_numbers,
    is_keeper,
    is_object,
    is_users,
    owner_of,
    package_of,
)
from .places import UNKNOWN, Given, Made, Place, Within, derived, part_of
from .source import SourceError, definition_of, seen_by

#: Functions within functions that are looked into.
_DEPTH = 8
#: What ends a block.
_ENDS = (ast.Return, ast.Raise, ast.Break, ast.Continue)


class Body(Calls):
    """A call of a function, as its source tells of it."""

    def __init__(
        self,
        function: Any,
        places: dict[str, list[Place]],
        data: set[str],
        uses: Uses,
        *,
        is_chosen: bool = False,
        outer: Body | None = None,
    ) -> None:
        self.function = function
        is_generator = inspect.isgeneratorfunction(function) and inner_of(function) is None
        self.definition = (
            definition_of(function, is_generator=True) if is_generator else source_of(function)
        )
        self.uses = uses
        self.data = set(data)
        self.is_chosen = is_chosen or is_generator  #: whether data decides what runs
        self.outer = outer
        self.depth: int = 0 if outer is None else outer.depth + 1
        known = None if outer is None else outer.root
        self.root: Any = function.__code__ if known is None else known
        self.returned: list[Place] = []
        self.seen = seen_by(function)
        for value in (*self.seen.values(), *(p.owner for f in places.values() for p in f)):
            uses.note(value)
        self.places = {name: list(found) for name, found in places.items()}
        nodes = list(ast.walk(self.definition))
        #: Names of the module, and of functions around, that it sets.
        self.of_module = {n for s in nodes if isinstance(s, ast.Global) for n in s.names}
        self.of_outer = {n for s in nodes if isinstance(s, ast.Nonlocal) for n in s.names}
        arguments = self.definition.args
        self.parameters = [
            a.arg for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)
        ]
        stored = {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        inner = [n for n in nodes if n is not self.definition]
        stored |= {n.name for n in inner if isinstance(n, (ast.FunctionDef, ast.ClassDef))}
        stored |= {name for n in nodes if isinstance(n, ast.Match) for name in _captured(n)}
        stored |= {n.name for n in nodes if isinstance(n, ast.ExceptHandler) and n.name}
        own = [a.arg for a in (arguments.vararg, arguments.kwarg) if a is not None]
        self.local = ({*stored, *self.parameters, *own} - self.of_module) - self.of_outer
        cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
        self.cells: dict[str, Any] = dict(cells)
        self.inner: set[str] = set()  #: functions within it
        self.asked: list[ast.AST] = []  #: conditions, and what was tried, of what runs now
        self.gets: dict[str, ast.AST] = {}  #: names, and the expressions that they were given
        self.is_sure = True  #: whether the statement at work is run, and once
        where = function.__qualname__.split(".")[:-1]
        #: The class that it was defined in, by which private names are mangled.
        self.defined_in = where[-1].lstrip("_") if where and where[-1] != "<locals>" else ""
        if self.depth > _DEPTH or self._is_within(outer):
            raise SourceError(f"{function.__qualname__} calls itself, or too deep")

    def _is_within(self, around: Body | None) -> bool:
        """Whether the same function is at work already."""
        while around is not None and around.function.__code__ is not self.function.__code__:
            around = around.outer
        return around is not None

    def follow(self) -> list[Place]:
        """Notes what the call does; where its answer lies."""
        if isinstance(self.definition, ast.Lambda):
            found = self.visit(self.definition.body)
            return [] if found is None else [found]
        given = {name: list(places) for name, places in self.places.items()}
        for _ in range(3):  # what comes later in a loop is seen earlier in the next round
            self.places.update({name: list(places) for name, places in given.items()})
            before = self._state()
            self.block(self.definition.body)
            if self._state() == before:
                break
        return self.returned

    def _state(self) -> tuple[int, ...]:
        n_places = sum(map(len, self.places.values()))
        return len(self.data), n_places, self.uses.n_kept, len(self.inner), len(self.returned)

    # ---- statements -------------------------------------------------------------

    def block(self, body: Sequence[ast.AST]) -> None:
        for node in body if not self.uses.is_unknown else ():
            if isinstance(node, ast.stmt):
                self.statement(node)
            elif not isinstance(node, ast.expr):  # a handler of exceptions, a case of `match`
                self.block(getattr(node, "body", ()))

    def statement(self, node: ast.stmt) -> None:
        was_chosen, was_sure, n_asked = self.is_chosen, self.is_sure, len(self.asked)
        ends = self._choose(node)
        self._act(node)
        if isinstance(node, ast.Match):
            self._match(node)
        self.is_sure = False
        self._ask(node)
        for _, block in ast.iter_fields(node):
            if isinstance(block, list) and block and not isinstance(block[0], ast.expr):
                self.block(block)
        self.is_chosen, self.is_sure = was_chosen or ends, was_sure
        del self.asked[n_asked:]

    def _choose(self, node: ast.stmt) -> bool:
        """Whether data decides from here on what is run behind the statement; what is within it
        is told by `is_chosen`."""
        asked = [getattr(node, name, None) for name in ("test", "iter", "subject")]
        is_chosen = any(each is not None and self.is_data(each) for each in asked)
        is_chosen |= bool(getattr(node, "handlers", None))  # an error of data ends it wherever
        self.is_chosen |= is_chosen
        is_failing = isinstance(node, ast.Assert) and self.is_data(node.test)
        if is_failing or (isinstance(node, (ast.Raise, ast.Assert)) and self.is_chosen):
            self.uses.may_raise = True
        return is_chosen and any(isinstance(n, _ENDS) for n in ast.walk(node))

    def _act(self, node: ast.stmt) -> None:
        """What a statement does, but for the blocks within it."""
        if isinstance(node, ast.Assign):
            self.assign(node.targets, node.value)
        elif isinstance(node, ast.AnnAssign):
            if node.value is not None:
                self.assign([node.target], node.value)
        elif isinstance(node, ast.AugAssign):
            self.augment(node)
        elif isinstance(node, (ast.For, ast.AsyncFor)):
            self.store(node.target, part_of(self.visit(node.iter)), self.is_data(node.iter))
        elif isinstance(node, (ast.With, ast.AsyncWith)):
            for item in node.items:
                found = self.visit(item.context_expr)
                self.manage(found)
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
        elif isinstance(node, ast.ClassDef):
            raise SourceError("a class within a function")
        elif isinstance(node, ast.FunctionDef):
            self.inner.add(node.name)
            self.data.add(node.name)  # what it gives may hang on data
            for default in (*node.args.defaults, *node.args.kw_defaults, *node.decorator_list):
                if default is not None:
                    self.escape(self.visit(default))
            self.is_chosen = True  # it is called who knows when
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            self._import(node)
        else:
            for child in ast.iter_child_nodes(node):
                if isinstance(child, ast.expr):
                    self.read(self.visit(child))

    def _match(self, node: ast.Match) -> None:
        """What the patterns of a `match` bind."""
        place = derived([self.visit(node.subject)])
        if place is not None and any(map(is_object, held_by(place.whole))):
            self.doubt(place)
        for name in _captured(node):
            self.store(ast.Name(name, ast.Store()), place, self.is_data(node.subject))

    def _ask(self, node: ast.stmt) -> None:
        """Notes what was asked, or tried, before what is within a statement runs."""
        if isinstance(node, (ast.If, ast.While)):
            self.asked.append(node.test)
            self.asked += [self.gets[n.id] for n in ast.walk(node.test)
                           if isinstance(n, ast.Name) and n.id in self.gets]  # fmt: skip
        elif isinstance(node, ast.Try):
            self.asked += node.body

    def _import(self, node: ast.Import | ast.ImportFrom) -> None:
        """What an import within the function binds."""
        around = self.function.__globals__.get("__name__", "")
        for alias in node.names:
            if isinstance(node, ast.Import):
                name = alias.name if alias.asname else alias.name.partition(".")[0]
                value: Any = sys.modules.get(name)
            else:
                of = node.module or ""
                if node.level:
                    is_package = "__path__" in self.function.__globals__
                    parts = around.split(".")[: None if is_package else -1]
                    of = ".".join([*parts[: len(parts) - node.level + 1], *filter(None, [of])])
                module = sys.modules.get(of)
                value = getattr(module, alias.name, sys.modules.get(f"{of}.{alias.name}"))
            bound = alias.asname or alias.name.partition(".")[0]
            if value is None:
                raise SourceError(f"{alias.name} is not imported yet")
            self.uses.note(value)
            self.seen[bound] = value
            self.local.discard(bound)

    def manage(self, place: Place | None) -> None:
        """A context manager is entered and left."""
        if place is None:
            return
        for name in ("__enter__", "__exit__"):
            if isinstance(place.value, Made):
                self.of_made(place.value, place, name, Given())
            elif is_object(place.value):
                self.of_object(place, name, Given(), self.is_chosen, True)

    def assign(self, targets: list[ast.expr], value: ast.expr) -> None:
        for target in targets:
            if isinstance(target, ast.Name):
                self.gets[target.id] = value
            pairs = [(target, value)]
            if isinstance(target, (ast.Tuple, ast.List)) and isinstance(
                value, (ast.Tuple, ast.List)
            ):
                is_plain = not any(isinstance(e, ast.Starred) for e in (*target.elts, *value.elts))
                if is_plain and len(target.elts) == len(value.elts):
                    pairs = list(zip(target.elts, value.elts, strict=True))
            for to, of in pairs:
                self.store(to, self.visit(of), self.is_data(of))

    def augment(self, node: ast.AugAssign) -> None:
        """`target op= value`, which changes what it is of, where that can be."""
        is_data = self.is_data(node.value) or self.is_chosen
        self.read(self.visit(node.value))
        target = node.target
        if isinstance(target, ast.Name):
            found = self.named(target.id)
            if found is not None and is_object(found.value):
                self.operand(found)
            is_data |= self.is_data(ast.Name(target.id, ast.Load()))
            if found is not None and is_data and found.is_open:
                self.write(found)
            self.store(target, found, is_data)
            return
        found = self.visit(ast.copy_location(_loaded(target), target), is_read=False)
        if found is not None and is_data and found.value is not UNKNOWN and is_keeper(found.value):
            self.write(found)
        self.store(target, None, is_data)

    def store(self, target: ast.expr, place: Place | None, is_data: bool) -> None:
        """What an assignment does."""
        is_data |= self.is_chosen
        if isinstance(target, (ast.Tuple, ast.List)):
            for each in target.elts:
                self.store(each, part_of(place), is_data)
        elif isinstance(target, ast.Starred):
            self.store(target.value, place, is_data)
        elif isinstance(target, ast.Name):
            self._store_name(target.id, place, is_data)
        elif isinstance(target, ast.Attribute):
            self.escape(place)
            is_data |= _is_of_users(place)
            owner = self.visit(target.value, is_read=False)
            if owner is None and self.reached(target.value) is not None:
                self.uses.is_unknown = True
            if owner is None or owner.is_made or not is_data:
                return
            name = self.mangled(target.attr)
            found = inspect.getattr_static(type(owner.value), name, None)
            setter = getattr(found, "fset", None)
            if isinstance(setter, types.FunctionType):
                self.enter(setter, Given([owner, place], data={1}), is_chosen=self.is_chosen)
            elif hasattr(type(found), "__set__") and is_users(type(found)):
                self.doubt(owner)
                self.doubt_value(type(found))
            if is_object(owner.value) and "__setattr__" not in names_of(type(owner.value)):
                self.uses.keep(owner.value, ANY if name == "__dict__" else name)
            else:
                self.write(owner)
        elif isinstance(target, ast.Subscript):
            self.escape(place)
            owner = self.visit(target.value, is_read=False)
            self.read(self.visit(target.slice))
            if owner is None or owner.is_made:
                return
            is_keyed = self.is_data(target.slice)
            is_data |= is_keyed or _is_of_users(place)
            if is_object(owner.value):
                self.doubt(owner)
            elif is_data:
                self.write(owner, is_keyed=is_keyed and self.is_missing(target.value))

    def is_missing(self, container: ast.expr) -> bool:
        """Whether what runs now runs where a key was looked for in a container."""
        own = ast.dump(_loaded(container))
        for asked in self.asked:
            for node in ast.walk(asked):
                looked: list[ast.expr] = []
                if isinstance(node, ast.Compare):
                    is_in = any(isinstance(op, (ast.In, ast.NotIn)) for op in node.ops)
                    looked = list(node.comparators) if is_in else []
                elif isinstance(node, ast.Subscript):
                    looked = [node.value]
                elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                    looked = [node.func.value] if node.func.attr == "get" else []
                if any(ast.dump(_loaded(each)) == own for each in looked):
                    return True
        return False

    def _store_name(self, name: str, place: Place | None, is_data: bool) -> None:
        if name in self.of_module or name in self.of_outer:
            self.escape(place)
            if is_data and name in self.of_module:
                self.uses.keep(self.function.__globals__, name)
            elif is_data and name in self.cells:
                self.uses.keep(self.cells[name], ANY)
            elif is_data and inner_of(self.function) is not None:
                raise SourceError(f"{name} is of a function around")
            return
        if is_data:
            self.data.add(name)
        if self.is_sure:
            self.places[name] = []
        known = self.places.setdefault(name, [])
        if place is not None and not any(place.is_same(p) for p in known):
            known.append(place)

    # ---- expressions ------------------------------------------------------------

    def visit(self, node: ast.AST, *, is_read: bool = True, is_used: bool = True) -> Place | None:
        """Where the value of an expression lies; None of what is no part of a keeper."""
        if isinstance(node, ast.Name):
            return self.named(node.id)
        if isinstance(node, ast.Attribute):
            return self.attribute(node, is_read)
        if isinstance(node, ast.Subscript):
            return self.item(node, is_read)
        if isinstance(node, ast.Call):
            return self.call(node, is_read, is_used)
        if isinstance(node, (ast.Starred, ast.NamedExpr)):
            found = self.visit(node.value, is_read=is_read)
            if isinstance(node, ast.NamedExpr):
                self.store(node.target, found, self.is_data(node.value))
            return found
        if isinstance(node, ast.IfExp):
            self.read(self.visit(node.test))
            with_data = self.is_data(node.test)
            return self.one_of(self._chosen([node.body, node.orelse], with_data))
        if isinstance(node, ast.BoolOp):
            first = self.visit(node.values[0])
            self.read(first)
            with_data = any(map(self.is_data, node.values[:-1]))
            return self.one_of([first, *self._chosen(node.values[1:], with_data)])
        if isinstance(node, ast.Compare):
            self.compare(node)
            return None
        if isinstance(node, (ast.BinOp, ast.UnaryOp, ast.FormattedValue, ast.JoinedStr)):
            parts = [self.visit(c) for c in ast.iter_child_nodes(node) if isinstance(c, ast.expr)]
            for part in parts:
                self.operand(part)
            return derived([part for part in parts if part is not None and _may_share(part)])
        if isinstance(node, (ast.Yield, ast.YieldFrom)):
            found = None if node.value is None else self.visit(node.value)
            if found is not None and not any(found.is_same(p) for p in self.returned):
                self.returned.append(found)
            return Place(Made(), None, Made())  # what is sent
        if isinstance(node, ast.Await):
            raise SourceError("a coroutine")
        if isinstance(node, (ast.ListComp, ast.SetComp, ast.GeneratorExp, ast.DictComp)):
            return self.comprehension(node)
        if isinstance(node, ast.Lambda):
            for default in (*node.args.defaults, *node.args.kw_defaults):
                if default is not None:
                    self.escape(self.visit(default))
            self.data |= {a.arg for a in (*node.args.posonlyargs, *node.args.args)}
            return derived(self._chosen([node.body], True))
        places = []
        for child in ast.iter_child_nodes(node):  # displays, slices
            if isinstance(child, (ast.expr, ast.keyword)):
                places.append(self.visit(child.value if isinstance(child, ast.keyword) else child))
        self.one_of(places)
        return derived(places, is_held=True)

    def _chosen(self, nodes: Iterable[ast.AST], is_chosen: bool) -> list[Place | None]:
        was_chosen, self.is_chosen = self.is_chosen, self.is_chosen or is_chosen
        found = [self.visit(node) for node in nodes]
        self.is_chosen = was_chosen
        return found

    def comprehension(
        self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp
    ) -> Place | None:
        was_chosen = self.is_chosen
        for generator in node.generators:
            is_data = self.is_data(generator.iter)
            found = part_of(self.visit(generator.iter))
            self.store(generator.target, found, is_data)
            self.local |= {n.id for n in ast.walk(generator.target) if isinstance(n, ast.Name)}
            self.is_chosen |= is_data
            for test in generator.ifs:
                self.read(self.visit(test))
                self.is_chosen |= self.is_data(test)
        given = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        place = self.one_of([self.visit(each) for each in given])
        self.is_chosen = was_chosen
        return derived([place], is_held=True)

    def named(self, name: str) -> Place | None:
        if name in self.local:
            return self.one_of(self.places.get(name, []))
        if name in self.cells:
            self.uses.see(self.cells[name], ANY)
        elif name in self.function.__globals__:
            self.uses.see(self.function.__globals__, name)
        value = self.seen.get(name)
        return Place.of(value) if is_keeper(value) or is_called(value) else None

    def mangled(self, name: str) -> str:
        is_private = name.startswith("__") and not name.endswith("__")
        return f"_{self.defined_in}{name}" if is_private and self.defined_in else name

    def attribute(self, node: ast.Attribute, is_read: bool) -> Place | None:
        of = self.visit(node.value, is_read=is_read)
        name = self.mangled(node.attr)
        if of is None:  # perhaps of a library's module
            found = self.reached(node)
            if found is sys.modules or self.reached(node.value) in (builtins, importlib):
                self.uses.is_unknown = True
            return Place.of(found) if is_keeper(found) else None
        if of.is_made:
            return of
        if isinstance(of.value, types.ModuleType):
            found = getattr(of.value, name, UNKNOWN)
            self.uses.see(of.value, name)
            return Place.of(found) if is_keeper(found) or is_called(found) else None
        if not is_object(of.value):
            field = _field(of.value, name)
            if field is not UNKNOWN:
                return part_of(of, of.value.index(field)) if is_keeper(field) else None
            if is_read:
                self.read(of)
            part = UNKNOWN if of.value is UNKNOWN else Within(of.whole)
            return Place(of.owner, of.name or ANY, part)
        owner = of.value
        if name == "__class__":
            return Place.of(type(owner))
        found = inspect.getattr_static(type(owner), name, None)
        found = unwrapped(found)
        if isinstance(found, types.FunctionType) and not isinstance(owner, type):
            self.enter(found, Given([of], is_all_data=True), is_chosen=True)  # it is handed on
            return None
        getter = getattr(found, "fget", None) or getattr(found, "func", None)
        if isinstance(getter, types.FunctionType):
            return self.enter(getter, Given([of]), is_chosen=self.is_chosen)
        if "__getattr__" in names_of(type(owner)) or name == "__dict__":
            self.doubt(of)
        if is_read:
            self.see(owner, name)
        value = inspect.getattr_static(owner, name, UNKNOWN)
        if isinstance(value, types.MemberDescriptorType):
            value = getattr(owner, name, UNKNOWN)
        elif isinstance(value, (staticmethod, classmethod)):
            value = value.__func__
        elif hasattr(type(value), "__get__") and not isinstance(value, types.FunctionType):
            value = UNKNOWN
        if is_object(value) and not isinstance(value, types.FunctionType):
            return Place.of(value)
        return Place(owner, name, value)

    def item(self, node: ast.Subscript, is_read: bool) -> Place | None:
        is_keyed = self.is_data(node.slice)
        owner = self.visit(node.value, is_read=is_read and not is_keyed)
        self.read(self.visit(node.slice))
        if owner is None or owner.is_made:
            return owner
        if is_object(owner.value):
            self.doubt(owner)
        elif is_read:
            self.read(owner, is_keyed=is_keyed)
        if isinstance(node.slice, ast.Slice):
            return derived([owner])
        if type(owner.value) is collections.defaultdict and is_keyed:
            self.write(owner, is_keyed=True)  # a key that is not there is put there
        whole = owner.value
        if package_of(type(whole)) == "pandas" and not _holds_objects(whole):
            return None  # pandas gives copies
        key = node.slice.value if isinstance(node.slice, ast.Constant) else UNKNOWN
        found = part_of(owner, key)
        if found is None or found.name is None or not is_keyed:
            return found
        return Place(found.owner, self._keyed(found.name), found.value)

    def compare(self, node: ast.Compare) -> None:
        is_in = all(isinstance(op, (ast.In, ast.NotIn)) for op in node.ops)
        is_keyed = is_in and self.is_data(node.left)
        is_identity = all(isinstance(op, (ast.Is, ast.IsNot)) for op in node.ops)
        places = [self.visit(node.left)]
        places += [self.visit(each, is_read=not is_keyed) for each in node.comparators]
        for place in () if is_identity else places:
            if place is not None and is_keyed and not is_object(place.value):
                self.read(place, is_keyed=True)
            else:
                self.operand(place)

    def is_data(self, node: ast.AST) -> bool:
        """Whether a value hangs on data, or on what keeps some."""
        kept = self.uses.names_kept()
        for part in ast.walk(node):
            if isinstance(part, ast.Name):
                if part.id in self.data or self._keeps(part.id):
                    return True
            elif isinstance(part, ast.Attribute):
                if self.mangled(part.attr) in kept:
                    return True
            elif isinstance(part, ast.Call) and self.uses.kept and self._is_asked(part.func):
                return True
        return False

    def _keeps(self, name: str) -> bool:
        if not self.uses.kept:
            return False
        if name in self.local:
            return any(self.uses.is_kept(p.owner) and not is_object(p.owner)
                       for p in self.places.get(name, ()))  # fmt: skip
        if name in self.uses.kept.get(id(self.function.__globals__), ()):
            return True
        if name in self.cells and self.uses.is_kept(self.cells[name]):
            return True
        value = self.seen.get(name)
        return is_keeper(value) and not is_object(value) and self.uses.is_kept(value)

    def _is_asked(self, callee: ast.expr) -> bool:
        """Whether a function of the user's is called, which may see what is kept."""
        root = callee
        while isinstance(root, (ast.Attribute, ast.Subscript)):
            root = root.value
        if not isinstance(root, ast.Name):
            return False
        value = self.seen.get(root.id)
        if root.id in self.local:
            own = self.places.get(root.id, ())
            return root.id in self.inner or not all(place.is_made for place in own)
        return is_entered(value) or (is_object(value) and isinstance(callee, ast.Attribute))

    def enter(self, callee: Any, given: Given, *, is_chosen: bool) -> Place | None:
        """Looks into a function that is called."""
        for place in given.rest:
            self.escape(place)
        places, data = _bound(callee, given)
        given_places = {
            (n, id(owner_of(p.owner)), p.name, id(p.value)) for n, (p,) in places.items()
        }
        call = (callee, is_chosen, frozenset(data), frozenset(given_places))
        n_kept, known_place = self.uses.entered.get(call, (-1, None))
        found: Place | None = known_place
        if n_kept == self.uses.n_kept:  # a call as one before, which found all of this
            return found
        self.uses.entered[call] = (self.uses.n_kept, None)
        try:
            inner = Body(callee, places, data, self.uses, is_chosen=is_chosen, outer=self)
            found = self.one_of(inner.follow())
        except SourceError:
            self.uses.may_raise = True
            self.uses.asked.add("?")
            for (place,) in places.values():
                self.doubt(place)
            self._doubt_seen(callee)
            found = Place(Made(), None, Made())
        self.uses.entered[call] = (self.uses.n_kept, found)
        return found

    def enter_kind(self, kind: Any, names: Sequence[str] | None = None) -> None:
        """Any method of a class may be called; `names`: one of these."""
        if kind is None or (kind, names) in self.uses.kinds:
            return
        self.uses.kinds.add((kind, None if names is None else tuple(names)))
        own = Place(Made(kind), None, Made(kind))
        for base in kind.__mro__[:-1]:
            for name, found in list(vars(base).items()) if is_users(base) else ():
                if names is not None and name not in names and not isinstance(found, property):
                    continue
                getter = getattr(found, "fget", None) or getattr(found, "func", None)
                function = unwrapped(getter or getattr(found, "__func__", found))
                if is_entered(function) and name not in ("__init__", "__new__"):
                    self.enter(function, Given([own], is_all_data=True), is_chosen=True)

    def _doubt_seen(self, function: Any) -> None:
        """A function without a source: what it names may be set, and read."""
        for value in (*seen_by(function).values(), *attributes_of(function).values()):
            if not isinstance(value, (types.FunctionType, type)) and is_keeper(value):
                self.doubt_value(value)
        for name in function.__code__.co_names:
            if name in function.__globals__:
                self.uses.see(function.__globals__, name)
        for cell in function.__closure__ or ():
            self.uses.keep(cell, ANY)
            self.uses.see(cell, ANY)


def _bound(callee: Any, given: Given) -> tuple[dict[str, list[Place]], set[str]]:
    """Where the parameters' values of a call lie, and which of them are data."""
    names = list(inspect.signature(callee, follow_wrapped=False).parameters.values())
    plain = [p.name for p in names if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    known = {p.name for p in names if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)}
    star = next((p.name for p in names if p.kind == p.VAR_POSITIONAL), None)
    stars = next((p.name for p in names if p.kind == p.VAR_KEYWORD), None)
    places: dict[str, list[Place]] = {}
    data: set[str] = set()
    n_before = len(given.places) if given.is_all_data else 0
    spread: dict[str | None, list[Any]] = {}
    every: list[tuple[int | str, Place | None]] = [
        *enumerate(given.places),
        *given.keywords.items(),
    ]
    for key, place in every:
        name: str | None
        if isinstance(key, int):
            name = plain[key] if key < len(plain) else star
        else:
            name = key if key in (*known, star, stars) else stars
        if place is not None and name in known:
            places[str(name)] = [place]
        elif place is not None:
            spread.setdefault(name, []).append(place.value)
        if key in given.data and name is not None:
            data.add(name)
    for name, values in spread.items():
        whole = tuple(values)
        if name is not None and any(is_keeper(v) for v in whole):
            places[name] = [Place(whole, None, whole)]
    for p in names:
        if p.name in known and p.name not in places and p.default is not p.empty:
            is_given = any(k == p.name for k in given.keywords)
            if (is_keeper(p.default) or is_called(p.default)) and not is_given:
                places[p.name] = [Place.of(p.default)]
    if given.is_all_data:
        first = set(plain[:n_before])
        data |= {p.name for p in names} - first
    data |= {name for name in (star, stars) if name is not None and given.data}
    return places, data


class Root(Body):
    """Whoever makes a call that is not followed."""

    def __init__(self, uses: Uses, *, is_chosen: bool = False) -> None:
        self.uses = uses
        self.is_chosen = is_chosen
        self.outer = None
        self.root = None
        self.depth = -1
        self.data, self.local, self.inner = set(), set(), set()
        self.places, self.seen, self.cells = {}, {}, {}
        self.parameters, self.returned = [], []
        self.defined_in = ""
        self.function = _nothing

    def of_method(self, name: str, given: Given) -> None:
        """A method of data that is a library's."""
        self.of_data(method_call(name), given, set(given.keywords))


def _nothing() -> None:
    """Stands for the function that is followed."""


def _is_of_users(place: Place | None) -> bool:
    """Whether an object of the user's is put somewhere that was made here: what becomes of it
    later is not followed."""
    return place is not None and isinstance(place.value, Made) and place.value.kind is not None


def _captured(node: ast.Match) -> list[str]:
    """The names that patterns bind."""
    found = []
    for each in ast.walk(node):
        if isinstance(each, (ast.MatchAs, ast.MatchStar)):
            found.append(each.name)
        elif isinstance(each, ast.MatchMapping):
            found.append(each.rest)
    return [name for name in found if name is not None]


def _holds_objects(value: Any) -> bool:
    return isinstance(value, pd.Series) and value.dtype == np.dtype(object)


def _may_share(place: Place) -> bool:
    """Whether what operators make of a value holds what it holds: containers do, arrays not."""
    return place.value is not UNKNOWN and not holds_numbers(place.whole)


def _loaded(target: ast.expr) -> ast.expr:
    """A target as it is read."""
    if isinstance(target, ast.Attribute):
        return ast.Attribute(_loaded(target.value), target.attr, ast.Load())
    if isinstance(target, ast.Subscript):
        return ast.Subscript(_loaded(target.value), target.slice, ast.Load())
    return ast.Name(target.id, ast.Load()) if isinstance(target, ast.Name) else target


def _field(value: Any, name: str) -> Any:
    """A field of a named tuple."""
    is_field = isinstance(value, tuple) and name in getattr(value, "_fields", ())
    return getattr(value, name) if is_field else UNKNOWN
