"""`samo estimates` on a small study with made digits, and on adapters and the whole trunk under them."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from safetensors.torch import load_file
from typer.testing import CliRunner

from samo.study import cli, estimates
from tests.datasets import made_raw


def run(*arguments: str) -> str:
    """What `samo estimates` prints, or its fault."""
    result = CliRunner().invoke(cli.app, ["estimates", *arguments, "--looks", "1"])
    if result.exception:
        raise result.exception
    return result.output


def test_every_seed_and_size_of_batch_is_in_the_table(here: Path) -> None:
    said = run("multimnist", "--batch", "4", "--batch", "8", "--at", "1")
    made = pd.read_csv(here / "data/analysis/multimnist/estimates.csv")
    assert set(made["n"]) == {2}
    assert set(zip(made["batch"], made["update"], strict=True)) == {(4, 1), (8, 1)}
    assert "| last gradient | 9 | 2 | " in said
    assert "| estimate | units | rows | batch 4, after 1 | batch 8, after 1 |" in said
    assert list(estimates.lines(made))[-1] in said


def test_the_whole_trunk_has_the_weights_that_the_adapters_stand_on(here: Path) -> None:
    folder = here.parent / "brown"
    folder.mkdir()
    shutil.copytree(made_raw.prepared("brownlora", folder), here / "data/prepared/brownlora")
    _, data, training = made_raw.SMALL["brownlora"]
    block = {"data": data, "training": {"batch": 4, **training}}
    params = here / "params.yaml"
    params.write_text(params.read_text().replace("datasets:\n", f"datasets:\n  brownlora: {json.dumps(block)}\n", 1))
    sizes = []
    for options, name in (([], ""), (["--whole"], "-whole")):
        run("brownlora", "--batch", "4", "--at", "1", *options)
        made = pd.read_csv(here / f"data/analysis/brownlora/estimates{name}.csv")
        assert set(made["dataset"]) == {f"brownlora{name}"}
        sizes.append(int(made["params"].iloc[0]))
    assert sizes[0] < sizes[1]
    weights = load_file(here / "data/prepared/brownlora/trunk.safetensors")
    assert sizes[1] == sum(weight.numel() for weight in weights.values())


def test_what_cannot_be_looked_at_is_named(here: Path) -> None:
    for arguments, said in (
        ("brown", "no dataset 'brown' in params.yaml: there are multimnist"),
        ("multimnist --whole", "multimnist has no adapters"),
        ("multimnist --batch 400", "60 examples to train on, a batch of 400"),
    ):
        with pytest.raises(ValueError, match=said):
            run(*arguments.split())
