"""`pd.to_datetime(text, format=...)` where every part of the format has a fixed width.

What is not zero-padded, which pandas takes in some formats and not in others, is refused by
name, as is what no calendar has. With `errors="coerce"` what no calendar has is missing, and
so is text that pandas cannot take: it has not even the format's shape.

Without a format pandas guesses that of the first text of each call, and where it cannot, reads
each by itself. Text of the sample's format, years first, is read alike either way, whatever row
comes first; any other is refused. With `errors="coerce"` text without digits or the names of days
and months is missing either way.
"""

from __future__ import annotations

import functools
import math
import re
import warnings
from dataclasses import dataclass
from typing import Any

import pandas as pd
from pandas.tseries.api import guess_datetime_format

from .columns import emit
from .registry import Call, function
from .values import Column, Native, NotNative, Traced

#: Directives, how many digits they have, and the first number that is too large.
_PARTS = {"Y": (4, 10000), "m": (2, 13), "d": (2, 32), "H": (2, 24), "M": (2, 60), "S": (2, 60)}
_DAY = 86400e6
_SECONDS = {"H": 3600, "M": 60, "S": 1}
#: What may be a digit to Python.
_DIGIT = r"[0-9\x{80}-\x{10ffff}]"
#: In some formats a sign is a digit of a year.
_YEAR = rf"\s?(?:{_DIGIT}{{4}}|[-+]{_DIGIT}{{1,6}})"
#: Text that is missing to pandas.
_MISSING = r"\A(?:NaT|nat|NAT|nan|NaN|NAN)?\z"
_GONE = frozenset(["", "NaT", "nat", "NAT", "nan", "NaN", "NAN"])
#: Formats of which pandas guesses no other one of any text that they fit.
_GUESSED = re.compile(r"%Y([-/.]?)%m\1%d([T ]%H:%M(:%S(\.%f)?)?)?")
#: Text that no guess makes a moment, and no reading of single texts.
_NO_MOMENT = (
    r"(?i:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|mon|tue|wed|thu|fri|sat|sun|now|today)"
    rf"|{_DIGIT}"
)


@function(pd.to_datetime)
def to_datetime(call: Call) -> Native:
    own = call.bind("arg", format=None, errors="raise")
    if not isinstance(own.arg, Traced) or not isinstance(own.arg.value, pd.Series):
        raise NotNative("to_datetime of what is no column")
    column = call.tracer.column(own.arg)
    if not column.is_text:
        raise NotNative(f"to_datetime of {column.dtype}")
    is_guessed = own.format is None
    format = _guessed(own.arg.value) if is_guessed else own.format
    if not isinstance(format, str) or own.errors not in ("raise", "coerce"):
        raise NotNative(f"to_datetime with format={format!r} and errors={own.errors!r}")
    return _Parser(call, column, format, own.errors == "coerce", is_guessed).moments()


def _guessed(texts: Any) -> str:
    """The format of all texts of the sample, which pandas guesses of the first."""
    known = [text for text in texts if isinstance(text, str) and text not in _GONE]
    if not known:
        raise NotNative("to_datetime without a format, of text that is missing in the sample")
    with warnings.catch_warnings():  # pandas has said it already
        warnings.simplefilter("ignore")
        found = guess_datetime_format(known[0])
    if found is None or not _GUESSED.fullmatch(found):
        raise NotNative(f"to_datetime without a format: that of {known[0]!r} is none of ISO 8601")
    return str(found)


@dataclass
class _Parser:
    """Makes the nodes of one call."""

    call: Call
    column: Column
    format: str
    coerces: bool
    is_guessed: bool

    def moments(self) -> Column:
        places, pattern, shape = self._places()
        if not {"Y", "m", "d"} <= set(places):
            raise NotNative(f"to_datetime({self.format!r}) without a year, a month and a day")
        text = self._there(pattern, shape)
        parts = {name: self._part(text, *place) for name, place in places.items()}
        there = self._is_there(parts)
        gone = emit(self.call, "is_missing", [parts["Y"]], "bool", text.rows)
        if not self.coerces:
            found = self._microseconds(parts)
            return self._required(self._number("logical_or", there, gone), found)
        if "S" in parts:  # to pandas, seconds of the next minute
            pairs = self._number("floor_divide", parts["S"], 2.0)
            there = self._required(self._number("not_equal", pairs, 30.0), there)
        for name, part in parts.items():
            parts[name] = emit(
                self.call, "where", [there, part], "float64", text.rows, otherwise=math.nan
            )
        return self._microseconds(parts)

    def _there(self, pattern: str, shape: str) -> Column:
        """The text that fits the format, and "" where a moment is missing; else an error."""
        if self.coerces:
            fits, missing = self._matches(pattern), self._matches(_MISSING)
            taken = _NO_MOMENT if self.is_guessed else rf"{shape}|\A(?:now|today)\z"
            none = self._number("equal", self._matches(taken), 0.0)
            missing = self._number("logical_or", missing, none)
            text = self._required(self._number("logical_or", fits, missing), self.column)
        else:
            text = self._required(self._matches(f"{pattern}|{_MISSING}"), self.column)
            size = emit(self.call, "measure_text", [text], "float64", text.rows, function="length")
            fits = self._number("greater", size, 3.0)  # what is missing has three letters at most
        return emit(
            self.call, "choose_text", [fits, text], "str", text.rows, otherwise="",
            missing="otherwise",
        )  # fmt: skip

    def _is_there(self, parts: dict[str, Column]) -> Column:
        """Whether a calendar and a clock have it."""
        days = self._number("multiply", self._days(parts["Y"], parts["m"], parts["d"]), _DAY)
        fits = []
        for wanted, name in (("year", "Y"), ("month", "m"), ("day", "d")):
            again = emit(self.call, "date_part", [days], "float64", days.rows, part=wanted)
            fits.append(self._number("equal", again, parts[name]))
        for name, part in parts.items():
            if name in _PARTS:
                fits.append(self._number("less", part, float(_PARTS[name][1])))
        return functools.reduce(lambda a, b: self._number("logical_and", a, b), fits)

    def _microseconds(self, parts: dict[str, Column]) -> Column:
        days = self._days(parts["Y"], parts["m"], parts["d"])
        seconds = self._number("multiply", days, 86400.0)
        for name, factor in _SECONDS.items():
            if name in parts:
                own = self._number("multiply", parts[name], float(factor))
                seconds = self._number("add", seconds, own)
        found = emit(
            self.call, "binary", [seconds], "datetime", seconds.rows, function="multiply",
            value=1e6, dtype="i64",
        )  # fmt: skip
        if "f" not in parts:
            return found
        return emit(
            self.call, "binary", [found, parts["f"]], "datetime", found.rows, function="add",
            dtype="i64",
        )  # fmt: skip

    def _matches(self, pattern: str) -> Column:
        """Whether text is of a pattern; what is missing is."""
        return emit(
            self.call, "measure_pattern", [self.column], "bool", self.column.rows,
            pattern=pattern, function="contains", missing=1.0,
        )  # fmt: skip

    def _places(self) -> tuple[dict[str, tuple[int, int | None]], str, str]:
        """Where each directive stands, the pattern of the whole, and that of all text that
        pandas may take: no padding, other blanks, other digits, either case."""
        places: dict[str, tuple[int, int | None]] = {}
        pattern, shape, at = "", "", 0
        pieces = re.findall(r"%.|[^%]|%", self.format, re.DOTALL)
        for number, piece in enumerate(pieces):
            if not piece.startswith("%"):
                if not piece.isascii() or piece.isdigit():
                    raise NotNative(f"to_datetime({self.format!r})")
                pattern += re.escape(piece)
                shape += r"\s+" if piece.isspace() else f"(?i:{re.escape(piece)})"
                at += 1
                continue
            name = piece[1:]
            if name == "f" and number == len(pieces) - 1 and len(pieces[number - 1]) == 1:
                places["f"] = at, None
                pattern += "[0-9]{1,6}"
                shape += f"{_DIGIT}*"
                continue
            if name not in _PARTS or name in places:
                raise NotNative(f"to_datetime with {piece}")
            size = _PARTS[name][0]
            places[name] = at, at + size
            pattern += f"[0-9]{{{size}}}"
            shape += _YEAR if name == "Y" else rf"\s?{_DIGIT}{{1,2}}"
            at += size
        return places, rf"\A{pattern}\z", rf"\A{shape}\z"

    def _part(self, text: Column, start: int, stop: int | None) -> Column:
        piece = emit(
            self.call, "edit_text", [text], "str", text.rows, function="slice", start=start,
            stop=stop,
        )  # fmt: skip
        if stop is not None:
            return self._parsed(piece)
        fraction = emit(self.call, "join_text", [piece], "str", text.rows, parts=["0.", ""])
        found = self._number("multiply", self._parsed(fraction), 1e6)
        return emit(self.call, "ufunc", [found], "float64", text.rows, function="rint")

    def _parsed(self, piece: Column) -> Column:
        return emit(
            self.call, "parse_number", [piece], "float64", piece.rows,
            function="float",
        )  # fmt: skip

    def _days(self, year: Column, month: Column, day: Column) -> Column:
        """Days since 1970, counted from March so that a leap day is a year's last."""
        op = self._number
        early = op("floor_divide", op("subtract", month, 14.0, is_reversed=True), 12.0)
        years = op("subtract", op("add", year, 4800.0), early)
        months = op("subtract", op("add", month, op("multiply", early, 12.0)), 3.0)
        in_year = op("floor_divide", op("add", op("multiply", months, 153.0), 2.0), 5.0)
        found = op("add", op("add", day, in_year), op("multiply", years, 365.0))
        for sign, size in (("add", 4.0), ("subtract", 100.0), ("add", 400.0)):
            found = op(sign, found, op("floor_divide", years, size))
        return op("subtract", found, 32045.0 + 2440588.0)

    def _number(
        self, function: str, a: Column, b: Column | float, *, is_reversed: bool = False
    ) -> Column:
        columns = [a, b] if isinstance(b, Column) else [a]
        attributes: dict[str, Any] = {} if isinstance(b, Column) else {"value": b}
        if is_reversed:
            attributes["reverse"] = True
        is_truth = function in (
            "less",
            "greater",
            "equal",
            "not_equal",
            "logical_and",
            "logical_or",
        )
        dtype = "bool" if is_truth else "float64"
        return emit(self.call, "binary", columns, dtype, a.rows, function=function, **attributes)

    def _required(self, condition: Column, value: Column) -> Column:
        guessed = ", which the sample has" if self.is_guessed else ""
        return emit(
            self.call, "require", [condition, value, self.column], value.dtype, value.rows,
            message=f"line {self.call.tracer.line}: time data doesn't match format "
            f"{self.format!r}{guessed}, or is not padded with zeros",
            names=["time data"],
        )  # fmt: skip
