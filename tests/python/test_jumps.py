"""Steps that jump behind what a graph computes within rounding: thresholds and edges are values
of the data here, so that the last bit decides."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import willump
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import BernoulliNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import (
    Binarizer,
    FunctionTransformer,
    KBinsDiscretizer,
    Normalizer,
    OneHotEncoder,
    QuantileTransformer,
    StandardScaler,
)
from sklearn.tree import DecisionTreeClassifier

N = 400

#: What is within rounding of the original's, on positive numbers.
ROUNDED = {
    **{f.__name__: FunctionTransformer(f) for f in (np.log, np.log2, np.log10, np.log1p)},
    **{f.__name__: FunctionTransformer(f) for f in (np.exp, np.exp2, np.expm1)},
    "PCA": PCA(2, random_state=0),
    "TruncatedSVD": TruncatedSVD(2, random_state=0),
    "Normalizer": Normalizer(),
}
#: What jumps at values of the data; of a threshold, one of them.
JUMPING = {
    "floor": lambda at: FunctionTransformer(np.floor),
    "rint": lambda at: FunctionTransformer(np.rint),
    "sign": lambda at: FunctionTransformer(np.sign),
    "Binarizer": lambda at: Binarizer(threshold=at),
    "quantiles": lambda at: KBinsDiscretizer(
        6, encode="onehot-dense", quantile_method="averaged_inverted_cdf"
    ),
    "QuantileTransformer": lambda at: QuantileTransformer(n_quantiles=20),
    "OneHotEncoder": lambda at: OneHotEncoder(handle_unknown="ignore", sparse_output=False),
    "own": lambda at: FunctionTransformer(_above, kw_args={"at": at}),
}
MODELS = {
    "linear": lambda at: LogisticRegression(),
    "BernoulliNB": lambda at: BernoulliNB(binarize=max(at, 0.0)),
    "tree": lambda at: DecisionTreeClassifier(max_depth=5, random_state=0),
    "forest": lambda at: RandomForestClassifier(5, random_state=0),
    "boosting": lambda at: HistGradientBoostingClassifier(max_iter=5, random_state=0),
    "neighbours": lambda at: KNeighborsClassifier(3),
}


def _above(x: Any, at: float) -> Any:
    return (x >= at).astype(float)


@settings(max_examples=100)
@given(
    st.sampled_from(sorted(ROUNDED)),
    st.sampled_from(["alone", "columns", "union", "scaled"]),
    st.sampled_from([None, *sorted(JUMPING)]),
    st.sampled_from(sorted(MODELS)),
    st.integers(0, 10**6),
)
def test_jumps_read_what_is_exact(
    rounded: str, around: str, jumping: str | None, model: str, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    x = rng.integers(1, 60, (N, 3)) / (1 if "log" in rounded else 16)
    y = rng.integers(0, 2, N)
    first: Any = ROUNDED[rounded]
    if around == "columns":
        first = ColumnTransformer([("first", first, [0, 1])], remainder="passthrough")
    elif around == "union":
        first = FeatureUnion([("first", first), ("same", "passthrough")])
    elif around == "scaled":
        first = make_pipeline(first, StandardScaler())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        at = float(np.asarray(first.fit_transform(x))[0, 0])
        steps = [first, *([] if jumping is None else [JUMPING[jumping](at)])]
        pipeline = make_pipeline(*steps, MODELS[model](at)).fit(x, y)
        fast = willump.compile(pipeline)
    np.testing.assert_allclose(
        fast.predict_proba(x), pipeline.predict_proba(x), rtol=1e-9, atol=1e-12
    )


@pytest.mark.parametrize("name", ["floor", "Binarizer", "quantiles"])
def test_only_what_jumps_makes_python_steps(name: str) -> None:
    x = np.random.default_rng(0).integers(1, 60, (N, 2)) * 1.0
    y = x[:, 0] > 30
    log = FunctionTransformer(np.log)
    smooth = make_pipeline(log, StandardScaler(), LogisticRegression()).fit(x, y)
    assert willump.compile(smooth, strict=True).predict(x).tolist() == smooth.predict(x).tolist()
    jumpy = make_pipeline(log, JUMPING[name](1.0), LogisticRegression()).fit(x, y)
    with pytest.warns(willump.PythonStepWarning, match="a step behind it may jump"):
        fast = willump.compile(jumpy)
    assert len(fast._steps) == 1
    np.testing.assert_allclose(fast.predict_proba(x), jumpy.predict_proba(x), rtol=1e-12)
