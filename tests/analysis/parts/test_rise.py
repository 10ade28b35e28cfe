"""The rise within a ball against closed forms, in float64."""

import math

import pytest
import torch
from torch import Tensor, nn

from samo.analysis.parts.hessian import Pieces
from samo.analysis.parts.rise import rise


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def quadratic(A: Tensor, start: list[float]) -> tuple[nn.Parameter, Pieces]:
    x = nn.Parameter(torch.tensor(start, dtype=torch.float64))
    return x, [lambda: 0.5 * x @ A @ x]


def test_a_linear_loss_rises_by_rho_times_its_slope():
    x = nn.Parameter(torch.zeros(2, dtype=torch.float64))
    found = rise([lambda: 3 * x[0] + 4 * x[1] - 7], [x], 0.1, 3, generator())
    assert found == pytest.approx((0.5, 0.5))


def test_a_round_bowl():
    """c |x|^2 / 2 rises by rho ||g|| + c rho^2 / 2, straight away from its bottom."""
    x, pieces = quadratic(3.0 * torch.eye(2, dtype=torch.float64), [3.0, -4.0])
    found = rise(pieces, [x], 0.2, 1, generator())
    assert found.first_order == pytest.approx(0.2 * 15)
    assert found.largest == pytest.approx(0.2 * 15 + 3 * 0.2**2 / 2)


def test_at_the_bottom_it_is_the_largest_eigenvalue():
    """There is no slope, and the highest point of the sphere is rho^2 lambda_max / 2."""
    x, pieces = quadratic(torch.diag(torch.tensor([1.0, 2.0, 8.0], dtype=torch.float64)), [0.0, 0.0, 0.0])
    found = rise(pieces, [x], 0.1, 30, generator())
    assert found.first_order == 0
    assert found.largest == pytest.approx(0.1**2 * 8 / 2, rel=1e-6)


def test_it_turns_from_the_slope_to_the_steep_side():
    """The maximum of g'e + e'Ae / 2 on the sphere solves (mu - A) e = g, ||e|| = rho, with mu > lambda_max."""
    values, start, rho = torch.tensor([1.0, 20.0], dtype=torch.float64), [1.0, 0.01], 0.5
    x, pieces = quadratic(torch.diag(values), start)
    g = values * torch.tensor(start, dtype=torch.float64)
    low, high = 20.0, 100.0
    for _ in range(200):
        mu = (low + high) / 2
        low, high = (mu, high) if float((g / (mu - values)).norm()) > rho else (low, mu)
    e = g / (high - values)
    best = float(g @ e + 0.5 * (e * values) @ e)
    one, many = (rise(pieces, [x], rho, steps, generator()).largest for steps in (1, 30))
    assert many == pytest.approx(best, rel=1e-6)
    assert one < 0.9 * best


def test_pieces_add_up_and_the_weights_come_back():
    x, (whole,) = quadratic(torch.diag(torch.tensor([1.0, 5.0], dtype=torch.float64)), [0.3, 0.7])
    before = x.detach().clone()
    halves = [lambda: 0.25 * whole(), lambda: 0.75 * whole()]
    assert rise(halves, [x], 0.3, 4, generator()) == pytest.approx(rise([whole], [x], 0.3, 4, generator()))
    assert torch.equal(x, before)
    assert x.grad is None


def test_a_loss_that_only_falls_does_not_rise():
    x, pieces = quadratic(-torch.eye(2, dtype=torch.float64), [0.0, 0.0])
    assert rise(pieces, [x], 0.1, 3, generator()).largest == 0


def test_what_is_not_finite_is_not_zero():
    x = nn.Parameter(torch.ones(2))
    assert math.isnan(rise([lambda: (x * math.inf).sum() - math.inf], [x], 0.1, 2, generator()).largest)
