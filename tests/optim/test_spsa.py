"""SPSA against what theory says of it."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from samo.optim.passes import Passes
from samo.optim.perturbation import Point
from samo.optim.sharpness import preset
from samo.optim.spsa import draw, slopes
from tests.problems import problem


def estimates(theta: Tensor, loss: Callable[[], Tensor], count: int, **fields: Any) -> Tensor:
    """Many independent estimates of d loss / d theta, [count, P]."""
    passes = Passes(lambda tasks: [loss()], [], theta.device)
    sharpness = preset("samo", **fields)
    clean = loss().detach().reshape(1) if sharpness.probe == "one-sided" else None
    point, found = Point([theta]), []
    with passes.without_trace():
        for seed in range(count):
            z = draw([theta], seed, sharpness.distribution)
            found.append(slopes(passes, point, z, [0], [0], sharpness, clean) * z[0])
    return torch.stack(found)


@pytest.mark.parametrize(("distribution", "fourth"), [("normal", 3.0), ("rademacher", 1.0)])
def test_on_a_quadratic_the_central_probe_is_unbiased_with_the_variance_of_theory(
    distribution: str, fourth: float
) -> None:
    """ghat = (g . z) z: E ghat = g, Var ghat_d = ||g||^2 + (E z^4 - 2) g_d^2 for independent coordinates z_d."""
    P, count = 6, 6000
    g = torch.arange(1.0, P + 1, dtype=torch.float64) / P
    theta = nn.Parameter(torch.zeros(P, dtype=torch.float64))
    found = estimates(theta, lambda: (g * theta).sum() + (theta**2).sum(), count, distribution=distribution)
    variance = g.square().sum() + (fourth - 2) * g.square()
    error = (found.mean(0) - g) / (variance / count).sqrt()
    assert error.abs().max() < 4  # standard errors
    torch.testing.assert_close(found.var(0), variance, rtol=0.15, atol=0)


def test_on_a_network_both_probes_are_unbiased_as_mu_vanishes() -> None:
    case = problem(1)
    weight = case.network.trunk.first.weight
    (g,) = torch.autograd.grad(case.closure([0])[0], weight)
    for probe in ("central", "one-sided"):
        found = estimates(weight, lambda: case.closure([0])[0], 3000, mu=1e-5, probe=probe)
        deviation = (found.mean(0) - g) / (found.std(0) / 3000**0.5)
        assert deviation.abs().max() < 4.5
        assert 0.8 < deviation.square().mean() < 1.25  # and no better than chance: the spread is the one claimed


def test_central_differences_are_exact_in_second_order_and_one_sided_ones_are_not() -> None:
    theta = nn.Parameter(torch.tensor([1.0, -2.0], dtype=torch.float64))
    z = draw([theta], 0)
    exact = (2 * theta.detach() * z[0]).sum()
    for probe, bias in (("central", 0.0), ("one-sided", 0.1 * float(z[0].square().sum()))):
        sharpness = preset("samo", mu=0.1, probe=probe)
        passes = Passes(lambda tasks: [(theta**2).sum()], [], theta.device)
        with passes.without_trace():
            clean = (theta**2).sum().detach().reshape(1) if probe == "one-sided" else None
            found = slopes(passes, Point([theta]), z, [0], [0], sharpness, clean)
        torch.testing.assert_close(found[0], exact + bias)


def test_a_seed_is_a_direction() -> None:
    like = [torch.zeros(3, 4), torch.zeros(5)]
    for distribution in ("normal", "rademacher"):
        one, same, other = draw(like, 1, distribution), draw(like, 1, distribution), draw(like, 2, distribution)
        assert all(torch.equal(a, b) for a, b in zip(one, same, strict=True))
        assert not torch.equal(one[0], other[0])
    assert set(torch.cat([part.flatten() for part in draw(like, 1, "rademacher")]).tolist()) == {-1.0, 1.0}


@pytest.mark.parametrize(("statistics", "running"), [("running", True), ("batch", False)])
def test_a_probe_runs_in_the_mode_asked_for(statistics: str, running: bool) -> None:
    case = problem(2, batchnorm=True)
    passes = Passes(case.closure, list(case.network.modules()), torch.device("cpu"))
    point = Point(list(case.network.trunk.parameters()))
    z = [torch.zeros_like(p) for p in point.params]
    clean = torch.zeros(2, dtype=torch.float64)
    sharpness = preset("samo", probe="one-sided", mu=1.0, probe_statistics=statistics)
    with passes.without_trace():
        found = slopes(passes, point, z, range(len(z)), [0, 1], sharpness, clean)
    case.network.train(not running)
    torch.testing.assert_close(found, torch.stack(case.closure([0, 1])).detach())
