"""QM9: eleven quantum-chemical properties of 130,831 small organic molecules (Ramakrishnan et al. 2014).

Raw data are the tables of QM9's own author (`qm9pack`), which leave out the 3,054 molecules that the publisher calls
uncharacterised, as the papers do. Targets, their order and units are the papers' (Navon et al. 2022, Nash-MTL; Liu et
al. 2023, FAMO): mu, alpha, HOMO, LUMO, R2, ZPVE, the atomisation energies U0, U, H and G, Cv; without the gap; all
energies in meV. The mean absolute error is taken in these units over all molecules of a split.

Ours, where it differs from the papers' code:
- targets are standardised with mean and standard deviation of the training molecules; the official code took those of
  the whole set, test molecules included;
- aromaticity and hybridisation of atoms are what RDKit perceives; PyTorch Geometric reads its files without that step,
  so that hybridisation stays unset there;
- molecules whose SMILES and coordinates disagree on the order of their atoms are left out (six of all; the datasheet
  counts them), so the papers' 110,831 training molecules are a few less here;
- the official validation score is Delta-m against single-task networks, which a search cannot know beforehand:
  `score` is minus the mean over targets of MAE / standard deviation of the training targets.
"""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor
from torch.nn.functional import mse_loss

from samo.datasets.parts.prepared import sheet as read_sheet
from samo.datasets.parts.sources import RawFile, WheelMember
from samo.datasets.parts.tasks import SPLITS, Task
from samo.datasets.parts.tasks import problem as assemble
from samo.training import settings
from samo.training.problem import Problem

if TYPE_CHECKING:
    # Graphs and chemistry take seconds to import, and every stage reads every dataset's settings.
    from samo.datasets.parts.molecules import Molecule

RAW = tuple(
    RawFile(name, sha256, size, (WheelMember("qm9pack==1.0.3", f"qm9pack/data/{name}"),))
    for name, size, sha256 in (
        ("qm9_part1.csv", 69693764, "19f0a5d595462d52cd82eef3370f3e9eb55a1f52cb14985657200349568deff3"),
        ("qm9_part2.csv", 76868612, "2bca113fdc0b28a13563c80ed9b240e934f3da6c64c64fe74ddb4f0f36036e61"),
        ("qm9_part3.csv", 79083002, "9c5efb5733d2af149db8d95d36ff198b4ffed12d9f7b344220a1e5877d5c6a43"),
    )
)


class Target(NamedTuple):
    """A property: its column in the raw tables, the unit it is reported in, and that unit's size in the raw one.

    `atoms` are the energies of single H, C, N, O and F atoms in hartree (B3LYP/6-31G(2df,p), the publisher's
    atomref.txt), which are taken off a total energy to give the energy of atomisation.
    """

    column: str
    unit: str
    factor: float = 1.0
    atoms: tuple[float, ...] = (0.0,) * 5


MEV = 27211.386246
"""A hartree in meV."""

TARGETS = {
    "mu": Target("Dipole_debye", "D"),
    "alpha": Target("Polarizability_bohr3", "a₀³"),
    "homo": Target("HOMO_au", "meV", MEV),
    "lumo": Target("LUMO_au", "meV", MEV),
    "r2": Target("R2_bohr2", "a₀²"),
    "zpve": Target("ZPVE_au", "meV", MEV),
    "u0": Target("InternalEnergy_0K_au", "meV", MEV, (-0.500273, -37.846772, -54.583861, -75.064579, -99.718730)),
    "u": Target("InternalEnergy_298K_au", "meV", MEV, (-0.498857, -37.845355, -54.582445, -75.063163, -99.717314)),
    "h": Target("Enthalphy_298K_au", "meV", MEV, (-0.497912, -37.844411, -54.581501, -75.062219, -99.716370)),
    "g": Target("GibbsFreeEnergy_298K_au", "meV", MEV, (-0.510927, -37.861317, -54.598897, -75.079532, -99.733544)),
    "cv": Target("Heatcapacity_Cv_cal_mol_K", "cal/(mol K)"),
}
TASKS = tuple(TARGETS)


class Data(settings.Settings):
    """Which molecules.

    Attributes:
        train: molecules to train on; None takes all that the others leave.
        val, test: the first `test` of a random order of all molecules, and the next `val`.
        seed: of that order.
    """

    train: Annotated[int, Field(ge=2)] | None = None
    val: settings.Count = 10_000
    test: settings.Count = 10_000
    seed: Annotated[int, Field(ge=0)] = 0


class Training(settings.Training):
    """The training of `samo.training.settings.Training`, the network, and its width (64 in the papers)."""

    network: Literal["mpnn"] = "mpnn"
    width: settings.Count = 64


def prepare(raw: Path, out: Path, data: Data) -> dict[str, Any]:
    """Write the arrays of `samo.datasets.parts.molecules.save` for each split; return the datasheet."""
    from samo.datasets.parts import molecules

    rows = pd.concat([_table(raw / file.name) for file in RAW], ignore_index=True)
    train = len(rows) - data.test - data.val if data.train is None else data.train
    if (wanted := data.test + data.val + max(2, train)) > len(rows):
        raise ValueError(f"{raw}: {len(rows)} molecules, but train, val and test want {wanted}")
    order = np.random.default_rng(data.seed).permutation(len(rows))
    sheet: dict[str, Any] = {
        "what": "small organic molecules of H, C, N, O and F with eleven quantum-chemical properties",
        "subset_of": f"{len(rows):,} molecules, of which the papers train on 110,831",
        "units": {task: target.unit for task, target in TARGETS.items()},
        "left_out": Counter(),
        "splits": {},
    }
    parts = np.split(order[:wanted], (data.test, data.test + data.val))
    for split, chosen in zip(("test", "val", "train"), parts, strict=True):
        read, targets = [], []
        for row in rows.iloc[chosen].to_dict("records"):
            try:
                molecule, values = _read(row)
            except molecules.UnreadableError as reason:
                sheet["left_out"][str(reason)] += 1
            except ValueError as error:
                raise ValueError(f"{row['where']}: {error}") from error
            else:
                read.append(molecule)
                targets.append(values)
        if not read:
            raise ValueError(f"{raw}: none of the {split} molecules can be read ({dict(sheet['left_out'])})")
        molecules.save(out, split, read, np.array(targets))
        atoms = np.concatenate([molecule.features[:, :5] for molecule in read]).sum(0, dtype=np.int64)
        sheet["splits"][split] = {
            "molecules": len(read),
            "atoms": dict(zip(molecules.ELEMENTS, atoms.tolist(), strict=True)),
            "bonds": sum(len(molecule.bonds) for molecule in read),
        }
        if split == "train":
            sheet["mean"], sheet["std"] = np.mean(targets, axis=0).tolist(), np.std(targets, axis=0).tolist()
    return sheet


def _table(path: Path) -> pd.DataFrame:
    """A raw table, every value a text, and in which line each row stands."""
    columns = ["SMILES", "Elements", "XYZ_Ang", *(target.column for target in TARGETS.values())]
    try:
        found = pd.read_csv(path, usecols=columns, dtype=str, keep_default_na=False)
    except ValueError as error:
        raise ValueError(f"{path}: {str(error).splitlines()[0]}") from error
    found["where"] = [f"{path}, line {n}" for n in range(2, len(found) + 2)]
    if cut := found.loc[found.isna().any(axis=1), "where"].tolist():
        raise ValueError(f"{cut[0]}: too few fields")
    return found


def _read(row: dict[Any, str]) -> tuple["Molecule", NDArray[np.float64]]:
    """A row's molecule and its targets."""
    from samo.datasets.parts.molecules import ELEMENTS, read

    elements = row["Elements"].strip("[]").replace("'", "").split(",")
    positions = np.array(row["XYZ_Ang"].replace("[", "").replace("]", "").split(","), np.float32)
    counts = [elements.count(element) for element in ELEMENTS]
    targets = np.array([t.factor * (float(row[t.column]) - np.dot(counts, t.atoms)) for t in TARGETS.values()])
    if not (np.isfinite(positions).all() and np.isfinite(targets).all()):
        raise ValueError("a value is not finite")
    return read(row["SMILES"], elements, positions.reshape(len(elements), 3)), targets


def _task(name: str, unit: str, std: float) -> Task:
    """A target: squared error of its standardised values, mean absolute error in its unit, of which they have `std`."""

    def count(output: Tensor, target: Tensor) -> Tensor:
        off = (output.squeeze(1) - target).abs().double()
        return torch.stack([off.sum(), torch.ones_like(off).sum()])

    return Task(
        name,
        metrics=(("mae", False, unit),),
        loss=lambda output, target: mse_loss(output.squeeze(1), target),
        count=count,
        summary=lambda sums: {"mae": std * float(sums[0] / sums[1])},
        score=lambda values: -values["mae"] / std,
    )


def problem(prepared: Path, training: Training) -> Problem:
    """QM9 from its prepared arrays."""
    from samo.datasets.parts.molecules import GraphSplit
    from samo.models import mpnn

    sheet = read_sheet(prepared, "mean", "std")
    mean, std = np.array(sheet["mean"]), np.array(sheet["std"])
    return assemble(
        [_task(name, target.unit, one) for (name, target), one in zip(TARGETS.items(), sheet["std"], strict=True)],
        lambda: mpnn.build(tasks=len(TASKS), width=training.width),
        {split: GraphSplit(prepared, split, mean, std) for split in SPLITS},
        probe=training.batch,  # 500 molecules would cost as much as dozens of steps
    )
