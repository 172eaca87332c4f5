"""What the dtypes of X's columns decide: whether NumPy's functions compute otherwise than
in float64, and which dtype an answer of whole numbers has.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ._columns import is_frame, library_of, names_of
from ._errors import UnsupportedError
from ._sparse import is_sparse


class FunctionColumns:
    """Refuses columns that a NumPy function of a pipeline would read in a dtype of their
    own: small integers, which wrap around, and in a pandas frame nullable ones, or
    float32 beside others, as it takes each column by itself.

    Parameters
    ----------
    groups : list of dict
        A "function" of NumPy's and what it reads: "names" or "positions" of X's columns
        (neither: all); "joint" says that they are made one array first; "refused" holds the
        dtypes where they are not those that `wraps` tells, UNTYPED among them.
    then : the function from X to the inputs of a model
    """

    def __init__(
        self, groups: Sequence[dict[str, Any]], then: Callable[[Any], tuple[Any, ...]]
    ) -> None:
        self.groups = list(groups)
        self.then = then

    def __call__(self, x: Any) -> tuple[Any, ...]:
        inputs = self.then(x)  # first, as it checks that the columns are there
        if type(x) in (list, tuple):  # of which the function makes an array itself
            x = _array_of(x)
        if isinstance(x, dict) or is_sparse(x) or not hasattr(x, "shape"):
            return inputs
        if not is_frame(x):
            for group in self.groups:
                if _is_refused(x.dtype, group["function"], group.get("refused"), is_frame=False):
                    self._refuse("X", x.dtype, group["function"])
            return inputs
        for group in self.groups:
            self._check(x, **group)
        return inputs

    def _check(
        self,
        x: Any,
        function: str,
        names: list[str] | None,
        positions: list[int] | None,
        joint: bool,
        refused: list[str] | None = None,
    ) -> None:
        library = library_of(x)
        dtypes = {key: _dtype_of(x, key, library) for key in _keys_of(x, names, positions)}
        for key, dtype in dtypes.items():
            if _is_refused(dtype, function, refused, has_dtype=library == "pandas"):
                self._refuse(f"column {key!r}", dtype, function)
        if joint or library != "pandas":
            return
        narrow = [key for key, dtype in dtypes.items() if dtype in (np.float32, np.float16)]
        if narrow and len(set(dtypes.values())) > 1:
            raise UnsupportedError(
                f"column {narrow[0]!r} is {dtypes[narrow[0]]} beside columns that are not, and "
                f"numpy.{function} takes each column of a frame in its own dtype; give them "
                "one dtype"
            )
        for key, dtype in dtypes.items():
            if not isinstance(dtype, np.dtype) and getattr(dtype, "itemsize", 8) < 8:
                self._refuse(f"column {key!r}", dtype, function)

    def _refuse(self, what: str, dtype: Any, function: str) -> None:
        raise UnsupportedError(
            f"{what} is of {dtype}, in which numpy.{function} does not compute as in float64; "
            "give float64, such as X.astype(float)"
        )


def _array_of(rows: Any) -> Any:
    """What NumPy makes of rows in a list; the list, where that is no array."""
    try:
        return np.asarray(rows)
    except ValueError:
        return rows


class ImputedColumns:
    """Raises as SimpleImputer does where the columns that it reads together are bool, or
    integers to which what it fills with cannot be cast.

    Parameters
    ----------
    groups : list of dict
        "names" or "positions" of the columns (neither: all), and "fill", the dtype of what an
        imputer of constants fills with, or None.
    then : the function from X to the inputs of a model
    """

    def __init__(
        self, groups: Sequence[dict[str, Any]], then: Callable[[Any], tuple[Any, ...]]
    ) -> None:
        self.groups = list(groups)
        self.then = then

    def __call__(self, x: Any) -> tuple[Any, ...]:
        inputs = self.then(x)  # first, as it checks that the columns are there
        if isinstance(x, np.ndarray) and x.dtype.kind == "f":
            return inputs
        if not isinstance(x, (dict, list, tuple)) and not is_sparse(x):
            for group in self.groups:
                keys = group["names"] or group["positions"] or []
                _check_imputed(_dtype_together(x, keys), group["fill"])
        return inputs


def _dtype_together(x: Any, keys: Sequence[Any]) -> np.dtype[Any] | None:
    """NumPy's dtype of columns of X, where it is bool or integers."""
    if not is_frame(x) or library_of(x) != "pandas":
        return whole_dtype(x, keys)
    chosen = _keys_of(x, None, list(keys)) if keys and isinstance(keys[0], int) else keys
    dtypes = list((x[list(chosen)] if chosen else x).dtypes)
    if all(isinstance(dtype, np.dtype) for dtype in dtypes):
        kinds = {dtype.kind == "b" for dtype in dtypes}
        return whole_dtype(x, keys) if len(kinds) == 1 else None  # objects otherwise
    if any(hasattr(dtype, "categories") for dtype in dtypes):
        found = np.asarray(x[list(chosen)] if chosen else x).dtype
        return None if found.kind == "b" else found  # of which scikit-learn makes objects
    return None


def _check_imputed(dtype: np.dtype[Any] | None, fill: str | None) -> None:
    if dtype is None:
        return
    if dtype.kind == "b":
        raise ValueError(
            f"SimpleImputer does not support data with dtype {dtype}. Please provide either a "
            "numeric array (with a floating point or integer dtype) or categorical data "
            "represented either as an array with integer dtype or an array of string values with "
            "an object dtype: give numbers, such as X.astype(float)"
        )
    if fill is not None and not np.can_cast(np.dtype(fill), dtype, casting="same_kind"):
        raise ValueError(
            f"The dtype of the filling value (i.e. {np.dtype(fill)!r}) cannot be cast to the input "
            f"data that is {dtype!r}. Make sure that the dtypes of the input data are of the same "
            "kind between fit and transform."
        )


class LikeABooster:
    """Arrays and lists as `lightgbm.Booster.predict` reads them: float32 and float64 as they
    are, any other dtype cast to float32. What cannot be cast goes on, to be refused.

    Parameters
    ----------
    then : the function from X to the inputs of a model of one matrix, which C reads directly
    """

    def __init__(self, then: Callable[[Any], tuple[Any, ...]]) -> None:
        self.then = then

    def __call__(self, x: Any) -> tuple[Any, ...]:
        if type(x) is not np.ndarray and type(x) is not list:
            return self.then(x)
        try:
            array: Any = np.array(x) if type(x) is list else x
            is_read = array.dtype.num in _FLOATS and array.dtype.isnative
            if not is_read and array.ndim == 2 and array.dtype.kind in "biufO":
                with np.errstate(all="ignore"):
                    array = array.astype(np.float32)
        except (ValueError, TypeError, OverflowError):  # the cell is named where it is read
            return (x,)
        return (array if array.ndim == 2 and array.dtype.kind in "biuf" else x,)


class WideIntegers:
    """LightGBM's estimators cast arrays that are not of floats to float32, and so round large
    integers: these are cast here too where no one else reads X, and refused elsewhere.

    Parameters
    ----------
    groups : list of (list of int, bool)
        The inputs that reach a model as one array, and whether it takes a frame itself, of
        which it makes float64.
    casts : bool
        X is what the models are given, and nothing else reads it.
    then : the function from X to the inputs of a model
    """

    def __init__(
        self,
        groups: Sequence[tuple[Sequence[int], bool]],
        casts: bool,
        then: Callable[[Any], tuple[Any, ...]],
    ) -> None:
        self.groups = list(groups)
        self.casts = casts
        self.then = then

    def __call__(self, x: Any) -> tuple[Any, ...]:
        if self.casts:
            return self.then(_in_single(x))
        inputs = self.then(x)
        if isinstance(x, np.ndarray) and _is_read(x.dtype):
            return inputs
        for group, takes_frames in self.groups:
            if not (takes_frames and is_frame(x)):
                _refuse_rounded([inputs[i] for i in group])
        return inputs


def wide_groups(texts: Sequence[dict[str, str]]) -> list[tuple[list[int], bool]]:
    """The groups of `WideIntegers`, from what each input's `first` says: "wide=" with the
    number of a group, and "f" behind it where that takes frames."""
    found: dict[str, list[int]] = {}
    for number, text in enumerate(texts):
        for word in text.get("first", "").split():
            if word.startswith("wide="):
                found.setdefault(word.partition("=")[2], []).append(number)
    return [(group, name.endswith("f")) for name, group in found.items()]


def _is_read(dtype: np.dtype[Any]) -> bool:
    """Whether LightGBM, or check_array before it, reads an array of it without a cast."""
    return (dtype.num in _FLOATS and dtype.isnative) or dtype.kind not in "biuf"


def _in_single(x: Any) -> Any:
    if type(x) is list:
        try:
            array = np.array(x)
        except ValueError:  # the cell is named where it is read
            return x
        return array.astype(np.float32) if array.ndim == 2 and array.dtype.kind in "iu" else x
    if not isinstance(x, np.ndarray) or _is_read(x.dtype) or x.dtype.itemsize < 4:
        return x
    return x.astype(np.float32)


def _refuse_rounded(given: Sequence[Any]) -> None:
    """Raises where columns of no dtype that LightGBM reads hold what float32 does not."""
    arrays = []
    for each in given:
        if is_sparse(each) or (is_frame(each) and whole_dtype(each, []) is None):
            return
        array = np.asarray(each)
        if _is_read(array.dtype):
            return  # all of them are float64, then
        arrays.append(array)
    for array in arrays:
        wrong = np.argwhere(array != array.astype(np.float32))
        if len(wrong):
            at = tuple(wrong[0])
            raise UnsupportedError(
                f"row {at[0]}{f' of column {at[1]}' if len(at) > 1 else ''} of X is {array[at]} "
                f"({array.dtype}), which LightGBM would round to float32; give float64, such as "
                "X.astype(float)"
            )


#: The numbers of float32 and float64 among NumPy's dtypes.
_FLOATS = (np.dtype(np.float32).num, np.dtype(np.float64).num)

#: float32 in a table that has no dtype to scikit-learn, and in a frame of pandas, to which
#: NumPy's scalars are Python's.
UNTYPED, FRAMED = "untyped float32", "float32 of a frame"


def dtypes_of_product(weight: Any) -> list[str]:
    """The dtypes whose product with a weight is not that of the same numbers in float64."""
    found = []
    for name in ("bool", *(f"{u}int{bits}" for u in ("", "u") for bits in (8, 16, 32))):
        try:
            is_wide = (np.ones(1, dtype=name) * weight).dtype.itemsize == 8
        except OverflowError:
            is_wide = False
        found += [] if is_wide else [name]
    found.append("float16")  # of a frame's columns: to pandas any weight is a Python number
    if not isinstance(weight, np.generic):
        return found
    single: Any = np.float32(1)
    return [*found, UNTYPED if (single * weight).dtype == np.float32 else FRAMED]


def _is_refused(
    dtype: Any,
    function: str,
    refused: list[str] | None,
    *,
    has_dtype: bool = True,
    is_frame: bool = True,
) -> bool:
    if refused is None:
        return wraps(function, dtype)
    if _is_single(dtype) and not is_frame:
        return False
    if _is_single(dtype):
        return (FRAMED if has_dtype and isinstance(dtype, np.dtype) else UNTYPED) in refused
    return f"{_kind(dtype)}{getattr(dtype, 'itemsize', 8)}" in {
        f"{np.dtype(name).kind}{np.dtype(name).itemsize}"
        for name in refused
        if name not in (UNTYPED, FRAMED)
    }


class PassedDtypes:
    """Refuses columns of a frame that are float32 to the graph and another dtype to the
    original where they are passed through to a step: pandas makes objects of bool beside
    float32, which a scaler reads as float64, and a weight multiplies each column in the
    column's own dtype.

    Parameters
    ----------
    blocks : list of dict
        "names" or "positions" of the columns that are passed on together (neither: all);
        "weighted" says that they are multiplied.
    then : the function from X to the inputs of a model
    """

    def __init__(
        self, blocks: Sequence[dict[str, Any]], then: Callable[[Any], tuple[Any, ...]]
    ) -> None:
        self.blocks = list(blocks)
        self.then = then

    def __call__(self, x: Any) -> tuple[Any, ...]:
        inputs = self.then(x)  # first, as it checks that the columns are there
        if not isinstance(x, (np.ndarray, dict, list)) and is_frame(x):
            dtypes = _dtypes_of(x)
            single = next((key for key, dtype in dtypes.items() if _is_single(dtype)), None)
            for block in self.blocks if single is not None else ():
                keys = _keys_of(x, block["names"], block["positions"])
                _check_passed(library_of(x), dtypes, keys, single, weighted=block["weighted"])
        return inputs


def _keys_of(x: Any, names: list[str] | None, positions: list[int] | None) -> list[Any]:
    """The columns of a frame with these names or positions; neither: all."""
    if names:
        return names
    every = list(names_of(x))
    return [every[i] for i in positions] if positions else every


def _dtypes_of(x: Any) -> dict[Any, Any]:
    """Of each column of a frame."""
    library = library_of(x)
    if library == "pandas":  # at once: the frame makes a Series of them each time
        return dict(zip(x.columns, x.dtypes, strict=True))
    return {key: _dtype_of(x, key, library) for key in names_of(x)}


def _check_passed(
    library: str, every: dict[Any, Any], keys: list[Any], single: Any, *, weighted: bool
) -> None:
    first, is_pandas = every[keys[0]], library == "pandas"
    is_small = all(_width(every[key]) < 8 for key in keys)
    wrong = None
    if weighted:
        has_single = any(_is_single(every[key]) for key in keys)
        if is_small or has_single:
            wrong = next((key for key in keys if not _is_typed_single(every[key], library)), None)
    elif is_pandas and len(keys) == 1 and not isinstance(first, np.dtype):
        # Of one nullable column pandas makes what it is, of several objects.
        wrong = keys[0] if is_small else None
    elif is_pandas and is_small and len({_kind(every[key]) == "b" for key in keys}) > 1:
        wrong = next(key for key in keys if _kind(every[key]) == "b")
    if wrong is not None:
        raise UnsupportedError(
            f"column {wrong!r} of {every[wrong]} is passed through, and what {library} makes of it "
            f"is another dtype than NumPy's beside float32, as column {single!r} is; give them "
            "one dtype"
        )


def _kind(dtype: Any) -> str:
    return str(getattr(dtype, "kind", "O"))


def _width(dtype: Any) -> int:
    """Bytes of a number, of integers those of the float that NumPy makes of them beside
    float32; 8 of anything else."""
    size = int(getattr(dtype, "itemsize", 8))
    is_wide = _kind(dtype) not in "biuf" or (_kind(dtype) in "iu" and size == 4)
    return 8 if is_wide else size


def _is_single(dtype: Any) -> bool:
    return _kind(dtype) == "f" and _width(dtype) == 4


def _is_typed_single(dtype: Any, library: str) -> bool:
    """float32, and none of pandas' own, which multiplies in float32 and gives objects."""
    return _is_single(dtype) and (library != "pandas" or isinstance(dtype, np.dtype))


def whole_dtype(x: Any, keys: Sequence[Any]) -> np.dtype[Any] | None:
    """NumPy's common dtype of the columns of X with these names or positions (none: all),
    where it holds bool or integers."""
    if not is_frame(x):
        dtypes = [x.dtype if hasattr(x, "dtype") else np.asarray(x).dtype]
    else:
        names, library = list(names_of(x)), library_of(x)
        chosen = [names[key] if isinstance(key, int) else key for key in keys] or names
        if library == "pyarrow" and any(x[key].null_count for key in chosen):
            return None
        dtypes = [_dtype_of(x, key, library) for key in chosen]
    if not dtypes or not all(isinstance(dtype, np.dtype) for dtype in dtypes):
        return None
    common = np.result_type(*dtypes) if all(d.kind in "biu" for d in dtypes) else None
    return common if common is not None and common.kind in "biu" else None


def _dtype_of(x: Any, key: Any, library: str) -> Any:
    """A column's dtype, of NumPy where there is one."""
    if library == "pandas":
        return x.dtypes[key]
    if library == "polars":  # nulls make it a float
        return np.asarray(x[key].head(0) if x[key].null_count() == 0 else x[key]).dtype
    return np.dtype(x.schema.field(key).type.to_pandas_dtype())


#: Functions that give an integer itself, or a sign.
SAME_FUNCTIONS = ("positive", "sign", "floor", "ceil", "trunc")


def wraps(function: str, dtype: Any) -> bool:
    """Whether a function's numbers of bool and integers may differ from those of the same
    in float64; of 64 bits only what divides."""
    kind = getattr(dtype, "kind", "O")
    if kind not in "biu" or function in SAME_FUNCTIONS:
        return False
    itemsize = getattr(dtype, "itemsize", 8)
    try:
        result = getattr(np, function)(np.ones(1, dtype=f"{kind}{itemsize}")).dtype
    except TypeError:
        return True
    if result.kind == "f":
        return bool(result != np.float64)
    return itemsize < 8 or function == "reciprocal"
