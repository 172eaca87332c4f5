"""The C extension; see the docstrings there for shapes and errors."""

from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

version: str
passes: tuple[str, ...]
operators: tuple[str, ...]

_F = TypeVar("_F", bound=Callable[..., Any])
_Progress = Callable[[int, int], object]
_Step = Callable[[list[Any], npt.NDArray[np.int64] | None, Any], Any]

class Model:
    @classmethod
    def compile(
        cls,
        text: str,
        tensors: Mapping[str, npt.NDArray[Any] | Sequence[str]],
        metadata: str | None = None,
        n_threads: int = 0,
    ) -> Model: ...
    @classmethod
    def load(
        cls, path: str | bytes | PathLike[str], mmap: bool = False, n_threads: int = 0
    ) -> Model: ...
    @classmethod
    def from_bytes(cls, bytes: bytes | bytearray | memoryview, n_threads: int = 0) -> Model: ...
    @classmethod
    def import_bytes(
        cls,
        data: bytes | bytearray | memoryview,
        format: str | None = None,
        metadata: str | None = None,
        n_threads: int = 0,
    ) -> Model: ...
    def save(self, path: str | bytes | PathLike[str], /) -> None: ...
    def to_bytes(self) -> bytes: ...
    def print(self, after: str | None = None) -> str: ...
    def run(
        self,
        output: str | int,
        inputs: tuple[Any, ...],
        n_threads: int = 0,
        exact: bool = False,
        stages: bool = False,
        progress: _Progress | None = None,
        ravel: bool = False,
        steps: Sequence[_Step] | None = None,
        texts: Sequence[Mapping[str, str] | None] | None = None,
        X: Any = ...,
    ) -> Any: ...
    @property
    def metadata(self) -> str: ...
    @property
    def inputs(self) -> list[tuple[str, str, int, int]]: ...
    @property
    def outputs(self) -> list[tuple[str, str, bool, int, bool]]: ...
    @property
    def n_stages(self) -> int: ...

class Interface:
    def __init__(
        self,
        model: Model,
        methods: dict[
            str,
            tuple[str | int, bool, npt.NDArray[Any] | None, Callable[[Any, Any], Any] | None, bool],
        ],
        texts: Sequence[Mapping[str, str] | None] | None = None,
        extract: Callable[[Any], tuple[Any, ...]] | None = None,
        direct: bool = False,
        steps: Sequence[_Step] | None = None,
        empty: str | None = None,
    ) -> None: ...
    def run(
        self,
        method: str,
        X: Any,
        n_threads: int = 0,
        exact: bool = False,
        stages: bool = False,
        progress: _Progress | None = None,
    ) -> Any: ...
    def candidates(
        self, method: str, X: Any, filter: str, n: int, n_threads: int = 0
    ) -> tuple[npt.NDArray[np.int64] | None, Any]: ...
    def costs(self, method: str, X: Any, /) -> npt.NDArray[np.int64]: ...
    def stats(self) -> tuple[dict[str, tuple[int, int]], list[int]]: ...
    @property
    def model(self) -> Model: ...
    @property
    def methods(self) -> tuple[str, ...]: ...

class CompiledBase:
    _interface: Interface | None

def output_method(function: _F, /) -> _F: ...

class TuneJob:
    def __new__(
        cls,
        block_costs: npt.NDArray[np.float64],
        n_rows_fit: int,
        n_rows_select: int,
        n_rows_certify: int,
        alpha: float,
        delta: float,
        seed: int,
        model_cost: float,
        max_fits: int = 0,
        is_nested: bool = False,
        max_gates: int = 1,
        stage_cost: float = 0.0,
        target: str = "agreement",
        tolerance_abs: float = 0.0,
        tolerance_rel: float = 0.0,
        part_of: npt.NDArray[np.uint32] | None = None,
        n_models: int = 1,
        search_model: int = 0,
        n_rows_race: int = 0,
    ) -> TuneJob: ...
    def next(self) -> tuple[str, int, tuple[int, ...], int, int, int, int]: ...
    def answer(
        self,
        confidence: npt.NDArray[np.float64],
        approx_labels: npt.NDArray[np.int64],
        full_labels: npt.NDArray[np.int64],
        model_cost: float,
        groups: npt.NDArray[np.uint64] | None = None,
        true_labels: npt.NDArray[np.int64] | None = None,
        approx_outputs: npt.NDArray[np.float64] | None = None,
        full_outputs: npt.NDArray[np.float64] | None = None,
        threshold: float = ...,
    ) -> None: ...
    def weigh(
        self,
        confidence: npt.NDArray[np.float64],
        approx_labels: npt.NDArray[np.int64],
        full_labels: npt.NDArray[np.int64],
        model_cost: float,
        groups: npt.NDArray[np.uint64] | None = None,
        true_labels: npt.NDArray[np.int64] | None = None,
        approx_outputs: npt.NDArray[np.float64] | None = None,
        full_outputs: npt.NDArray[np.float64] | None = None,
        threshold: float = ...,
    ) -> float: ...
    def skip(self) -> None: ...
    def result(self) -> dict[str, Any]: ...
    def candidates(self) -> list[dict[str, Any]]: ...

def read_trees(
    data: bytes | bytearray | memoryview, format: str | None = None
) -> dict[str, Any]: ...
def top_k(scores: npt.NDArray[np.float64], k: int, /) -> npt.NDArray[np.int64]: ...
def topk_needed(
    filter: npt.NDArray[np.float64],
    full: npt.NDArray[np.float64],
    recall: float,
    ks: npt.NDArray[np.uint64],
    /,
) -> npt.NDArray[np.float64]: ...
def topk_n_select(n_queries: int, alpha: float, delta: float, /) -> int: ...
def topk_share(
    needed: npt.NDArray[np.float64],
    n_rows: npt.NDArray[np.uint64],
    ks: npt.NDArray[np.uint64],
    /,
) -> float: ...
def topk_certify(
    select: npt.NDArray[np.float64],
    certify: npt.NDArray[np.float64],
    ks: npt.NDArray[np.uint64],
    alpha: float,
    delta: float,
    /,
) -> dict[str, Any]: ...
def topk_candidates(
    ks: npt.NDArray[np.uint64],
    shares: npt.NDArray[np.float64],
    n_min: int,
    n_max: int,
    n_rows: int,
    k: int,
    /,
) -> int: ...
def topk_propose(
    block_costs: npt.NDArray[np.float64],
    is_nested: bool,
    tried: npt.NDArray[np.uint8],
    expected: npt.NDArray[np.float64],
    full_cost: float,
    /,
) -> bytes | None: ...
def bootstrap_rows(seed: int, replicate: int, n_rows: int, /) -> bytearray: ...
def bootstrap_interval(
    replicates: npt.NDArray[np.float64],
    observed: float,
    left: npt.NDArray[np.float64],
    delta: float,
    /,
) -> tuple[float, float, int, bool]: ...
def tune_split(
    n_rows: int, groups: npt.NDArray[np.uint64] | None, share: float, seed: int, /
) -> bytes: ...
