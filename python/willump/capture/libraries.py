"""What functions and methods without a source that is looked into do to what they are given."""

from __future__ import annotations

import builtins
import inspect
import os
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp

from .keeping import holds_numbers, is_installed, package_of
from .lasting import KEEPING, WRITING
from .source import LIBRARIES

#: Modules of Python's own whose functions only read what they are given.
_READING_MODULES = frozenset(
    ["base64", "bisect", "calendar", "collections", "copy", "dataclasses", "difflib", "fractions",
     "functools", "hashlib", "html", "itertools", "json", "logging", "numbers", "statistics",
     "string", "textwrap", "time", "timeit", "types", "typing", "unicodedata", "urllib", "warnings"]
)  # fmt: skip
#: Of these, those that do not; and NumPy's functions that write to their first argument.
_WRITERS = frozenset(
    ["as_strided", "at", "copyto", "delitem", "dump", "fill_diagonal", "insort", "insort_left",
     "insort_right", "nditer", "place", "put", "put_along_axis", "putmask", "setattr", "setitem",
     "shuffle", "update_wrapper"]
)  # fmt: skip
#: How methods begin that take something in, of objects whose source is not looked into.
_TAKING = ("add", "append", "extend", "insert", "keep", "log", "note", "observe", "push", "put",
           "record", "register", "remember", "save", "set", "store", "update", "write")  # fmt: skip
#: How methods of estimators begin that only read them.
_READING = ("apply", "decision", "get_", "inverse_", "kneighbors", "n_", "path", "predict",
            "radius_", "sample_y", "score", "staged", "transform")  # fmt: skip
#: Methods and functions that write files, and that read them.
_TO_FILES = frozenset(
    ["dump", "mkdir", "rmdir", "save", "save_model", "savefig", "savetxt", "savez",
     "savez_compressed", "to_clipboard", "to_csv", "to_excel", "to_feather", "to_hdf", "to_html",
     "to_json", "to_latex", "to_markdown", "to_orc", "to_parquet", "to_pickle", "to_sql",
     "to_stata", "to_xml", "tofile", "touch", "unlink", "write_bytes", "write_csv", "write_ipc",
     "write_parquet", "write_text"]
)  # fmt: skip
_OF_FILES = frozenset(
    ["exists", "fromfile", "genfromtxt", "glob", "is_dir", "is_file", "iterdir", "listdir", "load",
     "load_model", "loadtxt", "memmap", "open", "read_bytes", "read_text", "scandir", "stat",
     "walk"]
)  # fmt: skip
#: Functions and methods that may give what they are given itself, or a view of it.
VIEWING = frozenset(
    ["array", "array_split", "asanyarray", "asarray", "ascontiguousarray", "atleast_1d",
     "atleast_2d", "diagonal", "expand_dims", "frombuffer", "hsplit", "moveaxis", "nan_to_num",
     "ravel", "reshape", "rollaxis", "split", "squeeze", "swapaxes", "to_numpy", "transpose",
     "view", "vsplit", "DataFrame", "Series", "as_tensor", "from_numpy"]
)  # fmt: skip
#: Methods that give what is new.
MAKING = frozenset(["astype", "copy", "deepcopy", "fillna", "to_dict", "to_list", "tolist"])
#: Methods of data, which is pandas', NumPy's or Python's: none of them changes its arguments.
_OF_DATA = frozenset().union(
    *(dir(kind) for kind in (pd.DataFrame, pd.Series, pd.Index, np.ndarray, np.generic,
                             sp.csr_matrix, str, bytes, list, dict, set, tuple, int, float)),
    dir(pd.Series.str), dir(pd.Series.dt), dir(pd.core.groupby.DataFrameGroupBy),
    dir(pd.core.groupby.SeriesGroupBy), dir(pd.core.window.Rolling),
)  # fmt: skip


def is_of_data(name: str) -> bool:
    """Whether a method is one that values of data have."""
    return name in _OF_DATA


#: Functions of `operator` whose names begin as those that change what they are given.
_ASKING = frozenset(["index", "indexOf", "inv", "invert", "is_", "is_not", "itemgetter"])
#: How functions begin that set what their libraries have.
_SETTING = ("set_", "reset_", "option_", "register", "seed", "simplefilter", "filterwarnings")


def _takes_out(callee: Any, n_given: int) -> bool:
    """Whether one of a number of arguments by position may be NumPy's `out`."""
    if isinstance(callee, np.ufunc):
        return n_given > callee.nin
    try:
        names = list(inspect.signature(callee).parameters)
    except (TypeError, ValueError):
        return n_given > 2
    return "out" in names[:n_given]


def sets_state(callee: Any) -> bool:
    """Whether a library's function sets what the library has."""
    return str(getattr(callee, "__name__", "")).startswith(_SETTING)


def reads_only(callee: Any, told: set[str], n_given: int) -> bool:
    """Whether a function leaves what it is given as it is; `told`: the keywords it is given,
    `n_given`: how many arguments by position."""
    name = str(getattr(callee, "__name__", ""))
    if name in _WRITERS or not told.isdisjoint(["copy", "out", "file", "inplace"]):
        return False
    is_in_place = _package(callee) == "operator" and name.startswith("i") and name not in _ASKING
    if is_in_place or name.startswith(_SETTING) or (n_given > 1 and _takes_out(callee, n_given)):
        return False
    package = _package(callee)
    return package in _READING_MODULES or (package in LIBRARIES and not name.startswith("fit"))


def may_raise(callee: Any) -> bool:
    """Whether a function is one to raise errors of what it is given: of a library, by its name;
    of another that has no source, any."""
    name, package = str(getattr(callee, "__name__", "")), _package(callee)
    if package in LIBRARIES or package in _READING_MODULES:
        return name.startswith(("assert", "check", "raise", "validate"))
    return not (callee is print or package == "builtins")


def _package(callee: Any) -> str:
    package = package_of(callee)
    owner = getattr(callee, "__self__", None)
    if not package and owner is not None:
        package = package_of(type(owner))
    return package.lstrip("_")


#: Methods of operators that only look.
_LOOKING = frozenset(
    f"__{name}__"
    for name in ["abs", "add", "and", "array", "bool", "contains", "eq", "float", "format", "ge",
                 "getitem", "gt", "hash", "index", "int", "invert", "iter", "le", "len", "lt",
                 "mod", "mul", "ne", "neg", "or", "radd", "repr", "rmul", "rsub", "str", "sub"]
)  # fmt: skip


def changes(value: Any, name: str, told: set[str]) -> bool:
    """Whether a method changes the object of a library, or the container, that it is of."""
    is_named = name in WRITING or (name in KEEPING and not holds_numbers(value))
    if is_named or not told.isdisjoint(["inplace", "out"]):
        return True
    if name.startswith("__") and name not in _LOOKING:
        return True
    if package_of(type(value)) not in LIBRARIES or isinstance(
        value, (pd.DataFrame, pd.Series, pd.Index, np.ndarray, list, dict, set)
    ):
        return False
    return not (sp.issparse(value) or name.startswith(_READING) or name in MAKING)


def is_taken(name: str, *, is_used: bool) -> bool:
    """Whether a method whose source is not looked into takes in what it is given: one whose
    answer is used asks for something."""
    return not is_used or takes(name)


def takes(name: str) -> bool:
    """Whether a method's name says that it takes something in."""
    is_operator = name.startswith("__") and name not in _LOOKING
    return is_operator or name in KEEPING or name.startswith(_TAKING)


def writes_files(callee: Any, name: str, given: list[Any]) -> bool:
    """Whether a call may write files; `given` are its arguments as far as they are known."""
    if callee is builtins.open or name == "open":
        return any(not isinstance(v, str) or set(v) & set("wax+") for v in given[1:2])
    return (name in _TO_FILES and bool(given)) or _package(callee) in ("shutil", "tempfile")


def reads_files(callee: Any, name: str) -> bool:
    """Whether a call may read files."""
    is_reader = name in _OF_FILES or name.startswith(("read_", "scan_"))
    return (
        is_reader
        or name.startswith("get_option")
        or (_package(callee) in ("os", "posix", "posixpath") and name != "getenv")
    )


def state_of(callee: Any) -> Any:
    """What a function reads besides its arguments; None: nothing that is known."""
    return os.environ if callee is os.getenv else None


def is_python_ufunc(value: Any) -> bool:
    """Whether a ufunc was made of a Python function, which cannot be seen."""
    return isinstance(value, np.ufunc) and value.__name__.endswith("(vectorized)")


def is_third_party(value: Any) -> bool:
    """Whether a function or object is an installed package's of which nothing is known."""
    kind = value if hasattr(value, "__name__") else type(value)
    package = package_of(kind)
    return is_installed(package) and package not in LIBRARIES
