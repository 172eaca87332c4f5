"""A compiled function: called like its original."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from . import _core
from ._columns import library_of
from ._compiled import CompiledModel, thread_count, warn_of_python_steps
from ._errors import UnsupportedError
from ._report import Explanation, VerifyReport, compare

Array = npt.NDArray[Any]
_Self = TypeVar("_Self", bound="CompiledFunction")


class CompiledFunction(CompiledModel):
    """A function of rows that was compiled by `willump.compile`.

    Called like the function, with a pandas or polars frame, an Arrow table, a dict of
    columns, one row as a dict or a list of such rows. It has the methods of other
    compiled models: `predict` is the call, `top_k` ranks rows by it.

    Globals, closures and defaults are those of the capture: a table or a model that is
    assigned anew later is not seen before `recapture`.
    """

    def __init__(self) -> None:
        super().__init__()
        self._sample: Any = None

    @classmethod
    def from_function(
        cls: type[_Self],
        function: Any,
        sample: Any = None,
        *,
        strict: bool = False,
        n_threads: int | None = None,
    ) -> _Self:
        """What `willump.compile` does with a function."""
        thread_count(n_threads)
        self = cls()
        self._strict = strict
        self._n_threads = n_threads
        self._original = function
        self.metadata = {"estimator": function.__qualname__}
        if sample is not None:
            self._capture(sample)
            warn_of_python_steps(self._reasons, stacklevel=4)
        return self

    def _capture(self, sample: Any) -> None:
        from .capture.capture import follow

        followed = follow(self._original, sample, strict=self._strict)
        try:
            self._compile_followed(followed)
        except UnsupportedError as error:
            if self._strict or followed.is_whole:
                raise
            self._compile_followed(follow(self._original, sample, as_whole=str(error)))
        self._sample = sample

    def _compile_followed(self, followed: Any) -> None:
        """Compiles a graph that answers as the function does."""
        self._compile_graph(followed.finish())
        try:
            followed.check(self)
        except UnsupportedError as error:
            self._interface = None
            raise UnsupportedError(f"{self.metadata['estimator']}: {error}") from error
        if followed.asks_columns:
            self._compile_graph(followed.finish())
        self._attach(self._model, self.metadata, self._steps)  # counters begin at 0

    @classmethod
    def from_followed(
        cls: type[_Self], followed: Any, converted: Any, *, strict: bool, n_threads: int | None
    ) -> _Self:
        """What `willump.optimize` makes of a function that was followed."""
        self = cls()
        self._strict = strict
        self._n_threads = n_threads
        self._original = followed.function
        self._compile_graph(converted)
        self._sample = followed.sample
        return self

    def _compile_graph(self, converted: Any) -> None:
        model = _core.Model.compile(
            converted.graph_text,
            converted.tensors,
            json.dumps({**converted.metadata, "reasons": list(converted.reasons)}),
            n_threads=thread_count(self._n_threads),
        )
        self._attach(model, json.loads(model.metadata), converted.steps)

    @property
    def _spares_rows(self) -> bool:
        """Whether `optimize` made it."""
        return any(self.metadata.get(key) for key in ("certificate", "lossless"))

    def recapture(self, sample: Any = None) -> None:
        """Compiles the function again, with the globals as they are now.

        Parameters
        ----------
        sample : as for `willump.compile`; None: the last one

        Raises
        ------
        UnsupportedError
            Of a function that was loaded from an artifact, or that `optimize` made.
        """
        if self._spares_rows:
            raise UnsupportedError(
                "recapture compiles the function as it is now, and a cascade is certified for the "
                "function that it was made of: call willump.optimize again"
            )
        if self._original is None:
            raise UnsupportedError("recapture needs the function, which an artifact does not hold")
        sample = self._sample if sample is None else sample
        if sample is None:
            raise ValueError("recapture needs a sample: the function was not compiled yet")
        self._capture(sample)

    def __call__(self, X: Any) -> Any:
        """The function's answer for rows."""
        if self._interface is None:
            self._capture(X)
            warn_of_python_steps(self._reasons, stacklevel=3)
        if self._steps and not self._model.inputs and not hasattr(X, "shape"):
            # Nothing else of X tells how many rows it has.
            step = next(step for step in self._steps if hasattr(step, "frame_of"))
            found = self._answer(step.frame_of(X))
            return np.asarray(found) if library_of(found) == "pandas" else found
        return self._answer(X)

    def _answer(self, x: Any) -> Any:
        return self.predict(x) if "predict" in self._shown else self.transform(x)

    def _attach(self, model: _core.Model, metadata: dict[str, Any], steps: Sequence[Any]) -> None:
        super()._attach(model, metadata, steps)
        self._shown = self._methods

    def _refuse(self, name: str) -> None:
        if self._interface is None:
            raise UnsupportedError(
                f"{self.metadata['estimator']} has no graph yet: give willump.compile a sample, or "
                f"call it once, before {name}"
            )
        super()._refuse(name)

    def verify(self, X: Any) -> VerifyReport:
        """Runs the function and the compiled one on X and compares."""
        self._model  # noqa: B018  (raises before a capture)
        if self._original is None:
            raise UnsupportedError(
                "verify needs the function, which a model that was loaded from an artifact does "
                "not have"
            )
        expected, found = self._original(X), self(X)
        if library_of(expected) == "pandas":
            expected, found = np.asarray(expected), np.asarray(found)
        call = {"call": compare(expected, found, None)}
        return VerifyReport(call, is_cascade=self._is_cascade)

    def explain(self, after: str | None = None) -> Explanation:
        found = super().explain(after)
        function = self.metadata.get("function") or {}
        object.__setattr__(found, "source", _source_lines(function))
        return found


def is_function(metadata: dict[str, Any]) -> bool:
    """Whether a model is a compiled function."""
    return isinstance(metadata.get("function"), dict)


def _source_lines(function: dict[str, Any]) -> list[str]:
    """The source, each line with its nodes and what stays Python."""
    found = []
    for line in function.get("lines") or ():
        nodes = " ".join(f"%{n}" for n in line.get("nodes", ()))
        python = line.get("python") or ()
        mark = "python" if python else "native" if nodes else ""
        found.append(
            f"{line.get('line', ''):>5} {mark:<7}{line.get('text', ''):<72} {nodes}".rstrip()
        )
        found += [f"{'':>13}# {why}" for why in python]
    return found + [f"note: {note}" for note in function.get("notes") or ()]
