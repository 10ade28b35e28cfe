"""Molecules from their SMILES and coordinates, and a split of them: no batch is made by a loop over molecules."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from rdkit import Chem, rdBase
from rdkit.Chem.rdchem import BondType, HybridizationType
from torch import Tensor
from torch_geometric.utils import to_dense_batch

from samo.datasets.parts.arrays import Rows, RowSplit
from samo.datasets.parts.prepared import mapped
from samo.models.mpnn import Molecules

ELEMENTS = ("H", "C", "N", "O", "F")
FEATURES = (*ELEMENTS, "atomic number", "aromatic", "sp", "sp2", "sp3", "hydrogens")
BONDS = ("single", "double", "triple", "aromatic")

_NUMBERS = (1, 6, 7, 8, 9)
_HYBRIDS = (HybridizationType.SP, HybridizationType.SP2, HybridizationType.SP3)
_KINDS = {BondType.SINGLE: 0, BondType.DOUBLE: 1, BondType.TRIPLE: 2, BondType.AROMATIC: 3}


class UnreadableError(ValueError):
    """A molecule that cannot be used; the message is the reason, the same for all of a kind."""


class Molecule(NamedTuple):
    """One molecule; features are those of Gilmer et al. (2017)."""

    features: NDArray[np.uint8]  # [n, 11], see `FEATURES`
    positions: NDArray[np.float32]  # [n, 3] in ångström
    bonds: NDArray[np.uint8]  # [m, 3]: two atoms and the place of the bond's kind in `BONDS`


def read(smiles: str, elements: list[str], positions: NDArray[np.float32]) -> Molecule:
    """A molecule, its n atoms in the order of their symbols `elements` and `positions` [n, 3] in ångström.

    Bonds between heavy atoms, aromaticity and hybridisation are RDKit's of the SMILES, which has no explicit hydrogen
    and whose heavy atoms come in that order; each hydrogen is bound to the heavy atom that is nearest.

    Raises:
        UnreadableError: RDKit cannot read the SMILES, or SMILES and coordinates do not name the same atoms.
    """
    with rdBase.BlockLogs():
        graph = Chem.MolFromSmiles(smiles)
    if graph is None:
        raise UnreadableError("RDKit cannot read the SMILES")
    symbols = np.array(elements)
    heavy, light = np.flatnonzero(symbols != "H"), np.flatnonzero(symbols == "H")
    atoms = list(graph.GetAtoms())
    if [atom.GetSymbol() for atom in atoms] != symbols[heavy].tolist() or not set(elements) <= set(ELEMENTS):
        raise UnreadableError("SMILES and coordinates list different heavy atoms")
    distances = np.linalg.norm(positions[light, None] - positions[None, heavy], axis=2)
    holders = heavy[distances.argmin(1)]
    hydrogens = np.bincount(holders, minlength=len(symbols))
    if hydrogens[heavy].tolist() != [atom.GetTotalNumHs() for atom in atoms]:
        raise UnreadableError("SMILES and coordinates place hydrogen at different atoms")

    kinds = [ELEMENTS.index(symbol) for symbol in elements]
    features = np.zeros((len(symbols), len(FEATURES)), np.uint8)
    features[np.arange(len(symbols)), kinds] = 1
    features[:, 5] = np.array(_NUMBERS)[kinds]
    features[heavy, 6] = [atom.GetIsAromatic() for atom in atoms]
    features[heavy, 7:10] = [[atom.GetHybridization() == hybrid for hybrid in _HYBRIDS] for atom in atoms]
    features[:, 10] = hydrogens
    bonds = [
        *((heavy[b.GetBeginAtomIdx()], heavy[b.GetEndAtomIdx()], _KINDS[b.GetBondType()]) for b in graph.GetBonds()),
        *((holder, atom, 0) for holder, atom in zip(holders, light, strict=True)),
    ]
    return Molecule(features, positions, np.array(bonds, np.uint8).reshape(-1, 3))


def save(folder: Path, split: str, molecules: Sequence[Molecule], targets: NDArray[np.float64]) -> None:
    """Write `<split>_features.npy` [A, 11], `_positions.npy` [A, 3], `_bonds.npy` [M, 3], one molecule after the other.

    `_atoms_at.npy` and `_bonds_at.npy` [N + 1] hold where each begins; `_targets.npy` is [N, K].
    """
    for name in ("features", "positions", "bonds"):
        np.save(folder / f"{split}_{name}.npy", np.concatenate([getattr(m, name) for m in molecules]))
    for name, of in (("atoms_at", "features"), ("bonds_at", "bonds")):
        lengths = [len(getattr(m, of)) for m in molecules]
        np.save(folder / f"{split}_{name}.npy", np.concatenate([[0], np.cumsum(lengths)]))
    np.save(folder / f"{split}_targets.npy", targets)


class GraphSplit(RowSplit):
    """Molecules of one split from the arrays of `save`; a batch is (molecules, standardised targets [B, K]).

    `mean` and `std` [K] are those of the training targets, in their units.
    """

    def __init__(self, folder: Path, split: str, mean: NDArray[np.float64], std: NDArray[np.float64]) -> None:
        names = ("features", "positions", "bonds", "atoms_at", "bonds_at", "targets")
        arrays = [mapped(folder / f"{split}_{name}.npy") for name in names]
        self.features, self.positions, self.bonds, self.atoms_at, self.bonds_at, targets = arrays
        self.targets = ((targets - mean) / std).astype(np.float32)

    def __len__(self) -> int:
        return len(self.targets)

    def take(self, rows: Rows, device: torch.device) -> tuple[Molecules, Tensor]:
        atoms, owner = ragged(self.atoms_at, rows)
        molecule = torch.from_numpy(owner).to(device)

        def padded(values: NDArray[Any]) -> tuple[Tensor, Tensor]:
            found: tuple[Tensor, Tensor] = to_dense_batch(
                torch.from_numpy(values[atoms]).to(device, torch.float32), molecule, batch_size=len(rows)
            )
            return found

        (features, real), (positions, _) = padded(self.features), padded(self.positions)
        pairs = positions.new_zeros(*real.shape, real.shape[1], len(BONDS) + 1)
        pairs[..., -1] = torch.linalg.vector_norm(positions.unsqueeze(2) - positions.unsqueeze(1), dim=3)
        bonds, bonded = ragged(self.bonds_at, rows)
        of, first, second, kind = torch.from_numpy(np.stack([bonded, *self.bonds[bonds].T.astype(np.int64)])).to(device)
        pairs[of, first, second, kind] = pairs[of, second, first, kind] = 1
        place = real.flatten().nonzero().squeeze(1)
        return Molecules(features, pairs, real, place, molecule), torch.from_numpy(self.targets[rows]).to(device)


def ragged(starts: Rows, chosen: Rows) -> tuple[Rows, Rows]:
    """The rows of the pieces `chosen` [B] of a flat array, where piece n begins at `starts[n]` [N + 1].

    For every row, one piece after the other: the row in the flat array, and the place of its piece in `chosen`.
    """
    lengths = starts[chosen + 1] - starts[chosen]
    shift = np.repeat(starts[chosen] - (np.cumsum(lengths) - lengths), lengths)
    return np.arange(len(shift)) + shift, np.repeat(np.arange(len(chosen)), lengths)
