"""A split of several domains, each with its own pictures: one batch holds a batch of every domain."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from samo.datasets.parts.arrays import ArraySplit
from samo.optim.process_group import Group, share_of

DomainBatch = dict[int, tuple[Tensor, Tensor]]
"""Domain -> (inputs, labels [N])."""


class DomainSplit:
    """The same split of each domain, side by side.

    Its length is that of the longest domain: an epoch goes through that one once.

    Args:
        parts: a domain each; none empty.
        at_most: without shuffling, a batch holds no more than so many pictures of each domain, whatever is asked
            for: with all domains in a batch, reading must not need more memory than a step of training.
    """

    def __init__(self, parts: Sequence[ArraySplit], at_most: int) -> None:
        self.parts = tuple(parts)
        self.at_most = at_most

    def __len__(self) -> int:
        return max(map(len, self.parts))

    def batches(
        self,
        size: int,
        device: torch.device,
        shuffle: torch.Generator | None = None,
        group: Group | None = None,
    ) -> Iterator[DomainBatch]:
        """Batches of `size` examples of each domain.

        With a generator every batch holds all domains, and a domain that has run out starts again in a new order.
        Without one each picture comes once: a domain that has run out is not in the batches that follow.
        """
        longest = len(self)
        if shuffle is None:
            size = min(size, self.at_most)
            for start in range(0, longest, size):
                here = [(k, part) for k, part in enumerate(self.parts) if start < len(part)]
                yield {k: _take(part, slice(start, start + size), device) for k, part in here}
            return
        end = longest - longest % size
        orders = [_restarting(len(part), end, shuffle) for part in self.parts]
        for start in range(0, end, size):
            pairs = enumerate(zip(self.parts, orders, strict=True))
            yield {k: _take(part, share_of(order[start : start + size], group), device) for k, (part, order) in pairs}


def present(batch: DomainBatch) -> list[int]:
    """The domains that a batch holds pictures of."""
    return list(batch)


def _restarting(n: int, length: int, shuffle: torch.Generator) -> NDArray[np.int64]:
    """Random orders of n examples, one after the other, cut to a length."""
    orders = [torch.randperm(n, generator=shuffle) for _ in range(-(-length // n))]
    order: NDArray[np.int64] = torch.cat([*orders, torch.empty(0, dtype=torch.int64)])[:length].numpy()
    return order


def _take(part: ArraySplit, chosen: slice | NDArray[np.int64], device: torch.device) -> tuple[Tensor, Tensor]:
    images = torch.from_numpy(np.array(part.images[chosen]))
    labels = torch.from_numpy(part.labels[chosen].astype(np.int64))
    return part.transform(images.to(device)), labels.to(device)
