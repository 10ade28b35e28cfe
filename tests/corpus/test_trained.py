"""Weights and prepared arrays that were cut or exchanged, through the stage `analyse` and the stage `train`."""

import io
import struct

import numpy as np
import torch
from safetensors.torch import load, save, save_file

from samo.study import config
from samo.study.config import conditions
from samo.study.runs import trained
from samo.study.runs.condition import train_condition
from tests.corpus.entry import Harm, objects, refused, stage, untouched
from tests.study.notebooks import cells


def saved(trap) -> bytes:
    out = io.BytesIO()
    torch.save({"a": Harm(trap)}, out)
    return out.getvalue()


def changed(good: bytes, bias: torch.Tensor) -> bytes:
    return bytes(save(load(good) | {"heads.0.bias": bias}))


WEIGHTS = {
    "cut": lambda good, trap: good[:-4],
    "a head beyond the file": lambda good, trap: struct.pack("<Q", 2**62) + good[8:],
    "what torch saves": lambda good, trap: saved(trap),
    "another shape": lambda good, trap: changed(good, torch.zeros(3)),
    "not finite": lambda good, trap: changed(good, load(good)["heads.0.bias"] * float("nan")),
}


def test_broken_weights(study, capsys):
    params = config.load()
    network = trained.problem(study, params, "multimnist").network()
    weights = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    for condition in conditions.conditions(params):
        (study / condition.models).mkdir(parents=True)
        for seed in (0, 1):
            save_file(weights, study / condition.weights(20, seed))
    trap, path = study.parent / "ran", study / "data/models/multimnist/ls/20-0.safetensors"
    good = path.read_bytes()
    for make in WEIGHTS.values():
        path.unlink()
        path.write_bytes(make(good, trap))
        with untouched(study):
            found = stage(capsys, lambda: cells.run("curvature", dataset="multimnist"))
        refused(found, str(path), "dvc repro -f train@multimnist-ls")
    assert not trap.exists()


PREPARED = {
    "missing": ("train_images.npy", lambda path: path.unlink()),
    "cut": ("train_images.npy", lambda path: path.write_bytes(path.read_bytes()[:-10])),
    "objects": ("train_labels.npy", lambda path: path.write_bytes(objects(path.parents[3] / "ran"))),
    "fewer labels than images": ("test_labels.npy", lambda path: np.save(path, np.load(path)[:-1])),
    "a datasheet without its mean": ("datasheet.json", lambda path: path.write_text('{"std": 0.5}')),
}


def test_broken_prepared_data(study, capsys):
    for file, breaks in PREPARED.values():
        path = study / "data/prepared/multimnist" / file
        good = path.read_bytes()
        breaks(path)
        with untouched(study):
            found = stage(capsys, lambda: train_condition("multimnist", "ls"))
        refused(found, str(path.parent))
        path.write_bytes(good)
    assert not (study / "ran").exists()
