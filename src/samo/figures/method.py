"""How SAMO makes a step: one step on two losses of two weights, worked out and drawn in four panels.

Formulas: the SAMO paper's joint perturbation (samo.optim.perturbation), under LS, on the quadratics of the toys. All
vectors are worked out, none is drawn by hand.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from numpy.typing import NDArray

from samo.analysis.toys.losses import TOYS, Toy
from samo.figures.palette import GRID, INK, MUTED, colour
from samo.figures.style import grid
from samo.figures.toys import contours

Vector = NDArray[np.float64]

RHO, ALPHA, MU, RATE = 0.7, 0.5, 0.35, 0.25
"""The radius, the weight of the mean gradient, the step of a probe and the learning rate; mu is far larger than the
paper's 0.01, so that it can be seen (on quadratics the probe's slope is exact whatever mu is)."""
NOISE = ((0.75, -0.75), (0.35, 1.0))
"""Each task's random direction z_i; any would do."""
HALF = 1.35
"""Half the width of the part of the plane that is drawn, around the weights."""
SHRUNK = 0.62
"""Gradients are drawn so much shorter than they are."""
STYLES = ("-", (0, (3, 1.5)))
"""Of the lines of task 1 and of task 2: they are told apart without colour."""


UNSHRUNK = {"shrinkA": 0, "shrinkB": 0}


class Arrow(NamedTuple):
    """A vector of the step: from (x1, x2) by (dx1, dx2); task 0 is of both tasks together."""

    panel: int
    what: str
    task: int
    x1: float
    x2: float
    dx1: float
    dx2: float


def step(toy: Toy = TOYS["quadratics"], theta: tuple[float, float] = (0.0, 0.0)) -> pd.DataFrame:
    """Every vector of one step, in the order in which it is worked out; columns as in `Arrow`."""
    at = np.array(theta)
    gradients = [_gradient(toy, i, at) for i in range(2)]
    mean = np.mean(gradients, axis=0)
    arrows = [Arrow(1, "mean gradient", 0, *at, *mean)]
    moved: list[Vector] = []
    for i, z in enumerate(map(np.array, NOISE)):
        there, back = (_loss(toy, i, at + way * MU * z) for way in (1, -1))
        local = (there - back) / (2 * MU) * z
        local = local * np.linalg.norm(mean) / np.linalg.norm(local)
        mix = ALPHA * mean + (1 - ALPHA) * local
        moved.append(RHO * mix / np.linalg.norm(mix))
        arrows += [
            Arrow(2, "probe", i + 1, *(at - MU * z), *(2 * MU * z)),
            Arrow(2, "true gradient", i + 1, *at, *gradients[i]),
            Arrow(2, "local estimate", i + 1, *at, *local),
            Arrow(3, "perturbation", i + 1, *at, *moved[i]),
        ]
    sharp = [_gradient(toy, i, at + moved[i]) for i in range(2)]
    arrows += [Arrow(4, "gradient there", i + 1, *(at + moved[i]), *sharp[i]) for i in range(2)]
    arrows.append(Arrow(4, "step", 0, *at, *(-RATE * np.sum(sharp, axis=0))))
    return pd.DataFrame(arrows).sort_values("panel", kind="stable", ignore_index=True).round(6)


def _loss(toy: Toy, task: int, at: Vector) -> float:
    return float(toy.losses[task](torch.tensor(at)))


def _gradient(toy: Toy, task: int, at: Vector) -> Vector:
    x = torch.tensor(at, requires_grad=True)
    toy.losses[task](x).backward()  # type: ignore[no-untyped-call]
    assert x.grad is not None
    return np.asarray(x.grad.numpy())


def draw(arrows: pd.DataFrame) -> Figure:
    """Four panels over lines of equal mean loss, in the order of a step; `arrows` is the frame of `step`."""
    figure, [panels] = grid(1, 4, 2.75, sharex=True, sharey=True)
    titles = ("1  The mean gradient", "2  A probe of each task", "3  Mixed, of length ρ", "4  Gradients there")
    below = (
        "one backward pass:\ng₀, of the mean loss",
        "two forward passes a task\n(dots): ĝᵢ, a sign and noise",
        "εᵢ along α g₀ + (1 − α) ĝᵢ,\none for each task",
        "gᵢ at θ + εᵢ, aggregated:\na step down from θ",
    )
    lines = contours(TOYS["quadratics"], ((-HALF, HALF), (-HALF, HALF)))
    for number, (axes, title, words) in enumerate(zip(panels, titles, below, strict=True), 1):
        axes.add_collection(LineCollection(lines, colors=GRID, linewidths=0.7, zorder=0))
        axes.set(xlim=(-HALF, HALF), ylim=(-HALF, HALF), xticks=[], yticks=[], aspect="equal")
        axes.spines[:].set_visible(False)
        axes.set_title(title)
        axes.set_xlabel(words, loc="left")
        for row in arrows[arrows["panel"] == number].to_dict("records"):
            _one(axes, Arrow(**{str(key): value for key, value in row.items()}))
        if number >= 3:
            axes.add_patch(Circle((0, 0), RHO, fill=False, edgecolor=MUTED, linewidth=0.8))
        axes.plot(0, 0, "o", color=INK, markersize=5)
        axes.annotate("θ", (0, 0), xytext=(-3, 7), textcoords="offset points", color=INK)
    return figure


def _one(axes: Axes, arrow: Arrow) -> None:
    """One vector, in the look of its kind."""
    start, by = np.array([arrow.x1, arrow.x2]), np.array([arrow.dx1, arrow.dx2])
    style = STYLES[max(arrow.task - 1, 0)]
    if arrow.what == "probe":
        ends = np.stack([start, start + by])
        axes.plot(ends[:, 0], ends[:, 1], "o", color=MUTED, markersize=3.5)
        axes.plot(ends[:, 0], ends[:, 1], color=MUTED, linewidth=0.8, linestyle=style)
        return
    length, shade, name = SHRUNK, INK, ""
    if arrow.what == "true gradient":
        length, shade, name = 0.22, MUTED, f"true g{_sub(arrow.task)}"
    elif arrow.what == "mean gradient":
        name = "g₀"
    elif arrow.what == "local estimate":
        name = f"ĝ{_sub(arrow.task)}"
    elif arrow.what == "perturbation":
        length, shade, name = 1.0, colour("samo"), f"ε{_sub(arrow.task)}"
    elif arrow.what == "gradient there":
        length, name = 0.12, f"g{_sub(arrow.task)}"
    else:
        length, shade, name = 1.0, colour("samo"), "step"
    if arrow.what == "gradient there":
        axes.plot(*start, "o", color=colour("samo"), markersize=4)
    tip = start + length * by
    axes.annotate(
        "", xy=(tip[0], tip[1]), xytext=(start[0], start[1]),
        arrowprops={"arrowstyle": "-|>", "color": shade, "linewidth": 1.6, "linestyle": style} | UNSHRUNK,
        annotation_clip=False,
    )  # fmt: skip
    out = by / np.linalg.norm(by)
    axes.annotate(
        name, (tip[0], tip[1]), xytext=(9 * out[0], 8 * out[1]), textcoords="offset points", ha="center", va="center",
        color=shade, fontsize=9, annotation_clip=False,
    )  # fmt: skip


def _sub(task: int) -> str:
    return "₀₁₂"[task]


def describe(arrows: pd.DataFrame) -> str:
    """Every vector in words."""
    said = [
        f"{row['what']} of {f'task {task}' if (task := row['task']) else 'both'} ({row['dx1']:.2f}, {row['dx2']:.2f})"
        for row in arrows.to_dict("records")
    ]
    return "One step of SAMO on two losses of two weights, vector by vector: " + "; ".join(said)
