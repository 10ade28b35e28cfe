import json
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from safetensors.torch import load_file

from samo.study.runs.condition import train_condition
from tests.study.made_study import content


def test_what_a_condition_writes(study, tmp_path, monkeypatch):
    monkeypatch.setenv("SAMO_PROGRESS", str(tmp_path / "progress"))
    result = train_condition("multimnist", "samo-ls")
    metrics = json.loads((study / "data/runs/multimnist/samo-ls/metrics.json").read_text())
    assert metrics == json.loads(json.dumps(result.metrics))
    trials = json.loads((study / "data/search/multimnist/samo-ls.json").read_text())
    assert trials == json.loads(json.dumps(result.searched))
    assert list(trials) == ["10"]
    [*first, further] = trials["10"]["trials"]
    assert [(t["lr"], t["rho"]) for t in first] == [(0.00548, 0.0447), (0.0074, 0.0299)]
    assert trials["10"]["extended"]  # of two values each is an edge
    assert all(list(t["scores"]) == ["7"] for t in (*first, further))
    scores = {(t["lr"], t["rho"]): t["score"] for t in (*first, further)}
    assert list(metrics["updates"]) == ["10", "20"]
    for updates in metrics["updates"].values():
        chosen = updates["chosen"]
        assert scores[(chosen["lr"], chosen["rho"])] == max(scores.values())
        assert set(updates["seeds"]) == {"0", "1"}
        assert set(updates["seeds"]["0"]) == {"left", "right"}
    metrics = result.at(20)
    assert [(m["task"], m["metric"]) for m in metrics["aside"]][-2:] == [("left", "loss"), ("right", "loss")]

    history = pd.read_csv(study / "data/runs/multimnist/samo-ls/history.csv")
    own = history.query("updates == 20 and split == 'test' and metric == 'accuracy' and seed == 1 and task == 'right'")
    assert own["value"].iloc[-1] == metrics["seeds"]["1"]["right"]["accuracy"]
    weights, other = (load_file(study / f"data/models/multimnist/samo-ls/20-{seed}.safetensors") for seed in (1, 0))
    assert sum(w.numel() for w in weights.values()) == 31_910
    assert all((weights[name] != tensor).any() for name, tensor in other.items())  # each seed has a start of its own

    events = [json.loads(line) for line in (tmp_path / "progress").read_text().splitlines()]
    done = [event["done"] for event in events]
    assert done == sorted(done)
    assert done[-1] > 0.95
    phases = {event["phase"] for event in events}
    assert {"search 1/3", "10 updates, seed 0 (1/4)", "20 updates, seed 1 (4/4)"} <= phases


def test_the_same_condition_gives_the_same_bytes_in_another_process(study):
    """In an interpreter of its own, which orders what it hashes in another way: nothing of the first can help."""
    code = "from samo.study.runs.condition import train_condition; train_condition('multimnist', 'fmtl-fairgrad')"
    own = os.environ | {"PYTHONPATH": str(study / "src"), "PYTHONHASHSEED": "1"}
    subprocess.run([sys.executable, "-c", code], check=True, env=own)
    found = content(study, "fmtl-fairgrad")
    trials = train_condition("multimnist", "fmtl-fairgrad").at()["search"]["trials"]
    assert content(study, "fmtl-fairgrad") == found
    assert {t["rho"] for t in trials} == {0.1}  # a given one is not searched


def test_no_choice_can_see_test_data_and_an_arm_takes_its_donor_s(study):
    """Test labels are made worthless: the search comes out the same. An arm searches nothing."""
    first = train_condition("multimnist", "ls").searched
    labels = study / "data/prepared/multimnist/test_labels.npy"
    np.save(labels, (np.load(labels) + 5) % 10)
    again = train_condition("multimnist", "ls")
    assert again.searched == first
    donor = again.at()["search"]["chosen"]["lr"]
    found = train_condition("multimnist", "placebo-ls")
    assert found.searched == {}
    assert found.at()["search"] == {"trials": [], "chosen": {"lr": donor, "rho": 0.1}}
    assert list(found.metrics["updates"]) == ["20"]
    assert list(found.at()["seeds"]) == ["0"]
    assert not (study / "data/search/multimnist/placebo-ls.json").exists()


def test_an_unknown_condition_leaves_nothing(study):
    with pytest.raises(ValueError, match="no method 'nobody' on multimnist"):
        train_condition("multimnist", "nobody")
    assert not (study / "data/runs").exists()
