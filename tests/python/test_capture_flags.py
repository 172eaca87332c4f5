"""Booleans among the columns that a model or a transformer is given, and columns that none of
its parts reads, against scikit-learn and LightGBM."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import lightgbm
import numpy as np
import pandas as pd
import pytest
import willump
from capture_checks import quiet
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.feature_selection import SelectKBest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder, StandardScaler


def rows(n: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "when": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 999, n), unit="h"),
            "x": rng.normal(size=n),
            "paid": rng.random(n) < 0.5,
            "kind": pd.Categorical(rng.choice(list("uvw"), n)),
            "n": rng.integers(0, 9, n),
            "new": rng.random(n) < 0.2,
            "f": rng.normal(size=n).astype(np.float32),
            "k": pd.Series(rng.choice(["a", "b", "c"], n), dtype="str"),
        }
    )


X = rows(240, 0)
Y = (X["x"] + X["paid"] > X["new"]).astype(int)
FLAGS, MIXED, SINGLE = ["paid", "new"], ["x", "paid", "n", "new"], ["f", "paid"]
COLUMNS = [*MIXED, "k"]


def fitted(model: Any, columns: list[str]) -> Any:
    return model.fit(X[columns], Y)


def of(model: Any, columns: list[str], method: str = "predict_proba") -> Callable[[Any], Any]:
    fit = fitted(model, columns)
    return lambda f: getattr(fit, method)(f[columns])


def by_names(remainder: str = "drop", categories: Any = ("k",)) -> Any:
    encoder = OneHotEncoder(handle_unknown="ignore")
    parts = [("n", StandardScaler(), ["x", "n"]), ("c", encoder, list(categories))]
    return make_pipeline(ColumnTransformer(parts, remainder=remainder), LogisticRegression())


WHOLE = fitted(by_names(), list(X))
SOME = fitted(by_names("passthrough"), COLUMNS)
ALIKE = make_pipeline(
    ColumnTransformer([("a", StandardScaler(), ["x"])], remainder="passthrough"),
    RandomForestClassifier(4, random_state=0),
).fit(X[["x", "n", "f"]], Y)
SPLIT = make_pipeline(StandardScaler(), SelectKBest(k=2), LogisticRegression())


def weekend(f: Any) -> Any:
    f = f.copy()
    f["new"] = f["when"].dt.hour >= 20
    return RF.predict_proba(f[MIXED])


LOG = FunctionTransformer(np.log1p).fit(X[FLAGS])


def known(f: Any) -> Any:
    f = f.merge(TABLE, on="k", how="left")
    f["new"] = f["k"].map({"a": True, "b": False}).fillna(False)
    f["paid"] = f["vip"].fillna(False)
    return RF.predict_proba(f[MIXED])


TABLE = pd.DataFrame({"k": ["a", "c"], "vip": [True, False]})
RF = fitted(RandomForestClassifier(4, random_state=0), MIXED)

NATIVE = [
    weekend,
    known,
    of(LogisticRegression(), MIXED),
    of(LogisticRegression(), FLAGS),
    of(GradientBoostingClassifier(n_estimators=4), MIXED),
    of(HistGradientBoostingClassifier(max_iter=4), MIXED, "decision_function"),
    of(lightgbm.LGBMClassifier(n_estimators=4, verbose=-1), MIXED),
    of(SPLIT, MIXED),
    of(make_pipeline(SimpleImputer(), LogisticRegression()), MIXED),
    of(StandardScaler(), MIXED, "transform"),
    of(by_names("passthrough"), COLUMNS),
    of(by_names(categories=["k", "paid"]), COLUMNS),
    # Columns that no part reads, in any order and beside others.
    lambda f: WHOLE.predict_proba(f),
    lambda f: SOME.predict_proba(f[["k", "new", "n", "x", "paid"]]),
    lambda f: SOME.predict_proba(f),
    lambda f: ALIKE.predict_proba(f[["f", "n", "x"]]),
]
#: What booleans are no numbers to: beside float32 they are read as float32, NumPy's logarithm
#: of one is a float16, and an imputer of constants hands on objects.
OTHERS = [
    of(LogisticRegression(), SINGLE),
    lambda f: LOG.transform(f[FLAGS]).to_numpy(),
    of(SimpleImputer(strategy="constant", fill_value=0), MIXED, "transform"),
    of(OrdinalEncoder(), [*FLAGS, "k"], "transform"),
    lambda f: WHOLE.predict_proba(f.assign(x=f["x"] > 0)),
]


def check(function: Any, fast: Any) -> None:
    for later in (X, rows(90, 1), rows(1, 2), X.assign(paid=True), X.assign(new=False)[:5]):
        expected, found = quiet(function, later), quiet(fast, later)
        assert type(found) is type(expected)
        assert np.asarray(found).shape == np.asarray(expected).shape
        np.testing.assert_allclose(
            np.asarray(found, dtype=float), np.asarray(expected, dtype=float), rtol=1e-12
        )


@pytest.mark.parametrize("number", range(len(NATIVE)))
def test_flags_native(number: int) -> None:
    fast = quiet(willump.compile, NATIVE[number], sample=X)
    assert not fast._steps, fast._reasons
    check(NATIVE[number], fast)


@pytest.mark.parametrize("number", range(len(OTHERS)))
def test_flags_otherwise(number: int) -> None:
    check(OTHERS[number], quiet(willump.compile, OTHERS[number], sample=X))


def test_numbers_for_flags() -> None:
    """What came as booleans comes as booleans."""
    fast = quiet(willump.compile, NATIVE[2], sample=X)
    with pytest.raises(TypeError, match="'paid' holds"):
        fast(X.assign(paid=1))


def test_columns_that_no_part_reads() -> None:
    """A transformer by names takes frames without what it leaves out, with others, in any order."""
    for function, read in (
        (lambda f: WHOLE.predict_proba(f), ["k", "n", "x"]),
        (lambda f: SOME.predict_proba(f.assign(x=f["x"] * 2)), ["k", "new", "n", "x", "paid"]),
    ):
        fast = quiet(willump.compile, function, sample=X)
        later = rows(40, 3)
        for frame in (later, later[read], later[read[::-1]], later.assign(other="z")):
            np.testing.assert_allclose(fast(frame), function(frame), rtol=1e-12)
        cells = later.iloc[0][read].to_dict()
        np.testing.assert_allclose(fast(cells), function(later[:1]), rtol=1e-12)
        with pytest.raises(KeyError, match="columns are missing"):
            fast(later[read[1:]])
