"""A split of molecules as flat arrays, mapped into memory; no batch is made by a loop over molecules."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from samo.datasets.parts.molecules import BONDS, Molecule
from samo.datasets.parts.prepared import mapped
from samo.models.mpnn import Molecules
from samo.optim.process_group import Group, share_of


def save(folder: Path, split: str, molecules: Sequence[Molecule], targets: NDArray[np.float64]) -> None:
    """Write one split.

    `<split>_features.npy` [A, 11] uint8, `_positions.npy` [A, 3] float32 and `_bonds.npy` [M, 3] uint8 hold one
    molecule after the other; `_atoms_at.npy` and `_bonds_at.npy` [N + 1] where each begins; `_targets.npy` [N, K].
    """
    for name in ("features", "positions", "bonds"):
        np.save(folder / f"{split}_{name}.npy", np.concatenate([getattr(m, name) for m in molecules]))
    for name, lengths in (
        ("atoms_at", [len(m.features) for m in molecules]),
        ("bonds_at", [len(m.bonds) for m in molecules]),
    ):
        np.save(folder / f"{split}_{name}.npy", np.concatenate([[0], np.cumsum(lengths)]))
    np.save(folder / f"{split}_targets.npy", targets)


class GraphSplit:
    """Molecules and standardised targets of one split, read as they are asked for.

    Args:
        folder: where the arrays of `save` lie.
        split: "train", "val" or "test".
        mean, std: [K], of the training targets, in their units.
    """

    def __init__(self, folder: Path, split: str, mean: NDArray[np.float64], std: NDArray[np.float64]) -> None:
        def read(name: str) -> NDArray[Any]:
            return mapped(folder / f"{split}_{name}.npy")

        self.features: NDArray[np.uint8] = read("features")
        self.positions: NDArray[np.float32] = read("positions")
        self.bonds: NDArray[np.uint8] = read("bonds")
        self.atoms_at: NDArray[np.int64] = read("atoms_at")
        self.bonds_at: NDArray[np.int64] = read("bonds_at")
        self.targets = ((read("targets") - mean) / std).astype(np.float32)

    def __len__(self) -> int:
        return len(self.targets)

    def batches(
        self,
        size: int,
        device: torch.device,
        shuffle: torch.Generator | None = None,
        group: Group | None = None,
    ) -> Iterator[tuple[Molecules, Tensor]]:
        """Pairs (molecules, standardised targets [B, K]); see `samo.training.problem.Split`."""
        n = len(self)
        order = np.arange(n) if shuffle is None else torch.randperm(n, generator=shuffle).numpy()
        end = n if shuffle is None else n - n % size
        for start in range(0, end, size):
            chosen = order[start : start + size]
            if shuffle is not None:
                chosen = share_of(chosen, group)
            yield self._molecules(chosen, device), torch.from_numpy(self.targets[chosen]).to(device)

    def _molecules(self, chosen: NDArray[np.int64], device: torch.device) -> Molecules:
        atoms, owner, within = ragged(self.atoms_at, chosen)
        size, widest = len(chosen), int(within.max()) + 1
        place = torch.from_numpy(owner * widest + within).to(device)

        def padded(values: Tensor) -> Tensor:
            room = torch.zeros(size * widest, values.shape[1], device=device)
            return room.index_copy_(0, place, values.to(device, torch.float32)).view(size, widest, -1)

        positions = padded(torch.from_numpy(self.positions[atoms]))
        pairs = positions.new_zeros(size, widest, widest, len(BONDS) + 1)
        pairs[..., -1] = torch.linalg.vector_norm(positions.unsqueeze(2) - positions.unsqueeze(1), dim=3)
        rows, bonded, _ = ragged(self.bonds_at, chosen)
        first, second, kind = self.bonds[rows].T.astype(np.int64)
        for one, other in ((first, second), (second, first)):
            pairs[tuple(torch.from_numpy(index).to(device) for index in (bonded, one, other, kind))] = 1
        return Molecules(
            atoms=padded(torch.from_numpy(self.features[atoms])),
            pairs=pairs,
            real=padded(torch.ones(len(place), 1)).squeeze(2) > 0,
            place=place,
            molecule=torch.from_numpy(owner).to(device),
        )


def ragged(
    starts: NDArray[np.int64], chosen: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """The rows of the chosen pieces of a flat array.

    Args:
        starts: [N + 1], where each piece begins.
        chosen: [B], which pieces.

    Returns:
        For every row of theirs, one piece after the other: the row in the flat array, the place of its piece in
        `chosen`, and its own place in the piece.
    """
    lengths = starts[chosen + 1] - starts[chosen]
    owner = np.repeat(np.arange(len(chosen)), lengths)
    within = np.arange(len(owner)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    return starts[chosen][owner] + within, owner, within
