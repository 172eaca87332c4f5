"""Fails when a file includes a header of a layer to its right.

The order is the one of docs/architecture.md: a layer may include itself and
those before it. What stands on the public header alone (the command line, the
Python extension) is checked too.
"""

import re
import sys
from pathlib import Path

ORDER = (
    *("base", "data", "text", "stats", "graph", "ops", "models"),
    *("passes", "exec", "tune", "artifact", "import", "api"),
)
# text and stats stand side by side, as do ops and models.
RANK = {name: i for i, name in enumerate(ORDER)}
RANK["stats"] = RANK["text"]
RANK["models"] = RANK["ops"]
SIBLINGS = {("models", "ops")}  # models share the operators' helpers
PUBLIC_ONLY = {"cli": {"tune", "data", "base"}, "python/ext": {"tune", "import", "stats", "base"}}
INCLUDE = re.compile(r'^\s*#\s*include\s+"([a-z_]+)/([^"]+)"', re.M)

root = Path(__file__).resolve().parent.parent
errors = []
for path in sorted((root / "src").rglob("*.[ch]")):
    layer = path.relative_to(root / "src").parts[0]
    for target, name in INCLUDE.findall(path.read_text()):
        if target not in RANK or target == layer:
            continue
        below = RANK[target] < RANK[layer] or (layer, target) in SIBLINGS
        if not below:
            errors.append(f"{path.relative_to(root)} includes {target}/{name}")
for folder, allowed in PUBLIC_ONLY.items():
    for path in sorted((root / folder).rglob("*.[ch]")):
        for target, name in INCLUDE.findall(path.read_text()):
            if target in RANK and target not in allowed:
                errors.append(f"{path.relative_to(root)} includes {target}/{name}")
if errors:
    sys.exit("layers: an include goes up\n  " + "\n  ".join(errors))
print("layers: every include goes down")
