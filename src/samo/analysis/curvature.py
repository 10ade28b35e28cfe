"""How curved the loss is at the trained weights: the Hessian over the trunk, and the rise within a radius.

The loss is that of a fixed set of training batches, drawn as in training (augmented where training is), the same for
every network. **BatchNorm is in evaluation mode**: it normalises by its running statistics, and dropout is off, so that
the loss is a function of the weights alone. SAMO's own script takes the Hessian in training mode over shuffled batches:
there batch statistics move with the weights, which takes out directions that only rescale a layer, and two products
with the same vector differ a little; values of the two are not to be compared. Kinks: see
`samo.analysis.parts.hessian`.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from functools import partial
from itertools import chain, islice
from typing import Annotated, NamedTuple

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from samo import datasets
from samo.analysis.parts.hessian import Hessian, Pieces, largest, trace
from samo.analysis.parts.method_filter import known
from samo.analysis.parts.rise import rise
from samo.training.problem import Batch, Problem
from samo.training.settings import Count, Settings

ALL = "all"
"""What stands for the average loss where a task's name would."""


class Measure(Settings):
    """How much is measured.

    Attributes:
        examples: training examples of a draw.
        batch: how many of them go through the network at a time; none given takes the batch of training, so that no
            pass needs much more memory than a training step. With a single batch a product costs a third less.
        seeds: how many of a condition's seeds, from the first on; all where there are fewer.
        draws: sets of examples on which the first seed is measured; the others on the first set alone.
        eigenvalues: how many of the average loss's, the largest.
        task_eigenvalues: the same of each task's own loss, for the first seed on the first set; 0 leaves tasks out.
        probes: random vectors for the trace of the average loss.
        tolerance: the relative residual at which Lanczos stops.
        rho: radius of the ball.
        steps: points tried in it; 0 leaves it out.
    """

    examples: Count = 64
    batch: Count | None = None
    seeds: Count = 100
    draws: Annotated[int, Field(ge=1, le=100)] = 2
    eigenvalues: Annotated[int, Field(ge=1, le=200)] = 5
    task_eigenvalues: Annotated[int, Field(ge=0, le=200)] = 1
    probes: Annotated[int, Field(ge=0, le=10_000)] = 4
    tolerance: Annotated[float, Field(gt=0, lt=1)] = 0.01
    rho: Annotated[float, Field(gt=0)] = 0.05
    steps: Annotated[int, Field(ge=0, le=10_000)] = 5


class Options(Measure):
    """The settings, and what differs on some datasets.

    Attributes:
        own: dataset -> the settings that differ there.
    """

    own: Annotated[dict[str, Measure], known(datasets.names())] = Field(default_factory=dict)

    def for_dataset(self, name: str) -> Measure:
        """What holds on this dataset."""
        there = self.own.get(name, Measure())
        return self.model_copy(update={key: getattr(there, key) for key in there.model_fields_set})


class Reading(NamedTuple):
    """One number.

    Attributes:
        task: whose loss; `ALL`: the average.
        draw: on which set of examples.
        measure: "lambda_max", "lambda_ratio5" (lambda_max / lambda_5), "trace", "eig_1" …, "sharpness_ball",
            "sharpness_first_order".
        value: NaN where it could not be computed, as the ratio where lambda_5 is 0 but for rounding.
        residual: of an eigenvalue, ||H v - lambda v|| / |lambda|; of the ratio, the sum of its two; of the trace,
            the standard error / |trace|; of sharpness none, NaN.
    """

    task: str
    draw: int
    measure: str
    value: float
    residual: float


def sets(problem: Problem, batch: int, settings: Measure, device: torch.device) -> list[list[Batch]]:
    """The training batches of every draw, on the device; draw d depends on d alone.

    A batch has `batch` examples where the settings do not say. A draw has fewer examples where there are fewer, but one
    batch at least.
    """
    split = problem.splits["train"]
    size = min(settings.batch or batch, settings.examples, len(split))
    return [
        list(islice(split.batches(size, device, torch.Generator().manual_seed(draw)), settings.examples // size))
        for draw in range(settings.draws)
    ]


def pieces(problem: Problem, network: nn.Module, batches: Sequence[Batch], tasks: Sequence[int]) -> Pieces:
    """The mean of these tasks' losses, each a mean over the batches that hold the task; a batch is a piece.

    Tasks that no batch holds are left out.
    """
    held = [[i for i in tasks if problem.present is None or i in problem.present(batch)] for batch in batches]
    times = Counter(chain.from_iterable(held))

    def piece(batch: Batch, here: Sequence[int]) -> Tensor:
        losses = problem.losses(network, batch, here)
        parts = [loss.reshape(()) / (times[i] * len(times)) for i, loss in zip(here, losses, strict=True)]
        return torch.stack(parts).sum()

    return [partial(piece, batch, here) for batch, here in zip(batches, held, strict=True) if here]


def curvature(
    problem: Problem, network: nn.Module, drawn: Sequence[Sequence[Batch]], settings: Measure, *, close: bool
) -> list[Reading]:
    """All that is measured on one network with a shared trunk, in the mode that it is in.

    What is random (Lanczos's first vector, the probes) depends on the draw alone: it is the same for all networks.

    Args:
        network: with the attribute `trunk`; its weights are moved in the ball and come back bit for bit.
        drawn: of `sets`.
        close: measure all draws and each task's own loss; else only the average loss on the first draw.
    """
    params = [p for p in network.get_submodule("trunk").parameters() if p.requires_grad]
    whole: tuple[str, Sequence[int], int] = (ALL, range(len(problem.tasks)), settings.eigenvalues)
    alone = [(task, [i], settings.task_eigenvalues) for i, task in enumerate(problem.tasks)]
    found = []
    # cuDNN's recurrent layers have no second derivative, nor a first one in evaluation mode; PyTorch's own have.
    recurrent = any(isinstance(module, nn.RNNBase) for module in network.modules())
    with torch.backends.cudnn.flags(enabled=False) if recurrent else nullcontext():
        for draw, batches in enumerate(drawn if close else drawn[:1]):
            generator, by_task = torch.Generator().manual_seed(draw), close and draw == 0 and settings.task_eigenvalues
            for task, tasks, eigenvalues in [whole, *alone] if by_task else [whole]:
                loss = pieces(problem, network, batches, tasks)
                # What else is measured has an error of its own (the trace), or needs no comparison over draws.
                more = draw == 0 and task == ALL
                readings = _measure(loss, params, settings, eigenvalues, generator, more)
                found += [Reading(task, draw, *reading) for reading in readings]
    return found


def _measure(
    loss: Pieces,
    params: Sequence[Tensor],
    settings: Measure,
    eigenvalues: int,
    generator: torch.Generator,
    more: bool,
) -> Iterator[tuple[str, float, float]]:
    """The largest eigenvalues of one loss's Hessian, and with `more` its trace and its rise in the ball."""
    hessian = Hessian(loss, params)
    eigen = largest(hessian, eigenvalues, generator, tolerance=settings.tolerance)
    pairs = list(zip(eigen.values.tolist(), eigen.residuals.tolist(), strict=True))
    yield "lambda_max", *pairs[0]
    if len(pairs) >= 5:
        (first, error), (fifth, other) = pairs[0], pairs[4]
        rounding = first * torch.finfo(params[0].dtype).eps  # all that is left of a Hessian of lower rank
        yield "lambda_ratio5", first / fifth if fifth > rounding else np.nan, error + other
    yield from ((f"eig_{i}", *pair) for i, pair in enumerate(pairs, 1))
    if more and settings.probes:
        try:
            value, error = trace(hessian, settings.probes, generator, eigen)
        except FloatingPointError:
            value, error = np.nan, np.nan
        yield "trace", value, error / abs(value) if value else np.nan
    del hessian  # its graph is of the weights as they were
    if more and settings.steps:
        ball, first_order = rise(loss, params, settings.rho, settings.steps, generator)
        yield "sharpness_ball", ball, np.nan
        yield "sharpness_first_order", first_order, np.nan
