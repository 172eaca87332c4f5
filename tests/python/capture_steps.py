"""Functions that have no native form, in a module that an import finds."""

from __future__ import annotations

import os  # noqa: F401  (what an artifact must not reach)
from typing import Any

import numpy as np
import pandas as pd


def ranked(column: Any, *, shift: float = 0.0) -> Any:
    """Not followed: it has a loop over data."""
    total = []
    for value in column:
        total.append(0.0 if value != value else value * 2 + shift)
    return np.array(total)


def scored(frame: pd.DataFrame) -> Any:
    return ranked(frame["x"], shift=0.5) + frame["i"].to_numpy()


def joined(frame: pd.DataFrame) -> Any:
    """Steps that are pandas' methods and operators."""
    wide = frame[["x", "y"]].rolling(1).sum()
    return wide["x"].fillna(1.0) + frame["x"].rank(pct=True).fillna(0.0) * 0.0


def whole(frame: pd.DataFrame) -> Any:
    for _ in frame["x"]:
        break
    return frame["x"].fillna(0.0)
