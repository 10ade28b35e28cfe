"""Series over updates in small multiples: a column an aggregator, a line a sharpness."""

from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from samo.figures.forest import joint
from samo.figures.palette import INK, MUTED, colour, label, mark
from samo.figures.style import grid, headed, legend
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
    task, metric, mean, low, high. Panels of a row share their scale, so that aggregators can be compared;
    the plain method is the dark line and STL, where it has the series, the dashed one.
    """
    methods, single = joint(table), table.loc[is_reference(table), "method"]
    aggregators = list(dict.fromkeys(methods["aggregator"])) or [""]
    height = 2.1 if len(rows) > 1 else 2.7  # titles and legend take their share
    figure, panels = grid(len(rows), len(aggregators), height, sharex=True, sharey="row")
    for i, row in enumerate(rows):
        part = series[(series["task"] == row.task) & (series["metric"] == row.metric)]
        for j, aggregator in enumerate(aggregators):
            axes = panels[i][j]
            _reference(axes, part[part["method"].isin(single)], row)
            _panel(axes, part, methods[methods["aggregator"] == aggregator])
            if row.limits is not None:
                axes.set_ylim(row.limits)
            headed(axes, row.heading if j == 0 else "")
            if i == 0:
                axes.set_title(label(aggregator), pad=18)
            if i == len(rows) - 1:
                axes.set_xlabel("update")
    legend(figure, panels)
    return figure


def _reference(axes: Axes, single: pd.DataFrame, row: Row) -> None:
    if row.line is not None:
        axes.axhline(row.line, color=INK, linewidth=0.8)
    if len(single):
        line = single.sort_values("update")
        axes.plot(line["update"], line["mean"], "--", color=MUTED, linewidth=1.3, label=label("stl"))


def _panel(axes: Axes, part: pd.DataFrame, methods: pd.DataFrame) -> None:
    for method, sharpness in zip(methods["method"], methods["sharpness"], strict=True):
        line = part[part["method"] == method].sort_values("update")
        if line.empty:
            continue
        shade = colour(sharpness)
        if line["low"].notna().any():
            axes.fill_between(line["update"], line["low"], line["high"], color=shade, alpha=0.10, linewidth=0)
        axes.plot(
            line["update"], line["mean"], marker=mark(sharpness), color=shade, linewidth=1.6, markersize=4,
            markevery=max(1, len(line) // 8), label=label(sharpness),
        )  # fmt: skip
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    axes.margins(x=0.04)


def describe(series: pd.DataFrame, what: str) -> str:
    """Where every method stands at the end, in words."""
    if series.empty:
        return f"{what}: nothing was run."
    last = series[series["update"] == series.groupby("method")["update"].transform("max")]
    ends = last.groupby("method", sort=False)["mean"].mean()
    return f"{what}. Mean at the end: " + "; ".join(f"{name} {value:.3g}" for name, value in ends.items())
