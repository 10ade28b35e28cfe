"""Every task's loss on a line and on a plane through the weights, in the weights' own scale (Li et al. 2018)."""

from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor, nn

from samo.optim.perturbation import Vector, Weights, safe_ratio
from samo.training.evaluation import EVALUATION_BATCH
from samo.training.problem import Batch, Problem

Place = tuple[float, float]
"""Where on the plane: theta + x first + y second."""


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
    drawn = []
    for p in params:
        if p.ndim < 2:
            drawn.append(torch.zeros_like(p, requires_grad=False))
            continue
        d = torch.randn(p.shape, generator=generator, dtype=p.dtype).to(p.device)
        factors = safe_ratio(_filter_norms(p.detach()), _filter_norms(d))
        drawn.append(d * factors.view(-1, *[1] * (p.ndim - 1)))
    return drawn


def _filter_norms(w: Tensor) -> Tensor:
    norms: Tensor = torch.linalg.vector_norm(w.flatten(1), dim=1)
    return norms


def evaluate_at(
    params: Sequence[Tensor], first: Vector, second: Vector, places: Iterable[Place], losses: Callable[[], Tensor]
) -> Tensor:
    """The losses at theta + x first + y second for every place, [places, K]; the weights come back bit for bit.

    Args:
        losses: gives [K] at the weights as they are when it is called.
    """
    point, found = Weights(params), []
    for x, y in places:
        with point.moved([x * d + y * e for d, e in zip(first, second, strict=True)]):
            found.append(losses())
    return torch.stack(found)


@torch.no_grad()
def mean_losses(problem: Problem, network: nn.Module, batches: Sequence[Batch]) -> Tensor:
    """Every task's mean loss over these batches, [K], in the mode that the network is in; NaN where none holds it."""
    K = len(problem.tasks)
    total, seen = torch.zeros(K, dtype=torch.float64), torch.zeros(K, dtype=torch.float64)
    for batch in batches:
        held = range(K) if problem.present is None else problem.present(batch)
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
    seen = [0] * len(problem.tasks)
    for batch in problem.splits["train"].batches(min(examples, EVALUATION_BATCH), device):
        batches.append(batch)
        held = range(len(seen)) if problem.present is None else problem.present(batch)
        # One task's output tells the size where all tasks look at the same examples.
        asked = held[:1] if problem.present is None else held
        for i, output in zip(asked, problem.forward(network, batch, asked), strict=True):
            seen[i] += len(output)
        if min(seen[i] for i in asked) >= examples:
            break
    return batches
