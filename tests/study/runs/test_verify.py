import shutil

import numpy as np
import pandas as pd
import pytest
import torch
from mlflow import MlflowClient
from safetensors.torch import load_file, save_file

from samo.study import config, store
from samo.study.config.conditions import Cell
from samo.study.runs import checkpoint
from samo.study.runs.cell import train_cell
from samo.study.runs.differences import differences
from samo.study.runs.verify import drawn
from samo.study.tracking import mlflow_store
from tests.corpus.entry import samo, untouched

LS = Cell("multimnist", "ls")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """One cell's files as a training writes them, so that not each test trains it."""
    return tmp_path_factory.mktemp("made")


@pytest.fixture
def ran(study, made):
    """The small study with the cell ls run."""
    if not any(made.iterdir()):
        train_cell("multimnist", "ls")
        shutil.copytree(study / "data", made / "data")
        shutil.copy(study.parent / "mlflow.db", made)
    for folder in (LS.runs, LS.models):
        shutil.copytree(made / folder, study / folder, dirs_exist_ok=True)
    shutil.copy(made / "mlflow.db", study.parent)
    return study


def test_a_cell_made_again_is_the_same_and_nothing_of_the_project_is_touched(ran, capsys, monkeypatch):
    monkeypatch.setenv(checkpoint.SECONDS, "0")
    foreign = ran / ".samo/checkpoints/multimnist/ls/seed-0.pt"
    foreign.parent.mkdir(parents=True)
    foreign.write_bytes(b"of the real run")
    with untouched(ran.parent):
        found = samo(capsys, "verify", "multimnist", "ls")
    assert found.code == 0
    assert "multimnist/ls: the same, 5 files" in found.out
    assert "made on cpu" in found.out
    assert "DIFFERS" not in found.out


def test_what_differs_is_named_with_by_how_much(ran, capsys):
    metrics = store.read_json(ran / LS.runs / "metrics.json")
    metrics["seeds"]["1"]["left"]["accuracy"] += 0.25
    store.write_json(ran / LS.runs / "metrics.json", metrics)
    history = pd.read_csv(ran / LS.runs / "history.csv")
    history["value"] += 1.5 * (history.index == 3)
    history.to_csv(ran / LS.runs / "history.csv", index=False, lineterminator="\n")
    weights = load_file(ran / LS.models / "0.safetensors")
    weights[min(weights)].view(-1)[0] += 0.5
    save_file(weights, ran / LS.models / "0.safetensors")
    (ran / LS.runs / "layers.csv").unlink()
    (ran / LS.models / "7.safetensors").write_bytes(b"")
    with untouched(ran.parent):
        found = samo(capsys, "verify", "multimnist", "ls")
    assert found.code == 1
    told = [line for line in found.out.splitlines() if "DIFFERS" in line]
    assert len(told) == 5
    for part, line in zip(
        (
            ("history.csv", "differ, by at most 1.5 (line 5 value: "),
            ("layers.csv", "is not stored"),
            ("metrics.json", "differ, by at most 0.25 (seeds.1.left.accuracy: "),
            ("0.safetensors", "differ by at most 0.5, in "),
            ("7.safetensors", "was not made again"),
        ),
        told,
        strict=True,
    ):
        assert all(word in line for word in part), line


def test_other_settings_differ(ran, capsys):
    params = ran / "params.yaml"
    params.write_text(params.read_text().replace("epochs: 2", "epochs: 1"))
    found = samo(capsys, "verify", "multimnist", "ls")
    assert found.code == 1
    assert "values in the stored file only" in found.out


def test_a_loss_that_breaks_is_a_difference(ran, capsys):
    params = ran / "params.yaml"
    params.write_text(params.read_text().replace("ls: {aggregator: ls}", "ls: {aggregator: ls, lr: 1.0e+30}"))
    found = samo(capsys, "verify", "multimnist", "ls")
    assert found.code == 1
    assert "DIFFERS nothing was made:" in found.out


def test_what_never_ran_is_named(study, capsys):
    for line in ("multimnist ls", "--sample 2"):
        found = samo(capsys, "verify", *line.split())
        assert (found.code, found.err.count("\n")) == (1, 1)
        assert "run" in found.err
        assert "nothing to verify" in found.err
    assert "multimnist/stl, multimnist/ls, multimnist/samo-ls" in found.out
    assert "no method 'nobody'" in samo(capsys, "verify", "multimnist", "nobody").err
    assert "no dataset 'qm9'" in samo(capsys, "verify", "qm9", "ls").err
    for line in ("", "multimnist", "multimnist ls --sample 1", "--sample 1 --seed -1"):
        assert samo(capsys, "verify", *line.split()).code == 2


def test_a_sample_is_of_what_has_run_and_its_seed_draws_it_again(study):
    for name in ("stl", "ls", "samo-ls"):
        store.write_json(study / Cell("multimnist", name).runs / "metrics.json", {})
    params, said = config.load(), list[str]()

    def names(count, seed):
        return [c.method for c in drawn(study, params, count, np.random.default_rng(seed), said.append)]

    draws = [names(2, seed) for seed in range(20)]
    assert draws == [names(2, seed) for seed in range(20)]
    assert {name for draw in draws for name in draw} == {"stl", "ls", "samo-ls"}
    assert all(len(set(draw)) == 2 for draw in draws)
    assert names(9, 0) == ["stl", "ls", "samo-ls"]
    assert said[0] == "not run, so not drawn from: multimnist/samo-ls-alpha09, multimnist/fmtl-fairgrad"


@pytest.mark.parametrize(
    ("tags", "told"),
    [
        ({"device": "An Accelerator"}, "made on An Accelerator at commit unknown"),
        ({"device": "unknown"}, "what it was made on is not recorded in MLflow; here: cpu, torch"),
        ({"results": "of another run"}, "what it was made on is not recorded in MLflow; here: cpu, torch"),
    ],
)
def test_what_the_stored_run_was_made_on_is_said_as_far_as_it_is_known(ran, monkeypatch, capsys, tags, told):
    client = MlflowClient(mlflow_store.uri(ran))
    experiment = client.get_experiment_by_name("multimnist")
    for run in client.search_runs([experiment.experiment_id]):
        for key, value in tags.items():
            client.set_tag(run.info.run_id, key, value)
    again = "samo.study.runs.verify.train_cell"
    monkeypatch.setattr(again, lambda *_, into: shutil.copytree(ran / "data", into / "data"))
    found = samo(capsys, "verify", "--sample", "1", "--seed", "3")
    assert found.code == 0
    assert "drawn with --seed 3" in found.out
    assert told in found.out


def weights_of(folder, **tensors):
    (folder / LS.models).mkdir(parents=True, exist_ok=True)
    save_file(tensors, folder / LS.models / "0.safetensors")


@pytest.mark.parametrize(
    ("tensors", "told"),
    [
        ({"a": torch.tensor([1.0, float("nan")])}, None),
        ({"a": torch.tensor([1.0, 2.0])}, "by at most inf, in a"),
        ({"a": torch.tensor([0.0, float("nan")])}, "by at most 1, in a"),
        ({"a": torch.zeros(3)}, "a is torch.float32 [3], not torch.float32 [2]"),
        ({"b": torch.zeros(2)}, "tensors of another network, as a"),
    ],
)
def test_weights_are_compared_by_their_tensors(tmp_path, tensors, told):
    weights_of(tmp_path / "again", a=torch.tensor([1.0, float("nan")]))
    weights_of(tmp_path / "stored", **tensors)
    found = differences(tmp_path / "stored", tmp_path / "again", LS)
    assert [told in line for line in found] == ([] if told is None else [True])


@pytest.mark.parametrize(("name", "stored"), [("metrics.json", "{"), ("0.safetensors", "{"), ("metrics.json", b"\xff")])
def test_a_broken_file_is_a_difference(tmp_path, name, stored):
    folder = LS.models if name.endswith("tensors") else LS.runs
    for place, text in (("again", '{"a": 1}'), ("stored", stored)):
        (tmp_path / place / folder).mkdir(parents=True)
        (tmp_path / place / folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    (told,) = differences(tmp_path / "stored", tmp_path / "again", LS)
    assert "cannot be read" in told
