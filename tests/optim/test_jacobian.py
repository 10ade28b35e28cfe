import pytest
import torch

from samo import task_gradients
from tests.problems import problem


def test_rows_are_the_tasks_gradients_in_the_order_asked() -> None:
    case = problem(3, branches=True)
    params = list(case.network.trunk.parameters())
    J = task_gradients(case.closure, case.network.trunk, [2, 0])
    assert J.shape == (2, sum(p.numel() for p in params))
    for row, task in zip(J, [2, 0], strict=True):
        wanted = torch.autograd.grad(case.closure([task])[0], params, allow_unused=True, materialize_grads=True)
        assert torch.equal(row, torch.cat([g.flatten() for g in wanted]))


def test_a_branch_that_a_task_does_not_use_is_zero_and_frozen_ones_are_left_out() -> None:
    case = problem(2, branches=True)
    case.network.trunk.first.requires_grad_(False)
    J = task_gradients(case.closure, case.network.trunk.parameters(), [0, 1])
    own = sum(p.numel() for p in case.network.trunk.branches[0].parameters())
    assert J.shape[1] == sum(p.numel() for p in case.network.trunk.parameters() if p.requires_grad)
    assert not J[0, -own:].any()
    assert not J[1, -2 * own : -own].any()
    assert J[1, -own:].any()


def test_a_mixed_trunk_is_refused() -> None:
    params = [torch.ones(2, requires_grad=True), torch.ones(2, dtype=torch.float64, requires_grad=True)]
    with pytest.raises(ValueError, match="one dtype"):
        task_gradients(lambda tasks: [params[0].sum() + params[1].sum()], params, [0])
