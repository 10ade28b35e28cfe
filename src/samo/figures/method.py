"""How SAMO makes a step: one step on two losses of two weights, worked out and drawn in four panels.

Formulas: the SAMO paper's joint perturbation (samo.optim.perturbation), under LS, on the quadratics of the toys.
"""

from typing import Any

import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from numpy.typing import NDArray

from samo.analysis.toys.losses import TOYS, Toy
from samo.figures.palette import INK, MUTED, colour
from samo.figures.style import arrow, aside, grid
from samo.figures.toys import ground

RHO, ALPHA, MU, RATE = 0.7, 0.5, 0.35, 0.25
"""The radius, the weight of the mean gradient, the step of a probe and the learning rate; mu is far larger than the
paper's 0.01, so that it can be seen (on quadratics the probe's slope is exact whatever mu is)."""
NOISE = ((0.75, -0.75), (0.35, 1.0))  # each task's random direction z_i; any would do
HALF = 1.35  # half the width of the part of the plane that is drawn, around the weights
STYLES = ("-", "-", (0, (3, 1.5)))  # of the lines of both tasks, task 1 and task 2, told apart without colour
PANELS = (
    ("1  The mean gradient", "one backward pass:\ng₀, of the mean loss"),
    ("2  A probe of each task", "two forward passes per task\n(dots): ĝᵢ, a sign and noise"),
    ("3  Mixed, of length ρ", "εᵢ along α g₀ + (1 − α) ĝᵢ,\none for each task"),
    ("4  Gradients there", "gᵢ at θ + εᵢ, aggregated:\na step down from θ"),
)
LOOKS = {
    "mean gradient": (0.62, INK, "g₀"),
    "true gradient": (0.22, MUTED, "true g{}"),
    "local estimate": (0.62, INK, "ĝ{}"),
    "perturbation": (1.0, colour("samo"), "ε{}"),
    "gradient there": (0.12, INK, "g{}"),
    "step": (1.0, colour("samo"), "step"),
}
"""Kind of vector -> the share of its length that is drawn, its colour and its name."""
COLUMNS = ["panel", "what", "task", "x1", "x2", "dx1", "dx2"]


def step(toy: Toy = TOYS["quadratics"], theta: tuple[float, float] = (0.0, 0.0)) -> pd.DataFrame:
    """Every vector of one step, in the order in which it is worked out: from (x1, x2) by (dx1, dx2).

    Task 0 is of both tasks together. Columns: `COLUMNS`.
    """
    at = np.array(theta)
    gradients = [_gradient(toy, i, at) for i in range(2)]
    mean = np.mean(gradients, axis=0)
    arrows = [(1, "mean gradient", 0, *at, *mean)]
    sharp = []
    for i, z in enumerate(map(np.array, NOISE)):
        there, back = (float(toy.losses[i](torch.tensor(at + way * MU * z))) for way in (1, -1))
        local = (there - back) / (2 * MU) * z
        local = local * np.linalg.norm(mean) / np.linalg.norm(local)
        mix = ALPHA * mean + (1 - ALPHA) * local
        moved = RHO * mix / np.linalg.norm(mix)
        sharp.append(_gradient(toy, i, at + moved))
        arrows += [
            (2, "probe", i + 1, *(at - MU * z), *(2 * MU * z)),
            (2, "true gradient", i + 1, *at, *gradients[i]),
            (2, "local estimate", i + 1, *at, *local),
            (3, "perturbation", i + 1, *at, *moved),
            (4, "gradient there", i + 1, *(at + moved), *sharp[i]),
        ]
    arrows.append((4, "step", 0, *at, *(-RATE * np.sum(sharp, axis=0))))
    return pd.DataFrame(arrows, columns=COLUMNS).sort_values("panel", kind="stable", ignore_index=True).round(6)


def _gradient(toy: Toy, task: int, at: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(torch.func.grad(toy.losses[task])(torch.tensor(at)))


def draw(arrows: pd.DataFrame) -> Figure:
    """Four panels over lines of equal mean loss, in the order of a step; `arrows` is the frame of `step`."""
    figure, [panels] = grid(1, 4, 2.75, sharex=True, sharey=True)
    for number, (axes, (title, words)) in enumerate(zip(panels, PANELS, strict=True), 1):
        ground(axes, "quadratics", ((-HALF, HALF), (-HALF, HALF)))
        axes.set(xlim=(-HALF, HALF), ylim=(-HALF, HALF), xticks=[], yticks=[], title=title)
        axes.spines[:].set_visible(False)
        axes.set_xlabel(words, loc="left")
        for row in arrows[arrows["panel"] == number].to_dict("records"):
            _one(axes, row)
        if number >= 3:
            axes.add_patch(Circle((0, 0), RHO, fill=False, edgecolor=MUTED, linewidth=0.8))
        axes.plot(0, 0, "o", color=INK, markersize=5)
        aside(axes, "θ", (0, 0), (-3, 7))
    return figure


def _one(axes: Axes, row: dict[Any, Any]) -> None:
    """One vector, in the look of its kind."""
    start, by, style = np.array([row["x1"], row["x2"]]), np.array([row["dx1"], row["dx2"]]), STYLES[row["task"]]
    if row["what"] == "probe":
        across, up = zip(start, start + by, strict=True)
        axes.plot(across, up, "o", color=MUTED, markersize=3.5, linewidth=0.8, linestyle=style)
        return
    length, shade, name = LOOKS[row["what"]]
    if row["what"] == "gradient there":
        axes.plot(*start, "o", color=colour("samo"), markersize=4)
    tip, out = tuple(start + length * by), by / np.linalg.norm(by)
    arrow(axes, tuple(start), tip, shade, linewidth=1.6, linestyle=style)
    middle = {"ha": "center", "va": "center", "annotation_clip": False}
    aside(axes, name.format("₀₁₂"[row["task"]]), tip, (9 * out[0], 8 * out[1]), color=shade, fontsize=9, **middle)


def describe(arrows: pd.DataFrame) -> str:
    said = [
        f"{row['what']} of {f'task {task}' if (task := row['task']) else 'both'} ({row['dx1']:.2f}, {row['dx2']:.2f})"
        for row in arrows.to_dict("records")
    ]
    return "One step of SAMO on two losses of two weights, vector by vector: " + "; ".join(said)
