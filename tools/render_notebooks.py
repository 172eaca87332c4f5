"""Renders the sources of the notebooks, examples/notebooks/*.py, into *.ipynb beside them.

    python tools/render_notebooks.py [NAME ...]

Each runs in a kernel of its own, on the data that anybody has. What is written holds no
times, ids or paths of the machine: what a cell prints to its standard error ends the run,
as does an output that names a folder of this machine.
"""

from __future__ import annotations

import os
import re
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

import jupytext
import nbformat
from nbclient import NotebookClient

NOTEBOOKS = Path(__file__).parents[1] / "examples" / "notebooks"
LARGEST = 300_000  # bytes
SECONDS_A_CELL = 600


def read(source: Path) -> Any:
    """The cells of a source, numbered, without outputs."""
    notebook = jupytext.read(source, fmt="py:percent")
    for number, cell in enumerate(notebook.cells):
        cell.id, cell.metadata = f"cell-{number}", {}
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python", "file_extension": ".py"},
    }
    return notebook


def rendered(source: Path) -> str:
    notebook = read(source)
    client = NotebookClient(
        notebook,
        timeout=SECONDS_A_CELL,
        kernel_name="python3",
        record_timing=False,
        resources={"metadata": {"path": str(NOTEBOOKS)}},
    )
    client.execute()
    notebook.metadata["language_info"] = {"name": "python", "file_extension": ".py"}
    for cell in notebook.cells:
        cell.metadata = {}
        for output in cell.get("outputs", []):
            if output.output_type == "stream" and output.name == "stderr":
                raise SystemExit(f"{source.name}: {cell.id} warns: {output.text}")
            shorten(output)
    nbformat.validate(notebook)
    text = nbformat.writes(notebook) + "\n"
    named = re.search(own_folders(), text)
    if named:
        raise SystemExit(f"{source.name}: its outputs name {named[0]}")
    if len(text.encode()) > LARGEST:
        raise SystemExit(f"{source.name}: {len(text.encode())} bytes are more than {LARGEST}")
    return text


def shorten(output: Any) -> None:
    """No viewer needs the plain text beside what it can show better; of a table it is short."""
    data = output.get("data", {})
    if len(data) > 1 and 'class="dataframe"' not in data.get("text/html", ""):
        data["text/plain"] = ""


def own_folders() -> str:
    """A pattern of this machine's folders."""
    folders = {str(NOTEBOOKS.parents[1]), str(Path.home()), sys.prefix, tempfile.gettempdir()}
    folders |= {sysconfig.get_path("stdlib"), os.path.realpath(sys.base_prefix)}
    return "|".join(re.escape(folder) + r"\b" for folder in sorted(folders) if folder != "/")


def main() -> None:
    os.environ.pop("WILLUMP_DATA", None)
    wanted = sys.argv[1:] or [path.stem for path in sorted(NOTEBOOKS.glob("*.py"))]
    with tempfile.TemporaryDirectory() as folder:
        os.environ["IPYTHONDIR"] = folder  # no history, no settings of the user
        for name in wanted:
            text = rendered(NOTEBOOKS / f"{name}.py")
            (NOTEBOOKS / f"{name}.ipynb").write_text(text, encoding="utf-8")
            print(f"{name}.ipynb: {len(text.encode()) / 1000:.0f} kB")


if __name__ == "__main__":
    main()
