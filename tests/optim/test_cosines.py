import math

import pytest
import torch

from samo.optim.cosines import by_block, cosines, magnitude_ratio, pairs


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


def test_blocks_of_columns_have_their_own_cosines() -> None:
    J = torch.tensor([[1.0, 0, 2, 0], [-3, 0, 1, 0], [0, 5, 4, 0]])
    first, second, third = by_block(J, [2, 1, 1]).tolist()
    assert first == pytest.approx((-1 + 0 + 0) / 3)
    assert second == pytest.approx(1)
    assert math.isnan(third)


def test_a_pair_counts_where_both_rows_are_there() -> None:
    J = torch.tensor([[1.0, 1], [-1, 1], [0, 1]])
    assert by_block(J, [1, 1]).tolist() == pytest.approx([-1, 1])


def test_the_ratio_of_lengths() -> None:
    assert magnitude_ratio(torch.tensor([[3.0, 4], [0, 1], [2, 0]])) == pytest.approx(0.2)
    assert magnitude_ratio(torch.tensor([[3.0, 4], [0, 0]])) == 0
    assert magnitude_ratio(torch.zeros(2, 2)) == 1
