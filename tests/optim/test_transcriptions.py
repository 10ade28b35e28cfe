"""The update agrees with the papers' algorithms, written once more in `transcriptions`, over several steps."""

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.utils import parameters_to_vector
from torchjd.aggregation import Sum

import samo.optim.estimators
from samo import PRESETS, MultiTaskUpdate, aggregation, preset
from tests.optim.transcriptions import Model, step
from tests.problems import problem, same

NETWORKS: dict[int, dict[str, Any]] = {
    1: {},
    2: {"batchnorm": True},
    3: {"batchnorm": True, "dropout": 0.3, "branches": True},
    11: {"dropout": 0.3, "branches": True},
}


def flat_grad(part: torch.nn.Module) -> Tensor:
    return parameters_to_vector([torch.zeros_like(p) if p.grad is None else p.grad for p in part.parameters()])


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Tensor]:
    """Every random direction that the update drew, flat, in the order of drawing; the placebo's with its coin."""
    seen: list[Tensor] = []
    draw, coin = samo.optim.estimators.draw, torch.randint

    def recording(*args: Any) -> list[Tensor]:
        z = draw(*args)
        seen.append(torch.cat([part.flatten().clone() for part in z]))
        return z

    def only_heads(*args: Any, **options: Any) -> Tensor:
        return torch.ones_like(coin(*args, **options)) if args[0] == 2 else coin(*args, **options)

    monkeypatch.setattr("samo.optim.estimators.draw", recording)
    monkeypatch.setattr(torch, "randint", only_heads)
    return seen


@pytest.mark.parametrize(("tasks", "aggregator"), [(1, "mgda"), (2, "ls"), (3, "mgda"), (11, "imtl-g")])
@pytest.mark.parametrize("name", PRESETS)
def test_agrees_with_the_paper(name: str, tasks: int, aggregator: str, drawn: list[Tensor]) -> None:
    case = problem(tasks, **NETWORKS[tasks])
    sharpness = preset(name) if name == "none" else preset(name, rho=0.05)
    update = MultiTaskUpdate(case.network.trunk, case.network.heads, aggregator=aggregator, sharpness=sharpness)
    M = Sum() if aggregator == "ls" else aggregation.make(aggregator)
    optimizer = torch.optim.SGD(case.network.parameters(), lr=0.1)
    memory: dict[str, Tensor] = {}
    for _ in range(3 if tasks <= 3 else 1):  # steps tell what a running mean does; many tasks tell nothing more of it
        torch.manual_seed(5)
        model = Model(case, memory)
        update.backward(case.closure)
        z = [drawn[-1]] * tasks if sharpness.noise == "shared" else drawn[-tasks:]
        direction, heads = step(name, model, M, sharpness.rho, z)
        same([flat_grad(part) for part in (case.network.trunk, *case.network.heads)], [direction, *heads], 1e-10)
        optimizer.step()
        optimizer.zero_grad()
