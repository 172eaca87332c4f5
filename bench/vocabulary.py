"""How the gain over scikit-learn changes with the number of terms: character n-grams of the
toxic workload's texts, logistic regression. Answers are compared first.

    python bench/vocabulary.py OUTPUT.json [--quick]
"""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import willump
import workloads  # noqa: F401, the examples' folder
from harness import interleave, interval
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

SIZES = (1_000, 10_000, 100_000)
MORE_SIZES = (300_000,)
N_ROWS = 400


def measure(texts: list[str], labels: Any, asked: list[str], n_terms: int) -> dict[str, Any]:
    chars = TfidfVectorizer(analyzer="char", ngram_range=(2, 6), max_features=n_terms)
    pipeline = make_pipeline(chars, LogisticRegression(max_iter=10)).fit(texts, labels)
    fast = willump.compile(pipeline, strict=True)
    worst = float(np.abs(fast.predict_proba(asked) - pipeline.predict_proba(asked)).max())
    if worst > 1e-9:
        sys.exit(f"{n_terms} terms: the compiled pipeline differs by {worst:.1e}")
    timed = interleave(
        {
            "plain": lambda: pipeline.predict_proba(asked),
            "willump": lambda: fast.predict_proba(asked),
        },
        7,
        {"willump": 10},
    )
    ratio = interval(timed["plain"].seconds, timed["willump"].seconds)
    return {"n_terms": len(chars.vocabulary_), "ratio": ratio}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", type=Path)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    import toxic

    rows = toxic.load()
    texts = rows.train["comment_text"].head(3_000).to_list()
    asked = rows.later["comment_text"].head(N_ROWS).to_list()
    labels = np.asarray(rows.labels)[:3_000]
    sizes = SIZES if options.quick else SIZES + MORE_SIZES
    found = [measure(texts, labels, asked, n) for n in sizes]
    options.output.write_text(json.dumps(found))


if __name__ == "__main__":
    main()
