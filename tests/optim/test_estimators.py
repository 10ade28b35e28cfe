"""Estimates of a task's gradient against what theory says of them, and perturbations against their formula."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from samo import MultiTaskUpdate, preset
from samo.optim.closures import TaskLosses
from samo.optim.estimators import AtTheta, draw, probe
from samo.optim.perturbation import Weights
from samo.optim.random_state import draw_seeds
from tests.optim.transcriptions import Model, to_radius
from tests.problems import Problem, grads, problem, update_of


def estimates(theta: Tensor, loss: Callable[[], Tensor], count: int, **fields: Any) -> Tensor:
    """Many independent estimates of d loss / d theta, [count, P]."""
    losses = TaskLosses(lambda tasks: [loss()], [0], [], theta.device)
    at = AtTheta(losses, Weights([theta]), [0], torch.Generator(), loss().detach().reshape(1))
    sharpness, found = preset("samo", **fields), []
    with losses.without_trace():
        for seed in range(count):
            z = draw([theta], seed, sharpness.distribution)
            found.append(probe(sharpness, [0], z, at) * z[0])
    return torch.stack(found)


@pytest.mark.parametrize(("distribution", "fourth"), [("normal", 3.0), ("rademacher", 1.0)])
def test_on_a_quadratic_the_central_probe_is_unbiased_with_the_variance_of_theory(
    distribution: str, fourth: float
) -> None:
    """ghat = (g . z) z: E ghat = g, Var ghat_d = ||g||^2 + (E z^4 - 2) g_d^2 for independent coordinates z_d."""
    P, count = 6, 3000
    g = torch.arange(1.0, P + 1, dtype=torch.float64) / P
    theta = nn.Parameter(torch.zeros(P, dtype=torch.float64))
    found = estimates(theta, lambda: (g * theta).sum() + (theta**2).sum(), count, distribution=distribution)
    variance = g.square().sum() + (fourth - 2) * g.square()
    error = (found.mean(0) - g) / (variance / count).sqrt()
    assert error.abs().max() < 4  # standard errors
    torch.testing.assert_close(found.var(0), variance, rtol=0.2, atol=0)


def test_on_a_network_both_probes_are_unbiased_as_mu_vanishes() -> None:
    case = problem(1)
    weight = case.network.trunk.first.weight
    (g,) = torch.autograd.grad(case.closure([0])[0], weight)
    for kind in ("central", "one-sided"):
        found = estimates(weight, lambda: case.closure([0])[0], 1500, mu=1e-5, probe=kind)
        deviation = (found.mean(0) - g) / (found.std(0) / 1500**0.5)
        assert deviation.abs().max() < 4.5
        assert 0.7 < deviation.square().mean() < 1.4  # and no better than chance: the spread is the one claimed


def test_central_differences_are_exact_in_second_order_and_one_sided_ones_are_not() -> None:
    theta = nn.Parameter(torch.tensor([1.0, -2.0], dtype=torch.float64))
    z = draw([theta], 0)[0]
    exact = (2 * theta.detach() * z).sum()
    for kind, bias in (("central", 0.0), ("one-sided", 0.1 * float(z.square().sum()))):
        found = estimates(theta, lambda: (theta**2).sum(), 1, mu=0.1, probe=kind)
        torch.testing.assert_close(found[0], (exact + bias) * z)


def test_a_seed_is_a_direction() -> None:
    like = [torch.zeros(3, 4), torch.zeros(5, dtype=torch.bfloat16)]
    for distribution in ("normal", "rademacher"):
        one, same, other = draw(like, 1, distribution), draw(like, 1, distribution), draw(like, 2, distribution)
        assert all(torch.equal(a, b) and a.dtype == torch.float32 for a, b in zip(one, same, strict=True))
        assert not torch.equal(one[0], other[0])
    assert set(torch.cat([part.flatten() for part in draw(like, 1, "rademacher")]).tolist()) == {-1.0, 1.0}


def perturbations(case: Problem, **fields: Any) -> tuple[list[Tensor], list[Tensor], MultiTaskUpdate]:
    """eps_i of one step with independent noise, found in the weights, and what each seed draws."""
    trunk = list(case.network.trunk.parameters())
    home = torch.cat([p.detach().flatten() for p in trunk])
    found: dict[int, Tensor] = {}

    def closure(tasks: Sequence[int]) -> list[Tensor]:
        if torch.is_grad_enabled():
            here = torch.cat([p.detach().flatten() for p in trunk])
            found.update(dict.fromkeys(tasks, here - home))
        return case.closure(tasks)

    update = update_of(case, "ls", "samo", generator=torch.Generator().manual_seed(0), **fields)
    update.backward(closure)
    generator = torch.Generator().manual_seed(0)
    draw_seeds(1, generator)  # the scalariser's
    distribution = fields.get("distribution", "normal")
    drawn = []
    for _ in found:
        seeds = draw_seeds(fields.get("directions", 1), generator)
        drawn.append(torch.stack([torch.cat([z.flatten() for z in draw(trunk, n, distribution)]) for n in seeds]))
    return [found[i] for i in sorted(found)], drawn, update


def scaled(model: Model, g0: Tensor, g_hat: Tensor, how: str) -> Tensor:
    if how == "none":
        return g_hat
    if how == "global":
        return to_radius(float(g0.norm()), g_hat)
    parts = zip(torch.split(g_hat, model.layers), torch.split(g0, model.layers), strict=True)
    return torch.cat([to_radius(float(own.norm()), part) for part, own in parts])


@pytest.mark.parametrize("normalise", ["none", "layer", "global"])
@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"alpha": 0.0, "distribution": "rademacher"},
        {"directions": 3},
        {"probe": "one-sided"},
        {"probe": "one-sided", "probe_statistics": "batch"},
        {"probe_statistics": "batch", "mu": 0.1, "adaptive": True},
    ],
)
def test_every_field_does_what_its_formula_says(fields: dict[str, Any], normalise: str) -> None:
    case = problem(3, batchnorm=True)
    model = Model(case)
    found, drawn, update = perturbations(case, normalise=normalise, **fields)
    s = update.sharpness
    mu, running = s.mu, s.probe_statistics == "running"
    g0 = model.clean()[0].mean(0)
    assert update.last is not None
    assert update.last.lengths is not None
    assert update.last.slopes is not None
    for i, eps in enumerate(found):
        g_hat = torch.zeros_like(g0)
        for q, z in enumerate(drawn[i]):
            ahead = model.loss(i, model.theta + mu * z, model.phi[i], evaluation=running)
            behind, width = model.loss(i, model.theta, model.phi[i], evaluation=running), mu
            if s.probe == "central":
                behind, width = model.loss(i, model.theta - mu * z, model.phi[i], evaluation=running), 2 * mu
            slope = (ahead - behind) / width
            torch.testing.assert_close(update.last.slopes[i, q], slope, rtol=1e-6, atol=1e-9)
            g_hat += slope * z / len(drawn[i])
        v = s.alpha * g0 + (1 - s.alpha) * scaled(model, g0, g_hat, normalise)
        ellipsoid = 0.05 * model.theta**2 * v / (model.theta.abs() * v).norm()
        wanted = ellipsoid if s.adaptive else to_radius(0.05, v)
        torch.testing.assert_close(eps, wanted, rtol=1e-8, atol=1e-12)
        torch.testing.assert_close(update.last.lengths[i], wanted.norm())


def test_one_norm_a_layer_where_it_is_asked_for() -> None:
    case = problem(2)
    found, _, _ = perturbations(case, ball="layer", layers=("first", "last"))
    for eps in found:
        norms = [part.norm() for part in torch.split(eps, Model(case).layers)]
        torch.testing.assert_close(torch.stack(norms), torch.full((len(norms),), 0.05, dtype=torch.float64))


def test_sampled_layers_that_are_frozen_leave_the_global_perturbation() -> None:
    found = []
    for fields in ({"layers": "first.*"}, {"alpha": 1.0}):
        case = problem(2)
        case.network.trunk.first.requires_grad_(False)
        update_of(case, "mgda", "samo", **fields).backward(case.closure)
        found.append(torch.cat([g.flatten() for g in grads(case.network) if g is not None]))
    torch.testing.assert_close(*found)
