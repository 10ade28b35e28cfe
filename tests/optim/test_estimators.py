"""Random directions, and what is remembered of a task's gradient, against what theory says of them."""

from typing import Any

import pytest
import torch
from torch import Tensor

from samo import preset
from samo.optim.closures import TaskLosses
from samo.optim.estimators import AtTheta, direction, draw
from samo.optim.perturbation import Weights
from tests.problems import grads, problem, same, train, update_of


def flat(parts: Any) -> Tensor:
    return torch.cat([part.flatten() for part in parts])


@pytest.mark.parametrize(("distribution", "rank"), [("normal", 1), ("rademacher", 1), ("low-rank", 1), ("low-rank", 2)])
def test_a_seed_is_a_direction_of_unit_covariance_so_that_a_probe_is_unbiased(distribution: Any, rank: int) -> None:
    like = [torch.zeros(3, 2, 2, dtype=torch.float64), torch.zeros(2, dtype=torch.bfloat16)]
    drawn = [draw(like, seed, distribution, rank) for seed in range(3000)]
    same(draw(like, 1, distribution, rank), drawn[1])
    assert [part.dtype for part in drawn[0]] == [torch.float64, torch.float32]
    if distribution == "low-rank":
        assert all(torch.linalg.matrix_rank(kernel.flatten(1)) == rank for kernel, _ in drawn[:20])
    if distribution == "rademacher":
        assert set(flat(drawn[0]).tolist()) == {-1.0, 1.0}
    z = torch.stack([flat(parts) for parts in drawn])
    torch.testing.assert_close(z.T @ z / len(z), torch.eye(14, dtype=z.dtype), rtol=0, atol=0.25)


def test_half_of_a_guided_direction_lies_in_the_span_of_what_is_known() -> None:
    """E z z^T = (I + P / k U U^T) / 2; gradients that are alike span one dimension."""
    generator = torch.Generator().manual_seed(0)
    theta = [torch.zeros(2, 2, dtype=torch.float64), torch.zeros(3, dtype=torch.float64)]
    one, two = torch.randn(2, 7, dtype=torch.float64, generator=generator)
    losses = TaskLosses(lambda tasks: [], [0, 1], [], theta[0].device)
    for known, k in (([one, two], 2), ([one, -3 * one], 1), ([], 0)):
        rows = [[g[:4].view(2, 2), g[4:]] for g in known]
        at = AtTheta(losses, Weights(theta), [0, 1], generator, one, [None, *rows])
        s = preset("samo", estimator="guided")
        z = torch.stack([flat(direction(s, n, at)) for n in range(4000)])
        U = torch.linalg.qr(torch.stack(known[:k]).T).Q if k else torch.zeros(7, 0, dtype=z.dtype)
        wanted = torch.eye(7, dtype=z.dtype)
        torch.testing.assert_close(z.T @ z / len(z), (wanted + 7 / k * U @ U.T) / 2 if k else wanted, rtol=0, atol=0.3)


def test_sampled_layers_that_are_frozen_leave_the_global_perturbation() -> None:
    found = []
    for fields in ({"layers": "first.*"}, {"alpha": 1.0}):
        case = problem(2)
        case.network.trunk.first.requires_grad_(False)
        update_of(case, "mgda", "samo", **fields).backward(case.closure)
        found.append(flat(g for g in grads(case.network) if g is not None))
    torch.testing.assert_close(*found)


def test_what_is_remembered_of_a_task_stays_where_it_is_left_out() -> None:
    case = problem(3)
    update = update_of(case, "ls", "samo-remembered")
    train(case, update, 1)
    before = update.state_dict()["history"]
    assert sorted(before) == ["gradient 0", "gradient 1", "gradient 2"]
    update.backward(case.closure, tasks=[0, 2])
    after = update.state_dict()["history"]
    kept = [torch.equal(flat(before[kind].values()), flat(after[kind].values())) for kind in sorted(before)]
    assert kept == [False, True, False]
