"""Every scikit-learn classifier and regressor as the full model of `optimize`: a cascade
is built, or does not pay; and what is refused, for the reason that docs/cascades.md names."""

from __future__ import annotations

import inspect
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import willump
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.compose import make_column_transformer
from sklearn.ensemble import IsolationForest
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import (
    LinearRegression,
    LogisticRegression,
    Ridge,
    RidgeClassifier,
    RidgeClassifierCV,
)
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import MinMaxScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from sklearn.utils import all_estimators
from willump import _optimize

N_TRAIN, N_CAL = 160, 400
#: Where no cascade is built, how `optimize` says so. There is no estimator that it refuses.
OTHERWISE = {
    ("MultinomialNB", "tables"): "not worth it: no cascade was certified: no cascade at an "
    "agreement of at least 0.9 is cheaper",
}
#: Not asked, as they read other rows than these.
OTHER_ROWS = {
    "IsotonicRegression": "one column",
}
MEMBERS = {"classifier": LogisticRegression(), "regressor": Ridge()}
FEW = {"n_estimators": 3, "max_iter": 60, "n_init": 1, "cv": 2, "max_iter_predict": 20}
#: And what some of them need to be so.
OWN = {
    "HistGradientBoostingClassifier": {"max_iter": 5},
    "HistGradientBoostingRegressor": {"max_iter": 5},
    "OrthogonalMatchingPursuitCV": {"max_iter": 2},
    "RANSACRegressor": {"min_samples": 20},
}


def built(name: str, kind: Any, what: str) -> Any:
    """A small one of them."""
    arguments: dict[str, Any] = {}
    parameters = inspect.signature(kind).parameters
    for parameter in ("estimator", "base_estimator"):
        if parameter in parameters:
            arguments[parameter] = clone(MEMBERS[what])
    if "estimators" in parameters:
        other = DecisionTreeClassifier(max_depth=3) if what == "classifier" else LinearRegression()
        if "Stacking" in name and what == "regressor":
            other = DecisionTreeRegressor(max_depth=3)
        arguments["estimators"] = [("a", clone(MEMBERS[what])), ("b", other)]
    for parameter, value in FEW.items():
        if parameter in parameters:
            arguments[parameter] = value
    if "random_state" in parameters:
        arguments["random_state"] = 0
    if "radius" in parameters:
        arguments["radius"] = 5.0
    if "n_components" in parameters and name in ("CCA", "PLSRegression", "PLSCanonical"):
        arguments["n_components"] = 1
    return kind(**{**arguments, **OWN.get(name, {})})


def table(n: int, seed: int) -> tuple[Any, Any]:
    """Two blocks of two columns; the first tells nearly all."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(0.0, 1.0, (n, 4))
    return x, 3.0 * (x[:, 0] - 0.5) + (x[:, 1] - 0.5) + 0.1 * x[:, 2]


def expected(name: str, rows: str) -> str:
    return OTHERWISE.get((name, rows), "cascade")


def target_of(what: str, width: int, y: Any) -> Any:
    """Labels, or numbers; several a row where a model takes no others."""
    if what == "classifier":
        own = (y > 0).astype(int)
        return own if width == 1 else np.column_stack([own, (y > 0.5).astype(int)])
    own = y + 3.0  # above 0, as some losses ask for
    return own if width == 1 else np.column_stack([own, own**2])


def outcome(pipeline: Any, x: Any, y: Any, fresh: Any, target: Any, costs: Any) -> str:
    """What `optimize` makes of a fitted pipeline."""
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        try:
            fast = willump.optimize(
                pipeline, x, y, X_cal=fresh, target=target, costs=costs, duplicates="traffic"
            )
        except willump.UnsupportedError as error:
            return f"refused: {error}"
    if fast.metadata.get("certificate") is not None:
        return "cascade"
    reasons = [str(w.message) for w in seen if w.category is willump.NotCertifiedWarning]
    assert len(reasons) == 1
    return f"not worth it: {reasons[0]}"


def all_of(what: str) -> list[Any]:
    return [pytest.param(name, kind, what, id=name) for name, kind in all_estimators(what)]


#: Models of several targets or labels alone.
SEVERAL = {
    "ClassifierChain", "MultiOutputClassifier", "MultiOutputRegressor", "RegressorChain",
    "MultiTaskElasticNet", "MultiTaskElasticNetCV", "MultiTaskLasso", "MultiTaskLassoCV",
}  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("name", "kind", "what"), [*all_of("classifier"), *all_of("regressor")])
def test_tables(name: str, kind: Any, what: str) -> None:
    if name in OTHER_ROWS:
        pytest.skip(f"{name} reads {OTHER_ROWS[name]}")
    x, own = table(N_TRAIN, 1)
    y = target_of(what, 2 if name in SEVERAL else 1, own)
    blocks = make_column_transformer((MinMaxScaler(), [0, 1]), (MinMaxScaler(), [2, 3]))
    pipeline = make_pipeline(blocks, built(name, kind, what)).fit(x, y)
    target = willump.Agreement(0.9)
    if what == "regressor":
        target = willump.Tolerance(abs=2.0, share=0.9)
    costs = {"minmaxscaler-1": 1.0, "minmaxscaler-2": 50.0, "model": 100.0}
    fresh = table(N_CAL, 2)[0]
    assert outcome(pipeline, x, y, fresh, target, costs).startswith(expected(name, "tables"))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("name", "kind", "what"), [*all_of("classifier"), *all_of("regressor")])
def test_unfitted_ones_can_be_asked_what_they_read(name: str, kind: Any, what: str) -> None:
    """As `refit=True` asks of what it is given, fitted or not."""
    keys = _optimize._keys_for(built(name, kind, what), table(20, 1)[0])
    assert len(set(keys([table(20, 1)[0]])[0])) == 20


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", [RidgeClassifier, RidgeClassifierCV])
def test_ridge_classifiers_are_refitted(kind: Any) -> None:
    x, own = table(1500, 1)
    fast = willump.optimize(
        kind(), x, own > 0, refit=True, target=willump.Agreement(0.9), costs=[1.0]
    )
    test = table(500, 2)[0]
    assert np.mean(fast.predict(test) == kind().fit(x, own > 0).predict(test)) > 0.85


#: Of those, the ones that read sparse features, and so text.
SPARSE = [
    "BernoulliNB", "CalibratedClassifierCV", "ComplementNB", "ExtraTreesClassifier",
    "KNeighborsClassifier", "LinearSVC", "LogisticRegression", "MLPClassifier", "MultinomialNB",
    "OneVsOneClassifier", "OneVsRestClassifier", "RandomForestClassifier", "RidgeClassifier",
    "SGDClassifier", "SVC", "StackingClassifier", "VotingClassifier",
]  # fmt: skip


def texts(n: int, seed: int) -> tuple[list[str], Any]:
    """One word tells the label of nearly every text."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n)
    told = np.where(rng.random(n) < 0.95, y, 1 - y)
    others = rng.integers(0, 30, (n, 2))
    own = [
        f"{('bad', 'good')[label]} word{i} word{j}"
        for label, (i, j) in zip(told, others, strict=True)
    ]
    return own, y


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", SPARSE)
def test_texts(name: str) -> None:
    x, y = texts(N_TRAIN, 1)
    union = make_union(CountVectorizer(), CountVectorizer(analyzer="char", ngram_range=(1, 3)))
    kind = dict(all_estimators("classifier"))[name]
    pipeline = make_pipeline(union, built(name, kind, "classifier")).fit(x, y)
    costs = {"countvectorizer-1": 1.0, "countvectorizer-2": 50.0, "model": 100.0}
    found = outcome(pipeline, x, y, texts(N_CAL, 2)[0], willump.Agreement(0.8), costs)
    assert found.startswith(expected(name, "texts"))


# ---- what is refused ---------------------------------------------------------


def labels_in_text(x: Any) -> Any:
    return DecisionTreeClassifier().fit(x, np.where(x[:, :2] > 0.5, "yes", "no"))


#: A model, a target, the reason, and what docs/cascades.md says of it.
REFUSALS = {
    "outlier detectors": (
        lambda x: IsolationForest(n_estimators=5).fit(x), willump.Agreement(0.9),
        "needs a classifier or a regressor", "outlier\ndetectors",
    ),
    "clusters": (
        lambda x: KMeans(2, n_init=1).fit(x), willump.Agreement(0.9),
        "labels with classes_, or floating-point", "predictions of whole numbers without classes",
    ),
    "several labels of text": (
        labels_in_text, willump.Agreement(0.9), "must be numbers: encode", "text is refused",
    ),
    "labels of a regressor": (
        lambda x: Ridge().fit(x, x[:, 0]), willump.Agreement(0.9),
        "Tolerance.*is about those", "are refused for regressors",
    ),
    "accuracy of several labels": (
        lambda x: DecisionTreeClassifier().fit(x, (x[:, :2] > 0.5).astype(int)),
        willump.Accuracy(0.1), "Accuracy is about one label a row", "`Accuracy` of several labels",
    ),
    "probabilities that are not there": (
        lambda x: LinearSVC().fit(x, x[:, 0] > 0.5), willump.Tolerance(abs=0.1, share=0.9),
        "has no predict_proba", "classifiers with\n`predict_proba`",
    ),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("what", REFUSALS)
def test_what_is_refused_says_why_and_is_on_the_page(what: str) -> None:
    fit, target, why, shown = REFUSALS[what]
    x, _ = table(N_TRAIN, 1)
    options = {"y_cal": np.ones(N_CAL)} if isinstance(target, willump.Accuracy) else {}
    with pytest.raises(willump.UnsupportedError, match=why):
        willump.optimize(fit(x), x, X_cal=table(N_CAL, 2)[0], target=target, **options)
    page = (Path(__file__).parents[2] / "docs/cascades.md").read_text(encoding="utf-8")
    assert shown in page
