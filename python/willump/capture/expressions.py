"""Evaluates a function's expressions, and assigns to its targets.

Constants are computed as they stand; what hangs on the argument goes to the `Tracer`.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from .asked import ColumnSet, check_fixed
from .each_row import as_function, each_row, is_of_rows
from .keeping import ANY, is_object
from .registry import maker_of
from .source import global_of
from .values import N_ROWS, CaptureError, Traced, is_traced

if TYPE_CHECKING:
    from .tracer import Tracer

BINARY: dict[type[ast.operator], str] = {
    ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "truediv",
    ast.FloorDiv: "floordiv", ast.Mod: "mod", ast.Pow: "pow", ast.BitAnd: "and_",
    ast.BitOr: "or_", ast.BitXor: "xor", ast.MatMult: "matmul", ast.LShift: "lshift",
    ast.RShift: "rshift",
}  # fmt: skip
_COMPARE: dict[type[ast.cmpop], str] = {
    ast.Lt: "lt", ast.LtE: "le", ast.Gt: "gt", ast.GtE: "ge", ast.Eq: "eq", ast.NotEq: "ne",
}  # fmt: skip
_UNARY: dict[type[ast.unaryop], str] = {
    ast.USub: "neg", ast.UAdd: "pos", ast.Invert: "invert",
}  # fmt: skip


class Expressions:
    """The names of one call in progress, and what expressions of them are."""

    def __init__(
        self,
        tracer: Tracer,
        function_globals: dict[str, Any],
        closure: dict[str, Any],
        names: dict[str, Any],
        outer: Expressions | None = None,
    ) -> None:
        self.tracer = tracer
        self.globals = function_globals
        self.closure = closure
        self.closure_cells: dict[str, Any] = {}  #: of the closure, where it is a function's own
        self.names = names
        self.outer = outer
        self.node: ast.FunctionDef | ast.Lambda | None = None  #: of a comprehension: none
        #: The class that the function was defined in, by which private names are mangled.
        self.defined_in: str = "" if outer is None else outer.defined_in

    # ---- assignment ---------------------------------------------------------

    def assign(self, target: ast.expr, value: Any) -> None:
        if isinstance(target, ast.Name):
            if isinstance(value, Traced):
                value.name = value.name or target.id
            self.names[target.id] = value
        elif isinstance(target, (ast.Tuple, ast.List)):
            self._unpack(target, list(self._iterate(value, target)))
        elif isinstance(target, ast.Subscript):
            owner, key = self.expression(target.value), self.expression(target.slice)
            self._set_item(owner, key, value, target.lineno)
        elif isinstance(target, ast.Attribute):
            self._set_attribute(self.expression(target.value), self._mangled(target.attr), value)
        else:
            raise CaptureError(f"line {target.lineno}: this target is not followed")

    def _set_item(self, owner: Any, key: Any, value: Any, line: int) -> None:
        if isinstance(owner, Traced):
            self.tracer.set_item(owner, key, value)
            return
        if is_traced(value):
            if type(owner) not in (list, dict):
                raise CaptureError(
                    f"line {line}: {type(owner).__name__} takes in what hangs on the input"
                )
            self.tracer.check_own(owner)
        self.tracer.check_changes(owner)
        owner[key] = value

    def _set_attribute(self, owner: Any, name: str, value: Any) -> None:
        if isinstance(owner, Traced) or is_traced(value):
            self.tracer.set_attribute(owner, name, value)
        else:
            self.tracer.note_changed(owner, name)
            setattr(owner, name, value)

    def _unpack(self, target: ast.Tuple | ast.List, items: list[Any]) -> None:
        stars = [i for i, t in enumerate(target.elts) if isinstance(t, ast.Starred)]
        if stars:
            after = len(target.elts) - stars[0] - 1
            middle = items[stars[0] : len(items) - after]
            items = [*items[: stars[0]], middle, *items[len(items) - after :]]
        if len(items) != len(target.elts):
            raise ValueError(f"expected {len(target.elts)} values to unpack, got {len(items)}")
        for inner, item in zip(target.elts, items, strict=True):
            self.assign(inner.value if isinstance(inner, ast.Starred) else inner, item)

    def _iterate(self, value: Any, node: ast.AST) -> Iterator[Any]:
        if isinstance(value, Traced):
            value = self.tracer.iterate(value)
        self.tracer.check_constant(value)
        return iter(value)

    # ---- expressions --------------------------------------------------------

    def truth(self, node: ast.expr) -> bool:
        """The truth of a condition, which must not hang on data."""
        value = self.expression(node)
        if isinstance(value, Traced) and value.native == N_ROWS:
            self.tracer.asked.has_rows = True
            return True
        if isinstance(value, Traced):
            raise CaptureError(
                f"line {node.lineno}: a condition hangs on the data "
                f"({ast.unparse(node)}); choose row by row with np.where"
            )
        self.tracer.check_constant(value)
        return bool(value)

    def expression(self, node: ast.expr) -> Any:
        if isinstance(node, ast.Constant):
            return node.value
        if isinstance(node, ast.Name):
            return self.lookup(node.id)
        method: Callable[[Any], Any] | None = getattr(self, f"_of_{type(node).__name__}", None)
        if method is None:
            raise CaptureError(f"line {node.lineno}: {type(node).__name__} is not followed")
        self.tracer.line = node.lineno
        return method(node)

    def lookup(self, name: str) -> Any:
        scope: Expressions | None = self
        while scope is not None:
            if name in scope.names:
                return scope.names[name]
            if name in scope.closure:
                if name in scope.closure_cells:
                    self.tracer.check_name(scope.closure_cells[name], ANY)
                return self.tracer.from_outside(scope.closure[name])
            scope = scope.outer
        self.tracer.check_name(self.globals, name)
        return self.tracer.from_outside(global_of(self.globals, name))

    def _of_Attribute(self, node: ast.Attribute) -> Any:
        return self._attribute(self.expression(node.value), self._mangled(node.attr))

    def _attribute(self, owner: Any, name: str) -> Any:
        if isinstance(owner, Traced):
            return self.tracer.get_attribute(owner, name)
        self.tracer.check_attribute(owner, name)
        found = getattr(owner, name)
        is_own = is_object(owner) and not self.tracer.is_outside(owner)
        return found if is_own and is_object(found) else self.tracer.from_outside(found)

    def _mangled(self, name: str) -> str:
        """A private name as its class has it."""
        is_private = name.startswith("__") and not name.endswith("__")
        return f"_{self.defined_in}{name}" if is_private and self.defined_in else name

    def _of_Subscript(self, node: ast.Subscript) -> Any:
        if isinstance(node.value, ast.Attribute) and node.value.attr == "shape":
            owner, key = self.expression(node.value.value), self.expression(node.slice)
            if isinstance(owner, Traced) and key == 0:  # the columns are not asked for
                return self.tracer.n_rows(owner)
            return self._item(self._attribute(owner, "shape"), key)
        return self._item(self.expression(node.value), self.expression(node.slice))

    def _item(self, owner: Any, key: Any) -> Any:
        if isinstance(owner, Traced) or (is_traced(key) and not _is_plain(owner)):
            return self.tracer.get_item(owner, key)
        self.tracer.check_constant(owner)
        if is_traced(key):
            raise CaptureError(f"line {self.tracer.line}: data picks from a {type(owner).__name__}")
        found = owner[key]
        return self.tracer.from_outside(found) if self.tracer.is_outside(owner) else found

    def _of_Slice(self, node: ast.Slice) -> slice:
        bounds = (node.lower, node.upper, node.step)
        return slice(*(None if b is None else self.expression(b) for b in bounds))

    def _of_Tuple(self, node: ast.Tuple) -> tuple[Any, ...]:
        return tuple(self._items(node.elts))

    def _of_List(self, node: ast.List) -> list[Any]:
        return self._items(node.elts)

    def _of_Set(self, node: ast.Set) -> set[Any]:
        return set(self._items(node.elts))

    def _items(self, nodes: list[ast.expr]) -> list[Any]:
        found: list[Any] = []
        for node in nodes:
            if isinstance(node, ast.Starred) and isinstance(node.value, ast.GeneratorExp):
                found.extend(self._of_ListComp(node.value))
            elif isinstance(node, ast.Starred):
                found.extend(self._iterate(self.expression(node.value), node))
            else:
                found.append(self.expression(node))
        return found

    def _of_Dict(self, node: ast.Dict) -> dict[Any, Any]:
        found: dict[Any, Any] = {}
        for key, value in zip(node.keys, node.values, strict=True):
            if key is None:
                found.update(self.expression(value))
            else:
                found[self.expression(key)] = self.expression(value)
        return found

    def _of_JoinedStr(self, node: ast.JoinedStr) -> str:
        parts = []
        for value in node.values:
            part = self.expression(value)
            if isinstance(part, Traced):
                raise CaptureError(f"line {node.lineno}: an f-string holds data")
            parts.append(part)
        return "".join(parts)

    def _of_FormattedValue(self, node: ast.FormattedValue) -> Any:
        value = self.expression(node.value)
        if is_traced(value):
            raise CaptureError(f"line {node.lineno}: an f-string holds data")
        self.tracer.check_constant(value)
        convert: dict[int, Callable[[Any], Any]] = {115: str, 114: repr, 97: ascii}
        value = convert.get(node.conversion, lambda v: v)(value)
        return format(value, "" if node.format_spec is None else self.expression(node.format_spec))

    def _of_BinOp(self, node: ast.BinOp) -> Any:
        left, right = self.expression(node.left), self.expression(node.right)
        name = BINARY[type(node.op)]
        self.tracer.line = node.lineno
        function = getattr(operator, name)
        if isinstance(left, Traced) or isinstance(right, Traced):
            return self.tracer.operate(name, function, left, right)
        self.tracer.check_constant(left, right)
        return function(left, right)

    def _of_UnaryOp(self, node: ast.UnaryOp) -> Any:
        if isinstance(node.op, ast.Not):
            return not self.truth(node.operand)
        value = self.expression(node.operand)
        name = _UNARY[type(node.op)]
        if isinstance(value, Traced):
            return self.tracer.operate(name, getattr(operator, name), value)
        return getattr(operator, name)(value)

    def _of_Compare(self, node: ast.Compare) -> Any:
        left = self.expression(node.left)
        found: Any = True
        for i, (op, right_node) in enumerate(zip(node.ops, node.comparators, strict=True)):
            is_in = isinstance(op, (ast.In, ast.NotIn))
            if is_in and isinstance(right_node, ast.Attribute) and right_node.attr == "columns":
                right = self.expression(right_node.value)  # `in` asks for one column
                if not isinstance(right, Traced):
                    right = right.columns
            else:
                right = self.expression(right_node)
            found = self._compare(op, left, right)
            if i + 1 < len(node.ops):
                if isinstance(found, Traced):
                    raise CaptureError(f"line {node.lineno}: a chain of comparisons of data")
                if not found:
                    return found
            left = right
        return found

    def _compare(self, op: ast.cmpop, left: Any, right: Any) -> Any:
        if isinstance(op, (ast.Is, ast.IsNot)):
            for one, other in ((left, right), (right, left)):
                if other is None and isinstance(one, Traced) and isinstance(one.native, str):
                    raise CaptureError(
                        f"line {self.tracer.line}: whether what Python computes is None may hang "
                        "on the rows"
                    )
            return (left is right) == isinstance(op, ast.Is)
        if isinstance(op, (ast.In, ast.NotIn)):
            self.tracer.check_constant(left, right)
            inside = self.tracer.contains(right, left)
            return inside == isinstance(op, ast.In)
        name = _COMPARE[type(op)]
        self.tracer.check_constant(left, right)
        if isinstance(left, Traced) or isinstance(right, Traced):
            function = getattr(operator, name)
            known = self.tracer.asked.compared(function, left, right)
            return self.tracer.operate(name, function, left, right) if known is None else known
        return getattr(operator, name)(left, right)

    def _of_BoolOp(self, node: ast.BoolOp) -> Any:
        is_and = isinstance(node.op, ast.And)
        value: Any = is_and
        for inner in node.values:
            value = self.expression(inner)
            if isinstance(value, Traced):
                raise CaptureError(
                    f"line {node.lineno}: `and` and `or` take the truth of data; use & and |"
                )
            if bool(value) != is_and:
                return value
        return value

    def _of_IfExp(self, node: ast.IfExp) -> Any:
        return self.expression(node.body if self.truth(node.test) else node.orelse)

    def _of_NamedExpr(self, node: ast.NamedExpr) -> Any:
        value = self.expression(node.value)
        scope = self
        while scope.node is None and scope.outer is not None:  # a comprehension binds around it
            scope = scope.outer
        scope.assign(node.target, value)
        return value

    def _of_Call(self, node: ast.Call) -> Any:
        owner: Any = None
        name = ""
        if isinstance(node.func, ast.Attribute):  # before the arguments, as Python does
            owner, name = self.expression(node.func.value), self._mangled(node.func.attr)
            function = None if isinstance(owner, Traced) else getattr(owner, name)
        else:
            function = self.expression(node.func)
        args = self._column_sets(node, owner, function)
        if args is None:
            args = tuple(self._arguments(node.args))
        kwargs: dict[str, Any] = {}
        for keyword in node.keywords:
            (value,) = self._arguments([keyword.value])
            if keyword.arg is None:
                kwargs.update(value)
            else:
                kwargs[keyword.arg] = value
        self.tracer.line = node.lineno
        if isinstance(owner, Traced):
            return self.tracer.call_method(owner, name, args, kwargs)
        if function is super and not args:
            args = self._own_class()
        return self.tracer.call(function, args, kwargs)

    def _column_sets(self, node: ast.Call, owner: Any, function: Any) -> tuple[Any, ...] | None:
        """`df.columns` where a set is made of it, or compared with it: names are asked for."""
        takes_set = function in (set, frozenset) or isinstance(owner, (set, frozenset))
        argument = node.args[0] if len(node.args) == 1 else None
        if not takes_set or not isinstance(argument, ast.Attribute) or argument.attr != "columns":
            return None
        frame = self.expression(argument.value)
        if not isinstance(frame, Traced):
            return (frame.columns,)
        if not frame.is_open:
            return (self.tracer.get_attribute(frame, "columns"),)
        check_fixed(frame, "columns", node.lineno)
        return (ColumnSet(self.tracer.asked, frame),)

    def _arguments(self, nodes: list[ast.expr]) -> list[Any]:
        """A call's arguments; what generators give is read by the call, so a list will do."""
        found: list[Any] = []
        for node in nodes:
            if isinstance(node, ast.GeneratorExp):
                found.append(self._of_ListComp(node))
            else:
                found += self._items([node])
        return found

    def _own_class(self) -> tuple[Any, Any]:
        """The arguments that `super()` means."""
        scope = self
        while scope.outer is not None:
            scope = scope.outer
        assert scope.node is not None
        first = [*scope.node.args.posonlyargs, *scope.node.args.args][0]
        return scope.lookup("__class__"), scope.names[first.arg]

    # ---- comprehensions -----------------------------------------------------

    def _of_ListComp(self, node: ast.ListComp | ast.GeneratorExp) -> Any:
        first = node.generators[0].iter
        zipped = self._zipped(first)
        items = self.expression(first) if zipped is None else None
        columns = [items] if zipped is None else zipped[0]
        function = None
        if isinstance(node, ast.ListComp) and columns and all(map(is_of_rows, columns)):
            function = as_function(node, None if zipped is None else len(columns))
        if function is not None:
            self.tracer.line = node.lineno
            inner = self.expression(function)
            return self.tracer.make("a list", each_row, (inner, *columns), {}, maker_of(each_row))
        if zipped is not None:
            items = self.tracer.call(zip, tuple(columns), zipped[1])
        return [inner.expression(node.elt) for inner in self._comprehend(node.generators, items)]

    def _zipped(self, node: ast.expr) -> tuple[list[Any], dict[str, Any]] | None:
        """The arguments of `zip(a, b)`; None of another expression."""
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            return None
        if any(isinstance(arg, ast.Starred) for arg in node.args):
            return None
        if any(keyword.arg != "strict" for keyword in node.keywords):
            return None
        if self.expression(node.func) is not zip:
            return None
        strict = {str(k.arg): self.expression(k.value) for k in node.keywords}
        return self._arguments(node.args), strict

    def _of_SetComp(self, node: ast.SetComp) -> set[Any]:
        items = self.expression(node.generators[0].iter)
        return {inner.expression(node.elt) for inner in self._comprehend(node.generators, items)}

    def _of_GeneratorExp(self, node: ast.GeneratorExp) -> list[Any]:
        raise CaptureError(f"line {node.lineno}: a generator that is kept is not followed")

    def _of_DictComp(self, node: ast.DictComp) -> dict[Any, Any]:
        found = {}
        items = self.expression(node.generators[0].iter)
        for inner in self._comprehend(node.generators, items):
            found[inner.expression(node.key)] = inner.expression(node.value)
        return found

    def _comprehend(self, generators: list[ast.comprehension], items: Any) -> Iterator[Expressions]:
        """The comprehension's scope, once for each of its items."""
        inner = type(self)(self.tracer, self.globals, {}, {}, self)
        yield from inner._each(generators, self._iterate(items, generators[0].iter))

    def _each(
        self, generators: list[ast.comprehension], items: Iterator[Any]
    ) -> Iterator[Expressions]:
        first, *rest = generators
        for item in items:
            self.assign(first.target, item)
            if not all(self.truth(test) for test in first.ifs):
                continue
            if rest:
                iterable = rest[0].iter
                yield from self._each(rest, self._iterate(self.expression(iterable), iterable))
            else:
                yield self


def _is_plain(owner: Any) -> bool:
    return type(owner) in (list, tuple, dict)
