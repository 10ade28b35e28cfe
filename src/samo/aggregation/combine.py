"""J [K, P] -> one direction [P], and losses [K] -> the weight of each."""

import torch
from torch import Tensor
from torchjd.aggregation import Aggregator, GramianWeightedAggregator
from torchjd.scalarization import Scalarizer


def combine(aggregator: Aggregator, J: Tensor) -> tuple[Tensor, Tensor | None]:
    """The aggregator's direction, and J's Gramian [K, K] where it had to be computed for it.

    Raises:
        FloatingPointError: the aggregator's weights are not finite.
    """
    with torch.no_grad():
        if not isinstance(aggregator, GramianWeightedAggregator):
            return (aggregator(J) if J.count_nonzero() else J.new_zeros(J.shape[1])), None
        gramian = J @ J.T
        if not gramian.any():  # the solvers divide by its norm
            return J.new_zeros(J.shape[1]), gramian
        weights = aggregator.gramian_weighting(gramian)
        if not torch.isfinite(weights).all():
            raise FloatingPointError(f"{aggregator} gave the task weights {weights.tolist()}")
        return weights @ J, gramian


def loss_weights(scalariser: Scalarizer, losses: Tensor) -> Tensor:
    """The derivative of the scalarised loss in each loss, [K]; adds to `.grad` of the scalariser's learned weights.

    Raises:
        FloatingPointError: a weight is not finite (a logarithm of a loss that is not positive, say).
    """
    leaf = losses.detach().clone().requires_grad_()
    learned = [p for p in scalariser.parameters() if p.requires_grad]
    with torch.enable_grad():
        torch.autograd.backward(scalariser(leaf), inputs=[leaf, *learned])
    weights = torch.zeros_like(losses) if leaf.grad is None else leaf.grad
    if not torch.isfinite(weights).all():
        raise FloatingPointError(f"{scalariser} gave the task weights {weights.tolist()} for {losses.tolist()}")
    return weights
