"""Perturbations against their formula, for the fields that no preset sets."""

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from samo import MultiTaskUpdate, preset
from samo.optim import streams
from samo.optim.spsa import draw
from tests.optim.transcriptions import Model, ball
from tests.problems import Problem, grads, problem, update_of


def perturbations(case: Problem, **fields: Any) -> tuple[list[Tensor], list[Tensor]]:
    """eps_i of one step of an update with independent noise, found in the weights, and what each seed draws."""
    trunk = list(case.network.trunk.parameters())
    home = torch.cat([p.detach().flatten() for p in trunk])
    found: dict[int, Tensor] = {}

    def closure(tasks: Sequence[int]) -> list[Tensor]:
        if torch.is_grad_enabled():
            here = torch.cat([p.detach().flatten() for p in trunk])
            found.update(dict.fromkeys(tasks, here - home))
        return case.closure(tasks)

    update = MultiTaskUpdate(trunk, case.network.heads, network=case.network, sharpness=preset("samo", **fields))
    update.backward(closure)
    generator = torch.Generator().manual_seed(0)
    streams.seeds(1, generator)  # the scalariser's
    count = fields.get("directions", 1)
    numbers = [streams.seeds(count, generator) for _ in found]
    distribution = fields.get("distribution", "normal")
    drawn = [
        torch.stack([torch.cat([part.flatten() for part in draw(trunk, n, distribution)]) for n in own])
        for own in numbers
    ]
    return [found[i] for i in sorted(found)], drawn


def scaled(model: Model, g0: Tensor, g_hat: Tensor, how: str) -> Tensor:
    if how == "none":
        return g_hat
    if how == "global":
        return ball(float(g0.norm()), g_hat)
    parts = zip(torch.split(g_hat, model.layers), torch.split(g0, model.layers), strict=True)
    return torch.cat([ball(float(own.norm()), part) for part, own in parts])


@pytest.mark.parametrize("normalise", ["none", "layer", "global"])
@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"alpha": 0.0},
        {"directions": 3},
        {"distribution": "rademacher"},
        {"probe": "one-sided"},
        {"probe": "one-sided", "probe_statistics": "batch"},
        {"probe_statistics": "batch", "mu": 0.1},
        {"adaptive": True},
    ],
)
def test_every_field_does_what_its_formula_says(fields: dict[str, Any], normalise: str) -> None:
    case = problem(3, batchnorm=True)
    model = Model(case)
    found, drawn = perturbations(case, normalise=normalise, **fields)
    sharpness = preset("samo", **fields)
    mu, running = sharpness.mu, sharpness.probe_statistics == "running"
    g0 = model.clean()[0].mean(0)
    for i, eps in enumerate(found):
        g_hat = torch.zeros_like(g0)
        for z in drawn[i]:
            ahead = model.loss(i, model.theta + mu * z, model.phi[i], evaluation=running)
            if sharpness.probe == "central":
                slope = (ahead - model.loss(i, model.theta - mu * z, model.phi[i], evaluation=running)) / (2 * mu)
            else:
                slope = (ahead - model.loss(i, model.theta, model.phi[i], evaluation=running)) / mu
            g_hat += slope * z / len(drawn[i])
        v = sharpness.alpha * g0 + (1 - sharpness.alpha) * scaled(model, g0, g_hat, normalise)
        ellipsoid = 0.05 * model.theta**2 * v / (model.theta.abs() * v).norm()
        wanted = ellipsoid if sharpness.adaptive else ball(0.05, v)
        torch.testing.assert_close(eps, wanted, rtol=1e-8, atol=1e-12)


def test_one_norm_a_layer_where_it_is_asked_for() -> None:
    case = problem(2)
    found, _ = perturbations(case, ball="layer", layers=("first", "last"))
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
