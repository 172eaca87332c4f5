"""Will a borrower be late by ninety days? Numbers, features of them, trees."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

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
        polars=lambda: polars_features(list(rows.train.columns)),
    )


def polars_features(names: list[str]) -> Callable[[Any], np.ndarray]:
    """The same features of a polars frame of columns of these names."""
    import polars as pl

    def known(name: str) -> Any:
        return pl.col(name).cast(pl.Float64).fill_nan(None)

    late = {
        name: pl.when(known(name) < 90).then(known(name))
        for name in names
        if "PastDue" in name or name.endswith("DaysLate")
    }
    income, age = known("MonthlyIncome"), known("age")
    use = known("RevolvingUtilizationOfUnsecuredLines").clip(upper_bound=2.0)
    columns = [
        *(late.get(name, known(name)).alias(name) for name in names),
        pl.sum_horizontal(column.fill_null(0.0) for column in late.values()).alias("times_late"),
        income.is_not_null().alias("has_income"),
        income.clip(0.0, 50_000.0).alias("income"),
        (income / (known("NumberOfDependents").fill_null(0.0) + 1.0)).alias("each"),
        (known("DebtRatio").clip(0.0, 10.0) * income.fill_null(0.0)).alias("debt"),
        use.round(3, mode="half_to_even").alias("use"),
        (age < 30).fill_null(False).alias("is_young"),
        age.is_between(65, 120).fill_null(False).alias("is_old"),
    ]
    columns = [column.cast(pl.Float64).fill_null(float("nan")) for column in columns]
    return lambda loans: np.asarray(loans.select(columns).to_numpy(order="c"))
