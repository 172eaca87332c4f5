#!/usr/bin/env python3
"""Generates src/base/math_tables.h: the constants of src/base/math.c.

    python3 tools/gen_math.py > src/base/math_tables.h

`--check` compares with the file instead, and fails when it differs. Everything
is computed in 80 decimal digits and then rounded once, by exact fractions.
"""

import sys
from decimal import Decimal, getcontext
from fractions import Fraction
from pathlib import Path

getcontext().prec = 80
TARGET = Path(__file__).resolve().parent.parent / "src" / "base" / "math_tables.h"

EXP_STEPS = 64  # entries of 2^(j/64)
LOG_STEPS = 128  # intervals of [1, 2)
INVERSE_BITS = 16  # of 1/m
HEAD_BITS = 42  # heads of logarithms are multiples of 2^-42
STEP_BITS = 33  # of log(2) / 64
LN2 = Fraction(Decimal(2).ln())

TEXT = """\
/*
 * math_tables.h: the constants of math.c, correctly rounded from 80 decimal
 * digits. Included by math_exp.h only. Written by tools/gen_math.py.
 */
#ifndef WL_BASE_MATH_TABLES_H
#define WL_BASE_MATH_TABLES_H

/* 2^(j/64) = head + tail. */
static const struct {{
  double head, tail;
}} exp_table[64] = {{
{exp_rows}
}};

/*
 * For m in [1 + j/128, 1 + (j+1)/128): inverse is 1/m to 16 bits, so that its
 * product with half of a double is exact; -log(inverse) = head + tail, less
 * log(2) from LOG_FOLD on, where the logarithm is taken of m/2. Heads are
 * multiples of 2^-42, so that adding k * LN2_HEAD to them is exact.
 */
enum {{ LOG_FOLD = {fold} }};
static const struct {{
  double inverse, head, tail;
}} log_table[128] = {{
{log_rows}
}};

#define LN2_HEAD {ln2_head} /* a multiple of 2^-42 */
#define LN2_TAIL {ln2_tail}
/* log(2) / 64 in two parts; the head has 33 bits, so that k * head is exact */
#define STEP_HEAD {step_head}
#define STEP_TAIL {step_tail}
#define STEPS_PER_UNIT {steps_per_unit} /* 64 / log(2) */

#endif
"""


def hexadecimal(value: float) -> str:
    """As C writes it, without the zeros at the end."""
    mantissa, exponent = value.hex().split("p")
    return f"{mantissa.rstrip('0').rstrip('.')}p{exponent}" if value else "0x0p+0"


def to_multiple(value: Fraction, bits: int) -> Fraction:
    """The nearest multiple of 2^-bits."""
    return Fraction(round(value * 2**bits), 2**bits)


def split(value: Fraction, head: Fraction | None = None) -> tuple[float, float]:
    """value = head + tail; the head is the nearest double unless given."""
    first = float(value) if head is None else float(head)
    return first, float(value - Fraction(first))


def row(*numbers: float) -> str:
    return "    {" + ", ".join(map(hexadecimal, numbers)) + "},"


def exp_rows() -> list[str]:
    return [row(*split(Fraction(Decimal(2) ** (Decimal(j) / EXP_STEPS)))) for j in range(EXP_STEPS)]


def middle(j: int) -> Fraction:
    """Of the j-th interval of [1, 2)."""
    return 1 + Fraction(2 * j + 1, 2 * LOG_STEPS)


def log_fold() -> int:
    """The first interval whose middle is above the square root of 2."""
    return next(j for j in range(LOG_STEPS) if middle(j) ** 2 > 2)


def log_rows() -> list[str]:
    rows = []
    for j in range(LOG_STEPS):
        inverse = to_multiple(1 / middle(j), INVERSE_BITS)
        ratio = Decimal(inverse.numerator) / Decimal(inverse.denominator)
        value = Fraction(-ratio.ln()) - (LN2 if j >= log_fold() else 0)
        rows.append(row(float(inverse), *split(value, to_multiple(value, HEAD_BITS))))
    return rows


def generate() -> str:
    step = LN2 / EXP_STEPS
    # Its leading bit is worth 2^-7.
    step_head, step_tail = split(step, to_multiple(step, STEP_BITS + 6))
    ln2_head, ln2_tail = split(LN2, to_multiple(LN2, HEAD_BITS))
    return TEXT.format(
        exp_rows="\n".join(exp_rows()),
        fold=log_fold(),
        log_rows="\n".join(log_rows()),
        ln2_head=hexadecimal(ln2_head),
        ln2_tail=hexadecimal(ln2_tail),
        step_head=hexadecimal(step_head),
        step_tail=hexadecimal(step_tail),
        steps_per_unit=hexadecimal(float(EXP_STEPS / LN2)),
    )


def main() -> None:
    text = generate()
    if sys.argv[1:] != ["--check"]:
        sys.stdout.write(text)
    elif text != TARGET.read_text():
        sys.exit(f"{TARGET.name} is not what tools/gen_math.py writes")


if __name__ == "__main__":
    main()
