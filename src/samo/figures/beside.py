"""Published Delta-m beside the reference run's and this run's: how far the studies lie apart, method by method."""

from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from samo.figures import forest
from samo.figures.palette import INK, MUTED, colour
from samo.figures.style import aside, grid, legend, usual
from samo.results.tables import text

COLUMNS = ["method", "aggregator", "sharpness", "source", "delta_m", "delta_m_low", "delta_m_high"]
"""A row a method and source; printed values have no interval."""
WHAT = "Δm against each study's own single-task training, % (left of the line: better than STL)"
RUNS = {"reference run": ("s", -0.2), "this run": ("o", 0.2)}
"""Mark of a run, and how far from the row's middle it stands."""


def draw(points: pd.DataFrame) -> Figure:
    """A row a method, grouped by aggregator: diamonds as printed, filled marks with 95 % intervals ours."""
    rows = forest.joint(points.assign(networks="shared")).drop_duplicates("method")
    at, groups = forest.places(rows)
    place = dict(zip(rows["method"], at, strict=True))
    figure, [[axes]] = grid(1, 1, 1.0 + 0.3 * (max(at, default=1) + 1))
    axes.axvline(0, color=INK, linewidth=1)
    axes.grid(visible=False, axis="y")
    ends = points.assign(
        delta_m_low=points["delta_m_low"].fillna(points["delta_m"]),
        delta_m_high=points["delta_m_high"].fillna(points["delta_m"]),
    )
    if (limits := usual(ends, "delta_m")) is not None:
        axes.set_xlim(*limits)
    for source, part in ends.groupby("source", sort=False):
        mark, shift = RUNS.get(str(source), ("D", 0.0))
        own = str(source) in RUNS
        for n, row in enumerate(part.to_dict("records")):
            y, shade = place[row["method"]] + shift, colour(row["sharpness"])
            fill: dict[str, Any] = {} if own else {"markerfacecolor": "none"}
            axes.plot([row["delta_m_low"], row["delta_m_high"]], [y, y], color=shade, linewidth=2, alpha=0.5)
            axes.plot(row["delta_m"], y, mark, color=shade, markersize=5.5, **fill)
            if limits and not limits[0] <= row["delta_m"] <= limits[1]:
                side = row["delta_m"] > limits[1]
                words = f"{text(row['delta_m'], 1)} {'→' if side else '←'}"
                aside(
                    axes, words, (limits[side], y), (-3 if side else 3, 0), ha="right" if side else "left", va="center"
                )
            if not n:
                axes.plot([], [], mark, color=MUTED, markersize=5.5, label=str(source), **fill)
    forest.label_rows(axes, rows, at, groups)
    axes.set_xlabel(WHAT)
    legend(figure, [[axes]], columns=2)
    return figure


def describe(points: pd.DataFrame) -> str:
    """Every point in words."""
    said = [
        f"{row['method']} {row['delta_m']:.2f} ({row['source']})"
        for row in points.dropna(subset=["delta_m"]).to_dict("records")
    ]
    return f"{WHAT}: " + "; ".join(said)
