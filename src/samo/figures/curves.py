"""Series over training in small multiples: a column an aggregator, a line a sharpness."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from samo.figures.forest import columns, joint
from samo.figures.palette import INK, MUTED, label, look
from samo.figures.style import headed, legend
from samo.results.tables import is_reference


class Row(NamedTuple):
    """One row of panels: which series of the frame, and what stands above it, units included."""

    task: str
    metric: str
    heading: str
    line: float | None = None
    """A level worth a line of its own, such as zero."""
    limits: tuple[float, float] | None = None
    """Ends of the y axis where the quantity has its own; else those of the data."""


def draw(table: pd.DataFrame, series: pd.DataFrame, rows: Sequence[Row]) -> Figure:
    """Mean and 95 % band over seeds of each `Row`, one column an aggregator.

    `table` is a main table (which names each method's aggregator and sharpness), `series` has method, update,
    task, metric, mean, low, high. The plain method is the dark line and STL, where it has the series, the dashed one.
    """
    single = table.loc[is_reference(table), "method"]
    figure, panels, parts = columns(joint(table), len(rows), 2.1 if len(rows) > 1 else 2.7)
    for place, row in zip(panels, rows, strict=True):
        part = series[(series["task"] == row.task) & (series["metric"] == row.metric)]
        alone = part[part["method"].isin(single)].sort_values("update")
        for axes, methods in zip(place, parts, strict=True):
            if row.line is not None:
                axes.axhline(row.line, color=INK, linewidth=0.8)
            if len(alone):
                axes.plot(alone["update"], alone["mean"], "--", color=MUTED, linewidth=1.3, label=label("stl"))
            lines(axes, methods, part, "update", "mean")
            if row.limits is not None:
                axes.set_ylim(row.limits)
            axes.set_xlabel("update" if place is panels[-1] else "")
        headed(place[0], row.heading)
    legend(figure, panels)
    return figure


def lines(axes: Axes, methods: pd.DataFrame, frame: pd.DataFrame, x: str, y: str, **more: Any) -> None:
    """A line for each of the methods (rows of `joint`) over x, with a band where the frame has `low` and `high`."""
    for method, sharpness in zip(methods["method"], methods["sharpness"], strict=True):
        line = frame[frame["method"] == method].sort_values(x)
        if line.empty:
            continue
        shown = look(sharpness, markevery=max(1, len(line) // 8)) | more
        if {"low", "high"} <= set(line) and line["low"].notna().any():
            axes.fill_between(line[x], line["low"], line["high"], color=shown["color"], alpha=0.10, linewidth=0)
        axes.plot(line[x], line[y], **shown)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6))
    axes.margins(x=0.05)


def describe(series: pd.DataFrame, what: str) -> str:
    """Where every method stands at the end, in words."""
    if series.empty:
        return f"{what}: nothing was run."
    last = series[series["update"] == series.groupby("method")["update"].transform("max")]
    ends = last.groupby("method", sort=False)["mean"].mean()
    return f"{what}. Mean at the end: " + "; ".join(f"{name} {value:.3g}" for name, value in ends.items())
