"""The toys: where every aggregator x sharpness goes, over the plane of the weights and over that of the losses."""

from collections.abc import Iterator, Mapping
from functools import cache

import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from numpy.typing import NDArray

from samo.analysis.toys.losses import TOYS
from samo.figures.palette import GRID, INK, MUTED, label, look
from samo.figures.style import grid, headed, legend
from samo.results.tables import text

Window = tuple[tuple[float, float], tuple[float, float]]  # (lowest, highest) of the horizontal axis, of the vertical

WEIGHTS: dict[str, Window] = {"quadratics": ((-0.5, 1.3), (-0.7, 1.1)), "valleys": ((-10.5, 10.5), (-10.5, 10.5))}
OUTCOMES: dict[str, Window] = {"quadratics": ((1.8, 5.2), (2.0, 5.4)), "valleys": ((-2.3, 1.2), (-22.0, 12.0))}
"""The parts of both planes that are drawn."""


def draw_paths(paths: pd.DataFrame, front: pd.DataFrame) -> Figure:
    """A row per toy, a column per aggregator: trajectories over contours of the average loss, with the Pareto front.

    `paths` and `front` are the frames of samo.analysis.toys. A ring marks a start, a filled mark an end. In the SVG a
    trajectory has the id "walk-<number>-of-<points of a whole one>", so that a page can move along it.
    """
    words = "weight x2 over weight x1; thin lines join points of equal average loss"
    figure, panels = _panels(paths, front, ("x1", "x2"), WEIGHTS, words)
    for row, name in zip(panels, dict.fromkeys(paths["toy"]), strict=True):
        for axes in row:
            ground(axes, name, WEIGHTS[name])
    return figure


def draw_outcomes(paths: pd.DataFrame, front: pd.DataFrame) -> Figure:
    """The same over the plane of the two losses: below and left is better, the front is the best attainable."""
    words = "loss 2 over loss 1, neither with a unit; below and left is better"
    return _panels(paths, front, ("loss1", "loss2"), OUTCOMES, words)[0]


def draw_line(paths: pd.DataFrame) -> Figure:
    """The quadratics under LS: the trajectories, and how far each point is off the straight line to the minimiser."""
    figure, [[plane, off]] = grid(1, 2, 2.9)
    plane.plot([0, 2 / 3], [0, 1 / 3], color=MUTED, linewidth=7, alpha=0.35, label="straight line to (2/3, 1/3)")
    for sharpness, part in _under_ls(paths):
        shown = look(sharpness, linewidth=1.2, markevery=2)
        plane.plot(part["x1"], part["x2"], **shown)
        off.plot(part["step"], part["away"], **shown)
    plane.set_title("LS and LS + G-SAM keep to one straight line", pad=18)
    plane.set_xlabel("weight x1")
    headed(plane, "weight x2")
    off.set_title("Perturbations of each task's own leave it", pad=18)
    off.set_xlabel("step")
    headed(off, "distance from the straight line, in the unit of the weights")
    legend(figure, [[plane, off]])
    return figure


def describe(ends: pd.DataFrame) -> str:
    words = [
        f"{row['aggregator']} {row['sharpness']} from start {row['start']} of the {row['toy']}: "
        f"{row['distance_to_front']:.2g} from the front"
        for row in ends.dropna().to_dict("records")
    ]
    return "Walks over two toys, each with two losses of two weights. They end: " + "; ".join(words)


def describe_line(paths: pd.DataFrame) -> str:
    """How far each trajectory under LS strays from the line, in words."""
    far = [f"{sharpness} {text(round(part['away'].max(), 5))}" for sharpness, part in _under_ls(paths)]
    return "Largest distance from the straight line to the quadratics' minimiser under LS: " + "; ".join(far)


def ground(axes: Axes, toy: str, window: Window) -> None:
    """Lines of equal average loss under what else is drawn, on a plane with one scale for both weights."""
    axes.add_collection(LineCollection(contours(toy, window), colors=GRID, linewidths=0.7, zorder=0))
    axes.set_aspect("equal")
    axes.grid(visible=False)


@cache
def contours(toy: str, window: Window, levels: int = 10, points: int = 49) -> list[NDArray[np.float64]]:
    """Lines of equal average loss, each [n, 2]; between two levels lies an equal share of the window."""
    x1, x2 = (torch.linspace(low, high, points, dtype=torch.float64) for low, high in window)
    height = TOYS[toy].mean(torch.stack(torch.meshgrid(x1, x2, indexing="xy"), dim=-1))
    at = torch.quantile(height, torch.linspace(0.02, 0.98, levels, dtype=torch.float64))
    # A figure of its own finds the lines, and is never drawn.
    found = Figure().subplots().contour(x1.numpy(), x2.numpy(), height.numpy(), levels=at.tolist())
    return [np.asarray(line) for lines in found.allsegs for line in lines if len(line) > 1]


def _under_ls(paths: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """The quadratics under LS by sharpness, with `away`, the distance from the line through 0 and (2, 1)."""
    trajectories = paths[(paths["toy"] == "quadratics") & (paths["aggregator"] == "ls")]
    for sharpness, part in trajectories.groupby("sharpness", sort=False):
        yield str(sharpness), part.assign(away=(part["x1"] - 2 * part["x2"]).abs() / 5**0.5)


def _panels(
    paths: pd.DataFrame, front: pd.DataFrame, across: tuple[str, str], windows: Mapping[str, Window], words: str
) -> tuple[Figure, list[list[Axes]]]:
    """The trajectories of each toy (row) and aggregator (column) over the columns `across`, with the front."""
    x, y = across
    toys, aggregators = paths["toy"].unique(), paths["aggregator"].unique()
    figure, panels = grid(len(toys), len(aggregators), 2.7, sharex="row", sharey="row")
    figure.set_layout_engine("constrained", h_pad=0.13)  # room for the headings, which the layout does not see
    number = 0
    for toy, row in zip(toys, panels, strict=True):
        best, own, (wide, high) = front[front["toy"] == toy], paths[paths["toy"] == toy], windows[toy]
        steps = own["step"].nunique()
        headed(row[0], f"{label(toy)}: {words}")
        row[0].texts[-1].set_in_layout(False)  # longer than its panel, which must not grow with it
        row[0].set(xlim=wide, ylim=high)
        for aggregator, axes in zip(aggregators, row, strict=True):
            axes.plot(best[x], best[y], color=MUTED, linewidth=6, alpha=0.4, label="Pareto front")
            part = own[own["aggregator"] == aggregator].dropna()
            for (_, sharpness), one in part.groupby(["start", "sharpness"], sort=False):
                walk = {"gid": f"walk-{number}-of-{steps}", "linewidth": 1.1, "markersize": 5, "markevery": [-1]}
                axes.plot(one[x].clip(*_wider(wide)), one[y].clip(*_wider(high)), **look(str(sharpness), **walk))
                axes.plot(one[x].iloc[:1], one[y].iloc[:1], "o", color=INK, markersize=6, fillstyle="none", zorder=3)
                number += 1
            if row is panels[0]:
                axes.set_title(label(aggregator), pad=18)
    legend(figure, panels)
    return figure, panels


def _wider(ends: tuple[float, float]) -> tuple[float, float]:
    """A little beyond the window: no point is lost there, and none is seen."""
    margin = 0.01 * (ends[1] - ends[0])
    return ends[0] - margin, ends[1] + margin
