"""The names of a frame's columns: who reads them, and what each says to others than
those of fit.
"""

from __future__ import annotations

import sys
import warnings
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ._columns import is_frame, library_of, names_of


def feature_names(x: Any) -> list[str] | None:
    """The column names of a frame, None when it has none that are strings.

    Raises
    ------
    TypeError
        Where only some names are strings.
    ValueError
        Where a name comes twice.
    """
    if not is_frame(x):
        return None
    names = list(names_of(x))
    check_unique(names)
    types = sorted({type(name).__name__ for name in names})
    if len(types) > 1 and any(isinstance(name, str) for name in names):
        raise TypeError(
            "Feature names are only supported if all input features have string names, "
            f"but your input has {types} as feature name / column name types. If you want "
            "feature names to be stored and validated, you must convert them all to strings, "
            "by using X.columns = X.columns.astype(str) for example. Otherwise you can remove "
            "feature / column names from your input data, or convert them all to a non-string "
            "data type."
        )
    return names if names and isinstance(names[0], str) else None


def check_unique(names: Sequence[Any]) -> None:
    """Raises the original's ValueError where columns share a name."""
    if len(set(names)) == len(names):
        return
    listed = "".join(
        f"\n- {name!r} {count} times" for name, count in Counter(names).items() if count > 1
    )
    # scikit-learn 1.9 reads frames through narwhals, which has a class of its own
    error = getattr(sys.modules.get("narwhals.exceptions"), "DuplicateError", ValueError)
    raise error(f"Expected unique column names, got:{listed}")


class NameReaders:
    """Everyone in a pipeline who reads the names of the caller's frame, as
    `convert.readers` finds them.

    Parameters
    ----------
    readers : list of dict
        "estimator" is the reader's type, "names" those that it was fitted on (None:
        none), and "kind" what it does with them: "check" compares them as scikit-learn
        does, "exact" as XGBoost does, "match" finds the columns of its matrix by them,
        "by_name" is found its columns by `Columns`, "inside" reads what such a one picked,
        and "position" ignores them. Of other frames than pandas', "pandas" says that they
        do not reach it.
    """

    def __init__(self, readers: Sequence[Mapping[str, Any]]) -> None:
        self.readers = [
            (str(r["estimator"]), str(r["kind"]), _texts(r.get("names")), bool(r.get("pandas")))
            for r in readers
        ]
        self.is_idle = all(
            kind in ("by_name", "position") or (kind == "inside" and names is not None)
            for _, kind, names, _ in self.readers
        )
        self._warns = any(k in ("check", "inside") and n is None for _, k, n, _ in self.readers)
        self._known: Any = None  # the columns of a pandas frame that was right as it was

    def __call__(self, x: Any) -> Any:
        """X, its columns in the order in which they are read.

        Raises
        ------
        ValueError
            Where names are unseen, missing or in another order.
        """
        if not is_frame(x):
            for estimator, kind, names, _ in self.readers:
                if kind in ("check", "inside") and names is not None:
                    _warn_nameless(estimator)
        elif not self.is_idle:
            # Callers mostly give frames of the same columns, which pandas does not change.
            if library_of(x) != "pandas" or self._warns:
                return self._checked(x)
            if self._known is None or x.columns is not self._known:
                found = self._checked(x)
                self._known = x.columns if found is x else None
                return found
        return x

    def _checked(self, x: Any) -> Any:
        is_pandas = library_of(x) == "pandas"
        if is_pandas:
            x = self._with_texts(x)
        wanted: list[str] | None = None
        for estimator, kind, names, needs_pandas in self.readers:
            if kind == "exact" and names is not None:
                check_exact_names(x, names)
            elif kind == "match" and names:
                wanted = _found(x, names) or wanted
            elif kind in ("check", "inside"):
                given = None if needs_pandas and not is_pandas else feature_names(x)
                compare_names(given, names, estimator, compares=kind == "check")
        if wanted is None:
            return x
        others = [r for r in self.readers if r[1] in ("check", "exact", "position")]
        if others or any(r[1] == "match" and r[2] != wanted for r in self.readers):
            raise ValueError(
                "The feature names should match those that were passed during fit.\n"
                f"One part of the model finds columns by name and {others[0][0] if others else ''} "
                "by position; give the columns in the order of feature_names_in_."
            )
        return x[wanted]

    def _with_texts(self, x: Any) -> Any:
        """A frame whose columns are called by numbers, by the texts that CatBoost finds them by,
        where they are all there in another order."""
        fitted = [names for _, kind, names, _ in self.readers if kind == "match" and names]
        if not fitted or any(isinstance(name, str) for name in x.columns):
            return x
        names = [str(name) for name in x.columns]
        is_found = names not in fitted and sorted(names) in map(sorted, fitted)
        return x.set_axis(names, axis=1) if is_found else x


def _texts(names: Sequence[Any] | None) -> list[str] | None:
    return None if names is None else [str(name) for name in names]


def _found(x: Any, fitted: list[str]) -> list[str] | None:
    """The names by which the columns of a frame are found; None: they are in order."""
    names = feature_names(x)
    if names is None or names == fitted:
        return None
    missing = [name for name in fitted if name not in set(names)]
    if missing:
        raise ValueError(
            "The feature names should match those that were passed during fit.\n"
            + _listed("Feature names seen at fit time, yet now missing:\n", missing)
        )
    return fitted


def compare_names(
    names: Sequence[str] | None,
    fitted: Sequence[str] | None,
    estimator: str,
    *,
    compares: bool = True,
) -> None:
    """scikit-learn's comparison of names with those seen by fit; not `compares`: whether
    there are any on both sides.

    Raises
    ------
    ValueError
        Where names are unseen, missing or in another order.
    """
    if names is None and fitted is None:
        return
    if fitted is None or names is None:
        if names is None:
            _warn_nameless(estimator)
        else:
            _warn(f"X has feature names, but {estimator} was fitted without feature names")
        return
    if not compares or list(fitted) == list(names):
        return
    message = "The feature names should match those that were passed during fit.\n"
    unseen = sorted(set(names) - set(fitted))
    missing = sorted(set(fitted) - set(names))
    message += _listed("Feature names unseen at fit time:\n", unseen)
    message += _listed("Feature names seen at fit time, yet now missing:\n", missing)
    if not unseen and not missing:
        i = next(i for i, name in enumerate(names) if name != fitted[i])
        message += (
            "Feature names must be in the same order as they were in fit.\n"
            f"Column {i} is {names[i]!r} instead of {fitted[i]!r}: reorder X by the names in "
            "feature_names_in_.\n"
        )
    raise ValueError(message)


def _listed(title: str, names: list[str]) -> str:
    if not names:
        return ""
    shown = [f"- {name}\n" for name in names[:5]]
    return title + "".join(shown) + ("- ...\n" if len(names) > 5 else "")


def _warn_nameless(estimator: str) -> None:
    _warn(f"X does not have valid feature names, but {estimator} was fitted with feature names")


def _warn(message: str) -> None:
    warnings.warn(message, UserWarning, stacklevel=5)


class ExactNames:
    """A frame's names are those of fit in their order, as XGBoost wants them; what
    has no names goes by position."""

    def __init__(self, fitted: Sequence[str], then: Callable[[Any], tuple[Any, ...]]) -> None:
        self.fitted = [str(name) for name in fitted]
        self.then = then

    def __call__(self, x: Any) -> tuple[Any, ...]:
        if is_frame(x):
            check_exact_names(x, self.fitted)
        return self.then(x)


def check_exact_names(x: Any, fitted: list[str]) -> None:
    """Raises XGBoost's ValueError where the names of a frame are not those of fit."""
    names = [
        " ".join(map(str, name)) if isinstance(name, tuple) else str(name) for name in names_of(x)
    ]
    if names != fitted:
        raise ValueError(mismatch_of_names(fitted, names))


def mismatch_of_names(fitted: Sequence[str], names: Sequence[str]) -> str:
    """XGBoost's message to other names than those of fit."""
    message = f"feature_names mismatch: {list(fitted)} {list(names)}"
    missing = [name for name in fitted if name not in set(names)]
    unseen = [name for name in names if name not in set(fitted)]
    if missing:
        message += f"\nexpected {', '.join(missing)} in input data"
    if unseen:
        message += f"\ntraining data did not have the following fields: {', '.join(unseen)}"
    return message + "\nGive the columns that it was trained on, in their order."
