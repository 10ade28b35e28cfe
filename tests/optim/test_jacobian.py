"""Rows of J and how they agree."""

import math

import pytest
import torch

from samo import task_gradients
from samo.optim.jacobian import by_block, cosines, magnitude_ratio, pairs
from tests.problems import problem


def test_rows_are_the_tasks_gradients_in_the_order_asked_without_what_is_frozen() -> None:
    """Zeros in the branch that a task does not use."""
    case = problem(3, branches=True)
    case.network.trunk.first.requires_grad_(False)
    params = [p for p in case.network.trunk.parameters() if p.requires_grad]
    J = task_gradients(case.closure, case.network.trunk, [2, 0])
    assert J.shape == (2, sum(p.numel() for p in params))
    for row, task in zip(J, [2, 0], strict=True):
        wanted = torch.autograd.grad(case.closure([task])[0], params, allow_unused=True, materialize_grads=True)
        assert torch.equal(row, torch.cat([g.flatten() for g in wanted]))


def test_a_mixed_trunk_has_rows_in_the_widest_dtype() -> None:
    params = [torch.ones(2, requires_grad=True), torch.ones(2, dtype=torch.bfloat16, requires_grad=True)]
    J = task_gradients(lambda tasks: [params[0].sum() + 2 * params[1].float().sum()], params, [0])
    assert J.dtype == torch.float32
    assert J.tolist() == [[1, 1, 2, 2]]


def test_cosines_of_pairs_in_order_and_of_a_zero_row() -> None:
    J = torch.tensor([[1.0, 0], [1, 1], [-2, 0], [0, 0]])
    half = 0.5**0.5
    assert pairs(J).tolist() == pytest.approx([half, -1, 0, -half, 0, 0])
    assert not cosines(J @ J.T)[3].any()
    assert pairs(torch.ones(1, 3)).numel() == 0


def test_blocks_of_columns_have_their_own_cosines() -> None:
    first, second, third = by_block(torch.tensor([[1.0, 0, 2, 0], [-3, 0, 1, 0], [0, 5, 4, 0]]), [2, 1, 1]).tolist()
    assert first == pytest.approx((-1 + 0 + 0) / 3)
    assert second == pytest.approx(1)
    assert math.isnan(third)
    # A pair counts where both rows are there.
    assert by_block(torch.tensor([[1.0, 1], [-1, 1], [0, 1]]), [1, 1]).tolist() == pytest.approx([-1, 1])


def test_the_ratio_of_lengths() -> None:
    assert magnitude_ratio(torch.tensor([[3.0, 4], [0, 1], [2, 0]])) == pytest.approx(0.2)
    assert magnitude_ratio(torch.tensor([[3.0, 4], [0, 0]])) == 0
    assert magnitude_ratio(torch.zeros(2, 2)) == 1
