"""Joins with constant tables against pandas, on random keys and tables."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import willump
from hypothesis import given, settings
from hypothesis import strategies as st

TEXTS = st.sampled_from(["", "a", "A", "b", "ΑΣ", "ß", "a longer key than others", math.nan])
INTS = st.integers(-4, 4)
FLOATS = st.sampled_from([0.0, -0.0, 1e-17, 1.0, 1.5, -2.0, 1e300, math.nan, math.inf])
DATES = st.sampled_from([None, "2020-02-29", "1969-12-31 23:59:59", "2000-01-01"]).map(
    lambda d: None if d is None else pd.Timestamp(d)
)
KINDS = {
    "s": (TEXTS, "str"), "o": (st.one_of(TEXTS, st.none()), "object"), "i": (INTS, "int64"),
    "x": (FLOATS, "float64"), "d": (DATES, "datetime64[us]"),
}  # fmt: skip
VALUES = {"v": (FLOATS, "float64"), "w": (INTS, "int64"), "t": (TEXTS, "str")}


def frames(columns: dict[str, Any], min_size: int) -> st.SearchStrategy[pd.DataFrame]:
    cells = st.tuples(*(strategy for strategy, _ in columns.values()))

    def build(rows: list[Any]) -> pd.DataFrame:
        listed = list(zip(*rows, strict=True)) or [() for _ in columns]
        return pd.DataFrame(
            {
                name: pd.Series(list(own), dtype=dtype)
                for (name, (_, dtype)), own in zip(columns.items(), listed, strict=True)
            }
        )

    return st.lists(cells, min_size=min_size, max_size=6).map(build)


def outcome(function: Callable[[Any], Any], frame: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(frame)


def summary(f: pd.DataFrame) -> Any:
    """Numbers of what was joined: values, and which strings are there."""
    return np.column_stack(
        [f["v"], f["w"].fillna(-99.0), f["t"].isna(), f["t"] == "a", f["t"].fillna("") == ""]
    )


@pytest.mark.parametrize(
    "keys", [["s"], ["o"], ["i"], ["x"], ["d"], ["s", "i"], ["x", "s"], ["d", "i", "o"]], ids=str
)
def test_left_merges_are_those_of_pandas(keys: list[str]) -> None:
    columns = {key: KINDS[key] for key in keys}

    @settings(max_examples=10)
    @given(frames(columns | VALUES, 1), frames(columns, 1), frames(columns, 1))
    def compare(table: pd.DataFrame, sample: pd.DataFrame, rows: pd.DataFrame) -> None:
        plain = table[keys].astype({"o": "str"} if "o" in keys else {})  # None is NaN to a merge
        table = table[~plain.duplicated()]

        def joins(f: Any) -> Any:
            return summary(f.merge(table, on=keys, how="left"))

        def looks_up(f: Any) -> Any:
            renamed = table.rename(columns={key: f"{key}_2" for key in keys})
            g = f.merge(renamed, left_on=keys, right_on=[f"{key}_2" for key in keys], how="left")
            return summary(g)

        function = joins if len(table) % 2 else looks_up
        fast = willump.compile(function, sample=sample, strict=True)
        np.testing.assert_array_equal(fast(rows), outcome(function, rows))

    compare()


@pytest.mark.parametrize("key", ["s", "i", "x"])
def test_indexes_are_looked_up_as_by_pandas(key: str) -> None:
    columns = {key: KINDS[key]}

    @settings(max_examples=10)
    @given(frames(columns | VALUES, 1), frames(columns, 1), frames(columns, 1))
    def compare(table: pd.DataFrame, sample: pd.DataFrame, rows: pd.DataFrame) -> None:
        table = table.drop_duplicates(key).set_index(key)

        def maps(f: Any) -> Any:
            return f[key].map(table["v"]).to_numpy()

        def joins(f: Any) -> Any:
            return summary(f.join(table, on=key))

        def merges(f: Any) -> Any:
            return summary(f.merge(table, left_on=key, right_index=True, how="left"))

        def reindexes(f: Any) -> Any:
            return table["v"].reindex(f[key]).to_numpy()

        def names(f: Any) -> Any:
            return summary(f.merge(table, on=key, how="left"))

        function = (maps, joins, merges, reindexes, names)[len(table) % 5]
        fast = willump.compile(function, sample=sample, strict=True)
        np.testing.assert_array_equal(fast(rows), outcome(function, rows))

    compare()


def test_levels_of_a_tables_index_are_keys_by_name() -> None:
    rows = pd.DataFrame({"s": ["a", "b", "a", "z"], "i": [1, 2, 3, 4], "x": [0.5, 1.5, 2.5, 3.5]})
    table = rows.head(3).groupby(["s", "i"]).agg(m=("x", "mean"))

    def both(f: Any) -> Any:
        return f.merge(table, on=["s", "i"], how="left")["m"].to_numpy()

    def one(f: Any) -> Any:
        own = table.reset_index("s").drop_duplicates("s").set_index("s", append=True)
        return f.merge(own, left_on=["s"], right_on=["s"], how="left")["m"].to_numpy()

    for function in (both, one):
        fast = willump.compile(function, sample=rows)
        np.testing.assert_array_equal(fast(rows[::-1]), function(rows[::-1]))


def test_columns_that_are_not_used_are_not_stored() -> None:
    table = pd.DataFrame({"k": range(100), "v": range(100), "big": ["x" * 1000] * 100})
    rows = pd.DataFrame({"k": [1, 200, 3]})
    fast = willump.compile(
        lambda f: f.merge(table, on="k", how="left")["v"].to_numpy(), sample=rows, strict=True
    )
    np.testing.assert_array_equal(fast(rows), [1.0, math.nan, 3.0])
    assert len(fast.to_bytes()) < 20_000


def test_a_key_is_looked_up_once() -> None:
    table = pd.DataFrame({"k": range(9), "j": range(9), "v": 1.0, "w": 2.0})
    rows = pd.DataFrame({"k": [1, 2], "j": [1, 3]})

    def twice(f: Any) -> Any:
        g = f.merge(table[["k", "j", "v"]], on=["k", "j"], how="left")
        h = f.merge(table[["k", "j", "w"]], on=["k", "j"], how="left")
        return np.column_stack([g["v"], h["w"]])

    fast = willump.compile(twice, sample=rows, strict=True)
    np.testing.assert_array_equal(fast(rows), twice(rows))
    assert fast.explain().graph.count("match(") == 1


def test_none_and_nan_are_one_key_and_so_refused() -> None:
    table = pd.DataFrame({"k": pd.Series(["a", None, math.nan], dtype=object), "v": 1.0})
    sample = pd.DataFrame({"k": pd.Series(["a"], dtype=object)})
    with pytest.raises(willump.UnsupportedError, match="more than once"):
        willump.compile(lambda f: f.merge(table, on="k", how="left")["v"], sample=sample)


def test_keys_beyond_the_exact_doubles_are_refused() -> None:
    table = pd.DataFrame({"k": [2**60, 2**60 + 1], "v": [1.0, 2.0]})
    with pytest.raises(willump.UnsupportedError, match=r"2\^53"):
        willump.compile(
            lambda f: f.merge(table, on="k", how="left")["v"],
            sample=pd.DataFrame({"k": [1]}),
            strict=True,
        )


# ---- rows whose key must be there -------------------------------------------------------


@pytest.mark.parametrize("keys", [["s"], ["i"], ["x"], ["d"], ["s", "i"]], ids=str)
def test_inner_merges_are_those_of_pandas_or_name_the_row(keys: list[str]) -> None:
    columns = {key: KINDS[key] for key in keys}

    @settings(max_examples=10)
    @given(frames(columns | VALUES, 1), frames(columns, 1))
    def compare(table: pd.DataFrame, rows: pd.DataFrame) -> None:
        table = table[~table[keys].duplicated()]

        def joins(f: Any) -> Any:
            g = f.merge(table, on=keys)
            return np.column_stack([g["v"], g["w"], g["t"].isna(), g[keys[0]].isna()])

        fast = willump.compile(joins, sample=table[keys], strict=True)
        expected = outcome(joins, rows)
        if len(expected) == len(rows):
            np.testing.assert_array_equal(fast(rows), expected)
        else:
            with pytest.raises(KeyError, match="would leave this row out"):
                fast(rows)

    compare()


def test_left_rows_of_an_inner_merge_are_checked_though_no_table_s_column_is_used() -> None:
    table = pd.DataFrame({"k": ["a", "b"], "v": [1, 2]})
    rows = pd.DataFrame({"k": ["a", "b", "zz"], "x": [1.0, 2.0, 3.0]})
    fast = willump.compile(lambda f: f.merge(table, on="k")["x"], sample=rows[:2], strict=True)
    np.testing.assert_array_equal(fast(rows[:2]), [1.0, 2.0])
    with pytest.raises(KeyError, match=r"k: zz"):
        fast(rows)


@pytest.mark.parametrize("key", ["s", "i"])
def test_loc_is_that_of_pandas_or_names_the_key(key: str) -> None:
    columns = {key: KINDS[key]}

    @settings(max_examples=15)
    @given(frames(columns | VALUES, 1), frames(columns, 1), st.integers(0, 3))
    def compare(table: pd.DataFrame, rows: pd.DataFrame, kind: int) -> None:
        table = table.dropna(subset=[key]).drop_duplicates(key).set_index(key)
        if not len(table):
            return
        function = [
            lambda f: table.loc[f[key]][["v", "w"]].to_numpy() * 1.0,
            lambda f: table.loc[f[key], "w"].to_numpy(),
            lambda f: table["v"].loc[f[key]].to_numpy(),
            lambda f: table.loc[f[key], ["w"]].to_numpy(),
        ][kind]
        sample = table.index.to_frame(index=False)
        fast = willump.compile(function, sample=sample, strict=True)
        try:
            expected = function(rows)
        except KeyError:
            with pytest.raises(KeyError, match="has not the key"):
                fast(rows)
        else:
            np.testing.assert_array_equal(fast(rows), expected)

    compare()


FLAGS = pd.DataFrame({"k": ["u", "v"], "z": [1, 2], "flag": [True, False], "g": [0.5, math.nan]})


@pytest.mark.parametrize(
    "use",
    [
        lambda m: m["flag"].isna(),
        lambda m: m["flag"].notna(),
        lambda m: m["flag"].fillna(False).astype(bool),
        lambda m: m["flag"].fillna(True).astype(int),
        lambda m: m["flag"].fillna(0).astype(float) + m["z"].fillna(0),
        lambda m: m["flag"] == True,  # noqa: E712
        lambda m: m["flag"] != False,  # noqa: E712
        lambda m: m["flag"] == 1,
        lambda m: m["flag"].astype(bool),
        lambda m: m["flag"].astype(float),
        lambda m: m["flag"].to_numpy(dtype=float),
        lambda m: m[["flag", "z", "g"]].to_numpy(dtype=float),
        lambda m: m[["flag", "z"]].astype(float).to_numpy(),
        lambda m: m.fillna({"flag": False})["flag"].astype(float),
        lambda m: np.where(m["flag"].fillna(False).astype(bool), m["g"], -1.0),
        lambda m: m["z"].where(m["flag"] == True, -5).astype(float),  # noqa: E712
    ],
)
@pytest.mark.parametrize("keys", ["uvu", "uxv"])
def test_booleans_of_a_table_of_which_rows_are_missing(use: Any, keys: str) -> None:
    def function(f: Any) -> Any:
        return use(f.merge(FLAGS, on="k", how="left"))

    fast = willump.compile(function, sample=pd.DataFrame({"k": list(keys)}), strict=True)
    for later in ("uuv", "vxux", "xx", "u"):
        frame = pd.DataFrame({"k": list(later)})
        expected = function(frame)
        found = fast(frame)
        assert type(found) is type(expected)
        np.testing.assert_array_equal(
            np.asarray(found, dtype=float), np.asarray(expected, dtype=float)
        )


@pytest.mark.parametrize(
    "use",
    [
        lambda m: ~m["flag"],
        lambda m: m["flag"] & (m["z"] > 1),
        lambda m: m["flag"] == m["flag"],
        lambda m: m["flag"].map({True: 1.0, False: 2.0}),
        lambda m: m["flag"].where(m["z"] > 1, False),
        lambda m: m["flag"] * 2,
        lambda m: m["flag"],
        lambda m: m["flag"].abs(),
        lambda m: m[["flag", "z"]].to_numpy(),
    ],
)
def test_booleans_of_a_table_answer_as_objects_or_are_refused(use: Any) -> None:
    def function(f: Any) -> Any:
        return use(f.merge(FLAGS, on="k", how="left"))

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fast = willump.compile(function, sample=pd.DataFrame({"k": ["u", "v", "u"]}))
    except willump.UnsupportedError as error:
        assert "booleans" in str(error) or "is no number" in str(error)  # noqa: PT017
        return
    for later in ("uuv", "vxux", "xx", "u"):
        frame = pd.DataFrame({"k": list(later)})
        try:
            expected = function(frame)
        except TypeError:  # of NaN among booleans
            with pytest.raises(TypeError):
                fast(frame)
            continue
        try:
            found = fast(frame)
        except (TypeError, ValueError) as error:
            assert "line " in str(error)  # noqa: PT017
        else:
            np.testing.assert_array_equal(
                np.asarray(found, dtype=float), np.asarray(expected, dtype=float)
            )
