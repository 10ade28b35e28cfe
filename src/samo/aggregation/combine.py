"""J [K, P] -> one direction [P], and losses [K] -> the weight of each."""

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torchjd.aggregation import Aggregator, GramianWeightedAggregator, WeightedAggregator
from torchjd.scalarization import IMTLL, UW, Scalarizer


@torch.no_grad()
def combine(aggregator: Aggregator, J: Tensor) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """The aggregator's direction [P], J's Gramian [K, K] where it had to be computed, the tasks' weights [K] if any.

    The aggregator is called as a module, so that hooks on it and on its weighting fire.

    Raises:
        FloatingPointError: the aggregator's weights are not finite.
    """
    seen: dict[str, Tensor] = {}

    def gramian(_: nn.Module, args: tuple[Tensor]) -> tuple[Tensor] | None:
        seen["gramian"] = args[0]
        return None if args[0].any() else (torch.eye(len(J)).to(J),)  # the solvers divide by its norm

    def weights(_: nn.Module, args: Any, found: Tensor) -> None:
        seen["weights"] = found
        if not torch.isfinite(found).all():
            raise FloatingPointError(f"{aggregator} gave the task weights {found.tolist()}")

    with ExitStack() as hooks:
        if isinstance(aggregator, GramianWeightedAggregator):
            hooks.callback(aggregator.gramian_weighting.register_forward_pre_hook(gramian).remove)
            hooks.callback(aggregator.gramian_weighting.register_forward_hook(weights).remove)
        elif not J.any():
            return J.new_zeros(J.shape[1]), None, None
        elif isinstance(aggregator, WeightedAggregator):
            hooks.callback(aggregator.weighting.register_forward_hook(weights).remove)
        return aggregator(J), seen.get("gramian"), seen.get("weights")


def loss_weights(scalariser: Scalarizer, losses: Tensor, tasks: Sequence[int] | None = None) -> Tensor:
    """The scalarised loss's derivative by each loss, [K]; adds to `.grad` of the scalariser's learned weights.

    Args:
        scalariser: of K losses, or of more.
        losses: [K], in any unit.
        tasks: which of the scalariser's tasks they belong to; None for all.

    Raises:
        FloatingPointError: a weight is not finite (a logarithm of a loss that is not positive, say).
    """
    leaf = losses.detach().clone().requires_grad_()
    learned = {name: p for name, p in scalariser.named_parameters() if p.requires_grad}
    with torch.enable_grad():
        if tasks is not None and isinstance(scalariser, UW | IMTLL):
            scalarised = functional_call(scalariser, {name: p[list(tasks)] for name, p in learned.items()}, (leaf,))
        else:
            scalarised = scalariser(leaf)
        torch.autograd.backward(scalarised, inputs=[leaf, *learned.values()])
    weights = torch.zeros_like(losses) if leaf.grad is None else leaf.grad
    if not torch.isfinite(weights).all():
        raise FloatingPointError(f"{scalariser} gave the task weights {weights.tolist()} for {losses.tolist()}")
    return weights
