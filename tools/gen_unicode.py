#!/usr/bin/env python3
"""Generates src/text/unicode_data.c: what Python's str says about characters.

The facts are probed from running interpreters, one for each Unicode version,
so that they are CPython's own answers and not a reading of the standard:

    python3.11 tools/gen_unicode.py -o src/text/unicode_data.c \
        --interpreter python3.12 --interpreter python3.13

`--dump FILE` writes the facts of the running interpreter alone, to be merged
later (on a machine that lacks it) with `--facts FILE`. A version given twice
must have the same facts. All versions share one pool of blocks, so that one
more costs its differences only.

For a version without an interpreter, `--derive FILE` writes facts from PyPI's
`unicodedata2` of that version (which must be importable) and, for case, a
`node` whose Unicode is the same or newer. Derived for a version that can also
be probed, they must come out equal; merging both checks that.
"""

import argparse
import gzip
import json
import re
import subprocess
import sys
import tempfile
import unicodedata
from pathlib import Path

N_CODE_POINTS = 0x110000
HANGUL = range(0xAC00, 0xAC00 + 11172)

# WL_CHAR_* of src/text/unicode.h
WORD, SPACE, CASED, CASE_IGNORABLE, DIGIT = 1, 2, 4, 8, 16

BLOCK_BITS = 6  # both levels below the first have blocks of 64
BLOCK = 1 << BLOCK_BITS
LOWER_SPECIAL = 255  # the index of lower-case mappings to several code points


# ---- probing the running interpreter --------------------------------------


def probe_flags(char: str) -> int:
    flags = 0
    if re.match(r"\w", char):
        flags |= WORD
    if re.match(r"\s", char):
        flags |= SPACE
    if re.match(r"\d", char):
        flags |= DIGIT
    # CPython looks through case-ignorable characters for a cased one. Behind a
    # cased one that it ignores "A" is seen, so two probes tell all that the
    # rule can see; Cased is not visible (and not set) where ignorable.
    alone = (char + "\u03a3").lower()[-1] == "\u03c2"
    behind = ("A" + char + "\u03a3").lower()[-1] == "\u03c2"
    if alone:
        flags |= CASED
    elif behind:
        flags |= CASE_IGNORABLE
    return flags


def probe() -> dict:
    """The facts: {version, flags, lower, strip}; identity mappings left out."""
    flags, lower, strip = [], {}, {}
    for code in range(N_CODE_POINTS):
        char = chr(code)
        flags.append(probe_flags(char))
        lowered = [ord(c) for c in char.lower()]
        if lowered != [code]:
            lower[code] = lowered
        if code in HANGUL or code < 0x80:
            continue
        decomposed = unicodedata.normalize("NFKD", char)
        kept = [ord(c) for c in decomposed if not unicodedata.combining(c)]
        if kept != [code]:
            strip[code] = kept
    check_hangul()
    return {
        "version": unicodedata.unidata_version,
        "flags": run_lengths(flags),
        "lower": sorted(lower.items()),
        "strip": sorted(strip.items()),
    }


def check_hangul() -> None:
    """Hangul syllables decompose by the arithmetic of the standard, 3.12."""
    for code in HANGUL:
        index = code - 0xAC00
        parts = [0x1100 + index // 588, 0x1161 + index % 588 // 28]
        if index % 28:
            parts.append(0x11A7 + index % 28)
        if unicodedata.normalize("NFKD", chr(code)) != "".join(map(chr, parts)):
            raise SystemExit(f"U+{code:04X} decomposes unexpectedly")


# ---- deriving a version that no interpreter here has ------------------------

NODE_CASE = r"""
const cased = /^\p{Cased}$/u, ignorable = /^\p{Case_Ignorable}$/u;
const out = [];
for (let c = 0; c < 0x110000; c++) {
  const s = String.fromCodePoint(c);
  const lower = Array.from(s.toLowerCase(), x => x.codePointAt(0));
  const f = ignorable.test(s) ? 8 : cased.test(s) ? 4 : 0;
  if (f || lower.length != 1 || lower[0] != c) out.push([c, f, lower]);
}
console.log(JSON.stringify({version: process.versions.unicode, out}));
"""


def derive() -> dict:
    """The facts of unicodedata2's version, by the rules that CPython follows:
    isalnum is L*, decimal, digit or numeric; isspace is Zs or bidirectional
    WS, B or S. Case comes from node, for characters assigned in this version
    whose lower case is assigned too (assigned pairs are stable)."""
    import unicodedata2 as ucd

    answer = subprocess.run(["node", "-e", NODE_CASE], check=True, capture_output=True).stdout
    node = json.loads(answer)
    if version_key(node["version"]) < version_key(ucd.unidata_version):
        raise SystemExit(f"node has Unicode {node['version']}, which is older")
    case = {code: (flags, lowered) for code, flags, lowered in node["out"]}
    flags, lower, strip = [], {}, {}
    for code in range(N_CODE_POINTS):
        char = chr(code)
        category = ucd.category(char)
        value = 0
        if category[0] == "L" or ucd.numeric(char, None) is not None or char == "_":
            value |= WORD
        if category == "Zs" or ucd.bidirectional(char) in ("WS", "B", "S"):
            value |= SPACE
        if ucd.decimal(char, None) is not None:
            value |= DIGIT
        case_flags, lowered = case.get(code, (0, [code]))
        if category == "Cn":
            lowered = [code]
        else:
            value |= derive_case_flags(category, case_flags)
        if lowered != [code] and all(ucd.category(chr(c)) != "Cn" for c in lowered):
            lower[code] = lowered
        flags.append(value)
        if code in HANGUL or code < 0x80:
            continue
        decomposed = ucd.normalize("NFKD", char)
        kept = [ord(c) for c in decomposed if not ucd.combining(c)]
        if kept != [code]:
            strip[code] = kept
    return {
        "version": ucd.unidata_version,
        "flags": run_lengths(flags),
        "lower": sorted(lower.items()),
        "strip": sorted(strip.items()),
    }


def derive_case_flags(category: str, newer: int) -> int:
    """Categories decide most of Cased and Case_Ignorable (chapter 3.13 of the
    standard); the rest is a newer version's answer."""
    if category in ("Mn", "Me", "Cf", "Lm", "Sk"):
        return CASE_IGNORABLE
    if newer == CASE_IGNORABLE:
        return CASE_IGNORABLE if category[0] == "P" else 0
    return CASED if category in ("Lu", "Ll", "Lt") else newer


def version_key(version: str) -> list:
    """Comparable; "17.0" is "17.0.0"."""
    numbers = [int(n) for n in version.split(".")]
    return numbers + [0] * (3 - len(numbers))


def run_lengths(values: list) -> list:
    runs: list = []
    for value in values:
        if runs and runs[-1][1] == value:
            runs[-1][0] += 1
        else:
            runs.append([1, value])
    return runs


def dump(path: Path, facts: dict) -> None:
    path.write_bytes(gzip.compress(json.dumps(facts).encode(), mtime=0))


def load(path: Path) -> dict:
    return json.loads(gzip.decompress(path.read_bytes()))


def probe_with(interpreter: str) -> dict:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "facts"
        command = [interpreter, __file__, "--dump", str(path)]
        subprocess.run(command, check=True)
        return load(path)


# ---- the shared tables ------------------------------------------------------


class Trie:
    """Three levels: root[code >> 12] -> nodes -> leaves; blocks are shared."""

    def __init__(self, name: str, ctype: str):
        self.name, self.ctype = name, ctype
        self.nodes: list = []
        self.leaves: list = []
        self.seen: dict = {}

    def block(self, pool: list, values: tuple) -> int:
        key = (id(pool), values)
        if key not in self.seen:
            self.seen[key] = len(pool) // BLOCK
            pool.extend(values)
        return self.seen[key]

    def add(self, values: list) -> list:
        """Stores one version's values; returns its root."""
        leaves = [
            self.block(self.leaves, tuple(values[i : i + BLOCK]))
            for i in range(0, N_CODE_POINTS, BLOCK)
        ]
        return [
            self.block(self.nodes, tuple(leaves[i : i + BLOCK]))
            for i in range(0, len(leaves), BLOCK)
        ]

    def emit(self, out: list) -> None:
        emit_array(out, "uint16_t", f"wl_unicode_{self.name}_nodes", self.nodes)
        emit_array(out, self.ctype, f"wl_unicode_{self.name}_leaves", self.leaves)


def emit_array(out: list, ctype: str, name: str, values: list) -> None:
    limits = {"uint8_t": 0xFF, "uint16_t": 0xFFFF}
    if max(values) > limits.get(ctype, 0x7FFFFFFF):
        raise SystemExit(f"{name}: {max(values)} does not fit {ctype}")
    out.append(f"const {ctype} {name}[{len(values)}] = {{")
    line = ""
    for value in values:
        item = f"{value},"
        if len(line) + len(item) > 79:
            out.append(line)
            line = ""
        line += item
    out.append(line)
    out.append("};")


class Tables:
    """All versions' facts, pooled."""

    def __init__(self) -> None:
        self.flags = Trie("flags", "uint8_t")
        self.lower = Trie("lower", "uint8_t")
        self.strip = Trie("strip", "uint16_t")
        self.deltas = [0]  # lower = code + delta; 0 is identity
        self.special: dict = {}  # code -> several code points
        # strip: 0 is identity, 1 is dropped, otherwise a position in the pool:
        # the count, then the code points
        self.pool = [0, 0]
        self.positions: dict = {}
        self.versions: list = []

    def lower_index(self, code: int, lowered: list) -> int:
        if len(lowered) > 1:
            if self.special.setdefault(code, lowered) != lowered:
                raise SystemExit(f"U+{code:04X} lowers differently by version")
            return LOWER_SPECIAL
        delta = lowered[0] - code
        if delta not in self.deltas:
            self.deltas.append(delta)
        return self.deltas.index(delta)

    def strip_index(self, kept: list) -> int:
        if not kept:
            return 1
        key = tuple(kept)
        if key not in self.positions:
            self.positions[key] = len(self.pool)
            self.pool += [len(kept), *kept]
        return self.positions[key]

    def add(self, facts: dict) -> None:
        flags: list = []
        for count, value in facts["flags"]:
            flags += [value] * count
        lower, strip = [0] * N_CODE_POINTS, [0] * N_CODE_POINTS
        for code, lowered in facts["lower"]:
            lower[code] = self.lower_index(code, lowered)
        for code, kept in facts["strip"]:
            strip[code] = self.strip_index(kept)
        roots = [self.flags.add(flags), self.lower.add(lower), self.strip.add(strip)]
        self.versions.append((facts["version"], roots))

    def emit(self) -> str:
        if len(self.deltas) >= LOWER_SPECIAL:
            raise SystemExit("too many lower-case deltas for a byte")
        out = [
            "/*",
            " * unicode_data.c: generated by tools/gen_unicode.py; do not edit.",
            " * What CPython says about characters, for Unicode",
            " * " + ", ".join(v for v, _ in self.versions) + ".",
            " */",
            '#include "text/unicode_data.h"',
            "",
            "/* clang-format off */",
        ]
        for trie in (self.flags, self.lower, self.strip):
            trie.emit(out)
        emit_array(out, "int32_t", "wl_unicode_lower_deltas", self.deltas)
        emit_array(out, "uint32_t", "wl_unicode_strip_pool", self.pool)
        out.append(
            f"const struct wl_unicode_special wl_unicode_lower_special[{len(self.special)}] = {{"
        )
        for code, lowered in sorted(self.special.items()):
            points = ",".join(map(str, lowered))
            out.append(f"{{{code},{len(lowered)},{{{points}}}}},")
        out.append("};")
        out.append(f"const size_t wl_unicode_n_lower_special = {len(self.special)};")
        out.append(f"const struct wl_unicode wl_unicode_versions[{len(self.versions)}] = {{")
        for version, roots in self.versions:
            out.append(f'{{"{version}",')
            for root in roots:
                text = ",".join(map(str, root))
                out += ["{", *re.findall(r".{1,78}(?:,|$)", text), "},"]
            out.append("},")
        out.append("};")
        out.append(f"const size_t wl_unicode_n_versions = {len(self.versions)};")
        return "\n".join(out) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("-o", "--output", type=Path)
    parser.add_argument("--dump", type=Path)
    parser.add_argument("--derive", type=Path)
    parser.add_argument("--interpreter", action="append", default=[])
    parser.add_argument("--facts", type=Path, action="append", default=[])
    arguments = parser.parse_args()
    if arguments.derive:
        dump(arguments.derive, derive())
        return
    own = probe()
    if arguments.dump:
        dump(arguments.dump, own)
        return
    if not arguments.output:
        parser.error("--output, --dump or --derive is needed")
    by_version: dict = {}
    everything = [json.loads(json.dumps(own))]
    everything += [probe_with(i) for i in arguments.interpreter]
    everything += [load(p) for p in arguments.facts]
    for facts in everything:
        known = by_version.setdefault(facts["version"], facts)
        if known != facts:
            raise SystemExit(f"two different sets of facts for {facts['version']}")
    tables = Tables()
    for version in sorted(by_version, key=version_key):
        tables.add(by_version[version])
    arguments.output.write_text(tables.emit())
    print(f"Unicode {', '.join(v for v, _ in tables.versions)}", file=sys.stderr)


if __name__ == "__main__":
    main()
