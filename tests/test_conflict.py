import pytest
import torch

from samo.conflict import cosines, pairs


def test_every_pair_once_in_order():
    J = torch.tensor([[1.0, 0], [1, 1], [-2, 0]])
    assert pairs(J).tolist() == pytest.approx([0.5**0.5, -1, -(0.5**0.5)])


def test_a_zero_gradient_is_in_no_conflict():
    assert pairs(torch.tensor([[0.0, 0], [1, 1]])).tolist() == [0.0]


def test_one_task_has_no_pair():
    assert pairs(torch.ones(1, 3)).numel() == 0


def test_cosines_of_a_zero_row_are_zero() -> None:
    J = torch.tensor([[3.0, 4.0], [0.0, 0.0], [-3.0, 4.0]])
    found = cosines(J @ J.T)
    assert found[0].tolist() == pytest.approx([1.0, 0.0, 7 / 25])
    assert not found[1].any()
