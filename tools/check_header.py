"""Compiles the public header alone, as C and as C++, with warnings as errors."""

import subprocess
import sys
from pathlib import Path

root = Path(__file__).resolve().parent.parent
flags = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only", "-I", str(root / "include")]
for compiler, language, standard in (
    ("gcc", "c", "-std=c11"),
    ("clang", "c", "-std=c11"),
    ("g++", "c++", "-std=c++17"),
):
    source = "#include <willump/willump.h>\n"
    run = subprocess.run(
        [compiler, *flags, standard, "-x", language, "-"], input=source, text=True, check=False
    )
    if run.returncode:
        sys.exit(f"header: {compiler} {standard} fails")
print("header: compiles alone as C and C++")
