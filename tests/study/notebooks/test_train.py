"""notebooks/train.ipynb, cell by cell in this process."""

import time

import nbformat
import pytest
import torch

from samo.study.runs.cell import train_cell
from tests.study.made_study import ROOT


def cells(until=None):
    """The notebook's code after the parameters, up to the cell that holds these words."""
    notebook = nbformat.read(ROOT / "notebooks/train.ipynb", as_version=4)
    code = [cell.source for cell in notebook.cells if cell.cell_type == "code"][1:]
    return code if until is None else code[: next(n for n, source in enumerate(code) if until in source)]


def test_the_step_that_is_shown_leaves_no_trace_in_the_results(study):
    space = {"dataset": "multimnist", "method": "samo-ls"}
    for source in cells():
        exec(source, space)
    folder, names = study / "data/runs/multimnist/samo-ls", ("metrics.json", "history.csv")
    shown = [(folder / name).read_bytes() for name in names]
    train_cell("multimnist", "samo-ls")
    assert shown == [(folder / name).read_bytes() for name in names]
    # A clean pass; two probes and a perturbed pass for each task; a perturbed point lies at rho.
    assert [row["pass"] == "forward" for row in space["passes"][:7]] == [False, True, True, False, True, True, False]
    rho = space["recipe"].sharpness.rho
    assert space["facts"]["length of perturbation"].tolist() == pytest.approx([rho, rho], rel=1e-3)
    assert {"slope along z", "cosine of z and gradient"} < set(space["facts"])


def test_separate_networks_make_one_pass_and_never_conflict(study):
    space, stream = {"dataset": "multimnist", "method": "stl"}, torch.get_rng_state()
    started = time.process_time()
    for source in cells(until="condition.search()"):
        exec(source, space)
    assert time.process_time() - started < 20  # under a second where nothing has to be imported
    assert torch.equal(torch.get_rng_state(), stream)
    assert space["facts"]["length of perturbation"].tolist() == [0, 0]
    assert space["cosines"].iloc[0, 1] == 0
