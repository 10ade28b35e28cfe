"""`samo verify`: a condition made again by DVC, and what is said of files that differ."""

import shutil
import subprocess
from collections.abc import Iterator

import pytest
import torch
from mlflow import MlflowClient
from safetensors.torch import save_file

from samo.study import config, store, verify, warm
from samo.study.config.conditions import Condition
from samo.study.runs import checkpoint
from samo.study.runs.condition import train_condition
from samo.study.tracking import mlflow_store
from tests.corpus.entry import samo, untouched
from tests.study.made_study import ROOT
from tests.study.project import Project

LS = Condition("multimnist", "ls")


@pytest.fixture
def warmed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A server from which stages and kernels come with the libraries loaded, as in `samo repro`."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "src"))
    server = warm.Server()
    server.start()
    yield
    server.close()


@pytest.mark.slow  # DVC runs a notebook in a clone, twice
def test_a_condition_made_again_is_the_same_and_nothing_of_the_project_is_touched(study, warmed, capfd, monkeypatch):
    monkeypatch.setenv(checkpoint.SECONDS, "0")
    shutil.copy(ROOT / ".gitignore", study)
    shutil.copy(ROOT / ".dvcignore", study)
    for command in (["git", "init", "-q"], ["dvc", "init", "-q"]):
        subprocess.run(command, cwd=study, check=True)
    Project(study).commit()
    train_condition("multimnist", "ls")
    foreign = study / ".samo/checkpoints/multimnist/ls/seed-0.pt"
    foreign.parent.mkdir(parents=True)
    foreign.write_bytes(b"of the real run")
    with untouched(study / "data"), untouched(study / ".samo"), untouched(study / "reports"):
        store_before = (study.parent / "mlflow.db").read_bytes()
        found = samo(capfd, "verify", "multimnist", "ls")
        assert (study.parent / "mlflow.db").read_bytes() == store_before
    assert found.code == 0, found.out + found.err
    assert "multimnist/ls: the same, 8 files" in found.out
    assert "made on cpu" in found.out
    Project(study).edit("ls: {aggregator: ls}", "ls: {aggregator: ls, lr: 1.0e+30}")
    found = samo(capfd, "verify", "--sample", "1", "--seed", "3")
    assert found.code == 1
    assert "drawn with --seed 3" in found.out
    assert "params.yaml, data or code changed since it ran" in found.out
    assert "DIFFERS nothing was made: train.ipynb: DivergedError: " in found.out


def test_what_never_ran_is_named(study, capsys):
    for line in ("multimnist ls", "--sample 2"):
        found = samo(capsys, "verify", *line.split())
        assert (found.code, found.err.count("\n")) == (1, 1)
        assert "nothing to verify" in found.err
    assert "multimnist/stl, multimnist/ls, multimnist/samo-ls" in found.out
    assert "no method 'nobody'" in samo(capsys, "verify", "multimnist", "nobody").err
    assert "no dataset 'qm9'" in samo(capsys, "verify", "qm9", "ls").err
    for line in ("", "multimnist", "multimnist ls --sample 1", "--sample 1 --seed -1"):
        assert samo(capsys, "verify", *line.split()).code == 2


def test_a_sample_is_of_what_has_run_and_its_seed_draws_it_again(study, capsys):
    for name in ("stl", "ls", "samo-ls"):
        store.write_json(study / Condition("multimnist", name).runs / "metrics.json", {})
    params = config.load()

    def names(count, seed):
        return [condition.method for condition in verify.drawn(study, params, count, seed)]

    draws = [names(2, seed) for seed in range(20)]
    assert draws == [names(2, seed) for seed in range(20)]
    assert {name for draw in draws for name in draw} == {"stl", "ls", "samo-ls"}
    assert all(len(set(draw)) == 2 for draw in draws)
    assert names(9, 0) == ["stl", "ls", "samo-ls"]
    left = ", ".join(f"multimnist/{name}" for name in ("samo-ls-alpha09", "placebo-ls", "fmtl-fairgrad"))
    assert f"not run, so not drawn from: {left}" in capsys.readouterr().out


def test_where_the_stored_run_was_made_is_said_as_far_as_it_is_known(study):
    train_condition("multimnist", "ls")
    client = MlflowClient(mlflow_store.uri(study))
    experiment = client.get_experiment_by_name("multimnist")
    for tags, told in (
        ({"device": "An Accelerator"}, "made on An Accelerator, a version of torch that is not known, at commit"),
        ({"device": "unknown"}, "is not recorded in MLflow"),
        ({"device": "cpu", "results": "of another run"}, "is not recorded in MLflow"),
    ):
        for run in client.search_runs([experiment.experiment_id]):
            for key, value in tags.items():
                client.set_tag(run.info.run_id, key, value)
        assert told in verify.origin(study, LS)


def written(tmp_path, name, stored, again):
    """What is said of a file with these contents."""
    for place, content in (("stored", stored), ("again", again)):
        path = tmp_path / place / (LS.models if name.endswith("tensors") else LS.runs) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, dict):
            save_file(content, path)
        elif content is not None:
            path.write_bytes(content.encode() if isinstance(content, str) else content)
    found = verify.differences(tmp_path / "stored", tmp_path / "again", LS)
    shutil.rmtree(tmp_path / "stored")
    shutil.rmtree(tmp_path / "again")
    return found


def test_what_differs_is_named_with_by_how_much(tmp_path):
    nan = float("nan")
    one = {"a": torch.tensor([1.0, nan])}
    for name, stored, again, told in (
        ("metrics.json", '{"a": {"b": [1, 2.5]}}', '{"a": {"b": [1, 2.25]}}', "1 of 2 values differ, by at most 0.25"),
        ("metrics.json", '{"a": 1, "c": 1}', '{"a": 1}', "1 of 2 values differ (c: 1 stored, nan made again)"),
        ("metrics.json", '{"a": "x"}', '{"a": "y"}', "1 of 1 values differ (a: x stored, y made again)"),
        ("metrics.json", '{"a": 1}', '{"a":  1}', "the same values, but spelled otherwise"),
        ("history.csv", "s,value\nx,1\ny,2\n", "s,value\nx,1\ny,3.5\n", "by at most 1.5 (line 3 value: 2 stored"),
        ("layers.csv", None, "a\n1\n", "is not stored"),
        ("7.safetensors", one, None, "is stored, but was not made again"),
        ("0.safetensors", {"a": torch.tensor([1.0, 2.0])}, one, "by at most inf, in a"),
        ("0.safetensors", {"a": torch.tensor([0.0, nan])}, one, "by at most 1, in a"),
        ("0.safetensors", {"a": torch.zeros(3)}, one, "a is torch.float32 [3], not torch.float32 [2]"),
        ("0.safetensors", {"b": torch.zeros(2)}, one, "tensors of another network, as a"),
        ("metrics.json", "{", '{"a": 1}', "cannot be read"),
        ("metrics.json", b"\xff", '{"a": 1}', "cannot be read"),
        ("0.safetensors", "{", one, "cannot be read"),
    ):
        (line,) = written(tmp_path, name, stored, again)
        assert told in line, line
        assert name in line
    assert written(tmp_path, "0.safetensors", one, one) == []
