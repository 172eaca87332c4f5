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
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfTransformer
from sklearn.feature_selection import VarianceThreshold
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.naive_bayes import BernoulliNB, MultinomialNB
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import FunctionTransformer, MaxAbsScaler, Normalizer, StandardScaler
from sklearn.tree import DecisionTreeClassifier

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
    step.dtypes_.clear()  # it was asked what it does with others
    want, got = original.transform(texts), fast.transform(texts)
    assert step.dtypes_ == {np.dtype(dtype)}
    assert_same_matrix(got, want, bits=True)


# ---- logarithms of what is no count ----------------------------------------------

#: Words whose hashes are above and below 0.
SIGNED = HashingVectorizer(n_features=64, norm=None)
WORDS = [a + b for a in "abcdefgh" for b in "abcdefgh"]
ABOVE = [w for w in WORDS if SIGNED.transform([w]).data[0] > 0]
BELOW = [w for w in WORDS if SIGNED.transform([w]).data[0] < 0]


def outcome(call: Any) -> Any:
    try:
        return call()
    except ValueError as error:
        # Behind it, what the two add, and the dtype, which is that of the caller's rows.
        return re.split(r"\n| \(| for dtype", str(error))[0].rstrip(".")


def check_outcome(fast: Any, original: Any, rows: Any) -> None:
    method = "predict" if hasattr(original, "predict") else "transform"
    want = outcome(lambda: quiet(getattr(original, method), rows))
    got = outcome(lambda: getattr(fast, method)(rows))
    if isinstance(want, str):
        assert got == want
    elif sp.issparse(want):
        assert_same_matrix(got, want, bits=False)
    else:
        np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("norm", ["l1", "l2", None])
@pytest.mark.parametrize(
    "hashes", [{}, {"norm": None}, {"norm": None, "binary": True}, {"alternate_sign": False}]
)
@pytest.mark.parametrize("use_idf", [False, True])
def test_sublinear_hashes(hashes: dict[str, Any], norm: Any, dtype: Any, use_idf: bool) -> None:
    vectorizer = HashingVectorizer(n_features=64, dtype=dtype, **hashes)
    weights = TfidfTransformer(sublinear_tf=True, norm=norm, use_idf=use_idf)
    rng = np.random.default_rng(0)
    train = [" ".join(rng.choice(ABOVE, 3)) for _ in range(12)]
    y = np.arange(12) % 2
    #: A word and one of the other sign in the same bucket: a sum of 0 that is stored.
    bucket = {int(SIGNED.transform([w]).indices[0]): w for w in ABOVE}
    both = [(bucket.get(int(SIGNED.transform([w]).indices[0])), w) for w in BELOW]
    zeros = [f"{a} {b}" for a, b in both if a]
    assert zeros
    texts = [
        *train[:3],
        *BELOW[:3],
        *zeros[:2],
        "",
        *(" ".join(rng.choice(WORDS, 4)) for _ in "abcde"),
    ]
    for model in (
        None,
        LogisticRegression(),
        SGDClassifier(),
        BernoulliNB(),
        DecisionTreeClassifier(),
    ):
        steps = [vectorizer, weights, *([] if model is None else [model])]
        original = quiet(make_pipeline(*steps).fit, train, y)
        fast = quiet(willump.compile, original)
        for text in texts:
            check_outcome(fast, original, [text])
        if norm is not None and hashes in ({}, {"norm": None}):
            call = fast.transform if model is None else fast.predict
            with pytest.raises(
                ValueError, match=r"contains NaN\.\nsublinear_tf=True takes the log"
            ):
                call([*train, BELOW[0]])


@pytest.mark.parametrize("norm", ["l1", "l2", None])
@pytest.mark.parametrize("bad", [-1.0, 0.0, -0.0, 1e-300])
def test_sublinear_numbers_of_the_caller(bad: float, norm: Any) -> None:
    X = counts()
    weights = TfidfTransformer(sublinear_tf=True, norm=norm)
    given = sp.csr_matrix(([2.0, bad], [1, 4], [0, 2]), shape=(1, 12))
    for model in (None, LogisticRegression()):
        steps = [weights, *([] if model is None else [model])]
        original = make_pipeline(*steps).fit(X, np.arange(60) % 2)
        fast = willump.compile(original, strict=True)
        for rows in (given, given.toarray()):
            check_outcome(fast, original, rows)


def test_a_product_with_the_idf_that_is_infinite() -> None:
    original = TfidfTransformer().fit(counts())
    given = counts() * 1.5e308
    fast = willump.compile(original, strict=True)
    check_outcome(fast, original, given)
