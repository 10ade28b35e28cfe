"""notebooks/train.ipynb, cell by cell in this process."""

import pytest
import torch

from samo.study.runs.condition import train_condition
from tests.study.made_study import content
from tests.study.notebooks import cells


def test_the_step_that_is_shown_leaves_no_trace_in_the_results(study):
    space = cells.run("train", dataset="multimnist", method="samo-ls")
    shown = content(study, "samo-ls")
    train_condition("multimnist", "samo-ls")
    assert content(study, "samo-ls") == shown
    # A clean pass; two probes and a perturbed pass for each task; a perturbed point lies at rho.
    assert [row["pass"] == "forward" for row in space["passes"][:7]] == [False, True, True, False, True, True, False]
    rho = space["recipe"].sharpness.rho
    assert space["facts"]["length of perturbation"].tolist() == pytest.approx([rho, rho], rel=1e-3)
    assert space["facts"]["cosine of z and gradient"].abs().max() < 0.1  # of 30,890 weights


def test_separate_networks_make_one_pass_and_never_conflict(study):
    stream = torch.get_rng_state()
    space = cells.run("train", until="condition.search()", dataset="multimnist", method="stl")
    assert torch.equal(torch.get_rng_state(), stream)
    assert [row["distance"] for row in space["passes"]][:1] == [0]
    assert list(space["facts"]) == ["loss", "length of gradient"]
    assert space["cosines"].iloc[0, 1] == 0
