"""Published Delta-m beside the reference run's and this run's: how far the studies lie apart, method by method."""

from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from samo.figures import forest
from samo.figures.palette import MUTED
from samo.figures.style import grid, legend

COLUMNS = ["method", "aggregator", "sharpness", "source", "delta_m", "delta_m_low", "delta_m_high"]
"""A row per method and source; printed values have no interval."""
WHAT = "Δm against each study's own single-task training, % (left of the line: better than STL)"
RUNS = {"reference run": ("s", -0.2), "this run": ("o", 0.2)}  # mark, and how far from the row's middle it stands


def draw(points: pd.DataFrame) -> Figure:
    """A row per method, grouped by aggregator: diamonds as printed, filled marks with 95 % intervals ours."""
    rows = forest.joint(points)
    heads = rows.drop_duplicates("method")
    at, groups = forest.places(heads)
    place = dict(zip(heads["method"], at, strict=True))
    figure, [[axes]] = grid(1, 1, 1.0 + 0.3 * (max(at, default=1) + 1))
    shifted = [place[row["method"]] + _look(row["source"])[1] for row in rows.to_dict("records")]
    forest.intervals(axes, rows, shifted, "delta_m", mark=lambda row: _look(row["source"])[0] | {"linestyle": ""})
    for source in dict.fromkeys(points["source"]):
        axes.plot([], [], color=MUTED, linestyle="", **_look(source)[0] | {"label": source})
    forest.label_rows(axes, heads, at, groups)
    axes.set_xlabel(WHAT)
    legend(figure, [[axes]], columns=2)
    return figure


def _look(source: str) -> tuple[dict[str, Any], float]:
    """How a source's points are marked, and how far from the row's middle they stand."""
    mark, shift = RUNS.get(source, ("D", 0.0))
    filled = {} if source in RUNS else {"markerfacecolor": "none"}
    return {"marker": mark, "markersize": 5.5, "label": "", **filled}, shift


def describe(points: pd.DataFrame) -> str:
    """Every point in words."""
    known = points.dropna(subset=["delta_m"]).to_dict("records")
    return f"{WHAT}: " + "; ".join(f"{row['method']} {row['delta_m']:.2f} ({row['source']})" for row in known)
