"""Generated rows, as those of the Kaggle competition "Instant Gratification" were: a few
columns tell most, and many that cost much tell a little more.

The cost is a transformer's: the probability that a forest, grown on rows of its own, sees in
the weak columns.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import willump
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from . import Workload

N_FOREST, N_TRAIN = 10_000, 10_000
N_LATER = 300_000
N_STRONG, N_WEAK = 8, 32
N_TREES, N_LEAVES = 100, 128


def make(is_quick: bool) -> Workload:
    n = N_FOREST + N_TRAIN + (N_LATER // 10 if is_quick else N_LATER)
    # Without a shuffle, the informative columns come first.
    strong, y = make_classification(
        n, N_STRONG, n_informative=6, n_redundant=2, n_clusters_per_class=2, class_sep=1.6,
        flip_y=0.02, shuffle=False, random_state=0,
    )  # fmt: skip
    rng = np.random.default_rng(0)
    weak = rng.normal(size=(n, N_WEAK)) + 0.15 * (2 * y[:, None] - 1) * (np.arange(N_WEAK) < 6)
    names = [f"strong_{i}" for i in range(N_STRONG)], [f"weak_{i}" for i in range(N_WEAK)]
    order = rng.permutation(n)
    table = pd.DataFrame(np.hstack([strong, weak])[order], columns=[*names[0], *names[1]])
    y = y[order]
    forest = RandomForestClassifier(N_TREES, max_leaf_nodes=N_LEAVES, random_state=0, n_jobs=1)
    forest.fit(table[names[1]].head(N_FOREST).to_numpy(), y[:N_FOREST])
    table, y = table.iloc[N_FOREST:], y[N_FOREST:]
    train = table.head(N_TRAIN).reset_index(drop=True)
    later = table.iloc[N_TRAIN:].reset_index(drop=True)

    def features(rows: pd.DataFrame) -> np.ndarray:
        cheap = rows[names[0]].to_numpy()
        dear = forest.predict_proba(rows[names[1]].to_numpy())
        return np.hstack([cheap, dear])

    model = LogisticRegression(max_iter=500).fit(features(train), y[:N_TRAIN])

    @willump.pipeline
    def instant(rows: pd.DataFrame) -> np.ndarray:
        return model.predict_proba(features(rows))[:, 1]

    return Workload(
        "instant",
        f"generated rows: {N_STRONG} columns that tell much, and what a forest of {N_TREES} "
        f"trees makes of {N_WEAK} weak ones, logistic regression",
        "binary",
        train,
        y[:N_TRAIN],
        later,
        y[N_TRAIN:],
        instant,
        model,
        features,
        data="generated",
        cheap=lambda rows: rows[names[0]].to_numpy(),
    )
