"""Credit: will a borrower be late by ninety days? Numbers, features of them, trees."""

from __future__ import annotations

from typing import Any

import gallery
import lightgbm
import numpy as np
import pandas as pd
import willump

TARGET = "SeriousDlqin2yrs"


def load() -> gallery.Rows:
    table, is_real = gallery.read(
        "credit/give_me_some_credit.csv.gz", "modeldata", "credit_data", na_values=["NA"]
    )
    if is_real:
        return gallery.Rows.drawn(table.drop(columns=["id", TARGET]), table[TARGET], 30_000)
    names = {
        "Amount": "RevolvingUtilizationOfUnsecuredLines",
        "Age": "age",
        "Debt": "DebtRatio",
        "Income": "MonthlyIncome",
        "Seniority": "NumberOfOpenCreditLinesAndLoans",
        "Time": "NumberOfDependents",
    }
    rows = table.rename(columns=names)[list(names.values())].astype(float)
    late = dict.fromkeys(
        [
            "NumberOfTime30-59DaysPastDueNotWorse",
            "NumberOfTime60-89DaysPastDueNotWorse",
            "NumberOfTimes90DaysLate",
        ],
        0.0,
    )
    return gallery.Rows.drawn(rows.assign(**late), table["Status"] == "bad", 2_000)


def features(loans: pd.DataFrame) -> Any:
    f = loans.copy()
    late = [c for c in f.columns if "PastDue" in c or c.endswith("DaysLate")]
    for column in late:
        f[column] = f[column].where(f[column] < 90, np.nan)  # 96 and 98 are codes
    f["times_late"] = sum(f[column].fillna(0.0) for column in late)
    f["has_income"] = f["MonthlyIncome"].notna()
    f["income"] = f["MonthlyIncome"].clip(0.0, 50_000.0)
    f["each"] = f["MonthlyIncome"] / (f["NumberOfDependents"].fillna(0.0) + 1.0)
    f["debt"] = f["DebtRatio"].clip(0.0, 10.0) * f["MonthlyIncome"].fillna(0.0)
    f["use"] = f["RevolvingUtilizationOfUnsecuredLines"].clip(upper=2.0).round(3)
    f["is_young"] = f["age"] < 30
    f["is_old"] = f["age"].between(65, 120)
    return f.to_numpy(float)


def fit(train: pd.DataFrame, labels: Any) -> Any:
    model = lightgbm.LGBMClassifier(n_estimators=100, num_leaves=31, n_jobs=1, verbosity=-1)
    model.fit(features(train), labels)

    @willump.pipeline
    def late(loans: pd.DataFrame) -> Any:
        return model.predict_proba(features(loans))[:, 1]

    return late


if __name__ == "__main__":
    rows = load()
    gallery.run(fit(rows.train, rows.labels), rows)
