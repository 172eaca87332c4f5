"""Unknown categories: what the original warns about, and what it refuses."""

from __future__ import annotations

import subprocess
import warnings
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import willump
from harness import assert_same_matrix, examples, quiet
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, TargetEncoder
from test_cli import program
from tree_models import assert_native

# ---- warnings ------------------------------------------------------------------

WARNERS: list[Any] = [
    {"handle_unknown": "warn"},
    {"handle_unknown": "warn", "min_frequency": 4},
    {"handle_unknown": "warn", "drop": "first", "max_categories": 2, "sparse_output": False},
    {"handle_unknown": "ignore", "drop": "first"},
    {"handle_unknown": "infrequent_if_exist", "drop": "if_binary", "min_frequency": 3},
    {"handle_unknown": "ignore"},
    {"handle_unknown": "infrequent_if_exist", "min_frequency": 3},
]


def heard(function: Any, *arguments: Any) -> tuple[Any, list[tuple[type, str]]]:
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        result = function(*arguments)
    return result, [(one.category, str(one.message)) for one in said]


def mixed(rng: Any, n: int, words: str, numbers: int) -> Any:
    """Columns of text and of numbers, in turns."""
    return pd.DataFrame(
        {
            "a": rng.choice(list(words), n),
            "b": rng.integers(0, numbers, n),
            "c": rng.choice(list(words), n),
            "d": rng.integers(0, numbers, n) / 2,
        }
    )


@pytest.mark.parametrize("options", WARNERS, ids=repr)
@examples(25, shrinks=False)
@given(st.integers(0, 2**32))
def test_an_encoder_warns_as_the_original_does(options: Any, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, more = mixed(rng, 30, "abc", 3), mixed(rng, rng.integers(1, 9), "abcd", 4)
    columns = ["abcd"[i] for i in rng.permutation(4)[: rng.integers(1, 5)]]
    est = OneHotEncoder(**options).fit(x[columns])
    want, wanted = heard(est.transform, more[columns])
    got, said = heard(assert_native(est).transform, more[columns])
    assert_same_matrix(got, want, bits=True)
    assert said == wanted


def pipeline(model: Any) -> Any:
    return make_pipeline(
        ColumnTransformer(
            [
                ("one", OneHotEncoder(handle_unknown="warn"), ["a", "b"]),
                ("text", CountVectorizer(token_pattern="[a-z]"), "c"),
                ("two", OneHotEncoder(handle_unknown="ignore", drop="first"), ["d", "a"]),
                ("three", OneHotEncoder(handle_unknown="warn", min_frequency=2), ["c", "b"]),
            ]
        ),
        model,
    )


@pytest.mark.parametrize("n_threads", [1, 2])
def test_each_encoder_of_a_pipeline_warns_once_for_all_rows(n_threads: int) -> None:
    rng = np.random.default_rng(0)
    x, more = mixed(rng, 60, "abc", 3), mixed(rng, 30_000, "abc", 3)
    more.loc[[5, 29_000], "a"] = "z"
    more.loc[17_000, "b"] = 9
    more.loc[20_000, "d"] = 9
    for est in (pipeline(Ridge()), pipeline(LogisticRegression())):
        est.fit(x, x["b"] > 1)
        fast = willump.compile(est, n_threads=n_threads)
        _, wanted = heard(est.predict, more)
        assert len(wanted) == 3
        assert heard(fast.predict, more)[1] == wanted
        assert heard(willump.CompiledModel.from_bytes(fast.to_bytes()).predict, more)[1] == wanted
        assert heard(fast.predict, more[:5])[1] == []


def test_a_warning_that_is_an_error_is_raised() -> None:
    est = OneHotEncoder(handle_unknown="warn").fit([["a"], ["b"]])
    fast = willump.compile(est)
    for rows in ([["c"]], [["c"]] * 5000):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with pytest.raises(UserWarning, match=r"in columns \[0\] during transform"):
                fast.transform(rows)
        assert len(heard(fast.transform, rows)[1]) == 1


def test_a_warning_names_the_line_that_called() -> None:
    fast = willump.compile(OneHotEncoder(handle_unknown="warn").fit([["a"], ["b"]]))
    with pytest.warns(UserWarning, match="unknown categories") as said:
        fast.transform([["c"]])
    assert [one.filename for one in said] == [__file__]


def test_the_program_warns_on_standard_error(tmp_path: Path) -> None:
    x = pd.DataFrame({"city": ["Rome", "Oslo", "Rome"], "size": [1.0, 2.0, 3.0]})
    encoder = ColumnTransformer([("city", OneHotEncoder(handle_unknown="warn"), ["city"])])
    est = make_pipeline(encoder, Ridge()).fit(x, x["size"])
    model = tmp_path / "model.willump"
    willump.compile(est).save(model)
    for city, heard_by_all in (("Bonn", True), ("Oslo", False)):
        rows = f"city,size\nRome,1\n{city},2\n".encode()
        result = subprocess.run(
            [program(), "predict", model], input=rows, capture_output=True, timeout=60, check=True
        )
        assert len(result.stdout.splitlines()) == 3
        said = result.stderr.decode()
        assert said.startswith("willump: warning: Found unknown categories") == heard_by_all


# ---- errors --------------------------------------------------------------------


def refusal(function: Any, *arguments: Any) -> str:
    with pytest.raises(ValueError, match="Found unknown categories") as raised:
        function(*arguments)
    return str(raised.value)


def parts(message: str) -> tuple[list[str], int]:
    """The values that a message lists, and the column that it names."""
    assert message.startswith("Found unknown categories [")
    values, _, rest = message.partition("[")[2].rpartition("] in column ")
    found = eval(f"[{values}]", {"np": np, "nan": np.nan})
    plain = [v if isinstance(v, str) or v is None else float(v) for v in found]
    return list(map(repr, plain)), int(rest.split()[0])


ENCODERS: list[Any] = [OneHotEncoder(), OrdinalEncoder(), OneHotEncoder(drop="first")]


@pytest.mark.parametrize("encoder", ENCODERS, ids=repr)
@examples(40, shrinks=False)
@given(st.integers(0, 2**32), st.booleans(), st.booleans())
def test_all_unknown_values_of_the_column_are_listed(
    encoder: Any, seed: int, is_text: bool, missing: bool
) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.choice([3, 40, 9000]))
    known: list[Any] = ["a", "b", "it's", "\u0141\u00f3d\u017a"] if is_text else [0.0, 1.5, 7.0]
    more: list[Any] = ["z", 'say "x"', "\u00e9", "", "A"] if is_text else [-1.0, 1e300, 2.5, 5e-324]
    if missing:
        more += [None, float("nan")] if is_text else [np.nan]
    dtype = object if is_text else np.float64
    x = np.array([[value] * 3 for value in known], dtype=dtype)
    rows = np.empty((n, 3), dtype=dtype)
    for column in range(3):
        rows[:, column] = [known[i] for i in rng.integers(0, len(known), n)]
        for _ in range(rng.integers(0, 8)):
            rows[rng.integers(0, n), column] = more[rng.integers(0, len(more))]
    est = clone(encoder).fit(x)
    fast = willump.compile(est, n_threads=int(rng.integers(1, 3)))
    try:
        want = est.transform(rows)
    except ValueError as error:
        message = refusal(fast.transform, rows)
        (got, column), (wanted, wanted_column) = parts(message), parts(str(error))
        assert (sorted(got), column) == (sorted(set(wanted)), wanted_column)
        known_there = pd.Series(rows[:, column], dtype=object).isin(known)
        assert message.endswith(f"(row {int(np.argmin(known_there))})")
        return
    assert_same_matrix(fast.transform(rows), want, bits=True)


def test_many_unknown_values_are_counted() -> None:
    fast = willump.compile(OrdinalEncoder().fit(pd.DataFrame({"city": ["a", "b"]})))
    for n, tail in ((20, "'20'"), (21, "'20', and 1 more"), (255, "'20', and 235 more"),
                    (9000, "'20', and 236 or more")):  # fmt: skip
        cells = ["a", *(f"{i + 1}" for i in range(n))] * 2
        message = refusal(fast.transform, pd.DataFrame({"city": cells}))
        assert f"{tail}] in column 0 during transform (column 'city') (row 1)" in message
    long = pd.DataFrame({"city": ["\n" * 70 + str(i) for i in range(30)] + ["\x01" * 59, "x" * 99]})
    message = refusal(fast.transform, long)
    assert message.endswith("in column 0 during transform (column 'city') (row 0)")


def test_the_first_column_is_named_whatever_row_comes_first() -> None:
    x = pd.DataFrame({"a": ["x", "y"], "b": ["x", "y"]})
    est = make_pipeline(OneHotEncoder(), Ridge()).fit(x, [0.0, 1.0])
    rows = pd.concat([x] * 9000, ignore_index=True)
    rows.loc[1, "b"] = "early"
    rows.loc[17_000, "a"] = "late"
    for n_threads in (1, 2):
        message = refusal(willump.compile(est, n_threads=n_threads).predict, rows)
        assert "['late'] in column 0 during transform (column 'a') (row 17000)" in message
    message = refusal(willump.compile(est).predict, rows[:17_000])
    assert "['early'] in column 1 during transform (column 'b') (row 1)" in message


def test_an_earlier_step_that_refuses_any_row_speaks_first() -> None:
    x = np.array([[1.0, 2.0], [2.0, 3.0]])
    est = OrdinalEncoder().fit(x)
    rows = np.tile(x, (9000, 1))
    rows[3, 1] = 9.0
    rows[17_000, 0] = np.inf
    for encoder in (est, willump.compile(est)):
        with pytest.raises(ValueError, match="contains infinity"):
            encoder.transform(rows)


# ---- numbers that are objects ------------------------------------------------------

OBJECTS: list[Any] = [
    float, str, np.float32, np.longdouble,
    lambda v: Decimal(repr(v)), lambda v: Fraction(repr(v)), lambda v: repr(v).encode(),
    lambda v: None if v == 2.0 else v, lambda v: "nan" if v == 2.0 else v,
    lambda v: np.nan if v == 2.0 else v,
]  # fmt: skip
READERS: list[Any] = [
    OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
    OneHotEncoder(handle_unknown="ignore", sparse_output=False),
    TargetEncoder(cv=2),
    *(
        SimpleImputer(missing_values=missing, strategy=strategy, add_indicator=add)
        for missing in (np.nan, 0.1, 0.5)
        for strategy in ("constant", "most_frequent", "mean")
        for add in (False, True)
    ),
]


def as_objects(numbers: Any, kind: Any) -> Any:
    cells = np.empty(numbers.shape, dtype=object)
    for at, number in np.ndenumerate(numbers):
        cells[at] = kind(float(number))
    return cells


@examples(150, shrinks=False)
@given(st.integers(0, 2**32), st.sampled_from(OBJECTS), st.sampled_from(READERS))
def test_objects_that_are_almost_numbers_are_the_originals_or_refused(
    seed: int, kind: Any, reader: Any
) -> None:
    rng = np.random.default_rng(seed)
    numbers = rng.choice([0.1, 0.5, 2.0, 3.3], size=(40, 2))
    fitted = pd.DataFrame(numbers, columns=["a", "b"])
    cells = as_objects(numbers, kind)
    if rng.random() < 0.5:
        reader = ColumnTransformer([("picked", reader, ["b", "a"])])
    model = HistGradientBoostingClassifier(max_iter=3, min_samples_leaf=2)
    est = make_pipeline(clone(reader), *([model] if rng.random() < 0.5 else []))
    est.fit(fitted, np.arange(40) % 2)
    method = "predict_proba" if est[-1] is model else "transform"
    fast = willump.compile(est, strict=True)
    rows = pd.DataFrame(cells, columns=["a", "b"])
    for x in (rows, rows.iloc[:1]) if isinstance(reader, ColumnTransformer) else (rows, cells):
        try:
            got = quiet(getattr(fast, method), x)
        except (TypeError, ValueError):
            assert kind is not float
            continue
        want = np.asarray(quiet(getattr(est, method), x), dtype=float)
        np.testing.assert_allclose(got, want, rtol=1e-9)


@pytest.mark.parametrize("strategy", ["constant", "most_frequent"])
def test_none_that_an_imputer_leaves_is_named(strategy: str) -> None:
    fitted = pd.DataFrame({"a": [1.0, np.nan, 1.0], "b": [2.0, 2.0, 3.0]})
    imputer = SimpleImputer(strategy=strategy).fit(fitted)
    fast = willump.compile(imputer, strict=True)
    with pytest.raises(TypeError, match=r"None .*row 0 of column 'a'"):
        fast.transform(pd.DataFrame([{"a": None, "b": 1.0}]))
    with pytest.raises(ValueError, match="does not support data with dtype <U3"):
        fast.transform(np.array([["nan", "2"]]))
