"""How much task gradients agree: cosines and lengths of the rows of J [K, P]."""

from collections.abc import Sequence

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


def by_block(J: Tensor, sizes: Sequence[int]) -> Tensor:
    """The mean cosine over pairs of rows within each block of columns, [len(sizes)].

    A pair counts where both rows are non-zero in the block: a layer that one task alone uses has no agreement, and is
    NaN. `sizes` are the blocks' widths, together P.
    """
    first, second = torch.triu_indices(len(J), len(J), offset=1)
    means = []
    for block in torch.split(J, list(sizes), dim=1):
        gramian = block @ block.T
        used = gramian.diagonal() > 0
        means.append(cosines(gramian)[first, second][used[first] & used[second]].mean())
    return torch.stack(means).clamp(-1, 1)


def magnitude_ratio(J: Tensor) -> float:
    """The length of J's shortest row over that of its longest, in [0, 1]; 1 where all are zero."""
    norms = torch.linalg.vector_norm(J, dim=1)
    return float(norms.min() / norms.max()) if norms.max() > 0 else 1.0
