"""ONNX Runtime as its best user would set it up: one thread, whole pipelines where it has
all of their steps, and for text what their conversion leaves to the user.

skl2onnx converts a vectorizer's steps to ONNX's operators, which by default differ from
scikit-learn in three ways. All three can be set right from outside, and are here:

- the default `token_pattern` is converted to ASCII letters; its documented option `tokenexp`
  takes an RE2 expression, where `\\pL` and `\\pN` are letters and digits of all scripts;
- scikit-learn's analyzers of characters make runs of white space one space, ONNX's do not:
  texts are given without such runs;
- the shorter rows of a batch are padded with "#", which is then counted as if it were text:
  the padding becomes a character that no text has.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import CountVectorizer
from workers import CannotError

#: scikit-learn's expressions of words, as RE2 has them.
WORDS = {r"(?u)\b\w\w+\b": r"[\pL\pN_]{2,}", r"(?u)\b\w+\b": r"[\pL\pN_]+"}
PADDING = "\x01"
_WHITE_SPACE = re.compile(r"\s\s+")


def session_of(converted: Any) -> Any:
    """A session of one thread."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(
        converted.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def text_session(pipeline: Any, types: list[tuple[str, Any]]) -> tuple[Any, str]:
    """A session of a fitted pipeline that may hold vectorizers, of inputs of these names and
    types, and the name of what it gives. CannotError: for an expression of words none in RE2
    is known."""
    from skl2onnx import to_onnx

    steps = list(vectorizers_of(pipeline))
    options: dict[int, dict[str, Any]] = {}
    if hasattr(pipeline, "classes_"):
        options[id(pipeline)] = {"zipmap": False}
    for step in steps:
        if step.analyzer != "word":
            continue
        if step.token_pattern not in WORDS:
            raise CannotError(f"no expression of RE2 is known for {step.token_pattern!r}")
        options[id(step)] = {"tokenexp": WORDS[step.token_pattern]}
    converted = to_onnx(pipeline, initial_types=types, options=options)
    for node in converted.graph.node:
        for attribute in node.attribute:
            if node.op_type == "Tokenizer" and attribute.name == "pad_value":
                attribute.s = PADDING.encode()
    session = session_of(converted)
    return session, session.get_outputs()[-1].name


def lower(texts: Any) -> Any:
    """A column of polars in lower case by Arrow, as pandas has it: Python and polars make two
    characters of "İ"."""
    import pyarrow.compute

    return pyarrow.compute.utf8_lower(texts.to_arrow())


def strings(texts: Iterable[str]) -> np.ndarray:
    """A column of strings, as sessions take it."""
    return np.array(list(texts), dtype=str)[:, None]


def text_pipeline(pipeline: Any) -> Callable[[Iterable[str]], np.ndarray]:
    """The probabilities of all classes, the predictions of a regressor, or the counts of a
    vectorizer, of texts, by a fitted pipeline. CannotError: as `text_session`."""
    from skl2onnx.common.data_types import StringTensorType

    session, output = text_session(pipeline, [("text", StringTensorType([None, 1]))])
    has_characters = any(step.analyzer != "word" for step in vectorizers_of(pipeline))

    def call(texts: Iterable[str]) -> np.ndarray:
        if has_characters:  # words are the same either way
            texts = [_WHITE_SPACE.sub(" ", text) for text in texts]
        return np.asarray(session.run([output], {"text": strings(texts)})[0])

    return call


def columns_pipeline(
    pipeline: Any, texts: list[str], numbers: list[str]
) -> Callable[[dict[str, Any]], np.ndarray]:
    """What a fitted pipeline makes of columns, in one graph: the callable takes strings and
    numbers by the columns' names. CannotError: as `text_session`."""
    from skl2onnx.common.data_types import FloatTensorType, StringTensorType

    types = [
        *((name, StringTensorType([None, 1])) for name in texts),
        *((name, FloatTensorType([None, 1])) for name in numbers),
    ]
    session, output = text_session(pipeline, types)

    def call(columns: dict[str, Any]) -> np.ndarray:
        given = {name: strings(columns[name]) for name in texts}
        given |= {name: np.asarray(columns[name], np.float32)[:, None] for name in numbers}
        return np.asarray(session.run([output], given)[0])

    return call


def stacked(
    first: Any, n_first: int, second: Any, n_second: int
) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """The probabilities by the classifier `second`, of its own `n_second` columns and the
    probabilities that the classifier `first` gives of `n_first` others, as one graph. The
    callable takes the columns of the first and those of the second."""
    from onnx import TensorProto, compose, helper
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import FloatTensorType

    parts = []
    for name, model, n in (
        ("first", first, n_first),
        ("second", second, n_second + len(first.classes_)),
    ):
        options = {id(model): {"zipmap": False}}
        types = [("x", FloatTensorType([None, n]))]
        made = to_onnx(model, initial_types=types, options=options)
        parts.append(compose.add_prefix(made, f"{name}_"))
    graphs = [part.graph for part in parts]
    joint = helper.make_node("Concat", ["x", "first_probabilities"], ["second_x"], axis=1)
    graph = helper.make_graph(
        [*graphs[0].node, joint, *graphs[1].node],
        "stacked",
        [
            graphs[0].input[0],
            helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, n_second]),
        ],
        [output for output in graphs[1].output if output.name == "second_probabilities"],
        [*graphs[0].initializer, *graphs[1].initializer],
    )
    versions = {one.domain: one for part in parts for one in part.opset_import}
    session = session_of(
        helper.make_model(
            graph, opset_imports=list(versions.values()), ir_version=parts[0].ir_version
        )
    )

    def call(firsts: np.ndarray, seconds: np.ndarray) -> np.ndarray:
        given = {"first_x": firsts.astype(np.float32), "x": seconds.astype(np.float32)}
        return np.asarray(session.run(["second_probabilities"], given)[0])

    return call


def vectorizers_of(step: Any) -> Iterable[CountVectorizer]:
    """Of a pipeline, its unions and what it does to columns."""
    if isinstance(step, CountVectorizer):
        yield step
    lists = ("steps", "transformer_list", "transformers_")
    for _, inner, *_ in [part for name in lists for part in getattr(step, name, ())]:
        yield from vectorizers_of(inner)
