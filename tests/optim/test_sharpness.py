"""Names, fields and what they refuse."""

from dataclasses import FrozenInstanceError

import pytest

from samo.optim.sharpness import PRESETS, Sharpness, preset


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"rho": -1.0}, "rho"),
        ({"rho": float("inf")}, "rho"),
        ({"rho": float("nan")}, "rho"),
        ({"head_rho": -0.1}, "head_rho"),
        ({"alpha": 1.5}, "alpha"),
        ({"mu": 0.0}, "mu"),
        ({"decay": 1.0}, "decay"),
        ({"reuse": -1.0}, "reuse"),
        ({"every": 0}, "every"),
        ({"every": 1.5}, "every"),
        ({"directions": 0}, "directions"),
        ({"scope": "all"}, "scope"),
        ({"normalise": "tensor"}, "normalise"),
        ({"noise": "common"}, "noise"),
        ({"probe_statistics": "eval"}, "probe_statistics"),
        ({"decompose": "separate"}, "decompose"),
        ({"along": "momentum"}, "along"),
        ({"layers": []}, "layers"),
        ({"layers": 1.5}, "layers"),
        ({"layers": ["first", True]}, "layers"),
        ({"scope": "global", "along": "previous", "head_rho": 0.1}, "head_rho"),
    ],
)
def test_a_wrong_field_is_named_in_one_line(fields: dict[str, object], named: str) -> None:
    with pytest.raises(ValueError, match=named) as fault:
        preset("samo", **fields)
    assert "\n" not in str(fault.value)


def test_unknown_names_say_what_is_known() -> None:
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
    listed = ["first", 3]
    assert preset("samo-sampled", layers=listed).layers == ("first", 3)
    assert hash(preset("samo-sampled", layers=listed)) == hash(preset("samo-sampled", layers=("first", 3)))


def test_nothing_moves_without_a_radius() -> None:
    assert not preset("samo", rho=0).moves
    assert preset("samo", rho=0, head_rho=0.1).moves
    assert not Sharpness(0.1, "none").moves
