"""The rise within a ball against closed forms, in float64."""

import math

import pytest
import torch
from torch import Tensor, nn

from samo.analysis.parts.hessian import Pieces
from samo.analysis.parts.rise import rise


def quadratic(values: list[float], start: list[float]) -> tuple[nn.Parameter, Pieces, Tensor]:
    x, a = (torch.tensor(v, dtype=torch.float64) for v in (start, values))
    p = nn.Parameter(x)
    return p, [lambda: 0.5 * (p * a) @ p], a


def rise_of(pieces: Pieces, x: nn.Parameter, rho: float, steps: int) -> tuple[float, float]:
    return rise(pieces, [x], rho, steps, torch.Generator().manual_seed(0))


def test_a_linear_loss_and_a_round_bowl():
    """c |x|^2 / 2 rises by rho ||g|| + c rho^2 / 2, straight away from its bottom."""
    x = nn.Parameter(torch.zeros(2, dtype=torch.float64))
    assert rise_of([lambda: 3 * x[0] + 4 * x[1] - 7], x, 0.1, 3) == pytest.approx((0.5, 0.5))
    y, pieces, _ = quadratic([3.0, 3.0], [3.0, -4.0])
    assert rise_of(pieces, y, 0.2, 1) == pytest.approx((0.2 * 15 + 3 * 0.2**2 / 2, 0.2 * 15))


def test_at_the_bottom_it_is_the_largest_eigenvalue_and_on_a_dome_nothing():
    """There is no slope, and the highest point of the sphere is rho^2 lambda_max / 2."""
    x, pieces, _ = quadratic([1.0, 2.0, 8.0], [0.0, 0.0, 0.0])
    assert rise_of(pieces, x, 0.1, 30) == pytest.approx((0.1**2 * 8 / 2, 0), rel=1e-6)
    x, pieces, _ = quadratic([-1.0, -1.0], [0.0, 0.0])
    assert rise_of(pieces, x, 0.1, 3)[0] == 0


def test_it_turns_from_the_slope_to_the_steep_side():
    """The maximum of g'e + e'Ae / 2 on the sphere solves (mu - A) e = g, ||e|| = rho, with mu > lambda_max."""
    rho = 0.5
    x, pieces, values = quadratic([1.0, 20.0], [1.0, 0.01])
    g = values * x.detach()
    low, high = 20.0, 100.0
    for _ in range(200):
        mu = (low + high) / 2
        low, high = (mu, high) if float((g / (mu - values)).norm()) > rho else (low, mu)
    e = g / (high - values)
    one, many = (rise_of(pieces, x, rho, steps)[0] for steps in (1, 30))
    assert many == pytest.approx(float(g @ e + 0.5 * (e * values) @ e), rel=1e-6)
    assert one < 0.9 * many


def test_pieces_add_up_and_the_weights_come_back():
    x, (whole,), _ = quadratic([1.0, 5.0], [0.3, 0.7])
    before = x.detach().clone()
    parts: Pieces = [lambda: 0.25 * whole(), lambda: 0.75 * whole()]
    assert rise_of(parts, x, 0.3, 4) == pytest.approx(rise_of([whole], x, 0.3, 4))
    assert torch.equal(x, before)
    assert x.grad is None


def test_what_is_not_finite_is_not_zero():
    x = nn.Parameter(torch.ones(2))
    assert math.isnan(rise_of([lambda: (x * math.inf).sum() - math.inf], x, 0.1, 2)[0])
