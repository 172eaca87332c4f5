"""The examples of the paper's workloads and their notebooks, on the data that anybody has."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, ClassVar

import jupytext
import nbformat
import numpy as np
import pandas as pd
import pytest
import willump

EXAMPLES = Path(__file__).parents[2] / "examples"
NOTEBOOKS = EXAMPLES / "notebooks"
SOURCES = sorted(NOTEBOOKS.glob("*.py"))


@pytest.fixture
def example(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.delenv("WILLUMP_DATA", raising=False)
    monkeypatch.syspath_prepend(str(EXAMPLES))
    return importlib.import_module(request.param)


@pytest.mark.parametrize(
    "example",
    ["toxic", "product", "music", "price", "purchase", "credit", "instant", "flights"],
    indirect=True,
)
def test_a_workload_is_native_and_answers_as_the_plain_function(example: Any) -> None:
    loaded = example.load()
    rows, *tables = loaded if isinstance(loaded, tuple) else (loaded,)
    function = example.fit(rows.train.head(2_000), rows.labels[:2_000], *tables)
    fast = willump.compile(function, sample=rows.train.head(500), strict=True)
    later = rows.later.head(2_000)
    assert fast.verify(later).ok
    whole = fast(later)
    one = {name: column[0] for name, column in later.head(1).to_dict("list").items()}
    assert np.array_equal(fast(one), whole[:1])
    assert np.array_equal(fast(later.head(7)), whole[:7])


#: What each script prints where all of it has run; `store.py` is the server of `music_remote.py`.
SCRIPTS = {
    "demo": "the same bits",
    "delay": "the same answers",
    "toxic": "the same answers",
    "product": "the same answers",
    "music": "the same answers",
    "music_remote": "cascade: ",
    "price": "the same answers",
    "purchase": "the same answers",
    "credit": "the same answers",
    "instant": "the same answers",
    "flights": "the same answers",
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_runs_as_a_program(name: str, tmp_path: Path) -> None:
    environment = {key: value for key, value in os.environ.items() if key != "WILLUMP_DATA"}
    done = subprocess.run(
        [sys.executable, EXAMPLES / f"{name}.py"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr
    assert SCRIPTS[name] in done.stdout


class Certified:
    """What `optimize` gives where it finds a cascade, which hangs on measured costs."""

    metadata: ClassVar = {"certificate": {"promise": "as promised", "blocks": ["words"]}}

    def __call__(self, rows: pd.DataFrame) -> np.ndarray:
        return rows["x"].to_numpy()

    def stats(self) -> dict[str, list[int]]:
        return {"stage_rows": [3, 2]}


@pytest.mark.parametrize("example", ["gallery"], indirect=True)
def test_a_cascade_is_shown(
    example: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(willump, "optimize", lambda *_, **__: Certified())
    rows = pd.DataFrame({"x": np.linspace(0.0, 1.0, 10)})
    plain = Certified()
    example.show_cascade(plain, plain, example.Rows(rows, None, rows))
    told = capsys.readouterr().out
    assert "as promised\n5 other rows: 100.00% agree\n60% of them leave with ['words']" in told
    assert told.endswith("times the compiled function\n")


def test_every_script_is_run() -> None:
    scripts = {path.stem for path in EXAMPLES.glob("*.py") if "__main__" in path.read_text()}
    assert scripts - {"store"} == set(SCRIPTS)


def cells_of(notebook: Any) -> list[tuple[str, str]]:
    return [(cell.cell_type, cell.source) for cell in notebook.cells]


def read(source: Path) -> Any:
    return jupytext.read(source, fmt="py:percent")


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_a_notebook_runs(
    source: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its cells, one after the other, as a kernel runs them; and what it says is so."""
    monkeypatch.delenv("WILLUMP_DATA", raising=False)
    monkeypatch.chdir(NOTEBOOKS)
    monkeypatch.setattr("sys.path", [*sys.path])  # the first cell puts the scripts before it
    names: dict[str, Any] = {"__name__": "__main__"}
    for number, (kind, text) in enumerate(cells_of(read(source))):
        if kind == "code":
            exec(compile(text, f"{source.name}, cell {number}", "exec"), names)
    assert names["report"].ok
    assert "the same" in capsys.readouterr().out.splitlines()[-1]


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_a_notebook_is_rendered_from_its_source(source: Path) -> None:
    """`make notebooks` renders them; each cell has the outputs of one run, in order."""
    notebook = nbformat.read(source.with_suffix(".ipynb"), as_version=4)
    assert cells_of(notebook) == cells_of(read(source)), "stale: make notebooks"
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    outputs = [output for cell in code for output in cell.outputs]
    assert {output.output_type for output in outputs} <= {"stream", "execute_result"}
    assert all(output.get("name", "stdout") == "stdout" for output in outputs)
    assert notebook.metadata.language_info == {"name": "python", "file_extension": ".py"}


def test_every_script_has_its_notebook() -> None:
    helpers = {"gallery", "demo", "store"}
    scripts = {path.stem for path in EXAMPLES.glob("*.py")} - helpers
    assert {path.stem for path in SOURCES} == scripts
    assert {path.stem for path in NOTEBOOKS.glob("*.ipynb")} == scripts
