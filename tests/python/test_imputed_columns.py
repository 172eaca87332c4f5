"""Columns of any kind through an imputer to an encoder or a function: what the step behind
sees is what the original's sees, or it is refused.
"""

from __future__ import annotations

import decimal
import random
import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
import willump
from harness import build, examples, quiet
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.feature_selection import VarianceThreshold
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    OneHotEncoder,
    OrdinalEncoder,
    StandardScaler,
    TargetEncoder,
)

nan = np.nan
N_ROWS = 60


def column(cells: list[Any], missing: Any, draw: random.Random) -> Any:
    """A column of objects, a fifth of which is what stands for missing ones."""
    kept = [missing if draw.random() < 0.2 else cell for cell in cells]
    return pd.Series(kept, dtype=object)


def columns_of(draw: random.Random) -> dict[str, Any]:
    """A column of each kind, of text and of numbers; those in a group are for each other."""
    words = draw.choices(["x", "y", "é"], k=N_ROWS)
    whole = draw.choices(range(5), k=N_ROWS)
    found: dict[str, Any] = {}
    for name, missing in (("none", None), ("nan", nan), ("na", pd.NA)):
        found[f"text, {name}"] = column(words, missing, draw)
        found[f"numbers, {name}"] = column(whole, missing, draw)
        found[f"bools, {name}"] = column([each > 2 for each in whole], missing, draw)
        found[f"decimals, {name}"] = column(list(map(decimal.Decimal, whole)), missing, draw)
    text, numbers = found["text, none"], found["numbers, none"]
    found["text as numbers, none"] = column(list(map(str, whole)), None, draw)
    for dtype in ("str", "string", "category"):
        found[f"text, {dtype}"] = text.astype(dtype)
        found[f"text as numbers, {dtype}"] = found["text as numbers, none"].astype(dtype)
    found["text, whole"] = pd.Series(words, dtype=object)
    found["numbers, category"] = numbers.astype("category")
    for dtype in ("Int64", "Float64", "float64"):
        found[f"numbers, {dtype}"] = numbers.astype(dtype)
    found["bools, category"] = pd.Series([each > 2 for each in whole], dtype="category")
    found["bools, boolean"] = found["bools, none"].astype("boolean")
    for dtype in ("int8", "uint8", "int16", "int64", "float32", "bool"):
        found[f"numbers, {dtype}"] = pd.Series(whole).astype(dtype)
    return found


IMPUTERS: list[Any] = [
    None,
    SimpleImputer(),
    SimpleImputer(strategy="most_frequent"),
    SimpleImputer(strategy="constant"),
    SimpleImputer(strategy="constant", fill_value=0),
    SimpleImputer(strategy="constant", fill_value="gone"),
    SimpleImputer(strategy="most_frequent", add_indicator=True),
    SimpleImputer(strategy="most_frequent", missing_values=None),
    SimpleImputer(strategy="most_frequent", missing_values=pd.NA),
    SimpleImputer(strategy="most_frequent", missing_values=0),
]
READERS: list[Any] = [
    OneHotEncoder(handle_unknown="ignore"),
    OneHotEncoder(handle_unknown="ignore", sparse_output=False),
    OneHotEncoder(handle_unknown="ignore", dtype=np.int8),
    OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2),
    TargetEncoder(cv=2),
    FunctionTransformer(np.log1p),
    FunctionTransformer(np.sqrt),
    StandardScaler(),
    None,
]


def pipeline(draw: random.Random) -> tuple[Any, str, str | None]:
    """An imputer and what reads it, alone or in a ColumnTransformer, before a model."""
    steps = [clone(one) for one in (draw.choice(IMPUTERS), draw.choice(READERS)) if one]
    if draw.random() < 0.2:
        steps.insert(draw.randrange(len(steps) + 1), VarianceThreshold())
    model = draw.choice(
        [LogisticRegression(), HistGradientBoostingClassifier(max_iter=3, min_samples_leaf=2)]
    )
    form = draw.choice(["steps", "block", "block", "beside", "passed"])
    if form == "block":
        steps = [ColumnTransformer([("k", make_pipeline(*(steps or ["passthrough"])), ["k"])])]
    elif form == "beside":
        block = make_pipeline(*(steps or ["passthrough"]))
        steps = [ColumnTransformer([("k", block, ["k"]), ("z", StandardScaler(), ["z"])])]
    elif form == "passed":
        steps = [ColumnTransformer([("k", "passthrough", ["k"])]), *steps]
    est = make_pipeline(*steps, model)
    config = draw.choice([None, None, "pandas", "polars"])
    return (est if config is None else est.set_output(transform=config)), form, config


#: What imputers refuse, of which all they see is the dtype, or one cell.
IMPUTERS_SAY = r"does not support data with dtype bool|filling value|boolean value of NA"


def outcome(predict: Any, rows: Any) -> Any:
    try:
        return quiet(predict, rows)
    except (TypeError, ValueError, willump.UnsupportedError) as error:
        return error


def compare(est: Any, fast: Any, rows: Any, case: str) -> Any:
    """What the compiled one answers, which is what the original answers, or refuses."""
    want, got = outcome(est.predict_proba, rows), outcome(fast.predict_proba, rows)
    if not isinstance(want, Exception) and not isinstance(got, Exception):
        near = 1e-6 if "32" in case else 1e-9
        np.testing.assert_allclose(got, want, rtol=near, atol=near * 1e-3, err_msg=case)
    # Categories of bool are numbers to an imputer, and bool to one behind a selector.
    is_told = isinstance(want, Exception) and "bools, category" not in case
    if is_told and re.search(IMPUTERS_SAY, str(want)):
        assert isinstance(got, Exception), f"{case}: {got!r} instead of {want!r}"
    return got


N_COMPARED = {"fit": 0, "fit, refused": 0, "other": 0}


@examples(250, shrinks=False)
@given(st.integers(0, 2**32))
def test_what_is_behind_an_imputer_reads_what_the_originals_reads(seed: int) -> None:
    draw = random.Random(seed)
    known = columns_of(draw)
    numbers = [draw.gauss(0, 1) for _ in range(N_ROWS)]
    frames = {
        name: pd.DataFrame({"k": cells, "z": numbers}).reset_index(drop=True)
        for name, cells in known.items()
    }
    est, form, config = pipeline(draw)
    if config == "polars":  # of which scalers make float64
        del frames["numbers, float32"]
    fitted = draw.choice(list(frames))
    if form == "steps":
        frames = {name: frame[["k"]] for name, frame in frames.items()}
    y = [draw.random() < 0.5 for _ in range(N_ROWS)]
    try:
        quiet(est.fit, frames[fitted], y)
        quiet(est.predict_proba, frames[fitted])
    except Exception:
        return
    fast = build(est)
    case = f"{est} fitted on {fitted}"
    own = compare(est, fast, frames[fitted], case)
    if isinstance(own, Exception):
        # Small integers, in which the original computes, NA, and objects in polars' frames.
        assert re.search("comput|NA|'polars'", str(own)), f"{case}: {own}"
    N_COMPARED["fit, refused" if isinstance(own, Exception) else "fit"] += 1
    kind = fitted.partition(",")[0]
    for name, rows in frames.items():
        if draw.random() < 0.5 or name.startswith(kind):
            got = compare(est, fast, rows, f"{case}, served {name}")
            N_COMPARED["other"] += not isinstance(got, Exception)
    compare(est, fast, frames[fitted].iloc[[draw.randrange(N_ROWS)]], f"{case}, one row")


def test_most_frames_of_fit_were_answered() -> None:
    if not N_COMPARED["fit"]:
        pytest.skip("the test above did not run")
    assert N_COMPARED["fit"] > 5 * N_COMPARED["fit, refused"]
    assert N_COMPARED["other"] > 100


def handed_on(x: Any) -> Any:
    return x


@pytest.mark.parametrize("seed", range(24))
def test_none_that_a_python_step_gives_is_not_nan_to_those_that_compare(seed: int) -> None:
    draw = random.Random(seed)
    fills = SimpleImputer(strategy=draw.choice(["constant", "most_frequent"]))
    encoder = draw.choice([
        OneHotEncoder(handle_unknown="ignore", sparse_output=False), TargetEncoder(cv=2),
        OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
    ])  # fmt: skip
    steps = draw.choice([[fills], [encoder], [fills, encoder]])
    chain = make_pipeline(FunctionTransformer(handed_on), *steps)
    if draw.random() < 0.7:
        chain = ColumnTransformer([("k", chain, ["k"])])
    est = make_pipeline(chain, HistGradientBoostingClassifier(min_samples_leaf=2))
    numbers = pd.DataFrame({"k": draw.choices([0.0, 1.0, 2.0, nan], k=N_ROWS)})
    quiet(est.fit, numbers, (numbers["k"] > 0).astype(int))
    fast = quiet(willump.compile, est)
    objects = numbers.astype(object).where(numbers.notna(), None)
    for rows in (numbers, numbers.astype(object), objects, objects[objects["k"].isna()][:1]):
        want = quiet(est.predict_proba, rows)
        try:
            got = quiet(fast.predict_proba, rows)
        except willump.UnsupportedError as error:
            refused = str(error)
            assert rows["k"].map(lambda cell: cell is None).any(), refused
            continue
        np.testing.assert_allclose(got, want, rtol=1e-12)


@pytest.mark.parametrize("encoder", [OneHotEncoder(handle_unknown="ignore"), TargetEncoder(cv=2)])
@pytest.mark.parametrize("output", ["default", "pandas", "polars"])
def test_text_without_missing_cells_stays_native(encoder: Any, output: str) -> None:
    draw = random.Random(0)
    words = pd.DataFrame({"k": draw.choices(["x", "y"], k=N_ROWS)}, dtype=object)
    imputer = SimpleImputer(strategy="most_frequent").set_output(transform=output)
    if output != "default" and isinstance(encoder, OneHotEncoder):
        encoder = clone(encoder).set_params(sparse_output=False)
    est = make_pipeline(imputer, clone(encoder), LogisticRegression())
    est.fit(words, draw.choices([0, 1], k=N_ROWS))
    fast = willump.compile(est, strict=True)
    some = words.copy()
    some.iloc[::5] = None
    for rows in (words, some, some.iloc[:1], words.iloc[:1], some.fillna(nan)):
        np.testing.assert_allclose(fast.predict_proba(rows), est.predict_proba(rows), rtol=1e-12)
