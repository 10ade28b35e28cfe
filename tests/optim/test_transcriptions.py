"""The update agrees with the papers' algorithms, written once more in `transcriptions`, over several steps."""

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.utils import parameters_to_vector

import samo.optim.estimators
from samo import PRESETS, aggregation
from tests.optim.transcriptions import Model, step
from tests.problems import problem, same, update_of

NETWORKS: dict[int, dict[str, Any]] = {
    1: {},
    2: {"batchnorm": True},
    3: {"batchnorm": True, "dropout": 0.3, "branches": True},
    11: {"dropout": 0.3, "branches": True},
}
VARIANTS: list[tuple[str, str, dict[str, Any]]] = [
    ("samo", "mgda", {"normalise": "none", "directions": 3}),
    ("samo", "ls", {"normalise": "global", "alpha": 0.0, "distribution": "rademacher"}),
    ("samo", "mgda", {"normalise": "global", "probe": "one-sided"}),
    ("samo", "ls", {"probe": "one-sided", "probe_statistics": "batch"}),
    ("samo", "mgda", {"probe_statistics": "batch", "mu": 0.1, "adaptive": True}),
    ("samo", "ls", {"ball": "layer", "adaptive": True, "head_rho": 0.2}),
    ("samo", "mgda", {"alpha": "adaptive", "estimator": "exact"}),
    ("samo", "mgda", {"alpha": "adaptive"}),
    ("samo", "mgda", {"estimator": "guided"}),
    ("samo-shared", "mgda", {"directions": 2, "normalise": "none"}),
    ("samo-sampled", "ls", {"ball": "layer"}),
    ("samo-remembered", "mgda", {"memory_decay": 0.75, "alpha": "adaptive"}),
    ("samo-remembered", "si", {"alpha": 0.2}),
    ("msam", "ls", {"sign": 1, "decay": 0.5}),
    ("lookback", "mgda", {"sign": 1}),
    ("friendly", "ls", {"decay": 0.5}),
    ("fmtl", "fairgrad", {"rescale": True}),
    ("fmtl-each", "mgda", {"rescale": True}),
    ("gsam", "mgda", {"every": 2}),
    ("fmtl-second", "mgda", {"every": 3, "reuse": 0.2}),
    ("lsam", "si", {"every": 2, "head_rho": 0.0}),
]
SCALARISED = {"ls": torch.sum, "si": lambda losses: losses.log().sum()}


def flat_grad(part: torch.nn.Module) -> Tensor:
    return parameters_to_vector([torch.zeros_like(p) if p.grad is None else p.grad for p in part.parameters()])


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> dict[int, Tensor]:
    """Every random direction by its seed, flat, in the order of drawing; the placebo's with its coin."""
    seen: dict[int, Tensor] = {}
    direction, coin = samo.optim.estimators.direction, torch.randint

    def recording(s: Any, seed: int, at: Any) -> list[Tensor]:
        z = direction(s, seed, at)
        flat = torch.cat([part.flatten().clone() for part in z])
        assert torch.equal(seen.setdefault(seed, flat), flat)
        return z

    def only_heads(*args: Any, **options: Any) -> Tensor:
        return torch.ones_like(coin(*args, **options)) if args[0] == 2 else coin(*args, **options)

    monkeypatch.setattr("samo.optim.estimators.direction", recording)
    monkeypatch.setattr(torch, "randint", only_heads)
    return seen


@pytest.mark.parametrize(
    ("name", "tasks", "aggregator", "fields"),
    [(name, *case, {}) for name in PRESETS for case in ((1, "mgda"), (2, "si"), (3, "mgda"), (11, "imtl-g"))]
    + [(name, 3, aggregator, fields) for name, aggregator, fields in VARIANTS],
)
def test_agrees_with_the_paper(
    name: str, tasks: int, aggregator: str, fields: dict[str, Any], drawn: dict[int, Tensor]
) -> None:
    case, memory = problem(tasks, **NETWORKS[tasks]), dict[str, Any]()
    network, rho = case.network, 0.0 if name == "none" else 0.05
    update = update_of(case, aggregator, name, rho=rho, **fields)
    M = SCALARISED.get(aggregator) or aggregation.make(aggregator)
    optimizer, tolerance = torch.optim.SGD(network.parameters(), lr=0.1), 1e-4 if aggregator == "fairgrad" else 1e-10
    for _ in range(3 if tasks <= 3 else 1):  # steps tell what a running mean does; many tasks tell nothing more of it
        drawn.clear()
        torch.manual_seed(5)
        model = Model(case, memory)
        losses = update.backward(case.closure)
        z = torch.stack([*drawn.values()] or [torch.zeros(0)]).unflatten(0, (-1, update.sharpness.directions))
        assert len(z) == (tasks if drawn and name != "samo-shared" else 1)
        wanted, found = step(name, model, M, rho, list(z.expand(tasks, *z.shape[1:])), **fields), update.last
        gradients = [flat_grad(part) for part in (network.trunk, *network.heads)]
        same(gradients, [wanted.direction, *wanted.heads], tolerance)
        assert found is not None
        assert not losses.requires_grad
        same([losses, found.slopes], [wanted.losses, model.slopes], 1e-9)
        if found.alphas is not None or fields.get("alpha") == "adaptive":
            same([found.alphas], [model.alphas], 1e-9)
        # In balls a layer, the bias before BatchNorm, whose gradient is rounding, is as long as the others.
        if found.lengths is not None and update.sharpness.ball == "trunk":
            same([found.lengths], [wanted.lengths], 1e-9)
        if wanted.weights is not None:
            same([found.weights], [wanted.weights], 1e-9)
        if name != "fmtl-each" and aggregator != "fairgrad":  # each aggregates directions
            same([found.cosines], [wanted.cosines], 1e-9)
        optimizer.step()
        optimizer.zero_grad()
