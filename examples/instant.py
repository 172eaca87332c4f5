"""Dear features: a few columns tell most, and many that cost much tell a little more, as in
the Kaggle competition "Instant Gratification". Generated rows.

The cost is a transformer's: the probability that a forest, grown on rows of its own, sees in
the weak columns. Compiled, the forest costs so little that a first stage gains next to nothing;
it pays where features stay dear, as those of a remote store do (music_remote.py).
"""

from __future__ import annotations

from typing import Any

import gallery
import numpy as np
import pandas as pd
import willump
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

N_FOREST, N_TRAIN = 10_000, 10_000
N_TREES, N_LEAVES = 100, 128
STRONG = [f"strong_{i}" for i in range(8)]
WEAK = [f"weak_{i}" for i in range(32)]


def load(n_later: int = 30_000) -> tuple[gallery.Rows, RandomForestClassifier]:
    """Rows, and the forest."""
    n = N_FOREST + N_TRAIN + n_later
    # Without a shuffle, the informative columns come first.
    strong, y = make_classification(
        n, len(STRONG), n_informative=6, n_redundant=2, n_clusters_per_class=2, class_sep=1.6,
        flip_y=0.02, shuffle=False, random_state=0,
    )  # fmt: skip
    rng = np.random.default_rng(0)
    weak = rng.normal(size=(n, len(WEAK)))
    weak += 0.15 * (2 * y[:, None] - 1) * (np.arange(len(WEAK)) < 6)
    order = rng.permutation(n)
    table = pd.DataFrame(np.hstack([strong, weak])[order], columns=[*STRONG, *WEAK])
    y = y[order]
    forest = RandomForestClassifier(N_TREES, max_leaf_nodes=N_LEAVES, random_state=0, n_jobs=1)
    forest.fit(table[WEAK].head(N_FOREST).to_numpy(), y[:N_FOREST])
    table, y = table.iloc[N_FOREST:], y[N_FOREST:]
    train = table.head(N_TRAIN).reset_index(drop=True)
    later = table.iloc[N_TRAIN:].reset_index(drop=True)
    return gallery.Rows(train, y[:N_TRAIN], later, y[N_TRAIN:]), forest


def fit(train: pd.DataFrame, labels: Any, forest: RandomForestClassifier) -> Any:
    def features(rows: pd.DataFrame) -> Any:
        cheap = rows[STRONG].to_numpy()
        dear = forest.predict_proba(rows[WEAK].to_numpy())
        return np.hstack([cheap, dear])

    model = LogisticRegression(max_iter=500).fit(features(train), labels)

    @willump.pipeline
    def instant(rows: pd.DataFrame) -> Any:
        return model.predict_proba(features(rows))[:, 1]

    return instant


if __name__ == "__main__":
    rows, forest = load()
    function = fit(rows.train, rows.labels, forest)
    fast, _ = gallery.run(function, rows)
    gallery.show_cascade(function, fast, rows)
