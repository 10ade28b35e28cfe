from collections.abc import Sequence
from itertools import islice

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from samo.analysis.parts.slices import first_batches, mean_losses
from samo.analysis.probe import Options
from samo.datasets.parts.arrays import ArraySplit
from samo.datasets.parts.domains import DomainBatch, DomainSplit, present
from samo.models.multitask import MultiTaskNetwork
from samo.study.notebooks.probe_stage import _batches, _on, write_probe
from samo.study.runs.cell import train_cell
from samo.training.problem import Problem


def test_theory_first_weights_and_trained_ones(study):
    train_cell("multimnist", "samo-ls")
    weights = {p.name: p.read_bytes() for p in (study / "data/models/multimnist/samo-ls").iterdir()}
    table = write_probe("multimnist")
    written = pd.read_csv(study / "data/analysis/multimnist/probe.csv")
    assert len(written) == len(table)
    assert set(zip(written["source"], written["method"], strict=True)) == {
        ("linear", "-"), ("init", "-"), ("trained", "samo-ls")
    }  # fmt: skip
    trunk = written[written["source"] != "linear"]
    assert set(trunk["params"]) == {810, 30890}
    linear = written[(written["source"] == "linear") & (written["estimator"] == "spsa") & ~written["layer_normalised"]]
    assert (linear["sign_share"] == 1).all()
    values = trunk[["cosine", "theory", "sign_share"]]
    assert np.isfinite(values.to_numpy()).all()
    assert not trunk.duplicated(["source", "estimator", "statistics", "layer_normalised", "directions", "params"]).any()
    assert weights == {p.name: p.read_bytes() for p in (study / "data/models/multimnist/samo-ls").iterdir()}


def test_batches_go_on_after_an_epoch(study):
    from samo.study import config
    from samo.study.runs import trained

    problem = trained.problem(study, config.load(), "multimnist")
    found = list(islice(_batches(problem, 200, torch.device("cpu"), 0), 3))
    assert [len(images) for images, _ in found] == [200] * 3
    assert not torch.equal(found[0][0], found[1][0])


def test_tasks_with_inputs_of_their_own_are_probed_and_sliced(tmp_path):
    """As Office-Home has them: domains of different length, batches without all of them at the end."""
    rng = np.random.default_rng(0)
    for name, n in (("a", 12), ("b", 5)):
        np.save(tmp_path / f"train_{name}_images.npy", rng.integers(0, 9, (n, 4), dtype=np.uint8))
        np.save(tmp_path / f"train_{name}_labels.npy", rng.integers(0, 3, n, dtype=np.uint8))

    def network() -> MultiTaskNetwork:
        trunk = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Dropout(0.5))
        return MultiTaskNetwork(trunk, [nn.Linear(6, 3), nn.Linear(6, 3)])

    def forward(net: nn.Module, batch: DomainBatch, tasks: Sequence[int]) -> list[Tensor]:
        return [net(batch[k][0], [k])[0] for k in tasks]

    parts = [ArraySplit(tmp_path, f"train_{name}", lambda images: images.float()) for name in ("a", "b")]
    problem = Problem(
        tasks=("a", "b"),
        metrics=(),
        network=network,
        forward=forward,
        loss=lambda task, output, batch: nn.functional.cross_entropy(output, batch[task][1]),
        meter=lambda: None,  # type: ignore[arg-type, return-value]
        splits={"train": DomainSplit(parts, at_most=4)},
        score=lambda values: 0.0,
        present=present,
    )
    made = network()
    before = {name: value.clone() for name, value in made.state_dict().items()}
    batches = list(islice(_batches(problem, 4, torch.device("cpu"), 0), 3))
    table = _on(problem, made, batches, Options(directions=[1], repeats=3, sizes=1), 0)
    assert set(table["statistics"]) == {"running", "batch"}
    assert np.isfinite(table["cosine"]).all()
    assert all(torch.equal(value, before[name]) for name, value in made.state_dict().items())
    taken = first_batches(problem, made.eval(), 12, torch.device("cpu"))
    assert [len(batch) for batch in taken] == [2, 2, 1]
    assert mean_losses(problem, made, taken).isfinite().all()
