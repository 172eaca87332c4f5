"""Inputs and methods that few use: taken as the original takes them, or refused with
a message that says what to do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import willump
from harness import assert_same_matrix
from sklearn.base import clone
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC

TEXTS = ["cheap pills", "see you", "buy \u0141\u00f3d\u017a now", "lunch \ud800 at noon"] * 3


class Tagged(str):
    __slots__ = ("origin",)


def as_objects(rows: list[Any]) -> Any:
    array = np.empty(len(rows), dtype=object)
    array[:] = rows
    return array


CONTAINERS: dict[str, Any] = {
    "list": list,
    "tuple": tuple,
    "objects": as_objects,
    "series": lambda rows: pd.Series(as_objects(rows), dtype=object),
}


@pytest.mark.parametrize("kind", [Tagged, np.str_])
@pytest.mark.parametrize("container", CONTAINERS)
def test_subclasses_of_str_are_text(container: str, kind: Any) -> None:
    est = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(TEXTS, [1, 0, 1, 0] * 3)
    x = CONTAINERS[container]([kind(text) for text in TEXTS])
    fast = willump.compile(est, strict=True)
    np.testing.assert_array_equal(fast.predict_proba(x), fast.predict_proba(TEXTS))
    np.testing.assert_allclose(fast.predict_proba(x), est.predict_proba(x), rtol=1e-9)


@pytest.mark.parametrize("kind", [Tagged, np.str_])
def test_subclasses_of_str_are_categories(kind: Any) -> None:
    words = [kind(text) for text in TEXTS[:3]]
    est = OneHotEncoder(handle_unknown="ignore").fit(as_objects(list(TEXTS[:2])).reshape(-1, 1))
    fast = willump.compile(est, strict=True)
    column = as_objects(words).reshape(-1, 1)
    for x in (column, column.tolist(), pd.DataFrame({"a": column[:, 0]}).to_numpy()):
        assert_same_matrix(fast.transform(x), est.transform(x), bits=True)


@pytest.mark.parametrize("dtype", ["M8[us]", "M8[D]", "m8[s]"])
def test_dates_before_a_scaler_are_refused_by_name(dtype: str) -> None:
    x = np.arange(8.0).reshape(4, 2)
    fast = willump.compile(make_pipeline(StandardScaler(), Ridge()).fit(x, x[:, 0]))
    message = "holds dates or durations, not numbers .*give numbers"
    with pytest.raises(TypeError, match=message):
        fast.predict(np.array([[1, 2]]).astype(dtype))


def test_clone_of_a_loaded_model_says_what_to_do() -> None:
    fast = willump.compile(StandardScaler().fit([[0.0], [1.0]]))
    assert not hasattr(clone(fast), "mean_")
    with pytest.raises(willump.UnsupportedError, match=r"loaded.*compile the estimator again"):
        clone(willump.CompiledModel.from_bytes(fast.to_bytes()))


def test_methods_that_are_not_there_say_what_to_do() -> None:
    fast = willump.compile(StandardScaler().fit([[0.0], [1.0]]))
    for name, message in (("set_output", "never frames; make one with get_feature_names_out"),
                          ("fit_transform", "fitted already; use transform")):  # fmt: skip
        assert not hasattr(fast, name)
        with pytest.raises(AttributeError, match=message):
            getattr(fast, name)


class MakesAnArray:
    """No array, and without a length."""

    def __init__(self, rows: Any) -> None:
        self.rows = rows

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return np.asarray(self.rows, dtype)


@pytest.mark.parametrize("model", [LogisticRegression(), GaussianNB(), SVC()], ids=repr)
@pytest.mark.filterwarnings("ignore::willump.PythonStepWarning")
def test_what_makes_an_array_is_one_to_every_model(model: Any) -> None:
    x = np.random.default_rng(0).normal(size=(50, 2))
    own = clone(model).fit(x, x[:, 0] > 0)
    fast, given = willump.compile(own), MakesAnArray(x)
    np.testing.assert_array_equal(fast.predict(given), own.predict(given))
    ids, wanted = fast.top_k(given, 3)[0], fast.top_k(x, 3)[0]
    np.testing.assert_array_equal(ids, wanted)


@pytest.mark.filterwarnings("ignore::willump.PythonStepWarning")
def test_what_is_no_table_at_all_stays_an_error() -> None:
    class Broken:
        def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
            raise RuntimeError("no array today")

    x = np.random.default_rng(0).normal(size=(50, 2))
    fast = willump.compile(GaussianNB().fit(x, x[:, 0] > 0))
    with pytest.raises(RuntimeError, match="no array today"):
        fast.predict(Broken())
    for wrong in (3, object()):
        with pytest.raises(TypeError):
            fast.predict(wrong)


@pytest.mark.filterwarnings("ignore::willump.PythonStepWarning")
def test_a_cascade_takes_rows_of_what_makes_an_array() -> None:
    x = np.random.default_rng(0).normal(size=(1500, 2))
    own = SVC().fit(x[:300], x[:300, 0] > 0)
    fast = willump.optimize(own, x[:300], X_cal=x[300:1300], target=willump.Agreement(0.8),
                            costs={"features": 1.0, "model": 100.0})  # fmt: skip
    assert fast.metadata["certificate"]["share_leaving"] > 0
    later = x[1300:]
    np.testing.assert_array_equal(fast.predict(MakesAnArray(later)), fast.predict(later))
