"""A molecule's atoms, positions and bonds, from its SMILES and its coordinates."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem, rdBase
from rdkit.Chem.rdchem import BondType, HybridizationType

ELEMENTS = ("H", "C", "N", "O", "F")
FEATURES = (*ELEMENTS, "atomic number", "aromatic", "sp", "sp2", "sp3", "hydrogens")
BONDS = ("single", "double", "triple", "aromatic")

_NUMBERS = (1, 6, 7, 8, 9)
_HYBRIDS = (HybridizationType.SP, HybridizationType.SP2, HybridizationType.SP3)
_KINDS = {BondType.SINGLE: 0, BondType.DOUBLE: 1, BondType.TRIPLE: 2, BondType.AROMATIC: 3}


class UnreadableError(ValueError):
    """A molecule that cannot be used; the message is the reason, the same for all of a kind."""


class Molecule(NamedTuple):
    """One molecule.

    Attributes:
        features: [n, 11], see `FEATURES`; those of Gilmer et al. (2017).
        positions: [n, 3] in ångström.
        bonds: [m, 3]: two atoms and the place of the bond's kind in `BONDS`.
    """

    features: NDArray[np.uint8]
    positions: NDArray[np.float32]
    bonds: NDArray[np.uint8]


def read(smiles: str, elements: list[str], positions: NDArray[np.float32]) -> Molecule:
    """A molecule, its atoms in the order of the coordinates.

    Bonds between heavy atoms, aromaticity and hybridisation are RDKit's of the SMILES, whose heavy atoms come in the
    order of the coordinates; each hydrogen is bound to the heavy atom that is nearest.

    Args:
        smiles: without explicit hydrogen atoms.
        elements: [n] symbols.
        positions: [n, 3] in ångström.

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

    features = np.zeros((len(symbols), len(FEATURES)), np.uint8)
    kinds = [ELEMENTS.index(symbol) for symbol in elements]
    features[np.arange(len(symbols)), kinds] = 1
    features[:, 5] = np.array(_NUMBERS)[kinds]
    features[heavy, 6] = [atom.GetIsAromatic() for atom in atoms]
    for column, hybrid in enumerate(_HYBRIDS, 7):
        features[heavy, column] = [atom.GetHybridization() == hybrid for atom in atoms]
    features[:, 10] = hydrogens
    bonds = [
        *((heavy[b.GetBeginAtomIdx()], heavy[b.GetEndAtomIdx()], _KINDS[b.GetBondType()]) for b in graph.GetBonds()),
        *((holder, atom, 0) for holder, atom in zip(holders, light, strict=True)),
    ]
    return Molecule(features, positions, np.array(bonds, np.uint8).reshape(-1, 3))
