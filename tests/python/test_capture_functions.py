"""How functions are followed: statements, helpers, constants, and what stays Python."""

from __future__ import annotations

import copy
import functools
import math
import pickle
import warnings
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import numpy as np
import pandas as pd
import pytest
import willump
from sklearn.linear_model import LinearRegression, LogisticRegression
from willump.capture.sample import as_sample

FRAME = pd.DataFrame(
    {
        "a": [1, 2, 3, 4],
        "b": [0.5, math.nan, -1.5, 2.0],
        "s": pd.Series(["x", "y", math.nan, "x"], dtype="str"),
    },
    index=[10, 11, 12, 13],
)
TABLE = pd.DataFrame({"s": ["x", "y", "y", "z"], "v": [1.0, 2.0, 4.0, 8.0]})
SCALE = {"a": 2.0, "b": 0.5}
MODEL = LinearRegression().fit([[1.0, 2.0], [2.0, 1.0], [0.0, 0.5]], [1.0, 2.0, 3.0])
CLASSIFIER = LogisticRegression().fit([[1.0], [2.0], [3.0], [4.0]], ["no", "no", "yes", "yes"])


def doubled(column: Any, factor: float = 2.0) -> Any:
    """A helper with a default."""
    return column * factor


def logged(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def inner(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs) + 1

    return inner


class Scaler:
    """An object with a method that is followed."""

    def __init__(self, by: float) -> None:
        self.by = by

    def apply(self, column: Any) -> Any:
        return column / self.by

    def __call__(self, column: Any) -> Any:
        return column - self.by


SCALER = Scaler(4.0)


def assigns(f: Any) -> Any:
    f = f.copy()
    f["c"] = f["a"] * 2
    f["c"] += 1
    g = f
    g["d"] = f["c"] - f["b"]
    first, (second, *rest) = f["c"], (f["d"], 1, 2)
    return first + second + len(rest)


def loops(f: Any) -> Any:
    total = 0
    for name, factor in SCALE.items():
        if factor > 1:
            total = total + f[name] * factor
        else:
            total += f[name].fillna(0.0)
    parts = [f[name] for name in ("a", "b") if name in f.columns]
    return total + sum(parts)


def masks(f: Any) -> Any:
    f = f.assign(c=lambda g: 0.0) if False else f.assign(c=0.0)
    f.loc[f["a"] > 2, "c"] = 1.5
    f.loc[f["b"].isna(), "c"] = f["a"]
    return f["c"]


def early(f: Any) -> Any:
    if "missing" in f.columns:
        return f["missing"]
    if f.shape[1] == 3 and len(SCALE) == 2:
        with nullcontext():
            return f["a"] + 1
    return f["a"]


def decorated(f: Any) -> Any:
    @logged
    def inner(column: Any) -> Any:
        return doubled(column, factor=3.0)

    return inner(f["a"]) + (lambda c, k=1: c * k)(f["b"], k=2)


def methods(f: Any) -> Any:
    return SCALER.apply(f["a"]) + SCALER(f["b"]) + f.pipe(lambda g: g["a"] - 1)


def tables(f: Any) -> Any:
    means = TABLE.groupby("s")["v"].mean()
    sums = TABLE.groupby("s", as_index=False).agg(v=("v", "sum"))
    joined = f.merge(sums, on="s", how="left")
    return f["s"].map(means).to_numpy() + joined["v"].fillna(0.0).to_numpy()


def joins(f: Any) -> Any:
    stats = TABLE.groupby("s").agg(low=("v", "min"), high=("v", "max"))
    g = f.join(stats, on="s")
    return (g["high"] - g["low"]).fillna(-1.0)


def renamed_keys(f: Any) -> Any:
    table = TABLE.drop_duplicates("s").rename(columns={"s": "key", "v": "a"})
    g = pd.merge(f, table, left_on="s", right_on="key", how="left")
    return g["a_x"] + g["a_y"].fillna(0.0) + g["key"].isna()


def reindexed(f: Any) -> Any:
    return TABLE.drop_duplicates("s").set_index("s")["v"].reindex(f["s"]).to_numpy()


def predicts(f: Any) -> Any:
    features = np.column_stack([f["a"], f["b"].fillna(0.0)])
    return MODEL.predict(features) * 2 + 1


def classifies(f: Any) -> Any:
    return CLASSIFIER.predict(f[["a"]].to_numpy())


def gives_probabilities(f: Any) -> Any:
    return CLASSIFIER.predict_proba(f[["a"]].to_numpy())


def in_place(f: Any) -> Any:
    f = f.drop(columns=["s"])
    f.fillna(0.0, inplace=True)
    f.rename(columns={"a": "z"}, inplace=True)
    del f["b"]
    return f["z"]


def formats(f: Any) -> Any:
    names = [f"{letter}" for letter in "ab"]
    columns = {name: f[name] for name in names}
    low, high = (-1 if True else 0), 10
    assert low < high
    return columns["a"].clip(low, high) + columns["b"].round(1).fillna(low)


FOLLOWED = [assigns, loops, masks, early, decorated, methods, tables, joins, renamed_keys,
            reindexed, predicts, classifies, gives_probabilities, in_place, formats]  # fmt: skip


def check_same(expected: Any, found: Any) -> None:
    assert type(found) is type(expected)
    assert found.dtype == expected.dtype
    if isinstance(expected, pd.Series):
        pd.testing.assert_series_equal(found, expected)
    elif expected.dtype.kind == "f":
        np.testing.assert_allclose(found, expected, rtol=1e-9)
    else:
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("function", FOLLOWED, ids=lambda f: f.__name__)
def test_statements_are_followed(function: Callable[[Any], Any]) -> None:
    fast = willump.compile(function, sample=FRAME, strict=True)
    others = FRAME.iloc[[2, 1, 1, 3, 0]].set_axis([5, 4, 3, 2, 1])
    for frame in (FRAME, others, FRAME.head(1)):
        check_same(function(frame), fast(frame))


def test_methods_are_compiled_themselves() -> None:
    class Pipeline:
        factor = 3

        def run(self, f: Any) -> Any:
            return f["a"] * self.factor

    fast = willump.compile(Pipeline().run, sample=FRAME, strict=True)
    check_same(FRAME["a"] * 3, fast(FRAME))


def test_caller_s_frame_stays_as_it_is() -> None:
    def sets(f: Any) -> Any:
        f["new"] = f["a"] + 1
        return f["new"]

    frame = FRAME.copy()
    fast = willump.compile(sets, sample=frame, strict=True)
    check_same(sets(FRAME.copy()), fast(frame))
    assert list(frame.columns) == list(FRAME.columns)
    assert "the caller's frame is left as it is" in str(fast.explain())


# ---- Python steps -----------------------------------------------------------------


def odd(column: Any) -> Any:
    return np.cbrt(column)


def part_python(f: Any) -> Any:
    strange = odd(f["b"])
    return f["a"] * 2 + strange.fillna(0.0)


def rows_python(f: Any) -> Any:
    total = 0.0
    for value in f["b"]:
        total += value
    return f["a"] + total


def centred(f: Any) -> Any:
    return (f["a"] - np.cumsum(f["a"])).to_numpy()


def test_what_is_not_known_is_one_python_step() -> None:
    with pytest.warns(willump.PythonStepWarning, match="cbrt"):
        fast = willump.compile(part_python, sample=FRAME)
    check_same(part_python(FRAME), fast(FRAME))
    said = str(fast.explain())
    assert "python" in said
    assert "there is no native form of cbrt" in said
    assert len(fast._steps) == 1
    rows = [{str(k): v for k, v in row.items()} for row in FRAME.to_dict("records")]
    np.testing.assert_allclose(fast(rows[2]), part_python(FRAME)[12])


def one_column_of_python(f: Any) -> Any:
    return np.column_stack([np.cbrt(f["a"]).to_numpy(), f["b"]])


@pytest.mark.parametrize("function", [part_python, one_column_of_python])
def test_no_rows_pass_a_python_step(function: Any) -> None:
    with pytest.warns(willump.PythonStepWarning, match="cbrt"):
        fast = willump.compile(function, sample=FRAME)
    assert fast._steps
    check_same(function(FRAME.iloc[:0]), fast(FRAME.iloc[:0]))


def test_strict_refuses_python_steps_by_line_and_name() -> None:
    with pytest.raises(willump.UnsupportedError, match=r"line \d+: there is no native form"):
        willump.compile(part_python, sample=FRAME, strict=True)


def test_loop_over_rows_is_the_whole_function_in_python() -> None:
    with pytest.warns(willump.PythonStepWarning, match="a loop over rows"):
        fast = willump.compile(rows_python, sample=FRAME)
    frame = FRAME.assign(b=[1.0, 2.0, 3.0, 4.0])
    check_same(rows_python(frame), fast(frame))
    assert "not row-wise" in str(fast.explain())


def test_steps_that_need_all_rows_say_so_and_get_them() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fast = willump.compile(centred, sample=FRAME)
    check_same(centred(FRAME), fast(FRAME))
    assert "not row-wise" in str(fast.explain())


def applies(f: Any) -> Any:
    factor = 3
    lower = [1.0]
    return f["a"] + f["b"].apply(lambda v: round(v * factor, len(lower))).fillna(0.0)


def rows_apply(f: Any) -> Any:
    def one(row: Any) -> float:
        return float(np.cbrt(row["a"])) * SCALE["a"]

    return f["a"] + f.apply(one, axis=1)


def applies_data(f: Any) -> Any:
    mean = f["b"]
    return f["a"].apply(lambda v: v + len(mean))


@pytest.mark.parametrize("function", [applies, rows_apply], ids=lambda f: f.__name__)
def test_functions_of_rows_that_are_not_followed_are_a_step(function: Callable[[Any], Any]) -> None:
    with pytest.warns(willump.PythonStepWarning, match="apply"):
        fast = willump.compile(function, sample=FRAME)
    check_same(function(FRAME), fast(FRAME))
    assert len(fast._steps) == 1


def test_functions_that_see_data_make_all_python() -> None:
    with pytest.warns(willump.PythonStepWarning, match="sees what hangs on the input"):
        fast = willump.compile(applies_data, sample=FRAME)
    check_same(applies_data(FRAME), fast(FRAME))


def test_short_integers_are_read_and_never_overflow() -> None:
    def mixes(f: Any) -> Any:
        return np.column_stack([f["i"], f["u"], f["x"]]) + (f["i"] > 3).to_numpy()[:, None]

    frame = pd.DataFrame({"i": [1, 100], "u": [3, 255], "x": [0.5, 1.5]})
    frame = frame.astype({"i": np.int8, "u": np.uint8})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", willump.PythonStepWarning)
        fast = willump.compile(mixes, sample=frame)
        total = willump.compile(lambda f: f["i"] + f["u"], sample=frame)
    check_same(mixes(frame), fast(frame))
    check_same(frame["i"] + frame["u"], total(frame))


def test_counters_begin_at_zero() -> None:
    fast = willump.compile(assigns, sample=FRAME)
    assert fast.stats()["methods"]["predict"] == {"calls": 0, "rows": 0}
    fast(FRAME)
    assert fast.stats()["methods"]["predict"] == {"calls": 1, "rows": 4}


def test_functions_before_steps_are_numpys_own() -> None:
    with pytest.warns(willump.PythonStepWarning, match=r"np\.log is NumPy's own"):
        fast = willump.compile(lambda f: np.log(f["a"]) > 0.5, sample=FRAME)
    check_same(np.log(FRAME["a"]) > 0.5, fast(FRAME))


def test_compiled_functions_are_pickled() -> None:
    fast = willump.compile(assigns, sample=FRAME)
    again = pickle.loads(pickle.dumps(fast))
    check_same(fast(FRAME), again(FRAME))
    check_same(fast(FRAME), copy.deepcopy(fast)(FRAME))


def picks(f: Any) -> Any:
    return f["a"] * {True: 2.0, False: 1.0}[len(f) > 2]


class Scaled:
    """A callable with a method that is not followed."""

    def __init__(self, factor: float) -> None:
        self.factor = factor

    def times(self, column: Any, plus: float) -> Any:
        try:
            return column.map(lambda value: float(repr(value))) * self.factor + plus
        finally:
            pass

    def __call__(self, column: Any) -> Any:
        while column is None:
            pass
        return self.times(column, 1.0)


@pytest.mark.parametrize("name", ["times", "__call__"])
def test_methods_that_are_not_followed_are_called_with_their_object(name: str) -> None:
    scaled = Scaled(3.0)
    frame = pd.DataFrame({"x": [1.0, 2.5, -4.0]})

    def function(f: pd.DataFrame) -> Any:
        found = scaled.times(f["x"], 2.0) if name == "times" else scaled(f["x"])
        return np.column_stack([f["x"], found])

    with pytest.warns(willump.PythonStepWarning):
        fast = willump.compile(function, sample=frame)
    np.testing.assert_array_equal(fast(frame), function(frame))


def test_data_that_pick_from_a_dict_are_python() -> None:
    with pytest.warns(willump.PythonStepWarning, match="data picks from a dict"):
        fast = willump.compile(picks, sample=FRAME)
    for frame in (FRAME, FRAME.head(1)):
        pd.testing.assert_series_equal(fast(frame), picks(frame))


def test_rows_that_are_followed_show_what_columns_hold() -> None:
    n = 5000
    frame = pd.DataFrame(
        {
            "x": np.zeros(n),
            "s": pd.Series(["a"] * n, dtype="str"),
            "o": pd.Series(["a"] * n, dtype=object),
            "d": pd.Series([pd.Timestamp("2020-01-01")] * n),
        }
    )
    frame.loc[700, "x"], frame.loc[701, "x"], frame.loc[702, "x"] = math.nan, -5.0, 7.0
    frame.loc[650, "s"], frame.loc[651, "o"], frame.loc[652, "d"] = None, None, pd.NaT
    frame.loc[2000, "x"] = 9.0
    sample = as_sample(frame)
    assert len(sample.whole) == 1000
    assert len(sample.rows) == 128
    assert {650, 651, 652, 700, 701, 702} <= set(sample.places.tolist())
    assert sample.rows.index.equals(pd.RangeIndex(128))
    labelled = as_sample(frame.set_axis(frame.index + 3))
    assert labelled.rows.index.tolist() == (labelled.places + 3).tolist()
    few = frame.head(100)
    assert as_sample(few).rows.equals(few)


def test_steps_are_looked_at_on_the_whole_sample() -> None:
    frame = pd.DataFrame({"b": np.arange(1000.0)})
    lengths: list[int] = []

    def noted(column: Any) -> Any:
        lengths.append(len(column))
        return column.to_numpy() + (1.0 if len(column) > 500 else 0.0)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fast = willump.compile(lambda f: noted(f["b"]), sample=frame)
    assert 1000 in lengths
    assert "not row-wise" in str(fast.explain())


def test_artifacts_hold_no_python(tmp_path: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fast = willump.compile(part_python, sample=FRAME)
    fast.save(tmp_path / "steps.willump")
    with pytest.raises(willump.ArtifactError, match="Python steps, which run what they name"):
        willump.load(tmp_path / "steps.willump")


# ---- refusals ---------------------------------------------------------------------


def filters(f: Any) -> Any:
    return f[f["a"] > 2]["b"]


def inner_merge(f: Any) -> Any:
    return f.merge(TABLE.drop_duplicates("s"), on="s")["v"]


def repeats(f: Any) -> Any:
    return f.merge(TABLE, on="s", how="left")["v"]


def forever(f: Any) -> Any:
    return forever(f)


def generates(f: Any) -> Any:
    yield f["a"]


def constant(f: Any) -> Any:
    return 1.0


@pytest.mark.parametrize(
    ("function", "says"),
    [(filters, "answers for 4 rows"), (inner_merge, "how='inner'"), (repeats, "more than once"),
     (generates, "generator"), (constant, "does not hang on its input")],
    ids=lambda v: getattr(v, "__name__", ""),
)  # fmt: skip
def test_what_does_not_answer_each_row_is_refused(
    function: Callable[[Any], Any], says: str
) -> None:
    with pytest.raises(willump.UnsupportedError, match=says):
        willump.compile(function, sample=FRAME)


def test_errors_of_plain_python_are_raised_as_they_are() -> None:
    with pytest.raises(KeyError, match="nothing"):
        willump.compile(lambda f: f["nothing"], sample=FRAME)
    with pytest.raises(RecursionError):
        willump.compile(forever, sample=FRAME)


def test_sample_is_for_functions() -> None:
    with pytest.raises(TypeError, match="sample is for functions"):
        willump.compile(MODEL, sample=FRAME)
    with pytest.raises(ValueError, match="no rows"):
        willump.compile(assigns, sample=FRAME.head(0))


def test_no_rows_are_answered_or_refused_as_by_the_function() -> None:
    fast = willump.compile(assigns, sample=FRAME)
    check_same(assigns(FRAME.head(0)), fast(FRAME.head(0)))
    refusing = willump.compile(predicts, sample=FRAME)
    with pytest.raises(ValueError, match="0 sample"):
        refusing(FRAME.head(0))
