"""Every kind of split: what it serves to evaluate and to train on, alone and shared among the ranks of a group."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from samo.datasets.parts.arrays import ArraySplit, DomainSplit
from samo.datasets.parts.dense.split import DenseSplit, Views
from samo.datasets.parts.molecules import GraphSplit, Molecule, save
from samo.models.mpnn import Molecules
from tests.datasets import made_raw

N, SIZE, RANKS = 14, 6, 2
CPU = torch.device("cpu")


def group(rank: int, size: int = RANKS) -> Any:
    """As much of a process group as a split asks for."""
    return SimpleNamespace(rank=lambda: rank, size=lambda: size)


def arrays(folder: Path) -> ArraySplit:
    made_raw.save(
        folder,
        images=np.arange(N * 4, dtype=np.uint8).reshape(N, 2, 2),
        labels=np.arange(N, dtype=np.uint8)[:, None],
    )
    return ArraySplit(folder, "train", Tensor.float)


def domains(folder: Path) -> DomainSplit:
    return DomainSplit([arrays(folder)] * 2, at_most=4)


def dense(folder: Path) -> DenseSplit:
    draw = np.random.default_rng(0)
    made_raw.save(
        folder,
        image=draw.integers(0, 255, (N, 3, 8, 12), dtype=np.uint8),
        label=np.broadcast_to(np.arange(N, dtype=np.int8)[:, None, None], (N, 8, 12)),
        depth=draw.random((N, 1, 8, 12), dtype=np.float32),
        normal=draw.random((N, 3, 8, 12)).astype(np.float16),
    )
    return DenseSplit(folder, "train", augmented=True)


def molecules(folder: Path) -> GraphSplit:
    draw = np.random.default_rng(0)
    made = [
        Molecule(
            features=draw.integers(0, 2, (2 + n % 2, 11), dtype=np.uint8),
            positions=draw.random((2 + n % 2, 3), dtype=np.float32),
            bonds=np.array([[0, 1, 0]], dtype=np.uint8),
        )
        for n in range(N)
    ]
    save(folder, "train", made, np.arange(N * 1.0)[:, None])
    return GraphSplit(folder, "train", np.zeros(1), np.ones(1))


def tensors(batch: Any) -> list[Tensor]:
    """What in a batch has its examples along the first axis."""
    if isinstance(batch, Tensor):
        return [batch]
    if isinstance(batch, Molecules):
        return [batch.atoms, batch.pairs, batch.real]
    return [t for part in (batch.values() if isinstance(batch, dict) else batch) for t in tensors(part)]


def numbers(batch: Any) -> list[int]:
    """Which examples are in a batch, by their labels."""
    label = batch.label[:, 0, 0] if isinstance(batch, Views) else tensors(batch)[-1][:, 0]
    return [int(n) for n in label]


kinds = pytest.mark.parametrize("make", [arrays, domains, dense, molecules])


@kinds
def test_to_evaluate_every_example_comes_once_and_in_order_and_is_not_shared(make, tmp_path):
    batches = list(make(tmp_path).batches(SIZE, CPU, None, group(1)))
    assert [n for batch in batches for n in numbers(batch)] == list(range(N))
    assert max(len(numbers(batch)) for batch in batches) <= SIZE


@kinds
def test_training_batches_are_whole_and_drawn_from_their_generator_alone(make, tmp_path):
    split, before = make(tmp_path), torch.get_rng_state()
    first, again, other = (list(split.batches(SIZE, CPU, torch.Generator().manual_seed(seed))) for seed in (3, 3, 4))
    orders = [[numbers(batch) for batch in run] for run in (first, again, other)]
    assert [len(part) for part in orders[0]] == [SIZE] * (N // SIZE)
    assert len({n for part in orders[0] for n in part}) == SIZE * (N // SIZE)
    assert orders[0] == orders[1] != orders[2]
    for one, same in zip(first, again, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(tensors(one), tensors(same), strict=True))
    assert torch.equal(torch.get_rng_state(), before)


@kinds
def test_shares_make_up_the_batch_of_one_process(make, tmp_path):
    split = make(tmp_path)
    orders = [torch.Generator().manual_seed(3) for _ in range(RANKS + 1)]
    whole = list(split.batches(SIZE, CPU, orders[0]))
    shares = [list(split.batches(SIZE, CPU, orders[1 + rank], group(rank))) for rank in range(RANKS)]
    for step, batch in enumerate(whole):
        for rank in range(RANKS):
            for mine, all_of_them in zip(tensors(shares[rank][step]), tensors(batch), strict=True):
                expected = all_of_them[rank::RANKS]
                # Molecules are padded to the widest of their batch: to less in a share, perhaps.
                assert torch.equal(mine, expected[tuple(slice(n) for n in mine.shape)])
    assert all(torch.equal(order.get_state(), orders[0].get_state()) for order in orders)
    with pytest.raises(ValueError, match="a batch of 6 has no 4 equal shares"):
        next(iter(split.batches(SIZE, CPU, torch.Generator(), group(0, 4))))
