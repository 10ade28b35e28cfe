"""A split whose examples lie in .npy files, mapped into memory."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from samo.datasets.parts.prepared import mapped
from samo.optim.process_group import Group, share_of


class ArraySplit:
    """Images and labels of one split, read as they are asked for.

    Args:
        folder: where `<split>_images.npy` [N, ...] and `<split>_labels.npy` [N, K] lie.
        split: "train", "val" or "test".
        transform: a batch of images as stored -> the network's input, on the device.
    """

    def __init__(self, folder: Path, split: str, transform: Callable[[Tensor], Tensor]) -> None:
        self.images: NDArray[np.uint8] = mapped(folder / f"{split}_images.npy")
        self.labels: NDArray[np.uint8] = mapped(folder / f"{split}_labels.npy")
        if len(self.images) != len(self.labels):
            raise ValueError(f"{folder}: {split} has {len(self.images)} images and {len(self.labels)} labels")
        self.transform = transform

    def __len__(self) -> int:
        return len(self.labels)

    def batches(
        self,
        size: int,
        device: torch.device,
        shuffle: torch.Generator | None = None,
        group: Group | None = None,
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Pairs (input, labels [N, K]); see `samo.training.problem.Split`."""
        n = len(self)
        order = None if shuffle is None else torch.randperm(n, generator=shuffle).numpy()
        end = n if order is None else n - n % size
        for start in range(0, end, size):
            chosen = slice(start, start + size) if order is None else share_of(order[start : start + size], group)
            images = torch.from_numpy(np.array(self.images[chosen]))
            labels = torch.from_numpy(self.labels[chosen].astype(np.int64))
            yield self.transform(images.to(device)), labels.to(device)
