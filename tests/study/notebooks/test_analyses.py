"""The notebooks of the analyses on trained conditions: what is written, for which of them, and what is said."""

import json
from collections.abc import Sequence
from itertools import islice

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn

from samo.analysis import landscape, probe
from samo.analysis.parts import looks
from samo.datasets.parts.arrays import ArraySplit, DomainBatch, DomainSplit, present
from samo.models import lenet
from samo.models.multitask import MultiTaskNetwork
from samo.study import paths
from samo.study.errors import NotebookError
from samo.study.report.show import chosen_layers
from samo.study.runs.condition import train_condition
from tests.problems import study_problem
from tests.study import made_study
from tests.study.notebooks import cells

METHODS = ("ls", "samo-ls")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Two methods with a shared trunk, trained for ten updates; an active profile for the whole module."""
    folder = made_study.make(tmp_path_factory.mktemp("analyses") / "study")
    file = folder / "params.yaml"
    kept = "".join(line for line in file.read_text().splitlines(keepends=True) if "fmtl-fairgrad" not in line)
    file.write_text(kept.replace("updates: [10, 20]", "updates: [10]").replace("updates: [20]", "updates: null"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DVC_ROOT", str(folder))
        patch.setenv(paths.TRACKING, "off")
        patch.setenv("SAMO_PROGRESS", str(folder / "progress"))
        with pytest.raises(NotebookError, match=r"dvc repro train@multimnist-ls"):
            cells.run("curvature", dataset="multimnist")
        assert cells.run("layers", dataset="multimnist")["table"].empty
        for method in METHODS:
            train_condition("multimnist", method)
        threads = torch.get_num_threads()
        yield folder
        torch.set_num_threads(threads)
        torch.set_deterministic_debug_mode("default")


def analysed(study, name):
    """What the analysis writes."""
    cells.run(name, dataset="multimnist")
    return pd.read_csv(study / f"data/analysis/multimnist/{name}.csv")


def test_curvature_of_every_network_with_a_shared_trunk(trained):
    (trained / "progress").unlink(missing_ok=True)
    found = analysed(trained, "curvature")
    assert set(found["method"]) == set(METHODS)
    assert set(zip(found["seed"], found["task"], found["draw"], strict=True)) == {
        (0, "all", 0), (0, "all", 1), (0, "left", 0), (0, "right", 0), (1, "all", 0)
    }  # fmt: skip
    values = found.set_index(["method", "seed", "task", "draw", "measure"])
    top = values["value"].xs("lambda_max", level="measure")
    assert (top > 0).all()
    assert values["residual"].xs("lambda_max", level="measure").max() < 0.01
    # Of a mean of two Hessians, the largest eigenvalue is at most the mean of theirs.
    for method in METHODS:
        own = top[method, 0]
        assert own["all", 0] <= (own["left", 0] + own["right", 0]) / 2 + 1e-3 * own["all", 0]
    assert (values["value"].xs("sharpness_ball", level="measure") > 0).sum() == 4
    events = [json.loads(line) for line in (trained / "progress").read_text().splitlines()]
    assert [event["phase"] for event in events] == ["ls, seed 0", "ls, seed 1", "samo-ls, seed 0", "samo-ls, seed 1"]
    assert [event["done"] for event in events] == [0, 0.25, 0.5, 0.75]

    before = (trained / "data/analysis/multimnist/curvature.csv").read_bytes()
    cells.run("curvature", dataset="multimnist")
    assert (trained / "data/analysis/multimnist/curvature.csv").read_bytes() == before


def test_landscape_has_lines_and_planes_of_the_methods_chosen(trained):
    found = analysed(trained, "landscape")
    assert list(found) == ["method", "seed", "task", "x", "y", "loss"]
    assert found.groupby(["method", "task"]).size().tolist() == [11] * 4
    # The solution's own loss is that of the examples, whatever the direction; around it, it is another.
    for _, part in found.groupby(["method", "task"]):
        centre = part.loc[(part["x"] == 0) & (part["y"] == 0), "loss"]
        assert len(centre) == 1
        assert (part["loss"] != centre.iloc[0]).sum() == 10
    params = trained / "params.yaml"
    text = params.read_text()
    line = next(row for row in text.splitlines() if "landscape:" in row)
    try:
        params.write_text(text.replace(line, "  landscape: {points: 3, seeds: 2, sharpness: [none], plane: []}"))
        table = cells.run("landscape", dataset="multimnist")["table"]
        assert (set(table["method"]), set(table["seed"]), table["y"].any()) == ({"ls"}, {0, 1}, False)
        params.write_text(text.replace(line, "  landscape: {sharpness: [lookback]}"))
        cells.run("landscape", dataset="multimnist")
        assert (trained / "data/analysis/multimnist/landscape.csv").read_text() == "method,seed,task,x,y,loss\n"
    finally:
        params.write_text(text)


def test_probe_has_theory_first_weights_and_trained_ones(trained):
    folder = trained / "data/models/multimnist/samo-ls"
    weights = {p.name: p.read_bytes() for p in folder.iterdir()}
    found = analysed(trained, "probe")
    assert set(zip(found["source"], found["method"], strict=True)) == {
        ("linear", "-"), ("init", "-"), ("training", "-"), ("trained", "samo-ls")
    }  # fmt: skip
    trunk = found[found["source"] != "linear"]
    assert set(trunk["params"]) == {810, 30890}
    linear = found[(found["source"] == "linear") & (found["estimator"] == "spsa") & ~found["layer_normalised"]]
    assert (linear["sign_share"] == 1).all()
    assert np.isfinite(trunk[["cosine", "theory", "sign_share"]].to_numpy()).all()
    assert not trunk.duplicated(["source", "estimator", "statistics", "layer_normalised", "directions", "params"]).any()
    assert weights == {p.name: p.read_bytes() for p in folder.iterdir()}


def test_cost_and_conflict_have_a_row_for_every_method(trained):
    found = analysed(trained, "cost").set_index("method")
    assert list(found.index) == list(METHODS)
    assert found.loc["samo-ls", "count_ratio"] == pytest.approx(13 / 3, rel=1e-4)
    assert np.isnan(found.loc["ls", "extra_percent"])
    assert found.loc["samo-ls", "extra_percent"] > found.loc["samo-ls", "extra_percent_loaded"] > 0
    agreement = analysed(trained, "conflict")
    assert set(agreement["method"]) == set(METHODS)
    assert {"cosine_mean", "minibatch_conflict"} < set(agreement["metric"])


def test_layers_are_chosen_and_printed_as_params_yaml_takes_them(trained, tmp_path):
    with pytest.raises(NotebookError, match=r"analyses\.layers"):
        chosen_layers(trained, "multimnist")  # written before anything was trained
    table = cells.run("layers", dataset="multimnist")["table"]
    tensors = [name for name, _ in lenet.build().trunk.named_parameters()]
    assert list(table["layer"].drop_duplicates()) == tensors
    assert set(table.loc[table["update"] == 0, "n"]) == {2}  # later a unit may be dead, and has no cosine
    # The first weights are those of the seed, whatever the method.
    start = table[table["update"] == 0].pivot_table(index="layer", columns="method", values="mean")
    assert (start["ls"] == start["samo-ls"]).all()
    chosen = [name for name in tensors if name in set(table.loc[table["chosen"], "layer"])]
    assert len(chosen) == 2
    *_, last = chosen_layers(trained, "multimnist", tmp_path / "chosen.json").splitlines()
    assert json.dumps(chosen) in last
    assert json.loads((tmp_path / "chosen.json").read_text()) == chosen
    with pytest.raises(NotebookError, match="dvc repro analyse@scenes-layers"):
        chosen_layers(trained, "scenes")


def test_tasks_with_inputs_of_their_own_are_probed_and_looked_around(tmp_path):
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
    problem = study_problem(
        tasks=("a", "b"),
        network=network,
        forward=forward,
        loss=lambda task, output, batch: nn.functional.cross_entropy(output, batch[task][1]),
        splits={"train": DomainSplit(parts, at_most=4)},
        present=present,
    )
    made = network()
    before = {name: value.clone() for name, value in made.state_dict().items()}
    batches = list(islice(looks.batches(problem, 4, torch.device("cpu"), 0), 4))  # beyond a pass
    table = probe.on_network(problem, made, batches, probe.Options(directions=[1], repeats=3, sizes=1), 0)
    assert set(table["statistics"]) == {"running", "batch"}
    assert np.isfinite(table["cosine"]).all()
    assert all(torch.equal(value, before[name]) for name, value in made.state_dict().items())
    taken = landscape.first_batches(problem, made.eval(), 12, torch.device("cpu"))
    assert [len(batch) for batch in taken] == [2, 2, 1]
    assert landscape.mean_losses(problem, made, taken).isfinite().all()
