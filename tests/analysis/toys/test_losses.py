"""The toys in closed form: Hessians, minimisers, and fronts that nothing on a grid dominates."""

import math

import pytest
import torch
from torch import Tensor

from samo.analysis.toys.losses import TOYS

QUADRATICS, VALLEYS = TOYS["quadratics"], TOYS["valleys"]


def point(x1: float, x2: float) -> Tensor:
    return torch.tensor([x1, x2], dtype=torch.float64)


def gradients(toy, x):
    return torch.autograd.functional.jacobian(toy.values, x)


def test_the_averaged_quadratics_are_a_round_bowl():
    for x in (point(0, 0), point(-3, 2)):
        found, bowl = torch.autograd.functional.hessian(QUADRATICS.mean, x), 1.5 * torch.eye(2, dtype=torch.float64)
        torch.testing.assert_close(found, bowl, rtol=0, atol=1e-14)
    lowest = point(2 / 3, 1 / 3)
    torch.testing.assert_close(gradients(QUADRATICS, lowest).sum(0), point(0, 0), rtol=0, atol=1e-14)
    torch.testing.assert_close(QUADRATICS.values(lowest), point(8 / 3, 4), rtol=1e-14, atol=0)


def test_the_valleys_are_the_published_function():
    """Against the formula as CAGrad prints it, in scalars, with the first loss times 0.1."""

    def published(x1, x2):
        c1, c2 = max(math.tanh(0.5 * x2), 0), max(math.tanh(-0.5 * x2), 0)
        f1 = math.log(max(abs(0.5 * (-x1 - 7) - math.tanh(-x2)), 5e-6)) + 6
        f2 = math.log(max(abs(0.5 * (-x1 + 3) + math.tanh(-x2) + 2), 5e-6)) + 6
        g1 = ((-x1 + 7) ** 2 + 0.1 * (-x2 - 8) ** 2) / 10 - 20
        g2 = ((-x1 - 7) ** 2 + 0.1 * (-x2 - 8) ** 2) / 10 - 20
        return 0.1 * (c1 * f1 + c2 * g1), c1 * f2 + c2 * g2

    for start in (*VALLEYS.starts, (1.3, 4.0), (-2.0, -5.0)):
        torch.testing.assert_close(VALLEYS.values(point(*start)), point(*published(*start)), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", TOYS)
def test_the_front_goes_from_minimiser_to_minimiser_is_stationary_and_nothing_dominates_it(name):
    toy = TOYS[name]
    front = toy.front(41)
    values = toy.values(front)
    assert (values[1:, 0] > values[:-1, 0]).all()
    assert (values[1:, 1] < values[:-1, 1]).all()
    (left, right), (low, high) = toy.window
    grid = torch.cartesian_prod(*(torch.linspace(*ends, 64, dtype=torch.float64) for ends in toy.window))
    there = toy.values(grid)
    for x, at in zip(front, values, strict=True):
        J = gradients(toy, x)
        # Some convex combination of the two gradients vanishes: they are opposed, or one of them is zero.
        w = ((J[1] - J[0]) @ J[1] / (J[1] - J[0]).square().sum()).clamp(0, 1)
        assert (w * J[0] + (1 - w) * J[1]).norm() < 1e-6
        assert not (there < at - 1e-9).all(-1).any()
    # All of it: what no other point of the grid dominates lies within two of its steps of the front.
    best = torch.tensor([not (there < at).all(-1).any() for at in there])
    assert best.sum() > 10
    step = max(right - left, high - low) / 63
    assert torch.cdist(grid[best], toy.front(400)).min(1).values.max() < 2 * step
