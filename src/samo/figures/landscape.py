"""What lies around the solutions: losses on a line side by side, and on planes with the same contours."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from samo.figures.curves import lines
from samo.figures.forest import columns, joint
from samo.figures.palette import MUTED, colour, spoken
from samo.figures.style import grid, headed, named, plain_log

MOST_TASKS = 3  # with more tasks than this their mean is drawn alone
MEAN = "mean of the tasks"
STEEP = 10.0  # where the largest loss of a row is so many times its least, the scales are logarithmic
LEVELS = 8  # contours of a row: at the losses below which equal shares of its points lie


def shown(losses: pd.DataFrame) -> pd.DataFrame:
    """Method, task, x, y, loss: means over seeds, of each task or, where they are many, of all tasks together.

    `losses` has method, seed, task, x, y, loss.
    """
    if losses["task"].nunique() > MOST_TASKS:
        losses = losses.assign(task=MEAN)
    return losses.groupby(["method", "task", "x", "y"], sort=False)["loss"].mean().reset_index()


def draw_lines(table: pd.DataFrame, losses: pd.DataFrame) -> Figure:
    """A row of panels per task, a column per aggregator, a line per sharpness; `losses` are those of `shown`.

    `table` is a main table; the line is where y is 0.
    """
    line, methods = losses[losses["y"] == 0], joint(table)
    tasks = list(dict.fromkeys(losses["task"]))
    figure, panels, parts = columns(methods[methods["method"].isin(line["method"])], len(tasks), 2.0)
    for row, task in zip(panels, tasks, strict=True):
        for axes, part in zip(row, parts, strict=True):
            lines(axes, part, line[line["task"] == task], "x", "loss", marker="")
            axes.axvline(0, color=MUTED, linewidth=0.7)
            axes.set_xlabel("step, in filter norms" if row is panels[-1] else "")
        headed(row[0], f"{task}: training loss")
    rows = line.groupby("task")["loss"]
    if (rows.min() > 0).all() and (rows.max() > STEEP * rows.min()).any():
        for row in panels:
            row[0].set_yscale("log")
            plain_log(row[0].yaxis)
    named(figure, panels)
    return figure


def draw_planes(table: pd.DataFrame, losses: pd.DataFrame) -> Figure:
    """A row of panels per task, a column per method with a plane; contours of a row are at the same losses."""
    methods = joint(table)
    rows = methods[methods["method"].isin(losses.loc[losses["y"] != 0, "method"])].to_dict("records")
    tasks = list(dict.fromkeys(losses["task"]))
    figure, panels = grid(len(tasks), len(rows), min(2.6, 0.55 + 8.5 / len(rows)), sharex=True, sharey=True)
    for row, task in zip(panels, tasks, strict=True):
        planes = [_plane(losses[(losses["method"] == m["method"]) & (losses["task"] == task)]) for m in rows]
        values = np.concatenate([plane.to_numpy().ravel() for plane in planes])
        values = values[np.isfinite(values)]  # far out a loss may be infinite
        levels = sorted(set(np.quantile(values, (np.arange(LEVELS) + 0.5) / LEVELS).tolist()))
        for axes, method, plane in zip(row, rows, planes, strict=True):
            shade = colour(method["sharpness"])
            drawn = axes.contour(plane.columns, plane.index, plane, levels=levels, colors=shade, linewidths=1.1)
            axes.clabel(drawn, fontsize=6.5, fmt="%.3g")
            axes.plot(0, 0, "+", color=MUTED, markersize=7)
            axes.grid(visible=False)
            axes.set_aspect("equal")
            for axis in (axes.xaxis, axes.yaxis):
                axis.set_major_locator(MaxNLocator(3))
            if row is panels[0]:
                axes.set_title(spoken(method["aggregator"], method["sharpness"]), pad=18, fontsize=9)
        headed(row[0], task)
    return figure


def _plane(losses: pd.DataFrame) -> pd.DataFrame:
    """The losses as a grid, y down the rows: the line's own places, which have no others above them, left out."""
    across = losses.loc[losses["y"] != 0, "x"].unique()
    return losses[losses["x"].isin(across)].pivot_table(index="y", columns="x", values="loss")


def describe(losses: pd.DataFrame) -> str:
    """How far every method's mean loss rises along the line, in words."""
    line = losses[losses["y"] == 0].pivot_table(index="x", columns="method", values="loss", sort=False)
    span = line.index.max()
    parts = [f"{name} from {at[0.0]:.3g} to {at[[-span, span]].mean():.3g}" for name, at in line.items()]
    return f"Mean training loss from the solution to {span:g} filter norms away from it: " + "; ".join(parts)


def describe_planes(losses: pd.DataFrame) -> str:
    """What the planes span, in words."""
    planes = losses[losses["method"].isin(losses.loc[losses["y"] != 0, "method"])]
    ranges = planes.groupby("method", sort=False)["loss"].agg(["min", "max"])
    parts = [f"{name} {low:.3g} to {high:.3g}" for name, low, high in ranges.itertuples()]
    return "Training loss over a plane of two directions around the solution, least and largest: " + "; ".join(parts)
