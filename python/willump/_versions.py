"""`show_versions`: what a bug report needs."""

from __future__ import annotations

import os
import platform
import sys
from importlib import metadata

from . import _core

_LIBRARIES = ("numpy", "scipy", "scikit-learn", "pandas", "polars", "pyarrow", "tqdm")


def versions() -> dict[str, str]:
    """Versions of Willump, Python and the libraries that are installed."""
    found = {
        "willump": _core.version,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "unicode": __import__("unicodedata").unidata_version,
    }
    for library in _LIBRARIES:
        try:
            found[library] = metadata.version(library)
        except metadata.PackageNotFoundError:
            continue
    for variable in ("WILLUMP_CPU", "WILLUMP_NUM_THREADS"):
        if variable in os.environ:
            found[variable] = os.environ[variable]
    return found


def show_versions() -> None:
    """Prints `versions`, for bug reports."""
    for name, version in versions().items():
        sys.stdout.write(f"{name:>14}: {version}\n")
