"""What a function asks for besides values: which columns there are, how many rows, and what
dtypes: answered as plain Python answers, or refused by name."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import willump
from capture_checks import FRAME, LATER, check, quiet
from test_capture_changes import masked_rows

# ---- columns that a function does not name ----------------------------------------------


def all_numbers(df: Any) -> Any:
    total = 0.0
    for c in df.columns:
        if df[c].dtype == float:
            total = total + df[c]
    return total * 1


def whole_matrix(df: Any) -> Any:
    return df.drop(columns=["k"]).to_numpy(dtype=float)


@pytest.mark.parametrize("function", [all_numbers, whole_matrix])
def test_other_columns_than_the_samples_are_refused(function: Any) -> None:
    fast = check(function)
    with pytest.raises(ValueError, match=r"X has others, \['bonus'\]"):
        fast(LATER.assign(bonus=1.0))
    with pytest.raises(ValueError, match="in their order"):
        fast(LATER[LATER.columns[::-1]])
    row = LATER.to_dict("records")[0]
    expected = np.asarray(function(LATER.head(1)), dtype=float)
    np.testing.assert_array_equal(fast(dict(reversed(row.items()))), expected)
    with pytest.raises(ValueError, match="X has others"):
        fast({**row, "bonus": 1.0})


def test_other_columns_that_count_for_nothing_are_passed_over() -> None:
    fast = check(masked_rows)
    other = LATER.assign(bonus=1.0)[["bonus", "k", "y", "n", "x"]]
    np.testing.assert_array_equal(fast(other), masked_rows(LATER))


def test_a_column_that_is_asked_for_later() -> None:
    def bonus(df: Any) -> Any:
        if "bonus" in df.columns:
            return df["x"] + df["bonus"]
        return df["x"] + 0

    fast = check(bonus)
    for rows in (LATER.assign(bonus=1.0), {"x": 1.0, "bonus": 2.0}, [{"x": 1.0, "bonus": 2.0}]):
        with pytest.raises(ValueError, match=r"'bonus'.*asks for"):
            fast(rows)


NUMBERED = pd.DataFrame({"num_a": [1.0, 2.0, 3.0], "x": [5.0, 6.0, 7.0], "num_b": [4, 5, 6]})
MORE = NUMBERED.assign(num_new=10.0, bonus=100.0, cat=pd.Categorical(list("pqr")))
WEIGHTS = {"num_a": 1.0, "bonus": 2.0}


def filled_up(df: Any) -> Any:
    d = df.copy()
    for c in {"bonus", "num_a"} - set(df.columns):
        d[c] = 0.0
    return d[["num_a", "bonus"]].to_numpy()


#: Each answers otherwise where there are more columns.
ASKING = {
    "prefix": lambda df: sum(df[c].astype(float) for c in df.columns if c.startswith("num_")),
    "listed": lambda df: df["x"] * 2 if "bonus" in list(df.columns) else df["x"] + 0,
    "issubset": lambda df: df["x"] * (2 if {"x", "bonus"}.issubset(df.columns) else 1),
    "weights": lambda df: sum(df[c] * WEIGHTS[c] for c in df.columns if c in WEIGHTS),
    "keys": lambda df: sum(df[c] * WEIGHTS[c] for c in df.keys() if c in WEIGHTS),  # noqa: SIM118
    "iterated": lambda df: sum(df[c] * WEIGHTS[c] for c in df if c in WEIGHTS),
    "items": lambda df: sum(v * WEIGHTS[c] for c, v in df.items() if c in WEIGHTS),
    "filled_up": filled_up,
    "filtered": lambda df: df.filter(items=["x", "bonus"]).to_numpy(),
    "attribute": lambda df: df["x"] + getattr(df, "bonus", 0.0),
    "has_attribute": lambda df: df["x"] + (1.0 if hasattr(df, "bonus") else 0.0),
    "in_row": lambda df: df.apply(lambda r: 1.0 if "bonus" in r else 0.0, axis=1),
    "got": lambda df: df["x"] + df.get("bonus", 0.0),
    "categories": lambda df: df["x"] + len(df.select_dtypes("category").columns),
    "dtypes": lambda df: df["x"] + (df.dtypes == "category").sum(),
    "width": lambda df: df["x"] * (2 if df.shape[1] > 4 else 1),
    "unpacked": lambda df: df["x"] * list(df.shape)[1],
    "reindexed": lambda df: df.reindex(columns=["x", "bonus"]).fillna(0.0).to_numpy(),
    "renamed": lambda df: df.drop(columns="x").rename(columns={"bonus": "x"}).get("x", df["x"]),
    "in_columns": lambda df: df["x"] + (0.0 if "bonus" not in df.columns else df["bonus"]),
    "in_frame": lambda df: df["x"] + (0.0 if "bonus" not in df else 1.0),
    "matrix": lambda df: df.select_dtypes("number").to_numpy(),
    "last": lambda df: df.iloc[:, -1].astype(float) if df.shape[0] else df["x"],
}


@pytest.mark.parametrize("name", ASKING)
def test_columns_that_a_function_asks_for_in_other_words(name: str) -> None:
    function = ASKING[name]
    fast = quiet(willump.compile, function, sample=NUMBERED)
    np.testing.assert_array_equal(fast(NUMBERED), function(NUMBERED))
    try:
        expected = np.asarray(function(MORE), dtype=float)
    except (TypeError, ValueError):
        expected = None
    try:
        found = np.asarray(quiet(fast, MORE), dtype=float)
    except (TypeError, ValueError):  # by name
        return
    np.testing.assert_array_equal(found, expected)


def test_columns_in_another_order_behind_a_mask_of_places() -> None:
    def function(df: Any) -> Any:
        return df.loc[:, df.columns.str.startswith("num_")].to_numpy(dtype=float)

    fast = quiet(willump.compile, function, sample=NUMBERED)
    with pytest.raises(ValueError, match="in their order"):
        fast(NUMBERED[["x", "num_a", "num_b"]])


KINDS = pd.DataFrame({"n": [1.5, 2.5], "i": [1, 2], "b": [True, False], "s": ["p", "q"]})
KINDS["f32"], KINDS["i8"] = KINDS["n"].astype("float32"), KINDS["i"].astype("int8")
KINDS["day"] = pd.to_datetime(["2020-01-01", "2021-01-01"])
KINDS["zoned"], KINDS["span"] = KINDS["day"].dt.tz_localize("UTC"), KINDS["day"].diff()
KINDS["o"], KINDS["nullable"] = KINDS["s"].astype(object), KINDS["i"].astype("Int64")


@pytest.mark.parametrize(
    "asked",
    ["any_real_numeric", "bool", "complex", "datetime64", "datetime64_any", "datetime64_ns",
     "extension_array", "float", "integer", "numeric", "object", "signed_integer", "string",
     "timedelta64", "unsigned_integer"],
)  # fmt: skip
def test_questions_for_a_columns_dtype_are_followed(asked: str) -> None:
    ask = getattr(pd.api.types, f"is_{asked}_dtype")
    names = [name for name in KINDS if asked != "string" or name != "o"]

    def function(df: Any) -> Any:
        total = df["n"] * 1.0
        for i, c in enumerate(names):
            if ask(df[c]):
                total = total + 2.0**i
        return total

    fast = willump.compile(function, sample=KINDS, strict=True)
    np.testing.assert_array_equal(fast(KINDS), function(KINDS))


def test_objects_are_asked_whether_they_are_strings() -> None:
    def function(df: Any) -> Any:
        return df["n"] * (2.0 if pd.api.types.is_string_dtype(df["o"]) else 3.0)

    fast = quiet(willump.compile, function, sample=KINDS)
    for rows in (KINDS, KINDS.assign(o=pd.Series(["p", 1], dtype=object))):
        np.testing.assert_array_equal(fast(rows), function(rows))


TABLE = pd.DataFrame({"x": [5.0, 6.0], "v": [1.5, 2.5]})


@pytest.mark.parametrize(
    "function",
    [
        lambda df: df[["num_a", "x"]].to_numpy(),
        lambda df: (
            df.merge(TABLE, on="x", how="left")["v"].fillna(0.0).to_numpy() + df.shape[0] * 0
        ),
        lambda df: df.assign(q=df["x"] * 2)[["q", "x"]].fillna(0).to_numpy(),
        lambda df: df.rename(columns={"x": "y"})["y"] * 2,
        lambda df: df.apply(lambda r: r["x"] + r["num_a"], axis=1),
        lambda df: df.copy().drop(columns=["num_b"]).x * 1,
        lambda df: df[[c for c in ("x", "num_a", "nothing") if c in df.columns]].to_numpy(),
        lambda df: df.loc[:, ["x", "num_b"]].astype(float).to_numpy(),
        lambda df: df.loc[:, "x"] * len(df) / len(df),
        lambda df: df.isna()["x"] * 1.0,
    ],
)
def test_functions_that_name_their_columns_take_others_beside(function: Any) -> None:
    fast = quiet(willump.compile, function, sample=NUMBERED)
    for frame in (MORE, MORE[MORE.columns[::-1]]):
        np.testing.assert_array_equal(quiet(fast, frame), function(frame))


def test_a_column_that_was_asked_for_has_to_be_there() -> None:
    fast = quiet(
        willump.compile,
        lambda df: df["x"] * (2.0 if "num_b" in df.columns else 1.0),
        sample=NUMBERED,
    )
    assert fast(NUMBERED).tolist() == [10.0, 12.0, 14.0]
    with pytest.raises(KeyError, match="num_b"):
        fast(NUMBERED[["x"]])


# ---- what the rows decide ------------------------------------------------------------------


#: Functions that look whether there are rows; by name, those that are native.
ROWS = {
    "len": lambda df: np.zeros(0) if len(df) == 0 else df["y"].to_numpy() * 2,
    "below": lambda df: np.zeros(0) if len(df) < 1 else df["y"].to_numpy() * 2,
    "truth": lambda df: df["y"].to_numpy() * 2 if len(df) else np.zeros(0),
    "not": lambda df: np.zeros(0) if not len(df) else df["y"].to_numpy() * 2,
    "shape": lambda df: df["y"] * 2 if df.shape[0] != 0 else df["y"],
    "empty": lambda df: np.zeros(0) if df.empty else df["y"].to_numpy() * 2,
    "empty_series": lambda df: np.zeros(0) if df["y"].empty else df["y"].to_numpy() * 2,
    "other answer": lambda df: np.zeros(1) if df.empty else df["y"].to_numpy() * 2,
    "other dtype": lambda df: np.zeros(0, int) if df.empty else df["y"].to_numpy() * 2,
    "two": lambda df: df["y"] * (1 if len(df) < 2 else 2),
    "most": lambda df: df["y"] * (1 if len(df) <= 4 else 2),
}
IS_NATIVE = {"len", "below", "truth", "not", "shape", "empty", "empty_series"}


@pytest.mark.parametrize("name", ROWS)
def test_whether_there_are_rows(name: str) -> None:
    function = ROWS[name]
    fast = check(function, LATER, FRAME.head(1))
    assert (name in IS_NATIVE) == (not fast._steps), fast._reasons
    if name in IS_NATIVE:
        plain, found = function(FRAME.head(0)), fast(FRAME.head(0))
        assert type(found) is type(plain)
        np.testing.assert_array_equal(found, plain)


def one_hot(df: Any) -> Any:
    made = pd.get_dummies(df["k"])
    return sum(made[c] * (i + 1.0) for i, c in enumerate(made.columns)).to_numpy()


def has_dummy(df: Any) -> Any:
    made = pd.get_dummies(df["k"])
    return (df["y"] + (made["w"] if "w" in made.columns else 0.0)).to_numpy()


def n_pieces(df: Any) -> Any:
    made = (df["k"] + df["n"].map({9: " a"}).fillna("")).str.split(" ", expand=True)
    return df["y"] * made.shape[1]


#: Each asks for something that the rows decide.
BY_ROWS = {
    "one_hot": one_hot,
    "has_dummy": has_dummy,
    "n_pieces": n_pieces,
    "n_dummies": lambda df: df["y"] * pd.get_dummies(df["k"]).shape[1],
    "transposed": lambda df: df["y"] / df[["x", "y"]].to_numpy().T.shape[1],
    "as_row": lambda df: df["y"].to_numpy() / df["y"].to_numpy()[None, :].shape[1],
    "dtype": lambda df: df["y"] * (2 if df["k"].map({"u": 1, "v": 2}).dtype == "int64" else 3),
    "categories": lambda df: df["y"] * len(df["k"].astype("category").dtype.categories),
    "full": lambda df: df["y"] * len(df.dropna(axis=1).columns),
    "range": lambda df: df["y"] * (2.0 if isinstance(df.index, pd.RangeIndex) else 1.0),
    "first": lambda df: df["y"] * (2.0 if isinstance(df["n"].iloc[0], str) else len(df) / len(df)),
}


@pytest.mark.parametrize("name", BY_ROWS)
def test_what_the_rows_decide_is_no_constant(name: str) -> None:
    sample = FRAME.head(2).assign(k=["u", "v"])
    fast = quiet(willump.compile, BY_ROWS[name], sample=sample)
    for frame in (LATER, FRAME, LATER.set_axis([9, 3, 5, 1, 7])):
        np.testing.assert_allclose(
            np.asarray(quiet(fast, frame), dtype=float),
            np.asarray(quiet(BY_ROWS[name], frame), dtype=float),
        )


def test_the_program_takes_the_columns_that_a_function_asks_for(tmp_path: Any) -> None:
    program = os.environ.get("WILLUMP_CLI") or str(Path(sys.prefix) / "bin" / "willump")
    path, rows = tmp_path / "f.willump", tmp_path / "rows.csv"

    def predict(frame: pd.DataFrame) -> subprocess.CompletedProcess[str]:
        frame.to_csv(rows, index=False)
        command = [program, "predict", path, rows]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    for name, more, said in (
        ("matrix", MORE, "without this one"),
        ("in_columns", NUMBERED.assign(bonus=1.0), "without this one"),
        ("matrix", NUMBERED[["x", "num_a"]], 'no column "num_b"'),
    ):
        quiet(willump.compile, ASKING[name], sample=NUMBERED).save(path)
        done = predict(NUMBERED)
        assert done.returncode == 0
        assert len(done.stdout.splitlines()) == 4
        done = predict(more)
        assert done.returncode != 0
        assert said in done.stderr
