"""Weights and prepared arrays that were cut or exchanged, through the stage `analyse` and the stage `train`."""

import io
import struct

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from samo.study import config
from samo.study.config import conditions
from samo.study.runs import trained
from samo.study.runs.cell import train_cell
from tests.corpus.entry import Harm, refused, stage, untouched
from tests.study.notebooks import cells


@pytest.fixture
def networks(study):
    """Weights of every cell, as if they were trained."""
    params = config.load()
    network = trained.problem(study, params, "multimnist").network()
    weights = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    for condition in conditions.conditions(params):
        (study / condition.models).mkdir(parents=True)
        for seed in (0, 1):
            save_file(weights, study / condition.weights(20, seed))
    return study


def named(size: int, text: bytes = b"") -> bytes:
    return struct.pack("<Q", size) + text


def entry(**fields) -> bytes:
    text = str({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8], **fields}}).replace("'", '"').encode()
    return named(len(text), text) + bytes(8)


def saved(trap) -> bytes:
    out = io.BytesIO()
    torch.save({"a": Harm(trap)}, out)
    return out.getvalue()


WEIGHTS = {
    "cut": lambda good, trap: good[:-4],
    "a head beyond the file": lambda good, trap: named(2**62) + good[8:],
    "a head that is no JSON": lambda good, trap: named(4, b"abcd"),
    "what torch saves": lambda good, trap: saved(trap),
    "offsets beyond the file": lambda good, trap: entry(data_offsets=[0, 2**40], shape=[2**38]),
    "another network": lambda good, trap: entry(),
}


@pytest.mark.parametrize("name", WEIGHTS)
def test_broken_weights(networks, capsys, name):
    trap, path = networks.parent / "ran", networks / "data/models/multimnist/ls/20-0.safetensors"
    content = WEIGHTS[name](path.read_bytes(), trap)
    path.unlink()
    path.write_bytes(content)
    with untouched(networks):
        refused(
            stage(capsys, lambda: cells.run("curvature", dataset="multimnist")),
            str(path),
            "dvc repro -f train@multimnist-ls",
        )
    assert not trap.exists()


@pytest.mark.parametrize("change", ["shape", "nan", "folder"])
def test_weights_of_another_kind(networks, capsys, change):
    path = networks / "data/models/multimnist/ls/20-0.safetensors"
    network = trained.problem(networks, config.load(), "multimnist").network()
    weights = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    first = min(weights)
    weights[first] = torch.zeros(3) if change == "shape" else torch.full_like(weights[first], float("nan"))
    path.unlink()
    if change == "folder":
        path.mkdir()
    else:
        save_file(weights, path)
    with untouched(networks):
        refused(
            stage(capsys, lambda: cells.run("curvature", dataset="multimnist")),
            str(path),
            "dvc repro -f train@multimnist-ls",
        )


def cut(path):
    path.write_bytes(path.read_bytes()[:-10])


def objects(path):
    np.save(path, np.array([Harm(path.parents[3] / "ran")], dtype=object), allow_pickle=True)


PREPARED = {
    "missing": ("train_images.npy", lambda path: path.unlink()),
    "cut": ("train_images.npy", cut),
    "objects": ("train_labels.npy", objects),
    "fewer labels than images": ("test_labels.npy", lambda path: np.save(path, np.load(path)[:-1])),
    "no datasheet": ("datasheet.json", lambda path: path.unlink()),
    "a datasheet without its mean": ("datasheet.json", lambda path: path.write_text('{"std": 0.5}')),
}


@pytest.mark.parametrize("name", PREPARED)
def test_broken_prepared_data(study, capsys, name):
    file, breaks = PREPARED[name]
    path = study / "data/prepared/multimnist" / file
    breaks(path)
    with untouched(study):
        found = stage(capsys, lambda: train_cell("multimnist", "ls"))
    refused(found, str(path.parent))
    assert not (study / "ran").exists()
