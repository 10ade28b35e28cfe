import csv
import json
import os
import subprocess
import sys

import pytest
from safetensors.torch import load_file

from samo.study.runs.cell import train_cell


def test_what_a_cell_writes(study, tmp_path, monkeypatch):
    monkeypatch.setenv("SAMO_PROGRESS", str(tmp_path / "progress"))
    result = train_cell("multimnist", "samo-ls")
    metrics = json.loads((study / "data/runs/multimnist/samo-ls/metrics.json").read_text())
    assert metrics == json.loads(json.dumps(result.metrics))
    assert [(t["lr"], t["rho"]) for t in metrics["search"]["trials"]][:2] == [(0.01, 0.02), (0.01, 0.1)]
    assert len(metrics["search"]["trials"]) == 3
    scores = {(t["lr"], t["rho"]): t["score"] for t in metrics["search"]["trials"]}
    chosen = metrics["search"]["chosen"]
    assert scores[(chosen["lr"], chosen["rho"])] == max(scores.values())
    assert set(metrics["seeds"]) == {"0", "1"}
    assert set(metrics["seeds"]["0"]) == {"left", "right"}
    assert set(metrics["seeds"]["0"]["left"]) == {"accuracy"}

    with (study / "data/runs/multimnist/samo-ls/history.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    last = {
        (r["seed"], r["task"]): float(r["value"]) for r in rows if r["split"] == "test" and r["metric"] == "accuracy"
    }
    assert last[("1", "right")] == metrics["seeds"]["1"]["right"]["accuracy"]
    weights, other = (load_file(study / f"data/models/multimnist/samo-ls/{seed}.safetensors") for seed in (1, 0))
    assert sum(w.numel() for w in weights.values()) == 31_910
    assert all((weights[name] != tensor).any() for name, tensor in other.items())  # each seed has a start of its own

    events = [json.loads(line) for line in (tmp_path / "progress").read_text().splitlines()]
    done = [event["done"] for event in events]
    assert done == sorted(done)
    assert done[-1] > 0.95
    assert {"search 1/3", "seed 0 (1/2)", "seed 1 (2/2)"} <= {event["phase"] for event in events}


def test_the_same_cell_gives_the_same_bytes(study):
    """In processes of their own, so that nothing of the first can help the second."""
    found = []
    for _ in range(2):
        subprocess.run(
            [sys.executable, "-c", "from samo.study.runs import cell; cell.train_cell('multimnist', 'fmtl-fairgrad')"],
            check=True,
            env={**os.environ, "PYTHONPATH": str(study / "src")},
        )
        folder = study / "data/runs/multimnist/fmtl-fairgrad"
        found.append([(folder / name).read_bytes() for name in ("metrics.json", "history.csv")])
    assert found[0] == found[1]


def test_no_choice_can_see_test_data(study, monkeypatch):
    """Test labels are made worthless: the search comes out the same."""
    import numpy as np

    first = train_cell("multimnist", "ls").metrics["search"]
    labels = study / "data/prepared/multimnist/test_labels.npy"
    np.save(labels, (np.load(labels) + 5) % 10)
    assert train_cell("multimnist", "ls").metrics["search"] == first


def test_a_given_rho_is_not_searched(study):
    trials = train_cell("multimnist", "fmtl-fairgrad").metrics["search"]["trials"]
    assert [t["rho"] for t in trials] == [0.1, 0.1]


def test_without_mlflow_training_goes_on_with_a_warning(study, monkeypatch):
    in_the_way = study / "file"
    in_the_way.write_text("")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{in_the_way}/mlflow.db")
    with pytest.warns(UserWarning, match="samo track"):
        train_cell("multimnist", "ls")
    assert (study / "data/runs/multimnist/ls/metrics.json").exists()


def test_an_unknown_cell_leaves_nothing(study):
    with pytest.raises(KeyError):
        train_cell("multimnist", "nobody")
    assert not (study / "data/runs").exists()
