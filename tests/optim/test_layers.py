"""Layers of the trunk: modules, their weights and biases together."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from samo import MultiTaskUpdate
from samo.optim.layers import select_layers
from tests.problems import problem, update_of

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


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "No such file"),
        ("[" * 100_000, "not JSON"),
        ("[]", "one or more"),
        ("[true]", "one or more"),
        ('["@layers.json"]', "one or more"),
        ('["fourth"]', "'fourth' matches none"),
    ],
)
def test_a_file_that_is_no_list_of_layers_is_named(tmp_path: Path, content: str | None, told: str) -> None:
    path = tmp_path / "layers.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ValueError, match=told) as caught:
        select_layers(NAMES, f"@{path}")
    assert "'fourth'" in told or str(path) in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


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


def test_what_matches_nothing_is_named() -> None:
    for layers in (7, -6, "fourth", ("first", "fourth.*")):
        with pytest.raises(ValueError, match="matches none of the trunk's 5 layers"):
            select_layers(NAMES, layers)
    for number in ("0", "6", "", "-1", "two"):
        with pytest.raises(ValueError, match="random:N needs a whole number N from 1 to 5"):
            select_layers(NAMES, f"random:{number}", torch.Generator())


def test_a_random_choice_is_part_of_the_state() -> None:
    def update(seed: int) -> MultiTaskUpdate:
        return update_of(problem(2), "ls", "samo", layers="random:1", generator=torch.Generator().manual_seed(seed))

    states = [update(seed).state_dict() for seed in range(8)]
    assert len({tuple(state["layers"]) for state in states}) == 2  # as many as there are
    for state in states:
        other = update(9)
        other.load_state_dict(state)
        assert other.state_dict()["layers"] == state["layers"]
