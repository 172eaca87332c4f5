"""`CascadeClassifier` and `CascadeRegressor` as scikit-learn's own tools use them."""

from __future__ import annotations

import pickle
import subprocess
import sys
import warnings
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
import willump
from sklearn import config_context
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    GradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import GammaRegressor, LogisticRegression, PoissonRegressor, Ridge
from sklearn.model_selection import GridSearchCV, cross_val_predict
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline, make_union
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import parametrize_with_checks
from willump._calibration import hold_out
from willump._row_keys import RowReader

WORDS = ["good", "fine", "bad", "poor", "so", "very", "not", "it", "was", "the"]


def texts_and_labels(n: int, seed: int = 0) -> tuple[list[str], np.ndarray]:
    """Distinct texts whose label the words mostly tell."""
    random = np.random.default_rng(seed)
    picked = random.integers(0, len(WORDS), (n, 6))
    texts = [" ".join(WORDS[i] for i in row) + f" {n}" for n, row in enumerate(picked)]
    score = (picked < 2).sum(1) - ((picked >= 2) & (picked < 4)).sum(1)
    return texts, np.where(score + random.normal(0, 0.3, n) > 0, "yes", "no")


def text_pipeline() -> Pipeline:
    union = make_union(TfidfVectorizer(), TfidfVectorizer(analyzer="char", ngram_range=(1, 4)))
    return make_pipeline(union, LogisticRegression())


def cascade_of_text(**options: Any) -> willump.CascadeClassifier:
    return willump.CascadeClassifier(
        text_pipeline(), **{"target": willump.Agreement(0.95), "costs": [1.0, 9.0], **options}
    )


@parametrize_with_checks(  # type: ignore[untyped-decorator]
    [
        willump.CascadeClassifier(make_pipeline(StandardScaler(), LogisticRegression())),
        willump.CascadeClassifier(
            GradientBoostingClassifier(n_estimators=20, random_state=0), random_state=0
        ),
        willump.CascadeClassifier(RandomForestClassifier(20)),
        willump.CascadeRegressor(Ridge()),
        willump.CascadeRegressor(PoissonRegressor()),
    ]
)
def test_scikit_learns_checks_pass(estimator: Any, check: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", willump.NotCertifiedWarning)
        warnings.simplefilter("ignore", willump.DuplicateRowsWarning)
        check(estimator)


@pytest.mark.parametrize("own", [PoissonRegressor(), GammaRegressor(), Ridge()], ids=repr)
def test_targets_above_zero_are_asked_for_where_the_estimator_does(own: Any) -> None:
    found = get_tags(willump.CascadeRegressor(own)).target_tags
    assert found.positive_only == get_tags(own).target_tags.positive_only


def test_fit_gives_a_certified_cascade_that_answers_as_optimize_does() -> None:
    texts, labels = texts_and_labels(1500)
    model = cascade_of_text(random_state=3).fit(texts, labels)
    direct = willump.optimize(
        text_pipeline(),
        texts,
        labels,
        refit=True,
        target=willump.Agreement(0.95),
        costs=[1.0, 9.0],
        random_state=3,
    )
    assert model.certificate_ is not None
    assert model.certificate_["threshold"] == direct.metadata["certificate"]["threshold"]
    fresh, truth = texts_and_labels(500, seed=1)
    assert (model.predict(fresh) == direct.predict(fresh)).all()
    assert (model.predict_proba(fresh) == direct.predict_proba(fresh)).all()
    assert (model.decision_function(fresh) == direct.decision_function(fresh)).all()
    assert model.classes_.tolist() == ["no", "yes"]
    assert model.score(fresh, truth) == np.mean(model.predict(fresh) == truth)
    assert is_classifier(model)
    assert not is_regressor(model)


def test_without_a_certificate_it_is_the_estimator_fitted_on_all_rows() -> None:
    texts, labels = texts_and_labels(40)
    with pytest.warns(willump.NotCertifiedWarning, match="takes about .* fitted on all rows"):
        model = cascade_of_text().fit(texts, labels)
    assert model.certificate_ is None
    plain = text_pipeline().fit(texts, labels)
    np.testing.assert_allclose(model.predict_proba(texts), plain.predict_proba(texts), rtol=1e-9)
    with pytest.raises(willump.CertificateError):
        cascade_of_text(strict=True).fit(texts, labels)


def test_a_class_that_holding_out_would_lose_is_no_error_without_strict() -> None:
    texts, labels = texts_and_labels(300)
    labels = labels.astype(object)
    labels[:1] = "maybe"
    for seed in range(3):  # in some of them its one row is held out
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = cascade_of_text(random_state=seed).fit(texts, labels)
        assert model.classes_.tolist() == ["maybe", "no", "yes"]


def test_a_model_without_blocks_is_compiled_with_a_warning() -> None:
    random = np.random.default_rng(0)
    x = random.normal(size=(200, 3))
    model = willump.CascadeRegressor(Ridge())
    with pytest.warns(willump.NotCertifiedWarning):
        model.fit(x, x[:, 0])
    np.testing.assert_allclose(model.predict(x), Ridge().fit(x, x[:, 0]).predict(x), rtol=1e-9)
    assert is_regressor(model)
    assert not hasattr(model, "predict_proba")


def test_weights_reach_the_part_that_is_fitted() -> None:
    texts, labels = texts_and_labels(1500)
    weights = np.where(labels == "yes", 5.0, np.linspace(0.1, 1.0, len(labels)))
    model = cascade_of_text(random_state=2).fit(
        texts, labels, logisticregression__sample_weight=weights
    )
    assert model.certificate_ is not None
    kept, held = hold_out(texts, None, "distinct", 2, RowReader().keys)
    wanted = text_pipeline().fit(
        [texts[i] for i in kept], labels[kept], logisticregression__sample_weight=weights[kept]
    )
    rows = [texts[i] for i in held]
    stay = np.isclose(model.decision_function(rows), wanted.decision_function(rows), 1e-9, 0)
    assert 1 - np.mean(stay) == pytest.approx(model.certificate_["share_leaving"], abs=0.1)
    assert 0 < np.mean(stay) < 1
    with pytest.warns(willump.NotCertifiedWarning):  # where nothing is held out, all of them
        model.fit(texts[:40], labels[:40], logisticregression__sample_weight=list(weights[:40]))
    wanted = text_pipeline().fit(
        texts[:40], labels[:40], logisticregression__sample_weight=weights[:40]
    )
    np.testing.assert_allclose(
        model.decision_function(rows), wanted.decision_function(rows), rtol=1e-9
    )


def test_what_fit_does_not_take_is_said_by_its_name() -> None:
    texts, labels = texts_and_labels(300)
    with pytest.raises(TypeError, match=r"KNeighborsClassifier\.fit takes no sample_weight"):
        willump.CascadeClassifier(KNeighborsClassifier()).fit(
            np.zeros((300, 2)), labels, sample_weight=np.ones(300)
        )
    with pytest.raises((TypeError, ValueError), match="sample_weight"):
        cascade_of_text().fit(texts, labels, sample_weight=np.ones(300))
    with pytest.raises(ValueError, match="fit_params go with refit=True"):
        willump.optimize(
            text_pipeline().fit(texts, labels), texts, labels, X_cal=texts,
            fit_params={"logisticregression__sample_weight": np.ones(300)},
        )  # fmt: skip


def test_metadata_routing_brings_weights() -> None:
    texts, labels = texts_and_labels(1500)
    weights = np.linspace(0.1, 5.0, 1500)
    plain = cascade_of_text().fit(texts, labels, logisticregression__sample_weight=weights)
    with config_context(enable_metadata_routing=True):
        model = cascade_of_text()
        model.estimator[-1].set_fit_request(sample_weight=True)
        model.set_score_request(sample_weight=False)
        model.fit(texts, labels, sample_weight=weights)
        search = GridSearchCV(model, {"random_state": [0]}, cv=2, error_score="raise")
        search.fit(texts, labels, sample_weight=weights)
        with pytest.raises(UnsetMetadataPassedError):
            cascade_of_text().fit(texts, labels, sample_weight=weights)
    assert (model.decision_function(texts) == plain.decision_function(texts)).all()
    found = search.best_estimator_.decision_function(texts)
    assert (found == plain.decision_function(texts)).all()


@pytest.mark.filterwarnings("ignore::willump.NotCertifiedWarning")
@pytest.mark.filterwarnings("ignore::willump.PythonStepWarning")
@pytest.mark.parametrize(
    "estimator",
    [
        RandomForestClassifier(n_estimators=60, max_depth=6, random_state=0),
        KNeighborsClassifier(),  # which has nothing to prove a label by
        make_pipeline(StandardScaler(), LogisticRegression()),
    ],
    ids=repr,
)
def test_lossless_holds_nothing_out(estimator: Any) -> None:
    random = np.random.default_rng(0)
    x = random.normal(size=(1500, 4))
    y = x[:, 0] + 0.3 * random.normal(size=1500) > 0
    model = willump.CascadeClassifier(estimator, target=willump.Lossless()).fit(x, y)
    assert model.certificate_ is None
    plain = clone(estimator).fit(x, y)
    assert (model.predict(x) == plain.predict(x)).all()
    np.testing.assert_allclose(model.predict_proba(x), plain.predict_proba(x), rtol=1e-9)
    with pytest.raises(ValueError, match="Lossless takes no costs"):
        clone(model).set_params(costs=[1.0, 2.0]).fit(x, y)


def test_a_grid_search_sets_parameters_of_both() -> None:
    texts, labels = texts_and_labels(1200)
    grid = {
        "estimator__logisticregression__C": [0.1, 10.0],
        "target": [willump.Agreement(0.9), willump.Agreement(0.95)],
    }
    search = GridSearchCV(cascade_of_text(), grid, cv=2, error_score="raise")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", willump.NotCertifiedWarning)
        search.fit(texts, labels)
    assert search.best_params_.keys() == grid.keys()
    assert search.score(texts, labels) > 0.8


def test_cross_val_predict_fits_clones() -> None:
    texts, labels = texts_and_labels(900)
    model = cascade_of_text(target=willump.Agreement(0.9))
    found = cross_val_predict(model, texts, labels, cv=3)
    assert np.mean(found == labels) > 0.8
    assert not hasattr(model, "cascade_")


def test_clone_has_the_parameters_and_is_not_fitted() -> None:
    texts, labels = texts_and_labels(900)
    model = cascade_of_text(random_state=1, n_threads=2).fit(texts, labels)
    other = clone(model)
    assert not hasattr(other, "cascade_")
    assert other.target == model.target
    assert other.n_threads == 2
    assert other.random_state == 1
    assert other.estimator is not model.estimator


@pytest.mark.parametrize("copy", [lambda m: pickle.loads(pickle.dumps(m)), None])
def test_pickle_and_joblib_keep_the_bits(copy: Any, tmp_path: Any) -> None:
    texts, labels = texts_and_labels(1200)
    model = cascade_of_text().fit(texts, labels)
    if copy is None:
        joblib.dump(model, tmp_path / "m.joblib")
        again = joblib.load(tmp_path / "m.joblib")
    else:
        again = copy(model)
    assert again.certificate_ == model.certificate_
    assert (again.predict_proba(texts) == model.predict_proba(texts)).all()


def test_groups_are_kept_together() -> None:
    texts, labels = texts_and_labels(1500)
    model = cascade_of_text(target=willump.Agreement(0.9))
    model.fit(texts, labels, groups=np.arange(1500) // 2)
    assert model.certificate_["per"] == "group"


def test_frames_give_names() -> None:
    texts, labels = texts_and_labels(900)
    frame = pd.DataFrame({"text": texts, "size": np.arange(900.0)})
    columns = ColumnTransformer(
        [("t", TfidfVectorizer(), "text"), ("n", StandardScaler(), ["size"])]
    )
    model = willump.CascadeClassifier(
        make_pipeline(columns, LogisticRegression()), target=willump.Agreement(0.9)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", willump.NotCertifiedWarning)
        model.fit(frame, labels)
    assert model.feature_names_in_.tolist() == ["text", "size"]
    assert model.n_features_in_ == 2


def test_an_unknown_target_is_refused() -> None:
    texts, labels = texts_and_labels(100)
    with pytest.raises(TypeError, match="target must be"):
        cascade_of_text(target=0.99).fit(texts, labels)


def test_importing_willump_imports_no_scikit_learn() -> None:
    code = "import sys, willump; assert 'sklearn' not in sys.modules; willump.CascadeClassifier"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_filter_that_is_estimated_is_kept() -> None:
    random = np.random.default_rng(0)
    x = random.normal(size=(600, 4))
    columns = ColumnTransformer(
        [("cheap", StandardScaler(), [0]), ("dear", StandardScaler(), [1, 2, 3])]
    )
    target = willump.TopKRecall(0.9, query_size=20)
    cascade = willump.CascadeClassifier(
        make_pipeline(columns, LogisticRegression()), target=target, costs=[1.0, 50.0]
    )
    with pytest.warns(willump.NotCertifiedWarning, match="estimated"):
        cascade.fit(x, x[:, 0] > 0)
    assert cascade.certificate_["is_estimated"]
    fresh = random.normal(size=(50, 4))
    for found, expected in zip(
        cascade.top_k(fresh, 5), cascade.cascade_.top_k(fresh, 5), strict=True
    ):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("size", [40, 500])
def test_a_query_of_more_rows_than_are_held_out_leaves_the_exact_model(size: int) -> None:
    random = np.random.default_rng(0)
    x = random.normal(size=(100, 4))
    model = RandomForestRegressor(16, random_state=0)
    target = willump.TopKRecall(0.9, query_size=size)
    cascade = willump.CascadeRegressor(model, target=target)
    with pytest.warns(willump.NotCertifiedWarning, match="held-out part of X has .* no query of"):
        cascade.fit(x, x.sum(axis=1))
    exact = clone(model).fit(x, x.sum(axis=1))
    np.testing.assert_allclose(cascade.predict(x), exact.predict(x), rtol=1e-9)
    with pytest.raises(willump.CertificateError, match="no query of"):
        cascade.set_params(strict=True).fit(x, x.sum(axis=1))
