"""Makes the benchmark page of a result file; nothing in it is typed by hand.

    python bench/report.py [bench/results/workloads.json] [--page docs/benchmarks.md]

The plots are written beside the page, into a folder of its name.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import figures
import plots
from figures import OURS, Ratio
from harness import FEWEST_ROUNDS, RESULTS, ResultError, read_results
from instructions import CYCLES
from workloads import NAMES

PAGE = Path(__file__).parents[1] / "docs/benchmarks.md"

INTRODUCTION = """\
# Benchmarks

Made by `bench/report.py` from the results of `make {command}`; nothing here is typed by hand.

Every comparison is a ratio of times in one run, where the candidates took turns, each in a
process of its own: the median of the rounds' ratios, and in brackets the ends of its 95 %
interval (order statistics of the rounds), or the lowest and the highest ratio where the
number of rounds stands there, which is too small for an interval. The interval is of this run:
another run, or another process of the same candidate, may lie beside it. Plain Python is the
function as a user writes it; all candidates have one thread unless they say otherwise. Tools
that take only the model get their features from the same plain Python, and that is part of
their time, or from polars where the name says so; *model alone* is without it. Each tool is
set up as its best user would (bench/README.md). *Memory grown* is what the process holds more
after a candidate is built than before: little or nothing where it takes what was freed before.

Answers are compared with plain Python's before any time is taken, and those of the timed
calls again, of every size of batch and of every single row: a candidate with rows that are
off by more than 1e-4 (of what is above one, relatively) is marked **wrong**; one that
crashes, fails or hangs is marked so, with its reason below the table. The speed of neither
counts for anything.

One row: distinct rows, once each, in turns of {turn} rows, given as a frame of one row to every
candidate, Willump too (a frame of polars to what reads those); a turn is a round, and its ratio
that of its median row. Willump also takes a dict, which is what a server has in hand and spares
the frame, and a frame of polars: those are lines of their own, *Willump, a dict* and *Willump, a
polars frame*, and in no comparison with other tools.
"""


def times(ratio: Ratio | None, *, spread: bool = True) -> str:
    """A ratio and its interval: 12.3x (11.9 to 12.6); of few rounds: (3 rounds, 11.9 to 12.6)."""
    if ratio is None:
        return "-"
    middle, low, high = (short(value) for value in ratio[:3])
    few = f"{ratio[3]:.0f} rounds, " if ratio[3] < FEWEST_ROUNDS else ""
    return f"{middle}x ({few}{low} to {high})" if spread else f"{middle}x"


def short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def table(head: list[str], rows: Iterable[list[str]]) -> str:
    lines = ["| " + " | ".join(cells) + " |" for cells in [head, ["---"] * len(head), *rows]]
    return "\n".join(lines) + "\n"


def size(n_bytes: float | None) -> str:
    return "-" if n_bytes is None else f"{n_bytes / 1e6:.1f} MB"


def seconds(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.1f} s" if value >= 1 else f"{value * 1e3:.1f} ms"


def cell(text: Any) -> str:
    """Text that stays in its cell."""
    return str(text).replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")


# ---- parts of the page ----------------------------------------------------------------


def turn_of(content: dict[str, Any]) -> str:
    works = figures.measured_works(content).values()
    return " or ".join(map(str, sorted({figures.rows_of_a_turn(work) for work in works}))) or "some"


def machine_part(content: dict[str, Any]) -> str:
    machine = content["machine"]
    packages = ", ".join(f"{name} {found}" for name, found in machine["packages"].items())
    return (
        f"Measured on: {machine['cpu']}, {machine['cores']} cores, {' '.join(machine['isa'])}; "
        f"Python {machine['python']}; {packages}.\n"
    )


def summary_part(content: dict[str, Any]) -> str:
    rows = [summary_row(name, work) for name, work in content["workloads"].items()]
    of_all = "right peer of the quick set" if content["is_quick"] else "right peer"
    head = [
        "workload", "rows of a batch", "compiled, batch", "best cascade, batch",
        "compiled, one row", f"batch, over the fastest {of_all}",
        f"one row, over the fastest {of_all}", "paper: compiled", "paper: cascade on top",
    ]  # fmt: skip
    return (
        "## In short\n\nTimes plain Python. What is marked wrong, or broken in another way, has "
        "no speed here, Willump no more than others. The paper's figures are of other hardware "
        "and a remote store.\n\n" + quick_part(content) + missing_part(content) + table(head, rows)
    )


def missing_part(content: dict[str, Any]) -> str:
    """Workloads that were not asked for, or that an interrupted run did not come to."""
    gone = [name for name in NAMES if name not in content["workloads"]]
    return f"**Not in these results**: {', '.join(gone)}.\n\n" if gone else ""


def quick_part(content: dict[str, Any]) -> str:
    """What the quick set leaves out."""
    if not content["is_quick"]:
        return ""
    left = {
        name: None
        for work in figures.measured_works(content).values()
        for name in figures.names_of(work, "peer")
        if work["candidates"][name]["status"] == "left out"
    }
    return (
        "**The quick set**: fewer rows in the largest batch, one target for cascades, one K, and "
        f"without the peers that take long to make ({', '.join(left) or 'none here'}), among "
        "which the fastest may be. `make bench-full` measures all.\n\n"
    )


def summary_row(name: str, work: dict[str, Any]) -> list[str]:
    if "error" in work:
        return [name, f"not measured: {cell(work['error'])}", *["-"] * 7]
    plain, ours = (work["candidates"].get(n) for n in (figures.PLAIN, OURS))
    if plain is None or plain["status"] != "ok":
        why = f"{plain['status']}: {cell(plain['reason'])}" if plain else "not there"
        return [name, f"plain Python: {why}", *["-"] * 7]
    is_right = ours is not None and figures.is_right(ours)
    broken = f"**{figures.fault(ours)}**" if ours is not None else "-"
    over = []
    for ratio in (figures.batch_ratio, figures.row_ratio):
        peer = figures.fastest_peer(work, ratio) if is_right else None
        over.append(f"{peer[0]}: {times(ratio(work, OURS, to=peer[0]))}" if peer else "-")
    return [
        name,
        f"{work['sizes'][-1]:,}",
        times(figures.batch_ratio(work, OURS)) if is_right else broken,
        best_cascade(work),
        times(figures.row_ratio(work, OURS)) if is_right else broken,
        *over,
        paper(work, "compiled"),
        paper(work, "cascade"),
    ]


def best_cascade(work: dict[str, Any]) -> str:
    """The fastest of those whose speed counts, and its target; what broke is named where none
    does."""
    ratios, faults = [], []
    for name in figures.names_of(work, "cascade"):
        entry = work["candidates"][name]
        ratio = figures.batch_ratio(work, name)
        if figures.is_right(entry) and ratio is not None:
            ratios.append((ratio, entry["target"]))
        elif not figures.is_right(entry) and entry["status"] not in ("cannot", "left out"):
            faults.append(figures.fault(entry))
    if ratios:
        ratio, target = max(ratios, key=lambda item: item[0][0])
        return f"{cell(target)}: {times(ratio)}"
    return f"**{faults[0]}**" if faults else "-"


def paper(work: dict[str, Any], level: str) -> str:
    return f"{work['paper'][level]:g}x" if level in work["paper"] else "-"


def plots_part(drawn: list[tuple[str, str]], folder: str) -> str:
    return "".join(f"## {title}\n\n![{title}]({folder}/{file})\n\n" for file, title in drawn)


def vocabulary_part(content: dict[str, Any]) -> str:
    found = content.get("vocabulary", [])
    failed = isinstance(found, dict)
    return (
        f"- Scaling with the vocabulary: not measured: {cell(found['error'])}\n" if failed else ""
    )


def work_part(name: str, work: dict[str, Any]) -> str:
    parts = [
        f"## {name}\n\n{work['title'][0].upper()}{work['title'][1:]}. "
        f"{work['n_train']:,} rows to fit on, {work['n_later']:,} later ones, of which "
        f"{work['n_fresh']:,} calibrate; {work['n_features']:,} features; data: {work['data']}.\n",
        candidates_table(work),
        refused_list(work),
        saved_table(work),
        where_part(work),
        counts_part(work),
        cascades_table(work),
        queries_table(work),
        paper_table(work),
    ]
    return "\n".join(part for part in parts if part)


def candidates_table(work: dict[str, Any]) -> str:
    rows = []
    for name, entry in work["candidates"].items():
        if not figures.is_timed(entry):
            continue
        batches = [times(figures.batch_ratio(work, name, n)) for n in work["sizes"]]
        p99 = figures.percentile(work, name, 99)
        rows.append(
            [
                name if figures.is_right(entry) else f"{name} (**{figures.fault(entry)}**)",
                rows_off(entry),
                *batches,
                times(figures.row_ratio(work, name)),
                "-" if p99 is None else f"{p99:.3g}",
                times(figures.model_ratio(work, name), spread=False),
                seconds(entry.get("build_seconds")),
                size(entry.get("grown_bytes")),
            ]
        )
    head = [
        "candidate", "rows off by 1e-4", *(f"{n:,} rows" for n in work["sizes"]), "one row",
        "p99, in plain medians", "model alone", "time to make", "memory grown",
    ]  # fmt: skip
    return table(head, rows)


def rows_off(entry: dict[str, Any]) -> str:
    """Of the largest batch; of smaller ones and of one row where they have others."""
    if entry.get("is_other_model"):
        return "a model of its own"
    if entry["role"] == "cascade":
        return "see below"
    counted = [(n_off, n, asked) for asked, (n_off, n) in entry["off"].items()]
    most = max(counted, key=lambda item: item[1])
    others = [
        f"; {asked if asked == 'one row' else f'of {int(asked):,}'}: {n_off:,} of {n:,}"
        for n_off, n, asked in counted
        if n_off and asked != most[2]
    ]
    return f"{most[0]:,} of {most[1]:,}" + "".join(others)


def refused_list(work: dict[str, Any]) -> str:
    """Those that are not right or have no times, by why."""
    why: dict[str, list[str]] = {}
    for name, entry in work["candidates"].items():
        if entry["status"] != "ok":
            reason = f"{entry['status']}: {cell(entry.get('reason', ''))}"
            why.setdefault(reason, []).append(name)
    return "".join(f"- {', '.join(names)}: {reason}\n" for reason, names in why.items())


def saved_table(work: dict[str, Any]) -> str:
    rows = [
        [
            name,
            size(entry.get("artifact_bytes")),
            seconds(entry.get("load_seconds")),
            size(entry.get("kept_bytes")),
            cell(entry.get("not_saved", "")),
        ]
        for name, entry in work["candidates"].items()
        if "artifact_bytes" in entry or "not_saved" in entry
    ]
    head = ["artifact", "size", "load", "memory when loaded", "not saved"]
    return table(head, rows) if rows else ""


def where_part(work: dict[str, Any]) -> str:
    """Where a compiled call's time goes, by operator."""
    shares = work["candidates"].get(figures.OURS, {}).get("where", {})
    if "status" in shares:
        return f"- Where the time goes: {shares['status']}: {cell(shares['reason'])}\n"
    return f"Compiled: {where_table(shares)}" if "operators" in shares else ""


def where_table(shares: dict[str, Any]) -> str:
    """Nanoseconds a row and the share of a call, by operator: what `where.py` finds."""
    whole = shares["nanoseconds"]
    rows = [
        [name, f"{cost:.1f}", f"{cost / whole:.0%}"] for name, cost in shares["operators"].items()
    ]
    called = f"{whole:.0f} ns a row, in one call of {shares['n_rows']:,} rows.\n\n"
    return called + table(["operator", "ns a row", "share"], rows)


def counts_part(work: dict[str, Any]) -> str:
    """What callgrind counts of a compiled call, and what each count is worth in cycles."""
    ours = work["candidates"].get(figures.OURS, {})
    counted, skipped = ours.get("counts", {}), ours.get("counts_skipped")
    if skipped:
        return f"- Instructions: {skipped['status']}: {cell(skipped['reason'])}\n"
    rows = []
    for cpu, counts in counted.items():
        cycles = {name: cost * counts[name] for name, cost in CYCLES.items()}
        whole = sum(cycles.values())
        shares = [f"{counts[name]:,.1f} ({cycles[name] / whole:.0%})" for name in cycles]
        functions = [f"`{name}` {share:.0%}" for name, share in counts["functions"].items()]
        rows.append([cpu, *shares, ", ".join(functions[:4])])
    head = [
        "one row of the model takes", "instructions", "mispredicted branches",
        "misses of 32 KiB", "misses of 1 MiB", "most instructions are in",
    ]  # fmt: skip
    return table(head, rows) if rows else ""


def cascades_table(work: dict[str, Any]) -> str:
    rows = []
    for name in figures.names_of(work, "cascade"):
        entry = work["candidates"][name]
        if "certificate" not in entry:
            continue
        certificate, untouched = entry["certificate"], entry["untouched"]
        fetched, as_dict = entry.get("fetched"), f"{name}, a dict"
        rows.append(
            [
                entry["target"],
                cell(", ".join(certificate["blocks"][:3])),
                f"{certificate['share_leaving']:.0%}",
                times(figures.batch_ratio(work, name, to=OURS)),
                times(figures.row_ratio(work, name, to=OURS)),
                times(figures.row_ratio(work, as_dict, to=f"{OURS}, a dict")),
                f"{untouched['n_broken']:,} of {untouched['n_rows']:,}",
                f"{untouched['accuracy_loss']:+.4f}" if "accuracy_loss" in untouched else "-",
                "no" if not untouched["missed"]
                else "**beyond chance**" if untouched["beyond_chance"] else "within chance",
                f"{fetched['cascade']:,} of {fetched['plain']:,}" if fetched else "-",
            ]
        )  # fmt: skip
    head = [
        "target", "first stage reads", "leave", "batch, over compiled", "one row, over compiled",
        "a dict, over compiled", "broken, untouched rows", "accuracy lost", "missed", "fetched",
    ]  # fmt: skip
    return table(head, rows) if rows else ""


def queries_table(work: dict[str, Any]) -> str:
    found = work["queries"]
    if isinstance(found, dict):
        return f"- Top-K: {found['status']}: {cell(found['reason'])}\n"
    rows = []
    for entry in found:
        rows_asked = f" of {entry['query_rows']:,}" if entry["query_rows"] else ""
        start = [f"{entry['k']:,}{rows_asked}"]
        if entry["status"] != "ok":
            rows.append([*start, cell(entry["reason"]), *["-"] * 4])
            continue
        mean = sum(entry["recalls"]) / len(entry["recalls"]) if entry["recalls"] else 0.0
        rows.append(
            [
                *start,
                cell(", ".join(entry["blocks"][:3])),
                f"{mean:.4f}",
                f"{entry['n_missed']} of {entry['n_queries']}"
                + (", **beyond chance**" if entry["beyond_chance"] else ""),
                times(entry["vs_exact"]),
                times(entry["vs_plain"]),
            ]
        )
    head = [
        "top K", "filter reads", "mean recall", "queries below 0.95", "over the exact ranking",
        "over plain Python",
    ]  # fmt: skip
    return table(head, rows)


def paper_table(work: dict[str, Any]) -> str:
    found = work["paper_rule"]
    if "status" in found:
        return f"- The paper's rule: {found['status']}: {cell(found['reason'])}\n"
    rows = [
        [
            name,
            f"{found[rule]['miss_rate']:.1%}",
            f"{found[rule]['largest_loss']:+.4f}",
            f"{found[rule]['refused_rate']:.0%}",
            f"{found[rule]['share_leaving']:.0%}",
        ]
        for name, rule in (("the paper's", "paper"), ("`Accuracy(0.001)`, 95 %", "certificate"))
    ]
    head = ["rule", "loses over 0.001", "largest loss", "deploys nothing", "leave, mean"]
    return (
        f"The same small model under both rules: {found['n_splits']} draws of "
        f"{found['n_validation']:,} validation rows, judged on the other "
        f"{found['n_untouched']:,}.\n\n" + table(head, rows)
    )


def page_of(content: dict[str, Any], drawn: list[tuple[str, str]], folder: str) -> str:
    command = "bench" if content["is_quick"] else "bench-full"
    parts = [
        INTRODUCTION.format(command=command, turn=turn_of(content)),
        machine_part(content),
        summary_part(content),
        plots_part(drawn, folder).rstrip() + "\n",
        vocabulary_part(content),
        *(
            work_part(name, work)
            for name, work in content["workloads"].items()
            if "error" not in work
        ),
    ]
    return "\n".join(part for part in parts if part)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", nargs="?", type=Path, default=RESULTS / "workloads.json")
    parser.add_argument("--page", type=Path, default=PAGE)
    options = parser.parse_args()
    try:
        content = read_results(options.results)
    except ResultError as error:
        sys.exit(str(error))
    folder = options.page.with_suffix("")
    drawn = plots.draw(content, folder)
    options.page.write_text(page_of(content, drawn, folder.name))
    print(f"written to {options.page}, plots to {folder}")


if __name__ == "__main__":
    main()
