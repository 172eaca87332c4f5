"""Where an input is wrong.

An error keeps the type of the original's and begins with its message; what is
added names the row, the column and the value, and says what to do. Nothing here
runs before something failed.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
#: Names the place of an index into an array of cells.
Place = Callable[[tuple[int, ...]], str]

#: What scikit-learn raises for rows that it cannot read.
ROW_ERRORS = (ValueError, TypeError, AttributeError, OverflowError)

_ANY = re.compile("")
#: How much of a value a message shows.
_SHOWN = 60
#: Rows that are converted at once when looking for a bad cell.
_CHUNK = 1024


def short(value: Any) -> str:
    """The value's repr, cut where it is long; its type, where it has none."""
    if isinstance(value, (str, bytes)):
        value = value[: _SHOWN + 1]
    try:
        text = repr(value)
    except Exception:
        text = f"<{type(value).__name__}>"
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."


def check_instance(estimator: Any) -> None:
    """Refuses what was never fitted, a class or a plain value.

    Raises
    ------
    TypeError
    """
    if isinstance(estimator, type):
        name = estimator.__name__
        raise TypeError(
            f"{name} is a class, not an estimator: pass a fitted instance of it, such as "
            f"{name}().fit(X, y)"
        )
    methods = ("fit", "predict", "transform")
    if not callable(estimator) and not any(hasattr(estimator, name) for name in methods):
        raise TypeError(
            f"expected a fitted instance of an estimator, such as a Pipeline, not "
            f"{short(estimator)} ({type(estimator).__name__})"
        )


def placed(error: Exception, place: str) -> Exception:
    """The same error, with the place at the end of its message."""
    message = error.args[0] if len(error.args) == 1 else None
    if isinstance(error, (UnicodeDecodeError, UnicodeEncodeError)):
        error.reason += f" ({place})"
    elif isinstance(message, str) and message == str(error):
        error.args = (message + ("" if message.endswith("\n") else " ") + f"({place})",)
    else:
        error.add_note(place)
    return error


# ---- text ---------------------------------------------------------------------


def bad_text(row: Any, first: str, encoding: str, errors: str, place: str, number: int) -> str:
    """Raises what scikit-learn's vectorizers raise for a row that is no text.

    `first` is what the original does to a row first, which decides the type and
    the message of its error; bytes it decodes before.
    """
    advice = "give a str, such as '' where the text is missing"
    try:
        if row is np.nan:
            raise ValueError("np.nan is an invalid document, expected byte or unicode string.")
        if isinstance(row, bytes):
            advice = f"decode it, or fit a vectorizer with its encoding instead of {encoding!r}"
            return row.decode(encoding, errors)
        if first == "lower":
            row.lower()
        elif first == "encode":
            row.encode("ASCII", errors="strict")
        elif first == "normalize":
            unicodedata.normalize("NFKD", row)
        _ANY.findall(row)
    except Exception as error:
        placed(error, f"row {number} of {place} is {short(row)}; {advice}")
        raise
    raise TypeError(
        f"expected a str, not {type(row).__name__} (row {number} of {place} is {short(row)})"
    )


def bad_encoding(text: str, place: str, number: int) -> None:
    """Raises Python's error for a str that UTF-8 cannot hold."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        placed(error, f"row {number} of {place}; remove its lone surrogates")
        raise


# ---- numbers ------------------------------------------------------------------


def to_floats(cells: Array, place: Place) -> Array:
    """An array of objects as float64; what NumPy raises names the cell."""
    try:
        return cells.astype(np.float64)
    except Exception as error:
        at = _cell_of(cells, error)
        if at is not None:
            advice = "give numbers, and NaN where one is missing"
            placed(error, f"{place(at)} is {short(cells[at])}; {advice}")
        raise


def _error_of(cells: Array) -> tuple[type, str] | None:
    try:
        cells.astype(np.float64)
    except Exception as error:
        return type(error), str(error)
    return None


def _cell_of(cells: Array, error: Exception) -> tuple[int, ...] | None:
    """The first cell that alone raises the error."""
    wanted = type(error), str(error)
    one = np.empty(1, dtype=object)
    for start in range(0, len(cells), _CHUNK):
        chunk = cells[start : start + _CHUNK]
        if _error_of(chunk) is None:
            continue
        for at, cell in np.ndenumerate(chunk):
            one[0] = cell
            if _error_of(one) == wanted:
                return (start + at[0], *at[1:])
    return None


def not_real(array: Array, place: Place) -> Exception:
    """What ``check_array`` says to complex numbers."""
    error = ValueError(f"Complex data not supported\n{array}\n")
    at = next((at for at, cell in np.ndenumerate(array) if cell.imag != 0), (0,) * array.ndim)
    return _at(error, array, at, place, "give real numbers")


def not_numeric(cells: Array, place: Place) -> Exception:
    """What ``check_array`` says to text; `cells` are objects."""
    error = ValueError(
        "dtype='numeric' is not compatible with arrays of bytes/strings."
        "Convert your data to numeric values explicitly instead."
    )
    first = (0,) * cells.ndim
    for at, cell in np.ndenumerate(cells):
        if isinstance(cell, (str, bytes)):
            if not _is_number(cell):
                return _at(error, cells, at, place, "give numbers")
            first = first if isinstance(cells[first], (str, bytes)) else at
    return _at(error, cells, first, place, "give numbers")


def not_category(at: tuple[int, ...], cell: Any, place: Place) -> Exception:
    """Refuses a cell that is no number, and so unknown, among categories that are."""
    error = ValueError(f"Found unknown categories [{short(cell)}] among numbers")
    return placed(error, f"{place(at)}; give numbers, and NaN where one is missing")


def not_sought(at: tuple[int, ...], cell: Any, sought: float, place: Place) -> Exception:
    """Refuses an object that is a number to one reader and not to another."""
    error = TypeError(
        f"{short(cell)} ({type(cell).__name__}) is {sought} either as an object or as a number, "
        "and SimpleImputer looks for it among objects"
    )
    return placed(error, f"{place(at)}; give numbers, such as X.astype(float)")


def not_words(dtype: Any, has_infinity: bool, is_bool: bool) -> Exception:
    """What encoders say to a column of numbers where their categories are text."""
    if has_infinity:
        return ValueError("Input contains infinity or a value too large for dtype('float64').")
    kind = ValueError if is_bool else TypeError
    return kind(
        f"categories that are text cannot be compared with a column of {dtype}; give text, in "
        "a column of objects or strings"
    )


def not_dates(array: Array, place: Place) -> Exception:
    """Refuses dates, whose number hangs on the unit of their dtype."""
    error = TypeError(f"The dtype {array.dtype} holds dates or durations, not numbers")
    advice = "give numbers, such as days since a date"
    return _at(error, array, (0,) * array.ndim, place, advice)


def not_half(place: str) -> Exception:
    """Refuses float16, in which the original would compute."""
    return TypeError(
        f"float16 is not supported, as the original would compute in it ({place}); "
        "give float32 or float64, such as X.astype(np.float64)"
    )


def _is_number(cell: str | bytes) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _at(
    error: Exception, cells: Array, at: tuple[int, ...], place: Place, advice: str
) -> Exception:
    if cells.size == 0:
        return error
    kind = cells.dtype.kind
    shown = (
        str(cells[at]) if kind in "Mm" else short(cells[at].item() if kind == "c" else cells[at])
    )
    return placed(error, f"{place(at)} is {shown}; {advice}")
