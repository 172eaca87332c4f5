"""The examples of the paper's workloads, on the data that anybody has."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import willump

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def example(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.delenv("WILLUMP_DATA", raising=False)
    monkeypatch.syspath_prepend(str(EXAMPLES))
    return importlib.import_module(request.param)


@pytest.mark.parametrize(
    "example", ["toxic", "product", "music", "price", "purchase", "credit"], indirect=True
)
def test_a_workload_is_native_and_answers_as_the_plain_function(example: Any) -> None:
    loaded = example.load()
    rows, *tables = loaded if isinstance(loaded, tuple) else (loaded,)
    function = example.fit(rows.train.head(2_000), rows.labels[:2_000], *tables)
    fast = willump.compile(function, sample=rows.train.head(500), strict=True)
    later = rows.later.head(2_000)
    assert fast.verify(later).ok
    whole = fast(later)
    one = {name: column[0] for name, column in later.head(1).to_dict("list").items()}
    assert np.array_equal(fast(one), whole[:1])
    assert np.array_equal(fast(later.head(7)), whole[:7])
