"""Willump: compiles fitted scikit-learn pipelines into fast native models.

Examples
--------
>>> import willump
>>> from sklearn.feature_extraction.text import TfidfVectorizer
>>> from sklearn.linear_model import LogisticRegression
>>> from sklearn.pipeline import make_pipeline
>>> texts = ["good", "very good", "bad", "so bad"]
>>> pipeline = make_pipeline(TfidfVectorizer(), LogisticRegression())
>>> pipeline = pipeline.fit(texts, ["yes", "yes", "no", "no"])
>>> fast = willump.compile(pipeline)
>>> fast.predict(["good", "not bad"]).tolist()
['yes', 'no']
>>> again = willump.from_bytes(fast.to_bytes())
>>> bool((again.predict_proba(texts) == fast.predict_proba(texts)).all())
True
"""

from __future__ import annotations

import os
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from . import _core
from ._booster import CompiledBooster
from ._compiled import CompiledModel
from ._errors import (
    ArtifactError,
    CertificateError,
    DuplicateRowsWarning,
    NoGainWarning,
    NotCertifiedWarning,
    PythonStepWarning,
    RareClassWarning,
    TrainingRowsWarning,
    UnsupportedError,
)
from ._estimator import in_cascade
from ._function import CompiledFunction
from ._optimize import optimize
from ._places import check_instance
from ._report import Explanation, VerifyReport
from ._targets import Accuracy, Agreement, Estimated, Lossless, Tolerance, TopKRecall
from ._trace import Trace, trace
from ._versions import show_versions
from .capture import as_function, pipeline

if TYPE_CHECKING:
    from ._cascades import CascadeClassifier, CascadeRegressor

__version__ = _core.version

__all__ = [
    "Accuracy",
    "Agreement",
    "ArtifactError",
    "CascadeClassifier",
    "CascadeRegressor",
    "CertificateError",
    "CompiledBooster",
    "CompiledFunction",
    "CompiledModel",
    "DuplicateRowsWarning",
    "Estimated",
    "Explanation",
    "Lossless",
    "NoGainWarning",
    "NotCertifiedWarning",
    "PythonStepWarning",
    "RareClassWarning",
    "Tolerance",
    "TopKRecall",
    "Trace",
    "TrainingRowsWarning",
    "UnsupportedError",
    "VerifyReport",
    "__version__",
    "compile",
    "from_bytes",
    "load",
    "optimize",
    "pipeline",
    "show_versions",
    "trace",
]


def __getattr__(name: str) -> Any:
    """The estimators, which take scikit-learn to define, at first use."""
    if name not in ("CascadeClassifier", "CascadeRegressor"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from . import _cascades

    found = getattr(_cascades, name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def compile(
    estimator: Any, *, sample: Any = None, strict: bool = False, n_threads: int | None = None
) -> CompiledModel:
    """Compiles a fitted pipeline, or a function, into an object that is called like it.

    Parameters
    ----------
    estimator : fitted scikit-learn estimator, a Booster, or a function
        A Pipeline, a transformer or a model; LightGBM's and XGBoost's models too. A
        function takes a pandas frame and gives an answer for each of its rows
        (docs/capture.md).
    sample : frame, of a function
        Rows that look like those to come: the function is followed on them. None: on
        those of its first call.
    strict : bool
        Raise `UnsupportedError`, naming every reason, instead of leaving a part
        of the pipeline to Python with a `PythonStepWarning`.
    n_threads : int of at least 1, or None
        Threads of a call; None: ``WILLUMP_NUM_THREADS``, or 1.

    Returns
    -------
    CompiledModel
        Answers what `estimator` answers: the same labels (but where its own
        scores tie to the last bits), scores within 1e-9 relative or 1e-12
        absolute (of what it computes in float32, within 4 units in the last
        place of its terms), the same exception types for bad input.

    Raises
    ------
    TypeError
        For a class, and what else is no fitted estimator.
    UnsupportedError
        Where no part can be compiled; with `strict`, where any part stays Python.

    Examples
    --------
    >>> from sklearn.feature_extraction.text import CountVectorizer
    >>> fast = compile(CountVectorizer(vocabulary=["good", "bad"]))
    >>> fast.transform(["good, good", "bad"]).toarray().tolist()
    [[2, 0], [0, 1]]
    """
    check_instance(estimator)
    estimator = in_cascade(estimator)
    if isinstance(estimator, CompiledModel):
        return estimator
    function = as_function(estimator)
    if function is not None:
        return CompiledFunction.from_function(function, sample, strict=strict, n_threads=n_threads)
    if sample is not None:
        raise TypeError("sample is for functions; a fitted estimator knows its input")
    if _is_booster_object(estimator):
        return CompiledBooster.from_booster(estimator, n_threads=n_threads)
    return CompiledModel.from_estimator(estimator, strict=strict, n_threads=n_threads)


def _is_booster_object(estimator: Any) -> bool:
    library = type(estimator).__module__.partition(".")[0]
    return type(estimator).__name__ == "Booster" and library in ("lightgbm", "xgboost")


def load(
    path: str | os.PathLike[str],
    *,
    mmap: bool = False,
    allow_python: Collection[str] = (),
    n_threads: int | None = None,
) -> CompiledModel:
    """Loads an artifact that `CompiledModel.save` wrote, verified first.

    Parameters
    ----------
    path : str or path-like
    mmap : bool
        Map the file instead of reading it; it must then stay as it is.
    allow_python : collection of str
        Top-level modules whose functions the artifact's Python steps may call
        (docs/capture.md). An artifact with such steps loads only when all of theirs
        are named: what they name is imported and run, so trust where the file is from.
    n_threads : int or None
        As for `compile`.

    Raises
    ------
    ArtifactError
        Where the file is damaged or of a newer format; the message says how. Where it
        has Python steps whose modules `allow_python` does not name.
    """
    return CompiledModel.load(path, mmap=mmap, allow_python=allow_python, n_threads=n_threads)


def from_bytes(
    data: bytes | bytearray | memoryview,
    *,
    allow_python: Collection[str] = (),
    n_threads: int | None = None,
) -> CompiledModel:
    """A model from the bytes that `CompiledModel.to_bytes` gave; the options are `load`'s."""
    return CompiledModel.from_bytes(data, allow_python=allow_python, n_threads=n_threads)
