"""Dose and response: the gain of G-SAM, SAMO and the placebo against the radius rho."""

import pandas as pd
from matplotlib.figure import Figure

from samo.figures.palette import INK, colour, label, look
from samo.figures.style import grid, named, spoken_rows, ticks

SHOWN = ("gsam", "samo", "placebo")


def draw(doses: pd.DataFrame) -> Figure:
    """A panel per dataset: the gain with its 95 % interval against rho, a line per aggregator.

    `doses` has the rows of samo.results.ladder.doses whose sharpness is one of `SHOWN`.
    """
    parts = doses.groupby("dataset", sort=False)
    figure, [panels] = grid(1, len(parts), 3.0)
    for axes, (dataset, part) in zip(panels, parts, strict=True):
        axes.axhline(0, color=INK, linewidth=1)
        for (name, _), own in part.sort_values("rho").groupby(["sharpness", "aggregator"], sort=False):
            axes.vlines(own["rho"], own["gain_low"], own["gain_high"], color=colour(str(name)), linewidth=2, alpha=0.4)
            axes.plot(own["rho"], own["gain"], **look(str(name), linewidth=1.2, markersize=6))
        ticks(axes, sorted(set(part["rho"])))
        axes.set(title=label(str(dataset)).replace("+", "\n+ "), xlabel="ρ")
        axes.margins(x=0.12)
    named(figure, [list(panels)])
    figure.supylabel("gain, points of Δm", fontsize=9.5)
    return figure


def describe(doses: pd.DataFrame) -> str:
    """Every point in words."""
    said = spoken_rows(doses.assign(at=[f"rho {rho:g}" for rho in doses["rho"]]), "gain", "dataset", "method", "at")
    return "Gain over the aggregator alone in points of Δm against rho: " + "; ".join(said)
