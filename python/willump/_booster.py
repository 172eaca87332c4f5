"""Compiled boosters of LightGBM and XGBoost: `predict` with the options of theirs."""

from __future__ import annotations

import json
from typing import Any, cast

import numpy as np

from . import _core
from ._columns import is_frame
from ._compiled import Array, CompiledModel, thread_count
from ._errors import UnsupportedError
from ._present import interface_of
from ._report import VerifyReport, compare

#: The dtypes of leaves' numbers.
_LEAF_DTYPES = {"lightgbm": np.int32, "xgboost": np.float32, "catboost": np.uint32}

#: Options of the libraries' `predict` that are taken where they ask for nothing.
_REFUSED = (
    "pred_contrib",
    "pred_contribs",
    "approx_contribs",
    "pred_interactions",
    "strict_shape",
    "training",
)


class CompiledBooster(CompiledModel):
    """A booster that was compiled, or a model that `willump import` wrote.

    Rows are arrays, frames or sparse matrices, also where the original takes a
    DMatrix. XGBoost's compare a frame's names with those that they were trained on,
    and raise ValueError where these differ, also in order; arrays, which have none, go
    by position, as in `inplace_predict`. LightGBM's go by position whatever the names.
    """

    @classmethod
    def from_booster(cls, booster: Any, *, n_threads: int | None = None) -> CompiledBooster:
        """What `willump.compile` does with a Booster."""
        from .convert.boosters import categories_of, export_of

        threads = thread_count(n_threads)  # refuses a wrong one before any work
        data, categories = export_of(booster), categories_of(booster)
        metadata = None
        if categories is not None:
            told = json.loads(_core.read_trees(data)["metadata"])
            metadata = json.dumps({**told, "categories": categories})
        model = _core.Model.import_bytes(data, metadata=metadata, n_threads=threads)
        self = cls.from_model(model, original=booster)
        self._n_threads = n_threads
        return self

    def _present(
        self, model: _core.Model, metadata: dict[str, Any], steps: list[Any], classes: Any
    ) -> _core.Interface:
        nameless = {k: v for k, v in metadata.items() if k != "feature_names_in"}
        is_xgboost = metadata.get("library") == "xgboost"
        nameless["exact_names"] = metadata.get("feature_names_in", []) if is_xgboost else []
        shown = (("predict", "prediction"), ("raw", "raw"), ("leaves", "leaves"))
        return interface_of(model, nameless, steps, classes, shown)

    def predict(
        self,
        X: Any,
        *,
        raw_score: bool = False,
        output_margin: bool = False,
        pred_leaf: bool = False,
        pred_contrib: bool = False,
        start_iteration: int = 0,
        num_iteration: int | None = None,
        iteration_range: tuple[int, int] | None = None,
        validate_features: bool | None = None,
        **others: Any,
    ) -> Array:
        """Predictions, as the booster's own `predict` gives them.

        Parameters
        ----------
        X : array, frame or sparse matrix of shape (n_rows, n_features)
        raw_score, output_margin : bool
            The sums of the trees instead of predictions: LightGBM's name for it,
            and XGBoost's.
        pred_leaf : bool
            The number of the leaf that each row reaches in each tree; as XGBoost has it,
            one number a row where there is one tree.
        pred_contrib : bool
            Refused: contributions are not computed.
        start_iteration, num_iteration : int
            LightGBM's range of iterations. num_iteration None: up to the best one,
            but all where start_iteration is above 0; not above 0: all.
        iteration_range : (int, int)
            XGBoost's; (0, 0): all.
        validate_features : bool, optional
            The library's own default, True of XGBoost and False of LightGBM; the other
            is refused.
        **others : bool
            XGBoost's pred_contribs, approx_contribs, pred_interactions, strict_shape and
            training: refused, unless False.

        Raises
        ------
        UnsupportedError
            For what is refused; for a range of iterations after a load, where the
            booster that has the others is not there.
        """
        self._refuse_options(pred_contrib=pred_contrib, **others)
        library = self.metadata["library"]
        if validate_features is not None and bool(validate_features) != (library == "xgboost"):
            raise UnsupportedError(
                f"predict: validate_features={validate_features} is not supported for a model of "
                f"{library}; leave it out"
            )
        asked: tuple[int, int] | None = None
        if iteration_range is not None and tuple(iteration_range) != (0, 0):
            asked = (int(iteration_range[0]), int(iteration_range[1]))
        elif num_iteration is not None or start_iteration > 0:
            asked = (max(start_iteration, 0), -1 if num_iteration is None else num_iteration)
        interface = self._interface_of(asked)
        if pred_leaf:
            leaves = np.asarray(interface.run("leaves", X))
            is_flat = library == "xgboost" and leaves.shape[1] == 1
            return (leaves[:, 0] if is_flat else leaves).astype(_LEAF_DTYPES[library])
        result: Array = interface.run("raw" if raw_score or output_margin else "predict", X)
        return result

    def _refuse_options(self, **options: Any) -> None:
        """Raises for options that are none of the libraries', or that ask for something."""
        for name, value in options.items():
            if name not in _REFUSED:
                raise TypeError(f"predict() got an unexpected keyword argument {name!r}")
            if value:
                raise UnsupportedError(f"predict: {name} is not supported")

    def _interface_of(self, asked: tuple[int, int] | None) -> _core.Interface:
        """Presents a range of iterations, compiled once; None: its own."""
        model = self._model
        if asked is None:
            return cast(_core.Interface, self._interface)
        if self._original is None:
            raise UnsupportedError(
                "predict: a range of iterations needs the original booster, which a model that "
                "was loaded does not have; compile that range of the booster by itself"
            )
        from .convert.boosters import export_of

        parts: dict[tuple[int, int], _core.Interface] = self.__dict__.setdefault("_parts", {})
        if asked not in parts:
            data = export_of(self._original, asked)
            threads = thread_count(self._n_threads)
            part = _core.Model.import_bytes(data, metadata=model.metadata, n_threads=threads)
            parts[asked] = self._present(part, json.loads(model.metadata), [], None)
        return parts[asked]

    def verify(self, X: Any) -> VerifyReport:
        """Runs the original and the compiled booster on X and compares."""
        if self._original is None:
            raise UnsupportedError("verify needs the original booster, which a load does not give")
        rows: Any = X
        if self.metadata["library"] == "xgboost":
            import xgboost

            names = None if is_frame(X) else self._original.feature_names
            rows = xgboost.DMatrix(X, feature_names=names, enable_categorical=True)
        return VerifyReport({"predict": compare(self._original.predict(rows), self.predict(X))})


def is_booster(metadata: dict[str, Any]) -> bool:
    """Whether the metadata are those of an imported booster."""
    return metadata.get("library") in _LEAF_DTYPES
