import pytest
import torch

from samo.conflict import cosines


def test_every_pair_once_in_order():
    J = torch.tensor([[1.0, 0], [1, 1], [-2, 0]])
    assert cosines(J).tolist() == pytest.approx([0.5**0.5, -1, -(0.5**0.5)])


def test_a_zero_gradient_is_in_no_conflict():
    assert cosines(torch.tensor([[0.0, 0], [1, 1]])).tolist() == [0.0]


def test_one_task_has_no_pair():
    assert cosines(torch.ones(1, 3)).numel() == 0
