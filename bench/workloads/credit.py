"""Will a borrower be late by ninety days? Numbers, features of them, trees."""

from __future__ import annotations

import credit
import numpy as np
import pandas as pd

from . import Workload, parts_of

CHEAP = ["age", "RevolvingUtilizationOfUnsecuredLines", "NumberOfTimes90DaysLate"]


def make(is_quick: bool) -> Workload:
    rows = credit.load()
    function = credit.fit(rows.train, rows.labels)

    def cheap(loans: pd.DataFrame) -> np.ndarray:
        return loans[CHEAP].to_numpy(float)

    return Workload(
        "credit",
        "borrowers: numbers, and features of them, LightGBM",
        "binary",
        rows.train,
        rows.labels,
        rows.later,
        rows.later_labels,
        function,
        parts_of(function)["model"],
        credit.features,
        cheap=cheap,
    )
