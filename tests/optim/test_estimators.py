"""Estimates of a task's gradient against what theory says of them, and perturbations against their formula."""

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor
from torchjd.aggregation import FairGrad

from samo import MultiTaskUpdate, preset
from samo.optim.closures import TaskLosses
from samo.optim.estimators import AtTheta, direction, draw
from samo.optim.perturbation import Weights
from samo.optim.random_state import draw_seeds
from tests.optim.transcriptions import Model, like_layers_of, to_radius
from tests.problems import Problem, grads, problem, same, train, update_of


def test_a_seed_is_a_direction() -> None:
    like = [torch.zeros(3, 4), torch.zeros(5, dtype=torch.bfloat16)]
    for distribution in ("normal", "rademacher", "low-rank"):
        one, same, other = draw(like, 1, distribution), draw(like, 1, distribution), draw(like, 2, distribution)
        assert all(torch.equal(a, b) and a.dtype == torch.float32 for a, b in zip(one, same, strict=True))
        assert not torch.equal(one[0], other[0])
    assert set(torch.cat([part.flatten() for part in draw(like, 1, "rademacher")]).tolist()) == {-1.0, 1.0}


def perturbations(
    case: Problem, name: str = "samo", steps: int = 1, **fields: Any
) -> tuple[list[Tensor], list[Tensor], Any]:
    """eps_i of the last step, with independent noise, found in the weights; what each seed draws; the update."""
    trunk = list(case.network.trunk.parameters())
    home = torch.cat([p.detach().flatten() for p in trunk])
    found: dict[int, Tensor] = {}

    def closure(tasks: Sequence[int]) -> list[Tensor]:
        if torch.is_grad_enabled():
            here = torch.cat([p.detach().flatten() for p in trunk])
            found.update(dict.fromkeys(tasks, here - home))
        return case.closure(tasks)

    update = update_of(case, "ls", name, **fields)
    s = update.sharpness
    for _ in range(steps):
        update.backward(closure)
    generator = torch.Generator().manual_seed(0)
    draw_seeds(1, generator)  # the scalariser's
    drawn = []
    for _ in found:
        seeds = draw_seeds(s.directions, generator)
        drawn.append(torch.stack([torch.cat([z.flatten() for z in draw(trunk, n, s.distribution)]) for n in seeds]))
    return [found[i] for i in sorted(found)], drawn, update


@pytest.mark.parametrize(
    "fields",
    [
        {"normalise": "none", "directions": 3},
        {"normalise": "global", "alpha": 0.0, "distribution": "rademacher"},
        {"normalise": "global", "probe": "one-sided"},
        {"normalise": "layer", "probe": "one-sided", "probe_statistics": "batch"},
        {"normalise": "layer", "probe_statistics": "batch", "mu": 0.1, "adaptive": True},
    ],
)
def test_every_field_does_what_its_formula_says(fields: dict[str, Any]) -> None:
    case = problem(3, batchnorm=True)
    model = Model(case)
    found, drawn, update = perturbations(case, **fields)
    resized = {
        "none": lambda g0, g_hat: g_hat,
        "global": lambda g0, g_hat: to_radius(float(g0.norm()), g_hat),
        "layer": lambda g0, g_hat: like_layers_of(model, g0, g_hat),
    }[fields["normalise"]]
    s = update.sharpness
    mu, running = s.mu, s.probe_statistics == "running"
    back = mu if s.probe == "central" else 0.0
    g0 = model.clean()[0].mean(0)
    for i, eps in enumerate(found):
        g_hat = torch.zeros_like(g0)
        for q, z in enumerate(drawn[i]):
            ahead = model.loss(i, model.theta + mu * z, model.phi[i], evaluation=running)
            behind = model.loss(i, model.theta - back * z, model.phi[i], evaluation=running)
            slope = (ahead - behind) / (mu + back)
            torch.testing.assert_close(update.last.slopes[i, q], slope, rtol=1e-6, atol=1e-9)
            g_hat += slope * z / s.directions
        v = s.global_weight * g0 + (1 - s.global_weight) * resized(g0, g_hat)
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


@pytest.mark.parametrize(("distribution", "rank"), [("normal", 1), ("rademacher", 1), ("low-rank", 1), ("low-rank", 2)])
def test_directions_have_unit_covariance_so_that_a_probe_is_unbiased(distribution: Any, rank: int) -> None:
    like = [torch.zeros(3, 2, 2, dtype=torch.float64), torch.zeros(2, dtype=torch.float64)]
    drawn = [draw(like, seed, distribution, rank) for seed in range(3000)]
    if distribution == "low-rank":
        assert all(torch.linalg.matrix_rank(kernel.flatten(1)) == rank for kernel, _ in drawn[:20])
    z = torch.stack([torch.cat([kernel.flatten(), vector]) for kernel, vector in drawn])
    torch.testing.assert_close(z.T @ z / len(z), torch.eye(14, dtype=z.dtype), rtol=0, atol=0.25)


def test_half_of_a_guided_direction_lies_in_the_span_of_what_is_known() -> None:
    """E z z^T = (I + P / k U U^T) / 2; gradients that are alike span one dimension."""
    generator = torch.Generator().manual_seed(0)
    theta = [torch.zeros(2, 2, dtype=torch.float64), torch.zeros(3, dtype=torch.float64)]
    one = torch.randn(7, dtype=torch.float64, generator=generator)
    two = torch.randn(7, dtype=torch.float64, generator=generator)
    losses = TaskLosses(lambda tasks: [], [0, 1], [], theta[0].device)
    for flats, k in (([one, two], 2), ([one, -3 * one], 1), ([], 0)):
        rows = [[g[:4].view(2, 2), g[4:]] for g in flats]
        at = AtTheta(losses, Weights(theta), [0, 1], generator, one, [None, *rows])
        s = preset("samo", estimator="guided")
        z = torch.stack([torch.cat([part.flatten() for part in direction(s, n, at)]) for n in range(4000)])
        U = torch.linalg.qr(torch.stack(flats[:k]).T).Q if k else torch.zeros(7, 0, dtype=z.dtype)
        wanted = torch.eye(7, dtype=z.dtype)
        torch.testing.assert_close(z.T @ z / len(z), (wanted + 7 / k * U @ U.T) / 2 if k else wanted, rtol=0, atol=0.3)


def of_steps(aggregator: Any, steps: int, **fields: Any) -> tuple[list[dict[str, Tensor]], MultiTaskUpdate, Problem]:
    """The memory of each step's task gradients."""
    case = problem(3, batchnorm=True, branches=True)
    update = update_of(case, aggregator, "samo-remembered", **fields)
    kept = []
    for _ in range(steps):
        train(case, update, 1)
        history = update.state_dict()["history"]
        kept.append({kind: torch.cat([v.flatten() for v in own.values()]) for kind, own in history.items()})
    return kept, update, case


def test_what_is_remembered_of_a_task_stays_where_it_is_left_out() -> None:
    kept, update, case = of_steps("ls", 3)
    assert sorted(kept[-1]) == ["gradient 0", "gradient 1", "gradient 2"]
    update.backward(case.closure, tasks=[0, 2])
    after = update.state_dict()["history"]
    absent, there = (torch.cat([v.flatten() for v in after[f"gradient {i}"].values()]) for i in (1, 2))
    assert torch.equal(absent, kept[-1]["gradient 1"])
    assert not torch.equal(there, kept[-1]["gradient 2"])


def test_the_memory_is_a_running_mean_from_the_first_on() -> None:
    """alpha = 1 perturbs by g_0 alone, so that the gradients do not depend on what is remembered of them."""
    last, _, _ = of_steps("mgda", 3, alpha=0.999999999)
    mean, _, _ = of_steps("mgda", 3, alpha=0.999999999, memory_decay=0.75)
    wanted = last[0]["gradient 1"]
    for step in (1, 2):
        wanted = 0.75 * wanted + 0.25 * last[step]["gradient 1"]
    torch.testing.assert_close(mean[2]["gradient 1"], wanted, rtol=1e-6, atol=1e-9)


def test_an_adaptive_alpha_is_the_agreement_with_g_0() -> None:
    case = problem(3)
    J, _ = Model(case).clean()
    update = update_of(case, "mgda", "samo", estimator="exact", alpha="adaptive")
    update.backward(case.closure)
    assert update.last is not None
    wanted = (1 + torch.nn.functional.cosine_similarity(J, J.mean(0)[None])) / 2
    same([update.last.alphas], [wanted], 1e-10)
    update = update_of(case, "mgda", "samo", alpha="adaptive")
    for first in (True, False):
        update.backward(case.closure)
        assert update.last is not None
        assert update.last.alphas is not None
        assert (update.last.alphas == 0.5).all() == first
        assert ((update.last.alphas >= 0) & (update.last.alphas <= 1)).all()


def test_the_past_is_looked_at_from_either_side() -> None:
    for name in ("lookback", "msam"):
        moved = []
        for sign in (-1, 1):
            found, _, _ = perturbations(problem(2), name, steps=2, sign=sign)
            moved.append(found[0])
            torch.testing.assert_close(moved[-1].norm(), torch.tensor(0.05, dtype=torch.float64))
        same([moved[0]], [-moved[1]], 1e-9)


def test_every_direction_has_the_length_of_its_mean_gradient_where_it_is_rescaled() -> None:
    case = problem(3)
    model = Model(case)
    J, h = model.clean()
    S, _ = model.perturbed([to_radius(0.05, g) for g in J], [to_radius(0.05, h_i) for h_i in h])
    M = FairGrad(alpha=2.0)
    wanted = sum(to_radius(float(rows.mean(0).norm()), M(rows)) for rows in (J, S - J))
    update_of(case, FairGrad(alpha=2.0), "fmtl", rescale=True).backward(case.closure)
    found = torch.cat([p.grad.flatten() for p in case.network.trunk.parameters() if p.grad is not None])
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-8)
