"""Other engines for LightGBM's trees, one thread each: a callable from a matrix of
doubles to the positive class's probabilities (or to predictions), or the reason
why there is none.

XGBoost cannot read LightGBM's trees: it gets a model of its own of the same
shape, fitted on the same rows, so that only its time can be compared.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx_peers

Call = Callable[[np.ndarray], np.ndarray]

#: What lleaves has compiled, by the model: minutes for one of many classes, which two candidates
#: take. Gone with the process that has imported this.
_COMPILED = tempfile.TemporaryDirectory()


def onnx_model(model: Any, X: np.ndarray, y: np.ndarray) -> Call:
    import onnxmltools
    from onnxmltools.convert.common.data_types import FloatTensorType

    onx = onnxmltools.convert_lightgbm(
        model, initial_types=[("x", FloatTensorType([None, X.shape[1]]))], zipmap=False
    )
    session = onnx_peers.session_of(onx)
    name = session.get_outputs()[-1].name
    is_classifier = hasattr(model, "classes_")

    def call(x: np.ndarray) -> np.ndarray:
        result = session.run([name], {"x": x.astype(np.float32)})[0]
        if result.shape[1] > 2:  # more classes than two
            return result
        return result[:, 1] if is_classifier else result[:, 0]

    return call


def xgboost_model(model: Any, X: np.ndarray, y: np.ndarray) -> Call:
    import xgboost

    n_classes = len(getattr(model, "classes_", ()))
    if n_classes > 2:
        objective: dict[str, Any] = {"objective": "multi:softprob", "num_class": n_classes}
    else:
        objective = {"objective": "binary:logistic" if n_classes else "reg:squarederror"}
    n_leaves = model.num_leaves if hasattr(model, "num_leaves") else model.max_leaf_nodes
    booster = xgboost.train(
        {
            **objective,
            "max_leaves": n_leaves,
            "max_depth": 0,
            "grow_policy": "lossguide",
            "learning_rate": 0.1,
            "nthread": 1,
        },
        xgboost.QuantileDMatrix(X, y),
        model.n_estimators,
    )
    return booster.inplace_predict


def treelite_model(model: Any) -> Any:
    """LightGBM's trees or scikit-learn's forest, as treelite has them."""
    import treelite

    if not hasattr(model, "booster_"):
        return treelite.sklearn.import_model(model)
    with tempfile.TemporaryDirectory() as folder:
        text = Path(folder) / "m.txt"
        model.booster_.save_model(text)
        return treelite.frontend.load_lightgbm_model(text)


def tl2cgen_model(model: Any, X: np.ndarray, y: np.ndarray) -> Call:
    import tl2cgen

    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "m.so"
        tl2cgen.export_lib(
            treelite_model(model),
            toolchain="gcc",
            libpath=library,
            params={"parallel_comp": 8},
            nthread=2,
            verbose=False,
        )
        predictor = tl2cgen.Predictor(library, nthread=1)

    def call(x: np.ndarray) -> np.ndarray:
        # It reads one row as if it lay in one piece, whatever its strides say.
        rows = np.ascontiguousarray(x)
        return np.squeeze(predictor.predict(tl2cgen.DMatrix(rows, dtype="float64")))

    return call


def lleaves_model(model: Any, X: np.ndarray, y: np.ndarray) -> Call:
    import lleaves

    text = model.booster_.model_to_string()
    kept = Path(_COMPILED.name) / hashlib.sha256(text.encode()).hexdigest()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "m.txt"
        file.write_text(text)
        compiled = lleaves.Model(model_file=file)
        compiled.compile(cache=kept)
    return lambda x: compiled.predict(x, n_jobs=1)


PEERS: dict[str, Callable[[Any, np.ndarray, np.ndarray], Call]] = {
    "onnx": onnx_model,
    "xgboost": xgboost_model,
    "tl2cgen": tl2cgen_model,
    "lleaves": lleaves_model,
}


#: These take minutes for hundreds of large trees.
COMPILERS = ("tl2cgen", "lleaves")


def peers_of(
    model: Any, X: np.ndarray, y: np.ndarray, label: str, most_splits: int
) -> dict[str, Call]:
    """All that can be made; prints why for the others. Models of more than
    `most_splits` splits are not given to compilers."""
    made: dict[str, Call] = {}
    for name, make in PEERS.items():
        n_splits = model.n_estimators * (model.num_leaves - 1)
        if name in COMPILERS and n_splits > most_splits:
            print(f"{label}: {name} is skipped: {n_splits} splits take it minutes to compile")
            continue
        try:
            made[name] = make(model, X, y)
            made[name](X[:2])
        except Exception as error:
            made.pop(name, None)
            reason = (str(error).splitlines() or [""])[0][:120]
            print(f"{label}: {name} is skipped: {type(error).__name__}: {reason}")
    return made
