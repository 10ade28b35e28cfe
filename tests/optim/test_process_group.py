"""Two processes with half of a batch each make the step that one makes on all of it."""

from typing import Any

import pytest
import torch

from samo import PRESETS
from tests.optim.ranked import CASES, OWN_STATISTICS, all_cases, both_ranks

pytestmark = pytest.mark.slow  # two processes take hundreds of steps, a message for each gradient
EXACT = [*CASES, *(f"synchronised {name}" for name in PRESETS), "images", "half a task ls", "half a task mgda"]


@pytest.fixture(scope="module")
def ranks(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    return both_ranks(tmp_path_factory.mktemp("ranks"))


@pytest.fixture(scope="module")
def alone() -> dict[str, Any]:
    return all_cases(None)


@pytest.mark.parametrize("case", EXACT)
def test_two_halves_make_the_step_of_the_whole(case: str, ranks: list[dict[str, Any]], alone: dict[str, Any]) -> None:
    """Losses, learned task weights, weights and running statistics after three steps."""
    assert len(alone[case]) > 3
    for rank in ranks:
        for ours, expected in zip(rank["found"][case], alone[case], strict=True):
            assert (ours is None) == (expected is None)
            if ours is not None:
                torch.testing.assert_close(ours, expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("case", [*EXACT, *(f"own statistics {name}" for name in OWN_STATISTICS)])
def test_replicas_stay_alike_bit_for_bit(case: str, ranks: list[dict[str, Any]]) -> None:
    first, second = (rank["found"][case] for rank in ranks)
    for one, other in zip(first, second, strict=True):
        assert one is other is None or torch.equal(one, other)


@pytest.mark.parametrize("name", OWN_STATISTICS)
def test_own_statistics_are_another_step(name: str, ranks: list[dict[str, Any]], alone: dict[str, Any]) -> None:
    """BatchNorm and dropout by rank: what the docstring says is not the step of the whole batch."""
    case = f"own statistics {name}"
    assert any((a - b).abs().max() > 1e-6 for a, b in zip(ranks[0]["found"][case], alone[case], strict=True))


def test_what_does_not_fit_together_is_said_on_every_rank(ranks: list[dict[str, Any]]) -> None:
    for rank in ranks:
        heard = rank["said"]
        assert heard["alike"] == "nothing"
        assert "start apart, in the weights:" in heard["weights"]
        assert "start apart, in the buffers:" in heard["buffers"]
        assert "start apart, in the update's generator:" in heard["generator"]
        assert heard["not a number"] == "LossError: the loss of task 2 is nan"
        assert heard["unequal"] == "ValueError: a batch of 3 has no 2 equal shares, one for each rank"
    assert [rank["said"]["shares"] for rank in ranks] == [[0, 2], [1, 3]]
