"""`optimize`: the exact pipeline behind a cheap first stage, with a certificate."""

from __future__ import annotations

import inspect
import numbers
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

from ._arrow import readable
from ._calibration import Calibration, check_no_class_is_lost, group_numbers, hold_out
from ._compiled import CompiledModel, thread_count, warn_of_python_steps
from ._errors import UnsupportedError
from ._estimator import in_cascade, is_unfitted_cascade
from ._frames import as_rows, n_rows_of, take_rows
from ._places import ROW_ERRORS, check_instance, placed
from ._prefix_tuner import PrefixTuner, ensemble_of
from ._promises import TARGETS, Target, promise_of
from ._queries import in_groups
from ._row_keys import Keys, RowReader
from ._runner import Runner, check_rows_alone, for_sklearn
from ._targets import Accuracy, Agreement, Estimated, Lossless, TopKRecall
from ._topk import optimize_top_k
from ._tuner import Tuner
from .capture import as_function, is_function

Array = npt.NDArray[Any]


#: With refit: which rows are equal hangs on what the fitted pipeline reads, which the
#: split decides in turn.
MOST_SPLITS = 3


def optimize(
    pipeline: Any,
    X: Any,
    y: Any = None,
    *,
    X_cal: Any = None,
    y_cal: Any = None,
    groups: Any = None,
    refit: bool = False,
    target: Target | TopKRecall | Lossless = Agreement(0.99),
    costs: Mapping[str, float] | Sequence[float] | None = None,
    random_state: Any = None,
    n_threads: int | None = 1,
    strict: bool = False,
    duplicates: str = "distinct",
    fit_params: Mapping[str, Any] | None = None,
) -> CompiledModel:
    """Compiles a classifier or a regressor with a certified first stage.

    The features of the final model fall into blocks, and blocks of text have
    cheaper versions, fewer terms or shorter n-grams. A clone of the model, or a
    cheaper one, is trained on the cheap ones; where it is confident, its label is the
    answer, and the rest of the features is never computed. An ensemble of trees is cut
    instead: its first trees are the first stage, and rows that stay go on from
    their sum, through several such gates where that is cheaper.

    Targets of a cascade: `Agreement` with the exact pipeline's labels; `Accuracy` that is
    hardly less than the exact pipeline's; `Tolerance`, within which its probabilities or
    a regressor's predictions are; and `Estimated`, any metric that falls by little, by a
    bootstrap and without a proof.

    `TopKRecall` is for `top_k`, of classifiers and regressors: a filter, trained on
    the cheap features or the first trees of an ensemble, chooses the candidates, and
    the exact pipeline ranks those. Its other methods stay exact (docs/topk.md).

    `Lossless` proves labels instead of certifying them: a row leaves early where no value
    of the blocks or trees that are left could change its label, and `top_k` leaves out
    rows that cannot be among the best. All answers are exact; it needs X alone, to
    measure what pays (docs/cascades.md).

    A model that stays Python is spared the rows that leave: its first stage is a linear
    one. Only what the target names is certified. Of a row that leaves early, every method
    answers as the first stage; of a row that stays, as the exact pipeline.

    Parameters
    ----------
    pipeline : fitted classifier or regressor, or a function that calls one
        What is compiled already stands for what it was compiled from: of a cascade, that
        is the exact pipeline. A function takes a frame and returns what its model says of each row
        (docs/capture.md): it is followed on the first 1000 rows of X, and what is
        certified is what a call of it returns. The result is a `CompiledFunction`.
    X, y : training data
        What the first stage is trained on; y is what the final model was fitted on.
        Without y, the pipeline's own labels or predictions are used.
    X_cal : rows like those to come, a list of queries (TopKRecall), or None
        Rows that neither `pipeline` nor the first stage saw in training, drawn
        independently like future rows (fresh rows may repeat earlier ones). A
        fifth of them chooses the first stage, the rest certifies it.
    y_cal : array-like or None
        The true labels of X_cal, for Accuracy and Estimated; with `refit`, those of the
        held-out rows are taken from y. No model is right on a label that is not
        one of the pipeline's classes. Agreement needs none: only their number
        is checked.
    groups : array-like of hashables, or None
        A group for each row of X_cal (of X with `refit`), by position: rows of
        one group are kept together and count once, as one of them chosen at
        random. For TopKRecall a group is a query.
    refit : bool
        Instead of X_cal: hold out a part of X as calibration rows and refit a clone
        of the pipeline on the rest. What counts once is held out as a whole: a
        distinct row, a group, or with "traffic" each request by itself. The result
        then answers as that clone. Not of functions.
    target : Agreement, Accuracy, Tolerance, Estimated, TopKRecall or Lossless
        A regressor takes Tolerance, Estimated, TopKRecall or, for `top_k`, Lossless.
    costs : dict of block name to cost a row, sequence in block order, or None
        None measures them, in ns; given ones are in one unit, whichever it is. A dict may
        name parts of blocks too, as the
        certificate's costs do; those that it does not name are left out. It may hold
        "model", the cost of a model beyond its blocks (where that stays Python, of the
        first stage's none), "stage", that of each stage behind the first beyond
        both, and "gate", that of a gate that is learned.
        Given costs make the choice repeat.
    random_state : int, numpy Generator, RandomState or None
        Seeds the split of rows and the training; None takes 0.
    n_threads : int of at least 1, or None
    strict : bool
        Raise `CertificateError` where nothing can be certified, and
        `UnsupportedError` where a part would stay Python.
    duplicates : "distinct" or "traffic"
        "distinct": rows of X_cal that are equal in the columns that the pipeline
        reads count once, and the promise is per distinct row. It holds where
        they are a random sample of the distinct rows to come, as in collected or
        deduplicated data; the distinct rows of a sample of requests are not.
        "traffic": every row counts, the promise is per request; the rows must
        then be requests as they came. For TopKRecall, so do real queries that have
        the same rows.
    fit_params : dict of name to value, or None
        With `refit`, what the clone's `fit` is given beside X and y, as
        ``{"logisticregression__sample_weight": weights}``; of what has an entry for each
        row, the entries of its rows. The first stage is trained without, and the
        certificate counts every row as one. Models and other rows (`init_model`,
        `eval_set`) are refused: what is held out may be in them.

    Returns
    -------
    CompiledModel
        A cascade with `metadata["certificate"]`, a dict: ``promise`` and
        ``assumption`` say in words what is certified, ``per`` a "distinct row",
        "request" or "group"; ``n_rows_given`` are the calibration rows, ``n_rows``
        those that certified, each unit once, and ``rows_needed`` the fewest that
        would. For Agreement, ``n_wrong`` of them left with another label (for
        Tolerance, with probabilities that are not close), and at most ``k`` may. For
        Accuracy, of those that left ``n_harms`` are right by the exact pipeline alone
        and ``n_gains`` by the first stage alone. ``share_leaving`` is the share that
        left. The promise is over all rows, and a rare class may be lost
        within it: ``agreement_by_class`` is what was observed of each.
        docs/cascades.md has every entry.
        Or the exact pipeline, where nothing could be certified.

    Warns
    -----
    DuplicateRowsWarning
        Fewer than 99 % of the calibration rows (or queries) are distinct, and each counts once:
        the promise is per distinct row, and is none for traffic.
    TrainingRowsWarning
        More than 1 % of the rows of X_cal are rows of X. That is right for fresh rows
        that repeat earlier ones, and only for those.
    RareClassWarning
        Of a class with at least 20 certifying rows, the share that keeps its label
        is below half of the target's rate or share, or of 1 - loss.
    PythonStepWarning
        A part of the pipeline stays Python; says which and why.
    NotCertifiedWarning
        The exact pipeline is returned; says why, and how many rows it takes. Of
        Lossless: `NoGainWarning`, one of these.

    Raises
    ------
    ValueError, TypeError
        For arguments that do not fit each other; neither X_cal nor refit given;
        Accuracy without y_cal, or with a label that is missing there; an
        X_cal that is mostly rows of X; a class that refit would lose; a group that is
        missing (ValueError) or has no hash (TypeError).
    UnsupportedError
        The pipeline is no classifier or regressor with blocks of features to leave
        out, or has not what the target is about; a part that stays Python answers a
        row otherwise beside other rows.
    CertificateError
        With `strict`, where nothing can be certified.

    Examples
    --------
    >>> import willump
    >>> from sklearn.feature_extraction.text import CountVectorizer
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline, make_union
    >>> texts = [f"{word} {i}" for i in range(40) for word in ("good", "bad")]
    >>> union = make_union(CountVectorizer(), CountVectorizer(analyzer="char", ngram_range=(1, 4)))
    >>> pipeline = make_pipeline(union, LogisticRegression()).fit(texts, [1, 0] * 40)
    >>> fresh = [f"{word} {i}" for i in range(40, 400) for word in ("good", "bad")]
    >>> fast = willump.optimize(pipeline, texts, [1, 0] * 40, X_cal=fresh, random_state=0,
    ...                         costs=[1.0, 5.0])
    >>> fast.metadata["certificate"]["blocks"]
    ['countvectorizer-1']

    With the labels of fresh rows, the loss of accuracy can be certified instead:

    >>> fast = willump.optimize(pipeline, texts, [1, 0] * 40, X_cal=fresh, y_cal=[1, 0] * 360,
    ...                         target=willump.Accuracy(0.01), costs=[1.0, 5.0])
    >>> print(fast.metadata["certificate"]["promise"])  # doctest: +NORMALIZE_WHITESPACE
    with confidence 0.95, the accuracy of the cascade is at most 0.01 below that of the exact
    pipeline, per distinct row
    """
    pipeline = _original_of(pipeline, refit=refit)
    check_instance(pipeline)
    pipeline = as_function(pipeline) or pipeline
    if not isinstance(target, (*TARGETS, TopKRecall, Lossless)):
        raise TypeError(
            "target must be willump.Agreement(...), Accuracy(...), Tolerance(...), "
            f"Estimated(...), TopKRecall(...) or Lossless(), not {target!r}"
        )
    if duplicates not in ("distinct", "traffic"):
        raise ValueError(f"duplicates={duplicates!r} is neither 'distinct' nor 'traffic'")
    seed = seed_of(random_state)
    thread_count(n_threads)  # refuses a wrong one before any work
    X = as_rows(X)
    y = None if y is None else _labels_of(y, n_rows_of(X), "y", is_table=True)
    if fit_params and not refit:
        raise ValueError("fit_params go with refit=True: without it nothing but stages is fitted")
    if isinstance(target, Lossless):
        from ._lossless import optimize_lossless

        _check_lossless(X_cal, y_cal, groups, costs, refit=refit)
        with _rows_named_as_given(pipeline, X, None):
            conversion = _start(pipeline, X, strict=strict)
            return optimize_lossless(conversion, X, seed=seed, n_threads=n_threads, strict=strict)
    if X_cal is not None:
        if refit:
            raise ValueError(
                "give X_cal or refit=True, not both: refit holds out a part of X instead"
            )
        if not isinstance(target, TopKRecall):
            X_cal = as_rows(X_cal, "X_cal")
        elif y_cal is not None:
            raise ValueError("TopKRecall takes no y_cal: its queries need no labels")
        else:
            X_cal = readable(X_cal)
            if hasattr(X_cal, "__next__"):
                X_cal = list(X_cal)  # of rows, or of queries
    else:
        _check_refit(pipeline, y_cal, refit=refit)
    is_top_k = isinstance(target, TopKRecall)
    with _rows_named_as_given(pipeline, X, None if is_top_k else X_cal):
        if X_cal is None:
            pipeline, X, y, X_cal, y_cal, groups = _held_out(
                pipeline, X, y, groups, duplicates, seed, fit_params or {}
            )
        if isinstance(target, TopKRecall):
            queries = X_cal if groups is None else in_groups(X_cal, groups, target)
            counts_once = groups is None and duplicates == "distinct"
            return optimize_top_k(
                _started(pipeline, X, strict=strict), X, y, queries, target,
                costs=costs, seed=seed, n_threads=n_threads, strict=strict, is_held_out=refit,
                counts_once=counts_once,
            )  # fmt: skip
        y_cal = _calibration_labels(y_cal, X_cal, target)
        conversion = _started(pipeline, X, strict=strict)
        # Rows of X_cal may be others than those of X, as where only they have gaps.
        check_rows_alone(conversion, [X_cal])
        conversion.check_target(target)
        kind = Tuner if ensemble_of(conversion) is None else PrefixTuner
        tuner = kind(conversion, X, y, strict=strict, n_threads=n_threads)
        keys = tuner.base.keys
        calibration = Calibration(X_cal, groups, duplicates, seed, keys, is_held_out=refit)
        if not refit:
            calibration.check_training(X, keys)
        calibration.warn_of_duplicates()
        promise = promise_of(target, y_cal, tuner.answers, seed)
        model = tuner.run(calibration, promise, costs, seed)
    warn_of_python_steps(model._reasons, stacklevel=3)
    return model


def _original_of(pipeline: Any, *, refit: bool) -> Any:
    """What a compiled object was made from: the exact pipeline of a cascade is not the
    cascade.

    Raises
    ------
    UnsupportedError
        Of a compiled model that has no original.
    NotFittedError
        Of a CascadeClassifier or CascadeRegressor before fit, without `refit`.
    """
    given = pipeline.estimator if refit and is_unfitted_cascade(pipeline) else in_cascade(pipeline)
    if not isinstance(given, CompiledModel):
        return given
    original = given._template if given._interface is None else given._original
    if original is not None:
        return original
    told = given.metadata
    is_cascade = told.get("certificate") or told.get("top_k")
    raise UnsupportedError(
        f"optimize takes the exact pipeline, and this is a {'cascade' if is_cascade else 'model'} "
        "that was loaded from an artifact or unpickled, which does not have it: pass the fitted "
        "pipeline itself"
    )


def _check_refit(pipeline: Any, y_cal: Any, *, refit: bool) -> None:
    """Refuses what does not go without X_cal."""
    if is_function(pipeline):
        raise ValueError(
            f"optimize needs rows that nothing inside {pipeline.__qualname__} was fitted on to "
            "certify a cascade: pass X_cal (fresh rows, no labels needed). refit=True is for "
            "pipelines: the encoders and tables of a function have seen all of X, and only its "
            "author can fit them again"
        )
    if not refit:
        raise ValueError(
            "optimize needs rows that the pipeline was not trained on to certify a "
            "cascade: pass X_cal (fresh rows, no labels needed), or refit=True, which "
            "holds out a part of X and refits a clone of the pipeline on the rest"
        )
    if y_cal is not None:
        raise ValueError(
            "y_cal goes with X_cal; with refit=True the labels of the held-out rows are in y"
        )


def _calibration_labels(y_cal: Any, x_cal: Any, target: Target) -> Array | None:
    """The true labels of the calibration rows, None where the target needs none."""
    if y_cal is not None:
        given = y_cal if hasattr(y_cal, "__len__") else list(y_cal)
        given = np.asarray(given) if isinstance(target, Estimated) else given
        is_table = not isinstance(target, Accuracy)
        return _labels_of(given, n_rows_of(x_cal), "y_cal", is_table=is_table)
    if isinstance(target, (Accuracy, Estimated)):
        raise ValueError(
            f"{type(target).__name__} needs the true labels of X_cal: pass y_cal, or refit=True, "
            "which takes them from y; Agreement and Tolerance need none"
        )
    return None


@contextmanager
def _rows_named_as_given(pipeline: Any, x: Any, x_cal: Any) -> Iterator[None]:
    """An error about a row counts it as the caller does, and says whether it is in X or
    in X_cal: what failed on a part of the rows is asked of all of them again."""
    try:
        yield
    except ROW_ERRORS:
        runner = _exact_runner(pipeline, x)
        output = None if runner is None else next(iter(runner.interface.methods), None)
        for name, rows in (("X", x), ("X_cal", x_cal)):
            if rows is None or runner is None or output is None:
                continue
            try:
                runner(output, rows)
            except ROW_ERRORS as error:
                if "row" not in str(error):
                    continue
                raise placed(error, f"a row of {name}") from None
        raise


def _check_lossless(X_cal: Any, y_cal: Any, groups: Any, costs: Any, *, refit: bool) -> None:
    """Refuses what goes with a certificate."""
    given = {"X_cal": X_cal, "y_cal": y_cal, "groups": groups, "costs": costs}
    named = [name for name, value in given.items() if value is not None]
    named += ["refit"] if refit else []
    if named:
        raise ValueError(
            f"Lossless takes no {named[0]}: its answers are exact by construction, and what "
            "pays is measured on X"
        )


def seed_of(random_state: Any) -> int:
    if random_state is None:
        return 0
    if isinstance(random_state, np.random.Generator):
        return int(random_state.integers(2**32))
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(2**31))
    if isinstance(random_state, bool) or not isinstance(random_state, numbers.Integral):
        raise TypeError(
            "random_state must be an int, a numpy Generator or RandomState, or None, not "
            f"{random_state!r}"
        )
    seed = int(random_state)
    if not 0 <= seed < 2**64:
        raise ValueError(f"random_state={random_state!r} is not between 0 and 2**64 - 1")
    return seed


# ---- rows --------------------------------------------------------------------


def _labels_of(y: Any, n: int, name: str, *, is_table: bool = False) -> Array:
    """The labels as a vector, by position."""
    if not hasattr(y, "__len__"):
        y = list(y)
    # An array of a list's own items: as numbers and texts they would all be texts.
    labels = np.asarray(y, object if name == "y_cal" and isinstance(y, (list, tuple)) else None)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1 and not (labels.ndim == 2 and is_table):
        several = "; Accuracy is about one label a row" if labels.ndim == 2 and not is_table else ""
        raise ValueError(
            f"{name} must hold one label a row, not an array of {labels.shape}{several}"
        )
    if len(labels) != n:
        raise ValueError(f"{name} has {len(labels)} labels for {n} rows")
    return labels


def _held_out(
    pipeline: Any,
    x: Any,
    y: Any,
    groups: Any,
    duplicates: str,
    seed: int,
    fit_params: Mapping[str, Any],
) -> tuple[Any, Any, Any, Any, Any, Any]:
    """A clone of the pipeline fitted on a part of X, that part, and the rest."""
    from sklearn.base import clone, is_classifier

    if y is None:
        raise ValueError("refit=True needs y, the labels of X, to refit the pipeline")
    check_fit_params(pipeline, fit_params)
    _check_unseen(fit_params, len(y))
    if groups is not None:
        groups = group_numbers(groups, len(y))  # an iterator is read once
    fresh = clone(pipeline)
    _check_unfitted(fresh)
    reader = pipeline
    for _ in range(MOST_SPLITS):
        kept, held = hold_out(x, groups, duplicates, seed, _keys_for(reader, x))
        if is_classifier(pipeline) and y.ndim == 1:
            check_no_class_is_lost(y, kept)
        labels, rest = y[kept], take_rows(x, kept)
        params = {name: _part_of(value, kept, len(y)) for name, value in fit_params.items()}
        fitted = clone(fresh).fit(for_sklearn(rest), labels, **params)
        # Only a fitted pipeline tells which columns it reads: rows that are equal in them
        # are one, and are together in one part.
        reader = fitted
        is_settled = groups is not None or duplicates != "distinct"
        if is_settled or not _shares(_keys_for(reader, x)([x])[0], kept, held):
            own = None if groups is None else groups[held]
            return fitted, rest, labels, take_rows(x, held), y[held], own
    raise ValueError(
        "refit=True: which columns the pipeline reads changes with the rows that it is fitted on, "
        "so that rows which are equal to it come in both parts of X; pass X_cal, or groups="
    )


def _shares(keys: Sequence[Any], kept: Array, held: Array) -> bool:
    """Whether rows of both parts are equal."""
    known = {keys[i] for i in kept.tolist()}
    return any(keys[i] in known for i in held.tolist())


def _check_unfitted(fresh: Any) -> None:
    """Refuses a clone that has kept a fit, such as a FrozenEstimator: it may have seen the
    rows that are held out."""
    from sklearn.exceptions import NotFittedError
    from sklearn.utils import get_tags
    from sklearn.utils.validation import check_is_fitted

    # What is inside comes first, to be named.
    parts = {**(fresh.get_params() if hasattr(fresh, "get_params") else {}), "": fresh}
    for name, part in parts.items():
        if isinstance(part, type) or not hasattr(part, "fit"):
            continue
        try:
            if not get_tags(part).requires_fit:
                continue
            check_is_fitted(part)
        except (NotFittedError, TypeError, AttributeError):
            continue
        what = type(part).__name__ + (f" ({name})" if name else "")
        raise ValueError(
            f"refit=True: {what} keeps its fit when it is cloned, and may have seen the rows that "
            "would be held out to certify the cascade: pass X_cal, rows that nothing inside the "
            "pipeline was fitted on"
        )


def check_fit_params(estimator: Any, params: Mapping[str, Any]) -> None:
    """Refuses what an estimator's `fit` does not take, before any work."""
    takes = inspect.signature(estimator.fit).parameters.values()
    if any(p.kind is p.VAR_KEYWORD for p in takes):
        return  # it tells by itself
    for name in params.keys() - {p.name for p in takes}:
        raise TypeError(f"{type(estimator).__name__}.fit takes no {name}")


def _check_unseen(params: Mapping[str, Any], n: int) -> None:
    """Refuses parameters of a fit that may hold rows, or what was fitted on them: those that
    are held out may be among them."""
    for name, value in params.items():
        is_model = name.rpartition("__")[2] in ("init_model", "xgb_model")
        if _is_plain(value) and not (is_model and value is not None):
            continue
        has_rows = hasattr(value, "__len__") and not isinstance(value, Mapping)
        if not is_model and has_rows and n_rows_of(value) == n:
            continue
        raise ValueError(
            f"refit=True: fit_params[{name!r}] may hold rows, or a model of rows, that would be "
            "held out to certify the cascade: pass X_cal, rows that nothing was fitted on; what "
            "is an entry for each row of X, a number, a name or a list of these is taken"
        )


def _is_plain(value: Any) -> bool:
    """A setting: a number, a name, a function, or a list of these."""
    if type(value) in (list, tuple):
        return all(map(_is_plain, value))
    if value is None or isinstance(value, (bool, int, float, str, np.generic)):
        return True
    return callable(value) and not hasattr(value, "predict")


def _part_of(value: Any, rows: Array, n: int) -> Any:
    """Of a parameter that has an entry for each row, those of some; others as they are."""
    if isinstance(value, (str, bytes, Mapping)) or np.ndim(value) == 0:
        return value
    return take_rows(value, rows) if n_rows_of(value) == n else value


def _keys_for(pipeline: Any, x: Any) -> Keys:
    """Keys of the columns that a pipeline reads; of all, when it is not fitted."""
    runner = _exact_runner(pipeline, x)
    return RowReader().keys if runner is None else runner.keys


def _start(pipeline: Any, x: Any, *, strict: bool = False) -> Any:
    """The pipeline as nodes that outputs and stages are added to; a function's are made by
    following it on the first rows of x."""
    if is_function(pipeline):
        from .capture import conversion

        return conversion.start(pipeline, x, strict=strict)
    from . import convert

    return convert.start(pipeline, strict=strict)


def _started(pipeline: Any, x: Any, *, strict: bool) -> Any:
    """`_start`, of what answers each row by itself; a function's steps were asked the rows of x
    when it was followed (capture/steps.py)."""
    conversion = _start(pipeline, x, strict=strict)
    if not is_function(pipeline):
        check_rows_alone(conversion, [x])
    return conversion


def _exact_runner(pipeline: Any, x: Any) -> Runner | None:
    """What runs the pipeline as it is; None where it is not fitted, or unknown."""
    from sklearn.exceptions import NotFittedError

    try:
        conversion = _start(pipeline, x)
        converted = conversion.finish()
        return Runner(converted, conversion.describe(converted.metadata), 1)
    except (NotFittedError, UnsupportedError):
        return None
