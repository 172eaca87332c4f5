"""Sparse matrices whose arrays do not fit each other are refused, and never read."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import willump
import xgboost as xgb
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.feature_selection import SelectKBest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.naive_bayes import BernoulliNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    Binarizer,
    MaxAbsScaler,
    Normalizer,
    OneHotEncoder,
    RobustScaler,
    StandardScaler,
)
from sklearn.tree import DecisionTreeClassifier
from willump import _columns

MATRIX = np.array([[1.0, 0.0, 2.0], [0.0, 0.0, 0.0], [3.0, 4.0, 0.0], [0.0, 0.0, 7.0]])
FAR = 2**31 - 1
DAMAGED = [
    ("csr", {"indptr": [0, 2, 2, 4, 9]}, "ends at 9, beyond its 5 values"),
    ("csr", {"indptr": [0, 9, 2, 4, 5]}, "decreases from 9 to 2 at row 1"),
    ("csr", {"indptr": [0, 2, 2, 4, -1]}, "decreases from 4 to -1 at row 3"),
    ("csr", {"indptr": [-1, 2, 2, 4, 5]}, "starts at -1, not at 0"),
    ("csr", {"indptr": [1, 2, 2, 4, 5]}, "starts at 1, not at 0"),
    ("csr", {"indptr": [0, 2, 2, 4]}, "has 4 entries, not 5"),
    ("csr", {"indptr": []}, "has 0 entries, not 5"),
    ("csr", {"indices": [0, 2, 0, 1]}, "4 indices for 5 values"),
    ("csr", {"indices": [0, 2, 0, 1, -1]}, "column index -1 in row 3, outside of 0 to 2"),
    ("csr", {"indices": [0, 3, 0, 1, 2]}, "column index 3 in row 0, outside of 0 to 2"),
    ("csr", {"indices": [0, FAR, 0, 1, 2]}, f"column index {FAR} in row 0"),
    ("csr", {"data": [1.0, 2.0]}, "5 indices for 2 values"),
    ("csc", {"indices": [0, 2, 0, FAR, 1]}, f"row index {FAR} in column 2"),
    ("csc", {"indptr": [0, 2, 9, 5]}, "decreases from 9 to 5 at column 2"),
    ("bsr", {"indices": [0, FAR, 0, 1, 2]}, f"block column index {FAR}"),
    ("coo", {"row": [0, 0, FAR, 2, 3]}, f"row index {FAR}"),
    ("coo", {"col": [0, -1, 0, 1, 2]}, "column index -1"),
]
DENSE = willump.compile(Ridge().fit(MATRIX, [1, 2, 3, 4]))
SELECTED = willump.compile(
    make_pipeline(ColumnTransformer([("a", MaxAbsScaler(), [0, 2])]), Ridge()).fit(
        MATRIX, [1, 2, 3, 4]
    )
)


def damaged(kind: str, parts: dict[str, list[Any]], index: Any, *, canonical: bool) -> Any:
    x = getattr(sp, f"{kind}_matrix")(MATRIX)
    if kind == "bsr":
        x = sp.bsr_matrix(MATRIX, blocksize=(1, 1))
    for name in {"indices", "indptr", "row", "col"} & set(dir(x)):
        setattr(x, name, getattr(x, name).astype(index))
    for name, values in parts.items():
        setattr(x, name, np.array(values, dtype=float if name == "data" else index))
    if kind in ("csr", "csc"):
        x.has_canonical_format = canonical
    return x


@pytest.mark.parametrize("canonical", [False, True])
@pytest.mark.parametrize("index", [np.int32, np.int64])
@pytest.mark.parametrize("model", [DENSE, SELECTED], ids=["whole", "columns"])
@pytest.mark.parametrize(("kind", "parts", "message"), DAMAGED, ids=[str(d[:2]) for d in DAMAGED])
def test_a_damaged_sparse_matrix_is_refused(
    kind: str, parts: dict[str, list[Any]], message: str, model: Any, index: Any, canonical: bool
) -> None:
    x = damaged(kind, parts, index, canonical=canonical)
    with pytest.raises(ValueError, match="sparse matrix") as error:
        model.predict(x)
    assert message in str(error.value)


@pytest.mark.parametrize("index", [np.int32, np.int64])
@pytest.mark.parametrize(
    ("kind", "parts", "message"),
    [d for d in DAMAGED if d[0] == "csr"],
    ids=[str(d[1]) for d in DAMAGED if d[0] == "csr"],
)
def test_the_extension_checks_csr_itself(
    kind: str, parts: Any, message: str, index: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_columns, "checked_csr", lambda x: x)
    with pytest.raises(ValueError, match=r"sparse matrix"):
        DENSE.predict(damaged(kind, parts, index, canonical=True))


@pytest.mark.parametrize("index", [np.int32, np.int64, np.uint32])
@pytest.mark.parametrize("model", [DENSE, SELECTED], ids=["whole", "columns"])
@pytest.mark.parametrize("kind", ["csr", "csc", "coo", "bsr"])
def test_a_sound_sparse_matrix_of_any_index_type(kind: str, index: Any, model: Any) -> None:
    x = damaged(kind, {}, index, canonical=True)
    np.testing.assert_array_equal(model.predict(x), model.predict(sp.csr_matrix(MATRIX)))


READERS: list[Any] = [
    LogisticRegression(), BernoulliNB(), Normalizer(), Binarizer(threshold=0.4), MaxAbsScaler(),
    TfidfTransformer(sublinear_tf=True), DecisionTreeClassifier(random_state=0),
]  # fmt: skip


@pytest.mark.parametrize("seed", range(20))
def test_a_column_twice_in_a_row_is_refused_and_any_order_taken(seed: int) -> None:
    rng = np.random.default_rng(seed)
    fitted = sp.random(60, 8, density=0.4, format="csr", random_state=seed)
    reader = READERS[seed % len(READERS)]
    est = reader if hasattr(reader, "predict") else make_pipeline(reader, LogisticRegression())
    est.fit(fitted, np.arange(60) % 2)
    fast = willump.compile(est, strict=True)
    columns = [rng.permutation(8)[: rng.integers(1, 8)] for _ in range(9)]
    indptr = np.cumsum([0, *map(len, columns)])
    data = rng.choice([0.1, 0.3, 0.5], indptr[-1])
    rows = sp.csr_matrix((data, np.concatenate(columns), indptr), shape=(9, 8))
    want = est.predict_proba(rows)
    np.testing.assert_allclose(fast.predict_proba(rows), want, rtol=1e-9, atol=1e-12)
    row = int(rng.integers(9))
    again = int(rng.choice(columns[row]))
    columns[row] = rng.permutation([*columns[row], again])
    indptr = np.cumsum([0, *map(len, columns)])
    twice = sp.csr_matrix((np.ones(indptr[-1]), np.concatenate(columns), indptr), shape=(9, 8))
    with pytest.raises(willump.UnsupportedError, match=rf"row {row} .*column {again} twice"):
        fast.predict_proba(twice)
    twice.sum_duplicates()
    np.testing.assert_allclose(fast.predict_proba(twice), est.predict_proba(twice), rtol=1e-9)


@pytest.mark.parametrize("seed", range(30))
def test_a_frame_of_sparse_columns_is_csr_rows(seed: int) -> None:
    rng = np.random.default_rng(seed)
    words = pd.DataFrame({"a": rng.choice(list("wxyz"), 90), "b": rng.choice(list("pq"), 90)})
    sparse = pd.get_dummies(words, sparse=True, dtype=float)
    steps = [
        SelectKBest(k=3), StandardScaler(with_mean=False), RobustScaler(), StandardScaler(),
        MaxAbsScaler(), TfidfTransformer(), OneHotEncoder(handle_unknown="ignore"),
    ]  # fmt: skip
    tree = xgb.XGBClassifier(n_estimators=4, min_child_weight=0, n_jobs=1)
    model = [tree, LogisticRegression()][rng.integers(2)]
    est = make_pipeline(steps[seed % len(steps)], model)
    try:
        est.fit([sparse, sparse.sparse.to_dense()][rng.integers(2)], rng.permutation(90) % 2)
    except ValueError:
        return  # sparse rows that are to be centered
    fast = willump.compile(est, strict=True)
    for rows in (sparse, sparse.iloc[:1], sparse.sparse.to_dense()):
        try:
            want = est.predict_proba(rows)
        except (TypeError, ValueError) as error:
            with pytest.raises(type(error)):
                fast.predict_proba(rows)
            continue
        np.testing.assert_allclose(fast.predict_proba(rows), want, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("step", [RobustScaler(), RobustScaler(with_centering=False)])
def test_sparse_columns_that_would_be_centered_are_refused(step: Any) -> None:
    rng = np.random.default_rng(0)
    dense = pd.DataFrame({c: rng.choice([0.0, 1, 2], 60, p=[0.2, 0.6, 0.2]) for c in "abc"})
    blocks = ColumnTransformer([("s", step, ["a", "b"])], remainder="passthrough")
    est = make_pipeline(blocks, LogisticRegression()).fit(dense, np.arange(60) % 2)
    fast = willump.compile(est, strict=True)
    sparse = dense.astype(pd.SparseDtype(float, 0.0))
    np.testing.assert_allclose(fast.predict_proba(dense), est.predict_proba(dense), rtol=1e-9)
    if step.with_centering:
        with pytest.raises(willump.UnsupportedError, match="column 'a' is sparse"):
            fast.predict_proba(sparse)
    else:
        np.testing.assert_allclose(fast.predict_proba(sparse), est.predict_proba(sparse), rtol=1e-9)


def test_indices_that_are_no_integers_are_refused() -> None:
    x = sp.csr_matrix(MATRIX)
    x.indices = x.indices.astype(float)
    with pytest.raises(ValueError, match="indices of the sparse matrix must be a vector of int"):
        DENSE.predict(x)


def test_a_bad_element_of_a_sparse_matrix_is_named() -> None:
    x = sp.csr_matrix(MATRIX.astype(complex) * 1j)
    with pytest.raises(ValueError, match=r"(?s)Complex.*row 0 of column 0 is"):
        DENSE.predict(x)
