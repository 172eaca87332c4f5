"""TfidfTransformer on a caller's matrix, and the containers of sparse results."""

from __future__ import annotations

import pickle
import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import willump
from harness import assert_same_matrix, assert_same_model, quiet
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer
from sklearn.feature_selection import VarianceThreshold
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import FunctionTransformer, MaxAbsScaler, Normalizer, StandardScaler

SETTINGS = [
    {},
    {"norm": None, "use_idf": False},
    {"norm": "l1", "smooth_idf": False},
    {"sublinear_tf": True},
    {"sublinear_tf": True, "norm": None},
]


def counts(dtype: str = "f8") -> Any:
    rng = np.random.RandomState(0)
    dense = rng.poisson(0.6, (60, 12)).astype(dtype)
    dense[3] = 0
    return sp.csr_matrix(dense)


def containers(X: Any) -> dict[str, Any]:
    dense = X.toarray()
    return {
        "csr": X,
        "csc": X.tocsc(),
        "coo": X.tocoo(),
        "csr_array": sp.csr_array(X),
        "coo_array": sp.coo_array(X),
        "dense": dense,
        "fortran": np.asfortranarray(dense),
        "frame": pd.DataFrame(dense),
        "list": dense.tolist(),
    }


@pytest.mark.parametrize("fitted_on", ["f4", "f8", "i8"])
@pytest.mark.parametrize("parameters", SETTINGS)
def test_counts_of_the_caller(parameters: dict[str, Any], fitted_on: str) -> None:
    original = TfidfTransformer(**parameters).fit(counts(fitted_on))
    fast = willump.compile(original, strict=True)
    for again in (fast, pickle.loads(pickle.dumps(fast))):
        for dtype in ("f4", "f8", "i8", "?"):
            for kind, given in containers(counts(dtype)).items():
                want, got = quiet(original.transform, given), again.transform(given)
                assert type(got) is type(want), kind
                assert_same_matrix(got, want, bits=False)


@pytest.mark.parametrize("fitted_on", ["f4", "f8"])
@pytest.mark.parametrize("model", [LogisticRegression(), MultinomialNB()])
def test_a_model_after_it(model: Any, fitted_on: str) -> None:
    X, y = counts(fitted_on), np.arange(60) % 3
    original = make_pipeline(TfidfTransformer(), model).fit(X, y)
    fast = willump.compile(original, strict=True)
    assert_same_model(fast, original, X.astype("f8"))
    for kind, given in containers(X.astype("f4")).items():
        if kind != "list":
            want, got = original.predict_proba(given), fast.predict_proba(given)
            assert got.dtype == want.dtype, kind
            np.testing.assert_allclose(got, want, 1e-5)


def test_a_stored_zero() -> None:
    X = sp.csr_matrix(([2.0, 1.0, 0.0], [1, 2, 3], [0, 2, 3]), shape=(2, 12))
    original = TfidfTransformer().fit(counts())
    fast = willump.compile(original, strict=True)
    np.testing.assert_allclose(fast.transform(X).toarray(), original.transform(X).toarray())


@pytest.mark.parametrize(
    "bad",
    [
        np.full((2, 12), np.nan),
        sp.csr_matrix(np.full((2, 12), np.inf)),
        np.zeros((2, 5)),
        np.zeros((0, 12)),
        np.zeros(12),
    ],
)
def test_bad_counts(bad: Any) -> None:
    original = TfidfTransformer().fit(counts())
    fast = willump.compile(original, strict=True)
    with pytest.raises(ValueError, match=r"X|array") as wanted:
        original.transform(bad)
    first = str(wanted.value).split("\n")[0].rstrip(".")
    with pytest.raises(ValueError, match=re.escape(first)):
        fast.transform(bad)


@pytest.mark.parametrize(
    "original",
    [
        StandardScaler(with_mean=False),
        MaxAbsScaler(),
        Normalizer(),
        VarianceThreshold(),
        make_union(MaxAbsScaler(), Normalizer()),
        make_pipeline(MaxAbsScaler(), TfidfTransformer()),
    ],
)
def test_sparse_results_have_the_originals_type(original: Any) -> None:
    original.fit(counts())
    fast = willump.compile(original, strict=True)
    for form in ("csr", "csc", "coo", "dok", "lil"):
        for kind in ("matrix", "array"):
            given = getattr(sp, f"{form}_{kind}")(counts())
            want, got = original.transform(given), fast.transform(given)
            assert type(got) is type(want)
            np.testing.assert_allclose(got.toarray(), want.toarray())


def test_a_numpy_matrix_is_refused_as_the_original_does() -> None:
    X = counts().toarray()
    for original in (StandardScaler().fit(X), LogisticRegression().fit(X, np.arange(60) % 2)):
        fast = willump.compile(original, strict=True)
        method = "predict" if hasattr(original, "predict") else "transform"
        for one in (original, fast):
            with pytest.raises(TypeError, match=r"np\.matrix is not supported"):
                getattr(one, method)(np.matrix(X))


# ---- Python steps ----------------------------------------------------------------


class Doubled(TransformerMixin, BaseEstimator):
    """No converter knows it; its answers follow what it is given."""

    def fit(self, X: Any, y: Any = None) -> Doubled:
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X: Any) -> Any:
        return X * X.dtype.type(2) if hasattr(X, "dtype") else np.asarray(X) * 2


@pytest.mark.filterwarnings("ignore::willump.PythonStepWarning")
@pytest.mark.parametrize("step", [Doubled(), FunctionTransformer(lambda X: X)])
def test_a_lone_python_step_answers_what_the_original_answers(step: Any) -> None:
    original = step.fit(counts())
    fast = willump.compile(original)
    for dtype in ("f4", "f8", "i8", "i4", "c16"):
        X = counts().astype(dtype)
        for kind, given in containers(X).items():
            if kind in ("frame", "list"):
                continue
            want, got = original.transform(given), fast.transform(given)
            assert type(got) is type(want), kind
            assert got.dtype == want.dtype, kind
            difference = got - want
            assert abs(difference).max() == 0


class Counted(Doubled):
    """Integers for zeros, and not for anything else."""

    def transform(self, X: Any) -> Any:
        return X.astype(np.int64) if not X.any() else X + 0.5


@pytest.mark.filterwarnings("ignore::willump.PythonStepWarning")
def test_numbers_that_do_not_fit_beside_others_are_refused() -> None:
    X = counts().toarray()
    for union in (make_union(Doubled(), MaxAbsScaler()), make_union(MaxAbsScaler(), Doubled())):
        union.fit(X)
        np.testing.assert_allclose(willump.compile(union).transform(X), union.transform(X))
    fast = willump.compile(make_union(Counted(), MaxAbsScaler()).fit(X))
    with pytest.raises(TypeError, match="numbers of dtype float64, which do not fit the int64"):
        fast.transform(X)


class Kept(Doubled):
    """Remembers the dtypes that it was called with."""

    def transform(self, X: Any) -> Any:
        self.__dict__.setdefault("dtypes_", set()).add(X.dtype)
        return X


@pytest.mark.filterwarnings("ignore::willump.PythonStepWarning")
@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.float32, np.float64])
def test_a_python_step_gets_the_dtype_that_the_originals_gets(dtype: Any) -> None:
    step = Kept()
    original = make_pipeline(CountVectorizer(dtype=dtype), step, MaxAbsScaler())
    texts = ["good day", "bad day", "good good"]
    original.fit(texts)
    fast = willump.compile(original)
    want, got = original.transform(texts), fast.transform(texts)
    assert step.dtypes_ == {np.dtype(dtype)}
    assert_same_matrix(got, want, bits=True)
