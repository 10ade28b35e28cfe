import json
from pathlib import Path
from typing import Any

import pytest

from samo.layers import select_layers

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


@pytest.mark.parametrize("layers", [7, -6, "fourth", ("first", "fourth.*")])
def test_what_matches_nothing_is_named(layers: Any) -> None:
    with pytest.raises(ValueError, match="matches none of the trunk's 5 tensors"):
        select_layers(NAMES, layers)
