"""The gain of G-SAM, SAMO and the placebo against the radius rho, and against the learning rate."""

import pandas as pd
from matplotlib.figure import Figure

from samo.figures.palette import INK, colour, label, look
from samo.figures.style import apart, grid, named, spoken_rows, ticks, until

SHOWN = ("none", "gsam", "samo", "placebo")
AXES = {"rho": "ρ", "lr": "learning rate"}
OVER = {"rho": "the aggregator alone", "lr": "the aggregator alone at its searched learning rate"}


def draw(points: pd.DataFrame, x: str = "rho") -> Figure:
    """A panel per dataset: the gain with its 95 % interval against `x`, a line per sharpness and aggregator.

    `points` has the rows of samo.results.ladder.doses, or of rates for "lr", whose sharpness is one of `SHOWN`.
    """
    parts = points.groupby("dataset", sort=False)
    figure, [panels] = grid(1, len(parts), 3.0)
    zeros = [axes.axhline(0, color=INK, linewidth=1) for axes in panels]
    for axes, (dataset, part) in zip(panels, parts, strict=True):
        for (name, _), own in apart(part, x).sort_values(x).groupby(["sharpness", "aggregator"], sort=False):
            axes.vlines(own[x], own["gain_low"], own["gain_high"], color=colour(str(name)), linewidth=2, alpha=0.4)
            axes.plot(own[x], own["gain"], **look(str(name), linewidth=1.2, markersize=6))
        ticks(axes, sorted(set(part[x])))
        axes.set(title=label(str(dataset)).replace("+", "\n+ "), xlabel=AXES[x])
        axes.margins(x=0.12)
    named(figure, [list(panels)])
    for zero, (_, part) in zip(zeros, parts, strict=True):
        until(zero, apart(part, x)[x].max())
    figure.supylabel("gain, points of Δm", fontsize=9.5)
    return figure


def describe(points: pd.DataFrame, x: str = "rho") -> str:
    said = spoken_rows(points.assign(at=[f"{x} {value:g}" for value in points[x]]), "gain", "dataset", "method", "at")
    return f"Gain over {OVER[x]} in points of Δm against {x}: " + "; ".join(said)
