"""The paper's rule for cascades beside the certificate, on the same small model.

The rule (Willump, MLSys 2020, section 4.2, and its code): one validation set; of the
thresholds 0.6, 0.7, 0.8, 0.9 and 1.0 those count at which the cascade's accuracy there is
above the full model's less 0.001; the lowest is the cheapest, since most rows leave.

Both get the same validation rows, drawn anew many times, and are judged on all other
labelled rows: a rule misses where the accuracy that it loses there is above 0.001. The
untouched rows are eight times the validation rows.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import clone
from willump._core import TuneJob
from workers import CannotError
from workloads import Workload

LOSS, CONFIDENCE = 0.001, 0.95
THRESHOLDS = (0.6, 0.7, 0.8, 0.9, 1.0)
UNTOUCHED = 8  # times the validation rows
SELECT = 0.2  # what the certificate spends on choosing


def paper_threshold(
    confidence: np.ndarray, small_is_right: np.ndarray, full_is_right: np.ndarray
) -> float | None:
    """The lowest threshold that the validation rows accept; None: not even 1.0."""
    full = full_is_right.mean()
    for threshold in THRESHOLDS:
        leaves = confidence > threshold
        if np.where(leaves, small_is_right, full_is_right).mean() > full - LOSS:
            return threshold
    return None


def certified_threshold(
    confidence: np.ndarray, small: np.ndarray, full: np.ndarray, true: np.ndarray, seed: int
) -> float | None:
    """Willump's, for `Accuracy(0.001)`, of one candidate whose features cost a tenth; None:
    nothing can be certified."""
    n_select = round(SELECT * len(confidence))
    n_certify = len(confidence) - n_select
    job = TuneJob(
        np.array([1.0, 9.0]),
        1,
        n_select,
        n_certify,
        LOSS,
        1.0 - CONFIDENCE,
        seed,
        0.0,
        target="accuracy",
    )
    parts = {"fit": slice(n_select), "certify": slice(n_select, None)}
    while True:
        step, _, blocks, *_ = job.next()
        if step == "finished":
            break
        if step == "fit" and tuple(blocks) != (0,):
            job.skip()
            continue
        rows = parts[step]
        job.answer(confidence[rows], small[rows], full[rows], 0.0, true_labels=true[rows])
    result = job.result()
    return float(result["gates"][0]["threshold"]) if result["outcome"] == "cascade" else None


def compare_rules(work: Workload, n_splits: int) -> dict[str, Any]:
    """Of both rules: how often they miss, how often they find no threshold, and what share
    of the untouched rows leaves."""
    if work.cheap is None or work.kind != "binary":
        raise CannotError("the paper's rule is for binary classifiers with a cheap block")
    small = clone(work.cheap_model or work.model).fit(work.cheap(work.train), work.labels)
    rows = work.later.head(100_000)
    true = np.asarray(work.later_labels[: len(rows)]).astype(np.int64)
    score = small.predict_proba(work.cheap(rows))[:, 1]
    confidence = np.maximum(score, 1.0 - score)
    quick = (score > 0.5).astype(np.int64)
    full = work.label_of(work.function(rows)).astype(np.int64)
    n = len(rows) // (UNTOUCHED + 1)
    rng = np.random.default_rng(0)
    found: dict[str, list[tuple[float, float] | None]] = {"paper": [], "certificate": []}
    for seed in range(n_splits):
        order = rng.permutation(len(rows))
        seen, rest = order[:n], order[n:]
        thresholds = {
            "paper": paper_threshold(
                confidence[seen], quick[seen] == true[seen], full[seen] == true[seen]
            ),
            "certificate": certified_threshold(
                confidence[seen], quick[seen], full[seen], true[seen], seed
            ),
        }
        for rule, threshold in thresholds.items():
            if threshold is None:
                found[rule].append(None)
                continue
            leaves = confidence[rest] > threshold
            label = np.where(leaves, quick[rest], full[rest])
            loss = np.mean(full[rest] == true[rest]) - np.mean(label == true[rest])
            found[rule].append((float(loss), float(leaves.mean())))
    return {
        "n_validation": n,
        "n_untouched": len(rows) - n,
        "n_splits": n_splits,
        **{rule: summary(outcomes) for rule, outcomes in found.items()},
    }


def summary(outcomes: list[tuple[float, float] | None]) -> dict[str, Any]:
    """Misses as a share of all splits: a rule that finds nothing loses nothing."""
    deployed = [outcome for outcome in outcomes if outcome is not None]
    return {
        "miss_rate": sum(loss > LOSS for loss, _ in deployed) / len(outcomes),
        "refused_rate": 1.0 - len(deployed) / len(outcomes),
        "largest_loss": max((loss for loss, _ in deployed), default=0.0),
        "share_leaving": sum(share for _, share in deployed) / len(outcomes),
    }
