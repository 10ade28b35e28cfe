"""What compute buys: the gain of each sharpness, budget by budget, against passes or updates."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from samo.figures.palette import INK, colour, label, look
from samo.figures.style import (
    Limits,
    apart,
    at_edge,
    grid,
    headed,
    name_ends,
    plain_log,
    spoken_rows,
    ticks,
    until,
    usual,
)
from samo.results.tables import text

COMPUTE = "compute of the training, in LS steps by the count of passes"
UPDATES = "updates of the training"


def draw(pooled: pd.DataFrame, x: str = "cost") -> Figure:
    """Gain with its 95 % interval (a frame of samo.results.ladder.pooled) over `x`, cost or updates, logarithmic."""
    figure, [[axes]] = grid(1, 1, 3.9)
    zero = axes.axhline(0, color=INK, linewidth=1)
    parts = {str(name): part.sort_values(x) for name, part in apart(pooled, x).groupby("sharpness", sort=False)}
    for name, part in parts.items():
        axes.vlines(part[x], part["gain_low"], part["gain_high"], color=colour(name), linewidth=2.2, alpha=0.55)
        axes.plot(part[x], part["gain"], **look(name, markersize=7))
    axes.margins(x=0.05, y=0.08)
    limits = usual(pd.concat([part.iloc[[-1]] for part in parts.values()]), "gain")
    if limits is not None:  # a line that ends beyond is written out; of all others every interval is in sight
        near = pd.concat([part for part in parts.values() if limits[0] <= part["gain"].iloc[-1] <= limits[1]])
        limits = min(limits[0], near["gain_low"].min()), max(limits[1], near["gain_high"].max())
        axes.set_ylim(*limits)
    if x == "updates":
        ticks(axes, sorted(set(pooled[x])))
    elif pooled[x].gt(0).any():  # costs may not have been measured
        axes.set_xscale("log")
        plain_log(axes.xaxis)
    _names(axes, parts, x, limits)
    until(zero, max(part[x].max() for part in parts.values()))
    axes.set_xlabel(COMPUTE if x == "cost" else UPDATES)
    headed(axes, "gain over the aggregator alone, points of Δm (above the line: better)")
    return figure


def draw_updates(pooled: pd.DataFrame) -> Figure:
    """The same over updates: does a gain persist?"""
    return draw(pooled, "updates")


def _names(axes: Axes, parts: dict[str, pd.DataFrame], x: str, limits: Limits) -> None:
    """Every name to the right of all lines, or at the edge where its line ends beyond the scale."""
    ends = pd.DataFrame([part.iloc[-1].to_dict() | {"name": name} for name, part in parts.items()])
    if limits is not None:
        off = ends[(ends["gain"] < limits[0]) | (ends["gain"] > limits[1])]
        for row in off.to_dict("records"):
            words = f"{label(row['name'])} {text(row['gain'], 1)}"
            at_edge(axes, words, (row[x], row["gain"]), limits, color=colour(row["name"]))
        ends = ends.drop(off.index)
    name_ends(axes, ends[["name", x, "gain"]].itertuples(index=False, name=None))


def describe(pooled: pd.DataFrame) -> str:
    """Every point in words."""
    rows = pooled.assign(
        at=[f"at {u:,} updates ({c:,.0f} LS steps)" for u, c in zip(pooled["updates"], pooled["cost"], strict=True)]
    )
    said = spoken_rows(rows, "gain", "sharpness", "at")
    return "Gain over the aggregator alone in points of Δm, pooled over datasets and aggregators: " + "; ".join(said)
