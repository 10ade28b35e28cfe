"""Names, fields and what they refuse."""

from dataclasses import FrozenInstanceError
from typing import Any

import pytest

from samo.optim.sharpness import PRESETS, Sharpness, preset

WRONG: list[tuple[str, Any]] = [
    ("rho", -1.0),
    ("rho", float("inf")),
    ("rho", float("nan")),
    ("head_rho", -0.1),
    ("alpha", 1.5),
    ("sign", 0),
    ("rank", 0),
    ("memory_decay", 1.0),
    ("mu", 0.0),
    ("decay", 1.0),
    ("reuse", -1.0),
    ("every", 0),
    ("every", 1.5),
    ("directions", 0),
    ("scope", "all"),
    ("normalise", "tensor"),
    ("decompose", "separate"),
    ("along", "momentum"),
    ("layers", []),
    ("layers", 1.5),
    ("layers", ["first", True]),
]


def test_a_wrong_field_is_named_in_one_line() -> None:
    for field, value in WRONG:
        with pytest.raises(ValueError, match=field) as fault:
            preset("samo", **{field: value})
        assert "\n" not in str(fault.value)
    with pytest.raises(ValueError, match="head_rho"):
        preset("lookback", head_rho=0.1)
    with pytest.raises(ValueError, match=r"'sam'.*gsam"):
        preset("sam")
    with pytest.raises(ValueError, match=r"'radius'.*rho"):
        preset("gsam", radius=1.0)


def test_a_preset_is_replaced_not_changed() -> None:
    assert preset("samo", alpha=0.3).alpha == 0.3
    assert PRESETS["samo"].alpha == 0.5
    with pytest.raises(FrozenInstanceError):
        PRESETS["samo"].rho = 1.0  # type: ignore[misc]


def test_layers_may_come_as_a_list() -> None:
    listed = preset("samo-sampled", layers=["first", 3])
    assert listed.layers == ("first", 3)
    assert hash(listed) == hash(preset("samo-sampled", layers=("first", 3)))


def test_nothing_moves_without_a_radius() -> None:
    assert not preset("samo", rho=0).moves
    assert preset("samo", rho=0, head_rho=0.1).moves
    assert not Sharpness(0.1, "none").moves
