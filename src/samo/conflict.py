"""How much task gradients agree: pairwise cosines over the trunk."""

import torch
from torch import Tensor


def cosines(jacobian: Tensor) -> Tensor:
    """The cosine of every pair of task gradients.

    Args:
        jacobian: task gradients [K, P].

    Returns:
        [K (K - 1) / 2], pairs in the order (0, 1), (0, 2), …; a pair with a zero gradient gives 0.
    """
    return pairs(jacobian @ jacobian.T)


def pairs(gramian: Tensor) -> Tensor:
    """The cosines that a Gramian [K, K] of task gradients holds; see `cosines`."""
    norms = gramian.diagonal().clamp_min(0).sqrt()
    scale = norms[:, None] * norms[None, :]
    cosine = torch.where(scale > 0, gramian / scale, torch.zeros_like(gramian))
    first, second = torch.triu_indices(len(gramian), len(gramian), offset=1)
    return cosine[first, second].clamp(-1, 1)
