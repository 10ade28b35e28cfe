"""How much task gradients agree: cosines between the rows of J [K, P]."""

import torch
from torch import Tensor


def cosines(gramian: Tensor) -> Tensor:
    """Pairwise cosines of J's rows from its Gramian, [K, K]; 0 for a row of zeros."""
    norms = gramian.diagonal().sqrt()
    scale = norms.outer(norms)
    return torch.where(scale > 0, gramian / torch.where(scale > 0, scale, 1), 0)


def pairs(J: Tensor) -> Tensor:
    """The cosine of every pair of J's rows, [K (K - 1) / 2], in the order (0, 1), (0, 2), …"""
    first, second = torch.triu_indices(len(J), len(J), offset=1)
    return cosines(J @ J.T)[first, second]
