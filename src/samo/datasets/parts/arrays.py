"""Splits whose examples lie in .npy files, mapped into memory."""

import itertools
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from samo.datasets.parts.prepared import mapped
from samo.optim.process_group import Group, share_of

Rows = NDArray[np.int64]


class RowSplit(ABC):
    """A `samo.training.problem.Split` whose batches are rows of arrays."""

    at_most: int | None = None
    """What a batch holds at most outside training, where any size may be asked for."""

    @abstractmethod
    def __len__(self) -> int:
        """The number of examples."""

    @abstractmethod
    def take(self, rows: Rows, device: torch.device) -> Any:
        """The batch of these examples."""

    def batches(
        self, size: int, device: torch.device, shuffle: torch.Generator | None = None, group: Group | None = None
    ) -> Iterator[Any]:
        n = len(self)
        if shuffle is None:
            size = min(size, self.at_most or size)
            for start in range(0, n, size):
                yield self.take(np.arange(start, min(n, start + size)), device)
            return
        order = torch.randperm(n, generator=shuffle).numpy()
        for start in range(0, n - n % size, size):
            yield self.take(share_of(order[start : start + size], group), device)


class ArraySplit(RowSplit):
    """`<split>_images.npy` [N, ...] and `<split>_labels.npy` [N, ...] of a folder; a batch is (input, labels [N, ...]).

    Args:
        folder, split: where they lie, and "train", "val" or "test".
        transform: a batch of images as stored -> the network's input, on the device.
        kind: what is in their place, where there are no images.
    """

    def __init__(self, folder: Path, split: str, transform: Callable[[Tensor], Tensor], kind: str = "images") -> None:
        self.images, self.labels = (mapped(folder / f"{split}_{name}.npy") for name in (kind, "labels"))
        if len(self.images) != len(self.labels):
            raise ValueError(f"{folder}: {split} has {len(self.images)} {kind} and {len(self.labels)} labels")
        self.transform = transform

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: Rows, device: torch.device) -> tuple[Tensor, Tensor]:
        images, labels = torch.from_numpy(self.images[rows]), torch.from_numpy(self.labels[rows].astype(np.int64))
        return self.transform(images.to(device)), labels.to(device)


DomainBatch = dict[int, tuple[Tensor, Tensor]]
"""Domain -> (inputs, labels [N])."""


class DomainSplit:
    """The same split of each domain, side by side; an epoch goes through the longest domain once.

    Args:
        parts: a domain each; none empty.
        at_most: pictures of each domain in a batch without shuffling: reading must not need more memory than a step.
    """

    def __init__(self, parts: Sequence[ArraySplit], at_most: int) -> None:
        self.parts = tuple(parts)
        self.at_most = at_most

    def __len__(self) -> int:
        return max(map(len, self.parts))

    def batches(
        self, size: int, device: torch.device, shuffle: torch.Generator | None = None, group: Group | None = None
    ) -> Iterator[DomainBatch]:
        """Batches of `size` examples of each domain.

        With a generator every batch holds all domains, and a domain that has run out starts again in a new order.
        Without one each picture comes once: a domain that has run out is not in the batches that follow.
        """
        if shuffle is None:
            serial = [part.batches(min(size, self.at_most), device) for part in self.parts]
            for batch in itertools.zip_longest(*serial):
                yield {k: own for k, own in enumerate(batch) if own is not None}
            return
        end = len(self) - len(self) % size
        orders = [_restarting(len(part), end, shuffle) for part in self.parts]
        for start in range(0, end, size):
            rows = [share_of(order[start : start + size], group) for order in orders]
            yield {k: part.take(own, device) for k, (part, own) in enumerate(zip(self.parts, rows, strict=True))}


def present(batch: DomainBatch) -> list[int]:
    """The domains that a batch holds pictures of."""
    return list(batch)


def _restarting(n: int, length: int, shuffle: torch.Generator) -> Rows:
    """Random orders of n examples, one after the other, cut to a length."""
    orders = [torch.randperm(n, generator=shuffle).numpy() for _ in range(-(-length // n))]
    return np.concatenate([*orders, np.empty(0, np.int64)])[:length]
