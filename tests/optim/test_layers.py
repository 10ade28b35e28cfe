"""Layers of the trunk: modules, their weights and biases together."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch

from samo.optim.layers import select_layers

LAYERS = {
    "conv": ["conv.weight", "conv.bias"],
    "norm": ["norm.weight", "norm.bias"],
    "block.0": ["block.0.weight"],
    "block.1": ["block.1.weight", "block.1.bias"],
    "last": ["last.weight"],
}
NAMES = [name for own in LAYERS.values() for name in own]


def chosen(layers: Any, generator: torch.Generator | None = None) -> list[str]:
    """The layers, after a look that all of each was chosen."""
    found = select_layers(NAMES, layers, generator)
    whole = [layer for layer, own in LAYERS.items() if own[0] in found]
    assert found == [name for layer in whole for name in LAYERS[layer]]
    return whole


def test_layers_by_index_place_name_pattern_and_file(tmp_path: Path) -> None:
    path = tmp_path / "layers.json"
    path.write_text(json.dumps(["conv.*", -1]))
    for layers, found in (
        ("all", list(LAYERS)),
        (1, ["norm"]),
        (-1, ["last"]),
        (("last", "first", "middle"), ["conv", "block.0", "last"]),
        ("*.bias", ["conv", "norm", "block.1"]),
        (("block.*", 0, "norm.weight"), ["conv", "norm", "block.0", "block.1"]),
        ("norm", ["norm"]),
        (f"@{path}", ["conv", "last"]),
    ):
        assert chosen(layers) == found
    assert select_layers(["0", "1", "2"], ("first", -1)) == ["0", "2"]  # without a module a layer each
    assert select_layers(["weight", "bias"], "first") == ["weight", "bias"]


FAULTS = {
    "[" * 100_000: "layers.json: not JSON",
    "[]": "layers.json: must be a JSON list of one or more",
    "[true]": "layers.json: must be a JSON list of one or more",
    '["@layers.json"]': "layers.json: must be a JSON list of one or more",
    '["fourth"]': "'fourth' matches none of the trunk's 5 layers",
}


def test_what_matches_nothing_is_named_in_one_line(tmp_path: Path) -> None:
    wrong: list[tuple[Any, str]] = [(f"@{tmp_path}/none.json", "none.json: No such file")]
    for n, (content, told) in enumerate(FAULTS.items()):
        (tmp_path / str(n)).mkdir()
        path = tmp_path / str(n) / "layers.json"
        path.write_text(content)
        wrong.append((f"@{path}", told))
    wrong += [(layers, "matches none of the trunk's 5 layers") for layers in (7, -6, "fourth", ("first", "fourth.*"))]
    for number in ("0", "6", "", "-1", "two"):
        wrong.append((f"random:{number}", "random:N needs a whole number N from 1 to 5"))
    for layers, told in wrong:
        with pytest.raises(ValueError, match=re.escape(told)) as caught:
            select_layers(NAMES, layers, torch.Generator())
        assert "\n" not in str(caught.value)


def test_random_layers_are_drawn_from_the_generator_and_nothing_else_draws() -> None:
    drawn = {tuple(chosen("random:2", torch.Generator().manual_seed(seed))) for seed in range(50)}
    assert all(len(set(found)) == 2 for found in drawn)
    assert {layer for found in drawn for layer in found} == set(LAYERS)
    generator = torch.Generator()
    before = generator.get_state()
    chosen(("first", "*.bias", -1), generator)
    assert torch.equal(generator.get_state(), before)
    with pytest.raises(ValueError, match="needs a generator"):
        select_layers(NAMES, "random:2")
