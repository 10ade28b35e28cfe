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
Look = tuple[dict[str, Any], float]
RUNS: dict[str, Look] = {"reference run": ({"marker": "s"}, -0.2), "this run": ({"marker": "o"}, 0.2)}
PRINTED: Look = ({"marker": "D", "markerfacecolor": "none"}, 0.0)
"""How a source's points are marked, and how far from the row's middle they stand."""


def draw(points: pd.DataFrame) -> Figure:
    """A row per method, grouped by aggregator: diamonds as printed, filled marks with 95 % intervals ours."""
    rows = forest.joint(points)
    heads = rows.drop_duplicates("method")
    at = forest.places(heads)
    place = dict(zip(heads["method"], at, strict=True))
    looks = {source: RUNS.get(source, PRINTED) for source in dict.fromkeys(points["source"])}
    shared: dict[str, Any] = {"markersize": 5.5, "linestyle": ""}
    figure, [[axes]] = grid(1, 1, 1.0 + 0.3 * (max(at, default=1) + 1))
    shifted = [place[row["method"]] + looks[row["source"]][1] for row in rows.to_dict("records")]
    forest.intervals(axes, rows, shifted, "delta_m", mark=lambda row: shared | {"label": ""} | looks[row["source"]][0])
    for source, (mark, _) in looks.items():
        axes.plot([], [], color=MUTED, label=source, **shared | mark)
    forest.label_rows(axes, heads, at)
    axes.set_xlabel(WHAT)
    legend(figure, [[axes]], columns=2)
    return figure


def describe(points: pd.DataFrame) -> str:
    known = points.dropna(subset=["delta_m"]).to_dict("records")
    return f"{WHAT}: " + "; ".join(f"{row['method']} {row['delta_m']:.2f} ({row['source']})" for row in known)
