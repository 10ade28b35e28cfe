"""Names, fields and what they refuse."""

from typing import Any

import pytest

from samo.optim.sharpness import Sharpness, preset

WRONG: dict[str, list[Any]] = {
    "rho": [-1.0, float("inf"), float("nan")],
    "head_rho": [-0.1],
    "alpha": [1.5],
    "sign": [0],
    "rank": [0],
    "memory_decay": [1.0],
    "mu": [0.0],
    "decay": [1.0],
    "reuse": [-1.0],
    "every": [0, 1.5],
    "directions": [0],
    "scope": ["all"],
    "decompose": ["separate"],
    "along": ["momentum"],
    "layers": [[], 1.5, ["first", True]],
}


def test_a_wrong_field_is_named_in_one_line() -> None:
    wrong = [("samo", {field: value}, field) for field, values in WRONG.items() for value in values]
    wrong += [("lookback", {"head_rho": 0.1}, "head_rho"), ("gsam", {"radius": 1.0}, r"'radius'.*rho")]
    for name, fields, told in [*wrong, ("sam", {}, r"'sam'.*gsam")]:
        with pytest.raises(ValueError, match=told) as fault:
            preset(name, **fields)
        assert "\n" not in str(fault.value)


def test_layers_may_come_as_a_list() -> None:
    listed = preset("samo-sampled", layers=["first", 3])
    assert listed == preset("samo-sampled", layers=("first", 3))
    assert hash(listed)


def test_nothing_moves_without_a_radius() -> None:
    assert not preset("samo", rho=0).moves
    assert preset("samo", rho=0, head_rho=0.1).moves
    assert not Sharpness(0.1, "none").moves
