import json
from pathlib import Path
from typing import Any

import pytest
import torch

from samo.optim.layers import select_layers

NAMES = ["first.weight", "first.bias", "second.weight", "second.bias", "third.weight"]


@pytest.mark.parametrize(
    ("layers", "found"),
    [
        ("all", [0, 1, 2, 3, 4]),
        (1, [1]),
        (-1, [4]),
        (("last", "first", "middle"), [0, 2, 4]),
        ("*.bias", [1, 3]),
        (("second.*", 0, "first.weight"), [0, 2, 3]),
    ],
)
def test_layers_by_index_place_and_pattern(layers: Any, found: list[int]) -> None:
    assert select_layers(NAMES, layers) == found


def test_layers_from_the_file_of_an_analysis(tmp_path: Path) -> None:
    path = tmp_path / "layers.json"
    path.write_text(json.dumps(["first.*", -1]))
    assert select_layers(NAMES, f"@{path}") == [0, 1, 4]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "No such file"),
        ("[first]", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "one or more"),
        ('{"first": 1}', "one or more"),
        ("[true]", "one or more"),
        ("[0.5]", "one or more"),
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


def test_random_layers_are_drawn_from_the_generator() -> None:
    def draw(seed: int) -> list[int]:
        return select_layers(NAMES, "random:2", torch.Generator().manual_seed(seed))

    assert draw(3) == draw(3)
    drawn = {tuple(draw(seed)) for seed in range(50)}
    assert all(len(set(found)) == 2 for found in drawn)
    assert {d for found in drawn for d in found} == {0, 1, 2, 3, 4}
    assert select_layers(NAMES, "random:5", torch.Generator()) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("layers", ["random:0", "random:6", "random:", "random:-1", "random:two"])
def test_a_random_choice_needs_a_number_that_there_is(layers: str) -> None:
    with pytest.raises(ValueError, match="random:N needs a whole number N from 1 to 5"):
        select_layers(NAMES, layers, torch.Generator())


def test_nothing_is_drawn_without_a_generator_or_without_need() -> None:
    with pytest.raises(ValueError, match="needs a generator"):
        select_layers(NAMES, "random:2")
    generator = torch.Generator()
    before = generator.get_state()
    select_layers(NAMES, ("first", "*.bias", -1), generator)
    assert torch.equal(generator.get_state(), before)


@pytest.mark.parametrize("layers", [7, -6, "fourth", ("first", "fourth.*")])
def test_what_matches_nothing_is_named(layers: Any) -> None:
    with pytest.raises(ValueError, match="matches none of the trunk's 5 tensors"):
        select_layers(NAMES, layers)
