"""The ranks of a group get equal shares of the batch that one process would get."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from torch import Tensor

from samo.datasets.parts import graphs
from samo.datasets.parts.arrays import ArraySplit
from samo.datasets.parts.dense.split import DenseSplit
from samo.datasets.parts.domains import DomainSplit
from samo.datasets.parts.graphs import GraphSplit
from samo.datasets.parts.molecules import Molecule
from samo.models.mpnn import Molecules
from samo.optim.process_group import Group
from samo.training.problem import Split

N, SIZE, RANKS = 14, 6, 2
CPU = torch.device("cpu")


class MadeGroup:
    """As much of a process group as a split asks for."""

    def __init__(self, rank: int, size: int) -> None:
        self._rank, self._size = rank, size

    def rank(self) -> int:
        return self._rank

    def size(self) -> int:
        return self._size


def group(rank: int, size: int = RANKS) -> Group:
    return cast("Group", MadeGroup(rank, size))


def arrays(folder: Path) -> Split:
    np.save(folder / "train_images.npy", np.arange(N * 4, dtype=np.uint8).reshape(N, 2, 2))
    np.save(folder / "train_labels.npy", np.arange(N, dtype=np.uint8)[:, None])
    return ArraySplit(folder, "train", lambda images: images.float())


def domains(folder: Path) -> Split:
    part = cast("ArraySplit", arrays(folder))
    return DomainSplit([part, part], at_most=4)


def dense(folder: Path) -> Split:
    draw = np.random.default_rng(0)
    np.save(folder / "train_image.npy", draw.integers(0, 255, (N, 3, 8, 12), dtype=np.uint8))
    np.save(folder / "train_label.npy", draw.integers(0, 5, (N, 8, 12), dtype=np.int8))
    np.save(folder / "train_depth.npy", draw.random((N, 1, 8, 12), dtype=np.float32))
    np.save(folder / "train_normal.npy", draw.random((N, 3, 8, 12)).astype(np.float16))
    return DenseSplit(folder, "train", augmented=True)


def molecules(folder: Path) -> Split:
    draw = np.random.default_rng(0)
    made = []
    for n in range(N):
        atoms = 2 + n % 2
        bonds = np.array([[0, 1, 0]], dtype=np.uint8)
        made.append(
            Molecule(
                features=draw.integers(0, 2, (atoms, 11), dtype=np.uint8),
                positions=draw.random((atoms, 3), dtype=np.float32),
                bonds=bonds,
            )
        )
    graphs.save(folder, "train", made, np.arange(N * 2.0).reshape(N, 2))
    return GraphSplit(folder, "train", np.zeros(2), np.ones(2))


def tensors(batch: Any) -> list[Tensor]:
    """What in a batch has its examples along the first axis."""
    if isinstance(batch, Tensor):
        return [batch]
    if isinstance(batch, Molecules):
        return [batch.atoms, batch.pairs, batch.real]
    if isinstance(batch, dict):
        return [t for part in batch.values() for t in tensors(part)]
    if isinstance(batch, tuple):
        return [t for part in batch for t in tensors(part)]
    return []


@pytest.mark.parametrize("make", [arrays, domains, dense, molecules])
def test_shares_make_up_the_batch_of_one_process(make: Callable[[Path], Split], tmp_path: Path) -> None:
    split = make(tmp_path)
    orders = [torch.Generator().manual_seed(3) for _ in range(RANKS + 1)]
    whole = list(split.batches(SIZE, CPU, orders[0]))
    shares = [list(split.batches(SIZE, CPU, orders[1 + rank], group(rank))) for rank in range(RANKS)]
    assert len(whole) == N // SIZE
    for step, batch in enumerate(whole):
        assert tensors(batch)
        for rank in range(RANKS):
            for mine, all_of_them in zip(tensors(shares[rank][step]), tensors(batch), strict=True):
                expected = all_of_them[rank::RANKS]
                # Molecules are padded to the widest of their batch: to less in a share, perhaps.
                assert torch.equal(mine, expected[tuple(slice(n) for n in mine.shape)])
    assert all(torch.equal(order.get_state(), orders[0].get_state()) for order in orders)


@pytest.mark.parametrize("make", [arrays, domains, dense, molecules])
def test_a_batch_without_equal_shares_is_refused(make: Callable[[Path], Split], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="a batch of 6 has no 4 equal shares"):
        next(iter(make(tmp_path).batches(SIZE, CPU, torch.Generator(), group(0, 4))))


def test_evaluation_is_not_shared(tmp_path: Path) -> None:
    batches = list(arrays(tmp_path).batches(SIZE, CPU, None, group(1)))
    assert sum(len(labels) for _, labels in batches) == N
