"""The ratings of `examples/music_remote.py`, whose store is a millisecond away."""

from __future__ import annotations

import music_remote as example

from . import Workload, has_data, parts_of


def make(is_quick: bool) -> Workload:
    rows, store = example.load()
    function = example.fit(rows.train, rows.labels, store)
    parts = parts_of(function)
    known = example.known_of(rows.train)
    return Workload(
        "music_remote",
        f"ratings of titles{', MovieLens 1M' * has_data()}: last ratings and genres in the "
        "request, means of users and titles from a store 1 ms away, logistic regression",
        "binary",
        rows.train,
        rows.labels,
        rows.later,
        rows.later_labels,
        function,
        parts["model"],
        parts["features"],
        cheap=lambda requests: requests[known].to_numpy(float),
        is_native=False,
        fetched=lambda: store.n_fetched,
        close=store.close,
    )
