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

import csv
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from samo.datasets.parts.prepared import sheet as read_sheet
from samo.datasets.parts.sources import RawFile, WheelMember
from samo.training import settings
from samo.training.problem import Meter, Metric, Problem, Values

if TYPE_CHECKING:
    # Graphs and chemistry take seconds to import, and every stage reads every dataset's settings.
    from samo.datasets.parts.molecules import Molecule
    from samo.models.mpnn import Molecules

_FILES = (
    ("qm9_part1.csv", 69693764, "19f0a5d595462d52cd82eef3370f3e9eb55a1f52cb14985657200349568deff3"),
    ("qm9_part2.csv", 76868612, "2bca113fdc0b28a13563c80ed9b240e934f3da6c64c64fe74ddb4f0f36036e61"),
    ("qm9_part3.csv", 79083002, "9c5efb5733d2af149db8d95d36ff198b4ffed12d9f7b344220a1e5877d5c6a43"),
)
RAW = tuple(
    RawFile(name, sha256, size, (WheelMember("qm9pack==1.0.3", f"qm9pack/data/{name}"),))
    for name, size, sha256 in _FILES
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
    val: Annotated[int, Field(ge=1)] = 10_000
    test: Annotated[int, Field(ge=1)] = 10_000
    seed: Annotated[int, Field(ge=0)] = 0


class Training(settings.Training):
    """The training of `samo.training.settings.Training`, the network, and its width (64 in the papers)."""

    network: Literal["mpnn"] = "mpnn"
    width: Annotated[int, Field(ge=1)] = 64


def prepare(raw: Path, out: Path, data: Data) -> dict[str, Any]:
    """Write the arrays of `samo.datasets.parts.graphs.save` for each split; return the datasheet."""
    from samo.datasets.parts import graphs, molecules

    total = sum(1 for _ in _rows(raw))
    wanted = data.test + data.val + (data.train or 2)
    if wanted > total:
        raise ValueError(f"{raw}: {total} molecules, but train, val and test want {wanted}")
    order = np.random.default_rng(data.seed).permutation(total)
    ends = (data.test, data.test + data.val, total if data.train is None else wanted)
    chosen = dict(zip(("test", "val", "train"), np.split(order[: ends[2]], ends[:2]), strict=True))
    found, left_out = _read(raw, set(order[: ends[2]].tolist()))
    sheet: dict[str, Any] = {
        "what": "small organic molecules of H, C, N, O and F with eleven quantum-chemical properties",
        "subset_of": f"{total:,} molecules, of which the papers train on 110,831",
        "units": {task: target.unit for task, target in TARGETS.items()},
        "left_out": dict(left_out),
        "splits": {},
    }
    for split in ("train", "val", "test"):
        pairs = [found[index] for index in chosen[split].tolist() if index in found]
        if not pairs:
            raise ValueError(f"{raw}: none of the {split} molecules can be read ({dict(left_out)})")
        read, targets = [molecule for molecule, _ in pairs], np.array([values for _, values in pairs])
        graphs.save(out, split, read, targets)
        atoms = sum(molecule.features[:, :5].sum(0, dtype=np.int64) for molecule in read)
        sheet["splits"][split] = {
            "molecules": len(read),
            "atoms": dict(zip(molecules.ELEMENTS, np.asarray(atoms).tolist(), strict=True)),
            "bonds": sum(len(molecule.bonds) for molecule in read),
        }
        if split == "train":
            sheet["mean"], sheet["std"] = targets.mean(0).tolist(), targets.std(0).tolist()
    return sheet


def _rows(raw: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """The rows of all tables, each with where it stands."""
    needed = {"SMILES", "Elements", "XYZ_Ang", *(target.column for target in TARGETS.values())}
    for file in RAW:
        path = raw / file.name
        with path.open(newline="", encoding="utf-8") as stream:
            table = csv.DictReader(stream, strict=True)
            try:
                if missing := needed - set(table.fieldnames or ()):
                    raise ValueError(f"no column {', '.join(sorted(missing))}")
                for row in table:
                    if None in row or None in row.values():
                        raise ValueError(f"not {len(table.fieldnames or ())} fields")
                    yield f"{path}, line {table.line_num}", row
            except (csv.Error, ValueError) as error:
                raise ValueError(f"{path}, line {table.line_num}: {error}") from error


def _read(raw: Path, wanted: set[int]) -> tuple[dict[int, tuple["Molecule", NDArray[np.float64]]], Counter[str]]:
    """The wanted molecules that can be read with their targets, by their place in the tables; why others cannot."""
    from samo.datasets.parts.molecules import UnreadableError, read

    found, left_out = {}, Counter[str]()
    for index, (where, row) in enumerate(_rows(raw)):
        if index not in wanted:
            continue
        elements = row["Elements"].strip("[]").replace("'", "").split(",")
        try:
            positions = np.array(row["XYZ_Ang"].replace("[", "").replace("]", "").split(","), np.float32)
            targets = _targets(row, elements)
            if not (np.isfinite(positions).all() and np.isfinite(targets).all()):
                raise ValueError("a value is not finite")
            molecule = read(row["SMILES"], elements, positions.reshape(len(elements), 3))
        except UnreadableError as reason:
            left_out[str(reason)] += 1
        except ValueError as error:
            raise ValueError(f"{where}: {error}") from error
        else:
            found[index] = molecule, targets
    return found, left_out


def _targets(row: dict[str, str], elements: list[str]) -> NDArray[np.float64]:
    from samo.datasets.parts.molecules import ELEMENTS

    counts = [elements.count(element) for element in ELEMENTS]
    return np.array([t.factor * (float(row[t.column]) - np.dot(counts, t.atoms)) for t in TARGETS.values()])


class _MeanAbsoluteError:
    """Of every target, in its unit, over all molecules."""

    def __init__(self, std: Sequence[float]) -> None:
        self.std = std
        self.total = [0.0] * len(TASKS)
        self.seen = 0

    def update(self, outputs: Mapping[int, Tensor], batch: tuple["Molecules", Tensor]) -> None:
        targets = batch[1]
        self.seen += len(targets)
        for k, output in outputs.items():
            self.total[k] += self.std[k] * float((output.squeeze(1) - targets[:, k]).abs().double().sum())

    def compute(self) -> Values:
        return {task: {"mae": total / self.seen} for task, total in zip(TASKS, self.total, strict=True)}


def problem(prepared: Path, training: Training) -> Problem:
    """QM9 from its prepared arrays; the losses are squared errors of standardised targets."""
    from samo.datasets.parts.graphs import GraphSplit
    from samo.models import mpnn

    sheet = read_sheet(prepared, "mean", "std")
    mean: list[float] = sheet["mean"]
    std: list[float] = sheet["std"]

    def forward(network: nn.Module, batch: tuple["Molecules", Tensor], tasks: Sequence[int]) -> Sequence[Tensor]:
        outputs: Sequence[Tensor] = network(batch[0], tasks)
        return outputs

    def loss(task: int, output: Tensor, batch: tuple["Molecules", Tensor]) -> Tensor:
        return mse_loss(output.squeeze(1), batch[1][:, task])

    def score(values: Values) -> float:
        return -sum(values[task]["mae"] / s for task, s in zip(TASKS, std, strict=True)) / len(TASKS)

    def meter() -> Meter:
        return _MeanAbsoluteError(std)

    return Problem(
        tasks=TASKS,
        metrics=tuple(Metric(task, "mae", higher_is_better=False, unit=t.unit) for task, t in TARGETS.items()),
        network=lambda: mpnn.build(tasks=len(TASKS), width=training.width),
        forward=forward,
        loss=loss,
        meter=meter,
        splits={name: GraphSplit(prepared, name, np.array(mean), np.array(std)) for name in ("train", "val", "test")},
        score=score,
        probe=training.batch,  # 500 molecules would cost as much as dozens of steps
    )
