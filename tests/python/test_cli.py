"""The ``willump`` program, end to end: it answers with the bits that Python gets."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import willump
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.compose import ColumnTransformer
from sklearn.datasets import make_classification
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from willump import _core

TEXTS = [
    "cheap pills, buy now",
    "see you at lunch",
    "winner! claim your prize",
    "the meeting is at noon",
    "buy cheap watches",
    'he said "fine" and left',
    "prize draw: winner takes all",
    "notes from the meeting",
]
LABELS = ["spam", "ham", "spam", "ham", "spam", "odd, one", "spam", "ham"]

# Lone surrogates have no UTF-8; everything else may be in a file.
texts = st.lists(
    st.text(alphabet=st.characters(exclude_categories=("Cs",)), max_size=40)
    | st.sampled_from(TEXTS)
    | st.sampled_from(
        ["", '"', '""', ",", "\n", "\r", "\r\n", "a\nb", 'x"y', " lead ", "\ufeff", "\0"]
    ),
    min_size=1,
    max_size=12,
)
many = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def program() -> str:
    path = os.environ.get("WILLUMP_CLI") or str(Path(sys.prefix) / "bin" / "willump")
    assert os.access(path, os.X_OK), f"there is no program at {path}: set WILLUMP_CLI"
    return path


def run(*arguments: object, stdin: bytes | None = None, status: int = 0) -> bytes:
    """Standard output; standard error when a failure is expected."""
    result = subprocess.run(
        [program(), *map(str, arguments)], input=stdin, capture_output=True, timeout=60, check=False
    )
    assert result.returncode == status, result.stderr.decode()
    if status == 0:
        assert result.stderr == b""
        return result.stdout
    assert result.stderr.startswith(b"willump: ")
    return result.stderr


def to_csv(columns: dict[str, list], quoting: int = csv.QUOTE_MINIMAL) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.writer(out, quoting=quoting)
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    return out.getvalue().encode()


def from_csv(text: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text.decode(), newline="")))


def from_jsonl(text: bytes) -> list[dict]:
    return [json.loads(line) for line in text.decode().split("\n") if line]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cli")


@pytest.fixture(scope="module")
def classifier(folder: Path):
    """The compiled text classifier and its file."""
    pipeline = make_pipeline(
        TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 3)), LogisticRegression()
    )
    fast = willump.compile(pipeline.fit(TEXTS, LABELS))
    path = folder / "text.willump"
    fast.save(path)
    return fast, path


@pytest.fixture(scope="module")
def mixed(folder: Path):
    """A model of one text column and two columns of numbers."""
    frame = pd.DataFrame(
        {"text": TEXTS, "size": [1.5, 2, 3, 4, 5, 6, 7, 8], "age": [0.1, 3, 2, 8, 1, 1, 2, 9]}
    )
    columns = ColumnTransformer(
        [("t", TfidfVectorizer(), "text"), ("n", StandardScaler(), ["size", "age"])]
    )
    pipeline = make_pipeline(columns, LogisticRegression()).fit(frame, LABELS)
    fast = willump.compile(pipeline)
    path = folder / "mixed.willump"
    fast.save(path)
    return fast, path, frame


def check_proba(rows: list[dict], fast, expected: np.ndarray) -> None:
    assert [list(map(float, row.values())) for row in rows] == expected.tolist()
    assert list(rows[0]) == [f"proba_{name}" for name in fast.classes_]


@many
@given(rows=texts, quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
def test_probabilities_of_csv_have_the_same_bits(classifier, rows, quoting) -> None:
    fast, path = classifier
    out = run("predict", path, "--proba", stdin=to_csv({"text": rows}, quoting))
    check_proba(from_csv(out), fast, fast.predict_proba(rows))


@many
@given(rows=texts)
def test_probabilities_of_json_lines_have_the_same_bits(classifier, rows) -> None:
    fast, path = classifier
    lines = "".join(json.dumps({"id": i, "t": text}) + "\n" for i, text in enumerate(rows))
    out = run(
        "predict", path, "--proba", "--format", "jsonl", "--column", "t", stdin=lines.encode()
    )
    check_proba(from_jsonl(out), fast, fast.predict_proba(rows))


@many
@given(rows=texts)
def test_labels_are_the_classes(classifier, rows) -> None:
    fast, path = classifier
    out = from_csv(run("predict", path, stdin=to_csv({"text": rows})))
    assert [row["label"] for row in out] == list(fast.predict(rows))


def test_more_rows_than_a_chunk_keep_their_order(classifier) -> None:
    fast, path = classifier
    rows = [f"{TEXTS[i % 8]} {i}" for i in range(10_000)]
    out = from_csv(run("predict", path, "--proba", "--threads", 2, stdin=to_csv({"text": rows})))
    check_proba(out, fast, fast.predict_proba(rows))


def test_several_outputs_stand_side_by_side(classifier) -> None:
    fast, path = classifier
    out = from_csv(
        run(
            "predict",
            path,
            "--output",
            "label",
            "--decision",
            "--stages",
            stdin=to_csv({"text": TEXTS}),
        )
    )
    assert list(out[0]) == ["label", *(f"decision_{name}" for name in fast.classes_), "stage"]
    decision = [[float(row[f"decision_{name}"]) for name in fast.classes_] for row in out]
    assert decision == fast.decision_function(TEXTS).tolist()
    assert {row["stage"] for row in out} == {"0"}


def test_columns_are_taken_by_their_training_names(mixed) -> None:
    fast, path, frame = mixed
    shuffled = {
        "other": ["z"] * 8,
        "age": frame["age"],
        "text": frame["text"],
        "size": frame["size"],
    }
    expected = fast.predict_proba(frame)
    out = from_csv(run("predict", path, "--proba", stdin=to_csv(shuffled)))
    check_proba(out, fast, expected)
    lines = frame.to_json(orient="records", lines=True, double_precision=15)
    out = from_jsonl(run("predict", path, "--proba", "--format", "jsonl", stdin=lines.encode()))
    check_proba(out, fast, expected)


@pytest.fixture(scope="module")
def categories(folder: Path):
    """A model of two columns of categories and one of numbers."""
    frame = pd.DataFrame(
        {
            "city": ["Rome", "Paris", "\u0141\u00f3d\u017a", "Rome", None, "Paris", "1", "Rome"],
            "kind": ["x", "y", "x", "z", "x", None, "y", "x"],
            "size": [0.5, 1, 2, np.nan, 4, 5, 6, 7],
        }
    )
    encoder = OneHotEncoder(handle_unknown="ignore")
    columns = ColumnTransformer(
        [
            ("city", encoder, ["city"]),
            ("kind", make_pipeline(SimpleImputer(strategy="most_frequent"), encoder), ["kind"]),
            ("size", make_pipeline(SimpleImputer(), StandardScaler()), ["size"]),
        ]
    )
    fast = willump.compile(make_pipeline(columns, LogisticRegression()).fit(frame, LABELS))
    path = folder / "categories.willump"
    fast.save(path)
    return fast, path, frame


def test_categories_have_the_same_bits(categories) -> None:
    fast, path, frame = categories
    frame = pd.concat([frame, frame[::-1].assign(city="Nowhere")])
    expected = fast.predict_proba(frame)
    out = from_csv(run("predict", path, "--proba", stdin=frame.to_csv(index=False).encode()))
    check_proba(out, fast, expected)
    lines = frame.to_json(orient="records", lines=True, double_precision=15)
    out = from_jsonl(run("predict", path, "--proba", "--format", "jsonl", stdin=lines.encode()))
    check_proba(out, fast, expected)
    assert b"category" in run("inspect", path)


def test_an_unknown_category_is_named_by_its_column(folder: Path) -> None:
    frame = pd.DataFrame({"city": ["Rome", "Paris"] * 4, "kind": list("xyxyxyxy")})
    model = make_pipeline(OneHotEncoder(), LogisticRegression()).fit(frame, LABELS)
    path = folder / "strict.willump"
    willump.compile(model).save(path)
    message = run("predict", path, stdin=b"city,kind\nRome,x\nRome,w\n", status=1)
    assert b"Found unknown categories ['w'] in column 1 during transform (column 'kind')" in message


def test_the_only_column_of_text_needs_no_name(classifier) -> None:
    fast, path = classifier
    lines = "".join(
        json.dumps({"id": i, "comment": t, "n": None}) + "\n" for i, t in enumerate(TEXTS)
    )
    out = from_jsonl(run("predict", path, "--proba", "--format", "jsonl", stdin=lines.encode()))
    check_proba(out, fast, fast.predict_proba(TEXTS))
    table = {"id": [str(i) for i in range(8)], "comment": TEXTS, "none": [""] * 8}
    out = from_csv(run("predict", path, "--proba", stdin=to_csv(table)))
    check_proba(out, fast, fast.predict_proba(TEXTS))
    message = run("predict", path, "--format", "jsonl", stdin=b'{"a": "x", "b": "y"}', status=1)
    assert b'several columns of text: pass --column with one of "a", "b"' in message


numbers_of_json = st.lists(
    st.tuples(
        st.floats() | st.integers(-(10**18), 10**18) | st.booleans() | st.none(),
        st.floats(width=32) | st.sampled_from([float("nan"), float("inf"), float("-inf")]),
        st.text(st.characters(exclude_categories=("Cs",)), max_size=5),
    ),
    min_size=1,
    max_size=8,
)


@pytest.fixture(scope="module")
def trees(folder: Path):
    """A model of two columns of numbers that takes what is missing and infinite."""
    lightgbm = pytest.importorskip("lightgbm")
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(200, 2)), columns=["a", "b"])
    model = lightgbm.LGBMRegressor(n_estimators=3, min_child_samples=2, verbose=-1)
    fast = willump.compile(model.fit(frame, frame["a"] * frame["b"]))
    path = folder / "trees.willump"
    fast.save(path)
    return fast, path


@many
@given(rows=numbers_of_json, ascii_only=st.booleans())
def test_numbers_of_json_are_those_that_python_reads(trees, rows, ascii_only) -> None:
    fast, path = trees
    lines = [
        json.dumps({"a": a, "x": [b, {"y": text}], "b": b}, ensure_ascii=ascii_only)
        for a, b, text in rows
    ]
    read = [json.loads(line) for line in lines]
    x = np.array([[np.nan if row[n] is None else float(row[n]) for n in "ab"] for row in read])
    out = from_jsonl(run("predict", path, "--format", "jsonl", stdin="\n".join(lines).encode()))
    assert [row["prediction"] for row in out] == fast.predict(x).tolist()


def test_reals_that_overflow_are_infinite_in_json(trees) -> None:
    fast, path = trees
    lines = b'{"a": 1e400, "b": -1E+999}\n{"a": -Infinity, "b": 12}\n{"a": NaN, "b": 0}\n'
    out = from_jsonl(run("predict", path, "--format", "jsonl", stdin=lines))
    x = np.array([[np.inf, -np.inf], [-np.inf, 12], [np.nan, 0]])
    assert [row["prediction"] for row in out] == fast.predict(x).tolist()
    for wrong in ("nan", "-NaN", "+1", "1e", "NaN1", "1NaN", "01e999", "1" * 400, "[1e999, 01]"):
        line = f'{{"a": NaN, "b": {wrong}}}'.encode()
        message = run("predict", path, "--format", "jsonl", stdin=line, status=1)
        assert b"standard input: line 1, byte " in message


@many
@given(rows=st.lists(st.text(st.characters(), max_size=6), min_size=1, max_size=8))
def test_lone_surrogates_of_json_are_those_that_python_reads(classifier, rows) -> None:
    fast, path = classifier
    rows = ["\ud800", "a\udfff\0\ue800b", *rows]
    lines = "".join(json.dumps({"t": text, "n": float("nan")}) + "\n" for text in rows)
    read = [json.loads(line)["t"] for line in lines.splitlines()]
    out = run(
        "predict", path, "--proba", "--format", "jsonl", "--column", "t", stdin=lines.encode()
    )
    check_proba(from_jsonl(out), fast, fast.predict_proba(read))


def test_a_null_is_named_by_its_line(classifier) -> None:
    _, path = classifier
    lines = b'{"t": "x"}\n' * 9_000 + b'{"t": null}\n{"t": "x"}\n'
    message = run("predict", path, "--format", "jsonl", stdin=lines, status=1)
    assert b'line 9001: column "t" is null or not there, but the model wants text\n' in message


def test_an_error_has_one_number_for_its_row(mixed) -> None:
    table = {"text": ["a"] * 9_000, "size": ["1"] * 9_000, "age": ["1"] * 8_999 + [""]}
    message = run("predict", mixed[1], stdin=to_csv(table), status=1)
    assert b"line 9001: Input X contains NaN" in message
    assert b"(row" not in message


def test_nan_for_a_model_of_a_matrix_is_named_by_its_column(folder: Path) -> None:
    frame = pd.DataFrame({"size": [1.5, 2, 3, 4], "age": [0.1, 3, 2, 8]})
    path = folder / "matrix.willump"
    willump.compile(Ridge().fit(frame, [1, 2, 3, 4])).save(path)
    message = run("predict", path, stdin=b"age,size\n1,2\n,3\n", status=1)
    assert b"line 3: Input X contains NaN." in message
    assert b"(column 'age')" in message


def test_a_record_without_keys_has_no_columns(mixed, classifier) -> None:
    for path in (mixed[1], classifier[1]):
        message = run("predict", path, "--format", "jsonl", stdin=b"{}\n", status=1)
        assert b"it has no columns" in message or b"the file has no columns" in message


def test_a_missing_column_is_named(mixed, classifier) -> None:
    _, path, _ = mixed
    message = run("predict", path, stdin=b"text,size\na,1\n", status=1)
    assert b'no column "age"' in message
    message = run("predict", classifier[1], stdin=b"a,b\n1,2\n", status=1)
    assert b"--column" in message
    assert b'"a", "b"' in message


def test_a_bad_number_is_named_with_its_line(mixed) -> None:
    _, path, _ = mixed
    message = run("predict", path, stdin=b'text,size,age\n"a\nb",1,2\nc,x,2\n', status=1)
    assert b"line 4" in message
    assert b'"size"' in message
    assert b'"x"' in message


def test_a_regression_answers_predictions(folder) -> None:
    target = np.arange(8) / 7
    fast = willump.compile(make_pipeline(TfidfVectorizer(), Ridge()).fit(TEXTS, target))
    path = folder / "ridge.willump"
    fast.save(path)
    out = from_csv(run("predict", path, stdin=to_csv({"text": TEXTS})))
    assert [float(row["prediction"]) for row in out] == fast.predict(TEXTS).tolist()


def test_integer_classes_are_written_as_integers(folder) -> None:
    pipeline = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(TEXTS, [0, 1] * 4)
    fast = willump.compile(pipeline)
    path = folder / "integers.willump"
    fast.save(path)
    out = from_csv(run("predict", path, stdin=to_csv({"text": TEXTS})))
    assert [int(row["label"]) for row in out] == fast.predict(TEXTS).tolist()


def test_features_are_written_as_sparse_json(folder) -> None:
    fast = willump.compile(TfidfVectorizer().fit(TEXTS))
    path = folder / "features.willump"
    fast.save(path)
    rows = to_csv({"text": TEXTS})
    out = from_jsonl(
        run("predict", path, "--output", "features", "--output-format", "jsonl", stdin=rows)
    )
    expected = fast.transform(TEXTS).tocsr()
    for row, wanted in zip(out, expected, strict=True):
        assert row["features"]["indices"] == wanted.indices.tolist()
        assert row["features"]["values"] == wanted.data.tolist()


def test_files_are_written_when_complete(classifier, tmp_path) -> None:
    fast, path = classifier
    source, out = tmp_path / "in.csv", tmp_path / "out.jsonl"
    source.write_bytes(to_csv({"text": TEXTS}))
    run("predict", path, source, "-o", out)
    assert [row["label"] for row in from_jsonl(out.read_bytes())] == list(fast.predict(TEXTS))
    source.write_bytes(b'text\nfine\n"open\n')
    before = out.read_bytes()
    message = run("predict", path, source, "-o", out, status=1)
    assert b"line 3: a quote is opened here" in message
    assert out.read_bytes() == before
    assert sorted(item.name for item in tmp_path.iterdir()) == ["in.csv", "out.jsonl"]


def test_rows_are_answered_as_they_arrive(classifier) -> None:
    _, path = classifier
    with subprocess.Popen(
        [program(), "predict", path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"text\ncheap pills\n")
        process.stdin.flush()
        assert process.stdout.readline() == b"label\n"
        assert process.stdout.readline() == b"spam\n"
        process.stdin.close()
        assert process.wait(timeout=60) == 0


def test_a_closed_pipe_ends_the_program_quietly(classifier) -> None:
    _, path = classifier
    with subprocess.Popen(
        [program(), "predict", path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        process.stdin.write(b"text\na\n")
        process.stdin.close()
        assert process.wait(timeout=60) == -signal.SIGPIPE
        assert process.stderr.read() == b""


def test_inspect_shows_the_model(classifier) -> None:
    fast, path = classifier
    text = run("inspect", path).decode()
    for word in ("inputs", "outputs", "label", "proba", "willump-graph 1"):
        assert word in text
    assert json.loads(run("inspect", path, "--metadata"))["classes"] == list(fast.classes_)
    assert run("inspect", path, "--graph").startswith(b"willump-graph 1")
    assert run("inspect", path, "--after", "all").startswith(b"willump-graph 1")
    assert b"there is no pass 'nope'" in run("inspect", path, "--after", "nope", status=1)


def test_numbers_of_the_metadata_have_the_fewest_digits(folder: Path) -> None:
    graph = 'willump-graph 1\n%0 = input() {kind="matrix"}\nstage\noutput prediction = %0\n'
    rng = np.random.default_rng(0)
    values = [0.95, 1.0, -1.5e300, 0.1 + 0.2, *rng.normal(size=50), *rng.random(50)]
    told = {
        "certificate": {"target": 0.95, "all": values, "none": [], "empty": {}, "s": 'a"\n\u00e9'},
        "other": [True, None, 3, {"deep": [[1.5]]}],
    }
    path = folder / "numbers.willump"
    _core.Model.compile(graph, {}, json.dumps(told)).save(path)
    shown = run("inspect", path, "--metadata").decode()
    assert shown == json.dumps(told, indent=2, ensure_ascii=False) + "\n"
    assert '"target": 0.95,\n' in run("inspect", path).decode()


def test_several_gates_have_the_same_bits_and_are_shown(folder: Path) -> None:
    X, y = make_classification(9_000, 8, n_informative=6, class_sep=1.2, random_state=1)
    frame = pd.DataFrame(X, columns=[f"f{i}" for i in range(8)])
    model = GradientBoostingClassifier(n_estimators=40, random_state=0)
    model.fit(frame[:1_000], y[:1_000])
    costs = [1.0, 1.0, 1.0, 2.0, 2.0, 4.0, 5.0, 8.0, 8.0, 8.0]  # a tree's is 1
    fast = willump.optimize(
        model, frame[:1_000], X_cal=frame[1_000:8_500], target=willump.Agreement(0.97),
        costs=costs,
    )  # fmt: skip
    gates = fast.metadata["certificate"]["gates"]
    assert len(gates) > 1
    path = folder / "gates.willump"
    fast.save(path)
    rows = frame[1_000:]  # so many that some stay to the end
    stdin = to_csv({name: column.tolist() for name, column in rows.items()})
    out = from_csv(run("predict", path, "--proba", "--stages", stdin=stdin))
    stages = [int(row.pop("stage")) for row in out]
    check_proba(out, fast, fast.predict_proba(rows))
    assert set(stages) == set(range(len(gates) + 1))
    shown = json.loads(run("inspect", path, "--metadata"))["certificate"]
    assert shown == fast.metadata["certificate"]
    text = run("inspect", path).decode()
    assert all(name in text for gate in gates for name in gate["blocks"])


def test_bench_measures(classifier, tmp_path) -> None:
    _, path = classifier
    source = tmp_path / "in.csv"
    source.write_bytes(to_csv({"text": TEXTS * 50}))
    text = run("bench", path, source, "--seconds", 0.05, "--batch", 100).decode()
    assert "rows                                400" in text
    for word in ("rows/s", "MB/s", "p50", "p99"):
        assert word in text


def test_exit_statuses(classifier, folder) -> None:
    _, path = classifier
    run("predict", folder / "nothing.willump", stdin=b"text\na\n", status=1)
    run("predict", path, folder / "nothing.csv", status=1)
    run("predict", path, "--output", "nope", stdin=b"text\na\n", status=1)
    run("predict", status=2)
    run("predict", path, "--nope", status=2)
    run("predict", path, "--threads", "two", status=2)
    run("nope", status=2)
    damaged = folder / "damaged.willump"
    damaged.write_bytes(path.read_bytes()[:-1])
    for command in ("predict", "inspect"):
        message = run(command, damaged, *([] if command == "inspect" else ["-"]), status=1)
        assert message.startswith(f"willump: {damaged}: ".encode())


def test_help_and_manual_name_every_command() -> None:
    assert run("--version").decode().split() == ["willump", willump.__version__]
    help_text, manual = run("--help").decode(), run("--man").decode()
    for command in ("predict", "inspect", "bench", "help"):
        assert command in help_text
        assert f"willump {command}" in manual
        assert run(command, "--help") == run("help", command)


@pytest.mark.parametrize("library", ["lightgbm", "xgboost"])
def test_an_imported_booster_reads_its_columns_by_name(library: str, tmp_path: Path) -> None:
    module = pytest.importorskip(library)
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(60, 3)), columns=["b", "a", "c_d"])
    X.iloc[5, 1] = np.nan
    y = X["b"] > 0
    saved, model, rows = tmp_path / "booster.txt", tmp_path / "m.willump", tmp_path / "rows.csv"
    if library == "lightgbm":
        parameters = {"objective": "binary", "verbose": -1, "min_data_in_leaf": 2}
        booster = module.train(parameters, module.Dataset(X, y), 5)
        expected = booster.predict(X)
        booster.save_model(saved)
    else:
        matrix = module.DMatrix(X, y)
        booster = module.train({"objective": "binary:logistic"}, matrix, 5)
        expected = booster.predict(matrix)
        saved = tmp_path / "booster.ubj"
        booster.save_model(saved)
    assert run("import", saved, "-o", model) == b""
    X[["c_d", "b", "a"]].to_csv(rows, index=False)
    got = pd.read_csv(io.BytesIO(run("predict", model, rows)))
    assert list(got.columns) == ["prediction"]
    np.testing.assert_allclose(got["prediction"], expected, rtol=1e-6)
    leaves = pd.read_csv(io.BytesIO(run("predict", model, rows, "--output", "leaves")))
    assert leaves.shape == (60, 5)


@pytest.mark.parametrize("library", ["lightgbm", "xgboost"])
def test_a_model_of_a_frame_s_categories_is_left_to_python(library: str, tmp_path: Path) -> None:
    module = pytest.importorskip(library)
    rng = np.random.default_rng(0)
    values = rng.choice([10, 20, 30], 60)
    X = pd.DataFrame({"x": rng.normal(size=60), "c": pd.Categorical(values)})
    if library == "lightgbm":
        est = module.LGBMClassifier(n_estimators=2, verbose=-1, min_child_samples=2)
    else:
        est = module.XGBClassifier(n_estimators=2, enable_categorical=True)
    est.fit(X, values == 20)
    booster = est.booster_ if library == "lightgbm" else est.get_booster()
    rows, model, saved = tmp_path / "rows.csv", tmp_path / "m.willump", tmp_path / "booster.json"
    X.to_csv(rows, index=False)
    for original in (est, booster):
        fast = willump.compile(original)
        fast.save(model)
        expected = fast.predict(X)
        np.testing.assert_array_equal(willump.load(model).predict(X), expected)
        for command in ("predict", "bench"):
            message = run(command, model, rows, status=1)
            assert b"categories" in message
            assert b"predict from Python" in message
            assert (b"(columns 'c')" in message) == (library == "xgboost")
        assert b"matrix   2 columns" in run("inspect", model)
    booster.save_model(saved)
    message = run("import", saved, "-o", model, status=1)
    assert b"booster.json: the model's field" in message
    assert b"willump.compile" in message


def test_what_cannot_be_imported_is_said_with_the_file_s_name(tmp_path: Path) -> None:
    bad = tmp_path / "bad.json"
    bad.write_text('{"learner": {}}')
    message = run("import", bad, "-o", tmp_path / "m", status=1)
    assert b"bad.json: XGBoost model: version is missing" in message
    assert b"--out" in run("import", bad, status=1)
    assert b"xgboost-json" in run("import", bad, "-o", "m", "--from", "onnx", status=2)
    assert b"cannot open" in run("import", tmp_path / "none", "-o", "m", status=1)
