"""What must come out equal, bit for bit where nothing but the path differs."""

import copy
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from samo import PRESETS, MultiTaskUpdate, Sharpness, aggregation, preset
from tests.problems import Problem, grads, problem, same

TRAITS: dict[str, Any] = {"batchnorm": True, "dropout": 0.3, "branches": True}
RANDOM = ("rlw", "pcgrad", "gradvac", "graddrop")
SOLVERS = ("cagrad", "nash-mtl", "fairgrad", "upgrad", "dualproj")


def step(case: Problem, sharpness: Sharpness, aggregator: str = "ls", order: Sequence[int] | None = None) -> Any:
    """The losses by head, the gradients that a step leaves, and how often the closure was called.

    The random state is the same for each; the heads are given in this order.
    """
    network = copy.deepcopy(case.network)
    own, order = Problem(network, case.x, case.y), range(case.tasks) if order is None else order
    calls: list[int] = []

    def closure(tasks: Sequence[int]) -> list[Tensor]:
        calls.append(len(tasks))
        return own.closure([order[i] for i in tasks])

    torch.manual_seed(1)  # the update's own generator follows it
    heads = [network.heads[i] for i in order]
    update = MultiTaskUpdate(network.trunk, heads, aggregator=aggregator, sharpness=sharpness, network=network)
    losses = update.backward(closure)
    return [losses[torch.tensor(order).argsort()], *grads(network)], len(calls)


@pytest.mark.parametrize("name", PRESETS)
def test_no_radius_is_no_sharpness(name: str) -> None:
    case = problem(3, **TRAITS)
    for aggregator in ("rlw", "pcgrad"):
        same(step(case, preset(name, rho=0.0), aggregator)[0], step(case, preset("none"), aggregator)[0])


def test_all_weight_on_the_mean_gradient_is_gsam() -> None:
    case = problem(3, **TRAITS)
    for aggregator in ("ls", "mgda", "pcgrad"):
        wanted, _ = step(case, preset("gsam"), aggregator)
        for name in (n for n, s in PRESETS.items() if s.scope == "joint"):
            same(step(case, preset(name, alpha=1.0), aggregator)[0], wanted)


@pytest.mark.parametrize(
    ("name", "aggregator"),
    [("fmtl", n) for n in aggregation.NAMES if n not in RANDOM]
    + [(n, "mgda") for n, s in PRESETS.items() if n != "fmtl" and (s.estimator == "exact" or not s.needs_local)]
    + [("samo-shared", "ls")],
)
def test_permuting_tasks_permutes_nothing_else(name: str, aggregator: str) -> None:
    case = problem(3, batchnorm=True, dropout=0.3)
    tolerance = 1e-5 if aggregator in SOLVERS else 1e-9
    same(step(case, preset(name), aggregator)[0], step(case, preset(name), aggregator, [2, 0, 1])[0], tolerance)
