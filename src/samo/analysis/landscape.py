"""What lies around a solution: each task's loss on a line and a plane of random directions (Li et al. 2018)."""

from collections import Counter
from collections.abc import Sequence
from itertools import product
from typing import Annotated

import numpy as np
import pandas as pd
import torch
from pydantic import AfterValidator, Field
from torch import Tensor, nn

from samo.analysis.parts.method_filter import MethodFilter, Presets
from samo.optim.perturbation import Vector, Weights, safe_ratio
from samo.training.evaluation import EVALUATION_BATCH
from samo.training.problem import Batch, Problem
from samo.training.settings import Count

DECIMALS = 6
"""Of a place, so that one on the line and on the plane is one and the same."""


def _odd(value: int) -> int:
    if value % 2 == 0:
        raise ValueError("must be odd, so that the solution is among the points")
    return value


Odd = Annotated[int, Field(ge=3, le=201), AfterValidator(_odd)]


class Options(MethodFilter):
    """Where, and on what.

    Attributes:
        sharpness, aggregators: whose lines are drawn.
        plane: presets among them that get a plane, too; it takes grid x grid evaluations per network.
        seeds: how many of the dataset's seeds, from the first on; each has its own networks and directions.
        examples: of the training split, the same for all.
        points: of the line; odd, so that the solution is one of them.
        grid: points of the plane along each direction; odd.
        span: how far to each side; at 1 every filter has moved by its own norm.
    """

    plane: Presets = Field(default_factory=lambda: ["none", "samo"])
    seeds: Count = 1
    examples: Count = 32
    points: Odd = 13
    grid: Odd = 7
    span: Annotated[float, Field(gt=0)] = 0.5


def landscape(
    problem: Problem, network: nn.Module, batches: Sequence[Batch], options: Options, seed: int, *, plane: bool
) -> pd.DataFrame:
    """The losses at theta + x first + y second around one network: columns task, x, y, loss; the line is y = 0.

    All weights move, trunk and heads, as the solution is all of them together; they come back bit for bit. The mode is
    the caller's: in evaluation mode BatchNorm keeps the running statistics of the solution, as in Li et al. (2018).

    Args:
        batches: what the losses are means over.
        seed: of the two directions; networks of one shape get the same draw, each in its own scale.
        plane: whether to evaluate along the second direction, too.
    """
    params = [p for p in network.parameters() if p.requires_grad]
    generator = torch.Generator().manual_seed(seed)
    first, second = direction(params, generator), direction(params, generator)
    theta, where, losses = Weights(params), places(options, plane=plane), []
    for x, y in where:
        with theta.moved([x * d + y * e for d, e in zip(first, second, strict=True)]):
            losses.append(mean_losses(problem, network, batches))
    by_task = zip(problem.tasks, torch.stack(losses, dim=1).tolist(), strict=True)
    rows = [(task, *place, loss) for task, own in by_task for place, loss in zip(where, own, strict=True)]
    return pd.DataFrame(rows, columns=["task", "x", "y", "loss"])


def places(options: Options, *, plane: bool) -> list[tuple[float, float]]:
    """(x, y) on the line, then those of the plane that are not on it, each once."""

    def ticks(count: int) -> list[float]:
        # + 0 makes -0 a 0: both are one place, and would be written apart.
        return [round(value, DECIMALS) + 0.0 for value in np.linspace(-options.span, options.span, count).tolist()]

    grid = product(ticks(options.grid), repeat=2) if plane else ()
    return list(dict.fromkeys([*((x, 0.0) for x in ticks(options.points)), *((x, y) for y, x in grid)]))


def direction(params: Sequence[Tensor], generator: torch.Generator) -> Vector:
    """A random direction, filter-normalised: d_j <- ||theta_j|| d_j / ||d_j|| (Li et al. 2018, section 4).

    A filter j is what leads to one output: `w[j]` of a weight of two or more dimensions. A unit of length is then
    every filter's own norm, so that networks compare though one has larger weights and computes the same. Tensors of
    one dimension, biases and BatchNorm's scales and shifts, are not moved (the authors' code has that as an option,
    and uses it): a BatchNorm's scale has the same function as the size of the filter before it.

    Args:
        params: the weights, in their order; where they lie does not matter to the draw.
        generator: on the CPU; the same state gives networks of the same shape the same draw.
    """
    drawn = [torch.zeros_like(p, requires_grad=False) for p in params]
    for d, p in zip(drawn, params, strict=True):
        if p.ndim > 1:
            d.copy_(torch.randn(p.shape, generator=generator, dtype=p.dtype))
            norms, drawn_norms = (w.flatten(1).norm(dim=1) for w in (p.detach(), d))
            d.mul_(safe_ratio(norms, drawn_norms).view(-1, *[1] * (p.ndim - 1)))
    return drawn


@torch.no_grad()
def mean_losses(problem: Problem, network: nn.Module, batches: Sequence[Batch]) -> Tensor:
    """Every task's mean loss over these batches, [K], in the mode that the network is in; NaN where none holds it."""
    total, seen = torch.zeros(2, len(problem.tasks), dtype=torch.float64).unbind()
    for batch in batches:
        held = range(len(seen)) if problem.present is None else problem.present(batch)
        for i, output in zip(held, problem.forward(network, batch, held), strict=True):
            seen[i] += len(output)
            total[i] += len(output) * float(problem.loss(i, output, batch))
    return total / seen


@torch.no_grad()
def first_batches(problem: Problem, network: nn.Module, examples: int, device: torch.device) -> list[Batch]:
    """The first training examples, at least so many (of each task that comes with its own), or all there are.

    Unshuffled, so that nothing is augmented and every network is given the same. A dataset may serve less at a time
    than it is asked for; how many came is seen from the outputs.
    """
    batches: list[Batch] = []
    seen = Counter[int]()
    for batch in problem.splits["train"].batches(min(examples, EVALUATION_BATCH), device):
        batches.append(batch)
        # One task's output tells the size where all tasks look at the same examples.
        asked = [0] if problem.present is None else problem.present(batch)
        for i, output in zip(asked, problem.forward(network, batch, asked), strict=True):
            seen[i] += len(output)
        if min(seen[i] for i in asked) >= examples:
            break
    return batches
