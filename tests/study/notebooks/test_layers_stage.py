"""From trained cells to a choice of layers that a later cell perturbs."""

import json

import pytest

from samo import MultiTaskUpdate, preset
from samo.models import lenet
from samo.study import config
from samo.study.cli import main
from samo.study.config import text as yaml_text
from samo.study.errors import NotebookError
from samo.study.notebooks.layers_stage import choice, write_layers
from samo.study.runs.cell import train_cell

TENSORS = [name for name, _ in lenet.build().trunk.named_parameters()]


@pytest.fixture
def analysed(study):
    for method in ("stl", "ls", "samo-ls"):
        train_cell("multimnist", method)
    write_layers(study, config.load(), "multimnist")
    return study


def test_training_writes_the_layers_and_the_analysis_chooses_some(analysed, monkeypatch, capsys, tmp_path):
    table = write_layers(analysed, config.load(), "multimnist")
    assert set(table["method"]) == {"ls", "samo-ls"}
    assert list(table["layer"].drop_duplicates()) == TENSORS
    assert set(table["epoch"]) == {0, 1, 2}
    assert set(table["n"]) == {2}
    assert table["mean"].between(-1, 1).all()
    # The first weights are those of the seed, whatever the method.
    start = table[table["epoch"] == 0].set_index(["method", "layer"])["mean"].unstack("method")
    assert (start["ls"] == start["samo-ls"]).all()
    assert not (analysed / "data/runs/multimnist/stl/layers.csv").exists()
    chosen = [name for name in TENSORS if name in set(table.loc[table["chosen"], "layer"])]
    assert len(chosen) == 2

    monkeypatch.setattr("sys.argv", ["samo", "layers", "multimnist", "--out", str(tmp_path / "chosen.json")])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    *_, last = capsys.readouterr().out.strip().splitlines()
    # What it prints is what params.yaml takes, and what it writes is what the preset reads.
    block = yaml_text.read(last.removeprefix("for params.yaml: "))["sharpness"]
    assert block == {"preset": "samo-sampled", "layers": {"multimnist": chosen}}
    assert json.loads((tmp_path / "chosen.json").read_text()) == chosen
    text = (analysed / "params.yaml").read_text()
    spelt = json.dumps({"aggregator": "ls", "sharpness": block})
    (analysed / "params.yaml").write_text(text.replace("methods:\n", f"methods:\n  sampled-ls: {spelt}\n", 1))
    method = config.load().methods_on("multimnist")["sampled-ls"]
    network = lenet.build()
    update, from_file = (
        MultiTaskUpdate(network.trunk, network.heads, sharpness=preset("samo-sampled", layers=layers))
        for layers in (method.preset_fields["layers"], f"@{tmp_path / 'chosen.json'}")
    )
    assert update._layers == from_file._layers == {TENSORS.index(name) for name in chosen}
    assert train_cell("multimnist", "sampled-ls").metrics["sharpness"] == "samo-sampled"


def test_layers_of_another_network_are_named_with_its_own(study):
    text = (study / "params.yaml").read_text()
    (study / "params.yaml").write_text(text.replace("alpha: 0.3", "layers: [0.weight, 11.weight]"))
    with pytest.raises(ValueError, match=r"'11\.weight' matches none of the trunk's 6 tensors \(0\.weight, 0\.bias"):
        train_cell("multimnist", "samo-ls")


def test_what_is_missing_is_said(study):
    with pytest.raises(NotebookError, match="dvc repro analyse@multimnist-layers"):
        choice(study, "multimnist")
    table = write_layers(study, config.load(), "multimnist")
    assert table.empty
    with pytest.raises(NotebookError, match=r"analyses\.layers"):
        choice(study, "multimnist")
