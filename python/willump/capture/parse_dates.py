"""`pd.to_datetime(text, format=...)` where every part of the format has a fixed width.

What is not zero-padded, which pandas takes in some formats and not in others, is refused by
name, as is what no calendar has.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import pandas as pd

from .columns import emit
from .registry import Call, function
from .values import Column, Native, NotNative, Traced

#: Directives, how many digits they have, and the first number that is too large.
_PARTS = {"Y": (4, 10000), "m": (2, 13), "d": (2, 32), "H": (2, 24), "M": (2, 60), "S": (2, 60)}
_SECONDS = {"H": 3600, "M": 60, "S": 1}


@function(pd.to_datetime)
def to_datetime(call: Call) -> Native:
    own = call.bind("arg", format=None, errors="raise")
    if not isinstance(own.arg, Traced) or not isinstance(own.arg.value, pd.Series):
        raise NotNative("to_datetime of what is no column")
    column = call.tracer.column(own.arg)
    if not column.is_text:
        raise NotNative(f"to_datetime of {column.dtype}")
    if not isinstance(own.format, str) or own.errors != "raise":
        raise NotNative("to_datetime without a format, or with errors=")
    return _Parser(call, column, own.format).moments()


@dataclass
class _Parser:
    """Makes the nodes of one call."""

    call: Call
    column: Column
    format: str

    def moments(self) -> Column:
        places, pattern = self._places()
        if not {"Y", "m", "d"} <= set(places):
            raise NotNative(f"to_datetime({self.format!r}) without a year, a month and a day")
        checked = self._required(
            emit(
                self.call, "measure_pattern", [self.column], "bool", self.column.rows,
                pattern=pattern, function="contains", missing=1.0,
            ),
            self.column,
        )  # fmt: skip
        parts = {name: self._part(checked, *place) for name, place in places.items()}
        days = self._days(parts["Y"], parts["m"], parts["d"])
        seconds = self._number("multiply", days, 86400.0)
        for name, factor in _SECONDS.items():
            if name in parts:
                own = self._number("multiply", parts[name], float(factor))
                seconds = self._number("add", seconds, own)
        found = emit(
            self.call, "binary", [seconds], "datetime", self.column.rows, function="multiply",
            value=1e6, dtype="i64",
        )  # fmt: skip
        fits = [self._number("less", part, float(_PARTS[name][1])) for name, part in parts.items()]
        for name, part in (("year", "Y"), ("month", "m"), ("day", "d")):
            again = emit(self.call, "date_part", [found], "int64", self.column.rows, part=name)
            fits.append(self._number("equal", again, parts[part]))
        there = fits[0]
        for each in fits[1:]:
            there = self._number("logical_and", there, each)
        gone = emit(self.call, "is_missing", [found], "bool", self.column.rows)
        return self._required(self._number("logical_or", there, gone), found)

    def _places(self) -> tuple[dict[str, tuple[int, int]], str]:
        """Where each directive stands, and the pattern of the whole."""
        places: dict[str, tuple[int, int]] = {}
        pattern, at = "", 0
        for piece in re.findall(r"%.|[^%]|%", self.format, re.DOTALL):
            if not piece.startswith("%"):
                if not piece.isascii() or piece.isdigit():
                    raise NotNative(f"to_datetime({self.format!r})")
                pattern += re.escape(piece)
                at += 1
                continue
            if piece[1:] not in _PARTS or piece[1:] in places:
                raise NotNative(f"to_datetime with {piece}")
            size = _PARTS[piece[1:]][0]
            places[piece[1:]] = at, at + size
            pattern += f"[0-9]{{{size}}}"
            at += size
        return places, rf"\A{pattern}\z"

    def _part(self, text: Column, start: int, stop: int) -> Column:
        piece = emit(
            self.call, "edit_text", [text], "str", text.rows, function="slice", start=start,
            stop=stop,
        )  # fmt: skip
        return emit(self.call, "parse_number", [piece], "float64", text.rows, function="float")

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
        dtype = "bool" if function in ("less", "equal", "logical_and", "logical_or") else "float64"
        return emit(self.call, "binary", columns, dtype, a.rows, function=function, **attributes)

    def _required(self, condition: Column, value: Column) -> Column:
        return emit(
            self.call, "require", [condition, value, self.column], value.dtype, value.rows,
            message=f"line {self.call.tracer.line}: time data doesn't match format "
            f"{self.format!r}, or is not padded with zeros",
            names=["time data"],
        )  # fmt: skip
