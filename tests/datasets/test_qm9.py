import re

import numpy as np
import pytest
import torch
from torch_geometric.datasets.qm9 import atomrefs

from samo.datasets import qm9
from samo.datasets.parts import molecules
from tests.datasets import made_raw
from tests.datasets.made_raw import COLUMNS


@pytest.fixture(scope="module")
def rows():
    return [made_raw.molecule(i) for i in range(42)]


@pytest.fixture(scope="module")
def problem(arrays):
    return made_raw.problem("qm9", arrays, batch=6)


def batch_of(problem, split="test"):
    return next(problem.splits[split].batches(100, torch.device("cpu")))


def test_every_molecule_is_in_one_split_and_a_subset_keeps_the_test_molecules(arrays, tmp_path):
    mu = [np.load(arrays / f"{split}_targets.npy")[:, 0] for split in ("train", "val", "test")]
    assert [len(values) for values in mu] == [30, 7, 5]
    assert sorted(np.concatenate(mu)) == list(range(42))
    assert list(np.concatenate(mu)) != list(range(42))
    sheet = qm9.prepare(arrays.parent / "raw", tmp_path, qm9.Data(train=4, val=3, test=5))
    assert [sheet["splits"][split]["molecules"] for split in ("train", "val", "test")] == [4, 3, 5]
    assert (tmp_path / "test_targets.npy").read_bytes() == (arrays / "test_targets.npy").read_bytes()


def test_energies_of_single_atoms_are_those_of_pytorch_geometric():
    for column, task in enumerate(("u0", "u", "h", "g"), 7):
        ours = np.array(qm9.TARGETS[task].atoms) * qm9.MEV
        np.testing.assert_allclose(ours, 1000 * np.array(atomrefs[column]), atol=1e-3)


def test_energies_of_atomisation_are_in_mev(tmp_path, rows):
    values = {"HOMO_au": -0.3877, "InternalEnergy_0K_au": -40.47893, "Heatcapacity_Cv_cal_mol_K": 6.469}
    methane = [str(values.get(name, text)) for name, text in zip(COLUMNS, rows[0], strict=True)]
    qm9.prepare(made_raw.molecules(tmp_path / "raw", [methane] * 4), tmp_path, qm9.Data(val=1, test=1))
    found = dict(zip(qm9.TASKS, np.load(tmp_path / "test_targets.npy")[0], strict=True))
    assert found["homo"] == pytest.approx(-0.3877 * 27211.386)
    assert found["u0"] == pytest.approx((-40.47893 + 37.846772 + 4 * 0.500273) * 27211.386)
    assert found["cv"] == 6.469


def test_targets_are_standardised_with_the_training_molecules_only(arrays, problem):
    train = np.load(arrays / "train_targets.npy")
    ours = (np.load(arrays / "test_targets.npy") - train.mean(0)) / train.std(0)
    torch.testing.assert_close(batch_of(problem)[1], torch.tensor(ours, dtype=torch.float32))


def test_the_error_is_in_the_targets_units_and_the_score_treats_them_alike(arrays, problem):
    molecules_, targets = batch_of(problem)
    train = np.load(arrays / "train_targets.npy")
    meter = problem.meter()
    for part in (slice(0, 4), slice(4, 5)):
        meter.update({k: torch.zeros(len(targets[part]), 1) for k in range(11)}, (molecules_, targets[part]))
    errors = np.abs(np.load(arrays / "test_targets.npy") - train.mean(0)).mean(0)
    assert [meter.compute()[task]["mae"] for task in qm9.TASKS] == pytest.approx(errors.tolist(), rel=1e-5)
    assert [metric.unit for metric in problem.metrics][6] == "meV"
    values = {task: {"mae": 0.5 * s} for task, s in zip(qm9.TASKS, train.std(0), strict=True)}
    assert problem.score(values) == pytest.approx(-0.5)


def test_the_features_of_furan(rows):
    (found,) = [r for r in rows[:14] if r[1] == "c1ccoc1"]
    elements = found[2].strip("[]").replace("'", "").split(",")
    positions = np.array(re.findall(r"-?\d+\.\d+", found[3]), np.float32).reshape(-1, 3)
    furan = molecules.read(found[1], elements, positions)
    assert furan.features[0].tolist() == [0, 1, 0, 0, 0, 6, 1, 0, 1, 0, 1]
    assert furan.features[3].tolist() == [0, 0, 0, 1, 0, 8, 1, 0, 1, 0, 0]
    assert furan.features[5].tolist() == [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0]
    kinds = [molecules.BONDS[kind] for *_, kind in furan.bonds]
    assert kinds.count("aromatic") == 5
    assert kinds.count("single") == 4


def test_hydrogen_in_between_goes_to_its_nearest_atom():
    # Hydrogen cyanide's mirror image, hydrogen first: QM9 lists some molecules so.
    positions = np.array([[0, 0, -1.07], [0, 0, 0], [0, 0, 1.16]], np.float32)
    found = molecules.read("C#N", ["H", "C", "N"], positions)
    assert found.features[:, 10].tolist() == [0, 1, 0]
    assert found.bonds.tolist() == [[1, 2, 2], [1, 0, 0]]


def test_a_batch_holds_every_atom_and_bond_at_its_place(arrays, problem):
    split = problem.splits["test"]
    batch, _ = batch_of(problem)
    for b in range(5):
        atoms = slice(split.atoms_at[b], split.atoms_at[b + 1])
        bonds = split.bonds[split.bonds_at[b] : split.bonds_at[b + 1]]
        n = int(batch.real[b].sum())
        assert n == atoms.stop - atoms.start
        assert (batch.atoms[b, :n].numpy() == split.features[atoms]).all()
        assert (batch.atoms[b, n:] == 0).all()
        expected = np.zeros((n, n, 4))
        for first, second, kind in bonds:
            expected[first, second, kind] = expected[second, first, kind] = 1
        assert (batch.pairs[b, :n, :n, :4].numpy() == expected).all()
        positions = split.positions[atoms]
        distances = np.linalg.norm(positions[:, None] - positions[None], axis=2)
        np.testing.assert_allclose(batch.pairs[b, :n, :n, 4].numpy(), distances, atol=1e-5)
    assert torch.equal(batch.atoms.flatten(0, 1)[batch.place].sum(), batch.atoms.sum())
    assert batch.molecule.tolist() == sorted(batch.molecule.tolist())


def test_what_cannot_be_read_is_left_out_and_counted(tmp_path, rows):
    reasons = {
        "C": ("C(", "RDKit cannot read the SMILES"),
        "N": ("O", "SMILES and coordinates list different heavy atoms"),
        "CC": ("[CH2]C", "SMILES and coordinates place hydrogen at different atoms"),
    }
    broken = [[r[0], reasons.get(r[1], r[1:])[0], *r[2:]] for r in rows]
    sheet = qm9.prepare(made_raw.molecules(tmp_path / "raw", broken), tmp_path, qm9.Data(val=7, test=5))
    assert sheet["left_out"] == {reason: 3 for _, reason in reasons.values()}
    assert sum(of["molecules"] for of in sheet["splits"].values()) == 33


def test_what_is_broken_is_named_by_file_and_line(tmp_path, rows):
    raw = made_raw.molecules(tmp_path / "raw", rows)
    with pytest.raises(ValueError, match="42 molecules"):
        qm9.prepare(raw, tmp_path, qm9.Data(train=31, val=7, test=5))
    path = raw / "qm9_part2.csv"
    second = path.read_text()
    for name, text in (("Dipole_debye", "nan"), ("LUMO_au", "much"), ("XYZ_Ang", "[[0,0,0]]"), ("XYZ_Ang", "[[0,x]]")):
        broken = [list(r) for r in rows]
        broken[4][COLUMNS.index(name)] = text  # the second row of the second file
        made_raw.molecules(raw, broken)
        with pytest.raises(ValueError, match=r"qm9_part2\.csv, line 3"):
            qm9.prepare(raw, tmp_path, qm9.Data(val=7, test=5))
    misspelt = second.replace("SMILES", "x", 1)
    for cut, told in ((second[:-60], "line 15"), (second[:-200], "string"), (misspelt, "SMILES")):
        path.write_text(cut)
        with pytest.raises(ValueError, match=rf"qm9_part2\.csv.*{told}"):
            qm9.prepare(raw, tmp_path, qm9.Data(val=7, test=5))
