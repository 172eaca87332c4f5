"""Says so when the interpreter is too old, before anything is installed."""

import sys

if sys.version_info < (3, 11):
    found = ".".join(map(str, sys.version_info[:3]))
    sys.exit(f"Python 3.11 or later is needed, this is {found}: make PYTHON=python3.12 ...")
