"""Functions that hand data to objects and read it back: answered as plain Python answers;
objects that keep nothing of it leave the function as it is."""

from __future__ import annotations

import collections
import contextlib
import heapq
import io
import logging
import queue
import time
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest
import willump
from capture_checks import quiet
from sklearn.base import BaseEstimator, TransformerMixin

#: Its mean, sum, ends and counts are those of its parts, so that no comparison at compile time
#: shows what was kept of it.
SAMPLE = pd.DataFrame({"x": [2.0, 2.0, 2.0, 2.0], "y": [1.0, 2.0, 3.0, 4.0]})
LATER = pd.DataFrame({"x": [10.0, -20.0, 33.0], "y": [4.0, 5.0, 6.0]})


class Box:
    """Keeps what it is given in one way or another."""

    limit = 2.0

    def __init__(self) -> None:
        self.items: collections.deque[Any] = collections.deque()
        self.inner = queue.Queue()  # type: ignore[var-annotated]
        self.text = io.StringIO()
        self.by_name: dict[Any, Any] = {}
        self.last: Any = None
        self.is_negative = False
        self.heap: list[Any] = []
        self.n_calls = 0

    def append(self, value: Any) -> None:
        self.items.append(value)

    def put(self, value: Any) -> None:
        self.inner.put(value)

    def write(self, value: Any) -> None:
        self.text.write(str(value))

    def name(self, value: Any) -> None:
        self.by_name["mean"] = value

    def remember(self, value: Any) -> float:
        self.last = float(value)
        return 0.0

    def push(self, value: Any) -> None:
        heapq.heappush(self.heap, value)

    def through(self, value: Any) -> None:
        self._remember(other=value)

    def _remember(self, *, other: Any) -> None:
        for one in [other]:
            found = one
        self.last, _ = found, 1

    def look(self, value: Any) -> None:
        if not value < 0:
            return
        self.is_negative = True

    def plus(self, values: Any) -> Any:
        return np.asarray(values) + self.last

    @property
    def mean(self) -> Any:
        return self.items[-1]

    def __len__(self) -> int:
        return len(self.items)

    def __call__(self) -> Any:
        return self.last

    def __getitem__(self, at: int) -> Any:
        return self.items[at]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.items)


def of_queue(df: Any) -> Any:
    own = queue.Queue()  # type: ignore[var-annotated]
    own.put(df["x"].mean())
    return df["y"] - own.get()


def of_deque(df: Any) -> Any:
    own: Any = collections.deque()
    own.append(df["x"].mean())
    return df["y"] - own[0]


def of_property(df: Any) -> Any:
    box = Box()
    box.append(df["x"].mean())
    return df["y"] - box.mean


def of_item(df: Any) -> Any:
    box = Box()
    box.append(df["x"].mean())
    return df["y"] - box[0]


def of_loop(df: Any) -> Any:
    box = Box()
    box.append(df["x"].mean())
    found = df["y"] * 1.0
    for one in box:
        found = found - one
    return found


def of_length(df: Any) -> Any:
    box = Box()
    for value in df["x"]:
        box.append(value)
    return df["y"] * len(box)


def of_length_at_once(df: Any) -> Any:
    box = Box()
    extend(box, df["x"])
    return df["y"] * len(box)


def extend(box: Box, values: Any) -> None:
    for value in values:
        if value > Box.limit:
            box.append(value)


def of_inner(df: Any) -> Any:
    box = Box()
    box.put(df["x"].mean())
    return df["y"] - box.inner.get()


def of_text(df: Any) -> Any:
    box = Box()
    box.write(float(df["x"].sum()))
    return df["y"] - float(box.text.getvalue())


def of_constant_key(df: Any) -> Any:
    box = Box()
    box.name(df["x"].mean())
    return df["y"] - box.by_name["mean"]


def of_answer(df: Any) -> Any:
    box = Box()
    zero = box.remember(df["x"].mean())
    return df["y"] - box() + zero


def of_second_call(df: Any) -> Any:
    box = Box()
    box.remember(df["x"].mean())
    return box.plus(df["y"])


def of_heap(df: Any) -> Any:
    box = Box()
    box.push(df["x"].mean())
    return df["y"] - box.heap[0]


def of_private(df: Any) -> Any:
    box = Box()
    box.through(df["x"].mean())
    return df["y"] - read(box)


def read(box: Box) -> Any:
    return box.last


def of_condition(df: Any) -> Any:
    box = Box()
    box.look(df["x"].min())
    return df["y"] * (2.0 if box.is_negative else 1.0)


SHARED = Box()


def keep_globally(value: Any) -> None:
    if value == value:
        SHARED.items.clear()
        SHARED.items.append(value)


def read_globally() -> Any:
    return SHARED.items[-1]


def of_global(df: Any) -> Any:
    keep_globally(df["x"].mean())
    return df["y"] - read_globally()


def of_apply(df: Any) -> Any:
    box = Box()
    df["x"].apply(lambda value: box.remember(value))
    return df["y"] - box.last


def of_held(df: Any) -> Any:
    box = Box()
    holder = collections.UserDict({"box": box})
    box.append(df["x"].mean())
    return df["y"] - sum(b.mean for b in holder.values())


def of_given(df: Any) -> Any:
    """An object that is made of the data."""
    own: Any = collections.deque([df["x"].mean()])
    own.appendleft(df["y"].mean())
    return df["y"] - own[1] + own[0]


@contextlib.contextmanager
def forgiving() -> Iterator[None]:
    with contextlib.suppress(ValueError):
        yield


@contextlib.contextmanager
def catching() -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        logging.getLogger("willump.tests").debug("%s", error)


class Forgiving:
    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, *_: Any) -> bool:
        return kind is ValueError


def of_manager(df: Any) -> Any:
    found = df["y"]
    with forgiving():
        found = df["x"].map({2.0: "5"}).fillna("?").astype(float)
    return found * 1.0


def of_catching_manager(df: Any) -> Any:
    found = df["y"]
    with catching():
        found = df["x"].map({2.0: "5"}).fillna("?").astype(float)
    return found * 1.0


def of_own_manager(df: Any) -> Any:
    found = df["y"]
    with Forgiving():
        found = df["x"].map({2.0: "5"}).fillna("?").astype(float)
    return found * 1.0


def check(function: Callable[[Any], Any]) -> Any:
    fast = quiet(willump.compile, function, sample=SAMPLE)
    for frame in (LATER, SAMPLE, LATER):
        expected, found = quiet(function, frame.copy()), quiet(fast, frame.copy())
        np.testing.assert_allclose(np.asarray(found), np.asarray(expected), rtol=1e-12)
    return fast


WHOLE: list[Callable[[Any], Any]] = [
    of_queue, of_deque, of_property, of_item, of_loop, of_length, of_length_at_once, of_inner,
    of_text, of_constant_key, of_answer, of_second_call, of_heap, of_private, of_condition,
    of_global, of_apply, of_held, of_given, of_manager, of_catching_manager, of_own_manager,
]  # fmt: skip


@pytest.mark.parametrize("function", WHOLE, ids=lambda f: f.__name__)
def test_what_objects_keep_is_of_the_call(function: Callable[[Any], Any]) -> None:
    fast = check(function)
    assert fast._steps


class Client:
    """A store that counts what it is asked for, remembers what it was asked and opens its
    connection when it is needed."""

    def __init__(self) -> None:
        self.n_asked = 0
        self._cache: dict[float, float] = {}
        self._connection: Any = None
        self.log = logging.getLogger("willump.tests")

    def fetch(self, keys: Any) -> Any:
        table = self._connected()
        for key in np.asarray(keys):
            self.n_asked += 1
            if key not in self._cache:
                self._cache[key] = table["scale"] * key
        self.log.debug("asked for %d keys", len(keys))
        return np.array([self._cache[key] for key in np.asarray(keys)])

    def _connected(self) -> Any:
        if self._connection is None:
            self._connection = {"scale": 3.0}
        return self._connection

    def scale(self) -> Any:
        return self._connected()["scale"]


CLIENT = Client()


def fetched_twice(df: Any) -> Any:
    return CLIENT.fetch(df["x"]) + CLIENT.fetch(df["y"] * 2) * CLIENT.scale()


class Timer:
    def __init__(self) -> None:
        self.n_ticks = 0

    def tick(self) -> None:
        self.n_ticks += 1


TIMER = Timer()


def timed(df: Any) -> Any:
    TIMER.tick()
    found = CLIENT.fetch(df["x"]) + df["y"]
    TIMER.tick()
    logging.getLogger("willump.tests").debug("done")
    return found


@contextlib.contextmanager
def counting() -> Iterator[None]:
    TIMER.tick()
    try:
        yield
    finally:
        TIMER.tick()


def managed(df: Any) -> Any:
    with counting(), np.errstate(all="ignore"), contextlib.nullcontext():
        return df["y"] / df["x"]


class Timed:
    """A manager that notes how long what is within it took."""

    seconds: ClassVar[list[float]] = []

    def __enter__(self) -> Timed:
        self.start = time.perf_counter()
        return self

    def __exit__(self, *error: object) -> None:
        Timed.seconds.append(time.perf_counter() - self.start)


class Metrics:
    def __init__(self) -> None:
        self.counts: collections.Counter[str] = collections.Counter()
        self.times: dict[str, list[float]] = {}

    def increase(self, name: str, by: Any) -> None:
        self.counts[name] += by

    @contextlib.contextmanager
    def timer(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            self.times.setdefault(name, []).append(time.perf_counter() - start)


METRICS = Metrics()


def unfollowed(df: Any) -> Any:
    return df["x"].to_numpy() * 2 if (df["x"] > 3).any() else df["x"].to_numpy() + df["x"]


def in_timers(df: Any) -> Any:
    with Timed(), METRICS.timer("x"):
        found = unfollowed(df)
    METRICS.increase("rows", len(df))
    with METRICS.timer("y"):
        METRICS.increase("rows", len(df))
        return found + df["y"]


class Clip(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    def fit(self, X: Any, y: Any = None) -> Clip:
        self.high_ = 5.0
        return self

    def transform(self, X: Any) -> Any:
        return np.clip(X, 0.0, self.high_)


class Rows(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    def fit(self, X: Any, y: Any = None) -> Rows:
        return self

    def transform(self, X: Any) -> Any:
        return np.array([[v * 2 if v > 3 else v] for v in np.asarray(X)[:, 0]])


PARTS = {"clip": Clip().fit(None), "rows": Rows().fit(None)}


def of_transformers(df: Any) -> Any:
    x = df[["x", "y"]].to_numpy()
    parts = [PARTS["clip"].transform(x), PARTS["rows"].transform(x), PARTS["rows"].transform(-x)]
    return np.hstack(parts)


class Asking:
    """A client that counts what it is asked before it does what is not followed."""

    def __init__(self) -> None:
        self.n_asked = 0
        self.means = {2.0: 1.0, 3.0: 4.0}

    def online(self, keys: Any) -> Any:
        self.n_asked += 1
        means = []
        for key in keys:
            means.append(self.means.get(key, 0.0))
        return np.array(means)


ASKING = Asking()


def asked_twice(df: Any) -> Any:
    return ASKING.online(df["x"]) + ASKING.online(df["y"])


def by_sets(df: Any) -> Any:
    names = set(df.columns).intersection({"x", "y"})
    is_there = {"x"} < set(df.columns) and isinstance(set(df.columns), set)
    return df["x"] * len(names) + is_there


@pytest.mark.parametrize(
    ("function", "n_steps"),
    [
        (fetched_twice, 2),
        (timed, 1),
        (managed, 0),
        (in_timers, 1),
        (of_transformers, 2),
        (asked_twice, 2),
        (by_sets, 0),
    ],
)
def test_objects_that_keep_nothing_stay_what_they_are(
    function: Callable[[Any], Any], n_steps: int
) -> None:
    fast = check(function)
    assert len(fast._steps) == n_steps
    assert not any(reason.startswith("the whole function") for reason in fast._reasons)
