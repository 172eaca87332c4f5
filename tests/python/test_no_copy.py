"""A caller's table is read in place, chunk by chunk: a call takes the memory of
its answer and little more, and the same bits come out of every container.
"""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import willump
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

N_ROWS, N_COLUMNS = 50_000, 10
X = np.random.default_rng(0).normal(size=(N_ROWS, N_COLUMNS))
NAMES = [f"c{i}" for i in range(N_COLUMNS)]
FRAME = pd.DataFrame(X, columns=NAMES)
MIXED = FRAME.assign(
    c3=(FRAME["c3"] * 9).astype("int64"),
    c4=FRAME["c4"].astype("float32"),
    c5=FRAME["c5"] > 0,
    c6=(FRAME["c6"] * 9).astype("int8"),
)
TABLES: dict[str, Any] = {
    "C order": X,
    "Fortran order": np.asfortranarray(X),
    "strides": np.repeat(X, 2, axis=1)[:, ::2],
    "frame": FRAME,
    "frame of several dtypes": MIXED,
    "polars": pl.from_pandas(FRAME),
    "polars of several dtypes": pl.from_pandas(MIXED),
    "arrow": pa.Table.from_pandas(FRAME),
}


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_not_copied(name: str) -> None:
    x = TABLES[name]
    train = X[:500] if isinstance(x, np.ndarray) else FRAME[:500]
    fast = willump.compile(make_pipeline(StandardScaler(), Ridge()).fit(train, X[:500, 0]))
    fast.predict(x[:100])
    tracemalloc.start()
    fast.predict(x)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # the answer, and a column of bits or of nulls that is spread out
    assert peak < 8 * N_ROWS + X.nbytes / 5


@pytest.mark.parametrize("name", ["frame of several dtypes", "polars of several dtypes"])
def test_columns_of_several_dtypes_are_what_one_array_is(name: str) -> None:
    x = TABLES[name]
    model = make_pipeline(StandardScaler(), Ridge()).fit(FRAME[:500], X[:500, 0])
    fast = willump.compile(model)
    whole = fast.predict(x)
    np.testing.assert_allclose(whole, model.predict(x), rtol=1e-9)
    np.testing.assert_array_equal(fast.predict(x[:99]), whole[:99])  # few cells are copied


def test_nulls_of_a_large_table_are_nan() -> None:
    x = pl.from_pandas(FRAME).with_columns(
        pl.when(pl.col("c1") > 0).then(pl.col("c1")).otherwise(None).alias("c1")
    )
    scaler = StandardScaler().fit(FRAME)
    np.testing.assert_array_equal(willump.compile(scaler).transform(x), scaler.transform(x))
