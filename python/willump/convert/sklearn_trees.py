"""Trees of scikit-learn and their sums: forests, boosting, isolation.

Plain trees cast X to float32 and compare `x <= threshold`; the cast is folded
into the thresholds. Histogram boosting compares doubles.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn import ensemble as en
from sklearn import tree as tr
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.preprocessing import OrdinalEncoder
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted

from .._graph import Array
from .categories import reads_columns
from .context import Context
from .registry import Refused, register
from .sklearn_encode import ordinal_codes
from .sklearn_linear import add_proba
from .tables import ANY
from .trees import CATEGORIES, MISSING_LEFT, MISSING_NAN, Forest, fold_float32
from .values import Model, Ref, Source, Table, Value

TREE_CLASSIFIERS = (tr.DecisionTreeClassifier, tr.ExtraTreeClassifier)
TREE_REGRESSORS = (tr.DecisionTreeRegressor, tr.ExtraTreeRegressor)

#: x > this is x >= 0.
JUST_BELOW_ZERO = -5e-324

# ---- plain trees -------------------------------------------------------------


def allows_nan(tree: Any) -> bool:
    """Whether a fitted tree takes NaN in dense rows."""
    ask = getattr(tree, "_support_missing_values", None)
    if ask is not None:
        return bool(ask(np.zeros((1, 1), np.float32)))
    return bool(get_tags(tree).input_tags.allow_nan)


def tree_input(ctx: Context, est: Any, value: Value, tree: Any) -> Ref:
    """X as BaseDecisionTree._validate_X_predict checks it, for `est`."""
    return ctx.numeric(
        value, int(est.n_features_in_), est, allow_nan=allows_nan(tree), as_float32=True
    )


def _goes_left(tree: Any) -> Array:
    """Whether NaN goes to the left, of each node."""
    if hasattr(tree, "missing_go_to_left"):
        return np.asarray(tree.missing_go_to_left)
    return np.asarray(tree.__getstate__()["nodes"]["missing_go_to_left"])


def add_tree(forest: Forest, tree: Any, values: Array, features: Array | None = None) -> None:
    """A `tree_`; `features` are the columns of X that it was fitted on."""
    goes_left = _goes_left(tree)
    is_leaf = np.asarray(tree.children_left) < 0
    feature = np.where(is_leaf, 0, tree.feature)
    if features is not None:
        feature = np.asarray(features)[feature]
    forest.add(
        is_leaf,
        tree.children_left,
        tree.children_right,
        feature,
        fold_float32(tree.threshold),
        values,
        np.where(goes_left != 0, MISSING_NAN | MISSING_LEFT, MISSING_NAN),
    )


def leaf_proba(tree: Any) -> Array:
    """The probabilities at each node of a fitted classification tree."""
    return np.asarray(tree.tree_.value[:, 0, : int(tree.n_classes_)])


def leaf_values(tree: Any) -> Array:
    """The predictions at each node of a fitted regression tree."""
    return np.asarray(tree.tree_.value[:, :, 0])


def one_output(est: Any) -> None:
    if est.n_outputs_ != 1:
        raise Refused("several outputs with classes of their own")


def proba_model(ctx: Context, est: Any, ref: Ref, proba: Ref) -> Model:
    """A classifier whose labels are the most probable classes."""
    model = Model(classes=np.asarray(est.classes_), model_input=ref)
    add_proba(ctx, model, proba)
    model.label = ctx.argmax(proba)
    model.ravel.add("label")
    return model


def _check_members(trees: list[Any], types: tuple[type, ...]) -> None:
    for tree in trees:
        if type(tree) not in types:
            raise Refused(f"a tree is a {type(tree).__name__}")


def _summed_proba(ctx: Context, est: Any, value: Value, trees: list[Any]) -> Model:
    one_output(est)
    _check_members(trees, TREE_CLASSIFIERS)
    ref = tree_input(ctx, est, value, trees[0])
    n_classes = len(est.classes_)
    forest = Forest(n_classes, n_classes)
    for tree in trees:
        add_tree(forest, tree.tree_, leaf_proba(tree))
    raw = forest.emit(ctx, ref, divide=len(trees), has_ids=True)
    return _with_nodes(proba_model(ctx, est, ref, raw), est, trees, raw)


def _is_preorder(tree: Any) -> bool:
    """Whether a `tree_`'s nodes are numbered depth first, left before right."""
    left, right = np.asarray(tree.children_left), np.asarray(tree.children_right)
    size, levels = np.ones(len(left), np.int64), [np.flatnonzero(left[:1] >= 0)]
    while len(levels[-1]):
        below = np.concatenate([left[levels[-1]], right[levels[-1]]])
        levels.append(below[left[below] >= 0])
    for level in reversed(levels):
        size[level] += size[left[level]] + size[right[level]]
    splits = np.flatnonzero(left >= 0)
    is_next = left[splits] == splits + 1
    return bool(np.all(is_next & (right[splits] == left[splits] + size[left[splits]])))


def _with_nodes(model: Model, est: Any, trees: list[Any], raw: Ref) -> Model:
    """The model with `apply` and `decision_path`."""
    model.raw = raw
    model.source = {
        "family": "sklearn_tree" if trees[0] is est else "sklearn_forest",
        "n_iterations": len(trees),
        "has_paths": all(_is_preorder(tree.tree_) for tree in trees),
    }
    return model


def _summed_values(ctx: Context, est: Any, value: Value, trees: list[Any]) -> Model:
    _check_members(trees, TREE_REGRESSORS)
    ref = tree_input(ctx, est, value, trees[0])
    n_outputs = int(est.n_outputs_)
    forest = Forest(n_outputs, n_outputs)
    for tree in trees:
        add_tree(forest, tree.tree_, leaf_values(tree))
    # A single tree's answer is its leaf's value, so -0.0 stays.
    start = np.full(n_outputs, -0.0) if trees[0] is est else None
    model = Model(model_input=ref)
    model.prediction = forest.emit(ctx, ref, start=start, divide=len(trees), has_ids=True)
    if n_outputs == 1:
        model.ravel.add("prediction")
    return _with_nodes(model, est, trees, model.prediction)


def tree_classifier(ctx: Context, est: Any, value: Value) -> Model:
    check_is_fitted(est)
    return _summed_proba(ctx, est, value, [est])


def tree_regressor(ctx: Context, est: Any, value: Value) -> Model:
    check_is_fitted(est)
    return _summed_values(ctx, est, value, [est])


def forest_classifier(ctx: Context, est: Any, value: Value) -> Model:
    check_is_fitted(est)
    return _summed_proba(ctx, est, value, list(est.estimators_))


def forest_regressor(ctx: Context, est: Any, value: Value) -> Model:
    check_is_fitted(est)
    return _summed_values(ctx, est, value, list(est.estimators_))


# ---- gradient boosting -------------------------------------------------------


def _start_of(est: Any) -> Array | None:
    """The raw predictions of a constant `init`, as scikit-learn computes them."""
    init = est.init_
    if isinstance(init, str) and init == "zero":
        return None
    if type(init) not in (DummyClassifier, DummyRegressor):
        raise Refused(f"init is a {type(init).__name__}")
    if getattr(init, "strategy", "") == "stratified":
        raise Refused("init draws classes at random")
    raw = est._raw_predict_init(np.zeros((2, int(est.n_features_in_)), np.float32))
    return np.asarray(raw[0], dtype=np.float64)


def _boosted(ctx: Context, est: Any, value: Value) -> tuple[Ref, Ref]:
    """X, and the raw predictions."""
    check_is_fitted(est)
    start = _start_of(est)
    trees = est.estimators_
    _check_members(trees.ravel().tolist(), (tr.DecisionTreeRegressor,))
    ref = ctx.numeric(value, int(est.n_features_in_), est, as_float32=True)
    forest = Forest(trees.shape[1])
    rate = float(est.learning_rate)
    for tree in trees.ravel():
        add_tree(forest, tree.tree_, rate * tree.tree_.value[:, 0, 0])
    return ref, forest.emit(ctx, ref, start=start, has_ids=True)


def _staged(model: Model, raw: Ref, family: str, n_iterations: int) -> Model:
    """The model with the methods of its stages."""
    model.raw = raw
    model.source = {"family": family, "n_iterations": n_iterations}
    return model


def _link_of(est: Any) -> str:
    loss = getattr(est, "_loss", None)
    return type(getattr(loss, "link", None)).__name__


def _raw_classifier(ctx: Context, est: Any, ref: Ref, raw: Ref, threshold: float) -> Model:
    """Labels, and probabilities by the inverse of the loss's link."""
    link = _link_of(est)
    model = Model(classes=np.asarray(est.classes_), model_input=ref, decision=raw)
    model.ravel.add("label")
    if link == "MultinomialLogit":
        model.label = ctx.argmax(raw)
        model.proba = ctx.rows("softmax", raw)
        return model
    if link not in ("LogitLink", "HalfLogitLink") or raw.n_features != 1:
        raise Refused(f"its loss has the link {link}")
    if len(est.classes_) != 2:
        raise Refused("it was fitted on one class")
    twice = ctx.rows("affine", raw, multiply=np.array([2.0])) if link == "HalfLogitLink" else raw
    model.positive = ctx.rows("expit", twice)
    model.proba = ctx.rows("complement", model.positive, n_features=2)
    model.label = ctx.rows("positive", raw, threshold=threshold)
    model.ravel.add("decision")
    return model


def boosting_classifier(ctx: Context, est: Any, value: Value) -> Model:
    ref, raw = _boosted(ctx, est, value)
    model = _raw_classifier(ctx, est, ref, raw, JUST_BELOW_ZERO)
    assert model.proba is not None
    model.log_proba = ctx.rows("log", model.proba)
    return _staged(model, raw, "sklearn_boosting", len(est.estimators_))


def boosting_regressor(ctx: Context, est: Any, value: Value) -> Model:
    ref, raw = _boosted(ctx, est, value)
    model = Model(model_input=ref, prediction=raw, ravel={"prediction"})
    return _staged(model, raw, "sklearn_boosting", len(est.estimators_))


# ---- histogram boosting ------------------------------------------------------


def _preprocessed(ctx: Context, est: Any, value: Value) -> tuple[Ref, Ref]:
    """X, and what its preprocessor makes of it: codes of categories first, then numbers."""
    preprocessor = getattr(est, "_preprocessor", None)
    encoder = None if preprocessor is None else preprocessor.named_transformers_["encoder"]
    if encoder is not None and type(encoder) is not OrdinalEncoder:
        raise Refused("its categories are not encoded by an OrdinalEncoder")
    chosen = np.asarray(est.is_categorical_, dtype=bool) if encoder is not None else None
    if encoder is not None and chosen is not None and reads_columns(encoder):
        encoded = _encoded_columns(ctx, est, value, encoder, chosen)
        return encoded, encoded
    ref = ctx.numeric(value, int(est.n_features_in_), reads=ANY)
    if ref.sparse:
        raise Refused("its input is sparse, which it does not take")
    if encoder is None or chosen is None:
        return ref, ref
    ctx.refuse_text(ref.node, np.flatnonzero(chosen).tolist())
    columns = ctx.select(ref, np.flatnonzero(chosen))
    # The encoder checks column by column, and its message names nothing.
    codes = ordinal_codes(ctx, ctx.check_finite(columns, "", True), encoder.categories_)
    numbers = None if chosen.all() else ctx.select(ref, np.flatnonzero(~chosen))
    return ref, _beside(ctx, codes, numbers)


def _encoded_columns(ctx: Context, est: Any, value: Value, encoder: Any, chosen: Array) -> Ref:
    """The same of columns, some of text, which a frame's names or positions find."""
    if not isinstance(value, Table) and (
        not isinstance(value, Source) or value.columns is not None
    ):
        raise Refused(
            "its categories are text (categorical_features), and its input is made by a step "
            "before it: compile it with the frame itself as its input"
        )
    names = getattr(est, "feature_names_in_", None)
    frame = Source(None, True, int(est.n_features_in_))

    def pick(positions: list[int]) -> Source | Table:
        if isinstance(value, Table):
            return value.pick(positions, False)
        own = None if names is None else [str(names[i]) for i in positions]
        return frame.pick(positions, own, False)

    codes = ordinal_codes(ctx, pick(np.flatnonzero(chosen).tolist()), encoder.categories_)
    rest = np.flatnonzero(~chosen).tolist()
    return _beside(ctx, codes, ctx.numeric(pick(rest), None, reads=ANY) if rest else None)


def _beside(ctx: Context, codes: Ref, numbers: Ref | None) -> Ref:
    if numbers is None:
        return codes
    return ctx._plain_concat([("codes", codes), ("numbers", numbers)], sparse=False)


def _add_predictor(forest: Forest, predictor: Any) -> None:
    nodes = predictor.nodes
    first_set = len(forest.sets)
    for words in np.asarray(predictor.raw_left_cat_bitsets):
        forest.add_set(words)
    is_category = nodes["is_categorical"] != 0
    forest.add(
        nodes["is_leaf"] != 0,
        nodes["left"],
        nodes["right"],
        nodes["feature_idx"],
        np.where(is_category, first_set + nodes["bitset_idx"], nodes["num_threshold"]),
        nodes["value"],
        MISSING_NAN
        | np.where(nodes["missing_go_to_left"] != 0, MISSING_LEFT, 0)
        | np.where(is_category, CATEGORIES, 0),
    )


def _histogram_boosted(ctx: Context, est: Any, value: Value) -> tuple[Ref, Ref]:
    """X, and the raw predictions. Categories that were not seen are NaN by now,
    so no set of known ones is needed."""
    check_is_fitted(est)
    ref, encoded = _preprocessed(ctx, est, value)
    start = np.asarray(est._baseline_prediction, dtype=np.float64).ravel()
    forest = Forest(int(est.n_trees_per_iteration_))
    for iteration in est._predictors:
        for predictor in iteration:
            _add_predictor(forest, predictor)
    if not forest.sizes:
        raise Refused("it has no trees")
    raw = forest.emit(ctx, encoded, start=start)
    return ref, raw


def histogram_classifier(ctx: Context, est: Any, value: Value) -> Model:
    ref, raw = _histogram_boosted(ctx, est, value)
    model = _raw_classifier(ctx, est, ref, raw, 0.0)
    return _staged(model, raw, "sklearn_histogram", len(est._predictors))


def histogram_regressor(ctx: Context, est: Any, value: Value) -> Model:
    ref, raw = _histogram_boosted(ctx, est, value)
    link = _link_of(est)
    if link not in ("IdentityLink", "LogLink"):
        raise Refused(f"its loss has the link {link}")
    prediction = raw if link == "IdentityLink" else ctx.rows("exp", raw)
    model = Model(model_input=ref, prediction=prediction, ravel={"prediction"})
    return _staged(model, raw, "sklearn_histogram", len(est._predictors))


# ---- isolation ---------------------------------------------------------------


def _average_path_length(n: float) -> float:
    if n <= 2:
        return 0.0 if n <= 1 else 1.0
    return float(2.0 * (np.log(n - 1.0) + np.euler_gamma) - 2.0 * (n - 1.0) / n)


def _first_inlier_depth(scores: Any, offset: float, low: float, high: float) -> float:
    """The largest depth sum that is an outlier's: labels follow from depths, which
    are exact, rather than from powers, which are not."""
    while True:
        middle = low + (high - low) / 2.0
        if not low < middle < high:
            return low
        low, high = (middle, high) if scores(middle) - offset < 0 else (low, middle)


def isolation_forest(ctx: Context, est: Any, value: Value) -> Model:
    check_is_fitted(est)
    if not hasattr(est, "_decision_path_lengths"):
        raise Refused("it was fitted by a version of scikit-learn without path lengths")
    denominator = len(est.estimators_) * _average_path_length(float(est._max_samples))
    if denominator == 0.0:
        raise Refused("its trees saw one row each")
    n_features = int(est.n_features_in_)
    ref = ctx.numeric(value, n_features, reads=ANY)
    is_subset = est._max_features != n_features
    forest, may_go_left = Forest(), False
    for i, (member, features) in enumerate(
        zip(est.estimators_, est.estimators_features_, strict=True)
    ):
        depth = est._decision_path_lengths[i] + est._average_path_length_per_tree[i] - 1.0
        may_go_left |= bool(_goes_left(member.tree_).any())
        add_tree(forest, member.tree_, depth, features if is_subset else None)
    if may_go_left:  # in sparse rows NaN goes to the right
        ctx.refuses_sparse_nan(ref)
    depths = forest.emit(ctx, ref)
    # As scikit-learn rounds: one division, one power of 2, one subtraction.
    exponent = ctx.apply("scale", depths, divide=np.array([-denominator]))
    power = ctx.rows("ufunc", exponent, function="exp2")
    model = Model(model_input=ref, prediction_dtype="<i8")
    model.ravel |= {"decision", "prediction", "score"}
    model.score = ctx.rows("ufunc", power, function="negative")
    model.decision = ctx.rows("affine", model.score, add=np.array([-float(est.offset_)]))

    def score(depth: float) -> float:
        return float(-(2 ** (-np.divide(np.array([depth]), denominator)))[0])

    bound = _first_inlier_depth(score, float(est.offset_), -1.0, 1100.0 * denominator)
    is_inlier = ctx.rows("positive", depths, threshold=bound)
    model.prediction = ctx.rows(
        "affine", ctx.apply("cast", is_inlier, dtype="f64"),
        multiply=np.array([2.0]), add=np.array([-1.0]),
    )  # fmt: skip
    return model


_FITTED = "all (the fitted trees are used), with missing values and pruning"
_OUTPUTS = "several outputs with classes of their own; input within rounding"

register(
    *TREE_CLASSIFIERS,
    predict=tree_classifier,
    operators=["trees", "argmax", "log", "check_finite"],
    parameters=[_FITTED],
    python_step=_OUTPUTS,
)
register(
    *TREE_REGRESSORS,
    predict=tree_regressor,
    operators=["trees", "check_finite"],
    parameters=[_FITTED, "several targets"],
    python_step="input within rounding",
)
register(
    en.RandomForestClassifier,
    en.ExtraTreesClassifier,
    predict=forest_classifier,
    operators=["trees", "argmax", "log", "check_finite"],
    parameters=[_FITTED],
    python_step=_OUTPUTS,
)
register(
    en.RandomForestRegressor,
    en.ExtraTreesRegressor,
    predict=forest_regressor,
    operators=["trees", "check_finite"],
    parameters=[_FITTED, "several targets"],
    python_step="input within rounding",
)
register(
    en.GradientBoostingClassifier,
    predict=boosting_classifier,
    operators=["trees", "positive", "argmax", "expit", "complement", "softmax", "log",
               "check_finite"],
    parameters=["loss", "init ('zero', None, dummies that give a constant)", _FITTED],
    python_step="another init; input within rounding",
)  # fmt: skip
register(
    en.GradientBoostingRegressor,
    predict=boosting_regressor,
    operators=["trees", "check_finite"],
    parameters=["loss", "init ('zero', None, dummies that give a constant)", _FITTED],
    python_step="another init; input within rounding",
)
register(
    en.HistGradientBoostingClassifier,
    predict=histogram_classifier,
    operators=["trees", "positive", "argmax", "expit", "complement", "softmax", "check_finite"],
    parameters=[_FITTED, "categories of text and of numbers"],
    python_step="categories of text after another step; input within rounding",
)
register(
    en.HistGradientBoostingRegressor,
    predict=histogram_regressor,
    operators=["trees", "exp", "check_finite"],
    parameters=["loss", _FITTED, "categories of text and of numbers"],
    python_step="categories of text after another step; input within rounding",
)
register(
    en.IsolationForest,
    predict=isolation_forest,
    operators=["trees", "scale", "ufunc", "affine", "positive"],
    parameters=["predict, decision_function and score_samples", "contamination", "max_features"],
    python_step="max_samples=1; input within rounding",
)
