"""From a function to its syntax tree, and the names that it sees."""

from __future__ import annotations
import __future__

import ast
import builtins
import functools
import inspect
import types
from typing import Any

from .._errors import UnsupportedError


class SourceError(UnsupportedError):
    """A function has no source that can be followed."""


#: What a function's code is.
Definition = ast.FunctionDef | ast.Lambda


@functools.lru_cache(maxsize=64)
def _definitions(text: str) -> list[ast.FunctionDef | ast.Lambda]:
    """The functions of a file."""
    found = ast.walk(ast.parse(text))
    return [node for node in found if isinstance(node, (ast.FunctionDef, ast.Lambda))]


def definition_of(function: types.FunctionType, *, is_generator: bool = False) -> Definition:
    """The syntax tree of a function, its line numbers those of its file.
    `is_generator`: it may be one.

    Raises
    ------
    SourceError
        Where the source is not there, or is not plain.
    """
    code = function.__code__
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        raise SourceError(
            f"{function.__qualname__} is a coroutine (async def): compile a plain function"
        )
    try:
        lines, _ = inspect.findsource(function)
        known = _definitions("".join(lines))
    except (OSError, TypeError, SyntaxError) as error:
        raise SourceError(
            f"the source of {function.__qualname__} is not available ({error}): define it in a "
            "file or a notebook's cell, not by exec or at the interpreter's prompt"
        ) from error
    found = [node for node in known if _is_of(node, code)]
    if len(found) != 1 or not _still_says(found[0], code):
        raise SourceError(
            f"the source of {function.__qualname__} has changed since it was loaded, or cannot "
            f"be told from others on line {code.co_firstlineno}"
        )
    if inspect.isgeneratorfunction(function) and not is_generator:
        raise SourceError(f"{function.__qualname__} is a generator")
    return found[0]


#: What `from __future__ import` sets in code.
_FUTURE = functools.reduce(
    lambda flags, name: flags | getattr(__future__, name).compiler_flag,
    __future__.all_feature_names,
    0,
)


def _still_says(node: Definition, code: types.CodeType) -> bool:
    """Whether the text, which may have been edited since the function was loaded, has no name
    and no constant that its code has not; what tools add to code (tests that rewrite
    assertions) is none of the text's."""
    if isinstance(node, ast.Lambda):  # found by where its parts stand
        return True
    try:
        module = ast.Module([node], [])
        made = compile(module, "<source>", "exec", code.co_flags & _FUTURE, dont_inherit=True)
    except (SyntaxError, ValueError):  # nonlocal names, outside of their function
        return True
    own = next(c for c in made.co_consts if isinstance(c, types.CodeType))
    inner = (c for c in made.co_consts if isinstance(c, types.CodeType) and c.co_name == node.name)
    return _told_by(next(inner, own)) <= _told_by(code)


def _told_by(code: types.CodeType) -> set[tuple[str, str]]:
    """Names and constants in code, and in that of its inner functions."""
    names = (*code.co_names, *code.co_varnames, *code.co_freevars, *code.co_cellvars)
    # Private names have their class's in front, where the class is known.
    found = {("", name[name.index("__") :] if "__" in name else name) for name in names}
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            found |= _told_by(constant)
        else:
            found.add((type(constant).__name__, _shown(constant)))
    return found


def _shown(constant: Any) -> str:
    """A constant; the order of a set's members hangs on how it was made."""
    if isinstance(constant, (tuple, frozenset)):
        shown = [f"{type(each).__name__} {_shown(each)}" for each in constant]
        return ", ".join(shown if isinstance(constant, tuple) else sorted(shown))
    return repr(constant)


def _is_of(node: ast.AST, code: types.CodeType) -> bool:
    if isinstance(node, ast.Lambda):
        if code.co_name != "<lambda>" or node.lineno < code.co_firstlineno:
            return False
        body = node.body
        places = [p for p in code.co_positions() if p[0] is not None and p[2] is not None]
        places = [p for p in places if (p[0], p[1], p[2], p[3]) != (p[0], p[1], 0, 0)]
        start, end = (body.lineno, body.col_offset), (body.end_lineno, body.end_col_offset)
        return (
            bool(places)
            and (places[-1][1], places[-1][3]) == end
            and all(start <= (p[0], p[2]) and (p[1], p[3]) <= end for p in places)
        )
    if not isinstance(node, ast.FunctionDef) or node.name != code.co_name:
        return False
    first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
    return first == code.co_firstlineno


def names_of(function: types.FunctionType) -> dict[str, Any]:
    """The function's closure; its globals and builtins come after these."""
    closure: dict[str, Any] = {}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            closure[name] = cell.cell_contents
        except ValueError:  # not yet set: a function that calls itself
            continue
    return closure


def seen_by(function: Any) -> dict[str, Any]:
    """What a function names of what is around it."""
    own = getattr(function, "__func__", function)
    if not isinstance(own, types.FunctionType):
        return {}
    names, closure = names_in(own.__code__), names_of(own)
    return {n: own.__globals__[n] for n in names if n in own.__globals__} | closure


def names_in(code: types.CodeType) -> set[str]:
    """The names that code, and that of its inner functions, has of what is around it."""
    inner = [c for c in code.co_consts if isinstance(c, types.CodeType)]
    return {*code.co_names, *code.co_freevars}.union(*map(names_in, inner))


def global_of(function_globals: dict[str, Any], name: str) -> Any:
    """A global or builtin.

    Raises
    ------
    NameError
    """
    if name in function_globals:
        return function_globals[name]
    if hasattr(builtins, name):
        return getattr(builtins, name)
    raise NameError(f"name {name!r} is not defined")


def bound_arguments(
    function: types.FunctionType, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> dict[str, Any]:
    """The parameters' values, as a call gives them."""
    bound = inspect.signature(function, follow_wrapped=False).bind(*args, **kwargs)
    bound.apply_defaults()
    return dict(bound.arguments)


#: Libraries whose functions are not followed into: what they do is known, or Python.
LIBRARIES = frozenset(
    ["pandas", "numpy", "scipy", "sklearn", "polars", "pyarrow", "lightgbm", "xgboost", "catboost",
     "torch", "joblib", "builtins", "operator", "math", "re", "datetime"]
)  # fmt: skip


def is_of_library(function: types.FunctionType) -> bool:
    """Whether a function is a library's, not the user's."""
    return (function.__module__ or "").partition(".")[0] in LIBRARIES
