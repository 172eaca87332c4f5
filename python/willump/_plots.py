"""Plots of a certificate, as SVG; none without matplotlib."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import Any

#: Inches of a plot.
SIZE = (5.0, 3.2)


def plots_of(certificate: Mapping[str, Any]) -> list[str]:
    """The trade-off and the reliability as SVG elements; fewer where the certificate
    lacks them, none where matplotlib is missing."""
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError:
        return []
    plots = []
    for draw, entry in ((_trade_off, "curve"), (_reliability, "reliability")):
        if certificate.get(entry):
            plots.append(_svg(draw, certificate))
    return plots


def _svg(draw: Callable[[Any, Mapping[str, Any]], None], certificate: Mapping[str, Any]) -> str:
    import matplotlib
    from matplotlib.figure import Figure

    # Without a salt or a date, equal certificates have equal plots.
    with matplotlib.rc_context({"svg.hashsalt": "willump"}):
        figure = Figure(figsize=SIZE, layout="constrained")
        draw(figure.subplots(), certificate)
        out = io.StringIO()
        figure.savefig(out, format="svg", metadata={"Date": None})
    return out.getvalue()[out.getvalue().index("<svg") :]


def _trade_off(axes: Any, certificate: Mapping[str, Any]) -> None:
    """The share that leaves, and the cost, against the bound of the risk."""
    curve = certificate["curve"]
    bounds = [100 * point["bound"] for point in curve]
    axes.plot(bounds, [100 * point["share_leaving"] for point in curve], "o-", ms=3)
    exact = certificate["exact_cost"]
    costs = [100 * point["cost"] / exact for point in curve] if exact > 0 else []
    if costs:
        axes.plot(bounds, costs, "s--", ms=3)
    axes.axhline(100 * certificate["share_leaving"], lw=0.6, color="gray")
    axes.axvline(100 * allowed(certificate), lw=0.6, color="gray")
    axes.set_xlabel("upper bound of the share of wrong rows, %")
    axes.set_ylabel("%")
    axes.legend(["rows that leave early", "cost of the exact pipeline's"][: 1 + bool(costs)])
    axes.set_title("trade-off (lines: the target, the choice)", fontsize="medium")


def _reliability(axes: Any, certificate: Mapping[str, Any]) -> None:
    """The share of right rows, from unsure to sure."""
    bins = list(reversed(certificate["reliability"]))
    right = [100 * (1 - b["n_wrong"] / b["n_rows"]) for b in bins]
    axes.bar(range(len(bins)), right)
    axes.set_xticks(range(len(bins)), [f"{float(b['low']):.2g}" for b in bins], fontsize="small")
    axes.set_xlabel("confidence of the first stage, from")
    axes.set_ylabel("rows that agree, %")
    axes.set_title("reliability of the first stage", fontsize="medium")


def allowed(certificate: Mapping[str, Any]) -> float:
    """The share of rows that may be wrong."""
    target = float(certificate["target"])
    return target if certificate["kind"] == "accuracy" else 1.0 - target
