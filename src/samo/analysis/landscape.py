"""What lies around a solution: each task's loss on a line and on a plane of random, filter-normalised directions."""

from collections.abc import Sequence
from typing import Annotated

import numpy as np
import pandas as pd
import torch
from pydantic import Field, field_validator
from torch import nn

from samo.analysis.parts.choice import Choice, known
from samo.analysis.parts.slices import Place, direction, evaluate_at, mean_losses
from samo.optim.sharpness import PRESETS
from samo.training.problem import Batch, Problem

DECIMALS = 6
"""Of a place, so that one on the line and on the plane is one and the same."""

Odd = Annotated[int, Field(ge=3, le=201)]


class Options(Choice):
    """Where, and on what.

    Attributes:
        sharpness, aggregators: whose lines are drawn.
        plane: presets among them that get a plane, too; it takes grid x grid evaluations a network.
        seeds: how many of the dataset's seeds, from the first on; each has its own networks and directions.
        examples: of the training split, the same for all.
        points: of the line; odd, so that the solution is one of them.
        grid: points of the plane along each direction; odd.
        span: how far to each side; at 1 every filter has moved by its own norm.
    """

    plane: list[str] = Field(default_factory=lambda: ["none", "samo"])
    seeds: Annotated[int, Field(ge=1)] = 1
    examples: Annotated[int, Field(ge=1)] = 32
    points: Odd = 13
    grid: Odd = 7
    span: Annotated[float, Field(gt=0)] = 0.5

    @field_validator("plane")
    @classmethod
    def _known_plane(cls, values: list[str]) -> list[str]:
        return known(values, PRESETS)

    @field_validator("points", "grid")
    @classmethod
    def _odd(cls, value: int) -> int:
        if value % 2 == 0:
            raise ValueError("must be odd, so that the solution is among the points")
        return value


def landscape(
    problem: Problem, network: nn.Module, batches: Sequence[Batch], options: Options, seed: int, *, plane: bool
) -> pd.DataFrame:
    """The losses around one network: columns task, x, y, loss; the line is y = 0.

    All weights move, trunk and heads, as the solution is all of them together. The mode is the caller's: in
    evaluation mode BatchNorm keeps the running statistics of the solution, as in Li et al. (2018).

    Args:
        batches: what the losses are means over.
        seed: of the two directions; networks of one shape get the same draw, each in its own scale.
        plane: whether the second direction is looked along, too.
    """
    params = [p for p in network.parameters() if p.requires_grad]
    generator = torch.Generator().manual_seed(seed)
    first, second = direction(params, generator), direction(params, generator)
    where = places(options, plane=plane)
    found = evaluate_at(params, first, second, where, lambda: mean_losses(problem, network, batches))
    rows = [
        (task, x, y, loss)
        for k, task in enumerate(problem.tasks)
        for (x, y), loss in zip(where, found[:, k].tolist(), strict=True)
    ]
    return pd.DataFrame(rows, columns=["task", "x", "y", "loss"])


def places(options: Options, *, plane: bool) -> list[Place]:
    """The line's places, then those of the plane that are not on it, each once."""
    along = _ticks(options.span, options.points)
    line = [(x, 0.0) for x in along]
    if not plane:
        return line
    ticks = _ticks(options.span, options.grid)
    return list(dict.fromkeys([*line, *((x, y) for y in ticks for x in ticks)]))


def _ticks(span: float, count: int) -> list[float]:
    # + 0 makes -0 a 0: both are one place, and would be written apart.
    return [round(value, DECIMALS) + 0.0 for value in np.linspace(-span, span, count).tolist()]
