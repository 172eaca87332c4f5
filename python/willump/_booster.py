"""Compiled boosters of LightGBM and XGBoost: `predict` with the options of theirs."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from . import _core
from ._arrow import readable
from ._columns import is_frame
from ._compiled import CompiledModel, thread_count
from ._errors import UnsupportedError
from ._families.booster import SIGNATURES
from ._present import interface_of
from ._report import VerifyReport, compare


class CompiledBooster(CompiledModel):
    """A booster that was compiled, or a model that `willump import` wrote.

    Rows are arrays, frames or sparse matrices, of XGBoost's models also a DMatrix, whose
    names are checked as `Booster.predict` checks them. XGBoost's compare a frame's names
    with those that they were trained on, and raise ValueError where these differ, also in
    order; arrays, which have none, go by position, as in `inplace_predict`. LightGBM's go
    by position whatever the names.

    `predict` takes the options of the model's library, all by keyword:

    raw_score, output_margin : bool
        The sums of the trees instead of predictions: LightGBM's name for it,
        and XGBoost's; both are there for each library.
    pred_leaf : bool
        The number of the leaf that each row reaches in each tree; as XGBoost has it,
        one number a row where there is one tree.
    start_iteration, num_iteration : int
        LightGBM's range of iterations. num_iteration None: up to the best one,
        but all where start_iteration is above 0; not above 0: all.
    iteration_range : (int, int)
        XGBoost's; an end of 0: the last iteration; of no iterations: the base score.
    ntree_start, ntree_end : int
        CatBoost's; an end of 0: the last.
    validate_features : bool
        Of LightGBM and XGBoost, with the library's own default.
    pred_contrib, pred_contribs, approx_contribs, pred_interactions, strict_shape, training
        Refused, unless False.

    After a load and of imported models they are there too; only iterations after the
    best one, by which a LightGBM model does not predict, need the original.
    """

    @classmethod
    def from_booster(cls, booster: Any, *, n_threads: int | None = None) -> CompiledBooster:
        """What `willump.compile` does with a Booster."""
        from .convert.boosters import categories_of, export_of

        threads = thread_count(n_threads)  # refuses a wrong one before any work
        data, categories = export_of(booster), categories_of(booster)
        told = json.loads(_core.read_trees(data)["metadata"])
        if categories is not None:
            told["categories"] = categories
        if told["library"] == "lightgbm":  # the export ends at the best iteration
            told["n_total"] = booster.current_iteration()
        model = _core.Model.import_bytes(data, metadata=json.dumps(told), n_threads=threads)
        self = cls.from_model(model, original=booster)
        self._n_threads = n_threads
        return self

    def _present(
        self, model: _core.Model, metadata: dict[str, Any], steps: list[Any], classes: Any
    ) -> _core.Interface:
        nameless = {k: v for k, v in metadata.items() if k != "feature_names_in"}
        is_xgboost = metadata.get("library") == "xgboost"
        names = metadata.get("feature_names_in") if is_xgboost else None
        nameless["exact_names"] = names or []
        return interface_of(model, nameless, steps, classes)

    @property
    def _signatures(self) -> dict[str, list[Any]]:
        return SIGNATURES.get(self._variants.source.family, {})

    def _whole_of(self, original: Any) -> Callable[[], tuple[_core.Model, list[Any]]] | None:
        if original is None:
            return None

        def whole() -> tuple[_core.Model, list[Any]]:
            from .convert.boosters import export_of

            return _core.Model.import_bytes(export_of(original, whole=True)), []

        return whole

    def verify(self, X: Any) -> VerifyReport:
        """Runs the original and the compiled booster on X and compares."""
        if self._original is None:
            raise UnsupportedError("verify needs the original booster, which a load does not give")
        X = readable(X)
        rows: Any = X
        if self.metadata["library"] == "xgboost":
            import xgboost

            if not isinstance(X, xgboost.DMatrix):
                names = None if is_frame(X) else self._original.feature_names
                rows = xgboost.DMatrix(X, feature_names=names, enable_categorical=True)
        return VerifyReport({"predict": compare(self._original.predict(rows), self.predict(X))})


def is_booster(metadata: dict[str, Any]) -> bool:
    """Whether the metadata are those of an imported booster."""
    return metadata.get("library") in ("lightgbm", "xgboost", "catboost")
