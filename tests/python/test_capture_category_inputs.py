"""Columns that come as pandas categories: what reads their values, and what reads their codes,
against pandas, scikit-learn, LightGBM and XGBoost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pandas as pd
import pytest
import willump
import xgboost
from capture_checks import quiet
from capture_frames import outcome
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

WORDS = pd.CategoricalDtype(["u", "w", "v", "Été", ""])
SIZES = pd.CategoricalDtype([30, 1, 2])


def rows(n: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    words = rng.choice(np.array([*WORDS.categories, None], dtype=object), n)
    sizes = pd.Series(rng.choice([30.0, 1.0, 2.0, np.nan], n)).astype("Float64")
    return pd.DataFrame(
        {
            "x": rng.normal(size=n),
            "c": pd.Series(words).astype(WORDS),
            "n": rng.integers(0, 9, n),
            "m": sizes.astype("Int64").astype(SIZES),
            "k": pd.Series(rng.choice(list("abc"), n), dtype="str"),
        }
    )


X = rows(300, 0)
Y = ((X["x"] > 0) ^ (X["c"] == "u")).astype(int)
ALL, SIZED = ["x", "c", "n", "m"], ["x", "n", "m"]
LIGHT = lightgbm.LGBMClassifier(n_estimators=8, verbose=-1, min_child_samples=5).fit(X[ALL], Y)
BOOST = xgboost.XGBClassifier(n_estimators=8, enable_categorical=True).fit(X[SIZED], Y)
HIST = HistGradientBoostingClassifier(max_iter=8, categorical_features="from_dtype")
HIST_ALL, HIST_SIZED = HIST.fit(X[ALL], Y), HistGradientBoostingClassifier(max_iter=8)
HIST_SIZED.fit(X[SIZED], Y)


def by_columns(encoder: Any, columns: list[str]) -> Any:
    parts = [("n", StandardScaler(), ["x", "n"]), ("c", encoder, columns)]
    return make_pipeline(ColumnTransformer(parts), LogisticRegression()).fit(X, Y)


HOT = by_columns(OneHotEncoder(handle_unknown="ignore"), ["k", "c"])
SIZES_HOT = by_columns(OneHotEncoder(handle_unknown="ignore"), ["m"])
ORDER = by_columns(
    make_pipeline(
        SimpleImputer(strategy="most_frequent"),
        OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
    ),
    ["k", "c"],
)

#: What hangs on the values alone.
VALUES: list[Callable[[pd.DataFrame], Any]] = [
    lambda f: LIGHT.predict_proba(f[ALL])[:, 1],
    lambda f: LIGHT.predict_proba(f.assign(n=f["n"] + 1)[ALL])[:, 1],
    lambda f: BOOST.predict_proba(f[SIZED])[:, 1],
    lambda f: HIST_ALL.predict_proba(f[ALL])[:, 1],
    lambda f: HIST_SIZED.predict_proba(f[SIZED])[:, 1],
    lambda f: HOT.predict_proba(f)[:, 1],
    lambda f: SIZES_HOT.predict_proba(f)[:, 1],
    lambda f: ORDER.predict_proba(f)[:, 1],
    lambda f: (f["c"] == "u") * f["x"],
    lambda f: (f["c"] != "") * 1.0,
    lambda f: (f["m"] == 2) * 1.0,
    lambda f: f["c"].isna() * f["x"],
    lambda f: f["m"].notna() * f["x"],
    lambda f: f["c"].astype(str).fillna("-").isin(["-", "Été"]) * 1.0,
    lambda f: f["c"].isin(["u", "", "other"]) * 1.0,
    lambda f: f["m"].astype(float).fillna(0.5) * 2,
    lambda f: f["c"].cat.set_categories(["v", "u", "q"]).cat.codes.astype(int) * 1.0,
    lambda f: f["c"].astype(pd.CategoricalDtype(["w", "q", "u"])).cat.codes.astype(int) * 1.0,
    lambda f: pd.Categorical(f["m"], categories=[2, 30]).codes.astype(float),
    lambda f: LIGHT.predict_proba(f.assign(c=f["c"].cat.set_categories(WORDS.categories))[ALL]),
    lambda f: pd.get_dummies(f["m"].cat.set_categories([1, 2])).to_numpy().astype(float),
    lambda f: (f["m"] == 9) * 1.0,
    lambda f: f["m"].isin([9, 30]) * 1.0,
    lambda f: (f["m"] != 2) * 1.0,
]
#: What hangs on the categories that a frame's column has.
CODES: list[Callable[[pd.DataFrame], Any]] = [
    lambda f: f["c"].cat.codes.astype(int) * 1.0,
    lambda f: f["m"].cat.codes.astype(int) * 1.0,
    lambda f: pd.get_dummies(f["c"]).to_numpy().astype(float),
    lambda f: pd.get_dummies(f[["c", "m"]], dtype=float).to_numpy(),
    lambda f: f["c"].cat.rename_categories({"u": "U"}).astype(str).eq("U") * 1.0,
    lambda f: f["m"].cat.rename_categories([5, 6, 7]).astype(float),
    lambda f: f["c"].cat.add_categories(["z"]).cat.codes.astype(int) * 1.0,
    lambda f: f["c"].cat.as_unordered().cat.codes.astype(int) * 1.0,
]


def others() -> list[pd.DataFrame]:
    """Frames whose columns have other categories, or the same in another order."""
    turned = rows(60, 5)
    turned["c"] = turned["c"].cat.set_categories(["v", "", "u", "w", "Été"])
    turned["m"] = turned["m"].cat.set_categories([1, 2, 30])
    fewer = rows(3, 6)
    fewer["c"], fewer["m"] = (fewer[n].cat.remove_unused_categories() for n in ("c", "m"))
    more = rows(5, 7).assign(c=pd.Categorical(["u", "q", "v", None, "u"]))
    return [turned, fewer, more]


def check(function: Any, fast: Any, frame: pd.DataFrame, *, may_refuse: bool = False) -> None:
    expected, found = outcome(function, frame), outcome(fast, frame)
    if isinstance(expected, Exception) or (may_refuse and isinstance(found, TypeError)):
        assert isinstance(found, Exception)
        return
    assert not isinstance(found, Exception), found
    tolerance = 1e-6 if function is VALUES[2] else 1e-12
    np.testing.assert_allclose(
        np.asarray(found, float), np.asarray(expected, float), rtol=tolerance
    )


@pytest.mark.parametrize("number", range(len(VALUES)))
def test_values_of_categories(number: int, tmp_path: Path) -> None:
    function = VALUES[number]
    fast = quiet(willump.compile, function, sample=X)
    assert not fast._steps, fast._reasons
    fast.save(tmp_path / "f.willump")
    for model in (fast, willump.load(tmp_path / "f.willump")):
        for frame in (X, rows(70, 3), rows(1, 4), rows(0, 1), *others()):
            check(function, model, frame)
        row = rows(1, 4)
        cells = {name: None if pd.isna(cell) else cell for name, cell in row.iloc[0].items()}
        expected = np.asarray(quiet(function, row), float)
        for given in (cells, [cells]):
            np.testing.assert_allclose(np.asarray(model(given), float), expected, rtol=1e-6)


@pytest.mark.parametrize("number", range(len(CODES)))
def test_codes_of_categories(number: int, tmp_path: Path) -> None:
    """Of other categories they are refused, by the column's name."""
    function = CODES[number]
    fast = quiet(willump.compile, function, sample=X)
    assert not fast._steps, fast._reasons
    fast.save(tmp_path / "f.willump")
    for model in (fast, willump.load(tmp_path / "f.willump")):
        for frame in (X, rows(70, 3), rows(1, 4), rows(0, 1)):
            check(function, model, frame)
        for frame in others():
            check(function, model, frame, may_refuse=True)
    with pytest.raises(TypeError, match=r"column '[cm]' has the categories"):
        fast(others()[0])
