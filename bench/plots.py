"""The plots of the benchmark page, as SVG that is the same for the same results."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import figures
import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

matplotlib.rcParams.update(
    {
        "svg.hashsalt": "willump",
        "svg.fonttype": "none",
        "font.family": "sans-serif",
        "font.size": 9,
        "axes.spines.top": False,
        "axes.spines.right": False,
    }
)

COLOURS = {"plain": "#8a8f98", "willump": "#1f6feb", "cascade": "#1a7f37", "peer": "#d4812a"}
BROKEN = "#c8ccd2"
FEWEST = 6  # lines of a panel, so that a bar is not wide where there are few
LINE, AROUND = 0.17, 0.9  # inches of a line of a panel, and around all of them

Works = dict[str, dict[str, Any]]


def colour(entry: dict[str, Any]) -> str:
    return COLOURS[entry["role"]] if figures.is_right(entry) else BROKEN


def shown(name: str, entry: dict[str, Any]) -> str:
    if not figures.is_right(entry):
        return f"{name} ({figures.fault(entry)})"
    return f"{name} (its own model)" if entry.get("is_other_model") else name


def save(figure: Figure, path: Path) -> None:
    figure.savefig(path, format="svg", bbox_inches="tight", metadata={"Date": None})


def panels(works: Works, is_shown: Callable[[dict[str, Any]], bool]) -> tuple[Figure, list[Axes]]:
    """A panel for each workload in two columns, as high as the one with most lines needs;
    those that are over are left blank."""
    lines = [sum(map(is_shown, work["candidates"].values())) for work in works.values()]
    n, height = len(works), AROUND + LINE * max(*lines, 2 * FEWEST)
    rows = -(-n // 2)
    figure = Figure(figsize=(10, height * rows), layout="constrained")
    axes = list(figure.subplots(rows, 2, squeeze=False).flat)
    for over in axes[n:]:
        over.set_axis_off()
    return figure, axes[:n]


def log_axis(ax: Axes, values: list[float]) -> None:
    """Whole decades, one at least, that hold the values and 1."""
    low = math.floor(math.log10(min([*values, 0.9])))
    high = math.ceil(math.log10(max([*values, 9.0])))
    ax.set_xscale("log")
    ax.set_xlim(10.0**low, 10.0**high)
    ax.xaxis.set_major_locator(LogLocator(10.0, numticks=20))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.xaxis.set_minor_formatter(NullFormatter())


def throughput(works: Works) -> Figure:
    """Bars: the largest batch, times plain Python."""
    figure, axes = panels(works, lambda entry: "batch_seconds" in entry)
    for ax, (name, work) in zip(axes, works.items(), strict=True):
        bars = [
            (shown(candidate, entry), colour(entry), ratio)
            for candidate, entry in work["candidates"].items()
            if (ratio := figures.batch_ratio(work, candidate)) is not None
        ]
        bars.reverse()
        places = range(len(bars))
        ax.barh(places, [b[2][0] - 1.0 for b in bars], left=1.0, color=[b[1] for b in bars])
        ax.hlines(places, [b[2][1] for b in bars], [b[2][2] for b in bars], color="black", lw=0.8)
        ax.set_yticks(places, [b[0] for b in bars])
        ax.set_ylim(-0.8, max(len(bars), FEWEST) - 0.2)
        ax.axvline(1.0, color="black", lw=0.6)
        log_axis(ax, [b[2][1] for b in bars] + [b[2][2] for b in bars])
        ax.set_title(f"{name}, {work['sizes'][-1]:,} rows")
        ax.set_xlabel("times plain Python")
    return figure


def latency(works: Works) -> Figure:
    """One row: median to the 99th percentile, in plain Python's medians."""
    figure, axes = panels(works, lambda entry: "row_seconds" in entry)
    for ax, (name, work) in zip(axes, works.items(), strict=True):
        lines = [
            (shown(candidate, entry), colour(entry), half, most)
            for candidate, entry in work["candidates"].items()
            if (half := figures.percentile(work, candidate, 50)) is not None
            and (most := figures.percentile(work, candidate, 99)) is not None
        ]
        lines.reverse()
        for place, (_, paint, half, most) in enumerate(lines):
            ax.plot([half, most], [place, place], color=paint, lw=2)
            ax.plot(half, place, "o", color=paint, ms=5)
            ax.plot(most, place, "|", color=paint, ms=9, mew=2)
        ax.set_yticks(range(len(lines)), [line[0] for line in lines])
        ax.set_ylim(-0.8, max(len(lines), FEWEST) - 0.2)
        log_axis(ax, [value for line in lines for value in line[2:]])
        ax.set_title(f"{name}, one row")
        ax.set_xlabel("p50 (dot) and p99 (bar), in medians of plain Python")
    return figure


def cascades(works: Works) -> Figure | None:
    """What a threshold may be set to: the share of certifying rows whose label would differ
    against the expected gain, a line for each certificate; a dot where it was set."""
    figure = Figure(figsize=(7, 4), layout="constrained")
    ax = figure.subplots()
    for i, (name, work) in enumerate(works.items()):
        found = [
            entry["certificate"]
            for entry in work["candidates"].values()
            if isinstance(entry.get("certificate", {}).get("curve"), list)
        ]
        for j, certificate in enumerate(found):
            points, exact = certificate["curve"], certificate["exact_cost"]
            wrong = [point["share_wrong"] for point in points]
            leaving = [point["share_leaving"] for point in points]
            chosen = np.interp(certificate["share_leaving"], leaving, wrong)
            label = name if j == 0 else None
            gains = [exact / point["cost"] for point in points]
            ax.plot(wrong, gains, color=f"C{i}", lw=1, label=label)
            ax.plot(chosen, exact / certificate["expected_cost"], "o", color=f"C{i}")
    if not ax.lines:
        return None
    ax.axhline(1.0, color="black", lw=0.6)
    ax.set_xscale("symlog", linthresh=1e-3)
    ax.set_xlim(left=0)
    ax.set_xlabel("certifying rows that differ, as a share")
    ax.set_ylabel("expected, times the exact compiled function")
    ax.legend(frameon=False)
    return figure


def queries(works: Works) -> Figure | None:
    """Top-K: speed over the exact ranking against the mean recall of untouched queries."""
    figure = Figure(figsize=(7, 4), layout="constrained")
    ax = figure.subplots()
    for i, (name, work) in enumerate(works.items()):
        found = work["queries"] if isinstance(work["queries"], list) else []
        points = [
            (sum(q["recalls"]) / len(q["recalls"]), q["vs_exact"][0], q["k"])
            for q in found
            if q["status"] == "ok" and q["recalls"]
        ]
        for recall, speed, k in points:
            ax.annotate(f" {k}", (recall, speed), fontsize=8)
        if points:
            ax.plot([p[0] for p in points], [p[1] for p in points], "o", color=f"C{i}", label=name)
    if not ax.lines:
        return None
    ax.axhline(1.0, color="black", lw=0.6)
    ax.set_xlabel("mean recall of untouched queries (the number: K)")
    ax.set_ylabel("times the exact ranking")
    ax.legend(frameon=False)
    return figure


def scaling(works: Works) -> Figure | None:
    """How the gain grows with the rows of a call, where the answers are right."""
    figure = Figure(figsize=(7, 4), layout="constrained")
    ax = figure.subplots()
    for i, (name, work) in enumerate(works.items()):
        ours = work["candidates"].get(figures.OURS)
        if ours is None or not figures.is_right(ours):
            continue
        points = [
            (size, ratio[0])
            for size in work["sizes"]
            if (ratio := figures.batch_ratio(work, figures.OURS, size)) is not None
        ]
        one = figures.row_ratio(work, figures.OURS)
        points = ([(1, one[0])] if one else []) + points
        ax.plot([p[0] for p in points], [p[1] for p in points], "o-", color=f"C{i}", label=name)
    if not ax.lines:
        return None
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xlabel("rows of a call")
    ax.set_ylabel("Willump, times plain Python")
    ax.legend(frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def vocabulary(content: dict[str, Any]) -> Figure | None:
    """How the gain over scikit-learn changes with the number of terms."""
    found = content.get("vocabulary")
    if not isinstance(found, list):
        return None
    figure = Figure(figsize=(7, 4), layout="constrained")
    ax = figure.subplots()
    ax.errorbar(
        [point["n_terms"] for point in found],
        [point["ratio"][0] for point in found],
        [
            [point["ratio"][0] - point["ratio"][1] for point in found],
            [point["ratio"][2] - point["ratio"][0] for point in found],
        ],
        fmt="o-",
        color=COLOURS["willump"],
    )
    ax.set_xscale("log")
    ax.set_ylim(bottom=0)
    ax.set_xlabel("character n-grams in the vocabulary")
    ax.set_ylabel("Willump, times scikit-learn")
    return figure


#: File name, what it shows, how it is drawn.
PLOTS: list[tuple[str, str, Callable[[Works], Figure | None]]] = [
    ("throughput", "Throughput of the largest batch", throughput),
    ("latency", "Latency of one row", latency),
    ("cascades", "Cascades: what differs against what is gained", cascades),
    ("queries", "Top-K: recall against what is gained", queries),
    ("rows", "Scaling with the rows of a call", scaling),
]


def draw(content: dict[str, Any], folder: Path) -> list[tuple[str, str]]:
    """Writes the plots into the folder; the names of the files, and what they show."""
    folder.mkdir(parents=True, exist_ok=True)
    works = figures.measured_works(content)
    drawn = [(f"{name}.svg", title, make(works)) for name, title, make in PLOTS if works]
    drawn.append(("vocabulary.svg", "Scaling with the vocabulary", vocabulary(content)))
    for file, _, figure in drawn:
        if figure is None:
            (folder / file).unlink(missing_ok=True)
        else:
            save(figure, folder / file)
    return [(file, title) for file, title, figure in drawn if figure is not None]
