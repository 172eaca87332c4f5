"""Exceptions and warnings that Willump raises beside Python's own."""

from __future__ import annotations


class UnsupportedError(NotImplementedError):
    """A parameter, an estimator or an operator that is not supported.

    The message names every reason; nothing was compiled.
    """


class ArtifactError(ValueError):
    """An artifact is damaged, or of a newer format."""


class CertificateError(RuntimeError):
    """A target cannot be certified on the rows that were given."""


class PythonStepWarning(UserWarning):
    """A part of a compiled pipeline still runs in Python; says which and why."""


class NotCertifiedWarning(UserWarning):
    """Too few rows to certify a target: the exact pipeline was returned."""


class NoGainWarning(NotCertifiedWarning):
    """No lossless gate pays on the rows that were given, or none can be built: the exact
    pipeline was returned."""


class DuplicateRowsWarning(UserWarning):
    """Calibration rows are equal: the promise is per distinct row, not per request."""


class TrainingRowsWarning(UserWarning):
    """Some rows of X_cal are rows of X: they must be fresh ones that repeat earlier ones."""


class RareClassWarning(UserWarning):
    """A class is mostly answered otherwise, within a promise that is over all rows."""
