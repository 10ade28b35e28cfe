"""Series over training in small multiples: a column per aggregator, a line per sharpness."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from samo.figures.forest import columns, joint
from samo.figures.palette import INK, MUTED, colour, label, look
from samo.figures.style import at_edge, headed, named
from samo.results.tables import is_reference

FEW = 6  # up to so many places have intervals that stand side by side
APART = 60  # they are the whole length over this apart
CROWDED = 0.4  # a line that leaves the others less than this share of the scale does not count for it


class Row(NamedTuple):
    """One row of panels: which series of the frame, and what stands above it, units included."""

    task: str
    metric: str
    heading: str
    line: float | None = None  # a level worth a line of its own, such as zero
    limits: tuple[float, float] | None = None  # ends of the y axis where the quantity has its own, not the data's


def draw(table: pd.DataFrame, series: pd.DataFrame, rows: Sequence[Row]) -> Figure:
    """Mean and 95 % interval over seeds of each `Row`, one column per aggregator.

    `table` is a main table, `series` has method, update, task, metric, mean, low, high. STL is dashed.
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
            axes.set_xlabel("update" if place is panels[-1] else "")
        limits = row.limits or _limits(part)
        if limits:
            place[0].set_ylim(*limits)
            for axes, methods in zip(place, parts, strict=True):
                for method, name in zip(methods["method"], methods["sharpness"], strict=True):
                    _off(axes, part[part["method"] == method], limits, label(name), colour(name))
                _off(axes, alone, limits, label("stl"), MUTED)
        headed(place[0], row.heading)
    named(figure, panels)
    return figure


def _limits(part: pd.DataFrame) -> tuple[float, float] | None:
    """Ends of the scale: every mean well in sight, but for lines without which it would be much shorter."""
    spans = part.groupby("method")["mean"].agg(["min", "max"]).dropna()
    if spans.empty:
        return None
    while len(spans) > 2:
        rest = {method: _width(spans.drop(method)) for method in spans.index}
        least = min(rest, key=lambda method: rest[method])
        if rest[least] > CROWDED * _width(spans):
            break
        spans = spans.drop(least)
    low, high = spans["min"].min(), spans["max"].max()
    kept = part[part["method"].isin(spans.index)]
    reach = (high - low) / 2 or 0.1 * abs(high) or 1.0  # an interval that is far wider does not set the scale
    ends = max(low - reach, kept["low"].min()), min(high + reach, kept["high"].max())
    low, high = min(low, ends[0]), max(high, ends[1])
    margin = 0.06 * (high - low) or reach
    return low - margin, high + margin


def _width(spans: pd.DataFrame) -> float:
    return float(spans["max"].max() - spans["min"].min())


def _off(axes: Axes, line: pd.DataFrame, limits: tuple[float, float], name: str, shade: str) -> None:
    """Where a line ends beyond the scale, in words at the edge."""
    line = line[line["mean"].notna()].sort_values("update")
    if len(line) and not limits[0] <= (end := line["mean"].iloc[-1]) <= limits[1]:
        at_edge(axes, f"{name} {end:.3g}", (line["update"].median(), end), limits, color=shade)


def lines(axes: Axes, methods: pd.DataFrame, frame: pd.DataFrame, x: str, y: str, **more: Any) -> None:
    """A line for each of the methods (rows of `joint`), with intervals: side by side, or bands at many places."""
    own = frame[frame["method"].isin(methods["method"])]
    places = sorted(set(own[x]))
    few = len(places) <= FEW
    apart = (places[-1] - places[0]) / APART if places and few else 0.0
    for number, (method, sharpness) in enumerate(zip(methods["method"], methods["sharpness"], strict=True)):
        line = own[own["method"] == method].sort_values(x)
        if line.empty:
            continue
        shown = look(sharpness, markevery=max(1, len(line) // 8)) | more
        at = line[x]
        if {"low", "high"} <= set(line) and line["low"].notna().any():
            if few:
                at = at + (number - (len(methods) - 1) / 2) * apart
                axes.vlines(at, line["low"], line["high"], color=shown["color"], linewidth=1.8, alpha=0.45)
            else:
                axes.fill_between(at, line["low"], line["high"], color=shown["color"], alpha=0.10, linewidth=0)
        axes.plot(at, line[y], **shown)
    if few and len(places) > 1:
        axes.set_xticks(places)
    else:
        axes.xaxis.set_major_locator(MaxNLocator(nbins=6))
    axes.margins(x=0.05)


def describe(series: pd.DataFrame, what: str) -> str:
    if series.empty:
        return f"{what}: nothing was run."
    last = series[series["update"] == series.groupby("method")["update"].transform("max")]
    ends = last.groupby("method", sort=False)["mean"].mean()
    return f"{what}. Mean at the end: " + "; ".join(f"{name} {value:.3g}" for name, value in ends.items())
